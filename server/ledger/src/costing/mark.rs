//! What is to be adjusted: marks with their reasons (COSTING 8.1), entry points of periods, and items
//! that are not to wait for the batch.

use chrono::NaiveDate;
use protocol::words::DocumentNo;

use crate::costing::average::pool_of;
use crate::costing::{date, item_cost, method_of, setup};
use crate::key::KeyRange;
use crate::posting::{Posting, Stop};
use crate::schema::item::CostingMethod;
use crate::schema::money::{
    AdjustmentMarks, AdjustmentQueue, AdjustmentWindow, AveragePool, DirtyPeriods, EntryPoints,
    InventorySetup, Mark, OrderMarks, OrderQueue, OrderRef, UnadjustedByDate, UnadjustedFrom,
    UnadjustedItems, ValueEntry, ValueType,
};
use crate::schema::order::{Orders, RefusedOrders};
use crate::schema::{EntryNo, ItemId};
use crate::tables::{Read as _, Tables};

/// What a value entry of an item leaves to be adjusted.
#[expect(clippy::unnecessary_wraps, reason = "one shape for all that hear of a value entry")]
pub(crate) fn value_written(posting: &mut Posting<'_, '_>, value: &ValueEntry) -> Result<(), Stop> {
    let setup = setup(&*posting.draft);
    let pool = pool_of(&setup, (value.item, value.variant, value.location));
    posting.touch_point(&setup, pool, value.valuation_date);
    let entry = posting.entry(value.entry);
    let state = posting.state(value.entry);
    if entry.quantity.is_positive() && value.value_type != ValueType::Rounding {
        let average = method_of(&*posting.draft, value.item) == CostingMethod::Average;
        let shared_out = state.remaining != entry.quantity;
        // Of an average item only fixed applications pass the cost of their increase.
        if shared_out && (!average || state.cost.fixed_applications > 0) {
            posting.mark(value.item, Mark::Increase, value.entry);
        }
    }
    if let Some(order) = &value.order
        && entry.quantity.is_negative()
    {
        posting.mark_order(order);
    }
    posting.queue_automatically(&setup, value.item, entry.posting_date);
    Ok(())
}

/// Whether anything of the item is to be adjusted.
pub fn is_adjusted(tables: &(impl Tables + ?Sized), item: ItemId) -> bool {
    tables.first::<UnadjustedFrom>(&KeyRange::prefix(&(item,))).is_none()
}

/// Whether anything valued on `date` or before it is to be adjusted: the first entry point that is.
pub fn unadjusted_until(tables: &(impl Tables + ?Sized), date: NaiveDate) -> Option<AveragePool> {
    let ((from, pool), _row) = tables.first::<UnadjustedByDate>(&KeyRange::all())?;
    (from <= date).then_some(pool)
}

impl Posting<'_, '_> {
    /// Marks an entry for adjustment; work on it begins anew.
    pub(crate) fn mark(&mut self, item: ItemId, mark: Mark, entry: EntryNo) {
        let key = (item, mark.number(), entry);
        self.draft.put::<AdjustmentMarks>(&key, EntryNo(0));
        self.marks_from =
            self.marks_from.map(|from| if from.0 == item { from.min(key) } else { from });
        self.mark_item(item);
    }

    /// Marks a decrease that is applied in another way than when it was valued: its cost is outstanding from
    /// its valuation date on, and no period closes over it.
    pub(crate) fn mark_decrease(&mut self, no: EntryNo) {
        let entry = self.entry(no);
        self.mark(entry.item, Mark::Decrease, no);
        let setup = setup(&*self.draft);
        let pool = pool_of(&setup, (entry.item, entry.variant, entry.location));
        let valued = self.state(no).valuation_date;
        self.touch_point(&setup, pool, valued);
    }

    /// Queues an item that was applied anew where the setup adjusts always; else the batch does the work
    /// (COSTING 5.7).
    pub(crate) fn queue_if_always(&mut self, item: ItemId) {
        if setup(&*self.draft).automatic_adjustment == AdjustmentWindow::Always {
            self.queue_item(item);
        }
    }

    /// Marks an order whose cost changed.
    pub(crate) fn mark_order(&mut self, (kind, no): &OrderRef) {
        let key = (kind.number(), no.clone());
        if self.draft.has::<RefusedOrders>(&key) {
            self.draft.delete::<RefusedOrders>(&key);
        }
        self.draft.put::<OrderMarks>(&key, ());
        if self.order_is_automatic(&key) {
            self.draft.put::<OrderQueue>(&key, ());
        }
        self.jobs_changed = true;
    }

    /// Whether a marked order is adjusted without waiting for the batch: the window is held against what it
    /// made last.
    fn order_is_automatic(&self, key: &(u8, DocumentNo)) -> bool {
        let setup = setup(&*self.draft);
        let made = self.draft.row::<Orders>(key).and_then(|row| row.output.last().copied());
        made.is_some_and(|made| self.is_automatic(&setup, self.entry(made).posting_date))
    }

