//! Invoices of what was received or shipped before (COSTING 6.3).

use std::sync::Arc;

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::outcome::Reason;
use protocol::quantity::Quantity;

use crate::costing::entry::Parts;
use crate::costing::value::values_of;
use crate::costing::worksheet::check_lock;
use crate::costing::{fits, item_cost, minus, plus, setup};
use crate::dimension::{self, Dimensions};
use crate::money::Money;
use crate::posting::{Posting, Stop, add, subtract};
use crate::schema::entry::{EntryType, ItemLedgerEntry};
use crate::schema::item::CostingMethod;
use crate::schema::money::{ValueEntry, ValueType, VarianceType};
use crate::schema::{EntryNo, ItemId};

/// An invoice of one item ledger entry, or of a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceOf {
    /// The entry.
    pub entry: EntryNo,
    /// How much of it, in base units, above zero.
    pub quantity: Quantity,
    /// The date for the accounts.
    pub posting_date: NaiveDate,
    /// What was paid for that quantity, before overhead; of an increase only. None: what was expected of
    /// it, which is also what a return costs whatever is said.
    pub direct: Option<Money>,
    /// What a discount took off that: the card learns the cost without it.
    pub discount: Money,
    /// What it was sold for; negative for a return.
    pub sales: Money,
    /// The number that the value entries show.
    pub document_no: String,
    /// General business posting group.
    pub business_group: String,
    /// What is said of its dimensions.
    pub dimensions: Dimensions,
}

/// What of the expected amounts of an entry an invoice takes back.
struct Standing {
    cost: Money,
    sales: Money,
}

impl Posting<'_, '_> {
    /// Invoices what was posted without: the expected amounts are taken back as they were recorded, and
    /// the actual ones take their place.
    ///
    /// # Errors
    ///
    /// `item_unapplied`; `qty_exceeds_outstanding` beyond what is not invoiced; [`Stop::Overflow`].
    pub fn invoice(&mut self, invoice: &InvoiceOf) -> Result<(), Stop> {
        let mut entry = (*self.entry(invoice.entry)).clone();
        check_lock(self, entry.item)?;
        entry.dimension_set = dimension::with(self, entry.dimension_set, &invoice.dimensions)?;
        let state = self.state(invoice.entry);
        let inbound = entry.quantity.is_positive();
        let quantity = if inbound { invoice.quantity } else { invoice.quantity.negated() };
        let open = subtract(entry.quantity, state.invoiced)?;
        if invoice.quantity > open.abs() {
            let reason = Reason::new(Code::ExceedsOutstanding)
                .quantity("wanted", invoice.quantity)
                .quantity("available", open.abs());
            return Err(Stop::Refuse(reason));
        }
        let completes = add(state.invoiced, quantity)? == entry.quantity;
        let standing = self.standing(invoice.entry, quantity, completes)?;
        let parts = self.parts_of_invoice(&entry, (invoice.direct, quantity), standing.cost)?;
        let mut value = self.value_template(invoice.entry, &entry, ValueType::DirectCost);
        self.dress(&mut value, invoice, quantity);
        value.invoiced_quantity = quantity;
        value.cost_actual = parts.direct;
        value.cost_expected = standing.cost.negated();
        value.sales_actual = invoice.sales;
        value.sales_expected = standing.sales.negated();
        self.write_value(value)?;
        self.take_revaluations_back(invoice, quantity, completes)?;
        for (value_type, variance, actual) in [
            (ValueType::IndirectCost, None, parts.indirect),
            (ValueType::Variance, Some(VarianceType::Purchase), parts.variance),
        ] {
            if actual.is_zero() {
                continue;
            }
            let mut value = self.value_template(invoice.entry, &entry, value_type);
            self.dress(&mut value, invoice, quantity);
            value.variance = variance;
            if variance.is_some() {
                value.cost_per_unit = self.unit_variance(&entry, (parts.direct, quantity))?;
            }
            value.cost_actual = actual;
            self.write_value(value)?;
        }
        self.list_uninvoiced(invoice.entry);
        if inbound {
            let direct = plus(parts.direct, invoice.discount)?;
            self.learn_cost(invoice.entry, (direct, quantity))?;
        } else if completes {
            self.check_sources_of(invoice.entry)?;
        }
        Ok(())
    }

