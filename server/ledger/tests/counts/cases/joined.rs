//! Several questions that one task asks: each is answered by what it asked for, and by nothing else.

use ledger::command::Command;
use ledger::command::people::RevokeRole;
use ledger::conflict::question::Questions;
use ledger::schema::case::{CaseState, Choice, TaskState};
use ledger::schema::count::CountState;
use protocol::feed::{Role, TaskKind};
use protocol::identity::{CaseId, OperationId};
use protocol::operation::{Adjust, Body, Count, Direction, Goods, Undo, Unidentified};
use protocol::outcome::Decision;

use super::MINUTE_US;
use crate::world::{World, at, count_bin, goods, lot, pick, place, q};

/// A count of `goods` in A-1.
fn seen(goods: Goods) -> Body {
    Body::Count(Count { place: place("A-1"), goods, started_us: None, task: None })
}

/// A pick of `goods` from A-1.
fn taken(goods: Goods) -> Body {
    let Body::Pick(pick) = pick("A-1", "X", "1") else { unreachable!("a pick") };
    Body::Pick(protocol::operation::Pick { goods, ..pick })
}

/// Somebody without the right claims that there is more than the book says, and it is to be counted.
fn have_it_counted(world: &mut World, device: u32, clock: &str, more: Goods) -> CaseId {
    let from = Some(at("08:30"));
    for operator in ["ANA", "BEN"] {
        let operator = operator.try_into().unwrap();
        let revoke = RevokeRole { operator, role: Role::Operator, location: None, from };
        world.system(&Command::RevokeRole(revoke));
    }
    let claim = Adjust {
        place: place("A-1"),
        goods: more,
        direction: Direction::Increase,
        reason: "found".try_into().unwrap(),
    };
    let before = world.open_cases();
    world.online(device, clock, &Body::Adjust(claim));
    let mut open = world.open_cases();
    open.retain(|case| !before.contains(case));
    let (case, _row) = open.remove(0);
    let decision = world.decide(case, Choice::Recount);
    assert_eq!(world.outcome(decision).outcome.decision, Decision::Accepted);
    case
}

/// Two lots in A-1; what two people claim of L1 and of L2 is to be counted, by one task.
fn two_lots_in_question() -> World {
    let mut world = World::new();
    world.opening_of("A-1", lot("L1", "6"));
    have_it_counted(&mut world, 1, "09:00", lot("L1", "3"));
    have_it_counted(&mut world, 2, "09:10", lot("L2", "5"));
    assert_eq!(world.open_tasks().len(), 1, "the same bin and item: one walk");
    world
}

#[test]
fn a_task_that_two_cases_ask_for_is_open_until_both_lots_are_counted() {
    for first in ["L1", "L2"] {
        let mut world = two_lots_in_question();
        let second = if first == "L1" { "L2" } else { "L1" };
        world.online(3, "09:30", &seen(lot(first, "5")));
        assert_eq!(world.open_tasks().len(), 1, "{second} is in question");
        world.online(3, "09:31", &seen(lot(second, "5")));
        assert!(world.open_tasks().is_empty(), "{first} and {second} are counted");
    }
}

#[test]
fn a_count_that_is_older_than_the_second_question_answers_the_first_alone() {
    let mut world = World::new();
    world.opening_of("A-1", lot("L1", "6"));
    have_it_counted(&mut world, 1, "09:00", lot("L1", "3"));
    let offline = world.record(3, "09:30", &seen(lot("L1", "9")));
    have_it_counted(&mut world, 2, "09:40", lot("L1", "1"));
    world.arrive(&offline);
    assert_eq!(world.open_tasks().len(), 1, "the second was asked after that count");
    world.online(3, "09:50", &seen(lot("L1", "10")));
    assert!(world.open_tasks().is_empty());
}

#[test]
fn whoever_is_asked_about_does_not_answer_though_another_may_not_either() {
    let mut world = World::new();
    world.opening("A-1", "X", "6");
    have_it_counted(&mut world, 1, "09:00", goods("X", "3"));
    have_it_counted(&mut world, 2, "09:10", goods("X", "1"));
    let not_by = |world: &World| {
        world.open_tasks()[0].not_by.as_ref().map(|operator| operator.as_str().to_owned())
    };
    assert_eq!(not_by(&world).as_deref(), Some("ANA"));
    world.online(2, "09:20", &seen(goods("X", "9")));
    assert_eq!(not_by(&world).as_deref(), Some("BEN"), "what ANA did is answered");
    world.online(3, "09:30", &seen(goods("X", "9")));
    assert!(world.open_tasks().is_empty());
}

