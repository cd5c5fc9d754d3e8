//! Goods arrive, are put away, moved.

use protocol::feed::{DocumentStatus, PlateState};
use protocol::operation::{Body, Condition, DocumentKind, Receive};
use protocol::text::{Language, argument_text};

use super::shelf::{Hand, Shelf, day, orders, q};
use crate::capture::{Flow, Message, Signal};

pub(super) fn ordered() -> Shelf {
    let mut shelf = Shelf::usual();
    shelf.order(DocumentKind::PurchaseOrder, "4711");
    shelf.line("4711", "BOLT", "100").tolerance = q("5");
    shelf.line("4711", "MILK", "40");
    shelf.line("4711", "DRILL", "3");
    shelf
}

pub(super) fn receives(hand: &Hand) -> Vec<&Receive> {
    let bodies = hand.recorded.iter().map(|ready| match &ready.body {
        Body::Receive(receive) => receive,
        other => panic!("not a receipt: {other:?}"),
    });
    bodies.collect()
}

#[test]
fn any_order_of_scans_gives_the_same_receipt() {
    let label = "]d2010950600013435217270331\u{1D}10LOT7";
    let mut all = Vec::new();
    for order in orders(&["D:4711", label, "B:A-01", "L:P-9"]) {
        let mut hand = Hand::new(ordered(), Flow::Receive);
        assert_ne!(hand.all(&order), Signal::Stop, "{order:?}");
        hand.all(&["KEYPAD", "=24", "OK"]);
        assert_eq!(hand.recorded.len(), 1, "{order:?}: {:?}", hand.screen());
        all.push(hand.recorded.remove(0));
    }
    let first = all[0].clone();
    assert!(all.iter().all(|ready| *ready == first), "{all:#?}");
    let Body::Receive(receive) = &first.body else { panic!("{first:?}") };
    assert_eq!(receive.goods.tracking.lot.as_ref().unwrap().as_str(), "LOT7");
    assert_eq!(receive.goods.expiry, Some(day("2027-03-31")));
    assert_eq!(receive.goods.base, q("24"));
    assert_eq!(receive.to.bin.as_ref().unwrap().as_str(), "A-01");
    assert_eq!(receive.to.plate.as_ref().unwrap().as_str(), "P-9");
    assert_eq!(first.document.as_ref().unwrap().line, Some(20_000));
}

#[test]
fn separate_labels_for_item_lot_and_expiry_give_the_same_as_one() {
    let mut hand = Hand::new(ordered(), Flow::Receive);
    hand.all(&["D:4711", "]E09506000134352", "LOT7", "=31-03-2027", "=31-03-2027", "=24", "OK"]);
    let receive = receives(&hand)[0];
    assert_eq!(receive.goods.tracking.lot.as_ref().unwrap().as_str(), "LOT7");
    assert_eq!(receive.goods.expiry, Some(day("2027-03-31")));
    assert_eq!(receive.goods.base, q("24"));
}

#[test]
fn a_typed_expiry_is_typed_twice() {
    let mut hand = Hand::new(ordered(), Flow::Receive);
    hand.all(&["D:4711", "09506000134352", "LOT7", "=31-03-2027"]);
    assert_eq!(hand.screen().question.text.id, "ask-expiry-again");
    assert_eq!(hand.does("=30-03-2027"), Signal::Stop);
    assert_eq!(hand.screen().question.text.id, "ask-expiry");
}

#[test]
fn each_further_scan_adds_the_content_of_its_pack() {
    let mut hand = Hand::new(ordered(), Flow::Receive);
    hand.all(&["D:4711", "4006381333931", "4006381333931", "4006381333931"]);
    assert_eq!(hand.screen().primary.unwrap().id, "ok-quantity");
    hand.does("OK");
    assert_eq!(receives(&hand)[0].goods.base, q("3"));
    let mut hand = Hand::new(ordered(), Flow::Move);
    hand.shelf.stock("A-01", "BOLT", Some("500"));
    hand.all(&["B:A-01", "BOX-BOLT", "BOX-BOLT", "B:A-02", "OK"]);
    let Body::Move(body) = &hand.recorded[0].body else { panic!() };
    assert_eq!((body.goods.unit.as_str(), body.goods.quantity), ("BOX", q("2")));
    assert_eq!(body.goods.base, q("200"));
    hand.all(&["BOX-BOLT", "4006381333931", "BOX-BOLT", "B:A-02", "OK"]);
    let Body::Move(body) = &hand.recorded[1].body else { panic!() };
    assert_eq!((body.goods.unit.as_str(), body.goods.quantity), ("PCS", q("201")));
}

