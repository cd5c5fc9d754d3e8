//! The level of the order: its output costs what was used for it (COSTING 14.3, 15).

use protocol::quantity::Quantity;
use protocol::words::DocumentNo;

use crate::assembly::{capacity, is_adjustable, kind_of};
use crate::costing::value::{state_of, values_of};
use crate::costing::{card_cost, date, fits, item_cost, method_of, minus, plus};
use crate::money::{Money, UnitAmount};
use crate::posting::{Posting, Stop, add};
use crate::schema::EntryNo;
use crate::schema::entry::ItemLedgerEntry;
use crate::schema::item::CostingMethod;
use crate::schema::money::{OrderMarks, OrderQueue, ValueEntry, ValueType, VarianceType};
use crate::schema::order::{CapacityLedger, OrderRow};

/// What an order, or a part of its output, was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Used {
    material: Money,
    capacity: Money,
    subcontracted: Money,
    capacity_overhead: Money,
}

impl Used {
    fn total(self) -> Result<Money, Stop> {
        let capacity = plus(self.capacity, self.subcontracted)?;
        plus(plus(self.material, capacity)?, self.capacity_overhead)
    }

    fn less(self, other: Self) -> Result<Self, Stop> {
        Ok(Self {
            material: minus(self.material, other.material)?,
            capacity: minus(self.capacity, other.capacity)?,
            subcontracted: minus(self.subcontracted, other.subcontracted)?,
            capacity_overhead: minus(self.capacity_overhead, other.capacity_overhead)?,
        })
    }

    fn part(self, posting: &Posting<'_, '_>, of: Quantity, whole: Quantity) -> Result<Self, Stop> {
        Ok(Self {
            material: posting.share(self.material, of, whole)?,
            capacity: posting.share(self.capacity, of, whole)?,
            subcontracted: posting.share(self.subcontracted, of, whole)?,
            capacity_overhead: posting.share(self.capacity_overhead, of, whole)?,
        })
    }
}

/// Works off the mark of an order. A production order that is not finished is left as it is: finishing it
/// marks it again.
///
/// # Errors
///
/// `posting_date_not_allowed`; [`Stop::Overflow`].
pub(crate) fn adjust(posting: &mut Posting<'_, '_>, kind: u8, no: &DocumentNo) -> Result<(), Stop> {
    posting.draft.delete::<OrderMarks>(&(kind, no.clone()));
    posting.draft.delete::<OrderQueue>(&(kind, no.clone()));
    let Some(kind) = kind_of(kind) else { return Ok(()) };
    let row = posting.order_row(&(kind, no.clone()));
    if !is_adjustable(kind, &row) || row.output.is_empty() {
        return Ok(());
    }
    let used = used_by(posting, &row)?;
    let mut whole = Quantity::ZERO;
    for output in &row.output {
        whole = add(whole, posting.entry(*output).quantity)?;
    }
    // Partial outputs share by quantity, rounded cumulatively, so that they add up.
    let (mut sum, mut given) = (Quantity::ZERO, Used::default());
    for output in &row.output {
        let entry = posting.entry(*output);
        sum = add(sum, entry.quantity)?;
        let up_to = used.part(posting, sum, whole)?;
        let part = up_to.less(given)?;
        given = up_to;
        value_output(posting, (*output, &entry), part, &row)?;
    }
    Ok(())
}

fn used_by(posting: &Posting<'_, '_>, row: &OrderRow) -> Result<Used, Stop> {
    use crate::tables::Read as _;
    let mut used = Used::default();
    for no in &row.consumption {
        used.material = minus(used.material, posting.cost_of(*no)?)?;
    }
    for no in &row.capacity {
        let subcontracted =
            posting.draft.row::<CapacityLedger>(no).is_some_and(|entry| entry.subcontracted);
        for (_no, value) in capacity::values_of(&*posting.draft, *no) {
            let to = match value.value_type {
                ValueType::IndirectCost => &mut used.capacity_overhead,
                _ if subcontracted => &mut used.subcontracted,
                ValueType::DirectCost
                | ValueType::DirectCostNonInventory
                | ValueType::Variance
                | ValueType::Revaluation
                | ValueType::Rounding => &mut used.capacity,
            };
            *to = plus(*to, value.cost_actual)?;
        }
    }
    Ok(used)
}

/// Brings an output to what its part of the order cost; a standard item stays at its standard, with the
/// rest as variances.
fn value_output(
    posting: &mut Posting<'_, '_>,
    (no, entry): (EntryNo, &ItemLedgerEntry),
    used: Used,
    row: &OrderRow,
) -> Result<(), Stop> {
    let direct = used.total()?;
    let overhead = posting.overhead(entry.item, (direct, entry.quantity))?;
    let frozen = is_frozen(posting, no);
    let base = posting.state(no).cost.base;
    let invoiced = invoice_output(posting, (no, entry), row)?;
    let now = sum_of(posting, no, ValueType::DirectCost, None)?;
    posting.adjust_entry(no, minus(direct, now)?)?;
    if invoiced {
        posting.learn_cost(no, (direct, entry.quantity))?;
    }
    let mut parts = vec![(ValueType::IndirectCost, None, overhead)];
    if method_of(&*posting.draft, entry.item) == CostingMethod::Standard {
        let standard = if frozen {
            base
        } else {
            let place = (entry.item, entry.variant, entry.location);
            fits(card_cost(&*posting.draft, place).times(entry.quantity, posting.cents()))?
        };
        parts.extend(variances(posting, entry, (used, overhead), standard)?);
    }
    for (value_type, variance, target) in parts {
        let now = sum_of(posting, no, value_type, variance)?;
        let delta = minus(target, now)?;
        if !delta.is_zero() {
            write_part(posting, no, (value_type, variance), delta)?;
        }
    }
    Ok(())
}