    /// What of a revaluation was expected cost is so no longer: the invoice of a purchase brings the goods to the
    /// standard cost of now (COSTING 11.3), and it is taken back from exactly those whom the revaluation
    /// affected, so that the shares of an increase still add up to it. Nothing else brings what came back to
    /// another cost: there it becomes actual.
    fn take_revaluations_back(
        &mut self,
        invoice: &InvoiceOf,
        quantity: Quantity,
        completes: bool,
    ) -> Result<(), Stop> {
        let entry = self.entry(invoice.entry);
        let rows: Vec<(EntryNo, Arc<ValueEntry>)> = values_of(&*self.draft, invoice.entry)
            .into_iter()
            .filter(|(_no, value)| value.value_type == ValueType::Revaluation)
            .collect();
        for (no, original) in rows.iter().filter(|(_no, value)| value.applies_to.0 == 0) {
            let mut standing = original.cost_expected;
            for (_no, taken) in rows.iter().filter(|(_no, value)| value.applies_to == *no) {
                standing = plus(standing, taken.cost_expected)?;
            }
            let taken = if completes {
                standing
            } else {
                self.share(original.cost_expected, quantity, entry.quantity)?
            };
            if taken.is_zero() {
                continue;
            }
            let mut value = self.value_template(invoice.entry, &entry, ValueType::Revaluation);
            self.dress(&mut value, invoice, quantity);
            value.valuation_date =
                crate::costing::value::state_of(&*self.draft, (*no, original)).valuation_date;
            value.valued_quantity = original.valued_quantity;
            value.partial_revaluation = original.partial_revaluation;
            value.cost_expected = taken.negated();
            if entry.entry_type != EntryType::Purchase {
                value.cost_actual = taken;
            }
            value.applies_to = *no;
            self.write_value(value)?;
        }
        Ok(())
    }

    /// Date, names and quantity of an invoice. An old receipt that is invoiced after the earliest allowed
    /// valuation date counts from its invoice (COSTING 19.2).
    fn dress(&self, value: &mut ValueEntry, invoice: &InvoiceOf, quantity: Quantity) {
        value.posting_date = invoice.posting_date;
        value.valued_quantity = quantity;
        value.document_no.clone_from(&invoice.document_no);
        value.business_group.clone_from(&invoice.business_group);
        let earliest = setup(&*self.draft).earliest_valuation_date;
        if earliest.is_some_and(|earliest| value.valuation_date < earliest) {
            value.valuation_date = invoice.posting_date;
        }
    }

    /// The expected amounts that an invoice of `quantity` takes back: its proportion of what was first
    /// expected, and of what adjustments left standing on what is not invoiced yet, so that what is invoiced
    /// costs its share of the whole; with the last one, all that still stands (COSTING 6.3).
    fn standing(&self, no: EntryNo, quantity: Quantity, completes: bool) -> Result<Standing, Stop> {
        let entry = self.entry(no);
        let mut first = Standing::nothing();
        let mut left = Standing::nothing();
        let values = values_of(&*self.draft, no);
        for (_no, value) in &values {
            if value.expected && !value.adjustment {
                first.add(value)?;
            }
            left.add(value)?;
        }
        if completes {
            return Ok(left);
        }
        let mut adjusted = minus(left.cost, first.cost)?;
        let mut open = entry.quantity;
        for (_no, value) in values.iter().filter(|(_no, value)| is_earlier_invoice(value)) {
            adjusted =
                plus(adjusted, self.share(first.cost, value.invoiced_quantity, entry.quantity)?)?;
            open = subtract(open, value.invoiced_quantity)?;
        }
        let cost = self.share(first.cost, quantity, entry.quantity)?;
        Ok(Standing {
            cost: plus(cost, self.share(adjusted, quantity, open)?)?,
            sales: self.share(first.sales, quantity, entry.quantity)?,
        })
    }

