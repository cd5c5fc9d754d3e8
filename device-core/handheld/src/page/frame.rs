//! What every page has: the header with the chip, and the parts that pages are made of.

use device_core::capture::Signal;
use device_core::engine::{OperationState, RecorderState, Status};
use device_core::session::LinkState;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use protocol::health::StorageState;
use protocol::outcome::Decision;
use protocol::text::Language;

use super::Drawn;
use crate::app::{App, Desk};
use crate::clock;
use crate::looks::Looks;
use crate::words::{plain, with_number, with_word};

/// From this age on, what waits while the device is online is called slow.
const SLOW_US: u64 = 120_000_000;

/// The newest operations that are looked through for what needs attention.
const LOOKED_THROUGH: usize = 100;

/// The word for a signal in the page.
pub(super) const fn signal_word(signal: Signal) -> &'static str {
    match signal {
        Signal::Quiet => "quiet",
        Signal::Good => "good",
        Signal::Complete => "complete",
        Signal::Repeated => "repeated",
        Signal::Warning => "warning",
        Signal::Stop => "stop",
    }
}

/// The whole document.
pub(super) fn whole(language: Language, looks: Looks, chip: &Markup, middle: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(language.tag()) data-theme=(looks.theme.word()) data-sounds=(looks.sounds.word())
            data-volume=(looks.volume.word()) data-hand=(looks.hand.word()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Tallyman" }
                link rel="icon" href="/icon.svg";
                // Behind the guard like everything: it is asked for with the session.
                link rel="manifest" href="/manifest.webmanifest" crossorigin="use-credentials";
                link rel="stylesheet" href="/app.css";
                script type="module" src="/app.js" {}
            }
            body {
                header id="top" { (chip) }
                (middle)
                div id="heard" class="unseen" aria-live="polite" {}
                div id="alarm" class="unseen" aria-live="assertive" {}
                input id="wedge" class="unseen" inputmode="none" autocomplete="off"
                    tabindex="-1" aria-hidden="true";
            }
        }
    }
}

/// The middle of the page: what the script replaces.
pub(super) fn middle(desk: &Desk, drawn: &Drawn<'_>) -> Markup {
    let signal = drawn.answer.map_or(Signal::Quiet, |answer| answer.signal);
    html! {
        main id="main" data-page=(drawn.page) data-signal=(signal_word(signal)) {
            @if let Some(remark) = &desk.remark {
                p id="remark" class=(format!("remark {}", signal_word(remark.signal)))
                    role="status" {
                    (shape(remark.signal)) " " (remark.text)
                }
            }
            (drawn.main)
        }
    }
}

/// The sign beside a colour: a shape of its own for each signal.
pub(super) fn shape(signal: Signal) -> Markup {
    let (class, sign) = match signal {
        Signal::Good | Signal::Complete => ("ok", "✓"),
        Signal::Repeated | Signal::Quiet => ("info", "■"),
        Signal::Warning => ("warn", "▲"),
        Signal::Stop => ("error", "✕"),
    };
    html! { span class=(format!("shape {class}")) aria-hidden="true" { (sign) } }
}

/// A code or number: never translated, never turned round.
pub(super) fn code(text: &str) -> Markup {
    html! { bdi dir="ltr" translate="no" class="code" { (text) } }
}

/// A button that does something.
pub(super) fn button(deed: &str, text: &str, label: &str, class: &str) -> Markup {
    html! {
        form method="post" action=(format!("/do/{deed}")) {
            input type="hidden" name="text" value=(text);
            button type="submit" class=(class) { (label) }
        }
    }
}

/// A button with a number that the keys of the device press.
pub(super) fn numbered(n: usize, deed: &str, text: &str, label: &str) -> Markup {
    html! {
        form method="post" action=(format!("/do/{deed}")) {
            input type="hidden" name="text" value=(text);
            button type="submit" class="row" data-digit=(n % 10) {
                @if n <= 10 { span class="digit" aria-hidden="true" { (n % 10) } }
                span { (label) }
            }
        }
    }
}

/// A field with one button.
pub(super) fn field(deed: &str, label: &str, kind: Field, button: &str) -> Markup {
    field_of(&format!("/do/{deed}"), label, kind, button)
}

/// The same, sent to another address than that of a deed.
pub(super) fn field_of(to: &str, label: &str, kind: Field, button: &str) -> Markup {
    html! {
        form method="post" action=(to) class="field" {
            label for="field" { (label) }
            (input(kind))
            button type="submit" class="primary" { (button) }
        }
    }
}

fn input(kind: Field) -> Markup {
    let mode = match kind {
        Field::Text => "text",
        Field::Decimal => "decimal",
        Field::Whole | Field::Secret => "numeric",
    };
    html! {
        input id="field" name="text" autocomplete="off" autocapitalize="off"
            spellcheck="false" inputmode=(mode)
            type=(if kind == Field::Secret { "password" } else { "text" })
            data-keep=(if kind == Field::Text { "scan" } else { "key" });
    }
}