/// Whether the output was adjusted before: its standard cost is frozen then.
fn is_frozen(posting: &Posting<'_, '_>, no: EntryNo) -> bool {
    values_of(&*posting.draft, no)
        .iter()
        .any(|(_no, value)| value.adjustment || value.value_type == ValueType::Variance)
}

/// The output of a production order is invoiced when the order is finished: what was expected is taken
/// back. Answers whether something of it was still to be invoiced.
fn invoice_output(
    posting: &mut Posting<'_, '_>,
    (no, entry): (EntryNo, &ItemLedgerEntry),
    row: &OrderRow,
) -> Result<bool, Stop> {
    let state = posting.state(no);
    let open = crate::posting::subtract(entry.quantity, state.invoiced)?;
    if open.is_zero() {
        return Ok(false);
    }
    let Some((_no, first)) = values_of(&*posting.draft, no).into_iter().next() else {
        return Ok(false);
    };
    let finished_on = row.finished_on.unwrap_or(entry.posting_date);
    let operator = posting.act.operator.clone();
    let posting_date = date::adjustment_date(&*posting.draft, finished_on, operator.as_ref())?;
    let mut expected = state.cost.expected;
    // What was revalued before stays revalued: that too is no longer expected, in its own accounts.
    for (original, revaluation) in values_of(&*posting.draft, no) {
        let standing = revaluation.cost_expected;
        if revaluation.value_type != ValueType::Revaluation || standing.is_zero() {
            continue;
        }
        expected = minus(expected, standing)?;
        posting.write_value(ValueEntry {
            posting_date,
            valuation_date: state_of(&*posting.draft, (original, &revaluation)).valuation_date,
            cost_actual: standing,
            cost_expected: standing.negated(),
            cost_per_unit: UnitAmount::ZERO,
            applies_to: original,
            written: posting.written(),
            ..(*revaluation).clone()
        })?;
    }
    let value = ValueEntry {
        posting_date,
        value_type: ValueType::DirectCost,
        valued_quantity: open,
        entry_quantity: Quantity::ZERO,
        invoiced_quantity: open,
        cost_actual: expected,
        cost_expected: expected.negated(),
        cost_per_unit: UnitAmount::ZERO,
        expected: false,
        written: posting.written(),
        ..(*first).clone()
    };
    posting.write_value(value).map(|_no| true)
}

/// Σ of the value entries of a kind, charges left out.
fn sum_of(
    posting: &Posting<'_, '_>,
    no: EntryNo,
    value_type: ValueType,
    variance: Option<VarianceType>,
) -> Result<Money, Stop> {
    let mut sum = Money::ZERO;
    for (_no, value) in values_of(&*posting.draft, no) {
        if value.value_type == value_type && value.variance == variance && value.charge.is_empty() {
            sum = plus(sum, plus(value.cost_actual, value.cost_expected)?)?;
        }
    }
    Ok(sum)
}

/// The variances that keep a standard output at its standard: per share, standard less actual.
fn variances(
    posting: &Posting<'_, '_>,
    entry: &ItemLedgerEntry,
    (used, overhead): (Used, Money),
    standard: Money,
) -> Result<Vec<(ValueType, Option<VarianceType>, Money)>, Stop> {
    let shares = item_cost(&*posting.draft, entry.item).shares;
    let of = |unit: UnitAmount| fits(unit.times(entry.quantity, posting.cents()));
    let capacity = of(shares.capacity)?;
    let subcontracted = of(shares.subcontracted)?;
    let capacity_overhead = of(shares.capacity_overhead)?;
    let manufacturing = of(shares.manufacturing_overhead)?;
    // What the card does not say of the other shares is material.
    let others = plus(plus(capacity, subcontracted)?, plus(capacity_overhead, manufacturing)?)?;
    let material = minus(standard, others)?;
    [
        (VarianceType::Material, material, used.material),
        (VarianceType::Capacity, capacity, used.capacity),
        (VarianceType::Subcontracted, subcontracted, used.subcontracted),
        (VarianceType::CapacityOverhead, capacity_overhead, used.capacity_overhead),
        (VarianceType::ManufacturingOverhead, manufacturing, overhead),
    ]
    .into_iter()
    .map(|(kind, standard, actual)| {
        minus(standard, actual).map(|target| (ValueType::Variance, Some(kind), target))
    })
    .collect()
}

fn write_part(
    posting: &mut Posting<'_, '_>,
    no: EntryNo,
    (value_type, variance): (ValueType, Option<VarianceType>),
    delta: Money,
) -> Result<(), Stop> {
    let Some((original, first)) = values_of(&*posting.draft, no)
        .into_iter()
        .rfind(|(_no, value)| !value.invoiced_quantity.is_zero())
    else {
        return Ok(());
    };
    let operator = posting.act.operator.clone();
    let posting_date =
        date::adjustment_date(&*posting.draft, first.posting_date, operator.as_ref())?;
    let value = ValueEntry {
        posting_date,
        value_type,
        variance,
        entry_quantity: Quantity::ZERO,
        invoiced_quantity: Quantity::ZERO,
        cost_actual: delta,
        cost_expected: Money::ZERO,
        cost_per_unit: UnitAmount::ZERO,
        expected: false,
        adjustment: true,
        applies_to: original,
        written: posting.written(),
        ..(*first).clone()
    };
    posting.write_value(value).map(|_no| ())
}
