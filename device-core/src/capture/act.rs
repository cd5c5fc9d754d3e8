//! What a person can choose, and what the choice does.

use chrono::NaiveDate;
use protocol::operation::Condition;
use protocol::quantity::Quantity;
use protocol::words::{UnitCode, VariantCode};
use serde::Serialize;

use super::fill::Fill;
use super::message::Message;
use super::slots::Aim;

/// One row of a list of choices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// The number that the person presses, and what [`super::Event::Choose`] takes.
    pub id: String,
    /// What it says.
    pub text: Message,
}

/// What a choice does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// The scan meant this.
    Fill(Box<Fill>),
    /// Go on in spite of the warning.
    Accept,
    /// Back to where it was before the warning.
    Drop,
    /// There is no order.
    Unordered,
    /// The variant.
    Variant(VariantCode),
    /// Count in this unit.
    Unit(UnitCode),
    /// Which way an adjustment goes.
    Aim(Aim),
    /// Why.
    Reason(&'static str),
    /// Go on to the closing questions with what is in hand: this is why it is less.
    Short(&'static str),
    /// In which state goods arrived.
    Condition(Condition),
    /// Whether the bin is empty now.
    Emptied(bool),
    /// Not more than this, in base units.
    Limit(Quantity),
    /// The expiration date on the label is wrong: the known one holds.
    KnownExpiry(NaiveDate),
    /// Nobody can name it: record the label.
    Unidentified(String),
    /// The serial numbers come as a first and a last one.
    Range,
    /// They are this far apart.
    Step(u64),
    /// Leave the line for later.
    Skip,
    /// Nothing of it is there.
    Nothing,
    /// Store it as a count instead.
    CountInstead,
    /// Begin the quantity again.
    CountAgain,
    /// What this device moved meanwhile is in the figure already.
    InFigure,
    /// Begin the count again.
    StartAgain,
    /// What was not touched is not there.
    RestIsZero,
    /// Record only what was touched.
    OnlyTouched,
    /// Show how the lines of the truck's orders stand.
    TruckFinished,
    /// The truck is done; what is short stays open.
    CloseTruck,
}

/// Choices with what they do, numbered from 1 in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Acts(pub Vec<(Message, Act)>);

impl Acts {
    /// One more row.
    pub(super) fn push(&mut self, text: Message, act: Act) {
        self.0.push((text, act));
    }

    /// The rows as a person sees them.
    pub(super) fn choices(&self) -> Vec<Choice> {
        let numbered = self.0.iter().enumerate();
        numbered
            .map(|(at, (text, _))| Choice { id: (at + 1).to_string(), text: text.clone() })
            .collect()
    }

    /// What the row with this number does.
    pub(super) fn find(&self, id: &str) -> Option<&Act> {
        let at: usize = id.parse().ok()?;
        self.0.get(at.checked_sub(1)?).map(|(_, act)| act)
    }
}
