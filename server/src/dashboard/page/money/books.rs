//! The general ledger, the dates that are open, and runs of cost adjustment.

use ledger::costing::outstanding::Outstanding;
use ledger::schema::EntryNo;
use ledger::schema::gl::ReasonGroupsOf;
use ledger::tables::{Read as _, Tables};
use maud::{Markup, html};

use super::report::to_account;
use super::{
    amount, day, field, files, form, next, nothing, paged, provisional, table, tabs, text,
    to_entry, to_item, to_operation, until, value,
};
use crate::dashboard::context::PageContext;
use crate::dashboard::format;
use crate::dashboard::page::{Missing, Page, PageResult, Section};
use crate::dashboard::part::{self, Tone, code, fact};
use crate::dashboard::query::Query;
use crate::view::money::accounts::{
    self, GlRunView, LedgerEntryView, accounts, entries, gl_runs, traced,
};
use crate::view::money::period::{Period, inventory_periods, posting_dates, years};
use crate::view::money::run::{RunView, changes, run, runs, unapplied, waiting};
use crate::view::page::PageQuery;

/// Runs that a page lists.
const RUNS: PageQuery = PageQuery { limit: Some(20), after: None };

/// Accounts with their balances, entries, and the runs that post.
pub fn ledger_page(view: &dyn Tables, context: &PageContext, query: &Query) -> PageResult {
    let until = until(context, query);
    let here = Query::default().with("until", &until.to_string());
    let lines: Vec<Vec<Markup>> = accounts(view, until)
        .iter()
        .map(|row| vec![to_account(&row.account), text(&row.name), amount(context, row.balance)])
        .collect();
    let balances = html! {
        p class="muted" { (context.say("money-as-of", &[("day", &format::date(context, until))])) }
        (provisional(context, Outstanding::at(view, until).any()))
        @if lines.is_empty() { (nothing(context)) }
        @else { (table(context, &["money-account", "name", "#money-balance"], &lines)) }
        (files(context, "/ledger/accounts", &here))
    };
    let found = entries(view, query.get("account"), &paged(query));
    let listed = html! {
        h2 { (context.t("money-gl-entries")) " " @if let Some(account) = query.get("account") { (code(account)) } }
        @if found.rows.is_empty() { (nothing(context)) }
        @else { (ledger_table(context, &found.rows)) }
        (next(context, ("/money/ledger", query), found.next.as_deref()))
        (files(context, "/ledger/entries", &query.without("after")))
    };
    let fields = html! {
        (part::date_filter(context, query, "until", "money-until"))
        (part::text_filter(context, query, "account", "money-account"))
    };
    Ok(Page::new(Section::Money, context.t("money-ledger"))
        .with("tabs", tabs(context, "ledger"))
        .with("filters", part::filter_form(context, "/money/ledger", query, &[], &fields))
        .with("balances", balances)
        .with("entries", listed)
        .with("post", post_form(context))
        .with("runs", posting_runs(view, context)))
}

fn ledger_table(context: &PageContext, rows: &[LedgerEntryView]) -> Markup {
    let lines: Vec<Vec<Markup>> = rows
        .iter()
        .map(|row| {
            vec![
                to_entry("/money/ledger", row.entry),
                day(context, row.posting_date),
                to_account(&row.account),
                text(row.role.replace('_', " ")),
                amount(context, row.amount),
                html! {
                    @if row.value_entry == 0 { (context.t("money-several")) }
                    @else { (to_entry("/money/values", row.value_entry)) }
                },
                code(&row.location),
                code(&row.inventory_group),
                text(&row.document_no),
                text(&row.dimensions),
                text(row.register),
            ]
        })
        .collect();
    let heads = [
        "entry",
        "posting-date",
        "money-account",
        "kind",
        "#money-amount",
        "money-value-entry",
        "location",
        "money-group",
        "document",
        "dimensions",
        "register-no",
    ];
    table(context, &heads, &lines)
}

fn post_form(context: &PageContext) -> Markup {
    let fields = html! {
        (field(context, ("until", "date"), "money-until"))
        div class="field" {
            label for="act-method" { (context.t("money-method-of-posting")) }
            select id="act-method" name="method" {
                option value="per_entry" { (context.t("money-per-entry")) }
                option value="per_posting_group" { (context.t("money-per-group")) }
            }
        }
        div class="field" {
            label for="act-test" { (context.t("money-test")) }
            select id="act-test" name="test" {
                option value="yes" { (context.t("money-test-yes")) }
                option value="no" { (context.t("money-test-no")) }
            }
        }
    };
    html! {
        h2 { (context.t("money-post")) }
        @if context.may_account() { (form(context, "post", "money-post", &fields)) }
    }
}

