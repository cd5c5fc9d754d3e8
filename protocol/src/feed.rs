//! What comes back to a device: rows of its replica, grouped by the decision that produced them.
//!
//! A row is a MessagePack map with short field names under `(table, key)`. The key is opaque to the
//! device: it only has to be equal for the same row. Rows of tables that a build does not know are
//! kept unread. No row has a word for cost.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::frame::shape::{self, Shape};
use crate::identity::{CaseId, HoldId, Lsn, OperationId, ServerTime, TaskId};
use crate::operation::{DocumentKind, Tracking};
use crate::outcome::Outcome;
use crate::quantity::{Quantity, UnitFactor};
use crate::words::{
    BinCode, DocumentNo, IdentifierCode, ItemNo, LocationCode, LotNo, OperatorId, PlateNo,
    SiteCode, UnitCode, VariantCode, ZoneCode, ZoneName,
};

/// What a flow must ask for when it handles an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent demands, each a key on the wire"
)]
pub struct TrackingRule {
    /// A lot is needed.
    #[serde(rename = "l", default)]
    pub lot: bool,
    /// A serial number is needed.
    #[serde(rename = "s", default)]
    pub serial: bool,
    /// A package number is needed.
    #[serde(rename = "p", default)]
    pub package: bool,
    /// An expiration date is needed when goods come in.
    #[serde(rename = "x", default)]
    pub expiry: bool,
}

/// A unit of measure of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemUnit {
    /// The unit.
    #[serde(rename = "u")]
    pub unit: UnitCode,
    /// How many base units it holds.
    #[serde(rename = "f")]
    pub factor: UnitFactor,
}

/// An item card, as far as a device needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemRow {
    /// Its number.
    #[serde(rename = "i")]
    pub item: ItemNo,
    /// What people call it.
    #[serde(rename = "d")]
    pub description: String,
    /// The unit that stock is kept in.
    #[serde(rename = "u")]
    pub base_unit: UnitCode,
    /// Quantities in the base unit are multiples of this.
    #[serde(rename = "p")]
    pub precision: Quantity,
    /// All units, the base unit among them.
    #[serde(rename = "n")]
    pub units: Vec<ItemUnit>,
    /// Its variants.
    #[serde(rename = "w", default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<VariantCode>,
    /// Whether a variant must be named.
    #[serde(rename = "y", default)]
    pub variant_required: bool,
    /// What must be captured.
    #[serde(rename = "t", default)]
    pub tracking: TrackingRule,
    /// No movement of any kind is wanted.
    #[serde(rename = "b", default)]
    pub blocked: bool,
    /// From this base quantity on, an adjustment needs a supervisor.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub supervisor_from: Option<Quantity>,
    /// From this difference on, a count is asked for twice.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub second_count_from: Option<Quantity>,
}

/// What an identifier can mean.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IdentifierMeaning {
    /// The item.
    #[serde(rename = "i")]
    pub item: ItemNo,
    /// The variant, where the code names one.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<VariantCode>,
    /// The unit, where the code names one: one scan of a pallet code is one pallet.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitCode>,
}

/// A barcode or reference and all that it can mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentifierRow {
    /// The text of the code.
    #[serde(rename = "c")]
    pub code: IdentifierCode,
    /// Its meanings; several are shown, never guessed between.
    #[serde(rename = "m")]
    pub meanings: Vec<IdentifierMeaning>,
}

/// A location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocationRow {
    /// Its code.
    #[serde(rename = "l")]
    pub location: LocationCode,
    /// Its name.
    #[serde(rename = "n")]
    pub name: String,
    /// The site it belongs to.
    #[serde(rename = "s")]
    pub site: SiteCode,
    /// Its IANA time zone.
    #[serde(rename = "z")]
    pub time_zone: ZoneName,
    /// Whether every movement names a bin.
    #[serde(rename = "m")]
    pub bin_mandatory: bool,
    /// Where goods are received by default.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub receipt_bin: Option<BinCode>,
    /// Where picked goods are dropped by default.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub shipment_bin: Option<BinCode>,
    /// Goods are here while they are between two others: nobody works here.
    #[serde(rename = "t", default, skip_serializing_if = "std::ops::Not::not")]
    pub in_transit: bool,
}

