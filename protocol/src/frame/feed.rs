//! The way down, 30 to 36: snapshots and deltas.

use serde::{Deserialize, Serialize};

use crate::feed::FeedGroup;
use crate::identity::{Incarnation, Lsn, Seq};

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
