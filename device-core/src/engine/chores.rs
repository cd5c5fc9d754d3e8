//! What is done between scans: syncing, trimming, sweeping, and mending stores that failed.

use protocol::identity::{Boot, Seq};
use protocol::operation::Recorded;

use super::{Action, DeviceCore, Moment, News};
use crate::outbox::OutboxError;
use crate::recorder::RecorderError;
use crate::session::{self, Timer};
use crate::store::{StoreError, StoreName};

/// Microseconds until the next page of an old snapshot is swept.
const SWEEP_AFTER_US: u64 = 50_000;

impl DeviceCore {
    /// Syncs and trims when it is time; sweeps and counts a page; arms the next time.
    pub(super) fn on_chores(&mut self, at: Moment, actions: &mut Vec<Action>) {
        let usual_us = u64::from(self.config.chores_ms) * 1_000;
        if !self.is_paging || at.mono_us >= self.chores_due_us {
            self.chores_due_us = at.mono_us.saturating_add(usual_us);
            self.retry_stores(at, actions);
            self.sync_all(at, actions);
            self.recount_when_due(at);
        }
        let has_more = self.replica.sweep().and_then(|more| Ok(self.replica.count_rows()? || more));
        let has_more = match has_more {
            Ok(has_more) => has_more,
            Err(error) => {
                self.replica_failed(at, &error, actions);
                false
            }
        };
        self.is_paging = has_more;
        let until_due_us = self.chores_due_us.saturating_sub(at.mono_us);
        let after_us = if has_more { SWEEP_AFTER_US } else { until_due_us };
        actions.push(Action::Arm(Timer::Chores, after_us));
    }

    /// Makes everything durable that is not yet. The replica first: what has left the outbox's
    /// store should be judged in the replica's.
    pub(super) fn sync_all(&mut self, at: Moment, actions: &mut Vec<Action>) {
        if let Err(error) = self.replica.sync() {
            self.replica_failed(at, &error, actions);
        }
        if let Err(error) = self.outbox.trim().and_then(|()| self.outbox.sync()) {
            self.queue_failed(&error);
        }
        self.trim_recorder();
        self.prune_evidence();
        if self.is_state_dirty {
            self.save_state();
        }
    }

    /// Lets the recorder forget what is in a verified backup *and* has its outcome here.
    fn trim_recorder(&mut self) {
        let Some(recorder) = self.recorder.as_mut().filter(|recorder| !recorder.is_stopped())
        else {
            return;
        };
        let head = recorder.head().seq;
        let judged = self.outbox.first_seq().map_or(head, |seq| seq.0.saturating_sub(1));
        let safe = self.safe_told.0.min(judged).min(head);
        let mut done = Ok(());
        if safe > recorder.state().safe_seq {
            done = recorder.safe(safe).and_then(|()| recorder.trim().map(drop));
        }
        let prepared = done.and_then(|()| recorder.prepare().map(drop));
        // First the next segment, then the reserve: while the disk is full there is no room for it.
        let done = prepared.and_then(|()| recorder.restore_ballast().map(drop));
        match done {
            Ok(()) => self.note_room(),
            Err(RecorderError::Full) => self.note_low(),
            Err(error) => self.note_stopped(&error),
        }
    }

    /// Keeps clock evidence for as long as the recorder has operations of the boot.
    fn prune_evidence(&mut self) {
        let Some(recorder) = &self.recorder else { return };
        let oldest = recorder
            .read(recorder.low_seq())
            .ok()
            .and_then(|operation| Recorded::from_content(&operation.content).ok())
            .map(|recorded| recorded.envelope.boot);
        let is_empty = recorder.low_seq() > recorder.head().seq;
        match oldest {
            Some(boot) => self.clock.prune(boot),
            None if is_empty => self.clock.prune(Boot(u32::MAX)),
            None => {}
        }
    }

    /// Writes the state file; a failure is reported and tried again with the next chores.
    pub(super) fn save_state(&mut self) {
        self.is_state_dirty = true;
        if let Err(error) = self.write_state() {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            let what = format!("{error}: {}", source.unwrap_or_default());
            self.news.push(News::Trouble(what));
        }
    }

    /// The replica's store failed: it is set aside, and its rows are fetched anew. The outbox stays
    /// as it is; what the snapshot has judged puts it in step. For want of room nothing is given up:
    /// the rows stay as they are, and the feed waits.
    pub(super) fn replica_failed(
        &mut self,
        at: Moment,
        error: &StoreError,
        actions: &mut Vec<Action>,
    ) {
        if *error == StoreError::Full {
            self.store_full(StoreName::Replica);
            self.drive(at, session::Event::ReplicaFailed, actions);
            return;
        }
        let set_aside = self.replica.set_aside();
        self.storage.store_lost();
        self.is_state_dirty = true;
        match set_aside {
            Ok(place) => {
                let what = format!("{place}: {error}");
                self.news.push(News::StoreSetAside(StoreName::Replica, what));
                self.news.push(News::RowsChanged);
                self.drive(at, session::Event::ReplicaLost, actions);
            }
            Err(second) => {
                if second == StoreError::Full {
                    self.store_full(StoreName::Replica);
                }
                self.news.push(News::Trouble(format!("the replica cannot be written: {second}")));
                self.drive(at, session::Event::ReplicaFailed, actions);
            }
        }
    }

    /// The queue's store failed: it is set aside and written anew from what is known. For want of room
    /// it is left as it is: its entries are in memory, and in the recorder.
    pub(super) fn queue_failed(&mut self, error: &StoreError) {
        if *error == StoreError::Full {
            return self.store_full(StoreName::Queue);
        }
        let set_aside = self.outbox.set_aside();
        self.storage.store_lost();
        self.is_state_dirty = true;
        match set_aside {
            Ok(place) => {
                let what = format!("{place}: {error}");
                self.news.push(News::StoreSetAside(StoreName::Queue, what));
            }
            Err(second) => {
                if second == StoreError::Full {
                    self.store_full(StoreName::Queue);
                }
                self.news.push(News::Trouble(format!("the queue cannot be written: {second}")));
            }
        }
    }

    /// Brings the outbox in step with recorder and replica, and the screens with it.
    pub(super) fn reconcile(&mut self) {
        let Some(recorder) = &self.recorder else { return };
        match self.outbox.reconcile(recorder, self.replica.marks()) {
            Ok(true) => {}
            Ok(false) => self.store_full(StoreName::Queue),
            Err(OutboxError::Store(error)) => self.queue_failed(&error),
            Err(OutboxError::Recorder(error)) => {
                self.news.push(News::Trouble(format!("the recorder cannot be read: {error}")));
            }
        }
        self.rebuild_view();
    }

    /// Up to where the server says that the recorder may forget.
    pub(super) fn note_safe(&mut self, seq: Seq) {
        if seq > self.safe_told {
            self.safe_told = seq;
            self.ask_what_is_safe();
        }
    }
}
