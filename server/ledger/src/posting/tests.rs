//! Who supplied whom, read from the entries that operations leave.

use protocol::operation::{Body, Direction, DocumentKind};
use protocol::outcome::Decision;
use protocol::quantity::Quantity;

use crate::key::KeyRange;
use crate::schema::entry::{Applications, OpenInbound, OpenOutbound};
use crate::tables::Read as _;
use crate::world::{
    Done, World, adjust, codes, count, goods, in_any_order, lot, moved, q, ship, undo,
};

const SO: DocumentKind = DocumentKind::SalesOrder;

fn figures(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(left, right)| ((*left).to_owned(), (*right).to_owned())).collect()
}

/// Opening stock on three days, given out of order.
fn layers(item: &str) -> World {
    let mut world = World::new();
    for (minute, quantity) in [(2 * 1440, "3"), (0, "1"), (1440, "2")] {
        let body = adjust("A", Direction::Increase, goods(item, quantity));
        let (_id, outcome) = world.scan(1, minute, None, body);
        assert_eq!(outcome.decision, Decision::Accepted, "{:?}", outcome.reasons);
    }
    world
}

#[test]
fn fifo_takes_the_oldest() {
    let mut world = layers("BOLT");
    world.scan(1, 4000, None, adjust("A", Direction::Decrease, goods("BOLT", "2")));
    assert_eq!(
        world.remaining("BOLT"),
        figures(&[("3", "3"), ("1", "0"), ("2", "1"), ("-2", "0")])
    );
}

#[test]
fn lifo_takes_the_newest() {
    let mut world = layers("NUT");
    world.scan(1, 4000, None, adjust("A", Direction::Decrease, goods("NUT", "4")));
    assert_eq!(world.remaining("NUT"), figures(&[("3", "0"), ("1", "1"), ("2", "1"), ("-4", "0")]));
}

#[test]
fn a_decrease_may_take_from_an_increase_that_is_dated_later() {
    let mut world = World::new();
    world.scan(1, 3000, None, adjust("A", Direction::Increase, goods("BOLT", "5")));
    world.scan(2, 100, None, adjust("A", Direction::Decrease, goods("BOLT", "2")));
    assert_eq!(world.remaining("BOLT"), figures(&[("5", "3"), ("-2", "0")]));
}

#[test]
fn an_increase_closes_open_decreases_first() {
    let mut world = World::new();
    let order = world.document(SO, "SO1", &[("BOLT", "10")]);
    world.scan(1, 60, Some(&order), ship("A", goods("BOLT", "3")));
    world.scan(1, 61, Some(&order), ship("A", goods("BOLT", "4")));
    assert_eq!(world.remaining("BOLT"), figures(&[("-3", "-3"), ("-4", "-4")]));
    assert_eq!(world.tables.list::<OpenOutbound>(&KeyRange::all()).len(), 2);
    world.scan(1, 62, None, adjust("A", Direction::Increase, goods("BOLT", "5")));
    assert_eq!(world.remaining("BOLT"), figures(&[("-3", "0"), ("-4", "-2"), ("5", "0")]));
    assert_eq!(world.tables.list::<OpenOutbound>(&KeyRange::all()).len(), 1);
    assert!(world.tables.list::<OpenInbound>(&KeyRange::all()).is_empty());
}

#[test]
fn one_pair_has_one_row() {
    let mut world = World::new();
    world.opening("A", goods("BOLT", "5"));
    world.scan(1, 60, None, adjust("A", Direction::Decrease, goods("BOLT", "2")));
    let rows = world.tables.list::<Applications>(&KeyRange::all());
    let kept: Vec<_> = rows
        .iter()
        .map(|(_no, row)| (row.entry == row.inbound, row.outbound.0 == 0, row.quantity))
        .collect();
    assert_eq!(kept, [(true, true, q("5")), (false, false, q("-2"))]);
}

#[test]
fn specific_lots_supply_only_themselves() {
    let mut world = World::new();
    world.opening("A", lot("L1", "5"));
    world.opening("A", lot("L2", "5"));
    let order = world.document(SO, "SO1", &[("CREAM", "10")]);
    world.scan(1, 60, Some(&order), ship("A", lot("L2", "3")));
    assert_eq!(world.remaining("CREAM"), figures(&[("5", "5"), ("5", "2"), ("-3", "0")]));
}

#[test]
fn the_desk_may_not_take_what_is_not_there_and_a_device_may() {
    let mut world = World::new();
    world.opening("A", goods("BOLT", "2"));
    let body = adjust("A", Direction::Decrease, goods("BOLT", "3"));
    let handle = crate::command::Handle::new(&body, None);
    let refused = world.desk(&crate::command::Command::Handle(handle));
    assert_eq!(refused.decision, Decision::Refused);
    assert_eq!(codes(&refused), [protocol::code::Code::InsufficientInventory]);
    assert_eq!(world.stock("MAIN/A BOLT"), q("2"));

    let move_body = moved("B", "A", goods("BOLT", "1"));
    let handle = crate::command::Handle::new(&move_body, None);
    let refused = world.desk(&crate::command::Command::Handle(handle));
    assert_eq!(codes(&refused), [protocol::code::Code::BinInsufficient]);

    let (_id, posted) = world.scan(1, 60, None, body);
    assert_eq!(posted.decision, Decision::Accepted);
    assert_eq!(world.stock("MAIN/A BOLT"), q("-1"));
}

