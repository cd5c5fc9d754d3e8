//! Keys of programs. For administrators who are signed in themselves.
//!
//! `GET /tokens` → list of [`TokenView`], the newest first; the keys themselves are never shown again.
//! `POST /tokens` [`NewToken`] → 201 [`MadeToken`]: the key, once. A program sends it as
//! `Authorization: Bearer …`; it acts as `user`, with the roles of that person, within `scopes`.
//! `DELETE /tokens/{id}` → 204: from the next request on it works no longer.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{delete, get};
use axum::{Json, Router};
use ledger::key::KeyRange;
use ledger::tables::{Read as _, Tables};
use protocol::feed::Role;
use protocol::identity::ServerTime;
use protocol::words::OperatorId;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use server_core::identity::command::MachineCommand;
use server_core::schema::ApiTokens;

use super::commands::desk_origin;
use super::extract::{Body, Named};
use super::problem::Problem;
use crate::desk::session::SignedIn;
use crate::desk::token::{self, Scope};
use crate::secret;
use crate::state::AppState;

/// The longest name of a key.
const NAME_MAX: usize = 100;
/// The longest life that may be asked for, in days; none asked for is until revoked.
const DAYS_MAX: u32 = 3_660;
const DAY_US: i64 = 86_400_000_000;
/// Bytes of the hash that name a key.
const ID_BYTES: usize = 8;

/// A key that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What people call it.
    pub name: String,
    /// For whom it acts.
    pub user: OperatorId,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// How long it works; left out: until it is revoked.
    #[serde(default)]
    pub days: Option<u32>,
}

/// A key, as it is shown once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MadeToken {
    /// Its name in this list.
    pub id: String,
    /// The key.
    pub token: String,
}

/// A key, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenView {
    /// Its name in this list.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// For whom it acts.
    pub user: String,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// Who made it.
    pub by: String,
    /// When.
    pub made: ServerTime,
    /// Until when it works.
    pub expires: Option<ServerTime>,
    /// When it was revoked.
    pub revoked: Option<ServerTime>,
}

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/tokens", get(list).post(make)).route("/tokens/{id}", delete(revoke))
}

fn id_of(hash: &[u8; 32]) -> String {
    secret::hex(hash.first_chunk::<ID_BYTES>().map_or(&hash[..], |bytes| &bytes[..]))
}

/// All keys, the newest first.
pub fn tokens(tables: &dyn Tables) -> Vec<TokenView> {
    let rows = tables.list::<ApiTokens>(&KeyRange::all()).into_iter();
    let mut tokens: Vec<_> = rows
        .map(|(hash, row)| TokenView {
            id: id_of(&hash),
            name: row.name.clone(),
            user: row.user.to_string(),
            scopes: row.scopes.clone(),
            by: row.by.to_string(),
            made: row.made,
            expires: row.expires,
            revoked: row.revoked,
        })
        .collect();
    tokens.sort_by_key(|token| std::cmp::Reverse(token.made));
    tokens
}

async fn list(
    State(app): State<AppState>,
    signed_in: SignedIn,
) -> Result<Json<Vec<TokenView>>, Problem> {
    signed_in.demand(Role::Administrator, None)?;
    Ok(Json(tokens(&app.company().snapshot())))
}

async fn make(
    State(app): State<AppState>,
    signed_in: SignedIn,
    headers: HeaderMap,
    Body(asked): Body<NewToken>,
) -> Result<(StatusCode, Json<MadeToken>), Problem> {
    signed_in.demand(Role::Administrator, None)?;
    let name = asked.name.trim();
    if name.is_empty() || name.chars().count() > NAME_MAX || asked.scopes.is_empty() {
        return Err(Problem::malformed("a key has a name of at most 100 letters, and scopes"));
    }
    if asked.days.is_some_and(|days| days == 0 || days > DAYS_MAX) {
        return Err(Problem::malformed(format!("a key works for 1 to {DAYS_MAX} days")));
    }
    let mut scopes = asked.scopes;
    scopes.sort_unstable();
    scopes.dedup();
    let (token, hash) = token::make();
    let now = app.company().now();
    let command = MachineCommand::AllowToken {
        token_hash: ByteBuf::from(hash),
        name: name.to_owned(),
        user: asked.user,
        scopes: scopes.into_iter().map(|scope| scope.word().to_owned()).collect(),
        expires: asked.days.map(|days| now.plus_us(i64::from(days) * DAY_US)),
    };
    let origin = desk_origin(&signed_in, &headers)?;
    app.raw_command(origin, command.encode(), None).await?;
    Ok((StatusCode::CREATED, Json(MadeToken { id: id_of(&hash), token })))
}

async fn revoke(
    State(app): State<AppState>,
    signed_in: SignedIn,
    headers: HeaderMap,
    Named(id): Named<String>,
) -> Result<StatusCode, Problem> {
    signed_in.demand(Role::Administrator, None)?;
    let rows = app.company().snapshot().list::<ApiTokens>(&KeyRange::all());
    let found = rows.into_iter().map(|(hash, _row)| hash).find(|hash| id_of(hash) == id);
    let hash = found.ok_or_else(|| Problem::not_found(format!("token {id}")))?;
    let command = MachineCommand::RevokeToken { token_hash: ByteBuf::from(hash) };
    let origin = desk_origin(&signed_in, &headers)?;
    app.raw_command(origin, command.encode(), None).await?;
    Ok(StatusCode::NO_CONTENT)
}
