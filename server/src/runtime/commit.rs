//! The thread that makes batches durable, one after the other.

use std::sync::Arc;
use std::sync::mpsc as sync;

use ledger::draft::Changes;
use server_core::store::{Batch, BatchNo};
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::store::{Store, StoreError};

type Apply = dyn FnMut(&Arc<Changes>) -> Result<(), StoreError> + Send;

/// Makes changes durable, all or none; called from one thread.
pub struct Commit(Box<Apply>);

impl Commit {
    /// Writes to `store`.
    pub fn to(store: &Store) -> Self {
        let store = store.clone();
        Self::with(move |changes| store.apply(changes))
    }

    /// Writes by `apply`.
    pub fn with(
        apply: impl FnMut(&Arc<Changes>) -> Result<(), StoreError> + Send + 'static,
    ) -> Self {
        Self(Box::new(apply))
    }
}

/// What became of a batch.
pub(super) enum Committed {
    /// It is durable.
    Durable(BatchNo),
    /// Nobody knows; nothing more is written.
    Failed(String),
}

/// Both ends of the committing thread, and the thread.
pub(super) struct Committer {
    pub(super) batches: sync::SyncSender<Batch>,
    pub(super) committed: mpsc::Receiver<Committed>,
    pub(super) thread: std::thread::JoinHandle<()>,
}

pub(super) fn start(
    mut commit: Commit,
    (clock, metrics): (Clock, Arc<Metrics>),
) -> std::io::Result<Committer> {
    // The machine has one batch under way: neither queue ever makes anybody wait.
    let (batches, waiting) = sync::sync_channel::<Batch>(1);
    let (done, committed) = mpsc::channel(2);
    let thread = std::thread::Builder::new().name("commit".to_owned()).spawn(move || {
        while let Ok(batch) = waiting.recv() {
            let begun = clock.now();
            let applied = (commit.0)(&batch.changes);
            metrics.commits.count(clock.now().us_since(begun).max(0).unsigned_abs());
            let committed = match applied {
                Ok(()) => Committed::Durable(batch.no),
                Err(error) => Committed::Failed(chain(&error)),
            };
            let failed = matches!(committed, Committed::Failed(_));
            if done.blocking_send(committed).is_err() || failed {
                return;
            }
        }
    })?;
    Ok(Committer { batches, committed, thread })
}

/// An error with all that caused it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
