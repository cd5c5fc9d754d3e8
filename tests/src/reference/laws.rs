//! Laws of the second opinion, on random histories, and the posting rule run against it.
//!
//! [`Posting`] inserts one operation after the other by the backward walk that the design
//! describes. It exists to show that the walk and the sorted fold agree for every order of arrival.

use std::collections::BTreeMap;

use super::{BinLine, ONE, Operation, Order, Standing, StockKey, What, judge};
use crate::prng::Prng;

/// (bin, item).
type Key = (u8, u8);

impl StockKey for Key {
    type Bin = u8;
    fn bin(&self) -> u8 {
        self.0
    }
}

const MINUTE_US: i64 = 60_000_000;

fn history(prng: &mut Prng) -> Vec<Operation<Key>> {
    let mut operations = Vec::new();
    let n_operations = prng.between(2, 30);
    for seq in 0..n_operations.unsigned_abs() {
        // Few distinct instants, so that ties in time are common and the rest of the key decides.
        let tau_us = prng.between(0, 40) * MINUTE_US;
        let device = u32::try_from(prng.below(4)).unwrap();
        let order = Order { tau_us, device, incarnation: 0, seq, leg: 0 };
        let key = |prng: &mut Prng| (u8::from(prng.chance(1, 3)), u8::from(prng.chance(1, 2)));
        let what = match prng.below(10) {
            0..=5 => {
                What::Movement { key: key(prng), delta: i128::from(prng.between(-9, 9)) * ONE }
            }
            6 | 7 => What::Count { key: key(prng), quantity: i128::from(prng.below(30)) * ONE },
            _ => {
                let (bin, item) = key(prng);
                let line_order = Order { tau_us: tau_us - prng.between(0, 2) * MINUTE_US, ..order };
                let quantity = i128::from(prng.below(30)) * ONE;
                let line = BinLine { key: (bin, item), quantity, order: line_order };
                What::BinCount { bin, lines: if prng.chance(1, 2) { vec![line] } else { vec![] } }
            }
        };
        let mut operation = Operation::exact(order, what);
        operation.epsilon_us = prng.between(0, 3) * MINUTE_US;
        operation.uncertain = prng.chance(1, 10);
        operations.push(operation);
    }
    operations
}

#[test]
fn the_opinion_depends_on_the_set_and_never_on_its_order() {
    let mut prng = Prng::new(11);
    for _ in 0..2000 {
        let mut operations = history(&mut prng);
        let opinion = judge(&operations);
        for _ in 0..3 {
            prng.shuffle(&mut operations);
            assert_eq!(judge(&operations), opinion);
        }
    }
}

#[test]
fn movements_and_differences_sum_to_the_book() {
    let mut prng = Prng::new(12);
    for _ in 0..2000 {
        let operations = history(&mut prng);
        let opinion = judge(&operations);
        for (key, book) in &opinion.book {
            let moved: i128 = operations
                .iter()
                .filter_map(|operation| match &operation.what {
                    What::Movement { key: of, delta } if of == key => Some(*delta),
                    _ => None,
                })
                .sum();
            let found: i128 = opinion
                .counts
                .iter()
                .filter(|((of, _), _)| of == key)
                .map(|(_, finding)| finding.difference)
                .sum();
            assert_eq!(moved + found, *book);
        }
    }
}

#[test]
fn both_readings_of_an_ambiguous_pair_lie_within_the_range() {
    let mut prng = Prng::new(13);
    let mut n_readings = 0;
    for _ in 0..2000 {
        for finding in judge(&history(&mut prng)).counts.values() {
            for reading in &finding.ambiguous {
                n_readings += 1;
                for outlook in [reading.before, reading.after] {
                    assert!(outlook.difference >= finding.difference_min);
                    assert!(outlook.difference <= finding.difference_max);
                }
            }
        }
    }
    assert!(n_readings > 1000, "only {n_readings} readings: the test says little");
}

/// The posting rule as a ledger follows it: one operation at a time, backward from the end.
#[derive(Default)]
struct Posting {
    content: i128,
    moves: BTreeMap<Order, i128>,
    /// What was found, and the net difference posted so far.
    counts: BTreeMap<Order, (i128, i128)>,
}

impl Posting {
    fn next_count(&self, order: Order) -> Option<Order> {
        self.counts.range(order..).map(|(at, _)| *at).find(|at| *at > order)
    }

