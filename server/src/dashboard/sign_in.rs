//! Signing in and out, the first administrator, and how a person likes the pages.

use std::net::SocketAddr;

use axum::Form;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse as _, Redirect, Response};
use protocol::outcome::Reason;
use protocol::text::Language;

use super::context::{PageContext, Theme};
use super::page::sign_in as forms;
use super::query::Query;
use super::request::{Asked, KEYS, LANGUAGE, Preferences, THEME};
use super::routes::{answer, problem_page};
use super::shell;
use crate::api::problem::Problem;
use crate::api::session::{cookie_header, name_first_administrator};
use crate::desk::login;
use crate::state::AppState;

type Pairs = Form<Vec<(String, String)>>;

/// How long preferences are kept, in seconds: a year.
const KEPT_S: u32 = 365 * 24 * 60 * 60;

fn anonymous(app: &AppState, headers: &HeaderMap) -> PageContext {
    Preferences::of(headers).anonymous(app, &app.company().snapshot())
}

/// The form. A company without an administrator says how to get one.
pub(super) async fn form(
    State(app): State<AppState>,
    headers: HeaderMap,
    asked: Asked,
) -> Response {
    let context = anonymous(&app, &headers);
    let back = forms::safe_back(asked.query.text("back"));
    answer(StatusCode::OK, forms::page(&context, back, (app.first().is_waiting(), None)))
}

/// Signs in, and goes back to where the person wanted to be.
pub(super) async fn sign_in(
    State(app): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(pairs): Pairs,
) -> Response {
    let form = Query::new(pairs);
    let back = forms::safe_back(form.text("back")).to_owned();
    // A password may start or end with a space: it is taken as it is.
    let password = form.untrimmed("password").to_owned();
    let signed_in = match login::sign_in(&app, form.text("user"), password, peer.ip()).await {
        Ok(token) => login::leave_former(&app, &headers).await.map(|()| token),
        Err(problem) => Err(problem),
    };
    match signed_in {
        Ok(token) => ([cookie_header(&app, &token)], Redirect::to(&back)).into_response(),
        Err(problem) => refused(&app, &headers, (&back, &problem)),
    }
}

fn refused(app: &AppState, headers: &HeaderMap, (back, problem): (&str, &Problem)) -> Response {
    let context = anonymous(app, headers);
    let waiting = app.first().is_waiting();
    let page = forms::page(&context, back, (waiting, Some(&problem.reason)));
    let mut response = answer(problem.status, page);
    if let Some(seconds) = problem.retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Signs out.
pub(super) async fn sign_out(State(app): State<AppState>, headers: HeaderMap) -> Response {
    let known = Preferences::of(&headers).signed_in(&app, &app.company().snapshot());
    if let Some(signed_in) = known
        && let Err(problem) = login::sign_out(&app, &signed_in).await
    {
        return problem_page(&anonymous(&app, &headers), &problem);
    }
    ([cookie_header(&app, "")], Redirect::to("/login")).into_response()
}

/// The form behind the one-time link.
pub(super) async fn first_form(
    State(app): State<AppState>,
    headers: HeaderMap,
    Path(token): Path<String>,
) -> Response {
    let context = anonymous(&app, &headers);
    if !app.first().is_open(&token) {
        let reason = Reason::new(protocol::code::Code::LinkUsed);
        return answer(StatusCode::FORBIDDEN, shell::error_page(&context, &reason));
    }
    answer(StatusCode::OK, forms::first_page(&context, (&token, &Query::default()), None))
}

/// Names the first administrator, and signs in.
pub(super) async fn first(
    State(app): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    (Path(token), Form(pairs)): (Path<String>, Pairs),
) -> Response {
    let form = Query::new(pairs);
    let context = anonymous(&app, &headers);
    let password = form.untrimmed("password").to_owned();
    let person = (form.text("user"), form.text("name"), password.clone());
    let language = Some(context.language.tag().to_owned());
    let named = name_first_administrator(&app, &token, person, language).await;
    let signed_in = match named {
        Ok(()) => login::sign_in(&app, form.text("user"), password, peer.ip()).await,
        Err(problem) => Err(problem),
    };
    match signed_in {
        Ok(session) => ([cookie_header(&app, &session)], Redirect::to("/now")).into_response(),
        Err(problem) => {
            let page = forms::first_page(&context, (&token, &form), Some(&problem.reason));
            answer(problem.status, page)
        }
    }
}

fn kept(name: &str, value: &str) -> (header::HeaderName, String) {
    (
        header::SET_COOKIE,
        format!("{name}={value}; Path=/; SameSite=Lax; HttpOnly; Max-Age={KEPT_S}"),
    )
}

/// Keeps language, colours and keys, and goes back.
pub(super) async fn preferences(Form(pairs): Pairs) -> Response {
    let form = Query::new(pairs);
    let language = Language::from_tag(form.text("language")).tag();
    let theme = Theme::named(form.text("theme")).name();
    let keys = if form.is("keys", "off") { "off" } else { "on" };
    let cookies = [kept(LANGUAGE, language), kept(THEME, theme), kept(KEYS, keys)];
    let back = forms::safe_back(form.text("back"));
    (AppendHeaders(cookies), Redirect::to(back)).into_response()
}
