//! The machine at work: one thread owns it and feeds it what happens, another makes its batches
//! durable, and everybody else holds a [`Company`].
//!
//! 1. Nothing is written but by the machine; everybody else hands it a command.
//! 2. What the machine says (acknowledgements, outcomes, frames) leaves this module in its order;
//!    the machine itself says nothing before the write behind it is durable.
//! 3. The machine's thread never waits for the disk, a socket or a page. All queues are bounded: a
//!    queue of a connection that is full ends the connection, a full inbox makes its senders wait.
//! 4. After a failed write, or a panic in the machine, nothing more is taken or said: everybody is
//!    told that the server stopped, and the process is to be started again.

mod commit;
mod drive;
mod said;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ledger::schema::book::OutcomeRow;
use ledger::schema::identity::DeskSession;
use protocol::code::Code;
use protocol::identity::{DeviceId, IntakeNo, Lsn, OperationId, ServerTime};
use protocol::outcome::{Decision, Reason};
use server_core::check::ReplicaHealth;
use server_core::intake::command::Command;
use server_core::machine::{Alarm, Machine};
use server_core::session::wire::{ConnectionNo, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::store::{Held, Snapshot, Store};

pub use commit::Commit;
pub(crate) use commit::chain;
pub use drive::{Outgoing, OutgoingQueue, outgoing_queue};
pub use said::{Hearsay, Said};

/// Messages that wait for the machine.
const INBOX: usize = 4_096;
/// Bytes of messages that wait for the machine: most of them are small, and a peer may send them as large
/// as a mebibyte.
const INBOX_BYTES: usize = 16 << 20;
/// How long a desk waits for a place in the inbox before it is told that the server is busy.
const BUSY_AFTER: Duration = Duration::from_secs(5);
/// When devices should come back after a planned stop, in milliseconds, where nobody says.
const BACK_AFTER_MS: (u32, u32) = (1_000, 15_000);
/// Alarms that are kept for the pages.
const ALARMS: usize = 200;

/// What the machine's thread is told.
pub(crate) enum Input {
    /// A peer connected; what is for it goes to `outgoing`.
    Opened { connection: ConnectionNo, outgoing: OutgoingQueue },
    /// A message arrived.
    Received {
        connection: ConnectionNo,
        incoming: Incoming,
        /// What it takes of the inbox, until it has been taken out.
        place: OwnedSemaphorePermit,
    },
    /// A message was written to the socket.
    Sent { connection: ConnectionNo },
    /// A connection is gone.
    Closed { connection: ConnectionNo },
    /// A desk asks for something.
    Command { command: Command, answer: oneshot::Sender<Result<Judged, SubmitError>> },
    /// A desk session begins, or ends where there is none.
    Session {
        token_hash: [u8; 32],
        session: Option<DeskSession>,
        answer: oneshot::Sender<Result<(), SubmitError>>,
    },
    /// Intake records up to here are safe, and so are these photos.
    Safe { intake: IntakeNo, photos: Vec<[u8; 32]> },
    /// The disk has room for new work, or not.
    Room { has_room: bool },
    /// The server stops; devices come back in this window, in milliseconds.
    Stop { back_after_ms: (u32, u32) },
}

/// What was decided about a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Its identity.
    pub operation: OperationId,
    /// Its outcome.
    pub outcome: Arc<OutcomeRow>,
}

impl Judged {
    /// The outcome, where the command was done.
    ///
    /// # Errors
    ///
    /// [`SubmitError::Refused`] with the first reason.
    pub fn granted(self) -> Result<Self, SubmitError> {
        if self.outcome.outcome.decision != Decision::Refused {
            return Ok(self);
        }
        let reason = self.outcome.outcome.reasons.first().cloned();
        Err(SubmitError::Refused(reason.unwrap_or_else(|| Reason::new(Code::MalformedRequest))))
    }
}

/// Why there is no outcome of a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// Too much waits. Nothing was recorded.
    #[error("the server has too much to do at the moment")]
    Busy,
    /// The disk has no room for new work. Nothing was recorded.
    #[error("the disk of the server is nearly full")]
    NoRoom,
    /// The store or the machine stopped. Nobody knows whether it was recorded; with an idempotency
    /// key it may be sent again.
    #[error("the server stopped")]
    Stopped,
    /// It was refused, or given before under the same key with other content.
    #[error("refused: {}", .0.code)]
    Refused(Reason),
}

/// How the runtime is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// At work.
    Running,
    /// Told to stop, and stopped.
    Stopped,
    /// Stopped by a fault; the process is to be started again.
    Failed(String),
}

/// The company that this server keeps: read by snapshots, written through the machine alone.
/// Cloning shares it.
#[derive(Clone)]
pub struct Company(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    inbox: mpsc::Sender<Input>,
    /// Bytes that the inbox has room for.
    room: Arc<Semaphore>,
    head: watch::Receiver<Lsn>,
    health: watch::Receiver<Health>,
    online: Arc<Mutex<Vec<DeviceId>>>,
    hearsay: Arc<Hearsay>,
    replicas: Arc<Mutex<ReplicaHealth>>,
    alarms: Arc<Mutex<VecDeque<(ServerTime, Alarm)>>>,
    connections: AtomicU64,
    metrics: Arc<Metrics>,
}

