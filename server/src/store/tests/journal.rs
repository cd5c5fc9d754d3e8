//! The journal of the engine, cut off and changed near its end, as a power cut and a disk may leave it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;

use ledger::schema::book::{ChangesTable, Intakes};
use ledger::schema::entry::Registers;
use ledger::schema::posted::PostedLines;
use tempfile::TempDir;

use super::*;

/// One table of each kind of keyspace.
const TABLES: [TableId; 5] =
    [Intakes::ID, ChangesTable::ID, Counters::ID, Registers::ID, PostedLines::ID];
/// Batches that were synced, one by one.
const N_SYNCED: u8 = 10;
/// Batches behind them that were only written.
const N_WRITTEN: u8 = 2;
/// More than all batches take.
const JOURNAL_READ_MAX: u64 = 1 << 20;

type Rows = BTreeMap<(TableId, Vec<u8>), Vec<u8>>;

/// Rows of its own in each table, one that every batch changes, and one of the batch before that goes.
fn batch(n: u8) -> Changes {
    let mut changes = Changes::new();
    let mut put = |table, key: &[u8], value: Option<&[u8]>| {
        let key = key.iter().copied().collect();
        changes.insert((table, key), value.map(Record::from_bytes));
    };
    for table in TABLES {
        put(table, &[n, 0], Some(&[n; 60]));
        put(table, &[n, 1], Some(&[n; 90]));
        put(table, b"last", Some(&[n]));
        put(table, &[n - 1, 0], None);
    }
    changes
}

fn rows(store: &Store) -> Rows {
    let mut rows = Rows::new();
    for table in TABLES {
        store.scan(table, &KeyRange::all(), false, &mut |key, record| {
            rows.insert((table, key.to_vec()), record.bytes().to_vec());
            ControlFlow::Continue(())
        });
    }
    store.check().unwrap();
    rows
}

fn journal_in(folder: &Path) -> PathBuf {
    let entries = fs::read_dir(folder.join(ROWS_FOLDER)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let journals: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "jnl")).collect();
    let [journal] = journals.as_slice() else { panic!("one journal: {journals:?}") };
    journal.clone()
}

/// What was written of a journal, without the room that is set aside behind it.
fn written(journal: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    fs::File::open(journal).unwrap().take(JOURNAL_READ_MAX).read_to_end(&mut bytes).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes.truncate(end);
    bytes
}

/// A store as it lies on the disk after its batches.
struct Image {
    folder: TempDir,
    journal: Vec<u8>,
    /// Where the journal ended after so many batches.
    ends: Vec<usize>,
    /// What was there after so many batches.
    states: Vec<Rows>,
}

impl Image {
    fn taken() -> Self {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(place.path()).unwrap();
        let journal = journal_in(place.path());
        let (mut ends, mut states) = (vec![written(&journal).len()], vec![rows(&store)]);
        for n in 1..=N_SYNCED + N_WRITTEN {
            let changes = batch(n);
            let is_synced = n <= N_SYNCED;
            let applied =
                if is_synced { store.apply(&changes) } else { store.apply_unsynced(&changes) };
            applied.unwrap();
            ends.push(written(&journal).len());
            states.push(rows(&store));
        }
        let bytes = written(&journal);
        assert_eq!(journal_in(place.path()), journal, "everything lies in one journal");
        assert!(
            ends.windows(2).all(|pair| pair[0] + 500 < pair[1]),
            "each batch is in it: {ends:?}"
        );
        let folder = tempfile::tempdir().unwrap();
        crate::tests::backup::copy(place.path(), folder.path());
        fs::write(journal_in(folder.path()), &bytes).unwrap();
        Self { folder, journal: bytes, ends, states }
    }

    /// A copy with another journal, with so many bytes of room behind it.
    fn with(&self, journal: &[u8], room: u64) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        crate::tests::backup::copy(self.folder.path(), folder.path());
        let place = journal_in(folder.path());
        fs::write(&place, journal).unwrap();
        let file = fs::File::options().write(true).open(place).unwrap();
        file.set_len(journal.len() as u64 + room).unwrap();
        folder
    }

    /// After how many batches the store was as it is now.
    fn after(&self, now: &Rows) -> Option<usize> {
        self.states.iter().position(|state| state == now)
    }
}

