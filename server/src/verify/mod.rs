//! Whether a store is what its book says: both chains from their beginning, and every table made
//! again from the records and compared.
//!
//! Never here: what rows mean, and mending anything. Who finds a difference restores a backup.

pub mod chain;
pub mod digest;

use std::path::{Path, PathBuf};

use ledger::tables::{TableId, Tables};
use protocol::identity::Lsn;
use server_core::feed::floor::floor_of;
use server_core::poster::rebuild::{BookFault, Fold};
use server_core::schema::{APART, all_tables};

use crate::store::{Snapshot, Store, StoreError};
use digest::{Digests, Pace};

/// Records that are folded in one step.
const RECORDS_PER_STEP: usize = 1_000;

/// Why a store cannot be trusted, or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The book itself.
    #[error("the book is damaged")]
    Book(#[from] BookFault),
    /// The store, or the scratch folder.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A table is not what the book makes of it.
    #[error("table {table} differs from what the book makes of it: {detail}")]
    Differs {
        /// Its name.
        table: &'static str,
        /// Where.
        detail: String,
    },
    /// The scratch folder cannot be used.
    #[error("the scratch folder {path} cannot be used")]
    Scratch {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
}

/// What was compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How far the book goes.
    pub fold: Fold,
    /// Tables and their digests, equal on both sides.
    pub digests: Digests,
}

/// A folder for a rebuilt store, emptied before and after.
pub struct Scratch {
    path: PathBuf,
    store: Store,
}

impl Scratch {
    /// Makes an empty store in `path`, in place of whatever is there.
    ///
    /// # Errors
    ///
    /// [`VerifyError::Scratch`], [`VerifyError::Store`].
    pub fn make(path: &Path) -> Result<Self, VerifyError> {
        let scratch = |source| VerifyError::Scratch { path: path.to_owned(), source };
        if path.exists() {
            std::fs::remove_dir_all(path).map_err(scratch)?;
        }
        Ok(Self { path: path.to_owned(), store: Store::open_beside(path)? })
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left of a scratch folder is emptied before it is used again.
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "a scratch folder remains");
        }
    }
}

/// Folds everything of `book` that `into` does not have yet. Each step is whole or not there; it is
/// made durable only where `durable` says so.
///
/// # Errors
///
/// [`VerifyError`]; `into` holds what was folded before.
pub fn fold_all(
    book: &dyn Tables,
    into: &Store,
    durable: bool,
    mut each: impl FnMut(&ledger::draft::Changes),
) -> Result<Fold, VerifyError> {
    let mut fold = Fold::of(into);
    loop {
        let changes = fold.step(book, into, RECORDS_PER_STEP)?;
        if changes.is_empty() {
            return Ok(fold);
        }
        if durable {
            into.apply(&changes)?;
        } else {
            into.apply_unsynced(&changes)?;
        }
        each(&changes);
    }
}

/// Makes every table again from the book of `snapshot`, in the folder `scratch`, and compares.
///
/// # Errors
///
/// [`VerifyError`]: the first difference.
pub fn rebuild_and_compare(
    snapshot: &Snapshot,
    scratch: &Path,
    pace: &mut Pace,
) -> Result<Verified, VerifyError> {
    let scratch = Scratch::make(scratch)?;
    let fold = fold_all(snapshot, scratch.store(), false, |_changes| pace.rest())?;
    let digests = compare(snapshot, &scratch.store().snapshot(), pace)?;
    snapshot.check()?;
    scratch.store().check()?;
    Ok(Verified { fold, digests })
}

/// Compares every table of the book in `live` and `rebuilt`.
///
/// # Errors
///
/// [`VerifyError::Differs`].
pub fn compare(
    live: &dyn Tables,
    rebuilt: &dyn Tables,
    pace: &mut Pace,
) -> Result<Digests, VerifyError> {
    let floor = floor_of(live);
    let (ours, theirs) = (Digests::of(live, floor, pace), Digests::of(rebuilt, floor, pace));
    for (table, name) in book_tables() {
        if ours.get(table) != theirs.get(table) {
            let detail = digest::first_difference(live, rebuilt, table, floor)
                .unwrap_or_else(|| "the digests differ".to_owned());
            return Err(VerifyError::Differs { table: name, detail });
        }
    }
    Ok(ours)
}

/// The tables that follow from the book.
pub fn book_tables() -> impl Iterator<Item = (TableId, &'static str)> {
    all_tables().into_iter().filter(|(table, _name)| !APART.contains(table))
}

/// Whether a row is compared: what lies below the floor of the feed may be gone, or not yet.
pub(crate) fn is_compared(table: TableId, key: &[u8], floor: Lsn) -> bool {
    use ledger::key::Key as _;
    use ledger::schema::SiteId;
    use ledger::tables::Table as _;
    use server_core::schema::FeedIndex;
    table != FeedIndex::ID
        || <(SiteId, Lsn, u32)>::from_bytes(key).is_some_and(|(_site, lsn, _n)| lsn > floor)
}
