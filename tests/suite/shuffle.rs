//! Whatever arrives when, the book is the same. In numbers: `cargo run --release --bin shuffle`.

use tests::shuffle::{Arrival, shuffle};

#[test]
fn the_book_does_not_depend_on_the_order_of_arrival() {
    let arrivals =
        [Arrival::AsDone, Arrival::Random(1), Arrival::DeviceByDevice, Arrival::LastDeviceFirst];
    let (found, restated) = shuffle(1, 5_000, &arrivals);
    assert!(found.is_empty(), "{found:#?}");
    // Of all that counts found and later acts explained, no cent of value is left.
    assert_eq!(restated.left, Vec::<String>::new());
    assert!(restated.n_cancelled > 100, "only {} differences cancelled", restated.n_cancelled);
    assert!(!restated.moved.is_zero(), "what cancelled was worth nothing");
}
