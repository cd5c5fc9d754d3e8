//! The server's machine under messages that nobody meant: strangers, a device that knows the
//! protocol, connections that open and close at any moment.
//!
//! An input is a row of records: one byte (what, and on which of four connections), and for a
//! message two bytes of length and the message itself.

use std::collections::BTreeMap;

use device_core::key::DeviceKey;
use ledger::command::Command as LedgerCommand;
use ledger::command::places::{PutLocation, PutSite};
use protocol::frame::{
    Auth, DeltaAck, Enrol, Frame, Heartbeat, Hello, KeyAlgorithm, Lease, LeaseOk, Limits, Push,
    Subscribe, auth_digest, capability, codec, push,
};
use protocol::identity::{Boot, DeviceId, Hash16, Incarnation, Lsn, Seq, ServerEpoch, ServerTime};
use protocol::operation::{Body, Envelope, Recorded, SignIn, SignInMethod};
use serde_bytes::ByteBuf;
use server_core::identity::command::MachineCommand;
use server_core::intake::command::{Command, CommandOrigin};
use server_core::ledger_judge::LedgerJudge;
use server_core::machine::{Action, Config, Event, Machine, Token};
use server_core::session::lease::LeaseSecret;
use server_core::session::order::OrderKey;
use server_core::session::proof;
use server_core::session::wire::{ConnectionNo, Incoming};
use server_core::store::MemoryStore;
use sha2::{Digest as _, Sha256};

use super::Answer;
use super::targets::{golden, with_checksum};

const MORNING: ServerTime = ServerTime(1_790_000_000_000_000);
const CODE: [u8; 16] = [1; 16];
const OPEN: u8 = 0;
const CLOSE: u8 = 1;
const SETTLE: u8 = 2;
const WAIT: u8 = 3;
/// This and everything above is a message.
const SAY: u8 = 4;

/// A machine, its store, and what it says.
struct Host {
    machine: Machine,
    store: MemoryStore,
    now: ServerTime,
    /// The connection behind each of four places.
    places: [Option<ConnectionNo>; 4],
    known: BTreeMap<ConnectionNo, DeviceId>,
    n_connections: u64,
    /// What was said on each connection.
    said: Vec<(ConnectionNo, Frame)>,
}

impl Host {
    fn new() -> Self {
        let store = MemoryStore::new();
        let config = Config {
            feed_interval_us: 0,
            ..Config::new(LeaseSecret::new([7; 32]), OrderKey::new([8; 32]))
        };
        let machine = Machine::open(&store, config, Box::new(LedgerJudge), MORNING);
        let mut host = Self {
            machine: machine.expect("an empty store has no faults"),
            store,
            now: MORNING,
            places: [None; 4],
            known: BTreeMap::new(),
            n_connections: 0,
            said: Vec::new(),
        };
        let site = PutSite {
            site: "HALL".try_into().expect("a code"),
            never_quantities: false,
            separator: None,
        };
        let location = PutLocation {
            location: "MAIN".try_into().expect("a code"),
            name: "Main".to_owned(),
            site: "HALL".try_into().expect("a code"),
            time_zone: "UTC".try_into().expect("a zone"),
            bin_mandatory: false,
            directed: false,
            in_transit: false,
            receipt_bin: None,
            shipment_bin: None,
        };
        host.command(LedgerCommand::PutSite(site).encode());
        host.command(LedgerCommand::PutLocation(location).encode());
        let expires = MORNING.plus_us(600_000_000);
        let code_hash = ByteBuf::from(Sha256::digest(CODE).to_vec());
        host.command(
            MachineCommand::AllowEnrolment { code_hash, site: 1, expires, compare: false }.encode(),
        );
        host.settle();
        host
    }

    fn command(&mut self, raw: Vec<u8>) {
        let command = Command { origin: CommandOrigin::System, raw, local_date: None };
        self.step(Event::Command { token: Token(1), command });
    }

    fn step(&mut self, event: Event) {
        self.now = self.now.plus_us(1_000);
        let mut written = Vec::new();
        for action in self.machine.step(&self.store, self.now, event) {
            match action {
                Action::Persist(batch) => self.store.begin(batch),
                Action::Send { connection, message, .. } => {
                    self.said.push((connection, message.frame().into_owned()));
                    written.push(connection);
                }
                Action::Authenticated { connection, device } => {
                    self.known.insert(connection, device);
                }
                _ => {}
            }
        }
        for connection in written {
            self.step(Event::Sent { connection });
        }
    }

