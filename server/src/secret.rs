//! Random numbers, tokens and hashes.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};

/// A secret of the set-up, which shows itself to nobody who prints what holds it.
#[derive(Clone, PartialEq, Eq)]
pub struct Masked(String);

impl Masked {
    /// Hides `text`.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Masked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// `N` random bytes from the operating system.
///
/// # Panics
///
/// When the operating system has no randomness to give: nothing here may go on without.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A random number.
pub fn random_u64() -> u64 {
    u64::from_le_bytes(random())
}

/// A fresh token of 256 random bits, as text for cookies and links.
pub fn token() -> String {
    BASE64URL_NOPAD.encode(&random::<32>())
}

/// The SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}

/// `bytes` in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// The `N` bytes that `text` is in hexadecimal, in either case.
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// Whether two secrets are equal, in a time that does not tell where they differ.
pub fn same(left: &[u8], right: &[u8]) -> bool {
    // Hashes of equal length are compared: their bytes tell nothing of the secrets.
    sha256(left) == sha256(right)
}
