//! Quantities: exact decimals with at most five fractional digits, never a float.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Fractional digits of a quantity.
///
/// Source: five decimals is the quantity rounding precision of the reference ERP.
pub const QUANTITY_DECIMALS: u32 = 5;

/// One unit of a quantity's last decimal place, as a divisor: 10⁵.
const SCALE: i64 = 100_000;

/// The largest quantity that may enter the system, in whole units: 10¹².
pub const QUANTITY_MAX: i64 = 1_000_000_000_000;

/// Why a quantity is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Not of the form `-?digits(.digits)?`: no exponent, no underscore, no plus sign.
    #[error("not a quantity: write digits with at most one point, like 12.5")]
    Malformed,
    /// More than five decimals. Refused, never rounded.
    #[error("at most 5 decimals")]
    TooPrecise,
    /// Beyond 10¹² either way.
    #[error("outside -1000000000000 to 1000000000000")]
    OutOfRange,
}

/// A quantity, exact to 0.00001. Its unit is told by the field that holds it.
///
/// Text form: the shortest decimal, a string in JSON. Binary form (MessagePack, records): a pair
/// of a signed integer mantissa and the number of decimals, `12.5` is `[125, 1]`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Quantity(Decimal);

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self(Decimal::ZERO);
    /// One unit.
    pub const ONE: Self = Self(Decimal::ONE);

    /// A whole number of units.
    pub fn whole(units: i32) -> Self {
        Self(Decimal::from(units))
    }

    /// `mantissa` × 10^-5, or none beyond ±9.2 × 10¹³ units.
    pub fn from_units(mantissa: i128) -> Option<Self> {
        let mantissa = i64::try_from(mantissa).ok()?;
        Some(Self(Decimal::new(mantissa, QUANTITY_DECIMALS).normalize()))
    }

    /// This quantity in units of 0.00001.
    pub fn units(self) -> i128 {
        let missing = QUANTITY_DECIMALS.saturating_sub(self.0.scale());
        self.0.mantissa().saturating_mul(10_i128.saturating_pow(missing))
    }

    /// Takes `value` exactly.
    ///
    /// # Errors
    ///
    /// [`QuantityError::TooPrecise`], [`QuantityError::OutOfRange`].
    pub fn new(value: Decimal) -> Result<Self, QuantityError> {
        let value = value.normalize();
        if value.scale() > QUANTITY_DECIMALS {
            return Err(QuantityError::TooPrecise);
        }
        if value.abs() > Decimal::from(QUANTITY_MAX) {
            return Err(QuantityError::OutOfRange);
        }
        Ok(Self(value))
    }

    /// The quantity as a decimal, without trailing zeros.
    pub const fn decimal(self) -> Decimal {
        self.0
    }

    /// Whether this is nothing.
    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    /// Whether this is below zero.
    pub fn is_negative(self) -> bool {
        self.0.is_sign_negative() && !self.0.is_zero()
    }

    /// Whether this is above zero.
    pub fn is_positive(self) -> bool {
        self.0.is_sign_positive() && !self.0.is_zero()
    }

    /// The sum, or none when it is out of range.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Self::from_units(self.units().checked_add(other.units())?)
    }

    /// The difference, or none when it is out of range.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        Self::from_units(self.units().checked_sub(other.units())?)
    }

    /// The same amount the other way.
    #[must_use]
    pub fn negated(self) -> Self {
        if self.0.is_zero() { Self::ZERO } else { Self(-self.0) }
    }

    /// The amount without its sign.
    #[must_use]
    pub fn abs(self) -> Self {
        Self(self.0.abs())
    }
}

impl fmt::Debug for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Whether `text` is `-?\d{1,13}(\.\d{1,})?`: what the decimal crate accepts is far wider
/// (`1e3`, `1_000`, `+5`), and a mis-scanned barcode must never become a quantity.
fn is_plain_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    whole.len() <= 13 && all_digits(whole) && fraction.is_none_or(all_digits)
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        if !is_plain_decimal(text) {
            return Err(QuantityError::Malformed);
        }
        Self::new(Decimal::from_str_exact(text).map_err(|_too_long| QuantityError::TooPrecise)?)
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.collect_str(&self.0);
        }
        let mantissa = i64::try_from(self.0.mantissa()).map_err(serde::ser::Error::custom)?;
        let scale = u8::try_from(self.0.scale()).map_err(serde::ser::Error::custom)?;
        (mantissa, scale).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            return text.parse().map_err(D::Error::custom);
        }
        let (mantissa, scale) = <(i64, u8)>::deserialize(deserializer)?;
        if u32::from(scale) > QUANTITY_DECIMALS {
            return Err(D::Error::custom(QuantityError::TooPrecise));
        }
        let units = i128::from(mantissa)
            .saturating_mul(10_i128.saturating_pow(QUANTITY_DECIMALS - u32::from(scale)));
        Self::from_units(units).ok_or_else(|| D::Error::custom(QuantityError::OutOfRange))
    }
}

