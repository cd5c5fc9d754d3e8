//! The store of one company: fjall 3 behind the calls the machine needs (read, scan, apply
//! durably, snapshot).
//!
//! A key in the engine is the table's number and the key's bytes. Keyspaces are for what lives
//! differently ([`home`]): `intake`, `change` and other tables that only grow at their end have one each,
//! so that none of their files is ever merged with another; `feed` grows and is cut off at its low end;
//! `history` grows in its middle; `state` is everything else.
//!
//! One writer: [`Store::apply`] is called from one thread at a time. What it read and wrote lately it
//! keeps itself; everybody else reads a [`Snapshot`], which never waits and never sees half a group.
//!
//! After an error of the disk the store is stopped: nothing more is read from it or written to it,
//! because after a failed sync nobody knows what the file holds. The process reopens it.
//!
//! Never here: what rows mean.

mod home;
mod migrate;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use fjall::compaction::Leveled;
use fjall::{
    AbstractTree as _, Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable as _,
};
use ledger::draft::Changes;
use ledger::key::KeyRange;
use ledger::record::Record;
use ledger::schema::book::Intakes;
use ledger::tables::{Table as _, TableId, Tables, Visit};

use home::Home;

/// Version of the layout of a store's folder.
///
/// | format | since | differs from the one before |
/// |---|---|---|
/// | 1 | the first release | |
/// | 2 | costing, orders, restorations | records of version 2; tables 110 to 113 |
/// | 3 | discounts, serials whose place is unsure, first replicas that outlive a restart | records of version 3; tables 38, 86, 233, 234 |
/// | 4 | tables that only grow apart from the others | they lie in keyspaces of their own |
/// | 5 | histories apart from what is open now | they lie in the keyspace `history` |
pub const STORE_FORMAT: u32 = 5;
/// The first format with the keyspaces of this release.
const FORMAT_OF_HOMES: u32 = 5;

const FORMAT_FILE: &str = "format";
const ROWS_FOLDER: &str = "rows";
const JOURNAL_BYTES: u64 = 256 << 20;
/// Bytes of a file of rows. The first level below the buffers has four of them, and is written anew
/// each time that four buffers are merged into it: each of them has rows of all tables. At the
/// engine's own 64 MiB that is five times what came. A keyspace keeps the figure that it was made
/// with.
const TABLE_BYTES: u64 = 16 << 20;
/// Files that stay open. Sockets need theirs too, and a system may give a process 1,024 of both. Rows of
/// late are in the last files of each keyspace, of which there are twenty.
const FILES_MAX: usize = 128;

/// How often it is looked whether files were written, where who writes waits for them.
const LOOK: Duration = Duration::from_millis(2);
/// So many looks without a change are enough: a file of the size of a buffer takes less. A store that is
/// slow goes on, one that stands says so itself.
const IDLE_LOOKS_MAX: u32 = 1_000;

/// What a store may hold in memory.
#[derive(Debug, Clone, Copy)]
struct Share {
    /// Blocks of files.
    cache_bytes: u64,
    /// Keys and values of the keyspace with the histories that wait for their file; there they take twice
    /// their bytes. Others have a part of it ([`home::Named::part`]): what is not merged is spared nothing
    /// by a larger file. Whoever opens the store says how much, whatever it was made with.
    buffer_bytes: u64,
}

impl Share {
    /// Keys and values that may wait for their file in all keyspaces together before who writes waits for
    /// it. It is more than all buffers hold that are not due for their file: else nobody would write the file
    /// that is waited for.
    const fn held_max(self) -> u64 {
        self.buffer_bytes * 12
    }

    /// Of the store that works. At the engine's own 64 MiB, memory rises for hours before it is level.
    const HOUSE: Self = Self { cache_bytes: 64 << 20, buffer_bytes: 16 << 20 };
    /// Of one that is open for a while beside it.
    const BESIDE: Self = Self { cache_bytes: 16 << 20, buffer_bytes: 4 << 20 };
}

