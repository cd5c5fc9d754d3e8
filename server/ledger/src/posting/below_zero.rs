//! What a posting left below zero.

use protocol::code::Code;
use protocol::feed::BinKind;
use protocol::outcome::Reason;
use protocol::quantity::Quantity;

use crate::conflict;
use crate::key::KeyRange;
use crate::lookup;
use crate::posting::{Posting, Stop, subtract};
use crate::schema::place::{Bins, Locations};
use crate::schema::stock::{Stocks, StocksByItem};
use crate::schema::{BinId, ItemId, LocationId, StockKey};
use crate::tables::Read as _;

impl Posting<'_, '_> {
    /// Looks, at the end of the posting, at every stock key that it left below zero: the desk is
    /// refused, a fact stands and the bin is to be counted (SYNC 4.6).
    ///
    /// # Errors
    ///
    /// [`Stop::Refuse`] at the desk, with the first key in order.
    pub fn check_below_zero(&mut self) -> Result<(), Stop> {
        let touched = std::mem::take(&mut self.touched);
        for (key, before) in touched {
            let now = self.stock(&key);
            if !now.is_negative() || self.may_be_negative(&key) {
                continue;
            }
            let reason = self.below_zero_reason(&key, before)?;
            if self.act.desk && !self.act.approved && now < before {
                return Err(Stop::Refuse(reason));
            }
            self.decision.note(reason);
            let task = conflict::TaskDraft::count_of(&key, &Code::BinBelowZero);
            conflict::request_task(self, task);
        }
        Ok(())
    }

    /// Has [`Posting::check_below_zero`] look at what is below zero of an item, or of all (none), in a
    /// bin, although nothing changed there.
    pub(crate) fn touch_below_zero(
        &mut self,
        (location, bin): (LocationId, BinId),
        item: Option<ItemId>,
    ) {
        let keys: Vec<_> = if let Some(item) = item {
            let range = KeyRange::prefix(&(item, location, bin));
            let rows = self.draft.list::<StocksByItem>(&range);
            rows.into_iter().map(|((_item, key), _row)| key).collect()
        } else {
            let rows = self.draft.list::<Stocks>(&KeyRange::prefix(&(location, bin)));
            rows.into_iter().map(|(key, _row)| key).collect()
        };
        for key in keys {
            let quantity = self.stock(&key);
            if quantity.is_negative() {
                self.touched.entry(key).or_insert(quantity);
            }
        }
    }

    /// The adjustment bin mirrors differences; a location without bins may be below zero where the
    /// application allowed it; between two locations nobody can count, and a case is open.
    fn may_be_negative(&self, key: &StockKey) -> bool {
        let without_bins = key.bin == BinId(0) && self.act.desk;
        without_bins
            || self.draft.row::<Locations>(&key.location).is_some_and(|row| row.in_transit)
            || self.draft.row::<Bins>(&key.bin).is_some_and(|bin| bin.kind == BinKind::Adjustment)
    }

    fn below_zero_reason(&self, key: &StockKey, before: Quantity) -> Result<Reason, Stop> {
        let (bin, item) = (
            lookup::bin_text(self.draft, key.location, key.bin),
            lookup::item_text(self.draft, key.item),
        );
        let now = self.stock(key);
        if !self.act.desk {
            let reason = Reason::new(Code::BinBelowZero).word("bin", bin).word("item", item);
            return Ok(reason.quantity("quantity", now));
        }
        let code =
            if key.bin == BinId(0) { Code::InsufficientInventory } else { Code::BinInsufficient };
        let reason = Reason::new(code).word("bin", bin).word("item", item);
        Ok(reason.quantity("wanted", subtract(before, now)?).quantity("available", before))
    }
}
