//! sled 0.34.7, used by the rules that its measured faults ask for.
//!
//! - Its `flush` is not an `fsync` on Linux, so [`Store::sync`] flushes and then syncs its file
//!   through a descriptor of our own.
//! - Opening a damaged folder may panic inside sled, so it happens inside `catch_unwind`, and a
//!   folder that will not open is renamed, never deleted, and a new one begins.
//! - Threads of its own hold its lock for a moment after the last handle is gone, so opening waits
//!   until the file is free: a store that is only in use is never set aside.
//! - A handle that finds no room writes nothing any more, and shows half a batch: it is not let come to
//!   that ([`room`]). Where it comes to that, nothing is said about the rows: the handle is read, and asked
//!   for nothing that it could wait for. Its end may wait for ever, and every batch of every other store
//!   with it, so it is left, and a copy of its file is opened when there is room.
//! - What an opening left half written is damage to the next one: it is deleted first.
//! - A page of more than 128 KiB goes into a file of its own, which is not synced, and whose want of room
//!   makes every reader wait for ever. A page has up to 20 values, so long ones are kept in parts.
//! - Every value carries a version and a checksum over key and value.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::memory::after;
use super::{Batch, Pair, Store, StoreError, room};

/// A store in a folder.
#[derive(Debug)]
pub struct SledStore {
    folder: PathBuf,
    /// None only between closing and opening anew.
    open: Option<Open>,
    /// Whether it is closed because there was no room to open it again.
    is_out_of_room: bool,
    /// Handles that were left open.
    n_left: u32,
}

#[derive(Debug)]
struct Open {
    db: sled::Db,
    /// Our own descriptor of sled's file.
    file: File,
    /// Whether sled has met a full disk.
    is_stuck: Cell<bool>,
    /// Whether there may be values in parts.
    has_parts: bool,
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
/// The version byte of a value in parts: behind it is their number, and the parts have keys of their own.
const PARTS_VERSION: u8 = 2;
/// The longest part, and the longest value that is not in parts, in bytes.
const PART_BYTES: usize = 4 << 10;
/// The first byte of a part's key: no other key begins with it.
const PART: u8 = u8::MAX;
/// Version and checksum in front of a value.
const VALUE_LEAD: usize = 5;
/// Memory for pages.
const CACHE_BYTES: u64 = 16 << 20;
/// The name of a copy of sled's file while it is made.
const COPY: &str = "db.copy";
/// Folders that would not open and are kept, the newest ones.
const ASIDE_KEPT: u32 = 2;
/// How often sled writes by itself. Not durable; keeps what a killed process loses small.
const FLUSH_EVERY_MS: u64 = 500;

/// Handles that are left open before only another process can go on: each keeps its pages in memory.
const LEFT_MAX: u32 = 4;

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
        let mut store =
            Self { folder: folder.to_owned(), open: None, is_out_of_room: false, n_left: 0 };
        store.give_up_aside();
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

    /// Closes what is open, or leaves it open where closing could wait for ever.
    fn close(&mut self) {
        let Some(Open { db, is_stuck, .. }) = self.open.take() else { return };
        if is_stuck.get() {
            self.n_left += 1;
            let _left = ManuallyDrop::new(db);
        }
    }

    fn opened(&self) -> Result<&Open, StoreError> {
        self.open.as_ref().ok_or_else(|| {
            if self.is_out_of_room { StoreError::Full } else { failed("the store is closed") }
        })
    }

    /// What is open, where it can be written.
    fn writable(&self) -> Result<&Open, StoreError> {
        let open = self.opened()?;
        if open.is_stuck.get() { Err(StoreError::Full) } else { Ok(open) }
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

    /// Deletes what was set aside where there is no room without that.
    fn give_up_aside(&self) {
        if !room::has_free(parent_of(&self.folder), 0) {
            self.forget_aside(self.next_aside().saturating_sub(1));
        }
    }
}

impl Open {
    /// What it means that sled failed: one that has met a full disk tells nothing about its rows.
    fn told(&self, error: StoreError) -> StoreError {
        if error == StoreError::Full {
            self.is_stuck.set(true);
        }
        if self.is_stuck.get() { StoreError::Full } else { error }
    }

    fn collect(
        &self,
        pairs: impl Iterator<Item = sled::Result<(sled::IVec, sled::IVec)>>,
        limit: usize,
    ) -> Result<Vec<Pair>, StoreError> {
        let is_part = |pair: &sled::Result<(sled::IVec, _)>| {
            pair.as_ref().is_ok_and(|(key, _)| key.first() == Some(&PART))
        };
        let pair = |pair: sled::Result<(sled::IVec, sled::IVec)>| {
            let (key, bytes) = pair.map_err(failed_sled)?;
            Ok((key.to_vec(), self.unframed(&key, &bytes)?))
        };
        let pairs = pairs.filter(|pair| !is_part(pair)).take(limit).map(pair);
        pairs.collect::<Result<_, _>>().map_err(|error| self.told(error))
    }

