//! The money side: value entries, what the cost of an entry is made of, average pools, what is left to
//! adjust, and the setup that rules it.
//!
//! A value entry never changes; its valuation date and what of it is in the general ledger lie in a
//! state row, which is only there when it differs from what the entry was written with.

use chrono::NaiveDate;
use protocol::identity::IntakeNo;
use protocol::operation::DocumentKind;
use protocol::quantity::Quantity;
use protocol::words::{DocumentNo, OperatorId};
use serde::{Deserialize, Serialize};

use crate::money::{Money, Step, UnitAmount};
use crate::schema::entry::EntryType;
use crate::schema::item::CostingMethod;
use crate::schema::{EntryNo, ItemId, LocationId, VariantId, Written};

/// The type of a value entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// What was paid, or what a decrease takes along.
    DirectCost,
    /// Cost of goods that are not kept in stock, in a production order.
    DirectCostNonInventory,
    /// Overhead: a percentage and a rate.
    IndirectCost,
    /// What brings a standard item back to its standard cost.
    Variance,
    /// A new value for what is there.
    Revaluation,
    /// What indivisible cents left on an increase.
    Rounding,
}

/// The kind of a variance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VarianceType {
    /// Bought at another price.
    Purchase,
    /// Other material than the standard says.
    Material,
    /// Other capacity.
    Capacity,
    /// Other overhead of capacity.
    CapacityOverhead,
    /// Other manufacturing overhead.
    ManufacturingOverhead,
    /// Subcontracted at another price.
    Subcontracted,
    /// Material that is not kept in stock.
    MaterialNonInventory,
}

/// The kind of order that a value belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderKind {
    /// An assembly order.
    Assembly,
    /// A production order.
    Production,
}

impl OrderKind {
    /// Its number in keys.
    pub const fn number(self) -> u8 {
        match self {
            Self::Assembly => 1,
            Self::Production => 2,
        }
    }
}

/// The order that a value belongs to.
pub type OrderRef = (OrderKind, DocumentNo);

/// A value entry. Immutable. Amounts carry the sign of the quantity that they value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts of one row, each named on its own"
)]
pub struct ValueEntry {
    /// The item ledger entry it values; 0 for capacity.
    pub entry: EntryNo,
    /// The capacity ledger entry it values; 0 for items.
    pub capacity: EntryNo,
    /// The item; 0 where capacity is of no item.
    pub item: ItemId,
    /// The variant, or none.
    pub variant: VariantId,
    /// The location; 0 for the blank one.
    pub location: LocationId,
    /// The date for the accounts.
    pub posting_date: NaiveDate,
    /// The date from which it counts for average cost, as it was written; see [`ValueState`].
    pub valuation_date: NaiveDate,
    /// The type of the item ledger entry.
    pub entry_type: EntryType,
    /// The type.
    pub value_type: ValueType,
    /// For variances.
    pub variance: Option<VarianceType>,
    /// The quantity that it values.
    pub valued_quantity: Quantity,
    /// The quantity of the item ledger entry, where it was written together with it; else zero.
    pub entry_quantity: Quantity,
    /// The quantity that it invoices.
    pub invoiced_quantity: Quantity,
    /// Cost, invoiced.
    pub cost_actual: Money,
    /// Cost, expected.
    pub cost_expected: Money,
    /// Cost per base unit, to the unit-amount rounding.
    pub cost_per_unit: UnitAmount,
    /// Cost that does not become stock value (charges on what left, items that are not kept).
    pub cost_non_inventoriable: Money,
    /// Sales amount, invoiced. Positive for what was sold.
    pub sales_actual: Money,
    /// Sales amount, expected.
    pub sales_expected: Money,
    /// It makes stock value.
    pub inventoriable: bool,
    /// It values what is not invoiced.
    pub expected: bool,
    /// Written by cost adjustment.
    pub adjustment: bool,
    /// The value entry that an adjustment corrects; 0 for none.
    pub applies_to: EntryNo,
    /// The item charge it comes from; empty for none.
    pub charge: String,
    /// The decrease is valued by the average of its period.
    pub by_average: bool,
    /// It revalues one entry only.
    pub partial_revaluation: bool,
    /// The document.
    pub document: Option<(DocumentKind, DocumentNo, u32)>,
    /// The number of the journal or posted document that it was written with.
    pub document_no: String,
    /// The order that it belongs to.
    pub order: Option<OrderRef>,
    /// Inventory posting group of the item when it was written.
    pub inventory_group: String,
    /// General business posting group.
    pub business_group: String,
    /// General product posting group.
    pub product_group: String,
    /// The dimension set; 0 is the empty one.
    pub dimension_set: u32,
    /// The decision that wrote it.
    pub written: Written,
}

