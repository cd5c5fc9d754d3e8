//! From a cursor on: the objects of a site that changed, each once, as of the end of the span.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use ledger::draft::Overlay;
use ledger::key::{Key as _, KeyBytes, KeyRange};
use ledger::record::Record;
use ledger::schema::SiteId;
use ledger::schema::book::{Change, ChangesTable, Outcomes};
use ledger::tables::{Read as _, Table as _, TableId, Tables, each_of};
use protocol::feed::{FeedGroup, FeedRecord};
use protocol::identity::{DeviceId, Lsn, OperationId, ServerTime};
use protocol::outcome::Outcome;

use crate::feed::ALL_SITES;
use crate::feed::project::SiteView;
use crate::schema::FeedIndex;

/// Bytes of records in one DELTA: well below the largest frame.
pub const DELTA_BYTES_MAX: usize = 600 << 10;

/// Bytes that one outcome is reckoned with: most have a reason or none.
const OUTCOME_BYTES: usize = 300;
/// Bytes that one decision is reckoned with beside what is shown of it.
const SHOWN_BYTES: usize = size_of::<Shown>();

/// What a site sees of one decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The decision.
    pub lsn: Lsn,
    /// Its time.
    pub time: ServerTime,
    /// The objects, as of the end of the span.
    pub records: Vec<FeedRecord>,
    /// Outcomes, with the device that each belongs to.
    pub outcomes: Vec<(DeviceId, Outcome)>,
}

/// What a site sees of a run of decisions. Objects that a later one of them mentions again are
/// shown there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// It continues this cursor.
    pub from: Lsn,
    /// The cursor after it.
    pub to: Lsn,
    /// The decisions that the site sees something of, in order.
    pub decisions: Vec<Shown>,
    /// Bytes of the records.
    pub bytes: usize,
}

impl Span {
    /// The decisions after `from`. Each object is shown at the last decision that mentions it, so
    /// that they show all that a device at `from` has not seen of the span.
    pub fn after(&self, from: Lsn) -> impl DoubleEndedIterator<Item = &Shown> {
        let first = self.decisions.partition_point(|shown| shown.lsn <= from);
        self.decisions.iter().skip(first)
    }

    /// Bytes that it takes in memory, as they are reckoned.
    pub fn weight(&self) -> usize {
        let outcomes = self.decisions.iter().map(|shown| shown.outcomes.len());
        let n = outcomes.fold(0, usize::saturating_add);
        let shown = self.decisions.len().saturating_mul(SHOWN_BYTES);
        self.bytes.saturating_add(shown).saturating_add(n.saturating_mul(OUTCOME_BYTES))
    }

    /// Bytes of what `device` at `from` sees of it.
    pub fn bytes_for(&self, device: DeviceId, from: Lsn) -> usize {
        let outcomes = self.after(from).flat_map(|shown| &shown.outcomes);
        let n = outcomes.filter(|(owner, _outcome)| *owner == device).count();
        let bytes = if from <= self.from {
            self.bytes
        } else {
            let records = self.after(from).flat_map(|shown| &shown.records);
            records.map(record_bytes).fold(0, usize::saturating_add)
        };
        bytes.saturating_add(n.saturating_mul(OUTCOME_BYTES))
    }

    /// Whether an outcome of `device` is in it, after `from`.
    pub fn concerns(&self, device: DeviceId, from: Lsn) -> bool {
        self.after(from)
            .any(|shown| shown.outcomes.iter().any(|(owner, _outcome)| *owner == device))
    }
}

/// How much one reading may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// After this decision.
    pub from: Lsn,
    /// Up to this one at most.
    pub up_to: Lsn,
    /// The head of the tables that are read.
    pub head: Lsn,
    /// Index rows at most; one decision is never split.
    pub mentions_max: usize,
}

type Object = (TableId, KeyBytes);

/// Reads what `site` sees after a cursor. `tables` must be a cut at `extent.head`.
pub fn read(tables: &dyn Tables, site: SiteId, extent: Extent) -> Span {
    let mut mentions: BTreeMap<Lsn, BTreeSet<Object>> = BTreeMap::new();
    let ours = collect(tables, site, extent, &mut mentions);
    let all = collect(tables, ALL_SITES, extent, &mut mentions);
    let to = ours.min(all);
    mentions.retain(|lsn, _objects| *lsn <= to);
    let last = last_mentions(&mentions);
    if to == extent.head {
        return project(tables, (site, extent.from, to), &last);
    }
    // Later decisions have changed rows since: lay the rows as of `to` over them.
    let past = as_of(tables, extent.from, to);
    project(&past, (site, extent.from, to), &last)
}

