//! The machine's own commands: devices join, get a new incarnation, are suspended or lost; a
//! restored server begins a new generation.
//!
//! Encoded as one byte that no MessagePack value starts with, then a MessagePack map.

use ledger::draft::Draft;
use ledger::key::KeyRange;
use ledger::schema::book::{Companies, Company, Counters, Intake, Origin};
use ledger::schema::identity::{
    Comparisons, Device, DeviceState, Devices, Enrolment, Enrolments, Incarnations, Operators,
};
use ledger::schema::{Counter, LocationId, SiteId, next_number, place};
use ledger::tables::Read as _;
use protocol::code::Code;
use protocol::feed::Role;
use protocol::frame::KeyAlgorithm;
use protocol::frame::order::Order;
use protocol::identity::{DeviceId, Incarnation, IntakeNo, Lsn, Seq, ServerEpoch, ServerTime};
use protocol::outcome::{Decision, Reason};
use protocol::words::OperatorId;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::identity::gap::{self, GapKey};
use crate::identity::{lost, rights_at};
use crate::intake::next_epoch;
use crate::poster::judge::{Poison, Request, write_outcome};
use crate::schema::{
    ApiToken, ApiTokens, Declared, Epochs, OrderRow, Orders, PreviousKey, PreviousKeys,
    Restoration, Restorations, SignInTerms, Streams,
};

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
        /// Whether the device is suspended until a person has compared its six digits.
        #[serde(default)]
        compare: bool,
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
    /// A device is told something, at its next contact at the latest.
    Order {
        /// The device.
        device: DeviceId,
        /// What.
        order: Order,
        /// Not to be done after this instant.
        expires: ServerTime,
    },
    /// A device said that an order is done.
    OrderDone {
        /// The device.
        device: DeviceId,
        /// The number of the order.
        order: u64,
        /// Operations that went with it and were never uploaded.
        n_lost: u64,
    },
    /// A device has a new key, which it has proved to hold beside the old one.
    RotateKey {
        /// The device.
        device: DeviceId,
        /// The kind of the new key.
        algorithm: KeyAlgorithm,
        /// Its public half.
        public_key: ByteBuf,
    },
    /// Operations of a device that were acknowledged once are nowhere any more.
    NoteGap {
        /// The device.
        device: DeviceId,
        /// The incarnation whose numbers are missing.
        incarnation: Incarnation,
        /// The first missing number.
        from: Seq,
        /// The last missing number.
        to: Seq,
    },
    /// What is missing will not come any more.
    DeclareGapLost {
        /// The device.
        device: DeviceId,
        /// The incarnation.
        incarnation: Incarnation,
        /// The first missing number.
        from: Seq,
    },
    /// A device has seen how far the log went that a restore has lost.
    NoteLostLog {
        /// The generation that began with the restore.
        epoch: ServerEpoch,
        /// The last intake record that was seen.
        to: IntakeNo,
    },
    /// A device will not come back: it no longer holds the watermark (CONFLICTS 44).
    DeclareLost {
        /// The device.
        device: DeviceId,
    },
    /// A device is silent for too long with work that it has not sent: what is assigned to its people is
    /// for anybody, as far as nothing became of it after an instant (CONFLICTS 44).
    FreeTasks {
        /// The device.
        device: DeviceId,
        /// The instant.
        until: ServerTime,
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
        /// When the last record of the backup was received, where that is known.
        #[serde(default)]
        backup_at: Option<ServerTime>,
    },
}

impl MachineCommand {
    /// The bytes for an intake record.
    pub fn encode(&self) -> Vec<u8> {
        let body = rmp_serde::to_vec_named(self);
        let body = body.expect("writing to memory cannot fail, and no command is unsized");
        std::iter::once(MARK).chain(body).collect()
    }

