//! The time line: what counts say is what the entries before them sum to, whatever arrived in which
//! order (I10).

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use crate::audit::{Findings, rows};
use crate::count::timeline::{self, signed};
use crate::key::{Key as _, KeyRange};
use crate::schema::count::{BinCounts, CountRow, CountState, Counts, CountsDue};
use crate::schema::entry::WarehouseByStock;
use crate::schema::{BinId, LocationId, OrderKey, StockKey};
use crate::tables::{Read as _, Tables, each_of};
use crate::tracking::serial;

pub(crate) fn check_all(tables: &(impl Tables + ?Sized), findings: &mut Findings) {
    let mut keys = BTreeSet::new();
    rows::<Counts>(tables, |(key, _order), _row| {
        keys.insert(key);
    });
    let mut bins: BTreeSet<(LocationId, BinId)> = BTreeSet::new();
    rows::<BinCounts>(tables, |(location, bin, _order), _row| {
        bins.insert((location, bin));
    });
    rows::<WarehouseByStock>(tables, |(key, _order, _no), _row| {
        if bins.contains(&(key.location, key.bin)) {
            keys.insert(key);
        }
    });
    for key in keys {
        check_key(tables, key, findings);
    }
    rows::<CountsDue>(tables, |(_site, _due, order, key), _row| {
        let waiting = key == timeline::bin_key(key.location, key.bin)
            || tables
                .row::<Counts>(&(key, order))
                .is_some_and(|row| row.state == CountState::Provisional);
        findings.unless(waiting, "I10", || format!("{key:?} at {order:?} is due and judged"));
    });
}

/// The counts of one key.
pub(crate) fn check_key(tables: &(impl Tables + ?Sized), key: StockKey, findings: &mut Findings) {
    for (place, row) in tables.list::<Counts>(&KeyRange::prefix(&(key,))) {
        check_count(tables, place, &row, findings);
    }
    if serial::of(tables, key.tracking).is_some() {
        return;
    }
    let bin = KeyRange::prefix(&(key.location, key.bin));
    for ((_location, _bin, order), whole) in tables.list::<BinCounts>(&bin) {
        if timeline::implicit(tables, key, order, &whole).is_some() {
            let before = entries_before(tables, key, order);
            findings.unless(before == 0, "I10", || {
                format!("{key:?}: a complete count at {order:?} saw none, the book had {before}")
            });
        }
    }
}

fn check_count(
    tables: &(impl Tables + ?Sized),
    (key, order): (StockKey, OrderKey),
    row: &CountRow,
    findings: &mut Findings,
) {
    let difference = row.difference.units();
    let posted = entries_at(tables, key, order);
    findings.unless(posted == difference, "I10", || {
        format!("{key:?} at {order:?}: difference {difference}, posted {posted}")
    });
    let linked = row.links.iter().fold(0_i128, |sum, (_no, left)| sum.saturating_add(left.units()));
    findings.unless(linked == difference, "I10", || {
        format!("{key:?} at {order:?}: difference {difference}, links {linked}")
    });
    let provisional = row.state == CountState::Provisional;
    let due = order.tau.plus_us(signed(row.epsilon_us));
    let listed = tables.has::<CountsDue>(&(row.site, due, order, key));
    findings.unless(provisional == listed, "I10", || {
        format!("{key:?} at {order:?}: {:?}, listed as due: {listed}", row.state)
    });
    if row.state == CountState::TakenOut {
        findings.unless(difference == 0, "I10", || {
            format!("{key:?} at {order:?}: taken out with a difference of {difference}")
        });
        return;
    }
    let book = row.quantity.units().saturating_sub(difference);
    let before = entries_before(tables, key, order);
    findings.unless(book == before, "I10", || {
        format!("{key:?} at {order:?}: the count implies {book} before it, entries say {before}")
    });
}

fn entries_before(tables: &(impl Tables + ?Sized), key: StockKey, order: OrderKey) -> i128 {
    sum(tables, &KeyRange::prefix_before(&(key,), &(key, order)))
}

fn entries_at(tables: &(impl Tables + ?Sized), key: StockKey, order: OrderKey) -> i128 {
    sum(tables, &KeyRange::prefix(&(key, order)))
}

fn sum(tables: &(impl Tables + ?Sized), range: &KeyRange) -> i128 {
    debug_assert!(
        range.from.len() >= bytes_of_a_stock_key(),
        "the entries of one stock key are summed"
    );
    let mut sum: i128 = 0;
    each_of::<WarehouseByStock>(tables, range, false, &mut |_key, quantity| {
        sum = sum.saturating_add(quantity.units());
        ControlFlow::Continue(())
    });
    sum
}

fn bytes_of_a_stock_key() -> usize {
    timeline::bin_key(LocationId(0), BinId(0)).to_bytes().len()
}