/// What of a value entry may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueState {
    /// The date from which it counts.
    pub valuation_date: NaiveDate,
    /// What of its actual cost is in the general ledger.
    pub cost_in_gl: Money,
    /// What of its expected cost is in the general ledger.
    pub expected_in_gl: Money,
}

/// What the cost of an item ledger entry is made of: sums that are kept, so that nothing is read twice
/// (COSTING 8.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CostSums {
    /// Σ actual cost of its value entries.
    pub actual: Money,
    /// Σ expected cost of its value entries.
    pub expected: Money,
    /// Of both: without revaluations and roundings. What an increase shares out by quantity.
    pub base: Money,
    /// Of both: revaluations.
    pub revaluations: Money,
    /// Σ of what its applications carry, never negative: given out by an increase, taken along by a
    /// decrease.
    pub applied: Money,
    /// How many revaluations it has.
    pub revaluation_count: u32,
    /// How many of its applications are fixed.
    pub fixed_applications: u32,
    /// A part of it closed a count difference that had no supply, and passed no cost.
    pub closed_without_cost: bool,
    /// The cost per base unit at which an unapplied part of a decrease is valued until it is closed.
    pub provisional: UnitAmount,
}

/// The money side of an item card.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ItemCost {
    /// Cost per base unit: proposed for what has no cost of its own.
    pub unit_cost: UnitAmount,
    /// Standard cost per base unit.
    pub standard_cost: UnitAmount,
    /// The last direct cost per base unit.
    pub last_direct_cost: UnitAmount,
    /// Overhead in percent of the direct cost.
    pub indirect_cost_percent: Quantity,
    /// Overhead per base unit.
    pub overhead_rate: UnitAmount,
    /// Inventory posting group.
    pub inventory_group: String,
    /// General product posting group.
    pub product_group: String,
    /// Net weight of a base unit, for charges.
    pub net_weight: Quantity,
    /// Volume of a base unit, for charges.
    pub unit_volume: Quantity,
    /// The batch adjustment leaves the item out.
    pub excluded_from_adjustment: bool,
    /// Components before outputs: 0 for what is not made of other items.
    pub level: u16,
    /// The last decreases.
    pub last: LastDecreases,
    /// Cost shares of the standard: single level and rolled up.
    pub shares: StandardShares,
}

/// Cost shares of a standard cost, per base unit (COSTING 16.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StandardShares {
    /// Material.
    pub material: UnitAmount,
    /// Capacity.
    pub capacity: UnitAmount,
    /// Subcontracted.
    pub subcontracted: UnitAmount,
    /// Overhead of capacity.
    pub capacity_overhead: UnitAmount,
    /// Manufacturing overhead.
    pub manufacturing_overhead: UnitAmount,
    /// The same, of all levels.
    pub rolled: [UnitAmount; 5],
}

/// Stock and value of an item, or of one of its stockkeeping places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StockValue {
    /// On hand.
    pub quantity: Quantity,
    /// Of that, invoiced.
    pub invoiced: Quantity,
    /// Σ actual cost.
    pub actual: Money,
    /// Σ expected cost.
    pub expected: Money,
}

/// A stockkeeping unit: costs of an item at one location, of one variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StockkeepingUnit {
    /// Cost per base unit.
    pub unit_cost: UnitAmount,
    /// Standard cost per base unit.
    pub standard_cost: UnitAmount,
    /// The last direct cost per base unit.
    pub last_direct_cost: UnitAmount,
    /// The last decreases there.
    pub last: LastDecreases,
}

/// The last decreases: what an item without stock is taken to cost (COSTING 20.2). 0 for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LastDecreases {
    /// The last that is no correction.
    pub ordinary: EntryNo,
    /// The last at all.
    pub any: EntryNo,
    /// The last that is valued by average.
    pub by_average: EntryNo,
}

impl LastDecreases {
    /// The one that says what the item costs: one valued by average goes before others, and corrections
    /// come last.
    pub fn best(self) -> Option<EntryNo> {
        [self.by_average, self.ordinary, self.any].into_iter().find(|no| no.0 != 0)
    }
}

/// Length of the periods over which average costs are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AveragePeriod {
    /// A day.
    #[default]
    Day,
    /// Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
    /// A calendar quarter.
    Quarter,
    /// A calendar year.
    Year,
    /// Up to the day before the next accounting period.
    AccountingPeriod,
}

/// What average costs are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AverageType {
    /// The item.
    #[default]
    Item,
    /// The item at a location, by variant.
    ItemLocationVariant,
}

