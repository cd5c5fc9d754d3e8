//! Photos and signatures in a backup: one file each, named by the SHA-256 of its bytes, written once and
//! never changed. They are no part of the book, so that they lie beside it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ledger::draft::Draft;
use ledger::key::KeyRange;
use ledger::schema::attachment::AttachmentsByHash;
use ledger::tables::{Read as _, Tables, each_of};
use protocol::frame::beside::BLOB_CHUNK_BYTES_MAX;
use serde_bytes::ByteBuf;
use server_core::schema::{BlobParts, BlobRow, Blobs};
use server_core::session::beside::blob;
use sha2::{Digest as _, Sha256};

use super::BackupError;
use super::files::{Files, Readers, make_folders};
use super::folder::Folder;
use crate::secret;
use crate::store::{Snapshot, Store};
use crate::verify::digest::Pace;

/// The SHA-256 of a photo.
pub type PhotoHash = [u8; 32];

fn hash_of(bytes: &[u8]) -> PhotoHash {
    Sha256::digest(bytes).into()
}

/// Photos that are whole on the disk of the server and that no backup was said to have; with `all`
/// every one that is whole.
fn wanted(live: &dyn Tables, all: bool) -> Vec<(PhotoHash, bool)> {
    let mut wanted = Vec::new();
    each_of::<Blobs>(live, &KeyRange::all(), false, &mut |hash: PhotoHash, row: Arc<BlobRow>| {
        if row.received == row.length && (all || !row.is_safe) {
            wanted.push((hash, row.is_safe));
        }
        std::ops::ControlFlow::Continue(())
    });
    wanted
}

/// Writes the photos of `live` that the folder does not have and reads them back; with `all` those that
/// it has, too. Gives those that are proved now and were not before: only these may devices forget.
pub(super) fn keep(
    folder: &Folder,
    live: &Snapshot,
    all: bool,
    pace: &mut Pace,
) -> Result<Vec<PhotoHash>, BackupError> {
    let place = folder.photos();
    let wanted = wanted(live, all || !place.exists());
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    make_folders(folder.files(), &place).map_err(|source| BackupError::file(&place, source))?;
    let mut proved = Vec::new();
    for (hash, is_safe) in wanted {
        pace.rest();
        let path = place.join(secret::hex(&hash));
        if !is_right(&path, &hash) && !write(folder.files(), &path, (&hash, live))? {
            tracing::error!(path = %path.display(), "a photo of the store is not what it was");
            continue;
        }
        if !is_safe {
            proved.push(hash);
        }
    }
    folder.sync(&place)?;
    Ok(proved)
}

fn is_right(path: &Path, hash: &PhotoHash) -> bool {
    std::fs::read(path).is_ok_and(|bytes| hash_of(&bytes) == *hash)
}

/// Says whether the file has what its name says, read back from the disk.
fn write(
    files: &dyn Files,
    path: &Path,
    (hash, live): (&PhotoHash, &Snapshot),
) -> Result<bool, BackupError> {
    let Some(bytes) = blob(live, hash).filter(|bytes| hash_of(bytes) == *hash) else {
        return Ok(false);
    };
    let part = path.with_extension("part");
    let error = |source| BackupError::file(&part, source);
    let mut file = files.create(&part, Readers::Usual).map_err(error)?;
    file.write_all(&bytes).and_then(|()| file.sync()).map_err(error)?;
    super::run::forget_cached(&part);
    if !is_right(&part, hash) {
        return Err(BackupError::damaged(&part, "it is not what was written"));
    }
    files.rename(&part, path).map_err(|source| BackupError::file(path, source))?;
    Ok(true)
}

/// The photos of a folder.
fn files(folder: &Folder) -> Result<Vec<(PhotoHash, PathBuf)>, BackupError> {
    let place = folder.photos();
    if !place.exists() {
        return Ok(Vec::new());
    }
    let error = |source| BackupError::file(&place, source);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&place).map_err(error)? {
        let entry = entry.map_err(error)?;
        let hash = entry.file_name().to_str().and_then(secret::from_hex);
        files.extend(hash.map(|hash| (hash, entry.path())));
    }
    Ok(files)
}

/// Reads every photo of the folder; says how many there are.
///
/// # Errors
///
/// [`BackupError::Damaged`]: the first that is not what its name says.
pub(super) fn check(folder: &Folder) -> Result<u64, BackupError> {
    let mut n = 0;
    for (hash, path) in files(folder)? {
        if !is_right(&path, &hash) {
            return Err(BackupError::damaged(&path, "it is not what its name says"));
        }
        n += 1;
    }
    Ok(n)
}

/// Puts the photos that operations of `store` name back into it.
pub(super) fn give(folder: &Folder, store: &Store) -> Result<(), BackupError> {
    for (hash, path) in files(folder)? {
        if store.first::<AttachmentsByHash>(&KeyRange::prefix(&(hash,))).is_none() {
            continue;
        }
        let bytes = std::fs::read(&path).map_err(|source| BackupError::file(&path, source))?;
        if hash_of(&bytes) != hash {
            // Its device may have it still: it is asked for, as if it had never been here.
            tracing::error!(path = %path.display(), "a photo of the backup is damaged");
            continue;
        }
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let mut draft = Draft::with_budget(store, u64::MAX);
        draft.put::<Blobs>(&hash, BlobRow { length, received: length, is_safe: true });
        for (part, offset) in
            bytes.chunks(BLOB_CHUNK_BYTES_MAX).zip((0..).step_by(BLOB_CHUNK_BYTES_MAX))
        {
            draft.put::<BlobParts>(&(hash, offset), ByteBuf::from(part.to_vec()));
        }
        store.apply(&draft.finish())?;
    }
    Ok(())
}
