//! A real server, a real device, a real socket between them.

use std::collections::BTreeSet;

use device_core::engine::OperationState;

use crate::house::{self, Hand, House, carry, count, receive, runtime, until};

/// Units of the book in one piece.
const PIECE: i128 = 100_000;

#[test]
fn work_without_the_server_reaches_it_once_when_it_is_back() {
    let runtime = runtime();
    let mut house = House::furnished();
    let hand = Hand::enrolled(&house, &runtime);
    house.stop();
    hand.sign_in();
    let names = [
        hand.record(&receive(10)),
        hand.record(&carry("A", "B", 30)),
        hand.record(&count("B", "BOLT", 58)),
    ];
    assert_eq!(hand.device.pending(), 4, "three and the sign-in");
    house.start();
    hand.drained();
    house.assert_taken_once(&names);
    let own = hand.device.my_operations(10).expect("the list can be read");
    assert_eq!(own.len(), 4);
    assert!(own.iter().all(|one| matches!(one.state, OperationState::Judged(Some(_)))), "{own:#?}");
    let key = |bin: &str, item: &str| (bin.to_owned(), item.to_owned());
    let expected = [
        (key("A", "NUT"), 70 * PIECE),
        (key("B", "BOLT"), 58 * PIECE),
        (key("B", "NUT"), 30 * PIECE),
        (key("DOCK", "NUT"), 10 * PIECE),
    ];
    assert_eq!(house.stock(), house::Stock::from(expected));
    until("the replica follows", || (hand.replica() == house.stock()).then_some(()));
    house.stop();
}

#[test]
fn what_was_acknowledged_outlives_a_server_that_is_cut_off() {
    let runtime = runtime();
    let mut house = House::furnished();
    let hand = Hand::enrolled(&house, &runtime);
    hand.sign_in();
    let mut names: Vec<_> = (0..100).map(|_| hand.record(&receive(1))).collect();
    let acked = until("some are acknowledged", || {
        let own = hand.device.my_operations(200).expect("the list can be read");
        let acked = own.iter().filter(|one| !matches!(one.state, OperationState::SavedHere));
        let acked: Vec<_> = acked.map(|one| one.name).collect();
        (acked.len() > 1).then_some(acked)
    });
    names.extend((0..50).map(|_| hand.record(&receive(1))));
    house.drop_server();
    hand.drop_device(&runtime);
    house.start();
    house.assert_taken_once(&acked);
    let hand = Hand::open(&house.device_folder(), &runtime);
    hand.drained();
    house.assert_taken_once(&names);
    let docked = house.stock()[&("DOCK".to_owned(), "NUT".to_owned())];
    assert_eq!(docked, 150 * PIECE, "one piece for each receipt");
    until("the replica follows", || (hand.replica() == house.stock()).then_some(()));
    house.stop();
}

#[test]
fn what_is_exported_can_be_imported_and_is_the_same_again() {
    let mut house = House::furnished();
    let files = house.export();
    let names: BTreeSet<_> = files.iter().map(|(name, _bytes)| name.as_str()).collect();
    assert!(names.iter().any(|name| name.starts_with("opening_stock")), "{names:?}");
    let batch = server::exchange::read::read_files(files.clone()).expect("our own files are good");
    let mut other = House::empty();
    other.import(&batch);
    assert_eq!(other.stock(), house.stock());
    for ((name, ours), (_name, theirs)) in files.iter().zip(other.export()) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(text(ours), text(&theirs), "{name}");
    }
    house.stop();
    other.stop();
}
