//! Every flow of the handheld, from its screens through a real server to the book and the pages of the
//! desk: a person scans what is printed on labels, and everything else follows.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use device_core::device::{Device, Settings};
use handheld::Served;
use serde_json::{Value, json};
use server::exchange::read::read_files;
use tokio::runtime::Runtime;

use crate::house::{House, NUT, OPERATOR, runtime, until};

/// The GTIN of BOLT.
const BOLT: &str = "5012345678900";
/// The barcode of DRILL, whose every piece has a serial number.
const DRILL: &str = "DRILL-EAN";
/// The label of a case of MILK: GTIN 09506000134352, best before 2027-03-31, lot LOT7 (GS1 General
/// Specifications, 3.2), with the prefix that a scanner sends for a GS1 DataMatrix.
const MILK: &str = "]d2010950600013435217270331\u{1D}10LOT7";
/// A GTIN that nobody has told the company of.
const NEW: &str = "5701234567899";
/// Who decides at the desk: name and password.
const SUPERVISOR: (&str, &str) = ("SUP", "a-long-password");
/// How long a program may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Two halls of one site with the goods on their way in between, and orders of each kind.
const COMPANY: [(&str, &str); 11] = [
    ("tracking_codes.csv", "code,lot,serial,expiry\nBYLOT,yes,no,yes\nBYSERIAL,no,yes,no\n"),
    (
        "items.csv",
        "item,description,base_unit,precision,count_tolerance,tracking_code\n\
         NUT,The nut,PCS,1,2,\nBOLT,The bolt,PCS,1,2,\nWASHER,The washer,PCS,1,2,\n\
         MILK,The milk,PCS,1,,BYLOT\nDRILL,The drill,PCS,1,,BYSERIAL\n",
    ),
    (
        "identifiers.csv",
        "code,item\n4006381333931,NUT\n5012345678900,BOLT\n09506000134352,MILK\nDRILL-EAN,DRILL\n",
    ),
    ("sites.csv", "site\nMAIN\n"),
    (
        "locations.csv",
        "location,name,site,time_zone,bin_mandatory,in_transit,receipt_bin,shipment_bin\n\
         MAIN,The hall,MAIN,Europe/Copenhagen,yes,no,DOCK,SHIP\n\
         BACK,The yard,MAIN,Europe/Copenhagen,yes,no,GATE,\n\
         WAY,The truck,MAIN,Europe/Copenhagen,no,yes,,\n",
    ),
    (
        "bins.csv",
        "location,bin,kind\nMAIN,DOCK,receipt\nMAIN,SHIP,shipment\nMAIN,Q,question\n\
         MAIN,A,\nMAIN,B,\nMAIN,C,\nBACK,GATE,receipt\n",
    ),
    (
        "operators.csv",
        "operator,name,roles,badge,pin,password\n\
         OP,Olga,operator@MAIN operator@BACK,BADGE-OP,4711,\n\
         SUP,Supervisor,supervisor@MAIN supervisor@BACK supervisor@WAY,,,a-long-password\n",
    ),
    ("opening_stock.csv", "location,bin,item,quantity\nMAIN,A,NUT,100\nMAIN,B,BOLT,60\n"),
    (
        "purchase_orders.csv",
        "document,partner_name,location,line,item,quantity\n\
         PO1,Steel Works,MAIN,10000,NUT,40\nPO1,Steel Works,MAIN,20000,DRILL,3\n\
         PO1,Steel Works,MAIN,30000,MILK,24\n",
    ),
    (
        "sales_orders.csv",
        "document,partner_name,location,line,item,quantity\nSO1,The shop,MAIN,10000,NUT,5\n",
    ),
    (
        "transfer_orders.csv",
        "document,location,to_location,in_transit,line,item,quantity\n\
         TO1,MAIN,BACK,WAY,10000,BOLT,4\n",
    ),
];

/// A browser of a few lines: addresses, a cookie, forms.
struct Browser {
    address: SocketAddr,
    cookie: String,
}

/// Status, head and body of an answer.
struct Answer(u16, String, String);

