//! The right bin, the right lot, not too much.

use protocol::feed::StockRow;
use protocol::quantity::Quantity;

use super::super::act::Act;
use super::super::flow::{Flow, Side};
use super::super::line::{self, Target};
use super::super::message::Message;
use super::{Checking, Finding};

pub(super) fn check(c: &Checking<'_>, all: &mut Vec<Finding>) {
    let Some(target) = line::target(Flow::Pick, c.slots, c.world) else { return };
    bin(c, &target, all);
    fixed_lot(c, &target, all);
    first_expired(c, all);
    too_much(c, &target, all);
}

fn bin(c: &Checking<'_>, target: &Target, all: &mut Vec<Finding>) {
    let Some(here) = c.slots.bin(Side::From).filter(|_| c.slots.is_named(Side::From)) else {
        return;
    };
    let Some(needed) = line::bin_for(&target.row, c.world) else { return };
    if needed == *here {
        return;
    }
    let holds = line::places_of(&target.row, c.world).contains(here);
    if holds {
        let text = Message::new("warn-other-bin").word("bin", here).word("needed", &needed);
        let subject = format!("{}/{here}", target.row.line);
        all.push(Finding::warning("other_bin", subject, text).scanned(here).needed(needed));
        return;
    }
    let text = Message::new("stop-wrong-bin").word("bin", here).word("needed", &needed);
    all.push(Finding::stop("wrong_bin", text, "next-scan-again").scanned(here).needed(needed));
}

fn fixed_lot(c: &Checking<'_>, target: &Target, all: &mut Vec<Finding>) {
    let (Some(fixed), Some(lot)) = (&target.row.tracking.lot, &c.slots.lot) else { return };
    if fixed != lot {
        let text = Message::new("stop-fixed-lot").word("lot", lot).word("needed", fixed);
        all.push(Finding::stop("wrong_lot", text, "next-scan-again").scanned(lot).needed(fixed));
    }
}

/// An earlier lot of the item lies in the same bin, as far as is known here. Other bins are the
/// server's business.
fn first_expired(c: &Checking<'_>, all: &mut Vec<Finding>) {
    let (Some(lot), Some(bin)) = (&c.slots.lot, c.slots.bin(Side::From)) else { return };
    let mine = c.slots.expiry.or_else(|| c.world.lot_of(c.slots).and_then(|row| row.expiry));
    let Some(mine) = mine else { return };
    let earlier = |row: &StockRow| {
        let other = row.tracking.lot.as_ref().is_some_and(|other| other != lot);
        other
            && Some(&row.item) == c.slots.item.as_ref()
            && row.quantity.is_some_and(Quantity::is_positive)
    };
    let rows = c.world.catalogue.stock_in(c.world.location, Some(bin));
    let first = rows
        .iter()
        .filter(|row| earlier(row))
        .filter_map(|row| Some((line::expiry_of(row, c.world)?, row.tracking.lot.clone()?)))
        .filter(|(expiry, _)| *expiry < mine)
        .min();
    if let Some((expiry, other)) = first {
        let text = Message::new("warn-first-expired")
            .word("lot", lot)
            .word("expiry", mine)
            .word("needed", &other)
            .word("earlier", expiry);
        all.push(Finding::warning("fefo", lot, text).scanned(lot).needed(other));
    }
}

fn too_much(c: &Checking<'_>, target: &Target, all: &mut Vec<Finding>) {
    let Some(base) = c.base().filter(|base| *base > target.left) else { return };
    let text = Message::new("warn-over-pick")
        .quantity("needed", target.left)
        .quantity("scanned", base)
        .word("unit", c.unit())
        .word("known", c.knowledge());
    let subject = format!("{}/{}", target.row.no, target.row.line);
    let mut finding = Finding::warning("over_pick", subject, text);
    let by_serial = c.item().is_some_and(|item| item.tracking.serial);
    if target.left.is_positive() && !by_serial {
        let text =
            Message::new("choice-only").quantity("quantity", target.left).word("unit", c.unit());
        finding = finding.choice(text, Act::Limit(target.left));
    }
    all.push(finding);
}
