//! The auditor finds what is wrong: one planted fault each.

use ledger::audit::{audit, audit_appended, audit_changes};
use ledger::draft::Draft;
use ledger::key::KeyRange;
use ledger::schema::EntryNo;
use ledger::schema::book::Outcomes;
use ledger::schema::case::{OpenCases, OpenTasks};
use ledger::schema::count::{CountRow, Counts, CountsDue};
use ledger::schema::entry::{
    ItemLedger, ItemLedgerEntry, ItemLedgerState, ItemLedgerStates, OpenInbound, WarehouseLedger,
};
use ledger::schema::place::{Plate, Plates};
use ledger::schema::stock::{Hold, Holds, OnHand, Stock, Stocks};
use ledger::schema::tracking::Serials;
use ledger::tables::{Read as _, Table};
use protocol::identity::HoldId;
use protocol::operation::{Body, Receive};

use crate::world::{World, count, goods, on_plate, pick, q, serial};

/// A company with something of everything.
fn sound() -> World {
    let mut world = World::new();
    world.opening("A-1", "X", "10");
    world.opening_of("A-2", serial("S", "S1"));
    let received = Receive {
        to: on_plate("A-3", "P1"),
        goods: goods("Y", "5"),
        condition: protocol::operation::Condition::Good,
    };
    world.online(1, "08:30", &Body::Receive(received));
    world.online(1, "09:00", &pick("A-1", "X", "12"));
    world.online(2, "09:30", &count("A-2", "X", "4"));
    world
}

