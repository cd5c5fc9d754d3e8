//! What comes in, before anybody judges it: numbered, timed, chained.
//!
//! 1. Records are numbered without gaps; receive times rise strictly.
//! 2. Per incarnation of a device, operations are taken contiguously, and only as the continuation
//!    of the hash chain that is known here.
//! 3. τ is computed here, once, from the records alone ([`crate::clock`]).
//! 4. Nothing is acknowledged before it is durable: this module only says which rows to write.
//!
//! Never here: what an operation means.

pub mod command;
pub mod push;
pub mod replay;

use ledger::draft::Draft;
use ledger::schema::book::{Intake, Intakes};
use ledger::tables::{Read as _, Tables};
use protocol::identity::{Hash16, IntakeNo, Lsn, ServerEpoch, ServerTime};

use chrono::NaiveDate;
use ledger::key::KeyRange;
use ledger::schema::book::{Change, Companies};
use ledger::schema::place::{Locations, LocationsByCode};
use protocol::words::LocationCode;

use crate::schema::Epochs;

/// The end of the intake log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IntakeHead {
    /// The last number given.
    pub no: IntakeNo,
    /// The receive time of that record.
    pub received: ServerTime,
    /// Its hash.
    pub hash: Hash16,
}

impl IntakeHead {
    /// The end of the log in `tables`.
    pub fn of(tables: &dyn Tables) -> Self {
        tables.last::<Intakes>(&KeyRange::all()).map_or_else(Self::default, |(no, intake)| Self {
            no,
            received: intake.received,
            hash: intake.hash,
        })
    }

    /// The receive time of the next record.
    fn next_received(&self, now: ServerTime) -> ServerTime {
        now.max(self.received.plus_us(1))
    }

    /// Appends a record whose number, chain and receive time follow this one.
    fn append(&mut self, draft: &mut Draft<'_>, intake: impl FnOnce(Link) -> Intake) -> IntakeNo {
        let no = self.no.next();
        let record = intake(Link { no, previous: self.hash });
        (self.no, self.received, self.hash) = (no, record.received, record.hash);
        draft.put::<Intakes>(&no, record);
        no
    }
}

/// The place of a new record in the chain.
struct Link {
    no: IntakeNo,
    previous: Hash16,
}

/// The generation of this server.
pub fn server_epoch(tables: &dyn Tables) -> ServerEpoch {
    tables.row::<Companies>(&()).map_or(FIRST_EPOCH, |company| company.epoch)
}

/// Whether a cursor of `epoch` means the same decision here: it is of this generation, or lies
/// before the point at which a later generation left the older log.
pub fn is_of_this_log(tables: &dyn Tables, cursor: Lsn, epoch: ServerEpoch) -> bool {
    let ours = server_epoch(tables);
    if epoch >= ours {
        return epoch == ours;
    }
    // Not every number is a generation of this log: the others are those of other copies.
    let is_known = epoch == FIRST_EPOCH || tables.has::<Epochs>(&epoch);
    let later = KeyRange::between(&epoch.next(), &ours.next());
    is_known && tables.list::<Epochs>(&later).iter().all(|(_epoch, fork)| cursor <= **fork)
}

/// The generation of a server that was never restored.
const FIRST_EPOCH: ServerEpoch = ServerEpoch(1);
/// 2026-01-01T00:00:00Z: the numbers of generations are seconds since then.
const EPOCHS_SINCE: ServerTime = ServerTime(1_767_225_600_000_000);

/// The generation that begins with a record received at `received` over a store of generation
/// `present`.
///
/// Who restores the same copy twice must not get the same number twice, or what devices have seen of
/// the first would be taken for decisions of the second. The copy cannot know: so it is the second in
/// which it begins, and in any case more than the copy's own.
pub(crate) fn next_epoch(present: ServerEpoch, received: ServerTime) -> ServerEpoch {
    let seconds = received.us_since(EPOCHS_SINCE).div_euclid(1_000_000);
    let seconds = u32::try_from(seconds.max(0)).unwrap_or(u32::MAX);
    present.next().max(ServerEpoch(seconds))
}

/// When the decision was taken that an operator had seen, where that is known here.
pub(crate) fn seen_at(tables: &dyn Tables, cursor: Lsn, epoch: ServerEpoch) -> Option<ServerTime> {
    if cursor == Lsn(0) || !is_of_this_log(tables, cursor, epoch) {
        return None;
    }
    Change::time_of(tables, cursor)
}

/// The local date of `at` at `location`, by its IANA time zone. Computed once, at intake, because an
/// update of the zone data must not change books.
pub fn local_date(
    tables: &dyn Tables,
    location: &LocationCode,
    at: ServerTime,
) -> Option<NaiveDate> {
    let id = tables.row::<LocationsByCode>(location)?;
    let zone = tables.row::<Locations>(&id)?.time_zone.clone();
    let zone: chrono_tz::Tz = zone.as_str().parse().ok()?;
    Some(at.utc()?.with_timezone(&zone).date_naive())
}

#[cfg(test)]
mod tests;
