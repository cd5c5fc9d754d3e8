//! What an item is worth, entry by entry, and one value entry.

use ledger::costing::outstanding::Outstanding;
use ledger::money::UnitAmount;
use ledger::schema::EntryNo;
use ledger::tables::Tables;
use maud::{Markup, html};

use super::{
    amount, day, files, money, next, nothing, paged, provisional, table, tabs, text, to_entry,
    to_item, to_operation,
};
use crate::dashboard::context::PageContext;
use crate::dashboard::format;
use crate::dashboard::names;
use crate::dashboard::page::{Missing, Page, PageResult, Section};
use crate::dashboard::part::{self, Tone, fact};
use crate::dashboard::query::{Query, encoded};
use crate::view::money::card::{StandardCostView, StockkeepingUnitView, standard_cost, units};
use crate::view::money::value::{EntryValueView, ItemValueView, ValueView, of_item};
use crate::view::money::value_word;
use crate::view::page::{Page as ListPage, PageQuery};

/// Stockkeeping units that are shown; all of them are in the files.
const UNITS_MAX: usize = 200;

/// An item with every item ledger entry, and every value entry behind it.
pub fn item_page(
    view: &dyn Tables,
    context: &PageContext,
    (no, query): (&str, &Query),
) -> PageResult {
    let item = names::item_of(view, no).ok_or_else(|| Missing::nothing(no))?;
    let worth = of_item(view, item, &paged(query));
    let path = format!("/money/items/{}", encoded(no));
    let units = units(view, Some(item), &PageQuery { limit: Some(UNITS_MAX), after: None });
    let standard = standard_cost(view, item);
    let entries = html! {
        h2 { (context.t("money-entries")) }
        @if worth.entries.rows.is_empty() { (nothing(context)) }
        @for entry in &worth.entries.rows { (one_entry(context, entry)) }
        (next(context, (&path, query), worth.entries.next.as_deref()))
    };
    Ok(Page::new(Section::Money, context.say("money-item", &[("item", no)]))
        .with("tabs", tabs(context, ""))
        .with("worth", worth_of(context, no, &worth))
        .with("units", stockkeeping_units(context, no, &units))
        .with("standard", standard_shares(context, &standard))
        .with("entries", entries))
}

fn worth_of(context: &PageContext, no: &str, worth: &ItemValueView) -> Markup {
    let (tone, key) = if worth.cost_is_adjusted {
        (Tone::Ok, "money-final")
    } else {
        (Tone::Waiting, "money-provisional")
    };
    let unit = |amount: UnitAmount| unit_amount(context, amount);
    html! {
        p { (part::badge(tone, &context.t(key))) }
        dl class="facts" {
            (fact(&context.t("quantity"), &part::figure(&names::stock_address(no), &format::quantity(context, worth.quantity))))
            (fact(&context.t("money-actual"), &amount(context, worth.cost_actual)))
            (fact(&context.t("money-expected"), &amount(context, worth.cost_expected)))
            (fact(&context.t("money-method"), &text(&worth.costing_method)))
            (fact(&context.t("money-unit-cost"), &unit(worth.unit_cost)))
            (fact(&context.t("money-standard-cost"), &unit(worth.standard_cost)))
            (fact(&context.t("money-last-cost"), &unit(worth.last_direct_cost)))
        }
        (files(context, &format!("/items/{}/value", encoded(no)), &Query::default()))
    }
}

fn unit_amount(context: &PageContext, amount: UnitAmount) -> Markup {
    let text = amount.to_string();
    let danish = context.language == protocol::text::Language::Danish;
    html! { (if danish { text.replace('.', ",") } else { text }) }
}

/// Costs by location and variant, where the item has units of its own there.
fn stockkeeping_units(
    context: &PageContext,
    no: &str,
    units: &ListPage<StockkeepingUnitView>,
) -> Markup {
    let lines: Vec<Vec<Markup>> = units
        .rows
        .iter()
        .map(|row| {
            vec![
                part::code(&row.location),
                part::code(&row.variant),
                unit_amount(context, row.unit_cost),
                unit_amount(context, row.standard_cost),
                unit_amount(context, row.last_direct_cost),
                text(format::quantity(context, row.quantity)),
                amount(context, row.value),
            ]
        })
        .collect();
    let heads = [
        "location",
        "variant",
        "#money-unit-cost",
        "#money-standard-cost",
        "#money-last-cost",
        "#quantity",
        "#money-value",
    ];
    html! {
        @if !lines.is_empty() {
            h2 { (context.t("money-stockkeeping-units")) }
            (table(context, &heads, &lines))
            @if units.next.is_some() { p class="note info" { (context.t("money-more-in-file")) } }
            (files(context, "/stockkeeping-units", &Query::default().with("item", no)))
        }
    }
}

