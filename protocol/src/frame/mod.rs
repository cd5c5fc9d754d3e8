//! The frames both ways, and the only codec.
//!
//! One WebSocket binary message is one frame: an eight-byte header and a MessagePack map with
//! short field names (see [`codec`]). Unknown field names are ignored. Optional fields may be
//! missing. Frame numbers are never used twice.

pub mod beside;
pub mod check;
pub mod codec;
pub mod order;
pub mod push;

#[cfg(test)]
mod golden;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::evidence::BootEvidence;
use crate::feed::FeedGroup;
use crate::identity::{
    Boot, DeviceId, Hash16, Incarnation, IntakeNo, Lsn, OperationId, Seq, ServerEpoch, ServerTime,
};
use crate::operation::DocumentRef;
use crate::words::{OperatorId, SiteCode};

/// The newest framing that this build speaks.
pub const PROTOCOL_MAX: u16 = 1;
/// The oldest framing that this build speaks. Never raised: old handhelds live for years.
pub const PROTOCOL_MIN: u16 = 1;
/// The WebSocket sub-protocol.
pub const SUB_PROTOCOL: &str = "hsp.1";

/// Features that both sides must have for one of them to use it: a bit each.
pub mod capability {
    /// Frames may be compressed with zstd.
    pub const ZSTD: u64 = 1;
    /// Snapshots may be resumed at a chunk.
    pub const SNAPSHOT_RESUME: u64 = 1 << 1;
    /// Re-labelled operations carry their origin.
    pub const ORIGIN: u64 = 1 << 2;
    /// Orders of the server, and keys that change: see [`super::order`].
    pub const ORDERS: u64 = 1 << 3;
    /// Replicas are compared by sums and repaired bucket by bucket.
    pub const DIGEST: u64 = 1 << 4;
    /// Photos and signatures travel beside the operations.
    pub const BLOBS: u64 = 1 << 5;
    /// The server answers questions.
    pub const QUERY: u64 = 1 << 6;
    /// Everything that this build can do.
    pub const ALL: u64 = ZSTD | SNAPSHOT_RESUME | ORIGIN | ORDERS | DIGEST | BLOBS | QUERY;
}

/// The limits that the server announces; never lower than any released device may produce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of one WebSocket message.
    #[serde(rename = "m")]
    pub message_bytes_max: u32,
    /// Bytes of one operation body.
    #[serde(rename = "b")]
    pub body_bytes_max: u32,
    /// Operations of one PUSH.
    #[serde(rename = "o")]
    pub push_operations_max: u32,
    /// Bytes of one PUSH before compression.
    #[serde(rename = "p")]
    pub push_bytes_max: u32,
    /// Bytes that may be sent and not yet acknowledged.
    #[serde(rename = "w")]
    pub window_bytes: u32,
}

impl Limits {
    /// The limits of SYNC 2.6.
    pub const DEFAULT: Self = Self {
        message_bytes_max: 1 << 20,
        body_bytes_max: 8 << 10,
        push_operations_max: 512,
        push_bytes_max: 128 << 10,
        window_bytes: 256 << 10,
    };
    /// The most bytes that a peer may send before it is known.
    pub const UNAUTHENTICATED_BYTES_MAX: u32 = 8 << 10;
}

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

/// 01, device → server: who I am and what I have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Oldest framing that the device speaks.
    #[serde(rename = "pn")]
    pub protocol_min: u16,
    /// Newest framing that the device speaks.
    #[serde(rename = "px")]
    pub protocol_max: u16,
    /// Version of the app.
    #[serde(rename = "av")]
    pub app_version: String,
    /// Bits of [`capability`].
    #[serde(rename = "ca")]
    pub capabilities: u64,
    /// The device.
    #[serde(rename = "d")]
    pub device: DeviceId,
    /// The generation of its store.
    #[serde(rename = "i")]
    pub incarnation: Incarnation,
    /// The lease that is on its disk: see [`Lease`].
    #[serde(rename = "le")]
    pub lease: Lease,
    /// The last server epoch it saw.
    #[serde(rename = "ep")]
    pub epoch: ServerEpoch,
    /// The next number its recorder will give.
    #[serde(rename = "n")]
    pub next_seq: Seq,
    /// Hash of its last operation; zero bytes when there is none.
    #[serde(rename = "h")]
    pub tail_hash: Hash16,
    /// Last decision applied to its replica. May be lower than at the last connection.
    #[serde(rename = "c")]
    pub cursor: Lsn,
    /// Version of the scope that its replica was built for; 0 for none.
    #[serde(rename = "sv", default)]
    pub scope_version: u64,
    /// Version of the row schemas it understands.
    #[serde(rename = "tv", default)]
    pub table_version: u16,
    /// Oldest number still in its recorder; `next_seq` when the recorder is empty.
    #[serde(rename = "ol")]
    pub oldest_seq: Seq,
    /// Every boot with unacknowledged operations.
    #[serde(rename = "bs", default, skip_serializing_if = "Vec::is_empty")]
    pub boots: Vec<BootEvidence>,
    /// The boot that is running.
    #[serde(rename = "b")]
    pub boot: Boot,
    /// t1 of the first clock sample: monotonic microseconds of that boot when this was sent.
    #[serde(rename = "t1")]
    pub sent_us: u64,
    /// Operations without an acknowledgement.
    #[serde(rename = "pe", default)]
    pub pending: u64,
    /// Monotonic microseconds since the oldest of them; 0 when there is none in this boot.
    #[serde(rename = "oa", default)]
    pub oldest_pending_age_us: u64,
    /// Battery in percent.
    #[serde(rename = "ba", default, skip_serializing_if = "Option::is_none")]
    pub battery: Option<u8>,
}

