//! Licence plates: what moves together.
//!
//! A plate is in one bin, or on a parent; all content of a tree has the bin of its root. Its places
//! are a history in order of the acts, so that the later act wins whichever arrived first
//! (CONFLICTS 17): an earlier one that comes late is put between the acts that it lies between, and
//! the act after it takes the content from there.

use std::collections::BTreeSet;

use protocol::code::Code;
use protocol::feed::{PlateState, TaskKind};
use protocol::outcome::Reason;
use protocol::quantity::Quantity;
use protocol::words::PlateNo;

use crate::conflict;
use crate::count::missing::Arrival;
use crate::key::KeyRange;
use crate::lookup;
use crate::movement::carry::Motion;
use crate::place::search;
use crate::posting::{Posting, Stop};
use crate::schema::place::{
    Locations, Plate, PlateAct, PlateActs, PlateChildren, Plates, PlatesByBin, PlatesByNo,
};
use crate::schema::stock::Stocks;
use crate::schema::{
    BinId, Counter, LocationId, OrderKey, PlateId, StockKey, VariantId, next_number,
};
use crate::tables::Read as _;
use crate::tracking::serial;

/// Plates stand on plates at most so deep.
const DEPTH_MAX: usize = 5;

/// A bin of a location.
pub type BinPlace = (LocationId, BinId);

/// The text that names a plate where operations wait for each other.
pub fn identity(no: &PlateNo) -> String {
    format!("plate:{no}")
}

/// Puts the number `no` to use.
pub fn create(
    posting: &mut Posting<'_, '_>,
    no: &PlateNo,
    (location, bin): BinPlace,
    state: PlateState,
) -> PlateId {
    let id = PlateId(next_number(posting.draft, Counter::Plate));
    let row = Plate {
        no: no.clone(),
        location,
        bin,
        parent: PlateId(0),
        state,
        placed_by: None,
        placed_epsilon_us: 0,
        successor: None,
    };
    posting.draft.put::<PlatesByNo>(no, id);
    posting.draft.put::<PlatesByBin>(&(location, bin, id), ());
    posting.draft.put::<Plates>(&id, row);
    crate::operation::awaken(posting, &identity(no));
    id
}

/// Something was done with the plate in `place` at `order`: it was there then. Where the book has
/// it elsewhere, it came here with all that is on it, and the bin where it was booked is counted.
///
/// # Errors
///
/// As for [`put`].
pub fn sighted(
    posting: &mut Posting<'_, '_>,
    plate: PlateId,
    place: BinPlace,
    order: OrderKey,
) -> Result<(), Stop> {
    let before = place_as_of(posting, plate, order);
    if before == Some(place) {
        confirm(posting, plate, place, order)?;
        // Whoever has it in hand without a doubt knows where it is.
        let is_known =
            next_act(posting, plate, order).is_none() && !search::is_in_doubt(posting, plate);
        return if is_known { search::found(posting, plate) } else { Ok(()) };
    }
    if let Some((location, bin)) = before {
        let reason = Reason::new(Code::PlateElsewhere)
            .word("plate", lookup::plate_text(posting.draft, plate))
            .word("bin", lookup::bin_text(posting.draft, location, bin));
        posting.decision.changed(reason);
        let task = task_about(TaskKind::Count, (location, bin), PlateId(0), &Code::PlateElsewhere);
        conflict::request_task(posting, task);
    }
    put(posting, plate, place, PlateId(0), order)
}

/// The plate is where the book has it, with all that stands on it. That it was there is an act of its
/// own: one that comes late and lies before it does not take the plate away.
fn confirm(
    posting: &mut Posting<'_, '_>,
    plate: PlateId,
    place: BinPlace,
    order: OrderKey,
) -> Result<(), Stop> {
    for member in tree(posting, plate)? {
        let parent = posting.draft.row::<Plates>(&member).map_or(PlateId(0), |row| row.parent);
        let act = PlateAct {
            from: Some(place),
            to: place,
            parent,
            counted: None,
            epsilon_us: posting.act.timing.epsilon_us,
            next_leg: 128,
        };
        posting.draft.put::<PlateActs>(&(member, order), act);
        posting.posted.plates.push((member, order));
    }
    Ok(())
}

