//! A hall, its devices and its server in one thread of virtual time.
//!
//! Everything is the real code but what it stands on: time, network, disks. An adversary cuts
//! links, delivers late and twice, kills and reboots, takes the power, lets clocks jump. The floor
//! keeps the physical truth; people report only what they did.
//!
//! The same seed plays the same world. After the adversary has had its time the world heals, and
//! everything must settle within a bound.

mod adversary;
pub mod check;
pub mod company;
pub mod device;
pub mod floor;
mod hands;
mod heard;
mod history;
pub mod money;
mod people;
mod screens;
mod serials;
pub mod server;
mod successes;

use std::collections::{BTreeMap, BTreeSet};

use device_core::engine::{Connection, Event as DeviceEvent};
use device_core::session::Timer;
use protocol::identity::OperationId;
use server_core::session::wire::ConnectionNo;

use crate::prng::Prng;
use device::DeviceHost;
use floor::Floor;
use screens::Seen;
use server::ServerHost;
pub use successes::{Progress, Successes};

/// When every world begins: microseconds of server time.
pub const BEGIN_US: i64 = 1_790_000_000_000_000;
const SECOND_US: i64 = 1_000_000;
const MINUTE_US: i64 = 60 * SECOND_US;
/// Within so long of the beginning of the shift everybody is at work.
const BEGINNING_US: i64 = 15 * SECOND_US;
/// Between two acts of the desk.
const DESK_US: i64 = 4 * MINUTE_US;

/// A deliberate bug. A simulation that does not notice it is worth nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// The server acknowledges before its disk has the operation.
    AckBeforeSync,
    /// An operation that comes twice is taken twice.
    NoDedupe,
    /// What a device had seen plays no part in the order.
    NoCausality,
    /// The order is that of the devices' wall clocks.
    RawClock,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::AckBeforeSync, Self::NoDedupe, Self::NoCausality, Self::RawClock];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AckBeforeSync => "ack-before-sync",
            Self::NoDedupe => "no-dedupe",
            Self::NoCausality => "no-causality",
            Self::RawClock => "raw-clock",
        }
    }

    /// Whether `violation` is what this bug does to the books, and not a sign of something else.
    pub fn shows_as(self, violation: &str) -> bool {
        let signs: &[&str] = match self {
            Self::AckBeforeSync => &["lost:"],
            Self::NoDedupe => &["doubled:"],
            Self::NoCausality | Self::RawClock => &["wrong book:", "bin wrong and not flagged:"],
        };
        signs.iter().any(|sign| violation.starts_with(sign))
    }

    /// The promise that it breaks.
    pub const fn promise(self) -> &'static str {
        match self {
            Self::AckBeforeSync => "a captured fact is never lost",
            Self::NoDedupe => "no fact posts twice",
            Self::NoCausality | Self::RawClock => "same facts, same books",
        }
    }
}

/// What a world is made of.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The seed of everything.
    pub seed: u64,
    /// Devices.
    pub n_devices: usize,
    /// Minutes of virtual time under the adversary.
    pub minutes: i64,
    /// Faults of the adversary in a hundred acts; 0 for fair weather.
    pub fault_percent: u64,
    /// Run every invariant after each durable decision, not only at the end.
    pub audit_each: bool,
    /// A bug to be noticed.
    pub bug: Option<Bug>,
}

impl Plan {
    /// A world in which the seed also chooses the faults and their rate.
    pub fn of_seed(seed: u64) -> Self {
        let mut prng = Prng::new(seed ^ 0x5EED);
        Self {
            seed,
            n_devices: 2 + usize::try_from(prng.below(3)).unwrap_or_default(),
            minutes: prng.between(30, 150),
            fault_percent: prng.below(12),
            audit_each: true,
            bug: None,
        }
    }
}

/// Something that will happen.
#[derive(Debug, Clone)]
pub enum Happening {
    /// A device's timer goes off.
    Timer(usize, Timer, u64),
    /// Something comes to a device over its network.
    Device(usize, DeviceEvent),
    /// A message arrives at the server.
    ToServer(ConnectionNo, Vec<u8>),
    /// A peer connects to the server.
    Opened(ConnectionNo),
    /// The server notices that a connection is gone.
    Closed(ConnectionNo),
    /// The server's disk has the oldest batch under way.
    Persisted(u64),
    /// The server looks at the time.
    Tick,
    /// The server has time to work.
    Work,
    /// The server loses its power.
    PowerCut,
    /// A device's store is gone; an old copy takes its place.
    Restore(usize),
    /// Somebody waits to see on the screen what another one did, to do something about it at once.
    Look(usize, Seen, OperationId, u32),
    /// The network of a device goes, and what is on its way.
    Cut(usize),
    /// A dead server comes back.
    ServerUp,
    /// A dead device comes back.
    DeviceUp(usize),
    /// A person does the next thing.
    Act(usize),
    /// Somebody has come back to work; another one is at work already.
    Meanwhile(usize),
    /// A device needs another battery.
    Battery(usize),
    /// The desk invoices or charges something.
    Desk,
    /// The supervisor looks at the workbench.
    Supervise,
    /// After the shift, somebody puts right what is left.
    Tidy(usize),
    /// A network comes back.
    LinkUp(usize),
}

