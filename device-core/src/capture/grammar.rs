//! What a person may type as a quantity or a date. Everything else is refused, never rounded or
//! guessed.

use chrono::{Datelike, NaiveDate};
use protocol::feed::{ItemRow, ItemUnit};
use protocol::quantity::{Quantity, base_quantity};

/// The most digits before the decimal sign: more is a barcode that ran into the field.
const QUANTITY_DIGITS_MAX: usize = 6;

/// Why a typed quantity is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TypedQuantityError {
    /// Not digits with at most one comma or point.
    #[error("not a number")]
    Malformed,
    /// More digits than a person types, or the length of an item number.
    #[error("looks like a barcode")]
    Barcode,
    /// More than five decimals.
    #[error("too many decimals")]
    TooPrecise,
    /// The unit is handled whole.
    #[error("the unit has no decimals")]
    WholeOnly,
    /// So little that nothing is left in the base unit.
    #[error("less than the smallest amount")]
    RoundsToNothing,
}

/// Reads a typed quantity. Comma and point both mean the decimal sign.
///
/// # Errors
///
/// [`TypedQuantityError`]: nothing is taken over.
pub fn quantity(text: &str) -> Result<Quantity, TypedQuantityError> {
    let text = text.trim();
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let separators = text.chars().filter(|c| matches!(c, ',' | '.')).count();
    if digits == 0 || separators > 1 || digits + separators != text.chars().count() {
        return Err(TypedQuantityError::Malformed);
    }
    let (whole, fraction) = text.split_once([',', '.']).unwrap_or((text, ""));
    if whole.len() > QUANTITY_DIGITS_MAX {
        return Err(TypedQuantityError::Barcode);
    }
    if whole.is_empty() || (separators == 1 && fraction.is_empty()) {
        return Err(TypedQuantityError::Malformed);
    }
    let plain = if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") };
    plain.parse().map_err(|_too_precise| TypedQuantityError::TooPrecise)
}

/// Reads a typed quantity of `unit` and holds it against the precision of the item.
///
/// # Errors
///
/// [`TypedQuantityError`]: nothing is taken over.
pub fn quantity_of(
    text: &str,
    unit: &ItemUnit,
    item: &ItemRow,
) -> Result<Quantity, TypedQuantityError> {
    let entered = quantity(text)?;
    let is_base = unit.unit == item.base_unit;
    // With whole pieces, `1.000` is a thousand to one reader and one to the other.
    if is_base && item.precision == Quantity::ONE && text.contains([',', '.']) {
        return Err(TypedQuantityError::WholeOnly);
    }
    let base =
        base_quantity(entered, unit.factor, item.precision).ok_or(TypedQuantityError::Barcode)?;
    if base.is_zero() && !entered.is_zero() {
        return Err(TypedQuantityError::RoundsToNothing);
    }
    if is_base && base != entered {
        return Err(TypedQuantityError::TooPrecise);
    }
    Ok(entered)
}

/// Whether the unit may be broken: whether its keypad has a decimal key.
pub fn has_decimals(unit: &ItemUnit, item: &ItemRow) -> bool {
    unit.unit != item.base_unit || item.precision != Quantity::ONE
}

/// Reads a typed date: `31-12-2027`, `31.12.27`, `311227`, `2027-12-31`; day 00 is the last of
/// its month.
pub fn date(text: &str) -> Option<NaiveDate> {
    let text = text.trim();
    let parts: Vec<&str> = text.split(['-', '.', '/', ' ']).collect();
    let digits = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
        let sound = lengths.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        if sound { part.parse::<u32>().ok() } else { None }
    };
    match parts.as_slice() {
        [year, month, day] if year.len() == 4 => {
            day_of(digits(year, 4..=4)?, digits(month, 1..=2)?, digits(day, 1..=2)?)
        }
        [day, month, year] => day_of(full_year(year)?, digits(month, 1..=2)?, digits(day, 1..=2)?),
        [run] if run.len() == 6 || run.len() == 8 => {
            let (day, rest) = run.split_at_checked(2)?;
            let (month, year) = rest.split_at_checked(2)?;
            day_of(full_year(year)?, digits(month, 2..=2)?, digits(day, 2..=2)?)
        }
        _ => None,
    }
}

fn full_year(text: &str) -> Option<u32> {
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    match text.len() {
        2 => Some(text.parse::<u32>().ok()? + 2000),
        4 => text.parse().ok(),
        _ => None,
    }
}

fn day_of(year: u32, month: u32, day: u32) -> Option<NaiveDate> {
    let year = i32::try_from(year).ok().filter(|year| (2000..=2099).contains(year))?;
    if day > 0 {
        return NaiveDate::from_ymd_opt(year, month, day);
    }
    let first = NaiveDate::from_ymd_opt(year, month, 1)?;
    let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    let last = NaiveDate::from_ymd_opt(next_year, next_month, 1)?.pred_opt()?;
    (last.month() == first.month()).then_some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comma_and_point_are_both_the_decimal_sign() {
        assert_eq!(quantity("2,5"), Ok("2.5".parse().unwrap()));
        assert_eq!(quantity(" 2.5 "), Ok("2.5".parse().unwrap()));
        assert_eq!(quantity("0"), Ok(Quantity::ZERO));
    }

    #[test]
    fn what_is_not_a_number_is_refused() {
        for text in ["", "-1", "1e3", "1_0", "+5", "1,2,3", "1.000,5", ",5", "5,", "4x", "٣"] {
            assert_eq!(quantity(text), Err(TypedQuantityError::Malformed), "{text}");
        }
        assert_eq!(quantity("1.000001"), Err(TypedQuantityError::TooPrecise));
    }

    #[test]
    fn a_barcode_in_the_quantity_field_is_never_a_quantity() {
        for text in ["5701234567899", "40063813", "012345678905", "1234567"] {
            assert_eq!(quantity(text), Err(TypedQuantityError::Barcode), "{text}");
        }
        assert_eq!(quantity("123456"), Ok("123456".parse().unwrap()));
    }

    #[test]
    fn dates_are_read_day_first_and_day_zero_is_the_end_of_the_month() {
        let day = |y, m, d| NaiveDate::from_ymd_opt(y, m, d);
        assert_eq!(date("31-12-2027"), day(2027, 12, 31));
        assert_eq!(date("1.2.27"), day(2027, 2, 1));
        assert_eq!(date("010227"), day(2027, 2, 1));
        assert_eq!(date("2027-02-01"), day(2027, 2, 1));
        assert_eq!(date("00-02-2028"), day(2028, 2, 29));
        assert_eq!(date("00-12-2028"), day(2028, 12, 31));
        for text in ["31-02-2027", "2027", "1234567", "aa-bb-cccc", "1-1-1", ""] {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