/// When a posting queues its items for cost adjustment (COSTING 8.6): a window counted back from the
/// work date, in which the increase must lie whose cost changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdjustmentWindow {
    /// Only the batch adjusts.
    #[default]
    Never,
    /// A day.
    Day,
    /// A week.
    Week,
    /// A month.
    Month,
    /// A quarter.
    Quarter,
    /// A year.
    Year,
    /// Any date.
    Always,
}

/// What the adjustment log keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdjustmentLogging {
    /// Nothing.
    #[default]
    Disabled,
    /// Runs that failed.
    Errors,
    /// Every run.
    All,
}

/// The inventory setup of a company (COSTING 1.1, 1.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts of one row, each named on its own"
)]
pub struct InventorySetup {
    /// Amounts are rounded to this.
    pub amount_rounding: Step,
    /// Unit amounts that are kept are rounded to this.
    pub unit_amount_rounding: Step,
    /// Value entries go to the general ledger with the posting.
    pub automatic_cost_posting: bool,
    /// Expected cost goes to the general ledger too, to interim accounts.
    pub expected_cost_posting: bool,
    /// When a posting queues its items for adjustment.
    pub automatic_adjustment: AdjustmentWindow,
    /// The periods of average costs.
    pub average_period: AveragePeriod,
    /// What average costs are made for.
    pub average_type: AverageType,
    /// Nothing may be valued before this date.
    pub earliest_valuation_date: Option<NaiveDate>,
    /// Proposed for new items.
    pub default_costing_method: CostingMethod,
    /// A direct transfer is a shipment and a receipt, not one posting.
    pub direct_transfer_in_two_steps: bool,
    /// A return to a vendor must name the purchase.
    pub exact_cost_reversing_purchase: bool,
    /// A return from a customer must name the sale.
    pub exact_cost_reversing_sales: bool,
    /// Every posting names a location.
    pub location_mandatory: bool,
    /// Non-deductible VAT of a purchase is part of its cost.
    pub non_deductible_vat_in_cost: bool,
    /// VAT in percent, for purchases that name none.
    pub vat_percent: Quantity,
    /// Of the VAT, what is not deductible, in percent.
    pub non_deductible_vat_percent: Quantity,
    /// What the adjustment log keeps.
    pub adjustment_logging: AdjustmentLogging,
    /// No posting before this date.
    pub allow_posting_from: Option<NaiveDate>,
    /// No posting after this date.
    pub allow_posting_to: Option<NaiveDate>,
    /// The date that windows count back from; none: the date of the posting's own instant.
    pub work_date: Option<NaiveDate>,
    /// Averages before this date keep the costs that they have: the fiscal years before it were closed
    /// when the periods or pools of averages changed. Kept by the system; what is given here is not looked
    /// at.
    #[serde(default)]
    pub averages_kept_before: Option<NaiveDate>,
    /// What averages were made for in the fiscal years that keep theirs.
    #[serde(default)]
    pub averages_kept_type: AverageType,
}

impl InventorySetup {
    /// The first date from which averages are made anew; none: any.
    pub fn averages_from(&self) -> Option<NaiveDate> {
        self.earliest_valuation_date.max(self.averages_kept_before)
    }
}

impl Default for InventorySetup {
    fn default() -> Self {
        Self {
            amount_rounding: Step::cent(),
            unit_amount_rounding: Step::unit_amount(),
            automatic_cost_posting: false,
            expected_cost_posting: false,
            automatic_adjustment: AdjustmentWindow::Never,
            average_period: AveragePeriod::Day,
            average_type: AverageType::Item,
            earliest_valuation_date: None,
            default_costing_method: CostingMethod::Fifo,
            direct_transfer_in_two_steps: false,
            exact_cost_reversing_purchase: false,
            exact_cost_reversing_sales: false,
            location_mandatory: false,
            non_deductible_vat_in_cost: false,
            vat_percent: Quantity::ZERO,
            non_deductible_vat_percent: Quantity::ZERO,
            adjustment_logging: AdjustmentLogging::Disabled,
            allow_posting_from: None,
            allow_posting_to: None,
            work_date: None,
            averages_kept_before: None,
            averages_kept_type: AverageType::Item,
        }
    }
}

/// Posting dates of one user; where one is given it replaces the company's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UserSetup {
    /// No posting before this date.
    pub allow_posting_from: Option<NaiveDate>,
    /// No posting after this date.
    pub allow_posting_to: Option<NaiveDate>,
}

/// An accounting period: from its date to the day before the next one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AccountingPeriod {
    /// Its name.
    pub name: String,
    /// A fiscal year begins with it.
    pub new_fiscal_year: bool,
    /// Its fiscal year is closed.
    pub closed: bool,
}

