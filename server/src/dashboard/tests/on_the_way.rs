//! Goods between two locations.

use ledger::command::Command;
use ledger::command::stock::Settle;
use ledger::count::SiteWatermark;
use ledger::key::KeyRange;
use ledger::schema::case::OpenTasks;
use ledger::schema::{LocationId, SiteId};
use ledger::tables::Read as _;
use protocol::feed::Role;
use protocol::operation::{Body, DocumentKind, DocumentRef, TransferReceive, TransferShip};
use serde_json::json;

use super::house::{House, count, goods, place};
use super::html;
use crate::dashboard::context::PageContext;

const DAY: i64 = 24 * 60;

fn order() -> Option<DocumentRef> {
    let no = "TO-1".try_into().unwrap();
    Some(DocumentRef { kind: DocumentKind::TransferOrder, no, line: None })
}

/// A transfer order from MAIN to SHOP.
fn house() -> House {
    let mut house = House::furnished();
    for command in [
        json!({"put_location": {"location": "WAY", "name": "Way", "site": "HALL", "in_transit": true,
            "time_zone": "Europe/Copenhagen", "bin_mandatory": false}}),
        json!({"put_document": {"kind": "transfer_order", "no": "TO-1", "partner_name": "",
            "location": "MAIN", "to_location": "SHOP", "in_transit": "WAY", "due": "2026-11-20",
            "lines": [{"line": 10, "item": "BOLT", "unit": "PCS", "quantity": "8"}]}}),
    ] {
        house.system(&command);
    }
    house
}

fn ship(quantity: &str) -> Body {
    Body::TransferShip(TransferShip { from: place("MAIN", "A-01"), goods: goods("BOLT", quantity) })
}

fn arrive(quantity: &str) -> Body {
    let to = place("SHOP", "S-01");
    Body::TransferReceive(TransferReceive { to, goods: goods("BOLT", quantity) })
}

fn shown(house: &House, address: &str) -> String {
    let document = house.document(&house.context(), address);
    html::check(&document);
    html::text(&document)
}

#[test]
fn case_36_an_arrival_without_its_shipment_shows_its_age_and_the_silent_device() {
    let mut house = house();
    house.says(1, 1, 0);
    house.says(2, 90, 3);
    let (arrived, _row) = house.device(1, &arrive("5"), (40, 39), order());
    let text = shown(&house, "/on-the-way");
    for seen in ["12:24:10 40 min", "BOLT 5 PCS", "TO-1 10", "MAIN → SHOP", "Waits for H-02"] {
        assert!(text.contains(seen), "{seen} is missing in {text}");
    }
    assert!(text.contains("Silent devices") && text.contains("H-02 11:34:10 3 1 40 min"), "{text}");
    let document = house.document(&house.context(), "/on-the-way");
    assert!(document.contains(&format!("href=\"/operations/{arrived}\"")), "to the scan");
    assert!(shown(&house, "/now").contains("Arrived before the shipment was reported: 1"));

    // Everybody has reported: nobody can say more of it, and the bin is counted.
    house.says(2, 1, 0);
    assert!(shown(&house, "/on-the-way").contains("the next run asks for a count"));
    house.settle();
    let text = shown(&house, "/on-the-way");
    assert!(text.contains("Nobody can report it any more Task 1"), "{text}");
    assert!(!text.contains("Silent devices"), "{text}");

    // A task that is withdrawn counts nothing; a count does.
    let mut withdrawn = house;
    for (open, _row) in withdrawn.tables.list::<OpenTasks>(&KeyRange::all()) {
        withdrawn.write(|draft| draft.delete::<OpenTasks>(&open));
    }
    let text = shown(&withdrawn, "/on-the-way");
    assert!(text.contains("Nobody can report it any more"), "{text}");
    assert!(!text.contains("Task 1") && !text.contains("bin was counted"), "{text}");
    withdrawn.device(2, &count("SHIPMENT", "0"), (5, 4), None);
    let text = shown(&withdrawn, "/on-the-way");
    assert!(text.contains("Nobody can report it any more The sender's bin was counted."), "{text}");
}

#[test]
fn case_36_the_shipment_takes_the_place_of_what_stood_for_it() {
    let mut house = house();
    house.device(1, &arrive("5"), (40, 39), order());
    house.device(2, &ship("5"), (50, 10), order());
    let text = shown(&house, "/on-the-way");
    assert!(text.contains("No arrival waits for its shipment."), "{text}");
    assert!(text.contains("Nothing is on the way."), "{text}");
}

#[test]
fn case_39_what_was_shipped_and_has_not_arrived_is_sorted_by_age() {
    let mut house = house();
    let (old, _row) = house.device(1, &ship("3"), (9 * DAY, 9 * DAY - 1), order());
    house.device(2, &ship("4"), (30, 29), order());
    // The oldest shipment arrived in part: 2 of the 3 are missing.
    house.device(2, &arrive("1"), (20, 19), order());
    let text = shown(&house, "/on-the-way");
    for seen in
        ["All: 2 up to 1 day: 1", "more than 7 days: 1", "9 d", "30 min", "2026-11-20 overdue"]
    {
        assert!(text.contains(seen), "{seen} is missing in {text}");
    }
    let (first, second) = (text.find("BOLT 2 PCS"), text.find("BOLT 4 PCS"));
    assert!(first.is_some() && first < second, "the oldest first: {text}");
    let document = house.document(&house.context(), "/on-the-way");
    assert!(document.contains(&format!("href=\"/operations/{old}\"")), "to the scan");
    assert!(document.contains("href=\"/entries/item/"), "to the entry");
    let late = shown(&house, "/on-the-way?age=3");
    assert!(late.contains("BOLT 2 PCS") && !late.contains("BOLT 4 PCS"), "{late}");
    assert!(shown(&house, "/now").contains("On the way for more than 7 days: 1"));
}

/// A page for a supervisor of one location.
fn seen_by(house: &House, location: u32, address: &str) -> String {
    let mut context: PageContext = house.context();
    if let Some(person) = &mut context.person {
        person.roles = vec![(Role::Supervisor, LocationId(location))];
    }
    html::text(&house.document(&context, address))
}

#[test]
fn who_sees_one_end_is_told_of_what_is_on_its_way_for_long() {
    let mut house = house();
    house.device(1, &ship("3"), (9 * DAY, 9 * DAY - 1), order());
    let told = |location: u32| {
        seen_by(&house, location, "/now").contains("On the way for more than 7 days: 1")
    };
    assert!(told(1) && told(2), "both ends");
    assert!(!told(3), "only who sees the order");
}

#[test]
fn who_sees_one_end_sees_what_is_on_its_way_to_it() {
    let mut house = house();
    house.device(1, &ship("4"), (30, 29), order());
    let seen_by = |location: u32| seen_by(&house, location, "/on-the-way");
    assert!(seen_by(1).contains("BOLT 4 PCS") && seen_by(2).contains("BOLT 4 PCS"));
    assert!(!seen_by(3).contains("BOLT 4 PCS"), "only who sees the order");
}

#[test]
fn a_settlement_of_another_site_leaves_the_shipment_to_be_reported() {
    let mut house = house();
    house.says(2, 90, 3);
    house.device(1, &arrive("5"), (40, 39), order());
    let far = SiteWatermark { site: SiteId(2), until: super::house::NOW, devices: Vec::new() };
    let settle = Command::Settle(Settle { sites: vec![far] });
    house.desk("mette", &settle);
    assert!(shown(&house, "/on-the-way").contains("Waits for"));
}
