//! The general ledger as far as inventory reaches it: accounts and posting setups, entries and registers,
//! the way from a value entry to its accounts and back, what is not posted yet; and value by day, which
//! valuation and reconciliation are made of.
//!
//! An entry of the general ledger never changes once its register is closed. The register of a run that
//! posts per posting group is open as long as the run goes on: until then its sums grow.

use chrono::NaiveDate;
use protocol::identity::OperationId;
use protocol::quantity::Quantity;
use protocol::words::{DocumentNo, OperatorId};
use serde::{Deserialize, Serialize};

use crate::money::Money;
use crate::schema::{EntryNo, ItemId, LocationId, Written};

/// What an account is for (COSTING 1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountRole {
    /// Stock, invoiced.
    Inventory,
    /// Stock, expected.
    InventoryInterim,
    /// Work in process.
    Wip,
    /// Other material than the standard says.
    MaterialVariance,
    /// Other capacity.
    CapacityVariance,
    /// Other overhead of capacity.
    CapacityOverheadVariance,
    /// Other manufacturing overhead.
    ManufacturingOverheadVariance,
    /// Subcontracted at another price.
    SubcontractedVariance,
    /// Other material that is not kept in stock.
    MaterialNonInventoryVariance,
    /// Cost of goods sold.
    Cogs,
    /// Cost of goods shipped and not invoiced.
    CogsInterim,
    /// The other side of adjustments.
    InventoryAdjustment,
    /// The other side of what was bought.
    DirectCostApplied,
    /// The other side of overhead.
    OverheadApplied,
    /// Bought at another price than the standard says.
    PurchaseVariance,
    /// Received and not invoiced.
    AccrualInterim,
    /// The other side of what is not kept in stock.
    DirectCostNonInventoryApplied,
}

impl AccountRole {
    /// Every role, in the order of its number.
    pub const ALL: [Self; 17] = [
        Self::Inventory,
        Self::InventoryInterim,
        Self::Wip,
        Self::MaterialVariance,
        Self::CapacityVariance,
        Self::CapacityOverheadVariance,
        Self::ManufacturingOverheadVariance,
        Self::SubcontractedVariance,
        Self::MaterialNonInventoryVariance,
        Self::Cogs,
        Self::CogsInterim,
        Self::InventoryAdjustment,
        Self::DirectCostApplied,
        Self::OverheadApplied,
        Self::PurchaseVariance,
        Self::AccrualInterim,
        Self::DirectCostNonInventoryApplied,
    ];

    /// Its number in keys.
    pub const fn number(self) -> u8 {
        match self {
            Self::Inventory => 1,
            Self::InventoryInterim => 2,
            Self::Wip => 3,
            Self::MaterialVariance => 4,
            Self::CapacityVariance => 5,
            Self::CapacityOverheadVariance => 6,
            Self::ManufacturingOverheadVariance => 7,
            Self::SubcontractedVariance => 8,
            Self::MaterialNonInventoryVariance => 9,
            Self::Cogs => 10,
            Self::CogsInterim => 11,
            Self::InventoryAdjustment => 12,
            Self::DirectCostApplied => 13,
            Self::OverheadApplied => 14,
            Self::PurchaseVariance => 15,
            Self::AccrualInterim => 16,
            Self::DirectCostNonInventoryApplied => 17,
        }
    }

    /// The role with that number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.number() == number)
    }

    /// Its name in the specification, in messages and in exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inventory => "inventory",
            Self::InventoryInterim => "inventory_interim",
            Self::Wip => "wip",
            Self::MaterialVariance => "material_variance",
            Self::CapacityVariance => "capacity_variance",
            Self::CapacityOverheadVariance => "capacity_overhead_variance",
            Self::ManufacturingOverheadVariance => "mfg_overhead_variance",
            Self::SubcontractedVariance => "subcontracted_variance",
            Self::MaterialNonInventoryVariance => "material_non_inventory_variance",
            Self::Cogs => "cogs",
            Self::CogsInterim => "cogs_interim",
            Self::InventoryAdjustment => "inventory_adjmt",
            Self::DirectCostApplied => "direct_cost_applied",
            Self::OverheadApplied => "overhead_applied",
            Self::PurchaseVariance => "purchase_variance",
            Self::AccrualInterim => "invt_accrual_interim",
            Self::DirectCostNonInventoryApplied => "direct_cost_non_inventory_applied",
        }
    }
}

/// An account of the chart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GlAccount {
    /// What people call it.
    pub name: String,
}

