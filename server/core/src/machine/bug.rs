//! Deliberate mistakes: the simulation must notice each of them, or it proves nothing (SYNC 5.2).

use protocol::evidence::{BootEvidence, ClockSample};
use protocol::identity::ServerTime;

use crate::intake::push::PreparedPush;

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
}

/// What the machine believes of an arrival when it has `bug`.
pub(super) fn believed(
    bug: Option<Bug>,
    push: &PreparedPush,
    learnt: &[BootEvidence],
    now: ServerTime,
) -> (PreparedPush, Vec<BootEvidence>) {
    let (mut push, mut learnt) = (push.clone(), learnt.to_vec());
    match bug {
        None | Some(Bug::AckBeforeSync) => {}
        Some(Bug::NoDedupe) => push.forget_origins(),
        Some(Bug::NoCausality) => push.forget_cursors(),
        Some(Bug::RawClock) => {
            push.forget_cursors();
            for evidence in learnt.iter_mut().chain(&mut push.boots) {
                evidence.samples = wall_clock(evidence, now).into_iter().collect();
            }
        }
    }
    (push, learnt)
}

/// The wall clock at the start of a boot, as if the server had confirmed it.
fn wall_clock(evidence: &BootEvidence, now: ServerTime) -> Option<ClockSample> {
    let wall = evidence.wall_at_start?.min(now.0);
    Some(ClockSample { sent_us: 0, server_received: wall, server_sent: wall, received_us: 0 })
}
