//! One entry of a ledger: the link between a stock figure and the operation behind it.

use ledger::dimension::text_of;
use ledger::key::KeyRange;
use ledger::schema::EntryNo;
use ledger::schema::book::Outcomes;
use ledger::schema::entry::{
    Applications, ApplicationsByInbound, ApplicationsByOutbound, EntryReason, EntryType,
    ItemApplication, ItemLedger, ItemLedgerEntry, ItemLedgerStates, PostedBy, WarehouseEntry,
    WarehouseEntryType, WarehouseLedger,
};
use ledger::tables::{Read as _, Tables};
use maud::{Markup, html};
use protocol::identity::OperationId;

use super::{Missing, Page, PageResult, Section, operation};
use crate::dashboard::context::PageContext;
use crate::dashboard::deed::told_operation;
use crate::dashboard::format;
use crate::dashboard::names;
use crate::dashboard::part::{self, code, fact};

/// Applications of one entry that its page lists.
const APPLICATIONS_MAX: usize = 200;

/// The word of a type of item ledger entry.
pub fn entry_type(context: &PageContext, of: EntryType) -> String {
    context.t(match of {
        EntryType::Purchase => "entry-purchase",
        EntryType::Sale => "entry-sale",
        EntryType::PositiveAdjustment => "entry-positive",
        EntryType::NegativeAdjustment => "entry-negative",
        EntryType::Transfer => "entry-transfer",
        EntryType::Consumption => "entry-consumption",
        EntryType::Output => "entry-output",
        EntryType::AssemblyConsumption => "entry-assembly-consumption",
        EntryType::AssemblyOutput => "entry-assembly-output",
    })
}

/// The word of why an entry was posted.
pub fn entry_reason(context: &PageContext, of: EntryReason) -> String {
    context.t(match of {
        EntryReason::Ordinary => "why-ordinary",
        EntryReason::Opening => "why-opening",
        EntryReason::CountDifference => "why-count-difference",
        EntryReason::CountCorrection => "why-count-correction",
        EntryReason::CountTakenOut => "why-count-taken-out",
        EntryReason::Undo => "why-undo",
        EntryReason::CaseDecision => "why-case",
        EntryReason::ProvisionalTransfer => "why-provisional-transfer",
        EntryReason::Sighting => "why-sighting",
    })
}

/// Why an entry was posted; for an ordinary one what was done.
pub fn entry_why(
    view: &dyn Tables,
    context: &PageContext,
    of: EntryReason,
    operation: OperationId,
) -> String {
    let kind = view.row::<Outcomes>(&operation).map(|row| row.kind.clone()).unwrap_or_default();
    if of == EntryReason::Ordinary && !kind.is_empty() {
        context.word("kind", &kind)
    } else {
        entry_reason(context, of)
    }
}

fn warehouse_type(context: &PageContext, of: WarehouseEntryType) -> String {
    context.t(match of {
        WarehouseEntryType::Positive => "warehouse-in",
        WarehouseEntryType::Negative => "warehouse-out",
        WarehouseEntryType::Movement => "warehouse-movement",
    })
}

/// An item ledger entry.
pub fn item_page(view: &dyn Tables, context: &PageContext, no: EntryNo) -> PageResult {
    let name = context.say("item-entry-n", &[("n", &no.to_string())]);
    let entry = view.row::<ItemLedger>(&no).ok_or_else(|| Missing::nothing(&name))?;
    Ok(Page::new(Section::Stock, name)
        .with("entry", item_facts(view, context, no, &entry))
        .with("applications", applications(view, context, no))
        .with("warehouse", beside(view, context, no, entry.written.operation))
        .with("operation", behind(view, context, entry.written.operation)))
}

fn item_facts(
    view: &dyn Tables,
    context: &PageContext,
    no: EntryNo,
    entry: &ItemLedgerEntry,
) -> Markup {
    let state = view.row::<ItemLedgerStates>(&no);
    html! {
        h2 { (context.t("entry")) }
        dl class="facts" {
            (fact(&context.t("entry-type"), &html! { (entry_type(context, entry.entry_type)) }))
            (fact(&context.t("reason"), &html! {
                (entry_why(view, context, entry.reason, entry.written.operation))
            }))
            (fact(&context.t("item"), &html! {
                (names::item_link(view, entry.item)) " " (code(&names::variant(view, entry.variant)))
                " " (code(&names::tracking(view, entry.tracking)))
            }))
            (fact(&context.t("location"), &code(&names::location_code(view, entry.location))))
            (fact(&context.t("quantity"), &html! { (format::signed(context, entry.quantity)) }))
            @if let Some(state) = state {
                (fact(&context.t("remaining"), &html! { (format::quantity(context, state.remaining)) }))
            }
            (fact(&context.t("done-at"), &format::instant(context, entry.order.tau)))
            (fact(&context.t("posting-date"), &html! { (format::date(context, entry.posting_date)) }))
            @if let Some((kind, document, line)) = &entry.document {
                (fact(&context.t("document"), &html! { (names::document_link(*kind, document)) " " (line) }))
            }
            @if entry.dimension_set != 0 {
                (fact(&context.t("dimensions"), &html! { (text_of(view, entry.dimension_set)) }))
            }
            (fact(&context.t("person"), &html! { (names::person_if_any(view, entry.operator.as_ref())) }))
            (fact(&context.t("decided"), &html! {
                (context.say("decision-n", &[("n", &entry.written.lsn.to_string())]))
            }))
        }
    }
}

