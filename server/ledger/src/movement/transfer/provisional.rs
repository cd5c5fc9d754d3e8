//! Shipments that stand for what the sender has not reported yet.

use protocol::code::Code;
use protocol::identity::ServerTime;
use protocol::operation::{DocumentKind, DocumentRef};
use protocol::outcome::Decision;
use protocol::quantity::Quantity;
use protocol::words::DocumentNo;

use super::{Order, order_named, shipped};
use crate::conflict::case::site_of;
use crate::conflict::{self, TaskDraft, request_task};
use crate::count::timeline;
use crate::document::{DocumentKey, Wanted};
use crate::key::{Key as _, KeyRange};
use crate::movement::carry::Motion;
use crate::movement::goods::Named;
use crate::posting::{Posting, Stop, add, subtract};
use crate::schema::document::{
    DocumentLine, DocumentLines, ProvisionalShipment, ProvisionalShipments, ProvisionalsDue,
};
use crate::schema::entry::{EntryReason, LineField, PostedBy};
use crate::schema::place::Locations;
use crate::schema::{BinId, OrderKey, PlateId, SiteId, StockKey, TrackingId};
use crate::tables::{Read as _, Table, Tables};
use crate::tracking::serial;

/// A part of a provisional shipment that a shipment takes the place of.
pub(super) struct Part {
    pub(super) line: u32,
    at: OrderKey,
    row: ProvisionalShipment,
    pub(super) quantity: Quantity,
}

/// What of the shipment has been received already.
pub(super) fn provisional_parts(
    posting: &Posting<'_, '_>,
    order: &Order,
    named: &Named,
) -> Result<Vec<Part>, Stop> {
    let mut rest = named.base;
    let mut parts = Vec::new();
    let wanted = Wanted { item: named.item, variant: named.variant, tracking: named.tracking };
    for (line, _row) in posting.lines_for(&order.reference, wanted) {
        let prefix = (order.key.1.clone(), line, named.tracking);
        let rows = posting.draft.list::<ProvisionalShipments>(&KeyRange::prefix(&prefix));
        for ((_no, line, _tracking, at), row) in rows {
            let quantity = row.quantity.min(rest);
            if quantity.is_positive() {
                parts.push(Part { line, at, row: *row, quantity });
                rest = subtract(rest, quantity)?;
            }
        }
    }
    Ok(parts)
}

/// An arrival did not happen, so that something of `tracking` is on its way on the line again: that is
/// what was received elsewhere before anybody had reported its shipment.
///
/// # Errors
///
/// As for carrying goods.
pub(crate) fn settle_freed(
    posting: &mut Posting<'_, '_>,
    (no, line, tracking): (&DocumentNo, u32, TrackingId),
) -> Result<(), Stop> {
    let mut free = posting.on_the_way(no, line, tracking);
    // A serial is on its way or arrived: its own history says which.
    if !free.is_positive() || serial::of(posting.draft, tracking).is_some() {
        return Ok(());
    }
    let prefix = (no.clone(), line, tracking);
    let rows = posting.draft.list::<ProvisionalShipments>(&KeyRange::prefix(&prefix));
    let reference =
        DocumentRef { kind: DocumentKind::TransferOrder, no: no.clone(), line: Some(line) };
    let Ok(order) = order_named(posting, reference) else { return Ok(()) };
    for ((_no, line, _tracking, at), row) in rows {
        let quantity = row.quantity.min(free);
        if !quantity.is_positive() {
            break;
        }
        provisional_handled(posting, &order, line, quantity.negated())?;
        take_place_of(posting, &order, &Part { line, at, row: *row, quantity })?;
        free = subtract(free, quantity)?;
    }
    Ok(())
}

