//! What devices report, judged through the one door.

mod decided;
mod direct;
mod plates;
mod recounted;
mod serials;
mod transfers;
mod undone;

use protocol::code::Code;
use protocol::feed::{DocumentStatus, TaskKind};
use protocol::operation::{DocumentKind, Tracking};
use protocol::outcome::Decision;
use protocol::quantity::Quantity;

use crate::command::{Command, master};
use crate::lookup;
use crate::schema::case::Task;
use crate::world::{World, codes, count, goods, lot, move_plate, moved, pick, q, receive, ship};

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
    assert_eq!(asked(&world), [(TaskKind::Count, "A".to_owned(), "BOLT".to_owned())]);
}

/// What is asked for: of which kind, in which bin, of which item.
fn asked(world: &World) -> Vec<(TaskKind, String, String)> {
    let text = |task: &Task| {
        let bin = lookup::bin_text(&world.tables, task.location, task.bin);
        let item = task.item.map(|item| lookup::item_text(&world.tables, item));
        (task.kind, bin, item.unwrap_or_default())
    };
    world.open_tasks().iter().map(text).collect()
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
    assert_eq!(asked(&world), [(TaskKind::Count, "A".to_owned(), "BOLT".to_owned())]);
    let (_id, counted) = world.scan(3, 62, None, count("A", goods("BOLT", "0")));
    assert_ne!(counted.decision, Decision::Parked);
    assert_eq!(world.stock("MAIN/A BOLT"), Quantity::ZERO);
    assert_eq!(asked(&world), [], "the count was what was asked for");
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

/// One PUMP with a serial number, which is asked for its date but has no lot.
fn pump(no: &str, day: Option<u32>) -> protocol::operation::Goods {
    let expiry = day.map(|day| crate::world::date(6, day));
    let item = "PUMP".try_into().unwrap();
    protocol::operation::Goods { item, expiry, ..crate::world::serial(no) }
}

fn with_pumps() -> World {
    use protocol::feed::TrackingRule;
    let mut world = World::new();
    let rule = TrackingRule { serial: true, expiry: true, ..TrackingRule::default() };
    world.tracking_code("DATED", rule);
    world.item("PUMP", crate::schema::item::CostingMethod::Fifo, Some("DATED"));
    world
}

fn date_of_pump(world: &World, no: &str) -> Option<chrono::NaiveDate> {
    let (item, _card) = crate::lookup::item(&world.tables, &"PUMP".try_into().unwrap()).unwrap();
    let serial = no.try_into().unwrap();
    crate::tracking::expiry_of(
        &world.tables,
        (item, crate::schema::VariantId(0)),
        None,
        Some(&serial),
    )
}

#[test]
fn the_date_of_a_serial_without_a_lot_is_kept_and_another_one_is_told() {
    let mut world = with_pumps();
    let order = world.document(PO, "PO1", &[("PUMP", "10")]);
    let late = world.done(1, 60, Some(&order), receive("A", pump("S1", Some(1))));
    let (_id, outcome) = world.scan(2, 62, Some(&order), receive("A", pump("S1", Some(2))));
    assert_eq!(outcome.decision, Decision::Accepted, "{:?}", outcome.reasons);
    assert_eq!(date_of_pump(&world, "S1"), Some(crate::world::date(6, 2)));
    // The first act stands, also when it arrives second.
    world.send(&late);
    assert_eq!(date_of_pump(&world, "S1"), Some(crate::world::date(6, 1)));
    let (_id, counted) = world.scan(1, 65, None, count("A", pump("S1", Some(3))));
    assert!(codes(&counted).contains(&Code::ExpirationMismatch), "{:?}", counted.reasons);
    assert_eq!(date_of_pump(&world, "S1"), Some(crate::world::date(6, 1)));

    let (_id, undated) = world.scan(1, 70, Some(&order), receive("A", pump("S2", None)));
    assert_eq!(codes(&undated), [Code::ExpirationRequired]);
    assert_eq!(date_of_pump(&world, "S2"), None);
}

#[test]
fn a_desk_is_told_that_the_date_is_missing_and_not_the_number() {
    let mut world = with_pumps();
    let opening = |goods| {
        let place = crate::world::place("A");
        Command::OpeningStock(crate::command::stock::OpeningStock { place, goods })
    };
    let refused = world.desk(&opening(pump("S1", None)));
    assert_eq!(codes(&refused), [Code::ExpirationRequired]);
    let kept = world.desk(&opening(pump("S1", Some(3))));
    assert_eq!(kept.decision, Decision::Accepted);
    assert_eq!(date_of_pump(&world, "S1"), Some(crate::world::date(6, 3)));
    // It is known from now on: a move back in need not say it.
    let order = world.document(PO, "PO1", &[("PUMP", "10")]);
    world.scan(1, 60, None, crate::world::ship("A", pump("S1", None)));
    let (_id, back) = world.scan(1, 61, Some(&order), receive("A", pump("S1", None)));
    assert!(!codes(&back).contains(&Code::ExpirationRequired), "{:?}", back.reasons);
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
