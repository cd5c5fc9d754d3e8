//! What a posting left below zero.

use protocol::code::Code;
use protocol::feed::{BinKind, TaskKind};
use protocol::outcome::Reason;

use crate::conflict;
use crate::lookup;
use crate::posting::{Posting, Stop};
use crate::schema::place::Bins;
use crate::schema::{BinId, StockKey};
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
        for key in touched {
            if !self.stock(&key).is_negative() || self.may_be_negative(&key) {
                continue;
            }
            let reason = self.below_zero_reason(&key);
            if self.act.desk && !self.act.approved {
                return Err(Stop::Refuse(reason));
            }
            self.decision.note(reason);
            let task = conflict::TaskDraft {
                kind: TaskKind::Count,
                location: key.location,
                bin: key.bin,
                item: Some(key.item),
                variant: key.variant,
                plate: key.plate,
                reason: Code::BinBelowZero.as_str().to_owned(),
                not_by: None,
                blind: false,
                case: None,
            };
            conflict::request_task(self, task);
        }
        Ok(())
    }

    /// The adjustment bin mirrors differences; a location without bins may be below zero where the
    /// application allowed it.
    fn may_be_negative(&self, key: &StockKey) -> bool {
        let without_bins = key.bin == BinId(0) && self.act.desk;
        without_bins
            || self.draft.row::<Bins>(&key.bin).is_some_and(|bin| bin.kind == BinKind::Adjustment)
    }

    fn below_zero_reason(&self, key: &StockKey) -> Reason {
        let code = match (self.act.desk, key.bin) {
            (true, BinId(0)) => Code::InsufficientInventory,
            (true, _) => Code::BinInsufficient,
            (false, _) => Code::BinBelowZero,
        };
        Reason::new(code)
            .word("bin", lookup::bin_text(self.draft, key.location, key.bin))
            .word("item", lookup::item_text(self.draft, key.item))
            .quantity("quantity", self.stock(key))
    }
}
