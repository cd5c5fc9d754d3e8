//! Which line of the order the goods in hand belong to, and how much of it is left.
//!
//! A pure function of the slots: the order of scans does not matter. The server attributes the
//! quantity again over all devices; this is what the person sees.

use protocol::feed::{BinKind, DocumentLineRow, StockRow};
use protocol::operation::{DocumentKind, DocumentRef};
use protocol::quantity::Quantity;
use protocol::words::{BinCode, DocumentNo};

use super::catalogue::lot_of;
use super::flow::{Flow, Side};
use super::slots::{Paper, Slots};
use super::world::World;

/// A line with what is left of it, as far as this device knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// The line.
    pub row: DocumentLineRow,
    /// Done by everybody, as far as is known here, with this device's own unanswered work.
    pub done: Quantity,
    /// Still to do: never below zero.
    pub left: Quantity,
}

impl Target {
    fn of(row: DocumentLineRow, flow: Flow, world: &World<'_>) -> Self {
        let known = match flow {
            Flow::Pick | Flow::TransferShip => row.picked.max(row.handled),
            _ => row.handled,
        };
        let mine = world.pending(row.kind, &row.no, row.line, flow);
        let done = known.checked_add(mine).unwrap_or(known);
        let left = row.quantity.checked_sub(done).filter(|left| left.is_positive());
        Self { row, done, left: left.unwrap_or(Quantity::ZERO) }
    }
}

/// All lines of the order in the order of walking: by bin where bins are proposed, then by number.
pub(super) fn all(flow: Flow, slots: &Slots, world: &World<'_>) -> Vec<Target> {
    let Some(Paper::Of(kind, no)) = &slots.paper else { return Vec::new() };
    all_of(flow, (*kind, no), world)
}

/// All lines of an order, in the order of [`all`].
pub(super) fn all_of(
    flow: Flow,
    (kind, no): (DocumentKind, &DocumentNo),
    world: &World<'_>,
) -> Vec<Target> {
    let mut rows = world.catalogue.lines(kind, no.as_str());
    if flow == Flow::Pick {
        rows.sort_by(|a, b| (&a.bin, a.line).cmp(&(&b.bin, b.line)));
    }
    rows.into_iter().map(|row| Target::of(row, flow, world)).collect()
}

/// The line that the goods in hand belong to; before there are any, the next one to do.
pub(super) fn target(flow: Flow, slots: &Slots, world: &World<'_>) -> Option<Target> {
    let from = slots.from.as_ref().filter(|spot| spot.named).map(|spot| &spot.bin);
    let lines = all(flow, slots, world).into_iter().enumerate().filter(|(_, line)| {
        slots.item.as_ref().is_none_or(|item| line.row.item == *item)
            && slots
                .variant
                .as_ref()
                .is_none_or(|variant| line.row.variant.as_ref() == Some(variant))
    });
    let best = lines.min_by_key(|(place, line)| {
        let row = &line.row;
        let fixed = row.tracking.lot.as_ref();
        let other_lot = fixed.is_some() && slots.lot.is_some() && fixed != slots.lot.as_ref();
        let other_bin =
            from.is_some() && row.bin.as_ref() != from && !lies_in(row, from, flow, world);
        (
            slots.line.is_some_and(|chosen| chosen != row.line),
            other_lot,
            line.left.is_zero(),
            slots.skipped.contains(&row.line),
            other_bin,
            *place,
        )
    });
    let (_, line) = best?;
    (slots.item.is_some() || !line.left.is_zero()).then_some(line)
}

fn lies_in(row: &DocumentLineRow, bin: Option<&BinCode>, flow: Flow, world: &World<'_>) -> bool {
    flow == Flow::Pick
        && world.catalogue.stock_in(world.location, bin).iter().any(|stock| stock.item == row.item)
}

/// The bin to go to for a line: the one that the server proposes; otherwise the storage bin whose
/// lot expires first, as far as this device knows.
pub(super) fn bin_for(row: &DocumentLineRow, world: &World<'_>) -> Option<BinCode> {
    row.bin.clone().or_else(|| places_of(row, world).into_iter().next())
}

/// The storage bins that hold the item of a line, earliest expiry first.
pub(super) fn places_of(row: &DocumentLineRow, world: &World<'_>) -> Vec<BinCode> {
    let mut rows = world.catalogue.stock_of(world.location, &row.item);
    rows.retain(|stock| {
        (row.variant.is_none() || stock.variant == row.variant)
            && stock.quantity.is_none_or(Quantity::is_positive)
            && is_storage(stock, world)
    });
    rows.sort_by_key(|stock| {
        let expiry = expiry_of(stock, world);
        (expiry.is_none(), expiry, stock.bin.clone())
    });
    let mut bins: Vec<BinCode> = Vec::new();
    for bin in rows.into_iter().filter_map(|stock| stock.bin) {
        if !bins.contains(&bin) {
            bins.push(bin);
        }
    }
    bins
}

fn is_storage(stock: &StockRow, world: &World<'_>) -> bool {
    let bin = stock.bin.as_ref().and_then(|bin| world.bin_row(bin));
    bin.is_some_and(|row| row.kind == BinKind::Storage && !row.blocked)
}

/// When the lot of a stock row expires, as far as is known.
pub(super) fn expiry_of(stock: &StockRow, world: &World<'_>) -> Option<chrono::NaiveDate> {
    let lot = stock.tracking.lot.as_ref()?;
    lot_of(world.catalogue, &stock.item, stock.variant.as_ref(), lot.as_str())?.expiry
}

/// The document, with the line, that an operation is recorded for.
pub(super) fn document(flow: Flow, slots: &Slots, world: &World<'_>) -> Option<DocumentRef> {
    let Some(Paper::Of(kind, no)) = &slots.paper else { return None };
    let line = target(flow, slots, world).map(|target| target.row.line);
    Some(DocumentRef { kind: *kind, no: no.clone(), line })
}

/// Whether goods were taken from the bin that the line names.
pub(super) fn is_proposed_bin(row: &DocumentLineRow, slots: &Slots, world: &World<'_>) -> bool {
    slots.bin(Side::From).is_none() || bin_for(row, world).as_ref() == slots.bin(Side::From)
}
