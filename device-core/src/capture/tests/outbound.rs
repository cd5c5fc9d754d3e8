//! Goods are picked, shipped, sent to another place, written off.

use protocol::feed::DocumentStatus;
use protocol::operation::{Body, Direction, DocumentKind, Pick};

use super::shelf::{Hand, Shelf, orders, q};
use crate::capture::{Flow, Signal};

fn sold() -> Shelf {
    let mut shelf = Shelf::usual();
    shelf.order(DocumentKind::SalesOrder, "881");
    shelf.line("881", "BOLT", "3");
    shelf.line("881", "MILK", "2");
    shelf.line("881", "DRILL", "1");
    shelf.stock("A-01", "BOLT", Some("50"));
    shelf.stock("B-01", "BOLT", Some("9"));
    shelf.lot("MILK", "EARLY", "2027-01-31");
    shelf.lot("MILK", "LATE", "2027-06-30");
    shelf.stock("A-02", "MILK", Some("8")).tracking.lot = Some("LATE".try_into().unwrap());
    shelf.stock("A-02", "MILK", Some("4")).tracking.lot = Some("EARLY".try_into().unwrap());
    shelf.stock("B-01", "DRILL", Some("1")).tracking.serial = Some("S1".try_into().unwrap());
    shelf
}

fn picks(hand: &Hand) -> Vec<&Pick> {
    let bodies = hand.recorded.iter().map(|ready| match &ready.body {
        Body::Pick(pick) => pick,
        other => panic!("not a pick: {other:?}"),
    });
    bodies.collect()
}

fn hints(hand: &mut Hand) -> String {
    format!("{:?}", hand.screen().hints)
}

#[test]
fn any_order_of_scans_gives_the_same_pick() {
    let label = "]d2010950600013435210EARLY";
    let mut all = Vec::new();
    for order in orders(&["D:881", label, "B:A-02"]) {
        let mut hand = Hand::new(sold(), Flow::Pick);
        assert_ne!(hand.all(&order), Signal::Stop, "{order:?}");
        hand.all(&["KEYPAD", "=2", "OK"]);
        assert_eq!(hand.recorded.len(), 1, "{order:?} {:?}", hand.screen());
        all.push(hand.recorded.remove(0));
    }
    assert!(all.iter().all(|ready| *ready == all[0]), "{all:#?}");
    assert_eq!(all[0].document.as_ref().unwrap().line, Some(20_000));
}

#[test]
fn a_pick_completes_by_itself_at_the_demanded_quantity() {
    let mut hand = Hand::new(sold(), Flow::Pick);
    let last = hand.all(&["D:881", "B:A-01", "4006381333931", "4006381333931", "4006381333931"]);
    assert_eq!(last, Signal::Complete);
    let pick = picks(&hand)[0];
    assert_eq!((pick.goods.base, pick.short.as_ref()), (q("3"), None));
    assert_eq!(hand.screen().question.text.id, "ask-go-to", "on to the next line");
}

#[test]
fn the_screen_says_where_to_go_and_how_much_to_take() {
    let mut hand = Hand::new(sold(), Flow::Pick);
    hand.does("D:881");
    let screen = hand.screen();
    assert_eq!(screen.question.text.id, "ask-go-to");
    let json = hand.json();
    assert!(json.contains("A-01") && json.contains("hint-take"), "{json}");
}

#[test]
fn the_wrong_item_and_the_wrong_bin_stop_and_say_what_is_needed() {
    let mut hand = Hand::new(sold(), Flow::Pick);
    hand.does("D:881");
    assert_eq!(hand.does("NUT"), Signal::Stop);
    let notice = hand.screen().notice.unwrap();
    assert_eq!(notice.code, "not_on_document");
    assert_eq!(notice.scanned.as_deref(), Some("Nut M8 (NUT)"));
    assert_eq!(notice.needed.as_deref(), Some("Bolt M8x40 (BOLT)"));
    let mut shelf = sold();
    shelf.lines.retain(|line| line.item.as_str() == "BOLT");
    let mut hand = Hand::new(shelf, Flow::Pick);
    hand.does("D:881");
    assert_eq!(hand.does("B:A-02"), Signal::Stop);
    let notice = hand.screen().notice.unwrap();
    assert_eq!((notice.code, notice.needed.as_deref()), ("wrong_bin", Some("A-01")));
    assert_eq!(hand.does("B:B-01"), Signal::Warning, "it lies there too");
    assert_eq!(hand.code(), "other_bin");
    hand.choose("choice-go-on");
    hand.all(&["4006381333931", "=3", "OK"]);
    assert_eq!(picks(&hand)[0].from.bin.as_ref().unwrap().as_str(), "B-01");
}

#[test]
fn a_later_lot_while_an_earlier_one_lies_in_the_bin_is_a_warning() {
    let mut hand = Hand::new(sold(), Flow::Pick);
    hand.all(&["D:881", "B:A-02", "09506000134352"]);
    assert_eq!(hand.does("LATE"), Signal::Warning);
    assert_eq!(hand.code(), "fefo");
    assert!(hand.json().contains("EARLY"));
    hand.choose("choice-go-on");
    hand.all(&["KEYPAD", "=2", "OK"]);
    assert_eq!(picks(&hand)[0].goods.tracking.lot.as_ref().unwrap().as_str(), "LATE");
}

