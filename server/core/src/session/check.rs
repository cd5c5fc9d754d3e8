//! The comparison of one replica with what it should be: when it is due, at which decision, and what
//! comes of it.
//!
//! ```text
//! due ─▶ at decision H: the next DELTA ends at H ─▶ DIGEST(H) ─▶ agreed ─▶ due again, much later
//!                                                     └▶ differs ─▶ REPAIR of the buckets ─▶ due soon
//! ```

use std::collections::BTreeMap;

use ledger::schema::SiteId;
use protocol::digest::BUCKETS;
use protocol::frame::check::{Digest, Repair, RepairRequest, TableSum};
use protocol::frame::{Frame, capability};
use protocol::identity::{Lsn, ServerTime};
use serde_bytes::ByteBuf;

use super::wire::ConnectionNo;
use super::{Session, feed};
use crate::check::{Checks, Wanted};
use crate::feed::ring::Rings;
use crate::machine::Alarm;
use crate::machine::core::Core;

/// After a repair, or where nothing could be compared, this part of the usual interval is waited.
const SOONER: u64 = 12;
/// Bytes of rows in one REPAIR.
const REPAIR_BYTES_MAX: usize = 400 << 10;

/// Where the comparison of one replica stands.
pub(super) struct Check {
    due: ServerTime,
    at: Option<Lsn>,
    is_told: bool,
}

impl Check {
    /// Not at once: a replica that came up to date a moment ago has other things to do.
    pub(super) fn new(core: &Core) -> Self {
        Self { due: soon(core), at: None, is_told: false }
    }

    /// The decision at which a DELTA has to end.
    pub(super) fn stop_at(&self) -> Option<Lsn> {
        self.at.filter(|_lsn| !self.is_told)
    }

    fn over(&mut self, due: ServerTime) {
        *self = Self { due, at: None, is_told: false };
    }
}

fn later(core: &Core, part: u64) -> ServerTime {
    let interval = core.config.check_interval_us.checked_div(part).unwrap_or(u64::MAX);
    core.now().plus_us(i64::try_from(interval).unwrap_or(i64::MAX))
}

fn soon(core: &Core) -> ServerTime {
    later(core, SOONER)
}

/// Begins a comparison for the replicas of one site that are due, and up to date or nearly so.
pub(crate) fn begin(
    core: &mut Core,
    sessions: &mut BTreeMap<ConnectionNo, Session>,
    (rings, checks): (&mut Rings, &mut Checks),
) {
    if checks.is_counting() {
        return;
    }
    let now = core.now();
    let head = super::head(core);
    let is_due = |session: &mut Session| {
        let open = session.open()?;
        let can = open.capabilities & capability::DIGEST != 0 && open.check.at.is_none();
        (can && open.check.due <= now && open.feed.is_near(head)).then_some(open.sender.site)
    };
    let due: Vec<(ConnectionNo, SiteId)> = sessions
        .iter_mut()
        .filter_map(|(connection, session)| Some((*connection, is_due(session)?)))
        .collect();
    let Some((_connection, site)) = due.first().copied() else { return };
    let cut = core.pipeline.cut().clone();
    // From here on one span of the ring ends at the head.
    rings.reach((cut.as_ref(), head), site);
    checks.begin(&cut, site, head);
    for (connection, _site) in due.into_iter().filter(|(_connection, of)| *of == site) {
        if let Some(open) = sessions.get_mut(&connection).and_then(Session::open) {
            open.check = Check { due: now, at: Some(head), is_told: false };
        }
    }
}

/// Sends DIGEST when the replica has come to the decision and the sums are counted. Says whether it
/// did.
pub(super) fn tell(
    core: &mut Core,
    (connection, session): (ConnectionNo, &mut Session),
    checks: &mut Checks,
) -> bool {
    let Some(open) = session.open() else { return false };
    let Some(lsn) = open.check.stop_at() else { return false };
    let site = open.sender.site;
    let Some(scanned) = open.feed.followed_to() else {
        // A snapshot is wanted instead: nothing is left to compare.
        let due = soon(core);
        if let Some(open) = session.open() {
            open.check.over(due);
        }
        return false;
    };
    let Some(sums) = checks.sums(site, lsn).filter(|_sums| scanned >= lsn) else { return false };
    let totals = sums.totals().into_iter();
    let tables = totals.map(|(table, sum)| TableSum { table, sum }).collect();
    open.check.is_told = true;
    feed::send_frame(core, (connection, session), Frame::Digest(Digest { lsn, tables }));
    true
}

