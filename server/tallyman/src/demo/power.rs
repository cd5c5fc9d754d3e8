//! The power of the demo's server: when it goes, what was not on the disk is gone with it.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use server::config::Config;
use server::open::open_over;
use server::runtime::Commit;
use server::server::{Running, Server};
use server::store::{Store, StoreError};

use crate::Problem;

/// What the disk does with what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Disk {
    /// It writes.
    #[default]
    Writes,
    /// It takes its time.
    Hangs,
    /// It has no power.
    Dead,
}

#[derive(Debug, Default)]
struct Mains {
    disk: Mutex<Disk>,
    changed: Condvar,
}

impl Mains {
    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, disk: Disk) {
        *self.lock() = disk;
        self.changed.notify_all();
    }

    /// Waits while the disk hangs; false when it has no power.
    fn writes(&self) -> bool {
        let waited = self.changed.wait_while(self.lock(), |disk| *disk == Disk::Hangs);
        *waited.unwrap_or_else(PoisonError::into_inner) == Disk::Writes
    }
}

/// A server whose power can be cut.
pub(crate) struct House {
    config: Config,
    store: Store,
    mains: Arc<Mains>,
}

impl House {
    /// Opens the data folder and serves it.
    pub(crate) async fn open(config: Config) -> Result<(Self, Running), Problem> {
        std::fs::create_dir_all(&config.folder)?;
        let store = Store::open(&config.store_folder())?;
        let mut house = Self { config, store, mains: Arc::default() };
        let running = house.serve().await?;
        house.config.listen = running.addr();
        Ok((house, running))
    }

    /// Starts the server over what its disk holds.
    pub(crate) async fn serve(&self) -> Result<Running, Problem> {
        self.mains.set(Disk::Writes);
        let (mains, store) = (Arc::clone(&self.mains), self.store.clone());
        let path = self.config.store_folder();
        let commit = Commit::with(move |changes| {
            if mains.writes() {
                return store.apply(changes);
            }
            let source = io::Error::other("the power is gone");
            Err(StoreError::Folder { path: path.clone(), source })
        });
        let opened = open_over(&self.config, self.store.clone(), commit).await?;
        Ok(Server::start_over(&self.config, opened)?)
    }

    /// From now on the disk takes its time: what the server is told is not on it yet.
    pub(crate) fn hold_disk(&self) {
        self.mains.set(Disk::Hangs);
    }

    /// The power goes, and what the disk had not written.
    pub(crate) async fn cut_power(&self, running: Running) {
        self.mains.set(Disk::Dead);
        // It ends because it cannot write: that is what was asked for.
        let _health = running.stop().await;
    }
}