#[test]
fn a_case_about_the_item_is_answered_by_all_of_it_and_one_about_a_lot_by_that_lot() {
    let mut world = World::new();
    world.opening_of("A-1", lot("L1", "6"));
    // Its lot is not told: it asks about the item.
    have_it_counted(&mut world, 1, "09:00", goods("L", "3"));
    have_it_counted(&mut world, 2, "09:10", lot("L2", "5"));
    world.online(3, "09:30", &seen(lot("L1", "9")));
    assert_eq!(world.open_tasks().len(), 1, "L2 is in question");
    world.online(3, "09:31", &seen(lot("L2", "5")));
    assert!(world.open_tasks().is_empty(), "all of it is counted");
}

/// Two lots in A-1, each counted while somebody may have taken of it: two cases, one task.
struct Unsure {
    world: World,
    taken: [OperationId; 2],
    counted: [OperationId; 2],
    cases: [CaseId; 2],
}

fn two_lots_unsure() -> Unsure {
    let mut world = World::new();
    world.opening_of("A-1", lot("L1", "6"));
    world.opening_of("A-1", lot("L2", "5"));
    let mut beside = |device, no: &str, clock| {
        let about = (at(clock), 5 * MINUTE_US, false);
        let op = world.record_about(device, about, &taken(lot(no, "1")));
        world.arrive(&op)
    };
    let taken = [beside(3, "L1", "10:03"), beside(4, "L2", "10:04")];
    let counted = [
        world.online(1, "10:00", &seen(lot("L1", "6"))),
        world.online(2, "10:01", &seen(lot("L2", "5"))),
    ];
    world.settle("10:30");
    let states = counted.map(|op| world.counted(op, "L"));
    assert!(states.iter().all(|row| row.state == CountState::Recount), "{states:?}");
    let tasks = world.open_tasks();
    assert_eq!((tasks.len(), tasks[0].kind), (1, TaskKind::Recount), "{tasks:?}");
    let cases = states.map(|row| row.case.expect("a case asks"));
    Unsure { world, taken, counted, cases }
}

#[test]
fn a_decision_about_one_count_leaves_the_task_to_the_other() {
    for choice in [Choice::Accept, Choice::Dismiss] {
        let Unsure { mut world, counted, cases, .. } = two_lots_unsure();
        world.decide(cases[0], choice);
        assert_eq!(world.open_tasks().len(), 1, "{choice:?}: the second lot is in question still");
        assert_eq!(world.case(cases[1]).state, CaseState::Open, "{choice:?}");
        if choice == Choice::Dismiss {
            // Nothing stands of the first lot's count, so that is asked as well.
            world.online(5, "10:40", &seen(lot("L1", "5")));
        }
        world.online(5, "10:41", &seen(lot("L2", "4")));
        let state = world.case(cases[1]).state;
        assert!(matches!(state, CaseState::Resolved { .. }), "{choice:?}: {state:?}");
        assert!(world.counted(counted[1], "L").superseded);
    }
}

#[test]
fn a_count_that_is_sure_by_what_came_late_leaves_the_task_to_the_other() {
    for (sure, unsure) in [(0, 1), (1, 0)] {
        let Unsure { mut world, taken, counted, cases } = two_lots_unsure();
        let device = taken[sure].device.0;
        let mistake = Undo { incarnation: taken[sure].incarnation, seq: taken[sure].seq };
        let about = (at("10:35"), 5 * MINUTE_US, false);
        let undone = world.record_about(device, about, &Body::Undo(mistake));
        world.arrive(&undone);
        world.settle("10:50");
        assert_eq!(world.counted(counted[sure], "L").state, CountState::Settled);
        assert_eq!(world.open_tasks().len(), 1, "the other lot is in question still");
        assert_eq!(world.case(cases[unsure]).state, CaseState::Open);
        for no in ["L1", "L2"] {
            world.online(5, "10:55", &seen(lot(no, "5")));
        }
        assert!(world.open_tasks().is_empty());
        assert!(matches!(world.case(cases[unsure]).state, CaseState::Resolved { .. }));
    }
}

