//! Average cost (COSTING 9): a decrease costs the average of what its pool held in its period.
//!
//! A period row carries what came in; decreases lie beside it in the order in which they are valued,
//! each with the running sums up to it, so that one more decrease at the end is valued from the one
//! before it, and a change in the middle from its place on.

use chrono::NaiveDate;
use protocol::quantity::Quantity;

use crate::costing::aside::{self, Class, class_of};
use crate::costing::{date, fits, item_cost, method_of, minus, plus, rebuild, setup, sold_out};
use crate::key::KeyRange;
use crate::money::Money;
use crate::posting::{Posting, Stop, add, subtract};
use crate::schema::entry::{ItemLedgerEntry, ItemLedgerState};
use crate::schema::item::CostingMethod;
use crate::schema::money::{
    AverageDecrease, AverageDecreases, AveragePeriodRow, AveragePeriods, AveragePool, AverageType,
    DirtyPeriod, DirtyPeriods, InventorySetup, ValueEntry, ValueType, ValuesByEntry,
};
use crate::schema::{EntryNo, ItemId, LocationId, VariantId};
use crate::tables::Read as _;

/// Decreases that one step values.
const STEP: usize = 200;

/// How often pools that feed each other hand a change on before they are left as they are: they close in
/// on their value by a factor each round, so that cents stand still long before (COSTING 9.4).
const ROUNDS_MAX: u16 = 1000;

/// The pool of an entry.
pub fn pool_of(
    setup: &InventorySetup,
    (item, variant, location): (ItemId, VariantId, LocationId),
) -> AveragePool {
    match setup.average_type {
        AverageType::Item => AveragePool { item, variant: VariantId(0), location: LocationId(0) },
        AverageType::ItemLocationVariant => AveragePool { item, variant, location },
    }
}

/// Whether a decrease is valued by average.
pub(crate) fn is_by_average(
    posting: &Posting<'_, '_>,
    entry: &ItemLedgerEntry,
    _state: &ItemLedgerState,
) -> bool {
    entry.quantity.is_negative()
        && entry.applies_to.0 == 0
        && method_of(&*posting.draft, entry.item) == CostingMethod::Average
}

/// What a value entry changes in the averages; the first one of an entry brings its quantity along.
pub(crate) fn value_written(
    posting: &mut Posting<'_, '_>,
    no: EntryNo,
    value: &ValueEntry,
) -> Result<(), Stop> {
    if method_of(&*posting.draft, value.item) != CostingMethod::Average
        || rebuild::waits(posting, value.item, value.entry)
    {
        return Ok(());
    }
    let class = class_of(posting, value.entry);
    if !value.entry_quantity.is_zero() {
        quantity_enters(posting, value.entry, class)?;
    }
    let total = plus(value.cost_actual, value.cost_expected)?;
    if value.value_type == ValueType::Revaluation && has_a_place(class) {
        revaluation_enters(posting, (no, value), value.valuation_date, total)?;
    } else {
        value_enters(posting, (value.entry, class), value, (value.valuation_date, total))?;
    }
    aside::value_written(posting, (value.entry, class), value)
}

/// Whether a revaluation counts among what its period values: that of an increase does.
const fn has_a_place(class: Class) -> bool {
    matches!(class, Class::Increase | Class::Aside(_))
}

/// A revaluation counts from its place: what was valued before it keeps its average (COSTING 11.4).
fn revaluation_enters(
    posting: &mut Posting<'_, '_>,
    (no, value): (EntryNo, &ValueEntry),
    valued: NaiveDate,
    total: Money,
) -> Result<(), Stop> {
    let setup = setup(&*posting.draft);
    let pool = pool_of(&setup, (value.item, value.variant, value.location));
    let row = AverageDecrease { revaluation: total, ..Default::default() };
    posting.draft.put::<AverageDecreases>(&(pool, valued, no), row);
    dirty(posting, pool, valued, Some((valued, no)))
}

