//! Orders to devices, new keys, witnesses, and what is missing for good.

use ed25519_dalek::{Signer as _, Verifier as _};
use ledger::schema::identity::{DeviceState, Devices};
use ledger::tables::Read as _;
use protocol::frame::order::{
    Command, CommandResult, Order, RotateKey, Witness, order_message, rotation_message,
};
use protocol::frame::{FaultCode, Frame, Heartbeat, KeyAlgorithm};
use protocol::identity::{Hash16, Incarnation, IntakeNo, Lsn, Seq, ServerEpoch};
use protocol::outcome::Decision;
use serde_bytes::ByteBuf;

use super::world::{Device, World};
use crate::identity::command::MachineCommand;
use crate::identity::gap::{self, GapKey};
use crate::intake::{IntakeHead, server_epoch};
use crate::machine::{Action, Alarm, Event};
use crate::schema::{Gaps, Orders, PreviousKeys, Restorations};

const HOUR_US: i64 = 3_600_000_000;

fn joined(world: &mut World) -> Device {
    let mut device = world.enrolled(7);
    device.takes_orders = true;
    device
}

fn order(world: &mut World, device: &Device, order: Order) {
    let expires = world.now.plus_us(24 * HOUR_US);
    world.command(MachineCommand::Order { device: device.id, order, expires }.encode(), None);
    world.settle();
}

fn commands(frames: Vec<Frame>) -> Vec<Command> {
    frames
        .into_iter()
        .filter_map(|frame| match frame {
            Frame::Command(command) => Some(command),
            _ => None,
        })
        .collect()
}

/// The key that the server names, and the order with it.
fn greeted(frames: &[Frame]) -> (ed25519_dalek::VerifyingKey, Vec<Command>) {
    let key = frames.iter().find_map(|frame| match frame {
        Frame::ServerKey(named) => Some(named.public_key.to_vec()),
        _ => None,
    });
    let key: [u8; 32] = key.expect("the server names its key").try_into().unwrap();
    (ed25519_dalek::VerifyingKey::from_bytes(&key).unwrap(), commands(frames.to_vec()))
}

fn result(command: &Command, done: bool, pending: u64) -> Frame {
    Frame::CommandResult(CommandResult { id: command.id, done, pending, detail: "why".into() })
}

#[test]
fn an_order_comes_signed_with_each_connection_until_it_is_done() {
    let mut world = World::new();
    let mut device = joined(&mut world);
    order(&mut world, &device, Order::DrainThenWipe);
    for _connection in 0..2 {
        let frames = device.connect(&mut world);
        assert!(matches!(frames[0], Frame::Welcome(_)), "{frames:?}");
        let (key, commands) = greeted(&frames);
        let [command] = commands.as_slice() else { panic!("{commands:?}") };
        let message = order_message(device.id, command.id, command.expires, command.order);
        let signature = ed25519_dalek::Signature::from_slice(&command.signature).unwrap();
        key.verify(&message, &signature).expect("signed by the key that was named");
    }
    let command = world.tables().row::<Orders>(&device.id).unwrap();
    let command = Command {
        id: command.id,
        expires: command.expires,
        order: command.order,
        signature: ByteBuf::new(),
    };
    device.record(&mut world, 1, "A-01");
    device.push(&mut world, 1);
    world.settle();
    assert_eq!(world.on_hand(1), 1, "a device that drains uploads, and its work counts");
    world.receive(device.connection, result(&command, true, 0));
    world.settle();
    let row = world.tables().row::<Orders>(&device.id).unwrap();
    assert!(row.done.is_some());
    let card = world.tables().row::<Devices>(&device.id).unwrap();
    assert_eq!(card.state, DeviceState::Revoked, "what was wiped is no device any more");
    assert!(world.tables().row::<Gaps>(&(device.id, Incarnation(1), Seq(2))).is_none());
}

