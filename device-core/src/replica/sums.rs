//! Sums over the rows that are read, counted in pages beside the work, and what they were as of the
//! latest decisions: by them the server finds out whether this replica is what it should be.
//!
//! They are counted from the rows themselves, again and again, and never stored: a row that the
//! store has lost is noticed as well as one that the server forgot to send.

use std::collections::VecDeque;

use protocol::digest::{Sums, bucket, row_sum};
use protocol::identity::Lsn;

use super::{ROW, Replica, row_key};
use crate::store::StoreError;

/// Steps back that are remembered.
const STEPS_MAX: usize = 256;
/// Changes of buckets that are remembered, of all steps together.
const CHANGES_MAX: usize = 20_000;
/// Rows that are counted at once.
const PAGE: usize = 500;

/// By how much a bucket changes where a row does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moved {
    table: u8,
    key: Vec<u8>,
    by: u64,
}

impl Moved {
    /// The row under `key` was `before` and is `after`.
    pub(super) fn new(table: u8, key: &[u8], before: Option<&[u8]>, after: Option<&[u8]>) -> Self {
        let sum = |row: Option<&[u8]>| row.map_or(0, |row| row_sum(table, key, row));
        Self { table, key: key.to_vec(), by: sum(after).wrapping_sub(sum(before)) }
    }
}

/// What one DELTA did to the sums.
#[derive(Debug)]
struct Step {
    /// The first decision in it.
    first: Lsn,
    /// The cursor after it.
    to: Lsn,
    changes: Vec<(u8, u8, u64)>,
}

/// The sums, and how far they are counted.
#[derive(Debug, Default)]
pub(super) struct Counting {
    sums: Sums,
    /// The last row that is counted, as the store names it; none when all are.
    position: Option<Vec<u8>>,
    is_whole: bool,
    /// Sums are known from this cursor on.
    since: Lsn,
    steps: VecDeque<Step>,
    n_changes: usize,
}

impl Counting {
    /// Begins anew.
    pub(super) fn restart(&mut self) {
        *self = Self::default();
    }

    /// Rows of `generation` were changed by a DELTA up to `to`.
    pub(super) fn take(&mut self, generation: u32, moved: Vec<Moved>, (first, to): (Lsn, Lsn)) {
        if !self.is_whole {
            let counted = |moved: &Moved| {
                let place = row_key(generation, moved.table, &moved.key);
                self.position.as_ref().is_some_and(|position| place <= *position)
            };
            let counted: Vec<Moved> = moved.into_iter().filter(counted).collect();
            for moved in counted {
                self.sums.change(moved.table, bucket(&moved.key), moved.by);
            }
            return;
        }
        let mut changes = Vec::with_capacity(moved.len());
        for moved in moved {
            let bucket = bucket(&moved.key);
            self.sums.change(moved.table, bucket, moved.by);
            changes.push((moved.table, bucket, moved.by));
        }
        self.n_changes += changes.len();
        self.steps.push_back(Step { first, to, changes });
        while self.steps.len() > STEPS_MAX || self.n_changes > CHANGES_MAX {
            let Some(oldest) = self.steps.pop_front() else { break };
            self.n_changes -= oldest.changes.len();
            self.since = oldest.to;
        }
    }

    fn at(&self, lsn: Lsn) -> Option<Sums> {
        if !self.is_whole || lsn < self.since {
            return None;
        }
        let mut sums = self.sums.clone();
        for step in self.steps.iter().rev() {
            if step.to <= lsn {
                break;
            }
            if step.first <= lsn {
                // The decision lies within a DELTA: what the rows were in between is not known.
                return None;
            }
            for (table, bucket, by) in &step.changes {
                sums.change(*table, *bucket, by.wrapping_neg());
            }
        }
        Some(sums)
    }
}

impl Replica {
    /// Counts a page of rows; says whether there are more.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn count_rows(&mut self) -> Result<bool, StoreError> {
        if self.counting.is_whole || self.meta.cursor == Lsn(0) {
            return Ok(false);
        }
        let mut prefix = vec![ROW];
        prefix.extend_from_slice(&self.meta.live.to_be_bytes());
        let from = match &self.counting.position {
            Some(position) => [position.as_slice(), &[0]].concat(),
            None => prefix.clone(),
        };
        let rows = self.store.scan(&prefix, &from, PAGE)?;
        let is_last = rows.len() < PAGE;
        for (place, row) in &rows {
            let (table, key) = place
                .get(prefix.len()..)
                .and_then(<[u8]>::split_first)
                .ok_or(StoreError::Damaged)?;
            self.counting.sums.add(*table, key, row);
        }
        if let Some((place, _row)) = rows.into_iter().next_back() {
            self.counting.position = Some(place);
        }
        if is_last {
            self.counting.is_whole = true;
            self.counting.since = self.meta.cursor;
        }
        Ok(!is_last)
    }

    /// Counts all rows anew: what was lost since is found, too.
    pub fn count_anew(&mut self) {
        self.counting.restart();
    }

    /// The sums of the rows as of `lsn`, where they are known. A decision after the cursor has
    /// changed nothing here, or its DELTA would have come.
    pub fn sums_at(&self, lsn: Lsn) -> Option<Sums> {
        self.counting.at(lsn)
    }
}
