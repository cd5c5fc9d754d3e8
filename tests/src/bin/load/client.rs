//! A device as a task: the real core, driven over a real socket, with everything counted.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use device_core::engine::{
    Action, Address, Config, Connection, DeviceCore, Event, Moment, News, Opening, Parts, Work,
};
use device_core::key::DeviceKey;
use device_core::recorder::{Disk, MemoryDisk, Options};
use device_core::session::Timer;
use device_core::store::MemoryStore;
use device_core::transport::{PlainText, connect};
use futures_util::{SinkExt as _, StreamExt as _};
use protocol::enrolment::Invitation;
use protocol::frame::{Frame, Limits, codec};
use protocol::identity::OperationId;
use protocol::outcome::Decision;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::Problem;
use crate::figures::Took;

/// Frames that may wait for the core; behind them the socket is not read.
const INBOUND_MAX: usize = 16;
/// Up for this long already, in microseconds, when the load begins.
const UP_US: u64 = 3_600_000_000;

/// What a device saw.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// Scan to outcome.
    pub(crate) outcomes: Took,
    /// Scan to acknowledged.
    pub(crate) acks: Took,
    /// Outcomes that are not "accepted".
    pub(crate) n_otherwise: usize,
    /// Bytes of all frames that were sent, and of those that hold operations.
    pub(crate) frame_bytes: usize,
    pub(crate) push_bytes: usize,
    pub(crate) n_pushes: usize,
}

/// A device.
pub(crate) struct Client {
    core: DeviceCore,
    began: Instant,
    timers: BTreeMap<Timer, Instant>,
    out: Option<(Connection, mpsc::UnboundedSender<Message>)>,
    inbound: mpsc::Receiver<Event>,
    to_us: mpsc::Sender<Event>,
    unanswered: BTreeMap<OperationId, Instant>,
    unacked: VecDeque<(u64, Instant)>,
    /// When the last outcome came.
    pub(crate) answered_at: Option<Instant>,
    /// What it saw.
    pub(crate) tally: Tally,
}

/// Disks and stores in memory, for device number `n`.
pub(crate) fn in_memory(n: u32) -> (Config, Parts) {
    let mut secret = [7; 32];
    secret[..4].copy_from_slice(&n.to_le_bytes());
    let mut store_name = [9; 16];
    store_name[..4].copy_from_slice(&n.to_le_bytes());
    let disk = MemoryDisk::new();
    let parts = Parts {
        recorder_disk: Box::new(move || Ok(Box::new(disk.clone()) as Box<dyn Disk>)),
        state_disk: Box::new(MemoryDisk::new()),
        queue: Box::new(MemoryStore::new()),
        replica: Box::new(MemoryStore::new()),
        blob_disk: Box::new(MemoryDisk::new()),
        key: DeviceKey::from_secret(secret),
        store_name,
    };
    let mut config = Config { name: format!("H-{n:04}"), ..Config::default() };
    config.recorder.segment_bytes = Options::SEGMENT_BYTES_MIN * 4;
    config.recorder.ballast_bytes = 0;
    (config, parts)
}

impl Client {
    /// Opens the device over `parts`.
    pub(crate) fn open((config, parts): (Config, Parts)) -> Result<Self, Problem> {
        let opening = Opening { boot_id: config.name.clone(), mono_us: UP_US, wall_us: None };
        let opened = DeviceCore::open(config, parts, opening)?;
        let (to_us, inbound) = mpsc::channel(INBOUND_MAX);
        Ok(Self {
            core: opened.core,
            began: Instant::now(),
            timers: BTreeMap::new(),
            out: None,
            inbound,
            to_us,
            unanswered: BTreeMap::new(),
            unacked: VecDeque::new(),
            answered_at: None,
            tally: Tally::default(),
        })
    }

    fn moment(&self) -> Moment {
        let up_us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let jitter = getrandom::u32().unwrap_or(u32::MAX / 2);
        Moment { mono_us: UP_US.saturating_add(up_us), jitter }
    }

    /// Enrols, and returns when the rows of the site are there.
    pub(crate) async fn enrol(&mut self, invitation: Invitation) -> Result<(), Problem> {
        self.handle(Event::NetworkUp);
        self.handle(Event::Enrol(invitation));
        let ready = |core: &DeviceCore| {
            let status = core.status(0);
            status.identity.is_some() && status.is_ready
        };
        if self.until(Duration::from_secs(60), ready).await {
            return Ok(());
        }
        Err(format!("a device did not get ready: {:?}", self.core.status(0)).into())
    }

    /// Records `works` with one sync, and gives their names. Their outcomes are waited for from here on.
    pub(crate) fn record(&mut self, works: &[Work]) -> Result<Vec<OperationId>, Problem> {
        let scanned = Instant::now();
        let moment = self.moment();
        let (names, actions) = self.core.record_many(moment, works)?;
        for name in &names {
            self.unanswered.insert(*name, scanned);
            self.unacked.push_back((name.seq.0, scanned));
        }
        self.fulfil(actions);
        Ok(names)
    }

