//! Who are you? HELLO, CHALLENGE, AUTH, WELCOME; ENROL; STALE_STORE.

use ledger::schema::identity::{Device, DeviceState, Devices, Enrolments};
use ledger::schema::place::Sites;
use ledger::tables::{Read as _, Tables};
use protocol::evidence::{BootEvidence, ClockSample};
use protocol::frame::{
    Auth, Challenge, Enrol, EnrolOk, FaultCode, Frame, Hello, Limits, PROTOCOL_MAX, PROTOCOL_MIN,
    Resume, StaleStore, Welcome, auth_digest, capability, codec,
};
use protocol::identity::{Incarnation, IntakeNo, Lsn, ServerEpoch, ServerTime};
use protocol::words::SiteCode;
use serde_bytes::ByteBuf;

use super::check::Check;
use super::feed::Feed;
use super::lease::Shown;
use super::upload::{Said, note};
use super::wire::{Compression, ConnectionNo};
use super::{Challenged, Complaint, Open, Session, Stage, order, proof, refuse, stale};
use crate::identity::command::MachineCommand;
use crate::identity::digest;
use crate::identity::gap::GapKey;
use crate::intake::push::Sender;
use crate::intake::{is_of_this_log, server_epoch};
use crate::machine::core::{After, Core};
use crate::machine::{Action, Alarm, Bug};
use crate::schema::{BootClock, LeaseRow, Leases, Stream, Streams};
use crate::store::Store;

pub(super) fn hello(
    core: &mut Core,
    store: &dyn Store,
    (connection, session): (ConnectionNo, &mut Session),
    (hello, hello_body): (Hello, Vec<u8>),
) {
    let size = u32::try_from(hello_body.len()).unwrap_or(u32::MAX);
    if size > Limits::UNAUTHENTICATED_BYTES_MAX {
        let complaint = Complaint::new(FaultCode::TOO_LARGE, "HELLO is too large");
        return refuse(core, connection, session, complaint);
    }
    if hello.protocol_max < PROTOCOL_MIN || hello.protocol_min > PROTOCOL_MAX {
        let complaint = Complaint::new(FaultCode::VERSION, "no framing in common: update the app");
        return refuse(core, connection, session, complaint);
    }
    let (known, epoch) =
        core.view(store, |view| (view.has::<Devices>(&hello.device), server_epoch(view)));
    if !known {
        let complaint = Complaint::new(FaultCode::UNKNOWN_DEVICE, "enrol this device here");
        return refuse(core, connection, session, complaint);
    }
    let now = core.now();
    let challenge = Frame::Challenge(Challenge {
        protocol: hello.protocol_max.min(PROTOCOL_MAX),
        capabilities: hello.capabilities & capability::ALL,
        epoch,
        nonce: ByteBuf::from(session.nonce.to_vec()),
        sent_us: hello.sent_us,
        server_received: now,
        server_sent: now,
        limits: core.config.limits,
        heartbeat_ms: core.config.heartbeat_ms,
    });
    let challenge_body = codec::body(&challenge);
    session.send_frame(core, connection, challenge);
    if !session.is_ended() {
        let challenged = Challenged { hello, hello_body, challenge_body, since: now };
        session.stage = Stage::Challenged(Box::new(challenged));
    }
}

pub(super) fn auth(
    core: &mut Core,
    store: &dyn Store,
    (connection, session): (ConnectionNo, &mut Session),
    auth: &Auth,
) {
    let Stage::Challenged(challenged) = std::mem::replace(&mut session.stage, Stage::Ended) else {
        return;
    };
    // Until it is admitted, the stage must not say that it has ended.
    session.stage = Stage::Stranger { since: challenged.since };
    let device = core.view(store, |view| view.row::<Devices>(&challenged.hello.device));
    let message = auth_digest(&challenged.hello_body, &challenged.challenge_body);
    let now = core.now();
    let device = device.filter(|device| {
        let signed = (message.as_slice(), auth.signature.as_slice());
        let id = challenged.hello.device;
        core.view(store, |view| order::is_proved(view, (id, device), signed, now))
    });
    let Some(device) = device else {
        let complaint = Complaint::new(FaultCode::AUTH, "the signature does not match");
        return refuse(core, connection, session, complaint);
    };
    if device.state == DeviceState::Revoked {
        let (id, capabilities) = (challenged.hello.device, challenged.hello.capabilities);
        return order::last_word(core, store, (connection, session), (id, capabilities));
    }
    core.act(Action::Authenticated { connection, device: challenged.hello.device });
    let admission = Admission { device: &device, challenged: &challenged, auth };
    admission.admit(core, store, (connection, session));
}

