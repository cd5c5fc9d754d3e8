//! Who may ask.

use super::browser::Browser;
use super::fresh;

#[tokio::test]
async fn only_the_start_address_lets_a_browser_in() {
    let (_folder, served, browser) = fresh().await;
    assert_eq!(browser.get("/").await.status, 200);
    let stranger = Browser::new(served.address());
    assert_eq!(stranger.get("/").await.status, 401);
    assert_eq!(stranger.get("/api/state").await.status, 401);
    assert_eq!(stranger.get("/events").await.status, 401);
    assert_eq!(stranger.get("/start/wrong").await.status, 401);
    served.stop().await;
}

#[tokio::test]
async fn another_host_name_and_another_page_are_kept_out() {
    let (_folder, served, browser) = fresh().await;
    let cookie = browser.cookie.clone().unwrap();
    let get = |extra: &str| {
        format!("GET / HTTP/1.1\r\nConnection: close\r\nCookie: {cookie}\r\n{extra}\r\n\r\n")
    };
    let host = served.address();
    let rebound = browser.send(get("Host: evil.example")).await;
    assert_eq!(rebound.status, 403);
    let other_port = browser.send(get("Host: 127.0.0.1:1")).await;
    assert_eq!(other_port.status, 403);
    let foreign = browser.send(get(&format!("Host: {host}\r\nOrigin: http://evil.example"))).await;
    assert_eq!(foreign.status, 403);
    let other_app = browser.send(get(&format!("Host: {host}\r\nOrigin: http://127.0.0.1:1"))).await;
    assert_eq!(other_app.status, 403);
    let cross = browser.send(get(&format!("Host: {host}\r\nSec-Fetch-Site: cross-site"))).await;
    assert_eq!(cross.status, 403);
    let own = browser.send(get(&format!("Host: {host}\r\nOrigin: http://{host}"))).await;
    assert_eq!(own.status, 200);
    served.stop().await;
}

#[tokio::test]
async fn a_form_without_an_origin_changes_nothing() {
    let (_folder, served, browser) = fresh().await;
    let post = |extra: &str| {
        format!(
            "POST /do/language HTTP/1.1\r\n{}{extra}\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\ntext=da",
            browser.common()
        )
    };
    assert_eq!(browser.send(post("")).await.status, 403);
    let own = post(&format!("Origin: http://{}\r\n", served.address()));
    let reply = browser.send(own).await;
    assert_eq!((reply.status, reply.header("location")), (303, Some("/")), "without the script");
    assert!(browser.get("/").await.body.contains("Scan tilmeldingskoden"));
    served.stop().await;
}

#[tokio::test]
async fn a_test_may_send_the_token_instead_of_a_cookie() {
    let (_folder, served, browser) = fresh().await;
    let post = |token: &str| {
        format!(
            "POST /api/language HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
             Authorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: 13\r\n\r\n{{\"text\":\"da\"}}",
            served.address()
        )
    };
    assert_eq!(browser.send(post(served.token())).await.status, 200);
    assert_eq!(browser.send(post("x")).await.status, 401);
    served.stop().await;
}

#[tokio::test]
async fn pages_forbid_foreign_scripts_frames_and_caches() {
    let (_folder, served, browser) = fresh().await;
    for path in ["/", "/app.js", "/sync"] {
        let reply = browser.get(path).await;
        assert!(reply.header("content-security-policy").unwrap().contains("default-src 'self'"));
        assert_eq!(reply.header("x-frame-options"), Some("DENY"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        // A form that is sent without the script must be able to say that it is our own.
        assert_eq!(reply.header("referrer-policy"), Some("same-origin"));
    }
    served.stop().await;
}
