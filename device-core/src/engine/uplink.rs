//! What is sent: doing what the session wants, with the memory of the device.

use std::collections::{BTreeSet, VecDeque};

use protocol::evidence::BootEvidence;
use protocol::frame::{
    Auth, DeltaAck, Enrol, Fault, FaultCode, Frame, Heartbeat, Hello, Lease, LeaseOk, Limits,
    PROTOCOL_MAX, PROTOCOL_MIN, Subscribe, auth_digest, capability, codec,
};
use protocol::identity::{Boot, DeviceId, Hash16, Incarnation, Lsn, Seq, ServerEpoch};
use serde_bytes::ByteBuf;

use super::{Action, Address, Connection, DeviceCore, Event, Moment, News};
use crate::recorder::ChainHash;
use crate::session::{self, Report};

/// What belongs to one connection.
#[derive(Debug, Default)]
pub(super) struct Handshake {
    /// The body of HELLO as it was sent.
    pub(super) hello: Vec<u8>,
    /// The body of CHALLENGE as it was received.
    pub(super) challenge: Vec<u8>,
    /// t1 of the sample that HELLO began.
    pub(super) sent_us: u64,
    /// t4 of it.
    pub(super) received_us: u64,
    /// The server's epoch.
    pub(super) epoch: ServerEpoch,
    /// What both sides can do.
    pub(super) capabilities: u64,
    /// What the server takes and sends.
    pub(super) limits: Option<Limits>,
    /// The lease that is on the disk and not yet confirmed.
    pub(super) lease: Option<u64>,
    /// t1 of the last heartbeat.
    pub(super) heartbeat_us: Option<u64>,
    /// Whether the server was told that its rows cannot be read.
    pub(super) has_complained: bool,
}

/// Version of the row schemas of this build.
const TABLE_VERSION: u16 = 1;
/// HELLO carries the evidence of at most so many boots: it must stay below 8 KiB.
const HELLO_BOOTS_MAX: usize = 12;

pub(super) fn hash16(hash: ChainHash) -> Hash16 {
    Hash16(hash.0)
}

