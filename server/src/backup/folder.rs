//! The folder of a backup: what lies where, and who may write.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::files::{Files, System, make_folders, write_private};
use super::segment::{Place, Segment};
use super::{BACKUP_FORMAT, BackupError};
use crate::certificates::CERTIFICATES_FILE;
use crate::secret;
use crate::verify::digest::Digests;

const MANIFEST: &str = "backup.json";
const VERIFIED: &str = "verified.json";
const LOCK: &str = "lock";
/// What the live folder has that devices know the server by.
const SECRETS: [&str; 6] = [
    "server-id",
    "lease-secret",
    "order-key",
    "tls/certificate.pem",
    "tls/key.pem",
    CERTIFICATES_FILE,
];

#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: u32,
    server: String,
}

/// How far the last run came that was proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Files up to this number.
    pub number: u64,
    /// The SHA-256 of the last of them, in hexadecimal.
    pub sha256: String,
    /// What they hold.
    pub to: Place,
    /// When the last record in them was received, in microseconds of server time.
    pub received_us: i64,
    /// When it was proved, in microseconds of server time.
    pub at_us: i64,
    /// When everything was compared last, in microseconds of server time.
    pub full_at_us: i64,
}

/// The digests of every table of the live store at the end of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The format of the store: tables of another one have other digests.
    pub store_format: u32,
    /// What the live store held.
    pub to: Place,
    /// The feed index counts above this decision.
    pub floor: u64,
    /// The digests.
    pub digests: Digests,
}

/// The folder of a backup, claimed: nobody else works with it until this is dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    server: [u8; 16],
    files: Arc<dyn Files>,
    _lock: File,
}

impl Folder {
    /// Claims the folder `path` for the backup of `server`; makes it where there is none.
    ///
    /// # Errors
    ///
    /// [`BackupError`]; nothing in it was changed.
    pub fn claim(
        path: &Path,
        server: [u8; 16],
        files: Arc<dyn Files>,
    ) -> Result<Self, BackupError> {
        make_folders(files.as_ref(), path).map_err(|source| BackupError::file(path, source))?;
        let lock = lock(path)?;
        let folder = Self { path: path.to_owned(), server, files, _lock: lock };
        match folder.manifest()? {
            Some(manifest) if manifest.server == secret::hex(&server) => {}
            Some(_other) => return Err(BackupError::OtherServer { path: path.to_owned() }),
            None => {
                let manifest = Manifest { format: BACKUP_FORMAT, server: secret::hex(&server) };
                folder.write_json(MANIFEST, &manifest)?;
            }
        }
        Ok(folder)
    }

    /// Claims the folder `path`, whichever server's backup it holds.
    ///
    /// # Errors
    ///
    /// [`BackupError`].
    pub fn find(path: &Path) -> Result<Self, BackupError> {
        Self::find_with(path, System::shared())
    }

    /// The same on another file system.
    pub(super) fn find_with(path: &Path, files: Arc<dyn Files>) -> Result<Self, BackupError> {
        let nothing = || BackupError::Nothing { path: path.to_owned() };
        if !path.join(MANIFEST).exists() {
            return Err(nothing());
        }
        let mut folder = Self { path: path.to_owned(), server: [0; 16], files, _lock: lock(path)? };
        let manifest = folder.manifest()?.ok_or_else(nothing)?;
        folder.server = secret::from_hex(&manifest.server)
            .ok_or_else(|| BackupError::damaged(&path.join(MANIFEST), "it names no server"))?;
        Ok(folder)
    }

    fn manifest(&self) -> Result<Option<Manifest>, BackupError> {
        let manifest: Option<Manifest> = self.read_json(MANIFEST)?;
        match manifest {
            Some(Manifest { format, .. }) if format > BACKUP_FORMAT => {
                Err(BackupError::Newer { path: self.path.clone(), found: format })
            }
            other => Ok(other),
        }
    }

    /// Which server it is the backup of.
    pub fn server(&self) -> [u8; 16] {
        self.server
    }

