//! A device of the world: the real core over disks and stores in memory.

use std::collections::BTreeMap;

use device_core::engine::{
    Action, Config, Connection, DeviceCore, Event, Moment, News, Opening, Parts, RecordError,
    SignInError, SignInWith, UndoError, Work,
};
use device_core::key::DeviceKey;
use device_core::recorder::{Cut, Disk, MemoryDisk};
use device_core::session::Timer;
use device_core::store::MemoryStore;
use protocol::identity::{Lsn, OperationId};
use protocol::operation::Body;
use protocol::outcome::Decision;
use server_core::session::wire::ConnectionNo;

use super::company::{OPERATOR, PIN, word};
use crate::prng::Prng;

/// Microseconds of an hour: a third of the wall clocks are off by up to so much.
const HOUR_US: i64 = 3_600_000_000;
/// For how long after a first connection the clock of a boot is known by little more than that
/// connection: until a heartbeat or two have been answered.
const BARELY_KNOWN_US: i64 = 30_000_000;

/// A device and what it stands on.
pub struct DeviceHost {
    place: usize,
    core: Option<DeviceCore>,
    recorder: MemoryDisk,
    state: MemoryDisk,
    queue: MemoryStore,
    replica: MemoryStore,
    blobs: MemoryDisk,
    prng: Prng,
    /// Server time at which the running boot began.
    boot_began_us: i64,
    n_boots: u64,
    /// When it first reached for the server in the running boot.
    reached_out_us: Option<i64>,
    drift_ppm: i64,
    /// How far the wall clock is off.
    pub wall_jump_us: i64,
    /// Whether there is a network.
    pub link_up: bool,
    connection: Option<(Connection, ConnectionNo)>,
    timers: BTreeMap<Timer, u64>,
    n_armed: u64,
    base_latency_us: i64,
    last_up_us: i64,
    last_down_us: i64,
    /// What it said that a person has to look at.
    pub troubles: Vec<String>,
    image: Option<Image>,
    answers: Vec<Answer>,
}

/// What came of recording something.
pub type Done<E> = Result<(OperationId, Vec<Action>), E>;

/// What it was told of one of its operations.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// The operation. A store from an old copy uses numbers twice: the name alone does not say which act
    /// is meant.
    pub operation: OperationId,
    /// What was decided.
    pub decision: Decision,
    /// When it was done, as the server knows it.
    pub tau_us: i64,
    /// Half the width of what is known of that, and a second.
    pub reach_us: i64,
}

impl Answer {
    /// Whether it may be about what was done at `at_us`.
    pub fn is_of(&self, at_us: i64) -> bool {
        (self.tau_us - at_us).abs() <= self.reach_us
    }
}

/// A copy of everything that a device keeps, as a backup of its platform takes it.
struct Image {
    recorder: MemoryDisk,
    state: MemoryDisk,
    queue: MemoryStore,
    replica: MemoryStore,
}

impl DeviceHost {
    /// A device that was never enrolled, switched on a while ago.
    pub fn new(place: usize, now_us: i64, mut prng: Prng) -> Self {
        let mut host = Self {
            place,
            core: None,
            recorder: MemoryDisk::new(),
            state: MemoryDisk::new(),
            queue: MemoryStore::new(),
            replica: MemoryStore::new(),
            blobs: MemoryDisk::new(),
            boot_began_us: now_us - prng.between(0, 3_600_000_000),
            n_boots: 1,
            reached_out_us: None,
            drift_ppm: prng.between(-20, 20),
            wall_jump_us: if prng.chance(1, 3) { prng.between(-HOUR_US, HOUR_US) } else { 0 },
            link_up: true,
            connection: None,
            timers: BTreeMap::new(),
            n_armed: 0,
            base_latency_us: prng.between(2_000, 150_000),
            last_up_us: 0,
            last_down_us: 0,
            troubles: Vec::new(),
            image: None,
            answers: Vec::new(),
            prng,
        };
        host.start(now_us);
        host
    }

    fn mono_us(&self, now_us: i64) -> u64 {
        let since = now_us - self.boot_began_us;
        let drift = i128::from(since) * i128::from(self.drift_ppm) / 1_000_000;
        u64::try_from(i128::from(since) + drift).unwrap_or_default()
    }

    fn moment(&mut self, now_us: i64) -> Moment {
        let jitter = u32::try_from(self.prng.below(1 << 32)).expect("below 2^32");
        Moment { mono_us: self.mono_us(now_us), jitter }
    }

