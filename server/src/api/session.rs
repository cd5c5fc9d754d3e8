//! Signing in and out, the first administrator, one's own password.
//!
//! `POST /session` `{user, password}` → 200 with the session cookie and [`SessionView`]; with
//! `"bearer": true` the token is in the answer too, for programs. 401 `sign_in_wrong`, 429
//! `sign_in_wait` with `Retry-After`.
//!
//! `GET /session` → [`SessionView`]. `DELETE /session` → 204, the cookie is taken away.
//!
//! `POST /session/password` `{current, new}` → 204; all other sessions of the person end.
//!
//! `POST /first-administrator` `{token, user, name, password, language?}` → 204, once, with the
//! token of the link in the server's log. 403 `link_used` otherwise.

use std::net::SocketAddr;

use axum::Json;
use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use ledger::command::people::{GrantRole, PutOperator};
use ledger::command::{Batch, Command};
use ledger::schema::identity::Operators;
use ledger::tables::Read as _;
use protocol::code::Code;
use protocol::feed::Role;
use protocol::outcome::Reason;
use protocol::words::OperatorId;
use serde::{Deserialize, Serialize};
use server_core::intake::command::CommandOrigin;

use super::extract::Body;
use super::problem::Problem;
use crate::desk::session::{SignedIn, cookie, ending};
use crate::desk::{login, password};
use crate::state::AppState;
use crate::view::person::{RoleView, roles};

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionView {
    /// Who.
    pub user: String,
    /// The name on the screen.
    pub name: String,
    /// `en` or `da`.
    pub language: &'static str,
    /// The roles now.
    pub roles: Vec<RoleView>,
    /// The token, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

#[derive(Deserialize)]
struct SignIn {
    user: String,
    password: String,
    #[serde(default)]
    bearer: bool,
}

#[derive(Deserialize)]
struct NewPassword {
    current: String,
    new: String,
}

#[derive(Deserialize)]
struct FirstAdministrator {
    token: String,
    user: String,
    name: String,
    password: String,
    #[serde(default)]
    language: Option<String>,
}

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/session", get(show).post(sign_in).delete(sign_out))
        .route("/session/password", post(change_password))
        .route("/first-administrator", post(first_administrator))
}

fn view(app: &AppState, signed_in: &SignedIn) -> SessionView {
    SessionView {
        user: signed_in.user.to_string(),
        name: signed_in.name.clone(),
        language: signed_in.language.tag(),
        roles: roles(&app.company().snapshot(), &signed_in.roles),
        token: None,
    }
}

async fn show(State(app): State<AppState>, signed_in: SignedIn) -> Json<SessionView> {
    Json(view(&app, &signed_in))
}

/// A header with the cookie for `token`; an empty token takes it away.
pub fn cookie_header(app: &AppState, token: &str) -> (header::HeaderName, HeaderValue) {
    let cookie = cookie(token, app.tls());
    let value = HeaderValue::from_str(&cookie).expect("a token is base64url");
    (header::SET_COOKIE, value)
}

async fn sign_in(
    State(app): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Body(asked): Body<SignIn>,
) -> Result<Response, Problem> {
    let token = login::sign_in(&app, &asked.user, asked.password, peer.ip()).await?;
    login::leave_former(&app, &headers).await?;
    let company = app.company();
    let signed_in = crate::desk::session::signed_in(&company.snapshot(), &token, company.now())
        .ok_or_else(Problem::sign_in_required)?;
    let mut shown = view(&app, &signed_in);
    let cookie = cookie_header(&app, &token);
    shown.token = asked.bearer.then_some(token);
    Ok(([cookie], Json(shown)).into_response())
}

async fn sign_out(State(app): State<AppState>, signed_in: SignedIn) -> Result<Response, Problem> {
    login::sign_out(&app, &signed_in).await?;
    Ok((StatusCode::NO_CONTENT, [cookie_header(&app, "")]).into_response())
}

fn password_problem() -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, Reason::new(Code::PasswordUnfit))
}

async fn change_password(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Body(asked): Body<NewPassword>,
) -> Result<StatusCode, Problem> {
    password::check_password(&asked.new).map_err(|_unfit| password_problem())?;
    let company = app.company();
    let key = format!("user {}", signed_in.user.as_str().to_lowercase());
    app.throttle().check(&key, company.now()).map_err(Problem::sign_in_wait)?;
    let row = company.snapshot().row::<Operators>(&signed_in.user);
    let row = row.ok_or_else(Problem::sign_in_required)?;
    let verifier = Some(row.password_verifier.clone());
    app.throttle().wrong(&key, company.now());
    if !app.passwords().verify(asked.current, verifier).await? {
        return Err(Problem::sign_in_wrong());
    }
    app.throttle().right(&key);
    let verifier = app.passwords().verifier(asked.new).await?;
    let put = PutOperator {
        operator: signed_in.user.clone(),
        name: row.name.clone(),
        badge_hash: None,
        pin_verifier: None,
        password_verifier: Some(verifier),
        language: None,
        disabled: row.disabled,
    };
    // One's own password needs no right, so it is the system that writes it.
    let command = Command::PutOperator(put);
    app.command(CommandOrigin::System, &command, None).await?;
    let snapshot = company.snapshot();
    let others = ending(&snapshot, company.now(), Some(&signed_in.user), Some(signed_in.session));
    for session in others {
        company.end_session(session).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Names the first administrator, for whoever holds the token of the one-time link.
///
/// # Errors
///
/// [`Problem`]: `link_used`, `password_unfit`, `malformed_request`, or a fault of the store.
pub async fn name_first_administrator(
    app: &AppState,
    token: &str,
    (user, name, password): (&str, &str, String),
    language: Option<String>,
) -> Result<(), Problem> {
    let right = app
        .first()
        .take(token)
        .ok_or_else(|| Problem::new(StatusCode::FORBIDDEN, Reason::new(Code::LinkUsed)))?;
    password::check_password(&password).map_err(|_unfit| password_problem())?;
    let operator = OperatorId::new(user).map_err(Problem::malformed)?;
    let verifier = app.passwords().verifier(password).await?;
    let put = PutOperator {
        operator: operator.clone(),
        name: name.to_owned(),
        badge_hash: None,
        pin_verifier: None,
        password_verifier: Some(verifier),
        language,
        disabled: false,
    };
    let grant = GrantRole { operator, role: Role::Administrator, location: None };
    let commands = vec![Command::PutOperator(put), Command::GrantRole(grant)];
    app.command(CommandOrigin::System, &Command::Batch(Batch { commands }), None).await?;
    right.used();
    Ok(())
}

async fn first_administrator(
    State(app): State<AppState>,
    Body(asked): Body<FirstAdministrator>,
) -> Result<StatusCode, Problem> {
    let person = (asked.user.as_str(), asked.name.as_str(), asked.password);
    name_first_administrator(&app, &asked.token, person, asked.language).await?;
    Ok(StatusCode::NO_CONTENT)
}
