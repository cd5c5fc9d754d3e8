//! Broken, misplaced, oversized and hostile input.

use protocol::evidence::BootEvidence;
use protocol::frame::{
    DeltaAck, Fault, FaultCode, Frame, Heartbeat, Hello, Limits, SnapResume, Subscribe, codec,
};
use protocol::identity::{Boot, DeviceId, Incarnation, Lsn, Seq};
use protocol::outcome::Decision;
use serde_bytes::ByteBuf;

use super::world::{Device, World};
use crate::identity::command::MachineCommand;
use crate::machine::{Action, Alarm, Config, Event};
use crate::session::budget::Allowance;
use crate::session::turns::AT_ONCE_MAX;
use crate::session::wire::{ConnectionNo, Incoming};
use ledger::draft::Draft;
use ledger::memory::MemoryTables;
use ledger::schema::book::Outcomes;
use ledger::schema::identity::DeviceState;
use ledger::schema::item::Items;
use ledger::schema::place::Sites;
use ledger::schema::{ItemId, SiteId};
use ledger::tables::Read as _;

fn fault_of(frames: &[Frame]) -> &Fault {
    frames
        .iter()
        .find_map(|frame| if let Frame::Fault(fault) = frame { Some(fault) } else { None })
        .unwrap_or_else(|| panic!("no fault in {frames:?}"))
}

fn assert_refused(world: &mut World, connection: ConnectionNo, code: FaultCode) {
    let frames = world.take(connection);
    assert_eq!(fault_of(&frames).code, code);
    assert!(world.closed.contains(&connection), "and it is closed");
}

#[test]
fn frames_in_the_wrong_place_are_refused() {
    let mut world = World::new();
    let device = world.enrolled(7);
    for frame in [
        Frame::Push(device.push_from(1)),
        Frame::Subscribe(Subscribe { cursor: None }),
        Frame::DeltaAck(DeltaAck { applied: Lsn(1) }),
    ] {
        let connection = world.connect();
        world.receive(connection, frame);
        assert_refused(&mut world, connection, FaultCode::PROTOCOL);
    }
    let connection = world.connect();
    let hello = Frame::Hello(device.hello(world.now));
    world.receive(connection, hello.clone());
    world.take(connection);
    world.receive(connection, hello);
    assert_refused(&mut world, connection, FaultCode::PROTOCOL);
    assert_eq!(world.machine.n_batches_under_way(), 0, "nothing of a stranger touches the disk");
}

#[test]
fn broken_and_oversized_frames_are_refused_with_their_code() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    let mut bytes = codec::encode(&Frame::DeltaAck(DeltaAck { applied: Lsn(1) }), false);
    *bytes.last_mut().unwrap() ^= 0xFF;
    let incoming = Incoming::read(&bytes, &Limits::DEFAULT);
    world.step(Event::Received { connection: device.connection, incoming });
    assert_refused(&mut world, device.connection, FaultCode::CHECKSUM);

    let connection = world.connect();
    let boot = |n| BootEvidence {
        boot: Boot(n),
        last_us: u64::MAX,
        samples: Vec::new(),
        wall_at_start: Some(i64::MAX),
    };
    let boots = (0..400).map(boot).collect();
    let hello = Hello { boots, ..device.hello(world.now) };
    world.receive(connection, Frame::Hello(hello));
    assert_refused(&mut world, connection, FaultCode::TOO_LARGE);

    let connection = world.connect();
    let hello = Hello { app_version: "x".repeat(5_000), ..device.hello(world.now) };
    world.receive(connection, Frame::Hello(hello));
    assert_refused(&mut world, connection, FaultCode::DECODE);
}

#[test]
fn a_stranger_is_told_that_it_is_one() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    device.id = DeviceId(99);
    let frames = device.connect(&mut world);
    assert_eq!(fault_of(&frames).code, FaultCode::UNKNOWN_DEVICE);
    let connection = world.connect();
    let hello = Hello { protocol_min: 9, protocol_max: 9, ..device.hello(world.now) };
    world.receive(connection, Frame::Hello(hello));
    assert_refused(&mut world, connection, FaultCode::VERSION);
}

#[test]
fn another_key_proves_nothing() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    device.key = Device::new(8).key;
    let frames = device.connect(&mut world);
    assert_eq!(fault_of(&frames).code, FaultCode::AUTH);
    assert!(!world.said.iter().any(|said| matches!(said, Action::Authenticated { .. })));
}