#[test]
fn a_stolen_device_is_wiped_at_its_first_contact_and_what_it_had_is_lost_by_decision() {
    let mut world = World::new();
    let mut device = joined(&mut world);
    device.come_in(&mut world);
    device.record(&mut world, 1, "A-01");
    device.push(&mut world, 1);
    world.settle();
    world.take(device.connection);
    order(&mut world, &device, Order::WipeNow);
    let told = commands(world.take(device.connection));
    assert_eq!(told.len(), 1, "a connected device hears of it at once");
    let frames = device.connect(&mut world);
    let [Frame::Command(command)] = frames.as_slice() else { panic!("{frames:?}") };
    device.record(&mut world, 5, "A-01");
    device.push(&mut world, 2);
    world.settle();
    assert_eq!(world.on_hand(1), 1, "nothing more is taken from it");
    world.receive(device.connection, result(command, true, 3));
    world.settle();
    assert!(world.closed.contains(&device.connection));
    let gap = world.tables().row::<Gaps>(&(device.id, Incarnation(1), Seq(2))).unwrap();
    assert_eq!(gap.to, Seq(4));
    assert_eq!(gap.declared.as_ref().unwrap().by, "ANNA".try_into().unwrap());
    let frames = device.connect(&mut world);
    let [Frame::Fault(fault)] = frames.as_slice() else { panic!("{frames:?}") };
    assert_eq!(fault.code, FaultCode::REVOKED, "the order is done");
}

#[test]
fn an_older_app_is_only_refused_and_a_wrong_answer_changes_nothing() {
    let mut world = World::new();
    let mut device = joined(&mut world);
    device.takes_orders = false;
    order(&mut world, &device, Order::WipeNow);
    let frames = device.connect(&mut world);
    let [Frame::Fault(fault)] = frames.as_slice() else { panic!("{frames:?}") };
    assert_eq!(fault.code, FaultCode::REVOKED);
    device.takes_orders = true;
    let frames = device.connect(&mut world);
    let [Frame::Command(command)] = frames.as_slice() else { panic!("{frames:?}") };
    let other = Command { id: command.id + 1, ..command.clone() };
    world.receive(device.connection, result(&other, true, 9));
    world.settle();
    let id = device.id;
    let is_open = |world: &World| world.tables().row::<Orders>(&id).unwrap().done.is_none();
    assert!(is_open(&world));
    let frames = device.connect(&mut world);
    let [Frame::Command(command)] = frames.as_slice() else { panic!("{frames:?}") };
    assert_eq!(world.machine.connected().count(), 0, "it is not in");
    world.receive(device.connection, result(command, false, 0));
    world.settle();
    assert!(is_open(&world));
    let refused = |said: &Action| matches!(said, Action::Alarm(Alarm::OrderRefused { .. }));
    assert!(world.said.iter().any(refused), "a person is told");
    world.wait_us(48 * HOUR_US);
    let frames = device.connect(&mut world);
    assert!(matches!(frames.as_slice(), [Frame::Fault(_)]), "the order is too old now");
}

fn rotation(device: &Device, present: &ed25519_dalek::SigningKey, seed: u8) -> RotateKey {
    rotation_to(device, present, &ed25519_dalek::SigningKey::from_bytes(&[seed; 32]))
}

pub(super) fn rotation_to(
    device: &Device,
    present: &ed25519_dalek::SigningKey,
    new: &ed25519_dalek::SigningKey,
) -> RotateKey {
    let public = new.verifying_key().to_bytes().to_vec();
    let message = rotation_message(device.id, &public);
    RotateKey {
        algorithm: KeyAlgorithm::Ed25519,
        public_key: ByteBuf::from(public),
        by_present: ByteBuf::from(present.sign(&message).to_vec()),
        by_new: ByteBuf::from(new.sign(&message).to_vec()),
    }
}

