//! A device and the server, when nothing goes wrong, and when messages are lost.

use protocol::feed::FeedRow;
use protocol::frame::{Frame, Heartbeat, LeaseOk, Resume, Subscribe};
use protocol::identity::{DeviceId, IntakeNo, Lsn, Seq};
use protocol::outcome::Decision;

use super::world::{Device, MORNING, World};
use crate::machine::{Action, Alarm, Event};
use crate::session::wire::ConnectionNo;

pub(super) fn ack_of(frames: &[Frame]) -> &protocol::frame::Ack {
    frames
        .iter()
        .find_map(|frame| if let Frame::Ack(ack) = frame { Some(ack) } else { None })
        .unwrap_or_else(|| panic!("no ACK in {frames:?}"))
}

#[test]
fn both_sides_use_what_both_have_and_the_newest_framing_in_common() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    let hello = |device: &Device, min: u16, max: u16, capabilities: u64, world: &World| {
        Frame::Hello(protocol::frame::Hello {
            protocol_min: min,
            protocol_max: max,
            capabilities,
            ..device.hello(world.now)
        })
    };
    for (min, max, capabilities) in [(1, 1, 0), (1, 900, u64::MAX), (1, 2, 1)] {
        device.connection = world.connect();
        let said = hello(&device, min, max, capabilities, &world);
        world.receive(device.connection, said.clone());
        let frames = world.take(device.connection);
        let [challenge @ Frame::Challenge(told)] = frames.as_slice() else { panic!("{frames:?}") };
        assert_eq!(told.protocol, 1, "the newest that both speak");
        assert_eq!(told.capabilities, capabilities & protocol::frame::capability::ALL);
        let auth = device.auth(&said, challenge, world.now);
        world.receive(device.connection, auth);
        world.settle();
        let frames = world.take(device.connection);
        assert!(matches!(frames[0], Frame::Welcome(_)), "{frames:?}");
        let named = frames.iter().any(|frame| matches!(frame, Frame::ServerKey(_)));
        let reads_orders = capabilities & protocol::frame::capability::ORDERS != 0;
        assert_eq!(named, reads_orders, "an older app never sees a frame that it cannot read");
    }
    for (min, max) in [(2, 900), (0, 0)] {
        device.connection = world.connect();
        let said = hello(&device, min, max, 0, &world);
        world.receive(device.connection, said);
        let frames = world.take(device.connection);
        let [Frame::Fault(fault)] = frames.as_slice() else { panic!("{frames:?}") };
        assert_eq!(fault.code, protocol::frame::FaultCode::VERSION);
    }
}

#[test]
fn a_scan_goes_down_once_and_comes_back_once() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    assert_eq!(device.id, DeviceId(1));
    let welcome = device.come_in(&mut world);
    assert_eq!(welcome.resume, Resume::Snapshot, "it has nothing yet");
    assert_eq!(welcome.accepted_seq, Seq(0));
    assert_eq!((welcome.company.as_str(), welcome.site.as_str()), ("Nordwind", "NORTH"));
    let head = world.machine.head().lsn;
    world.receive(device.connection, Frame::Subscribe(Subscribe { cursor: Some(head) }));
    device.cursor = head;

    let operation = device.record(&mut world, 5, "A-01");
    device.push(&mut world, 1);
    let early = world.take(device.connection);
    assert!(early.is_empty(), "nothing is said before it is durable, but {early:?}");
    world.persist();
    let frames = world.take(device.connection);
    let [Frame::Ack(ack)] = frames.as_slice() else { panic!("{frames:?}") };
    assert_eq!((ack.accepted_seq, ack.accepted_hash), device.last());
    assert_eq!(world.decision(operation), None, "an ACK is not a judgement");

    world.settle();
    let frames = world.take(device.connection);
    let [Frame::Delta(delta)] = frames.as_slice() else { panic!("{frames:?}") };
    assert_eq!((delta.from, delta.to), (head, Lsn(head.0 + 1)));
    let [group] = delta.groups.as_slice() else { panic!("{delta:?}") };
    assert_eq!(group.outcomes.len(), 1);
    assert_eq!(group.outcomes[0].operation, operation);
    assert_eq!(group.outcomes[0].decision, Decision::Accepted);
    let [record] = group.records.as_slice() else { panic!("{group:?}") };
    let row = FeedRow::decode(record.table, record.row.as_ref().unwrap()).unwrap();
    let Some(FeedRow::Stock(stock)) = row else { panic!("{row:?}") };
    assert_eq!(stock.quantity.unwrap().to_string(), "5");
    assert_eq!(stock.bin.unwrap().as_str(), "A-01");
}

#[test]
fn what_is_sent_twice_is_taken_once_and_acknowledged_twice() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    device.record(&mut world, 5, "A-01");
    device.push(&mut world, 1);
    world.settle();
    world.take(device.connection);
    device.push(&mut world, 1);
    world.settle();
    let frames = world.take(device.connection);
    assert_eq!(ack_of(&frames).accepted_seq, Seq(1));
    // The rest of a PUSH whose first part is known is taken.
    device.record(&mut world, 3, "A-01");
    device.push(&mut world, 1);
    world.settle();
    assert_eq!(ack_of(&world.take(device.connection)).accepted_seq, Seq(2));
    assert_eq!(world.on_hand(1), 8);
}

