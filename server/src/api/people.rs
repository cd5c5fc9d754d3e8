//! People: cards, roles, badges, PINs and passwords. For administrators.
//!
//! `GET /people` → list of [`PersonView`]; verifiers are never shown.
//! `PUT /people/{operator}` [`PutPerson`] → 204: makes or changes a person. Members that are left
//! out stay as they are; `roles`, where given, are the whole list.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, put};
use axum::{Json, Router};
use ledger::command::people::{GrantRole, PutOperator, RevokeRole};
use ledger::command::{Batch, Command};
use ledger::schema::LocationId;
use ledger::schema::identity::Operators;
use ledger::schema::place::Locations;
use ledger::tables::{Read as _, Tables};
use protocol::code::Code;
use protocol::feed::Role;
use protocol::outcome::Reason;
use protocol::words::{LocationCode, OperatorId};
use serde::Deserialize;
use serde_bytes::ByteBuf;
use server_core::intake::command::CommandOrigin;

use super::extract::{Body, Named};
use super::problem::Problem;
use crate::desk::password::{self, SecretProblem};
use crate::desk::rights::Roles;
use crate::desk::session::{SignedIn, ending};
use crate::state::AppState;
use crate::view::person::{self, PersonView};

/// A role, as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleAt {
    /// The role.
    pub role: Role,
    /// The location; left out: everywhere.
    #[serde(default)]
    pub location: Option<LocationCode>,
}

/// A person, as it is sent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutPerson {
    /// The name on the screen.
    #[serde(default)]
    pub name: Option<String>,
    /// `en` or `da`.
    #[serde(default)]
    pub language: Option<String>,
    /// No sign-in any more.
    #[serde(default)]
    pub disabled: Option<bool>,
    /// The text of the badge.
    #[serde(default)]
    pub badge: Option<String>,
    /// The PIN for devices: 4 to 12 digits.
    #[serde(default)]
    pub pin: Option<String>,
    /// The password for the desk.
    #[serde(default)]
    pub password: Option<String>,
    /// All roles from now on.
    #[serde(default)]
    pub roles: Option<Vec<RoleAt>>,
}

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/people", get(list)).route("/people/{operator}", put(change))
}

async fn list(
    State(app): State<AppState>,
    signed_in: SignedIn,
) -> Result<Json<Vec<PersonView>>, Problem> {
    signed_in.demand(Role::Administrator, None)?;
    let company = app.company();
    Ok(Json(person::people(&company.snapshot(), company.now())))
}

fn unfit(problem: SecretProblem) -> Problem {
    let code = match problem {
        SecretProblem::Pin | SecretProblem::EasyPin => Code::PinUnfit,
        SecretProblem::Password | SecretProblem::Verifier | SecretProblem::BadgeHash => {
            Code::PasswordUnfit
        }
    };
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, Reason::new(code))
}

async fn verifier(app: &AppState, secret: Option<String>) -> Result<Option<String>, Problem> {
    match secret {
        None => Ok(None),
        Some(secret) => Ok(Some(app.passwords().verifier(secret).await?)),
    }
}

/// The commands that lead from the roles of `operator` now to `wanted`.
fn role_commands(
    tables: &dyn Tables,
    operator: &OperatorId,
    now: &Roles,
    wanted: &[RoleAt],
) -> Vec<Command> {
    let code = |id: LocationId| tables.row::<Locations>(&id).map(|row| row.code.clone());
    let held: Vec<RoleAt> = now
        .0
        .iter()
        .map(|(role, location)| RoleAt { role: *role, location: code(*location) })
        .collect();
    let grants = wanted.iter().filter(|role| !held.contains(role)).map(|role| {
        let location = role.location.clone();
        Command::GrantRole(GrantRole { operator: operator.clone(), role: role.role, location })
    });
    let revokes = held.iter().filter(|role| !wanted.contains(role)).map(|role| {
        let location = role.location.clone();
        let operator = operator.clone();
        Command::RevokeRole(RevokeRole { operator, role: role.role, location, from: None })
    });
    grants.chain(revokes).collect()
}

/// Makes or changes a person.
///
/// # Errors
///
/// [`Problem`]: `right_missing`, `pin_unfit`, `password_unfit`, `malformed_request`, or refused.
pub async fn put_person(
    app: &AppState,
    signed_in: &SignedIn,
    operator: &OperatorId,
    person: PutPerson,
) -> Result<(), Problem> {
    signed_in.demand(Role::Administrator, None)?;
    person.pin.as_deref().map_or(Ok(()), password::check_pin).map_err(unfit)?;
    person.password.as_deref().map_or(Ok(()), password::check_password).map_err(unfit)?;
    if !matches!(person.language.as_deref(), None | Some("en" | "da")) {
        return Err(Problem::malformed("the language is en or da"));
    }
    let company = app.company();
    let snapshot = company.snapshot();
    let before = snapshot.row::<Operators>(operator);
    let name = person.name.or_else(|| before.as_ref().map(|row| row.name.clone()));
    let put = PutOperator {
        operator: operator.clone(),
        name: name.unwrap_or_else(|| operator.to_string()),
        badge_hash: person.badge.map(|badge| ByteBuf::from(password::badge_hash(&badge))),
        pin_verifier: verifier(app, person.pin).await?,
        password_verifier: verifier(app, person.password).await?,
        language: person.language,
        disabled: person.disabled.unwrap_or_else(|| before.is_some_and(|row| row.disabled)),
    };
    let ends_sessions = put.disabled || put.password_verifier.is_some();
    let mut commands = vec![Command::PutOperator(put)];
    if let Some(wanted) = &person.roles {
        let now = Roles::of(&snapshot, operator, company.now());
        commands.extend(role_commands(&snapshot, operator, &now, wanted));
    }
    drop(snapshot);
    // A repetition is harmless by nature, and never the same bytes: each verifier has its own salt.
    let origin = CommandOrigin::Desk { user: signed_in.user.clone(), idempotency: None };
    app.command(origin, &Command::Batch(Batch { commands }), None).await?;
    if ends_sessions {
        let keep = Some(signed_in.session);
        let ends = ending(&company.snapshot(), company.now(), Some(operator), keep);
        for session in ends {
            company.end_session(session).await?;
        }
    }
    Ok(())
}

async fn change(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Named(operator): Named<String>,
    Body(person): Body<PutPerson>,
) -> Result<StatusCode, Problem> {
    let operator = OperatorId::new(operator).map_err(Problem::malformed)?;
    put_person(&app, &signed_in, &operator, person).await?;
    Ok(StatusCode::NO_CONTENT)
}
