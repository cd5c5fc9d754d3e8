//! Sentences in the language of the person.

use device_core::capture::Message;
use protocol::outcome::Argument;
use protocol::text::{Language, screens};

/// The sentence of a message of the flows.
pub(crate) fn say(message: &Message, language: Language) -> String {
    let arguments = message.arguments.iter().map(|(name, argument)| (*name, argument));
    screens::sentence(message.id, arguments, language)
}

/// The sentence with this name.
pub(crate) fn plain(name: &str, language: Language) -> String {
    screens::plain(name, language)
}

/// The sentence with this name and one code or text in it.
pub(crate) fn with_word(
    name: &str,
    argument: &str,
    word: impl Into<String>,
    language: Language,
) -> String {
    let word = Argument::Word(word.into());
    screens::sentence(name, [(argument, &word)], language)
}

/// The sentence with this name and one number of things in it.
pub(crate) fn with_number(name: &str, argument: &str, number: u64, language: Language) -> String {
    let number = Argument::Number(i64::try_from(number).unwrap_or(i64::MAX));
    screens::sentence(name, [(argument, &number)], language)
}
