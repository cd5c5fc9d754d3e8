//! A flow at work: one question, what is known, what can be chosen.

use device_core::capture::screen::Input;
use device_core::capture::{Capture, Notice, Screen, Signal, Slot};
use maud::{Markup, html};
use protocol::outcome::Argument;
use protocol::text::{Language, argument_text};

use super::frame::{
    Field, button, code, enter, entry, field, link, nothing, numbered, shape, signal_word,
};
use super::picture;
use crate::app::{Answer, App, Desk};
use crate::words::{plain, say};

/// The flow.
pub(super) fn flow(app: &App, desk: &mut Desk, answer: Option<&Answer>) -> Markup {
    let language = app.language(desk);
    let screen = app
        .with_world(desk, |desk, world| desk.capture.as_ref().map(|capture| capture.screen(world)))
        .flatten();
    let Some(screen) = screen else { return nothing() };
    let frame = answer.map_or("quiet", |answer| signal_word(answer.signal));
    html! {
        div class=(format!("flow {frame}{}", if asks_amount(&screen) { " amount" } else { "" })) {
            h1 { (say(&screen.title, language)) }
            @if let Some(notice) = &screen.notice { (sheet(notice, language)) }
            (hints(&screen, language))
            @if !is_warned(&screen) { (question(&screen, language)) }
            @if !asks_amount(&screen) { (choices(&screen, language)) }
            (filled(&screen, language))
            (lines(&screen, language))
            @if let Some(item) = desk.capture.as_ref().and_then(Capture::looked_up) {
                (link(&picture::elsewhere_of(item), &plain("button-elsewhere", language), "secondary"))
            }
            @if screen.flow.is_count() && screen.is_blind && app.may_open_book() {
                (button("open-book", "", &plain("button-open-book", language), "secondary"))
            }
            (bar(&screen, language))
        }
    }
}

/// Whether a warning waits for an answer: nothing else is asked then.
fn is_warned(screen: &Screen) -> bool {
    screen.notice.as_ref().is_some_and(|notice| notice.signal == Signal::Warning)
}

/// Whether an amount is typed on the keypad.
fn asks_amount(screen: &Screen) -> bool {
    !is_warned(screen) && matches!(screen.question.input, Input::Quantity { .. })
}

/// Why the screen is yellow or red: what was scanned, what is needed, what to do.
fn sheet(notice: &Notice, language: Language) -> Markup {
    let word = signal_word(notice.signal);
    let needed = notice.needed.as_deref().filter(|needed| !needed.is_empty());
    let scanned = notice.scanned.as_deref().filter(|scanned| !scanned.is_empty());
    html! {
        section id="notice" class=(format!("sheet {word}")) role="alert" {
            h2 { (shape(notice.signal)) " " (say(&notice.text, language)) }
            @if let Some(scanned) = scanned {
                p { (plain("word-scanned", language)) " "
                    (differing(scanned, needed.unwrap_or(scanned))) }
            }
            @if let Some(needed) = needed {
                p { (plain("word-needed", language)) " "
                    (differing(needed, scanned.unwrap_or(needed))) }
            }
            p class="next" { (say(&notice.next, language)) }
            p class="muted small" { (code(notice.code)) }
        }
    }
}

/// A text with the characters underlined in which it differs from another.
fn differing(text: &str, other: &str) -> Markup {
    let mut others = other.chars();
    // In names nearly all of it would differ, and that says nothing.
    let is_code = !text.contains(' ') && !other.contains(' ');
    let marked: Vec<(char, bool)> =
        text.chars().map(|c| (c, others.next() != Some(c) && is_code)).collect();
    html! {
        bdi dir="ltr" translate="no" class="code big" {
            @for (c, differs) in marked {
                @if differs { u { (c) } } @else { (c) }
            }
        }
    }
}

fn hints(screen: &Screen, language: Language) -> Markup {
    html! {
        @if !screen.hints.is_empty() {
            ul class="hints" {
                @for hint in &screen.hints {
                    li class=(hint.id) { (say(hint, language)) }
                }
            }
        }
    }
}

fn question(screen: &Screen, language: Language) -> Markup {
    let question = &screen.question;
    let scans = matches!(
        question.slot,
        Some(
            Slot::Document
                | Slot::From
                | Slot::To
                | Slot::Item
                | Slot::Lot
                | Slot::Serial
                | Slot::Package
                | Slot::Plate
        )
    );
    let class = match (question.text.id, scans) {
        ("ask-go-to", _) => "question scan go-to",
        (_, true) => "question scan",
        (_, false) => "question",
    };
    html! {
        p id="question" class=(class) { (say(&question.text, language)) }
        @match &question.input {
            Input::Nothing => {}
            Input::Text => {
                details class="by-hand" id="keys" open[!scans] {
                    summary { (plain("button-keys", language)) }
                    (field("key", &plain("field-scan", language), Field::Text,
                        &plain("button-ok", language)))
                }
            }
            Input::Date => { (entry("key", &plain("field-date", language), Field::Text)) }
            Input::Quantity { decimals, .. } => {
                (entry("key", &plain("field-quantity", language),
                    if *decimals { Field::Decimal } else { Field::Whole }))
                (choices(screen, language))
                (keypad(*decimals, Some(language)))
            }
        }
    }
}

