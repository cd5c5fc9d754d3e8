//! Disks and stores whose every durable step has a name, and that end the process at one of them.
//!
//! The end is a panic with a payload of its own, caught where the device is driven: nothing of the
//! device runs after it, as after `kill -9`. What the disks hold then is decided by who caught it.

use std::io;
use std::panic::panic_any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use device_core::recorder::{Cut, Disk, DiskFile, MemoryDisk};
use device_core::root::Root;
use device_core::store::{Batch, MemoryStore, Pair, Store, StoreError};

/// What a process dies of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Died;

/// Counts and names steps, and burns through at one of them.
#[derive(Debug, Clone, Default)]
pub struct Fuse {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    phase: &'static str,
    /// Names of all steps so far, in order.
    names: Vec<String>,
    /// The step before which the process dies.
    at: Option<usize>,
}

impl Fuse {
    /// A fuse that burns through before step `at`; none: it only counts.
    pub fn new(at: Option<usize>) -> Self {
        Self { inner: Arc::new(Mutex::new(Inner { at, ..Inner::default() })) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the device is doing from here on.
    pub fn phase(&self, phase: &'static str) {
        self.lock().phase = phase;
    }

    /// The names of all steps so far.
    pub fn names(&self) -> Vec<String> {
        self.lock().names.clone()
    }

    /// Whether it has burnt through.
    pub fn is_burnt(&self) -> bool {
        let inner = self.lock();
        inner.at.is_some_and(|at| inner.names.len() > at)
    }

    /// A durable step of the server: says whether it dies before it.
    pub fn strikes(&self, what: &str) -> bool {
        let mut inner = self.lock();
        if inner.phase.is_empty() {
            // The company is being set up: the script has not begun.
            return false;
        }
        let name = format!("server, {}: {what}", inner.phase);
        let strikes = inner.at == Some(inner.names.len());
        inner.names.push(name);
        strikes
    }

    /// A durable step of the device: the process may die here.
    fn step(&self, what: &str) {
        self.step_of("device", what);
    }

    /// A durable step of `whom`: the process may die here.
    pub(super) fn step_of(&self, whom: &str, what: &str) {
        let mut inner = self.lock();
        let name = format!("{whom}, {}: {what}", inner.phase);
        let strikes = inner.at == Some(inner.names.len());
        inner.names.push(name);
        drop(inner);
        if strikes {
            panic_any(Died);
        }
    }
}

/// The kind of a file, by its name: numbers and hashes differ from run to run and mean nothing.
fn kind(name: &str) -> &str {
    let (stem, end) = name.rsplit_once('.').unwrap_or((name, ""));
    match (stem, end) {
        (_, "seg") => "a segment",
        ("next", "new") => "the next segment",
        ("CURRENT", "new") => "the new CURRENT",
        ("state", "new") => "the new state file",
        ("key", "new") => "a new key",
        ("key", "next") => "the next key",
        ("key", "") => "the key",
        ("wiped", "") => "the mark of a wipe",
        (_, "new") => "a new photo",
        _ if name.len() == 64 => "a photo",
        _ => name,
    }
}

/// A disk with a fuse.
#[derive(Debug, Clone)]
pub struct FusedDisk {
    /// What survives.
    pub disk: MemoryDisk,
    fuse: Fuse,
    folder: &'static str,
}

impl FusedDisk {
    /// `disk`, called `folder` in the names of its steps.
    pub fn new(disk: MemoryDisk, fuse: Fuse, folder: &'static str) -> Self {
        Self { disk, fuse, folder }
    }

    fn step(&self, what: &str, name: &str) {
        self.fuse.step(&format!("{} {what} {}", self.folder, kind(name)));
    }

    fn file(&self, file: Box<dyn DiskFile>, name: &str) -> Box<dyn DiskFile> {
        Box::new(FusedFile { file, disk: self.clone(), name: name.to_owned() })
    }
}

impl Disk for FusedDisk {
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.step("create", name);
        Ok(self.file(self.disk.create(name)?, name))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(self.disk.open(name)?, name))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.step("rename", from);
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.step("delete", name);
        self.disk.remove(name)
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.step("sync", "the folder");
        self.disk.sync_folder()
    }
}