    /// The device's own.
    pub(crate) fn core(&self) -> &DeviceCore {
        &self.core
    }

    /// Whether every operation was acknowledged.
    pub(crate) fn is_acked(&self) -> bool {
        self.unacked.is_empty()
    }

    /// Lets `event` happen.
    pub(crate) fn handle(&mut self, event: Event) {
        let moment = self.moment();
        let actions = self.core.handle(moment, event);
        self.fulfil(actions);
    }

    /// Goes on until `is_done`, for at most `within`; says whether it came to that.
    pub(crate) async fn until(
        &mut self,
        within: Duration,
        is_done: impl Fn(&DeviceCore) -> bool,
    ) -> bool {
        let end = Instant::now() + within;
        while !is_done(&self.core) {
            if Instant::now() >= end {
                return false;
            }
            self.turn(end).await;
        }
        true
    }

    /// Waits for one thing to happen, until `end` at the latest.
    pub(crate) async fn turn(&mut self, end: Instant) {
        let timer =
            self.timers.iter().min_by_key(|(_timer, at)| **at).map(|(timer, at)| (*timer, *at));
        let wake = timer.map_or(end, |(_timer, at)| at.min(end));
        tokio::select! {
            event = self.inbound.recv() => {
                if let Some(event) = event {
                    self.handle(event);
                }
            }
            () = tokio::time::sleep_until(wake) => {
                if let Some((timer, _at)) = timer.filter(|(_timer, at)| *at <= wake && *at < end) {
                    self.timers.remove(&timer);
                    self.handle(Event::Timer(timer));
                }
            }
        }
    }

    fn fulfil(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Connect(connection, address) => {
                    let (out, frames) = mpsc::unbounded_channel();
                    self.out = Some((connection, out));
                    tokio::spawn(converse(connection, address, frames, self.to_us.clone()));
                }
                Action::Close(connection) => {
                    self.out.take_if(|(open, _out)| *open == connection);
                }
                Action::Send(connection, bytes) => self.send(connection, bytes),
                Action::Arm(timer, after_us) => {
                    self.timers.insert(timer, Instant::now() + Duration::from_micros(after_us));
                }
                Action::Disarm(timer) => {
                    self.timers.remove(&timer);
                }
                // Nobody gives orders to a load.
                Action::MakeKey | Action::KeepKey | Action::BeginWipe | Action::Wipe => {}
                Action::Tell(news) => self.heard(news),
            }
        }
    }

    fn send(&mut self, connection: Connection, bytes: Vec<u8>) {
        let Some((open, out)) = &self.out else { return };
        if *open != connection {
            return;
        }
        self.tally.frame_bytes += bytes.len();
        let bytes_max = usize::try_from(Limits::DEFAULT.message_bytes_max).unwrap_or(usize::MAX);
        if let Ok((Frame::Push(_), _body)) = codec::decode(&bytes, bytes_max) {
            self.tally.push_bytes += bytes.len();
            self.tally.n_pushes += 1;
        }
        // A connection that has ended says so itself.
        let _ = out.send(Message::Binary(bytes.into()));
    }

    fn heard(&mut self, news: News) {
        let now = Instant::now();
        match news {
            News::Acked(upto) => {
                while let Some((seq, scanned)) = self.unacked.front().copied()
                    && seq <= upto.0
                {
                    self.unacked.pop_front();
                    self.tally.acks.push(now - scanned);
                }
            }
            News::Outcomes(outcomes) => {
                for outcome in outcomes {
                    if let Some(scanned) = self.unanswered.remove(&outcome.operation) {
                        self.tally.outcomes.push(now - scanned);
                        self.tally.n_otherwise +=
                            usize::from(outcome.decision != Decision::Accepted);
                        self.answered_at = Some(now);
                    }
                }
            }
            News::Trouble(what) | News::RecorderStopped(what) => eprintln!("a device: {what}"),
            _ => {}
        }
    }
}

/// One connection from its beginning to its end.
async fn converse(
    connection: Connection,
    address: Address,
    mut frames: mpsc::UnboundedReceiver<Message>,
    to_us: mpsc::Sender<Event>,
) {
    if let Ok(socket) = connect(&address, PlainText::LoopbackOnly).await
        && to_us.send(Event::Connected(connection)).await.is_ok()
    {
        let (mut sink, mut stream) = socket.split();
        let read = async {
            while let Some(Ok(message)) = stream.next().await {
                if let Message::Binary(bytes) = message
                    && to_us.send(Event::Frame(connection, bytes.into())).await.is_err()
                {
                    return;
                }
            }
        };
        let write = async {
            while let Some(frame) = frames.recv().await {
                let mut sent = sink.feed(frame).await;
                while sent.is_ok()
                    && let Ok(frame) = frames.try_recv()
                {
                    sent = sink.feed(frame).await;
                }
                if sent.is_err() || sink.flush().await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = read => {}
            () = write => {}
        }
    }
    // Nobody to tell when the device is gone.
    let _ = to_us.send(Event::Disconnected(connection)).await;
}
