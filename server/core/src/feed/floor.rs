//! Where the feed begins: index rows below the floor are dropped, slice by slice. A device whose
//! cursor lies below gets a snapshot.

use ledger::draft::{Changes, Draft};
use ledger::key::{Key as _, KeyRange};
use ledger::schema::SiteId;
use ledger::schema::book::ChangesTable;
use ledger::schema::place::Sites;
use ledger::tables::{Read as _, Table as _, Tables};
use protocol::identity::{Lsn, ServerTime};

use crate::feed::ALL_SITES;
use crate::schema::{FeedFloors, FeedIndex};
use crate::store::raw_rows;

/// Index rows that are dropped in one slice.
const ROWS_PER_SLICE: usize = 1_000;
/// Decisions that are looked at in one go for their age.
const DECISIONS_PER_LOOK: u64 = 10_000;

/// The floor of the feed and where it is going.
#[derive(Debug, Clone, Copy, Default)]
pub struct Floor {
    /// DELTA can start after this decision or any later one.
    pub low: Lsn,
    /// Index rows up to here are to be dropped.
    wanted: Lsn,
    /// Index rows up to here are dropped.
    dropped: Lsn,
}

impl Floor {
    /// The floor in `tables`.
    pub fn open(tables: &dyn Tables) -> Self {
        let low = floor_of(tables);
        // Whatever was left when the machine stopped is dropped again.
        Self { low, wanted: low, dropped: Lsn(0) }
    }

    /// Whether there is something to drop.
    pub fn lags(&self) -> bool {
        self.dropped < self.wanted
    }

    /// Drops some of what lies below. The floor is raised in the same batch as the first rows go.
    pub fn drop_slice(&mut self, tables: &dyn Tables) -> Changes {
        let mut draft = Draft::with_budget(tables, u64::MAX);
        if self.low < self.wanted {
            self.low = self.wanted;
            draft.put::<FeedFloors>(&(), self.low);
        }
        let sites = tables.list::<Sites>(&KeyRange::all());
        let sites = sites.into_iter().map(|(site, _row)| site).chain([ALL_SITES]);
        let mut room = ROWS_PER_SLICE;
        for site in sites {
            let keys = below(tables, site, self.low, room);
            room = room.saturating_sub(keys.len());
            for (site, lsn, n) in keys {
                draft.delete::<FeedIndex>(&(site, lsn, n));
            }
        }
        if room > 0 {
            self.dropped = self.low;
        }
        draft.finish()
    }
}

fn below(tables: &dyn Tables, site: SiteId, low: Lsn, max: usize) -> Vec<(SiteId, Lsn, u32)> {
    let range = KeyRange::between(&(site, Lsn(0)), &(site, low.next()));
    raw_rows(tables, FeedIndex::ID, &range, max)
        .into_iter()
        .filter_map(|(key, _record)| <(SiteId, Lsn, u32)>::from_bytes(&key))
        .collect()
}

/// The decision that DELTA can start after, at the earliest.
pub fn floor_of(tables: &dyn Tables) -> Lsn {
    tables.row::<FeedFloors>(&()).map_or(Lsn(0), |floor| *floor)
}

/// Aims at the last decision before `before`, by steps of bounded cost: the oldest that are kept are
/// looked at, in leaps that shrink until one lands.
pub(crate) fn aim(floor: &mut Floor, tables: &dyn Tables, before: ServerTime) {
    let mut leap = DECISIONS_PER_LOOK;
    let mut wanted = floor.wanted;
    while leap > 0 {
        let next = Lsn(wanted.0.saturating_add(leap));
        let is_old = tables.row::<ChangesTable>(&next).is_some_and(|change| change.time < before);
        if is_old {
            wanted = next;
        } else {
            leap = leap.checked_div(2).unwrap_or(0);
        }
    }
    floor.wanted = wanted;
}
