//! A store of an older format, brought to this release's.
//!
//! Rows whose layout changed are written again; each has the version it was written in, so a
//! migration that was cut off goes on where it was. The format of the folder is raised last, when
//! everything is on the disk. What was decided (intake and change records) is never written again.

use std::ops::{Bound, ControlFlow};
use std::path::Path;

use fjall::PersistMode;
use ledger::draft::Changes;
use ledger::key::{KeyBytes, KeyRange};
use ledger::record::Record;
use ledger::schema::book::{ChangesTable, Intakes};
use ledger::tables::{Table as _, TableId, Tables};
use ledger::upgrade::{Step, changed_tables, upgraded};

use super::home::{self, Home};
use super::{FORMAT_FILE, STORE_FORMAT, Store, StoreError};
use crate::tls::write_private;

/// Rows that are looked at in one step.
const ROWS_PER_STEP: usize = 2_000;

/// Moves the rows of the tables that have another keyspace now out of the one with the state; says how many
/// there were. A row is here or there, whenever it is cut off.
///
/// # Errors
///
/// [`StoreError`]; what was moved stays, and the next opening goes on.
pub(super) fn move_home(store: &Store) -> Result<u64, StoreError> {
    let mut n_rows = 0;
    for table in home::moved() {
        let mut from = vec![table.0];
        while let Some(last) = move_page(store, (table, &from), &mut n_rows)? {
            from.clear();
            from.extend_from_slice(&last);
            from.push(0);
        }
        tracing::info!(n_rows, table = table.0, "rows of the store are moved");
    }
    store.sync()?;
    Ok(n_rows)
}

/// Moves a page of `table` from a key on; says its last key, none at the end of the table.
fn move_page(
    store: &Store,
    (table, from): (TableId, &[u8]),
    n_rows: &mut u64,
) -> Result<Option<fjall::UserKey>, StoreError> {
    let (old, new) = (store.0.keyspace_at(Home::STATE), store.0.keyspace(table));
    let mut batch = store.0.database.batch().durability(Some(PersistMode::Buffer));
    let (mut last, mut n_moved) = (None, 0);
    let after = table.0.checked_add(1).map_or(Bound::Unbounded, |next| Bound::Excluded(vec![next]));
    for row in old.range::<Vec<u8>, _>((Bound::Included(from.to_vec()), after)).take(ROWS_PER_STEP)
    {
        let (key, value) = row.into_inner().map_err(|source| store.stop(source))?;
        batch.insert(new, key.clone(), value);
        batch.remove(old, key.clone());
        last = Some(key);
        n_moved += 1;
    }
    if n_moved > 0 {
        store.commit(batch)?;
        *n_rows += n_moved;
    }
    Ok(last)
}

/// Brings every row of `store` to the layout that `steps` lead to; says how many were written.
///
/// # Errors
///
/// [`StoreError`]; what was written stays, and the next opening goes on.
pub(super) fn migrate(store: &Store, steps: &[Step]) -> Result<u64, StoreError> {
    let mut n_rows = 0;
    for table in changed_tables(steps) {
        if table == Intakes::ID || table == ChangesTable::ID {
            continue;
        }
        let mut range = KeyRange::all();
        loop {
            let (changes, last) = step(store, steps, (table, &range))?;
            if !changes.is_empty() {
                n_rows += changes.len() as u64;
                store.apply_unsynced(&changes)?;
            }
            match last {
                Some(last) => range.from = last.iter().copied().chain([0]).collect(),
                None => break,
            }
        }
    }
    store.sync()?;
    Ok(n_rows)
}

/// The rows of one page that change, and its last key; none at the end of the table.
fn step(
    store: &Store,
    steps: &[Step],
    (table, range): (TableId, &KeyRange),
) -> Result<(Changes, Option<Vec<u8>>), StoreError> {
    let (mut changes, mut last, mut n_seen) = (Changes::new(), None, 0);
    let mut fault = None;
    let snapshot = store.snapshot();
    snapshot.scan(table, range, false, &mut |key, record| {
        n_seen += 1;
        match upgraded(steps, (table, key), record.bytes(), &snapshot) {
            Ok(None) => {}
            Ok(Some(bytes)) => {
                changes.insert((table, KeyBytes::from_slice(key)), Some(Record::from_bytes(bytes)));
            }
            Err(error) => {
                fault = Some(error);
                return ControlFlow::Break(());
            }
        }
        if n_seen < ROWS_PER_STEP {
            return ControlFlow::Continue(());
        }
        last = Some(key.to_vec());
        ControlFlow::Break(())
    });
    store.check()?;
    match fault {
        Some(source) => Err(StoreError::Row { path: store.path().to_owned(), source }),
        None => Ok((changes, last)),
    }
}

