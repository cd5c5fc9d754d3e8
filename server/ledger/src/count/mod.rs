//! Counts: observations as of an instant, on one time line with the movements (SYNC 4.2–4.4).
//!
//! Invariants:
//! 1. Under each stock key, counted quantity minus difference of a count is the sum of all entries
//!    before it: the book just before it, whatever arrived in which order.
//! 2. A movement that lies before a count posts together with the correction of that count, so what
//!    lies there now is the latest count plus the movements after it.
//! 3. A whole-bin count is a count of nothing for each key of the bin that it does not list, also
//!    for keys that appear only later.
//! 4. Judging waits for the watermark of the site, is written down, and happens again when its key
//!    changes.
//!
//! Not here: who may count, and the order key itself; both come with the operation.
//!
//! Order of reading: [`timeline`] (the algorithm), [`difference`] (what is posted), [`observation`]
//! (operations become counts), [`missing`] (what complete counts did not see of things with a place of
//! their own), [`ambiguity`] and [`settlement`] (judging), [`decided`] (what a person chose),
//! [`asked_again`] (a count is taken back).

pub(crate) mod ambiguity;
pub(crate) mod asked_again;
pub(crate) mod decided;
pub(crate) mod difference;
pub(crate) mod missing;
pub mod observation;
pub(crate) mod report;
pub mod settlement;
pub mod timeline;

pub use observation::{judge_bin_count, judge_count, judge_journal_count};
pub use settlement::{DeviceStatement, SiteWatermark, settle};
pub use timeline::{movement, take_out_operation};

use crate::schema::{BinId, LocationId};
use crate::tables::Tables;

/// Whether quantities of the bin are withheld from devices, because somebody counts there without
/// knowing the book.
pub fn is_blind(tables: &(impl Tables + ?Sized), location: LocationId, bin: BinId) -> bool {
    crate::conflict::task::is_counted_blind(tables, location, bin)
}
