//! The in-memory twin of a store: tables for tests and simulations.

use std::collections::BTreeMap;

use crate::draft::{Changes, RowName, rows_of};
use crate::key::KeyRange;
use crate::record::Record;
use crate::tables::{TableId, Tables, Visit};

/// Tables in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryTables {
    rows: BTreeMap<(TableId, Vec<u8>), Record>,
}

impl MemoryTables {
    /// No rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes `changes` part of the tables.
    pub fn apply(&mut self, changes: Changes) {
        for (key, change) in changes {
            match change {
                Some(record) => self.rows.insert(key, record),
                None => self.rows.remove(&key),
            };
        }
    }

    /// Every row of every table, in order.
    pub fn rows(&self) -> impl Iterator<Item = (&(TableId, Vec<u8>), &Record)> {
        self.rows.iter()
    }
}

impl Tables for MemoryTables {
    fn get(&self, table: TableId, key: &[u8]) -> Option<Record> {
        let name: &dyn RowName = &(table, key);
        self.rows.get(name).cloned()
    }

    fn scan(&self, table: TableId, range: &KeyRange, reverse: bool, visit: Visit<'_>) {
        if range.is_empty() {
            return;
        }
        let rows = rows_of(&self.rows, table, range);
        let mut visit =
            |((_table, key), record): (&(TableId, Vec<u8>), &Record)| visit(key, record);
        // The flow only tells whether the visitor wanted less; there is nothing to do about it.
        let _flow = if reverse {
            rows.rev().try_for_each(&mut visit)
        } else {
            { rows }.try_for_each(&mut visit)
        };
    }
}