#[test]
fn expired_blocked_and_fixed_lots_stop() {
    let mut shelf = sold();
    shelf.lot("MILK", "OLD", "2026-01-31");
    shelf.lot("MILK", "BAD", "2027-01-31").blocked = true;
    let mut hand = Hand::new(shelf.clone(), Flow::Pick);
    hand.all(&["D:881", "B:A-02", "09506000134352"]);
    assert_eq!((hand.does("OLD"), hand.code()), (Signal::Stop, "expired"));
    assert_eq!((hand.does("BAD"), hand.code()), (Signal::Stop, "tracking_blocked"));
    shelf.lines[1].tracking.lot = Some("LATE".try_into().unwrap());
    let mut hand = Hand::new(shelf, Flow::Pick);
    hand.all(&["D:881", "B:A-02", "09506000134352"]);
    assert_eq!((hand.does("EARLY"), hand.code()), (Signal::Stop, "wrong_lot"));
    hand.does("LATE");
    assert_eq!(hand.code(), "fefo");
}

#[test]
fn more_than_needed_is_never_silent() {
    let mut hand = Hand::new(sold(), Flow::Pick);
    hand.all(&["D:881", "B:A-01", "4006381333931"]);
    assert_eq!(hand.does("=5"), Signal::Warning);
    assert_eq!(hand.code(), "over_pick");
    hand.choose("choice-only");
    hand.does("OK");
    assert_eq!(picks(&hand)[0].goods.base, q("3"));
}

#[test]
fn less_than_needed_asks_why() {
    let mut hand = Hand::new(sold(), Flow::Pick);
    hand.all(&["D:881", "B:A-01", "4006381333931", "=2", "OK"]);
    assert_eq!(hand.screen().question.text.id, "ask-reason");
    assert!(hand.recorded.is_empty());
    hand.choose("reason-damaged");
    let pick = picks(&hand)[0];
    assert_eq!(pick.short.as_ref().unwrap().as_str(), "damaged");
    assert_eq!(pick.goods.base, q("2"));
}

#[test]
fn an_empty_bin_is_a_pick_of_nothing_with_a_reason() {
    let mut hand = Hand::new(sold(), Flow::Pick);
    hand.does("D:881");
    hand.choose("reason-bin-empty");
    let pick = picks(&hand)[0];
    assert_eq!((pick.goods.base, pick.from.bin.as_ref().unwrap().as_str()), (q("0"), "A-01"));
    assert_eq!(pick.short.as_ref().unwrap().as_str(), "bin empty");
}

#[test]
fn a_bin_that_should_be_empty_now_is_asked_about() {
    let mut shelf = sold();
    shelf.stock[0].quantity = Some(q("3"));
    let mut hand = Hand::new(shelf, Flow::Pick);
    hand.all(&["D:881", "B:A-01", "4006381333931", "=3", "OK"]);
    assert_eq!(hand.screen().question.text.id, "ask-emptied");
    hand.choose("choice-yes");
    assert_eq!(picks(&hand)[0].emptied, Some(true));
}

#[test]
fn a_skipped_line_comes_last() {
    let mut hand = Hand::new(sold(), Flow::Pick);
    hand.does("D:881");
    assert!(hand.json().contains("Bolt"));
    hand.choose("choice-skip");
    assert!(!hints(&mut hand).contains("Bolt"), "{}", hints(&mut hand));
    assert_eq!(hand.does("UNDO"), Signal::Good);
    assert!(hints(&mut hand).contains("Bolt"));
}

#[test]
fn a_serial_tells_item_and_is_checked_against_where_it_lies() {
    let mut shelf = sold();
    shelf.stock("OUT", "DRILL", Some("1")).tracking.serial = Some("S2".try_into().unwrap());
    shelf.lines.retain(|line| line.item.as_str() == "DRILL");
    shelf.stock.retain(|row| row.item.as_str() == "DRILL");
    let mut hand = Hand::new(shelf, Flow::Pick);
    hand.all(&["D:881", "B:B-01", "DRILL-EAN"]);
    assert_eq!((hand.does("S2"), hand.code()), (Signal::Stop, "serial_already_picked"));
    assert_eq!((hand.does("S9"), hand.code()), (Signal::Warning, "serial_unknown"));
    hand.choose("choice-back");
    assert_eq!(hand.does("S1"), Signal::Good, "then: is the bin empty now?");
    assert_eq!(hand.screen().question.text.id, "ask-emptied");
    hand.choose("choice-no");
    assert_eq!(picks(&hand)[0].goods.tracking.serial.as_ref().unwrap().as_str(), "S1");
}

#[test]
fn a_cancelled_order_is_not_picked() {
    let mut shelf = sold();
    shelf.documents[0].status = DocumentStatus::Cancelled;
    let mut hand = Hand::new(shelf, Flow::Pick);
    assert_eq!((hand.does("D:881"), hand.code()), (Signal::Stop, "document_cancelled"));
}

