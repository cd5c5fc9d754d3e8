//! The server's half of a conversation with one device, as a state machine (SYNC 2.3, 2.4, 2.7).
//!
//! 1. Nothing of a stranger touches the disk; nothing is told before it is durable.
//! 2. Upload and download never wait for each other.
//! 3. Whatever arrives in the wrong place, broken or too large, is answered with a documented fault
//!    and a closed connection: the device keeps everything and comes back.
//! 4. What a peer does not read is not made: feeds go on when the socket took what was sent, acks
//!    are cumulative, and a peer that asks without reading is closed.
//!
//! Order of reading: [`wire`] (messages), this module (stages), `hello` (who are you), `upload`
//! (acks, heartbeats), [`feed`] (what comes back), [`check`] (is it what should be there), [`beside`]
//! (photos, questions), [`lease`], [`proof`], [`budget`] (how much one device may send), `turns` (who
//! may be sent a snapshot).

pub mod beside;
pub mod budget;
pub mod check;
pub mod feed;
mod hello;
pub mod lease;
pub mod order;
pub mod proof;
pub(crate) mod turns;
mod upload;
pub mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use ledger::schema::SiteId;
use ledger::schema::identity::{DeviceState, Devices};
use ledger::tables::Read as _;
use protocol::evidence::BootEvidence;
use protocol::frame::{Bye, Fault, FaultCode, Frame, GoAway, Hello, Lease, Resume, capability};
use protocol::identity::{Boot, DeviceId, IntakeNo, Lsn, Seq, ServerEpoch, ServerTime};

use crate::intake::push::Sender;
use crate::machine::core::Core;
use crate::machine::{Action, Alarm};
use crate::schema::{BootClock, Stream};
use crate::store::Store;
use wire::{Compression, ConnectionNo, Incoming, Message};

pub(crate) use hello::{enrolled, incarnated, welcome};
pub(crate) use order::key_ok;
pub(crate) use upload::acknowledge;

/// A stranger must say who it is within this time.
const STRANGER_US: i64 = 5_000_000;
/// Messages that a peer may leave unread before it is closed.
const UNREAD_MAX: u32 = 256;
/// Messages that a peer may leave unread before acks are saved up.
const UNREAD_BEFORE_ACKS_WAIT: u32 = 16;

/// A conversation.
pub struct Session {
    stage: Stage,
    nonce: [u8; 32],
    heard: ServerTime,
    unread: u32,
    compression: Compression,
}

enum Stage {
    /// Nothing was said yet.
    Stranger { since: ServerTime },
    /// It was asked to prove who it is.
    Challenged(Box<Challenged>),
    /// It asked to join; the decision is awaited.
    Enrolling { code: [u8; 32], public_key: Vec<u8> },
    /// It may do nothing any more, and was told to wipe itself.
    Ordered { device: DeviceId },
    /// It gets a new incarnation; the decision is awaited.
    Incarnating { sender: Sender, why: String },
    /// It is who it says; its next lease is being written down.
    Admitted(Box<Open>),
    /// It is in.
    Open(Box<Open>),
    /// It was told to go.
    Ended,
}

struct Challenged {
    hello: Hello,
    hello_body: Vec<u8>,
    challenge_body: Vec<u8>,
    since: ServerTime,
}

/// A device that is in.
struct Open {
    sender: Sender,
    /// Its scope, when it came in.
    scope_version: u64,
    /// It may upload and nothing else.
    is_suspended: bool,
    /// It can read orders.
    takes_orders: bool,
    /// The generation that its cursor belongs to.
    epoch: ServerEpoch,
    resume: Resume,
    /// The lease that was offered in WELCOME.
    offered: Lease,
    /// What is durable of its incarnation.
    stream: Stream,
    safe: Seq,
    /// The intake record that `safe` was looked up for.
    safe_up_to: IntakeNo,
    /// An ACK is owed.
    ack_due: bool,
    /// Bytes that were taken and not acknowledged.
    unacknowledged: usize,
    /// What was learnt of its clocks and is in no intake record yet.
    learnt: Vec<BootEvidence>,
    /// The clock of the boot that is running.
    boot: Boot,
    clock: BootClock,
    feed: feed::Feed,
    /// Features that both sides have.
    capabilities: u64,
    check: check::Check,
}

