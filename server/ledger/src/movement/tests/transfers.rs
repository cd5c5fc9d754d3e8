//! Goods on transfer orders.

use protocol::code::Code;
use protocol::feed::{DocumentStatus, TaskKind};
use protocol::outcome::Decision;
use protocol::quantity::Quantity;

use super::{TO, text};
use crate::command::stock::Settle;
use crate::command::{Command, papers};
use crate::costing::work::AdjustCost;
use crate::count::SiteWatermark;
use crate::schema::SiteId;
use crate::schema::item::CostingMethod;
use crate::world::{
    World, at, codes, count, goods, in_any_order, q, transfer_receive, transfer_ship, undo,
};

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
fn case_36_an_arrival_that_is_taken_back_leaves_its_goods_to_one_received_too_early() {
    let mut world = World::new();
    world.opening("A", goods("BOLT", "10"));
    let order = world.document(TO, "TO1", &[("BOLT", "8")]);
    world.scan(1, 60, Some(&order), transfer_ship("A", goods("BOLT", "6")));
    world.scan(2, 90, Some(&order), transfer_receive("LEEDS/L", goods("BOLT", "5")));
    let (by_mistake, _outcome) =
        world.scan(2, 100, Some(&order), transfer_receive("LEEDS/L", goods("BOLT", "1")));
    let (arrived, outcome) =
        world.scan(3, 110, Some(&order), transfer_receive("LEEDS/M", goods("BOLT", "1")));
    assert!(codes(&outcome).contains(&Code::ProvisionalTransfer), "all had arrived");
    assert_eq!(world.stock("MAIN/SHIPMENT BOLT"), q("-1"));

    world.scan(2, 120, None, undo(by_mistake));
    assert_eq!(world.stock("MAIN/SHIPMENT BOLT"), Quantity::ZERO);
    assert_eq!(world.stock("WAY/ BOLT"), Quantity::ZERO);
    assert_eq!((world.stock("LEEDS/L BOLT"), world.stock("LEEDS/M BOLT")), (q("5"), q("1")));
    let line = world.line(&order, 10_000);
    assert_eq!((line.handled, line.received, line.provisional), (q("6"), q("6"), q("0")));
    assert!(!codes(&world.outcome(arrived)).contains(&Code::ProvisionalTransfer));
    assert_eq!(world.header(&order).status, DocumentStatus::Released);
}

/// One arrival was booked that never was, so that a real one finds nothing on its way, and no shipment will
/// ever take the place of the provisional one.
#[test]
fn case_36_a_shipment_that_nobody_can_report_any_more_has_its_bin_counted() {
    let until = |world: &mut World, minute: i64| {
        let mark = SiteWatermark { site: SiteId(1), until: at(minute), devices: Vec::new() };
        world.system(Command::Settle(Settle { sites: vec![mark] }));
    };
    let arrived_early = || {
        let mut world = World::new();
        world.opening("SHIPMENT", goods("BOLT", "10"));
        let order = world.document(TO, "TO1", &[("BOLT", "8")]);
        let shipped =
            world.done(1, 60, Some(&order), transfer_ship("SHIPMENT", goods("BOLT", "1")));
        let received = transfer_receive("LEEDS/L", goods("BOLT", "1"));
        let (_id, outcome) = world.scan(2, 110, Some(&order), received);
        assert!(codes(&outcome).contains(&Code::ProvisionalTransfer));
        until(&mut world, 110);
        assert!(world.open_tasks().is_empty(), "the shipment may be unsent");
        (world, shipped)
    };

    let (mut world, _never_sent) = arrived_early();
    until(&mut world, 111);
    let tasks = world.open_tasks();
    let asked: Vec<_> = tasks.iter().map(|task| (task.kind, task.reason.as_str())).collect();
    assert_eq!(asked, [(TaskKind::Count, "provisional_transfer")]);
    world.scan(3, 120, None, count("SHIPMENT", goods("BOLT", "10")));
    assert!(world.open_tasks().is_empty(), "counted");
    assert_eq!(world.stock("MAIN/SHIPMENT BOLT"), q("10"));
    until(&mut world, 200);
    assert!(world.open_tasks().is_empty(), "asked once");

    let (mut world, shipped) = arrived_early();
    world.send(&shipped);
    until(&mut world, 200);
    assert!(world.open_tasks().is_empty(), "its shipment was reported");
}

/// What takes back the provisional shipment names an increase that the arrival had used up: the counter
/// entry of the arrival supplies it, and what that one costs changes later.
#[test]
fn an_undone_provisional_transfer_follows_the_average_that_it_was_shipped_at() {
    let mut world = World::new();
    world.item("SCREW", CostingMethod::Average, None);
    world.opening("A", goods("SCREW", "10"));
    let order = world.document(TO, "TO1", &[("SCREW", "8")]);
    let received = transfer_receive("LEEDS/L", goods("SCREW", "4"));
    let (by_mistake, _outcome) = world.scan(2, 60, Some(&order), received);
    world.scan(2, 61, None, undo(by_mistake));
    world.system(crate::books::charge(1, "2026-01-15", "30"));
    // The auditor looks at every share after each step.
    world.system(Command::AdjustCost(AdjustCost::default()));
    assert_eq!(world.stocks().into_keys().collect::<Vec<_>>(), ["MAIN/A SCREW"]);
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

    let (mut elsewhere, order) = short();
    let refused = elsewhere.desk(&close(Some("YARD/")));
    assert_eq!(codes(&refused), [Code::WrongDestination]);
    assert_eq!(refused.decision, Decision::Refused);
    assert_eq!(elsewhere.stock("WAY/ BOLT"), q("3"), "it is on its way as before");
    assert_eq!(elsewhere.header(&order).status, DocumentStatus::Released);

    let (mut back, order) = short();
    back.system(close(Some("MAIN/B")));
    assert_eq!(back.stock("MAIN/B BOLT"), q("3"));
    assert_eq!(back.line(&order, 10_000).handled, q("7"));
    assert_eq!(back.header(&order).status, DocumentStatus::Released);
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
