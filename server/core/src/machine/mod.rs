//! The machine: everything of the server that is not socket, disk, clock or page, as one step
//! function.
//!
//! # The contract
//!
//! [`Machine::step`] takes what happened and answers with what to do. It never blocks, never reads
//! a clock, draws no random bytes, starts no thread. The skin (or a simulated world) drives it from
//! one thread:
//!
//! 1. **Time** comes with each event. It may stand still or step back; the machine's own time only
//!    rises. [`Machine::wake_at`] says when [`Event::Tick`] is wanted at the latest.
//! 2. **Writes** leave as [`Action::Persist`]. Each batch is made durable whole or not at all, in
//!    the order of the numbers; then [`Event::Persisted`] names the last one. At most one batch is
//!    under way; the machine goes on meanwhile and reads its own writes. What must not be said
//!    before a write is durable is said only after `Persisted`: every ACK, WELCOME and outcome.
//! 3. **Reads** go through the [`Store`] given with each step: it shows every batch that was
//!    reported, and may already show the one under way. A [`Cut`] shows whole batches only, and the
//!    machine keeps one for what it sends.
//! 4. **A failed write ends the machine**: nobody knows then what the disk holds. Drop it, close all
//!    connections, open the store again, and open a new machine over it.
//! 5. **Connections** are numbered by the skin. [`Event::Opened`] brings 32 random bytes. A message
//!    is read by [`Incoming::read`] in the connection's own task; the skin drops whatever is larger
//!    than [`Limits::UNAUTHENTICATED_BYTES_MAX`] until [`Action::Authenticated`]. For each
//!    [`Action::Send`] that was written to the socket there is one [`Event::Sent`]: it is what
//!    lets the next part of a feed go, so a slow reader costs no memory. After [`Action::Close`] the
//!    skin writes what it was given before, closes, and reports [`Event::Closed`]; nothing more is
//!    sent.
//! 6. **Work** that may wait (judging, snapshots, dropping old feed) is done in slices by
//!    [`Event::Work`], wanted while [`Machine::wants_work`]. Persist first, then work: while one
//!    batch is synced the next is judged.
//! 7. **Commands** of desks and imports enter by [`Event::Command`] and are answered twice:
//!    [`Action::CommandTaken`] when durable, [`Action::CommandJudged`] when the decision is durable;
//!    the outcome is in the tables then.
//!
//! Everything that decides anything is in the tables; a machine that is dropped and opened again
//! goes on where the store is. What it keeps in memory are conversations and caches.

mod alarms;
mod bug;
pub(crate) mod core;
mod event;
mod housekeeping;
mod pipeline;

pub use bug::Bug;
pub use event::{Action, Alarm, Event, Token};

use std::collections::{BTreeMap, BTreeSet};

use ledger::schema::SiteId;
use ledger::schema::book::{Change, ChangesTable, Head, Intake, Intakes};
use ledger::tables::Read as _;
use protocol::frame::{Frame, Limits};
use protocol::identity::{DeviceId, IntakeNo, Lsn, ServerTime};

use self::core::{After, Core};
use crate::check::{Checks, Ready, ReplicaHealth};
use crate::feed::ALL_SITES;
use crate::feed::ring::Rings;
use crate::identity::command::MachineCommand;
use crate::poster::change;
use crate::poster::judge::{Judge, Poison, Request};
use crate::poster::rebuild::BookFault;
use crate::poster::{Decided, GroupLimit};
use crate::session::budget::Allowance;
use crate::session::lease::LeaseSecret;
use crate::session::order::OrderKey;
use crate::session::wire::{ConnectionNo, Incoming};
use crate::session::{self, Session};
use crate::snapshot::Snapshots;
use crate::store::{Cut, Store};

/// Records whose chain is checked when a machine is opened; `verify` checks the rest.
const CHECKED_AT_OPEN: u64 = 1_000;
/// Decisions of one slice of work.
const DECISIONS_PER_SLICE: usize = 64;
/// Decisions of one batch.
const DECISIONS_PER_BATCH: usize = 256;
/// Devices that are told in one step what others did: what arrives meanwhile does not wait for all.
const FEEDS_PER_STEP: usize = 64;