impl Session {
    pub(crate) fn opened(nonce: [u8; 32], now: ServerTime) -> Self {
        Self {
            stage: Stage::Stranger { since: now },
            nonce,
            heard: now,
            unread: 0,
            compression: Compression::None,
        }
    }

    /// One message was written to the socket.
    pub(crate) fn sent(&mut self) {
        self.unread = self.unread.saturating_sub(1);
        if let Some(open) = self.open() {
            open.feed.sent();
        }
    }

    /// More of its operations are durable.
    pub(crate) fn accepted(&mut self, stream: Stream) {
        if let Some(open) = self.open() {
            open.stream = stream;
            open.ack_due = true;
            open.unacknowledged = 0;
        }
    }

    fn open(&mut self) -> Option<&mut Open> {
        match &mut self.stage {
            Stage::Open(open) => Some(open),
            Stage::Stranger { .. }
            | Stage::Challenged(_)
            | Stage::Enrolling { .. }
            | Stage::Ordered { .. }
            | Stage::Incarnating { .. }
            | Stage::Admitted(_)
            | Stage::Ended => None,
        }
    }

    /// The site whose feed it follows.
    pub(crate) fn site(&self) -> Option<SiteId> {
        match &self.stage {
            Stage::Open(open) => Some(open.sender.site),
            Stage::Stranger { .. }
            | Stage::Challenged(_)
            | Stage::Enrolling { .. }
            | Stage::Ordered { .. }
            | Stage::Incarnating { .. }
            | Stage::Admitted(_)
            | Stage::Ended => None,
        }
    }

    fn is_ended(&self) -> bool {
        matches!(self.stage, Stage::Ended)
    }

    /// Sends `message`; a peer that does not read is closed.
    fn send(&mut self, core: &mut Core, connection: ConnectionNo, message: Arc<Message>) {
        if self.is_ended() {
            return;
        }
        self.unread = self.unread.saturating_add(1);
        core.act(Action::Send { connection, message, compression: self.compression });
        if self.unread > UNREAD_MAX {
            self.close(core, connection);
        }
    }

    pub(crate) fn send_frame(&mut self, core: &mut Core, connection: ConnectionNo, frame: Frame) {
        self.send(core, connection, Arc::new(Message::new(frame)));
    }

    fn close(&mut self, core: &mut Core, connection: ConnectionNo) {
        if !self.is_ended() {
            self.stage = Stage::Ended;
            core.by_store.retain(|_store, held| *held != connection);
            core.turns.leave(connection);
            core.act(Action::Close { connection });
        }
    }
}

/// A fault, and what the device should do.
struct Complaint {
    code: FaultCode,
    detail: String,
    retry_after_ms: Option<u32>,
}

impl Complaint {
    fn new(code: FaultCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), retry_after_ms: None }
    }

    fn retry_after(self, ms: u32) -> Self {
        Self { retry_after_ms: Some(ms), ..self }
    }
}

fn complain(
    core: &mut Core,
    connection: ConnectionNo,
    session: &mut Session,
    complaint: Complaint,
) {
    let fault = Fault {
        code: complaint.code,
        retryable: complaint.retry_after_ms.is_some(),
        retry_after_ms: complaint.retry_after_ms,
        detail: complaint.detail,
    };
    session.send_frame(core, connection, Frame::Fault(fault));
}

/// Says what is wrong, and closes.
fn refuse(core: &mut Core, connection: ConnectionNo, session: &mut Session, complaint: Complaint) {
    complain(core, connection, session, complaint);
    session.close(core, connection);
}

/// Ends a conversation in good order.
pub(crate) fn end(core: &mut Core, connection: ConnectionNo, session: &mut Session, reason: &str) {
    session.send_frame(core, connection, Frame::Bye(Bye { reason: reason.to_owned() }));
    session.close(core, connection);
}

