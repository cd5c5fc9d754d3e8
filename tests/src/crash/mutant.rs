//! Deliberate mistakes, each made where the two sides meet, and each to be noticed by what is checked
//! at the end of a script. A check that notices none of them proves nothing.
//!
//! Those that a wire cannot make (raw clock, no causality) are played by the worlds.

use device_core::engine::DeviceCore;
use ledger::draft::Draft;
use ledger::memory::MemoryTables;
use ledger::tables::Read as _;
use protocol::frame::{Frame, codec};
use protocol::identity::{Hash16, Seq};
use server_core::schema::Streams;
use server_core::store::MemoryStore;

/// A deliberate mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// The recorder forgets at the acknowledgement, not when a backup has it.
    PruneAtAck,
    /// Operations with new numbers do not say where they were recorded first.
    NoOrigin,
    /// Numbers alone say what is known; nobody compares hashes.
    NoHash,
    /// No lease betrays an old copy of a store.
    NoLease,
    /// What is acknowledged is not on the disk yet.
    AckBeforeSync,
    /// What was decided is decided again after a restart.
    DoubleApply,
    /// Rows that are gone are not told.
    LostTombstone,
    /// Rows come, and the outcomes that belong to them do not.
    FeedWithoutOutcome,
    /// What a device does not read is made and kept all the same.
    UnboundedQueue,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::PruneAtAck,
        Self::NoOrigin,
        Self::NoHash,
        Self::NoLease,
        Self::AckBeforeSync,
        Self::DoubleApply,
        Self::LostTombstone,
        Self::FeedWithoutOutcome,
        Self::UnboundedQueue,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PruneAtAck => "prune-at-ack",
            Self::NoOrigin => "no-origin",
            Self::NoHash => "no-hash",
            Self::NoLease => "no-lease",
            Self::AckBeforeSync => "ack-before-sync",
            Self::DoubleApply => "double-apply",
            Self::LostTombstone => "lost-tombstone",
            Self::FeedWithoutOutcome => "feed-without-outcome",
            Self::UnboundedQueue => "unbounded-queue",
        }
    }

    /// What the device gets instead of `bytes`.
    pub(super) fn down(self, bytes: Vec<u8>, device: Option<&DeviceCore>) -> Vec<u8> {
        let Ok((mut frame, _body)) = codec::decode(&bytes, usize::MAX) else { return bytes };
        let own = |seq: Seq, hash: Hash16| {
            let recorder = device.and_then(DeviceCore::recorder);
            let known = recorder.and_then(|recorder| recorder.read(seq.0).ok());
            known.map_or(hash, |operation| Hash16(operation.hash.0))
        };
        match (self, &mut frame) {
            (Self::PruneAtAck, Frame::Ack(ack)) => ack.safe_seq = ack.accepted_seq,
            (Self::PruneAtAck, Frame::Welcome(welcome)) => {
                welcome.safe_seq = welcome.accepted_seq;
            }
            (Self::PruneAtAck, Frame::HeartbeatAck(ack)) => ack.safe_seq = ack.accepted_seq,
            (Self::NoHash, Frame::Ack(ack)) => {
                ack.accepted_hash = own(ack.accepted_seq, ack.accepted_hash);
            }
            (Self::NoHash, Frame::Welcome(welcome)) => {
                welcome.accepted_hash = own(welcome.accepted_seq, welcome.accepted_hash);
            }
            (Self::LostTombstone, Frame::Delta(delta)) => {
                for group in &mut delta.groups {
                    group.records.retain(|record| record.row.is_some());
                }
            }
            (Self::FeedWithoutOutcome, Frame::Delta(delta)) => {
                for group in &mut delta.groups {
                    group.outcomes.clear();
                }
            }
            _ => return bytes,
        }
        codec::encode(&frame, false)
    }

    /// What the server gets instead of `bytes`.
    pub(super) fn up(
        self,
        bytes: Vec<u8>,
        store: &MemoryStore,
        device: Option<&DeviceCore>,
    ) -> Vec<u8> {
        let Ok((mut frame, _body)) = codec::decode(&bytes, usize::MAX) else { return bytes };
        match (self, &mut frame) {
            (Self::NoOrigin, Frame::Push(push)) => push.origins.clear(),
            (Self::NoHash, Frame::Push(push)) => {
                let identity = device.and_then(DeviceCore::identity);
                let stream = identity.and_then(|identity| store.row::<Streams>(&identity));
                if let Some(stream) = stream.filter(|row| row.accepted.next() == push.base_seq) {
                    push.previous_hash = stream.hash;
                }
            }
            _ => return bytes,
        }
        codec::encode(&frame, false)
    }

    /// What the server's disk holds instead, when its process begins.
    pub(super) fn at_rest(self, store: &mut MemoryStore) {
        use ledger::key::KeyRange;
        use ledger::schema::book::{ChangesTable, Head, Heads};
        use server_core::schema::Leases;
        let nothing = MemoryTables::new();
        let mut draft = Draft::over(&nothing);
        match self {
            Self::NoLease => {
                for (key, _row) in store.list::<Leases>(&KeyRange::all()) {
                    draft.delete::<Leases>(&key);
                }
            }
            Self::DoubleApply => {
                let head = store.row::<Heads>(&()).map(|head| *head).unwrap_or_default();
                let before = protocol::identity::Lsn(head.lsn.0.saturating_sub(1));
                let Some(change) = store.row::<ChangesTable>(&before) else { return };
                let back = Head {
                    lsn: before,
                    time: change.time,
                    intake: change.intake,
                    hash: change.hash,
                };
                draft.put::<Heads>(&(), back);
            }
            _ => return,
        }
        store.overwrite(draft.finish());
    }
}
