//! Typed tables: what the ledger reads, whoever keeps it.

use std::ops::ControlFlow;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::key::{Key, KeyRange};
use crate::record::Record;

/// Number of a table: the first byte of its keys in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(pub u8);

/// A table: its number, its key, its row.
pub trait Table: 'static {
    /// Its number. Never used twice.
    const ID: TableId;
    /// Its name in documents and messages.
    const NAME: &'static str;
    /// Its key.
    type Key: Key;
    /// Its row. Rows are positional records: never leave out a member when writing one
    /// (see [`crate::record::packed`]).
    type Row: Serialize + DeserializeOwned + Clone + Send + Sync + 'static;
}

/// What [`Tables::scan`] calls for each row; `Break` ends the scan.
pub type Visit<'v> = &'v mut dyn FnMut(&[u8], &Record) -> ControlFlow<()>;

/// Tables as of one cut: a store's snapshot, memory, or a draft over either.
pub trait Tables {
    /// The record under `key`.
    fn get(&self, table: TableId, key: &[u8]) -> Option<Record>;

    /// Calls `visit` for the rows of `range`, in key order, or against it when `reverse`.
    fn scan(&self, table: TableId, range: &KeyRange, reverse: bool, visit: Visit<'_>);
}

/// Typed reading over any tables.
pub trait Read: Tables {
    /// The row under `key`.
    fn row<T: Table>(&self, key: &T::Key) -> Option<Arc<T::Row>> {
        self.get(T::ID, &key.to_bytes()).map(|record| record.row())
    }

    /// Whether there is a row under `key`.
    fn has<T: Table>(&self, key: &T::Key) -> bool {
        self.get(T::ID, &key.to_bytes()).is_some()
    }

    /// Calls `visit` for the rows of `range`; `Break` ends it.
    fn each<T: Table>(
        &self,
        range: &KeyRange,
        reverse: bool,
        mut visit: impl FnMut(T::Key, Arc<T::Row>) -> ControlFlow<()>,
    ) where
        Self: Sized,
    {
        each_of::<T>(self, range, reverse, &mut visit);
    }

    /// All rows of `range`, in key order. For ranges that are known to be short.
    fn list<T: Table>(&self, range: &KeyRange) -> Vec<(T::Key, Arc<T::Row>)> {
        let mut rows = Vec::new();
        self.scan(T::ID, range, false, &mut |key, record| {
            rows.push((typed_key::<T>(key), record.row()));
            ControlFlow::Continue(())
        });
        rows
    }

    /// The first row of `range`.
    fn first<T: Table>(&self, range: &KeyRange) -> Option<(T::Key, Arc<T::Row>)> {
        let mut found = None;
        self.scan(T::ID, range, false, &mut |key, record| {
            found = Some((typed_key::<T>(key), record.row()));
            ControlFlow::Break(())
        });
        found
    }

    /// The last row of `range`.
    fn last<T: Table>(&self, range: &KeyRange) -> Option<(T::Key, Arc<T::Row>)> {
        let mut found = None;
        self.scan(T::ID, range, true, &mut |key, record| {
            found = Some((typed_key::<T>(key), record.row()));
            ControlFlow::Break(())
        });
        found
    }
}

impl<T: Tables + ?Sized> Read for T {}

/// The key that stored bytes are.
///
/// # Panics
///
/// When they are not a key of the table: every key in a store was written by [`Key::write`].
pub fn typed_key<T: Table>(bytes: &[u8]) -> T::Key {
    T::Key::from_bytes(bytes).expect("a stored key reads back as its table says")
}

/// [`Read::each`] for unsized tables.
pub fn each_of<T: Table>(
    tables: &(impl Tables + ?Sized),
    range: &KeyRange,
    reverse: bool,
    visit: &mut dyn FnMut(T::Key, Arc<T::Row>) -> ControlFlow<()>,
) {
    tables.scan(T::ID, range, reverse, &mut |key, record| visit(typed_key::<T>(key), record.row()));
}

/// Declares tables.
#[macro_export]
macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $text:literal, $key:ty => $row:ty;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy)]
            pub enum $name {}

            impl $crate::tables::Table for $name {
                const ID: $crate::tables::TableId = $crate::tables::TableId($id);
                const NAME: &'static str = $text;
                type Key = $key;
                type Row = $row;
            }
        )*

        /// Numbers and names of the tables of this module.
        pub const TABLES: &[($crate::tables::TableId, &str)] =
            &[$(($crate::tables::TableId($id), $text),)*];
    };
}
