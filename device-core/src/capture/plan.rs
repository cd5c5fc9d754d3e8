//! The one question: which slot is empty first.

use protocol::feed::{ItemRow, TrackingRule};
use protocol::quantity::Quantity;

use super::flow::{Flow, Side, Slot};
use super::line;
use super::slots::{Aim, Slots};
use super::world::{World, sum};

/// The first empty slot; none when only the confirmation is missing.
pub(super) fn first_empty(flow: Flow, slots: &Slots, world: &World<'_>) -> Option<Slot> {
    if slots.unidentified.is_some() {
        let side = if flow.side() == Side::To { Slot::To } else { Slot::From };
        return [side, Slot::Quantity].into_iter().find(|slot| is_open(*slot, flow, slots, world));
    }
    if let Some(range) = &slots.range {
        let is_known = range.first.is_some() && range.last.is_some();
        return Some(if is_known { Slot::Step } else { Slot::Serial });
    }
    flow.slots().iter().copied().find(|slot| is_open(*slot, flow, slots, world))
}

fn is_open(slot: Slot, flow: Flow, slots: &Slots, world: &World<'_>) -> bool {
    let whole = slots.is_whole_plate() && flow.is_move();
    let item = world.item_of(slots);
    let rule = item.as_ref().map(|item| item.tracking).unwrap_or_default();
    match slot {
        Slot::Document => slots.paper.is_none(),
        Slot::From => slots.from.is_none() && world.has_bins() && !whole,
        Slot::To => slots.to.is_none() && world.has_bins(),
        Slot::Item => slots.item.is_none() && !whole,
        Slot::Variant => slots.variant.is_none() && item.is_some_and(|item| item.variant_required),
        Slot::Lot => rule.lot && slots.lot.is_none() && !serials_tell_lot(slots, world),
        Slot::Expiry => rule.expiry && lacks_expiry(flow, slots, world, rule),
        Slot::Serial => rule.serial && slots.serials.is_empty() && !is_nothing(slots),
        Slot::Package => rule.package && slots.package.is_none(),
        Slot::Direction => slots.aim.is_none(),
        Slot::Quantity => !whole && lacks_quantity(slots, item.as_ref()),
        Slot::Reason => lacks_reason(flow, slots, world),
        Slot::Emptied => slots.closing && slots.emptied.is_none() && is_emptied(slots, world),
        Slot::Plate | Slot::Step => false,
    }
}

/// Whether the person said "nothing is there".
fn is_nothing(slots: &Slots) -> bool {
    slots.tally.keyed && slots.tally.entered.is_zero()
}

fn serials_tell_lot(slots: &Slots, world: &World<'_>) -> bool {
    !slots.serials.is_empty()
        && slots.serials.iter().all(|seen| {
            let rows = world.catalogue.serials_numbered(seen.serial.as_str());
            let row = rows.iter().find(|row| Some(&row.item) == slots.item.as_ref());
            row.is_some_and(|row| row.tracking.lot.is_some())
        })
}

fn lacks_expiry(flow: Flow, slots: &Slots, world: &World<'_>, rule: TrackingRule) -> bool {
    if slots.expiry.is_some() {
        return false;
    }
    if !rule.lot {
        // The date is that of the serial number, which only the server knows once it was read.
        return rule.serial && flow == Flow::Receive && slots.item.is_some();
    }
    if slots.lot.is_none() {
        return false;
    }
    let known = world.lot_of(slots);
    match known {
        Some(row) => flow.is_inbound() && row.expiry.is_none(),
        None => flow.is_inbound() || flow.is_count(),
    }
}

fn lacks_quantity(slots: &Slots, item: Option<&ItemRow>) -> bool {
    if item.is_some_and(|item| item.tracking.serial) {
        return false;
    }
    !(slots.tally.is_given() && slots.tally.settled)
}

fn lacks_reason(flow: Flow, slots: &Slots, world: &World<'_>) -> bool {
    if slots.reason.is_some() {
        return false;
    }
    match flow {
        Flow::Adjust => slots.aim != Some(Aim::SetTo),
        Flow::Pick => slots.closing && is_short(slots, world),
        _ => false,
    }
}

/// How much is in hand, in base units.
pub(super) fn base_in_hand(slots: &Slots, world: &World<'_>) -> Option<Quantity> {
    let item = world.item_of(slots)?;
    if item.tracking.serial {
        let n = i32::try_from(slots.serials.len()).ok()?;
        return Some(Quantity::whole(n));
    }
    slots.tally.base(&item)
}

/// Whether less is in hand than the line still asks for.
pub(super) fn is_short(slots: &Slots, world: &World<'_>) -> bool {
    let Some(target) = line::target(Flow::Pick, slots, world) else { return false };
    base_in_hand(slots, world).is_some_and(|base| base < target.left)
}

/// Whether the bin should be empty after this pick, as far as the book is known here.
fn is_emptied(slots: &Slots, world: &World<'_>) -> bool {
    if world.catalogue.never_quantities() {
        return false;
    }
    let Some(bin) = slots.bin(Side::From) else { return false };
    let rows = world.catalogue.stock_in(world.location, Some(bin));
    let known = sum(&rows).filter(|known| known.is_positive());
    match (known, base_in_hand(slots, world)) {
        (Some(known), Some(base)) => base.is_positive() && base == known,
        _ => false,
    }
}