#[test]
fn a_proof_is_good_for_one_challenge_only() {
    let mut world = World::new();
    let device = world.enrolled(7);
    let hello = Frame::Hello(device.hello(world.now));
    let first = world.connect();
    world.receive(first, hello.clone());
    let challenge = world.take(first).remove(0);
    let auth = device.auth(&hello, &challenge, world.now);
    let second = world.connect();
    world.receive(second, hello);
    world.take(second);
    world.receive(second, auth);
    assert_refused(&mut world, second, FaultCode::AUTH);
}

#[test]
fn strangers_that_say_nothing_are_closed() {
    let mut world = World::new();
    let device = world.enrolled(7);
    let (silent, slow) = (world.connect(), world.connect());
    let hello = Frame::Hello(device.hello(world.now));
    world.receive(slow, hello);
    world.wait_us(4_000_000);
    assert!(!world.closed.contains(&silent) && !world.closed.contains(&slow));
    world.wait_us(2_000_000);
    assert!(world.closed.contains(&silent) && world.closed.contains(&slow));
}

#[test]
fn a_silent_device_is_closed_and_one_that_beats_is_not() {
    let mut world = World::new();
    let (mut one, mut two) = (world.enrolled(7), world.enrolled(8));
    one.come_in(&mut world);
    two.come_in(&mut world);
    for _minute in 0..20 {
        world.wait_us(60_000_000);
        let heartbeat = Heartbeat {
            sent_us: two.mono(world.now),
            boot: two.boot,
            applied: Lsn(0),
            pending: 0,
            oldest_pending_us: None,
            battery: None,
            operator: None,
            sample: None,
            storage: None,
        };
        world.receive(two.connection, Frame::Heartbeat(heartbeat));
    }
    assert!(world.closed.contains(&one.connection));
    assert!(!world.closed.contains(&two.connection));
}

#[test]
fn an_enrolment_code_works_once_and_for_a_while() {
    let mut world = World::new();
    world.allow_enrolment([1; 16]);
    let (first, second) = (Device::new(1), Device::new(2));
    let try_out = |world: &mut World, device: &Device, code: [u8; 16]| {
        let connection = world.connect();
        world.receive(connection, device.enrol(&code));
        world.settle();
        world.take(connection).remove(0)
    };
    let unknown = try_out(&mut world, &first, [9; 16]);
    assert_eq!(fault_of(&[unknown]).code, FaultCode::ENROLMENT);
    let Frame::EnrolOk(joined) = try_out(&mut world, &first, [1; 16]) else { panic!("not let in") };
    let again = try_out(&mut world, &first, [1; 16]);
    let Frame::EnrolOk(again) = again else { panic!("the first answer may have been lost") };
    assert_eq!(again.device, joined.device);
    let stolen = try_out(&mut world, &second, [1; 16]);
    assert_eq!(fault_of(&[stolen]).code, FaultCode::ENROLMENT);
    world.allow_enrolment([2; 16]);
    world.wait_us(601_000_000);
    let late = try_out(&mut world, &second, [2; 16]);
    assert_eq!(fault_of(&[late]).code, FaultCode::ENROLMENT);
}

#[test]
fn two_devices_that_use_one_code_at_the_same_time_are_one_too_many() {
    let mut world = World::new();
    world.allow_enrolment([1; 16]);
    let connections = [1, 2].map(|seed| {
        let connection = world.connect();
        let frame = Device::new(seed).enrol(&[1; 16]);
        world.receive(connection, frame);
        connection
    });
    world.settle();
    let [first, second] = connections.map(|connection| world.take(connection).remove(0));
    assert!(matches!(first, Frame::EnrolOk(_)), "{first:?}");
    assert_eq!(fault_of(&[second]).code, FaultCode::ENROLMENT);
}

#[test]
fn a_forged_enrolment_is_refused() {
    let mut world = World::new();
    world.allow_enrolment([1; 16]);
    let Frame::Enrol(mut enrol) = Device::new(1).enrol(&[1; 16]) else { panic!() };
    enrol.public_key = ByteBuf::from(Device::new(2).key.verifying_key().to_bytes().to_vec());
    let connection = world.connect();
    world.receive(connection, Frame::Enrol(enrol));
    assert_refused(&mut world, connection, FaultCode::ENROLMENT);
}

