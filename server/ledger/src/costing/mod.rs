//! What goods cost: value entries, what decreases take along, averages, and the adjustment that carries
//! late costs to where the goods went.
//!
//! Invariants (COSTING 3):
//! 1. The cost of an item ledger entry is the sum of its value entries; [`CostSums`] keeps that sum.
//! 2. What an application carries lies in its row; an increase knows the sum of what it gave out, a
//!    decrease the sum of what it took. One more decrease reads no earlier one.
//! 3. Every change of a cost leaves a mark; adjusting works marks off in bounded steps, and the order of
//!    runs changes nothing.
//! 4. Amounts are rounded once, by [`crate::money::Money::share`].
//!
//! Not here: accounts (`gl`), documents, orders, what may be posted when (`period`).
//!
//! Order of reading: this file, [`value`] (writing value entries), [`entry`] (what a new entry costs),
//! [`mark`] (what is to be adjusted), [`outstanding`] (which figures are not final), [`average`], [`adjust`] (one item), [`work`] (runs and slices),
//! [`invoice`], [`charge`], [`revalue`], [`worksheet`], [`rebuild`] (averages made anew).

pub mod adjust;
mod aside;
pub mod average;
pub mod charge;
pub mod date;
pub mod entry;
#[cfg(test)]
mod histories;
pub mod invoice;
pub mod mark;
pub mod outstanding;
pub mod proposal;
pub mod rebuild;
pub mod revalue;
mod sold_out;
pub mod split;
#[cfg(test)]
mod tests;
pub mod unit_cost;
pub mod value;
pub mod work;
pub mod worksheet;

use std::sync::Arc;

use protocol::quantity::Quantity;

use crate::dimension::Dimensions;
use crate::money::{Money, Step, UnitAmount};
use crate::posting::{Posting, Stop};
use crate::schema::item::{CostingMethod, Items};
use crate::schema::money::{
    InventorySetup, InventorySetups, ItemCost, ItemCosts, OrderRef, StockkeepingUnits,
};
use crate::schema::{ItemId, LocationId, VariantId};
use crate::tables::{Read as _, Tables};

/// When an entry is invoiced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Invoicing {
    /// Purchases and sales later, everything else with the posting.
    #[default]
    ByType,
    /// With the posting.
    Now,
    /// Later: the cost is expected.
    Later,
}

/// What an increase costs, before overhead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineCost {
    /// What the item card proposes.
    #[default]
    Card,
    /// So much in all: the direct cost.
    Amount(Money),
    /// So much per base unit: the direct cost.
    Unit(UnitAmount),
    /// So much in all, without overhead and variance.
    Exact(Money),
}

/// What is known of the money of an entry when it is posted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LineValue {
    /// When it is invoiced.
    pub invoicing: Invoicing,
    /// What an increase costs. A decrease costs what it takes along.
    pub cost: LineCost,
    /// What a discount took off that: the card learns the cost without it (COSTING 20.2).
    pub discount: Money,
    /// The sales amount of the entry's quantity; positive for what is sold, negative for a return. None:
    /// what the line of its document says.
    pub sales: Option<Money>,
    /// General business posting group; empty, where no sales amount is named either: that of the line of
    /// its document, or of what it takes back.
    pub business_group: String,
    /// The order that it belongs to.
    pub order: Option<OrderRef>,
    /// The number that the value entries show.
    pub document_no: String,
    /// What is said of its dimensions.
    pub dimensions: Dimensions,
    /// What is said of them for the increase of a transfer.
    pub new_dimensions: Dimensions,
}

/// An amount, or the stop that a figure out of range is.
pub(crate) fn fits<T>(amount: Option<T>) -> Result<T, Stop> {
    amount.ok_or(Stop::Overflow)
}

/// `left + right`.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn plus(left: Money, right: Money) -> Result<Money, Stop> {
    fits(left.checked_add(right))
}

/// `left − right`.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn minus(left: Money, right: Money) -> Result<Money, Stop> {
    fits(left.checked_sub(right))
}

/// The inventory setup of the company.
pub fn setup(tables: &(impl Tables + ?Sized)) -> Arc<InventorySetup> {
    tables.row::<InventorySetups>(&()).unwrap_or_default()
}

/// The money side of an item card.
pub fn item_cost(tables: &(impl Tables + ?Sized), item: ItemId) -> Arc<ItemCost> {
    tables.row::<ItemCosts>(&item).unwrap_or_default()
}

/// How an item is valued.
pub fn method_of(tables: &(impl Tables + ?Sized), item: ItemId) -> CostingMethod {
    tables.row::<Items>(&item).map_or(CostingMethod::Fifo, |card| card.costing_method)
}

/// The cost per base unit that the stockkeeping unit, or else the card, proposes: the standard cost of a
/// standard item (COSTING 6.4, 6.6).
pub fn card_cost(
    tables: &(impl Tables + ?Sized),
    (item, variant, location): (ItemId, VariantId, LocationId),
) -> UnitAmount {
    let standard = method_of(tables, item) == CostingMethod::Standard;
    let unit = tables.row::<StockkeepingUnits>(&(item, location, variant));
    match (unit, standard) {
        (Some(unit), true) => unit.standard_cost,
        (Some(unit), false) if !unit.unit_cost.is_zero() => unit.unit_cost,
        (_, true) => item_cost(tables, item).standard_cost,
        (_, false) => item_cost(tables, item).unit_cost,
    }
}

impl Posting<'_, '_> {
    /// The step that amounts are rounded to.
    pub(crate) fn cents(&self) -> Step {
        setup(&*self.draft).amount_rounding
    }

    /// What a purchase costs, from what was paid for it without VAT: with what of the VAT is not
    /// deductible, where that is part of the cost (COSTING 6.2).
    ///
    /// # Errors
    ///
    /// [`Stop::Overflow`].
    pub(crate) fn with_vat(&self, paid: Money) -> Result<Money, Stop> {
        let setup = setup(&*self.draft);
        if !setup.non_deductible_vat_in_cost {
            return Ok(paid);
        }
        let (vat, part) = (setup.vat_percent, setup.non_deductible_vat_percent);
        plus(paid, fits(crate::money::vat_share(paid, (vat, part), self.cents()))?)
    }

    /// `amount × part / whole`, rounded; nothing of nothing.
    ///
    /// # Errors
    ///
    /// [`Stop::Overflow`].
    pub(crate) fn share(
        &self,
        amount: Money,
        part: Quantity,
        whole: Quantity,
    ) -> Result<Money, Stop> {
        if amount.is_zero() || part.is_zero() {
            return Ok(Money::ZERO);
        }
        if part == whole {
            return fits(amount.rounded(self.cents()));
        }
        fits(amount.share(part, whole, self.cents()))
    }
}
