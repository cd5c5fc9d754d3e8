//! One table of all addresses.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Form, Path, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use device_core::engine::Question;
use protocol::operation::AttachmentKind;
use protocol::words::ItemNo;

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
        .route("/elsewhere/{item}", get(elsewhere))
        .route("/picture/{name}", get(picture))
        .route(
            "/picture/{name}/{kind}",
            post(take_picture).layer(DefaultBodyLimit::max(PICTURE_BYTES_MAX)),
        )
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

/// Room for a picture that is too long: it is refused with a sentence.
const PICTURE_BYTES_MAX: usize = 8 << 20;
/// How long a person waits for what only the server can tell.
const ASKED_WITHIN: std::time::Duration = std::time::Duration::from_secs(2);

async fn picture(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let part = is_part(&headers);
    drawn(app, move |app| page::picture(app, part, &name)).await
}

/// Takes the bytes of a picture, as they are.
async fn take_picture(
    State(app): State<Arc<App>>,
    Path((name, kind)): Path<(String, String)>,
    bytes: axum::body::Bytes,
) -> Response {
    let kind = match kind.as_str() {
        "photo" => AttachmentKind::Photo,
        "signature" => AttachmentKind::Signature,
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let taken = tokio::task::spawn_blocking(move || app.take_picture(&name, kind, &bytes)).await;
    match taken {
        Ok(Ok(id)) => {
            let recorded = serde_json::json!({ "incarnation": id.incarnation.0, "seq": id.seq.0 });
            axum::Json(serde_json::json!({ "recorded": recorded })).into_response()
        }
        Ok(Err(why)) => {
            let refused = serde_json::json!({ "message": why });
            (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(refused)).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a picture could not be taken");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn elsewhere(
    State(app): State<Arc<App>>,
    Path(item): Path<String>,
    headers: HeaderMap,
) -> Response {
    let part = is_part(&headers);
    let Ok(item) = ItemNo::new(&item) else { return StatusCode::NOT_FOUND.into_response() };
    let answer = app.device.ask(&Question::Elsewhere(item.clone()), ASKED_WITHIN).await;
    drawn(app, move |app| page::elsewhere(app, part, (item.as_str(), &answer))).await
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
