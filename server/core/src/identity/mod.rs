//! Devices and people: how they join, and what they may do.
//!
//! The machine's own commands live here too ([`command`]): they travel through intake and poster
//! like every other write, so that a rebuild and another server know the same devices.
//!
//! Never here: checking passwords and PINs (argon2 takes its time; the skin does it off this
//! thread), making random bytes.

pub mod command;
pub mod gap;
pub mod lost;

use std::collections::BTreeMap;

use ledger::key::KeyRange;
use ledger::schema::LocationId;
use ledger::schema::identity::{DeskSession, DeskSessions, Operator, Operators, Rights, RoleKey};
use ledger::tables::{Read as _, Tables};
use protocol::feed::Role;
use protocol::identity::ServerTime;
use protocol::words::OperatorId;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// What is stored of a secret that somebody carries: an enrolment code, a session token, a badge.
pub fn digest(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}

/// Whether `operator` had `role` at `location` at `tau`. [`LocationId`] 0 asks for a right at all
/// locations.
pub fn rights_at(
    tables: &dyn Tables,
    (operator, role): (&OperatorId, Role),
    location: LocationId,
    tau: ServerTime,
) -> bool {
    let at = |location: LocationId| {
        let prefix = (operator.clone(), RoleKey(role), location);
        tables.list::<Rights>(&KeyRange::prefix(&prefix)).into_iter().any(|(key, right)| {
            let (_operator, _role, _location, from) = key;
            from <= tau && right.until.is_none_or(|until| tau < until)
        })
    };
    at(location) || (location != LocationId(0) && at(LocationId(0)))
}

/// Everything that `operator` may do at `at`: the locations of each role, 0 for all of them.
pub fn roles_at(
    tables: &dyn Tables,
    operator: &OperatorId,
    at: ServerTime,
) -> BTreeMap<Role, Vec<LocationId>> {
    let mut roles: BTreeMap<Role, Vec<LocationId>> = BTreeMap::new();
    for (key, right) in tables.list::<Rights>(&KeyRange::prefix(&(operator.clone(),))) {
        let (_operator, role, location, from) = key;
        let holds = from <= at && right.until.is_none_or(|until| at < until);
        let locations = roles.entry(role.0).or_default();
        if holds && !locations.contains(&location) {
            locations.push(location);
        }
    }
    roles.retain(|_role, locations| !locations.is_empty());
    roles
}

/// A person at a desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeskUser {
    /// Who.
    pub user: OperatorId,
    /// The card.
    pub operator: Arc<Operator>,
    /// What this person may do, and where; 0 stands for all locations.
    pub roles: BTreeMap<Role, Vec<LocationId>>,
}

impl DeskUser {
    /// Whether this person has one of `roles` at `location`.
    pub fn may(&self, roles: &[Role], location: LocationId) -> bool {
        roles
            .iter()
            .filter_map(|role| self.roles.get(role))
            .any(|locations| locations.contains(&LocationId(0)) || locations.contains(&location))
    }
}

/// The person who may sign in as `user` at a desk at `at`: one with a password, not disabled. The
/// password itself is checked by the caller against the card's verifier.
pub fn desk_user(tables: &dyn Tables, user: &OperatorId, at: ServerTime) -> Option<DeskUser> {
    let operator = tables.row::<Operators>(user)?;
    if operator.disabled || operator.password_verifier.is_empty() {
        return None;
    }
    Some(DeskUser { user: user.clone(), operator, roles: roles_at(tables, user, at) })
}

/// The person behind a session token, while the session lasts.
pub fn session_user(tables: &dyn Tables, token: &[u8], at: ServerTime) -> Option<DeskUser> {
    let session: Arc<DeskSession> = tables.row::<DeskSessions>(&digest(token))?;
    if at >= session.expires { None } else { desk_user(tables, &session.user, at) }
}

#[cfg(test)]
pub(crate) mod tests;
