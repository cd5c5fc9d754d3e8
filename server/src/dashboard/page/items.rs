//! Items: the list, and the card of one item with its units, variants and identifiers.

use std::ops::ControlFlow;
use std::sync::Arc;

use ledger::key::KeyRange;
use ledger::schema::item::{
    CostingMethod, Identifiers, Item, ItemType, ItemUnits, Items, ItemsByNo, TrackingCodes,
    Variants, VariantsByCode,
};
use ledger::schema::tracking::Lots;
use ledger::schema::{ItemId, UnitId, VariantId};
use ledger::tables::{Read as _, Tables, each_of};
use maud::{Markup, html};
use protocol::words::{ItemNo, LotNo, VariantCode};

use super::register::{contains, rows_wanted};
use super::{Missing, Page, PageResult, Section};
use crate::dashboard::context::PageContext;
use crate::dashboard::format;
use crate::dashboard::names;
use crate::dashboard::part::{self, Tone, code, fact};
use crate::dashboard::query::Query;

/// Items or identifiers that one request looks at.
const EXAMINED_MAX: usize = 300_000;
/// Lots and identifiers of one item that its card lists.
const LISTED_MAX: usize = 100;

/// All items.
pub fn list_page(view: &dyn Tables, context: &PageContext, query: &Query) -> PageResult {
    let wanted = rows_wanted(query);
    let (mut rows, mut examined, mut has_more) = (Vec::new(), 0, false);
    each_of::<ItemsByNo>(view, &KeyRange::all(), false, &mut |no: ItemNo, id| {
        if rows.len() == wanted || examined == EXAMINED_MAX {
            has_more = true;
            return ControlFlow::Break(());
        }
        examined += 1;
        if let Some(item) = view.row::<Items>(&id)
            && query.get("q").is_none_or(|asked| {
                contains(no.as_str(), asked)
                    || contains(&item.description, asked)
                    || contains(&item.category, asked)
            })
        {
            rows.push(item);
        }
        ControlFlow::Continue(())
    });
    let list = html! {
        @if rows.is_empty() { (part::empty(context, "items-empty")) }
        @else { (table(context, &rows)) }
        @if has_more {
            (part::more(context, &query.with("rows", &(wanted + part::ROWS).to_string()).address("/items")))
        }
    };
    let fields = part::text_filter(context, query, "q", "number-or-description");
    let filters = html! {
        (tabs(context, "items"))
        (part::filter_form(context, "/items", query, &[], &fields))
    };
    Ok(Page::new(Section::Items, context.t("items-title"))
        .with("filters", filters)
        .with("list", list))
}

/// The way between items, bins and documents.
pub fn tabs(context: &PageContext, current: &str) -> Markup {
    html! {
        nav class="tabs" aria-label=(context.t("view")) {
            @for (name, key) in [("items", "items-title"), ("bins", "bins-title"), ("documents", "documents-title"), ("on-the-way", "way-title")] {
                a href={ "/" (name) } aria-current=[(current == name).then_some("true")] { (context.t(key)) }
            }
        }
    }
}

fn table(context: &PageContext, rows: &[Arc<Item>]) -> Markup {
    html! {
        div class="scroll" {
            table class="list" {
                (part::table_head(context, &["item", "description", "unit", "category", "tracking", "state"]))
                tbody {
                    @for item in rows {
                        tr id={ "item-" (item.no) } data-row {
                            td { a data-open href=(names::item_address(item.no.as_str())) { (code(item.no.as_str())) } }
                            td { (item.description) }
                            td { (item.base_unit) }
                            td { (item.category) }
                            td { @if let Some(tracking) = &item.tracking_code { (code(tracking.as_str())) } }
                            td { @if item.blocked { (part::badge(Tone::Warn, &context.t("blocked"))) } }
                        }
                    }
                }
            }
        }
    }
}

/// One item.
pub fn page(view: &dyn Tables, context: &PageContext, no: &str) -> PageResult {
    let id = names::item_of(view, no).ok_or_else(|| Missing::nothing(no))?;
    let item = names::item(view, id).ok_or_else(|| Missing::nothing(no))?;
    Ok(Page::new(Section::Items, no.to_owned())
        .with("card", card(view, context, &item))
        .with("units", units(view, context, id))
        .with("variants", variants(view, context, id))
        .with("lots", lots(view, context, id)))
}

