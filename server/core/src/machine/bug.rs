//! Deliberate mistakes: the simulation must notice each of them, or it proves nothing (SYNC 5.2).

use std::collections::BTreeMap;

use ledger::draft::Changes;
use ledger::record::{Record, encode_row};
use ledger::schema::book::{Bound, Intake, Intakes, Timing};
use ledger::tables::{Table as _, Tables};
use protocol::evidence::BootEvidence;
use protocol::identity::{Boot, DeviceId, Incarnation, ServerTime};
use protocol::operation::Recorded;

use crate::intake::push::{PreparedPush, Sender};

/// A deliberate mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// An operation is acknowledged before it is durable.
    AckBeforeSync,
    /// A re-labelled operation is taken for a new one.
    NoDedupe,
    /// What an operator had seen plays no part in the order.
    NoCausality,
    /// The wall clock of the device decides the order.
    RawClock,
    /// Numbers alone say what an operation is: nobody compares its hash.
    NoHash,
    /// Whatever lease a device shows is the present one.
    NoLease,
}

/// What the machine believes of an arrival when it has `bug`.
pub(super) fn believed(
    bug: Option<Bug>,
    push: &PreparedPush,
    (tables, device): (&dyn Tables, DeviceId),
) -> PreparedPush {
    let mut push = push.clone();
    match bug {
        None | Some(Bug::AckBeforeSync | Bug::RawClock | Bug::NoLease) => {}
        Some(Bug::NoHash) => push.believe_numbers(tables, device),
        Some(Bug::NoDedupe) => push.forget_origins(),
        Some(Bug::NoCausality) => push.forget_cursors(),
    }
    push
}

/// What a machine that believes in wall clocks knows of them: what each showed at the start of a
/// boot. Evidence names it once in a session.
#[derive(Debug, Default)]
pub(super) struct WallClocks(BTreeMap<(DeviceId, Incarnation, Boot), i64>);

impl WallClocks {
    /// Has everything that just arrived done when the wall clock of its device showed it, and no
    /// doubt about it.
    pub(super) fn place<'e>(
        &mut self,
        sender: Sender,
        evidence: impl Iterator<Item = &'e BootEvidence>,
        changes: &mut Changes,
    ) {
        let of = |boot| (sender.device, sender.incarnation, boot);
        for evidence in evidence {
            if let Some(wall) = evidence.wall_at_start {
                self.0.insert(of(evidence.boot), wall);
            }
        }
        for ((table, _key), record) in changes.iter_mut() {
            let intake = record.as_ref().filter(|_record| *table == Intakes::ID);
            let Some(intake) = intake.map(Record::row::<Intake>) else { continue };
            let Ok(recorded) = Recorded::from_content(&intake.raw) else { continue };
            let Some(wall) = self.0.get(&of(recorded.envelope.boot)) else { continue };
            let tau = ServerTime(wall.saturating_add_unsigned(recorded.envelope.mono_us));
            let (lower, upper) = (Bound::Sample, Bound::Sample);
            let timing = Timing { tau, epsilon_us: 0, uncertain: false, lower, upper };
            *record = Some(Record::from_bytes(encode_row(&Intake { timing, ..(*intake).clone() })));
        }
    }
}
