//! What devices of every release so far said in a day, byte for byte, said to this server again.
//! The files are never made again: a release that says something new adds its own
//! (`UPDATE=1 cargo test -p server-core days`), and keeps those before it.

use std::path::PathBuf;

use ledger::key::KeyRange;
use ledger::schema::book::Outcomes;
use ledger::tables::Read as _;
use protocol::frame::{Frame, Heartbeat, Subscribe, codec};
use protocol::identity::{Lsn, Seq};
use protocol::outcome::Decision;

use super::world::{Device, World};
use crate::session::wire::Incoming;

/// Days that were recorded.
const DAYS: [u32; 1] = [1];

fn path(day: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(format!("day-{day}.txt"))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn from_hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// A day's talk, recorded while it is held.
struct Talk {
    world: World,
    device: Device,
    lines: Vec<String>,
}

impl Talk {
    fn say(&mut self, frame: &Frame) {
        self.lines.push(format!("say {}", hex(&codec::encode(frame, true))));
        self.world.receive(self.device.connection, frame.clone());
    }

    fn settle(&mut self) {
        self.lines.push("settle".to_owned());
        self.world.settle();
    }

    fn connect(&mut self) {
        self.lines.push("connect".to_owned());
        self.device.connection = self.world.connect();
    }

    fn come_in(&mut self) {
        self.connect();
        let hello = Frame::Hello(self.device.hello(self.world.now));
        self.say(&hello);
        self.lines.push("prove".to_owned());
        prove(&mut self.world, &self.device, &hello);
        self.settle();
        let frames = self.world.take(self.device.connection);
        let [Frame::Welcome(welcome)] = frames.as_slice() else { panic!("{frames:?}") };
        self.device.lease = welcome.lease.clone();
        let counter = welcome.lease.counter;
        self.say(&Frame::LeaseOk(protocol::frame::LeaseOk { counter }));
    }
}

/// AUTH is over bytes of the server too: it is made anew.
fn prove(world: &mut World, device: &Device, hello: &Frame) {
    let frames = world.take(device.connection);
    let [challenge @ Frame::Challenge(_)] = frames.as_slice() else { panic!("{frames:?}") };
    let auth = device.auth(hello, challenge, world.now);
    world.receive(device.connection, auth);
}

/// The script of the first release: join, come in, read, work, be cut off, work, be told twice.
fn record() -> Vec<String> {
    let mut talk = Talk { world: World::new(), device: Device::new(7), lines: Vec::new() };
    talk.world.allow_enrolment([7; 16]);
    talk.connect();
    let enrol = talk.device.enrol(&[7; 16]);
    talk.say(&enrol);
    talk.settle();
    let frames = talk.world.take(talk.device.connection);
    let [Frame::EnrolOk(ok)] = frames.as_slice() else { panic!("{frames:?}") };
    talk.device.id = ok.device;
    talk.device.incarnation = ok.incarnation;
    talk.device.lease = ok.lease.clone();
    talk.come_in();
    talk.say(&Frame::Subscribe(Subscribe { cursor: None }));
    talk.settle();
    for base in 1..=3 {
        talk.device.record(&mut talk.world, 2, "A-01");
        let push = Frame::Push(talk.device.push_from(base));
        talk.say(&push);
        talk.settle();
    }
    talk.say(&Frame::Heartbeat(Heartbeat {
        sent_us: talk.device.mono(talk.world.now),
        boot: talk.device.boot,
        applied: Lsn(0),
        pending: 0,
        oldest_pending_us: None,
        battery: Some(70),
        operator: None,
        sample: None,
        storage: None,
    }));
    for _n in 0..3 {
        talk.device.record(&mut talk.world, 1, "A-02");
    }
    talk.come_in();
    let again = Frame::Push(talk.device.push_from(3));
    talk.say(&again);
    talk.settle();
    talk.say(&Frame::Bye(protocol::frame::Bye { reason: "end of shift".into() }));
    talk.settle();
    talk.lines
}

/// Says a recorded day to this server.
fn replay(lines: &str) -> World {
    let mut world = World::new();
    world.allow_enrolment([7; 16]);
    let mut device = Device::new(7);
    let mut hello = None;
    for line in lines.lines() {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("connect", _) => device.connection = world.connect(),
            ("settle", _) => world.settle(),
            ("prove", _) => prove(&mut world, &device, hello.as_ref().expect("HELLO came first")),
            ("say", bytes) => {
                let bytes = from_hex(bytes);
                let incoming = Incoming::read(&bytes, &world.config.limits);
                let Incoming::Broken { fault, detail } = &incoming else {
                    if let Incoming::Frame(frame) = &incoming
                        && matches!(frame.0, Frame::Hello(_))
                    {
                        hello = Some(frame.0.clone());
                    }
                    let connection = device.connection;
                    world.step(crate::machine::Event::Received { connection, incoming });
                    continue;
                };
                panic!("{fault:?}: {detail}");
            }
            other => panic!("{other:?}"),
        }
    }
    world
}

#[test]
fn days_of_devices_of_every_release_so_far_end_as_they_did() {
    if std::env::var_os("UPDATE").is_some() {
        let text = record().join("\n") + "\n";
        std::fs::create_dir_all(path(1).parent().unwrap()).unwrap();
        std::fs::write(path(1), text).unwrap();
    }
    for day in DAYS {
        let lines = std::fs::read_to_string(path(day)).unwrap();
        let world = replay(&lines);
        assert_eq!((world.on_hand(1), world.on_hand(2)), (6, 3), "day {day}");
        let accepted = world.tables().list::<Outcomes>(&KeyRange::all());
        let of_device = accepted.iter().filter(|(id, _row)| id.device.0 == 1);
        let decisions: Vec<_> = of_device.map(|(id, row)| (id.seq, row.outcome.decision)).collect();
        let wanted: Vec<_> = (1..=6).map(|seq| (Seq(seq), Decision::Accepted)).collect();
        assert_eq!(decisions, wanted, "day {day}");
    }
}