impl Browser {
    const fn new(address: SocketAddr) -> Self {
        Self { address, cookie: String::new() }
    }

    fn send(&self, what: &str, (kind, body): (&str, &str)) -> Answer {
        let Self { address, cookie } = self;
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket that can wait");
        let n = body.len();
        let request = format!(
            "{what} HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nCookie: {cookie}\r\n\
             Connection: close\r\nContent-Type: {kind}\r\nContent-Length: {n}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Answer(status.expect("a status"), head.to_owned(), body.to_owned())
    }

    /// Keeps the cookie of an answer that leads on.
    fn enter(&mut self, Answer(status, head, body): &Answer) {
        assert_eq!(*status, 303, "{head} {body}");
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        let cookie = lines.find(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        let cookie = cookie.and_then(|(_, cookie)| cookie.split(';').next()).expect("a cookie");
        cookie.clone_into(&mut self.cookie);
    }

    fn get(&self, path: &str) -> String {
        let Answer(status, _head, body) = self.send(&format!("GET {path}"), ("text/plain", ""));
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    fn look(&self, path: &str) -> Value {
        serde_json::from_str(&self.get(path)).expect("JSON")
    }

    fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let encoded = |text: &str| {
            text.bytes().fold(String::new(), |encoded, byte| encoded + &format!("%{byte:02X}"))
        };
        let pairs = form.iter().map(|(name, text)| format!("{name}={}", encoded(text)));
        let body = pairs.collect::<Vec<_>>().join("&");
        self.send(&format!("POST {path}"), ("application/x-www-form-urlencoded", &body))
    }
}

/// A person with the handheld. Nothing that they do meets a red page, unless they say so.
struct Gun<'r> {
    runtime: &'r Runtime,
    served: Option<Served>,
    browser: Browser,
    /// The answer to the last deed.
    seen: Value,
}

impl<'r> Gun<'r> {
    /// Enrolled, with the rows of its site, and the operator signed in for the hall MAIN.
    fn at_work(house: &House, runtime: &'r Runtime) -> Self {
        let device = Device::open(&house.device_folder(), Settings::default());
        let device = device.expect("the device opens");
        let served = runtime.block_on(handheld::serve_device(device, 0, None));
        let served = served.expect("the app starts");
        let mut browser = Browser::new(served.address());
        browser.enter(&browser.send(&format!("GET /start/{}", served.token()), ("text/plain", "")));
        let mut gun = Self { runtime, served: Some(served), browser, seen: Value::Null };
        let code = house.invitation().encode().expect("a code has a text");
        gun.does("enrol", &code);
        until("the people arrive", || gun.browser.get("/").contains("Olga").then_some(()));
        gun.waits("the rows arrive", |state| state["status"]["ready"] == true);
        gun.scan(&format!("U:{}", OPERATOR.1)).gladly("pin", OPERATOR.2);
        gun.works_at("MAIN");
        gun
    }

    fn does(&mut self, deed: &str, text: &str) -> &mut Self {
        let body = json!({ "text": text }).to_string();
        let Answer(status, _head, body) =
            self.browser.send(&format!("POST /api/{deed}"), ("application/json", &body));
        assert_eq!(status, 200, "{deed} {text}: {body}");
        self.seen = serde_json::from_str(&body).expect("JSON");
        self
    }

    fn gladly(&mut self, deed: &str, text: &str) -> &mut Self {
        self.does(deed, text);
        assert_ne!(self.seen["signal"], "stop", "{deed} {text}: {}", self.seen);
        self
    }

    fn works_at(&mut self, location: &str) -> &mut Self {
        self.gladly("location", location);
        assert_eq!(self.seen["status"]["location"], location, "{}", self.seen);
        self
    }

    fn start(&mut self, flow: &str) -> &mut Self {
        self.gladly("start", flow);
        assert_eq!(self.seen["page"], "flow", "{flow}: {}", self.seen);
        self
    }

    /// A scan of what is printed on a label.
    fn scan(&mut self, label: &str) -> &mut Self {
        self.gladly("scan", label)
    }

