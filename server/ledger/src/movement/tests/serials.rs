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
