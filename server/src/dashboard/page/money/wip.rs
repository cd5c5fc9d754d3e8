//! Work in process: what went into orders and has not come out of them.

use ledger::tables::Tables;
use maud::{Markup, html};

use super::{amount, files, nothing, overflow, provisional, table, tabs, text, until};
use crate::dashboard::context::PageContext;
use crate::dashboard::format;
use crate::dashboard::page::{Page, PageResult, Section};
use crate::dashboard::part::{self, code};
use crate::dashboard::query::Query;
use crate::view::money::report::{WipRow, wip};

/// Orders that are shown; all of them are in the files.
const ROWS_MAX: usize = 1_000;

/// Work in process by order, at the end of a day.
pub fn page(view: &dyn Tables, context: &PageContext, query: &Query) -> PageResult {
    let (from, until) = (query.parsed("from"), until(context, query));
    let rows = wip(view, (from, until)).map_err(overflow)?;
    let lines: Vec<Vec<Markup>> =
        rows.iter().take(ROWS_MAX).map(|row| figures(context, row)).collect();
    let heads = [
        "kind",
        "document",
        "#money-opening",
        "#money-consumption",
        "#money-capacity",
        "#money-output",
        "#money-closing",
    ];
    let days = query.with("until", &until.to_string());
    let list = html! {
        p class="muted" { (context.say("money-as-of", &[("day", &format::date(context, until))])) }
        (provisional(context, rows.iter().any(|row| row.provisional)))
        @if rows.is_empty() { (nothing(context)) } @else { (table(context, &heads, &lines)) }
        @if rows.len() > ROWS_MAX { p class="note info" { (context.t("money-more-in-file")) } }
        (files(context, "/wip", &days))
    };
    let fields = html! {
        (part::date_filter(context, query, "until", "money-until"))
        (part::date_filter(context, query, "from", "from-day"))
    };
    Ok(Page::new(Section::Money, context.t("money-wip"))
        .with("tabs", tabs(context, "wip"))
        .with("filters", part::filter_form(context, "/money/wip", query, &[], &fields))
        .with("list", list))
}

fn figures(context: &PageContext, row: &WipRow) -> Vec<Markup> {
    vec![
        text(context.word("money-order", row.kind)),
        code(&row.order),
        amount(context, row.opening),
        amount(context, row.consumption),
        amount(context, row.capacity),
        amount(context, row.output),
        amount(context, row.closing),
    ]
}
