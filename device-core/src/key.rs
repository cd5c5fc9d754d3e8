//! The key of the device: made here, kept here, never sent.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use ed25519_dalek::{Signer as _, SigningKey};
use protocol::frame::KeyAlgorithm;

/// An Ed25519 key pair. `Debug` hides it.
#[derive(Clone)]
pub struct DeviceKey(SigningKey);

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceKey")
    }
}

/// Bytes of the secret half.
const SECRET_BYTES: usize = 32;

impl DeviceKey {
    /// The key with this secret half: 32 bytes of good randomness.
    pub fn from_secret(secret: [u8; SECRET_BYTES]) -> Self {
        Self(SigningKey::from_bytes(&secret))
    }

    /// Reads the key in `path`, or makes one and keeps it there, for this user only.
    ///
    /// # Errors
    ///
    /// What the file system or the source of randomness says; [`io::ErrorKind::InvalidData`] when
    /// the file does not hold a key. Such a file is left as it is.
    pub fn open(path: &Path) -> io::Result<Self> {
        match File::open(path) {
            Ok(mut file) => {
                let mut secret = Vec::new();
                file.read_to_end(&mut secret)?;
                let secret = secret.try_into().map_err(|_length| io::ErrorKind::InvalidData)?;
                Ok(Self::from_secret(secret))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::make(path),
            Err(error) => Err(error),
        }
    }

    fn make(path: &Path) -> io::Result<Self> {
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret).map_err(io::Error::other)?;
        let new = path.with_extension("new");
        let mut file = private(&new)?;
        file.write_all(&secret)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
            && !cfg!(windows)
        {
            File::open(folder)?.sync_all()?;
        }
        Ok(Self::from_secret(secret))
    }

    /// The kind of key.
    pub const fn algorithm(&self) -> KeyAlgorithm {
        KeyAlgorithm::Ed25519
    }

    /// The half that the server gets.
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// Signs `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// A new file that only this user may read.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_only_its_user_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let made = DeviceKey::open(&path).unwrap();
        assert_eq!(DeviceKey::open(&path).unwrap().public(), made.public());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let other = DeviceKey::open(&folder.path().join("other")).unwrap();
        assert_ne!(other.public(), made.public());
    }

    #[test]
    fn a_damaged_key_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, b"short").unwrap();
        let error = DeviceKey::open(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(fs::read(&path).unwrap(), b"short");
    }

    #[test]
    fn a_signature_is_the_same_for_the_same_message() {
        let key = DeviceKey::from_secret([7; 32]);
        assert_eq!(key.sign(b"x"), key.sign(b"x"));
        assert_ne!(key.sign(b"x"), key.sign(b"y"));
    }
}
