//! Imports: staged in slices, activated by one command, all or none (COSTING 4).
//!
//! A slice brings a part of an import into the intake and judges nothing: nobody sees what it says.
//! [`ActivateImport`] then does everything that was staged, in order, as one decision; where any of
//! it cannot be done, nothing is. [`DropImport`] forgets what was staged. Slices are small, so that
//! what devices did is judged between them.
//!
//! 1. A part is staged once: the same part again is the same, another one under its number is
//!    refused. An interrupted import is taken up by sending all its parts again.
//! 2. What is staged leaves no trace but its rows in `staged_part`, which are gone when the import
//!    was activated or dropped; the raw parts stay in the intake, like everything that came in.
//! 3. What a row says is booked as it says: where something would be booked differently, nothing is
//!    done, and neither is where opening stock is there already.
//! 4. Everybody's right to a command of an import is looked at when it is done, not when it is
//!    staged.

use std::collections::BTreeSet;

use protocol::code::Code;
use protocol::identity::{Hash16, chained};
use protocol::operation::Tracking;
use protocol::outcome::{Decision, Reason};
use protocol::words::{ItemNo, LocationCode, VariantCode};
use serde::{Deserialize, Serialize};

use super::stock::OpeningStock;
use super::{Command, malformed};
use crate::key::KeyRange;
use crate::lookup;
use crate::posting::{Posting, Stop};
use crate::schema::book::{
    ImportNo, ImportRow, ImportState, Imports, Intakes, StagedPart, StagedParts,
};
use crate::schema::stock::OnHand;
use crate::schema::tracking::TrackingByKey;
use crate::schema::{ItemId, LocationId, TrackingId, VariantId};
use crate::tables::Read as _;

/// Commands that one import may hold: what one decision may reasonably do at once.
pub const COMMANDS_MAX: u64 = 2_000_000;
/// Commands of one part: each part is one slice of work between postings.
pub const PART_COMMANDS_MAX: usize = 1_000;
/// Reads and writes that a staged command may make when it is done, on the average.
const BUDGET_PER_COMMAND: u64 = 2_000;

/// A part of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageImport {
    /// The import.
    #[serde(with = "serde_bytes")]
    pub import: ImportNo,
    /// Which part, from 0. Parts are staged in order.
    pub part: u32,
    /// What is to be done, in order.
    pub commands: Vec<Command>,
}

/// Everything that was staged, now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivateImport {
    /// The import.
    #[serde(with = "serde_bytes")]
    pub import: ImportNo,
    /// How many parts it has.
    pub parts: u32,
    /// What they say: see [`digest`].
    pub digest: Hash16,
}

/// What was staged is not wanted any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropImport {
    /// The import.
    #[serde(with = "serde_bytes")]
    pub import: ImportNo,
}

/// The digest of an import whose earlier parts have `before`, with the encoded part `raw`. It begins
/// with zero bytes.
pub fn digest(before: Hash16, raw: &[u8]) -> Hash16 {
    chained(&[&before.0, raw])
}

/// Whether `command` may be part of an import: whatever a file can say.
const fn may_be_staged(command: &Command) -> bool {
    !matches!(
        command,
        Command::Batch(_)
            | Command::Handle(_)
            | Command::Settle(_)
            | Command::JudgeAgain(_)
            | Command::Decide(_)
            | Command::StageImport(_)
            | Command::ActivateImport(_)
            | Command::DropImport(_)
    )
}