#[test]
fn an_item_first_offers_the_orders_that_ask_for_it() {
    let mut shelf = ordered();
    shelf.order(DocumentKind::PurchaseOrder, "4712").due = Some(day("2026-11-20"));
    shelf.line("4712", "BOLT", "10");
    shelf.order(DocumentKind::PurchaseOrder, "4713");
    shelf.line("4713", "NUT", "10");
    let mut hand = Hand::new(shelf, Flow::Receive);
    hand.does("4006381333931");
    let json = hand.json();
    assert!(json.contains("4712") && json.contains("4711") && !json.contains("4713"), "{json}");
    assert!(json.find("4712") < json.find("4711"), "oldest promised first: {json}");
    hand.does("#1");
    hand.all(&["=7", "OK"]);
    assert_eq!(hand.recorded[0].document.as_ref().unwrap().no.as_str(), "4712");
}

#[test]
fn goods_without_an_order_are_received_too() {
    let mut hand = Hand::new(ordered(), Flow::Receive);
    hand.does("4006381333931");
    hand.choose("choice-unordered");
    hand.all(&["=7", "OK"]);
    assert_eq!(hand.recorded[0].document, None);
    assert_eq!(receives(&hand)[0].to.bin.as_ref().unwrap().as_str(), "DOCK");
}

#[test]
fn more_than_ordered_is_a_warning_within_the_tolerance_and_a_choice_beyond() {
    let mut shelf = ordered();
    shelf.lines[0].handled = q("90");
    let mut hand = Hand::new(shelf, Flow::Receive);
    hand.all(&["D:4711", "4006381333931"]);
    assert_eq!(hand.does("=12"), Signal::Warning);
    assert_eq!(hand.code(), "over_receipt_within_tolerance");
    hand.choose("choice-back");
    assert_eq!(hand.does("=20"), Signal::Warning);
    assert_eq!(hand.code(), "over_receipt");
    hand.choose("choice-only");
    assert_eq!(hand.code(), "over_receipt_within_tolerance", "15 are 5 over, and allowed");
    hand.choose("choice-go-on");
    hand.does("OK");
    assert_eq!(receives(&hand)[0].goods.base, q("15"));
}

#[test]
fn all_that_arrived_may_be_received_and_the_rest_is_the_servers_to_hold() {
    let mut hand = Hand::new(ordered(), Flow::Receive);
    hand.online = false;
    hand.all(&["D:4711", "4006381333931", "=120"]);
    assert!(hand.json().contains("last"), "offline the limit is the last known one");
    hand.choose("choice-all-with-hold");
    hand.does("OK");
    assert_eq!(receives(&hand)[0].goods.base, q("120"));
}

#[test]
fn what_this_device_received_and_nobody_has_answered_counts_for_the_limit() {
    let mut shelf = ordered();
    let line = protocol::operation::DocumentRef {
        kind: DocumentKind::PurchaseOrder,
        no: "4711".try_into().unwrap(),
        line: Some(10_000),
    };
    shelf.pending.push((line, "receive", q("96")));
    let mut hand = Hand::new(shelf, Flow::Receive);
    hand.all(&["D:4711", "4006381333931"]);
    assert_eq!(hand.does("=20"), Signal::Warning);
    assert_eq!(hand.code(), "over_receipt");
}

