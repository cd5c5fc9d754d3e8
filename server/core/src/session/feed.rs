//! The way down: deltas and snapshots, as fast as the peer reads and no faster.

use std::sync::Arc;

use ledger::key::KeyRange;
use ledger::tables::{Read as _, Tables};
use protocol::frame::{Delta, Fault, FaultCode, Frame, SnapBegin, SnapEnd, SnapResume, Subscribe};
use protocol::identity::{Incarnation, IntakeNo, Lsn, Seq, ServerTime};

use super::wire::{ConnectionNo, Message};
use super::{Complaint, Open, Session, check, complain};
use crate::check::Checks;
use crate::feed::ring::{Next, Position, Rings};
use crate::intake::is_of_this_log;
use crate::intake::push::Sender;
use crate::machine::Alarm;
use crate::machine::core::Core;
use crate::schema::{Links, Streams};
use crate::snapshot::{Snapshot, Snapshots};

/// Feed messages that may be on their way at once: one chunk of 64 KiB each, about a quarter of a
/// second of a slow link.
const WINDOW: u32 = 4;
/// With more connected devices than this, the pause between two DELTAs that tell one of them only
/// of others is twice as long, and so on.
const DEVICES_PER_INTERVAL: u64 = 400;
/// A device that is not further behind can be compared.
const NEAR: u64 = 200;

/// The feed of one device.
pub(super) struct Feed {
    state: State,
    /// Feed messages that the socket has not taken.
    unread: u32,
    last_delta: ServerTime,
    /// A snapshot must show this decision: it is too large for a DELTA.
    at_least: Lsn,
    /// It is listed among those that go on later.
    is_put_off: bool,
}

enum State {
    /// Not asked for.
    Silent,
    /// From a cursor on.
    Following(Position),
    /// A snapshot is wanted.
    Wanted,
    /// The rest of a snapshot is wanted.
    Resumed(SnapResume),
    /// A snapshot is being sent.
    Sending { snapshot: Arc<Snapshot>, next: u32 },
}

impl Feed {
    pub(super) fn new(now: ServerTime) -> Self {
        let last_delta = ServerTime(now.0.saturating_sub(1));
        Self { state: State::Silent, unread: 0, last_delta, at_least: Lsn(0), is_put_off: false }
    }

    pub(super) fn sent(&mut self) {
        self.unread = self.unread.saturating_sub(1);
    }

    /// Up to which decision the device was told everything; none while it does not follow.
    pub(super) fn followed_to(&self) -> Option<Lsn> {
        match &self.state {
            State::Following(position) => Some(position.scanned),
            State::Silent | State::Wanted | State::Resumed(_) | State::Sending { .. } => None,
        }
    }

    /// Whether the device is not far behind `head`.
    pub(super) fn is_near(&self, head: Lsn) -> bool {
        self.followed_to().is_some_and(|scanned| head.0.saturating_sub(scanned.0) <= NEAR)
    }

    /// The cursor of a device that was told everything up to `head`.
    pub(super) fn told_at(&self, head: Lsn) -> Option<Lsn> {
        match &self.state {
            State::Following(position) => (position.scanned >= head).then_some(position.told),
            State::Silent | State::Wanted | State::Resumed(_) | State::Sending { .. } => None,
        }
    }

    /// A repair has brought the cursor to `head`.
    pub(super) fn repaired_to(&mut self, head: Lsn) {
        self.state = State::Following(Position { told: head, scanned: head });
    }
}

pub(super) fn subscribe(
    core: &mut Core,
    (connection, session): (ConnectionNo, &mut Session),
    subscribe: Subscribe,
) {
    let head = super::head(core);
    let low = core.floor_low();
    core.turns.leave(connection);
    let Some(open) = session.open() else { return };
    if open.is_suspended {
        let complaint = Complaint::new(FaultCode::SUSPENDED, "this device may only upload");
        return complain(core, connection, session, complaint);
    }
    open.feed.state = match subscribe.cursor {
        None => State::Wanted,
        Some(cursor) => {
            let cut = core.pipeline.cut().clone();
            let follows =
                cursor >= low && cursor <= head && is_of_this_log(cut.as_ref(), cursor, open.epoch);
            if !follows {
                open.feed.state = State::Silent;
                return too_old(core, (connection, session));
            }
            State::Following(Position { told: cursor, scanned: cursor })
        }
    };
}

fn too_old(core: &mut Core, (connection, session): (ConnectionNo, &mut Session)) {
    let complaint = Complaint::new(FaultCode::CURSOR_TOO_OLD, "subscribe for a snapshot");
    complain(core, connection, session, complaint.retry_after(0));
}

pub(super) fn resume(
    core: &mut Core,
    (connection, session): (ConnectionNo, &mut Session),
    resume: SnapResume,
) {
    core.turns.leave(connection);
    if let Some(open) = session.open() {
        open.feed.state = State::Resumed(resume);
    }
}

