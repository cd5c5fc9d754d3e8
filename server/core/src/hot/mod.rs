//! What the one writer has in hand: rows, and parts of tables, as they are with everything that
//! was written, durable or not.
//!
//! 1. It only spares reading. Who finds nothing here asks the layers and the store, and tells.
//! 2. Everything that is written passes here ([`Hot::absorb`]): what is known is never old.
//! 3. Its size is bounded, and what it forgets follows from what was asked: nothing depends on
//!    where rows lie in memory, and nothing is read from here in an order that could.
//! 4. It holds what is open, not what has been: a posting costs the same behind a long history, and
//!    rows that nobody asks for any more would push those that are asked for out of the processor.
//!
//! Order of reading: this file, [`rows`] (by name), [`runs`] (parts of tables).

mod rows;
mod runs;

use std::cell::RefCell;
use std::ops::ControlFlow;

use ledger::draft::Changes;
use ledger::key::{KeyBytes, KeyRange, after};
use ledger::record::Record;
use ledger::schema::book::{ChangesTable, Intakes, Outcomes};
use ledger::schema::entry::{ItemLedger, ItemLedgerState, ItemLedgerStates};
use ledger::tables::{Table as _, TableId, Tables, Visit};

use self::rows::{Known, Rows};
use self::runs::{Found, RowList, Runs, show};
use crate::schema::{BlobParts, FeedIndex, SnapshotChunks};

/// Rows that one scan takes note of.
const ROWS_PER_SCAN: usize = 64;
/// Rows that are read behind the last one that somebody wanted to see. Goods are used up from one end:
/// the next one will be wanted, and to find the place in the store costs more than a few rows there.
const ROWS_AHEAD: usize = 16;

/// Bytes of single rows, and as many of parts of tables. A busy company has a few megabytes in hand; who
/// makes rows that are as large as they may be gets no more.
const BYTES_MAX: usize = 32 << 20;

/// About how many bytes a row takes in hand: twice its own, because it is kept as it was read and as it was
/// written, and what surrounds it.
fn weight(key: &[u8], row: Option<&Record>) -> usize {
    const AROUND: usize = 160;
    let bytes = row.map_or(0, |row| row.bytes().len().saturating_mul(2));
    key.len().saturating_add(bytes).saturating_add(AROUND)
}

/// Rows and parts of tables.
#[derive(Default)]
pub(crate) struct Hot {
    rows: Rows,
    runs: Runs,
    /// Tables of which somebody has asked for anything: of the others nothing is here.
    asked: TableSet,
}

/// A set of tables, a bit for each.
#[derive(Default)]
struct TableSet([u64; 4]);

impl TableSet {
    fn place(table: TableId) -> (usize, u64) {
        (usize::from(table.0 >> 6), 1 << (table.0 & 63))
    }

    fn has(&self, table: TableId) -> bool {
        let (word, bit) = Self::place(table);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    fn add(&mut self, table: TableId) {
        let (word, bit) = Self::place(table);
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }
}

/// Whether rows of `table` are kept here. Change records and the feed are written once, and read by
/// others; parts of photos and of first replicas are large, and read once.
fn is_kept(table: TableId) -> bool {
    ![ChangesTable::ID, FeedIndex::ID, BlobParts::ID, SnapshotChunks::ID].contains(&table)
}

/// Whether a row that was read will be asked for again. An intake record is not, nor that an operation
/// has no outcome yet, nor the state of an entry that is closed.
fn is_asked_again(table: TableId, row: Option<&Record>) -> bool {
    match table {
        Intakes::ID => false,
        Outcomes::ID => row.is_some(),
        ItemLedgerStates::ID => !is_closed(row),
        _other => true,
    }
}

/// Whether a row that is written will be asked for: an intake record is judged, and what was received
/// is shipped.
fn is_wanted(table: TableId) -> bool {
    table == Intakes::ID || table == ItemLedger::ID || table == ItemLedgerStates::ID
}

/// Whether the state of an item ledger entry has nothing left to give or to be given: what comes
/// later takes from others.
fn is_closed(row: Option<&Record>) -> bool {
    row.is_none_or(|row| row.row::<ItemLedgerState>().remaining.is_zero())
}

impl Hot {
    /// Takes note of rows that are written. Others than those that will be wanted are kept if somebody
    /// has asked for them: most are written once.
    pub(crate) fn absorb(&mut self, changes: &Changes) {
        for ((table, key), row) in changes {
            if *table == ItemLedgerStates::ID && is_closed(row.as_ref()) {
                self.rows.take(ItemLedger::ID, key);
                self.rows.take(*table, key);
                self.runs.overwrite(*table, key, row.as_ref());
            } else if is_wanted(*table) {
                self.rows.put(*table, key, row.clone());
                self.runs.overwrite(*table, key, row.as_ref());
            } else if self.asked.has(*table) {
                self.rows.overwrite(*table, key, row.as_ref());
                self.runs.overwrite(*table, key, row.as_ref());
            }
        }
    }