/// What a machine is told once.
#[derive(Debug, Clone)]
pub struct Config {
    /// The secret behind the leases: 32 random bytes, kept as long as the store.
    pub lease_secret: LeaseSecret,
    /// The key that orders to devices are signed with: as long as the store.
    pub order_key: OrderKey,
    /// The limits that devices are told.
    pub limits: Limits,
    /// Milliseconds between heartbeats of a device in use.
    pub heartbeat_ms: u32,
    /// A connection that was silent for longer is closed, in microseconds.
    pub silence_max_us: u64,
    /// A device that waits for no outcome of its own gets at most one DELTA in so many microseconds.
    pub feed_interval_us: u64,
    /// The feed of a decision is kept for so many microseconds.
    pub feed_kept_us: u64,
    /// Watermarks are looked at once in so many microseconds.
    pub settle_interval_us: u64,
    /// People may sign in on devices without the server for so many microseconds.
    pub sign_in_offline_us: u64,
    /// A replica is compared with what it should be once in so many microseconds.
    pub check_interval_us: u64,
    /// Bytes of operations and photos, of all devices, that may wait for the disk.
    pub bytes_waiting_max: usize,
    /// How much one device may send.
    pub allowance: Allowance,
    /// Whether snapshots are in the store too, so that they outlive the process.
    pub keeps_snapshots: bool,
    /// Rows of a snapshot that are read in one slice of work.
    pub snapshot_slice_rows: usize,
    /// A deliberate mistake, for the proof that it would be noticed. None in every server.
    pub bug: Option<Bug>,
}

impl Config {
    /// The usual values (SYNC 2.5, 2.6), with the secrets of the store.
    pub fn new(lease_secret: LeaseSecret, order_key: OrderKey) -> Self {
        const SECOND_US: u64 = 1_000_000;
        const HOUR_US: u64 = 3_600 * SECOND_US;
        Self {
            lease_secret,
            order_key,
            limits: Limits::DEFAULT,
            heartbeat_ms: 15_000,
            silence_max_us: 750 * SECOND_US,
            feed_interval_us: 200_000,
            feed_kept_us: 30 * 24 * HOUR_US,
            settle_interval_us: 5 * SECOND_US,
            sign_in_offline_us: 72 * HOUR_US,
            check_interval_us: HOUR_US,
            bytes_waiting_max: 16 << 20,
            allowance: Allowance::DEFAULT,
            keeps_snapshots: true,
            snapshot_slice_rows: 1_000,
            bug: None,
        }
    }
}

/// The server of one company, without its skin.
pub struct Machine {
    core: Core,
    judge: Box<dyn Judge + Send>,
    sessions: BTreeMap<ConnectionNo, Session>,
    rings: Rings,
    snapshots: Snapshots,
    checks: Checks,
    /// Sites that devices were invited to: their first replica is made before they ask for it.
    expecting: BTreeSet<SiteId>,
    n_slices: u32,
}

impl Machine {
    /// A machine over what `store` holds. The end of both logs is checked.
    ///
    /// # Errors
    ///
    /// [`BookFault`]: a log has a hole or was changed; nothing may be served from it.
    pub fn open(
        store: &dyn Store,
        config: Config,
        judge: Box<dyn Judge + Send>,
        now: ServerTime,
    ) -> Result<Self, BookFault> {
        check_intake_tail(store)?;
        check_change_tail(store)?;
        Ok(Self {
            core: Core::open(store, config, now),
            judge,
            sessions: BTreeMap::new(),
            rings: Rings::default(),
            snapshots: Snapshots::kept_in(store),
            checks: Checks::default(),
            expecting: BTreeSet::new(),
            n_slices: 0,
        })
    }

