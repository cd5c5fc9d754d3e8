//! One device and one server, step by step, without any chance: the same script takes the same steps.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use device_core::engine::{
    Action as DeviceAction, Config as DeviceConfig, Connection, DeviceCore, Event as DeviceEvent,
    Moment, Opening, Parts, RecordError, Work,
};
use device_core::key::DeviceKey;
use device_core::recorder::{Cut, Disk, MemoryDisk, Options};
use device_core::session::Timer;
use device_core::store::MemoryStore as DeviceStore;
use ledger::tables::Read as _;
use protocol::frame::{Frame, Limits};
use protocol::identity::{OperationId, Seq, ServerTime};
use server_core::intake::command::{Command, CommandOrigin};
use server_core::ledger_judge::LedgerJudge;
use server_core::machine::{Action, Config, Event, Machine, Token};
use server_core::session::lease::LeaseSecret;
use server_core::session::order::OrderKey;
use server_core::session::wire::{ConnectionNo, Incoming};
use server_core::store::{Batch, MemoryStore};

use server_core::schema::Streams;

use super::fuse::{Died, Fuse, FusedDisk, FusedStore};
use super::live::Trigger;
use super::mutant::Mutant;
use crate::world::BEGIN_US;
use crate::world::company;
use crate::world::floor::Floor;

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The process is killed; the system keeps what it wrote.
    Kill,
    /// The power goes; what was not synced is gone.
    PowerCut,
    /// The power goes; of what was not synced any sectors are there. The seed decides which.
    Torn(u64),
}

impl End {
    /// All that are tried at each point.
    pub const ALL: [Self; 4] = [Self::Kill, Self::PowerCut, Self::Torn(1), Self::Torn(2)];

    /// In words.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::PowerCut => "power cut",
            Self::Torn(_) => "torn writes",
        }
    }

    const fn cut(self) -> Cut {
        match self {
            Self::Kill => Cut::KeepUnsynced,
            Self::PowerCut => Cut::DropUnsynced,
            Self::Torn(seed) => Cut::Torn { seed },
        }
    }
}

/// The folders of the device.
#[derive(Clone)]
pub struct Folders {
    pub(super) recorder: MemoryDisk,
    state: MemoryDisk,
    blobs: MemoryDisk,
    pub(super) queue: DeviceStore,
    pub(super) replica: DeviceStore,
}

impl Folders {
    fn new() -> Self {
        Self {
            recorder: MemoryDisk::new(),
            state: MemoryDisk::new(),
            blobs: MemoryDisk::new(),
            queue: DeviceStore::new(),
            replica: DeviceStore::new(),
        }
    }

    /// A copy of everything, as an image backup makes one.
    #[must_use]
    pub fn image(&self) -> Self {
        Self {
            recorder: self.recorder.image(),
            state: self.state.image(),
            blobs: self.blobs.image(),
            queue: self.queue.image(),
            replica: self.replica.image(),
        }
    }

    fn end(&self, end: End) {
        for disk in [&self.recorder, &self.state, &self.blobs] {
            disk.cut_power(end.cut());
        }
        for store in [&self.queue, &self.replica] {
            let n = store.n_unsynced();
            store.cut_power(match end {
                End::Kill => n,
                End::PowerCut => 0,
                End::Torn(seed) => n * usize::try_from(seed % 2).unwrap_or_default() / 2,
            });
        }
    }
}

