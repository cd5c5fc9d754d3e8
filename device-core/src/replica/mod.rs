//! The replica: rows of the server under `(table, key)`, as of a cursor.
//!
//! # Invariants
//!
//! 1. Rows, cursor, "outcome applied" marks and own outcomes of a DELTA change in one batch of the
//!    store. After a power cut all of them are older together.
//! 2. A row is reachable through its indexes exactly as long as it is there.
//! 3. While a snapshot streams, readers see the rows of before; they see the new ones from the
//!    batch on that ends it, and rows that the snapshot did not name are gone with that batch.
//!    Only a device that has no rows at all reads from the incoming ones, once they are ready.
//! 4. A row that this build cannot read is kept as it came, without indexes.
//!
//! Marks: an operation whose outcome was applied is *judged*. Per incarnation there is a number up
//! to which all are judged, and single marks above it.
//!
//! Never here: operations, sequence numbers, acknowledgements: those are the recorder's.
//!
//! Order of reading: [`Replica`], `apply` (DELTA), `snapshot`, `index` and `read` (what screens
//! ask).

mod apply;
mod index;
mod marks;
mod read;
mod repair;
mod snapshot;
mod sums;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use protocol::feed::FeedRow;
use protocol::identity::{Lsn, OperationId, ServerEpoch, ServerTime};
use serde::{Deserialize, Serialize};

use crate::store::{Batch, Store, StoreError, for_each};

pub use apply::Applied;
pub use index::Index;
pub use marks::Marks;
pub use repair::Repaired;
pub use snapshot::{Judged, SnapshotProgress};

use sums::{Counting, Moved};

/// Why something could not be applied to the replica.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplicaError {
    /// The store failed; it is to be set aside and fetched anew.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The DELTA starts after the cursor: what lies between is missing.
    #[error("the change starts after {from}, the replica is at {cursor}")]
    Gap {
        /// The decision that the DELTA continues.
        from: Lsn,
        /// The decision that the replica is at.
        cursor: Lsn,
    },
    /// A chunk of another snapshot, or one that does not follow the last.
    #[error("chunk {index} of snapshot {snapshot} does not follow")]
    Chunk {
        /// The snapshot of the chunk.
        snapshot: u64,
        /// Its number.
        index: u32,
    },
}

/// What the replica knows about itself; one value of the store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Meta {
    /// The generation of rows that is read.
    #[serde(rename = "g")]
    live: u32,
    /// The newest generation ever begun: none is used twice, because sweeping may be in it.
    #[serde(rename = "n")]
    newest: u32,
    /// The last decision applied; 0 for no rows.
    #[serde(rename = "c")]
    cursor: Lsn,
    /// The epoch that the cursor belongs to.
    #[serde(rename = "e")]
    epoch: ServerEpoch,
    /// Version of the scope that the rows were sent for.
    #[serde(rename = "v")]
    scope_version: u64,
    /// Server time of the last decision applied.
    #[serde(rename = "t")]
    as_of: ServerTime,
    /// The snapshot that is arriving.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    incoming: Option<Incoming>,
}

/// A snapshot that is arriving, in a generation of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Incoming {
    #[serde(rename = "g")]
    generation: u32,
    #[serde(rename = "s")]
    snapshot: u64,
    #[serde(rename = "l")]
    lsn: Lsn,
    #[serde(rename = "e")]
    epoch: ServerEpoch,
    #[serde(rename = "v")]
    scope_version: u64,
    /// All its chunks.
    #[serde(rename = "n")]
    chunks: u32,
    /// Chunks after which a device can work.
    #[serde(rename = "y")]
    ready_chunks: u32,
    /// The next chunk that is wanted.
    #[serde(rename = "x")]
    next: u32,
    /// What the cut has judged: per incarnation the last operation.
    #[serde(rename = "j")]
    judged: Vec<OperationId>,
    /// Single operations that the cut has judged.
    #[serde(rename = "k", default)]
    single: Vec<OperationId>,
}

/// Rows of the server. See the module for what it promises.
#[derive(Debug)]
pub struct Replica {
    store: Box<dyn Store>,
    meta: Meta,
    marks: Marks,
    n_outcomes: usize,
    /// What a read said that failed: readers cannot set the store aside.
    suspect: RefCell<Option<StoreError>>,
    counting: Counting,
}