fn posting_runs(view: &dyn Tables, context: &PageContext) -> Markup {
    let rows = gl_runs(view, &RUNS).rows;
    html! {
        h2 { (context.t("money-posting-runs")) }
        @if rows.is_empty() { (nothing(context)) }
        @for row in &rows { (posting_run(context, row)) }
        (files(context, "/ledger/runs", &Query::default()))
    }
}

fn posting_run(context: &PageContext, row: &GlRunView) -> Markup {
    let totals: Vec<Vec<Markup>> = row
        .totals
        .iter()
        .map(|total| {
            let role = text(total.role.replace('_', " "));
            vec![to_account(&total.account), role, amount(context, total.amount)]
        })
        .collect();
    html! {
        h3 { (context.say("money-run-n", &[("n", &row.run.to_string())])) }
        p {
            @if row.done { (part::badge(Tone::Ok, &context.t("money-done"))) }
            @else { (part::badge(Tone::Waiting, &context.t("money-running"))) }
            @if row.test { " " (part::badge(Tone::Info, &context.t("money-test-yes"))) }
            " " (context.say("money-posted-n", &[("posted", &row.posted.to_string()), ("skipped", &row.skipped.to_string())]))
            " " (row.user.as_deref().unwrap_or_default()) " " (to_operation(&row.operation))
        }
        @if !totals.is_empty() { (table(context, &["money-account", "kind", "#money-amount"], &totals)) }
        @if !row.skips.is_empty() {
            ul class="reasons" {
                @for skip in &row.skips {
                    li { (to_entry("/money/values", skip.value_entry)) " " (skip.text) " " small class="muted" { (code(&skip.code)) } }
                }
            }
        }
    }
}

/// An entry of the general ledger and what is behind it.
pub fn entry_page(view: &dyn Tables, context: &PageContext, no: u64) -> PageResult {
    let name = context.say("money-gl-entry-n", &[("n", &no.to_string())]);
    let found = traced(view, EntryNo(no), EntryNo(0)).ok_or_else(|| Missing::nothing(&name))?;
    let entry = html! {
        (ledger_table(context, std::slice::from_ref(&found.entry)))
        p { (context.t("operation")) " " (to_operation(&found.entry.operation)) }
    };
    let behind = html! {
        h2 { (context.t("money-value-entries")) }
        (value::values(context, &found.values))
        @if found.more {
            p class="note info" { (context.say("money-first-n", &[("n", &accounts::TRACED_MAX.to_string())])) }
        }
    };
    Ok(Page::new(Section::Money, name)
        .with("tabs", tabs(context, "ledger"))
        .with("entry", entry)
        .with("values", behind))
}

/// Inventory periods, fiscal years, posting dates.
pub fn periods_page(view: &dyn Tables, context: &PageContext) -> PageResult {
    Ok(Page::new(Section::Money, context.t("money-periods"))
        .with("tabs", tabs(context, "periods"))
        .with("inventory", inventory(view, context))
        .with("fiscal", fiscal(view, context))
        .with("dates", dates(view, context))
        .with("reasons", reasons(view, context)))
}

/// Through whose accounts go differences and losses that no document stands behind.
fn reasons(view: &dyn Tables, context: &PageContext) -> Markup {
    let groups = view.row::<ReasonGroupsOf>(&()).unwrap_or_default();
    let shown =
        |group: &str| html! { @if group.is_empty() { (format::NOTHING) } @else { (group) } };
    let lines = vec![
        vec![html! { (context.t("money-count-differences")) }, shown(&groups.count_differences)],
        vec![html! { (context.t("money-transit-losses")) }, shown(&groups.transit_losses)],
    ];
    // They are set together: what stands in a field stays when the other one is changed.
    let kept = |name: &str, key: &str, group: &str| {
        let id = format!("reasons-{name}");
        html! {
            div class="field" {
                label for=(id) { (context.t(key)) }
                input id=(id) name=(name) value=(group) autocomplete="off" spellcheck="false";
            }
        }
    };
    let fields = html! {
        (kept("count_differences", "money-count-differences", &groups.count_differences))
        (kept("transit_losses", "money-transit-losses", &groups.transit_losses))
    };
    html! {
        h2 { (context.t("money-reason-groups")) }
        (table(context, &["reason", "money-business-group"], &lines))
        @if context.may_account() { (form(context, "reasons", "money-set-groups", &fields)) }
    }
}