/// Device, wire and server.
pub struct Hall {
    fuse: Fuse,
    end: End,
    /// The device's folders.
    pub folders: Folders,
    device: Option<DeviceCore>,
    /// The server's disk.
    pub store: MemoryStore,
    machine: Option<Machine>,
    now_us: i64,
    boot: u64,
    booted_us: i64,
    timers: BTreeMap<Timer, i64>,
    wire: Option<(Connection, ConnectionNo)>,
    up: VecDeque<Vec<u8>>,
    down: VecDeque<Vec<u8>>,
    n_connections: u64,
    n_tokens: u64,
    /// Names of what was confirmed.
    pub confirmed: Vec<OperationId>,
    /// Of them, what storage has destroyed for good.
    pub lost: std::collections::BTreeSet<OperationId>,
    /// How often a process has died.
    pub n_died: usize,
    is_offline: bool,
    /// A device that does not read.
    pub(super) is_deaf: bool,
    /// What is wrong on purpose.
    mutant: Option<Mutant>,
    /// A trigger that never comes.
    pub(super) missing: Option<Trigger>,
    /// What must never be seen on the wire, and was.
    pub violations: Vec<String>,
    /// Receipts that were confirmed.
    pub n_acts: usize,
    /// Messages that waited for the device at most.
    pub n_waiting_max: usize,
    nudge_us: i64,
}

fn config(mutant: Option<Mutant>) -> Config {
    let usual = Config::new(LeaseSecret::new([7; 32]), OrderKey::new([8; 32]));
    let bug =
        (mutant == Some(Mutant::AckBeforeSync)).then_some(server_core::machine::Bug::AckBeforeSync);
    // Comparisons are a part of the script; people's terms are not.
    Config { check_interval_us: 600_000_000, silence_max_us: u64::MAX, bug, ..usual }
}

impl Hall {
    /// A hall whose company is set up, and a device that nobody has enrolled.
    pub fn new(fuse: Fuse, end: End) -> Self {
        Self::with(fuse, end, None)
    }

    /// The same with something that is wrong on purpose.
    pub fn with(fuse: Fuse, end: End, mutant: Option<Mutant>) -> Self {
        let store = MemoryStore::new();
        let machine = open_machine(&store, BEGIN_US, mutant);
        let mut hall = Self {
            fuse,
            end,
            folders: Folders::new(),
            device: None,
            store,
            machine: Some(machine),
            now_us: BEGIN_US,
            boot: 1,
            booted_us: BEGIN_US - 60_000_000,
            timers: BTreeMap::new(),
            wire: None,
            up: VecDeque::new(),
            down: VecDeque::new(),
            n_connections: 0,
            n_tokens: 0,
            confirmed: Vec::new(),
            lost: std::collections::BTreeSet::new(),
            n_died: 0,
            is_offline: false,
            is_deaf: false,
            mutant,
            missing: None,
            violations: Vec::new(),
            n_acts: 0,
            n_waiting_max: 0,
            nudge_us: BEGIN_US,
        };
        for command in company::commands(&Floor::opening(), 1) {
            hall.command(command);
        }
        hall.settle_server();
        hall
    }

    /// What happens from here on belongs to this phase of the script.
    pub fn phase(&mut self, phase: &'static str) {
        self.fuse.phase(phase);
    }

    // The server.

    /// The system asks for something.
    pub fn system(&mut self, raw: Vec<u8>) {
        self.command(Command { origin: CommandOrigin::System, raw, local_date: None });
        self.settle_server();
    }

    fn command(&mut self, command: Command) {
        self.n_tokens += 1;
        let token = Token(self.n_tokens);
        self.step(Event::Command { token, command });
    }

    /// Something happens to the server.
    pub fn step(&mut self, event: Event) {
        let Some(machine) = &mut self.machine else { return };
        let actions = machine.step(&self.store, ServerTime(self.now_us), event);
        let (writes, others): (Vec<Action>, Vec<Action>) =
            actions.into_iter().partition(|action| matches!(action, Action::Persist(_)));
        // What is said in the same step as a write was allowed to be said before it.
        for action in others.into_iter().chain(writes) {
            match action {
                Action::Persist(batch) => self.persist(batch),
                Action::Send { connection, message, compression } => {
                    self.said(&message.frame());
                    if self.wire.is_some_and(|(_own, no)| no == connection) {
                        self.down.push_back(message.bytes(compression).to_vec());
                        self.n_waiting_max = self.n_waiting_max.max(self.down.len());
                    }
                    if self.mutant == Some(Mutant::UnboundedQueue) {
                        self.step(Event::Sent { connection });
                    }
                }
                Action::Close { connection } => {
                    if let Some((own, _no)) = self.wire.filter(|(_own, no)| *no == connection) {
                        self.hear_all();
                        self.hang_up();
                        self.device_event(DeviceEvent::Disconnected(own));
                    }
                }
                _ => {}
            }
        }
    }