/// What the item is made of, and the shares of its standard cost as they were rolled up last.
fn standard_shares(context: &PageContext, standard: &StandardCostView) -> Markup {
    let lines: Vec<Vec<Markup>> = standard
        .bill
        .iter()
        .map(|line| {
            vec![
                text(context.word("money-bill", line.kind)),
                if line.kind == "item" { to_item(&line.code) } else { part::code(&line.code) },
                html! { @if let Some(quantity) = line.quantity { (format::quantity(context, quantity)) } },
                html! { @if let Some(cost) = line.cost { (unit_amount(context, cost)) } },
            ]
        })
        .collect();
    let shares: Vec<Vec<Markup>> = standard
        .shares
        .named()
        .into_iter()
        .zip(standard.rolled.named())
        .map(|((name, own), (_name, rolled))| {
            vec![
                text(context.word("money-share", name)),
                unit_amount(context, own),
                unit_amount(context, rolled),
            ]
        })
        .collect();
    html! {
        @if !lines.is_empty() {
            h2 { (context.t("money-bill")) }
            (table(context, &["kind", "money-made-of", "#quantity", "#money-unit-cost"], &lines))
            h2 { (context.t("money-shares")) }
            (table(context, &["money-share", "#money-this-level", "#money-all-levels"], &shares))
        }
    }
}

fn one_entry(context: &PageContext, entry: &EntryValueView) -> Markup {
    html! {
        h3 id={ "entry-" (entry.entry) } {
            (to_entry("/entries/item", entry.entry)) " "
            (context.word("entry", entry_key(entry.entry_type))) " "
            (format::date(context, entry.posting_date)) " " (part::code(&entry.location))
        }
        dl class="facts" {
            (fact(&context.t("quantity"), &text(format::signed(context, entry.quantity))))
            (fact(&context.t("remaining"), &text(format::quantity(context, entry.remaining))))
            (fact(&context.t("money-actual"), &amount(context, entry.cost_actual)))
            (fact(&context.t("money-expected"), &amount(context, entry.cost_expected)))
            (fact(&context.t("operation"), &to_operation(&entry.operation)))
        }
        (values(context, &entry.values))
    }
}

/// The word of a type of item ledger entry in the texts.
fn entry_key(word: &str) -> &str {
    match word {
        "positive_adjustment" => "positive",
        "negative_adjustment" => "negative",
        other => other,
    }
}

/// Value entries as a table, each with its way to the general ledger.
pub(super) fn values(context: &PageContext, values: &[ValueView]) -> Markup {
    let rows: Vec<Vec<Markup>> = values
        .iter()
        .map(|value| {
            vec![
                to_entry("/money/values", value.value_entry),
                html! {
                    (context.word("value", value_word(value.entry_type)))
                    @if value.adjustment { " " (part::badge(Tone::Info, &context.t("money-adjustment"))) }
                },
                day(context, value.posting_date),
                day(context, value.valuation_date),
                text(format::signed(context, value.valued_quantity)),
                amount(context, value.cost_actual),
                amount(context, value.cost_expected),
                amount(context, value.sales_actual),
                text(&value.document_no),
                text(&value.dimensions),
                html! { @for no in &value.gl_entries { (to_entry("/money/ledger", *no)) " " } },
                to_operation(&value.operation),
            ]
        })
        .collect();
    let heads = [
        "money-value-entry",
        "entry-type",
        "posting-date",
        "money-valuation-date",
        "#quantity",
        "#money-actual",
        "#money-expected",
        "#money-sales",
        "document",
        "dimensions",
        "money-gl-entries",
        "operation",
    ];
    table(context, &heads, &rows)
}

/// A value entry.
pub fn entry_page(view: &dyn Tables, context: &PageContext, no: u64) -> PageResult {
    let name = context.say("money-value-entry-n", &[("n", &no.to_string())]);
    let outstanding = Outstanding::now(view);
    let value = ValueView::at(view, EntryNo(no), &outstanding);
    let value = value.ok_or_else(|| Missing::nothing(&name))?;
    let facts = html! {
        (provisional(context, value.provisional))
        dl class="facts" {
            (fact(&context.t("item"), &to_item(&value.item)))
            (fact(&context.t("location"), &part::code(&value.location)))
            (fact(&context.t("item-entry"), &to_entry("/entries/item", value.entry)))
            (fact(&context.t("money-corrects"), &to_entry("/money/values", value.applies_to)))
            (fact(&context.t("money-not-stock"), &amount(context, value.cost_non_inventoriable)))
            (fact(&context.t("money-in-gl"), &text(money(context, value.cost_in_gl))))
            (fact(&context.t("money-expected-in-gl"), &text(money(context, value.expected_in_gl))))
            (fact(&context.t("money-charge"), &text(&value.charge)))
        }
        (values(context, std::slice::from_ref(&value)))
    };
    Ok(Page::new(Section::Money, name).with("tabs", tabs(context, "")).with("entry", facts))
}
