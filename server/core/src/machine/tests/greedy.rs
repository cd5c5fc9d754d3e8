//! A device that was taken over asks for more than its share: it costs what it sends, and no more.

use std::cell::Cell;
use std::ops::ControlFlow;

use ledger::key::KeyRange;
use ledger::record::Record;
use ledger::tables::{Read as _, TableId, Tables, Visit};
use protocol::frame::beside::Query;
use protocol::frame::order::Witness;
use protocol::frame::{Fault, FaultCode, Frame, OriginOf, Subscribe, codec};
use protocol::identity::{DeviceId, Hash16, Incarnation, IntakeNo, Seq, ServerEpoch};
use serde_bytes::ByteBuf;

use super::world::{Device, World, config, small_company};
use crate::identity::gap::gaps;
use crate::machine::{Action, Alarm, Config, Event};
use crate::schema::Gaps;
use crate::session::budget::Allowance;
use crate::session::wire::Incoming;
use crate::store::{Cut, MemoryStore, Store};

/// A store that counts what is read: look-ups, seeks, and the rows that a scan shows.
struct Counting<'a> {
    store: &'a MemoryStore,
    n: Cell<u64>,
}

impl Tables for Counting<'_> {
    fn get(&self, table: TableId, key: &[u8]) -> Option<Record> {
        self.n.set(self.n.get() + 1);
        self.store.get(table, key)
    }

    fn scan(&self, table: TableId, range: &KeyRange, reverse: bool, visit: Visit<'_>) {
        self.n.set(self.n.get() + 1);
        self.store.scan(table, range, reverse, &mut |key, row| -> ControlFlow<()> {
            self.n.set(self.n.get() + 1);
            visit(key, row)
        });
    }
}

impl Store for Counting<'_> {
    fn cut(&self) -> Cut {
        self.store.cut()
    }
}

/// Reads of the store that one message costs; what the machine answers is put to the world's.
fn reads_of(world: &mut World, device: &Device, frame: &Frame) -> u64 {
    let incoming = Incoming::read(&codec::encode(frame, true), &world.config.limits);
    let event = Event::Received { connection: device.connection, incoming };
    let counting = Counting { store: &world.store, n: Cell::new(0) };
    let actions = world.machine.step(&counting, world.now, event);
    let n = counting.n.get();
    for action in actions {
        match action {
            Action::Persist(batch) => world.store.begin(batch),
            Action::Send { connection, message, .. } => {
                world.sent.push((connection, message.frame().into_owned()));
            }
            Action::Close { connection } => world.closed.push(connection),
            other => world.said.push(other),
        }
    }
    n
}

/// A device in its second incarnation, which may name origins of its first.
fn second_of_its_name(world: &mut World) -> Device {
    let mut device = world.enrolled(7);
    let lease = device.lease.clone();
    device.lease.proof = ByteBuf::from(vec![0; 16]);
    let frames = device.connect(world);
    let [Frame::StaleStore(stale)] = frames.as_slice() else { panic!("{frames:?}") };
    device.lease = lease;
    device.reincarnate(stale);
    device.come_in(world);
    assert_eq!(device.incarnation, Incarnation(2));
    world.said.clear();
    device
}

/// Records `n` operations whose origins lie `step` numbers apart.
fn record_apart(world: &mut World, device: &mut Device, n: u64, step: u64, of: Incarnation) {
    for n in 1..=n {
        device.record(world, 1, "A-01");
        let (recorded, hash, _origin) = device.recorder.pop().unwrap();
        let origin = OriginOf { incarnation: of, seq: Seq(n * step), hash };
        device.append(recorded, Some(origin));
    }
}

fn n_missing(world: &World) -> Vec<u64> {
    let missing = |said: &Action| match said {
        Action::Alarm(Alarm::OperationsMissing { n_operations, .. }) => Some(*n_operations),
        _ => None,
    };
    world.said.iter().filter_map(missing).collect()
}