/// How many base units one unit of measure holds. Always above zero; 1 for the base unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Quantity", into = "Quantity")]
pub struct UnitFactor(Quantity);

impl UnitFactor {
    /// The factor of the base unit.
    pub const ONE: Self = Self(Quantity::ONE);

    /// The factor as a quantity of base units.
    pub const fn quantity(self) -> Quantity {
        self.0
    }
}

impl TryFrom<Quantity> for UnitFactor {
    type Error = QuantityError;

    fn try_from(quantity: Quantity) -> Result<Self, QuantityError> {
        if quantity.is_positive() { Ok(Self(quantity)) } else { Err(QuantityError::OutOfRange) }
    }
}

impl From<UnitFactor> for Quantity {
    fn from(factor: UnitFactor) -> Self {
        factor.0
    }
}

/// `entered × factor`, rounded half away from zero to the next multiple of `precision`
/// (a quantity above zero; 0.00001 when the item says nothing).
///
/// None when the result is out of range or `precision` is not above zero.
///
/// Source: the base quantity is rounded by the rounding precision of the item's base unit; the
/// direction at the half is a decision of this project.
pub fn base_quantity(
    entered: Quantity,
    factor: UnitFactor,
    precision: Quantity,
) -> Option<Quantity> {
    let step = precision.units();
    if step <= 0 {
        return None;
    }
    // Both operands are below 10¹⁸ in units of 10⁻⁵, so the product fits 128 bits exactly; the
    // divisor turns 10⁻¹⁰ into multiples of the precision in one rounding.
    let product = entered.units().checked_mul(factor.quantity().units())?;
    let divisor = step.checked_mul(i128::from(SCALE))?;
    let steps = round_half_away(product, divisor)?;
    Quantity::from_units(steps.checked_mul(step)?)
}

/// `numerator / divisor` rounded half away from zero. None for a divisor that is not above zero.
pub fn round_half_away(numerator: i128, divisor: i128) -> Option<i128> {
    if divisor <= 0 {
        return None;
    }
    let quotient = numerator.checked_div_euclid(divisor)?;
    let rest = numerator.checked_rem_euclid(divisor)?;
    let twice = rest.checked_mul(2)?;
    let up = twice > divisor || (twice == divisor && numerator > 0);
    if up { quotient.checked_add(1) } else { Some(quotient) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn q(text: &str) -> Quantity {
        text.parse().unwrap()
    }

    #[test]
    fn only_plain_decimals_are_quantities() {
        assert_eq!(q("12.50").to_string(), "12.5");
        assert_eq!(q("-0.00001").units(), -1);
        for bad in ["", "1e3", "1_000", "+5", ".5", "5.", "1.2.3", "４", "0x1", "--1", "1,5"] {
            assert_eq!(bad.parse::<Quantity>(), Err(QuantityError::Malformed), "{bad}");
        }
        assert_eq!("1.000001".parse::<Quantity>(), Err(QuantityError::TooPrecise));
        assert_eq!("1000000000000.1".parse::<Quantity>(), Err(QuantityError::OutOfRange));
    }

    #[test]
    fn a_quantity_is_a_string_in_json_and_a_pair_in_messagepack() {
        let bytes = rmp_serde::to_vec_named(&q("12.5")).unwrap();
        assert_eq!(bytes, [0x92, 125, 1]);
        assert_eq!(rmp_serde::from_slice::<Quantity>(&bytes).unwrap(), q("12.5"));
        assert!(rmp_serde::from_slice::<Quantity>(&[0x92, 1, 6]).is_err());
    }

    #[test]
    fn the_base_quantity_is_rounded_once_half_away_from_zero() {
        let base = |entered: &str, factor: &str, precision: &str| {
            base_quantity(q(entered), UnitFactor::try_from(q(factor)).unwrap(), q(precision))
                .unwrap()
                .to_string()
        };
        // 5 pieces received as 0.83333 boxes of 6 are 5 pieces at precision 1.
        assert_eq!(base("0.83333", "6", "1"), "5");
        assert_eq!(base("0.83333", "6", "0.00001"), "4.99998");
        assert_eq!(base("0.5", "1", "1"), "1");
        assert_eq!(base("-0.5", "1", "1"), "-1");
        assert_eq!(base("0.4", "1", "1"), "0");
        assert_eq!(base("2.5", "0.33333", "0.25"), "0.75");
    }
}
