//! What is done in the company whose folder is kept: something of everything that a table is made of.

use protocol::frame::Frame;
use protocol::frame::beside::{BlobPut, BlobState};
use protocol::operation::{
    Adjust, Attach, AttachmentKind, Body, Count, CountBin, CountedLine, Direction, DocumentKind,
    DocumentRef, Goods, MediaType, Move, MovePlate, Pick, Place, Receive, Reclassify, SignIn,
    SignInMethod, Tracking, Undo, Unidentified,
};
use protocol::quantity::Quantity;
use serde_bytes::ByteBuf;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::super::device::{invitation, receive};
use super::super::house::{House, all_is_judged};
use super::super::money::{command, traded};
use super::super::socket::{Socket, TestDevice};

/// The bytes of a photo.
pub(super) const PHOTO: &[u8] = b"a picture of a broken box";

/// The address of that photo.
pub(super) fn picture() -> String {
    format!("/pictures/{}", data_encoding::HEXLOWER.encode(&Sha256::digest(PHOTO)))
}

/// What a desk does before devices come: goods with serials, orders, and the year.
const BEFORE: &str = r#"[
    {"put_item_cost": {"item": "DRILL", "inventory_group": "RAW", "product_group": "GOODS"}},
    {"put_item_cost": {"item": "KIT", "inventory_group": "RAW", "product_group": "GOODS"}},
    {"put_item_cost": {"item": "NUT", "inventory_group": "RAW", "product_group": "GOODS"}},
    {"put_variant": {"item": "BOLT", "variant": "ZINC", "description": "Galvanised"}},
    {"put_stockkeeping_unit": {"item": "BOLT", "location": "SHOP", "unit_cost": "2"}},
    {"put_document_dimensions": {"kind": "purchase_order", "no": "PO-1",
        "dimensions": {"PRODUCT": "STEEL"}}},
    {"put_line_terms": {"kind": "purchase_order", "no": "PO-1", "line": 20, "unit_amount": "2"}},
    {"create_fiscal_year": {"start_date": "2026-01-01", "periods": 12}},
    {"put_inventory_period": {"ending_date": "2025-12-31", "name": "Before"}},
    {"put_user_setup": {"user": "sven", "allow_posting_from": "2026-01-01"}},
    {"put_bill_of_materials": {"item": "KIT", "components": [["BOLT", "2"]]}},
    {"put_capacity": {"kind": "resource", "code": "HANDS", "direct_unit_cost": "5"}},
    {"post_item_journal": {"lines": [
        {"line_type": "purchase", "date": "2026-01-05", "item": "NUT", "location": "MAIN",
            "bin": "A-02", "quantity": "10", "amount": "25", "document_no": "J-2"},
        {"line_type": "sale", "date": "2026-01-09", "item": "NUT", "location": "MAIN",
            "bin": "A-02", "quantity": "4", "document_no": "J-2"}]}}
]"#;

/// What it posts when the devices are done.
const AFTER: &str = r#"[
    {"post_document": {"kind": "purchase_order", "no": "PO-7", "date": "2026-01-15",
        "lines": [{"line": 10, "item": "BOLT", "location": "MAIN", "bin": "A-02",
            "handle": "5", "invoice": "5", "unit_amount": "2"}],
        "charges": [{"line": 20, "charge": "FREIGHT", "quantity": "1", "unit_amount": "3",
            "assign": [[{"line": 10}, "1"]]}]}},
    {"post_document": {"kind": "purchase_order", "no": "PO-7", "date": "2026-01-16",
        "lines": [{"line": 10, "item": "BOLT", "location": "MAIN", "bin": "A-02",
            "ordered": "9", "handle": "4"}]}},
    {"post_document": {"kind": "sales_order", "no": "SO-7", "date": "2026-01-17",
        "lines": [{"line": 10, "item": "BOLT", "location": "MAIN", "bin": "A-01",
            "handle": "2", "invoice": "2", "unit_amount": "9"}]}},
    {"ask_counts": {"bins": [{"location": "MAIN", "bin": "A-02"}], "reason": "count_incomplete"}},
    {"adjust_cost": {}}
]"#;

