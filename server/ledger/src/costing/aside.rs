//! What is left out of the average of its own pool and period (COSTING 9.2, 9.4): an increase that only
//! brings back what a decrease took at that average, and a fixed decrease that takes it along again.
//!
//! Counted, they would make the average depend on itself. What reached them from elsewhere does count: a
//! charge on the increase, a revaluation of it, and the share of these that a fixed decrease takes along.

use protocol::quantity::Quantity;

use crate::costing::average::{self, pool_of};
use crate::costing::value::values_of;
use crate::costing::{date, fits, method_of, plus, rebuild, setup};
use crate::money::Money;
use crate::posting::{Posting, Stop};
use crate::schema::EntryNo;
use crate::schema::entry::ItemLedgerEntry;
use crate::schema::item::CostingMethod;
use crate::schema::money::{AverageDecrease, AverageDecreases, ValueEntry, ValueType};
use crate::tables::Read as _;

/// What an entry is to the average of its pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// It brings quantity and value.
    Increase,
    /// It leaves with its own cost.
    Fixed,
    /// It is valued by the average.
    ByAverage,
    /// Its cost comes from that decrease of the same pool and period: both are left out.
    Aside(EntryNo),
}

pub(crate) fn class_of(posting: &Posting<'_, '_>, no: EntryNo) -> Class {
    let entry = posting.entry(no);
    let outbound = entry.quantity.is_negative();
    if outbound && entry.applies_to.0 == 0 {
        return Class::ByAverage;
    }
    let setup = setup(&*posting.draft);
    let place = |no: EntryNo, entry: &ItemLedgerEntry| {
        let pool = pool_of(&setup, (entry.item, entry.variant, entry.location));
        (pool, date::period_end(&*posting.draft, &setup, posting.state(no).valuation_date))
    };
    let own = place(no, &entry);
    let mut source = source_of_cost(&entry);
    while source.0 != 0 {
        let from = posting.entry(source);
        if place(source, &from) != own {
            break;
        }
        if from.quantity.is_negative() && from.applies_to.0 == 0 {
            return Class::Aside(source);
        }
        source = source_of_cost(&from);
    }
    if outbound { Class::Fixed } else { Class::Increase }
}

/// The entry that an entry is fixed to get its cost from; 0 for none.
fn source_of_cost(entry: &ItemLedgerEntry) -> EntryNo {
    if entry.quantity.is_negative() { entry.applies_to } else { entry.applies_from }
}

/// Whether a value entry of an increase that is left out reached it from elsewhere.
pub(crate) fn is_from_elsewhere(value: &ValueEntry) -> bool {
    value.value_type == ValueType::Revaluation || !value.charge.is_empty()
}

/// What an entry that is left out has from elsewhere through what it takes its cost from: it counts from
/// its place in the period, as a revaluation does.
fn inherited(posting: &Posting<'_, '_>, no: EntryNo) -> Money {
    let entry = posting.entry(no);
    let setup = setup(&*posting.draft);
    let pool = pool_of(&setup, (entry.item, entry.variant, entry.location));
    let key = (pool, posting.state(no).valuation_date, average::place_of(posting, no));
    posting
        .draft
        .row::<AverageDecreases>(&key)
        .filter(|row| row.entry.0 == 0)
        .map_or(Money::ZERO, |row| row.revaluation)
}

/// What it has from elsewhere by what its source has now.
fn comes_along(posting: &Posting<'_, '_>, no: EntryNo) -> Result<Money, Stop> {
    let entry = posting.entry(no);
    let source = source_of_cost(&entry);
    let from = posting.entry(source);
    if from.quantity.is_negative() {
        return if from.applies_to.0 == 0 {
            Ok(Money::ZERO)
        } else {
            posting.share(inherited(posting, source), entry.quantity, from.quantity)
        };
    }
    let mut base = inherited(posting, source);
    let mut parts = Vec::new();
    for (value_no, value) in values_of(&*posting.draft, source) {
        if !is_from_elsewhere(&value) || !value.inventoriable {
            continue;
        }
        let total = plus(value.cost_actual, value.cost_expected)?;
        if !value.charge.is_empty() {
            base = plus(base, total)?;
        } else if posting.is_affected(no, (value_no, &value)) {
            parts.push((total, value.valued_quantity));
        }
    }
    parts.push((base, from.quantity));
    parts.retain(|(amount, _whole)| !amount.is_zero());
    if parts.is_empty() {
        return Ok(Money::ZERO);
    }
    let taken = crate::money::sum_of_shares(&parts, entry.quantity.abs(), posting.cents());
    Ok(fits(taken)?.negated())
}

