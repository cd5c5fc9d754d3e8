//! Devices that are away: where to look.

use ledger::command::Command;
use ledger::command::stock::AssignTask;
use ledger::key::KeyRange;
use ledger::schema::LocationId;
use ledger::schema::case::Tasks;
use ledger::schema::identity::{Device, DeviceState, Devices};
use ledger::schema::place::LocationsByCode;
use ledger::tables::Read as _;
use protocol::code::Code;
use protocol::feed::Role;
use protocol::frame::order::Order;
use protocol::health::{StorageReport, StorageState};
use protocol::identity::{DeviceId, Incarnation, OperationId};
use protocol::operation::{Body, DocumentKind, DocumentRef, Pick};
use protocol::outcome::Decision;
use protocol::text::Language;
use protocol::words::LocationCode;
use serde_json::json;
use server_core::machine::Alarm;
use server_core::schema::{DeviceStorage, DeviceStorages, OrderRow, Orders};

use super::house::{House, MINUTE_US, NOW, moved, operator, pick, place, receive};
use super::html;
use crate::dashboard::context::PageContext;
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

/// What the front page says, in English.
fn needs(house: &House, context: &PageContext) -> String {
    let document = house.document(context, "/now");
    html::check(&document);
    html::text(&document)
}

#[test]
fn case_41_a_copied_device_is_among_what_needs_somebody_and_its_page_has_both_branches() {
    let mut house = House::furnished();
    let (common, _row) = house.device(2, &receive("A-02", "4"), (50, 49), None);
    let (first, _row) = house.device(2, &receive("A-01", "5"), (45, 44), None);
    let text = html::text(&house.document(&house.context(), "/devices/2"));
    assert!(!text.contains("Recorded twice"), "{text}");
    house.copy_of(first, &receive("A-01", "7"), 2, (40, 4));

    let context = house.context();
    let text = needs(&house, &context);
    assert!(text.contains("H-02 came with an old or copied store"), "{text}");
    assert!(text.contains("compare 1 number that was used twice"), "{text}");
    let document = house.document(&context, "/devices/2");
    html::check(&document);
    for operation in [common, first, OperationId { incarnation: Incarnation(2), ..first }] {
        assert!(document.contains(&format!("href=\"/operations/{operation}\"")), "{operation}");
    }
    let text = html::text(&document);
    assert!(text.contains("Recorded twice under one number"), "{text}");
    let (known, other) = (text.find("5 PCS").unwrap(), text.find("7 PCS").unwrap());
    assert!(known < other, "what was known first stands first");
    let danish = PageContext { language: Language::Danish, ..context.clone() };
    let text = needs(&house, &danish);
    assert!(text.contains("H-02 kom med et gammelt eller kopieret lager"), "{text}");
    assert!(html::text(&house.document(&danish, "/devices/2")).contains("Registreret to gange"));
    // After a weekend it has been seen.
    let later = PageContext { now: context.now.plus_us(4 * 24 * 60 * MINUTE_US), ..context };
    assert!(!needs(&house, &later).contains("copied store"));
}

#[test]
fn alarms_about_devices_and_the_server_are_among_what_needs_somebody() {
    let mut house = House::furnished();
    let device = DeviceId(2);
    let order = OrderRow {
        id: 9,
        order: Order::DrainThenWipe,
        expires: NOW.plus_us(MINUTE_US),
        by: operator("mette"),
        at: NOW.plus_us(-9 * MINUTE_US),
        done: None,
        n_lost: 0,
    };
    house.write(|draft| draft.put::<Orders>(&device, order.clone()));
    let at = NOW.plus_us(-MINUTE_US);
    let detail = || "because".to_owned();
    let alarms = vec![
        (at, Alarm::ServerIsOldCopy { device: DeviceId(1) }),
        (at, Alarm::OrderRefused { device, detail: detail() }),
        (at, Alarm::FeedRejected { device, detail: detail() }),
        (at.plus_us(-MINUTE_US), Alarm::FeedRejected { device, detail: detail() }),
    ];
    let context = PageContext { alarms, ..house.context() };
    let text = needs(&house, &context);
    for told in [
        "H-01 has seen a newer state of this server",
        "H-02 did not do what it was told (Upload, then delete everything)",
        "H-02 cannot apply what it is sent",
    ] {
        assert_eq!(text.matches(told).count(), 1, "{told}: {text}");
    }
    let danish = PageContext { language: Language::Danish, ..context.clone() };
    let text = needs(&house, &danish);
    assert!(text.contains("H-01 har set en nyere tilstand af denne server"), "{text}");
    assert!(text.contains("H-02 gjorde ikke, hvad den fik besked på"), "{text}");
    assert!(text.contains("H-02 kan ikke anvende det"), "{text}");

    house.write(|draft| draft.put::<Orders>(&device, OrderRow { done: Some(at), ..order }));
    assert!(!needs(&house, &context).contains("did not do what it was told"), "done since");
}

#[test]
fn a_device_that_can_record_nothing_is_among_what_needs_somebody() {
    let mut house = House::furnished();
    for (state, told) in [
        (StorageState::Low, Some("H-02: its disk is nearly full")),
        (StorageState::Full, Some("H-02: its disk is full, and scans are refused")),
        (StorageState::Stopped, Some("H-02 records nothing: a write failed")),
        (StorageState::Good, None),
    ] {
        let report = StorageReport { state, n_damaged: 1, ..StorageReport::default() };
        let row = DeviceStorage { at: NOW, report };
        house.write(|draft| draft.put::<DeviceStorages>(&DeviceId(2), row));
        let text = needs(&house, &house.context());
        assert_eq!(
            text.contains("H-02: its disk") || text.contains("H-02 records"),
            told.is_some()
        );
        assert!(told.is_none_or(|told| text.contains(told)), "{state:?}: {text}");
    }
}

#[test]
fn a_revoked_device_is_let_hand_in_what_it_holds_unless_it_was_told_to_delete_it() {
    let mut house = House::furnished();
    let device = DeviceId(2);
    house.write(|draft| {
        let card = draft.row::<Devices>(&device).unwrap();
        draft.put::<Devices>(&device, Device { state: DeviceState::Revoked, ..(*card).clone() });
    });
    let document = house.document(&house.context(), "/devices/2");
    html::check(&document);
    assert!(document.contains("action=\"/devices/2/suspend\""), "{document}");
    assert!(html::text(&document).contains("Let it hand in what it holds"));
    let order = OrderRow {
        id: 9,
        order: Order::WipeNow,
        expires: NOW.plus_us(MINUTE_US),
        by: operator("mette"),
        at: NOW,
        done: None,
        n_lost: 0,
    };
    house.write(|draft| draft.put::<Orders>(&device, order));
    let document = house.document(&house.context(), "/devices/2");
    assert!(!document.contains("action=\"/devices/2/"), "it would delete everything");
    assert!(html::text(&document).contains("cannot be recovered"));
}
