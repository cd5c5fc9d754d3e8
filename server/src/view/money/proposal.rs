//! What can be revalued at the end of a day.

use ledger::costing::outstanding::Outstanding;
use ledger::costing::proposal;
use ledger::costing::revalue::{CalculateInventoryValue, CalculatedLine};
use ledger::lookup;
use ledger::money::Money;
use ledger::posting::Stop;
use ledger::tables::Tables;
use protocol::quantity::Quantity;
use serde::Serialize;

use super::location_text;
use crate::view::names::Names;
use crate::view::sheet::{Cell, Line};

/// A proposed line of a revaluation journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProposedView {
    /// The item.
    pub item: String,
    /// The location, where locations are split; else empty.
    pub location: String,
    /// The variant, where variants are split; else empty.
    pub variant: String,
    /// The increase, where increases are; else 0.
    pub entry: u64,
    /// How much is there.
    pub quantity: Quantity,
    /// What it is worth.
    pub value: Money,
    /// The cost of the item is still to be adjusted: its value may change as of the same day.
    pub provisional: bool,
}

impl ProposedView {
    fn of(tables: &dyn Tables, line: &CalculatedLine, outstanding: &Outstanding) -> Self {
        Self {
            item: lookup::item_text(tables, line.item),
            location: line.location.map(|no| location_text(tables, no)).unwrap_or_default(),
            variant: line.variant.and_then(|no| Names(tables).variant(no)).unwrap_or_default(),
            entry: line.entry.0,
            quantity: line.quantity,
            value: line.value,
            provisional: outstanding.of_item(tables, line.item),
        }
    }
}

impl Line for ProposedView {
    const HEAD: &'static [&'static str] =
        &["item", "location", "variant", "item_entry", "quantity", "value", "provisional"];

    fn line(&self) -> Vec<Cell> {
        vec![
            self.item.as_str().into(),
            self.location.as_str().into(),
            self.variant.as_str().into(),
            Cell::entry(self.entry),
            Cell::Quantity(self.quantity),
            Cell::Money(self.value),
            Cell::Flag(self.provisional),
        ]
    }
}

/// The lines for what is asked.
///
/// # Errors
///
/// As [`proposal::lines`].
pub fn proposals(
    tables: &dyn Tables,
    ask: &CalculateInventoryValue,
) -> Result<Vec<ProposedView>, Stop> {
    let lines = proposal::lines(tables, ask)?;
    let outstanding = Outstanding::at(tables, ask.date);
    Ok(lines.iter().map(|line| ProposedView::of(tables, line, &outstanding)).collect())
}
