//! The scanner or its server was put back from an old copy.

use device_core::device::Settings;

use super::at_work;
use super::browser::Browser;
use super::house::House;

/// Two counts that the server has.
async fn two_counts(browser: &Browser, house: &House) {
    browser.ask("start", "count").await;
    browser.ask("scan", "B:A-01").await;
    for _ in 0..2 {
        browser.ask("scan", "4006381333931").await;
        browser.ask("confirm", "").await;
    }
    arrived(house, 2).await;
}

async fn arrived(house: &House, n_counts: usize) {
    let counts = || house.kinds().iter().filter(|kind| *kind == "count").count();
    for _ in 0..500 {
        if counts() == n_counts {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{} of {n_counts} counts have arrived", counts());
}

/// The page of the link, once it has `text`.
async fn told(browser: &Browser, text: &str) -> String {
    let mut page = String::new();
    for _ in 0..500 {
        page = browser.get("/sync").await.body;
        if page.contains(text) {
            return page;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{text}: {page}");
}

#[tokio::test]
async fn case_47_a_restored_server_is_told_and_what_it_had_lost_is_sent_again() {
    let (_folder, served, browser, mut house) = at_work(Settings::default()).await;
    two_counts(&browser, &house).await;
    let page = browser.get("/sync").await.body;
    assert!(!page.contains("restored"), "{page}");
    house.restore(1).await;
    browser.ask("try-now", "").await;
    arrived(&house, 2).await;
    let page = told(&browser, "The server was restored from a backup. What it had lost").await;
    assert!(!page.contains("This scanner was restored"), "{page}");
    browser.ask("language", "da").await;
    told(&browser, "Serveren blev gendannet fra en sikkerhedskopi").await;
    // Everything is sent: who comes next need not know.
    browser.ask("sign-out", "").await;
    assert!(!browser.get("/sync").await.body.contains("id=\"restored\""));
    served.stop().await;
}

#[tokio::test]
async fn case_41_a_restored_scanner_is_told_and_its_entries_are_checked() {
    let (_folder, served, browser, mut house) = at_work(Settings::default()).await;
    two_counts(&browser, &house).await;
    house.find_copy().await;
    browser.ask("try-now", "").await;
    arrived(&house, 2).await;
    let page = told(&browser, "This scanner was restored from an old copy. What it holds").await;
    assert!(!page.contains("The server was restored"), "{page}");
    served.stop().await;
}
