//! Devices over WebSockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ledger::draft::Draft;
use ledger::key::KeyRange;
use ledger::schema::book::{Intake, Intakes, Origin};
use ledger::tables::Read as _;
use protocol::enrolment::Invitation;
use protocol::frame::{FaultCode, Frame, Limits};
use protocol::identity::Seq;
use protocol::operation::{
    Body, Condition, DocumentKind, DocumentRef, Envelope, Goods, Place, Receive, Recorded, SignIn,
    SignInMethod, Tracking,
};
use protocol::outcome::{Decision, Outcome};
use protocol::quantity::{Quantity, UnitFactor};
use protocol::words::{BinCode, DocumentNo, ItemNo, LocationCode, UnitCode};
use serde_bytes::ByteBuf;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::house::{House, PASSWORD, all_is_judged, sign_in};
use super::http::Client;
use super::pages::form;
use super::socket::{Socket, TestDevice};
use crate::config::Config;
use crate::open::open_over;
use crate::runtime::{Commit, Health};
use crate::server::Server;
use crate::store::{Store, StoreError};
use crate::verify::digest::Pace;
use crate::verify::rebuild_and_compare;

pub(super) async fn invitation(house: &House) -> Invitation {
    let asked = json!({"site": "HALL"});
    let answer = house.boss.post("/api/v1/enrolment-codes", &asked).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let shown = answer.json();
    assert!(shown["svg"].as_str().unwrap().starts_with("<svg"));
    shown["text"].as_str().unwrap().parse().unwrap()
}

pub(super) fn receive(quantity: i32) -> (Body, Option<DocumentRef>) {
    let body = Body::Receive(Receive {
        to: Place {
            location: LocationCode::new("MAIN").unwrap(),
            bin: Some(BinCode::new("A-02").unwrap()),
            plate: None,
        },
        goods: Goods {
            item: ItemNo::new("BOLT").unwrap(),
            variant: None,
            unit: UnitCode::new("PCS").unwrap(),
            factor: UnitFactor::ONE,
            quantity: Quantity::whole(quantity),
            base: Quantity::whole(quantity),
            tracking: Tracking::NONE,
            expiry: None,
            raw: None,
        },
        condition: Condition::Good,
    });
    let no = DocumentNo::new("PO-1").unwrap();
    (body, Some(DocumentRef { kind: DocumentKind::PurchaseOrder, no, line: Some(20) }))
}