/// The button that sends an amount says what it sends.
fn ok_with(screen: &Screen, unit: &str, language: Language) -> Markup {
    let ok = plain("button-ok", language);
    let usual = screen.filled.iter().find(|filled| filled.slot == Slot::Quantity);
    let usual = usual.and_then(|filled| {
        filled.value.arguments.iter().find_map(|(name, argument)| {
            matches!(argument, Argument::Quantity(_))
                .then(|| argument_text(argument, language))
                .filter(|_| *name == "quantity")
        })
    });
    let usual = usual.unwrap_or_default();
    let label = [ok.as_str(), &usual, unit]
        .iter()
        .filter(|part| !part.is_empty())
        .copied()
        .collect::<Vec<_>>()
        .join(" ");
    enter(&label, Some((&ok, &usual, unit)))
}

/// The keys of the screen; they write into the field above.
pub(super) fn keypad(decimals: bool, language: Option<Language>) -> Markup {
    let sign = match language {
        Some(Language::Danish) => ",",
        _ => ".",
    };
    html! {
        div class="keypad" aria-hidden="true" {
            @for key in ["7", "8", "9", "4", "5", "6", "1", "2", "3"] {
                button type="button" data-key=(key) tabindex="-1" { (key) }
            }
            @if decimals {
                button type="button" data-key=(sign) tabindex="-1" { (sign) }
            } @else {
                span {}
            }
            button type="button" data-key="0" tabindex="-1" { "0" }
            button type="button" data-key="back" tabindex="-1" { "⌫" }
        }
    }
}

fn choices(screen: &Screen, language: Language) -> Markup {
    html! {
        @if !screen.choices.is_empty() {
            div class="list" id="choices" {
                @for (at, choice) in screen.choices.iter().enumerate() {
                    (numbered(at + 1, "choose", &choice.id, &say(&choice.text, language)))
                }
            }
        }
    }
}

fn filled(screen: &Screen, language: Language) -> Markup {
    let may_change = !is_warned(screen) && !asks_amount(screen);
    html! {
        @if !screen.filled.is_empty() {
            dl class="filled" {
                @for filled in &screen.filled {
                    div class=(if filled.usual { "usual" } else { "named" }) {
                        dt { (plain(slot_text(filled.slot, screen), language)) }
                        dd { (code(&say(&filled.value, language)))
                            @if filled.usual {
                                " " span class="muted small" { (plain("filled-usual", language)) }
                            }
                            @if filled.slot == Slot::Quantity && may_change {
                                (button("keypad", "", &plain("button-change", language),
                                    "secondary small keys"))
                            }
                        }
                    }
                }
            }
        }
    }
}

const fn slot_text(slot: Slot, screen: &Screen) -> &'static str {
    match slot {
        Slot::Document => "slot-document",
        // Nothing goes anywhere where it is counted or corrected.
        Slot::From if screen.flow.stays() => "slot-bin",
        Slot::From => "slot-from",
        Slot::Item => "slot-item",
        Slot::Variant => "slot-variant",
        Slot::Lot => "slot-lot",
        Slot::Expiry => "slot-expiry",
        Slot::Serial => "slot-serial",
        Slot::Step => "slot-step",
        Slot::Package => "slot-package",
        Slot::Direction => "slot-direction",
        Slot::Quantity => "slot-quantity",
        Slot::To => "slot-to",
        Slot::Plate => "slot-plate",
        Slot::Reason => "slot-reason",
        Slot::Emptied => "slot-emptied",
    }
}

fn lines(screen: &Screen, language: Language) -> Markup {
    html! {
        @if !screen.lines.is_empty() {
            ul class="lines" id="lines" {
                @for line in &screen.lines { li { (say(line, language)) } }
            }
        }
    }
}

/// What can go wrong at this step, and the way out. It opens over the bar.
fn problem(screen: &Screen, language: Language) -> Markup {
    html! {
        details id="problem" class="problem" {
            summary { (plain("button-problem", language)) }
            div class="list" {
                @for choice in &screen.exceptions {
                    form method="post" action="/do/choose" {
                        input type="hidden" name="text" value=(choice.id);
                        button type="submit" class="row" { (say(&choice.text, language)) }
                    }
                }
                (button("leave", "", &plain("button-menu", language), "row menu"))
            }
        }
    }
}

/// At most three buttons, always in the same place: back or undo, problem, the primary one.
fn bar(screen: &Screen, language: Language) -> Markup {
    let stopped = screen.notice.as_ref().is_some_and(|notice| notice.signal == Signal::Stop);
    html! {
        nav class="bar" {
            @if screen.can_undo {
                (button("undo", "", &plain("button-undo", language), "secondary undo"))
            } @else {
                (button("back", "", &plain("button-back", language), "secondary back"))
            }
            @if screen.exceptions.is_empty() {
                (button("leave", "", &plain("button-menu", language), "secondary menu"))
            } @else {
                (problem(screen, language))
            }
            @match (&screen.question.input, &screen.primary) {
                // A warning is answered by its own choices.
                _ if is_warned(screen) => {}
                (Input::Quantity { unit, .. }, _) => {
                    (ok_with(screen, unit.as_ref().map_or("", |unit| unit.as_str()), language))
                }
                (Input::Date, _) => { (enter(&plain("button-ok", language), None)) }
                (_, Some(primary)) => {
                    (button("confirm", "", &say(primary, language), "primary go"))
                }
                (_, None) if stopped => {
                    (button("back", "", &plain("button-ok", language), "primary go"))
                }
                (_, None) => {}
            }
        }
    }
}
