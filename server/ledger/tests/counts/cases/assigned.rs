//! Whose a task is: who may say so, whose it may be, and when it is nobody's again (CONFLICTS 44).

use ledger::command::Command;
use ledger::command::people::{PutOperator, RevokeRole};
use ledger::command::stock::AssignTask;
use ledger::conflict::assignment::tasks_of;
use ledger::schema::case::Choice;
use protocol::feed::Role;
use protocol::identity::{OperationId, TaskId};
use protocol::operation::Body;
use protocol::outcome::Decision;
use protocol::words::OperatorId;

use super::MINUTE_US;
use crate::world::{World, at, count, lot, pick};

fn assign(task: TaskId, operator: Option<&str>) -> Command {
    let operator = operator.map(|operator| operator.try_into().unwrap());
    Command::AssignTask(AssignTask { task, operator })
}

fn whose(world: &World, task: TaskId) -> Option<String> {
    world.task(task).assigned.map(|operator| operator.to_string())
}

fn listed(world: &World, operator: &str) -> Vec<TaskId> {
    let tasks = tasks_of(&world.tables, &OperatorId::new(operator).unwrap());
    tasks.into_iter().map(|(id, _task)| id).collect()
}

fn decision(world: &World, operation: OperationId) -> (Decision, Vec<String>) {
    (world.outcome(operation).outcome.decision, world.codes(operation))
}

/// A bin below zero, and the task to count it.
fn below_zero() -> (World, TaskId) {
    let mut world = World::new();
    world.opening("A-1", "X", "2");
    world.online(2, "09:00", &pick("A-1", "X", "3"));
    let task = world.open_task_ids().remove(0);
    (world, task)
}

/// A count of ANA that CID or another is to repeat.
fn to_be_counted_again() -> (World, TaskId) {
    let mut world = World::new();
    world.opening("A-1", "X", "10");
    world.online(1, "09:30", &count("A-1", "X", "4"));
    world.settle("10:00");
    let (case, _row) = world.open_cases().remove(0);
    world.decide(case, Choice::Recount);
    let task = world.open_task_ids().remove(0);
    (world, task)
}

#[test]
fn a_supervisor_says_whose_a_task_is_and_that_it_is_nobodys() {
    let (mut world, task) = below_zero();
    for operator in ["BEN", "CID"] {
        let told = world.desk(&assign(task, Some(operator)));
        assert_eq!(decision(&world, told), (Decision::Accepted, Vec::new()));
        assert_eq!(world.outcome(told).kind, "assign_task");
        assert_eq!(whose(&world, task).as_deref(), Some(operator));
    }
    assert_eq!((listed(&world, "BEN"), listed(&world, "CID")), (Vec::new(), vec![task]));
    world.desk(&assign(task, None));
    assert_eq!((whose(&world, task), listed(&world, "CID")), (None, Vec::new()));

    // Whoever does it has done it: it is on nobody's list any more.
    world.desk(&assign(task, Some("CID")));
    world.online(3, "09:30", &count("A-1", "X", "0"));
    assert!(world.open_tasks().is_empty() && listed(&world, "CID").is_empty());
}

#[test]
fn what_cannot_be_assigned_is_refused_and_nothing_changes() {
    let (mut world, task) = to_be_counted_again();
    let put = PutOperator {
        operator: "IDA".try_into().unwrap(),
        name: "Ida".to_owned(),
        badge_hash: None,
        pin_verifier: None,
        password_verifier: None,
        language: None,
        disabled: false,
    };
    world.system(&Command::PutOperator(put));
    for (user, asked, code) in [
        ("KIM", assign(TaskId(99), Some("BEN")), "not_found"),
        ("KIM", assign(task, Some("NOBODY")), "not_found"),
        ("KIM", assign(task, Some("IDA")), "right_missing"),
        ("KIM", assign(task, Some("ANA")), "task_not_by"),
        ("BEN", assign(task, Some("BEN")), "right_missing"),
    ] {
        let told = world.desk_of(user, &asked);
        assert_eq!(decision(&world, told), (Decision::Refused, vec![code.to_owned()]), "{asked:?}");
        assert_eq!(whose(&world, task), None);
    }
    world.online(2, "10:30", &count("A-1", "X", "10"));
    let told = world.desk(&assign(task, Some("BEN")));
    assert_eq!(decision(&world, told), (Decision::Refused, vec!["task_ended".to_owned()]));
}

/// `device` counts a lot of A-1 while somebody else may have taken of it, and is to be repeated.
fn unsure(world: &mut World, device: u32, (no, clock, beside): (&str, &str, &str)) {
    let Body::Pick(taken) = pick("A-1", "L", "1") else { unreachable!("a pick") };
    let taken = Body::Pick(protocol::operation::Pick { goods: lot(no, "1"), ..taken });
    let taken = world.record_about(4, (at(beside), 5 * MINUTE_US, false), &taken);
    world.arrive(&taken);
    world.online(device, clock, &seen(no));
}

fn seen(no: &str) -> Body {
    let Body::Count(seen) = count("A-1", "L", "5") else { unreachable!("a count") };
    Body::Count(protocol::operation::Count { goods: lot(no, "5"), ..seen })
}

#[test]
fn a_task_is_nobodys_when_all_that_is_left_of_it_is_about_whose_it_is() {
    let mut world = World::new();
    world.opening_of("A-1", lot("L1", "5"));
    world.opening_of("A-1", lot("L2", "5"));
    unsure(&mut world, 1, ("L1", "10:00", "10:03"));
    world.settle("10:30");
    let task = world.open_task_ids().remove(0);
    world.desk(&assign(task, Some("BEN")));
    unsure(&mut world, 2, ("L2", "10:40", "10:43"));
    world.settle("11:00");
    assert_eq!(world.open_task_ids(), [task], "what BEN counted is asked about as well");
    let refused = world.desk(&assign(task, Some("ANA")));
    assert_eq!(world.codes(refused), ["task_not_by"]);
    assert_eq!(listed(&world, "BEN"), [task], "the other lot is for him to count");

    world.online(2, "11:10", &seen("L1"));
    assert_eq!((whose(&world, task), listed(&world, "BEN")), (None, Vec::new()));
    assert_eq!(world.task(task).not_by.map(|who| who.to_string()).as_deref(), Some("BEN"));
    world.online(3, "11:20", &seen("L2"));
    assert!(world.open_tasks().is_empty());
}

#[test]
fn the_tasks_of_somebody_who_may_not_work_there_any_more_are_nobodys() {
    for disabled in [true, false] {
        let (mut world, task) = below_zero();
        world.desk(&assign(task, Some("CID")));
        let operator: OperatorId = "CID".try_into().unwrap();
        world.system(&if disabled {
            Command::PutOperator(PutOperator {
                operator,
                name: "Cid".to_owned(),
                badge_hash: None,
                pin_verifier: None,
                password_verifier: None,
                language: None,
                disabled,
            })
        } else {
            let (role, location, from) = (Role::Operator, None, None);
            Command::RevokeRole(RevokeRole { operator, role, location, from })
        });
        assert_eq!((whose(&world, task), listed(&world, "CID")), (None, Vec::new()));
        assert_eq!(world.open_tasks().len(), 1, "others may do it");
    }
}
