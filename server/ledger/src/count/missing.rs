//! What a complete count did not see of things with a place of their own: serials and licence plates
//! are moved to the missing bin, and any later sighting restores them (SYNC 4.8, WAREHOUSE 2.11).
//!
//! Their places are histories of their own; here is only where counts enter them, also for what
//! turns out later to have been there.

use std::ops::ControlFlow;

use protocol::code::Code;
use protocol::feed::PlateState;
use protocol::outcome::Reason;

use crate::conflict::restate;
use crate::count::{difference, timeline};
use crate::key::KeyRange;
use crate::lookup;
use crate::place::plate::{self, BinPlace};
use crate::posting::{Posting, Stop};
use crate::schema::count::{BinCountRow, BinCounts};
use crate::schema::entry::PostedBy;
use crate::schema::place::{Locations, PlateActs, Plates, PlatesByBin};
use crate::schema::tracking::SerialActs;
use crate::schema::{BinId, LocationId, OrderKey, PlateId, StockKey};
use crate::tables::Read as _;
use crate::tracking::serial;

/// The leg by which what a complete count did not see goes to the missing bin: after the counts of
/// its lines, before the count of the bin.
const MISSING_LEG: u8 = 253;

/// Most arrivals that one decision looks back for: more than one operation can touch.
const ARRIVALS_MAX: usize = 4096;

/// Something with a place of its own that came to a bin, perhaps in the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// A serial is under this key from then on.
    Serial(StockKey, OrderKey),
    /// A plate is in this bin from then on.
    Plate(PlateId, BinPlace, OrderKey),
}

/// The missing bin of the location; none where it has none, or where that is the counted one.
fn missing_bin(posting: &Posting<'_, '_>, (location, bin): BinPlace) -> Option<BinId> {
    let row = posting.draft.row::<Locations>(&location)?;
    (row.missing_bin != BinId(0) && row.missing_bin != bin).then_some(row.missing_bin)
}

fn has_seen(whole: &BinCountRow, plate: PlateId) -> bool {
    whole.plates_seen_closed.contains(&plate)
        || whole.listed.iter().any(|listed| listed.plate == plate)
}

/// Whether the count says nothing of the serial of `key` itself: it was seen, or it stands on a plate
/// that was seen closed, or not at all, and goes where that goes.
fn goes_along(whole: &BinCountRow, key: &StockKey) -> bool {
    let opened = whole.listed.iter().any(|listed| listed.plate == key.plate);
    whole.listed.binary_search(key).is_ok() || (key.plate != PlateId(0) && !opened)
}

/// Moves the plates that stand in the bin and that its complete count did not see.
///
/// # Errors
///
/// As for moving plates.
pub(crate) fn plates(
    posting: &mut Posting<'_, '_>,
    place: BinPlace,
    whole: &BinCountRow,
    order: OrderKey,
) -> Result<(), Stop> {
    if missing_bin(posting, place).is_none() {
        return Ok(());
    }
    let standing = posting.draft.list::<PlatesByBin>(&KeyRange::prefix(&place));
    for ((_location, _bin, id), _row) in standing {
        let root = posting.draft.row::<Plates>(&id).is_some_and(|row| {
            row.parent == PlateId(0)
                && row.placed_by.is_none_or(|placed| placed < order)
                && matches!(row.state, PlateState::Open | PlateState::Closed)
        });
        if root && !has_seen(whole, id) {
            let reason = unseen_plate(posting, id, place);
            posting.decision.changed(reason);
            unsee_plate(posting, (id, place), order.with_leg(MISSING_LEG))?;
        }
    }
    Ok(())
}

fn unseen_plate(posting: &Posting<'_, '_>, plate: PlateId, place: BinPlace) -> Reason {
    Reason::new(Code::PlateMissing)
        .word("plate", lookup::plate_text(posting.draft, plate))
        .word("bin", lookup::bin_text(posting.draft, place.0, place.1))
}

/// Where the content goes belongs to the history of the plate, not to the legs of the operation: they
/// are taken back together.
fn unsee_plate(
    posting: &mut Posting<'_, '_>,
    (id, place): (PlateId, BinPlace),
    at: OrderKey,
) -> Result<(), Stop> {
    let legs = posting.posted.legs.len();
    plate::not_seen(posting, id, place, at)?;
    posting.posted.legs.truncate(legs);
    Ok(())
}

/// Moves the serials that the book has in the bin and that its complete count did not see.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn serials(
    posting: &mut Posting<'_, '_>,
    place: BinPlace,
    whole: &BinCountRow,
    order: OrderKey,
) -> Result<(), Stop> {
    if missing_bin(posting, place).is_none() {
        return Ok(());
    }
    for key in timeline::keys_of_bin(posting.draft, place.0, place.1) {
        if !goes_along(whole, &key) && difference::is_serial(posting.draft, &key) {
            let at = (order.with_leg(MISSING_LEG), whole.epsilon_us);
            serial::not_seen(posting, key, at)?;
        }
    }
    Ok(())
}

