//! A person's day: enrol, sign in, work, see what became of it, with and without the server.

use device_core::device::{Device, Settings};
use protocol::code::Code;
use protocol::operation::Body;
use protocol::outcome::{Change, Decision, Reason};

use super::browser::Browser;
use super::{at_work, enrolled, fresh};
use crate::serve_device;

#[tokio::test]
async fn a_device_is_enrolled_by_the_text_of_the_code() {
    let (_folder, served, browser) = fresh().await;
    let page = browser.get("/").await.body;
    assert!(page.contains("Scan the enrolment code"), "{page}");
    let page = browser.press("enrol", "TALLYMAN1:nonsense").await;
    assert!(page.contains("That is no enrolment code"), "{page}");
    assert!(page.contains("data-signal=\"stop\""), "{page}");
    let page = browser.press("scan", "4006381333931").await;
    assert!(page.contains("That is no enrolment code"), "{page}");
    served.stop().await;
}

#[tokio::test]
async fn a_person_signs_in_by_badge_and_pin_and_a_wrong_pin_is_counted() {
    let (_folder, served, browser, _house) = enrolled(Settings::default()).await;
    let page = browser.get("/").await.body;
    assert!(page.contains("Ana &lt;b&gt;"), "names are escaped: {page}");
    let page = browser.press("scan", "U:BADGE-ANA").await;
    assert!(page.contains("data-page=\"pin\"") && !page.contains("BADGE-ANA"), "{page}");
    let page = browser.press("pin", "9999").await;
    assert!(page.contains("Badge or PIN is wrong"), "{page}");
    let page = browser.press("pin", "1234").await;
    assert!(page.contains("data-page=\"menu\""), "{page}");
    served.stop().await;
}

#[tokio::test]
async fn nothing_is_done_by_nobody() {
    let (_folder, served, browser, house) = enrolled(Settings::default()).await;
    for (deed, text) in [("start", "count"), ("confirm", ""), ("answer", "5:done")] {
        let page = browser.press(deed, text).await;
        assert!(page.contains("data-page=\"sign_in\""), "{page}");
    }
    assert_eq!(house.kinds(), Vec::<String>::new());
    served.stop().await;
}

#[tokio::test]
async fn a_question_that_the_server_does_not_answer_ends_in_two_seconds_and_keeps_nobody_from_scanning()
 {
    let (_folder, served, browser, house) = at_work(Settings::default()).await;
    let asked = tokio::time::Instant::now();
    let (page, ()) = tokio::join!(browser.get("/elsewhere/NUT-M8"), async {
        browser.press("start", "receive").await;
        browser.press("scan", "D:4711").await;
        browser.press("scan", "]d2010950600013435217270331\u{1D}10LOT7").await;
        browser.press("key", "12").await;
        let page = browser.press("confirm", "").await;
        assert!(page.contains("data-signal=\"complete\""), "{page}");
        assert!(asked.elapsed().as_secs() < 2, "it did not wait for the answer");
    });
    assert!(page.body.contains("The server did not answer in time"), "{}", page.body);
    assert!((2..4).contains(&asked.elapsed().as_secs()), "{:?}", asked.elapsed());
    browser.until("/api/state", |state| state["status"]["unsent"] == 0).await;
    assert!(house.kinds().contains(&"receive".to_owned()));
    served.stop().await;
}

#[tokio::test]
async fn a_scan_is_recorded_sent_and_decided_and_the_list_says_so() {
    let (_folder, served, browser, house) = at_work(Settings::default()).await;
    browser.press("start", "receive").await;
    browser.press("scan", "D:4711").await;
    let page = browser.press("scan", "]d2010950600013435217270331\u{1D}10LOT7").await;
    assert!(page.contains("data-signal=\"good\"") && page.contains("LOT7"), "{page}");
    browser.press("key", "12").await;
    let page = browser.press("confirm", "").await;
    assert!(page.contains("data-signal=\"complete\""), "{page}");
    let state = browser.until("/api/state", |state| state["status"]["unsent"] == 0).await;
    assert_eq!(state["page"], "flow");
    assert_eq!(house.kinds(), ["sign_in", "receive"]);
    let received = house.operations();
    assert_eq!(received[1].envelope.operator.as_ref().unwrap().as_str(), "ANA");
    assert_eq!(received[1].envelope.document.as_ref().unwrap().no.as_str(), "4711");
    let list = browser.look("/api/operations").await;
    assert_eq!(list["operations"][0]["state"], "acked");
    let reason = Reason::new(Code::OverReceipt).word("document", "4711");
    house.decide(1, Decision::Accepted, Vec::new());
    house.decide(2, Decision::Parked, vec![reason]);
    browser.until("/api/operations", |list| list["operations"][0]["state"] == "parked").await;
    let page = browser.get("/").await.body;
    assert!(page.contains("Needs attention - 1"), "{page}");
    assert!(page.contains("<span>Online</span>"), "and how the link is: {page}");
    let page = browser.get("/mine").await.body;
    assert!(page.contains("data-state=\"parked\"") && page.contains("with supervisor"), "{page}");
    let page = browser.get("/").await.body;
    assert!(!page.contains("Needs attention"), "somebody has looked at it: {page}");
    let synced = browser.get("/sync").await.body;
    assert!(synced.contains("Sent today 2, answered 2"), "{synced}");
    assert!(synced.contains("Online since ") && !synced.contains("Next try"), "{synced}");
    served.stop().await;
}