/// Where a world stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Fair weather, nobody works.
    SetUp,
    /// The shift under the adversary.
    Shift,
    /// Nothing more goes wrong, nobody works.
    Healed,
}

/// A world.
pub struct World {
    /// What it is made of.
    pub plan: Plan,
    /// Server time, in microseconds.
    pub now_us: i64,
    queue: BTreeMap<(i64, u64), Happening>,
    n_queued: u64,
    /// The server.
    pub server: ServerHost,
    /// The devices.
    pub devices: Vec<DeviceHost>,
    /// The truth.
    pub floor: Floor,
    prng: Prng,
    next_connection: u64,
    phase: Phase,
    /// What happened.
    pub successes: Successes,
    /// The names of everything that a device confirmed, with the device's place.
    pub confirmed: Vec<(usize, OperationId)>,
    /// What an invariant had to say.
    pub violations: Vec<String>,
    heard: heard::Heard,
    desk: Prng,
    n_audits: u64,
    /// What each person still has to do.
    left: Vec<people::Left>,
    /// Bins and items of which the book was wrong for a while, because something was refused.
    doubts: BTreeSet<(&'static str, &'static str)>,
    /// Whether the operator has the right to claim.
    may_adjust: bool,
}

impl World {
    /// A world with its company set up and its devices enrolled.
    pub fn new(plan: Plan) -> Self {
        let mut prng = Prng::new(plan.seed);
        let server = ServerHost::new(BEGIN_US, plan.bug);
        let mut world = Self {
            now_us: BEGIN_US,
            queue: BTreeMap::new(),
            n_queued: 0,
            server,
            devices: Vec::new(),
            floor: Floor::opening(),
            prng: prng.fork(),
            next_connection: 1,
            phase: Phase::SetUp,
            successes: Successes::default(),
            confirmed: Vec::new(),
            violations: Vec::new(),
            heard: heard::Heard::opening(),
            desk: Prng::new(plan.seed ^ 0xDE5C),
            n_audits: 0,
            left: vec![people::Left::default(); plan.n_devices],
            doubts: BTreeSet::new(),
            may_adjust: true,
            plan,
        };
        let mut commands = company::commands(&world.floor, world.plan.n_devices);
        // Before the opening stock, which is worth something then.
        commands.insert(1, company::set_up(money::set_up().encode()));
        for command in commands {
            let actions = world.server.command(world.now_us, command);
            world.server_actions(actions);
        }
        world.run_until(world.now_us + 30 * SECOND_US, |_world| false);
        for place in 0..world.plan.n_devices {
            let host = DeviceHost::new(place, world.now_us, world.prng.fork());
            world.devices.push(host);
            let invitation = company::invitation(place);
            world.device_event(place, DeviceEvent::Enrol(invitation));
            world.device_event(place, DeviceEvent::NetworkUp);
        }
        let ready = |world: &Self| world.devices.iter().all(DeviceHost::is_ready);
        world.run_until(world.now_us + 20 * MINUTE_US, ready);
        assert!(
            ready(&world),
            "devices enrol and get their replica in fair weather: {} {:?} {:?}",
            world.what_waits(),
            world.violations,
            world.devices.iter().map(|device| &device.troubles).collect::<Vec<_>>()
        );
        world
    }

    fn later(&mut self, after_us: i64, happening: Happening) {
        self.n_queued += 1;
        self.queue.insert((self.now_us + after_us.max(0), self.n_queued), happening);
    }

    /// Plays until `until_us`, or until `done`.
    pub fn run_until(&mut self, until_us: i64, done: impl Fn(&Self) -> bool) {
        while !done(self) && self.violations.is_empty() {
            let Some(entry) = self.queue.first_entry() else { break };
            let (at_us, _n) = *entry.key();
            if at_us > until_us {
                break;
            }
            let happening = entry.remove();
            self.now_us = at_us;
            self.happen(happening);
        }
        self.now_us = self.now_us.max(until_us.min(self.now_us + 1));
    }

