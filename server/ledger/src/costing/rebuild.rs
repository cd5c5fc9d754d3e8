//! Averages made anew after their periods or pools changed (COSTING 9.1): item by item, entry by entry, in
//! bounded steps between postings.
//!
//! An item that is not done is not adjusted, and what is posted to it meanwhile comes in with its entry:
//! [`waits`] keeps it out of the averages until then. Decreases of fiscal years that are closed keep the
//! cost that they have; what those years carry on is made of it.

use std::ops::ControlFlow;

use chrono::NaiveDate;
use protocol::quantity::Quantity;

use crate::costing::average::{self, pool_of};
use crate::costing::value::{state_of, values_of};
use crate::costing::{date, fits, method_of, minus, plus, setup};
use crate::key::KeyRange;
use crate::money::{Money, Step};
use crate::posting::{Posting, Stop, add};
use crate::schema::entry::ItemLedgerByItem;
use crate::schema::gl::{AverageRebuild, AverageRebuilds, RebuildPhase};
use crate::schema::item::CostingMethod;
use crate::schema::money::{
    AverageDecrease, AverageDecreases, AveragePeriodRow, AveragePeriods, AveragePool, AverageType,
    DirtyPeriods, EntryPoints, PoolRoundings, UnadjustedFrom,
};
use crate::schema::{EntryNo, ItemId};
use crate::tables::{Read as _, Table, Tables};

/// Rows or entries that one step works on.
const STEP: usize = 50;

/// Where the last step of keeping ended.
type Place = (AveragePool, NaiveDate, EntryNo);

/// Begins a rebuild of all averages, or begins it anew.
pub(crate) fn ask(posting: &mut Posting<'_, '_>) {
    next(posting, &KeyRange::all());
}

/// Begins with the first item of a range of pools that has value; without one the rebuild is done.
fn next(posting: &mut Posting<'_, '_>, pools: &KeyRange) {
    match posting.draft.first::<EntryPoints>(pools) {
        Some(((pool, _end), _row)) => begin(posting, pool.item),
        None => posting.draft.delete::<AverageRebuilds>(&()),
    }
}

fn begin(posting: &mut Posting<'_, '_>, item: ItemId) {
    let row = AverageRebuild { item, phase: RebuildPhase::Clearing };
    posting.draft.put::<AverageRebuilds>(&(), row);
}

/// Whether a rebuild goes on.
pub fn is_waiting(tables: &(impl Tables + ?Sized)) -> bool {
    tables.has::<AverageRebuilds>(&())
}

/// Whether an entry comes into the averages later, with all its values.
pub(crate) fn waits(posting: &Posting<'_, '_>, item: ItemId, entry: EntryNo) -> bool {
    let Some(rebuild) = posting.draft.row::<AverageRebuilds>(&()) else { return false };
    if item != rebuild.item {
        return item > rebuild.item;
    }
    match rebuild.phase {
        RebuildPhase::Clearing => true,
        RebuildPhase::Entering(done) => entry > done,
        RebuildPhase::Keeping(_) => false,
    }
}

/// Works on the rebuild; answers whether there was anything.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn step(posting: &mut Posting<'_, '_>) -> Result<bool, Stop> {
    let Some(rebuild) = posting.draft.row::<AverageRebuilds>(&()).map(|row| *row) else {
        return Ok(false);
    };
    let item = rebuild.item;
    let phase = match rebuild.phase {
        RebuildPhase::Clearing => clear(posting, item),
        RebuildPhase::Entering(done) => enter(posting, item, done)?,
        RebuildPhase::Keeping(place) => {
            if let Some(place) = keep(posting, item, place)? {
                RebuildPhase::Keeping(Some(place))
            } else {
                spread_kept(posting, item)?;
                finish(posting, item);
                return Ok(true);
            }
        }
    };
    posting.draft.put::<AverageRebuilds>(&(), AverageRebuild { item, phase });
    Ok(true)
}

/// Where closed years were averaged over the item and the open ones are by place, each place begins at the
/// average of the item: what they hold together is spread over them by quantity. Costs what the kept years
/// have in periods.
fn spread_kept(posting: &mut Posting<'_, '_>, item: ItemId) -> Result<(), Stop> {
    let setup = setup(&*posting.draft);
    let Some(open) = setup.averages_kept_before else { return Ok(()) };
    if setup.averages_kept_type != AverageType::Item
        || setup.average_type != AverageType::ItemLocationVariant
    {
        return Ok(());
    }
    let mut pools = Vec::new();
    let (mut whole, mut worth) = (Quantity::ZERO, Money::ZERO);
    let mut range = KeyRange::prefix(&(item,));
    while let Some(((pool, _end), _row)) = posting.draft.first::<AveragePeriods>(&range) {
        range = KeyRange::prefix_after(&(item,), &(pool,));
        if let Some((last, quantity, value)) = average::reopen_until(posting, pool, open)? {
            whole = add(whole, quantity)?;
            worth = plus(worth, value)?;
            pools.push((pool, last, quantity, value));
        }
    }
    if !whole.is_positive() {
        return Ok(());
    }
    let (mut sum, mut given) = (Quantity::ZERO, Money::ZERO);
    for (pool, last, quantity, value) in pools {
        sum = add(sum, quantity)?;
        // Finer than amounts: what is carried in is no entry, and its unit cost is not rounded.
        let up_to = fits(worth.share(sum, whole, Step::unit_amount()))?;
        let change = minus(minus(up_to, given)?, value)?;
        given = up_to;
        if !change.is_zero() {
            let row = average::period_row(posting, pool, last)?;
            let row = AveragePeriodRow { aside: plus(row.aside, change)?, ..row };
            posting.draft.put::<AveragePeriods>(&(pool, last), row);
        }
    }
    Ok(())
}