    /// What happened, and what to do about it.
    pub fn step(&mut self, store: &dyn Store, at: ServerTime, event: Event) -> Vec<Action> {
        self.core.pass_time(at);
        match event {
            Event::Opened { connection, nonce } => {
                self.sessions.insert(connection, Session::opened(nonce, self.core.now()));
            }
            Event::Received { connection, incoming } => {
                self.received(store, connection, incoming);
            }
            Event::Sent { connection } => {
                if let Some(session) = self.sessions.get_mut(&connection) {
                    session.sent();
                    session::acknowledge(&mut self.core, connection, session);
                }
                self.feed(connection);
            }
            Event::Closed { connection } => self.forget(connection),
            Event::Persisted { batch } => {
                let durable = self.core.persisted(batch, store.cut());
                self.after(store, durable);
                self.core.ask_ahead(store, self.judge.as_ref());
            }
            Event::Command { token, command } => {
                self.expecting.extend(MachineCommand::site_of_invitation(&command.raw));
                self.core.command(store, token, command);
            }
            Event::DeskSignedIn { token_hash, session } => {
                self.core.desk_session(store, token_hash, Some(session));
            }
            Event::DeskSignedOut { token_hash } => self.core.desk_session(store, token_hash, None),
            Event::Safe { intake, photos } => self.core.safe(store, intake, &photos),
            Event::Room { has_room } => self.core.has_room = has_room,
            Event::GoAway { window_ms, reason } => {
                session::send_away(&mut self.core, &mut self.sessions, window_ms, &reason);
            }
            Event::Tick => self.housekeep(store),
            Event::Work => self.work(store),
        }
        self.take_turns();
        self.core.pipeline.hand_over();
        self.core.take_actions()
    }

    /// When [`Event::Tick`] is wanted at the latest.
    pub fn wake_at(&self) -> ServerTime {
        self.core.wake_at()
    }

    /// Whether [`Event::Work`] would do something now.
    pub fn wants_work(&self) -> bool {
        self.may_judge()
            || self.snapshots.is_building()
            || self.checks.wants_work()
            || self.core.floor_lags()
    }

    /// How replicas were found when they were compared.
    pub fn replica_health(&self) -> ReplicaHealth {
        self.checks.health
    }

    /// The last durable decision.
    pub fn head(&self) -> Head {
        self.core.pipeline.durable_head()
    }

    /// The durable rows that everything sent is read from.
    pub fn cut(&self) -> &Cut {
        self.core.pipeline.cut()
    }

