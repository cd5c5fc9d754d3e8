//! The conversation with the server as a table: `step(state, event) -> actions`. Same input, same
//! output: no clock, no socket, no randomness. What would be random arrives in the event.
//!
//! # Invariants
//!
//! 1. Every state but [`State::Idle`] has a timer armed: nothing waits for ever.
//! 2. No timer is the only way forward: a recorded operation, an acknowledgement and a frame each
//!    move the conversation on by themselves.
//! 3. Upload and download do not know each other: see [`Upload`] and [`Download`].
//! 4. A new operation may shorten a wait once, unless the server named it: where everybody was told
//!    to go, everybody who works would come back at once. Only a healthy session resets the backoff.
//!
//! The session decides *what* happens; [`DeviceCore`](crate::engine::DeviceCore) does it with its
//! memory and answers with further events. Never here: bytes, keys, rows.
//!
//! Order of reading: [`Event`], [`Action`], [`State`], [`Session::step`].

mod backoff;
mod live;
mod table;

#[cfg(test)]
mod tests;

use protocol::frame::{FaultCode, Limits, Resume};
use protocol::identity::{Lsn, Seq};

pub use backoff::{Backoff, Patience};
pub use live::{Download, Live, Upload};

/// Something to be woken up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// Try to connect again.
    Reconnect,
    /// Connecting, or an answer of the handshake, takes too long.
    Handshake,
    /// Say that we are alive, and see whether the server is.
    Heartbeat,
    /// The session has been healthy for a while.
    Healthy,
    /// Nothing that was pushed has been acknowledged for a while.
    Stall,
    /// Sync, trim and sweep the stores. Not the session's.
    Chores,
}

/// How the server regards this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// Nothing is wrong, as far as is known.
    #[default]
    Good,
    /// The framing of this build is no longer spoken; work goes on here.
    UpdateNeeded,
    /// The server does not know the device: enrol it again, everything here is kept.
    Unknown,
    /// The signature was refused.
    Unproven,
    /// It may upload and nothing else.
    Suspended,
    /// It may do nothing any more.
    Revoked,
}

/// What CHALLENGE says that the conversation depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Milliseconds between heartbeats.
    pub heartbeat_ms: u32,
    /// The limits of this session.
    pub limits: Limits,
}

/// What WELCOME says that the conversation depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// Last own operation that the server has.
    pub accepted: Seq,
    /// Last own operation that the recorder has.
    pub recorded: Seq,
    /// How the replica is brought up to date.
    pub resume: Resume,
    /// The last decision of the server.
    pub head: Lsn,
    /// The last decision of the replica.
    pub cursor: Lsn,
}

/// Earliest and latest, in milliseconds from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Earliest.
    pub min_ms: u32,
    /// Latest.
    pub max_ms: u32,
}

/// What happens to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The network came up, or the device was opened.
    NetworkUp,
    /// A person wants it to try at once.
    TryNow,
    /// A one-time code was scanned.
    EnrolWanted,
    /// The connection stands.
    Connected,
    /// The connection broke, or could not be made.
    Disconnected,
    /// The server made this a device of it; the recorder knows who it is.
    Enrolled,
    /// CHALLENGE.
    Challenged(Terms),
    /// WELCOME, and the new lease is on the disk.
    Admitted(Admission),
    /// RETRY.
    RetryLater(Window),
    /// GOAWAY.
    ToldToGo(Window),
    /// STALE_STORE, and the recorder has begun the new incarnation.
    ReIncarnated,
    /// The recorder has operations up to here.
    Recorded(Seq),
    /// A PUSH up to here left; `bytes` of it.
    Pushed {
        /// Its last operation.
        last: Seq,
        /// Its length before compression.
        bytes: usize,
    },
    /// There was nothing to push, or it could not be read.
    NothingToPush,
    /// The server has operations up to here on its disk.
    Acked(Seq),
    /// NACK: the server wants this one next.
    Wanted(Seq),
    /// The replica is at this decision.
    Applied(Lsn),
    /// A chunk of a snapshot was applied.
    ChunkTaken,
    /// What the server sent does not follow what the replica has.
    FeedGap,
    /// The replica was lost, and begins without rows.
    ReplicaLost,
    /// The replica cannot be written now.
    ReplicaFailed,
    /// The answer to a heartbeat: the server's last decision.
    HeartbeatAnswered(Lsn),
    /// A whole frame of any kind arrived.
    Heard,
    /// Bytes arrived that are not a frame, or not one that fits here.
    BadFrame(FaultCode),
    /// ERROR.
    Faulted {
        /// Which.
        code: FaultCode,
        /// Milliseconds to wait, where the server says so.
        retry_after_ms: Option<u32>,
    },
    /// The recorder could not keep what the server said.
    RecorderFailed,
    /// A timer went off.
    Timer(Timer),
}

