//! What an export leaves out because the files cannot say it, row by row.

use std::collections::BTreeMap;
use std::fmt;

use protocol::operation::DocumentKind;

use crate::exchange::line::{Line as _, PurchaseLine, SalesLine, StockLine, TransferLine};

/// The name of the list beside the files. It is no CSV file: an import does not read it.
pub const LEFT_OUT_FILE: &str = "left_out.txt";

/// Why something was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Stock below zero.
    BelowZero,
    /// The order was closed or cancelled.
    Ended,
    /// The order is known from devices only.
    Provisional,
    /// Everything on the line is done.
    NothingOutstanding,
    /// Orders of its kind have no file.
    NoFile,
}

impl Why {
    /// The reason in words, without a full stop.
    pub const fn text(self) -> &'static str {
        match self {
            Self::BelowZero => "opening stock lies above zero: count the bin",
            Self::Ended => "closed or cancelled orders do not come in again",
            Self::Provisional => "the order is known from devices only, until the office sends it",
            Self::NothingOutstanding => "nothing is outstanding on the line",
            Self::NoFile => "there is no file for orders of this kind",
        }
    }
}

/// Something that was left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// The file that it would stand in; empty where there is none.
    pub file: &'static str,
    /// Why.
    pub why: Why,
    /// What.
    pub what: String,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}: {}", prefix(self.file), self.what, self.why.text())
    }
}

fn prefix(file: &str) -> String {
    if file.is_empty() { String::new() } else { format!("{file}: ") }
}

/// One line for everything that was left out.
pub fn list(left_out: &[LeftOut]) -> String {
    left_out.iter().flat_map(|left| [left.to_string(), "\n".to_owned()]).collect()
}

/// How much of each file was left out for each reason, a sentence each.
pub fn summary(left_out: &[LeftOut]) -> Vec<String> {
    let mut counts: BTreeMap<(&str, Why), usize> = BTreeMap::new();
    for left in left_out {
        *counts.entry((left.file, left.why)).or_default() += 1;
    }
    let told = |((file, why), n): ((&str, Why), usize)| {
        format!("{}{n} left out: {}", prefix(file), why.text())
    };
    counts.into_iter().map(told).collect()
}

/// The file of stock.
pub(super) const STOCK: &str = StockLine::FILE;

/// The file of orders of `kind`.
pub(super) const fn file_of(kind: DocumentKind) -> Option<&'static str> {
    match kind {
        DocumentKind::PurchaseOrder => Some(PurchaseLine::FILE),
        DocumentKind::SalesOrder => Some(SalesLine::FILE),
        DocumentKind::TransferOrder => Some(TransferLine::FILE),
        DocumentKind::PurchaseReturnOrder
        | DocumentKind::SalesReturnOrder
        | DocumentKind::AssemblyOrder
        | DocumentKind::CountOrder => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_listed_and_summed_up_by_file_and_reason() {
        let left = |file, why, what: &str| LeftOut { file, why, what: what.to_owned() };
        let all = [
            left(STOCK, Why::BelowZero, "MAIN A-01 BOLT -5 PCS"),
            left(STOCK, Why::BelowZero, "MAIN A-02 BOLT -1 PCS"),
            left("", Why::NoFile, "CO-1"),
        ];
        assert_eq!(
            summary(&all),
            [
                "1 left out: there is no file for orders of this kind",
                "opening_stock.csv: 2 left out: opening stock lies above zero: count the bin",
            ]
        );
        let list = list(&all);
        let lines: Vec<_> = list.lines().collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(
            lines[0],
            "opening_stock.csv: MAIN A-01 BOLT -5 PCS: opening stock lies above zero: count the bin"
        );
    }
}
