//! What happened round a case, by the time of the act: movements and counts under its stock key,
//! with what lay there after each; and what the server knows now.

use std::ops::ControlFlow;
use std::sync::Arc;

use ledger::key::KeyRange;
use ledger::schema::case::Case;
use ledger::schema::count::{CountRow, Counts};
use ledger::schema::document::{DocumentLine, DocumentLines, Documents};
use ledger::schema::entry::{EntryReason, WarehouseByStock, WarehouseEntry, WarehouseLedger};
use ledger::schema::stock::Stocks;
use ledger::schema::{EntryNo, OrderKey, StockKey};
use ledger::tables::{Read as _, Tables, each_of};
use maud::{Markup, html};
use protocol::identity::{OperationId, ServerTime};
use protocol::quantity::Quantity;

use super::context::PageContext;
use super::deed::Told;
use super::format;
use super::names;
use super::page::entries::entry_why;
use super::part::{self, Tone, fact};

/// Acts before and after the case that are shown, each way.
const ACTS_EACH_WAY: usize = 8;
/// Entries that are read back to reach the case.
const EXAMINED_MAX: usize = 5_000;

/// One act under a stock key.
enum What {
    Entry(EntryNo, Arc<WarehouseEntry>, Quantity),
    Count(Arc<CountRow>),
}

