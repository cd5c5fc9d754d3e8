//! Room that is there before sled writes: what meets a full disk inside sled cannot be undone.
//!
//! sled also writes by itself, when it splits pages that are read or moves old ones. So a part of the disk
//! is given to its file ahead of the end of the file, and whatever it writes goes there, also while others
//! fill the disk. Where the system tells nothing about room there is none of this.

use std::fs::File;
use std::io;
use std::path::Path;

use super::StoreError;

/// Bytes that are left to everybody else, and to what sled writes beside its file.
const FREE_BYTES: u64 = 2 << 20;
/// Bytes ahead of an empty file before a batch, beside those for the batch: the segment of 512 KiB that
/// is being filled, those that are being moved, and what an opening writes.
const LEAST_BYTES: u64 = 2 << 20;
/// Bytes of the file for each byte more: an opening writes a snapshot, measured as a ninetieth of the file.
const SNAPSHOT: u64 = 64;
/// Bytes that sled may write for each byte of a batch, and for each key: pages are written whole, split,
/// and moved. With what is least, that is twice the most that was measured.
const PER_BYTE: u64 = 8;
const PER_KEY: u64 = 512;
/// Bytes that are taken more than needed, so that few batches have to ask.
const STEP_BYTES: u64 = 1 << 20;

/// A file's length, and the bytes that are allocated to it beyond that.
struct Extent {
    length: u64,
    ahead: u64,
}

/// Sees to it that a batch of so many bytes and keys finds room in `file`.
///
/// # Errors
///
/// [`StoreError::Full`]: nothing was taken that others need.
pub(super) fn demand(file: &File, n_bytes: usize, n_keys: usize) -> Result<(), StoreError> {
    let (Some(free), Some(extent)) = (free(file), extent(file)) else { return Ok(()) };
    if free < FREE_BYTES {
        return Err(StoreError::Full);
    }
    let part = |n: usize, each: u64| u64::try_from(n).unwrap_or(u64::MAX).saturating_mul(each);
    let batch = part(n_bytes, PER_BYTE).saturating_add(part(n_keys, PER_KEY));
    let wanted = least(extent.length).saturating_add(batch);
    if extent.ahead >= wanted {
        return Ok(());
    }
    let target = wanted.saturating_add(STEP_BYTES);
    if free - FREE_BYTES < target - extent.ahead {
        return Err(StoreError::Full);
    }
    match allocate(file, extent.length.saturating_add(target)) {
        Err(error) if is_full(&error) => Err(StoreError::Full),
        // Not every file system can; then the look at what is free has to do.
        _ => Ok(()),
    }
}

/// What a file had ahead of it and has given back.
#[derive(Debug)]
#[must_use = "it is to be taken again"]
pub(super) struct Lent {
    bytes: u64,
}

/// Gives back what `file` has ahead of it where an opening, which writes beside it, would find no room.
pub(super) fn lend(file: &File) -> Lent {
    let (Some(free), Some(extent)) = (free(file), extent(file)) else { return Lent { bytes: 0 } };
    let is_needed = free < least(extent.length) && extent.ahead > 0;
    // Cut where it ends, a file loses what lies beyond.
    let is_given = is_needed && file.set_len(extent.length).is_ok();
    Lent { bytes: if is_given { extent.ahead } else { 0 } }
}

impl Lent {
    /// Takes it again, as far as it was not used. Best effort.
    pub(super) fn take_again(self, file: &File) {
        let (Some(free), Some(extent)) = (free(file), extent(file)) else { return };
        let bytes = self.bytes.min(free);
        if bytes > extent.ahead {
            let _ = allocate(file, extent.length.saturating_add(bytes));
        }
    }
}

/// Whether the file system of `folder` has so many bytes, beside those that are left to everybody else.
/// Where nobody can tell, it has: whoever writes hears of it if not.
pub(super) fn has_free(folder: &Path, bytes: u64) -> bool {
    let free = File::open(folder).ok().and_then(|folder| free(&folder));
    free.is_none_or(|free| free >= FREE_BYTES.saturating_add(bytes))
}

pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn least(length: u64) -> u64 {
    LEAST_BYTES + length / SNAPSHOT
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn free(file: &File) -> Option<u64> {
    let state = rustix::fs::fstatvfs(file).ok()?;
    Some(state.f_bavail.saturating_mul(state.f_frsize))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn extent(file: &File) -> Option<Extent> {
    use std::os::unix::fs::MetadataExt;
    let state = file.metadata().ok()?;
    // In units of 512 bytes, whatever a block of the file system is.
    let allocated = state.blocks().saturating_mul(512);
    Some(Extent { length: state.len(), ahead: allocated.saturating_sub(state.len()) })
}

/// Has room for the file up to `end`, and leaves its length as it is.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn allocate(file: &File, end: u64) -> io::Result<()> {
    Ok(rustix::fs::fallocate(file, rustix::fs::FallocateFlags::KEEP_SIZE, 0, end)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
const fn free(_file: &File) -> Option<u64> {
    None
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
const fn extent(_file: &File) -> Option<Extent> {
    None
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn allocate(_file: &File, _end: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
