//! Which item ledger entry a number of the file stands for.
//!
//! A file numbers entries by the step and the line that post them. The ledger may split differently;
//! then sums per step and line decide, and the difference is reported.

use rust_decimal::Decimal;

use super::MappedEntry;
use crate::vectors::book::{Book, ItemEntry};
use crate::vectors::compare::assign;

/// The numbers of a file and the entries they stand for.
#[derive(Debug, Clone, Default)]
pub struct Mapping {
    pairs: Vec<(MappedEntry, Option<u64>)>,
}

impl Mapping {
    /// Draws the mapping of `map` from what the ledger holds now.
    pub fn draw(map: &[MappedEntry], book: &Book) -> Self {
        let mut steps: Vec<&str> = map.iter().map(|row| row.step.as_str()).collect();
        steps.dedup();
        let mut pairs = Vec::new();
        for step in steps {
            let rows: Vec<_> = map.iter().filter(|row| row.step == step).cloned().collect();
            let entries: Vec<_> = book.entries.iter().filter(|entry| entry.step == step).collect();
            pairs.extend(pair(&rows, &entries));
        }
        Self { pairs }
    }

    /// The number of the entry that `ile` stands for.
    pub fn entry(&self, ile: u64) -> Option<u64> {
        self.pairs.iter().find(|(row, _no)| row.ile.0 == ile).and_then(|(_row, no)| *no)
    }

    /// The row of the file for `ile`.
    pub fn row(&self, ile: u64) -> Option<&MappedEntry> {
        self.pairs.iter().find(|(row, _no)| row.ile.0 == ile).map(|(row, _no)| row)
    }

    /// All numbers of the file for the step, line and item of `ile`.
    pub fn group(&self, ile: u64) -> Vec<u64> {
        let Some(of) = self.row(ile) else { return Vec::new() };
        self.pairs
            .iter()
            .filter(|(row, _no)| (&row.step, row.line, &row.item) == (&of.step, of.line, &of.item))
            .map(|(row, _no)| row.ile.0)
            .collect()
    }

    /// Whether the ledger made the entries that the file numbers, up to `steps`; a remark for each
    /// group that it split differently.
    pub fn remarks(&self) -> Vec<String> {
        self.pairs
            .iter()
            .filter(|(_row, no)| no.is_none())
            .map(|(row, _no)| {
                format!(
                    "entry {} (step {}, item {}, {}) is split differently by the ledger",
                    row.ile.0, row.step, row.item, row.qty.0
                )
            })
            .collect()
    }
}

/// Entries of one step: in order where every one is as the file says, else by what they say.
fn pair(rows: &[MappedEntry], entries: &[&ItemEntry]) -> Vec<(MappedEntry, Option<u64>)> {
    let same = |row: &MappedEntry, entry: &ItemEntry| {
        row.item == entry.item && row.qty.0 == entry.quantity
    };
    let in_order = rows.len() == entries.len()
        && rows.iter().zip(entries).all(|(row, entry)| same(row, entry) && of_line(row, entry));
    if in_order {
        let numbers = entries.iter().map(|entry| Some(entry.no));
        return rows.iter().cloned().zip(numbers).collect();
    }
    let met = assign(rows.len(), entries.len(), |row, entry| {
        same(&rows[row], entries[entry]) && of_line(&rows[row], entries[entry])
    });
    let numbers = met.into_iter().map(|at| at.map(|at| entries[at].no));
    rows.iter().cloned().zip(numbers).collect()
}

fn of_line(row: &MappedEntry, entry: &ItemEntry) -> bool {
    match (row.line, entry.line) {
        (Some(row), Some(entry)) => row.line() == entry,
        _ => true,
    }
}

/// Entries of the ledger that belong to the step, line and item of a row.
pub fn entries_of<'b>(row: &MappedEntry, book: &'b Book) -> Vec<&'b ItemEntry> {
    book.entries
        .iter()
        .filter(|entry| entry.step == row.step && entry.item == row.item && of_line(row, entry))
        .collect()
}

/// The sum of one figure over entries.
pub fn sum(entries: &[&ItemEntry], figure: impl Fn(&ItemEntry) -> Decimal) -> Decimal {
    entries.iter().map(|entry| figure(entry)).sum()
}