/// Why the store cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The engine says so.
    #[error("the store at {path} cannot be used")]
    Engine {
        /// The folder.
        path: PathBuf,
        /// What the engine says.
        #[source]
        source: fjall::Error,
    },
    /// The folder cannot be read or made.
    #[error("the folder {path} cannot be used")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Another process has it open.
    #[error("the store at {path} is in use: a server runs with it")]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// Written by a later release.
    #[error(
        "the store at {path} has format {found}, this release knows {STORE_FORMAT}: \
         install the release that wrote it"
    )]
    Newer {
        /// The folder.
        path: PathBuf,
        /// Its format.
        found: String,
    },
    /// The format cannot be read.
    #[error("the store at {path} has no format that can be read: {found:?}")]
    Format {
        /// The folder.
        path: PathBuf,
        /// What stands in its place.
        found: String,
    },
    /// A row of an older format cannot be brought to this one.
    #[error("the store at {path} cannot be brought to this release: restore a backup")]
    Row {
        /// The folder.
        path: PathBuf,
        /// Which row.
        #[source]
        source: ledger::upgrade::UpgradeError,
    },
    /// An earlier error stopped it.
    #[error("the store was stopped by an earlier error: {reason}")]
    Stopped {
        /// The earlier error.
        reason: String,
    },
}

struct Inner {
    path: PathBuf,
    database: Database,
    share: Share,
    /// Each at its [`Home::place`], with the bytes of a full buffer.
    keyspaces: Vec<(Keyspace, u64)>,
    stopped: Mutex<Option<String>>,
    /// The last field, so that it goes when everything else is closed.
    open: Arc<()>,
}

/// The store of one company. Cloning shares it.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

/// Tells whether a store is still open, without keeping it open.
#[derive(Debug, Clone)]
pub struct Held(Weak<()>);

impl Held {
    /// Whether anybody in this process still has the store open: its files may change until then, and
    /// nobody else can open it.
    pub fn is_open(&self) -> bool {
        self.0.strong_count() > 0
    }
}

/// What a store holds in memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Keys and values that are in the journal and in no other file yet.
    pub buffered: u64,
    /// Blocks of files that were read or written lately.
    pub cached: u64,
}