/// Complete counts that were made since something came to their bin, and did not see it, find that
/// it is missing.
///
/// # Errors
///
/// As for moving plates and serials.
pub(crate) fn look_back(posting: &mut Posting<'_, '_>) -> Result<(), Stop> {
    for _arrival in 0..ARRIVALS_MAX {
        match posting.arrivals.pop() {
            None => return Ok(()),
            Some(Arrival::Serial(key, order)) => serial_came(posting, key, order)?,
            Some(Arrival::Plate(id, place, order)) => plate_came(posting, (id, place), order)?,
        }
    }
    Ok(())
}

/// The first complete count of the bin after `order` that did not see what `seen` looks for.
fn unseen_by(
    posting: &Posting<'_, '_>,
    (location, bin): (LocationId, BinId),
    order: OrderKey,
    seen: impl Fn(&BinCountRow) -> bool,
) -> Option<(OrderKey, BinCountRow)> {
    missing_bin(posting, (location, bin))?;
    let mut found = None;
    let range = KeyRange::prefix_after(&(location, bin), &(location, bin, order));
    posting.draft.each::<BinCounts>(&range, false, |(_location, _bin, at), whole| {
        if whole.taken_out || seen(&whole) {
            return ControlFlow::Continue(());
        }
        found = Some((at, (*whole).clone()));
        ControlFlow::Break(())
    });
    found
}

fn serial_came(posting: &mut Posting<'_, '_>, key: StockKey, order: OrderKey) -> Result<(), Stop> {
    let seen = |whole: &BinCountRow| goes_along(whole, &key);
    let place = (key.location, key.bin);
    let Some((count, whole)) = unseen_by(posting, place, order, seen) else { return Ok(()) };
    let Some(no) = serial::of(posting.draft, key.tracking) else { return Ok(()) };
    let at = count.with_leg(MISSING_LEG);
    if posting.draft.has::<SerialActs>(&(key.item, key.variant, no, at)) {
        return Ok(());
    }
    let acts = posting.posted.serials.len();
    serial::not_seen(posting, key, (at, whole.epsilon_us))?;
    if whole.operation == posting.act.operation {
        return Ok(());
    }
    // The act belongs to the count: it goes when that is taken back, not when this is.
    let added = posting.posted.serials.split_off(acts);
    let posted = posting.draft.row::<PostedBy>(&whole.operation);
    let mut posted = posted.map(|row| (*row).clone()).unwrap_or_default();
    posted.serials.extend(added);
    posting.draft.put::<PostedBy>(&whole.operation, posted);
    Ok(())
}

fn plate_came(
    posting: &mut Posting<'_, '_>,
    (id, place): (PlateId, BinPlace),
    order: OrderKey,
) -> Result<(), Stop> {
    let nested = posting.draft.row::<Plates>(&id).is_none_or(|row| row.parent != PlateId(0));
    if nested {
        // It goes where the plate goes that it stands on.
        return Ok(());
    }
    let seen = |whole: &BinCountRow| has_seen(whole, id);
    let Some((count, whole)) = unseen_by(posting, place, order, seen) else { return Ok(()) };
    let at = count.with_leg(MISSING_LEG);
    if posting.draft.has::<PlateActs>(&(id, at)) {
        return Ok(());
    }
    let reason = unseen_plate(posting, id, place);
    restate(posting, whole.operation, |row| {
        if !row.outcome.reasons.contains(&reason) {
            row.outcome.reasons.push(reason);
        }
    });
    unsee_plate(posting, (id, place), at)
}

/// The complete count at `order` does not count any more: what it did not see is where it was.
///
/// # Errors
///
/// As for moving plates.
pub(crate) fn forget(
    posting: &mut Posting<'_, '_>,
    (location, _bin): BinPlace,
    order: OrderKey,
) -> Result<(), Stop> {
    let at = order.with_leg(MISSING_LEG);
    let unseen: Vec<_> = missing_plates(posting, location)
        .into_iter()
        .filter(|id| posting.draft.has::<PlateActs>(&(*id, at)))
        .collect();
    for id in unseen {
        let legs = posting.posted.legs.len();
        plate::forget(posting, id, at)?;
        posting.posted.legs.truncate(legs);
    }
    Ok(())
}

/// The plates that are missing at a location.
fn missing_plates(posting: &Posting<'_, '_>, location: LocationId) -> Vec<PlateId> {
    let Some(row) = posting.draft.row::<Locations>(&location) else { return Vec::new() };
    posting
        .draft
        .list::<PlatesByBin>(&KeyRange::prefix(&(location, row.missing_bin)))
        .into_iter()
        .map(|((_location, _bin, id), _row)| id)
        .collect()
}
