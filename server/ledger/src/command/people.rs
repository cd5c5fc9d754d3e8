//! Operators and their rights. Rights are histories: what counts is the right at the instant of the
//! act. How devices join is the machine's own affair.

use protocol::code::Code;
use protocol::feed::Role;
use protocol::identity::ServerTime;
use protocol::outcome::Reason;
use protocol::words::{LocationCode, OperatorId};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::command::{malformed, not_found};
use crate::conflict::assignment;
use crate::key::KeyRange;
use crate::lookup;
use crate::posting::{Posting, Stop};
use crate::schema::LocationId;
use crate::schema::identity::{Operator, Operators, OperatorsByBadge, Right, Rights, RoleKey};
use crate::tables::Read as _;

/// Makes or changes a person. Secrets come as verifiers only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutOperator {
    /// Who.
    pub operator: OperatorId,
    /// The name on the screen.
    pub name: String,
    /// SHA-256 of the text of the badge; left out: unchanged.
    #[serde(default)]
    pub badge_hash: Option<ByteBuf>,
    /// Argon2id verifier of the PIN in PHC form; left out: unchanged.
    #[serde(default)]
    pub pin_verifier: Option<String>,
    /// Argon2id verifier of the password in PHC form; left out: unchanged.
    #[serde(default)]
    pub password_verifier: Option<String>,
    /// `en` or `da`; left out: unchanged.
    #[serde(default)]
    pub language: Option<String>,
    /// No sign-in any more.
    #[serde(default)]
    pub disabled: bool,
}

/// Gives a role, from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantRole {
    /// To whom.
    pub operator: OperatorId,
    /// Which.
    pub role: Role,
    /// Where; left out: everywhere.
    #[serde(default)]
    pub location: Option<LocationCode>,
}

/// Takes a role, from now on or from an earlier instant on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeRole {
    /// From whom.
    pub operator: OperatorId,
    /// Which.
    pub role: Role,
    /// Where; left out: everywhere.
    #[serde(default)]
    pub location: Option<LocationCode>,
    /// From when on; left out: now.
    #[serde(default)]
    pub from: Option<ServerTime>,
}

fn hash32(bytes: &ByteBuf) -> Result<[u8; 32], Stop> {
    <[u8; 32]>::try_from(bytes.as_slice())
        .map_err(|_length| Stop::Refuse(malformed(&"a SHA-256 has 32 bytes")))
}

pub(crate) fn put_operator(posting: &mut Posting<'_, '_>, put: &PutOperator) -> Result<(), Stop> {
    let before = posting.draft.row::<Operators>(&put.operator);
    let badge_hash = match &put.badge_hash {
        Some(bytes) => Some(hash32(bytes)?),
        None => before.as_ref().and_then(|before| before.badge_hash),
    };
    if let Some(hash) = badge_hash
        && let Some(owner) = posting.draft.row::<OperatorsByBadge>(&hash)
        && *owner != put.operator
    {
        return Err(Stop::Refuse(Reason::new(Code::AlreadyExists).word("what", "badge")));
    }
    if let Some(former) = before.as_ref().and_then(|before| before.badge_hash) {
        posting.draft.delete::<OperatorsByBadge>(&former);
    }
    if let Some(hash) = badge_hash {
        posting.draft.put::<OperatorsByBadge>(&hash, put.operator.clone());
    }
    let kept = |given: &Option<String>, read: fn(&Operator) -> &String| {
        given.clone().or_else(|| before.as_ref().map(|before| read(before).clone()))
    };
    let row = Operator {
        name: put.name.clone(),
        badge_hash,
        pin_verifier: kept(&put.pin_verifier, |row| &row.pin_verifier).unwrap_or_default(),
        password_verifier: kept(&put.password_verifier, |row| &row.password_verifier)
            .unwrap_or_default(),
        language: kept(&put.language, |row| &row.language).unwrap_or_else(|| "en".to_owned()),
        disabled: put.disabled,
    };
    posting.draft.put::<Operators>(&put.operator, row);
    assignment::free_without_right(posting, &put.operator);
    Ok(())
}

fn location_of(posting: &Posting<'_, '_>, code: Option<&LocationCode>) -> Result<LocationId, Stop> {
    match code {
        None => Ok(LocationId(0)),
        Some(code) => {
            lookup::location(posting.draft, code).map(|(id, _row)| id).map_err(Stop::Refuse)
        }
    }
}

pub(crate) fn grant_role(posting: &mut Posting<'_, '_>, grant: &GrantRole) -> Result<(), Stop> {
    if !posting.draft.has::<Operators>(&grant.operator) {
        return Err(not_found(&grant.operator));
    }
    let location = location_of(posting, grant.location.as_ref())?;
    let prefix = (grant.operator.clone(), RoleKey(grant.role), location);
    let now = posting.act.at;
    let holds = posting
        .draft
        .last::<Rights>(&KeyRange::prefix(&prefix))
        .is_some_and(|(_key, right)| right.until.is_none_or(|until| until > now));
    if holds {
        return Ok(());
    }
    let key = (prefix.0, prefix.1, prefix.2, now);
    let written = posting.written();
    posting.draft.put::<Rights>(&key, Right { until: None, written });
    touch_operator(posting, &grant.operator);
    Ok(())
}

pub(crate) fn revoke_role(posting: &mut Posting<'_, '_>, revoke: &RevokeRole) -> Result<(), Stop> {
    let location = location_of(posting, revoke.location.as_ref())?;
    let prefix = (revoke.operator.clone(), RoleKey(revoke.role), location);
    let last = posting.draft.last::<Rights>(&KeyRange::prefix(&prefix));
    let Some((key, _right)) = last.filter(|(_key, right)| right.until.is_none()) else {
        return Err(not_found(&revoke.operator));
    };
    let until = revoke.from.unwrap_or(posting.act.at).max(key.3).min(posting.act.at);
    let written = posting.written();
    posting.draft.put::<Rights>(&key, Right { until: Some(until), written });
    touch_operator(posting, &revoke.operator);
    assignment::free_without_right(posting, &revoke.operator);
    Ok(())
}

/// The roles travel with the person's row: it is shown again when they change.
fn touch_operator(posting: &mut Posting<'_, '_>, operator: &OperatorId) {
    if let Some(row) = posting.draft.row::<Operators>(operator) {
        posting.draft.put::<Operators>(operator, (*row).clone());
    }
}
