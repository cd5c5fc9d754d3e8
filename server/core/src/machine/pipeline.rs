//! The way of writes to the disk: what waits, what is under way, what is durable.
//!
//! One batch is under way at a time. While it is synced, intake and judged groups gather in the
//! next one: that is the group commit, and its size follows the speed of the disk.

use std::cell::RefCell;
use std::sync::Arc;

use ledger::draft::Changes;
use ledger::key::KeyRange;
use ledger::record::Record;
use ledger::schema::book::{Head, Heads};
use ledger::tables::{Read as _, TableId, Tables, Visit};
use protocol::identity::{IntakeNo, ServerTime};

use super::core::After;
use crate::hot::{Hot, Reading};
use crate::intake::IntakeHead;
use crate::poster::judge::Judge;
use crate::poster::{Decided, Ground, GroupLimit, post_onto};
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
    /// What was read and written lately.
    hot: RefCell<Hot>,
}

/// Everything that was written, and what gathers laid on top.
struct Gathering<'a> {
    store: &'a dyn Store,
    under_way: Option<&'a Changes>,
    open: &'a mut Changes,
    hot: &'a RefCell<Hot>,
}

impl Gathering<'_> {
    fn read<R>(&self, read: impl FnOnce(&dyn Tables) -> R) -> R {
        reading(self.store, (self.under_way, self.open), self.hot, read)
    }
}

impl Tables for Gathering<'_> {
    fn get(&self, table: TableId, key: &[u8]) -> Option<Record> {
        self.read(|tables| tables.get(table, key))
    }

    fn scan(&self, table: TableId, range: &KeyRange, reverse: bool, visit: Visit<'_>) {
        self.read(|tables| tables.scan(table, range, reverse, visit));
    }
}

impl Ground for Gathering<'_> {
    fn absorb(&mut self, changes: Changes) {
        take_note(self.hot, changes, self.open);
    }
}

/// Adds `changes` to what gathers. Rows that nobody is expected to ask for are kept as their bytes
/// alone until they are durable: the memory of the others is at hand for the next judgement.
fn take_note(hot: &RefCell<Hot>, mut changes: Changes, open: &mut Changes) {
    let mut hot = hot.borrow_mut();
    hot.absorb(&changes);
    for ((table, _key), change) in &mut changes {
        if let Some(record) = change.as_mut().filter(|_record| !hot.has_any_of(*table)) {
            record.forget_row();
        }
    }
    open.extend(changes);
}

/// Reads through `hot`, the batch under way and the one that gathers.
fn reading<R>(
    store: &dyn Store,
    (under_way, open): (Option<&Changes>, &Changes),
    hot: &RefCell<Hot>,
    read: impl FnOnce(&dyn Tables) -> R,
) -> R {
    match under_way {
        None => read(&Reading { hot, below: &Layers::over(store, &[open]) }),
        Some(batch) => read(&Reading { hot, below: &Layers::over(store, &[batch, open]) }),
    }
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
            hot: RefCell::default(),
        }
    }

    /// Everything that was written, durable or not.
    pub(crate) fn view<R>(&self, store: &dyn Store, read: impl FnOnce(&dyn Tables) -> R) -> R {
        let under_way = self.under_way.as_ref().map(|batch| &*batch.changes);
        reading(store, (under_way, &self.open), &self.hot, read)
    }

    /// Adds rows to what gathers; `after` is done when they are durable.
    pub(crate) fn write(&mut self, changes: Changes, after: Option<After>) {
        take_note(&self.hot, changes, &mut self.open);
        self.open_after.extend(after);
    }

    /// Judges what waits, and adds it to what gathers.
    pub(super) fn post(
        &mut self,
        store: &dyn Store,
        judge: &dyn Judge,
        limit: GroupLimit,
        now: ServerTime,
    ) {
        let mut ground = Gathering {
            store,
            under_way: self.under_way.as_ref().map(|batch| &*batch.changes),
            open: &mut self.open,
            hot: &self.hot,
        };
        let (head, decisions) = post_onto(&mut ground, judge, limit, now);
        self.decided(head, decisions);
    }

    fn decided(&mut self, head: Head, decisions: Vec<Decided>) {
        if decisions.is_empty() {
            return;
        }
        self.head = head;
        self.n_decisions_open = self.n_decisions_open.saturating_add(decisions.len());
        self.open_after.push(After::Decided { decisions });
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
