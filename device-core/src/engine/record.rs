//! Recording: the one thing that must not fail silently.

use std::collections::BTreeSet;

use protocol::frame::Limits;
use protocol::identity::{OperationId, Seq};
use protocol::operation::{Body, DocumentRef, Envelope, Recorded, Undo};

use super::last_step::is_step;
use super::{Action, DeviceCore, Moment, News};
use crate::recorder::{Appended, Recorder, RecorderError};
use crate::session;

/// A piece of work that was done: what is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// What was done.
    pub body: Body,
    /// The document, or the line, that it was done for.
    pub document: Option<DocumentRef>,
}

/// Why nothing was recorded: sound the stop tone.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The device has no server yet.
    #[error("this device is not enrolled")]
    NotEnrolled,
    /// The server has withdrawn this device.
    #[error("this device is withdrawn: it only uploads what it has")]
    Withdrawn,
    /// The server was not reached for too long.
    #[error("the server was not reached for {days} days: this device only uploads what it has")]
    OutOfTouch {
        /// Whole days.
        days: u64,
    },
    /// The recorder has failed before; see [`DeviceCore::reopen_recorder`].
    #[error("the recorder has stopped: {reason}")]
    Stopped {
        /// What failed.
        reason: String,
    },
    /// The disk is full, and the reserve is used up.
    #[error("the storage of this device is full")]
    Full,
    /// The work is larger than any server takes.
    #[error("the operation has {bytes} bytes, at most {bytes_max} are possible")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// What would have been possible.
        bytes_max: usize,
    },
    /// The recorder failed just now.
    #[error("the operation could not be recorded")]
    Recorder(#[source] RecorderError),
}

/// Why an operation cannot be taken back.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    /// The recorder does not have it any more, or never had it.
    #[error("this operation is no longer on this device")]
    NotHere,
    /// There is nothing to take back in it: signing in, an undo, a lost operation.
    #[error("there is nothing to take back")]
    NothingToUndo,
    /// It is being taken back already.
    #[error("this operation is taken back already")]
    AlreadyUndone,
    /// Somebody else did it, and whoever has the device is no supervisor.
    #[error("this was done by {author}")]
    NotOwn {
        /// Who did it.
        author: String,
    },
    /// The undo could not be recorded.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Bytes of the longest body that every server takes.
fn body_bytes_max() -> usize {
    usize::try_from(Limits::DEFAULT.body_bytes_max).expect("u32 fits usize here")
}

impl DeviceCore {
    /// Records `work` and returns its name once it is on the disk: the good tone may sound.
    ///
    /// # Errors
    ///
    /// [`RecordError`]: nothing is recorded; sound the stop tone and let the operator repeat it.
    pub fn record(
        &mut self,
        at: Moment,
        work: &Work,
    ) -> Result<(OperationId, Vec<Action>), RecordError> {
        let (names, actions) = self.record_many(at, std::slice::from_ref(work))?;
        Ok((names[0], actions))
    }

    /// Records several pieces of work, in order, with one sync for all.
    ///
    /// # Errors
    ///
    /// [`RecordError`]: none of them is recorded.
    pub fn record_many(
        &mut self,
        at: Moment,
        works: &[Work],
    ) -> Result<(Vec<OperationId>, Vec<Action>), RecordError> {
        let contents = self.contents(at, works)?;
        let appended = self.append(&contents)?;
        let mut names = Vec::with_capacity(appended.len());
        let mut actions = Vec::new();
        for (appended, content) in appended.iter().zip(&contents) {
            let seq = Seq(appended.seq);
            if let Err(error) = self.outbox.insert(seq, content) {
                self.queue_failed(&error);
            }
            self.show(seq);
            let name = self.outbox.first_name(seq);
            self.news.push(News::Recorded(name));
            names.push(name);
        }
        if works.iter().any(|work| is_step(&work.body)) {
            self.unheard = None;
        }
        if let Some(last) = appended.last() {
            self.drive(at, session::Event::Recorded(Seq(last.seq)), &mut actions);
        }
        self.tell_storage(at, &mut actions);
        self.tell(&mut actions);
        Ok((names, actions))
    }

    fn contents(&mut self, at: Moment, works: &[Work]) -> Result<Vec<Vec<u8>>, RecordError> {
        if self.recorder.is_none() {
            return Err(RecordError::NotEnrolled);
        }
        if self.is_withdrawn() {
            return Err(RecordError::Withdrawn);
        }
        if let Some(reason) = &self.stopped {
            return Err(RecordError::Stopped { reason: reason.clone() });
        }
        let mono_us = at.mono_us.max(self.clock.last_us());
        self.check_contact(mono_us)?;
        let (cursor, epoch) = self.replica.seen();
        let mut contents = Vec::with_capacity(works.len());
        for work in works {
            let envelope = Envelope {
                boot: self.clock.current(),
                mono_us,
                cursor,
                epoch,
                operator: self.people.operator.clone(),
                document: work.document.clone(),
            };
            let recorded = Recorded::new(envelope, &work.body);
            let (bytes, bytes_max) = (recorded.body.len(), body_bytes_max());
            if bytes > bytes_max {
                return Err(RecordError::TooLarge { bytes, bytes_max });
            }
            contents.push(recorded.to_content());
        }
        self.clock.touch(mono_us);
        Ok(contents)
    }