    /// Opens the core over what the disks hold.
    pub fn start(&mut self, now_us: i64) -> Vec<Action> {
        let disk = self.recorder.clone();
        let place = u8::try_from(self.place).expect("few devices");
        let parts = Parts {
            recorder_disk: Box::new(move || Ok(Box::new(disk.clone()) as Box<dyn Disk>)),
            state_disk: Box::new(self.state.clone()),
            queue: Box::new(self.queue.clone()),
            replica: Box::new(self.replica.clone()),
            blob_disk: Box::new(self.blobs.clone()),
            key: DeviceKey::from_secret([place + 1; 32]),
            store_name: [place + 1; 16],
        };
        let opening = Opening {
            boot_id: format!("boot-{}-{}", self.place, self.n_boots),
            mono_us: self.mono_us(now_us),
            wall_us: Some(now_us + self.wall_jump_us),
        };
        let mut config = Config { name: format!("H-{}", self.place), ..Config::default() };
        config.recorder.segment_bytes = device_core::recorder::Options::SEGMENT_BYTES_MIN;
        config.recorder.ballast_bytes = 0;
        let opened = DeviceCore::open(config, parts, opening).expect("disks in memory open");
        self.core = Some(opened.core);
        for news in &opened.news {
            self.heard(news);
        }
        self.take_news()
    }

    fn take_news(&mut self) -> Vec<Action> {
        self.core.as_mut().map(DeviceCore::take_news).unwrap_or_default()
    }

    /// Whether its process runs.
    pub fn is_up(&self) -> bool {
        self.core.is_some()
    }

    /// The core of a running device.
    pub fn core(&self) -> Option<&DeviceCore> {
        self.core.as_ref()
    }

    /// Whether it is enrolled and can be worked with.
    pub fn is_ready(&self) -> bool {
        self.core.as_ref().is_some_and(|core| {
            let status = core.status(0);
            status.identity.is_some() && status.is_ready
        })
    }

    /// Operations without an outcome.
    pub fn n_unanswered(&self) -> usize {
        self.core.as_ref().map_or(usize::MAX, |core| core.status(0).n_unanswered)
    }

    /// The state of its link, for messages.
    pub fn link_text(&self) -> String {
        self.core
            .as_ref()
            .map_or_else(|| "down".to_owned(), |core| format!("{:?}", core.status(0).link))
    }

    /// Something happens to it; nothing happens to a dead one.
    pub fn handle(&mut self, now_us: i64, event: Event) -> Vec<Action> {
        if let Event::Disconnected(connection) = &event
            && self.connection.is_some_and(|(current, _no)| current == *connection)
        {
            self.connection = None;
        }
        let moment = self.moment(now_us);
        match &mut self.core {
            None => Vec::new(),
            Some(core) => core.handle(moment, event),
        }
    }

    /// A person records something.
    ///
    /// # Errors
    ///
    /// What the device says.
    pub fn record(&mut self, now_us: i64, mut work: Work) -> Done<RecordError> {
        let moment = self.moment(now_us);
        if let Body::CountBin(count) = &mut work.body {
            for line in &mut count.lines {
                line.mono_us = moment.mono_us;
            }
        }
        let core = self.core.as_mut().expect("only a running device is asked");
        core.record(moment, &work)
    }

    /// A person takes an operation back.
    ///
    /// # Errors
    ///
    /// What the device says.
    pub fn undo(&mut self, now_us: i64, name: OperationId) -> Done<UndoError> {
        let moment = self.moment(now_us);
        self.core.as_mut().expect("only a running device is asked").undo(moment, name)
    }

    /// The person signs in, where nobody has: none where somebody had.
    pub fn sign_in(&mut self, now_us: i64) -> Option<Done<SignInError>> {
        let moment = self.moment(now_us);
        let core = self.core.as_mut().expect("only a running device is asked");
        if core.operator().is_some() {
            return None;
        }
        let with = SignInWith::Name(word(OPERATOR));
        Some(core.sign_in(moment, &with, PIN).map(|(_row, actions)| {
            let name = actions.iter().find_map(|action| match action {
                Action::Tell(News::Recorded(name)) => Some(*name),
                _ => None,
            });
            (name.expect("signing in is recorded"), actions)
        }))
    }

    /// The outcomes that it was told of since somebody looked.
    pub fn take_answers(&mut self) -> Vec<Answer> {
        std::mem::take(&mut self.answers)
    }

    /// Its process dies.
    pub fn kill(&mut self) {
        self.core = None;
        self.connection = None;
        self.timers.clear();
    }

    /// It is switched off and on: the stores were synced, the clock begins anew.
    pub fn reboot(&mut self, now_us: i64, prng: &mut Prng) {
        let moment = self.moment(now_us);
        if let Some(core) = &mut self.core {
            core.handle(moment, Event::Suspend);
        }
        self.kill();
        self.next_boot(now_us, prng);
    }

    /// The power goes: what was not synced may be gone, or half there.
    pub fn lose_power(&mut self, now_us: i64, prng: &mut Prng) {
        self.kill();
        let cut = |prng: &mut Prng| match prng.below(3) {
            0 => Cut::DropUnsynced,
            1 => Cut::KeepUnsynced,
            _ => Cut::Torn { seed: prng.next_u64() },
        };
        self.recorder.cut_power(cut(prng));
        self.state.cut_power(cut(prng));
        self.blobs.cut_power(cut(prng));
        for store in [&self.queue, &self.replica] {
            let kept = prng.below(u64::try_from(store.n_unsynced()).unwrap_or(0) + 1);
            store.cut_power(usize::try_from(kept).unwrap_or_default());
        }
        self.next_boot(now_us, prng);
    }

