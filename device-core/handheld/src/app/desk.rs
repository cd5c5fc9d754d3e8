//! What a person has in hand at the device.

use std::collections::{BTreeMap, BTreeSet};

use device_core::capture::{Capture, Flow, Memory, Signal};
use device_core::engine::SignInWith;
use protocol::identity::OperationId;
use protocol::text::Language;
use protocol::words::LocationCode;

/// What the person is doing.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    pub(crate) language: Option<Language>,
    pub(crate) location: Option<LocationCode>,
    /// Who wants to sign in, and what to call them.
    pub(crate) candidate: Option<(SignInWith, String)>,
    pub(crate) capture: Option<Capture>,
    /// Flows that were left with something unconfirmed in hand.
    pub(crate) laid_aside: BTreeMap<Flow, Capture>,
    pub(super) memory: Memory,
    /// What is to be said besides the question.
    pub(crate) remark: Option<Remark>,
    /// What was put back from an old copy since somebody signed in.
    pub(crate) restored: Option<Restored>,
    /// The storage has failed in this way.
    pub(crate) stopped: Option<String>,
    pub(crate) is_enrolling: bool,
    /// Refused and parked operations that somebody has looked at.
    pub(crate) seen: BTreeSet<OperationId>,
    /// The flow that was used last comes first in the menu.
    pub(crate) last_flow: Option<Flow>,
}

/// What was put back from an old copy: what is here is sent once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restored {
    /// This scanner, or another one under its name.
    Scanner,
    /// The server.
    Server,
}

impl Restored {
    /// The name of its sentence, which has the number of entries that are still to be sent.
    pub(crate) const fn sentence(self) -> &'static str {
        match self {
            Self::Scanner => "restored-scanner",
            Self::Server => "restored-server",
        }
    }
}

/// A sentence that answers the last deed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remark {
    pub(crate) signal: Signal,
    pub(crate) text: String,
}

/// The answer to a deed.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) signal: Signal,
    /// Operations that were recorded.
    pub(crate) recorded: Vec<OperationId>,
}

impl Answer {
    pub(super) fn of(signal: Signal) -> Self {
        Self { signal, recorded: Vec::new() }
    }
}

/// Which page a person sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    /// Nobody has enrolled the device.
    Enrol,
    /// The enrolment code was taken; the server is being looked for.
    Enrolling,
    /// The storage has failed.
    Stopped,
    /// Nobody is signed in.
    SignIn,
    /// Somebody is named and has to prove it.
    Pin,
    /// The site has several locations.
    Location,
    /// What do you do?
    Menu,
    /// A flow at work.
    Flow,
}

impl Page {
    /// The word for the page in addresses and answers.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Enrol => "enrol",
            Self::Enrolling => "enrolling",
            Self::Stopped => "stopped",
            Self::SignIn => "sign_in",
            Self::Pin => "pin",
            Self::Location => "location",
            Self::Menu => "menu",
            Self::Flow => "flow",
        }
    }
}
