//! Items: cards, variants, units, identifiers, tracking rules.

use protocol::feed::TrackingRule;
use protocol::quantity::{Quantity, UnitFactor};
use protocol::words::{IdentifierCode, ItemNo, TrackingCode, UnitCode, VariantCode};
use serde::{Deserialize, Serialize};

use crate::schema::{ItemId, UnitId, VariantId};

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemType {
    /// Kept in stock.
    #[default]
    Inventory,
    /// Bought and sold, never counted.
    NonInventory,
    /// Work.
    Service,
}

/// How decreases take from increases, and what they cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostingMethod {
    /// Oldest posting date first.
    #[default]
    Fifo,
    /// Newest posting date first.
    Lifo,
    /// Applied like FIFO, valued by the average of a period.
    Average,
    /// Applied like FIFO, valued by the standard cost.
    Standard,
    /// The same serial or lot only.
    Specific,
}

/// Whether stock may go below zero at the desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NegativeInventory {
    /// As the company says.
    #[default]
    Default,
    /// Allowed.
    Allowed,
    /// Prevented.
    Prevented,
}

/// An item card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its number.
    pub no: ItemNo,
    /// What people call it.
    pub description: String,
    /// What it is.
    pub item_type: ItemType,
    /// The unit that stock is kept in.
    pub base_unit: UnitCode,
    /// Base quantities are multiples of this.
    pub precision: Quantity,
    /// How decreases take from increases.
    pub costing_method: CostingMethod,
    /// Its tracking rules; none: untracked.
    pub tracking_code: Option<TrackingCode>,
    /// Whether a variant must be named.
    pub variant_required: bool,
    /// No movement of any kind is wanted.
    pub blocked: bool,
    /// Whether stock may go below zero at the desk.
    pub negative_inventory: NegativeInventory,
    /// A count difference up to this much is settled without asking.
    pub count_tolerance: Quantity,
    /// From this difference on, a count is asked for twice.
    pub second_count_from: Option<Quantity>,
    /// From this base quantity on, an adjustment needs a supervisor.
    pub supervisor_from: Option<Quantity>,
    /// Shelf life in days: expiry of goods with a production date only.
    pub shelf_life_days: Option<u32>,
    /// How many percent more than ordered may be received without asking.
    pub over_receipt_percent: Quantity,
    /// The category it belongs to.
    pub category: String,
}

/// A variant of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// Its item.
    pub item: ItemId,
    /// Its code.
    pub code: VariantCode,
    /// What people call it.
    pub description: String,
    /// No movement is wanted.
    pub blocked: bool,
}

/// A unit of measure of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemUnitRow {
    /// How many base units it holds.
    pub factor: UnitFactor,
}

/// One meaning of an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Meaning {
    /// The item.
    pub item: ItemId,
    /// The variant; 0 for none.
    pub variant: VariantId,
    /// The unit; 0 where the code names none.
    pub unit: UnitId,
}

/// What an identifier can mean, in order of the items' numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Identifier {
    /// The meanings.
    pub meanings: Vec<Meaning>,
}

/// A set of tracking rules ("item tracking code").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts of one row, each named on its own"
)]
pub struct TrackingCodeRow {
    /// What must be captured.
    pub rule: TrackingRule,
    /// Serial numbers are specific: a decrease takes from the increase with the same number.
    pub serial_specific: bool,
    /// Lots are specific.
    pub lot_specific: bool,
    /// Packages are specific.
    pub package_specific: bool,
    /// Expired goods may not leave.
    pub strict_expiration: bool,
}

crate::tables! {
    /// Item cards.
    Items = 10, "item", ItemId => Item;
    /// Items by number.
    ItemsByNo = 11, "item_by_no", ItemNo => ItemId;
    /// Variants.
    Variants = 12, "variant", VariantId => Variant;
    /// Variants by item and code.
    VariantsByCode = 13, "variant_by_code", (ItemId, VariantCode) => VariantId;
    /// Codes of units of measure.
    Units = 14, "unit", UnitId => UnitCode;
    /// Units by code.
    UnitsByCode = 15, "unit_by_code", UnitCode => UnitId;
    /// Units of an item. The base unit is among them, with factor 1.
    ItemUnits = 16, "item_unit", (ItemId, UnitId) => ItemUnitRow;
    /// Barcodes and references.
    Identifiers = 17, "identifier", IdentifierCode => Identifier;
    /// Tracking rules.
    TrackingCodes = 18, "tracking_code", TrackingCode => TrackingCodeRow;
}