#[test]
fn shipped_without_stock_and_undone_both_entries_stay_open() {
    let mut world = World::new();
    let order = world.document(SO, "SO1", &[("BOLT", "10")]);
    let (shipped, _outcome) = world.scan(1, 60, Some(&order), ship("A", goods("BOLT", "3")));
    world.scan(1, 61, None, undo(shipped));
    assert_eq!(world.remaining("BOLT"), figures(&[("-3", "-3"), ("3", "3")]));
    assert_eq!(world.stock("MAIN/A BOLT"), Quantity::ZERO);
    // The remedy of the reference ERP: one in, one out.
    world.scan(1, 62, None, adjust("A", Direction::Increase, goods("BOLT", "3")));
    world.scan(1, 63, None, adjust("A", Direction::Decrease, goods("BOLT", "3")));
    assert!(world.remaining("BOLT").iter().all(|(_quantity, left)| left == "0"));
}

#[test]
fn layers_survive_a_transfer() {
    let mut world = layers("BOLT");
    let order = world.document(DocumentKind::TransferOrder, "TO1", &[("BOLT", "5")]);
    world.scan(1, 4400, Some(&order), crate::world::transfer_ship("A", goods("BOLT", "5")));
    assert_eq!(
        world.remaining("BOLT").split_off(3),
        figures(&[("-5", "0"), ("1", "1"), ("2", "2"), ("2", "2")])
    );
    let received = crate::world::transfer_receive("LEEDS/L", goods("BOLT", "4"));
    world.scan(2, 4500, Some(&order), received);
    assert_eq!(
        world.remaining("BOLT").split_off(7),
        figures(&[("-4", "0"), ("1", "1"), ("2", "2"), ("1", "1")])
    );
}

#[test]
fn an_undone_receipt_takes_back_its_own_increase() {
    let mut world = World::new();
    let order = world.document(DocumentKind::PurchaseOrder, "PO1", &[("BOLT", "9")]);
    let body = crate::world::receive("A", goods("BOLT", "4"));
    world.scan(1, 60, Some(&order), body.clone());
    let (second, _outcome) = world.scan(1, 61, Some(&order), body);
    world.scan(1, 62, None, undo(second));
    assert_eq!(world.remaining("BOLT"), figures(&[("4", "4"), ("4", "0"), ("-4", "0")]));
}

#[test]
fn what_lies_where_does_not_depend_on_the_order_of_arrival() {
    let world = in_any_order(
        || {
            let mut world = World::new();
            world.opening("A", goods("BOLT", "10"));
            world
        },
        |world| {
            vec![
                world.done(1, 60, None, moved("A", "B", goods("BOLT", "4"))),
                world.done(2, 70, None, crate::world::count("A", goods("BOLT", "5"))),
                world.done(3, 80, None, moved("B", "C", goods("BOLT", "2"))),
                world.done(4, 90, None, crate::world::count("B", goods("BOLT", "2"))),
                world.done(5, 65, None, adjust("B", Direction::Decrease, goods("BOLT", "1"))),
            ]
        },
    );
    assert_eq!(world.stock("MAIN/A BOLT"), q("5"));
    assert_eq!(world.stock("MAIN/B BOLT"), q("2"));
    assert_eq!(world.stock("MAIN/C BOLT"), q("2"));
}

#[test]
fn a_body_of_nothing_posts_nothing() {
    let mut world = World::new();
    let (_id, outcome) = world.scan(1, 60, None, Body::SignOut(protocol::operation::Nothing {}));
    assert_eq!(outcome.decision, Decision::Accepted);
    let before = world.entries("BOLT").len();
    world.scan(1, 61, None, moved("A", "B", goods("BOLT", "0")));
    assert_eq!(world.entries("BOLT").len(), before);
    assert!(world.stocks().is_empty());
}

/// Bin A holds 5. One is moved away, A is counted, the move arrives after the count, and the piece
/// comes back: a difference and its correction, and A holds 5 again. Gives the reads and writes of
/// the count, of the late move and of the way back.
fn counted_and_corrected(world: &mut World, n: i64) -> [u64; 3] {
    let minute = 60 + 10 * n;
    let late = world.done(1, minute, None, moved("A", "B", goods("BOLT", "1")));
    world.scan(2, minute + 1, None, count("A", goods("BOLT", "4")));
    let counting = world.spent;
    world.send(&late);
    let correcting = world.spent;
    world.scan(1, minute + 2, None, moved("B", "A", goods("BOLT", "1")));
    [counting, correcting, world.spent]
}

