//! Tasks: what the server has asked for, and what lies behind it.

use std::ops::ControlFlow;

use ledger::conflict::assignment::may_do;
use ledger::conflict::question::Questions;
use ledger::key::KeyRange;
use ledger::schema::case::{OpenTasks, Task, TaskState, Tasks};
use ledger::schema::identity::Operators;
use ledger::schema::stock::{Stocks, StocksByItem};
use ledger::schema::{BinId, ItemId, LocationId, PlateId, StockKey};
use ledger::tables::{Read as _, Tables, each_of};
use maud::{Markup, html};
use protocol::feed::TaskKind;
use protocol::identity::TaskId;
use protocol::words::OperatorId;

use super::register::rows_wanted;
use super::stock::{location_choices, wanted_location};
use super::{Missing, Page, PageResult, Section};
use crate::dashboard::cause;
use crate::dashboard::context::PageContext;
use crate::dashboard::format;
use crate::dashboard::names;
use crate::dashboard::part::{self, code, fact};
use crate::dashboard::query::Query;
use crate::dashboard::sightings;
use crate::dashboard::story;

/// The key of the word for a kind of task.
pub const fn kind_key(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::Count => "task-count",
        TaskKind::Recount => "task-recount",
        TaskKind::VerifyPlate => "task-verify-plate",
        TaskKind::ReturnToStock => "task-return",
        TaskKind::Relocate => "task-relocate",
        TaskKind::Look => "task-look",
        TaskKind::CompleteTracking => "task-tracking",
    }
}

/// People who are offered in a form; others may be typed.
const PEOPLE_MAX: usize = 500;
/// Stock keys that the page of a task tells the story of.
const STORIES_MAX: usize = 5;
/// Stock keys that are looked at for those.
const KEYS_MAX: usize = 2_000;

/// One task: what is asked and why, what happened where it is to be done, and what probably lies behind it.
pub fn detail_page(view: &dyn Tables, context: &PageContext, id: TaskId) -> PageResult {
    let name = context.say("task-n", &[("n", &id.to_string())]);
    let task = view.row::<Tasks>(&id).ok_or_else(|| Missing::nothing(&name))?;
    let title = format!("{name}: {}", context.t(kind_key(task.kind)));
    let keys = keys_of(view, &task);
    Ok(Page::new(Section::Tasks, title)
        .with("task", facts(view, context, (id, &task)))
        .with("assign", assign(view, context, (id, &task)))
        .with("cause", cause::of_stock(view, context, (task.location, task.bin), &keys))
        .with("sightings", sightings::of_task(view, context, &task))
        .with(
            "story",
            html! {
                @for key in &keys { (story::around_key(view, context, key, (task.asked, None))) }
            },
        ))
}

fn facts(view: &dyn Tables, context: &PageContext, (id, task): (TaskId, &Task)) -> Markup {
    let questions = Questions::of(view, id, task);
    html! {
        p class="lead" { (part::reason_word(context, &task.reason)) }
        dl class="facts" {
            (fact(&context.t("bin"), &names::bin_link(view, task.location, task.bin)))
            @if let Some(item) = task.item { (fact(&context.t("item"), &names::item_link(view, item))) }
            @if task.plate != PlateId(0) {
                (fact(&context.t("plate"), &code(&names::plate_no(view, task.plate))))
            }
            (fact(&context.t("state"), &html! { (context.t(state_key(task.state))) }))
            (fact(&context.t("opened"), &html! {
                (format::instant(context, task.asked)) " (" (format::age(context, task.asked)) ")"
            }))
            (fact(&context.t("assigned"), &html! { (names::person_if_any(view, task.assigned.as_ref())) }))
            (fact(&context.t("not-by"), &html! { (names::person_if_any(view, task.not_by.as_ref())) }))
            @if let ([_only], Some(case)) = (questions.all(), task.case) {
                (fact(&context.t("case"), &names::case_link(context, case)))
            }
        }
        @if questions.all().len() > 1 { (asked(view, context, &questions)) }
    }
}

/// What several have asked by one task, and how each of that stands.
fn asked(view: &dyn Tables, context: &PageContext, questions: &Questions) -> Markup {
    html! {
        h3 { (context.t("task-asked")) }
        table class="list" {
            thead { tr {
                @for key in ["case", "reason", "state", "opened", "not-by"] {
                    th scope="col" { (context.t(key)) }
                }
            } }
            tbody {
                @for (case, question) in questions.all() {
                    tr {
                        td { @if let Some(case) = case { (names::case_link(context, *case)) } }
                        td { (part::reason_word(context, &question.reason)) }
                        td { (context.t(state_key(question.state))) }
                        td { (format::instant(context, question.asked)) }
                        td { (names::person_if_any(view, question.not_by.as_ref())) }
                    }
                }
            }
        }
    }
}

const fn state_key(state: TaskState) -> &'static str {
    match state {
        TaskState::Open => "task-open",
        TaskState::Done => "task-done",
        TaskState::Cancelled => "task-cancelled",
    }
}

/// Whether the reader may say whose the task is.
fn may_assign(context: &PageContext, task: &Task) -> bool {
    let person = context.person.as_ref();
    task.state == TaskState::Open && person.is_some_and(|who| who.may_decide_at(task.location))
}

fn assign(view: &dyn Tables, context: &PageContext, (id, task): (TaskId, &Task)) -> Markup {
    html! {
        @if may_assign(context, task) {
            (assign_form(context, (id, task), None))
            (people(view, context, Some(task.location)))
        }
    }
}