/// What nobody has adjusted or posted to accounts yet.
const LAST: &str = r#"[
    {"post_document": {"kind": "purchase_order", "no": "PO-7", "date": "2026-01-20", "lines": [],
        "charges": [{"line": 30, "charge": "FREIGHT", "quantity": "1", "unit_amount": "1",
            "assign": [[{"posted": ["purchase_order", "PO-7", 1, 10]}, "1"]]}]}},
    {"post_item_journal": {"lines": [
        {"line_type": "purchase", "date": "2026-01-06", "item": "NUT", "location": "MAIN",
            "bin": "A-02", "quantity": "1", "amount": "9", "document_no": "J-3"}]}},
    {"post_assembly": {"order": "KIT-1", "date": "2026-01-21",
        "output": {"item": "KIT", "location": "MAIN", "bin": "B-01", "quantity": "1"},
        "components": [{"item": "BOLT", "location": "MAIN", "bin": "A-01", "quantity": "2"}],
        "resources": [{"resource": "HANDS", "quantity": "1"}]}},
    {"set_reason_groups": {"count_differences": "COUNT", "transit_losses": "LOST"}},
    {"close_inventory_period": {"ending_date": "2025-12-31"}}
]"#;

/// Work of the desk like that of a device: goods that go to the other location, and some that broke.
fn work() -> [Value; 3] {
    let transfer = json!({"kind": "transfer_order", "no": "TO-1", "line": 10});
    let bolts = |kind: &str, end: &str, at: Value, quantity: &str| json!({"kind": kind, end: at, "item": "BOLT", "quantity": quantity, "document": transfer});
    let main = json!({"location": "MAIN", "bin": "A-01"});
    [
        bolts("transfer_ship", "from", main, "3"),
        bolts("transfer_receive", "to", json!({"location": "SHOP", "bin": "S-01"}), "1"),
        json!({"kind": "receive", "to": {"location": "MAIN", "bin": "A-02"}, "item": "BOLT",
            "quantity": "2", "condition": "damaged"}),
    ]
}

fn place(bin: &str) -> Place {
    Place { location: "MAIN".try_into().unwrap(), bin: Some(bin.try_into().unwrap()), plate: None }
}

fn on_plate(bin: &str) -> Place {
    Place { plate: Some("PLATE-1".try_into().unwrap()), ..place(bin) }
}

fn bolts(quantity: i32) -> Goods {
    let (Body::Receive(Receive { goods, .. }), _order) = receive(quantity) else {
        unreachable!("it is a receipt")
    };
    goods
}

/// A machine with its serial number.
fn drill() -> Goods {
    let tracking = Tracking { serial: Some("S-1".try_into().unwrap()), ..Tracking::NONE };
    Goods { item: "DRILL".try_into().unwrap(), tracking, ..bolts(1) }
}

/// Milk of a lot.
fn milk(quantity: i32) -> Goods {
    let tracking = Tracking { lot: Some("L1".try_into().unwrap()), ..Tracking::NONE };
    let unit = "L".try_into().unwrap();
    Goods { item: "MILK".try_into().unwrap(), unit, tracking, ..bolts(quantity) }
}

