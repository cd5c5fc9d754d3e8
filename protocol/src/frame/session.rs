//! Session frames, 01 to 09: who is there, prove it, you are in, come back later.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::Limits;
use crate::evidence::BootEvidence;
use crate::identity::{
    Boot, DeviceId, Hash16, Incarnation, IntakeNo, Lsn, Seq, ServerEpoch, ServerTime,
};
use crate::words::SiteCode;

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