/// What the session wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Make a connection.
    Connect,
    /// Give the connection up.
    Close,
    /// Send ENROL.
    SendEnrol,
    /// Send HELLO.
    SendHello,
    /// Send AUTH.
    SendAuth,
    /// Send LEASE_OK.
    SendLeaseOk,
    /// Ask for the feed: from the cursor on, for the rest of the snapshot that is arriving, or for
    /// a snapshot.
    Subscribe {
        /// Whether only a new snapshot will do.
        from_scratch: bool,
    },
    /// Send operations from this one on.
    Push {
        /// The first one.
        from: Seq,
        /// At most so many.
        operations_max: usize,
        /// At most so many bytes, but at least one operation.
        bytes_max: usize,
    },
    /// Send HB.
    SendHeartbeat,
    /// Send ERROR.
    SendFault(FaultCode),
    /// Wake me up; replaces an earlier wish for the same timer.
    Arm(Timer, u32),
    /// Do not wake me up.
    Disarm(Timer),
    /// The enrolment code was refused: forget it.
    ForgetCode,
    /// Something that a person should know.
    Report(Report),
}

/// Something that a person should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// The link changed.
    Link(LinkState),
    /// The standing of the device changed.
    Standing(Standing),
    /// The enrolment code is wrong, used, or too old.
    EnrolmentRefused,
    /// So many frames in a row were broken.
    BrokenFrames(u32),
    /// The server says that an operation is larger than it takes: a bug of one of the two.
    OperationTooLarge,
    /// A fault that ended the connection.
    Fault(FaultCode),
}

/// The link, for the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LinkState {
    /// Nothing to connect to yet.
    #[default]
    Idle,
    /// Waiting for the next try.
    Offline,
    /// Connecting, or in the handshake.
    Connecting,
    /// In session.
    Online,
}

/// Where the conversation stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum State {
    /// Not enrolled, and no code to enrol with.
    #[default]
    Idle,
    /// Between two tries; the reconnect timer is armed.
    Waiting,
    /// The connection is being made.
    Connecting,
    /// ENROL is out.
    Enrolling,
    /// HELLO is out.
    Greeting,
    /// AUTH is out.
    Proving(Terms),
    /// In session.
    Live(Live),
}

impl State {
    /// What the screen shows for it.
    pub const fn link(&self) -> LinkState {
        match self {
            Self::Idle => LinkState::Idle,
            Self::Waiting => LinkState::Offline,
            Self::Connecting | Self::Enrolling | Self::Greeting | Self::Proving(_) => {
                LinkState::Connecting
            }
            Self::Live(_) => LinkState::Online,
        }
    }
}

/// The conversation of one device. See the module for what it promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    state: State,
    backoff: Backoff,
    is_enrolled: bool,
    has_code: bool,
    standing: Standing,
    /// Broken frames in a row.
    n_broken: u32,
    /// The server named the wait: an operation does not shorten it.
    is_told_to_wait: bool,
}

/// From so many broken frames in a row on: smaller frames, no compression.
const CAREFUL_FROM: u32 = 3;
/// At so many broken frames in a row a person is told.
const REPORT_AT: u32 = 10;

impl Session {
    /// A session that has not begun.
    pub fn new(patience: Patience, is_enrolled: bool) -> Self {
        Self {
            state: State::Idle,
            backoff: Backoff::new(patience),
            is_enrolled,
            has_code: false,
            standing: Standing::default(),
            n_broken: 0,
            is_told_to_wait: false,
        }
    }

    /// Where the conversation stands.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// How the server regards this device, as far as is known.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Whether frames have to be small and plain, because several in a row arrived broken.
    pub fn is_careful(&self) -> bool {
        self.n_broken >= CAREFUL_FROM
    }

    /// Whether the upload has everything of the recorder acknowledged; only meaningful in session.
    pub fn live(&self) -> Option<&Live> {
        match &self.state {
            State::Live(live) => Some(live),
            State::Idle
            | State::Waiting
            | State::Connecting
            | State::Enrolling
            | State::Greeting
            | State::Proving(_) => None,
        }
    }
}
