//! One table of all addresses.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Form, Path, State};
use axum::http::header::{CONTENT_TYPE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use device_core::engine::Question;
use protocol::operation::AttachmentKind;
use protocol::words::ItemNo;
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use serde::Deserialize;

use crate::app::{App, TEST_CODE};
use crate::deed::{Deed, Fields};
use crate::guard::{self, Guard};
use crate::looks::Looks;
use crate::page::{Asked, Tested};
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
        .route("/settings", get(settings))
        .route("/settings/scan", post(scan_test))
        .route("/settings/code.svg", get(test_code))
        .route("/settings/{what}", post(set))
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
    let asked = Asked::by(&headers);
    drawn(app, move |app| page::here(app, None, asked)).await
}

async fn sync(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let asked = Asked::by(&headers);
    drawn(app, move |app| page::sync(app, asked)).await
}

async fn mine(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let asked = Asked::by(&headers);
    drawn(app, move |app| page::mine(app, asked)).await
}

async fn tasks(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let asked = Asked::by(&headers);
    drawn(app, move |app| page::tasks(app, asked)).await
}

async fn out(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let asked = Asked::by(&headers);
    drawn(app, move |app| page::out(app, asked)).await
}

async fn settings(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let asked = Asked::by(&headers);
    drawn(app, move |app| page::settings(app, asked, None)).await
}

/// Changes one of the settings.
async fn set(
    State(app): State<Arc<App>>,
    Path(what): Path<String>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let back = (LOCATION, "/settings".to_owned());
    if what == "language" {
        let done = tokio::task::spawn_blocking(move || app.act(Deed::Language, &fields.text)).await;
        if let Err(error) = done {
            tracing::error!(%error, "the language could not be changed");
        }
        return (StatusCode::SEE_OTHER, [back]).into_response();
    }
    match Looks::of(&headers).with(&what, &fields.text) {
        Some(looks) => {
            (StatusCode::SEE_OTHER, [back, (SET_COOKIE, looks.cookie())]).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A scan that is only looked at.
#[derive(Debug, Deserialize)]
struct TestScan {
    text: String,
    /// Milliseconds that one character took; empty where nobody has measured it.
    #[serde(default)]
    ms: String,
}

async fn scan_test(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Form(scan): Form<TestScan>,
) -> Response {
    let asked = Asked::by(&headers);
    drawn(app, move |app| {
        // The test first: what it has found is how the scan is read.
        let code = app.test_scanner(&scan.text);
        let reading = app.read_scan(&scan.text);
        let tested = Tested { reading, code, ms: scan.ms.parse().ok() };
        page::settings(app, asked, Some(&tested))
    })
    .await
}

/// The code to be printed and scanned.
async fn test_code() -> Response {
    let Ok(code) = QrCode::with_error_correction_level(TEST_CODE, EcLevel::M) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let drawn = code.render::<svg::Color<'_>>().min_dimensions(256, 256).build();
    ([(CONTENT_TYPE, "image/svg+xml")], drawn).into_response()
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
    let asked = Asked::by(&headers);
    drawn(app, move |app| page::picture(app, asked, &name)).await
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
    let asked = Asked::by(&headers);
    let Ok(item) = ItemNo::new(&item) else { return StatusCode::NOT_FOUND.into_response() };
    let answer = app.device.ask(&Question::Elsewhere(item.clone()), ASKED_WITHIN).await;
    drawn(app, move |app| page::elsewhere(app, asked, (item.as_str(), &answer))).await
}

async fn deed(
    State(app): State<Arc<App>>,
    Path(word): Path<String>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let Some(deed) = Deed::of_word(&word) else { return StatusCode::NOT_FOUND.into_response() };
    let asked = Asked::by(&headers);
    let answered = drawn(app, move |app| {
        let answer = app.act(deed, &fields.text);
        page::here(app, Some(&answer), Asked { part: true, ..asked })
    })
    .await;
    if asked.part {
        return answered;
    }
    // Without the script, the browser asks for the whole page anew.
    (StatusCode::SEE_OTHER, [(LOCATION, "/")]).into_response()
}
