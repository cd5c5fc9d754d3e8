//! What is wrong with a frame or its sender, 0A.

use serde::{Deserialize, Serialize};

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