    /// Appends to the recorder; on a full disk the reserve is released, once.
    fn append(&mut self, contents: &[Vec<u8>]) -> Result<Vec<Appended>, RecordError> {
        let recorder = self.recorder.as_mut().ok_or(RecordError::NotEnrolled)?;
        let contents: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
        let appended = match recorder.append_many(&contents) {
            Err(RecorderError::Full) => match recorder.release_ballast() {
                Ok(true) => {
                    let again = recorder.append_many(&contents);
                    self.note_low();
                    again
                }
                Ok(false) => Err(RecorderError::Full),
                Err(error) => Err(error),
            },
            other => other,
        };
        self.note_refusal(matches!(appended, Err(RecorderError::Full)));
        appended.map_err(|error| match error {
            RecorderError::Full => RecordError::Full,
            RecorderError::TooLarge { bytes, bytes_max } => {
                RecordError::TooLarge { bytes, bytes_max }
            }
            error => {
                self.note_stopped(&error);
                RecordError::Recorder(error)
            }
        })
    }

    /// The recorder has failed: from here on nothing is recorded.
    pub(super) fn note_stopped(&mut self, error: &RecorderError) {
        if self.recorder.as_ref().is_some_and(Recorder::is_stopped) && self.stopped.is_none() {
            let source = std::error::Error::source(error);
            let reason =
                source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
            self.stopped = Some(reason.clone());
            self.news.push(News::RecorderStopped(reason));
        }
    }

    /// Opens the recorder again after it has stopped. What was refused before is not recorded.
    ///
    /// # Errors
    ///
    /// [`RecorderError`]: it stays stopped, and the call may be repeated.
    pub fn reopen_recorder(&mut self) -> Result<(), RecorderError> {
        let Some(recorder) = self.recorder.as_mut() else { return Ok(()) };
        if recorder.is_stopped() {
            let recovery = recorder.reopen()?;
            self.storage.found(&recovery);
            self.is_state_dirty = true;
        }
        self.stopped = None;
        self.note_refusal(false);
        Ok(())
    }

    /// Takes an operation back, by an operation of its own: one's own, or as a supervisor any.
    ///
    /// # Errors
    ///
    /// [`UndoError`].
    pub fn undo(
        &mut self,
        at: Moment,
        name: OperationId,
    ) -> Result<(OperationId, Vec<Action>), UndoError> {
        let (undone, actions) = self.undo_many(at, &[name])?;
        Ok((undone[0], actions))
    }

    /// Takes operations back, in order, with one sync for all; those that are taken back already, by this as
    /// well, are left out.
    ///
    /// # Errors
    ///
    /// [`UndoError`]: none of them is taken back by this. [`UndoError::AlreadyUndone`] where that is
    /// so of each.
    pub fn undo_many(
        &mut self,
        at: Moment,
        names: &[OperationId],
    ) -> Result<(Vec<OperationId>, Vec<Action>), UndoError> {
        let mut works = Vec::with_capacity(names.len());
        let mut seen = BTreeSet::new();
        for name in names.iter().filter(|name| seen.insert(**name)) {
            match self.undo_of(*name) {
                Ok(work) => works.push(work),
                Err(UndoError::AlreadyUndone) => {}
                Err(error) => return Err(error),
            }
        }
        if works.is_empty() {
            return Err(UndoError::AlreadyUndone);
        }
        Ok(self.record_many(at, &works)?)
    }

    /// What is to be recorded so that an operation is taken back.
    fn undo_of(&self, name: OperationId) -> Result<Work, UndoError> {
        let body = self.body_of(name).ok_or(UndoError::NotHere)?;
        if !is_step(&body) || matches!(body, Body::Undo(_)) {
            return Err(UndoError::NothingToUndo);
        }
        if self.view.is_undone(name) {
            return Err(UndoError::AlreadyUndone);
        }
        let Envelope { operator: author, document, .. } =
            self.envelope_of(name).ok_or(UndoError::NotHere)?;
        if author != self.people.operator && !self.is_supervisor() {
            let author = author.map_or_else(|| "–".to_owned(), |author| author.to_string());
            return Err(UndoError::NotOwn { author });
        }
        let undo = Undo { incarnation: name.incarnation, seq: name.seq };
        Ok(Work { body: Body::Undo(undo), document })
    }
}
