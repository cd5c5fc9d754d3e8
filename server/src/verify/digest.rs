//! Digests of tables: what two stores are compared by without holding both in memory.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use ledger::key::KeyRange;
use ledger::record::Record;
use ledger::tables::{TableId, Tables};
use protocol::identity::Lsn;
use sha2::{Digest as _, Sha256};

use super::{book_tables, is_compared};
use crate::secret;

/// Works for a while, then leaves the machine to others for as long: a backup that runs beside the
/// day's work must not be felt.
#[derive(Debug)]
pub struct Pace {
    since: Instant,
    busy: Duration,
    /// None: at full speed, for a store that nobody else uses.
    rest: Option<Duration>,
}

impl Pace {
    /// At full speed.
    #[expect(clippy::disallowed_methods, reason = "it measures its own work, and decides nothing")]
    pub fn full() -> Self {
        Self { since: Instant::now(), busy: Duration::MAX, rest: None }
    }

    /// Beside the day's work: 5 ms of work, 5 ms of rest.
    #[expect(clippy::disallowed_methods, reason = "it measures its own work, and decides nothing")]
    pub fn beside_work() -> Self {
        let slice = Duration::from_millis(5);
        Self { since: Instant::now(), busy: slice, rest: Some(slice) }
    }

    /// Called between small pieces of work.
    #[expect(clippy::disallowed_methods, reason = "it measures its own work, and decides nothing")]
    pub fn rest(&mut self) {
        if let Some(rest) = self.rest
            && self.since.elapsed() >= self.busy
        {
            std::thread::sleep(rest);
            self.since = Instant::now();
        }
    }
}

/// Rows of a table, and the SHA-256 of all of them in order.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TableDigest {
    /// How many.
    pub rows: u64,
    /// In hexadecimal, over length and bytes of each key and row, without the version of the row.
    pub sha256: String,
}

/// The digests of all tables that follow from the book, by number.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Digests(BTreeMap<u8, TableDigest>);

impl Digests {
    /// The digests of `tables`; the feed index counts above `floor` only.
    pub fn of(tables: &dyn Tables, floor: Lsn, pace: &mut Pace) -> Self {
        let digests = book_tables().map(|(table, _name)| {
            let mut hasher = Hasher::default();
            tables.scan(table, &KeyRange::all(), false, &mut |key, record| {
                if is_compared(table, key, floor) {
                    hasher.take(key, record);
                    pace.rest();
                }
                ControlFlow::Continue(())
            });
            (table.0, hasher.finish())
        });
        Self(digests.collect())
    }

    /// The digest of one table.
    pub fn get(&self, table: TableId) -> Option<&TableDigest> {
        self.0.get(&table.0)
    }

    /// Rows of all tables.
    pub fn n_rows(&self) -> u64 {
        self.0.values().map(|digest| digest.rows).sum()
    }

    /// The first table in which the two differ, by name. A table that one of them does not know, because it
    /// came later, is the same as one without rows.
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        let rows = |digests: &Self, table| digests.get(table).map_or(0, |digest| digest.rows);
        book_tables()
            .find(|(table, _name)| {
                let (ours, theirs) = (self.get(*table), other.get(*table));
                ours != theirs && (rows(self, *table), rows(other, *table)) != (0, 0)
            })
            .map(|(_table, name)| name)
    }

    /// One digest of all of them, in hexadecimal.
    pub fn whole(&self) -> String {
        let mut hasher = Sha256::new();
        for (table, digest) in &self.0 {
            hasher.update([*table]);
            hasher.update(digest.rows.to_le_bytes());
            hasher.update(digest.sha256.as_bytes());
        }
        secret::hex(&<[u8; 32]>::from(hasher.finalize()))
    }
}

#[derive(Default)]
struct Hasher {
    rows: u64,
    sha: Sha256,
}

impl Hasher {
    fn take(&mut self, key: &[u8], record: &Record) {
        self.rows += 1;
        self.sha.update((key.len() as u64).to_le_bytes());
        self.sha.update(key);
        // Not the version that it was written in: an unchanged row keeps that of its release.
        self.sha.update((record.content().len() as u64).to_le_bytes());
        self.sha.update(record.content());
    }

    fn finish(self) -> TableDigest {
        let sha256 = secret::hex(&<[u8; 32]>::from(self.sha.finalize()));
        TableDigest { rows: self.rows, sha256 }
    }
}

/// Rows that are read from each side at a time.
const PAGE_ROWS: usize = 512;

type Rows = Vec<(Vec<u8>, Record)>;

/// The first row in which the two differ, in a sentence for people who mend it.
pub(super) fn first_difference(
    left: &dyn Tables,
    right: &dyn Tables,
    table: TableId,
    floor: Lsn,
) -> Option<String> {
    let mut range = KeyRange::all();
    loop {
        let (ours, theirs) = (page(left, table, &range, floor), page(right, table, &range, floor));
        for (mine, other) in ours.iter().zip(&theirs) {
            if mine.0 < other.0 {
                return Some(format!("row {} follows from nothing", key_text(&mine.0)));
            }
            if mine.0 > other.0 {
                return Some(format!("row {} is missing", key_text(&other.0)));
            }
            if mine.1.content() != other.1.content() {
                return Some(format!("row {} has other content", key_text(&mine.0)));
            }
        }
        if ours.len() != theirs.len() {
            let (more, what) = if ours.len() > theirs.len() {
                (&ours, "follows from nothing")
            } else {
                (&theirs, "is missing")
            };
            let first = more.get(ours.len().min(theirs.len()))?;
            return Some(format!("row {} {what}", key_text(&first.0)));
        }
        let (last, _record) = ours.last()?;
        range.from = last.iter().copied().chain([0]).collect();
    }
}

fn page(tables: &dyn Tables, table: TableId, range: &KeyRange, floor: Lsn) -> Rows {
    let mut rows = Rows::new();
    tables.scan(table, range, false, &mut |key, record| {
        if is_compared(table, key, floor) {
            rows.push((key.to_vec(), record.clone()));
        }
        if rows.len() < PAGE_ROWS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    rows
}

fn key_text(key: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(key)
}
