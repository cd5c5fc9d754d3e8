//! Averages, period by period from the first (COSTING 9).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike as _, Days, Months, NaiveDate};

use super::exact::{Fraction, round_div};
use super::fact::{Cents, No, Period, Pieces};
use super::stock::Books;
use super::value::{Cost, by_application, is_affected, of_item};

/// Rounds after which pools that feed each other are told instead.
const ROUNDS_MAX: usize = 1_000;

/// Quantity and value.
type Held = (Pieces, Cents);

/// The last day of the period of a date (COSTING 9.1).
pub fn period_end(period: Period, date: NaiveDate) -> NaiveDate {
    let months = |n: u32| {
        let first = NaiveDate::from_ymd_opt(date.year(), date.month0() / n * n + 1, 1)
            .expect("each month has a first day");
        first + Months::new(n) - Days::new(1)
    };
    match period {
        Period::Day => date,
        Period::Week => date + Days::new(u64::from(6 - date.weekday().num_days_from_monday())),
        Period::Month => months(1),
        Period::Quarter => months(3),
        Period::Year => months(12),
    }
}

/// Works out all averages of an item.
///
/// # Errors
///
/// Nothing says what goods cost that are not there; pools that do not come to rest.
pub fn work(books: &Books, item: usize, costs: &mut [Cost]) -> Result<(), String> {
    let nos = of_item(books, item);
    let mut ends: BTreeSet<NaiveDate> = nos.iter().map(|no| end_of(books, *no)).collect();
    ends.extend(changes(books, item).map(|(_no, date, ..)| period_end(books.period, date)));
    let pools: BTreeSet<usize> = nos.iter().map(|no| pool(books, *no)).collect();
    let mut held: BTreeMap<usize, Held> = BTreeMap::new();
    let mut last: BTreeMap<usize, Held> = BTreeMap::new();
    let mut roundings: BTreeMap<No, Cents> = BTreeMap::new();
    for end in ends {
        for no in nos.iter().filter(|no| by_average(books, **no) && end_of(books, **no) == end) {
            costs[*no - 1] = Cost::default();
        }
        let mut rounds = 0;
        let mut closing;
        loop {
            let before = costs.to_vec();
            closing = BTreeMap::new();
            for pool in &pools {
                for no in nos.iter().filter(|no| !by_average(books, **no)) {
                    costs[*no - 1] = by_application(books, *no, costs);
                }
                let opening = held.get(pool).copied().unwrap_or_default();
                let at = (item, *pool, end);
                let closed = work_pool(books, at, (opening, last.get(pool).copied()), costs)?;
                closing.insert(*pool, closed);
            }
            if before == *costs {
                break;
            }
            rounds += 1;
            if rounds > ROUNDS_MAX {
                return Err(format!("item {item}: pools go on feeding each other in {end}"));
            }
        }
        for (pool, (mut rest, basis)) in closing {
            if basis.0 > 0 {
                last.insert(pool, basis);
            }
            if let Some(increase) = sold_out(books, (item, pool, end), rest) {
                *roundings.entry(increase).or_default() -= rest.1;
                rest.1 = 0;
            }
            held.insert(pool, rest);
        }
    }
    for (no, rounding) in roundings {
        costs[no - 1].rounding = rounding;
    }
    Ok(())
}

/// The increase that carries the cents which are left of a pool without quantity, when nothing left it at the
/// average of the period and its fixed decreases explain them (COSTING 9.3, 10.3).
fn sold_out(books: &Books, (item, at, end): (usize, usize, NaiveDate), rest: Held) -> Option<No> {
    let nos: Vec<No> =
        of_item(books, item).into_iter().filter(|no| pool(books, *no) == at).collect();
    let inside = |no: &&No| end_of(books, **no) == end && books.entry(**no).quantity < 0;
    let fixed = Cents::try_from(nos.iter().filter(inside).count()).ok()?;
    let is_rounding = rest.1 != 0 && 2 * rest.1.abs() <= fixed.max(2);
    if rest.0 != 0 || !is_rounding || nos.iter().any(|no| inside(&no) && by_average(books, *no)) {
        return None;
    }
    nos.into_iter().rev().find(|no| {
        let entry = books.entry(*no);
        entry.quantity > 0 && entry.valuation <= end
    })
}

fn pool(books: &Books, no: No) -> usize {
    if books.by_place { books.entry(no).place } else { 0 }
}

fn end_of(books: &Books, no: No) -> NaiveDate {
    period_end(books.period, books.entry(no).valuation)
}

fn by_average(books: &Books, no: No) -> bool {
    let entry = books.entry(no);
    entry.quantity < 0 && entry.applies_to == 0
}

/// The decrease of the same pool and period whose cost an entry only brings back, or takes along again by
/// a fixed application, wherever the goods were meanwhile (COSTING 9.2, 9.4).
fn set_aside(books: &Books, no: No) -> Option<No> {
    let mut from = no;
    loop {
        let entry = books.entry(from);
        from =
            if entry.quantity < 0 { entry.applies_to } else { entry.applies_from.max(entry.leg) };
        if from == 0 {
            return None;
        }
        if by_average(books, from) {
            let same =
                pool(books, from) == pool(books, no) && end_of(books, from) == end_of(books, no);
            return same.then_some(from);
        }
    }
}

