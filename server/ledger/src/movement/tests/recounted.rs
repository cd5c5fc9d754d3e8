//! Somebody is to count again because nobody knows what stands of an act.

use protocol::code::Code;
use protocol::feed::Role;
use protocol::operation::{Body, Direction, Goods};
use protocol::outcome::Decision;

use crate::command::Command;
use crate::command::people::RevokeRole;
use crate::command::stock::{Decide, Settle};
use crate::count::SiteWatermark;
use crate::key::KeyRange;
use crate::schema::SiteId;
use crate::schema::case::{CaseState, Cases, Choice};
use crate::tables::Read as _;
use crate::world::{World, adjust, at, codes, count, goods, lot, moved, q, serial, undo};

/// Somebody whose right was taken away claims something, and a supervisor has it counted instead.
fn have_it_counted(world: &mut World, claim: Body) {
    world.operator = Some("BEN".try_into().unwrap());
    world.system(Command::RevokeRole(RevokeRole {
        operator: "BEN".try_into().unwrap(),
        role: Role::Operator,
        location: None,
        from: Some(at(70)),
    }));
    let (_id, outcome) = world.scan(1, 75, None, claim);
    assert_eq!((outcome.decision, codes(&outcome)), (Decision::Parked, vec![Code::RightRevoked]));
    let cases = world.tables.list::<Cases>(&KeyRange::all());
    let open = cases.into_iter().find(|(_id, case)| case.state == CaseState::Open);
    let (case, row) = open.expect("a case is open");
    let (version, remark) = (row.version, String::new());
    let decide = Decide { case, version, choice: Choice::Recount, correction: None, remark };
    world.desk(&Command::Decide(decide));
    world.operator = Some("ANA".try_into().unwrap());
    assert_eq!(world.open_tasks().len(), 1);
}

#[test]
fn a_count_that_joined_the_question_and_is_settled_does_not_withdraw_it() {
    let settle = |world: &mut World, minute: i64| {
        let mark = SiteWatermark { site: SiteId(1), until: at(minute), devices: Vec::new() };
        world.system(Command::Settle(Settle { sites: vec![mark] }));
    };
    let mut world = World::new();
    world.opening("A", goods("BOLT", "10"));
    have_it_counted(&mut world, adjust("A", Direction::Decrease, goods("BOLT", "3")));
    // Who claimed it does not answer. That count may lie before or after the move: it asks the same.
    world.epsilon_us = 5 * 60_000_000;
    world.operator = Some("BEN".try_into().unwrap());
    world.scan(1, 90, None, count("A", goods("BOLT", "10")));
    world.operator = Some("ANA".try_into().unwrap());
    let (by_mistake, _outcome) = world.scan(2, 91, None, moved("A", "B", goods("BOLT", "1")));
    settle(&mut world, 200);
    assert_eq!((world.open_tasks().len(), world.open_cases().len()), (1, 1));
    world.scan(2, 201, None, undo(by_mistake));
    settle(&mut world, 300);
    assert!(world.open_cases().is_empty(), "the count is sure now");
    assert_eq!(world.open_tasks().len(), 1, "the claim is not answered yet");
}

/// Whether still somebody is asked after ANA has counted `goods` in A.
fn is_asked_after(world: &mut World, minute: i64, seen: Goods) -> bool {
    world.scan(2, minute, None, count("A", seen));
    !world.open_tasks().is_empty()
}

#[test]
fn a_question_about_one_lot_is_not_answered_by_a_count_of_another() {
    let mut world = World::new();
    world.opening("A", lot("L1", "6"));
    world.opening("A", lot("L2", "5"));
    have_it_counted(&mut world, adjust("A", Direction::Decrease, lot("L1", "3")));
    assert!(is_asked_after(&mut world, 90, lot("L2", "5")), "L1 is in question");
    assert_eq!(world.stock("MAIN/A CREAM L1"), q("6"));
    assert!(!is_asked_after(&mut world, 91, lot("L1", "3")), "all lots are counted");
    assert_eq!(world.stock("MAIN/A CREAM L1"), q("3"));
}

#[test]
fn a_question_about_a_lot_that_the_book_does_not_have_there_waits_for_that_lot() {
    let mut world = World::new();
    world.opening("A", lot("L2", "5"));
    have_it_counted(&mut world, adjust("A", Direction::Increase, lot("L1", "3")));
    assert!(is_asked_after(&mut world, 90, lot("L2", "5")), "L1 is in question");
    assert!(!is_asked_after(&mut world, 91, lot("L1", "3")));
    assert_eq!(world.stock("MAIN/A CREAM L1"), q("3"));
}

#[test]
fn a_question_about_one_lot_asks_for_the_others_too() {
    let mut world = World::new();
    world.opening("A", lot("L1", "6"));
    world.opening("A", lot("L2", "5"));
    have_it_counted(&mut world, adjust("A", Direction::Decrease, lot("L1", "3")));
    assert!(is_asked_after(&mut world, 90, lot("L1", "3")), "the task names the item");
    assert!(!is_asked_after(&mut world, 91, lot("L2", "5")));
}

#[test]
fn a_question_about_one_serial_is_not_answered_by_a_sighting_of_another() {
    let mut world = World::new();
    world.opening("A", serial("S1"));
    world.opening("A", serial("S2"));
    have_it_counted(&mut world, adjust("A", Direction::Decrease, serial("S1")));
    assert!(is_asked_after(&mut world, 90, serial("S2")), "S1 is in question");
    assert!(!is_asked_after(&mut world, 91, serial("S1")));
}