    /// The devices that are connected now, in order; one with a living copy of its store once for each.
    pub fn connected(&self) -> impl Iterator<Item = (DeviceId, ConnectionNo)> + '_ {
        self.core.by_store.iter().map(|((device, _incarnation), connection)| (*device, *connection))
    }

    /// Devices that are being sent a snapshot now.
    pub fn n_sending(&self) -> usize {
        self.core.turns.n_sending()
    }

    /// Batches that were handed over and not reported, 0 or 1.
    pub fn n_batches_under_way(&self) -> usize {
        usize::from(self.core.pipeline.is_busy())
    }

    fn received(&mut self, store: &dyn Store, connection: ConnectionNo, incoming: Incoming) {
        let Some(session) = self.sessions.get_mut(&connection) else { return };
        session::receive(&mut self.core, store, (connection, session), incoming);
        for compared in std::mem::take(&mut self.core.compared) {
            session::check::compared(&mut self.core, &mut self.checks, compared);
        }
        self.close_replaced();
        self.feed(connection);
    }

    /// The store of a device has one connection: the newest. The others are half-open.
    fn close_replaced(&mut self) {
        for connection in std::mem::take(&mut self.core.replaced) {
            if let Some(session) = self.sessions.get_mut(&connection) {
                session::end(&mut self.core, connection, session, "the device connected again");
            }
        }
    }

    fn forget(&mut self, connection: ConnectionNo) {
        self.sessions.remove(&connection);
        self.checks.forget(connection);
        self.core.by_store.retain(|_store, held| *held != connection);
        self.core.turns.leave(connection);
    }

    /// Says what may be said now that batches are durable.
    fn after(&mut self, store: &dyn Store, durable: Vec<After>) {
        let mut acks = BTreeMap::new();
        let mut sites = BTreeSet::new();
        let mut told = BTreeSet::new();
        for after in durable {
            match after {
                After::Ack { connection, stream } => {
                    acks.insert(connection, stream);
                }
                After::Welcome { connection } => {
                    if let Some(session) = self.sessions.get_mut(&connection) {
                        session::welcome(&mut self.core, connection, session);
                    }
                }
                After::CommandTaken { intake } => self.core.command_taken(intake),
                After::BlobTaken { connection, ack } => {
                    if let Some(session) = self.sessions.get_mut(&connection) {
                        session.send_frame(&mut self.core, connection, Frame::BlobAck(ack));
                    }
                }
                After::Decided { decisions } => {
                    for decided in &decisions {
                        self.answer(store, decided);
                        self.cards_changed(store, &decided.devices);
                        sites.extend(decided.sites.iter().copied());
                        told.extend(decided.told.iter().copied());
                    }
                    self.core.decided(&decisions);
                    self.prepare_snapshots();
                }
            }
        }
        for (connection, stream) in acks {
            if let Some(session) = self.sessions.get_mut(&connection) {
                session.accepted(stream);
                session::acknowledge(&mut self.core, connection, session);
            }
        }
        // Devices of other sites learn at their next heartbeat that the log went on.
        let everybody = sites.contains(&ALL_SITES);
        let waiting: BTreeSet<ConnectionNo> =
            told.iter().flat_map(|device| self.core.connections_of(*device)).collect();
        let mut others = Vec::new();
        for (connection, session) in &mut self.sessions {
            let is_touched = session.site().is_some_and(|site| everybody || sites.contains(&site));
            if !is_touched || waiting.contains(connection) {
                continue;
            }
            let is_later = session::feed::must_wait(&self.core, session);
            if is_later || others.len() >= FEEDS_PER_STEP {
                session::feed::put_off(&mut self.core, (*connection, session));
            } else {
                others.push(*connection);
            }
        }
        // Who waits for an outcome comes first.
        for connection in waiting.into_iter().chain(others) {
            self.feed(connection);
        }
    }

    /// Begins the snapshots that invited devices will ask for.
    fn prepare_snapshots(&mut self) {
        for site in std::mem::take(&mut self.expecting) {
            let cut = self.core.pipeline.cut().clone();
            let Some(row) = cut.row::<ledger::schema::place::Sites>(&site) else { continue };
            let state = (&cut, self.core.pipeline.durable_head(), self.core.now());
            // Made or not: whoever asks later gets it.
            let _ready = self.snapshots.wanted(state, (site, row.scope_version, Lsn(0)), None);
        }
    }

    /// A device that may do less, or more, than before connects again.
    fn cards_changed(&mut self, store: &dyn Store, devices: &[DeviceId]) {
        for device in devices {
            let connections: Vec<ConnectionNo> = self.core.connections_of(*device).collect();
            for connection in connections {
                if let Some(session) = self.sessions.get_mut(&connection) {
                    session::card_changed(&mut self.core, store, (connection, session));
                }
            }
        }
    }

    /// Answers the connections that waited for the decision about `intake`.
    fn answer(&mut self, store: &dyn Store, decided: &Decided) {
        let intake = decided.intake;
        self.core.command_judged(decided);
        if let Some(connection) = self.core.enrolling.remove(&intake)
            && let Some(session) = self.sessions.get_mut(&connection)
        {
            session::enrolled(&mut self.core, store, (connection, session));
        }
        if let Some((connection, key)) = self.core.rotating.remove(&intake)
            && let Some(session) = self.sessions.get_mut(&connection)
        {
            session::key_ok(&mut self.core, connection, session, key);
        }
        if let Some(connection) = self.core.incarnating.remove(&intake)
            && let Some(session) = self.sessions.get_mut(&connection)
        {
            session::incarnated(&mut self.core, store, (connection, session));
        }
    }

    fn feed(&mut self, connection: ConnectionNo) {
        if let Some(session) = self.sessions.get_mut(&connection) {
            let feeds = (&mut self.rings, &mut self.snapshots, &mut self.checks);
            session::feed::pump(&mut self.core, (connection, session), feeds);
        }
    }

    /// Places that became free go to those who waited for one.
    fn take_turns(&mut self) {
        while let Some(next) = self.core.turns.next(self.core.now()) {
            self.feed(next);
        }
    }

    fn may_judge(&self) -> bool {
        self.core.pipeline.judged_next() < self.core.pipeline.durable_intake()
            && self.core.pipeline.n_decisions_open() < DECISIONS_PER_BATCH
    }

    /// One slice of the work that may wait, the most urgent first.
    fn work(&mut self, store: &dyn Store) {
        self.n_slices = self.n_slices.wrapping_add(1);
        // A snapshot is not starved by a busy day, nor the other way round; nor is a comparison.
        let for_snapshot = self.snapshots.is_building() && self.n_slices.is_multiple_of(4);
        let for_check = self.checks.wants_work() && self.n_slices % 8 == 1;
        if self.may_judge() && !for_snapshot && !for_check {
            let limit = GroupLimit {
                up_to: self.core.pipeline.durable_intake(),
                decisions_max: DECISIONS_PER_SLICE,
            };
            let judge = MachineFirst(self.judge.as_ref());
            let now = self.core.now();
            self.core.pipeline.post(store, &judge, limit, now);
            self.core.ask_for_work(store, self.judge.as_ref());
        } else if self.snapshots.is_building() && !for_check {
            let waiting = self.snapshots.build(self.core.config.snapshot_slice_rows);
            self.keep_snapshots(store);
            for connection in waiting {
                self.feed(connection);
            }
        } else if self.checks.wants_work() {
            self.check();
        } else if self.core.floor_lags() {
            self.core.drop_old_feed(store);
        }
    }

    /// What is kept of snapshots goes to the store. Nobody waits for it: a device that comes back before it
    /// is there begins again.
    fn keep_snapshots(&mut self, store: &dyn Store) {
        if self.core.config.keeps_snapshots && self.snapshots.has_unwritten() {
            let snapshots = &mut self.snapshots;
            self.core.write_much(store, |draft| snapshots.write(draft));
        }
    }

    /// One slice of a comparison.
    fn check(&mut self) {
        match self.checks.work(self.core.config.snapshot_slice_rows) {
            Ready::Nothing => {}
            Ready::Connection(connection) => self.feed(connection),
            Ready::Site(site) => {
                let here: Vec<ConnectionNo> = self
                    .sessions
                    .iter()
                    .filter(|(_connection, session)| session.site() == Some(site))
                    .map(|(connection, _session)| *connection)
                    .collect();
                for connection in here {
                    self.feed(connection);
                }
            }
        }
    }
}