/// The provisional shipment gives way: what it took is brought back at its own instant, so that a
/// count in between sees nothing of it.
pub(super) fn take_place_of(
    posting: &mut Posting<'_, '_>,
    order: &Order,
    part: &Part,
) -> Result<(), Stop> {
    if serial::of(posting.draft, part.row.from.tracking).is_some() {
        serial::forget(posting, part.row.through, part.at)?;
    } else {
        let motion = Motion {
            reason: EntryReason::ProvisionalTransfer,
            document: order.line(part.line),
            ..Motion::between(part.row.through, part.row.from, part.quantity, part.at)
        };
        posting.carry_forgotten(&motion)?;
    }
    let way = (order.key.1.clone(), part.line, part.row.from.tracking);
    posting.change_on_the_way((&way.0, way.1, way.2), part.quantity.negated())?;
    posting.posted.on_the_way.pop();
    forget_part(posting, part, way, order.is_direct())?;
    let key = (order.key.1.clone(), part.line, part.row.from.tracking, part.at);
    let quantity = subtract(part.row.quantity, part.quantity)?;
    if quantity.is_positive() {
        posting
            .draft
            .put::<ProvisionalShipments>(&key, ProvisionalShipment { quantity, ..part.row });
        return Ok(());
    }
    posting.draft.delete::<ProvisionalShipments>(&key);
    conflict::restate(posting, part.at.operation(), |row| {
        let outcome = &mut row.outcome;
        outcome.reasons.retain(|reason| reason.code != Code::ProvisionalTransfer);
        if outcome.reasons.is_empty() && outcome.decision == Decision::Changed {
            outcome.decision = Decision::Accepted;
        }
    });
    Ok(())
}

/// The receipt no longer stands for that part: an undo of it has that much less to take back.
#[expect(clippy::needless_pass_by_value, reason = "the key of a row, made for this call")]
fn forget_part(
    posting: &mut Posting<'_, '_>,
    part: &Part,
    way: (DocumentNo, u32, TrackingId),
    is_direct: bool,
) -> Result<(), Stop> {
    let operation = part.at.operation();
    let Some(posted) = posting.draft.row::<PostedBy>(&operation) else { return Ok(()) };
    let mut posted = (*posted).clone();
    for leg in posted.legs.iter_mut().filter(|leg| leg.order == part.at) {
        leg.delta = if leg.delta.is_negative() {
            add(leg.delta, part.quantity)?
        } else {
            subtract(leg.delta, part.quantity)?
        };
    }
    posted.legs.retain(|leg| !leg.delta.is_zero());
    let standing: Vec<_> = posted
        .standing
        .iter()
        .copied()
        .filter(|(entry, _key)| posting.entry(*entry).order != part.at)
        .collect();
    posted.standing = standing;
    for effect in
        posted.lines.iter_mut().filter(|effect| effect.line == part.line).filter(|effect| {
            match effect.field {
                LineField::Handled => true,
                LineField::Received => is_direct,
                LineField::Picked => false,
            }
        })
    {
        effect.quantity = subtract(effect.quantity, part.quantity)?;
    }
    posted.serials.retain(|key| key.3 != part.at);
    let shipped = posted.on_the_way.iter_mut().find(|(no, line, tracking, delta)| {
        (no, *line, *tracking) == (&way.0, way.1, way.2) && delta.is_positive()
    });
    if let Some((_no, _line, _tracking, delta)) = shipped {
        *delta = subtract(*delta, part.quantity)?;
    }
    posting.draft.put::<PostedBy>(&operation, posted);
    Ok(())
}

