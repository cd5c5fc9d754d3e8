//! Files of the costing schema: single postings of one item after the other, entry by entry.
//!
//! Order of reading: this file (what a file may say), `found` (the company before the first step),
//! [`run`] (its steps), `numbers` (of Specific items), [`check`] (what it expects).

pub mod check;
pub mod expect;
pub(crate) mod found;
pub(crate) mod numbers;
pub mod run;

use chrono::NaiveDate;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use self::expect::Expect;
use super::json::{Dec, Int, knows};
use super::settings::{Costing, Settings};

/// A file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// 1.
    pub schema_version: Int,
    /// The name of the file.
    pub id: String,
    /// Its main topic.
    pub topic: String,
    /// Further topics.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Whether the figures come from the source.
    pub kind: String,
    /// The article.
    pub source: String,
    /// The place in it.
    pub source_section: String,
    /// Remarks.
    pub note: String,
    /// Where the source contradicts itself.
    pub corrections: Value,
    /// What the source does not state.
    pub illustrative: Value,
    /// What there is before the first step.
    pub setup: Setup,
    /// What is posted.
    pub steps: Vec<Value>,
    /// Expectations in the middle.
    pub checkpoints: Vec<Checkpoint>,
    /// The expectation at the end.
    pub expect: Expect,
}

/// An expectation in the middle.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The step that comes before.
    pub after_step: Int,
    /// What holds then.
    pub expect: Expect,
}

/// What there is before the first step.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// Decimals of the local currency.
    pub currency_decimals: Int,
    /// Settings.
    #[serde(default)]
    pub settings: Settings,
    /// Items.
    pub items: Vec<Item>,
    /// Codes of locations.
    #[serde(default)]
    pub locations: Vec<String>,
    /// Work centers.
    #[serde(default)]
    pub work_centers: Vec<WorkCenter>,
    /// Resources.
    #[serde(default)]
    pub resources: Vec<Resource>,
}

/// An item card.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Its number.
    pub item: String,
    /// How it is valued.
    pub costing_method: Costing,
    /// The standard cost.
    #[serde(default)]
    pub standard_cost: Option<Dec>,
    /// The unit cost of the card.
    #[serde(default)]
    pub unit_cost: Option<Dec>,
    /// Overhead per unit.
    #[serde(default)]
    pub overhead_rate: Option<Dec>,
    /// Overhead in percent.
    #[serde(default)]
    pub indirect_cost_pct: Option<Dec>,
    /// The source does not name the method.
    #[serde(default)]
    pub costing_method_assumed: Option<bool>,
}

/// A work center.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkCenter {
    /// Its number.
    pub work_center: String,
    /// Cost of a minute.
    #[serde(default)]
    pub direct_unit_cost: Option<Dec>,
    /// Overhead in percent.
    #[serde(default)]
    pub indirect_cost_pct: Option<Dec>,
    /// The least that a posting costs.
    #[serde(default)]
    pub minimum_amount: Option<Dec>,
}

/// A resource.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// Its number.
    pub resource: String,
    /// Cost of a unit.
    #[serde(default)]
    pub direct_unit_cost: Option<Dec>,
    /// Overhead in percent.
    #[serde(default)]
    pub indirect_cost_pct: Option<Dec>,
    /// The least that a posting costs.
    #[serde(default)]
    pub minimum_amount: Option<Dec>,
}

/// The refusal that a step must meet.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedError {
    /// Its code, or an alias of it.
    pub code: String,
    /// Its sentence; `[date]` stands for any date.
    #[serde(default)]
    pub message: Option<String>,
}

/// A step.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its number.
    pub step: Int,
    /// The refusal it must meet.
    pub expect_error: Option<ExpectedError>,
    /// What is done.
    pub action: Action,
}

/// The type of a `post`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of COSTING 2.1")]
pub enum PostType {
    Purchase,
    SaleReturn,
    PositiveAdjmt,
    Output,
    PurchaseReturn,
    Sale,
    NegativeAdjmt,
    Consumption,
    Transfer,
}

