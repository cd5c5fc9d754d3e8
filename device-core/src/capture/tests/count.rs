//! Counts: by line, by bin, blind.

use protocol::operation::{Body, CountBin};

use super::shelf::{Hand, Shelf, orders, q};
use crate::capture::{Flow, Signal};

/// A quantity that no operator enters, so that it can only come from the book.
const BOOK: &str = "7391";

fn stocked() -> Shelf {
    let mut shelf = Shelf::usual();
    shelf.stock("A-01", "BOLT", Some(BOOK));
    shelf.stock("A-01", "NUT", Some(BOOK));
    shelf
}

fn bin_count(hand: &Hand) -> &CountBin {
    match &hand.recorded.last().unwrap().body {
        Body::CountBin(count) => count,
        other => panic!("not a count of a bin: {other:?}"),
    }
}

#[test]
fn any_order_of_scans_gives_the_same_count() {
    let mut all = Vec::new();
    for order in orders(&["B:A-01", "4006381333931"]) {
        let mut hand = Hand::new(stocked(), Flow::Count);
        hand.all(&order);
        hand.all(&["=12", "OK"]);
        all.push(hand.recorded.remove(0));
    }
    assert_eq!(all[0], all[1]);
    let Body::Count(body) = &all[0].body else { panic!() };
    assert_eq!(body.goods.base, q("12"));
}

#[test]
fn nothing_is_a_count_too() {
    let mut hand = Hand::new(stocked(), Flow::Count);
    hand.all(&["B:A-01", "4006381333931", "=0", "OK"]);
    let Body::Count(body) = &hand.recorded[0].body else { panic!() };
    assert_eq!(body.goods.base, q("0"));
}

#[test]
fn a_count_knows_when_it_began() {
    let mut hand = Hand::new(stocked(), Flow::Count);
    hand.does("B:A-01");
    hand.mono_us = 9_000;
    hand.all(&["4006381333931", "=12", "OK"]);
    let Body::Count(body) = &hand.recorded[0].body else { panic!() };
    assert_eq!(body.started_us, Some(1_000));
}

#[test]
fn a_blind_count_never_shows_a_quantity_of_the_book() {
    let script = [
        "B:A-01",
        "4006381333931",
        "4006381333931",
        "KEYPAD",
        "=12",
        "BACK",
        "DRILL-EAN",
        "WRONG",
        "OK",
        "OK",
        "NUT",
        "=3",
        "OK",
        "OK",
        "UNDO",
    ];
    for flow in [Flow::Count, Flow::CountBin] {
        let mut hand = Hand::new(stocked(), flow);
        hand.shelf.items[0].second_count_from = Some(q("1"));
        for what in script {
            hand.does(what);
            let json = hand.json();
            assert!(!json.contains(BOOK), "{flow:?} after {what}: {json}");
            assert!(!json.contains("count_again"), "the threshold tells of a difference: {json}");
        }
        assert!(!hand.recorded.is_empty());
    }
}

#[test]
fn an_open_count_shows_the_book_and_asks_again_at_a_difference() {
    let mut hand = Hand::new(stocked(), Flow::Count);
    hand.shelf.items[0].second_count_from = Some(q("10"));
    hand.capture = hand.capture.clone().with_book();
    hand.all(&["B:A-01", "4006381333931"]);
    assert!(hand.json().contains(BOOK));
    hand.all(&["=12", "OK"]);
    assert_eq!(hand.code(), "count_again");
    let notice = hand.screen().notice.unwrap();
    assert_eq!(notice.text.arguments.len(), 1, "neither direction nor amount: {notice:?}");
    hand.choose("choice-count-again");
    hand.all(&["=11", "OK"]);
    let Body::Count(body) = &hand.recorded[0].body else { panic!() };
    assert_eq!(body.goods.base, q("11"), "the second figure stands");
}

#[test]
fn a_site_that_never_shows_quantities_shows_none_in_an_open_count() {
    let mut hand = Hand::new(stocked(), Flow::Count);
    hand.shelf.never_quantities = true;
    hand.capture = hand.capture.clone().with_book();
    hand.all(&["B:A-01", "4006381333931"]);
    assert!(!hand.json().contains(BOOK));
}

#[test]
fn a_whole_bin_grows_by_scans_and_knows_each_thing_once() {
    let mut hand = Hand::new(stocked(), Flow::CountBin);
    hand.all(&["B:A-01", "BOX-BOLT", "NUT", "NUT", "4006381333931", "OK"]);
    assert_eq!(hand.screen().lines.len(), 2);
    assert_eq!(hand.does("OK"), Signal::Complete);
    let count = bin_count(&hand);
    let seen: Vec<(&str, String)> = count
        .lines
        .iter()
        .map(|line| (line.goods.item.as_str(), line.goods.base.to_string()))
        .collect();
    assert_eq!(seen, [("BOLT", "101".to_owned()), ("NUT", "2".to_owned())]);
}

#[test]
fn what_was_not_touched_is_asked_about_before_it_is_zero() {
    let mut hand = Hand::new(stocked(), Flow::CountBin);
    hand.all(&["B:A-01", "4006381333931", "=5", "OK"]);
    assert_eq!(hand.does("OK"), Signal::Warning);
    assert_eq!(hand.code(), "not_counted");
    assert!(hand.json().contains("Nut M8"));
    hand.choose("choice-not-yet");
    assert!(hand.recorded.is_empty());
    hand.does("OK");
    hand.choose("choice-rest-is-zero");
    assert_eq!(bin_count(&hand).lines.len(), 1);
}