#[test]
fn a_poisoned_operation_is_parked_and_the_next_goes_on() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    let before = device.record(&mut world, 1, "A-01");
    let panics = device.record_item(&mut world, "PANIC", 1, "A-01");
    let greedy = device.record_item(&mut world, "GREEDY", 1, "A-01");
    let after = device.record(&mut world, 2, "A-01");
    device.push(&mut world, 1);
    world.settle();
    // The second one in a minute is told when the minute is over.
    world.wait_us(61_000_000);
    let decisions = [before, panics, greedy, after].map(|id| world.decision(id).unwrap());
    assert_eq!(
        decisions,
        [Decision::Accepted, Decision::Parked, Decision::Parked, Decision::Accepted]
    );
    assert_eq!(world.on_hand(1), 3, "nothing of a poisoned operation is posted");
    assert!(!world.tables().has::<Sites>(&SiteId(99)), "half a judgement is none");
    let row = world.tables().row::<Outcomes>(&panics).unwrap();
    assert_eq!(row.outcome.reasons[0].code.as_str(), "poison");
    let alarms = world.said.iter().filter(|said| {
        matches!(said, Action::Alarm(Alarm::Poison { why, .. }) if why.contains("fell over")
            || why.contains("budget"))
    });
    assert_eq!(alarms.count(), 2);
}

#[test]
fn a_fork_is_found_at_the_first_operation_that_differs() {
    let mut world = World::with_ledger(super::world::config());
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    device.record(&mut world, 1, "A-01");
    let mut copy = device.clone();
    device.record(&mut world, 2, "A-01");
    device.push(&mut world, 1);
    world.settle();
    world.take(device.connection);
    // The copy took another way, and sends it on the same connection.
    copy.record(&mut world, 3, "A-02");
    copy.push(&mut world, 1);
    copy.push(&mut world, 1);
    world.settle();
    let frames = world.take(device.connection);
    let [Frame::StaleStore(stale)] = frames.as_slice() else { panic!("{frames:?}") };
    assert_eq!(stale.incarnation, Incarnation(2));
    // It offers everything again, with origins: what was known is known, what differs is new.
    copy.reincarnate(stale);
    copy.come_in(&mut world);
    copy.push(&mut world, 1);
    world.settle();
    let on_hand = ["A-01", "A-02"].map(|bin| super::company::on_hand(&world, bin));
    assert_eq!(on_hand, [1 + 2, 3]);
}

#[test]
fn a_hello_that_cannot_be_the_continuation_is_a_stale_store() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    for _scan in 0..3 {
        device.record(&mut world, 1, "A-01");
    }
    device.push(&mut world, 1);
    world.settle();
    let stale = |world: &mut World, device: &mut Device| {
        let frames = device.connect(world);
        matches!(frames.as_slice(), [Frame::StaleStore(_)])
    };
    let mut shorter = device.clone();
    shorter.recorder.pop();
    assert!(stale(&mut world, &mut shorter), "it would use a number again");
    let mut other = device.clone();
    other.recorder.pop();
    other.record(&mut world, 9, "A-02");
    assert!(stale(&mut world, &mut other), "same number, other content");
    let mut forged = device.clone();
    forged.lease.proof = ByteBuf::from(vec![0; 16]);
    assert!(stale(&mut world, &mut forged));
    assert!(!stale(&mut world, &mut device), "the true one is none");
}

#[test]
fn a_revoked_device_is_closed_at_once_and_a_suspended_one_may_upload() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    world.take(device.connection);
    let set = |state| MachineCommand::SetDevice { device: DeviceId(1), state }.encode();
    world.command(set(DeviceState::Suspended), None);
    world.settle();
    assert!(world.closed.contains(&device.connection), "it connects again and learns the rest");
    device.come_in(&mut world);
    world.receive(device.connection, Frame::Subscribe(Subscribe { cursor: None }));
    assert_eq!(fault_of(&world.take(device.connection)).code, FaultCode::SUSPENDED);
    device.record(&mut world, 1, "A-01");
    device.push(&mut world, 1);
    world.settle();
    let frames = world.take(device.connection);
    assert!(matches!(frames.as_slice(), [Frame::Ack(ack)] if ack.accepted_seq == Seq(1)));

    world.command(set(DeviceState::Revoked), None);
    world.settle();
    assert_refused(&mut world, device.connection, FaultCode::REVOKED);
    let frames = device.connect(&mut world);
    assert_eq!(fault_of(&frames).code, FaultCode::REVOKED);
}