/// Adds the mentions of one index, and returns the last decision that is wholly among them.
fn collect(
    tables: &dyn Tables,
    site: SiteId,
    extent: Extent,
    mentions: &mut BTreeMap<Lsn, BTreeSet<Object>>,
) -> Lsn {
    let range = KeyRange::between(&(site, extent.from.next()), &(site, extent.up_to.next()));
    let mut n: usize = 0;
    let mut complete = extent.up_to;
    let mut last = extent.from;
    each_of::<FeedIndex>(tables, &range, false, &mut |(_site, lsn, _n), row| {
        if n >= extent.mentions_max && lsn != last {
            complete = last;
            return ControlFlow::Break(());
        }
        n = n.saturating_add(1);
        last = lsn;
        mentions
            .entry(lsn)
            .or_default()
            .insert((TableId(row.table), KeyBytes::from_slice(&row.key)));
        ControlFlow::Continue(())
    });
    complete
}

/// Each object with the last decision that mentions it.
fn last_mentions(mentions: &BTreeMap<Lsn, BTreeSet<Object>>) -> BTreeMap<Lsn, Vec<Object>> {
    let mut seen: BTreeSet<&Object> = BTreeSet::new();
    let mut last: BTreeMap<Lsn, Vec<Object>> = BTreeMap::new();
    for (lsn, objects) in mentions.iter().rev() {
        let fresh: Vec<Object> =
            objects.iter().filter(|object| seen.insert(object)).cloned().collect();
        if !fresh.is_empty() {
            last.insert(*lsn, fresh);
        }
    }
    last
}

/// `tables` with the rows that the decisions after `from` wrote, as they were after `to`.
fn as_of(tables: &dyn Tables, from: Lsn, to: Lsn) -> Overlay<'_> {
    let mut past = Overlay::over(tables);
    let range = KeyRange::between(&from.next(), &to.next());
    each_of::<ChangesTable>(tables, &range, false, &mut |_lsn, change| {
        past.absorb(
            change
                .rows
                .iter()
                .map(|row| {
                    let record =
                        row.record.as_ref().map(|record| Record::from_bytes(record.to_vec()));
                    ((TableId(row.table), KeyBytes::from_slice(&row.key)), record)
                })
                .collect(),
        );
        ControlFlow::Continue(())
    });
    past
}

fn project(
    tables: &dyn Tables,
    (site, from, to): (SiteId, Lsn, Lsn),
    mentions: &BTreeMap<Lsn, Vec<Object>>,
) -> Span {
    let view = SiteView { tables, site };
    let mut bytes: usize = 0;
    let mut decisions = Vec::with_capacity(mentions.len());
    for (lsn, objects) in mentions {
        let time = Change::time_of(tables, *lsn).unwrap_or(ServerTime(0));
        let (mut records, mut outcomes) = (Vec::new(), Vec::new());
        for (table, key) in objects {
            if *table == Outcomes::ID {
                let row = OperationId::from_bytes(key)
                    .and_then(|operation| tables.row::<Outcomes>(&operation));
                outcomes.extend(row.map(|row| (row.outcome.operation.device, row.outcome.clone())));
            } else if let Some(record) = view.record(*table, key) {
                bytes = bytes.saturating_add(record_bytes(&record));
                records.push(record);
            }
        }
        decisions.push(Shown { lsn: *lsn, time, records, outcomes });
    }
    Span { from, to, decisions, bytes }
}

pub(crate) fn record_bytes(record: &FeedRecord) -> usize {
    let row = record.row.as_ref().map_or(0, |row| row.len());
    record.key.len().saturating_add(row).saturating_add(12)
}

/// The groups of `spans` for one device at `from`, each object once: where it was mentioned last.
pub fn groups(spans: &[&Span], (device, from): (DeviceId, Lsn)) -> Vec<FeedGroup> {
    let mut seen: BTreeSet<(u8, &[u8])> = BTreeSet::new();
    let mut judged: BTreeSet<OperationId> = BTreeSet::new();
    let mut groups = Vec::new();
    for shown in spans.iter().rev().flat_map(|span| span.after(from).rev()) {
        let records: Vec<FeedRecord> = shown
            .records
            .iter()
            .filter(|record| seen.insert((record.table, &record.key)))
            .cloned()
            .collect();
        let outcomes: Vec<Outcome> = shown
            .outcomes
            .iter()
            .filter(|(owner, outcome)| *owner == device && judged.insert(outcome.operation))
            .map(|(_owner, outcome)| outcome.clone())
            .collect();
        if !records.is_empty() || !outcomes.is_empty() {
            groups.push(FeedGroup { lsn: shown.lsn, time: shown.time, records, outcomes });
        }
    }
    groups.reverse();
    groups
}
