//! How the device is doing, and what became of its operations.

use std::collections::VecDeque;

use protocol::health::StorageReport;
use protocol::identity::{DeviceId, Incarnation, Lsn, OperationId, Seq, ServerTime};
use protocol::operation::{Body, Envelope, Recorded};
use protocol::outcome::Outcome;
use protocol::words::{OperatorId, SiteCode};

use super::{Address, DeviceCore, LinkTrouble};
use crate::recorder::RecorderError;
use crate::replica::SnapshotProgress;
use crate::session::{LinkState, Standing};
use crate::store::StoreError;

/// Whether the device can record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecorderState {
    /// Nobody has enrolled the device.
    NotEnrolled,
    /// It can.
    Ready,
    /// It has failed, and says why.
    Stopped(String),
}

/// How the device is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Who records here; none before the device was enrolled.
    pub identity: Option<(DeviceId, Incarnation)>,
    /// The company's name.
    pub company: String,
    /// The site.
    pub site: Option<SiteCode>,
    /// Where the server is.
    pub addresses: Vec<Address>,
    /// The six digits of this device's key: a suspended device shows them, to be compared at a desk.
    pub comparison: String,
    /// The link.
    pub link: LinkState,
    /// Microseconds since it was found, or lost; none where this boot does not know.
    pub link_since_us: Option<u64>,
    /// Microseconds until it is tried again, where that is waited for.
    pub retry_in_us: Option<u64>,
    /// What was in its way last; none while it stands.
    pub trouble: Option<LinkTrouble>,
    /// How the server regards the device.
    pub standing: Standing,
    /// Whether it can record.
    pub recorder: RecorderState,
    /// Operations that only this device has.
    pub n_unsent: u64,
    /// Operations without an outcome, those included.
    pub n_unanswered: usize,
    /// The oldest operation that only this device has, in microseconds before now, where it is of
    /// this boot.
    pub oldest_unsent_us: Option<u64>,
    /// The last decision that the rows show.
    pub cursor: Lsn,
    /// Server time of that decision: "stock as of".
    pub as_of: ServerTime,
    /// The last decision of the server, as far as is known.
    pub head: Lsn,
    /// Whether a person can work with what is here.
    pub is_ready: bool,
    /// The snapshot that is arriving.
    pub snapshot: Option<SnapshotProgress>,
    /// Whether the clock of this boot was compared with the server's.
    pub is_clock_known: bool,
    /// How far its wall clock was ahead when it was started, in microseconds, where that is known.
    pub wall_ahead_us: Option<i64>,
    /// Who has the device.
    pub operator: Option<OperatorId>,
    /// How many operations storage has destroyed since the last incarnation began.
    pub n_lost: u64,
    /// Microseconds until nothing more is recorded, because the server is not reached: when that is
    /// within a day.
    pub locks_in_us: Option<u64>,
    /// How the storage is, and what it has done since the folder was begun.
    pub storage: StorageReport,
}

/// The newest operations of the device that are looked through for those of one person.
pub const LOOKED_BACK_MAX: usize = 1_000;

/// What became of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationState {
    /// Only this device has it.
    SavedHere,
    /// The server has it on its disk, and has not judged it yet.
    OnServer,
    /// The server has judged it; none where its outcome is too old to be kept here.
    Judged(Option<Box<Outcome>>),
}

/// An operation of this device, as the screens list it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MyOperation {
    /// The name it was first recorded under.
    pub name: OperationId,
    /// Its present number.
    pub seq: Seq,
    /// When, for what and by whom.
    pub envelope: Envelope,
    /// What was done, where this build can read it.
    pub body: Option<Body>,
    /// When it was done, in server time, as far as this device can tell.
    pub done: Option<ServerTime>,
    /// What became of it.
    pub state: OperationState,
    /// Whether another operation takes it back.
    pub is_undone: bool,
}

