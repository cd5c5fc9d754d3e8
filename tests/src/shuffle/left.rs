//! What differences of counts leave behind when they are explained later: nothing (COSTING 12.7).

use std::collections::BTreeMap;

use chrono::NaiveDate;
use ledger::command::Command;
use ledger::key::KeyRange;
use ledger::period::inventory::{InventoryPeriodOf, PutInventoryPeriod, closing_tests};
use ledger::schema::EntryNo;
use ledger::schema::entry::{
    Applications, EntryReason, ItemLedger, ItemLedgerEntry, ItemLedgerStates,
};
use ledger::tables::Read as _;
use rust_decimal::Decimal;

use super::Ledger;

/// What ran out in a ledger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Emptied {
    /// Pools of cost that hold nothing in the end.
    pub n_pools: usize,
    /// Differences without supply that were closed against their corrections.
    pub n_pairs: usize,
}

/// A difference and what became of it.
#[derive(Debug, Clone, Copy, Default)]
struct Chain {
    n_entries: u64,
    quantity: Decimal,
    value: Decimal,
    moved: Decimal,
}

/// What counts found and later acts explained.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restatements {
    /// Differences that were taken back wholly.
    pub n_cancelled: u64,
    /// What was moved in and out of value by them.
    pub moved: Decimal,
    /// Those that left value behind.
    pub left: Vec<String>,
    /// What ran out.
    pub emptied: Emptied,
}

impl Ledger {
    /// Differences that counts posted, each with all that took it back or posted it again later.
    pub fn restatements(&self) -> Restatements {
        let tables = &self.tables;
        let mut chains: BTreeMap<EntryNo, Chain> = BTreeMap::new();
        for (no, entry) in tables.list::<ItemLedger>(&KeyRange::all()) {
            let first = match entry.reason {
                EntryReason::CountDifference => no,
                EntryReason::CountCorrection | EntryReason::CountTakenOut => self.first_of(no),
                _ => continue,
            };
            let state = tables.row::<ItemLedgerStates>(&no).expect("an entry has a state");
            let cost = state.cost.actual.decimal() + state.cost.expected.decimal();
            let chain = chains.entry(first).or_default();
            chain.n_entries += 1;
            chain.quantity += entry.quantity.decimal();
            chain.value += cost;
            chain.moved += cost.abs();
        }
        let mut seen = Restatements::default();
        for (first, chain) in chains {
            if chain.n_entries < 2 || !chain.quantity.is_zero() {
                continue;
            }
            seen.n_cancelled += 1;
            seen.moved += chain.moved;
            if !chain.value.is_zero() {
                seen.left.push(format!("{} is left of the difference {first}", chain.value));
            }
        }
        seen
    }

    /// The difference that a correction takes back, over any number of steps; itself where it names none.
    fn first_of(&self, no: EntryNo) -> EntryNo {
        let source = |entry: &ItemLedgerEntry| {
            if entry.quantity.is_negative() { entry.applies_to } else { entry.applies_from }
        };
        let mut at = no;
        loop {
            let entry = self.tables.row::<ItemLedger>(&at).expect("an entry");
            match source(&entry) {
                EntryNo(0) => return at,
                next => at = next,
            }
        }
    }

    /// What COSTING 12.7 does not leave behind: open entries of a pool that holds nothing, reasons why the
    /// inventory period cannot be closed. With it, how many pools hold nothing, and how many pairs of a
    /// difference and its correction were closed against each other. Closes the period.
    pub fn left_behind(&mut self) -> (Vec<String>, Emptied) {
        let mut pools: BTreeMap<_, (Decimal, Vec<EntryNo>)> = BTreeMap::new();
        for (no, entry) in self.tables.list::<ItemLedger>(&KeyRange::all()) {
            let state = self.tables.row::<ItemLedgerStates>(&no).expect("an entry has a state");
            let key = (entry.item, entry.variant, entry.location, entry.tracking);
            let (quantity, open) = pools.entry(key).or_default();
            *quantity += entry.quantity.decimal();
            if !state.remaining.is_zero() {
                open.push(no);
            }
        }
        pools.retain(|_key, (quantity, _open)| quantity.is_zero());
        let open = pools.values().filter(|(_quantity, open)| !open.is_empty());
        let mut left: Vec<String> =
            open.map(|(_quantity, open)| format!("open at stock 0: {open:?}")).collect();
        let ending_date = self.last_date();
        let reasons = closing_tests(&self.tables, ending_date);
        left.extend(reasons.iter().map(|reason| format!("the period is not closed: {reason:?}")));
        if reasons.is_empty() {
            let name = String::new();
            let put = PutInventoryPeriod { ending_date, name, unchecked_closed: None };
            self.command(&Command::PutInventoryPeriod(put));
            self.command(&Command::CloseInventoryPeriod(InventoryPeriodOf { ending_date }));
        }
        let rows = self.tables.list::<Applications>(&KeyRange::all());
        let n_pairs = rows.iter().filter(|(_no, row)| row.without_cost).count();
        (left, Emptied { n_pools: pools.len(), n_pairs })
    }

    /// The day of the last entry.
    fn last_date(&self) -> NaiveDate {
        let entries = self.tables.list::<ItemLedger>(&KeyRange::all());
        let dates = entries.iter().map(|(_no, entry)| entry.posting_date);
        dates.max().expect("something lies there at the beginning")
    }
}
