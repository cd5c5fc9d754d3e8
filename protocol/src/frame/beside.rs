//! What travels beside the queue and never delays it: photos and signatures
//! ([`capability::BLOBS`](super::capability::BLOBS)), and questions that only the server can answer
//! ([`capability::QUERY`](super::capability::QUERY)).

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::feed::IdentifierMeaning;
use crate::quantity::Quantity;
use crate::words::{ItemNo, LocationCode, SiteCode, VariantCode};

/// Bytes of one chunk of a photo.
pub const BLOB_CHUNK_BYTES_MAX: usize = 64 << 10;
/// Bytes of a whole photo.
pub const BLOB_BYTES_MAX: u32 = 4 << 20;

/// 23, device → server: a part of a photo or a signature. At most one is on its way, and only while
/// no operation waits. Without bytes it asks how much the server has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobPut {
    /// SHA-256 of the whole.
    #[serde(rename = "h")]
    pub hash: ByteBuf,
    /// Length of the whole in bytes, at most [`BLOB_BYTES_MAX`].
    #[serde(rename = "n")]
    pub length: u32,
    /// Where this part begins: where the last BLOB_ACK said.
    #[serde(rename = "o")]
    pub offset: u32,
    /// The part, at most [`BLOB_CHUNK_BYTES_MAX`].
    #[serde(rename = "b")]
    pub bytes: ByteBuf,
}

/// How the server stands with a photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlobState {
    /// It wants the rest.
    Wanted,
    /// It has all of it, on its disk, and the hash is right. The device keeps it until it is safe.
    Complete,
    /// It has all of it, and a proved backup has it, too: the device may delete it.
    Safe,
    /// No operation that it has judged names this photo: ask again later.
    Unknown,
    /// It will never take it: too long, or not what the hash says. What it had of it is deleted.
    Refused,
}

/// 24, server → device: how much of a photo is on the server's disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobAck {
    /// SHA-256 of the whole.
    #[serde(rename = "h")]
    pub hash: ByteBuf,
    /// Bytes that are durable: where the next part begins.
    #[serde(rename = "o")]
    pub offset: u32,
    /// How it stands.
    #[serde(rename = "s")]
    pub state: BlobState,
}

/// 3B, device → server: a question that the replica cannot answer. Recording never waits for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// Names the question in its answer.
    #[serde(rename = "q")]
    pub id: u32,
    /// Milliseconds after which nobody waits for the answer any more.
    #[serde(rename = "w")]
    pub deadline_ms: u32,
    /// Where else does this item lie?
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemNo>,
    /// What does this barcode mean?
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// What lies at a location of another site, all bins together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElsewhereRow {
    /// The site.
    #[serde(rename = "s")]
    pub site: SiteCode,
    /// The location.
    #[serde(rename = "l")]
    pub location: LocationCode,
    /// The variant.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<VariantCode>,
    /// On hand, in base units. None where that site shows no quantities.
    #[serde(rename = "q", default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Quantity>,
}

/// 3C, server → device: the answer, as of the last decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The question.
    #[serde(rename = "q")]
    pub id: u32,
    /// Stock of other sites.
    #[serde(rename = "e", default, skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<ElsewhereRow>,
    /// What the barcode means.
    #[serde(rename = "m", default, skip_serializing_if = "Vec::is_empty")]
    pub meanings: Vec<IdentifierMeaning>,
    /// There was more than one answer holds.
    #[serde(rename = "x", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_cut: bool,
}
