//! What devices report, judged through the one door.

mod decided;
mod direct;

use protocol::code::Code;
use protocol::feed::{DocumentStatus, TaskKind};
use protocol::operation::{DocumentKind, Tracking};
use protocol::outcome::Decision;
use protocol::quantity::Quantity;

use crate::command::journal::JournalTracking;
use crate::command::post_document::{PostDocument, PostLine, UndoPosted};
use crate::command::{Command, master, papers};
use crate::dimension::Dimensions;
use crate::schema::EntryNo;
use crate::world::{
    World, codes, count, goods, in_any_order, lot, move_plate, moved, pick, q, receive, serial,
    ship, transfer_receive, transfer_ship, undo,
};

const PO: DocumentKind = DocumentKind::PurchaseOrder;
const SO: DocumentKind = DocumentKind::SalesOrder;
const TO: DocumentKind = DocumentKind::TransferOrder;

#[test]
fn goods_received_on_an_order_fill_its_line_and_close_it() {
    let mut world = World::new();
    let order = world.document(PO, "PO1", &[("BOLT", "10")]);
    let (_id, first) = world.scan(1, 60, Some(&order), receive("A", goods("BOLT", "4")));
    assert_eq!(first.decision, Decision::Accepted);
    assert_eq!(world.line(&order, 10_000).handled, q("4"));
    world.scan(1, 61, Some(&order), receive("B", goods("BOLT", "6")));
    assert_eq!(world.header(&order).status, DocumentStatus::Closed);
    assert_eq!((world.stock("MAIN/A BOLT"), world.stock("MAIN/B BOLT")), (q("4"), q("6")));
}

#[test]
fn case_09_goods_for_a_closed_order_are_on_hold_or_reopen_it() {
    let mut world = World::new();
    let order = world.document(PO, "PO1", &[("BOLT", "10")]);
    world.set_status(&order, DocumentStatus::Closed, false);
    let (_id, outcome) = world.scan(1, 60, Some(&order), receive("A", goods("BOLT", "4")));
    assert_eq!(outcome.decision, Decision::Changed);
    assert_eq!(codes(&outcome), [Code::DocumentClosed, Code::UnorderedReceipt]);
    assert_eq!((world.stock("MAIN/A BOLT"), world.held("MAIN/A BOLT")), (q("4"), q("4")));
    assert_eq!(world.line(&order, 10_000).handled, Quantity::ZERO);
    assert_eq!(world.open_cases().len(), 1);

    world.set_status(&order, DocumentStatus::Closed, true);
    let (_id, outcome) = world.scan(1, 61, Some(&order), receive("A", goods("BOLT", "4")));
    assert_eq!(codes(&outcome), [Code::DocumentReopened]);
    assert_eq!(world.header(&order).status, DocumentStatus::Released);
    assert_eq!(world.line(&order, 10_000).handled, q("4"));
    assert_eq!(world.held("MAIN/A BOLT"), q("4"));
}

#[test]
fn case_10_two_devices_receive_one_line_and_the_surplus_is_on_hold() {
    let mut world = World::new();
    let order = world.document(PO, "PO1", &[("BOLT", "100")]);
    world.scan(1, 60, Some(&order), receive("A", goods("BOLT", "90")));
    let (_id, ana) = world.scan(1, 62, Some(&order), receive("A", goods("BOLT", "10")));
    let (_id, ben) = world.scan(2, 61, Some(&order), receive("B", goods("BOLT", "10")));
    assert_eq!(ana.decision, Decision::Accepted);
    assert_eq!(ben.decision, Decision::Changed);
    assert_eq!(codes(&ben), [Code::OverReceiptWithinTolerance, Code::OverReceipt]);
    assert_eq!(world.line(&order, 10_000).handled, q("105"));
    assert_eq!((world.stock("MAIN/B BOLT"), world.held("MAIN/B BOLT")), (q("10"), q("5")));
    assert_eq!(world.held("MAIN/A BOLT"), Quantity::ZERO);
    assert_eq!(world.open_cases().len(), 1);
    assert_eq!(world.open_cases()[0].others.len(), 2, "the receipts are shown side by side");
}

#[test]
fn a_receipt_spreads_over_the_lines_of_the_item() {
    let mut world = World::new();
    let order = world.document(PO, "PO1", &[("BOLT", "10"), ("NUT", "1"), ("BOLT", "5")]);
    let (_id, outcome) = world.scan(1, 60, Some(&order), receive("A", goods("BOLT", "12")));
    assert_eq!(outcome.decision, Decision::Accepted);
    assert_eq!(world.line(&order, 10_000).handled, q("10"));
    assert_eq!(world.line(&order, 30_000).handled, q("2"));
}

