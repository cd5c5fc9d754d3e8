//! Random histories: whenever cost is adjusted, at once, in the end or now and then, each entry costs the
//! same; and what is sold out is worth nothing.

use std::collections::BTreeMap;

use protocol::quantity::Quantity;

use crate::books::{Books, journal, line, m};
use crate::command::Command;
use crate::command::journal::JournalType;
use crate::costing::work::AdjustCost;
use crate::key::KeyRange;
use crate::money::Money;
use crate::schema::EntryNo;
use crate::schema::entry::{ItemLedger, ItemLedgerStates, OpenOutbound};
use crate::schema::item::CostingMethod;
use crate::schema::money::{AdjustmentWindow, AveragePeriod, AverageType, ItemValues};
use crate::tables::Read as _;

/// When cost is adjusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    AtOnce,
    InTheEnd,
    NowAndThen,
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn date(&mut self) -> String {
        format!("2026-{:02}-{:02}", 1 + self.below(3), 1 + self.below(28))
    }

    fn amount(&mut self) -> String {
        format!("{}.{:02}", self.below(60), self.below(100))
    }
}

struct History {
    books: Books,
    dice: Dice,
    item: &'static str,
    when: When,
    /// A die of its own, so that adjusting now and then draws nothing from the history.
    pauses: Dice,
    done: Vec<String>,
}

impl History {
    fn new(seed: u64, item: &'static str, when: When, period: AveragePeriod) -> Self {
        let mut books = Books::new(|setup| {
            setup.average_period = period;
            setup.average_type = AverageType::Item;
            if when == When::AtOnce {
                setup.automatic_adjustment = AdjustmentWindow::Always;
            }
        });
        books.world.item("FIFO", CostingMethod::Fifo, None);
        books.world.item("LIFO", CostingMethod::Lifo, None);
        books.card(item, |card| {
            card.unit_cost = Some("3".parse().unwrap());
            card.standard_cost = Some("3.33".parse().unwrap());
        });
        let (dice, pauses) = (Dice(seed), Dice(seed ^ 0xABCD));
        Self { books, dice, item, when, pauses, done: Vec::new() }
    }

    fn entries(&self, want: impl Fn(&crate::schema::entry::ItemLedgerEntry) -> bool) -> Vec<u64> {
        self.books
            .world
            .tables
            .list::<ItemLedger>(&KeyRange::all())
            .into_iter()
            .filter(|(_no, entry)| want(entry))
            .map(|(no, _entry)| no.0)
            .collect()
    }

    fn pick(&mut self, from: &[u64]) -> Option<u64> {
        let n = u64::try_from(from.len()).unwrap();
        (n > 0).then(|| from[usize::try_from(self.dice.below(n)).unwrap()])
    }

    /// Does something; what is refused is left out, in every order of adjusting alike.
    fn step(&mut self) {
        let (date, quantity) = (self.dice.date(), (1 + self.dice.below(6)).to_string());
        let amount = self.dice.amount();
        match self.dice.below(9) {
            0..=2 => {
                let mut bought =
                    line(JournalType::Purchase, &date, self.item, &quantity, Some(&amount));
                bought.not_invoiced = self.dice.below(3) == 0;
                self.try_post(&journal(bought));
            }
            3 | 4 => {
                self.try_post(&journal(line(JournalType::Sale, &date, self.item, &quantity, None)));
            }
            5 => {
                let kind = JournalType::PositiveAdjustment;
                self.try_post(&journal(line(kind, &date, self.item, &quantity, Some(&amount))));
            }
            6 => {
                let increases =
                    self.entries(|entry| entry.quantity.is_positive() && entry.applies_from.0 == 0);
                if let Some(entry) = self.pick(&increases) {
                    self.try_post(&crate::books::charge(entry, &date, &amount));
                }
            }
            7 => {
                let sales =
                    self.entries(|entry| entry.quantity.is_negative() && entry.applies_to.0 == 0);
                if let Some(entry) = self.pick(&sales) {
                    let mut back = line(JournalType::SaleReturn, &date, self.item, "1", None);
                    back.applies_from = EntryNo(entry);
                    self.try_post(&journal(back));
                }
            }
            _ => {
                let increases = self.entries(|entry| entry.quantity.is_positive());
                if let Some(entry) = self.pick(&increases) {
                    let mut back = line(JournalType::PurchaseReturn, &date, self.item, "1", None);
                    back.applies_to = EntryNo(entry);
                    self.try_post(&journal(back));
                }
            }
        }
        if self.when == When::NowAndThen && self.pauses.below(4) == 0 {
            let items = vec![self.item.try_into().unwrap()];
            self.books.ok(&Command::AdjustCost(AdjustCost { items, ..AdjustCost::default() }));
        }
    }

