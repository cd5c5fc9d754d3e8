//! What a new item ledger entry costs (COSTING 6).

use std::cell::Cell;

use protocol::quantity::Quantity;

use crate::costing::value::values_of;
use crate::costing::{Invoicing, LineCost, card_cost, fits, item_cost, method_of, minus, plus};
use crate::key::KeyRange;
use crate::money::{Money, Step, UnitAmount};
use crate::posting::entry::Supply;
use crate::posting::{EntryLine, Posting, Stop};
use crate::schema::EntryNo;
use crate::schema::document::DocumentLines;
use crate::schema::entry::{
    Applications, ApplicationsByOutbound, EntryReason, EntryType, ItemLedgerEntry, ItemLedgerStates,
};
use crate::schema::gl::ReasonGroupsOf;
use crate::schema::item::CostingMethod;
use crate::schema::money::{
    ItemCosts, LastDecreases, Mark, OrderKind, OrderRef, StockkeepingUnits, ValueType, VarianceType,
};
use crate::schema::posted::LinesTerms;
use crate::tables::Read as _;

/// The parts of what an increase costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Parts {
    /// What was paid.
    pub(crate) direct: Money,
    /// Overhead.
    pub(crate) indirect: Money,
    /// What brings a standard item back to its standard.
    pub(crate) variance: Money,
}

impl Posting<'_, '_> {
    /// Whether the quantity of a new entry is invoiced with it. A purchase or a sale that is taken back
    /// before it was invoiced needs no invoice: both ends are settled (COSTING 12.4).
    fn is_invoiced(&mut self, entry: &ItemLedgerEntry, line: &EntryLine) -> Result<bool, Stop> {
        let production = |order: &OrderRef| order.0 == OrderKind::Production;
        if entry.entry_type == EntryType::Output
            && line.value.order.as_ref().is_some_and(production)
        {
            // Invoiced when the order is finished (COSTING 15).
            return Ok(false);
        }
        match line.value.invoicing {
            Invoicing::Now => return Ok(true),
            Invoicing::Later => return Ok(false),
            Invoicing::ByType => {}
        }
        if !matches!(entry.entry_type, EntryType::Purchase | EntryType::Sale) {
            return Ok(true);
        }
        let original = if line.applies_to.0 == 0 { line.applies_from } else { line.applies_to };
        if !line.correction || original.0 == 0 {
            return Ok(false);
        }
        self.settle_undone(original)?;
        Ok(true)
    }

    /// What was expected of an entry that is taken back becomes actual: no invoice will come.
    ///
    /// # Errors
    ///
    /// [`Stop::Overflow`].
    pub(crate) fn settle_undone(&mut self, no: EntryNo) -> Result<(), Stop> {
        let entry = self.entry(no);
        let state = self.state(no);
        let open = crate::posting::subtract(entry.quantity, state.invoiced)?;
        if open.is_zero() {
            return Ok(());
        }
        let mut value = self.value_template(no, &entry, ValueType::DirectCost);
        if let Some((_no, first)) = values_of(&*self.draft, no).into_iter().next() {
            value.business_group.clone_from(&first.business_group);
            value.document_no.clone_from(&first.document_no);
        }
        value.valued_quantity = open;
        value.invoiced_quantity = open;
        value.cost_actual = state.cost.expected;
        value.cost_expected = state.cost.expected.negated();
        value.sales_expected = self.sales_of(no)?.1.negated();
        self.write_value(value)?;
        self.list_uninvoiced(no);
        Ok(())
    }

    /// Sales amounts of an entry: actual and expected.
    pub(crate) fn sales_of(&self, no: EntryNo) -> Result<(Money, Money), Stop> {
        let mut sums = (Money::ZERO, Money::ZERO);
        for (_no, value) in values_of(&*self.draft, no) {
            sums.0 = plus(sums.0, value.sales_actual)?;
            sums.1 = plus(sums.1, value.sales_expected)?;
        }
        Ok(sums)
    }

