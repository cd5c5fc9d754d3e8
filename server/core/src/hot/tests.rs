use std::cell::RefCell;
use std::ops::ControlFlow;

use ledger::draft::Changes;
use ledger::key::{KeyBytes, KeyRange};
use ledger::memory::MemoryTables;
use ledger::record::{Record, encode_row};
use ledger::schema::entry::{ItemLedger, ItemLedgerState, ItemLedgerStates};
use ledger::schema::money::CostSums;
use ledger::tables::{Table as _, TableId, Tables};
use proptest::prelude::*;
use protocol::quantity::Quantity;

use super::{Hot, Reading};

/// What a company does to its tables, in small: few keys, so that everything meets everything.
#[derive(Debug, Clone)]
enum Step {
    Write(Vec<(u8, KeyBytes, Option<u8>)>),
    Get(u8, KeyBytes),
    Scan { table: u8, from: KeyBytes, to: KeyBytes, reverse: bool, rows_max: usize },
}

fn key() -> impl Strategy<Value = KeyBytes> {
    prop::collection::vec(0..4_u8, 0..4).prop_map(KeyBytes::from_vec)
}

/// Tables of no special kind, and one whose rows are kept when they are written.
fn table() -> impl Strategy<Value = u8> {
    prop_oneof![1..4_u8, Just(ItemLedger::ID.0)]
}

fn step() -> impl Strategy<Value = Step> {
    let row = (table(), key(), prop::option::of(any::<u8>()));
    prop_oneof![
        prop::collection::vec(row, 1..6).prop_map(Step::Write),
        (table(), key()).prop_map(|(table, key)| Step::Get(table, key)),
        (table(), key(), key(), any::<bool>(), 1..20_usize).prop_map(
            |(table, from, to, reverse, rows_max)| Step::Scan {
                table,
                from,
                to,
                reverse,
                rows_max
            }
        ),
    ]
}

fn scanned(
    tables: &dyn Tables,
    (table, range, reverse): (TableId, &KeyRange, bool),
    rows_max: usize,
) -> Vec<(KeyBytes, Record)> {
    let mut rows = Vec::new();
    tables.scan(table, range, reverse, &mut |key, record| {
        // Who is shown a row may read others.
        assert_eq!(tables.get(table, key).as_ref(), Some(record));
        rows.push((KeyBytes::from_slice(key), record.clone()));
        if rows.len() < rows_max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    rows
}

proptest! {
    #[test]
    fn what_is_in_hand_is_what_was_written(steps in prop::collection::vec(step(), 1..120)) {
        let mut tables = MemoryTables::new();
        let hot = RefCell::new(Hot::default());
        for step in steps {
            match step {
                Step::Write(rows) => {
                    let changes: Changes = rows
                        .into_iter()
                        .map(|(table, key, row)| {
                            ((TableId(table), key), row.map(|row| Record::from_bytes([row])))
                        })
                        .collect();
                    hot.borrow_mut().absorb(&changes);
                    tables.apply(changes);
                }
                Step::Get(table, key) => {
                    let reading = Reading { hot: &hot, below: &tables };
                    let table = TableId(table);
                    prop_assert_eq!(reading.get(table, &key), tables.get(table, &key));
                }
                Step::Scan { table, from, to, reverse, rows_max } => {
                    let reading = Reading { hot: &hot, below: &tables };
                    let range = KeyRange { from, to };
                    let wanted = (TableId(table), &range, reverse);
                    prop_assert_eq!(
                        scanned(&reading, wanted, rows_max),
                        scanned(&tables, wanted, rows_max)
                    );
                }
            }
        }
    }
}

/// Counts what is read below.
struct Counted<'a>(&'a MemoryTables, RefCell<u32>);

impl Tables for Counted<'_> {
    fn get(&self, table: TableId, key: &[u8]) -> Option<Record> {
        *self.1.borrow_mut() += 1;
        self.0.get(table, key)
    }

    fn scan(
        &self,
        table: TableId,
        range: &KeyRange,
        reverse: bool,
        visit: ledger::tables::Visit<'_>,
    ) {
        *self.1.borrow_mut() += 1;
        self.0.scan(table, range, reverse, visit);
    }
}

fn numbered(from: u32, to: u32) -> Changes {
    let row = |n: u32| {
        let key = KeyBytes::from_slice(&n.to_be_bytes());
        ((TableId(1), key), Some(Record::from_bytes(n.to_le_bytes().to_vec())))
    };
    (from..to).map(row).collect()
}