#[test]
fn an_item_that_is_not_on_the_order_is_asked_about() {
    let mut hand = Hand::new(ordered(), Flow::Receive);
    hand.shelf.order(DocumentKind::PurchaseOrder, "4799");
    hand.shelf.line("4799", "NUT", "10");
    assert_eq!(hand.all(&["D:4711", "NUT"]), Signal::Warning);
    assert_eq!(hand.code(), "not_on_document");
    assert!(hand.json().contains("4799"), "another open order has it");
    hand.choose("choice-unordered");
    hand.all(&["=4", "OK"]);
    assert_eq!(hand.recorded[0].document, None);
}

#[test]
fn a_lot_with_another_expiry_shows_both_dates() {
    let mut shelf = ordered();
    shelf.lot("MILK", "LOT7", "2027-04-30");
    let mut hand = Hand::new(shelf, Flow::Receive);
    let label = "]d2010950600013435217270331\u{1D}10LOT7";
    assert_eq!(hand.all(&["D:4711", label]), Signal::Warning);
    let json = hand.json();
    assert!(json.contains("2027-04-30") && json.contains("2027-03-31"), "{json}");
    hand.choose("choice-known-expiry");
    hand.all(&["KEYPAD", "=5", "OK"]);
    assert_eq!(receives(&hand)[0].goods.expiry, Some(day("2027-04-30")));
}

#[test]
fn a_known_lot_brings_its_expiry_and_is_not_asked_for_it() {
    let mut shelf = ordered();
    shelf.lot("MILK", "LOT7", "2027-04-30");
    let mut hand = Hand::new(shelf, Flow::Receive);
    hand.all(&["D:4711", "09506000134352", "LOT7", "=5", "OK"]);
    assert_eq!(receives(&hand)[0].goods.expiry, Some(day("2027-04-30")));
}

#[test]
fn goods_that_have_expired_are_a_warning_on_arrival() {
    let mut hand = Hand::new(ordered(), Flow::Receive);
    let label = "]d2010950600013435217260331\u{1D}10OLD";
    assert_eq!(hand.all(&["D:4711", label]), Signal::Warning);
    assert_eq!(hand.code(), "expired");
}

#[test]
fn damaged_goods_are_received_as_damaged() {
    let mut hand = Hand::new(ordered(), Flow::Receive);
    hand.all(&["D:4711", "4006381333931"]);
    hand.choose("condition-damaged");
    hand.all(&["=2", "OK"]);
    assert_eq!(receives(&hand)[0].condition, Condition::Damaged);
    hand.all(&["4006381333931", "=2", "OK"]);
    assert_eq!(receives(&hand)[1].condition, Condition::Good, "not inherited by the next line");
}

#[test]
fn a_closed_order_does_not_keep_goods_from_being_here() {
    let mut shelf = ordered();
    shelf.documents[0].status = DocumentStatus::Closed;
    let mut hand = Hand::new(shelf, Flow::Receive);
    assert_eq!(hand.does("D:4711"), Signal::Warning);
    assert_eq!(hand.code(), "document_closed");
    hand.choose("choice-go-on");
    hand.all(&["4006381333931", "=2", "OK"]);
    assert_eq!(hand.recorded.len(), 1);
}

#[test]
fn a_code_that_nobody_knows_is_recorded_raw_in_the_question_bin() {
    let mut hand = Hand::new(ordered(), Flow::Receive);
    assert_eq!(hand.all(&["D:4711", "WHAT-IS-THIS"]), Signal::Stop);
    assert_eq!(hand.code(), "scan_unknown");
    hand.choose("choice-unidentified");
    hand.all(&["=6", "OK"]);
    let Body::Unidentified(body) = &hand.recorded[0].body else { panic!() };
    assert_eq!((body.raw.as_str(), body.quantity), ("WHAT-IS-THIS", q("6")));
    assert_eq!(body.place.bin.as_ref().unwrap().as_str(), "Q-1");
    hand.all(&["4006381333931", "=2", "OK"]);
    let Body::Receive(body) = &hand.recorded[1].body else { panic!() };
    assert_eq!(body.to.bin.as_ref().unwrap().as_str(), "DOCK", "the question bin was for one");
}