/// Accounts of an inventory posting group at a location. Empty: none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct InventoryPostingSetup {
    /// [`AccountRole::Inventory`].
    pub inventory: String,
    /// [`AccountRole::InventoryInterim`].
    pub inventory_interim: String,
    /// [`AccountRole::Wip`].
    pub wip: String,
    /// [`AccountRole::MaterialVariance`].
    pub material_variance: String,
    /// [`AccountRole::CapacityVariance`].
    pub capacity_variance: String,
    /// [`AccountRole::CapacityOverheadVariance`].
    pub capacity_overhead_variance: String,
    /// [`AccountRole::ManufacturingOverheadVariance`].
    pub mfg_overhead_variance: String,
    /// [`AccountRole::SubcontractedVariance`].
    pub subcontracted_variance: String,
    /// [`AccountRole::MaterialNonInventoryVariance`].
    pub material_non_inventory_variance: String,
}

/// Accounts of a general business and a general product posting group. Empty: none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GeneralPostingSetup {
    /// [`AccountRole::Cogs`].
    pub cogs: String,
    /// [`AccountRole::CogsInterim`].
    pub cogs_interim: String,
    /// [`AccountRole::InventoryAdjustment`].
    pub inventory_adjmt: String,
    /// [`AccountRole::DirectCostApplied`].
    pub direct_cost_applied: String,
    /// [`AccountRole::OverheadApplied`].
    pub overhead_applied: String,
    /// [`AccountRole::PurchaseVariance`].
    pub purchase_variance: String,
    /// [`AccountRole::AccrualInterim`].
    pub invt_accrual_interim: String,
    /// [`AccountRole::DirectCostNonInventoryApplied`].
    pub direct_cost_non_inventory_applied: String,
}

/// An entry of the general ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlEntry {
    /// The register it belongs to.
    pub register: u64,
    /// The account.
    pub account: String,
    /// What the account is for here.
    pub role: AccountRole,
    /// The date: that of the value entry.
    pub posting_date: NaiveDate,
    /// Debit above zero, credit below.
    pub amount: Money,
    /// The value entry; 0 where it sums several, which its relations name.
    pub value: EntryNo,
    /// The location whose value it is.
    pub location: LocationId,
    /// The inventory posting group whose value it is.
    pub inventory_group: String,
    /// General business posting group.
    pub business_group: String,
    /// General product posting group.
    pub product_group: String,
    /// The number of the value entry's document, or of the run.
    pub document_no: String,
    /// The dimension set of the value entry.
    pub dimension_set: u32,
    /// The decision that wrote it.
    pub written: Written,
}

/// Entries of the general ledger that were written by one posting, or by one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlRegister {
    /// First entry.
    pub first: EntryNo,
    /// Last entry. Numbers between may belong to other registers while a run goes on.
    pub last: EntryNo,
    /// The run; 0 for automatic posting.
    pub run: u64,
    /// It takes no more entries.
    pub closed: bool,
    /// The operation.
    pub operation: OperationId,
    /// The decision that opened it.
    pub written: Written,
}

/// How a run sums what it posts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PostingMethod {
    /// Two entries per value entry and kind of cost.
    #[default]
    PerEntry,
    /// One pair per date, location, posting groups, accounts and sign.
    PerPostingGroup,
}

/// A run that posts value entries to the general ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlRun {
    /// Who asked; their posting dates are held against what it posts.
    pub operator: Option<OperatorId>,
    /// How it sums.
    pub method: PostingMethod,
    /// It posts nothing and only tells what it would post.
    pub test: bool,
    /// Only value entries dated up to this day.
    pub until: Option<NaiveDate>,
    /// The last value entry that there was when it was asked for.
    pub up_to: EntryNo,
    /// Where it goes on: behind that row of what is not posted.
    pub after: (u8, EntryNo),
    /// Its register; 0 as long as it has posted nothing.
    pub register: u64,
    /// Value entries that it posted, or would.
    pub posted: u64,
    /// Value entries that it left out.
    pub skipped: u64,
    /// The number that entries which sum several show.
    pub document_no: String,
    /// It has ended.
    pub done: bool,
    /// The decision that asked for it.
    pub asked: Written,
}

/// Why a run left a value entry out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlSkip {
    /// The code.
    pub code: String,
    /// With its figures, in English.
    pub text: String,
}

/// What one entry of a run that posts per posting group sums: date, location, groups, accounts, sign.
pub type GlSumKey =
    ((NaiveDate, LocationId, String), (String, String, u32), (u8, String), (u8, String), bool);

/// Quantity and value that came in and went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ValueSum {
    /// Came in.
    pub into: ValueSide,
    /// Went out, below zero.
    pub out: ValueSide,
    /// Work in process: what went into orders less what came out of them, actual.
    pub wip: Money,
    /// The same, of output at expected cost.
    pub wip_expected: Money,
}

