//! What is left out of the average of its own pool and period (COSTING 9.2, 9.4): an increase that only
//! brings back what a decrease took at that average, and a fixed decrease that takes it along again.
//!
//! Counted, they would make the average depend on itself, also where the goods were in another pool meanwhile:
//! sent there at the average, and those very goods sent back. What reached them from elsewhere does count: a
//! charge on the increase, a revaluation of it, and the share of these that a fixed decrease takes along; and
//! the cents by which rounded shares of a decrease differ from what it took for them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use protocol::quantity::Quantity;

use crate::costing::average::{self, pool_of};
use crate::costing::value::values_of;
use crate::costing::{date, fits, method_of, minus, plus, rebuild, setup};
use crate::money::Money;
use crate::posting::{Posting, Stop};
use crate::schema::EntryNo;
use crate::schema::entry::ItemLedgerEntry;
use crate::schema::item::CostingMethod;
use crate::schema::money::{AverageDecrease, AverageDecreases, AveragePool, ValueEntry, ValueType};
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
    match root_of(posting, &entry) {
        Some(root) if period_of(posting, root) == period_of(posting, no) => Class::Aside(root),
        Some(_) | None if outbound => Class::Fixed,
        Some(_) | None => Class::Increase,
    }
}

/// The pool and the end of the period in which an entry counts.
fn period_of(posting: &Posting<'_, '_>, no: EntryNo) -> (AveragePool, NaiveDate) {
    let entry = posting.entry(no);
    let setup = setup(&*posting.draft);
    let pool = pool_of(&setup, (entry.item, entry.variant, entry.location));
    (pool, date::period_end(&*posting.draft, &setup, posting.state(no).valuation_date))
}

/// The decrease valued by average, in whatever pool, that the cost of an entry is fixed to come from.
fn root_of(posting: &Posting<'_, '_>, entry: &ItemLedgerEntry) -> Option<EntryNo> {
    let mut source = source_of_cost(entry);
    while source.0 != 0 {
        let from = posting.entry(source);
        if from.quantity.is_negative() && from.applies_to.0 == 0 {
            return Some(source);
        }
        source = source_of_cost(&from);
    }
    None
}

/// What a value entry changes for those that are left out: it is written on one of them, or reaches them from
/// what they take their cost from.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn value_written(
    posting: &mut Posting<'_, '_>,
    (no, class): (EntryNo, Class),
    value: &ValueEntry,
) -> Result<(), Stop> {
    match class {
        Class::Aside(decrease) => restate(posting, decrease),
        Class::Increase | Class::Fixed if is_from_elsewhere(value) => {
            let entry = posting.entry(no);
            match root_of(posting, &entry) {
                Some(root) => restate(posting, root),
                None => Ok(()),
            }
        }
        Class::Increase | Class::Fixed | Class::ByAverage => Ok(()),
    }
}

/// The entry that an entry is fixed to get its cost from; 0 for none.
fn source_of_cost(entry: &ItemLedgerEntry) -> EntryNo {
    if entry.quantity.is_negative() { entry.applies_to } else { entry.applies_from }
}

/// The decrease because of which an entry of an average item is left out.
pub(crate) fn left_out_by(posting: &Posting<'_, '_>, no: EntryNo) -> Option<EntryNo> {
    if method_of(&*posting.draft, posting.entry(no).item) != CostingMethod::Average {
        return None;
    }
    match class_of(posting, no) {
        Class::Aside(decrease) => Some(decrease),
        Class::Increase | Class::Fixed | Class::ByAverage => None,
    }
}

/// Whether a value entry of an increase that is left out reached it from elsewhere.
pub(crate) fn is_from_elsewhere(value: &ValueEntry) -> bool {
    value.value_type == ValueType::Revaluation || !value.charge.is_empty()
}

