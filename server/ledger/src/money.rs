//! Money: exact decimals, and the one function by which shares are drawn.
//!
//! Invariants:
//! 1. A share is drawn from totals, multiplied first and divided once, and rounded once, half away
//!    from zero (COSTING, conventions). There is no `a / b * c` in the ledger.
//! 2. An amount beyond ±10¹⁵, or with a mantissa that a record cannot hold, is no amount: arithmetic
//!    answers none and the caller stops.
//!
//! Not here: currencies (there is one), accounts, who owes what.

use std::fmt;
use std::str::FromStr;

use protocol::quantity::{Quantity, QuantityError};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The largest amount that may enter the system, in whole units of the currency: 10¹⁵.
const MONEY_MAX: i64 = 1_000_000_000_000_000;

/// Fractional digits of an amount at most; how many are used is the company's amount rounding.
const MONEY_DECIMALS: u32 = 5;

/// Fractional digits of a unit amount at most.
const UNIT_DECIMALS: u32 = 10;

/// Why text is no amount.
pub type MoneyError = QuantityError;

/// An amount in local currency. Costs carry the sign of the quantity that they value: what comes into
/// stock is positive.
///
/// Text form: the shortest decimal, a string in JSON. Binary form: mantissa and number of decimals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(Decimal);

/// An amount per unit of quantity, unrounded inside a calculation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnitAmount(Decimal);

/// The step that amounts are rounded to, such as 0.01. Always above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Money", into = "Money")]
pub struct Step(Money);

impl Step {
    /// A hundredth.
    pub fn cent() -> Self {
        Self(Money(Decimal::new(1, 2)))
    }

    /// The unit-amount rounding precision of the reference ERP: 0.00001.
    pub fn unit_amount() -> Self {
        Self(Money(Decimal::new(1, 5)))
    }

    /// The finest step that a unit amount has.
    pub fn finest() -> Self {
        Self(Money(Decimal::new(1, UNIT_DECIMALS)))
    }

    /// The step as an amount.
    pub const fn money(self) -> Money {
        self.0
    }
}

impl TryFrom<Money> for Step {
    type Error = MoneyError;

    fn try_from(step: Money) -> Result<Self, MoneyError> {
        if step.is_positive() { Ok(Self(step)) } else { Err(MoneyError::OutOfRange) }
    }
}

impl From<Step> for Money {
    fn from(step: Step) -> Self {
        step.0
    }
}

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// Takes `value` exactly.
    ///
    /// # Errors
    ///
    /// More than five decimals, or beyond ±10¹⁵.
    pub fn new(value: Decimal) -> Result<Self, MoneyError> {
        let value = value.normalize();
        if value.scale() > MONEY_DECIMALS {
            return Err(MoneyError::TooPrecise);
        }
        if value.abs() > Decimal::from(MONEY_MAX) || i64::try_from(value.mantissa()).is_err() {
            return Err(MoneyError::OutOfRange);
        }
        Ok(Self(value))
    }

    /// The amount as a decimal, without trailing zeros.
    pub const fn decimal(self) -> Decimal {
        self.0
    }

    /// Whether this is nothing.
    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    /// Whether this is above zero.
    pub fn is_positive(self) -> bool {
        self.0.is_sign_positive() && !self.0.is_zero()
    }

    /// Whether this is below zero.
    pub fn is_negative(self) -> bool {
        self.0.is_sign_negative() && !self.0.is_zero()
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

    /// The sum, or none when it is out of range.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Self::new(self.0.checked_add(other.0)?).ok()
    }

    /// The difference, or none when it is out of range.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        Self::new(self.0.checked_sub(other.0)?).ok()
    }

    /// `self × part / whole`, rounded once to `step`; none when `whole` is zero or the result is out
    /// of range.
    #[must_use]
    pub fn share(self, part: Quantity, whole: Quantity, step: Step) -> Option<Self> {
        Self::new(mul_div(self.0, part.decimal(), whole.decimal(), step.0.0)?).ok()
    }

    /// `self / quantity` to `step`; none when the quantity is zero or the result is out of range.
    #[must_use]
    pub fn per(self, quantity: Quantity, step: Step) -> Option<UnitAmount> {
        UnitAmount::new(mul_div(self.0, Decimal::ONE, quantity.decimal(), step.0.0)?).ok()
    }

    /// This amount rounded to `step`.
    #[must_use]
    pub fn rounded(self, step: Step) -> Option<Self> {
        Self::new(mul_div(self.0, Decimal::ONE, Decimal::ONE, step.0.0)?).ok()
    }
}

