//! The pages as a browser gets them.

use protocol::enrolment::Invitation;
use protocol::frame::Frame;
use protocol::operation::{Body, Place, Unidentified};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::house::{House, PASSWORD, start};
use super::http::Client;
use super::socket::{Socket, TestDevice};

/// Sends a filled form; gives the status, the head and the body of the answer.
pub(super) async fn form(
    client: &Client,
    path: &str,
    fields: &[(&str, &str)],
) -> (u16, String, String) {
    let pairs: Vec<(String, String)> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let body = crate::dashboard::query::Query::new(pairs).address("");
    let body = body.trim_start_matches('?');
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n\
         content-type: application/x-www-form-urlencoded\r\n",
        client.addr,
        body.len()
    );
    for (name, value) in &client.headers {
        request = format!("{request}{name}: {value}\r\n");
    }
    let mut stream = TcpStream::connect(client.addr).await.unwrap();
    stream.write_all(format!("{request}\r\n{body}").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), body.to_owned())
}

/// A stream of events.
struct Events {
    lines: BufReader<TcpStream>,
    head: String,
}

#[derive(Debug, Default)]
struct Event {
    name: String,
    id: Option<String>,
    data: String,
}

impl Events {
    async fn open(client: &Client, path: &str, headers: &[(&str, &str)]) -> Self {
        let mut request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n", client.addr);
        let own = client.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in own.chain(headers.iter().copied()) {
            request = format!("{request}{name}: {value}\r\n");
        }
        let mut stream = TcpStream::connect(client.addr).await.unwrap();
        stream.write_all(format!("{request}\r\n").as_bytes()).await.unwrap();
        let mut events = Self { lines: BufReader::new(stream), head: String::new() };
        loop {
            let line = events.line().await.expect("a head");
            if line.is_empty() {
                return events;
            }
            events.head = format!("{}{}\n", events.head, line.to_ascii_lowercase());
        }
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line).await.ok()?;
        (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// The next event; none when the stream ended. Sizes of chunks are passed over.
    async fn next(&mut self) -> Option<Event> {
        let mut event = Event::default();
        loop {
            let line = self.line().await?;
            if let Some(name) = line.strip_prefix("event: ") {
                name.clone_into(&mut event.name);
            } else if let Some(id) = line.strip_prefix("id: ") {
                event.id = Some(id.to_owned());
            } else if let Some(data) = line.strip_prefix("data: ") {
                data.clone_into(&mut event.data);
            } else if line.is_empty() && !event.name.is_empty() {
                return Some(event);
            }
        }
    }

    /// The names of the fragments before the next sign of life, and the id of the last one.
    async fn fragments(&mut self) -> (Vec<String>, Option<String>) {
        let (mut names, mut id) = (Vec::new(), None);
        loop {
            let event = self.next().await.expect("the stream lives");
            match event.name.as_str() {
                "tick" => return (names, id),
                "fragment" => {
                    let data: Value = serde_json::from_str(&event.data).unwrap();
                    names.push(data["name"].as_str().unwrap().to_owned());
                    id = event.id;
                }
                other => panic!("{other}"),
            }
        }
    }
}

/// A device that is connected.
async fn device(house: &House) -> (TestDevice, Socket) {
    let addr = house.running.addr();
    let code = house.boss.post("/api/v1/enrolment-codes", &json!({"site": "HALL"})).await.json();
    let invitation: Invitation = code["text"].as_str().unwrap().parse().unwrap();
    let mut device = TestDevice::enrol(addr, invitation.code).await.unwrap();
    let (socket, _welcome) = device.connect(addr).await;
    (device, socket)
}

/// A case: goods that nobody could name.
async fn park(house: &House) {
    let (mut device, mut socket) = device(house).await;
    TestDevice::subscribe(&mut socket).await;
    let place = Place {
        location: "MAIN".try_into().unwrap(),
        bin: Some("A-02".try_into().unwrap()),
        plate: None,
    };
    let raw = "NEWCODE-1".to_owned();
    let body = Body::Unidentified(Unidentified { place, raw, quantity: "3".parse().unwrap() });
    device.push(&mut socket, &body, None).await;
    socket
        .wait(|frame| match frame {
            Frame::Delta(delta) => delta.groups.into_iter().flat_map(|group| group.outcomes).next(),
            _ => None,
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_administrator_comes_in_by_the_link_and_a_browser() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path()).await;
    let browser = Client::new(running.addr());
    let waiting = browser.get("/login").await;
    assert!(waiting.body.contains("one-time link"), "{waiting:?}");
    let link = running.first_link().unwrap();
    let path = format!("/first/{}", link.rsplit('/').next().unwrap());
    assert_eq!(browser.get(&path).await.status, 200);
    let weak =
        form(&browser, &path, &[("user", "boss"), ("name", "Boss"), ("password", "x")]).await;
    assert_eq!(weak.0, 422);
    assert!(weak.2.contains("password_unfit") && weak.2.contains("value=\"Boss\""), "{}", weak.2);
    let filled = [("user", "boss"), ("name", "Boss"), ("password", PASSWORD)];
    let (status, head, _body) = form(&browser, &path, &filled).await;
    assert_eq!(status, 303);
    assert!(head.contains("location: /now") && head.contains("set-cookie: tallyman_session="));
    assert_eq!(browser.get(&path).await.status, 403, "the link works once");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_signed_in_signs_in_and_gets_where_they_wanted() {
    let house = House::furnished().await;
    let browser = Client::new(house.running.addr());
    for path in ["/stock?by=bin", "/nowhere", "/movements.csv", "/search?q=BOLT"] {
        let sent = browser.get(path).await;
        assert_eq!(sent.status, 303, "{path}");
        assert!(sent.header("location").unwrap().starts_with("/login?back=%2F"), "{sent:?}");
    }
    let page = browser.get("/login?back=%2Fstock%3Fby%3Dbin").await;
    assert!(page.body.contains("value=\"/stock?by=bin\""), "{page:?}");
    let wrong = [("user", "boss"), ("password", "no"), ("back", "/stock?by=bin")];
    let (status, _head, body) = form(&browser, "/login", &wrong).await;
    assert_eq!(status, 401);
    assert!(body.contains("sign_in_wrong") && body.contains("value=\"/stock?by=bin\""), "{body}");
    let right = [("user", "boss"), ("password", PASSWORD), ("back", "/stock?by=bin")];
    let (status, head, _body) = form(&browser, "/login", &right).await;
    assert_eq!(status, 303);
    assert!(head.contains("location: /stock?by=bin"), "{head}");
    let cookie = head.split("set-cookie: ").nth(1).unwrap().split(';').next().unwrap();
    // Header values were made lower case above; the token is asked for again as it is.
    assert!(cookie.starts_with("tallyman_session="));
    let foreign = [("user", "boss"), ("password", PASSWORD), ("back", "//evil.example")];
    let (_status, head, _body) = form(&browser, "/login", &foreign).await;
    assert!(head.contains("location: /now"), "{head}");
    let stock = house.boss.get("/stock?by=bin").await;
    assert_eq!(stock.status, 200);
    assert!(stock.body.contains("A-01"), "{stock:?}");
    assert_eq!(stock.header("cache-control"), Some("no-store"));
    assert!(stock.header("content-security-policy").unwrap().contains("default-src 'self'"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_handles_goods_is_told_why_not() {
    let house = House::furnished().await;
    let put = json!({"name": "Anna", "password": PASSWORD, "roles": [{"role": "operator"}]});
    let named = house.boss.put("/api/v1/people/anna", &put).await;
    assert!(named.status < 300, "{named:?}");
    let anna = super::house::sign_in(&house.running, "anna", PASSWORD).await;
    let refused = anna.get("/now").await;
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("right_missing") && refused.body.contains("blind count"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_not_there_says_so_with_a_code_and_a_way_on() {
    let house = House::furnished().await;
    for path in ["/items/NONE", "/nowhere", "/operations/1-1-1"] {
        let answer = house.boss.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(
            answer.body.contains("not_found") && answer.body.contains("href=\"/now\""),
            "{path}"
        );
    }
    let hostile = house.boss.get("/items/%3Cscript%3Ealert(1)%3C%2Fscript%3E").await;
    assert!(!hostile.body.contains("<script>alert"), "{hostile:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_the_pages_are_kept_for_ever_under_their_content() {
    let house = House::empty().await;
    let page = Client::new(house.running.addr()).get("/login").await.body;
    let style = page.split("href=\"").find(|part| part.contains("dashboard.css")).unwrap();
    let style = Client::new(house.running.addr()).get(style.split('"').next().unwrap()).await;
    assert_eq!(style.status, 200);
    assert!(style.header("cache-control").unwrap().contains("immutable"));
    assert!(style.header("content-type").unwrap().starts_with("text/css"));
    let old = Client::new(house.running.addr()).get("/assets/000000000000/main.js").await;
    assert_eq!((old.status, old.header("cache-control")), (200, Some("no-cache")));
    assert_eq!(Client::new(house.running.addr()).get("/assets/x/none.js").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_for_one_thing_leads_straight_to_it() {
    let house = House::furnished().await;
    for (asked, to) in [
        ("BOLT", "/items/BOLT"),
        ("4006381333931", "/items/BOLT"),
        ("A-02", "/bins/MAIN/A-02"),
        ("PO-1", "/documents/purchase_order/PO-1"),
    ] {
        let answer = house.boss.get(&format!("/search?q={asked}")).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some(to)), "{asked}");
    }
    let several = house.boss.get("/search?q=m8").await;
    assert!(several.status == 200 && several.body.contains("/items/BOLT"), "{several:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_sends_what_changed_and_nothing_twice() {
    let house = House::furnished().await;
    let gzip = [("accept-encoding", "gzip, br, zstd")];
    let mut events = Events::open(&house.boss, "/sse/stock?by=bin&since=0", &gzip).await;
    assert!(events.head.contains("content-type: text/event-stream"), "{}", events.head);
    assert!(!events.head.contains("content-encoding"), "{}", events.head);
    let (all, id) = events.fragments().await;
    assert_eq!(all, ["filters", "stale", "list"], "a reader from long ago gets everything");
    let before = id.unwrap();
    let found = json!({"kind": "adjust", "from": {"location": "MAIN", "bin": "A-02"},
        "item": "BOLT", "quantity": "4", "direction": "increase", "reason": "found"});
    let done = house.boss.post("/api/v1/work", &found).await;
    assert_eq!(done.status, 200, "{done:?}");
    let (changed, id) = loop {
        let (names, id) = events.fragments().await;
        if !names.is_empty() {
            break (names, id.unwrap());
        }
    };
    assert_eq!(changed, ["list"], "only what differs");
    assert!(id.parse::<u64>().unwrap() > before.parse().unwrap());
    drop(events);
    let seen = [("last-event-id", id.as_str())];
    let mut again = Events::open(&house.boss, "/sse/stock?by=bin&since=0", &seen).await;
    let (names, _id) = again.fragments().await;
    assert_eq!(names, Vec::<String>::new(), "who has seen it gets nothing twice");
    let missed = [("last-event-id", before.as_str())];
    let mut late = Events::open(&house.boss, "/sse/stock?by=bin", &missed).await;
    assert!(late.fragments().await.0.contains(&"list".to_owned()), "who has missed it gets it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_a_session_sends_the_reader_to_sign_in() {
    let house = House::empty().await;
    let stranger = Client::new(house.running.addr());
    for path in ["/sse/now", "/sse/nowhere"] {
        let mut events = Events::open(&stranger, path, &[("connection", "close")]).await;
        assert_eq!(events.next().await.unwrap().name, "reload", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_acts_without_a_session_is_sent_to_sign_in_and_nothing_is_done() {
    let house = House::furnished().await;
    park(&house).await;
    let stranger = Client::new(house.running.addr());
    let case = |body: &str| body.contains("Would post");
    assert!(case(&house.boss.get("/workbench/1").await.body));
    for path in [
        "/workbench/1",
        "/devices/enrol",
        "/devices/1/suspend",
        "/backup",
        "/documents/transfer_order/TO-1/close",
        "/counts/ask",
        "/tasks/1/assign",
        "/gaps/1/1/1",
        "/money/act/adjust",
    ] {
        let (status, head, body) = form(&stranger, path, &[("version", "1")]).await;
        assert_eq!(status, 303, "{path}: {body}");
        let back = format!("/login?back={}", crate::dashboard::query::encoded(path));
        assert!(head.contains(&back.to_lowercase()), "{path}: {head}");
    }
    assert!(case(&house.boss.get("/workbench/1").await.body), "the case is open still");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_supervisors_decide_and_the_second_sees_who_was_first() {
    let house = House::furnished().await;
    park(&house).await;
    let case = house.boss.get("/workbench/1").await;
    assert!(case.body.contains("NEWCODE-1") && case.body.contains("Would post"), "{case:?}");
    let filled = [
        ("version", "1"),
        ("choice", "correct"),
        ("c_kind", "receive"),
        ("c_item", "BOLT"),
        ("c_quantity", "3"),
        ("c_unit", "PCS"),
        ("c_to_location", "MAIN"),
        ("c_to_bin", "A-02"),
    ];
    let mut unknown = filled;
    unknown[3] = ("c_item", "NONE");
    let (status, _head, body) = form(&house.boss, "/workbench/1", &unknown).await;
    assert_eq!(status, 422);
    assert!(
        body.contains("item_unknown") && body.contains("value=\"NONE\""),
        "what was typed stays"
    );
    let (status, head, body) = form(&house.boss, "/workbench/1", &filled).await;
    assert_eq!(status, 303, "{body}");
    assert!(head.contains("location: /workbench/1"));
    assert_eq!(house.on_hand("A-02", "BOLT").await.as_deref(), Some("3"));
    let late = [("version", "1"), ("choice", "dismiss")];
    let (status, _head, body) = form(&house.boss, "/workbench/1", &late).await;
    assert_eq!(status, 200, "no error");
    assert!(body.contains("Already decided by Boss"), "{body}");
    assert_eq!(house.on_hand("A-02", "BOLT").await.as_deref(), Some("3"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_let_in_and_out_on_pages() {
    let house = House::furnished().await;
    let (status, _head, body) = form(&house.boss, "/devices/enrol", &[("site", "HALL")]).await;
    assert_eq!(status, 200);
    assert!(body.contains("<svg") && body.contains("data-expires="), "{body}");
    let text = body.split("TALLYMAN1:").nth(1).unwrap().split('<').next().unwrap();
    let invitation: Invitation = format!("TALLYMAN1:{text}").parse().unwrap();
    let state = body.split("href=\"").find(|part| part.starts_with("/devices/enrolment/")).unwrap();
    let state = state.split('"').next().unwrap();
    assert!(house.boss.get(state).await.body.contains("Waiting for the device"));
    let device = TestDevice::enrol(house.running.addr(), invitation.code).await.unwrap();
    assert!(house.boss.get(state).await.body.contains("H-01"));
    let path = format!("/devices/{}", device.device);
    for (action, fields, status, shows) in [
        ("suspend", &[][..], 303, "suspended"),
        ("resume", &[], 303, "offline"),
        ("revoke", &[("name", "H-02")], 422, "offline"),
        ("lost", &[("name", "H-01")], 303, "declared lost"),
        ("revoke", &[("name", "H-01")], 303, "revoked"),
        ("dance", &[], 404, "revoked"),
    ] {
        let done = form(&house.boss, &format!("{path}/{action}"), fields).await;
        assert_eq!(done.0, status, "{action}: {}", done.2);
        let page = house.boss.get(&path).await.body;
        let badge = page.split("class=\"badge").nth(1).unwrap().split("</span>").next().unwrap();
        assert!(badge.contains(shows), "{action}: {badge}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_waits_until_its_six_digits_are_compared() {
    let house = House::furnished().await;
    for (answer, shows) in [("resume", "offline"), ("refuse", "revoked")] {
        let asked = [("site", "HALL"), ("compare", "yes")];
        let (_status, _head, body) = form(&house.boss, "/devices/enrol", &asked).await;
        let text = body.split("TALLYMAN1:").nth(1).unwrap().split('<').next().unwrap();
        let invitation: Invitation = format!("TALLYMAN1:{text}").parse().unwrap();
        let code = data_encoding::HEXLOWER.encode(&crate::secret::sha256(&invitation.code));
        let device = TestDevice::enrol(house.running.addr(), invitation.code).await.unwrap();
        let digits = protocol::enrolment::comparison(&device.public_key());
        let path = format!("/devices/{}", device.device);
        for page in [format!("/devices/enrolment/{code}"), path.clone()] {
            let page = house.boss.get(&page).await.body;
            assert!(page.contains(&digits), "{digits}: {page}");
        }
        assert_eq!(form(&house.boss, &format!("{path}/{answer}"), &[]).await.0, 303);
        let page = house.boss.get(&path).await.body;
        let badge = page.split("class=\"badge").nth(1).unwrap().split("</span>").next().unwrap();
        assert!(badge.contains(shows), "{answer}: {badge}");
        let page = house.boss.get(&format!("/devices/enrolment/{code}")).await.body;
        assert!(!page.contains(&digits), "{page}");
        let late = form(&house.boss, &format!("{path}/refuse"), &[]).await;
        assert_eq!(late.0, 404, "only who waits is refused without its name");
        if answer == "resume" {
            assert_eq!(form(&house.boss, &format!("{path}/suspend"), &[]).await.0, 303);
            assert!(!house.boss.get(&path).await.body.contains(&digits), "they were compared");
            let late = form(&house.boss, &format!("{path}/refuse"), &[]).await;
            assert_eq!(late.0, 404, "to be suspended is not to wait for the comparison");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connected_device_shows_what_it_says_of_itself() {
    let house = House::furnished().await;
    let (device, _socket) = device(&house).await;
    let page = house.boss.get(&format!("/devices/{}", device.device)).await.body;
    let badge = page.split("class=\"badge").nth(1).unwrap().split("</span>").next().unwrap();
    assert!(badge.contains("online"), "{badge}");
    assert!(page.contains("<dt>Version</dt><dd>test</dd>"), "{page}");
    let list = house.boss.get("/devices?state=online").await.body;
    assert!(list.contains("H-01") && list.contains("<td>test</td>"), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_cannot_act_here() {
    let house = House::furnished().await;
    let elsewhere = house.boss.with("sec-fetch-site", "cross-site");
    for path in ["/logout", "/devices/enrol", "/workbench/1", "/preferences"] {
        assert_eq!(form(&elsewhere, path, &[("site", "HALL")]).await.0, 403, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn language_and_colours_are_kept_and_lead_back() {
    let house = House::furnished().await;
    let chosen =
        [("language", "da"), ("theme", "dark"), ("keys", "off"), ("back", "/stock?by=bin")];
    let (status, head, _body) = form(&house.boss, "/preferences", &chosen).await;
    assert_eq!(status, 303);
    assert!(head.contains("location: /stock?by=bin"), "{head}");
    for cookie in ["tallyman_language=da", "tallyman_theme=dark", "tallyman_keys=off"] {
        assert!(head.contains(cookie), "{head}");
    }
    let cookies = "tallyman_language=da; tallyman_theme=dark; tallyman_keys=off";
    let page = house.boss.with("cookie", cookies).get("/now").await.body;
    assert!(page.contains("<html lang=\"da\" data-theme=\"dark\">"), "{page:.300}");
    assert!(page.contains("data-keys=\"off\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_register_comes_as_a_file_without_formulas() {
    let house = House::furnished().await;
    park(&house).await;
    let file = house.boss.get("/movements.csv?kind=unidentified").await;
    assert_eq!(file.status, 200, "{file:?}");
    assert!(file.header("content-type").unwrap().starts_with("text/csv"));
    let lines: Vec<&str> = file.body.lines().collect();
    assert!(lines[0].starts_with("operation,done_at,error_us,received_at,device,operator,kind"));
    assert_eq!(lines.len(), 2, "{}", file.body);
    assert!(
        lines[1].contains("H-01,anna,unidentified") && lines[1].contains("parked,1,scan_unknown")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_arrives_is_closed_on_the_page_of_its_transfer() {
    let house = House::furnished().await;
    let page = "/documents/transfer_order/TO-1";
    assert!(!house.boss.get(page).await.body.contains("On the way"), "nothing was shipped");
    let work = |kind: &str, end: &str, at: (&str, &str), quantity: &str| {
        json!({
            "kind": kind, end: {"location": at.0, "bin": at.1}, "item": "BOLT", "quantity": quantity,
            "document": {"kind": "transfer_order", "no": "TO-1", "line": 10},
        })
    };
    for asked in [
        work("transfer_ship", "from", ("MAIN", "A-01"), "3"),
        work("transfer_receive", "to", ("SHOP", "S-01"), "1"),
    ] {
        let answer = house.boss.post("/api/v1/work", &asked).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let body = house.boss.get(page).await.body;
    assert!(body.contains("On the way") && body.contains("<strong>2 PCS"), "{body}");
    let close = format!("{page}/close");
    let nowhere = form(&house.boss, &close, &[("line", "10"), ("found", "MOON")]).await;
    assert_eq!(nowhere.0, 422, "{}", nowhere.2);
    let fields = [("line", "10"), ("found", "SHOP"), ("bin", "S-01")];
    assert_eq!(form(&house.boss, &close, &fields).await.0, 303);
    assert!(!house.boss.get(page).await.body.contains("On the way"));
    let stock = house.boss.get("/api/v1/stock?location=SHOP&bin=S-01").await.json();
    assert_eq!(stock["rows"][0]["quantity"], "3", "{stock}");
    let again = form(&house.boss, &close, &fields).await;
    assert_eq!(again.0, 422, "{}", again.2);
}
