//! Value entries: the one place that writes them, and what follows each of them at once.

use std::sync::Arc;

use chrono::NaiveDate;
use protocol::quantity::Quantity;

use crate::costing::{average, item_cost, mark, plus};
use crate::gl;
use crate::key::KeyRange;
use crate::money::{Money, UnitAmount};
use crate::posting::{Posting, Stop, add};
use crate::schema::entry::{ItemLedgerEntry, ItemLedgerStates};
use crate::schema::money::{
    ItemValues, PlaceValues, StockValue, ValueEntry, ValueLedger, ValueState, ValueStates,
    ValueType, ValuesByEntry,
};
use crate::schema::order::ValuesByCapacity;
use crate::schema::{Counter, EntryNo, next_number};
use crate::tables::{Read as _, Tables};
use crate::valuation::sums;

/// The value entries of an item ledger entry, in order. As many as were written for it.
pub fn values_of(
    tables: &(impl Tables + ?Sized),
    entry: EntryNo,
) -> Vec<(EntryNo, Arc<ValueEntry>)> {
    tables
        .list::<ValuesByEntry>(&KeyRange::prefix(&(entry,)))
        .into_iter()
        .filter_map(|((_entry, no), _row)| Some((no, tables.row::<ValueLedger>(&no)?)))
        .collect()
}

/// What of a value entry may change, as it is now.
pub fn state_of(
    tables: &(impl Tables + ?Sized),
    (no, value): (EntryNo, &ValueEntry),
) -> ValueState {
    tables.row::<ValueStates>(&no).map_or(
        ValueState {
            valuation_date: value.valuation_date,
            cost_in_gl: Money::ZERO,
            expected_in_gl: Money::ZERO,
        },
        |state| *state,
    )
}

impl Posting<'_, '_> {
    /// A value entry of `entry` that has no amounts yet: dates, groups and names filled in.
    pub(crate) fn value_template(
        &self,
        no: EntryNo,
        entry: &ItemLedgerEntry,
        value_type: ValueType,
    ) -> ValueEntry {
        let card = item_cost(&*self.draft, entry.item);
        let state = self.state(no);
        ValueEntry {
            entry: no,
            capacity: EntryNo(0),
            item: entry.item,
            variant: entry.variant,
            location: entry.location,
            posting_date: entry.posting_date,
            valuation_date: state.valuation_date,
            entry_type: entry.entry_type,
            value_type,
            variance: None,
            valued_quantity: entry.quantity,
            entry_quantity: Quantity::ZERO,
            invoiced_quantity: Quantity::ZERO,
            cost_actual: Money::ZERO,
            cost_expected: Money::ZERO,
            cost_per_unit: UnitAmount::ZERO,
            cost_non_inventoriable: Money::ZERO,
            sales_actual: Money::ZERO,
            sales_expected: Money::ZERO,
            inventoriable: true,
            expected: false,
            adjustment: false,
            applies_to: EntryNo(0),
            charge: String::new(),
            by_average: average::is_by_average(self, entry, &state),
            partial_revaluation: false,
            document: entry.document.clone(),
            document_no: String::new(),
            order: None,
            inventory_group: card.inventory_group.clone(),
            business_group: String::new(),
            product_group: card.product_group.clone(),
            dimension_set: entry.dimension_set,
            written: self.written(),
        }
    }

    /// Writes a value entry of an item ledger entry: sums, stock values, averages, marks, general
    /// ledger. `value.entry` names the entry, whose state exists.
    ///
    /// # Errors
    ///
    /// [`Stop::Overflow`]; what the general ledger refuses when it is posted at once.
    pub(crate) fn write_value(&mut self, mut value: ValueEntry) -> Result<EntryNo, Stop> {
        if value.cost_per_unit.is_zero() {
            value.cost_per_unit = self.per_unit(&value);
        }
        let no = EntryNo(next_number(self.draft, Counter::ValueEntry));
        self.draft.put::<ValuesByEntry>(&(value.entry, no), ());
        self.draft.put::<ValueLedger>(&no, value.clone());
        self.values.push(no);
        self.add_to_sums(&value)?;
        self.add_to_stock_value(&value)?;
        if value.inventoriable {
            average::value_written(self, no, &value)?;
            mark::value_written(self, &value)?;
        }
        self.account_for_value(no, &value)?;
        Ok(no)
    }

