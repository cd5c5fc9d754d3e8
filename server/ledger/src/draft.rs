//! A draft: one posting in the making. It reads through what it has itself changed and ends in a
//! set of changes, or in nothing.

use std::borrow::Borrow;
use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::btree_map::Range;
use std::ops::{Bound, ControlFlow};

use crate::key::{Key, KeyBytes, KeyRange};
use crate::record::Record;
use crate::tables::{Table, TableId, Tables, Visit};

/// Reads and writes that one judgement may make before it is parked as poison. Counted, never
/// timed: a slow day must not park other operations than a fast one.
pub const BUDGET: u64 = 200_000;

/// What a draft, or a group of them, has changed: none is a deletion.
pub type Changes = BTreeMap<(TableId, KeyBytes), Option<Record>>;

/// The name of a row, owned or borrowed: maps of rows are searched without making a key.
pub trait RowName {
    /// Table and key.
    fn name(&self) -> (TableId, &[u8]);
}

impl RowName for (TableId, KeyBytes) {
    fn name(&self) -> (TableId, &[u8]) {
        (self.0, &self.1)
    }
}

impl RowName for (TableId, &[u8]) {
    fn name(&self) -> (TableId, &[u8]) {
        *self
    }
}

impl<'a> Borrow<dyn RowName + 'a> for (TableId, KeyBytes) {
    fn borrow(&self) -> &(dyn RowName + 'a) {
        self
    }
}

impl PartialEq for dyn RowName + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for dyn RowName + '_ {}

impl PartialOrd for dyn RowName + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for dyn RowName + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name().cmp(&other.name())
    }
}

/// What `changes` say of a row; none when they do not mention it.
pub fn change_of<'c>(
    changes: &'c Changes,
    table: TableId,
    key: &[u8],
) -> Option<&'c Option<Record>> {
    let name: &dyn RowName = &(table, key);
    changes.get(name)
}

/// A layer of changes over other tables.
pub struct Overlay<'a> {
    base: &'a dyn Tables,
    changes: Changes,
}

impl<'a> Overlay<'a> {
    /// No changes over `base`.
    pub fn over(base: &'a dyn Tables) -> Self {
        Self { base, changes: Changes::new() }
    }

    /// Adds `changes` on top.
    pub fn absorb(&mut self, changes: Changes) {
        self.changes.extend(changes);
    }

    /// The changes so far.
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Gives the changes away.
    pub fn into_changes(self) -> Changes {
        self.changes
    }
}

impl Tables for Overlay<'_> {
    fn get(&self, table: TableId, key: &[u8]) -> Option<Record> {
        match change_of(&self.changes, table, key) {
            Some(change) => change.clone(),
            None => self.base.get(table, key),
        }
    }

    fn scan(&self, table: TableId, range: &KeyRange, reverse: bool, visit: Visit<'_>) {
        merged_scan(self.base, &self.changes, (table, range, reverse), visit);
    }
}

/// The entries of a map of rows that lie in `range`, which is not empty.
pub(crate) fn rows_of<'m, V>(
    rows: &'m BTreeMap<(TableId, KeyBytes), V>,
    table: TableId,
    range: &KeyRange,
) -> Range<'m, (TableId, KeyBytes), V> {
    let (from, to) = ((table, range.from.as_slice()), (table, range.to.as_slice()));
    let (from, to): (&dyn RowName, &dyn RowName) = (&from, &to);
    rows.range::<dyn RowName, _>((Bound::Included(from), Bound::Excluded(to)))
}

/// Changes of a range, in the order of a scan.
type OurRows<'c> = Box<dyn Iterator<Item = (&'c (TableId, KeyBytes), &'c Option<Record>)> + 'c>;

/// Scans `base` with `changes` laid over it.
pub fn merged_scan(
    base: &dyn Tables,
    changes: &Changes,
    (table, range, reverse): (TableId, &KeyRange, bool),
    visit: Visit<'_>,
) {
    if range.is_empty() {
        return;
    }
    let in_range = rows_of(changes, table, range);
    if in_range.clone().next().is_none() {
        return base.scan(table, range, reverse, visit);
    }
    let ours: OurRows<'_> = if reverse { Box::new(in_range.rev()) } else { Box::new(in_range) };
    let mut ours = ours.peekable();
    let mut stopped = false;
    base.scan(table, range, reverse, &mut |key, record| {
        while let Some(((_table, our_key), change)) = ours.peek() {
            let comes_first =
                if reverse { our_key.as_slice() > key } else { our_key.as_slice() < key };
            let same = our_key.as_slice() == key;
            if !comes_first && !same {
                break;
            }
            let flow =
                change.as_ref().map_or(ControlFlow::Continue(()), |ours| visit(our_key, ours));
            ours.next();
            if flow.is_break() {
                stopped = true;
                return ControlFlow::Break(());
            }
            if same {
                return ControlFlow::Continue(());
            }
        }
        let flow = visit(key, record);
        stopped = flow.is_break();
        flow
    });
    if stopped {
        return;
    }
    for ((_table, key), change) in ours {
        if let Some(record) = change
            && visit(key, record).is_break()
        {
            return;
        }
    }
}

/// A moment of a draft, to go back to.
#[derive(Debug, Clone, Copy)]
pub struct Savepoint(Moment);

#[derive(Debug, Clone, Copy)]
enum Moment {
    /// Nothing was changed yet.
    Untouched,
    /// So many changes could be taken back.
    After(usize),
}

/// A row, and what the draft said of it before.
type Undo = ((TableId, KeyBytes), Option<Option<Record>>);

/// One posting in the making.
pub struct Draft<'a> {
    overlay: Overlay<'a>,
    /// How to take back what was changed after the first savepoint that had something to keep. Most drafts
    /// have none: those of one posting begin with nothing.
    undo: Option<Vec<Undo>>,
    spent: Cell<u64>,
    budget: u64,
}