    fn persist(&mut self, batch: Batch) {
        let what = name_of(&batch);
        self.store.begin(batch);
        if self.fuse.strikes(&format!("{what} to the disk")) {
            return self.server_dies();
        }
        let done = self.store.complete_next();
        if self.fuse.strikes(&format!("{what} told as durable")) {
            return self.server_dies();
        }
        if let Some(batch) = done {
            self.step(Event::Persisted { batch });
        }
    }

    fn server_dies(&mut self) {
        self.n_died += 1;
        self.machine = None;
        // A batch is whole or not at all: the process may die after the system has it.
        let kept = if self.end == End::Kill { self.store.n_under_way() } else { 0 };
        self.store.power_cut(kept);
    }

    /// The server comes back, from this disk.
    pub fn start_server(&mut self) {
        if let Some(mutant) = self.mutant {
            mutant.at_rest(&mut self.store);
        }
        self.machine = Some(open_machine(&self.store, self.now_us, self.mutant));
        self.step(Event::Tick);
        self.settle_server();
        if let Some((own, _no)) = self.wire {
            self.hang_up();
            self.device_event(DeviceEvent::Disconnected(own));
        }
    }

    /// The server's process ends, and its disk is another one.
    pub fn replace_server(&mut self, store: MemoryStore) {
        self.machine = None;
        self.store = store;
        self.start_server();
    }

    fn settle_server(&mut self) {
        while self.machine.as_ref().is_some_and(Machine::wants_work) {
            self.step(Event::Work);
        }
    }

    // The device.

    fn mono_us(&self) -> u64 {
        u64::try_from(self.now_us - self.booted_us).unwrap_or_default()
    }

    fn moment(&self) -> Moment {
        Moment { mono_us: self.mono_us(), jitter: 1 << 31 }
    }

    /// Lets the device do something; when its process dies at it, it begins again.
    fn with_device<T>(&mut self, act: impl FnOnce(&mut DeviceCore, Moment) -> T) -> Option<T> {
        let moment = self.moment();
        let device = self.device.as_mut()?;
        match catch_unwind(AssertUnwindSafe(|| act(device, moment))) {
            Ok(answer) => Some(answer),
            Err(payload) if payload.is::<Died>() => {
                self.device_died();
                None
            }
            Err(payload) => resume_unwind(payload),
        }
    }

    fn device_died(&mut self) {
        self.n_died += 1;
        self.device = None;
        self.folders.end(self.end);
        self.hang_up();
        self.timers.clear();
        if self.end != End::Kill {
            self.next_boot();
        }
        self.start_device();
    }

    fn next_boot(&mut self) {
        self.boot += 1;
        self.booted_us = self.now_us;
        self.now_us += 1_000;
    }

    /// The process of the device begins. It may die at that, too.
    pub fn start_device(&mut self) {
        for _attempt in 0..3 {
            let parts = self.parts();
            let opening = Opening {
                boot_id: format!("boot {}", self.boot),
                mono_us: self.mono_us(),
                wall_us: None,
            };
            let mut config = DeviceConfig::default();
            config.recorder.segment_bytes = Options::SEGMENT_BYTES_MIN;
            config.recorder.ballast_bytes = 1 << 10;
            let opened =
                catch_unwind(AssertUnwindSafe(|| DeviceCore::open(config, parts, opening)));
            match opened {
                Ok(opened) => {
                    self.device = Some(opened.expect("whatever a crash leaves, it opens").core);
                    return self.device_event(DeviceEvent::NetworkUp);
                }
                Err(payload) if payload.is::<Died>() => {
                    self.n_died += 1;
                    self.folders.end(self.end);
                    if self.end != End::Kill {
                        self.next_boot();
                    }
                }
                Err(payload) => resume_unwind(payload),
            }
        }
        panic!("a process that dies once begins again");
    }

