//! The thread that owns the machine: tells it what happened, and does what it asks for.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ledger::key::{Key as _, KeyBytes};
use ledger::schema::book::{OutcomeRow, Outcomes};
use ledger::schema::identity::{DeskSession, DeskSessions};
use ledger::tables::{Read as _, Table as _};
use protocol::code::Code;
use protocol::frame::{Fault, FaultCode, Frame};
use protocol::identity::{DeviceId, Lsn, OperationId, ServerTime};
use protocol::outcome::Reason;
use server_core::check::ReplicaHealth;
use server_core::machine::{Action, Alarm, Event, Machine, Token};
use server_core::session::wire::{Compression, ConnectionNo, Message};
use server_core::store::{Batch, BatchNo};
use tokio::sync::{mpsc, oneshot, watch};

use super::commit::{Committed, Committer};
use super::said::Hearsay;
use super::{ALARMS, Health, Input, Judged, SubmitError};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::secret;
use crate::store::Store;

/// Messages that wait for one socket.
const OUTGOING: usize = 256;
/// Inputs that are taken before the machine works on.
const INPUTS_PER_TURN: usize = 256;
/// How long devices are given to leave when the server stops.
const FAREWELL: Duration = Duration::from_secs(3);

/// What a connection's task is told.
pub enum Outgoing {
    /// Write this, then say so.
    Message(Arc<Message>, Compression),
    /// The peer is known: the limits for strangers no longer hold.
    Authenticated,
    /// Write what came before, then close.
    Close,
}

/// The queue of one connection; it ends when the connection must.
pub type OutgoingQueue = mpsc::Sender<Outgoing>;

/// A queue for one connection.
pub fn outgoing_queue() -> (OutgoingQueue, mpsc::Receiver<Outgoing>) {
    mpsc::channel(OUTGOING)
}

pub(super) struct Parts {
    pub(super) machine: Machine,
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) inputs: mpsc::Receiver<Input>,
    pub(super) committer: Committer,
    pub(super) head: watch::Sender<Lsn>,
    pub(super) health: watch::Sender<Health>,
    pub(super) online: Arc<Mutex<Vec<DeviceId>>>,
    pub(super) hearsay: Arc<Hearsay>,
    pub(super) replicas: Arc<Mutex<ReplicaHealth>>,
    pub(super) alarms: Arc<Mutex<VecDeque<(ServerTime, Alarm)>>>,
    pub(super) metrics: Arc<Metrics>,
    /// The clock of the thread's own sleep: it goes on when the runtime that serves is gone.
    pub(super) timers: tokio::runtime::Runtime,
}

type CommandAnswer = oneshot::Sender<Result<Judged, SubmitError>>;
type SessionAnswer = oneshot::Sender<Result<(), SubmitError>>;

struct Drive {
    machine: Machine,
    store: Store,
    clock: Clock,
    batches: std::sync::mpsc::SyncSender<Batch>,
    head: watch::Sender<Lsn>,
    online: Arc<Mutex<Vec<DeviceId>>>,
    hearsay: Arc<Hearsay>,
    replicas: Arc<Mutex<ReplicaHealth>>,
    alarms: Arc<Mutex<VecDeque<(ServerTime, Alarm)>>>,
    sockets: HashMap<ConnectionNo, OutgoingQueue>,
    commands: HashMap<Token, CommandAnswer>,
    last_token: Token,
    sessions: Vec<SessionWaits>,
    metrics: Arc<Metrics>,
    /// Set once it stops: when devices come back.
    stopping: Option<(u32, u32)>,
}

/// A desk session that waits to be durable.
struct SessionWaits {
    key: KeyBytes,
    batch: Option<BatchNo>,
    answer: SessionAnswer,
}

/// Why the machine's thread goes on or ends.
enum Turn {
    On,
    End(Health),
}