/// What an entry that is left out has from elsewhere through what it takes its cost from; `of` knows it of
/// those before it.
fn comes_along(
    posting: &Posting<'_, '_>,
    no: EntryNo,
    of: &BTreeMap<EntryNo, Money>,
) -> Result<Money, Stop> {
    let entry = posting.entry(no);
    let source = source_of_cost(&entry);
    let Some(inherited) = of.get(&source).copied() else { return Ok(Money::ZERO) };
    let from = posting.entry(source);
    if from.quantity.is_negative() {
        return posting.share(inherited, entry.quantity, from.quantity);
    }
    let mut base = inherited;
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

/// The entries whose cost is fixed to come from a decrease in the period in which it counts, in their order.
fn fixed_to(posting: &Posting<'_, '_>, decrease: EntryNo) -> BTreeSet<EntryNo> {
    let (_pool, end) = period_of(posting, decrease);
    let mut found = BTreeSet::new();
    let mut waiting = followers(posting, decrease);
    while let Some(no) = waiting.pop() {
        let is_in = posting.is_valued(no) && !rebuild::waits(posting, posting.entry(no).item, no);
        if is_in && period_of(posting, no).1 == end && found.insert(no) {
            waiting.extend(followers(posting, no));
        }
    }
    found
}

/// What counts of the entries that are left out because of a decrease, each at its place in the period as a
/// revaluation does: what they have from elsewhere, and the cents by which their shares together differ from
/// what the decrease took for them.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn restate(posting: &mut Posting<'_, '_>, decrease: EntryNo) -> Result<(), Stop> {
    let fixed = fixed_to(posting, decrease);
    let is_member = |no: &EntryNo| class_of(posting, *no) == Class::Aside(decrease);
    let members: BTreeSet<EntryNo> = fixed.iter().copied().filter(is_member).collect();
    let Some(last) = members.last().copied() else { return Ok(()) };
    let taken = posting.entry(decrease).quantity;
    let cost = posting.cost_of(decrease)?;
    let mut elsewhere = BTreeMap::new();
    let (mut quantity, mut brought, mut differed) = (Quantity::ZERO, Money::ZERO, Money::ZERO);
    for no in fixed {
        let own = comes_along(posting, no, &elsewhere)?;
        elsewhere.insert(no, own);
        if !members.contains(&no) {
            continue;
        }
        quantity = crate::posting::add(quantity, posting.entry(no).quantity)?;
        brought = plus(brought, minus(posting.passed_on(no)?, own)?)?;
        let share = if no == last {
            place_row(posting, decrease).map_or(Money::ZERO, |row| row.aside_value)
        } else {
            posting.share(cost, quantity, taken)?
        };
        let differs = minus(brought, share)?;
        put(posting, no, plus(own, minus(differs, differed)?)?)?;
        differed = differs;
    }
    Ok(())
}

/// What lies in the average at the place of an entry.
fn place_row(posting: &Posting<'_, '_>, no: EntryNo) -> Option<AverageDecrease> {
    let entry = posting.entry(no);
    let setup = setup(&*posting.draft);
    let pool = pool_of(&setup, (entry.item, entry.variant, entry.location));
    let key = (pool, posting.state(no).valuation_date, average::place_of(posting, no));
    posting.draft.row::<AverageDecreases>(&key).map(|row| *row)
}

/// Nothing is counted for the entry any more: its place is about to move.
pub(crate) fn withdraw(posting: &mut Posting<'_, '_>, no: EntryNo) -> Result<(), Stop> {
    put(posting, no, Money::ZERO)
}