    fn parts(&self) -> Parts {
        let disk =
            |disk: &MemoryDisk, folder| FusedDisk::new(disk.clone(), self.fuse.clone(), folder);
        let store =
            |store: &DeviceStore, folder| FusedStore::new(store.clone(), self.fuse.clone(), folder);
        let recorder = disk(&self.folders.recorder, "recorder");
        Parts {
            recorder_disk: Box::new(move || Ok(Box::new(recorder.clone()) as Box<dyn Disk>)),
            state_disk: Box::new(disk(&self.folders.state, "device")),
            blob_disk: Box::new(disk(&self.folders.blobs, "photos")),
            queue: Box::new(store(&self.folders.queue, "queue")),
            replica: Box::new(store(&self.folders.replica, "replica")),
            key: DeviceKey::from_secret([1; 32]),
            store_name: [1; 16],
        }
    }

    /// The process of the device ends in good order, or not, and its folders are others.
    pub fn replace_device(&mut self, folders: Folders, is_new_boot: bool) {
        self.device = None;
        self.hang_up();
        self.timers.clear();
        self.folders = folders;
        if is_new_boot {
            self.next_boot();
        }
        self.start_device();
    }

    /// Something happens to the device.
    pub fn device_event(&mut self, event: DeviceEvent) {
        let actions = self.with_device(|device, at| device.handle(at, event));
        self.device_actions(actions.unwrap_or_default());
    }

    fn device_actions(&mut self, actions: Vec<DeviceAction>) {
        for action in actions {
            match action {
                DeviceAction::Connect(connection, _address) => self.connect(connection),
                DeviceAction::Close(connection) => {
                    if self.wire.is_some_and(|(own, _no)| own == connection) {
                        self.hang_up();
                    }
                }
                DeviceAction::Send(connection, bytes) => {
                    if self.wire.is_some_and(|(own, _no)| own == connection) {
                        self.up.push_back(bytes);
                    }
                }
                DeviceAction::Arm(timer, after_us) => {
                    let after = i64::try_from(after_us).unwrap_or(i64::MAX / 4);
                    self.timers.insert(timer, self.now_us + after);
                }
                DeviceAction::Disarm(timer) => {
                    self.timers.remove(&timer);
                }
                DeviceAction::Tell(_news) => {}
                // The script orders nothing.
                DeviceAction::MakeKey | DeviceAction::KeepKey | DeviceAction::Wipe => {}
            }
        }
    }

    fn connect(&mut self, connection: Connection) {
        if self.is_offline || self.machine.is_none() {
            return self.device_event(DeviceEvent::Disconnected(connection));
        }
        self.hang_up();
        self.n_connections += 1;
        let no = ConnectionNo(self.n_connections);
        self.wire = Some((connection, no));
        let nonce = [u8::try_from(self.n_connections % 250).unwrap_or_default(); 32];
        self.step(Event::Opened { connection: no, nonce });
        self.device_event(DeviceEvent::Connected(connection));
    }

    fn hang_up(&mut self) {
        self.up.clear();
        self.down.clear();
        if let Some((_own, no)) = self.wire.take() {
            self.step(Event::Closed { connection: no });
        }
    }

    /// There is no network any more, or there is again.
    pub fn set_offline(&mut self, is_offline: bool) {
        self.is_offline = is_offline;
        if is_offline && let Some((own, _no)) = self.wire {
            self.hang_up();
            self.device_event(DeviceEvent::Disconnected(own));
        }
        if !is_offline {
            self.device_event(DeviceEvent::TryNow);
        }
    }

