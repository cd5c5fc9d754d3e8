//! Dates and times as labels carry them.

use chrono::{Months, NaiveDate};

use super::key::all_digits;

/// Whether a day of 00 stands for the last day of the month.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ZeroDay {
    LastOfMonth,
    Refused,
}

/// A `YYMMDD` date, its century taken from the window around `year`.
pub(super) fn short_date(text: &str, zero: ZeroDay, year: i32) -> Option<NaiveDate> {
    let (years, rest) = text.split_at_checked(2)?;
    month_and_day(full_year(number(years)?, year), rest, zero)
}

/// A `YYYYMMDD` date.
pub(super) fn long_date(text: &str) -> Option<NaiveDate> {
    let (years, rest) = text.split_at_checked(4)?;
    month_and_day(number(years)?, rest, ZeroDay::Refused)
}

/// Whether `text` is two digits below `limit`.
pub(super) fn below(text: &str, limit: i32) -> bool {
    text.len() == 2 && number(text).is_some_and(|n| n < limit)
}

/// Whether `text` is an hour and a minute.
pub(super) fn hour_and_minute(text: &str) -> bool {
    text.split_at_checked(2).is_some_and(|(hour, minute)| below(hour, 24) && below(minute, 60))
}

/// The year that two digits stand for: from 49 years back to 50 years ahead of `year`.
///
/// Source: GS1 General Specifications 7.12.
fn full_year(digits: i32, year: i32) -> i32 {
    // A caller's nonsense must not overflow; no label is that old or that young.
    let year = year.clamp(1000, 9000);
    let current = year % 100;
    let century = year - current;
    let century = match digits - current {
        51.. => century - 100,
        ..=-50 => century + 100,
        -49..=50 => century,
    };
    century + digits
}

fn month_and_day(year: i32, text: &str, zero: ZeroDay) -> Option<NaiveDate> {
    let (month, day) = text.split_at_checked(2)?;
    if day.len() != 2 {
        return None;
    }
    let month = u32::try_from(number(month)?).ok()?;
    let day = u32::try_from(number(day)?).ok()?;
    if day == 0 && zero == ZeroDay::LastOfMonth {
        let first = NaiveDate::from_ymd_opt(year, month, 1)?;
        return first.checked_add_months(Months::new(1))?.pred_opt();
    }
    NaiveDate::from_ymd_opt(year, month, day)
}

/// Digits only: the parser of the standard library would take a sign as well.
fn number(text: &str) -> Option<i32> {
    if all_digits(text) { text.parse().ok() } else { None }
}
