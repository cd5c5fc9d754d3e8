//! The elements of a GS1 message, and what they say in the words of a warehouse.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::check::Check;
use super::date::{ZeroDay, long_date, short_date};
use super::fault::ScanError;
use super::key::{Gtin14, Sscc};
use super::part::Part;
use super::profile::GROUP_SEPARATOR;
use super::table::{Framing, Row};

/// The most elements that a message may have.
pub const ELEMENTS_MAX: usize = 64;

/// One application identifier with its value. The value is valid.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Element {
    ai: String,
    value: String,
    title: &'static str,
}

impl Element {
    /// Checks `value` against all that the table knows of `ai`; `year` is today's.
    ///
    /// # Errors
    ///
    /// - [`ScanError::UnknownIdentifier`]: there is no such application identifier.
    /// - [`ScanError::ValueCutShort`], [`ScanError::ValueTooLong`]: the length is wrong.
    /// - [`ScanError::WrongCharacter`], [`ScanError::CheckFailed`]: the content is wrong.
    pub fn new(ai: &str, value: &str, year: i32) -> Result<Self, ScanError> {
        let Some(row) = Row::of(ai) else {
            return Err(ScanError::UnknownIdentifier { found: ai.to_owned() });
        };
        Self::of_row(row, ai, value, year)
    }

    pub(super) fn of_row(
        row: &'static Row,
        ai: &str,
        value: &str,
        year: i32,
    ) -> Result<Self, ScanError> {
        let mut rest = value;
        let mut parts = row.parts.iter().peekable();
        while let Some(part) = parts.next_if(|part| !(part.optional && rest.is_empty())) {
            rest = checked_part(part, ai, rest, year)?;
        }
        if !rest.is_empty() {
            return Err(ScanError::ValueTooLong { ai: ai.to_owned(), max: row.length_max() });
        }
        Ok(Self { ai: ai.to_owned(), value: value.to_owned(), title: row.title })
    }

    /// The application identifier, 2 to 4 digits.
    pub fn ai(&self) -> &str {
        &self.ai
    }

    /// The value, without identifier and separator.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What the application identifier means, in English.
    pub fn title(&self) -> &'static str {
        self.title
    }
}

/// Checks the part that `text` starts with and answers what stands behind it.
fn checked_part<'a>(part: &Part, ai: &str, text: &'a str, year: i32) -> Result<&'a str, ScanError> {
    let (found, rest) = split_characters(text, part.max);
    if let Some(character) = part.set.stranger_in(found) {
        return Err(ScanError::WrongCharacter { ai: ai.to_owned(), character });
    }
    if found.len() < part.min {
        return Err(ScanError::ValueCutShort { ai: ai.to_owned(), found: found.to_owned() });
    }
    match part.checks.iter().find(|check| !check.passes(found, year)) {
        Some(&check) => Err(ScanError::CheckFailed { ai: ai.to_owned(), check }),
        None => Ok(rest),
    }
}

/// The first `length` characters, or all there are, and the rest.
pub(super) fn split_characters(text: &str, length: usize) -> (&str, &str) {
    let at = text.char_indices().nth(length).map_or(text.len(), |(at, _)| at);
    text.split_at_checked(at).unwrap_or((text, ""))
}

/// The elements of one message, in the order of the label; at least one, at most
/// [`ELEMENTS_MAX`].
///
/// An element that is there twice with different values has no value: the accessors answer none,
/// and the reading carries a warning.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Elements {
    list: Vec<Element>,
    year: i32,
}

