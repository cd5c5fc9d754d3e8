//! What is still on its way and never comes.

use protocol::code::Code;
use protocol::operation::{DocumentKind, DocumentRef, Place};
use protocol::outcome::Reason;
use protocol::quantity::Quantity;
use protocol::words::DocumentNo;

use super::{Order, arrived, order_of, shipped};
use crate::costing::LineValue;
use crate::key::KeyRange;
use crate::lookup;
use crate::movement::carry::{Motion, Terms};
use crate::movement::spot::{self, End, Spot};
use crate::posting::{Posting, Stop};
use crate::schema::document::{DocumentLines, OnTheWay};
use crate::schema::entry::{EntryReason, EntryType};
use crate::schema::gl::ReasonGroupsOf;
use crate::schema::place::Locations;
use crate::schema::{BinId, PlateId, StockKey, UnitId};
use crate::tables::Read as _;

/// Ends the waiting for what is still on its way on a line: it was found in a place, or it is lost.
/// What is lost arrives in the receiver's missing bin and is written off there.
///
/// # Errors
///
/// Refuses an unknown order or place, a place at neither end of the order, and a line with nothing on
/// its way.
pub(crate) fn close_remainder(
    posting: &mut Posting<'_, '_>,
    (no, line): (&DocumentNo, u32),
    found: Option<&Place>,
) -> Result<(), Stop> {
    let kind = DocumentKind::TransferOrder;
    posting.act.document = Some(DocumentRef { kind, no: no.clone(), line: Some(line) });
    let order = order_of(posting).map_err(Stop::Refuse)?;
    let spot = match found {
        Some(place) => {
            let spot = spot::resolve(posting, place, End::To)?;
            check_end(posting, &order, &spot).map_err(Stop::Refuse)?;
            spot
        }
        None => missing_at_receiver(posting, &order)?,
    };
    let Some(row) = posting.draft.row::<DocumentLines>(&(kind, no.clone(), line)) else {
        let reason = Reason::new(Code::DocumentLineUnknown).word("document", no);
        return Err(Stop::Refuse(reason.word("line", line)));
    };
    let waiting = posting.draft.list::<OnTheWay>(&KeyRange::prefix(&(no.clone(), line)));
    if waiting.is_empty() {
        return Err(Stop::Refuse(Reason::new(Code::NotShipped).word("document", no)));
    }
    for ((_no, _line, tracking), quantity) in waiting {
        let key = StockKey {
            location: spot.location,
            bin: spot.bin,
            plate: spot.plate,
            item: row.item,
            variant: row.variant,
            unit: UnitId(0),
            tracking,
        };
        close_one(posting, &order, (line, key, *quantity), found.is_none())?;
    }
    Ok(())
}

/// Goods that were found elsewhere came there by another way, which is a transfer of its own.
fn check_end(posting: &Posting<'_, '_>, order: &Order, spot: &Spot) -> Result<(), Reason> {
    let ends = [Some(order.header.location), order.header.to_location];
    if ends.contains(&Some(spot.location)) {
        return Ok(());
    }
    let meant = order.header.to_location.unwrap_or(order.header.location);
    Err(Reason::new(Code::WrongDestination)
        .word("location", lookup::location_text(posting.draft, meant))
        .word("document", &order.key.1))
}

fn close_one(
    posting: &mut Posting<'_, '_>,
    order: &Order,
    (line, key, quantity): (u32, StockKey, Quantity),
    lost: bool,
) -> Result<(), Stop> {
    if key.location == order.header.location {
        let at = posting.next_order();
        let motion = Motion {
            document: order.line(line),
            ..Motion::between(order.between(key), key, quantity, at)
        };
        posting.carry(&motion)?;
        let way = (&order.key.1, line, key.tracking);
        posting.change_on_the_way(way, quantity.negated())?;
        // Back at the sender it was never shipped.
        let back = quantity.negated();
        shipped(posting, order, line, back)?;
    } else {
        arrived(posting, order, key, (line, quantity))?;
    }
    if !lost {
        return Ok(());
    }
    let at = posting.next_order();
    let groups = posting.draft.row::<ReasonGroupsOf>(&()).unwrap_or_default();
    let business_group = groups.transit_losses.clone();
    let value = LineValue { business_group, ..LineValue::default() };
    let motion = Motion {
        reason: EntryReason::CaseDecision,
        document: order.line(line),
        terms: Terms { value, ..Terms::default() },
        ..Motion::out_of_stock(EntryType::NegativeAdjustment, key, quantity, at)
    };
    posting.carry(&motion)
}

fn missing_at_receiver(posting: &Posting<'_, '_>, order: &Order) -> Result<Spot, Stop> {
    let unknown = || Stop::refuse(Code::LocationRequired);
    let location = order.header.to_location.ok_or_else(unknown)?;
    let row = posting.draft.row::<Locations>(&location).ok_or_else(unknown)?;
    let bin = if row.bin_mandatory { row.missing_bin } else { BinId(0) };
    Ok(Spot { location, row, bin, plate: PlateId(0) })
}
