//! sled 0.34.7, used by the rules that its measured faults ask for.
//!
//! - Its `flush` is not an `fsync` on Linux, so [`Store::sync`] flushes and then syncs its file
//!   through a descriptor of our own.
//! - Opening a damaged folder may panic inside sled, so it happens inside `catch_unwind`, and a
//!   folder that will not open is renamed, never deleted, and a new one begins.
//! - Threads of its own hold its lock for a moment after the last handle is gone, so opening waits
//!   until the file is free: a store that is only in use is never set aside.
//! - A full disk makes it stop writing for good, while it still reads: it is opened again when there
//!   is room. Opening needs room, too, so it is tried first whether there is some.
//! - Every value carries a version and a checksum over key and value.

use std::fs::{self, File, TryLockError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::memory::after;
use super::{Batch, Pair, Store, StoreError};

/// A store in a folder.
#[derive(Debug)]
pub struct SledStore {
    folder: PathBuf,
    /// None only between closing and opening anew.
    open: Option<Open>,
    /// Whether it is closed because there was no room to open it again.
    is_out_of_room: bool,
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
/// Room that must be there before a store is opened, in bytes.
#[cfg(any(target_os = "linux", target_os = "android"))]
const ROOM_BYTES: u64 = 2 << 20;
/// Folders that would not open and are kept, the newest ones.
const ASIDE_KEPT: u32 = 2;
/// How often sled writes by itself. Not durable; keeps what a killed process loses small.
const FLUSH_EVERY_MS: u64 = 500;

/// How often it is looked whether its file is free, and how many times.
const LOOKS: (Duration, u32) = (Duration::from_millis(10), 500);

impl SledStore {
    /// Opens the store in `folder`, or begins one. A folder that will not open is set aside.
    ///
    /// # Errors
    ///
    /// [`StoreError::Failed`]: not even an empty store can be made there, or something else has it open
    /// and does not let go of it for five seconds.
    pub fn open(folder: &Path) -> Result<Opened, StoreError> {
        let mut store = Self { folder: folder.to_owned(), open: None, is_out_of_room: false };
        store.demand_room()?;
        wait_until_free(folder)?;
        match open(folder) {
            Ok(open) => {
                store.open = Some(open);
                Ok(Opened { store, set_aside: None })
            }
            Err(StoreError::Full) => Err(StoreError::Full),
            Err(error) => {
                let place = store.set_aside()?;
                Ok(Opened { store, set_aside: Some(format!("{place}: {error}")) })
            }
        }
    }

    fn opened(&self) -> Result<&Open, StoreError> {
        self.open.as_ref().ok_or_else(|| {
            if self.is_out_of_room { StoreError::Full } else { failed("the store is closed") }
        })
    }

    fn db(&self) -> Result<&sled::Db, StoreError> {
        self.opened().map(|open| &open.db)
    }

    /// Where the store goes that is set aside as number `no`.
    fn aside(&self, no: u32) -> PathBuf {
        self.folder.with_file_name(format!("{}.aside-{no}", self.name()))
    }

    fn name(&self) -> String {
        let name = self.folder.file_name();
        name.map_or_else(|| "store".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    /// Deletes what was set aside under the numbers up to `last`. Best effort: it only takes room.
    fn forget_aside(&self, last: u32) {
        for no in (1..=last).rev().map(|no| self.aside(no)).take_while(|place| place.exists()) {
            let _ = fs::remove_dir_all(no);
        }
    }

    /// The number under which a store is set aside next.
    fn next_aside(&self) -> u32 {
        // Older ones were deleted, so the first free number may lie below those that are there.
        (1..=u32::MAX)
            .find(|no| !self.aside(*no).exists() && !self.aside(no.saturating_add(1)).exists())
            .expect("a folder has fewer than four thousand million names")
    }

    /// Whether there is room to open a store; what was set aside is given up for it.
    fn demand_room(&self) -> Result<(), StoreError> {
        let parent = self.folder.parent().unwrap_or(&self.folder);
        if has_room(parent) {
            return Ok(());
        }
        self.forget_aside(self.next_aside().saturating_sub(1));
        if has_room(parent) { Ok(()) } else { Err(StoreError::Full) }
    }
}

/// Whether the file system of `folder` has room to open a store. Where nobody can tell, it has: the
/// opening itself will say so if not.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn has_room(folder: &Path) -> bool {
    rustix::fs::statvfs(folder)
        .map_or(true, |state| state.f_bavail.saturating_mul(state.f_frsize) >= ROOM_BYTES)
}

/// Nobody can tell: the opening itself says when there is none.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const fn has_room(_folder: &Path) -> bool {
    true
}

fn failed_io(error: &std::io::Error) -> StoreError {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => failed(error),
    }
}

fn failed_sled(error: sled::Error) -> StoreError {
    match &error {
        sled::Error::Io(error) => failed_io(error),
        _ => failed(error),
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

/// Waits until nobody holds sled's file.
fn wait_until_free(folder: &Path) -> Result<(), StoreError> {
    // What is not there, or is no file, is for the opening to judge.
    let Ok(file) = File::open(folder.join("db")) else { return Ok(()) };
    let (pause, n_looks) = LOOKS;
    for _look in 0..n_looks {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(pause),
            // Some phones have no locks; there sled takes none either.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(()),
        }
    }
    Err(failed(
        "something else has the store open: end the other program, or start the device again",
    ))
}

/// Opens sled and a descriptor of our own on its file.
fn open(folder: &Path) -> Result<Open, StoreError> {
    let is_new = !folder.join("db").exists();
    let config = sled::Config::new()
        .path(folder)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(Some(FLUSH_EVERY_MS));
    // Nothing of ours is touched inside, so nothing can be left half done.
    let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
    let db = match opened {
        Ok(Ok(db)) => db,
        Ok(Err(error)) => return Err(failed_sled(error)),
        Err(_panic) => return Err(failed("opening panicked")),
    };
    let file = File::open(folder.join("db")).map_err(|error| failed_io(&error))?;
    if is_new {
        // sled does not sync the names it makes.
        sync_folder(folder).map_err(|error| failed_io(&error))?;
        if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            sync_folder(parent).map_err(|error| failed_io(&error))?;
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
            let (key, value) = pair.map_err(failed_sled)?;
            let value = unframed(&key, &value)?;
            Ok((key.to_vec(), value))
        })
        .collect()
}

impl Store for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self.db()?.get(key).map_err(failed_sled)?;
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
        self.db()?.apply_batch(changes).map_err(failed_sled)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        let open = self.opened()?;
        // Both, in this order: flush hands the bytes to the file, sync_data to the disk.
        open.db.flush().map_err(failed_sled)?;
        open.file.sync_data().map_err(|error| failed_io(&error))
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        self.demand_room()?;
        // From here on the old handle is gone: it would refuse every write for good.
        self.open = None;
        self.is_out_of_room = false;
        wait_until_free(&self.folder)?;
        match open(&self.folder) {
            Ok(open) => {
                self.open = Some(open);
                Ok(())
            }
            Err(StoreError::Full) => {
                self.is_out_of_room = true;
                Err(StoreError::Full)
            }
            Err(error) => Err(error),
        }
    }

    fn set_aside(&mut self) -> Result<String, StoreError> {
        self.open = None;
        let no = self.next_aside();
        let place = self.aside(no);
        if self.folder.exists() {
            fs::rename(&self.folder, &place).map_err(|error| failed_io(&error))?;
        }
        self.forget_aside(no.saturating_sub(ASIDE_KEPT));
        self.is_out_of_room = false;
        match open(&self.folder) {
            Ok(open) => self.open = Some(open),
            Err(error) => {
                self.is_out_of_room = error == StoreError::Full;
                return Err(error);
            }
        }
        Ok(place.display().to_string())
    }
}
