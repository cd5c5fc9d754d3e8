//! Goods on transfer orders: out of one location into a location between the two, and from there
//! into the other. Four entries in all.
//!
//! A receipt may come before the shipment, because the sender's device is still offline: then a
//! provisional shipment stands for it, and the shipment itself takes its place (CONFLICTS 36). What
//! does not arrive stays on its way until somebody closes it (39); what arrives beyond the order is
//! on hold (37).
//!
//! A direct order names no location between the two: what leaves is at once in the receipt bin of the
//! receiver, by two entries, and posting the shipment posts both sides of the line (WAREHOUSE 13.1).
//! Arriving is then a move from that bin into the one that was scanned, and everything else is as
//! above, with the receipt bin in the place of the location between.
//!
//! For each line and tracking key, either something is on its way or something was received
//! provisionally, never both: which one follows from the sums alone, not from the order of arrival.

mod close;
mod provisional;

use protocol::code::Code;
use protocol::feed::DocumentStatus;
use protocol::operation::{DocumentKind, DocumentRef, Place, TransferReceive, TransferShip};
use protocol::outcome::Reason;
use protocol::quantity::Quantity;
use protocol::words::DocumentNo;

pub(crate) use self::close::close_remainder;
pub(crate) use self::provisional::{ask_for_unreported, is_any_due, settle_freed};
use self::provisional::{
    provisional_handled, provisional_parts, ship_provisionally, take_place_of,
};
use crate::document::{DocumentKey, Wanted};
use crate::lookup;
use crate::movement::carry::Motion;
use crate::movement::goods::{self, Flow, Named};
use crate::movement::outbound::open_case;
use crate::movement::receive::hold_named;
use crate::movement::spot::{self, End, Spot};
use crate::posting::{Posting, Stop, add, subtract};
use crate::schema::case::Choice;
use crate::schema::document::Document;
use crate::schema::entry::{EntryType, LineField};
use crate::schema::place::Locations;
use crate::schema::{BinId, LocationId, PlateId, StockKey};
use crate::tables::Read as _;
use crate::tracking::serial;

/// A transfer order that goods are handled for.
struct Order {
    key: DocumentKey,
    reference: DocumentRef,
    header: Document,
    through: (LocationId, BinId),
}

impl Order {
    /// Where goods like `key` are after the one and before the other has handled them.
    const fn between(&self, key: StockKey) -> StockKey {
        let (location, bin) = self.through;
        StockKey { location, bin, plate: PlateId(0), ..key }
    }

    /// Whether what leaves is at the receiver at once.
    const fn is_direct(&self) -> bool {
        self.header.in_transit.is_none()
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "what movements without a document line pass is none"
    )]
    fn line(&self, line: u32) -> Option<(DocumentKind, DocumentNo, u32)> {
        Some((self.key.0, self.key.1.clone(), line))
    }
}

fn order_of(posting: &Posting<'_, '_>) -> Result<Order, Reason> {
    match posting.act.document.clone() {
        Some(reference) => order_named(posting, reference),
        None => Err(Reason::new(Code::DocumentUnknown)),
    }
}

fn order_named(posting: &Posting<'_, '_>, reference: DocumentRef) -> Result<Order, Reason> {
    let unknown = Reason::new(Code::DocumentUnknown).word("document", &reference.no);
    if reference.kind != DocumentKind::TransferOrder {
        return Err(unknown);
    }
    let Some(header) = posting.document(&reference) else { return Err(unknown) };
    let through = match (header.in_transit, header.to_location) {
        (Some(between), _) => (between, BinId(0)),
        (None, Some(to)) => {
            let row = posting.draft.row::<Locations>(&to).filter(|row| row.bin_mandatory);
            (to, row.map_or(BinId(0), |row| row.receipt_bin))
        }
        (None, None) => {
            return Err(Reason::new(Code::LocationRequired).word("document", &reference.no));
        }
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
        provisional_handled(posting, &order, part.line, part.quantity.negated())?;
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
        shipped(posting, order, line, portion.quantity)?;
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
    shipped(posting, order, line, attribution.surplus)?;
    let through = order.between(key);
    open_case(posting, vec![reason], through, vec![Choice::ApproveOver, Choice::Return]);
    Ok(())
}

/// The line was shipped, and where the order is direct received with it.
fn shipped(
    posting: &mut Posting<'_, '_>,
    order: &Order,
    line: u32,
    quantity: Quantity,
) -> Result<(), Stop> {
    posting.add_to_line(&order.key, line, LineField::Handled, quantity)?;
    if order.is_direct() {
        posting.add_to_line(&order.key, line, LineField::Received, quantity)?;
    }
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
    if order.is_direct() {
        return Ok(());
    }
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
