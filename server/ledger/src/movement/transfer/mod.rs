//! Goods on transfer orders: out of one location into a location between the two, and from there
//! into the other. Four entries in all.
//!
//! A receipt may come before the shipment, because the sender's device is still offline: then a
//! provisional shipment stands for it, and the shipment itself takes its place (CONFLICTS 36). What
//! does not arrive stays on its way until somebody closes it (39); what arrives beyond the order is
//! on hold (37).
//!
//! For each line and tracking key, either something is on its way or something was received
//! provisionally, never both: which one follows from the sums alone, not from the order of arrival.

use protocol::code::Code;
use protocol::feed::DocumentStatus;
use protocol::operation::{DocumentKind, DocumentRef, Place, TransferReceive, TransferShip};
use protocol::outcome::{Decision, Reason};
use protocol::quantity::Quantity;
use protocol::words::DocumentNo;

use crate::conflict;
use crate::document::{DocumentKey, Wanted};
use crate::key::KeyRange;
use crate::lookup;
use crate::movement::carry::Motion;
use crate::movement::goods::{self, Flow, Named};
use crate::movement::outbound::open_case;
use crate::movement::receive::hold_named;
use crate::movement::spot::{self, End, Spot};
use crate::posting::{Posting, Stop, add, subtract};
use crate::schema::case::Choice;
use crate::schema::document::{
    Document, DocumentLine, DocumentLines, OnTheWay, ProvisionalShipment, ProvisionalShipments,
};
use crate::schema::entry::{EntryReason, EntryType, LineField, PostedBy};
use crate::schema::place::Locations;
use crate::schema::{BinId, LocationId, OrderKey, PlateId, StockKey, TrackingId, UnitId};
use crate::tables::Read as _;
use crate::tracking::serial;

/// A transfer order that goods are handled for.
struct Order {
    key: DocumentKey,
    reference: DocumentRef,
    header: Document,
    through: LocationId,
}

impl Order {
    /// Where goods like `key` are between the two locations.
    const fn between(&self, key: StockKey) -> StockKey {
        StockKey { location: self.through, bin: BinId(0), plate: PlateId(0), ..key }
    }

    fn line(&self, line: u32) -> Option<(DocumentKind, DocumentNo, u32)> {
        Some((self.key.0, self.key.1.clone(), line))
    }
}

fn order_of(posting: &Posting<'_, '_>) -> Result<Order, Reason> {
    let unknown = Reason::new(Code::DocumentUnknown);
    let Some(reference) = posting.act.document.clone() else { return Err(unknown) };
    let unknown = unknown.word("document", &reference.no);
    if reference.kind != DocumentKind::TransferOrder {
        return Err(unknown);
    }
    let Some(header) = posting.document(&reference) else { return Err(unknown) };
    let Some(through) = header.in_transit else {
        return Err(Reason::new(Code::LocationRequired).word("document", &reference.no));
    };
    Ok(Order { key: (reference.kind, reference.no.clone()), reference, header, through })
}

/// Posts what left for the other location.
///
/// # Errors
///
/// Parks without a transfer order; refuses the desk beyond what is ordered.
pub fn ship(posting: &mut Posting<'_, '_>, body: &TransferShip) -> Result<(), Stop> {
    let order = order_of(posting).map_err(|why| posting.stop(why))?;
    let spot = spot::resolve(posting, &body.from, End::From)?;
    let named = goods::resolve(posting, &body.goods, Flow::Out)?;
    let key = named.key(&spot);
    let text = |code| Reason::new(code).word("document", &order.key.1);
    match order.header.status {
        DocumentStatus::Released => {}
        DocumentStatus::Closed if order.header.closed_by_lines => {}
        DocumentStatus::Open => not_released(posting, text(Code::NotReleased))?,
        DocumentStatus::Closed => not_released(posting, text(Code::DocumentClosed))?,
        DocumentStatus::Cancelled => not_released(posting, text(Code::DocumentCancelled))?,
    }
    let replaced = provisional_parts(posting, &order, &named)?;
    let mut stood_for = Quantity::ZERO;
    for part in &replaced {
        stood_for = add(stood_for, part.quantity)?;
        provisional_handled(posting, &order.key, part.line, part.quantity.negated())?;
    }
    ship_lines(posting, &order, &named, key)?;
    for part in &replaced {
        take_place_of(posting, &order, part)?;
    }
    if stood_for.is_positive() {
        let still = subtract(named.base, stood_for)?;
        let reason = Reason::new(Code::TransferSettled)
            .word("item", &named.card.no)
            .quantity("quantity", still);
        posting.decision.note(reason);
    }
    Ok(())
}

