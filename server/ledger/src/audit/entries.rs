//! The ledgers: entries, what is left of them, applications, registers.

use std::collections::BTreeMap;

use protocol::quantity::Quantity;

use crate::audit::{Findings, rows};
use crate::draft::Changes;
use crate::key::KeyRange;
use crate::schema::dimension::DimensionSets;
use crate::schema::entry::{
    Applications, ApplicationsByInbound, ApplicationsByOutbound, EntryType, ItemApplication,
    ItemLedger, ItemLedgerEntry, ItemLedgerStates, OpenInbound, OpenOutbound, Registers,
    WarehouseLedger,
};
use crate::schema::place::Locations;
use crate::schema::stock::OnHand;
use crate::schema::{EntryNo, ItemId, LocationId, RegisterNo, TrackingId, VariantId};
use crate::tables::{Read as _, Table, TableId, Tables, typed_key};

/// Sums per key.
pub(crate) type Sums<K> = BTreeMap<K, i128>;

/// Adds to a sum.
pub(crate) fn add<K: Ord>(sums: &mut Sums<K>, key: K, quantity: Quantity) {
    let sum = sums.entry(key).or_default();
    *sum = sum.saturating_add(quantity.units());
}

type PoolKey = (ItemId, VariantId, LocationId, TrackingId);

pub(crate) fn check_all(tables: &(impl Tables + ?Sized), findings: &mut Findings) {
    let mut ledger: Sums<PoolKey> = Sums::new();
    let mut left: Sums<(ItemId, VariantId, LocationId)> = Sums::new();
    let mut transfers: Sums<(ItemId, VariantId)> = Sums::new();
    let mut expected: u64 = 1;
    rows::<ItemLedger>(tables, |no, entry| {
        findings.unless(no.0 == expected, "C3", || format!("item ledger: {no} after a gap"));
        expected = no.0.saturating_add(1);
        add(
            &mut ledger,
            (entry.item, entry.variant, entry.location, entry.tracking),
            entry.quantity,
        );
        let pool = (entry.item, entry.variant, entry.location);
        add(&mut left, pool, entry.quantity);
        if let Some(state) = tables.row::<ItemLedgerStates>(&no) {
            add(&mut left, pool, state.remaining.negated());
        }
        if entry.entry_type == EntryType::Transfer {
            add(&mut transfers, (entry.item, entry.variant), entry.quantity);
        }
        check_entry(tables, no, &entry, findings);
    });
    for (pool, rest) in left {
        findings.unless(rest == 0, "W4", || format!("{pool:?}: entries and what is left differ"));
    }
    for (item, sum) in transfers {
        findings.unless(sum == 0, "I9", || format!("{item:?}: transfers make {sum} of nothing"));
    }
    check_on_hand(tables, &ledger, findings);
    check_warehouse(tables, ledger, findings);
    check_in_transit(tables, findings);
    rows::<Registers>(tables, |no, _row| check_register(tables, no, findings));
    let mut open: BTreeMap<EntryNo, Quantity> = open_entries(tables).into_iter().collect();
    rows::<ItemLedgerStates>(tables, |no, state| {
        let listed = open.remove(&no).unwrap_or(Quantity::ZERO);
        findings.unless(state.remaining == listed, "C1", || {
            format!("open list: entry {no} with {listed}, {} left", state.remaining)
        });
    });
    for (no, listed) in open {
        findings.unless(false, "C1", || format!("open list: {listed} of {no}, which is not there"));
    }
}

fn open_entries(tables: &(impl Tables + ?Sized)) -> Vec<(EntryNo, Quantity)> {
    let mut open = Vec::new();
    rows::<OpenInbound>(tables, |key, remaining| open.push((key.3, *remaining)));
    rows::<OpenOutbound>(tables, |key, remaining| open.push((key.3, *remaining)));
    open
}

fn check_on_hand(tables: &(impl Tables + ?Sized), ledger: &Sums<PoolKey>, findings: &mut Findings) {
    for (pool, sum) in ledger {
        let on_hand = tables.row::<OnHand>(pool).map_or(0, |row| row.units());
        findings.unless(on_hand == *sum, "W1", || {
            format!("{pool:?}: on hand {on_hand}, entries {sum}")
        });
    }
    rows::<OnHand>(tables, |pool, _row| {
        findings.unless(ledger.contains_key(&pool), "W1", || format!("{pool:?}: no entries"));
    });
}

fn check_warehouse(
    tables: &(impl Tables + ?Sized),
    mut ledger: Sums<PoolKey>,
    findings: &mut Findings,
) {
    rows::<WarehouseLedger>(tables, |_no, entry| {
        let key = entry.key;
        let pool = (key.item, key.variant, key.location, key.tracking);
        add(&mut ledger, pool, entry.quantity.negated());
    });
    for (pool, difference) in ledger {
        findings.unless(difference == 0, "W1", || {
            format!("{pool:?}: item ledger minus warehouse is {difference}")
        });
    }
}