/// The machine's own commands are judged here, all others by the ledger.
struct MachineFirst<'a>(&'a dyn Judge);

impl Judge for MachineFirst<'_> {
    fn judge(
        &self,
        draft: &mut ledger::draft::Draft<'_>,
        request: &Request<'_>,
    ) -> Result<(), Poison> {
        match MachineCommand::of(request.intake) {
            Some(command) => {
                crate::identity::command::judge(draft, request, command?);
                Ok(())
            }
            None => self.0.judge(draft, request),
        }
    }

    fn park_poison(&self, draft: &mut ledger::draft::Draft<'_>, request: &Request<'_>, why: &str) {
        self.0.park_poison(draft, request, why);
    }

    fn settle_command(&self, watermarks: &[crate::watermark::SiteWatermark]) -> Vec<u8> {
        self.0.settle_command(watermarks)
    }

    fn work_command(&self, tables: &dyn ledger::tables::Tables) -> Option<Vec<u8>> {
        self.0.work_command(tables)
    }
}

fn check_intake_tail(store: &dyn Store) -> Result<(), BookFault> {
    let end = crate::intake::IntakeHead::of(store);
    let mut after: Option<std::sync::Arc<Intake>> = None;
    for back in 0..CHECKED_AT_OPEN.min(end.no.0) {
        let no = IntakeNo(end.no.0.saturating_sub(back));
        let intake = store.row::<Intakes>(&no).ok_or(BookFault::IntakeMissing(no))?;
        let linked = intake.hash == Intake::link(intake.previous, no, intake.received, &intake.raw)
            && after.as_ref().is_none_or(|after| after.previous == intake.hash);
        if !linked {
            return Err(BookFault::IntakeChain(no));
        }
        after = Some(intake);
    }
    Ok(())
}

fn check_change_tail(store: &dyn Store) -> Result<(), BookFault> {
    let head = pipeline::head_of(store);
    let mut after: Option<std::sync::Arc<Change>> = None;
    for back in 0..CHECKED_AT_OPEN.min(head.lsn.0) {
        let lsn = Lsn(head.lsn.0.saturating_sub(back));
        let record = store.row::<ChangesTable>(&lsn).ok_or(BookFault::ChangeMissing(lsn))?;
        let next = after.as_ref().map_or(head.hash, |after| after.previous);
        let linked =
            record.hash == change::link(record.previous, lsn, &record.rows) && record.hash == next;
        if !linked {
            return Err(BookFault::ChangeChain(lsn));
        }
        after = Some(record);
    }
    let beyond = ledger::key::KeyRange::between(&head.lsn.next(), &Lsn(u64::MAX));
    match store.first::<ChangesTable>(&beyond) {
        Some((lsn, _change)) => Err(BookFault::ChangeChain(lsn)),
        None => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod tests;