/// A counter with a proof that the server gave it: an old one betrays an old copy of a store.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Lease {
    /// Rises with each WELCOME.
    #[serde(rename = "n")]
    pub counter: u64,
    /// The server's proof, opaque to the device.
    #[serde(rename = "m")]
    pub proof: ByteBuf,
}

/// 02, server → device: prove it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// The framing to use from here on.
    #[serde(rename = "p")]
    pub protocol: u16,
    /// Bits of [`capability`] that both sides have.
    #[serde(rename = "ca")]
    pub capabilities: u64,
    /// The generation of the server.
    #[serde(rename = "ep")]
    pub epoch: ServerEpoch,
    /// 32 random bytes.
    #[serde(rename = "n")]
    pub nonce: ByteBuf,
    /// t1 as it was received.
    #[serde(rename = "t1")]
    pub sent_us: u64,
    /// t2: server time when HELLO arrived.
    #[serde(rename = "t2")]
    pub server_received: ServerTime,
    /// t3: server time when this left.
    #[serde(rename = "t3")]
    pub server_sent: ServerTime,
    /// The limits of this session.
    #[serde(rename = "li")]
    pub limits: Limits,
    /// Milliseconds between heartbeats.
    #[serde(rename = "hb")]
    pub heartbeat_ms: u32,
}

/// 03, device → server: the proof, which also completes the first clock sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Auth {
    /// Signature of the device's key over [`auth_digest`].
    #[serde(rename = "s")]
    pub signature: ByteBuf,
    /// t4: monotonic microseconds when CHALLENGE was read.
    #[serde(rename = "t4")]
    pub received_us: u64,
}

/// What AUTH signs: SHA-256 of `"tallyman hsp.1 auth" ‖ 0 ‖ HELLO body ‖ CHALLENGE body`, each
/// body as it was sent, before compression.
pub fn auth_digest(hello_body: &[u8], challenge_body: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    let mut hasher = sha2::Sha256::new();
    hasher.update(b"tallyman hsp.1 auth\0");
    hasher.update(hello_body);
    hasher.update(challenge_body);
    hasher.finalize().into()
}

/// How the replica is to be brought up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resume {
    /// Nothing is missing.
    UpToDate,
    /// DELTA frames from the cursor on.
    Delta,
    /// A snapshot; the recorder is not touched.
    Snapshot,
}

/// 04, server → device: you are in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// Number of the session.
    #[serde(rename = "s")]
    pub session: u64,
    /// Last operation of this incarnation that is durable on the server.
    #[serde(rename = "a")]
    pub accepted_seq: Seq,
    /// Its hash.
    #[serde(rename = "ah")]
    pub accepted_hash: Hash16,
    /// Number of the last intake record.
    #[serde(rename = "cn")]
    pub chain_no: IntakeNo,
    /// Its hash: the device is a witness against a truncated log.
    #[serde(rename = "ch")]
    pub chain_head: Hash16,
    /// Up to here the recorder may forget.
    #[serde(rename = "sf")]
    pub safe_seq: Seq,
    /// The next lease: to be on disk before LEASE_OK.
    #[serde(rename = "le")]
    pub lease: Lease,
    /// How the replica is brought up to date.
    #[serde(rename = "re")]
    pub resume: Resume,
    /// Version of the scope of this device.
    #[serde(rename = "sv")]
    pub scope_version: u64,
    /// The company's name.
    #[serde(rename = "co")]
    pub company: String,
    /// The site of this device.
    #[serde(rename = "si")]
    pub site: SiteCode,
    /// The last decision.
    #[serde(rename = "lh")]
    pub head: Lsn,
    /// The oldest decision that DELTA can start after.
    #[serde(rename = "fl")]
    pub feed_low: Lsn,
}

