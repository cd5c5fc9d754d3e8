//! Documents as far as quantities go: the list, and one document with its lines.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use ledger::key::KeyRange;
use ledger::schema::book::Change;
use ledger::schema::document::{Document, DocumentLine, DocumentLines, Documents, OnTheWay};
use ledger::tables::{Read as _, Tables, each_of};
use maud::{Markup, html};
use protocol::feed::DocumentStatus;
use protocol::operation::DocumentKind;
use protocol::quantity::Quantity;
use protocol::words::DocumentNo;

use super::register::{contains, rows_wanted};
use super::{Missing, Page, PageResult, Section, items};
use crate::dashboard::context::PageContext;
use crate::dashboard::format;
use crate::dashboard::names;
use crate::dashboard::part::{self, Tone, code, fact};
use crate::dashboard::query::Query;

/// Documents that one request looks at.
const EXAMINED_MAX: usize = 50_000;

type Key = (DocumentKind, DocumentNo);

/// The word of a kind of document.
pub fn kind_text(context: &PageContext, kind: DocumentKind) -> String {
    context.word("document", names::document_word(kind))
}

fn status(context: &PageContext, status: DocumentStatus) -> Markup {
    let (tone, key) = match status {
        DocumentStatus::Open => (Tone::Waiting, "status-open"),
        DocumentStatus::Released => (Tone::Info, "status-released"),
        DocumentStatus::Closed => (Tone::Ok, "status-closed"),
        DocumentStatus::Cancelled => (Tone::Error, "status-cancelled"),
    };
    part::badge(tone, &context.t(key))
}

const fn status_word(status: DocumentStatus) -> &'static str {
    match status {
        DocumentStatus::Open => "open",
        DocumentStatus::Released => "released",
        DocumentStatus::Closed => "closed",
        DocumentStatus::Cancelled => "cancelled",
    }
}

/// All documents.
pub fn list_page(view: &dyn Tables, context: &PageContext, query: &Query) -> PageResult {
    let wanted = rows_wanted(query);
    let kind = names::DOCUMENT_KINDS
        .into_iter()
        .find(|kind| query.is("kind", names::document_word(*kind)));
    let range = kind.map_or_else(KeyRange::all, |kind| KeyRange::prefix(&kind));
    let (mut rows, mut examined, mut has_more) = (Vec::new(), 0, false);
    each_of::<Documents>(view, &range, false, &mut |key: Key, row: Arc<Document>| {
        if rows.len() == wanted || examined == EXAMINED_MAX {
            has_more = true;
            return ControlFlow::Break(());
        }
        examined += 1;
        let asked = query.get("q").is_none_or(|asked| {
            contains(key.1.as_str(), asked) || contains(&row.partner_name, asked)
        });
        let standing = query.get("status").is_none_or(|asked| status_word(row.status) == asked);
        if asked && standing {
            rows.push((key, row));
        }
        ControlFlow::Continue(())
    });
    let list = html! {
        @if rows.is_empty() { (part::empty(context, "documents-empty")) }
        @else { (table(view, context, &rows)) }
        @if has_more {
            (part::more(context, &query.with("rows", &(wanted + part::ROWS).to_string()).address("/documents")))
        }
    };
    Ok(Page::new(Section::Items, context.t("documents-title"))
        .with("filters", filters(context, query))
        .with("list", list))
}

fn filters(context: &PageContext, query: &Query) -> Markup {
    let kinds: Vec<_> = names::DOCUMENT_KINDS
        .into_iter()
        .map(|kind| (names::document_word(kind).to_owned(), kind_text(context, kind)))
        .collect();
    let statuses = ["open", "released", "closed", "cancelled"]
        .map(|word| (word.to_owned(), context.word("status", word)));
    let fields = html! {
        (part::choice_filter(context, query, "kind", "kind", &kinds))
        (part::choice_filter(context, query, "status", "state", &statuses))
        (part::text_filter(context, query, "q", "number-or-partner"))
    };
    html! {
        (items::tabs(context, "documents"))
        (part::filter_form(context, "/documents", query, &[], &fields))
    }
}

fn table(view: &dyn Tables, context: &PageContext, rows: &[(Key, Arc<Document>)]) -> Markup {
    html! {
        div class="scroll" {
            table class="list" {
                (part::table_head(context, &["document", "kind", "state", "partner", "location", "due"]))
                tbody {
                    @for ((kind, no), row) in rows {
                        tr id={ "document-" (names::document_word(*kind)) "-" (no) } data-row {
                            td { a data-open href=(names::document_address(*kind, no)) { (code(no.as_str())) } }
                            td { (kind_text(context, *kind)) }
                            td { (status(context, row.status)) }
                            td { (row.partner_name) }
                            td { (locations(view, row)) }
                            td { @if let Some(due) = row.due { (format::date(context, due)) } }
                        }
                    }
                }
            }
        }
    }
}

fn locations(view: &dyn Tables, row: &Document) -> Markup {
    html! {
        (code(&names::location_code(view, row.location)))
        @if let Some(to) = row.to_location { " → " (code(&names::location_code(view, to))) }
    }
}

