//! The device without its skin: recorder, outbox, replica, view and session as step functions.
//!
//! No clock, no socket, no thread, no randomness: the time and a random number arrive in each
//! [`Moment`], the disk and the stores behind traits. The shell
//! ([`Device`](crate::device::Device)) and the simulation drive the same code.
//!
//! # Invariants
//!
//! 1. What [`DeviceCore::record`] returned is durable in the recorder: the good tone may sound.
//! 2. After the recorder has failed nothing is recorded until [`DeviceCore::reopen_recorder`].
//! 3. A store that fails is set aside, rebuilt and reported; no operation is lost by it.
//! 4. The effect of an operation is shown exactly once, from its recording on, until it is refused.
//!
//! Order of reading: [`DeviceCore`], `open`, `record`, `conversation` (what arrives), `uplink` (what
//! is sent), `push`, `people`, `chores`, `storage`, `check`
//! (is the replica what it should be), `blobs` and `ask` (beside the queue), `status`.

mod ask;
mod blobs;
mod check;
mod chores;
mod contact;
mod conversation;
mod last_step;
mod link;
mod open;
mod orders;
mod people;
mod push;
mod record;
mod scanner;
mod state_file;
mod status;
mod storage;
mod uplink;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeSet;
use std::io;

use protocol::enrolment::Invitation;
use protocol::frame::FaultCode;
use protocol::identity::{Boot, OperationId, Seq};
use protocol::outcome::Outcome;
use protocol::words::OperatorId;

use crate::clock_evidence::ClockEvidence;
use crate::key::DeviceKey;
use crate::outbox::Outbox;
use crate::recorder::{self, Disk, Recorder};
use crate::replica::{Repaired, Replica, SnapshotProgress};
use crate::session::{LinkState, Patience, Session, Standing, Timer};
use crate::store::{Store, StoreName};
use crate::view::{Fold, View};

pub use ask::{AskError, Question};
pub use blobs::AttachError;
pub use check::ReplicaHealth;
pub use last_step::{LastStep, is_step};
pub use link::LinkTrouble;
pub use open::{OpenError, Opened};
pub use people::{SignInError, SignInWith, WRONG_PINS_MAX};
pub use record::{RecordError, UndoError, Work};
pub use scanner::{ScannerTest, SeparatorFound};
pub use state_file::{Address, StateFileError};
pub use status::{LOOKED_BACK_MAX, ListError, MyOperation, OperationState, RecorderState, Status};

/// Makes the disk of the recorder whenever it is opened.
pub type DiskMaker = Box<dyn Fn() -> io::Result<Box<dyn Disk>> + Send>;

/// What never changes while a device is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What the device calls itself when it is enrolled.
    pub name: String,
    /// Make and model.
    pub model: String,
    /// Version of the app.
    pub app_version: String,
    /// The lengths of all waits.
    pub patience: Patience,
    /// Sizes of the recorder's files. The void content is set by the core.
    pub recorder: recorder::Options,
    /// Milliseconds between two syncs of the stores.
    pub chores_ms: u32,
    /// After so many microseconds without the server the device uploads and records nothing more.
    pub silence_max_us: u64,
}

/// A week.
const SILENCE_MAX_US: u64 = 7 * 24 * 3_600_000_000;

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "handheld".to_owned(),
            model: String::new(),
            app_version: env!("CARGO_PKG_VERSION").to_owned(),
            patience: Patience::default(),
            recorder: recorder::Options::default(),
            chores_ms: 30_000,
            silence_max_us: SILENCE_MAX_US,
        }
    }
}

/// What a device is put together from.
pub struct Parts {
    /// The recorder's folder.
    pub recorder_disk: DiskMaker,
    /// The folder of the state file: boot, evidence, address. Not the recorder's.
    pub state_disk: Box<dyn Disk>,
    /// Operations without an outcome.
    pub queue: Box<dyn Store>,
    /// Rows of the server.
    pub replica: Box<dyn Store>,
    /// The folder of photos that the server does not have yet.
    pub blob_disk: Box<dyn Disk>,
    /// The key of the device.
    pub key: DeviceKey,
    /// 16 random bytes: the name of the recorder that may be begun here.
    pub store_name: [u8; 16],
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// When the device is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// What the platform calls this boot; the same text for the same boot only.
    pub boot_id: String,
    /// Microseconds since that boot.
    pub mono_us: u64,
    /// What the wall clock shows, in microseconds since 1970: evidence for people.
    pub wall_us: Option<i64>,
}

/// When something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Microseconds since the boot; never below an earlier moment of the same boot.
    pub mono_us: u64,
    /// A uniform random number; it decides waits only.
    pub jitter: u32,
}

/// The number of a connection: what arrives from an older one is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Connection(pub u64);

/// What happens to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The network came up, or the device was opened.
    NetworkUp,
    /// A person wants it to try at once.
    TryNow,
    /// An enrolment code was scanned.
    Enrol(Invitation),
    /// The connection stands.
    Connected(Connection),
    /// The connection broke, or could not be made.
    Disconnected(Connection),
    /// One WebSocket binary message.
    Frame(Connection, Vec<u8>),
    /// A timer went off.
    Timer(Timer),
    /// The key that [`Action::MakeKey`] asked for is on the disk.
    NextKey(Box<DeviceKey>),
    /// The app goes to the background, or will be closed: make everything durable now.
    Suspend,
}

