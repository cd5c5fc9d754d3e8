//! The acts of a serial in order of time: looking at them, and what an act books after those before
//! it.

use std::ops::ControlFlow;

use protocol::code::Code;
use protocol::identity::OperationId;
use protocol::words::SerialNo;

use crate::draft::Draft;
use crate::key::KeyRange;
use crate::posting::Posting;
use crate::schema::place::Locations;
use crate::schema::tracking::{SerialAct, SerialActRow, SerialActs, SerialState, Serials};
use crate::schema::{BinId, ItemId, OrderKey, PlateId, StockKey, VariantId};
use crate::tables::Read as _;

/// A serial of an item.
pub(super) type Unit = (ItemId, VariantId, SerialNo);

/// What an act books when the serial is at `start` before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Booking {
    pub(super) start: Option<StockKey>,
    pub(super) end: Option<StockKey>,
    /// What its operator is told.
    pub(super) remark: Option<Code>,
}

/// What `act` books when the serial is at `start` before it; the reason why it books nothing.
pub(super) fn judge(
    draft: &Draft<'_>,
    unit: &Unit,
    order: OrderKey,
    act: SerialAct,
    start: Option<StockKey>,
) -> Result<Booking, Code> {
    let left = || has_left(draft, unit, order);
    let elsewhere = |from: StockKey| match start {
        None => Some(Code::SerialUnknown),
        Some(at) if at == from => None,
        Some(at) if is_missing_bin(draft, &at) => Some(Code::SerialFound),
        Some(_other) => Some(Code::SerialElsewhere),
    };
    let (end, remark) = match act {
        SerialAct::In(_to) if start.is_some() => return Err(Code::SerialAlreadyInStock),
        SerialAct::In(to) => (Some(to), None),
        SerialAct::Moved(..) | SerialAct::Out(_) if start.is_none() && left() => {
            return Err(Code::SerialShipped);
        }
        SerialAct::Moved(from, to) => (Some(to), elsewhere(from)),
        SerialAct::Out(from) => (None, elsewhere(from)),
        SerialAct::Carried(from, to) if start == Some(from) => (Some(to), None),
        SerialAct::Seen(_) if start.is_none() && left() => return Err(Code::SerialShipped),
        SerialAct::Seen(_) if start.is_none() => return Err(Code::SerialUnknown),
        SerialAct::Seen(at) => (Some(at), elsewhere(at)),
        SerialAct::NotSeen(at) if start == Some(at) => {
            (Some(missing_place(draft, at)), Some(Code::SerialMissing))
        }
        SerialAct::Carried(..) | SerialAct::NotSeen(_) => (start, None),
    };
    Ok(Booking { start, end, remark })
}

/// Whether the act found the serial nowhere and left it there, without having seen it.
pub(super) const fn tells_nothing(row: &SerialActRow) -> bool {
    row.start.is_none() && row.end.is_none() && !matches!(row.act, SerialAct::Out(_))
}

pub(super) fn act_key(unit: &Unit, order: OrderKey) -> (ItemId, VariantId, SerialNo, OrderKey) {
    (unit.0, unit.1, unit.2.clone(), order)
}

pub(super) fn put_act(
    posting: &mut Posting<'_, '_>,
    unit: &Unit,
    order: OrderKey,
    row: SerialActRow,
) {
    let key = act_key(unit, order);
    posting.draft.put::<SerialActs>(&key, row);
    posting.posted.serials.push(key);
}

/// Acts of an operation that were parked give way to what it books when it is judged again.
pub(super) fn forget_parked(posting: &mut Posting<'_, '_>, unit: &Unit, operation: OperationId) {
    let range = KeyRange::prefix(&(unit.0, unit.1, unit.2.clone()));
    let parked: Vec<_> = posting
        .draft
        .list::<SerialActs>(&range)
        .into_iter()
        .filter(|(key, row)| row.parked && key.3.operation() == operation)
        .map(|(key, _row)| key)
        .collect();
    for key in parked {
        posting.draft.delete::<SerialActs>(&key);
        posting.posted.serials.retain(|known| *known != key);
    }
}

pub(super) fn end_before(draft: &Draft<'_>, unit: &Unit, order: OrderKey) -> Option<StockKey> {
    last_booked(draft, unit, order).and_then(|row| row.end)
}

pub(super) fn last_booked(draft: &Draft<'_>, unit: &Unit, order: OrderKey) -> Option<SerialActRow> {
    let prefix = (unit.0, unit.1, unit.2.clone());
    first_booked(draft, &KeyRange::prefix_before(&prefix, &act_key(unit, order)), true)
        .map(|(_order, row)| row)
}

/// Whether the serial was in stock before `order` and left.
pub(super) fn has_left(draft: &Draft<'_>, unit: &Unit, order: OrderKey) -> bool {
    let prefix = (unit.0, unit.1, unit.2.clone());
    let range = KeyRange::prefix_before(&prefix, &act_key(unit, order));
    let mut left = false;
    draft.each::<SerialActs>(&range, true, |_key, row| {
        if row.parked || tells_nothing(&row) {
            return ControlFlow::Continue(());
        }
        left = row.end.is_none();
        ControlFlow::Break(())
    });
    left
}

pub(super) fn next_booked(
    draft: &Draft<'_>,
    unit: &Unit,
    order: OrderKey,
) -> Option<(OrderKey, SerialActRow)> {
    let prefix = (unit.0, unit.1, unit.2.clone());
    first_booked(draft, &KeyRange::prefix_after(&prefix, &act_key(unit, order)), false)
}

pub(super) fn first_booked(
    draft: &Draft<'_>,
    range: &KeyRange,
    reverse: bool,
) -> Option<(OrderKey, SerialActRow)> {
    let mut found = None;
    draft.each::<SerialActs>(range, reverse, |key, row| {
        if row.parked {
            return ControlFlow::Continue(());
        }
        found = Some((key.3, *row));
        ControlFlow::Break(())
    });
    found
}

/// Where the serial is now, for look-ups.
pub(super) fn save_state(posting: &mut Posting<'_, '_>, unit: &Unit) {
    let range = KeyRange::prefix(&(unit.0, unit.1, unit.2.clone()));
    match first_booked(posting.draft, &range, true) {
        Some((by, row)) => {
            let state = SerialState { at: row.end, by, epsilon_us: row.epsilon_us };
            posting.draft.put::<Serials>(unit, state);
        }
        None => posting.draft.delete::<Serials>(unit),
    }
}

pub(super) fn is_missing_bin(draft: &Draft<'_>, key: &StockKey) -> bool {
    draft.row::<Locations>(&key.location).is_some_and(|location| location.missing_bin == key.bin)
        && key.bin != BinId(0)
}

pub(super) fn missing_place(draft: &Draft<'_>, key: StockKey) -> StockKey {
    let bin = draft
        .row::<Locations>(&key.location)
        .filter(|location| location.bin_mandatory)
        .map_or(key.bin, |location| location.missing_bin);
    StockKey { bin, plate: PlateId(0), ..key }
}

pub(super) fn unit_of(act: &SerialAct, no: &SerialNo) -> Unit {
    let key = match act {
        SerialAct::In(key)
        | SerialAct::Moved(key, _)
        | SerialAct::Carried(key, _)
        | SerialAct::Seen(key)
        | SerialAct::Out(key)
        | SerialAct::NotSeen(key) => key,
    };
    (key.item, key.variant, no.clone())
}
