//! The menu, the work that waits.

use device_core::capture::Flow;
use device_core::capture::screen::title;
use device_core::engine::{DeviceCore, LastStep, Status};
use maud::{Markup, html};
use protocol::feed::{TaskKind, TaskRow};
use protocol::outcome::Argument;
use protocol::text::{Language, screens};

use super::frame::{button, link, nothing, numbered};
use super::mine::what_was_done;
use crate::app::{App, Desk};
use crate::words::{plain, with_number};

/// What do you do?
pub(super) fn menu(app: &App, desk: &mut Desk, status: &Status) -> Markup {
    let language = app.language(desk);
    let n_tasks = app.tasks(desk, status.operator.as_ref()).len();
    let mut flows = Flow::ALL.to_vec();
    if let Some(last) = desk.last_flow {
        flows.sort_by_key(|flow| *flow != last);
    }
    html! {
        h1 { (plain("page-menu", language)) }
        (last_step(app, language))
        div class="list menu" {
            a href="/tasks" class="button row" {
                span { (plain("menu-tasks", language)) }
                span class="count" { (n_tasks) }
            }
            @for (at, flow) in flows.iter().enumerate() {
                (numbered(at + 1, "start", flow.word(), &flow_text(*flow, desk, language)))
            }
            (link("/settings", &plain("page-settings", language), "row"))
        }
        nav class="bar" {
            (link("/out", &plain("button-sign-out", language), "secondary"))
            (link("/mine", &plain("button-mine", language), "secondary"))
            (link("/sync", &plain("button-sync", language), "secondary"))
        }
    }
}

/// What became of the last step before the app was started again: whoever did it may not have heard the
/// tone.
fn last_step(app: &App, language: Language) -> Markup {
    let Some(step) = app.device.read(DeviceCore::last_step) else { return nothing() };
    html! {
        section id="last-step" class="remark warning" role="status" {
            span class="shape warn" aria-hidden="true" { "▲" } " "
            @match &step {
                LastStep::NotRecorded => { (plain("last-step-not-recorded", language)) }
                LastStep::Recorded { n, last } => {
                    (with_number("last-step-recorded", "n", *n, language))
                    (what_was_done(app, last, language))
                }
            }
            (link("/mine", &plain("button-mine", language), "secondary small"))
        }
    }
}

/// The name of a flow, and whether something of it is still in hand.
fn flow_text(flow: Flow, desk: &Desk, language: Language) -> String {
    let name = plain(title(flow), language);
    if desk.laid_aside.contains_key(&flow) {
        return format!("{name} ({})", plain("menu-laid-aside", language));
    }
    name
}

/// The work that waits.
pub(super) fn tasks(app: &App, desk: &mut Desk, status: &Status) -> Markup {
    let language = app.language(desk);
    let tasks = app.tasks(desk, status.operator.as_ref());
    html! {
        h1 { (plain("menu-tasks", language)) }
        @if tasks.is_empty() { p { (plain("menu-tasks-none", language)) } }
        div class="list" {
            @for (at, task) in tasks.iter().enumerate() { (task_row(at + 1, task, language)) }
        }
        nav class="bar" { (link("/", &plain("button-back", language), "secondary back")) }
    }
}

fn task_row(n: usize, task: &TaskRow, language: Language) -> Markup {
    let text = task_text(task, language);
    let number = task.task.to_string();
    match task.kind {
        TaskKind::Count | TaskKind::Recount | TaskKind::Relocate => {
            numbered(n, "task", &number, &text)
        }
        TaskKind::VerifyPlate => html! {
            section class="task" {
                p { (text) }
                (button("answer", &format!("{number}:here"), &plain("task-yes", language), "row"))
                (button("answer", &format!("{number}:not here"), &plain("task-no", language),
                    "row"))
            }
        },
        TaskKind::ReturnToStock | TaskKind::Look | TaskKind::CompleteTracking => html! {
            section class="task" {
                p { (text) }
                (button("answer", &format!("{number}:done"), &plain("task-done", language), "row"))
            }
        },
    }
}

fn task_text(task: &TaskRow, language: Language) -> String {
    let name = match task.kind {
        TaskKind::Count => "task-count",
        TaskKind::Recount => "task-recount",
        TaskKind::VerifyPlate => "task-verify-plate",
        TaskKind::ReturnToStock => "task-return-to-stock",
        TaskKind::Relocate => "task-relocate",
        TaskKind::Look => "task-look",
        TaskKind::CompleteTracking => "task-complete-tracking",
    };
    let word = |text: Option<String>| Argument::Word(text.unwrap_or_default());
    let bin = word(task.bin.as_ref().map(ToString::to_string));
    let item = word(task.item.as_ref().map(ToString::to_string));
    let plate = word(task.plate.as_ref().map(ToString::to_string));
    let text =
        screens::sentence(name, [("bin", &bin), ("item", &item), ("plate", &plate)], language);
    if task.assigned.is_none() {
        return text;
    }
    screens::sentence("task-yours", [("task", &Argument::Word(text))], language)
}