/// The id of the form whose button is in the bar.
const ENTRY: &str = "entry";

/// A field that is sent by the primary button of the bar: see [`enter`].
pub(super) fn entry(deed: &str, label: &str, kind: Field) -> Markup {
    html! {
        form id=(ENTRY) method="post" action=(format!("/do/{deed}")) class="field" {
            label for="field" { (label) }
            (input(kind))
        }
    }
}

/// The primary button that sends what was typed. Where it says an amount, the script keeps it at
/// what is typed: `usual` is what an empty field stands for.
pub(super) fn enter(label: &str, amount: Option<(&str, &str, &str)>) -> Markup {
    let (ok, usual, unit) = amount.unwrap_or_default();
    html! {
        button type="submit" form=(ENTRY) class="primary go" data-ok=[amount.map(|_| ok)]
            data-usual=[amount.map(|_| usual)] data-unit=[amount.map(|_| unit)] { (label) }
    }
}

/// How a field is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// Any text.
    Text,
    /// A number with a decimal sign.
    Decimal,
    /// A number without one.
    Whole,
    /// A PIN.
    Secret,
}

/// A link that looks like a button.
pub(super) fn link(to: &str, label: &str, class: &str) -> Markup {
    html! { a href=(to) class=(format!("button {class}")) { (label) } }
}

/// The header: the state of the link in words, who is here, how old the figures are.
pub(crate) fn chip_of(app: &App, desk: &mut Desk, status: &Status) -> Markup {
    let language = app.language(desk);
    let attention = attention(app, desk);
    let unsent = status.n_unsent;
    let is_old = status.oldest_unsent_us.is_some_and(|age| age > SLOW_US);
    let (kind, sign, text) = if status.recorder == RecorderState::NotEnrolled {
        ("offline", "○", plain("chip-new", language))
    } else if status.link != LinkState::Online {
        ("offline", "○", with_number("chip-offline", "n", unsent, language))
    } else if is_old {
        ("slow", "▲", with_number("chip-slow", "n", unsent, language))
    } else if unsent > 0 {
        ("sending", "⇅", with_number("chip-sending", "n", unsent, language))
    } else {
        ("online", "●", plain("chip-online", language))
    };
    let person = status.operator.as_ref().map(ToString::to_string).unwrap_or_default();
    let row = app.location_row(desk);
    let age = (status.as_of.0 > 0).then(|| clock::hour(status.as_of, app.now(), row.as_ref()));
    html! {
        @if let Some((sign, text)) = storage_of(status, language) {
            p id="storage" class="remark warning" role="status" {
                span class="shape warn" aria-hidden="true" { (sign) } " " (text)
            }
        }
        @if let Some(left_us) = status.locks_in_us {
            p id="out-of-touch" class="remark warning" role="status" {
                span class="shape warn" aria-hidden="true" { "▲" } " "
                (with_number("out-of-touch", "n", left_us / 3_600_000_000, language))
            }
        }
        a id="chip" href="/sync" class=(format!("chip {kind}")) data-unsent=(unsent) {
            span aria-hidden="true" { (sign) } " " span { (text) }
        }
        // Beside the link, never instead of it: what needs an answer says nothing of what is unsent.
        @if attention > 0 {
            a id="attention" href="/mine" class="chip attention" data-n=(attention) {
                span aria-hidden="true" { "⬣" } " "
                span { (with_number("chip-attention", "n", attention, language)) }
            }
        }
        span class="person" { (code(&person)) }
        @if let Some(age) = age {
            span class="age" { (with_word("stock-age", "time", age, language)) }
        }
    }
}

/// What the person should know of the storage; a stopped one has a page of its own.
fn storage_of(status: &Status, language: Language) -> Option<(&'static str, String)> {
    match status.storage.state {
        StorageState::Low => Some(("▲", plain("storage-low", language))),
        StorageState::Full => Some(("▲", plain("storage-full", language))),
        StorageState::Good | StorageState::Stopped => None,
    }
}

/// How many refused or parked operations nobody has looked at.
fn attention(app: &App, desk: &Desk) -> u64 {
    let list = app.device.my_operations(LOOKED_THROUGH).unwrap_or_default();
    let needs = list.iter().filter(|operation| {
        let OperationState::Judged(Some(outcome)) = &operation.state else { return false };
        matches!(outcome.decision, Decision::Refused | Decision::Parked)
            && !desk.seen.contains(&operation.name)
    });
    u64::try_from(needs.count()).unwrap_or(u64::MAX)
}

/// Text with line breaks of its own, escaped.
pub(super) fn nothing() -> Markup {
    PreEscaped(String::new())
}