/// Where the plate was just before `order`; none before its first use.
fn place_as_of(posting: &Posting<'_, '_>, plate: PlateId, order: OrderKey) -> Option<BinPlace> {
    let range = KeyRange::prefix_before(&(plate,), &(plate, order));
    posting.draft.last::<PlateActs>(&range).map(|(_key, act)| act.to)
}

/// Puts the plate, with everything on it, into a bin and onto `parent` (0: on the floor).
///
/// # Errors
///
/// Parks a plate that would stand on itself, or too deep; else as for carrying goods.
pub fn put(
    posting: &mut Posting<'_, '_>,
    plate: PlateId,
    to: BinPlace,
    parent: PlateId,
    order: OrderKey,
) -> Result<(), Stop> {
    check_loop(posting, plate, parent)?;
    take_off(posting, plate, parent, to);
    let unsure = search::ambiguous_with(posting, plate, to, order);
    for member in tree(posting, plate)? {
        let parent = (member == plate).then_some(parent);
        put_one(posting, member, Step { to, parent, counted: None }, order)?;
        posting.posted.plates.push((member, order));
    }
    match unsure {
        Some(other) => search::begin(posting, plate, other),
        // Whoever moves it without a doubt knows where it is.
        None if next_act(posting, plate, order).is_none() => search::found(posting, plate),
        None => Ok(()),
    }
}

/// A plate on a parent leaves it before it moves alone.
fn take_off(posting: &mut Posting<'_, '_>, plate: PlateId, parent: PlateId, to: BinPlace) {
    let Some(row) = posting.draft.row::<Plates>(&plate) else { return };
    if row.parent.0 == 0 || row.parent == parent {
        return;
    }
    let with_parent = posting
        .draft
        .row::<Plates>(&row.parent)
        .is_some_and(|parent| (parent.location, parent.bin) == to);
    if !with_parent {
        let reason = Reason::new(Code::PlateTakenOut).word("plate", &row.no);
        posting.decision.changed(reason);
    }
}

/// A complete count of `counted`, at `order`, did not see the plate: if it was there, it is missing,
/// with everything on it. An act that comes late may show that it was not.
///
/// # Errors
///
/// As for [`put`].
pub(crate) fn not_seen(
    posting: &mut Posting<'_, '_>,
    plate: PlateId,
    counted: BinPlace,
    order: OrderKey,
) -> Result<(), Stop> {
    for member in tree(posting, plate)? {
        let parent = (member == plate).then_some(PlateId(0));
        let step = Step { to: counted, parent, counted: Some(counted) };
        put_one(posting, member, step, order)?;
    }
    Ok(())
}

/// The act of the plate at `order` did not happen, or does not count any more: the plate stays where
/// it was before.
///
/// # Errors
///
/// As for carrying goods.
pub(crate) fn forget(
    posting: &mut Posting<'_, '_>,
    plate: PlateId,
    order: OrderKey,
) -> Result<(), Stop> {
    let Some(act) = posting.draft.row::<PlateActs>(&(plate, order)).map(|act| *act) else {
        return Ok(());
    };
    let Some(row) = posting.draft.row::<Plates>(&plate) else { return Ok(()) };
    if let Some(from) = act.from.filter(|from| *from != act.to) {
        let content = content_of(posting, (row.location, row.bin), plate);
        rebase(posting, plate, order, (from, Rule::Stays), &content)?;
    } else if act.from.is_none()
        && let Some(next_order) = next_act(posting, plate, order)
        && let Some(next) = posting.draft.row::<PlateActs>(&(plate, next_order)).map(|act| *act)
    {
        let next = PlateAct { from: None, ..next };
        posting.draft.put::<PlateActs>(&(plate, next_order), next);
    }
    posting.draft.delete::<PlateActs>(&(plate, order));
    stand_again(posting, plate);
    Ok(())
}