#[test]
fn a_new_key_is_taken_with_both_signatures_and_the_old_one_lives_for_a_month() {
    let mut world = World::new();
    let mut device = joined(&mut world);
    let old = device.key.clone();
    order(&mut world, &device, Order::RotateKey);
    let welcome = |frames: &[Frame]| matches!(frames.first(), Some(Frame::Welcome(_)));
    assert!(welcome(&device.connect(&mut world)));
    let asked = rotation(&device, &old, 9);
    for _again in 0..2 {
        world.receive(device.connection, Frame::RotateKey(asked.clone()));
        world.settle();
        let frames = world.take(device.connection);
        let ok = frames
            .iter()
            .any(|frame| matches!(frame, Frame::KeyOk(ok) if ok.public_key == asked.public_key));
        assert!(ok, "{frames:?}");
    }
    assert!(world.tables().row::<Orders>(&device.id).unwrap().done.is_some());
    // The answer was lost: the old key still proves it.
    let mut behind = device.clone();
    assert!(welcome(&behind.connect(&mut world)));
    device.key = ed25519_dalek::SigningKey::from_bytes(&[9; 32]);
    device.lease = behind.lease.clone();
    assert!(welcome(&device.connect(&mut world)));
    let until = world.tables().row::<PreviousKeys>(&device.id).unwrap().until;
    world.wait_us(until.us_since(world.now) + 1);
    let frames = behind.connect(&mut world);
    let [Frame::Fault(fault)] = frames.as_slice() else { panic!("{frames:?}") };
    assert_eq!(fault.code, FaultCode::AUTH, "a month later it proves nothing");
    assert!(welcome(&device.connect(&mut world)));
}

#[test]
fn nobody_can_name_a_key_for_another_device_or_without_the_old_one() {
    let mut world = World::new();
    let mut device = joined(&mut world);
    let stranger = ed25519_dalek::SigningKey::from_bytes(&[66; 32]);
    let mut other = device.clone();
    other.id.0 += 1;
    let own = device.key.clone();
    let swapped = RotateKey {
        public_key: rotation(&device, &own, 10).public_key,
        ..rotation(&device, &own, 9)
    };
    let attempts = [rotation(&device, &stranger, 9), rotation(&other, &own, 9), swapped];
    for asked in attempts {
        device.connect(&mut world);
        world.receive(device.connection, Frame::RotateKey(asked));
        world.settle();
        let frames = world.take(device.connection);
        let [Frame::Fault(fault)] = frames.as_slice() else { panic!("{frames:?}") };
        assert_eq!(fault.code, FaultCode::AUTH);
    }
    assert_eq!(world.tables().row::<PreviousKeys>(&device.id), None);
}

#[test]
fn what_is_nowhere_any_more_is_in_the_book_until_somebody_declares_it_lost() {
    let mut world = World::new();
    let mut device = joined(&mut world);
    device.come_in(&mut world);
    let gap = GapKey { device: device.id, incarnation: Incarnation(1), from: Seq(3), to: Seq(4) };
    let GapKey { device: id, incarnation, from, to } = gap;
    world.system_raw(MachineCommand::NoteGap { device: id, incarnation, from, to }.encode());
    let key = (id, incarnation, from);
    assert_eq!(world.tables().row::<Gaps>(&key).unwrap().declared, None);
    for n in 1..=3 {
        device.record(&mut world, 1, "A-01");
        device.push(&mut world, n);
        world.settle();
    }
    assert_eq!(gap::n_found(world.tables(), gap), 1, "3 turned up after all");
    let declare = MachineCommand::DeclareGapLost { device: id, incarnation, from }.encode();
    world.command(declare.clone(), None);
    world.settle();
    let declared = world.tables().row::<Gaps>(&key).unwrap().declared.clone().unwrap();
    assert_eq!(declared.by, "ANNA".try_into().unwrap());
    let unknown = MachineCommand::DeclareGapLost { device: id, incarnation, from: Seq(99) };
    world.command(unknown.encode(), None);
    world.settle();
    let judged = world.said.iter().rev().find_map(|said| match said {
        Action::CommandJudged { operation, .. } => Some(*operation),
        _ => None,
    });
    assert_eq!(world.decision(judged.unwrap()), Some(Decision::Refused));
    world.crash(0);
    assert_eq!(gap::gaps(world.tables()).len(), 1, "it is in the book, not in memory");
}

