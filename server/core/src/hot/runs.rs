//! Parts of tables: ranges of keys of which every row is known, so that a range that is asked for
//! again and again is read once.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use ledger::key::{KeyBytes, KeyRange};
use ledger::record::Record;
use ledger::tables::{TableId, Visit};

use super::rows::Known;
use super::{BYTES_MAX, weight};

/// A part that has grown beyond so many rows is cut, and not joined with another.
const ROWS_PER_RUN: usize = 64;
/// Runs and their rows together, before all of them are forgotten.
const ROWS_MAX: usize = 200_000;

/// Rows in order of their keys.
pub(super) type RowList = Vec<(Box<[u8]>, Record)>;

/// A part of a table from the key that it is listed under, with all of its rows.
struct Run {
    /// The first key beyond it.
    to: KeyBytes,
    rows: Arc<RowList>,
    /// What they weigh.
    bytes: usize,
}

/// A part that was asked for.
pub(super) struct Found {
    pub(super) part: KeyRange,
    pub(super) rows: Arc<RowList>,
}

/// Parts of tables. Those of one table do not overlap.
#[derive(Default)]
pub(super) struct Runs {
    tables: BTreeMap<TableId, BTreeMap<KeyBytes, Run>>,
    n_rows: usize,
    n_bytes: usize,
}

impl Runs {
    /// The part that holds the beginning of `range`, or its end when `reverse`.
    pub(super) fn find(&self, table: TableId, range: &KeyRange, reverse: bool) -> Option<Found> {
        let runs = self.tables.get(&table)?;
        let last = if reverse {
            Bound::Excluded(range.to.as_slice())
        } else {
            Bound::Included(range.from.as_slice())
        };
        let (from, run) = runs.range::<[u8], _>((Bound::Unbounded, last)).next_back()?;
        let holds = if reverse { run.to >= range.to } else { run.to > range.from };
        holds.then(|| Found {
            part: KeyRange { from: from.clone(), to: run.to.clone() },
            rows: Arc::clone(&run.rows),
        })
    }

    /// What a part that is known says of one row.
    pub(super) fn row(&self, table: TableId, key: &[u8]) -> Option<Known> {
        let up_to = (Bound::Unbounded, Bound::Included(key));
        let (_from, run) = self.tables.get(&table)?.range::<[u8], _>(up_to).next_back()?;
        if run.to.as_slice() <= key {
            return None;
        }
        let place = run.rows.binary_search_by(|(known, _row)| known.as_ref().cmp(key));
        let row = place.ok().and_then(|at| run.rows.get(at)).map(|(_key, row)| row.clone());
        Some(row.into())
    }

    /// Takes note that `fresh` are all rows of `part`, which lies beside `before` where that is
    /// given. What was known of parts that overlap goes.
    pub(super) fn learn(
        &mut self,
        table: TableId,
        mut part: KeyRange,
        mut fresh: RowList,
        before: Option<Found>,
    ) {
        if self.n_rows > ROWS_MAX || self.n_bytes > BYTES_MAX {
            *self = Self::default();
        }
        if let Some(before) = before
            && before.rows.len().saturating_add(fresh.len()) <= ROWS_PER_RUN
        {
            if before.part.to == part.from {
                let rows = before.rows.iter().cloned().chain(fresh).collect();
                (part.from, fresh) = (before.part.from, rows);
            } else if part.to == before.part.from {
                fresh.extend(before.rows.iter().cloned());
                part.to = before.part.to;
            }
        }
        let overlapping: Vec<KeyBytes> = self
            .tables
            .entry(table)
            .or_default()
            .range::<[u8], _>((Bound::Unbounded, Bound::Excluded(part.to.as_slice())))
            .rev()
            .take_while(|(_from, run)| run.to > part.from)
            .map(|(from, _run)| from.clone())
            .collect();
        for from in overlapping {
            self.forget(table, &from);
        }
        self.n_rows = self.n_rows.saturating_add(fresh.len()).saturating_add(1);
        let bytes = fresh.iter().map(|(key, row)| weight(key, Some(row)));
        let bytes = bytes.fold(weight(&part.from, None), usize::saturating_add);
        self.n_bytes = self.n_bytes.saturating_add(bytes);
        let run = Run { to: part.to, rows: Arc::new(fresh), bytes };
        self.tables.entry(table).or_default().insert(part.from, run);
    }

