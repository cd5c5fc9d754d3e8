//! Rights are histories: "was she allowed then" has an answer.

use protocol::code::Code;
use protocol::feed::Role;
use protocol::identity::ServerTime;
use protocol::operation::Body;
use protocol::outcome::Reason;
use protocol::words::OperatorId;

use crate::key::KeyRange;
use crate::lookup;
use crate::operation::place;
use crate::posting::{Posting, Stop};
use crate::schema::LocationId;
use crate::schema::case::Choice;
use crate::schema::identity::{Right, Rights, RoleKey};
use crate::tables::{Read as _, Tables};

/// What is known of a right at an instant that is known within bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Never given, up to then.
    Missing,
    /// It had ended.
    Ended,
    /// It began or ended somewhere within the bounds of the instant.
    Unsure,
    /// It stood.
    Held,
}

/// How `role` of `operator` at `location` stood at `at`, give or take `epsilon_us`.
pub fn standing(
    tables: &(impl Tables + ?Sized),
    (operator, role, location): (&OperatorId, Role, LocationId),
    at: ServerTime,
    epsilon_us: u64,
) -> Standing {
    let mut best = Standing::Missing;
    for place in [LocationId(0), location] {
        let prefix = (operator.clone(), RoleKey(role), place);
        for ((_operator, _role, _location, from), right) in
            tables.list::<Rights>(&KeyRange::prefix(&prefix))
        {
            best = best.max(of_one(from, *right, at, epsilon_us));
        }
        if location.0 == 0 {
            break;
        }
    }
    best
}

fn of_one(from: ServerTime, right: Right, at: ServerTime, epsilon_us: u64) -> Standing {
    let epsilon = i64::try_from(epsilon_us).unwrap_or(i64::MAX);
    let (early, late) = (at.plus_us(epsilon.saturating_neg()), at.plus_us(epsilon));
    let ended = |instant: ServerTime| right.until.is_some_and(|until| instant >= until);
    if early >= from && !ended(late) {
        Standing::Held
    } else if late < from {
        Standing::Missing
    } else if ended(early) {
        Standing::Ended
    } else {
        Standing::Unsure
    }
}

/// The best standing of any of `roles`.
pub fn best_standing(
    tables: &(impl Tables + ?Sized),
    operator: &OperatorId,
    roles: &[Role],
    location: LocationId,
    (at, epsilon_us): (ServerTime, u64),
) -> Standing {
    let mut best = Standing::Missing;
    for role in roles {
        best = best.max(standing(tables, (operator, *role, location), at, epsilon_us));
        if best == Standing::Held {
            break;
        }
    }
    best
}

/// How the best of `roles`, or that of an administrator, of the person of this posting stood at
/// `location` when it was done.
fn standing_of(posting: &Posting<'_, '_>, roles: &[Role], location: LocationId) -> Standing {
    let instant = (posting.act.timing.tau, posting.act.timing.epsilon_us);
    let roles: Vec<_> = roles.iter().copied().chain([Role::Administrator]).collect();
    posting.act.operator.as_ref().map_or(Standing::Missing, |operator| {
        best_standing(&*posting.draft, operator, &roles, location, instant)
    })
}

/// Whether the person of this posting certainly had one of `roles`, or administered, at `location`.
pub fn held(posting: &Posting<'_, '_>, roles: &[Role], location: LocationId) -> bool {
    standing_of(posting, roles, location) == Standing::Held
}

/// The person of this posting, as reasons name them.
pub fn name(posting: &Posting<'_, '_>) -> String {
    posting.act.operator.as_ref().map_or_else(|| "–".to_owned(), ToString::to_string)
}

/// Whether the person of this posting may claim something that needs one of `roles` at `location`.
/// Administrators may.
///
/// # Errors
///
/// Refused without the right; parked where it had ended by then, or perhaps (CONFLICTS 23).
pub fn claim(posting: &Posting<'_, '_>, roles: &[Role], location: LocationId) -> Result<(), Stop> {
    if posting.act.approved {
        return Ok(());
    }
    let text = |code| Reason::new(code).word("operator", name(posting));
    match standing_of(posting, roles, location) {
        Standing::Held => Ok(()),
        Standing::Missing => Err(Stop::Refuse(text(Code::RightMissing))),
        Standing::Ended | Standing::Unsure if posting.act.desk => {
            Err(Stop::Refuse(text(Code::RightRevoked)))
        }
        Standing::Ended | Standing::Unsure => Err(Stop::Park(
            vec![text(Code::RightRevoked)],
            vec![Choice::Accept, Choice::Recount, Choice::Dismiss],
        )),
    }
}

/// Facts of a person are posted whoever it was; where they had no right to work at the place of `body`,
/// or none any more, that is said beside (CONFLICTS 23). What is about no place is judged by the rights
/// at any. Work that nobody is named for, as of a device without people, has no right to be judged by.
pub fn mark(posting: &mut Posting<'_, '_>, body: &Body) {
    let Some(operator) = posting.act.operator.clone() else { return };
    let instant = (posting.act.timing.tau, posting.act.timing.epsilon_us);
    let place = place::of_body(body).and_then(|code| lookup::location(posting.draft, code).ok());
    let standing = match place {
        Some((location, _row)) => {
            best_standing(&*posting.draft, &operator, &WORKERS, location, instant)
        }
        None => any_standing(&*posting.draft, &operator, &WORKERS, instant),
    };
    let code = match standing {
        Standing::Held => return,
        Standing::Missing => Code::RightNotHeld,
        Standing::Ended | Standing::Unsure => Code::RightRevoked,
    };
    posting.decision.note(Reason::new(code).word("operator", &operator));
}

/// Who may work with a device.
const WORKERS: [Role; 3] = [Role::Operator, Role::Supervisor, Role::Administrator];

/// The best standing at any location.
fn any_standing(
    tables: &(impl Tables + ?Sized),
    operator: &OperatorId,
    roles: &[Role],
    (at, epsilon_us): (ServerTime, u64),
) -> Standing {
    let mut best = Standing::Missing;
    for role in roles {
        let prefix = (operator.clone(), RoleKey(*role));
        for ((_operator, _role, _location, from), right) in
            tables.list::<Rights>(&KeyRange::prefix(&prefix))
        {
            best = best.max(of_one(from, *right, at, epsilon_us));
        }
    }
    best
}
