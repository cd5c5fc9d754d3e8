//! What may be posted when: posting dates of the company and its users, inventory periods, the earliest
//! allowed valuation date (COSTING 18, 19).
//!
//! Not here: what an adjustment is dated (`costing::date`).

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::outcome::Reason;

use crate::costing::{date, setup};
use crate::posting::{Posting, Stop};
use crate::schema::EntryNo;
use crate::schema::money::UserSetups;
use crate::tables::Read as _;

/// Whether something may be posted at the desk on `date`.
///
/// # Errors
///
/// `posting_date_not_allowed`, `period_closed`, `before_earliest_allowed_valuation_date`.
pub(crate) fn check_posting(posting: &Posting<'_, '_>, date: NaiveDate) -> Result<(), Stop> {
    let setup = setup(&*posting.draft);
    let own = posting
        .act
        .operator
        .as_ref()
        .and_then(|user| posting.draft.row::<UserSetups>(user))
        .filter(|own| own.allow_posting_from.is_some() || own.allow_posting_to.is_some());
    let (from, to) = match own {
        Some(own) => (own.allow_posting_from, own.allow_posting_to),
        None => (setup.allow_posting_from, setup.allow_posting_to),
    };
    if from.is_some_and(|from| date < from) || to.is_some_and(|to| date > to) {
        return Err(Stop::Refuse(Reason::new(Code::PostingDateNotAllowed).word("date", date)));
    }
    if date::closed_until(&*posting.draft).is_some_and(|end| date <= end) {
        return Err(Stop::Refuse(Reason::new(Code::PeriodClosed).word("date", date)));
    }
    match setup.earliest_valuation_date {
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
    match setup(&*posting.draft).earliest_valuation_date {
        Some(earliest) if date < earliest => {
            let reason = Reason::new(Code::BeforeEarliestAllowedValuationDate);
            Err(Stop::Refuse(reason.word("date", date).word("earliest", earliest)))
        }
        _ => Ok(()),
    }
}

/// Whether an entry may be named by a posting, as what it is applied to.
///
/// # Errors
///
/// `applies_to_before_earliest_allowed_valuation_date`.
pub(crate) fn check_named(posting: &Posting<'_, '_>, no: EntryNo) -> Result<(), Stop> {
    let valued = posting.state(no).valuation_date;
    match setup(&*posting.draft).earliest_valuation_date {
        Some(earliest) if valued < earliest => {
            let reason = Reason::new(Code::AppliesToBeforeEarliest).word("entry", no);
            Err(Stop::Refuse(reason.word("date", valued).word("earliest", earliest)))
        }
        _ => Ok(()),
    }
}
