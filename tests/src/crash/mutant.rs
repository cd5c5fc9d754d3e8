//! Deliberate mistakes, most of them made where the two sides meet, the others in the machine, and each to
//! be noticed by what is checked at the end of a script. A check that notices none of them proves nothing.
//!
//! Those that a wire cannot make (raw clock, no causality) are played by the worlds.

use device_core::engine::Work;
use ledger::draft::Draft;
use ledger::tables::Read as _;
use protocol::frame::{Frame, codec};
use protocol::operation::{Body, Goods, Move, Place};
use protocol::quantity::Quantity;
use server_core::machine::Bug;
use server_core::store::MemoryStore;

use super::fuse::Fuse;
use super::hall::{End, Hall};
use super::{begin, caught, come_to_rest, judge, receive, records, restore};
use crate::receipt::word;
use crate::world::company;
use crate::world::floor::LOCATION;

/// Messages that may wait for a device that does not read.
const WAITING_MAX: usize = 40;

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
        use ledger::schema::book::{ChangesTable, Head, Heads, Intakes, Outcomes};
        let mut draft = Draft::over(&*store);
        match self {
            Self::DoubleApply => {
                let head = store.row::<Heads>(&()).map(|head| *head).unwrap_or_default();
                let before = protocol::identity::Lsn(head.lsn.0.saturating_sub(1));
                let Some(change) = store.row::<ChangesTable>(&before) else { return };
                let Some(last) = store.row::<Intakes>(&head.intake) else { return };
                let back = Head {
                    lsn: before,
                    time: change.time,
                    intake: change.intake,
                    hash: change.hash,
                };
                draft.put::<Heads>(&(), back);
                // What was decided stands; that it was decided is forgotten.
                draft.delete::<ChangesTable>(&head.lsn);
                if change.intake < head.intake {
                    draft.delete::<Outcomes>(&last.identity(head.intake));
                }
            }
            _ => return,
        }
        let changes = draft.finish();
        store.overwrite(changes);
    }
}

/// Plays what notices each mutant; with one that is right everything holds.
///
/// # Errors
///
/// What was noticed.
pub fn notice(mutant: Option<Mutant>) -> Result<(), String> {
    caught(|| {
        let mut hall = Hall::with(Fuse::new(None), End::Kill, mutant);
        play_for_mutants(&mut hall)?;
        judge(&hall)
    })
}

/// A script that gives each mutant its occasion.
fn play_for_mutants(hall: &mut Hall) -> Result<(), String> {
    begin(hall)?;
    records(hall, 3);
    come_to_rest(hall)?;
    let image = hall.folders.image();
    // In the same session, so that no lease tells the copy from the original.
    records(hall, 1);
    come_to_rest(hall)?;
    let backup = hall.store.clone();
    hall.set_offline(true);
    records(hall, 150);
    hall.set_offline(false);
    come_to_rest(hall)?;
    hall.run_until(300, |_hall| false);
    // The server is lost with everything since the backup: the device has it all.
    restore(hall, backup);
    come_to_rest(hall)?;
    old_copy(hall)?;
    // The last pieces leave a bin: a row is gone.
    hall.record_other(&[carry("B", "C", 20)]);
    come_to_rest(hall)?;
    // The old image goes on: what it records has numbers that are taken.
    hall.replace_device(image, true);
    hall.set_offline(true);
    records(hall, 3);
    hall.set_offline(false);
    come_to_rest(hall)?;
    hall.restart_server();
    records(hall, 1);
    come_to_rest(hall)?;
    slow_reader(hall)?;
    hall.run_until(1_500, |_hall| false);
    come_to_rest(hall)
}

/// A copy of the store that is older than the last contact is noticed, even where nothing was recorded in
/// between.
fn old_copy(hall: &mut Hall) -> Result<(), String> {
    let incarnation = |hall: &Hall| {
        hall.device()
            .and_then(device_core::engine::DeviceCore::identity)
            .map(|(_device, incarnation)| incarnation)
    };
    let image = hall.folders.image();
    for _contact in 0..2 {
        hall.break_wire();
        hall.run_until(120, |_hall| false);
    }
    come_to_rest(hall)?;
    let before = incarnation(hall);
    hall.replace_device(image, false);
    hall.run_until(300, |_hall| false);
    come_to_rest(hall)?;
    if incarnation(hall) > before {
        Ok(())
    } else {
        Err("an old copy of a store went on, and nobody noticed".to_owned())
    }
}

/// A device that does not read while much happens costs no more than a few messages.
fn slow_reader(hall: &mut Hall) -> Result<(), String> {
    hall.is_deaf = true;
    for n in 0..150 {
        hall.system(company::one_more_item(n).encode());
        hall.run_until(1, |_hall| false);
    }
    let n = hall.n_waiting_max;
    hall.is_deaf = false;
    if n > WAITING_MAX {
        return Err(format!("{n} messages waited for a device that does not read"));
    }
    come_to_rest(hall)
}

fn carry(from: &str, to: &str, pieces: i32) -> Work {
    let Body::Receive(receive) = receive().body else { unreachable!("a receipt") };
    let at = |bin: &str| Place { location: word(LOCATION), bin: Some(word(bin)), plate: None };
    let pieces = Quantity::whole(pieces);
    let goods = Goods { quantity: pieces, base: pieces, ..receive.goods };
    let body = Move { from: at(from), to: at(to), goods };
    Work { body: Body::Move(body), document: None }
}