/// A device that cannot apply a record stops its feed; its upload goes on.
pub(super) fn device_fault(
    core: &mut Core,
    (connection, session): (ConnectionNo, &mut Session),
    fault: &Fault,
) {
    if fault.code == FaultCode::APPLY
        && let Some(open) = session.open()
    {
        open.feed.state = State::Silent;
        core.turns.leave(connection);
        let device = open.sender.device;
        core.alarm(device, Alarm::FeedRejected { device, detail: fault.detail.clone() });
    }
}

/// Moves the cursor of a device that was told nothing for a while: what it has seen is evidence.
pub(super) fn advance(core: &mut Core, (connection, session): (ConnectionNo, &mut Session)) {
    let Some(open) = session.open() else { return };
    let State::Following(position) = &mut open.feed.state else { return };
    if position.scanned > position.told && open.feed.unread < WINDOW {
        let delta = Delta { from: position.told, to: position.scanned, groups: Vec::new() };
        position.told = position.scanned;
        send(core, (connection, session), Arc::new(Message::new(Frame::Delta(delta))));
    }
}

/// Sends a frame of the feed.
pub(super) fn send_frame(
    core: &mut Core,
    (connection, session): (ConnectionNo, &mut Session),
    frame: Frame,
) {
    send(core, (connection, session), Arc::new(Message::new(frame)));
}

fn send(
    core: &mut Core,
    (connection, session): (ConnectionNo, &mut Session),
    message: Arc<Message>,
) {
    if let Some(open) = session.open() {
        open.feed.unread = open.feed.unread.saturating_add(1);
    }
    session.send(core, connection, message);
}

/// Sends what may be sent now.
pub(crate) fn pump(
    core: &mut Core,
    (connection, session): (ConnectionNo, &mut Session),
    (rings, snapshots, checks): (&mut Rings, &mut Snapshots, &mut Checks),
) {
    while let Some(open) = session.open()
        && open.feed.unread < WINDOW
    {
        let step = match &open.feed.state {
            State::Silent => None,
            State::Following(position) => {
                let position = *position;
                let is_checked = check::tell(core, (connection, session), checks)
                    || check::repair(core, (connection, session), checks);
                if is_checked {
                    continue;
                }
                follow(core, (connection, session), rings, position)
            }
            State::Wanted => begin_snapshot(core, (connection, session), snapshots),
            State::Resumed(resume) => {
                let resume = *resume;
                go_on(core, (connection, session), snapshots, resume)
            }
            State::Sending { snapshot, next } => {
                let (snapshot, next) = (Arc::clone(snapshot), *next);
                send_chunk(core, (connection, session), &snapshot, next)
            }
        };
        if step.is_none() {
            return;
        }
    }
}

/// One step of a feed was made, and the next may follow.
struct Stepped;

fn follow(
    core: &mut Core,
    (connection, session): (ConnectionNo, &mut Session),
    rings: &mut Rings,
    position: Position,
) -> Option<Stepped> {
    let head = super::head(core);
    if position.scanned >= head {
        return None;
    }
    let now = core.now();
    let open = session.open()?;
    let (site, device) = (open.sender.site, open.sender.device);
    let cut = core.pipeline.cut().clone();
    if core.scope_version(site) != open.scope_version {
        // Locations came to the site or left it: what lies there is in no delta.
        open.feed.state = State::Silent;
        too_old(core, (connection, session));
        return Some(Stepped);
    }
    let tables: (&dyn Tables, Lsn) = (cut.as_ref(), head);
    if now < due(core, &open.feed) && !rings.concerns(tables, (site, device), position.scanned) {
        put_off(core, (connection, session));
        return None;
    }
    let stop_at = open.check.stop_at().filter(|stop| *stop > position.scanned);
    match rings.next(tables, (site, device), (position, stop_at)) {
        Next::Nothing(to) => {
            open.feed.state = State::Following(Position { scanned: to, ..position });
        }
        Next::Delta { message, to } => {
            open.feed.state = State::Following(Position { told: to, scanned: to });
            open.feed.last_delta = now;
            send(core, (connection, session), message);
        }
        Next::TooLarge => {
            open.feed.state = State::Silent;
            open.feed.at_least = head;
            too_old(core, (connection, session));
        }
    }
    Some(Stepped)
}

/// When a device is told of others again: in a large house each hears less often what the others
/// do, so that all of them together are told no oftener.
fn due(core: &Core, feed: &Feed) -> ServerTime {
    let n_devices = u64::try_from(core.by_store.len()).unwrap_or(u64::MAX);
    let times = n_devices.div_ceil(DEVICES_PER_INTERVAL).max(1);
    let interval = core.config.feed_interval_us.saturating_mul(times);
    feed.last_delta.plus_us(i64::try_from(interval).unwrap_or(i64::MAX))
}

/// Whether a feed follows and may not go on yet, unless something concerns its device itself.
pub(crate) fn must_wait(core: &Core, session: &mut Session) -> bool {
    let Some(open) = session.open() else { return false };
    matches!(open.feed.state, State::Following(_)) && core.now() < due(core, &open.feed)
}