    /// A scan of one label after the other.
    fn scans(&mut self, labels: &[&str]) -> &mut Self {
        for label in labels {
            self.scan(label);
        }
        self
    }

    /// What is typed into the open field.
    fn key(&mut self, typed: &str) -> &mut Self {
        self.gladly("key", typed)
    }

    /// The row of the list that has this text.
    fn choose(&mut self, text: &str) -> &mut Self {
        let screen = &self.seen["screen"];
        let rows = |list: &str| screen[list].as_array().cloned().unwrap_or_default();
        let mut rows = rows("choices").into_iter().chain(rows("exceptions"));
        let row = rows.find(|row| row["text"]["id"] == text);
        let row = row.unwrap_or_else(|| panic!("{text} is not offered: {}", self.seen));
        let id = row["id"].as_str().expect("a number").to_owned();
        self.gladly("choose", &id)
    }

    /// The primary button.
    fn ok(&mut self) -> &mut Self {
        self.gladly("confirm", "")
    }

    /// So many operations were recorded by the last deed; gives the names, as the list of one's own has them.
    fn recorded(&mut self, n: usize) -> Vec<String> {
        assert_eq!(self.seen["signal"], "complete", "{}", self.seen);
        let names = self.seen["recorded"].as_array().expect("a list");
        assert_eq!(names.len(), n, "{}", self.seen);
        names.iter().map(|name| format!("{}-{}", name["incarnation"], name["seq"])).collect()
    }

    /// Waits until the screens say so.
    fn waits(&self, what: &str, is_so: impl Fn(&Value) -> bool) {
        until(what, || is_so(&self.browser.look("/api/state")).then_some(()));
    }

    /// Kind and state of each of one's own operations, the oldest first, when all have an outcome.
    fn outcomes(&mut self) -> Vec<String> {
        self.does("try-now", "");
        let pending = json!({ "unsent": 0, "unanswered": 0 });
        until("every operation has its outcome", || {
            (self.browser.look("/api/pending") == pending).then_some(())
        });
        let list = self.browser.look("/api/operations");
        let list = list["operations"].as_array().expect("a list");
        let of = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
        list.iter().rev().map(|one| of(one, "kind") + " " + &of(one, "state")).collect()
    }

    /// The person goes home.
    fn end(&mut self) {
        let served = self.served.take().expect("it is there");
        self.runtime.block_on(served.stop());
    }
}

/// A supervisor at the desk.
struct Desk(Browser);

impl Desk {
    fn open(house: &House) -> Self {
        let mut browser = Browser::new(SocketAddr::from(([127, 0, 0, 1], house.port())));
        let (user, password) = SUPERVISOR;
        let form = [("user", user), ("password", password), ("back", "/now")];
        browser.enter(&browser.post("/login", &form));
        Self(browser)
    }

    /// What lies where of an item: location, bin, quantity, and lot or serial where there is one.
    fn stock(&self, item: &str) -> BTreeSet<String> {
        let page = self.0.look(&format!("/api/v1/stock?item={item}"));
        let text =
            |value: &Value| value.as_str().map(|text| format!(" {text}")).unwrap_or_default();
        let rows = page["rows"].as_array().expect("a list").iter();
        let rows = rows.filter(|row| row["quantity"] != "0");
        rows.map(|row| {
            let [lot, serial, expiry] =
                ["lot", "serial", "expiry"].map(|name| text(&row["tracking"][name]));
            let [place, bin, quantity] =
                ["location", "bin", "quantity"].map(|name| text(&row[name]));
            format!("{}{bin}{quantity}{lot}{serial}{expiry}", place.trim_start())
        })
        .collect()
    }

    /// What of the first line of a document was done: handled, picked, received at the other end.
    fn line(&self, document: &str, line: u64) -> [String; 3] {
        let seen = self.0.look(&format!("/api/v1/documents/{document}"));
        let mut lines = seen["lines"].as_array().expect("a list").iter();
        let line = lines.find(|row| row["line"] == line).expect("the order has the line");
        ["handled", "picked", "received"]
            .map(|name| line[name].as_str().unwrap_or_default().to_owned())
    }

