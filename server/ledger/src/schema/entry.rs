//! The ledgers: item ledger entries, item applications, warehouse entries. Entries never change;
//! what is left of them lies in state rows.

use chrono::NaiveDate;
use protocol::identity::{HoldId, OperationId, ServerTime};
use protocol::operation::DocumentKind;
use protocol::quantity::Quantity;
use protocol::words::{DocumentNo, OperatorId, SerialNo};
use serde::{Deserialize, Serialize};

use crate::money::Money;
use crate::schema::money::CostSums;
use crate::schema::{
    EntryNo, ItemId, LocationId, OrderKey, PlateId, RegisterNo, StockKey, TrackingId, VariantId,
    Written,
};

/// The type of an item ledger entry: the document family; the sign says the direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum EntryType {
    /// Bought, or returned to a vendor.
    Purchase,
    /// Sold, or returned by a customer.
    Sale,
    /// Adjusted upwards.
    PositiveAdjustment,
    /// Adjusted downwards.
    NegativeAdjustment,
    /// Between locations, or between tracking keys.
    Transfer,
    /// Used in production.
    Consumption,
    /// Produced.
    Output,
    /// Used in an assembly.
    AssemblyConsumption,
    /// Assembled.
    AssemblyOutput,
}

/// Why an entry was posted, where the type does not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum EntryReason {
    /// The document, or the operation itself.
    #[default]
    Ordinary,
    /// Opening stock.
    Opening,
    /// Difference found by a count.
    CountDifference,
    /// Correction of a count by a movement that lay before it and came later.
    CountCorrection,
    /// A count was taken out.
    CountTakenOut,
    /// Undone by its operator.
    Undo,
    /// Decided in a case.
    CaseDecision,
    /// Provisional shipment of a transfer that was received first.
    ProvisionalTransfer,
    /// The place or the existence of a serial, told by another sighting.
    Sighting,
}

/// An item ledger entry. Immutable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemLedgerEntry {
    /// The type.
    pub entry_type: EntryType,
    /// Why.
    pub reason: EntryReason,
    /// The item.
    pub item: ItemId,
    /// The variant, or none.
    pub variant: VariantId,
    /// The location.
    pub location: LocationId,
    /// Lot, serial, package, or none.
    pub tracking: TrackingId,
    /// Signed: positive into stock.
    pub quantity: Quantity,
    /// The date for the accounts.
    pub posting_date: NaiveDate,
    /// When it was done.
    pub order: OrderKey,
    /// The document.
    pub document: Option<(DocumentKind, DocumentNo, u32)>,
    /// The entry that it was told to apply to, or to take its cost from; 0 for none.
    pub applies_to: EntryNo,
    /// The entry that it was told to take its cost from (return, undo, correction); 0 for none.
    pub applies_from: EntryNo,
    /// It corrects another entry.
    pub correction: bool,
    /// Who did it.
    pub operator: Option<OperatorId>,
    /// The dimension set; 0 is the empty one.
    pub dimension_set: u32,
    /// The decision that wrote it.
    pub written: Written,
}

/// What is left of an item ledger entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemLedgerState {
    /// Not yet applied; zero, or of the sign of the entry.
    pub remaining: Quantity,
    /// Invoiced, of the sign of the entry.
    pub invoiced: Quantity,
    /// It was applied to after posting and its cost may have to be forwarded.
    pub applied_to_adjust: bool,
    /// It takes its cost from another entry: a walk for loops is needed before it is applied.
    pub has_cost_edge: bool,
    /// The date from which it counts for average cost.
    pub valuation_date: NaiveDate,
    /// The latest valuation date among its value entries: what is taken from it counts no earlier.
    pub latest_valuation: NaiveDate,
    /// What its cost is made of.
    pub cost: CostSums,
}

/// Who supplied whom (COSTING 2.2). One row per pair; a second portion is added to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts of one row, each named on its own"
)]
pub struct ItemApplication {
    /// The owner.
    pub entry: EntryNo,
    /// The increase.
    pub inbound: EntryNo,
    /// The decrease; 0 for none.
    pub outbound: EntryNo,
    /// Positive for the own row of an increase, negative for what a decrease took.
    pub quantity: Quantity,
    /// The date of the application.
    pub posting_date: NaiveDate,
    /// For transfers: the increase that this portion was taken from; 0 for none.
    pub transferred_from: EntryNo,
    /// A cost application: it passes a cost and leaves the remaining quantities alone.
    pub cost_application: bool,
    /// The decrease was valued anew after the application.
    pub outbound_is_updated: bool,
    /// It was demanded, not chosen by the costing method.
    pub fixed: bool,
    /// It closes quantities against each other and passes no cost: a count difference without
    /// supply and its correction (COSTING 12.7).
    pub without_cost: bool,
    /// What it carries, never negative: the share of the increase that the decrease takes along.
    pub cost: Money,
}

crate::key_struct! {
    /// Entries that may be applied to each other: one item, one variant, one location, and one
    /// tracking key where the item's tracking code is specific (else 0).
    pub struct Pool {
        /// The item.
        pub item: ItemId,
        /// The variant, or none.
        pub variant: VariantId,
        /// The location.
        pub location: LocationId,
        /// The specific members of the tracking key, or none.
        pub tracking: TrackingId,
    }
}

