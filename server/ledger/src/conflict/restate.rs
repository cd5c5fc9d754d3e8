//! Later revisions of outcomes.

use protocol::identity::OperationId;

use crate::posting::Posting;
use crate::schema::book::{OutcomeRevisions, OutcomeRow, Outcomes};
use crate::tables::Read as _;

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
        row.outcome.revision = before.outcome.revision.saturating_add(1);
        row.outcome.lsn = posting.act.lsn;
    }
    row.outcome.text_en = protocol::text::fallback(&row.outcome.reasons);
    let revision = row.outcome.revision;
    posting.draft.put::<OutcomeRevisions>(&(operation, revision), row.clone());
    posting.draft.put::<Outcomes>(&operation, row);
}