#[test]
fn each_case_ends_when_what_it_asked_for_is_counted_and_not_before() {
    let Unsure { mut world, cases, .. } = two_lots_unsure();
    let is_open = |world: &World, case: CaseId| world.case(case).state == CaseState::Open;
    world.online(5, "10:40", &seen(lot("L2", "4")));
    assert!(is_open(&world, cases[0]) && !is_open(&world, cases[1]));
    world.online(5, "10:41", &seen(lot("L1", "5")));
    assert!(!is_open(&world, cases[0]) && world.open_tasks().is_empty());
}

#[test]
fn what_two_cases_asked_is_asked_again_when_the_count_is_taken_back() {
    let mut world = two_lots_in_question();
    world.online(3, "09:30", &seen(lot("L1", "9")));
    let mistake = world.online(3, "09:31", &seen(lot("L2", "5")));
    assert!(world.open_tasks().is_empty());
    let back = Undo { incarnation: mistake.incarnation, seq: mistake.seq };
    world.online(3, "09:32", &Body::Undo(back));
    assert_eq!(world.open_tasks().len(), 1);
    world.online(3, "09:33", &seen(lot("L1", "9")));
    assert_eq!(world.open_tasks().len(), 1, "L2 is in question");
    world.online(3, "09:34", &seen(lot("L2", "4")));
    assert!(world.open_tasks().is_empty());
}

#[test]
fn a_recount_of_one_of_two_lots_that_is_taken_back_is_asked_for_again() {
    let Unsure { mut world, counted, cases, .. } = two_lots_unsure();
    let mistake = world.online(5, "10:40", &seen(lot("L2", "4")));
    assert!(world.counted(counted[1], "L").superseded);
    let back = Undo { incarnation: mistake.incarnation, seq: mistake.seq };
    world.online(5, "10:41", &Body::Undo(back));
    assert!(!world.counted(counted[1], "L").superseded, "nothing stands instead of it");
    world.settle("10:50");
    assert_eq!(world.case(cases[1]).state, CaseState::Open);
    assert_eq!(world.open_tasks().len(), 1);
}

#[test]
fn what_no_case_is_about_is_asked_and_answered_beside_a_case() {
    let mut world = World::new();
    world.opening("A-1", "X", "2");
    // By the clock of ANA nobody knows when the bin was counted: asked again without a case.
    let unsure = (at("09:00"), MINUTE_US, true);
    let whole = world.record_about(1, unsure, &count_bin("A-1", vec![goods("X", "2")]));
    world.arrive(&whole);
    world.settle("09:30");
    let seen = Unidentified { place: place("A-1"), raw: "???".to_owned(), quantity: q("1") };
    world.online(2, "09:40", &Body::Unidentified(seen));
    let (case, _row) = world.open_cases().pop().expect("nobody knows what it is");
    world.decide(case, Choice::Recount);
    let whole_bin = |world: &World| {
        let mut tasks = world.open_tasks();
        tasks.retain(|task| task.item.is_none());
        tasks.into_iter().map(|task| task.not_by.expect("somebody").to_string()).collect::<Vec<_>>()
    };
    assert_eq!(whole_bin(&world), ["ANA"], "one walk");

    world.online(1, "09:50", &count_bin("A-1", vec![goods("X", "2")]));
    assert_eq!(whole_bin(&world), ["ANA"], "what BEN saw is answered, and not what ANA counted");
    let id = world.open_task_ids().into_iter().find(|id| world.task(*id).item.is_none()).unwrap();
    let questions = Questions::of(&world.tables, id, &world.task(id));
    let states: Vec<_> = questions.all().iter().map(|(by, ask)| (*by, ask.state)).collect();
    assert_eq!(states, [(None, TaskState::Open), (Some(case), TaskState::Done)]);
    world.online(3, "09:55", &count_bin("A-1", vec![goods("X", "2")]));
    assert!(whole_bin(&world).is_empty());
}