/// An inventory period, kept under its ending date.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct InventoryPeriod {
    /// Its name.
    pub name: String,
    /// Nothing is posted up to its ending date.
    pub closed: bool,
}

/// A closing or reopening of an inventory period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryPeriodEntry {
    /// Closed, or reopened.
    pub closed: bool,
    /// Who.
    pub operator: Option<OperatorId>,
    /// The last value entry then.
    pub last_value_entry: EntryNo,
    /// The decision.
    pub written: Written,
}

crate::key_struct! {
    /// Entries that share an average cost: an item, or its variant at a location (0, 0 for the item).
    pub struct AveragePool {
        /// The item.
        pub item: ItemId,
        /// The variant; 0 when the pool is the item.
        pub variant: VariantId,
        /// The location; 0 when the pool is the item.
        pub location: LocationId,
    }
}

/// One period of an average pool (COSTING 9.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AveragePeriodRow {
    /// Carried in from the period before.
    pub opening_quantity: Quantity,
    /// Its value.
    pub opening_value: Money,
    /// Came in, less what left at a cost of its own.
    pub quantity: Quantity,
    /// Its value, with charges, overhead and revaluations.
    pub value: Money,
    /// Left out of the average: transfers within the pool and returns of the same period; their
    /// values, which cancel but for cents.
    pub aside: Money,
    /// The last average above zero before this period: value and quantity.
    pub last_value: Money,
    /// See `last_value`.
    pub last_quantity: Quantity,
}

/// What happens to an average pool within a period, in the order in which it counts: a decrease that is
/// valued by average, or a revaluation, which changes the average of what comes behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AverageDecrease {
    /// The decrease; 0 for a revaluation.
    pub entry: EntryNo,
    /// What a revaluation adds.
    pub revaluation: Money,
    /// What counts in the average, above zero.
    pub counted: Quantity,
    /// What is left out of it (transferred within the pool, returned in the same period).
    pub aside: Quantity,
    /// What that part costs.
    pub aside_value: Money,
    /// Counted up to and with this one, in its period.
    pub sum_quantity: Quantity,
    /// Given out up to and with this one, in its period.
    pub sum_value: Money,
    /// Revaluations up to and with this one, in its period.
    pub sum_revaluation: Money,
    /// What was counted before the last revaluation: the average is made anew of what was left then.
    pub before_quantity: Quantity,
    /// What was given out before it.
    pub before_value: Money,
}

/// What is to be done about a period of an average pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DirtyPeriod {
    /// The first decrease that must be valued anew; none: all of the period.
    pub from: Option<(NaiveDate, EntryNo)>,
    /// Only what it carries on is worked out: it lies before the earliest allowed valuation date.
    pub carry_only: bool,
    /// Over how many pools the change came here: pools that feed each other stop by count.
    pub rounds: u16,
}

/// What cost adjustment has to do about an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Mark {
    /// The cost of an increase changed: what was taken from it follows.
    Increase,
    /// What a decrease carries changed: its own cost, and whoever takes it from there.
    Decrease,
    /// An increase was used up, or its last part was: cents that are left over.
    Rounding,
}

impl Mark {
    /// Its number in keys, in the order in which marks are worked off.
    pub const fn number(self) -> u8 {
        match self {
            Self::Increase => 1,
            Self::Decrease => 2,
            Self::Rounding => 3,
        }
    }

    /// The mark with that number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Increase),
            2 => Some(Self::Decrease),
            3 => Some(Self::Rounding),
            _ => None,
        }
    }
}

/// A run of cost adjustment that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdjustmentRun {
    /// Who asked; their posting dates are held against what it posts.
    pub operator: Option<OperatorId>,
    /// The items to work on; none: all that are marked.
    pub items: Vec<ItemId>,
    /// The item that was worked on last, with its level: the run goes on behind it.
    pub after: Option<(u16, ItemId)>,
    /// Only average entry points up to this date.
    pub until: Option<NaiveDate>,
    /// What it was about: empty while it runs and when it ended well, else the code of the refusal.
    pub failed: String,
    /// Value entries that it wrote.
    pub written_entries: u64,
    /// Items that it finished.
    pub items_done: u64,
    /// It has ended.
    pub done: bool,
    /// The decision that asked for it.
    pub asked: Written,
    /// The intake number of the command.
    pub intake: IntakeNo,
}

/// Cents that were written off an average pool which was sold out at the end of a period (COSTING 9.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolRounding {
    /// The increase that carries them.
    pub entry: EntryNo,
    /// What was added to its cost.
    pub amount: Money,
}

