//! Who said what, and in which order: numbers that never come from a clock.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident($inner:ty);)*) => {$(
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The number after this one; the largest one is its own successor.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    )*};
}

numbers! {
    /// A device, as the server numbers them. 0 stands for the server itself (desk, import, system).
    DeviceId(u32);
    /// Generation of a device's store. Starts at 1.
    Incarnation(u32);
    /// Number of an operation within one incarnation of a device. Contiguous, starts at 1.
    Seq(u64);
    /// Number of a boot of a device within its incarnation. Starts at 1.
    Boot(u32);
    /// Order of acceptance by the server. Contiguous within a company, starts at 1.
    IntakeNo(u64);
    /// Order of decisions of a company. Strictly increasing, starts at 1; 0 is "before everything".
    Lsn(u64);
    /// Generation of a restored server. Starts at 1.
    ServerEpoch(u32);
    /// Number of a parked case.
    CaseId(u64);
    /// Number of a task.
    TaskId(u64);
    /// Number of a hold.
    HoldId(u64);
}

/// The identity of an operation. Ordered by device, incarnation, sequence.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct OperationId {
    /// The device that recorded it; 0 for operations of the server (desk, import, system), whose
    /// sequence is their [`IntakeNo`].
    #[serde(rename = "d")]
    pub device: DeviceId,
    /// The incarnation it was first recorded in.
    #[serde(rename = "i")]
    pub incarnation: Incarnation,
    /// Its number in that incarnation.
    #[serde(rename = "s")]
    pub seq: Seq,
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.device, self.incarnation, self.seq)
    }
}

/// An instant in server time: microseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ServerTime(pub i64);

impl ServerTime {
    /// This instant moved by `us` microseconds, stopping at the ends of the range.
    #[must_use]
    pub const fn plus_us(self, us: i64) -> Self {
        Self(self.0.saturating_add(us))
    }

    /// Microseconds from `earlier` to this instant; negative when this instant is the earlier one.
    pub const fn us_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The same instant as a UTC date and time, or none outside chrono's range.
    pub fn utc(self) -> Option<chrono::DateTime<chrono::Utc>> {
        chrono::DateTime::from_timestamp_micros(self.0)
    }
}

/// The first 16 bytes of a SHA-256: a link of a hash chain.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hash16(pub [u8; 16]);

impl fmt::Debug for Hash16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Hash16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Hash16 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Hash16 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = serde_bytes::ByteBuf::deserialize(deserializer)?;
        let bytes: &[u8] = &bytes;
        <[u8; 16]>::try_from(bytes)
            .map(Self)
            .map_err(|_length| serde::de::Error::invalid_length(bytes.len(), &"16 bytes"))
    }
}

/// The link after `previous` in the chain of a device's operations:
/// the first 16 bytes of `SHA-256(previous ‖ seq as u64 little endian ‖ content)`.
///
/// The chain of an incarnation starts with 16 zero bytes before sequence 1. The recorder and the
/// server compute the same links, so that "same number, other content" is noticed.
pub fn operation_hash(previous: Hash16, seq: Seq, content: &[u8]) -> Hash16 {
    chained(&[&previous.0, &seq.0.to_le_bytes(), content])
}

/// The first 16 bytes of the SHA-256 of `parts`, one after the other.
pub fn chained(parts: &[&[u8]]) -> Hash16 {
    use sha2::Digest as _;
    let mut hasher = sha2::Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    let digest = hasher.finalize();
    let mut link = [0_u8; 16];
    for (to, from) in link.iter_mut().zip(digest.iter()) {
        *to = *from;
    }
    Hash16(link)
}