/// A device that has proved who it is.
struct Admission<'a> {
    device: &'a Device,
    challenged: &'a Challenged,
    auth: &'a Auth,
}

/// What the tables say of a device that comes in.
struct Known {
    lease: Shown,
    row: Option<LeaseRow>,
    stream: Stream,
    scope_version: u64,
    epoch: ServerEpoch,
    resume: Resume,
}

impl Admission<'_> {
    fn sender(&self) -> Sender {
        let hello = &self.challenged.hello;
        Sender {
            device: hello.device,
            incarnation: hello.incarnation,
            site: self.device.site,
            enrolled: self.device.enrolled,
        }
    }

    fn admit(
        &self,
        core: &mut Core,
        store: &dyn Store,
        (connection, session): (ConnectionNo, &mut Session),
    ) {
        let hello = &self.challenged.hello;
        let sender = self.sender();
        let key = (hello.device, hello.incarnation);
        let known = core.view(store, |view| self.known(core, view));
        if hello.capabilities & capability::ZSTD != 0 {
            session.compression = Compression::Zstd;
        }
        if let Some(gap) = self.missing(&known) {
            note_gaps(core, store, &[gap]);
        }
        if let Some(why) = self.stale_because(&known) {
            return stale(core, store, (connection, session), (sender, why));
        }
        // After a restore every device has seen more than the restored store: that is expected.
        if known.lease == Shown::Newer && hello.epoch >= known.epoch {
            core.alarm(hello.device, Alarm::ServerIsOldCopy { device: hello.device });
        }
        let shown = hello.lease.counter;
        // The same offer again, until it was seen: the last WELCOME may have been lost.
        let offered = known
            .row
            .and_then(|row| row.offered)
            .filter(|offered| *offered > shown)
            .unwrap_or(shown.saturating_add(1));
        let lease = LeaseRow { seen: shown, offered: Some(offered) };
        core.write(store, Some(After::Welcome { connection }), |draft| {
            draft.put::<Leases>(&key, lease);
        });
        core.admitted(key, connection);
        let clock = self.clock();
        let safe = core.view(store, |view| super::upload::safe_seq(view, key, known.stream, core));
        let open = Open {
            sender,
            scope_version: known.scope_version,
            is_suspended: self.device.state == DeviceState::Suspended,
            takes_orders: hello.capabilities & capability::ORDERS != 0,
            epoch: hello.epoch,
            resume: known.resume,
            offered: core.config.lease_secret.lease(key.0, key.1, offered),
            stream: known.stream,
            safe,
            safe_up_to: IntakeNo(0),
            ack_due: false,
            unacknowledged: 0,
            learnt: self.evidence(&clock),
            boot: hello.boot,
            clock,
            feed: Feed::new(core.now()),
            capabilities: hello.capabilities & capability::ALL,
            check: Check::new(core),
        };
        note(core, &open, &self.said());
        session.stage = Stage::Admitted(Box::new(open));
    }

    fn known(&self, core: &Core, view: &dyn Tables) -> Known {
        let hello = &self.challenged.hello;
        let key = (hello.device, hello.incarnation);
        let row = view.row::<Leases>(&key).map(|row| *row);
        let site = view.row::<Sites>(&self.device.site);
        let scope_version = site.map_or(0, |site| site.scope_version);
        Known {
            lease: if core.config.bug == Some(Bug::NoLease) {
                Shown::Current
            } else {
                core.config.lease_secret.judge(key, row, &hello.lease)
            },
            row,
            stream: view.row::<Streams>(&key).map_or_else(Stream::default, |row| *row),
            scope_version,
            epoch: server_epoch(view),
            resume: self.resume(core, view, scope_version),
        }
    }

    fn resume(&self, core: &Core, view: &dyn Tables, scope_version: u64) -> Resume {
        let hello = &self.challenged.hello;
        let head = core.pipeline.durable_head().lsn;
        let follows = hello.scope_version == scope_version
            && hello.cursor > Lsn(0)
            && hello.cursor <= head
            && hello.cursor >= core.floor_low()
            && is_of_this_log(view, hello.cursor, hello.epoch);
        if self.device.state == DeviceState::Suspended {
            Resume::UpToDate
        } else if !follows {
            Resume::Snapshot
        } else if hello.cursor == head {
            Resume::UpToDate
        } else {
            Resume::Delta
        }
    }

    /// Why the store of this device is an old copy, or a copy of another one.
    fn stale_because(&self, known: &Known) -> Option<&'static str> {
        let hello = &self.challenged.hello;
        let accepted = known.stream.accepted;
        match known.lease {
            Shown::Old => return Some("its lease is older than one that was shown before"),
            Shown::Forged => return Some("its lease was not given here"),
            Shown::Current | Shown::Newer => {}
        }
        if hello.incarnation > self.device.incarnation {
            return Some("its incarnation was not given here");
        }
        if hello.next_seq <= accepted {
            return Some("it would use numbers again that are taken");
        }
        if hello.next_seq == accepted.next() && hello.tail_hash != known.stream.hash {
            return Some("its last operation is known with other content");
        }
        if self.missing(known).is_some() {
            return Some("operations are missing here and in its recorder");
        }
        None
    }

    /// Operations that are neither here nor in its recorder: they were safe in a backup that is
    /// lost as well.
    fn missing(&self, known: &Known) -> Option<GapKey> {
        let hello = &self.challenged.hello;
        let is_its_own = matches!(known.lease, Shown::Current | Shown::Newer)
            && hello.incarnation == self.device.incarnation;
        let from = known.stream.accepted.next();
        (is_its_own && hello.oldest_seq > from && hello.next_seq >= hello.oldest_seq).then(|| {
            GapKey {
                device: hello.device,
                incarnation: hello.incarnation,
                from,
                to: protocol::identity::Seq(hello.oldest_seq.0.saturating_sub(1)),
            }
        })
    }

    /// The clock of the running boot: what the device knows, and the sample that AUTH completes.
    fn clock(&self) -> BootClock {
        let hello = &self.challenged.hello;
        let since = self.challenged.since.0;
        let sample = ClockSample {
            sent_us: hello.sent_us,
            server_received: since,
            server_sent: since,
            received_us: self.auth.received_us,
        };
        let is_plausible = sample.sent_us <= sample.received_us;
        let told = hello.boots.iter().find(|evidence| evidence.boot == hello.boot);
        let told = told.map(|evidence| evidence.samples.clone()).unwrap_or_default();
        BootClock {
            samples: told.into_iter().chain(is_plausible.then_some(sample)).collect(),
            last_us: self.auth.received_us,
            ..BootClock::default()
        }
    }

    fn evidence(&self, clock: &BootClock) -> Vec<BootEvidence> {
        let hello = &self.challenged.hello;
        let wall = hello.boots.iter().find(|evidence| evidence.boot == hello.boot);
        let running = BootEvidence {
            boot: hello.boot,
            last_us: clock.last_us,
            samples: clock.samples.clone(),
            wall_at_start: wall.and_then(|evidence| evidence.wall_at_start),
        };
        let others = hello.boots.iter().filter(|evidence| evidence.boot != hello.boot);
        others.cloned().chain([running]).collect()
    }

    fn said(&self) -> Said {
        let hello = &self.challenged.hello;
        let age = hello.oldest_pending_age_us;
        Said {
            sent_us: hello.sent_us,
            pending: hello.pending,
            oldest_us: (age > 0).then(|| hello.sent_us.saturating_sub(age)),
            battery: hello.battery,
        }
    }
}

