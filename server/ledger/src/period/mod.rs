//! What may be posted when: posting dates of the company and its users, accounting and inventory periods,
//! the earliest allowed valuation date (COSTING 18, 19).
//!
//! The desk is refused. What a device recorded is not: a fact dated into a closed time is posted on the
//! first day that is open, with that said in its outcome; the time at which it was done stays what it was
//! (CONFLICTS 24).
//!
//! Not here: what an adjustment is dated (`costing::date`).
//!
//! Order of reading: this file, [`accounting`], [`inventory`], [`setup`].

pub mod accounting;
pub mod inventory;
pub mod setup;

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::outcome::Reason;
use protocol::words::OperatorId;

use crate::costing::date;
use crate::key::KeyRange;
use crate::posting::{Act, Posting, Stop};
use crate::schema::EntryNo;
use crate::schema::gl::LatePostings;
use crate::schema::money::{AccountingPeriods, UserSetups};
use crate::tables::{Read as _, Tables};

/// Whether something may be posted at the desk on `date`.
///
/// # Errors
///
/// `posting_date_not_allowed`, `period_closed`, `before_earliest_allowed_valuation_date`.
pub(crate) fn check_posting(posting: &Posting<'_, '_>, date: NaiveDate) -> Result<(), Stop> {
    check_range(&*posting.draft, date, posting.act.operator.as_ref())?;
    if date::closed_until(&*posting.draft).is_some_and(|end| date <= end) {
        return Err(Stop::Refuse(Reason::new(Code::PeriodClosed).word("date", date)));
    }
    match crate::costing::setup(&*posting.draft).earliest_valuation_date {
        Some(earliest) if date < earliest => {
            let reason = Reason::new(Code::BeforeEarliestAllowedValuationDate);
            Err(Stop::Refuse(reason.word("date", date).word("earliest", earliest)))
        }
        _ => Ok(()),
    }
}

/// Whether an entry may be undone: not when it counts from before the earliest allowed valuation date.
///
/// # Errors
///
/// `before_earliest_allowed_valuation_date`.
pub(crate) fn check_undone(posting: &Posting<'_, '_>, no: EntryNo) -> Result<(), Stop> {
    let date = posting.entry(no).posting_date;
    match crate::costing::setup(&*posting.draft).earliest_valuation_date {
        Some(earliest) if date < earliest => {
            let reason = Reason::new(Code::BeforeEarliestAllowedValuationDate);
            Err(Stop::Refuse(reason.word("date", date).word("earliest", earliest)))
        }
        _ => Ok(()),
    }
}

/// The first and the last date that somebody may post on: their own where any is set, else the company's.
pub fn range_of(
    tables: &(impl Tables + ?Sized),
    operator: Option<&OperatorId>,
) -> (Option<NaiveDate>, Option<NaiveDate>) {
    let own = operator
        .and_then(|user| tables.row::<UserSetups>(user))
        .filter(|own| own.allow_posting_from.is_some() || own.allow_posting_to.is_some());
    if let Some(own) = own {
        (own.allow_posting_from, own.allow_posting_to)
    } else {
        let setup = crate::costing::setup(tables);
        (setup.allow_posting_from, setup.allow_posting_to)
    }
}

/// Whether `date` is among the dates that somebody may post on.
///
/// # Errors
///
/// `posting_date_not_allowed`.
pub(crate) fn check_range(
    tables: &(impl Tables + ?Sized),
    date: NaiveDate,
    operator: Option<&OperatorId>,
) -> Result<(), Stop> {
    let (from, to) = range_of(tables, operator);
    if from.is_some_and(|from| date < from) || to.is_some_and(|to| date > to) {
        return Err(Stop::Refuse(Reason::new(Code::PostingDateNotAllowed).word("date", date)));
    }
    Ok(())
}

/// Whether an entry may be named by a posting, as what it is applied to.
///
/// # Errors
///
/// `applies_to_before_earliest_allowed_valuation_date`.
pub(crate) fn check_named(posting: &Posting<'_, '_>, no: EntryNo) -> Result<(), Stop> {
    let date = posting.entry(no).posting_date;
    match crate::costing::setup(&*posting.draft).earliest_valuation_date {
        Some(earliest) if date < earliest => {
            let reason = Reason::new(Code::AppliesToBeforeEarliest).word("entry", no);
            Err(Stop::Refuse(reason.word("date", date).word("earliest", earliest)))
        }
        _ => Ok(()),
    }
}

/// Whether `date` lies in a closed accounting period: the general ledger takes nothing there.
pub fn is_year_closed(tables: &(impl Tables + ?Sized), date: NaiveDate) -> bool {
    let Some(next) = date.succ_opt() else { return false };
    tables
        .last::<AccountingPeriods>(&KeyRange::prefix_before(&(), &next))
        .is_some_and(|(_start, period)| period.closed)
}

/// The first day, from `date` on, on which a fact is booked: behind the last closed inventory period, not
/// before the company's or the operator's own first posting date nor the earliest allowed valuation date,
/// and not in a closed fiscal year.
/// A last posting date moves nothing: a fact is never dated back.
pub fn open_date(
    tables: &(impl Tables + ?Sized),
    date: NaiveDate,
    operator: Option<&OperatorId>,
) -> NaiveDate {
    let open = date::closed_until(tables).and_then(|end| end.succ_opt());
    let earliest = crate::costing::setup(tables).earliest_valuation_date;
    let (from, _to) = range_of(tables, operator);
    let date = [open, earliest, from].into_iter().flatten().fold(date, NaiveDate::max);
    if is_year_closed(tables, date) {
        return accounting::kept_before(tables).map_or(date, |start| date.max(start));
    }
    date
}

/// Moves the date of an act that nobody chose (a device's, the system's) to the first open day; answers
/// the day on which it was done when that is another one.
pub(crate) fn move_to_open(tables: &(impl Tables + ?Sized), act: &mut Act) -> Option<NaiveDate> {
    let done_on = act.posting_date;
    act.posting_date = open_date(tables, done_on, act.operator.as_ref());
    (act.posting_date != done_on).then_some(done_on)
}

/// A fact that was done on `done_on` is booked later: its outcome says so, and finance finds it by the day
/// that was closed. A fact that books nothing has no date.
pub(crate) fn tell_late(posting: &mut Posting<'_, '_>, done_on: NaiveDate) {
    if posting.posted.item_ledger.is_empty() {
        return;
    }
    let booked_on = posting.act.posting_date;
    posting.decision.changed(Reason::new(Code::PeriodClosed).word("date", done_on));
    posting.decision.field("posting_date", done_on, booked_on);
    let key = (done_on, posting.act.operation);
    posting.draft.put::<LatePostings>(&key, booked_on);
}

/// Facts that were done on days from `from` to `until` and booked later because those were closed: the
/// day, the operation, the day of the books.
pub fn late_postings(
    tables: &(impl Tables + ?Sized),
    from: NaiveDate,
    until: NaiveDate,
) -> Vec<(NaiveDate, protocol::identity::OperationId, NaiveDate)> {
    let Some(beyond) = until.succ_opt() else { return Vec::new() };
    tables
        .list::<LatePostings>(&KeyRange::between(&from, &beyond))
        .into_iter()
        .map(|((done_on, operation), booked_on)| (done_on, operation, *booked_on))
        .collect()
}

#[cfg(test)]
mod tests;
