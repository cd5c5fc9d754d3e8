//! The change record of one decision, and what is derived from it.

use std::collections::BTreeSet;

use ledger::draft::{Changes, Draft, Overlay};
use ledger::key::{Key as _, KeyBytes};
use ledger::record::{Record, append_row, encode_for_link, encode_row};
use ledger::schema::SiteId;
use ledger::schema::book::{Change, ChangedRow, ChangesTable};
use ledger::tables::{Table as _, TableId, Tables};
use ledger::upgrade::{STEPS, upgraded};
use protocol::identity::{Hash16, Lsn, chained};
use serde::Serialize;
use serde_bytes::{ByteBuf, Bytes};

use crate::feed::sites::Turn;
use crate::poster::judge::Request;
use crate::schema::{FeedIndex, FeedIndexRow};
use crate::store::Layers;

/// What one decision writes.
pub(crate) struct WrittenChange {
    /// The rows, the change record, the feed index.
    pub(crate) changes: Changes,
    /// The link of the change chain.
    pub(crate) hash: Hash16,
    /// The sites that see something of it.
    pub(crate) sites: BTreeSet<SiteId>,
}

/// A [`ChangedRow`] that borrows; its bytes are the same.
#[derive(Serialize)]
struct RowOfChange<'a> {
    table: u8,
    key: &'a Bytes,
    record: Option<&'a Bytes>,
    sites: BTreeSet<SiteId>,
}

/// Makes the change record of a decision from the rows that it changed.
///
/// Objects that are touched without a change of their own are put again as they are, so that the
/// feed index follows from the record alone.
pub(crate) fn write(
    before: &dyn Tables,
    mut changes: Changes,
    request: &Request<'_>,
    previous: Hash16,
) -> WrittenChange {
    let touched = touched(before, &changes);
    changes.extend(touched);
    let layers = [&changes];
    let after = Layers::over(before, &layers);
    let turn = Turn { before, after: &after };
    let rows: Vec<RowOfChange<'_>> = changes
        .iter()
        .map(|((table, key), record)| RowOfChange {
            table: table.0,
            key: Bytes::new(key),
            record: record.as_ref().map(|record| Bytes::new(record.bytes())),
            sites: turn.seen_by(*table, key),
        })
        .collect();
    let encoded = encode_for_link(&rows);
    let hash = link_of(previous, request.lsn, &encoded);
    let mut index = Draft::over(before);
    let mut n: u32 = 0;
    for row in &rows {
        n = mention(&mut index, (request.lsn, n), (row.table, row.key), &row.sites);
    }
    let sites = rows.into_iter().flat_map(|row| row.sites).collect();
    let index = index.finish();
    changes.extend(index);
    let record = record_of(request, &encoded, (previous, hash));
    changes.insert((ChangesTable::ID, request.lsn.to_bytes()), Some(record));
    WrittenChange { changes, hash, sites }
}

/// The rows of objects that `changes` touch without changing them.
fn touched(before: &dyn Tables, changes: &Changes) -> Changes {
    let layers = [changes];
    let after = Layers::over(before, &layers);
    let touched = Turn { before, after: &after }.touched(changes);
    let rows = touched.into_iter().map(|(table, key)| {
        let record = after.get(table, &key);
        ((table, key), record)
    });
    rows.collect()
}

/// The record of a [`Change`] whose rows are encoded already: they are the larger part, and its
/// chain is made of the same bytes.
fn record_of(request: &Request<'_>, rows: &[u8], links: (Hash16, Hash16)) -> Record {
    let mut bytes = encode_row(&(request.time, request.intake_no));
    let rows = rows.get(1..).expect("encoded rows begin with a format version");
    bytes.extend_from_slice(rows);
    append_row(&links, &mut bytes);
    Record::from_bytes(bytes)
}

/// The feed index that follows from a change record.
fn index(draft: &mut Draft<'_>, lsn: Lsn, change: &Change) {
    let mut n: u32 = 0;
    for row in &change.rows {
        n = mention(draft, (lsn, n), (row.table, &row.key), &row.sites);
    }
}

/// Mentions a row in the feeds of `sites`, from number `n` of the decision on; the next number.
fn mention<'s>(
    draft: &mut Draft<'_>,
    (lsn, mut n): (Lsn, u32),
    (table, key): (u8, &[u8]),
    sites: impl IntoIterator<Item = &'s SiteId>,
) -> u32 {
    for site in sites {
        let object = FeedIndexRow { table, key: ByteBuf::from(key) };
        draft.put::<FeedIndex>(&(*site, lsn, n), object);
        n = n.saturating_add(1);
    }
    n
}

/// The link of the change chain for decision `lsn`.
pub fn link(previous: Hash16, lsn: Lsn, rows: &[ChangedRow]) -> Hash16 {
    link_of(previous, lsn, &encode_for_link(&rows))
}

fn link_of(previous: Hash16, lsn: Lsn, rows: &[u8]) -> Hash16 {
    chained(&[&previous.0, &lsn.0.to_le_bytes(), rows])
}

/// The rows that folding `change` writes: those it names, as this release lays them out, and the
/// feed index.
pub(crate) fn fold(tables: &dyn Tables, lsn: Lsn, change: &Change) -> Changes {
    let mut draft = Draft::over(tables);
    index(&mut draft, lsn, change);
    let mut changes = draft.finish();
    let mut written = Changes::new();
    for row in &change.rows {
        let record = row.record.as_ref().map(|record| Record::from_bytes(record.to_vec()));
        written.insert((TableId(row.table), KeyBytes::from_slice(&row.key)), record);
    }
    let mut together = Overlay::over(tables);
    together.absorb(written.clone());
    for ((table, key), record) in written {
        let record = record.map(|record| current(&together, (table, &key), record));
        changes.insert((table, key), record);
    }
    changes
}

/// A row as this release lays it out. One that cannot be brought to it stays as it is: comparing
/// with the store shows it.
fn current(tables: &dyn Tables, place: (TableId, &[u8]), record: Record) -> Record {
    match upgraded(STEPS, place, record.bytes(), tables) {
        Ok(Some(bytes)) => Record::from_bytes(bytes),
        Ok(None) | Err(_) => record,
    }
}
