//! One motion of goods: posted where it crosses the border of stock, a location or a tracking key;
//! registered where it stays within.

use chrono::NaiveDate;
use protocol::quantity::Quantity;

use crate::costing::LineValue;
use crate::count;
use crate::place::plate;
use crate::posting::entry::DocumentLineKey;
use crate::posting::{EntryLine, Posting, Stop};
use crate::schema::entry::{EntryReason, EntryType};
use crate::schema::{EntryNo, OrderKey, StockKey};
use crate::tracking::serial;

/// Goods of one tracking key that went from one key to another, into stock or out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Motion {
    /// Where they were; none: outside.
    pub from: Option<StockKey>,
    /// Where they are; none: outside.
    pub to: Option<StockKey>,
    /// How much, above zero.
    pub quantity: Quantity,
    /// The type of the entry where the motion crosses the border of stock.
    pub entry_type: EntryType,
    /// Why.
    pub reason: EntryReason,
    /// The document line.
    pub document: Option<DocumentLineKey>,
    /// When it was done.
    pub order: OrderKey,
    /// The goods moved because the plate under them did.
    pub with_plate: bool,
    /// What a desk says about its entries.
    pub terms: Terms,
}

/// What a desk says about the entries of a motion.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    /// The date for the accounts; none: that of the act.
    pub posting_date: Option<NaiveDate>,
    /// The entry that it is applied to; 0 for none.
    pub applies_to: EntryNo,
    /// The decrease that an increase takes its cost from; 0 for none.
    pub applies_from: EntryNo,
    /// It corrects another entry.
    pub correction: bool,
    /// What is known of its money.
    pub value: LineValue,
}

impl Motion {
    /// Goods that came into stock.
    pub fn into_stock(
        entry_type: EntryType,
        to: StockKey,
        quantity: Quantity,
        order: OrderKey,
    ) -> Self {
        Self {
            from: None,
            to: Some(to),
            quantity,
            entry_type,
            reason: EntryReason::Ordinary,
            document: None,
            order,
            with_plate: false,
            terms: Terms::default(),
        }
    }

    /// Goods that left stock.
    pub fn out_of_stock(
        entry_type: EntryType,
        from: StockKey,
        quantity: Quantity,
        order: OrderKey,
    ) -> Self {
        let to = Self::into_stock(entry_type, from, quantity, order);
        Self { from: Some(from), to: None, ..to }
    }

    /// Goods that went from one key to another.
    pub fn between(from: StockKey, to: StockKey, quantity: Quantity, order: OrderKey) -> Self {
        let into = Self::into_stock(EntryType::Transfer, to, quantity, order);
        Self { from: Some(from), ..into }
    }
}

/// The entries of one motion, 0 where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) out: EntryNo,
    pub(crate) into: EntryNo,
}

impl Posting<'_, '_> {
    /// Posts or registers `motion`, tells the time line, remembers it, and lets holds and later
    /// moves of the plates under the goods follow.
    ///
    /// # Errors
    ///
    /// Parks a serial that contradicts its history; else as for [`Posting::post_entry`].
    pub(crate) fn carry(&mut self, motion: &Motion) -> Result<(), Stop> {
        if motion.quantity.is_zero() || motion.from == motion.to {
            return Ok(());
        }
        self.carry_once(motion)?;
        if motion.with_plate {
            return Ok(());
        }
        if let Some(to) = motion.to {
            plate::shift_along(self, to, motion.quantity, motion.order)?;
        }
        if let Some(from) = motion.from {
            plate::shift_along(self, from, motion.quantity.negated(), motion.order)?;
        }
        Ok(())
    }

    /// [`Posting::carry`] of something that an undo of this operation does not take back.
    pub(crate) fn carry_forgotten(&mut self, motion: &Motion) -> Result<(), Stop> {
        let (legs, standing) = (self.posted.legs.len(), self.posted.standing.len());
        self.carry(motion)?;
        self.posted.legs.truncate(legs);
        self.posted.standing.truncate(standing);
        Ok(())
    }

    /// [`Posting::carry`] without the later moves of plates.
    pub(crate) fn carry_once(&mut self, motion: &Motion) -> Result<(), Stop> {
        let tracking = motion.to.or(motion.from).map(|key| key.tracking);
        match tracking.and_then(|id| serial::of(self.draft, id)) {
            Some(no) => serial::carry(self, motion, &no),
            None => self.carry_goods(motion),
        }
    }

    fn carry_goods(&mut self, motion: &Motion) -> Result<(), Stop> {
        let ends = self.post_motion(motion)?;
        if let Some(from) = motion.from {
            let delta = motion.quantity.negated();
            self.remember(from, delta, motion.order, ends.out);
            count::movement(self, from, delta, motion.order, ends.out)?;
        }
        if let Some(to) = motion.to {
            self.remember(to, motion.quantity, motion.order, ends.into);
            count::movement(self, to, motion.quantity, motion.order, ends.into)?;
        }
        Ok(())
    }

    /// Writes the entries of `motion` and lets holds follow; nothing of the time line.
    pub(crate) fn post_motion(&mut self, motion: &Motion) -> Result<Ends, Stop> {
        let line = |key, delta| EntryLine {
            entry_type: motion.entry_type,
            reason: motion.reason,
            key,
            delta,
            order: motion.order,
            document: motion.document.clone(),
            applies_to: motion.terms.applies_to,
            applies_from: motion.terms.applies_from,
            correction: motion.terms.correction,
            posting_date: motion.terms.posting_date.unwrap_or(self.act.posting_date),
            value: motion.terms.value.clone(),
        };
        let nothing = EntryNo(0);
        let ends = match (motion.from, motion.to) {
            (Some(from), Some(to)) if is_registered(&from, &to) => {
                let (order, reason) = (motion.order, motion.reason);
                let document = motion.document.clone();
                let out = motion.quantity.negated();
                self.register(from, out, order, (reason, document.clone()))?;
                self.register(to, motion.quantity, order, (reason, document))?;
                Ends { out: nothing, into: nothing }
            }
            (Some(from), Some(to)) => {
                let kind = EntryType::Transfer;
                let out = EntryLine { entry_type: kind, ..line(from, motion.quantity.negated()) };
                let into = EntryLine {
                    entry_type: kind,
                    applies_to: EntryNo(0),
                    ..line(to, motion.quantity)
                };
                let (out, into) = self.post_transfer(&out, &into)?;
                Ends { out, into }
            }
            (None, Some(to)) => {
                let entry = line(to, motion.quantity);
                Ends { out: nothing, into: self.post_entry(entry)? }
            }
            (Some(from), None) => {
                let entry = line(from, motion.quantity.negated());
                Ends { out: self.post_entry(entry)?, into: nothing }
            }
            (None, None) => Ends { out: nothing, into: nothing },
        };
        if let Some(from) = motion.from {
            self.follow_holds(from, motion.to)?;
        }
        Ok(ends)
    }
}

/// Within a location and a tracking key, goods only change their bin: no item ledger entry.
fn is_registered(from: &StockKey, to: &StockKey) -> bool {
    from.location == to.location && from.tracking == to.tracking
}