#[test]
fn origins_far_apart_cost_a_few_seeks_one_alarm_and_a_few_gaps() {
    let mut world = World::new();
    let mut device = second_of_its_name(&mut world);
    record_apart(&mut world, &mut device, 100, 10_002, Incarnation(1));
    let push = Frame::Push(device.push_from(1));
    let n_reads = reads_of(&mut world, &device, &push);
    assert!(n_reads < 3_000, "{n_reads} reads for 100 operations");
    world.settle();
    assert_eq!(world.on_hand(1), 100, "all of them are facts");
    assert_eq!(n_missing(&world).len(), 1, "one alarm for one message");
    let noted = gaps(world.tables());
    assert!((1..=8).contains(&noted.len()), "{}", noted.len());
    // Whatever is missing lies in one of them.
    for n in 1..100 {
        let seq = Seq(n * 10_002 + 1);
        assert!(noted.iter().any(|(gap, _row)| gap.from <= seq && seq <= gap.to), "{seq}");
    }
}

#[test]
fn gaps_are_noted_for_what_is_taken_and_only_once() {
    let mut world = World::new();
    let mut device = second_of_its_name(&mut world);
    record_apart(&mut world, &mut device, 4, 3, Incarnation(1));
    device.push(&mut world, 1);
    world.settle();
    assert_eq!(n_missing(&world), [6], "two numbers are left out between each");
    let n_gaps = gaps(world.tables()).len();
    let n_records = world.machine.head().intake;
    // The same again, as after an acknowledgement that was lost.
    device.push(&mut world, 1);
    world.settle();
    assert_eq!(n_missing(&world).len(), 1);
    assert_eq!(world.machine.head().intake, n_records, "nothing new is in the book");
    // Numbers that do not go on from what is known leave nothing behind.
    record_apart(&mut world, &mut device, 9, 50, Incarnation(1));
    let mut push = device.push_from(8);
    push.previous_hash = device.recorder[2].1;
    world.receive(device.connection, Frame::Push(push));
    world.settle();
    assert_eq!((n_missing(&world).len(), gaps(world.tables()).len()), (1, n_gaps));
}

#[test]
fn nobody_leaves_gaps_in_incarnations_that_were_never_given() {
    let mut world = World::new();
    let mut device = second_of_its_name(&mut world);
    record_apart(&mut world, &mut device, 3, 9, Incarnation(70));
    record_apart(&mut world, &mut device, 3, 9, Incarnation(0));
    record_apart(&mut world, &mut device, 3, 99, Incarnation(2));
    device.push(&mut world, 1);
    world.settle();
    assert_eq!(world.on_hand(1), 9, "what was done is taken all the same");
    assert!(world.tables().list::<Gaps>(&KeyRange::all()).is_empty());
    assert!(n_missing(&world).is_empty());
}

#[test]
fn a_replay_costs_what_it_sends_and_not_what_was_ever_sent() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    for n in 0..8 {
        for _scan in 0..100 {
            device.record(&mut world, 1, "A-01");
        }
        device.push(&mut world, 1 + n * 100);
        world.settle();
    }
    // The caches of the machine must not help.
    world.crash(0);
    device.come_in(&mut world);
    let mut first = device.clone();
    first.recorder.truncate(2);
    let push = Frame::Push(first.push_from(1));
    let n_reads = reads_of(&mut world, &device, &push);
    assert!(n_reads < 30, "{n_reads} reads to compare two operations");
    // And it is compared.
    first.recorder.truncate(1);
    first.record(&mut world, 7, "A-02");
    first.push(&mut world, 1);
    world.settle();
    let frames = world.take(device.connection);
    assert!(frames.iter().any(|frame| matches!(frame, Frame::StaleStore(_))), "{frames:?}");
}

/// A world in which a device has `requests` at once, and then one each second.
fn world_with(requests: u64) -> World {
    let allowance = Allowance { requests, requests_per_s: 1, ..Allowance::DEFAULT };
    World::over(small_company(), Config { allowance, ..config() })
}

#[test]
fn questions_beyond_the_budget_are_not_answered_and_operations_are_taken() {
    let mut world = world_with(40);
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    let ask = |world: &mut World, id| {
        let query = Query { id, deadline_ms: 1_000, item: None, code: Some("1".into()) };
        world.receive(device.connection, Frame::Query(query));
    };
    for id in 0..100 {
        ask(&mut world, id);
    }
    let answers =
        |frames: &[Frame]| frames.iter().filter(|frame| matches!(frame, Frame::Answer(_))).count();
    assert_eq!(answers(&world.take(device.connection)), 3);
    world.wait_us(20_000_000);
    ask(&mut world, 100);
    assert_eq!(answers(&world.take(device.connection)), 1, "time gives some back");
    assert!(!world.closed.contains(&device.connection), "its operations are welcome");
    let mut device = device;
    device.record(&mut world, 4, "A-01");
    device.push(&mut world, 1);
    world.settle();
    assert_eq!(world.on_hand(1), 4);
}