impl UnitAmount {
    /// Nothing.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// Takes `value` exactly.
    ///
    /// # Errors
    ///
    /// More than ten decimals, or beyond what a record holds.
    pub fn new(value: Decimal) -> Result<Self, MoneyError> {
        let value = value.normalize();
        if value.scale() > UNIT_DECIMALS {
            return Err(MoneyError::TooPrecise);
        }
        if value.abs() > Decimal::from(MONEY_MAX) || i64::try_from(value.mantissa()).is_err() {
            return Err(MoneyError::OutOfRange);
        }
        Ok(Self(value))
    }

    /// The amount as a decimal.
    pub const fn decimal(self) -> Decimal {
        self.0
    }

    /// Whether this is nothing.
    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    /// Whether this is above zero.
    pub fn is_positive(self) -> bool {
        self.0.is_sign_positive() && !self.0.is_zero()
    }

    /// Whether this is below zero.
    pub fn is_negative(self) -> bool {
        self.0.is_sign_negative() && !self.0.is_zero()
    }

    /// `self × quantity`, rounded once to `step`; none when it is out of range.
    #[must_use]
    pub fn times(self, quantity: Quantity, step: Step) -> Option<Money> {
        Money::new(mul_div(self.0, quantity.decimal(), Decimal::ONE, step.0.0)?).ok()
    }

    /// The sum, or none when it is out of range.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Self::new(self.0.checked_add(other.0)?).ok()
    }

    /// The same amount the other way.
    #[must_use]
    pub fn negated(self) -> Self {
        if self.0.is_zero() { Self::ZERO } else { Self(-self.0) }
    }

    /// `self × part / whole`, rounded once to `step`.
    #[must_use]
    pub fn scaled(self, part: Quantity, whole: Quantity, step: Step) -> Option<Self> {
        Self::new(mul_div(self.0, part.decimal(), whole.decimal(), step.0.0)?).ok()
    }

    /// `self × quantity / factor`, rounded once to `step`: the amount of a quantity in base units where the
    /// amount is per unit of `factor` base units.
    #[must_use]
    pub fn times_per(self, quantity: Quantity, factor: Quantity, step: Step) -> Option<Money> {
        Money::new(mul_div(self.0, quantity.decimal(), factor.decimal(), step.0.0)?).ok()
    }

    /// The amount per base unit of an amount per unit that holds `factor` base units, to `step`.
    #[must_use]
    pub fn per_base(self, factor: Quantity, step: Step) -> Option<Self> {
        Self::new(mul_div(self.0, Decimal::ONE, factor.decimal(), step.0.0)?).ok()
    }
}

/// `amount × numerator / denominator`, multiplied first with a wide product, rounded once, half away
/// from zero, to a multiple of `step`. None when the denominator or the step is zero or the result
/// does not fit.
///
/// Source: COSTING, conventions ("every share, proration and spread").
#[must_use]
pub fn mul_div(
    amount: Decimal,
    numerator: Decimal,
    denominator: Decimal,
    step: Decimal,
) -> Option<Decimal> {
    let negative =
        amount.is_sign_negative() ^ numerator.is_sign_negative() ^ denominator.is_sign_negative();
    let (a, n) = (amount.mantissa().unsigned_abs(), numerator.mantissa().unsigned_abs());
    let (d, s) = (denominator.mantissa().unsigned_abs(), step.mantissa().unsigned_abs());
    if d == 0 || s == 0 {
        return None;
    }
    // steps = a·n / (d·s) × 10^(scale of d and s − scale of a and n)
    let below = denominator.scale().checked_add(step.scale())?;
    let above = amount.scale().checked_add(numerator.scale())?;
    let mut over = Wide::product(a, n);
    let mut under = Wide::product(d, s);
    if below >= above {
        over = over.times_power_of_ten(below.checked_sub(above)?)?;
    } else {
        under = under.times_power_of_ten(above.checked_sub(below)?)?;
    }
    let steps = over.divided_half_away(under)?;
    let mantissa = i128::try_from(steps.checked_mul(s)?).ok()?;
    let value = Decimal::try_from_i128_with_scale(mantissa, step.scale()).ok()?;
    Some(if negative && !value.is_zero() { -value.normalize() } else { value.normalize() })
}

/// Overhead of a direct cost: `direct × percent / 100 + quantity × rate`, rounded once to `step`
/// (COSTING 6.2). None when it is out of range.
#[must_use]
pub fn overhead(
    direct: Money,
    percent: Quantity,
    (rate, quantity): (UnitAmount, Quantity),
    step: Step,
) -> Option<Money> {
    let hundredth = Decimal::new(1, 2);
    let exact = exact_product(direct.0, percent.decimal())
        .and_then(|product| exact_product(product, hundredth))
        .zip(exact_product(rate.0, quantity.decimal()));
    let (share, whole) = if let Some(both) = exact {
        both
    } else {
        // Amounts near the bound: what is beyond ten decimals cannot be kept.
        let fine = Decimal::new(1, UNIT_DECIMALS);
        (
            mul_div(direct.0, percent.decimal(), Decimal::ONE_HUNDRED, fine)?,
            mul_div(rate.0, quantity.decimal(), Decimal::ONE, fine)?,
        )
    };
    let sum = share.checked_add(whole)?;
    Money::new(mul_div(sum, Decimal::ONE, Decimal::ONE, step.0.0)?).ok()
}

