//! Frames of enrolment and notices, 10 to 15.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::Lease;
use crate::identity::{DeviceId, Incarnation, OperationId, ServerEpoch};
use crate::words::SiteCode;

/// The kind of key that a device signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyAlgorithm {
    /// Ed25519; the public key has 32 bytes.
    Ed25519,
    /// ECDSA over NIST P-256 with SHA-256; the public key is a SEC1 point, the signature has the
    /// fixed 64-byte form.
    P256,
}

/// 10, device → server, as the first frame: make me a device of this company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrol {
    /// The one-time code of the QR, 16 bytes.
    #[serde(rename = "t")]
    pub code: ByteBuf,
    /// The kind of key.
    #[serde(rename = "g")]
    pub algorithm: KeyAlgorithm,
    /// The public key that the device made.
    #[serde(rename = "k")]
    pub public_key: ByteBuf,
    /// Signature of that key over `"tallyman hsp.1 enrol" ‖ 0 ‖ code`.
    #[serde(rename = "s")]
    pub signature: ByteBuf,
    /// What it calls itself.
    #[serde(rename = "n")]
    pub name: String,
    /// Make and model.
    #[serde(rename = "m", default)]
    pub model: String,
}

/// 11, server → device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolOk {
    /// Its number.
    #[serde(rename = "d")]
    pub device: DeviceId,
    /// The first incarnation of this enrolment.
    #[serde(rename = "i")]
    pub incarnation: Incarnation,
    /// Its first lease.
    #[serde(rename = "le")]
    pub lease: Lease,
    /// The generation of the server.
    #[serde(rename = "ep")]
    pub epoch: ServerEpoch,
    /// The company's name.
    #[serde(rename = "co")]
    pub company: String,
    /// Its site.
    #[serde(rename = "si")]
    pub site: SiteCode,
}

/// 15, server → device: at the next contact, first of all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The operation it is about, where there is one.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationId>,
    /// The sentence.
    #[serde(rename = "m")]
    pub text: String,
}
