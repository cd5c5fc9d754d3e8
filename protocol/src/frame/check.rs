//! Whether a replica is what it should be: sums down, buckets up, rows down (see
//! [`digest`](crate::digest)). Used between two sides that both have
//! [`capability::DIGEST`](super::capability::DIGEST).

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::feed::FeedRecord;
use crate::identity::Lsn;

/// The sum of one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSum {
    /// The table.
    #[serde(rename = "t")]
    pub table: u8,
    /// The sum of its rows.
    #[serde(rename = "s")]
    pub sum: u64,
}

/// The sums of the buckets of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableBuckets {
    /// The table.
    #[serde(rename = "t")]
    pub table: u8,
    /// The sums of its 256 buckets, in order.
    #[serde(rename = "s")]
    pub sums: Vec<u64>,
}

/// 37, server → device: the sums of the rows of this device as of a decision. Tables that are not
/// named have no rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// The decision.
    #[serde(rename = "l")]
    pub lsn: Lsn,
    /// The sum of each table.
    #[serde(rename = "t")]
    pub tables: Vec<TableSum>,
}

/// 38, device → server: the answer to DIGEST. Without tables: everything agrees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairRequest {
    /// The decision that DIGEST named.
    #[serde(rename = "l")]
    pub lsn: Lsn,
    /// The tables that differ, with the sums of the device as of that decision.
    #[serde(rename = "t", default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<TableBuckets>,
    /// The device does not know its sums as of that decision: nothing was compared.
    #[serde(rename = "u", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_unknown: bool,
}

/// 39, server → device: all rows of some buckets. Those that are not named are gone. Stands in the
/// feed like a DELTA: applied with the cursor, whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// The cursor that this continues.
    #[serde(rename = "f")]
    pub from: Lsn,
    /// The decision that the rows are of: the cursor after it.
    #[serde(rename = "l")]
    pub lsn: Lsn,
    /// The table.
    #[serde(rename = "t")]
    pub table: u8,
    /// The buckets, one byte each.
    #[serde(rename = "b")]
    pub buckets: ByteBuf,
    /// Their rows.
    #[serde(rename = "r", default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<FeedRecord>,
}
