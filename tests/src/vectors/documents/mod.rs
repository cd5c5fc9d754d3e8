//! Files of the document schema: orders, invoices, returns, transfers, counts, put-aways and picks,
//! each with lines that are handled and invoiced in several postings.
//!
//! Order of reading: this file (a file and what there is at its start), [`op`] (its steps),
//! [`expect`] (what it expects), [`run`], [`check`], [`mapping`] (its numbers of entries).

pub mod check;
pub mod expect;
mod found;
pub mod mapping;
pub mod op;
mod post;
pub mod run;
mod stock;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

pub use self::expect::Expect;
pub use self::op::Step;
use super::json::{Dec, Int};
use super::settings::{Costing, Settings};

/// A file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The name of the file.
    pub id: String,
    /// Its main topic.
    pub topic: String,
    /// Remarks.
    #[serde(default)]
    pub note: String,
    /// A remark about its sanity.
    #[serde(default)]
    pub sanity_note: Option<String>,
    /// What there is before the first step.
    pub setup: Setup,
    /// The numbers of item ledger entries that the file uses.
    #[serde(default)]
    pub ile_map: Vec<MappedEntry>,
    /// What is done.
    pub steps: Vec<Value>,
    /// Expectations in the middle.
    #[serde(default)]
    pub checkpoints: Vec<Checkpoint>,
    /// The expectation at the end.
    #[serde(default)]
    pub expect: Expect,
}

/// An expectation in the middle.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The step that comes before.
    pub after_step: String,
    /// What holds then.
    pub expect: Expect,
}

/// An item ledger entry as the file numbers it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappedEntry {
    /// Its number in the file.
    pub ile: Int,
    /// The step that posts it.
    pub step: String,
    /// The line of the document.
    #[serde(default)]
    pub line: Option<Int>,
    /// The item.
    pub item: String,
    /// Signed, in base units.
    pub qty: Dec,
}

/// What there is before the first step.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Setup {
    /// Settings.
    pub settings: Settings,
    /// Items.
    pub items: Vec<Item>,
    /// Locations.
    pub locations: Vec<Location>,
}

/// An item card.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the fields are those of the schema")]
pub struct Item {
    pub no: String,
    pub base_uom: Option<String>,
    pub costing_method: Option<Costing>,
    pub unit_cost: Option<Dec>,
    pub standard_cost: Option<Dec>,
    pub last_direct_cost: Option<Dec>,
    pub overhead_rate: Option<Dec>,
    pub indirect_cost_pct: Option<Dec>,
    pub posting_group: Option<String>,
    pub uoms: BTreeMap<String, Dec>,
    pub variants: Vec<String>,
    pub variant_mandatory: Option<bool>,
    pub reserve: Option<Reserve>,
    pub prevent_negative_inventory: Option<PreventNegative>,
    pub base_qty_rounding_precision: Option<Dec>,
    pub stockkeeping_units: Vec<StockkeepingUnit>,
    pub tracking: Option<Tracking>,
}

/// Whether an item may be reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of the schema")]
pub enum Reserve {
    Never,
    Optional,
    Always,
}

/// Whether stock of an item may go below zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of the schema")]
pub enum PreventNegative {
    Default,
    Yes,
    No,
}

/// A stockkeeping unit.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the fields are those of the schema")]
pub struct StockkeepingUnit {
    pub location: String,
    pub variant: String,
    pub unit_cost: Option<Dec>,
    pub standard_cost: Option<Dec>,
}

/// Tracking rules of an item.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "yes or no, as the schema has it")]
#[expect(missing_docs, reason = "the fields are those of the schema")]
pub struct Tracking {
    pub lot_specific: bool,
    pub serial_specific: bool,
    pub free_entry: bool,
    pub use_expiration_dates: bool,
    pub warehouse_tracking: bool,
}

/// A location.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "yes or no, as the schema has it")]
#[expect(missing_docs, reason = "the fields are those of the schema")]
pub struct Location {
    pub code: String,
    pub directed_put_away_and_pick: bool,
    pub require_receive: bool,
    pub require_shipment: bool,
    pub require_put_away: bool,
    pub require_pick: bool,
    pub bin_mandatory: bool,
    pub bins: Vec<Bin>,
    pub pick_bin_policy: Option<String>,
    pub put_away_bin_policy: Option<String>,
    pub put_away_template: Vec<TemplateLine>,
    pub always_create_pick_line: bool,
    pub always_create_put_away_line: bool,
    pub bin_capacity_policy: Option<String>,
    pub shipment_bin: Option<String>,
}

/// A bin.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the fields are those of the schema")]
pub struct Bin {
    pub code: String,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub ranking: Option<Dec>,
}

/// A line of a put-away template.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the fields are those of the schema")]
pub struct TemplateLine {
    pub find_fixed_bin: bool,
    pub find_floating_bin: bool,
}