/// Why own operations cannot be listed.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The recorder.
    #[error(transparent)]
    Recorder(#[from] RecorderError),
    /// The replica.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DeviceCore {
    /// The last operation that the server has on its disk.
    pub fn acked(&self) -> Seq {
        let kept = self.recorder.as_ref().map_or(0, |recorder| recorder.state().acked.seq);
        // A recorder that has stopped cannot note what the session knows.
        let known = self.session.live().map_or(0, |live| live.upload.acked.0);
        Seq(kept.max(if self.stopped.is_some() { known } else { 0 }))
    }

    /// How many operations only this device has.
    pub fn n_unsent(&self) -> u64 {
        let head = self.recorder.as_ref().map_or(0, |recorder| recorder.head().seq);
        head.saturating_sub(self.acked().0)
    }

    /// Monotonic microseconds of the oldest operation that only this device has, where it is of
    /// this boot.
    pub(super) fn oldest_unsent(&self) -> Option<u64> {
        let entry = self.outbox.get(self.acked().next())?;
        let envelope = &entry.recorded.envelope;
        (envelope.boot == self.clock.current()).then_some(envelope.mono_us)
    }

    /// How the device is doing.
    pub fn status(&self, mono_us: u64) -> Status {
        let recorder = match (&self.recorder, &self.stopped) {
            (None, _) => RecorderState::NotEnrolled,
            (Some(_), Some(reason)) => RecorderState::Stopped(reason.clone()),
            (Some(_), None) => RecorderState::Ready,
        };
        let cursor = self.replica.seen().0;
        Status {
            identity: self.identity(),
            company: self.place.company.clone(),
            site: self.place.site.clone(),
            addresses: self.place.addresses.clone(),
            comparison: protocol::enrolment::comparison(&self.key.public()),
            link: self.session.state().link(),
            link_since_us: self.link_since_us(mono_us),
            retry_in_us: self.retry_in_us(mono_us),
            trouble: self.link_trouble(),
            standing: self.session.standing(),
            recorder,
            n_unsent: self.n_unsent(),
            n_unanswered: self.outbox.len(),
            oldest_unsent_us: self.oldest_unsent().map(|since| mono_us.saturating_sub(since)),
            cursor,
            as_of: self.replica.as_of(),
            head: self.session.live().map_or(cursor, |live| live.download.head.max(cursor)),
            is_ready: self.replica.is_ready(),
            snapshot: self.replica.snapshot_progress(),
            is_clock_known: self.clock.is_sampled(),
            wall_ahead_us: self.clock.wall_ahead_us(),
            operator: self.people.operator.clone(),
            n_lost: self.recorder.as_ref().map_or(0, |recorder| recorder.state().n_void),
            locks_in_us: self.locks_in_us(mono_us),
            storage: self.storage(),
        }
    }

    /// The newest operations of whoever has the device, the newest first: at most `limit`, as far back
    /// as the recorder goes and [`LOOKED_BACK_MAX`] allows. A supervisor sees those of everybody.
    ///
    /// # Errors
    ///
    /// [`ListError`].
    pub fn my_operations(&self, limit: usize) -> Result<Vec<MyOperation>, ListError> {
        if self.is_supervisor() {
            return self.operations(limit);
        }
        let mine = |envelope: &Envelope| envelope.operator == self.people.operator;
        self.listed((limit, LOOKED_BACK_MAX.max(limit)), mine)
    }

    /// The newest operations of this device, whoever did them, the newest first: at most `limit`, as far
    /// back as the recorder goes.
    ///
    /// # Errors
    ///
    /// [`ListError`].
    pub fn operations(&self, limit: usize) -> Result<Vec<MyOperation>, ListError> {
        self.listed((limit, limit), |_any| true)
    }

    fn listed(
        &self,
        (limit, looked_back): (usize, usize),
        wanted: impl Fn(&Envelope) -> bool,
    ) -> Result<Vec<MyOperation>, ListError> {
        let Some(recorder) = &self.recorder else { return Ok(Vec::new()) };
        let n = u64::try_from(looked_back).unwrap_or(u64::MAX);
        let from = recorder.next_seq().saturating_sub(n).max(recorder.low_seq());
        let mut newest = VecDeque::new();
        for operation in recorder.iter_from(from) {
            let operation = match operation {
                // What is destroyed is counted elsewhere, and hides nothing of the rest.
                Err(RecorderError::Unreadable { .. }) => continue,
                other => other?,
            };
            let Ok(recorded) = Recorded::from_content(&operation.content) else { continue };
            if wanted(&recorded.envelope) {
                newest.push_back((Seq(operation.seq), recorded));
            }
            if newest.len() > limit {
                newest.pop_front();
            }
        }
        newest.into_iter().rev().map(|(seq, recorded)| self.shown(seq, recorded)).collect()
    }

    pub(super) fn shown(&self, seq: Seq, recorded: Recorded) -> Result<MyOperation, ListError> {
        let name = self.outbox.first_name(seq);
        let state = self.state_of(seq, name)?;
        Ok(MyOperation {
            name,
            seq,
            body: recorded.decode_body().ok(),
            done: self.done_at(&recorded.envelope, &state),
            envelope: recorded.envelope,
            state,
            is_undone: self.view.is_undone(name),
        })
    }

    /// When an operation was done: as the server says, or by the clock of the boot that runs.
    fn done_at(&self, envelope: &Envelope, state: &OperationState) -> Option<ServerTime> {
        match state {
            OperationState::Judged(Some(outcome)) => Some(outcome.tau),
            _ if envelope.boot == self.clock.current() => self.clock.server_time(envelope.mono_us),
            _ => None,
        }
    }

    /// What became of the operation with this first name.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn operation_state(&self, name: OperationId) -> Result<OperationState, StoreError> {
        let seq = self.outbox.seq_of(name).unwrap_or(name.seq);
        self.state_of(seq, name)
    }

    fn state_of(&self, seq: Seq, name: OperationId) -> Result<OperationState, StoreError> {
        if let Some(outcome) = self.replica.outcome_of(name)? {
            return Ok(OperationState::Judged(Some(Box::new(outcome))));
        }
        if self.replica.marks().contains(name) {
            return Ok(OperationState::Judged(None));
        }
        let is_acked = seq <= self.acked();
        Ok(if is_acked { OperationState::OnServer } else { OperationState::SavedHere })
    }
}
