//! What a desk posts of the money side: the item journal with its reclassification, the revaluation
//! journal, purchase and sales documents; and the application worksheet. Each form can be looked at
//! before it is posted.

use ledger::costing::proposal;
use ledger::costing::revalue::{CalculateInventoryValue, CalculatedLine, RevaluePer};
use ledger::key::KeyRange;
use ledger::lookup;
use ledger::posting::Stop;
use ledger::schema::EntryNo;
use ledger::schema::document::{DocumentLine, DocumentLines, Documents};
use ledger::schema::entry::{ItemLedger, ItemLedgerByItem};
use ledger::schema::item::CostingMethod;
use ledger::schema::posted::{LineTerms, LinesTerms};
use ledger::tables::{Read as _, Tables};
use maud::{Markup, html};
use protocol::operation::DocumentKind;
use protocol::words::{DocumentNo, ItemNo};

use super::{
    amount, day, field_of, files, form, next, nothing, paged, table, tabs, text, to_entry, to_item,
    until, value,
};
use crate::dashboard::context::PageContext;
use crate::dashboard::format;
use crate::dashboard::names;
use crate::dashboard::page::documents::kind_text;
use crate::dashboard::page::{Missing, Page, PageResult, Section};
use crate::dashboard::part::{self, Tone, code};
use crate::dashboard::preview::MoneyPreview;
use crate::dashboard::query::{Query, encoded};
use crate::view::money::run::{applications, unapplied};
use crate::view::page::{PageQuery, ROWS_MAX};

/// Kinds of documents that are posted with their value; returns are credit memos.
pub const POSTED_KINDS: [DocumentKind; 4] = [
    DocumentKind::PurchaseOrder,
    DocumentKind::SalesOrder,
    DocumentKind::PurchaseReturnOrder,
    DocumentKind::SalesReturnOrder,
];

/// Applications of an entry that the worksheet lists at most.
const APPLICATIONS: PageQuery = PageQuery { limit: Some(50), after: None };

/// A choice of a form: words and their texts.
fn choice(
    context: &PageContext,
    form: &str,
    (name, label): (&str, &str),
    options: &[(&str, String)],
) -> Markup {
    let id = format!("{form}-{name}");
    html! {
        div class="field" {
            label for=(id) { (context.t(label)) }
            select id=(id) name=(name) {
                @for (word, text) in options { option value=(word) { (text) } }
            }
        }
    }
}

/// The day for the accounts: today unless somebody says otherwise.
fn posting_date(context: &PageContext, form: &str) -> Markup {
    let id = format!("{form}-date");
    html! {
        div class="field" {
            label for=(id) { (context.t("posting-date")) }
            input id=(id) name="date" type="date" required value=(until(context, &Query::default()));
        }
    }
}

/// A form that is posted, or only looked at.
fn posting_form(context: &PageContext, action: &str, fields: &Markup) -> Markup {
    html! {
        form method="post" action={ "/money/act/" (action) } class="filters" {
            (fields)
            button type="submit" name="do" value="preview" class="quiet" { (context.t("money-look-first")) }
            button type="submit" name="do" value="post" { (context.t("money-post-now")) }
        }
    }
}