    /// Whether rows of `table` may be here.
    pub(crate) fn has_any_of(&self, table: TableId) -> bool {
        is_wanted(table) || self.asked.has(table)
    }

    /// What is known here of a row, if anything.
    fn get(&mut self, table: TableId, key: &[u8]) -> Option<Known> {
        if table == Intakes::ID {
            // It is wanted once.
            self.rows.take(table, key)
        } else {
            self.rows.get(table, key).or_else(|| self.runs.row(table, key))
        }
    }
}

/// Tables below, read through what is in hand.
pub(crate) struct Reading<'a> {
    pub(crate) hot: &'a RefCell<Hot>,
    pub(crate) below: &'a dyn Tables,
}

impl Tables for Reading<'_> {
    fn get(&self, table: TableId, key: &[u8]) -> Option<Record> {
        if !is_kept(table) {
            return self.below.get(table, key);
        }
        let known = self.hot.borrow_mut().get(table, key);
        match known {
            Some(Known::Row(row)) => Some(row),
            Some(Known::Absent) => None,
            None => {
                let row = self.below.get(table, key);
                if is_asked_again(table, row.as_ref()) {
                    let hot = &mut *self.hot.borrow_mut();
                    hot.asked.add(table);
                    hot.rows.put(table, key, row.clone());
                }
                row
            }
        }
    }

    fn scan(&self, table: TableId, range: &KeyRange, reverse: bool, visit: Visit<'_>) {
        if !is_kept(table) || table == Intakes::ID {
            return self.below.scan(table, range, reverse, visit);
        }
        let mut rest = range.clone();
        let mut before: Option<Found> = None;
        // Nothing is held while rows are shown: who sees them may read on.
        while !rest.is_empty() {
            let found = self.hot.borrow().runs.find(table, &rest, reverse);
            let Some(found) = found else { break };
            if show(&found.rows, &rest, reverse, visit).is_break() {
                return;
            }
            if reverse {
                rest.to.clone_from(&found.part.from);
                rest.to = rest.to.max(rest.from.clone());
            } else {
                rest.from.clone_from(&found.part.to);
            }
            before = Some(found);
        }
        if !rest.is_empty() {
            self.scan_below(table, (&rest, reverse), before, visit);
        }
    }
}

impl Reading<'_> {
    /// Scans what is not in hand, and takes note of it. It continues what `before` holds.
    fn scan_below(
        &self,
        table: TableId,
        (range, reverse): (&KeyRange, bool),
        before: Option<Found>,
        visit: Visit<'_>,
    ) {
        let mut fresh: RowList = Vec::new();
        let mut is_whole = true;
        // Rows that may still be read, once nobody wants to see any more.
        let mut ahead: Option<usize> = None;
        self.below.scan(table, range, reverse, &mut |key, record| {
            if fresh.len() >= ROWS_PER_SCAN || ahead == Some(0) {
                is_whole = false;
            } else {
                fresh.push((key.into(), record.clone()));
            }
            ahead = match ahead {
                Some(left) => Some(left.saturating_sub(1)),
                None => visit(key, record).is_break().then_some(ROWS_AHEAD),
            };
            match ahead {
                Some(_left) if !is_whole => ControlFlow::Break(()),
                Some(_) | None => ControlFlow::Continue(()),
            }
        });
        let mut part = range.clone();
        match fresh.last() {
            Some((last, _row)) if !is_whole && reverse => part.from = KeyBytes::from_slice(last),
            Some((last, _row)) if !is_whole => part.to = after(last),
            Some(_) | None => {}
        }
        if reverse {
            fresh.reverse();
        }
        let hot = &mut *self.hot.borrow_mut();
        hot.asked.add(table);
        hot.runs.learn(table, part, fresh, before);
    }
}

#[cfg(test)]
mod tests;
