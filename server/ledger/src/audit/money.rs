//! Value entries and what is summed of them, and the general ledger (COSTING 3: invariants 3, 4 and 7).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::audit::{Findings, cost, rows};
use crate::costing::value::{state_of, values_of};
use crate::gl::account::{Cost, roles_of};
use crate::gl::read::entries_of_value;
use crate::gl::{DUE, EXPECTED_OFF, open_amounts};
use crate::money::Money;
use crate::schema::entry::{ItemLedger, ItemLedgerStates};
use crate::schema::gl::{GlEntry, GlLedger, GlOfValue, GlSums, UnpostedValues, ValueSums};
use crate::schema::money::{ItemValues, ValueEntry, ValueLedger, ValueStates, ValueType};
use crate::schema::{EntryNo, ItemId, LocationId};
use crate::tables::{Read as _, Table as _, TableId, Tables, typed_key};
use crate::valuation::sums::{DAY, MONTH, YEAR};

/// Adds to the sum under a key.
fn add<K: Ord>(sums: &mut BTreeMap<K, Money>, key: K, amount: Money) {
    let sum = sums.entry(key).or_default();
    *sum = total([*sum, amount]);
}

/// The sum; none of these leaves the range of an amount, or the posting would have stopped.
fn total(amounts: impl IntoIterator<Item = Money>) -> Money {
    amounts
        .into_iter()
        .fold(Money::ZERO, |sum, amount| sum.checked_add(amount).unwrap_or(Money::ZERO))
}

pub(crate) fn check_all(tables: &(impl Tables + ?Sized), findings: &mut Findings) {
    let mut next: u64 = 1;
    rows::<ValueLedger>(tables, |no, value| {
        findings.unless(no.0 == next, "C3", || format!("value entry {no} after a gap"));
        next = no.0.saturating_add(1);
        check_value(tables, no, &value, findings);
    });
    rows::<ItemLedgerStates>(tables, |no, _state| check_entry(tables, no, findings));
    rows::<GlLedger>(tables, |no, entry| check_pair(tables, no, &entry, findings));
    check_value_sums(tables, findings);
    check_gl_sums(tables, findings);
    check_summed(tables, findings);
}

pub(crate) fn check_row(
    tables: &(impl Tables + ?Sized),
    table: TableId,
    key: &[u8],
    findings: &mut Findings,
) {
    if table == ItemLedgerStates::ID {
        let no = typed_key::<ItemLedgerStates>(key);
        check_entry(tables, no, findings);
        cost::check_entry(tables, no, findings);
    } else if table == ValueLedger::ID || table == ValueStates::ID {
        let no = typed_key::<ValueLedger>(key);
        if let Some(value) = tables.row::<ValueLedger>(&no) {
            check_value(tables, no, &value, findings);
        }
    } else if table == GlLedger::ID {
        let no = typed_key::<GlLedger>(key);
        if let Some(entry) = tables.row::<GlLedger>(&no) {
            check_pair(tables, no, &entry, findings);
        }
    }
}

/// The cost of an entry is the sum of its value entries; of one that is invoiced wholly nothing is
/// expected any more.
fn check_entry(tables: &(impl Tables + ?Sized), no: EntryNo, findings: &mut Findings) {
    let (Some(entry), Some(state)) =
        (tables.row::<ItemLedger>(&no), tables.row::<ItemLedgerStates>(&no))
    else {
        return;
    };
    let values = values_of(tables, no);
    let sum = |part: fn(&ValueEntry) -> Money| total(values.iter().map(|(_no, value)| part(value)));
    let both = |value: &ValueEntry| total([value.cost_actual, value.cost_expected]);
    let of_type = |wanted: fn(ValueType) -> bool| {
        total(values.iter().filter(|(_no, row)| wanted(row.value_type)).map(|(_no, row)| both(row)))
    };
    let cost = state.cost;
    let expected = [
        ("actual", cost.actual, sum(|value| value.cost_actual)),
        ("expected", cost.expected, sum(|value| value.cost_expected)),
        ("revaluations", cost.revaluations, of_type(|kind| kind == ValueType::Revaluation)),
        (
            "base",
            cost.base,
            of_type(|kind| !matches!(kind, ValueType::Revaluation | ValueType::Rounding)),
        ),
    ];
    for (name, kept, summed) in expected {
        findings.unless(kept == summed, "C3", || {
            format!("entry {no}: {name} is {kept}, its value entries say {summed}")
        });
    }
    let settled = state.invoiced != entry.quantity || cost.expected.is_zero();
    findings.unless(settled, "C4", || {
        format!("entry {no} is invoiced, and {} is still expected", cost.expected)
    });
}

/// What of a value entry is in the general ledger is what its entries there say, and what is not is listed.
fn check_value(
    tables: &(impl Tables + ?Sized),
    no: EntryNo,
    value: &ValueEntry,
    findings: &mut Findings,
) {
    let state = state_of(tables, (no, value));
    let entries = entries_of_value(tables, no);
    for (cost, posted) in [(Cost::Actual, state.cost_in_gl), (Cost::Expected, state.expected_in_gl)]
    {
        let Some((role, _balancing)) = roles_of(value, cost) else {
            findings
                .unless(posted.is_zero(), "C7", || format!("value entry {no}: {posted} nowhere"));
            continue;
        };
        let own = entries.iter().filter(|(_no, entry, _register)| entry.role == role);
        let summed = own.clone().any(|(_no, entry, _register)| entry.value != no);
        let sum = total(own.map(|(_no, entry, _register)| entry.amount));
        findings.unless(summed || sum == posted, "C7", || {
            format!("value entry {no}: {cost:?} {posted} posted, its entries say {sum}")
        });
    }
    let Ok((actual, expected)) = open_amounts(tables, (no, value)) else { return };
    let due = tables.has::<UnpostedValues>(&(DUE, no));
    let off = tables.has::<UnpostedValues>(&(EXPECTED_OFF, no));
    let open = !actual.is_zero() || !expected.is_zero();
    let listed = open == (due || off) && (due || actual.is_zero());
    findings.unless(listed, "C7", || {
        format!("value entry {no}: {actual} and {expected} not posted, listed: {due} {off}")
    });
}

