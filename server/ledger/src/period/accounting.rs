//! Accounting periods and fiscal years.

use chrono::{Days, Months, NaiveDate};
use protocol::code::Code;
use protocol::outcome::Reason;
use serde::{Deserialize, Serialize};

use crate::command::{malformed, not_found};
use crate::costing::{rebuild, setup};
use crate::key::KeyRange;
use crate::posting::{Posting, Stop};
use crate::schema::money::{AccountingPeriod, AccountingPeriods, AveragePeriod};
use crate::tables::{Read as _, Tables};

/// The most periods that one fiscal year is made of: one per day.
const PERIODS_MAX: u32 = 366;

/// The unit of a period's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LengthUnit {
    /// Days.
    Day,
    /// Weeks.
    Week,
    /// Months.
    Month,
    /// Quarters.
    Quarter,
    /// Years.
    Year,
}

/// Creates a fiscal year: its accounting periods, and the first day of the year behind it, so that its
/// last period has an end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateFiscalYear {
    /// Its first day. Where there are periods, the day on which the last year ends, or one from which
    /// this year reaches to the first.
    pub start_date: NaiveDate,
    /// How many periods it has.
    pub periods: u32,
    /// How long each is, in `unit`.
    #[serde(default = "one")]
    pub length: u32,
    /// The unit of `length`.
    #[serde(default = "month")]
    pub unit: LengthUnit,
}

const fn one() -> u32 {
    1
}

const fn month() -> LengthUnit {
    LengthUnit::Month
}

/// Closes the earliest fiscal year that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CloseFiscalYear {}

/// A fiscal year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiscalYear {
    /// Its first day.
    pub start: NaiveDate,
    /// The first day of the next one; none where that is not created.
    pub next: Option<NaiveDate>,
    /// The first days of its periods.
    pub periods: Vec<NaiveDate>,
    /// It is closed.
    pub closed: bool,
}

/// The accounting periods, by their first day.
pub fn periods(tables: &(impl Tables + ?Sized)) -> Vec<(NaiveDate, AccountingPeriod)> {
    tables
        .list::<AccountingPeriods>(&KeyRange::all())
        .into_iter()
        .map(|(start, row)| (start, (*row).clone()))
        .collect()
}

/// The fiscal years. The last one is only begun: it is the end of the one before it until it is created.
pub fn fiscal_years(tables: &(impl Tables + ?Sized)) -> Vec<FiscalYear> {
    let mut years: Vec<FiscalYear> = Vec::new();
    for (start, row) in periods(tables) {
        if row.new_fiscal_year || years.is_empty() {
            if let Some(last) = years.last_mut() {
                last.next = Some(start);
            }
            years.push(FiscalYear { start, next: None, periods: vec![start], closed: row.closed });
        } else if let Some(last) = years.last_mut() {
            last.periods.push(start);
        }
    }
    years
}

/// The first day of the first fiscal year that is open, where an earlier one is closed.
pub fn kept_before(tables: &(impl Tables + ?Sized)) -> Option<NaiveDate> {
    let years = fiscal_years(tables);
    let closed = years.iter().any(|year| year.closed);
    let open = years.iter().find(|year| !year.closed);
    open.filter(|_year| closed).map(|year| year.start)
}

pub(crate) fn create(posting: &mut Posting<'_, '_>, new: &CreateFiscalYear) -> Result<(), Stop> {
    if new.periods == 0 || new.periods > PERIODS_MAX || new.length == 0 {
        return Err(Stop::Refuse(malformed(&"a fiscal year has periods, and each has a length")));
    }
    let mut starts = vec![new.start_date];
    for n in 1..=new.periods {
        let start = nth_start(new, n).ok_or_else(|| Stop::refuse(Code::NumberOutOfRange))?;
        starts.push(start);
    }
    let known = periods(&*posting.draft);
    let end = starts.last().copied().unwrap_or(new.start_date);
    let first = known.first().map(|row| row.0);
    let last = known.last().map(|row| row.0);
    let behind = last.is_none_or(|last| last == new.start_date);
    let before = first.is_some_and(|first| first == end);
    if !behind && !before {
        let reason = Reason::new(Code::AlreadyExists).word("what", new.start_date);
        return Err(Stop::Refuse(reason));
    }
    for start in &starts {
        if *start != end || behind {
            let row = AccountingPeriod {
                name: start.format("%B %Y").to_string(),
                new_fiscal_year: *start == new.start_date || *start == end,
                closed: false,
            };
            posting.draft.put::<AccountingPeriods>(start, row);
        }
    }
    // The averages of accounting periods have other ends now.
    if setup(&*posting.draft).average_period == AveragePeriod::AccountingPeriod {
        rebuild::ask(posting);
    }
    Ok(())
}

/// The first day of the period that `n` periods lie before.
fn nth_start(new: &CreateFiscalYear, n: u32) -> Option<NaiveDate> {
    let count = new.length.checked_mul(n)?;
    let days =
        |each: u64| new.start_date.checked_add_days(Days::new(u64::from(count).checked_mul(each)?));
    let months =
        |each: u32| new.start_date.checked_add_months(Months::new(count.checked_mul(each)?));
    match new.unit {
        LengthUnit::Day => days(1),
        LengthUnit::Week => days(7),
        LengthUnit::Month => months(1),
        LengthUnit::Quarter => months(3),
        LengthUnit::Year => months(12),
    }
}

pub(crate) fn close_earliest(posting: &mut Posting<'_, '_>) -> Result<(), Stop> {
    let year = fiscal_years(&*posting.draft)
        .into_iter()
        .find(|year| !year.closed)
        .filter(|year| year.next.is_some_and(|next| next <= posting.act.posting_date))
        .ok_or_else(|| not_found(&"a fiscal year that is open and over"))?;
    for start in year.periods {
        if let Some(row) = posting.draft.row::<AccountingPeriods>(&start) {
            let row = AccountingPeriod { closed: true, ..(*row).clone() };
            posting.draft.put::<AccountingPeriods>(&start, row);
        }
    }
    Ok(())
}