impl Company {
    /// The tables as they are now, whole decisions only. Cheap; take one per request.
    pub fn snapshot(&self) -> Snapshot {
        self.0.store.snapshot()
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Messages that wait for the machine.
    pub fn n_waiting(&self) -> usize {
        INBOX.saturating_sub(self.0.inbox.capacity())
    }

    /// Whether so much waits for the machine that nobody new should come.
    pub fn is_behind(&self) -> bool {
        self.n_waiting() > INBOX / 4 * 3
    }

    /// Bytes of messages that wait for the machine.
    pub fn bytes_waiting(&self) -> usize {
        INBOX_BYTES.saturating_sub(self.0.room.available_permits())
    }

    /// The server's clock.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Server time.
    pub fn now(&self) -> ServerTime {
        self.0.clock.now()
    }

    /// Bytes of the store on disk; none when the disk does not say.
    pub fn store_bytes(&self) -> Option<u64> {
        self.0.store.disk_bytes().ok()
    }

    /// Tells later whether the store is still open.
    pub fn held(&self) -> Held {
        self.0.store.held()
    }

    /// What the store holds in memory.
    pub fn store_memory(&self) -> crate::store::Memory {
        self.0.store.memory()
    }

    /// The last durable decision, and every later one: wait for a change to bring a page up to date.
    pub fn head(&self) -> watch::Receiver<Lsn> {
        self.0.head.clone()
    }

    /// How the runtime is; changes at most once.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.0.health.clone()
    }

