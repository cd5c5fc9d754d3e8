//! The CSV files by which a company's master records, orders and opening stock come in and go out:
//! a folder with fixed file names, one header line each, UTF-8.
//!
//! The same definitions ([`line`]) serve both ways, so that an export reads back. Numbers are plain
//! decimals as text; dates are `2026-12-31`; yes/no cells are `yes` or empty. A text that a
//! spreadsheet would take for a formula gets an apostrophe in front, which the import takes away.
//!
//! Order of reading: [`cell`], [`line`], [`read`] (files to rows), [`check`] (rows against each
//! other and the company), [`write`] (rows to files). What the rows do is for [`crate::import`];
//! where an export takes them from is for [`crate::export`].

pub mod cell;
pub mod check;
pub mod line;
pub mod read;
pub mod write;

use line::{
    BinLine, DimensionLine, IdentifierLine, ItemLine, ItemUnitLine, Line, LocationLine, LotLine,
    OperatorLine, PurchaseLine, SalesLine, SiteLine, StockLine, TrackingCodeLine, TransferLine,
    VariantLine,
};

/// Something wrong with a file, a row or a cell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct RowFault {
    /// The file.
    pub file: String,
    /// The line, from 1; the header is line 1. 0: the file as a whole.
    pub line: u64,
    /// The column; empty: the row as a whole.
    pub column: String,
    /// What is wrong, without a full stop.
    pub reason: String,
    /// What to do, as a sentence.
    pub remedy: String,
}

impl std::fmt::Display for RowFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ", line {}", self.line)?;
        }
        if !self.column.is_empty() {
            write!(f, ", column {}", self.column)?;
        }
        write!(f, ": {}. {}", self.reason, self.remedy)
    }
}

/// A row and the line of its file that it starts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    /// The line, from 1; the header is line 1.
    pub line: u64,
    /// The row.
    pub row: T,
}

macro_rules! batch {
    ($($(#[$doc:meta])* $field:ident: $line:ty,)+) => {
        /// All rows of a folder.
        #[derive(Debug, Clone, PartialEq, Eq, Default)]
        pub struct Batch {
            $($(#[$doc])* pub $field: Vec<At<$line>>,)+
        }

        /// The file names, in the order in which they are read.
        pub const FILES: &[&str] = &[$(<$line as Line>::FILE),+];

        /// A file: its name, what it holds, its columns.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct FileAbout {
            /// Its name.
            pub file: &'static str,
            /// What it holds.
            pub about: &'static str,
            /// Its columns.
            pub columns: Vec<line::Column>,
        }

        /// What each file holds, column by column.
        pub fn files() -> Vec<FileAbout> {
            vec![$(FileAbout {
                file: <$line as Line>::FILE,
                about: <$line as Line>::ABOUT.trim(),
                columns: <$line as Line>::columns(),
            }),+]
        }

        /// The names of the columns of `file`; none for a file that is not known.
        pub fn column_names(file: &str) -> Vec<&'static str> {
            let columns = match file {
                $(<$line as Line>::FILE => <$line as Line>::columns(),)+
                _ => Vec::new(),
            };
            columns.into_iter().map(|column| column.name).collect()
        }

        impl Batch {
            /// How many rows there are in all.
            pub fn n_rows(&self) -> usize {
                0 $(+ self.$field.len())+
            }

            fn read_file(&mut self, file: &str, bytes: &[u8], faults: &mut Vec<RowFault>) -> bool {
                match file {
                    $(<$line as Line>::FILE => {
                        self.$field = read::rows::<$line>(bytes, faults);
                        true
                    })+
                    _ => false,
                }
            }

            fn write_files(
                &self,
                write: &mut dyn FnMut(&str, Vec<u8>) -> std::io::Result<()>,
            ) -> std::io::Result<()> {
                $(write(<$line as Line>::FILE, write::rows(&self.$field)?)?;)+
                Ok(())
            }

            /// The same rows in the order of their keys, numbered as an export writes them.
            #[must_use]
            pub fn normalised(mut self) -> Self {
                $(
                    self.$field.sort_by_cached_key(|at| at.row.key());
                    for (at, line) in self.$field.iter_mut().zip(2..) {
                        at.line = line;
                    }
                )+
                self
            }
        }
    };
}

batch! {
    /// `tracking_codes.csv`
    tracking_codes: TrackingCodeLine,
    /// `items.csv`
    items: ItemLine,
    /// `item_units.csv`
    item_units: ItemUnitLine,
    /// `variants.csv`
    variants: VariantLine,
    /// `identifiers.csv`
    identifiers: IdentifierLine,
    /// `sites.csv`
    sites: SiteLine,
    /// `locations.csv`
    locations: LocationLine,
    /// `bins.csv`
    bins: BinLine,
    /// `lots.csv`
    lots: LotLine,
    /// `default_dimensions.csv`
    default_dimensions: DimensionLine,
    /// `operators.csv`
    operators: OperatorLine,
    /// `opening_stock.csv`
    opening_stock: StockLine,
    /// `purchase_orders.csv`
    purchase_orders: PurchaseLine,
    /// `sales_orders.csv`
    sales_orders: SalesLine,
    /// `transfer_orders.csv`
    transfer_orders: TransferLine,
}

#[cfg(test)]
mod tests;
