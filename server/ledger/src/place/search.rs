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

/// Whether nobody knows yet where the plate is. Where nothing on it was free, nothing is on hold for that.
pub(crate) fn is_unsure(posting: &Posting<'_, '_>, plate: PlateId) -> bool {
    !holds(posting, plate).is_empty() || is_in_doubt(posting, plate)
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

/// The operation whose act on the plate, to another place, may have come after this one or before
/// it: their intervals overlap.
pub(crate) fn ambiguous_with(
    posting: &Posting<'_, '_>,
    plate: PlateId,
    to: BinPlace,
    order: OrderKey,
) -> Option<OrderKey> {
    let before =
        posting.draft.last::<PlateActs>(&KeyRange::prefix_before(&(plate,), &(plate, order)));
    let after =
        posting.draft.first::<PlateActs>(&KeyRange::prefix_after(&(plate,), &(plate, order)));
    let own = (order, to, posting.act.timing.epsilon_us);
    [before, after].into_iter().flatten().find_map(|((_plate, other), act)| {
        may_be_either_way_round(own, (other, act.to, act.epsilon_us)).then_some(other)
    })
}

/// Whether another device's act, to another place, may have come after the last one on the plate.
pub(crate) fn is_in_doubt(posting: &Posting<'_, '_>, plate: PlateId) -> bool {
    let Some(((_plate, order), last)) =
        posting.draft.last::<PlateActs>(&KeyRange::prefix(&(plate,)))
    else {
        return false;
    };
    let own = (order, last.to, last.epsilon_us);
    let mut before = order;
    let act_before = |before: OrderKey| {
        posting.draft.last::<PlateActs>(&KeyRange::prefix_before(&(plate,), &(plate, before)))
    };
    while let Some(((_plate, other), act)) = act_before(before) {
        let brought = (other, act.to, act.epsilon_us);
        if may_be_either_way_round(own, brought) {
            return true;
        }
        if !overlaps(own, brought) {
            return false;
        }
        before = other;
    }
    false
}

/// An act on a plate: when, to where, and how well its clock is known, in microseconds.
type Brought = (OrderKey, BinPlace, u64);

/// Whether two devices brought a plate to different places, and either may have come last.
fn may_be_either_way_round(one: Brought, other: Brought) -> bool {
    let device = |(order, ..): Brought| (order.device, order.incarnation);
    overlaps(one, other) && device(one) != device(other) && one.1 != other.1
}

fn overlaps((one, _to, epsilon_us): Brought, (other, _other_to, other_us): Brought) -> bool {
    other.tau.us_since(one.tau).unsigned_abs() <= epsilon_us.saturating_add(other_us)
}
