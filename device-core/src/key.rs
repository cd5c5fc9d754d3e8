//! The key of the device: made here, kept here, never sent.

use std::fmt;
use std::io;

use ed25519_dalek::{Signer as _, SigningKey};
use protocol::frame::KeyAlgorithm;

use crate::recorder::read_all;
use crate::root::Root;

/// An Ed25519 key pair, and the one that is to take its place. `Debug` hides them.
#[derive(Clone)]
pub struct DeviceKey {
    present: SigningKey,
    next: Option<SigningKey>,
    /// Whether the two have changed places, to see which of them the server takes.
    is_swapped: bool,
}

impl PartialEq for DeviceKey {
    fn eq(&self, other: &Self) -> bool {
        (self.public(), self.next_public()) == (other.public(), other.next_public())
    }
}

impl Eq for DeviceKey {}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceKey")
    }
}

/// Bytes of the secret half.
const SECRET_BYTES: usize = 32;
const PRESENT: &str = "key";
const NEXT: &str = "key.next";
const NEW: &str = "key.new";

impl DeviceKey {
    /// The key with this secret half: 32 bytes of good randomness.
    pub fn from_secret(secret: [u8; SECRET_BYTES]) -> Self {
        Self { present: SigningKey::from_bytes(&secret), next: None, is_swapped: false }
    }

    /// Reads the key of the device in `root`, or makes one and keeps it there.
    ///
    /// # Errors
    ///
    /// What the file system or the source of randomness says; [`io::ErrorKind::InvalidData`] when
    /// the file does not hold a key. Such a file is left as it is.
    pub fn open(root: &dyn Root) -> io::Result<Self> {
        let mut key = match Self::read(root, PRESENT)? {
            Some(key) => key,
            None => Self::make(root, PRESENT)?,
        };
        key.next = Self::read(root, NEXT)?.map(|next| next.present);
        Ok(key)
    }

    /// Makes the key that is to take the place of the present one, or reads the one that waits.
    ///
    /// # Errors
    ///
    /// As [`DeviceKey::open`].
    pub fn open_next(root: &dyn Root) -> io::Result<Self> {
        match Self::read(root, NEXT)? {
            Some(key) => Ok(key),
            None => Self::make(root, NEXT),
        }
    }

    /// Puts the next key in the place of the present one, for good.
    ///
    /// # Errors
    ///
    /// What the file system says: both keys are still there.
    pub fn keep_next(root: &dyn Root) -> io::Result<()> {
        root.rename(NEXT, PRESENT)?;
        root.sync_folder()
    }

    fn read(root: &dyn Root, name: &str) -> io::Result<Option<Self>> {
        match read_all(root, name) {
            Ok(secret) => {
                let secret = secret.try_into().map_err(|_length| io::ErrorKind::InvalidData)?;
                Ok(Some(Self::from_secret(secret)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn make(root: &dyn Root, name: &str) -> io::Result<Self> {
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret).map_err(io::Error::other)?;
        let mut file = root.create(NEW)?;
        file.write_at(0, &secret)?;
        file.sync_data()?;
        root.rename(NEW, name)?;
        root.sync_folder()?;
        Ok(Self::from_secret(secret))
    }

    /// Whether another key waits to take its place.
    pub const fn has_next(&self) -> bool {
        self.next.is_some()
    }

    /// The public half of the key that waits.
    pub fn next_public(&self) -> Option<[u8; 32]> {
        self.next.as_ref().map(|next| next.verifying_key().to_bytes())
    }

    /// Signs `message` with the key that waits.
    pub fn sign_by_next(&self, message: &[u8]) -> Option<[u8; 64]> {
        self.next.as_ref().map(|next| next.sign(message).to_bytes())
    }

    /// `next` waits to take its place.
    pub fn prepare(&mut self, next: &Self) {
        self.next = Some(next.present.clone());
    }

    /// The key that waits takes its place.
    pub fn take_next(&mut self) {
        if let Some(next) = self.next.take() {
            self.present = next;
        }
    }

    /// Signs with the other one from here on, where there are two: the server did not take this.
    pub fn swap(&mut self) {
        if let Some(next) = &mut self.next {
            std::mem::swap(next, &mut self.present);
            self.is_swapped = !self.is_swapped;
        }
    }

    /// The server has taken a signature: where that was the next key's, the old one is done with.
    /// Says so.
    pub fn is_taken(&mut self) -> bool {
        let was_next = std::mem::take(&mut self.is_swapped);
        if was_next {
            self.next = None;
        }
        was_next
    }

    /// The kind of key.
    pub const fn algorithm(&self) -> KeyAlgorithm {
        KeyAlgorithm::Ed25519
    }

    /// The half that the server gets.
    pub fn public(&self) -> [u8; 32] {
        self.present.verifying_key().to_bytes()
    }

    /// Signs `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.present.sign(message).to_bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::root::RootFolder;

    #[test]
    fn the_key_is_made_once_and_only_its_user_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let (path, root) = (folder.path().join("key"), RootFolder::at(folder.path()));
        let made = DeviceKey::open(&root).unwrap();
        assert_eq!(DeviceKey::open(&root).unwrap().public(), made.public());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let other = tempfile::tempdir().unwrap();
        let other = DeviceKey::open(&RootFolder::at(other.path())).unwrap();
        assert_ne!(other.public(), made.public());
    }

    #[test]
    fn a_next_key_waits_until_it_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let root = RootFolder::at(folder.path());
        let old = DeviceKey::open(&root).unwrap();
        let next = DeviceKey::open_next(&root).unwrap();
        assert_eq!(DeviceKey::open_next(&root).unwrap(), next, "it is made once");
        let mut both = DeviceKey::open(&root).unwrap();
        assert_eq!((both.public(), both.next_public()), (old.public(), Some(next.public())));
        assert!(!both.is_taken(), "the old one was taken");
        both.swap();
        assert_eq!((both.public(), both.next_public()), (next.public(), Some(old.public())));
        assert!(both.is_taken());
        assert_eq!((both.public(), both.has_next()), (next.public(), false));
        DeviceKey::keep_next(&root).unwrap();
        let kept = DeviceKey::open(&root).unwrap();
        assert_eq!((kept.public(), kept.has_next()), (next.public(), false));
    }

    #[test]
    fn a_damaged_key_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, b"short").unwrap();
        let error = DeviceKey::open(&RootFolder::at(folder.path())).unwrap_err();
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