    fn settle(&mut self) {
        loop {
            if let Some(batch) = self.store.complete_next() {
                self.step(Event::Persisted { batch });
            } else if self.machine.wants_work() {
                self.step(Event::Work);
            } else {
                return;
            }
        }
    }

    fn open(&mut self, place: usize) {
        self.n_connections += 1;
        let connection = ConnectionNo(self.n_connections);
        self.places[place] = Some(connection);
        let nonce = Sha256::digest(self.n_connections.to_le_bytes()).into();
        self.step(Event::Opened { connection, nonce });
    }

    fn say(&mut self, place: usize, bytes: &[u8]) {
        let Some(connection) = self.places[place] else { return };
        let incoming = Incoming::read(&with_checksum(bytes), &Limits::DEFAULT);
        let enrols =
            matches!(&incoming, Incoming::Frame(frame) if matches!(frame.0, Frame::Enrol(_)));
        let before = self.machine.n_batches_under_way();
        let was_known = self.known.contains_key(&connection);
        self.step(Event::Received { connection, incoming });
        let is_known = self.known.contains_key(&connection);
        if !was_known && !is_known && !enrols {
            let after = self.machine.n_batches_under_way();
            assert_eq!(after, before, "nothing of a stranger touches the disk");
        }
    }

    /// Plays one input to its end.
    fn play(&mut self, input: &[u8]) {
        let mut rest = input;
        while let Some((record, after)) = rest.split_first() {
            rest = after;
            let place = usize::from(record >> 6);
            match record & 0x0f {
                OPEN => self.open(place),
                CLOSE => {
                    if let Some(connection) = self.places[place].take() {
                        self.step(Event::Closed { connection });
                    }
                }
                SETTLE => self.settle(),
                WAIT => {
                    self.now = self.now.plus_us(2_000_000);
                    self.step(Event::Tick);
                }
                _say => {
                    let Some((length, after)) = rest.split_first_chunk::<2>() else { return };
                    let length = usize::from(u16::from_le_bytes(*length)).min(after.len());
                    self.say(place, &after[..length]);
                    rest = &after[length..];
                }
            }
        }
    }
}

/// The machine stands, its book has no hole, and no stranger wrote.
pub(super) fn run(input: &[u8]) -> Answer {
    let mut host = Host::new();
    host.said.clear();
    host.play(input);
    host.settle();
    let config = Config::new(LeaseSecret::new([7; 32]), OrderKey::new([8; 32]));
    let again = Machine::open(&host.store, config, Box::new(LedgerJudge), host.now);
    let head = again.expect("the book is whole").head();
    assert_eq!(head, host.machine.head());
    let mut answers: Vec<String> = host
        .said
        .iter()
        .map(|(_connection, frame)| match frame {
            Frame::Fault(fault) => format!("{:?} {}", fault.code, fault.detail),
            other => other.name().to_owned(),
        })
        .collect();
    answers.dedup();
    answers.truncate(16);
    Answer::of(&answers.join(" "))
}

/// Who makes the samples: a device that does everything right, and the input that says so.
struct Script {
    host: Host,
    input: Vec<u8>,
    key: DeviceKey,
}

impl Script {
    fn new() -> Self {
        let mut host = Host::new();
        host.said.clear();
        Self { host, input: Vec::new(), key: DeviceKey::from_secret([7; 32]) }
    }

    fn note(&mut self, what: u8, place: u8) {
        self.input.push(what | place << 6);
    }

    fn open(&mut self, place: u8) {
        self.note(OPEN, place);
        self.host.open(usize::from(place));
    }

    fn settle(&mut self) {
        self.note(SETTLE, 0);
        self.host.settle();
    }

    fn say(&mut self, place: u8, frame: &Frame) {
        self.note(SAY, place);
        let bytes = codec::encode(frame, false);
        let length = u16::try_from(bytes.len()).expect("a short frame");
        self.input.extend_from_slice(&length.to_le_bytes());
        self.input.extend_from_slice(&bytes);
        self.host.say(usize::from(place), &bytes);
    }

    fn heard(&mut self) -> Vec<Frame> {
        std::mem::take(&mut self.host.said).into_iter().map(|(_to, frame)| frame).collect()
    }

