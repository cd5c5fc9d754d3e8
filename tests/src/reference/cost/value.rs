//! What every entry costs, worked out from nothing until nothing moves (COSTING 6, 8.3, 10, 11, 14, 15).

use chrono::NaiveDate;

use super::average;
use super::exact::{Fraction, round_div};
use super::fact::{Cents, Kind, Method, No, Pieces, Refused, Unit};
use super::stock::{Application, Books, Order, Revaluation, at_unit, overhead};

/// Rounds of the whole after which costs that still move are told instead.
const ROUNDS_MAX: usize = 2_000;

/// What an entry costs, by the kinds of its value entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the kinds are those of COSTING 2.3")]
pub struct Cost {
    pub direct: Cents,
    pub indirect: Cents,
    /// Purchase variance.
    pub variance: Cents,
    pub material_variance: Cents,
    pub capacity_variance: Cents,
    pub capacity_overhead_variance: Cents,
    pub overhead_variance: Cents,
    pub revaluation: Cents,
    pub rounding: Cents,
}

impl Cost {
    /// Everything but revaluation and rounding.
    pub const fn base(&self) -> Cents {
        self.direct
            + self.indirect
            + self.variance
            + self.material_variance
            + self.capacity_variance
            + self.capacity_overhead_variance
            + self.overhead_variance
    }

    /// All of it.
    pub const fn total(&self) -> Cents {
        self.base() + self.revaluation + self.rounding
    }
}

/// The cost of every entry, in their order.
///
/// # Errors
///
/// Something that cannot be: costs that go on moving, more left over than rounding can explain.
pub fn solve(books: &Books) -> Result<Vec<Cost>, String> {
    let mut costs = vec![Cost::default(); books.entries.len()];
    for _round in 0..ROUNDS_MAX {
        let before = costs.clone();
        for item in 0..books.items.len() {
            if books.items[item].method == Method::Average {
                average::work(books, item, &mut costs)?;
            } else {
                for no in of_item(books, item) {
                    costs[no - 1] = by_application(books, no, &costs);
                }
            }
        }
        if costs == before {
            return rounded(books, costs);
        }
    }
    Err("the costs go on moving".to_owned())
}

/// The entries of an item, by number.
pub fn of_item(books: &Books, item: usize) -> Vec<No> {
    (1..=books.entries.len()).filter(|no| books.entry(*no).item == item).collect()
}

/// The cost of an entry that is not valued by average.
pub fn by_application(books: &Books, no: No, costs: &[Cost]) -> Cost {
    if books.entry(no).quantity < 0 {
        let rows = books.applications.iter().filter(|row| row.decrease == no);
        let direct = -rows.map(|row| carried(books, row, costs)).sum::<Cents>();
        return Cost { direct, ..Cost::default() };
    }
    let entry = books.entry(no);
    let stated = entry.stated;
    let mut cost = if entry.leg != 0 {
        Cost { direct: transferred(books, no, costs), ..Cost::default() }
    } else if entry.applies_from != 0 {
        let taken = books.entry(entry.applies_from).quantity;
        let cost = costs[entry.applies_from - 1].total();
        Cost { direct: round_div(cost * entry.quantity, taken), ..Cost::default() }
    } else if let Some(order) = made_by(books, no) {
        of_order(books, no, order, costs)
    } else {
        Cost {
            direct: stated.direct + stated.expected,
            indirect: stated.indirect,
            variance: stated.variance,
            ..Cost::default()
        }
    };
    cost.direct += stated.charges;
    cost.variance += stated.charge_variance;
    cost.revaluation =
        books.revaluations.iter().filter(|row| row.entry == no).map(|row| row.amount).sum();
    cost
}

/// The order whose finished output this is.
fn made_by(books: &Books, no: No) -> Option<&Order> {
    let order = &books.orders[books.entry(no).order?];
    order.finished.then_some(order)
}

/// What an inbound entry of a transfer brings: the portion that its leg took from the increase behind it;
/// where it stands for the whole leg, all of that.
fn transferred(books: &Books, no: No, costs: &[Cost]) -> Cents {
    let entry = books.entry(no);
    if entry.source == 0 {
        return -costs[entry.leg - 1].total();
    }
    books
        .applications
        .iter()
        .filter(|row| row.decrease == entry.leg && row.increase == entry.source)
        .map(|row| carried(books, row, costs))
        .sum()
}

/// The share of an increase that an application carries (COSTING 8.3, 11.4).
pub fn carried(books: &Books, row: &Application, costs: &[Cost]) -> Cents {
    let increase = books.entry(row.increase);
    let base = costs[row.increase - 1].base();
    let mut share = Fraction::new(base * row.quantity, increase.quantity);
    for change in books.revaluations.iter().filter(|change| change.entry == row.increase) {
        if is_affected(books, row.decrease, change) {
            share = share.plus(Fraction::new(change.amount * row.quantity, change.quantity));
        }
    }
    share.rounded()
}