#[test]
fn a_gap_is_named_and_filled() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    for _scan in 0..3 {
        device.record(&mut world, 1, "A-01");
    }
    device.push(&mut world, 2);
    let frames = world.take(device.connection);
    let [Frame::Nack(nack)] = frames.as_slice() else { panic!("{frames:?}") };
    assert_eq!(nack.expected, Seq(1));
    device.push(&mut world, nack.expected.0);
    world.settle();
    assert_eq!(ack_of(&world.take(device.connection)).accepted_seq, Seq(3));
    assert_eq!(world.on_hand(1), 3);
}

#[test]
fn several_devices_share_one_batch() {
    let mut world = World::new();
    let (mut one, mut two) = (world.enrolled(7), world.enrolled(8));
    one.come_in(&mut world);
    two.come_in(&mut world);
    one.record(&mut world, 1, "A-01");
    one.push(&mut world, 1);
    // The disk is busy with the first: the others gather behind it.
    two.record(&mut world, 2, "A-01");
    two.push(&mut world, 1);
    one.record(&mut world, 4, "A-01");
    one.push(&mut world, 2);
    assert_eq!(world.machine.n_batches_under_way(), 1);
    world.persist();
    assert_eq!(ack_of(&world.take(one.connection)).accepted_seq, Seq(1));
    assert!(world.take(two.connection).is_empty());
    world.persist();
    assert_eq!(ack_of(&world.take(two.connection)).accepted_seq, Seq(1));
    assert_eq!(ack_of(&world.take(one.connection)).accepted_seq, Seq(2));
    world.settle();
    assert_eq!(world.on_hand(1), 7);
}

#[test]
fn one_group_is_judged_while_the_other_is_synced() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    device.record(&mut world, 1, "A-01");
    device.push(&mut world, 1);
    device.record(&mut world, 2, "A-01");
    device.push(&mut world, 2);
    world.persist();
    let before = world.judge.n_judged.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(world.machine.n_batches_under_way(), 1, "the second intake is under way");
    world.step(Event::Work);
    let after = world.judge.n_judged.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(after, before + 1, "the first operation is judged meanwhile");
    world.persist();
    // What was judged and what was not even durable then add up.
    world.settle();
    assert_eq!(world.on_hand(1), 3);
}

#[test]
fn a_lost_welcome_costs_nothing() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    for _try in 0..3 {
        let frames = device.connect(&mut world);
        let [Frame::Welcome(welcome)] = frames.as_slice() else { panic!("{frames:?}") };
        assert_eq!(welcome.lease.counter, 2, "the same offer until it was seen");
    }
    let first = device.come_in(&mut world);
    assert_eq!(first.lease.counter, 2);
    let next = device.come_in(&mut world);
    assert_eq!(next.lease.counter, 3);
    assert!(!world.said.iter().any(|said| matches!(said, Action::Alarm(_))));
}

#[test]
fn a_lease_that_was_shown_once_is_not_taken_from_an_older_copy() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    let mut copy = device.clone();
    device.come_in(&mut world);
    device.come_in(&mut world);
    let frames = copy.connect(&mut world);
    let [Frame::StaleStore(stale)] = frames.as_slice() else { panic!("{frames:?}") };
    assert_eq!(stale.incarnation.0, 2);
    let alarm = |said: &Action| matches!(said, Action::Alarm(Alarm::StaleStore { .. }));
    assert!(world.said.iter().any(alarm));
}

#[test]
fn the_newest_connection_of_a_device_counts() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    let old = device.connection;
    device.come_in(&mut world);
    let frames = world.take(old);
    assert!(matches!(frames.as_slice(), [.., Frame::Bye(_)]), "{frames:?}");
    assert!(world.closed.contains(&old));
    let connected: Vec<_> = world.machine.connected().collect();
    assert_eq!(connected, [(device.id, device.connection)]);
}

/// What one of two that are alive does: records, comes in where nobody holds a connection of it, and sends
/// everything that the server does not have.
fn works(world: &mut World, one: &mut Device, n_connections: &mut usize) {
    one.record_item(world, "BOLT", 1, "A-01");
    while !world.machine.connected().any(|(_device, no)| no == one.connection) {
        *n_connections += 1;
        let frames = one.connect(world);
        match frames.as_slice() {
            [Frame::StaleStore(stale)] => one.reincarnate(stale),
            [Frame::Welcome(welcome), ..] => {
                one.lease = welcome.lease.clone();
                let counter = welcome.lease.counter;
                world.receive(one.connection, Frame::LeaseOk(LeaseOk { counter }));
            }
            other => panic!("{other:?}"),
        }
    }
    one.push(world, 1);
    world.settle();
}

