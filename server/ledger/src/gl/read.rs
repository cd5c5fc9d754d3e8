//! Questions to the general ledger: pure, over any tables. Pages and exports stand on these.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use chrono::NaiveDate;

use crate::gl::account::{self, Cost};
use crate::gl::{DUE, EXPECTED_OFF, as_text, open_amounts};
use crate::key::KeyRange;
use crate::money::Money;
use crate::schema::gl::{
    AccountRole, GlByAccount, GlEntry, GlLedger, GlOfValue, GlRegister, GlRegisters, GlRun,
    GlRunSkips, GlRunTotals, GlRuns, GlSkip, GlSums, UnpostedValues, ValuesOfGl,
};
use crate::schema::money::{ValueEntry, ValueLedger};
use crate::schema::{EntryNo, LocationId};
use crate::tables::{Read as _, Tables, each_of};
use crate::valuation::sums::{DAY, MONTH, Span, spans};

/// An entry with its number.
pub type Numbered = (EntryNo, Arc<GlEntry>);

/// What a run posted, or would: account, role, amount.
pub type RunTotal = (String, AccountRole, Money);

/// The entries of a value entry, with their register: two per kind of cost and run.
pub fn entries_of_value(
    tables: &(impl Tables + ?Sized),
    value: EntryNo,
) -> Vec<(EntryNo, Arc<GlEntry>, u64)> {
    tables
        .list::<GlOfValue>(&KeyRange::prefix(&(value,)))
        .into_iter()
        .filter_map(|((_value, no), register)| Some((no, tables.row::<GlLedger>(&no)?, *register)))
        .collect()
}

/// The value entries behind an entry, at most `limit` of them behind `after`.
pub fn values_of_entry(
    tables: &(impl Tables + ?Sized),
    entry: EntryNo,
    after: EntryNo,
    limit: usize,
) -> Vec<EntryNo> {
    let Some(row) = tables.row::<GlLedger>(&entry) else { return Vec::new() };
    if row.value.0 != 0 {
        return if row.value > after { vec![row.value] } else { Vec::new() };
    }
    let range = KeyRange::prefix_after(&(entry,), &(entry, after));
    let mut found = Vec::new();
    each_of::<ValuesOfGl>(tables, &range, false, &mut |(_entry, value), _row| {
        if found.len() >= limit {
            return ControlFlow::Break(());
        }
        found.push(value);
        ControlFlow::Continue(())
    });
    found
}

/// Entries by number, at most `limit` of them behind `after`.
pub fn entries(tables: &(impl Tables + ?Sized), after: EntryNo, limit: usize) -> Vec<Numbered> {
    let mut found = Vec::new();
    let range = KeyRange::prefix_after(&(), &after);
    each_of::<GlLedger>(tables, &range, false, &mut |no, entry| {
        if found.len() >= limit {
            return ControlFlow::Break(());
        }
        found.push((no, entry));
        ControlFlow::Continue(())
    });
    found
}

/// Entries of an account in order of date and number, at most `limit` of them behind `after`.
pub fn entries_of_account(
    tables: &(impl Tables + ?Sized),
    account: &str,
    after: (NaiveDate, EntryNo),
    limit: usize,
) -> Vec<Numbered> {
    let account = account.to_owned();
    let range = KeyRange::prefix_after(&(account.clone(),), &(account.clone(), after.0, after.1));
    let mut found = Vec::new();
    each_of::<GlByAccount>(tables, &range, false, &mut |(_account, _date, no), _row| {
        if found.len() >= limit {
            return ControlFlow::Break(());
        }
        found.extend(tables.row::<GlLedger>(&no).map(|entry| (no, entry)));
        ControlFlow::Continue(())
    });
    found
}

/// A register and its entries.
pub fn register(tables: &(impl Tables + ?Sized), no: u64) -> Option<(GlRegister, Vec<Numbered>)> {
    let row = tables.row::<GlRegisters>(&no)?;
    let after = EntryNo(row.last.0.saturating_add(1));
    let entries = tables
        .list::<GlLedger>(&KeyRange::between(&row.first, &after))
        .into_iter()
        .filter(|(_no, entry)| entry.register == no)
        .collect();
    Some((*row, entries))
}

/// The balance of an account on the part of one posting group and location.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Balance {
    /// The account.
    pub account: String,
    /// What it is for.
    pub role: AccountRole,
    /// The inventory posting group.
    pub inventory_group: String,
    /// The location; 0 for the blank one.
    pub location: LocationId,
    /// Debit above zero.
    pub amount: Money,
}