fn not_released(posting: &mut Posting<'_, '_>, reason: Reason) -> Result<(), Stop> {
    if posting.act.desk {
        return Err(Stop::Refuse(reason));
    }
    posting.decision.changed(reason);
    Ok(())
}

fn ship_lines(
    posting: &mut Posting<'_, '_>,
    order: &Order,
    named: &Named,
    key: StockKey,
) -> Result<(), Stop> {
    let wanted = Wanted { item: named.item, variant: named.variant, tracking: named.tracking };
    let quantity = (LineField::Handled, named.base);
    let attribution = posting
        .attribute(&order.reference, wanted, quantity, |line| Ok((line.quantity, line.quantity)))?;
    for portion in &attribution.portions {
        let line = portion.line.unwrap_or(0);
        on_the_way(posting, order, key, (line, portion.quantity))?;
        posting.add_to_line(&order.key, line, LineField::Handled, portion.quantity)?;
    }
    if !attribution.surplus.is_positive() {
        return Ok(());
    }
    let code = if attribution.on_document { Code::OverShip } else { Code::NotOnDocument };
    let reason = Reason::new(code)
        .word("item", &named.card.no)
        .word("document", &order.key.1)
        .quantity("surplus", attribution.surplus);
    if posting.act.desk && !posting.act.approved {
        return Err(Stop::Refuse(reason));
    }
    posting.decision.changed(reason.clone());
    let line = over_line(posting, order, wanted);
    on_the_way(posting, order, key, (line, attribution.surplus))?;
    posting.add_to_line(&order.key, line, LineField::Handled, attribution.surplus)?;
    let through = order.between(key);
    open_case(posting, vec![reason], through, vec![Choice::ApproveOver, Choice::Return]);
    Ok(())
}

/// The line on which more than it says is kept; 0 where the order has none for the goods.
fn over_line(posting: &Posting<'_, '_>, order: &Order, wanted: Wanted) -> u32 {
    posting.lines_for(&order.reference, wanted).first().map_or(0, |(line, _row)| *line)
}

fn on_the_way(
    posting: &mut Posting<'_, '_>,
    order: &Order,
    key: StockKey,
    (line, quantity): (u32, Quantity),
) -> Result<(), Stop> {
    let at = posting.next_order();
    let motion = Motion {
        document: order.line(line),
        ..Motion::between(key, order.between(key), quantity, at)
    };
    posting.carry(&motion)?;
    posting.change_on_the_way((&order.key.1, line, key.tracking), quantity)
}

/// A part of a provisional shipment that a shipment takes the place of.
struct Part {
    line: u32,
    at: OrderKey,
    row: ProvisionalShipment,
    quantity: Quantity,
}

