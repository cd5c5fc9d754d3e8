//! Which accounts a value entry belongs to (COSTING 17.2, 17.4).

use protocol::code::Code;
use protocol::outcome::Reason;

use crate::assembly;
use crate::schema::LocationId;
use crate::schema::entry::EntryType;
use crate::schema::gl::{
    AccountRole, GeneralPostingSetup, GeneralPostingSetups, InventoryPostingSetup,
    InventoryPostingSetups,
};
use crate::schema::money::{OrderKind, ValueEntry, ValueType, VarianceType};
use crate::tables::{Read as _, Tables};

/// Which cost of a value entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cost {
    /// Invoiced.
    Actual,
    /// Not invoiced yet.
    Expected,
}

/// Account and balancing account, with what they are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accounts {
    /// Gets the amount.
    pub account: (AccountRole, String),
    /// Gets the opposite.
    pub balancing: (AccountRole, String),
}

/// Account and balancing account by what they are for; none where that cost is not posted.
///
/// The table of COSTING 17.2. Beyond it, so that stock never has value that no account shows: overhead and
/// purchase variance of an increase of any type (a charge on a standard item that was returned or
/// transferred) go where those of a purchase go, and so do revaluations and roundings of components that
/// an undone assembly brought back.
pub fn roles_of(value: &ValueEntry, cost: Cost) -> Option<(AccountRole, AccountRole)> {
    if value.entry.0 == 0 {
        return capacity_roles(value, cost);
    }
    match cost {
        Cost::Actual => actual_roles(value),
        Cost::Expected => expected_roles(value),
    }
}

fn expected_roles(value: &ValueEntry) -> Option<(AccountRole, AccountRole)> {
    let balancing = match (value.value_type, value.entry_type) {
        (ValueType::Revaluation, _) | (ValueType::DirectCost, EntryType::Purchase) => {
            AccountRole::AccrualInterim
        }
        (ValueType::DirectCost, EntryType::Sale) => AccountRole::CogsInterim,
        (ValueType::DirectCost, EntryType::Output) => AccountRole::Wip,
        _ => return None,
    };
    Some((AccountRole::InventoryInterim, balancing))
}

fn actual_roles(value: &ValueEntry) -> Option<(AccountRole, AccountRole)> {
    let balancing = match value.value_type {
        ValueType::DirectCost => direct_cost_role(value.entry_type),
        ValueType::DirectCostNonInventory => AccountRole::DirectCostNonInventoryApplied,
        ValueType::IndirectCost => AccountRole::OverheadApplied,
        ValueType::Variance => variance_role(value.variance?),
        ValueType::Revaluation | ValueType::Rounding => AccountRole::InventoryAdjustment,
    };
    Some((AccountRole::Inventory, balancing))
}

const fn direct_cost_role(entry_type: EntryType) -> AccountRole {
    match entry_type {
        EntryType::Purchase => AccountRole::DirectCostApplied,
        EntryType::Sale => AccountRole::Cogs,
        EntryType::PositiveAdjustment
        | EntryType::NegativeAdjustment
        | EntryType::Transfer
        | EntryType::AssemblyConsumption
        | EntryType::AssemblyOutput => AccountRole::InventoryAdjustment,
        EntryType::Consumption | EntryType::Output => AccountRole::Wip,
    }
}

const fn variance_role(variance: VarianceType) -> AccountRole {
    match variance {
        VarianceType::Purchase => AccountRole::PurchaseVariance,
        VarianceType::Material => AccountRole::MaterialVariance,
        VarianceType::Capacity => AccountRole::CapacityVariance,
        VarianceType::CapacityOverhead => AccountRole::CapacityOverheadVariance,
        VarianceType::ManufacturingOverhead => AccountRole::ManufacturingOverheadVariance,
        VarianceType::Subcontracted => AccountRole::SubcontractedVariance,
        VarianceType::MaterialNonInventory => AccountRole::MaterialNonInventoryVariance,
    }
}

/// Capacity has no expected cost. In an assembly its debit goes where the components went, so that
/// inventory adjustment nets to zero over the assembly.
fn capacity_roles(value: &ValueEntry, cost: Cost) -> Option<(AccountRole, AccountRole)> {
    let account = match &value.order {
        Some((OrderKind::Assembly, _no)) => AccountRole::InventoryAdjustment,
        Some((OrderKind::Production, _no)) => AccountRole::Wip,
        None => return None,
    };
    match (cost, value.value_type) {
        (Cost::Actual, ValueType::DirectCost | ValueType::DirectCostNonInventory) => {
            Some((account, AccountRole::DirectCostApplied))
        }
        (Cost::Actual, ValueType::IndirectCost) => Some((account, AccountRole::OverheadApplied)),
        _ => None,
    }
}