/// How many own outcomes are kept for "my last scans".
pub const OUTCOMES_MAX: usize = 500;

const META: &[u8] = b"m";
const ROW: u8 = b'r';
const INDEX: u8 = b'x';
const MARK: u8 = b'k';
const JUDGED: u8 = b'w';
const OUTCOME: u8 = b'o';
const OUTCOME_OF: u8 = b'q';

fn row_key(generation: u32, table: u8, key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(6 + key.len());
    bytes.push(ROW);
    bytes.extend_from_slice(&generation.to_be_bytes());
    bytes.push(table);
    bytes.extend_from_slice(key);
    bytes
}

fn operation_key(kind: u8, id: OperationId) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(17);
    bytes.push(kind);
    bytes.extend_from_slice(&id.device.0.to_be_bytes());
    bytes.extend_from_slice(&id.incarnation.0.to_be_bytes());
    bytes.extend_from_slice(&id.seq.0.to_be_bytes());
    bytes
}

fn encoded<T: Serialize>(value: &T) -> Vec<u8> {
    rmp_serde::to_vec_named(value)
        .expect("writing to memory cannot fail, and all lengths are known")
}

fn decoded<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, StoreError> {
    rmp_serde::from_slice(bytes).map_err(|_not_ours| StoreError::Damaged)
}

/// Changes that are not applied yet, and reading through them.
#[derive(Debug)]
struct Draft<'a> {
    store: &'a dyn Store,
    changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// The generation whose sums are to be kept in step.
    counted: Option<u32>,
    moved: Vec<Moved>,
}

impl<'a> Draft<'a> {
    fn over(store: &'a dyn Store) -> Self {
        Self { store, changes: BTreeMap::new(), counted: None, moved: Vec::new() }
    }

    /// Keeps what rows of `generation` add to the sums.
    fn counting(mut self, generation: u32) -> Self {
        self.counted = Some(generation);
        self
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.changes.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.store.get(key),
        }
    }

    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.changes.insert(key, Some(value));
    }

    fn delete(&mut self, key: Vec<u8>) {
        self.changes.insert(key, None);
    }

    fn into_batch(self) -> Batch {
        let mut batch = Batch::new();
        for (key, value) in self.changes {
            match value {
                Some(value) => batch.put(key, value),
                None => batch.delete(key),
            }
        }
        batch
    }

    /// Puts or deletes the row under `(table, key)` and keeps its indexes in step. Says whether
    /// this build can read it.
    fn write_row(
        &mut self,
        generation: u32,
        (table, key): (u8, &[u8]),
        row: Option<&[u8]>,
    ) -> Result<bool, StoreError> {
        let place = row_key(generation, table, key);
        let before = self.get(&place)?;
        if before.as_deref() == row {
            return Ok(true);
        }
        if self.counted == Some(generation) {
            self.moved.push(Moved::new(table, key, before.as_deref(), row));
        }
        let keys_before = before.map(|bytes| indexed(table, &bytes)).unwrap_or_default();
        let keys_after = row.map(|bytes| indexed(table, bytes)).unwrap_or_default();
        for index_key in keys_before.keys.difference(&keys_after.keys) {
            self.delete(index::entry_key(generation, index_key, key));
        }
        for index_key in keys_after.keys.difference(&keys_before.keys) {
            self.put(index::entry_key(generation, index_key, key), key.to_vec());
        }
        match row {
            Some(bytes) => self.put(place, bytes.to_vec()),
            None => self.delete(place),
        }
        Ok(keys_after.is_readable)
    }
}

/// The index keys of a row.
struct Indexed {
    keys: BTreeSet<Vec<u8>>,
    is_readable: bool,
}

impl Default for Indexed {
    fn default() -> Self {
        Self { keys: BTreeSet::new(), is_readable: true }
    }
}

fn indexed(table: u8, bytes: &[u8]) -> Indexed {
    match FeedRow::decode(table, bytes) {
        Ok(Some(row)) => Indexed { keys: index::keys_of(&row), is_readable: true },
        // A table of a later release: nobody here asks for it.
        Ok(None) => Indexed::default(),
        Err(_other_fields) => Indexed { keys: BTreeSet::new(), is_readable: false },
    }
}