/// Between two locations there lies, per transfer order, what was shipped and not received: the
/// entries of the order at the transit location are what is open of them.
fn check_in_transit(tables: &(impl Tables + ?Sized), findings: &mut Findings) {
    let mut in_transit = Sums::new();
    rows::<ItemLedger>(tables, |_no, entry| {
        let transit =
            tables.row::<Locations>(&entry.location).is_some_and(|location| location.in_transit);
        // Line 0: not on the order at all; a case is open.
        if let (true, Some((_kind, order, 1..))) = (transit, &entry.document) {
            add(&mut in_transit, (order.clone(), entry.item, entry.variant), entry.quantity);
        }
    });
    let mut lines = Sums::new();
    rows::<crate::schema::document::DocumentLines>(tables, |key, line| {
        if key.0 == protocol::operation::DocumentKind::TransferOrder {
            let place = (key.1, line.item, line.variant);
            add(&mut lines, place.clone(), line.handled);
            add(&mut lines, place, line.received.negated());
        }
    });
    for (place, sum) in in_transit {
        let open = lines.get(&place).copied().unwrap_or_default();
        findings.unless(sum == open, "W9", || {
            format!("{place:?}: {sum} in transit, {open} shipped and not received")
        });
    }
}

/// One entry, and what its applications leave of it.
fn check_entry(
    tables: &(impl Tables + ?Sized),
    no: EntryNo,
    entry: &ItemLedgerEntry,
    findings: &mut Findings,
) {
    let Some(state) = tables.row::<ItemLedgerStates>(&no) else {
        findings.unless(false, "C1", || format!("entry {no} has no state"));
        return;
    };
    let set = entry.dimension_set;
    findings.unless(set == 0 || tables.has::<DimensionSets>(&set), "C2.4", || {
        format!("entry {no}: there is no dimension set {set}")
    });
    let applied = applied(tables, no, entry.quantity.is_positive());
    let expected = entry.quantity.units().saturating_sub(applied);
    findings.unless(state.remaining.units() == expected, "C1", || {
        format!("entry {no}: {} left, applications say {expected}", state.remaining)
    });
    let sign =
        state.remaining.is_zero() || state.remaining.is_negative() == entry.quantity.is_negative();
    findings.unless(sign, "C2", || {
        format!("entry {no} of {}: {} left", entry.quantity, state.remaining)
    });
}

/// What other entries took from an increase (above zero), or what a decrease took (below zero).
fn applied(tables: &(impl Tables + ?Sized), no: EntryNo, increase: bool) -> i128 {
    let mut applied: i128 = 0;
    let mut take = |row: &ItemApplication| {
        if row.entry == row.outbound && !row.cost_application {
            let units = row.quantity.units();
            applied = if increase {
                applied.saturating_sub(units)
            } else {
                applied.saturating_add(units)
            };
        }
    };
    let range = KeyRange::prefix(&(no,));
    let numbers: Vec<_> = if increase {
        tables.list::<ApplicationsByInbound>(&range).into_iter().map(|row| row.0.2).collect()
    } else {
        tables.list::<ApplicationsByOutbound>(&range).into_iter().map(|row| row.0.2).collect()
    };
    for application in numbers {
        if let Some(row) = tables.row::<Applications>(&application) {
            take(&row);
        }
    }
    applied
}

/// What is only registered sums to nothing.
fn check_register(tables: &(impl Tables + ?Sized), no: RegisterNo, findings: &mut Findings) {
    let Some(register) = tables.row::<Registers>(&no) else { return };
    let after = EntryNo(register.last.0.saturating_add(1));
    let range = KeyRange::between(&register.first, &after);
    let mut sums: Sums<PoolKey> = Sums::new();
    for (_entry_no, entry) in tables.list::<WarehouseLedger>(&range) {
        if entry.register == no && entry.item_ledger_entry.0 == 0 {
            let key = entry.key;
            let pool = (key.item, key.variant, key.location, key.tracking);
            add(&mut sums, pool, entry.quantity);
        }
    }
    for (pool, sum) in sums {
        findings.unless(sum == 0, "W3", || format!("register {no}: {pool:?} sums to {sum}"));
    }
}

pub(crate) fn check_row(
    tables: &(impl Tables + ?Sized),
    table: TableId,
    key: &[u8],
    findings: &mut Findings,
) {
    if table == ItemLedgerStates::ID {
        let no = typed_key::<ItemLedgerStates>(key);
        if let Some(entry) = tables.row::<ItemLedger>(&no) {
            check_entry(tables, no, &entry, findings);
        }
    } else if table == Registers::ID {
        check_register(tables, typed_key::<Registers>(key), findings);
    }
}

/// Entries of a ledger are numbered without gaps: what was appended is the last of them, as many as were
/// touched.
pub(super) fn check_appended<T: Table<Key = EntryNo>>(
    tables: &(impl Tables + ?Sized),
    changes: &Changes,
    findings: &mut Findings,
) {
    let touched = changes.iter().filter(|((table, _key), _record)| *table == T::ID);
    let (mut count, mut first): (u64, Option<EntryNo>) = (0, None);
    for ((_table, key), record) in touched {
        let no = typed_key::<T>(key);
        findings.unless(record.is_some(), "C3", || format!("{}: {no} is gone", T::NAME));
        count = count.saturating_add(1);
        first = Some(first.map_or(no, |first| first.min(no)));
    }
    let Some(first) = first else { return };
    let last = tables.last::<T>(&KeyRange::all()).map_or(0, |(no, _row)| no.0);
    let new = last.saturating_sub(count).saturating_add(1);
    findings.unless(first.0 == new, "C3", || {
        format!("{}: {first} was written again, {new} is the first new one", T::NAME)
    });
}