/// One direction of a [`ValueSum`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ValueSide {
    /// Quantity of item ledger entries.
    pub quantity: Quantity,
    /// Invoiced quantity.
    pub invoiced: Quantity,
    /// Actual cost.
    pub actual: Money,
    /// Expected cost.
    pub expected: Money,
}

/// What an order took in and gave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WipSum {
    /// Material.
    pub consumption: Money,
    /// Capacity, with its overhead.
    pub capacity: Money,
    /// Output, at actual cost.
    pub output: Money,
    /// Output, at expected cost.
    pub output_expected: Money,
}

/// From when an order has value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderDate {
    /// The first valuation date of its value entries.
    pub any: NaiveDate,
    /// The first of those of its output.
    pub output: Option<NaiveDate>,
}

/// How far entries of average items are worked in anew after their periods or pools changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RebuildPhase {
    /// The old rows go.
    Clearing,
    /// Entries come in again, by number: behind that one.
    Entering(EntryNo),
    /// Decreases before the first open fiscal year keep their cost: behind that one.
    Keeping(Option<(crate::schema::money::AveragePool, NaiveDate, EntryNo)>),
}

/// General business posting groups of what no document stands behind: by them, such differences have accounts
/// of their own. Empty: those of postings without a group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReasonGroups {
    /// Differences that counts and sightings of serials find. A correction goes through the accounts of what
    /// it corrects.
    pub count_differences: String,
    /// What is lost on its way between two locations.
    pub transit_losses: String,
}

/// A rebuild of averages: items before it are done, items after it have not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AverageRebuild {
    /// The item.
    pub item: ItemId,
    /// How far it is.
    pub phase: RebuildPhase,
}

crate::tables! {
    /// Business groups of differences and losses, under `()`.
    ReasonGroupsOf = 158, "reason_groups", () => ReasonGroups;
    /// The chart of accounts, as far as setups name it.
    GlAccounts = 190, "gl_account", String => GlAccount;
    /// Accounts by location and inventory posting group.
    InventoryPostingSetups = 191, "inventory_posting_setup", (LocationId, String) => InventoryPostingSetup;
    /// Accounts by general business and general product posting group.
    GeneralPostingSetups = 192, "general_posting_setup", (String, String) => GeneralPostingSetup;
    /// Entries of the general ledger.
    GlLedger = 193, "gl_entry", EntryNo => GlEntry;
    /// Registers of the general ledger.
    GlRegisters = 194, "gl_register", u64 => GlRegister;
    /// Entries by account and date.
    GlByAccount = 210, "gl_by_account", (String, NaiveDate, EntryNo) => ();
    /// Entries of a value entry, with their register.
    GlOfValue = 195, "gl_by_value_entry", (EntryNo, EntryNo) => u64;
    /// Value entries of an entry that sums several.
    ValuesOfGl = 196, "value_entry_by_gl", (EntryNo, EntryNo) => ();
    /// Sums by month (2) and day (3): date, account, role, inventory posting group, location.
    GlSums = 197, "gl_sum", (u8, NaiveDate, String, u8, String, LocationId) => Money;
    /// Value entries that are not posted wholly: 1 to be posted, 2 expected cost while that is not posted.
    UnpostedValues = 198, "value_entry_unposted", (u8, EntryNo) => ();
    /// Runs.
    GlRuns = 199, "gl_run", u64 => GlRun;
    /// Runs that go on.
    OpenGlRuns = 200, "open_gl_run", u64 => ();
    /// What a run left out.
    GlRunSkips = 201, "gl_run_skip", (u64, EntryNo) => GlSkip;
    /// What a run posted, or would: by account and role.
    GlRunTotals = 202, "gl_run_total", (u64, String, u8) => Money;
    /// The first entry of each pair of a run that goes on.
    GlRunSums = 203, "gl_run_sum", (u64, GlSumKey) => EntryNo;
    /// Value by year (1), month (2) and day (3): first day, inventory posting group, location, item.
    ValueSums = 204, "value_sum", (u8, NaiveDate, String, LocationId, ItemId) => ValueSum;
    /// Where an item has had value, with the first day of the first year.
    ValuePlaces = 205, "value_place", (ItemId, LocationId, String) => NaiveDate;
    /// Work in process by year (1), month (2) and day (3): first day, kind of order, order.
    WipSums = 206, "wip_sum", (u8, NaiveDate, u8, DocumentNo) => WipSum;
    /// Facts that were posted later than they were done, because that day was closed: with the day of the
    /// books.
    LatePostings = 207, "late_posting", (NaiveDate, OperationId) => NaiveDate;
    /// The rebuild of averages that goes on, under `()`.
    AverageRebuilds = 208, "average_rebuild", () => AverageRebuild;
    /// From when orders have value.
    OrderDates = 209, "order_first_date", (u8, DocumentNo) => OrderDate;
}
