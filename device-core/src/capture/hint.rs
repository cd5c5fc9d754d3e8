//! What helps to answer the question, and what a count or a look-up shows.
//!
//! The only place where a quantity of the book becomes a sentence: withheld in a blind count and on
//! sites that never show any.

use std::collections::BTreeSet;

use protocol::feed::{BinKind, StockRow};
use protocol::quantity::Quantity;
use protocol::words::{BinCode, PlateNo};

use super::flow::{Flow, Side};
use super::line::{self, Target};
use super::message::Message;
use super::range::{Mismatch, Row};
use super::slots::{Counted, Paper, Slots};
use super::world::{World, sum};
use super::{Capture, Pending};

/// The most bins and lines that are proposed.
const PROPOSALS_MAX: usize = 3;

/// The most lines of an order that are listed.
const ORDER_LINES_MAX: usize = 50;

pub(super) fn hints(capture: &Capture, world: &World<'_>) -> Vec<Message> {
    let mut all = Vec::new();
    let slots = &capture.slots;
    let may_tell = !capture.blind && !world.catalogue.never_quantities();
    let item = world.item_of(slots);
    match capture.flow {
        Flow::Pick => pick_hints(slots, may_tell, world, &mut all),
        Flow::Receive | Flow::Ship | Flow::TransferShip | Flow::TransferReceive => {
            let target = line::target(capture.flow, slots, world);
            match target.filter(|_| item.is_some()) {
                Some(target) => all.push(expected(capture.flow, &target, world)),
                None if is_done(capture.flow, slots, world) => {
                    all.push(Message::new("hint-order-done"));
                }
                None => {}
            }
        }
        Flow::PutAway => proposals(slots, world, &mut all),
        Flow::Count if may_tell => {
            let rows = world.rows_in(slots, slots.bin(Side::From));
            if let (Some(item), Some(known)) = (&item, sum(&rows)) {
                all.push(
                    Message::new("hint-book")
                        .quantity("known", known)
                        .word("unit", &item.base_unit),
                );
            }
        }
        _ => {}
    }
    if let Some(item) = item.filter(|item| item.tracking.serial) {
        let n = slots.serials.len();
        let target = line::target(capture.flow, slots, world);
        let text = match target.filter(|target| target.left.is_positive()) {
            Some(target) => Message::new("hint-serials-of").quantity("of", target.left),
            None => Message::new("hint-serials"),
        };
        all.push(text.number("n", n).word("unit", &item.base_unit));
        all.extend(range_hint(slots));
    }
    if capture.flow.is_count() && is_unexpected(slots, world) {
        all.push(Message::new("hint-not-expected"));
    }
    all
}

/// How many numbers a range has, once both its ends are known.
fn range_hint(slots: &Slots) -> Option<Message> {
    let range = slots.range.as_ref()?;
    let (first, last) = (range.first.as_ref()?, range.last.as_ref()?);
    let row = Row::between(&first.serial, &last.serial).ok()?;
    let (Ok(n) | Err(Mismatch::TooMany(n))) = row.count(1) else { return None };
    Some(Message::new("hint-range").word("n", n))
}

/// Whether the item in hand is not listed in the counted bin. Tells of no quantity.
fn is_unexpected(slots: &Slots, world: &World<'_>) -> bool {
    let (Some(item), Some(bin)) = (&slots.item, slots.bin(Side::From)) else { return false };
    !world.catalogue.stock_in(world.location, Some(bin)).iter().any(|row| row.item == *item)
}

fn pick_hints(slots: &Slots, may_tell: bool, world: &World<'_>, all: &mut Vec<Message>) {
    let Some(target) = line::target(Flow::Pick, slots, world) else {
        if slots.paper.is_some() {
            all.push(Message::new("hint-order-done"));
        }
        return;
    };
    let lines = line::all(Flow::Pick, slots, world);
    let at = lines.iter().position(|line| line.row.line == target.row.line).unwrap_or(0);
    all.push(Message::new("hint-line").number("line", at + 1).number("of", lines.len()));
    all.push(Message::new("hint-item").word("item", world.item_name(&target.row.item)));
    if let Some(lot) = &target.row.tracking.lot {
        all.push(Message::new("hint-lot").word("lot", lot));
    }
    let unit = world.base_word(&target.row.item);
    all.push(Message::new("hint-take").quantity("left", target.left).word("unit", &unit));
    let bin = slots.bin(Side::From).cloned().or_else(|| line::bin_for(&target.row, world));
    if let Some(bin) = bin.filter(|_| may_tell) {
        let mut rows = world.catalogue.stock_in(world.location, Some(&bin));
        rows.retain(|row| row.item == target.row.item);
        if let Some(known) = sum(&rows) {
            all.push(Message::new("hint-here").quantity("known", known).word("unit", unit));
        }
    }
    if !line::is_proposed_bin(&target.row, slots, world) {
        all.push(Message::new("hint-other-bin"));
    }
}