/// Whether a revaluation counts for a decrease (COSTING 11.4).
pub fn is_affected(books: &Books, decrease: No, change: &Revaluation) -> bool {
    let entry = books.entry(decrease);
    entry.seq > change.seq || entry.date > change.date
}

/// Its part of what an order used, and what keeps a standard item at its standard (COSTING 14.3).
fn of_order(books: &Books, no: No, order: &Order, costs: &[Cost]) -> Cost {
    let material = -order.used.iter().map(|no| costs[no - 1].total()).sum::<Cents>();
    let whole: Pieces = order.made.iter().map(|no| books.entry(*no).quantity).sum();
    let upto: Pieces =
        order.made.iter().filter(|made| **made <= no).map(|no| books.entry(*no).quantity).sum();
    let quantity = books.entry(no).quantity;
    let part = |amount: Cents| {
        round_div(amount * upto, whole) - round_div(amount * (upto - quantity), whole)
    };
    let (material, capacity) = (part(material), part(order.capacity));
    let capacity_overhead = part(order.capacity_overhead);
    let item = &books.items[books.entry(no).item];
    let direct = material + capacity + capacity_overhead;
    let indirect = overhead(item, direct, quantity);
    let mut cost = Cost { direct, indirect, ..Cost::default() };
    if item.method == Method::Standard {
        // The cards of these items name no shares: all of their standard cost is material.
        cost.material_variance = at_unit(item.standard, quantity) - material;
        cost.capacity_variance = -capacity;
        cost.capacity_overhead_variance = -capacity_overhead;
        cost.overhead_variance = -indirect;
    }
    cost
}

/// Cents left on increases that are used up and invoiced (COSTING 10.2, 10.3). What a rounding takes
/// goes to nobody: shares are drawn without it.
fn rounded(books: &Books, mut costs: Vec<Cost>) -> Result<Vec<Cost>, String> {
    for no in 1..=books.entries.len() {
        let entry = books.entry(no);
        let used_up = entry.quantity > 0 && entry.remaining == 0;
        if !used_up || books.method(no) == Method::Average || !books.is_invoiced(no, None) {
            continue;
        }
        let rows: Vec<_> = books.applications.iter().filter(|row| row.increase == no).collect();
        let given: Cents = rows.iter().map(|row| carried(books, row, &costs)).sum();
        let left = costs[no - 1].total() - given;
        if 2 * left.abs() > i128::try_from(rows.len()).unwrap_or(0) {
            return Err(format!("entry {no}: {left} cents left of {} shares", rows.len()));
        }
        costs[no - 1].rounding = -left;
    }
    Ok(costs)
}

/// All that is left of an item gets a new unit cost (COSTING 11.1, 11.2); not for averages here.
///
/// # Errors
///
/// It would be refused.
pub fn revalue_item(
    books: &mut Books,
    item: usize,
    date: NaiveDate,
    unit: Unit,
) -> Result<(), Refused> {
    let nos = of_item(books, item);
    if nos.iter().any(|no| books.entry(*no).remaining < 0 && books.entry(*no).date <= date) {
        return Err(Refused("open_outbound_entry"));
    }
    let costs = solve(books).map_err(|_why| Refused("inconsistent"))?;
    let standard = books.items[item].method == Method::Standard;
    let left: Vec<(No, Pieces, Cents)> = nos
        .into_iter()
        .filter(|no| standard || books.is_invoiced(*no, Some(date)))
        .map(|no| (no, books.left_at(no, date)))
        .filter(|(_no, quantity)| *quantity > 0)
        .map(|(no, quantity)| (no, quantity, worth(books, no, (quantity, date), &costs)))
        .collect();
    let whole: Pieces = left.iter().map(|row| row.1).sum();
    if whole == 0 {
        return Err(Refused("nothing_to_revalue"));
    }
    let new = at_unit(unit, whole);
    let (mut sum, mut given) = (0, 0);
    for (no, quantity, own) in left {
        sum += quantity;
        let upto = round_div(new * sum, whole);
        books.write_revaluation(no, date, (upto - given - own, quantity));
        given = upto;
    }
    Ok(())
}

/// What a quantity of an increase is worth at a date, by what counts from then or before.
fn worth(books: &Books, no: No, (quantity, date): (Pieces, NaiveDate), costs: &[Cost]) -> Cents {
    let entry = books.entry(no);
    let made = matches!(entry.kind, Kind::Output | Kind::AssemblyOutput);
    let mut share = Fraction::ZERO;
    if made || entry.valuation <= date {
        share = share.plus(Fraction::new(costs[no - 1].base() * quantity, entry.quantity));
    }
    for change in books.revaluations.iter().filter(|change| change.entry == no) {
        let from = if made { change.date } else { change.date.max(entry.valuation) };
        if from <= date {
            share = share.plus(Fraction::new(change.amount * quantity, change.quantity));
        }
    }
    share.rounded()
}
