//! Every invariant of the books, over a whole table set: what the simulation asks after each
//! posting, and `verify` asks of a store.
//!
//! Numbers with a W are those of WAREHOUSE 21, with a C those of COSTING 3, with an I those of
//! SYNC 5.2. The auditor reads; it mends nothing, and it finds every row by a scan on purpose: an
//! index that lies must not hide what it should lead to.
//!
//! [`audit`] looks at everything. [`audit_changes`] looks at what a change has touched, so that it can
//! be asked after every posting of a long run.
//!
//! Order of reading: this file, [`entries`] (ledgers), [`stock`] (what lies where), [`line`] (counts), [`money`] (value
//! entries, sums, the general ledger), [`cost`] (what follows once an item is adjusted), [`share`] (shares anew),
//! [`average`] (averages anew), [`questions`] (cases, tasks, outcomes).

mod average;
mod cost;
mod entries;
mod line;
mod money;
mod questions;
mod share;
mod stock;

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::draft::Changes;
use crate::key::KeyRange;
use crate::schema::entry::{ItemLedger, WarehouseLedger};
use crate::schema::gl::GlLedger;
use crate::schema::money::ValueLedger;
use crate::schema::order::CapacityLedger;
use crate::schema::stock::Stocks;
use crate::tables::{Table, Tables, each_of, typed_key};

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The number of the invariant.
    pub invariant: &'static str,
    /// What is wrong, with the figures.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.detail)
    }
}

/// What was found so far.
pub(crate) struct Findings(Vec<Violation>);

impl Findings {
    pub(crate) fn unless(
        &mut self,
        holds: bool,
        invariant: &'static str,
        detail: impl FnOnce() -> String,
    ) {
        if !holds {
            self.0.push(Violation { invariant, detail: detail() });
        }
    }
}

/// Checks every invariant over all tables. Empty: the books are sound.
pub fn audit(tables: &(impl Tables + ?Sized)) -> Vec<Violation> {
    let mut findings = Findings(Vec::new());
    entries::check_all(tables, &mut findings);
    stock::check_all(tables, &mut findings);
    line::check_all(tables, &mut findings);
    money::check_all(tables, &mut findings);
    cost::check_all(tables, &mut findings);
    questions::check_all(tables, &mut findings);
    findings.0
}

/// Checks what `changes`, already part of `tables`, have touched: the stock keys, entries, registers,
/// plates, counts, cases, tasks and outcomes among them, and the pools of items whose costs are. Sums over whole
/// ledgers are left to [`audit`].
pub fn audit_changes(tables: &(impl Tables + ?Sized), changes: &Changes) -> Vec<Violation> {
    let mut findings = Findings(Vec::new());
    for (table, key) in changes.keys() {
        entries::check_row(tables, *table, key, &mut findings);
        questions::check_row(tables, *table, key, &mut findings);
        money::check_row(tables, *table, key, &mut findings);
        if *table == Stocks::ID {
            let key = typed_key::<Stocks>(key);
            stock::check_key(tables, key, &mut findings);
            line::check_key(tables, key, &mut findings);
        }
    }
    let changed = changes.keys().map(|(table, key)| (*table, &key[..]));
    cost::check_touched(tables, changed, &mut findings);
    findings.0
}

/// Checks that `changes`, already part of `tables`, only appended to the ledgers: what they touched there is
/// new, and is there (COSTING 3.3).
pub fn audit_appended(tables: &(impl Tables + ?Sized), changes: &Changes) -> Vec<Violation> {
    let mut findings = Findings(Vec::new());
    entries::check_appended::<ItemLedger>(tables, changes, &mut findings);
    entries::check_appended::<WarehouseLedger>(tables, changes, &mut findings);
    entries::check_appended::<ValueLedger>(tables, changes, &mut findings);
    entries::check_appended::<CapacityLedger>(tables, changes, &mut findings);
    entries::check_appended::<GlLedger>(tables, changes, &mut findings);
    findings.0
}

/// All rows of a table.
fn rows<T: Table>(tables: &(impl Tables + ?Sized), mut visit: impl FnMut(T::Key, Arc<T::Row>)) {
    each_of::<T>(tables, &KeyRange::all(), false, &mut |key, row| {
        visit(key, row);
        ControlFlow::Continue(())
    });
}
