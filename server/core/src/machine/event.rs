//! What the machine is told, and what it asks for.

use std::sync::Arc;

use ledger::schema::book::OutcomeRow;
use ledger::schema::identity::DeskSession;
use protocol::health::StorageReport;
use protocol::identity::{DeviceId, IntakeNo, Lsn, OperationId};

use crate::intake::command::Command;
use crate::session::wire::{Compression, ConnectionNo, Incoming, Message};
use crate::store::{Batch, BatchNo};

/// Names a command of the skin in its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Token(pub u64);

/// What happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A peer connected.
    Opened {
        /// The connection.
        connection: ConnectionNo,
        /// 32 random bytes.
        nonce: [u8; 32],
    },
    /// A message arrived.
    Received {
        /// The connection.
        connection: ConnectionNo,
        /// The message.
        incoming: Incoming,
    },
    /// One [`Action::Send`] was written to the socket.
    Sent {
        /// The connection.
        connection: ConnectionNo,
    },
    /// A connection is gone.
    Closed {
        /// The connection.
        connection: ConnectionNo,
    },
    /// Batches are durable, up to and with this one.
    Persisted {
        /// The last one.
        batch: BatchNo,
    },
    /// A desk, an import or the system asks for something.
    Command {
        /// How the answers name it.
        token: Token,
        /// What.
        command: Command,
    },
    /// Somebody signed in at a desk; the password was checked.
    DeskSignedIn {
        /// SHA-256 of the session's token.
        token_hash: [u8; 32],
        /// The session.
        session: DeskSession,
    },
    /// A desk session ended.
    DeskSignedOut {
        /// SHA-256 of the session's token.
        token_hash: [u8; 32],
    },
    /// Intake records up to here are in a verified backup, or on a second server, and so are these
    /// photos.
    Safe {
        /// The last of them.
        intake: IntakeNo,
        /// The SHA-256 of each photo.
        photos: Vec<[u8; 32]>,
    },
    /// The disk has room for new work, or not: what was accepted is judged either way.
    Room {
        /// Whether it has.
        has_room: bool,
    },
    /// The server will stop: devices are told to come back.
    GoAway {
        /// Earliest and latest, in milliseconds from now.
        window_ms: (u32, u32),
        /// Why, in English.
        reason: String,
    },
    /// Time has passed.
    Tick,
    /// There is time to work.
    Work,
}

/// What to do.
#[derive(Debug, Clone)]
pub enum Action {
    /// Make a batch durable, then report [`Event::Persisted`].
    Persist(Batch),
    /// Write a message, then report [`Event::Sent`].
    Send {
        /// The connection.
        connection: ConnectionNo,
        /// The message.
        message: Arc<Message>,
        /// How to encode it.
        compression: Compression,
    },
    /// Close, after what was sent before.
    Close {
        /// The connection.
        connection: ConnectionNo,
    },
    /// The peer is who it says: the limit for strangers no longer holds.
    Authenticated {
        /// The connection.
        connection: ConnectionNo,
        /// The device.
        device: DeviceId,
    },
    /// A command is durable, and not judged yet.
    CommandTaken {
        /// Which.
        token: Token,
        /// Its number.
        intake: IntakeNo,
    },
    /// The decision about a command is durable: its outcome is in the tables.
    CommandJudged {
        /// Which.
        token: Token,
        /// Its number.
        intake: IntakeNo,
        /// Its identity, under which the outcome is found.
        operation: OperationId,
        /// The outcome, where it was decided just now.
        outcome: Option<Arc<OutcomeRow>>,
    },
    /// Another command was given before under the same idempotency key.
    CommandDiffers {
        /// Which.
        token: Token,
    },
    /// A command was not taken: there is no room for new work. Nothing was recorded.
    CommandNoRoom {
        /// Which.
        token: Token,
    },
    /// Decisions up to here are durable, for pages that follow.
    HeadMoved {
        /// The last decision.
        head: Lsn,
    },
    /// Something that a person should know.
    Alarm(Alarm),
}

/// Something that a person should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// An operation could not be judged and was parked.
    Poison {
        /// The operation.
        intake: IntakeNo,
        /// Why, in English.
        why: String,
    },
    /// A device's store is an old copy, or a copy of another one; it was given a new incarnation.
    StaleStore {
        /// The device.
        device: DeviceId,
        /// Why, in English.
        why: String,
    },
    /// A device has seen a newer state of this server: the server runs an old copy of its store.
    ServerIsOldCopy {
        /// The device that knows more.
        device: DeviceId,
    },
    /// A device did not do what it was told.
    OrderRefused {
        /// The device.
        device: DeviceId,
        /// Why not.
        detail: String,
    },
    /// A device could not apply a record of its feed, and gets none any more; its upload goes on.
    FeedRejected {
        /// The device.
        device: DeviceId,
        /// What it says.
        detail: String,
    },
    /// A replica was not what it should be; what differs is sent again.
    ReplicaDiffers {
        /// The device.
        device: DeviceId,
        /// Buckets of rows that differed.
        n_buckets: usize,
    },
    /// The storage of a device is worse than it was.
    DeviceStorage {
        /// The device.
        device: DeviceId,
        /// What it says.
        report: StorageReport,
    },
    /// Operations that this server accepted once are neither here nor on the device any more.
    OperationsMissing {
        /// The device.
        device: DeviceId,
        /// How many at least.
        n_operations: u64,
    },
}
