//! Deliberate mistakes, most of them made where the two sides meet, the others in the machine, and each to
//! be noticed by what is checked at the end of a script. A check that notices none of them proves nothing.
//!
//! Those that a wire cannot make (raw clock, no causality) are played by the worlds.

use ledger::draft::Draft;
use ledger::memory::MemoryTables;
use ledger::tables::Read as _;
use protocol::frame::{Frame, codec};
use server_core::machine::Bug;
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

    /// The mistake of the machine that it is.
    pub(super) const fn bug(self) -> Option<Bug> {
        match self {
            Self::AckBeforeSync => Some(Bug::AckBeforeSync),
            Self::NoHash => Some(Bug::NoHash),
            Self::NoLease => Some(Bug::NoLease),
            Self::PruneAtAck
            | Self::NoOrigin
            | Self::DoubleApply
            | Self::LostTombstone
            | Self::FeedWithoutOutcome
            | Self::UnboundedQueue => None,
        }
    }

    /// What the device gets instead of `bytes`.
    pub(super) fn down(self, bytes: Vec<u8>) -> Vec<u8> {
        let Ok((mut frame, _body)) = codec::decode(&bytes, usize::MAX) else { return bytes };
        match (self, &mut frame) {
            (Self::PruneAtAck, Frame::Ack(ack)) => ack.safe_seq = ack.accepted_seq,
            (Self::PruneAtAck, Frame::Welcome(welcome)) => {
                welcome.safe_seq = welcome.accepted_seq;
            }
            (Self::PruneAtAck, Frame::HeartbeatAck(ack)) => ack.safe_seq = ack.accepted_seq,
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
    pub(super) fn up(self, bytes: Vec<u8>) -> Vec<u8> {
        let Ok((mut frame, _body)) = codec::decode(&bytes, usize::MAX) else { return bytes };
        match (self, &mut frame) {
            (Self::NoOrigin, Frame::Push(push)) => push.origins.clear(),
            _ => return bytes,
        }
        codec::encode(&frame, false)
    }

    /// What the server's disk holds instead, when its process begins.
    pub(super) fn at_rest(self, store: &mut MemoryStore) {
        use ledger::schema::book::{ChangesTable, Head, Heads};
        let nothing = MemoryTables::new();
        let mut draft = Draft::over(&nothing);
        match self {
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
