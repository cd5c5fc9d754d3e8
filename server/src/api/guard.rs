//! Around every request: a bug in a page is a 500 and a log line, headers that browsers heed, and
//! problems in the reader's language.

use std::panic::AssertUnwindSafe;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use protocol::code::Code;
use protocol::outcome::Reason;

use super::problem::{Problem, language_of};
use crate::state::AppState;

/// Headers of every answer. Pages may not be framed, and may load nothing from elsewhere.
const HEADERS: [(&str, &str); 8] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    // What shows stock and people is kept by nobody; files of the pages say otherwise themselves.
    ("cache-control", "no-store"),
    (
        "content-security-policy",
        "default-src 'self'; img-src 'self' data:; object-src 'none'; frame-ancestors 'none'; \
         base-uri 'none'; form-action 'self'",
    ),
];
/// Where connections are encrypted, browsers ask for nothing else for a year.
const STRICT: (&str, &str) = ("strict-transport-security", "max-age=31536000");

/// See the module.
pub async fn guard(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let language = language_of(request.headers());
    let path = request.uri().path().to_owned();
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = answered.unwrap_or_else(|_panic| {
        tracing::error!(path, "a page panicked");
        let reason = Reason::new(Code::ServerFault);
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, reason).into_response()
    });
    if let Some(problem) = response.extensions_mut().remove::<Problem>()
        && problem.language.is_none()
    {
        response = problem.in_language(language).into_response();
        response.extensions_mut().remove::<Problem>();
    }
    app.metrics().answered(response.status().as_u16());
    for (name, value) in HEADERS.into_iter().chain(app.tls().then_some(STRICT)) {
        let name = HeaderName::from_static(name);
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