/// 05, server → device, instead of CHALLENGE: come back later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// Earliest, in milliseconds from now.
    #[serde(rename = "n")]
    pub after_min_ms: u32,
    /// Latest, in milliseconds from now.
    #[serde(rename = "x")]
    pub after_max_ms: u32,
    /// Why, in English.
    #[serde(rename = "r")]
    pub reason: String,
}

/// 06, server → device: your store is an old copy, or a copy of another one. Begin a new
/// incarnation and offer everything again, with origins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaleStore {
    /// The new incarnation.
    #[serde(rename = "i")]
    pub incarnation: Incarnation,
    /// Its lease.
    #[serde(rename = "le")]
    pub lease: Lease,
    /// The generation of the server.
    #[serde(rename = "ep")]
    pub epoch: ServerEpoch,
    /// Why, in English.
    #[serde(rename = "r")]
    pub reason: String,
}

/// 07, device → server: the new lease is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseOk {
    /// Its counter.
    #[serde(rename = "n")]
    pub counter: u64,
}

/// 08, server → device: this connection will end; come back in the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoAway {
    /// Earliest, in milliseconds from now.
    #[serde(rename = "n")]
    pub after_min_ms: u32,
    /// Latest, in milliseconds from now.
    #[serde(rename = "x")]
    pub after_max_ms: u32,
    /// Why, in English.
    #[serde(rename = "r")]
    pub reason: String,
    /// Another address of the company, where there is one.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub other_url: Option<String>,
}

/// 09, both ways: a clean end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bye {
    /// Why, in English.
    #[serde(rename = "r")]
    pub reason: String,
}

/// A fault of the wire. The numbers are those of SYNC 2.12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultCode(pub u16);

impl FaultCode {
    /// A frame in the wrong place, or of an unknown number.
    pub const PROTOCOL: Self = Self(1000);
    /// The checksum does not match.
    pub const CHECKSUM: Self = Self(1001);
    /// The body cannot be decoded.
    pub const DECODE: Self = Self(1002);
    /// Larger than the limit.
    pub const TOO_LARGE: Self = Self(1003);
    /// No framing in common.
    pub const VERSION: Self = Self(1010);
    /// Too much at once; come back later.
    pub const BUSY: Self = Self(1020);
    /// More than this device may send.
    pub const RATE: Self = Self(1021);
    /// The signature does not match.
    pub const AUTH: Self = Self(1100);
    /// The device is not enrolled here.
    pub const UNKNOWN_DEVICE: Self = Self(1102);
    /// The device may upload and nothing else.
    pub const SUSPENDED: Self = Self(1103);
    /// The device may do nothing any more.
    pub const REVOKED: Self = Self(1104);
    /// The enrolment code is wrong, used, or too old.
    pub const ENROLMENT: Self = Self(1105);
    /// An operation is missing before the first of a PUSH.
    pub const GAP: Self = Self(1200);
    /// Same number, other content.
    pub const FORK: Self = Self(1201);
    /// An operation is larger than the announced limits.
    pub const LIMIT_OPERATION: Self = Self(1213);
    /// The cursor is older than the feed.
    pub const CURSOR_TOO_OLD: Self = Self(1300);
    /// The snapshot is gone.
    pub const SNAPSHOT_GONE: Self = Self(1302);
    /// Device → server: a feed record could not be applied.
    pub const APPLY: Self = Self(1400);
    /// The server cannot take it now; nothing is lost, try again.
    pub const STORAGE: Self = Self(1500);
    /// A fault of the server.
    pub const INTERNAL: Self = Self(1900);
}

/// 0A, both ways: a fault of the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Which.
    #[serde(rename = "c")]
    pub code: FaultCode,
    /// Whether the same may work later.
    #[serde(rename = "t")]
    pub retryable: bool,
    /// Milliseconds to wait, where it is known.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u32>,
    /// What to do, in English.
    #[serde(rename = "m")]
    pub detail: String,
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

/// 30, device → server: the cursor, or nothing for a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscribe {
    /// Continue after this decision; none: send a snapshot.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Lsn>,
}

