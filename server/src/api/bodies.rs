//! The bodies of requests: read whole, within a time, and of strangers only as much as a sign-in
//! needs. What is sent drop by drop, or never ends, holds no memory and no page.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::BODY_BYTES_MAX;
use super::problem::Problem;
use crate::desk::{session, token};
use crate::state::AppState;

/// The largest body of somebody who is not signed in: a name and a password.
const STRANGER_BYTES_MAX: usize = 16 << 10;
/// How long a body may take.
const ARRIVES: Duration = Duration::from_secs(30);
/// Files may be larger and take longer; their endpoint has limits of its own.
const IMPORT: &str = "/api/v1/import";

fn is_known(app: &AppState, headers: &HeaderMap) -> bool {
    let shown = session::token_of(headers).unwrap_or_default();
    let (tables, now) = (app.company().snapshot(), app.company().now());
    let person = session::signed_in(&tables, shown, now);
    person.or_else(|| token::signed_in(&tables, shown, now)).is_some()
}

/// See the module.
pub async fn guard(State(app): State<AppState>, request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return next.run(request).await;
    }
    let known = is_known(&app, request.headers());
    if known && request.uri().path() == IMPORT {
        return next.run(request).await;
    }
    let most = if known { BODY_BYTES_MAX } else { STRANGER_BYTES_MAX };
    let (parts, body) = request.into_parts();
    match tokio::time::timeout(ARRIVES, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Ok(Err(_too_large)) => Problem::too_large(most).into_response(),
        Err(_late) => Problem::malformed("the request did not arrive in time").into_response(),
    }
}
