//! What a decision would post, before it is given: the exact entries, and what goes with them.

use ledger::tables::Tables;
use maud::{Markup, html};
use protocol::text::sentence;

use super::entries::{entry_reason, entry_type};
use super::tasks;
use crate::dashboard::context::PageContext;
use crate::dashboard::format;
use crate::dashboard::names;
use crate::dashboard::part;
use crate::dashboard::preview::Preview;

/// The exact lines that a choice would post.
pub fn block(view: &dyn Tables, context: &PageContext, preview: &Preview) -> Markup {
    html! {
        div class="preview" {
            h4 { (context.t("would-post")) }
            @for reason in &preview.refused { (part::refusal(context, reason)) }
            @if preview.refused.is_empty() && preview.posts_nothing() {
                p { (context.t("posts-nothing")) }
            }
            (entries(view, context, preview))
            (beside(view, context, preview))
        }
    }
}

fn entries(view: &dyn Tables, context: &PageContext, preview: &Preview) -> Markup {
    html! {
        @if !preview.item_entries.is_empty() || !preview.warehouse.is_empty() {
            div class="scroll" {
                table class="list" {
                    (part::table_head(context, &["ledger", "reason", "item", "where", "quantity"]))
                    tbody {
                        @for (_no, entry) in &preview.item_entries {
                            tr {
                                td { (context.t("item-ledger")) ": " (entry_type(context, entry.entry_type)) }
                                td { (entry_reason(context, entry.reason)) }
                                td { (names::item_link(view, entry.item)) " " (part::code(&names::tracking(view, entry.tracking))) }
                                td { (part::code(&names::location_code(view, entry.location))) }
                                td class="number" { (format::signed(context, entry.quantity)) }
                            }
                        }
                        @for (_no, entry) in &preview.warehouse {
                            tr {
                                td { (context.t("warehouse")) }
                                td { (entry_reason(context, entry.reason)) }
                                td { (names::item_link(view, entry.key.item)) " " (names::key_rest(view, &entry.key)) }
                                td { (names::bin_link(view, entry.key.location, entry.key.bin)) }
                                td class="number" { (format::signed(context, entry.quantity)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What goes with the entries: holds, tasks, and who is told.
fn beside(view: &dyn Tables, context: &PageContext, preview: &Preview) -> Markup {
    html! {
        ul {
            @for (_id, hold) in &preview.holds {
                li {
                    @match hold {
                        Some(hold) => {
                            (context.t("would-hold")) " " (format::quantity(context, hold.quantity)) " "
                            (names::item_no(view, hold.key.item))
                        },
                        None => (context.t("would-lift")),
                    }
                }
            }
            @for (barcode, _meaning) in &preview.identifiers {
                li { (context.t("would-bind")) " " (part::code(barcode.as_str())) }
            }
            @for (_id, task) in &preview.tasks {
                li {
                    (context.t("would-ask")) " " (context.t(tasks::kind_key(task.kind))) " "
                    (names::bin_link(view, task.location, task.bin))
                }
            }
            @for (operation, row) in &preview.outcomes {
                li {
                    (context.t("would-tell")) " " (names::device_link(view, context, operation.device))
                    ": " (part::decision_badge(context, row.outcome.decision))
                    @for reason in row.outcome.reasons.iter().take(3) { " " (sentence(reason, context.language)) }
                }
            }
        }
    }
}
