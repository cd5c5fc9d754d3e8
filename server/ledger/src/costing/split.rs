//! Sharing an amount out over lines, so that the parts add up to it.

use rust_decimal::Decimal;

use crate::money::{Money, Step, mul_div};

/// Shares `amount` out by `weights`, which have no sign: each part is rounded by itself, never to more
/// than is left, and the last line that has a weight takes the rest (COSTING 6.5). The parts add up to
/// `amount`; a line without weight gets nothing. Without any weight there is nobody to take it: none, as
/// for a figure out of range.
#[must_use]
pub fn split_last_takes_rest(amount: Money, weights: &[Decimal], step: Step) -> Option<Vec<Money>> {
    let amount = amount.rounded(step)?;
    let mut whole = Decimal::ZERO;
    for weight in weights {
        whole = whole.checked_add(weight.abs())?;
    }
    let last = weights.iter().rposition(|weight| !weight.is_zero())?;
    let mut rest = amount;
    let mut parts = Vec::with_capacity(weights.len());
    for (n, weight) in weights.iter().enumerate() {
        let share = mul_div(amount.decimal(), weight.abs(), whole, step.money().decimal())?;
        let share = Money::new(share).ok()?;
        let share = if n == last || share.abs() > rest.abs() { rest } else { share };
        let share = if weight.is_zero() { Money::ZERO } else { share };
        rest = rest.checked_sub(share)?;
        parts.push(share);
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(amount: &str, weights: &[i64]) -> Vec<String> {
        let weights: Vec<Decimal> = weights.iter().map(|weight| Decimal::from(*weight)).collect();
        split_last_takes_rest(amount.parse().unwrap(), &weights, Step::cent())
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn the_last_line_takes_the_rest() {
        assert_eq!(split("100", &[1, 1, 1]), ["33.33", "33.33", "33.34"]);
        assert_eq!(split("-0.05", &[1, 1]), ["-0.03", "-0.02"]);
        assert_eq!(split("10", &[1, 3, 0]), ["2.5", "7.5", "0"]);
        let cents = ["0.01", "0.01", "0.01", "0.01", "0.01", "0", "0", "0"];
        assert_eq!(split("0.05", &[1; 8]), cents, "no line gets the other sign");
        assert_eq!(split_last_takes_rest(Money::ZERO, &[Decimal::ZERO], Step::cent()), None);
    }

    proptest! {
        #[test]
        fn the_parts_add_up_to_the_whole_and_none_has_the_other_sign(
            cents in -10_000_000_i64..10_000_000,
            weights in prop::collection::vec((0_i64..1_000_000_000, 0_u32..10), 1..40),
        ) {
            let amount = Money::new(Decimal::new(cents, 2)).unwrap();
            let weights: Vec<Decimal> =
                weights.iter().map(|(mantissa, scale)| Decimal::new(*mantissa, *scale)).collect();
            let Some(parts) = split_last_takes_rest(amount, &weights, Step::cent()) else {
                prop_assert!(weights.iter().all(Decimal::is_zero));
                return Ok(());
            };
            let sum = parts.iter().fold(Money::ZERO, |sum, part| sum.checked_add(*part).unwrap());
            prop_assert_eq!(sum, amount);
            for (part, weight) in parts.iter().zip(&weights) {
                prop_assert!(part.is_zero() || part.is_negative() == amount.is_negative());
                prop_assert!(part.is_zero() || !weight.is_zero());
            }
        }
    }
}
