//! Documents and tasks as the screens show them.

use std::collections::BTreeMap;

use protocol::feed::{DocumentLineRow, TaskRow};
use protocol::identity::Seq;
use protocol::operation::{DocumentKind, DocumentRef};
use protocol::quantity::Quantity;
use protocol::words::DocumentNo;

use super::{Fold, Progress};
use crate::store::StoreError;

/// A line of a document, with own unanswered work. Base units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineView {
    /// The line as the server has it.
    pub row: DocumentLineRow,
    /// How much more this device has received or shipped.
    pub handled_here: Quantity,
    /// How much more this device has picked.
    pub picked_here: Quantity,
}

impl LineView {
    /// Received or shipped, with what is not answered yet.
    pub fn handled(&self) -> Quantity {
        self.row.handled.checked_add(self.handled_here).unwrap_or(self.row.handled)
    }

    /// Picked, with what is not answered yet.
    pub fn picked(&self) -> Quantity {
        self.row.picked.checked_add(self.picked_here).unwrap_or(self.row.picked)
    }

    /// How much is still to be received or shipped; below zero when it is more than ordered.
    pub fn outstanding(&self) -> Quantity {
        self.row.quantity.checked_sub(self.handled()).unwrap_or_default()
    }

    /// How much is still to be picked; below zero when it is more than ordered.
    pub fn to_pick(&self) -> Quantity {
        self.row.quantity.checked_sub(self.picked()).unwrap_or_default()
    }

    fn add(&mut self, progress: Progress) {
        let (sum, quantity) = match progress {
            Progress::Handled(quantity) => (&mut self.handled_here, quantity),
            Progress::Picked(quantity) => (&mut self.picked_here, quantity),
        };
        *sum = sum.checked_add(quantity).unwrap_or(*sum);
    }

    fn wants(&self, progress: Progress) -> bool {
        match progress {
            Progress::Handled(_) => self.outstanding().is_positive(),
            Progress::Picked(_) => self.to_pick().is_positive(),
        }
    }
}

impl Fold<'_> {
    /// The lines of a document, in their order.
    ///
    /// Work that names no line is shown on the first line of its item that still wants something,
    /// else on the last one; where the server books it follows with the outcome.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn lines(&self, kind: DocumentKind, no: &DocumentNo) -> Result<Vec<LineView>, StoreError> {
        let rows = self.replica.lines(kind, no)?;
        let mut lines: Vec<LineView> = rows
            .into_iter()
            .map(|row| LineView { row, handled_here: Quantity::ZERO, picked_here: Quantity::ZERO })
            .collect();
        for (seq, entry_line) in self.document_work(kind, no) {
            let Some(effects) = self.effects(seq)? else { continue };
            let Some((item, variant, progress)) = &effects.progress else { continue };
            let fits = |line: &LineView| line.row.item == *item && line.row.variant == *variant;
            let index = match entry_line {
                Some(no) => lines.iter().position(|line| line.row.line == no),
                None => lines
                    .iter()
                    .position(|line| fits(line) && line.wants(*progress))
                    .or_else(|| lines.iter().rposition(fits)),
            };
            if let Some(line) = index.and_then(|index| lines.get_mut(index)) {
                line.add(*progress);
            }
        }
        Ok(lines)
    }

    fn document_work(
        &self,
        kind: DocumentKind,
        no: &DocumentNo,
    ) -> impl Iterator<Item = (Seq, Option<u32>)> + '_ {
        let seqs = self.view.by_document.get(&(kind, no.clone()));
        seqs.into_iter().flatten().filter_map(|seq| {
            let entry = self.outbox.get(*seq)?;
            Some((*seq, entry.recorded.envelope.document.as_ref()?.line))
        })
    }

    /// How much this device has done for `document` by operations of `kind` (see
    /// [`protocol::operation::Body::kind`]) that the server has not answered yet. A reference to a
    /// line asks for work that names that line.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn pending_on(&self, document: &DocumentRef, kind: &str) -> Result<Quantity, StoreError> {
        let mut sum = Quantity::ZERO;
        for (seq, line) in self.document_work(document.kind, &document.no) {
            let is_kind = self.outbox.get(seq).is_some_and(|entry| entry.recorded.kind == kind);
            if !is_kind || (document.line.is_some() && document.line != line) {
                continue;
            }
            let Some(effects) = self.effects(seq)? else { continue };
            if let Some((_, _, Progress::Handled(quantity) | Progress::Picked(quantity))) =
                &effects.progress
            {
                sum = sum.checked_add(*quantity).unwrap_or(sum);
            }
        }
        Ok(sum)
    }

    /// The tasks of the site that nobody has answered on this device, by number.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn tasks(&self) -> Result<Vec<TaskRow>, StoreError> {
        let answered: BTreeMap<_, _> = self
            .view
            .by_task
            .iter()
            .filter(|(_, seqs)| seqs.iter().any(|seq| self.stands(*seq)))
            .collect();
        let mut tasks = self.replica.tasks()?;
        tasks.retain(|task| !answered.contains_key(&task.task));
        Ok(tasks)
    }
}
