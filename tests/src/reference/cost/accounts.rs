//! The general ledger, once everything is invoiced and posted (COSTING 17.2, 17.4).

use std::collections::BTreeMap;

use super::fact::{Cents, Kind};
use super::stock::Books;
use super::value::Cost;

/// What an account is for; location and inventory posting group where these have accounts of their own.
pub type Account = (&'static str, Option<(usize, usize)>);

/// The balance of every account; those of nothing are left out.
pub fn balances(books: &Books, costs: &[Cost]) -> BTreeMap<Account, Cents> {
    let mut sums = BTreeMap::new();
    for (entry, cost) in books.entries.iter().zip(costs) {
        let here = Some((entry.place, books.items[entry.item].group));
        let mut post = |account: Account, amount: Cents| {
            *sums.entry(("inventory", here)).or_default() += amount;
            *sums.entry(account).or_default() -= amount;
        };
        let direct = match entry.kind {
            Kind::Purchase => ("direct_cost_applied", None),
            Kind::Sale => ("cogs", None),
            Kind::Consumption | Kind::Output => match entry.order {
                Some(order) => wip_of(books, order),
                None => ("wip", here),
            },
            Kind::Positive
            | Kind::Negative
            | Kind::Transfer
            | Kind::AssemblyConsumption
            | Kind::AssemblyOutput => ("inventory_adjmt", None),
        };
        post(direct, cost.direct);
        post(("overhead_applied", None), cost.indirect);
        post(("purchase_variance", None), cost.variance);
        post(("material_variance", here), cost.material_variance);
        post(("capacity_variance", here), cost.capacity_variance);
        post(("capacity_overhead_variance", here), cost.capacity_overhead_variance);
        post(("mfg_overhead_variance", here), cost.overhead_variance);
        post(("inventory_adjmt", None), cost.revaluation + cost.rounding);
    }
    for (at, order) in books.orders.iter().enumerate() {
        let account = if order.assembly { ("inventory_adjmt", None) } else { wip_of(books, at) };
        *sums.entry(account).or_default() += order.capacity + order.capacity_overhead;
        *sums.entry(("direct_cost_applied", None)).or_default() -= order.capacity;
        *sums.entry(("overhead_applied", None)).or_default() -= order.capacity_overhead;
    }
    sums.retain(|_account, sum| *sum != 0);
    sums
}

/// Work in progress lies where the order makes its output (COSTING 17.4).
fn wip_of(books: &Books, order: usize) -> Account {
    let order = &books.orders[order];
    ("wip", Some((order.place, books.items[order.item].group)))
}