    /// What an invoice costs: a decrease and a return what was expected of them, a purchase what was paid for
    /// it with its overhead.
    fn parts_of_invoice(
        &self,
        entry: &ItemLedgerEntry,
        (paid, quantity): (Option<Money>, Quantity),
        expected: Money,
    ) -> Result<Parts, Stop> {
        let inbound = entry.quantity.is_positive() && entry.applies_from.0 == 0;
        let purchase = inbound && entry.entry_type == EntryType::Purchase;
        let standard = super::method_of(&*self.draft, entry.item) == CostingMethod::Standard;
        // What is not bought of a standard item came in at its standard.
        let own_cost = purchase || inbound && !standard;
        let parts = match paid.filter(|_paid| own_cost) {
            Some(direct) if purchase => {
                let indirect = self.overhead(entry.item, (direct, quantity))?;
                Parts { direct, indirect, ..Parts::default() }
            }
            Some(direct) => Parts { direct, ..Parts::default() },
            None if purchase => {
                let direct = self.without_overhead(entry.item, (expected, quantity))?;
                Parts { direct, indirect: minus(expected, direct)?, ..Parts::default() }
            }
            None => Parts { direct: expected, ..Parts::default() },
        };
        if purchase { self.with_variance_of(entry, quantity, parts) } else { Ok(parts) }
    }

    /// The direct cost of which, with its overhead, so much was expected.
    fn without_overhead(
        &self,
        item: ItemId,
        (expected, quantity): (Money, Quantity),
    ) -> Result<Money, Stop> {
        let card = item_cost(&*self.draft, item);
        let rate = fits(card.overhead_rate.times(quantity, self.cents()))?;
        let percent = card.indirect_cost_percent;
        if percent.is_zero() {
            return minus(expected, rate);
        }
        let hundred = Quantity::whole(100);
        self.share(minus(expected, rate)?, hundred, add(hundred, percent)?)
    }

    fn with_variance_of(
        &self,
        entry: &ItemLedgerEntry,
        quantity: Quantity,
        parts: Parts,
    ) -> Result<Parts, Stop> {
        if super::method_of(&*self.draft, entry.item) != CostingMethod::Standard {
            return Ok(parts);
        }
        let part = ItemLedgerEntry { quantity, ..entry.clone() };
        self.with_variance(&part, parts)
    }

    /// A decrease that is invoiced wholly may have been what the cents of its sources waited for.
    fn check_sources_of(&mut self, decrease: EntryNo) -> Result<(), Stop> {
        for (increase, _portion) in crate::posting::apply::portions_of(self.draft, decrease) {
            self.check_rounding(increase)?;
        }
        Ok(())
    }
}

/// Whether a value entry is an invoice of a part of what was posted without.
fn is_earlier_invoice(value: &ValueEntry) -> bool {
    value.value_type == ValueType::DirectCost
        && !value.adjustment
        && value.entry_quantity.is_zero()
        && !value.invoiced_quantity.is_zero()
}

impl Standing {
    const fn nothing() -> Self {
        Self { cost: Money::ZERO, sales: Money::ZERO }
    }

    fn add(&mut self, value: &ValueEntry) -> Result<(), Stop> {
        if value.value_type != ValueType::Revaluation {
            self.cost = plus(self.cost, value.cost_expected)?;
        }
        self.sales = plus(self.sales, value.sales_expected)?;
        Ok(())
    }
}

/// Splits `amount` over `parts` by quantity in their order, each rounded cumulatively, so that they add up
/// to it exactly (COSTING 6.7).
///
/// # Errors
///
/// [`Stop::Overflow`].
pub fn spread(
    posting: &Posting<'_, '_>,
    amount: Money,
    parts: &[Quantity],
) -> Result<Vec<Money>, Stop> {
    let mut whole = Quantity::ZERO;
    for part in parts {
        whole = add(whole, *part)?;
    }
    let (mut sum, mut given) = (Quantity::ZERO, Money::ZERO);
    let mut shares = Vec::with_capacity(parts.len());
    for part in parts {
        sum = add(sum, *part)?;
        let up_to = posting.share(amount, sum, whole)?;
        shares.push(minus(up_to, given)?);
        given = up_to;
    }
    Ok(shares)
}
