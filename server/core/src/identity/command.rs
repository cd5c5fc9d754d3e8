//! The machine's own commands: devices join, get a new incarnation, are suspended or lost; a
//! restored server begins a new generation.
//!
//! Encoded as one byte that no MessagePack value starts with, then a MessagePack map.

use ledger::draft::Draft;
use ledger::schema::book::{Companies, Company, Intake, Origin};
use ledger::schema::identity::{
    Device, DeviceState, Devices, Enrolment, Enrolments, Incarnations, Operators,
};
use ledger::schema::{Counter, LocationId, SiteId, next_number, place};
use ledger::tables::Read as _;
use protocol::code::Code;
use protocol::feed::Role;
use protocol::frame::KeyAlgorithm;
use protocol::identity::{DeviceId, Incarnation, Lsn, ServerTime};
use protocol::outcome::{Decision, Reason};
use protocol::words::OperatorId;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::identity::rights_at;
use crate::poster::judge::{Poison, Request, write_outcome};
use crate::schema::{ApiToken, ApiTokens, Epochs, SignInTerms};

/// No MessagePack value starts with this byte (MessagePack specification, "never used").
const MARK: u8 = 0xC1;

/// A command of the machine itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MachineCommand {
    /// A device may join with a one-time code.
    AllowEnrolment {
        /// SHA-256 of the code; the code itself is stored nowhere.
        code_hash: ByteBuf,
        /// The site that the device will work in.
        site: u32,
        /// Until when.
        expires: ServerTime,
    },
    /// A device joins with its code.
    Enrol {
        /// SHA-256 of the code.
        code_hash: ByteBuf,
        /// The kind of its key.
        algorithm: KeyAlgorithm,
        /// Its public key.
        public_key: ByteBuf,
        /// What it calls itself.
        name: String,
        /// Make and model.
        model: String,
    },
    /// A device's store is an old copy: it gets a new incarnation.
    Incarnate {
        /// The device.
        device: DeviceId,
        /// The incarnation that it shows: numbers that a lost log gave are not given again.
        above: Incarnation,
    },
    /// What a device may do.
    SetDevice {
        /// The device.
        device: DeviceId,
        /// From now on.
        state: DeviceState,
    },
    /// A device will not come back: it no longer holds the watermark (CONFLICTS 44).
    DeclareLost {
        /// The device.
        device: DeviceId,
    },
    /// People may sign in on devices without the server until this instant.
    ExtendSignIn {
        /// The instant.
        until: ServerTime,
    },
    /// A program may act for a person.
    AllowToken {
        /// SHA-256 of the key; the key itself is stored nowhere.
        token_hash: ByteBuf,
        /// What people call it.
        name: String,
        /// For whom it acts.
        user: OperatorId,
        /// What it may be used for.
        scopes: Vec<String>,
        /// Until when; none: until it is revoked.
        expires: Option<ServerTime>,
    },
    /// A key of a program works no longer.
    RevokeToken {
        /// SHA-256 of the key.
        token_hash: ByteBuf,
    },
    /// The store was restored from a backup: a new generation of the server begins. What the lost
    /// log decided after `fork` is not what this one decides.
    BeginEpoch {
        /// The head of the restored store.
        fork: Lsn,
    },
}

impl MachineCommand {
    /// The bytes for an intake record.
    pub fn encode(&self) -> Vec<u8> {
        let body = rmp_serde::to_vec_named(self);
        let body = body.expect("writing to memory cannot fail, and no command is unsized");
        std::iter::once(MARK).chain(body).collect()
    }

    /// The machine's command in an intake record; none where the record is another's.
    pub(crate) fn of(intake: &Intake) -> Option<Result<Self, Poison>> {
        match &intake.origin {
            Origin::Device { .. } => return None,
            Origin::Desk { .. } | Origin::Import { .. } | Origin::System => {}
        }
        let (mark, body) = intake.raw.split_first()?;
        (*mark == MARK)
            .then(|| rmp_serde::from_slice(body).map_err(|error| Poison { why: error.to_string() }))
    }
}

/// A claim that cannot be granted.
struct Refusal(Reason);

