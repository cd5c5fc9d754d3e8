//! What became of the last step before the device was opened: it may have ended before whoever did it
//! heard the tone.

use std::ops::RangeInclusive;

use protocol::identity::Seq;
use protocol::operation::{Body, Recorded};

use super::DeviceCore;
use super::status::MyOperation;
use crate::recorder::{Identity, Recorder, Recovery};

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastStep {
    /// It is recorded, all of it.
    Recorded {
        /// How many operations it is.
        n: u64,
        /// The last one of them.
        last: Box<MyOperation>,
    },
    /// Its write was cut short: nothing of it is recorded, and it has to be done again.
    NotRecorded,
}

/// What an opening of the recorder tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unheard {
    /// Under these numbers, while the recorder is of this identity.
    Recorded(Identity, RangeInclusive<u64>),
    NotRecorded,
}

impl Unheard {
    pub(super) fn of(recorder: &Recorder, recovery: &Recovery) -> Option<Self> {
        if recovery.is_group_dropped {
            return Some(Self::NotRecorded);
        }
        let identity = recorder.state().identity;
        recovery.last_group.clone().map(|group| Self::Recorded(identity, group))
    }
}

impl DeviceCore {
    /// What became of the last step before the device was opened, for whoever did it and for a
    /// supervisor; whose it was is not known where it is not recorded. None once anything was done since,
    /// or where the server had it already.
    pub fn last_step(&self) -> Option<LastStep> {
        let (identity, group) = match self.unheard.as_ref()? {
            Unheard::NotRecorded => return Some(LastStep::NotRecorded),
            Unheard::Recorded(identity, group) => (identity, group),
        };
        let recorder = self.recorder.as_ref().filter(|now| now.state().identity == *identity)?;
        // What cannot be read is told of elsewhere.
        let operation = recorder.read(*group.end()).ok()?;
        let recorded = Recorded::from_content(&operation.content).ok()?;
        let is_own = recorded.envelope.operator == self.people.operator;
        let last = self.shown(Seq(operation.seq), recorded).ok()?;
        let is_told = last.body.as_ref().is_some_and(is_step) && (is_own || self.is_supervisor());
        let n = group.end() - group.start() + 1;
        is_told.then(|| LastStep::Recorded { n, last: Box::new(last) })
    }
}

/// Whether it is something that a person did with goods, or said of them.
pub fn is_step(body: &Body) -> bool {
    match body {
        Body::Count(_)
        | Body::CountBin(_)
        | Body::Receive(_)
        | Body::Pick(_)
        | Body::Ship(_)
        | Body::Move(_)
        | Body::MovePlate(_)
        | Body::TransferShip(_)
        | Body::TransferReceive(_)
        | Body::Adjust(_)
        | Body::Reclassify(_)
        | Body::Undo(_)
        | Body::Unidentified(_)
        | Body::Answer(_) => true,
        Body::SignIn(_) | Body::SignOut(_) | Body::Attach(_) | Body::Void(_) => false,
    }
}