#[derive(Debug)]
struct FusedFile {
    file: Box<dyn DiskFile>,
    disk: FusedDisk,
    name: String,
}

impl DiskFile for FusedFile {
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, bytes)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.step("write", &self.name);
        self.file.write_at(offset, bytes)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.disk.step("sync", &self.name);
        self.file.sync_data()
    }
}

/// The folder of a device, with a fuse. What lies in its folders is kept by others.
#[derive(Debug, Clone)]
pub struct FusedRoot {
    files: FusedDisk,
    removed: Removed,
}

/// Folders that were deleted.
#[derive(Debug, Clone, Default)]
pub struct Removed(Arc<Mutex<RemovedFolders>>);

#[derive(Debug, Default)]
struct RemovedFolders {
    /// Deleted, and not durably so.
    unsynced: Vec<String>,
    /// Gone.
    gone: Vec<String>,
}

impl Removed {
    fn lock(&self) -> MutexGuard<'_, RemovedFolders> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sync(&self) {
        let mut removed = self.lock();
        let unsynced = std::mem::take(&mut removed.unsynced);
        removed.gone.extend(unsynced);
    }

    /// The power goes, or the process: of what was deleted last, some may be back.
    pub fn cut(&self, cut: Cut) {
        let kept = match cut {
            Cut::KeepUnsynced => usize::MAX,
            Cut::DropUnsynced => 0,
            Cut::Torn { seed } => usize::try_from(seed).unwrap_or(usize::MAX),
        };
        self.lock().unsynced.truncate(kept);
        self.sync();
    }

    /// What is gone since the last look.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().gone)
    }
}

/// The folders that a device keeps.
pub const FOLDERS: [&str; 5] = ["recorder", "device", "queue", "replica", "photos"];

impl FusedRoot {
    /// The files on `disk`; what is deleted beside them is told to `removed`.
    pub fn new(disk: MemoryDisk, fuse: Fuse, removed: Removed) -> Self {
        Self { files: FusedDisk::new(disk, fuse, "root"), removed }
    }
}

impl Disk for FusedRoot {
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.files.create(name)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.files.open(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.files.list()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.files.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files.remove(name)
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.files.sync_folder()?;
        self.removed.sync();
        Ok(())
    }
}

impl Root for FusedRoot {
    fn folders(&self) -> io::Result<Vec<String>> {
        let removed = self.removed.lock();
        let is_there = |name: &str| !removed.unsynced.iter().any(|gone| gone == name);
        let names = FOLDERS.iter().filter(|name| is_there(name));
        Ok(names.map(|name| (*name).to_owned()).collect())
    }

    fn remove_folder(&self, name: &str) -> io::Result<()> {
        self.files.step("delete", name);
        self.removed.lock().unsynced.push(name.to_owned());
        Ok(())
    }
}

/// A store with a fuse.
#[derive(Debug, Clone)]
pub struct FusedStore {
    /// What survives.
    pub store: MemoryStore,
    fuse: Fuse,
    folder: &'static str,
}

impl FusedStore {
    /// `store`, called `folder` in the names of its steps.
    pub fn new(store: MemoryStore, fuse: Fuse, folder: &'static str) -> Self {
        Self { store, fuse, folder }
    }
}

impl Store for FusedStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(key)
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Pair>, StoreError> {
        self.store.scan(prefix, from, limit)
    }

    fn scan_back(&self, prefix: &[u8], limit: usize) -> Result<Vec<Pair>, StoreError> {
        self.store.scan_back(prefix, limit)
    }

    fn apply(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.fuse.step(&format!("{} batch", self.folder));
        self.store.apply(batch)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.fuse.step(&format!("{} sync", self.folder));
        self.store.sync()
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        self.fuse.step(&format!("{} reopen", self.folder));
        self.store.reopen()
    }

    fn set_aside(&mut self) -> Result<String, StoreError> {
        self.fuse.step(&format!("{} set aside", self.folder));
        self.store.set_aside()
    }
}