fn entries(view: &dyn Tables, key: &StockKey) -> Vec<(OrderKey, What)> {
    type ByStock = (StockKey, OrderKey, EntryNo);
    let mut balance = view.row::<Stocks>(key).map_or(Quantity::ZERO, |stock| stock.quantity);
    let mut acts = Vec::new();
    let range = KeyRange::prefix(key);
    each_of::<WarehouseByStock>(view, &range, true, &mut |(_key, order, no): ByStock, quantity| {
        if let Some(entry) = view.row::<WarehouseLedger>(&no) {
            acts.push((order, What::Entry(no, entry, balance)));
        }
        balance = balance.checked_sub(*quantity).unwrap_or(balance);
        if acts.len() < EXAMINED_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    acts.reverse();
    acts
}

fn counts(view: &dyn Tables, key: &StockKey) -> Vec<(OrderKey, What)> {
    let mut acts = Vec::new();
    each_of::<Counts>(
        view,
        &KeyRange::prefix(key),
        true,
        &mut |(_key, order): (StockKey, OrderKey), row| {
            acts.push((order, What::Count(row)));
            if acts.len() < EXAMINED_MAX {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        },
    );
    acts
}

/// The acts round an instant, in order.
fn acts(view: &dyn Tables, key: &StockKey, at: ServerTime) -> Vec<(OrderKey, What)> {
    let mut acts = entries(view, key);
    acts.extend(counts(view, key));
    acts.sort_by_key(|(order, what)| (*order, matches!(what, What::Entry(..))));
    let middle = acts.partition_point(|(order, _what)| order.tau < at);
    let first = middle.saturating_sub(ACTS_EACH_WAY);
    acts.into_iter().skip(first).take(2 * ACTS_EACH_WAY).collect()
}

/// How a key came to be below zero.
pub struct Shortage {
    /// The last take before it that there was enough for, since something came or was counted.
    pub before: Option<Arc<WarehouseEntry>>,
    /// What was taken without there being enough: the first of them took it below zero.
    pub takes: Vec<Arc<WarehouseEntry>>,
    /// What the books had before the first of them.
    pub had: Quantity,
}

/// What took `key` below zero and has not been put right, up to now; none while it is not below zero.
pub fn taken_below_zero(view: &dyn Tables, key: &StockKey) -> Option<Shortage> {
    if view.row::<Stocks>(key).is_none_or(|stock| !stock.quantity.is_negative()) {
        return None;
    }
    let (mut before, mut had) = (None, Quantity::ZERO);
    let mut takes: Vec<Arc<WarehouseEntry>> = Vec::new();
    for (_order, what) in entries(view, key) {
        let What::Entry(_no, entry, after) = what else { continue };
        let is_take = entry.quantity.is_negative();
        if !after.is_negative() {
            takes.clear();
            before = (is_take && !is_of_count(entry.reason)).then_some(entry);
        } else if is_take {
            if takes.is_empty() {
                had = after.checked_sub(entry.quantity).unwrap_or_default();
            }
            takes.push(entry);
        }
    }
    (!takes.is_empty()).then_some(Shortage { before, takes, had })
}

/// Whether a count made the entry: it tells what is there, and takes nothing.
const fn is_of_count(reason: EntryReason) -> bool {
    matches!(
        reason,
        EntryReason::CountDifference | EntryReason::CountCorrection | EntryReason::CountTakenOut
    )
}

/// Whether anything ever came to `key`.
pub fn anything_came(view: &dyn Tables, key: &StockKey) -> bool {
    let came =
        |what: &What| matches!(what, What::Entry(_, entry, _) if entry.quantity.is_positive());
    entries(view, key).iter().any(|(_order, what)| came(what))
}

/// What happened round `case`, by the time of the act.
pub fn around(view: &dyn Tables, context: &PageContext, case: &Case) -> Markup {
    let Some(key) = case.stock else { return html! {} };
    around_key(view, context, &key, (case.tau, Some(case.operation)))
}

/// What happened under `key` round an instant, by the time of the act; `this` is marked.
pub fn around_key(
    view: &dyn Tables,
    context: &PageContext,
    key: &StockKey,
    (at, this): (ServerTime, Option<OperationId>),
) -> Markup {
    let acts = acts(view, key, at);
    html! {
        h2 { (context.t("story")) }
        p {
            (names::bin_link(view, key.location, key.bin)) " " (names::item_link(view, key.item)) " "
            (names::key_rest(view, key))
        }
        @if acts.is_empty() { (part::empty(context, "story-empty")) }
        @else {
            div class="scroll" {
                table class="list" {
                    (part::table_head(context, &["done-at", "device", "person", "act", "quantity", "balance"]))
                    tbody { @for (order, what) in &acts { (act(view, context, this, (order, what))) } }
                }
            }
        }
    }
}

fn act(
    view: &dyn Tables,
    context: &PageContext,
    this: Option<OperationId>,
    (order, what): (&OrderKey, &What),
) -> Markup {
    let operation = order.operation();
    let is_this = Some(operation) == this;
    html! {
        tr class=[is_this.then_some("this")] {
            td { (format::instant(context, order.tau)) }
            td { (names::device_link(view, context, order.device)) }
            @match what {
                What::Entry(no, entry, after) => {
                    td { (names::person_if_any(view, entry.operator.as_ref())) }
                    td {
                        a href=(names::warehouse_entry_address(*no)) {
                            (entry_why(view, context, entry.reason, entry.written.operation))
                        }
                        " " (names::operation_link(entry.written.operation))
                    }
                    td class="number" { (format::signed(context, entry.quantity)) }
                    td class="number" { strong { (format::quantity(context, *after)) } }
                },
                What::Count(row) => {
                    td { (names::person_if_any(view, row.operator.as_ref())) }
                    td {
                        (part::badge(Tone::Info, &context.t("counted"))) " " (names::operation_link(operation))
                    }
                    td class="number" { "= " (format::quantity(context, row.quantity)) }
                    td { span class="muted" { (context.t("difference")) " " (format::signed(context, row.difference)) } }
                }
            }
        }
    }
}

/// What the server knows now: stock, and the document line that it was done for.
pub fn server_side(
    view: &dyn Tables,
    context: &PageContext,
    case: &Case,
    told: Option<&Told>,
) -> Markup {
    let document = told.and_then(|told| told.deed.document.as_ref());
    html! {
        @if let Some(key) = case.stock {
            @let stock = view.row::<Stocks>(&key);
            @let now = stock.as_ref().map_or(Quantity::ZERO, |stock| stock.quantity);
            @let held = stock.as_ref().map_or(Quantity::ZERO, |stock| stock.held);
            dl class="facts" {
                (fact(&context.t("on-hand"), &part::figure(
                    &names::figure_address(&key), &format::quantity(context, now))))
                (fact(&context.t("on-hold"), &html! { (format::quantity(context, held)) }))
            }
        }
        @if let Some(told) = told && let Some(row) = &told.outcome {
            p { (part::outcome_badges(context, &row.outcome)) }
            (part::reasons(context, &row.outcome.reasons))
        }
        @if let Some(document) = document {
            @let header = view.row::<Documents>(&(document.kind, document.no.clone()));
            p { (names::document_link(document.kind, &document.no)) " "
                @if let Some(header) = &header { (header.partner_name) } @else { (context.t("document-not-known")) } }
            @if let Some(line) = document.line
                && let Some(row) = view.row::<DocumentLines>(&(document.kind, document.no.clone(), line)) {
                (line_facts(context, line, &row))
            }
        }
        @if case.stock.is_none() && document.is_none() { p class="muted" { (context.t("server-knows-nothing")) } }
    }
}

fn line_facts(context: &PageContext, line: u32, row: &DocumentLine) -> Markup {
    let outstanding = row.quantity.checked_sub(row.handled).unwrap_or_default();
    html! {
        dl class="facts" {
            (fact(&context.t("line"), &html! { (line) }))
            (fact(&context.t("ordered"), &html! { (format::quantity(context, row.quantity)) }))
            (fact(&context.t("handled"), &html! { (format::quantity(context, row.handled)) }))
            (fact(&context.t("outstanding"), &html! { (format::quantity(context, outstanding)) }))
        }
    }
}