    /// The devices that are connected now, in order.
    pub fn online(&self) -> Vec<DeviceId> {
        self.0.online.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What devices last said of themselves that decides nothing.
    pub fn hearsay(&self) -> &Hearsay {
        &self.0.hearsay
    }

    /// How the replicas of devices were found when they were compared.
    pub fn replicas(&self) -> ReplicaHealth {
        *self.0.replicas.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The latest alarms, the newest first.
    pub fn alarms(&self) -> Vec<(ServerTime, Alarm)> {
        let alarms = self.0.alarms.lock().unwrap_or_else(PoisonError::into_inner);
        alarms.iter().rev().cloned().collect()
    }

    /// Hands a command to the machine and waits until its outcome is durable.
    ///
    /// # Errors
    ///
    /// [`SubmitError`]. A command that was judged and refused is no error here: see
    /// [`Judged::granted`].
    pub async fn submit(&self, command: Command) -> Result<Judged, SubmitError> {
        let (answer, answered) = oneshot::channel();
        self.tell(Input::Command { command, answer }).await?;
        answered.await.unwrap_or(Err(SubmitError::Stopped))
    }

    /// Begins a desk session, and returns when it is durable.
    ///
    /// # Errors
    ///
    /// [`SubmitError`].
    pub async fn begin_session(
        &self,
        token_hash: [u8; 32],
        session: DeskSession,
    ) -> Result<(), SubmitError> {
        self.session(token_hash, Some(session)).await
    }

    /// Ends a desk session, and returns when that is durable.
    ///
    /// # Errors
    ///
    /// [`SubmitError`].
    pub async fn end_session(&self, token_hash: [u8; 32]) -> Result<(), SubmitError> {
        self.session(token_hash, None).await
    }

    async fn session(
        &self,
        token_hash: [u8; 32],
        session: Option<DeskSession>,
    ) -> Result<(), SubmitError> {
        let (answer, answered) = oneshot::channel();
        self.tell(Input::Session { token_hash, session, answer }).await?;
        answered.await.unwrap_or(Err(SubmitError::Stopped))
    }

    /// Intake records up to here are in a verified backup.
    ///
    /// # Errors
    ///
    /// [`SubmitError`].
    pub async fn safe(&self, intake: IntakeNo, photos: Vec<[u8; 32]>) -> Result<(), SubmitError> {
        self.tell(Input::Safe { intake, photos }).await
    }

    /// The disk has room for new work, or not: then devices and desks are told to come back.
    ///
    /// # Errors
    ///
    /// [`SubmitError`].
    pub async fn has_room(&self, has_room: bool) -> Result<(), SubmitError> {
        self.tell(Input::Room { has_room }).await
    }

    /// Waits for a place in the inbox.
    pub(crate) async fn tell(&self, input: Input) -> Result<(), SubmitError> {
        match self.0.inbox.send_timeout(input, BUSY_AFTER).await {
            Ok(()) => Ok(()),
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => Err(SubmitError::Busy),
            Err(mpsc::error::SendTimeoutError::Closed(_)) => Err(SubmitError::Stopped),
        }
    }

    /// Hands a message of a peer to the machine; waits until the inbox has room for it.
    pub(crate) async fn hear(
        &self,
        connection: ConnectionNo,
        incoming: Incoming,
    ) -> Result<(), SubmitError> {
        let bytes = u32::try_from(incoming.bytes().min(INBOX_BYTES)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.0.room).acquire_many_owned(bytes);
        // Nobody closes it.
        let place = tokio::time::timeout(BUSY_AFTER, room).await;
        let place =
            place.map_err(|_late| SubmitError::Busy)?.map_err(|_end| SubmitError::Stopped)?;
        self.tell(Input::Received { connection, incoming, place }).await
    }

    /// A number for a new connection.
    pub(crate) fn next_connection(&self) -> ConnectionNo {
        ConnectionNo(self.0.connections.fetch_add(1, Ordering::Relaxed).saturating_add(1))
    }
}

/// The threads of a runtime.
pub struct Runtime {
    company: Company,
    machine: std::thread::JoinHandle<()>,
}

impl Runtime {
    /// Starts the threads. They end when they are told to, or when no [`Company`] is left.
    ///
    /// # Errors
    ///
    /// The system has no thread to give.
    pub fn start(
        machine: Machine,
        store: Store,
        clock: Clock,
        commit: Commit,
    ) -> std::io::Result<Self> {
        let (inbox, inputs) = mpsc::channel(INBOX);
        let (head_moved, head) = watch::channel(machine.head().lsn);
        let (health_changed, health) = watch::channel(Health::Running);
        let online = Arc::new(Mutex::new(Vec::new()));
        let hearsay = Arc::new(Hearsay::default());
        let alarms = Arc::new(Mutex::new(VecDeque::new()));
        let replicas = Arc::new(Mutex::new(ReplicaHealth::default()));
        let metrics = Arc::new(Metrics::default());
        let committer = commit::start(commit, (clock.clone(), Arc::clone(&metrics)))?;
        let parts = drive::Parts {
            machine,
            store: store.clone(),
            clock: clock.clone(),
            inputs,
            committer,
            head: head_moved,
            health: health_changed,
            online: Arc::clone(&online),
            hearsay: Arc::clone(&hearsay),
            replicas: Arc::clone(&replicas),
            alarms: Arc::clone(&alarms),
            metrics: Arc::clone(&metrics),
            timers: tokio::runtime::Builder::new_current_thread().enable_time().build()?,
        };
        let machine = std::thread::Builder::new()
            .name("machine".to_owned())
            .spawn(move || drive::run(parts))?;
        let connections = AtomicU64::new(0);
        let inner = Inner {
            store,
            clock,
            inbox,
            room: Arc::new(Semaphore::new(INBOX_BYTES)),
            head,
            health,
            online,
            hearsay,
            replicas,
            alarms,
            connections,
            metrics,
        };
        Ok(Self { company: Company(Arc::new(inner)), machine })
    }

    /// The company.
    pub fn company(&self) -> &Company {
        &self.company
    }

    /// Stops taking anything, ends all connections, and returns when the last write is durable.
    pub async fn stop(self) -> Health {
        self.stop_with(BACK_AFTER_MS).await
    }

    /// As [`Runtime::stop`]; devices come back in this window, in milliseconds.
    pub async fn stop_with(self, back_after_ms: (u32, u32)) -> Health {
        // A machine that is gone already has nothing to be told.
        self.company.tell(Input::Stop { back_after_ms }).await.unwrap_or_default();
        let machine = self.machine;
        let joined = tokio::task::spawn_blocking(move || machine.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            return Health::Failed("the machine's thread ended in a panic".to_owned());
        }
        self.company.0.health.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use protocol::frame::Frame;
    use protocol::frame::beside::BlobPut;
    use serde_bytes::ByteBuf;

    use super::*;
    use crate::config::Config;

    #[tokio::test(flavor = "multi_thread")]
    async fn messages_that_wait_take_no_more_than_the_inbox_has_room_for() {
        const BYTES: usize = 64 << 10;
        let folder = tempfile::tempdir().unwrap();
        let opened = crate::open::open(&Config::local(folder.path())).await.unwrap();
        let company = opened.runtime.company().clone();
        // The machine stands: it cannot say who is connected.
        let stands = company.0.online.lock().unwrap();
        let connection = company.next_connection();
        let gone = tokio::task::unconstrained(company.tell(Input::Closed { connection }));
        gone.now_or_never().expect("there is a place").unwrap();
        let part = BlobPut {
            hash: ByteBuf::from(vec![7; 32]),
            length: 4 << 20,
            offset: 0,
            bytes: ByteBuf::from(vec![7; BYTES]),
        };
        let mut n_taken = 0;
        loop {
            let incoming = Incoming::frame(Frame::BlobPut(part.clone()));
            let heard = tokio::task::unconstrained(company.hear(connection, incoming));
            match heard.now_or_never() {
                Some(heard) => heard.unwrap(),
                None => break,
            }
            n_taken += 1;
        }
        let room = INBOX_BYTES / BYTES;
        assert!((room / 3..=room).contains(&n_taken), "{n_taken} parts of {BYTES} bytes");
        drop(stands);
        while company.bytes_waiting() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(opened.runtime.stop().await, Health::Stopped);
    }
}