fn expected(flow: Flow, target: &Target, world: &World<'_>) -> Message {
    let unit = world.base_word(&target.row.item);
    let id = if flow.is_inbound() { "hint-expected" } else { "hint-to-ship" };
    Message::new(id)
        .quantity("left", target.left)
        .quantity("ordered", target.row.quantity)
        .word("unit", unit)
}

/// Whether nothing is left on the order.
fn is_done(flow: Flow, slots: &Slots, world: &World<'_>) -> bool {
    let lines = line::all(flow, slots, world);
    matches!(slots.paper, Some(Paper::Of(..))) && lines.iter().all(|line| line.left.is_zero())
}

/// Storage bins where the item lies already.
fn proposals(slots: &Slots, world: &World<'_>, all: &mut Vec<Message>) {
    let Some(item) = &slots.item else { return };
    let from = slots.bin(Side::From);
    let rows = world.catalogue.stock_of(world.location, item);
    let bins: BTreeSet<BinCode> = rows
        .into_iter()
        .filter_map(|row: StockRow| row.bin)
        .filter(|bin| Some(bin) != from)
        .filter(|bin| {
            let row = world.bin_row(bin);
            row.is_some_and(|row| row.kind == BinKind::Storage && !row.blocked)
        })
        .collect();
    for bin in bins.into_iter().take(PROPOSALS_MAX) {
        all.push(Message::new("hint-lies-in").word("bin", bin));
    }
}

pub(super) fn lines(capture: &Capture, world: &World<'_>) -> Vec<Message> {
    if matches!(capture.pending, Some(Pending::Truck { .. })) {
        let since = capture.truck.hours(world);
        let since = since.map(|hours| Message::new("line-truck-since").word("hours", hours));
        let lines = capture.truck.lines(capture.flow, &capture.slots, world);
        return since.into_iter().chain(lines).collect();
    }
    match capture.flow {
        Flow::CountBin => counted(&capture.slots, world),
        Flow::LookUp => looked_up(&capture.slots, world),
        flow => order_lines(flow, &capture.slots, world),
    }
}

/// The lines of the order, with how much of each is done.
fn order_lines(flow: Flow, slots: &Slots, world: &World<'_>) -> Vec<Message> {
    let lines = line::all(flow, slots, world);
    let shown = lines.iter().take(ORDER_LINES_MAX).map(|target| {
        Message::new("line-order")
            .word("item", world.item_name(&target.row.item))
            .quantity("done", target.done)
            .quantity("ordered", target.row.quantity)
            .word("unit", world.base_word(&target.row.item))
    });
    shown.collect()
}

fn counted(slots: &Slots, world: &World<'_>) -> Vec<Message> {
    let mut all = Vec::new();
    for line in &slots.counted {
        let number = line.serial.as_ref().map(ToString::to_string);
        let number = number.or_else(|| line.lot.as_ref().map(ToString::to_string));
        let unit = line.tally.unit.as_ref().map(|unit| unit.unit.to_string());
        let quantity = if line.serial.is_some() { Quantity::ONE } else { line.tally.entered };
        all.push(
            Message::new("line-counted")
                .word("item", world.item_name(&line.item))
                .word("number", number.unwrap_or_default())
                .quantity("quantity", quantity)
                .word("unit", unit.unwrap_or_else(|| world.base_word(&line.item))),
        );
    }
    for plate in &slots.seen_closed {
        all.push(Message::new("choice-plate-closed").word("plate", plate));
    }
    all
}

