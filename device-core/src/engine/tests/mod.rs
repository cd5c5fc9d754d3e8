//! The device against a small server: one thread, virtual time, power cuts.

mod beside;
mod broken;
mod cases;
mod generations;
mod groups;
mod liveness;
mod orders;
mod people;
mod random;
pub(crate) mod server;
mod storage;

use std::collections::{BTreeMap, VecDeque};

use protocol::enrolment::Invitation;
use protocol::identity::{OperationId, ServerTime};
use protocol::operation::Body;

use super::*;
use crate::key::DeviceKey;
use crate::recorder::{Cut, MemoryDisk, Options};
use crate::sample::*;
use crate::session::LinkState;
use crate::store::MemoryStore;
use server::{Server, site};

/// What survives a power cut: the folders of a device.
#[derive(Debug, Clone)]
struct Folders {
    recorder: MemoryDisk,
    state: MemoryDisk,
    queue: MemoryStore,
    replica: MemoryStore,
    blobs: MemoryDisk,
}

impl Folders {
    fn new() -> Self {
        Self {
            recorder: MemoryDisk::new(),
            state: MemoryDisk::new(),
            queue: MemoryStore::new(),
            replica: MemoryStore::new(),
            blobs: MemoryDisk::new(),
        }
    }

    fn image(&self) -> Self {
        Self {
            recorder: self.recorder.image(),
            state: self.state.image(),
            queue: self.queue.image(),
            replica: self.replica.image(),
            blobs: self.blobs.image(),
        }
    }
}

fn config() -> Config {
    Config {
        recorder: Options {
            segment_bytes: 16 << 10,
            ballast_bytes: 40 << 10,
            ..Options::default()
        },
        ..Config::default()
    }
}

/// A device with a wire to a server.
struct World {
    folders: Folders,
    core: DeviceCore,
    server: Server,
    now_us: u64,
    boot: u32,
    timers: BTreeMap<Timer, u64>,
    connection: Option<Connection>,
    up: VecDeque<Vec<u8>>,
    down: VecDeque<Vec<u8>>,
    news: Vec<News>,
    /// No connection comes about.
    is_offline: bool,
    /// Timers that never ring.
    deaf_to: Vec<Timer>,
    recorded: Vec<(OperationId, Body)>,
    jitter: u32,
    /// It was told to delete everything.
    is_wiped: bool,
    /// A new key took the place of the old one.
    kept_key: bool,
}

fn open(folders: &Folders, boot: u32, mono_us: u64) -> Opened {
    try_to_open(folders, boot, mono_us).unwrap()
}

fn try_to_open(folders: &Folders, boot: u32, mono_us: u64) -> Result<Opened, OpenError> {
    let recorder = folders.recorder.clone();
    let parts = Parts {
        recorder_disk: Box::new(move || Ok(Box::new(recorder.clone()))),
        state_disk: Box::new(folders.state.clone()),
        queue: Box::new(folders.queue.clone()),
        replica: Box::new(folders.replica.clone()),
        blob_disk: Box::new(folders.blobs.clone()),
        key: DeviceKey::from_secret([3; 32]),
        store_name: [4; 16],
    };
    let opening = Opening { boot_id: format!("boot {boot}"), mono_us, wall_us: None };
    DeviceCore::open(config(), parts, opening)
}

pub(crate) fn invitation() -> Invitation {
    Invitation {
        url: "http://127.0.0.1:1".to_owned(),
        server: [0; 16],
        pin: None,
        code: [9; 16],
        site: site(),
        expires: ServerTime(0),
    }
}

impl World {
    fn new() -> Self {
        let folders = Folders::new();
        let core = open(&folders, 1, 1_000).core;
        let mut world = Self {
            folders,
            core,
            server: Server::new(),
            now_us: 1_000,
            boot: 1,
            timers: BTreeMap::new(),
            connection: None,
            up: VecDeque::new(),
            down: VecDeque::new(),
            news: Vec::new(),
            is_offline: false,
            deaf_to: Vec::new(),
            recorded: Vec::new(),
            jitter: 1 << 31,
            is_wiped: false,
            kept_key: false,
        };
        world.event(Event::NetworkUp);
        world
    }

    /// A device that is enrolled, online and up to date.
    fn online() -> Self {
        let mut world = Self::new();
        world.event(Event::Enrol(invitation()));
        world.settle();
        assert_eq!(world.core.session().state().link(), LinkState::Online);
        world
    }

    fn at(&self) -> Moment {
        Moment { mono_us: self.now_us, jitter: self.jitter }
    }

    fn event(&mut self, event: Event) {
        let actions = self.core.handle(self.at(), event);
        self.act(actions);
    }

    fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Connect(connection, _) => self.connect(connection),
                Action::Close(connection) => {
                    if self.connection == Some(connection) {
                        self.drop_wire();
                    }
                }
                Action::Send(connection, bytes) => {
                    if self.connection == Some(connection) {
                        self.up.push_back(bytes);
                    }
                }
                Action::Arm(timer, after_us) => {
                    self.timers.insert(timer, self.now_us + after_us);
                }
                Action::Disarm(timer) => {
                    self.timers.remove(&timer);
                }
                Action::MakeKey | Action::BeginWipe => {}
                Action::KeepKey => self.kept_key = true,
                Action::Wipe => self.is_wiped = true,
                Action::Tell(news) => self.news.push(news),
            }
        }
    }

    fn connect(&mut self, connection: Connection) {
        if self.is_offline {
            self.event(Event::Disconnected(connection));
            return;
        }
        self.connection = Some(connection);
        self.server.connected();
        self.event(Event::Connected(connection));
    }

    fn drop_wire(&mut self) {
        self.connection = None;
        self.up.clear();
        self.down.clear();
    }

    /// The connection breaks; what was on the wire is lost.
    fn cut_wire(&mut self) {
        if let Some(connection) = self.connection {
            self.drop_wire();
            self.event(Event::Disconnected(connection));
        }
    }

    fn deliver_up(&mut self) -> bool {
        let Some(bytes) = self.up.pop_front() else { return false };
        self.server.now_us += 500;
        let answers = self.server.message(&bytes);
        self.down.extend(answers);
        true
    }

    fn deliver_down(&mut self) -> bool {
        let (Some(connection), Some(bytes)) = (self.connection, self.down.pop_front()) else {
            return false;
        };
        self.now_us += 500;
        self.event(Event::Frame(connection, bytes));
        true
    }

    fn post(&mut self) -> bool {
        let did = self.server.post();
        self.feed();
        did
    }

    fn feed(&mut self) {
        if self.connection.is_some() {
            let frames = self.server.feed_bytes();
            self.down.extend(frames);
        }
    }

    /// The next timer rings, after the time until then; says whether there was one.
    fn ring(&mut self) -> bool {
        let armed = self.timers.iter().filter(|(timer, _)| !self.deaf_to.contains(timer));
        let Some((timer, at)) = armed.map(|(t, at)| (*t, *at)).min_by_key(|(_, at)| *at) else {
            return false;
        };
        self.timers.remove(&timer);
        let passed = at.saturating_sub(self.now_us);
        self.now_us += passed;
        self.server.now_us += i64::try_from(passed).unwrap();
        self.event(Event::Timer(timer));
        true
    }

    /// Everything on the wire arrives, everything is posted.
    fn exchange(&mut self) {
        loop {
            let moved = self.deliver_up() | self.deliver_down();
            if !moved && !self.post() {
                self.feed();
                if self.down.is_empty() && self.up.is_empty() {
                    return;
                }
            }
        }
    }

    /// Lets time pass until everything is sent, judged and known.
    fn settle(&mut self) {
        for _ in 0..200 {
            self.exchange();
            if self.is_settled() {
                return;
            }
            assert!(self.ring(), "nothing is armed, and there is something to do");
        }
        panic!("not settled: {:?}", self.core.status(self.now_us));
    }

    fn is_settled(&self) -> bool {
        let status = self.core.status(self.now_us);
        status.link == LinkState::Online
            && status.n_unsent == 0
            && status.n_unanswered == 0
            && self.core.replica().cursor() == self.server.book.log.last().unwrap().lsn
    }

    fn record(&mut self, body: &Body) -> OperationId {
        let work = Work { body: body.clone(), document: None };
        let (name, actions) = self.core.record(self.at(), &work).unwrap();
        self.recorded.push((name, body.clone()));
        self.act(actions);
        name
    }

    /// The process ends and begins again within the same boot.
    fn restart(&mut self) {
        self.drop_wire();
        self.timers.clear();
        self.now_us += 1_000;
        let opened = open(&self.folders, self.boot, self.now_us);
        self.core = opened.core;
        self.news.extend(opened.news);
        self.event(Event::NetworkUp);
    }

    /// The power goes: every store keeps what it had synced, and so many batches more.
    fn cut_power(&mut self, n_queue: usize, n_replica: usize) {
        self.drop_wire();
        self.timers.clear();
        self.folders.recorder.cut_power(Cut::DropUnsynced);
        self.folders.state.cut_power(Cut::DropUnsynced);
        self.folders.blobs.cut_power(Cut::DropUnsynced);
        self.folders.queue.cut_power(n_queue);
        self.folders.replica.cut_power(n_replica);
        self.boot += 1;
        self.now_us = 1_000;
        let opened = open(&self.folders, self.boot, self.now_us);
        self.core = opened.core;
        self.news.extend(opened.news);
        self.event(Event::NetworkUp);
    }

    /// What the screen shows for a bin, all items together.
    fn shown(&self, code: &str) -> i64 {
        let fold = self.core.fold();
        let lines = fold.stock_in_bin(&main_location(), Some(&bin(code)), 999).unwrap();
        lines.iter().map(|line| whole(line.quantity.unwrap())).sum()
    }

    fn booked(&self, code: &str) -> i64 {
        use crate::view::Spot;
        let here = |spot: &Spot| *spot == Spot::Loose(Some(bin(code)));
        let stock = self.server.book.stock.iter().filter(|(key, _)| here(&key.spot));
        stock.map(|(_, units)| whole(*units)).sum()
    }
}

fn whole(quantity: protocol::quantity::Quantity) -> i64 {
    i64::try_from(quantity.units() / 100_000).unwrap()
}
