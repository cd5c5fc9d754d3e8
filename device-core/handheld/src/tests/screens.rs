//! The pages themselves: texts, keys, files.

use std::collections::BTreeSet;
use std::path::Path;

use device_core::device::Settings;
use protocol::text::{Language, screens};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::browser::Browser;
use super::house::{House, identifier, item_row, rows};
use super::{at_work, fresh};

/// Beginnings of names of texts: none of them may reach a page.
const NAMES: [&str; 9] =
    ["ask-", "hint-", "choice-", "stop-", "warn-", "next-", "ok-", "flow-", "slot-"];

/// The texts of a page, without its tags.
fn text_of(html: &str) -> String {
    let mut text = String::new();
    let mut in_tag = false;
    for c in html.chars() {
        match c {
            '<' => in_tag = true,
            '>' => in_tag = false,
            _ if !in_tag => text.push(c),
            _ => {}
        }
    }
    text
}

#[tokio::test]
async fn no_page_shows_the_name_of_a_text() {
    let (_folder, served, browser, _house) = at_work(Settings::default()).await;
    for language in ["en", "da"] {
        browser.press("language", language).await;
        for flow in device_core::capture::Flow::ALL {
            browser.press("start", flow.word()).await;
            for (deed, text) in [
                ("scan", "D:881"),
                ("scan", "D:4711"),
                ("scan", "B:A-01"),
                ("scan", "UNKNOWN"),
                ("back", ""),
                ("scan", "NUT-M8"),
                ("back", ""),
                ("scan", "4006381333931"),
                ("keypad", ""),
                ("key", "5701234567899"),
                ("back", ""),
                ("key", "2"),
                ("scan", "B:A-02"),
                ("confirm", ""),
            ] {
                let page = text_of(&browser.press(deed, text).await);
                for name in NAMES {
                    assert!(!page.contains(name), "{language} {flow:?} {deed} {text}: {page}");
                }
            }
        }
        for path in ["/", "/sync", "/mine", "/tasks", "/out", "/settings"] {
            let page = browser.get(path).await.body;
            assert_eq!(page.matches("<h1").count(), 1, "{path}");
            let text = text_of(&page);
            for name in NAMES {
                assert!(!text.contains(name), "{language} {path}: {text}");
            }
        }
    }
    served.stop().await;
}

/// Every text that the sources name, in the form `"name-of-text"`.
fn named_texts(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().unwrap() != "tests" {
                named_texts(&path, names);
            }
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        for text in source.split('"').skip(1).step_by(2) {
            let known = NAMES.iter().any(|start| text.starts_with(start))
                || [
                    "reason-",
                    "condition-",
                    "document-",
                    "line-",
                    "filled-",
                    "mine-",
                    "page-",
                    "last-step-",
                    "out-",
                    "settings-",
                    "sync-",
                ]
                .iter()
                .any(|start| text.starts_with(start));
            let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
            if known && plain && !text.ends_with('-') {
                names.insert(text.to_owned());
            }
        }
    }
}

#[test]
fn every_text_that_is_named_exists() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = BTreeSet::new();
    named_texts(&here.join("src"), &mut names);
    named_texts(&here.join("../src/capture"), &mut names);
    assert!(names.len() > 150, "{}", names.len());
    for name in names {
        assert!(screens::has(&name, Language::English), "{name}");
        assert!(screens::has(&name, Language::Danish), "{name}");
    }
}

#[test]
fn each_signal_has_a_sound_a_vibration_and_a_colour() {
    let script = include_str!("../../assets/app.js");
    let style = include_str!("../../assets/app.css");
    let (tones, vibrations) = script.split_once("const VIBRATIONS").unwrap();
    let vibrations = vibrations.split_once("};").unwrap().0;
    for signal in ["good", "complete", "repeated", "warning", "stop", "attention"] {
        assert!(tones.contains(&format!("  {signal}: [[")), "{signal}");
        assert!(vibrations.contains(&format!("  {signal}: [")), "{signal}");
    }
    // The network is heard softly, and seen on the chip; nobody is shaken for it.
    for signal in ["offline", "online"] {
        assert!(tones.contains(&format!("  {signal}: [[")), "{signal}");
        assert!(!vibrations.contains(signal), "{signal}");
    }
    for signal in ["good", "complete", "warning", "stop"] {
        assert!(style.contains(&format!(".remark.{signal}")), "{signal}");
    }
}

#[tokio::test]
async fn the_keys_of_the_device_find_their_buttons() {
    let (_folder, served, browser, _house) = at_work(Settings::default()).await;
    let page = browser.get("/").await.body;
    for digit in 1..=9 {
        assert!(page.contains(&format!("data-digit=\"{digit}\"")), "{digit}: {page}");
    }
    browser.press("start", "count").await;
    browser.press("scan", "B:A-01").await;
    let page = browser.press("scan", "4006381333931").await;
    assert!(page.contains("class=\"primary go\"") && page.contains("OK 1 PCS"), "{page}");
    assert!(!page.contains("data-key=\".\""), "whole pieces have no decimal key: {page}");
    served.stop().await;
}

