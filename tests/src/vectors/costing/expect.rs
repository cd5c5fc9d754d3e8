//! What a file of the costing schema may expect. Field for field the tables of its schema.

use chrono::NaiveDate;
use serde::Deserialize;

use crate::vectors::json::{Dec, Int, Row};

macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident { $($field:ident $(($text:literal))?: $type:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        #[expect(missing_docs, reason = "the fields are those of the schema")]
        pub struct $name { $($(#[serde(rename = $text)])? pub $field: Option<$type>,)* }
    )*};
}

rows! {
    /// An item ledger entry.
    ItemLedgerEntry {
        no: Int, kind("type"): String, quantity: Dec, date: NaiveDate, item: String,
        location: String, remaining_quantity: Dec, invoiced_quantity: Dec, open: bool,
        correction: bool, cost_amount_actual: Dec, cost_amount_expected: Dec, printed_no: Int,
        scenario: String, derived: bool, provisional: bool,
    }
    /// A value entry.
    ValueEntry {
        no: Int, entry_type: String, ile: Int, capacity_entry: Int, date: NaiveDate,
        valuation_date: NaiveDate, kind("type"): String, variance_type: String,
        valued_quantity: Dec, invoiced_quantity: Dec, ile_quantity: Dec, cost_amount_actual: Dec,
        cost_amount_expected: Dec, cost_posted_to_gl: Dec, expected_cost_posted_to_gl: Dec,
        expected_cost: bool, adjustment: bool, applies_to_entry: Int, item_charge: String,
        order_type: String, printed_no: Int, derived: bool, provisional: bool,
    }
    /// What kind of cost an entry carries.
    ValueFlag { ile: Int, valued_by_average_cost: bool, derived: bool, provisional: bool }
    /// Who supplied whom.
    Application {
        no: Int, ile: Int, inbound: Int, outbound: Int, quantity: Dec, date: NaiveDate,
        cost_application: bool, printed_no: Int, derived: bool, provisional: bool,
    }
    /// An entry of the general ledger.
    GlEntry {
        no: Int, account: String, amount: Dec, date: NaiveDate, of_step: Int,
        printed_account_no: String, printed_no: Int, derived: bool, provisional: bool,
    }
    /// Which value entry an entry of the general ledger comes from.
    GlRelation { gl: Int, ve: Int, register: Int, derived: bool, provisional: bool }
    /// The net of an account.
    GlTotal { account: String, net: Dec, derived: bool, provisional: bool }
    /// The nets of a step.
    GlMovement { of_step: Int, totals: Vec<Row<GlTotal>>, derived: bool, provisional: bool }
    /// Whether an average is up to date.
    EntryPoint {
        item: String, variant: String, location: String, valuation_date: NaiveDate,
        cost_is_adjusted: bool, derived: bool, provisional: bool,
    }
    /// A quantity that could be revalued.
    Revaluable {
        of_step: Int, item: String, date: NaiveDate, quantity: Dec, derived: bool,
        provisional: bool,
    }
    /// Quantity and value of an item.
    InventoryTotal { item: String, quantity: Dec, value: Dec, derived: bool, provisional: bool }
    /// A line of the valuation.
    Valuation {
        of_step: Int, item: String, date: NaiveDate, quantity: Dec, value: Dec,
        increases_quantity: Dec, increases_value: Dec, decreases_quantity: Dec,
        decreases_value: Dec, derived: bool, provisional: bool,
    }
    /// A unit cost, by its name.
    UnitCost { item: String, what: String, value: Dec, derived: bool, provisional: bool }
    /// The cost of the capacity of an order.
    CapacityTotal { order: String, direct_cost: Dec, derived: bool, provisional: bool }
    /// An inventory period.
    Period { ending_date: NaiveDate, closed: bool, derived: bool, provisional: bool }
}

/// What holds.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the keys are those of the schema")]
pub struct Expect {
    pub adjusted: Option<bool>,
    pub adjustment_ran: Option<bool>,
    pub complete: Vec<String>,
    pub complete_of_steps: Vec<Int>,
    pub value_sums_of_ile: Vec<Int>,
    pub item_ledger_entries: Vec<Row<ItemLedgerEntry>>,
    pub value_entries: Vec<Row<ValueEntry>>,
    pub value_flags: Vec<Row<ValueFlag>>,
    pub applications: Vec<Row<Application>>,
    pub gl_entries: Vec<Row<GlEntry>>,
    pub gl_relations: Vec<Row<GlRelation>>,
    pub gl_totals: Vec<Row<GlTotal>>,
    pub gl_movements: Vec<Row<GlMovement>>,
    pub avg_cost_entry_points: Vec<Row<EntryPoint>>,
    pub revaluable: Vec<Row<Revaluable>>,
    pub inventory_totals: Vec<Row<InventoryTotal>>,
    pub inventory_valuation: Vec<Row<Valuation>>,
    pub unit_costs: Vec<Row<UnitCost>>,
    pub capacity_totals: Vec<Row<CapacityTotal>>,
    pub inventory_periods: Vec<Row<Period>>,
}

impl Expect {
    /// Whether the list under `key` is exhaustive.
    pub fn is_complete(&self, key: &str) -> bool {
        self.complete.iter().any(|name| name == key)
    }
}