    /// The value of `key`, of which sled has these bytes.
    fn unframed(&self, key: &[u8], bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
        let (lead, rest) = bytes.split_first_chunk::<VALUE_LEAD>().ok_or(StoreError::Damaged)?;
        let [version, crc @ ..] = *lead;
        let value = match version {
            VALUE_VERSION => rest.to_vec(),
            PARTS_VERSION => {
                let mut value = Vec::new();
                for no in 0..n_parts(bytes) {
                    let part = self.db.get(part_key(key, no)).map_err(failed_sled)?;
                    value.extend_from_slice(&part.ok_or(StoreError::Damaged)?);
                }
                value
            }
            _ => return Err(StoreError::Damaged),
        };
        let is_whole = checksum(key, &value) == u32::from_le_bytes(crc);
        if is_whole { Ok(value) } else { Err(StoreError::Damaged) }
    }

    /// What is to become of which key of sled, so that `batch` is applied.
    fn changes(
        &self,
        batch: Batch,
    ) -> Result<BTreeMap<sled::IVec, Option<sled::IVec>>, StoreError> {
        let mut changes = BTreeMap::new();
        // Of several changes of a key the last one counts.
        let batch: BTreeMap<_, _> = batch.into_changes().into_iter().collect();
        for (key, value) in batch {
            if self.has_parts
                && let Some(before) = self.db.get(&key).map_err(failed_sled)?
            {
                for no in 0..n_parts(&before) {
                    changes.insert(part_key(&key, no), None);
                }
            }
            let Some(value) = value else {
                changes.insert(key.into(), None);
                continue;
            };
            let mut bytes = vec![VALUE_VERSION];
            bytes.extend_from_slice(&checksum(&key, &value).to_le_bytes());
            if value.len() <= PART_BYTES {
                bytes.extend_from_slice(&value);
            } else {
                bytes[0] = PARTS_VERSION;
                let parts = value.chunks(PART_BYTES);
                let n_parts = u32::try_from(parts.len()).map_err(failed)?;
                bytes.extend_from_slice(&n_parts.to_le_bytes());
                let keys = (0..n_parts).map(|no| part_key(&key, no));
                changes.extend(keys.zip(parts.map(|part| Some(part.into()))));
            }
            changes.insert(key.into(), Some(bytes.into()));
        }
        Ok(changes)
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        self.close();
    }
}

fn parent_of(folder: &Path) -> &Path {
    folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn failed_io(error: &std::io::Error) -> StoreError {
    if room::is_full(error) { StoreError::Full } else { failed(error) }
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

/// Deletes what was left half written for want of room; sled takes its snapshots for whole.
fn forget_half_written(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name == COPY || (name.starts_with("snap.") && name.ends_with(".generating")) {
            // One that stays is damage, and is told as such.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Our own descriptor of sled's file. Written through it is nothing, but room is had for it.
fn file_of(folder: &Path) -> std::io::Result<File> {
    File::options().read(true).write(true).open(folder.join("db"))
}

/// Puts a copy in the place of sled's file. What has the old one open keeps it, and its lock, for itself.
///
/// # Errors
///
/// [`StoreError::Full`], also where the system does not let it be done.
fn renew(folder: &Path) -> Result<(), StoreError> {
    let (place, copy) = (folder.join("db"), folder.join(COPY));
    let copied = || {
        let length = fs::metadata(&place)?.len();
        if !room::has_free(folder, length) {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        fs::copy(&place, &copy)?;
        File::open(&copy)?.sync_all()?;
        fs::rename(&copy, &place)?;
        sync_folder(folder)
    };
    copied().map_err(|error| {
        tracing::warn!(%error, "the store cannot be copied");
        StoreError::Full
    })
}

/// Opens sled and a descriptor of our own on its file.
///
/// # Errors
///
/// [`StoreError::Full`]: there is no room, and so nothing is known about the rows; any other: the folder is
/// to be set aside.
fn open(folder: &Path) -> Result<Open, StoreError> {
    forget_half_written(folder);
    let has_room = || room::has_free(parent_of(folder), 0);
    let before = file_of(folder).ok();
    if before.is_none() && !has_room() {
        return Err(StoreError::Full);
    }
    let lent = before.as_ref().map(|file| (file, room::lend(file)));
    let opened = open_sled(folder);
    if let Some((file, lent)) = lent {
        lent.take_again(file);
    }
    match opened {
        Err(_) if !has_room() => Err(StoreError::Full),
        opened => opened,
    }
}

fn open_sled(folder: &Path) -> Result<Open, StoreError> {
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
    let file = file_of(folder).map_err(|error| failed_io(&error))?;
    if is_new {
        // sled does not sync the names it makes.
        let synced = sync_folder(folder).and_then(|()| sync_folder(parent_of(folder)));
        synced.map_err(|error| failed_io(&error))?;
    }
    // Where there is none, it is read all the same.
    let _ = room::demand(&file, 0, 0);
    let has_parts = db.scan_prefix([PART]).next().is_some();
    Ok(Open { db, file, is_stuck: Cell::new(false), has_parts })
}

fn checksum(key: &[u8], value: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(key), value)
}

/// The key of a part of the value of `key`.
fn part_key(key: &[u8], no: u32) -> sled::IVec {
    [&[PART], key, &no.to_be_bytes()].concat().into()
}

/// How many parts a value has of which sled has these bytes.
fn n_parts(bytes: &[u8]) -> u32 {
    let is_in_parts = bytes.first() == Some(&PARTS_VERSION);
    let number = bytes.get(VALUE_LEAD..).filter(|_| is_in_parts);
    number.and_then(|number| number.try_into().ok()).map_or(0, u32::from_le_bytes)
}

impl Store for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let open = self.opened()?;
        let value = open.db.get(key).map_err(failed_sled);
        value
            .and_then(|value| value.map(|value| open.unframed(key, &value)).transpose())
            .map_err(|error| open.told(error))
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Pair>, StoreError> {
        let open = self.opened()?;
        let start = prefix.max(from).to_vec();
        match after(prefix) {
            Some(end) if start < end => open.collect(open.db.range(start..end), limit),
            Some(_) => Ok(Vec::new()),
            None => open.collect(open.db.range(start..), limit),
        }
    }

    fn scan_back(&self, prefix: &[u8], limit: usize) -> Result<Vec<Pair>, StoreError> {
        let open = self.opened()?;
        open.collect(open.db.scan_prefix(prefix).rev(), limit)
    }

    fn apply(&mut self, batch: Batch) -> Result<(), StoreError> {
        let open = self.writable()?;
        let changes = open.changes(batch).map_err(|error| open.told(error))?;
        let size = |value: &Option<sled::IVec>| value.as_ref().map_or(0, |value| value.len());
        let n_bytes = changes.iter().map(|(key, value)| key.len() + size(value)).sum();
        room::demand(&open.file, n_bytes, changes.len())?;
        let keys: Vec<_> = changes.keys().cloned().collect();
        let has_parts = keys.last().is_some_and(|key| key.first() == Some(&PART));
        let mut batch = sled::Batch::default();
        for (key, value) in changes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        open.db.apply_batch(batch).map_err(|error| open.told(failed_sled(error)))?;
        // Pages that have too many keys now, or too few, are written when they are looked at next. That is
        // now, while there is room, and not when somebody reads.
        for key in keys {
            open.db.get(key).map_err(|error| open.told(failed_sled(error)))?;
        }
        if let Some(open) = &mut self.open {
            open.has_parts |= has_parts;
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        let open = self.writable()?;
        // Both, in this order: flush hands the bytes to the file, sync_data to the disk.
        let flushed = open.db.flush().map(drop).map_err(failed_sled);
        flushed
            .and_then(|()| open.file.sync_data().map_err(|error| failed_io(&error)))
            .map_err(|error| open.told(error))?;
        // A file that became shorter has lost what was ahead of it.
        let _ = room::demand(&open.file, 0, 0);
        Ok(())
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        self.give_up_aside();
        match &self.open {
            // It was not handed anything that it had no room for.
            Some(open) if !open.is_stuck.get() => return room::demand(&open.file, 0, 0),
            Some(_stuck) if self.n_left >= LEFT_MAX => return Err(StoreError::Full),
            Some(_stuck) => renew(&self.folder)?,
            None => wait_until_free(&self.folder)?,
        }
        let opened = open(&self.folder);
        self.is_out_of_room = matches!(opened, Err(StoreError::Full));
        let opened = opened?;
        if let Some(stuck) = &self.open {
            // Its file has lost its name, but would go on taking room.
            let _ = stuck.file.set_len(0);
        }
        self.close();
        self.open = Some(opened);
        Ok(())
    }

    fn set_aside(&mut self) -> Result<String, StoreError> {
        self.close();
        let no = self.next_aside();
        let place = self.aside(no);
        if self.folder.exists() {
            fs::rename(&self.folder, &place).map_err(|error| failed_io(&error))?;
        }
        self.forget_aside(no.saturating_sub(ASIDE_KEPT));
        let opened = open(&self.folder);
        self.is_out_of_room = matches!(opened, Err(StoreError::Full));
        self.open = Some(opened?);
        Ok(place.display().to_string())
    }
}