#[test]
fn an_unknown_code_gives_way_to_the_right_scan() {
    let mut hand = Hand::new(ordered(), Flow::Receive);
    hand.all(&["D:4711", "WHAT-IS-THIS"]);
    assert_eq!(hand.does("4006381333931"), Signal::Good);
    assert_eq!(hand.screen().notice, None);
}

#[test]
fn put_away_takes_from_the_receiving_bin_and_asks_where_to() {
    let mut shelf = Shelf::usual();
    shelf.stock("DOCK", "BOLT", Some("24"));
    shelf.stock("A-02", "BOLT", Some("3"));
    let mut all = Vec::new();
    for order in orders(&["BOX-BOLT", "B:A-01", "B:DOCK"]) {
        let mut hand = Hand::new(shelf.clone(), Flow::PutAway);
        hand.all(&order);
        hand.all(&["KEYPAD", "=0,2", "OK"]);
        assert_eq!(hand.recorded.len(), 1, "{order:?} {:?}", hand.screen());
        all.push(hand.recorded.remove(0));
    }
    assert!(all.iter().all(|ready| *ready == all[0]), "{all:#?}");
    let Body::Move(body) = &all[0].body else { panic!() };
    assert_eq!(body.from.bin.as_ref().unwrap().as_str(), "DOCK");
    assert_eq!(body.to.bin.as_ref().unwrap().as_str(), "A-01");
    assert_eq!((body.goods.quantity, body.goods.base), (q("0.2"), q("20")));
    let mut hand = Hand::new(shelf, Flow::PutAway);
    hand.does("BOX-BOLT");
    assert!(hand.json().contains("A-02"), "a bin that holds the item is proposed");
}

#[test]
fn a_whole_plate_is_moved_by_two_scans() {
    let mut shelf = Shelf::usual();
    shelf.add_plate("P-1", "DOCK");
    shelf.stock("DOCK", "BOLT", Some("24")).plate = Some("P-1".try_into().unwrap());
    for flow in [Flow::PutAway, Flow::Move] {
        let mut hand = Hand::new(shelf.clone(), flow);
        hand.all(&["L:P-1", "B:A-01", "OK"]);
        let Body::MovePlate(body) = &hand.recorded[0].body else { panic!("{flow:?}") };
        assert_eq!(body.plate.as_str(), "P-1");
        assert_eq!(body.to.bin.as_ref().unwrap().as_str(), "A-01");
    }
}

#[test]
fn an_item_on_a_plate_is_taken_off_it() {
    let mut shelf = Shelf::usual();
    shelf.add_plate("P-1", "DOCK");
    shelf.stock("DOCK", "BOLT", Some("24")).plate = Some("P-1".try_into().unwrap());
    let mut hand = Hand::new(shelf, Flow::Move);
    hand.all(&["L:P-1", "4006381333931", "=5", "B:A-01", "OK"]);
    let Body::Move(body) = &hand.recorded[0].body else { panic!() };
    assert_eq!(body.from.plate.as_ref().unwrap().as_str(), "P-1");
    assert_eq!((body.to.plate.as_ref(), body.goods.base), (None, q("5")));
}

#[test]
fn a_void_plate_stops_and_a_plate_known_elsewhere_asks() {
    let mut shelf = Shelf::usual();
    shelf.add_plate("P-1", "DOCK").state = PlateState::Void;
    shelf.add_plate("P-2", "B-01");
    let mut hand = Hand::new(shelf, Flow::Move);
    assert_eq!(hand.does("L:P-1"), Signal::Stop);
    assert_eq!(hand.all(&["B:A-01", "L:P-2"]), Signal::Warning);
    assert_eq!(hand.code(), "lpn_elsewhere");
}

