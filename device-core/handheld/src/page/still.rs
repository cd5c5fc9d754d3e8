//! Pages without a question: sync, the end of the shift, and the red one.

use device_core::engine::{LinkTrouble, MyOperation, OperationState, Status};
use device_core::session::{LinkState, Standing};
use maud::{Markup, html};
use protocol::outcome::{Argument, Decision};
use protocol::text::{Language, screens};

use super::frame::{button, link};
use super::picture;
use crate::app::{App, Desk};
use crate::clock;
use crate::words::{plain, with_number, with_word};

/// The newest operations that are counted.
const COUNTED_MAX: usize = 1_000;

/// The storage has failed: nothing is taken any more.
pub(super) fn stopped(app: &App, desk: &Desk) -> Markup {
    let language = app.language(desk);
    let reason = desk.stopped.clone().unwrap_or_default();
    html! {
        section id="stopped" class="sheet stop whole" role="alert" {
            h1 { span class="shape error" aria-hidden="true" { "✕" } " "
                (plain("page-stop", language)) }
            p class="big" { (with_word("stop-storage", "reason", reason, language)) }
            p { (plain("stop-storage-next", language)) }
        }
        nav class="bar" { (button("reopen", "", &plain("button-reopen", language), "primary go")) }
    }
}

/// How the device stands with its server.
pub(super) fn sync(app: &App, desk: &Desk, status: &Status) -> Markup {
    let language = app.language(desk);
    let online = status.link == LinkState::Online;
    // Of everybody who worked with this device: it is the device that has to send it.
    let list = app.device.operations(COUNTED_MAX).unwrap_or_default();
    let (parked, refused) = (decided(&list, Decision::Parked), decided(&list, Decision::Refused));
    let server = status.addresses.first().map(|address| address.url.clone());
    let device = status.identity.map(|(device, _)| format!("{device} {}", status.company));
    html! {
        h1 { (plain("page-sync", language)) }
        p class="big" id="link" { (link_text(app, desk, status)) }
        p class="big" id="waiting" {
            (with_number("sync-waiting", "n", status.n_unsent, language))
        }
        @if let Some(restored) = desk.restored {
            p class="remark warning" id="restored" {
                span class="shape warn" aria-hidden="true" { "▲" } " "
                (app.restored_text(desk, restored))
            }
        }
        @if let Some(text) = status.wall_ahead_us.and_then(|ahead| clock_text(ahead, language)) {
            p class="muted" id="clock" { (text) }
        }
        @if let Some(age) = status.oldest_unsent_us {
            p id="oldest" { (with_word("sync-oldest", "time", before(app, desk, age), language)) }
        }
        @if let Some(left_us) = status.retry_in_us.filter(|_left| !online) {
            p id="next" {
                (with_number("sync-next", "seconds", left_us.div_ceil(1_000_000), language))
            }
        }
        p id="today" { (today(app, desk, &list)) }
        p { (screens::sentence("sync-parked",
            [("parked", &parked), ("refused", &refused)], language)) }
        @if let Some(trouble) = status.trouble.filter(|_trouble| !online) {
            p id="reason" {
                (with_word("sync-reason", "reason", trouble_text(trouble, status, language), language))
            }
        }
        @if let Some(text) = standing(status.standing) {
            p class="remark stop" { (plain(text, language)) }
        }
        (to_compare(status, language))
        (picture::waiting(app, language))
        @if status.storage.n_lost > 0 {
            p class="remark stop" id="lost" {
                (with_number("sync-lost", "n", status.storage.n_lost, language))
            }
        }
        @if let Some(server) = server { p class="muted" {
            (with_word("sync-server", "server", server, language)) } }
        @if let Some(device) = device { p class="muted" {
            (with_word("sync-device", "device", device, language)) } }
        nav class="bar" {
            (link("/", &plain("button-back", language), "secondary back"))
            (link("/mine", &plain("button-mine", language), "secondary"))
            (button("try-now", "", &plain("button-try-now", language), "primary"))
        }
    }
}

/// A wall clock that is off by less is as right as people set clocks.
const CLOCK_OFF_US: u64 = 2 * MINUTE_US;
const MINUTE_US: u64 = 60_000_000;

/// That the clock of this device was wrong, where it was wrong by so much that people see it. It decides
/// nothing.
fn clock_text(ahead_us: i64, language: Language) -> Option<String> {
    let off_us = ahead_us.unsigned_abs();
    if off_us < CLOCK_OFF_US {
        return None;
    }
    let minutes = i64::try_from(off_us / MINUTE_US).unwrap_or(i64::MAX);
    let (hours, minutes) = (Argument::Number(minutes / 60), Argument::Number(minutes % 60));
    let name = if ahead_us > 0 { "sync-clock-fast" } else { "sync-clock-slow" };
    Some(screens::sentence(name, [("hours", &hours), ("minutes", &minutes)], language))
}

/// How many of the operations were decided so.
fn decided(list: &[MyOperation], decision: Decision) -> Argument {
    let n = list.iter().filter(|operation| match &operation.state {
        OperationState::Judged(Some(outcome)) => outcome.decision == decision,
        _ => false,
    });
    Argument::Number(i64::try_from(n.count()).unwrap_or(i64::MAX))
}