/// The plate stands on what its last act says.
fn stand_again(posting: &mut Posting<'_, '_>, plate: PlateId) {
    let last = posting.draft.last::<PlateActs>(&KeyRange::prefix(&(plate,)));
    let row = posting.draft.row::<Plates>(&plate).map(|row| (*row).clone());
    if let (Some(((_plate, order), act)), Some(row)) = (last, row) {
        set_place(posting, plate, &row, (act.to, act.parent, order));
    }
}

/// Whether the plate was brought to its place by the act at `order`, and somewhere else since.
pub(crate) fn went_on(posting: &Posting<'_, '_>, plate: PlateId, order: OrderKey) -> bool {
    let brought = posting
        .draft
        .row::<PlateActs>(&(plate, order))
        .is_some_and(|act| act.from.is_some_and(|from| from != act.to));
    brought && next_act(posting, plate, order).is_some()
}

/// One act to be put into the history of a plate.
#[derive(Debug, Clone, Copy)]
struct Step {
    to: BinPlace,
    parent: Option<PlateId>,
    counted: Option<BinPlace>,
}

fn put_one(
    posting: &mut Posting<'_, '_>,
    plate: PlateId,
    step: Step,
    order: OrderKey,
) -> Result<(), Stop> {
    let Some(row) = posting.draft.row::<Plates>(&plate).map(|row| (*row).clone()) else {
        return Ok(());
    };
    let from = place_as_of(posting, plate, order);
    let to = match (step.counted, from) {
        (None, _) => step.to,
        (Some(counted), Some(from)) => place_after_count(posting, counted, from),
        // It was not in use yet.
        (Some(_counted), None) => return Ok(()),
    };
    let next = next_act(posting, plate, order);
    let content = content_of(posting, (row.location, row.bin), plate);
    let act = PlateAct {
        from,
        to,
        parent: step.parent.unwrap_or(row.parent),
        counted: step.counted,
        epsilon_us: posting.act.timing.epsilon_us,
        next_leg: 128,
    };
    posting.draft.put::<PlateActs>(&(plate, order), act);
    posting.arrivals.push(Arrival::Plate(plate, to, order));
    let Some(next_order) = next else {
        set_place(posting, plate, &row, (to, act.parent, order));
        return carry_content(posting, &content, (row.location, row.bin), to, order);
    };
    // A later act has told its place already: the content was here in between.
    if let Some(from) = from.filter(|from| from.0 == to.0) {
        let loose = loose(posting, &content);
        carry_content(posting, &loose, from, to, order)?;
    }
    rebase(posting, plate, next_order, (to, Rule::AsCaptured), &content)
}

/// Where a complete count of `counted` that did not see a plate leaves one that was at `from`.
fn place_after_count(posting: &Posting<'_, '_>, counted: BinPlace, from: BinPlace) -> BinPlace {
    if from != counted {
        return from;
    }
    let location = posting.draft.row::<Locations>(&counted.0);
    location.map_or(from, |location| (counted.0, location.missing_bin))
}

fn next_act(posting: &Posting<'_, '_>, plate: PlateId, order: OrderKey) -> Option<OrderKey> {
    let range = KeyRange::prefix_after(&(plate,), &(plate, order));
    posting.draft.first::<PlateActs>(&range).map(|(key, _act)| key.1)
}

fn loose(posting: &Posting<'_, '_>, content: &[(StockKey, Quantity)]) -> Vec<(StockKey, Quantity)> {
    let is_serial = |key: &StockKey| serial::of(posting.draft, key.tracking).is_some();
    content.iter().filter(|(key, _quantity)| !is_serial(key)).copied().collect()
}

/// Where an act whose start has changed leaves its plate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// As it was captured.
    AsCaptured,
    /// Nothing happened after all.
    Stays,
}

