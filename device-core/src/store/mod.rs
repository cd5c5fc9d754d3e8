//! The two rebuildable stores, `queue` and `replica`: ordered bytes with atomic batches.
//!
//! # Invariants
//!
//! 1. A batch is applied whole or not at all, also across a crash.
//! 2. A power cut takes a *suffix* of the batches since the last [`Store::sync`], never a hole.
//! 3. What is returned by a read is what was written, or the read fails with
//!    [`StoreError::Damaged`].
//!
//! Nothing here is worth losing an operation for: the queue is rebuilt from the recorder, the
//! replica from the feed. So a store that fails is set aside whole ([`Store::set_aside`]), and a
//! new one begins. Never here: operations' only copy, counters, acknowledgements.
//!
//! [`SledStore`] is the real one, [`MemoryStore`] the twin that can lose power.

mod memory;
mod room;
mod sled_store;

use std::fmt::Debug;

pub use memory::MemoryStore;
pub use sled_store::{Opened, SledStore};

/// A key with its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// Which of the two stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StoreName {
    /// Operations without an outcome.
    Queue,
    /// Rows of the server, as of a cursor.
    Replica,
}

impl StoreName {
    /// The name of its folder.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Replica => "replica",
        }
    }
}

/// Why a store could not do what it was asked. But for [`StoreError::Full`] it is to be set aside and
/// rebuilt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The engine failed.
    #[error("the store failed: {reason}")]
    Failed {
        /// What the engine said.
        reason: String,
    },
    /// A value is not what was written.
    #[error("a value of the store is damaged")]
    Damaged,
    /// There is no room. Nothing is harmed: what was applied before can still be read, and the store
    /// goes on after [`Store::reopen`].
    #[error("the disk is full")]
    Full,
}

/// Changes that are applied together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    changes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Batch {
    /// No changes yet.
    pub const fn new() -> Self {
        Self { changes: Vec::new() }
    }

    /// `key` now has `value`. A later change of the same key in the batch wins.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.changes.push((key, Some(value)));
    }

    /// `key` is gone.
    pub fn delete(&mut self, key: Vec<u8>) {
        self.changes.push((key, None));
    }

    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// How many changes there are.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    pub(crate) fn into_changes(self) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        self.changes
    }
}

/// Ordered bytes with atomic batches. See the module for what it promises.
pub trait Store: Debug + Send {
    /// The value of `key`.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// At most `limit` pairs whose key starts with `prefix`, in ascending order, from the first
    /// key that is not below `from`.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Pair>, StoreError>;

    /// At most `limit` pairs whose key starts with `prefix`, in descending order.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn scan_back(&self, prefix: &[u8], limit: usize) -> Result<Vec<Pair>, StoreError>;

    /// Applies `batch`, at once for every reader; durable after [`Store::sync`].
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn apply(&mut self, batch: Batch) -> Result<(), StoreError>;

    /// Makes everything applied so far durable.
    ///
    /// # Errors
    ///
    /// [`StoreError`]: any batch since the last sync may be lost at a power cut.
    fn sync(&mut self) -> Result<(), StoreError>;

    /// Goes on after [`StoreError::Full`], when there is room again. What was not synced may be gone,
    /// as after a power cut.
    ///
    /// # Errors
    ///
    /// [`StoreError::Full`]: there is still no room, and what was there can still be read; any other:
    /// the store is to be set aside.
    fn reopen(&mut self) -> Result<(), StoreError>;

    /// Puts the present content out of the way, where somebody may look at it later, and begins
    /// empty. Says where it went, in words for the log.
    ///
    /// # Errors
    ///
    /// [`StoreError`]: there is no usable store; the same call may succeed later.
    fn set_aside(&mut self) -> Result<String, StoreError>;
}

/// The pairs with `prefix`, page by page, handed to `each`.
///
/// # Errors
///
/// [`StoreError`] of the store, or of `each`.
pub(crate) fn for_each(
    store: &dyn Store,
    prefix: &[u8],
    mut each: impl FnMut(Vec<u8>, Vec<u8>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    const PAGE: usize = 1_000;
    let mut from = prefix.to_vec();
    loop {
        let pairs = store.scan(prefix, &from, PAGE)?;
        let n_pairs = pairs.len();
        if let Some((key, _)) = pairs.last() {
            from.clone_from(key);
            from.push(0);
        }
        for (key, value) in pairs {
            each(key, value)?;
        }
        if n_pairs < PAGE {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests;