    fn insert_movement(&mut self, order: Order, delta: i128) {
        self.content += delta;
        self.moves.insert(order, delta);
        self.correct_next(order, -delta);
    }

    fn insert_count(&mut self, order: Order, quantity: i128) {
        let between = |end: Option<Order>| -> i128 {
            self.moves
                .iter()
                .filter(|(at, _)| **at > order && end.is_none_or(|end| **at < end))
                .map(|(_, delta)| delta)
                .sum()
        };
        let before = match self.next_count(order) {
            Some(next) => {
                let (next_quantity, next_difference) = self.counts[&next];
                next_quantity - next_difference - between(Some(next))
            }
            None => self.content - between(None),
        };
        let difference = quantity - before;
        self.content += difference;
        self.counts.insert(order, (quantity, difference));
        self.correct_next(order, -difference);
    }

    fn take_out(&mut self, order: Order) {
        let (_, difference) = self.counts.remove(&order).expect("it was posted");
        self.content -= difference;
        self.correct_next(order, difference);
    }

    fn correct_next(&mut self, order: Order, correction: i128) {
        if let Some(next) = self.next_count(order) {
            self.content += correction;
            self.counts.get_mut(&next).expect("just found").1 += correction;
        }
    }
}

/// Posts in the order of `operations`; whole-bin counts reach a key when it first appears.
fn post_one_by_one(operations: &[Operation<Key>]) -> BTreeMap<Key, Posting> {
    let mut books: BTreeMap<Key, Posting> = BTreeMap::new();
    let mut complete: Vec<(Order, u8, Vec<Key>)> = Vec::new();
    for operation in operations {
        let named: Vec<Key> = match &operation.what {
            What::Movement { key, .. } | What::Count { key, .. } => vec![*key],
            What::BinCount { lines, .. } => lines.iter().map(|line| line.key).collect(),
        };
        for key in named {
            books.entry(key).or_insert_with(|| {
                let mut fresh = Posting::default();
                for (order, bin, listed) in &complete {
                    if *bin == key.0 && !listed.contains(&key) {
                        fresh.insert_count(*order, 0);
                    }
                }
                fresh
            });
        }
        match &operation.what {
            What::Movement { key, delta } => {
                books.get_mut(key).unwrap().insert_movement(operation.order, *delta);
            }
            What::Count { key, quantity } => {
                books.get_mut(key).unwrap().insert_count(operation.order, *quantity);
            }
            What::BinCount { bin, lines } => {
                for (key, book) in books.iter_mut().filter(|(key, _)| key.0 == *bin) {
                    match lines.iter().find(|line| line.key == *key) {
                        Some(line) => book.insert_count(line.order, line.quantity),
                        None => book.insert_count(operation.order, 0),
                    }
                }
                let listed = lines.iter().map(|line| line.key).collect();
                complete.push((operation.order, *bin, listed));
            }
        }
    }
    books
}

#[test]
fn posting_one_by_one_agrees_for_every_order_of_arrival() {
    let mut prng = Prng::new(14);
    for _ in 0..4000 {
        let mut operations = history(&mut prng);
        let opinion = judge(&operations);
        for _ in 0..4 {
            prng.shuffle(&mut operations);
            let books = post_one_by_one(&operations);
            assert_eq!(books.len(), opinion.book.len());
            for (key, book) in &books {
                assert_eq!(book.content, opinion.quantity(key));
                for (order, (_, difference)) in &book.counts {
                    assert_eq!(*difference, opinion.counts[&(*key, *order)].difference);
                }
            }
        }
    }
}

#[test]
fn a_count_that_was_taken_out_leaves_the_books_as_if_it_had_never_been_there() {
    let mut prng = Prng::new(15);
    let mut n_taken_out = 0;
    for _ in 0..3000 {
        let mut operations = history(&mut prng);
        let mut books = post_one_by_one(&operations);
        for operation in &mut operations {
            let What::Count { key, .. } = operation.what else { continue };
            if prng.chance(1, 2) {
                operation.standing = Standing::TakenOut;
                books.get_mut(&key).unwrap().take_out(operation.order);
                n_taken_out += 1;
            }
        }
        let opinion = judge(&operations);
        assert!(books.iter().all(|(key, book)| book.content == opinion.quantity(key)));
        for ((key, order), finding) in &opinion.counts {
            assert_eq!(books[key].counts[order].1, finding.difference);
        }
    }
    assert!(n_taken_out > 1000);
}
