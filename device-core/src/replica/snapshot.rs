//! A snapshot: chunk by chunk into a generation of its own, swapped in at the end.

use protocol::frame::{SnapBegin, SnapChunk, SnapResume};
use protocol::identity::{OperationId, ServerEpoch};

use super::{Draft, INDEX, Incoming, META, Marks, Meta, ROW, Replica, ReplicaError, encoded};
use crate::store::{Batch, StoreError};

/// How far a snapshot has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotProgress {
    /// Chunks that are on the disk.
    pub n_chunks: u32,
    /// All its chunks.
    pub chunks: u32,
    /// Chunks after which the device can work.
    pub ready_chunks: u32,
}

/// What the cut of a snapshot has judged, by first names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judged {
    /// Of these incarnations exactly the operations up to these.
    pub up_to: Vec<OperationId>,
    /// And these.
    pub single: Vec<OperationId>,
}

impl Replica {
    /// How far the snapshot that is arriving has come; none when there is none.
    pub fn snapshot_progress(&self) -> Option<SnapshotProgress> {
        self.meta.incoming.as_ref().map(|incoming| SnapshotProgress {
            n_chunks: incoming.next,
            chunks: incoming.chunks,
            ready_chunks: incoming.ready_chunks,
        })
    }

    /// Which chunk to ask for, when a part of a snapshot of the server of `epoch` is here.
    pub fn resume(&self, epoch: ServerEpoch) -> Option<SnapResume> {
        let incoming = self.meta.incoming.as_ref().filter(|incoming| incoming.epoch == epoch)?;
        Some(SnapResume { snapshot: incoming.snapshot, next_index: incoming.next })
    }