    /// Orders whose adjustment was refused are tried again.
    pub(crate) fn retry_orders(&mut self) {
        for (key, _code) in self.draft.list::<RefusedOrders>(&KeyRange::all()) {
            self.draft.delete::<RefusedOrders>(&key);
        }
        self.jobs_changed = true;
    }

    /// The item is among those that are not adjusted.
    pub(crate) fn mark_item(&mut self, item: ItemId) {
        let key = (item_cost(&*self.draft, item).level, item);
        if !self.draft.has::<UnadjustedItems>(&key) {
            self.draft.put::<UnadjustedItems>(&key, ());
        }
    }

    /// Something happened in the period of `date`: its entry point exists, and it and all later ones of
    /// the pool are not adjusted. Nothing before the earliest allowed valuation date is opened again
    /// (COSTING 8.7).
    pub(crate) fn touch_point(
        &mut self,
        setup: &InventorySetup,
        pool: AveragePool,
        date: NaiveDate,
    ) {
        let end = date::period_end(&*self.draft, setup, date);
        if !self.draft.has::<EntryPoints>(&(pool, end)) {
            self.draft.put::<EntryPoints>(&(pool, end), ());
        }
        let from = match setup.averages_from() {
            Some(earliest) if end < earliest => {
                let range = KeyRange::prefix_from(&(pool,), &(pool, earliest));
                let later = self.draft.first::<EntryPoints>(&range).map(|((_pool, end), _row)| end);
                later.unwrap_or(earliest)
            }
            _ => end,
        };
        let before = self.draft.row::<UnadjustedFrom>(&pool).map(|date| *date);
        if before.is_none_or(|before| from < before) {
            self.set_unadjusted(pool, before, Some(from));
        }
        self.mark_item(pool.item);
    }

    /// Entry points of `pool` from `to` on are not adjusted; none: all are.
    pub(crate) fn set_unadjusted(
        &mut self,
        pool: AveragePool,
        before: Option<NaiveDate>,
        to: Option<NaiveDate>,
    ) {
        if let Some(before) = before {
            self.draft.delete::<UnadjustedByDate>(&(before, pool));
        }
        if let Some(to) = to {
            self.draft.put::<UnadjustedFrom>(&pool, to);
            self.draft.put::<UnadjustedByDate>(&(to, pool), ());
        } else if before.is_some() {
            self.draft.delete::<UnadjustedFrom>(&pool);
        }
    }

    /// Queues the item where the setup says that a posting adjusts at once: the window is held against
    /// the date of the entry whose cost changed, not of what changed it (COSTING 8.6).
    fn queue_automatically(&mut self, setup: &InventorySetup, item: ItemId, date: NaiveDate) {
        if self.is_automatic(setup, date) {
            self.queue_item(item);
        }
    }

    /// Whether what follows from an entry of `date` is adjusted without waiting for the batch.
    fn is_automatic(&self, setup: &InventorySetup, date: NaiveDate) -> bool {
        let window = setup.automatic_adjustment;
        let work_date = setup.work_date.unwrap_or(self.act.posting_date);
        match window {
            AdjustmentWindow::Never => self.adjusting,
            AdjustmentWindow::Always => true,
            AdjustmentWindow::Day
            | AdjustmentWindow::Week
            | AdjustmentWindow::Month
            | AdjustmentWindow::Quarter
            | AdjustmentWindow::Year => {
                self.adjusting
                    || date::window_start(window, work_date).is_none_or(|start| date >= start)
            }
        }
    }

    /// Puts the item among those that are adjusted next.
    pub(crate) fn queue_item(&mut self, item: ItemId) {
        let key = (item_cost(&*self.draft, item).level, item);
        if !self.draft.has::<AdjustmentQueue>(&key) {
            self.draft.put::<AdjustmentQueue>(&key, self.act.operator.clone());
            self.jobs_changed = true;
        }
    }

    /// All that was to be adjusted about the item is done, or, with `until`, all up to that date.
    pub(crate) fn item_is_adjusted(&mut self, item: ItemId, until: Option<NaiveDate>) {
        let pools = self.draft.list::<UnadjustedFrom>(&KeyRange::prefix(&(item,)));
        let mut left = self.draft.first::<AdjustmentMarks>(&KeyRange::prefix(&(item,))).is_some()
            || self.draft.first::<DirtyPeriods>(&KeyRange::prefix(&(item,))).is_some();
        for (pool, from) in pools {
            let next = until.and_then(|until| {
                let range = KeyRange::prefix_after(&(pool,), &(pool, until));
                self.draft.first::<EntryPoints>(&range).map(|((_pool, end), _row)| end)
            });
            let next = if until.is_some_and(|until| *from > until) { Some(*from) } else { next };
            left |= next.is_some();
            self.set_unadjusted(pool, Some(*from), next);
        }
        let key = (item_cost(&*self.draft, item).level, item);
        if !left {
            self.draft.delete::<UnadjustedItems>(&key);
        }
        self.draft.delete::<AdjustmentQueue>(&key);
    }
}
