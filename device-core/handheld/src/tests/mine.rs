//! My last scans: what was done with which goods, and what became of it, also after a restart.

use std::path::Path;

use device_core::device::{Device, Settings};
use protocol::code::Code;
use protocol::outcome::{Decision, Reason};

use super::browser::Browser;
use super::house::House;
use super::{at_work, enrolled};
use crate::{Served, serve_device};

/// The server is gone.
async fn alone(browser: &Browser, house: House) {
    browser.until("/api/state", |state| state["status"]["unsent"] == 0).await;
    house.close().await;
    browser.until("/api/state", |state| state["status"]["trouble"] == "unreachable").await;
}

/// Four drills are received, by the ends of their numbers.
async fn receive_row(browser: &Browser) {
    for (deed, text) in [
        ("start", "receive"),
        ("scan", "D:4711"),
        ("scan", "DRILL-EAN"),
        ("choose", "1"),
        ("choose", "1"),
        ("scan", "SN-098"),
        ("scan", "SN-101"),
        ("choose", "1"),
    ] {
        browser.press(deed, text).await;
    }
    let page = browser.press("confirm", "").await;
    assert!(page.contains("data-signal=\"complete\""), "{page}");
}

/// The same device, opened again.
async fn again(folder: &Path) -> (Served, Browser) {
    let device = Device::open(folder, Settings::default()).unwrap();
    let served = serve_device(device, 0, None).await.unwrap();
    let browser = Browser::start(served.address(), &served.start_url()).await;
    (served, browser)
}

/// The newest segment of the recorder.
fn last_segment(folder: &Path) -> std::path::PathBuf {
    let names = std::fs::read_dir(folder.join("recorder")).unwrap();
    let names = names.map(|entry| entry.unwrap().path());
    names.filter(|path| path.extension().is_some_and(|end| end == "seg")).max().unwrap()
}

#[tokio::test]
async fn each_row_says_which_serial_lot_and_date_it_was() {
    let (_folder, served, browser, house) = at_work(Settings::default()).await;
    alone(&browser, house).await;
    receive_row(&browser).await;
    let mine = browser.get("/mine").await.body;
    for serial in ["SN-098", "SN-099", "SN-100", "SN-101"] {
        assert_eq!(mine.matches(serial).count(), 1, "{serial}: {mine}");
    }
    assert!(mine.contains("Serial "), "{mine}");
    browser.press("leave", "").await;
    for (deed, text) in [
        ("start", "receive"),
        ("scan", "D:4711"),
        ("scan", "]d2010950600013435217270331\u{1D}10LOT7"),
        ("key", "12"),
        ("confirm", ""),
        ("leave", ""),
        ("start", "count_bin"),
        ("scan", "B:A-02"),
        ("scan", "]d2010950600013435217270331\u{1D}10LOT8"),
        ("key", "3"),
        ("confirm", ""),
        ("confirm", ""),
    ] {
        browser.press(deed, text).await;
    }
    let mine = browser.get("/mine").await.body;
    assert!(mine.contains("LOT7") && mine.contains("Expires ") && mine.contains("2027-03-31"));
    assert!(mine.contains("A-02 (1)") && mine.contains("LOT8"), "what was counted there: {mine}");
    served.stop().await;
}

#[tokio::test]
async fn a_row_of_serials_is_taken_back_in_one_step_and_each_says_which() {
    let (_folder, served, browser, house) = at_work(Settings::default()).await;
    alone(&browser, house).await;
    receive_row(&browser).await;
    let page = browser.press("undo", "").await;
    assert!(page.contains("Taken back"), "{page}");
    let state = browser.look("/api/state").await;
    assert_eq!(state["status"]["unsent"], 8, "four receipts, four undos: {state}");
    let mine = browser.get("/mine").await.body;
    for serial in ["SN-098", "SN-099", "SN-100", "SN-101"] {
        assert_eq!(mine.matches(serial).count(), 2, "the receipt and its undo: {mine}");
    }
    assert_eq!(mine.matches("<em>Taken back</em>").count(), 4, "{mine}");
    served.stop().await;
}

