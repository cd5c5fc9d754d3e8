//! Transfers without a location between the two.

use protocol::feed::DocumentStatus;
use protocol::operation::{DocumentKind, DocumentRef};
use protocol::outcome::Decision;
use protocol::quantity::Quantity;

use crate::schema::document::{Document, Documents};
use crate::tables::Read as _;
use crate::world::{World, goods, in_any_order, q, transfer_receive, transfer_ship};

const TO: DocumentKind = DocumentKind::TransferOrder;

/// Transfer TD1 of 8 BOLT to LEEDS, with no location between.
fn direct_order(world: &mut World) -> DocumentRef {
    world.document(TO, "TD1", &[("BOLT", "8")]);
    let key = (TO, "TD1".try_into().unwrap());
    let row = world.tables.row::<Documents>(&key).unwrap();
    let mut draft = crate::draft::Draft::over(&world.tables);
    draft.put::<Documents>(&key, Document { in_transit: None, ..(*row).clone() });
    let changes = draft.finish();
    world.tables.apply(changes);
    crate::world::order(TO, "TD1")
}

#[test]
fn a_direct_transfer_is_two_entries_and_at_the_receiver_at_once() {
    let mut world = World::new();
    world.opening("A", goods("BOLT", "10"));
    let order = direct_order(&mut world);
    let (_id, shipped) = world.scan(1, 60, Some(&order), transfer_ship("A", goods("BOLT", "8")));
    assert_eq!(shipped.decision, Decision::Accepted, "{:?}", shipped.reasons);
    assert_eq!((world.stock("MAIN/A BOLT"), world.stock("LEEDS/RECEIPT BOLT")), (q("2"), q("8")));
    let entries = [("10", "2"), ("-8", "0"), ("8", "8")];
    let entries = entries.map(|(quantity, left)| (quantity.to_owned(), left.to_owned()));
    assert_eq!(world.remaining("BOLT"), entries);
    let line = world.line(&order, 10_000);
    assert_eq!((line.handled, line.received), (q("8"), q("8")));
    assert_eq!(world.header(&order).status, DocumentStatus::Closed);
    // Whoever unpacks it puts it where it is scanned; nothing is posted a second time.
    let (_id, arrived) =
        world.scan(2, 90, Some(&order), transfer_receive("LEEDS/L", goods("BOLT", "8")));
    assert_eq!(arrived.decision, Decision::Accepted, "{:?}", arrived.reasons);
    assert_eq!((world.stock("LEEDS/L BOLT"), world.entries("BOLT").len()), (q("8"), 3));
    assert_eq!(world.stock("LEEDS/RECEIPT BOLT"), Quantity::ZERO);
}

#[test]
fn a_direct_transfer_ends_the_same_whoever_reports_first() {
    let prepare = || {
        let mut world = World::new();
        world.opening("A", goods("BOLT", "10"));
        direct_order(&mut world);
        world
    };
    let acts = |world: &mut World| {
        let order = crate::world::order(TO, "TD1");
        vec![
            world.done(1, 60, Some(&order), transfer_ship("A", goods("BOLT", "8"))),
            world.done(2, 90, Some(&order), transfer_receive("LEEDS/L", goods("BOLT", "6"))),
            world.done(3, 95, Some(&order), transfer_receive("LEEDS/M", goods("BOLT", "1"))),
        ]
    };
    let world = in_any_order(prepare, acts);
    let places = ["MAIN/A", "LEEDS/RECEIPT", "LEEDS/L", "LEEDS/M"];
    let lies = places.map(|place| world.stock(&format!("{place} BOLT")));
    assert_eq!(lies, [q("2"), q("1"), q("6"), q("1")]);
    let line = world.line(&crate::world::order(TO, "TD1"), 10_000);
    assert_eq!((line.handled, line.received, line.provisional), (q("8"), q("8"), q("0")));
}

#[test]
fn a_direct_shipment_that_is_taken_back_never_left() {
    let mut world = World::new();
    world.opening("A", goods("BOLT", "10"));
    let order = direct_order(&mut world);
    let (shipped, _outcome) =
        world.scan(1, 60, Some(&order), transfer_ship("A", goods("BOLT", "8")));
    world.scan(1, 61, None, crate::world::undo(shipped));
    assert_eq!(world.stocks().into_keys().collect::<Vec<_>>(), ["MAIN/A BOLT"]);
    let line = world.line(&order, 10_000);
    assert_eq!((line.handled, line.received), (q("0"), q("0")));
}
