//! What a desk posts of the money side beside documents: the item journal with its reclassification, the
//! revaluation journal; and the application worksheet. Each form can be looked at before it is posted.

use ledger::costing::proposal;
use ledger::costing::revalue::{CalculateInventoryValue, CalculatedLine, RevaluePer};
use ledger::key::KeyRange;
use ledger::lookup;
use ledger::posting::Stop;
use ledger::schema::EntryNo;
use ledger::schema::entry::{ItemLedger, ItemLedgerByItem};
use ledger::schema::item::CostingMethod;
use ledger::tables::{Read as _, Tables};
use maud::{Markup, html};
use protocol::words::ItemNo;

use super::{
    amount, day, field_of, files, form, next, nothing, paged, table, tabs, text, to_entry, to_item,
    until, value,
};
use crate::dashboard::context::PageContext;
use crate::dashboard::format;
use crate::dashboard::names;
use crate::dashboard::page::{Missing, Page, PageResult, Section};
use crate::dashboard::part::{self, Tone, code};
use crate::dashboard::preview::MoneyPreview;
use crate::dashboard::query::Query;
use crate::view::money::run::{applications, unapplied};
use crate::view::page::{PageQuery, ROWS_MAX};

/// Applications of an entry that the worksheet lists at most.
const APPLICATIONS: PageQuery = PageQuery { limit: Some(50), after: None };

/// A choice of a form: words and their texts.
pub(super) fn choice(
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
pub(super) fn posting_date(context: &PageContext, form: &str) -> Markup {
    let id = format!("{form}-date");
    html! {
        div class="field" {
            label for=(id) { (context.t("posting-date")) }
            input id=(id) name="date" type="date" required value=(until(context, &Query::default()));
        }
    }
}

/// A form that is posted, or only looked at.
pub(super) fn posting_form(context: &PageContext, action: &str, fields: &Markup) -> Markup {
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
        by_variant: query.is("by_variant", "yes"),
        item: item.map_err(|_bad| Missing::nothing(query.text("item")))?,
        location: query.get("location").map(str::to_owned),
        variant: query.get("variant").map(str::to_owned),
    })
}

/// The revaluation journal: what is there at a day and what it is worth, with a field for what it is worth
/// from then on.
pub fn revaluation_page(view: &dyn Tables, context: &PageContext, query: &Query) -> PageResult {
    let ask = asked_value(context, query)?;
    let per =
        [("item".to_owned(), context.t("item")), ("entry".to_owned(), context.t("item-entry"))];
    let yes = [("yes".to_owned(), context.t("money-each-location"))];
    let yes_variant = [("yes".to_owned(), context.t("money-each-variant"))];
    let fields = html! {
        (part::date_filter(context, query, "until", "money-until"))
        (part::text_filter(context, query, "item", "item"))
        (part::choice_filter(context, query, "per", "money-revalue-per", &per))
        (part::choice_filter(context, query, "by_location", "location", &yes))
        (part::choice_filter(context, query, "by_variant", "variant", &yes_variant))
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
    let of_line = line.variant.map(|variant| names::variant(view, variant));
    let variant = of_line.or_else(|| ask.variant.clone());
    let standard = names::item(view, line.item)
        .is_some_and(|card| card.costing_method == CostingMethod::Standard);
    let fields = html! {
        input type="hidden" name="date" value=(ask.date);
        input type="hidden" name="item" value=(item);
        @if let Some(place) = &place { input type="hidden" name="location" value=(place); }
        @if place.is_some() { input type="hidden" name="split" value="yes"; }
        @if let Some(variant) = &variant { input type="hidden" name="variant" value=(variant); }
        @if variant.is_some() { input type="hidden" name="split_variant" value="yes"; }
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
            @if let Some(variant) = &variant { " " (code(variant)) }
            @if line.entry.0 != 0 { " " (to_entry("/entries/item", line.entry.0)) } }
        p {
            (context.t("quantity")) " " (format::quantity(context, line.quantity)) " · "
            (context.t("money-value")) " " (amount(context, line.value))
        }
        @if context.may_account() { (posting_form(context, "revalue", &fields)) }
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
