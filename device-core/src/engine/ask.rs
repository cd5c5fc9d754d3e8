//! Questions that only the server can answer. Nothing is ever recorded from here, and nothing waits
//! for it.

use protocol::frame::beside::{Answer, Query};
use protocol::frame::{Frame, capability};
use protocol::words::ItemNo;

use super::{Action, DeviceCore, News};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Where else does this item lie?
    Elsewhere(ItemNo),
    /// What does this barcode mean? Of use while the replica is not complete.
    Meaning(String),
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// There is no connection, or the server cannot be asked.
    #[error("the server cannot be asked now")]
    Offline,
    /// It did not answer in time.
    #[error("the server did not answer in time")]
    Late,
}

/// The question that waits for its answer: there is one at most.
#[derive(Debug, Default)]
pub(super) struct Asked {
    last: u32,
    waiting: Option<u32>,
}

impl DeviceCore {
    /// Asks the server; the answer is [`News::Answered`] with the number that this returns. A newer
    /// question takes the place of one that waits.
    ///
    /// # Errors
    ///
    /// [`AskError::Offline`]: nothing was asked.
    pub fn ask(
        &mut self,
        question: &Question,
        within_ms: u32,
    ) -> Result<(u32, Vec<Action>), AskError> {
        let is_able = self.handshake.capabilities & capability::QUERY != 0;
        if self.session.live().is_none() || !is_able {
            return Err(AskError::Offline);
        }
        let id = self.asked.last.wrapping_add(1);
        self.asked.last = id;
        self.asked.waiting = Some(id);
        let (item, code) = match question {
            Question::Elsewhere(item) => (Some(item.clone()), None),
            Question::Meaning(code) => (None, Some(code.clone())),
        };
        let mut actions = Vec::new();
        self.send(&Frame::Query(Query { id, deadline_ms: within_ms, item, code }), &mut actions);
        Ok((id, actions))
    }

    pub(super) fn on_answer(&mut self, answer: Answer) {
        // What nobody waits for any more is dropped.
        if self.asked.waiting == Some(answer.id) {
            self.asked.waiting = None;
            self.news.push(News::Answered(answer));
        }
    }
}