/// The act at `order` takes the plate from `start` now, where it took it from somewhere else before:
/// its content goes along, and with it the acts after it as far as they depend on it.
fn rebase(
    posting: &mut Posting<'_, '_>,
    plate: PlateId,
    order: OrderKey,
    (start, rule): (BinPlace, Rule),
    content: &[(StockKey, Quantity)],
) -> Result<(), Stop> {
    let Some(act) = posting.draft.row::<PlateActs>(&(plate, order)).map(|act| *act) else {
        return Ok(());
    };
    let end = match (rule, act.counted) {
        (Rule::Stays, _) => start,
        (Rule::AsCaptured, None) => act.to,
        (Rule::AsCaptured, Some(counted)) => place_after_count(posting, counted, start),
    };
    let changed = PlateAct { from: Some(start), to: end, ..act };
    posting.draft.put::<PlateActs>(&(plate, order), changed);
    let correction = correction_order(posting, plate, order);
    let loose = loose(posting, content);
    let within = |places: [BinPlace; 2]| places.iter().all(|place| place.0 == start.0);
    let before = act.from.filter(|before| within([*before, act.to]));
    if end == act.to {
        return match before {
            Some(before) => carry_content(posting, &loose, start, before, correction),
            None => Ok(()),
        };
    }
    if let Some(before) = before {
        carry_content(posting, &loose, act.to, before, correction)?;
        carry_content(posting, &loose, start, end, correction)?;
        carry_serials_again(posting, content, (before, end), order)?;
    }
    posting.arrivals.push(Arrival::Plate(plate, end, order));
    if let Some(next) = next_act(posting, plate, order) {
        return rebase(posting, plate, next, (end, Rule::AsCaptured), content);
    }
    if let Some(row) = posting.draft.row::<Plates>(&plate).map(|row| (*row).clone()) {
        set_place(posting, plate, &row, (end, act.parent, order));
    }
    Ok(())
}

/// Serials on a plate have histories of their own: the act of the plate in them is another now.
fn carry_serials_again(
    posting: &mut Posting<'_, '_>,
    content: &[(StockKey, Quantity)],
    (from, to): (BinPlace, BinPlace),
    order: OrderKey,
) -> Result<(), Stop> {
    for (key, _quantity) in content {
        if serial::of(posting.draft, key.tracking).is_some() {
            serial::forget(posting, *key, order)?;
            carry_content(posting, &[(*key, Quantity::ONE)], from, to, order)?;
        }
    }
    Ok(())
}

/// A free place on the time line beside the act at `order`.
fn correction_order(posting: &mut Posting<'_, '_>, plate: PlateId, order: OrderKey) -> OrderKey {
    let Some(act) = posting.draft.row::<PlateActs>(&(plate, order)).map(|act| *act) else {
        return order;
    };
    let next_leg = act.next_leg.saturating_add(1);
    posting.draft.put::<PlateActs>(&(plate, order), PlateAct { next_leg, ..act });
    order.with_leg(act.next_leg)
}

fn carry_content(
    posting: &mut Posting<'_, '_>,
    content: &[(StockKey, Quantity)],
    from: BinPlace,
    to: BinPlace,
    order: OrderKey,
) -> Result<(), Stop> {
    // What moves with a plate belongs to the history of the plate: it is taken back with its act.
    let (legs, standing) = (posting.posted.legs.len(), posting.posted.standing.len());
    for (key, quantity) in content {
        let (from, to) = (at(*key, from), at(*key, to));
        // Content below zero is brought along the other way.
        let (from, to) = if quantity.is_negative() { (to, from) } else { (from, to) };
        let motion =
            Motion { with_plate: true, ..Motion::between(from, to, quantity.abs(), order) };
        posting.carry(&motion)?;
    }
    posting.posted.legs.truncate(legs);
    posting.posted.standing.truncate(standing);
    Ok(())
}

fn at(key: StockKey, (location, bin): BinPlace) -> StockKey {
    StockKey { location, bin, ..key }
}

/// What lies on the plate itself.
pub fn content_of(
    posting: &Posting<'_, '_>,
    (location, bin): BinPlace,
    plate: PlateId,
) -> Vec<(StockKey, Quantity)> {
    posting
        .draft
        .list::<Stocks>(&KeyRange::prefix(&(location, bin, plate)))
        .into_iter()
        .map(|(key, row)| (key, row.quantity))
        .filter(|(_key, quantity)| !quantity.is_zero())
        .collect()
}

