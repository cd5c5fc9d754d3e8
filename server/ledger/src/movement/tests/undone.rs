//! What is taken back, and what is sent twice.

use protocol::code::Code;
use protocol::feed::DocumentStatus;
use protocol::outcome::Decision;
use protocol::quantity::Quantity;

use super::{PO, SO, text};
use crate::world::{World, codes, goods, moved, pick, q, receive, undo};

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
