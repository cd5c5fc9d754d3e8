//! What the inventory setup may be changed to (COSTING 9.1, 19.2).

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::outcome::Reason;
use protocol::words::DocumentNo;

use crate::assembly;
use crate::costing::rebuild;
use crate::key::KeyRange;
use crate::period::accounting::{FiscalYear, fiscal_years, kept_before};
use crate::posting::{Posting, Stop};
use crate::schema::gl::{OrderDate, OrderDates};
use crate::schema::money::{
    InventorySetup, InventorySetups, OrderKind, OrderMarks, UnadjustedByDate,
};
use crate::schema::order::Orders;
use crate::tables::{Read as _, Tables};

/// Puts a setup; with `checked`, after the checks that a user meets. Other periods or pools of averages
/// make all averages anew.
///
/// # Errors
///
/// `unadjusted_entries_before_date`, `unadjusted_orders_before_date`, `open_orders_before_date`,
/// `average_setup_locked`.
pub(crate) fn put(
    posting: &mut Posting<'_, '_>,
    new: &InventorySetup,
    checked: bool,
) -> Result<(), Stop> {
    let before = crate::costing::setup(&*posting.draft);
    let earliest = new.earliest_valuation_date;
    if let Some(earliest) = earliest
        && checked
        && before.earliest_valuation_date != Some(earliest)
    {
        check_earliest(&*posting.draft, earliest).map_err(Stop::Refuse)?;
    }
    let averages_change =
        (before.average_period, before.average_type) != (new.average_period, new.average_type);
    let mut row = InventorySetup {
        averages_kept_before: before.averages_kept_before,
        averages_kept_type: before.averages_kept_type,
        ..new.clone()
    };
    if averages_change {
        if checked {
            check_averages(&*posting.draft, earliest).map_err(Stop::Refuse)?;
        }
        row.averages_kept_before = kept_before(&*posting.draft);
        if row.averages_kept_before != before.averages_kept_before {
            row.averages_kept_type = before.average_type;
        }
    }
    posting.draft.put::<InventorySetups>(&(), row);
    posting.retry_orders();
    if averages_change {
        rebuild::ask(posting);
    }
    Ok(())
}

/// Whether nothing before `earliest` is still to be adjusted, in the order of the codes.
///
/// # Errors
///
/// `unadjusted_entries_before_date`, `unadjusted_orders_before_date`, `open_orders_before_date`.
pub fn check_earliest(tables: &(impl Tables + ?Sized), earliest: NaiveDate) -> Result<(), Reason> {
    let refused = |code| Err(Reason::new(code).word("date", earliest));
    let first = tables.first::<UnadjustedByDate>(&KeyRange::all());
    if first.is_some_and(|((from, _pool), _row)| from < earliest) {
        return refused(Code::UnadjustedEntriesBeforeDate);
    }
    if !marked_orders(tables, |dates| dates.any < earliest).is_empty() {
        return refused(Code::UnadjustedOrdersBeforeDate);
    }
    if !open_orders(tables, |dates| dates.any < earliest).is_empty() {
        return refused(Code::OpenOrdersBeforeDate);
    }
    Ok(())
}

/// Whether averages may get other periods or pools: all of an open fiscal year is made anew then, so nothing of
/// it may lie before the earliest allowed valuation date, where costs stay as they are (COSTING 9.1, 19.2).
/// Years that are closed keep the costs that they have, and behind them one is always open; a closed inventory
/// period only moves the date of what is adjusted in it.
///
/// # Errors
///
/// `average_setup_locked`.
pub fn check_averages(
    tables: &(impl Tables + ?Sized),
    earliest: Option<NaiveDate>,
) -> Result<(), Reason> {
    let Some(earliest) = earliest else { return Ok(()) };
    let in_it = |year: &FiscalYear| {
        !year.closed && year.start < earliest && year.next.is_none_or(|next| earliest < next)
    };
    if fiscal_years(tables).iter().any(in_it) {
        let last = earliest.pred_opt().unwrap_or(earliest);
        return Err(Reason::new(Code::AverageSetupLocked).word("date", last));
    }
    Ok(())
}

/// Finished orders whose output is not adjusted, of those whose dates `wanted` takes.
pub(crate) fn marked_orders(
    tables: &(impl Tables + ?Sized),
    wanted: impl Fn(&OrderDate) -> bool,
) -> Vec<String> {
    tables
        .list::<OrderMarks>(&KeyRange::all())
        .into_iter()
        .map(|(key, _row)| key)
        .filter(|key| is_finished(tables, key))
        .filter(|key| tables.row::<OrderDates>(key).is_some_and(|dates| wanted(&dates)))
        .map(|(_kind, no)| no.to_string())
        .collect()
}

/// Production orders that are not finished, of those whose dates `wanted` takes. An assembly is finished
/// with its posting.
pub(crate) fn open_orders(
    tables: &(impl Tables + ?Sized),
    wanted: impl Fn(&OrderDate) -> bool,
) -> Vec<String> {
    tables
        .list::<OrderDates>(&KeyRange::prefix(&(OrderKind::Production.number(),)))
        .into_iter()
        .filter(|(key, dates)| wanted(dates) && !is_finished(tables, key))
        .map(|((_kind, no), _dates)| no.to_string())
        .collect()
}

/// Whether nothing more is posted to an order.
fn is_finished(tables: &(impl Tables + ?Sized), key: &(u8, DocumentNo)) -> bool {
    let Some(kind) = assembly::kind_of(key.0) else { return false };
    assembly::is_adjustable(kind, &tables.row::<Orders>(key).unwrap_or_default())
}