/// Bytes of a batch, from its beginning, that the checksum of the engine does not cover and nothing else
/// tells: its number, by which of two rows of one key the newer is known. Where a disk changes them an
/// older row may stand for a newer one: what starts then finds that the log goes beyond its head, and
/// proving a backup that the rows are not what the log makes.
const NUMBER: std::ops::Range<usize> = 5..13;

/// Opens a store; none where the engine refuses, which in a debug build it does for some bytes by a
/// panic.
fn opened(folder: &Path) -> Option<Store> {
    let opened = std::panic::catch_unwind(|| Store::open(folder)).ok()?;
    match opened {
        Ok(store) => Some(store),
        Err(StoreError::Engine { .. }) => None,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_journal_cut_anywhere_near_its_end_has_each_batch_whole_or_not_at_all_and_all_before_the_cut() {
    let image = Image::taken();
    let n_ends = image.ends.len();
    let around = image.ends[n_ends - 4..].iter().flat_map(|end| [end - 1, *end, end + 1]);
    let between = (image.ends[n_ends - 5]..image.journal.len()).step_by(211);
    for (n, position) in around.chain(between).enumerate() {
        // The room that is set aside is there after a power cut, or is not.
        let room = if n % 2 == 0 { 64 << 20 } else { 0 };
        let cut = &image.journal[..position.min(image.journal.len())];
        let folder = image.with(cut, room);
        let whole = image.ends.iter().filter(|end| **end <= position).count() - 1;
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(image.after(&rows(&store)), Some(whole), "cut at {position}: {:?}", image.ends);
        assert!(position < image.ends[usize::from(N_SYNCED)] || whole >= usize::from(N_SYNCED));
        // What is written behind a cut is not lost behind what was left of it.
        let next = whole + 1;
        if n % 4 == 0 && next < n_ends {
            store.apply(&batch(u8::try_from(next).unwrap())).unwrap();
            drop(store);
            let store = Store::open(folder.path()).unwrap();
            assert_eq!(image.after(&rows(&store)), Some(next), "behind a cut at {position}");
        }
    }
}

#[test]
fn a_journal_with_a_changed_byte_is_refused_or_ends_before_the_batch_that_has_it() {
    let image = Image::taken();
    let (mut n_refused, mut n_ended) = (0, 0);
    for at in [3, 2] {
        let (from, to) = (image.ends[image.ends.len() - at - 1], image.ends[image.ends.len() - at]);
        let edges = (from..from + 30).step_by(3).chain((to - 13..to).step_by(4));
        for position in edges.chain((from + 30..to - 13).step_by(137)) {
            if NUMBER.contains(&(position - from)) {
                continue;
            }
            let mut journal = image.journal.clone();
            journal[position] ^= 0x10;
            let folder = image.with(&journal, 1 << 20);
            let Some(store) = opened(folder.path()) else {
                n_refused += 1;
                continue;
            };
            let before = image.ends.len() - at - 1;
            assert_eq!(image.after(&rows(&store)), Some(before), "changed at {position}");
            n_ended += 1;
        }
    }
    assert!(n_refused > 0 && n_ended > 0, "{n_refused} refused, {n_ended} ended before it");
}

/// A disk writes pages in any order: the end of what was not synced may be there without its middle.
#[test]
fn a_batch_that_reached_the_disk_with_a_hole_is_never_there_in_part() {
    let image = Image::taken();
    let last = image.ends[image.ends.len() - 2]..image.journal.len();
    for hole in [0..100, 14..40, 50..150, 300..700, 900..950, 600..last.len() - 1] {
        let mut journal = image.journal.clone();
        journal[last.start + hole.start..last.start + hole.end].fill(0);
        let folder = image.with(&journal, 1 << 20);
        if let Some(store) = opened(folder.path()) {
            let after = image.after(&rows(&store));
            assert_eq!(after, Some(image.ends.len() - 2), "a hole at {hole:?}");
        }
    }
}