/// Runs the machine until it is told to stop or cannot go on.
pub(super) fn run(parts: Parts) {
    let Parts { machine, store, clock, mut inputs, committer, .. } = parts;
    let Committer { batches, mut committed, thread } = committer;
    let mut drive = Drive {
        machine,
        store,
        clock,
        batches,
        head: parts.head,
        online: parts.online,
        hearsay: parts.hearsay,
        replicas: parts.replicas,
        alarms: parts.alarms,
        sockets: HashMap::new(),
        commands: HashMap::new(),
        last_token: Token(0),
        sessions: Vec::new(),
        metrics: parts.metrics,
        stopping: None,
    };
    let timers = parts.timers;
    let worked =
        catch_unwind(AssertUnwindSafe(|| drive.turns(&timers, &mut inputs, &mut committed)));
    let health = worked.unwrap_or_else(|_panic| Health::Failed("the machine panicked".to_owned()));
    if let Health::Failed(why) = &health {
        tracing::error!(why, "the server stopped: nothing more is taken until it is started again");
        drive.fail();
    }
    // Who waits in the inbox, or comes later, is told at once.
    inputs.close();
    drop(inputs);
    drop(drive);
    if thread.join().is_err() {
        tracing::error!("the committing thread ended in a panic");
    }
    parts.health.send_replace(health);
}

impl Drive {
    fn turns(
        &mut self,
        timers: &tokio::runtime::Runtime,
        inputs: &mut mpsc::Receiver<Input>,
        committed: &mut mpsc::Receiver<Committed>,
    ) -> Health {
        let mut taken = Vec::with_capacity(INPUTS_PER_TURN);
        loop {
            if let Turn::End(health) = self.take_committed(committed) {
                return health;
            }
            while taken.len() < INPUTS_PER_TURN
                && let Ok(input) = inputs.try_recv()
            {
                taken.push(input);
            }
            let idle = taken.is_empty();
            for input in taken.drain(..) {
                self.input(input);
            }
            if let Some(window_ms) = self.stopping {
                return timers.block_on(self.stop(window_ms, (inputs, committed)));
            }
            if self.machine.wants_work() {
                self.step(Event::Work);
            } else if idle && let Turn::End(health) = timers.block_on(self.wait(inputs, committed))
            {
                return health;
            }
            if self.clock.now() >= self.machine.wake_at() {
                self.step(Event::Tick);
                let health = self.machine.replica_health();
                *self.replicas.lock().unwrap_or_else(PoisonError::into_inner) = health;
            }
            if let Err(error) = self.store.check() {
                return Health::Failed(super::commit::chain(&error));
            }
        }
    }

    fn take_committed(&mut self, committed: &mut mpsc::Receiver<Committed>) -> Turn {
        loop {
            match committed.try_recv() {
                Ok(done) => {
                    if let Turn::End(health) = self.committed(done) {
                        return Turn::End(health);
                    }
                }
                Err(mpsc::error::TryRecvError::Empty) => return Turn::On,
                Err(mpsc::error::TryRecvError::Disconnected) => {
                    return Turn::End(committer_gone());
                }
            }
        }
    }

    /// Sleeps until something happens or the machine wants a tick.
    async fn wait(
        &mut self,
        inputs: &mut mpsc::Receiver<Input>,
        committed: &mut mpsc::Receiver<Committed>,
    ) -> Turn {
        let until_tick = self.machine.wake_at().us_since(self.clock.now()).max(0);
        let pause = Duration::from_micros(until_tick.unsigned_abs()).min(Duration::from_secs(60));
        tokio::select! {
            biased;
            done = committed.recv() => match done {
                Some(done) => self.committed(done),
                None => Turn::End(committer_gone()),
            },
            input = inputs.recv() => match input {
                Some(input) => {
                    self.input(input);
                    Turn::On
                }
                // Nobody is left who could tell the machine anything.
                None => {
                    self.stopping = Some(super::BACK_AFTER_MS);
                    Turn::On
                }
            },
            () = tokio::time::sleep(pause) => Turn::On,
        }
    }