    /// Its name, for lists.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AllowEnrolment { .. } => "allow_enrolment",
            Self::Enrol { .. } => "enrol",
            Self::Incarnate { .. } => "incarnate",
            Self::SetDevice { .. } => "set_device",
            Self::Order { .. } => "order",
            Self::OrderDone { .. } => "order_done",
            Self::RotateKey { .. } => "rotate_key",
            Self::NoteGap { .. } => "note_gap",
            Self::DeclareGapLost { .. } => "declare_gap_lost",
            Self::NoteLostLog { .. } => "note_lost_log",
            Self::DeclareLost { .. } => "declare_lost",
            Self::FreeTasks { .. } => "free_tasks",
            Self::ExtendSignIn { .. } => "extend_sign_in",
            Self::BeginEpoch { .. } => "begin_epoch",
            Self::AllowToken { .. } => "allow_token",
            Self::RevokeToken { .. } => "revoke_token",
        }
    }

    /// The site of an invitation, where `raw` is one.
    pub(crate) fn site_of_invitation(raw: &[u8]) -> Option<SiteId> {
        let (mark, body) = raw.split_first()?;
        if *mark != MARK {
            return None;
        }
        match rmp_serde::from_slice(body).ok()? {
            Self::AllowEnrolment { site, .. } => Some(SiteId(site)),
            Self::Enrol { .. }
            | Self::Incarnate { .. }
            | Self::SetDevice { .. }
            | Self::Order { .. }
            | Self::OrderDone { .. }
            | Self::RotateKey { .. }
            | Self::NoteGap { .. }
            | Self::DeclareGapLost { .. }
            | Self::NoteLostLog { .. }
            | Self::DeclareLost { .. }
            | Self::FreeTasks { .. }
            | Self::ExtendSignIn { .. }
            | Self::BeginEpoch { .. }
            | Self::AllowToken { .. }
            | Self::RevokeToken { .. } => None,
        }
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
    let site = match command {
        MachineCommand::AllowEnrolment { site, .. } => Some(SiteId(*site)),
        MachineCommand::SetDevice { device, .. }
        | MachineCommand::DeclareLost { device }
        | MachineCommand::DeclareGapLost { device, .. } => {
            draft.row::<Devices>(device).map(|device| device.site)
        }
        // Only the machine knows when these are due.
        MachineCommand::Enrol { .. }
        | MachineCommand::Incarnate { .. }
        | MachineCommand::FreeTasks { .. }
        | MachineCommand::ExtendSignIn { .. }
        | MachineCommand::OrderDone { .. }
        | MachineCommand::RotateKey { .. }
        | MachineCommand::NoteGap { .. }
        | MachineCommand::NoteLostLog { .. }
        | MachineCommand::BeginEpoch { .. }
        // An order can wipe a device, and a key of a program acts everywhere: that is for administrators of all.
        | MachineCommand::Order { .. }
        | MachineCommand::AllowToken { .. }
        | MachineCommand::RevokeToken { .. } => None,
    };
    let tau = request.intake.timing.tau;
    let may = site.is_some_and(|site| may_manage(draft, user, site, tau))
        // What is not there is told apart by whoever may do anything.
        || rights_at(draft, (user, Role::Administrator), LocationId(0), tau) && is_for_people(command);
    if may { Ok(()) } else { Err(Refusal(Reason::new(Code::RightMissing).word("operator", user))) }
}

const fn is_for_people(command: &MachineCommand) -> bool {
    matches!(
        command,
        MachineCommand::AllowEnrolment { .. }
            | MachineCommand::SetDevice { .. }
            | MachineCommand::DeclareLost { .. }
            | MachineCommand::DeclareGapLost { .. }
            | MachineCommand::Order { .. }
            | MachineCommand::AllowToken { .. }
            | MachineCommand::RevokeToken { .. }
    )
}

/// Whether `user` may manage the devices of `site`: administrators and supervisors, of all locations
/// or of one that the site has.
fn may_manage(draft: &Draft<'_>, user: &OperatorId, site: SiteId, tau: ServerTime) -> bool {
    let locations = draft.list::<place::Locations>(&KeyRange::all());
    let here = locations.into_iter().filter(|(_id, row)| row.site == site).map(|(id, _row)| id);
    std::iter::once(LocationId(0)).chain(here).any(|location| {
        [Role::Administrator, Role::Supervisor]
            .into_iter()
            .any(|role| rights_at(draft, (user, role), location, tau))
    })
}

