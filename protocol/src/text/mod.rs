//! Every sentence of a code, from the Fluent files in `text/`, in the reader's own language.
//!
//! A sentence is rendered by whoever shows it, from a code and its typed arguments; the wire
//! carries only those, and one English fallback for readers that do not know the code.

pub mod screens;

use std::sync::OnceLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

use crate::code::Code;
use crate::outcome::{Argument, Reason};

/// A language that every sentence exists in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Danish.
    Danish,
}

impl Language {
    /// The language of a tag such as `da`, `da-DK` or `en`; English for all others.
    pub fn from_tag(tag: &str) -> Self {
        let primary = tag.split(['-', '_', ',', ';']).next().unwrap_or_default().trim();
        if primary.eq_ignore_ascii_case("da") { Self::Danish } else { Self::English }
    }

    /// Its tag.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Danish => "da",
        }
    }
}

/// The sentences of the reason codes, as written.
const CODES: [(Language, &str); 2] = [
    (Language::English, include_str!("../../text/codes.en.ftl")),
    (Language::Danish, include_str!("../../text/codes.da.ftl")),
];

/// What stands in a sentence for an argument that the reason does not carry.
const MISSING: &str = "–";

type Bundle = FluentBundle<FluentResource>;

fn load(language: Language) -> Bundle {
    let id: LanguageIdentifier = language.tag().parse().expect("the tags are language identifiers");
    let mut bundle = Bundle::new_concurrent(vec![id]);
    // Isolating marks are invisible characters around figures: they break comparing and copying.
    bundle.set_use_isolating(false);
    for (of, text) in CODES {
        if of == language {
            let resource = FluentResource::try_new(text.to_owned())
                .unwrap_or_else(|(partly_read, _errors)| partly_read);
            // A message that exists already stays: the test of all codes would notice.
            bundle.add_resource(resource).unwrap_or_default();
        }
    }
    bundle
}

fn bundle(language: Language) -> &'static Bundle {
    static ENGLISH: OnceLock<Bundle> = OnceLock::new();
    static DANISH: OnceLock<Bundle> = OnceLock::new();
    match language {
        Language::English => ENGLISH.get_or_init(|| load(language)),
        Language::Danish => DANISH.get_or_init(|| load(language)),
    }
}

/// How an argument reads in `language`.
pub fn argument_text(argument: &Argument, language: Language) -> String {
    match argument {
        Argument::Quantity(quantity) => match language {
            Language::English => quantity.to_string(),
            Language::Danish => quantity.to_string().replace('.', ","),
        },
        Argument::Number(number) => number.to_string(),
        Argument::Time(time) => time.utc().map_or_else(
            || MISSING.to_owned(),
            |time| time.format("%Y-%m-%d %H:%M:%S").to_string(),
        ),
        Argument::Word(word) => word.clone(),
    }
}

fn render(reason: &Reason, language: Language, attribute: Option<&str>) -> Option<String> {
    let bundle = bundle(language);
    let message = bundle.get_message(reason.code.as_str())?;
    let pattern = match attribute {
        None => message.value()?,
        Some(name) => message.get_attribute(name)?.value(),
    };
    let mut arguments = FluentArgs::new();
    for name in variables(reason.code.as_str(), language) {
        arguments.set(name, FluentValue::from(MISSING));
    }
    for (name, argument) in &reason.arguments {
        arguments.set(name.clone(), FluentValue::from(argument_text(argument, language)));
    }
    let mut errors = Vec::new();
    let text = bundle.format_pattern(pattern, Some(&arguments), &mut errors);
    errors.is_empty().then(|| text.into_owned())
}

