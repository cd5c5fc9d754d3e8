//! Making a snapshot, slice by slice.

use std::collections::BTreeSet;
use std::sync::Arc;

use ledger::key::{Key, KeyRange, after};
use ledger::schema::book::Head;
use ledger::schema::case::{Cases, Tasks};
use ledger::schema::document::{DocumentLine, DocumentLines, Documents};
use ledger::schema::identity::Operators;
use ledger::schema::item::{Identifier, Identifiers, Items};
use ledger::schema::place::{Bins, Locations, Plates, Sites};
use ledger::schema::stock::{Holds, Stocks};
use ledger::schema::tracking::Lots;
use ledger::schema::{ItemId, SiteId, StockKey};
use ledger::tables::{Read as _, Table as _, TableId};
use protocol::feed::FeedRecord;
use protocol::frame::{Frame, SnapChunk};
use protocol::identity::ServerTime;

use super::{Snapshot, number};
use crate::feed::delta::record_bytes;
use crate::feed::project::SiteView;
use crate::session::wire::Message;
use crate::store::{Cut, raw_rows};

/// Bytes of records after which a chunk is closed: below 64 KiB with what surrounds them.
const CHUNK_BYTES: usize = 60 << 10;

/// Which rows of a table a part takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Take {
    All,
    /// Only those about items that lie or are wanted here.
    Near,
    /// Only the others.
    Far,
}

/// One run over one table.
struct Run {
    table: TableId,
    range: KeyRange,
    take: Take,
}

/// A snapshot in the making.
pub(super) struct Build {
    cut: Cut,
    head: Head,
    begun: ServerTime,
    site: SiteId,
    scope_version: u64,
    /// What is still to be read, the next last.
    runs: Vec<Run>,
    /// Runs that are left when a device can work.
    n_runs_after_ready: usize,
    near: BTreeSet<ItemId>,
    chunk: Vec<FeedRecord>,
    chunk_bytes: usize,
    chunks: Vec<Arc<Message>>,
    ready_chunks: u32,
    rows: u64,
}

impl Build {
    pub(super) fn new(
        (cut, head, begun): (Cut, Head, ServerTime),
        site: SiteId,
        scope_version: u64,
    ) -> Self {
        let all = |table, take| Run { table, range: KeyRange::all(), take };
        let mut runs: Vec<Run> =
            [Sites::ID, Locations::ID, Operators::ID, Tasks::ID, Documents::ID, DocumentLines::ID]
                .into_iter()
                .chain([Cases::ID, Holds::ID, Bins::ID])
                .map(|table| all(table, Take::All))
                .collect();
        let locations = cut.list::<Locations>(&KeyRange::all());
        runs.extend(locations.into_iter().filter(|(_id, row)| row.site == site).map(
            |(id, _row)| Run {
                table: Stocks::ID,
                range: KeyRange::prefix(&(id,)),
                take: Take::All,
            },
        ));
        runs.push(all(Plates::ID, Take::All));
        runs.extend([Items::ID, Identifiers::ID].map(|table| all(table, Take::Near)));
        let last = [Items::ID, Identifiers::ID].map(|table| all(table, Take::Far));
        let n_runs_after_ready = last.len().saturating_add(1);
        runs.extend(last);
        runs.push(all(Lots::ID, Take::All));
        runs.reverse();
        Self {
            cut,
            head,
            begun,
            site,
            scope_version,
            runs,
            n_runs_after_ready,
            near: BTreeSet::new(),
            chunk: Vec::new(),
            chunk_bytes: 0,
            chunks: Vec::new(),
            ready_chunks: 0,
            rows: 0,
        }
    }

    pub(super) fn site(&self) -> SiteId {
        self.site
    }

    /// Reads up to `rows` rows; says whether that was all.
    pub(super) fn step(&mut self, rows: usize) -> bool {
        let Some(run) = self.runs.pop() else { return true };
        let cut = Arc::clone(&self.cut);
        let read = raw_rows(cut.as_ref(), run.table, &run.range, rows.max(1));
        let is_last = read.len() < rows.max(1);
        let next = read.last().map(|(key, _record)| after(key));
        for (key, record) in read {
            self.take(&run, &key, &record);
        }
        match next {
            Some(from) if !is_last => {
                let range = KeyRange { from, to: run.range.to.clone() };
                self.runs.push(Run { range, ..run });
            }
            Some(_) | None => {}
        }
        if self.runs.len() == self.n_runs_after_ready && self.ready_chunks == 0 {
            self.close_chunk();
            self.ready_chunks = u32::try_from(self.chunks.len()).unwrap_or(u32::MAX);
        }
        self.runs.is_empty()
    }

    fn take(&mut self, run: &Run, key: &[u8], record: &ledger::record::Record) {
        let is_near = || match run.table {
            Items::ID => ItemId::from_bytes(key).is_some_and(|item| self.near.contains(&item)),
            Identifiers::ID => {
                let identifier = record.row::<Identifier>();
                identifier.meanings.iter().any(|meaning| self.near.contains(&meaning.item))
            }
            TableId(_) => true,
        };
        let wanted = match run.take {
            Take::All => true,
            Take::Near => is_near(),
            Take::Far => !is_near(),
        };
        if !wanted {
            return;
        }
        let cut = Arc::clone(&self.cut);
        let view = SiteView { tables: cut.as_ref(), site: self.site };
        let Some(shown) = view.record(run.table, key).filter(|shown| shown.row.is_some()) else {
            return;
        };
        match run.table {
            Stocks::ID => self.near.extend(StockKey::from_bytes(key).map(|key| key.item)),
            DocumentLines::ID => {
                self.near.insert(record.row::<DocumentLine>().item);
            }
            TableId(_) => {}
        }
        let bytes = record_bytes(&shown);
        if self.chunk_bytes.saturating_add(bytes) > CHUNK_BYTES {
            self.close_chunk();
        }
        self.chunk_bytes = self.chunk_bytes.saturating_add(bytes);
        self.rows = self.rows.saturating_add(1);
        self.chunk.push(shown);
    }

    fn close_chunk(&mut self) {
        if self.chunk.is_empty() {
            return;
        }
        let index = u32::try_from(self.chunks.len()).unwrap_or(u32::MAX);
        let snapshot = number(self.site, self.head.lsn);
        let rows = std::mem::take(&mut self.chunk);
        let frame = Frame::SnapChunk(SnapChunk { snapshot, index, rows });
        self.chunks.push(Arc::new(Message::encoded(&frame)));
        self.chunk_bytes = 0;
    }

    pub(super) fn finish(mut self) -> Snapshot {
        self.close_chunk();
        Snapshot {
            number: number(self.site, self.head.lsn),
            site: self.site,
            lsn: self.head.lsn,
            intake: self.head.intake,
            time: self.begun,
            scope_version: self.scope_version,
            rows: self.rows,
            ready_chunks: self.ready_chunks,
            chunks: self.chunks,
        }
    }
}
