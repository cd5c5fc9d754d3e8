//! PUSH, ACK, heartbeats: the way up.

use ledger::schema::identity::{DeviceState, Devices};
use ledger::tables::{Read as _, Tables};
use protocol::evidence::BootEvidence;
use protocol::frame::{Ack, FaultCode, Frame, Heartbeat, HeartbeatAck, Nack};
use protocol::health::StorageReport;
use protocol::identity::{DeviceId, Incarnation, Seq, ServerTime};

use super::budget::{Asked, NOTE, WaitMs};
use super::wire::ConnectionNo;
use super::{Complaint, Open, Session, UNREAD_BEFORE_ACKS_WAIT, feed, refuse, stale};
use crate::clock::{estimate, keep_best};
use crate::intake::push::{PreparedPush, PushFault};
use crate::machine::Alarm;
use crate::machine::core::{After, Busy, Core};
use crate::schema::{DeviceStorage, DeviceStorages, LeaseRow, Leases, Links, Statement, Stream};
use crate::store::Store;

/// Windows that a device may have unacknowledged before it is told to slow down.
const WINDOWS_MAX: u32 = 4;
/// A device comes back after so many milliseconds to a server whose disk was full.
const NO_ROOM_MS: u32 = 30_000;

pub(super) fn push(
    core: &mut Core,
    store: &dyn Store,
    (connection, session): (ConnectionNo, &mut Session),
    push: &PreparedPush,
) {
    let Some(open) = session.open() else { return };
    let device = core.view(store, |view| view.row::<Devices>(&open.sender.device));
    if device.is_none_or(|device| device.state == DeviceState::Revoked) {
        let complaint = Complaint::new(FaultCode::REVOKED, "this device was revoked");
        return refuse(core, connection, session, complaint);
    }
    let most = core.config.limits.window_bytes.saturating_mul(WINDOWS_MAX);
    open.unacknowledged = open.unacknowledged.saturating_add(push.bytes);
    if u32::try_from(open.unacknowledged).is_ok_and(|bytes| bytes > most) {
        let complaint = Complaint::new(FaultCode::RATE, "wait for acknowledgements");
        return refuse(core, connection, session, complaint.retry_after(5_000));
    }
    let sender = open.sender;
    if let Err(busy) = core.takes_bytes() {
        return refuse(core, connection, session, busy_complaint(busy));
    }
    if let Err(wait) = core.spend(sender.device, push.cost()) {
        return refuse(core, connection, session, over_budget(wait));
    }
    match core.take_push(store, (sender, &open.learnt), push) {
        Ok(taken) if taken.n_operations == 0 => {
            open.ack_due = true;
            acknowledge(core, connection, session);
        }
        Ok(taken) => {
            let n_fresh = taken.n_operations;
            let gaps = core.view(store, |view| push.left_out(view, sender, n_fresh));
            super::hello::note_gaps(core, store, &gaps);
            let Some(open) = session.open() else { return };
            open.learnt.clear();
            let after = After::Ack { connection, stream: taken.stream };
            core.pipeline.write(taken.changes, Some(after));
            core.pipeline.add_waiting(push.bytes);
            if core.acknowledges_early() {
                session.accepted(taken.stream);
                acknowledge(core, connection, session);
            }
        }
        Err(PushFault::Gap { expected }) => {
            let nack = Nack { expected, code: FaultCode::GAP };
            session.send_frame(core, connection, Frame::Nack(nack));
        }
        Err(fault @ PushFault::Fork { .. }) => {
            stale(core, store, (connection, session), (sender, &fault.to_string()));
        }
        Err(fault @ PushFault::Incarnation(_)) => {
            let complaint = Complaint::new(FaultCode::PROTOCOL, fault.to_string());
            refuse(core, connection, session, complaint);
        }
    }
}

/// What a device is told when there is no room, or no time, for what it sends.
pub(super) fn busy_complaint(busy: Busy) -> Complaint {
    match busy {
        Busy::NoRoom => {
            let detail = "the disk of the server is nearly full";
            Complaint::new(FaultCode::STORAGE, detail).retry_after(NO_ROOM_MS)
        }
        Busy::Behind => Complaint::new(FaultCode::BUSY, "the disk is behind").retry_after(2_000),
    }
}

/// What a device is told that sends more than it may.
pub(super) fn over_budget(wait: WaitMs) -> Complaint {
    Complaint::new(FaultCode::RATE, "this device sends more than it may").retry_after(wait.0)
}

/// Sends the ACK that is owed, when the peer reads.
pub(crate) fn acknowledge(core: &mut Core, connection: ConnectionNo, session: &mut Session) {
    let reads = session.unread <= UNREAD_BEFORE_ACKS_WAIT;
    let Some(open) = session.open().filter(|open| open.ack_due && reads) else { return };
    open.ack_due = false;
    look_what_is_safe(core, open);
    let chain = core.pipeline.durable_chain();
    let ack = Ack {
        accepted_seq: open.stream.accepted,
        accepted_hash: open.stream.hash,
        chain_no: chain.no,
        chain_head: chain.hash,
        safe_seq: open.safe,
        head: super::head(core),
    };
    session.send_frame(core, connection, Frame::Ack(ack));
}

/// Looks up what is safe of a device. All of it that will ever be up to one intake record is known
/// when that record is safe: it is looked up once for each.
fn look_what_is_safe(core: &Core, open: &mut Open) {
    if open.safe_up_to == core.safe.intake {
        return;
    }
    let key = (open.sender.device, open.sender.incarnation);
    open.safe = safe_seq(core.pipeline.cut().as_ref(), key, open.stream, core);
    open.safe_up_to = core.safe.intake;
}