/// The item journal and the reclassification journal.
pub fn journals_page(context: &PageContext) -> PageResult {
    let common = |form: &str| {
        html! {
            (posting_date(context, form))
            (field_of(context, form, ("document_no", "text"), "document"))
            (field_of(context, form, ("item", "text"), "item"))
            (field_of(context, form, ("variant", "text"), "variant"))
            (field_of(context, form, ("location", "text"), "location"))
            (field_of(context, form, ("bin", "text"), "bin"))
            (field_of(context, form, ("quantity", "text"), "quantity"))
            (field_of(context, form, ("unit", "text"), "unit"))
            (field_of(context, form, ("lot", "text"), "lot"))
            (field_of(context, form, ("serial", "text"), "serial"))
            (field_of(context, form, ("dimensions", "text"), "money-dimensions"))
        }
    };
    let form = "journal";
    let journal = html! {
        (choice(context, form, ("line_type", "kind"), &[
            ("positive_adjustment", context.t("entry-positive")),
            ("negative_adjustment", context.t("entry-negative")),
            ("purchase", context.t("entry-purchase")),
            ("sale", context.t("entry-sale")),
        ]))
        (common(form))
        (field_of(context, form, ("unit_cost", "text"), "money-unit-cost"))
        (field_of(context, form, ("unit_price", "text"), "money-unit-price"))
        (field_of(context, form, ("applies_to", "number"), "money-applies-to"))
        (field_of(context, form, ("applies_from", "number"), "money-applies-from"))
    };
    let form = "reclass";
    let reclass = html! {
        (common(form))
        (field_of(context, form, ("new_location", "text"), "money-new-location"))
        (field_of(context, form, ("new_bin", "text"), "money-new-bin"))
        (field_of(context, form, ("new_lot", "text"), "money-new-lot"))
        (field_of(context, form, ("new_dimensions", "text"), "money-new-dimensions"))
    };
    let body = html! {
        @if context.may_account() {
            h2 { (context.t("money-item-journal")) }
            (posting_form(context, "journal", &journal))
            h2 { (context.t("money-reclassification")) }
            (posting_form(context, "reclass", &reclass))
        } @else { (nothing(context)) }
    };
    Ok(Page::new(Section::Money, context.t("money-journals"))
        .with("tabs", tabs(context, "journals"))
        .with("journals", body))
}

/// What a revaluation page asks the ledger about.
pub fn asked_value(
    context: &PageContext,
    query: &Query,
) -> Result<CalculateInventoryValue, Missing> {
    let item = query.get("item").map(ItemNo::new).transpose();
    Ok(CalculateInventoryValue {
        date: until(context, query),
        per: if query.is("per", "entry") { RevaluePer::ItemLedgerEntry } else { RevaluePer::Item },
        by_location: query.is("by_location", "yes"),
        by_variant: false,
        item: item.map_err(|_bad| Missing::nothing(query.text("item")))?,
        location: query.get("location").map(str::to_owned),
        variant: None,
    })
}

/// The revaluation journal: what is there at a day and what it is worth, with a field for what it is worth
/// from then on.
pub fn revaluation_page(view: &dyn Tables, context: &PageContext, query: &Query) -> PageResult {
    let ask = asked_value(context, query)?;
    let per =
        [("item".to_owned(), context.t("item")), ("entry".to_owned(), context.t("item-entry"))];
    let yes = [("yes".to_owned(), context.t("money-each-location"))];
    let fields = html! {
        (part::date_filter(context, query, "until", "money-until"))
        (part::text_filter(context, query, "item", "item"))
        (part::choice_filter(context, query, "per", "money-revalue-per", &per))
        (part::choice_filter(context, query, "by_location", "location", &yes))
    };
    let list = match proposal::lines(view, &ask) {
        Err(Stop::Refuse(reason)) => part::refusal(context, &reason),
        Err(_stop) => return Err(super::overflow(Stop::Overflow)),
        Ok(lines) => html! {
            @if lines.is_empty() { (nothing(context)) }
            @for (n, line) in lines.iter().enumerate().take(ROWS_MAX) {
                (proposed(view, context, (&ask, line), &format!("line-{n}")))
            }
            @if lines.len() > ROWS_MAX { p class="note info" { (context.t("money-more-in-file")) } }
        },
    };
    Ok(Page::new(Section::Money, context.t("money-revaluation"))
        .with("tabs", tabs(context, "revaluation"))
        .with("filters", part::filter_form(context, "/money/revaluation", query, &[], &fields))
        .with("lines", html! { (list) (files(context, "/inventory-value", query)) }))
}