#[test]
fn goods_that_are_not_on_the_order_are_on_hold() {
    let mut world = World::new();
    let order = world.document(PO, "PO1", &[("BOLT", "10")]);
    let (_id, outcome) = world.scan(1, 60, Some(&order), receive("A", goods("NUT", "4")));
    assert_eq!(codes(&outcome), [Code::NotOnDocument, Code::UnorderedReceipt]);
    assert_eq!(world.held("MAIN/A NUT"), q("4"));
}

#[test]
fn a_pick_goes_to_the_shipment_bin_and_shipping_closes_the_order() {
    let mut world = World::new();
    world.opening("A", goods("BOLT", "10"));
    let order = world.document(SO, "SO1", &[("BOLT", "6")]);
    world.scan(1, 60, Some(&order), pick("A", goods("BOLT", "6")));
    assert_eq!(world.stock("MAIN/SHIPMENT BOLT"), q("6"));
    assert_eq!(world.line(&order, 10_000).picked, q("6"));
    let (_id, outcome) = world.scan(1, 61, Some(&order), ship("SHIPMENT", goods("BOLT", "6")));
    assert_eq!(outcome.decision, Decision::Accepted);
    assert_eq!(world.header(&order).status, DocumentStatus::Closed);
    assert_eq!(world.stock("MAIN/A BOLT"), q("4"));
    assert_eq!(world.stock("MAIN/SHIPMENT BOLT"), Quantity::ZERO);
    assert_eq!(world.remaining("BOLT"), [("10", "4"), ("-6", "0")].map(text));
}

fn text(pair: (&str, &str)) -> (String, String) {
    (pair.0.to_owned(), pair.1.to_owned())
}

#[test]
fn surplus_of_a_pick_is_a_task_to_bring_it_back() {
    let mut world = World::new();
    world.opening("A", goods("BOLT", "10"));
    let order = world.document(SO, "SO1", &[("BOLT", "6")]);
    let (_id, outcome) = world.scan(1, 60, Some(&order), pick("A", goods("BOLT", "8")));
    assert_eq!(codes(&outcome), [Code::OverPick]);
    assert_eq!(world.line(&order, 10_000).picked, q("6"));
    assert_eq!(world.open_tasks()[0].kind, TaskKind::ReturnToStock);
}

#[test]
fn case_16_a_move_beyond_the_book_is_posted_and_the_bin_is_counted() {
    let mut world = World::new();
    world.opening("A", goods("BOLT", "3"));
    let (_id, outcome) = world.scan(1, 60, None, moved("A", "B", goods("BOLT", "5")));
    assert_eq!(outcome.decision, Decision::Accepted);
    assert_eq!(codes(&outcome), [Code::BinBelowZero]);
    assert_eq!((world.stock("MAIN/A BOLT"), world.stock("MAIN/B BOLT")), (q("-2"), q("5")));
    let tasks = world.open_tasks();
    assert_eq!(tasks.len(), 1);
    assert_eq!(tasks[0].kind, TaskKind::Count);
}

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
fn case_20_two_picks_of_the_same_stock_are_both_posted_and_the_bin_is_counted() {
    let mut world = World::new();
    world.opening("A", goods("BOLT", "3"));
    let order = world.document(SO, "SO1", &[("BOLT", "10")]);
    world.scan(1, 60, Some(&order), pick("A", goods("BOLT", "2")));
    let (_id, second) = world.scan(2, 61, Some(&order), pick("A", goods("BOLT", "2")));
    assert_eq!(codes(&second), [Code::BinBelowZero]);
    assert_eq!(world.stock("MAIN/A BOLT"), q("-1"));
    assert_eq!(world.stock("MAIN/SHIPMENT BOLT"), q("4"));
    let (_id, counted) = world.scan(3, 62, None, count("A", goods("BOLT", "0")));
    assert_ne!(counted.decision, Decision::Parked);
    assert_eq!(world.stock("MAIN/A BOLT"), Quantity::ZERO);
}

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