/// What a bin is for. A state of goods is a bin.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum BinKind {
    /// Ordinary storage.
    #[default]
    Storage,
    /// Received, not put away.
    Receipt,
    /// Picked, not shipped.
    Shipment,
    /// Goods that nobody has placed or identified.
    Question,
    /// Goods that a complete count did not see.
    Missing,
    /// A cart, tote or user.
    Cart,
    /// Under inspection.
    Quarantine,
    /// Between two locations.
    Transit,
    /// Mirrors unsynchronised differences at directed locations.
    Adjustment,
}

/// A bin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BinRow {
    /// The location.
    #[serde(rename = "l")]
    pub location: LocationCode,
    /// Its code.
    #[serde(rename = "b")]
    pub bin: BinCode,
    /// Its zone.
    #[serde(rename = "z", default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<ZoneCode>,
    /// What it is for.
    #[serde(rename = "k")]
    pub kind: BinKind,
    /// Goods should neither come nor go.
    #[serde(rename = "x", default)]
    pub blocked: bool,
}

/// A lot of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LotRow {
    /// The item.
    #[serde(rename = "i")]
    pub item: ItemNo,
    /// Its variant.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<VariantCode>,
    /// The lot.
    #[serde(rename = "n")]
    pub lot: LotNo,
    /// When it expires.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<NaiveDate>,
    /// No movement is wanted.
    #[serde(rename = "b", default)]
    pub blocked: bool,
    /// First seen on a device; to be verified.
    #[serde(rename = "p", default)]
    pub provisional: bool,
}

/// What lies under one stock key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockRow {
    /// The location.
    #[serde(rename = "l")]
    pub location: LocationCode,
    /// The bin; none at locations without bins.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub bin: Option<BinCode>,
    /// The licence plate.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub plate: Option<PlateNo>,
    /// The item.
    #[serde(rename = "i")]
    pub item: ItemNo,
    /// Its variant.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<VariantCode>,
    /// The unit, at directed locations; elsewhere stock is kept in the base unit.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitCode>,
    /// Lot, serial, package.
    #[serde(rename = "t", default, skip_serializing_if = "Tracking::is_none")]
    pub tracking: Tracking,
    /// On hand, in base units. None where it is withheld because the bin is counted blind.
    #[serde(rename = "q", default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Quantity>,
    /// How much of it is on hold.
    #[serde(rename = "h", default, skip_serializing_if = "Quantity::is_zero")]
    pub held: Quantity,
}

/// What a licence plate is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlateState {
    /// Number issued, nothing on it.
    Free,
    /// Content may change.
    #[default]
    Open,
    /// Label printed.
    Closed,
    /// Left the house.
    Shipped,
    /// Between two locations.
    InTransit,
    /// Never used again.
    Void,
}

/// A licence plate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlateRow {
    /// Its number.
    #[serde(rename = "n")]
    pub plate: PlateNo,
    /// The location.
    #[serde(rename = "l")]
    pub location: LocationCode,
    /// The bin that its root stands in.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub bin: Option<BinCode>,
    /// The plate it stands on.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<PlateNo>,
    /// What it is doing.
    #[serde(rename = "s")]
    pub state: PlateState,
}

/// Where a document stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentStatus {
    /// Being written.
    Open,
    /// May be handled.
    #[default]
    Released,
    /// Everything is handled, or somebody closed it short.
    Closed,
    /// Withdrawn.
    Cancelled,
}

/// A document that can be worked on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentRow {
    /// Its kind.
    #[serde(rename = "k")]
    pub kind: DocumentKind,
    /// Its number.
    #[serde(rename = "n")]
    pub no: DocumentNo,
    /// Where it stands.
    #[serde(rename = "s")]
    pub status: DocumentStatus,
    /// The other side: vendor, customer, or location of a transfer.
    #[serde(rename = "p", default, skip_serializing_if = "String::is_empty")]
    pub partner: String,
    /// The location that handles it; for a transfer the one that ships.
    #[serde(rename = "l")]
    pub location: LocationCode,
    /// For a transfer: the location that receives.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub to_location: Option<LocationCode>,
    /// When it is due.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub due: Option<NaiveDate>,
}