/// Keeps a part for later.
///
/// # Errors
///
/// Refused where a part before it is missing, where another part was staged under its number, and
/// where the import is somebody else's or over.
pub(super) fn stage(posting: &mut Posting<'_, '_>, part: &StageImport) -> Result<(), Stop> {
    let row = posting.draft.row::<Imports>(&part.import);
    if let Some(row) = &row {
        own(posting, row)?;
    }
    if let Some(known) = posting.draft.row::<StagedParts>(&(part.import, part.part)) {
        let same = staged(posting, *known) == Some(part.clone());
        return if same { Ok(()) } else { Err(Stop::refuse(Code::DifferentUnderSameId)) };
    }
    let row = row.map_or_else(|| fresh(posting), |row| (*row).clone());
    match row.state {
        ImportState::Staging if part.part == row.parts => {}
        // Everything was done: a part of it, sent again, changes nothing. Whether it is the same
        // import is asked of its digest, when it is activated again.
        ImportState::Activated if part.part < row.parts => return Ok(()),
        ImportState::Staging | ImportState::Activated | ImportState::Dropped => {
            return Err(incomplete(row.parts, part.part));
        }
    }
    let n = u64::try_from(part.commands.len()).unwrap_or(u64::MAX);
    let commands = row.commands.saturating_add(n);
    if part.commands.len() > PART_COMMANDS_MAX || commands > COMMANDS_MAX {
        return Err(super::out_of_range("commands"));
    }
    if !part.commands.iter().all(may_be_staged) {
        return Err(Stop::Refuse(malformed(&"a command that no import holds")));
    }
    let at = posting.act.at;
    let intake = posting.act.intake;
    posting.draft.put::<StagedParts>(&(part.import, part.part), StagedPart { intake });
    let raw = posting.draft.row::<Intakes>(&intake).map(|record| record.raw.clone());
    let digest = digest(row.digest, &raw.unwrap_or_default());
    let parts = part.part.saturating_add(1);
    let row = ImportRow { parts, commands, digest, last: at, ..row };
    posting.draft.put::<Imports>(&part.import, row);
    Ok(())
}

fn fresh(posting: &Posting<'_, '_>) -> ImportRow {
    ImportRow {
        state: ImportState::Staging,
        by: posting.act.operator.clone(),
        parts: 0,
        commands: 0,
        digest: Hash16::default(),
        last: posting.act.at,
    }
}

/// Imports are taken up and ended by who began them; the system ends them for anybody.
fn own(posting: &Posting<'_, '_>, row: &ImportRow) -> Result<(), Stop> {
    let who = &posting.act.operator;
    if who.is_none() || *who == row.by {
        Ok(())
    } else {
        Err(Stop::refuse(Code::DifferentUnderSameId))
    }
}

fn incomplete(staged: u32, wanted: u32) -> Stop {
    let reason = Reason::new(Code::ImportIncomplete);
    Stop::Refuse(reason.word("staged", staged).word("wanted", wanted))
}

/// What was staged, as the intake keeps it.
fn staged(posting: &Posting<'_, '_>, part: StagedPart) -> Option<StageImport> {
    let intake = posting.draft.row::<Intakes>(&part.intake)?;
    match Command::decode(&intake.raw) {
        Ok(Command::StageImport(staged)) => Some(staged),
        Ok(_) | Err(_) => None,
    }
}

/// Does everything that was staged. `one` does one command, and says whether the person may.
///
/// # Errors
///
/// Refused where parts are missing, and with the reason of the first command that cannot be done;
/// its place among all commands, from 0, is the argument `row`.
pub(crate) fn activate<'a, 'b>(
    posting: &mut Posting<'a, 'b>,
    activate: &ActivateImport,
    mut one: impl FnMut(&mut Posting<'a, 'b>, &Command) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let Some(row) = posting.draft.row::<Imports>(&activate.import) else {
        return Err(incomplete(0, activate.parts));
    };
    own(posting, &row)?;
    if row.state == ImportState::Dropped || row.parts != activate.parts {
        return Err(incomplete(row.parts, activate.parts));
    }
    if row.digest != activate.digest {
        return Err(Stop::refuse(Code::DifferentUnderSameId));
    }
    if row.state == ImportState::Activated {
        return Ok(());
    }
    posting.draft.allow(row.commands.saturating_mul(BUDGET_PER_COMMAND));
    let mut done: u64 = 0;
    let mut before = Before(BTreeSet::new());
    for part in 0..row.parts {
        let known = posting.draft.row::<StagedParts>(&(activate.import, part));
        let Some(staged) = known.and_then(|known| staged(posting, *known)) else {
            return Err(incomplete(part, activate.parts));
        };
        for command in &staged.commands {
            (before.check(posting, command))
                .and_then(|()| one(posting, command))
                .and_then(|()| unchanged(posting))
                .map_err(|stop| stop.within("row", &done))?;
            done = done.saturating_add(1);
        }
    }
    close(posting, (activate.import, &row), ImportState::Activated);
    Ok(())
}

