//! The pages through HTTP, with a real device in a temporary folder.

mod browser;
mod guard;
mod house;
mod mine;
mod restored;
mod screens;
mod settings;
mod shift;
mod storage;

use device_core::device::{Device, Settings};
use tempfile::TempDir;

use crate::{Options, Served, serve, serve_device};
use browser::Browser;
use house::House;

/// The screens of a device that nobody has enrolled.
async fn fresh() -> (TempDir, Served, Browser) {
    let folder = tempfile::tempdir().unwrap();
    let options =
        Options { folder: folder.path().to_owned(), port: 0, server: None, allow_plain: false };
    let served = serve(options).await.unwrap();
    let browser = Browser::start(served.address(), &served.start_url()).await;
    (folder, served, browser)
}

/// An enrolled device that has its rows, and its server.
async fn enrolled(settings: Settings) -> (TempDir, Served, Browser, House) {
    let folder = tempfile::tempdir().unwrap();
    let device = Device::open(folder.path(), settings).unwrap();
    let served = serve_device(device, 0, None).await.unwrap();
    let browser = Browser::start(served.address(), &served.start_url()).await;
    let house = House::open(house::rows()).await;
    browser.press("enrol", &house.code()).await;
    browser.until("/api/state", |state| state["page"] == "sign_in" && has_people(state)).await;
    (folder, served, browser, house)
}

fn has_people(state: &serde_json::Value) -> bool {
    state["status"]["ready"] == true
}

/// The same, with Ana at work.
async fn at_work(settings: Settings) -> (TempDir, Served, Browser, House) {
    let (folder, served, browser, house) = enrolled(settings).await;
    browser.press("scan", "U:BADGE-ANA").await;
    let page = browser.press("pin", "1234").await;
    assert!(page.contains("data-page=\"menu\""), "{page}");
    (folder, served, browser, house)
}