/// One document.
pub fn page(view: &dyn Tables, context: &PageContext, kind: &str, no: &str) -> PageResult {
    let missing = || Missing::nothing(no);
    let kind = names::DOCUMENT_KINDS
        .into_iter()
        .find(|known| names::document_word(*known) == kind)
        .ok_or_else(missing)?;
    let key = (kind, DocumentNo::new(no).map_err(|_bad| missing())?);
    let row = view.row::<Documents>(&key).ok_or_else(missing)?;
    let title = format!("{} {no}", kind_text(context, kind));
    let head = html! {
        p { (status(context, row.status)) " " (context.t("since")) " " (format::instant(context, row.status_since)) }
        @if row.provisional { p { (part::badge(Tone::Waiting, &context.t("provisional"))) } }
        dl class="facts" {
            @if let Some(partner) = &row.partner {
                (fact(&context.t("partner"), &html! { (code(partner.as_str())) " " (row.partner_name) }))
            }
            (fact(&context.t("location"), &locations(view, &row)))
            @if let Some(due) = row.due { (fact(&context.t("due"), &html! { (format::date(context, due)) })) }
        }
        p {
            a class="button quiet" href=(Query::default().with("document", no).address("/movements")) {
                (context.t("movements-of-document"))
            }
        }
    };
    let page = Page::new(Section::Items, title)
        .with("head", head)
        .with("lines", lines(view, context, &key));
    Ok(match kind {
        DocumentKind::TransferOrder => {
            page.with("on-the-way", on_the_way(view, context, &key.1, &row))
        }
        DocumentKind::PurchaseOrder
        | DocumentKind::PurchaseReturnOrder
        | DocumentKind::SalesOrder
        | DocumentKind::SalesReturnOrder
        | DocumentKind::AssemblyOrder
        | DocumentKind::CountOrder => page,
    })
}

/// What was shipped and has not arrived, by line, and how a person ends the waiting (CONFLICTS 39).
fn on_the_way(
    view: &dyn Tables,
    context: &PageContext,
    no: &DocumentNo,
    document: &Document,
) -> Markup {
    let mut waiting: BTreeMap<u32, Quantity> = BTreeMap::new();
    for ((_no, line, _tracking), quantity) in
        view.list::<OnTheWay>(&KeyRange::prefix(&(no.clone(),)))
    {
        let sum = waiting.entry(line).or_default();
        *sum = sum.checked_add(*quantity).unwrap_or(*sum);
    }
    if waiting.is_empty() {
        return html! {};
    }
    let kind = names::document_word(DocumentKind::TransferOrder);
    let line_of =
        |line: u32| view.row::<DocumentLines>(&(DocumentKind::TransferOrder, no.clone(), line));
    html! {
        h2 { (context.t("on-the-way")) }
        @for (line, quantity) in &waiting {
            @if let Some(row) = line_of(*line) {
                section class="on-the-way" {
                    p {
                        (context.t("line")) " " (line) " " (names::item_link(view, row.item)) " "
                        strong { (format::quantity(context, *quantity)) " " (names::base_unit(view, row.item)) }
                        @if let Some(since) = Change::time_of(view, row.written.lsn) {
                            " " span class="muted" { (context.t("since")) " " (format::instant(context, since)) }
                        }
                    }
                    @if context.may_decide() {
                        (close_form(view, context, (&format!("/documents/{kind}/{no}/close"), *line), document))
                    }
                }
            }
        }
    }
}

/// Lost, or found at one of the two ends, in a bin.
fn close_form(
    view: &dyn Tables,
    context: &PageContext,
    (address, line): (&str, u32),
    document: &Document,
) -> Markup {
    let ends = [Some(document.location), document.to_location];
    let ends: Vec<String> =
        ends.into_iter().flatten().map(|at| names::location_code(view, at)).collect();
    html! {
        details {
            summary { (context.t("close-transfer")) }
            form method="post" action=(address) {
                p { (context.t("close-transfer-text")) }
                input type="hidden" name="line" value=(line);
                div class="field" {
                    label for={ "found-" (line) } { (context.t("found-where")) }
                    select id={ "found-" (line) } name="found" {
                        option value="" { (context.t("found-nowhere")) }
                        @for end in &ends { option value=(end) { (end) } }
                    }
                }
                div class="field" {
                    label for={ "found-bin-" (line) } { (context.t("bin")) }
                    input id={ "found-bin-" (line) } name="bin" autocomplete="off" spellcheck="false";
                }
                button type="submit" class="danger" { (context.t("close-transfer")) }
            }
        }
    }
}

fn lines(view: &dyn Tables, context: &PageContext, key: &Key) -> Markup {
    let rows = view.list::<DocumentLines>(&KeyRange::prefix(key));
    html! {
        h2 { (context.t("lines")) }
        @if rows.is_empty() { (part::empty(context, "lines-none")) }
        @else {
            div class="scroll" {
                table class="list" {
                    (part::table_head(context, &[
                        "line", "item", "ordered", "picked", "handled", "received-there",
                        "outstanding", "unit",
                    ]))
                    tbody {
                        @for ((_kind, _no, line), row) in &rows {
                            (line_row(view, context, *line, row))
                        }
                    }
                }
            }
        }
    }
}

fn line_row(view: &dyn Tables, context: &PageContext, line: u32, row: &DocumentLine) -> Markup {
    let outstanding = row.quantity.checked_sub(row.handled).unwrap_or_default();
    html! {
        tr id={ "line-" (line) } data-row {
            td { (line) }
            td {
                (names::item_link(view, row.item)) " " (code(&names::variant(view, row.variant))) " "
                (code(&names::tracking(view, row.tracking)))
            }
            td class="number" { (format::quantity(context, row.quantity)) }
            td class="number" { (format::quantity(context, row.picked)) }
            td class="number" { (format::quantity(context, row.handled)) }
            td class="number" { (format::quantity(context, row.received)) }
            td class="number" { (format::quantity(context, outstanding)) }
            td { (names::base_unit(view, row.item)) }
        }
    }
}