/// One line of a document. Quantities in base units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentLineRow {
    /// The kind of its document.
    #[serde(rename = "k")]
    pub kind: DocumentKind,
    /// The number of its document.
    #[serde(rename = "n")]
    pub no: DocumentNo,
    /// Its number.
    #[serde(rename = "l")]
    pub line: u32,
    /// The item.
    #[serde(rename = "i")]
    pub item: ItemNo,
    /// Its variant.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<VariantCode>,
    /// The unit that was ordered in.
    #[serde(rename = "u")]
    pub unit: UnitCode,
    /// Ordered.
    #[serde(rename = "q")]
    pub quantity: Quantity,
    /// Received, or shipped.
    #[serde(rename = "h", default)]
    pub handled: Quantity,
    /// Picked, for lines that are picked; shipped from a transfer's sender, for its receiver.
    #[serde(rename = "p", default)]
    pub picked: Quantity,
    /// How much more than ordered may be received.
    #[serde(rename = "o", default)]
    pub tolerance: Quantity,
    /// The lot or serial that the document fixes.
    #[serde(rename = "t", default, skip_serializing_if = "Tracking::is_none")]
    pub tracking: Tracking,
    /// The bin that the server proposes.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub bin: Option<BinCode>,
}

/// What a task asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// Count an item in a bin, or the bin.
    Count,
    /// Count again, by someone else where possible.
    Recount,
    /// Say where a licence plate is.
    VerifyPlate,
    /// Bring surplus goods back to stock.
    ReturnToStock,
    /// Bring goods to another bin.
    Relocate,
    /// Look for goods in the neighbourhood.
    Look,
    /// Complete lots or serials.
    CompleteTracking,
}

/// A piece of work that the server asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRow {
    /// Its number.
    #[serde(rename = "t")]
    pub task: TaskId,
    /// What is asked.
    #[serde(rename = "k")]
    pub kind: TaskKind,
    /// The location.
    #[serde(rename = "l")]
    pub location: LocationCode,
    /// The bin.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub bin: Option<BinCode>,
    /// The item; none for the whole bin.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemNo>,
    /// Its variant.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<VariantCode>,
    /// The licence plate.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub plate: Option<PlateNo>,
    /// Who should do it; none for anybody.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub assigned: Option<OperatorId>,
    /// Who should not: the one whose count is checked.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub not_by: Option<OperatorId>,
    /// The operator must not know the book quantity; it is withheld from the feed.
    #[serde(rename = "z", default)]
    pub blind: bool,
}

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Handles goods with a device.
    Operator,
    /// Watches and decides.
    Supervisor,
    /// Sees values and periods.
    Accountant,
    /// Sets up.
    Administrator,
    /// A system that is connected.
    Integrator,
    /// Sees everything, changes nothing.
    Auditor,
}

/// A person who may sign in on devices of the site, also offline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorRow {
    /// Who.
    #[serde(rename = "o")]
    pub operator: OperatorId,
    /// The name on the screen.
    #[serde(rename = "n")]
    pub name: String,
    /// SHA-256 of the text of the badge.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub badge_hash: Option<ByteBuf>,
    /// Argon2id verifier of the PIN, in PHC form.
    #[serde(rename = "v")]
    pub pin_verifier: String,
    /// What this person may do.
    #[serde(rename = "r")]
    pub roles: Vec<Role>,
    /// Until when this row may be used without the server.
    #[serde(rename = "u")]
    pub valid_until: ServerTime,
    /// The language of this person's screens: `en` or `da`.
    #[serde(rename = "g", default)]
    pub language: String,
}

/// A parked operation and what it would do: the view goes on showing it, marked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseRow {
    /// Its number.
    #[serde(rename = "c")]
    pub case: CaseId,
    /// The operation that is parked.
    #[serde(rename = "o")]
    pub operation: OperationId,
    /// In plain words, in English.
    #[serde(rename = "t")]
    pub title: String,
    /// What the operation would do to the stock of this site.
    #[serde(rename = "e", default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<StockRow>,
    /// Whether it is still to be decided.
    #[serde(rename = "s")]
    pub open: bool,
}

