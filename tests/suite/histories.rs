//! A bounded set of random histories; the binary `histories` plays as many as one likes.

use tests::histories::{Plan, Tally, agree};
use tests::reference::cost::Method;

/// Histories of one method.
const SEEDS: u64 = 30;

fn agrees(method: Method) {
    let mut tally = Tally::default();
    for seed in 0..SEEDS {
        match agree(Plan::of_seed(seed, method)) {
            Ok(more) => tally.join(&more),
            Err(why) => panic!("{why}"),
        }
    }
    for what in ["purchases", "sales", "transfers", "charges", "exact returns", "invoices"] {
        assert!(tally.0.get(what).is_some_and(|n| *n > 0), "no {what} in {tally:?}");
    }
}

#[test]
fn fifo_costs_what_the_naive_costing_says_whenever_it_is_adjusted() {
    agrees(Method::Fifo);
}

#[test]
fn lifo_costs_what_the_naive_costing_says_whenever_it_is_adjusted() {
    agrees(Method::Lifo);
}

#[test]
fn average_costs_what_the_naive_costing_says_whenever_it_is_adjusted() {
    agrees(Method::Average);
}

#[test]
fn specific_costs_what_the_naive_costing_says_whenever_it_is_adjusted() {
    agrees(Method::Specific);
}

#[test]
fn standard_costs_what_the_naive_costing_says_whenever_it_is_adjusted() {
    agrees(Method::Standard);
}
