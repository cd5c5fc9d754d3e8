//! How the link has been, for the screen: since when, when it is tried next, what was in the way last.

use protocol::frame::FaultCode;

use super::DeviceCore;
use crate::session::{self, LinkState, State, Timer};

/// What was in the way of the link last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkTrouble {
    /// No connection could be made.
    Unreachable,
    /// The server was connected and did not answer.
    NoAnswer,
    /// The connection broke.
    Broken,
    /// The server said that it has too much to do, or is about to restart.
    ToldToWait,
    /// The server ended the connection with this fault, or was told of one.
    Fault(FaultCode),
}

/// What is remembered of the link; only the running process knows it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LinkLog {
    link: LinkState,
    /// Monotonic microseconds of when it was found, or lost; none when it never stood.
    since_us: Option<u64>,
    /// Monotonic microseconds of the next try, where one is waited for.
    retry_us: Option<u64>,
    trouble: Option<LinkTrouble>,
}

impl LinkLog {
    /// The session wants `wish` at `mono_us`.
    pub(super) fn wished(&mut self, mono_us: u64, wish: &session::Action) {
        match wish {
            session::Action::Arm(Timer::Reconnect, ms) => {
                self.retry_us = Some(mono_us.saturating_add(u64::from(*ms) * 1_000));
            }
            session::Action::Disarm(Timer::Reconnect) | session::Action::Connect => {
                self.retry_us = None;
            }
            session::Action::Report(session::Report::Link(link)) => self.changed(mono_us, *link),
            session::Action::Report(session::Report::Fault(code)) => {
                self.trouble = Some(LinkTrouble::Fault(*code));
            }
            _ => {}
        }
    }

    fn changed(&mut self, mono_us: u64, link: LinkState) {
        let (was, is) = (self.link == LinkState::Online, link == LinkState::Online);
        self.link = link;
        if was != is {
            self.since_us = Some(mono_us);
        }
        if is {
            self.trouble = None;
        } else if was {
            self.trouble.get_or_insert(LinkTrouble::Broken);
        }
    }

    /// `event` is about to reach the session, which is in `state`.
    pub(super) fn happened(&mut self, state: &State, event: &session::Event) {
        let trouble = match event {
            session::Event::Disconnected if matches!(state, State::Connecting) => {
                LinkTrouble::Unreachable
            }
            session::Event::Disconnected if !matches!(state, State::Idle | State::Waiting) => {
                LinkTrouble::Broken
            }
            session::Event::Timer(Timer::Handshake) => LinkTrouble::NoAnswer,
            session::Event::RetryLater(_) | session::Event::ToldToGo(_) => LinkTrouble::ToldToWait,
            session::Event::Faulted { code, .. } => LinkTrouble::Fault(*code),
            _ => return,
        };
        self.trouble = Some(trouble);
    }
}

impl DeviceCore {
    /// Microseconds since the link was found or lost; of a link that never stood in this process, since
    /// the server was reached last, where that was in this boot.
    pub(super) fn link_since_us(&self, mono_us: u64) -> Option<u64> {
        match self.link_log.since_us {
            Some(since) => Some(mono_us.saturating_sub(since)),
            None => self.reached_us_ago(mono_us),
        }
    }

    /// Microseconds until the next try, where one is waited for.
    pub(super) fn retry_in_us(&self, mono_us: u64) -> Option<u64> {
        self.link_log.retry_us.map(|at| at.saturating_sub(mono_us))
    }

    /// What was in the way of the link last; none while it stands.
    pub(super) fn link_trouble(&self) -> Option<LinkTrouble> {
        self.link_log.trouble
    }
}
