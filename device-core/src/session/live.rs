//! A session that stands: upload and download, which do not know each other.

use std::collections::VecDeque;

use protocol::frame::Resume;
use protocol::identity::{Lsn, Seq};

use super::{Action, Admission, Terms};

/// Operations on their way up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Last operation that the server has on its disk.
    pub acked: Seq,
    /// Last operation that was sent in this session.
    pub sent: Seq,
    /// Last operation that the recorder has.
    pub recorded: Seq,
    /// Sent and not acknowledged: first, last and bytes of each PUSH.
    in_flight: VecDeque<(Seq, Seq, usize)>,
    /// Whether a PUSH is being made: its answer is due in this very step.
    is_making: bool,
    operations_max: usize,
    bytes_max: usize,
    window_bytes: usize,
}

/// Rows on their way down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Download {
    /// The last decision of the server, as far as is known.
    pub head: Lsn,
    /// The last decision of the replica.
    pub cursor: Lsn,
    /// Whether the feed was asked for; not while the device is suspended.
    pub is_subscribed: bool,
    /// Whether anything arrived since the last heartbeat.
    has_moved: bool,
    /// Heartbeats that found the replica behind and nothing arriving.
    n_stuck: u32,
}

/// A session that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// What CHALLENGE said.
    pub terms: Terms,
    /// Operations on their way up.
    pub upload: Upload,
    /// Rows on their way down.
    pub download: Download,
    /// Heartbeats since the last frame of the server.
    pub n_unanswered: u32,
}

/// After so many heartbeats without any frame the server is taken for dead: with the next one due,
/// that is two and a half intervals on average.
pub(super) const UNANSWERED_MAX: u32 = 2;
/// After so many heartbeats with nothing arriving although something should, ask again.
const STUCK_MAX: u32 = 2;
/// A PUSH is at most this part of the usual while frames arrive broken.
const CAREFUL_PART: usize = 4;

fn at_least_one(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX).max(1)
}

impl Live {
    pub(super) fn new(terms: Terms, admission: Admission, is_careful: bool) -> Self {
        Self {
            terms,
            upload: Upload::new(terms, admission, is_careful),
            download: Download {
                head: admission.head,
                cursor: admission.cursor,
                is_subscribed: true,
                has_moved: true,
                n_stuck: 0,
            },
            n_unanswered: 0,
        }
    }
}

impl Upload {
    fn new(terms: Terms, admission: Admission, is_careful: bool) -> Self {
        let part = if is_careful { CAREFUL_PART } else { 1 };
        let limits = terms.limits;
        Self {
            acked: admission.accepted,
            sent: admission.accepted,
            recorded: admission.recorded,
            in_flight: VecDeque::new(),
            is_making: false,
            operations_max: (at_least_one(limits.push_operations_max) / part).max(1),
            bytes_max: (at_least_one(limits.push_bytes_max) / part).max(1),
            window_bytes: at_least_one(limits.window_bytes),
        }
    }

    /// Bytes that are sent and not acknowledged.
    pub fn unacked_bytes(&self) -> usize {
        self.in_flight.iter().map(|(_, _, bytes)| bytes).sum()
    }

    /// The next PUSH, where there is something to send and room in the window.
    pub(super) fn pump(&mut self) -> Option<Action> {
        let room = self.window_bytes.saturating_sub(self.unacked_bytes());
        if self.is_making || self.sent >= self.recorded || room == 0 {
            return None;
        }
        self.is_making = true;
        Some(Action::Push {
            from: self.sent.next(),
            operations_max: self.operations_max,
            bytes_max: self.bytes_max.min(room),
        })
    }

    pub(super) fn pushed(&mut self, last: Seq, bytes: usize) {
        self.is_making = false;
        if last > self.sent {
            self.in_flight.push_back((self.sent.next(), last, bytes));
            self.sent = last;
        }
    }

    pub(super) fn nothing_pushed(&mut self) {
        self.is_making = false;
    }

    /// Says whether this acknowledges anything new.
    pub(super) fn acked(&mut self, seq: Seq) -> bool {
        if seq <= self.acked {
            return false;
        }
        self.acked = seq;
        self.sent = self.sent.max(seq);
        while self.in_flight.front().is_some_and(|(_, last, _)| *last <= seq) {
            self.in_flight.pop_front();
        }
        true
    }

    /// Goes back to what the server wants next. What is under way from there already is not sent
    /// twice: each PUSH behind a gap gets a NACK of its own.
    pub(super) fn rewind(&mut self, wanted: Seq) {
        let is_under_way = self.in_flight.front().is_some_and(|(first, _, _)| *first == wanted);
        if is_under_way || wanted <= self.acked || wanted > self.recorded.next() {
            return;
        }
        self.in_flight.clear();
        self.sent = Seq(wanted.0.saturating_sub(1));
    }

    /// Whether the server has everything.
    pub fn is_idle(&self) -> bool {
        self.acked >= self.recorded && !self.is_waiting()
    }

    /// Whether something was sent and not acknowledged.
    pub(super) fn is_waiting(&self) -> bool {
        !self.in_flight.is_empty()
    }
}

impl Download {
    pub(super) fn first(admission: Admission) -> Action {
        Action::Subscribe { from_scratch: admission.resume == Resume::Snapshot }
    }

    pub(super) fn moved(&mut self, cursor: Option<Lsn>) {
        self.has_moved = true;
        self.n_stuck = 0;
        if let Some(cursor) = cursor {
            self.cursor = cursor;
            self.head = self.head.max(cursor);
        }
    }

    pub(super) fn ask_again(&mut self, from_scratch: bool) -> Option<Action> {
        self.has_moved = true;
        self.n_stuck = 0;
        self.is_subscribed.then_some(Action::Subscribe { from_scratch })
    }

    /// At each heartbeat: asks again for a feed that should move and does not.
    pub(super) fn check(&mut self) -> Option<Action> {
        let is_stuck = self.is_subscribed && self.cursor < self.head && !self.has_moved;
        self.has_moved = false;
        if !is_stuck {
            self.n_stuck = 0;
            return None;
        }
        self.n_stuck = self.n_stuck.saturating_add(1);
        if self.n_stuck < STUCK_MAX {
            return None;
        }
        self.ask_again(false)
    }
}
