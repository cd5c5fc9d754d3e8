//! One operation, link by link: scan, evidence, acceptance, what became of it, what it posted.

use ledger::conflict::revisions;
use ledger::key::KeyRange;
use ledger::schema::EntryNo;
use ledger::schema::attachment::{Attachment, Attachments};
use ledger::schema::book::{Bound, Origin, Timing};
use ledger::schema::case::CasesByOperation;
use ledger::schema::entry::{ItemLedger, Posted, PostedBy, WarehouseLedger};
use ledger::tables::{Read as _, Tables};
use maud::{Markup, html};
use protocol::identity::OperationId;
use protocol::operation::AttachmentKind;
use server_core::schema::Blobs;

use super::{Missing, Page, PageResult, Section, register};
use crate::dashboard::context::PageContext;
use crate::dashboard::deed::{Told, told_operation};
use crate::dashboard::format;
use crate::dashboard::names;
use crate::dashboard::part::{self, code, fact};

/// Entries of one operation that its page lists.
const ENTRIES_MAX: usize = 200;

/// The operation and all that hangs on it.
pub fn page(view: &dyn Tables, context: &PageContext, operation: OperationId) -> PageResult {
    let told = told_operation(view, operation).ok_or_else(|| {
        Missing::nothing(&context.say("operation-n", &[("n", &operation.to_string())]))
    })?;
    let kind = context.word("kind", &told.deed.kind);
    let title = format!("{kind} {operation}");
    Ok(Page::new(Section::Movements, title)
        .with("scan", scan(context, &told))
        .with("pictures", pictures(view, context, operation))
        .with("evidence", evidence(view, context, &told))
        .with("outcomes", outcomes(view, context, operation))
        .with("entries", entries(view, context, operation)))
}

/// What was scanned and keyed.
pub fn scan(context: &PageContext, told: &Told) -> Markup {
    html! {
        h2 { (context.t("chain-scan")) }
        @if let Some(unread) = &told.deed.unread {
            p { (part::badge(part::Tone::Warn, &context.t("unread"))) " " (unread.to_string()) }
        }
        @if told.deed.lines.is_empty() && told.deed.unread.is_none() {
            p { (context.word("kind", &told.deed.kind)) " " (told.deed.note) }
        } @else if !told.deed.lines.is_empty() {
            div class="scroll" {
                table class="list" {
                    (part::table_head(context, &["scanned", "item", "quantity", "base-quantity", "from-to"]))
                    tbody {
                        @for line in &told.deed.lines {
                            tr {
                                td {
                                    @if let Some(scan) = &line.scan { (code(scan)) }
                                    @else { span class="muted" { (context.t("keyed")) } }
                                }
                                td { (register::goods(Some(line))) }
                                td class="number" { (register::quantity(context, Some(line))) }
                                td class="number" {
                                    @if let Some(base) = line.base { (format::quantity(context, base)) }
                                }
                                td { (register::way(Some(line))) }
                            }
                        }
                    }
                }
            }
            @if !told.deed.note.is_empty() { p { (context.t("note")) ": " (told.deed.note) } }
        }
    }
}

/// Photos and signatures that belong to it; what has not arrived is named.
fn pictures(view: &dyn Tables, context: &PageContext, operation: OperationId) -> Markup {
    let rows = view.list::<Attachments>(&KeyRange::prefix(&(operation,)));
    html! {
        @if !rows.is_empty() {
            h2 { (context.t("pictures")) }
            ul class="pictures" {
                @for ((_operation, by), row) in &rows {
                    (picture(view, context, *by, row))
                }
            }
        }
    }
}