/// What of the VAT on `amount` is not deductible: `amount × vat % × part %`, rounded once to `step`. None
/// when it is out of range.
#[must_use]
pub fn vat_share(amount: Money, (vat, part): (Quantity, Quantity), step: Step) -> Option<Money> {
    let percents = exact_product(vat.decimal(), part.decimal())?;
    Money::new(mul_div(amount.0, percents, Decimal::from(10_000), step.0.0)?).ok()
}

/// `Σ amount × quantity / whole` over `parts` of (amount, whole), rounded once to `step`. None when a
/// whole is zero or the result is out of range.
///
/// The sum is kept as one fraction as long as that fits; beyond it each part is taken to 20 decimals.
#[must_use]
pub fn sum_of_shares(parts: &[(Money, Quantity)], quantity: Quantity, step: Step) -> Option<Money> {
    if let Some((numerator, denominator)) = one_fraction(parts) {
        let value = mul_div(numerator, quantity.decimal(), denominator, step.0.0)?;
        return Money::new(value).ok();
    }
    let fine = Decimal::new(1, 20);
    let mut sum = Decimal::ZERO;
    for (amount, whole) in parts {
        let part = mul_div(amount.0, quantity.decimal(), whole.decimal(), fine)?;
        sum = sum.checked_add(part)?;
    }
    Money::new(mul_div(sum, Decimal::ONE, Decimal::ONE, step.0.0)?).ok()
}

/// `Σ amount / whole` as numerator and denominator, when both fit.
fn one_fraction(parts: &[(Money, Quantity)]) -> Option<(Decimal, Decimal)> {
    let (mut numerator, mut denominator) = (Decimal::ZERO, Decimal::ONE);
    for (amount, whole) in parts {
        let whole = whole.decimal();
        if whole == denominator {
            numerator = numerator.checked_add(amount.0)?;
            continue;
        }
        let ours = exact_product(numerator, whole)?;
        let theirs = exact_product(amount.0, denominator)?;
        numerator = ours.checked_add(theirs)?;
        denominator = exact_product(denominator, whole)?;
    }
    Some((numerator, denominator))
}

/// The product, when no digit of it is lost.
fn exact_product(left: Decimal, right: Decimal) -> Option<Decimal> {
    let mantissa = left.mantissa().checked_mul(right.mantissa())?;
    let scale = left.scale().checked_add(right.scale())?;
    Decimal::try_from_i128_with_scale(mantissa, scale).ok()
}

/// An unsigned number of 256 bits: high and low half.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Wide {
    high: u128,
    low: u128,
}

impl Wide {
    /// The whole product of two numbers.
    fn product(left: u128, right: u128) -> Self {
        const MASK: u128 = (1 << 64) - 1;
        if let Some(low) = left.checked_mul(right) {
            return Self { high: 0, low };
        }
        let (lh, ll) = (left >> 64, left & MASK);
        let (rh, rl) = (right >> 64, right & MASK);
        // Halves below 2^64: no product of two of them, and no sum below, leaves 128 bits.
        let low = ll.wrapping_mul(rl);
        let middle = lh.wrapping_mul(rl).wrapping_add(low >> 64);
        let other = ll.wrapping_mul(rh).wrapping_add(middle & MASK);
        let high = lh.wrapping_mul(rh).wrapping_add(middle >> 64).wrapping_add(other >> 64);
        Self { high, low: (other << 64) | (low & MASK) }
    }

    fn times_power_of_ten(self, exponent: u32) -> Option<Self> {
        let mut result = self;
        for _ in 0..exponent {
            let low = Self::product(result.low, 10);
            let high = result.high.checked_mul(10)?.checked_add(low.high)?;
            result = Self { high, low: low.low };
        }
        Some(result)
    }

    /// `self / divisor`, rounded half up; none when it is wider than 128 bits.
    fn divided_half_away(self, divisor: Self) -> Option<u128> {
        if self.high == 0 && divisor.high == 0 {
            let (whole, rest) =
                (self.low.checked_div(divisor.low)?, self.low.checked_rem(divisor.low)?);
            let up = rest >= divisor.low.checked_sub(rest)?;
            return if up { whole.checked_add(1) } else { Some(whole) };
        }
        let (whole, rest) = self.long_division(divisor)?;
        let up = rest >= divisor.minus(rest);
        if up { whole.checked_add(1) } else { Some(whole) }
    }