fn proposed(
    view: &dyn Tables,
    context: &PageContext,
    (ask, line): (&CalculateInventoryValue, &CalculatedLine),
    form: &str,
) -> Markup {
    let item = lookup::item_text(view, line.item);
    let of_line = line.location.map(|location| names::location_code(view, location));
    let place = of_line.or_else(|| ask.location.clone());
    let standard = names::item(view, line.item)
        .is_some_and(|card| card.costing_method == CostingMethod::Standard);
    let fields = html! {
        input type="hidden" name="date" value=(ask.date);
        input type="hidden" name="item" value=(item);
        @if let Some(place) = &place { input type="hidden" name="location" value=(place); }
        @if place.is_some() { input type="hidden" name="split" value="yes"; }
        input type="hidden" name="applies_to" value=(line.entry.0);
        input type="hidden" name="quantity" value=(line.quantity);
        (field_of(context, form, ("value", "text"), "money-new-value"))
        (field_of(context, form, ("unit_cost", "text"), "money-new-unit-cost"))
        @if standard {
            (choice(context, form, ("update_standard", "money-standard-cost"), &[
                ("no", context.t("money-standard-stays")),
                ("yes", context.t("money-standard-follows")),
            ]))
        }
    };
    html! {
        h3 { (to_item(&item)) @if let Some(place) = &place { " " (code(place)) }
            @if line.entry.0 != 0 { " " (to_entry("/entries/item", line.entry.0)) } }
        p {
            (context.t("quantity")) " " (format::quantity(context, line.quantity)) " · "
            (context.t("money-value")) " " (amount(context, line.value))
        }
        @if context.may_account() { (posting_form(context, "revalue", &fields)) }
    }
}

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
        (field_of(context, form, ("item", "text"), "item"))
        (field_of(context, form, ("variant", "text"), "variant"))
        (field_of(context, form, ("unit", "text"), "unit"))
        (field_of(context, form, ("location", "text"), "location"))
        (line_fields(context, form))
    };
    html! {
        @if context.may_account() {
            h2 { (context.t("money-post-document")) }
            (posting_form(context, "document", &fields))
        }
    }
}

fn document_fields(context: &PageContext, form: &str) -> Markup {
    html! {
        (posting_date(context, form))
        (field_of(context, form, ("dimensions", "text"), "money-dimensions"))
    }
}

fn line_fields(context: &PageContext, form: &str) -> Markup {
    html! {
        (field_of(context, form, ("bin", "text"), "bin"))
        (field_of(context, form, ("lot", "text"), "lot"))
        (field_of(context, form, ("serial", "text"), "serial"))
        (field_of(context, form, ("handle", "text"), "money-handle"))
        (field_of(context, form, ("invoice", "text"), "money-invoice"))
        (field_of(context, form, ("unit_amount", "text"), "money-unit-amount"))
        (field_of(context, form, ("applies_to", "number"), "money-applies-to"))
        (field_of(context, form, ("applies_from", "number"), "money-applies-from"))
    }
}

/// A document with its lines: what is received or shipped and what is invoiced, and a form for more.
pub fn document_page(
    view: &dyn Tables,
    context: &PageContext,
    (kind, no): (&str, &str),
) -> PageResult {
    let missing = || Missing::nothing(no);
    let kind = POSTED_KINDS
        .into_iter()
        .find(|known| names::document_word(*known) == kind)
        .ok_or_else(missing)?;
    let key = (kind, DocumentNo::new(no).map_err(|_bad| missing())?);
    if !view.has::<Documents>(&key) {
        return Err(missing());
    }
    let rows = view.list::<DocumentLines>(&KeyRange::prefix(&key));
    let lines = html! {
        @if rows.is_empty() { (part::empty(context, "lines-none")) }
        @for ((kind, no, line), row) in &rows {
            (document_line(view, context, (*kind, no, *line), row))
        }
    };
    Ok(Page::new(Section::Money, format!("{} {no}", kind_text(context, kind)))
        .with("tabs", tabs(context, "documents"))
        .with("lines", lines)
        .with("charge", charge_form(context, (kind, no))))
}

