//! Serial numbers on receipt: one by one, and in a row by their ends.

use protocol::feed::TrackingRule;
use protocol::operation::Receive;

use super::inbound::{ordered, receives};
use super::shelf::{Hand, Shelf, day, q};
use crate::capture::{Flow, Message, Signal, Slot};

#[test]
fn serials_are_one_operation_each_and_never_twice() {
    let mut hand = Hand::new(ordered(), Flow::Receive);
    hand.all(&["D:4711", "DRILL-EAN", "S2", "S1"]);
    assert_eq!(hand.does("S2"), Signal::Stop);
    assert_eq!(hand.code(), "serial_twice");
    assert_eq!(hand.does("S3"), Signal::Good, "a right scan clears the red without a tap");
    hand.does("OK");
    let seen: Vec<&str> = receives(&hand)
        .iter()
        .map(|receive| receive.goods.tracking.serial.as_ref().unwrap().as_str())
        .collect();
    assert_eq!(seen, ["S1", "S2", "S3"]);
    assert!(receives(&hand).iter().all(|receive| receive.goods.base == q("1")));
}

/// Ten drills are ordered.
fn numbered() -> Shelf {
    let mut shelf = ordered();
    for line in shelf.lines.iter_mut().filter(|line| line.item.as_str() == "DRILL") {
        line.quantity = q("10");
    }
    shelf
}

/// The serial numbers that were recorded.
fn serials(hand: &Hand) -> Vec<String> {
    let serial = |receive: &&Receive| receive.goods.tracking.serial.as_ref().unwrap().to_string();
    receives(hand).iter().map(serial).collect()
}

fn says(hand: &mut Hand, id: &str) -> bool {
    hand.json().contains(&format!("\"{id}\""))
}

#[test]
fn serials_in_a_row_are_entered_by_their_ends_and_recorded_one_by_one() {
    let mut hand = Hand::new(numbered(), Flow::Receive);
    hand.all(&["D:4711", "DRILL-EAN"]);
    assert_eq!(hand.screen().choices[0].text.id, "choice-range");
    hand.does("#1");
    assert_eq!(hand.screen().question.text.id, "ask-range-first");
    hand.does("SN-098");
    assert_eq!(hand.screen().question.text.id, "ask-range-last");
    assert_eq!(hand.does("SN-101"), Signal::Good);
    assert_eq!(hand.screen().question.slot, Some(Slot::Step));
    assert!(says(&mut hand, "hint-range"), "{}", hand.json());
    assert_eq!(hand.does("#1"), Signal::Good, "one by one");
    // Another box stands beside the row; its number is scanned.
    assert_eq!(hand.does("SN-200"), Signal::Good);
    assert_eq!(hand.does("OK"), Signal::Complete);
    assert_eq!(serials(&hand), ["SN-098", "SN-099", "SN-100", "SN-101", "SN-200"]);
    let receives = receives(&hand);
    assert!(receives.iter().all(|receive| receive.goods.base == q("1")));
    assert!(hand.recorded.iter().all(|ready| {
        ready.document.as_ref().is_some_and(|document| document.no.as_str() == "4711")
    }));
}

#[test]
fn how_many_of_how_many_are_in_hand_is_always_shown() {
    let mut hand = Hand::new(numbered(), Flow::Receive);
    hand.all(&["D:4711", "DRILL-EAN", "S1"]);
    let counter = |hand: &mut Hand| {
        let hints = hand.screen().hints;
        hints.into_iter().find(|hint| hint.id == "hint-serials-of").map(|hint| hint.arguments)
    };
    let of = |n: usize| {
        let n = Message::new("hint-serials-of").quantity("of", q("10")).number("n", n);
        Some(n.word("unit", "PCS").arguments)
    };
    assert_eq!(counter(&mut hand), of(1));
    hand.choose("choice-range");
    hand.all(&["S2", "S4"]);
    assert_eq!(counter(&mut hand), of(1), "the row is not in hand yet");
    hand.does("#1");
    assert_eq!(counter(&mut hand), of(4));
}

#[test]
fn the_ends_of_a_row_must_be_written_alike() {
    let mut hand = Hand::new(numbered(), Flow::Receive);
    hand.all(&["D:4711", "DRILL-EAN", "#1", "SN-098"]);
    for (last, code) in [
        ("SN-1000", "range_length"),
        ("SX-101", "range_pattern"),
        ("SN-10A", "range_pattern"),
        ("SN-097", "range_order"),
        ("SN-098", "range_order"),
    ] {
        assert_eq!((hand.does(last), hand.code()), (Signal::Stop, code), "{last}");
        assert_eq!(hand.screen().question.text.id, "ask-range-last", "it is still asked");
    }
    assert_eq!(hand.does("DRILL-EAN"), Signal::Stop);
    assert_eq!(hand.code(), "serial_is_item_barcode");
    // A right scan clears the red, and the step is held against it.
    assert_eq!(hand.does("SN-108"), Signal::Good);
    for (step, code) in [("=3", "range_step"), ("=0", "range_step"), ("=95060001", "range_step")] {
        assert_eq!((hand.does(step), hand.code()), (Signal::Stop, code), "{step}");
    }
    assert_eq!(hand.does("OK"), Signal::Quiet, "the red is closed");
    assert_eq!((hand.does("OK"), hand.code()), (Signal::Stop, "question_open"));
    assert_eq!(hand.does("=5"), Signal::Good);
    hand.does("OK");
    assert_eq!(serials(&hand), ["SN-098", "SN-103", "SN-108"]);
}

