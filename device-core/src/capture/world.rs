//! What a step may know: the catalogue, the place, the moment. Nothing here reads a clock.

use chrono::NaiveDate;
use protocol::feed::{BinRow, DocumentRow, ItemRow, ItemUnit, LocationRow, LotRow, StockRow};
use protocol::operation::{DocumentKind, DocumentRef};
use protocol::quantity::Quantity;
use protocol::words::{BinCode, DocumentNo, ItemNo, LocationCode, UnitCode};

use super::catalogue::{Catalogue, lot_of};
use super::flow::Flow;
use super::slots::{Slots, base_unit};

/// The surroundings of one step.
pub struct World<'a> {
    /// Local state.
    pub catalogue: &'a dyn Catalogue,
    /// Where the person works.
    pub location: &'a LocationCode,
    /// The day of that place.
    pub today: NaiveDate,
    /// Microseconds on the monotonic clock of the boot.
    pub mono_us: u64,
    /// Whether the server is reachable; an offline device says "last known".
    pub online: bool,
}

impl World<'_> {
    /// The row of the location.
    pub(super) fn place(&self) -> Option<LocationRow> {
        self.catalogue.location(self.location)
    }

    /// Whether a bin has to be named here.
    pub(super) fn has_bins(&self) -> bool {
        self.place().is_none_or(|row| row.bin_mandatory)
    }

    /// The item in hand.
    pub(super) fn item_of(&self, slots: &Slots) -> Option<ItemRow> {
        self.catalogue.item(slots.item.as_ref()?)
    }

    /// What people call an item, with its number.
    pub(super) fn item_name(&self, item: &ItemNo) -> String {
        match self.catalogue.item(item) {
            Some(row) if !row.description.is_empty() => format!("{} ({item})", row.description),
            _ => item.to_string(),
        }
    }

    /// The base unit of an item; nothing where the item is not known.
    pub(super) fn base_word(&self, item: &ItemNo) -> String {
        self.catalogue.item(item).map_or_else(String::new, |row| row.base_unit.to_string())
    }

    /// The bin, by its code as written on the label: in upper case where it is not known as given.
    pub(super) fn bin(&self, code: &str) -> Option<BinRow> {
        let known = |text: &str| {
            let bin = BinCode::new(text).ok()?;
            self.catalogue.bin(self.location, &bin)
        };
        known(code).or_else(|| known(&code.to_uppercase()))
    }

    /// The bin row of a code.
    pub(super) fn bin_row(&self, bin: &BinCode) -> Option<BinRow> {
        self.catalogue.bin(self.location, bin)
    }

    /// The lot in hand, when it is known.
    pub(super) fn lot_of(&self, slots: &Slots) -> Option<LotRow> {
        let lot = slots.lot.as_ref()?;
        lot_of(self.catalogue, slots.item.as_ref()?, slots.variant.as_ref(), lot.as_str())
    }

    /// The document.
    pub(super) fn document(&self, kind: DocumentKind, no: &DocumentNo) -> Option<DocumentRow> {
        self.catalogue.documents_numbered(no.as_str()).into_iter().find(|row| row.kind == kind)
    }

    /// What this device did on a line and the server has not answered yet.
    pub(super) fn pending(
        &self,
        kind: DocumentKind,
        no: &DocumentNo,
        line: u32,
        flow: Flow,
    ) -> Quantity {
        let line = DocumentRef { kind, no: no.clone(), line: Some(line) };
        self.catalogue.pending_on(&line, flow.operation())
    }

    /// Rows of what is in hand in a bin: the item with its variant, and the lot where one is named.
    pub(super) fn rows_in(&self, slots: &Slots, bin: Option<&BinCode>) -> Vec<StockRow> {
        let mut rows = self.catalogue.stock_in(self.location, bin);
        rows.retain(|row| {
            slots.item.as_ref().is_some_and(|item| row.item == *item)
                && (slots.variant.is_none() || row.variant == slots.variant)
                && (slots.lot.is_none() || row.tracking.lot == slots.lot)
        });
        rows
    }
}

/// The unit of an item by its code; the base unit for none.
pub(super) fn unit_of(item: &ItemRow, unit: Option<&UnitCode>) -> Option<ItemUnit> {
    match unit {
        None => Some(base_unit(item)),
        Some(code) if *code == item.base_unit => Some(base_unit(item)),
        Some(code) => item.units.iter().find(|row| row.unit == *code).cloned(),
    }
}

/// The sum of what rows hold. None when any of them is withheld.
pub(super) fn sum(rows: &[StockRow]) -> Option<Quantity> {
    rows.iter().try_fold(Quantity::ZERO, |sum, row| sum.checked_add(row.quantity?))
}
