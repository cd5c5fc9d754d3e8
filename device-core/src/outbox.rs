//! The outbox: operations without an outcome, in the order in which they were recorded.
//!
//! # Invariants
//!
//! 1. An operation of the recorder is in the outbox exactly while it is not judged, by the marks
//!    of the replica. A marked entry that the store still has counts as gone.
//! 2. The store is trimmed lazily and may be older than the recorder and the replica in either
//!    direction: [`Outbox::reconcile`] mends both.
//!
//! Never here: an operation's only copy. The recorder has it until it is in a verified backup.

use std::collections::BTreeMap;

use protocol::identity::{DeviceId, Incarnation, OperationId, Seq};
use protocol::operation::{Body, Recorded};

use crate::recorder::{Recorder, RecorderError};
use crate::replica::Marks;
use crate::store::{Batch, Store, StoreError, for_each};

/// Why the outbox could not be put in order.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The store failed; it is to be set aside and rebuilt from the recorder.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The recorder could not be read.
    #[error(transparent)]
    Recorder(#[from] RecorderError),
}

/// An operation without an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its present number.
    pub seq: Seq,
    /// The name it was first recorded under.
    pub first: OperationId,
    /// What was recorded.
    pub recorded: Recorded,
    /// The body, where this build can read it.
    pub body: Option<Body>,
}

/// Operations without an outcome. See the module for what it promises.
#[derive(Debug)]
pub struct Outbox {
    store: Box<dyn Store>,
    device: DeviceId,
    incarnation: Incarnation,
    entries: BTreeMap<Seq, Entry>,
    names: Names,
    /// Entries that are gone, but not from the store.
    doomed: Vec<Seq>,
}

/// The first names of re-labelled operations. All others have their present number as their name.
#[derive(Debug, Default)]
struct Names {
    by_seq: BTreeMap<Seq, OperationId>,
    by_first: BTreeMap<OperationId, Seq>,
}

const ENTRY: u8 = b'e';
const OWNER: &[u8] = b"i";
/// How many entries are deleted in one batch.
const TRIM_PAGE: usize = 500;

fn entry_key(seq: Seq) -> Vec<u8> {
    let mut key = vec![ENTRY];
    key.extend_from_slice(&seq.0.to_be_bytes());
    key
}

fn read_entry_key(key: &[u8]) -> Result<Seq, StoreError> {
    let bytes = key.get(1..).and_then(|bytes| bytes.try_into().ok());
    bytes.map(|bytes| Seq(u64::from_be_bytes(bytes))).ok_or(StoreError::Damaged)
}

/// What the store has of the operation with this number: a second copy of the recorder's.
pub(crate) fn copy_of(
    store: &dyn Store,
    (device, incarnation): (u32, u32),
    seq: u64,
) -> Option<Vec<u8>> {
    let owner = [device.to_be_bytes(), incarnation.to_be_bytes()].concat();
    store.get(OWNER).ok().flatten().filter(|known| *known == owner)?;
    store.get(&entry_key(Seq(seq))).ok().flatten()
}

/// Forgets operations that the recorder has lost: what is shown is what will be sent.
pub(crate) fn forget(
    store: &mut dyn Store,
    lost: impl Iterator<Item = u64>,
) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    for seq in lost {
        batch.delete(entry_key(Seq(seq)));
    }
    if batch.is_empty() { Ok(()) } else { store.apply(batch) }
}

/// Want of room is no failure here: the entries are in memory, and in the recorder.
fn has_room(stored: Result<(), StoreError>) -> Result<bool, StoreError> {
    match stored {
        Ok(()) => Ok(true),
        Err(StoreError::Full) => Ok(false),
        Err(error) => Err(error),
    }
}

impl Entry {
    fn new(seq: Seq, first: OperationId, content: &[u8]) -> Option<Self> {
        let recorded = Recorded::from_content(content).ok()?;
        let body = recorded.decode_body().ok();
        Some(Self { seq, first, recorded, body })
    }
}

impl Outbox {
    /// Reads what `store` has and brings it in step with `recorder` and `marks`. Says in the second
    /// part whether the store has it all: not so where it has no room.
    ///
    /// # Errors
    ///
    /// [`OutboxError`], with the store, to be set aside and opened again.
    pub fn open(
        store: Box<dyn Store>,
        recorder: &Recorder,
        marks: &Marks,
    ) -> Result<(Self, bool), (OutboxError, Box<dyn Store>)> {
        let identity = recorder.state().identity;
        let mut outbox = Self {
            store,
            device: DeviceId(identity.device),
            incarnation: Incarnation(identity.incarnation),
            entries: BTreeMap::new(),
            names: Names::default(),
            doomed: Vec::new(),
        };
        match outbox.fill(recorder, marks) {
            Ok(is_stored) => Ok((outbox, is_stored)),
            Err(error) => Err((error, outbox.store)),
        }
    }

