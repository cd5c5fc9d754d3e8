//! How figures are held against each other: field by field, and lists by content.
//!
//! Every expected row must be met by a different row of the ledger. Which by which is found by
//! augmenting paths, so that a row that says little never takes the only row another could have.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::json::{Dec, Row};
use super::report::Mismatch;

/// One field that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The field.
    pub field: String,
    /// What the file says.
    pub expected: String,
    /// What was found.
    pub got: String,
}

/// Collects the fields of one row that are not as expected. A field that the file leaves out is not
/// asserted.
#[derive(Debug, Default)]
pub struct Differ {
    found: Vec<Difference>,
    tolerance: Decimal,
}

impl Differ {
    /// Nothing compared yet; amounts may be off by `tolerance`.
    pub fn within(tolerance: Option<Dec>) -> Self {
        Self { found: Vec::new(), tolerance: tolerance.map_or(Decimal::ZERO, |dec| dec.0) }
    }

    /// What was not as expected.
    pub fn found(self) -> Vec<Difference> {
        self.found
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "whatever can be told as text is given as it is"
    )]
    fn push(&mut self, field: &str, expected: impl ToString, got: impl ToString) {
        self.found.push(Difference {
            field: field.to_owned(),
            expected: expected.to_string(),
            got: got.to_string(),
        });
    }

    /// An exact number.
    pub fn number(&mut self, field: &str, expected: Option<Dec>, got: Decimal) {
        if let Some(Dec(expected)) = expected
            && expected != got
        {
            self.push(field, expected.normalize(), got.normalize());
        }
    }

    /// An amount, within the tolerance of the row.
    pub fn amount(&mut self, field: &str, expected: Option<Dec>, got: Decimal) {
        if let Some(Dec(expected)) = expected
            && (expected - got).abs() > self.tolerance
        {
            self.push(field, expected.normalize(), got.normalize());
        }
    }

    /// An amount that must be any other than this.
    pub fn other_amount(&mut self, field: &str, not: Option<Dec>, got: Decimal) {
        if let Some(Dec(not)) = not
            && not == got
        {
            self.push(field, format!("any but {not}"), got);
        }
    }

    /// A code or a word.
    pub fn text(&mut self, field: &str, expected: Option<&str>, got: &str) {
        if let Some(expected) = expected
            && expected != got
        {
            self.push(field, format!("{expected:?}"), format!("{got:?}"));
        }
    }

    /// Yes or no.
    pub fn flag(&mut self, field: &str, expected: Option<bool>, got: bool) {
        if let Some(expected) = expected
            && expected != got
        {
            self.push(field, expected, got);
        }
    }

    /// A date.
    pub fn date(&mut self, field: &str, expected: Option<NaiveDate>, got: NaiveDate) {
        if let Some(expected) = expected
            && expected != got
        {
            self.push(field, expected, got);
        }
    }

    /// A number of an entry; 0 for none.
    pub fn entry(&mut self, field: &str, expected: Option<u64>, got: u64) {
        if let Some(expected) = expected
            && expected != got
        {
            self.push(field, expected, got);
        }
    }
}

/// The mismatches of a file, collected step by step.
#[derive(Debug, Default)]
pub struct Findings {
    /// After which step we are.
    pub step: String,
    /// What was found so far.
    pub mismatches: Vec<Mismatch>,
    /// What is said beside.
    pub remarks: Vec<String>,
}

impl Findings {
    /// Something is not as expected.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "whatever can be told as text is given as it is"
    )]
    pub fn push(&mut self, what: impl ToString, expected: impl ToString, got: impl ToString) {
        self.mismatches.push(Mismatch {
            step: self.step.clone(),
            what: what.to_string(),
            expected: expected.to_string(),
            got: got.to_string(),
        });
    }

    /// The differences of one row.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "whatever can be told as text is given as it is"
    )]
    pub fn row(&mut self, what: impl ToString, found: Vec<Difference>) {
        let what = what.to_string();
        for Difference { field, expected, got } in found {
            self.push(format!("{what}.{field}"), expected, got);
        }
    }

    /// Holds a list of expected rows against rows of the ledger, by content. When `complete`, there
    /// are no other rows. Gives back which row met which, by position; `None` where none did.
    pub fn list<E, A: std::fmt::Debug>(
        &mut self,
        what: &str,
        (expected, actual): (&[Row<E>], &[A]),
        complete: bool,
        differ: impl Fn(&E, &A) -> Vec<Difference>,
    ) -> Vec<Option<usize>> {
        let fits = |e: usize, a: usize| differ(&expected[e].row, &actual[a]).is_empty();
        let met = assign(expected.len(), actual.len(), fits);
        let mut taken = vec![false; actual.len()];
        for a in met.iter().flatten() {
            taken[*a] = true;
        }
        for (e, row) in expected.iter().enumerate().filter(|(e, _row)| met[*e].is_none()) {
            let nearest = actual
                .iter()
                .enumerate()
                .filter(|(a, _row)| !taken[*a])
                .map(|(_a, row)| differ(&expected[e].row, row))
                .min_by_key(Vec::len);
            let got = nearest.map_or_else(
                || "no further row".to_owned(),
                |found| {
                    if found.is_empty() {
                        return "a row that another expectation needs".to_owned();
                    }
                    let parts: Vec<_> = found
                        .iter()
                        .map(|d| format!("{} {} for {}", d.field, d.got, d.expected))
                        .collect();
                    format!("none; the nearest differs in {}", parts.join(", "))
                },
            );
            self.push(format!("{what}[{e}]"), &row.raw, got);
        }
        if complete {
            for (a, row) in actual.iter().enumerate().filter(|(a, _row)| !taken[*a]) {
                self.push(what, "no other row", format!("row {}: {row:?}", a + 1));
            }
        }
        met
    }
}

/// Gives each of `expected` rows a different one of `actual` rows that fits, for as many as possible.
pub fn assign(
    expected: usize,
    actual: usize,
    fits: impl Fn(usize, usize) -> bool,
) -> Vec<Option<usize>> {
    let edges: Vec<Vec<usize>> =
        (0..expected).map(|e| (0..actual).filter(|a| fits(e, *a)).collect()).collect();
    let mut owner: Vec<Option<usize>> = vec![None; actual];
    for e in 0..expected {
        let mut seen = vec![false; actual];
        augment(e, &edges, &mut owner, &mut seen);
    }
    let mut met = vec![None; expected];
    for (a, e) in owner.into_iter().enumerate() {
        if let Some(e) = e {
            met[e] = Some(a);
        }
    }
    met
}

fn augment(e: usize, edges: &[Vec<usize>], owner: &mut [Option<usize>], seen: &mut [bool]) -> bool {
    for a in &edges[e] {
        if seen[*a] {
            continue;
        }
        seen[*a] = true;
        let free = match owner[*a] {
            None => true,
            Some(other) => augment(other, edges, owner, seen),
        };
        if free {
            owner[*a] = Some(e);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::assign;

    #[test]
    fn a_row_that_says_little_leaves_the_only_fitting_row_to_the_other() {
        // The first expectation fits both rows, the second only the first.
        let fits = |e: usize, a: usize| e == 0 || a == 0;
        assert_eq!(assign(2, 2, fits), [Some(1), Some(0)]);
    }

    #[test]
    fn no_row_is_used_twice() {
        assert_eq!(assign(2, 1, |_e, _a| true), [Some(0), None]);
    }
}
