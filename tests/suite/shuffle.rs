//! Whatever arrives when, the book is the same. In numbers: `cargo run --release --bin shuffle`.

use tests::shuffle::{Arrival, shuffle};

#[test]
fn the_book_does_not_depend_on_the_order_of_arrival() {
    let arrivals =
        [Arrival::AsDone, Arrival::Random(1), Arrival::DeviceByDevice, Arrival::LastDeviceFirst];
    let found = shuffle(1, 5_000, &arrivals);
    assert!(found.is_empty(), "{found:#?}");
}
