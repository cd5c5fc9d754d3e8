//! People and programs at desks.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use super::house::{House, PASSWORD, files, sign_in, start};
use super::http::Client;
use crate::config::Config;
use crate::runtime::Health;
use crate::store::Store;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_shown_to_who_is_not_signed_in() {
    let house = House::furnished().await;
    let stranger = Client::new(house.running.addr());
    for path in ["/api/v1/items", "/api/v1/stock?location=MAIN", "/api/v1/people", "/api/v1/status"]
    {
        let answer = stranger.get(path).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "sign_in_required"), "{path}");
    }
    let danish = stranger.with("accept-language", "da").get("/api/v1/items").await;
    assert_eq!(danish.json()["next_step"], "Log ind.");
    assert_eq!(stranger.get("/livez").await.status, 200);
    assert_eq!(stranger.get("/readyz").await.status, 200);
    assert_eq!(house.boss.get("/api/v1/nothing").await.code(), "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_begins_with_a_cookie_and_ends_when_it_is_left() {
    let house = House::empty().await;
    let browser = Client::new(house.running.addr());
    let asked = json!({"user": "boss", "password": PASSWORD});
    let answer = browser.post("/api/v1/session", &asked).await;
    let cookie = answer.header("set-cookie").unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    assert!(answer.json().get("token").is_none(), "the token is in the cookie alone");
    let inside = browser.with("cookie", cookie.split(';').next().unwrap());
    assert_eq!(inside.get("/api/v1/session").await.json()["roles"][0]["role"], "administrator");
    assert_eq!(inside.delete("/api/v1/session").await.status, 204);
    assert_eq!(inside.get("/api/v1/session").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_a_password_is_slowed_down() {
    let house = House::empty().await;
    let guesser = Client::new(house.running.addr());
    let wrong = json!({"user": "nobody", "password": "a wrong password"});
    for _try in 0..6 {
        let answer = guesser.post("/api/v1/session", &wrong).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "sign_in_wrong"));
    }
    let answer = guesser.post("/api/v1/session", &wrong).await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "sign_in_wait"));
    let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=4).contains(&wait), "{wait}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_no_scan_is_looked_up_by_is_refused_at_the_desk_as_in_a_file() {
    let house = House::furnished().await;
    let put = |code: &str| json!({"put_identifier": {"code": code, "item": "BOLT"}});
    for (code, refusal, next) in [
        ("4006381333932", "identifier_misread", "another length"),
        ("B:A-01", "identifier_names_no_item", "the label of the item"),
        ("(01)09506000134352", "identifier_looked_up_as", "Write 09506000134352."),
        ("]C0BOLT", "identifier_looked_up_as", "Write BOLT."),
    ] {
        let answer = house.boss.post("/api/v1/commands", &put(code)).await;
        assert_eq!((answer.status, answer.code().as_str()), (422, refusal), "{answer:?}");
        let step = answer.json()["next_step"].as_str().unwrap_or_default().to_owned();
        assert!(step.contains(next), "{step}");
    }
    let taken = house.boss.post("/api/v1/commands", &put("4006381333931")).await;
    assert_eq!(taken.status, 200, "{taken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_changes_nothing() {
    let house = House::furnished().await;
    let bin = json!({"put_bin": {"location": "MAIN", "bin": "EVIL"}});
    for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        let answer = house.boss.with(name, value).post("/api/v1/commands", &bin).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "cross_site_request"));
    }
    assert_eq!(house.boss.get("/api/v1/locations/MAIN/bins/EVIL").await.status, 404);
    let own = format!("http://{}", house.running.addr());
    let answer = house.boss.with("origin", &own).post("/api/v1/commands", &bin).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(house.boss.get("/api/v1/locations/MAIN/bins/EVIL").await.json()["kind"], "storage");
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_hold_where_they_were_given() {
    let house = House::furnished().await;
    let sven = sign_in(&house.running, "sven", "another good password").await;
    assert_eq!(sven.get("/api/v1/stock?location=MAIN").await.status, 200);
    let elsewhere = sven.get("/api/v1/stock?location=SHOP").await;
    assert_eq!((elsewhere.status, elsewhere.code().as_str()), (403, "right_missing"));
    for (path, what) in [("/api/v1/people", "people"), ("/api/v1/export/items.csv", "export")] {
        assert_eq!(sven.get(path).await.status, 403, "{what}");
    }
    let grant = json!({"grant_role": {"operator": "sven", "role": "administrator"}});
    let answer = sven.post("/api/v1/commands", &grant).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "right_missing"));
    let secret = json!({"put_operator": {"operator": "sven", "name": "S", "pin_verifier": "x"}});
    assert_eq!(house.boss.post("/api/v1/commands", &secret).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_works_where_the_role_holds_and_nowhere_else() {
    let house = House::furnished().await;
    let sven = sign_in(&house.running, "sven", "another good password").await;
    let found = |location: &str, bin: &str| {
        json!({
            "kind": "adjust", "from": {"location": location, "bin": bin}, "item": "BOLT",
            "quantity": "1", "direction": "increase", "reason": "FOUND",
        })
    };
    let here = sven.post("/api/v1/work", &found("MAIN", "A-02")).await;
    assert_eq!(here.status, 200, "{here:?}");
    let elsewhere = sven.post("/api/v1/work", &found("SHOP", "S-01")).await;
    assert_eq!((elsewhere.status, elsewhere.code().as_str()), (403, "right_missing"));
    let bin = |location: &str| json!({"put_bin": {"location": location, "bin": "NEW"}});
    assert_eq!(sven.post("/api/v1/commands", &bin("MAIN")).await.status, 200);
    assert_eq!(sven.post("/api/v1/commands", &bin("SHOP")).await.status, 403);
    let item = json!({"put_item": {"item": "NUT", "base_unit": "PCS"}});
    assert_eq!(sven.post("/api/v1/commands", &item).await.status, 403, "items are everywhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_changed_and_put_out_by_an_administrator() {
    let house = House::furnished().await;
    let sven = sign_in(&house.running, "sven", "another good password").await;
    let easy = json!({"pin": "1234"});
    let answer = house.boss.put("/api/v1/people/anna", &easy).await;
    assert_eq!((answer.status, answer.code().as_str()), (422, "pin_unfit"));
    let roles = json!({"roles": [{"role": "auditor"}], "badge": "U-77", "pin": "5829"});
    assert_eq!(house.boss.put("/api/v1/people/anna", &roles).await.status, 204);
    let people = house.boss.get("/api/v1/people").await.json();
    let anna = people.as_array().unwrap().iter().find(|row| row["operator"] == "anna").unwrap();
    assert_eq!(anna["roles"], json!([{"role": "auditor", "location": null}]));
    assert_eq!((&anna["has_badge"], &anna["has_pin"]), (&json!(true), &json!(true)));
    assert!(!people.to_string().contains("argon2"), "verifiers are never shown");
    let out = json!({"disabled": true});
    assert_eq!(house.boss.put("/api/v1/people/sven", &out).await.status, 204);
    assert_eq!(sven.get("/api/v1/session").await.status, 401, "out at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_own_password_is_changed_with_the_old_one() {
    let house = House::furnished().await;
    let sven = sign_in(&house.running, "sven", "another good password").await;
    let other = sign_in(&house.running, "sven", "another good password").await;
    let wrong = json!({"current": "a wrong password", "new": "the next good password"});
    assert_eq!(sven.post("/api/v1/session/password", &wrong).await.code(), "sign_in_wrong");
    let right = json!({"current": "another good password", "new": "the next good password"});
    assert_eq!(sven.post("/api/v1/session/password", &right).await.status, 204);
    assert_eq!(sven.get("/api/v1/session").await.status, 200);
    assert_eq!(other.get("/api/v1/session").await.status, 401, "other sessions end");
    sign_in(&house.running, "sven", "the next good password").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_command_under_the_same_key_is_done_once() {
    let house = House::furnished().await;
    let desk = house.boss.with("idempotency-key", "adjust-1");
    let work = |quantity: &str| {
        json!({
            "kind": "adjust", "from": {"location": "MAIN", "bin": "A-02"}, "item": "BOLT",
            "quantity": quantity, "direction": "increase", "reason": "FOUND",
        })
    };
    let first = desk.post("/api/v1/work", &work("10")).await;
    assert_eq!(first.status, 200, "{first:?}");
    let again = desk.post("/api/v1/work", &work("10")).await;
    assert_eq!(again.json(), first.json());
    assert_eq!(house.on_hand("A-02", "BOLT").await.as_deref(), Some("10"));
    let other = desk.post("/api/v1/work", &work("11")).await;
    assert_eq!((other.status, other.code().as_str()), (409, "different_under_same_id"));
    let far = house.boss.post("/api/v1/work", &work("1e3")).await;
    assert_eq!((far.status, far.code().as_str()), (400, "malformed_request"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_hears_of_each_decision_and_of_the_end() {
    let house = House::furnished().await;
    let mut stream = tokio::net::TcpStream::connect(house.running.addr()).await.unwrap();
    let (name, value) = &house.boss.headers[0];
    let request = format!("GET /api/v1/events HTTP/1.1\r\nhost: x\r\n{name}: {value}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut heard = BufReader::new(stream).lines();
    let mut next_head = async || loop {
        let line = heard.next_line().await.unwrap()?;
        if let Some(lsn) = line.strip_prefix("data: ") {
            return Some(lsn.parse::<u64>().unwrap());
        }
    };
    let first = next_head().await.unwrap();
    let bin = json!({"put_bin": {"location": "MAIN", "bin": "NEW"}});
    let judged = house.boss.post("/api/v1/commands", &bin).await.json();
    let lsn = judged["lsn"].as_u64().unwrap();
    let mut latest = first;
    while latest < lsn {
        let next = next_head().await.unwrap();
        assert!(next > latest, "the numbers only rise");
        latest = next;
    }
    let stopping = tokio::spawn(house.running.stop());
    while next_head().await.is_some() {}
    assert_eq!(stopping.await.unwrap(), Health::Stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_figure_is_followed_back_to_the_operation_that_made_it() {
    let house = House::furnished().await;
    let path = "/api/v1/stock/entries?location=MAIN&bin=A-01&item=MILK&lot=L1";
    let entries = house.boss.get(path).await.json();
    let entry = &entries["rows"][0];
    assert_eq!((&entry["quantity"], &entry["reason"]), (&json!("12.5"), &json!("opening")));
    let operation = entry["operation"].as_str().unwrap();
    let detail = house.boss.get(&format!("/api/v1/operations/{operation}")).await.json();
    assert_eq!(detail["revisions"][0]["decision"], "accepted");
    assert!(detail["posted"]["item_entries"].as_array().unwrap().len() >= 2, "{detail}");
    let register = house.boss.get("/api/v1/operations?limit=2").await.json();
    assert_eq!(register["rows"].as_array().unwrap().len(), 2);
    assert!(register["next"].is_string());
    let card = house.boss.get("/api/v1/items/BOLT").await.json();
    assert_eq!((&card["on_hand"], &card["units"][1]["unit"]), (&json!("100"), &json!("BOX")));
    let order = house.boss.get("/api/v1/documents/purchase_order/PO-1").await.json();
    assert_eq!(order["lines"][0]["quantity"], "200");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_with_a_bad_row_changes_nothing_and_tells_every_row() {
    let house = House::empty().await;
    let mut bad = files();
    bad["opening_stock.csv"] = json!(
        "location,bin,item,quantity,lot\nMAIN,A-01,BOLT,1e3,\nMAIN,Z-99,BOLT,1,\nMAIN,A-01,MILK,1,\n"
    );
    let told = house.import(&bad, false).await;
    assert_eq!(told["done"], false);
    let lines: Vec<_> =
        told["faults"].as_array().unwrap().iter().map(|fault| fault["line"].clone()).collect();
    assert_eq!(lines, [json!(2), json!(3), json!(4)], "cells and rows in one go: {told}");
    bad["opening_stock.csv"] =
        json!("location,bin,item,quantity,lot\nMAIN,Z-99,BOLT,1,\nMAIN,A-01,MILK,1,\n");
    let told = house.import(&bad, false).await;
    let lines: Vec<_> =
        told["faults"].as_array().unwrap().iter().map(|fault| fault["column"].clone()).collect();
    assert_eq!(lines, [json!("bin"), json!("lot")]);
    assert_eq!(house.boss.get("/api/v1/locations").await.json(), json!([]), "nothing is there");
    let dry = house.import(&files(), true).await;
    assert_eq!((&dry["done"], &dry["faults"]), (&json!(false), &json!([])));
    assert_eq!(house.boss.get("/api/v1/locations").await.json(), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_ledger_would_refuse_is_told_before_anything_is_done() {
    let house = House::furnished().await;
    // The base unit is fixed once there are entries: only the judgement knows that.
    let change = json!({"items.csv": "item,base_unit\nBOLT,KG\nNUT,PCS\n"});
    let told = house.import(&change, false).await;
    assert_eq!(told["done"], false, "{told}");
    assert_eq!(
        (&told["faults"][0]["file"], &told["faults"][0]["line"], &told["faults"][0]["column"]),
        (&json!("items.csv"), &json!(2), &json!("base_unit"))
    );
    assert_eq!(house.boss.get("/api/v1/items/NUT").await.status, 404, "all or nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_with_the_same_number_is_done_once() {
    let house = House::furnished().await;
    let stock = "location,bin,item,quantity,lot,expiry\nMAIN,A-02,MILK,9,L9,2027-05-31\n";
    let more = json!({"opening_stock.csv": stock});
    let number = "00112233445566778899aabbccddeeff";
    for _time in 0..2 {
        let asked = json!({"files": more, "number": number});
        assert_eq!(house.boss.post("/api/v1/import", &asked).await.json()["done"], true);
    }
    assert_eq!(house.on_hand("A-02", "MILK").await.as_deref(), Some("9"));
    // Under another number the same stock is told, and not doubled.
    let told = house.import(&more, false).await;
    assert_eq!(told["done"], false, "{told}");
    assert_eq!(told["faults"][0]["column"], "item", "{told}");
    assert_eq!(house.on_hand("A-02", "MILK").await.as_deref(), Some("9"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_imported_elsewhere_exports_the_same() {
    let house = House::furnished().await;
    let mut exported = serde_json::Map::new();
    for file in crate::exchange::FILES {
        let answer = house.boss.get(&format!("/api/v1/export/{file}")).await;
        assert_eq!(answer.status, 200, "{file}: {answer:?}");
        exported.insert((*file).to_owned(), json!(answer.body));
    }
    assert!(exported["opening_stock.csv"].to_string().contains("12.5"), "{exported:?}");
    assert!(exported["purchase_orders.csv"].to_string().contains("BOX,4"), "{exported:?}");
    assert!(exported["operators.csv"].to_string().contains("$argon2id$"), "secrets as verifiers");
    let second = House::empty().await;
    let imported = second.import(&exported.clone().into(), false).await;
    assert_eq!((&imported["done"], &imported["faults"]), (&json!(true), &json!([])));
    for file in crate::exchange::FILES.iter().filter(|file| **file != "operators.csv") {
        let again = second.boss.get(&format!("/api/v1/export/{file}")).await.body;
        assert_eq!(json!(again), exported[*file], "{file}");
    }
    sign_in(&second.running, "sven", "another good password").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_everything_is_there_and_nobody_is_named_again() {
    let house = House::furnished().await;
    let House { folder, running, boss } = house;
    assert_eq!(running.stop().await, Health::Stopped);
    let again = start(folder.path()).await;
    assert_eq!(again.first_link(), None);
    let boss = Client { addr: again.addr(), ..boss };
    let session = boss.get("/api/v1/session").await;
    assert_eq!(session.status, 200, "a session outlives a restart: {session:?}");
    assert_eq!(boss.get("/api/v1/items/BOLT").await.json()["on_hand"], "100");
    let status = boss.get("/api/v1/status").await.json();
    assert_eq!((&status["company"], &status["alarms"]), (&json!("Tallyman"), &json!([])));
    assert_eq!(again.stop().await, Health::Stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_still_reads_is_waited_for_when_the_server_stops() {
    let House { folder, running, boss } = House::furnished().await;
    drop(boss);
    let held = running.app().company().held();
    let reads = running.app().company().snapshot();
    let reader = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        drop(reads);
    });
    assert_eq!(running.stop().await, Health::Stopped);
    assert!(!held.is_open(), "the folder is free for another process");
    reader.await.unwrap();
    Store::open(&Config::local(folder.path()).store_folder()).unwrap();
}