/// The last operation of an incarnation that no failure of this server can take away. Links are
/// contiguous and rise with the intake: halving finds it. A link that was dropped by age is safe.
pub(super) fn safe_seq(
    tables: &dyn Tables,
    (device, incarnation): (DeviceId, Incarnation),
    stream: Stream,
    core: &Core,
) -> Seq {
    if core.safe.intake.0 == 0 {
        return Seq(0);
    }
    let is_safe = |seq: u64| {
        tables
            .row::<Links>(&(device, incarnation, Seq(seq)))
            .is_none_or(|link| link.intake <= core.safe.intake)
    };
    let (mut low, mut high) = (0, stream.accepted.0);
    while low < high {
        let middle = low.midpoint(high).saturating_add(1).min(high);
        if is_safe(middle) {
            low = middle;
        } else {
            high = middle.saturating_sub(1);
        }
    }
    Seq(low)
}

/// The next lease is on the device's disk: from here on only that one is taken.
pub(super) fn lease_ok(core: &mut Core, store: &dyn Store, session: &mut Session, counter: u64) {
    let Some(open) = session.open() else { return };
    if counter != open.offered.counter {
        return;
    }
    let key = (open.sender.device, open.sender.incarnation);
    let row = LeaseRow { seen: counter, offered: None };
    core.write(store, None, |draft| draft.put::<Leases>(&key, row));
}

/// What a device says of what it holds.
pub(super) struct Said {
    /// When it said so, by the clock of the running boot.
    pub(super) sent_us: u64,
    /// Operations without an acknowledgement.
    pub(super) pending: u64,
    /// The oldest of them, when it is of this boot.
    pub(super) oldest_us: Option<u64>,
    /// Battery in percent.
    pub(super) battery: Option<u8>,
}

/// Keeps what a device says, for the watermark.
pub(super) fn note(core: &mut Core, open: &Open, said: &Said) {
    let earliest =
        |mono_us| estimate::earliest_by_samples(&open.clock, mono_us).unwrap_or(ServerTime(0));
    let complete_to = match (said.pending, said.oldest_us) {
        (0, _none) => earliest(said.sent_us),
        (_some, Some(oldest_us)) => earliest(oldest_us),
        // Of an earlier boot: nothing new is known, and what was known stands.
        (_some, None) => ServerTime(0),
    };
    let statement = Statement {
        at: core.now(),
        pending: said.pending,
        complete_to: complete_to.min(core.now()),
        battery: said.battery,
    };
    core.watch.note(open.sender.device, statement);
}

/// Keeps what a device says of its storage, and sounds the alarm when that became worse.
fn note_storage(core: &mut Core, store: &dyn Store, device: DeviceId, report: StorageReport) {
    let before = core.view(store, |view| view.row::<DeviceStorages>(&device));
    let known = before.map_or_else(StorageReport::default, |row| row.report);
    // Told again with the next heartbeat, where it may not be noted now.
    if known == report || core.spend(device, Asked::requests(NOTE)).is_err() {
        return;
    }
    if report.is_worse_than(&known) {
        core.alarm(device, Alarm::DeviceStorage { device, report });
    }
    let at = core.now();
    core.write(store, None, |draft| {
        if report.is_good() {
            draft.delete::<DeviceStorages>(&device);
        } else {
            draft.put::<DeviceStorages>(&device, DeviceStorage { at, report });
        }
    });
}

pub(super) fn heartbeat(
    core: &mut Core,
    store: &dyn Store,
    (connection, session): (ConnectionNo, &mut Session),
    heartbeat: &Heartbeat,
) {
    let now = core.now();
    let head = super::head(core);
    let Some(open) = session.open() else { return };
    look_what_is_safe(core, open);
    if heartbeat.boot == open.boot {
        learn_sample(open, heartbeat, now);
        let said = Said {
            sent_us: heartbeat.sent_us,
            pending: heartbeat.pending,
            oldest_us: heartbeat.oldest_pending_us,
            battery: heartbeat.battery,
        };
        note(core, open, &said);
    }
    let device = open.sender.device;
    let answer = HeartbeatAck {
        sent_us: heartbeat.sent_us,
        server_received: now,
        server_sent: now,
        head,
        accepted_seq: open.stream.accepted,
        safe_seq: open.safe,
    };
    session.send_frame(core, connection, Frame::HeartbeatAck(answer));
    note_storage(core, store, device, heartbeat.storage.unwrap_or_default());
    feed::advance(core, (connection, session));
}

fn learn_sample(open: &mut Open, heartbeat: &Heartbeat, now: ServerTime) {
    open.clock.last_us = open.clock.last_us.max(heartbeat.sent_us);
    let Some(sample) = heartbeat.sample else { return };
    let is_plausible = sample.sent_us <= sample.received_us
        && sample.server_received <= sample.server_sent
        && sample.server_sent <= now.0;
    if !is_plausible {
        return;
    }
    open.clock.samples.push(sample);
    keep_best(&mut open.clock.samples);
    open.learnt.retain(|evidence| evidence.boot != open.boot);
    open.learnt.push(BootEvidence {
        boot: open.boot,
        last_us: open.clock.last_us,
        samples: open.clock.samples.clone(),
        wall_at_start: None,
    });
}
