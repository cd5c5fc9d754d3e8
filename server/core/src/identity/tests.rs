use ledger::draft::{Changes, Draft};
use ledger::memory::MemoryTables;
use ledger::schema::identity::{Operator, Operators, Right, Rights, RoleKey};
use ledger::schema::{LocationId, Written};
use protocol::feed::Role;
use protocol::identity::ServerTime;
use protocol::words::OperatorId;

use super::{desk_user, rights_at, roles_at};

/// The card of a person with a password.
pub(crate) fn card(user: &OperatorId, password_verifier: &str) -> Changes {
    let nothing = MemoryTables::new();
    let mut draft = Draft::over(&nothing);
    let operator = Operator {
        name: "Anna".into(),
        badge_hash: None,
        pin_verifier: String::new(),
        password_verifier: password_verifier.into(),
        language: "en".into(),
        disabled: false,
    };
    draft.put::<Operators>(user, operator);
    draft.finish()
}

fn right(from: i64, until: Option<i64>, role: Role, location: u32) -> Changes {
    let nothing = MemoryTables::new();
    let mut draft = Draft::over(&nothing);
    let right = Right { until: until.map(ServerTime), written: Written::default() };
    let key = (anna(), RoleKey(role), LocationId(location), ServerTime(from));
    draft.put::<Rights>(&key, right);
    draft.finish()
}

fn anna() -> OperatorId {
    "ANNA".try_into().unwrap()
}

#[test]
fn a_right_is_a_history() {
    let mut tables = MemoryTables::new();
    tables.apply(right(100, Some(200), Role::Supervisor, 1));
    tables.apply(right(300, None, Role::Supervisor, 1));
    let held = |tables: &MemoryTables, at: i64, location: u32| {
        let of = (&anna(), Role::Supervisor);
        rights_at(tables, of, LocationId(location), ServerTime(at))
    };
    let instants = [99, 100, 199, 200, 299, 300, 9_000];
    let found = instants.map(|at| held(&tables, at, 1));
    assert_eq!(found, [false, true, true, false, false, true, true]);
    assert!(!held(&tables, 150, 2), "at that location only");
    assert!(!held(&tables, 150, 0), "and not at all of them");
    tables.apply(right(0, None, Role::Supervisor, 0));
    assert!(held(&tables, 150, 2) && held(&tables, 250, 1) && held(&tables, 1, 0));
}

#[test]
fn a_desk_user_has_a_password_and_roles_by_location() {
    let mut tables = MemoryTables::new();
    tables.apply(right(100, None, Role::Supervisor, 1));
    tables.apply(right(100, Some(200), Role::Accountant, 0));
    assert!(desk_user(&tables, &anna(), ServerTime(150)).is_none(), "no card");
    tables.apply(card(&anna(), ""));
    assert!(desk_user(&tables, &anna(), ServerTime(150)).is_none(), "no password");
    tables.apply(card(&anna(), "$argon2id$x"));
    let user = desk_user(&tables, &anna(), ServerTime(150)).unwrap();
    assert!(user.may(&[Role::Supervisor], LocationId(1)));
    assert!(!user.may(&[Role::Supervisor], LocationId(2)));
    assert!(user.may(&[Role::Administrator, Role::Accountant], LocationId(2)));
    assert!(!user.may(&[Role::Administrator], LocationId(1)));
    assert_eq!(roles_at(&tables, &anna(), ServerTime(250)).len(), 1);
    assert!(roles_at(&tables, &anna(), ServerTime(50)).is_empty());
}