/// Says whose a task is; with nobody in the field it is nobody's.
fn assign_form(context: &PageContext, (id, task): (TaskId, &Task), from: Option<&str>) -> Markup {
    let now = task.assigned.as_ref().map(ToString::to_string).unwrap_or_default();
    html! {
        form method="post" action={ "/tasks/" (id) "/assign" } {
            @if let Some(from) = from { input type="hidden" name="from" value=(from); }
            label class="visually-hidden" for={ "whose-" (id) } { (context.t("assigned")) }
            input id={ "whose-" (id) } name="operator" list="people" value=(now) size="12"
                autocomplete="off" placeholder=(context.t("assign-nobody"));
            " " button type="submit" { (context.t("assign")) }
        }
    }
}

/// Who may be named in those forms.
fn people(view: &dyn Tables, context: &PageContext, at: Option<LocationId>) -> Markup {
    let (mut people, mut n) = (Vec::new(), 0);
    each_of::<Operators>(view, &KeyRange::all(), false, &mut |id: OperatorId, row| {
        n += 1;
        let may = at.is_none_or(|at| may_do(view, &id, at, context.now));
        if may && !row.disabled {
            people.push((id, row.name.clone()));
        }
        if n < PEOPLE_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    html! {
        datalist id="people" {
            @for (id, name) in &people { option value=(id) { (name) } }
        }
    }
}

/// The stock that a task is about: below zero first.
fn keys_of(view: &dyn Tables, task: &Task) -> Vec<StockKey> {
    let mut keys = match task.item {
        Some(item) => keys_of_item(view, task, item),
        None => keys_of_place(view, task),
    };
    keys.sort_unstable();
    keys.into_iter().take(STORIES_MAX).map(|(_is_there, key)| key).collect()
}

/// A stock key, and before it whether it is not below zero.
type Found = (bool, StockKey);

/// What lies of `item` where a task about it is: loose, or on its plate.
fn keys_of_item(view: &dyn Tables, task: &Task, item: ItemId) -> Vec<Found> {
    let (mut keys, mut examined) = (Vec::new(), 0);
    let range = KeyRange::prefix(&(item, task.location, task.bin, task.plate));
    each_of::<StocksByItem>(view, &range, false, &mut |(_item, key): (ItemId, StockKey), _row| {
        examined += 1;
        let stock = view.row::<Stocks>(&key).filter(|_stock| key.variant == task.variant);
        keys.extend(stock.map(|stock| (!stock.quantity.is_negative(), key)));
        if examined < KEYS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    keys
}

/// What lies in the bin of a task about no item; of a task about a plate, what lies on that.
fn keys_of_place(view: &dyn Tables, task: &Task) -> Vec<Found> {
    let mut keys = Vec::new();
    let range = if task.plate == PlateId(0) {
        KeyRange::prefix(&(task.location, task.bin))
    } else {
        KeyRange::prefix(&(task.location, task.bin, task.plate))
    };
    each_of::<Stocks>(view, &range, false, &mut |key: StockKey, row| {
        keys.push((!row.quantity.is_negative(), key));
        if keys.len() < KEYS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    keys
}

/// Open tasks, bin by bin.
pub fn page(view: &dyn Tables, context: &PageContext, query: &Query) -> PageResult {
    type Open = (LocationId, BinId, u8, Option<ItemId>, PlateId, TaskId);
    let wanted = rows_wanted(query);
    let range = match wanted_location(view, query) {
        None => KeyRange::all(),
        Some(location) => KeyRange::prefix(&location),
    };
    let (mut rows, mut has_more) = (Vec::new(), false);
    each_of::<OpenTasks>(view, &range, false, &mut |key: Open, _row| {
        if rows.len() == wanted {
            has_more = true;
            return ControlFlow::Break(());
        }
        rows.extend(view.row::<Tasks>(&key.5).map(|task| (key.5, task)));
        ControlFlow::Continue(())
    });
    let list = html! {
        @if rows.is_empty() { (part::empty(context, "tasks-empty")) }
        @else {
            div class="scroll" {
                table class="list" {
                    (part::table_head(context, &[
                        "task", "kind", "bin", "item", "reason", "assigned", "not-by", "case",
                    ]))
                    tbody {
                        @for (id, task) in &rows {
                            tr id={ "task-" (id) } data-row {
                                td { a data-open href={ "/tasks/" (id) } { (id) } }
                                td {
                                    (context.t(kind_key(task.kind)))
                                    @if task.blind { " " span class="muted" { (context.t("blind")) } }
                                }
                                td {
                                    (names::bin_link(view, task.location, task.bin))
                                    @if task.plate.0 != 0 { " " (code(&names::plate_no(view, task.plate))) }
                                }
                                td { @if let Some(item) = task.item { (names::item_link(view, item)) } }
                                td { (part::reason_word(context, &task.reason)) }
                                td {
                                    (names::person_if_any(view, task.assigned.as_ref()))
                                    @if may_assign(context, task) {
                                        (assign_form(context, (*id, task), Some("list")))
                                    }
                                }
                                td { (names::person_if_any(view, task.not_by.as_ref())) }
                                td {
                                    @for case in Questions::of(view, *id, task).cases() {
                                        (names::case_link(context, case)) " "
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        @if has_more {
            (part::more(context, &query.with("rows", &(wanted + part::ROWS).to_string()).address("/tasks")))
        }
    };
    let fields =
        part::choice_filter(context, query, "location", "location", &location_choices(view));
    Ok(Page::new(Section::Tasks, context.t("tasks-title"))
        .with("filters", part::filter_form(context, "/tasks", query, &[], &fields))
        .with("list", list)
        .with("people", people(view, context, None)))
}