/// What entries that are left out have from elsewhere follows their sources: that of `no`, and of those who
/// take their cost from it.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn restate(posting: &mut Posting<'_, '_>, no: EntryNo) -> Result<(), Stop> {
    let mut waiting = vec![no];
    while let Some(no) = waiting.pop() {
        let item = posting.entry(no).item;
        if rebuild::waits(posting, item, no) || !posting.is_valued(no) {
            continue;
        }
        if matches!(class_of(posting, no), Class::Aside(_)) {
            let now = comes_along(posting, no)?;
            put(posting, no, now)?;
            waiting.extend(followers(posting, no));
        }
    }
    Ok(())
}

/// Nothing from elsewhere is counted for the entry any more: its place is about to move.
pub(crate) fn withdraw(posting: &mut Posting<'_, '_>, no: EntryNo) -> Result<(), Stop> {
    put(posting, no, Money::ZERO)
}

fn put(posting: &mut Posting<'_, '_>, no: EntryNo, now: Money) -> Result<(), Stop> {
    let before = inherited(posting, no);
    if now == before {
        return Ok(());
    }
    let entry = posting.entry(no);
    let setup = setup(&*posting.draft);
    let pool = pool_of(&setup, (entry.item, entry.variant, entry.location));
    let valued = posting.state(no).valuation_date;
    let key = (pool, valued, average::place_of(posting, no));
    if now.is_zero() {
        posting.draft.delete::<AverageDecreases>(&key);
    } else {
        let row = AverageDecrease { revaluation: now, ..Default::default() };
        posting.draft.put::<AverageDecreases>(&key, row);
    }
    average::aside_changes(posting, pool, valued, super::minus(before, now)?)?;
    average::dirty(posting, pool, valued, Some((valued, key.2)))
}

/// Those whose cost is fixed to come from an entry.
pub(crate) fn followers(posting: &Posting<'_, '_>, no: EntryNo) -> Vec<EntryNo> {
    let entry = posting.entry(no);
    if method_of(&*posting.draft, entry.item) != CostingMethod::Average {
        return Vec::new();
    }
    if entry.quantity.is_negative() {
        return posting.takers_of(no);
    }
    if posting.state(no).cost.fixed_applications == 0 {
        return Vec::new();
    }
    let mut supplied = posting.supplied_by(no);
    supplied.retain(|decrease| posting.entry(*decrease).applies_to == no);
    supplied
}

/// What counts and what is left out of a decrease, when a part of it that came back changes by `quantity`.
pub(crate) fn parts(
    row: &AverageDecrease,
    quantity: Quantity,
) -> Result<(Quantity, Quantity), Stop> {
    Ok((
        crate::posting::subtract(row.counted, quantity)?,
        crate::posting::add(row.aside, quantity)?,
    ))
}

#[cfg(test)]
mod tests {
    use crate::books::{Books, journal, line, purchase, sale};
    use crate::command::journal::JournalType;
    use crate::schema::EntryNo;
    use crate::schema::money::AveragePeriod;

    fn by_month() -> Books {
        Books::new(|setup| setup.average_period = AveragePeriod::Month)
    }

    /// What was sold comes back; `to` names the sale.
    fn comes_back(books: &mut Books, date: &str, quantity: &str, to: u64) {
        let mut back = line(JournalType::SaleReturn, date, "AVG", quantity, None);
        back.applies_from = EntryNo(to);
        books.ok(&journal(back));
    }