/// `post`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the schema")]
pub struct Post {
    #[serde(rename = "type")]
    pub kind: PostType,
    pub date: NaiveDate,
    pub item: String,
    pub quantity: Dec,
    #[serde(default = "yes")]
    pub receive_ship: bool,
    #[serde(default)]
    pub invoice: bool,
    #[serde(default)]
    pub unit_cost: Option<Dec>,
    #[serde(default)]
    pub amount: Option<Dec>,
    #[serde(default)]
    pub location: Option<String>,
    #[serde(default)]
    pub new_location: Option<String>,
    #[serde(default)]
    pub variant: Option<String>,
    #[serde(default)]
    pub applies_to: Option<Int>,
    #[serde(default)]
    pub applies_from: Option<Int>,
    #[serde(default)]
    pub order: Option<String>,
    #[serde(default)]
    pub unit_price: Option<Dec>,
}

const fn yes() -> bool {
    true
}

/// `invoice`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the schema")]
pub struct Invoice {
    pub of_step: Int,
    pub date: NaiveDate,
    #[serde(default)]
    pub amount: Option<Dec>,
}

/// `item_charge`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the schema")]
pub struct ItemCharge {
    pub date: NaiveDate,
    pub charge: String,
    pub amount: Dec,
    #[serde(default)]
    pub assigned_to_ile: Option<Int>,
    #[serde(default)]
    pub assigned_to_capacity: Option<Int>,
}

/// Per what a revaluation is calculated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// All increases of the item.
    Item,
    /// One increase.
    ItemLedgerEntry,
}

/// `revalue`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the schema")]
pub struct Revalue {
    pub date: NaiveDate,
    #[serde(default)]
    pub item: Option<String>,
    #[serde(default)]
    pub calculate_per: Option<Per>,
    #[serde(default)]
    pub applies_to: Option<Int>,
    #[serde(default)]
    pub unit_cost_revalued: Option<Dec>,
    #[serde(default)]
    pub amount: Option<Dec>,
    #[serde(default)]
    pub valued_quantity: Option<Dec>,
    #[serde(default)]
    pub update_standard_cost: Option<bool>,
}

/// How cost is posted to the general ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PostingMethod {
    /// Two entries per value entry.
    PerEntry,
    /// One pair per group.
    PerPostingGroup,
}

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty $(= $default:path)?),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(missing_docs, reason = "the fields are those of the schema")]
        pub struct $name { $($(#[serde(default = stringify!($default))])? pub $field: $type,)* }
    )*};
}

fields! {
    /// `post_cost_to_gl`.
    PostCostToGl { posting_method: PostingMethod }
    /// `adjust_cost`.
    AdjustCost { items: String }
    /// `set_settings`.
    SetSettings { settings: Settings }
    /// `set_item`.
    SetItem { item: String, values: ItemValues }
    /// `undo_shipment`.
    UndoShipment { date: NaiveDate, ile: Int }
    /// `close_inventory_period` and its kin.
    Period { ending_date: NaiveDate }
    /// A quantity of an item.
    ItemQuantity { item: String, quantity: Dec }
    /// A quantity of a resource.
    ResourceQuantity { resource: String, quantity: Dec }
    /// `undo_assembly`, `finish_production_order`.
    OfOrder { date: NaiveDate, order: String }
    /// `post_capacity`.
    PostCapacity { date: NaiveDate, work_center: String, order: String, minutes: Dec }
    /// `calculate_inventory_value`, `inventory_valuation_report`.
    OfItem { item: String, date: NaiveDate }
}

/// `post_assembly`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the schema")]
pub struct PostAssembly {
    pub date: NaiveDate,
    pub order: String,
    pub output: ItemQuantity,
    #[serde(default)]
    pub components: Vec<ItemQuantity>,
    #[serde(default)]
    pub resources: Vec<ResourceQuantity>,
}

/// `post_subcontract`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the schema")]
pub struct PostSubcontract {
    pub date: NaiveDate,
    pub work_center: String,
    pub order: String,
    #[serde(default)]
    pub amount: Option<Dec>,
    #[serde(default)]
    pub quantity: Option<Dec>,
    #[serde(default)]
    pub unit_cost: Option<Dec>,
}

