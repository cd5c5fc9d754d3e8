//! Unit costs on item cards and stockkeeping units (COSTING 20).

use chrono::NaiveDate;
use protocol::quantity::Quantity;

use crate::costing::average::{self, pool_of};
use crate::costing::{item_cost, method_of, plus, setup};
use crate::key::KeyRange;
use crate::money::{Money, UnitAmount};
use crate::posting::{Posting, Stop, subtract};
use crate::schema::entry::{EntryType, OpenOutbound};
use crate::schema::item::CostingMethod;
use crate::schema::money::{
    AverageType, ItemCosts, ItemValues, PlaceValues, StockValue, StockkeepingUnit,
    StockkeepingUnits,
};
use crate::schema::{EntryNo, ItemId, LocationId, VariantId};
use crate::tables::Read as _;

impl Posting<'_, '_> {
    /// What an invoiced increase teaches the card: its last direct cost, and its unit cost where stock
    /// came up from nothing with it.
    pub(crate) fn learn_cost(
        &mut self,
        no: EntryNo,
        (direct, quantity): (Money, Quantity),
    ) -> Result<(), Stop> {
        let entry = self.entry(no);
        let learns = matches!(
            entry.entry_type,
            EntryType::Purchase
                | EntryType::PositiveAdjustment
                | EntryType::Output
                | EntryType::AssemblyOutput
        );
        if !learns || entry.applies_from.0 != 0 || !quantity.is_positive() {
            return Ok(());
        }
        let step = setup(&*self.draft).unit_amount_rounding;
        let Some(unit) = direct.per(quantity, step) else { return Err(Stop::Overflow) };
        let standard = method_of(&*self.draft, entry.item) == CostingMethod::Standard;
        let came_up = |value: StockValue| {
            value.invoiced.is_positive() && value.invoiced <= quantity && !standard
        };
        let values = self.draft.row::<ItemValues>(&entry.item).map(|row| *row).unwrap_or_default();
        let before = item_cost(&*self.draft, entry.item);
        let mut card = (*before).clone();
        if !unit.is_zero() {
            card.last_direct_cost = unit;
        }
        if came_up(values) && (card.unit_cost.is_zero() || !unit.is_zero()) {
            card.unit_cost = unit;
        }
        if card != *before {
            self.draft.put::<ItemCosts>(&entry.item, card.clone());
        }
        if card.unit_cost != before.unit_cost {
            self.units_follow(entry.item, card.unit_cost);
        }
        let place = (entry.item, entry.location, entry.variant);
        let Some(sku) = self.draft.row::<StockkeepingUnits>(&place) else { return Ok(()) };
        let mut sku = *sku;
        if !unit.is_zero() {
            sku.last_direct_cost = unit;
        }
        if setup(&*self.draft).average_type == AverageType::ItemLocationVariant {
            let values = (entry.item, entry.variant, entry.location);
            let values = self.draft.row::<PlaceValues>(&values).map(|row| *row).unwrap_or_default();
            if came_up(values) && (sku.unit_cost.is_zero() || !unit.is_zero()) {
                sku.unit_cost = unit;
            }
        }
        self.draft.put::<StockkeepingUnits>(&place, sku);
        Ok(())
    }

    /// With one average for the item, what its card costs all of its stockkeeping units cost (COSTING 20.5);
    /// a standard item's have a standard of their own.
    pub(crate) fn units_follow(&mut self, item: ItemId, unit_cost: UnitAmount) {
        let by_place = setup(&*self.draft).average_type == AverageType::ItemLocationVariant;
        if by_place || method_of(&*self.draft, item) == CostingMethod::Standard {
            return;
        }
        for (key, unit) in self.draft.list::<StockkeepingUnits>(&KeyRange::prefix(&(item,))) {
            if unit.unit_cost != unit_cost {
                let row = StockkeepingUnit { unit_cost, ..*unit };
                self.draft.put::<StockkeepingUnits>(&key, row);
            }
        }
    }

    /// The unit cost of an item whose cost was adjusted, and of its stockkeeping units.
    pub(crate) fn refresh_unit_cost(&mut self, item: ItemId) -> Result<(), Stop> {
        let before = item_cost(&*self.draft, item);
        let mut card = (*before).clone();
        let standard = method_of(&*self.draft, item) == CostingMethod::Standard;
        if standard {
            card.unit_cost = card.standard_cost;
        } else if let Some(unit) = self.unit_cost_now(item, None)? {
            card.unit_cost = unit;
        }
        if card != *before {
            self.draft.put::<ItemCosts>(&item, card.clone());
        }
        let by_place = setup(&*self.draft).average_type == AverageType::ItemLocationVariant;
        let units = self.draft.list::<StockkeepingUnits>(&KeyRange::prefix(&(item,)));
        for ((_item, location, variant), sku) in units {
            let unit_cost = if standard {
                sku.standard_cost
            } else if by_place {
                self.unit_cost_now(item, Some((variant, location)))?.unwrap_or(sku.unit_cost)
            } else {
                card.unit_cost
            };
            if unit_cost != sku.unit_cost {
                let row = StockkeepingUnit { unit_cost, ..*sku };
                self.draft.put::<StockkeepingUnits>(&(item, location, variant), row);
            }
        }
        Ok(())
    }

    /// Value per unit of what is in stock, without open decreases; of an item without stock, what its last
    /// decrease cost. None where nothing above zero can be said.
    fn unit_cost_now(
        &self,
        item: ItemId,
        place: Option<(VariantId, LocationId)>,
    ) -> Result<Option<UnitAmount>, Stop> {
        let step = setup(&*self.draft).unit_amount_rounding;
        let values = match place {
            None => self.draft.row::<ItemValues>(&item),
            Some((variant, location)) => self.draft.row::<PlaceValues>(&(item, variant, location)),
        };
        let values = values.map(|row| *row).unwrap_or_default();
        let mut quantity = values.quantity;
        let mut value = plus(values.actual, values.expected)?;
        let mut open = false;
        for ((pool, _transfer, _date, no), _remaining) in
            self.draft.list::<OpenOutbound>(&KeyRange::prefix(&(item,)))
        {
            if place.is_some_and(|place| place != (pool.variant, pool.location)) {
                continue;
            }
            open = true;
            quantity = subtract(quantity, self.entry(no).quantity)?;
            value = crate::costing::minus(value, self.cost_of(no)?)?;
        }
        if let Some((variant, location)) = place
            && !open
            && setup(&*self.draft).averages_kept_before.is_some()
            && method_of(&*self.draft, item) == CostingMethod::Average
        {
            // Where kept years were spread over places, a place is worth what its pool is.
            let pool = pool_of(&setup(&*self.draft), (item, variant, location));
            let held = average::held_at(self, pool, NaiveDate::MAX.pred_opt().unwrap_or_default())?;
            if held.0 == quantity {
                value = held.1;
            }
        }
        if quantity.is_zero() && !open {
            let last = match place {
                None => item_cost(&*self.draft, item).last,
                Some((variant, location)) => self
                    .draft
                    .row::<StockkeepingUnits>(&(item, location, variant))
                    .map(|unit| unit.last)
                    .unwrap_or_default(),
            };
            let Some(last) = last.best() else { return Ok(None) };
            quantity = self.entry(last).quantity;
            value = self.cost_of(last)?;
        }
        if quantity.is_zero() {
            return Ok(None);
        }
        Ok(value.per(quantity, step).filter(|unit| unit.is_positive()))
    }
}