/// The number under which an entry lies in its pool: that of its first value entry.
pub(crate) fn place_of(posting: &Posting<'_, '_>, no: EntryNo) -> EntryNo {
    posting
        .draft
        .first::<ValuesByEntry>(&KeyRange::prefix(&(no,)))
        .map_or(no, |((_entry, first), _row)| first)
}

/// The quantity of an entry counts from its valuation date.
fn quantity_enters(posting: &mut Posting<'_, '_>, no: EntryNo, class: Class) -> Result<(), Stop> {
    let entry = posting.entry(no);
    let setup = setup(&*posting.draft);
    let pool = pool_of(&setup, (entry.item, entry.variant, entry.location));
    let valued = posting.state(no).valuation_date;
    match class {
        Class::Increase | Class::Fixed => {
            add_to_period(posting, pool, valued, (entry.quantity, Money::ZERO))
        }
        Class::ByAverage => {
            let counted = entry.quantity.abs();
            let row = AverageDecrease { entry: no, counted, ..Default::default() };
            let place = place_of(posting, no);
            posting.draft.put::<AverageDecreases>(&(pool, valued, place), row);
            dirty(posting, pool, valued, Some((valued, place)))
        }
        Class::Aside(decrease) => set_aside(posting, pool, decrease, entry.quantity),
    }
}

/// Moves a part of a decrease between what counts in the average and what is left out of it; a negative
/// quantity counts again.
fn set_aside(
    posting: &mut Posting<'_, '_>,
    pool: AveragePool,
    decrease: EntryNo,
    quantity: Quantity,
) -> Result<(), Stop> {
    let valued = posting.state(decrease).valuation_date;
    let place = place_of(posting, decrease);
    let key = (pool, valued, place);
    let Some(row) = posting.draft.row::<AverageDecreases>(&key) else { return Ok(()) };
    let (counted, aside) = aside::parts(&row, quantity)?;
    let row = AverageDecrease { counted, aside, ..*row };
    posting.draft.put::<AverageDecreases>(&key, row);
    dirty(posting, pool, valued, Some((valued, place)))
}

fn value_enters(
    posting: &mut Posting<'_, '_>,
    (no, class): (EntryNo, Class),
    value: &ValueEntry,
    (valued, total): (NaiveDate, Money),
) -> Result<(), Stop> {
    if total.is_zero() {
        return Ok(());
    }
    let entry = posting.entry(no);
    let setup = setup(&*posting.draft);
    let pool = pool_of(&setup, (entry.item, entry.variant, entry.location));
    match class {
        Class::Increase | Class::Fixed => {
            add_to_period(posting, pool, valued, (Quantity::ZERO, total))
        }
        Class::ByAverage => Ok(()),
        // A charge on what came back is no part of what the decrease took.
        Class::Aside(_) if aside::is_from_elsewhere(value) => {
            add_to_period(posting, pool, valued, (Quantity::ZERO, total))
        }
        Class::Aside(_) => {
            aside_changes(posting, pool, valued, total)?;
            // Nothing of the period is valued anew; what it carries on may change.
            dirty(posting, pool, valued, Some((NaiveDate::MAX, EntryNo(u64::MAX))))
        }
    }
}

/// Adds to what a period carries on without valuing anything by it.
pub(crate) fn aside_changes(
    posting: &mut Posting<'_, '_>,
    pool: AveragePool,
    valued: NaiveDate,
    total: Money,
) -> Result<(), Stop> {
    let setup = setup(&*posting.draft);
    let end = date::period_end(&*posting.draft, &setup, valued);
    let row = period_row(posting, pool, end)?;
    let row = AveragePeriodRow { aside: plus(row.aside, total)?, ..row };
    posting.draft.put::<AveragePeriods>(&(pool, end), row);
    Ok(())
}

