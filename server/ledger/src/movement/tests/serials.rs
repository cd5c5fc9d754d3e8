//! Serial numbers: where each is, and what is asked when the tidings do not agree.

use protocol::code::Code;
use protocol::operation::DocumentKind;
use protocol::outcome::Decision;
use protocol::quantity::Quantity;

use super::{PO, SO};
use crate::command::Command;
use crate::command::journal::JournalTracking;
use crate::command::post_document::{PostDocument, PostLine, UndoPosted};
use crate::dimension::Dimensions;
use crate::schema::EntryNo;
use crate::schema::case::Choice;
use crate::world::{World, codes, count, in_any_order, moved, q, receive, serial, ship, undo};

#[test]
fn case_30_a_serial_received_twice_belongs_to_the_first_whichever_arrived_first() {
    let prepare = || {
        let mut world = World::new();
        world.document(PO, "PO1", &[("DRILL", "10")]);
        world
    };
    let acts = |world: &mut World| {
        let order = crate::world::order(PO, "PO1");
        vec![
            world.done(1, 60, Some(&order), receive("A", serial("S1"))),
            world.done(2, 62, Some(&order), receive("B", serial("S1"))),
        ]
    };
    let world = in_any_order(prepare, acts);
    assert_eq!(world.stocks().into_keys().collect::<Vec<_>>(), ["MAIN/A DRILL S1"]);

    let mut late = prepare();
    let list = acts(&mut late);
    assert_eq!(late.send(&list[1]).decision, Decision::Accepted);
    assert_eq!(late.send(&list[0]).decision, Decision::Accepted);
    let flipped = late.outcome(list[1].operation);
    assert_eq!((flipped.decision, flipped.revision), (Decision::Parked, 2));
    assert_eq!(codes(&flipped), [Code::SerialAlreadyInStock]);
    let order = crate::world::order(PO, "PO1");
    assert_eq!(late.line(&order, 10_000).handled, q("1"));
    assert_eq!(late.open_cases().len(), 1);
}

#[test]
fn case_30_a_receipt_that_was_parked_again_and_again_is_booked_when_the_others_are_taken_back() {
    let mut world = World::new();
    let order = world.document(PO, "PO1", &[("DRILL", "10")]);
    let (last, outcome) = world.scan(2, 62, Some(&order), receive("B", serial("S1")));
    assert_eq!(outcome.decision, Decision::Accepted);
    for (device, at, bin) in [(1, 60, "A"), (3, 61, "C"), (4, 59, "A")] {
        let (first, _outcome) = world.scan(device, at, Some(&order), receive(bin, serial("S1")));
        let parked = world.outcome(last);
        assert_eq!(parked.decision, Decision::Parked, "{at}");
        assert_eq!(codes(&parked), [Code::SerialAlreadyInStock]);
        world.scan(device, 70 + at, None, undo(first));
        assert_eq!(world.outcome(last).decision, Decision::Accepted, "{at}");
        let there: Vec<_> = world.stocks().into_keys().collect();
        assert_eq!(there, ["MAIN/B DRILL S1"]);
    }
}

/// A document with one line of the drill `S1`, posted at the desk.
fn drill_posted(kind: DocumentKind, no: &str) -> Command {
    let tracking = JournalTracking {
        tracking: serial("S1").tracking,
        quantity: Quantity::ONE,
        expiry: None,
        new_lot: None,
        new_expiry: None,
    };
    let line = PostLine {
        dimensions: Dimensions::NONE,
        line: 10_000,
        item: "DRILL".try_into().unwrap(),
        variant: None,
        location: Some("MAIN".try_into().unwrap()),
        bin: Some("A".try_into().unwrap()),
        unit: None,
        ordered: Some(Quantity::ONE),
        handle: Quantity::ONE,
        invoice: Quantity::ZERO,
        unit_amount: None,
        discount_percent: None,
        tracking: vec![tracking],
        applies_to: EntryNo(0),
        applies_from: EntryNo(0),
    };
    Command::PostDocument(PostDocument {
        dimensions: Dimensions::NONE,
        kind,
        no: no.try_into().unwrap(),
        date: crate::world::date(1, 15),
        partner: None,
        business_group: String::new(),
        lines: vec![line],
        charges: Vec::new(),
    })
}

