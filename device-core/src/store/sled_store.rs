//! sled 0.34.7, used by the rules that its measured faults ask for.
//!
//! - Its `flush` is not an `fsync` on Linux, so [`Store::sync`] flushes and then syncs its file
//!   through a descriptor of our own.
//! - Opening a damaged folder may panic inside sled, so it happens inside `catch_unwind`, and a
//!   folder that will not open is renamed, never deleted, and a new one begins.
//! - Every value carries a version and a checksum over key and value.

use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::memory::after;
use super::{Batch, Pair, Store, StoreError};

/// A store in a folder.
#[derive(Debug)]
pub struct SledStore {
    folder: PathBuf,
    /// None only between setting aside and beginning anew.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    db: sled::Db,
    /// Our own descriptor of sled's file.
    file: File,
}

/// A store that was opened, and what had to be put out of the way for it.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: SledStore,
    /// Where the folder went that would not open, and what it said.
    pub set_aside: Option<String>,
}

/// The version byte of a value.
const VALUE_VERSION: u8 = 1;
/// Version and checksum in front of a value.
const VALUE_LEAD: usize = 5;
/// Memory for pages.
const CACHE_BYTES: u64 = 16 << 20;
/// How often sled writes by itself. Not durable; keeps what a killed process loses small.
const FLUSH_EVERY_MS: u64 = 500;

impl SledStore {
    /// Opens the store in `folder`, or begins one. A folder that will not open is set aside.
    ///
    /// # Errors
    ///
    /// [`StoreError::Failed`]: not even an empty store can be made there.
    pub fn open(folder: &Path) -> Result<Opened, StoreError> {
        match open(folder) {
            Ok(open) => {
                let store = Self { folder: folder.to_owned(), open: Some(open) };
                Ok(Opened { store, set_aside: None })
            }
            Err(reason) => {
                let mut store = Self { folder: folder.to_owned(), open: None };
                let place = store.set_aside()?;
                Ok(Opened { store, set_aside: Some(format!("{place}: {reason}")) })
            }
        }
    }

    fn db(&self) -> Result<&sled::Db, StoreError> {
        self.open.as_ref().map(|open| &open.db).ok_or_else(|| failed("the store is closed"))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "errors are handed over by map_err")]
fn failed(reason: impl ToString) -> StoreError {
    StoreError::Failed { reason: reason.to_string() }
}

fn sync_folder(folder: &Path) -> std::io::Result<()> {
    // Windows opens no folders as files; NTFS journals names by itself.
    if cfg!(windows) { Ok(()) } else { File::open(folder)?.sync_all() }
}

/// Opens sled and a descriptor of our own on its file.
fn open(folder: &Path) -> Result<Open, String> {
    let is_new = !folder.join("db").exists();
    let config = sled::Config::new()
        .path(folder)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(Some(FLUSH_EVERY_MS));
    // Nothing of ours is touched inside, so nothing can be left half done.
    let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
    let db = match opened {
        Ok(Ok(db)) => db,
        Ok(Err(error)) => return Err(error.to_string()),
        Err(_panic) => return Err("opening panicked".to_owned()),
    };
    let file = File::open(folder.join("db")).map_err(|error| error.to_string())?;
    if is_new {
        // sled does not sync the names it makes.
        sync_folder(folder).map_err(|error| error.to_string())?;
        if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            sync_folder(parent).map_err(|error| error.to_string())?;
        }
    }
    Ok(Open { db, file })
}

fn framed(key: &[u8], value: &[u8]) -> Vec<u8> {
    let crc = crc32c::crc32c_append(crc32c::crc32c(key), value);
    let mut bytes = Vec::with_capacity(VALUE_LEAD + value.len());
    bytes.push(VALUE_VERSION);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes.extend_from_slice(value);
    bytes
}

fn unframed(key: &[u8], bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
    let (lead, value) = bytes.split_first_chunk::<VALUE_LEAD>().ok_or(StoreError::Damaged)?;
    let [version, crc @ ..] = *lead;
    let is_whole = crc32c::crc32c_append(crc32c::crc32c(key), value) == u32::from_le_bytes(crc);
    if version == VALUE_VERSION && is_whole { Ok(value.to_vec()) } else { Err(StoreError::Damaged) }
}

fn collect(
    pairs: impl Iterator<Item = sled::Result<(sled::IVec, sled::IVec)>>,
    limit: usize,
) -> Result<Vec<Pair>, StoreError> {
    pairs
        .take(limit)
        .map(|pair| {
            let (key, value) = pair.map_err(failed)?;
            let value = unframed(&key, &value)?;
            Ok((key.to_vec(), value))
        })
        .collect()
}

impl Store for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self.db()?.get(key).map_err(failed)?;
        value.map(|value| unframed(key, &value)).transpose()
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Pair>, StoreError> {
        let start = prefix.max(from).to_vec();
        match after(prefix) {
            Some(end) if start < end => collect(self.db()?.range(start..end), limit),
            Some(_) => Ok(Vec::new()),
            None => collect(self.db()?.range(start..), limit),
        }
    }

    fn scan_back(&self, prefix: &[u8], limit: usize) -> Result<Vec<Pair>, StoreError> {
        collect(self.db()?.scan_prefix(prefix).rev(), limit)
    }

    fn apply(&mut self, batch: Batch) -> Result<(), StoreError> {
        let mut changes = sled::Batch::default();
        for (key, value) in batch.into_changes() {
            match value {
                Some(value) => {
                    let bytes = framed(&key, &value);
                    changes.insert(key, bytes);
                }
                None => changes.remove(key),
            }
        }
        self.db()?.apply_batch(changes).map_err(failed)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        let open = self.open.as_ref().ok_or_else(|| failed("the store is closed"))?;
        // Both, in this order: flush hands the bytes to the file, sync_data to the disk.
        open.db.flush().map_err(failed)?;
        open.file.sync_data().map_err(failed)
    }

    fn set_aside(&mut self) -> Result<String, StoreError> {
        self.open = None;
        let name = self
            .folder
            .file_name()
            .map_or_else(|| "store".to_owned(), |name| name.to_string_lossy().into_owned());
        let place = (1..=u32::MAX)
            .map(|no| self.folder.with_file_name(format!("{name}.aside-{no}")))
            .find(|place| !place.exists())
            .expect("a folder has fewer than four thousand million names");
        if self.folder.exists() {
            fs::rename(&self.folder, &place).map_err(failed)?;
        }
        self.open = Some(open(&self.folder).map_err(failed)?);
        Ok(place.display().to_string())
    }
}
