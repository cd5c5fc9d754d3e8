//! Serial numbers from a first to a last one, for goods that were numbered in a row (FLOWS 3.8).
//!
//! Only what is written alike is taken for a row: the same text, of the same length, with another number
//! at its end. What is entered stands for single scans: each number of it is recorded as one.

use protocol::words::SerialNo;

use super::slots::SeenSerial;

/// The most serial numbers that one range stands for: more is a slip, and nobody looks at so many boxes
/// at once.
pub(super) const NUMBERS_MAX: u64 = 500;

/// The most digits of the number at the end; those before it belong to the text.
const DIGITS_MAX: usize = 18;

/// A range while it is entered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Range {
    /// Its first number.
    pub first: Option<SeenSerial>,
    /// Its last one.
    pub last: Option<SeenSerial>,
}

/// Why two serial numbers are not the ends of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// They are not of the same length.
    Length,
    /// They differ in more than the number at the end, or have none.
    Pattern,
    /// The last does not come after the first.
    Order,
    /// So many numbers lie between them, with this step.
    TooMany(u64),
    /// The last is not reached by the step.
    Step,
}

/// Two ends that fit each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    prefix: String,
    digits: usize,
    first: u64,
    last: u64,
}

impl Row {
    /// The row from `first` to `last`, whatever its step.
    ///
    /// # Errors
    ///
    /// [`Mismatch`]: which of them is wrong; nobody guesses what was meant.
    pub(super) fn between(first: &SerialNo, last: &SerialNo) -> Result<Self, Mismatch> {
        let (first, last) = (first.as_str(), last.as_str());
        if first.chars().count() != last.chars().count() {
            return Err(Mismatch::Length);
        }
        let digits = digits_at_end(first).min(digits_at_end(last));
        let (one, other) = (split(first, digits), split(last, digits));
        let ((prefix, from), (other, to)) = one.zip(other).ok_or(Mismatch::Pattern)?;
        if prefix != other {
            return Err(Mismatch::Pattern);
        }
        let number = |text: &str| text.parse::<u64>().map_err(|_no_digits| Mismatch::Pattern);
        let (first, last) = (number(from)?, number(to)?);
        if last <= first {
            return Err(Mismatch::Order);
        }
        Ok(Self { prefix: prefix.to_owned(), digits, first, last })
    }

    /// How many numbers it has with `step`.
    ///
    /// # Errors
    ///
    /// [`Mismatch::Step`] or [`Mismatch::TooMany`].
    pub(super) fn count(&self, step: u64) -> Result<u64, Mismatch> {
        let span = self.last - self.first;
        if step == 0 || !span.is_multiple_of(step) {
            return Err(Mismatch::Step);
        }
        let count = (span / step).saturating_add(1);
        if count > NUMBERS_MAX { Err(Mismatch::TooMany(count)) } else { Ok(count) }
    }

    /// Its numbers in order, written as the ends are.
    ///
    /// # Errors
    ///
    /// As [`Row::count`].
    pub(super) fn numbers(&self, step: u64) -> Result<Vec<SerialNo>, Mismatch> {
        let count = self.count(step)?;
        let (prefix, digits) = (&self.prefix, self.digits);
        (0..count)
            .map(|n| {
                let number = self.first + n * step;
                SerialNo::new(format!("{prefix}{number:0digits$}"))
                    .map_err(|_bad| Mismatch::Pattern)
            })
            .collect()
    }
}

fn digits_at_end(text: &str) -> usize {
    text.bytes().rev().take(DIGITS_MAX).take_while(u8::is_ascii_digit).count()
}

/// The text before its last `digits` characters, and those.
fn split(text: &str, digits: usize) -> Option<(&str, &str)> {
    text.split_at_checked(text.len().checked_sub(digits)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(first: &str, last: &str) -> Result<Row, Mismatch> {
        Row::between(&SerialNo::new(first).unwrap(), &SerialNo::new(last).unwrap())
    }

    fn numbers(first: &str, last: &str, step: u64) -> Result<Vec<String>, Mismatch> {
        let numbers = between(first, last)?.numbers(step)?;
        Ok(numbers.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn numbers_keep_their_text_and_their_zeros() {
        assert_eq!(
            numbers("SN-098", "SN-101", 1).unwrap(),
            ["SN-098", "SN-099", "SN-100", "SN-101"]
        );
        assert_eq!(numbers("7", "9", 1).unwrap(), ["7", "8", "9"]);
        assert_eq!(numbers("A2B10", "A2B20", 5).unwrap(), ["A2B10", "A2B15", "A2B20"]);
        assert_eq!(numbers("Ø01", "Ø02", 1).unwrap(), ["Ø01", "Ø02"]);
    }

    #[test]
    fn ends_that_are_not_written_alike_are_no_range() {
        for (first, last, why) in [
            ("SN99", "SN100", Mismatch::Length),
            ("SA01", "SB09", Mismatch::Pattern),
            ("SA01", "S101", Mismatch::Pattern),
            ("01A", "02A", Mismatch::Pattern),
            ("SN05", "SN05", Mismatch::Order),
            ("SN05", "SN04", Mismatch::Order),
        ] {
            assert_eq!(between(first, last).unwrap_err(), why, "{first} to {last}");
        }
    }

    #[test]
    fn a_range_is_bounded_and_reached_by_its_step() {
        assert_eq!(between("000", "499").unwrap().count(1), Ok(500));
        assert_eq!(between("000", "500").unwrap().count(1), Err(Mismatch::TooMany(501)));
        assert_eq!(between("000", "500").unwrap().count(2), Ok(251));
        assert_eq!(between("00", "10").unwrap().count(3), Err(Mismatch::Step));
        assert_eq!(between("00", "10").unwrap().count(0), Err(Mismatch::Step));
        let long = between("000000000000000000001", "999999999999999999999");
        assert_eq!(long.unwrap_err(), Mismatch::Pattern, "more digits than are counted");
        let all = between("000000000000000000", "999999999999999999").unwrap();
        assert_eq!(all.count(1), Err(Mismatch::TooMany(1_000_000_000_000_000_000)));
    }
}