/// What a person does with a device, in order, with what it is for.
fn deeds() -> Vec<(Body, Option<DocumentRef>)> {
    let order = |kind, no: &str, line| {
        Some(DocumentRef { kind, no: no.try_into().unwrap(), line: Some(line) })
    };
    let (good, reason) = (protocol::operation::Condition::Good, "broken".try_into().unwrap());
    let came = |to: Place, goods: Goods| Body::Receive(Receive { to, goods, condition: good });
    let counted = CountedLine { goods: bolts(500), plate: None, mono_us: 2_010 };
    let lost =
        Adjust { place: place("A-01"), goods: bolts(1), direction: Direction::Decrease, reason };
    let seen = Unidentified {
        place: place("A-02"),
        raw: "what is this?".to_owned(),
        quantity: Quantity::whole(7),
    };
    let count = |goods: Goods| Count { place: place("A-01"), goods, started_us: None, task: None };
    let bin = CountBin {
        location: "MAIN".try_into().unwrap(),
        bin: "A-02".try_into().unwrap(),
        lines: vec![counted],
        plates_seen_closed: Vec::new(),
        started_us: None,
        task: None,
    };
    let picked = |goods| {
        Body::Pick(Pick { from: place("A-01"), to: None, goods, short: None, emptied: None })
    };
    let other = Reclassify {
        place: place("A-01"),
        goods: milk(2),
        to_tracking: Tracking { lot: Some("L2".try_into().unwrap()), ..Tracking::NONE },
        to_expiry: chrono::NaiveDate::from_ymd_opt(2027, 2, 28),
    };
    let away = Move { from: place("A-02"), to: place("A-01"), goods: bolts(3) };
    let plate = MovePlate { plate: "PLATE-1".try_into().unwrap(), to: place("A-01") };
    vec![
        (Body::SignIn(SignIn { method: SignInMethod::BadgeAndPin, online: true }), None),
        receive(7),
        // Far more than was ordered.
        receive(500),
        (Body::Unidentified(seen), None),
        (came(place("A-01"), drill()), None),
        (picked(drill()), order(DocumentKind::SalesOrder, "SO-2", 10)),
        (came(on_plate("A-02"), bolts(20)), order(DocumentKind::PurchaseOrder, "PO-1", 20)),
        (Body::MovePlate(plate), None),
        (Body::Move(away), None),
        (Body::Adjust(lost), None),
        (Body::Count(count(bolts(99))), None),
        (Body::CountBin(bin), None),
        (Body::Reclassify(other), None),
        // More than is there.
        (picked(milk(20)), None),
    ]
}

/// The number of an operation in [`deeds`], from 1 on, as its device counts.
fn seq_of(kind: &str) -> protocol::identity::Seq {
    let at = deeds().iter().position(|(body, _order)| body.kind() == kind).unwrap();
    protocol::identity::Seq(u64::try_from(at).unwrap() + 1)
}

/// A company in which all of this was done, and the numbers of what a device did are answered.
pub(super) async fn played() -> House {
    let house = traded().await;
    let files = json!({
        "tracking_codes.csv": "code,serial,serial_specific\nSERIALS,yes,yes\n",
        "items.csv": "item,description,base_unit,tracking_code,costing_method\n\
                      DRILL,Drill,PCS,SERIALS,specific\nNUT,Nut,PCS,,average\nKIT,Kit,PCS,,fifo\n",
        "bins.csv": "location,bin,zone\nMAIN,B-01,BULK\n",
        "sales_orders.csv": "document,partner_name,location,due,line,item,quantity\n\
                             SO-2,Shop,MAIN,2026-12-01,10,DRILL,1\n",
    });
    let imported = house.import(&files, false).await;
    assert_eq!(imported["faults"], json!([]), "{imported}");
    commands(&house, BEFORE).await;
    by_device(&house).await;
    all_is_judged(&house.running).await;
    decided(&house).await;
    for asked in work() {
        let answer = house.boss.post("/api/v1/work", &asked).await;
        assert_eq!(answer.status, 200, "{asked}: {answer:?}");
    }
    commands(&house, AFTER).await;
    all_is_judged(&house.running).await;
    command(&house.boss, &json!({"post_cost_to_gl": {}})).await;
    all_is_judged(&house.running).await;
    commands(&house, LAST).await;
    at_the_desk(&house).await;
    all_is_judged(&house.running).await;
    house
}

