//! What all flows have in common.

use protocol::identity::{Incarnation, Seq};
use protocol::operation::Body;

use super::shelf::{Hand, Shelf, q};
use crate::capture::screen::Input;
use crate::capture::{Event, Flow, Memory, Scan, Signal, Slot, World};

#[test]
fn a_code_with_two_meanings_asks_once_and_remembers() {
    let mut hand = Hand::new(Shelf::usual(), Flow::Move);
    assert_eq!(hand.all(&["B:A-01", "AMBIG"]), Signal::Warning);
    assert_eq!(hand.code(), "scan_ambiguous");
    assert_eq!(hand.screen().choices.len(), 2);
    assert_eq!(hand.does("B:A-02"), Signal::Warning, "answer the question first");
    hand.does("#2");
    assert!(hand.json().contains("Nut M8"));
    hand.does("UNDO");
    assert_eq!(hand.does("AMBIG"), Signal::Good);
    assert!(hand.json().contains("Nut M8"));
}

#[test]
fn a_code_that_is_a_bin_and_an_item_asks() {
    let mut shelf = Shelf::usual();
    shelf.barcode("A-01", "BOLT", None, None);
    let mut hand = Hand::new(shelf, Flow::Move);
    assert_eq!(hand.does("A-01"), Signal::Warning);
    let texts: Vec<&str> = hand.screen().choices.iter().map(|choice| choice.text.id).collect();
    assert_eq!(texts, ["choice-item", "choice-bin"]);
    assert_eq!(Hand::new(Shelf::usual(), Flow::Move).does("B:A-01"), Signal::Good);
}

#[test]
fn undo_takes_back_one_scan_and_after_the_confirmation_the_operation() {
    let mut hand = Hand::new(Shelf::usual(), Flow::Count);
    hand.all(&["B:A-01", "4006381333931", "4006381333931"]);
    assert_eq!(hand.does("UNDO"), Signal::Good);
    hand.does("OK");
    let Body::Count(body) = &hand.recorded[0].body else { panic!("{:?}", hand.recorded) };
    assert_eq!(body.goods.base, q("1"));
    assert_eq!(hand.does("UNDO"), Signal::Complete);
    let Body::Undo(undo) = &hand.recorded[1].body else { panic!() };
    assert_eq!((undo.incarnation, undo.seq), (Incarnation(1), Seq(1)));
    assert_eq!(hand.does("UNDO"), Signal::Stop);
    assert_eq!(hand.code(), "nothing_to_undo");
}

#[test]
fn what_could_not_be_stored_stays_in_hand() {
    let shelf = Shelf::usual();
    let location = "MAIN".try_into().unwrap();
    let world = World {
        catalogue: &shelf,
        location: &location,
        today: super::shelf::day("2026-11-23"),
        mono_us: 5,
        online: false,
    };
    let mut capture = crate::capture::Capture::start(Flow::Count, Memory::default(), &world);
    for text in ["A-01", "4006381333931"] {
        capture.step(Event::Scan(&Scan::keyed(text)), &world);
    }
    capture.step(Event::Keyed("3"), &world);
    let first = capture.step(Event::Confirm, &world);
    assert_eq!(first.ready.len(), 1);
    assert!(capture.has_unconfirmed());
    let again = capture.step(Event::Confirm, &world);
    assert_eq!(again.ready, first.ready, "the disk failed: nothing was said to be recorded");
}

#[test]
fn the_screen_asks_for_the_first_empty_slot_only() {
    let mut hand = Hand::new(Shelf::usual(), Flow::Move);
    for (what, asked) in [
        ("", Some(Slot::From)),
        ("B:A-01", Some(Slot::Item)),
        ("SHIRT", Some(Slot::Variant)),
        ("#1", Some(Slot::Quantity)),
    ] {
        if !what.is_empty() {
            hand.does(what);
        }
        assert_eq!(hand.screen().question.slot, asked, "after {what:?}");
    }
    assert_eq!(hand.does("=2"), Signal::Warning, "more than the book knows of");
    hand.choose("choice-go-on");
    assert_eq!(hand.screen().question.slot, Some(Slot::To));
    hand.all(&["B:A-02", "OK"]);
    let Body::Move(body) = &hand.recorded[0].body else { panic!() };
    assert_eq!(body.goods.variant.as_ref().unwrap().as_str(), "RED");
}

#[test]
fn a_barcode_in_the_quantity_field_is_refused_with_its_own_sentence() {
    let mut hand = Hand::new(Shelf::usual(), Flow::Count);
    hand.all(&["B:A-01", "4006381333931"]);
    assert_eq!(hand.does("=5701234567899"), Signal::Stop);
    assert_eq!(hand.screen().notice.unwrap().text.id, "stop-looks-like-barcode");
    assert_eq!(hand.does("=1,5"), Signal::Stop);
    assert_eq!(hand.screen().notice.unwrap().text.id, "stop-whole-only");
    assert_eq!(hand.does("=1.000"), Signal::Stop, "a thousand, or one?");
}

