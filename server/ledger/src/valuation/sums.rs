//! Sums by year, month and day, by posting date.
//!
//! The value at the end of a day is three ranges, whatever lies further back: whole years up to the turn of
//! a year that is nearest, months from there to the nearest turn of a month, days from there; forwards, or
//! backwards where that is nearer. So at most 6 months and 16 days are read.

use chrono::{Datelike as _, Months, NaiveDate};
use protocol::words::DocumentNo;

use crate::assembly;
use crate::costing::plus;
use crate::money::Money;
use crate::posting::{Posting, Stop, add};
use crate::schema::entry::EntryType;
use crate::schema::gl::{
    OrderDate, OrderDates, ValuePlaces, ValueSide, ValueSum, ValueSums, WipSum, WipSums,
};
use crate::schema::money::{OrderKind, ValueEntry, ValueType};
use crate::schema::{ItemId, LocationId};
use crate::tables::Read as _;

/// Sums of a year.
pub const YEAR: u8 = 1;
/// Sums of a month.
pub const MONTH: u8 = 2;
/// Sums of a day.
pub const DAY: u8 = 3;

/// The first day of the year, month or day that `date` lies in.
pub fn first_day(level: u8, date: NaiveDate) -> NaiveDate {
    let first = match level {
        YEAR => NaiveDate::from_ymd_opt(date.year(), 1, 1),
        MONTH => date.with_day(1),
        _ => Some(date),
    };
    first.unwrap_or(date)
}

/// Sums whose first days lie from `from` to before `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Years, months or days.
    pub level: u8,
    /// The first of them.
    pub from: NaiveDate,
    /// The first one beyond.
    pub to: NaiveDate,
    /// They are taken away.
    pub less: bool,
}

/// The sums that together are all days up to and with `until`; `levels` from the largest down to [`DAY`].
pub fn spans(until: NaiveDate, levels: &[u8]) -> Vec<Span> {
    let beyond = until.succ_opt().unwrap_or(until);
    let mut reached = NaiveDate::MIN;
    let mut spans = Vec::with_capacity(levels.len());
    for level in levels {
        let turn = nearest_turn(*level, beyond);
        let (from, to) = (reached.min(turn), reached.max(turn));
        if from < to {
            spans.push(Span { level: *level, from, to, less: turn < reached });
        }
        reached = turn;
    }
    spans
}

/// The first day of a year, month or day that is nearest to `date`.
fn nearest_turn(level: u8, date: NaiveDate) -> NaiveDate {
    let before = first_day(level, date);
    let Some(after) = next_first(level, before).filter(|_after| before < date) else {
        return before;
    };
    if after.signed_duration_since(date) < date.signed_duration_since(before) {
        after
    } else {
        before
    }
}

/// The first day of the next year, month or day.
pub fn next_first(level: u8, day: NaiveDate) -> Option<NaiveDate> {
    match level {
        YEAR => day.checked_add_months(Months::new(12)),
        MONTH => day.checked_add_months(Months::new(1)),
        _ => day.succ_opt(),
    }
}

/// What a value entry adds to work in process: actual, and output at expected cost.
fn wip_of(value: &ValueEntry) -> WipSum {
    let mut sum = WipSum::default();
    if value.entry.0 == 0 {
        if matches!(value.order, Some((OrderKind::Production, _))) {
            sum.capacity = value.cost_actual;
        }
        return sum;
    }
    if value.value_type == ValueType::DirectCost {
        match value.entry_type {
            EntryType::Consumption => sum.consumption = value.cost_actual.negated(),
            EntryType::Output => {
                sum.output = value.cost_actual;
                sum.output_expected = value.cost_expected;
            }
            EntryType::Purchase
            | EntryType::Sale
            | EntryType::PositiveAdjustment
            | EntryType::NegativeAdjustment
            | EntryType::Transfer
            | EntryType::AssemblyConsumption
            | EntryType::AssemblyOutput => {}
        }
    }
    sum
}

/// The sums follow a value entry.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn value_written(posting: &mut Posting<'_, '_>, value: &ValueEntry) -> Result<(), Stop> {
    let wip = wip_of(value);
    if let Some(order) = &value.order {
        remember_date(posting, order, value);
        add_wip(posting, (order.0.number(), &order.1), value.posting_date, wip)?;
    }
    let side = ValueSide {
        quantity: value.entry_quantity,
        invoiced: value.invoiced_quantity,
        actual: value.cost_actual,
        expected: value.cost_expected,
    };
    let nothing = ValueSide::default();
    // A capacity value has no stock; the sign of what it values tells the direction of all others.
    let (into, out) = if value.entry.0 == 0 {
        (nothing, nothing)
    } else if value.valued_quantity.is_negative() {
        (nothing, side)
    } else {
        (side, nothing)
    };
    let stock = ValueSum { into, out, ..ValueSum::default() };
    let place = (value.item, value.location, value.inventory_group.clone());
    add_value(posting, (place, value.posting_date), stock)?;
    let wip = ValueSum {
        wip: plus(plus(wip.consumption, wip.capacity)?, wip.output.negated())?,
        wip_expected: wip.output_expected.negated(),
        ..ValueSum::default()
    };
    let (location, group) = assembly::wip_place(&*posting.draft, value);
    add_value(posting, ((value.item, location, group), value.posting_date), wip)
}