impl Refusal {
    fn new(code: Code, what: &str) -> Self {
        Self(Reason::new(code).word("what", what))
    }
}

/// Judges a command of the machine.
pub(crate) fn judge(draft: &mut Draft<'_>, request: &Request<'_>, command: MachineCommand) {
    let judged = may(draft, request, &command).and_then(|()| apply(draft, request, command));
    let (decision, reasons) = match judged {
        Ok(()) => (Decision::Accepted, Vec::new()),
        Err(Refusal(reason)) => (Decision::Refused, vec![reason]),
    };
    write_outcome(draft, request, decision, reasons);
}

/// Whether whoever gives a command may: the system always, people by their role everywhere.
fn may(draft: &Draft<'_>, request: &Request<'_>, command: &MachineCommand) -> Result<(), Refusal> {
    let user = match &request.intake.origin {
        Origin::System => return Ok(()),
        Origin::Desk { user, .. } => user,
        Origin::Import { .. } | Origin::Device { .. } => {
            return Err(Refusal(Reason::new(Code::RightMissing)));
        }
    };
    let roles: &[Role] = match command {
        MachineCommand::AllowEnrolment { .. }
        | MachineCommand::SetDevice { .. }
        | MachineCommand::AllowToken { .. }
        | MachineCommand::RevokeToken { .. } => &[Role::Administrator],
        MachineCommand::DeclareLost { .. } => &[Role::Administrator, Role::Supervisor],
        // Only the machine knows when these are due.
        MachineCommand::Enrol { .. }
        | MachineCommand::Incarnate { .. }
        | MachineCommand::ExtendSignIn { .. }
        | MachineCommand::BeginEpoch { .. } => &[],
    };
    let tau = request.intake.timing.tau;
    let holds = roles.iter().any(|role| rights_at(draft, (user, *role), LocationId(0), tau));
    if holds {
        Ok(())
    } else {
        Err(Refusal(Reason::new(Code::RightMissing).word("operator", user)))
    }
}

fn apply(
    draft: &mut Draft<'_>,
    request: &Request<'_>,
    command: MachineCommand,
) -> Result<(), Refusal> {
    match command {
        MachineCommand::AllowEnrolment { code_hash, site, expires } => {
            let site = SiteId(site);
            if !draft.has::<place::Sites>(&site) {
                return Err(Refusal::new(Code::NotFound, "site"));
            }
            let hash = code_key(&code_hash)?;
            let enrolment = Enrolment { site, expires, used_by: None, by: giver(request.intake) };
            draft.put::<Enrolments>(&hash, enrolment);
            Ok(())
        }
        MachineCommand::Enrol { code_hash, algorithm, public_key, name, model } => {
            let key = (algorithm, public_key);
            enrol(draft, request, code_key(&code_hash)?, (key, name, model))
        }
        MachineCommand::Incarnate { device, above } => with_device(draft, device, |device| {
            device.incarnation = device.incarnation.max(above).next();
        })
        .map(|row| {
            draft.put::<Incarnations>(&(device, row.incarnation), request.intake.received);
        }),
        MachineCommand::SetDevice { device, state } => {
            with_device(draft, device, |device| device.state = state).map(|_row| ())
        }
        MachineCommand::DeclareLost { device } => {
            let at = request.intake.received;
            with_device(draft, device, |device| device.declared_lost = Some(at)).map(|_row| ())
        }
        MachineCommand::ExtendSignIn { until } => {
            draft.put::<SignInTerms>(&(), until);
            Ok(())
        }
        MachineCommand::AllowToken { token_hash, name, user, scopes, expires } => {
            let token = ApiToken {
                name,
                user,
                scopes,
                by: giver(request.intake),
                made: request.intake.received,
                expires,
                revoked: None,
            };
            allow_token(draft, sha256_of(&token_hash, "token")?, token)
        }
        MachineCommand::RevokeToken { token_hash } => {
            let hash = sha256_of(&token_hash, "token")?;
            revoke_token(draft, hash, request.intake.received)
        }
        MachineCommand::BeginEpoch { fork } => begin_epoch(draft, fork),
    }
}

