//! Operators and their rights, devices and how they join. Rights are histories: what counts is the
//! right at the instant of the act.

use protocol::code::Code;
use protocol::feed::Role;
use protocol::frame::KeyAlgorithm;
use protocol::identity::{DeviceId, Incarnation, ServerTime};
use protocol::outcome::Reason;
use protocol::words::{LocationCode, OperatorId, SiteCode};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::command::master::small;
use crate::command::{malformed, not_found};
use crate::key::KeyRange;
use crate::lookup;
use crate::posting::{Posting, Stop};
use crate::schema::identity::{
    Device, DeviceState, Devices, Enrolment, Enrolments, Incarnations, Operator, Operators,
    OperatorsByBadge, Right, Rights, RoleKey,
};
use crate::schema::{Counter, LocationId, next_number};
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

/// Makes a one-time code by which one device may join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateEnrolment {
    /// SHA-256 of the code: the code itself is not kept.
    pub code_hash: ByteBuf,
    /// The site of the device.
    pub site: SiteCode,
    /// Until when.
    pub expires: ServerTime,
}

/// A device joins with a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolDevice {
    /// SHA-256 of the code.
    pub code_hash: ByteBuf,
    /// What it calls itself.
    pub name: String,
    /// Make and model.
    #[serde(default)]
    pub model: String,
    /// The kind of its key.
    pub algorithm: KeyAlgorithm,
    /// Its public key.
    pub public_key: ByteBuf,
}

/// What a device may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Everything.
    Active,
    /// Upload only; what it sends is parked.
    Suspended,
    /// Nothing.
    Revoked,
}

/// Changes what a device may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetDeviceState {
    /// The device.
    pub device: DeviceId,
    /// From now on.
    pub state: State,
}

/// Nobody waits for this device any more. If it turns up, what it brings is late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclareLost {
    /// The device.
    pub device: DeviceId,
}

/// A device begins a new generation of its store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewIncarnation {
    /// The device.
    pub device: DeviceId,
    /// The generation it leaves: a repetition of the same request gives no second one.
    pub after: Incarnation,
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
    let Some((key, right)) = last.filter(|(_key, right)| right.until.is_none()) else {
        return Err(not_found(&revoke.operator));
    };
    let until = revoke.from.unwrap_or(posting.act.at).max(key.3).min(posting.act.at);
    let written = posting.written();
    posting.draft.put::<Rights>(&key, Right { until: Some(until), written, ..*right });
    touch_operator(posting, &revoke.operator);
    Ok(())
}

/// The roles travel with the person's row: it is shown again when they change.
fn touch_operator(posting: &mut Posting<'_, '_>, operator: &OperatorId) {
    if let Some(row) = posting.draft.row::<Operators>(operator) {
        posting.draft.put::<Operators>(operator, (*row).clone());
    }
}

pub(crate) fn create_enrolment(
    posting: &mut Posting<'_, '_>,
    create: &CreateEnrolment,
) -> Result<(), Stop> {
    let site = lookup::site(posting.draft, &create.site).map_err(Stop::Refuse)?;
    let hash = hash32(&create.code_hash)?;
    if posting.draft.has::<Enrolments>(&hash) {
        return Err(Stop::Refuse(Reason::new(Code::AlreadyExists).word("what", "enrolment code")));
    }
    let by = posting.act.operator.clone().ok_or_else(|| Stop::refuse(Code::RightMissing))?;
    let row = Enrolment { site, expires: create.expires, used_by: None, by };
    posting.draft.put::<Enrolments>(&hash, row);
    Ok(())
}

pub(crate) fn enrol_device(posting: &mut Posting<'_, '_>, enrol: &EnrolDevice) -> Result<(), Stop> {
    let hash = hash32(&enrol.code_hash)?;
    let code = posting.draft.row::<Enrolments>(&hash).ok_or_else(|| not_found(&"the code"))?;
    if let Some(device) = code.used_by {
        // The answer was lost on its way: the same key under the same code is the same device.
        let known = posting.draft.row::<Devices>(&device);
        return if known.is_some_and(|known| known.public_key == enrol.public_key) {
            Ok(())
        } else {
            Err(not_found(&"the code"))
        };
    }
    if code.expires < posting.act.received {
        return Err(not_found(&"the code"));
    }
    let device = DeviceId(small(next_number(posting.draft, Counter::Device)));
    let incarnation = Incarnation(1);
    let row = Device {
        name: enrol.name.clone(),
        model: enrol.model.clone(),
        site: code.site,
        algorithm: enrol.algorithm,
        public_key: enrol.public_key.clone(),
        state: DeviceState::Active,
        incarnation,
        declared_lost: None,
        enrolled: posting.act.at,
    };
    let at = posting.act.at;
    posting.draft.put::<Devices>(&device, row);
    posting.draft.put::<Incarnations>(&(device, incarnation), at);
    posting.draft.put::<Enrolments>(&hash, Enrolment { used_by: Some(device), ..(*code).clone() });
    Ok(())
}

fn known_device(posting: &Posting<'_, '_>, device: DeviceId) -> Result<Device, Stop> {
    posting
        .draft
        .row::<Devices>(&device)
        .map(|row| (*row).clone())
        .ok_or_else(|| not_found(&format!("device {device}")))
}

pub(crate) fn set_device_state(
    posting: &mut Posting<'_, '_>,
    set: &SetDeviceState,
) -> Result<(), Stop> {
    let row = known_device(posting, set.device)?;
    let state = match set.state {
        State::Active => DeviceState::Active,
        State::Suspended => DeviceState::Suspended,
        State::Revoked => DeviceState::Revoked,
    };
    let declared_lost = if state == DeviceState::Active { None } else { row.declared_lost };
    posting.draft.put::<Devices>(&set.device, Device { state, declared_lost, ..row });
    Ok(())
}

pub(crate) fn declare_lost(posting: &mut Posting<'_, '_>, lost: &DeclareLost) -> Result<(), Stop> {
    let row = known_device(posting, lost.device)?;
    let declared_lost = Some(posting.act.at);
    posting.draft.put::<Devices>(&lost.device, Device { declared_lost, ..row });
    Ok(())
}

pub(crate) fn new_incarnation(
    posting: &mut Posting<'_, '_>,
    new: &NewIncarnation,
) -> Result<(), Stop> {
    let row = known_device(posting, new.device)?;
    if row.incarnation != new.after {
        return Ok(());
    }
    let (incarnation, at) = (row.incarnation.next(), posting.act.at);
    posting.draft.put::<Incarnations>(&(new.device, incarnation), at);
    posting.draft.put::<Devices>(&new.device, Device { incarnation, ..row });
    Ok(())
}
