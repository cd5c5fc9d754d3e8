//! The storage fails: red, and nothing is taken any more.

use device_core::device::Settings;
use device_core::recorder;

use super::at_work;

#[tokio::test]
async fn when_the_storage_fails_the_screen_is_red_and_scanning_stops() {
    let mut settings = Settings::default();
    settings.config.recorder = recorder::Options {
        segment_bytes: recorder::Options::SEGMENT_BYTES_MIN,
        ballast_bytes: 0,
        ..recorder::Options::default()
    };
    let (folder, served, browser, _house) = at_work(settings).await;
    browser.ask("start", "count").await;
    browser.ask("scan", "B:A-01").await;
    // The folder is gone: the first segment that has to be begun finds no place.
    let kept = folder.path().join("kept");
    std::fs::rename(folder.path().join("recorder"), &kept).unwrap();
    let mut last = serde_json::Value::Null;
    let mut n_recorded = 0;
    for _ in 0..400 {
        browser.ask("scan", "4006381333931").await;
        last = browser.ask("confirm", "").await;
        if last["signal"] == "stop" {
            break;
        }
        n_recorded += 1;
    }
    assert_eq!(last["signal"], "stop", "{last}");
    assert_eq!(last["page"], "stopped", "{last}");
    assert!(n_recorded > 0);
    let page = browser.get("/").await.body;
    assert!(page.contains("Scanning has stopped") && page.contains("NOT saved"), "{page}");
    assert!(browser.get("/mine").await.body.contains("Scanning has stopped"));
    for (deed, text) in [("scan", "4006381333931"), ("confirm", ""), ("start", "receive")] {
        let state = browser.ask(deed, text).await;
        assert_eq!((&state["signal"], &state["page"]), (&"stop".into(), &"stopped".into()));
    }
    // The storage is back: what was in hand is still there, and only now it is recorded.
    std::fs::rename(&kept, folder.path().join("recorder")).unwrap();
    let state = browser.ask("reopen", "").await;
    assert_eq!(state["page"], "flow", "{state}");
    let state = browser.ask("confirm", "").await;
    assert_eq!(state["signal"], "complete", "{state}");
    served.stop().await;
}
