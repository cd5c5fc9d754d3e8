//! The money side: what an item is worth and why, valuation and reconciliation as of any date, the
//! general ledger, periods, runs of cost adjustment. Every figure leads to what it is made of.
//!
//! For accountants, auditors and administrators of the whole company. Order of reading: this file,
//! [`value`], [`report`], [`wip`], [`books`], [`desk`], [`paper`], [`dimension`], [`setup`].

pub mod books;
pub mod desk;
pub mod dimension;
pub mod paper;
pub mod report;
pub mod setup;
pub mod value;
pub mod wip;

use chrono::NaiveDate;
use ledger::money::Money;
use ledger::posting::Stop;
use ledger::tables::Tables;
use maud::{Markup, html};
use protocol::code::Code;
use protocol::outcome::Reason;

use super::{Missing, PageResult};
use crate::dashboard::context::PageContext;
use crate::dashboard::format;
use crate::dashboard::part::{self, Tone, code};
use crate::dashboard::query::{Query, encoded};
use crate::view::page::PageQuery;

/// A page of the money side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MoneyPage {
    /// An item and all its entries.
    Item(String),
    /// A value entry.
    Value(u64),
    /// Stock and value at the end of a day.
    Valuation,
    /// Value entries against accounts.
    Reconciliation,
    /// What is in orders.
    Wip,
    /// Accounts, entries and runs that post.
    Ledger,
    /// An entry of the general ledger.
    Entry(u64),
    /// Which dates are open.
    Periods,
    /// Runs of cost adjustment.
    Runs,
    /// A run.
    Run(u64),
    /// Item journal and reclassification journal.
    Journals,
    /// Revaluation journal.
    Revaluation,
    /// Purchase and sales documents.
    Documents,
    /// One of them: its kind, its number.
    Document(String, String),
    /// Who supplied whom, to be taken apart and put together.
    Worksheet,
    /// What entries of master records are proposed.
    Dimensions,
    /// Settings of the company, and which account stands where.
    Setup,
}

impl MoneyPage {
    /// The page behind `/money/`.
    pub fn of(parts: &[&str]) -> Option<Self> {
        Some(match parts {
            ["items", no] => Self::Item((*no).to_owned()),
            ["values", no] => Self::Value(no.parse().ok()?),
            ["valuation"] => Self::Valuation,
            ["reconciliation"] => Self::Reconciliation,
            ["wip"] => Self::Wip,
            ["ledger"] => Self::Ledger,
            ["ledger", no] => Self::Entry(no.parse().ok()?),
            ["periods"] => Self::Periods,
            ["runs"] => Self::Runs,
            ["runs", no] => Self::Run(no.parse().ok()?),
            ["journals"] => Self::Journals,
            ["revaluation"] => Self::Revaluation,
            ["documents"] => Self::Documents,
            ["documents", kind, no] => Self::Document((*kind).to_owned(), (*no).to_owned()),
            ["worksheet"] => Self::Worksheet,
            ["dimensions"] => Self::Dimensions,
            ["setup"] => Self::Setup,
            _ => return None,
        })
    }

    /// The page.
    ///
    /// # Errors
    ///
    /// [`Missing`]: there is no such thing, or the reader may not see it.
    pub fn page(&self, view: &dyn Tables, context: &PageContext, query: &Query) -> PageResult {
        if !context.may_see_money() {
            let who = context.person.as_ref().map(|person| person.id.to_string());
            let reason = Reason::new(Code::RightMissing);
            return Err(Missing(reason.word("operator", who.unwrap_or_default())));
        }
        match self {
            Self::Item(no) => value::item_page(view, context, (no, query)),
            Self::Value(no) => value::entry_page(view, context, *no),
            Self::Valuation => report::valuation_page(view, context, query),
            Self::Reconciliation => report::reconciliation_page(view, context, query),
            Self::Wip => wip::page(view, context, query),
            Self::Ledger => books::ledger_page(view, context, query),
            Self::Entry(no) => books::entry_page(view, context, *no),
            Self::Periods => books::periods_page(view, context),
            Self::Runs => books::runs_page(view, context, query),
            Self::Run(no) => books::run_page(view, context, (*no, query)),
            Self::Journals => desk::journals_page(context),
            Self::Revaluation => desk::revaluation_page(view, context, query),
            Self::Documents => paper::documents_page(view, context, query),
            Self::Document(kind, no) => paper::document_page(view, context, (kind, no, query)),
            Self::Worksheet => desk::worksheet_page(view, context, query),
            Self::Dimensions => dimension::page(view, context, query),
            Self::Setup => setup::page(view, context),
        }
    }
}

/// An amount, with the decimal sign of the language and at least two decimals.
pub(super) fn money(context: &PageContext, amount: Money) -> String {
    let decimal = amount.decimal();
    let decimals = usize::try_from(decimal.scale().max(2)).unwrap_or(2);
    let text = format!("{decimal:.decimals$}");
    if context.language == protocol::text::Language::Danish { text.replace('.', ",") } else { text }
}

/// The day that a page asks about: that of its filter, or today.
pub(super) fn until(context: &PageContext, query: &Query) -> NaiveDate {
    let today = || {
        let now = context.now.utc().unwrap_or_default();
        now.with_timezone(&context.zone).date_naive()
    };
    query.parsed("until").unwrap_or_else(today)
}

