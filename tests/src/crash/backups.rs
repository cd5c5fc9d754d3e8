//! Backups and their way back, ended at each of their file steps.
//!
//! A company whose history was played before is backed up three times, and put back into another folder.
//! The process, or the power, ends at one step; then it is done again. What a run has said to be safe must be
//! in the backup from there on, and the company that is put back must be the one that was backed up. When
//! everything is done the power goes once more: what was promised needs no further write.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use ledger::draft::Changes;
use ledger::schema::book::Companies;
use ledger::tables::Read as _;
use protocol::identity::{IntakeNo, ServerTime};
use server::backup::check::check;
use server::backup::files::Files;
use server::backup::restore::put_back;
use server::backup::run::{Done, Job, run};
use server::config::Config;
use server::store::Store;
use server::verify::compare;
use server::verify::digest::Pace;
use server_core::store::MemoryStore;
use tempfile::TempDir;

use super::files::FusedFiles;
use super::fuse::{Died, Fuse};
use super::hall::{End, Hall};
use super::{begin, come_to_rest, photo, records};

const SERVER: [u8; 16] = [5; 16];
/// What devices know the server by.
const SECRETS: [(&str, usize); 3] = [("server-id", 16), ("lease-secret", 32), ("order-key", 32)];

/// Two states of one company: what is to be written for the first, and from there for the second.
struct Histories {
    first: Changes,
    then: Changes,
}

fn rows_of(store: &MemoryStore) -> Changes {
    let rows = store.tables().rows();
    rows.map(|((table, key), record)| ((table, key.into()), Some(record.clone()))).collect()
}

/// They are played once; the hall has no chance in it.
fn histories() -> &'static Histories {
    static HISTORIES: OnceLock<Histories> = OnceLock::new();
    HISTORIES.get_or_init(|| {
        let mut hall = Hall::new(Fuse::new(None), End::Kill);
        let mut play = || -> Result<Histories, String> {
            begin(&mut hall)?;
            records(&mut hall, 3);
            come_to_rest(&mut hall)?;
            hall.photograph(&photo());
            come_to_rest(&mut hall)?;
            let first = rows_of(&hall.store);
            records(&mut hall, 20);
            come_to_rest(&mut hall)?;
            let mut then = rows_of(&hall.store);
            for name in
                first.keys().filter(|name| !then.contains_key(*name)).cloned().collect::<Vec<_>>()
            {
                then.insert(name, None);
            }
            Ok(Histories { first, then })
        };
        play().expect("without a crash everything comes to rest")
    })
}

/// A company beside its backup.
struct Office {
    fuse: Fuse,
    end: End,
    folder: TempDir,
    files: FusedFiles,
    store: Store,
    n_died: usize,
    /// What devices were told that they may forget.
    safe: IntakeNo,
}

impl Office {
    fn new(fuse: Fuse, end: End) -> std::io::Result<Self> {
        let folder = tempfile::tempdir()?;
        for name in ["data", "attic", "scratch", "restored"] {
            std::fs::create_dir(folder.path().join(name))?;
        }
        let store = Store::open(&folder.path().join("data").join("store"));
        let store = store.map_err(std::io::Error::other)?;
        let files = FusedFiles::new(fuse.clone(), &folder.path().join("attic"));
        let office = Self { fuse, end, folder, files, store, n_died: 0, safe: IntakeNo(0) };
        for (name, n_bytes) in SECRETS {
            std::fs::write(office.path("data").join(name), format!("{}\n", "05".repeat(n_bytes)))?;
        }
        Ok(office)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, changes: &Changes) -> Result<(), String> {
        self.store.apply_unsynced(changes).map_err(|error| error.to_string())
    }

    fn files(&self) -> Arc<dyn Files> {
        Arc::new(self.files.clone())
    }

    /// Does it, and does it again where its process died at it.
    fn insist<T>(&mut self, act: impl Fn(&Self) -> Result<T, String>) -> Result<T, String> {
        for _attempt in 0..3 {
            match catch_unwind(AssertUnwindSafe(|| act(self))) {
                Ok(done) => return done,
                Err(payload) if payload.is::<Died>() => {
                    self.n_died += 1;
                    self.files.end(self.end);
                    self.check()?;
                }
                Err(payload) => resume_unwind(payload),
            }
        }
        Err("a process that dies once begins again".to_owned())
    }

