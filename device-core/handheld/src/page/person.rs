//! Enrolling, signing in, saying where one works.

use device_core::engine::Status;
use maud::{Markup, html};

use super::frame::{Field, button, enter, entry, field, link, numbered};
use crate::app::{App, Desk};
use crate::words::{plain, with_word};

/// Nobody has enrolled the device.
pub(super) fn enrol(app: &App, desk: &Desk) -> Markup {
    let language = app.language(desk);
    html! {
        h1 { (plain("page-enrol", language)) }
        p { (plain("enrol-explain", language)) }
        (field("enrol", &plain("field-enrolment", language), Field::Text,
            &plain("button-enrol", language)))
        p class="muted" { (plain("enrol-encryption", language)) }
        (languages())
    }
}

/// The code was taken.
pub(super) fn enrolling(app: &App, desk: &Desk, status: &Status) -> Markup {
    let language = app.language(desk);
    html! {
        h1 { (plain("enrol-finding", language)) }
        @if let Some(address) = status.addresses.first() {
            p { (with_word("sync-server", "server", &address.url, language)) }
        }
        (field("enrol", &plain("field-enrolment", language), Field::Text,
            &plain("button-enrol", language)))
        (button("try-now", "", &plain("button-try-now", language), "secondary"))
    }
}

/// Nobody is signed in.
pub(super) fn sign_in(app: &App, desk: &Desk, status: &Status) -> Markup {
    let language = app.language(desk);
    let people = app.people();
    html! {
        h1 { (plain("page-sign-in", language)) }
        @if let Some(progress) = status.snapshot {
            p class="progress" {
                (loading(progress.n_chunks, progress.ready_chunks.max(1), language))
            }
        }
        (super::still::to_compare(status, language))
        @if people.is_empty() {
            p { (plain("sign-in-nobody", language)) }
        } @else {
            p { (plain("sign-in-badge", language)) }
        }
        div class="list" {
            @for (at, row) in people.iter().enumerate() {
                (numbered(at + 1, "name", row.operator.as_str(), &row.name))
            }
        }
        (languages())
        nav class="bar" {
            (link("/settings", &plain("page-settings", language), "secondary"))
            (link("/sync", &plain("button-sync", language), "secondary"))
        }
    }
}

fn loading(done: u32, total: u32, language: protocol::text::Language) -> String {
    let number = |n: u32| protocol::outcome::Argument::Number(i64::from(n));
    let (done, total) = (number(done), number(total));
    protocol::text::screens::sentence(
        "enrol-loading",
        [("done", &done), ("total", &total)],
        language,
    )
}

fn languages() -> Markup {
    html! {
        div class="languages" {
            (button("language", "da", "Dansk", "secondary"))
            (button("language", "en", "English", "secondary"))
        }
    }
}

/// Somebody is named and has to prove it.
pub(super) fn pin(app: &App, desk: &Desk) -> Markup {
    let language = app.language(desk);
    let name = desk.candidate.as_ref().map_or("", |(_, name)| name.as_str());
    html! {
        h1 { (with_word("sign-in-pin", "name", name, language)) }
        div class="amount" {
            (entry("pin", &plain("field-pin", language), Field::Secret))
            (super::flow::keypad(false, None))
        }
        nav class="bar" {
            (button("back", "", &plain("button-back", language), "secondary back"))
            (enter(&plain("button-sign-in", language), None))
        }
    }
}

/// The site has several locations.
pub(super) fn location(app: &App, desk: &Desk) -> Markup {
    let language = app.language(desk);
    html! {
        h1 { (plain("page-location", language)) }
        div class="list" {
            @for (at, row) in app.locations().iter().enumerate() {
                (numbered(at + 1, "location", row.location.as_str(),
                    &format!("{} ({})", row.name, row.location)))
            }
        }
        nav class="bar" { (button("sign-out", "", &plain("button-sign-out", language), "secondary")) }
    }
}