impl Replica {
    /// Reads what `store` has.
    ///
    /// # Errors
    ///
    /// [`StoreError`]: set the store aside and open again.
    pub fn open(store: Box<dyn Store>) -> Result<Self, (StoreError, Box<dyn Store>)> {
        match load(&*store) {
            Ok((meta, marks, n_outcomes)) => {
                let (suspect, counting) = (RefCell::new(None), Counting::default());
                Ok(Self { store, meta, marks, n_outcomes, suspect, counting })
            }
            Err(error) => Err((error, store)),
        }
    }

    /// Sets the store aside and begins without rows. Says where the old one went.
    ///
    /// # Errors
    ///
    /// [`StoreError`]: there is no usable store; the replica has no rows.
    pub fn set_aside(&mut self) -> Result<String, StoreError> {
        self.meta = Meta::default();
        self.marks = Marks::default();
        self.n_outcomes = 0;
        self.suspect.replace(None);
        self.counting.restart();
        self.store.set_aside()
    }

    /// Goes on after the disk was full. What was not synced may be gone: the cursor says so.
    ///
    /// # Errors
    ///
    /// [`StoreError::Full`]: as before; any other: the store is to be set aside.
    pub fn reopen(&mut self) -> Result<(), StoreError> {
        self.store.reopen()?;
        let (meta, marks, n_outcomes) = load(&*self.store)?;
        (self.meta, self.marks, self.n_outcomes) = (meta, marks, n_outcomes);
        self.counting.restart();
        Ok(())
    }

    /// The last decision applied: where the feed goes on. 0 while there are no complete rows.
    pub fn cursor(&self) -> Lsn {
        self.meta.cursor
    }

    /// The last decision that screens show, and its epoch: what an operation's evidence says.
    pub fn seen(&self) -> (Lsn, ServerEpoch) {
        match self.reading_incoming() {
            Some(incoming) => (incoming.lsn, incoming.epoch),
            None => (self.meta.cursor, self.meta.epoch),
        }
    }

    /// The epoch that the cursor belongs to.
    pub fn epoch(&self) -> ServerEpoch {
        self.meta.epoch
    }

    /// Version of the scope that the rows were sent for; 0 for none.
    pub fn scope_version(&self) -> u64 {
        self.meta.scope_version
    }

    /// Server time of the last decision applied: "stock as of".
    pub fn as_of(&self) -> ServerTime {
        self.meta.as_of
    }

    /// Whether a person can work with what is here.
    pub fn is_ready(&self) -> bool {
        self.meta.cursor > Lsn(0) || self.reading_incoming().is_some()
    }

    /// Which operations are judged, as the rows that are read have it.
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// Makes everything applied so far durable.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn sync(&mut self) -> Result<(), StoreError> {
        self.store.sync()
    }

    /// Why a read has failed since the last call, where one has: the store is to be set aside.
    pub fn take_suspicion(&mut self) -> Option<StoreError> {
        self.suspect.take()
    }

    /// Remembers the failure of a read.
    fn noted<T>(&self, read: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &read {
            self.suspect.replace(Some(error.clone()));
        }
        read
    }

    /// The generation that readers see.
    fn reading(&self) -> u32 {
        self.reading_incoming().map_or(self.meta.live, |incoming| incoming.generation)
    }

    fn reading_incoming(&self) -> Option<&Incoming> {
        self.meta.reading_incoming()
    }
}

impl Meta {
    /// The incoming snapshot, while a device without rows of its own reads from it.
    fn reading_incoming(&self) -> Option<&Incoming> {
        let incoming = self.incoming.as_ref()?;
        let is_ready = self.cursor == Lsn(0) && incoming.next >= incoming.ready_chunks;
        is_ready.then_some(incoming)
    }
}

fn load(store: &dyn Store) -> Result<(Meta, Marks, usize), StoreError> {
    let meta = match store.get(META)? {
        Some(bytes) => decoded(&bytes)?,
        None => Meta::default(),
    };
    let marks = Marks::load(store)?;
    let mut n_outcomes = 0;
    for_each(store, &[OUTCOME], |_key, _value| {
        n_outcomes += 1;
        Ok(())
    })?;
    Ok((meta, marks, n_outcomes))
}
