//! Devices, people, rights: histories, so that "was she allowed then" has an answer.

use protocol::feed::Role;
use protocol::frame::KeyAlgorithm;
use protocol::identity::{DeviceId, Incarnation, ServerTime};
use protocol::words::OperatorId;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::schema::{LocationId, OrderKey, SiteId, Written};

/// What a device may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DeviceState {
    /// Everything.
    Active,
    /// Upload only; what it sends is parked.
    Suspended,
    /// Nothing.
    Revoked,
}

/// A device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// What people call it.
    pub name: String,
    /// Make and model.
    pub model: String,
    /// The site it works in.
    pub site: SiteId,
    /// The kind of its key.
    pub algorithm: KeyAlgorithm,
    /// Its public key.
    pub public_key: ByteBuf,
    /// What it may do.
    pub state: DeviceState,
    /// The newest incarnation it was given.
    pub incarnation: Incarnation,
    /// Declared lost at this instant: it no longer holds the watermark.
    pub declared_lost: Option<ServerTime>,
    /// When it was enrolled.
    pub enrolled: ServerTime,
}

/// A one-time code by which a device joins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// The site it will work in.
    pub site: SiteId,
    /// Until when it may be used.
    pub expires: ServerTime,
    /// Which device used it.
    pub used_by: Option<DeviceId>,
    /// Who made it.
    pub by: OperatorId,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// The name on the screen.
    pub name: String,
    /// SHA-256 of the text of the badge.
    pub badge_hash: Option<[u8; 32]>,
    /// Argon2id verifier of the PIN, in PHC form; empty: no sign-in on devices.
    pub pin_verifier: String,
    /// Argon2id verifier of the password for the desk; empty: no sign-in at desks.
    pub password_verifier: String,
    /// The language of this person's screens: `en` or `da`.
    pub language: String,
    /// No sign-in any more.
    pub disabled: bool,
}

/// A right of a person, from an instant on, until an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Right {
    /// Ended at this instant.
    pub until: Option<ServerTime>,
    /// The decision that changed it last.
    pub written: Written,
}

/// Which role where: 0 stands for all locations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleKey(pub Role);

impl crate::key::Key for RoleKey {
    fn write(&self, bytes: &mut crate::key::KeyBytes) {
        let number: u8 = match self.0 {
            Role::Operator => 1,
            Role::Supervisor => 2,
            Role::Accountant => 3,
            Role::Administrator => 4,
            Role::Integrator => 5,
            Role::Auditor => 6,
        };
        number.write(bytes);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self(match u8::read(bytes)? {
            1 => Role::Operator,
            2 => Role::Supervisor,
            3 => Role::Accountant,
            4 => Role::Administrator,
            5 => Role::Integrator,
            6 => Role::Auditor,
            _ => return None,
        }))
    }
}

/// A session at a desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeskSession {
    /// Who.
    pub user: OperatorId,
    /// Until when.
    pub expires: ServerTime,
}

crate::tables! {
    /// Devices.
    Devices = 90, "device", DeviceId => Device;
    /// One-time codes, by the SHA-256 of the code.
    Enrolments = 91, "enrolment", [u8; 32] => Enrolment;
    /// People.
    Operators = 92, "operator", OperatorId => Operator;
    /// People by the hash of their badge.
    OperatorsByBadge = 93, "operator_by_badge", [u8; 32] => OperatorId;
    /// Rights by person, role, location and start.
    Rights = 94, "right", (OperatorId, RoleKey, LocationId, ServerTime) => Right;
    /// The latest sign-in of a person on a device, by when it was done; none before the release that
    /// began to keep it.
    SignedIn = 63, "signed_in", OperatorId => OrderKey;
    /// Sessions at desks, by the SHA-256 of their token. Not part of change records.
    DeskSessions = 95, "desk_session", [u8; 32] => DeskSession;
    /// One-time codes whose device waits for a person, who compares six digits, before it may work.
    /// What the person says of the device takes the row away.
    Comparisons = 88, "enrolment_comparison", [u8; 32] => ();
    /// Which incarnations of a device were given, and when.
    Incarnations = 96, "incarnation", (DeviceId, Incarnation) => ServerTime;
}