#[test]
fn a_plate_and_a_lot_that_nobody_touched_are_asked_about_by_name() {
    let mut shelf = stocked();
    shelf.stock("A-01", "NUT", Some("4")).plate = Some("P-1".try_into().unwrap());
    for lot in ["L1", "L2"] {
        shelf.lot("MILK", lot, "2027-01-31");
        shelf.stock("A-01", "MILK", Some("4")).tracking.lot = Some(lot.try_into().unwrap());
    }
    let mut hand = Hand::new(shelf, Flow::CountBin);
    hand.all(&["B:A-01", "4006381333931", "=5", "OK", "NUT", "=3", "OK", "OK"]);
    assert_eq!(hand.code(), "not_counted");
    let told = hand.json();
    assert!(told.contains("Milk (MILK) L1, Milk (MILK) L2, P-1"), "{told}");
}

#[test]
fn only_what_was_touched_can_be_recorded_and_the_rest_stays_unknown() {
    let mut hand = Hand::new(stocked(), Flow::CountBin);
    hand.all(&["B:A-01", "4006381333931", "=5", "OK", "OK"]);
    hand.choose("choice-only-touched");
    assert_eq!(hand.recorded.len(), 1);
    let Body::Count(body) = &hand.recorded[0].body else { panic!("{:?}", hand.recorded) };
    assert_eq!(body.goods.base, q("5"));
}

#[test]
fn an_empty_bin_is_said_to_be_empty() {
    let mut hand = Hand::new(Shelf::usual(), Flow::CountBin);
    hand.does("B:B-01");
    assert_eq!(hand.screen().primary.unwrap().id, "ok-bin-empty");
    hand.does("OK");
    assert_eq!(bin_count(&hand).lines, []);
}

#[test]
fn a_plate_is_seen_closed_or_counted_and_the_answer_is_remembered() {
    let mut shelf = stocked();
    shelf.add_plate("P-1", "A-01");
    shelf.add_plate("P-2", "A-01");
    let mut hand = Hand::new(shelf, Flow::CountBin);
    assert_eq!(hand.all(&["B:A-01", "L:P-1"]), Signal::Warning);
    hand.choose("choice-plate-closed");
    hand.all(&["4006381333931", "NUT", "OK", "OK", "OK"]);
    assert_eq!(bin_count(&hand).plates_seen_closed.len(), 1);
}

#[test]
fn an_item_that_nobody_expected_is_counted_all_the_same() {
    let mut hand = Hand::new(Shelf::usual(), Flow::Count);
    hand.all(&["B:A-01", "4006381333931"]);
    assert!(hand.json().contains("hint-not-expected"));
    hand.all(&["=12", "OK"]);
    assert_eq!(hand.recorded.len(), 1);
}

#[test]
fn a_serial_counts_once_in_a_bin_and_its_known_place_is_mentioned() {
    let mut shelf = Shelf::usual();
    shelf.stock("B-01", "DRILL", Some("1")).tracking.serial = Some("S2".try_into().unwrap());
    let mut hand = Hand::new(shelf, Flow::CountBin);
    hand.all(&["B:A-01", "DRILL-EAN", "S1", "OK"]);
    assert_eq!(hand.all(&["DRILL-EAN", "S1"]), Signal::Stop);
    assert_eq!(hand.code(), "serial_twice");
    assert_eq!((hand.does("S2"), hand.code()), (Signal::Warning, "serial_elsewhere"));
    hand.choose("choice-go-on");
    hand.all(&["OK", "OK"]);
    assert_eq!(bin_count(&hand).lines.len(), 2, "the scan is kept, the server decides");
}

#[test]
fn an_unknown_code_in_a_bin_is_recorded_and_the_count_goes_on() {
    let mut hand = Hand::new(stocked(), Flow::CountBin);
    hand.all(&["B:A-01", "4006381333931", "NUT", "OK", "MYSTERY"]);
    hand.choose("choice-unidentified");
    hand.all(&["=2", "OK"]);
    let Body::Unidentified(body) = &hand.recorded[0].body else { panic!() };
    assert_eq!(body.place.bin.as_ref().unwrap().as_str(), "A-01");
    hand.does("OK");
    assert_eq!(bin_count(&hand).lines.len(), 2);
}

#[test]
fn goods_that_this_device_moved_during_a_count_are_asked_about() {
    let mut hand = Hand::new(stocked(), Flow::CountBin);
    hand.all(&["B:A-01", "4006381333931", "OK"]);
    let mut mover = Hand::new(stocked(), Flow::Move);
    mover.all(&["B:A-01", "NUT", "=2", "B:A-02", "OK"]);
    let moved = mover.recorded[0].body.clone();
    hand.hear(&moved);
    assert_eq!((hand.does("NUT"), hand.code()), (Signal::Warning, "moved_meanwhile"));
    hand.choose("choice-in-figure");
    assert_eq!(hand.screen().lines.len(), 1, "what was counted stays");
    hand.hear(&moved);
    hand.does("4006381333931");
    hand.choose("choice-start-again");
    assert_eq!(hand.screen().lines, []);
    let mut elsewhere = Hand::new(stocked(), Flow::CountBin);
    elsewhere.all(&["B:B-01", "NUT", "OK"]);
    elsewhere.hear(&moved);
    assert_eq!(elsewhere.does("4006381333931"), Signal::Good);
}