#[test]
fn a_move_stops_at_the_same_bin_and_at_a_blocked_one() {
    let mut shelf = Shelf::usual();
    shelf.stock("A-01", "BOLT", Some("24"));
    let mut hand = Hand::new(shelf, Flow::Move);
    hand.all(&["B:A-01", "4006381333931", "=5"]);
    assert_eq!(hand.does("B:A-01"), Signal::Stop);
    assert_eq!(hand.code(), "same_place");
    assert_eq!(hand.does("B:X-01"), Signal::Stop);
    assert_eq!(hand.code(), "bin_blocked");
    assert_eq!(hand.does("B:A-02"), Signal::Good);
    assert_eq!(hand.does("OK"), Signal::Complete);
}

#[test]
fn more_than_the_book_knows_is_a_warning_and_silent_where_the_book_is_withheld() {
    let mut shelf = Shelf::usual();
    shelf.stock("A-01", "BOLT", Some("6"));
    shelf.stock("A-02", "BOLT", None);
    let mut hand = Hand::new(shelf.clone(), Flow::Move);
    hand.all(&["B:A-01", "4006381333931"]);
    assert_eq!(hand.does("=10"), Signal::Warning);
    assert_eq!(hand.code(), "bin_below_zero");
    hand.choose("choice-go-on");
    hand.all(&["B:B-01", "OK"]);
    assert_eq!(hand.recorded.len(), 1, "the goods were there");
    let mut hand = Hand::new(shelf, Flow::Move);
    hand.all(&["B:A-02", "4006381333931"]);
    assert_eq!(hand.does("=10"), Signal::Good);
}

#[test]
fn a_transfer_for_another_place_is_not_received_here() {
    let mut shelf = Shelf::usual();
    let order = shelf.order(DocumentKind::TransferOrder, "T1");
    order.location = "WEST".try_into().unwrap();
    order.to_location = Some("LEEDS".try_into().unwrap());
    let order = shelf.order(DocumentKind::TransferOrder, "T2");
    order.location = "WEST".try_into().unwrap();
    order.to_location = Some("MAIN".try_into().unwrap());
    shelf.line("T2", "BOLT", "10").picked = q("10");
    let line = shelf.line("T2", "NUT", "10");
    line.picked = q("0");
    let mut hand = Hand::new(shelf, Flow::TransferReceive);
    assert_eq!(hand.does("D:T1"), Signal::Stop);
    assert_eq!(hand.code(), "wrong_destination");
    hand.all(&["D:T2", "4006381333931"]);
    assert_eq!(hand.does("=12"), Signal::Warning);
    assert_eq!(hand.code(), "transfer_over");
    hand.choose("choice-back");
    hand.all(&["=10", "OK"]);
    let Body::TransferReceive(body) = &hand.recorded[0].body else { panic!() };
    assert_eq!(body.goods.base, q("10"));
    hand.all(&["NUT", "=1"]);
    assert_eq!(hand.code(), "not_shipped", "arrival before the shipment is known");
    hand.choose("choice-go-on");
    hand.does("OK");
    assert_eq!(hand.recorded.len(), 2);
}

#[test]
fn who_receives_what_this_device_shipped_and_has_not_sent_is_told_so() {
    let mut shelf = Shelf::usual();
    let order = shelf.order(DocumentKind::TransferOrder, "T2");
    order.location = "WEST".try_into().unwrap();
    order.to_location = Some("MAIN".try_into().unwrap());
    let line = shelf.line("T2", "NUT", "10");
    line.picked = q("0");
    let line = protocol::operation::DocumentRef {
        kind: DocumentKind::TransferOrder,
        no: "T2".try_into().unwrap(),
        line: Some(line.line),
    };
    shelf.pending.push((line, "transfer_ship", q("6")));
    let mut hand = Hand::new(shelf, Flow::TransferReceive);
    assert_eq!(hand.all(&["D:T2", "NUT", "=6"]), Signal::Warning);
    assert_eq!(hand.screen().notice.map(|notice| notice.text.id), Some("warn-shipment-unsent"));
    hand.choose("choice-go-on");
    hand.does("OK");
    assert_eq!(hand.recorded.len(), 1);
    // Once the server has the shipment, only what goes beyond it is asked about.
    hand.shelf.lines[0].picked = q("4");
    hand.all(&["NUT", "=11"]);
    assert_eq!(hand.code(), "transfer_over");
    assert!(hand.json().contains("10"), "four that the server has and six that it has not");
}

