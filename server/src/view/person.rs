//! People and their roles. Verifiers never leave the tables.

use ledger::key::KeyRange;
use ledger::schema::LocationId;
use ledger::schema::identity::{Operator, Operators};
use ledger::tables::{Read as _, Tables};
use protocol::feed::Role;
use protocol::identity::ServerTime;
use protocol::words::OperatorId;
use serde::Serialize;

use super::names::Names;
use crate::desk::rights::Roles;

/// A role, and where it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoleView {
    /// The role.
    pub role: Role,
    /// The location; none for all.
    pub location: Option<String>,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PersonView {
    /// Who.
    pub operator: String,
    /// The name on the screen.
    pub name: String,
    /// `en` or `da`.
    pub language: String,
    /// The roles now.
    pub roles: Vec<RoleView>,
    /// A badge is known.
    pub has_badge: bool,
    /// May sign in on devices.
    pub has_pin: bool,
    /// May sign in at desks.
    pub has_password: bool,
    /// No sign-in any more.
    pub disabled: bool,
}

/// The roles in words.
pub fn roles(tables: &dyn Tables, roles: &Roles) -> Vec<RoleView> {
    let view = |(role, location): &(Role, LocationId)| RoleView {
        role: *role,
        location: (*location != LocationId(0)).then(|| Names(tables).location(*location)),
    };
    roles.0.iter().map(view).collect()
}

fn view(tables: &dyn Tables, id: &OperatorId, row: &Operator, now: ServerTime) -> PersonView {
    PersonView {
        operator: id.to_string(),
        name: row.name.clone(),
        language: row.language.clone(),
        roles: roles(tables, &Roles::of(tables, id, now)),
        has_badge: row.badge_hash.is_some(),
        has_pin: !row.pin_verifier.is_empty(),
        has_password: !row.password_verifier.is_empty(),
        disabled: row.disabled,
    }
}

/// All people.
pub fn people(tables: &dyn Tables, now: ServerTime) -> Vec<PersonView> {
    let rows = tables.list::<Operators>(&KeyRange::all());
    rows.into_iter().map(|(id, row)| view(tables, &id, &row, now)).collect()
}
