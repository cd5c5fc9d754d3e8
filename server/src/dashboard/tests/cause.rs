//! What probably lies behind a bin below zero: who took more than there was, and who may know more.

use ledger::command::Command;
use ledger::command::stock::{AskCounts, BinOf};
use ledger::key::KeyRange;
use ledger::schema::case::{Task, Tasks};
use ledger::tables::Read as _;
use protocol::code::Code;
use protocol::identity::TaskId;
use protocol::outcome::Decision;
use serde_json::json;

use super::house::{House, moved, receive, receive_of};
use super::html;

/// The company, with Bo and Eva beside Anna.
fn house() -> House {
    let mut house = House::furnished();
    for command in [
        json!({"put_operator": {"operator": "bo", "name": "Bo"}}),
        json!({"grant_role": {"operator": "bo", "role": "operator"}}),
        json!({"put_operator": {"operator": "eva", "name": "Eva"}}),
        json!({"grant_role": {"operator": "eva", "role": "operator"}}),
    ] {
        house.system(&command);
    }
    house
}

fn only_task(house: &House) -> (TaskId, Task) {
    let tasks = house.tables.list::<Tasks>(&KeyRange::all());
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    (tasks[0].0, (*tasks[0].1).clone())
}

/// What the page of a task says of the cause.
fn cause(house: &House, task: TaskId) -> String {
    let document = house.document(&house.context(), &format!("/tasks/{task}"));
    html::check(&document);
    let start = document.find("id=\"cause\"").expect("a cause");
    let start = document[..start].rfind('<').expect("a heading");
    let end = document[start..].find("id=\"story\"").map_or(document.len(), |at| start + at);
    let end = document[start..end].find("</ul>").map_or(end, |at| start + at);
    html::text(&document[start..end])
}

#[test]
fn case_20_only_who_took_what_was_not_there_and_who_took_before_are_named() {
    let mut house = house();
    // The books have 10: 3 and 4 are there, 5 is not.
    let take = |quantity| moved("A-01", "A-02", quantity);
    let (enough, _row) = house.device_of("anna", 1, (&take("3"), None), (50, 49));
    let (before, _row) = house.device_of("bo", 2, (&take("4"), None), (40, 39));
    let (last, _row) = house.device_of("eva", 1, (&take("5"), None), (30, 29));
    let (task, _row) = only_task(&house);
    let said = cause(&house, task);
    for seen in ["Taken by more than one (Bo, Eva)", "the books had 3", "-4", "-5", "BOLT"] {
        assert!(said.contains(seen), "{seen} is missing in {said}");
    }
    assert!(said.contains(&before.to_string()) && said.contains(&last.to_string()), "{said}");
    assert!(!said.contains(&enough.to_string()) && !said.contains("Anna"), "{said}");

    // However many take more, few are named, and the rest are counted.
    for minutes in 0..6 {
        house.device_of("eva", 1, (&take("1"), None), (20 - minutes, 19 - minutes));
    }
    let said = cause(&house, task);
    assert!(said.contains("(Bo, Eva)") && said.contains("and 3 more"), "{said}");
    assert_eq!(said.matches("(-").count(), 5, "{said}");
}

#[test]
fn case_20_one_person_with_two_devices_is_not_more_than_one() {
    let mut house = house();
    house.device(1, &moved("A-01", "A-02", "6"), (40, 39), None);
    house.device(2, &moved("A-01", "A-02", "6"), (30, 29), None);
    let said = cause(&house, only_task(&house).0);
    assert!(said.contains("took it with more than one device"), "{said}");
    assert!(!said.contains("Taken by more than one"), "{said}");
}

#[test]
fn case_44_a_claimed_task_alone_is_no_sign_that_its_people_were_at_work_there() {
    let mut house = house();
    // A-02 goes below zero by one device; who has the silent one claims the task, and worked elsewhere.
    house.device(1, &moved("A-02", "A-01", "2"), (50, 49), None);
    house.device(2, &receive("A-01", "5"), (40, 39), None);
    let (task, _row) = only_task(&house);
    house.assign(task, "anna");
    house.says(2, 30, 1);
    let said = cause(&house, task);
    assert!(!said.contains("not sent yet"), "{said}");

    // At work in the bin itself it is named, once for the bin, however much lies there.
    house.device(2, &receive_of("A-02", "NUT", "3"), (20, 19), None);
    house.says(2, 18, 1);
    let bins =
        vec![BinOf { location: "MAIN".try_into().unwrap(), bin: "A-02".try_into().unwrap() }];
    let ask = AskCounts { bins, reason: Code::DeviceLost, blind: true };
    let (_asked, row) = house.desk("mette", &Command::AskCounts(ask));
    assert_eq!(row.outcome.decision, Decision::Accepted, "{:?}", row.outcome);
    let tasks = house.tables.list::<Tasks>(&KeyRange::all());
    let whole = tasks.iter().find(|(_id, task)| task.item.is_none()).expect("the whole bin").0;
    let said = cause(&house, whole);
    assert_eq!(said.matches("1 operation is not sent yet").count(), 1, "{said}");
    assert!(said.contains("BOLT – The same goods lie in other bins"), "{said}");
}
