//! How the storage of the device is: what has failed, what was lost, what was built anew; and what is
//! done when the disk is full.
//!
//! 1. A full disk harms nothing: scans are recorded while the recorder has room, the reserve is given
//!    up for them, and then they are refused. Rows stay as they are until there is room again.
//! 2. Whatever happened is counted here and told to the server, again and again, in HB.

use std::collections::BTreeSet;

use protocol::health::{StorageReport, StorageState};

use super::{Action, DeviceCore, Moment, News};
use crate::recorder::Recovery;
use crate::session;
use crate::store::{StoreError, StoreName};

/// What is known of the storage.
#[derive(Debug, Default)]
pub(super) struct Storage {
    /// Counts of the state file; its state is that of the moment.
    pub(super) counts: StorageReport,
    /// The reserve is gone, or the next segment cannot be made.
    is_low: bool,
    /// The last record was refused for want of room.
    is_refusing: bool,
    /// Stores that cannot be written until there is room.
    waiting: BTreeSet<StoreName>,
    /// What the server was told last in this connection.
    told: Option<StorageReport>,
}

impl Storage {
    /// Goes on counting from the counts of the state file.
    pub(super) fn new(counts: StorageReport) -> Self {
        Self { counts, ..Self::default() }
    }

    /// What an opening has found and put right.
    pub(super) fn found(&mut self, recovery: &Recovery) {
        let n_lost: u64 =
            recovery.holes.iter().map(|hole| hole.end().saturating_sub(*hole.start()) + 1).sum();
        self.counts.n_lost = self.counts.n_lost.saturating_add(n_lost);
        self.counts.n_damaged =
            self.counts.n_damaged.saturating_add(u64::from(recovery.is_damaged));
    }

    /// A store was set aside.
    pub(super) fn store_lost(&mut self) {
        self.counts.n_set_aside = self.counts.n_set_aside.saturating_add(1);
    }
}

impl Storage {
    /// A picture was destroyed: no operation, but a loss.
    pub(super) fn blob_lost(&mut self) {
        self.counts.n_damaged = self.counts.n_damaged.saturating_add(1);
    }
}

impl DeviceCore {
    /// How the storage is.
    pub fn storage(&self) -> StorageReport {
        let storage = &self.storage;
        let state = if self.stopped.is_some() {
            StorageState::Stopped
        } else if storage.is_refusing {
            StorageState::Full
        } else if storage.is_low || !storage.waiting.is_empty() {
            StorageState::Low
        } else {
            StorageState::Good
        };
        StorageReport { state, ..storage.counts }
    }

    /// Counts the stores that had to be set aside before this was opened.
    pub(crate) fn count_set_aside(&mut self, news: &[News]) {
        for _ in news.iter().filter(|news| matches!(news, News::StoreSetAside(..))) {
            self.storage.store_lost();
            self.is_state_dirty = true;
        }
    }

    /// The reserve is used up, or there is none.
    pub(super) fn note_low(&mut self) {
        if !std::mem::replace(&mut self.storage.is_low, true) {
            self.news.push(News::DiskFull);
        }
        self.give_up_taken_blobs();
    }

    /// The reserve is there.
    pub(super) fn note_room(&mut self) {
        self.storage.is_low = false;
    }

    /// Whether the last record was refused for want of room.
    pub(super) fn note_refusal(&mut self, is_refused: bool) {
        if !std::mem::replace(&mut self.storage.is_refusing, is_refused) && is_refused {
            self.news.push(News::DiskFull);
        }
    }

    /// A store cannot be written until there is room.
    pub(super) fn store_full(&mut self, name: StoreName) {
        if self.storage.waiting.insert(name) {
            self.news.push(News::DiskFull);
        }
    }

    /// Whether the rows cannot be written until there is room.
    pub(super) fn replica_waits(&self) -> bool {
        self.storage.waiting.contains(&StoreName::Replica)
    }

    /// Opens the stores again that wait for room.
    pub(super) fn retry_stores(&mut self, at: Moment, actions: &mut Vec<Action>) {
        for name in std::mem::take(&mut self.storage.waiting) {
            let opened = match name {
                StoreName::Queue => self.outbox.reopen(),
                StoreName::Replica => self.replica.reopen().and_then(|()| self.floor_marks()),
            };
            match (opened, name) {
                (Err(StoreError::Full), _) => {
                    self.storage.waiting.insert(name);
                }
                (Err(error), StoreName::Queue) => self.queue_failed(&error),
                (Err(error), StoreName::Replica) => self.replica_failed(at, &error, actions),
                (Ok(()), StoreName::Queue) => {}
                (Ok(()), StoreName::Replica) => {
                    self.reconcile();
                    self.news.push(News::RowsChanged);
                    self.drive(at, session::Event::FeedGap, actions);
                }
            }
        }
    }

    /// Tells the server at once when there is something new to say.
    pub(super) fn tell_storage(&mut self, at: Moment, actions: &mut Vec<Action>) {
        let report = self.storage();
        let told = self.storage.told.unwrap_or_default();
        if report != told && self.session.live().is_some() {
            self.send_heartbeat(at, actions);
        }
    }

    /// What goes into HB: nothing while nothing was ever wrong.
    pub(super) fn storage_for_heartbeat(&mut self) -> Option<StorageReport> {
        let report = self.storage();
        self.storage.told = Some(report);
        (!report.is_good()).then_some(report)
    }

    /// A new connection knows nothing yet.
    pub(super) fn forget_told_storage(&mut self) {
        self.storage.told = None;
    }
}