#[tokio::test]
async fn serial_numbers_in_a_row_are_entered_without_the_server_and_sent_one_by_one() {
    let (_folder, served, browser, house) = at_work(Settings::default()).await;
    browser.until("/api/state", |state| state["status"]["unsent"] == 0).await;
    house.close().await;
    browser.until("/api/state", |state| state["status"]["trouble"] == "unreachable").await;
    browser.press("start", "receive").await;
    browser.press("scan", "D:4711").await;
    let page = browser.press("scan", "DRILL-EAN").await;
    assert!(page.contains("Not on PO") || page.contains("not on"), "nobody ordered it: {page}");
    let page = browser.press("choose", "1").await;
    assert!(page.contains("Numbers in a row"), "{page}");
    let page = browser.press("choose", "1").await;
    assert!(page.contains("Scan the first serial number"), "{page}");
    browser.press("scan", "SN-098").await;
    let page = browser.press("scan", "SX-101").await;
    assert!(page.contains("data-signal=\"stop\""), "{page}");
    assert!(page.contains("Only the number at the end may differ"), "{page}");
    let page = browser.press("scan", "SN-101").await;
    assert!(page.contains("How far apart are they?"), "{page}");
    assert!(page.contains("SN-098 to SN-101") && page.contains("class=\"keypad\""), "{page}");
    let page = browser.press("choose", "1").await;
    assert!(page.contains("4 scanned") && page.contains("SN-099"), "{page}");
    let page = browser.press("confirm", "").await;
    assert!(page.contains("data-signal=\"complete\""), "{page}");
    let state = browser.look("/api/state").await;
    assert_eq!(state["status"]["unsent"], 4, "each is a receipt of its own: {state}");
    let mine = browser.get("/mine").await.body;
    assert_eq!(mine.matches("DRILL 1 PCS").count(), 4, "{mine}");
    served.stop().await;
}

#[tokio::test]
async fn everything_goes_on_without_the_server() {
    let (folder, served, browser, house) = at_work(Settings::default()).await;
    browser.until("/api/state", |state| state["status"]["unsent"] == 0).await;
    house.decide(1, Decision::Refused, vec![Reason::new(Code::RightMissing)]);
    browser.until("/api/operations", |list| list["operations"][0]["state"] == "refused").await;
    house.close().await;
    browser.until("/api/state", |state| state["status"]["trouble"] == "unreachable").await;
    browser.press("start", "pick").await;
    browser.press("scan", "D:881").await;
    browser.press("scan", "B:A-01").await;
    for _ in 0..3 {
        browser.press("scan", "4006381333931").await;
    }
    let state = browser.look("/api/state").await;
    assert_eq!(state["status"]["unsent"], 1, "{state}");
    assert_eq!(state["screen"]["hints"][0]["id"], "hint-order-done", "the pick is in the view");
    let page = browser.get("/sync").await.body;
    assert!(page.contains("1 waiting - safe on this device"), "{page}");
    assert!(page.contains("Offline since ") && page.contains("Next try in "), "{page}");
    assert!(page.contains("Reason: cannot reach 127.0.0.1:"), "{page}");
    assert!(page.contains("Sent today 1, answered 1"), "{page}");
    assert!(page.contains("Offline - 1 waiting"), "{page}");
    assert!(page.contains("Needs attention - 1"), "beside it, not instead of it: {page}");
    browser.press("sign-out", "").await;
    browser.press("name", "BO").await;
    let page = browser.press("pin", "4321").await;
    assert!(page.contains("Hvad skal du?"), "Bo reads Danish: {page}");
    let mine = browser.get("/mine").await.body;
    assert!(mine.contains("data-seq=\"4\"") && !mine.contains("data-seq=\"2\""), "{mine}");
    let page = browser.press("undo-operation", "1-2").await;
    assert!(page.contains("ANA gjorde dette"), "what another did is not his to undo: {page}");
    served.stop().await;
    // The process ends and starts again: nothing is lost, and Bo still has the device.
    let device = Device::open(folder.path(), Settings::default()).unwrap();
    let served = serve_device(device, 0, None).await.unwrap();
    let browser = Browser::start(served.address(), &served.start_url()).await;
    let state = browser.look("/api/state").await;
    assert_eq!(state["status"]["operator"], "BO");
    assert_eq!(state["status"]["unsent"], 3, "pick, sign out, sign in: {state}");
    served.stop().await;
}