#[tokio::test]
async fn after_a_restart_the_menu_says_what_was_recorded_last() {
    let (folder, served, browser, house) = at_work(Settings::default()).await;
    alone(&browser, house).await;
    receive_row(&browser).await;
    served.stop().await;
    let (served, browser) = again(folder.path()).await;
    let page = browser.get("/").await.body;
    assert!(page.contains("Recorded before the restart, all 4"), "{page}");
    assert!(page.contains("SN-101") && !page.contains("SN-100"), "the last of them: {page}");
    // Somebody else has nothing to do with it.
    browser.press("sign-out", "").await;
    browser.press("name", "BO").await;
    let page = browser.press("pin", "4321").await;
    assert!(page.contains("data-page=\"menu\"") && !page.contains("SN-101"), "{page}");
    browser.press("sign-out", "").await;
    browser.press("name", "ANA").await;
    let page = browser.press("pin", "1234").await;
    assert!(page.contains("SN-101"), "{page}");
    for (deed, text) in [("start", "count"), ("scan", "B:A-01"), ("scan", "4006381333931")] {
        browser.press(deed, text).await;
    }
    browser.press("confirm", "").await;
    let page = browser.press("leave", "").await;
    assert!(!page.contains("before the restart"), "the next step is what is known: {page}");
    served.stop().await;
}

#[tokio::test]
async fn a_row_whose_write_was_cut_short_is_not_recorded_and_the_menu_says_so() {
    let (folder, served, browser, house) = at_work(Settings::default()).await;
    alone(&browser, house).await;
    receive_row(&browser).await;
    served.stop().await;
    // The power went before the end of the last receipt had reached the disk.
    let segment = last_segment(folder.path());
    let mut bytes = std::fs::read(&segment).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[end - 20..].fill(0);
    std::fs::write(&segment, &bytes).unwrap();
    let (served, browser) = again(folder.path()).await;
    let page = browser.get("/").await.body;
    assert!(page.contains("NOT recorded. Do it again."), "{page}");
    let mine = browser.get("/mine").await.body;
    assert!(!mine.contains("DRILL"), "none of them, so that none is entered twice: {mine}");
    assert_eq!(browser.look("/api/state").await["status"]["unsent"], 0);
    receive_row(&browser).await;
    let page = browser.press("leave", "").await;
    assert!(!page.contains("NOT recorded"), "{page}");
    served.stop().await;
}

#[tokio::test]
async fn who_takes_the_device_over_is_told_what_others_have_not_sent() {
    let (_folder, served, browser, house) = enrolled(Settings::default()).await;
    browser.press("name", "ANA").await;
    let page = browser.press("pin", "1234").await;
    assert!(!page.contains("not sent yet"), "nobody did anything: {page}");
    browser.until("/api/state", |state| state["status"]["unsent"] == 0).await;
    house.decide(1, Decision::Parked, vec![Reason::new(Code::RightMissing)]);
    browser.until("/api/operations", |list| list["operations"][0]["state"] == "parked").await;
    alone(&browser, house).await;
    receive_row(&browser).await;
    let out = browser.get("/out").await.body;
    assert!(out.contains("With your supervisor 1, refused 0"), "{out}");
    assert!(out.contains("4 are not sent yet"), "{out}");
    browser.press("sign-out", "").await;
    browser.press("name", "BO").await;
    let page = browser.press("pin", "4321").await;
    assert!(
        page.contains("4 scan fra Ana &lt;b&gt; er ikke sendt endnu"),
        "Bo reads Danish: {page}"
    );
    let page = browser.press("start", "count").await;
    assert!(!page.contains("er ikke sendt endnu"), "it is said once: {page}");
    browser.press("leave", "").await;
    let out = browser.get("/out").await.body;
    assert!(!out.contains("Hos lederen"), "what another has open is not his: {out}");
    served.stop().await;
}