/// What a device may do was changed, or it was told something: it hears of it at once.
pub(crate) fn card_changed(
    core: &mut Core,
    store: &dyn Store,
    (connection, session): (ConnectionNo, &mut Session),
) {
    let Some(open) = session.open() else { return };
    let (device, is_suspended, takes_orders) =
        (open.sender.device, open.is_suspended, open.takes_orders);
    let cut = core.pipeline.cut().clone();
    let state = cut.row::<Devices>(&device).map(|device| device.state);
    match state {
        Some(DeviceState::Active) if !is_suspended => order::greet(core, connection, session),
        Some(DeviceState::Suspended) if is_suspended => order::greet(core, connection, session),
        Some(DeviceState::Active | DeviceState::Suspended) => {
            end(core, connection, session, "what this device may do was changed");
        }
        Some(DeviceState::Revoked) | None => {
            let capabilities = if takes_orders { capability::ORDERS } else { 0 };
            order::last_word(core, store, (connection, session), (device, capabilities));
        }
    }
}

/// Takes one message.
pub(crate) fn receive(
    core: &mut Core,
    store: &dyn Store,
    (connection, session): (ConnectionNo, &mut Session),
    incoming: Incoming,
) {
    if session.is_ended() {
        return;
    }
    session.heard = core.now();
    match incoming {
        Incoming::Broken { fault, detail } => {
            let complaint = Complaint::new(fault, detail).retry_after(1_000);
            refuse(core, connection, session, complaint);
        }
        Incoming::Push(push) => match session.stage {
            Stage::Open(_) => upload::push(core, store, (connection, session), &push),
            // What was on its way when the fork was found, or the device was told to go.
            Stage::Incarnating { .. } | Stage::Ordered { .. } | Stage::Ended => {}
            Stage::Stranger { .. }
            | Stage::Challenged(_)
            | Stage::Enrolling { .. }
            | Stage::Admitted(_) => out_of_place(core, connection, session, "PUSH"),
        },
        Incoming::Frame(frame) => {
            let (frame, body) = *frame;
            take_frame(core, store, (connection, session), (frame, body));
        }
    }
}

fn out_of_place(core: &mut Core, connection: ConnectionNo, session: &mut Session, name: &str) {
    let detail = format!("{name} does not belong here");
    refuse(core, connection, session, Complaint::new(FaultCode::PROTOCOL, detail));
}

/// Takes what `frame` costs from the budget of a device that is in; whether it is answered.
fn may_ask(
    core: &mut Core,
    (connection, session): (ConnectionNo, &mut Session),
    frame: &Frame,
) -> bool {
    let Stage::Open(open) = &session.stage else { return true };
    let Err(wait) = core.spend(open.sender.device, budget::Asked::frame(frame)) else {
        return true;
    };
    // A question may stay without an answer; whatever else it wants, it asks when it is back.
    if !matches!(frame, Frame::Query(_)) {
        refuse(core, connection, session, upload::over_budget(wait));
    }
    false
}

