//! Holds: quantity that is there but not available. A hold moves nothing.

use protocol::code::Code;
use protocol::identity::{CaseId, HoldId};
use protocol::quantity::Quantity;

use crate::key::KeyRange;
use crate::posting::{Posting, Stop, add, subtract};
use crate::schema::stock::{Hold, Holds, HoldsByStock, Stock, Stocks, StocksByItem};
use crate::schema::{Counter, StockKey, next_number};
use crate::tables::Read as _;

impl Posting<'_, '_> {
    /// Puts `quantity` under `key` on hold for `reason`; `case` decides about it.
    ///
    /// # Errors
    ///
    /// [`Stop::Overflow`].
    pub fn hold(
        &mut self,
        key: StockKey,
        quantity: Quantity,
        reason: &Code,
        case: Option<CaseId>,
    ) -> Result<HoldId, Stop> {
        self.hold_row(Hold {
            key,
            quantity,
            reason: reason.as_str().to_owned(),
            case,
            written: self.written(),
        })
    }

    /// Puts what lies under `key` on hold, up to `quantity`, as far as it is not on hold already.
    ///
    /// # Errors
    ///
    /// [`Stop::Overflow`].
    pub fn hold_free(
        &mut self,
        key: StockKey,
        quantity: Quantity,
        reason: &Code,
        case: Option<CaseId>,
    ) -> Result<(), Stop> {
        let Some(stock) = self.draft.row::<Stocks>(&key) else { return Ok(()) };
        let free = subtract(stock.quantity, stock.held)?.min(quantity);
        if free.is_positive() {
            self.hold(key, free, reason, case)?;
        }
        Ok(())
    }

    fn hold_row(&mut self, hold: Hold) -> Result<HoldId, Stop> {
        let no = HoldId(next_number(self.draft, Counter::Hold));
        self.change_held(hold.key, hold.quantity)?;
        self.draft.put::<HoldsByStock>(&(hold.key, no), ());
        self.posted.holds.push(no);
        self.draft.put::<Holds>(&no, hold);
        Ok(no)
    }

    /// Ends the hold `no`; nothing when it has ended already.
    ///
    /// # Errors
    ///
    /// [`Stop::Overflow`].
    pub fn release_hold(&mut self, no: HoldId) -> Result<(), Stop> {
        let Some(hold) = self.draft.row::<Holds>(&no) else { return Ok(()) };
        self.draft.delete::<Holds>(&no);
        self.draft.delete::<HoldsByStock>(&(hold.key, no));
        self.change_held(hold.key, hold.quantity.negated())
    }

    /// Ends the holds under `key` as far as there are no goods left for them there, oldest first,
    /// and lets them go on under `to`, where the goods went.
    ///
    /// # Errors
    ///
    /// [`Stop::Overflow`].
    pub fn follow_holds(&mut self, key: StockKey, to: Option<StockKey>) -> Result<(), Stop> {
        let Some(stock) = self.draft.row::<Stocks>(&key) else { return Ok(()) };
        let there = stock.quantity.max(Quantity::ZERO);
        let mut excess = subtract(stock.held, there)?;
        for ((_key, no), _row) in self.draft.list::<HoldsByStock>(&KeyRange::prefix(&(key,))) {
            if !excess.is_positive() {
                break;
            }
            let Some(hold) = self.draft.row::<Holds>(&no).map(|hold| (*hold).clone()) else {
                continue;
            };
            let part = hold.quantity.min(excess);
            self.release_hold(no)?;
            let rest = subtract(hold.quantity, part)?;
            if rest.is_positive() {
                self.hold_row(Hold { quantity: rest, ..hold.clone() })?;
            }
            if let Some(to) = to {
                self.hold_row(Hold { key: to, quantity: part, ..hold })?;
            }
            excess = subtract(excess, part)?;
        }
        Ok(())
    }

    fn change_held(&mut self, key: StockKey, delta: Quantity) -> Result<(), Stop> {
        let (quantity, before) = self
            .draft
            .row::<Stocks>(&key)
            .map_or((Quantity::ZERO, Quantity::ZERO), |row| (row.quantity, row.held));
        let held = add(before, delta)?;
        if quantity.is_zero() && held.is_zero() {
            self.draft.delete::<Stocks>(&key);
            self.draft.delete::<StocksByItem>(&(key.item, key));
        } else {
            self.draft.put::<Stocks>(&key, Stock { quantity, held, written: self.written() });
            self.draft.put::<StocksByItem>(&(key.item, key), ());
        }
        Ok(())
    }
}