#[test]
fn what_a_desk_takes_back_is_told_to_the_history_of_the_serial() {
    let mut world = World::new();
    let undone = |kind, no: &str| {
        let no = no.try_into().unwrap();
        Command::UndoPosted(UndoPosted { kind, no, posting: 1, line: 10_000 })
    };
    let codes_of = |world: &mut World, command: &Command| codes(&world.desk(command));
    assert_eq!(codes_of(&mut world, &drill_posted(PO, "PO1")), []);
    assert_eq!(codes_of(&mut world, &undone(PO, "PO1")), []);
    assert_eq!(codes_of(&mut world, &undone(PO, "PO1")), [Code::AlreadyUndone]);
    assert!(world.stocks().is_empty());
    assert_eq!(codes_of(&mut world, &drill_posted(PO, "PO2")), []);
    assert_eq!(world.stock("MAIN/A DRILL S1"), q("1"));

    assert_eq!(codes_of(&mut world, &drill_posted(SO, "SO1")), []);
    assert_eq!(codes_of(&mut world, &undone(PO, "PO2")), [Code::UndoStockConsumed]);
    assert_eq!(codes_of(&mut world, &drill_posted(PO, "PO3")), []);
    assert_eq!(codes_of(&mut world, &undone(SO, "SO1")), [Code::SerialAlreadyInStock]);
    assert_eq!(world.stock("MAIN/A DRILL S1"), q("1"));
}

#[test]
fn case_31_the_latest_sighting_of_a_serial_is_its_place() {
    let mut world = World::new();
    world.opening("A", serial("S1"));
    let (_id, outcome) = world.scan(1, 60, None, moved("B", "C", serial("S1")));
    assert_eq!(outcome.decision, Decision::Changed);
    assert_eq!(codes(&outcome), [Code::SerialElsewhere]);
    assert_eq!(world.stocks().into_keys().collect::<Vec<_>>(), ["MAIN/C DRILL S1"]);
}

/// A serial in `A`, and devices whose instants are known to five minutes only.
fn unsure_house() -> World {
    let mut world = World::new();
    world.opening("A", serial("S1"));
    world.epsilon_us = 5 * 60_000_000;
    world
}

#[test]
fn case_31_two_moves_of_a_serial_that_may_be_either_way_round_hold_it_until_somebody_sees_it() {
    let acts = |world: &mut World| {
        vec![
            world.done(2, 90, None, moved("A", "B", serial("S1"))),
            world.done(3, 85, None, moved("A", "C", serial("S1"))),
        ]
    };
    for order in [[0, 1], [1, 0]] {
        let mut world = unsure_house();
        let list = acts(&mut world);
        world.send(&list[order[0]]);
        let told = world.send(&list[order[1]]);
        assert!(codes(&told).contains(&Code::SerialPlaceUnsure), "{order:?} {told:?}");
        assert_eq!(world.stock("MAIN/B DRILL S1"), q("1"), "the later one by the clocks wins");
        assert_eq!(world.held("MAIN/B DRILL S1"), q("1"));
        let asked: Vec<_> =
            super::asked(&world).into_iter().map(|(_kind, bin, _item)| bin).collect();
        assert_eq!(asked, ["B", "C"], "{order:?}");
        let cases = world.open_cases();
        assert_eq!(cases.len(), 1, "both are shown side by side");
        assert_eq!(
            (cases[0].operation, cases[0].others.clone()),
            (list[0].operation, vec![list[1].operation])
        );

        world.scan(1, 120, None, count("C", serial("S1")));
        let there = (world.stock("MAIN/C DRILL S1"), world.held("MAIN/C DRILL S1"));
        assert_eq!(there, (q("1"), q("0")), "somebody has seen it");
        assert!(world.open_cases().is_empty());
    }
}

#[test]
fn case_31_a_serial_is_free_again_when_one_of_the_two_moves_is_taken_back_or_a_later_act_tells() {
    let both = |world: &mut World| {
        let (last, _outcome) = world.scan(2, 90, None, moved("A", "B", serial("S1")));
        let (first, _outcome) = world.scan(3, 85, None, moved("A", "C", serial("S1")));
        (last, first)
    };
    let free = |world: &World, key: &str| {
        assert_eq!((world.stock(key), world.held(key)), (q("1"), q("0")), "{key}");
        assert!(world.open_cases().is_empty());
    };
    let mut later = unsure_house();
    both(&mut later);
    later.scan(4, 200, None, moved("B", "A", serial("S1")));
    free(&later, "MAIN/A DRILL S1");

    let mut undone = unsure_house();
    let (_last, first) = both(&mut undone);
    let (_id, refused) = undone.scan(3, 200, None, undo(first));
    assert_eq!(codes(&refused), [Code::UndoStockConsumed], "the other act is booked on it");
    assert_eq!(undone.held("MAIN/B DRILL S1"), q("1"));
    let taken_back = super::decided::decide(&mut undone, Choice::Dismiss, None);
    assert_eq!(taken_back.decision, Decision::Accepted, "{taken_back:?}");
    free(&undone, "MAIN/C DRILL S1");

    let mut undone = unsure_house();
    let (last, _first) = both(&mut undone);
    undone.scan(2, 200, None, undo(last));
    free(&undone, "MAIN/C DRILL S1");
}

