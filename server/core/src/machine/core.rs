//! What all conversations share: the way to the disk, the time, who waits for what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ledger::draft::Draft;
use ledger::schema::SiteId;
use ledger::schema::book::OutcomeRow;
use ledger::schema::identity::{DeskSession, DeskSessions};
use ledger::schema::place::Sites;
use ledger::tables::{Read as _, Tables};
use protocol::frame::beside::BlobAck;
use protocol::identity::{DeviceId, Incarnation, IntakeNo, OperationId, Seq, ServerTime};
use serde_bytes::ByteBuf;

use super::alarms::Alarms;
use super::event::{Action, Alarm, Token};
use super::pipeline::Pipeline;
use super::{Bug, Config, bug};
use crate::feed::floor::Floor;
use crate::identity::command::MachineCommand;
use crate::intake::command::{Command, CommandOrigin, TakenCommand, take_command};
use crate::intake::push::{PreparedPush, PushFault, Sender, Taken, take_push};
use crate::poster::Decided;
use crate::poster::judge::Judge;
use crate::schema::{BlobRow, Blobs, SafePoint, SafePoints, Stream};
use crate::session::budget::{Asked, Budgets, WaitMs};
use crate::session::check::Compared;
use crate::session::turns::Turns;
use crate::session::wire::ConnectionNo;
use crate::store::{BatchNo, Cut, Store};
use crate::watermark::Watch;
use protocol::evidence::BootEvidence;

/// Why nothing more is taken at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Busy {
    /// The disk is nearly full.
    NoRoom,
    /// The disk is behind.
    Behind,
}

/// What is done when the rows it belongs to are durable.
#[derive(Debug, Clone)]
pub(crate) enum After {
    /// Tell a device how far it is.
    Ack { connection: ConnectionNo, stream: Stream },
    /// Let a device in: its next lease is written down.
    Welcome { connection: ConnectionNo },
    /// Tell the skin that its command is safe.
    CommandTaken { intake: IntakeNo },
    /// Tell a device how much of a photo is here.
    BlobTaken { connection: ConnectionNo, ack: BlobAck },
    /// Show what was decided.
    Decided { decisions: Vec<Decided> },
}

/// The skin's commands that wait for a decision.
#[derive(Debug, Default)]
struct Waiting {
    tokens: Vec<Token>,
    is_taken: bool,
}

/// Slices of long work: the last two that were asked for.
#[derive(Debug, Default)]
struct Working {
    last: Option<IntakeNo>,
    before: Option<IntakeNo>,
    /// A slice left more to do, and nothing that could have brought it was judged behind it.
    goes_on: bool,
}

impl Working {
    fn asked(&mut self, no: Option<IntakeNo>) {
        self.before = std::mem::replace(&mut self.last, no);
    }
}

/// Connections of one device at a time, each of another copy of its store.
const STORES_MAX: usize = 4;

pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) pipeline: Pipeline,
    /// The connection of each store of a device.
    pub(crate) by_store: BTreeMap<(DeviceId, Incarnation), ConnectionNo>,
    /// Connections that a newer one of the same store replaces.
    pub(crate) replaced: Vec<ConnectionNo>,
    /// Connections that wait for the decision about an enrolment.
    pub(crate) enrolling: BTreeMap<IntakeNo, ConnectionNo>,
    /// Connections that wait for the decision about a new key.
    pub(crate) rotating: BTreeMap<IntakeNo, (ConnectionNo, ByteBuf)>,
    /// Connections that wait for the decision about a new incarnation.
    pub(crate) incarnating: BTreeMap<IntakeNo, ConnectionNo>,
    /// What devices have found when they compared their replica.
    pub(crate) compared: Vec<Compared>,
    /// What is left to each device.
    budgets: Budgets,
    /// Alarms of devices that were told lately.
    alarms: Alarms,
    /// Who may be sent a snapshot.
    pub(crate) turns: Turns,
    pub(crate) watch: Watch,
    pub(crate) safe: SafePoint,
    /// Whether the disk has room for new work.
    pub(crate) has_room: bool,
    pub(super) floor: Floor,
    /// Connections whose DELTA was put off, by when it is due.
    feed_later: BTreeSet<(ServerTime, ConnectionNo)>,
    /// The scope of each site, as of the durable rows.
    scopes: BTreeMap<SiteId, u64>,
    pub(super) housekeeping_due: ServerTime,
    /// When imports that were given up are looked for next.
    pub(super) imports_due: ServerTime,
    commands: BTreeMap<IntakeNo, Waiting>,
    /// Slices of long work that were asked for.
    working: Working,
    /// Empty, but for a machine with that deliberate mistake.
    wall_clocks: bug::WallClocks,
    now: ServerTime,
    actions: Vec<Action>,
}

