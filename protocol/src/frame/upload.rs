//! The way up, 20 to 22: operations and their acknowledgement.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::FaultCode;
use crate::evidence::BootEvidence;
use crate::identity::{Boot, Hash16, Incarnation, IntakeNo, Lsn, Seq, ServerEpoch};
use crate::operation::DocumentRef;
use crate::words::OperatorId;

/// The delta columns of PUSH: one entry per operation, in sequence order.
///
/// `boot`, `operator` and `document` are run lengths `(count, value)`. `mono` and `cursor` start
/// with a full value; each further entry is the difference to the one before (may be negative; it
/// may also be negative where the boot changes).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PushColumns {
    /// Version of this layout, 1.
    #[serde(rename = "v")]
    pub version: u8,
    /// Boots.
    #[serde(rename = "b")]
    pub boot: Vec<(u32, Boot)>,
    /// Monotonic microseconds.
    #[serde(rename = "m")]
    pub mono: Vec<i64>,
    /// Cursors.
    #[serde(rename = "c")]
    pub cursor: Vec<i64>,
    /// Operators.
    #[serde(rename = "o")]
    pub operator: Vec<(u32, Option<OperatorId>)>,
    /// Documents.
    #[serde(rename = "d")]
    pub document: Vec<(u32, Option<DocumentRef>)>,
    /// Kinds and their versions.
    #[serde(rename = "k")]
    pub kind: Vec<(u32, String, u16)>,
}

/// Where a re-labelled operation was recorded first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OriginOf {
    /// Its first incarnation.
    #[serde(rename = "i")]
    pub incarnation: Incarnation,
    /// Its number there.
    #[serde(rename = "s")]
    pub seq: Seq,
    /// Its hash there.
    #[serde(rename = "h")]
    pub hash: Hash16,
}

/// 20, device → server: operations, contiguous from `base_seq`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    /// The incarnation of the numbers.
    #[serde(rename = "i")]
    pub incarnation: Incarnation,
    /// Number of the first operation.
    #[serde(rename = "b")]
    pub base_seq: Seq,
    /// Hash of the operation before it.
    #[serde(rename = "h")]
    pub previous_hash: Hash16,
    /// Epoch of all cursors of this PUSH.
    #[serde(rename = "ep")]
    pub epoch: ServerEpoch,
    /// What the boots of these operations learnt about their clocks.
    #[serde(rename = "k", default, skip_serializing_if = "Vec::is_empty")]
    pub boots: Vec<BootEvidence>,
    /// The envelopes, as columns.
    #[serde(rename = "e")]
    pub columns: PushColumns,
    /// The bodies.
    #[serde(rename = "o")]
    pub bodies: Vec<ByteBuf>,
    /// For re-labelled operations: `(position in this PUSH, origin)`.
    #[serde(rename = "g", default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<(u32, OriginOf)>,
}

/// 21, server → device: durable up to here. Cumulative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// Last operation of the incarnation that is durable on the server.
    #[serde(rename = "a")]
    pub accepted_seq: Seq,
    /// Its hash.
    #[serde(rename = "ah")]
    pub accepted_hash: Hash16,
    /// Number of the last intake record.
    #[serde(rename = "cn")]
    pub chain_no: IntakeNo,
    /// Its hash.
    #[serde(rename = "ch")]
    pub chain_head: Hash16,
    /// Up to here the recorder may forget.
    #[serde(rename = "sf")]
    pub safe_seq: Seq,
    /// The last decision at that moment.
    #[serde(rename = "lh")]
    pub head: Lsn,
}

/// 22, server → device: start again from `expected`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nack {
    /// The number that the server wants next.
    #[serde(rename = "x")]
    pub expected: Seq,
    /// Why.
    #[serde(rename = "c")]
    pub code: FaultCode,
}