/// The kind of a warehouse entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum WarehouseEntryType {
    /// Into a bin, from outside.
    Positive,
    /// Out of a bin, to outside.
    Negative,
    /// From bin to bin: two entries that sum to zero.
    Movement,
}

/// A warehouse entry. Immutable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarehouseEntry {
    /// The register it belongs to.
    pub register: RegisterNo,
    /// The kind.
    pub entry_type: WarehouseEntryType,
    /// Why.
    pub reason: EntryReason,
    /// Where and what.
    pub key: StockKey,
    /// Signed, in base units.
    pub quantity: Quantity,
    /// When it was done.
    pub order: OrderKey,
    /// The document.
    pub document: Option<(DocumentKind, DocumentNo, u32)>,
    /// The item ledger entry that was posted with it; 0 when it was only registered.
    pub item_ledger_entry: EntryNo,
    /// Who did it.
    pub operator: Option<OperatorId>,
    /// The decision that wrote it.
    pub written: Written,
}

/// The warehouse entries of one posting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    /// First entry.
    pub first: EntryNo,
    /// Last entry.
    pub last: EntryNo,
    /// The operation.
    pub operation: OperationId,
    /// When it was decided.
    pub at: ServerTime,
}

/// A movement of an operation that stands: what an undo takes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// The stock key.
    pub key: StockKey,
    /// Signed.
    pub delta: Quantity,
    /// Its place on the time line.
    pub order: OrderKey,
    /// Its item ledger entry; 0 when it was only registered.
    pub item_ledger: EntryNo,
}

/// Which quantity of a document line an operation added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LineField {
    /// Received (purchase), shipped (sales, transfer).
    Handled,
    /// Picked.
    Picked,
    /// Received at the other end (transfer).
    Received,
}

/// What an operation added to a document line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineEffect {
    /// The document's kind.
    pub kind: DocumentKind,
    /// The document.
    pub no: DocumentNo,
    /// The line.
    pub line: u32,
    /// The quantity.
    pub field: LineField,
    /// How much.
    pub quantity: Quantity,
}

/// What an operation posted: the way from a scan to its entries, and the basis of an undo.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Posted {
    /// Its item ledger entries, corrections of counts among them.
    pub item_ledger: Vec<EntryNo>,
    /// Its warehouse entries.
    pub warehouse: Vec<EntryNo>,
    /// Those of its item ledger entries that stand, with their stock keys. Differences and corrections
    /// of counts, and what is booked for serials by sightings, are not among them.
    pub standing: Vec<(EntryNo, StockKey)>,
    /// Its movements that stand. Differences and corrections of counts are not among them.
    pub legs: Vec<Leg>,
    /// What it added to document lines and did not take back.
    pub lines: Vec<LineEffect>,
    /// Its acts in the histories of plates.
    pub plates: Vec<(PlateId, OrderKey)>,
    /// What it added to what is on its way, by transfer order, line and tracking key.
    pub on_the_way: Vec<(DocumentNo, u32, TrackingId, Quantity)>,
    /// Its acts in the histories of serials; booked by chain, not by leg.
    pub serials: Vec<(ItemId, VariantId, SerialNo, OrderKey)>,
    /// The holds that it made; some may have ended since.
    pub holds: Vec<HoldId>,
    /// The next number of a leg on the time line.
    pub next_leg: u8,
    /// The operation that undid it.
    pub undone_by: Option<OperationId>,
}

crate::tables! {
    /// Item ledger entries.
    ItemLedger = 50, "item_ledger_entry", EntryNo => ItemLedgerEntry;
    /// What is left of them.
    ItemLedgerStates = 51, "item_ledger_state", EntryNo => ItemLedgerState;
    /// Item ledger entries by item, in order of posting.
    ItemLedgerByItem = 52, "item_ledger_by_item", (ItemId, EntryNo) => ();
    /// Open increases in the order of application: first is FIFO, last is LIFO. Entries between two
    /// locations are kept by transfer order, because only entries of one order apply to each other.
    OpenInbound = 53, "open_inbound", (Pool, Option<DocumentNo>, NaiveDate, EntryNo) => Quantity;
    /// Open decreases (stock below zero), likewise. Quantities are negative.
    OpenOutbound = 54, "open_outbound", (Pool, Option<DocumentNo>, NaiveDate, EntryNo) => Quantity;
    /// Item applications.
    Applications = 55, "item_application", EntryNo => ItemApplication;
    /// Item applications by increase and decrease.
    ApplicationsByInbound = 56, "item_application_by_inbound", (EntryNo, EntryNo, EntryNo) => ();
    /// Item applications by decrease and increase; without the own rows of increases.
    ApplicationsByOutbound = 57, "item_application_by_outbound", (EntryNo, EntryNo, EntryNo) => ();
    /// Warehouse entries.
    WarehouseLedger = 58, "warehouse_entry", EntryNo => WarehouseEntry;
    /// Warehouse entries by stock key, in order of the acts: the provenance of a figure.
    WarehouseByStock = 59, "warehouse_entry_by_stock", (StockKey, OrderKey, EntryNo) => Quantity;
    /// Registers.
    Registers = 60, "register", RegisterNo => Register;
    /// What each operation posted.
    PostedBy = 61, "posted_by", OperationId => Posted;
}