/// The way between the pages.
pub(super) fn tabs(context: &PageContext, here: &str) -> Markup {
    html! {
        nav class="tabs" aria-label=(context.t("nav-money")) {
            @for (name, key) in [
                ("valuation", "money-valuation"),
                ("reconciliation", "money-reconciliation"),
                ("wip", "money-wip"),
                ("ledger", "money-ledger"),
                ("periods", "money-periods"),
                ("runs", "money-runs"),
                ("journals", "money-journals"),
                ("revaluation", "money-revaluation"),
                ("documents", "documents-title"),
                ("worksheet", "money-worksheet"),
                ("dimensions", "money-default-dimensions"),
                ("setup", "money-setup"),
            ] {
                a href={ "/money/" (name) } aria-current=[(name == here).then_some("page")] {
                    (context.t(key))
                }
            }
        }
    }
}

/// The same list as files.
pub(super) fn files(context: &PageContext, path: &str, query: &Query) -> Markup {
    let danish = context.language == protocol::text::Language::Danish;
    let csv = if danish { query.with("decimals", "comma") } else { query.clone() };
    html! {
        p class="actions" {
            a class="button quiet" href=(csv.address(&format!("/api/v1{path}.csv"))) download { "CSV" }
            a class="button quiet" href=(query.address(&format!("/api/v1{path}.xlsx"))) download { "XLSX" }
        }
    }
}

/// A table: keys of its heads (an amount's with `#` before it), and its rows.
pub(super) fn table(context: &PageContext, heads: &[&str], rows: &[Vec<Markup>]) -> Markup {
    let numeric: Vec<bool> = heads.iter().map(|key| key.starts_with('#')).collect();
    html! {
        div class="scroll" {
            table class="list" {
                thead { tr {
                    @for key in heads {
                        th scope="col" class=[key.starts_with('#').then_some("number")] {
                            (context.t(key.trim_start_matches('#')))
                        }
                    }
                } }
                tbody {
                    @for row in rows {
                        tr data-row {
                            @for (cell, number) in row.iter().zip(&numeric) {
                                td class=[number.then_some("number")] { (cell) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Text as a cell.
pub(super) fn text(text: impl std::fmt::Display) -> Markup {
    html! { (text.to_string()) }
}

/// An amount as a cell.
pub(super) fn amount(context: &PageContext, amount: Money) -> Markup {
    html! { (money(context, amount)) }
}

/// A day as a cell.
pub(super) fn day(context: &PageContext, day: NaiveDate) -> Markup {
    html! { (format::date(context, day)) }
}

/// The way to an entry of a ledger; a dash for 0.
pub(super) fn to_entry(folder: &str, no: u64) -> Markup {
    html! {
        @if no == 0 { (format::NOTHING) }
        @else { a data-open href={ (folder) "/" (no) } { (no) } }
    }
}

/// The way to an operation by its text.
pub(super) fn to_operation(operation: &str) -> Markup {
    html! { a href={ "/operations/" (operation) } { (code(operation)) } }
}

/// The way to what an item is worth.
pub(super) fn to_item(no: &str) -> Markup {
    html! { a data-open href={ "/money/items/" (encoded(no)) } { (code(no)) } }
}

/// The part of a list that an address asks for.
pub(super) fn paged(query: &Query) -> PageQuery {
    PageQuery { limit: None, after: query.get("after").map(str::to_owned) }
}

/// The way to the next part of a list.
pub(super) fn next(
    context: &PageContext,
    (path, query): (&str, &Query),
    after: Option<&str>,
) -> Markup {
    html! {
        @if let Some(after) = after {
            p class="more" { a class="button" href=(query.with("after", after).address(path)) { (context.t("money-next")) } }
        }
    }
}

/// What a page says when a sum left the range that is kept.
pub(super) fn overflow(_stop: Stop) -> Missing {
    Missing(Reason::new(Code::NumberOutOfRange).word("field", "sum"))
}

/// A form whose fields are `fields`, that asks for what its button says.
pub(super) fn form(context: &PageContext, action: &str, key: &str, fields: &Markup) -> Markup {
    html! {
        form method="post" action={ "/money/act/" (action) } class="filters" {
            (fields)
            button type="submit" { (context.t(key)) }
        }
    }
}

/// A field of the one form of a page that has it.
pub(super) fn field(context: &PageContext, (name, kind): (&str, &str), key: &str) -> Markup {
    field_of(context, "act", (name, kind), key)
}

/// A field of the form that its page knows as `form`: several forms of a page may ask for the same.
pub(super) fn field_of(
    context: &PageContext,
    form: &str,
    (name, kind): (&str, &str),
    key: &str,
) -> Markup {
    let id = format!("{form}-{name}");
    html! {
        div class="field" {
            label for=(id) { (context.t(key)) }
            input id=(id) name=(name) type=(kind) autocomplete="off" spellcheck="false";
        }
    }
}

/// That figures may still change, where they may.
pub(super) fn provisional(context: &PageContext, is_provisional: bool) -> Markup {
    html! {
        @if is_provisional { p { (part::badge(Tone::Waiting, &context.t("money-provisional"))) } }
    }
}

/// The same of one row, as a cell.
pub(super) fn provisional_row(context: &PageContext, is_provisional: bool) -> Markup {
    html! {
        @if is_provisional { (part::badge(Tone::Waiting, &context.t("money-provisional-row"))) }
    }
}

/// A list that has nothing in it.
pub(super) fn nothing(context: &PageContext) -> Markup {
    part::empty(context, "money-nothing")
}
