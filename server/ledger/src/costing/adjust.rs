//! Adjustment of one item, mark by mark (COSTING 8.3, 8.4, 10.2).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::outcome::Reason;
use protocol::quantity::Quantity;

use crate::costing::value::values_of;
use crate::costing::{aside, average, date, fits, method_of, minus, plus};
use crate::key::KeyRange;
use crate::lookup;
use crate::money::{Money, UnitAmount};
use crate::posting::{Posting, Stop};
use crate::schema::entry::{
    Applications, ApplicationsByInbound, ApplicationsByOutbound, EntryType, ItemApplication,
    ItemLedgerStates,
};
use crate::schema::item::CostingMethod;
use crate::schema::money::{
    AdjustmentMarks, AdjustmentRun, AdjustmentRuns, Mark, OpenRuns, ValueEntry, ValueLedger,
    ValueType, ValuesByEntry,
};
use crate::schema::{EntryNo, ItemId};
use crate::tables::Read as _;

/// Applications that one step works on.
const STEP: usize = 200;

/// What of an increase is shared out over what was taken from it.
struct Layer {
    base: Money,
    quantity: Quantity,
    revaluations: Vec<(EntryNo, Arc<ValueEntry>)>,
}

/// Works on the first thing that is to be adjusted about `item`; answers whether there was one. With
/// `until`, only average periods that end by then.
///
/// # Errors
///
/// `posting_date_not_allowed`; [`Stop::Overflow`].
pub(crate) fn step(
    posting: &mut Posting<'_, '_>,
    item: ItemId,
    until: Option<NaiveDate>,
) -> Result<bool, Stop> {
    posting.round = 0;
    // What is worked off is not passed again: marks come one after the other, and a slice holds hundreds.
    let range = match posting.marks_from.filter(|from| from.0 == item) {
        Some(from) => KeyRange::prefix_from(&(item,), &from),
        None => KeyRange::prefix(&(item,)),
    };
    let first = posting.draft.first::<AdjustmentMarks>(&range);
    let beyond = (item, u8::MAX, EntryNo(u64::MAX));
    posting.marks_from = Some(first.as_ref().map_or(beyond, |(key, _done)| *key));
    if let Some(((_item, number, entry), done)) = first {
        match Mark::from_number(number) {
            Some(Mark::Increase) => increase_changed(posting, item, entry, *done)?,
            Some(Mark::Decrease) => {
                unmark(posting, item, Mark::Decrease, entry);
                decrease_changed(posting, entry)?;
            }
            Some(Mark::Rounding) | None => {
                unmark(posting, item, Mark::Rounding, entry);
                round_off(posting, entry)?;
            }
        }
        return Ok(true);
    }
    if let Some(dirty) = average::next_dirty(posting, item, until) {
        posting.round = dirty.2.rounds;
        average::work_on(posting, dirty)?;
        return Ok(true);
    }
    Ok(false)
}

fn unmark(posting: &mut Posting<'_, '_>, item: ItemId, mark: Mark, entry: EntryNo) {
    posting.draft.delete::<AdjustmentMarks>(&(item, mark.number(), entry));
}

