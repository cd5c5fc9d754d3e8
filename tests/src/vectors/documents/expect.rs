//! What a file of the document schema may expect. Field for field the tables of its schema.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::Value;

use crate::vectors::json::{Dec, Int, Row};

macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        #[expect(missing_docs, reason = "the fields are those of the schema")]
        pub struct $name {
            pub derived: Option<bool>,
            pub provisional: Option<bool>,
            pub tolerance: Option<Dec>,
            $(pub $field: Option<$type>,)*
        }
    )*};
}

rows! {
    /// An item ledger entry, with the sums of its value entries.
    ItemLedgerEntry {
        ile: Int, step: String, line: Int, item: String, variant: String, date: NaiveDate,
        location: String, qty: Dec, remaining_qty: Dec, invoiced_qty: Dec, correction: bool,
        cost_amount_actual: Dec, cost_amount_expected: Dec, cost_amount_non_inventoriable: Dec,
        sales_amount_actual: Dec, sales_amount_expected: Dec, cost_amount_actual_not: Dec,
        first_value_entry_cost_per_unit: Dec,
    }
    /// A value entry of an item ledger entry.
    ValueEntry {
        ile: Int, entry_type: String, posting_date: NaiveDate, valuation_date: NaiveDate,
        valued_qty: Dec, invoiced_qty: Dec, cost_amount_actual: Dec, cost_amount_expected: Dec,
        cost_amount_non_inventoriable: Dec, sales_amount_actual: Dec, sales_amount_expected: Dec,
        adjustment: bool, inventoriable: bool, valued_by_average_cost: bool,
    }
    /// A value entry written since the previous checkpoint.
    NewValueEntry {
        valued_qty: Dec, cost_per_unit: Dec, cost_amount: Dec, sales_amount: Dec,
        cost_posted_to_gl: Dec, expected_cost_posted_to_gl: Dec, valuation_date: NaiveDate,
        ile_qty: Dec, charge_text: bool,
    }
    /// An item card.
    Item {
        item: String, unit_cost: Dec, last_direct_cost: Dec, cost_is_adjusted: bool,
        average_cost: Dec,
    }
    /// A stockkeeping unit.
    StockkeepingUnit {
        item: String, location: String, variant: String, unit_cost: Dec, average_cost: Dec,
    }
    /// Sums of an item.
    Total {
        item: String, location: String, entry_type: String, qty: Dec, cost_amount_actual: Dec,
        cost_amount_expected: Dec, sales_amount_actual: Dec,
    }
    /// A line of the last calculation of inventory values.
    RevaluationLine {
        journal_line: Int, date: NaiveDate, item: String, qty: Dec,
        inventory_value_calculated: Dec,
    }
    /// How much a revaluation revalued.
    Revaluable { step: String, qty: Dec }
    /// How many application rows an entry owns.
    ApplicationCount { owner_ile: Int, count: Int }
    /// Whether an average is up to date.
    EntryPoint {
        item: String, location: String, variant: String, valuation_date: NaiveDate,
        cost_is_adjusted: bool,
    }
    /// An inventory period.
    Period { ending_date: NaiveDate, closed: bool }
    /// Where a kind of value entry goes in the general ledger.
    GlMapping {
        ile_type: String, entry_type: String, expected_cost: bool, variance_type: String,
        account: String, amount: Dec, bal_account: String, bal_amount: Dec,
    }
    /// A line of an order.
    OrderLine { document: String, line: Int, qty: Dec, qty_received: Dec }
    /// A document.
    DocumentState { document: String, completely_posted: bool }
    /// What kind of cost an entry carries.
    ValueFlag { ile: Int, valued_by_average_cost: bool }
    /// Something that must not exist.
    Absent {
        value_entry_type: String, item: String, value_entries_created_by_step: String,
        what: String, document: String,
    }
    /// What is still to be taken.
    PickTotal { document: String, item: String, qty: Dec }
    /// An open line of an activity.
    ActivityLine { document: String, item: String, bin: String, qty: Dec, action: String }
    /// A reservation.
    Reservation { document: String, line: Int, qty: Dec }
    /// Stock on hand.
    OnHand { item: String, location: String, qty: Dec }
    /// What lies in a bin.
    BinContent {
        location: String, bin: String, item: String, lot_no: String, serial_no: String, qty: Dec,
    }
    /// An item ledger entry that exists.
    FoundEntry {
        step: String, item: String, lot_no: String, serial_no: String, qty: Dec,
        entry_type: String, expiration_date: NaiveDate,
    }
    /// A line of a count order.
    PhysLine {
        document: String, item: String, location: String, bin: String, qty_expected: Dec,
    }
    /// How many lines a count order has for an item.
    PhysLineCount { document: String, item: String, lines: Int }
    /// What holds of every line of a count order.
    PhysLinesAll { document: String, qty_expected: Dec }
    /// A posted line of a count order.
    PostedPhysLine {
        document: String, item: String, location: String, pos_qty: Dec, neg_qty: Dec,
    }
    /// Lines of a count order that are the same.
    PhysDuplicate { document: String, item: String, location: String, lines: Int }
    /// What is available of a lot.
    LotAvailability {
        item: String, lot_no: String, filter: LotFilter, inventory: Dec, scheduled_receipt: Dec,
        gross_requirement: Dec, available: Dec,
    }
    /// Where availability is asked for.
    LotFilter { location: String, variant: String }
    /// A base quantity.
    BaseQuantity { item: String, uom: String, qty: Dec, qty_base: Dec }
}

