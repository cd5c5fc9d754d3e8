//! How the money side is set up: settings of the company, and which account stands where.

use ledger::tables::Tables;
use maud::{Markup, html};
use serde_json::Value;

use super::{files, nothing, table, tabs, text};
use crate::dashboard::context::PageContext;
use crate::dashboard::format;
use crate::dashboard::page::{Page, PageResult, Section};
use crate::dashboard::part::{self, Tone, code};
use crate::dashboard::query::Query;
use crate::view::money::setup::{PostingAccountView, posting_accounts, setup};

/// Settings, in the order in which they are shown, with the key of what people call them.
const SETTINGS: [(&str, &str); 19] = [
    ("automatic_cost_posting", "setup-automatic-posting"),
    ("expected_cost_posting", "setup-expected-posting"),
    ("automatic_adjustment", "setup-automatic-adjustment"),
    ("average_period", "setup-average-period"),
    ("average_type", "setup-average-type"),
    ("default_costing_method", "setup-default-method"),
    ("amount_rounding", "setup-amount-rounding"),
    ("unit_amount_rounding", "setup-unit-rounding"),
    ("allow_posting_from", "setup-posting-from"),
    ("allow_posting_to", "setup-posting-to"),
    ("earliest_valuation_date", "setup-earliest-valuation"),
    ("exact_cost_reversing_purchase", "setup-exact-purchase"),
    ("exact_cost_reversing_sales", "setup-exact-sales"),
    ("location_mandatory", "setup-location-mandatory"),
    ("direct_transfer_in_two_steps", "setup-two-steps"),
    ("non_deductible_vat_in_cost", "setup-vat-in-cost"),
    ("vat_percent", "setup-vat"),
    ("non_deductible_vat_percent", "setup-vat-share"),
    ("adjustment_logging", "setup-logging"),
];

/// The page.
pub fn page(view: &dyn Tables, context: &PageContext) -> PageResult {
    Ok(Page::new(Section::Money, context.t("money-setup"))
        .with("tabs", tabs(context, "setup"))
        .with("accounts", accounts(view, context))
        .with("settings", settings(view, context)))
}

fn accounts(view: &dyn Tables, context: &PageContext) -> Markup {
    let rows = posting_accounts(view);
    let n_missing = rows.iter().filter(|row| row.missing).count();
    let lines: Vec<Vec<Markup>> = rows.iter().map(|row| account(context, row)).collect();
    let heads = [
        "location",
        "money-group",
        "money-business-group",
        "money-product-group",
        "money-role",
        "money-account",
        "name",
    ];
    html! {
        h2 { (context.t("money-posting-accounts")) }
        @if n_missing > 0 {
            p class="note warn" { (context.say("money-accounts-missing", &[("n", &n_missing.to_string())])) }
        }
        @if rows.is_empty() { (nothing(context)) } @else { (table(context, &heads, &lines)) }
        (files(context, "/posting-accounts", &Query::default()))
    }
}

fn account(context: &PageContext, row: &PostingAccountView) -> Vec<Markup> {
    let word = |of: &str| html! { @if of.is_empty() { (format::NOTHING) } @else { (code(of)) } };
    vec![
        word(&row.location),
        word(&row.inventory_group),
        word(&row.business_group),
        word(&row.product_group),
        code(row.role),
        html! {
            @if row.missing { (part::badge(Tone::Warn, &context.t("money-account-missing"))) }
            @else { (code(&row.account)) }
        },
        text(&row.name),
    ]
}

fn settings(view: &dyn Tables, context: &PageContext) -> Markup {
    let told = serde_json::to_value(setup(view).setup).unwrap_or_default();
    let lines: Vec<Vec<Markup>> = SETTINGS
        .iter()
        .map(|(name, key)| {
            let value = match told.get(*name) {
                None | Some(Value::Null) => html! { (format::NOTHING) },
                Some(Value::Bool(true)) => html! { (context.t("money-yes")) },
                Some(Value::Bool(false)) => html! { (context.t("money-no")) },
                Some(Value::String(word)) => code(word),
                Some(other) => code(&other.to_string()),
            };
            vec![html! { (context.t(key)) }, value]
        })
        .collect();
    html! {
        h2 { (context.t("money-settings")) }
        (table(context, &["money-setting", "money-set-to"], &lines))
        p class="muted" { (context.t("money-setup-by-command")) }
    }
}
