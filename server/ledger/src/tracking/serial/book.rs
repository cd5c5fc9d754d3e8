//! Entries of a serial: brought from place to place, and taken back.

use protocol::quantity::Quantity;

use crate::costing::LineValue;
use crate::key::KeyRange;
use crate::movement::carry::{Motion, Terms};
use crate::posting::entry::DocumentLineKey;
use crate::posting::{EntryLine, Posting, Stop};
use crate::schema::entry::{EntryReason, EntryType, LineField, WarehouseByStock, WarehouseLedger};
use crate::schema::place::Locations;
use crate::schema::tracking::{SerialAct, SerialActRow};
use crate::schema::{EntryNo, OrderKey, StockKey};
use crate::tables::Read as _;

/// Takes back what is booked for an act: a receipt or an issue by a counter entry, then whatever
/// brought the serial to where the act took it.
pub(super) fn unbook(
    posting: &mut Posting<'_, '_>,
    row: &SerialActRow,
    order: OrderKey,
) -> Result<(), Stop> {
    match row.act {
        SerialAct::In(key) if row.entry.0 != 0 => counter(posting, row.entry, key, order),
        SerialAct::Out(key) if row.entry.0 != 0 => {
            counter(posting, row.entry, key, order)?;
            told(posting, Some(key), row.start, order)
        }
        SerialAct::Moved(from, to) => {
            shift(posting, Some(to), Some(from), order)?;
            told(posting, Some(from), row.start, order)
        }
        SerialAct::In(_)
        | SerialAct::Out(_)
        | SerialAct::Carried(..)
        | SerialAct::Seen(_)
        | SerialAct::NotSeen(_) => told(posting, row.end, row.start, order),
    }
}

pub(super) fn counter(
    posting: &mut Posting<'_, '_>,
    entry: EntryNo,
    key: StockKey,
    order: OrderKey,
) -> Result<(), Stop> {
    let own = posting.entry(entry);
    let incoming = own.quantity.is_positive();
    let line = EntryLine {
        entry_type: own.entry_type,
        reason: EntryReason::Sighting,
        key,
        delta: own.quantity.negated(),
        order,
        document: own.document.clone(),
        applies_to: if incoming { entry } else { EntryNo(0) },
        applies_from: if incoming { EntryNo(0) } else { entry },
        correction: true,
        posting_date: posting.act.posting_date,
        value: LineValue::default(),
    };
    posting.post_entry(line)?;
    posting.follow_holds(key, None)
}

/// Brings the serial from one place to another in the book: a registration within a location, else
/// entries of its own.
pub(super) fn shift(
    posting: &mut Posting<'_, '_>,
    from: Option<StockKey>,
    to: Option<StockKey>,
    order: OrderKey,
) -> Result<(), Stop> {
    if from == to {
        return Ok(());
    }
    let entry_type =
        if to.is_some() { EntryType::PositiveAdjustment } else { EntryType::NegativeAdjustment };
    let motion = Motion {
        from,
        to,
        quantity: Quantity::ONE,
        entry_type,
        reason: EntryReason::Sighting,
        document: [from, to].into_iter().flatten().find_map(|key| order_between(posting, &key)),
        order,
        with_plate: false,
        terms: Terms::default(),
    };
    posting.post_motion(&motion).map(|_ends| ())
}

/// [`shift`], because another act tells where the serial was: a transfer order that it was on its way
/// for has one less to wait for, or one more.
pub(super) fn told(
    posting: &mut Posting<'_, '_>,
    from: Option<StockKey>,
    to: Option<StockKey>,
    order: OrderKey,
) -> Result<(), Stop> {
    if from == to {
        return Ok(());
    }
    let came = from.and_then(|key| Some((order_between(posting, &key)?, key, Quantity::ONE)));
    let went = || {
        let key = to?;
        Some((order_between(posting, &key)?, key, Quantity::ONE.negated()))
    };
    let on_order = came.or_else(went);
    shift(posting, from, to, order)?;
    let Some(((kind, no, line), key, received)) = on_order else { return Ok(()) };
    posting.change_line((&kind, &no), line, LineField::Received, received)?;
    posting.change_on_the_way((&no, line, key.tracking), received.negated())?;
    // It belongs to the history of the serial: an undo of this operation does not take it back.
    posting.posted.on_the_way.pop();
    Ok(())
}

/// The transfer order under which the serial came to, or left, a location between two others: its
/// entries there belong together.
pub(super) fn order_between(posting: &Posting<'_, '_>, key: &StockKey) -> Option<DocumentLineKey> {
    posting.draft.row::<Locations>(&key.location).filter(|location| location.in_transit)?;
    let range = KeyRange::prefix(&(*key,));
    let ((_key, _order, entry), _quantity) = posting.draft.last::<WarehouseByStock>(&range)?;
    posting.draft.row::<WarehouseLedger>(&entry)?.document.clone()
}