#[test]
fn numbers_that_re_labelled_operations_leave_out_are_noticed() {
    let mut world = World::new();
    let mut device = joined(&mut world);
    device.takes_orders = false;
    device.come_in(&mut world);
    for _n in 0..6 {
        device.record(&mut world, 1, "A-01");
    }
    let mut whole = device.clone();
    device.recorder.truncate(2);
    device.push(&mut world, 1);
    world.settle();
    // Its storage loses 3 and 4; what follows is offered under a new incarnation.
    let mut copy = device.clone();
    copy.lease = whole.lease.clone();
    device.come_in(&mut world);
    device.come_in(&mut world);
    let frames = copy.connect(&mut world);
    let [Frame::StaleStore(stale)] = frames.as_slice() else { panic!("{frames:?}") };
    whole.reincarnate(stale);
    let kept: Vec<_> = whole.recorder.drain(..).enumerate().collect();
    for (n, (recorded, _hash, origin)) in kept {
        if n != 2 && n != 3 {
            whole.append(recorded, origin);
        }
    }
    whole.come_in(&mut world);
    whole.push(&mut world, 1);
    world.settle();
    let gap = world.tables().row::<Gaps>(&(device.id, Incarnation(1), Seq(3))).unwrap();
    assert_eq!((gap.to, gap.declared.clone()), (Seq(4), None));
    let missing = |said: &Action| {
        matches!(said, Action::Alarm(Alarm::OperationsMissing { n_operations: 2, .. }))
    };
    assert!(world.said.iter().any(missing));
    assert_eq!(world.on_hand(1), 4, "the others are posted, once");
}

#[test]
fn a_device_is_a_witness_against_a_log_that_was_put_back_or_changed() {
    let mut world = World::new();
    let mut device = joined(&mut world);
    device.come_in_with_key(&mut world);
    device.record(&mut world, 1, "A-01");
    device.push(&mut world, 1);
    world.settle();
    let head = IntakeHead::of(world.tables());
    let seen = Witness { epoch: ServerEpoch(1), chain_no: head.no, chain_head: head.hash };
    let alarmed = |world: &World| {
        let alarm = |said: &Action| matches!(said, Action::Alarm(Alarm::ServerIsOldCopy { .. }));
        world.said.iter().any(alarm)
    };
    world.receive(device.connection, Frame::Witness(seen));
    world.settle();
    assert!(!alarmed(&world), "the log goes through it");
    let longer = Witness { chain_no: IntakeNo(head.no.0 + 100), ..seen };
    world.receive(device.connection, Frame::Witness(longer));
    assert!(alarmed(&world), "something was cut off");
    world.wait_us(61_000_000);
    world.said.clear();
    let other = Witness { chain_head: Hash16([9; 16]), ..seen };
    world.receive(device.connection, Frame::Witness(other));
    assert!(alarmed(&world), "something was changed");
}

#[test]
fn after_a_restore_devices_say_how_far_the_lost_log_went() {
    let mut world = World::new();
    let mut device = joined(&mut world);
    device.come_in_with_key(&mut world);
    let backup = world.store.clone();
    for n in 1..=3 {
        device.record(&mut world, 1, "A-01");
        device.push(&mut world, n);
        world.settle();
    }
    let head = IntakeHead::of(world.tables());
    world.store = backup;
    world.crash(0);
    let fork = world.machine.head().lsn;
    let begin = MachineCommand::BeginEpoch { fork, backup_at: Some(world.now) };
    world.system_raw(begin.encode());
    device.come_in_with_key(&mut world);
    let seen = Witness { epoch: ServerEpoch(1), chain_no: head.no, chain_head: head.hash };
    world.receive(device.connection, Frame::Witness(seen));
    world.settle();
    let lost_to = |world: &World| {
        let epoch = server_epoch(world.tables());
        world.tables().row::<Restorations>(&epoch).unwrap().lost_to
    };
    assert_eq!(lost_to(&world), Some(head.no));
    let less = Witness { chain_no: IntakeNo(head.no.0 - 1), chain_head: Hash16([1; 16]), ..seen };
    world.receive(device.connection, Frame::Witness(less));
    world.settle();
    assert_eq!(lost_to(&world), Some(head.no), "the furthest counts");
    device.push(&mut world, 1);
    world.settle();
    assert_eq!(world.on_hand(1), 3);
}