/// Adds to what comes into a period: all its decreases are to be valued anew.
fn add_to_period(
    posting: &mut Posting<'_, '_>,
    pool: AveragePool,
    valued: NaiveDate,
    (quantity, value): (Quantity, Money),
) -> Result<(), Stop> {
    let setup = setup(&*posting.draft);
    let end = date::period_end(&*posting.draft, &setup, valued);
    let mut row = period_row(posting, pool, end)?;
    row.quantity = add(row.quantity, quantity)?;
    row.value = plus(row.value, value)?;
    posting.draft.put::<AveragePeriods>(&(pool, end), row);
    dirty(posting, pool, valued, None)
}

/// The row of a period, opened with what the one before it carries on.
pub(crate) fn period_row(
    posting: &Posting<'_, '_>,
    pool: AveragePool,
    end: NaiveDate,
) -> Result<AveragePeriodRow, Stop> {
    match posting.draft.row::<AveragePeriods>(&(pool, end)) {
        Some(row) => Ok(*row),
        None => opened(posting, pool, end),
    }
}

/// An empty period, opened with what the one before it carries on.
fn opened(
    posting: &Posting<'_, '_>,
    pool: AveragePool,
    end: NaiveDate,
) -> Result<AveragePeriodRow, Stop> {
    let range = KeyRange::prefix_before(&(pool,), &(pool, end));
    let Some(((_pool, before), row)) = posting.draft.last::<AveragePeriods>(&range) else {
        return Ok(AveragePeriodRow::default());
    };
    let (opening_quantity, opening_value) = closing(posting, pool, before, &row)?;
    let (quantity, value) = basis(&row)?;
    let (last_value, last_quantity) = if quantity.is_positive() {
        (value, quantity)
    } else {
        (row.last_value, row.last_quantity)
    };
    Ok(AveragePeriodRow {
        opening_quantity,
        opening_value,
        last_value,
        last_quantity,
        ..AveragePeriodRow::default()
    })
}

/// What a period holds before anything leaves at its average.
fn basis(row: &AveragePeriodRow) -> Result<(Quantity, Money), Stop> {
    Ok((add(row.opening_quantity, row.quantity)?, plus(row.opening_value, row.value)?))
}

/// What a period carries on.
pub(crate) fn closing(
    posting: &Posting<'_, '_>,
    pool: AveragePool,
    end: NaiveDate,
    row: &AveragePeriodRow,
) -> Result<(Quantity, Money), Stop> {
    let (quantity, value) = basis(row)?;
    let given = before_place(posting, pool, end, None)?;
    let value = plus(minus(value, given.sum_value)?, given.sum_revaluation)?;
    Ok((subtract(quantity, given.sum_quantity)?, plus(value, row.aside)?))
}

/// The last decrease of the period before a place, or at all: what was given out up to there.
pub(crate) fn before_place(
    posting: &Posting<'_, '_>,
    pool: AveragePool,
    end: NaiveDate,
    place: Option<(NaiveDate, EntryNo)>,
) -> Result<AverageDecrease, Stop> {
    let setup = setup(&*posting.draft);
    let range = match place {
        Some((date, no)) => KeyRange::prefix_before(&(pool,), &(pool, date, no)),
        None => KeyRange::prefix_before(&(pool,), &(pool, end.succ_opt().ok_or(Stop::Overflow)?)),
    };
    let last = posting.draft.last::<AverageDecreases>(&range);
    Ok(last
        .filter(|((_pool, date, _no), _row)| {
            date::period_end(&*posting.draft, &setup, *date) == end
        })
        .map(|(_key, row)| *row)
        .unwrap_or_default())
}