fn apply(
    draft: &mut Draft<'_>,
    request: &Request<'_>,
    command: MachineCommand,
) -> Result<(), Refusal> {
    match command {
        MachineCommand::AllowEnrolment { code_hash, site, expires, compare } => {
            let site = SiteId(site);
            if !draft.has::<place::Sites>(&site) {
                return Err(Refusal::new(Code::NotFound, "site"));
            }
            let hash = code_key(&code_hash)?;
            let enrolment = Enrolment { site, expires, used_by: None, by: giver(request.intake) };
            draft.put::<Enrolments>(&hash, enrolment);
            if compare {
                draft.put::<Comparisons>(&hash, ());
            }
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
        MachineCommand::SetDevice { device, state } => set_device(draft, request, (device, state)),
        MachineCommand::DeclareLost { device } => declare_lost(draft, request, device),
        MachineCommand::FreeTasks { device, until } => {
            lost::free_tasks(draft, request, (device, Some(until)));
            Ok(())
        }
        MachineCommand::Order { device, order, expires } => {
            give_order(draft, request, (device, order, expires))
        }
        MachineCommand::OrderDone { device, order, n_lost } => {
            order_done(draft, request, (device, order, n_lost))
        }
        MachineCommand::RotateKey { device, algorithm, public_key } => {
            rotate_key(draft, request, device, (algorithm, public_key))
        }
        MachineCommand::NoteGap { device, incarnation, from, to } => {
            let gap = GapKey { device, incarnation, from, to };
            gap::note(draft, gap, request.intake.received, None);
            Ok(())
        }
        MachineCommand::DeclareGapLost { device, incarnation, from } => {
            let declared = Declared { at: request.intake.received, by: giver(request.intake) };
            let known = gap::declare(draft, (device, incarnation, from), declared);
            if known { Ok(()) } else { Err(Refusal::new(Code::NotFound, "gap")) }
        }
        MachineCommand::NoteLostLog { epoch, to } => {
            if let Some(row) = draft.row::<Restorations>(&epoch) {
                let lost_to = row.lost_to.max(Some(to));
                draft.put::<Restorations>(&epoch, Restoration { lost_to, ..*row });
            }
            Ok(())
        }
        MachineCommand::ExtendSignIn { until } => {
            draft.put::<SignInTerms>(&(), until);
            Ok(())
        }
        MachineCommand::BeginEpoch { fork, backup_at } => {
            begin_epoch(draft, request, (fork, backup_at))
        }
        token @ (MachineCommand::AllowToken { .. } | MachineCommand::RevokeToken { .. }) => {
            apply_token(draft, request, token)
        }
    }
}

/// A device will not come back, and what is assigned to its people is for anybody.
fn declare_lost(
    draft: &mut Draft<'_>,
    request: &Request<'_>,
    device: DeviceId,
) -> Result<(), Refusal> {
    let at = request.intake.received;
    with_device(draft, device, |device| device.declared_lost = Some(at))?;
    lost::free_tasks(draft, request, (device, None));
    Ok(())
}

/// Keys of programs come and go.
fn apply_token(
    draft: &mut Draft<'_>,
    request: &Request<'_>,
    command: MachineCommand,
) -> Result<(), Refusal> {
    match command {
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
        MachineCommand::AllowEnrolment { .. }
        | MachineCommand::Enrol { .. }
        | MachineCommand::Incarnate { .. }
        | MachineCommand::SetDevice { .. }
        | MachineCommand::Order { .. }
        | MachineCommand::OrderDone { .. }
        | MachineCommand::RotateKey { .. }
        | MachineCommand::NoteGap { .. }
        | MachineCommand::DeclareGapLost { .. }
        | MachineCommand::NoteLostLog { .. }
        | MachineCommand::DeclareLost { .. }
        | MachineCommand::FreeTasks { .. }
        | MachineCommand::ExtendSignIn { .. }
        | MachineCommand::BeginEpoch { .. } => Ok(()),
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

/// A person has said what becomes of a device: nobody waits for its six digits any more. It is done
/// a few times in the life of a device, so that all codes may be looked through.
fn set_device(
    draft: &mut Draft<'_>,
    request: &Request<'_>,
    (device, state): (DeviceId, DeviceState),
) -> Result<(), Refusal> {
    let mut was = state;
    let card = with_device(draft, device, |device| {
        was = std::mem::replace(&mut device.state, state);
    })?;
    if state == DeviceState::Suspended {
        return Ok(());
    }
    if state == DeviceState::Revoked && was != state {
        let n_lost = lost::n_unsent(draft, (device, card.incarnation));
        note_lost(draft, request, (device, card.incarnation), (n_lost, giver(request.intake)));
    }
    let codes = draft.list::<Enrolments>(&KeyRange::all());
    for (code, _used) in codes.into_iter().filter(|(_code, row)| row.used_by == Some(device)) {
        draft.delete::<Comparisons>(&code);
    }
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
    let waits = draft.has::<Comparisons>(&code);
    let device = Device {
        name,
        model,
        site: enrolment.site,
        algorithm: key.0,
        public_key: key.1,
        state: if waits { DeviceState::Suspended } else { DeviceState::Active },
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

/// A wipe also takes the right to do anything; a device that drains still uploads.
fn give_order(
    draft: &mut Draft<'_>,
    request: &Request<'_>,
    (device, order, expires): (DeviceId, Order, ServerTime),
) -> Result<(), Refusal> {
    if order == Order::Later || expires <= request.intake.received {
        return Err(Refusal::new(Code::MalformedRequest, "order"));
    }
    // The card is written again also where it does not change: the device hears of it at once.
    with_device(draft, device, |device| {
        if order == Order::WipeNow {
            device.state = DeviceState::Revoked;
        }
    })?;
    let row = OrderRow {
        id: request.intake_no.0,
        order,
        expires,
        by: giver(request.intake),
        at: request.intake.received,
        done: None,
        n_lost: 0,
    };
    draft.put::<Orders>(&device, row);
    Ok(())
}

/// What was wiped has nothing any more: it may do nothing, and what it had not uploaded is lost, by
/// the decision of who gave the order.
fn order_done(
    draft: &mut Draft<'_>,
    request: &Request<'_>,
    (id, order, n_lost): (DeviceId, u64, u64),
) -> Result<(), Refusal> {
    let row = draft.row::<Orders>(&id).filter(|row| row.id == order);
    let row = row.ok_or_else(|| Refusal::new(Code::NotFound, "order"))?;
    let at = request.intake.received;
    draft.put::<Orders>(&id, OrderRow { done: Some(at), n_lost, ..(*row).clone() });
    if row.order == Order::RotateKey {
        return Ok(());
    }
    let device = with_device(draft, id, |device| {
        device.state = DeviceState::Revoked;
        device.declared_lost = device.declared_lost.or(Some(at));
    })?;
    lost::free_tasks(draft, request, (id, None));
    note_lost(draft, request, (id, device.incarnation), (n_lost, row.by.clone()));
    Ok(())
}

/// Notes `n_lost` operations that were never uploaded, by the decision of `by`. What of them arrives
/// after all is found in its gap.
fn note_lost(
    draft: &mut Draft<'_>,
    request: &Request<'_>,
    (device, incarnation): (DeviceId, Incarnation),
    (n_lost, by): (u64, OperatorId),
) {
    if n_lost == 0 {
        return;
    }
    let stream = draft.row::<Streams>(&(device, incarnation));
    let from = stream.map_or(Seq(0), |stream| stream.accepted).next();
    let to = Seq(from.0.saturating_add(n_lost).saturating_sub(1));
    let gap = GapKey { device, incarnation, from, to };
    gap::note(draft, gap, request.intake.received, Some(by));
}

/// The key before the present one proves a device for so long.
const PREVIOUS_KEY_US: i64 = 30 * 24 * 3_600 * 1_000_000;

fn rotate_key(
    draft: &mut Draft<'_>,
    request: &Request<'_>,
    id: DeviceId,
    (algorithm, public_key): (KeyAlgorithm, ByteBuf),
) -> Result<(), Refusal> {
    let at = request.intake.received;
    let mut previous = None;
    with_device(draft, id, |device| {
        previous = Some(PreviousKey {
            algorithm: device.algorithm,
            public_key: std::mem::replace(&mut device.public_key, public_key),
            until: at.plus_us(PREVIOUS_KEY_US),
        });
        device.algorithm = algorithm;
    })?;
    if let Some(previous) = previous {
        draft.put::<PreviousKeys>(&id, previous);
    }
    let order = draft.row::<Orders>(&id).filter(|row| row.order == Order::RotateKey);
    if let Some(row) = order.filter(|row| row.done.is_none()) {
        draft.put::<Orders>(&id, OrderRow { done: Some(at), ..(*row).clone() });
    }
    Ok(())
}

/// Numbers of devices that the lost log may have given, and that are not given again.
const DEVICE_NUMBERS_SKIPPED: u64 = 1_000;

fn begin_epoch(
    draft: &mut Draft<'_>,
    request: &Request<'_>,
    (fork, backup_at): (Lsn, Option<ServerTime>),
) -> Result<(), Refusal> {
    let company =
        draft.row::<Companies>(&()).ok_or_else(|| Refusal::new(Code::NotFound, "company"))?;
    let epoch = next_epoch(company.epoch, request.intake.received);
    draft.put::<Companies>(&(), Company { epoch, ..(*company).clone() });
    draft.put::<Epochs>(&epoch, fork);
    let restoration = Restoration {
        fork,
        intake: request.intake_no,
        at: request.intake.received,
        backup_at,
        lost_to: None,
    };
    draft.put::<Restorations>(&epoch, restoration);
    let counter = Counter::Device.number();
    let last = draft.row::<Counters>(&counter).map_or(0, |last| *last);
    draft.put::<Counters>(&counter, last.saturating_add(DEVICE_NUMBERS_SKIPPED));
    Ok(())
}
