//! Later revisions of outcomes: the earlier ones are kept beside the current one.

use std::sync::Arc;

use protocol::identity::OperationId;

use crate::key::KeyRange;
use crate::posting::Posting;
use crate::schema::book::{OutcomeRevisions, OutcomeRow, Outcomes};
use crate::tables::{Read as _, Tables};

/// Writes the next revision of the outcome of `operation`, as `change` leaves it. Several changes
/// within one decision make one revision. Does nothing for an operation that has no outcome yet:
/// the one that is being judged says what became of it at its end.
pub fn restate(
    posting: &mut Posting<'_, '_>,
    operation: OperationId,
    change: impl FnOnce(&mut OutcomeRow),
) {
    let Some(row) = posting.draft.row::<Outcomes>(&operation) else { return };
    let mut row = (*row).clone();
    let before = row.clone();
    change(&mut row);
    if row == before {
        return;
    }
    if before.outcome.lsn != posting.act.lsn {
        let revision = before.outcome.revision;
        posting.draft.put::<OutcomeRevisions>(&(operation, revision), before);
        row.outcome.revision = revision.saturating_add(1);
        row.outcome.lsn = posting.act.lsn;
    }
    row.outcome.text_en = protocol::text::fallback(&row.outcome.reasons);
    posting.draft.put::<Outcomes>(&operation, row);
}

/// Every outcome that `operation` has had, the first first; nothing before it is judged.
pub fn revisions(tables: &(impl Tables + ?Sized), operation: OperationId) -> Vec<Arc<OutcomeRow>> {
    let Some(current) = tables.row::<Outcomes>(&operation) else { return Vec::new() };
    let earlier = KeyRange::prefix_before(&(operation,), &current.outcome.revision);
    let mut rows: Vec<Arc<OutcomeRow>> =
        tables.list::<OutcomeRevisions>(&earlier).into_iter().map(|(_key, row)| row).collect();
    rows.push(current);
    rows
}

/// What `operation` was first answered; nothing before it is judged.
pub fn first_outcome(
    tables: &(impl Tables + ?Sized),
    operation: OperationId,
) -> Option<Arc<OutcomeRow>> {
    tables.row::<OutcomeRevisions>(&(operation, 1)).or_else(|| tables.row::<Outcomes>(&operation))
}
