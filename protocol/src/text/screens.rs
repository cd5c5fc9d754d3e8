//! The sentences of the handheld's screens, by name.

use std::sync::OnceLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

use super::{Language, argument_text};
use crate::outcome::Argument;

const ENGLISH: &str = include_str!("../../text/screens.en.ftl");
const DANISH: &str = include_str!("../../text/screens.da.ftl");

type Bundle = FluentBundle<FluentResource>;

fn load(language: Language, text: &str) -> Bundle {
    let id: LanguageIdentifier = language.tag().parse().expect("the tags are language identifiers");
    let mut bundle = Bundle::new_concurrent(vec![id]);
    // Isolating marks are invisible characters around figures: they break comparing and copying.
    bundle.set_use_isolating(false);
    let resource = FluentResource::try_new(text.to_owned())
        .unwrap_or_else(|(partly_read, _errors)| partly_read);
    // A name that exists already stays: the test of all names would notice.
    bundle.add_resource(resource).unwrap_or_default();
    bundle
}

fn bundle(language: Language) -> &'static Bundle {
    static ENGLISH_BUNDLE: OnceLock<Bundle> = OnceLock::new();
    static DANISH_BUNDLE: OnceLock<Bundle> = OnceLock::new();
    match language {
        Language::English => ENGLISH_BUNDLE.get_or_init(|| load(language, ENGLISH)),
        Language::Danish => DANISH_BUNDLE.get_or_init(|| load(language, DANISH)),
    }
}

/// The sentence with this name. A name that does not exist, or an argument that is missing, leaves
/// the name itself on the screen: ugly, and never silent.
pub fn sentence<'a>(
    name: &str,
    arguments: impl IntoIterator<Item = (&'a str, &'a Argument)>,
    language: Language,
) -> String {
    let mut values = FluentArgs::new();
    for (name, argument) in arguments {
        let value = match argument {
            Argument::Number(number) => FluentValue::from(*number),
            Argument::Quantity(_) | Argument::Time(_) | Argument::Word(_) => {
                FluentValue::from(argument_text(argument, language))
            }
        };
        values.set(name.to_owned(), value);
    }
    let bundle = bundle(language);
    let mut errors = Vec::new();
    let pattern = bundle.get_message(name).and_then(|message| message.value());
    let text = pattern.map(|pattern| bundle.format_pattern(pattern, Some(&values), &mut errors));
    match text {
        // What an argument leaves empty leaves no gap.
        Some(text) if errors.is_empty() => {
            text.split_whitespace().collect::<Vec<_>>().join(" ").replace(" :", ":")
        }
        Some(_) | None => name.to_owned(),
    }
}

/// The sentence with this name, which takes no arguments.
pub fn plain(name: &str, language: Language) -> String {
    sentence(name, [], language)
}

/// Whether there is a sentence with this name.
pub fn has(name: &str, language: Language) -> bool {
    bundle(language).get_message(name).is_some_and(|message| message.value().is_some())
}

/// The names of all sentences, in the order of the file.
pub fn names(language: Language) -> impl Iterator<Item = &'static str> {
    let text = match language {
        Language::English => ENGLISH,
        Language::Danish => DANISH,
    };
    text.lines()
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _text)| name)
        .filter(|name| !name.is_empty() && !name.starts_with(['#', ' ', '[', '*']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_have_the_same_sentences_and_each_can_be_read() {
        let english: Vec<_> = names(Language::English).collect();
        let danish: Vec<_> = names(Language::Danish).collect();
        assert_eq!(english, danish);
        assert!(english.len() > 200);
        for name in english {
            assert!(has(name, Language::English) && has(name, Language::Danish), "{name}");
        }
    }

    #[test]
    fn both_languages_use_the_same_arguments() {
        let arguments = |text: &str| {
            let mut by_name: Vec<(String, Vec<String>)> = Vec::new();
            for line in text.lines().filter(|line| !line.starts_with('#')) {
                if let Some((name, _)) = line.split_once(" = ").filter(|_| !line.starts_with(' ')) {
                    by_name.push((name.to_owned(), Vec::new()));
                }
                let Some((_, used)) = by_name.last_mut() else { continue };
                for rest in line.split("{ $").skip(1) {
                    let name = rest.split([' ', '}']).next().unwrap_or_default().to_owned();
                    if !used.contains(&name) {
                        used.push(name);
                    }
                }
                used.sort();
            }
            by_name
        };
        assert_eq!(arguments(ENGLISH), arguments(DANISH));
    }

    #[test]
    fn buttons_are_short() {
        for language in [Language::English, Language::Danish] {
            for name in names(language).filter(|name| {
                name.starts_with("button-") || name.starts_with("reason-") || *name == "choice-skip"
            }) {
                let text = plain(name, language);
                assert!(text.chars().count() <= 24, "{name}: {text}");
            }
        }
    }

    #[test]
    fn figures_and_plurals_are_written_as_the_language_does() {
        let quantity = Argument::Quantity("12.5".parse().unwrap());
        let unit = Argument::Word("KG".to_owned());
        let arguments = || [("left", &quantity), ("unit", &unit)];
        assert_eq!(sentence("hint-take", arguments(), Language::English), "Take 12.5 KG");
        assert_eq!(sentence("hint-take", arguments(), Language::Danish), "Tag 12,5 KG");
        let one = Argument::Number(1);
        assert_eq!(
            sentence("sync-waiting", [("n", &one)], Language::English),
            "1 waiting - safe on this device"
        );
        let many = Argument::Number(1_400);
        assert_eq!(
            sentence("chip-offline", [("n", &many)], Language::Danish),
            "Offline - 1400 venter"
        );
    }

    #[test]
    fn a_missing_name_or_argument_shows_the_name() {
        assert_eq!(plain("no-such-sentence", Language::English), "no-such-sentence");
        assert_eq!(plain("hint-take", Language::English), "hint-take");
    }
}
