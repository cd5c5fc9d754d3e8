//! More than the book knows, more than the order asks for.

use protocol::quantity::Quantity;

use super::super::act::Act;
use super::super::flow::{Flow, Side};
use super::super::line::{self, Target};
use super::super::message::Message;
use super::super::slots::Aim;
use super::super::world::sum;
use super::{Checking, Finding};

pub(super) fn check(c: &Checking<'_>, all: &mut Vec<Finding>) {
    match c.flow {
        Flow::PutAway | Flow::Move => more_than_known(c, all),
        Flow::Adjust => adjust(c, all),
        _ => {}
    }
    if c.slots.item.is_none() {
        return;
    }
    let Some(target) = line::target(c.flow, c.slots, c.world) else { return };
    let Some(base) = c.base().filter(|base| base.is_positive()) else { return };
    match c.flow {
        Flow::Ship | Flow::TransferShip => over(c, &target, base, target.left, all),
        Flow::TransferReceive => arrival(c, &target, base, all),
        _ => {}
    }
}

/// What the book knows of the goods in hand where they are taken; none when it is withheld or
/// must not show.
fn known(c: &Checking<'_>) -> Option<Quantity> {
    if !c.may_tell() {
        return None;
    }
    let bin = c.slots.bin(Side::From);
    let mut rows = c.world.rows_in(c.slots, bin);
    if let Some(plate) = &c.slots.from_plate {
        rows.retain(|row| row.plate.as_ref() == Some(plate));
    }
    sum(&rows)
}

fn more_than_known(c: &Checking<'_>, all: &mut Vec<Finding>) {
    if c.world.has_bins() && c.slots.bin(Side::From).is_none() {
        return;
    }
    if c.item().is_none_or(|item| item.tracking.serial) {
        return;
    }
    let (Some(base), Some(known)) = (c.base(), known(c)) else { return };
    if base > known {
        let text = Message::new("warn-more-than-known")
            .quantity("known", known)
            .quantity("scanned", base)
            .word("unit", c.unit());
        let subject = c.slots.item.as_ref().map_or("", |item| item.as_str());
        all.push(Finding::warning("bin_below_zero", subject, text));
    }
}

fn over(c: &Checking<'_>, target: &Target, base: Quantity, left: Quantity, all: &mut Vec<Finding>) {
    if base <= left {
        return;
    }
    let text = Message::new("warn-over-ship")
        .quantity("needed", left)
        .quantity("scanned", base)
        .word("unit", c.unit())
        .word("known", c.knowledge());
    let subject = format!("{}/{}", target.row.no, target.row.line);
    all.push(Finding::warning("over_ship", subject, text));
}

fn arrival(c: &Checking<'_>, target: &Target, base: Quantity, all: &mut Vec<Finding>) {
    let subject = format!("{}/{}", target.row.no, target.row.line);
    let row = &target.row;
    let unsent = c.world.pending(row.kind, &row.no, row.line, Flow::TransferShip);
    if row.picked.is_zero() {
        // Who ships and receives with the same device must not look for the fault at the sender.
        let text = if unsent.is_zero() { "warn-not-shipped" } else { "warn-shipment-unsent" };
        let text = Message::new(text).word("no", &row.no);
        all.push(Finding::warning("not_shipped", subject, text));
        return;
    }
    let shipped = row.picked.checked_add(unsent).unwrap_or(row.picked);
    let in_transit = shipped.checked_sub(target.done).unwrap_or(Quantity::ZERO);
    if base > in_transit {
        let text = Message::new("warn-transfer-over")
            .quantity("shipped", in_transit)
            .quantity("scanned", base)
            .word("unit", c.unit())
            .word("known", c.knowledge());
        all.push(Finding::warning("transfer_over", subject, text));
    }
}

fn adjust(c: &Checking<'_>, all: &mut Vec<Finding>) {
    let Some(item) = c.item() else { return };
    let Some(base) = c.base().filter(|base| base.is_positive()) else { return };
    if c.slots.aim == Some(Aim::Less)
        && let Some(known) = known(c)
        && base > known
    {
        let text = Message::new("stop-less-than-nothing")
            .quantity("known", known)
            .quantity("scanned", base)
            .word("unit", c.unit());
        all.push(
            Finding::stop("bin_insufficient", text, "next-count-instead")
                .choice(Message::new("choice-count-instead"), Act::CountInstead),
        );
    }
    if let Some(limit) = item.supervisor_from.filter(|limit| base >= *limit)
        && matches!(c.slots.aim, Some(Aim::More | Aim::Less))
    {
        let text = Message::new("warn-supervisor").quantity("limit", limit).word("unit", c.unit());
        all.push(Finding::warning("count_needs_approval", &item.item, text));
    }
}