fn picture(view: &dyn Tables, context: &PageContext, by: OperationId, row: &Attachment) -> Markup {
    let address = format!("/pictures/{}", data_encoding::HEXLOWER.encode(&row.hash));
    let kind = context.t(match row.kind {
        AttachmentKind::Photo => "picture-photo",
        AttachmentKind::Signature => "picture-signature",
    });
    let blob = view.row::<Blobs>(&row.hash);
    let is_here = blob.is_some_and(|blob| blob.received == blob.length);
    html! {
        li {
            @if is_here {
                a href=(address) { img src=(address) alt=(kind) loading="lazy" width="320"; }
            } @else {
                (part::badge(part::Tone::Waiting, &context.t("picture-on-its-way")))
            }
            " " (kind) " " a href={ "/operations/" (by) } { (by) }
        }
    }
}

/// When it was done, how well that is known, and how it came in.
pub fn evidence(view: &dyn Tables, context: &PageContext, told: &Told) -> Markup {
    let intake = &told.intake;
    let timing = &intake.timing;
    html! {
        h2 { (context.t("chain-evidence")) }
        dl class="facts" {
            (fact(&context.t("done-at"), &html! {
                (format::instant(context, timing.tau)) " " (format::error(context, timing.epsilon_us))
                @if timing.uncertain { " " (part::badge(part::Tone::Warn, &context.t("clock-uncertain"))) }
            }))
            (fact(&context.t("bounded-by"), &bounds(context, timing)))
            (fact(&context.t("received-at"), &html! {
                (format::instant(context, intake.received)) " "
                span class="muted" {
                    (context.say("after-act", &[("t", &format::length(context, intake.received.us_since(timing.tau)))]))
                }
            }))
            (fact(&context.t("origin"), &origin(view, context, told)))
            (fact(&context.t("person"), &html! { (names::person_if_any(view, told.deed.operator.as_ref())) }))
            @if let Some(envelope) = &told.deed.envelope {
                (fact(&context.t("had-seen"), &html! {
                    (context.say("decision-n", &[("n", &envelope.cursor.to_string())]))
                }))
                (fact(&context.t("boot"), &html! { (envelope.boot) }))
            }
            @if let Some(document) = &told.deed.document {
                (fact(&context.t("document"), &html! {
                    (names::document_link(document.kind, &document.no))
                    @if let Some(line) = document.line { " " (line) }
                }))
            }
            (fact(&context.t("intake-no"), &html! { (told.no) " " (code(&intake.hash.to_string())) }))
        }
    }
}

fn bounds(context: &PageContext, timing: &Timing) -> Markup {
    let word = |bound: Bound| {
        context.t(match bound {
            Bound::None => "bound-none",
            Bound::Sample => "bound-sample",
            Bound::Causality => "bound-causality",
            Bound::BootOrder => "bound-boot-order",
            Bound::Receipt => "bound-receipt",
        })
    };
    html! { (word(timing.lower)) " – " (word(timing.upper)) }
}

fn origin(view: &dyn Tables, context: &PageContext, told: &Told) -> Markup {
    match &told.intake.origin {
        Origin::Device { sent_as, hash, .. } => html! {
            (names::device_link(view, context, sent_as.device)) " "
            (code(&told.operation.to_string())) " " (code(&hash.to_string()))
            @if *sent_as != told.operation {
                " " (context.say("sent-as", &[("n", &sent_as.to_string())]))
            }
        },
        Origin::Desk { user, .. } => {
            html! { (context.t("desk")) ", " (names::person(view, user)) }
        }
        Origin::Import { user } => {
            html! { (context.t("import")) ", " (names::person(view, user)) }
        }
        Origin::System => html! { (context.t("system")) },
    }
}