#[test]
fn only_administrators_change_devices() {
    let mut world = World::new();
    world.enrolled(7);
    let raw = MachineCommand::SetDevice { device: DeviceId(1), state: DeviceState::Revoked };
    let command = crate::intake::command::Command {
        origin: crate::intake::command::CommandOrigin::Desk {
            user: "BOB".try_into().unwrap(),
            idempotency: None,
        },
        raw: raw.encode(),
        local_date: None,
    };
    world.step(Event::Command { token: crate::machine::Token(5), command });
    world.settle();
    let judged = world.said.iter().rev().find_map(|said| match said {
        Action::CommandJudged { operation, .. } => Some(*operation),
        _ => None,
    });
    assert_eq!(world.decision(judged.unwrap()), Some(Decision::Refused));
}

#[test]
fn a_peer_that_does_not_read_costs_no_memory() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    let head = world.machine.head().lsn;
    world.receive(device.connection, Frame::Subscribe(Subscribe { cursor: Some(head) }));
    world.settle();
    world.take(device.connection);
    world.sockets_read = false;
    for n in 1..=60 {
        device.record(&mut world, 1, "A-01");
        device.push(&mut world, n);
        world.settle();
    }
    let frames = world.take(device.connection);
    let deltas = frames.iter().filter(|frame| matches!(frame, Frame::Delta(_))).count();
    assert_eq!(deltas, 4, "the feed stands at its window");
    assert!(frames.len() < 30, "acks are saved up: {}", frames.len());
    assert!(!world.closed.contains(&device.connection));
    // It reads again: one ack and one delta bring it up to date.
    world.sockets_read = true;
    for _frame in 0..frames.len() {
        world.step(Event::Sent { connection: device.connection });
    }
    let frames = world.take(device.connection);
    let last = frames.iter().rev().find_map(|frame| match frame {
        Frame::Delta(delta) => Some(delta.to),
        _ => None,
    });
    assert_eq!(last, Some(world.machine.head().lsn));
    assert!(frames.iter().any(|f| matches!(f, Frame::Ack(ack) if ack.accepted_seq == Seq(60))));
}

#[test]
fn a_peer_that_asks_without_reading_is_closed() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    world.sockets_read = false;
    let heartbeat = Frame::Heartbeat(Heartbeat {
        sent_us: device.mono(world.now),
        boot: device.boot,
        applied: Lsn(0),
        pending: 0,
        oldest_pending_us: None,
        battery: None,
        operator: None,
        sample: None,
        storage: None,
    });
    for _beat in 0..300 {
        world.receive(device.connection, heartbeat.clone());
    }
    assert!(world.closed.contains(&device.connection));
    assert!(world.take(device.connection).len() <= 257);
}

#[test]
fn a_device_that_pushes_faster_than_the_disk_is_told_to_wait() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    for _scan in 0..500 {
        device.record(&mut world, 1, "A-01");
    }
    let push = Frame::Push(device.push_from(1));
    for _push in 0..60 {
        world.receive(device.connection, push.clone());
    }
    assert_refused(&mut world, device.connection, FaultCode::RATE);
    world.settle();
    assert_eq!(device.come_in(&mut world).accepted_seq, Seq(500), "nothing was lost");
}

#[test]
fn a_device_that_sends_more_than_it_may_is_told_to_wait_and_loses_nothing() {
    let allowance = Allowance { operations: 3, operations_per_s: 1, ..Allowance::DEFAULT };
    let config = Config { allowance, ..super::world::config() };
    let mut world = World::over(super::world::small_company(), config);
    let (mut greedy, mut other) = (world.enrolled(7), world.enrolled(8));
    greedy.come_in(&mut world);
    other.come_in(&mut world);
    for _scan in 0..3 {
        greedy.record(&mut world, 1, "A-01");
    }
    greedy.push(&mut world, 1);
    world.settle();
    world.take(greedy.connection);
    for _scan in 0..2 {
        greedy.record(&mut world, 1, "A-01");
    }
    greedy.push(&mut world, 1);
    let frames = world.take(greedy.connection);
    let fault = fault_of(&frames);
    assert_eq!((fault.code, fault.retryable), (FaultCode::RATE, true));
    let wait_ms = fault.retry_after_ms.unwrap();
    assert!((1_000..=5_000).contains(&wait_ms), "{wait_ms}");
    assert!(world.closed.contains(&greedy.connection));
    // Connecting again gives nothing back; time does.
    greedy.come_in(&mut world);
    greedy.push(&mut world, 1);
    assert_refused(&mut world, greedy.connection, FaultCode::RATE);
    other.record(&mut world, 1, "A-01");
    other.push(&mut world, 1);
    world.settle();
    assert!(!world.closed.contains(&other.connection), "the others do not notice");
    world.wait_us(i64::from(wait_ms) * 1_000);
    greedy.come_in(&mut world);
    greedy.push(&mut world, 4);
    world.settle();
    let frames = world.take(greedy.connection);
    assert!(frames.iter().any(|f| matches!(f, Frame::Ack(ack) if ack.accepted_seq == Seq(5))));
}

