//! The settings of the screens, and the self-test of the scanner.

use std::path::Path;

use device_core::device::{Device, Settings};

use super::browser::{Browser, Reply};
use super::{at_work, fresh};
use crate::{Served, serve_device};

/// Presses a button of the page of settings: what the browser is told to go to, with its cookies.
async fn set(browser: &mut Browser, what: &str, word: &str) -> Reply {
    let reply = browser.submit(&format!("/settings/{what}"), &[("text", word)]).await;
    if let Some(cookie) = reply.header("set-cookie") {
        let looks = cookie.split(';').next().unwrap();
        let token = browser.cookie.take().unwrap();
        let token = token.split("; ").find(|pair| !pair.starts_with("looks=")).unwrap();
        browser.cookie = Some(format!("{token}; {looks}"));
    }
    reply
}

#[tokio::test]
async fn the_screens_look_and_sound_as_they_were_set_and_stay_so() {
    let (_folder, served, mut browser) = fresh().await;
    let page = browser.get("/").await.body;
    for part in ["data-theme=\"auto\"", "data-sounds=\"normal\"", "data-volume=\"medium\""] {
        assert!(page.contains(part), "{part}: {page}");
    }
    for (what, word) in
        [("theme", "dark"), ("sounds", "noisy"), ("volume", "high"), ("hand", "left")]
    {
        let reply = set(&mut browser, what, word).await;
        assert_eq!((reply.status, reply.header("location")), (303, Some("/settings")), "{what}");
        for path in ["/settings", "/sync", "/"] {
            let page = browser.get(path).await.body;
            assert!(page.contains(&format!("data-{what}=\"{word}\"")), "{path}: {page}");
        }
        let page = browser.get("/settings").await.body;
        let pressed = format!(
            "value=\"{word}\"><button type=\"submit\" class=\"secondary\" \
                               aria-pressed=\"true\""
        );
        assert!(page.contains(&pressed), "{what} {word}: {page}");
    }
    set(&mut browser, "language", "da").await;
    let page = browser.get("/settings").await.body;
    assert!(page.contains("lang=\"da\"") && page.contains("Indstillinger"), "{page}");
    // What nobody offers is taken for nothing.
    for (what, word) in [("theme", "pink"), ("smell", "rose")] {
        assert_eq!(set(&mut browser, what, word).await.status, 404, "{what}");
    }
    assert!(browser.get("/").await.body.contains("data-theme=\"dark\""));
    served.stop().await;
}

#[tokio::test]
async fn the_settings_are_reached_from_the_menu_and_before_anybody_signs_in() {
    let (_folder, served, browser, _house) = at_work(Settings::default()).await;
    let link = "href=\"/settings\"";
    assert!(browser.get("/").await.body.contains(link));
    browser.press("sign-out", "").await;
    assert!(browser.get("/").await.body.contains(link));
    served.stop().await;
}

#[tokio::test]
async fn the_scan_test_shows_what_the_scanner_sent_and_records_nothing() {
    let (_folder, served, browser, house) = at_work(Settings::default()).await;
    let before = browser.look("/api/operations").await;
    let test = |text: &'static str, ms: &'static str| {
        let browser = &browser;
        async move { browser.submit("/settings/scan", &[("text", text), ("ms", ms)]).await.body }
    };
    let page = test("]C10104006381333931\u{1d}10LOT7", "12").await;
    for seen in ["]C10104006381333931␝10LOT7", "]C1", "12 ms"] {
        assert!(page.contains(seen), "{seen}: {page}");
    }
    // Typed into the field, without a script that takes the time, and by a scanner without identifiers.
    let page = test("4006381333931", "").await;
    assert!(page.contains("4006381333931") && page.contains("does not say"), "{page}");
    assert!(!page.contains(" ms"), "{page}");
    // The code of the page: whole, and with what separates its parts lost on the way.
    for (text, told) in [
        ("]Q1TALLYMAN\u{1d}TEST", "arrived whole"),
        ("TALLYMANTEST", "separator is missing"),
        ("TALLYMAN|TEST", "with | for its separator"),
        ("TALLYMAN0029TEST", "may be part of a code"),
    ] {
        assert!(test(text, "3").await.contains(told), "{text}");
    }
    // Whoever may read the screen must not learn how to sign in.
    let page = test("U:BADGE-ANA", "3").await;
    assert!(!page.contains("BADGE-ANA") && page.contains("badge"), "{page}");
    let page = test(Box::leak(house.code().into_boxed_str()), "3").await;
    assert!(!page.contains(&house.code()), "an enrolment code lets a device in: {page}");
    assert_eq!(
        browser.look("/api/operations").await["operations"].as_array().unwrap().len(),
        before["operations"].as_array().unwrap().len(),
        "nothing was recorded"
    );
    let menu = browser.get("/").await.body;
    assert!(menu.contains("data-page=\"menu\""), "and nothing was begun: {menu}");
    served.stop().await;
}

