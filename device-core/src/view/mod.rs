//! The view: what the screens show. `view = fold(outbox in sequence order, over the replica)`.
//!
//! # Rules
//!
//! - Receiving, picking, shipping, moving, adjusting: plus or minus.
//! - A count sets: at its place in *this device's* order. A whole-bin count sets to nothing what
//!   it does not list. What the server orders after it arrives with its outcome anyway.
//! - A quantity that is withheld stays withheld.
//! - An operation leaves the fold in the step that applies its outcome with its rows, so its
//!   effect is shown exactly once. What is parked is shown from the case's own row, marked. What
//!   is refused is gone in the same step.
//! - An operation that is taken back before its outcome has no effect, and neither has what takes
//!   it back; after its outcome the opposite effect is shown until the server has answered.
//! - Goods on a licence plate are where the plate is.
//!
//! Nothing is stored: each question folds the sums that it asks about, usually a handful of
//! operations, so the answer always belongs to one state of replica and outbox.
//!
//! Order of reading: `effect` (what one operation does), [`View`] (which operations concern a sum),
//! `stock` and `work` (the questions).

mod effect;
mod stock;
mod work;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use protocol::feed::LocationRow;
use protocol::identity::{OperationId, Seq, TaskId};
use protocol::operation::{Body, DocumentKind};
use protocol::words::{BinCode, DocumentNo, ItemNo, LocationCode, PlateNo};

use crate::outbox::{Entry, Outbox};
use crate::replica::Replica;

pub use effect::{
    BinCounted, Change, Effect, Effects, GoodsKey, PlateSeen, Progress, Spot, goods_key,
};
pub use stock::{PlatePlace, StockLine};
pub use work::LineView;

/// Which operations of the outbox concern what.
#[derive(Debug, Default)]
pub struct View {
    effects: BTreeMap<Seq, Effects>,
    by_item: BTreeMap<(LocationCode, ItemNo), BTreeSet<Seq>>,
    by_bin: BTreeMap<(LocationCode, Option<BinCode>), BTreeSet<Seq>>,
    by_plate: BTreeMap<PlateNo, BTreeSet<Seq>>,
    bin_counts: BTreeMap<LocationCode, BTreeSet<Seq>>,
    by_document: BTreeMap<(DocumentKind, DocumentNo), BTreeSet<Seq>>,
    by_task: BTreeMap<TaskId, BTreeSet<Seq>>,
    /// What an undo takes back, by the undo's number.
    undoes: BTreeMap<Seq, OperationId>,
    /// The undo of an operation, by the operation's first name.
    undone: BTreeMap<OperationId, Seq>,
    documents: BTreeMap<Seq, (DocumentKind, DocumentNo)>,
}

impl View {
    /// An operation of the outbox concerns the screens from now on. For an undo, `target` is the
    /// body of the operation that it takes back, where the recorder still has it.
    pub fn add(
        &mut self,
        entry: &Entry,
        target: Option<(OperationId, &Body)>,
        location: impl Fn(&LocationCode) -> Option<LocationRow>,
    ) {
        self.remove(entry.seq);
        let Some(body) = &entry.body else { return };
        let mut effects = Effects::of(body, &location);
        if effects.undoes.is_some()
            && let Some((name, target)) = target
        {
            let of_target = Effects::of(target, &location);
            let undoes = effects.undoes;
            effects = Effects { undoes, ..of_target.reversed() };
            self.undoes.insert(entry.seq, name);
            self.undone.insert(name, entry.seq);
        }
        self.index(entry.seq, &effects);
        if let Some(document) = &entry.recorded.envelope.document {
            let name = (document.kind, document.no.clone());
            self.by_document.entry(name.clone()).or_default().insert(entry.seq);
            self.documents.insert(entry.seq, name);
        }
        self.effects.insert(entry.seq, effects);
    }

    fn index(&mut self, seq: Seq, effects: &Effects) {
        for effect in &effects.goods {
            let GoodsKey { location, item, spot, .. } = &effect.key;
            self.by_item.entry((location.clone(), item.clone())).or_default().insert(seq);
            match spot {
                Spot::Loose(bin) => {
                    self.by_bin.entry((location.clone(), bin.clone())).or_default().insert(seq);
                }
                Spot::Plate(plate) => {
                    self.by_plate.entry(plate.clone()).or_default().insert(seq);
                }
            }
        }
        for seen in &effects.plates {
            self.by_plate.entry(seen.plate.clone()).or_default().insert(seq);
        }
        if let Some(counted) = &effects.bin_counted {
            self.bin_counts.entry(counted.location.clone()).or_default().insert(seq);
        }
        if let Some(task) = effects.task {
            self.by_task.entry(task).or_default().insert(seq);
        }
    }

    /// An operation is judged, and concerns the screens no more.
    pub fn remove(&mut self, seq: Seq) {
        if let Some(target) = self.undoes.remove(&seq) {
            self.undone.remove(&target);
        }
        let Some(effects) = self.effects.remove(&seq) else { return };
        for effect in &effects.goods {
            let GoodsKey { location, item, spot, .. } = &effect.key;
            drop_seq(&mut self.by_item, &(location.clone(), item.clone()), seq);
            match spot {
                Spot::Loose(bin) => {
                    drop_seq(&mut self.by_bin, &(location.clone(), bin.clone()), seq);
                }
                Spot::Plate(plate) => drop_seq(&mut self.by_plate, plate, seq),
            }
        }
        for seen in &effects.plates {
            drop_seq(&mut self.by_plate, &seen.plate, seq);
        }
        if let Some(counted) = &effects.bin_counted {
            drop_seq(&mut self.bin_counts, &counted.location, seq);
        }
        if let Some(task) = effects.task {
            drop_seq(&mut self.by_task, &task, seq);
        }
        if let Some(name) = self.documents.remove(&seq) {
            drop_seq(&mut self.by_document, &name, seq);
        }
    }

    /// Whether an operation of the outbox takes the one with this first name back.
    pub fn is_undone(&self, name: OperationId) -> bool {
        self.undone.contains_key(&name)
    }

    /// Forgets all operations.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

fn drop_seq<K: Ord>(index: &mut BTreeMap<K, BTreeSet<Seq>>, key: &K, seq: Seq) {
    if let Some(seqs) = index.get_mut(key) {
        seqs.remove(&seq);
        if seqs.is_empty() {
            index.remove(key);
        }
    }
}

/// One state of replica and outbox, and the questions to it.
#[derive(Debug, Clone, Copy)]
pub struct Fold<'a> {
    /// Which operations concern what.
    pub view: &'a View,
    /// Rows of the server.
    pub replica: &'a Replica,
    /// Operations without an outcome.
    pub outbox: &'a Outbox,
}
