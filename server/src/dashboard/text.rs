//! The words of the pages, from the Fluent files in `text/`, in the reader's own language.
//!
//! Sentences of reason codes are not here: they come from [`protocol::text`], the same as on the
//! devices.

use std::sync::OnceLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use protocol::text::Language;
use unic_langid::LanguageIdentifier;

const ENGLISH: &str = include_str!("text/dashboard.en.ftl");
const DANISH: &str = include_str!("text/dashboard.da.ftl");

type Bundle = FluentBundle<FluentResource>;

fn source(language: Language) -> &'static str {
    match language {
        Language::English => ENGLISH,
        Language::Danish => DANISH,
    }
}

fn load(language: Language) -> Bundle {
    let id: LanguageIdentifier = language.tag().parse().expect("the tags are language identifiers");
    let mut bundle = Bundle::new_concurrent(vec![id]);
    // Isolating marks are invisible characters round figures: they break comparing and copying.
    bundle.set_use_isolating(false);
    let resource = FluentResource::try_new(source(language).to_owned())
        .unwrap_or_else(|(partly_read, _errors)| partly_read);
    // A message that exists already stays: the test of the files would notice.
    bundle.add_resource(resource).unwrap_or_default();
    bundle
}

fn bundle(language: Language) -> &'static Bundle {
    static ENGLISH_BUNDLE: OnceLock<Bundle> = OnceLock::new();
    static DANISH_BUNDLE: OnceLock<Bundle> = OnceLock::new();
    match language {
        Language::English => ENGLISH_BUNDLE.get_or_init(|| load(language)),
        Language::Danish => DANISH_BUNDLE.get_or_init(|| load(language)),
    }
}

/// The text under `key` with `arguments` filled in; the key itself where there is none, so that a
/// missing text is seen and not hidden.
pub fn text(language: Language, key: &str, arguments: &[(&str, &str)]) -> String {
    let bundle = bundle(language);
    let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
        #[cfg(test)]
        MISSED.lock().unwrap().push(key.to_owned());
        return key.to_owned();
    };
    let mut filled = FluentArgs::new();
    for (name, value) in arguments {
        filled.set((*name).to_owned(), figure(value));
    }
    let mut errors = Vec::new();
    bundle.format_pattern(pattern, Some(&filled), &mut errors).into_owned()
}

/// A whole number that is written as numbers are, so that a text can say one thing of one and another of
/// several; everything else as it is written.
fn figure(value: &str) -> FluentValue<'static> {
    match value.parse::<u32>() {
        Ok(number) if number.to_string() == value => FluentValue::from(number),
        _ => FluentValue::from(value.to_owned()),
    }
}

/// The text under `key`, or none.
pub fn text_if_any(language: Language, key: &str) -> Option<String> {
    bundle(language).has_message(key).then(|| text(language, key, &[]))
}

#[cfg(test)]
static MISSED: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());

/// The keys that were asked for and are in no file.
#[cfg(test)]
pub(super) fn missed() -> Vec<String> {
    MISSED.lock().unwrap().clone()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::{Path, PathBuf};

    use super::*;

    /// Each key with the names of the arguments that its text uses.
    fn keys(language: Language) -> BTreeMap<String, BTreeSet<String>> {
        let mut keys = BTreeMap::new();
        for line in source(language).lines() {
            let Some((key, text)) = line.split_once(" = ") else { continue };
            if key.starts_with('#') || key.starts_with(' ') {
                continue;
            }
            let names = text.split("{ $").skip(1);
            let names = names.filter_map(|rest| rest.split_once(" }").map(|(name, _)| name));
            let earlier = keys.insert(key.to_owned(), names.map(str::to_owned).collect());
            assert!(earlier.is_none(), "{key} stands twice in {}", language.tag());
        }
        keys
    }

    #[test]
    fn both_languages_have_the_same_keys_with_the_same_arguments() {
        let (english, danish) = (keys(Language::English), keys(Language::Danish));
        assert!(english.len() > 100, "the files were not read");
        assert_eq!(english, danish);
    }

    #[test]
    fn every_line_of_the_files_is_read() {
        for language in [Language::English, Language::Danish] {
            assert!(FluentResource::try_new(source(language).to_owned()).is_ok());
            for key in keys(language).keys() {
                assert!(bundle(language).has_message(key), "{key}");
            }
        }
    }

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }

    #[test]
    fn every_text_that_a_page_asks_for_exists() {
        let known = keys(Language::English);
        let mut files = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dashboard"), &mut files);
        let mut asked = 0;
        for file in files {
            let code = std::fs::read_to_string(&file).unwrap();
            for call in [".t(\"", ".say(\""] {
                for rest in code.split(call).skip(1) {
                    let (key, _rest) = rest.split_once('"').unwrap();
                    if key.contains(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_') {
                        continue;
                    }
                    assert!(known.contains_key(key), "{key} in {}", file.display());
                    asked += 1;
                }
            }
        }
        assert!(asked > 100, "only {asked} texts were found");
    }

    #[test]
    fn figures_stand_in_a_text_without_invisible_marks() {
        let text = text(Language::English, "age-minutes", &[("n", "4")]);
        assert_eq!(text, "4 min");
    }

    #[test]
    fn one_is_said_as_one_and_codes_stay_as_they_are_written() {
        for (n, language, start) in [
            ("1", Language::English, "1 operation is"),
            ("2", Language::English, "2 operations are"),
            ("1", Language::Danish, "1 operation er"),
            ("2", Language::Danish, "2 operationer er"),
        ] {
            let text = text(language, "cause-unsent", &[("n", n)]);
            assert!(text.starts_with(start), "{text}");
        }
        for code in ["007", "+3", "1.50", "4006381333931", "0"] {
            let text = text(Language::English, "task-n", &[("n", code)]);
            assert!(text.ends_with(code), "{text}");
        }
    }
}