/// A lot with digits in it, or a lot and a serial number whose separator was lost.
const DOUBTFUL: &str = "]C1010950600013435210A2134";

/// Whether the person is asked what a code means, on the page of settings and where work is done.
async fn is_asked(browser: &Browser) -> bool {
    let page = browser.submit("/settings/scan", &[("text", DOUBTFUL)]).await.body;
    browser.ask("start", "receive").await;
    browser.ask("scan", "D:4711").await;
    let seen = browser.ask("scan", DOUBTFUL).await;
    let is_asked = seen["screen"]["choices"].as_array().unwrap().len() == 2;
    browser.ask("leave", "").await;
    assert_eq!(page.contains("in 2 ways"), is_asked, "{page} {seen}");
    is_asked
}

/// What the page of settings says of the scanner.
async fn trust(browser: &Browser) -> String {
    let page = browser.get("/settings").await.body;
    let (_before, told) = page.split_once("id=\"trust\"").unwrap();
    told.split_once("</div>").unwrap().0.to_owned()
}

async fn test(browser: &Browser, text: &str) -> String {
    browser.submit("/settings/scan", &[("text", text)]).await.body
}

/// The same device, after its app was ended and started.
async fn again(folder: &Path) -> (Served, Browser) {
    let device = Device::open(folder, Settings::default()).unwrap();
    let served = serve_device(device, 0, None).await.unwrap();
    let browser = Browser::start(served.address(), &served.start_url()).await;
    (served, browser)
}

#[tokio::test]
async fn a_scanner_that_passed_its_test_is_trusted_until_it_fails_one() {
    let (_folder, served, browser, _house) = at_work(Settings::default()).await;
    assert!(is_asked(&browser).await);
    assert!(trust(&browser).await.contains("was not tested"));
    test(&browser, "]Q1TALLYMAN\u{1d}TEST").await;
    assert!(!is_asked(&browser).await, "no separator is missing");
    let told = trust(&browser).await;
    assert!(told.contains("as they are") && told.contains("Tested 23-11-2026 13:00"), "{told}");
    // Any other scan changes nothing.
    test(&browser, "4006381333931").await;
    assert!(!is_asked(&browser).await);
    for failed in ["TALLYMANTEST", "TALLYMAN0029TEST", "TALLYMAN\u{1d}\u{1d}TEST"] {
        test(&browser, failed).await;
        assert!(is_asked(&browser).await, "{failed:?} takes the trust away");
        assert!(trust(&browser).await.contains("failed its test"), "{failed:?}");
        test(&browser, "TALLYMAN\u{1d}TEST").await;
    }
    served.stop().await;
}

#[tokio::test]
async fn what_a_scanner_sends_for_the_separator_is_known_after_the_app_was_ended() {
    let (folder, served, browser, _house) = at_work(Settings::default()).await;
    let with_sign = "]C1010950600013435210A\u{a7}2134";
    let page = test(&browser, "TALLYMAN\u{a7}TEST").await;
    assert!(page.contains("with \u{a7} for its separator"), "{page}");
    served.stop().await;
    let (served, browser) = again(folder.path()).await;
    let told = trust(&browser).await;
    assert!(told.contains("sends \u{a7} for a separator") && told.contains("Tested"), "{told}");
    assert!(!is_asked(&browser).await);
    browser.ask("start", "look_up").await;
    let seen = browser.ask("scan", with_sign).await;
    assert_eq!(seen["signal"], "good", "{seen}");
    served.stop().await;
    // What the device kept is damaged: it knows nothing of its scanner any more.
    let state = folder.path().join("device").join("state");
    let mut bytes = std::fs::read(&state).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&state, bytes).unwrap();
    let (served, browser) = again(folder.path()).await;
    assert!(trust(&browser).await.contains("was not tested"));
    served.stop().await;
}

#[tokio::test]
async fn the_test_code_can_be_printed() {
    let (_folder, served, browser) = fresh().await;
    let page = browser.get("/settings").await.body;
    assert!(page.contains("src=\"/settings/code.svg\"") && page.contains("data-print"), "{page}");
    let code = browser.get("/settings/code.svg").await;
    assert_eq!((code.status, code.header("content-type")), (200, Some("image/svg+xml")));
    assert!(code.body.contains("<svg"), "{}", code.body);
    served.stop().await;
}

#[test]
fn each_signal_can_be_tried_and_each_set_of_sounds_is_one_of_the_script() {
    let script = include_str!("../../assets/app.js");
    for part in ["noisy:", "night:", "data-try", "data-print", "/settings/scan"] {
        assert!(script.contains(part), "{part}");
    }
    let style = include_str!("../../assets/app.css");
    for part in ["[data-theme=dark]", "[data-hand=left] .bar", "@media print"] {
        assert!(style.contains(part), "{part}");
    }
}
