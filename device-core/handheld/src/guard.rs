//! Who may ask: only pages that this app has sent, in the browser that was given the start address.
//!
//! Other programs and other web pages on the same machine reach 127.0.0.1 as well. A foreign page
//! is kept out by Host (DNS rebinding) and Origin (cross-site requests), a foreign program by the
//! token.

use axum::extract::{Path, Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The name of the cookie that holds the token.
const COOKIE_NAME: &str = "tallyman_handheld";

/// What a request is held against.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    port: u16,
    token: String,
}

impl Guard {
    pub(crate) fn new(port: u16, token: String) -> Self {
        Self { port, token }
    }

    fn is_own_host(&self, host: &str) -> bool {
        let port = self.port;
        host == format!("127.0.0.1:{port}") || host == format!("localhost:{port}")
    }

    fn may_enter(&self, headers: &HeaderMap) -> Result<(), &'static str> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        if !text(HOST).is_some_and(|host| self.is_own_host(host)) {
            return Err("this is not the address of these screens");
        }
        let own = |origin: &str| {
            origin.strip_prefix("http://").is_some_and(|host| self.is_own_host(host))
        };
        if headers.contains_key(ORIGIN) && !text(ORIGIN).is_some_and(own) {
            return Err("another page may not ask here");
        }
        let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
        if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
            return Err("another page may not ask here");
        }
        Ok(())
    }

    fn has_token(&self, headers: &HeaderMap) -> bool {
        let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|cookies| cookies.split(';'));
        let cookie =
            pairs.find_map(|pair| pair.trim().strip_prefix(COOKIE_NAME)?.strip_prefix('='));
        bearer.into_iter().chain(cookie).any(|given| same(given, &self.token))
    }
}

/// Compares without telling by its time how much is right.
fn same(left: &str, right: &str) -> bool {
    left.len() == right.len()
        && left.bytes().zip(right.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// Lets a request through, or answers it with a refusal.
pub(crate) async fn watch(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    if let Err(reason) = guard.may_enter(request.headers()) {
        return (StatusCode::FORBIDDEN, reason).into_response();
    }
    // A form of our own always names its origin.
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    let headers = request.headers();
    let is_script = headers.contains_key(AUTHORIZATION);
    if changes && !is_script && !headers.contains_key(ORIGIN) {
        return (StatusCode::FORBIDDEN, "a request that changes something names its origin")
            .into_response();
    }
    let starts = request.uri().path().starts_with("/start/");
    if !starts && !guard.has_token(headers) {
        return (StatusCode::UNAUTHORIZED, "open the start address that the app has printed")
            .into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-security-policy", "default-src 'self'; img-src 'self' data:; base-uri 'none'"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        // Without any referrer a browser names no origin with a form, and the guard takes it for a stranger's.
        ("referrer-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        headers.insert(name, axum::http::HeaderValue::from_static(value));
    }
    response
}

/// Takes the token of the start address into a cookie.
pub(crate) async fn start(State(guard): State<Guard>, Path(token): Path<String>) -> Response {
    if !same(&token, &guard.token) {
        return (StatusCode::UNAUTHORIZED, "this start address is of an earlier run")
            .into_response();
    }
    let cookie = format!("{COOKIE_NAME}={token}; Path=/; HttpOnly; SameSite=Strict");
    (StatusCode::SEE_OTHER, [(SET_COOKIE, cookie), (LOCATION, "/".to_owned())]).into_response()
}
