//! The key of the device: made here, kept here, never sent.

use std::fmt;
use std::io;

use ed25519_dalek::{Signer as _, SigningKey};
use protocol::frame::KeyAlgorithm;

use crate::recorder::read_all;
use crate::root::Root;

/// An Ed25519 key pair, the one that is to take its place, and those whose place it took: a server that was
/// restored from before a change knows only one of them. `Debug` hides them.
#[derive(Clone)]
pub struct DeviceKey {
    present: SigningKey,
    next: Option<SigningKey>,
    /// The newest first.
    previous: Vec<SigningKey>,
    in_use: KeyInUse,
}

/// Which of the keys signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyInUse {
    /// The one that is the device's.
    Present,
    /// The one that is to take its place.
    Next,
    /// The one that is so many changes older than the last before it.
    Previous(usize),
}

impl PartialEq for DeviceKey {
    fn eq(&self, other: &Self) -> bool {
        (&self.present, &self.next, &self.previous)
            == (&other.present, &other.next, &other.previous)
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
/// Keys before the present one that are kept: changes since the backup that a server is restored from.
const PREVIOUS_MAX: usize = 4;
const PRESENT: &str = "key";
const NEXT: &str = "key.next";
const PREVIOUS: &str = "key.previous";
const NEW: &str = "key.new";

impl DeviceKey {
    /// The key with this secret half: 32 bytes of good randomness.
    pub fn from_secret(secret: [u8; SECRET_BYTES]) -> Self {
        let present = SigningKey::from_bytes(&secret);
        Self { present, next: None, previous: Vec::new(), in_use: KeyInUse::Present }
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
        key.previous = Self::read_previous(root);
        // Whoever lost its power while the next key was kept finds the present one in both places.
        key.previous.retain(|previous| *previous != key.present);
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

    /// Puts the next key in the place of the present one, which stays as the previous one.
    ///
    /// # Errors
    ///
    /// What the file system says: both keys are still there.
    pub fn keep_next(root: &dyn Root) -> io::Result<()> {
        if let Some(present) = Self::read(root, PRESENT)? {
            let mut previous = Self::read_previous(root);
            previous.retain(|previous| *previous != present.present);
            previous.insert(0, present.present);
            previous.truncate(PREVIOUS_MAX);
            let secrets: Vec<u8> = previous.iter().flat_map(SigningKey::to_bytes).collect();
            Self::write(root, PREVIOUS, &secrets)?;
        }
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

    /// The keys before the present one. Those that cannot be read keep nobody from working.
    fn read_previous(root: &dyn Root) -> Vec<SigningKey> {
        let secrets = read_all(root, PREVIOUS).unwrap_or_default();
        let (secrets, _rest) = secrets.as_chunks::<SECRET_BYTES>();
        secrets.iter().map(SigningKey::from_bytes).collect()
    }

    fn make(root: &dyn Root, name: &str) -> io::Result<Self> {
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret).map_err(io::Error::other)?;
        Self::write(root, name, &secret)?;
        Ok(Self::from_secret(secret))
    }

    fn write(root: &dyn Root, name: &str, secrets: &[u8]) -> io::Result<()> {
        let mut file = root.create(NEW)?;
        file.write_at(0, secrets)?;
        file.sync_data()?;
        root.rename(NEW, name)?;
        root.sync_folder()
    }

    /// `next` waits to take the place of the present one.
    pub fn prepare(&mut self, next: &Self) {
        self.next = Some(next.present.clone());
    }

    /// What the server is to know instead of the key in use: the key that waits, or the present one, where
    /// one before it was taken.
    fn offered(&self) -> Option<&SigningKey> {
        let is_behind = matches!(self.in_use, KeyInUse::Previous(_));
        self.next.as_ref().or_else(|| is_behind.then_some(&self.present))
    }

    /// The public half of the key that the server is to know instead of the one in use.
    pub fn offered_public(&self) -> Option<[u8; 32]> {
        self.offered().map(|key| key.verifying_key().to_bytes())
    }

    /// Signs `message` with that key.
    pub fn sign_by_offered(&self, message: &[u8]) -> Option<[u8; 64]> {
        self.offered().map(|key| key.sign(message).to_bytes())
    }

    /// The server knows the key that was offered. Whether that one waited: it is the present one from here
    /// on, and is to be kept as such.
    pub fn take_offered(&mut self) -> bool {
        self.in_use = KeyInUse::Present;
        let Some(next) = self.next.take() else { return false };
        self.previous.insert(0, std::mem::replace(&mut self.present, next));
        self.previous.truncate(PREVIOUS_MAX);
        true
    }

    /// The server did not take what this signed: the next of the keys signs from here on.
    pub fn try_another(&mut self) {
        self.in_use = match self.in_use {
            KeyInUse::Present if self.next.is_some() => KeyInUse::Next,
            KeyInUse::Present | KeyInUse::Next => KeyInUse::Previous(0),
            KeyInUse::Previous(n) => KeyInUse::Previous(n + 1),
        };
        if matches!(self.in_use, KeyInUse::Previous(n) if n >= self.previous.len()) {
            self.in_use = KeyInUse::Present;
        }
    }

    /// The present key signs again: nobody knows this device by another.
    pub fn use_present(&mut self) {
        self.in_use = KeyInUse::Present;
    }

    /// Which key signs.
    pub const fn in_use(&self) -> KeyInUse {
        self.in_use
    }

    fn signing(&self) -> &SigningKey {
        let other = match self.in_use {
            KeyInUse::Present => None,
            KeyInUse::Next => self.next.as_ref(),
            KeyInUse::Previous(n) => self.previous.get(n),
        };
        other.unwrap_or(&self.present)
    }

    /// The kind of key.
    pub const fn algorithm(&self) -> KeyAlgorithm {
        KeyAlgorithm::Ed25519
    }

    /// The public half of the key in use.
    pub fn public(&self) -> [u8; 32] {
        self.signing().verifying_key().to_bytes()
    }

    /// Signs `message` with the key in use.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signing().sign(message).to_bytes()
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
    fn a_next_key_waits_until_it_is_kept_and_the_one_before_it_stays() {
        let folder = tempfile::tempdir().unwrap();
        let root = RootFolder::at(folder.path());
        let old = DeviceKey::open(&root).unwrap();
        let next = DeviceKey::open_next(&root).unwrap();
        assert_eq!(DeviceKey::open_next(&root).unwrap(), next, "it is made once");
        let mut both = DeviceKey::open(&root).unwrap();
        assert_eq!((both.public(), both.offered_public()), (old.public(), Some(next.public())));
        both.try_another();
        assert_eq!((both.public(), both.in_use()), (next.public(), KeyInUse::Next));
        assert!(both.take_offered(), "it is to be kept");
        assert_eq!((both.public(), both.offered_public()), (next.public(), None));
        DeviceKey::keep_next(&root).unwrap();
        let mut kept = DeviceKey::open(&root).unwrap();
        assert_eq!(kept, both);
        kept.try_another();
        assert_eq!((kept.public(), kept.offered_public()), (old.public(), Some(next.public())));
        assert!(!kept.take_offered(), "it is kept already");
        assert_eq!((kept.public(), kept.offered_public()), (next.public(), None));
        // Those before the last few are forgotten.
        for _change in 0..PREVIOUS_MAX {
            DeviceKey::open_next(&root).unwrap();
            DeviceKey::keep_next(&root).unwrap();
        }
        let mut kept = DeviceKey::open(&root).unwrap();
        let signed_by: Vec<_> = (0..=PREVIOUS_MAX)
            .map(|_try| {
                let public = kept.public();
                kept.try_another();
                public
            })
            .collect();
        assert_eq!(signed_by.last(), Some(&next.public()), "the oldest that is kept");
        assert_eq!(kept.public(), signed_by[0], "it begins again with the present one");
        assert!(!signed_by.contains(&old.public()));
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