fn put(posting: &mut Posting<'_, '_>, no: EntryNo, now: Money) -> Result<(), Stop> {
    let before = place_row(posting, no).map_or(Money::ZERO, |row| row.revaluation);
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
    average::aside_changes(posting, pool, valued, minus(before, now)?)?;
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
    use crate::command::{Command, SetCompany};
    use crate::schema::EntryNo;
    use crate::schema::money::{AveragePeriod, AverageType};

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
        comes_back(&mut books, "2026-01-04", "2", 2);
        goes_out(&mut books, "2026-01-05", "2", 3);
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
        comes_back(&mut books, "2026-01-04", "2", 2);
        goes_out(&mut books, "2026-01-05", "1", 3);
        books.charge(3, "2026-01-06", "6");
        books.post(line(JournalType::NegativeAdjustment, "2026-01-07", "AVG", "3", None));
        books.adjust();
        // 11.50 each until half of what came back leaves with half of the charge: 3 at 31.50.
        assert_eq!(costs(&books, 5), ["40", "-23", "29", "-14.5", "-31.5"]);
    }

    #[test]
    fn cents_by_which_shares_differ_from_what_was_taken_for_them_go_to_who_comes_next() {
        let mut books = by_month();
        books.post(purchase("2026-01-02", "AVG", "6", "20"));
        books.post(sale("2026-01-03", "AVG", "3"));
        for date in ["2026-01-04", "2026-01-05", "2026-01-06"] {
            comes_back(&mut books, date, "1", 2);
        }
        books.post(line(JournalType::NegativeAdjustment, "2026-01-07", "AVG", "6", None));
        books.adjust();
        // Three shares of 3.33 come back of 10.00; sold out, no cent is left.
        assert_eq!(costs(&books, 6), ["20", "-10", "3.33", "3.33", "3.33", "-19.99"]);
    }

    /// Averages by location and month, at the blank location and in the yard.
    fn by_location() -> Books {
        let mut books = Books::new(|setup| {
            setup.average_period = AveragePeriod::Month;
            setup.average_type = AverageType::ItemLocationVariant;
        });
        books.inventory_accounts(Some("YARD"), "");
        books
    }

    /// Goods go from one location to another; `to` names the very increase that goes, 0 none.
    fn moves(books: &mut Books, (date, quantity): (&str, &str), to: u64, back: bool) {
        let mut line = line(JournalType::Transfer, date, "AVG", quantity, None);
        let yard = Some("YARD".try_into().unwrap());
        (line.location, line.new_location) = if back { (yard, None) } else { (None, yard) };
        line.applies_to = EntryNo(to);
        books.post(line);
    }

    #[test]
    fn what_was_sent_away_at_an_average_and_comes_back_leaves_that_average_alone() {
        let costs = |adjusts_meanwhile: bool| {
            let mut books = by_location();
            books.post(purchase("2026-01-02", "AVG", "322", "5568"));
            if adjusts_meanwhile {
                books.charge(1, "2026-01-02", "100");
                books.adjust();
                books.charge(1, "2026-01-02", "-100");
            }
            moves(&mut books, ("2026-01-03", "300"), 0, false);
            moves(&mut books, ("2026-01-04", "200"), 3, true);
            if adjusts_meanwhile {
                books.adjust();
            }
            books.post(line(JournalType::NegativeAdjustment, "2026-01-05", "AVG", "222", None));
            books.adjust();
            costs(&books, 6)
        };
        // 17.29 each, whatever of it comes back: nothing of the average depends on itself.
        let at_once = costs(true);
        assert_eq!(at_once, ["5568", "-5187.58", "5187.58", "-3458.39", "3458.39", "-3838.81"]);
        assert_eq!(at_once, costs(false));
    }

    #[test]
    fn a_charge_that_goods_got_where_they_were_comes_back_with_them() {
        let mut books = by_location();
        books.post(purchase("2026-01-02", "AVG", "4", "40"));
        moves(&mut books, ("2026-01-03", "2"), 0, false);
        moves(&mut books, ("2026-01-04", "2"), 3, true);
        books.charge(3, "2026-01-05", "6");
        books.post(line(JournalType::NegativeAdjustment, "2026-01-06", "AVG", "4", None));
        books.adjust();
        // 20.00 go and come back with 6.00: 46.00 over 4 pieces, sold out.
        assert_eq!(costs(&books, 6), ["40", "-20", "26", "-26", "26", "-46"]);
    }

    #[test]
    fn what_follows_an_entry_finds_its_place_when_the_entry_counts_later() {
        let mut books = by_month();
        books.ok(&Command::SetCompany(SetCompany {
            name: "Tallyman".to_owned(),
            negative_inventory_allowed: true,
            absent_after_hours: 12,
        }));
        // Sold before it was there, brought back, and that goes to the vendor: all in January.
        books.post(purchase("2026-01-02", "AVG", "3", "30"));
        books.post(sale("2026-01-03", "AVG", "5"));
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