/// What is scanned, in any order; what is done at the end.
fn same_in_any_order(shelf: &Shelf, flow: Flow, scans: &[&str], then: &[&str]) -> Vec<Body> {
    let mut all: Vec<Vec<Body>> = Vec::new();
    for order in orders(scans) {
        let mut hand = Hand::new(shelf.clone(), flow);
        for what in &order {
            assert_ne!(hand.does(what), Signal::Stop, "{flow:?} {order:?} at {what}");
        }
        hand.all(then);
        let bodies: Vec<Body> = hand.recorded.iter().map(|ready| ready.body.clone()).collect();
        assert!(!bodies.is_empty(), "{flow:?} {order:?}: {:?}", hand.screen());
        all.push(bodies);
    }
    assert!(all.iter().all(|bodies| *bodies == all[0]), "{flow:?}: {all:#?}");
    all.remove(0)
}

#[test]
fn every_flow_gives_the_same_operations_for_any_order_of_its_scans() {
    let mut shelf = ordered();
    shelf.stock("OUT", "BOLT", Some("10"));
    shelf.order(DocumentKind::SalesOrder, "881");
    shelf.line("881", "BOLT", "10");
    let order = shelf.order(DocumentKind::TransferOrder, "T2");
    order.location = "WEST".try_into().unwrap();
    order.to_location = Some("MAIN".try_into().unwrap());
    shelf.line("T2", "BOLT", "10").picked = q("10");
    let bolt = "4006381333931";
    let quantity = ["KEYPAD", "=4", "OK"];
    let cases: [(Flow, Vec<&str>, Vec<&str>, usize); 5] = [
        (Flow::Receive, vec!["D:4711", "DRILL-EAN", "B:A-01"], vec!["S1", "S2", "OK"], 2),
        (Flow::Receive, vec!["D:4711", bolt, "L:P-7", "B:A-02"], quantity.to_vec(), 1),
        (Flow::Ship, vec!["D:881", bolt, "B:OUT"], quantity.to_vec(), 1),
        (Flow::TransferReceive, vec!["D:T2", bolt, "B:A-01", "L:P-8"], quantity.to_vec(), 1),
        (Flow::Count, vec!["B:A-01", bolt, bolt], vec!["OK"], 1),
    ];
    for (flow, scans, then, n) in cases {
        assert_eq!(same_in_any_order(&shelf, flow, &scans, &then).len(), n, "{flow:?}");
    }
}

#[test]
fn a_plate_is_put_onto_another_after_a_question() {
    let mut shelf = Shelf::usual();
    shelf.add_plate("CHILD", "DOCK");
    shelf.add_plate("PARENT", "A-01");
    let mut hand = Hand::new(shelf, Flow::Move);
    assert_eq!(hand.all(&["L:CHILD", "L:PARENT"]), Signal::Warning);
    hand.choose("choice-plate-to");
    hand.does("OK");
    let Body::MovePlate(body) = &hand.recorded[0].body else { panic!("{:?}", hand.screen()) };
    assert_eq!(body.plate.as_str(), "CHILD");
    assert_eq!(body.to.plate.as_ref().unwrap().as_str(), "PARENT");
    assert_eq!(body.to.bin.as_ref().unwrap().as_str(), "A-01");
}

