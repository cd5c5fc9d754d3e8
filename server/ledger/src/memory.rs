//! The in-memory twin of a store: tables for tests and simulations.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::draft::Changes;
use crate::key::{KeyBytes, KeyRange};
use crate::record::Record;
use crate::tables::{TableId, Tables, Visit};

/// Tables in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryTables {
    /// No table without a row. One map per table, since a key is compared with those of its own
    /// table only.
    tables: BTreeMap<TableId, BTreeMap<KeyBytes, Record>>,
}

impl MemoryTables {
    /// No rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes `changes` part of the tables.
    pub fn apply(&mut self, changes: Changes) {
        for ((table, key), change) in changes {
            if let Some(record) = change {
                self.tables.entry(table).or_default().insert(key, record);
            } else if let Some(rows) = self.tables.get_mut(&table) {
                rows.remove(key.as_slice());
                if rows.is_empty() {
                    self.tables.remove(&table);
                }
            }
        }
    }

    /// Every row of every table, in order.
    pub fn rows(&self) -> impl Iterator<Item = ((TableId, &[u8]), &Record)> {
        let rows_of = |(table, rows): (&TableId, _)| {
            let rows: &BTreeMap<KeyBytes, Record> = rows;
            let table = *table;
            rows.iter().map(move |(key, record)| ((table, key.as_slice()), record))
        };
        self.tables.iter().flat_map(rows_of)
    }
}

impl Tables for MemoryTables {
    fn get(&self, table: TableId, key: &[u8]) -> Option<Record> {
        self.tables.get(&table)?.get(key).cloned()
    }

    fn scan(&self, table: TableId, range: &KeyRange, reverse: bool, visit: Visit<'_>) {
        let Some(rows) = self.tables.get(&table).filter(|_rows| !range.is_empty()) else { return };
        let bounds = (Bound::Included(range.from.as_slice()), Bound::Excluded(range.to.as_slice()));
        let rows = rows.range::<[u8], _>(bounds);
        let mut visit = |(key, record): (&KeyBytes, &Record)| visit(key, record);
        // The flow only tells whether the visitor wanted less; there is nothing to do about it.
        let _flow = if reverse {
            rows.rev().try_for_each(&mut visit)
        } else {
            { rows }.try_for_each(&mut visit)
        };
    }
}