/// `n` devices with one name and one key, each a copy of the first.
fn copies_at_work(n: usize) -> (World, Vec<Device>, usize) {
    let mut world = World::with_ledger(super::world::config());
    let mut original = world.enrolled(7);
    original.come_in(&mut world);
    original.record(&mut world, 1, "A-01");
    original.push(&mut world, 1);
    world.settle();
    let mut all = vec![original; n];
    for copy in &mut all[1..] {
        copy.connection = ConnectionNo(0);
    }
    let mut n_connections = 0;
    for _round in 0..10 {
        for one in &mut all {
            works(&mut world, one, &mut n_connections);
            world.wait_us(1_000_000);
        }
    }
    (world, all, n_connections)
}

#[test]
fn a_device_and_its_copy_that_are_both_alive_lose_nothing_and_leave_each_other_alone() {
    let (world, all, n_connections) = copies_at_work(2);
    assert_eq!(super::company::on_hand(&world, "A-01"), 1 + 2 * 10, "none is lost, none doubled");
    let alarm = |said: &&Action| matches!(said, Action::Alarm(Alarm::StaleStore { .. }));
    assert_eq!(world.said.iter().filter(alarm).count(), 1, "a person is told once");
    // The copy came twice: as what it was, and as what it was told to be.
    assert!(n_connections <= 3, "{n_connections} connections for 20 records");
    let connected: Vec<_> = world.machine.connected().collect();
    assert_eq!(connected, [0, 1].map(|n| (all[n].id, all[n].connection)));
}

#[test]
fn many_copies_of_one_device_hold_no_more_than_a_few_connections() {
    let (world, _all, _n) = copies_at_work(6);
    assert_eq!(super::company::on_hand(&world, "A-01"), 1 + 6 * 10);
    assert!(world.machine.connected().count() <= 4);
}

#[test]
fn heartbeats_carry_time_head_and_acks() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    device.record(&mut world, 1, "A-01");
    device.push(&mut world, 1);
    world.settle();
    world.take(device.connection);
    let sent_us = device.mono(world.now);
    world.receive(
        device.connection,
        Frame::Heartbeat(Heartbeat {
            sent_us,
            boot: device.boot,
            applied: Lsn(0),
            pending: 0,
            oldest_pending_us: None,
            battery: Some(80),
            operator: None,
            sample: None,
            storage: None,
        }),
    );
    let frames = world.take(device.connection);
    let [Frame::HeartbeatAck(ack)] = frames.as_slice() else { panic!("{frames:?}") };
    assert_eq!(ack.sent_us, sent_us);
    assert_eq!(ack.accepted_seq, Seq(1));
    assert_eq!(ack.head, world.machine.head().lsn);
    assert!(ack.server_received > MORNING && ack.server_received <= world.now);
}

#[test]
fn recorders_may_forget_what_a_verified_backup_holds() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    for n in 1..=3 {
        device.record(&mut world, 1, "A-01");
        device.push(&mut world, n);
        world.settle();
    }
    assert_eq!(ack_of(&world.take(device.connection)).safe_seq, Seq(0), "no backup yet");
    let of_second = world.machine.head().intake;
    world.step(Event::Safe { intake: IntakeNo(of_second.0 - 1), photos: Vec::new() });
    world.settle();
    device.record(&mut world, 1, "A-01");
    device.push(&mut world, 4);
    world.settle();
    assert_eq!(ack_of(&world.take(device.connection)).safe_seq, Seq(2));
    assert_eq!(device.come_in(&mut world).safe_seq, Seq(2));
}

#[test]
fn a_device_that_was_told_nothing_still_moves_its_cursor() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    let head = world.machine.head().lsn;
    world.receive(device.connection, Frame::Subscribe(Subscribe { cursor: Some(head) }));
    // A decision that no device sees anything of.
    world.allow_enrolment([77; 16]);
    world.take(device.connection);
    let heartbeat = Heartbeat {
        sent_us: device.mono(world.now),
        boot: device.boot,
        applied: head,
        pending: 0,
        oldest_pending_us: None,
        battery: None,
        operator: None,
        sample: None,
        storage: None,
    };
    world.receive(device.connection, Frame::Heartbeat(heartbeat.clone()));
    world.receive(device.connection, Frame::Heartbeat(heartbeat));
    let frames = world.take(device.connection);
    let delta = frames.iter().find_map(|frame| match frame {
        Frame::Delta(delta) => Some(delta.clone()),
        _ => None,
    });
    let delta = delta.unwrap_or_else(|| panic!("{frames:?}"));
    assert_eq!((delta.from, delta.to), (head, world.machine.head().lsn));
    assert!(delta.groups.is_empty());
}

#[test]
fn a_lease_ok_for_another_lease_changes_nothing() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    let frames = device.connect(&mut world);
    let [Frame::Welcome(_)] = frames.as_slice() else { panic!("{frames:?}") };
    world.receive(device.connection, Frame::LeaseOk(LeaseOk { counter: 99 }));
    world.settle();
    let frames = device.connect(&mut world);
    let [Frame::Welcome(welcome)] = frames.as_slice() else { panic!("{frames:?}") };
    assert_eq!(welcome.lease.counter, 2);
}
