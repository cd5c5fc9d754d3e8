//! Rows of older releases, brought to the layout of this one.
//!
//! A row is positional, so a member more is another layout. When the layout of a table changes:
//! [`RECORD_VERSION`](crate::record::RECORD_VERSION) goes up by one, the old row type stays here as
//! a private struct, and a [`Step`] turns its bytes into the new ones. Each record has the version
//! it was written in, so a step is applied once, whether the row lies in a store that is migrated
//! at open, or in a change record that is folded: what was decided stays as it was written, and its
//! chain with it.
//!
//! The two tables of the book (intake and change) never change their layout: what is to be added to
//! them gets a table beside them.

use protocol::quantity::Quantity;
use serde::Serialize;

use crate::key::Key as _;
use crate::money::Money;
use crate::schema::EntryNo;
use crate::schema::entry::{
    Applications, ItemApplication, ItemLedger, ItemLedgerState, ItemLedgerStates,
};
use crate::schema::money::CostSums;
use crate::schema::posted::{LineTerms, LinesTerms};
use crate::tables::{Read as _, Table as _, TableId, Tables};

/// How the rows of one table change from one layout to the next.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// The version that it leads to: it is applied to records of lower ones.
    pub to: u8,
    /// The table.
    pub table: TableId,
    /// From the key and the bytes after the version to the bytes after the version; none when they
    /// are not a row of the older layout. It may look at rows of tables that never change.
    pub convert: Convert,
}

/// See [`Step::convert`].
pub type Convert = fn(&[u8], &[u8], &dyn Tables) -> Option<Vec<u8>>;

/// Every change of layout since the first release, in order.
pub const STEPS: &[Step] = &[
    Step { to: 2, table: ItemLedgerStates::ID, convert: state_with_cost },
    Step { to: 2, table: Applications::ID, convert: application_with_cost },
    Step { to: 3, table: LinesTerms::ID, convert: terms_with_discount },
];

/// In version 1 no entry had a value: it counts from its posting date, at no cost.
fn state_with_cost(key: &[u8], row: &[u8], tables: &dyn Tables) -> Option<Vec<u8>> {
    let entry = tables.row::<ItemLedger>(&EntryNo::from_bytes(key)?)?;
    let date = entry.posting_date;
    extended::<ItemLedgerState>(row, &(date, date, CostSums::default()))
}

/// In version 1 no application carried a cost.
fn application_with_cost(_key: &[u8], row: &[u8], _tables: &dyn Tables) -> Option<Vec<u8>> {
    extended::<ItemApplication>(row, &Money::ZERO)
}

/// In version 2 no line had a discount.
fn terms_with_discount(_key: &[u8], row: &[u8], _tables: &dyn Tables) -> Option<Vec<u8>> {
    extended::<LineTerms>(row, &Quantity::ZERO)
}

/// The row with the members that it has got since, behind those that it had.
fn extended<R: serde::de::DeserializeOwned>(
    row: &[u8],
    members: &impl Serialize,
) -> Option<Vec<u8>> {
    let bytes = postcard::to_extend(members, row.to_vec()).ok()?;
    postcard::from_bytes::<R>(&bytes).is_ok().then_some(bytes)
}

/// Why a row cannot be brought to this release's layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a row of table {} in version {version} cannot be read", .table.0)]
pub struct UpgradeError {
    /// The table.
    pub table: TableId,
    /// The version of the row.
    pub version: u8,
}

/// The record in the layout that `steps` lead to; none when it has it already.
///
/// # Errors
///
/// [`UpgradeError`]: the bytes are not a row of their version.
pub fn upgraded(
    steps: &[Step],
    (table, key): (TableId, &[u8]),
    record: &[u8],
    tables: &dyn Tables,
) -> Result<Option<Vec<u8>>, UpgradeError> {
    let Some((&version, row)) = record.split_first() else {
        return Err(UpgradeError { table, version: 0 });
    };
    let mut current: Option<(u8, Vec<u8>)> = None;
    for step in steps.iter().filter(|step| step.table == table && step.to > version) {
        let from = current.as_ref().map_or(row, |(_version, bytes)| bytes.as_slice());
        let bytes = (step.convert)(key, from, tables).ok_or(UpgradeError { table, version })?;
        current = Some((step.to, bytes));
    }
    Ok(current.map(|(version, row)| std::iter::once(version).chain(row).collect()))
}

/// The tables whose layout `steps` change.
pub fn changed_tables(steps: &[Step]) -> Vec<TableId> {
    let mut tables: Vec<TableId> = steps.iter().map(|step| step.table).collect();
    tables.sort_unstable();
    tables.dedup();
    tables
}

#[cfg(test)]
mod tests {
    use super::{Step, UpgradeError, changed_tables};
    use crate::memory::MemoryTables;
    use crate::tables::TableId;

    const TABLE: TableId = TableId(2);
    const OTHER: TableId = TableId(3);
    const STEPS: &[Step] = &[
        Step { to: 2, table: TABLE, convert: |_key, row, _tables| Some([row, &[2]].concat()) },
        Step { to: 3, table: OTHER, convert: |_key, _row, _tables| None },
        Step { to: 4, table: TABLE, convert: |key, row, _tables| Some([row, key].concat()) },
    ];

    fn upgraded(table: TableId, record: &[u8]) -> Result<Option<Vec<u8>>, UpgradeError> {
        super::upgraded(STEPS, (table, &[77]), record, &MemoryTables::new())
    }

    #[test]
    fn each_step_is_applied_once_and_in_order() {
        let upgraded = |record: &[u8]| upgraded(TABLE, record).unwrap();
        assert_eq!(upgraded(&[1, 9]), Some(vec![4, 9, 2, 77]));
        assert_eq!(upgraded(&[2, 9, 2]), Some(vec![4, 9, 2, 77]), "a row between two releases");
        assert_eq!(upgraded(&[3, 9, 2]), Some(vec![4, 9, 2, 77]));
        assert_eq!(upgraded(&[4, 9, 2, 77]), None, "nothing is left to do");
        assert_eq!(changed_tables(STEPS), [TABLE, OTHER]);
    }

    #[test]
    fn bytes_that_are_no_row_are_an_error_and_not_a_guess() {
        let error = upgraded(OTHER, &[1, 9]).unwrap_err();
        assert_eq!(error, UpgradeError { table: OTHER, version: 1 });
        assert!(upgraded(TABLE, &[]).is_err());
        assert_eq!(upgraded(TableId(77), &[1, 9]), Ok(None), "a table that never changed");
    }

    #[test]
    fn steps_are_in_order_and_lead_to_the_present_version() {
        let versions: Vec<u8> = super::STEPS.iter().map(|step| step.to).collect();
        assert!(versions.is_sorted(), "{versions:?}");
        assert_eq!(versions.last(), Some(&crate::record::RECORD_VERSION));
    }

    #[test]
    fn a_link_is_made_of_the_same_bytes_in_every_release() {
        assert_eq!(crate::record::encode_for_link(&(7_u8, "x")), [1, 7, 1, b'x']);
    }
}