    /// Values a decrease that was just applied: what its applications carry, and the proposed cost of
    /// what found no supply (COSTING 6.4).
    pub(crate) fn value_decrease(&mut self, no: EntryNo, line: &EntryLine) -> Result<(), Stop> {
        let entry = self.entry(no);
        let invoiced = self.is_invoiced(&entry, line)?;
        let target = self.decrease_target(no)?;
        let parts = self.proposed_cost(&entry, line, (target, invoiced))?;
        self.remember_decrease(no, &entry);
        let mut value = self.value_template(no, &entry, ValueType::DirectCost);
        value.entry_quantity = entry.quantity;
        fill(&mut value, line, (invoiced, parts.direct, entry.quantity));
        if let Some(amount) = priced_return(&entry, line) {
            value.cost_per_unit =
                self.unit_with_overhead(entry.item, (amount, entry.quantity.abs()))?;
        }
        self.write_value(value)?;
        self.write_overhead(no, (&entry, line), parts)?;
        if plus(parts.direct, parts.indirect)? != target {
            // Adjustment brings it to what its applications carry.
            self.mark(entry.item, Mark::Decrease, no);
        }
        Ok(())
    }

    /// What a decrease costs until it is adjusted (COSTING 6.4): what its applications carry, but what a
    /// standard item is told to cost where it lies, and what the line of a return to a vendor says. With
    /// that, the overhead of the purchase goes back too.
    fn proposed_cost(
        &self,
        entry: &ItemLedgerEntry,
        line: &EntryLine,
        (target, invoiced): (Money, bool),
    ) -> Result<Parts, Stop> {
        let applied = Parts { direct: target, ..Parts::default() };
        if line.correction {
            return Ok(applied);
        }
        if let Some(amount) = priced_return(entry, line) {
            let overhead = self.overhead(entry.item, (amount, entry.quantity.abs()))?;
            let direct = plus(amount, overhead)?.negated();
            let indirect = if invoiced { overhead.negated() } else { Money::ZERO };
            return Ok(Parts { direct, indirect, ..Parts::default() });
        }
        let standard = method_of(&*self.draft, entry.item) == CostingMethod::Standard;
        if !standard || entry.entry_type == EntryType::Transfer || line.applies_to.0 != 0 {
            return Ok(applied);
        }
        let place = (entry.item, entry.variant, entry.location);
        let direct = fits(card_cost(&*self.draft, place).times(entry.quantity, self.cents()))?;
        Ok(Parts { direct, ..Parts::default() })
    }

    /// What the applications of a decrease say that it costs, never above zero. What is open is
    /// valued at the cost that the card proposed when it was first open.
    pub(crate) fn decrease_target(&mut self, no: EntryNo) -> Result<Money, Stop> {
        let mut state = self.state(no);
        let mut cost = state.cost.applied;
        if !state.remaining.is_zero() {
            if state.cost.provisional.is_zero() {
                let entry = self.entry(no);
                let place = (entry.item, entry.variant, entry.location);
                state.cost.provisional = card_cost(&*self.draft, place);
                self.draft.put::<ItemLedgerStates>(&no, state);
            }
            let open = fits(state.cost.provisional.times(state.remaining.abs(), self.cents()))?;
            cost = plus(cost, open)?;
        }
        Ok(cost.negated())
    }

    /// The card remembers its last decreases: the unit cost of an item without stock (COSTING 20.2).
    fn remember_decrease(&mut self, no: EntryNo, entry: &ItemLedgerEntry) {
        let average = method_of(&*self.draft, entry.item) == CostingMethod::Average;
        let counts_from = self.state(no).valuation_date;
        // They are mostly the same one, of which the store has to be asked.
        let asked = Cell::new(None);
        let later = |before: EntryNo| {
            if let Some((known, is_later)) = asked.get()
                && known == before
            {
                return is_later;
            }
            let state = self.draft.row::<ItemLedgerStates>(&before);
            let is_later = state.is_none_or(|before| before.valuation_date <= counts_from);
            asked.set(Some((before, is_later)));
            is_later
        };
        // The last is the one that counts latest, not the one that was posted last.
        let remember = |last: &mut LastDecreases| {
            if later(last.any) {
                last.any = no;
            }
            if entry.correction {
                return;
            }
            if later(last.ordinary) {
                last.ordinary = no;
            }
            if average && entry.applies_to.0 == 0 && later(last.by_average) {
                last.by_average = no;
            }
        };
        let mut card = (*item_cost(&*self.draft, entry.item)).clone();
        remember(&mut card.last);
        let place = (entry.item, entry.location, entry.variant);
        let unit = self.draft.row::<StockkeepingUnits>(&place).map(|unit| {
            let mut unit = *unit;
            remember(&mut unit.last);
            unit
        });
        self.draft.put::<ItemCosts>(&entry.item, card);
        if let Some(unit) = unit {
            self.draft.put::<StockkeepingUnits>(&place, unit);
        }
    }

