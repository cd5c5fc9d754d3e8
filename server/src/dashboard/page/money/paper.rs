//! Purchase and sales documents: what is received or shipped and what is invoiced, several lines at once,
//! charges over what was posted, and the dimensions that a document says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ledger::key::KeyRange;
use ledger::lookup;
use ledger::schema::EntryNo;
use ledger::schema::dimension::DocumentDimensions;
use ledger::schema::document::{DocumentLine, DocumentLines, Documents};
use ledger::schema::entry::ItemLedger;
use ledger::schema::posted::{LineTerms, LinesTerms, PostedLines, Uninvoiced};
use ledger::tables::{Read as _, Tables};
use maud::{Markup, html};
use protocol::operation::DocumentKind;
use protocol::words::DocumentNo;

use super::desk::{choice, posting_date, posting_form};
use super::{day, field_of, form, next, nothing, paged, table, tabs, text, to_entry, to_item};
use crate::dashboard::context::PageContext;
use crate::dashboard::format;
use crate::dashboard::names;
use crate::dashboard::page::documents::kind_text;
use crate::dashboard::page::{Missing, Page, PageResult, Section};
use crate::dashboard::part::{self, code};
use crate::dashboard::query::{Query, encoded};
use crate::view::page::ROWS_MAX;

/// Lines are numbered with room between them.
const LINE_STEP: u32 = 10_000;

/// Kinds of documents that are posted with their value; returns are credit memos.
pub const POSTED_KINDS: [DocumentKind; 4] = [
    DocumentKind::PurchaseOrder,
    DocumentKind::SalesOrder,
    DocumentKind::PurchaseReturnOrder,
    DocumentKind::SalesReturnOrder,
];

/// Purchase and sales documents and credit memos.
pub fn documents_page(view: &dyn Tables, context: &PageContext, query: &Query) -> PageResult {
    let mut lines: Vec<Vec<Markup>> = Vec::new();
    let page = paged(query);
    let wanted = query.get("kind");
    let mut after = None;
    for kind in POSTED_KINDS
        .into_iter()
        .filter(|kind| wanted.is_none_or(|wanted| wanted == names::document_word(*kind)))
    {
        let found = crate::view::page::ascending::<Documents, _>(
            view,
            KeyRange::prefix(&kind),
            &page,
            |(kind, no), row| Some((kind, no, row.partner_name.clone())),
        );
        after = after.or(found.next);
        lines.extend(found.rows.into_iter().map(|(kind, no, partner)| {
            let address =
                format!("/money/documents/{}/{}", names::document_word(kind), encoded(no.as_str()));
            vec![
                html! { a data-open href=(address) { (code(no.as_str())) } },
                text(kind_text(context, kind)),
                text(partner),
            ]
        }));
    }
    let kinds: Vec<_> = POSTED_KINDS
        .into_iter()
        .map(|kind| (names::document_word(kind).to_owned(), kind_text(context, kind)))
        .collect();
    let list = html! {
        @if lines.is_empty() { (nothing(context)) }
        @else { (table(context, &["document", "kind", "partner"], &lines)) }
        @if wanted.is_some() { (next(context, ("/money/documents", query), after.as_deref())) }
    };
    let fields = part::choice_filter(context, query, "kind", "kind", &kinds);
    Ok(Page::new(Section::Money, context.t("documents-title"))
        .with("tabs", tabs(context, "documents"))
        .with("filters", part::filter_form(context, "/money/documents", query, &[], &fields))
        .with("list", list)
        .with("new", new_document(context, &kinds)))
}

fn new_document(context: &PageContext, kinds: &[(String, String)]) -> Markup {
    let form = "new";
    let options: Vec<_> = kinds.iter().map(|(word, name)| (word.as_str(), name.clone())).collect();
    let fields = html! {
        (choice(context, form, ("kind", "kind"), &options))
        (field_of(context, form, ("no", "text"), "document"))
        (field_of(context, form, ("partner", "text"), "partner"))
        (document_fields(context, form))
        (field_of(context, form, ("line", "number"), "line"))
        (goods_fields(context, (form, "")))
        (line_fields(context, (form, "")))
    };
    html! {
        @if context.may_account() {
            h2 { (context.t("money-post-document")) }
            (posting_form(context, "document", &fields))
        }
    }
}