#[test]
fn a_few_are_sent_a_snapshot_at_a_time_and_the_others_wait_for_their_turn() {
    // More than the few chunks that may be on their way at once.
    let mut tables = super::world::small_company();
    let empty = MemoryTables::new();
    let mut draft = Draft::over(&empty);
    for n in 0..6_000 {
        draft.put::<Items>(&ItemId(1_000 + n), super::world::item(&format!("ITEM-{n}")));
    }
    tables.apply(draft.finish());
    let mut world = World::over(tables, super::world::config());
    let n = u8::try_from(AT_ONCE_MAX).unwrap() + 2;
    let mut devices: Vec<_> = (1..=n).map(|seed| world.enrolled(seed)).collect();
    for device in &mut devices {
        device.come_in(&mut world);
    }
    world.sockets_read = false;
    for device in &devices {
        world.receive(device.connection, Frame::Subscribe(Subscribe { cursor: None }));
    }
    world.settle();
    let began = |world: &mut World, device: &Device| {
        let frames = world.take(device.connection);
        frames.iter().any(|frame| matches!(frame, Frame::SnapBegin(_)))
    };
    let (waiting, served) = devices.split_last().unwrap();
    let (next, served) = served.split_last().unwrap();
    for device in served {
        assert!(began(&mut world, device));
    }
    assert_eq!(world.machine.n_sending(), AT_ONCE_MAX);
    assert!(!began(&mut world, next) && !began(&mut world, waiting), "there is no place");
    world.step(Event::Closed { connection: served[0].connection });
    world.step(Event::Closed { connection: served[1].connection });
    assert!(began(&mut world, next) && began(&mut world, waiting), "their turn has come");
}

#[test]
fn depth_beyond_measure_in_an_operation_is_parked_and_the_next_goes_on() {
    let mut world = World::with_ledger(super::world::config());
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    device.record(&mut world, 1, "A-01");
    let (mut deep, _hash, _origin) = device.recorder.pop().unwrap();
    // The body of a receipt with a key that nobody knows, and under it eight thousand levels.
    let body = std::mem::take(&mut deep.body);
    deep.body = [&[body[0] + 1][..], &body[1..], b"\xa1\x7f", &vec![0x91; 7_900], &[0xc0]].concat();
    let deep = device.append(deep, None);
    let after = device.record(&mut world, 2, "A-01");
    device.push(&mut world, 1);
    world.settle();
    assert_eq!(world.decision(deep), Some(Decision::Parked));
    assert!(world.decision(after).is_some_and(|decision| decision != Decision::Parked));
}

#[test]
fn a_snapshot_that_is_gone_is_said_to_be() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    let resume = SnapResume { snapshot: 12_345, next_index: 3 };
    world.receive(device.connection, Frame::SnapResume(resume));
    assert_eq!(fault_of(&world.take(device.connection)).code, FaultCode::SNAPSHOT_GONE);
    let subscribe = Subscribe { cursor: Some(Lsn(1_000_000)) };
    world.receive(device.connection, Frame::Subscribe(subscribe));
    assert_eq!(fault_of(&world.take(device.connection)).code, FaultCode::CURSOR_TOO_OLD);
    assert!(!world.closed.contains(&device.connection), "the upload goes on");
}

#[test]
fn a_planned_stop_tells_devices_when_to_come_back() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    world.step(Event::GoAway { window_ms: (100, 5_000), reason: "an update".into() });
    let frames = world.take(device.connection);
    let [Frame::GoAway(away)] = frames.as_slice() else { panic!("{frames:?}") };
    assert_eq!((away.after_min_ms, away.after_max_ms), (100, 5_000));
    assert!(world.closed.contains(&device.connection));
}
