//! Revaluation: what can be revalued at a date, and its new value (COSTING 11).
//!
//! Order of reading: this file (what is asked for), [`left`] (what is left at a date, and its worth),
//! [`calculate`] (the lines of the journal), [`post`].

mod calculate;
mod left;
mod post;

use chrono::NaiveDate;
use protocol::quantity::Quantity;
use protocol::words::ItemNo;
use serde::{Deserialize, Serialize};

pub use self::calculate::calculate;
pub(crate) use self::post::post;
use crate::dimension::Dimensions;
use crate::money::{Money, UnitAmount};
use crate::schema::{EntryNo, ItemId, LocationId, VariantId};

/// What the value of stock is worked out for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevaluePer {
    /// The item, or its variants and locations where they are split.
    #[default]
    Item,
    /// Each increase.
    ItemLedgerEntry,
}

/// What the value of stock is worked out for, at the end of a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalculateInventoryValue {
    /// The day.
    pub date: NaiveDate,
    /// Per item or per increase.
    #[serde(default)]
    pub per: RevaluePer,
    /// A line for each location.
    #[serde(default)]
    pub by_location: bool,
    /// A line for each variant.
    #[serde(default)]
    pub by_variant: bool,
    /// Only this item.
    #[serde(default)]
    pub item: Option<ItemNo>,
    /// Only this location; an empty text is the blank one.
    #[serde(default)]
    pub location: Option<String>,
    /// Only this variant; an empty text is none.
    #[serde(default)]
    pub variant: Option<String>,
}

/// A line of the revaluation journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevaluationLine {
    /// The item.
    pub item: ItemNo,
    /// The day.
    pub date: NaiveDate,
    /// Per item: only what is at this location; an empty text is the blank one.
    #[serde(default)]
    pub location: Option<String>,
    /// Per item: only this variant; an empty text is none.
    #[serde(default)]
    pub variant: Option<String>,
    /// Only this increase; 0 for the item.
    #[serde(default)]
    pub applies_to: EntryNo,
    /// The quantity that was calculated; refused when it is another by now. Of a single increase, or of an
    /// item, how much is revalued; all that is left when it is left out.
    #[serde(default)]
    pub quantity: Option<Quantity>,
    /// The quantity and value come from a calculation: refused when the stock has changed since.
    #[serde(default)]
    pub calculated: bool,
    /// The new cost per base unit.
    #[serde(default)]
    pub unit_cost: Option<UnitAmount>,
    /// The new value in all; goes before the unit cost.
    #[serde(default)]
    pub value: Option<Money>,
    /// What the value changes by; goes before both.
    #[serde(default)]
    pub amount: Option<Money>,
    /// The new unit cost becomes the standard cost of the item and its stockkeeping units.
    #[serde(default)]
    pub update_standard_cost: bool,
    /// The number that the value entries show.
    #[serde(default)]
    pub document_no: String,
    /// What is said of the dimensions of its entries.
    #[serde(default)]
    pub dimensions: Dimensions,
}

/// Posts revaluations, all or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostRevaluation {
    /// The lines.
    pub lines: Vec<RevaluationLine>,
}

/// A proposed line: what is there and what it is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalculatedLine {
    /// The item.
    pub item: ItemId,
    /// The variant, where variants are split.
    pub variant: Option<VariantId>,
    /// The location, where locations are split.
    pub location: Option<LocationId>,
    /// The increase, per increase; else 0.
    pub entry: EntryNo,
    /// How much is there.
    pub quantity: Quantity,
    /// What it is worth.
    pub value: Money,
}
