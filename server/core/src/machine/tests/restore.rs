//! A server restored from yesterday loses nothing: devices know what it forgot.

use ledger::schema::book::{Bound, Intakes};
use ledger::tables::Read as _;
use protocol::frame::order::Witness;
use protocol::frame::{Frame, Resume, Subscribe};
use protocol::identity::{Incarnation, Lsn, Seq, ServerEpoch};

use super::world::World;
use crate::identity::command::MachineCommand;
use crate::intake::command::{Command, CommandOrigin};
use crate::intake::{IntakeHead, is_of_this_log, server_epoch};
use crate::machine::{Action, Alarm, Event, Token};
use crate::schema::Restorations;

/// Puts an older store back, and begins a new generation over it.
fn restore(world: &mut World, backup: crate::store::MemoryStore) {
    world.store = backup;
    world.crash(0);
    let fork = world.machine.head().lsn;
    let raw = MachineCommand::BeginEpoch { fork, backup_at: None }.encode();
    let command = Command { origin: CommandOrigin::System, raw, local_date: None };
    world.step(Event::Command { token: Token(1), command });
    world.settle();
}

#[test]
fn a_restored_server_gets_everything_back_from_its_devices() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    for n in 1..=3 {
        device.record(&mut world, 1, "A-01");
        device.push(&mut world, n);
        world.settle();
    }
    let backup = world.store.clone();
    device.cursor = world.machine.head().lsn;
    let before_fork = device.cursor;
    for n in 4..=9 {
        device.record(&mut world, 1, "A-01");
        device.push(&mut world, n);
        world.settle();
    }
    device.come_in(&mut world);
    device.cursor = world.machine.head().lsn;
    let after_fork = device.cursor;
    assert_eq!(world.on_hand(1), 9);

    restore(&mut world, backup);
    assert_eq!(world.on_hand(1), 3, "yesterday");
    assert!(is_of_this_log(world.tables(), before_fork, ServerEpoch(1)));
    assert!(!is_of_this_log(world.tables(), after_fork, ServerEpoch(1)));
    let frames = device.connect(&mut world);
    let [Frame::Welcome(welcome)] = frames.as_slice() else { panic!("{frames:?}") };
    assert_eq!(welcome.accepted_seq, Seq(3));
    assert_eq!(welcome.resume, Resume::Snapshot, "its cursor names decisions of a lost log");
    device.push(&mut world, 4);
    world.settle();
    assert_eq!(world.on_hand(1), 9, "nothing is lost");
    let alarm = |said: &Action| matches!(said, Action::Alarm(Alarm::ServerIsOldCopy { .. }));
    assert!(!world.said.iter().any(alarm), "after a restore that is expected");
}

#[test]
fn a_cursor_from_before_the_fork_goes_on() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    device.record(&mut world, 1, "A-01");
    device.push(&mut world, 1);
    world.settle();
    device.cursor = world.machine.head().lsn;
    let backup = world.store.clone();
    restore(&mut world, backup);
    let welcome = device.come_in(&mut world);
    assert_eq!(welcome.resume, Resume::Delta);
    let cursor = Some(device.cursor);
    world.receive(device.connection, Frame::Subscribe(Subscribe { cursor }));
    device.epoch = server_epoch(world.tables());
    device.record(&mut world, 1, "A-01");
    device.push(&mut world, 2);
    world.settle();
    let frames = world.take(device.connection);
    assert!(frames.iter().any(|frame| matches!(frame, Frame::Delta(_))), "{frames:?}");
}

#[test]
fn an_old_copy_without_a_new_generation_is_noticed() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    let backup = world.store.clone();
    device.come_in(&mut world);
    device.come_in(&mut world);
    world.store = backup;
    world.crash(0);
    let frames = device.connect(&mut world);
    assert!(matches!(frames.as_slice(), [Frame::Welcome(_)]), "it is let in all the same");
    let alarm = |said: &Action| matches!(said, Action::Alarm(Alarm::ServerIsOldCopy { .. }));
    assert!(world.said.iter().any(alarm));
}

