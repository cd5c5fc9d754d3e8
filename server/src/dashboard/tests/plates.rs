//! A licence plate that two people brought to different bins (CONFLICTS 17).

use ledger::key::KeyRange;
use ledger::schema::book::OutcomeRow;
use ledger::schema::case::{Cases, Choice, OpenTasks, Task, Tasks};
use ledger::tables::Read as _;
use protocol::code::Code;
use protocol::feed::TaskKind;
use protocol::identity::{CaseId, OperationId, TaskId};
use protocol::operation::{
    Answer, Body, DocumentKind, DocumentRef, Move, MovePlate, Place, Receive,
};
use protocol::outcome::Decision;
use serde_json::json;

use super::house::{House, moved, place, receive};
use super::html;
use crate::dashboard::page::workbench::decide;

fn plate_to(bin: &str) -> Body {
    Body::MovePlate(MovePlate { plate: "P1".try_into().unwrap(), to: place("MAIN", bin) })
}

/// P1, with 6 BOLT on it, came to A-01; Anna brought it to A-02 and Bo to A-03, nobody knows in which order.
/// The two acts.
fn claimed() -> (House, [OperationId; 2]) {
    let mut house = House::furnished();
    for command in [
        json!({"put_operator": {"operator": "bo", "name": "Bo"}}),
        json!({"grant_role": {"operator": "bo", "role": "operator"}}),
        json!({"put_bin": {"location": "MAIN", "bin": "A-03"}}),
    ] {
        house.system(&command);
    }
    let Body::Receive(came) = receive("A-01", "6") else { unreachable!("a receipt") };
    let to = Place { plate: Some("P1".try_into().unwrap()), ..came.to };
    let kind = DocumentKind::PurchaseOrder;
    let order = DocumentRef { kind, no: "PO-1".try_into().unwrap(), line: Some(10) };
    house.device(1, &Body::Receive(Receive { to, ..came }), (40, 39), Some(order));
    let (anna, _row) = house.device_of("anna", 1, (&plate_to("A-02"), None), (20, 19));
    let (bo, row) = house.device_of("bo", 2, (&plate_to("A-03"), None), (20, 18));
    let told = &row.outcome.reasons[0];
    assert_eq!((row.outcome.decision, &told.code), (Decision::Changed, &Code::PlatePlaceUnsure));
    (house, [anna, bo])
}

/// The open task that asks where the plate is.
fn asked(house: &House) -> (TaskId, Task) {
    let open = house.tables.list::<OpenTasks>(&KeyRange::all());
    let rows = open.into_iter().map(|(key, _row)| (key.5, house.tables.row::<Tasks>(&key.5)));
    let mut rows = rows.map(|(id, task)| (id, (*task.unwrap()).clone()));
    rows.find(|(_id, task)| task.kind == TaskKind::VerifyPlate).expect("somebody is asked")
}

fn is_not_here(house: &mut House, minutes: i64) -> OutcomeRow {
    let task = Some(asked(house).0);
    let answer = Answer { task, case: None, answer: "not here".try_into().unwrap() };
    house.device(1, &Body::Answer(answer), (minutes, minutes - 1), None).1
}

/// The document at `address` names the plate, and each of the two acts that brought it somewhere.
fn assert_both_claims(house: &House, address: &str, claims: &[OperationId; 2]) {
    let document = house.document(&house.context(), address);
    html::check(&document);
    let (_before, after) = document.split_once("<h2 id=\"sightings\"").expect("each act");
    let (table, _after) = after.split_once("</table>").expect("a table");
    let shown = html::text(&format!("<h2{table}"));
    let ways = ["A-01 MAIN → A-02 MAIN", "A-02 MAIN → A-03 MAIN"];
    for seen in ["P1", "H-01", "H-02", "±1.2 s"].into_iter().chain(ways) {
        assert!(shown.contains(seen), "{address}: {seen} is missing in {shown}");
    }
    for claim in claims {
        assert!(table.contains(&format!("href=\"/operations/{claim}\"")), "{claim}: {shown}");
    }
}

#[test]
fn case_17_who_looks_for_a_plate_sees_both_places_that_it_was_brought_to() {
    let (mut house, claims) = claimed();
    let list = html::text(&house.document(&house.context(), "/tasks"));
    assert!(list.contains("Find licence plate") && list.contains("P1"), "{list}");
    let (first, task) = asked(&house);
    let text = html::text(&house.document(&house.context(), &format!("/tasks/{first}")));
    assert!(text.contains("Find licence plate") && text.contains("P1"), "{text}");
    assert_both_claims(&house, &format!("/tasks/{first}"), &claims);

    // It is not there, and the next one to be asked is told the same of the other place.
    is_not_here(&mut house, 15);
    let (second, other) = asked(&house);
    assert!(second != first && other.bin != task.bin, "{other:?}");
    assert_both_claims(&house, &format!("/tasks/{second}"), &claims);
}

#[test]
fn case_17_a_plate_that_nobody_finds_is_decided_beside_both_claims() {
    let (mut house, claims) = claimed();
    is_not_here(&mut house, 15);
    let row = is_not_here(&mut house, 10);
    let codes: Vec<_> = row.outcome.reasons.iter().map(|reason| &reason.code).collect();
    assert_eq!(codes, [&Code::PlateNotFound]);
    let cases = house.tables.list::<Cases>(&KeyRange::all());
    let (id, case): (CaseId, _) = cases[0].clone();
    assert_eq!((cases.len(), &case.choices), (1, &vec![Choice::Recount, Choice::Dismiss]));
    let address = format!("/workbench/{id}");
    assert_both_claims(&house, &address, &claims);
    let text = html::text(&house.document(&house.context(), &address));
    assert!(text.contains("P1") && text.contains("Would post"), "{text}");
    assert!(
        text.contains("asks for: Count again A-03"),
        "who decides sees which bin is counted: {text}"
    );

    let command = decide((id, case.version), Choice::Recount, None, "look again");
    let (_operation, row) = house.desk("mette", &command);
    assert_eq!(row.outcome.decision, Decision::Accepted, "{:?}", row.outcome);
    let text = html::text(&house.document(&house.context(), &address));
    assert!(text.contains("decided by Mette"), "{text}");
    let tasks = html::text(&house.document(&house.context(), "/tasks"));
    assert!(tasks.contains(&format!("Case {id}")), "{tasks}");
}

#[test]
fn case_17_an_empty_plate_that_nobody_finds_is_shown_with_both_claims() {
    let (mut house, claims) = claimed();
    let Body::Move(taken) = moved("A-01", "A-02", "6") else { unreachable!("a move") };
    let from = Place { plate: Some("P1".try_into().unwrap()), ..taken.from };
    house.device(1, &Body::Move(Move { from, ..taken }), (30, 29), None);
    is_not_here(&mut house, 15);
    is_not_here(&mut house, 10);
    let cases = house.tables.list::<Cases>(&KeyRange::all());
    let (id, case) = &cases[0];
    assert_eq!((cases.len(), case.stock), (1, None));
    assert_both_claims(&house, &format!("/workbench/{id}"), &claims);
}