async fn outcome(socket: &mut Socket) -> Outcome {
    socket
        .wait(|frame| match frame {
            Frame::Delta(delta) => delta.groups.into_iter().flat_map(|group| group.outcomes).next(),
            _ => None,
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_joins_records_and_hears_what_became_of_it() {
    let house = House::furnished().await;
    let addr = house.running.addr();
    let invitation = invitation(&house).await;
    let mut device = TestDevice::enrol(addr, invitation.code).await.unwrap();
    let (mut socket, welcome) = device.connect(addr).await;
    assert_eq!((welcome.company.as_str(), welcome.site.as_str()), ("Tallyman", "HALL"));
    assert!(TestDevice::subscribe(&mut socket).await > 10);
    let (body, document) = receive(7);
    let seq = device.push(&mut socket, &body, document).await;
    let ack = socket
        .wait(|frame| match frame {
            Frame::Ack(ack) => Some(ack),
            other => panic!("{other:?} before the acknowledgement"),
        })
        .await;
    assert_eq!(ack.accepted_seq, seq);
    let outcome = outcome(&mut socket).await;
    assert_eq!((outcome.decision, outcome.operation.seq), (Decision::Accepted, seq), "{outcome:?}");
    assert_eq!(house.on_hand("A-02", "BOLT").await.as_deref(), Some("7"));
    let devices = house.boss.get("/api/v1/devices").await.json();
    assert_eq!((&devices[0]["name"], &devices[0]["online"]), (&json!("H-01"), &json!(true)));
    let line = house.boss.get("/api/v1/documents/purchase_order/PO-1").await.json();
    assert_eq!(line["lines"][1]["handled"], "7");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_device_leaves_a_list_of_where_to_look() {
    let house = House::furnished().await;
    let addr = house.running.addr();
    let mut device = TestDevice::enrol(addr, invitation(&house).await.code).await.unwrap();
    let (mut socket, _welcome) = device.connect(addr).await;
    let (body, document) = receive(7);
    device.push(&mut socket, &body, document).await;
    socket.wait(|frame| matches!(frame, Frame::Ack(_)).then_some(())).await;
    all_is_judged(&house.running).await;
    let address = format!("/api/v1/devices/{}", device.device);
    let risk = loop {
        // What it says is written beside everything else: it is there when it is durable.
        device.says_pending(&mut socket, 3).await;
        let risk = house.boss.get(&format!("{address}/risk")).await.json();
        if risk["pending"] == 3 {
            break risk;
        }
    };
    drop(socket);
    assert_eq!(
        (&risk["places"][0]["location"], &risk["places"][0]["bin"]),
        (&json!("MAIN"), &json!("A-02"))
    );
    assert_eq!(risk["documents"][0]["no"], "PO-1");
    assert_eq!(risk["operators"][0], "anna");
    let page = format!("/devices/{}", device.device);
    assert_eq!(house.boss.post(&format!("{address}/lost"), &json!({})).await.status, 204);
    let page = house.boss.get(&page).await.body;
    assert!(page.contains("Where to look") && page.contains("A-02"), "{page}");
    assert!(page.contains("Have the bins counted: 1"), "{page}");
    assert_eq!(risk["places"][0]["count"], json!(null));
    // Once from the page, and once more by a program: it is asked once.
    let act = format!("/devices/{}/counts", device.device);
    let (status, _head, body) = form(&house.boss, &act, &[]).await;
    assert_eq!(status, 303, "{body}");
    let again = house.boss.post(&format!("{address}/counts"), &json!({})).await;
    assert_eq!(again.status, 200, "{again:?}");
    let task = again.json()["places"][0]["count"].clone();
    assert!(task.is_u64(), "{again:?}");
    let tasks = house.boss.get("/api/v1/tasks").await.json();
    let about: Vec<_> = tasks["rows"].as_array().unwrap().iter().collect();
    assert_eq!(about.len(), 1, "{tasks}");
    assert_eq!((&about[0]["bin"], &about[0]["reason"]), (&json!("A-02"), &json!("device_lost")));
    let page = house.boss.get(&format!("/devices/{}", device.device)).await.body;
    assert!(page.contains("count asked for") && !page.contains(&act), "{page}");
    assert_eq!(house.boss.get("/api/v1/devices/99/risk").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_44_what_is_assigned_to_whoever_lost_a_device_is_nobodys_and_may_have_been_done() {
    let house = House::furnished().await;
    let addr = house.running.addr();
    let mut device = TestDevice::enrol(addr, invitation(&house).await.code).await.unwrap();
    let (mut socket, _welcome) = device.connect(addr).await;
    let (body, document) = receive(7);
    device.push(&mut socket, &body, document).await;
    socket.wait(|frame| matches!(frame, Frame::Ack(_)).then_some(())).await;
    all_is_judged(&house.running).await;
    let bins = json!([{"location": "MAIN", "bin": "A-01"}]);
    let ask = json!({"ask_counts": {"bins": bins, "reason": "count_incomplete"}});
    assert_eq!(house.boss.post("/api/v1/commands", &ask).await.status, 200);
    let tasks = house.boss.get("/api/v1/tasks").await.json();
    let task = tasks["rows"][0]["task"].as_u64().unwrap();
    let to = format!("/api/v1/tasks/{task}/assignment");
    let stranger = house.boss.post(&to, &json!({"operator": "nobody"})).await;
    assert_eq!((stranger.status, stranger.code().as_str()), (404, "not_found"));
    let assigned = house.boss.post(&to, &json!({"operator": "anna"})).await;
    assert_eq!(assigned.status, 200, "{assigned:?}");
    let unknown = house.boss.post("/api/v1/tasks/99/assignment", &json!({})).await;
    assert_eq!((unknown.status, unknown.code().as_str()), (404, "not_found"));

    let risk = format!("/api/v1/devices/{}/risk", device.device);
    let at_risk =
        |risk: Value| (risk["tasks"][0]["task"].clone(), risk["tasks"][0]["freed"].clone());
    let before = at_risk(house.boss.get(&risk).await.json());
    assert_eq!(before, (json!(task), json!(false)), "she may have done it");
    let lost = format!("/api/v1/devices/{}/lost", device.device);
    assert_eq!(house.boss.post(&lost, &json!({})).await.status, 204);
    let tasks = house.boss.get("/api/v1/tasks").await.json();
    assert_eq!(tasks["rows"][0]["assigned"], json!(null), "others may do it now");
    let after = at_risk(house.boss.get(&risk).await.json());
    assert_eq!(after, (json!(task), json!(true)), "and it may have been done");
    let page = house.boss.get(&format!("/devices/{}", device.device)).await.body;
    assert!(page.contains("declared lost, or was silent for too long"), "{page}");

    // The page says whose it is as well.
    let act = format!("/tasks/{task}/assign");
    let (status, _head, body) = form(&house.boss, &act, &[("operator", "anna")]).await;
    assert_eq!(status, 303, "{body}");
    let tasks = house.boss.get("/api/v1/tasks").await.json();
    assert_eq!(tasks["rows"][0]["assigned"], "anna");
    let snapshot = house.running.app().company().snapshot();
    let scratch = tempfile::tempdir().unwrap();
    rebuild_and_compare(&snapshot, &scratch.path().join("s"), &mut Pace::full()).unwrap();
}

/// Has the newest record of `device` say what this release knows, as if a release that can read it had been
/// installed.
fn learn_to_read(
    folder: &std::path::Path,
    device: &TestDevice,
    (body, document): (Body, Option<DocumentRef>),
) {
    let store = Store::open(&Config::local(folder).store_folder()).unwrap();
    let of_device = |intake: &Intake| match &intake.origin {
        Origin::Device { sent_as, .. } => sent_as.device == device.device,
        Origin::Desk { .. } | Origin::Import { .. } | Origin::System => false,
    };
    let records = store.list::<Intakes>(&KeyRange::all());
    let (no, last) = records.into_iter().rfind(|(_no, intake)| of_device(intake)).unwrap();
    let envelope = Recorded::from_content(&last.raw).unwrap().envelope;
    let envelope = Envelope { document, ..envelope };
    let raw = ByteBuf::from(Recorded::new(envelope, &body).to_content());
    let hash = Intake::link(last.previous, no, last.received, &raw);
    let mut draft = Draft::over(&store);
    draft.put::<Intakes>(&no, Intake { raw, hash, ..(*last).clone() });
    store.apply(&draft.finish()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_device_of_a_later_release_did_is_judged_when_the_server_is_opened_by_that_release()
{
    let house = House::furnished().await;
    let addr = house.running.addr();
    let mut device = TestDevice::enrol(addr, invitation(&house).await.code).await.unwrap();
    let (mut socket, _welcome) = device.connect(addr).await;
    TestDevice::subscribe(&mut socket).await;
    device.push_of_later(&mut socket).await;
    let parked = outcome(&mut socket).await;
    assert_eq!(parked.decision, Decision::Parked, "{parked:?}");
    drop(socket);
    let House { folder, running, boss: _ } = house;
    running.stop().await;
    learn_to_read(folder.path(), &device, receive(7));
    let running = super::house::start(folder.path()).await;
    all_is_judged(&running).await;
    let boss = sign_in(&running, "boss", PASSWORD).await;
    let house = House { folder, running, boss };
    assert_eq!(house.on_hand("A-02", "BOLT").await.as_deref(), Some("7"));
    let cases = house.boss.get("/api/v1/cases").await.json();
    assert_eq!(cases["rows"].as_array().map(Vec::len), Some(0), "nobody has to decide it: {cases}");
    house.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_44_who_works_with_another_device_by_now_keeps_what_is_assigned() {
    let house = House::furnished().await;
    let addr = house.running.addr();
    let signed_in = Body::SignIn(SignIn { method: SignInMethod::BadgeAndPin, online: true });
    let mut first = TestDevice::enrol(addr, invitation(&house).await.code).await.unwrap();
    let (mut before, _welcome) = first.connect(addr).await;
    first.push(&mut before, &signed_in, None).await;
    let (body, document) = receive(7);
    first.push(&mut before, &body, document).await;
    let mut second = TestDevice::enrol(addr, invitation(&house).await.code).await.unwrap();
    let (mut now, _welcome) = second.connect(addr).await;
    second.push(&mut now, &signed_in, None).await;
    now.wait(|frame| matches!(frame, Frame::Ack(_)).then_some(())).await;
    // What was done before comes later, and changes nothing.
    first.push(&mut before, &signed_in, None).await;
    before
        .wait(|frame| matches!(frame, Frame::Ack(ack) if ack.accepted_seq == Seq(3)).then_some(()))
        .await;
    all_is_judged(&house.running).await;
    let bins = json!([{"location": "MAIN", "bin": "A-01"}]);
    let ask = json!({"ask_counts": {"bins": bins, "reason": "count_incomplete"}});
    assert_eq!(house.boss.post("/api/v1/commands", &ask).await.status, 200);
    let tasks = house.boss.get("/api/v1/tasks").await.json();
    let to = format!("/api/v1/tasks/{}/assignment", tasks["rows"][0]["task"]);
    assert_eq!(house.boss.post(&to, &json!({"operator": "anna"})).await.status, 200);

    for (device, whose) in [(first.device, json!("anna")), (second.device, json!(null))] {
        let lost = format!("/api/v1/devices/{device}/lost");
        assert_eq!(house.boss.post(&lost, &json!({})).await.status, 204);
        let tasks = house.boss.get("/api/v1/tasks").await.json();
        assert_eq!(tasks["rows"][0]["assigned"], whose, "{device} is lost");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_serves_one_device() {
    let house = House::furnished().await;
    let addr = house.running.addr();
    let fault = TestDevice::enrol(addr, [0; 16]).await.map(|_device| ()).unwrap_err();
    assert_eq!(fault.code, FaultCode::ENROLMENT, "{fault:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_device_may_upload_and_a_revoked_one_is_refused() {
    let house = House::furnished().await;
    let addr = house.running.addr();
    let code = invitation(&house).await.code;
    let mut device = TestDevice::enrol(addr, code).await.unwrap();
    let path = format!("/api/v1/devices/{}/state", device.device);
    let state = |state: &str| json!({"state": state});
    assert_eq!(house.boss.post(&path, &state("suspended")).await.status, 204);
    let (mut socket, _welcome) = device.connect(addr).await;
    let (body, document) = receive(1);
    device.push(&mut socket, &body, document).await;
    socket.wait(|frame| matches!(frame, Frame::Ack(_)).then_some(())).await;
    drop(socket);
    assert_eq!(house.boss.post(&path, &state("revoked")).await.status, 204);
    let shown = house.boss.get("/api/v1/devices").await.json();
    assert_eq!(shown[0]["state"], "revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_may_not_send_much() {
    let house = House::furnished().await;
    let mut socket = Socket::open(house.running.addr()).await;
    let n = usize::try_from(Limits::UNAUTHENTICATED_BYTES_MAX).unwrap();
    socket.send_raw(Message::Binary(vec![0; n + 1].into())).await;
    let (frame, _body) = socket.next().await.expect("an answer");
    let Frame::Fault(fault) = frame else { panic!("{frame:?}") };
    assert_eq!(fault.code, FaultCode::TOO_LARGE);
    assert_eq!(socket.next().await, None, "and closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_bytes_are_answered_with_their_fault() {
    let house = House::furnished().await;
    for message in [Message::Binary(vec![1, 2, 3].into()), Message::Text("hello".into())] {
        let mut socket = Socket::open(house.running.addr()).await;
        socket.send_raw(message).await;
        let (frame, _body) = socket.next().await.expect("an answer");
        let Frame::Fault(fault) = frame else { panic!("{frame:?}") };
        assert_eq!(fault.code, FaultCode::PROTOCOL);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_house_sends_newcomers_away_with_a_window() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { connections_max: 0, ..Config::local(folder.path()) };
    let running = Server::start(config).await.unwrap();
    let mut socket = Socket::open(running.addr()).await;
    let (frame, _body) = socket.next().await.expect("an answer");
    let Frame::Retry(retry) = frame else { panic!("{frame:?}") };
    assert!(retry.after_min_ms < retry.after_max_ms);
    assert_eq!(socket.next().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sub_protocol_is_refused() {
    let house = House::furnished().await;
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    let client = Client::new(house.running.addr())
        .with("upgrade", "websocket")
        .with("sec-websocket-version", "13")
        .with("sec-websocket-key", key)
        .with("sec-websocket-protocol", "hsp.99");
    let answer = client.get("/sync").await;
    assert!(answer.status >= 400, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_disk_fails_nothing_is_acknowledged_and_everybody_is_told() {
    let house = House::furnished().await;
    let House { folder, running, boss: _ } = house;
    running.stop().await;
    let config = Config::local(folder.path());
    let store = Store::open(&config.store_folder()).unwrap();
    let broken = Arc::new(AtomicBool::new(false));
    let (breaks, writes_to) = (Arc::clone(&broken), store.clone());
    let commit = Commit::with(move |changes| match breaks.load(Ordering::SeqCst) {
        true => Err(StoreError::Stopped { reason: "no space left".to_owned() }),
        false => writes_to.apply(changes),
    });
    let opened = open_over(&config, store, commit).await.unwrap();
    let running = Server::start_over(&config, opened).unwrap();
    let boss = sign_in(&running, "boss", PASSWORD).await;
    let addr = running.addr();
    let asked = json!({"site": "HALL"});
    let shown = boss.post("/api/v1/enrolment-codes", &asked).await.json();
    let invitation: Invitation = shown["text"].as_str().unwrap().parse().unwrap();
    let mut device = TestDevice::enrol(addr, invitation.code).await.unwrap();
    let (mut socket, _welcome) = device.connect(addr).await;
    broken.store(true, Ordering::SeqCst);
    let (body, document) = receive(7);
    device.push(&mut socket, &body, document).await;
    let fault = socket
        .wait(|frame| match frame {
            Frame::Fault(fault) => Some(fault),
            Frame::Ack(ack) => panic!("{ack:?} for what is on no disk"),
            _ => None,
        })
        .await;
    assert_eq!((fault.code, fault.retryable), (FaultCode::STORAGE, true));
    assert!(matches!(running.ended().await, Health::Failed(_)));
    assert_eq!(boss.get("/readyz").await.status, 503);
    let bin = json!({"put_bin": {"location": "MAIN", "bin": "LATE"}});
    let refused = boss.post("/api/v1/commands", &bin).await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "server_stopped"));
    let mut late = Socket::open(addr).await;
    let (frame, _body) = late.next().await.expect("an answer");
    assert!(matches!(frame, Frame::Retry(_)), "{frame:?}");
    assert!(matches!(running.stop().await, Health::Failed(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_are_told_when_the_server_stops() {
    let house = House::furnished().await;
    let addr = house.running.addr();
    let code = invitation(&house).await.code;
    let mut device = TestDevice::enrol(addr, code).await.unwrap();
    let (mut socket, _welcome) = device.connect(addr).await;
    let running = house.running;
    let stopping = tokio::spawn(running.stop());
    let away = socket
        .wait(|frame| match frame {
            Frame::GoAway(away) => Some(away),
            _ => None,
        })
        .await;
    assert!(away.after_min_ms < away.after_max_ms);
    drop(socket);
    assert_eq!(stopping.await.unwrap(), Health::Stopped);
    drop(house.folder);
}
