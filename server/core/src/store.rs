//! What the machine expects of a store, and its twin in memory.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, Weak};

use ledger::draft::{Changes, RowName, change_of, merged_scan};
use ledger::key::{KeyBytes, KeyRange};
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
        match self.layers.iter().rev().find_map(|layer| change_of(layer, table, key)) {
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
#[derive(Debug, Default)]
pub struct MemoryStore {
    durable: MemoryTables,
    versions: Arc<RwLock<Versions>>,
    under_way: VecDeque<Batch>,
}

impl MemoryStore {
    /// No rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// A store that holds `tables`, durably.
    pub fn holding(tables: MemoryTables) -> Self {
        let mut versions = Versions::default();
        versions.write(tables.rows().map(|((table, key), record)| {
            ((table, KeyBytes::from_slice(key)), Some(record.clone()))
        }));
        let versions = Arc::new(RwLock::new(versions));
        Self { durable: tables, versions, under_way: VecDeque::new() }
    }

    /// Takes a batch over; it is not durable yet.
    pub fn begin(&mut self, batch: Batch) {
        self.under_way.push_back(batch);
    }

    /// Makes the oldest batch under way durable, and says which it was.
    pub fn complete_next(&mut self) -> Option<BatchNo> {
        let batch = self.under_way.pop_front()?;
        self.overwrite((*batch.changes).clone());
        Some(batch.no)
    }

    /// The batch that becomes durable next.
    pub fn next_under_way(&self) -> Option<&Batch> {
        self.under_way.front()
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
        let mut versions = self.versions.write().unwrap_or_else(PoisonError::into_inner);
        versions.write(changes.iter().map(|(key, change)| (key.clone(), change.clone())));
        drop(versions);
        self.durable.apply(changes);
    }
}

impl Clone for MemoryStore {
    /// A copy that goes its own way: a backup.
    fn clone(&self) -> Self {
        let mut copy = Self::holding(self.durable.clone());
        copy.under_way.clone_from(&self.under_way);
        copy
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
        let mut versions = self.versions.write().unwrap_or_else(PoisonError::into_inner);
        let alive = Arc::new(());
        let version = versions.version;
        versions.cuts.push_back((version, Arc::downgrade(&alive)));
        Arc::new(VersionCut { versions: Arc::clone(&self.versions), version, _alive: alive })
    }
}

/// The versions of one row that some cut may still read, the newest last.
type RowVersions = Vec<(u64, Option<Record>)>;

/// Every row with its versions.
#[derive(Debug, Default)]
struct Versions {
    version: u64,
    rows: BTreeMap<(TableId, KeyBytes), RowVersions>,
    cuts: VecDeque<(u64, Weak<()>)>,
}

impl Versions {
    /// Makes `changes` the next version.
    fn write(&mut self, changes: impl Iterator<Item = ((TableId, KeyBytes), Option<Record>)>) {
        while self.cuts.front().is_some_and(|(_version, cut)| cut.strong_count() == 0) {
            self.cuts.pop_front();
        }
        let oldest = self.cuts.front().map_or(u64::MAX, |(version, _cut)| *version);
        self.version = self.version.saturating_add(1);
        for (key, change) in changes {
            let versions = self.rows.entry(key).or_default();
            // What the oldest cut reads, and what came after it, is kept.
            let kept = versions.partition_point(|(version, _row)| *version <= oldest);
            versions.drain(..kept.saturating_sub(1));
            versions.push((self.version, change));
        }
    }

    fn at(versions: &[(u64, Option<Record>)], version: u64) -> Option<&Record> {
        let (_version, row) = versions.iter().rev().find(|(of, _row)| *of <= version)?;
        row.as_ref()
    }
}

struct VersionCut {
    versions: Arc<RwLock<Versions>>,
    version: u64,
    _alive: Arc<()>,
}

/// Rows that a scan reads before it shows them: the lock is not held while they are shown.
const ROWS_AT_ONCE: usize = 64;

impl VersionCut {
    fn read(&self) -> RwLockReadGuard<'_, Versions> {
        self.versions.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn some_rows(
        &self,
        table: TableId,
        range: &KeyRange,
        reverse: bool,
    ) -> Vec<(KeyBytes, Option<Record>)> {
        let versions = self.read();
        let bounds = (table, range.from.clone())..(table, range.to.clone());
        let rows = versions
            .rows
            .range(bounds)
            .map(|((_table, key), row)| (key.clone(), Versions::at(row, self.version).cloned()));
        if reverse {
            rows.rev().take(ROWS_AT_ONCE).collect()
        } else {
            rows.take(ROWS_AT_ONCE).collect()
        }
    }
}

impl Tables for VersionCut {
    fn get(&self, table: TableId, key: &[u8]) -> Option<Record> {
        let versions = self.read();
        let name: &dyn RowName = &(table, key);
        let row = versions.rows.get(name)?;
        Versions::at(row, self.version).cloned()
    }

    fn scan(&self, table: TableId, range: &KeyRange, reverse: bool, visit: Visit<'_>) {
        let mut range = range.clone();
        while !range.is_empty() {
            let rows = self.some_rows(table, &range, reverse);
            let is_last = rows.len() < ROWS_AT_ONCE;
            let edge = rows.last().map(|(key, _row)| key.clone());
            for (key, row) in rows {
                if let Some(row) = row
                    && visit(&key, &row).is_break()
                {
                    return;
                }
            }
            match edge {
                Some(edge) if !is_last && reverse => range.to = edge,
                Some(mut edge) if !is_last => {
                    edge.push(0);
                    range.from = edge;
                }
                Some(_) | None => return,
            }
        }
    }
}

/// The rows of `range` as they are stored, at most `rows_max` of them.
pub(crate) fn raw_rows(
    tables: &dyn Tables,
    table: TableId,
    range: &KeyRange,
    rows_max: usize,
) -> Vec<(KeyBytes, Record)> {
    let mut rows = Vec::new();
    if rows_max == 0 {
        return rows;
    }
    tables.scan(table, range, false, &mut |key, record| {
        rows.push((KeyBytes::from_slice(key), record.clone()));
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
    fn a_cut_shows_its_version_whatever_is_written_and_deleted_later() {
        use crate::schema::Epochs;
        use ledger::key::KeyRange;
        use protocol::identity::ServerEpoch;
        let nothing = MemoryTables::new();
        let mut store = MemoryStore::new();
        let mut cuts: Vec<(u32, Cut)> = Vec::new();
        for round in 1..=200_u32 {
            let mut draft = Draft::over(&nothing);
            draft.put::<Epochs>(&ServerEpoch(round), Lsn(u64::from(round)));
            draft.put::<FeedFloors>(&(), Lsn(u64::from(round)));
            if round % 3 == 0 {
                draft.delete::<Epochs>(&ServerEpoch(round / 3));
            }
            store.overwrite(draft.finish());
            cuts.push((round, store.cut()));
            if round % 7 == 0 {
                cuts.remove(cuts.len() / 2);
            }
        }
        for (round, cut) in &cuts {
            assert_eq!(cut.row::<FeedFloors>(&()).as_deref(), Some(&Lsn(u64::from(*round))));
            let rows = cut.list::<Epochs>(&KeyRange::all());
            let wanted: Vec<u32> = (1..=*round).filter(|n| n * 3 > *round).collect();
            let found: Vec<u32> = rows.iter().map(|(epoch, _row)| epoch.0).collect();
            assert_eq!(found, wanted, "version {round}");
            let last = cut.last::<Epochs>(&KeyRange::all()).map(|(epoch, _row)| epoch.0);
            assert_eq!(last, Some(*round));
        }
        drop(cuts);
        let mut draft = Draft::over(&nothing);
        draft.put::<FeedFloors>(&(), Lsn(0));
        store.overwrite(draft.finish());
        let versions = store.versions.read().unwrap();
        let kept = versions.rows.values().map(Vec::len).max();
        assert!(kept <= Some(2), "nobody reads old versions any more: {kept:?}");
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
