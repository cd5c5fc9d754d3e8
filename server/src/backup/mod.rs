//! Backups: the book in a second folder, online, in parts, each read back and proved by rebuilding.
//!
//! The folder:
//!
//! | file | is |
//! |---|---|
//! | `backup.json` | which server this is a backup of, and the format |
//! | `book-….tallyman` | the records since the file before it ([`segment`]); never changed |
//! | `rows/` | the snapshot: a store with every table, folded from those files after they were read back |
//! | `conversation.tallyman` | leases and what devices last said of themselves; replaced by each run |
//! | `photos/` | photos and signatures, each named by the SHA-256 of its bytes ([`photos`]) |
//! | `secrets/` | what devices know the server by: its number, the lease secret, its own certificate, and which it served from when |
//! | `verified.json` | how far the last run came that was proved |
//! | `checkpoint-….json` | digests of every table of the live store, for proofs without it |
//!
//! 1. A run reads a snapshot of the store, never the store's writer: posting does not wait for it.
//! 2. What a run costs follows what was recorded since the last one. Only a full comparison, once a
//!    day, reads everything.
//! 3. A run counts when its files were read back from the disk, their chain follows what was
//!    verified before, and every row that they make is the row of the live store. Only then may
//!    devices forget what is in it.
//! 4. A folder belongs to one log. A store that does not continue it is refused, never mixed in.
//!
//! Order of reading: [`files`], [`segment`], [`folder`], [`run`], [`photos`], [`check`] (without the live store),
//! [`restore`], [`schedule`], [`request`] (asked for by another process).

pub mod check;
mod documents;
pub mod files;
pub mod folder;
pub mod photos;
pub mod request;
pub mod restore;
pub mod run;
pub mod schedule;
pub mod segment;

use std::path::{Path, PathBuf};

use crate::store::StoreError;
use crate::verify::VerifyError;

/// Version of the layout of a backup's folder.
pub const BACKUP_FORMAT: u32 = 1;

/// Where and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The second folder: best on another disk, or another machine's.
    pub folder: PathBuf,
    /// Seconds from one run to the next.
    pub every_s: u32,
    /// Seconds from one comparison of everything to the next.
    pub full_every_s: u32,
}

impl Schedule {
    /// Four times an hour, with a comparison of everything once a day.
    pub fn usual(folder: PathBuf) -> Self {
        Self { folder, every_s: 900, full_every_s: 86_400 }
    }

    /// The folder beside `data` that backups go to where no other is named.
    pub fn folder_beside(data: &Path) -> PathBuf {
        let name = data.file_name().map_or_else(|| "data".into(), std::ffi::OsStr::to_os_string);
        let mut name = name;
        name.push("-backup");
        data.with_file_name(name)
    }
}

/// Why a backup cannot be made, trusted or used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file cannot be read or written.
    #[error("{path} cannot be used")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A file is not what was written.
    #[error("{path} is damaged: {why}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Another process works with the folder.
    #[error("{path} is in use by another process")]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The folder is of another server.
    #[error("{path} holds the backup of another server: name another folder")]
    OtherServer {
        /// The folder.
        path: PathBuf,
    },
    /// There is no backup.
    #[error("{path} holds no backup")]
    Nothing {
        /// The folder.
        path: PathBuf,
    },
    /// Written by a later release.
    #[error(
        "{path} has backup format {found}, this release knows {BACKUP_FORMAT}: install the release \
         that wrote it"
    )]
    Newer {
        /// The folder.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The store is not the continuation of what the folder holds.
    #[error(
        "the store does not continue the backup in {path}, which goes to operation {intake}: it \
         was put back from an older copy. Use `tallyman restore`, so that devices offer again what \
         is missing; or name another folder for backups"
    )]
    OtherLog {
        /// The folder.
        path: PathBuf,
        /// The last operation that the folder holds.
        intake: u64,
    },
    /// There is a store already where a backup is to be restored to.
    #[error("{path} holds a company already: move it away first")]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// The live store, or the snapshot in the folder.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was read back does not make the rows of the live store.
    #[error("the backup does not hold what the store holds")]
    Verify(#[from] VerifyError),
    /// The restored company cannot be opened.
    #[error("the restored company cannot be opened")]
    Open(#[from] crate::open::OpenError),
    /// The restored company does not begin its new generation.
    #[error("the restored company does not begin its new generation")]
    Begin(#[from] crate::runtime::SubmitError),
}

impl BackupError {
    pub(crate) fn file(path: &Path, source: std::io::Error) -> Self {
        Self::File { path: path.to_owned(), source }
    }

    pub(crate) fn damaged(path: &Path, why: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), why: why.into() }
    }
}