/// Who supplied this entry, or whom it supplied.
fn applications(view: &dyn Tables, context: &PageContext, no: EntryNo) -> Markup {
    let inbound = view.list::<ApplicationsByInbound>(&KeyRange::prefix(&no));
    let outbound = view.list::<ApplicationsByOutbound>(&KeyRange::prefix(&no));
    let numbers =
        inbound.iter().map(|(key, _row)| key.2).chain(outbound.iter().map(|(key, _)| key.2));
    let rows: Vec<_> = numbers
        .take(APPLICATIONS_MAX)
        .filter_map(|number| view.row::<Applications>(&number))
        .collect();
    html! {
        h2 { (context.t("applications")) }
        @if rows.is_empty() { (part::empty(context, "applications-none")) }
        @else {
            div class="scroll" {
                table class="list" {
                    (part::table_head(context, &["increase", "decrease", "quantity", "posting-date"]))
                    tbody { @for row in &rows { (application(context, row)) } }
                }
            }
        }
    }
}

fn application(context: &PageContext, row: &ItemApplication) -> Markup {
    let entry = |no: EntryNo| {
        html! {
            @if no.0 == 0 { (format::NOTHING) }
            @else { a href=(names::item_entry_address(no)) { (no) } }
        }
    };
    html! {
        tr {
            td { (entry(row.inbound)) }
            td { (entry(row.outbound)) }
            td class="number" { (format::signed(context, row.quantity)) }
            td { (format::date(context, row.posting_date)) }
        }
    }
}

/// The warehouse entries that were posted with an item ledger entry.
fn beside(view: &dyn Tables, context: &PageContext, no: EntryNo, by: OperationId) -> Markup {
    let posted = view.row::<PostedBy>(&by);
    let numbers = posted.iter().flat_map(|posted| posted.warehouse.iter().copied());
    let entries: Vec<_> = numbers
        .filter_map(|number| view.row::<WarehouseLedger>(&number).map(|entry| (number, entry)))
        .filter(|(_number, entry)| entry.item_ledger_entry == no)
        .collect();
    html! {
        h2 { (context.t("warehouse-entries")) }
        @if entries.is_empty() { (part::empty(context, "warehouse-none")) }
        ul {
            @for (number, entry) in &entries {
                li {
                    a href=(names::warehouse_entry_address(*number)) { (number) } " "
                    (names::bin_link(view, entry.key.location, entry.key.bin)) " "
                    (format::signed(context, entry.quantity))
                }
            }
        }
    }
}

/// A warehouse entry.
pub fn warehouse_page(view: &dyn Tables, context: &PageContext, no: EntryNo) -> PageResult {
    let name = context.say("warehouse-entry-n", &[("n", &no.to_string())]);
    let entry = view.row::<WarehouseLedger>(&no).ok_or_else(|| Missing::nothing(&name))?;
    Ok(Page::new(Section::Stock, name)
        .with("entry", warehouse_facts(view, context, &entry))
        .with("operation", behind(view, context, entry.written.operation)))
}

fn warehouse_facts(view: &dyn Tables, context: &PageContext, entry: &WarehouseEntry) -> Markup {
    html! {
        h2 { (context.t("entry")) }
        dl class="facts" {
            (fact(&context.t("entry-type"), &html! { (warehouse_type(context, entry.entry_type)) }))
            (fact(&context.t("reason"), &html! {
                (entry_why(view, context, entry.reason, entry.written.operation))
            }))
            (fact(&context.t("item"), &html! {
                (names::item_link(view, entry.key.item)) " " (names::key_rest(view, &entry.key))
            }))
            (fact(&context.t("bin"), &names::bin_link(view, entry.key.location, entry.key.bin)))
            (fact(&context.t("quantity"), &part::figure(
                &names::figure_address(&entry.key), &format::signed(context, entry.quantity))))
            (fact(&context.t("done-at"), &format::instant(context, entry.order.tau)))
            @if let Some((kind, document, line)) = &entry.document {
                (fact(&context.t("document"), &html! { (names::document_link(*kind, document)) " " (line) }))
            }
            (fact(&context.t("item-entry"), &html! {
                @if entry.item_ledger_entry.0 == 0 { (context.t("only-registered")) }
                @else { a href=(names::item_entry_address(entry.item_ledger_entry)) { (entry.item_ledger_entry) } }
            }))
            (fact(&context.t("register-no"), &html! { (entry.register.0) }))
            (fact(&context.t("person"), &html! { (names::person_if_any(view, entry.operator.as_ref())) }))
            (fact(&context.t("decided"), &html! {
                (context.say("decision-n", &[("n", &entry.written.lsn.to_string())]))
            }))
        }
    }
}

/// The operation behind an entry: scan and evidence in short, and the way to its page.
fn behind(view: &dyn Tables, context: &PageContext, by: OperationId) -> Markup {
    html! {
        p { strong { (context.t("chain-operation")) } " " (names::operation_link(by)) }
        @if let Some(told) = told_operation(view, by) {
            (operation::scan(context, &told))
            (operation::evidence(view, context, &told))
        }
    }
}