/// Lists a feed that follows among those that go on later, when they are due.
pub(crate) fn put_off(core: &mut Core, (connection, session): (ConnectionNo, &mut Session)) {
    let Some(open) = session.open() else { return };
    if !open.feed.is_put_off && matches!(open.feed.state, State::Following(_)) {
        open.feed.is_put_off = true;
        core.feed_later(due(core, &open.feed), connection);
    }
}

/// It is no longer listed.
pub(crate) fn is_due(session: &mut Session) {
    if let Some(open) = session.open() {
        open.feed.is_put_off = false;
    }
}

fn begin_snapshot(
    core: &mut Core,
    (connection, session): (ConnectionNo, &mut Session),
    snapshots: &mut Snapshots,
) -> Option<Stepped> {
    let open = session.open()?;
    let cut = core.pipeline.cut().clone();
    let scope_version = scope_version(cut.as_ref(), open);
    let state = (&cut, core.pipeline.durable_head(), core.now());
    let scope = (open.sender.site, scope_version, open.feed.at_least);
    let snapshot = snapshots.wanted(state, scope, Some(connection))?;
    if !core.turns.enter(connection, core.now()) {
        return None;
    }
    open.scope_version = snapshot.scope_version;
    let begin = SnapBegin {
        snapshot: snapshot.number,
        lsn: snapshot.lsn,
        rows: snapshot.rows,
        chunks: snapshot.n_chunks(),
        ready_chunks: snapshot.ready_chunks,
        scope_version: snapshot.scope_version,
        judged: judged(cut.as_ref(), open.sender, snapshot.intake),
    };
    open.feed.state = State::Sending { snapshot, next: 0 };
    send(core, (connection, session), Arc::new(Message::new(Frame::SnapBegin(begin))));
    Some(Stepped)
}

fn scope_version(tables: &dyn Tables, open: &Open) -> u64 {
    let site = tables.row::<ledger::schema::place::Sites>(&open.sender.site);
    site.map_or(0, |site| site.scope_version)
}

/// For each incarnation of a device, the last operation whose intake number is not above `intake`:
/// operations are judged in that order.
fn judged(tables: &dyn Tables, sender: Sender, intake: IntakeNo) -> Vec<(Incarnation, Seq)> {
    let streams = tables.list::<Streams>(&KeyRange::prefix(&(sender.device,)));
    let mut judged: Vec<(Incarnation, Seq)> = streams
        .into_iter()
        .map(|((device, incarnation), stream)| {
            let (mut low, mut high) = (0, stream.accepted.0);
            while low < high {
                let middle = low.midpoint(high).saturating_add(1).min(high);
                let link = tables.row::<Links>(&(device, incarnation, Seq(middle)));
                if link.is_none_or(|link| link.intake <= intake) {
                    low = middle;
                } else {
                    high = middle.saturating_sub(1);
                }
            }
            (incarnation, Seq(low))
        })
        .collect();
    if !judged.iter().any(|(incarnation, _seq)| *incarnation == sender.incarnation) {
        judged.push((sender.incarnation, Seq(0)));
    }
    judged
}

fn go_on(
    core: &mut Core,
    (connection, session): (ConnectionNo, &mut Session),
    snapshots: &Snapshots,
    resume: SnapResume,
) -> Option<Stepped> {
    let open = session.open()?;
    let cut = core.pipeline.cut().clone();
    let current = scope_version(cut.as_ref(), open);
    let found = snapshots
        .numbered(resume.snapshot, open.sender.site)
        .filter(|snapshot| snapshot.scope_version == current && snapshot.lsn >= core.floor_low());
    if let Some(snapshot) = found {
        if !core.turns.enter(connection, core.now()) {
            return None;
        }
        open.feed.state = State::Sending { snapshot, next: resume.next_index };
    } else {
        open.feed.state = State::Silent;
        core.turns.leave(connection);
        let complaint = Complaint::new(FaultCode::SNAPSHOT_GONE, "subscribe anew");
        complain(core, connection, session, complaint.retry_after(0));
    }
    Some(Stepped)
}

fn send_chunk(
    core: &mut Core,
    (connection, session): (ConnectionNo, &mut Session),
    snapshot: &Arc<Snapshot>,
    next: u32,
) -> Option<Stepped> {
    let now = core.now();
    let open = session.open()?;
    if core.turns.is_over(connection, now) {
        // It goes on where it is when its next turn comes.
        core.turns.leave(connection);
        let resume = SnapResume { snapshot: snapshot.number, next_index: next };
        open.feed.state = State::Resumed(resume);
        core.turns.enter(connection, now);
        return None;
    }
    let message = if let Some(chunk) = snapshot.chunk(next) {
        let next = next.saturating_add(1);
        open.feed.state = State::Sending { snapshot: Arc::clone(snapshot), next };
        Arc::clone(chunk)
    } else {
        core.turns.leave(connection);
        let position = Position { told: snapshot.lsn, scanned: snapshot.lsn };
        open.feed.state = State::Following(position);
        let end = SnapEnd { snapshot: snapshot.number, lsn: snapshot.lsn };
        Arc::new(Message::new(Frame::SnapEnd(end)))
    };
    send(core, (connection, session), message);
    Some(Stepped)
}