#[test]
fn a_new_lot_is_provisional_and_two_dates_are_a_case() {
    let mut world = World::new();
    let order = world.document(PO, "PO1", &[("CREAM", "10")]);
    let dated = |day| protocol::operation::Goods {
        expiry: Some(crate::world::date(6, day)),
        ..lot("L1", "1")
    };
    let late = world.done(1, 60, Some(&order), receive("A", dated(1)));
    let (second, outcome) = world.scan(2, 62, Some(&order), receive("A", dated(2)));
    assert_eq!(codes(&outcome), [Code::LotProvisional]);
    // The first act creates the lot, also when it arrives second: the other is told.
    assert_eq!(world.send(&late).decision, Decision::Accepted);
    let told = world.outcome(second);
    assert_eq!(told.decision, Decision::Changed);
    assert!(codes(&told).contains(&Code::ExpirationMismatch));
    assert_eq!(world.stock("MAIN/A CREAM L1"), q("2"));
}

#[test]
fn a_transfer_is_four_entries_and_what_does_not_arrive_stays_on_its_way() {
    let mut world = World::new();
    world.opening("A", goods("BOLT", "10"));
    let order = world.document(TO, "TO1", &[("BOLT", "8")]);
    world.scan(1, 60, Some(&order), transfer_ship("A", goods("BOLT", "8")));
    assert_eq!(world.stock("WAY/ BOLT"), q("8"));
    let (_id, outcome) =
        world.scan(2, 90, Some(&order), transfer_receive("LEEDS/L", goods("BOLT", "8")));
    assert_eq!(outcome.decision, Decision::Accepted);
    assert_eq!(world.stock("LEEDS/L BOLT"), q("8"));
    assert_eq!(
        world.remaining("BOLT"),
        [("10", "2"), ("-8", "0"), ("8", "0"), ("-8", "0"), ("8", "8")].map(text)
    );
    assert_eq!(world.header(&order).status, DocumentStatus::Closed);
}

#[test]
fn case_36_goods_received_before_they_were_shipped_end_up_the_same() {
    let prepare = || {
        let mut world = World::new();
        world.opening("A", goods("BOLT", "10"));
        world.document(TO, "TO1", &[("BOLT", "8")]);
        world
    };
    let acts = |world: &mut World| {
        let order = crate::world::order(TO, "TO1");
        vec![
            world.done(1, 60, Some(&order), transfer_ship("A", goods("BOLT", "8"))),
            world.done(2, 90, Some(&order), transfer_receive("LEEDS/L", goods("BOLT", "6"))),
            world.done(3, 95, Some(&order), transfer_receive("LEEDS/M", goods("BOLT", "1"))),
        ]
    };
    let world = in_any_order(prepare, acts);
    assert_eq!(world.stock("WAY/ BOLT"), q("1"));
    assert_eq!(world.stock("MAIN/A BOLT"), q("2"));

    let mut early = prepare();
    let list = acts(&mut early);
    let received = early.send(&list[1]);
    assert_eq!(codes(&received), [Code::ProvisionalTransfer, Code::BinBelowZero]);
    assert_eq!(early.stock("LEEDS/L BOLT"), q("6"));
    assert_eq!(early.stock("MAIN/SHIPMENT BOLT"), q("-6"));
    let shipped = early.send(&list[0]);
    assert_eq!(codes(&shipped), [Code::TransferSettled]);
    assert_eq!(early.stock("MAIN/SHIPMENT BOLT"), Quantity::ZERO);
    assert_eq!(early.stock("WAY/ BOLT"), q("2"));
    let line = early.line(&crate::world::order(TO, "TO1"), 10_000);
    assert_eq!((line.handled, line.received, line.provisional), (q("8"), q("6"), q("0")));
    assert!(!codes(&early.outcome(list[1].operation)).contains(&Code::ProvisionalTransfer));
}

#[test]
fn case_39_a_short_arrival_stays_on_its_way() {
    let mut world = World::new();
    world.opening("A", goods("BOLT", "10"));
    let order = world.document(TO, "TO1", &[("BOLT", "10")]);
    world.scan(1, 60, Some(&order), transfer_ship("A", goods("BOLT", "10")));
    world.scan(2, 90, Some(&order), transfer_receive("LEEDS/L", goods("BOLT", "7")));
    assert_eq!(world.stock("WAY/ BOLT"), q("3"));
    assert_eq!(world.header(&order).status, DocumentStatus::Released);
}