impl Core {
    pub(super) fn open(store: &dyn Store, config: Config, now: ServerTime) -> Self {
        let pipeline = Pipeline::open(store);
        let now = now.max(pipeline.intake.received).max(pipeline.durable_head().time);
        Self {
            watch: Watch::open(store, now),
            safe: store.row::<SafePoints>(&()).map_or_else(SafePoint::default, |safe| *safe),
            has_room: true,
            floor: Floor::open(store),
            config,
            pipeline,
            by_store: BTreeMap::new(),
            replaced: Vec::new(),
            enrolling: BTreeMap::new(),
            rotating: BTreeMap::new(),
            incarnating: BTreeMap::new(),
            feed_later: BTreeSet::new(),
            scopes: BTreeMap::new(),
            compared: Vec::new(),
            budgets: Budgets::default(),
            alarms: Alarms::default(),
            turns: Turns::default(),
            housekeeping_due: now,
            imports_due: now,
            commands: BTreeMap::new(),
            working: Working::default(),
            wall_clocks: bug::WallClocks::default(),
            now,
            actions: Vec::new(),
        }
    }

    /// Server time: that of the last event, and never earlier than before.
    pub(crate) fn now(&self) -> ServerTime {
        self.now
    }

    pub(super) fn pass_time(&mut self, at: ServerTime) {
        self.now = self.now.max(at);
    }

    /// DELTA can start after this decision or any later one.
    pub(crate) fn floor_low(&self) -> protocol::identity::Lsn {
        self.floor.low
    }

    /// Has `connection` fed at `due`.
    pub(crate) fn feed_later(&mut self, due: ServerTime, connection: ConnectionNo) {
        self.feed_later.insert((due, connection));
    }

    /// When the first DELTA that was put off is due.
    pub(super) fn feed_due(&self) -> Option<ServerTime> {
        self.feed_later.first().map(|(due, _connection)| *due)
    }

    /// The next connection whose DELTA is due now.
    pub(super) fn next_due(&mut self) -> Option<ConnectionNo> {
        let due = self.feed_later.first().is_some_and(|(due, _connection)| *due <= self.now);
        if due { self.feed_later.pop_first().map(|(_due, connection)| connection) } else { None }
    }

    /// The version of the scope of `site`.
    pub(crate) fn scope_version(&mut self, site: SiteId) -> u64 {
        let cut = self.pipeline.cut();
        let read = || cut.row::<Sites>(&site).map_or(0, |site| site.scope_version);
        *self.scopes.entry(site).or_insert_with(read)
    }

    /// Takes note that `batch` is durable, and says what may be done now.
    pub(super) fn persisted(&mut self, batch: BatchNo, cut: Cut) -> Vec<After> {
        self.scopes.clear();
        self.pipeline.persisted(batch, cut)
    }

    pub(crate) fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// The store of a device is let in by `connection`. A connection that it had before is half-open.
    ///
    /// A copy of a store that is alive beside the original gets an incarnation of its own, and from there on
    /// the two leave each other alone: if one connection ended the other, both would connect again for ever.
    pub(crate) fn admitted(&mut self, key: (DeviceId, Incarnation), connection: ConnectionNo) {
        self.replaced.extend(self.by_store.insert(key, connection));
        let of_device = (key.0, Incarnation(0))..=(key.0, Incarnation(u32::MAX));
        if self.by_store.range(of_device.clone()).count() > STORES_MAX {
            let oldest = self.by_store.range(of_device).find(|(store, _held)| **store != key);
            self.replaced.extend(oldest.map(|(_store, held)| *held));
        }
    }

