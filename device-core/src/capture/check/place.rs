//! Bins and licence plates.

use protocol::feed::{BinRow, PlateState};
use protocol::words::PlateNo;

use super::super::flow::{Flow, Side};
use super::super::message::Message;
use super::{Checking, Finding};

pub(super) fn check(c: &Checking<'_>, all: &mut Vec<Finding>) {
    blocked(c, all);
    same_place(c, all);
    for side in [Side::From, Side::To] {
        plate(c, side, all);
    }
    if c.slots.from_plate.is_some() && c.slots.from_plate == c.slots.to_plate {
        let plate = c.slots.from_plate.as_ref().map_or("", PlateNo::as_str);
        let text = Message::new("stop-plate-loop").word("plate", plate);
        all.push(Finding::stop("lpn_loop", text, "next-scan-another").scanned(plate));
    }
}

fn row(c: &Checking<'_>, side: Side) -> Option<BinRow> {
    c.world.bin_row(c.slots.bin(side)?)
}

fn blocked(c: &Checking<'_>, all: &mut Vec<Finding>) {
    for side in [Side::From, Side::To] {
        let Some(row) = row(c, side).filter(|row| row.blocked) else { continue };
        let text = Message::new("stop-bin-blocked").word("bin", &row.bin);
        if side == Side::To || c.flow.is_move() {
            all.push(Finding::stop("bin_blocked", text, "next-another-bin").scanned(&row.bin));
        } else if c.flow.is_outbound() {
            all.push(Finding::warning("bin_blocked", &row.bin, text).scanned(&row.bin));
        }
    }
}

fn same_place(c: &Checking<'_>, all: &mut Vec<Finding>) {
    let (Some(from), Some(to)) = (c.slots.bin(Side::From), c.slots.bin(Side::To)) else { return };
    if !c.flow.is_move() || from != to {
        return;
    }
    let moves_on_plates = c.slots.from_plate != c.slots.to_plate && c.slots.to_plate.is_some();
    let leaves_plate = !c.slots.is_whole_plate() && c.slots.from_plate != c.slots.to_plate;
    if moves_on_plates || leaves_plate {
        return;
    }
    let text = Message::new("stop-same-place").word("bin", to);
    all.push(Finding::stop("same_place", text, "next-another-bin").scanned(to));
}

fn plate(c: &Checking<'_>, side: Side, all: &mut Vec<Finding>) {
    let plate = match side {
        Side::From => &c.slots.from_plate,
        Side::To => &c.slots.to_plate,
    };
    let Some(plate) = plate else { return };
    let Some(row) = c.world.catalogue.plate(plate.as_str()) else {
        // A new number is how a plate begins; taking from one that nobody knows is odd.
        if side == Side::From && !c.flow.is_count() {
            let text = Message::new("warn-plate-unknown").word("plate", plate);
            all.push(Finding::warning("lpn_unknown", plate, text).scanned(plate));
        }
        return;
    };
    match row.state {
        PlateState::Void => {
            let text = Message::new("stop-plate-void").word("plate", plate);
            all.push(Finding::stop("lpn_void", text, "next-scan-another").scanned(plate));
        }
        PlateState::Shipped | PlateState::InTransit if c.flow != Flow::TransferReceive => {
            let text = Message::new("warn-plate-left").word("plate", plate);
            all.push(Finding::warning("lpn_elsewhere", plate, text).scanned(plate));
        }
        PlateState::Closed if !c.slots.is_whole_plate() && !c.flow.is_count() => {
            let text = Message::new("warn-plate-closed").word("plate", plate);
            all.push(Finding::warning("lpn_closed", plate, text).scanned(plate));
        }
        _ => {}
    }
    let known = row.bin.filter(|_| row.location == *c.world.location);
    if let (Some(known), Some(here)) = (known, c.slots.bin(side))
        && known != *here
        && c.slots.is_named(side)
        && !c.flow.is_count()
    {
        let text = Message::new("warn-plate-elsewhere").word("plate", plate).word("bin", &known);
        let subject = format!("{plate}@{here}");
        all.push(Finding::warning("lpn_elsewhere", subject, text).scanned(here).needed(known));
    }
}