    /// Changes, adds or drops a row of a part that is known.
    pub(super) fn overwrite(&mut self, table: TableId, key: &[u8], row: Option<&Record>) {
        let Some(runs) = self.tables.get_mut(&table) else { return };
        let up_to = (Bound::Unbounded, Bound::Included(key));
        let Some((from, run)) = runs.range_mut::<[u8], _>(up_to).next_back() else { return };
        if run.to.as_slice() <= key {
            return;
        }
        let is_last = run.rows.last().is_none_or(|(last, _row)| last.as_ref() < key);
        let place = if is_last {
            Err(run.rows.len())
        } else {
            run.rows.binary_search_by(|(known, _row)| known.as_ref().cmp(key))
        };
        let rows = Arc::make_mut(&mut run.rows);
        let known = place.ok().and_then(|at| rows.get(at)).map(|(key, row)| weight(key, Some(row)));
        let (before, now) = (known.unwrap_or(0), row.map_or(0, |row| weight(key, Some(row))));
        run.bytes = run.bytes.saturating_sub(before).saturating_add(now);
        self.n_bytes = self.n_bytes.saturating_sub(before).saturating_add(now);
        match (place, row) {
            (Ok(at), Some(row)) => {
                if let Some((_key, known)) = rows.get_mut(at) {
                    *known = row.clone();
                }
            }
            (Ok(at), None) => {
                rows.remove(at);
                self.n_rows = self.n_rows.saturating_sub(1);
            }
            (Err(at), Some(row)) => {
                rows.insert(at, (key.into(), row.clone()));
                self.n_rows = self.n_rows.saturating_add(1);
                if rows.len() > ROWS_PER_RUN {
                    let from = from.clone();
                    self.cut(table, from, at);
                }
            }
            (Err(_at), None) => {}
        }
    }

    /// Keeps the half of a part that has grown too long in which row `at` lies: what grows at one end
    /// is asked for at that end.
    fn cut(&mut self, table: TableId, from: KeyBytes, at: usize) {
        let Some(runs) = self.tables.get_mut(&table) else { return };
        let Some(mut run) = runs.remove(&from) else { return };
        let rows = Arc::make_mut(&mut run.rows);
        let half = rows.len() >> 1;
        let upper = rows.split_off(half);
        let Some((edge, _row)) = upper.first() else { return };
        let edge = KeyBytes::from_slice(edge);
        let gone = if at >= half { std::mem::replace(rows, upper) } else { upper };
        let bytes = gone.iter().map(|(key, row)| weight(key, Some(row)));
        let bytes = bytes.fold(0, usize::saturating_add);
        run.bytes = run.bytes.saturating_sub(bytes);
        self.n_bytes = self.n_bytes.saturating_sub(bytes);
        self.n_rows = self.n_rows.saturating_sub(gone.len());
        if at >= half {
            runs.insert(edge, run);
        } else {
            run.to = edge;
            runs.insert(from, run);
        }
    }

    fn forget(&mut self, table: TableId, from: &[u8]) {
        let run = self.tables.get_mut(&table).and_then(|runs| runs.remove(from));
        if let Some(run) = run {
            self.n_rows = self.n_rows.saturating_sub(run.rows.len()).saturating_sub(1);
            self.n_bytes = self.n_bytes.saturating_sub(run.bytes);
        }
    }
}

/// Shows the rows that lie in `range`.
pub(super) fn show(
    rows: &RowList,
    range: &KeyRange,
    reverse: bool,
    visit: Visit<'_>,
) -> ControlFlow<()> {
    let place = |edge: &[u8]| rows.partition_point(|(key, _row)| key.as_ref() < edge);
    let shown = rows.get(place(&range.from)..place(&range.to)).unwrap_or_default();
    let mut visit = |(key, row): &(Box<[u8]>, Record)| visit(key, row);
    if reverse {
        shown.iter().rev().try_for_each(&mut visit)
    } else {
        shown.iter().try_for_each(&mut visit)
    }
}
