//! Whether the replica is what it should be: the server tells its sums, and only what differs is sent
//! again.

use protocol::digest::Sums;
use protocol::frame::Frame;
use protocol::frame::check::{Digest, Repair, RepairRequest, TableBuckets};

use super::{Action, DeviceCore, Moment, News};
use crate::session;

/// Microseconds after which the rows are counted anew, so that what the store lost is found.
const RECOUNT_US: u64 = 6 * 3_600 * 1_000_000;

/// How often the replica was compared, since the device was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReplicaHealth {
    /// Comparisons in which everything agreed.
    pub n_agreed: u64,
    /// Comparisons in which something differed.
    pub n_differed: u64,
    /// Rows that were put right.
    pub n_repaired: u64,
}

/// What is remembered of it.
#[derive(Debug, Default)]
pub(super) struct Health {
    counts: ReplicaHealth,
    recount_due_us: u64,
}

impl DeviceCore {
    /// How often the replica was compared with the server's rows.
    pub fn replica_health(&self) -> ReplicaHealth {
        self.health.counts
    }

    /// Begins to count the rows anew, once in a while.
    pub(super) fn recount_when_due(&mut self, at: Moment) {
        if at.mono_us >= self.health.recount_due_us {
            self.health.recount_due_us = at.mono_us.saturating_add(RECOUNT_US);
            self.replica.count_anew();
        }
    }

    pub(super) fn on_digest(&mut self, digest: &Digest, actions: &mut Vec<Action>) {
        let lsn = digest.lsn;
        let answer = match self.replica.sums_at(lsn) {
            None => RepairRequest { lsn, tables: Vec::new(), is_unknown: true },
            Some(sums) => {
                let tables = differing(&sums, digest);
                let counts = &mut self.health.counts;
                if tables.is_empty() {
                    counts.n_agreed = counts.n_agreed.saturating_add(1);
                } else {
                    counts.n_differed = counts.n_differed.saturating_add(1);
                }
                RepairRequest { lsn, tables, is_unknown: false }
            }
        };
        self.send(&Frame::RepairRequest(answer), actions);
    }

    pub(super) fn on_repair(&mut self, at: Moment, repair: &Repair, actions: &mut Vec<Action>) {
        match self.replica.repair(repair, self.handshake.epoch) {
            Ok(repaired) => {
                let n = repaired.n_put.saturating_add(repaired.n_deleted);
                let counts = &mut self.health.counts;
                counts.n_repaired = counts.n_repaired.saturating_add(n);
                if n > 0 {
                    self.news.push(News::Repaired(repaired));
                    self.news.push(News::RowsChanged);
                    self.rebuild_view();
                }
                self.send_delta_ack(actions);
                let cursor = self.replica.cursor();
                self.drive(at, session::Event::Applied(cursor), actions);
            }
            Err(error) => self.feed_failed(at, &error, actions),
        }
    }
}

/// The tables whose sums are other ones, with all their buckets.
fn differing(sums: &Sums, digest: &Digest) -> Vec<TableBuckets> {
    let mut wanted = sums.totals();
    for total in wanted.values_mut() {
        *total = 0;
    }
    wanted.extend(digest.tables.iter().map(|table| (table.table, table.sum)));
    let own = sums.totals();
    wanted
        .into_iter()
        .filter(|(table, sum)| own.get(table).copied().unwrap_or(0) != *sum)
        .map(|(table, _sum)| TableBuckets { table, sums: sums.table(table).buckets().to_vec() })
        .collect()
}
