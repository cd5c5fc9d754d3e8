//! A disk in memory that can lose power, fill up, fail to sync and rot.
//!
//! It keeps what a reader sees (*live*) and what survives a power cut (*durable*) apart. A write is
//! live at once and durable after a sync of its file; a creation, renaming or deletion is live at
//! once and durable after a sync of the folder. What lies between is decided by [`Cut`]. A sync
//! that fails forgets which bytes it should have written, as Linux does: they stay visible, the
//! next sync succeeds, and after a power cut they are gone.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::{Disk, DiskFile};

/// What a power cut does to everything that was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// All of it is gone.
    DropUnsynced,
    /// All of it had reached the disk anyway; what a killed process leaves behind.
    KeepUnsynced,
    /// Any subset of sectors of 512 bytes and of changes of names, chosen by the seed.
    Torn {
        /// The same seed on the same history tears the same sectors.
        seed: u64,
    },
}

/// Bytes that a disk writes as a whole or not at all.
const SECTOR: usize = 512;

/// An in-memory disk; clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    files: BTreeMap<u64, Bytes>,
    live: BTreeMap<String, u64>,
    durable: BTreeMap<String, u64>,
    renames: Vec<Naming>,
    file_next: u64,
    /// Counts power cuts, so that a file opened before one is no use after it.
    boot: u64,
    n_steps: u64,
    crash_at: Option<u64>,
    is_off: bool,
    n_failing_syncs: u32,
    capacity_bytes: Option<usize>,
}

#[derive(Debug, Clone, Default)]
struct Bytes {
    live: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Write>,
}

#[derive(Debug, Clone)]
enum Write {
    Empty,
    At(usize, Vec<u8>),
}

#[derive(Debug, Clone)]
enum Naming {
    Name(String, u64),
    Rename { from: String, to: String, file: u64 },
    Remove(String),
}

/// SplitMix64: enough for tearing, and the same on every machine.
struct Dice(u64);

impl Dice {
    fn heads(&mut self) -> bool {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed >> 63) == 1
    }
}

fn put(bytes: &mut Vec<u8>, at: usize, part: &[u8]) {
    let end = at + part.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[at..end].copy_from_slice(part);
}

impl Write {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Empty => bytes.clear(),
            Self::At(at, part) => put(bytes, *at, part),
        }
    }

    /// The parts of the write by the sector they fall into.
    fn sectors(&self) -> Vec<(usize, &[u8])> {
        let Self::At(at, part) = self else { return Vec::new() };
        let mut sectors = Vec::new();
        let mut start = 0;
        while start < part.len() {
            let end = part.len().min((at + start + 1).next_multiple_of(SECTOR) - at);
            sectors.push((at + start, &part[start..end]));
            start = end;
        }
        sectors
    }
}

/// Applies those sectors of the writes that the dice let through. A sector goes to the disk as it
/// stands in memory: with a later write to it goes every earlier one.
fn apply_torn(writes: &[Write], bytes: &mut Vec<u8>, dice: &mut Dice) {
    let mut held: BTreeMap<usize, Vec<(usize, &[u8])>> = BTreeMap::new();
    for write in writes {
        if matches!(write, Write::Empty) {
            write.apply(bytes);
            held.clear();
        }
        for (at, part) in write.sectors() {
            let sector = held.entry(at / SECTOR).or_default();
            sector.push((at, part));
            if dice.heads() {
                for (at, part) in sector.drain(..) {
                    put(bytes, at, part);
                }
            }
        }
    }
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            Self::Name(name, file) => {
                names.insert(name.clone(), *file);
            }
            Self::Rename { from, to, file } => {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
            Self::Remove(name) => {
                names.remove(name);
            }
        }
    }
}