    fn input(&mut self, input: Input) {
        match input {
            Input::Opened { connection, outgoing } => {
                self.sockets.insert(connection, outgoing);
                self.step(Event::Opened { connection, nonce: secret::random() });
            }
            Input::Received { connection, incoming, place } => {
                self.hearsay.hear(connection, &incoming);
                self.step(Event::Received { connection, incoming });
                drop(place);
            }
            Input::Sent { connection } => self.step(Event::Sent { connection }),
            Input::Closed { connection } => {
                self.sockets.remove(&connection);
                self.hearsay.gone(connection);
                self.step(Event::Closed { connection });
                self.show_online();
            }
            Input::Command { command, answer } => {
                self.last_token = Token(self.last_token.0.saturating_add(1));
                self.commands.insert(self.last_token, answer);
                self.step(Event::Command { token: self.last_token, command });
            }
            Input::Session { token_hash, session, answer } => {
                self.session(token_hash, session, answer);
            }
            Input::Safe { intake, photos } => self.step(Event::Safe { intake, photos }),
            Input::Room { has_room } => self.step(Event::Room { has_room }),
            Input::Stop { back_after_ms } => self.stopping = Some(back_after_ms),
        }
    }

    fn session(
        &mut self,
        token_hash: [u8; 32],
        session: Option<DeskSession>,
        answer: SessionAnswer,
    ) {
        self.sessions.push(SessionWaits { key: token_hash.to_bytes(), batch: None, answer });
        self.step(match session {
            Some(session) => Event::DeskSignedIn { token_hash, session },
            None => Event::DeskSignedOut { token_hash },
        });
    }

    fn step(&mut self, event: Event) {
        let actions = self.machine.step(&self.store, self.clock.now(), event);
        for action in actions {
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Persist(batch) => self.persist(batch),
            Action::Send { connection, message, compression } => {
                self.send(connection, Outgoing::Message(message, compression));
            }
            Action::Close { connection } => self.send(connection, Outgoing::Close),
            Action::Authenticated { connection, device } => {
                tracing::debug!(device = device.0, "connected");
                self.metrics.authenticated.add(1);
                self.hearsay.known(connection, device);
                self.send(connection, Outgoing::Authenticated);
                self.show_online();
            }
            Action::CommandTaken { .. } => {}
            Action::CommandJudged { token, operation, outcome, .. } => {
                self.answer(token, operation, outcome);
            }
            Action::CommandDiffers { token } => {
                if let Some(answer) = self.commands.remove(&token) {
                    let reason = Reason::new(Code::DifferentUnderSameId);
                    // Who asked may have gone away meanwhile.
                    drop(answer.send(Err(SubmitError::Refused(reason))));
                }
            }
            Action::CommandNoRoom { token } => {
                if let Some(answer) = self.commands.remove(&token) {
                    drop(answer.send(Err(SubmitError::NoRoom)));
                }
            }
            Action::HeadMoved { head } => {
                self.head.send_replace(head);
            }
            Action::Alarm(alarm) => self.alarm(alarm),
        }
    }

    fn persist(&mut self, batch: Batch) {
        for waits in self.sessions.iter_mut().filter(|waits| waits.batch.is_none()) {
            if batch.changes.contains_key(&(DeskSessions::ID, waits.key.clone())) {
                waits.batch = Some(batch.no);
            }
        }
        if self.batches.try_send(batch).is_err() {
            // The committing thread is gone; its queue says so at the next turn.
            tracing::error!("a batch could not be handed over");
        }
    }

    fn committed(&mut self, done: Committed) -> Turn {
        match done {
            Committed::Durable(batch) => {
                self.step(Event::Persisted { batch });
                let waiting = std::mem::take(&mut self.sessions);
                for waits in waiting {
                    if waits.batch.is_some_and(|no| no <= batch) {
                        drop(waits.answer.send(Ok(())));
                    } else {
                        self.sessions.push(waits);
                    }
                }
                Turn::On
            }
            Committed::Failed(why) => Turn::End(Health::Failed(why)),
        }
    }