/// What an entry that is set aside has through its source from charges and revaluations: these are no part
/// of what the decrease took, so they count in the average.
fn from_elsewhere(books: &Books, no: No) -> Cents {
    let entry = books.entry(no);
    if entry.quantity > 0 {
        let from = entry.applies_from.max(entry.leg);
        if by_average(books, from) {
            return 0;
        }
        return round_div(from_elsewhere(books, from) * entry.quantity, books.entry(from).quantity);
    }
    let source = books.entry(entry.applies_to);
    let base = from_elsewhere(books, entry.applies_to) + source.stated.charges;
    let mut share = Fraction::new(base * -entry.quantity, source.quantity);
    for change in books.revaluations.iter().filter(|change| change.entry == entry.applies_to) {
        if is_affected(books, no, change) {
            share = share.plus(Fraction::new(change.amount * -entry.quantity, change.quantity));
        }
    }
    -share.rounded()
}

/// Revaluations of an item: entry, when it counts, place in the order of posting, amount.
fn changes(books: &Books, item: usize) -> impl Iterator<Item = (No, NaiveDate, usize, Cents)> {
    books
        .revaluations
        .iter()
        .filter(move |row| books.entry(row.entry).item == item)
        .map(|row| (row.entry, row.date.max(books.entry(row.entry).valuation), row.seq, row.amount))
}

/// Values what leaves a pool in a period; answers what it holds then, and what its average was drawn from.
fn work_pool(
    books: &Books,
    (item, at, end): (usize, usize, NaiveDate),
    (opening, last): (Held, Option<Held>),
    costs: &mut [Cost],
) -> Result<(Held, Held), String> {
    let inside: Vec<No> = of_item(books, item)
        .into_iter()
        .filter(|no| pool(books, *no) == at && end_of(books, *no) == end)
        .collect();
    let (mut quantity, mut value) = opening;
    for no in inside.iter().filter(|no| !by_average(books, **no)) {
        if set_aside(books, *no).is_none() {
            quantity += books.entry(*no).quantity;
            value += costs[*no - 1].base();
        } else {
            value += books.entry(*no).stated.charges;
        }
    }
    let basis = (quantity, value);
    // What happens in the period in its order: decreases, what is set aside, and revaluations.
    let mut events: Vec<(NaiveDate, usize, Event)> = Vec::new();
    for no in &inside {
        let entry = books.entry(*no);
        if by_average(books, *no) {
            events.push((entry.valuation, entry.seq, Event::Decrease(*no)));
        } else if let Some(root) = set_aside(books, *no) {
            events.push((entry.valuation, entry.seq, Event::Aside(*no, root)));
        }
    }
    for (no, date, seq, amount) in changes(books, item) {
        if pool(books, no) == at && period_end(books.period, date) == end {
            events.push((date, seq, Event::Revaluation(amount)));
        }
    }
    events.sort_by_key(|event| (event.0, event.1));
    let (mut cum, mut given, mut revalued) = (0, 0, 0);
    let mut before = (0, 0);
    // What each decrease took for what is set aside.
    let mut back: BTreeMap<No, Cents> = BTreeMap::new();
    for (_date, _seq, event) in events {
        let no = match event {
            Event::Revaluation(amount) => {
                revalued += amount;
                before = (cum, given);
                continue;
            }
            Event::Aside(no, root) => {
                let amount = counts_of_aside(books, (no, root, back[&root]), &inside, costs);
                if amount != 0 {
                    revalued += amount;
                    before = (cum, given);
                }
                continue;
            }
            Event::Decrease(no) => no,
        };
        let group = aside_of(books, no, &inside);
        let aside: Pieces = group.iter().map(|other| books.entry(*other).quantity).sum();
        let mut whole = (quantity - before.0, value + revalued - before.1);
        if whole.0 <= 0 {
            whole = last.ok_or_else(|| format!("entry {no}: there is no average yet"))?;
        }
        cum += -books.entry(no).quantity - aside;
        let upto = before.1 + round_div(whole.1 * (cum - before.0), whole.0);
        let share = round_div(whole.1 * aside, whole.0);
        costs[no - 1] = Cost { direct: -(upto - given) - share, ..Cost::default() };
        given = upto;
        back.insert(no, share);
        for other in group {
            costs[other - 1] = by_application(books, other, costs);
        }
    }
    Ok(((quantity - cum, value + revalued - given), basis))
}

/// Something that happens in a period.
enum Event {
    Decrease(No),
    /// It is set aside because of that decrease.
    Aside(No, No),
    Revaluation(Cents),
}

/// What is set aside because of a decrease.
fn aside_of(books: &Books, root: No, inside: &[No]) -> Vec<No> {
    inside.iter().copied().filter(|no| set_aside(books, *no) == Some(root)).collect()
}

/// What counts of an entry that is set aside: what it has from elsewhere through its source, and the cents by
/// which the shares up to it differ from what the decrease took for them.
fn counts_of_aside(
    books: &Books,
    (no, root, back): (No, No, Cents),
    inside: &[No],
    costs: &[Cost],
) -> Cents {
    let group = aside_of(books, root, inside);
    let differs = |upto: &[No]| {
        let Some(last) = upto.last() else { return 0 };
        let derived = |no: &No| {
            let charges = books.entry(*no).stated.charges;
            costs[no - 1].base() - charges - from_elsewhere(books, *no)
        };
        let brought: Cents = upto.iter().map(derived).sum();
        let quantity: Pieces = upto.iter().map(|no| books.entry(*no).quantity).sum();
        let share = if group.last() == Some(last) {
            back
        } else {
            round_div(costs[root - 1].total() * quantity, books.entry(root).quantity)
        };
        brought - share
    };
    let at = group.iter().position(|other| *other == no).expect("it is set aside");
    from_elsewhere(books, no) + differs(&group[..=at]) - differs(&group[..at])
}