/// Goods that are there but not available.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldRow {
    /// Its number.
    #[serde(rename = "h")]
    pub hold: HoldId,
    /// Where, what and how much (`quantity`).
    #[serde(rename = "s")]
    pub stock: StockRow,
    /// Why: a reason code.
    #[serde(rename = "c")]
    pub reason: String,
}

/// What holds for a site as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteRow {
    /// The site.
    #[serde(rename = "s")]
    pub site: SiteCode,
    /// The name of the company.
    #[serde(rename = "c")]
    pub company: String,
    /// Devices of this site never show quantities.
    #[serde(rename = "q", default)]
    pub never_quantities: bool,
    /// The separator that the site's scanners send for FNC1, where it is not the usual one.
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
}

macro_rules! tables {
    ($($(#[$doc:meta])* $variant:ident($row:ty) = $number:literal;)*) => {
        /// A row of the replica.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum FeedRow {
            $($(#[$doc])* $variant($row),)*
        }

        impl FeedRow {
            /// Every table of this build: its number on the wire and its name in the wire document.
            pub const TABLES: &'static [(u8, &'static str)] = &[$(($number, stringify!($variant))),*];

            /// The number of its table on the wire.
            pub const fn table(&self) -> u8 {
                match self { $(Self::$variant(_) => $number,)* }
            }

            /// The row as a MessagePack map.
            pub fn encode(&self) -> Vec<u8> {
                let bytes = match self { $(Self::$variant(row) => rmp_serde::to_vec_named(row),)* };
                bytes.expect("writing to memory cannot fail, and no row holds an unsized sequence")
            }

            /// Reads a row of `table`; none for a table of a later release.
            ///
            /// # Errors
            ///
            /// The decoder's message when the fields are not those of the table.
            pub fn decode(table: u8, bytes: &[u8]) -> Result<Option<Self>, String> {
                match table {
                    $($number => shape::read(bytes, &Shape::OF_THE_SERVER)
                        .map(|row| Some(Self::$variant(row)))
                        .map_err(|error| error.to_string()),)*
                    _ => Ok(None),
                }
            }
        }
    };
}

tables! {
    /// See [`SiteRow`].
    Site(SiteRow) = 1;
    /// See [`LocationRow`].
    Location(LocationRow) = 2;
    /// See [`BinRow`].
    Bin(BinRow) = 3;
    /// See [`ItemRow`].
    Item(ItemRow) = 4;
    /// See [`IdentifierRow`].
    Identifier(IdentifierRow) = 5;
    /// See [`LotRow`].
    Lot(LotRow) = 6;
    /// See [`StockRow`].
    Stock(StockRow) = 7;
    /// See [`PlateRow`].
    Plate(PlateRow) = 8;
    /// See [`DocumentRow`].
    Document(DocumentRow) = 9;
    /// See [`DocumentLineRow`].
    DocumentLine(DocumentLineRow) = 10;
    /// See [`TaskRow`].
    Task(TaskRow) = 11;
    /// See [`OperatorRow`].
    Operator(OperatorRow) = 12;
    /// See [`CaseRow`].
    Case(CaseRow) = 13;
    /// See [`HoldRow`].
    Hold(HoldRow) = 14;
}

/// One change of the replica: the row under `(table, key)` is now `row`, or is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedRecord {
    /// The table.
    #[serde(rename = "t")]
    pub table: u8,
    /// The key, opaque to the device.
    #[serde(rename = "k")]
    pub key: ByteBuf,
    /// The encoded row; none: the row is gone.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub row: Option<ByteBuf>,
}

/// Everything of one decision that this device may see. Applied whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedGroup {
    /// The decision's place in the log.
    #[serde(rename = "l")]
    pub lsn: Lsn,
    /// Its server time.
    #[serde(rename = "t")]
    pub time: ServerTime,
    /// Rows.
    #[serde(rename = "r", default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<FeedRecord>,
    /// Outcomes of operations of this device.
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<Outcome>,
}