/// Adds to the sums of an item at a place.
fn add_value(
    posting: &mut Posting<'_, '_>,
    (place, date): ((ItemId, LocationId, String), NaiveDate),
    more: ValueSum,
) -> Result<(), Stop> {
    if more == ValueSum::default() {
        return Ok(());
    }
    for level in [YEAR, MONTH, DAY] {
        let first = first_day(level, date);
        let key = (level, first, place.2.clone(), place.1, place.0);
        let before = posting.draft.row::<ValueSums>(&key).map(|sum| *sum);
        if level == YEAR && before.is_none() {
            remember_place(posting, &place, first);
        }
        let sum = together(before.unwrap_or_default(), more)?;
        posting.draft.put::<ValueSums>(&key, sum);
    }
    Ok(())
}

/// The first year of an item at a place, with the first value of a year there.
fn remember_place(
    posting: &mut Posting<'_, '_>,
    place: &(ItemId, LocationId, String),
    year: NaiveDate,
) {
    let first = posting.draft.row::<ValuePlaces>(place).map(|date| *date);
    if first.is_none_or(|first| year < first) {
        posting.draft.put::<ValuePlaces>(place, year);
    }
}

fn remember_date(
    posting: &mut Posting<'_, '_>,
    (kind, no): &(OrderKind, DocumentNo),
    value: &ValueEntry,
) {
    let key = (kind.number(), no.clone());
    let known = posting.draft.row::<OrderDates>(&key).map(|dates| *dates);
    let date = value.valuation_date;
    let made = value.entry.0 != 0
        && matches!(value.entry_type, EntryType::Output | EntryType::AssemblyOutput);
    let before = known.and_then(|known| known.output);
    let output = match (before, made) {
        (Some(before), true) => Some(before.min(date)),
        (before, false) => before,
        (None, true) => Some(date),
    };
    let dates = OrderDate { any: known.map_or(date, |known| known.any.min(date)), output };
    if known != Some(dates) {
        posting.draft.put::<OrderDates>(&key, dates);
    }
}

fn add_wip(
    posting: &mut Posting<'_, '_>,
    (kind, no): (u8, &DocumentNo),
    date: NaiveDate,
    more: WipSum,
) -> Result<(), Stop> {
    if more == WipSum::default() {
        return Ok(());
    }
    for level in [YEAR, MONTH, DAY] {
        let key = (level, first_day(level, date), kind, no.clone());
        let before = posting.draft.row::<WipSums>(&key).map(|sum| *sum).unwrap_or_default();
        posting.draft.put::<WipSums>(&key, wip_together(before, more)?);
    }
    Ok(())
}

/// Both together.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn together(left: ValueSum, right: ValueSum) -> Result<ValueSum, Stop> {
    Ok(ValueSum {
        into: side_together(left.into, right.into)?,
        out: side_together(left.out, right.out)?,
        wip: sum(left.wip, right.wip)?,
        wip_expected: sum(left.wip_expected, right.wip_expected)?,
    })
}

/// Both together.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn side_together(left: ValueSide, right: ValueSide) -> Result<ValueSide, Stop> {
    Ok(ValueSide {
        quantity: add(left.quantity, right.quantity)?,
        invoiced: add(left.invoiced, right.invoiced)?,
        actual: sum(left.actual, right.actual)?,
        expected: sum(left.expected, right.expected)?,
    })
}

/// Both together.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn wip_together(left: WipSum, right: WipSum) -> Result<WipSum, Stop> {
    Ok(WipSum {
        consumption: sum(left.consumption, right.consumption)?,
        capacity: sum(left.capacity, right.capacity)?,
        output: sum(left.output, right.output)?,
        output_expected: sum(left.output_expected, right.output_expected)?,
    })
}

/// The same, taken away where `less`.
pub(crate) fn signed(sum: ValueSum, less: bool) -> ValueSum {
    if !less {
        return sum;
    }
    ValueSum {
        into: negated(sum.into),
        out: negated(sum.out),
        wip: sum.wip.negated(),
        wip_expected: sum.wip_expected.negated(),
    }
}

/// The same the other way.
pub(crate) fn negated(side: ValueSide) -> ValueSide {
    ValueSide {
        quantity: side.quantity.negated(),
        invoiced: side.invoiced.negated(),
        actual: side.actual.negated(),
        expected: side.expected.negated(),
    }
}

/// The sum; most of what is added is nothing.
fn sum(left: Money, right: Money) -> Result<Money, Stop> {
    if right.is_zero() {
        return Ok(left);
    }
    if left.is_zero() { Ok(right) } else { plus(left, right) }
}
