//! The time line of counts and movements (SYNC 4.2). Counts lie apart from movements, so that "next
//! count after an instant" is one seek.

use protocol::identity::{CaseId, OperationId, ServerTime, TaskId};
use protocol::outcome::Settlement;
use protocol::quantity::Quantity;
use protocol::words::OperatorId;
use serde::{Deserialize, Serialize};

use crate::schema::{BinId, EntryNo, LocationId, OrderKey, SiteId, StockKey};

/// A movement on a stock key, on the time line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovementRow {
    /// Signed.
    pub delta: Quantity,
    /// Half the width of its interval in microseconds.
    pub epsilon_us: u64,
    /// Its boot was not bracketed.
    pub uncertain: bool,
    /// The item ledger entry, or the warehouse entry where there is none.
    pub entry: EntryNo,
}

/// How a count stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CountState {
    /// Posted; some device may still hold an earlier act.
    Provisional,
    /// Judged and in the book.
    Settled,
    /// Judged: a person must approve it. In the book meanwhile.
    NeedsApproval,
    /// Judged: it is being counted again. In the book meanwhile.
    Recount,
    /// Refused: taken out of the book, kept as an observation.
    TakenOut,
}

impl CountState {
    /// What the outcome of the count shows.
    pub const fn settlement(self) -> Settlement {
        match self {
            Self::Provisional => Settlement::Provisional,
            Self::Settled | Self::NeedsApproval | Self::Recount | Self::TakenOut => {
                Settlement::Settled
            }
        }
    }
}

/// A count of one stock key, on the time line. Implicit zeros of a whole-bin count are rows too,
/// as soon as their key has ever moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountRow {
    /// Counted.
    pub quantity: Quantity,
    /// Counted minus the book just before: what is posted as its difference, all corrections
    /// included.
    pub difference: Quantity,
    /// What stood in the book when it arrived, for the four figures of a supervisor.
    pub book_at_arrival: Quantity,
    /// How it stands.
    pub state: CountState,
    /// First scan of the count, in server time; the instant of the count itself when it was one
    /// scan.
    pub started: ServerTime,
    /// Half the width of its interval in microseconds.
    pub epsilon_us: u64,
    /// Its boot was not bracketed.
    pub uncertain: bool,
    /// Not listed in a whole-bin count: nothing was seen.
    pub implicit: bool,
    /// Who counted.
    pub operator: Option<OperatorId>,
    /// The site whose watermark it waits for.
    pub site: SiteId,
    /// The item ledger entry of its difference; corrections apply to it. 0 while it is zero.
    pub difference_entry: EntryNo,
    /// Rises when its key changes after it was judged.
    pub version: u32,
    /// The case of its approval or conflict.
    pub case: Option<CaseId>,
    /// The recount that was asked for.
    pub task: Option<TaskId>,
}

/// A whole-bin count: an implicit zero for each key of the bin that it does not list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BinCountRow {
    /// The keys that it lists.
    pub listed: Vec<StockKey>,
    /// Plates seen closed: their content is taken as booked.
    pub plates_seen_closed: Vec<crate::schema::PlateId>,
    /// First scan, in server time.
    pub started: ServerTime,
    /// Half the width of its interval in microseconds.
    pub epsilon_us: u64,
    /// Its boot was not bracketed.
    pub uncertain: bool,
    /// Who counted.
    pub operator: Option<OperatorId>,
    /// The site whose watermark it waits for.
    pub site: SiteId,
    /// Whether it was taken out.
    pub taken_out: bool,
}

crate::tables! {
    /// Movements by stock key and order of the acts.
    Movements = 65, "movement", (StockKey, OrderKey) => MovementRow;
    /// Counts by stock key and order of the acts.
    Counts = 66, "count", (StockKey, OrderKey) => CountRow;
    /// Whole-bin counts by bin and order of the acts.
    BinCounts = 67, "bin_count", (LocationId, BinId, OrderKey) => BinCountRow;
    /// Counts that wait for the watermark of their site, by the instant at which they are due.
    CountsDue = 68, "count_due", (SiteId, ServerTime, OrderKey, StockKey) => ();
    /// Counts of an operation.
    CountsByOperation = 69, "count_by_operation", (OperationId, StockKey, OrderKey) => ();
}
