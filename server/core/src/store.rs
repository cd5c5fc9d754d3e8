//! What the machine expects of a store, and its twin in memory.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use ledger::draft::{Changes, merged_scan};
use ledger::key::KeyRange;
use ledger::memory::MemoryTables;
use ledger::record::Record;
use ledger::tables::{TableId, Tables, Visit};

/// The durable rows as of one instant. They never change; dropping it gives the space back.
pub type Cut = Arc<dyn Tables + Send + Sync>;

/// The durable rows of one company.
///
/// Reads through [`Tables`] show every batch that was reported as persisted, and may already show
/// later ones, each wholly or not at all per row. A [`Cut`] shows whole batches only.
pub trait Store: Tables {
    /// The rows as they are now.
    fn cut(&self) -> Cut;
}

/// Number of a batch. Contiguous from 1 for each opened machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct BatchNo(pub u64);

/// Rows to be made durable together: all of them or none, in the order of the numbers.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Its number.
    pub no: BatchNo,
    /// The rows; none is a deletion.
    pub changes: Arc<Changes>,
}

/// Tables with layers of changes over them, the newest last.
pub(crate) struct Layers<'a> {
    base: &'a dyn Tables,
    layers: &'a [&'a Changes],
}

impl<'a> Layers<'a> {
    pub(crate) fn over(base: &'a dyn Tables, layers: &'a [&'a Changes]) -> Self {
        Self { base, layers }
    }
}

impl Tables for Layers<'_> {
    fn get(&self, table: TableId, key: &[u8]) -> Option<Record> {
        let wanted = (table, key.to_vec());
        match self.layers.iter().rev().find_map(|layer| layer.get(&wanted)) {
            Some(change) => change.clone(),
            None => self.base.get(table, key),
        }
    }

    fn scan(&self, table: TableId, range: &KeyRange, reverse: bool, visit: Visit<'_>) {
        match self.layers.split_last() {
            None => self.base.scan(table, range, reverse, visit),
            Some((newest, below)) => {
                let below = Layers { base: self.base, layers: below };
                merged_scan(&below, newest, (table, range, reverse), visit);
            }
        }
    }
}

/// A store in memory: what is durable, and batches that were handed over and are not durable yet.
///
/// It does what a disk may do: it completes batches in order, and a power cut keeps any first part
/// of those that were under way.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    durable: Arc<MemoryTables>,
    under_way: VecDeque<Batch>,
}

impl MemoryStore {
    /// No rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// A store that holds `tables`, durably.
    pub fn holding(tables: MemoryTables) -> Self {
        Self { durable: Arc::new(tables), under_way: VecDeque::new() }
    }

    /// Takes a batch over; it is not durable yet.
    pub fn begin(&mut self, batch: Batch) {
        self.under_way.push_back(batch);
    }

    /// Makes the oldest batch under way durable, and says which it was.
    pub fn complete_next(&mut self) -> Option<BatchNo> {
        let batch = self.under_way.pop_front()?;
        Arc::make_mut(&mut self.durable).apply((*batch.changes).clone());
        Some(batch.no)
    }

    /// The power goes: the first `kept` batches under way had reached the disk, the others are gone.
    pub fn power_cut(&mut self, kept: usize) {
        for _batch in 0..kept {
            self.complete_next();
        }
        self.under_way.clear();
    }

    /// Batches under way.
    pub fn n_under_way(&self) -> usize {
        self.under_way.len()
    }

    /// The durable rows.
    pub fn tables(&self) -> &MemoryTables {
        &self.durable
    }

    /// Changes durable rows behind the machine's back: for damage in tests and for restoring.
    pub fn overwrite(&mut self, changes: Changes) {
        Arc::make_mut(&mut self.durable).apply(changes);
    }
}

impl Tables for MemoryStore {
    fn get(&self, table: TableId, key: &[u8]) -> Option<Record> {
        self.durable.get(table, key)
    }

    fn scan(&self, table: TableId, range: &KeyRange, reverse: bool, visit: Visit<'_>) {
        self.durable.scan(table, range, reverse, visit);
    }
}

impl Store for MemoryStore {
    fn cut(&self) -> Cut {
        Arc::<MemoryTables>::clone(&self.durable)
    }
}

/// The rows of `range` as they are stored, at most `rows_max` of them.
pub(crate) fn raw_rows(
    tables: &dyn Tables,
    table: TableId,
    range: &KeyRange,
    rows_max: usize,
) -> Vec<(Vec<u8>, Record)> {
    let mut rows = Vec::new();
    if rows_max == 0 {
        return rows;
    }
    tables.scan(table, range, false, &mut |key, record| {
        rows.push((key.to_vec(), record.clone()));
        if rows.len() < rows_max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::FeedFloors;
    use ledger::draft::Draft;
    use ledger::tables::Read as _;
    use protocol::identity::Lsn;

    fn batch(no: u64, floor: u64) -> Batch {
        let nothing = MemoryTables::new();
        let mut draft = Draft::over(&nothing);
        draft.put::<FeedFloors>(&(), Lsn(floor));
        Batch { no: BatchNo(no), changes: Arc::new(draft.finish()) }
    }

    #[test]
    fn a_power_cut_keeps_a_first_part_of_what_was_under_way() {
        let mut store = MemoryStore::new();
        store.begin(batch(1, 10));
        store.begin(batch(2, 20));
        assert!(!store.has::<FeedFloors>(&()), "nothing is durable before it completes");
        let before = store.cut();
        store.power_cut(1);
        assert_eq!(store.row::<FeedFloors>(&()).as_deref(), Some(&Lsn(10)));
        assert!(!before.has::<FeedFloors>(&()), "a cut never changes");
        assert_eq!(store.n_under_way(), 0);
    }
}