/// What a device wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Make a connection. The answer is [`Event::Connected`] or [`Event::Disconnected`].
    Connect(Connection, Address),
    /// Give a connection up. There is no answer.
    Close(Connection),
    /// Send one WebSocket binary message.
    Send(Connection, Vec<u8>),
    /// Send [`Event::Timer`] after so many microseconds; replaces an earlier wish for this timer.
    Arm(Timer, u64),
    /// Forget the timer.
    Disarm(Timer),
    /// Make a new key beside the present one, durably. The answer is [`Event::NextKey`].
    MakeKey,
    /// The new key takes the place of the old one, which is kept behind it.
    KeepKey,
    /// Keep, durably and before anything else is done, that everything here is to be deleted.
    BeginWipe,
    /// Delete everything that this device keeps, after what was sent before has left.
    Wipe,
    /// Tell whoever listens.
    Tell(News),
}

/// Something that a screen, or a person, wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The link changed.
    Link(LinkState),
    /// How the server regards the device has changed.
    Standing(Standing),
    /// The device was enrolled.
    Enrolled,
    /// The enrolment code is wrong, used, or too old.
    EnrolmentRefused,
    /// An operation was recorded.
    Recorded(OperationId),
    /// The server has the operations up to here on its disk.
    Acked(Seq),
    /// Outcomes of own operations, with the rows that they produced.
    Outcomes(Vec<Outcome>),
    /// Rows changed: ask the view again.
    RowsChanged,
    /// A snapshot has come so far.
    Snapshot(SnapshotProgress),
    /// A store was set aside and is being rebuilt; where the old one is, and why.
    StoreSetAside(StoreName, String),
    /// The recorder failed: nothing is recorded until it was reopened.
    RecorderStopped(String),
    /// The disk is full, or will be soon: free space. The next scans still find room.
    DiskFull,
    /// Storage lost so many operations; void ones stand in for them.
    OperationsLost(u64),
    /// The store was an old copy, or copied; the operations have new numbers.
    ReIncarnated,
    /// The server was restored from a backup; what it may have lost is sent again.
    ServerRestored,
    /// Somebody took the device, or gave it back.
    Operator(Option<OperatorId>),
    /// The server ended the connection with this fault.
    Fault(FaultCode),
    /// Nothing is recorded any more: what is here is uploaded, then everything is deleted.
    Withdrawn,
    /// Everything was deleted, by an order of the server.
    Wiped,
    /// The server has answered a question.
    Answered(protocol::frame::beside::Answer),
    /// The server has a photo: SHA-256 of its bytes.
    BlobTaken([u8; 32]),
    /// Some rows were not what they should be, and were put right.
    Repaired(Repaired),
    /// The server has something to say.
    Notice(String),
    /// Something is wrong that a person has to look at.
    Trouble(String),
}

/// A device. See the module for what it promises.
#[derive(Debug)]
pub struct DeviceCore {
    config: Config,
    key: DeviceKey,
    store_name: [u8; 16],
    recorder_disk: Made,
    state_disk: Box<dyn Disk>,
    /// None before the device was enrolled.
    recorder: Option<Recorder>,
    outbox: Outbox,
    replica: Replica,
    view: View,
    clock: ClockEvidence,
    people: people::People,
    /// When the server was reached last; none before the device was enrolled.
    contact: Option<contact::Contact>,
    /// The same, as the disk has it.
    contact_kept: Option<contact::Contact>,
    place: state_file::Place,
    boot_id: String,
    /// Whether the state file is older than what is known.
    is_state_dirty: bool,
    session: Session,
    connection: Connection,
    handshake: uplink::Handshake,
    /// Boots whose evidence the server has in this session.
    told: BTreeSet<Boot>,
    /// The last sample that the server has not seen.
    sample_due: Option<protocol::evidence::ClockSample>,
    invitation: Option<Invitation>,
    /// Which address of the list is tried next.
    address_index: usize,
    /// Why the recorder stopped.
    stopped: Option<String>,
    /// Up to where the server says that the recorder may forget.
    safe_told: Seq,
    /// What the server has ordered.
    orders: orders::Orders,
    /// Another address that the server named for the next try.
    redirect: Option<Address>,
    /// Whether the server has said that the snapshot that is arriving is gone.
    is_snapshot_gone: bool,
    battery: Option<u8>,
    storage: storage::Storage,
    /// The last test of the scanner.
    scanner: Option<scanner::ScannerTest>,
    /// When stores are synced next, in monotonic microseconds.
    chores_due_us: u64,
    /// Whether the chores are in the middle of something that is done page by page.
    is_paging: bool,
    health: check::Health,
    blobs: blobs::Blobs,
    asked: ask::Asked,
    link_log: link::LinkLog,
    /// What is to be told with the next answer.
    /// What became of the last step before this was opened, until another is recorded.
    unheard: Option<last_step::Unheard>,
    news: Vec<News>,
}

/// A maker of disks, which has nothing to show.
struct Made(DiskMaker);

impl std::fmt::Debug for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DiskMaker")
    }
}

impl DeviceCore {
    /// One state of replica and outbox, and the questions to it.
    pub fn fold(&self) -> Fold<'_> {
        Fold { view: &self.view, replica: &self.replica, outbox: &self.outbox }
    }

    /// Rows of the server, without own unanswered work.
    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    /// Operations without an outcome.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// The recorder; none before the device was enrolled.
    pub fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_ref()
    }

    /// The conversation with the server.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What is known of the clock.
    pub fn clock(&self) -> &ClockEvidence {
        &self.clock
    }
}