    /// A person records something.
    pub fn record(&mut self, works: &[Work]) {
        let recorded = self.with_device(|device, at| device.record_many(at, works));
        match recorded {
            // It died at it: nobody was told that it is recorded.
            None => {}
            Some(Ok((names, actions))) => {
                self.n_acts += names.len();
                self.confirmed.extend(names);
                self.device_actions(actions);
            }
            Some(Err(RecordError::NotEnrolled)) => {}
            Some(Err(error)) => panic!("a record failed: {error}"),
        }
    }

    /// Something else than a receipt.
    pub fn record_other(&mut self, works: &[Work]) {
        let n_acts = self.n_acts;
        self.record(works);
        self.n_acts = n_acts;
    }

    /// The server's process ends and begins again over the same disk.
    pub fn restart_server(&mut self) {
        self.kill_server();
        self.start_server();
    }

    /// A photo of the last thing that was confirmed.
    pub fn photograph(&mut self, bytes: &[u8]) {
        let Some(target) = self.confirmed.last().copied() else { return };
        let what = (protocol::operation::AttachmentKind::Photo, bytes);
        let attached = self.with_device(|device, at| device.attach(at, target, what));
        if let Some(Ok((name, actions))) = attached {
            self.confirmed.push(name);
            self.device_actions(actions);
        }
    }

    /// The device, while it runs.
    pub fn device(&self) -> Option<&DeviceCore> {
        self.device.as_ref()
    }

    fn hear_all(&mut self) {
        while !self.is_deaf
            && let (Some((own, no)), Some(bytes)) = (self.wire, self.down.pop_front())
        {
            self.now_us += 500;
            let bytes = match self.mutant {
                None => bytes,
                Some(mutant) => mutant.down(bytes, self.device.as_ref()),
            };
            if self.mutant != Some(Mutant::UnboundedQueue) {
                self.step(Event::Sent { connection: no });
            }
            self.device_event(DeviceEvent::Frame(own, bytes));
        }
    }

    /// Nothing is acknowledged that is not on the disk.
    fn said(&mut self, frame: &Frame) {
        let accepted = match frame {
            Frame::Ack(ack) => ack.accepted_seq,
            Frame::Welcome(welcome) => welcome.accepted_seq,
            Frame::HeartbeatAck(ack) => ack.accepted_seq,
            _ => return,
        };
        let identity = self.device.as_ref().and_then(DeviceCore::identity);
        let Some(identity) = identity else { return };
        let durable = self.store.row::<Streams>(&identity).map_or(Seq(0), |row| row.accepted);
        if accepted > durable {
            self.violations.push(format!("{accepted} is acknowledged, {durable} is on the disk"));
        }
    }

    fn exchange(&mut self) {
        loop {
            self.hear_all();
            let (Some((_own, no)), Some(bytes)) = (self.wire, self.up.pop_front()) else {
                self.settle_server();
                if (self.down.is_empty() || self.is_deaf) && self.up.is_empty() {
                    return;
                }
                continue;
            };
            self.now_us += 500;
            let bytes = match self.mutant {
                None => bytes,
                Some(mutant) => mutant.up(bytes, &self.store, self.device.as_ref()),
            };
            let incoming = Incoming::read(&bytes, &Limits::DEFAULT);
            self.step(Event::Received { connection: no, incoming });
        }
    }

