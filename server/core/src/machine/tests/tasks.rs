//! Tasks of people whose device is away.

use ledger::command::Command;
use ledger::command::stock::{AskCounts, AssignTask, BinOf};
use ledger::key::KeyRange;
use ledger::schema::case::{Tasks, TasksFreed};
use ledger::tables::Read as _;
use protocol::code::Code;
use protocol::frame::{Frame, Heartbeat};
use protocol::identity::{Lsn, TaskId};
use protocol::operation::{Body, SignIn, SignInMethod};

use super::world::{Device, World, config};

const HOUR_US: i64 = 3_600_000_000;

fn assign(world: &mut World, task: TaskId) {
    let operator = Some("BEN".try_into().unwrap());
    world.system(&Command::AssignTask(AssignTask { task, operator }));
    assert!(is_bens(world, task));
}

fn is_bens(world: &World, task: TaskId) -> bool {
    world.tables().row::<Tasks>(&task).unwrap().assigned.is_some()
}

/// The device says for the last time how many operations it has not sent.
fn says(world: &mut World, device: &Device, pending: u64) {
    let heartbeat = Heartbeat {
        sent_us: device.mono(world.now),
        boot: device.boot,
        applied: Lsn(0),
        pending,
        oldest_pending_us: (pending > 0).then_some(device.mono(world.now)),
        battery: None,
        operator: None,
        sample: None,
        storage: None,
    };
    world.receive(device.connection, Frame::Heartbeat(heartbeat));
    world.settle();
}

/// BEN is at work with a device, and has a task.
fn ben_at_work() -> (World, Device, TaskId) {
    let mut world = World::with_ledger(config());
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    let signed_in = Body::SignIn(SignIn { method: SignInMethod::BadgeAndPin, online: true });
    device.record_body(&mut world, &signed_in, None);
    device.push(&mut world, 1);
    world.settle();
    let bin = BinOf { location: "MAIN".try_into().unwrap(), bin: "A-01".try_into().unwrap() };
    let ask = AskCounts { bins: vec![bin], reason: Code::CountIncomplete, blind: true };
    world.system(&Command::AskCounts(ask));
    let task = world.tables().list::<Tasks>(&KeyRange::all())[0].0;
    assign(&mut world, task);
    (world, device, task)
}

#[test]
fn case_44_what_is_assigned_to_whose_device_is_silent_with_unsent_work_is_nobodys_after_the_limit()
{
    let (mut world, device, task) = ben_at_work();
    says(&mut world, &device, 3);
    world.wait_us(11 * HOUR_US);
    assert!(is_bens(&world, task), "it may still come");
    world.wait_us(2 * HOUR_US);
    assert!(!is_bens(&world, task));
    assert!(world.tables().has::<TasksFreed>(&(device.id, task)), "it may have been done");

    // A supervisor who knows better is believed for as long again.
    assign(&mut world, task);
    world.wait_us(11 * HOUR_US);
    assert!(is_bens(&world, task));
    world.wait_us(2 * HOUR_US);
    assert!(!is_bens(&world, task));
    // Once is enough: nothing is asked for that has nothing to do.
    let judged = world.machine.head().intake;
    world.wait_us(HOUR_US);
    assert_eq!(world.machine.head().intake, judged);
}

#[test]
fn case_44_a_silent_device_that_had_sent_everything_takes_nothing_from_its_people() {
    let (mut world, device, task) = ben_at_work();
    says(&mut world, &device, 0);
    world.wait_us(13 * HOUR_US);
    world.wait_us(13 * HOUR_US);
    assert!(is_bens(&world, task));
}
