//! Orders of the server to one device, signed by the server's own key: whoever only holds a
//! connection can neither wipe a device nor make it change its key. And what a device sends of
//! itself beside its work: a new key, and how far it saw the intake log go.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::KeyAlgorithm;
use crate::identity::{DeviceId, Hash16, IntakeNo, ServerEpoch, ServerTime};

/// What a device is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Record nothing more, upload everything, and delete everything once the server says that it
    /// is safe.
    DrainThenWipe,
    /// Delete everything at once, what was not uploaded too: the device was stolen.
    WipeNow,
    /// Make a new key and have it taken by ROTATE_KEY.
    RotateKey,
    /// An order of a later release: answered as not done.
    #[serde(other)]
    Later,
}

impl Order {
    /// The word on the wire, which is signed.
    pub const fn word(self) -> &'static str {
        match self {
            Self::DrainThenWipe => "drain_then_wipe",
            Self::WipeNow => "wipe_now",
            Self::RotateKey => "rotate_key",
            Self::Later => "later",
        }
    }
}

/// 0B, device → server, after WELCOME: how far this device saw the intake log go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    /// The generation of the server that said so.
    #[serde(rename = "ep")]
    pub epoch: ServerEpoch,
    /// The last intake record that was named to it.
    #[serde(rename = "n")]
    pub chain_no: IntakeNo,
    /// Its hash.
    #[serde(rename = "h")]
    pub chain_head: Hash16,
}

/// 16, device → server: take this key from here on. The server takes the old one for 30 days more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotateKey {
    /// The kind of the new key.
    #[serde(rename = "g")]
    pub algorithm: KeyAlgorithm,
    /// Its public half.
    #[serde(rename = "k")]
    pub public_key: ByteBuf,
    /// Signature of the present key over [`rotation_message`].
    #[serde(rename = "s")]
    pub by_present: ByteBuf,
    /// Signature of the new key over [`rotation_message`].
    #[serde(rename = "n")]
    pub by_new: ByteBuf,
}

/// 17, server → device: this is your key now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyOk {
    /// Its public half.
    #[serde(rename = "k")]
    pub public_key: ByteBuf,
}

/// 18, server → device, after WELCOME: the key that orders are signed with, Ed25519. A device
/// keeps the first one that it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerKey {
    /// Its public half.
    #[serde(rename = "k")]
    pub public_key: ByteBuf,
}

/// 42, server → device: do this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Its number; the same until it is done.
    #[serde(rename = "i")]
    pub id: u64,
    /// Not to be done after this instant.
    #[serde(rename = "x")]
    pub expires: ServerTime,
    /// What.
    #[serde(rename = "o")]
    pub order: Order,
    /// Signature of the server's key over [`order_message`].
    #[serde(rename = "s")]
    pub signature: ByteBuf,
}

/// 43, device → server: done, or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandResult {
    /// The order.
    #[serde(rename = "i")]
    pub id: u64,
    /// Whether it was done; a wipe is done right after this is sent.
    #[serde(rename = "d")]
    pub done: bool,
    /// Operations that go with it and were never uploaded.
    #[serde(rename = "p", default)]
    pub pending: u64,
    /// Why not, in English.
    #[serde(rename = "m", default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// What ROTATE_KEY signs twice: `"tallyman hsp.1 rotate" ‖ 0 ‖ device as u32 ‖ new public key`, the
/// number little endian.
pub fn rotation_message(device: DeviceId, public_key: &[u8]) -> Vec<u8> {
    let mut message = b"tallyman hsp.1 rotate\0".to_vec();
    message.extend_from_slice(&device.0.to_le_bytes());
    message.extend_from_slice(public_key);
    message
}

/// What COMMAND signs: `"tallyman hsp.1 command" ‖ 0 ‖ device as u32 ‖ number as u64 ‖ expiry as i64
/// ‖ the word of the order`, numbers little endian.
pub fn order_message(device: DeviceId, id: u64, expires: ServerTime, order: Order) -> Vec<u8> {
    let mut message = b"tallyman hsp.1 command\0".to_vec();
    message.extend_from_slice(&device.0.to_le_bytes());
    message.extend_from_slice(&id.to_le_bytes());
    message.extend_from_slice(&expires.0.to_le_bytes());
    message.extend_from_slice(order.word().as_bytes());
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_of_a_later_release_is_read_as_such() {
        let later: Order = rmp_serde::from_slice(&rmp_serde::to_vec("explode").unwrap()).unwrap();
        assert_eq!(later, Order::Later);
        for order in [Order::DrainThenWipe, Order::WipeNow, Order::RotateKey] {
            let read: Order = rmp_serde::from_slice(&rmp_serde::to_vec(&order).unwrap()).unwrap();
            assert_eq!(read, order);
            let word: String = rmp_serde::from_slice(&rmp_serde::to_vec(&order).unwrap()).unwrap();
            assert_eq!(word, order.word(), "what is signed is what is sent");
        }
    }

    #[test]
    fn a_signed_text_names_device_number_expiry_and_order() {
        let message =
            |device, id, at, order| order_message(DeviceId(device), id, ServerTime(at), order);
        let one = message(1, 2, 3, Order::WipeNow);
        for other in [
            message(2, 2, 3, Order::WipeNow),
            message(1, 3, 3, Order::WipeNow),
            message(1, 2, 4, Order::WipeNow),
            message(1, 2, 3, Order::DrainThenWipe),
        ] {
            assert_ne!(one, other);
        }
    }
}
