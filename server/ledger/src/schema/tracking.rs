//! Lots, serials, packages: tracking keys, lot cards, and the history of each serial by time of
//! the act.

use chrono::NaiveDate;
use protocol::identity::{CaseId, OperationId};
use protocol::words::{LotNo, PackageNo, SerialNo};
use serde::{Deserialize, Serialize};

use crate::schema::{EntryNo, ItemId, OrderKey, StockKey, TrackingId, VariantId};

/// A tracking key of an item. Immutable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackingKey {
    /// The item.
    pub item: ItemId,
    /// The variant, or none.
    pub variant: VariantId,
    /// The lot.
    pub lot: Option<LotNo>,
    /// The serial.
    pub serial: Option<SerialNo>,
    /// The package.
    pub package: Option<PackageNo>,
}

/// A lot of an item.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Lot {
    /// When it expires.
    pub expiry: Option<NaiveDate>,
    /// No movement is wanted; what there is of it is on hold.
    pub blocked: bool,
    /// First seen on a device, still to be verified.
    pub provisional: bool,
    /// The act that created it: an earlier one that arrives late takes its place.
    pub created_by: Option<OrderKey>,
}

/// When goods with a serial number and without a lot expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SerialDate {
    /// When they expire.
    pub expiry: NaiveDate,
    /// The act that read it: an earlier one that arrives late takes its place.
    pub read_by: OrderKey,
    /// Read on a device, still to be verified.
    pub provisional: bool,
}

/// What happened to a serial at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SerialAct {
    /// It came into stock under this key.
    In(StockKey),
    /// It went from one key, as its operator knew it, to another.
    Moved(StockKey, StockKey),
    /// The licence plate under it went from one place to another: that moved the serial if it was
    /// there then.
    Carried(StockKey, StockKey),
    /// It was counted under this key.
    Seen(StockKey),
    /// It left stock from this key.
    Out(StockKey),
    /// A complete count of its bin did not see it.
    NotSeen(StockKey),
}

/// An act in the history of a serial, and what is booked for it. What is booked forms a chain: each
/// act takes the serial from where the booked act before it left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SerialActRow {
    /// What happened.
    pub act: SerialAct,
    /// Where it was taken from in the book; none: not in stock.
    pub start: Option<StockKey>,
    /// Where it was left in the book; none: not in stock.
    pub end: Option<StockKey>,
    /// The item ledger entry by which it is booked; 0 when it was registered only, or booked
    /// differently since.
    pub entry: EntryNo,
    /// Nothing is booked for it: it contradicts an earlier act.
    pub parked: bool,
    /// Half the width of the interval of the act, in microseconds.
    pub epsilon_us: u64,
}

/// Where a serial is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SerialState {
    /// Where it is; none: not in stock.
    pub at: Option<StockKey>,
    /// The act that says so.
    pub by: OrderKey,
    /// Half the width of the interval of that act, in microseconds.
    pub epsilon_us: u64,
}

/// A question that is asked: where a serial is, because acts that brought it to different places may be
/// either way round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SerialDoubt {
    /// The act that says where the book has it.
    pub last: OperationId,
    /// Those that may as well be the last, the later first.
    pub others: Vec<OperationId>,
    /// The case that asks.
    pub case: CaseId,
}

crate::tables! {
    /// Tracking keys.
    TrackingKeys = 30, "tracking_key", TrackingId => TrackingKey;
    /// Tracking keys by what they say.
    TrackingByKey = 31, "tracking_by_key",
        (ItemId, VariantId, Option<LotNo>, Option<SerialNo>, Option<PackageNo>) => TrackingId;
    /// Lots.
    Lots = 32, "lot", (ItemId, VariantId, LotNo) => Lot;
    /// Serials: where they are now.
    Serials = 33, "serial", (ItemId, VariantId, SerialNo) => SerialState;
    /// Serials: what happened to them, in order of the acts.
    SerialActs = 34, "serial_act", (ItemId, VariantId, SerialNo, OrderKey) => SerialActRow;
    /// Expiration dates of serials that have no lot.
    SerialDates = 37, "serial_date", (ItemId, VariantId, SerialNo) => SerialDate;
    /// Serials of which nobody knows where they are.
    SerialDoubts = 38, "serial_doubt", (ItemId, VariantId, SerialNo) => SerialDoubt;
}
