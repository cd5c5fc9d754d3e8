//! Random histories of an item: the ledger adjusts their costs at once, in the end, or item by item in any
//! order, and the naive costing of [`crate::reference::cost`] works them out from nothing. All four agree on
//! what is posted and what is refused, on the cost of every entry and on every account.

pub mod making;
pub mod playing;

use std::collections::BTreeMap;

use crate::reference::cost::accounts::{self, Account};
use crate::reference::cost::{Books, Cents, Fact, Item, Method, Period, Pieces, value};

/// When the ledger adjusts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Each posting queues what it changed, and it is worked off in slices of any size.
    AtOnce,
    /// Once, when everything is posted.
    InTheEnd,
    /// Item by item, in any order, now and then and in the end.
    ItemByItem,
}

impl When {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::AtOnce, Self::InTheEnd, Self::ItemByItem];
}

/// What a history is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Its seed.
    pub seed: u64,
    /// How its first item is valued.
    pub method: Method,
    /// The periods of averages.
    pub period: Period,
    /// Averages by location.
    pub by_place: bool,
}

impl Plan {
    /// The plan of a seed: periods and kinds of averages in turn.
    pub fn of_seed(seed: u64, method: Method) -> Self {
        let periods = [Period::Day, Period::Week, Period::Month, Period::Quarter, Period::Year];
        let at = usize::try_from(seed % 5).expect("below five");
        Self { seed, method, period: periods[at], by_place: (seed / 5) % 2 == 1 }
    }
}

/// A history: what was tried, and whether it was posted.
#[derive(Debug, Clone)]
pub struct History {
    /// What it is about.
    pub plan: Plan,
    /// The items as they were in the beginning.
    pub items: Vec<Item>,
    /// What was tried, in order, and whether the naive costing posted it.
    pub facts: Vec<(Fact, bool)>,
    /// The naive books in the end.
    pub books: Books,
}

/// What a side says in the end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    /// Quantity left and cost of every entry, by number.
    pub entries: BTreeMap<usize, (Pieces, Cents)>,
    /// Balance of every account that has one.
    pub accounts: BTreeMap<Account, Cents>,
}

/// Counts of what histories were about, so that a run shows that it was about something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally(pub BTreeMap<&'static str, u64>);

impl Tally {
    /// Counts one more.
    pub fn add(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    /// Adds another tally.
    pub fn join(&mut self, other: &Self) {
        for (what, n) in &other.0 {
            *self.0.entry(what).or_default() += n;
        }
    }
}

/// Plays a history on all sides.
///
/// # Errors
///
/// The first disagreement, with the history that leads to it.
pub fn agree(plan: Plan) -> Result<Tally, String> {
    let history = making::make(plan);
    let told = |why: String| format!("{plan:?}: {why}\n{}", told(&history));
    let costs = value::solve(&history.books).map_err(&told)?;
    let naive = Said {
        entries: history
            .books
            .entries
            .iter()
            .zip(&costs)
            .enumerate()
            .map(|(at, (entry, cost))| (at + 1, (entry.remaining, cost.total())))
            .collect(),
        accounts: accounts::balances(&history.books, &costs),
    };
    nothing_is_left(&history, &naive).map_err(&told)?;
    for when in When::ALL {
        let ours = playing::play(&history, when).map_err(&told)?;
        let differ = differences(&ours, &naive);
        if !differ.is_empty() {
            return Err(told(format!("{when:?} (ledger / naive):\n{}", differ.join("\n"))));
        }
    }
    Ok(tally(&history))
}

fn differences(ours: &Said, naive: &Said) -> Vec<String> {
    let mut found = Vec::new();
    for no in ours.entries.keys().chain(naive.entries.keys()) {
        let (one, other) = (ours.entries.get(no), naive.entries.get(no));
        if one != other {
            found.push(format!("  entry {no}: {one:?} / {other:?}"));
        }
    }
    for account in ours.accounts.keys().chain(naive.accounts.keys()) {
        let (one, other) = (ours.accounts.get(account), naive.accounts.get(account));
        if one != other {
            found.push(format!("  {account:?}: {one:?} / {other:?}"));
        }
    }
    found.sort();
    found.dedup();
    found
}

/// What is sold out is worth nothing (COSTING 3.5).
fn nothing_is_left(history: &History, said: &Said) -> Result<(), String> {
    for item in 0..history.books.items.len() {
        let of_item = history.books.entries.iter().zip(said.entries.values());
        let of_item: Vec<_> = of_item.filter(|(entry, _said)| entry.item == item).collect();
        let quantity: Pieces = of_item.iter().map(|(entry, _said)| entry.quantity).sum();
        let value: Cents = of_item.iter().map(|(_entry, said)| said.1).sum();
        let open = of_item.iter().any(|(entry, _said)| entry.remaining != 0);
        if quantity == 0 && !open && value != 0 {
            return Err(format!("item {item} is sold out and worth {value} cents"));
        }
    }
    Ok(())
}

fn tally(history: &History) -> Tally {
    let mut tally = Tally::default();
    for (fact, posted) in &history.facts {
        if *posted {
            tally.add(playing::name_of(fact));
        } else {
            tally.add("refused on both sides");
        }
    }
    for entry in &history.books.entries {
        if entry.applies_to != 0 {
            tally.add("fixed applications");
        }
        if entry.quantity < 0 && entry.valuation > entry.date {
            tally.add("decreases that count from their supply");
        }
    }
    tally
}

/// The history, a line for each fact.
pub fn told(history: &History) -> String {
    let mut lines = Vec::new();
    for item in &history.items {
        lines.push(format!("  {item:?}"));
    }
    for (fact, posted) in &history.facts {
        lines.push(format!("  {}{fact:?}", if *posted { "" } else { "(refused) " }));
    }
    for (at, entry) in history.books.entries.iter().enumerate() {
        lines.push(format!(
            "  entry {}: {:?} item {} place {} {} {} left {} counts {} to {} from {} leg {} of {}",
            at + 1,
            entry.kind,
            entry.item,
            entry.place,
            entry.date,
            entry.quantity,
            entry.remaining,
            entry.valuation,
            entry.applies_to,
            entry.applies_from,
            entry.leg,
            entry.source
        ));
    }
    lines.join("\n")
}