    /// Writes a value entry of capacity, which has no item ledger entry.
    ///
    /// # Errors
    ///
    /// As [`Posting::write_value`].
    pub(crate) fn write_capacity_value(&mut self, mut value: ValueEntry) -> Result<EntryNo, Stop> {
        value.cost_per_unit = self.per_unit(&value);
        let no = EntryNo(next_number(self.draft, Counter::ValueEntry));
        self.draft.put::<ValuesByCapacity>(&(value.capacity, no), ());
        self.draft.put::<ValueLedger>(&no, value.clone());
        self.values.push(no);
        self.account_for_value(no, &value)?;
        Ok(no)
    }

    /// Cost per base unit: of the actual amount, or of the expected one where that is all there is.
    fn per_unit(&self, value: &ValueEntry) -> UnitAmount {
        let amounts = [value.cost_actual, value.cost_expected, value.cost_non_inventoriable];
        let amount = amounts.into_iter().find(|amount| !amount.is_zero()).unwrap_or(Money::ZERO);
        let step = crate::costing::setup(&*self.draft).unit_amount_rounding;
        // An amount that is spread over nothing has no unit cost.
        amount.per(value.valued_quantity, step).unwrap_or_default()
    }

    /// Value by day and the general ledger follow.
    fn account_for_value(&mut self, no: EntryNo, value: &ValueEntry) -> Result<(), Stop> {
        sums::value_written(self, value)?;
        gl::value_written(self, no, value)
    }

    /// The state row of the entry follows its value entries.
    fn add_to_sums(&mut self, value: &ValueEntry) -> Result<(), Stop> {
        let mut state = self.state(value.entry);
        let total = plus(value.cost_actual, value.cost_expected)?;
        let cost = &mut state.cost;
        cost.actual = plus(cost.actual, value.cost_actual)?;
        cost.expected = plus(cost.expected, value.cost_expected)?;
        match value.value_type {
            ValueType::Revaluation => {
                cost.revaluations = plus(cost.revaluations, total)?;
                cost.revaluation_count = cost.revaluation_count.saturating_add(1);
            }
            ValueType::Rounding => {}
            ValueType::DirectCost
            | ValueType::DirectCostNonInventory
            | ValueType::IndirectCost
            | ValueType::Variance => cost.base = plus(cost.base, total)?,
        }
        state.invoiced = add(state.invoiced, value.invoiced_quantity)?;
        if value.inventoriable {
            state.latest_valuation = state.latest_valuation.max(value.valuation_date);
        }
        self.draft.put::<ItemLedgerStates>(&value.entry, state);
        Ok(())
    }

    fn add_to_stock_value(&mut self, value: &ValueEntry) -> Result<(), Stop> {
        let place = (value.item, value.variant, value.location);
        let of_item = self.draft.row::<ItemValues>(&value.item).map(|row| *row).unwrap_or_default();
        let of_place = self.draft.row::<PlaceValues>(&place).map(|row| *row).unwrap_or_default();
        self.draft.put::<ItemValues>(&value.item, grown(of_item, value)?);
        self.draft.put::<PlaceValues>(&place, grown(of_place, value)?);
        Ok(())
    }

    /// Moves the valuation date of all value entries of an entry.
    pub(crate) fn move_values(&mut self, entry: EntryNo, to: NaiveDate) {
        for (no, value) in values_of(&*self.draft, entry) {
            let state = state_of(&*self.draft, (no, &value));
            // A revaluation counts from its own date, but not before what it revalues (COSTING 7).
            let to = match value.value_type {
                ValueType::Revaluation => to.max(value.posting_date),
                ValueType::DirectCost
                | ValueType::DirectCostNonInventory
                | ValueType::IndirectCost
                | ValueType::Variance
                | ValueType::Rounding => to,
            };
            if state.valuation_date != to {
                self.draft.put::<ValueStates>(&no, ValueState { valuation_date: to, ..state });
            }
        }
    }

    /// The cost of an entry: actual and expected.
    pub(crate) fn cost_of(&self, no: EntryNo) -> Result<Money, Stop> {
        let cost = self.state(no).cost;
        plus(cost.actual, cost.expected)
    }
}

fn grown(row: StockValue, value: &ValueEntry) -> Result<StockValue, Stop> {
    Ok(StockValue {
        quantity: add(row.quantity, value.entry_quantity)?,
        invoiced: add(row.invoiced, value.invoiced_quantity)?,
        actual: plus(row.actual, value.cost_actual)?,
        expected: plus(row.expected, value.cost_expected)?,
    })
}
