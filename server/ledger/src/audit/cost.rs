//! What follows from costs once an item is adjusted (COSTING 3: invariants 5, 6 and 8).

use std::collections::{BTreeMap, BTreeSet};

use protocol::quantity::Quantity;

use crate::audit::{Findings, average, rows, share};
use crate::costing::average::pool_of;
use crate::costing::{item_cost, method_of, rebuild, setup};
use crate::key::KeyRange;
use crate::money::Money;
use crate::schema::entry::{
    Applications, ApplicationsByOutbound, ItemLedger, ItemLedgerByItem, ItemLedgerEntry,
    ItemLedgerState, ItemLedgerStates,
};
use crate::schema::item::CostingMethod;
use crate::schema::money::{
    AdjustmentQueue, AverageDecreases, AveragePeriods, AveragePool, UnadjustedItems,
};
use crate::schema::{EntryNo, ItemId};
use crate::tables::{Read as _, Table as _, TableId, Tables, typed_key};

/// Whether nothing of the item waits to be adjusted.
fn is_adjusted(tables: &(impl Tables + ?Sized), item: ItemId) -> bool {
    let key = (item_cost(tables, item).level, item);
    !tables.has::<UnadjustedItems>(&key)
        && !tables.has::<AdjustmentQueue>(&key)
        && !rebuild::is_waiting(tables)
}

/// A decrease that is used up and not valued by average costs what its sources gave it, and that is its
/// shares of them, worked out anew; nobody takes its cost from what it supplies.
pub(crate) fn check_entry(tables: &(impl Tables + ?Sized), no: EntryNo, findings: &mut Findings) {
    let (Some(entry), Some(state)) =
        (tables.row::<ItemLedger>(&no), tables.row::<ItemLedgerStates>(&no))
    else {
        return;
    };
    if !entry.quantity.is_negative() {
        return;
    }
    let sources = tables.list::<ApplicationsByOutbound>(&KeyRange::prefix(&(no,)));
    for ((_outbound, inbound, application), _row) in &sources {
        let carries_cost = tables
            .row::<Applications>(application)
            .is_some_and(|row| row.entry == no && !row.cost_application && !row.without_cost);
        let in_a_circle = carries_cost
            && tables
                .row::<ItemLedger>(inbound)
                .is_some_and(|increase| increase.applies_from == no);
        findings.unless(!in_a_circle, "C8", || {
            format!("entry {no} is supplied by {inbound}, which takes its cost from it")
        });
    }
    let by_average =
        method_of(tables, entry.item) == CostingMethod::Average && entry.applies_to.0 == 0;
    if by_average || !state.remaining.is_zero() || !is_adjusted(tables, entry.item) {
        return;
    }
    let given = state.cost.applied.negated();
    let cost = total(&state);
    findings.unless(cost == Some(given), "C6", || {
        format!("entry {no} costs {cost:?}, its sources gave {given}")
    });
    // Shares of figures that are too wide for 128 bits are not worked out twice.
    let Some((due, valued)) = share::of_decrease(tables, no).zip(share::cost_of(tables, no)) else {
        return;
    };
    findings.unless(due.checked_add(valued) == Some(0), "C6", || {
        format!("entry {no} costs {valued}, its shares are {due} (in hundred-thousandths)")
    });
}

fn total(state: &ItemLedgerState) -> Option<Money> {
    state.cost.actual.checked_add(state.cost.expected)
}

/// What a pool holds in all.
#[derive(Default)]
struct Held {
    quantity: Quantity,
    value: Money,
    is_open: bool,
}

pub(crate) fn check_all(tables: &(impl Tables + ?Sized), findings: &mut Findings) {
    let mut items: BTreeMap<ItemId, Vec<EntryNo>> = BTreeMap::new();
    rows::<ItemLedger>(tables, |no, entry| {
        check_entry(tables, no, findings);
        items.entry(entry.item).or_default().push(no);
    });
    for (item, entries) in items {
        check_item(tables, (item, &entries), findings);
    }
}

/// The item that a row of costs is about.
fn item_of(tables: &(impl Tables + ?Sized), table: TableId, key: &[u8]) -> Option<ItemId> {
    if table == ItemLedgerStates::ID {
        let no = typed_key::<ItemLedgerStates>(key);
        return tables.row::<ItemLedger>(&no).map(|entry| entry.item);
    }
    if table == AveragePeriods::ID {
        return Some(typed_key::<AveragePeriods>(key).0.item);
    }
    if table == AverageDecreases::ID {
        return Some(typed_key::<AverageDecreases>(key).0.item);
    }
    if table == UnadjustedItems::ID {
        return Some(typed_key::<UnadjustedItems>(key).1);
    }
    None
}

/// Checks the items whose costs are among `changed` rows.
pub(crate) fn check_touched<'a>(
    tables: &(impl Tables + ?Sized),
    changed: impl Iterator<Item = (TableId, &'a [u8])>,
    findings: &mut Findings,
) {
    let items: BTreeSet<ItemId> =
        changed.filter_map(|(table, key)| item_of(tables, table, key)).collect();
    for item in items {
        let entries = tables.list::<ItemLedgerByItem>(&KeyRange::prefix(&(item,)));
        let entries: Vec<EntryNo> = entries.into_iter().map(|((_item, no), _row)| no).collect();
        check_item(tables, (item, &entries), findings);
    }
}

/// A pool that is sold out, closed and invoiced is worth nothing; averages are what they are.
fn check_item(
    tables: &(impl Tables + ?Sized),
    (item, entries): (ItemId, &[EntryNo]),
    findings: &mut Findings,
) {
    if !is_adjusted(tables, item) {
        return;
    }
    let setup = setup(tables);
    let mut pools: BTreeMap<AveragePool, Held> = BTreeMap::new();
    for no in entries {
        let (Some(entry), Some(state)) =
            (tables.row::<ItemLedger>(no), tables.row::<ItemLedgerStates>(no))
        else {
            continue;
        };
        let held = pools.entry(pool(tables, &setup, &entry)).or_default();
        let sums = held
            .quantity
            .checked_add(entry.quantity)
            .zip(total(&state).and_then(|cost| held.value.checked_add(cost)));
        match sums {
            Some((quantity, value)) => (held.quantity, held.value) = (quantity, value),
            None => held.is_open = true,
        }
        held.is_open |= !state.remaining.is_zero()
            || state.invoiced != entry.quantity
            || state.cost.closed_without_cost;
    }
    // What years that are closed were worth stays in them.
    let is_kept = setup.averages_from().is_some();
    for (pool, held) in pools {
        let sold_out = held.quantity.is_zero() && !held.is_open;
        findings.unless(is_kept || !sold_out || held.value.is_zero(), "C5", || {
            format!("{pool:?} is sold out and worth {}", held.value)
        });
    }
    average::check_item(tables, item, entries, findings);
}

fn pool(
    tables: &(impl Tables + ?Sized),
    setup: &crate::schema::money::InventorySetup,
    entry: &ItemLedgerEntry,
) -> AveragePool {
    let place = (entry.item, entry.variant, entry.location);
    if method_of(tables, entry.item) == CostingMethod::Average {
        return pool_of(setup, place);
    }
    AveragePool { item: place.0, variant: place.1, location: place.2 }
}