    /// The shift under the adversary, then healing, then the last checks.
    pub fn play(&mut self) {
        let end_us = self.now_us + self.plan.minutes * MINUTE_US;
        check::progress(self);
        self.phase = Phase::Shift;
        for place in 0..self.devices.len() {
            let after = self.prng.between(0, BEGINNING_US);
            self.later(after, Happening::Act(place));
            self.battery_lasts(place);
        }
        self.later(DESK_US, Happening::Desk);
        self.later(DESK_US, Happening::Supervise);
        self.run_until(end_us, |_world| false);
        self.now_us = self.now_us.max(end_us);
        check::progress(self);
        self.heal();
        let settled = |world: &Self| world.is_quiet();
        self.run_until(self.now_us + 60 * MINUTE_US, settled);
        if self.violations.is_empty() && !self.is_quiet() {
            self.violations.push(format!(
                "an hour after everything healed something still waits: {}",
                self.what_waits()
            ));
            return;
        }
        // Counts wait for the watermark, and that for the next word of every device.
        self.run_until(self.now_us + 10 * MINUTE_US, |_world| false);
        check::at_the_end(self);
    }

    fn heal(&mut self) {
        self.phase = Phase::Healed;
        for place in 0..self.devices.len() {
            self.later(0, Happening::LinkUp(place));
            self.later(0, Happening::DeviceUp(place));
            self.later(1, Happening::Tidy(place));
        }
        self.later(0, Happening::ServerUp);
    }

    fn is_quiet(&self) -> bool {
        self.server.is_up()
            && self.server.is_idle()
            && self.devices.iter().all(|device| device.is_up() && device.n_unanswered() == 0)
            && self.left.iter().all(people::Left::is_nothing)
    }