/// Online or offline, and since when.
fn link_text(app: &App, desk: &Desk, status: &Status) -> String {
    let language = app.language(desk);
    let online = status.link == LinkState::Online;
    match status.link_since_us {
        Some(age) => {
            let name = if online { "sync-online" } else { "sync-offline-since" };
            with_word(name, "time", before(app, desk, age), language)
        }
        None => plain(if online { "chip-online" } else { "sync-offline" }, language),
    }
}

/// How many operations of today the server has, and how many of them it has judged.
fn today(app: &App, desk: &Desk, list: &[MyOperation]) -> String {
    let place = app.location_row(desk);
    let day = clock::day(app.now(), place.as_ref());
    let mut today: Vec<_> = list.iter().collect();
    today.retain(|listed| listed.done.is_some_and(|done| clock::day(done, place.as_ref()) == day));
    let count = |wanted: fn(&OperationState) -> bool| {
        let n = today.iter().filter(|listed| wanted(&listed.state)).count();
        Argument::Number(i64::try_from(n).unwrap_or(i64::MAX))
    };
    let sent = count(|state| *state != OperationState::SavedHere);
    let answered = count(|state| matches!(state, OperationState::Judged(_)));
    let arguments = [("sent", &sent), ("answered", &answered)];
    screens::sentence("sync-today", arguments, app.language(desk))
}

/// The word for what is in the way of the link.
pub(crate) fn trouble_word(trouble: LinkTrouble) -> &'static str {
    match trouble {
        LinkTrouble::Unreachable => "unreachable",
        LinkTrouble::NoAnswer => "no-answer",
        LinkTrouble::Broken => "broken",
        LinkTrouble::ToldToWait => "told-to-wait",
        LinkTrouble::Fault(_) => "fault",
    }
}

fn trouble_text(trouble: LinkTrouble, status: &Status, language: Language) -> String {
    let server = status.addresses.first().map(|address| host(&address.url)).unwrap_or_default();
    let (name, word) = match trouble {
        LinkTrouble::Unreachable => ("trouble-unreachable", server.to_owned()),
        LinkTrouble::NoAnswer => ("trouble-no-answer", server.to_owned()),
        LinkTrouble::Broken => ("trouble-broken", server.to_owned()),
        LinkTrouble::ToldToWait => ("trouble-told-to-wait", server.to_owned()),
        LinkTrouble::Fault(code) => ("trouble-fault", code.0.to_string()),
    };
    with_word(name, "server", word, language)
}

/// The machine of an address, with its port.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_scheme, rest)| rest);
    rest.split_once('/').map_or(rest, |(host, _path)| host)
}

/// The time of day so many microseconds ago, with the date when it is another day.
fn before(app: &App, desk: &Desk, age_us: u64) -> String {
    let now = app.now();
    let at = now.plus_us(i64::try_from(age_us).unwrap_or(i64::MAX).saturating_neg());
    clock::hour(at, now, app.location_row(desk).as_ref())
}

/// What a person at a desk compares before this device may work.
pub(super) fn to_compare(status: &Status, language: Language) -> Markup {
    html! {
        @if status.standing == Standing::Suspended {
            p class="big" id="compare" {
                (with_word("enrol-compare", "number", &status.comparison, language))
            }
        }
    }
}

const fn standing(standing: Standing) -> Option<&'static str> {
    match standing {
        Standing::Good => None,
        Standing::UpdateNeeded => Some("standing-update"),
        Standing::Unknown => Some("standing-unknown"),
        Standing::Unproven => Some("standing-unproven"),
        Standing::Suspended => Some("standing-suspended"),
        Standing::Revoked => Some("standing-revoked"),
    }
}

/// The end of the shift: what is not sent stays safe.
pub(super) fn out(app: &App, desk: &Desk, status: &Status) -> Markup {
    let language = app.language(desk);
    let list = app.device.my_operations(COUNTED_MAX).unwrap_or_default();
    let (parked, refused) = (decided(&list, Decision::Parked), decided(&list, Decision::Refused));
    let is_open = [&parked, &refused].iter().any(|n| **n != Argument::Number(0));
    html! {
        h1 { (plain("page-out", language)) }
        p class="big" { (with_number("out-waiting", "n", status.n_unsent, language)) }
        @if is_open {
            p id="answers" {
                (screens::sentence("out-answers",
                    [("parked", &parked), ("refused", &refused)], language))
            }
        }
        nav class="bar" {
            (link("/", &plain("button-back", language), "secondary back"))
            (link("/mine", &plain("button-mine", language), "secondary"))
            (button("sign-out", "", &plain("button-sign-out", language), "primary go"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_40_a_clock_that_was_wrong_is_told_with_how_much_and_which_way() {
        const SECOND_US: i64 = 1_000_000;
        let told = |seconds: i64, language| clock_text(seconds * SECOND_US, language);
        assert_eq!(told(119, Language::English), None);
        assert_eq!(told(-119, Language::English), None);
        let fast = told(2 * 3_600 + 4 * 60 + 59, Language::English).unwrap();
        assert!(fast.starts_with("The clock of this scanner was 2 h 4 min fast."), "{fast}");
        let slow = told(-2 * 60, Language::English).unwrap();
        assert!(slow.starts_with("The clock of this scanner was 0 h 2 min slow."), "{slow}");
        let danish = told(-3_600, Language::Danish).unwrap();
        assert!(danish.starts_with("Skannerens ur gik 1 t 0 min bagud."), "{danish}");
    }
}