fn card(view: &dyn Tables, context: &PageContext, item: &Item) -> Markup {
    let item_type = context.t(match item.item_type {
        ItemType::Inventory => "item-inventory",
        ItemType::NonInventory => "item-non-inventory",
        ItemType::Service => "item-service",
    });
    let costing = context.t(match item.costing_method {
        CostingMethod::Fifo => "costing-fifo",
        CostingMethod::Lifo => "costing-lifo",
        CostingMethod::Average => "costing-average",
        CostingMethod::Standard => "costing-standard",
        CostingMethod::Specific => "costing-specific",
    });
    let rule = item.tracking_code.as_ref().and_then(|code| view.row::<TrackingCodes>(code));
    html! {
        p class="lead" { (item.description) }
        p class="actions" {
            a class="button" href=(names::stock_address(item.no.as_str())) { (context.t("stock-of-item")) }
            a class="button quiet" href=(Query::default().with("item", item.no.as_str()).address("/movements")) {
                (context.t("movements-of-item"))
            }
        }
        @if item.blocked { p { (part::badge(Tone::Warn, &context.t("blocked"))) } }
        dl class="facts" {
            (fact(&context.t("kind"), &html! { (item_type) }))
            (fact(&context.t("base-unit"), &html! { (item.base_unit) }))
            (fact(&context.t("precision"), &html! { (format::quantity(context, item.precision)) }))
            (fact(&context.t("category"), &html! { (item.category) }))
            (fact(&context.t("costing"), &html! { (costing) }))
            (fact(&context.t("tolerance"), &html! { "±" (format::quantity(context, item.count_tolerance)) }))
            @if let Some(from) = item.second_count_from {
                (fact(&context.t("second-count-from"), &html! { (format::quantity(context, from)) }))
            }
            @if let Some(from) = item.supervisor_from {
                (fact(&context.t("supervisor-from"), &html! { (format::quantity(context, from)) }))
            }
            (fact(&context.t("over-receipt"), &html! { (format::quantity(context, item.over_receipt_percent)) " %" }))
            @if let Some(rule) = rule {
                (fact(&context.t("tracking"), &html! {
                    @if rule.rule.lot { (context.t("lot")) " " }
                    @if rule.rule.serial { (context.t("serial")) " " }
                    @if rule.rule.package { (context.t("package")) " " }
                    @if rule.rule.expiry { (context.t("expiry")) }
                }))
            }
        }
    }
}

fn units(view: &dyn Tables, context: &PageContext, id: ItemId) -> Markup {
    type Of = (ItemId, UnitId);
    let mut rows = Vec::new();
    each_of::<ItemUnits>(view, &KeyRange::prefix(&id), false, &mut |(_item, unit): Of, row| {
        rows.push((unit, row));
        ControlFlow::Continue(())
    });
    let base = names::base_unit(view, id);
    let identifiers = identifiers(view, id);
    html! {
        h2 { (context.t("units-identifiers")) }
        ul {
            @for (unit, row) in &rows {
                li {
                    @let name = names::unit(view, *unit);
                    (if name.is_empty() { &base } else { &name }) " = "
                    (format::quantity(context, row.factor.quantity())) " " (base)
                }
            }
        }
        @if identifiers.is_empty() { (part::empty(context, "identifiers-none")) }
        ul {
            @for (text, variant, unit) in &identifiers {
                li { (code(text)) " " (names::variant(view, *variant)) " " (names::unit(view, *unit)) }
            }
        }
    }
}

/// Identifiers that can mean an item. There is no way to them by item: all are looked at.
fn identifiers(view: &dyn Tables, id: ItemId) -> Vec<(String, VariantId, UnitId)> {
    let mut rows = Vec::new();
    let mut examined = 0;
    each_of::<Identifiers>(
        view,
        &KeyRange::all(),
        false,
        &mut |code: protocol::words::IdentifierCode, row| {
            examined += 1;
            let of_item = row.meanings.iter().filter(|meaning| meaning.item == id);
            rows.extend(of_item.map(|meaning| (code.to_string(), meaning.variant, meaning.unit)));
            if rows.len() < LISTED_MAX && examined < EXAMINED_MAX {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        },
    );
    rows
}

fn variants(view: &dyn Tables, context: &PageContext, id: ItemId) -> Markup {
    type Of = (ItemId, VariantCode);
    let mut rows = Vec::new();
    each_of::<VariantsByCode>(
        view,
        &KeyRange::prefix(&id),
        false,
        &mut |(_item, code): Of, variant| {
            rows.push((code, view.row::<Variants>(&variant)));
            ControlFlow::Continue(())
        },
    );
    html! {
        @if !rows.is_empty() {
            h2 { (context.t("variants")) }
            ul {
                @for (variant, row) in &rows {
                    li {
                        (code(variant.as_str())) " "
                        @if let Some(row) = row {
                            (row.description)
                            @if row.blocked { " " (part::badge(Tone::Warn, &context.t("blocked"))) }
                        }
                    }
                }
            }
        }
    }
}

fn lots(view: &dyn Tables, context: &PageContext, id: ItemId) -> Markup {
    type Of = (ItemId, VariantId, LotNo);
    let mut rows = Vec::new();
    each_of::<Lots>(view, &KeyRange::prefix(&id), false, &mut |(_item, _variant, lot): Of, row| {
        rows.push((lot, row));
        if rows.len() < LISTED_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    html! {
        @if !rows.is_empty() {
            h2 { (context.t("lots")) }
            div class="scroll" {
                table class="list" {
                    (part::table_head(context, &["lot", "expiry", "state"]))
                    tbody {
                        @for (lot, row) in &rows {
                            tr {
                                td { (code(lot.as_str())) }
                                td { @if let Some(expiry) = row.expiry { (format::date(context, expiry)) } }
                                td {
                                    @if row.blocked { (part::badge(Tone::Warn, &context.t("blocked"))) }
                                    @if row.provisional { (part::badge(Tone::Waiting, &context.t("to-verify"))) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