#[test]
fn a_plate_with_one_thing_on_it_fills_item_lot_and_quantity() {
    let mut shelf = sold();
    shelf.add_plate("P-1", "A-02");
    let row = shelf.stock("A-02", "MILK", Some("2"));
    row.plate = Some("P-1".try_into().unwrap());
    row.tracking.lot = Some("EARLY".try_into().unwrap());
    let mut hand = Hand::new(shelf, Flow::Pick);
    assert_eq!(hand.all(&["D:881", "L:P-1"]), Signal::Complete, "{:?}", hand.screen());
    let pick = picks(&hand)[0];
    assert_eq!(pick.from.plate.as_ref().unwrap().as_str(), "P-1");
    assert_eq!((pick.goods.base, pick.from.bin.as_ref().unwrap().as_str()), (q("2"), "A-02"));
}

#[test]
fn shipping_takes_from_the_shipment_bin_and_warns_of_too_much() {
    let mut hand = Hand::new(sold(), Flow::Ship);
    hand.shelf.lines[0].picked = q("3");
    hand.all(&["D:881", "4006381333931"]);
    assert_eq!((hand.does("=4"), hand.code()), (Signal::Warning, "over_ship"));
    hand.choose("choice-back");
    hand.all(&["=3", "OK"]);
    let Body::Ship(body) = &hand.recorded[0].body else { panic!() };
    assert_eq!(body.from.bin.as_ref().unwrap().as_str(), "OUT");
}

#[test]
fn a_transfer_is_shipped_in_any_order() {
    let mut shelf = Shelf::usual();
    shelf.order(DocumentKind::TransferOrder, "T1").to_location = Some("WEST".try_into().unwrap());
    shelf.line("T1", "BOLT", "10");
    let mut all = Vec::new();
    for order in orders(&["D:T1", "4006381333931", "B:A-01"]) {
        // A bin after the item would be another one: the usual bin must be replaced before.
        let mut hand = Hand::new(shelf.clone(), Flow::TransferShip);
        hand.all(&order);
        hand.all(&["KEYPAD", "=10", "OK"]);
        assert_eq!(hand.recorded.len(), 1, "{order:?} {:?}", hand.screen());
        all.push(hand.recorded.remove(0));
    }
    assert!(all.iter().all(|ready| *ready == all[0]), "{all:#?}");
    let Body::TransferShip(body) = &all[0].body else { panic!() };
    assert_eq!(body.from.bin.as_ref().unwrap().as_str(), "A-01");
}

#[test]
fn an_adjustment_has_a_direction_and_a_reason() {
    let mut shelf = Shelf::usual();
    shelf.stock("A-01", "BOLT", Some("50"));
    let mut all = Vec::new();
    for order in orders(&["B:A-01", "4006381333931"]) {
        let mut hand = Hand::new(shelf.clone(), Flow::Adjust);
        hand.all(&order);
        hand.choose("choice-less");
        hand.does("=5");
        hand.choose("reason-damaged");
        hand.does("OK");
        all.push(hand.recorded.remove(0));
    }
    assert_eq!(all[0], all[1]);
    let Body::Adjust(body) = &all[0].body else { panic!() };
    assert_eq!((body.direction, body.goods.base), (Direction::Decrease, q("5")));
    assert_eq!(body.reason.as_str(), "damaged");
}

#[test]
fn set_to_is_stored_as_a_count_and_less_than_nothing_offers_one() {
    let mut shelf = Shelf::usual();
    shelf.stock("A-01", "BOLT", Some("5"));
    let mut hand = Hand::new(shelf, Flow::Adjust);
    hand.all(&["B:A-01", "4006381333931"]);
    hand.choose("choice-less");
    assert_eq!((hand.does("=9"), hand.code()), (Signal::Stop, "bin_insufficient"));
    hand.choose("choice-count-instead");
    hand.all(&["=0", "OK"]);
    let Body::Count(body) = &hand.recorded[0].body else { panic!("{:?}", hand.recorded) };
    assert_eq!(body.goods.base, q("0"));
}

#[test]
fn an_adjustment_above_the_limit_says_who_decides() {
    let mut shelf = Shelf::usual();
    shelf.stock("A-01", "BOLT", Some("500"));
    shelf.items[0].supervisor_from = Some(q("100"));
    let mut hand = Hand::new(shelf, Flow::Adjust);
    hand.all(&["B:A-01", "4006381333931"]);
    hand.choose("choice-more");
    assert_eq!((hand.does("=100"), hand.code()), (Signal::Warning, "count_needs_approval"));
}

#[test]
fn a_staging_bin_is_where_picked_goods_are_dropped() {
    let mut hand = Hand::new(sold(), Flow::Pick);
    hand.all(&["D:881", "B:OUT", "B:A-01", "4006381333931", "=3", "OK"]);
    let pick = picks(&hand)[0];
    assert_eq!(pick.from.bin.as_ref().unwrap().as_str(), "A-01");
    assert_eq!(pick.to.as_ref().unwrap().bin.as_ref().unwrap().as_str(), "OUT");
}
