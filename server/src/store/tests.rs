mod journal;

use std::sync::Arc;
use std::time::Duration;

use ledger::draft::{Changes, Draft};
use ledger::memory::MemoryTables;
use ledger::schema::book::Counters;
use ledger::tables::Read as _;

use super::*;

fn numbered(base: &dyn Tables, from: u8, to: u8) -> Changes {
    let mut draft = Draft::over(base);
    for number in from..to {
        draft.put::<Counters>(&number, u64::from(number) * 10);
    }
    draft.finish()
}

fn keys(tables: &dyn Tables, range: &KeyRange, reverse: bool) -> Vec<u8> {
    let mut keys = Vec::new();
    tables.scan(Counters::ID, range, reverse, &mut |key, _record| {
        keys.push(key[0]);
        ControlFlow::Continue(())
    });
    keys
}

#[test]
fn what_was_applied_is_there_after_the_store_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    {
        let store = Store::open(folder.path()).unwrap();
        store.apply(&numbered(&store, 1, 4)).unwrap();
    }
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.row::<Counters>(&2), Some(Arc::new(20)));
    assert_eq!(store.row::<Counters>(&9), None);
}

#[test]
fn the_store_and_its_twin_in_memory_answer_alike() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut memory = MemoryTables::new();
    let changes = numbered(&memory, 1, 9);
    store.apply(&changes).unwrap();
    memory.apply(changes);
    let mut draft = Draft::over(&store);
    draft.delete::<Counters>(&3);
    let changes = draft.finish();
    store.apply(&changes).unwrap();
    memory.apply(changes);
    for range in [KeyRange::all(), KeyRange::between(&2_u8, &6_u8), KeyRange::between(&5_u8, &5_u8)]
    {
        for reverse in [false, true] {
            assert_eq!(keys(&store, &range, reverse), keys(&memory, &range, reverse));
        }
    }
    assert_eq!(store.row::<Counters>(&3), memory.row::<Counters>(&3));
}

#[test]
fn a_snapshot_does_not_move() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.apply(&numbered(&store, 1, 3)).unwrap();
    let before = store.snapshot();
    store.apply(&numbered(&store, 3, 5)).unwrap();
    assert_eq!(keys(&before, &KeyRange::all(), false), [1, 2]);
    assert_eq!(keys(&store.snapshot(), &KeyRange::all(), false), [1, 2, 3, 4]);
}

#[test]
fn a_store_of_a_later_release_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::open(folder.path()).unwrap());
    let later = STORE_FORMAT + 1;
    std::fs::write(folder.path().join("format"), format!("{later}\n")).unwrap();
    let error = Store::open(folder.path()).err().unwrap();
    assert!(error.to_string().contains("install the release that wrote it"), "{error}");
    for nonsense in ["", "zero", "0"] {
        std::fs::write(folder.path().join("format"), nonsense).unwrap();
        let error = Store::open(folder.path()).err().unwrap();
        assert!(matches!(error, StoreError::Format { .. }), "{error}");
    }
}

#[test]
fn rows_without_a_format_are_refused_and_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::open(folder.path()).unwrap());
    let format = folder.path().join("format");
    let written = std::fs::read(&format).unwrap();
    std::fs::remove_file(&format).unwrap();
    for _again in 0..2 {
        let Err(error) = Store::open(folder.path()) else { panic!("it was opened") };
        assert!(matches!(error, StoreError::Format { .. }), "{error}");
        assert!(!format.exists(), "nothing claims a format that nobody knows");
    }
    std::fs::write(&format, written).unwrap();
    drop(Store::open(folder.path()).unwrap());
}

#[test]
fn a_store_that_somebody_has_open_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let _open = Store::open(folder.path()).unwrap();
    let error = Store::open(folder.path()).err().unwrap();
    assert!(error.to_string().contains("in use: a server runs"), "{error}");
}

/// Rows of a kilobyte each.
fn rows_of_a_kilobyte(from: u64, n: u64) -> Changes {
    use ledger::schema::case::Dependencies;
    use protocol::identity::CaseId;
    let nothing = MemoryTables::new();
    let mut draft = Draft::over(&nothing);
    for number in from..from + n {
        draft.put::<Dependencies>(&("x".repeat(1_000), CaseId(number)), ());
    }
    draft.finish()
}

#[test]
fn a_store_that_was_written_much_holds_little_of_it_in_memory() {
    for share in [Share::BESIDE, Share::HOUSE] {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_with(folder.path(), share).unwrap();
        let n_parts = 3 * (share.buffer_bytes >> 20);
        for part in 0..n_parts {
            store.apply_unsynced(&rows_of_a_kilobyte(part * 1_000, 1_000)).unwrap();
        }
        // What is full goes to its file beside the writer, who may be much faster.
        let level = share.buffer_bytes + (2 << 20);
        let is_level = (0..10_000).any(|write| {
            store.apply(&rows_of_a_kilobyte((n_parts + write) * 1_000, 1)).unwrap();
            std::thread::park_timeout(Duration::from_millis(5));
            store.memory().buffered <= level
        });
        assert!(is_level, "{:?} of {share:?}", store.memory());
        assert!(store.memory().cached <= share.cache_bytes);
    }
}

#[test]
fn a_buffer_is_full_by_the_figure_of_who_opened_the_store_not_by_that_of_who_made_it() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::open_with(folder.path(), Share::HOUSE).unwrap());
    let store = Store::open_with(folder.path(), Share::BESIDE).unwrap();
    let limit = Share::BESIDE.buffer_bytes;
    assert!(limit < Share::HOUSE.buffer_bytes, "the engine itself would not write a file yet");
    let n_parts = (limit >> 20) + 1;
    for part in 0..n_parts {
        store.apply_unsynced(&rows_of_a_kilobyte(part * 1_000, 1_000)).unwrap();
    }
    let is_written = (0..1_000).any(|_look| {
        std::thread::park_timeout(Duration::from_millis(5));
        store.memory().buffered < limit
    });
    assert!(is_written, "{:?}", store.memory());
    let last = rows_of_a_kilobyte(n_parts * 1_000 - 1, 1);
    for (table, key) in last.keys() {
        assert!(store.get(*table, key).is_some(), "what was turned over is there");
    }
}

#[test]
fn a_thousand_batches_beside_one_long_file_do_not_stop_the_thread_that_writes_files() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let limit = Share::HOUSE.buffer_bytes;
    let n_full = (limit >> 20) + 1;
    // While it writes what is full, the next buffer is full too, and whoever comes then finds it so.
    let two_buffers = rows_of_a_kilobyte(0, 2 * n_full * 1_000);
    store.apply_unsynced(&two_buffers).unwrap();
    for batch in 0..20_000 {
        store.apply_unsynced(&rows_of_a_kilobyte(batch, 1)).unwrap();
    }
    let is_written = (0..2_000).any(|_look| {
        store.apply_unsynced(&rows_of_a_kilobyte(0, 1)).unwrap();
        std::thread::park_timeout(Duration::from_millis(5));
        store.memory().buffered < limit
    });
    assert!(is_written, "{:?}", store.memory());
}
