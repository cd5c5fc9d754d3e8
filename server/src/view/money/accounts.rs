//! The general ledger: balances, entries, and runs that post to it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use chrono::NaiveDate;
use ledger::costing::outstanding::Outstanding;
use ledger::gl::read::{balances, run, values_of_entry};
use ledger::key::KeyRange;
use ledger::money::Money;
use ledger::schema::EntryNo;
use ledger::schema::gl::{GlAccounts, GlByAccount, GlEntry, GlLedger, GlRuns, PostingMethod};
use ledger::tables::{Read as _, Tables, each_of};
use serde::Serialize;

use super::location_text;
use crate::view::page::{self, Page, PageQuery};
use crate::view::sheet::{Cell, Line, Sink};

/// An account and what stands on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountView {
    /// The account.
    pub account: String,
    /// What people call it.
    pub name: String,
    /// Debit above zero.
    pub balance: Money,
    /// What of it is for what: role, posting group, location.
    pub parts: Vec<BalancePart>,
    /// Cost is still to be adjusted in the company: the balance may change as of the same day.
    pub provisional: bool,
}

/// A part of a balance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BalancePart {
    /// What the account is for there.
    pub role: &'static str,
    /// Inventory posting group.
    pub inventory_group: String,
    /// The location; empty for the blank one.
    pub location: String,
    /// Debit above zero.
    pub amount: Money,
}

impl Line for AccountView {
    const HEAD: &'static [&'static str] = &["account", "name", "balance", "provisional"];

    fn line(&self) -> Vec<Cell> {
        vec![
            self.account.as_str().into(),
            self.name.as_str().into(),
            Cell::Money(self.balance),
            Cell::Flag(self.provisional),
        ]
    }
}

/// Every account of the chart, and every other that has a balance, at the end of `until`.
pub fn accounts(tables: &dyn Tables, until: NaiveDate) -> Vec<AccountView> {
    let mut found: BTreeMap<String, AccountView> = BTreeMap::new();
    let provisional = Outstanding::at(tables, until).any();
    let new = |account: &str, name: String| AccountView {
        account: account.to_owned(),
        name,
        balance: Money::ZERO,
        parts: Vec::new(),
        provisional,
    };
    for (account, row) in tables.list::<GlAccounts>(&KeyRange::all()) {
        let view = new(&account, row.name.clone());
        found.insert(account, view);
    }
    for part in balances(tables, until) {
        let view =
            found.entry(part.account.clone()).or_insert_with(|| new(&part.account, String::new()));
        view.balance = view.balance.checked_add(part.amount).unwrap_or(view.balance);
        view.parts.push(BalancePart {
            role: part.role.name(),
            inventory_group: part.inventory_group,
            location: location_text(tables, part.location),
            amount: part.amount,
        });
    }
    found.into_values().collect()
}

/// A general ledger entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerEntryView {
    /// Its number.
    pub entry: u64,
    /// Its register.
    pub register: u64,
    /// The account.
    pub account: String,
    /// What the account is for here.
    pub role: &'static str,
    /// The date.
    pub posting_date: NaiveDate,
    /// Debit above zero.
    pub amount: Money,
    /// The value entry; 0 where it sums several.
    pub value_entry: u64,
    /// The location whose value it is; empty for the blank one.
    pub location: String,
    /// The inventory posting group whose value it is.
    pub inventory_group: String,
    /// General business posting group.
    pub business_group: String,
    /// General product posting group.
    pub product_group: String,
    /// The number of its document.
    pub document_no: String,
    /// Its dimensions, as `CODE=VALUE; …`.
    pub dimensions: String,
    /// The operation that wrote it.
    pub operation: String,
    /// Cost is still to be adjusted in the company: more entries may follow.
    pub provisional: bool,
}