/// Items that are listed in the bin and that nobody has touched in this count.
pub(super) fn untouched(slots: &Slots, world: &World<'_>) -> Vec<String> {
    let bin = slots.bin(Side::From);
    let mut names = BTreeSet::new();
    for row in world.catalogue.stock_in(world.location, bin) {
        let listed = row.quantity.is_none_or(|quantity| !quantity.is_zero());
        let on_closed = row.plate.as_ref().is_some_and(|plate| slots.seen_closed.contains(plate));
        if listed && !on_closed {
            names.extend(untouched_name(&row, slots, world));
        }
    }
    names.into_iter().collect()
}

/// What nobody has counted of `row`: its plate, its lot, or the item. Serials are counted one by
/// one, and which of them are missing is told afterwards.
fn untouched_name(row: &StockRow, slots: &Slots, world: &World<'_>) -> Option<String> {
    let counted = |is: &dyn Fn(&Counted) -> bool| slots.counted.iter().any(is);
    if let Some(plate) = &row.plate {
        let touched = counted(&|line| line.plate.as_ref() == Some(plate));
        return (!touched).then(|| plate.to_string());
    }
    let of_lot = row.tracking.lot.as_ref().filter(|_lot| row.tracking.serial.is_none());
    let same = |line: &Counted| line.item == row.item && line.plate.is_none();
    let touched = counted(&|line| same(line) && (of_lot.is_none() || line.lot.as_ref() == of_lot));
    let lot = of_lot.map(|lot| format!(" {lot}")).unwrap_or_default();
    (!touched).then(|| format!("{}{lot}", world.item_name(&row.item)))
}

fn looked_up(slots: &Slots, world: &World<'_>) -> Vec<Message> {
    let catalogue = world.catalogue;
    if let Some(plate) = &slots.from_plate {
        let mut all = Vec::new();
        if let Some(row) = catalogue.plate(plate.as_str()) {
            let bin = row.bin.as_ref().map_or("", BinCode::as_str);
            all.push(Message::new("line-plate").word("plate", plate).word("bin", bin));
        }
        all.extend(catalogue.stock_on(plate.as_str()).iter().map(|row| stock_line(row, world)));
        return all;
    }
    if let Some(item) = &slots.item {
        let mut rows = catalogue.stock_of(world.location, item);
        let serials: Vec<&str> = slots.serials.iter().map(|seen| seen.serial.as_str()).collect();
        rows.retain(|row| {
            (slots.lot.is_none() || row.tracking.lot == slots.lot)
                && (serials.is_empty()
                    || row
                        .tracking
                        .serial
                        .as_ref()
                        .is_some_and(|serial| serials.contains(&serial.as_str())))
        });
        return stock_lines(&rows, world);
    }
    if let Some(bin) = slots.bin(Side::From) {
        return stock_lines(&catalogue.stock_in(world.location, Some(bin)), world);
    }
    if let Some(Paper::Of(..)) = &slots.paper {
        let open = line::all(Flow::LookUp, slots, world);
        return open
            .iter()
            .map(|target| {
                Message::new("hint-open-line")
                    .word("item", world.item_name(&target.row.item))
                    .quantity("left", target.left)
                    .word("unit", world.base_word(&target.row.item))
            })
            .collect();
    }
    Vec::new()
}

fn stock_lines(rows: &[StockRow], world: &World<'_>) -> Vec<Message> {
    if rows.is_empty() {
        return vec![Message::new("line-no-stock")];
    }
    rows.iter().map(|row| stock_line(row, world)).collect()
}

/// One row of stock; no quantity where it is withheld or must not show.
fn stock_line(row: &StockRow, world: &World<'_>) -> Message {
    let number = row.tracking.serial.as_ref().map(ToString::to_string);
    let number = number.or_else(|| row.tracking.lot.as_ref().map(ToString::to_string));
    let shown = row.quantity.filter(|_| !world.catalogue.never_quantities());
    let id = match shown {
        None => "line-stock-withheld",
        Some(_) if row.held.is_zero() => "line-stock",
        Some(_) => "line-stock-held",
    };
    let text = Message::new(id)
        .word("item", world.item_name(&row.item))
        .word("bin", row.bin.as_ref().map_or("", BinCode::as_str))
        .word("plate", row.plate.as_ref().map_or("", PlateNo::as_str))
        .word("number", number.unwrap_or_default())
        .word("unit", world.base_word(&row.item));
    match shown {
        Some(quantity) => text.quantity("quantity", quantity).quantity("held", row.held),
        None => text,
    }
}
