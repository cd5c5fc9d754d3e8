//! One device and one server, step by step, without any chance: the same script takes the same steps.

mod device;

pub(in crate::crash) use device::device_config;

use std::collections::{BTreeMap, VecDeque};

use device_core::engine::{Connection, DeviceCore, Event as DeviceEvent};
use device_core::key::DeviceKey;
use device_core::recorder::{Cut, MemoryDisk};
use device_core::session::Timer;
use device_core::store::MemoryStore as DeviceStore;
use ledger::schema::identity::Devices;
use ledger::tables::Read as _;
use protocol::frame::{Frame, Limits};
use protocol::identity::{DeviceId, OperationId, Seq, ServerTime};
use server_core::intake::command::{Command, CommandOrigin};
use server_core::ledger_judge::LedgerJudge;
use server_core::machine::{Action, Alarm, Config, Event, Machine, Token};
use server_core::session::lease::LeaseSecret;
use server_core::session::order::OrderKey;
use server_core::session::wire::{ConnectionNo, Incoming};
use server_core::store::{Batch, MemoryStore};

use server_core::schema::Streams;

use super::fuse::{Fuse, Removed};
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
    pub(in crate::crash) recorder: MemoryDisk,
    state: MemoryDisk,
    blobs: MemoryDisk,
    /// What lies beside these: the keys, and the mark of a wipe.
    root: MemoryDisk,
    removed: Removed,
    pub(in crate::crash) queue: DeviceStore,
    pub(in crate::crash) replica: DeviceStore,
}

impl Folders {
    fn new() -> Self {
        Self {
            recorder: MemoryDisk::new(),
            state: MemoryDisk::new(),
            blobs: MemoryDisk::new(),
            root: MemoryDisk::new(),
            removed: Removed::default(),
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
            root: self.root.image(),
            removed: Removed::default(),
            queue: self.queue.image(),
            replica: self.replica.image(),
        }
    }

    /// Empties the folders that were deleted.
    fn drop_removed(&mut self) {
        for name in self.removed.take() {
            match name.as_str() {
                "recorder" => self.recorder = MemoryDisk::new(),
                "device" => self.state = MemoryDisk::new(),
                "photos" => self.blobs = MemoryDisk::new(),
                "queue" => self.queue.destroy(),
                _replica => self.replica.destroy(),
            }
        }
    }

    /// The public half of the key that lies here, where no other waits to take its place.
    pub(in crate::crash) fn only_key(&self) -> Option<[u8; 32]> {
        let key = |name: &str| -> Option<[u8; 32]> { self.root.bytes_of(name)?.try_into().ok() };
        let waits = key("key.next").is_some();
        key("key").filter(|_key| !waits).map(|key| DeviceKey::from_secret(key).public())
    }

    fn end(&self, end: End) {
        for disk in [&self.recorder, &self.state, &self.blobs, &self.root] {
            disk.cut_power(end.cut());
        }
        self.removed.cut(end.cut());
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
    /// Alarms that a store of a device is a copy.
    pub(in crate::crash) n_copies_told: u64,
    /// Names of what was confirmed.
    pub confirmed: Vec<OperationId>,
    /// Of them, what storage has destroyed for good.
    pub lost: std::collections::BTreeSet<OperationId>,
    /// How often a process has died.
    pub n_died: usize,
    is_offline: bool,
    /// A device that does not read.
    pub(in crate::crash) is_deaf: bool,
    /// What the device hears and does, where it is written down.
    pub(in crate::crash) tape: Option<Vec<String>>,
    /// What is wrong on purpose.
    mutant: Option<Mutant>,
    /// A trigger that never comes.
    pub(in crate::crash) missing: Option<Trigger>,
    /// What must never be seen on the wire, and was.
    pub violations: Vec<String>,
    /// Receipts that were confirmed.
    pub n_acts: usize,
    /// Receipts during which the process died: nobody knows whether they were recorded.
    pub n_unsure: usize,
    /// Messages that waited for the device at most.
    pub n_waiting_max: usize,
    nudge_us: i64,
}

fn config(mutant: Option<Mutant>) -> Config {
    let usual = Config::new(LeaseSecret::new([7; 32]), OrderKey::new([8; 32]));
    let bug = mutant.and_then(Mutant::bug);
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
            n_copies_told: 0,
            n_tokens: 0,
            confirmed: Vec::new(),
            lost: std::collections::BTreeSet::new(),
            n_died: 0,
            is_offline: false,
            is_deaf: false,
            tape: None,
            mutant,
            missing: None,
            violations: Vec::new(),
            n_acts: 0,
            n_unsure: 0,
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
                Action::Alarm(Alarm::StaleStore { .. }) => self.n_copies_told += 1,
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
            self.arrive(no, bytes);
        }
    }

    /// A message of the device reaches the server.
    fn arrive(&mut self, no: ConnectionNo, bytes: Vec<u8>) {
        self.now_us += 500;
        let bytes = match self.mutant {
            None => bytes,
            Some(mutant) => mutant.up(bytes),
        };
        let incoming = Incoming::read(&bytes, &Limits::DEFAULT);
        self.step(Event::Received { connection: no, incoming });
    }

    /// What the device has sent still arrives; nothing is heard any more.
    fn let_leave(&mut self) {
        while let (Some((_own, no)), Some(bytes)) = (self.wire, self.up.pop_front()) {
            self.arrive(no, bytes);
            self.settle_server();
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

    /// Connections that the device has made.
    pub(in crate::crash) const fn n_connections(&self) -> u64 {
        self.n_connections
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

    /// The photos that are whole on the server's disk.
    pub fn whole_photos(&self) -> Vec<[u8; 32]> {
        let rows = self.store.list::<server_core::schema::Blobs>(&ledger::key::KeyRange::all());
        rows.into_iter()
            .filter(|(_hash, row)| row.received == row.length)
            .map(|(hash, _row)| hash)
            .collect()
    }

    /// Whether the only key that the device has is the one in the server's book, and is not `old`.
    pub fn has_other_key(&self, device: DeviceId, old: &[u8]) -> bool {
        let known = self.store.row::<Devices>(&device).map(|row| row.public_key.to_vec());
        let own = self.folders.only_key().map(|key| key.to_vec());
        own.is_some() && own == known && own.as_deref() != Some(old)
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
