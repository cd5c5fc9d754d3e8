//! Whether replicas are what they should be: the sums of what a site sees, counted in slices of
//! bounded cost from one cut, and the rows of the buckets that differ (SYNC 2.5).
//!
//! 1. Sums are counted from what a replica should hold as of one decision, never from what was sent:
//!    a forgotten mention in the feed is found as well as a row that a device has lost.
//! 2. One site is counted at a time, for all devices of it that are due.
//! 3. Nothing here is written: a server that is started anew begins anew.

use std::collections::{BTreeMap, BTreeSet};

use ledger::key::KeyRange;
use ledger::schema::SiteId;
use ledger::tables::{Read as _, TableId, Tables};
use protocol::digest::{Sums, bucket};
use protocol::feed::FeedRecord;
use protocol::identity::Lsn;

use crate::feed::project::SiteView;
use crate::feed::{ALL_SITES, OBJECTS};
use crate::schema::FeedIndex;
use crate::session::wire::ConnectionNo;
use crate::store::{Cut, raw_rows};

/// How replicas were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReplicaHealth {
    /// Replicas that were compared and agreed.
    pub n_agreed: u64,
    /// Replicas that were compared and differed. Zero is the aim.
    pub n_differed: u64,
    /// Replicas that could not be compared: busy, or not counted yet.
    pub n_unknown: u64,
    /// Rows that were sent to put replicas right.
    pub n_rows_sent: u64,
}

/// A run over the tables of one cut.
struct Run {
    cut: Cut,
    site: SiteId,
    /// What is left to read: the next last.
    tables: Vec<(TableId, u8)>,
    from: KeyRange,
}

impl Run {
    fn new(cut: Cut, site: SiteId, tables: Vec<(TableId, u8)>) -> Self {
        Self { cut, site, tables, from: KeyRange::all() }
    }

    /// Reads up to `rows` keys and hands those that the site sees to `take`; says whether that was
    /// all.
    fn step(
        &mut self,
        rows: usize,
        mut take: impl FnMut(&SiteView<'_>, (TableId, u8), &[u8]),
    ) -> bool {
        let Some((table, feed)) = self.tables.last().copied() else { return true };
        let view = SiteView { tables: self.cut.as_ref(), site: self.site };
        let read = raw_rows(self.cut.as_ref(), table, &self.from, rows.max(1));
        for (key, _record) in &read {
            take(&view, (table, feed), key);
        }
        if read.len() < rows.max(1) {
            self.tables.pop();
            self.from = KeyRange::all();
        } else if let Some((mut key, _record)) = read.into_iter().next_back() {
            key.push(0);
            self.from = KeyRange { from: key, to: self.from.to.clone() };
        }
        self.tables.is_empty()
    }
}

/// The sums of a site, as far as they are counted.
struct Count {
    lsn: Lsn,
    run: Run,
    sums: Sums,
}

/// What a device asked to be repaired.
pub(crate) struct Wanted {
    pub(crate) connection: ConnectionNo,
    pub(crate) site: SiteId,
    /// The feed's number of the table.
    pub(crate) table: u8,
    pub(crate) buckets: BTreeSet<u8>,
}

/// Keys of the rows of some buckets, as far as they are found.
struct Search {
    wanted: Wanted,
    lsn: Lsn,
    run: Run,
    keys: BTreeSet<Vec<u8>>,
}

/// Keys of the rows of some buckets, as of a decision.
pub(crate) struct Found {
    table: TableId,
    feed_table: u8,
    pub(crate) buckets: BTreeSet<u8>,
    keys: BTreeSet<Vec<u8>>,
    lsn: Lsn,
}

/// The comparisons that are under way.
#[derive(Default)]
pub(crate) struct Checks {
    count: Option<Count>,
    /// The sums that were counted last, by site.
    ready: BTreeMap<SiteId, (Lsn, Sums)>,
    searches: Vec<Search>,
    found: BTreeMap<ConnectionNo, Vec<Found>>,
    pub(crate) health: ReplicaHealth,
}

impl Checks {
    /// Whether a site is being counted.
    pub(crate) fn is_counting(&self) -> bool {
        self.count.is_some()
    }

    /// Whether there is work.
    pub(crate) fn wants_work(&self) -> bool {
        self.count.is_some() || !self.searches.is_empty()
    }

    /// Begins to count what `site` sees as of `lsn`, the decision that `cut` shows.
    pub(crate) fn begin(&mut self, cut: &Cut, site: SiteId, lsn: Lsn) {
        let run = Run::new(cut.clone(), site, OBJECTS.to_vec());
        self.count = Some(Count { lsn, run, sums: Sums::new() });
    }