impl MemoryDisk {
    /// An empty disk without limits or faults.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panicking test leaves a disk behind that is as good as any after a crash.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cuts the power and switches it on again. Files opened before are of no use afterwards.
    pub fn cut_power(&self, cut: Cut) {
        let mut inner = self.lock();
        let mut dice = Dice(if let Cut::Torn { seed } = cut { seed } else { 0 });
        for bytes in inner.files.values_mut() {
            let writes = std::mem::take(&mut bytes.unsynced);
            match cut {
                Cut::DropUnsynced => {}
                Cut::KeepUnsynced => {
                    for write in &writes {
                        write.apply(&mut bytes.durable);
                    }
                }
                Cut::Torn { .. } => apply_torn(&writes, &mut bytes.durable, &mut dice),
            }
            bytes.live.clone_from(&bytes.durable);
        }
        let renames = std::mem::take(&mut inner.renames);
        for naming in renames {
            match cut {
                Cut::DropUnsynced => {}
                Cut::KeepUnsynced => naming.apply(&mut inner.durable),
                Cut::Torn { .. } => {
                    if dice.heads() {
                        naming.apply(&mut inner.durable);
                    }
                }
            }
        }
        inner.live = inner.durable.clone();
        let Inner { files, live, .. } = &mut *inner;
        files.retain(|file, _| live.values().any(|named| named == file));
        inner.boot += 1;
        inner.is_off = false;
        inner.crash_at = None;
    }

    /// Lets the power fail at the change (write, sync, renaming, …) numbered `step` from now on, 0
    /// being the next one: it and everything after it fails until [`MemoryDisk::cut_power`].
    pub fn crash_at(&self, step: u64) {
        let mut inner = self.lock();
        inner.crash_at = Some(inner.n_steps + step);
    }

    /// How many changes were asked of this disk so far.
    pub fn n_steps(&self) -> u64 {
        self.lock().n_steps
    }

    /// Lets the next `n` syncs of files fail with an input/output error.
    pub fn fail_syncs(&self, n: u32) {
        self.lock().n_failing_syncs = n;
    }

    /// Limits the sum of all file lengths, in bytes; none lifts the limit.
    pub fn set_capacity(&self, capacity_bytes: Option<usize>) {
        self.lock().capacity_bytes = capacity_bytes;
    }

    /// The sum of all file lengths, in bytes.
    pub fn used_bytes(&self) -> usize {
        self.lock().used_bytes()
    }

    /// Turns over one bit of a file, on the disk and for every reader. Says whether it was there.
    pub fn flip_bit(&self, name: &str, byte: usize, bit: u8) -> bool {
        let mut inner = self.lock();
        let Some(file) = inner.live.get(name).copied() else { return false };
        let Some(bytes) = inner.files.get_mut(&file) else { return false };
        if let Some(durable) = bytes.durable.get_mut(byte) {
            *durable ^= 1 << (bit % 8);
        }
        bytes.live.get_mut(byte).map(|live| *live ^= 1 << (bit % 8)).is_some()
    }

    /// What a reader sees of a file.
    pub fn bytes_of(&self, name: &str) -> Option<Vec<u8>> {
        let inner = self.lock();
        let file = inner.live.get(name)?;
        inner.files.get(file).map(|bytes| bytes.live.clone())
    }

    /// Another disk with the same content, faults and unsynced changes: a clone of the device.
    #[must_use]
    pub fn image(&self) -> Self {
        let inner = self.lock();
        let copy = Inner {
            files: inner.files.clone(),
            live: inner.live.clone(),
            durable: inner.durable.clone(),
            renames: inner.renames.clone(),
            file_next: inner.file_next,
            boot: inner.boot,
            n_steps: inner.n_steps,
            crash_at: inner.crash_at,
            is_off: inner.is_off,
            n_failing_syncs: inner.n_failing_syncs,
            capacity_bytes: inner.capacity_bytes,
        };
        Self { inner: Arc::new(Mutex::new(copy)) }
    }

    fn handle(&self, file: u64, boot: u64) -> Box<dyn DiskFile> {
        Box::new(MemoryFile { disk: self.clone(), file, boot })
    }
}

impl Inner {
    fn used_bytes(&self) -> usize {
        self.live.values().filter_map(|file| self.files.get(file)).map(|b| b.live.len()).sum()
    }