/// The item is done: it is adjusted again, and the next one begins.
fn finish(posting: &mut Posting<'_, '_>, item: ItemId) {
    if posting.draft.first::<EntryPoints>(&KeyRange::prefix(&(item,))).is_some() {
        posting.queue_item(item);
    }
    next(posting, &KeyRange::prefix_after(&(), &(item,)));
}

fn clear(posting: &mut Posting<'_, '_>, item: ItemId) -> RebuildPhase {
    let range = KeyRange::prefix(&(item,));
    for (pool, from) in posting.draft.list::<UnadjustedFrom>(&range) {
        posting.set_unadjusted(pool, Some(*from), None);
    }
    let cleared = [
        clear_table::<AverageDecreases>(posting, &range),
        clear_table::<AveragePeriods>(posting, &range),
        clear_table::<DirtyPeriods>(posting, &range),
        clear_table::<EntryPoints>(posting, &range),
        clear_table::<PoolRoundings>(posting, &range),
    ];
    if cleared.into_iter().any(|more| more) {
        return RebuildPhase::Clearing;
    }
    RebuildPhase::Entering(EntryNo(0))
}

/// Deletes a bounded number of rows; answers whether there are more.
fn clear_table<T: Table>(posting: &mut Posting<'_, '_>, range: &KeyRange) -> bool {
    let mut keys = Vec::new();
    posting.draft.each::<T>(range, false, |key, _row| {
        keys.push(key);
        if keys.len() > STEP { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let more = keys.len() > STEP;
    for key in keys.iter().take(STEP) {
        posting.draft.delete::<T>(key);
    }
    more
}

/// Brings the next entries in, those among them that were posted meanwhile: an entry may need what an
/// earlier one brings.
fn enter(posting: &mut Posting<'_, '_>, item: ItemId, done: EntryNo) -> Result<RebuildPhase, Stop> {
    let range = KeyRange::prefix_after(&(item,), &(item, done));
    let mut entries = Vec::new();
    posting.draft.each::<ItemLedgerByItem>(&range, false, |(_item, no), _row| {
        if entries.len() >= STEP {
            return ControlFlow::Break(());
        }
        entries.push(no);
        ControlFlow::Continue(())
    });
    let Some(reached) = entries.last().copied() else { return Ok(RebuildPhase::Keeping(None)) };
    let setup = setup(&*posting.draft);
    let average = method_of(&*posting.draft, item) == CostingMethod::Average;
    for no in entries {
        if average {
            average::bring_in(posting, no)?;
        }
        let entry = posting.entry(no);
        let pool = pool_of(&setup, (entry.item, entry.variant, entry.location));
        for (value_no, value) in values_of(&*posting.draft, no) {
            if value.inventoriable {
                let state = state_of(&*posting.draft, (value_no, &value));
                posting.touch_point(&setup, pool, state.valuation_date);
            }
        }
    }
    Ok(RebuildPhase::Entering(reached))
}

/// Decreases of periods that are not valued anew: their running sums are those of the costs that they
/// have. Answers where to go on.
fn keep(
    posting: &mut Posting<'_, '_>,
    item: ItemId,
    place: Option<Place>,
) -> Result<Option<Place>, Stop> {
    let setup = setup(&*posting.draft);
    let Some(from) = setup.averages_from() else { return Ok(None) };
    let range = match place {
        Some(place) => KeyRange::prefix_after(&(item,), &place),
        None => KeyRange::prefix(&(item,)),
    };
    let mut rows: Vec<(Place, AverageDecrease)> = Vec::new();
    posting.draft.each::<AverageDecreases>(&range, false, |key, row| {
        rows.push((key, *row));
        if rows.len() >= STEP { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let reached = rows.last().map(|(place, _row)| *place);
    for ((pool, valued, no), row) in rows {
        let end = date::period_end(&*posting.draft, &setup, valued);
        if end >= from {
            continue;
        }
        let given = average::before_place(posting, pool, end, Some((valued, no)))?;
        if row.entry.0 == 0 {
            let kept = AverageDecrease {
                sum_quantity: given.sum_quantity,
                sum_value: given.sum_value,
                sum_revaluation: plus(given.sum_revaluation, row.revaluation)?,
                before_quantity: given.sum_quantity,
                before_value: given.sum_value,
                ..row
            };
            posting.draft.put::<AverageDecreases>(&(pool, valued, no), kept);
            continue;
        }
        let cost = posting.cost_of(row.entry)?.negated();
        let whole = add(row.counted, row.aside)?;
        let aside_value = posting.share(cost, row.aside, whole)?;
        let kept = AverageDecrease {
            aside_value,
            sum_quantity: add(given.sum_quantity, row.counted)?,
            sum_value: plus(given.sum_value, minus(cost, aside_value)?)?,
            sum_revaluation: given.sum_revaluation,
            before_quantity: given.before_quantity,
            before_value: given.before_value,
            ..row
        };
        posting.draft.put::<AverageDecreases>(&(pool, valued, no), kept);
        if !aside_value.is_zero() {
            let period = average::period_row(posting, pool, end)?;
            let aside = minus(period.aside, aside_value)?;
            let period = AveragePeriodRow { aside, ..period };
            posting.draft.put::<AveragePeriods>(&(pool, end), period);
        }
    }
    Ok(reached)
}