/// The period of `valued` is to be worked on, from a place or from its beginning.
pub(crate) fn dirty(
    posting: &mut Posting<'_, '_>,
    pool: AveragePool,
    valued: NaiveDate,
    from: Option<(NaiveDate, EntryNo)>,
) -> Result<(), Stop> {
    let setup = setup(&*posting.draft);
    let end = date::period_end(&*posting.draft, &setup, valued);
    if !posting.draft.has::<AveragePeriods>(&(pool, end)) {
        let row = opened(posting, pool, end)?;
        posting.draft.put::<AveragePeriods>(&(pool, end), row);
    }
    let carry_only = setup.averages_from().is_some_and(|from| end < from);
    mark_dirty(posting, (pool, end), from, carry_only);
    posting.touch_point(&setup, pool, valued);
    Ok(())
}

fn mark_dirty(
    posting: &mut Posting<'_, '_>,
    (pool, end): (AveragePool, NaiveDate),
    from: Option<(NaiveDate, EntryNo)>,
    carry_only: bool,
) {
    let key = (pool.item, end, pool);
    let before = posting.draft.row::<DirtyPeriods>(&key);
    let rounds = posting.round;
    let row = match before {
        Some(before) => DirtyPeriod {
            from: before.from.and_then(|before| from.map(|from| from.min(before))),
            carry_only: before.carry_only && carry_only,
            rounds: before.rounds.max(rounds),
        },
        None => DirtyPeriod { from, carry_only, rounds },
    };
    posting.draft.put::<DirtyPeriods>(&key, row);
}

/// Opens the periods of a pool that end before `open` with what the ones before them carry on, in their
/// order; answers the last of them and what it leaves.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn reopen_until(
    posting: &mut Posting<'_, '_>,
    pool: AveragePool,
    open: NaiveDate,
) -> Result<Option<(NaiveDate, Quantity, Money)>, Stop> {
    let range = KeyRange::prefix_before(&(pool,), &(pool, open));
    let mut last = None;
    for ((_pool, end), row) in posting.draft.list::<AveragePeriods>(&range) {
        let fresh = opened(posting, pool, end)?;
        let row = AveragePeriodRow {
            opening_quantity: fresh.opening_quantity,
            opening_value: fresh.opening_value,
            last_value: fresh.last_value,
            last_quantity: fresh.last_quantity,
            ..*row
        };
        posting.draft.put::<AveragePeriods>(&(pool, end), row);
        let (quantity, value) = closing(posting, pool, end, &row)?;
        last = Some((end, quantity, value));
    }
    Ok(last)
}

/// What a pool holds at the end of a period that is adjusted: quantity and value.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn held_at(
    posting: &Posting<'_, '_>,
    pool: AveragePool,
    end: NaiveDate,
) -> Result<(Quantity, Money), Stop> {
    let behind = end.succ_opt().ok_or(Stop::Overflow)?;
    let range = KeyRange::prefix_before(&(pool,), &(pool, behind));
    match posting.draft.last::<AveragePeriods>(&range) {
        Some(((_pool, last), row)) => closing(posting, pool, last, &row),
        None => Ok((Quantity::ZERO, Money::ZERO)),
    }
}

/// Takes the quantities and values of an entry out of the averages, before its valuation date moves.
pub(crate) fn leaves(posting: &mut Posting<'_, '_>, no: EntryNo) -> Result<(), Stop> {
    let entry = posting.entry(no);
    if method_of(&*posting.draft, entry.item) != CostingMethod::Average
        || rebuild::waits(posting, entry.item, no)
    {
        return Ok(());
    }
    let class = class_of(posting, no);
    let setup = setup(&*posting.draft);
    let pool = pool_of(&setup, (entry.item, entry.variant, entry.location));
    let valued = posting.state(no).valuation_date;
    match class {
        Class::ByAverage => {
            let place = place_of(posting, no);
            let key = (pool, valued, place);
            if let Some(row) = posting.draft.row::<AverageDecreases>(&key) {
                let end = date::period_end(&*posting.draft, &setup, valued);
                let mut period = period_row(posting, pool, end)?;
                period.aside = plus(period.aside, row.aside_value)?;
                posting.draft.put::<AveragePeriods>(&(pool, end), period);
                posting.draft.delete::<AverageDecreases>(&key);
                dirty(posting, pool, valued, Some((valued, place)))?;
            }
        }
        Class::Increase | Class::Fixed => {
            add_to_period(posting, pool, valued, (entry.quantity.negated(), Money::ZERO))?;
        }
        Class::Aside(decrease) => {
            aside::withdraw(posting, no)?;
            set_aside(posting, pool, decrease, entry.quantity.negated())?;
        }
    }
    values_move(posting, (no, class), true)
}