    /// Counts one change; fails if the power is off or goes off here.
    fn step(&mut self) -> io::Result<()> {
        let step = self.n_steps;
        self.n_steps += 1;
        if self.crash_at == Some(step) {
            self.is_off = true;
        }
        self.powered()
    }

    fn powered(&self) -> io::Result<()> {
        if self.is_off { Err(io::Error::other("the power is off")) } else { Ok(()) }
    }

    fn named(&self, name: &str) -> io::Result<u64> {
        self.powered()?;
        self.live.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn bytes(&mut self, file: u64, boot: u64) -> io::Result<&mut Bytes> {
        if boot != self.boot {
            return Err(io::Error::other("opened before the power cut"));
        }
        self.powered()?;
        self.files.get_mut(&file).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn rename(&mut self, naming: Naming) {
        naming.apply(&mut self.live);
        self.renames.push(naming);
    }
}

impl Disk for MemoryDisk {
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut inner = self.lock();
        inner.step()?;
        let file = if let Some(file) = inner.live.get(name).copied() {
            let boot = inner.boot;
            let bytes = inner.bytes(file, boot)?;
            bytes.live.clear();
            bytes.unsynced.push(Write::Empty);
            file
        } else {
            let file = inner.file_next;
            inner.file_next += 1;
            inner.files.insert(file, Bytes::default());
            inner.rename(Naming::Name(name.to_owned(), file));
            file
        };
        Ok(self.handle(file, inner.boot))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let inner = self.lock();
        let file = inner.named(name)?;
        Ok(self.handle(file, inner.boot))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let inner = self.lock();
        inner.powered()?;
        Ok(inner.live.keys().cloned().collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut inner = self.lock();
        inner.step()?;
        let file = inner.named(from)?;
        inner.rename(Naming::Rename { from: from.to_owned(), to: to.to_owned(), file });
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut inner = self.lock();
        inner.step()?;
        inner.named(name)?;
        inner.rename(Naming::Remove(name.to_owned()));
        Ok(())
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut inner = self.lock();
        inner.step()?;
        inner.durable = inner.live.clone();
        inner.renames.clear();
        let Inner { files, live, .. } = &mut *inner;
        files.retain(|file, _| live.values().any(|named| named == file));
        Ok(())
    }
}

#[derive(Debug)]
struct MemoryFile {
    disk: MemoryDisk,
    file: u64,
    boot: u64,
}

impl DiskFile for MemoryFile {
    fn length(&self) -> io::Result<u64> {
        let mut inner = self.disk.lock();
        let length = inner.bytes(self.file, self.boot)?.live.len();
        u64::try_from(length).map_err(io::Error::other)
    }

    fn read_at(&mut self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut inner = self.disk.lock();
        let bytes = inner.bytes(self.file, self.boot)?;
        let at = usize::try_from(offset).map_err(io::Error::other)?;
        let part = bytes.live.get(at..at + out.len());
        out.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&mut self, offset: u64, part: &[u8]) -> io::Result<()> {
        let mut inner = self.disk.lock();
        inner.step()?;
        let room =
            inner.capacity_bytes.map_or(usize::MAX, |c| c.saturating_sub(inner.used_bytes()));
        let bytes = inner.bytes(self.file, self.boot)?;
        let at = usize::try_from(offset).map_err(io::Error::other)?;
        let end_max = bytes.live.len().saturating_add(room);
        let fitting = part.len().min(end_max.saturating_sub(at));
        put(&mut bytes.live, at, &part[..fitting]);
        bytes.unsynced.push(Write::At(at, part[..fitting].to_vec()));
        if fitting < part.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync_data(&mut self) -> io::Result<()> {
        let mut inner = self.disk.lock();
        inner.step()?;
        let is_failing = inner.n_failing_syncs > 0;
        inner.n_failing_syncs = inner.n_failing_syncs.saturating_sub(1);
        let bytes = inner.bytes(self.file, self.boot)?;
        let writes = std::mem::take(&mut bytes.unsynced);
        if is_failing {
            return Err(io::Error::other("input/output error"));
        }
        for write in &writes {
            write.apply(&mut bytes.durable);
        }
        Ok(())
    }
}
