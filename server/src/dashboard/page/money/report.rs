//! Valuation and reconciliation as of any date.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use ledger::schema::place::LocationsByCode;
use ledger::tables::{Read as _, Tables};
use ledger::valuation::inventory::ValuationOf;
use ledger::valuation::reconciliation::LOOKED_AT;
use maud::{Markup, html};
use protocol::words::LocationCode;

use super::{
    amount, day, files, nothing, overflow, provisional, provisional_row, table, tabs, text,
    to_entry, to_item, until,
};
use crate::dashboard::context::PageContext;
use crate::dashboard::format;
use crate::dashboard::names;
use crate::dashboard::page::{Missing, Page, PageResult, Section};
use crate::dashboard::part::{self, Tone, code};
use crate::dashboard::query::Query;
use crate::view::money::report::{
    ReconciliationRow, ValuationRow, not_posted, reconciled, valuation,
};

/// Rows of a valuation that are shown; all of them are in the files.
const ROWS_MAX: usize = 1_000;
/// Rows of what is not posted that are shown.
const UNPOSTED_MAX: usize = 200;

/// What the address asks about.
fn asked(view: &dyn Tables, context: &PageContext, query: &Query) -> Result<ValuationOf, Missing> {
    let item = query
        .get("item")
        .map(|no| names::item_of(view, no).ok_or_else(|| Missing::nothing(no)))
        .transpose()?;
    let location = query
        .get("location")
        .map(|text| {
            let code = LocationCode::new(text).map_err(|_bad| Missing::nothing(text))?;
            let id = view.row::<LocationsByCode>(&code).map(|id| *id);
            id.ok_or_else(|| Missing::nothing(text))
        })
        .transpose()?;
    let (from, group) = (query.parsed("from"), query.get("group").map(str::to_owned));
    Ok(ValuationOf { from, until: until(context, query), item, location, group })
}

/// Rows that share what is summed by.
fn summed(rows: &[ValuationRow], by: &str) -> Option<Vec<(String, ValuationRow)>> {
    let mut sums: BTreeMap<String, ValuationRow> = BTreeMap::new();
    for row in rows {
        let key = match by {
            "location" => &row.location,
            "group" => &row.inventory_group,
            _ => &row.item,
        };
        let sum = sums.entry(key.clone()).or_default();
        *sum = sum.plus(row)?;
    }
    Some(sums.into_iter().collect())
}

/// Stock and value at the end of a day, by item, location or posting group.
pub fn valuation_page(view: &dyn Tables, context: &PageContext, query: &Query) -> PageResult {
    let of = asked(view, context, query)?;
    let rows = valuation(view, &of).map_err(overflow)?;
    let by = query.get("by").unwrap_or("item");
    let too_much = || overflow(ledger::posting::Stop::Overflow);
    let sums = summed(&rows, by).ok_or_else(too_much)?;
    let mut total = ValuationRow::default();
    for row in &rows {
        total = total.plus(row).ok_or_else(too_much)?;
    }
    let day = of.until.to_string();
    let here = query.with("until", &day);
    let from = of.from.map(|from| from.to_string()).unwrap_or_default();
    let days = Query::default().with("from", &from).with("until", &day);
    let mut lines: Vec<Vec<Markup>> = sums
        .iter()
        .take(ROWS_MAX)
        .map(|(key, row)| figures(context, drill(&here, by, key), row))
        .collect();
    lines.push(figures(context, html! { strong { (context.t("money-total")) } }, &total));
    let heads = [
        match by {
            "location" => "location",
            "group" => "money-group",
            _ => "item",
        },
        "#quantity",
        "#money-opening",
        "#money-increases",
        "#money-decreases",
        "#money-actual",
        "#money-expected",
        "state",
    ];
    let list = html! {
        p class="muted" { (context.say("money-as-of", &[("day", &format::date(context, of.until))])) }
        (provisional(context, total.provisional))
        @if rows.is_empty() { (nothing(context)) }
        @else { (table(context, &heads, &lines)) }
        @if sums.len() > ROWS_MAX { p class="note info" { (context.t("money-more-in-file")) } }
        (files(context, "/valuation", &here.without("by")))
        p { (context.t("money-values-behind")) }
        (files(context, "/value-entries", &days))
    };
    let choices = [("location", "location"), ("group", "money-group")]
        .map(|(value, key)| (value.to_owned(), context.t(key)));
    let fields = html! {
        (part::date_filter(context, query, "until", "money-until"))
        (part::date_filter(context, query, "from", "from-day"))
        (part::text_filter(context, query, "item", "item"))
        (part::text_filter(context, query, "location", "location"))
        (part::text_filter(context, query, "group", "money-group"))
        (part::choice_filter(context, query, "by", "money-by", &choices))
    };
    Ok(Page::new(Section::Money, context.t("money-valuation"))
        .with("tabs", tabs(context, "valuation"))
        .with("filters", part::filter_form(context, "/money/valuation", query, &[], &fields))
        .with("list", list))
}

/// From a sum to its parts: a group or location to its items, an item to its entries.
fn drill(here: &Query, by: &str, key: &str) -> Markup {
    match by {
        "location" | "group" if !key.is_empty() => {
            let address = here.without("by").with(by, key).address("/money/valuation");
            html! { a data-open href=(address) { (code(key)) } }
        }
        "location" | "group" => html! { (format::NOTHING) },
        _ => to_item(key),
    }
}

