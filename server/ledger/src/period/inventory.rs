//! Inventory periods: nothing is posted up to the end of a closed one (COSTING 19.1).

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::outcome::Reason;
use serde::{Deserialize, Serialize};

use crate::command::not_found;
use crate::costing::{date, work};
use crate::key::KeyRange;
use crate::period::setup::marked_orders;
use crate::posting::{Posting, Stop};
use crate::schema::entry::OpenOutbound;
use crate::schema::item::Items;
use crate::schema::money::{
    InventoryPeriod, InventoryPeriodEntries, InventoryPeriodEntry, InventoryPeriods,
    UnadjustedByDate,
};
use crate::schema::{Counter, EntryNo, ItemId, book};
use crate::tables::{Read as _, Tables, each_of};

/// Items that a reason names at most.
const NAMED_MAX: usize = 10;

/// Creates an inventory period, or names it anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutInventoryPeriod {
    /// Its last day.
    pub ending_date: NaiveDate,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Closed or open without the tests that closing makes: for setting a company up. The system's alone,
    /// `right_missing` for everybody else. Left out: a new period is open, a known one stays as it is.
    #[serde(default)]
    pub unchecked_closed: Option<bool>,
}

/// Names an inventory period: to close it with all earlier ones, to reopen it with all later ones, or to
/// delete it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryPeriodOf {
    /// Its last day.
    pub ending_date: NaiveDate,
}

/// Inventory periods with their closings and reopenings.
pub fn periods(
    tables: &(impl Tables + ?Sized),
) -> Vec<(NaiveDate, InventoryPeriod, Vec<InventoryPeriodEntry>)> {
    tables
        .list::<InventoryPeriods>(&KeyRange::all())
        .into_iter()
        .map(|(end, row)| {
            let entries = tables.list::<InventoryPeriodEntries>(&KeyRange::prefix(&(end,)));
            let entries = entries.into_iter().map(|(_key, entry)| (*entry).clone()).collect();
            (end, (*row).clone(), entries)
        })
        .collect()
}

/// Everything that stands in the way of closing the period that ends on `ending_date`, at once: open
/// decreases, costs that are not adjusted, orders that are not adjusted. Empty: it can be closed.
pub fn closing_tests(tables: &(impl Tables + ?Sized), ending_date: NaiveDate) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let negative = negative_items(tables, ending_date);
    if !negative.is_empty() {
        let reason = Reason::new(Code::PeriodHasNegativeInventory);
        reasons.push(reason.word("item", names(tables, &negative)));
    }
    let unadjusted = unadjusted_items(tables, ending_date);
    if !unadjusted.is_empty() {
        let reason = Reason::new(Code::PeriodHasUnadjustedCosts).word("date", ending_date);
        reasons.push(reason.word("item", names(tables, &unadjusted)));
    }
    let orders =
        marked_orders(tables, |dates| dates.output.is_some_and(|date| date <= ending_date));
    if !orders.is_empty() {
        let reason = Reason::new(Code::PeriodHasUnadjustedOrders).word("date", ending_date);
        reasons.push(reason.word("order", orders.join(", ")));
    }
    reasons
}

/// Items with decreases that found no supply, dated up to `until`. Costs what is open.
fn negative_items(tables: &(impl Tables + ?Sized), until: NaiveDate) -> BTreeSet<ItemId> {
    let mut items = BTreeSet::new();
    each_of::<OpenOutbound>(
        tables,
        &KeyRange::all(),
        false,
        &mut |(pool, _transfer, date, _no), _remaining| {
            if date <= until {
                items.insert(pool.item);
            }
            more(&items)
        },
    );
    items
}

fn unadjusted_items(tables: &(impl Tables + ?Sized), until: NaiveDate) -> BTreeSet<ItemId> {
    let mut items = BTreeSet::new();
    each_of::<UnadjustedByDate>(tables, &KeyRange::all(), false, &mut |(from, pool), _row| {
        if from > until {
            return ControlFlow::Break(());
        }
        items.insert(pool.item);
        more(&items)
    });
    items
}

