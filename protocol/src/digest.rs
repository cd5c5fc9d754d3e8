//! Sums over rows, by which two sides find out that they hold the same ones, or where they differ.
//!
//! Each table has [`BUCKETS`] buckets; a row lies in the bucket that the hash of its key names. The
//! sum of a bucket is that of its rows modulo 2^64: a row is added and taken away at constant cost,
//! in any order.
//!
//! Against damage and mistakes, not against forgery: XXH3 is no cryptographic hash.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Buckets of one table.
pub const BUCKETS: usize = 256;

/// The bucket of the row under `key`: the low eight bits of `XXH3_64(key)`.
pub fn bucket(key: &[u8]) -> u8 {
    let [low, ..] = xxh3_64(key).to_le_bytes();
    low
}

/// What a row adds to the sum of its bucket: `XXH3_64`, with the number of the table as seed, of
/// the length of the key as u32 little endian, the key, and the row.
pub fn row_sum(table: u8, key: &[u8], row: &[u8]) -> u64 {
    let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(key.len().saturating_add(row.len()).saturating_add(4));
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(key);
    bytes.extend_from_slice(row);
    xxh3_64_with_seed(&bytes, u64::from(table))
}

/// The sums of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSums {
    buckets: Vec<u64>,
}

impl Default for TableSums {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS] }
    }
}

impl TableSums {
    /// The sums of all buckets, in order.
    pub fn buckets(&self) -> &[u64] {
        &self.buckets
    }

    /// The sum of all buckets.
    pub fn total(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, bucket| sum.wrapping_add(*bucket))
    }

    /// The buckets whose sum is another one in `others`; a missing one counts as nothing.
    pub fn differing(&self, others: &[u64]) -> Vec<u8> {
        let others = others.iter().copied().chain(std::iter::repeat(0));
        let pairs = (0..=u8::MAX).zip(self.buckets.iter().zip(others));
        pairs.filter(|(_no, (own, other))| **own != *other).map(|(no, _sums)| no).collect()
    }

    fn change(&mut self, bucket: u8, by: u64) {
        if let Some(sum) = self.buckets.get_mut(usize::from(bucket)) {
            *sum = sum.wrapping_add(by);
        }
    }
}

/// The sums of every table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sums {
    tables: BTreeMap<u8, TableSums>,
}

impl Sums {
    /// No rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// A row is there now.
    pub fn add(&mut self, table: u8, key: &[u8], row: &[u8]) {
        self.change(table, bucket(key), row_sum(table, key, row));
    }

    /// A row is gone.
    pub fn remove(&mut self, table: u8, key: &[u8], row: &[u8]) {
        self.change(table, bucket(key), row_sum(table, key, row).wrapping_neg());
    }

    /// Adds `by` to a bucket, modulo 2^64.
    pub fn change(&mut self, table: u8, bucket: u8, by: u64) {
        self.tables.entry(table).or_default().change(bucket, by);
    }

    /// The sums of a table.
    pub fn table(&self, table: u8) -> TableSums {
        self.tables.get(&table).cloned().unwrap_or_default()
    }

    /// The tables that rows were added to, with the sum of each.
    pub fn totals(&self) -> BTreeMap<u8, u64> {
        self.tables.iter().map(|(table, sums)| (*table, sums.total())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_rows_does_not_matter_and_what_was_taken_away_leaves_nothing() {
        let (mut one, mut two) = (Sums::new(), Sums::new());
        for n in 0..500_u32 {
            one.add(7, &n.to_be_bytes(), b"row");
            two.add(7, &(499 - n).to_be_bytes(), b"row");
        }
        assert_eq!(one, two);
        two.remove(7, &3_u32.to_be_bytes(), b"row");
        assert_ne!(one.totals(), two.totals());
        let differing = one.table(7).differing(two.table(7).buckets());
        assert_eq!(differing, [bucket(&3_u32.to_be_bytes())]);
        two.add(7, &3_u32.to_be_bytes(), b"row");
        assert_eq!(one, two);
    }

    #[test]
    fn where_the_key_ends_matters_and_so_does_the_table() {
        assert_ne!(row_sum(1, b"ab", b"c"), row_sum(1, b"a", b"bc"));
        assert_ne!(row_sum(1, b"a", b"b"), row_sum(2, b"a", b"b"));
    }

    #[test]
    fn the_hash_is_the_one_that_the_wire_document_names() {
        // Computed with another implementation: the xxhash of Python.
        assert_eq!(bucket(b"BOLT-M8"), 0x87);
        assert_eq!(row_sum(7, b"k", b"row"), 16_678_577_353_551_210_986);
    }
}