/// The cost of an increase changed: the shares of what was taken from it follow, a bounded number of them
/// behind the decrease `done`.
fn increase_changed(
    posting: &mut Posting<'_, '_>,
    item: ItemId,
    increase: EntryNo,
    done: EntryNo,
) -> Result<(), Stop> {
    let average = method_of(&*posting.draft, item) == CostingMethod::Average;
    let range = KeyRange::prefix_after(&(increase,), &(increase, done));
    let mut found = Vec::new();
    posting.draft.each::<ApplicationsByInbound>(&range, false, |key, _row| {
        found.push((key.1, key.2));
        // Rows of one decrease stay together, so that the next step begins with another.
        let (last, before) = (found.last(), found.len().checked_sub(2));
        let split = before.and_then(|at| found.get(at)).map(|row| row.0) != last.map(|row| row.0);
        if found.len() > STEP && split {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    let more = (found.len() > STEP).then(|| found.pop()).flatten();
    let layer = posting.layer_of(increase);
    let mut given = Money::ZERO;
    for (decrease, no) in &found {
        let Some(row) = posting.draft.row::<Applications>(no) else { continue };
        let by_quantity = row.entry == *decrease && !row.cost_application && !row.without_cost;
        if !by_quantity || (average && !is_fixed(posting, &row)) {
            continue;
        }
        let cost = posting.share_of_layer(&layer, *decrease, row.quantity.abs())?;
        if cost != row.cost {
            let change = minus(cost, row.cost)?;
            posting.draft.put::<Applications>(no, ItemApplication { cost, ..(*row).clone() });
            posting.took(*decrease, change)?;
            given = plus(given, change)?;
            // It follows when all its sources are known: one entry for what they change together.
            posting.mark(item, Mark::Decrease, *decrease);
        }
    }
    if !given.is_zero() {
        posting.gave(increase, given)?;
    }
    if let (Some(_next), Some((last, _no))) = (more, found.last()) {
        let key = (item, Mark::Increase.number(), increase);
        posting.draft.put::<AdjustmentMarks>(&key, *last);
    } else {
        unmark(posting, item, Mark::Increase, increase);
        posting.check_rounding(increase)?;
    }
    Ok(())
}

fn is_fixed(posting: &Posting<'_, '_>, row: &ItemApplication) -> bool {
    row.fixed || posting.entry(row.outbound).applies_to.0 != 0
}

/// What a decrease carries changed: its cost follows, and whoever takes it from there. A decrease valued by
/// average is none of that.
fn decrease_changed(posting: &mut Posting<'_, '_>, no: EntryNo) -> Result<(), Stop> {
    let entry = posting.entry(no);
    let state = posting.state(no);
    if average::is_by_average(posting, &entry, &state) {
        return Ok(());
    }
    let target = posting.decrease_target(no)?;
    let delta = minus(target, posting.cost_of(no)?)?;
    posting.adjust_entry(no, delta)
}

/// Cents that are left on an increase that is used up and invoiced (COSTING 10.2).
fn round_off(posting: &mut Posting<'_, '_>, no: EntryNo) -> Result<(), Stop> {
    let state = posting.state(no);
    if !state.remaining.is_zero() || state.invoiced != posting.entry(no).quantity {
        return Ok(());
    }
    let left = minus(posting.cost_of(no)?, state.cost.applied)?;
    if left.is_zero() {
        return Ok(());
    }
    if !is_rounding(posting, left, applications_of(posting, no))? {
        // More than rounding can explain: it is told instead of being written off (COSTING 10.3).
        tell_inconsistent(posting, no, left);
        return Ok(());
    }
    write_rounding(posting, no, (left.negated(), None)).map(|_written| ())
}

/// Says in the outcome of the decision, and in the run that goes on, that an increase has cost left which rounding
/// does not explain.
fn tell_inconsistent(posting: &mut Posting<'_, '_>, no: EntryNo, left: Money) {
    let item = lookup::item_text(posting.draft, posting.entry(no).item);
    let reason = Reason::new(Code::CostInconsistent).word("item", item).word("entry", no);
    posting.decision.note(reason.word("amount", left));
    let run = posting.draft.first::<OpenRuns>(&KeyRange::all()).map(|(run, _row)| run);
    if let Some(run) = run
        && let Some(row) = posting.draft.row::<AdjustmentRuns>(&run)
    {
        let failed = Code::CostInconsistent.as_str().to_owned();
        posting.draft.put::<AdjustmentRuns>(&run, AdjustmentRun { failed, ..(*row).clone() });
    }
}

/// Whether cents are no more than rounding can explain: half a cent for each application, and a cent at
/// least (COSTING 10.3).
pub(crate) fn is_rounding(
    posting: &Posting<'_, '_>,
    left: Money,
    applications: Quantity,
) -> Result<bool, Stop> {
    let cent = posting.cents().money();
    let half = fits(cent.share(applications, Quantity::whole(2), posting.cents()))?;
    Ok(left.abs() <= half.max(cent))
}

/// Adds cents to an increase, from its own valuation date on or from another; answers whether it was
/// invoiced, without which nothing is written.
pub(crate) fn write_rounding(
    posting: &mut Posting<'_, '_>,
    no: EntryNo,
    (amount, valued): (Money, Option<NaiveDate>),
) -> Result<bool, Stop> {
    let Some(last) = last_invoice(posting, no) else { return Ok(false) };
    let entry = posting.entry(no);
    let operator = posting.act.operator.clone();
    let posting_date =
        date::adjustment_date(&*posting.draft, last.posting_date, operator.as_ref())?;
    let template = posting.value_template(no, &entry, ValueType::Rounding);
    let value = ValueEntry {
        posting_date,
        valuation_date: valued.unwrap_or(template.valuation_date),
        value_type: ValueType::Rounding,
        valued_quantity: Quantity::ZERO,
        cost_actual: amount,
        adjustment: true,
        business_group: last.business_group.clone(),
        document_no: last.document_no.clone(),
        dimension_set: last.dimension_set,
        ..template
    };
    posting.write_value(value)?;
    Ok(true)
}

/// How many quantity applications an increase has, as a quantity.
fn applications_of(posting: &Posting<'_, '_>, increase: EntryNo) -> Quantity {
    let mut count = Quantity::ZERO;
    posting.draft.each::<ApplicationsByInbound>(
        &KeyRange::prefix(&(increase,)),
        false,
        |_key, _row| {
            count = count.checked_add(Quantity::ONE).unwrap_or(count);
            ControlFlow::Continue(())
        },
    );
    count
}

/// The last value entry that invoiced something of the entry.
pub(crate) fn last_invoice(posting: &Posting<'_, '_>, no: EntryNo) -> Option<Arc<ValueEntry>> {
    values_of(&*posting.draft, no)
        .into_iter()
        .map(|(_no, value)| value)
        .filter(|value| !value.invoiced_quantity.is_zero())
        .max_by_key(|value| value.posting_date)
}

impl Posting<'_, '_> {
    /// An increase that is used up is marked where cents are left on it.
    pub(crate) fn check_rounding(&mut self, no: EntryNo) -> Result<(), Stop> {
        let state = self.state(no);
        if !state.remaining.is_zero() || state.cost.closed_without_cost {
            return Ok(());
        }
        let entry = self.entry(no);
        if method_of(&*self.draft, entry.item) == CostingMethod::Average {
            return Ok(());
        }
        if self.cost_of(no)? != state.cost.applied {
            self.mark(entry.item, Mark::Rounding, no);
        }
        Ok(())
    }

    /// Writes what the cost of an entry differs by, and lets it follow the goods.
    ///
    /// # Errors
    ///
    /// `posting_date_not_allowed`; [`Stop::Overflow`].
    pub(crate) fn adjust_entry(&mut self, no: EntryNo, delta: Money) -> Result<(), Stop> {
        if delta.is_zero() {
            return Ok(());
        }
        let entry = self.entry(no);
        let state = self.state(no);
        let actual = if state.invoiced == entry.quantity {
            delta
        } else {
            self.share(delta, state.invoiced, entry.quantity)?
        };
        let expected = minus(delta, actual)?;
        let originals: Vec<(EntryNo, Arc<ValueEntry>)> = values_of(&*self.draft, no)
            .into_iter()
            .filter(|(_no, value)| {
                value.value_type == ValueType::DirectCost
                    && !value.adjustment
                    && value.charge.is_empty()
            })
            .collect();
        if !actual.is_zero() {
            self.adjust_invoiced(&originals, state.invoiced, actual)?;
        }
        if !expected.is_zero()
            && let Some((original_no, original)) = originals.first()
        {
            self.write_adjustment((*original_no, original), (Money::ZERO, expected))?;
        }
        self.follow(no)
    }

    /// Spreads the actual part over the invoices of the entry, by quantity, the remainder on the last
    /// (COSTING 8.4).
    fn adjust_invoiced(
        &mut self,
        originals: &[(EntryNo, Arc<ValueEntry>)],
        invoiced: Quantity,
        actual: Money,
    ) -> Result<(), Stop> {
        let invoices: Vec<_> =
            originals.iter().filter(|(_no, value)| !value.invoiced_quantity.is_zero()).collect();
        let mut sum = Quantity::ZERO;
        let mut given = Money::ZERO;
        for (no, value) in invoices {
            sum = crate::posting::add(sum, value.invoiced_quantity)?;
            let up_to = self.share(actual, sum, invoiced)?;
            let part = minus(up_to, given)?;
            given = up_to;
            if !part.is_zero() {
                self.write_adjustment((*no, value), (part, Money::ZERO))?;
            }
        }
        Ok(())
    }

    /// An adjustment copies what it corrects, with the date of that (COSTING 8.4, 18).
    fn write_adjustment(
        &mut self,
        (no, original): (EntryNo, &ValueEntry),
        (actual, expected): (Money, Money),
    ) -> Result<(), Stop> {
        let operator = self.act.operator.clone();
        let posting_date =
            date::adjustment_date(&*self.draft, original.posting_date, operator.as_ref())?;
        let value = ValueEntry {
            posting_date,
            valuation_date: super::value::state_of(&*self.draft, (no, original)).valuation_date,
            entry_quantity: Quantity::ZERO,
            invoiced_quantity: Quantity::ZERO,
            cost_actual: actual,
            cost_expected: expected,
            cost_per_unit: UnitAmount::ZERO,
            cost_non_inventoriable: Money::ZERO,
            sales_actual: Money::ZERO,
            sales_expected: Money::ZERO,
            expected: actual.is_zero(),
            adjustment: true,
            applies_to: no,
            written: self.written(),
            ..original.clone()
        };
        self.write_value(value).map(|_no| ())
    }

    /// The cost of a decrease changed: the other end of its transfer, what takes its cost back, and its
    /// order follow.
    fn follow(&mut self, no: EntryNo) -> Result<(), Stop> {
        let entry = self.entry(no);
        if entry.quantity.is_positive() {
            return Ok(());
        }
        let rows: Vec<ItemApplication> = self
            .draft
            .list::<ApplicationsByOutbound>(&KeyRange::prefix(&(no,)))
            .into_iter()
            .filter(|((_no, inbound, _no_row), _row)| *inbound != no)
            .filter_map(|((_no, _inbound, row), _row)| self.draft.row::<Applications>(&row))
            .filter(|row| row.entry == row.inbound)
            .map(|row| (*row).clone())
            .collect();
        for row in rows {
            let increase = self.entry(row.inbound);
            let target = if entry.entry_type == EntryType::Transfer && row.transferred_from.0 != 0 {
                self.carried(row.transferred_from, no)
            } else if entry.entry_type == EntryType::Transfer && !row.cost_application {
                self.rest_of_leg(no, increase.quantity)?
            } else {
                let cost = self.cost_of(no)?;
                self.share(cost, increase.quantity, entry.quantity)?
            };
            let delta = minus(target, self.passed_on(row.inbound)?)?;
            self.adjust_entry(row.inbound, delta)?;
        }
        if matches!(entry.entry_type, EntryType::Consumption | EntryType::AssemblyConsumption)
            && let Some(order) =
                values_of(&*self.draft, no).into_iter().find_map(|(_no, value)| value.order.clone())
        {
            self.mark_order(&order);
        }
        Ok(())
    }

    /// What a single inbound entry of a transfer costs: the whole leg, or the part of it that has no
    /// layer of its own.
    fn rest_of_leg(&self, leg: EntryNo, quantity: Quantity) -> Result<Money, Stop> {
        let entry = self.entry(leg);
        let mut cost = self.cost_of(leg)?;
        let mut whole = entry.quantity;
        for ((_leg, _inbound, row), _row) in
            self.draft.list::<ApplicationsByOutbound>(&KeyRange::prefix(&(leg,)))
        {
            let Some(row) = self.draft.row::<Applications>(&row) else { continue };
            if row.entry == row.inbound && row.transferred_from.0 != 0 {
                cost = plus(cost, self.carried(row.transferred_from, leg))?;
                whole = crate::posting::add(whole, row.quantity)?;
            }
        }
        self.share(cost, quantity, whole)
    }

    /// What an increase has got from the decrease that it takes its cost from: its direct cost without
    /// charges.
    pub(crate) fn passed_on(&self, no: EntryNo) -> Result<Money, Stop> {
        let mut sum = Money::ZERO;
        for (_no, value) in values_of(&*self.draft, no) {
            if value.value_type == ValueType::DirectCost && value.charge.is_empty() {
                sum = plus(sum, plus(value.cost_actual, value.cost_expected)?)?;
            }
        }
        Ok(sum)
    }

    /// Adds to what an increase gave out and a decrease took along.
    pub(crate) fn add_applied(
        &mut self,
        (increase, decrease): (EntryNo, EntryNo),
        change: Money,
        without_cost: bool,
    ) -> Result<(), Stop> {
        self.took(decrease, change)?;
        if !without_cost {
            return self.gave(increase, change);
        }
        let mut state = self.state(increase);
        state.cost.closed_without_cost = true;
        self.draft.put::<ItemLedgerStates>(&increase, state);
        Ok(())
    }

    /// A decrease took so much more along.
    fn took(&mut self, decrease: EntryNo, change: Money) -> Result<(), Stop> {
        let mut state = self.state(decrease);
        state.cost.applied = plus(state.cost.applied, change)?;
        self.draft.put::<ItemLedgerStates>(&decrease, state);
        Ok(())
    }

    /// An increase gave so much more out.
    fn gave(&mut self, increase: EntryNo, change: Money) -> Result<(), Stop> {
        let mut state = self.state(increase);
        state.cost.applied = plus(state.cost.applied, change)?;
        self.draft.put::<ItemLedgerStates>(&increase, state);
        Ok(())
    }

    /// The share of an increase that `quantity` of it carries to a decrease: of its cost, and of the
    /// revaluations that affect that decrease (COSTING 8.3, 11.4). Rounded once.
    pub(crate) fn share_of_increase(
        &self,
        increase: EntryNo,
        decrease: EntryNo,
        quantity: Quantity,
    ) -> Result<Money, Stop> {
        let layer = self.layer_of(increase);
        self.share_of_layer(&layer, decrease, quantity)
    }

    /// What of an increase is shared out.
    fn layer_of(&self, increase: EntryNo) -> Layer {
        let cost = self.state(increase).cost;
        let mut revaluations = Vec::new();
        if cost.revaluation_count != 0 {
            revaluations = values_of(&*self.draft, increase);
            revaluations.retain(|(_no, value)| value.value_type == ValueType::Revaluation);
        }
        Layer { base: cost.base, quantity: self.entry(increase).quantity, revaluations }
    }

    fn share_of_layer(
        &self,
        layer: &Layer,
        decrease: EntryNo,
        quantity: Quantity,
    ) -> Result<Money, Stop> {
        if layer.revaluations.is_empty() {
            return self.share(layer.base, quantity, layer.quantity);
        }
        let mut parts = vec![(layer.base, layer.quantity)];
        for (no, value) in &layer.revaluations {
            if self.is_affected(decrease, (*no, value)) {
                parts.push((plus(value.cost_actual, value.cost_expected)?, value.valued_quantity));
            }
        }
        fits(crate::money::sum_of_shares(&parts, quantity, self.cents()))
    }

    /// Whether a revaluation counts for a decrease: for one that was posted before it only when it is
    /// dated later (COSTING 11.4).
    pub(crate) fn is_affected(
        &self,
        decrease: EntryNo,
        (no, value): (EntryNo, &ValueEntry),
    ) -> bool {
        if value.applies_to.0 != 0
            && let Some(original) = self.draft.row::<ValueLedger>(&value.applies_to)
        {
            // What an invoice takes back of a revaluation is taken back from those whom that affected.
            return self.is_affected(decrease, (value.applies_to, &original));
        }
        if value.partial_revaluation && self.entry(decrease).entry_type == EntryType::Transfer {
            // What a transfer took along was counted as left when the entry was revalued by name.
            return true;
        }
        let first = self
            .draft
            .first::<ValuesByEntry>(&KeyRange::prefix(&(decrease,)))
            .map(|((_entry, first), _row)| first);
        let earlier = first.is_some_and(|first| first < no);
        !earlier || self.entry(decrease).posting_date > value.posting_date
    }

    /// The increase that an inbound entry of a transfer was taken from; none where it has no layer.
    pub(crate) fn source_of(&self, no: EntryNo) -> Option<EntryNo> {
        self.draft
            .list::<ApplicationsByInbound>(&KeyRange::prefix(&(no,)))
            .into_iter()
            .filter_map(|((_no, _outbound, row), _row)| self.draft.row::<Applications>(&row))
            .find(|row| row.entry == no)
            .map(|row| row.transferred_from)
            .filter(|source| source.0 != 0)
    }

    /// Whether value entries of the entry exist.
    pub(crate) fn is_valued(&self, no: EntryNo) -> bool {
        let values = KeyRange::prefix(&(no,));
        if self.created.contains(&no) {
            // Whatever values it has were written by this posting: older rows need not be searched.
            return self.draft.has_written::<ValuesByEntry>(&values);
        }
        self.draft.first::<ValuesByEntry>(&values).is_some()
    }

    /// A decrease counts no earlier than what it takes from; what takes its cost from the decrease moves
    /// along (COSTING 7).
    pub(crate) fn counts_not_before(
        &mut self,
        increase: EntryNo,
        decrease: EntryNo,
    ) -> Result<(), Stop> {
        let date = self.state(increase).latest_valuation;
        self.move_valuation(decrease, date)
    }

    /// Moves the valuation date of a decrease to `date`, unless it counts from a later one. What an entry is
    /// to its average depends on what it takes its cost from: all that follow leave the averages before
    /// anything moves, and enter them again behind it.
    fn move_valuation(&mut self, decrease: EntryNo, date: NaiveDate) -> Result<(), Stop> {
        let moves = self.moves_with(decrease, date);
        let mut touched: BTreeSet<EntryNo> = moves.keys().copied().collect();
        let mut waiting: Vec<EntryNo> = moves.keys().copied().collect();
        while let Some(no) = waiting.pop() {
            waiting.extend(aside::followers(self, no).into_iter().filter(|no| touched.insert(*no)));
        }
        touched.retain(|no| self.is_valued(*no));
        let left_by: BTreeSet<EntryNo> =
            touched.iter().filter_map(|no| aside::left_out_by(self, *no)).collect();
        for no in touched.iter().rev() {
            average::leaves(self, *no)?;
        }
        for (no, date) in moves {
            self.set_valuation(no, date);
        }
        for no in touched {
            average::enters(self, no)?;
        }
        for decrease in left_by {
            aside::restate(self, decrease)?;
        }
        Ok(())
    }

    /// The entries that count from another date when a decrease counts from `date`.
    fn moves_with(&self, decrease: EntryNo, date: NaiveDate) -> BTreeMap<EntryNo, NaiveDate> {
        let mut moves = BTreeMap::new();
        let mut waiting = vec![(decrease, date)];
        while let Some((no, date)) = waiting.pop() {
            let counts = |moves: &BTreeMap<EntryNo, NaiveDate>, no: EntryNo| {
                moves.get(&no).copied().unwrap_or_else(|| self.state(no).valuation_date)
            };
            if counts(&moves, no) >= date {
                continue;
            }
            moves.insert(no, date);
            for taker in self.takers_of(no) {
                let own = counts(&moves, taker).max(date);
                moves.insert(taker, own);
                let latest = self.state(taker).latest_valuation.max(own);
                let supplied = self.supplied_by(taker);
                waiting.extend(supplied.into_iter().map(|next| (next, latest)));
            }
        }
        moves
    }

    fn set_valuation(&mut self, no: EntryNo, date: NaiveDate) {
        let mut state = self.state(no);
        state.valuation_date = date;
        state.latest_valuation = state.latest_valuation.max(date);
        self.draft.put::<ItemLedgerStates>(&no, state);
        self.move_values(no, date);
    }

    /// The increases that take their cost from a decrease.
    pub(crate) fn takers_of(&self, decrease: EntryNo) -> Vec<EntryNo> {
        let mut takers: Vec<EntryNo> = self
            .draft
            .list::<ApplicationsByOutbound>(&KeyRange::prefix(&(decrease,)))
            .into_iter()
            .filter_map(|((_decrease, inbound, no), _row)| {
                let row = self.draft.row::<Applications>(&no)?;
                (row.entry == inbound).then_some(inbound)
            })
            .collect();
        takers.dedup();
        takers
    }

    /// The decreases that an increase supplies.
    pub(crate) fn supplied_by(&self, increase: EntryNo) -> Vec<EntryNo> {
        let mut supplied: Vec<EntryNo> = self
            .draft
            .list::<ApplicationsByInbound>(&KeyRange::prefix(&(increase,)))
            .into_iter()
            .filter_map(|((_increase, outbound, no), _row)| {
                let row = self.draft.row::<Applications>(&no)?;
                (row.entry == outbound && outbound.0 != 0).then_some(outbound)
            })
            .collect();
        supplied.dedup();
        supplied
    }
}
