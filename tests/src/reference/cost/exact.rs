//! Fractions of whole numbers, rounded once: half away from zero (COSTING, conventions).

/// `n / d` to the nearest whole number; a half goes away from zero.
pub fn round_div(n: i128, d: i128) -> i128 {
    assert!(d != 0, "a share of nothing");
    let (n, d) = if d < 0 { (-n, -d) } else { (n, d) };
    let twice = 2 * n.abs() + d;
    let whole = twice / (2 * d);
    if n < 0 { -whole } else { whole }
}

/// An exact fraction; the denominator is above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fraction {
    n: i128,
    d: i128,
}

impl Fraction {
    /// Nothing.
    pub const ZERO: Self = Self { n: 0, d: 1 };

    /// `n / d`.
    pub fn new(n: i128, d: i128) -> Self {
        assert!(d != 0, "a fraction of nothing");
        let common = common_divisor(n.unsigned_abs(), d.unsigned_abs());
        let sign = if d < 0 { -1 } else { 1 };
        Self { n: sign * n / common, d: sign * d / common }
    }

    /// The sum.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self::new(self.n * other.d + other.n * self.d, self.d * other.d)
    }

    /// To the nearest whole number.
    pub fn rounded(self) -> i128 {
        round_div(self.n, self.d)
    }
}

fn common_divisor(a: u128, b: u128) -> i128 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    i128::try_from(a.max(1)).expect("a divisor is no larger than what it divides")
}

#[test]
fn halves_go_away_from_zero() {
    assert_eq!(round_div(5, 2), 3);
    assert_eq!(round_div(-5, 2), -3);
    assert_eq!(round_div(10, 3), 3);
    assert_eq!(round_div(-1000, 300), -3);
    assert_eq!(round_div(7, -2), -4);
    assert_eq!(Fraction::new(1, 3).plus(Fraction::new(1, 6)), Fraction::new(1, 2));
}