/// What a line that is not there yet is about.
fn goods_fields(context: &PageContext, (form, suffix): (&str, &str)) -> Markup {
    html! {
        @for name in ["item", "variant", "unit", "location"] {
            (field_of(context, form, (&format!("{name}{suffix}"), "text"), name))
        }
    }
}

fn document_fields(context: &PageContext, form: &str) -> Markup {
    html! {
        (posting_date(context, form))
        (field_of(context, form, ("dimensions", "text"), "money-dimensions"))
    }
}

/// What is posted of a line; `suffix` tells the fields of one line from those of another.
fn line_fields(context: &PageContext, (form, suffix): (&str, &str)) -> Markup {
    html! {
        @for (name, kind, label) in [
            ("bin", "text", "bin"),
            ("lot", "text", "lot"),
            ("serial", "text", "serial"),
            ("handle", "text", "money-handle"),
            ("invoice", "text", "money-invoice"),
            ("unit_amount", "text", "money-unit-amount"),
            ("discount_percent", "text", "money-discount-percent"),
            ("applies_to", "number", "money-applies-to"),
            ("applies_from", "number", "money-applies-from"),
        ] {
            (field_of(context, form, (&format!("{name}{suffix}"), kind), label))
        }
    }
}

/// A document with its lines: what is received or shipped and what is invoiced of all of them at once; what
/// was posted, to be charged; and its dimensions.
pub fn document_page(
    view: &dyn Tables,
    context: &PageContext,
    (kind, no, query): (&str, &str, &Query),
) -> PageResult {
    let missing = || Missing::nothing(no);
    let key = key_of(kind, no).ok_or_else(missing)?;
    if !view.has::<Documents>(&key) {
        return Err(missing());
    }
    let rows = view.list::<DocumentLines>(&KeyRange::prefix(&key));
    let rows: Lines = rows.into_iter().map(|((_kind, _no, line), row)| (line, row)).collect();
    Ok(Page::new(Section::Money, format!("{} {no}", kind_text(context, key.0)))
        .with("tabs", tabs(context, "documents"))
        .with("lines", lines_form(view, context, &key, &rows))
        .with("charge", charge_part(view, context, (&key, query)))
        .with("dimensions", said_part(view, context, &key)))
}

type DocumentKey = (DocumentKind, DocumentNo);

/// Lines by their numbers.
type Lines = BTreeMap<u32, Arc<DocumentLine>>;

/// A document that this side posts, by the word of its kind.
fn key_of(kind: &str, no: &str) -> Option<DocumentKey> {
    let kind = POSTED_KINDS.into_iter().find(|known| names::document_word(*known) == kind)?;
    Some((kind, DocumentNo::new(no).ok()?))
}

/// One form for all lines, with room for one more: what is filled in is posted together.
fn lines_form(
    view: &dyn Tables,
    context: &PageContext,
    (kind, no): &DocumentKey,
    rows: &Lines,
) -> Markup {
    let last = rows.keys().last().copied().unwrap_or(0);
    let more = last.saturating_add(LINE_STEP);
    let suffix = format!("-{more}");
    let may = context.may_account();
    let fields = html! {
        input type="hidden" name="kind" value=(names::document_word(*kind));
        input type="hidden" name="no" value=(no);
        (document_fields(context, "post"))
        @for (line, row) in rows {
            (document_line(view, context, (*kind, no, *line), row))
        }
        fieldset {
            legend { (context.t("money-further-line")) " " (more) }
            input type="hidden" name="line" value=(more);
            (goods_fields(context, ("post", &suffix)))
            (line_fields(context, ("post", &suffix)))
        }
    };
    html! {
        @if rows.is_empty() { (part::empty(context, "lines-none")) }
        @if may { (posting_form(context, "document", &fields)) }
        @else {
            @for (line, row) in rows {
                (table(context, &LINE_HEADS, &[line_cells(view, context, (*kind, no, *line), row)]))
            }
        }
    }
}