    /// The connections of a device: one, or one of each living copy of its store.
    pub(crate) fn connections_of(
        &self,
        device: DeviceId,
    ) -> impl Iterator<Item = ConnectionNo> + '_ {
        let all = (device, Incarnation(0))..=(device, Incarnation(u32::MAX));
        self.by_store.range(all).map(|(_store, connection)| *connection)
    }

    /// Tells people something that `device` has caused; what it causes again and again waits.
    pub(crate) fn alarm(&mut self, device: DeviceId, alarm: Alarm) {
        let told = self.alarms.take((device, self.now), alarm);
        self.actions.extend(told.map(Action::Alarm));
    }

    /// Tells what was held back for long enough.
    pub(super) fn tell_late_alarms(&mut self) {
        let due = self.alarms.due(self.now);
        self.actions.extend(due.into_iter().map(Action::Alarm));
    }

    /// Takes what `device` asks for from its budget: all of it or nothing.
    pub(crate) fn spend(&mut self, device: DeviceId, asked: Asked) -> Result<(), WaitMs> {
        self.budgets.take((device, self.now), &self.config.allowance, asked)
    }

    /// Takes what is `asked` from what is left to `device`, for something that is done already.
    pub(crate) fn fine(&mut self, device: DeviceId, asked: Asked) {
        self.budgets.fine((device, self.now), &self.config.allowance, asked);
    }

    /// Whether there is room and time for more of what devices send.
    pub(crate) fn takes_bytes(&self) -> Result<(), Busy> {
        if !self.has_room {
            Err(Busy::NoRoom)
        } else if self.pipeline.bytes_waiting() > self.config.bytes_waiting_max {
            Err(Busy::Behind)
        } else {
            Ok(())
        }
    }

    /// The actions of this step. The disk gets its work first.
    pub(super) fn take_actions(&mut self) -> Vec<Action> {
        let persist = self.pipeline.take_ready().map(Action::Persist);
        persist.into_iter().chain(std::mem::take(&mut self.actions)).collect()
    }

    /// Reads what was written, durable or not.
    pub(crate) fn view<R>(&self, store: &dyn Store, read: impl FnOnce(&dyn Tables) -> R) -> R {
        self.pipeline.view(store, read)
    }

    /// Writes rows that are no part of the book.
    pub(crate) fn write(
        &mut self,
        store: &dyn Store,
        after: Option<After>,
        put: impl FnOnce(&mut Draft<'_>),
    ) {
        let changes = self.view(store, |view| {
            let mut draft = Draft::over(view);
            put(&mut draft);
            draft.finish()
        });
        self.pipeline.write(changes, after);
    }

    /// The same for rows that are many, and that no operation asked for; nothing waits for them.
    pub(crate) fn write_much(&mut self, store: &dyn Store, put: impl FnOnce(&mut Draft<'_>)) {
        let changes = self.view(store, |view| {
            let mut draft = Draft::with_budget(view, u64::MAX);
            put(&mut draft);
            draft.finish()
        });
        self.pipeline.write(changes, None);
    }

    pub(crate) fn take_push(
        &mut self,
        store: &dyn Store,
        (sender, learnt): (Sender, &[BootEvidence]),
        push: &PreparedPush,
    ) -> Result<Taken, PushFault> {
        let mut head = self.pipeline.intake;
        let now = self.now;
        let spoilt;
        let push = if self.config.bug.is_none() {
            push
        } else {
            let bug = self.config.bug;
            spoilt = self.view(store, |view| bug::believed(bug, push, (view, sender.device)));
            &spoilt
        };
        let mut taken =
            self.view(store, |view| take_push(view, &mut head, (sender, learnt), push, now))?;
        if self.config.bug == Some(Bug::RawClock) {
            let evidence = learnt.iter().chain(&push.boots);
            self.wall_clocks.place(sender, evidence, &mut taken.changes);
        }
        self.pipeline.intake = head;
        Ok(taken)
    }

    /// Whether an acknowledgement is sent before its operation is durable: never, but by design.
    pub(crate) fn acknowledges_early(&self) -> bool {
        self.config.bug == Some(Bug::AckBeforeSync)
    }

    fn take_command(&mut self, store: &dyn Store, command: Command) -> TakenCommand {
        let mut head = self.pipeline.intake;
        let now = self.now;
        let taken = self.view(store, |view| take_command(view, &mut head, command, now));
        self.pipeline.intake = head;
        taken
    }

    /// Takes a command of the machine itself in.
    pub(crate) fn machine_command(
        &mut self,
        store: &dyn Store,
        command: &MachineCommand,
    ) -> Option<IntakeNo> {
        self.system_command(store, command.encode())
    }

    /// Takes a command of the system in.
    pub(crate) fn system_command(&mut self, store: &dyn Store, raw: Vec<u8>) -> Option<IntakeNo> {
        let command = Command { origin: CommandOrigin::System, raw, local_date: None };
        match self.take_command(store, command) {
            TakenCommand::New { changes, no } => {
                self.pipeline.write(changes, None);
                Some(no)
            }
            TakenCommand::Known { .. } | TakenCommand::DifferentUnderSameKey => None,
        }
    }

    pub(super) fn command(&mut self, store: &dyn Store, token: Token, command: Command) {
        if !self.has_room && command.origin != CommandOrigin::System {
            return self.act(Action::CommandNoRoom { token });
        }
        match self.take_command(store, command) {
            TakenCommand::New { changes, no } => {
                self.commands.entry(no).or_default().tokens.push(token);
                self.pipeline.write(changes, Some(After::CommandTaken { intake: no }));
            }
            TakenCommand::Known { no } if no <= self.pipeline.durable_head().intake => {
                self.act(Action::CommandTaken { token, intake: no });
                self.act(judged(token, no, None));
            }
            TakenCommand::Known { no } => {
                let waiting = self.commands.entry(no).or_default();
                waiting.tokens.push(token);
                if waiting.is_taken {
                    self.act(Action::CommandTaken { token, intake: no });
                } else if no <= self.pipeline.durable_intake() {
                    waiting.is_taken = true;
                    self.act(Action::CommandTaken { token, intake: no });
                }
            }
            TakenCommand::DifferentUnderSameKey => self.act(Action::CommandDiffers { token }),
        }
    }

    pub(super) fn command_taken(&mut self, intake: IntakeNo) {
        let Some(waiting) = self.commands.get_mut(&intake) else { return };
        waiting.is_taken = true;
        let tokens = waiting.tokens.clone();
        for token in tokens {
            self.act(Action::CommandTaken { token, intake });
        }
    }

    pub(super) fn command_judged(&mut self, decided: &Decided) {
        let waiting = self.commands.remove(&decided.intake).unwrap_or_default();
        for token in waiting.tokens {
            self.act(judged(token, decided.intake, decided.outcome.clone()));
        }
    }

    /// Asks for a slice of long work when some is waiting and the last slice is judged: behind the
    /// postings that came meanwhile.
    pub(super) fn ask_for_work(&mut self, store: &dyn Store, judge: &dyn Judge) {
        let judged = self.pipeline.judged_next();
        if self.working.last.is_some_and(|asked| asked > judged) {
            return;
        }
        let goes_on = self.working.last == Some(judged);
        self.ask_for_slice(store, judge, goes_on);
    }

    /// Asks for the slice after the one that can be judged now, so that it is durable when that is done:
    /// one is judged while the one before it is written. Work of one slice needs none of this.
    pub(super) fn ask_ahead(&mut self, store: &dyn Store, judge: &dyn Judge) {
        let judged = self.pipeline.judged_next();
        let is_next = |asked| judged < asked && asked <= self.pipeline.durable_intake();
        let is_judged = self.working.before.is_none_or(|asked| asked <= judged);
        if self.working.goes_on && is_judged && self.working.last.is_some_and(is_next) {
            self.ask_for_slice(store, judge, true);
        }
    }

    fn ask_for_slice(&mut self, store: &dyn Store, judge: &dyn Judge, goes_on: bool) {
        let raw = self.view(store, |view| judge.work_command(view));
        self.working.goes_on = goes_on && raw.is_some();
        if let Some(raw) = raw {
            let no = self.system_command(store, raw);
            self.working.asked(no);
        }
    }

    pub(super) fn decided(&mut self, decisions: &[Decided]) {
        for decided in decisions {
            if let Some(why) = &decided.poison {
                let alarm = Alarm::Poison { intake: decided.intake, why: why.clone() };
                match decided.told.first() {
                    Some(device) => self.alarm(*device, alarm),
                    None => self.act(Action::Alarm(alarm)),
                }
            }
        }
        if let Some(last) = decisions.last() {
            self.act(Action::HeadMoved { head: last.lsn });
        }
    }

    pub(super) fn desk_session(
        &mut self,
        store: &dyn Store,
        token_hash: [u8; 32],
        session: Option<DeskSession>,
    ) {
        self.write(store, None, |draft| match session {
            Some(session) => draft.put::<DeskSessions>(&token_hash, session),
            None => draft.delete::<DeskSessions>(&token_hash),
        });
    }

    pub(super) fn safe(&mut self, store: &dyn Store, intake: IntakeNo, photos: &[[u8; 32]]) {
        for hash in photos {
            let known = self.view(store, |view| view.row::<Blobs>(hash));
            let Some(known) = known.filter(|row| row.received == row.length) else { continue };
            let row = BlobRow { is_safe: true, ..*known };
            self.write(store, None, |draft| draft.put::<Blobs>(hash, row));
        }
        if intake <= self.safe.intake {
            return;
        }
        let safe = SafePoint { intake: intake.min(self.pipeline.durable_intake()), at: self.now };
        self.safe = safe;
        self.write(store, None, |draft| draft.put::<SafePoints>(&(), safe));
    }
}

fn judged(token: Token, intake: IntakeNo, outcome: Option<Arc<OutcomeRow>>) -> Action {
    let operation = OperationId { seq: Seq(intake.0), ..OperationId::default() };
    Action::CommandJudged { token, intake, operation, outcome }
}
