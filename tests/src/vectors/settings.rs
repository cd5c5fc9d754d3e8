//! The settings of a company as the files name them: one list for both schemas of costing.

use chrono::NaiveDate;
use serde::Deserialize;

use super::json::{Dec, present};

/// Period of the average cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AveragePeriod {
    /// Each day.
    Day,
    /// Monday to Sunday.
    Week,
    /// Each month.
    Month,
    /// Each quarter.
    Quarter,
    /// Each year.
    Year,
    /// From the start of an accounting period to the day before the next.
    AccountingPeriod,
}

/// What an average is taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AverageCalculation {
    /// The item.
    Item,
    /// The item at a location, in a variant.
    ItemLocationVariant,
}

/// Whether a posting adjusts costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AutomaticAdjustment {
    /// Only the batch does.
    Never,
    /// Within a day of the work date.
    Day,
    /// Within a week.
    Week,
    /// Within a month.
    Month,
    /// Within a quarter.
    Quarter,
    /// Within a year.
    Year,
    /// Every posting does.
    Always,
}

/// How costs of decreases are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Costing {
    /// Oldest first.
    Fifo,
    /// Newest first.
    Lifo,
    /// The average of a period.
    Average,
    /// The same lot or serial.
    Specific,
    /// The standard cost.
    Standard,
}

/// One inventory period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodState {
    /// Its last day.
    pub ending_date: NaiveDate,
    /// Whether nothing may be posted in it.
    #[serde(default)]
    pub closed: bool,
}

/// Settings that a file gives; what is left out stays as it is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Period of the average cost.
    pub average_cost_period: Option<AveragePeriod>,
    /// What an average is taken over.
    pub average_cost_calc_type: Option<AverageCalculation>,
    /// Value entries are posted to the general ledger at once.
    pub automatic_cost_posting: Option<bool>,
    /// When a posting adjusts costs.
    pub automatic_cost_adjustment: Option<AutomaticAdjustment>,
    /// Expected cost goes to interim accounts.
    pub expected_cost_posting_to_gl: Option<bool>,
    /// The day on which everybody works.
    pub work_date: Option<NaiveDate>,
    /// First posting date of the company.
    #[serde(deserialize_with = "present")]
    pub gl_allow_posting_from: Option<Option<NaiveDate>>,
    /// Last posting date of the company.
    #[serde(deserialize_with = "present")]
    pub gl_allow_posting_to: Option<Option<NaiveDate>>,
    /// First posting date of the user.
    #[serde(deserialize_with = "present")]
    pub user_allow_posting_from: Option<Option<NaiveDate>>,
    /// Last posting date of the user.
    #[serde(deserialize_with = "present")]
    pub user_allow_posting_to: Option<Option<NaiveDate>>,
    /// Inventory periods.
    pub inventory_periods: Option<Vec<PeriodState>>,
    /// The floor of valuation dates.
    #[serde(deserialize_with = "present")]
    pub earliest_allowed_valuation_date: Option<Option<NaiveDate>>,
    /// The part of VAT that cannot be deducted is a cost of the item.
    pub nondeductible_vat_use_for_item_cost: Option<bool>,
    /// VAT in percent of the cost.
    pub vat_pct: Option<Dec>,
    /// How much of the VAT cannot be deducted, in percent.
    pub nondeductible_vat_pct: Option<Dec>,
    /// The smallest amount.
    pub amount_rounding: Option<Dec>,
    /// The smallest part of a unit cost.
    pub unit_amount_rounding: Option<Dec>,
    /// Stock may not go below zero.
    pub prevent_negative_inventory: Option<bool>,
    /// Every line names its location.
    pub location_mandatory: Option<bool>,
}