/// The stock that this import opens. What was there before it is not opened again: the same files twice
/// would double it.
struct Before(BTreeSet<(LocationCode, ItemNo, Option<VariantCode>, Tracking)>);

impl Before {
    fn check(&mut self, posting: &Posting<'_, '_>, command: &Command) -> Result<(), Stop> {
        let Command::OpeningStock(line) = command else { return Ok(()) };
        let goods = &line.goods;
        let location = line.place.location.clone();
        let words = (location, goods.item.clone(), goods.variant.clone(), goods.tracking.clone());
        let is_first = self.0.insert(words);
        let known = stock_of(posting, line).filter(|_key| is_first);
        let opened = known.is_some_and(|key| posting.draft.has::<OnHand>(&key));
        if !opened {
            return Ok(());
        }
        let what = format!("{} / {}", line.place.location, line.goods.item);
        Err(Stop::Refuse(Reason::new(Code::AlreadyExists).word("what", what)))
    }
}

/// The key of the stock that `line` opens; none where one of its words is new.
fn stock_of(
    posting: &Posting<'_, '_>,
    line: &OpeningStock,
) -> Option<(ItemId, VariantId, LocationId, TrackingId)> {
    let goods = &line.goods;
    let (item, _card) = lookup::item(posting.draft, &goods.item).ok()?;
    let variant = lookup::variant(posting.draft, item, goods.variant.as_ref()).ok()?;
    let (location, _row) = lookup::location(posting.draft, &line.place.location).ok()?;
    let tracking = match goods.tracking.clone() {
        none if none.is_none() => TrackingId(0),
        Tracking { lot, serial, package } => {
            *posting.draft.row::<TrackingByKey>(&(item, variant, lot, serial, package))?
        }
    };
    Some((item, variant, location, tracking))
}

/// What a row says is booked as it says, or the import is not done.
fn unchanged(posting: &Posting<'_, '_>) -> Result<(), Stop> {
    if posting.decision.decision == Decision::Accepted {
        return Ok(());
    }
    let reason = posting.decision.reasons.last().cloned();
    Err(reason.map_or_else(|| Stop::refuse(Code::MalformedRequest), Stop::Refuse))
}

/// Forgets what was staged. Once is enough: again changes nothing.
///
/// # Errors
///
/// Refused where there is no such import, where it is somebody else's, or done.
pub(super) fn drop_staged(posting: &mut Posting<'_, '_>, drop: &DropImport) -> Result<(), Stop> {
    let Some(row) = posting.draft.row::<Imports>(&drop.import) else {
        return Err(super::not_found(&"import"));
    };
    own(posting, &row)?;
    match row.state {
        ImportState::Staging => close(posting, (drop.import, &row), ImportState::Dropped),
        ImportState::Dropped => {}
        ImportState::Activated => return Err(Stop::refuse(Code::ImportDone)),
    }
    Ok(())
}

fn close(posting: &mut Posting<'_, '_>, (import, row): (ImportNo, &ImportRow), state: ImportState) {
    posting.draft.allow(u64::from(row.parts).saturating_mul(2));
    for (key, _part) in posting.draft.list::<StagedParts>(&KeyRange::prefix(&(import,))) {
        posting.draft.delete::<StagedParts>(&key);
    }
    let closed = ImportRow { state, last: posting.act.at, ..row.clone() };
    posting.draft.put::<Imports>(&import, closed);
}

#[cfg(test)]
mod tests;
