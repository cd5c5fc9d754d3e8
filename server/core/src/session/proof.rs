//! Signatures of devices: Ed25519 and P-256.

use protocol::frame::KeyAlgorithm;

/// Whether `signature` over `message` was made with the key whose public half is `public_key`.
/// A key or signature that cannot be read proves nothing.
pub fn is_signed(
    algorithm: KeyAlgorithm,
    public_key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> bool {
    match algorithm {
        KeyAlgorithm::Ed25519 => ed25519(public_key, message, signature).is_some(),
        KeyAlgorithm::P256 => p256(public_key, message, signature).is_some(),
    }
}

fn ed25519(public_key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = ed25519_dalek::VerifyingKey::from_bytes(public_key.try_into().ok()?).ok()?;
    let signature = ed25519_dalek::Signature::from_slice(signature).ok()?;
    key.verify_strict(message, &signature).ok()
}

fn p256(public_key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    use p256::ecdsa::signature::Verifier as _;
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(public_key).ok()?;
    let signature = p256::ecdsa::Signature::from_slice(signature).ok()?;
    key.verify(message, &signature).ok()
}

/// What ENROL signs: `"tallyman hsp.1 enrol" ‖ 0 ‖ code`.
pub fn enrol_message(code: &[u8]) -> Vec<u8> {
    let mut message = b"tallyman hsp.1 enrol\0".to_vec();
    message.extend_from_slice(code);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_keys_prove_who_signs() {
        use ed25519_dalek::Signer as _;
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let public = key.verifying_key().to_bytes();
        let signature = key.sign(b"so be it").to_bytes();
        assert!(is_signed(KeyAlgorithm::Ed25519, &public, b"so be it", &signature));
        assert!(!is_signed(KeyAlgorithm::Ed25519, &public, b"so be its", &signature));
        assert!(!is_signed(KeyAlgorithm::P256, &public, b"so be it", &signature));

        let key = p256::ecdsa::SigningKey::from_slice(&[9; 32]).unwrap();
        let public = key.verifying_key().to_sec1_point(true);
        let signature: p256::ecdsa::Signature = key.sign(b"so be it");
        let signature = signature.to_bytes();
        assert!(is_signed(KeyAlgorithm::P256, public.as_bytes(), b"so be it", &signature));
        assert!(!is_signed(KeyAlgorithm::P256, public.as_bytes(), b"no", &signature));
        assert!(!is_signed(KeyAlgorithm::P256, b"", b"so be it", &signature));
    }
}