/// 31, server → device: a snapshot follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapBegin {
    /// Its number; the same for all devices of a scope.
    #[serde(rename = "s")]
    pub snapshot: u64,
    /// The cut it shows.
    #[serde(rename = "l")]
    pub lsn: Lsn,
    /// Its rows.
    #[serde(rename = "r")]
    pub rows: u64,
    /// Its chunks.
    #[serde(rename = "n")]
    pub chunks: u32,
    /// After this many chunks the device can work ("scan-ready").
    #[serde(rename = "y")]
    pub ready_chunks: u32,
    /// Version of the scope.
    #[serde(rename = "sv")]
    pub scope_version: u64,
    /// For each incarnation of this device, the last operation that was judged at or before the
    /// cut: its effect and those of all before it are in the rows, so they leave the view with
    /// them. The present incarnation is always named, with 0 where nothing of it was judged.
    #[serde(rename = "j", default, skip_serializing_if = "Vec::is_empty")]
    pub judged: Vec<(Incarnation, Seq)>,
}

/// 32, server → device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapChunk {
    /// The snapshot.
    #[serde(rename = "s")]
    pub snapshot: u64,
    /// Number of the chunk, from 0.
    #[serde(rename = "i")]
    pub index: u32,
    /// Its rows; none is a deletion.
    #[serde(rename = "r")]
    pub rows: Vec<crate::feed::FeedRecord>,
}

/// 33, device → server: go on with this chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapResume {
    /// The snapshot.
    #[serde(rename = "s")]
    pub snapshot: u64,
    /// The next chunk that is wanted.
    #[serde(rename = "i")]
    pub next_index: u32,
}

/// 34, server → device: that was all; rows of the replica that were not sent are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapEnd {
    /// The snapshot.
    #[serde(rename = "s")]
    pub snapshot: u64,
    /// The cut it shows.
    #[serde(rename = "l")]
    pub lsn: Lsn,
}

/// 35, server → device: what was decided after `from`, up to and with `to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    /// The cursor that this continues.
    #[serde(rename = "f")]
    pub from: Lsn,
    /// The cursor after it; there may be no group for it.
    #[serde(rename = "t")]
    pub to: Lsn,
    /// The groups that this device may see, in order.
    #[serde(rename = "g", default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<FeedGroup>,
}

/// 36, device → server: applied. For flow control; the cursor of HELLO is the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeltaAck {
    /// Last decision applied.
    #[serde(rename = "l")]
    pub applied: Lsn,
}

/// 40, device → server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// t1: monotonic microseconds when this was sent.
    #[serde(rename = "t1")]
    pub sent_us: u64,
    /// The boot of that clock.
    #[serde(rename = "b")]
    pub boot: Boot,
    /// Last decision applied.
    #[serde(rename = "l")]
    pub applied: Lsn,
    /// Operations in the recorder without an acknowledgement.
    #[serde(rename = "pe")]
    pub pending: u64,
    /// Monotonic microseconds of the oldest of them, when it is of this boot.
    #[serde(rename = "op", default, skip_serializing_if = "Option::is_none")]
    pub oldest_pending_us: Option<u64>,
    /// Battery in percent.
    #[serde(rename = "ba", default, skip_serializing_if = "Option::is_none")]
    pub battery: Option<u8>,
    /// Who is signed in.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<OperatorId>,
    /// A completed sample that the server has not seen yet.
    #[serde(rename = "cs", default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<crate::evidence::ClockSample>,
    /// How its storage is; none: nothing is wrong with it and never was.
    #[serde(rename = "st", default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<crate::health::StorageReport>,
}

/// 41, server → device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatAck {
    /// t1 as it was received.
    #[serde(rename = "t1")]
    pub sent_us: u64,
    /// t2.
    #[serde(rename = "t2")]
    pub server_received: ServerTime,
    /// t3.
    #[serde(rename = "t3")]
    pub server_sent: ServerTime,
    /// The last decision.
    #[serde(rename = "lh")]
    pub head: Lsn,
    /// As in ACK.
    #[serde(rename = "a")]
    pub accepted_seq: Seq,
    /// As in ACK.
    #[serde(rename = "sf")]
    pub safe_seq: Seq,
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

macro_rules! frames {
    ($($(#[$doc:meta])* $variant:ident($inner:ty) = $number:literal, $name:literal;)*) => {
        /// A frame, either way.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Frame {
            $($(#[$doc])* $variant($inner),)*
        }

        impl Frame {
            /// The number of this frame's type: byte 0 of the header.
            pub const fn number(&self) -> u8 {
                match self { $(Self::$variant(_) => $number,)* }
            }

            /// The name of this frame's type in the wire document.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)* }
            }

            /// Numbers and names of all frame types of this build.
            pub const ALL: &'static [(u8, &'static str)] = &[$(($number, $name)),*];

            pub(crate) fn encode_body(&self) -> Result<Vec<u8>, rmp_serde::encode::Error> {
                match self { $(Self::$variant(body) => rmp_serde::to_vec_named(body),)* }
            }

            pub(crate) fn decode_body(
                number: u8,
                body: &[u8],
            ) -> Option<Result<Self, rmp_serde::decode::Error>> {
                match number {
                    $($number => Some(rmp_serde::from_slice(body).map(Self::$variant)),)*
                    _ => None,
                }
            }
        }
    };
}