    fn back_up(&mut self, phase: &'static str, full: bool) -> Result<(), String> {
        self.fuse.phase(phase);
        let done: Done = self.insist(|office| {
            let job = Job {
                folder: office.path("second").join("backup"),
                data: office.path("data"),
                server: SERVER,
                snapshot: office.store.snapshot(),
                files: office.files(),
                at: ServerTime(1),
                full,
            };
            run(&job, &mut Pace::full()).map_err(|error| error.to_string())
        })?;
        self.safe = self.safe.max(done.safe());
        Ok(())
    }

    /// What was said to be safe is in the backup.
    fn check(&self) -> Result<(), String> {
        if self.safe == IntakeNo(0) {
            return Ok(());
        }
        let checked = check(&self.path("second").join("backup"), &self.path("scratch"));
        let checked = checked.map_err(|error| format!("the backup is of no use: {error}"))?;
        if checked.fold.intake < self.safe || checked.n_photos == 0 {
            return Err(format!("{:?} was said to be safe, the backup has {checked:?}", self.safe));
        }
        Ok(())
    }

    fn put_back(&mut self) -> Result<Config, String> {
        self.fuse.phase("putting back");
        let config = Config::local(&self.path("restored").join("data"));
        self.insist(|office| {
            if config.store_folder().exists() {
                // It had been put back when it died.
                return Ok(());
            }
            let from = office.path("second").join("backup");
            let done = put_back(&from, &config, (false, office.files()));
            done.map(drop).map_err(|error| error.to_string())
        })?;
        Ok(config)
    }
}

fn play(office: &mut Office) -> Result<(), String> {
    office.write(&histories().first)?;
    office.back_up("first backup", true)?;
    office.write(&histories().then)?;
    // Another order key is kept beside what is there.
    let key = office.path("data").join("order-key");
    std::fs::write(key, "06".repeat(32)).map_err(|error| error.to_string())?;
    office.back_up("next backup", false)?;
    office.back_up("backup that compares everything", true)?;
    office.files.end(office.end);
    office.check()?;
    let config = office.put_back()?;
    office.files.end(office.end);
    judge(office, &config)
}

/// The company is what it was, devices know its server, and it begins one generation.
fn judge(office: &Office, config: &Config) -> Result<(), String> {
    let told = |error: &dyn std::error::Error| error.to_string();
    for (name, _bytes) in SECRETS {
        let read = |folder: &Path| std::fs::read(folder.join(name)).ok();
        if read(&config.folder).is_none() || read(&config.folder) != read(&office.path("data")) {
            return Err(format!("{name} is another one"));
        }
    }
    let live = office.store.snapshot();
    let epoch = live.row::<Companies>(&()).map_or(1, |row| row.epoch.0);
    let store = Store::open(&config.store_folder()).map_err(|error| told(&error))?;
    compare(&live, &store.snapshot(), &mut Pace::full()).map_err(|error| told(&error))?;
    drop(store);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.map_err(|error| told(&error))?.block_on(async {
        // However often it is opened.
        let mut first = None;
        for _opening in 0..2 {
            let opened = server::open::open(config).await.map_err(|error| told(&error))?;
            let begun = opened.runtime.company().snapshot().row::<Companies>(&());
            let begun = begun.map_or(1, |row| row.epoch.0);
            opened.runtime.stop().await;
            if begun <= epoch || *first.get_or_insert(begun) != begun {
                return Err(format!("generation {begun} follows {epoch} and {first:?}"));
            }
        }
        Ok(())
    })
}

/// Plays the script once, ending its process before step `at`.
pub(super) fn trial(at: Option<usize>, end: End) -> (Fuse, Result<(), String>) {
    let fuse = Fuse::new(at);
    let mut office = match Office::new(fuse.clone(), end) {
        Ok(office) => office,
        Err(error) => return (fuse, Err(error.to_string())),
    };
    let played = play(&mut office);
    let died = at.is_none() || office.n_died > 0 || !fuse.is_burnt();
    let done = if died { played } else { Err("nothing died at it".to_owned()) };
    (fuse, done)
}
