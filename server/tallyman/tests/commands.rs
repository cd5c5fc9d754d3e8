//! The commands that set a company up, as a person types them: `init`, `import`, `export`, `enrol` and
//! `scan`, each in a process of its own.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use device_core::device::{Device, Settings};
use protocol::enrolment::Invitation;
use serde_json::{Value, json};

const TALLYMAN: &str = env!("CARGO_BIN_EXE_tallyman");

/// The files of a small company; nobody in it has a password, so that nobody waits for its hash.
const FILES: [(&str, &str); 12] = [
    ("tracking_codes.csv", "code,lot,expiry\nLOTS,yes,yes\n"),
    (
        "items.csv",
        "item,description,base_unit,precision,tracking_code\n\
         BOLT,\"Bolt, M8\",PCS,1,\nMILK,Milk,L,0.1,LOTS\n",
    ),
    ("item_units.csv", "item,unit,factor\nBOLT,BOX,50\n"),
    ("identifiers.csv", "code,item,variant,unit\n4006381333931,BOLT,,BOX\n"),
    ("sites.csv", "site\nHALL\n"),
    (
        "locations.csv",
        "location,name,site,time_zone,bin_mandatory\nMAIN,Main hall,HALL,Europe/Copenhagen,yes\n",
    ),
    ("bins.csv", "location,bin,kind\nMAIN,A-01,\nMAIN,A-02,\n"),
    ("lots.csv", "item,lot,expiry\nMILK,L1,2027-01-31\n"),
    (
        "opening_stock.csv",
        "location,bin,item,unit,quantity,lot,expiry\n\
         MAIN,A-01,BOLT,BOX,2,,\nMAIN,A-02,MILK,,12.5,L1,2027-01-31\n",
    ),
    (
        "purchase_orders.csv",
        "document,partner_name,location,line,item,unit,quantity\nPO-1,Acme,MAIN,10,BOLT,BOX,4\n",
    ),
    (
        "sales_orders.csv",
        "document,partner_name,location,due,line,item,quantity\nSO-1,Shop,MAIN,2026-12-01,10,BOLT,5\n",
    ),
    ("operators.csv", "operator,name,roles\nanna,Anna,operator@MAIN\n"),
];

