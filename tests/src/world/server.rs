//! The server of the world: the real machine over a store in memory.

use std::collections::BTreeMap;

use device_core::engine::Connection;
use ledger::conflict::first_outcome;
use ledger::draft::Changes;
use protocol::frame::Limits;
use protocol::identity::{Lsn, OperationId, ServerTime};
use server_core::intake::command::Command;
use server_core::ledger_judge::LedgerJudge;
use server_core::machine::{Action, Config, Event, Machine, Token};
use server_core::session::lease::LeaseSecret;
use server_core::session::order::OrderKey;
use server_core::session::wire::{ConnectionNo, Incoming};
use server_core::store::MemoryStore;

use super::{Bug, Happening};
use crate::prng::Prng;

/// What carrying out actions leads to.
#[derive(Debug)]
pub enum Wish {
    /// This will happen.
    Later(i64, Happening),
    /// A message goes to a device.
    Down(ConnectionNo, Vec<u8>),
    /// A connection is closed by the server.
    HangUp(ConnectionNo),
}

/// The server and what it stands on.
pub struct ServerHost {
    machine: Option<Machine>,
    store: MemoryStore,
    /// Who is behind each connection.
    pub connections: BTreeMap<ConnectionNo, (usize, Connection)>,
    generation: u64,
    work_queued: bool,
    tick_at_us: i64,
    n_commands: u64,
    /// Whether a decision has become durable since anybody looked.
    pub is_new: bool,
    /// What has become durable since everything was judged and audited last.
    pub changed: Changes,
    /// Whether the process has died since everything was audited last.
    pub has_crashed: bool,
    bug: Option<Bug>,
}

fn config(bug: Option<Bug>) -> Config {
    let mut config = Config::new(LeaseSecret::new([7; 32]), OrderKey::new([8; 32]));
    // The halls of `crash` keep them; here they would only be more bytes.
    config.keeps_snapshots = false;
    config.bug = bug.map(|bug| match bug {
        Bug::AckBeforeSync => server_core::machine::Bug::AckBeforeSync,
        Bug::NoDedupe => server_core::machine::Bug::NoDedupe,
        Bug::NoCausality => server_core::machine::Bug::NoCausality,
        Bug::RawClock => server_core::machine::Bug::RawClock,
    });
    config
}

impl ServerHost {
    /// A server over an empty store.
    pub fn new(now_us: i64, bug: Option<Bug>) -> Self {
        let store = MemoryStore::new();
        let machine = Machine::open(&store, config(bug), Box::new(LedgerJudge), ServerTime(now_us));
        Self {
            machine: Some(machine.expect("an empty store has no faults")),
            store,
            connections: BTreeMap::new(),
            generation: 0,
            work_queued: false,
            tick_at_us: i64::MAX,
            n_commands: 0,
            is_new: false,
            changed: Changes::new(),
            has_crashed: false,
            bug,
        }
    }

    /// Whether it runs.
    pub fn is_up(&self) -> bool {
        self.machine.is_some()
    }

    /// Whether it has nothing to write and nothing to judge.
    pub fn is_idle(&self) -> bool {
        self.machine
            .as_ref()
            .is_some_and(|machine| machine.n_batches_under_way() == 0 && !machine.wants_work())
    }

    /// The decision by which an operation was first answered.
    pub fn first_decided(&self, operation: OperationId) -> Option<Lsn> {
        first_outcome(&self.store, operation).map(|row| row.outcome.lsn)
    }

    /// The durable rows.
    pub fn store(&self) -> &MemoryStore {
        &self.store
    }

    fn step(&mut self, now_us: i64, event: Event) -> Vec<Action> {
        match &mut self.machine {
            None => Vec::new(),
            Some(machine) => machine.step(&self.store, ServerTime(now_us), event),
        }
    }

    /// A desk, an import or the system asks for something.
    pub fn command(&mut self, now_us: i64, command: Command) -> Vec<Action> {
        self.n_commands += 1;
        let token = Token(self.n_commands);
        self.step(now_us, Event::Command { token, command })
    }

    /// A peer connects.
    pub fn opened(
        &mut self,
        now_us: i64,
        connection: ConnectionNo,
        nonce: [u8; 32],
    ) -> Vec<Action> {
        if self.connections.contains_key(&connection) {
            self.step(now_us, Event::Opened { connection, nonce })
        } else {
            Vec::new()
        }
    }