/// Brings them in again, after it moved.
pub(crate) fn enters(posting: &mut Posting<'_, '_>, no: EntryNo) -> Result<(), Stop> {
    let entry = posting.entry(no);
    if method_of(&*posting.draft, entry.item) != CostingMethod::Average
        || rebuild::waits(posting, entry.item, no)
    {
        return Ok(());
    }
    bring_in(posting, no)
}

/// Brings quantities and values of an entry of an average item in.
pub(crate) fn bring_in(posting: &mut Posting<'_, '_>, no: EntryNo) -> Result<(), Stop> {
    let class = class_of(posting, no);
    quantity_enters(posting, no, class)?;
    values_move(posting, (no, class), false)?;
    match class {
        Class::Aside(decrease) => aside::restate(posting, decrease),
        Class::Increase | Class::Fixed | Class::ByAverage => Ok(()),
    }
}

fn values_move(
    posting: &mut Posting<'_, '_>,
    (no, class): (EntryNo, Class),
    out: bool,
) -> Result<(), Stop> {
    for (value_no, value) in super::value::values_of(&*posting.draft, no) {
        if !value.inventoriable {
            continue;
        }
        let total = plus(value.cost_actual, value.cost_expected)?;
        let total = if out { total.negated() } else { total };
        let date = super::value::state_of(&*posting.draft, (value_no, &value)).valuation_date;
        if value.value_type == ValueType::Revaluation && has_a_place(class) {
            revaluation_moves(posting, (value_no, &value), date, out)?;
        } else {
            value_enters(posting, (no, class), &value, (date, total))?;
        }
    }
    Ok(())
}

/// Takes a revaluation out of its pool, or brings it in.
fn revaluation_moves(
    posting: &mut Posting<'_, '_>,
    (no, value): (EntryNo, &ValueEntry),
    date: NaiveDate,
    out: bool,
) -> Result<(), Stop> {
    if !out {
        let total = plus(value.cost_actual, value.cost_expected)?;
        return revaluation_enters(posting, (no, value), date, total);
    }
    let setup = setup(&*posting.draft);
    let pool = pool_of(&setup, (value.item, value.variant, value.location));
    posting.draft.delete::<AverageDecreases>(&(pool, date, no));
    dirty(posting, pool, date, Some((date, no)))
}

/// The first period of the item that is to be worked on, not after `until`.
pub(crate) fn next_dirty(
    posting: &Posting<'_, '_>,
    item: ItemId,
    until: Option<NaiveDate>,
) -> Option<(AveragePool, NaiveDate, DirtyPeriod)> {
    let ((_item, end, pool), row) =
        posting.draft.first::<DirtyPeriods>(&KeyRange::prefix(&(item,)))?;
    until.is_none_or(|until| end <= until).then_some((pool, end, *row))
}