impl Elements {
    /// Checks pairs of application identifier and value; `year` is today's.
    ///
    /// # Errors
    ///
    /// [`ScanError`] of the first element that is wrong; [`ScanError::Empty`] or
    /// [`ScanError::TooManyElements`] if there are none or too many.
    pub fn new<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
        year: i32,
    ) -> Result<Self, ScanError> {
        let list: Result<Vec<Element>, ScanError> =
            pairs.into_iter().map(|(ai, value)| Element::new(ai, value, year)).collect();
        Self::of(list?, year)
    }

    pub(super) fn of(list: Vec<Element>, year: i32) -> Result<Self, ScanError> {
        match list.len() {
            0 => Err(ScanError::Empty),
            1..=ELEMENTS_MAX => Ok(Self { list, year }),
            _ => Err(ScanError::TooManyElements { max: ELEMENTS_MAX }),
        }
    }

    /// The elements in the order of the label.
    pub fn iter(&self) -> std::slice::Iter<'_, Element> {
        self.list.iter()
    }

    /// The message as a symbol carries it, with raw separators where they are needed.
    /// [`super::read`] of it on a tested device gives these elements again.
    pub fn build(&self) -> String {
        let mut text = String::new();
        let mut open = false;
        for element in &self.list {
            if open {
                text.push(GROUP_SEPARATOR);
            }
            text.push_str(&element.ai);
            text.push_str(&element.value);
            open = Row::of(&element.ai).is_none_or(|row| row.framing == Framing::Open);
        }
        text
    }

    /// The message as people read it below a symbol: `(01)09506000134352(10)ABC`.
    pub fn bracketed(&self) -> String {
        self.list.iter().flat_map(|element| ["(", &element.ai, ")", &element.value]).collect()
    }

    /// The value of `ai`: none if it is missing or there twice with different values.
    pub fn value(&self, ai: &str) -> Option<&str> {
        let mut values = self.list.iter().filter(|element| element.ai == ai);
        let first = values.next()?.value.as_str();
        values.all(|element| element.value == first).then_some(first)
    }

    /// The trade item of this label (01).
    pub fn gtin(&self) -> Option<Gtin14> {
        Gtin14::new(self.value("01")?).ok()
    }

    /// The trade item contained in this logistic unit (02).
    pub fn contained_gtin(&self) -> Option<Gtin14> {
        Gtin14::new(self.value("02")?).ok()
    }

    /// The logistic unit (00).
    pub fn sscc(&self) -> Option<Sscc> {
        Sscc::new(self.value("00")?).ok()
    }

    /// The lot (10). Upper and lower case are different lots.
    pub fn lot(&self) -> Option<&str> {
        self.value("10")
    }

    /// The serial number (21).
    pub fn serial(&self) -> Option<&str> {
        self.value("21")
    }

    /// The variant (20), two digits.
    pub fn variant(&self) -> Option<&str> {
        self.value("20")
    }

    /// The customer's order number (400).
    pub fn purchase_order(&self) -> Option<&str> {
        self.value("400")
    }

    /// The day the goods expire (17), or (7003) without its time. None if both are there and
    /// differ.
    pub fn expiry(&self) -> Option<NaiveDate> {
        let timed = self.value("7003").and_then(|value| value.get(..6));
        let timed = timed.and_then(|day| short_date(day, ZeroDay::Refused, self.year));
        match (self.date("17"), timed) {
            (Some(day), Some(timed)) => (day == timed).then_some(day),
            (day, timed) => day.or(timed),
        }
    }

    /// The day the quality is promised for (15).
    pub fn best_before(&self) -> Option<NaiveDate> {
        self.date("15")
    }

    /// The last day of sale (16).
    pub fn sell_by(&self) -> Option<NaiveDate> {
        self.date("16")
    }

    /// The day of production (11).
    pub fn production(&self) -> Option<NaiveDate> {
        self.date("11")
    }

    /// The day of packing (13).
    pub fn packed(&self) -> Option<NaiveDate> {
        self.date("13")
    }

    /// The date of `ai`, for every identifier whose value starts with one. Day 00 is the last of
    /// its month.
    pub fn date(&self, ai: &str) -> Option<NaiveDate> {
        let value = self.value(ai)?;
        let row = Row::of(ai)?;
        let part = row.parts.first()?;
        let (text, _) = split_characters(value, part.max);
        if part.checks.contains(&Check::LongDate) {
            long_date(text)
        } else if part.checks.contains(&Check::Date) {
            short_date(text, ZeroDay::Refused, self.year)
        } else if part.checks.contains(&Check::DateOrMonth) {
            short_date(text, ZeroDay::LastOfMonth, self.year)
        } else {
            None
        }
    }

    /// How many pieces: (37) contained, or (30) of a variable item. None if both are there.
    pub fn count(&self) -> Option<u64> {
        match (self.value("37"), self.value("30")) {
            (Some(count), None) | (None, Some(count)) => count.parse().ok(),
            (Some(_), Some(_)) | (None, None) => None,
        }
    }

    /// The net weight in kilograms (310n).
    pub fn net_weight_kg(&self) -> Option<Decimal> {
        self.measure("310")
    }

    /// The net weight in pounds (320n).
    pub fn net_weight_lb(&self) -> Option<Decimal> {
        self.measure("320")
    }

    /// The gross weight in kilograms (330n).
    pub fn gross_weight_kg(&self) -> Option<Decimal> {
        self.measure("330")
    }

    /// The measure whose identifiers start with the three digits `stem`, 310 to 369; the fourth
    /// digit is the number of decimals. None if it is there with two different values.
    pub fn measure(&self, stem: &str) -> Option<Decimal> {
        if stem.len() != 3 || !("310"..="369").contains(&stem) {
            return None;
        }
        let mut found = self.list.iter().filter(|element| element.ai.starts_with(stem));
        let first = decimal(found.next()?)?;
        found.all(|element| decimal(element) == Some(first)).then_some(first)
    }
}

impl<'a> IntoIterator for &'a Elements {
    type Item = &'a Element;
    type IntoIter = std::slice::Iter<'a, Element>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The value of a four-digit identifier whose last digit counts the decimals.
fn decimal(element: &Element) -> Option<Decimal> {
    let decimals = element.ai.chars().nth(3)?.to_digit(10)?;
    Decimal::try_from_i128_with_scale(element.value.parse().ok()?, decimals).ok()
}
