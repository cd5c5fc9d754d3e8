//! Keys of programs: random, shown once, stored as a hash, for one person, within scopes, revocable.
//!
//! 1. A key can do nothing that its person may not: the ledger judges every command by the rights of
//!    the person at that instant, by location too.
//! 2. A key can do nothing outside its scopes, and what no scope names no key can do: passwords,
//!    sessions and keys themselves are for people.
//! 3. A key works on the API only; pages know nothing of keys.

use axum::http::Method;
use ledger::schema::identity::Operators;
use ledger::tables::{Read as _, Tables};
use protocol::identity::ServerTime;
use protocol::text::Language;
use serde::{Deserialize, Serialize};
use server_core::schema::ApiTokens;

use super::rights::Roles;
use super::session::SignedIn;
use crate::secret;

/// What every key begins with, so that a lost one can be recognised.
pub const PREFIX: &str = "tly_";

/// What a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Look at stock, documents, operations, cases, devices, status.
    Read,
    /// Take whole tables out.
    Export,
    /// Bring files in.
    Import,
    /// Give commands and desk work.
    Write,
    /// Decide cases.
    Decide,
    /// Let devices in and out.
    Devices,
    /// See and change people and their roles.
    People,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Read,
        Self::Export,
        Self::Import,
        Self::Write,
        Self::Decide,
        Self::Devices,
        Self::People,
    ];

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Export => "export",
            Self::Import => "import",
            Self::Write => "write",
            Self::Decide => "decide",
            Self::Devices => "devices",
            Self::People => "people",
        }
    }

    /// The scope that a request needs; none: no key may do it.
    pub fn of(method: &Method, path: &str) -> Option<Self> {
        let path = path.strip_prefix("/api/v1/")?;
        let mut parts = path.split('/');
        let (noun, last) = (parts.next()?, path.rsplit('/').next()?);
        let looks = *method == Method::GET || *method == Method::HEAD;
        match noun {
            "tokens" | "first-administrator" | "backups" => None,
            "session" => (looks && path == "session").then_some(Self::Read),
            "people" => Some(Self::People),
            "export" => looks.then_some(Self::Export),
            "import" => Some(if looks { Self::Read } else { Self::Import }),
            "devices" | "enrolment-codes" => Some(if looks { Self::Read } else { Self::Devices }),
            "cases" if last == "preview" => Some(Self::Read),
            "cases" | "tasks" => Some(if looks { Self::Read } else { Self::Decide }),
            "commands" if last == "preview" => Some(Self::Read),
            "commands" | "work" => Some(Self::Write),
            _ => looks.then_some(Self::Read),
        }
    }
}

/// A new key and its hash.
pub fn make() -> (String, [u8; 32]) {
    let token = format!("{PREFIX}{}", secret::token());
    let hash = secret::sha256(token.as_bytes());
    (token, hash)
}

/// For whom the holder of `token` acts at `now`; none when the key is unknown, expired or revoked,
/// or the person was disabled.
pub fn signed_in(tables: &dyn Tables, token: &str, now: ServerTime) -> Option<SignedIn> {
    let hash = secret::sha256(token.as_bytes());
    let row = tables.row::<ApiTokens>(&hash)?;
    let works = row.revoked.is_none() && row.expires.is_none_or(|expires| now < expires);
    let operator = tables.row::<Operators>(&row.user).filter(|operator| !operator.disabled);
    let operator = operator.filter(|_operator| works)?;
    Some(SignedIn {
        user: row.user.clone(),
        name: operator.name.clone(),
        language: Language::from_tag(&operator.language),
        roles: Roles::of(tables, &row.user, now),
        session: hash,
        scopes: Some(row.scopes.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(method: &str, path: &str) -> Option<Scope> {
        Scope::of(&method.parse().unwrap(), path)
    }

    #[test]
    fn every_request_needs_the_scope_that_its_address_says() {
        let cases = [
            ("GET", "/api/v1/stock", Some(Scope::Read)),
            ("GET", "/api/v1/locations/MAIN/bins/A-01", Some(Scope::Read)),
            ("GET", "/api/v1/session", Some(Scope::Read)),
            ("GET", "/api/v1/people", Some(Scope::People)),
            ("PUT", "/api/v1/people/anna", Some(Scope::People)),
            ("GET", "/api/v1/export/items.csv", Some(Scope::Export)),
            ("POST", "/api/v1/import", Some(Scope::Import)),
            ("POST", "/api/v1/commands", Some(Scope::Write)),
            ("POST", "/api/v1/commands/preview", Some(Scope::Read)),
            ("GET", "/api/v1/valuation.xlsx", Some(Scope::Read)),
            ("POST", "/api/v1/work", Some(Scope::Write)),
            ("POST", "/api/v1/cases/7/preview", Some(Scope::Read)),
            ("POST", "/api/v1/cases/7/decision", Some(Scope::Decide)),
            ("POST", "/api/v1/tasks/7/assignment", Some(Scope::Decide)),
            ("POST", "/api/v1/devices/7/state", Some(Scope::Devices)),
            ("POST", "/api/v1/enrolment-codes", Some(Scope::Devices)),
        ];
        for (method, path, expected) in cases {
            assert_eq!(scope(method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn what_no_scope_names_no_key_can_do() {
        for (method, path) in [
            ("POST", "/api/v1/session"),
            ("DELETE", "/api/v1/session"),
            ("POST", "/api/v1/session/password"),
            ("GET", "/api/v1/tokens"),
            ("POST", "/api/v1/tokens"),
            ("DELETE", "/api/v1/tokens/abc"),
            ("POST", "/api/v1/first-administrator"),
            ("POST", "/api/v1/something-of-next-year"),
            ("POST", "/api/v1/stock"),
            ("GET", "/now"),
            ("GET", "/"),
        ] {
            assert_eq!(scope(method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn a_word_is_what_is_sent() {
        for scope in Scope::ALL {
            let sent = serde_json::to_value(scope).unwrap();
            assert_eq!(sent, scope.word());
        }
    }
}