const LINE_HEADS: [&str; 10] = [
    "line",
    "item",
    "variant",
    "location",
    "unit",
    "#money-ordered-base",
    "#money-handled-base",
    "#money-invoiced-base",
    "#money-unit-amount",
    "#money-discount-percent",
];

fn line_cells(
    view: &dyn Tables,
    context: &PageContext,
    (kind, no, line): (DocumentKind, &DocumentNo, u32),
    row: &DocumentLine,
) -> Vec<Markup> {
    let terms = view.row::<LinesTerms>(&(kind, no.clone(), line));
    let invoiced = terms.as_ref().map(|terms| terms.invoiced).unwrap_or_default();
    let discount = terms.as_ref().map(|terms| terms.discount_percent);
    let discount = discount.filter(|percent| !percent.is_zero());
    vec![
        text(line),
        to_item(&lookup::item_text(view, row.item)),
        html! { @if row.variant.0 != 0 { (code(&names::variant(view, row.variant))) } },
        code(&place_of(view, (kind, no), terms.as_deref())),
        code(&unit_of(view, row)),
        text(format::quantity(context, row.quantity)),
        text(format::quantity(context, row.handled)),
        text(format::quantity(context, invoiced)),
        text(terms.as_ref().map(|terms| terms.unit_amount.to_string()).unwrap_or_default()),
        text(discount.map(|percent| percent.to_string()).unwrap_or_default()),
    ]
}

fn unit_of(view: &dyn Tables, row: &DocumentLine) -> String {
    match names::unit(view, row.unit) {
        base if base.is_empty() => names::base_unit(view, row.item),
        unit => unit,
    }
}

/// A line in the form of its document: what is known of it, and what may be filled in.
fn document_line(
    view: &dyn Tables,
    context: &PageContext,
    (kind, no, line): (DocumentKind, &DocumentNo, u32),
    row: &DocumentLine,
) -> Markup {
    let terms = view.row::<LinesTerms>(&(kind, no.clone(), line));
    let known = [
        ("item", lookup::item_text(view, row.item)),
        ("variant", names::variant(view, row.variant)),
        ("unit", unit_of(view, row)),
        ("location", place_of(view, (kind, no), terms.as_deref())),
    ];
    html! {
        (table(context, &LINE_HEADS, &[line_cells(view, context, (kind, no, line), row)]))
        fieldset {
            legend { (context.t("line")) " " (line) }
            input type="hidden" name="line" value=(line);
            @for (name, value) in &known {
                input type="hidden" name={ (name) "-" (line) } value=(value);
            }
            (line_fields(context, ("post", &format!("-{line}"))))
        }
    }
}

/// Where a line is handled: where it was so far, or where its document belongs.
fn place_of(
    view: &dyn Tables,
    (kind, no): (DocumentKind, &DocumentNo),
    terms: Option<&LineTerms>,
) -> String {
    let of_document = || view.row::<Documents>(&(kind, no.clone())).map(|row| row.location);
    let location = terms.map(|terms| terms.location).or_else(of_document);
    location
        .filter(|location| location.0 != 0)
        .map_or_else(String::new, |location| names::location_code(view, location))
}

/// What was received or shipped with a document: its entries that can be charged, the oldest first. Costs what
/// was posted of the document, up to a page of it.
fn posted_of(view: &dyn Tables, key: &DocumentKey) -> BTreeSet<EntryNo> {
    let mut entries = BTreeSet::new();
    for (_key, row) in view.list::<PostedLines>(&KeyRange::prefix(key)) {
        if !row.undone {
            entries.extend(row.entries.iter().copied());
        }
    }
    // What devices posted is found by what of it is not invoiced.
    let open = view.list::<Uninvoiced>(&KeyRange::prefix(key));
    entries.extend(open.into_iter().map(|((_kind, _no, _line, entry), _row)| entry));
    entries.into_iter().take(ROWS_MAX).collect()
}

