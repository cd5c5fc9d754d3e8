//! What became of an operation. Travels in the feed, at the same Lsn as the rows it produced.

use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::identity::{CaseId, Lsn, OperationId, ServerTime};
use crate::quantity::Quantity;

/// How the server decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Posted as entered.
    Accepted,
    /// The fact is kept, the booking differs.
    Changed,
    /// The same fact was there already.
    Duplicate,
    /// A case with choices was opened; nothing, or only the sure part, is posted.
    Parked,
    /// A claim or a correction that cannot be granted. Never a fact.
    Refused,
}

/// A typed argument of a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Argument {
    /// A quantity in base units.
    Quantity(Quantity),
    /// A whole number of things.
    Number(i64),
    /// An instant.
    Time(ServerTime),
    /// A code or number that people read: item, bin, lot, document, person …
    Word(String),
}

/// Why, as a code with named, typed arguments. The reader renders the sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The code.
    #[serde(rename = "c")]
    pub code: Code,
    /// The arguments of its sentence, by name (`item`, `bin`, `wanted` …), sorted by name.
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<(String, Argument)>,
}

impl Reason {
    /// A reason without arguments.
    pub const fn new(code: Code) -> Self {
        Self { code, arguments: Vec::new() }
    }

    /// The same reason with one more word.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "callers build words in place")]
    pub fn word(self, name: &str, word: impl ToString) -> Self {
        self.with(name, Argument::Word(word.to_string()))
    }

    /// The same reason with one more quantity.
    #[must_use]
    pub fn quantity(self, name: &str, quantity: Quantity) -> Self {
        self.with(name, Argument::Quantity(quantity))
    }

    /// The same reason with one more argument.
    #[must_use]
    pub fn with(mut self, name: &str, argument: Argument) -> Self {
        self.arguments.push((name.to_owned(), argument));
        self.arguments.sort_by(|left, right| left.0.cmp(&right.0));
        self
    }
}

/// A field that was booked differently from what was entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The field, in the words of the glossary.
    #[serde(rename = "f")]
    pub field: String,
    /// As entered.
    #[serde(rename = "o")]
    pub from: String,
    /// As booked.
    #[serde(rename = "n")]
    pub to: String,
}

/// Whether the effect of a count may still move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// Some device may still hold an earlier act.
    Provisional,
    /// Judged, with everything reported that could change it.
    Settled,
}

/// What became of an operation, in one revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The operation, by the identity it was first recorded under.
    #[serde(rename = "o")]
    pub operation: OperationId,
    /// 1 for the first outcome; each later one restates the operation.
    #[serde(rename = "r")]
    pub revision: u32,
    /// The decision.
    #[serde(rename = "d")]
    pub decision: Decision,
    /// The decision's place in the log.
    #[serde(rename = "l")]
    pub lsn: Lsn,
    /// When it was done, in server time: the order key.
    #[serde(rename = "t")]
    pub tau: ServerTime,
    /// Half the width of the interval that `tau` is the middle of, in microseconds.
    #[serde(rename = "e")]
    pub epsilon_us: u64,
    /// Whether the boot of the operation was not bracketed (SYNC 4.1).
    #[serde(rename = "u", default, skip_serializing_if = "std::ops::Not::not")]
    pub uncertain: bool,
    /// For counts.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub settlement: Option<Settlement>,
    /// Why.
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
    /// What was booked differently.
    #[serde(rename = "x", default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// The case that was opened.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub case: Option<CaseId>,
    /// The reasons as English sentences, for a reader that does not know a code.
    #[serde(rename = "m", default, skip_serializing_if = "String::is_empty")]
    pub text_en: String,
}