    fn answer(&mut self, token: Token, operation: OperationId, outcome: Option<Arc<OutcomeRow>>) {
        let Some(answer) = self.commands.remove(&token) else { return };
        let row = outcome.or_else(|| self.machine.cut().row::<Outcomes>(&operation));
        let judged = row.map(|outcome| Judged { operation, outcome });
        drop(answer.send(judged.ok_or(SubmitError::Stopped)));
    }

    /// A queue that is full belongs to a peer that does not read: the connection ends.
    fn send(&mut self, connection: ConnectionNo, outgoing: Outgoing) {
        let Some(queue) = self.sockets.get(&connection) else { return };
        if queue.try_send(outgoing).is_err() {
            self.sockets.remove(&connection);
            self.metrics.unread.add(1);
            tracing::warn!(connection = connection.0, "a peer does not read what it is sent");
        }
    }

    fn show_online(&self) {
        let mut devices: Vec<_> = self.machine.connected().map(|(device, _no)| device).collect();
        devices.dedup();
        *self.online.lock().unwrap_or_else(PoisonError::into_inner) = devices;
    }

    fn alarm(&self, alarm: Alarm) {
        tracing::error!(?alarm, "an alarm");
        self.metrics.alarms.add(1);
        let mut alarms = self.alarms.lock().unwrap_or_else(PoisonError::into_inner);
        if alarms.len() >= ALARMS {
            alarms.pop_front();
        }
        alarms.push_back((self.clock.now(), alarm));
    }

    /// Says farewell, waits for the connections to go and for the last batch.
    async fn stop(
        &mut self,
        window_ms: (u32, u32),
        (inputs, committed): (&mut mpsc::Receiver<Input>, &mut mpsc::Receiver<Committed>),
    ) -> Health {
        let reason = "the server is stopping".to_owned();
        self.step(Event::GoAway { window_ms, reason });
        let farewell = tokio::time::sleep(FAREWELL);
        tokio::pin!(farewell);
        let mut is_heard = true;
        while !self.sockets.is_empty() || self.machine.n_batches_under_way() > 0 {
            tokio::select! {
                biased;
                done = committed.recv() => match done {
                    Some(done) => if let Turn::End(health) = self.committed(done) {
                        return health;
                    },
                    None => return committer_gone(),
                },
                input = inputs.recv(), if is_heard => match input {
                    // What changes nothing is still taken; commands are not, and are told so.
                    Some(input @ (Input::Sent { .. } | Input::Closed { .. })) => self.input(input),
                    Some(_) => {}
                    None => {
                        is_heard = false;
                        self.sockets.clear();
                    }
                },
                () = &mut farewell, if !self.sockets.is_empty() => self.sockets.clear(),
            }
        }
        Health::Stopped
    }

    /// Tells everybody that the server stopped.
    fn fail(&mut self) {
        let fault = Frame::Fault(Fault {
            code: FaultCode::STORAGE,
            retryable: true,
            retry_after_ms: Some(10_000),
            detail: "The server cannot take it now. Nothing is lost; try again.".to_owned(),
        });
        let message = Arc::new(Message::new(fault));
        for queue in self.sockets.values() {
            // A queue that is full or gone has nobody who would read it.
            drop(queue.try_send(Outgoing::Message(Arc::clone(&message), Compression::None)));
            drop(queue.try_send(Outgoing::Close));
        }
        for (_token, answer) in self.commands.drain() {
            drop(answer.send(Err(SubmitError::Stopped)));
        }
        for waits in self.sessions.drain(..) {
            drop(waits.answer.send(Err(SubmitError::Stopped)));
        }
    }
}

fn committer_gone() -> Health {
    Health::Failed("the committing thread is gone".to_owned())
}