    /// The outbox of a device that nobody has enrolled yet: it has no operations.
    pub fn unowned(store: Box<dyn Store>) -> Self {
        Self {
            store,
            device: DeviceId(0),
            incarnation: Incarnation(0),
            entries: BTreeMap::new(),
            names: Names::default(),
            doomed: Vec::new(),
        }
    }

    fn owner(&self) -> Vec<u8> {
        let mut bytes = self.device.0.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.incarnation.0.to_be_bytes());
        bytes
    }

    /// Reads the store anew, and brings it in step. Says whether the store has it all.
    fn fill(&mut self, recorder: &Recorder, marks: &Marks) -> Result<bool, OutboxError> {
        self.names = Names::of(recorder)?;
        self.entries.clear();
        let is_loaded = has_room(self.load(recorder.head().seq))?;
        Ok(self.reconcile(recorder, marks)? && is_loaded)
    }

    fn load(&mut self, head: u64) -> Result<(), StoreError> {
        let owner = self.owner();
        if self.store.get(OWNER)?.as_ref() != Some(&owner) {
            self.clear_store()?;
            let mut batch = Batch::new();
            batch.put(OWNER.to_vec(), owner);
            self.store.apply(batch)?;
        }
        let mut read = BTreeMap::new();
        for_each(&*self.store, &[ENTRY], |key, content| {
            let seq = read_entry_key(&key)?;
            if seq.0 <= head {
                let entry = Entry::new(seq, self.first_name(seq), &content);
                read.insert(seq, entry.ok_or(StoreError::Damaged)?);
            }
            Ok(())
        })?;
        self.entries = read;
        Ok(())
    }

    fn clear_store(&mut self) -> Result<(), StoreError> {
        loop {
            let pairs = self.store.scan(&[ENTRY], &[ENTRY], TRIM_PAGE)?;
            if pairs.is_empty() {
                return Ok(());
            }
            let mut batch = Batch::new();
            for (key, _value) in pairs {
                batch.delete(key);
            }
            self.store.apply(batch)?;
        }
    }

    /// Brings the outbox in step with `recorder` and `marks`, whatever either of them lost or got
    /// back, and says whether the store has it all: not so where it has no room.
    ///
    /// # Errors
    ///
    /// [`OutboxError`].
    pub fn reconcile(&mut self, recorder: &Recorder, marks: &Marks) -> Result<bool, OutboxError> {
        self.settle(marks);
        let low = recorder.low_seq();
        let n_relabelled = self.names.by_seq.last_key_value().map_or(0, |(seq, _)| seq.0);
        let judged = marks.up_to(self.device, self.incarnation).0;
        let native = low.max(n_relabelled + 1).max(judged + 1);
        let relabelled: Vec<u64> = self.names.by_seq.keys().map(|seq| seq.0).collect();
        let mut is_stored = true;
        for seq in relabelled.into_iter().chain(native..=recorder.head().seq) {
            let is_known = self.entries.contains_key(&Seq(seq));
            if seq >= low && !is_known && !marks.contains(self.first_name(Seq(seq))) {
                let operation = recorder.read(seq)?;
                is_stored &= has_room(self.insert(Seq(seq), &operation.content).map(drop))?;
            }
        }
        Ok(is_stored)
    }

    /// The name that an operation was first recorded under.
    pub fn first_name(&self, seq: Seq) -> OperationId {
        let native = OperationId { device: self.device, incarnation: self.incarnation, seq };
        self.names.by_seq.get(&seq).copied().unwrap_or(native)
    }

    /// The present number of the operation with this first name, or with this present name.
    pub fn seq_of(&self, name: OperationId) -> Option<Seq> {
        let is_native = (name.device, name.incarnation) == (self.device, self.incarnation);
        self.names.by_first.get(&name).copied().or_else(|| is_native.then_some(name.seq))
    }

    /// The last re-labelled number; 0 when there is none.
    pub fn relabelled_to(&self) -> Seq {
        self.names.by_seq.last_key_value().map_or(Seq(0), |(seq, _)| *seq)
    }

    /// The first name of the operation that the server names so: it knows both names.
    pub fn first_of(&self, name: OperationId) -> OperationId {
        let is_native = (name.device, name.incarnation) == (self.device, self.incarnation);
        if is_native { self.first_name(name.seq) } else { name }
    }

    /// The first names of the re-labelled operations up to this number.
    pub fn first_names_to(&self, seq: Seq) -> Vec<OperationId> {
        self.names.by_seq.range(..=seq).map(|(_, first)| *first).collect()
    }

    /// Adds an operation that the recorder has. Says whether it could be read.
    ///
    /// # Errors
    ///
    /// [`StoreError`]: it is in the outbox all the same, but not in its store.
    pub fn insert(&mut self, seq: Seq, content: &[u8]) -> Result<bool, StoreError> {
        let Some(entry) = Entry::new(seq, self.first_name(seq), content) else {
            return Ok(false);
        };
        self.entries.insert(seq, entry);
        let mut batch = Batch::new();
        batch.put(entry_key(seq), content.to_vec());
        self.store.apply(batch)?;
        Ok(true)
    }

    /// Takes out what `marks` says is judged, and says which numbers that were.
    pub fn settle(&mut self, marks: &Marks) -> Vec<Seq> {
        let judged: Vec<Seq> = self
            .entries
            .values()
            .filter(|entry| marks.contains(entry.first))
            .map(|entry| entry.seq)
            .collect();
        for seq in &judged {
            self.entries.remove(seq);
        }
        self.doomed.extend_from_slice(&judged);
        judged
    }

    /// Takes out the operations with these first names, and says which numbers they have.
    pub fn take(&mut self, names: &[OperationId]) -> Vec<Seq> {
        let seqs = names.iter().filter_map(|name| self.seq_of(*name));
        let judged: Vec<Seq> = seqs.filter(|seq| self.entries.contains_key(seq)).collect();
        for seq in &judged {
            self.entries.remove(seq);
        }
        self.doomed.extend_from_slice(&judged);
        judged
    }

    /// Deletes from the store what has left the outbox. Call it after the replica was synced:
    /// the other way round a power cut costs more reading at the next opening.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn trim(&mut self) -> Result<(), StoreError> {
        while !self.doomed.is_empty() {
            let mut batch = Batch::new();
            let n = self.doomed.len().min(TRIM_PAGE);
            for seq in self.doomed.drain(..n) {
                if !self.entries.contains_key(&seq) {
                    batch.delete(entry_key(seq));
                }
            }
            self.store.apply(batch)?;
        }
        Ok(())
    }

    /// Makes the store durable.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn sync(&mut self) -> Result<(), StoreError> {
        self.store.sync()
    }

    /// Sets the store aside and writes the entries to a new one. Says where the old one went.
    ///
    /// # Errors
    ///
    /// [`StoreError`]: the entries remain in memory only.
    pub fn set_aside(&mut self) -> Result<String, StoreError> {
        let place = self.store.set_aside()?;
        self.doomed.clear();
        self.write_all()?;
        Ok(place)
    }

    fn write_all(&mut self) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.put(OWNER.to_vec(), self.owner());
        for entry in self.entries.values() {
            batch.put(entry_key(entry.seq), entry.recorded.to_content());
        }
        self.store.apply(batch)
    }

    /// Goes on after the disk was full: the store is opened again and written anew from what is known.
    ///
    /// # Errors
    ///
    /// [`StoreError::Full`]: as before; any other: the store is to be set aside.
    pub fn reopen(&mut self) -> Result<(), StoreError> {
        self.store.reopen()?;
        self.clear_store()?;
        self.doomed.clear();
        self.write_all()
    }

    /// Takes the new numbers of `recorder` over after it has re-labelled its operations. Says whether the
    /// store has it all: not so where it has no room.
    ///
    /// # Errors
    ///
    /// [`OutboxError`].
    pub fn relabel(&mut self, recorder: &Recorder, marks: &Marks) -> Result<bool, OutboxError> {
        let identity = recorder.state().identity;
        self.device = DeviceId(identity.device);
        self.incarnation = Incarnation(identity.incarnation);
        self.doomed.clear();
        self.fill(recorder, marks)
    }

    /// Gives the store back, for a device that is to be opened again.
    pub fn into_store(self) -> Box<dyn Store> {
        self.store
    }

    /// The entries, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// One entry.
    pub fn get(&self, seq: Seq) -> Option<&Entry> {
        self.entries.get(&seq)
    }

    /// The oldest entry's number.
    pub fn first_seq(&self) -> Option<Seq> {
        self.entries.first_key_value().map(|(seq, _)| *seq)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Names {
    /// Re-labelled operations stand before all others, so this reads no further than them.
    fn of(recorder: &Recorder) -> Result<Self, RecorderError> {
        let mut names = Self::default();
        for operation in recorder.iter_from(recorder.low_seq()) {
            let operation = operation?;
            let Some(origin) = operation.origin else { break };
            let first = OperationId {
                device: DeviceId(origin.device),
                incarnation: Incarnation(origin.incarnation),
                seq: Seq(origin.seq),
            };
            names.by_seq.insert(Seq(operation.seq), first);
            names.by_first.insert(first, Seq(operation.seq));
        }
        Ok(names)
    }
}
