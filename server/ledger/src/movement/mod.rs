//! What devices report of goods: facts are posted, posted with a change, or parked; never refused.
//!
//! Each fact becomes one or more [`carry::Motion`]s; a motion is posted or registered, told to the
//! time line of counts, and remembered so that it can be undone. Goods stay in the bin that was
//! scanned; what is not free to use there gets a hold.
//!
//! Order of reading: [`goods`] and [`spot`] (what and where), [`carry`] (one motion), then one file
//! per kind of fact.

pub mod adjust;
pub mod answer;
pub mod attach;
pub mod carry;
pub mod goods;
pub mod outbound;
pub mod receive;
pub mod reclassify;
pub mod relocate;
pub mod spot;
pub mod transfer;
pub mod undo;

#[cfg(test)]
mod tests;
