//! The frames both ways, and the only codec.
//!
//! One WebSocket binary message is one frame: an eight-byte header and a MessagePack map with
//! short field names (see [`codec`]). Unknown field names are ignored. Optional fields may be
//! missing. Frame numbers are never used twice.
//!
//! Order of reading: this file, `session`, `upload`, `feed`, `liveness`, `enrol`, `fault`, [`order`],
//! then [`codec`] and [`push`] (the columns of PUSH).

pub mod beside;
pub mod check;
pub mod codec;
mod enrol;
mod fault;
mod feed;
mod liveness;
pub mod order;
pub mod push;
mod session;
pub mod shape;
mod upload;

#[cfg(test)]
mod golden;

use serde::{Deserialize, Serialize};

pub use enrol::{Enrol, EnrolOk, KeyAlgorithm, Notice};
pub use fault::{Fault, FaultCode};
pub use feed::{Delta, DeltaAck, SnapBegin, SnapChunk, SnapEnd, SnapResume, Subscribe};
pub use liveness::{Heartbeat, HeartbeatAck};
pub use session::{
    Auth, Bye, Challenge, GoAway, Hello, Lease, LeaseOk, Resume, Retry, StaleStore, Welcome,
    auth_digest,
};
pub use upload::{Ack, Nack, OriginOf, Push, PushColumns};

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