    /// Begins to take a snapshot, or goes on with the same one, and says which chunk is wanted.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn begin_snapshot(
        &mut self,
        begin: &SnapBegin,
        epoch: ServerEpoch,
        judged: Judged,
    ) -> Result<SnapResume, StoreError> {
        let same = |incoming: &Incoming| {
            (incoming.snapshot, incoming.lsn, incoming.chunks, incoming.epoch)
                == (begin.snapshot, begin.lsn, begin.chunks, epoch)
        };
        let known = self.meta.incoming.as_ref().filter(|incoming| same(incoming));
        let next = known.map_or(0, |incoming| incoming.next);
        let generation =
            known.map_or_else(|| self.meta.newest.saturating_add(1), |known| known.generation);
        let mut meta = self.meta.clone();
        meta.newest = generation;
        meta.incoming = Some(Incoming {
            generation,
            snapshot: begin.snapshot,
            lsn: begin.lsn,
            epoch,
            scope_version: begin.scope_version,
            chunks: begin.chunks,
            ready_chunks: begin.ready_chunks.min(begin.chunks),
            next,
            judged: judged.up_to,
            single: judged.single,
        });
        let (marks, batch) = self.with_meta(Draft::over(&*self.store), &meta);
        self.store.apply(batch)?;
        (self.meta, self.marks) = (meta, marks);
        Ok(SnapResume { snapshot: begin.snapshot, next_index: next })
    }

    /// Takes a chunk. One that is here already changes nothing.
    ///
    /// # Errors
    ///
    /// [`ReplicaError::Chunk`]: ask again from [`Replica::resume`]; [`ReplicaError::Store`].
    pub fn take_chunk(&mut self, chunk: &SnapChunk) -> Result<(), ReplicaError> {
        let follows = ReplicaError::Chunk { snapshot: chunk.snapshot, index: chunk.index };
        let mut meta = self.meta.clone();
        let Some(incoming) = meta.incoming.as_mut() else { return Err(follows) };
        if incoming.snapshot != chunk.snapshot || chunk.index > incoming.next {
            return Err(follows);
        }
        if chunk.index < incoming.next {
            return Ok(());
        }
        incoming.next = incoming.next.saturating_add(1);
        let generation = incoming.generation;
        let mut draft = Draft::over(&*self.store);
        for record in &chunk.rows {
            let row = record.row.as_ref().map(|row| &row[..]);
            draft.write_row(generation, (record.table, &record.key), row)?;
        }
        let (marks, batch) = self.with_meta(draft, &meta);
        self.store.apply(batch)?;
        (self.meta, self.marks) = (meta, marks);
        Ok(())
    }

    /// Whether all chunks of the snapshot are here.
    pub fn has_whole_snapshot(&self) -> bool {
        self.meta.incoming.as_ref().is_some_and(|incoming| incoming.next >= incoming.chunks)
    }

    /// Swaps the whole snapshot in: from here on its rows are the rows. What it has judged is
    /// judged, and nothing else of the incarnations that it names.
    ///
    /// # Errors
    ///
    /// [`ReplicaError::Chunk`] when chunks are missing, named by the next one;
    /// [`ReplicaError::Store`].
    pub fn end_snapshot(&mut self) -> Result<(), ReplicaError> {
        let Some(incoming) = self.meta.incoming.clone() else {
            return Err(ReplicaError::Chunk { snapshot: 0, index: 0 });
        };
        if incoming.next < incoming.chunks {
            let (snapshot, index) = (incoming.snapshot, incoming.next);
            return Err(ReplicaError::Chunk { snapshot, index });
        }
        // The rows must be on the disk before anything says that they are complete.
        self.store.sync()?;
        let mut meta = self.meta.clone();
        meta.live = incoming.generation;
        meta.cursor = incoming.lsn;
        meta.epoch = incoming.epoch;
        meta.scope_version = incoming.scope_version;
        meta.incoming = None;
        let mut marks = self.marks.clone();
        let mut draft = Draft::over(&*self.store);
        replace_judged(&mut marks, &mut draft, &incoming);
        draft.put(META.to_vec(), encoded(&meta));
        let batch = draft.into_batch();
        self.store.apply(batch)?;
        (self.meta, self.marks) = (meta, marks);
        self.counting.restart();
        self.store.sync()?;
        Ok(())
    }

    /// Forgets the snapshot that is arriving: the server no longer has it.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn drop_snapshot(&mut self) -> Result<(), StoreError> {
        if self.meta.incoming.take().is_none() {
            return Ok(());
        }
        self.put_meta()
    }

    /// The batch of `draft` with `meta`. Where rows of the incoming snapshot are read from here on,
    /// what they have judged is judged in the same batch.
    fn with_meta(&self, mut draft: Draft<'_>, meta: &Meta) -> (Marks, Batch) {
        let mut marks = self.marks.clone();
        if let Some(incoming) = meta.reading_incoming() {
            replace_judged(&mut marks, &mut draft, incoming);
        }
        draft.put(META.to_vec(), encoded(meta));
        (marks, draft.into_batch())
    }

    /// Deletes a page of rows that nobody reads any more; says whether there may be more.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn sweep(&mut self) -> Result<bool, StoreError> {
        const PAGE: usize = 2_000;
        let live = self.meta.live;
        let incoming = self.meta.incoming.as_ref().map(|incoming| incoming.generation);
        for kind in [ROW, INDEX] {
            let mut from = 0_u32;
            loop {
                let start = generation_prefix(kind, from);
                let Some((key, _)) = self.store.scan(&[kind], &start, 1)?.into_iter().next() else {
                    break;
                };
                let generation = generation_of(&key)?;
                if generation == live || Some(generation) == incoming {
                    from = generation.saturating_add(1);
                    continue;
                }
                let prefix = generation_prefix(kind, generation);
                let mut batch = Batch::new();
                for (key, _value) in self.store.scan(&prefix, &prefix, PAGE)? {
                    batch.delete(key);
                }
                self.store.apply(batch)?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn replace_judged(marks: &mut Marks, draft: &mut Draft<'_>, incoming: &Incoming) {
    for id in &incoming.judged {
        marks.replace(draft, *id);
    }
    for id in &incoming.single {
        marks.mark(draft, *id);
    }
}

fn generation_prefix(kind: u8, generation: u32) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&generation.to_be_bytes());
    bytes
}

fn generation_of(key: &[u8]) -> Result<u32, StoreError> {
    let bytes = key.get(1..5).and_then(|bytes| bytes.try_into().ok());
    bytes.map(u32::from_be_bytes).ok_or(StoreError::Damaged)
}