impl Store {
    /// Opens the store in `path`, or makes it. A store of an older format is brought to this
    /// release's; the older release cannot open it any more then.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; a store that is in use or newer is not touched.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, Share::HOUSE)
    }

    /// The same for a store that is open for a while beside the one that works: it takes less memory.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub fn open_beside(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, Share::BESIDE)
    }

    fn open_with(path: &Path, share: Share) -> Result<Self, StoreError> {
        let found = check_format(path)?;
        let store = Self::open_rows(path, share)?;
        if found < STORE_FORMAT {
            let n_moved = if found < FORMAT_OF_HOMES { migrate::move_home(&store)? } else { 0 };
            let n_rows = n_moved + migrate::migrate(&store, ledger::upgrade::STEPS)?;
            migrate::write_format(path)
                .map_err(|source| StoreError::Folder { path: path.to_owned(), source })?;
            tracing::warn!(from = found, to = STORE_FORMAT, n_rows, "the store was migrated");
        }
        Ok(store)
    }

    fn open_rows(path: &Path, share: Share) -> Result<Self, StoreError> {
        let engine = |source| match source {
            fjall::Error::Locked => StoreError::InUse { path: path.to_owned() },
            source => StoreError::Engine { path: path.to_owned(), source },
        };
        let database = Database::builder(path.join(ROWS_FOLDER))
            .cache_size(share.cache_bytes)
            .max_journaling_size(JOURNAL_BYTES)
            .max_cached_files(Some(FILES_MAX))
            .worker_threads(1)
            .open()
            .map_err(engine)?;
        let keyspace = |named: home::Named| {
            let buffer_bytes = share.buffer_bytes / named.part;
            let merging = Leveled::default()
                .with_table_target_size(TABLE_BYTES)
                .with_level_ratio_policy(vec![named.ratio]);
            let merging: Arc<Leveled> = Arc::new(merging);
            let options = || {
                KeyspaceCreateOptions::default()
                    .max_memtable_size(buffer_bytes)
                    .compaction_strategy(Arc::clone(&merging) as Arc<_>)
            };
            let keyspace = database.keyspace(&named.name, options).map_err(engine)?;
            Ok((keyspace, buffer_bytes))
        };
        let keyspaces = home::keyspaces().into_iter().map(keyspace).collect::<Result<_, _>>()?;
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            database,
            share,
            keyspaces,
            stopped: Mutex::new(None),
            open: Arc::default(),
        })))
    }

    /// The folder of this store.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Tells later whether this store is still open.
    pub fn held(&self) -> Held {
        Held(Arc::downgrade(&self.0.open))
    }

    /// Bytes on disk.
    ///
    /// # Errors
    ///
    /// [`StoreError::Engine`].
    pub fn disk_bytes(&self) -> Result<u64, StoreError> {
        self.0.database.disk_space().map_err(|source| self.engine_error(source))
    }

    /// What the store holds in memory.
    pub fn memory(&self) -> Memory {
        let database = &self.0.database;
        Memory { buffered: database.write_buffer_size(), cached: database.cache_size() }
    }

    /// Makes `changes` part of the store, all or none, and returns when they are on disk.
    ///
    /// # Errors
    ///
    /// [`StoreError`]. Nobody knows then whether the changes are on disk: the store is stopped and
    /// has to be opened again.
    pub fn apply(&self, changes: &Changes) -> Result<(), StoreError> {
        self.write(changes, PersistMode::SyncData)
    }

    /// As [`Store::apply`], but a power cut may take the changes: for stores that can be made again.
    ///
    /// # Errors
    ///
    /// As [`Store::apply`].
    pub fn apply_unsynced(&self, changes: &Changes) -> Result<(), StoreError> {
        self.write(changes, PersistMode::Buffer)
    }

    /// Makes everything durable that was applied without being synced.
    ///
    /// # Errors
    ///
    /// As [`Store::apply`].
    pub fn sync(&self) -> Result<(), StoreError> {
        self.check()?;
        self.0.database.persist(PersistMode::SyncAll).map_err(|source| self.stop(source))
    }

    fn write(&self, changes: &Changes, mode: PersistMode) -> Result<(), StoreError> {
        self.check()?;
        let mut batch = self.0.database.batch().durability(Some(mode));
        let mut name = Vec::new();
        let mut place = (Intakes::ID, self.0.keyspace(Intakes::ID));
        for ((table, key), change) in changes {
            if place.0 != *table {
                place = (*table, self.0.keyspace(*table));
            }
            let keyspace = place.1;
            write_engine_key(*table, key, &mut name);
            match change {
                Some(record) => batch.insert(keyspace, name.as_slice(), record.bytes()),
                None => batch.remove(keyspace, name.as_slice()),
            }
        }
        self.commit(batch)
    }

    /// Writes a batch, and waits where too much waits for its file.
    fn commit(&self, batch: fjall::OwnedWriteBatch) -> Result<(), StoreError> {
        batch.commit().map_err(|source| self.stop(source))?;
        self.turn_over_full_buffers().map_err(|source| self.stop(source))?;
        self.wait_for_files();
        Ok(())
    }

    /// Hands buffers that are full to the thread that writes files. The engine asks that thread to do so
    /// itself, once with each batch that finds a buffer full; while it merges, a thousand such messages
    /// would fill its inbox, and it waits for ever for room there when it sends to itself.
    fn turn_over_full_buffers(&self) -> Result<(), fjall::Error> {
        for (keyspace, buffer_bytes) in &self.0.keyspaces {
            if keyspace.tree.active_memtable().size() > *buffer_bytes {
                keyspace.rotate_memtable()?;
            }
        }
        Ok(())
    }

    /// Waits while too much is in memory only, for as long as its files get written.
    fn wait_for_files(&self) {
        let mut least = u64::MAX;
        let mut n_idle = 0;
        while self.memory().buffered > self.0.share.held_max() && n_idle < IDLE_LOOKS_MAX {
            std::thread::sleep(LOOK);
            let buffered = self.memory().buffered;
            n_idle = if buffered < least { 0 } else { n_idle + 1 };
            least = least.min(buffered);
        }
    }

    /// The store as it is now, for readers that must not wait for the writer.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { store: self.clone(), cut: Arc::new(self.0.database.snapshot()) }
    }

    /// Whether the store still works.
    ///
    /// # Errors
    ///
    /// [`StoreError::Stopped`] with the error that stopped it.
    pub fn check(&self) -> Result<(), StoreError> {
        let stopped = self.0.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        match stopped.as_ref() {
            None => Ok(()),
            Some(reason) => Err(StoreError::Stopped { reason: reason.clone() }),
        }
    }

    fn stop(&self, source: fjall::Error) -> StoreError {
        let mut stopped = self.0.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        stopped.get_or_insert_with(|| source.to_string());
        self.engine_error(source)
    }

    fn engine_error(&self, source: fjall::Error) -> StoreError {
        StoreError::Engine { path: self.0.path.clone(), source }
    }
}

impl Inner {
    fn keyspace(&self, table: TableId) -> &Keyspace {
        self.keyspace_at(Home::of(table))
    }

    fn keyspace_at(&self, home: Home) -> &Keyspace {
        &self.keyspaces[home.place()].0
    }
}

