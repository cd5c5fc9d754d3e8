//! Leases: a counter with a proof. An old one betrays an old copy of a device's store; a newer one
//! than is known here betrays an old copy of the server (SYNC 2.7).

use protocol::frame::Lease;
use protocol::identity::{DeviceId, Incarnation};
use serde_bytes::ByteBuf;
use sha2::{Digest as _, Sha256};

use crate::schema::LeaseRow;

const BLOCK_BYTES: usize = 64;
const PROOF_BYTES: usize = 16;

/// What a shown lease says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// The one that was seen last, or the one that was offered after it.
    Current,
    /// Older: somebody runs an old copy of the store.
    Old,
    /// Newer than any that is known here: this server is an old copy.
    Newer,
    /// Not given by this server.
    Forged,
}

/// The secret that leases are proved with.
#[derive(Clone)]
pub struct LeaseSecret([u8; 32]);

impl std::fmt::Debug for LeaseSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LeaseSecret")
    }
}

impl LeaseSecret {
    /// Takes 32 random bytes that the server keeps as long as its store.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The lease with `counter` of one incarnation of a device.
    pub fn lease(&self, device: DeviceId, incarnation: Incarnation, counter: u64) -> Lease {
        let mut text = b"tallyman lease\0".to_vec();
        text.extend_from_slice(&device.0.to_le_bytes());
        text.extend_from_slice(&incarnation.0.to_le_bytes());
        text.extend_from_slice(&counter.to_le_bytes());
        let mut proof = self.authenticate(&text).to_vec();
        proof.truncate(PROOF_BYTES);
        Lease { counter, proof: ByteBuf::from(proof) }
    }

    /// What `lease` says, given what is known of its incarnation.
    ///
    /// An incarnation that has no row yet was offered its first lease, number 1.
    pub fn judge(
        &self,
        (device, incarnation): (DeviceId, Incarnation),
        known: Option<LeaseRow>,
        lease: &Lease,
    ) -> Shown {
        if !same(&self.lease(device, incarnation, lease.counter).proof, &lease.proof) {
            return Shown::Forged;
        }
        let known = known.unwrap_or(LeaseRow { seen: 0, offered: Some(1) });
        if lease.counter == known.seen || Some(lease.counter) == known.offered {
            Shown::Current
        } else if lease.counter < known.seen {
            Shown::Old
        } else {
            Shown::Newer
        }
    }

    /// HMAC-SHA-256 (RFC 2104).
    fn authenticate(&self, text: &[u8]) -> [u8; 32] {
        let padded = |pad: u8| {
            let key = self.0.iter().copied().chain(std::iter::repeat(0));
            key.take(BLOCK_BYTES).map(|byte| byte ^ pad).collect::<Vec<u8>>()
        };
        let inner = Sha256::new().chain_update(padded(0x36)).chain_update(text).finalize();
        Sha256::new().chain_update(padded(0x5C)).chain_update(inner).finalize().into()
    }
}

/// Compares without telling by its time where the difference lies.
fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).fold(0, |found, (left, right)| found | (left ^ right)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: (DeviceId, Incarnation) = (DeviceId(7), Incarnation(1));

    #[test]
    fn the_proof_is_the_published_hmac() {
        // RFC 4231, test case 2, with its short key padded to 32 bytes by zeros, as HMAC does.
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let mac = LeaseSecret::new(key).authenticate(b"what do ya want for nothing?");
        assert_eq!(mac[..4], [0x5b, 0xdc, 0xc1, 0x46]);
        assert_eq!(mac[28..], [0x64, 0xec, 0x38, 0x43]);
    }

    #[test]
    fn a_lost_welcome_does_not_look_like_a_clone() {
        let secret = LeaseSecret::new([1; 32]);
        let known = Some(LeaseRow { seen: 4, offered: Some(5) });
        let shown = |counter| secret.judge(OF, known, &secret.lease(OF.0, OF.1, counter));
        assert_eq!(shown(4), Shown::Current, "the offer never arrived");
        assert_eq!(shown(5), Shown::Current, "the offer arrived");
        assert_eq!(shown(3), Shown::Old, "an old copy of the store");
        assert_eq!(shown(6), Shown::Newer, "the server is the old copy");
    }

    #[test]
    fn a_lease_of_another_incarnation_proves_nothing() {
        let secret = LeaseSecret::new([1; 32]);
        let other = secret.lease(OF.0, Incarnation(2), 1);
        assert_eq!(secret.judge(OF, None, &other), Shown::Forged);
        let forged = Lease { counter: 1, proof: ByteBuf::from(vec![0; PROOF_BYTES]) };
        assert_eq!(secret.judge(OF, None, &forged), Shown::Forged);
        assert_eq!(secret.judge(OF, None, &secret.lease(OF.0, OF.1, 1)), Shown::Current);
    }
}
