//! A bounded set of random histories; the binary `histories` plays as many as one likes.

use tests::histories::playing::{Pace, play_in_slices};
use tests::histories::{Plan, Tally, agree, making};
use tests::reference::cost::Method;

/// Histories of one method.
const SEEDS: u64 = 30;
/// Those of them that are played in slices.
const SLICED: u64 = 10;

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

/// COSTING 4, 23.17: the same entries, amounts and order, whatever a slice may do before it ends.
fn slices_change_nothing(method: Method) {
    let (mut n_small, mut n_large, mut n_adjustments) = (0, 0, 0);
    for (seed, pace) in
        (0..SLICED).flat_map(|seed| [Pace::AfterEach, Pace::WhenNeeded].map(|pace| (seed, pace)))
    {
        let history = making::make(Plan::of_seed(seed, method));
        let play = |size| match play_in_slices(&history, pace, size) {
            Ok(played) => played,
            Err(why) => panic!("{method:?} {seed}: {why}"),
        };
        let ((small, of_small), (large, of_large)) = (play(1), play(10_000));
        let differ = small.iter().zip(&large).find(|(small, large)| small != large);
        assert_eq!(differ, None, "{method:?} {seed} {pace:?}");
        assert_eq!(small.len(), large.len(), "{method:?} {seed} {pace:?}");
        n_small += of_small;
        n_large += of_large;
        n_adjustments += small.iter().filter(|(_no, value)| value.adjustment).count();
    }
    assert!(2 * n_small > 3 * n_large, "{method:?}: {n_small} small slices, {n_large} large ones");
    assert!(n_adjustments > 20, "{method:?}: only {n_adjustments} adjustments");
}

#[test]
fn slices_of_one_and_of_ten_thousand_write_the_same_value_entries() {
    for method in [Method::Fifo, Method::Lifo, Method::Average, Method::Specific, Method::Standard]
    {
        slices_change_nothing(method);
    }
}
