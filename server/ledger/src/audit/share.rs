//! What a decrease must cost, worked out anew from the value entries of its sources (COSTING 3.6, 8.3, 11.4),
//! or, where its correction closed it without cost (12.7), from the unit cost that it was given until then.
//!
//! Nothing of the engine's is used: no row that carries a share, no sum that a state keeps, and fractions of
//! its own instead of `mul_div`. What both get wrong they get wrong for different reasons.

use protocol::quantity::Quantity;
use rust_decimal::Decimal;

use crate::costing::setup;
use crate::key::KeyRange;
use crate::money::Money;
use crate::schema::EntryNo;
use crate::schema::entry::{
    Applications, ApplicationsByOutbound, EntryType, ItemLedger, ItemLedgerEntry, ItemLedgerStates,
};
use crate::schema::money::{ValueEntry, ValueLedger, ValueType, ValuesByEntry};
use crate::tables::{Read as _, Tables};

/// Fractional digits that every amount is written out to.
const DIGITS: u32 = 5;

/// A fraction in hundred-thousandths of the currency; the denominator is above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fraction {
    over: i128,
    under: i128,
}

impl Fraction {
    const NOTHING: Self = Self { over: 0, under: 1 };

    /// `amount × part / whole`; none beyond 128 bits.
    pub(super) fn of(amount: i128, (part, whole): (i128, i128)) -> Option<Self> {
        Self { over: amount.checked_mul(part)?, under: whole }.reduced()
    }

    fn plus(self, other: Self) -> Option<Self> {
        let ours = self.over.checked_mul(other.under)?;
        let theirs = other.over.checked_mul(self.under)?;
        Self { over: ours.checked_add(theirs)?, under: self.under.checked_mul(other.under)? }
            .reduced()
    }

    fn reduced(self) -> Option<Self> {
        let (mut a, mut b) = (self.over.unsigned_abs(), self.under.unsigned_abs());
        while b != 0 {
            (a, b) = (b, a.checked_rem(b)?);
        }
        let divisor = i128::try_from(a).ok()?;
        let sign = self.under.signum();
        Some(Self {
            over: self.over.checked_div(divisor)?.checked_mul(sign)?,
            under: self.under.checked_div(divisor)?.checked_mul(sign)?,
        })
    }

    /// The nearest multiple of `step`; the one in the middle goes away from zero.
    pub(super) fn nearest(self, step: i128) -> Option<i128> {
        let under = self.under.checked_mul(step)?;
        let below = self.over.checked_div_euclid(under)?;
        let rest = self.over.checked_rem_euclid(under)?;
        let other = under.checked_sub(rest)?;
        let up = rest > other || (rest == other && !self.over.is_negative());
        below.checked_add(i128::from(up))?.checked_mul(step)
    }
}

/// An amount in hundred-thousandths.
pub(super) fn units(amount: Money) -> Option<i128> {
    units_of(amount.decimal())
}

fn units_of(amount: Decimal) -> Option<i128> {
    let missing = DIGITS.checked_sub(amount.scale())?;
    amount.mantissa().checked_mul(10_i128.checked_pow(missing)?)
}

/// What the sources of a decrease give it, in hundred-thousandths: a rounded share for each application.
/// None where a figure is too wide to be worked out, or something that it needs is not there.
pub(crate) fn of_decrease(tables: &(impl Tables + ?Sized), decrease: EntryNo) -> Option<i128> {
    let entry = tables.row::<ItemLedger>(&decrease)?;
    let step = units(setup(tables).amount_rounding.money())?;
    let mut sum: i128 = 0;
    let pairs = tables.list::<ApplicationsByOutbound>(&KeyRange::prefix(&(decrease,)));
    for ((_decrease, increase, no), _row) in pairs {
        let row = tables.row::<Applications>(&no)?;
        if row.entry != decrease || row.cost_application {
            continue;
        }
        let part = row.quantity.units().checked_abs()?;
        if row.without_cost {
            // A difference and its correction close each other: it stays at what it was held to cost.
            let kept = provisional(tables, decrease, part)?;
            sum = sum.checked_add(kept.nearest(step)?)?;
            continue;
        }
        let source = tables.row::<ItemLedger>(&increase)?;
        let share = share(tables, (increase, &source), (decrease, &entry), part)?;
        sum = sum.checked_add(share.nearest(step)?)?;
    }
    Some(sum)
}

/// `part` of a decrease at the unit cost that it was given while nothing supplied it.
fn provisional(tables: &(impl Tables + ?Sized), decrease: EntryNo, part: i128) -> Option<Fraction> {
    let unit = tables.row::<ItemLedgerStates>(&decrease)?.cost.provisional;
    Fraction::of(units_of(unit.decimal())?, (part, Quantity::ONE.units()))
}

/// The cost of a decrease, in hundred-thousandths: the sum of its value entries.
pub(crate) fn cost_of(tables: &(impl Tables + ?Sized), no: EntryNo) -> Option<i128> {
    let mut sum: i128 = 0;
    for ((_entry, value), _row) in tables.list::<ValuesByEntry>(&KeyRange::prefix(&(no,))) {
        let value = tables.row::<ValueLedger>(&value)?;
        sum = sum.checked_add(units(value.cost_actual)?)?;
        sum = sum.checked_add(units(value.cost_expected)?)?;
    }
    Some(sum)
}

/// `part` of an increase: of its cost without revaluations and roundings, and of each revaluation that counts
/// for the decrease.
fn share(
    tables: &(impl Tables + ?Sized),
    (increase, source): (EntryNo, &ItemLedgerEntry),
    decrease: (EntryNo, &ItemLedgerEntry),
    part: i128,
) -> Option<Fraction> {
    let mut share = Fraction::NOTHING;
    for ((_entry, no), _row) in tables.list::<ValuesByEntry>(&KeyRange::prefix(&(increase,))) {
        let value = tables.row::<ValueLedger>(&no)?;
        let whole = match value.value_type {
            ValueType::Rounding => continue,
            ValueType::Revaluation if !counts(tables, (no, &value), decrease)? => continue,
            ValueType::Revaluation => value.valued_quantity,
            ValueType::DirectCost
            | ValueType::DirectCostNonInventory
            | ValueType::IndirectCost
            | ValueType::Variance => source.quantity,
        };
        let amount = units(value.cost_actual)?.checked_add(units(value.cost_expected)?)?;
        share = share.plus(Fraction::of(amount, (part, whole.units()))?)?;
    }
    Some(share)
}

/// Whether a revaluation counts for a decrease: one that was posted later does whatever its date, an earlier
/// one when it is dated later. What an invoice takes back goes to those whom the original counted for, and a
/// revaluation of a named part leaves what transfers took in it.
fn counts(
    tables: &(impl Tables + ?Sized),
    (no, value): (EntryNo, &ValueEntry),
    (decrease, entry): (EntryNo, &ItemLedgerEntry),
) -> Option<bool> {
    let original = if value.applies_to.0 == 0 {
        (no, value.posting_date, value.partial_revaluation)
    } else {
        let first = tables.row::<ValueLedger>(&value.applies_to)?;
        (value.applies_to, first.posting_date, first.partial_revaluation)
    };
    let (revalued, date, partial) = original;
    let first = tables.first::<ValuesByEntry>(&KeyRange::prefix(&(decrease,)));
    let earlier = first.is_some_and(|((_entry, first), _row)| first < revalued);
    let in_transfer = partial && entry.entry_type == EntryType::Transfer;
    Some(in_transfer || !earlier || entry.posting_date > date)
}