fn giver(intake: &Intake) -> OperatorId {
    match &intake.origin {
        Origin::Desk { user, .. } | Origin::Import { user } => user.clone(),
        Origin::Device { .. } | Origin::System => {
            OperatorId::new("SYSTEM").expect("six letters are an operator's code")
        }
    }
}

fn code_key(hash: &[u8]) -> Result<[u8; 32], Refusal> {
    sha256_of(hash, "enrolment code")
}

fn sha256_of(hash: &[u8], what: &str) -> Result<[u8; 32], Refusal> {
    hash.try_into().map_err(|_length| Refusal::new(Code::MalformedRequest, what))
}

/// A key is made once, for somebody who is there and not disabled.
fn allow_token(draft: &mut Draft<'_>, hash: [u8; 32], token: ApiToken) -> Result<(), Refusal> {
    let is_known = draft.row::<Operators>(&token.user).is_some_and(|operator| !operator.disabled);
    if !is_known {
        return Err(Refusal::new(Code::NotFound, token.user.as_str()));
    }
    if draft.has::<ApiTokens>(&hash) {
        return Err(Refusal::new(Code::AlreadyExists, "token"));
    }
    draft.put::<ApiTokens>(&hash, token);
    Ok(())
}

/// Revoking twice leaves the first instant.
fn revoke_token(draft: &mut Draft<'_>, hash: [u8; 32], at: ServerTime) -> Result<(), Refusal> {
    let token =
        draft.row::<ApiTokens>(&hash).ok_or_else(|| Refusal::new(Code::NotFound, "token"))?;
    let revoked = token.revoked.or(Some(at));
    draft.put::<ApiTokens>(&hash, ApiToken { revoked, ..(*token).clone() });
    Ok(())
}

fn with_device(
    draft: &mut Draft<'_>,
    id: DeviceId,
    change: impl FnOnce(&mut Device),
) -> Result<Device, Refusal> {
    let device = draft.row::<Devices>(&id).ok_or_else(|| Refusal::new(Code::NotFound, "device"))?;
    let mut device = (*device).clone();
    change(&mut device);
    draft.put::<Devices>(&id, device.clone());
    Ok(device)
}

/// One code, one device: a second key with the same code is refused; the same key again gets the
/// device that it made, because the answer may have been lost.
fn enrol(
    draft: &mut Draft<'_>,
    request: &Request<'_>,
    code: [u8; 32],
    (key, name, model): ((KeyAlgorithm, ByteBuf), String, String),
) -> Result<(), Refusal> {
    let unknown = || Refusal::new(Code::NotFound, "enrolment code");
    let enrolment = draft.row::<Enrolments>(&code).ok_or_else(unknown)?;
    let at = request.intake.received;
    if let Some(device) = enrolment.used_by {
        let known = draft.row::<Devices>(&device).ok_or_else(unknown)?;
        let same = (known.algorithm, &known.public_key) == (key.0, &key.1);
        return if same { Ok(()) } else { Err(Refusal::new(Code::AlreadyRecorded, "code")) };
    }
    if at >= enrolment.expires {
        return Err(Refusal::new(Code::Expired, "enrolment code"));
    }
    let number = next_number(draft, Counter::Device);
    let id = DeviceId(u32::try_from(number).map_err(|_range| unknown())?);
    let incarnation = Incarnation(1);
    let device = Device {
        name,
        model,
        site: enrolment.site,
        algorithm: key.0,
        public_key: key.1,
        state: DeviceState::Active,
        incarnation,
        declared_lost: None,
        enrolled: at,
    };
    draft.put::<Devices>(&id, device);
    draft.put::<Incarnations>(&(id, incarnation), at);
    let used = Enrolment { used_by: Some(id), ..(*enrolment).clone() };
    draft.put::<Enrolments>(&code, used);
    Ok(())
}

fn begin_epoch(draft: &mut Draft<'_>, fork: Lsn) -> Result<(), Refusal> {
    let company =
        draft.row::<Companies>(&()).ok_or_else(|| Refusal::new(Code::NotFound, "company"))?;
    let epoch = company.epoch.next();
    draft.put::<Companies>(&(), Company { epoch, ..(*company).clone() });
    draft.put::<Epochs>(&epoch, fork);
    Ok(())
}
