//! Which roles a person has, and where.

use ledger::key::KeyRange;
use ledger::schema::LocationId;
use ledger::schema::identity::{Operators, Rights};
use ledger::tables::{Read as _, Tables};
use protocol::feed::Role;
use protocol::identity::ServerTime;
use protocol::words::OperatorId;

/// The roles of a person at one instant. Location 0 stands for all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roles(pub Vec<(Role, LocationId)>);

impl Roles {
    /// The roles of `operator` at `now`.
    pub fn of(tables: &dyn Tables, operator: &OperatorId, now: ServerTime) -> Self {
        let mut roles = Vec::new();
        for ((_operator, role, location, since), right) in
            tables.list::<Rights>(&KeyRange::prefix(&(operator.clone(),)))
        {
            if since <= now && right.until.is_none_or(|until| until > now) {
                roles.push((role.0, location));
            }
        }
        roles.sort();
        roles.dedup();
        Self(roles)
    }

    /// Whether they include `role` at `location`; none asks for any location.
    ///
    /// An administrator may do what a supervisor may, and a supervisor what an operator may.
    pub fn include(&self, role: Role, location: Option<LocationId>) -> bool {
        self.0.iter().any(|(own, at)| {
            let everywhere = *at == LocationId(0);
            covers(*own, role) && (everywhere || location.is_none_or(|wanted| wanted == *at))
        })
    }

    /// Whether they allow looking at `location`; none asks for any location. Those who only handle
    /// goods look at their device: a blind count must not know what the desk shows.
    pub fn allow_reading(&self, location: Option<LocationId>) -> bool {
        self.0.iter().any(|(own, at)| {
            let here = *at == LocationId(0) || location.is_none_or(|wanted| wanted == *at);
            here && *own != Role::Operator
        })
    }
}

fn covers(own: Role, wanted: Role) -> bool {
    match own {
        Role::Administrator => {
            matches!(wanted, Role::Administrator | Role::Supervisor | Role::Operator)
        }
        Role::Supervisor => matches!(wanted, Role::Supervisor | Role::Operator),
        Role::Operator | Role::Accountant | Role::Integrator | Role::Auditor => own == wanted,
    }
}

/// Whether anybody may administer the company: somebody who is not disabled, can sign in at a desk,
/// and has the role everywhere.
pub fn has_administrator(tables: &dyn Tables, now: ServerTime) -> bool {
    tables.list::<Operators>(&KeyRange::all()).into_iter().any(|(operator, row)| {
        !row.disabled
            && !row.password_verifier.is_empty()
            && Roles::of(tables, &operator, now).include(Role::Administrator, Some(LocationId(0)))
    })
}

#[cfg(test)]
mod tests {
    use ledger::draft::Draft;
    use ledger::memory::MemoryTables;
    use ledger::schema::Written;
    use ledger::schema::identity::{Right, RoleKey};
    use protocol::identity::{Lsn, OperationId};

    use super::*;

    fn granted(rights: &[(Role, u32, i64, Option<i64>)]) -> MemoryTables {
        let mut tables = MemoryTables::new();
        let empty = MemoryTables::new();
        let mut draft = Draft::over(&empty);
        let written = Written { lsn: Lsn(1), operation: OperationId::default() };
        for (role, location, since, until) in rights {
            let until = until.map(ServerTime);
            let anna = OperatorId::new("anna").unwrap();
            let key = (anna, RoleKey(*role), LocationId(*location), ServerTime(*since));
            draft.put::<Rights>(&key, Right { until, written });
        }
        tables.apply(draft.finish());
        tables
    }

    fn roles(tables: &MemoryTables, now: i64) -> Roles {
        Roles::of(tables, &OperatorId::new("anna").unwrap(), ServerTime(now))
    }

    #[test]
    fn a_right_holds_from_its_start_to_its_end() {
        let tables = granted(&[(Role::Supervisor, 1, 10, Some(20))]);
        for (now, has) in [(9, false), (10, true), (19, true), (20, false)] {
            assert_eq!(roles(&tables, now).include(Role::Supervisor, None), has, "at {now}");
        }
    }

    #[test]
    fn a_role_holds_at_its_location_and_covers_the_lower_ones() {
        let tables = granted(&[(Role::Supervisor, 1, 0, None), (Role::Auditor, 0, 0, None)]);
        let anna = roles(&tables, 5);
        assert!(anna.include(Role::Operator, Some(LocationId(1))));
        assert!(!anna.include(Role::Supervisor, Some(LocationId(2))));
        assert!(!anna.include(Role::Administrator, None));
        assert!(anna.allow_reading(Some(LocationId(2))), "an auditor looks everywhere");
        assert!(!anna.include(Role::Operator, Some(LocationId(2))));
        let tables = granted(&[(Role::Operator, 0, 0, None)]);
        assert!(!roles(&tables, 5).allow_reading(None), "who counts blind may not look");
    }
}