/// An item whose applications somebody has taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UnappliedItem {
    /// Who.
    pub user: Option<OperatorId>,
    /// Pairs whose automatic application was taken back: increase and decrease.
    pub automatic: Vec<(EntryNo, EntryNo)>,
}

crate::tables! {
    /// Value entries.
    ValueLedger = 130, "value_entry", EntryNo => ValueEntry;
    /// Value entries whose valuation date moved or that are in the general ledger.
    ValueStates = 131, "value_entry_state", EntryNo => ValueState;
    /// Value entries by item ledger entry.
    ValuesByEntry = 132, "value_entry_by_entry", (EntryNo, EntryNo) => ();
    /// The money side of item cards.
    ItemCosts = 133, "item_cost", ItemId => ItemCost;
    /// Stock and value by item.
    ItemValues = 134, "item_value", ItemId => StockValue;
    /// Stock and value by item, variant, location.
    PlaceValues = 135, "place_value", (ItemId, VariantId, LocationId) => StockValue;
    /// Stockkeeping units.
    StockkeepingUnits = 136, "stockkeeping_unit", (ItemId, LocationId, VariantId) => StockkeepingUnit;
    /// The inventory setup, under `()`.
    InventorySetups = 137, "inventory_setup", () => InventorySetup;
    /// Posting dates by user.
    UserSetups = 138, "user_setup", OperatorId => UserSetup;
    /// Accounting periods by their first day.
    AccountingPeriods = 139, "accounting_period", NaiveDate => AccountingPeriod;
    /// Inventory periods by their last day.
    InventoryPeriods = 140, "inventory_period", NaiveDate => InventoryPeriod;
    /// Closings and reopenings, by period and number.
    InventoryPeriodEntries = 141, "inventory_period_entry", (NaiveDate, u32) => InventoryPeriodEntry;
    /// What is to be adjusted: item, kind of mark, entry; with the counterpart up to which that is done.
    AdjustmentMarks = 142, "adjustment_mark", (ItemId, u8, EntryNo) => EntryNo;
    /// Orders whose output is to be adjusted.
    OrderMarks = 143, "order_mark", (u8, DocumentNo) => ();
    /// Those of them that are not to wait for the batch.
    OrderQueue = 159, "order_queue", (u8, DocumentNo) => ();
    /// Items that are to be adjusted without waiting for the batch, by level, and for whom.
    AdjustmentQueue = 144, "adjustment_queue", (u16, ItemId) => Option<OperatorId>;
    /// Average entry points: that the pool has something in the period that ends there.
    EntryPoints = 145, "average_entry_point", (AveragePool, NaiveDate) => ();
    /// The first entry point of a pool that is not adjusted; all later ones are not either.
    UnadjustedFrom = 146, "unadjusted_from", AveragePool => NaiveDate;
    /// The same by date, for "is anything unadjusted before".
    UnadjustedByDate = 147, "unadjusted_by_date", (NaiveDate, AveragePool) => ();
    /// Periods of average pools.
    AveragePeriods = 148, "average_period", (AveragePool, NaiveDate) => AveragePeriodRow;
    /// Decreases and revaluations of average pools in the order in which they count: valuation date, then
    /// the number of the (first) value entry.
    AverageDecreases = 149, "average_decrease", (AveragePool, NaiveDate, EntryNo) => AverageDecrease;
    /// Cents written off pools that were sold out at the end of a period.
    PoolRoundings = 157, "pool_rounding", (AveragePool, NaiveDate) => PoolRounding;
    /// Applications by item and posting date, for "how much was there at a date".
    ApplicationsByDate = 150, "item_application_by_date", (ItemId, NaiveDate, EntryNo) => ();
    /// Runs of cost adjustment.
    AdjustmentRuns = 151, "adjustment_run", u64 => AdjustmentRun;
    /// Items that are not adjusted, by level.
    UnadjustedItems = 152, "unadjusted_item", (u16, ItemId) => ();
    /// Periods of average pools that are to be worked on.
    DirtyPeriods = 153, "dirty_period", (ItemId, NaiveDate, AveragePool) => DirtyPeriod;
    /// The last day on which the item was revalued as a whole.
    RevaluedOn = 155, "revalued_on", ItemId => NaiveDate;
    /// Items that are unapplied in the application worksheet.
    UnappliedItems = 156, "unapplied_item", ItemId => UnappliedItem;
    /// The run that is being worked on, by number.
    OpenRuns = 154, "open_adjustment_run", u64 => ();
    /// Value entries that a run of cost adjustment wrote.
    RunValues = 211, "value_entry_by_adjustment_run", (u64, EntryNo) => ();
}