fn inventory(view: &dyn Tables, context: &PageContext) -> Markup {
    let rows = inventory_periods(view);
    let fields = html! {
        (field(context, ("ending_date", "date"), "money-last-day"))
        (field(context, ("name", "text"), "name"))
    };
    html! {
        h2 { (context.t("money-inventory-periods")) }
        @if rows.is_empty() { (nothing(context)) }
        @for row in rows.iter().rev() { (period(context, row)) }
        (files(context, "/periods", &Query::default()))
        @if context.may_account() { (form(context, "period", "money-new-period", &fields)) }
    }
}

fn period(context: &PageContext, row: &Period) -> Markup {
    html! {
        h3 id={ "period-" (row.ending_date) } { (row.name) " " (format::date(context, row.ending_date)) }
        p {
            @if row.closed { (part::badge(Tone::Ok, &context.t("money-closed"))) }
            @else { (part::badge(Tone::Waiting, &context.t("money-open"))) }
        }
        @for reason in &row.obstacles { (part::refusal(context, reason)) }
        @if context.may_account() {
            form method="post" action={ "/money/act/" (if row.closed { "reopen" } else { "close" }) } {
                input type="hidden" name="ending_date" value=(row.ending_date);
                button type="submit" disabled[!row.obstacles.is_empty()] {
                    (context.t(if row.closed { "money-reopen" } else { "money-close" }))
                }
            }
        }
        @if !row.history.is_empty() {
            ul {
                @for change in &row.history {
                    li {
                        (context.t(if change.closed { "money-closed" } else { "money-reopened" })) " "
                        (change.user.as_deref().unwrap_or_default()) " " (to_operation(&change.operation))
                    }
                }
            }
        }
    }
}

fn fiscal(view: &dyn Tables, context: &PageContext) -> Markup {
    let lines: Vec<Vec<Markup>> = years(view)
        .iter()
        .map(|year| {
            vec![
                day(context, year.start),
                html! { @match year.end { Some(end) => (format::date(context, end)), None => (format::NOTHING) } },
                text(year.periods.len()),
                text(context.t(if year.closed { "money-closed" } else { "money-open" })),
            ]
        })
        .collect();
    let fields = html! {
        (field(context, ("start_date", "date"), "money-first-day"))
        (field(context, ("periods", "number"), "money-months"))
    };
    html! {
        h2 { (context.t("money-fiscal-years")) }
        @if lines.is_empty() { (nothing(context)) }
        @else { (table(context, &["money-first-day", "money-last-day", "#money-periods", "state"], &lines)) }
        (files(context, "/fiscal-years", &Query::default()))
        @if context.may_account() {
            (form(context, "year", "money-new-year", &fields))
            form method="post" action="/money/act/close-year" {
                button type="submit" { (context.t("money-close-year")) }
            }
        }
    }
}

fn dates(view: &dyn Tables, context: &PageContext) -> Markup {
    let lines: Vec<Vec<Markup>> = posting_dates(view)
        .iter()
        .map(|row| {
            let day = |day: Option<chrono::NaiveDate>| {
                html! { @match day { Some(day) => (format::date(context, day)), None => (format::NOTHING) } }
            };
            let who = html! { @if row.user.is_empty() { (context.t("money-everybody")) } @else { (row.user) } };
            vec![who, day(row.from), day(row.to)]
        })
        .collect();
    let fields = html! {
        (field(context, ("user", "text"), "money-user-or-all"))
        (field(context, ("from", "date"), "from-day"))
        (field(context, ("to", "date"), "money-until"))
    };
    html! {
        h2 { (context.t("money-posting-dates")) }
        (table(context, &["user", "from-day", "money-until"], &lines))
        (files(context, "/posting-dates", &Query::default()))
        @if context.may_account() { (form(context, "dates", "money-set-dates", &fields)) }
    }
}