#[test]
fn case_39_what_never_arrives_is_closed_as_lost_or_found() {
    let close = |found: Option<&str>| {
        Command::CloseTransfer(papers::CloseTransfer {
            no: "TO1".try_into().unwrap(),
            line: 10_000,
            found: found.map(crate::world::place),
        })
    };
    let short = || {
        let mut world = World::new();
        world.opening("A", goods("BOLT", "10"));
        let order = world.document(TO, "TO1", &[("BOLT", "10")]);
        world.scan(1, 60, Some(&order), transfer_ship("A", goods("BOLT", "10")));
        world.scan(2, 90, Some(&order), transfer_receive("LEEDS/L", goods("BOLT", "7")));
        (world, order)
    };
    let (mut lost, order) = short();
    lost.system(close(None));
    assert_eq!(lost.stocks().into_keys().collect::<Vec<_>>(), ["LEEDS/L BOLT"]);
    assert_eq!(lost.header(&order).status, DocumentStatus::Closed);
    assert_eq!(codes(&lost.desk(&close(None))), [Code::NotShipped]);

    let (mut found, _order) = short();
    found.system(close(Some("LEEDS/M")));
    assert_eq!(found.stock("LEEDS/M BOLT"), q("3"));

    let (mut back, order) = short();
    back.system(close(Some("MAIN/B")));
    assert_eq!(back.stock("MAIN/B BOLT"), q("3"));
    assert_eq!(back.line(&order, 10_000).handled, q("7"));
    assert_eq!(back.header(&order).status, DocumentStatus::Released);
}

#[test]
fn a_blocked_lot_is_on_hold_wherever_it_lies_and_goes() {
    let block = |blocked| {
        Command::PutLot(master::PutLot {
            item: "CREAM".try_into().unwrap(),
            variant: None,
            lot: "L1".try_into().unwrap(),
            expiry: None,
            blocked,
        })
    };
    let mut world = World::new();
    world.opening("A", lot("L1", "5"));
    world.system(block(true));
    assert_eq!(world.held("MAIN/A CREAM L1"), q("5"));
    let (_id, outcome) = world.scan(1, 60, None, moved("A", "B", lot("L1", "2")));
    assert_eq!(codes(&outcome), [Code::TrackingBlocked]);
    assert_eq!(world.held("MAIN/A CREAM L1"), q("3"));
    assert_eq!(world.held("MAIN/B CREAM L1"), q("2"));
    world.system(block(false));
    assert_eq!(world.held("MAIN/A CREAM L1"), Quantity::ZERO);
    assert_eq!(world.held("MAIN/B CREAM L1"), Quantity::ZERO);
}

#[test]
fn more_than_was_shipped_and_ordered_is_on_hold() {
    let mut world = World::new();
    world.opening("A", goods("BOLT", "10"));
    let order = world.document(TO, "TO1", &[("BOLT", "5")]);
    world.scan(1, 60, Some(&order), transfer_ship("A", goods("BOLT", "5")));
    let (_id, outcome) =
        world.scan(2, 90, Some(&order), transfer_receive("LEEDS/L", goods("BOLT", "7")));
    assert_eq!(
        codes(&outcome),
        [Code::ProvisionalTransfer, Code::TransferOver, Code::BinBelowZero]
    );
    assert_eq!((world.stock("LEEDS/L BOLT"), world.held("LEEDS/L BOLT")), (q("7"), q("2")));
    assert_eq!(world.stock("WAY/ BOLT"), Quantity::ZERO);
    assert_eq!(world.stock("MAIN/A BOLT"), q("5"));
    assert_eq!(world.stock("MAIN/SHIPMENT BOLT"), q("-2"));
}

#[test]
fn case_42_the_same_operation_twice_is_one() {
    let mut world = World::new();
    let order = world.document(PO, "PO1", &[("BOLT", "10")]);
    let done = world.done(1, 60, Some(&order), receive("A", goods("BOLT", "4")));
    let first = world.send(&done);
    assert_eq!(world.send(&done), first);
    assert_eq!(world.stock("MAIN/A BOLT"), q("4"));
    assert_eq!(world.entries("BOLT").len(), 1);
}

#[test]
fn an_undo_takes_back_what_stands_and_nothing_twice() {
    let mut world = World::new();
    let order = world.document(PO, "PO1", &[("BOLT", "10")]);
    let (received, _outcome) = world.scan(1, 60, Some(&order), receive("A", goods("BOLT", "10")));
    let (_id, outcome) = world.scan(1, 61, None, undo(received));
    assert_eq!(outcome.decision, Decision::Accepted);
    assert!(world.stocks().is_empty());
    assert_eq!(world.line(&order, 10_000).handled, Quantity::ZERO);
    assert_eq!(world.header(&order).status, DocumentStatus::Released);
    assert_eq!(world.remaining("BOLT"), [("10", "0"), ("-10", "0")].map(text));
    assert_eq!(codes(&world.outcome(received)), [Code::UndoneByOperator]);
    let (_id, again) = world.scan(1, 62, None, undo(received));
    assert_eq!((again.decision, codes(&again)), (Decision::Refused, vec![Code::AlreadyUndone]));
}