fn engine_key(table: TableId, key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(key.len() + 1);
    write_engine_key(table, key, &mut bytes);
    bytes
}

fn write_engine_key(table: TableId, key: &[u8], bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.push(table.0);
    bytes.extend_from_slice(key);
}

/// The format of the folder; a new folder has this release's.
fn check_format(path: &Path) -> Result<u32, StoreError> {
    let folder = |source| StoreError::Folder { path: path.to_owned(), source };
    std::fs::create_dir_all(path).map_err(folder)?;
    let file = path.join(FORMAT_FILE);
    match std::fs::read_to_string(&file) {
        Ok(found) => match found.trim().parse::<u32>() {
            Ok(format) if (1..=STORE_FORMAT).contains(&format) => Ok(format),
            Ok(0) | Err(_) => Err(StoreError::Format { path: path.to_owned(), found }),
            Ok(_later) => {
                Err(StoreError::Newer { path: path.to_owned(), found: found.trim().to_owned() })
            }
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            // The file is written before the first row: rows without it are of an unknown format.
            if path.join(ROWS_FOLDER).exists() {
                let found = "nothing".to_owned();
                return Err(StoreError::Format { path: path.to_owned(), found });
            }
            migrate::write_format(path).map_err(folder)?;
            Ok(STORE_FORMAT)
        }
        Err(error) => Err(folder(error)),
    }
}

/// Reads what `guards` yield, without the table's byte in front of the keys.
fn visit_all(
    guards: impl Iterator<Item = fjall::Guard>,
    visit: Visit<'_>,
) -> Result<(), fjall::Error> {
    for guard in guards {
        let (key, value) = guard.into_inner()?;
        let record = Record::from_bytes(&value[..]);
        if visit(key.get(1..).unwrap_or_default(), &record) == ControlFlow::Break(()) {
            break;
        }
    }
    Ok(())
}

/// The writer's own view: committed rows.
///
/// A read that fails stops the store and finds nothing; whoever judges must [`Store::check`]
/// before anything is committed.
impl Tables for Store {
    fn get(&self, table: TableId, key: &[u8]) -> Option<Record> {
        match self.0.keyspace(table).get(engine_key(table, key)) {
            Ok(value) => value.map(|value| Record::from_bytes(&value[..])),
            Err(error) => {
                let _stopped = self.stop(error);
                None
            }
        }
    }

    fn scan(&self, table: TableId, range: &KeyRange, reverse: bool, visit: Visit<'_>) {
        if range.is_empty() {
            return;
        }
        let bounds = engine_key(table, &range.from)..engine_key(table, &range.to);
        let rows = self.0.keyspace(table).range(bounds);
        let read = if reverse { visit_all(rows.rev(), visit) } else { visit_all(rows, visit) };
        if let Err(error) = read {
            let _stopped = self.stop(error);
        }
    }
}

/// The store as of one instant. Cloning shares it.
#[derive(Clone)]
pub struct Snapshot {
    // In this order: whoever lets go of the last store has nothing of it left.
    cut: Arc<fjall::Snapshot>,
    store: Store,
}

impl Snapshot {
    /// Whether everything that was read could be read.
    ///
    /// # Errors
    ///
    /// [`StoreError::Stopped`].
    pub fn check(&self) -> Result<(), StoreError> {
        self.store.check()
    }
}

impl Tables for Snapshot {
    fn get(&self, table: TableId, key: &[u8]) -> Option<Record> {
        let keyspace = self.store.0.keyspace(table);
        match self.cut.get(keyspace, engine_key(table, key)) {
            Ok(value) => value.map(|value| Record::from_bytes(&value[..])),
            Err(error) => {
                let _stopped = self.store.stop(error);
                None
            }
        }
    }

    fn scan(&self, table: TableId, range: &KeyRange, reverse: bool, visit: Visit<'_>) {
        if range.is_empty() {
            return;
        }
        let bounds = engine_key(table, &range.from)..engine_key(table, &range.to);
        let rows = self.cut.range(self.store.0.keyspace(table), bounds);
        let read = if reverse { visit_all(rows.rev(), visit) } else { visit_all(rows, visit) };
        if let Err(error) = read {
            let _stopped = self.store.stop(error);
        }
    }
}

impl server_core::store::Store for Store {
    fn cut(&self) -> server_core::store::Cut {
        Arc::new(self.snapshot())
    }
}

#[cfg(test)]
mod tests;
