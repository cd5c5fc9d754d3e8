//! The pages on their addresses.
//!
//! | address | is |
//! |---|---|
//! | what [`Address::of`] knows | a page |
//! | `/sse` in front of it | its stream |
//! | `/login`, `/logout`, `/first/{token}`, `/preferences` | who reads, and how |
//! | `POST /workbench/{case}` | a decision |
//! | `POST /devices/enrol`, `POST /devices/{device}/{action}` | devices |
//! | `POST /counts/ask` | a count of a whole bin |
//! | `POST /documents/transfer_order/{no}/close` | the end of what is on the way |
//! | `POST /gaps/{device}/{incarnation}/{from}` | operations that are lost |
//! | `POST /backup` | a backup now |
//! | `/movements.csv` | the register as a file |
//! | `/pictures/{hash}` | a photo or a signature |
//! | `POST /money/act/{action}` | postings, periods and runs of the money side |
//! | `/assets/{version}/{name}` | the files that pages load |

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::Sse;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use futures_util::stream;
use maud::Markup;
use protocol::code::Code;
use protocol::identity::Lsn;
use protocol::outcome::Reason;

use super::address::{self, Address};
use super::context::PageContext;
use super::page::{Missing, search};
use super::request::{Asked, Preferences, to_sign_in};
use super::{acts, assets, csv, live, money_acts, pictures, shell, sign_in};
use crate::api::problem::Problem;
use crate::state::AppState;
use crate::store::Snapshot;

/// The pages.
pub fn router() -> Router<AppState> {
    let mut router = Router::new()
        .route("/", get(|| async { Redirect::to("/now") }))
        .route("/assets/{version}/{name}", get(asset))
        .route("/movements.csv", get(csv::movements))
        .route("/pictures/{hash}", get(picture))
        .route("/search", get(find))
        .route("/preferences", post(sign_in::preferences))
        .route("/login", get(sign_in::form).post(sign_in::sign_in))
        .route("/logout", post(sign_in::sign_out))
        .route("/first/{token}", get(sign_in::first_form).post(sign_in::first))
        .route("/devices/enrol", get(page).post(acts::enrol))
        .route("/devices/{device}/{action}", get(page).post(acts::change_device))
        .route("/backup", get(page).post(acts::back_up))
        .route("/documents/transfer_order/{no}/close", post(acts::close_transfer))
        .route("/counts/ask", post(acts::ask_count))
        .route("/tasks/{id}/assign", post(acts::assign_task))
        .route("/gaps/{device}/{incarnation}/{from}", post(acts::declare_gap))
        .route("/money/act/{action}", post(money_acts::act))
        .route("/money/{*path}", get(page))
        .route("/workbench/{case}", get(page).post(acts::decide))
        .route("/sse/{*path}", get(stream_of));
    for pattern in [
        "/now",
        "/devices",
        "/devices/{device}",
        "/stock",
        "/stock/{kind}/{key}",
        "/movements",
        "/operations/{operation}",
        "/entries/{ledger}/{entry}",
        "/counts",
        "/workbench",
        "/tasks",
        "/tasks/{id}",
        "/items",
        "/items/{item}",
        "/bins",
        "/bins/{location}/{bin}",
        "/documents",
        "/documents/{kind}/{no}",
        "/on-the-way",
    ] {
        router = router.route(pattern, get(page));
    }
    router.fallback(page)
}

/// A document, never kept by anybody on the way.
pub(super) fn answer(status: StatusCode, markup: Markup) -> Response {
    let headers = [(header::CACHE_CONTROL, "no-store")];
    (status, headers, Html(markup.into_string())).into_response()
}

/// A document that says why there is none.
pub(super) fn problem_page(context: &PageContext, problem: &Problem) -> Response {
    answer(problem.status, shell::error_page(context, &problem.reason))
}

/// Somebody who may look, and what their pages need.
pub(super) struct Visitor {
    /// How they like their pages.
    pub(super) preferences: Preferences,
    /// Path and filters.
    pub(super) asked: Asked,
}

