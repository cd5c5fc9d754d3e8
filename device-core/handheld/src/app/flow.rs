//! Flows at work: begun, left, gone on with.

use device_core::capture::{Capture, Event, Flow, Ready, Signal, Step};
use device_core::engine::Work;
use protocol::identity::TaskId;
use protocol::operation::Body;

use super::desk::Remark;
use super::{Answer, App, Desk};
use crate::words::plain;

impl App {
    /// Starts a flow, or goes on with it where it was laid aside.
    pub(super) fn start(&self, desk: &mut Desk, flow: Flow) -> Answer {
        leave(desk);
        desk.last_flow = Some(flow);
        if let Some(capture) = desk.laid_aside.remove(&flow) {
            desk.capture = Some(capture);
            return Answer::of(Signal::Quiet);
        }
        let memory = std::mem::take(&mut desk.memory);
        let started = self.with_world(desk, |_, world| Capture::start(flow, memory, world));
        desk.capture = started;
        Answer::of(Signal::Quiet)
    }

    pub(super) fn start_task(&self, desk: &mut Desk, text: &str) -> Answer {
        let operator = self.device.operator();
        let number = text.parse().map(TaskId).ok();
        let task =
            self.tasks(desk, operator.as_ref()).into_iter().find(|task| Some(task.task) == number);
        let Some(task) = task else { return Answer::of(Signal::Stop) };
        leave(desk);
        let memory = std::mem::take(&mut desk.memory);
        desk.capture =
            self.with_world(desk, |_, world| Capture::for_task(&task, memory, world)).flatten();
        Answer::of(Signal::Quiet)
    }

    /// One step of the flow; what it hands out is on the disk before the good tone.
    pub(super) fn step(&self, desk: &mut Desk, event: Event<'_>) -> Answer {
        let step = self.with_world(desk, |desk, world| {
            desk.capture.as_mut().map(|capture| capture.step(event, world))
        });
        let Some(Step { signal, ready }) = step.flatten() else { return Answer::of(Signal::Quiet) };
        if ready.is_empty() {
            return Answer::of(signal);
        }
        let is_undo = ready.iter().all(|ready| matches!(ready.body, Body::Undo(_)));
        let answer = if is_undo {
            self.record_undo(desk, &ready)
        } else {
            let works: Vec<Work> =
                ready.into_iter().map(|Ready { body, document }| Work { body, document }).collect();
            self.record(desk, &works)
        };
        if answer.recorded.is_empty() {
            return answer;
        }
        let language = self.language(desk);
        let said = plain(if is_undo { "undone" } else { "done" }, language);
        desk.remark = Some(Remark { signal, text: said });
        let recorded = answer.recorded.clone();
        self.with_world(desk, |desk, world| {
            if let Some(capture) = desk.capture.as_mut() {
                capture.recorded(&recorded, world);
            }
        });
        Answer { signal, ..answer }
    }

    /// Closes what lies over the question; a second time, the flow, unless work would be lost.
    pub(super) fn back(&self, desk: &mut Desk) -> Answer {
        if desk.capture.as_ref().is_some_and(Capture::is_covered) {
            return self.step(desk, Event::Back);
        }
        if desk.capture.as_ref().is_some_and(Capture::has_unconfirmed) {
            return self.step(desk, Event::Undo);
        }
        leave(desk);
        Answer::of(Signal::Quiet)
    }
}

/// The flow is left; what it remembers stays. What is in hand and not confirmed is laid aside.
pub(super) fn leave(desk: &mut Desk) {
    let Some(capture) = desk.capture.take() else { return };
    if capture.has_unconfirmed() && capture.flow() != Flow::LookUp {
        desk.memory = capture.memory().clone();
        desk.laid_aside.insert(capture.flow(), capture);
    } else {
        desk.memory = capture.into_memory();
    }
}