    /// The very goods of an increase go to the vendor.
    fn goes_out(books: &mut Books, date: &str, quantity: &str, of: u64) {
        let mut out = line(JournalType::PurchaseReturn, date, "AVG", quantity, None);
        out.applies_to = EntryNo(of);
        books.ok(&journal(out));
    }

    fn costs(books: &Books, n_entries: u64) -> Vec<String> {
        (1..=n_entries).map(|no| books.cost(no)).collect()
    }

    #[test]
    fn what_comes_back_and_is_taken_along_again_leaves_the_average_alone() {
        let mut books = by_month();
        books.post(purchase("2026-01-02", "AVG", "3", "30"));
        books.post(sale("2026-01-03", "AVG", "2"));
        books.invoice(2, "2", "2026-01-03", None);
        comes_back(&mut books, "2026-01-04", "2", 2);
        goes_out(&mut books, "2026-01-05", "2", 3);
        // It comes back once more, and goes.
        books.post(line(JournalType::PositiveAdjustment, "2026-01-06", "AVG", "1", Some("2")));
        books.adjust();
        // Three at 30.00 and one at 2.00: 8.00 each.
        assert_eq!(costs(&books, 5), ["30", "-16", "16", "-16", "2"]);
        books.post(line(JournalType::NegativeAdjustment, "2026-01-07", "AVG", "2", None));
        books.adjust();
        assert_eq!(books.cost(6), "-16");
    }

    #[test]
    fn a_charge_on_what_came_back_counts_in_the_average() {
        let mut books = by_month();
        books.post(purchase("2026-01-02", "AVG", "4", "40"));
        books.post(sale("2026-01-03", "AVG", "2"));
        books.invoice(2, "2", "2026-01-03", None);
        comes_back(&mut books, "2026-01-04", "2", 2);
        books.charge(3, "2026-01-05", "6");
        books.post(line(JournalType::NegativeAdjustment, "2026-01-06", "AVG", "4", None));
        books.adjust();
        // 46.00 over 4 pieces; sold out, nothing is left.
        assert_eq!(costs(&books, 4), ["40", "-23", "29", "-46"]);
    }

    #[test]
    fn the_share_of_a_charge_that_is_taken_along_leaves_the_average_with_it() {
        let mut books = by_month();
        books.post(purchase("2026-01-02", "AVG", "4", "40"));
        books.post(sale("2026-01-03", "AVG", "2"));
        books.invoice(2, "2", "2026-01-03", None);
        comes_back(&mut books, "2026-01-04", "2", 2);
        goes_out(&mut books, "2026-01-05", "1", 3);
        books.charge(3, "2026-01-06", "6");
        books.post(line(JournalType::NegativeAdjustment, "2026-01-07", "AVG", "3", None));
        books.adjust();
        // 11.50 each until half of what came back leaves with half of the charge: 3 at 31.50.
        assert_eq!(costs(&books, 5), ["40", "-23", "29", "-14.5", "-31.5"]);
    }

    #[test]
    fn what_follows_an_entry_finds_its_place_when_the_entry_counts_later() {
        let mut books = by_month();
        // Sold before it was there, brought back, and that goes to the vendor: all in January.
        books.post(purchase("2026-01-02", "AVG", "3", "30"));
        books.post(sale("2026-01-03", "AVG", "5"));
        books.invoice(2, "5", "2026-01-03", None);
        comes_back(&mut books, "2026-01-04", "2", 2);
        goes_out(&mut books, "2026-01-05", "2", 3);
        // The supply comes in February: the sale and all that follows it counts from there.
        books.post(purchase("2026-02-02", "AVG", "4", "12"));
        books.post(line(JournalType::NegativeAdjustment, "2026-02-03", "AVG", "2", None));
        books.adjust();
        // 42.00 over 7 pieces.
        assert_eq!(costs(&books, 6), ["30", "-30", "12", "-12", "12", "-12"]);
    }
}
