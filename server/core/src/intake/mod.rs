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
    tables.row::<Companies>(&()).map_or(ServerEpoch(1), |company| company.epoch)
}

/// Whether a cursor of `epoch` means the same decision here: it is of this generation, or lies
/// before the point at which a later generation left the older log.
pub fn is_of_this_log(tables: &dyn Tables, cursor: Lsn, epoch: ServerEpoch) -> bool {
    let ours = server_epoch(tables);
    if epoch >= ours {
        return epoch == ours;
    }
    let later = KeyRange::between(&epoch.next(), &ours.next());
    let forks = tables.list::<Epochs>(&later);
    u64::try_from(forks.len()).is_ok_and(|n| n == u64::from(ours.0.abs_diff(epoch.0)))
        && forks.iter().all(|(_epoch, fork)| cursor <= **fork)
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