#[tokio::test]
async fn undo_before_and_after_the_confirmation() {
    let (_folder, served, browser, house) = at_work(Settings::default()).await;
    browser.ask("start", "count").await;
    browser.ask("scan", "B:A-01").await;
    browser.ask("scan", "4006381333931").await;
    let state = browser.ask("undo", "").await;
    assert_eq!(state["screen"]["question"]["slot"], "item");
    browser.ask("scan", "4006381333931").await;
    browser.ask("key", "48").await;
    let state = browser.ask("confirm", "").await;
    assert_eq!((&state["signal"], &state["recorded"][0]["seq"]), (&"complete".into(), &2.into()));
    let state = browser.ask("undo", "").await;
    assert_eq!(state["recorded"][0]["seq"], 3, "{state}");
    browser.until("/api/state", |state| state["status"]["unsent"] == 0).await;
    assert_eq!(house.kinds(), ["sign_in", "count", "undo"]);
    let Ok(Body::Undo(undo)) = house.operations()[2].decode_body() else { panic!() };
    assert_eq!(undo.seq.0, 2);
    let page = browser.get("/mine").await.body;
    assert!(page.contains("Taken back"), "{page}");
    served.stop().await;
}

#[tokio::test]
async fn an_earlier_operation_is_taken_back_from_the_list() {
    let (_folder, served, browser, _house) = at_work(Settings::default()).await;
    browser.ask("start", "count").await;
    for (deed, text) in
        [("scan", "B:A-01"), ("scan", "4006381333931"), ("key", "48"), ("confirm", "")]
    {
        browser.ask(deed, text).await;
    }
    browser.ask("leave", "").await;
    let state = browser.ask("undo-operation", "1-2").await;
    assert_eq!(state["signal"], "complete");
    let state = browser.ask("undo-operation", "1-2").await;
    assert_eq!(state["signal"], "stop", "not twice");
    served.stop().await;
}

#[tokio::test]
async fn a_task_opens_its_count_and_leaves_the_list_with_it() {
    let (_folder, served, browser, house) = at_work(Settings::default()).await;
    let page = browser.get("/tasks").await.body;
    assert!(page.contains("For you: Count A-02"), "{page}");
    assert!(!page.contains("A-01"), "that one is Bo's: {page}");
    let page = browser.press("task", "5").await;
    assert!(page.contains("Count bin") && page.contains("A-02"), "{page}");
    let page = browser.press("confirm", "").await;
    assert!(page.contains("data-signal=\"complete\""), "{page}");
    browser.until("/api/state", |state| state["status"]["unsent"] == 0).await;
    let Ok(Body::CountBin(count)) = house.operations()[1].decode_body() else { panic!() };
    assert_eq!((count.task.map(|task| task.0), count.lines.len()), (Some(5), 0));
    assert!(browser.get("/tasks").await.body.contains("No work is waiting"));
    served.stop().await;
}

#[tokio::test]
async fn a_scan_in_the_menu_opens_what_it_stands_for() {
    let (_folder, served, browser, _house) = at_work(Settings::default()).await;
    let state = browser.ask("scan", "D:881").await;
    assert_eq!(state["screen"]["flow"], "pick");
    browser.ask("leave", "").await;
    let state = browser.ask("scan", "4711").await;
    assert_eq!(state["screen"]["flow"], "receive");
    browser.ask("leave", "").await;
    let state = browser.ask("scan", "4006381333931").await;
    assert_eq!(state["screen"]["flow"], "look_up");
    assert!(state["texts"]["lines"][0].as_str().unwrap().contains("50 PCS"), "{state}");
    served.stop().await;
}