impl LedgerEntryView {
    /// Of an entry, while cost is still to be adjusted or not.
    pub fn of(tables: &dyn Tables, (no, row): (EntryNo, &GlEntry), provisional: bool) -> Self {
        Self {
            entry: no.0,
            register: row.register,
            account: row.account.clone(),
            role: row.role.name(),
            posting_date: row.posting_date,
            amount: row.amount,
            value_entry: row.value.0,
            location: location_text(tables, row.location),
            inventory_group: row.inventory_group.clone(),
            business_group: row.business_group.clone(),
            product_group: row.product_group.clone(),
            document_no: row.document_no.clone(),
            dimensions: ledger::dimension::text_of(tables, row.dimension_set),
            operation: row.written.operation.to_string(),
            provisional,
        }
    }
}

impl Line for LedgerEntryView {
    const HEAD: &'static [&'static str] = &[
        "entry",
        "register",
        "posting_date",
        "account",
        "role",
        "amount",
        "value_entry",
        "location",
        "inventory_group",
        "business_group",
        "product_group",
        "document_no",
        "operation",
        "dimensions",
        "provisional",
    ];

    fn line(&self) -> Vec<Cell> {
        vec![
            Cell::Number(self.entry),
            Cell::Number(self.register),
            Cell::Date(self.posting_date),
            self.account.as_str().into(),
            self.role.into(),
            Cell::Money(self.amount),
            Cell::entry(self.value_entry),
            self.location.as_str().into(),
            self.inventory_group.as_str().into(),
            self.business_group.as_str().into(),
            self.product_group.as_str().into(),
            self.document_no.as_str().into(),
            self.operation.as_str().into(),
            self.dimensions.as_str().into(),
            Cell::Flag(self.provisional),
        ]
    }
}

/// Entries by number, or those of one account by date.
pub fn entries(
    tables: &dyn Tables,
    account: Option<&str>,
    query: &PageQuery,
) -> Page<LedgerEntryView> {
    let provisional = Outstanding::now(tables).any();
    match account {
        None => page::ascending::<GlLedger, _>(tables, KeyRange::all(), query, |no, row| {
            Some(LedgerEntryView::of(tables, (no, &row), provisional))
        }),
        Some(account) => {
            let range = KeyRange::prefix(&(account.to_owned(),));
            page::ascending::<GlByAccount, _>(tables, range, query, |(_account, _date, no), _| {
                let row = tables.row::<GlLedger>(&no)?;
                Some(LedgerEntryView::of(tables, (no, &row), provisional))
            })
        }
    }
}

/// All entries, or those of one account.
pub fn each_entry(tables: &dyn Tables, account: Option<&str>, sink: Sink<'_>) {
    let provisional = Outstanding::now(tables).any();
    match account {
        None => each_of::<GlLedger>(tables, &KeyRange::all(), false, &mut |no, row| {
            sink(LedgerEntryView::of(tables, (no, &row), provisional).line())
        }),
        Some(account) => {
            let range = KeyRange::prefix(&(account.to_owned(),));
            each_of::<GlByAccount>(tables, &range, false, &mut |(_account, _date, no), _row| {
                match tables.row::<GlLedger>(&no) {
                    Some(row) => sink(LedgerEntryView::of(tables, (no, &row), provisional).line()),
                    None => ControlFlow::Continue(()),
                }
            });
        }
    }
}

/// An entry and the value entries behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TracedEntry {
    /// The entry.
    pub entry: LedgerEntryView,
    /// The value entries, the first [`TRACED_MAX`] of them behind `after`.
    pub values: Vec<super::value::ValueView>,
    /// There are more.
    pub more: bool,
}

/// Value entries of one entry that are told at once.
pub const TRACED_MAX: usize = 200;

