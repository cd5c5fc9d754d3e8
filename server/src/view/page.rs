//! Long lists, page by page.

use std::ops::ControlFlow;
use std::sync::Arc;

use ledger::key::{KeyBytes, KeyRange};
use ledger::tables::{Table, Tables, typed_key};
use serde::{Deserialize, Serialize};

use crate::secret::hex;

/// Rows of a page where nobody asks for a number.
pub const ROWS_DEFAULT: usize = 50;
/// The most rows of a page.
pub const ROWS_MAX: usize = 500;
/// Rows that are looked at for one page at most, where a filter leaves out most of them.
const LOOKED_AT_MAX: usize = 20_000;

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PageQuery {
    /// How many rows, up to [`ROWS_MAX`].
    #[serde(default)]
    pub limit: Option<usize>,
    /// `next` of the page before.
    #[serde(default)]
    pub after: Option<String>,
}

impl PageQuery {
    /// How many rows are wanted.
    pub fn rows(&self) -> usize {
        self.limit.unwrap_or(ROWS_DEFAULT).clamp(1, ROWS_MAX)
    }
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where the next part begins; none at the end.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A page with these rows and nothing after it.
    pub fn whole(rows: Vec<T>) -> Self {
        Self { rows, next: None }
    }
}

/// The rows of `range`, oldest or lowest first, that `view` shows.
pub fn ascending<T: Table, R>(
    tables: &dyn Tables,
    range: KeyRange,
    query: &PageQuery,
    view: impl FnMut(T::Key, Arc<T::Row>) -> Option<R>,
) -> Page<R> {
    page::<T, R>(tables, (range, false), query, view)
}

/// The rows of `range`, newest or highest first, that `view` shows.
pub fn descending<T: Table, R>(
    tables: &dyn Tables,
    range: KeyRange,
    query: &PageQuery,
    view: impl FnMut(T::Key, Arc<T::Row>) -> Option<R>,
) -> Page<R> {
    page::<T, R>(tables, (range, true), query, view)
}

fn page<T: Table, R>(
    tables: &dyn Tables,
    (mut range, reverse): (KeyRange, bool),
    query: &PageQuery,
    mut view: impl FnMut(T::Key, Arc<T::Row>) -> Option<R>,
) -> Page<R> {
    let after = query.after.as_deref().and_then(from_hex);
    if let Some(mut after) = after {
        if reverse {
            range.to = after.min(range.to);
        } else {
            // The first key beyond `after`: nothing lies between a key and itself with a zero.
            after.push(0);
            range.from = after.max(range.from);
        }
    }
    let mut rows = Vec::new();
    let mut next = None;
    let mut looked_at = 0_usize;
    tables.scan(T::ID, &range, reverse, &mut |key, record| {
        looked_at += 1;
        rows.extend(view(typed_key::<T>(key), record.row()));
        if rows.len() >= query.rows() || looked_at >= LOOKED_AT_MAX {
            next = Some(hex(key));
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    Page { rows, next }
}

fn from_hex(text: &str) -> Option<KeyBytes> {
    data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok().map(KeyBytes::from_vec)
}

/// The range of all keys under `prefix`, or of the whole table.
pub fn range_of(prefix: Option<&impl ledger::key::Key>) -> KeyRange {
    prefix.map_or_else(KeyRange::all, |prefix| KeyRange {
        from: prefix.to_bytes(),
        to: KeyRange::prefix(prefix).to,
    })
}

#[cfg(test)]
mod tests {
    use ledger::draft::Draft;
    use ledger::memory::MemoryTables;
    use ledger::schema::book::Counters;

    use super::*;

    fn numbers() -> MemoryTables {
        let mut tables = MemoryTables::new();
        let empty = MemoryTables::new();
        let mut draft = Draft::over(&empty);
        for n in 1..=7_u8 {
            draft.put::<Counters>(&n, u64::from(n));
        }
        tables.apply(draft.finish());
        tables
    }

    fn all(reverse: bool) -> Vec<Vec<u64>> {
        let tables = numbers();
        let mut query = PageQuery { limit: Some(3), after: None };
        let mut pages = Vec::new();
        loop {
            let view = |_key, row: Arc<u64>| (*row != 4).then_some(*row);
            let range = (KeyRange::all(), reverse);
            let found = page::<Counters, _>(&tables, range, &query, view);
            pages.push(found.rows);
            match found.next {
                None => return pages,
                next => query.after = next,
            }
        }
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repetition() {
        assert_eq!(all(false), [vec![1, 2, 3], vec![5, 6, 7], vec![]]);
        assert_eq!(all(true), [vec![7, 6, 5], vec![3, 2, 1], vec![]]);
    }

    #[test]
    fn a_place_that_is_nonsense_starts_at_the_beginning() {
        let query = PageQuery { limit: Some(1), after: Some("zz".to_owned()) };
        let view = |_key, row: Arc<u64>| Some(*row);
        let found = ascending::<Counters, _>(&numbers(), KeyRange::all(), &query, view);
        assert_eq!(found.rows, [1]);
    }
}