/// The charge of a document, over entries that are picked: its own, or those of another document that is
/// looked for.
fn charge_part(
    view: &dyn Tables,
    context: &PageContext,
    (key, query): (&DocumentKey, &Query),
) -> Markup {
    let (kind, no) = key;
    let path = format!("/money/documents/{}/{}", names::document_word(*kind), encoded(no.as_str()));
    let kinds: Vec<_> = POSTED_KINDS
        .into_iter()
        .map(|kind| (names::document_word(kind).to_owned(), kind_text(context, kind)))
        .collect();
    let other = query.get("of_no").map(|of| {
        let of_kind = query.get("of_kind").unwrap_or_else(|| names::document_word(*kind));
        key_of(of_kind, of)
    });
    let over = other.unwrap_or_else(|| Some(key.clone()));
    let found = over.as_ref().map(|over| posted_of(view, over)).unwrap_or_default();
    let filter = html! {
        (part::choice_filter(context, query, "of_kind", "kind", &kinds))
        (part::text_filter(context, query, "of_no", "money-entries-of"))
    };
    html! {
        @if context.may_account() {
            h2 { (context.t("money-charge")) }
            (part::filter_form(context, &path, query, &[], &filter))
            @if found.is_empty() { (part::empty(context, "money-entries-none")) }
            (posting_form(context, "charge", &charge_fields(view, context, (key, &found))))
        }
    }
}

fn charge_fields(
    view: &dyn Tables,
    context: &PageContext,
    ((kind, no), found): (&DocumentKey, &BTreeSet<EntryNo>),
) -> Markup {
    let form = "charge";
    html! {
        input type="hidden" name="kind" value=(names::document_word(*kind));
        input type="hidden" name="no" value=(no);
        @for entry in found { (entry_choice(view, context, *entry)) }
        (field_of(context, form, ("entries", "text"), "money-over-entries"))
        (posting_date(context, form))
        (field_of(context, form, ("charge", "text"), "money-charge"))
        (field_of(context, form, ("unit_amount", "text"), "money-amount"))
        (choice(context, form, ("split", "money-split"), &[
            ("equally", context.t("money-split-equally")),
            ("amount", context.t("money-split-amount")),
            ("weight", context.t("money-split-weight")),
            ("volume", context.t("money-split-volume")),
        ]))
    }
}

/// An entry that a charge may be put on, to be ticked.
fn entry_choice(view: &dyn Tables, context: &PageContext, no: EntryNo) -> Markup {
    let Some(entry) = view.row::<ItemLedger>(&no) else { return html! {} };
    let id = format!("charge-entry-{}", no.0);
    html! {
        div class="field" {
            input id=(id) type="checkbox" name="entries" value=(no.0);
            label for=(id) {
                (to_entry("/entries/item", no.0)) " " (day(context, entry.posting_date)) " "
                (code(&lookup::item_text(view, entry.item))) " "
                (format::signed(context, entry.quantity))
            }
        }
    }
}

/// What a document and its lines say of dimensions, and a form to say it.
fn said_part(view: &dyn Tables, context: &PageContext, key: &DocumentKey) -> Markup {
    let rows: Vec<Vec<Markup>> = view
        .list::<DocumentDimensions>(&KeyRange::prefix(key))
        .into_iter()
        .map(|((_kind, _no, line), said)| {
            let whole = html! { (context.t("money-whole-document")) };
            vec![if line == 0 { whole } else { text(line) }, text(&*said)]
        })
        .collect();
    let (kind, no) = key;
    let fields = html! {
        input type="hidden" name="kind" value=(names::document_word(*kind));
        input type="hidden" name="no" value=(no);
        (field_of(context, "said", ("line", "number"), "money-line-or-whole"))
        (field_of(context, "said", ("dimensions", "text"), "money-dimensions"))
    };
    html! {
        h2 { (context.t("dimensions")) }
        @if rows.is_empty() { (part::empty(context, "money-dimensions-none")) }
        @else { (table(context, &["line", "dimensions"], &rows)) }
        @if context.may_account() {
            (form(context, "document-dimensions", "money-say-dimensions", &fields))
        }
    }
}
