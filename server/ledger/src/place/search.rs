//! A plate whose place nobody knows (CONFLICTS 17): what is on it is on hold, and somebody is to look.

use protocol::code::Code;
use protocol::feed::TaskKind;
use protocol::outcome::Reason;

use crate::conflict;
use crate::key::KeyRange;
use crate::lookup;
use crate::place::plate::{BinPlace, content_of, task_about};
use crate::posting::{Posting, Stop};
use crate::schema::book::Outcomes;
use crate::schema::place::{PlateActs, Plates};
use crate::schema::stock::{Holds, HoldsByStock};
use crate::schema::{OrderKey, PlateId};
use crate::tables::Read as _;

/// The act that brought the plate somewhere else than the one of `posting` may have come before it or after
/// it: what is on the plate is on hold until somebody has looked.
///
/// # Errors
///
/// As for holding goods.
pub(crate) fn begin(
    posting: &mut Posting<'_, '_>,
    plate: PlateId,
    other: OrderKey,
) -> Result<(), Stop> {
    let operator = posting
        .draft
        .row::<Outcomes>(&other.operation())
        .and_then(|row| row.operator.clone())
        .map_or_else(|| other.operation().to_string(), |operator| operator.to_string());
    let reason = Reason::new(Code::PlatePlaceUnsure)
        .word("plate", lookup::plate_text(posting.draft, plate))
        .word("operator", operator);
    posting.decision.changed(reason);
    let Some(place) = place_of(posting, plate) else { return Ok(()) };
    ask(posting, plate, place);
    for (key, quantity) in content_of(posting, place, plate) {
        posting.hold_free(key, quantity, &Code::PlatePlaceUnsure, None)?;
    }
    Ok(())
}

/// Asks somebody whether the plate is in `place`.
pub(crate) fn ask(posting: &mut Posting<'_, '_>, plate: PlateId, place: BinPlace) {
    let task = task_about(TaskKind::VerifyPlate, place, plate, &Code::PlatePlaceUnsure);
    conflict::request_task(posting, task);
}

/// Where the book has the plate.
pub(crate) fn place_of(posting: &Posting<'_, '_>, plate: PlateId) -> Option<BinPlace> {
    posting.draft.row::<Plates>(&plate).map(|row| (row.location, row.bin))
}

/// The last other place that the plate was brought to.
pub(crate) fn brought_elsewhere(
    posting: &Posting<'_, '_>,
    plate: PlateId,
    place: BinPlace,
) -> Option<BinPlace> {
    let acts = posting.draft.list::<PlateActs>(&KeyRange::prefix(&(plate,)));
    acts.into_iter().rev().map(|(_key, act)| act.to).find(|to| *to != place)
}

/// The holds on what is on the plate that wait until somebody has seen it.
fn holds(posting: &Posting<'_, '_>, plate: PlateId) -> Vec<protocol::identity::HoldId> {
    let Some(place) = place_of(posting, plate) else { return Vec::new() };
    let content = content_of(posting, place, plate);
    let all = content
        .into_iter()
        .flat_map(|(key, _quantity)| posting.draft.list::<HoldsByStock>(&KeyRange::prefix(&(key,))))
        .map(|((_key, hold), _row)| hold);
    let unsure = |hold: &protocol::identity::HoldId| {
        let row = posting.draft.row::<Holds>(hold);
        row.is_some_and(|row| row.reason == Code::PlatePlaceUnsure.as_str())
    };
    all.filter(unsure).collect()
}

/// Whether nobody knows yet where the plate is.
pub(crate) fn is_unsure(posting: &Posting<'_, '_>, plate: PlateId) -> bool {
    !holds(posting, plate).is_empty()
}

/// Somebody has seen it where the book has it: what is on it is free again.
///
/// # Errors
///
/// As for releasing a hold.
pub(crate) fn found(posting: &mut Posting<'_, '_>, plate: PlateId) -> Result<(), Stop> {
    for hold in holds(posting, plate) {
        posting.release_hold(hold)?;
    }
    Ok(())
}