    /// Values an increase, before it closes anything: its own cost, or that of where it comes from.
    pub(crate) fn value_increase(
        &mut self,
        no: EntryNo,
        line: &EntryLine,
        supply: Supply,
    ) -> Result<(), Stop> {
        let entry = self.entry(no);
        let invoiced = self.is_invoiced(&entry, line)?;
        let parts = match supply {
            Supply::CostFrom(decrease) => {
                let taken = self.entry(decrease).quantity;
                let cost = self.cost_of(decrease)?;
                Parts { direct: self.share(cost, entry.quantity, taken)?, ..Parts::default() }
            }
            Supply::TransferredFrom(leg, source) => Parts {
                direct: self.transferred_cost((leg, source), entry.quantity)?,
                ..Parts::default()
            },
            Supply::Own => self.own_cost(&entry, line, invoiced)?,
        };
        let mut value = self.value_template(no, &entry, ValueType::DirectCost);
        value.entry_quantity = entry.quantity;
        fill(&mut value, line, (invoiced, parts.direct, entry.quantity));
        if let Supply::CostFrom(decrease) = supply {
            // The unit cost is that of the decrease, not of the rounded share.
            let step = crate::costing::setup(&*self.draft).unit_amount_rounding;
            let unit = self.cost_of(decrease)?.per(self.entry(decrease).quantity, step);
            value.cost_per_unit = unit.unwrap_or_default();
        }
        self.write_value(value)?;
        self.write_overhead(no, (&entry, line), parts)?;
        if invoiced && supply == Supply::Own {
            let direct = plus(parts.direct, line.value.discount)?;
            self.learn_cost(no, (direct, entry.quantity))?;
        }
        Ok(())
    }

    /// Indirect cost and variance of an invoiced increase.
    fn write_overhead(
        &mut self,
        no: EntryNo,
        (entry, line): (&ItemLedgerEntry, &EntryLine),
        parts: Parts,
    ) -> Result<(), Stop> {
        for (value_type, variance, cost) in [
            (ValueType::IndirectCost, None, parts.indirect),
            (ValueType::Variance, Some(VarianceType::Purchase), parts.variance),
        ] {
            if cost.is_zero() {
                continue;
            }
            let mut value = self.value_template(no, entry, value_type);
            value.variance = variance;
            fill(&mut value, line, (true, cost, entry.quantity));
            value.invoiced_quantity = Quantity::ZERO;
            value.sales_actual = Money::ZERO;
            if value_type == ValueType::Variance {
                value.cost_per_unit = self.unit_variance(entry, (parts.direct, entry.quantity))?;
            }
            self.write_value(value)?;
        }
        Ok(())
    }

    /// What an inbound entry of a transfer costs: what its portion carries, or for items valued by
    /// average what the whole leg does.
    fn transferred_cost(
        &mut self,
        (leg, source): (EntryNo, EntryNo),
        quantity: Quantity,
    ) -> Result<Money, Stop> {
        if source.0 != 0 {
            return Ok(self.carried(source, leg));
        }
        let entry = self.entry(leg);
        if method_of(&*self.draft, entry.item) == CostingMethod::Average {
            let cost = self.cost_of(leg)?;
            return self.share(cost, quantity, entry.quantity);
        }
        // The part of the leg that found no supply, at its provisional cost.
        let provisional = self.state(leg).cost.provisional;
        fits(provisional.times(quantity, self.cents()))
    }

    /// What the quantity applications of `decrease` to `increase` carry.
    pub(crate) fn carried(&self, increase: EntryNo, decrease: EntryNo) -> Money {
        self.draft
            .list::<ApplicationsByOutbound>(&KeyRange::prefix(&(decrease, increase)))
            .into_iter()
            .filter_map(|((_decrease, _increase, no), _row)| self.draft.row::<Applications>(&no))
            .filter(|row| row.entry == decrease)
            .filter_map(|row| Some(row.cost).filter(|cost| !cost.is_zero()))
            .fold(Money::ZERO, |sum, cost| sum.checked_add(cost).unwrap_or(sum))
    }

