//! The money side as rows: for the API, for files, and for the pages.
//!
//! Order of reading: [`value`] (items and their value entries), [`card`] (what units,
//! capacities and bills of materials say), [`report`] (valuation, reconciliation, work in process),
//! [`accounts`] (the general ledger), [`period`] (dates that are open), [`setup`], [`run`]
//! (cost adjustment).

pub mod accounts;
pub mod card;
pub mod period;
pub mod proposal;
pub mod report;
pub mod run;
pub mod setup;
pub mod value;

use ledger::lookup;
use ledger::schema::LocationId;
use ledger::schema::money::{ValueType, VarianceType};
use ledger::tables::Tables;

/// The code of a location; empty for the blank one.
pub fn location_text(tables: &(impl Tables + ?Sized), location: LocationId) -> String {
    if location.0 == 0 { String::new() } else { lookup::location_text(tables, location) }
}

/// The word of a type of value entry in answers and files.
pub const fn value_word(of: ValueType) -> &'static str {
    match of {
        ValueType::DirectCost => "direct_cost",
        ValueType::DirectCostNonInventory => "direct_cost_non_inventory",
        ValueType::IndirectCost => "indirect_cost",
        ValueType::Variance => "variance",
        ValueType::Revaluation => "revaluation",
        ValueType::Rounding => "rounding",
    }
}

/// The word of a kind of variance in answers and files.
pub const fn variance_word(of: VarianceType) -> &'static str {
    match of {
        VarianceType::Purchase => "purchase",
        VarianceType::Material => "material",
        VarianceType::Capacity => "capacity",
        VarianceType::CapacityOverhead => "capacity_overhead",
        VarianceType::ManufacturingOverhead => "manufacturing_overhead",
        VarianceType::Subcontracted => "subcontracted",
        VarianceType::MaterialNonInventory => "material_non_inventory",
    }
}
