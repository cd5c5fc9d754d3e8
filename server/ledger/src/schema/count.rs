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
    /// The operation that observed it. For a journal it is not the one that names the instant.
    pub operation: OperationId,
    /// Who counted.
    pub operator: Option<OperatorId>,
    /// The site whose watermark it waits for.
    pub site: SiteId,
    /// The item ledger entries that make up its difference, and how much of each is not yet
    /// corrected; all of one sign, their sum is the difference. Corrections are linked to them,
    /// latest first (COSTING 12.7).
    pub links: Vec<(EntryNo, Quantity)>,
    /// Rises when its key changes after it was judged.
    pub version: u32,
    /// The difference that a person has accepted.
    pub accepted: Option<Quantity>,
    /// A count that was asked for because of this one stands instead: nobody is asked again.
    pub superseded: bool,
    /// The case of its approval or conflict.
    pub case: Option<CaseId>,
    /// The recount that was asked for.
    pub task: Option<TaskId>,
}

/// A whole-bin count: an implicit zero for each key of the bin that it does not list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BinCountRow {
    /// The keys that it lists, in order.
    pub listed: Vec<StockKey>,
    /// Plates seen closed: their content is taken as booked.
    pub plates_seen_closed: Vec<crate::schema::PlateId>,
    /// First scan, in server time.
    pub started: ServerTime,
    /// Half the width of its interval in microseconds.
    pub epsilon_us: u64,
    /// Its boot was not bracketed.
    pub uncertain: bool,
    /// The operation that observed it.
    pub operation: OperationId,
    /// Who counted.
    pub operator: Option<OperatorId>,
    /// The site whose watermark it waits for.
    pub site: SiteId,
    /// Whether it was taken out.
    pub taken_out: bool,
}

/// How far the counts of a site are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Watermark {
    /// No device holds an older operation, as far as is known. Never goes back.
    pub until: ServerTime,
}

crate::tables! {
    /// Movements by stock key and order of the acts.
    Movements = 65, "movement", (StockKey, OrderKey) => MovementRow;
    /// Counts by stock key and order of the acts.
    Counts = 66, "count", (StockKey, OrderKey) => CountRow;
    /// Whole-bin counts by bin and order of the acts.
    BinCounts = 67, "bin_count", (LocationId, BinId, OrderKey) => BinCountRow;
    /// Counts that wait for the watermark of their site, by the instant at which they are due. Item
    /// 0 stands for a whole-bin count itself.
    CountsDue = 68, "count_due", (SiteId, ServerTime, OrderKey, StockKey) => ();
    /// Counts of an operation.
    CountsByOperation = 69, "count_by_operation", (OperationId, StockKey, OrderKey) => ();
    /// Movements whose interval is wide, or whose boot was not bracketed: looked at apart, so that
    /// the others need only a short range.
    WideMovements = 70, "wide_movement", (StockKey, OrderKey) => ();
    /// How far the counts of a site are judged.
    Watermarks = 71, "watermark", SiteId => Watermark;
}