fn take_frame(
    core: &mut Core,
    store: &dyn Store,
    (connection, session): (ConnectionNo, &mut Session),
    (frame, body): (Frame, Vec<u8>),
) {
    let name = frame.name();
    if !may_ask(core, (connection, session), &frame) {
        return;
    }
    match (&session.stage, frame) {
        (_stage, Frame::Bye(_)) => session.close(core, connection),
        (Stage::Ordered { device }, Frame::CommandResult(said)) => {
            order::result(core, store, (*device, &said));
            session.close(core, connection);
        }
        (Stage::Incarnating { .. } | Stage::Ordered { .. }, _on_its_way) => {}
        (Stage::Open(open), Frame::CommandResult(said)) => {
            order::result(core, store, (open.sender.device, &said));
        }
        (Stage::Open(open), Frame::Witness(seen)) => {
            order::witness(core, store, (open.sender.device, seen));
        }
        (Stage::Open(_), Frame::RotateKey(asked)) => {
            order::rotate(core, store, (connection, session), asked);
        }
        (Stage::Stranger { .. }, Frame::Hello(hello)) => {
            hello::hello(core, store, (connection, session), (hello, body));
        }
        (Stage::Stranger { .. }, Frame::Enrol(enrol)) => {
            hello::enrol(core, store, (connection, session), &enrol);
        }
        (Stage::Challenged(_), Frame::Auth(auth)) => {
            hello::auth(core, store, (connection, session), &auth);
        }
        (Stage::Open(_), Frame::LeaseOk(lease)) => {
            upload::lease_ok(core, store, session, lease.counter);
        }
        (Stage::Open(_), Frame::Push(push)) => {
            let limits = core.config.limits;
            match crate::intake::push::PreparedPush::new(&push, body.len(), &limits) {
                Ok(push) => upload::push(core, store, (connection, session), &push),
                Err(error) => {
                    let complaint = Complaint::new(FaultCode::DECODE, error.to_string());
                    refuse(core, connection, session, complaint);
                }
            }
        }
        (Stage::Open(_), Frame::Heartbeat(heartbeat)) => {
            upload::heartbeat(core, store, (connection, session), &heartbeat);
        }
        (Stage::Open(_), Frame::Subscribe(subscribe)) => {
            feed::subscribe(core, (connection, session), subscribe);
        }
        (Stage::Open(open), Frame::SnapResume(resume)) if !open.is_suspended => {
            feed::resume(core, (connection, session), resume);
        }
        (Stage::Open(_), Frame::DeltaAck(_)) => {}
        (Stage::Open(_), Frame::BlobPut(put)) => {
            beside::put(core, store, (connection, session), &put);
        }
        (Stage::Open(_), Frame::Query(query)) => {
            beside::query(core, (connection, session), &query);
        }
        (Stage::Open(_), Frame::RepairRequest(request)) => {
            check::answered(core, (connection, session), request);
        }
        (Stage::Open(_), Frame::Fault(fault)) => {
            feed::device_fault(core, (connection, session), &fault);
        }
        (_stage, _frame) => out_of_place(core, connection, session, name),
    }
}

/// Closes what has been silent for too long.
pub(crate) fn check_silence(core: &mut Core, connection: ConnectionNo, session: &mut Session) {
    let now = core.now();
    match &session.stage {
        Stage::Stranger { since } if now.us_since(*since) > STRANGER_US => {
            session.close(core, connection);
        }
        Stage::Challenged(challenged) if now.us_since(challenged.since) > STRANGER_US => {
            session.close(core, connection);
        }
        Stage::Stranger { .. }
        | Stage::Challenged(_)
        | Stage::Enrolling { .. }
        | Stage::Ordered { .. }
        | Stage::Incarnating { .. }
        | Stage::Admitted(_)
        | Stage::Open(_) => {
            let limit = i64::try_from(core.config.silence_max_us).unwrap_or(i64::MAX);
            if now.us_since(session.heard) > limit {
                session.close(core, connection);
            }
        }
        Stage::Ended => {}
    }
}

/// Tells every device to come back within a window, and closes.
pub(crate) fn send_away(
    core: &mut Core,
    sessions: &mut BTreeMap<ConnectionNo, Session>,
    (after_min_ms, after_max_ms): (u32, u32),
    reason: &str,
) {
    for (connection, session) in sessions {
        let away =
            GoAway { after_min_ms, after_max_ms, reason: reason.to_owned(), other_url: None };
        session.send_frame(core, *connection, Frame::GoAway(away));
        session.close(core, *connection);
    }
}

/// The store of this device is an old copy: it gets a new incarnation (SYNC 2.7).
fn stale(
    core: &mut Core,
    store: &dyn Store,
    (connection, session): (ConnectionNo, &mut Session),
    (sender, why): (Sender, &str),
) {
    let command = crate::identity::command::MachineCommand::Incarnate {
        device: sender.device,
        above: sender.incarnation,
    };
    let device = sender.device;
    core.alarm(device, Alarm::StaleStore { device, why: why.to_owned() });
    if let Some(no) = core.machine_command(store, &command) {
        core.incarnating.insert(no, connection);
    }
    session.stage = Stage::Incarnating { sender, why: why.to_owned() };
}

/// The last decision that is durable.
fn head(core: &Core) -> Lsn {
    core.pipeline.durable_head().lsn
}
