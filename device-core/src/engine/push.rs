//! PUSH: as many operations as fit, in their order, of one epoch.

use std::collections::BTreeSet;

use protocol::evidence::BootEvidence;
use protocol::frame::{Frame, OriginOf, Push, push};
use protocol::identity::{Boot, Incarnation, Seq};
use protocol::operation::Recorded;

use super::uplink::hash16;
use super::{Action, DeviceCore, News};
use crate::recorder::{Operation, Recorder};
use crate::session::Event;

/// Bytes that an operation may need in PUSH beyond its content: columns of their longest.
const COLUMNS_BYTES: usize = 24;
/// Bytes of an origin.
const ORIGIN_BYTES: usize = 64;
/// Bytes of a boot, and of each of its samples.
const BOOT_BYTES: usize = 48;
const SAMPLE_BYTES: usize = 52;
/// Bytes of everything that a PUSH has once.
const FIXED_BYTES: usize = 128;

/// Operations that go into one PUSH.
#[derive(Debug, Default)]
struct Picked {
    operations: Vec<(Operation, Recorded)>,
    /// An upper bound of the body's length.
    bytes: usize,
    boots: BTreeSet<Boot>,
    /// Why the next one could not be taken, where that is a fault.
    trouble: Option<String>,
}

impl DeviceCore {
    /// Sends operations from `from` on.
    pub(super) fn push(
        &mut self,
        from: Seq,
        (operations_max, bytes_max): (usize, usize),
        actions: &mut Vec<Action>,
    ) -> Event {
        let Some(recorder) = &self.recorder else { return Event::NothingToPush };
        let picked = self.pick(recorder, from, (operations_max, bytes_max));
        if let Some(trouble) = &picked.trouble {
            self.news.push(News::Trouble(trouble.clone()));
        }
        let bytes = picked.bytes;
        let Some(push) = self.packed(picked) else { return Event::NothingToPush };
        let n = u64::try_from(push.bodies.len()).expect("a PUSH has at most 512 operations");
        let last = Seq(from.0.saturating_add(n).saturating_sub(1));
        self.send(&Frame::Push(push), actions);
        Event::Pushed { last, bytes }
    }

    fn pick(
        &self,
        recorder: &Recorder,
        from: Seq,
        (operations_max, bytes_max): (usize, usize),
    ) -> Picked {
        let mut picked = Picked { bytes: FIXED_BYTES, ..Picked::default() };
        let operations = recorder.iter_from(from.0).take(operations_max);
        for (wanted, operation) in (from.0..).zip(operations) {
            let operation = match operation {
                // From the oldest one on, where `from` was trimmed: the server asks for what is
                // gone, and only it can order a new incarnation.
                Ok(operation) if operation.seq != wanted => break,
                Ok(operation) => operation,
                Err(error) => {
                    picked.trouble = Some(format!("the recorder cannot be read: {error}"));
                    break;
                }
            };
            let Ok(recorded) = Recorded::from_content(&operation.content) else {
                picked.trouble = Some(format!("operation {} cannot be read", operation.seq));
                break;
            };
            let bytes = self.bytes_of(&operation, &recorded, &picked.boots);
            if !picked.takes(&recorded, bytes, bytes_max) {
                break;
            }
            picked.bytes += bytes;
            picked.boots.insert(recorded.envelope.boot);
            picked.operations.push((operation, recorded));
        }
        picked
    }

    /// An upper bound of what an operation adds to PUSH.
    fn bytes_of(
        &self,
        operation: &Operation,
        recorded: &Recorded,
        boots: &BTreeSet<Boot>,
    ) -> usize {
        let boot = recorded.envelope.boot;
        let is_new = !boots.contains(&boot) && !self.told.contains(&boot);
        let evidence = self.clock.of(boot).filter(|_| is_new);
        operation.content.len()
            + COLUMNS_BYTES
            + operation.origin.map_or(0, |_| ORIGIN_BYTES)
            + evidence.map_or(0, |boot| BOOT_BYTES + SAMPLE_BYTES * boot.samples.len())
    }

    fn packed(&mut self, picked: Picked) -> Option<Push> {
        let state = self.recorder.as_ref()?.state();
        let identity = state.identity;
        let (first, one) = picked.operations.first()?;
        let (base_seq, epoch) = (Seq(first.seq), one.envelope.epoch);
        // The contents no longer give the hashes that are behind them. The server would compute a
        // chain of its own from them, and later take what follows for other facts: it must order a
        // new incarnation before it takes anything, and does so at a link that does not fit.
        let mut previous_hash = hash16(first.prev);
        if state.needs_reincarnation {
            previous_hash.0.iter_mut().for_each(|byte| *byte = !*byte);
        }
        let boots = self.boots_for_push(&picked.boots);
        let mut origins = Vec::new();
        let mut recorded = Vec::with_capacity(picked.operations.len());
        for (position, (operation, one)) in (0_u32..).zip(picked.operations) {
            origins.extend(operation.origin.map(|origin| {
                let incarnation = Incarnation(origin.incarnation);
                let seq = Seq(origin.seq);
                (position, OriginOf { incarnation, seq, hash: hash16(origin.hash) })
            }));
            recorded.push(one);
        }
        let (columns, bodies) = push::pack(&recorded);
        let incarnation = Incarnation(identity.incarnation);
        Some(Push { incarnation, base_seq, previous_hash, epoch, boots, columns, bodies, origins })
    }

    /// Evidence of boots that the server was not told about in this session.
    fn boots_for_push(&mut self, boots: &BTreeSet<Boot>) -> Vec<BootEvidence> {
        let untold: BTreeSet<Boot> = boots.difference(&self.told).copied().collect();
        self.told.extend(&untold);
        self.clock.of_boots(&untold, usize::MAX)
    }
}

impl Picked {
    /// Whether one more fits: of the same epoch, and small enough. One alone always does.
    fn takes(&self, recorded: &Recorded, bytes: usize, bytes_max: usize) -> bool {
        let Some((_, first)) = self.operations.first() else { return true };
        first.envelope.epoch == recorded.envelope.epoch && self.bytes + bytes <= bytes_max
    }
}