/// What `set_item` changes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the fields are those of the schema")]
pub struct ItemValues {
    pub costing_method: Option<Costing>,
    pub standard_cost: Option<Dec>,
    pub unit_cost: Option<Dec>,
    pub overhead_rate: Option<Dec>,
    pub indirect_cost_pct: Option<Dec>,
}

macro_rules! actions {
    ($($name:literal => $variant:ident($type:ty),)*) => {
        /// What a step does.
        #[derive(Debug, Clone)]
        #[expect(missing_docs, reason = "the names are those of the schema")]
        pub enum Action { $($variant($type),)* }

        impl Action {
            /// The names of all actions.
            pub const NAMES: &'static [&'static str] = &[$($name,)*];

            fn read(name: &str, fields: Value) -> Result<Self, String> {
                match name {
                    $($name => read_fields(fields).map(Self::$variant),)*
                    _ => Err(format!("this runner has no action {name:?}")),
                }
            }

            /// Whether `action` has an arm for `field`.
            pub fn knows(action: &str, field: &str) -> bool {
                match action {
                    $($name => knows::<$type>(field),)*
                    _ => false,
                }
            }
        }
    };
}

actions! {
    "post" => Post(Post),
    "invoice" => Invoice(Invoice),
    "item_charge" => ItemCharge(ItemCharge),
    "revalue" => Revalue(Revalue),
    "adjust_cost" => AdjustCost(AdjustCost),
    "post_cost_to_gl" => PostCostToGl(PostCostToGl),
    "set_settings" => SetSettings(Box<SetSettings>),
    "set_item" => SetItem(SetItem),
    "undo_shipment" => UndoShipment(UndoShipment),
    "close_inventory_period" => ClosePeriod(Period),
    "reopen_inventory_period" => ReopenPeriod(Period),
    "delete_inventory_period" => DeletePeriod(Period),
    "post_assembly" => PostAssembly(PostAssembly),
    "undo_assembly" => UndoAssembly(OfOrder),
    "post_capacity" => PostCapacity(PostCapacity),
    "post_subcontract" => PostSubcontract(PostSubcontract),
    "finish_production_order" => FinishProductionOrder(OfOrder),
    "calculate_inventory_value" => CalculateInventoryValue(OfItem),
    "inventory_valuation_report" => InventoryValuation(OfItem),
}

impl Action {
    /// The date that it posts on.
    pub const fn date(&self) -> Option<NaiveDate> {
        match self {
            Self::Post(post) => Some(post.date),
            Self::Invoice(post) => Some(post.date),
            Self::ItemCharge(post) => Some(post.date),
            Self::Revalue(post) => Some(post.date),
            Self::UndoShipment(post) => Some(post.date),
            Self::PostAssembly(post) => Some(post.date),
            Self::PostCapacity(post) => Some(post.date),
            Self::PostSubcontract(post) => Some(post.date),
            Self::UndoAssembly(of) | Self::FinishProductionOrder(of) => Some(of.date),
            _ => None,
        }
    }
}

fn read_fields<T: DeserializeOwned>(fields: Value) -> Result<T, String> {
    serde_json::from_value(fields).map_err(|error| error.to_string())
}

impl Step {
    /// Reads a step: what it shares with all steps first, then the fields of its action.
    ///
    /// # Errors
    ///
    /// An action or a field that this runner lacks, a value that is none.
    pub fn read(value: &Value) -> Result<Self, String> {
        let Value::Object(object) = value else { return Err(format!("{value} is no step")) };
        let mut fields = object.clone();
        let mut take = |key: &str| fields.remove(key).filter(|value| !value.is_null());
        let step: Int = take("step").ok_or("a step without number").and_then(|value| {
            Int::try_from(value).map_err(|_bad| "the number of a step is an integer")
        })?;
        let Some(Value::String(name)) = take("action") else {
            return Err(format!("step {}: no action", step.0));
        };
        let expect_error = match take("expect_error") {
            None => None,
            Some(value) => Some(
                read_fields::<ExpectedError>(value)
                    .map_err(|error| format!("step {}: {error}", step.0))?,
            ),
        };
        let action = Action::read(&name, Value::Object(fields))
            .map_err(|error| format!("step {} ({name}): {error}", step.0))?;
        Ok(Self { step, expect_error, action })
    }
}