fn tallyman(arguments: &[&str]) -> Output {
    Command::new(TALLYMAN).args(arguments).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a command says that does what it should.
fn done(arguments: &[&str]) -> String {
    let output = tallyman(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// What a command says that refuses.
fn refused(arguments: &[&str]) -> String {
    let output = tallyman(arguments);
    assert!(!output.status.success(), "{arguments:?}: {}", text(&output.stdout));
    text(&output.stderr)
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().expect("a plain name").to_owned()
}

/// Writes the files of the company, with the row of the items that `and_item` is.
fn write_files(folder: &str, and_item: &str) {
    std::fs::create_dir_all(folder).unwrap();
    for (name, rows) in FILES {
        let more = if name == "items.csv" { and_item } else { "" };
        std::fs::write(Path::new(folder).join(name), format!("{rows}{more}")).unwrap();
    }
}

/// The files of a folder that say something: more than a header.
fn exported(data: &str, folder: &str) -> BTreeMap<String, String> {
    done(&["export", "--data", data, folder]);
    let files = std::fs::read_dir(folder).unwrap().map(|entry| {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        (name, std::fs::read_to_string(entry.path()).unwrap())
    });
    files.filter(|(_name, text)| text.lines().count() > 1).collect()
}

#[test]
fn files_are_refused_whole_with_each_bad_row_or_brought_in_and_come_out_again_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let [data, files, nothing, out, second, again] =
        ["data", "files", "nothing", "out", "second", "again"]
            .map(|name| path(folder.path(), name));
    let told = done(&["init", "--data", &data, "--company", "Acme"]);
    assert!(told.contains("Acme") && told.contains("tallyman import"), "{told}");
    let occupied = refused(&["init", "--data", &data, "--company", "Other"]);
    assert!(occupied.contains("holds a company already"), "{occupied}");
    let mistyped = refused(&["import", "--data", &path(folder.path(), "date"), &files]);
    assert!(mistyped.contains("holds no company"), "{mistyped}");

    write_files(&files, "NUT,Nut,PCS,often,\n");
    for asked in [
        vec!["import", "--data", data.as_str(), "--dry-run", files.as_str()],
        vec!["import", "--data", data.as_str(), files.as_str()],
    ] {
        let told = refused(&asked);
        assert!(told.contains("1 problems, nothing was changed"), "{told}");
        let fault = told.lines().find_map(|line| line.strip_prefix("items.csv, line 4, column "));
        let (column, words) = fault.expect("the row is named").split_once(": ").unwrap();
        assert_eq!(column, "precision", "{told}");
        let (reason, remedy) = words.split_once(". ").expect("a reason and a remedy");
        assert!(reason.contains("often") && remedy.ends_with('.'), "{told}");
    }
    assert_eq!(exported(&data, &nothing), BTreeMap::new(), "nothing of it is there");

    write_files(&files, "");
    let told = done(&["import", "--data", &data, "--dry-run", &files]);
    assert!(told.contains("15 rows would be imported; nothing was changed"), "{told}");
    assert_eq!(exported(&data, &nothing), BTreeMap::new(), "it was looked at only");
    let told = done(&["import", "--data", &data, &files]);
    assert!(told.contains("15 rows were imported"), "{told}");
    let first = exported(&data, &out);
    let names: Vec<_> = FILES.iter().map(|(name, _rows)| (*name).to_owned()).collect();
    for name in &names {
        assert!(first.contains_key(name), "{name} comes out again: {:?}", first.keys());
    }
    assert!(first["opening_stock.csv"].contains("12.5"), "{}", first["opening_stock.csv"]);

    done(&["init", "--data", &second, "--company", "Acme"]);
    done(&["import", "--data", &second, &out]);
    assert_eq!(exported(&second, &again), first);
    done(&["verify", "--data", &second]);
}

/// A server at work, which is ended when the test is.
struct Serving {
    child: Child,
    /// What it says goes somewhere for as long as it runs.
    _out: BufReader<ChildStdout>,
}

impl Serving {
    fn over(data: &str) -> Self {
        let child = Command::new(TALLYMAN)
            .args(["serve", "--listen", "127.0.0.1:0", "--no-backup", "--data", data])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = child.expect("it runs");
        let mut out = BufReader::new(child.stdout.take().expect("it was asked for"));
        let mut line = String::new();
        out.read_line(&mut line).expect("it says where it is");
        assert!(line.starts_with("Listening: "), "{line}");
        Self { child, _out: out }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A new device that joins with the code.
async fn join(folder: &Path, invitation: Invitation) -> bool {
    let device = Device::open(folder, Settings::default()).unwrap();
    let running = tokio::spawn({
        let device = device.clone();
        async move { device.run().await }
    });
    let joined = device.enrol(invitation, Duration::from_secs(60)).await;
    running.abort();
    joined.is_ok()
}

#[test]
fn a_code_that_enrol_prints_lets_one_device_in() {
    let folder = tempfile::tempdir().unwrap();
    let [data, files] = ["data", "files"].map(|name| path(folder.path(), name));
    write_files(&files, "");
    done(&["init", "--data", &data, "--company", "Acme"]);
    done(&["import", "--data", &data, &files]);
    let asked = ["enrol", "--data", data.as_str(), "--site", "HALL"];
    let told = refused(&asked);
    assert!(told.contains("start `tallyman serve`"), "{told}");

    let _serving = Serving::over(&data);
    let told = refused(&["enrol", "--data", &data, "--site", "GHOST"]);
    assert!(told.contains("GHOST"), "{told}");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let told = done(&asked);
    let typed = told.lines().find_map(|line| line.parse::<Invitation>().ok());
    let typed = typed.unwrap_or_else(|| panic!("a code to be typed: {told}"));
    assert!(told.contains('█') || told.contains('▀'), "and to be scanned: {told}");
    let shown: Value = serde_json::from_str(&done(&[&asked[..], &["--json"]].concat())).unwrap();
    assert_eq!(shown["site"], "HALL", "{shown}");
    let of_json: Invitation = shown["text"].as_str().unwrap().parse().unwrap();
    assert_ne!(of_json.code, typed.code, "each code is for one device");
    for (name, code) in [("one", &typed), ("two", &of_json)] {
        let joined = runtime.block_on(join(&folder.path().join(name), code.clone()));
        assert!(joined, "{name}");
    }
    let used = runtime.block_on(join(&folder.path().join("three"), typed));
    assert!(!used, "a code is good once");
}

#[test]
fn each_line_of_scan_is_answered_with_one_line_whatever_it_is() {
    let asked = [
        json!({"scan": "]C1010400638133393110LOT7\u{1d}17260531"}).to_string(),
        String::new(),
        "no JSON".to_owned(),
        json!({"scan": 7}).to_string(),
        json!({"scan": "B:A-01"}).to_string(),
        json!({"scan": "4006381333932"}).to_string(),
        json!({"scan": "]C1019999"}).to_string(),
        json!({"scan": "4006381333931"}).to_string(),
    ];
    let mut child = Command::new(TALLYMAN)
        .args(["scan", "--json", "--year", "2026"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut input = child.stdin.take().unwrap();
    input.write_all((asked.join("\n") + "\n").as_bytes()).unwrap();
    // Bytes that are no text, and a last line that nothing ends.
    input.write_all(b"\xff\xfe\n{\"scan\": \"B:A-02\"}").unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let answers: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = answers
        .iter()
        .map(|answer| {
            assert!(answer["warnings"].is_array() && answer["ok"].is_boolean(), "{answer}");
            assert!(answer["error"].is_null() != answer["error"].is_string(), "{answer}");
            assert!(answer.get("kind").is_some(), "{answer}");
            let word = |member: &str| answer[member].as_str().unwrap_or("").to_owned();
            (answer["ok"] == true, word("kind"), word("error"), answer.get("elements").is_some())
        })
        .collect();
    let is = |ok: bool, kind: &str, error: &str, elements: bool| {
        (ok, kind.to_owned(), error.to_owned(), elements)
    };
    let unread = is(false, "", "malformed_request", false);
    let no_gs1 = told[6].clone();
    assert!(!no_gs1.0 && !no_gs1.2.is_empty() && !no_gs1.3, "{}", answers[6]);
    let expected = vec![
        is(true, "gs1", "", true),
        unread.clone(),
        unread.clone(),
        unread.clone(),
        is(true, "bin", "", false),
        is(true, "plain", "", false),
        no_gs1,
        is(true, "gtin", "", false),
        unread,
        is(true, "bin", "", false),
    ];
    assert_eq!(told, expected, "{answers:#?}");
    let lot = json!([
        {"ai": "01", "value": "04006381333931"},
        {"ai": "10", "value": "LOT7"},
        {"ai": "17", "value": "260531"},
    ]);
    assert_eq!(answers[0]["elements"], lot);
    assert_eq!(answers[5]["warnings"], json!(["looks_like_gtin"]));
}