/// The entry `no`, and the value entries behind it from behind `after`.
pub fn traced(tables: &dyn Tables, no: EntryNo, after: EntryNo) -> Option<TracedEntry> {
    let row = tables.row::<GlLedger>(&no)?;
    let values = values_of_entry(tables, no, after, TRACED_MAX);
    let outstanding = Outstanding::now(tables);
    let provisional = outstanding.any();
    Some(TracedEntry {
        entry: LedgerEntryView::of(tables, (no, &row), provisional),
        more: values.len() == TRACED_MAX,
        values: values
            .into_iter()
            .filter_map(|value| super::value::ValueView::at(tables, value, &outstanding))
            .collect(),
    })
}

/// A run that posts value entries to the general ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GlRunView {
    /// Its number.
    pub run: u64,
    /// Who asked for it.
    pub user: Option<String>,
    /// It sums by posting group.
    pub per_posting_group: bool,
    /// It posts nothing and tells what it would.
    pub test: bool,
    /// Only value entries dated up to this day.
    pub until: Option<NaiveDate>,
    /// Value entries that it posted, or would.
    pub posted: u64,
    /// Value entries that it left out.
    pub skipped: u64,
    /// Its register; 0 where it posted nothing.
    pub register: u64,
    /// It has ended.
    pub done: bool,
    /// The operation that asked for it.
    pub operation: String,
    /// What it posted, or would: by account and role.
    pub totals: Vec<GlRunTotal>,
    /// What it left out, at most [`TRACED_MAX`].
    pub skips: Vec<GlSkipView>,
}

/// What a run posted to one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GlRunTotal {
    /// The account.
    pub account: String,
    /// What it is for.
    pub role: &'static str,
    /// Debit above zero.
    pub amount: Money,
}

/// A value entry that a run left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GlSkipView {
    /// Its number.
    pub value_entry: u64,
    /// The code of the reason.
    pub code: String,
    /// With its figures, in English.
    pub text: String,
}

/// The run `no`.
pub fn gl_run(tables: &dyn Tables, no: u64) -> Option<GlRunView> {
    let (row, totals) = run(tables, no)?;
    let skips = ledger::gl::read::skipped(tables, no, EntryNo(0), TRACED_MAX);
    Some(GlRunView {
        run: no,
        user: row.operator.as_ref().map(ToString::to_string),
        per_posting_group: row.method == PostingMethod::PerPostingGroup,
        test: row.test,
        until: row.until,
        posted: row.posted,
        skipped: row.skipped,
        register: row.register,
        done: row.done,
        operation: row.asked.operation.to_string(),
        totals: totals
            .into_iter()
            .map(|(account, role, amount)| GlRunTotal { account, role: role.name(), amount })
            .collect(),
        skips: skips
            .into_iter()
            .map(|(value, skip)| GlSkipView {
                value_entry: value.0,
                code: skip.code.clone(),
                text: skip.text.clone(),
            })
            .collect(),
    })
}

/// Runs, the latest first.
pub fn gl_runs(tables: &dyn Tables, query: &PageQuery) -> Page<GlRunView> {
    page::descending::<GlRuns, _>(tables, KeyRange::all(), query, |no, _row| gl_run(tables, no))
}

impl Line for GlRunView {
    const HEAD: &'static [&'static str] = &[
        "run",
        "user",
        "per_posting_group",
        "test",
        "until",
        "posted",
        "skipped",
        "register",
        "done",
        "operation",
    ];

    fn line(&self) -> Vec<Cell> {
        vec![
            Cell::Number(self.run),
            self.user.clone().unwrap_or_default().into(),
            Cell::Flag(self.per_posting_group),
            Cell::Flag(self.test),
            Cell::day(self.until),
            Cell::Number(self.posted),
            Cell::Number(self.skipped),
            Cell::entry(self.register),
            Cell::Flag(self.done),
            self.operation.as_str().into(),
        ]
    }
}

/// All runs, the first first.
pub fn each_run(tables: &dyn Tables, sink: Sink<'_>) {
    each_of::<GlRuns>(tables, &KeyRange::all(), false, &mut |no, _row| match gl_run(tables, no) {
        Some(view) => sink(view.line()),
        None => ControlFlow::Continue(()),
    });
}
