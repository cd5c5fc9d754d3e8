//! Value entries against accounts (COSTING 21): per posting group and location, as of any date, with the
//! reason of each difference.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use chrono::NaiveDate;

use crate::assembly;
use crate::costing::plus;
use crate::gl::read::{balances, unposted_at};
use crate::key::KeyRange;
use crate::money::Money;
use crate::posting::Stop;
use crate::schema::LocationId;
use crate::schema::entry::EntryType;
use crate::schema::gl::{AccountRole, UnpostedValues};
use crate::schema::money::{OrderKind, ValueEntry, ValueType};
use crate::tables::{Tables, each_of};
use crate::valuation::inventory::{ValuationOf, sums_until};

/// Which accounts a row compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// Actual cost against inventory.
    Invoiced,
    /// Expected cost against interim inventory.
    Interim,
    /// Work in process against its account.
    Wip,
}

impl Account {
    /// Its name in pages and exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invoiced => "invoiced",
            Self::Interim => "interim",
            Self::Wip => "wip",
        }
    }
}

/// A row: what the value entries say, what the accounts say, and why they differ.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comparison {
    /// Σ value entries.
    pub value: Money,
    /// Σ accounts.
    pub ledger: Money,
    /// `value − ledger`: what is missing in the accounts.
    pub difference: Money,
    /// Of that: not posted yet.
    pub not_posted: Money,
    /// Of that: expected cost, which the setup does not post.
    pub expected_off: Money,
    /// Of that: nothing explains it. None where that is not known: more was unposted than is looked at one by
    /// one, and what is left of the difference is taken for not posted.
    pub unexplained: Option<Money>,
    /// The accounts.
    pub accounts: Vec<String>,
}

/// Unposted value entries that are looked at one by one where nobody asks for more.
pub const LOOKED_AT: usize = 20_000;

/// A row's place: inventory posting group, location, accounts.
pub type RowKey = (String, LocationId, Account);

/// Compares value entries with accounts at the end of `until`; rows where both are nothing are left out.
/// At most `look_at` unposted value entries are looked at one by one: with more of them it is not known what
/// is unexplained. Costs those, and the months and days of one year.
///
/// # Errors
///
/// [`Stop::Overflow`].
#[expect(clippy::wildcard_enum_match_arm, reason = "only accounts of stock are compared")]
pub fn reconciliation(
    tables: &(impl Tables + ?Sized),
    until: NaiveDate,
    look_at: usize,
) -> Result<BTreeMap<RowKey, Comparison>, Stop> {
    let mut rows: BTreeMap<RowKey, Comparison> = BTreeMap::new();
    for ((group, location, _item), sum) in sums_until(tables, &ValuationOf::all(until), until)? {
        let interim = plus(sum.into.expected, sum.out.expected)?;
        let parts = [
            (Account::Invoiced, plus(sum.into.actual, sum.out.actual)?),
            (Account::Interim, interim),
            (Account::Wip, plus(sum.wip, sum.wip_expected)?),
        ];
        for (account, amount) in parts {
            let row = rows.entry((group.clone(), location, account)).or_default();
            row.value = plus(row.value, amount)?;
        }
    }
    for balance in balances(tables, until) {
        let account = match balance.role {
            AccountRole::Inventory => Account::Invoiced,
            AccountRole::InventoryInterim => Account::Interim,
            AccountRole::Wip => Account::Wip,
            _ => continue,
        };
        let row = rows.entry((balance.inventory_group, balance.location, account)).or_default();
        row.ledger = plus(row.ledger, balance.amount)?;
        if !row.accounts.contains(&balance.account) {
            row.accounts.push(balance.account);
        }
    }
    let all = add_unposted(tables, (until, look_at), &mut rows)?;
    let off = !crate::costing::setup(tables).expected_cost_posting;
    for ((_group, _location, account), row) in &mut rows {
        row.difference = plus(row.value, row.ledger.negated())?;
        if !all {
            let expected = off && *account == Account::Interim;
            (row.expected_off, row.not_posted) = if expected {
                (row.difference, Money::ZERO)
            } else {
                (row.expected_off, plus(row.difference, row.expected_off.negated())?)
            };
        }
        let known = plus(row.not_posted, row.expected_off)?;
        let rest = plus(row.difference, known.negated())?;
        row.unexplained = all.then_some(rest);
    }
    rows.retain(|_key, row| {
        let Comparison { value, ledger, not_posted, expected_off, .. } = row;
        [value, ledger, not_posted, expected_off].into_iter().any(|amount| !amount.is_zero())
    });
    Ok(rows)
}

/// What is not posted, by its reason; answers whether it was all looked at.
fn add_unposted(
    tables: &(impl Tables + ?Sized),
    (until, look_at): (NaiveDate, usize),
    rows: &mut BTreeMap<RowKey, Comparison>,
) -> Result<bool, Stop> {
    let mut failed = None;
    let mut seen: usize = 0;
    let off = !crate::costing::setup(tables).expected_cost_posting;
    each_of::<UnpostedValues>(tables, &KeyRange::all(), false, &mut |key, _row| {
        seen = seen.saturating_add(1);
        if seen > look_at {
            return ControlFlow::Break(());
        }
        let Some(row) = unposted_at(tables, key) else { return ControlFlow::Continue(()) };
        if row.value.posting_date > until {
            return ControlFlow::Continue(());
        }
        let stock = row.value.entry.0 != 0;
        let wip = wip_sign(&row.value);
        let added = [
            (Account::Invoiced, row.actual, stock.then_some(false), false),
            (Account::Interim, row.expected, stock.then_some(false), off),
            (Account::Wip, row.actual, wip, false),
            (Account::Wip, row.expected, wip, off),
        ]
        .into_iter()
        .filter_map(|(account, amount, sign, off)| {
            let negative = sign?;
            Some((account, if negative { amount.negated() } else { amount }, off))
        })
        .filter(|(_account, amount, _off)| !amount.is_zero())
        .try_for_each(|(account, amount, off)| {
            let (location, group) = match account {
                Account::Wip => assembly::wip_place(tables, &row.value),
                Account::Invoiced | Account::Interim => {
                    (row.value.location, row.value.inventory_group.clone())
                }
            };
            let row = rows.entry((group, location, account)).or_default();
            let to = if off { &mut row.expected_off } else { &mut row.not_posted };
            *to = plus(*to, amount)?;
            Ok(())
        });
        match added {
            Ok(()) => ControlFlow::Continue(()),
            Err(stop) => {
                failed = Some(stop);
                ControlFlow::Break(())
            }
        }
    });
    failed.map_or(Ok(seen <= look_at), Err)
}

/// Whether a value entry is part of work in process, and whether with the opposite sign.
fn wip_sign(value: &ValueEntry) -> Option<bool> {
    if value.entry.0 == 0 {
        return matches!(value.order, Some((OrderKind::Production, _))).then_some(false);
    }
    let moves = matches!(value.entry_type, EntryType::Consumption | EntryType::Output);
    (moves && value.value_type == ValueType::DirectCost).then_some(true)
}
