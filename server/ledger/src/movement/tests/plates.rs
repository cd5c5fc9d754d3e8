//! Licence plates.

use protocol::code::Code;
use protocol::feed::TaskKind;
use protocol::outcome::Decision;

use super::PO;
use crate::world::{World, codes, goods, in_any_order, move_plate, moved, q, receive};

#[test]
fn case_17_the_later_move_of_a_plate_wins_in_any_order() {
    let prepare = || {
        let mut world = World::new();
        world.document(PO, "PO1", &[("BOLT", "10")]);
        world
    };
    let world = in_any_order(prepare, |world| {
        let order = crate::world::order(PO, "PO1");
        vec![
            world.done(1, 60, Some(&order), receive("RECEIPT+P1", goods("BOLT", "10"))),
            world.done(2, 70, None, move_plate("P1", "A")),
            world.done(3, 80, None, move_plate("P1", "B")),
            world.done(4, 75, None, moved("A+P1", "C", goods("BOLT", "2"))),
        ]
    });
    assert_eq!(world.stock("MAIN/B+P1 BOLT"), q("8"));
    assert_eq!(world.stock("MAIN/C BOLT"), q("2"));
    assert_eq!(world.stocks().len(), 2);
}

#[test]
fn case_17_two_moves_of_a_plate_that_may_be_either_way_round_hold_it_until_somebody_looks() {
    let mut world = World::new();
    let order = world.document(PO, "PO1", &[("BOLT", "10")]);
    world.scan(1, 60, Some(&order), receive("RECEIPT+P1", goods("BOLT", "10")));
    world.epsilon_us = 5 * 60_000_000;
    world.scan(2, 90, None, move_plate("P1", "A"));
    let (_id, outcome) = world.scan(3, 85, None, move_plate("P1", "B"));
    assert!(codes(&outcome).contains(&Code::PlatePlaceUnsure));
    assert_eq!(world.stock("MAIN/A+P1 BOLT"), q("10"));
    assert_eq!(world.held("MAIN/A+P1 BOLT"), q("10"));
    assert!(world.open_tasks().iter().any(|task| task.kind == TaskKind::VerifyPlate));
}

#[test]
fn a_plate_carries_the_plates_that_stand_on_it() {
    let mut world = World::new();
    let order = world.document(PO, "PO1", &[("BOLT", "10")]);
    world.scan(1, 60, Some(&order), receive("A+P1", goods("BOLT", "4")));
    world.scan(1, 61, Some(&order), receive("A+P2", goods("BOLT", "6")));
    world.scan(1, 62, None, move_plate("P2", "A+P1"));
    world.scan(1, 63, None, move_plate("P1", "B"));
    assert_eq!(world.stock("MAIN/B+P1 BOLT"), q("4"));
    assert_eq!(world.stock("MAIN/B+P2 BOLT"), q("6"));
    let (_id, outcome) = world.scan(1, 64, None, move_plate("P2", "C"));
    assert_eq!(codes(&outcome), [Code::PlateTakenOut]);
    assert_eq!(world.stock("MAIN/C+P2 BOLT"), q("6"));
    assert_eq!(world.stock("MAIN/B+P1 BOLT"), q("4"));
}

#[test]
fn a_plate_cannot_stand_on_itself() {
    let mut world = World::new();
    let order = world.document(PO, "PO1", &[("BOLT", "10")]);
    world.scan(1, 60, Some(&order), receive("A+P1", goods("BOLT", "4")));
    world.scan(1, 61, Some(&order), receive("A+P2", goods("BOLT", "6")));
    world.scan(1, 62, None, move_plate("P2", "A+P1"));
    let (_id, outcome) = world.scan(1, 63, None, move_plate("P1", "A+P2"));
    assert_eq!(outcome.decision, Decision::Parked);
    assert_eq!(codes(&outcome), [Code::PlateLoop]);
}

#[test]
fn a_move_of_a_plate_that_nobody_has_made_yet_waits_for_it() {
    let mut world = World::new();
    let order = world.document(PO, "PO1", &[("BOLT", "10")]);
    let first = world.done(1, 60, Some(&order), receive("RECEIPT+P1", goods("BOLT", "10")));
    let (moved_id, parked) = world.scan(2, 70, None, move_plate("P1", "A"));
    assert_eq!(parked.decision, Decision::Parked);
    world.send(&first);
    assert_eq!(world.stock("MAIN/A+P1 BOLT"), q("10"));
    assert_eq!(world.outcome(moved_id).decision, Decision::Accepted);
    assert!(world.open_cases().is_empty());
}

#[test]
fn what_builds_on_a_parked_plate_waits() {
    let mut world = World::new();
    let (_id, parked) = world.scan(1, 60, None, receive("NOWHERE+P1", goods("BOLT", "1")));
    assert_eq!(codes(&parked), [Code::BinUnknown]);
    let (_id, waiting) = world.scan(1, 61, None, move_plate("P1", "A"));
    assert_eq!(waiting.decision, Decision::Parked);
}