/// Every outcome that it has had, the newest first, and its cases.
fn outcomes(view: &dyn Tables, context: &PageContext, operation: OperationId) -> Markup {
    let mut revisions = revisions(view, operation);
    revisions.reverse();
    let cases = view.list::<CasesByOperation>(&KeyRange::prefix(&operation));
    html! {
        h2 { (context.t("chain-outcome")) }
        @if revisions.is_empty() { (part::empty(context, "outcome-empty")) }
        ol class="revisions" reversed {
            @for row in &revisions {
                li value=(row.outcome.revision) {
                    (part::decision_badge(context, row.outcome.decision)) " "
                    @if row.outcome.revision > 1 { (part::badge(part::Tone::Info, &context.t("restated"))) " " }
                    span class="muted" {
                        (context.say("decision-n", &[("n", &row.outcome.lsn.to_string())]))
                    }
                    (part::reasons(context, &row.outcome.reasons))
                    @if !row.outcome.changes.is_empty() {
                        ul class="changes" {
                            @for change in &row.outcome.changes {
                                li { (context.word("field", &change.field)) ": " (code(&change.from)) " → " (code(&change.to)) }
                            }
                        }
                    }
                }
            }
        }
        @for ((_operation, case), _row) in &cases { p { (names::case_link(context, *case)) } }
    }
}

/// What it posted.
fn entries(view: &dyn Tables, context: &PageContext, operation: OperationId) -> Markup {
    let posted = view.row::<PostedBy>(&operation);
    let posted = posted.as_deref().cloned().unwrap_or_default();
    html! {
        h2 { (context.t("chain-entries")) }
        @if posted.item_ledger.is_empty() && posted.warehouse.is_empty() {
            (part::empty(context, "entries-none"))
        }
        (item_entries(view, context, &posted.item_ledger))
        (warehouse_entries(view, context, &posted))
        @if let Some(undone) = posted.undone_by {
            p { (context.t("undone-by")) " " (names::operation_link(undone)) }
        }
    }
}

/// Item ledger entries as a table.
pub fn item_entries(view: &dyn Tables, context: &PageContext, entries: &[EntryNo]) -> Markup {
    if entries.is_empty() {
        return html! {};
    }
    html! {
        h3 { (context.t("item-entries")) }
        div class="scroll" {
            table class="list" {
                (part::table_head(context, &[
                    "entry", "entry-type", "reason", "item", "location", "quantity",
                    "posting-date",
                ]))
                tbody {
                    @for no in entries.iter().take(ENTRIES_MAX) {
                        @if let Some(entry) = view.row::<ItemLedger>(no) {
                            tr data-row {
                                td { a data-open href=(names::item_entry_address(*no)) { (no) } }
                                td { (super::entries::entry_type(context, entry.entry_type)) }
                                td { (super::entries::entry_reason(context, entry.reason)) }
                                td {
                                    (names::item_link(view, entry.item)) " "
                                    (code(&names::tracking(view, entry.tracking)))
                                }
                                td { (code(&names::location_code(view, entry.location))) }
                                td class="number" { (format::signed(context, entry.quantity)) }
                                td { (format::date(context, entry.posting_date)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn warehouse_entries(view: &dyn Tables, context: &PageContext, posted: &Posted) -> Markup {
    if posted.warehouse.is_empty() {
        return html! {};
    }
    html! {
        h3 { (context.t("warehouse-entries")) }
        div class="scroll" {
            table class="list" {
                (part::table_head(context, &["entry", "reason", "item", "bin", "quantity", "item-entry"]))
                tbody {
                    @for no in posted.warehouse.iter().take(ENTRIES_MAX) {
                        @if let Some(entry) = view.row::<WarehouseLedger>(no) {
                            tr data-row {
                                td { a data-open href=(names::warehouse_entry_address(*no)) { (no) } }
                                td { (super::entries::entry_reason(context, entry.reason)) }
                                td {
                                    (names::item_link(view, entry.key.item)) " "
                                    (names::key_rest(view, &entry.key))
                                }
                                td { (names::bin_link(view, entry.key.location, entry.key.bin)) }
                                td class="number" {
                                    (part::figure(&names::figure_address(&entry.key), &format::signed(context, entry.quantity)))
                                }
                                td {
                                    @if entry.item_ledger_entry.0 == 0 {
                                        span class="muted" { (context.t("only-registered")) }
                                    } @else {
                                        a href=(names::item_entry_address(entry.item_ledger_entry)) { (entry.item_ledger_entry) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