/// The names of the arguments that the sentences of `code` use.
fn variables(code: &str, language: Language) -> impl Iterator<Item = String> {
    let text = CODES.iter().find(|(of, _text)| *of == language).map_or("", |(_of, text)| *text);
    let start = format!("{code} = ");
    let lines = text
        .lines()
        .skip_while(move |line| !line.starts_with(&start))
        .enumerate()
        .take_while(|(n, line)| *n == 0 || line.starts_with(' '))
        .map(|(_n, line)| line.to_owned());
    lines.flat_map(|line| {
        line.split("{ $")
            .skip(1)
            .filter_map(|rest| rest.split_once(" }").map(|(name, _rest)| name.to_owned()))
            .collect::<Vec<_>>()
    })
}

/// What is so, as a sentence: the figures in warehouse words. Where the reason does not carry all of
/// them (a reader who may not see them, a list of codes), the code's sentence without figures, if it
/// has one.
///
/// A code of a later release reads as the code itself.
pub fn sentence(reason: &Reason, language: Language) -> String {
    let carries = |name: String| reason.arguments.iter().any(|(given, _value)| *given == name);
    let bare = (!variables(reason.code.as_str(), language).all(carries))
        .then(|| render(reason, language, Some("bare")))
        .flatten();
    bare.or_else(|| render(reason, language, None))
        .unwrap_or_else(|| reason.code.as_str().to_owned())
}

/// What to do now, as a sentence. Empty for a code of a later release.
pub fn next_step(reason: &Reason, language: Language) -> String {
    render(reason, language, Some("next")).unwrap_or_default()
}

/// The English fallback that an outcome carries: all sentences of `reasons`.
pub fn fallback(reasons: &[Reason]) -> String {
    let sentences: Vec<_> =
        reasons.iter().map(|reason| sentence(reason, Language::English)).collect();
    sentences.join(" ")
}

/// The sentence of `code` without figures, for lists of codes.
pub fn plain(code: &Code, language: Language) -> String {
    sentence(&Reason::new(code.clone()), language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_sentence_and_a_next_step_in_every_language() {
        for code in Code::ALL {
            for language in [Language::English, Language::Danish] {
                let reason = Reason::new(code.clone());
                assert!(render(&reason, language, None).is_some(), "{code} {language:?}");
                assert!(render(&reason, language, Some("next")).is_some(), "{code} {language:?}");
            }
        }
    }

    #[test]
    fn both_languages_use_the_same_arguments() {
        for code in Code::ALL {
            let names = |language| {
                let mut names: Vec<_> = variables(code.as_str(), language).collect();
                names.sort();
                names.dedup();
                names
            };
            assert_eq!(names(Language::English), names(Language::Danish), "{code}");
        }
    }

    #[test]
    fn a_sentence_carries_its_figures_and_no_invisible_marks() {
        let reason = Reason::new(Code::BinInsufficient)
            .word("item", "BOLT")
            .word("bin", "A-01")
            .quantity("wanted", "12".parse().unwrap())
            .quantity("available", "9.5".parse().unwrap());
        assert_eq!(sentence(&reason, Language::English), "BOLT in A-01: 12 wanted, 9.5 available.");
        assert_eq!(sentence(&reason, Language::Danish), "BOLT på A-01: 12 ønsket, 9,5 disponible.");
        assert_eq!(
            next_step(&reason, Language::English),
            "Count the bin, then take what is there."
        );
    }

    #[test]
    fn a_reason_without_its_figures_reads_without_gaps() {
        let whole = Reason::new(Code::CountConflict)
            .word("item", "BOLT")
            .word("bin", "A-01")
            .quantity("counted", "3".parse().unwrap())
            .quantity("other", "4".parse().unwrap());
        assert!(sentence(&whole, Language::English).ends_with("differ: 3 and 4."));
        let withheld = Reason { arguments: whole.arguments[..1].to_vec(), ..whole };
        assert_eq!(sentence(&withheld, Language::English), "Two counts do not agree.");
        assert_eq!(plain(&Code::CountConflict, Language::Danish), "To optællinger er ikke enige.");
    }

    #[test]
    fn a_later_code_reads_as_itself() {
        let reason = Reason::new(Code::Later("from_next_year".to_owned()));
        assert_eq!(sentence(&reason, Language::Danish), "from_next_year");
    }
}
