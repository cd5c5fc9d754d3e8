//! What lies where: sums that follow the entries.

use protocol::quantity::Quantity;

use crate::posting::{Posting, Stop, add};
use crate::schema::StockKey;
use crate::schema::stock::{OnHand, Stock, Stocks, StocksByItem};
use crate::tables::Read as _;

impl Posting<'_, '_> {
    /// Adds `delta` to what lies under `key`.
    pub(crate) fn change_stock(&mut self, key: StockKey, delta: Quantity) -> Result<(), Stop> {
        let (before, held) = self
            .draft
            .row::<Stocks>(&key)
            .map_or((Quantity::ZERO, Quantity::ZERO), |row| (row.quantity, row.held));
        let quantity = add(before, delta)?;
        self.touched.entry(key).or_insert(before);
        if quantity.is_zero() && held.is_zero() {
            self.draft.delete::<Stocks>(&key);
            self.draft.delete::<StocksByItem>(&(key.item, key));
        } else {
            self.draft.put::<Stocks>(&key, Stock { quantity, held, written: self.written() });
            self.draft.put::<StocksByItem>(&(key.item, key), ());
        }
        Ok(())
    }

    /// Adds `delta` to the item ledger quantity on hand of `key`.
    pub(crate) fn change_on_hand(&mut self, key: StockKey, delta: Quantity) -> Result<(), Stop> {
        let sum = (key.item, key.variant, key.location, key.tracking);
        let before = self.draft.row::<OnHand>(&sum).map_or(Quantity::ZERO, |row| *row);
        let after = add(before, delta)?;
        if after.is_zero() {
            self.draft.delete::<OnHand>(&sum);
        } else {
            self.draft.put::<OnHand>(&sum, after);
        }
        Ok(())
    }

    /// What lies under `key` now.
    pub fn stock(&self, key: &StockKey) -> Quantity {
        self.draft.row::<Stocks>(key).map_or(Quantity::ZERO, |row| row.quantity)
    }
}
