//! What devices see: ledger rows projected to feed rows, site by site.
//!
//! The feed index only appends: `(site, lsn, n) → (table, key)`. It is derived from the change
//! record alone, so that a rebuild gives the same index. A reader takes the last mention of each
//! object in its range and projects it as of the end of the range: catching up costs what changed.
//!
//! 1. No cost and no value is ever projected: there is no word for them in `protocol`.
//! 2. A delta ends at a decision, and shows every object it mentions as of that decision.
//! 3. An outcome travels with the rows of its decision.
//! 4. Where a bin is counted blind, its quantities are withheld until the task is closed.
//!
//! Order of reading: [`sites`] (who sees a row, and what else a change touches), [`project`] (what
//! they see), [`delta`] (from a cursor on), [`ring`] and `blocks` (what is shared between devices),
//! [`floor`] (where the feed begins).

mod blocks;
pub mod delta;
pub mod floor;
pub mod project;
pub mod ring;
pub mod sites;

use ledger::schema::SiteId;
use ledger::schema::case::{Cases, Tasks};
use ledger::schema::document::{DocumentLines, Documents};
use ledger::schema::identity::Operators;
use ledger::schema::item::{Identifiers, Items};
use ledger::schema::place::{Bins, Locations, Plates, Sites};
use ledger::schema::stock::{Holds, Stocks};
use ledger::schema::tracking::Lots;
use ledger::tables::{Table as _, TableId};

/// Stands for every site in a feed index.
pub const ALL_SITES: SiteId = SiteId(0);

/// The ledger tables whose rows are objects of the feed, with the feed's number for each.
pub const OBJECTS: [(TableId, u8); 14] = [
    (Sites::ID, 1),
    (Locations::ID, 2),
    (Bins::ID, 3),
    (Items::ID, 4),
    (Identifiers::ID, 5),
    (Lots::ID, 6),
    (Stocks::ID, 7),
    (Plates::ID, 8),
    (Documents::ID, 9),
    (DocumentLines::ID, 10),
    (Tasks::ID, 11),
    (Operators::ID, 12),
    (Cases::ID, 13),
    (Holds::ID, 14),
];

/// The feed's number for a ledger table, where its rows are objects of the feed.
pub fn feed_table(table: TableId) -> Option<u8> {
    OBJECTS.iter().find(|(ledger, _feed)| *ledger == table).map(|(_ledger, feed)| *feed)
}