/// Takes what a device has found.
pub(super) fn answered(
    core: &mut Core,
    (connection, session): (ConnectionNo, &mut Session),
    request: RepairRequest,
) {
    let (usual, sooner) = (later(core, 1), soon(core));
    let Some(open) = session.open() else { return };
    if open.check.at != Some(request.lsn) || !open.check.is_told {
        return;
    }
    let is_agreed = request.tables.is_empty() && !request.is_unknown;
    open.check.over(if is_agreed { usual } else { sooner });
    let (device, site) = (open.sender.device, open.sender.site);
    core.compared.push(Compared { connection, device, site, request });
}

/// The answer of a device, for the machine to look at.
pub(crate) struct Compared {
    connection: ConnectionNo,
    device: protocol::identity::DeviceId,
    site: SiteId,
    request: RepairRequest,
}

/// Counts an answer, and begins to search what has to be sent again.
pub(crate) fn compared(core: &mut Core, checks: &mut Checks, compared: Compared) {
    let Compared { connection, device, site, request } = compared;
    let health = &mut checks.health;
    if request.is_unknown {
        health.n_unknown = health.n_unknown.saturating_add(1);
        return;
    }
    if request.tables.is_empty() {
        health.n_agreed = health.n_agreed.saturating_add(1);
        return;
    }
    health.n_differed = health.n_differed.saturating_add(1);
    let Some(sums) = checks.sums(site, request.lsn).cloned() else { return };
    let cut = core.pipeline.cut().clone();
    let head = super::head(core);
    let mut n_buckets = 0_usize;
    for table in request.tables.into_iter().filter(|table| table.sums.len() == BUCKETS) {
        let buckets = sums.table(table.table).differing(&table.sums);
        n_buckets = n_buckets.saturating_add(buckets.len());
        if !buckets.is_empty() {
            let buckets = buckets.into_iter().collect();
            let wanted = Wanted { connection, site, table: table.table, buckets };
            checks.search(&cut, head, wanted);
        }
    }
    core.alarm(device, Alarm::ReplicaDiffers { device, n_buckets });
}

/// Sends the rows of some buckets, when the replica is up to date. Says whether it did.
pub(super) fn repair(
    core: &mut Core,
    (connection, session): (ConnectionNo, &mut Session),
    checks: &mut Checks,
) -> bool {
    let head = super::head(core);
    let Some(open) = session.open() else { return false };
    let Some(from) = open.feed.told_at(head) else { return false };
    let site = open.sender.site;
    let Some(found) = checks.take_found(connection) else { return false };
    let cut = core.pipeline.cut().clone();
    let rows = found.rows((cut.as_ref(), head), site);
    let n_rows = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    checks.health.n_rows_sent = checks.health.n_rows_sent.saturating_add(n_rows);
    let mut from = from;
    for part in parts(&found.buckets, rows) {
        let (buckets, rows) = part;
        let table = found.feed_table();
        let repair = Repair { from, lsn: head, table, buckets: ByteBuf::from(buckets), rows };
        from = head;
        feed::send_frame(core, (connection, session), Frame::Repair(repair));
    }
    if let Some(open) = session.open() {
        open.feed.repaired_to(head);
    }
    true
}

/// Whole buckets, as many as fit into a frame.
fn parts(
    buckets: &std::collections::BTreeSet<u8>,
    rows: Vec<protocol::feed::FeedRecord>,
) -> Vec<(Vec<u8>, Vec<protocol::feed::FeedRecord>)> {
    let mut by_bucket: BTreeMap<u8, Vec<protocol::feed::FeedRecord>> =
        buckets.iter().map(|bucket| (*bucket, Vec::new())).collect();
    for row in rows {
        by_bucket.entry(protocol::digest::bucket(&row.key)).or_default().push(row);
    }
    let mut parts: Vec<(Vec<u8>, Vec<protocol::feed::FeedRecord>)> = Vec::new();
    let mut bytes = 0_usize;
    for (bucket, rows) in by_bucket {
        let size: usize =
            rows.iter().map(crate::feed::delta::record_bytes).fold(0, usize::saturating_add);
        match parts.last_mut() {
            Some((buckets, all)) if bytes.saturating_add(size) <= REPAIR_BYTES_MAX => {
                buckets.push(bucket);
                all.extend(rows);
                bytes = bytes.saturating_add(size);
            }
            Some(_) | None => {
                parts.push((vec![bucket], rows));
                bytes = size;
            }
        }
    }
    parts
}