/// Runs `make` with a snapshot (of the whole) and a context, off the event loop, for somebody who
/// may look.
/// Everybody else is sent to sign in, or told why not.
pub(super) async fn with_page<F>(app: &AppState, visitor: Visitor, make: F) -> Response
where
    F: FnOnce(&Snapshot, &PageContext, &Asked) -> Response + Send + 'static,
{
    let shared = app.clone();
    let made = tokio::task::spawn_blocking(move || {
        let Visitor { preferences, asked } = visitor;
        let snapshot = shared.company().snapshot();
        let Some(signed_in) = preferences.signed_in(&shared, &snapshot) else {
            return to_sign_in(&asked.address);
        };
        match preferences.context_of(&shared, &snapshot, &signed_in) {
            Ok(context) => {
                let response = make(&snapshot, &context, &asked);
                if snapshot.check().is_err() {
                    let fault = shell::fault_page(&context, &asked.address);
                    return answer(StatusCode::SERVICE_UNAVAILABLE, fault);
                }
                response
            }
            Err(context) => {
                let reason = Problem::right_missing(&signed_in.user).reason;
                let page = super::page::sign_in::not_allowed(&context, &reason);
                answer(StatusCode::FORBIDDEN, page)
            }
        }
    });
    match made.await {
        Ok(response) => response,
        Err(panic) => {
            tracing::error!(%panic, "a page could not be made");
            Problem::stopped().into_response()
        }
    }
}

async fn page(State(app): State<AppState>, headers: HeaderMap, asked: Asked) -> Response {
    let visitor = Visitor { preferences: Preferences::of(&headers), asked };
    with_page(&app, visitor, |view, context, asked| {
        match address::page_at(view, context, (&asked.path, &asked.query)) {
            Ok(page) => answer(StatusCode::OK, shell::document(context, &page, &asked.address)),
            Err(Missing(reason)) => missing(context, &reason),
        }
    })
    .await
}

/// A photo or a signature, for whoever may see an operation that it belongs to.
async fn picture(
    State(app): State<AppState>,
    Path(hash): Path<String>,
    headers: HeaderMap,
    asked: Asked,
) -> Response {
    let visitor = Visitor { preferences: Preferences::of(&headers), asked };
    with_page(&app, visitor, move |view, context, _asked| {
        let found = context.scope().over(view, |view| pictures::find(view, &hash));
        let Some(picture) = found else { return missing(context, &Reason::new(Code::NotFound)) };
        let headers = [
            (header::CONTENT_TYPE, picture.media_type),
            (header::CACHE_CONTROL, "private, max-age=86400, immutable"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        (headers, picture.bytes).into_response()
    })
    .await
}

fn missing(context: &PageContext, reason: &Reason) -> Response {
    let forbidden = reason.code == Code::RightMissing;
    let status = if forbidden { StatusCode::FORBIDDEN } else { StatusCode::NOT_FOUND };
    answer(status, shell::error_page(context, reason))
}

/// A search that finds one thing leads straight to it.
async fn find(State(app): State<AppState>, headers: HeaderMap, asked: Asked) -> Response {
    let visitor = Visitor { preferences: Preferences::of(&headers), asked };
    with_page(&app, visitor, |view, context, asked| {
        let text = asked.query.text("q");
        let straight = context.scope().over(view, |view| search::straight_to(view, text));
        if let Some(address) = straight {
            return Redirect::to(&address).into_response();
        }
        match Address::Search.page(view, context, &asked.query) {
            Ok(page) => answer(StatusCode::OK, shell::document(context, &page, &asked.address)),
            Err(Missing(reason)) => missing(context, &reason),
        }
    })
    .await
}

/// The head that a reader's page shows: the last event it saw, or that of the loaded document.
fn since(headers: &HeaderMap, asked: &Asked) -> Option<Lsn> {
    let seen = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    seen.or_else(|| asked.query.get("since")).and_then(|text| text.parse().ok()).map(Lsn)
}

async fn stream_of(
    State(app): State<AppState>,
    headers: HeaderMap,
    uri: axum::http::Uri,
) -> Response {
    let mut asked = Asked::of(&uri, "/sse");
    let preferences = Preferences::of(&headers);
    let since = since(&headers, &asked);
    asked.query = asked.query.without("since");
    let known = preferences.context(&app, &app.company().snapshot());
    let no_buffering = [("x-accel-buffering", "no")];
    match (known, Address::of(&asked.path)) {
        (Some(_context), Some(address)) => {
            let events = live::stream(app, (address, asked), preferences, since);
            (no_buffering, Sse::new(events)).into_response()
        }
        // Loading the page again leads to where one signs in, or to why there is no such page.
        _ => {
            let reload = stream::iter([Ok::<_, std::convert::Infallible>(live::reload_event())]);
            (no_buffering, Sse::new(reload)).into_response()
        }
    }
}

async fn asset(Path((version, name)): Path<(String, String)>) -> Response {
    let Some(asset) = assets::find(&name) else { return StatusCode::NOT_FOUND.into_response() };
    let kept = if version == assets::version() {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let headers = [(header::CONTENT_TYPE, asset.media_type), (header::CACHE_CONTROL, kept)];
    (headers, asset.content).into_response()
}
