//! The way of writes to the disk: what waits, what is under way, what is durable.
//!
//! One batch is under way at a time. While it is synced, intake and judged groups gather in the
//! next one: that is the group commit, and its size follows the speed of the disk.

use std::sync::Arc;

use ledger::draft::Changes;
use ledger::schema::book::{Head, Heads};
use ledger::tables::{Read as _, Tables};
use protocol::identity::IntakeNo;

use super::core::After;
use crate::intake::IntakeHead;
use crate::poster::Group;
use crate::store::{Batch, BatchNo, Cut, Layers, Store};

/// The head in `tables`.
pub(super) fn head_of(tables: &dyn Tables) -> Head {
    tables.row::<Heads>(&()).map_or_else(Head::default, |head| *head)
}

/// A batch that was handed over.
struct UnderWay {
    no: BatchNo,
    changes: Arc<Changes>,
    after: Vec<After>,
    intake: IntakeHead,
    head: Head,
    bytes: usize,
}

pub(crate) struct Pipeline {
    /// Durable rows, for everything that is sent.
    cut: Cut,
    durable_intake: IntakeHead,
    durable_head: Head,
    under_way: Option<UnderWay>,
    last_batch: BatchNo,
    /// What gathers.
    open: Changes,
    open_after: Vec<After>,
    n_decisions_open: usize,
    bytes_open: usize,
    /// The ends of both logs, with everything that gathers.
    pub(crate) intake: IntakeHead,
    head: Head,
    ready: Option<Batch>,
}

impl Pipeline {
    pub(super) fn open(store: &dyn Store) -> Self {
        let intake = IntakeHead::of(store);
        let head = head_of(store);
        Self {
            cut: store.cut(),
            durable_intake: intake,
            durable_head: head,
            under_way: None,
            last_batch: BatchNo(0),
            open: Changes::new(),
            open_after: Vec::new(),
            n_decisions_open: 0,
            bytes_open: 0,
            intake,
            head,
            ready: None,
        }
    }

    /// Everything that was written, durable or not.
    pub(crate) fn view<R>(&self, store: &dyn Store, read: impl FnOnce(&dyn Tables) -> R) -> R {
        match &self.under_way {
            None => read(&Layers::over(store, &[&self.open])),
            Some(batch) => read(&Layers::over(store, &[&batch.changes, &self.open])),
        }
    }

    /// Adds rows to what gathers; `after` is done when they are durable.
    pub(crate) fn write(&mut self, changes: Changes, after: Option<After>) {
        self.open.extend(changes);
        self.open_after.extend(after);
    }

    pub(super) fn post(&mut self, group: Group) {
        if group.decisions.is_empty() {
            return;
        }
        self.head = group.head;
        self.n_decisions_open = self.n_decisions_open.saturating_add(group.decisions.len());
        self.write(group.changes, Some(After::Decided { decisions: group.decisions }));
    }

    /// Closes what gathers and hands it over, when nothing is under way.
    pub(super) fn hand_over(&mut self) {
        if self.under_way.is_some() || (self.open.is_empty() && self.open_after.is_empty()) {
            return;
        }
        let no = BatchNo(self.last_batch.0.saturating_add(1));
        let changes = Arc::new(std::mem::take(&mut self.open));
        self.last_batch = no;
        self.n_decisions_open = 0;
        self.under_way = Some(UnderWay {
            no,
            changes: Arc::clone(&changes),
            after: std::mem::take(&mut self.open_after),
            intake: self.intake,
            head: self.head,
            bytes: std::mem::take(&mut self.bytes_open),
        });
        self.ready = Some(Batch { no, changes });
    }

    pub(super) fn take_ready(&mut self) -> Option<Batch> {
        self.ready.take()
    }

    /// Takes note that `batch` is durable, and says what may be done now.
    pub(super) fn persisted(&mut self, batch: BatchNo, cut: Cut) -> Vec<After> {
        match self.under_way.take_if(|under_way| under_way.no <= batch) {
            None => Vec::new(),
            Some(done) => {
                self.cut = cut;
                self.durable_intake = done.intake;
                self.durable_head = done.head;
                done.after
            }
        }
    }

    pub(crate) fn cut(&self) -> &Cut {
        &self.cut
    }

    pub(crate) fn durable_head(&self) -> Head {
        self.durable_head
    }

    pub(super) fn durable_intake(&self) -> IntakeNo {
        self.durable_intake.no
    }

    /// The end of the intake log that is durable: what devices are witnesses of.
    pub(crate) fn durable_chain(&self) -> IntakeHead {
        self.durable_intake
    }

    /// The last intake record that was judged, durably or not.
    pub(super) fn judged_next(&self) -> IntakeNo {
        self.head.intake
    }

    /// Bytes of operations that are not durable.
    pub(crate) fn bytes_waiting(&self) -> usize {
        let under_way = self.under_way.as_ref().map_or(0, |batch| batch.bytes);
        self.bytes_open.saturating_add(under_way)
    }

    pub(crate) fn add_waiting(&mut self, bytes: usize) {
        self.bytes_open = self.bytes_open.saturating_add(bytes);
    }

    pub(super) fn n_decisions_open(&self) -> usize {
        self.n_decisions_open
    }

    pub(super) fn is_busy(&self) -> bool {
        self.under_way.is_some()
    }
}