pub(super) fn ship_provisionally(
    posting: &mut Posting<'_, '_>,
    order: &Order,
    key: StockKey,
    (line, quantity): (u32, Quantity),
) -> Result<(), Stop> {
    let location = order.header.location;
    let bin = posting
        .draft
        .row::<Locations>(&location)
        .filter(|row| row.bin_mandatory)
        .map_or(BinId(0), |row| row.shipment_bin);
    let from = StockKey { location, bin, plate: PlateId(0), ..key };
    let through = order.between(key);
    let at = posting.next_order();
    let motion = Motion {
        reason: EntryReason::ProvisionalTransfer,
        document: order.line(line),
        ..Motion::between(from, through, quantity, at)
    };
    posting.carry(&motion)?;
    posting.change_on_the_way((&order.key.1, line, key.tracking), quantity)?;
    shipped(posting, order, line, quantity)?;
    provisional_only(posting, &order.key, line, quantity)?;
    let row_key = (order.key.1.clone(), line, key.tracking, at);
    let row = ProvisionalShipment { from, through, quantity };
    posting.draft.put::<ProvisionalShipments>(&row_key, row);
    // A serial is where its history says, whoever reports what.
    if serial::of(posting.draft, key.tracking).is_none() {
        let due = at.tau.plus_us(timeline::signed(posting.act.timing.epsilon_us));
        let site = site_of(posting.draft, location).unwrap_or(posting.act.site);
        let (no, line, tracking, at) = row_key;
        posting.draft.put::<ProvisionalsDue>(&(site, due, no, line, tracking, at), ());
    }
    Ok(())
}

/// Has the bins counted that provisional shipments of a site were taken from, as far as everybody at the
/// site has reported all that was done before `until`: no shipment will take their place any more, so that
/// either it was not recorded, or an arrival was that never was. At most `left` of them; says whether there
/// are more.
pub(crate) fn ask_for_unreported(
    posting: &mut Posting<'_, '_>,
    (site, until): (SiteId, ServerTime),
    left: &mut usize,
) -> bool {
    while let Some(due) = first_due(posting.draft, site, until) {
        if *left == 0 {
            return true;
        }
        *left = left.saturating_sub(1);
        posting.draft.delete::<ProvisionalsDue>(&due);
        let (_site, _due, no, line, tracking, at) = due;
        let row = posting.draft.row::<ProvisionalShipments>(&(no, line, tracking, at));
        let Some(ProvisionalShipment { from, .. }) = row.map(|row| *row) else { continue };
        request_task(posting, TaskDraft::count_of(&from, &Code::ProvisionalTransfer));
    }
    false
}

/// Whether nobody can report some provisional shipment of the site any more at `until`.
pub(crate) fn is_any_due(tables: &(impl Tables + ?Sized), site: SiteId, until: ServerTime) -> bool {
    first_due(tables, site, until).is_some()
}

/// The one that nobody can report for the longest time.
fn first_due(
    tables: &(impl Tables + ?Sized),
    site: SiteId,
    until: ServerTime,
) -> Option<<ProvisionalsDue as Table>::Key> {
    let mut range = KeyRange::prefix(&(site,));
    range.to = (site, until).to_bytes();
    tables.first::<ProvisionalsDue>(&range).map(|(key, _row)| key)
}

fn provisional_only(
    posting: &mut Posting<'_, '_>,
    key: &DocumentKey,
    line: u32,
    quantity: Quantity,
) -> Result<(), Stop> {
    let line_key = (key.0, key.1.clone(), line);
    let Some(row) = posting.draft.row::<DocumentLines>(&line_key) else { return Ok(()) };
    let provisional = add(row.provisional, quantity)?;
    posting.draft.put::<DocumentLines>(&line_key, DocumentLine { provisional, ..(*row).clone() });
    Ok(())
}

/// The shipment itself is counted on the line instead of what stood for it.
pub(super) fn provisional_handled(
    posting: &mut Posting<'_, '_>,
    order: &Order,
    line: u32,
    quantity: Quantity,
) -> Result<(), Stop> {
    let key = &order.key;
    provisional_only(posting, key, line, quantity)?;
    posting.change_line((&key.0, &key.1), line, LineField::Handled, quantity)?;
    if order.is_direct() {
        posting.change_line((&key.0, &key.1), line, LineField::Received, quantity)?;
    }
    Ok(())
}