#[test]
fn a_queue_is_read_on_from_where_it_was_consumed_to() {
    let mut tables = MemoryTables::new();
    tables.apply(numbered(0, 2_000));
    let hot = RefCell::new(Hot::default());
    let all = KeyRange { from: KeyBytes::from_elem(0, 4), to: KeyBytes::from_elem(255, 4) };
    let mut n_read = 0;
    for n in 0..1_000_u32 {
        let below = Counted(&tables, RefCell::new(0));
        let reading = Reading { hot: &hot, below: &below };
        let first = scanned(&reading, (TableId(1), &all, false), 1);
        assert_eq!(
            first.first().map(|(key, _row)| key.clone()),
            Some(KeyBytes::from_slice(&n.to_be_bytes()))
        );
        let again = scanned(&reading, (TableId(1), &all, false), 1);
        assert_eq!(first, again);
        n_read += below.1.take();
        let gone: Changes = [((TableId(1), KeyBytes::from_slice(&n.to_be_bytes())), None)].into();
        hot.borrow_mut().absorb(&gone);
        tables.apply(gone);
    }
    // Each time a scan, and the row that the test itself looks at.
    assert!(n_read <= 2 * (1_000 / 16 + 1), "{n_read} reads: the next are read with the first");
}

/// An item ledger entry and its state with `remaining` pieces.
fn entry(remaining: i32) -> Changes {
    let day = chrono::NaiveDate::default();
    let state = ItemLedgerState {
        remaining: Quantity::whole(remaining),
        invoiced: Quantity::ZERO,
        applied_to_adjust: false,
        has_cost_edge: false,
        valuation_date: day,
        latest_valuation: day,
        cost: CostSums::default(),
    };
    let state = Record::from_bytes(encode_row(&state));
    let names = [(ItemLedger::ID, Record::from_bytes([1])), (ItemLedgerStates::ID, state)];
    names.into_iter().map(|(table, row)| ((table, KeyBytes::from_elem(7, 1)), Some(row))).collect()
}

/// How often an entry and its state are read below.
fn n_read_below(hot: &RefCell<Hot>, tables: &MemoryTables) -> u32 {
    let below = Counted(tables, RefCell::new(0));
    let reading = Reading { hot, below: &below };
    for table in [ItemLedger::ID, ItemLedgerStates::ID] {
        assert_eq!(reading.get(table, &[7]), tables.get(table, &[7]));
    }
    below.1.take()
}

#[test]
fn what_was_received_is_in_hand_until_all_of_it_is_shipped() {
    let (mut tables, hot) = (MemoryTables::new(), RefCell::new(Hot::default()));
    for (remaining, wanted) in [(5, 0), (2, 0), (0, 2)] {
        let changes = entry(remaining);
        hot.borrow_mut().absorb(&changes);
        tables.apply(changes);
        assert_eq!(n_read_below(&hot, &tables), wanted, "{remaining} remain");
    }
}

#[test]
fn what_grows_at_one_end_is_read_once_at_that_end() {
    let mut tables = MemoryTables::new();
    tables.apply(numbered(0, 10));
    let hot = RefCell::new(Hot::default());
    let all = KeyRange { from: KeyBytes::from_elem(0, 4), to: KeyBytes::from_elem(255, 4) };
    let mut n_read = 0;
    for n in 10..5_000_u32 {
        let changes = numbered(n, n + 1);
        hot.borrow_mut().absorb(&changes);
        tables.apply(changes);
        let below = Counted(&tables, RefCell::new(0));
        let reading = Reading { hot: &hot, below: &below };
        let last = scanned(&reading, (TableId(1), &all, true), 1);
        assert_eq!(
            last.first().map(|(key, _row)| key.clone()),
            Some(KeyBytes::from_slice(&n.to_be_bytes()))
        );
        n_read += below.1.take();
    }
    assert!(n_read <= 3, "{n_read} reads: the end is known from the first on");
}

#[test]
fn photos_are_not_kept_in_hand() {
    use crate::schema::BlobParts;

    let mut tables = MemoryTables::new();
    let part = Some(Record::from_bytes(vec![7; 64 << 10]));
    tables.apply([((BlobParts::ID, KeyBytes::from_elem(7, 36)), part)].into());
    let hot = RefCell::new(Hot::default());
    let below = Counted(&tables, RefCell::new(0));
    let reading = Reading { hot: &hot, below: &below };
    let all = KeyRange { from: KeyBytes::from_elem(0, 1), to: KeyBytes::from_elem(255, 1) };
    for _time in 0..2 {
        assert!(reading.get(BlobParts::ID, &[7; 36]).is_some());
        assert_eq!(scanned(&reading, (BlobParts::ID, &all, false), 9).len(), 1);
    }
    assert_eq!(below.1.take(), 6, "each time a look, a scan, and the row that the test looks at");
}

#[test]
fn more_rows_than_there_is_room_for_are_still_read_right() {
    let mut tables = MemoryTables::new();
    let n_rows = 400_000;
    tables.apply(numbered(0, n_rows));
    let hot = RefCell::new(Hot::default());
    let reading = Reading { hot: &hot, below: &tables };
    for n in (0..n_rows).chain((0..n_rows).step_by(7)) {
        let key = n.to_be_bytes();
        let row = reading.get(TableId(1), &key).expect("it was written");
        assert_eq!(row.bytes(), n.to_le_bytes());
    }
}