/// Says that the folder has this release's format: the old file or the new one, never half of it.
pub(super) fn write_format(folder: &Path) -> std::io::Result<()> {
    let (file, new) = (folder.join(FORMAT_FILE), folder.join("format.new"));
    write_private(&new, format!("{STORE_FORMAT}\n").as_bytes())?;
    std::fs::rename(&new, &file)?;
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use ledger::draft::Draft;
    use ledger::schema::book::{Counters, Heads};
    use ledger::schema::entry::ItemLedger;
    use ledger::tables::Read as _;

    use super::*;

    /// A counter that had one byte in the past.
    const STEPS: &[Step] = &[Step {
        to: 2,
        table: Counters::ID,
        convert: |_key, row, _tables| (row.len() == 1).then(|| row.to_vec()),
    }];

    fn raw(key: u8, bytes: &[u8]) -> Changes {
        let record = Some(Record::from_bytes(bytes.to_vec()));
        [((Counters::ID, KeyBytes::from_elem(key, 1)), record)].into_iter().collect()
    }

    #[test]
    fn every_old_row_is_written_again_once_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        for key in 0..250 {
            store.apply_unsynced(&raw(key, &[1, 7])).unwrap();
        }
        store.apply_unsynced(&raw(251, &[2, 9])).unwrap();
        let mut draft = Draft::over(&store);
        draft.put::<Heads>(&(), ledger::schema::book::Head::default());
        let head = draft.finish();
        store.apply(&head).unwrap();
        assert_eq!(migrate(&store, STEPS).unwrap(), 250);
        assert_eq!(store.get(Counters::ID, &[3]).unwrap().bytes(), [2, 7]);
        assert_eq!(store.get(Counters::ID, &[251]).unwrap().bytes(), [2, 9]);
        assert!(store.has::<Heads>(&()));
        assert_eq!(migrate(&store, STEPS).unwrap(), 0, "it is done");
    }

    #[test]
    fn rows_of_a_table_that_has_a_keyspace_now_are_moved_there_wherever_it_was_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let n_rows = u32::try_from(ROWS_PER_STEP).unwrap() + 500;
        let row = |no: u32| [&[ItemLedger::ID.0][..], &no.to_be_bytes()].concat();
        let (old, new) = (store.0.keyspace_at(Home::STATE), store.0.keyspace(ItemLedger::ID));
        for no in 0..n_rows {
            // Some were moved before, as a migration that was cut off leaves them.
            let at = if no < 100 { new } else { old };
            at.insert(row(no), no.to_le_bytes()).unwrap();
        }
        old.insert([Counters::ID.0, 7], [2, 9]).unwrap();
        assert_eq!(move_home(&store).unwrap(), u64::from(n_rows - 100));
        assert_eq!(move_home(&store).unwrap(), 0, "it is done");
        for no in 0..n_rows {
            let found = store.get(ItemLedger::ID, &no.to_be_bytes()).unwrap();
            assert_eq!(found.bytes(), no.to_le_bytes());
            assert!(old.get(row(no)).unwrap().is_none());
        }
        assert_eq!(store.get(Counters::ID, &[7]).unwrap().bytes(), [2, 9], "others stay");
    }

    #[test]
    fn a_row_that_is_none_stops_the_migration_and_the_folder_stays_old() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.apply(&raw(1, &[1, 7])).unwrap();
        store.apply(&raw(2, &[1, 7, 7])).unwrap();
        let error = migrate(&store, STEPS).unwrap_err();
        assert!(matches!(error, StoreError::Row { .. }), "{error}");
        assert_eq!(store.get(Counters::ID, &[2]).unwrap().bytes(), [1, 7, 7]);
    }
}