/// What the auditor says after `fault`: the numbers of the invariants.
fn found(fault: impl FnOnce(&mut Draft<'_>)) -> Vec<&'static str> {
    let world = sound();
    world.check();
    let mut tables = world.tables.clone();
    let mut draft = Draft::over(&world.tables);
    fault(&mut draft);
    let changes = draft.finish();
    tables.apply(changes.clone());
    for violation in audit_changes(&tables, &changes) {
        assert!(audit(&tables).contains(&violation), "{violation}: seen near, not from afar");
    }
    let mut numbers: Vec<_> = audit(&tables).into_iter().map(|found| found.invariant).collect();
    numbers.dedup();
    numbers
}

fn first<T: Table>(draft: &Draft<'_>) -> (T::Key, T::Row) {
    let (key, row) = draft.first::<T>(&KeyRange::all()).expect("there is one");
    (key, (*row).clone())
}

#[test]
fn stock_that_its_entries_do_not_explain() {
    let numbers = found(|draft| {
        let (key, row) = first::<Stocks>(draft);
        draft.put::<Stocks>(&key, Stock { quantity: q("77"), ..row });
    });
    assert!(numbers.contains(&"W2"), "{numbers:?}");
}

#[test]
fn stock_below_zero_that_nobody_is_to_count() {
    let numbers = found(|draft| {
        let (key, ()) = first::<OpenTasks>(draft);
        draft.delete::<OpenTasks>(&key);
    });
    assert!(numbers.contains(&"W2") && numbers.contains(&"I5"), "{numbers:?}");
}

#[test]
fn an_item_ledger_that_disagrees_with_the_warehouse() {
    let numbers = found(|draft| {
        let (key, row) = first::<WarehouseLedger>(draft);
        let doubled = row.quantity.checked_add(row.quantity).unwrap();
        draft.put::<WarehouseLedger>(
            &key,
            ledger::schema::entry::WarehouseEntry { quantity: doubled, ..row },
        );
    });
    assert!(numbers.contains(&"W1"), "{numbers:?}");
    let numbers = found(|draft| {
        let (key, _row) = first::<OnHand>(draft);
        draft.put::<OnHand>(&key, q("1000"));
    });
    assert!(numbers.contains(&"W1"), "{numbers:?}");
}

#[test]
fn an_entry_with_more_left_than_its_applications_leave() {
    let numbers = found(|draft| {
        let (key, row) = first::<ItemLedgerStates>(draft);
        draft.put::<ItemLedgerStates>(&key, ItemLedgerState { remaining: q("9999"), ..row });
    });
    assert!(numbers.contains(&"C1") && numbers.contains(&"W4"), "{numbers:?}");
}

#[test]
fn an_open_entry_that_is_not_listed_as_open() {
    let numbers = found(|draft| {
        let (key, _left) = first::<OpenInbound>(draft);
        draft.delete::<OpenInbound>(&key);
    });
    assert_eq!(numbers, ["C1"]);
}

#[test]
fn an_entry_that_is_written_again_or_taken_away() {
    let world = sound();
    let appended = |change: fn(&mut Draft<'_>)| {
        let mut tables = world.tables.clone();
        let mut draft = Draft::over(&world.tables);
        change(&mut draft);
        let changes = draft.finish();
        tables.apply(changes.clone());
        audit_appended(&tables, &changes).len()
    };
    let again = appended(|draft| {
        let (key, row) = first::<ItemLedger>(draft);
        draft.put::<ItemLedger>(&key, ItemLedgerEntry { correction: !row.correction, ..row });
    });
    assert_eq!(again, 1);
    let gone = appended(|draft| {
        let (key, _row) = first::<WarehouseLedger>(draft);
        draft.delete::<WarehouseLedger>(&key);
    });
    assert!(gone > 0);
    let new = appended(|draft| {
        let (last, row) = draft.last::<ItemLedger>(&KeyRange::all()).unwrap();
        draft.put::<ItemLedger>(&EntryNo(last.0 + 1), (*row).clone());
    });
    assert_eq!(new, 0);
}

#[test]
fn a_registration_that_makes_something_of_nothing() {
    let numbers = found(|draft| {
        let (key, row) = draft
            .list::<WarehouseLedger>(&KeyRange::all())
            .into_iter()
            .find(|(_no, row)| row.item_ledger_entry.0 == 0)
            .expect("the pick is registered");
        let doubled = row.quantity.checked_add(row.quantity).unwrap();
        draft.put::<WarehouseLedger>(
            &key,
            ledger::schema::entry::WarehouseEntry { quantity: doubled, ..(*row).clone() },
        );
    });
    assert!(numbers.contains(&"W3"), "{numbers:?}");
}

#[test]
fn a_gap_in_the_item_ledger() {
    let numbers = found(|draft| {
        let (key, _row) = first::<ItemLedger>(draft);
        draft.delete::<ItemLedger>(&key);
    });
    assert!(numbers.contains(&"C3"), "{numbers:?}");
}

#[test]
fn a_count_whose_difference_is_not_what_was_posted() {
    let numbers = found(|draft| {
        let (key, row) = first::<Counts>(draft);
        draft.put::<Counts>(&key, CountRow { difference: q("1"), ..row });
    });
    assert_eq!(numbers, ["I10"]);
    let numbers = found(|draft| {
        let (key, ()) = first::<CountsDue>(draft);
        draft.delete::<CountsDue>(&key);
    });
    assert_eq!(numbers, ["I10"]);
}

#[test]
fn a_serial_that_is_said_to_be_elsewhere() {
    let numbers = found(|draft| {
        let (key, row) = first::<Serials>(draft);
        draft.put::<Serials>(&key, ledger::schema::tracking::SerialState { at: None, ..row });
    });
    assert_eq!(numbers, ["W8"]);
}

#[test]
fn a_plate_whose_content_is_in_another_bin() {
    let numbers = found(|draft| {
        let (key, row) = first::<Plates>(draft);
        draft.put::<Plates>(&key, Plate { bin: ledger::schema::BinId(1), ..row });
    });
    assert_eq!(numbers, ["W14"]);
}

#[test]
fn a_hold_that_its_stock_does_not_know() {
    let numbers = found(|draft| {
        let (key, row) = first::<Stocks>(draft);
        let hold =
            Hold { key, quantity: q("1"), reason: String::new(), case: None, written: row.written };
        draft.put::<Holds>(&HoldId(99), hold);
    });
    assert!(numbers.contains(&"W15"), "{numbers:?}");
}

#[test]
fn an_outcome_that_is_not_its_last_revision() {
    let numbers = found(|draft| {
        let (key, mut row) = first::<Outcomes>(draft);
        row.outcome.revision = 2;
        draft.put::<Outcomes>(&key, row);
    });
    assert_eq!(numbers, ["I5"]);
    let numbers = found(|draft| {
        let (key, _row) = first::<Outcomes>(draft);
        draft.delete::<Outcomes>(&key);
    });
    assert!(numbers.contains(&"I5"), "{numbers:?}");
}

#[test]
fn a_case_that_is_listed_and_not_open() {
    let numbers = found(|draft| {
        draft.put::<OpenCases>(&(ledger::schema::SiteId(1), protocol::identity::CaseId(7)), ());
    });
    assert_eq!(numbers, ["I5"]);
}