    /// Time passes until `done`, or for so long.
    pub fn run_until(&mut self, seconds: i64, done: impl Fn(&Self) -> bool) -> bool {
        let end_us = self.now_us + seconds * 1_000_000;
        loop {
            if self.machine.is_none() {
                self.start_server();
            }
            if !self.violations.is_empty() {
                return false;
            }
            self.exchange();
            if done(self) {
                return true;
            }
            let missing = self.missing;
            let heard =
                self.timers.iter().filter(|(timer, _at)| missing != Some(Trigger::Timer(**timer)));
            let ring = heard.map(|(timer, at)| (*at, *timer)).min();
            let tick = match (&self.machine, missing) {
                (None, _) | (_, Some(Trigger::Tick)) => i64::MAX,
                (Some(machine), _) => machine.wake_at().0,
            };
            let nudge = self.nudge_us;
            let next = ring.map_or(tick, |(at, _timer)| at.min(tick)).min(nudge).max(self.now_us);
            if next > end_us {
                self.now_us = end_us;
                return false;
            }
            self.now_us = next;
            match ring {
                Some((at, timer)) if at <= next => {
                    self.timers.remove(&timer);
                    self.device_event(DeviceEvent::Timer(timer));
                }
                _ if nudge <= next => self.nudge(),
                _ => self.step(Event::Tick),
            }
        }
    }

    /// The time, in microseconds.
    pub const fn now_us(&self) -> i64 {
        self.now_us
    }

    /// There is a network again, and nobody says so.
    pub fn is_back(&mut self) {
        self.is_offline = false;
    }

    /// The server's process dies, without a write under way.
    pub fn kill_server(&mut self) {
        self.machine = None;
        if let Some((own, _no)) = self.wire {
            self.hang_up();
            if self.missing != Some(Trigger::Disconnected) {
                self.device_event(DeviceEvent::Disconnected(own));
            }
        }
    }

    /// Every ten minutes the system says that there is a network, and somebody wants it to try.
    fn nudge(&mut self) {
        self.nudge_us = self.now_us + 600_000_000;
        if self.missing != Some(Trigger::NetworkUp) {
            self.device_event(DeviceEvent::NetworkUp);
        }
        if self.missing != Some(Trigger::TryNow) {
            self.device_event(DeviceEvent::TryNow);
        }
    }

    /// The connection breaks, and nobody tells the device, or somebody does.
    pub fn break_wire(&mut self) {
        let Some((own, _no)) = self.wire else { return };
        self.hang_up();
        if self.missing != Some(Trigger::Disconnected) {
            self.device_event(DeviceEvent::Disconnected(own));
        }
    }

    /// How the device's replica was found when it was compared.
    pub fn replica_health(&self) -> server_core::check::ReplicaHealth {
        self.machine.as_ref().map(Machine::replica_health).unwrap_or_default()
    }

    /// Whether everything has arrived, was judged, and is known on the device.
    pub fn is_quiet(&self) -> bool {
        let Some(device) = &self.device else { return false };
        let status = device.status(0);
        let head = self.machine.as_ref().map(|machine| machine.head().lsn);
        status.n_unanswered == 0
            && status.n_unsent == 0
            && device.n_blobs() == 0
            && status.snapshot.is_none()
            && Some(status.cursor) == head
    }
}

fn open_machine(store: &MemoryStore, now_us: i64, mutant: Option<Mutant>) -> Machine {
    let opened = Machine::open(store, config(mutant), Box::new(LedgerJudge), ServerTime(now_us));
    opened.expect("a store that lost only its end has no faults")
}

/// What a batch holds, by its tables.
fn name_of(batch: &Batch) -> String {
    const NAMES: [(u8, &str); 7] = [
        (3, "intake"),
        (4, "decisions"),
        (102, "a lease"),
        (105, "what is safe"),
        (230, "a storage report"),
        (232, "part of a photo"),
        (104, "statements"),
    ];
    let tables: std::collections::BTreeSet<u8> =
        batch.changes.keys().map(|(table, _key)| table.0).collect();
    let names: Vec<&str> = NAMES
        .iter()
        .filter(|(table, _name)| tables.contains(table))
        .map(|(_table, name)| *name)
        .collect();
    if names.is_empty() { "other rows".to_owned() } else { names.join(" and ") }
}
