//! The settings of the screens, and the self-test of the scanner.

use device_core::device::Settings;

use super::browser::{Browser, Reply};
use super::{at_work, fresh};

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
        ("TALLYMAN|TEST", "separator is missing"),
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
