//! The two North American coupon codes: fields of which each says how long it is.
//!
//! **Source:** North American Coupon Application Guideline Using GS1 DataBar Expanded Symbols;
//! GS1 AI (8112) Coupon Data Specification.

use std::ops::RangeInclusive;

use super::date::{ZeroDay, short_date};
use super::key::all_digits;

/// Whether `text` is a coupon of application identifier 8110.
pub(super) fn is_coupon(text: &str, year: i32) -> bool {
    all_digits(text) && Fields(text).coupon(year).is_some()
}

/// Whether `text` is a coupon of application identifier 8112, to be looked up in an offer file.
pub(super) fn is_offer(text: &str) -> bool {
    all_digits(text) && Fields(text).offer().is_some()
}

/// The digits not read yet. Every step answers none when they do not fit.
struct Fields<'a>(&'a str);

impl<'a> Fields<'a> {
    fn coupon(mut self, year: i32) -> Option<()> {
        self.sized(0..=6, 6)?; // company prefix of the issuer
        self.take(6)?; // offer
        self.sized(1..=5, 0)?; // saving
        self.purchase()?;
        if self.flagged('1') {
            self.one_of("0123")?; // how the purchases combine
            self.purchase()?;
            self.other_issuer()?;
        }
        if self.flagged('2') {
            self.purchase()?;
            self.other_issuer()?;
        }
        let mut ends = None;
        if self.flagged('3') {
            ends = Some(self.date(year)?);
        }
        if self.flagged('4') {
            let starts = self.date(year)?;
            if ends.is_some_and(|ends| ends < starts) {
                return None;
            }
        }
        if self.flagged('5') {
            self.sized(0..=9, 6)?; // serial number
        }
        if self.flagged('6') {
            self.sized(1..=7, 6)?; // retailer
        }
        if self.flagged('9') {
            self.one_of("01256")?; // what the saving means
            self.one_of("012")?; // which purchase it applies to
            self.take(1)?; // store coupon
            self.one_of("01")?; // may not be multiplied
        }
        self.0.is_empty().then_some(())
    }

    fn offer(mut self) -> Option<()> {
        self.one_of("01")?;
        self.sized(0..=6, 6)?; // who pays
        self.take(6)?; // offer
        self.sized(0..=9, 6)?; // serial number
        self.0.is_empty().then_some(())
    }

    fn purchase(&mut self) -> Option<()> {
        self.sized(1..=5, 0)?;
        self.one_of("012349")?;
        self.take(3).map(drop)
    }

    /// The issuer of a further purchase; 9 means the issuer of the coupon.
    fn other_issuer(&mut self) -> Option<()> {
        if self.flagged('9') { Some(()) } else { self.sized(0..=6, 6) }
    }

    fn date(&mut self, year: i32) -> Option<chrono::NaiveDate> {
        short_date(self.take(6)?, ZeroDay::Refused, year)
    }

    fn flagged(&mut self, flag: char) -> bool {
        let rest = self.0.strip_prefix(flag);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// A field whose first digit tells its length, less `base`.
    fn sized(&mut self, lengths: RangeInclusive<u32>, base: usize) -> Option<()> {
        let digit = self.take(1)?.chars().next()?.to_digit(10)?;
        if !lengths.contains(&digit) {
            return None;
        }
        self.take(base + usize::try_from(digit).ok()?).map(drop)
    }

    fn one_of(&mut self, allowed: &str) -> Option<()> {
        allowed.contains(self.take(1)?).then_some(())
    }

    fn take(&mut self, length: usize) -> Option<&'a str> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }
}