/// Balances at the end of `until`; what is zero is left out. Reads months and days of that month: what it
/// costs does not grow with the number of entries.
pub fn balances(tables: &(impl Tables + ?Sized), until: NaiveDate) -> Vec<Balance> {
    let mut sums: BTreeMap<(String, u8, String, LocationId), Money> = BTreeMap::new();
    for Span { level, from, to, less } in spans(until, &[MONTH, DAY]) {
        let range = KeyRange::between(&(level, from), &(level, to));
        each_of::<GlSums>(tables, &range, false, &mut |key, amount| {
            let (_level, _date, account, role, group, location) = key;
            let sum = sums.entry((account, role, group, location)).or_default();
            let amount = if less { amount.negated() } else { *amount };
            *sum = sum.checked_add(amount).unwrap_or(*sum);
            ControlFlow::Continue(())
        });
    }
    sums.into_iter()
        .filter(|(_key, amount)| !amount.is_zero())
        .filter_map(|((account, role, inventory_group, location), amount)| {
            let role = AccountRole::from_number(role)?;
            Some(Balance { account, role, inventory_group, location, amount })
        })
        .collect()
}

/// The balance of each account at the end of `until`.
pub fn account_balances(
    tables: &(impl Tables + ?Sized),
    until: NaiveDate,
) -> BTreeMap<String, Money> {
    let mut sums: BTreeMap<String, Money> = BTreeMap::new();
    for balance in balances(tables, until) {
        let sum = sums.entry(balance.account).or_default();
        *sum = sum.checked_add(balance.amount).unwrap_or(*sum);
    }
    sums
}

/// A value entry that is not in the general ledger, or not wholly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unposted {
    /// Its number.
    pub no: EntryNo,
    /// It.
    pub value: Arc<ValueEntry>,
    /// What of its actual cost is not posted.
    pub actual: Money,
    /// What of its expected cost is not posted.
    pub expected: Money,
    /// Expected cost is not posted, as the setup says.
    pub expected_off: bool,
}

/// What is not posted, in the order in which a run takes it: behind `after`, at most `limit`.
pub fn unposted(
    tables: &(impl Tables + ?Sized),
    after: (u8, EntryNo),
    limit: usize,
) -> Vec<((u8, EntryNo), Unposted)> {
    let mut found = Vec::new();
    let range = KeyRange::prefix_after(&(), &after);
    each_of::<UnpostedValues>(tables, &range, false, &mut |key, _row| {
        found.extend(unposted_at(tables, key).map(|row| (key, row)));
        if found.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    found
}

/// One row of [`unposted`].
pub(crate) fn unposted_at(tables: &(impl Tables + ?Sized), key: (u8, EntryNo)) -> Option<Unposted> {
    let value = tables.row::<ValueLedger>(&key.1)?;
    let (actual, expected) = open_amounts(tables, (key.1, &value)).ok()?;
    Some(Unposted { no: key.1, value, actual, expected, expected_off: key.0 == EXPECTED_OFF })
}

/// Accounts that are missing for what is not posted, each once, of the first `limit` unposted value
/// entries: the check of the posting setups before a run.
pub fn missing_accounts(tables: &(impl Tables + ?Sized), limit: usize) -> Vec<String> {
    let mut missing = Vec::new();
    for (_key, row) in unposted(tables, (0, EntryNo(0)), limit) {
        let costs = [(Cost::Actual, row.actual), (Cost::Expected, row.expected)];
        for (cost, amount) in costs {
            if amount.is_zero() || (cost == Cost::Expected && row.expected_off) {
                continue;
            }
            if let Err(reason) = account::accounts_of(tables, &row.value, cost) {
                let text = as_text(&reason);
                if !missing.contains(&text) {
                    missing.push(text);
                }
            }
        }
    }
    missing
}

/// A run, what it posted (or would) by account and role.
pub fn run(tables: &(impl Tables + ?Sized), no: u64) -> Option<(Arc<GlRun>, Vec<RunTotal>)> {
    let row = tables.row::<GlRuns>(&no)?;
    let totals = tables
        .list::<GlRunTotals>(&KeyRange::prefix(&(no,)))
        .into_iter()
        .filter_map(|((_run, account, role), amount)| {
            Some((account, AccountRole::from_number(role)?, *amount))
        })
        .collect();
    Some((row, totals))
}

/// What a run left out, with the reason: behind `after`, at most `limit`. What only has expected cost that
/// is not posted is in [`unposted`] with its reason.
pub fn skipped(
    tables: &(impl Tables + ?Sized),
    run: u64,
    after: EntryNo,
    limit: usize,
) -> Vec<(EntryNo, Arc<GlSkip>)> {
    let range = KeyRange::prefix_after(&(run,), &(run, after));
    let mut found = Vec::new();
    each_of::<GlRunSkips>(tables, &range, false, &mut |(_run, value), skip| {
        if found.len() >= limit {
            return ControlFlow::Break(());
        }
        found.push((value, skip));
        ControlFlow::Continue(())
    });
    found
}

/// Whether anything is left to be posted.
pub fn is_posted(tables: &(impl Tables + ?Sized)) -> bool {
    tables.first::<UnpostedValues>(&KeyRange::prefix(&(DUE,))).is_none()
}