    fn try_post(&mut self, command: &Command) {
        let outcome = self.books.world.desk(command);
        if outcome.decision == protocol::outcome::Decision::Accepted {
            self.done.push(told(command));
        }
        self.books.drain();
    }

    /// Everything is invoiced, what is open is closed, and all of it is sold.
    fn end(&mut self) {
        let open = self.books.world.tables.list::<OpenOutbound>(&KeyRange::all());
        if !open.is_empty() {
            let kind = JournalType::PositiveAdjustment;
            self.books.post(line(kind, "2026-04-01", self.item, "500", Some("1700.55")));
        }
        for (no, state) in self.books.world.tables.list::<ItemLedgerStates>(&KeyRange::all()) {
            let entry = self.books.world.tables.row::<ItemLedger>(&no).unwrap();
            let rest = entry.quantity.checked_sub(state.invoiced).unwrap();
            if !rest.is_zero() {
                self.books.invoice(no.0, &rest.abs().to_string(), "2026-04-02", Some("12.34"));
            }
        }
        let item = self.books.item(self.item);
        let there = self.books.world.tables.row::<ItemValues>(&item).unwrap().quantity;
        if there.is_positive() {
            self.books.post(line(
                JournalType::NegativeAdjustment,
                "2026-04-03",
                self.item,
                &there.to_string(),
                None,
            ));
        }
        self.books.adjust();
    }

    fn costs(&self) -> BTreeMap<u64, (Quantity, Money)> {
        self.books
            .world
            .tables
            .list::<ItemLedgerStates>(&KeyRange::all())
            .into_iter()
            .map(|(no, state)| {
                let cost = state.cost.actual.checked_add(state.cost.expected).unwrap();
                (no.0, (state.remaining, cost))
            })
            .collect()
    }
}

/// A command in a few words.
#[expect(clippy::wildcard_enum_match_arm, reason = "histories are made of these")]
fn told(command: &Command) -> String {
    match command {
        Command::PostItemJournal(journal) => journal
            .lines
            .iter()
            .map(|line| {
                let cost = line.amount.map(|amount| amount.to_string()).unwrap_or_default();
                format!(
                    "{} {:?} {} {cost} to {} from {} {}",
                    line.date,
                    line.line_type,
                    line.quantity,
                    line.applies_to,
                    line.applies_from,
                    if line.not_invoiced { "not invoiced" } else { "" }
                )
            })
            .collect::<Vec<_>>()
            .join("; "),
        Command::ChargeEntries(charge) => {
            format!("{} charge {:?}", charge.date, charge.assignments)
        }
        other => other.name().to_owned(),
    }
}

fn play(seed: u64, item: &'static str, when: When, period: AveragePeriod) -> History {
    let mut history = History::new(seed, item, when, period);
    let steps = 6 + history.dice.below(10);
    for _ in 0..steps {
        history.step();
    }
    history.end();
    history
}

fn holds(seed: u64, item: &'static str, period: AveragePeriod) {
    let batch = play(seed, item, When::InTheEnd, period);
    let told = batch.done.join("\n");
    let id = batch.books.item(item);
    let left = batch.books.world.tables.row::<ItemValues>(&id).map(|row| *row).unwrap_or_default();
    let open = batch.books.world.tables.list::<OpenOutbound>(&KeyRange::all()).len();
    if left.quantity.is_zero() && open == 0 {
        let value = left.actual.checked_add(left.expected).unwrap();
        assert_eq!(
            value,
            m("0"),
            "seed {seed} {item} {period:?}: sold out\n{told}\n{:?}",
            batch.costs()
        );
    }
    for when in [When::AtOnce, When::NowAndThen] {
        let other = play(seed, item, when, period);
        let (ours, theirs) = (other.costs(), batch.costs());
        let differ: Vec<_> = ours
            .iter()
            .filter(|(no, cost)| theirs.get(no) != Some(cost))
            .map(|(no, cost)| (no, cost, theirs.get(no)))
            .collect();
        assert!(differ.is_empty(), "seed {seed} {item} {period:?}: {when:?}: {differ:?}\n{told}");
    }
}

#[test]
fn fifo_costs_the_same_whenever_it_is_adjusted() {
    (0..40).for_each(|seed| holds(seed, "FIFO", AveragePeriod::Day));
}

#[test]
fn lifo_costs_the_same_whenever_it_is_adjusted() {
    (0..40).for_each(|seed| holds(seed, "LIFO", AveragePeriod::Day));
}

#[test]
fn standard_costs_the_same_whenever_it_is_adjusted() {
    (0..40).for_each(|seed| holds(seed, "STD", AveragePeriod::Day));
}

#[test]
fn average_costs_the_same_whenever_it_is_adjusted() {
    for period in [AveragePeriod::Day, AveragePeriod::Week, AveragePeriod::Month] {
        (0..25).for_each(|seed| holds(seed, "AVG", period));
    }
}
