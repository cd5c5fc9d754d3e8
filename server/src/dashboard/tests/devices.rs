//! Devices that are away: where to look.

use ledger::key::KeyRange;
use ledger::schema::case::{Task, Tasks};
use ledger::tables::Read as _;
use protocol::operation::{DocumentKind, DocumentRef};

use super::house::{House, moved, operator, receive};
use super::html;
use crate::view::risk::risk;

#[test]
fn case_44_a_silent_device_leads_to_bins_orders_and_tasks_and_has_their_bins_counted() {
    let mut house = House::furnished();
    let order = DocumentRef {
        kind: DocumentKind::PurchaseOrder,
        no: "PO-1".try_into().unwrap(),
        line: Some(10),
    };
    house.device(2, &receive("A-01", "5"), (50, 49), Some(order));
    // A-02 goes below zero by another device; the task is claimed by who has the silent one.
    house.device(1, &moved("A-02", "A-01", "2"), (40, 39), None);
    let (task, row) = {
        let (id, row) = house.tables.list::<Tasks>(&KeyRange::all()).remove(0);
        (id, (*row).clone())
    };
    house.write(|draft| {
        draft.put::<Tasks>(&task, Task { assigned: Some(operator("anna")), ..row });
    });
    house.says(2, 30, 4);

    let document = house.document(&house.context(), "/devices/2");
    html::check(&document);
    for link in ["/bins/MAIN/A-01", "/bins/MAIN/A-02", "/documents/purchase_order/PO-1"] {
        assert!(document.contains(&format!("href=\"{link}\"")), "{link} is missing");
    }
    assert!(document.contains(&format!("href=\"/tasks/{task}\"")), "the claimed task");
    let text = html::text(&document);
    assert!(text.contains("Have the bins counted: 2"), "{text}");

    let device = protocol::identity::DeviceId(2);
    let ask = risk(&house.tables, device).counts().expect("two bins");
    let (_asked, row) = house.desk("mette", &ledger::command::Command::AskCounts(ask));
    assert_eq!(row.outcome.decision, protocol::outcome::Decision::Accepted, "{:?}", row.outcome);
    let document = house.document(&house.context(), "/devices/2");
    assert!(!document.contains("action=\"/devices/2/counts\""), "each is asked for already");
    assert_eq!(house.tables.list::<Tasks>(&KeyRange::all()).len(), 3);
}
