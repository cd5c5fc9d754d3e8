//! Heartbeats, 40 and 41, which carry clock samples.

use serde::{Deserialize, Serialize};

use crate::identity::{Boot, Lsn, Seq, ServerTime};
use crate::words::OperatorId;

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