#[test]
fn weight_from_the_label_is_the_quantity_and_pieces_have_no_comma_key() {
    let mut shelf = Shelf::usual();
    shelf.barcode("99506000134351", "CHEESE", None, None);
    shelf.barcode("09506000134369", "CHEESE", None, None);
    let mut hand = Hand::new(shelf, Flow::Count);
    hand.all(&["B:A-01", "]d201095060001343693103001750", "OK"]);
    let Body::Count(body) = &hand.recorded[0].body else { panic!("{:?}", hand.screen()) };
    assert_eq!((body.goods.unit.as_str(), body.goods.base), ("KG", q("1.75")));
    hand.all(&["4006381333931"]);
    let Input::Quantity { decimals, .. } = hand.screen().question.input else { panic!() };
    assert!(!decimals);
}

#[test]
fn a_count_on_the_label_counts_the_packs_of_the_label() {
    let mut shelf = Shelf::usual();
    shelf.stock("DOCK", "MILK", Some("500"));
    let mut hand = Hand::new(shelf, Flow::PutAway);
    hand.all(&["]d2029506000134352837240", "BACK"]);
    let mut shelf = Shelf::usual();
    shelf.stock("DOCK", "BOLT", Some("500"));
    shelf.barcode("09506000134369", "BOLT", None, Some("BOX"));
    let mut hand = Hand::new(shelf, Flow::PutAway);
    hand.all(&["]d202095060001343693703", "B:A-01", "OK"]);
    let Body::Move(body) = &hand.recorded[0].body else { panic!("{:?}", hand.screen()) };
    assert_eq!((body.goods.unit.as_str(), body.goods.quantity), ("BOX", q("3")));
}

#[test]
fn a_damaged_code_and_an_unknown_bin_label_stop_with_what_to_do() {
    let mut hand = Hand::new(Shelf::usual(), Flow::Move);
    assert_eq!((hand.does("]E09506000134353"), hand.code()), (Signal::Stop, "gtin_check_digit"));
    assert_eq!((hand.does("B:NOWHERE"), hand.code()), (Signal::Stop, "bin_unknown"));
    assert_eq!((hand.does("U:BADGE"), hand.code()), (Signal::Stop, "wrong_kind"));
}

#[test]
fn another_item_in_hand_must_be_finished_first() {
    let mut hand = Hand::new(Shelf::usual(), Flow::Move);
    hand.all(&["B:A-01", "4006381333931"]);
    assert_eq!((hand.does("NUT"), hand.code()), (Signal::Stop, "finish_first"));
    let notice = hand.screen().notice.unwrap();
    assert_eq!(notice.scanned.as_deref(), Some("Nut M8 (NUT)"));
}

#[test]
fn the_same_scan_again_without_effect_says_so() {
    let mut hand = Hand::new(Shelf::usual(), Flow::Count);
    hand.does("B:A-01");
    assert_eq!(hand.does("B:A-01"), Signal::Repeated);
}

#[test]
fn printed_commands_press_the_buttons() {
    let mut hand = Hand::new(Shelf::usual(), Flow::Count);
    hand.all(&["B:A-01", "4006381333931", "CMD:QTY", "=3"]);
    assert_eq!(hand.does("CMD:UNDO"), Signal::Good);
    assert_eq!(hand.does("CMD:OK"), Signal::Complete);
}

#[test]
fn look_up_shows_where_things_are_and_records_nothing() {
    let mut shelf = Shelf::usual();
    shelf.stock("A-01", "BOLT", Some("50"));
    shelf.stock("A-02", "BOLT", None);
    shelf.stock("A-02", "NUT", Some("8"));
    let mut hand = Hand::new(shelf, Flow::LookUp);
    hand.does("4006381333931");
    let lines: Vec<&str> = hand.screen().lines.iter().map(|line| line.id).collect();
    assert_eq!(lines, ["line-stock", "line-stock-withheld"]);
    hand.does("B:A-02");
    assert_eq!(hand.screen().lines.len(), 2, "a new look-up forgets the last one");
    hand.does("OK");
    assert!(hand.recorded.is_empty());
}

#[test]
fn labels_that_are_not_the_items_own_do_not_change_what_is_recorded() {
    // An item that is not kept by lot: the lot on its label is just print.
    let mut shelf = Shelf::usual();
    shelf.barcode("09506000134369", "BOLT", None, None);
    let mut hand = Hand::new(shelf, Flow::Count);
    hand.all(&["B:A-01", "]d2010950600013436910LOTX\u{1D}21SER9", "OK"]);
    let Body::Count(body) = &hand.recorded[0].body else { panic!("{:?}", hand.screen()) };
    assert!(body.goods.tracking.is_none());
    assert_eq!(body.goods.base, q("1"));
}