    fn enrol(&mut self) -> Lease {
        self.open(0);
        let enrol = Enrol {
            code: ByteBuf::from(CODE),
            algorithm: KeyAlgorithm::Ed25519,
            public_key: ByteBuf::from(self.key.public()),
            signature: ByteBuf::from(self.key.sign(&proof::enrol_message(&CODE))),
            name: "H".to_owned(),
            model: String::new(),
        };
        self.say(0, &Frame::Enrol(enrol));
        self.settle();
        let lease = self.heard().into_iter().find_map(|frame| match frame {
            Frame::EnrolOk(ok) => Some(ok.lease),
            _ => None,
        });
        lease.expect("the code is good")
    }

    fn come_in(&mut self, lease: Lease) {
        self.open(1);
        let hello = Frame::Hello(Hello {
            protocol_min: 1,
            protocol_max: 1,
            app_version: "1".to_owned(),
            capabilities: capability::ALL,
            device: DeviceId(1),
            incarnation: Incarnation(1),
            lease,
            epoch: ServerEpoch(1),
            next_seq: Seq(1),
            tail_hash: Hash16::default(),
            cursor: Lsn(0),
            scope_version: 0,
            table_version: 1,
            oldest_seq: Seq(1),
            boots: Vec::new(),
            boot: Boot(1),
            sent_us: 1_000,
            pending: 1,
            oldest_pending_age_us: 0,
            battery: Some(50),
        });
        self.say(1, &hello);
        let challenge = self.heard().pop().expect("a challenge");
        let digest = auth_digest(&codec::body(&hello), &codec::body(&challenge));
        let signature = ByteBuf::from(self.key.sign(&digest));
        self.say(1, &Frame::Auth(Auth { signature, received_us: 2_000 }));
        self.settle();
        let counter = self.heard().into_iter().find_map(|frame| match frame {
            Frame::Welcome(welcome) => Some(welcome.lease.counter),
            _ => None,
        });
        let counter = counter.expect("it is let in");
        self.say(1, &Frame::LeaseOk(LeaseOk { counter }));
        self.say(1, &Frame::Subscribe(Subscribe { cursor: None }));
        self.settle();
    }

    fn work(&mut self) {
        let envelope = Envelope {
            boot: Boot(1),
            mono_us: 3_000,
            cursor: Lsn(0),
            epoch: ServerEpoch(1),
            operator: Some("anna".try_into().expect("a code")),
            document: None,
        };
        let body = Body::SignIn(SignIn { method: SignInMethod::BadgeAndPin, online: false });
        let (columns, bodies) = push::pack(&[Recorded::new(envelope, &body)]);
        let push = Push {
            incarnation: Incarnation(1),
            base_seq: Seq(1),
            previous_hash: Hash16::default(),
            epoch: ServerEpoch(1),
            boots: Vec::new(),
            columns,
            bodies,
            origins: Vec::new(),
        };
        self.say(1, &Frame::Push(push));
        self.settle();
        self.say(
            1,
            &Frame::Heartbeat(Heartbeat {
                sent_us: 4_000,
                boot: Boot(1),
                applied: Lsn(3),
                pending: 0,
                oldest_pending_us: None,
                battery: None,
                operator: None,
                sample: None,
                storage: None,
            }),
        );
        self.say(1, &Frame::DeltaAck(DeltaAck { applied: Lsn(4) }));
    }
}

/// A whole conversation, its beginning, and each golden frame of a stranger.
pub(super) fn samples() -> Vec<Vec<u8>> {
    let mut script = Script::new();
    let lease = script.enrol();
    let enrolled = script.input.clone();
    script.come_in(lease);
    let inside = script.input.clone();
    script.work();
    let names: Vec<_> = script.heard().iter().map(Frame::name).collect();
    assert!(names.contains(&"ACK") && names.contains(&"HB_ACK"), "it works: {names:?}");
    let strangers = golden().into_iter().map(|bytes| {
        let length = u16::try_from(bytes.len()).expect("a short frame").to_le_bytes();
        [&[OPEN, SAY][..], &length, &bytes, &[SETTLE]].concat()
    });
    let known = golden().into_iter().map(|bytes| {
        let length = u16::try_from(bytes.len()).expect("a short frame").to_le_bytes();
        [&inside[..], &[SAY | 1 << 6], &length, &bytes, &[SETTLE]].concat()
    });
    [enrolled, inside.clone(), script.input.clone()]
        .into_iter()
        .chain(strangers)
        .chain(known)
        .collect()
}
