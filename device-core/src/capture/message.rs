//! What a flow says: a text by its name and arguments, how it sounds, and a wrong scan explained.
//!
//! No sentence is written here. The reader renders it from the Fluent files of `protocol`, in the
//! language of the person.

use protocol::outcome::Argument;
use protocol::quantity::Quantity;
use serde::Serialize;

/// A sentence by its name in `screens.en.ftl` and `screens.da.ftl`, with its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The name of the text.
    pub id: &'static str,
    /// The arguments of the text, by name.
    pub arguments: Vec<(&'static str, Argument)>,
}

impl Message {
    /// A text without arguments.
    pub const fn new(id: &'static str) -> Self {
        Self { id, arguments: Vec::new() }
    }

    /// The same text with a code, number or name in it.
    #[expect(clippy::needless_pass_by_value, reason = "callers hand over what they have")]
    #[must_use]
    pub fn word(mut self, name: &'static str, word: impl ToString) -> Self {
        self.arguments.push((name, Argument::Word(word.to_string())));
        self
    }

    /// The same text with a quantity in it. Its unit is a word of its own.
    #[must_use]
    pub fn quantity(mut self, name: &'static str, quantity: Quantity) -> Self {
        self.arguments.push((name, Argument::Quantity(quantity)));
        self
    }

    /// The same text with a number of things in it.
    #[must_use]
    pub fn number(mut self, name: &'static str, number: usize) -> Self {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        self.arguments.push((name, Argument::Number(number)));
        self
    }
}

/// How a step is answered: each is a colour with a shape and a word, a sound and a vibration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Nothing was scanned or decided: no sound.
    Quiet,
    /// A slot is filled.
    Good,
    /// The step is complete and recorded.
    Complete,
    /// The same thing again, without effect.
    Repeated,
    /// Look at me: goes on only after an answer.
    Warning,
    /// Wrong. Nothing was taken over.
    Stop,
}

/// A sentence that stays on the screen until the next scan: why it is yellow or red.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// The stable name of the problem, shown small.
    pub code: &'static str,
    /// How it sounds.
    pub signal: Signal,
    /// What is wrong, with the numbers.
    pub text: Message,
    /// What was scanned, as the person reads it on the label.
    pub scanned: Option<String>,
    /// What was expected instead.
    pub needed: Option<String>,
    /// What to do now.
    pub next: Message,
}

impl Notice {
    /// A stop: nothing was taken over.
    pub fn stop(code: &'static str, text: Message, next: &'static str) -> Self {
        let next = Message::new(next);
        Self { code, signal: Signal::Stop, text, scanned: None, needed: None, next }
    }

    /// The same notice, naming what was scanned.
    #[expect(clippy::needless_pass_by_value, reason = "callers hand over what they have")]
    #[must_use]
    pub fn scanned(mut self, text: impl ToString) -> Self {
        self.scanned = Some(text.to_string());
        self
    }

    /// The same notice, naming what was expected.
    #[expect(clippy::needless_pass_by_value, reason = "callers hand over what they have")]
    #[must_use]
    pub fn needed(mut self, text: impl ToString) -> Self {
        self.needed = Some(text.to_string());
        self
    }
}