fn more(items: &BTreeSet<ItemId>) -> ControlFlow<()> {
    if items.len() > NAMED_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Numbers of items for people: the first few, and that there are more.
fn names(tables: &(impl Tables + ?Sized), items: &BTreeSet<ItemId>) -> String {
    let name = |item: &ItemId| {
        tables.row::<Items>(item).map_or_else(|| item.to_string(), |row| row.no.to_string())
    };
    let named: Vec<String> = items.iter().take(NAMED_MAX).map(name).collect();
    let rest = if items.len() > NAMED_MAX { " …" } else { "" };
    format!("{}{rest}", named.join(", "))
}

pub(crate) fn put(posting: &mut Posting<'_, '_>, put: &PutInventoryPeriod) -> Result<(), Stop> {
    let known = posting.draft.row::<InventoryPeriods>(&put.ending_date);
    if put.unchecked_closed.is_none()
        && known.is_none()
        && date::closed_until(&*posting.draft).is_some_and(|end| put.ending_date <= end)
    {
        let reason = Reason::new(Code::PeriodClosed).word("date", put.ending_date);
        return Err(Stop::Refuse(reason));
    }
    let closed = known.is_some_and(|row| row.closed);
    let row = InventoryPeriod { name: put.name.clone(), closed };
    posting.draft.put::<InventoryPeriods>(&put.ending_date, row);
    if let Some(unchecked) = put.unchecked_closed.filter(|unchecked| *unchecked != closed) {
        set_closed(posting, put.ending_date, unchecked);
    }
    Ok(())
}

pub(crate) fn delete(posting: &mut Posting<'_, '_>, of: InventoryPeriodOf) -> Result<(), Stop> {
    if period(posting, of)?.closed {
        let reason = Reason::new(Code::ClosedPeriodCannotBeDeleted).word("date", of.ending_date);
        return Err(Stop::Refuse(reason));
    }
    posting.draft.delete::<InventoryPeriods>(&of.ending_date);
    Ok(())
}

/// Closes a period and all open ones before it. What is queued for adjustment is settled first, as far as
/// one decision goes; what is left then is in the way, and the system goes on with it.
pub(crate) fn close(posting: &mut Posting<'_, '_>, of: InventoryPeriodOf) -> Result<(), Stop> {
    if period(posting, of)?.closed {
        let reason = Reason::new(Code::PeriodAlreadyClosed).word("date", of.ending_date);
        return Err(Stop::Refuse(reason));
    }
    work::settle(posting, None)?;
    let reasons = closing_tests(&*posting.draft, of.ending_date);
    if !reasons.is_empty() {
        return Err(Stop::Park(reasons, Vec::new()));
    }
    let beyond = of.ending_date.succ_opt().unwrap_or(of.ending_date);
    let range = KeyRange::prefix_before(&(), &beyond);
    for (end, row) in posting.draft.list::<InventoryPeriods>(&range) {
        if !row.closed {
            set_closed(posting, end, true);
        }
    }
    Ok(())
}

/// Reopens a period and all closed ones behind it.
pub(crate) fn reopen(posting: &mut Posting<'_, '_>, of: InventoryPeriodOf) -> Result<(), Stop> {
    if !period(posting, of)?.closed {
        let reason = Reason::new(Code::PeriodNotClosed).word("date", of.ending_date);
        return Err(Stop::Refuse(reason));
    }
    posting.retry_orders();
    let range = KeyRange::prefix_from(&(), &of.ending_date);
    for (end, row) in posting.draft.list::<InventoryPeriods>(&range) {
        if row.closed {
            set_closed(posting, end, false);
        }
    }
    Ok(())
}

fn period(posting: &Posting<'_, '_>, of: InventoryPeriodOf) -> Result<InventoryPeriod, Stop> {
    posting
        .draft
        .row::<InventoryPeriods>(&of.ending_date)
        .map(|row| (*row).clone())
        .ok_or_else(|| not_found(&of.ending_date))
}

fn set_closed(posting: &mut Posting<'_, '_>, end: NaiveDate, closed: bool) {
    let row = posting.draft.row::<InventoryPeriods>(&end);
    let name = row.map(|row| row.name.clone()).unwrap_or_default();
    posting.draft.put::<InventoryPeriods>(&end, InventoryPeriod { name, closed });
    let last = posting.draft.last::<InventoryPeriodEntries>(&KeyRange::prefix(&(end,)));
    let no = last.map_or(0, |((_end, no), _row)| no).saturating_add(1);
    let values = posting.draft.row::<book::Counters>(&Counter::ValueEntry.number());
    let entry = InventoryPeriodEntry {
        closed,
        operator: posting.act.operator.clone(),
        last_value_entry: EntryNo(values.map_or(0, |last| *last)),
        written: posting.written(),
    };
    posting.draft.put::<InventoryPeriodEntries>(&(end, no), entry);
}