#[test]
fn a_device_that_turns_up_after_weeks_loses_nothing() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    device.record(&mut world, 1, "A-01");
    device.push(&mut world, 1);
    world.settle();
    device.cursor = world.machine.head().lsn;
    let backup = world.store.clone();
    for _n in 0..5 {
        device.record(&mut world, 1, "A-01");
    }
    // Meanwhile the server lives on, drops old feed, is restored, and lives on again.
    world.wait_us(20 * 24 * HOUR_US);
    world.store = backup;
    world.crash(0);
    let fork = world.machine.head().lsn;
    world.system_raw(MachineCommand::BeginEpoch { fork, backup_at: None }.encode());
    world.wait_us(40 * 24 * HOUR_US);
    for _slice in 0..20 {
        world.step(Event::Work);
        world.settle();
    }
    let welcome = device.come_in(&mut world);
    assert_eq!(welcome.accepted_seq, Seq(1));
    assert_eq!(welcome.resume, protocol::frame::Resume::Snapshot);
    device.push(&mut world, 2);
    world.settle();
    assert_eq!(world.on_hand(1), 6, "all of it counts, once");
    assert_eq!(gap::gaps(world.tables()), Vec::new());
}

#[test]
fn what_a_revoked_device_had_not_sent_is_noted_and_found_when_a_person_lets_it_hand_that_in() {
    let mut world = World::new();
    let mut device = joined(&mut world);
    device.come_in(&mut world);
    let heartbeat = Heartbeat {
        sent_us: device.mono(world.now),
        boot: device.boot,
        applied: Lsn(0),
        pending: 3,
        oldest_pending_us: None,
        battery: None,
        operator: None,
        sample: None,
        storage: None,
    };
    world.receive(device.connection, Frame::Heartbeat(heartbeat));
    world.wait_us(61_000_000);
    world.settle();
    device.record(&mut world, 1, "A-01");
    device.push(&mut world, 1);
    world.settle();
    assert_eq!(world.on_hand(1), 1);

    let set = |world: &mut World, device: &Device, state| {
        let command = MachineCommand::SetDevice { device: device.id, state };
        world.command(command.encode(), None);
        world.settle();
    };
    set(&mut world, &device, DeviceState::Revoked);
    let lost = (device.id, Incarnation(1), Seq(2));
    let gap = world.tables().row::<Gaps>(&lost).expect("two of the three are still there");
    assert_eq!(gap.to, Seq(3));
    assert_eq!(gap.declared.as_ref().unwrap().by, "ANNA".try_into().unwrap());
    let frames = device.connect(&mut world);
    let [Frame::Fault(fault)] = frames.as_slice() else { panic!("{frames:?}") };
    assert_eq!(fault.code, FaultCode::REVOKED);

    set(&mut world, &device, DeviceState::Suspended);
    // That the ledger parks it is the ledger's.
    let handed_in = [2, 3].map(|n| device.record(&mut world, n, "A-01"));
    device.come_in(&mut world);
    device.push(&mut world, 2);
    world.settle();
    assert!(handed_in.iter().all(|id| world.decision(*id).is_some()), "it is taken");
    let (id, incarnation, from) = lost;
    let found = GapKey { device: id, incarnation, from, to: gap.to };
    assert_eq!(gap::n_found(world.tables(), found), 2);
}
