//! A backup proved without the live store: every file read, every table made again from the
//! records, and compared with the digests that were taken of the live store.

use std::path::Path;

use ledger::draft::Overlay;
use server_core::feed::floor::floor_of;
use server_core::poster::rebuild::Fold;

use super::BackupError;
use super::folder::{Folder, Verified};
use super::run::place_at;
use crate::store::{STORE_FORMAT, Store};
use crate::verify::digest::{Digests, Pace};
use crate::verify::{Scratch, VerifyError, fold_all};

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Files.
    pub n_files: u64,
    /// Intake and change records in them.
    pub n_records: u64,
    /// Where they lead.
    pub fold: Fold,
    /// How often every table was compared with what the live store held then.
    pub n_checkpoints: u64,
    /// Rows that they make.
    pub n_rows: u64,
    /// Photos and signatures, all of them what their names say.
    pub n_photos: u64,
    /// How far the server itself had proved it.
    pub verified: Option<Verified>,
}

/// Reads the whole backup in `path` and makes every table again in the folder `scratch`.
///
/// # Errors
///
/// [`BackupError`]: the first thing that is wrong.
pub fn check(path: &Path, scratch: &Path) -> Result<Checked, BackupError> {
    let folder = Folder::find(path)?;
    let scratch = Scratch::make(scratch)?;
    let mut previous = String::new();
    let n_files = folder.numbers()?;
    let (mut n_records, mut n_checkpoints) = (0, 0);
    for number in 1..=n_files {
        let segment = fold_file(&folder, (number, &previous), scratch.store(), false)?;
        n_records += segment.records;
        previous = segment.sha256;
        let checkpoint = folder.checkpoint(number)?;
        if let Some(checkpoint) = checkpoint.filter(|known| known.store_format == STORE_FORMAT) {
            let floor = protocol::identity::Lsn(checkpoint.floor);
            let now = scratch.store().snapshot();
            let digests = Digests::of(&now, floor, &mut Pace::full());
            if let Some(table) = digests.difference(&checkpoint.digests) {
                let detail = format!("the live store held something else at file {number}");
                return Err(VerifyError::Differs { table, detail }.into());
            }
            n_checkpoints += 1;
        }
    }
    let whole = scratch.store().snapshot();
    let n_rows = compare_rows(&folder, &whole, n_files)?;
    let fold = Fold::of(&whole);
    let n_photos = super::photos::check(&folder)?;
    let verified = folder.verified()?;
    Ok(Checked { n_files, n_records, fold, n_checkpoints, n_rows, n_photos, verified })
}

/// Holds the snapshot of the folder against the tables that were made again.
fn compare_rows(
    folder: &Folder,
    whole: &crate::store::Snapshot,
    n_files: u64,
) -> Result<u64, BackupError> {
    let floor = floor_of(whole);
    let digests = Digests::of(whole, floor, &mut Pace::full());
    let is_complete = folder.verified()?.is_some_and(|verified| verified.number == n_files);
    if is_complete && folder.rows().exists() {
        let rows = Store::open_beside(&folder.rows())?.snapshot();
        if let Some(table) = Digests::of(&rows, floor, &mut Pace::full()).difference(&digests) {
            let detail = "the snapshot in the folder is not what the records make".to_owned();
            return Err(VerifyError::Differs { table, detail }.into());
        }
    }
    Ok(digests.n_rows())
}

/// A file that was folded.
pub(super) struct Folded {
    pub(super) sha256: String,
    pub(super) records: u64,
}

/// Folds one file into `into`.
pub(super) fn fold_file(
    folder: &Folder,
    (number, previous): (u64, &str),
    into: &Store,
    durable: bool,
) -> Result<Folded, BackupError> {
    let segment = folder.read(number, previous)?;
    let base = into.snapshot();
    let mut book = Overlay::over(&base);
    book.absorb(segment.rows);
    let fold = fold_all(&book, into, durable, |_changes| {})?;
    let to = &segment.tail.to;
    if fold.intake.0 < to.intake || fold.head.lsn.0 < to.lsn {
        return Err(not_leading(folder, number));
    }
    let is_here = fold.intake.0 == to.intake && fold.head.lsn.0 == to.lsn;
    if is_here && place_at(&fold) != *to {
        return Err(not_leading(folder, number));
    }
    Ok(Folded { sha256: segment.sha256, records: segment.tail.records })
}

fn not_leading(folder: &Folder, number: u64) -> BackupError {
    BackupError::damaged(&folder.segment(number), "its records do not lead to its end")
}
