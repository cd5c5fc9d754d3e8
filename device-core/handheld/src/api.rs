//! The screens as JSON, for automated tests and for whoever builds other screens.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use device_core::capture::{Message, Screen};
use device_core::engine::Status;
use device_core::session::LinkState;
use protocol::text::Language;
use serde_json::{Value, json};

use crate::app::{Answer, App, Desk};
use crate::deed::{Deed, Fields};
use crate::page;
use crate::words::say;

/// The newest operations that are listed.
const OPERATIONS_MAX: usize = 50;

async fn answered(app: Arc<App>, make: impl FnOnce(&App) -> Value + Send + 'static) -> Response {
    match tokio::task::spawn_blocking(move || make(&app)).await {
        Ok(value) => Json(value).into_response(),
        Err(error) => {
            tracing::error!(%error, "no answer could be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Where the person is.
pub(crate) async fn state(State(app): State<Arc<App>>) -> Response {
    answered(app, |app| state_of(app, None)).await
}

/// Operations without an outcome.
pub(crate) async fn pending(State(app): State<Arc<App>>) -> Response {
    answered(app, |app| {
        let status = app.device.status();
        json!({ "unsent": status.n_unsent, "unanswered": status.n_unanswered })
    })
    .await
}

/// The newest own operations and what became of them.
pub(crate) async fn operations(State(app): State<Arc<App>>) -> Response {
    answered(app, |app| {
        let desk = app.desk();
        let language = app.language(&desk);
        let list = app.device.my_operations(OPERATIONS_MAX).unwrap_or_default();
        let sees_book = app.may_open_book();
        let rows: Vec<Value> = list
            .iter()
            .map(|operation| {
                let (word, sentences) = page::what_became(operation, sees_book, language);
                json!({
                    "incarnation": operation.name.incarnation.0,
                    "seq": operation.name.seq.0,
                    "operator": operation.envelope.operator,
                    "kind": operation.body.as_ref().map_or("", |body| body.kind()),
                    "state": word,
                    "reasons": sentences,
                    "undone": page::is_undone(operation),
                })
            })
            .collect();
        json!({ "operations": rows })
    })
    .await
}

/// Does something, and says where the person is then.
pub(crate) async fn deed(
    State(app): State<Arc<App>>,
    Path(word): Path<String>,
    Json(fields): Json<Fields>,
) -> Response {
    let Some(deed) = Deed::of_word(&word) else { return StatusCode::NOT_FOUND.into_response() };
    answered(app, move |app| {
        let answer = app.act(deed, &fields.text);
        state_of(app, Some(&answer))
    })
    .await
}

fn state_of(app: &App, answer: Option<&Answer>) -> Value {
    let mut desk = app.desk();
    let desk = &mut *desk;
    let (page, status) = app.page(desk);
    let language = app.language(desk);
    let screen = app
        .with_world(desk, |desk, world| desk.capture.as_ref().map(|capture| capture.screen(world)))
        .flatten();
    let recorded = answer.map(|answer| &answer.recorded[..]).unwrap_or_default();
    let recorded: Vec<Value> = recorded
        .iter()
        .map(|id| json!({ "incarnation": id.incarnation.0, "seq": id.seq.0 }))
        .collect();
    json!({
        "page": page.word(),
        "signal": answer.map(|answer| answer.signal),
        "recorded": recorded,
        "message": desk.remark.as_ref().map(|remark| remark.text.clone()),
        "texts": screen.as_ref().map(|screen| texts(screen, language)),
        "screen": screen,
        "status": status_of(&status, desk),
    })
}

fn status_of(status: &Status, desk: &Desk) -> Value {
    let link = match status.link {
        LinkState::Idle => "idle",
        LinkState::Offline => "offline",
        LinkState::Connecting => "connecting",
        LinkState::Online => "online",
    };
    json!({
        "link": link,
        "trouble": status.trouble.map(page::trouble_word),
        "unsent": status.n_unsent,
        "unanswered": status.n_unanswered,
        "cursor": status.cursor.0,
        "ready": status.is_ready,
        "operator": status.operator,
        "location": desk.location,
        "company": status.company,
        "site": status.site,
        "device": status.identity.map(|(device, _)| device.0),
        "stopped": desk.stopped,
        "storage": status.storage,
    })
}

/// The sentences of a screen in the language of the person.
fn texts(screen: &Screen, language: Language) -> Value {
    let all = |messages: &[Message]| -> Vec<String> {
        messages.iter().map(|message| say(message, language)).collect()
    };
    let notice = screen.notice.as_ref().map(|notice| {
        json!({ "text": say(&notice.text, language), "next": say(&notice.next, language) })
    });
    let choices = screen.choices.iter().chain(&screen.exceptions);
    let choices: Vec<Value> = choices
        .map(|choice| json!({ "id": choice.id, "text": say(&choice.text, language) }))
        .collect();
    json!({
        "title": say(&screen.title, language),
        "question": say(&screen.question.text, language),
        "hints": all(&screen.hints),
        "lines": all(&screen.lines),
        "choices": choices,
        "notice": notice,
        "primary": screen.primary.as_ref().map(|message| say(message, language)),
    })
}