#[test]
fn case_31_a_supervisor_who_knows_better_frees_the_serial() {
    let mut world = unsure_house();
    world.scan(2, 90, None, moved("A", "B", serial("S1")));
    world.scan(3, 85, None, moved("A", "C", serial("S1")));
    let decided = super::decided::decide(&mut world, Choice::Accept, None);
    assert_eq!(decided.decision, Decision::Accepted);
    assert_eq!((world.stock("MAIN/B DRILL S1"), world.held("MAIN/B DRILL S1")), (q("1"), q("0")));
    assert!(world.open_cases().is_empty());
}

#[test]
fn case_31_moves_whose_order_is_known_or_that_lead_to_each_other_ask_nothing() {
    let nothing = |acts: &[(u32, i64, &str, &str)]| {
        let mut world = unsure_house();
        for (device, minute, from, to) in acts {
            world.scan(*device, *minute, None, moved(from, to, serial("S1")));
        }
        assert!(world.open_cases().is_empty(), "{acts:?}");
        assert!(world.open_tasks().is_empty(), "{acts:?}");
        assert!(world.stocks().into_keys().all(|key| world.held(&key) == q("0")), "{acts:?}");
    };
    // One person does one thing after the other.
    nothing(&[(2, 85, "A", "C"), (2, 90, "A", "B")]);
    // Eleven minutes apart, known to five each.
    nothing(&[(2, 85, "A", "C"), (3, 96, "A", "B")]);
    // The second found it where the first had brought it.
    nothing(&[(2, 85, "A", "C"), (3, 90, "C", "B")]);
    // Both brought it to the same place.
    nothing(&[(2, 85, "A", "C"), (3, 90, "B", "C")]);
}

#[test]
fn the_place_of_a_serial_does_not_depend_on_the_order_of_arrival() {
    let prepare = || {
        let mut world = World::new();
        world.opening("A", serial("S1"));
        world
    };
    let world = in_any_order(prepare, |world| {
        vec![
            world.done(1, 60, None, moved("A", "B", serial("S1"))),
            world.done(2, 70, None, moved("B", "C", serial("S1"))),
            world.done(3, 80, None, count("A", serial("S1"))),
            world.done(4, 90, None, moved("A", "B", serial("S1"))),
        ]
    });
    assert_eq!(world.stocks().into_keys().collect::<Vec<_>>(), ["MAIN/B DRILL S1"]);
    for (_id, row) in world.tables_outcomes() {
        assert_ne!(row.decision, Decision::Parked);
    }
}

#[test]
fn a_serial_that_left_is_not_seen_again_without_a_question() {
    let mut world = World::new();
    world.opening("A", serial("S1"));
    let order = world.document(SO, "SO1", &[("DRILL", "2")]);
    world.scan(1, 60, Some(&order), ship("A", serial("S1")));
    let (_id, outcome) = world.scan(2, 70, None, moved("B", "C", serial("S1")));
    assert_eq!(outcome.decision, Decision::Parked);
    assert_eq!(codes(&outcome), [Code::SerialShipped]);
    assert!(world.stocks().is_empty());
    // The same scan before the shipment, arriving late, is nothing to ask about.
    let (_id, outcome) = world.scan(3, 50, None, moved("A", "B", serial("S1")));
    assert_eq!(outcome.decision, Decision::Accepted);
    assert!(world.stocks().is_empty());
}

#[test]
fn a_serial_shipped_before_its_receipt_was_reported_ends_up_gone() {
    let prepare = || {
        let mut world = World::new();
        world.document(PO, "PO1", &[("DRILL", "1")]);
        world.document(SO, "SO1", &[("DRILL", "1")]);
        world
    };
    let world = in_any_order(prepare, |world| {
        let (po, so) = (crate::world::order(PO, "PO1"), crate::world::order(SO, "SO1"));
        vec![
            world.done(1, 60, Some(&po), receive("A", serial("S1"))),
            world.done(2, 70, None, moved("A", "B", serial("S1"))),
            world.done(3, 80, Some(&so), ship("B", serial("S1"))),
        ]
    });
    assert!(world.stocks().is_empty());
}