    /// A backup of the platform copies all that it keeps.
    pub fn take_image(&mut self) {
        self.image = Some(Image {
            recorder: self.recorder.image(),
            state: self.state.image(),
            queue: self.queue.image(),
            replica: self.replica.image(),
        });
    }

    /// Everything that it keeps is gone, and what the last backup copied takes its place. Only
    /// where it holds nothing that the server has not acknowledged: nobody can bring that back. Says
    /// whether that was so.
    pub fn restore_image(&mut self, now_us: i64, prng: &mut Prng) -> bool {
        let holds_nothing = self.core.as_ref().is_some_and(|core| core.n_unsent() == 0);
        let Some(image) = self.image.as_ref().filter(|_image| holds_nothing) else { return false };
        self.recorder = image.recorder.image();
        self.state = image.state.image();
        self.queue = image.queue.image();
        self.replica = image.replica.image();
        self.kill();
        self.next_boot(now_us, prng);
        true
    }

    fn next_boot(&mut self, now_us: i64, prng: &mut Prng) {
        self.n_boots += 1;
        self.reached_out_us = None;
        self.boot_began_us = now_us + prng.between(1, 900_000);
    }

    /// The connection that it has.
    pub fn current(&self) -> Option<(Connection, ConnectionNo)> {
        self.connection
    }

    /// It begins a connection, whose answers may be slow at first. Says whether it is the first one since
    /// it was switched on.
    pub fn connected(
        &mut self,
        now_us: i64,
        (connection, no): (Connection, ConnectionNo),
        quick_from_us: i64,
    ) {
        self.connection = Some((connection, no));
        self.reached_out_us.get_or_insert(now_us);
        self.last_up_us = 0;
        self.last_down_us = quick_from_us;
    }

    /// The last decision of the server that its person can have seen.
    pub fn cursor(&self) -> Option<Lsn> {
        self.core.as_ref().map(|core| core.status(0).cursor)
    }

    /// Whether it has had a connection in the running boot.
    pub fn has_reached_out(&self) -> bool {
        self.reached_out_us.is_some()
    }

    /// Whether its person has just switched it on: the server has heard little of its clock yet.
    pub fn is_barely_known(&self, now_us: i64) -> bool {
        self.reached_out_us.is_some_and(|since_us| now_us - since_us < BARELY_KNOWN_US)
    }

    /// The server's number of its connection.
    pub fn connection_no(&self, connection: Connection) -> Option<ConnectionNo> {
        self.connection.filter(|(current, _no)| *current == connection).map(|(_current, no)| no)
    }

    /// Forgets a connection; gives the server's number of it.
    pub fn hang_up(&mut self, connection: Connection) -> Option<ConnectionNo> {
        let no = self.connection_no(connection)?;
        self.connection = None;
        Some(no)
    }

    /// Arms a timer anew and gives the number that its going off must carry.
    pub fn arm(&mut self, timer: Timer) -> u64 {
        self.n_armed += 1;
        self.timers.insert(timer, self.n_armed);
        self.n_armed
    }

    /// Whether the timer was not armed anew since.
    pub fn is_armed(&self, timer: Timer, armed: u64) -> bool {
        self.timers.get(&timer) == Some(&armed)
    }

    /// How long a message takes now.
    pub fn latency_us(&self, prng: &mut Prng) -> i64 {
        let slow = if prng.chance(1, 40) { prng.between(0, 4_000_000) } else { 0 };
        self.base_latency_us + prng.between(0, 50_000) + slow
    }

    /// What is sent before `until_us` hangs in the network until then.
    pub fn clog_up(&mut self, until_us: i64) {
        self.last_up_us = self.last_up_us.max(until_us);
    }

    /// When a message sent now arrives at the server: never before the one sent before it.
    pub fn arrival_up(&mut self, now_us: i64, prng: &mut Prng) -> i64 {
        self.last_up_us = (now_us + self.latency_us(prng)).max(self.last_up_us + 1);
        self.last_up_us
    }

    /// When a message of the server sent now arrives here.
    pub fn arrival_down(&mut self, now_us: i64, prng: &mut Prng) -> i64 {
        self.last_down_us = (now_us + self.latency_us(prng)).max(self.last_down_us + 1);
        self.last_down_us
    }

    /// Takes note of what it tells.
    pub fn heard(&mut self, news: &News) {
        match news {
            News::Trouble(text) => self.troubles.push(text.clone()),
            News::RecorderStopped(why) => self.troubles.push(format!("recorder: {why}")),
            News::Outcomes(outcomes) => {
                self.answers.extend(outcomes.iter().map(|outcome| Answer {
                    operation: outcome.operation,
                    decision: outcome.decision,
                    tau_us: outcome.tau.0,
                    reach_us: i64::try_from(outcome.epsilon_us).unwrap_or(i64::MAX / 4) + 1_000_000,
                }));
            }
            News::OperationsLost(n) => self.troubles.push(format!("{n} operations lost")),
            _ => {}
        }
    }
}