    /// The words of a page of the dashboard.
    fn words(&self, path: &str) -> String {
        words(&self.0.get(path))
    }
}

/// The words in the middle of a page.
fn words(page: &str) -> String {
    let (_before, main) = page.split_once("<main").expect("a page");
    let main = main.split("</main>").next().unwrap_or_default();
    let parts = main.split('<').filter_map(|part| part.split_once('>'));
    let words: Vec<&str> = parts.flat_map(|(_tag, text)| text.split_whitespace()).collect();
    words.join(" ")
}

/// The company at work.
fn house() -> House {
    house_of(COMPANY)
}

fn house_of<const N: usize>(files: [(&str, &str); N]) -> House {
    let house = House::empty();
    let files = files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
    house.import(&read_files(files.to_vec()).expect("rows without a fault"));
    house
}

fn set<const N: usize>(rows: [&str; N]) -> BTreeSet<String> {
    rows.map(str::to_owned).into()
}

fn all(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn each_flow_of_the_handheld_ends_in_the_book_with_the_server_away_in_the_middle() {
    let runtime = runtime();
    let mut house = house();
    let mut gun = Gun::at_work(&house, &runtime);
    gun.start("receive").scans(&["D:PO1", NUT, NUT]).key("30").ok().recorded(1);
    gun.start("put_away").scans(&["B:DOCK", NUT]).key("20").scan("B:C").ok().recorded(1);
    gun.outcomes();
    house.stop();
    gun.waits("the server is missed", |state| state["status"]["link"] != "online");
    gun.start("pick").scans(&["D:SO1", "B:A", NUT]).key("5").recorded(1);
    gun.start("ship").scans(&["D:SO1", NUT]).key("5").ok().recorded(1);
    gun.start("move").scans(&["B:C", NUT]).key("4").scan("B:B").ok().recorded(1);
    gun.start("count").scans(&["B:A", NUT]).key("94").ok().recorded(1);
    gun.start("count_bin").scans(&["B:B", BOLT]).key("59").ok();
    gun.scan(NUT).key("4").ok().ok().recorded(1);
    assert_eq!(gun.browser.look("/api/pending")["unsent"], 5, "safe here, and nowhere else");
    house.start();
    gun.start("adjust").scans(&["B:B", BOLT]).choose("choice-less").key("3");
    gun.choose("reason-damaged").ok().recorded(1);
    let outcomes = gun.outcomes();
    let kinds = ["sign_in", "receive", "move", "pick", "ship", "move", "count", "count_bin"];
    let expected = kinds.iter().chain(&["adjust"]).map(|kind| format!("{kind} accepted"));
    assert_eq!(outcomes, expected.collect::<Vec<_>>());
    let desk = Desk::open(&house);
    let nuts = ["MAIN A 94", "MAIN B 4", "MAIN C 16", "MAIN DOCK 10"];
    assert_eq!(desk.stock("NUT"), set(nuts));
    assert_eq!(desk.stock("BOLT"), set(["MAIN B 56"]));
    assert_eq!(desk.line("purchase_order/PO1", 10_000), ["30", "0", "0"]);
    assert_eq!(desk.line("sales_order/SO1", 10_000), ["5", "5", "0"]);
    let page = desk.words("/stock/item/NUT");
    assert!(page.contains("On hand 124 ") && page.contains("A MAIN NUT 94 "), "{page}");
    gun.end();
    house.stop();
}

#[test]
fn a_transfer_is_shipped_in_one_hall_and_received_in_the_other() {
    let runtime = runtime();
    let mut house = house();
    let mut gun = Gun::at_work(&house, &runtime);
    gun.start("transfer_ship").scans(&["D:TO1", "B:B", BOLT]).key("4").ok().recorded(1);
    assert_eq!(gun.outcomes(), all(&["sign_in accepted", "transfer_ship accepted"]));
    let desk = Desk::open(&house);
    assert_eq!(desk.stock("BOLT"), set(["MAIN B 56", "WAY 4"]));
    house.stop();
    gun.works_at("BACK").start("transfer_receive");
    gun.scans(&["D:TO1", BOLT]).key("4").ok().recorded(1);
    house.start();
    assert_eq!(gun.outcomes()[2..], all(&["transfer_receive accepted"]));
    assert_eq!(desk.stock("BOLT"), set(["BACK GATE 4", "MAIN B 56"]));
    assert_eq!(desk.line("transfer_order/TO1", 10_000), ["4", "0", "4"]);
    let page = desk.words("/bins/BACK/GATE");
    assert!(page.contains("BOLT"), "{page}");
    gun.end();
    house.stop();
}

#[test]
fn serials_lots_and_dates_on_labels_are_in_the_book() {
    let runtime = runtime();
    let mut house = house();
    let mut gun = Gun::at_work(&house, &runtime);
    gun.start("receive").scans(&["D:PO1", DRILL, "S-1", "S-2"]).ok().recorded(2);
    house.stop();
    gun.scan(MILK).key("12").ok().recorded(1);
    gun.start("move").scans(&["B:DOCK", "S-2", "B:A"]).ok().recorded(1);
    gun.start("move").scans(&["B:DOCK", MILK]).key("5").scan("B:C").ok().recorded(1);
    house.start();
    let mine = ["sign_in", "receive", "receive", "receive", "move", "move"];
    assert_eq!(gun.outcomes(), mine.map(|kind| format!("{kind} accepted")));
    let desk = Desk::open(&house);
    assert_eq!(desk.stock("DRILL"), set(["MAIN A 1 S-2", "MAIN DOCK 1 S-1"]));
    let milk = ["MAIN C 5 LOT7 2027-03-31", "MAIN DOCK 7 LOT7 2027-03-31"];
    assert_eq!(desk.stock("MILK"), set(milk));
    assert_eq!(desk.line("purchase_order/PO1", 20_000)[0], "2");
    assert_eq!(desk.line("purchase_order/PO1", 30_000)[0], "12");
    let page = desk.words("/stock/item/MILK");
    assert!(page.contains("On hand 12 ") && page.contains("LOT7"), "{page}");
    gun.end();
    house.stop();
}

#[test]
fn an_unknown_code_is_recorded_bound_by_a_supervisor_and_known_at_the_next_scan() {
    let runtime = runtime();
    let mut house = house();
    let mut gun = Gun::at_work(&house, &runtime);
    let scanned = format!("]E0{NEW}");
    gun.start("receive").does("scan", &scanned);
    assert_eq!(gun.seen["screen"]["notice"]["code"], "scan_unknown", "{}", gun.seen);
    gun.choose("choice-unidentified").key("6").ok().recorded(1);
    assert_eq!(gun.outcomes()[1..], all(&["unidentified parked"]));
    let desk = Desk::open(&house);
    let cases = desk.0.look("/api/v1/cases");
    let case = &cases["rows"][0];
    let form = [
        ("version", &*case["version"].to_string()),
        ("choice", "correct"),
        ("c_kind", "receive"),
        ("c_item", "WASHER"),
        ("c_quantity", "6"),
        ("c_to_location", "MAIN"),
        ("c_to_bin", "DOCK"),
        ("remark", "read the box"),
    ];
    let Answer(status, _head, page) = desk.0.post(&format!("/workbench/{}", case["case"]), &form);
    assert_eq!(status, 303, "{}", words(&page));
    assert_eq!(desk.stock("WASHER"), set(["MAIN DOCK 6"]));
    gun.start("look_up");
    until("the code is known here", || {
        (gun.does("scan", NEW).seen["signal"] == "good").then_some(())
    });
    house.stop();
    gun.start("move").scans(&["B:DOCK", NEW]).key("2").scan("B:A").ok().recorded(1);
    house.start();
    assert_eq!(gun.outcomes()[1..], all(&["unidentified restated", "move accepted"]));
    assert_eq!(desk.stock("WASHER"), set(["MAIN A 2", "MAIN DOCK 4"]));
    let page = desk.words("/stock/item/WASHER");
    assert!(page.contains("On hand 6 ") && page.contains("A MAIN WASHER 2 "), "{page}");
    assert!(desk.words("/items/WASHER").contains(NEW), "the code is on the card of the item");
    gun.end();
    house.stop();
}

#[test]
fn what_was_done_is_taken_back_from_the_list_of_my_last_scans() {
    let runtime = runtime();
    let mut house = house();
    let mut gun = Gun::at_work(&house, &runtime);
    let first = gun.start("receive").scans(&["D:PO1", NUT]).key("30").ok().recorded(1);
    gun.start("move").scans(&["B:A", NUT]).key("7").scan("B:C").ok().recorded(1);
    gun.outcomes();
    house.stop();
    let page = gun.browser.get("/mine");
    assert!(page.contains("/do/undo-operation") && page.contains(&first[0]), "{page}");
    gun.gladly("undo-operation", &first[0]).recorded(1);
    house.start();
    let mine = gun.outcomes();
    assert_eq!(mine.last().map(String::as_str), Some("undo accepted"), "{mine:?}");
    let desk = Desk::open(&house);
    assert_eq!(desk.stock("NUT"), set(["MAIN A 93", "MAIN C 7"]));
    assert_eq!(desk.line("purchase_order/PO1", 10_000)[0], "0");
    let page = desk.words("/stock/item/NUT");
    assert!(page.contains("On hand 100 ") && page.contains("A MAIN NUT 93 "), "{page}");
    gun.end();
    house.stop();
}

/// What lies loose, and what is on a licence plate.
const PLATED_STOCK: &str = "location,bin,plate,item,quantity\n\
                            MAIN,A,,NUT,100\nMAIN,A,P-1,NUT,40\nMAIN,A,P-1,BOLT,6\nMAIN,C,,BOLT,60\n";

#[test]
fn a_plate_that_was_imported_is_moved_as_a_whole_and_seen_closed_by_the_count_of_its_new_bin() {
    let runtime = runtime();
    let mut house = house_of(COMPANY.map(|(name, text)| match name {
        "opening_stock.csv" => (name, PLATED_STOCK),
        _ => (name, text),
    }));
    let mut gun = Gun::at_work(&house, &runtime);
    let desk = Desk::open(&house);
    let at = |desk: &Desk| {
        let plate = desk.0.look("/api/v1/plates/P-1");
        format!("{} {}", plate["location"], plate["bin"]).replace('"', "")
    };
    assert_eq!(at(&desk), "MAIN A");
    house.stop();
    gun.waits("the server is missed", |state| state["status"]["link"] != "online");
    gun.start("move").scans(&["L:P-1", "B:C"]).ok().recorded(1);
    gun.start("look_up").scan("L:P-1");
    let told = gun.seen["texts"]["lines"].to_string();
    assert!(told.contains("P-1 in C") && told.contains("NUT"), "known without the server: {told}");
    // The bin holds what was loose in it and the plate, as closed as it came.
    gun.start("count_bin").scans(&["B:C", "L:P-1"]).choose("choice-plate-closed");
    gun.scan(BOLT).key("59").ok().ok().recorded(1);
    house.start();
    let kinds = ["sign_in", "move_plate", "count_bin"];
    assert_eq!(gun.outcomes(), kinds.map(|kind| format!("{kind} accepted")));
    assert_eq!(at(&desk), "MAIN C");
    assert_eq!(desk.stock("NUT"), set(["MAIN A 100", "MAIN C 40"]));
    assert_eq!(desk.stock("BOLT"), set(["MAIN C 59", "MAIN C 6"]));
    let page = desk.words("/bins/MAIN/C");
    let table = ["BOLT 59", "BOLT P-1 6", "NUT P-1 40"];
    assert!(table.iter().all(|row| page.contains(row)), "{page}");
    assert!(!desk.words("/bins/MAIN/A").contains("P-1"), "it is nowhere else");
    let Answer(status, head, _page) = desk.0.send("GET /search?q=P-1", ("text/plain", ""));
    assert!(status == 303 && head.contains("/bins/MAIN/C"), "its number leads to its bin: {head}");
    gun.end();
    house.stop();
}
