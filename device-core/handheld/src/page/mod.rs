//! How the pages look. One question at a time, big buttons in fixed places, words beside every
//! colour.

mod flow;
mod frame;
mod lists;
mod mine;
mod person;
mod picture;
mod settings;
mod still;

use axum::http::HeaderMap;
use device_core::engine::{AskError, Status};
use maud::Markup;
use protocol::frame::beside::Answer as Told;

use crate::app::{Answer, App, Desk, Page};
use crate::looks::Looks;

pub(crate) use frame::chip_of;
pub(crate) use mine::{is_undone, what_became};
pub(crate) use settings::Tested;
pub(crate) use still::trouble_word;

/// How a page is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// The script asks, which replaces only the middle of the page.
    pub(crate) part: bool,
    /// How the screens look and sound in this browser.
    pub(crate) looks: Looks,
}

impl Asked {
    pub(crate) fn by(headers: &HeaderMap) -> Self {
        Self { part: headers.contains_key("x-part"), looks: Looks::of(headers) }
    }
}

/// The page that is due.
pub(crate) fn here(app: &App, answer: Option<&Answer>, asked: Asked) -> String {
    let mut desk = app.desk();
    let desk = &mut *desk;
    let (page, status) = app.page(desk);
    let main = match page {
        Page::Enrol => person::enrol(app, desk),
        Page::Enrolling => person::enrolling(app, desk, &status),
        Page::Stopped => still::stopped(app, desk),
        Page::SignIn => person::sign_in(app, desk, &status),
        Page::Pin => person::pin(app, desk),
        Page::Location => person::location(app, desk),
        Page::Menu => lists::menu(app, desk, &status),
        Page::Flow => flow::flow(app, desk, answer),
    };
    finished(app, desk, &status, &Drawn { page: page.word(), main, answer, asked })
}

/// The sync page.
pub(crate) fn sync(app: &App, asked: Asked) -> String {
    other(app, asked, "sync", |app, desk, status| still::sync(app, desk, status))
}

/// My last scans.
pub(crate) fn mine(app: &App, asked: Asked) -> String {
    other(app, asked, "mine", |app, desk, _| mine::mine(app, desk))
}

/// A photo or a signature for an operation.
pub(crate) fn picture(app: &App, asked: Asked, name: &str) -> String {
    other(app, asked, "picture", |app, desk, _| picture::picture(app, desk, name))
}

/// What other sites have of an item.
pub(crate) fn elsewhere(
    app: &App,
    asked: Asked,
    question: (&str, &Result<Told, AskError>),
) -> String {
    other(app, asked, "elsewhere", |app, desk, status| {
        picture::elsewhere(app, desk, question, status)
    })
}

/// Settings, and the test of the scanner.
pub(crate) fn settings(app: &App, asked: Asked, tested: Option<&Tested>) -> String {
    other(app, asked, "settings", |app, desk, _| settings::settings(app, desk, asked.looks, tested))
}

/// The work that waits.
pub(crate) fn tasks(app: &App, asked: Asked) -> String {
    other(app, asked, "tasks", lists::tasks)
}

/// The end of the shift.
pub(crate) fn out(app: &App, asked: Asked) -> String {
    other(app, asked, "out", |app, desk, status| still::out(app, desk, status))
}

fn other(
    app: &App,
    asked: Asked,
    page: &'static str,
    draw: impl FnOnce(&App, &mut Desk, &Status) -> Markup,
) -> String {
    let mut desk = app.desk();
    let desk = &mut *desk;
    let (due, status) = app.page(desk);
    // What was said about the last deed belongs to where it was done.
    desk.remark = None;
    // The red page stands before all others.
    let (page, main) = if due == Page::Stopped {
        (due.word(), still::stopped(app, desk))
    } else {
        (page, draw(app, desk, &status))
    };
    finished(app, desk, &status, &Drawn { page, main, answer: None, asked })
}

/// The middle of a page.
struct Drawn<'a> {
    page: &'static str,
    main: Markup,
    answer: Option<&'a Answer>,
    asked: Asked,
}

fn finished(app: &App, desk: &mut Desk, status: &Status, drawn: &Drawn<'_>) -> String {
    let middle = frame::middle(desk, drawn);
    if drawn.asked.part {
        return middle.into_string();
    }
    let language = app.language(desk);
    let chip = chip_of(app, desk, status);
    frame::whole(language, drawn.asked.looks, &chip, &middle).into_string()
}