    /// Quotient and remainder, bit by bit: only figures beyond 128 bits come here.
    fn long_division(self, divisor: Self) -> Option<(u128, Self)> {
        if divisor == (Self { high: 0, low: 0 }) || divisor.high >> 127 == 1 {
            return None;
        }
        let mut rest = Self { high: 0, low: 0 };
        let mut quotient = Self { high: 0, low: 0 };
        for bit in (0..256_u32).rev() {
            rest = rest.doubled(self.bit(bit));
            let fits = rest >= divisor;
            if fits {
                rest = rest.minus(divisor);
            }
            quotient = quotient.doubled(fits);
        }
        (quotient.high == 0).then_some((quotient.low, rest))
    }

    fn bit(self, bit: u32) -> bool {
        let half = if bit >= 128 { self.high } else { self.low };
        half.wrapping_shr(bit % 128) & 1 == 1
    }

    fn doubled(self, carry: bool) -> Self {
        Self {
            high: (self.high << 1) | (self.low >> 127),
            low: (self.low << 1) | u128::from(carry),
        }
    }

    /// The difference; `other` is not larger.
    fn minus(self, other: Self) -> Self {
        let (low, borrow) = self.low.overflowing_sub(other.low);
        let high = self.high.wrapping_sub(other.high).wrapping_sub(u128::from(borrow));
        Self { high, low }
    }
}

macro_rules! decimal_text {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = MoneyError;

            fn from_str(text: &str) -> Result<Self, MoneyError> {
                if !is_plain_decimal(text) {
                    return Err(MoneyError::Malformed);
                }
                let value =
                    Decimal::from_str_exact(text).map_err(|_too_long| MoneyError::TooPrecise)?;
                Self::new(value)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    return serializer.collect_str(&self.0);
                }
                let mantissa =
                    i64::try_from(self.0.mantissa()).map_err(serde::ser::Error::custom)?;
                let scale = u8::try_from(self.0.scale()).map_err(serde::ser::Error::custom)?;
                (mantissa, scale).serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                use serde::de::Error as _;
                if deserializer.is_human_readable() {
                    let text = String::deserialize(deserializer)?;
                    return text.parse().map_err(D::Error::custom);
                }
                let (mantissa, scale) = <(i64, u8)>::deserialize(deserializer)?;
                let value = Decimal::try_new(mantissa, u32::from(scale)).map_err(D::Error::custom)?;
                Self::new(value).map_err(D::Error::custom)
            }
        }
    )*};
}
decimal_text!(Money, UnitAmount);

/// Whether `text` is digits with at most one point and a minus sign: what the decimal crate accepts
/// is far wider.
fn is_plain_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    whole.len() <= 16 && all_digits(whole) && fraction.is_none_or(all_digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    fn share(amount: &str, part: &str, whole: &str) -> String {
        let amount: Money = amount.parse().unwrap();
        amount
            .share(part.parse().unwrap(), whole.parse().unwrap(), Step::cent())
            .unwrap()
            .to_string()
    }

    #[test]
    fn a_share_is_rounded_once_half_away_from_zero() {
        assert_eq!(share("10.00", "1", "3"), "3.33");
        assert_eq!(share("10.00", "2", "3"), "6.67");
        assert_eq!(share("0.01", "1", "2"), "0.01");
        assert_eq!(share("-0.01", "1", "2"), "-0.01");
        assert_eq!(share("0.03", "-1", "2"), "-0.02");
        assert_eq!(
            share("1000000000000000", "999999999999.99999", "1000000000000"),
            "999999999999999.99"
        );
    }

    #[test]
    fn figures_beyond_128_bits_are_divided_exactly() {
        let big = decimal("79228162514264337593543950335");
        let one = Decimal::ONE;
        assert_eq!(mul_div(big, big, big, one), Some(big));
        assert_eq!(
            mul_div(big, one, decimal("2"), one),
            Some(decimal("39614081257132168796771975168"))
        );
        assert_eq!(mul_div(big, big, one, one), None, "it does not fit");
        assert_eq!(mul_div(one, one, Decimal::ZERO, one), None);
    }

    #[test]
    fn amounts_are_strict() {
        assert!("1e3".parse::<Money>().is_err());
        assert!("1_000".parse::<Money>().is_err());
        assert!("0.000001".parse::<Money>().is_err());
        assert!("1000000000000001".parse::<Money>().is_err());
        assert_eq!("1.00".parse::<Money>().unwrap().to_string(), "1");
    }
}