#[tokio::test]
async fn a_blind_count_tells_the_book_to_nobody() {
    let (_folder, served, browser, _house) = at_work(Settings::default()).await;
    for flow in ["count", "count_bin"] {
        browser.press("start", flow).await;
        for (deed, text) in
            [("scan", "B:A-01"), ("scan", "NUT-M8"), ("key", "4"), ("confirm", ""), ("confirm", "")]
        {
            let page = browser.press(deed, text).await;
            assert!(!page.contains("7391"), "{flow} {deed}: {page}");
            assert!(!browser.look("/api/state").await.to_string().contains("7391"));
        }
        browser.press("leave", "").await;
    }
    served.stop().await;
}

#[tokio::test]
async fn a_difference_is_not_told_afterwards_to_who_counted_blind() {
    let (_folder, served, browser, house) = at_work(Settings::default()).await;
    browser.ask("start", "count").await;
    for (deed, text) in [("scan", "B:A-01"), ("scan", "NUT-M8"), ("key", "4"), ("confirm", "")] {
        browser.ask(deed, text).await;
    }
    browser.until("/api/state", |state| state["status"]["unsent"] == 0).await;
    let about = |code| Reason::new(code).word("bin", "A-01").word("item", "NUT-M8");
    let figure = |text: &str| text.parse().unwrap();
    let reasons = vec![
        about(Code::CountVariance)
            .quantity("counted", figure("4"))
            .quantity("book", figure("7391"))
            .quantity("difference", figure("-7387")),
        about(Code::CountCorrected)
            .quantity("before", figure("-7390"))
            .quantity("difference", figure("-7387")),
        about(Code::LateAbsorbed).quantity("quantity", figure("7388")),
        about(Code::CountSettled).quantity("difference", figure("-7387")),
        about(Code::CountNeedsApproval).quantity("difference", figure("-7387")),
        about(Code::CountConflict)
            .quantity("counted", figure("4"))
            .quantity("other", figure("7389")),
        about(Code::BinBelowZero).quantity("quantity", figure("-7387")),
    ];
    let changed = [("difference", "-7390", "-7387"), ("posting_date", "2026-11-22", "2026-11-23")];
    let changed = changed.map(|(field, from, to)| Change {
        field: field.to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
    });
    house.decide_with(2, Decision::Changed, reasons, changed.to_vec());
    browser.until("/api/operations", |list| list["operations"][0]["state"] == "changed").await;
    for path in ["/mine", "/api/operations"] {
        let seen = browser.get(path).await.body;
        let figures = seen.contains("738") || seen.contains("739");
        assert!(!figures, "no figure from which the book can be read: {path}: {seen}");
        assert!(!seen.contains('–'), "and no gap where one was: {path}: {seen}");
        for told in ["Your count is settled", "Two counts do not agree", "2026-11-23"] {
            assert!(seen.contains(told), "{told}: {path}: {seen}");
        }
    }
    let seen = browser.get("/mine").await.body;
    assert!(seen.contains("Posting date: 2026-11-22 → 2026-11-23"), "in words: {seen}");
    served.stop().await;
}

#[tokio::test]
async fn what_is_in_hand_is_laid_aside_and_taken_up_again() {
    let (_folder, served, browser, _house) = at_work(Settings::default()).await;
    browser.ask("start", "count_bin").await;
    browser.ask("scan", "B:A-01").await;
    browser.ask("scan", "4006381333931").await;
    browser.ask("confirm", "").await;
    browser.ask("leave", "").await;
    assert!(browser.get("/").await.body.contains("Count bin (laid aside)"));
    browser.ask("start", "move").await;
    for (deed, text) in [
        ("scan", "B:A-01"),
        ("scan", "NUT-M8"),
        ("key", "2"),
        ("scan", "B:A-02"),
        ("confirm", ""),
        ("leave", ""),
    ] {
        browser.ask(deed, text).await;
    }
    let state = browser.ask("start", "count_bin").await;
    assert_eq!(state["screen"]["lines"].as_array().unwrap().len(), 1, "{state}");
    let state = browser.ask("scan", "NUT-M8").await;
    assert_eq!(state["screen"]["notice"]["code"], "moved_meanwhile", "{state}");
    served.stop().await;
}

#[tokio::test]
async fn enter_in_an_empty_field_is_the_primary_button() {
    let (_folder, served, browser, _house) = at_work(Settings::default()).await;
    browser.ask("start", "count").await;
    browser.ask("scan", "B:A-01").await;
    browser.ask("scan", "4006381333931").await;
    let state = browser.ask("key", "").await;
    assert_eq!(state["signal"], "complete", "{state}");
    served.stop().await;
}