#[test]
fn a_posting_costs_the_same_however_often_its_key_was_counted() {
    let mut world = World::new();
    world.opening("A", goods("BOLT", "5"));
    let costs: Vec<_> = (0..60).map(|n| counted_and_corrected(&mut world, n)).collect();
    assert_eq!(costs[59], costs[9]);
    assert_eq!(world.stock("MAIN/A BOLT"), q("5"));
}

#[test]
fn a_surplus_explained_late_costs_the_same_however_often_its_key_was_counted_since() {
    let explained_after = |n_counts: i64| {
        let mut world = World::new();
        world.opening("B", goods("BOLT", "1"));
        world.opening("A", goods("BOLT", "4"));
        let late: Done = world.done(3, 10, None, moved("B", "A", goods("BOLT", "1")));
        world.scan(2, 20, None, count("A", goods("BOLT", "5")));
        for n in 0..n_counts {
            counted_and_corrected(&mut world, n);
        }
        world.send(&late);
        assert_eq!(world.stock("MAIN/A BOLT"), q("5"));
        world.spent
    };
    assert_eq!(explained_after(10), explained_after(40));
}

#[test]
fn a_difference_and_its_correction_close_each_other_and_no_layer_moves() {
    let mut world = layers("BOLT");
    let late = world.done(1, 4000, None, moved("A", "B", goods("BOLT", "2")));
    world.scan(2, 4010, None, count("A", goods("BOLT", "4")));
    assert_eq!(
        world.remaining("BOLT"),
        figures(&[("3", "3"), ("1", "0"), ("2", "1"), ("-2", "0")])
    );
    world.send(&late);
    assert_eq!(
        world.remaining("BOLT"),
        figures(&[("3", "3"), ("1", "1"), ("2", "2"), ("-2", "0"), ("2", "0")])
    );
}

#[test]
fn what_a_corrected_difference_gives_back_closes_what_was_shipped_without_stock() {
    let mut world = World::new();
    world.opening("A", goods("BOLT", "1"));
    let order = world.document(SO, "SO1", &[("BOLT", "10")]);
    let late = world.done(1, 60, None, moved("A", "B", goods("BOLT", "1")));
    world.scan(2, 70, None, count("A", goods("BOLT", "0")));
    world.scan(3, 80, Some(&order), ship("B", goods("BOLT", "1")));
    assert_eq!(world.remaining("BOLT"), figures(&[("1", "0"), ("-1", "0"), ("-1", "-1")]));
    world.send(&late);
    assert_eq!(
        world.remaining("BOLT"),
        figures(&[("1", "0"), ("-1", "0"), ("-1", "0"), ("1", "0")])
    );
}

#[test]
fn a_difference_without_supply_keeps_its_cost_when_its_correction_closes_it() {
    let mut books = crate::books::Books::new(|_setup| {});
    books.card("BOLT", |card| card.unit_cost = Some("0.95".parse().unwrap()));
    let mut world = books.world;
    let order = world.document(SO, "SO1", &[("BOLT", "10")]);
    // Shipped from a bin that was thought to be empty, and received into another: the book holds none.
    world.scan(3, 50, Some(&order), ship("C", goods("BOLT", "7")));
    world.opening("A", goods("BOLT", "7"));
    let late = world.done(1, 60, None, moved("A", "C", goods("BOLT", "7")));
    world.scan(2, 70, None, count("A", goods("BOLT", "0")));
    assert_eq!(world.remaining("BOLT"), figures(&[("-7", "0"), ("7", "0"), ("-7", "-7")]));
    world.send(&late);
    assert_eq!(
        world.remaining("BOLT"),
        figures(&[("-7", "0"), ("7", "0"), ("-7", "0"), ("7", "0")])
    );
    let costs = |world: &World| -> Vec<String> {
        let entries = world.entries("BOLT");
        entries.iter().map(|(_entry, state)| state.cost.actual.to_string()).collect()
    };
    assert_eq!(costs(&world)[2..], ["-6.65", "6.65"], "timing noise leaves no value behind");
    let violations = crate::audit::audit(&world.tables);
    assert!(violations.is_empty(), "{violations:?}");
}

#[test]
fn a_long_chain_of_undone_shipments_is_not_walked_to_its_end() {
    let mut world = World::new();
    let order = world.document(SO, "SO1", &[("BOLT", "1000")]);
    let mut costs = Vec::new();
    for n in 0..120 {
        let (shipped, _outcome) =
            world.scan(1, 60 + n, Some(&order), ship("A", goods("BOLT", "1")));
        world.scan(1, 60 + n, None, undo(shipped));
        costs.push(world.spent);
    }
    assert_eq!(costs[119], costs[110]);
    // Nothing closes the first shipment with goods whose cost comes from it.
    assert_eq!(world.remaining("BOLT")[0], ("-1".to_owned(), "-1".to_owned()));
}