frames! {
    /// See [`Hello`].
    Hello(Hello) = 0x01, "HELLO";
    /// See [`Challenge`].
    Challenge(Challenge) = 0x02, "CHALLENGE";
    /// See [`Auth`].
    Auth(Auth) = 0x03, "AUTH";
    /// See [`Welcome`].
    Welcome(Welcome) = 0x04, "WELCOME";
    /// See [`Retry`].
    Retry(Retry) = 0x05, "RETRY";
    /// See [`StaleStore`].
    StaleStore(StaleStore) = 0x06, "STALE_STORE";
    /// See [`LeaseOk`].
    LeaseOk(LeaseOk) = 0x07, "LEASE_OK";
    /// See [`GoAway`].
    GoAway(GoAway) = 0x08, "GOAWAY";
    /// See [`Bye`].
    Bye(Bye) = 0x09, "BYE";
    /// See [`Fault`].
    Fault(Fault) = 0x0A, "ERROR";
    /// See [`order::Witness`].
    Witness(order::Witness) = 0x0B, "WITNESS";
    /// See [`Enrol`].
    Enrol(Enrol) = 0x10, "ENROL";
    /// See [`EnrolOk`].
    EnrolOk(EnrolOk) = 0x11, "ENROL_OK";
    /// See [`Notice`].
    Notice(Notice) = 0x15, "NOTICE";
    /// See [`order::RotateKey`].
    RotateKey(order::RotateKey) = 0x16, "ROTATE_KEY";
    /// See [`order::KeyOk`].
    KeyOk(order::KeyOk) = 0x17, "KEY_OK";
    /// See [`order::ServerKey`].
    ServerKey(order::ServerKey) = 0x18, "SERVER_KEY";
    /// See [`Push`].
    Push(Push) = 0x20, "PUSH";
    /// See [`Ack`].
    Ack(Ack) = 0x21, "ACK";
    /// See [`Nack`].
    Nack(Nack) = 0x22, "NACK";
    /// See [`BlobPut`](beside::BlobPut).
    BlobPut(beside::BlobPut) = 0x23, "BLOB_PUT";
    /// See [`BlobAck`](beside::BlobAck).
    BlobAck(beside::BlobAck) = 0x24, "BLOB_ACK";
    /// See [`Subscribe`].
    Subscribe(Subscribe) = 0x30, "SUBSCRIBE";
    /// See [`SnapBegin`].
    SnapBegin(SnapBegin) = 0x31, "SNAP_BEGIN";
    /// See [`SnapChunk`].
    SnapChunk(SnapChunk) = 0x32, "SNAP_CHUNK";
    /// See [`SnapResume`].
    SnapResume(SnapResume) = 0x33, "SNAP_RESUME";
    /// See [`SnapEnd`].
    SnapEnd(SnapEnd) = 0x34, "SNAP_END";
    /// See [`Delta`].
    Delta(Delta) = 0x35, "DELTA";
    /// See [`DeltaAck`].
    DeltaAck(DeltaAck) = 0x36, "DELTA_ACK";
    /// See [`Digest`](check::Digest).
    Digest(check::Digest) = 0x37, "DIGEST";
    /// See [`RepairRequest`](check::RepairRequest).
    RepairRequest(check::RepairRequest) = 0x38, "REPAIR_REQ";
    /// See [`Repair`](check::Repair).
    Repair(check::Repair) = 0x39, "REPAIR";
    /// See [`Query`](beside::Query).
    Query(beside::Query) = 0x3B, "QUERY";
    /// See [`Answer`](beside::Answer).
    Answer(beside::Answer) = 0x3C, "RESULT";
    /// See [`Heartbeat`].
    Heartbeat(Heartbeat) = 0x40, "HB";
    /// See [`HeartbeatAck`].
    HeartbeatAck(HeartbeatAck) = 0x41, "HB_ACK";
    /// See [`order::Command`].
    Command(order::Command) = 0x42, "COMMAND";
    /// See [`order::CommandResult`].
    CommandResult(order::CommandResult) = 0x43, "CMD_RESULT";
}