/// The accounts of a value entry's cost; none where it is not posted.
///
/// # Errors
///
/// `account_missing`.
pub fn accounts_of(
    tables: &(impl Tables + ?Sized),
    value: &ValueEntry,
    cost: Cost,
) -> Result<Option<Accounts>, Reason> {
    let Some((account, balancing)) = roles_of(value, cost) else { return Ok(None) };
    let account = (account, account_for(tables, value, account)?);
    let balancing = (balancing, account_for(tables, value, balancing)?);
    Ok(Some(Accounts { account, balancing }))
}

/// The account that a role has for a value entry.
fn account_for(
    tables: &(impl Tables + ?Sized),
    value: &ValueEntry,
    role: AccountRole,
) -> Result<String, Reason> {
    let missing = |groups: String| {
        Reason::new(Code::AccountMissing).word("account", role.name()).word("groups", groups)
    };
    if is_inventory_role(role) {
        let key = place_of_role(tables, value, role);
        let setup = tables.row::<InventoryPostingSetups>(&key).unwrap_or_default();
        let account = inventory_account(&setup, role);
        return if account.is_empty() {
            Err(missing(format!("{} / {}", place_text(tables, key.0), key.1)))
        } else {
            Ok(account.to_owned())
        };
    }
    let key = (value.business_group.clone(), value.product_group.clone());
    let setup = tables.row::<GeneralPostingSetups>(&key).unwrap_or_default();
    let account = general_account(&setup, role);
    if account.is_empty() {
        Err(missing(format!("{} / {}", value.business_group, value.product_group)))
    } else {
        Ok(account.to_owned())
    }
}

/// Location and inventory posting group of a role's account: those of the value, but work in process lies
/// where its order makes its output (COSTING 17.4).
pub(crate) fn place_of_role(
    tables: &(impl Tables + ?Sized),
    value: &ValueEntry,
    role: AccountRole,
) -> (LocationId, String) {
    if role == AccountRole::Wip {
        return assembly::wip_place(tables, value);
    }
    (value.location, value.inventory_group.clone())
}

fn place_text(tables: &(impl Tables + ?Sized), location: LocationId) -> String {
    tables
        .row::<crate::schema::place::Locations>(&location)
        .map_or_else(String::new, |row| row.code.to_string())
}

/// Whether an account comes from the inventory posting setup.
pub const fn is_inventory_role(role: AccountRole) -> bool {
    matches!(
        role,
        AccountRole::Inventory
            | AccountRole::InventoryInterim
            | AccountRole::Wip
            | AccountRole::MaterialVariance
            | AccountRole::CapacityVariance
            | AccountRole::CapacityOverheadVariance
            | AccountRole::ManufacturingOverheadVariance
            | AccountRole::SubcontractedVariance
            | AccountRole::MaterialNonInventoryVariance
    )
}

/// The account of a role in an inventory posting setup; empty for none.
pub fn inventory_account(setup: &InventoryPostingSetup, role: AccountRole) -> &str {
    match role {
        AccountRole::Inventory => &setup.inventory,
        AccountRole::InventoryInterim => &setup.inventory_interim,
        AccountRole::Wip => &setup.wip,
        AccountRole::MaterialVariance => &setup.material_variance,
        AccountRole::CapacityVariance => &setup.capacity_variance,
        AccountRole::CapacityOverheadVariance => &setup.capacity_overhead_variance,
        AccountRole::ManufacturingOverheadVariance => &setup.mfg_overhead_variance,
        AccountRole::SubcontractedVariance => &setup.subcontracted_variance,
        AccountRole::MaterialNonInventoryVariance => &setup.material_non_inventory_variance,
        AccountRole::Cogs
        | AccountRole::CogsInterim
        | AccountRole::InventoryAdjustment
        | AccountRole::DirectCostApplied
        | AccountRole::OverheadApplied
        | AccountRole::PurchaseVariance
        | AccountRole::AccrualInterim
        | AccountRole::DirectCostNonInventoryApplied => "",
    }
}

/// The account of a role in a general posting setup; empty for none.
pub fn general_account(setup: &GeneralPostingSetup, role: AccountRole) -> &str {
    match role {
        AccountRole::Cogs => &setup.cogs,
        AccountRole::CogsInterim => &setup.cogs_interim,
        AccountRole::InventoryAdjustment => &setup.inventory_adjmt,
        AccountRole::DirectCostApplied => &setup.direct_cost_applied,
        AccountRole::OverheadApplied => &setup.overhead_applied,
        AccountRole::PurchaseVariance => &setup.purchase_variance,
        AccountRole::AccrualInterim => &setup.invt_accrual_interim,
        AccountRole::DirectCostNonInventoryApplied => &setup.direct_cost_non_inventory_applied,
        AccountRole::Inventory
        | AccountRole::InventoryInterim
        | AccountRole::Wip
        | AccountRole::MaterialVariance
        | AccountRole::CapacityVariance
        | AccountRole::CapacityOverheadVariance
        | AccountRole::ManufacturingOverheadVariance
        | AccountRole::SubcontractedVariance
        | AccountRole::MaterialNonInventoryVariance => "",
    }
}
