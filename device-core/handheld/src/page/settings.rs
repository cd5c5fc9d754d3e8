//! How the screens look and sound, and whether the scanner sends what it should.

use device_core::engine::{ScannerTest, SeparatorFound};
use maud::{Markup, html};
use protocol::barcode::{Meaning, Reading};
use protocol::enrolment::Invitation;
use protocol::identity::ServerTime;
use protocol::text::Language;

use super::frame::{Field, code, field_of, link};
use crate::app::{App, CodeTest, Desk};
use crate::clock;
use crate::looks::{Hand, Looks, Sounds, Theme, Volume};
use crate::words::{plain, with_number, with_word};

/// The signals that can be tried.
const SIGNALS: [&str; 6] = ["good", "complete", "repeated", "warning", "stop", "attention"];

/// What a test scan brought.
#[derive(Debug)]
pub(crate) struct Tested {
    /// How it was read.
    pub(crate) reading: Reading,
    /// What came of the test code, where it was that.
    pub(crate) code: Option<CodeTest>,
    /// How long one character took, where a script has measured it.
    pub(crate) ms: Option<u64>,
}

/// The page, with what the last test scan brought.
pub(super) fn settings(app: &App, desk: &Desk, looks: Looks, tested: Option<&Tested>) -> Markup {
    let language = app.language(desk);
    let words = ["da", "en"].map(|tag| (tag, if tag == "da" { "Dansk" } else { "English" }));
    html! {
        h1 { (plain("page-settings", language)) }
        (scan_test(tested, &trust(app, desk, language), language))
        section {
            h2 { (plain("settings-language", language)) }
            div class="choices" {
                @for (tag, name) in words { (choice("language", tag, name, language.tag() == tag)) }
            }
        }
        (group("theme", Theme::WORDS, looks.theme.word(), language))
        (group("sounds", Sounds::WORDS, looks.sounds.word(), language))
        (group("volume", Volume::WORDS, looks.volume.word(), language))
        div class="choices" id="try" {
            @for signal in SIGNALS {
                button type="button" class="secondary" data-try=(signal) {
                    (plain(&format!("settings-try-{signal}"), language))
                }
            }
        }
        (group("hand", Hand::WORDS, looks.hand.word(), language))
        nav class="bar" { (link("/", &plain("button-back", language), "secondary back")) }
    }
}

/// What can be chosen of one thing, each under its name.
fn group(what: &str, words: &[&str], now: &str, language: Language) -> Markup {
    html! {
        section {
            h2 { (plain(&format!("settings-{what}"), language)) }
            div class="choices" {
                @for word in words {
                    (choice(what, word, &plain(&format!("settings-{what}-{word}"), language), *word == now))
                }
            }
        }
    }
}

fn choice(what: &str, word: &str, label: &str, is_now: bool) -> Markup {
    html! {
        form method="post" action={ "/settings/" (what) } {
            input type="hidden" name="text" value=(word);
            button type="submit" class="secondary" aria-pressed=(is_now) { (label) }
        }
    }
}

fn scan_test(tested: Option<&Tested>, trust: &Markup, language: Language) -> Markup {
    html! {
        section id="scan-test" {
            h2 { (plain("settings-scan", language)) }
            p { (plain("settings-scan-explain", language)) }
            (field_of("/settings/scan", &plain("settings-scan-field", language), Field::Text,
                &plain("settings-scan-button", language)))
            @if let Some(tested) = tested { (found(tested, language)) }
            (trust)
        }
        section id="test-code" {
            img src="/settings/code.svg" alt=(plain("settings-code", language)) width="200" height="200";
            p { (plain("settings-code-explain", language)) }
            button type="button" class="secondary" data-print { (plain("settings-code-print", language)) }
        }
    }
}

fn found(tested: &Tested, language: Language) -> Markup {
    let reading = &tested.reading;
    if is_secret(reading) {
        return html! { p id="scanned" class="remark good" role="status" {
            (plain("settings-scan-secret", language))
        } };
    }
    html! {
        div id="scanned" class="remark good" role="status" {
            p class="big" { (code(&visible(&reading.raw))) }
            p {
                @match aim(reading) {
                    Some(aim) => (with_word("settings-scan-aim", "aim", aim, language)),
                    None => (plain("settings-scan-no-aim", language)),
                }
            }
            @if let Some(ms) = tested.ms { p { (with_number("settings-scan-ms", "n", ms, language)) } }
            @let n_ways = reading.meanings.len();
            @if n_ways > 1 {
                p id="ways" {
                    (with_number("settings-scan-ways", "n", u64::try_from(n_ways).unwrap_or(u64::MAX), language))
                }
            }
            @if let Some(code) = &tested.code { p id="whole" { (of_test_code(code, language)) } }
        }
    }
}

/// A badge signs somebody in, and an enrolment code lets a device in: neither is shown.
fn is_secret(reading: &Reading) -> bool {
    let is_badge = reading.meanings.iter().any(|meaning| matches!(meaning, Meaning::Badge(_)));
    is_badge || reading.raw.trim().parse::<Invitation>().is_ok()
}

/// The text with a picture for each character that has none of its own.
fn visible(raw: &str) -> String {
    let shown = |c: char| match u32::from(c) {
        n @ 0..=0x1f => char::from_u32(0x2400 + n).unwrap_or(c),
        0x7f => '\u{2421}',
        _ => c,
    };
    raw.chars().map(shown).collect()
}

/// The identifier that the scanner has put in front.
fn aim(reading: &Reading) -> Option<String> {
    reading.symbology?;
    let at = reading.raw.find(']')?;
    Some(reading.raw[at..].chars().take(3).collect())
}

/// What is to be said of the test code.
fn of_test_code(code: &CodeTest, language: Language) -> String {
    match code {
        CodeTest::Whole => plain("settings-code-whole", language),
        CodeTest::Alias(alias) => {
            with_word("settings-code-alias", "text", visible(alias), language)
        }
        CodeTest::Lost => plain("settings-code-lost", language),
        CodeTest::Unclear(text) => {
            with_word("settings-code-unclear", "text", visible(text), language)
        }
        CodeTest::NotKept => plain("settings-code-not-kept", language),
    }
}

/// What is trusted, and since which test.
fn trust(app: &App, desk: &Desk, language: Language) -> Markup {
    let test = app.device.read(|core| core.scanner_test().cloned());
    let told = match test.as_ref().map(|test| &test.separator) {
        None => plain("settings-scanner-untested", language),
        Some(SeparatorFound::Raw) => plain("settings-scanner-trusted", language),
        Some(SeparatorFound::Alias(alias)) => {
            with_word("settings-scanner-alias", "text", visible(alias), language)
        }
        Some(SeparatorFound::Lost) => plain("settings-scanner-doubted", language),
    };
    // Before the server was heard, nobody knows the time.
    let when = |test: ScannerTest| (test.at > ServerTime(0)).then_some(test.at);
    html! {
        div id="trust" {
            p { (told) }
            @if let Some(at) = test.and_then(when) {
                @let time = clock::hour(at, ServerTime(0), app.location_row(desk).as_ref());
                p class="muted" { (with_word("settings-scanner-when", "time", time, language)) }
            }
        }
    }
}
