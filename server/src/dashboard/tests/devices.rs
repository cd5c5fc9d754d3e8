//! Devices that are away: where to look.

use ledger::command::Command;
use ledger::command::stock::AssignTask;
use ledger::key::KeyRange;
use ledger::schema::LocationId;
use ledger::schema::case::Tasks;
use ledger::schema::place::LocationsByCode;
use ledger::tables::Read as _;
use protocol::code::Code;
use protocol::feed::Role;
use protocol::identity::DeviceId;
use protocol::operation::{Body, DocumentKind, DocumentRef, Pick};
use protocol::outcome::Decision;
use protocol::words::LocationCode;
use serde_json::json;

use super::house::{House, moved, pick, place, receive};
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
    let task = house.tables.list::<Tasks>(&KeyRange::all()).remove(0).0;
    house.assign(task, "anna");
    house.says(2, 30, 4);

    let document = house.document(&house.context(), "/devices/2");
    html::check(&document);
    for link in ["/bins/MAIN/A-01", "/bins/MAIN/A-02", "/documents/purchase_order/PO-1"] {
        assert!(document.contains(&format!("href=\"{link}\"")), "{link} is missing");
    }
    assert!(document.contains(&format!("href=\"/tasks/{task}\"")), "the claimed task");
    let text = html::text(&document);
    assert!(text.contains("Have the bins counted: 2"), "{text}");

    let device = DeviceId(2);
    let ask = risk(&house.tables, device).counts(&house.tables, |_any| true).expect("two bins");
    let (_asked, row) = house.desk("mette", &ask);
    assert_eq!(row.outcome.decision, Decision::Accepted, "{:?}", row.outcome);
    let document = house.document(&house.context(), "/devices/2");
    assert!(!document.contains("action=\"/devices/2/counts\""), "each is asked for already");
    assert_eq!(house.tables.list::<Tasks>(&KeyRange::all()).len(), 3);
}

/// MAIN, where the silent device was at work, and BACK at the same site, where a task is claimed by who
/// had it; and Eva, who is the supervisor of MAIN only.
fn with_two_locations() -> (House, LocationId, LocationId) {
    let mut house = House::furnished();
    for command in [
        json!({"put_location": {"location": "BACK", "name": "Back", "site": "HALL",
            "time_zone": "Europe/Copenhagen", "bin_mandatory": true}}),
        json!({"put_bin": {"location": "BACK", "bin": "B-01"}}),
        json!({"put_operator": {"operator": "eva", "name": "Eva"}}),
        json!({"grant_role": {"operator": "eva", "role": "supervisor", "location": "MAIN"}}),
    ] {
        house.system(&command);
    }
    house.device(2, &receive("A-01", "5"), (50, 49), None);
    house.device(1, &moved("A-02", "A-01", "2"), (40, 39), None);
    let location = |house: &House, code: &str| {
        *house.tables.row::<LocationsByCode>(&LocationCode::new(code).unwrap()).unwrap()
    };
    let (main, back) = (location(&house, "MAIN"), location(&house, "BACK"));
    let Body::Pick(taken) = pick("A-01", "2") else { unreachable!("a pick") };
    let taken = Body::Pick(Pick { from: place("BACK", "B-01"), ..taken });
    house.device(1, &taken, (38, 37), None);
    let tasks = house.tables.list::<Tasks>(&KeyRange::all());
    let at_back = tasks.iter().find(|(_id, task)| task.location == back);
    house.assign(at_back.expect("B-01 is below zero").0, "anna");
    house.says(2, 30, 4);
    (house, main, back)
}

#[test]
fn case_44_who_supervises_one_location_has_its_bins_counted_whatever_lies_at_another() {
    let (mut house, main, back) = with_two_locations();
    let at_risk = risk(&house.tables, DeviceId(2));
    assert_eq!(at_risk.to_count(&house.tables, |_any| true).len(), 2, "{:?}", at_risk.places);
    let all = at_risk.counts(&house.tables, |_any| true).expect("two bins");
    let Command::Batch(batch) = &all else { panic!("{all:?} is not by location") };
    assert_eq!(batch.commands.len(), 2);
    let (_asked, row) = house.desk("eva", &all);
    assert_eq!(row.outcome.decision, Decision::Refused, "BACK is not hers");
    assert_eq!(row.outcome.reasons[0].code, Code::RightMissing);

    // Her page offers what she may ask for, and no bin of BACK looks as if it were gone.
    let mut context = house.context();
    if let Some(person) = &mut context.person {
        person.roles = vec![(Role::Supervisor, main)];
    }
    let document = house.document(&context, "/devices/2");
    let text = html::text(&document);
    assert!(text.contains("Have the bins counted: 1"), "{text}");
    assert!(!text.contains("B-01") && !text.contains("no longer there"), "{text}");

    let own = at_risk.counts(&house.tables, |location| location == main).expect("a bin");
    assert!(matches!(&own, Command::AskCounts(ask) if ask.bins.len() == 1), "{own:?}");
    let (_asked, row) = house.desk("eva", &own);
    assert_eq!(row.outcome.decision, Decision::Accepted, "{:?}", row.outcome);
    let rest = risk(&house.tables, DeviceId(2));
    let rest = rest.to_count(&house.tables, |location| location == back);
    assert_eq!(rest.iter().map(|place| place.bin.as_str()).collect::<Vec<_>>(), ["B-01"]);
    // Who may ask everywhere asks for all that is left.
    let rest = risk(&house.tables, DeviceId(2)).counts(&house.tables, |_any| true).expect("a bin");
    let (_asked, row) = house.desk("mette", &rest);
    assert_eq!(row.outcome.decision, Decision::Accepted, "{:?}", row.outcome);
    assert_eq!(risk(&house.tables, DeviceId(2)).counts(&house.tables, |_any| true), None);
}

#[test]
fn whose_a_task_is_stands_on_its_page_and_is_said_by_a_supervisor_of_the_place() {
    let (mut house, main, back) = with_two_locations();
    let tasks = house.tables.list::<Tasks>(&KeyRange::all());
    let here = tasks.iter().find(|(_id, task)| task.location == main).expect("A-02").0;
    let act = |task| format!("action=\"/tasks/{task}/assign\"");
    let document = house.document(&house.context(), "/tasks");
    html::check(&document);
    assert!(tasks.iter().all(|(id, _task)| document.contains(&act(*id))), "{document}");
    let document = house.document(&house.context(), &format!("/tasks/{here}"));
    html::check(&document);
    assert!(document.contains(&act(here)) && document.contains("<option value=\"anna\">"));
    house.assign(here, "anna");
    let text = html::text(&house.document(&house.context(), &format!("/tasks/{here}")));
    assert!(text.contains("Assigned to Anna"), "{text}");

    // A supervisor of another place may look, and not say so.
    let mut context = house.context();
    if let Some(person) = &mut context.person {
        person.roles = vec![(Role::Auditor, main), (Role::Supervisor, back)];
    }
    for address in ["/tasks".to_owned(), format!("/tasks/{here}")] {
        assert!(!house.document(&context, &address).contains(&act(here)), "{address}");
    }
    let refused = AssignTask { task: here, operator: None };
    let (_asked, row) = house.desk("anna", &Command::AssignTask(refused));
    assert_eq!(row.outcome.reasons[0].code, Code::RightMissing);
}
