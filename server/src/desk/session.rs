//! Sessions at desks: a random token in a cookie (or a bearer token for programs), of which the
//! store keeps the SHA-256 until it expires.

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use ledger::key::KeyRange;
use ledger::schema::LocationId;
use ledger::schema::identity::{DeskSession, DeskSessions, Operators};
use ledger::tables::{Read as _, Tables};
use protocol::feed::Role;
use protocol::identity::ServerTime;
use protocol::text::Language;
use protocol::words::OperatorId;

use super::rights::Roles;
use super::token::{self, Scope};
use crate::api::problem::{Problem, language_of};
use crate::secret;
use crate::state::AppState;

/// The cookie that carries the token.
pub const COOKIE: &str = "tallyman_session";
/// How long a session lasts, in microseconds: a long shift.
pub const SESSION_US: i64 = 14 * 60 * 60 * 1_000_000;

/// Somebody who is signed in at a desk. As an extractor it refuses everybody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// Who.
    pub user: OperatorId,
    /// The name on the screen.
    pub name: String,
    /// The language of the screens.
    pub language: Language,
    /// The roles, as of this request.
    pub roles: Roles,
    /// SHA-256 of the token of this session.
    pub session: [u8; 32],
    /// What the key of a program may be used for; none for a person at a desk.
    pub scopes: Option<Vec<String>>,
}

impl SignedIn {
    /// Refuses who has not `role` at `location`; none asks for any location.
    ///
    /// # Errors
    ///
    /// [`Problem`] with the code `right_missing`.
    pub fn demand(&self, role: Role, location: Option<LocationId>) -> Result<(), Problem> {
        if self.roles.include(role, location) { Ok(()) } else { Err(self.right_missing()) }
    }

    /// Refuses who may not look at `location`; none asks for any location.
    ///
    /// # Errors
    ///
    /// [`Problem`] with the code `right_missing`.
    pub fn demand_reading(&self, location: Option<LocationId>) -> Result<(), Problem> {
        if self.roles.allow_reading(location) { Ok(()) } else { Err(self.right_missing()) }
    }

    /// Refuses the key of a program without `scope`; a person at a desk needs none.
    ///
    /// # Errors
    ///
    /// [`Problem`] with the code `token_scope`; no scope at all is for people only.
    pub fn demand_scope(&self, scope: Option<Scope>) -> Result<(), Problem> {
        let Some(scopes) = &self.scopes else { return Ok(()) };
        match scope {
            Some(scope) if scopes.iter().any(|own| own == scope.word()) => Ok(()),
            wanted => Err(Problem::token_scope(wanted).in_language(self.language)),
        }
    }

    fn right_missing(&self) -> Problem {
        Problem::right_missing(&self.user).in_language(self.language)
    }
}

/// The token in the headers of a request: a bearer token, or the cookie.
pub fn token_of(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some(token) = bearer.and_then(|text| text.strip_prefix("Bearer ")) {
        return Some(token.trim());
    }
    let cookies = headers.get_all(header::COOKIE).into_iter();
    let pairs = cookies.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(';'));
    pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == COOKIE && !value.is_empty()).then_some(value))
}

/// Who the holder of `token` is at `now`; none when the session ended or the person was disabled.
pub fn signed_in(tables: &dyn Tables, token: &str, now: ServerTime) -> Option<SignedIn> {
    let session = secret::sha256(token.as_bytes());
    let row = tables.row::<DeskSessions>(&session)?;
    if row.expires <= now {
        return None;
    }
    let operator = tables.row::<Operators>(&row.user).filter(|operator| !operator.disabled)?;
    Some(SignedIn {
        user: row.user.clone(),
        name: operator.name.clone(),
        language: Language::from_tag(&operator.language),
        roles: Roles::of(tables, &row.user, now),
        session,
        scopes: None,
    })
}

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Problem> {
        let language = language_of(&parts.headers);
        let (tables, now) = (app.company().snapshot(), app.company().now());
        let token = token_of(&parts.headers).unwrap_or_default();
        let known = if token.starts_with(token::PREFIX) {
            token::signed_in(&tables, token, now)
        } else {
            signed_in(&tables, token, now)
        };
        let known = known.ok_or_else(|| Problem::sign_in_required().in_language(language))?;
        // Within a nested router the address is shortened; the scope is that of the whole.
        let whole = parts.extensions.get::<OriginalUri>().map(|uri| uri.0.path());
        let path = whole.unwrap_or(parts.uri.path());
        known.demand_scope(Scope::of(&parts.method, path))?;
        Ok(known)
    }
}