fn figures(context: &PageContext, first: Markup, row: &ValuationRow) -> Vec<Markup> {
    vec![
        first,
        text(format::quantity(context, row.quantity)),
        amount(context, row.opening),
        amount(context, row.increases),
        amount(context, row.decreases),
        amount(context, row.value),
        amount(context, row.value_expected),
        provisional_row(context, row.provisional),
    ]
}

/// Value entries against accounts at the end of a day, and what is not posted yet.
pub fn reconciliation_page(view: &dyn Tables, context: &PageContext, query: &Query) -> PageResult {
    let until = until(context, query);
    let look_at = query.parsed("look_at").unwrap_or(LOOKED_AT);
    let rows = reconciled(view, until, look_at).map_err(overflow)?;
    let agree = rows.iter().all(|row| row.difference.is_zero());
    let lines: Vec<Vec<Markup>> = rows.iter().map(|row| compared(context, until, row)).collect();
    let heads = [
        "money-group",
        "location",
        "kind",
        "#money-value-entries",
        "money-accounts",
        "#money-accounts-say",
        "#money-difference",
        "#money-not-posted",
        "#money-expected-off",
        "#money-unexplained",
    ];
    let here = Query::default().with("until", &until.to_string());
    let asked = match query.get("look_at") {
        Some(look_at) => here.with("look_at", look_at),
        None => here.clone(),
    };
    let list = html! {
        p class="muted" { (context.say("money-as-of", &[("day", &format::date(context, until))])) }
        (provisional(context, rows.iter().any(|row| row.provisional)))
        @if rows.is_empty() { (nothing(context)) } @else {
            p {
                @if agree { (part::badge(Tone::Ok, &context.t("money-agree"))) }
                @else { (part::badge(Tone::Warn, &context.t("money-differ"))) }
            }
            @if rows.iter().any(|row| row.assumed) { (look_further(context, (&here, look_at))) }
            (table(context, &heads, &lines))
        }
        (files(context, "/reconciliation", &asked))
    };
    let fields = part::date_filter(context, query, "until", "money-until");
    Ok(Page::new(Section::Money, context.t("money-reconciliation"))
        .with("tabs", tabs(context, "reconciliation"))
        .with("filters", part::filter_form(context, "/money/reconciliation", query, &[], &fields))
        .with("list", list)
        .with("unposted", unposted(view, context, &here)))
}

/// A row of the comparison: each sum leads to what it is made of.
fn compared(context: &PageContext, until: NaiveDate, row: &ReconciliationRow) -> Vec<Markup> {
    let is_total = row.part == ReconciliationRow::TOTAL;
    let mut valued = Query::default().with("until", &until.to_string());
    if !is_total {
        valued = valued.with("group", &row.inventory_group).with("location", &row.location);
    }
    vec![
        code(&row.inventory_group),
        code(&row.location),
        html! {
            @if is_total { strong { (context.t("money-total")) } }
            @else { (context.word("money-part", row.part)) }
        },
        part::figure(&valued.address("/money/valuation"), &super::money(context, row.value)),
        html! { @for account in &row.accounts { (to_account(account)) " " } },
        amount(context, row.ledger),
        html! { strong { (super::money(context, row.difference)) } },
        amount(context, row.not_posted),
        amount(context, row.expected_off),
        match row.unexplained {
            Some(none) if none.is_zero() => amount(context, none),
            Some(rest) => part::badge(Tone::Error, &super::money(context, rest)),
            None => part::badge(Tone::Warn, &context.t("money-not-known")),
        },
    ]
}

/// That not all of what is not posted was looked at, and the way to more of it.
fn look_further(context: &PageContext, (here, look_at): (&Query, usize)) -> Markup {
    let more = look_at.max(LOOKED_AT / 10).saturating_mul(10).to_string();
    let address = here.with("look_at", &more).address("/money/reconciliation");
    html! {
        p class="note warn" {
            (context.say("money-assumed", &[("n", &look_at.to_string())])) " "
            a href=(address) { (context.say("money-look-at", &[("n", &more)])) }
        }
    }
}

/// The way to an account's entries.
pub(super) fn to_account(account: &str) -> Markup {
    let address = Query::default().with("account", account).address("/money/ledger");
    html! { a data-open href=(address) { (code(account)) } }
}

fn unposted(view: &dyn Tables, context: &PageContext, here: &Query) -> Markup {
    let until = here.parsed("until");
    let start = (0, ledger::schema::EntryNo(0));
    let (rows, more) = not_posted(view, until, (start, UNPOSTED_MAX));
    let lines: Vec<Vec<Markup>> = rows
        .iter()
        .map(|row| {
            vec![
                to_entry("/money/values", row.value_entry),
                day(context, row.posting_date),
                to_item(&row.item),
                code(&row.location),
                code(&row.inventory_group),
                text(context.word("value", row.value_type)),
                amount(context, row.actual),
                amount(context, row.expected),
                html! { @if row.expected_off { (context.t("money-expected-off")) } },
                text(&row.document_no),
                provisional_row(context, row.provisional),
            ]
        })
        .collect();
    let heads = [
        "money-value-entry",
        "posting-date",
        "item",
        "location",
        "money-group",
        "entry-type",
        "#money-actual",
        "#money-expected",
        "reason",
        "document",
        "state",
    ];
    html! {
        h2 { (context.t("money-not-posted")) }
        @if lines.is_empty() { (part::empty(context, "money-all-posted")) }
        @else { (table(context, &heads, &lines)) }
        @if more.is_some() { p class="note info" { (context.t("money-more-in-file")) } }
        (files(context, "/reconciliation/unposted", here))
    }
}