async fn commands(house: &House, commands: &str) {
    let commands: Vec<Value> = serde_json::from_str(commands).unwrap();
    for asked in commands {
        command(&house.boss, &asked).await;
    }
}

/// A task is somebody's, somebody has a badge, a program has a key, and one says what it asks twice.
async fn at_the_desk(house: &House) {
    let tasks = house.boss.get("/api/v1/tasks").await.json();
    let to = format!("/api/v1/tasks/{}/assignment", tasks["rows"][0]["task"]);
    let assigned = house.boss.post(&to, &json!({"operator": "anna"})).await;
    assert_eq!(assigned.status, 200, "{assigned:?}");
    let otto = json!({"name": "Otto", "badge": "BADGE-OF-OTTO"});
    let put = house.boss.put("/api/v1/people/otto", &otto).await;
    assert_eq!(put.status, 204, "{put:?}");
    let key = json!({"name": "robot", "user": "boss", "scopes": ["read"]});
    assert_eq!(house.boss.post("/api/v1/tokens", &key).await.status, 201);
    let robot = house.boss.with("idempotency-key", "bin-of-the-robot");
    command(&robot, &json!({"put_bin": {"location": "MAIN", "bin": "B-02"}})).await;
}

/// A device does its work, takes one thing back, does something that only a later release knows, and
/// sends a photo.
async fn by_device(house: &House) {
    let addr = house.running.addr();
    let mut device = TestDevice::enrol(addr, invitation(house).await.code).await.unwrap();
    let (mut socket, _welcome) = device.connect(addr).await;
    for (body, order) in deeds() {
        device.push(&mut socket, &body, order).await;
    }
    let undone = Undo { incarnation: device.incarnation, seq: seq_of("adjust") };
    device.push(&mut socket, &Body::Undo(undone), None).await;
    let length = u32::try_from(PHOTO.len()).unwrap();
    let photo = Attach {
        incarnation: device.incarnation,
        seq: seq_of("receive"),
        hash: ByteBuf::from(Sha256::digest(PHOTO).to_vec()),
        length,
        media: MediaType::Jpeg,
        kind: AttachmentKind::Photo,
    };
    device.push(&mut socket, &Body::Attach(photo.clone()), None).await;
    let last = device.push_of_later(&mut socket).await;
    socket
        .wait(|frame| matches!(frame, Frame::Ack(ack) if ack.accepted_seq == last).then_some(()))
        .await;
    all_is_judged(&house.running).await;
    send_photo(&mut socket, &photo).await;
    device.heartbeat(&mut socket).await;
}

async fn send_photo(socket: &mut Socket, photo: &Attach) {
    let (hash, length) = (photo.hash.clone(), photo.length);
    let bytes = ByteBuf::from(PHOTO.to_vec());
    socket.send(&Frame::BlobPut(BlobPut { hash, length, offset: 0, bytes })).await;
    let state = socket
        .wait(|frame| match frame {
            Frame::BlobAck(ack) => Some(ack.state),
            _ => None,
        })
        .await;
    assert_eq!(state, BlobState::Complete);
}

/// A supervisor says what it was that nobody knew; what a later release did waits on.
async fn decided(house: &House) {
    let cases = house.boss.get("/api/v1/cases").await.json();
    let rows = cases["rows"].as_array().unwrap();
    let case = rows.iter().find(|case| case["reasons"][0]["code"] == "scan_unknown");
    let case = case.unwrap_or_else(|| panic!("nobody knew it: {cases}"));
    let was = json!({"kind": "receive", "to": {"location": "MAIN", "bin": "A-02"}, "item": "BOLT",
        "quantity": "7"});
    let chosen = json!({"version": case["version"], "choice": "correct", "correction": was,
        "remark": "the old label"});
    let path = format!("/api/v1/cases/{}/decision", case["case"]);
    let answer = house.boss.post(&path, &chosen).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}
