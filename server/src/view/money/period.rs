//! Which dates are open: inventory periods, fiscal years, posting dates.

use chrono::NaiveDate;
use ledger::costing::setup;
use ledger::key::KeyRange;
use ledger::period::accounting::fiscal_years;
use ledger::period::inventory::{closing_tests, periods};
use ledger::schema::money::UserSetups;
use ledger::tables::{Read as _, Tables};
use protocol::outcome::Reason;
use protocol::text::Language;
use serde::Serialize;

use crate::view::operation::{ReasonView, reasons};
use crate::view::sheet::{Cell, Line};

/// An inventory period, with what stands in the way of closing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// Its last day.
    pub ending_date: NaiveDate,
    /// Its name.
    pub name: String,
    /// Nothing is posted up to its last day.
    pub closed: bool,
    /// What stands in the way of closing it: all of it.
    pub obstacles: Vec<Reason>,
    /// Closings and reopenings: closed, who, the last value entry then, the operation.
    pub history: Vec<PeriodChange>,
}

/// A closing or reopening.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PeriodChange {
    /// Closed, or reopened.
    pub closed: bool,
    /// Who.
    pub user: Option<String>,
    /// The last value entry then.
    pub last_value_entry: u64,
    /// The operation.
    pub operation: String,
}

/// An inventory period, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PeriodView {
    /// Its last day.
    pub ending_date: NaiveDate,
    /// Its name.
    pub name: String,
    /// Nothing is posted up to its last day.
    pub closed: bool,
    /// What stands in the way of closing it.
    pub obstacles: Vec<ReasonView>,
    /// Closings and reopenings.
    pub history: Vec<PeriodChange>,
}

impl Period {
    /// As it is told to a reader of `language`.
    pub fn told(self, language: Language) -> PeriodView {
        PeriodView {
            ending_date: self.ending_date,
            name: self.name,
            closed: self.closed,
            obstacles: reasons(&self.obstacles, language),
            history: self.history,
        }
    }
}

impl Line for Period {
    const HEAD: &'static [&'static str] = &["ending_date", "name", "closed", "obstacles"];

    fn line(&self) -> Vec<Cell> {
        let codes: Vec<&str> = self.obstacles.iter().map(|reason| reason.code.as_str()).collect();
        vec![
            Cell::Date(self.ending_date),
            self.name.as_str().into(),
            Cell::Flag(self.closed),
            codes.join(" ").into(),
        ]
    }
}

/// The inventory periods, the open ones with the tests of their closing.
pub fn inventory_periods(tables: &dyn Tables) -> Vec<Period> {
    periods(tables)
        .into_iter()
        .map(|(ending_date, row, entries)| Period {
            ending_date,
            name: row.name,
            closed: row.closed,
            obstacles: if row.closed { Vec::new() } else { closing_tests(tables, ending_date) },
            history: entries
                .into_iter()
                .map(|entry| PeriodChange {
                    closed: entry.closed,
                    user: entry.operator.as_ref().map(ToString::to_string),
                    last_value_entry: entry.last_value_entry.0,
                    operation: entry.written.operation.to_string(),
                })
                .collect(),
        })
        .collect()
}

/// A fiscal year.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FiscalYearView {
    /// Its first day.
    pub start: NaiveDate,
    /// Its last day; none where the year is only begun, as the end of the one before it.
    pub end: Option<NaiveDate>,
    /// It is closed.
    pub closed: bool,
    /// The first days of its periods.
    pub periods: Vec<NaiveDate>,
}

impl Line for FiscalYearView {
    const HEAD: &'static [&'static str] = &["start", "end", "closed", "periods"];

    fn line(&self) -> Vec<Cell> {
        vec![
            Cell::Date(self.start),
            Cell::day(self.end),
            Cell::Flag(self.closed),
            Cell::Number(self.periods.len().try_into().unwrap_or(u64::MAX)),
        ]
    }
}

/// The fiscal years.
pub fn years(tables: &dyn Tables) -> Vec<FiscalYearView> {
    fiscal_years(tables)
        .into_iter()
        .map(|year| FiscalYearView {
            start: year.start,
            end: year.next.and_then(|next| next.pred_opt()),
            closed: year.closed,
            periods: year.periods,
        })
        .collect()
}

/// The dates that somebody may post on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PostingDatesView {
    /// Whose; empty for everybody who has none of their own.
    pub user: String,
    /// No posting before this date.
    pub from: Option<NaiveDate>,
    /// No posting after this date.
    pub to: Option<NaiveDate>,
}

impl Line for PostingDatesView {
    const HEAD: &'static [&'static str] = &["user", "from", "to"];

    fn line(&self) -> Vec<Cell> {
        vec![self.user.as_str().into(), Cell::day(self.from), Cell::day(self.to)]
    }
}

/// The dates of the company, then those of users that have their own.
pub fn posting_dates(tables: &dyn Tables) -> Vec<PostingDatesView> {
    let company = setup(tables);
    let mut rows = vec![PostingDatesView {
        user: String::new(),
        from: company.allow_posting_from,
        to: company.allow_posting_to,
    }];
    let users = tables.list::<UserSetups>(&KeyRange::all());
    rows.extend(users.into_iter().map(|(user, row)| PostingDatesView {
        user: user.to_string(),
        from: row.allow_posting_from,
        to: row.allow_posting_to,
    }));
    rows
}