#[test]
fn a_device_that_asks_for_anything_else_too_often_is_sent_away_for_a_while() {
    let mut world = world_with(20);
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    for _time in 0..30 {
        world.receive(device.connection, Frame::Subscribe(Subscribe { cursor: None }));
    }
    let frames = world.take(device.connection);
    let fault = frames.iter().find_map(|frame| match frame {
        Frame::Fault(fault) => Some((fault.code, fault.retryable)),
        _ => None,
    });
    assert_eq!(fault, Some((FaultCode::RATE, true)));
    assert!(world.closed.contains(&device.connection));
    world.wait_us(5_000_000);
    device.come_in(&mut world);
    device.record(&mut world, 4, "A-01");
    device.push(&mut world, 1);
    world.settle();
    assert_eq!(world.on_hand(1), 4, "and loses nothing by it");
}

#[test]
fn keys_that_change_again_and_again_do_not_fill_the_book() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    device.takes_orders = true;
    device.connect(&mut world);
    let before = world.machine.head().intake.0;
    let mut present = device.key.clone();
    for n in 0..100_u8 {
        let next = ed25519_dalek::SigningKey::from_bytes(&[100 + n % 2; 32]);
        let asked = super::orders::rotation_to(&device, &present, &next);
        world.receive(device.connection, Frame::RotateKey(asked));
        world.settle();
        if world.closed.contains(&device.connection) {
            break;
        }
        present = next;
    }
    assert!(world.closed.contains(&device.connection), "it is told to wait");
    let n_records = world.machine.head().intake.0 - before;
    assert!((1..=10).contains(&n_records), "{n_records} records");
    // A disk that is nearly full takes no key at all.
    device.key = present.clone();
    world.wait_us(60_000_000);
    device.connect(&mut world);
    world.step(Event::Room { has_room: false });
    let before = world.machine.head().intake.0;
    let next = ed25519_dalek::SigningKey::from_bytes(&[9; 32]);
    let asked = super::orders::rotation_to(&device, &present, &next);
    world.receive(device.connection, Frame::RotateKey(asked));
    world.settle();
    let frames = world.take(device.connection);
    let full = |frame: &Frame| matches!(frame, Frame::Fault(f) if f.code == FaultCode::STORAGE);
    assert!(frames.iter().any(full), "{frames:?}");
    assert_eq!(world.machine.head().intake.0, before);
}

#[test]
fn what_a_device_says_again_and_again_does_not_drown_the_alarms_of_others() {
    let mut world = World::new();
    let (mut liar, mut other) = (world.enrolled(7), world.enrolled(8));
    liar.come_in(&mut world);
    other.come_in(&mut world);
    let epoch = ServerEpoch(1);
    for n in 0..300_u64 {
        let witness = Witness { epoch, chain_no: IntakeNo(1), chain_head: Hash16([9; 16]) };
        world.receive(liar.connection, Frame::Witness(witness));
        let fault = Fault {
            code: FaultCode::APPLY,
            retryable: false,
            retry_after_ms: None,
            detail: format!("row {n}"),
        };
        world.receive(liar.connection, Frame::Fault(fault));
    }
    let alarms = |world: &World, id: DeviceId| {
        let of = |said: &Action| match said {
            Action::Alarm(
                Alarm::ServerIsOldCopy { device } | Alarm::FeedRejected { device, .. },
            ) => *device == id,
            _ => false,
        };
        world.said.iter().filter(|said| of(said)).count()
    };
    assert_eq!(alarms(&world, liar.id), 2, "one of each kind");
    let witness = Witness { epoch, chain_no: IntakeNo(1), chain_head: Hash16([9; 16]) };
    world.receive(other.connection, Frame::Witness(witness));
    assert_eq!(alarms(&world, other.id), 1, "that of another is told at once");
    world.wait_us(61_000_000);
    world.wait_us(61_000_000);
    assert_eq!(alarms(&world, liar.id), 4, "what was held back is told, once");
}