    /// The file system that it lies on.
    pub(super) fn files(&self) -> &dyn Files {
        self.files.as_ref()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file with `number`.
    pub fn segment(&self, number: u64) -> PathBuf {
        self.path.join(format!("book-{number:010}.tallyman"))
    }

    /// The store that the files were folded into.
    pub fn rows(&self) -> PathBuf {
        self.path.join("rows")
    }

    /// Photos and signatures, each in a file of its own.
    pub fn photos(&self) -> PathBuf {
        self.path.join("photos")
    }

    /// Leases and statements.
    pub fn conversation(&self) -> PathBuf {
        self.path.join("conversation.tallyman")
    }

    /// Numbers of the finished files, in order. What was not finished is taken away.
    ///
    /// # Errors
    ///
    /// [`BackupError::File`]; [`BackupError::Damaged`] when one in between is missing.
    pub fn numbers(&self) -> Result<u64, BackupError> {
        let error = |source| BackupError::file(&self.path, source);
        let mut numbers = Vec::new();
        for entry in std::fs::read_dir(&self.path).map_err(error)? {
            let name = entry.map_err(error)?.file_name();
            let Some(name) = name.to_str() else { continue };
            if name.ends_with(".part") {
                let path = self.path.join(name);
                self.files.remove(&path).map_err(|source| BackupError::file(&path, source))?;
            }
            let number = name.strip_prefix("book-").and_then(|n| n.strip_suffix(".tallyman"));
            numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        for (wanted, number) in (1..).zip(&numbers) {
            if *number != wanted {
                return Err(BackupError::damaged(&self.segment(wanted), "it is missing"));
            }
        }
        Ok(numbers.last().copied().unwrap_or(0))
    }

    /// How far the last run came that was proved.
    ///
    /// # Errors
    ///
    /// [`BackupError`].
    pub fn verified(&self) -> Result<Option<Verified>, BackupError> {
        self.read_json(VERIFIED)
    }

    pub(super) fn set_verified(&self, verified: &Verified) -> Result<(), BackupError> {
        self.write_json(VERIFIED, verified)
    }

    /// The digests at the end of the file with `number`, where they were taken.
    ///
    /// # Errors
    ///
    /// [`BackupError`].
    pub fn checkpoint(&self, number: u64) -> Result<Option<Checkpoint>, BackupError> {
        self.read_json(&checkpoint_name(number))
    }

    pub(super) fn set_checkpoint(
        &self,
        number: u64,
        checkpoint: &Checkpoint,
    ) -> Result<(), BackupError> {
        self.write_json(&checkpoint_name(number), checkpoint)
    }

    /// Reads the file with `number`, and checks that it follows the one before it.
    ///
    /// # Errors
    ///
    /// [`BackupError`].
    pub fn read(&self, number: u64, previous: &str) -> Result<Segment, BackupError> {
        let path = self.segment(number);
        let segment = Segment::read(&path)?;
        let head = &segment.head;
        if head.number != number || head.previous != previous {
            return Err(BackupError::damaged(&path, "it does not follow the file before it"));
        }
        if head.server != secret::hex(&self.server) {
            return Err(BackupError::damaged(&path, "it is of another server"));
        }
        Ok(segment)
    }

    /// Copies what devices know the server by, where it changed.
    pub(super) fn keep_secrets(&self, data: &Path) -> Result<(), BackupError> {
        copy_secrets(self.files(), data, &self.path.join("secrets"))
    }

    /// Puts what devices know the server by into the folder `data`.
    pub(super) fn give_secrets(&self, data: &Path) -> Result<(), BackupError> {
        copy_secrets(self.files(), &self.path.join("secrets"), data)
    }

    fn read_json<T: for<'de> Deserialize<'de>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, BackupError> {
        read_json(&self.path.join(name))
    }

    /// The old file or the new one, never half of it.
    fn write_json(&self, name: &str, what: &impl Serialize) -> Result<(), BackupError> {
        let path = self.path.join(name);
        let part = self.path.join(format!("{name}.part"));
        let bytes = serde_json::to_vec_pretty(what).expect("plain words and numbers are JSON");
        write_private(self.files(), &part, &bytes)
            .map_err(|source| BackupError::file(&part, source))?;
        self.put_in_place(&part, &path)
    }

    /// Gives a finished file its name.
    pub(super) fn put_in_place(&self, part: &Path, path: &Path) -> Result<(), BackupError> {
        self.files.rename(part, path).map_err(|source| BackupError::file(path, source))?;
        self.sync(&self.path)
    }

    /// Makes the names in `folder` durable.
    pub(super) fn sync(&self, folder: &Path) -> Result<(), BackupError> {
        self.files.sync_folder(folder).map_err(|source| BackupError::file(folder, source))
    }
}

fn checkpoint_name(number: u64) -> String {
    format!("checkpoint-{number:010}.json")
}

/// What the folder says of its last verified run, without claiming it: for pages.
pub fn verified_in(path: &Path) -> Option<Verified> {
    read_json(&path.join(VERIFIED)).ok().flatten()
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>, BackupError> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| BackupError::damaged(path, error.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(BackupError::file(path, source)),
    }
}

fn lock(path: &Path) -> Result<File, BackupError> {
    let file = path.join(LOCK);
    let lock = File::create(&file).map_err(|source| BackupError::file(&file, source))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => Err(BackupError::InUse { path: path.to_owned() }),
        // A network folder without locks: one server writes it all the same.
        Err(std::fs::TryLockError::Error(error))
            if error.kind() == std::io::ErrorKind::Unsupported =>
        {
            Ok(lock)
        }
        Err(std::fs::TryLockError::Error(source)) => Err(BackupError::file(&file, source)),
    }
}

/// Each is the old one or the new one, never half of it.
fn copy_secrets(files: &dyn Files, from: &Path, to: &Path) -> Result<(), BackupError> {
    for name in SECRETS {
        let (from, to) = (from.join(name), to.join(name));
        let bytes = match std::fs::read(&from) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(source) => return Err(BackupError::file(&from, source)),
        };
        if std::fs::read(&to).is_ok_and(|there| there == bytes) {
            continue;
        }
        let folder = to.parent().unwrap_or(Path::new("."));
        let part = to.with_extension("part");
        make_folders(files, folder)
            .and_then(|()| write_private(files, &part, &bytes))
            .and_then(|()| files.rename(&part, &to))
            .and_then(|()| files.sync_folder(folder))
            .map_err(|source| BackupError::file(&to, source))?;
    }
    Ok(())
}