/// What of the shipment has been received already.
fn provisional_parts(
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

/// The provisional shipment gives way: what it took is brought back at its own instant, so that a
/// count in between sees nothing of it.
fn take_place_of(posting: &mut Posting<'_, '_>, order: &Order, part: &Part) -> Result<(), Stop> {
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
    forget_part(posting, part, way)?;
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
fn forget_part(
    posting: &mut Posting<'_, '_>,
    part: &Part,
    way: (DocumentNo, u32, TrackingId),
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
    for effect in posted
        .lines
        .iter_mut()
        .filter(|effect| effect.line == part.line && effect.field == LineField::Handled)
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

/// Posts what arrived from the other location.
///
/// # Errors
///
/// Parks what is unknown; refuses the desk beyond what is on its way.
pub fn receive(posting: &mut Posting<'_, '_>, body: &TransferReceive) -> Result<(), Stop> {
    let order = match order_of(posting) {
        Ok(order) => order,
        Err(why) => return without_order(posting, body, why),
    };
    let spot = spot::resolve(posting, &body.to, End::To)?;
    let named = goods::resolve(posting, &body.goods, Flow::In)?;
    let key = named.key(&spot);
    let wanted = Wanted { item: named.item, variant: named.variant, tracking: named.tracking };
    let mut rest = named.base;
    let before = posting.act.order;
    let line = serial::line_between(posting, &order.between(key), &order.key.1, before);
    if let Some(line) = line {
        arrived(posting, &order, key, (line, rest))?;
        rest = Quantity::ZERO;
    }
    for (line, _row) in posting.lines_for(&order.reference, wanted) {
        let part = posting.on_the_way(&order.key.1, line, key.tracking).min(rest);
        if part.is_positive() {
            arrived(posting, &order, key, (line, part))?;
            rest = subtract(rest, part)?;
        }
    }
    let over = receive_first(posting, &order, &named, (key, rest))?;
    wrong_destination(posting, &order, &spot, key);
    arrived_over(posting, &order, &named, (key, over))?;
    hold_named(posting, key, &named)
}

fn arrived(
    posting: &mut Posting<'_, '_>,
    order: &Order,
    key: StockKey,
    (line, quantity): (u32, Quantity),
) -> Result<(), Stop> {
    let at = posting.next_order();
    let motion = Motion {
        document: order.line(line),
        ..Motion::between(order.between(key), key, quantity, at)
    };
    posting.carry(&motion)?;
    posting.change_on_the_way((&order.key.1, line, key.tracking), quantity.negated())?;
    posting.add_to_line(&order.key, line, LineField::Received, quantity)
}

/// What the sender has not reported yet: a provisional shipment stands for it. Gives back how much of
/// it is beyond the order.
fn receive_first(
    posting: &mut Posting<'_, '_>,
    order: &Order,
    named: &Named,
    (key, quantity): (StockKey, Quantity),
) -> Result<Quantity, Stop> {
    if !quantity.is_positive() {
        return Ok(Quantity::ZERO);
    }
    if posting.act.desk && !posting.act.approved {
        let reason = Reason::new(Code::NotShipped).word("document", &order.key.1);
        return Err(Stop::Refuse(reason));
    }
    let wanted = Wanted { item: named.item, variant: named.variant, tracking: named.tracking };
    let mut over = quantity;
    for (line, row) in posting.lines_for(&order.reference, wanted) {
        let part = subtract(row.quantity, row.handled)?.min(over);
        if part.is_positive() {
            through(posting, order, key, (line, part))?;
            over = subtract(over, part)?;
        }
    }
    if over.is_positive() {
        let line = over_line(posting, order, wanted);
        through(posting, order, key, (line, over))?;
    }
    let sender = lookup::location_text(posting.draft, order.header.location);
    let reason = Reason::new(Code::ProvisionalTransfer)
        .word("location", sender)
        .word("document", &order.key.1);
    posting.decision.changed(reason);
    Ok(over)
}

/// Shipped provisionally and received at once.
fn through(
    posting: &mut Posting<'_, '_>,
    order: &Order,
    key: StockKey,
    (line, quantity): (u32, Quantity),
) -> Result<(), Stop> {
    ship_provisionally(posting, order, key, (line, quantity))?;
    arrived(posting, order, key, (line, quantity))
}

fn ship_provisionally(
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
    posting.add_to_line(&order.key, line, LineField::Handled, quantity)?;
    provisional_only(posting, &order.key, line, quantity)?;
    let row_key = (order.key.1.clone(), line, key.tracking, at);
    let row = ProvisionalShipment { from, through, quantity };
    posting.draft.put::<ProvisionalShipments>(&row_key, row);
    Ok(())
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
fn provisional_handled(
    posting: &mut Posting<'_, '_>,
    key: &DocumentKey,
    line: u32,
    quantity: Quantity,
) -> Result<(), Stop> {
    provisional_only(posting, key, line, quantity)?;
    posting.change_line((&key.0, &key.1), line, LineField::Handled, quantity)
}

fn wrong_destination(posting: &mut Posting<'_, '_>, order: &Order, spot: &Spot, key: StockKey) {
    let Some(meant) = order.header.to_location.filter(|to| *to != spot.location) else { return };
    let reason = Reason::new(Code::WrongDestination)
        .word("location", lookup::location_text(posting.draft, meant))
        .word("document", &order.key.1);
    posting.decision.changed(reason.clone());
    open_case(posting, vec![reason], key, vec![Choice::Accept, Choice::Return]);
}

/// More than the order says: the goods are on hold until the sender answers whether it reported too
/// little.
fn arrived_over(
    posting: &mut Posting<'_, '_>,
    order: &Order,
    named: &Named,
    (key, over): (StockKey, Quantity),
) -> Result<(), Stop> {
    if !over.is_positive() || posting.act.approved {
        return Ok(());
    }
    let sender = lookup::location_text(posting.draft, order.header.location);
    let reason = Reason::new(Code::TransferOver)
        .word("item", &named.card.no)
        .word("document", &order.key.1)
        .word("location", sender)
        .quantity("surplus", over);
    posting.decision.changed(reason.clone());
    let choices = vec![Choice::ApproveOver, Choice::Return, Choice::Dismiss];
    let case = open_case(posting, vec![reason], key, choices);
    posting.hold_free(key, over, &Code::TransferOver, Some(case))
}

/// Goods from another location that belong to no transfer order are here all the same.
fn without_order(
    posting: &mut Posting<'_, '_>,
    body: &TransferReceive,
    why: Reason,
) -> Result<(), Stop> {
    if posting.act.desk {
        return Err(Stop::Refuse(why));
    }
    let to: &Place = &body.to;
    let spot = spot::resolve(posting, to, End::To)?;
    let named = goods::resolve(posting, &body.goods, Flow::In)?;
    let key = named.key(&spot);
    let at = posting.next_order();
    posting.carry(&Motion::into_stock(EntryType::PositiveAdjustment, key, named.base, at))?;
    if posting.act.approved {
        return hold_named(posting, key, &named);
    }
    let unordered = Reason::new(Code::UnorderedReceipt).word("item", &named.card.no);
    for reason in [&why, &unordered] {
        posting.decision.changed(reason.clone());
    }
    let code = why.code.clone();
    let choices = vec![Choice::Accept, Choice::Correct, Choice::Return, Choice::Dismiss];
    let case = open_case(posting, vec![why, unordered], key, choices);
    posting.hold_free(key, named.base, &code, Some(case))
}

/// Ends the waiting for what is still on its way on a line: it was found in a place, or it is lost.
/// What is lost arrives in the receiver's missing bin and is written off there.
///
/// # Errors
///
/// Refuses an unknown order or place, and a line with nothing on its way.
pub(crate) fn close_remainder(
    posting: &mut Posting<'_, '_>,
    (no, line): (&DocumentNo, u32),
    found: Option<&Place>,
) -> Result<(), Stop> {
    let kind = DocumentKind::TransferOrder;
    posting.act.document = Some(DocumentRef { kind, no: no.clone(), line: Some(line) });
    let order = order_of(posting).map_err(Stop::Refuse)?;
    let spot = match found {
        Some(place) => spot::resolve(posting, place, End::To)?,
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

fn close_one(
    posting: &mut Posting<'_, '_>,
    order: &Order,
    (line, key, quantity): (u32, StockKey, Quantity),
    lost: bool,
) -> Result<(), Stop> {
    if key.location != order.header.location {
        arrived(posting, order, key, (line, quantity))?;
    } else {
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
        posting.add_to_line(&order.key, line, LineField::Handled, back)?;
    }
    if !lost {
        return Ok(());
    }
    let at = posting.next_order();
    let motion = Motion {
        reason: EntryReason::CaseDecision,
        document: order.line(line),
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