/// The cookie that carries `token`; an empty token takes it away.
pub fn cookie(token: &str, tls: bool) -> String {
    let max_age = if token.is_empty() { 0 } else { SESSION_US / 1_000_000 };
    let secure = if tls { "; Secure" } else { "" };
    format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age}{secure}")
}

/// A new session of `user`: its token, the token's hash, and the session.
pub fn open(user: &OperatorId, now: ServerTime) -> (String, [u8; 32], DeskSession) {
    let token = secret::token();
    let hash = secret::sha256(token.as_bytes());
    (token, hash, DeskSession { user: user.clone(), expires: now.plus_us(SESSION_US) })
}

/// The sessions that end: all that expired, and all of `user` but `keep`.
pub fn ending(
    tables: &dyn Tables,
    now: ServerTime,
    user: Option<&OperatorId>,
    keep: Option<[u8; 32]>,
) -> Vec<[u8; 32]> {
    let sessions = tables.list::<DeskSessions>(&KeyRange::all()).into_iter();
    let ends = sessions.filter(|(session, row)| {
        (user == Some(&row.user) && keep != Some(*session)) || row.expires <= now
    });
    ends.map(|(session, _row)| session).collect()
}

#[cfg(test)]
mod tests {
    use ledger::draft::Draft;
    use ledger::memory::MemoryTables;
    use ledger::schema::identity::Operator;

    use super::*;

    fn anna() -> OperatorId {
        OperatorId::new("anna").unwrap()
    }

    fn people(disabled: bool) -> MemoryTables {
        let mut tables = MemoryTables::new();
        let empty = MemoryTables::new();
        let mut draft = Draft::over(&empty);
        let row = Operator {
            name: "Anna".to_owned(),
            badge_hash: None,
            pin_verifier: String::new(),
            password_verifier: String::new(),
            language: "da".to_owned(),
            disabled,
        };
        draft.put::<Operators>(&anna(), row);
        tables.apply(draft.finish());
        tables
    }

    fn with_session(tables: &mut MemoryTables, since: i64) -> String {
        let (token, hash, row) = open(&anna(), ServerTime(since));
        let empty = MemoryTables::new();
        let mut draft = Draft::over(&empty);
        draft.put::<DeskSessions>(&hash, row);
        tables.apply(draft.finish());
        token
    }

    #[test]
    fn a_session_is_known_by_its_token_until_it_expires() {
        let mut tables = people(false);
        let token = with_session(&mut tables, 0);
        let session = signed_in(&tables, &token, ServerTime(SESSION_US - 1)).unwrap();
        assert_eq!((session.user, session.language), (anna(), Language::Danish));
        assert!(signed_in(&tables, &token, ServerTime(SESSION_US)).is_none());
        assert!(signed_in(&tables, "guess", ServerTime(1)).is_none());
    }

    #[test]
    fn who_is_disabled_is_out_at_once() {
        let mut tables = people(true);
        let token = with_session(&mut tables, 0);
        assert!(signed_in(&tables, &token, ServerTime(1)).is_none());
    }

    #[test]
    fn what_expired_ends_and_so_do_all_other_sessions_of_a_person() {
        let mut tables = people(false);
        let hash = |token: &str| secret::sha256(token.as_bytes());
        let old = hash(&with_session(&mut tables, -SESSION_US));
        let kept = hash(&with_session(&mut tables, 0));
        let other = hash(&with_session(&mut tables, 0));
        assert_eq!(ending(&tables, ServerTime(1), None, None), [old]);
        let ends = ending(&tables, ServerTime(1), Some(&anna()), Some(kept));
        assert!(ends.contains(&old) && ends.contains(&other) && !ends.contains(&kept));
    }

    #[test]
    fn the_token_comes_from_the_cookie_or_the_authorization() {
        let mut headers = HeaderMap::new();
        assert_eq!(token_of(&headers), None);
        headers.insert("cookie", "a=b; tallyman_session=tok; c=d".parse().unwrap());
        assert_eq!(token_of(&headers), Some("tok"));
        headers.insert("authorization", "Bearer other".parse().unwrap());
        assert_eq!(token_of(&headers), Some("other"));
        let cookie = cookie("tok", true);
        for part in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
            assert!(cookie.contains(part), "{cookie}");
        }
    }
}