    /// Direct cost per unit with its overhead, worked out per unit.
    fn unit_with_overhead(
        &self,
        item: crate::schema::ItemId,
        (direct, quantity): (Money, Quantity),
    ) -> Result<UnitAmount, Stop> {
        let card = item_cost(&*self.draft, item);
        let fine = Step::finest();
        let direct = fits(direct.per(quantity, fine))?;
        let percent = fits(direct.scaled(card.indirect_cost_percent, Quantity::whole(100), fine))?;
        let unit = fits(direct.checked_add(percent))?;
        let unit = fits(unit.checked_add(card.overhead_rate))?;
        fits(unit.per_base(Quantity::ONE, crate::costing::setup(&*self.draft).unit_amount_rounding))
    }

    /// The cost of an increase that has a cost of its own (COSTING 6.1, 6.2).
    fn own_cost(
        &self,
        entry: &ItemLedgerEntry,
        line: &EntryLine,
        invoiced: bool,
    ) -> Result<Parts, Stop> {
        let place = (entry.item, entry.variant, entry.location);
        let standard = method_of(&*self.draft, entry.item) == CostingMethod::Standard;
        let purchase = entry.entry_type == EntryType::Purchase;
        let at_card = || fits(card_cost(&*self.draft, place).times(entry.quantity, self.cents()));
        if let LineCost::Exact(direct) = line.value.cost {
            return Ok(Parts { direct, ..Parts::default() });
        }
        if standard && !(purchase && invoiced) {
            return Ok(Parts { direct: at_card()?, ..Parts::default() });
        }
        let direct = match line.value.cost {
            LineCost::Card => match self.price_of_line(entry)? {
                Some(direct) => direct,
                None => at_card()?,
            },
            LineCost::Unit(unit) => fits(unit.times(entry.quantity, self.cents()))?,
            LineCost::Amount(amount) | LineCost::Exact(amount) => amount,
        };
        let priced = self.price_of_line(entry)?.is_some();
        if !purchase || line.value.cost == LineCost::Card && !standard && !priced {
            // What the card proposes has its overhead in it.
            return Ok(Parts { direct, ..Parts::default() });
        }
        let indirect = self.overhead(entry.item, (direct, entry.quantity))?;
        if !invoiced {
            return Ok(Parts { direct: plus(direct, indirect)?, ..Parts::default() });
        }
        self.with_variance(entry, Parts { direct, indirect, variance: Money::ZERO })
    }

    /// What the line of its order says that a received quantity costs, for receipts that name no cost
    /// themselves: those of devices.
    fn price_of_line(&self, entry: &ItemLedgerEntry) -> Result<Option<Money>, Stop> {
        let Some(key) = &entry.document else { return Ok(None) };
        if entry.entry_type != EntryType::Purchase {
            return Ok(None);
        }
        let Some(terms) = self.draft.row::<LinesTerms>(key) else { return Ok(None) };
        let Some(line) = self.draft.row::<DocumentLines>(key) else { return Ok(None) };
        let amount =
            terms.unit_amount.times_per(entry.quantity, line.factor.quantity(), self.cents());
        let amount = fits(terms.less_discount(fits(amount)?, self.cents()))?;
        self.with_vat(amount).map(Some)
    }

    /// The line with what it does not say itself of business group and sales amount: a device names neither.
    /// What takes an entry back goes through the accounts of that; what is handled for a document, by what
    /// its line says; a difference that was found, by what the setup says of those. None where the line says
    /// all that there is.
    ///
    /// # Errors
    ///
    /// [`Stop::Overflow`].
    pub(crate) fn with_terms_of_line(&self, line: &EntryLine) -> Result<Option<EntryLine>, Stop> {
        if line.value.sales.is_some() {
            return Ok(None);
        }
        let mut value = line.value.clone();
        let original = if line.applies_to.0 == 0 { line.applies_from } else { line.applies_to };
        if line.correction && original.0 != 0 {
            value.sales = Some(Money::ZERO);
            if value.business_group.is_empty()
                && let Some((_no, first)) = values_of(&*self.draft, original).into_iter().next()
            {
                value.business_group.clone_from(&first.business_group);
            }
        } else if matches!(line.entry_type, EntryType::Purchase | EntryType::Sale)
            && let Some(key) = &line.document
            && let Some(terms) = self.draft.row::<LinesTerms>(key)
            && let Some(row) = self.draft.row::<DocumentLines>(key)
        {
            if value.business_group.is_empty() {
                value.business_group.clone_from(&terms.business_group);
            }
            if line.entry_type == EntryType::Sale {
                let (sold, factor) = (line.delta.negated(), row.factor.quantity());
                let amount = fits(terms.unit_amount.times_per(sold, factor, self.cents()))?;
                value.sales = Some(fits(terms.less_discount(amount, self.cents()))?);
            }
        } else if is_found_difference(line) && value.business_group.is_empty() {
            let groups = self.draft.row::<ReasonGroupsOf>(&()).unwrap_or_default();
            value.business_group.clone_from(&groups.count_differences);
        } else {
            return Ok(None);
        }
        Ok(Some(EntryLine { value, ..line.clone() }))
    }

