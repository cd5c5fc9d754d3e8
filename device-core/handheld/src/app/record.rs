//! What is recorded and taken back, and what is said when it is not.

use device_core::capture::{Ready, Signal};
use device_core::engine::{RecordError, UndoError, Work};
use protocol::identity::{Incarnation, OperationId, Seq, TaskId};
use protocol::operation::{Answer as AnswerBody, AttachmentKind, Body};
use protocol::words::ReasonText;

use super::desk::Remark;
use super::{Answer, App, Desk};
use crate::events::Change;
use crate::words::{plain, with_number, with_word};

impl App {
    pub(super) fn answer_task(&self, desk: &mut Desk, text: &str) -> Answer {
        let parts = text.split_once(':');
        let body = parts.and_then(|(task, answer)| {
            let task = TaskId(task.parse().ok()?);
            let answer = ReasonText::new(answer).ok()?;
            Some(Body::Answer(AnswerBody { task: Some(task), case: None, answer }))
        });
        let Some(body) = body else { return Answer::of(Signal::Stop) };
        self.record(desk, &[Work { body, document: None }])
    }

    pub(super) fn record(&self, desk: &mut Desk, works: &[Work]) -> Answer {
        match self.device.record_many(works) {
            Ok(recorded) => {
                self.with_world(desk, |desk, world| {
                    for capture in desk.laid_aside.values_mut() {
                        for work in works {
                            capture.heard(&work.body, world);
                        }
                    }
                });
                Answer { signal: Signal::Complete, recorded }
            }
            Err(error) => self.not_recorded(desk, &error),
        }
    }

    /// Nothing was recorded: red, and no further scanning.
    pub(super) fn not_recorded(&self, desk: &mut Desk, error: &RecordError) -> Answer {
        tracing::error!(%error, "not recorded");
        let reason = match error {
            RecordError::Full => plain("stop-reason-full", self.language(desk)),
            RecordError::OutOfTouch { days } => {
                with_number("stop-reason-out-of-touch", "n", *days, self.language(desk))
            }
            error => error.to_string(),
        };
        if !matches!(error, RecordError::TooLarge { .. }) {
            desk.stopped = Some(reason);
        }
        desk.remark = Some(Remark { signal: Signal::Stop, text: error.to_string() });
        drop(self.changes.send(Change::Page));
        Answer::of(Signal::Stop)
    }

    pub(super) fn record_undo(&self, desk: &mut Desk, ready: &[Ready]) -> Answer {
        let device = self.device.status().identity.map(|(device, _)| device).unwrap_or_default();
        let name = |ready: &Ready| match &ready.body {
            Body::Undo(undo) => {
                Some(OperationId { device, incarnation: undo.incarnation, seq: undo.seq })
            }
            _ => None,
        };
        let names: Vec<OperationId> = ready.iter().filter_map(name).collect();
        match self.device.undo_many(&names) {
            Ok(recorded) => Answer { signal: Signal::Complete, recorded },
            // They are gone already: that is what was wanted.
            Err(UndoError::AlreadyUndone) => Answer { signal: Signal::Complete, recorded: names },
            Err(error) => self.not_undone(desk, &error),
        }
    }

    /// The operation that `incarnation-seq` names.
    fn named(&self, text: &str) -> Option<OperationId> {
        let device = self.device.status().identity.map(|(device, _)| device).unwrap_or_default();
        let (incarnation, seq) = text.split_once('-')?;
        let incarnation = Incarnation(incarnation.parse().ok()?);
        Some(OperationId { device, incarnation, seq: Seq(seq.parse().ok()?) })
    }

    /// Keeps a picture for an operation; says why not, where not.
    pub(crate) fn take_picture(
        &self,
        name: &str,
        kind: AttachmentKind,
        bytes: &[u8],
    ) -> Result<OperationId, String> {
        let target = self.named(name).ok_or_else(|| format!("{name} names no operation"))?;
        self.device.attach(target, kind, bytes).map_err(|error| {
            tracing::warn!(%error, "a picture was not taken");
            error.to_string()
        })
    }

    pub(super) fn undo_operation(&self, desk: &mut Desk, text: &str) -> Answer {
        let Some(name) = self.named(text) else { return Answer::of(Signal::Stop) };
        match self.device.undo(name) {
            Ok(id) => Answer { signal: Signal::Complete, recorded: vec![id] },
            Err(error) => self.not_undone(desk, &error),
        }
    }

    /// Nothing is taken back, and the person is told why.
    fn not_undone(&self, desk: &mut Desk, error: &UndoError) -> Answer {
        let language = self.language(desk);
        let text = match error {
            UndoError::NotHere => plain("undo-not-here", language),
            UndoError::NothingToUndo => plain("stop-nothing-to-undo", language),
            UndoError::AlreadyUndone => plain("undo-already", language),
            UndoError::NotOwn { author } => with_word("undo-not-own", "operator", author, language),
            UndoError::Record(error) => return self.not_recorded(desk, error),
        };
        desk.remark = Some(Remark { signal: Signal::Stop, text });
        Answer::of(Signal::Stop)
    }
}
