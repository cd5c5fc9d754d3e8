//! One table of all addresses.

use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};

use crate::app::App;
use crate::deed::{Deed, Fields};
use crate::guard::{self, Guard};
use crate::{api, events, page};

const SCRIPT: &str = include_str!("../assets/app.js");
const STYLE: &str = include_str!("../assets/app.css");
const ICON: &str = include_str!("../assets/icon.svg");
const MANIFEST: &str = include_str!("../assets/manifest.webmanifest");

/// All addresses behind the guard.
pub(crate) fn routes(app: Arc<App>, port: u16, token: String) -> Router {
    let guard = Guard::new(port, token);
    let entrance =
        Router::new().route("/start/{token}", get(guard::start)).with_state(guard.clone());
    Router::new()
        .route("/", get(here))
        .route("/sync", get(sync))
        .route("/mine", get(mine))
        .route("/tasks", get(tasks))
        .route("/out", get(out))
        .route("/events", get(events::stream))
        .route("/do/{deed}", post(deed))
        .route("/api/state", get(api::state))
        .route("/api/pending", get(api::pending))
        .route("/api/operations", get(api::operations))
        .route("/api/{deed}", post(api::deed))
        .route("/app.js", get(|| async { file("text/javascript; charset=utf-8", SCRIPT) }))
        .route("/app.css", get(|| async { file("text/css; charset=utf-8", STYLE) }))
        .route("/icon.svg", get(|| async { file("image/svg+xml", ICON) }))
        .route(
            "/manifest.webmanifest",
            get(|| async { file("application/manifest+json", MANIFEST) }),
        )
        .with_state(app)
        .merge(entrance)
        .layer(middleware::from_fn_with_state(guard, guard::watch))
}

fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, kind)], text)
}

/// Draws outside of the asynchronous threads: everything here reads the device.
async fn drawn(app: Arc<App>, draw: impl FnOnce(&App) -> String + Send + 'static) -> Response {
    match tokio::task::spawn_blocking(move || draw(&app)).await {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be drawn");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn here(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let part = is_part(&headers);
    drawn(app, move |app| page::here(app, None, part)).await
}

async fn sync(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let part = is_part(&headers);
    drawn(app, move |app| page::sync(app, part)).await
}

async fn mine(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let part = is_part(&headers);
    drawn(app, move |app| page::mine(app, part)).await
}

async fn tasks(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let part = is_part(&headers);
    drawn(app, move |app| page::tasks(app, part)).await
}

async fn out(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let part = is_part(&headers);
    drawn(app, move |app| page::out(app, part)).await
}

/// Whether the script asks, which replaces only the middle of the page.
fn is_part(headers: &HeaderMap) -> bool {
    headers.get("x-part").is_some()
}

async fn deed(
    State(app): State<Arc<App>>,
    Path(word): Path<String>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let Some(deed) = Deed::of_word(&word) else { return StatusCode::NOT_FOUND.into_response() };
    let part = is_part(&headers);
    let answered = drawn(app, move |app| {
        let answer = app.act(deed, &fields.text);
        page::here(app, Some(&answer), true)
    })
    .await;
    if part {
        return answered;
    }
    // Without the script, the browser asks for the whole page anew.
    (StatusCode::SEE_OTHER, [(LOCATION, "/")]).into_response()
}