/// What holds.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the keys are those of the schema")]
pub struct Expect {
    pub item_ledger_entries: Vec<Row<ItemLedgerEntry>>,
    pub value_entries: Vec<Row<ValueEntry>>,
    pub value_entries_new: Vec<Row<NewValueEntry>>,
    pub gl_totals_new: Option<BTreeMap<String, Dec>>,
    pub gl_totals: BTreeMap<String, Dec>,
    pub items: Vec<Row<Item>>,
    pub stockkeeping_units: Vec<Row<StockkeepingUnit>>,
    pub totals: Vec<Row<Total>>,
    pub revaluation_journal: Vec<Row<RevaluationLine>>,
    pub revaluable: Vec<Row<Revaluable>>,
    pub application_entries: Vec<Row<ApplicationCount>>,
    pub avg_cost_entry_points: Vec<Row<EntryPoint>>,
    pub inventory_periods: Vec<Row<Period>>,
    pub gl_mapping: Vec<Row<GlMapping>>,
    pub order_lines: Vec<Row<OrderLine>>,
    pub documents: Vec<Row<DocumentState>>,
    pub value_flags: Vec<Row<ValueFlag>>,
    pub settings: BTreeMap<String, Value>,
    pub absent: Vec<Row<Absent>>,
    pub pick_totals: Vec<Row<PickTotal>>,
    pub pick_lines: Vec<Row<ActivityLine>>,
    pub put_away_lines: Vec<Row<ActivityLine>>,
    pub pick_lines_complete: bool,
    pub put_away_lines_complete: bool,
    pub reservations: Vec<Row<Reservation>>,
    pub inventory: Vec<Row<OnHand>>,
    pub bin_contents: Vec<Row<BinContent>>,
    pub item_ledger_entries_find: Vec<Row<FoundEntry>>,
    pub phys_order_lines: Vec<Row<PhysLine>>,
    pub phys_order_lines_complete: bool,
    pub phys_order_line_count: Vec<Row<PhysLineCount>>,
    pub phys_order_lines_all: Option<Row<PhysLinesAll>>,
    pub posted_phys_order_lines: Vec<Row<PostedPhysLine>>,
    pub phys_duplicates: Vec<Row<PhysDuplicate>>,
    pub availability_by_lot: Vec<Row<LotAvailability>>,
    pub base_quantity: Vec<Row<BaseQuantity>>,
}