/// Notes operations of one device that are nowhere any more: a person is told at once, and the book
/// keeps it.
pub(super) fn note_gaps(core: &mut Core, store: &dyn Store, gaps: &[GapKey]) {
    let Some(device) = gaps.first().map(|gap| gap.device) else { return };
    let missing = |gap: &GapKey| gap.to.0.saturating_sub(gap.from.0).saturating_add(1);
    let n_operations = gaps.iter().map(missing).fold(0, u64::saturating_add);
    core.alarm(device, Alarm::OperationsMissing { device, n_operations });
    for gap in gaps {
        let GapKey { device, incarnation, from, to } = *gap;
        core.machine_command(store, &MachineCommand::NoteGap { device, incarnation, from, to });
    }
}

/// Lets a device in whose next lease is durable.
pub(crate) fn welcome(core: &mut Core, connection: ConnectionNo, session: &mut Session) {
    let open = match std::mem::replace(&mut session.stage, Stage::Ended) {
        Stage::Admitted(open) => open,
        other @ (Stage::Stranger { .. }
        | Stage::Challenged(_)
        | Stage::Enrolling { .. }
        | Stage::Ordered { .. }
        | Stage::Incarnating { .. }
        | Stage::Open(_)
        | Stage::Ended) => {
            session.stage = other;
            return;
        }
    };
    let cut = core.pipeline.cut().clone();
    let chain = core.pipeline.durable_chain();
    let name = session.nonce.first_chunk().copied().unwrap_or_default();
    let welcome = Welcome {
        session: u64::from_le_bytes(name),
        accepted_seq: open.stream.accepted,
        accepted_hash: open.stream.hash,
        chain_no: chain.no,
        chain_head: chain.hash,
        safe_seq: open.safe,
        lease: open.offered.clone(),
        resume: open.resume,
        scope_version: open.scope_version,
        company: company_name(cut.as_ref()),
        site: site_code(cut.as_ref(), open.sender),
        head: super::head(core),
        feed_low: core.floor_low(),
    };
    session.stage = Stage::Open(open);
    session.send_frame(core, connection, Frame::Welcome(welcome));
    order::greet(core, connection, session);
}

