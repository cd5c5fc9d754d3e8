//! A count that somebody at the desk asks for, up to the device that is to do it.

use protocol::feed::{FeedRow, TaskKind, TaskRow};
use protocol::frame::Frame;
use serde_json::{Value, json};

use super::device::invitation;
use super::house::{House, PASSWORD, sign_in};
use super::http::Client;
use super::pages::form;
use super::socket::{Socket, TestDevice};

const ASK: &str = "/counts/ask";

/// What the form on the page of counts sends.
fn bin<'f>(location: &'f str, bin: &'f str) -> [(&'f str, &'f str); 2] {
    [("location", location), ("bin", bin)]
}

/// Somebody with `role` at `location`, signed in.
async fn somebody(house: &House, user: &str, role: &str, location: &str) -> Client {
    let roles = json!([{"role": role, "location": location}]);
    let put = json!({"name": user, "password": PASSWORD, "roles": roles});
    let put = house.boss.put(&format!("/api/v1/people/{user}"), &put).await;
    assert_eq!(put.status, 204, "{put:?}");
    sign_in(&house.running, user, PASSWORD).await
}

async fn tasks(house: &House) -> Vec<Value> {
    let tasks = house.boss.get("/api/v1/tasks").await.json();
    tasks["rows"].as_array().unwrap().clone()
}

/// The next task that a device hears of.
async fn next_task(socket: &mut Socket) -> TaskRow {
    let of_record = |table: u8, bytes: &[u8]| match FeedRow::decode(table, bytes).unwrap() {
        Some(FeedRow::Task(task)) => Some(task),
        _ => None,
    };
    socket
        .wait(|frame| match frame {
            Frame::Delta(delta) => delta
                .groups
                .iter()
                .flat_map(|group| &group.records)
                .find_map(|record| of_record(record.table, record.row.as_ref()?)),
            _ => None,
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_that_a_supervisor_asks_for_reaches_the_device() {
    let house = House::furnished().await;
    let addr = house.running.addr();
    let mut device = TestDevice::enrol(addr, invitation(&house).await.code).await.unwrap();
    let (mut socket, _welcome) = device.connect(addr).await;
    TestDevice::subscribe(&mut socket).await;
    let sven = sign_in(&house.running, "sven", "another good password").await;
    let (status, head, body) = form(&sven, ASK, &bin("MAIN", "A-01")).await;
    assert_eq!(status, 303, "{body}");
    assert!(head.contains("location: /counts?state=incomplete"), "{head}");

    let task = next_task(&mut socket).await;
    assert_eq!((task.kind, task.location.as_str()), (TaskKind::Count, "MAIN"));
    assert_eq!(task.bin.as_ref().map(|bin| bin.as_str()), Some("A-01"));
    assert_eq!(task.item, None, "the whole bin");
    assert!(task.blind, "whoever counts does not know what the books have");

    // Whoever asks again is not refused, and nobody counts twice.
    assert_eq!(form(&house.boss, ASK, &bin("MAIN", "A-01")).await.0, 303);
    let asked = tasks(&house).await;
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(
        (&asked[0]["bin"], &asked[0]["reason"]),
        (&json!("A-01"), &json!("count_incomplete"))
    );
    let page = sven.get("/tasks").await.body;
    assert!(page.contains("Only a part of the bin was counted"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_supervisor_of_the_location_asks_for_a_count_there() {
    let house = House::furnished().await;
    let shop = somebody(&house, "hanne", "supervisor", "SHOP").await;
    let auditor = somebody(&house, "otto", "auditor", "MAIN").await;
    for who in [&shop, &auditor] {
        let (status, _head, body) = form(who, ASK, &bin("MAIN", "A-01")).await;
        assert_eq!(status, 403, "{body}");
        assert!(body.contains("right_missing"), "{body}");
    }
    let stranger = Client::new(house.running.addr());
    let (status, head, _body) = form(&stranger, ASK, &bin("MAIN", "A-01")).await;
    assert_eq!(status, 303);
    assert!(head.contains("location: /login"), "{head}");
    assert_eq!(tasks(&house).await, Vec::<Value>::new(), "nothing is asked for");

    let (status, _head, body) = form(&shop, ASK, &bin("SHOP", "S-01")).await;
    assert_eq!(status, 303, "{body}");
    assert_eq!(tasks(&house).await[0]["bin"], "S-01");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_is_not_asked_for_from_another_site_or_of_no_bin() {
    let house = House::furnished().await;
    let elsewhere = house.boss.with("sec-fetch-site", "cross-site");
    let (status, _head, body) = form(&elsewhere, ASK, &bin("MAIN", "A-01")).await;
    assert_eq!(status, 403);
    assert!(body.contains("cross_site_request"), "{body}");
    let long = "A".repeat(100);
    for (location, name, status, code) in [
        ("MAIN", "", 400, "malformed_request"),
        ("", "A-01", 400, "malformed_request"),
        ("MAIN", long.as_str(), 400, "malformed_request"),
        ("MAIN", "Z-99", 422, "bin_unknown"),
        ("MOON", "A-01", 422, "location_unknown"),
        ("MAIN", "S-01", 422, "bin_unknown"),
    ] {
        let (answered, _head, body) = form(&house.boss, ASK, &bin(location, name)).await;
        assert_eq!(answered, status, "{location} {name}: {body}");
        assert!(body.contains(code), "{location} {name}: {body}");
    }
    let (answered, _head, body) = form(&house.boss, ASK, &[]).await;
    assert_eq!(answered, 400, "{body}");
    assert_eq!(tasks(&house).await, Vec::<Value>::new(), "nothing is asked for");
}