#[test]
fn a_finished_truck_shows_what_is_short_over_and_on_no_order() {
    let mut shelf = ordered();
    shelf.order(DocumentKind::PurchaseOrder, "4712");
    shelf.line("4712", "NUT", "10");
    let mut hand = Hand::new(shelf, Flow::Receive);
    let offered = |hand: &mut Hand| {
        hand.screen().exceptions.iter().any(|choice| choice.text.id == "choice-truck-finished")
    };
    assert!(!offered(&mut hand), "nothing has come yet");
    hand.all(&["D:4711", "4006381333931"]);
    assert!(!offered(&mut hand), "something is in hand");
    hand.does("=102");
    hand.choose("choice-go-on");
    hand.does("OK");
    assert_eq!(hand.recorded.len(), 1, "{:?}", hand.screen());
    hand.shelf.lines[0].handled = q("102");
    hand.all(&["D:4712", "NUT", "=10", "OK"]);
    hand.all(&["UNDO", "NUT", "=10", "OK"]);
    hand.shelf.lines[3].handled = q("10");
    hand.does("SHIRT-RED");
    hand.choose("choice-unordered");
    hand.all(&["=2", "OK", "SHIRT-RED", "=1", "OK"]);
    let recorded = hand.recorded.len();
    assert_eq!(hand.choose("choice-truck-finished"), Signal::Warning);
    assert_eq!(hand.code(), "not_as_ordered");
    let lines = hand.screen().lines;
    let said: Vec<(&str, String)> = lines
        .iter()
        .map(|line| {
            let quantity = line.arguments.iter().find(|(name, _)| *name == "quantity").unwrap();
            (line.id, argument_text(&quantity.1, Language::English))
        })
        .collect();
    let expected = [
        ("line-over", "2".to_owned()),
        ("line-short", "40".to_owned()),
        ("line-short", "3".to_owned()),
        ("line-unordered", "3".to_owned()),
    ];
    assert_eq!(said, expected, "{lines:?}");
    hand.choose("choice-leave-open");
    assert!(offered(&mut hand), "it is still there");
    hand.choose("choice-truck-finished");
    assert_eq!(hand.choose("choice-close-truck"), Signal::Good);
    assert!(!offered(&mut hand), "the next truck has not come");
    assert_eq!(hand.recorded.len(), recorded, "it is a summary, nothing is recorded");
}

#[test]
fn a_truck_that_came_as_ordered_is_finished_without_a_question() {
    let mut shelf = Shelf::usual();
    shelf.order(DocumentKind::PurchaseOrder, "4712");
    shelf.line("4712", "NUT", "10");
    let mut hand = Hand::new(shelf, Flow::Receive);
    hand.all(&["D:4712", "NUT", "=10", "OK"]);
    hand.shelf.lines[0].handled = q("10");
    assert_eq!(hand.choose("choice-truck-finished"), Signal::Good);
    assert_eq!(hand.screen().question.text.id, "ask-document");
}

#[test]
fn a_truck_that_nobody_finished_is_over_after_a_pause_of_a_working_day() {
    const HOUR_US: u64 = 3_600_000_000;
    let mut shelf = ordered();
    shelf.order(DocumentKind::PurchaseOrder, "4712");
    shelf.line("4712", "NUT", "10");
    let mut hand = Hand::new(shelf, Flow::Receive);
    hand.all(&["D:4712", "NUT", "=10", "OK", "SHIRT-RED"]);
    hand.choose("choice-unordered");
    hand.all(&["=2", "OK"]);
    hand.mono_us += 3 * HOUR_US;
    hand.all(&["SHIRT-RED", "=1", "OK"]);
    let listed = |hand: &mut Hand| {
        hand.choose("choice-truck-finished");
        let lines = hand.screen().lines;
        let loose = lines.iter().filter(|line| line.id == "line-unordered");
        let quantity = |line: &Message| {
            let quantity = line.arguments.iter().find(|(name, _)| *name == "quantity").unwrap();
            argument_text(&quantity.1, Language::English)
        };
        let is_old = lines.iter().any(|line| line.id == "line-truck-since");
        (is_old, loose.map(quantity).collect::<Vec<_>>())
    };
    assert_eq!(listed(&mut hand), (true, vec!["3".to_owned()]), "it began three hours ago");
    hand.choose("choice-leave-open");

    hand.mono_us += 9 * HOUR_US;
    hand.all(&["SHIRT-RED", "=4", "OK"]);
    assert_eq!(hand.recorded.len(), 4, "{:?}", hand.screen());
    assert_eq!(listed(&mut hand), (false, vec!["4".to_owned()]), "nothing of the other truck");
}
