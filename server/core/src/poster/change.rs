//! The change record of one decision, and what is derived from it.

use std::collections::BTreeSet;

use ledger::draft::{Changes, Draft, Overlay};
use ledger::record::Record;
use ledger::schema::SiteId;
use ledger::schema::book::{Change, ChangedRow, ChangesTable};
use ledger::tables::{TableId, Tables};
use protocol::identity::{Hash16, Lsn, chained};
use serde_bytes::ByteBuf;

use crate::feed::sites::Turn;
use crate::poster::judge::Request;
use crate::schema::{FeedIndex, FeedIndexRow};

/// What one decision writes.
pub(crate) struct WrittenChange {
    /// The rows, the change record, the feed index.
    pub(crate) changes: Changes,
    /// The link of the change chain.
    pub(crate) hash: Hash16,
    /// The sites that see something of it.
    pub(crate) sites: BTreeSet<SiteId>,
}

/// Makes the change record of a decision from the rows that it changed.
///
/// Objects that are touched without a change of their own are put again as they are, so that the
/// feed index follows from the record alone.
pub(crate) fn write(
    before: &Overlay<'_>,
    mut changes: Changes,
    request: &Request<'_>,
    previous: Hash16,
) -> WrittenChange {
    let mut after = Overlay::over(before);
    after.absorb(changes.clone());
    let turn = Turn { before, after: &after };
    for (table, key) in turn.touched(&changes) {
        let record = after.get(table, &key);
        changes.insert((table, key), record);
    }
    let rows: Vec<ChangedRow> = changes
        .iter()
        .map(|((table, key), record)| ChangedRow {
            table: table.0,
            key: ByteBuf::from(key.clone()),
            record: record.as_ref().map(|record| ByteBuf::from(record.bytes())),
            sites: turn.seen_by(*table, key).into_iter().collect(),
        })
        .collect();
    let hash = link(previous, request.lsn, &rows);
    let change = Change { time: request.time, intake: request.intake_no, rows, previous, hash };
    let sites = change.rows.iter().flat_map(|row| row.sites.iter().copied()).collect();
    let mut draft = Draft::over(before);
    index(&mut draft, request.lsn, &change);
    draft.put::<ChangesTable>(&request.lsn, change);
    changes.extend(draft.finish());
    WrittenChange { changes, hash, sites }
}

/// The feed index that follows from a change record.
fn index(draft: &mut Draft<'_>, lsn: Lsn, change: &Change) {
    let mut n: u32 = 0;
    for row in &change.rows {
        for site in &row.sites {
            let object = FeedIndexRow { table: row.table, key: row.key.clone() };
            draft.put::<FeedIndex>(&(*site, lsn, n), object);
            n = n.saturating_add(1);
        }
    }
}

/// The link of the change chain for decision `lsn`.
pub fn link(previous: Hash16, lsn: Lsn, rows: &[ChangedRow]) -> Hash16 {
    let rows = ledger::record::encode_row(&rows);
    chained(&[&previous.0, &lsn.0.to_le_bytes(), &rows])
}

/// The rows that folding `change` writes: those it names, and the feed index.
pub(crate) fn fold(tables: &dyn Tables, lsn: Lsn, change: &Change) -> Changes {
    let mut draft = Draft::over(tables);
    index(&mut draft, lsn, change);
    let mut changes = draft.finish();
    for row in &change.rows {
        let record = row.record.as_ref().map(|record| Record::from_bytes(record.to_vec()));
        changes.insert((TableId(row.table), row.key.to_vec()), record);
    }
    changes
}