/// The plate and all that stand on it.
///
/// # Errors
///
/// Parks a tree that is deeper than plates may stand.
fn tree(posting: &Posting<'_, '_>, plate: PlateId) -> Result<Vec<PlateId>, Stop> {
    let mut found = vec![plate];
    let mut level = vec![plate];
    for _depth in 0..=DEPTH_MAX {
        let mut next = Vec::new();
        for parent in level {
            for ((_parent, child), _row) in
                posting.draft.list::<PlateChildren>(&KeyRange::prefix(&(parent,)))
            {
                next.push(child);
            }
        }
        if next.is_empty() {
            return Ok(found);
        }
        found.extend(&next);
        level = next;
    }
    let reason =
        Reason::new(Code::PlateLoop).word("plate", lookup::plate_text(posting.draft, plate));
    Err(posting.stop(reason))
}

fn check_loop(posting: &Posting<'_, '_>, plate: PlateId, parent: PlateId) -> Result<(), Stop> {
    let mut above = parent;
    let mut seen = BTreeSet::new();
    while above.0 != 0 {
        if above == plate || !seen.insert(above) || seen.len() >= DEPTH_MAX {
            let reason = Reason::new(Code::PlateLoop)
                .word("plate", lookup::plate_text(posting.draft, plate));
            return Err(posting.stop(reason));
        }
        above = posting.draft.row::<Plates>(&above).map_or(PlateId(0), |row| row.parent);
    }
    Ok(())
}

fn set_place(
    posting: &mut Posting<'_, '_>,
    plate: PlateId,
    row: &Plate,
    (to, parent, order): (BinPlace, PlateId, OrderKey),
) {
    posting.draft.delete::<PlatesByBin>(&(row.location, row.bin, plate));
    posting.draft.put::<PlatesByBin>(&(to.0, to.1, plate), ());
    if row.parent != parent {
        posting.draft.delete::<PlateChildren>(&(row.parent, plate));
        if parent.0 != 0 {
            posting.draft.put::<PlateChildren>(&(parent, plate), ());
        }
    }
    let state = match row.state {
        PlateState::Free | PlateState::InTransit | PlateState::Shipped => PlateState::Open,
        PlateState::Open | PlateState::Closed | PlateState::Void => row.state,
    };
    let placed = Plate {
        location: to.0,
        bin: to.1,
        parent,
        state,
        placed_by: Some(order),
        placed_epsilon_us: posting.act.timing.epsilon_us,
        ..row.clone()
    };
    posting.draft.put::<Plates>(&plate, placed);
}

/// Goods were put on the plate of `key` (`delta` above zero) or taken from it at `order`; where the
/// plate was moved later, they went along, or did not.
///
/// # Errors
///
/// As for carrying goods.
pub(crate) fn shift_along(
    posting: &mut Posting<'_, '_>,
    key: StockKey,
    delta: Quantity,
    order: OrderKey,
) -> Result<(), Stop> {
    if key.plate.0 == 0 {
        return Ok(());
    }
    let (legs, standing) = (posting.posted.legs.len(), posting.posted.standing.len());
    let range = KeyRange::prefix_after(&(key.plate,), &(key.plate, order));
    let mut place = (key.location, key.bin);
    for ((_plate, order), act) in posting.draft.list::<PlateActs>(&range) {
        if act.from.is_some_and(|from| from != place) || act.to == place {
            continue;
        }
        let (here, there) = (at(key, place), at(key, act.to));
        let (from, to) = if delta.is_negative() { (there, here) } else { (here, there) };
        let order = correction_order(posting, key.plate, order);
        let follow = Motion { with_plate: true, ..Motion::between(from, to, delta.abs(), order) };
        posting.carry_once(&follow)?;
        place = act.to;
    }
    posting.posted.legs.truncate(legs);
    posting.posted.standing.truncate(standing);
    Ok(())
}

pub(crate) fn task_about(
    kind: TaskKind,
    (location, bin): BinPlace,
    plate: PlateId,
    reason: &Code,
) -> conflict::TaskDraft {
    conflict::TaskDraft {
        kind,
        location,
        bin,
        item: None,
        variant: VariantId(0),
        plate,
        reason: reason.as_str().to_owned(),
        not_by: None,
        blind: false,
        case: None,
    }
}
