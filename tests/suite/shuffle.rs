//! Whatever arrives when, the book is the same. In numbers: `cargo run --release --bin shuffle`.

use tests::shuffle::left::Emptied;
use tests::shuffle::{Arrival, Hall, shuffle};

#[test]
fn the_book_does_not_depend_on_the_order_of_arrival() {
    let arrivals =
        [Arrival::AsDone, Arrival::Random(1), Arrival::DeviceByDevice, Arrival::LastDeviceFirst];
    let (found, restated) = shuffle(Hall::LARGE, (1, 5_000), &arrivals);
    assert!(found.is_empty(), "{found:#?}");
    // Of all that counts found and later acts explained, no cent of value is left.
    assert_eq!(restated.left, Vec::<String>::new());
    assert!(restated.n_cancelled > 100, "only {} differences cancelled", restated.n_cancelled);
    assert!(!restated.moved.is_zero(), "what cancelled was worth nothing");
}

/// COSTING 12.7, its test: goods run out, what counts took finds no supply, and nothing of it stays open.
#[test]
fn what_counts_took_of_nothing_is_closed_whatever_arrives_when() {
    let mut emptied = Emptied::default();
    for seed in 1..=30 {
        let arrivals = [
            Arrival::AsDone,
            Arrival::Random(seed),
            Arrival::DeviceByDevice,
            Arrival::LastDeviceFirst,
        ];
        let (found, restated) = shuffle(Hall::SMALL, (seed, 80), &arrivals);
        assert!(found.is_empty(), "seed {seed}: {found:#?}");
        emptied.n_pools += restated.emptied.n_pools;
        emptied.n_pairs += restated.emptied.n_pairs;
    }
    assert!(emptied.n_pools >= 4 * 4 * 30, "only {} pools ran out", emptied.n_pools);
    assert!(emptied.n_pairs > 100, "only {} pairs were closed", emptied.n_pairs);
}