    fn what_waits(&self) -> String {
        let devices: Vec<String> = self
            .devices
            .iter()
            .map(|device| format!("{} unanswered, {}", device.n_unanswered(), device.link_text()))
            .collect();
        format!("server idle {}; devices: {}", self.server.is_idle(), devices.join("; "))
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Timer(place, timer, armed) => {
                if self.devices[place].is_armed(timer, armed) {
                    self.device_event(place, DeviceEvent::Timer(timer));
                }
            }
            Happening::Device(place, event) => self.device_event(place, event),
            Happening::ToServer(connection, bytes) => {
                let actions = self.server.received(self.now_us, connection, &bytes);
                self.server_actions(actions);
            }
            Happening::Opened(connection) => {
                let nonce = std::array::from_fn(|_n| self.prng.next_u64().to_le_bytes()[0]);
                let actions = self.server.opened(self.now_us, connection, nonce);
                self.server_actions(actions);
            }
            Happening::Closed(connection) => {
                let actions = self.server.closed(self.now_us, connection);
                self.server_actions(actions);
            }
            Happening::Persisted(generation) => {
                let actions = self.server.persisted(self.now_us, generation);
                self.server_actions(actions);
                check::after_decision(self);
            }
            Happening::Tick => {
                let actions = self.server.tick(self.now_us);
                self.server_actions(actions);
            }
            Happening::Work => {
                let actions = self.server.work(self.now_us);
                self.server_actions(actions);
            }
            Happening::PowerCut => self.power_cut(),
            Happening::Cut(place) => self.cut(place),
            Happening::Restore(place) => self.restore(place),
            Happening::Look(place, seen, of, tries) => self.look(place, seen, of, tries),
            Happening::ServerUp => self.server_up(),
            Happening::DeviceUp(place) => self.device_up(place),
            Happening::Act(place) => self.act(place),
            Happening::Meanwhile(place) => self.meanwhile(place),
            Happening::Battery(place) => self.change_battery(place),
            Happening::Desk => self.desk_act(),
            Happening::Supervise => self.supervise(),
            Happening::Tidy(place) => self.tidy(place),
            Happening::LinkUp(place) => {
                self.devices[place].link_up = true;
                self.device_event(place, DeviceEvent::NetworkUp);
            }
        }
    }

    fn device_event(&mut self, place: usize, event: DeviceEvent) {
        let actions = self.devices[place].handle(self.now_us, event);
        self.device_actions(place, actions);
    }

    fn device_actions(&mut self, place: usize, actions: Vec<device_core::engine::Action>) {
        use device_core::engine::Action;
        for action in actions {
            match action {
                Action::Connect(connection, _address) => self.connect(place, connection),
                Action::Close(connection) => {
                    if let Some(no) = self.devices[place].hang_up(connection) {
                        let after = self.devices[place].latency_us(&mut self.prng);
                        self.later(after, Happening::Closed(no));
                    }
                }
                Action::Send(connection, bytes) => self.send_up(place, connection, bytes),
                Action::Arm(timer, after_us) => {
                    let armed = self.devices[place].arm(timer);
                    let after = i64::try_from(after_us).unwrap_or(i64::MAX / 4);
                    self.later(after, Happening::Timer(place, timer, armed));
                }
                Action::Disarm(timer) => {
                    self.devices[place].arm(timer);
                }
                // Nobody gives orders in this world.
                Action::MakeKey | Action::KeepKey | Action::BeginWipe | Action::Wipe => {}
                Action::Tell(news) => self.devices[place].heard(&news),
            }
        }
    }

    fn connect(&mut self, place: usize, connection: Connection) {
        let after = self.devices[place].latency_us(&mut self.prng);
        if !self.devices[place].link_up || !self.server.is_up() {
            let event = DeviceEvent::Disconnected(connection);
            return self.later(after, Happening::Device(place, event));
        }
        let no = ConnectionNo(self.next_connection);
        self.next_connection += 1;
        let quick_from_us = self.now_us + self.first_answer_us(place);
        self.devices[place].connected(self.now_us, (connection, no), quick_from_us);
        self.server.connections.insert(no, (place, connection));
        self.successes.phases[self.phase as usize].connections += 1;
        self.later(after, Happening::Opened(no));
        let event = DeviceEvent::Connected(connection);
        self.later(after * 2, Happening::Device(place, event));
    }

    fn send_up(&mut self, place: usize, connection: Connection, bytes: Vec<u8>) {
        let Some(no) = self.devices[place].connection_no(connection) else { return };
        let at = self.devices[place].arrival_up(self.now_us, &mut self.prng);
        self.later(at - self.now_us, Happening::ToServer(no, bytes));
    }

    fn server_actions(&mut self, actions: Vec<server_core::machine::Action>) {
        for wish in self.server.carry_out(self.now_us, actions, &mut self.prng) {
            match wish {
                server::Wish::Later(after_us, happening) => {
                    if matches!(happening, Happening::Persisted(_)) {
                        self.maybe_cut_power_before(after_us);
                    }
                    self.later(after_us, happening);
                }
                server::Wish::Down(no, bytes) => self.send_down(no, bytes),
                server::Wish::HangUp(no) => {
                    if let Some((place, connection)) = self.server.connections.remove(&no) {
                        let at = self.devices[place].arrival_down(self.now_us, &mut self.prng);
                        self.devices[place].hang_up(connection);
                        let event = DeviceEvent::Disconnected(connection);
                        self.later(at - self.now_us, Happening::Device(place, event));
                    }
                }
            }
        }
    }

    fn send_down(&mut self, no: ConnectionNo, bytes: Vec<u8>) {
        let Some((place, connection)) = self.server.connections.get(&no).copied() else { return };
        if !self.devices[place].link_up {
            return;
        }
        let at = self.devices[place].arrival_down(self.now_us, &mut self.prng);
        let event = DeviceEvent::Frame(connection, bytes);
        self.later(at - self.now_us, Happening::Device(place, event));
    }

    fn server_up(&mut self) {
        let actions = self.server.start(self.now_us);
        self.server_actions(actions);
    }

    fn device_up(&mut self, place: usize) {
        if self.devices[place].is_up() {
            return;
        }
        let actions = self.devices[place].start(self.now_us);
        self.device_actions(place, actions);
        self.device_event(place, DeviceEvent::NetworkUp);
    }

    /// A person does something and records it, or the adversary does.
    fn act(&mut self, place: usize) {
        if self.phase != Phase::Shift {
            return;
        }
        if self.prng.chance(1, 30) {
            self.devices[place].take_image();
        }
        if self.prng.below(100) < self.plan.fault_percent {
            self.fault(place);
        } else if self.devices[place].is_up() {
            self.see_answers(place);
            self.do_something(place);
        }
        let after = self.prng.between(5 * SECOND_US, 2 * MINUTE_US);
        self.later(after, Happening::Act(place));
    }

    /// The desk learns what something cost, some time after it was handled.
    fn desk_act(&mut self) {
        if self.phase != Phase::Shift {
            return;
        }
        let command = money::next(self.server.store(), self.now_us, &mut self.desk);
        if let (true, Some(command)) = (self.server.is_up(), command) {
            let actions = self.server.command(self.now_us, company::set_up(command.encode()));
            self.server_actions(actions);
        }
        self.later(DESK_US, Happening::Desk);
    }

    /// A person records what was done.
    fn record(&mut self, place: usize, work: device_core::engine::Work) -> Option<OperationId> {
        let kind = work.body.kind();
        match self.devices[place].record(self.now_us, work) {
            Ok((name, actions)) => {
                self.confirm(place, name, kind);
                self.device_actions(place, actions);
                Some(name)
            }
            Err(error) => {
                self.violations.push(format!("a record failed: {error}"));
                None
            }
        }
    }

    /// A device has confirmed an operation.
    fn confirm(&mut self, place: usize, name: OperationId, kind: &str) {
        self.confirmed.push((place, name));
        self.successes.captured += 1;
        self.successes.captured_offline += u64::from(!self.devices[place].link_up);
        self.did(kind);
    }

    /// Something of a kind was done.
    fn did(&mut self, kind: &str) {
        self.successes.kinds.entry(kind.to_owned()).or_default()[self.phase as usize] += 1;
    }
}
