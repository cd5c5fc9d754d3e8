//! A whole replica at once: immutable chunks of one cut of one site, shared by all its devices.
//!
//! 1. A snapshot is read from one [`Cut`]: it shows one decision, whatever happens meanwhile.
//! 2. Chunks are made in slices of bounded cost, and kept encoded.
//! 3. The order is that of need (SYNC 2.5): sites, people, tasks and documents; bins and what lies
//!    in them; the items and identifiers of all that; everything else. After `ready_chunks` a
//!    device can work.
//! 4. The same site, decision and rows give the same chunks.
//! 5. A finished snapshot is in the store as long as it is kept: a device goes on with it where it was when
//!    the server has begun again.

mod build;
mod keep;

use std::sync::Arc;

use ledger::schema::SiteId;
use ledger::schema::book::Head;
use protocol::identity::{IntakeNo, Lsn, ServerTime};

use crate::session::wire::{ConnectionNo, Message};
use crate::store::Cut;
use build::Build;

/// Snapshots that are kept.
const KEPT_MAX: usize = 8;
/// A snapshot is kept for so long: a device may come back for the rest.
const KEPT_US: i64 = 24 * 3_600_000_000;
/// A new device gets an existing snapshot while no more than this was decided since it was made.
const FRESH_US: i64 = 15 * 60_000_000;

/// A finished snapshot.
#[derive(Debug)]
pub struct Snapshot {
    /// Its number: decision and site.
    pub number: u64,
    /// The site.
    pub site: SiteId,
    /// The cut it shows.
    pub lsn: Lsn,
    /// The last operation that was judged at that cut.
    pub intake: IntakeNo,
    /// When it was made: a company may decide nothing for days.
    pub time: ServerTime,
    /// Version of the site's scope.
    pub scope_version: u64,
    /// Rows.
    pub rows: u64,
    /// A device can work after so many chunks.
    pub ready_chunks: u32,
    /// The chunks, SNAP_CHUNK frames.
    pub chunks: Vec<Arc<Message>>,
}

impl Snapshot {
    /// The number of its chunks.
    pub fn n_chunks(&self) -> u32 {
        u32::try_from(self.chunks.len()).expect("a snapshot has far fewer than 2^32 chunks")
    }

    /// Chunk `index`.
    pub fn chunk(&self, index: u32) -> Option<&Arc<Message>> {
        self.chunks.get(usize::try_from(index).ok()?)
    }
}

/// The number of a snapshot: it names the decision and the site.
fn number(site: SiteId, lsn: Lsn) -> u64 {
    (lsn.0 << 16) ^ u64::from(site.0)
}

/// The snapshots that are ready, and those in the making.
#[derive(Default)]
pub struct Snapshots {
    ready: Vec<Arc<Snapshot>>,
    /// What the store does not know yet.
    unwritten: Vec<keep::Change>,
    builds: Vec<(Build, Vec<ConnectionNo>)>,
}

impl Snapshots {
    /// A fresh snapshot of `site` that shows decision `at_least`, or none: then one is being made, and
    /// `waiting`, where there is somebody, is told by [`Snapshots::build`].
    pub fn wanted(
        &mut self,
        (cut, head, now): (&Cut, Head, ServerTime),
        (site, scope_version, at_least): (SiteId, u64, Lsn),
        waiting: Option<ConnectionNo>,
    ) -> Option<Arc<Snapshot>> {
        let found = self.ready.iter().rev().find(|snapshot| {
            snapshot.site == site
                && snapshot.scope_version == scope_version
                && snapshot.lsn >= at_least
                && head.time.us_since(snapshot.time) <= FRESH_US
        });
        if let Some(snapshot) = found {
            return Some(Arc::clone(snapshot));
        }
        let building = self.builds.iter_mut().find(|(build, _waiting)| build.site() == site);
        if let Some((_build, connections)) = building {
            connections.extend(waiting.filter(|waiting| !connections.contains(waiting)));
        } else {
            let build = Build::new((Arc::clone(cut), head, now), site, scope_version);
            self.builds.push((build, waiting.into_iter().collect()));
        }
        None
    }

    /// The snapshot with `number`, where it is still kept.
    pub fn numbered(&self, number: u64, site: SiteId) -> Option<Arc<Snapshot>> {
        self.ready
            .iter()
            .find(|snapshot| snapshot.number == number && snapshot.site == site)
            .map(Arc::clone)
    }

    /// Whether a snapshot is in the making.
    pub fn is_building(&self) -> bool {
        !self.builds.is_empty()
    }

    /// Reads about `rows` rows for the oldest snapshot in the making; returns who waited for it
    /// when it is finished.
    pub fn build(&mut self, rows: usize) -> Vec<ConnectionNo> {
        let Some((build, _waiting)) = self.builds.first_mut() else { return Vec::new() };
        if !build.step(rows) {
            return Vec::new();
        }
        let (build, waiting) = self.builds.remove(0);
        let snapshot = Arc::new(build.finish());
        self.unwritten.push(keep::Change::Keep(Arc::clone(&snapshot)));
        self.ready.push(snapshot);
        if self.ready.len() > KEPT_MAX {
            let oldest = self.ready.remove(0);
            self.unwritten.push(keep::Change::forget(&oldest));
        }
        waiting
    }

    /// Forgets the snapshots that nobody will come back for.
    pub fn forget_old(&mut self, now: ServerTime) {
        let (kept, old): (Vec<_>, Vec<_>) = std::mem::take(&mut self.ready)
            .into_iter()
            .partition(|snapshot| now.us_since(snapshot.time) <= KEPT_US);
        self.ready = kept;
        self.unwritten.extend(old.iter().map(|old| keep::Change::forget(old)));
    }
}
