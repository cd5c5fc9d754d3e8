//! The twin in memory: the same promises, and a power switch.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Batch, Pair, Store, StoreError};

/// A store in memory. Clones are handles of the same store: the test keeps one and cuts the power
/// while the device holds the other.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    inner: Arc<Mutex<Inner>>,
}

/// A key, and what it had.
type Before = (Vec<u8>, Option<Vec<u8>>);

#[derive(Debug, Default)]
struct Inner {
    /// What readers see.
    live: BTreeMap<Vec<u8>, Vec<u8>>,
    /// For each batch since the last sync, what its keys had before it.
    unsynced: Vec<Vec<Before>>,
    n_set_aside: u32,
    is_failing: bool,
    is_full: bool,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic of a test thread leaves plain maps behind; they are still whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cuts the power: of the batches since the last sync the first `n_kept` remain.
    pub fn cut_power(&self, n_kept: usize) {
        let mut inner = self.lock();
        while inner.unsynced.len() > n_kept {
            let Some(before) = inner.unsynced.pop() else { break };
            for (key, value) in before.into_iter().rev() {
                match value {
                    Some(value) => inner.live.insert(key, value),
                    None => inner.live.remove(&key),
                };
            }
        }
        inner.unsynced.clear();
    }

    /// How many batches a power cut now could take.
    pub fn n_unsynced(&self) -> usize {
        self.lock().unsynced.len()
    }

    /// Loses everything, as if the folder were gone or would not open.
    pub fn destroy(&self) {
        let mut inner = self.lock();
        inner.live.clear();
        inner.unsynced.clear();
    }

    /// From now on every call fails, until the store is set aside.
    pub fn fail(&self) {
        self.lock().is_failing = true;
    }

    /// There is no room for anything, or there is again.
    pub fn set_full(&self, is_full: bool) {
        self.lock().is_full = is_full;
    }

    /// Loses one value, wherever its key ends with `end`, without anybody noticing.
    pub fn lose(&self, end: &[u8]) {
        let mut inner = self.lock();
        let key = inner.live.keys().find(|key| key.ends_with(end)).cloned();
        if let Some(key) = key {
            inner.live.remove(&key);
        }
    }

    /// How often the store was set aside.
    pub fn n_set_aside(&self) -> u32 {
        self.lock().n_set_aside
    }

    /// Another store with the same content: a clone of the device.
    #[must_use]
    pub fn image(&self) -> Self {
        let inner = self.lock();
        let copy = Inner {
            live: inner.live.clone(),
            unsynced: inner.unsynced.clone(),
            n_set_aside: inner.n_set_aside,
            is_failing: inner.is_failing,
            is_full: inner.is_full,
        };
        Self { inner: Arc::new(Mutex::new(copy)) }
    }
}

impl Inner {
    fn check(&self) -> Result<(), StoreError> {
        if self.is_failing {
            return Err(StoreError::Failed { reason: "told to fail".to_owned() });
        }
        Ok(())
    }

    fn check_room(&self) -> Result<(), StoreError> {
        if self.is_full { Err(StoreError::Full) } else { self.check() }
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let inner = self.lock();
        inner.check()?;
        Ok(inner.live.get(key).cloned())
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Pair>, StoreError> {
        let inner = self.lock();
        inner.check()?;
        let start = prefix.max(from).to_vec();
        Ok(inner
            .live
            .range(start..)
            .take_while(|(key, _)| key.starts_with(prefix))
            .take(limit)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }

    fn scan_back(&self, prefix: &[u8], limit: usize) -> Result<Vec<Pair>, StoreError> {
        let inner = self.lock();
        inner.check()?;
        let end = after(prefix).map_or(Bound::Unbounded, Bound::Excluded);
        Ok(inner
            .live
            .range::<Vec<u8>, _>((Bound::Included(prefix.to_vec()), end))
            .rev()
            .take(limit)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }

    fn apply(&mut self, batch: Batch) -> Result<(), StoreError> {
        let mut inner = self.lock();
        inner.check_room()?;
        let mut before = Vec::with_capacity(batch.len());
        for (key, value) in batch.into_changes() {
            let old = match value {
                Some(value) => inner.live.insert(key.clone(), value),
                None => inner.live.remove(&key),
            };
            before.push((key, old));
        }
        inner.unsynced.push(before);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        let mut inner = self.lock();
        inner.check_room()?;
        inner.unsynced.clear();
        Ok(())
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        self.lock().check_room()?;
        self.cut_power(0);
        Ok(())
    }

    fn set_aside(&mut self) -> Result<String, StoreError> {
        let mut inner = self.lock();
        inner.live.clear();
        inner.unsynced.clear();
        inner.is_failing = false;
        inner.n_set_aside += 1;
        Ok(format!("memory, {}", inner.n_set_aside))
    }
}

/// The first key behind all that start with `prefix`; none where there is no such key.
pub(super) fn after(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}