#[test]
fn a_row_has_no_number_twice_and_not_more_than_anybody_looks_at() {
    let mut hand = Hand::new(numbered(), Flow::Receive);
    hand.all(&["D:4711", "DRILL-EAN", "S105"]);
    hand.choose("choice-range");
    hand.all(&["S101", "S110"]);
    assert_eq!((hand.does("#1"), hand.code()), (Signal::Stop, "serial_twice"));
    assert!(hand.json().contains("S105"), "it says which");
    // Undo closes the red, and takes back the last end; a shorter row is free of it.
    hand.all(&["UNDO", "UNDO", "S104"]);
    assert_eq!(hand.does("#1"), Signal::Good);
    hand.does("OK");
    assert_eq!(serials(&hand), ["S101", "S102", "S103", "S104", "S105"]);

    let mut hand = Hand::new(numbered(), Flow::Receive);
    hand.all(&["D:4711", "DRILL-EAN", "#1", "S0000", "S9999"]);
    assert_eq!((hand.does("#1"), hand.code()), (Signal::Stop, "range_too_long"));
    assert!(serials(&hand).is_empty());
}

#[test]
fn the_last_number_of_a_row_that_is_scanned_again_is_no_lot() {
    let mut shelf = numbered();
    for item in shelf.items.iter_mut().filter(|item| item.item.as_str() == "DRILL") {
        item.tracking.lot = true;
    }
    let mut hand = Hand::new(shelf, Flow::Receive);
    hand.all(&["D:4711", "DRILL-EAN"]);
    hand.choose("choice-range");
    hand.all(&["S101", "S110", "S104", "#1", "L7"]);
    hand.does("OK");
    assert_eq!(serials(&hand), ["S101", "S102", "S103", "S104"]);
    let lots: Vec<_> =
        receives(&hand).iter().map(|receive| receive.goods.tracking.lot.clone()).collect();
    assert!(
        lots.iter().all(|lot| lot.as_ref().is_some_and(|lot| lot.as_str() == "L7")),
        "{lots:?}"
    );
}

#[test]
fn a_row_with_a_number_that_is_in_stock_says_which() {
    let mut shelf = numbered();
    shelf.stock("A-02", "DRILL", Some("1")).tracking.serial = Some("S3".try_into().unwrap());
    let mut hand = Hand::new(shelf, Flow::Receive);
    hand.all(&["D:4711", "DRILL-EAN", "#1", "S1", "S5"]);
    assert_eq!(hand.does("#1"), Signal::Stop);
    assert_eq!(hand.code(), "serial_already_in_stock");
    assert!(hand.json().contains("S3") && hand.json().contains("A-02"));
    assert!(receives(&hand).is_empty());
}

#[test]
fn a_row_that_is_in_hand_is_taken_back_in_one_step() {
    let mut hand = Hand::new(numbered(), Flow::Receive);
    hand.all(&["D:4711", "DRILL-EAN", "S1"]);
    hand.choose("choice-range");
    hand.all(&["S2", "S5", "#1", "UNDO"]);
    assert_eq!(hand.screen().question.slot, Some(Slot::Step));
    hand.all(&["UNDO", "UNDO", "UNDO"]);
    hand.does("OK");
    assert_eq!(serials(&hand), ["S1"]);
}

#[test]
fn goods_that_leave_are_scanned_one_by_one() {
    for flow in [Flow::Pick, Flow::Ship, Flow::Move, Flow::Count] {
        let mut hand = Hand::new(numbered(), flow);
        hand.all(&["B:A-01", "DRILL-EAN"]);
        assert!(!says(&mut hand, "choice-range"), "{flow:?}");
    }
    let mut hand = Hand::new(numbered(), Flow::Receive);
    hand.all(&["D:4711", "4006381333931"]);
    assert!(!says(&mut hand, "choice-range"), "nor what has no serial numbers");
}

#[test]
fn the_date_of_a_serial_without_a_lot_is_asked_for_and_recorded() {
    let mut shelf = ordered();
    let rule = TrackingRule { serial: true, expiry: true, ..TrackingRule::default() };
    shelf.add_item("PUMP", "Pump", rule);
    shelf.barcode("04012345678901", "PUMP", None, None);
    shelf.line("4711", "PUMP", "5");
    let mut hand = Hand::new(shelf, Flow::Receive);
    hand.all(&["D:4711", "]d2010401234567890117270131\u{1D}21S1", "OK"]);
    // Where the label has no date, it is asked for.
    hand.does("04012345678901");
    assert_eq!(hand.screen().question.text.id, "ask-expiry");
    hand.all(&["=28-02-2027", "=28-02-2027", "S2", "OK"]);
    let read = |receive: &&Receive| {
        let serial = receive.goods.tracking.serial.as_ref().unwrap().to_string();
        (serial, receive.goods.expiry)
    };
    let read: Vec<_> = receives(&hand).iter().map(read).collect();
    let wanted = [("S1", "2027-01-31"), ("S2", "2027-02-28")];
    assert_eq!(read, wanted.map(|(serial, date)| (serial.to_owned(), Some(day(date)))));
}

#[test]
fn the_barcode_of_the_item_is_not_taken_for_its_serial() {
    let mut hand = Hand::new(ordered(), Flow::Receive);
    hand.all(&["D:4711", "DRILL-EAN"]);
    assert_eq!(hand.does("DRILL-EAN"), Signal::Stop);
    assert_eq!(hand.code(), "serial_is_item_barcode");
}

#[test]
fn a_serial_that_is_in_stock_cannot_arrive() {
    let mut shelf = ordered();
    shelf.stock("A-02", "DRILL", Some("1")).tracking.serial = Some("S1".try_into().unwrap());
    let mut hand = Hand::new(shelf, Flow::Receive);
    assert_eq!(hand.all(&["D:4711", "DRILL-EAN", "S1"]), Signal::Stop);
    assert_eq!(hand.code(), "serial_already_in_stock");
    assert!(hand.json().contains("A-02"));
}