/// Runs of cost adjustment: to be asked for, in progress, and done.
pub fn runs_page(view: &dyn Tables, context: &PageContext, query: &Query) -> PageResult {
    let (unadjusted, queued) = waiting(view);
    let fields = html! {
        (field(context, ("item", "text"), "money-item-or-all"))
        (field(context, ("until", "date"), "money-until-average"))
    };
    let ask = html! {
        p { (context.say("money-waiting", &[("unadjusted", &unadjusted.to_string()), ("queued", &queued.to_string())])) }
        @if context.may_account() { (form(context, "adjust", "money-adjust", &fields)) }
    };
    let found = runs(view, &paged(query));
    let lines: Vec<Vec<Markup>> = found
        .rows
        .iter()
        .map(|row| {
            vec![
                to_entry("/money/runs", row.run),
                state(context, row),
                text(row.user.as_deref().unwrap_or_default()),
                text(row.items_done),
                text(row.value_entries),
                html! { @if let Some(until) = row.until { (format::date(context, until)) } },
                to_operation(&row.operation),
            ]
        })
        .collect();
    let heads = [
        "money-run",
        "state",
        "person",
        "#money-items-done",
        "#money-value-entries",
        "money-until",
        "operation",
    ];
    let history = html! {
        h2 { (context.t("money-runs")) }
        @if lines.is_empty() { (nothing(context)) } @else { (table(context, &heads, &lines)) }
        (next(context, ("/money/runs", query), found.next.as_deref()))
        (files(context, "/adjustment-runs", &Query::default()))
    };
    Ok(Page::new(Section::Money, context.t("money-runs"))
        .with("tabs", tabs(context, "runs"))
        .with("ask", ask)
        .with("history", history)
        .with("worksheet", worksheet(view, context)))
}

fn state(context: &PageContext, row: &RunView) -> Markup {
    html! {
        @if !row.failed.is_empty() {
            (part::badge(Tone::Error, &part::reason_word(context, &row.failed))) " "
            small class="muted" { (code(&row.failed)) }
        }
        @else if row.done { (part::badge(Tone::Ok, &context.t("money-done"))) }
        @else { (part::badge(Tone::Waiting, &context.t("money-running"))) }
    }
}

fn worksheet(view: &dyn Tables, context: &PageContext) -> Markup {
    let rows = unapplied(view);
    html! {
        h2 { (context.t("money-worksheet")) }
        @if rows.is_empty() { (part::empty(context, "money-worksheet-none")) }
        @for row in &rows {
            p {
                (to_item(&row.item)) " " (row.user.as_deref().unwrap_or_default())
                @for (increase, decrease) in &row.taken_back {
                    " " (to_entry("/entries/item", *increase)) " → " (to_entry("/entries/item", *decrease))
                }
            }
            @if context.may_account() {
                form method="post" action="/money/act/close-worksheet" {
                    input type="hidden" name="item" value=(row.item);
                    button type="submit" { (context.t("money-close-worksheet")) }
                }
            }
        }
    }
}

/// A run of cost adjustment, and what it changed.
pub fn run_page(
    view: &dyn Tables,
    context: &PageContext,
    (no, query): (u64, &Query),
) -> PageResult {
    let name = context.say("money-run-n", &[("n", &no.to_string())]);
    let row = run(view, no).ok_or_else(|| Missing::nothing(&name))?;
    let found = changes(view, no, &paged(query));
    let path = format!("/money/runs/{no}");
    let facts = html! {
        p { (state(context, &row)) }
        dl class="facts" {
            (fact(&context.t("person"), &text(row.user.as_deref().unwrap_or_default())))
            (fact(&context.t("money-items-done"), &text(row.items_done)))
            (fact(&context.t("money-value-entries"), &text(row.value_entries)))
            @if let Some(last) = &row.last_item { (fact(&context.t("money-last-item"), &to_item(last))) }
            (fact(&context.t("operation"), &to_operation(&row.operation)))
        }
    };
    let changed = html! {
        h2 { (context.t("money-changed")) }
        @if found.rows.is_empty() { (nothing(context)) }
        @else { (value::values(context, &found.rows)) }
        (next(context, (&path, query), found.next.as_deref()))
        (files(context, &format!("/adjustment-runs/{no}/changes"), &Query::default()))
    };
    Ok(Page::new(Section::Money, name)
        .with("tabs", tabs(context, "runs"))
        .with("run", facts)
        .with("changed", changed))
}