#[tokio::test]
async fn one_button_sends_an_amount_and_says_which() {
    let (_folder, served, browser, _house) = at_work(Settings::default()).await;
    browser.press("start", "count").await;
    browser.press("scan", "B:A-01").await;
    let page = browser.press("scan", "4006381333931").await;
    assert_eq!(page.matches("class=\"primary").count(), 1, "{page}");
    let button =
        "form=\"entry\" class=\"primary go\" data-ok=\"OK\" data-usual=\"1\" data-unit=\"PCS\"";
    assert!(page.contains(button), "{page}");
    // What is typed counts, and an empty field stands for what the button says.
    let typed = browser.press("key", "7").await;
    assert!(text_of(&typed).contains("7 PCS"), "{typed}");
    browser.press("undo", "").await;
    let empty = browser.press("key", "").await;
    assert!(empty.contains("data-signal=\"complete\""), "{empty}");
    let mine = browser.get("/mine").await.body;
    assert!(mine.contains("BOLT 1 PCS"), "{mine}");
    served.stop().await;
}

#[tokio::test]
async fn a_warning_is_answered_by_its_own_choices() {
    let (_folder, served, browser, _house) = at_work(Settings::default()).await;
    browser.press("start", "move").await;
    browser.press("scan", "B:A-01").await;
    browser.press("scan", "4006381333931").await;
    let page = browser.press("key", "9000").await;
    let page =
        if page.contains("sheet warning") { page } else { browser.press("scan", "B:A-02").await };
    let page =
        if page.contains("sheet warning") { page } else { browser.press("confirm", "").await };
    assert!(page.contains("sheet warning") && page.contains("Go on"), "{page}");
    assert!(!page.contains("primary go"), "an OK could mean yes or no: {page}");
    served.stop().await;
}

#[tokio::test]
async fn a_stop_shows_both_codes_and_goes_with_the_right_scan() {
    let (_folder, served, browser, _house) = at_work(Settings::default()).await;
    browser.press("start", "pick").await;
    browser.press("scan", "D:881").await;
    let page = browser.press("scan", "B:A-02").await;
    assert!(page.contains("class=\"sheet stop\"") && page.contains("wrong_bin"), "{page}");
    assert!(page.contains("<u>2</u>") && page.contains("<u>1</u>"), "what differs: {page}");
    let page = browser.press("scan", "B:A-01").await;
    assert!(!page.contains("sheet stop") && page.contains("data-signal=\"good\""), "{page}");
    served.stop().await;
}

#[tokio::test]
async fn the_stream_begins_with_the_chip() {
    let (_folder, served, browser) = fresh().await;
    let mut stream = tokio::net::TcpStream::connect(served.address()).await.unwrap();
    let request = format!("GET /events HTTP/1.1\r\n{}\r\n", browser.common());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut seen = String::new();
    let reading = async {
        let mut bytes = [0; 4096];
        while !seen.contains("Not enrolled") {
            let n = stream.read(&mut bytes).await.unwrap();
            assert_ne!(n, 0, "{seen}");
            seen.push_str(std::str::from_utf8(&bytes[..n]).unwrap());
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), reading).await.unwrap();
    assert!(seen.contains("text/event-stream") && seen.contains("event: chip"), "{seen}");
    served.stop().await;
}

#[tokio::test]
async fn a_scan_is_answered_from_local_state_in_a_tenth_of_a_second() {
    let mut many = rows();
    for n in 0..20_000 {
        let item = format!("I-{n:05}");
        many.push(item_row(&item, "One of many", protocol::feed::TrackingRule::default()));
        many.push(identifier(&format!("57{n:010}"), &item));
    }
    let folder = tempfile::tempdir().unwrap();
    let device = device_core::device::Device::open(folder.path(), Settings::default()).unwrap();
    let served = crate::serve_device(device, 0, None).await.unwrap();
    let browser = Browser::start(served.address(), &served.start_url()).await;
    let house = House::open(many).await;
    browser.press("enrol", &house.code()).await;
    browser.until("/api/state", |state| state["status"]["ready"] == true).await;
    browser.press("scan", "U:BADGE-ANA").await;
    browser.press("pin", "1234").await;
    browser.press("start", "look_up").await;
    let mut took = Vec::new();
    for n in 0..40 {
        let start = tokio::time::Instant::now();
        let page = browser.press("scan", &format!("57{:010}", n * 499)).await;
        took.push(start.elapsed());
        assert!(page.contains("data-signal=\"good\""), "{page}");
    }
    took.sort();
    let median = took[took.len() / 2];
    assert!(median.as_millis() < 100, "{took:?}");
    served.stop().await;
}
