//! What keeps strangers, programs and borrowed browsers in their bounds.

use protocol::frame::{Enrol, FaultCode, Frame, KeyAlgorithm};
use serde_bytes::ByteBuf;
use serde_json::json;

use super::house::{House, PASSWORD, sign_in};
use super::http::Client;
use super::socket::Socket;
use crate::config::Config;
use crate::secret::Masked;
use crate::server::Server;

/// A key of a program for `user` with `scopes`: its name in the list, and a client that shows it.
async fn key(house: &House, user: &str, scopes: &[&str]) -> (String, Client) {
    let asked = json!({"name": "robot", "user": user, "scopes": scopes, "days": 30});
    let made = house.boss.post("/api/v1/tokens", &asked).await;
    assert_eq!(made.status, 201, "{made:?}");
    let (id, token) = (made.json()["id"].clone(), made.json()["token"].clone());
    let token = token.as_str().unwrap();
    assert!(token.starts_with("tly_") && token.len() > 40, "{token}");
    let client = Client::new(house.running.addr());
    let client = client.with("authorization", &format!("Bearer {token}"));
    (id.as_str().unwrap().to_owned(), client)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_does_what_its_scopes_say_and_nothing_else() {
    let house = House::furnished().await;
    let (_id, reader) = key(&house, "boss", &["read"]).await;
    assert_eq!(reader.get("/api/v1/stock?location=MAIN").await.status, 200);
    assert_eq!(reader.get("/api/v1/session").await.json()["user"], "boss");
    let bin = json!({"put_bin": {"location": "MAIN", "bin": "NEW"}});
    let asked = json!({"name": "more", "user": "boss", "scopes": ["people"]});
    let people = json!({"name": "Anna", "password": "a password of my own"});
    for refused in [
        reader.post("/api/v1/commands", &bin).await,
        reader.get("/api/v1/people").await,
        reader.put("/api/v1/people/anna", &people).await,
        reader.get("/api/v1/export/operators.csv").await,
        reader.get("/api/v1/tokens").await,
        reader.post("/api/v1/tokens", &asked).await,
        reader.delete("/api/v1/session").await,
        reader.post("/api/v1/session/password", &json!({"current": PASSWORD, "new": "x"})).await,
    ] {
        assert_eq!((refused.status, refused.code().as_str()), (403, "token_scope"), "{refused:?}");
    }
    let page = reader.get("/now").await;
    assert_ne!(page.status, 200, "pages know nothing of keys: {page:?}");
    let (_id, writer) = key(&house, "boss", &["write", "write"]).await;
    assert_eq!(writer.post("/api/v1/commands", &bin).await.status, 200);
    // An administrator's key that may write may not give rights.
    let grant = json!({"grant_role": {"operator": "anna", "role": "administrator"}});
    let batch = json!({"batch": {"commands": [bin, grant]}});
    for command in [grant, batch] {
        let refused = writer.post("/api/v1/commands", &command).await;
        assert_eq!((refused.status, refused.code().as_str()), (403, "token_scope"), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_may_no_more_than_its_person_and_ends_when_it_is_revoked() {
    let house = House::furnished().await;
    let (id, sven) = key(&house, "sven", &["read", "write", "people"]).await;
    let bin = |location: &str| json!({"put_bin": {"location": location, "bin": "NEW"}});
    let work = |location: &str, bin: &str| {
        json!({
            "kind": "adjust", "from": {"location": location, "bin": bin}, "item": "BOLT",
            "quantity": "1", "direction": "increase", "reason": "FOUND",
        })
    };
    assert_eq!(sven.post("/api/v1/work", &work("MAIN", "A-01")).await.status, 200);
    for refused in [
        sven.post("/api/v1/work", &work("SHOP", "S-01")).await,
        sven.post("/api/v1/commands", &bin("SHOP")).await,
        sven.get("/api/v1/people").await,
    ] {
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (403, "right_missing"),
            "{refused:?}"
        );
    }
    let listed = house.boss.get("/api/v1/tokens").await;
    let row = &listed.json()[0];
    assert_eq!(
        (&row["id"], &row["user"], &row["by"]),
        (&json!(id), &json!("sven"), &json!("boss"))
    );
    assert!(!listed.body.contains("tly_"), "the key is shown once");
    let people = sign_in(&house.running, "sven", "another good password").await;
    assert_eq!(people.get("/api/v1/tokens").await.code(), "right_missing");
    assert_eq!(house.boss.delete(&format!("/api/v1/tokens/{id}")).await.status, 204);
    let after = sven.get("/api/v1/stock?location=MAIN").await;
    assert_eq!((after.status, after.code().as_str()), (401, "sign_in_required"));
    assert!(house.boss.get("/api/v1/tokens").await.json()[0]["revoked"].is_i64());
    assert_eq!(house.boss.delete("/api/v1/tokens/0011223344556677").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_somebody_who_was_put_out_work_no_longer() {
    let house = House::furnished().await;
    let (_id, sven) = key(&house, "sven", &["read"]).await;
    assert_eq!(sven.get("/api/v1/stock?location=MAIN").await.status, 200);
    let out = json!({"disabled": true});
    assert_eq!(house.boss.put("/api/v1/people/sven", &out).await.status, 204);
    assert_eq!(sven.get("/api/v1/stock?location=MAIN").await.status, 401);
    let nobody = json!({"name": "x", "user": "nobody", "scopes": ["read"]});
    for asked in [
        nobody,
        json!({"name": "x", "user": "sven", "scopes": ["read"]}),
        json!({"name": "", "user": "boss", "scopes": ["read"]}),
        json!({"name": "x", "user": "boss", "scopes": []}),
        json!({"name": "x", "user": "boss", "scopes": ["everything"]}),
        json!({"name": "x", "user": "boss", "scopes": ["read"], "days": 0}),
    ] {
        let refused = house.boss.post("/api/v1/tokens", &asked).await;
        assert!((400..500).contains(&refused.status), "{asked}: {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_never_takes_a_session_that_was_there_before() {
    let house = House::empty().await;
    let client = Client::new(house.running.addr());
    let asked = json!({"user": "boss", "password": PASSWORD});
    let cookie = |answer: &super::http::Answer| {
        let set = answer.header("set-cookie").expect("a cookie").to_owned();
        set.split(';').next().unwrap().to_owned()
    };
    // Somebody planted a session of their choice: it is not adopted.
    let planted = client.with("cookie", "tallyman_session=chosen-by-somebody-else");
    let first = cookie(&planted.post("/api/v1/session", &asked).await);
    assert!(!first.contains("chosen"), "{first}");
    assert_eq!(planted.get("/api/v1/session").await.status, 401);
    // Signing in again gives another one, and the former is gone.
    let before = client.with("cookie", &first);
    assert_eq!(before.get("/api/v1/session").await.status, 200);
    let second = cookie(&before.post("/api/v1/session", &asked).await);
    assert_ne!(first, second);
    assert_eq!(before.get("/api/v1/session").await.status, 401);
    assert_eq!(client.with("cookie", &second).get("/api/v1/session").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_send_no_more_than_a_sign_in_needs() {
    let house = House::furnished().await;
    let client = Client::new(house.running.addr());
    let asked = json!({"user": "u".repeat(17_000), "password": "x"});
    let refused = client.post("/api/v1/session", &asked).await;
    assert_eq!((refused.status, refused.code().as_str()), (413, "request_too_large"));
    let planted = client.with("cookie", "tallyman_session=guess");
    assert_eq!(planted.post("/api/v1/session", &asked).await.status, 413);
    // Who is signed in may send more, up to the limit of all.
    let bin = json!({"put_bin": {"location": "MAIN", "bin": "x".repeat(20_000)}});
    assert_eq!(house.boss.post("/api/v1/commands", &bin).await.code(), "malformed_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_headers_that_browsers_heed() {
    let house = House::empty().await;
    let client = Client::new(house.running.addr());
    for path in ["/login", "/api/v1/stock", "/nowhere", "/livez"] {
        let answer = client.get(path).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}: {answer:?}");
        }
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(answer.header("strict-transport-security"), None, "only where there is TLS");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scraper_sees_what_is_counted_and_nobody_else_does() {
    let folder = tempfile::tempdir().unwrap();
    let key = Some(Masked::new("scrape-me".to_owned()));
    let config = Config { metrics_key: key, ..Config::local(folder.path()) };
    assert!(!format!("{config:?}").contains("scrape-me"), "a set-up that is printed hides it");
    let running = Server::start(config).await.unwrap();
    let client = Client::new(running.addr());
    let shown = client.get("/metrics").await;
    assert_eq!(shown.status, 200, "{shown:?}");
    assert!(shown.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    for line in shown.body.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        assert!(name.starts_with("tallyman_"), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
        let bare = name.split('{').next().unwrap();
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| bare.strip_suffix(end))
            .filter(|family| shown.body.contains(&format!("# TYPE {family} histogram")));
        let family = family.unwrap_or(bare);
        assert!(shown.body.contains(&format!("# TYPE {family} ")), "no type of {line}");
    }
    assert!(shown.body.contains("\ntallyman_up 1\n"), "{}", shown.body);
    assert!(shown.body.contains("tallyman_commit_seconds_count "));
    for replicas in ["agreed_total", "differed_total", "unknown_total"] {
        assert!(shown.body.contains(&format!("\ntallyman_replicas_{replicas} 0\n")), "{replicas}");
    }
    // Through a proxy it comes from elsewhere.
    let carried = client.with("x-forwarded-for", "198.51.100.7");
    assert_eq!(carried.get("/metrics").await.status, 401);
    let wrong = carried.with("authorization", "Bearer scrape-you");
    assert_eq!(wrong.get("/metrics").await.status, 401);
    let right = carried.with("authorization", "Bearer scrape-me");
    assert_eq!(right.get("/metrics").await.status, 200);
    running.stop().await;
}

/// Somebody who wants to join with a code that nobody made.
fn no_code() -> Frame {
    Frame::Enrol(Enrol {
        code: ByteBuf::from([1; 16]),
        algorithm: KeyAlgorithm::Ed25519,
        public_key: ByteBuf::from([2; 32]),
        signature: ByteBuf::from([3; 64]),
        name: "H".to_owned(),
        model: String::new(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_storm_some_wait_and_the_others_are_told_when_to_come_back() {
    let folder = tempfile::tempdir().unwrap();
    // Two strangers at the same time: others are let through the door hardly faster than these leave.
    let config = Config { admissions_per_s: 8, connections_max: 4, ..Config::local(folder.path()) };
    let running = Server::start(config).await.unwrap();
    let addr = running.addr();
    let stranger = move || async move {
        let mut socket = Socket::open(addr).await;
        socket.send(&no_code()).await;
        socket.next().await.map(|(frame, _body)| frame)
    };
    let storm: Vec<_> = (0..60).map(|_n| tokio::spawn(stranger())).collect();
    let (mut answered, mut away) = (0, 0);
    for one in storm {
        match one.await.unwrap() {
            Some(Frame::Fault(fault)) => {
                assert_eq!(fault.code, FaultCode::ENROLMENT);
                answered += 1;
            }
            Some(Frame::Retry(retry)) => {
                assert!(retry.after_min_ms >= 500 && retry.after_max_ms > retry.after_min_ms);
                away += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(answered >= 20 && away >= 2, "{answered} answered, {away} sent away");
    let shown = Client::new(addr).get("/metrics").await.body;
    assert!(shown.contains(&format!("\ntallyman_turned_away_total {away}\n")), "{shown}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_turned_away_in_the_middle_of_a_word_still_hears_when_to_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { connections_max: 0, ..Config::local(folder.path()) };
    let running = Server::start(config).await.unwrap();
    let mut socket = Socket::open(running.addr()).await;
    for _n in 0..200 {
        socket.send(&no_code()).await;
        tokio::task::yield_now().await;
    }
    let Some((Frame::Retry(retry), _body)) = socket.next().await else {
        panic!("it is told when to come back");
    };
    assert!(retry.after_min_ms >= 5_000 && retry.after_max_ms > retry.after_min_ms, "{retry:?}");
    running.stop().await;
}
