//! Open tasks: what the server has asked for.

use std::ops::ControlFlow;

use ledger::key::KeyRange;
use ledger::schema::case::{OpenTasks, Tasks};
use ledger::schema::{BinId, ItemId, LocationId, PlateId};
use ledger::tables::{Read as _, Tables, each_of};
use maud::html;
use protocol::feed::TaskKind;
use protocol::identity::TaskId;

use super::register::rows_wanted;
use super::stock::{location_choices, wanted_location};
use super::{Page, PageResult, Section};
use crate::dashboard::context::PageContext;
use crate::dashboard::names;
use crate::dashboard::part::{self, code};
use crate::dashboard::query::Query;

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
                    thead {
                        tr {
                            @for key in ["task", "kind", "bin", "item", "reason", "assigned", "not-by", "case"] {
                                th scope="col" { (context.t(key)) }
                            }
                        }
                    }
                    tbody {
                        @for (id, task) in &rows {
                            tr id={ "task-" (id) } data-row {
                                td { (id) }
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
                                td { (names::person_if_any(view, task.assigned.as_ref())) }
                                td { (names::person_if_any(view, task.not_by.as_ref())) }
                                td { @if let Some(case) = task.case { (names::case_link(context, case)) } }
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
        .with("list", list))
}