#[test]
fn an_undo_of_what_was_built_upon_is_refused() {
    let mut world = World::new();
    let order = world.document(PO, "PO1", &[("BOLT", "10")]);
    let (received, _outcome) = world.scan(1, 60, Some(&order), receive("A", goods("BOLT", "10")));
    let (moved_id, _outcome) = world.scan(1, 61, None, moved("A", "B", goods("BOLT", "10")));
    let (_id, refused) = world.scan(1, 62, None, undo(received));
    assert_eq!(codes(&refused), [Code::UndoStockConsumed]);
    assert_eq!(world.stock("MAIN/B BOLT"), q("10"));
    world.scan(1, 63, None, undo(moved_id));
    assert_eq!(world.stock("MAIN/A BOLT"), q("10"));
    let (_id, granted) = world.scan(1, 64, None, undo(received));
    assert_eq!(granted.decision, Decision::Accepted);
    assert!(world.stocks().is_empty());
}

#[test]
fn an_undo_of_a_pick_gives_the_line_its_quantity_back() {
    let mut world = World::new();
    world.opening("A", goods("BOLT", "10"));
    let order = world.document(SO, "SO1", &[("BOLT", "6")]);
    let (picked, _outcome) = world.scan(1, 60, Some(&order), pick("A", goods("BOLT", "6")));
    world.scan(1, 61, None, undo(picked));
    assert_eq!(world.line(&order, 10_000).picked, Quantity::ZERO);
    assert_eq!(world.stock("MAIN/A BOLT"), q("10"));
}

#[test]
fn what_is_unknown_is_parked_and_posts_nothing() {
    let mut world = World::new();
    for (body, code) in [
        (receive("NOWHERE", goods("BOLT", "1")), Code::BinUnknown),
        (receive("OTHER/A", goods("BOLT", "1")), Code::LocationUnknown),
        (receive("A", goods("GHOST", "1")), Code::ItemUnknown),
        (
            receive(
                "A",
                protocol::operation::Goods {
                    unit: "CRATE".try_into().unwrap(),
                    ..goods("BOLT", "1")
                },
            ),
            Code::UnitUnknown,
        ),
        (move_plate("P9", "A"), Code::PlateUnknown),
    ] {
        let (_id, outcome) = world.scan(1, 60, None, body);
        assert_eq!(outcome.decision, Decision::Parked);
        assert_eq!(codes(&outcome), [code]);
        assert!(outcome.case.is_some());
    }
    assert!(world.stocks().is_empty());
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

#[test]
fn the_factor_that_the_operator_saw_stands() {
    let mut world = World::new();
    world.system(crate::command::Command::PutItemUnit(crate::command::master::PutItemUnit {
        item: "BOLT".try_into().unwrap(),
        unit: "CASE".try_into().unwrap(),
        factor: q("10").try_into().unwrap(),
    }));
    let cases = protocol::operation::Goods {
        unit: "CASE".try_into().unwrap(),
        factor: q("12").try_into().unwrap(),
        quantity: q("2"),
        base: q("24"),
        ..goods("BOLT", "0")
    };
    let order = world.document(PO, "PO1", &[("BOLT", "24")]);
    let (_id, outcome) = world.scan(1, 60, Some(&order), receive("A", cases.clone()));
    assert_eq!(codes(&outcome), [Code::UnitChanged]);
    assert_eq!(world.stock("MAIN/A BOLT"), q("24"));
    let wrong = protocol::operation::Goods { base: q("20"), ..cases };
    let (_id, outcome) = world.scan(1, 61, Some(&order), receive("A", wrong));
    assert_eq!(codes(&outcome).last(), Some(&Code::BaseQuantityMismatch));
    assert_eq!(outcome.decision, Decision::Parked);
}

#[test]
fn a_reclassification_brings_goods_from_one_lot_to_another() {
    let mut world = World::new();
    world.opening("A", lot("L1", "5"));
    world.scan(
        1,
        60,
        None,
        protocol::operation::Body::Reclassify(protocol::operation::Reclassify {
            place: crate::world::place("A"),
            goods: lot("L1", "2"),
            to_tracking: Tracking { lot: Some("L2".try_into().unwrap()), ..Tracking::NONE },
            to_expiry: None,
        }),
    );
    assert_eq!(world.stock("MAIN/A CREAM L1"), q("3"));
    assert_eq!(world.stock("MAIN/A CREAM L2"), q("2"));
}
