//! Everything from the book: folding intake and change records into fresh tables, and checking both
//! chains on the way.
//!
//! Changes are folded before the intake of the same book: what an intake record says of a clock
//! refers to decisions that were known then. A book may therefore come in parts, as it does in a
//! backup, when each part has the decisions about the operations before its end.

use std::sync::Arc;

use ledger::draft::{Changes, Draft, Overlay};
use ledger::key::{Key as _, KeyRange};
use ledger::schema::book::{Change, ChangesTable, Head, Heads, Intake, Intakes};
use ledger::tables::{Read as _, Table as _, Tables};
use protocol::identity::{Hash16, IntakeNo, Lsn, ServerTime};

use crate::intake::{IntakeHead, replay};
use crate::poster::change;

/// What is wrong with a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BookFault {
    /// A number is missing: the log has a hole.
    #[error("intake record {0} is missing")]
    IntakeMissing(IntakeNo),
    /// A record was changed, or stands in the wrong place.
    #[error("intake record {0} does not follow the one before it")]
    IntakeChain(IntakeNo),
    /// A number is missing: the log has a hole.
    #[error("change record {0} is missing")]
    ChangeMissing(Lsn),
    /// A record was changed, or stands in the wrong place.
    #[error("change record {0} does not follow the one before it")]
    ChangeChain(Lsn),
}

/// How far a fold has come. It starts at the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fold {
    /// Last intake record taken.
    pub intake: IntakeNo,
    /// Its hash.
    pub intake_hash: Hash16,
    /// Its receive time.
    pub received: ServerTime,
    /// Last change record taken.
    pub head: Head,
}

impl Fold {
    /// How far the fold that made `into` had come.
    pub fn of(into: &dyn Tables) -> Self {
        let intake = IntakeHead::of(into);
        let head = into.row::<Heads>(&()).map_or_else(Head::default, |head| *head);
        Self { intake: intake.no, intake_hash: intake.hash, received: intake.received, head }
    }

    /// Takes up to `records_max` records of `book` and returns what they write into `into`; an
    /// empty answer says that everything was taken.
    ///
    /// # Errors
    ///
    /// [`BookFault`]; the fold is where it was.
    pub fn step(
        &mut self,
        book: &dyn Tables,
        into: &dyn Tables,
        records_max: usize,
    ) -> Result<Changes, BookFault> {
        let mut fold = *self;
        let mut overlay = Overlay::over(into);
        for _record in 0..records_max {
            if !(fold.take_change(book, &mut overlay)? || fold.take_intake(book, &mut overlay)?) {
                break;
            }
        }
        *self = fold;
        Ok(overlay.into_changes())
    }

    fn take_intake(
        &mut self,
        book: &dyn Tables,
        overlay: &mut Overlay<'_>,
    ) -> Result<bool, BookFault> {
        let Some(first) = next_intake(book, self.intake)? else { return Ok(false) };
        let arrival = replay::arrival(book, (self.intake.next(), first));
        for (no, intake) in &arrival {
            let follows = intake.previous == self.intake_hash
                && intake.hash == Intake::link(intake.previous, *no, intake.received, &intake.raw)
                && intake.received > self.received;
            if !follows {
                return Err(BookFault::IntakeChain(*no));
            }
            (self.intake, self.intake_hash, self.received) = (*no, intake.hash, intake.received);
        }
        let mut changes = replay::fold(overlay, &arrival);
        for (no, _intake) in &arrival {
            let key = no.to_bytes();
            let written = book.get(Intakes::ID, &key);
            changes.insert((Intakes::ID, key), written);
        }
        overlay.absorb(changes);
        Ok(true)
    }

    fn take_change(
        &mut self,
        book: &dyn Tables,
        overlay: &mut Overlay<'_>,
    ) -> Result<bool, BookFault> {
        let lsn = self.head.lsn.next();
        let Some(record) = next_change(book, self.head.lsn)? else { return Ok(false) };
        let follows = record.previous == self.head.hash
            && record.hash == change::link(record.previous, lsn, &record.rows)
            && record.time > self.head.time;
        if !follows {
            return Err(BookFault::ChangeChain(lsn));
        }
        let mut changes = change::fold(overlay, lsn, &record);
        self.head = Head { lsn, time: record.time, intake: record.intake, hash: record.hash };
        let mut draft = Draft::over(overlay);
        draft.put::<Heads>(&(), self.head);
        changes.extend(draft.finish());
        // As it was written, in whichever release.
        let key = lsn.to_bytes();
        let written = book.get(ChangesTable::ID, &key);
        changes.insert((ChangesTable::ID, key), written);
        overlay.absorb(changes);
        Ok(true)
    }
}

/// The record after `last`; none at the end of the book.
fn next_intake(book: &dyn Tables, last: IntakeNo) -> Result<Option<Arc<Intake>>, BookFault> {
    let wanted = last.next();
    match book.first::<Intakes>(&KeyRange::between(&wanted, &IntakeNo(u64::MAX))) {
        None => Ok(None),
        Some((no, intake)) if no == wanted => Ok(Some(intake)),
        Some(_later) => Err(BookFault::IntakeMissing(wanted)),
    }
}

fn next_change(book: &dyn Tables, last: Lsn) -> Result<Option<Arc<Change>>, BookFault> {
    let wanted = last.next();
    match book.first::<ChangesTable>(&KeyRange::between(&wanted, &Lsn(u64::MAX))) {
        None => Ok(None),
        Some((lsn, change)) if lsn == wanted => Ok(Some(change)),
        Some(_later) => Err(BookFault::ChangeMissing(wanted)),
    }
}