#[test]
fn operations_that_are_nowhere_any_more_do_not_block_the_rest() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    let backup = world.store.clone();
    for n in 1..=5 {
        device.record(&mut world, 1, "A-01");
        device.push(&mut world, n);
        world.settle();
    }
    restore(&mut world, backup);
    // The recorder had forgotten 1 to 3, because a backup that is lost as well had them.
    let kept = device.recorder.split_off(3);
    device.connection = world.connect();
    let hello = Frame::Hello(protocol::frame::Hello {
        next_seq: Seq(6),
        tail_hash: kept.last().unwrap().1,
        oldest_seq: Seq(4),
        ..device.hello(world.now)
    });
    world.receive(device.connection, hello.clone());
    let challenge = world.take(device.connection).remove(0);
    let auth = device.auth(&hello, &challenge, world.now);
    world.receive(device.connection, auth);
    world.settle();
    let frames = world.take(device.connection);
    let [Frame::StaleStore(stale)] = frames.as_slice() else { panic!("{frames:?}") };
    let missing = |said: &Action| {
        matches!(said, Action::Alarm(Alarm::OperationsMissing { n_operations: 3, .. }))
    };
    assert!(world.said.iter().any(missing), "the loss is counted and visible");
    device.recorder = kept;
    device.reincarnate(stale);
    device.come_in(&mut world);
    device.push(&mut world, 1);
    world.settle();
    assert_eq!(world.on_hand(1), 2);
}

#[test]
fn numbers_of_incarnations_that_a_lost_log_gave_are_not_given_again() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    let backup = world.store.clone();
    let mut copy = device.clone();
    device.come_in(&mut world);
    device.come_in(&mut world);
    let frames = copy.connect(&mut world);
    let [Frame::StaleStore(stale)] = frames.as_slice() else { panic!("{frames:?}") };
    copy.reincarnate(stale);
    copy.come_in(&mut world);
    assert_eq!(copy.incarnation, Incarnation(2));
    restore(&mut world, backup);
    let frames = copy.connect(&mut world);
    let [Frame::StaleStore(stale)] = frames.as_slice() else { panic!("{frames:?}") };
    assert_eq!(stale.incarnation, Incarnation(3));
    assert_eq!(stale.epoch, server_epoch(world.tables()));
}

#[test]
fn the_second_generation_is_not_the_first() {
    let mut world = World::new();
    world.enrolled(7);
    let backup = world.store.clone();
    restore(&mut world, backup);
    let fork = world.machine.head().lsn.0 - 1;
    assert!(is_of_this_log(world.tables(), Lsn(fork), ServerEpoch(1)));
    assert!(!is_of_this_log(world.tables(), Lsn(fork + 1), ServerEpoch(1)));
    let second = server_epoch(world.tables());
    assert!(second > ServerEpoch(1));
    assert!(is_of_this_log(world.tables(), Lsn(fork + 1), second));
    assert!(!is_of_this_log(world.tables(), Lsn(1), second.next()), "a generation to come");
    assert!(!is_of_this_log(world.tables(), Lsn(1), ServerEpoch(2)), "one of another copy");
}

#[test]
fn the_same_copy_restored_twice_begins_two_generations() {
    let mut world = World::new();
    let (mut device, mut other) = (world.enrolled(7), world.enrolled(8));
    device.come_in(&mut world);
    other.come_in(&mut world);
    device.record(&mut world, 1, "A-01");
    device.push(&mut world, 1);
    world.settle();
    let backup = world.store.clone();
    // A day of work over the copy, and its log is lost as well.
    restore(&mut world, backup.clone());
    let first = server_epoch(world.tables());
    device.come_in(&mut world);
    device.epoch = first;
    for n in 2..=4 {
        device.record(&mut world, 1, "A-01");
        device.push(&mut world, n);
        world.settle();
    }
    device.cursor = world.machine.head().lsn;
    device.record(&mut world, 1, "A-01");
    device.push(&mut world, 5);
    world.settle();
    let seen = IntakeHead::of(world.tables());
    assert_eq!(world.on_hand(1), 5);

    restore(&mut world, backup);
    let second = server_epoch(world.tables());
    assert!(second > first, "{second} after {first}");
    // The new log goes on beyond what was seen of the lost one, with other decisions.
    other.come_in(&mut world);
    for n in 1..=9 {
        other.record(&mut world, 1, "A-02");
        other.push(&mut world, n);
        world.settle();
    }
    assert!(world.machine.head().lsn > device.cursor);
    let welcome = device.come_in(&mut world);
    assert_eq!(welcome.resume, Resume::Snapshot, "its cursor names decisions of the lost log");
    assert_eq!(welcome.accepted_seq, Seq(1));
    device.push(&mut world, 2);
    world.settle();
    assert_eq!((world.on_hand(1), world.on_hand(2)), (5, 9), "nothing is lost");
    let last = IntakeHead::of(world.tables()).no;
    let intake = world.tables().row::<Intakes>(&last).unwrap();
    assert_ne!(intake.timing.lower, Bound::Causality, "what it had seen is no evidence here");
    // What the first generation lost is counted with the second restore.
    let witness = Witness { epoch: first, chain_no: seen.no, chain_head: seen.hash };
    world.receive(device.connection, Frame::Witness(witness));
    world.settle();
    let restored = world.tables().row::<Restorations>(&second).unwrap();
    assert_eq!(restored.lost_to, Some(seen.no));
}