fn document_line(
    view: &dyn Tables,
    context: &PageContext,
    (kind, no, line): (DocumentKind, &DocumentNo, u32),
    row: &DocumentLine,
) -> Markup {
    let terms = view.row::<LinesTerms>(&(kind, no.clone(), line));
    let invoiced = terms.as_ref().map(|terms| terms.invoiced).unwrap_or_default();
    let item = lookup::item_text(view, row.item);
    let place = place_of(view, (kind, no), terms.as_deref());
    let form = &format!("line-{line}");
    let unit = match names::unit(view, row.unit) {
        base if base.is_empty() => names::base_unit(view, row.item),
        unit => unit,
    };
    let cells = vec![vec![
        text(line),
        to_item(&item),
        html! { @if row.variant.0 != 0 { (code(&names::variant(view, row.variant))) } },
        code(&place),
        code(&unit),
        text(format::quantity(context, row.quantity)),
        text(format::quantity(context, row.handled)),
        text(format::quantity(context, invoiced)),
        text(terms.as_ref().map(|terms| terms.unit_amount.to_string()).unwrap_or_default()),
    ]];
    let heads = [
        "line",
        "item",
        "variant",
        "location",
        "unit",
        "#money-ordered-base",
        "#money-handled-base",
        "#money-invoiced-base",
        "#money-unit-amount",
    ];
    let fields = html! {
        input type="hidden" name="kind" value=(names::document_word(kind));
        input type="hidden" name="no" value=(no);
        input type="hidden" name="line" value=(line);
        input type="hidden" name="item" value=(item);
        input type="hidden" name="variant" value=(names::variant(view, row.variant));
        input type="hidden" name="unit" value=(unit);
        input type="hidden" name="location" value=(place);
        (document_fields(context, form))
        (line_fields(context, form))
    };
    html! {
        (table(context, &heads, &cells))
        @if context.may_account() { (posting_form(context, "document", &fields)) }
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

fn charge_form(context: &PageContext, (kind, no): (DocumentKind, &str)) -> Markup {
    let form = "charge";
    let fields = html! {
        input type="hidden" name="kind" value=(names::document_word(kind));
        input type="hidden" name="no" value=(no);
        (posting_date(context, form))
        (field_of(context, form, ("charge", "text"), "money-charge"))
        (field_of(context, form, ("unit_amount", "text"), "money-amount"))
        (choice(context, form, ("split", "money-split"), &[
            ("equally", context.t("money-split-equally")),
            ("amount", context.t("money-split-amount")),
            ("weight", context.t("money-split-weight")),
            ("volume", context.t("money-split-volume")),
        ]))
        (field_of(context, form, ("entries", "text"), "money-over-entries"))
    };
    html! {
        @if context.may_account() {
            h2 { (context.t("money-charge")) }
            (posting_form(context, "charge", &fields))
        }
    }
}

/// The application worksheet: what somebody has taken apart, and the entries of one item with who supplied
/// them.
pub fn worksheet_page(view: &dyn Tables, context: &PageContext, query: &Query) -> PageResult {
    let rows = unapplied(view);
    let apart = html! {
        @if rows.is_empty() { (part::empty(context, "money-worksheet-none")) }
        @for row in &rows {
            p { (to_item(&row.item)) " " (row.user.as_deref().unwrap_or_default()) }
            @if context.may_account() {
                (form(context, "close-worksheet", "money-close-worksheet", &html! {
                    input type="hidden" name="item" value=(row.item);
                }))
            }
        }
    };
    let entries = match query.get("item") {
        None => nothing(context),
        Some(no) => {
            let item = names::item_of(view, no).ok_or_else(|| Missing::nothing(no))?;
            let found = crate::view::page::ascending::<ItemLedgerByItem, _>(
                view,
                KeyRange::prefix(&(item,)),
                &paged(query),
                |(_item, no), _row| Some(no),
            );
            html! {
                @for entry in &found.rows { (worksheet_entry(view, context, *entry)) }
                (next(context, ("/money/worksheet", query), found.next.as_deref()))
            }
        }
    };
    let fields = part::text_filter(context, query, "item", "item");
    Ok(Page::new(Section::Money, context.t("money-worksheet"))
        .with("tabs", tabs(context, "worksheet"))
        .with("apart", apart)
        .with("filters", part::filter_form(context, "/money/worksheet", query, &[], &fields))
        .with("entries", entries))
}

fn worksheet_entry(view: &dyn Tables, context: &PageContext, no: EntryNo) -> Markup {
    let Some(entry) = view.row::<ItemLedger>(&no) else { return html! {} };
    let state = view.row::<ledger::schema::entry::ItemLedgerStates>(&no);
    let remaining = state.map(|state| state.remaining).unwrap_or_default();
    let supplied: Vec<_> = if entry.quantity.is_negative() {
        let rows = applications(view, no, &APPLICATIONS).rows;
        rows.into_iter().filter(|row| !row.cost_application && row.increase != no.0).collect()
    } else {
        Vec::new()
    };
    html! {
        h3 id={ "entry-" (no.0) } {
            (to_entry("/entries/item", no.0)) " " (day(context, entry.posting_date)) " "
            (format::signed(context, entry.quantity))
            @if !remaining.is_zero() {
                " " (part::badge(Tone::Waiting, &format!("{} {}", context.t("remaining"), format::signed(context, remaining))))
            }
        }
        @for row in &supplied {
            p { (to_entry("/entries/item", row.increase)) " " (format::signed(context, row.quantity)) }
            @if context.may_account() {
                (form(context, "unapply", "money-unapply", &html! {
                    input type="hidden" name="application" value=(row.application);
                    input type="hidden" name="item" value=(lookup::item_text(view, entry.item));
                }))
            }
        }
        @if context.may_account() && !remaining.is_zero() {
            (form(context, "apply", "money-apply", &html! {
                input type="hidden" name="entry" value=(no.0);
                input type="hidden" name="item" value=(lookup::item_text(view, entry.item));
                (field_of(context, &format!("apply-{}", no.0), ("to", "number"), "money-applies-to"))
            }))
        }
    }
}

/// What a form would post, with the form to post it.
pub fn preview_page(
    context: &PageContext,
    (action, pairs): (&str, &[(String, String)]),
    preview: &MoneyPreview,
) -> Page {
    let ledger: Vec<Vec<Markup>> = preview
        .ledger
        .iter()
        .map(|row| {
            let role = text(row.role.replace('_', " "));
            vec![text(&row.account), role, amount(context, row.amount), text(&row.dimensions)]
        })
        .collect();
    let body = html! {
        @for reason in &preview.refused { (part::refusal(context, reason)) }
        p { (context.say("money-preview-n", &[
            ("warehouse", &preview.warehouse_entries.to_string()),
            ("n", &preview.item_entries.to_string()),
        ])) }
        @if !preview.values.is_empty() { (value::values(context, &preview.values)) }
        @if !ledger.is_empty() {
            h2 { (context.t("money-gl-entries")) }
            (table(context, &["money-account", "kind", "#money-amount", "dimensions"], &ledger))
        }
        @if preview.refused.is_empty() {
            form method="post" action={ "/money/act/" (action) } {
                @for (name, value) in pairs.iter().filter(|(name, _value)| name != "do") {
                    input type="hidden" name=(name) value=(value);
                }
                button type="submit" name="do" value="post" { (context.t("money-post-now")) }
            }
        }
    };
    Page::new(Section::Money, context.t("money-preview"))
        .with("tabs", tabs(context, ""))
        .with("preview", body)
}