    /// Begins to search the rows of some buckets.
    pub(crate) fn search(&mut self, cut: &Cut, lsn: Lsn, wanted: Wanted) {
        let tables = OBJECTS.iter().copied().filter(|(_table, feed)| *feed == wanted.table);
        let run = Run::new(cut.clone(), wanted.site, tables.collect());
        self.searches.push(Search { wanted, lsn, run, keys: BTreeSet::new() });
    }

    /// Reads about `rows` rows. Returns the connections, or the site, that something is ready for.
    pub(crate) fn work(&mut self, rows: usize) -> Ready {
        if let Some(mut search) = self.searches.pop() {
            let keys = &mut search.keys;
            let buckets = &search.wanted.buckets;
            let is_done = search.run.step(rows, |view, (table, _feed), key| {
                if buckets.contains(&bucket(key)) && view.row(table, key).is_some() {
                    keys.insert(key.to_vec());
                }
            });
            if !is_done {
                self.searches.push(search);
                return Ready::Nothing;
            }
            return self.finish(search);
        }
        let Some(count) = &mut self.count else { return Ready::Nothing };
        let sums = &mut count.sums;
        let is_done = count.run.step(rows, |view, (table, feed), key| {
            if let Some(row) = view.row(table, key) {
                sums.add(feed, key, &row.encode());
            }
        });
        if !is_done {
            return Ready::Nothing;
        }
        let Some(count) = self.count.take() else { return Ready::Nothing };
        let site = count.run.site;
        self.ready.insert(site, (count.lsn, count.sums));
        Ready::Site(site)
    }

    fn finish(&mut self, search: Search) -> Ready {
        let Search { wanted, lsn, keys, .. } = search;
        let table = OBJECTS.iter().find(|(_table, feed)| *feed == wanted.table);
        let Some((table, feed_table)) = table.copied() else { return Ready::Nothing };
        let found = Found { table, feed_table, buckets: wanted.buckets, keys, lsn };
        self.found.entry(wanted.connection).or_default().push(found);
        Ready::Connection(wanted.connection)
    }

    /// The sums of `site` as of `lsn`, where they are counted.
    pub(crate) fn sums(&self, site: SiteId, lsn: Lsn) -> Option<&Sums> {
        self.ready.get(&site).filter(|(of, _sums)| *of == lsn).map(|(_of, sums)| sums)
    }

    /// Rows that a connection waits for.
    pub(crate) fn take_found(&mut self, connection: ConnectionNo) -> Option<Found> {
        let waiting = self.found.get_mut(&connection)?;
        let found = waiting.pop();
        if waiting.is_empty() {
            self.found.remove(&connection);
        }
        found
    }

    /// A connection is gone.
    pub(crate) fn forget(&mut self, connection: ConnectionNo) {
        self.found.remove(&connection);
        self.searches.retain(|search| search.wanted.connection != connection);
    }

    /// The sites that nobody listens to need no sums.
    pub(crate) fn keep_only(&mut self, mut is_heard: impl FnMut(SiteId) -> bool) {
        self.ready.retain(|site, _sums| is_heard(*site));
    }
}

/// What a slice of work has made ready.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ready {
    /// Nothing yet.
    Nothing,
    /// The sums of a site.
    Site(SiteId),
    /// The rows that a connection waits for.
    Connection(ConnectionNo),
}

impl Found {
    /// The rows of the buckets as `tables`, a cut at `head`, show them to `site`: those that were
    /// found, and what was mentioned since.
    pub(crate) fn rows(&self, (tables, head): (&dyn Tables, Lsn), site: SiteId) -> Vec<FeedRecord> {
        let mut keys = self.keys.clone();
        for of in [site, ALL_SITES] {
            let range = KeyRange::between(&(of, self.lsn.next()), &(of, head.next()));
            for (_key, mention) in tables.list::<FeedIndex>(&range) {
                let is_meant = TableId(mention.table) == self.table
                    && self.buckets.contains(&bucket(&mention.key));
                if is_meant {
                    keys.insert(mention.key.to_vec());
                }
            }
        }
        let view = SiteView { tables, site };
        keys.iter()
            .filter_map(|key| view.record(self.table, key))
            .filter(|record| record.row.is_some())
            .collect()
    }

    pub(crate) fn feed_table(&self) -> u8 {
        self.feed_table
    }
}