/// Works on one period: opening, decreases from the place of the mark on (a bounded number of them), and
/// the period behind it where what is carried on changed.
pub(crate) fn work_on(
    posting: &mut Posting<'_, '_>,
    (pool, end, mark): (AveragePool, NaiveDate, DirtyPeriod),
) -> Result<(), Stop> {
    let key = (pool.item, end, pool);
    if mark.rounds >= ROUNDS_MAX {
        posting.draft.delete::<DirtyPeriods>(&key);
        return Ok(());
    }
    let mut row = period_row(posting, pool, end)?;
    let fresh = opened(posting, pool, end)?;
    let reopened =
        (fresh.opening_quantity, fresh.opening_value) != (row.opening_quantity, row.opening_value);
    row.opening_quantity = fresh.opening_quantity;
    row.opening_value = fresh.opening_value;
    let last_moved = (fresh.last_value, fresh.last_quantity) != (row.last_value, row.last_quantity);
    row.last_value = fresh.last_value;
    row.last_quantity = fresh.last_quantity;
    posting.draft.put::<AveragePeriods>(&(pool, end), row);
    let mut from = mark.from;
    if reopened || (last_moved && !basis(&row)?.0.is_positive()) {
        from = None;
    }
    // What the decreases hand on to other pools is one round further; what the period carries on to
    // the next one is not.
    posting.round = mark.rounds.saturating_add(1);
    // What is marked on the way lies behind what is valued here, and is worked on next.
    posting.draft.delete::<DirtyPeriods>(&key);
    let rest = if mark.carry_only { None } else { value_decreases(posting, (pool, end), from)? };
    posting.round = mark.rounds;
    if let Some(place) = rest {
        mark_dirty(posting, (pool, end), Some(place), mark.carry_only);
        return Ok(());
    }
    if !mark.carry_only && sold_out::write_off(posting, (pool, end))? {
        // It counts in this period, which is worked on again.
        return Ok(());
    }
    carry_on(posting, (pool, end))
}

/// The period behind this one is to be worked on where its opening is no longer what this one leaves.
fn carry_on(
    posting: &mut Posting<'_, '_>,
    (pool, end): (AveragePool, NaiveDate),
) -> Result<(), Stop> {
    let range = KeyRange::prefix_after(&(pool,), &(pool, end));
    let Some(((_pool, next), row)) = posting.draft.first::<AveragePeriods>(&range) else {
        return Ok(());
    };
    let fresh = opened(posting, pool, next)?;
    let opening =
        (fresh.opening_quantity, fresh.opening_value) != (row.opening_quantity, row.opening_value);
    let last = (fresh.last_value, fresh.last_quantity) != (row.last_value, row.last_quantity);
    if opening || (last && !basis(&row)?.0.is_positive()) {
        let from = setup(&*posting.draft).averages_from();
        let carry_only = from.is_some_and(|from| next < from);
        mark_dirty(posting, (pool, next), None, carry_only);
    }
    Ok(())
}

/// Values decreases of a period from a place on; answers where to go on, when there are more.
fn value_decreases(
    posting: &mut Posting<'_, '_>,
    (pool, end): (AveragePool, NaiveDate),
    from: Option<(NaiveDate, EntryNo)>,
) -> Result<Option<(NaiveDate, EntryNo)>, Stop> {
    let rows = decreases_from(posting, (pool, end), from);
    let mut given = match rows.first() {
        Some(&((date, no), _row)) => before_place(posting, pool, end, Some((date, no)))?,
        None => return Ok(None),
    };
    for (done, ((date, no), row)) in rows.into_iter().enumerate() {
        if done >= STEP {
            return Ok(Some((date, no)));
        }
        let period = period_row(posting, pool, end)?;
        if row.entry.0 == 0 {
            // What was valued on the way may have changed it.
            let Some(row) = posting.draft.row::<AverageDecreases>(&(pool, date, no)) else {
                continue;
            };
            let row = *row;
            given = AverageDecrease {
                sum_quantity: given.sum_quantity,
                sum_value: given.sum_value,
                sum_revaluation: plus(given.sum_revaluation, row.revaluation)?,
                before_quantity: given.sum_quantity,
                before_value: given.sum_value,
                ..row
            };
            posting.draft.put::<AverageDecreases>(&(pool, date, no), given);
            continue;
        }
        let (whole, value) = average_of(posting, pool, &period, &given)?;
        let sum_quantity = add(given.sum_quantity, row.counted)?;
        let counted = subtract(sum_quantity, given.before_quantity)?;
        let sum_value = plus(given.before_value, posting.share(value, counted, whole)?)?;
        let aside_value = posting.share(value, row.aside, whole)?;
        let cost = plus(minus(sum_value, given.sum_value)?, aside_value)?;
        let aside = plus(minus(period.aside, aside_value)?, row.aside_value)?;
        given = AverageDecrease {
            entry: row.entry,
            revaluation: Money::ZERO,
            counted: row.counted,
            aside: row.aside,
            aside_value,
            sum_quantity,
            sum_value,
            ..given
        };
        posting.draft.put::<AverageDecreases>(&(pool, date, no), given);
        if aside != period.aside {
            let period = AveragePeriodRow { aside, ..period };
            posting.draft.put::<AveragePeriods>(&(pool, end), period);
        }
        let delta = minus(cost.negated(), posting.cost_of(row.entry)?)?;
        posting.adjust_entry(row.entry, delta)?;
        aside::restate(posting, row.entry)?;
    }
    Ok(None)
}