/// Entries are written in pairs that balance, an odd number and the next.
fn check_pair(
    tables: &(impl Tables + ?Sized),
    no: EntryNo,
    entry: &GlEntry,
    findings: &mut Findings,
) {
    let odd = no.0 & 1 == 1;
    let other = if odd { no.0.saturating_add(1) } else { no.0.saturating_sub(1) };
    let balanced = tables.row::<GlLedger>(&EntryNo(other)).is_some_and(|other| {
        other.register == entry.register && other.amount == entry.amount.negated()
    });
    findings
        .unless(balanced, "C7", || format!("entry {no} of the general ledger has no other half"));
}

/// The entry with the odd number of a pair: that of the account, not of the balancing one.
fn first_of_pair(tables: &(impl Tables + ?Sized), no: EntryNo) -> Option<Arc<GlEntry>> {
    let first = if no.0 & 1 == 1 { no.0 } else { no.0.saturating_sub(1) };
    tables.row::<GlLedger>(&EntryNo(first))
}

/// An entry that sums several value entries is what is posted of them.
fn check_summed(tables: &(impl Tables + ?Sized), findings: &mut Findings) {
    let mut sums: BTreeMap<EntryNo, Money> = BTreeMap::new();
    rows::<GlOfValue>(tables, |(value_no, no), _register| {
        let (Some(entry), Some(value)) =
            (tables.row::<GlLedger>(&no), tables.row::<ValueLedger>(&value_no))
        else {
            findings
                .unless(false, "C7", || format!("value entry {value_no} leads to no entry {no}"));
            return;
        };
        if entry.value.0 != 0 {
            return;
        }
        let state = state_of(tables, (value_no, &value));
        let parts = [(Cost::Actual, state.cost_in_gl), (Cost::Expected, state.expected_in_gl)];
        for (cost, posted) in parts {
            let Some((account, balancing)) = roles_of(&value, cost) else { continue };
            // Actual and expected cost may share an account (work in process): the first of the pair tells
            // which of them it is.
            if first_of_pair(tables, no).is_none_or(|first| first.role != account) {
                continue;
            }
            if entry.role == account {
                add(&mut sums, no, posted);
            } else if entry.role == balancing {
                add(&mut sums, no, posted.negated());
            }
        }
    });
    rows::<GlLedger>(tables, |no, entry| {
        if entry.value.0 == 0 {
            let sum = sums.get(&no).copied().unwrap_or_default();
            findings.unless(sum == entry.amount, "C7", || {
                format!("entry {no} of the general ledger: {}, its values {sum}", entry.amount)
            });
        }
    });
}

/// Sums by year, month and day, and those of items, are those of the value entries.
fn check_value_sums(tables: &(impl Tables + ?Sized), findings: &mut Findings) {
    type Key = (u8, String, LocationId, ItemId, bool);
    let mut sums: BTreeMap<Key, Money> = BTreeMap::new();
    let mut items: BTreeMap<(ItemId, bool), Money> = BTreeMap::new();
    rows::<ValueLedger>(tables, |_no, value| {
        if value.entry.0 == 0 {
            return;
        }
        for (expected, cost) in [(false, value.cost_actual), (true, value.cost_expected)] {
            for level in [YEAR, MONTH, DAY] {
                let group = value.inventory_group.clone();
                add(
                    &mut sums,
                    (level, group, value.location, value.item, expected),
                    cost.negated(),
                );
            }
            add(&mut items, (value.item, expected), cost.negated());
        }
    });
    rows::<ValueSums>(tables, |(level, _day, group, location, item), sum| {
        let actual = total([sum.into.actual, sum.out.actual]);
        let expected = total([sum.into.expected, sum.out.expected]);
        add(&mut sums, (level, group.clone(), location, item, false), actual);
        add(&mut sums, (level, group, location, item, true), expected);
    });
    rows::<ItemValues>(tables, |item, value| {
        add(&mut items, (item, false), value.actual);
        add(&mut items, (item, true), value.expected);
    });
    for (key, rest) in sums {
        findings.unless(rest.is_zero(), "C3", || format!("value sums {key:?}: {rest} too much"));
    }
    for (key, rest) in items {
        findings.unless(rest.is_zero(), "C3", || format!("item value {key:?}: {rest} too much"));
    }
}

/// Sums of accounts by month and day are those of the entries.
fn check_gl_sums(tables: &(impl Tables + ?Sized), findings: &mut Findings) {
    type Key = (u8, String, u8, String, LocationId);
    let mut sums: BTreeMap<Key, Money> = BTreeMap::new();
    rows::<GlLedger>(tables, |_no, entry| {
        for level in [MONTH, DAY] {
            let account = entry.account.clone();
            let group = entry.inventory_group.clone();
            let key = (level, account, entry.role.number(), group, entry.location);
            add(&mut sums, key, entry.amount.negated());
        }
    });
    rows::<GlSums>(tables, |(level, _day, account, role, group, location), amount| {
        add(&mut sums, (level, account, role, group, location), *amount);
    });
    for (key, rest) in sums {
        findings.unless(rest.is_zero(), "C7", || format!("account sums {key:?}: {rest} too much"));
    }
}