fn company_name(tables: &dyn Tables) -> String {
    let company = tables.row::<ledger::schema::book::Companies>(&());
    company.map(|company| company.name.clone()).unwrap_or_default()
}

fn site_code(tables: &dyn Tables, sender: Sender) -> SiteCode {
    tables.row::<Sites>(&sender.site).map_or_else(
        || SiteCode::new("?").expect("one sign is a site code"),
        |site| site.code.clone(),
    )
}

pub(super) fn enrol(
    core: &mut Core,
    store: &dyn Store,
    (connection, session): (ConnectionNo, &mut Session),
    enrol: &Enrol,
) {
    let code = digest(&enrol.code);
    let message = proof::enrol_message(&enrol.code);
    let is_signed =
        proof::is_signed(enrol.algorithm, &enrol.public_key, &message, &enrol.signature);
    let now = core.now();
    let is_open = core.view(store, |view| may_join(view, &code, &enrol.public_key, now));
    if !is_signed || !is_open {
        let detail = "the code is wrong, used, or too old: ask for a new one";
        return refuse(core, connection, session, Complaint::new(FaultCode::ENROLMENT, detail));
    }
    let command = MachineCommand::Enrol {
        code_hash: ByteBuf::from(code.to_vec()),
        algorithm: enrol.algorithm,
        public_key: enrol.public_key.clone(),
        name: enrol.name.chars().take(100).collect(),
        model: enrol.model.chars().take(100).collect(),
    };
    if let Some(no) = core.machine_command(store, &command) {
        core.enrolling.insert(no, connection);
    }
    session.stage = Stage::Enrolling { code, public_key: enrol.public_key.to_vec() };
}

/// Whether a code lets this key in: unused and in time, or used by the same key before.
fn may_join(view: &dyn Tables, code: &[u8; 32], public_key: &[u8], now: ServerTime) -> bool {
    view.row::<Enrolments>(code).is_some_and(|enrolment| match enrolment.used_by {
        None => now < enrolment.expires,
        Some(device) => {
            view.row::<Devices>(&device).is_some_and(|device| *device.public_key == *public_key)
        }
    })
}

/// Answers an enrolment that was decided.
pub(crate) fn enrolled(
    core: &mut Core,
    store: &dyn Store,
    (connection, session): (ConnectionNo, &mut Session),
) {
    let Stage::Enrolling { code, public_key } = &session.stage else { return };
    let answer = core.view(store, |view| {
        let id = view.row::<Enrolments>(code)?.used_by?;
        let device = view.row::<Devices>(&id)?;
        (*device.public_key == **public_key).then(|| EnrolOk {
            device: id,
            incarnation: device.incarnation,
            lease: core.config.lease_secret.lease(id, device.incarnation, 1),
            epoch: server_epoch(view),
            company: company_name(view),
            site: view
                .row::<Sites>(&device.site)
                .map_or_else(|| SiteCode::new("?").expect("one sign"), |site| site.code.clone()),
        })
    });
    if let Some(answer) = answer {
        session.send_frame(core, connection, Frame::EnrolOk(answer));
        session.close(core, connection);
    } else {
        let complaint = Complaint::new(FaultCode::ENROLMENT, "the code was used meanwhile");
        refuse(core, connection, session, complaint);
    }
}

/// Tells a device its new incarnation, now that it is durable.
pub(crate) fn incarnated(
    core: &mut Core,
    store: &dyn Store,
    (connection, session): (ConnectionNo, &mut Session),
) {
    let Stage::Incarnating { sender, why } = &session.stage else { return };
    let (incarnation, epoch) = core.view(store, |view| {
        let device = view.row::<Devices>(&sender.device);
        let given = device.map_or(Incarnation(0), |device| device.incarnation);
        (given, server_epoch(view))
    });
    let answer = StaleStore {
        incarnation,
        lease: core.config.lease_secret.lease(sender.device, incarnation, 1),
        epoch,
        reason: why.clone(),
    };
    session.send_frame(core, connection, Frame::StaleStore(answer));
    session.close(core, connection);
}