/// Whether anything that left in a period is valued by its average.
pub(crate) fn values_anything(
    posting: &Posting<'_, '_>,
    (pool, end): (AveragePool, NaiveDate),
) -> bool {
    let mut from = None;
    loop {
        let rows = decreases_from(posting, (pool, end), from);
        if rows.iter().any(|(_place, row)| row.entry.0 != 0) {
            return true;
        }
        let Some((place, _row)) = rows.get(STEP) else { return false };
        from = Some(*place);
    }
}

/// Decreases of a period from a place on: one more than a step values.
fn decreases_from(
    posting: &Posting<'_, '_>,
    (pool, end): (AveragePool, NaiveDate),
    from: Option<(NaiveDate, EntryNo)>,
) -> Vec<((NaiveDate, EntryNo), AverageDecrease)> {
    let setup = setup(&*posting.draft);
    let in_period = |date: NaiveDate| date::period_end(&*posting.draft, &setup, date) == end;
    let range = if let Some((date, no)) = from {
        KeyRange::prefix_from(&(pool,), &(pool, date, no))
    } else {
        // Where the period begins: behind the last decrease of an earlier one.
        let before =
            posting.draft.last::<AveragePeriods>(&KeyRange::prefix_before(&(pool,), &(pool, end)));
        match before {
            Some(((_pool, before), _row)) => KeyRange::prefix_after(&(pool,), &(pool, before)),
            None => KeyRange::prefix(&(pool,)),
        }
    };
    let mut rows = Vec::new();
    posting.draft.each::<AverageDecreases>(&range, false, |(_pool, date, no), row| {
        if !in_period(date) || rows.len() > STEP {
            return std::ops::ControlFlow::Break(());
        }
        rows.push(((date, no), *row));
        std::ops::ControlFlow::Continue(())
    });
    rows
}

/// Quantity and value whose quotient is the average: those of the period; where nothing is there, the
/// last average above zero, or else what the card proposes (COSTING 9.3).
fn average_of(
    posting: &Posting<'_, '_>,
    pool: AveragePool,
    row: &AveragePeriodRow,
    given: &AverageDecrease,
) -> Result<(Quantity, Money), Stop> {
    let (quantity, value) = basis(row)?;
    let quantity = subtract(quantity, given.before_quantity)?;
    let value = minus(plus(value, given.sum_revaluation)?, given.before_value)?;
    if quantity.is_positive() {
        return Ok((quantity, value));
    }
    if row.last_quantity.is_positive() {
        return Ok((row.last_quantity, row.last_value));
    }
    let unit = item_cost(&*posting.draft, pool.item).unit_cost;
    let thousand = Quantity::whole(1000);
    Ok((thousand, fits(unit.times(thousand, posting.cents()))?))
}