    /// A message arrives, maybe of a connection that is long gone.
    pub fn received(&mut self, now_us: i64, connection: ConnectionNo, bytes: &[u8]) -> Vec<Action> {
        let incoming = Incoming::read(bytes, &Limits::DEFAULT);
        self.step(now_us, Event::Received { connection, incoming })
    }

    /// A connection is gone.
    pub fn closed(&mut self, now_us: i64, connection: ConnectionNo) -> Vec<Action> {
        self.connections.remove(&connection);
        self.step(now_us, Event::Closed { connection })
    }

    /// The disk has the oldest batch, unless the server has died since.
    pub fn persisted(&mut self, now_us: i64, generation: u64) -> Vec<Action> {
        if generation != self.generation {
            return Vec::new();
        }
        if let Some(batch) = self.store.next_under_way() {
            self.changed.extend((*batch.changes).clone());
        }
        match self.store.complete_next() {
            None => Vec::new(),
            Some(batch) => {
                self.is_new = true;
                self.step(now_us, Event::Persisted { batch })
            }
        }
    }

    /// Time passes.
    pub fn tick(&mut self, now_us: i64) -> Vec<Action> {
        if now_us < self.tick_at_us {
            return Vec::new();
        }
        self.tick_at_us = i64::MAX;
        self.step(now_us, Event::Tick)
    }

    /// There is time to work.
    pub fn work(&mut self, now_us: i64) -> Vec<Action> {
        self.work_queued = false;
        if self.machine.as_ref().is_some_and(Machine::wants_work) {
            self.step(now_us, Event::Work)
        } else {
            Vec::new()
        }
    }

    /// The process dies; of the batches under way the disk has the first `kept`. Gives the devices
    /// that were connected.
    pub fn crash(&mut self, kept: usize) -> Vec<(usize, Connection)> {
        self.machine = None;
        self.has_crashed = true;
        self.generation += 1;
        self.work_queued = false;
        self.tick_at_us = i64::MAX;
        self.store.power_cut(kept.min(self.store.n_under_way()));
        std::mem::take(&mut self.connections).into_values().collect()
    }

    /// The process starts over what the disk holds.
    pub fn start(&mut self, now_us: i64) -> Vec<Action> {
        if self.machine.is_some() {
            return Vec::new();
        }
        let machine =
            Machine::open(&self.store, config(self.bug), Box::new(LedgerJudge), ServerTime(now_us));
        self.machine = Some(machine.expect("a store that lost only its end has no faults"));
        self.step(now_us, Event::Tick)
    }

    /// Carries out what the machine wants.
    pub fn carry_out(&mut self, now_us: i64, actions: Vec<Action>, prng: &mut Prng) -> Vec<Wish> {
        let mut wishes = Vec::new();
        for action in actions {
            match action {
                Action::Persist(batch) => {
                    self.store.begin(batch);
                    let after = prng.between(200, 8_000);
                    wishes.push(Wish::Later(after, Happening::Persisted(self.generation)));
                }
                Action::Send { connection, message, compression } => {
                    wishes.push(Wish::Down(connection, message.bytes(compression).to_vec()));
                    let sent = self.step(now_us, Event::Sent { connection });
                    wishes.extend(self.carry_out(now_us, sent, prng));
                }
                Action::Close { connection } => wishes.push(Wish::HangUp(connection)),
                Action::Authenticated { .. }
                | Action::CommandTaken { .. }
                | Action::CommandJudged { .. }
                | Action::CommandDiffers { .. }
                | Action::CommandNoRoom { .. }
                | Action::HeadMoved { .. }
                | Action::Alarm(_) => {}
            }
        }
        self.queue_next(now_us, &mut wishes);
        wishes
    }

    fn queue_next(&mut self, now_us: i64, wishes: &mut Vec<Wish>) {
        let Some(machine) = &self.machine else { return };
        if machine.wants_work() && !self.work_queued {
            self.work_queued = true;
            wishes.push(Wish::Later(100, Happening::Work));
        }
        let wake_us = machine.wake_at().0;
        if wake_us < self.tick_at_us {
            self.tick_at_us = wake_us;
            wishes.push(Wish::Later(wake_us - now_us, Happening::Tick));
        }
    }
}