impl<'a> Draft<'a> {
    /// An empty draft over `base`, with the usual [`BUDGET`].
    pub fn over(base: &'a dyn Tables) -> Self {
        Self::with_budget(base, BUDGET)
    }

    /// An empty draft over `base` that may make `budget` reads and writes.
    pub fn with_budget(base: &'a dyn Tables, budget: u64) -> Self {
        Self { overlay: Overlay::over(base), undo: None, spent: Cell::new(0), budget }
    }

    /// Writes `row` under `key`.
    pub fn put<T: Table>(&mut self, key: &T::Key, row: T::Row) {
        self.spend();
        self.change((T::ID, key.to_bytes()), Some(Record::from_row(row)));
    }

    /// Takes the row under `key` away.
    pub fn delete<T: Table>(&mut self, key: &T::Key) {
        self.spend();
        self.change((T::ID, key.to_bytes()), None);
    }

    fn change(&mut self, name: (TableId, KeyBytes), change: Option<Record>) {
        match &mut self.undo {
            None => {
                self.overlay.changes.insert(name, change);
            }
            Some(undo) => {
                let before = self.overlay.changes.insert(name.clone(), change);
                undo.push((name, before));
            }
        }
    }

    /// This moment, to go back to. Costs nothing, whatever was changed before it.
    pub fn savepoint(&mut self) -> Savepoint {
        if self.undo.is_none() && self.overlay.changes.is_empty() {
            return Savepoint(Moment::Untouched);
        }
        Savepoint(Moment::After(self.undo.get_or_insert_default().len()))
    }

    /// Forgets what was changed after `savepoint`, and all savepoints after it. What was spent stays
    /// spent.
    pub fn restore(&mut self, savepoint: Savepoint) {
        match savepoint.0 {
            Moment::Untouched => {
                self.overlay.changes.clear();
                self.undo = None;
            }
            Moment::After(kept) => {
                let undo = self.undo.as_mut().map(|undo| undo.split_off(kept.min(undo.len())));
                for (name, before) in undo.into_iter().flatten().rev() {
                    match before {
                        Some(change) => {
                            self.overlay.changes.insert(name, change);
                        }
                        None => {
                            self.overlay.changes.remove(&name);
                        }
                    }
                }
            }
        }
    }

    /// Lets this judgement make `more` reads and writes: it does what was staged as many slices.
    pub fn allow(&mut self, more: u64) {
        self.budget = self.budget.saturating_add(more);
    }

    /// Reads and writes made so far.
    pub fn spent(&self) -> u64 {
        self.spent.get()
    }

    /// Whether the budget is used up. Reads find nothing then, and what the draft holds must not
    /// be used: the operation is parked as poison.
    pub fn is_exhausted(&self) -> bool {
        self.spent.get() > self.budget
    }

    /// Whether there are rows in `range` that it has written itself.
    pub fn has_written<T: Table>(&self, range: &KeyRange) -> bool {
        self.spend();
        !range.is_empty()
            && rows_of(&self.overlay.changes, T::ID, range).any(|(_name, row)| row.is_some())
    }

    /// Ends the draft: what it changed.
    pub fn finish(self) -> Changes {
        self.overlay.changes
    }

    /// What it has changed so far.
    pub fn changes(&self) -> &Changes {
        &self.overlay.changes
    }

    fn spend(&self) {
        self.spent.set(self.spent.get().saturating_add(1));
    }
}

impl Tables for Draft<'_> {
    fn get(&self, table: TableId, key: &[u8]) -> Option<Record> {
        self.spend();
        if self.is_exhausted() { None } else { self.overlay.get(table, key) }
    }

    fn scan(&self, table: TableId, range: &KeyRange, reverse: bool, visit: Visit<'_>) {
        self.spend();
        self.overlay.scan(table, range, reverse, &mut |key, record| {
            self.spend();
            if self.is_exhausted() { ControlFlow::Break(()) } else { visit(key, record) }
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::memory::MemoryTables;
    use crate::schema::money::AdjustmentMarks;
    use crate::schema::{EntryNo, ItemId};

    #[derive(Debug, Clone)]
    enum Step {
        Put(u8, u64),
        Delete(u8),
        Save,
        Restore(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..6_u8, 0..9_u64).prop_map(|(key, row)| Step::Put(key, row)),
            2 => (0..6_u8).prop_map(Step::Delete),
            2 => Just(Step::Save),
            1 => (0..8_usize).prop_map(Step::Restore),
        ]
    }

    fn key(n: u8) -> (ItemId, u8, EntryNo) {
        (ItemId(1), n, EntryNo(0))
    }

    proptest! {
        #[test]
        fn a_savepoint_brings_back_what_was_there_then(steps in prop::collection::vec(step(), 0..60)) {
            let tables = MemoryTables::new();
            let mut draft = Draft::over(&tables);
            let mut saved: Vec<(Savepoint, Changes)> = Vec::new();
            for step in steps {
                match step {
                    Step::Put(n, row) => draft.put::<AdjustmentMarks>(&key(n), EntryNo(row)),
                    Step::Delete(n) => draft.delete::<AdjustmentMarks>(&key(n)),
                    Step::Save => saved.push((draft.savepoint(), draft.changes().clone())),
                    Step::Restore(nth) if nth < saved.len() => {
                        // Those after it are gone; it can be gone back to again.
                        saved.truncate(nth + 1);
                        let (savepoint, changes) = &saved[nth];
                        draft.restore(*savepoint);
                        prop_assert_eq!(draft.changes(), changes);
                    }
                    Step::Restore(_) => {}
                }
            }
        }
    }
}