    /// Overhead of a direct cost: a percentage of it and a rate per base unit, rounded once.
    pub(crate) fn overhead(
        &self,
        item: crate::schema::ItemId,
        (direct, quantity): (Money, Quantity),
    ) -> Result<Money, Stop> {
        let card = item_cost(&*self.draft, item);
        let (percent, rate) = (card.indirect_cost_percent, card.overhead_rate);
        if percent.is_zero() && rate.is_zero() {
            return Ok(Money::ZERO);
        }
        fits(crate::money::overhead(direct, percent, (rate, quantity), self.cents()))
    }

    /// The purchase variance per base unit: of the unit costs, not of the rounded amounts.
    pub(crate) fn unit_variance(
        &self,
        entry: &ItemLedgerEntry,
        (direct, quantity): (Money, Quantity),
    ) -> Result<UnitAmount, Stop> {
        let card = item_cost(&*self.draft, entry.item);
        let place = (entry.item, entry.variant, entry.location);
        let fine = Step::finest();
        let direct = fits(direct.per(quantity, fine))?;
        let percent = fits(direct.scaled(card.indirect_cost_percent, Quantity::whole(100), fine))?;
        let mut unit = card_cost(&*self.draft, place);
        for part in [direct, percent, card.overhead_rate] {
            unit = fits(unit.checked_add(part.negated()))?;
        }
        fits(unit.per_base(Quantity::ONE, crate::costing::setup(&*self.draft).unit_amount_rounding))
    }

    /// The variance that keeps a standard item at its standard (COSTING 6.6).
    pub(crate) fn with_variance(
        &self,
        entry: &ItemLedgerEntry,
        parts: Parts,
    ) -> Result<Parts, Stop> {
        if method_of(&*self.draft, entry.item) != CostingMethod::Standard {
            return Ok(parts);
        }
        let place = (entry.item, entry.variant, entry.location);
        let standard = fits(card_cost(&*self.draft, place).times(entry.quantity, self.cents()))?;
        let variance = minus(standard, plus(parts.direct, parts.indirect)?)?;
        Ok(Parts { variance, ..parts })
    }
}

/// Whether a line books that something else is there than the books hold: found by a count, or by a sighting
/// of a serial.
const fn is_found_difference(line: &EntryLine) -> bool {
    matches!(line.entry_type, EntryType::PositiveAdjustment | EntryType::NegativeAdjustment)
        && matches!(
            line.reason,
            EntryReason::CountDifference
                | EntryReason::CountCorrection
                | EntryReason::CountTakenOut
                | EntryReason::Sighting
        )
}

/// What the line of a return to a vendor says that the goods cost.
fn priced_return(entry: &ItemLedgerEntry, line: &EntryLine) -> Option<Money> {
    match (entry.entry_type, line.value.cost) {
        (EntryType::Purchase, LineCost::Amount(amount)) if !line.correction => Some(amount),
        _ => None,
    }
}

/// Amounts and names that the line gives to a value entry.
fn fill(
    value: &mut crate::schema::money::ValueEntry,
    line: &EntryLine,
    (invoiced, cost, quantity): (bool, Money, Quantity),
) {
    value.business_group.clone_from(&line.value.business_group);
    value.document_no.clone_from(&line.value.document_no);
    value.order.clone_from(&line.value.order);
    if invoiced {
        value.invoiced_quantity = quantity;
        value.cost_actual = cost;
        value.sales_actual = line.value.sales.unwrap_or_default();
    } else {
        value.expected = true;
        value.cost_expected = cost;
        value.sales_expected = line.value.sales.unwrap_or_default();
    }
}
