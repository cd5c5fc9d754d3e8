//! Cents that are left of an average pool that is sold out (COSTING 9.3): decreases of fixed cost take their
//! own rounded shares along, and when nothing else leaves, nobody takes what these differ by.
//!
//! They are a function of what the period holds, kept under it: where goods come in after all, or another
//! increase is the last one, what was written is taken back.

use std::ops::ControlFlow;

use chrono::NaiveDate;
use protocol::quantity::Quantity;

use crate::costing::adjust::{is_rounding, last_invoice, write_rounding};
use crate::costing::average::{closing, period_row, pool_of, values_anything};
use crate::costing::{date, minus, setup};
use crate::key::KeyRange;
use crate::money::Money;
use crate::posting::{Posting, Stop, add};
use crate::schema::EntryNo;
use crate::schema::entry::ItemLedgerByItem;
use crate::schema::money::{AveragePool, PoolRounding, PoolRoundings};
use crate::tables::Read as _;

/// Entries of an item that are looked at: few of the last ones explain a few cents.
const ENTRIES_MAX: usize = 1_000;

/// Writes off what is left of a pool without quantity at the end of a period, or takes back what was
/// written; answers whether it did.
///
/// # Errors
///
/// `posting_date_not_allowed`; [`Stop::Overflow`].
pub(crate) fn write_off(
    posting: &mut Posting<'_, '_>,
    (pool, end): (AveragePool, NaiveDate),
) -> Result<bool, Stop> {
    let written = posting.draft.row::<PoolRoundings>(&(pool, end)).map(|row| *row);
    let row = period_row(posting, pool, end)?;
    let (quantity, value) = closing(posting, pool, end, &row)?;
    let left = minus(value, written.map_or(Money::ZERO, |row| row.amount))?;
    let wanted = if quantity.is_zero() && !left.is_zero() && !values_anything(posting, (pool, end))
    {
        carrier(posting, (pool, end), left)?
            .map(|entry| PoolRounding { entry, amount: left.negated() })
    } else {
        None
    };
    if written == wanted {
        return Ok(false);
    }
    if let Some(before) = written {
        write(posting, (pool, end), (before.entry, before.amount.negated()))?;
        posting.draft.delete::<PoolRoundings>(&(pool, end));
    }
    if let Some(wanted) = wanted {
        write(posting, (pool, end), (wanted.entry, wanted.amount))?;
        posting.draft.put::<PoolRoundings>(&(pool, end), wanted);
    }
    Ok(true)
}

fn write(
    posting: &mut Posting<'_, '_>,
    (pool, end): (AveragePool, NaiveDate),
    (entry, amount): (EntryNo, Money),
) -> Result<(), Stop> {
    // An increase of an earlier period carries it from the end of this one on.
    let valued = if is_in(posting, entry, (pool, end)) { None } else { Some(end) };
    write_rounding(posting, entry, (amount, valued)).map(|_written| ())
}

fn is_in(posting: &Posting<'_, '_>, no: EntryNo, (pool, end): (AveragePool, NaiveDate)) -> bool {
    let setup = setup(&*posting.draft);
    let entry = posting.entry(no);
    pool_of(&setup, (entry.item, entry.variant, entry.location)) == pool
        && date::period_end(&*posting.draft, &setup, posting.state(no).valuation_date) == end
}

/// The last increase of the pool up to the end of the period, where it is invoiced and the decreases of the
/// period explain what is left by rounding.
fn carrier(
    posting: &Posting<'_, '_>,
    (pool, end): (AveragePool, NaiveDate),
    left: Money,
) -> Result<Option<EntryNo>, Stop> {
    let setup = setup(&*posting.draft);
    let range = KeyRange::prefix(&(pool.item,));
    let (mut last, mut applications, mut seen) = (None, Quantity::ZERO, 0);
    posting.draft.each::<ItemLedgerByItem>(&range, true, |(_item, no), _row| {
        seen += 1;
        let entry = posting.entry(no);
        let at = pool_of(&setup, (entry.item, entry.variant, entry.location));
        if at == pool && posting.state(no).valuation_date <= end {
            if entry.quantity.is_positive() {
                last = last.or(Some(no));
            } else if is_in(posting, no, (pool, end)) {
                applications = add(applications, Quantity::ONE).unwrap_or(applications);
            }
        }
        if seen < ENTRIES_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let Some(last) = last.filter(|last| last_invoice(posting, *last).is_some()) else {
        return Ok(None);
    };
    Ok(is_rounding(posting, left, applications)?.then_some(last))
}
