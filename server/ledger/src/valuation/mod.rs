//! What stock is worth, as of any date: valuation, reconciliation with the general ledger, work in process
//! (COSTING 21).
//!
//! Value is summed by day, month and year while it is posted ([`sums`]), so that no question reads value
//! entries one by one, however many there are.
//!
//! Not here: what goods cost (`costing`), accounts (`gl`).
//!
//! Order of reading: [`sums`], [`inventory`], [`reconciliation`], [`wip`].

pub mod inventory;
pub mod reconciliation;
pub mod sums;
pub mod wip;

#[cfg(test)]
mod tests;
