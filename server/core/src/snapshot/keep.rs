//! Finished snapshots in the store.

use std::ops::ControlFlow;
use std::sync::Arc;

use ledger::draft::Draft;
use ledger::key::KeyRange;
use ledger::schema::SiteId;
use ledger::tables::{Read as _, Tables, each_of};
use protocol::identity::Lsn;
use serde_bytes::ByteBuf;

use super::{KEPT_MAX, Snapshot, Snapshots, number};
use crate::schema::{KeptSnapshot, KeptSnapshots, SnapshotChunks};
use crate::session::wire::{Compression, Message};

/// What the store is to be told.
#[derive(Debug)]
pub(super) enum Change {
    /// A new one.
    Keep(Arc<Snapshot>),
    /// One of so many chunks is kept no more.
    Forget {
        /// Its site and decision.
        name: (SiteId, Lsn),
        /// Its chunks.
        n_chunks: u32,
    },
}

impl Change {
    pub(super) fn forget(snapshot: &Snapshot) -> Self {
        Self::Forget { name: (snapshot.site, snapshot.lsn), n_chunks: snapshot.n_chunks() }
    }
}

impl Snapshots {
    /// Those that `tables` keep. What is not whole is to be forgotten.
    pub fn kept_in(tables: &dyn Tables) -> Self {
        let mut snapshots = Self::default();
        let mut kept = tables.list::<KeptSnapshots>(&KeyRange::all());
        kept.sort_by_key(|(_name, row)| row.time);
        for (name, row) in kept {
            if let Some(snapshot) = read(tables, name, &row) {
                snapshots.ready.push(Arc::new(snapshot));
            } else {
                let n_chunks = row.n_chunks;
                snapshots.unwritten.push(Change::Forget { name, n_chunks });
            }
        }
        while snapshots.ready.len() > KEPT_MAX {
            let oldest = snapshots.ready.remove(0);
            snapshots.unwritten.push(Change::forget(&oldest));
        }
        snapshots
    }

    /// Whether the store is to be told something.
    pub fn has_unwritten(&self) -> bool {
        !self.unwritten.is_empty()
    }

    /// Tells the store what is kept, and what is not any more.
    pub fn write(&mut self, draft: &mut Draft<'_>) {
        for change in std::mem::take(&mut self.unwritten) {
            match change {
                Change::Keep(snapshot) => keep(&snapshot, draft),
                Change::Forget { name: (site, lsn), n_chunks } => {
                    draft.delete::<KeptSnapshots>(&(site, lsn));
                    for index in 0..n_chunks {
                        draft.delete::<SnapshotChunks>(&(site, lsn, index));
                    }
                }
            }
        }
    }
}

fn keep(snapshot: &Snapshot, draft: &mut Draft<'_>) {
    let (site, lsn) = (snapshot.site, snapshot.lsn);
    let row = KeptSnapshot {
        intake: snapshot.intake,
        time: snapshot.time,
        scope_version: snapshot.scope_version,
        rows: snapshot.rows,
        ready_chunks: snapshot.ready_chunks,
        n_chunks: snapshot.n_chunks(),
    };
    draft.put::<KeptSnapshots>(&(site, lsn), row);
    for (index, chunk) in (0..).zip(&snapshot.chunks) {
        let bytes = ByteBuf::from(chunk.bytes(Compression::Zstd).to_vec());
        draft.put::<SnapshotChunks>(&(site, lsn, index), bytes);
    }
}

fn read(tables: &dyn Tables, (site, lsn): (SiteId, Lsn), row: &KeptSnapshot) -> Option<Snapshot> {
    let mut chunks = Vec::new();
    let all = KeyRange::prefix(&(site, lsn));
    each_of::<SnapshotChunks>(tables, &all, false, &mut |_key, bytes: Arc<ByteBuf>| {
        chunks.push(Arc::new(Message::of_encoded(bytes.to_vec())));
        ControlFlow::Continue(())
    });
    let snapshot = Snapshot {
        number: number(site, lsn),
        site,
        lsn,
        intake: row.intake,
        time: row.time,
        scope_version: row.scope_version,
        rows: row.rows,
        ready_chunks: row.ready_chunks,
        chunks,
    };
    (snapshot.n_chunks() == row.n_chunks).then_some(snapshot)
}