impl DeviceCore {
    /// Lets the session take `event`, and does what it wants, until it wants nothing more.
    pub(super) fn drive(&mut self, at: Moment, event: session::Event, actions: &mut Vec<Action>) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            self.link_log.happened(self.session.state(), &event);
            let (session, wishes) = self.session.clone().step(at.jitter, event);
            self.session = session;
            for wish in wishes {
                events.extend(self.fulfil(at, wish, actions));
            }
        }
    }

    /// Does one thing; what comes of it at once is the session's next event.
    fn fulfil(
        &mut self,
        at: Moment,
        wish: session::Action,
        actions: &mut Vec<Action>,
    ) -> Option<session::Event> {
        use session::Action as Wish;
        self.link_log.wished(at.mono_us, &wish);
        match wish {
            Wish::Connect => return self.connect(actions),
            Wish::Close => {
                actions.push(Action::Close(self.connection));
                // What still arrives from it is stale.
                self.connection.0 += 1;
                self.handshake = Handshake::default();
            }
            Wish::SendEnrol => self.send_enrol(actions),
            Wish::SendHello => self.send_hello(at, actions),
            Wish::SendAuth => self.send_auth(actions),
            Wish::SendLeaseOk => {
                if let Some(counter) = self.handshake.lease.take() {
                    self.send(&Frame::LeaseOk(LeaseOk { counter }), actions);
                }
            }
            Wish::Subscribe { from_scratch } => return self.subscribe(at, from_scratch, actions),
            Wish::Push { from, operations_max, bytes_max } => {
                return Some(self.push(from, (operations_max, bytes_max), actions));
            }
            Wish::SendHeartbeat => self.send_heartbeat(at, actions),
            Wish::SendFault(code) => self.send_fault(code, "", actions),
            Wish::Arm(timer, ms) => actions.push(Action::Arm(timer, u64::from(ms) * 1_000)),
            Wish::Disarm(timer) => actions.push(Action::Disarm(timer)),
            Wish::ForgetCode => self.invitation = None,
            Wish::Report(report) => self.report(report),
        }
        None
    }

    /// One thing that happens to the device, and what is to be done about it.
    pub fn handle(&mut self, at: Moment, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.orders.is_wiped {
            return actions;
        }
        self.clock.touch(at.mono_us);
        match event {
            Event::NetworkUp => {
                let after_us = u64::from(self.config.chores_ms) * 1_000;
                actions.push(Action::Arm(session::Timer::Chores, after_us));
                self.drive(at, session::Event::NetworkUp, &mut actions);
            }
            Event::TryNow => self.drive(at, session::Event::TryNow, &mut actions),
            Event::Enrol(invitation) => {
                self.invitation = Some(invitation);
                self.drive(at, session::Event::EnrolWanted, &mut actions);
            }
            Event::Connected(connection) if connection == self.connection => {
                self.drive(at, session::Event::Connected, &mut actions);
            }
            Event::Disconnected(connection) if connection == self.connection => {
                self.address_index = self.address_index.wrapping_add(1);
                self.drive(at, session::Event::Disconnected, &mut actions);
            }
            Event::Frame(connection, bytes) if connection == self.connection => {
                self.on_message(at, &bytes, &mut actions);
            }
            // Of a connection that was given up.
            Event::Connected(_) | Event::Disconnected(_) | Event::Frame(..) => {}
            Event::Timer(session::Timer::Chores) => self.on_chores(at, &mut actions),
            Event::Timer(timer) => self.drive(at, session::Event::Timer(timer), &mut actions),
            Event::NextKey(key) => self.on_next_key(&key, &mut actions),
            Event::Suspend => {
                self.is_state_dirty = true;
                self.sync_all(at, &mut actions);
            }
        }
        if let Some(error) = self.replica.take_suspicion() {
            self.replica_failed(at, &error, &mut actions);
        }
        self.check_drained(&mut actions);
        self.tell_storage(at, &mut actions);
        self.pump_blobs(&mut actions);
        self.tell(&mut actions);
        actions
    }

    /// Moves the news to the actions.
    pub(super) fn tell(&mut self, actions: &mut Vec<Action>) {
        actions.extend(self.news.drain(..).map(Action::Tell));
    }

    /// What is to be told although the call that it came up in has failed.
    pub fn take_news(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        self.tell(&mut actions);
        actions
    }

    fn report(&mut self, report: Report) {
        let news = match report {
            Report::Link(link) => News::Link(link),
            Report::Standing(standing) => News::Standing(standing),
            Report::EnrolmentRefused => News::EnrolmentRefused,
            Report::BrokenFrames(n) => News::Trouble(format!("{n} frames in a row were broken")),
            Report::OperationTooLarge => {
                News::Trouble("the server says that an operation is too large".to_owned())
            }
            Report::Fault(code) => News::Fault(code),
        };
        self.news.push(news);
    }

    fn connect(&mut self, actions: &mut Vec<Action>) -> Option<session::Event> {
        self.connection = Connection(self.connection.0 + 1);
        self.handshake = Handshake::default();
        self.forget_told_storage();
        self.blobs.forget_connection();
        self.told.clear();
        let address = match (&self.invitation, self.redirect.take()) {
            (Some(invitation), _) => {
                Some(Address { url: invitation.sync_url(), pin: invitation.pin })
            }
            (None, Some(redirect)) => Some(redirect),
            (None, None) => {
                let n = self.place.addresses.len().max(1);
                self.place.addresses.get(self.address_index % n).cloned()
            }
        };
        match address {
            Some(address) => {
                actions.push(Action::Connect(self.connection, address));
                None
            }
            // The address was lost with the state file: enrolling again brings it back.
            None => Some(session::Event::Disconnected),
        }
    }

    pub(super) fn send(&self, frame: &Frame, actions: &mut Vec<Action>) {
        let can_compress = self.handshake.capabilities & capability::ZSTD != 0;
        let bytes = codec::encode(frame, can_compress && !self.session.is_careful());
        actions.push(Action::Send(self.connection, bytes));
    }

    pub(super) fn send_fault(&self, code: FaultCode, detail: &str, actions: &mut Vec<Action>) {
        let detail = detail.to_owned();
        let fault = Fault { code, retryable: true, retry_after_ms: None, detail };
        self.send(&Frame::Fault(fault), actions);
    }

    fn send_enrol(&mut self, actions: &mut Vec<Action>) {
        let Some(invitation) = &self.invitation else { return };
        self.key.use_present();
        let mut signed = b"tallyman hsp.1 enrol\0".to_vec();
        signed.extend_from_slice(&invitation.code);
        let enrol = Enrol {
            code: ByteBuf::from(invitation.code),
            algorithm: self.key.algorithm(),
            public_key: ByteBuf::from(self.key.public()),
            signature: ByteBuf::from(self.key.sign(&signed)),
            name: self.config.name.clone(),
            model: self.config.model.clone(),
        };
        self.send(&Frame::Enrol(enrol), actions);
    }

    fn send_hello(&mut self, at: Moment, actions: &mut Vec<Action>) {
        self.note_witness();
        let Some(recorder) = &self.recorder else { return };
        let state = recorder.state();
        let boots = self.boots_for_hello();
        self.told = boots.iter().map(|evidence| evidence.boot).collect();
        let hello = Frame::Hello(Hello {
            protocol_min: PROTOCOL_MIN,
            protocol_max: PROTOCOL_MAX,
            app_version: self.config.app_version.clone(),
            capabilities: capability::ALL,
            device: DeviceId(state.identity.device),
            incarnation: Incarnation(state.identity.incarnation),
            lease: Lease {
                counter: state.lease.counter,
                proof: ByteBuf::from(state.lease.bytes.clone()),
            },
            epoch: self.epoch_of_cursor(ServerEpoch(state.epoch)),
            next_seq: Seq(recorder.next_seq()),
            tail_hash: hash16(recorder.head().hash),
            cursor: self.replica.cursor(),
            scope_version: self.replica.scope_version(),
            table_version: TABLE_VERSION,
            oldest_seq: Seq(recorder.low_seq()),
            boots,
            boot: self.clock.current(),
            sent_us: at.mono_us,
            pending: self.n_unsent(),
            oldest_pending_age_us: self
                .oldest_unsent()
                .map_or(0, |since| at.mono_us.saturating_sub(since)),
            battery: self.battery,
        });
        self.handshake.hello = codec::body(&hello);
        self.handshake.sent_us = at.mono_us;
        self.send(&hello, actions);
    }

    /// What HELLO says: the epoch that the cursor belongs to. After a restore it stays the old one
    /// until rows of the new one are here, or the cursor would be taken for one of the new log.
    fn epoch_of_cursor(&self, seen: ServerEpoch) -> ServerEpoch {
        let (cursor, epoch) = (self.replica.cursor(), self.replica.epoch());
        if cursor > Lsn(0) { epoch.min(seen) } else { seen }
    }

    /// The evidence of the running boot and of the newest boots with operations that only this
    /// device has. Of the others it goes up with their operations.
    fn boots_for_hello(&self) -> Vec<BootEvidence> {
        let acked = self.acked();
        let unsent = self.outbox.iter().filter(|entry| entry.seq > acked);
        let mut boots: BTreeSet<Boot> = unsent.map(|entry| entry.recorded.envelope.boot).collect();
        boots.insert(self.clock.current());
        self.clock.of_boots(&boots, HELLO_BOOTS_MAX)
    }

    fn send_auth(&mut self, actions: &mut Vec<Action>) {
        let digest = auth_digest(&self.handshake.hello, &self.handshake.challenge);
        let auth = Auth {
            signature: ByteBuf::from(self.key.sign(&digest)),
            received_us: self.handshake.received_us,
        };
        self.send(&Frame::Auth(auth), actions);
    }

    fn subscribe(
        &mut self,
        at: Moment,
        from_scratch: bool,
        actions: &mut Vec<Action>,
    ) -> Option<session::Event> {
        let epoch = self.handshake.epoch;
        if self.replica.has_whole_snapshot() && self.replica.resume(epoch).is_some() {
            // The last chunk came, its end did not: nothing of it is missing.
            self.end_snapshot(at, actions);
        } else if let Some(resume) = self.replica.resume(epoch)
            && !self.is_snapshot_gone
            && self.handshake.capabilities & capability::SNAPSHOT_RESUME != 0
        {
            self.send(&Frame::SnapResume(resume), actions);
            return None;
        } else if from_scratch {
            self.is_snapshot_gone = false;
            self.send(&Frame::Subscribe(Subscribe { cursor: None }), actions);
            return None;
        }
        let cursor = self.replica.cursor();
        let cursor = (cursor > Lsn(0) || !from_scratch).then_some(cursor);
        self.send(&Frame::Subscribe(Subscribe { cursor }), actions);
        None
    }

    pub(super) fn send_heartbeat(&mut self, at: Moment, actions: &mut Vec<Action>) {
        self.handshake.heartbeat_us = Some(at.mono_us);
        self.look_after_blobs();
        let heartbeat = Heartbeat {
            sent_us: at.mono_us,
            boot: self.clock.current(),
            applied: self.replica.cursor(),
            pending: self.n_unsent(),
            oldest_pending_us: self.oldest_unsent(),
            battery: self.battery,
            operator: self.people.operator.clone(),
            sample: self.sample_due.take(),
            storage: self.storage_for_heartbeat(),
        };
        self.send(&Frame::Heartbeat(heartbeat), actions);
    }

    pub(super) fn send_delta_ack(&self, actions: &mut Vec<Action>) {
        let applied = self.replica.cursor();
        self.send(&Frame::DeltaAck(DeltaAck { applied }), actions);
    }

    /// The charge of the battery in percent, for the desk.
    pub fn set_battery(&mut self, percent: Option<u8>) {
        self.battery = percent.map(|percent| percent.min(100));
    }
}
