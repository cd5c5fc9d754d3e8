//! What a step of the document schema may do. Field for field the tables of its schema.

use chrono::NaiveDate;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::vectors::costing::{ExpectedError, Per, PostingMethod};
use crate::vectors::json::{Dec, Int, knows};

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident { $($field:ident $(($text:literal))?: $type:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        #[allow(missing_docs, reason = "the fields are those of the schema")]
        pub struct $name { $($(#[serde(rename = $text)])? pub $field: $type,)* }
    )*};
}

fields! {
    /// A line of a document.
    Line {
        line: Option<Int>, item: Option<String>, variant: Option<String>,
        location: Option<String>, bin: Option<String>, uom: Option<String>, qty: Option<Dec>,
        receive: Option<Dec>, ship: Option<Dec>, invoice: Option<Dec>,
        direct_unit_cost: Option<Dec>, unit_price: Option<Dec>, applies_to_ile: Option<Int>,
        applies_from_ile: Option<Int>, applies_to_step: Option<String>, tracking: Vec<TrackingLine>,
        reserved_in_two_parts: Option<[Dec; 2]>, charge: Option<String>, unit_amount: Option<Dec>,
        assign: Vec<Assign>,
    }
    /// Lots and serials of a line.
    TrackingLine {
        lot_no: Option<String>, serial_no: Option<String>, expiration_date: Option<NaiveDate>,
        qty: Option<Dec>, new_lot_no: Option<String>, new_serial_no: Option<String>,
        new_expiration_date: Option<NaiveDate>,
    }
    /// To which line a charge goes.
    Assign {
        to: Option<AssignTo>, document: Option<String>, posting_no: Option<Int>,
        line: Option<Int>, qty: Option<Dec>,
    }
    /// `purchase`, `sale`, `purchase_return`, `sale_return`.
    Document {
        document: String, document_type: Option<DocumentType>, date: Option<NaiveDate>,
        lines: Vec<Line>,
    }
    /// `undo_receipt`, `undo_shipment`, `undo_return_receipt`.
    Undo { document: String, posting_no: Option<Int>, line: Option<Int> }
    /// `modify_order_line`.
    ModifyLine {
        document: String, line: Option<Int>, qty: Option<Dec>, direct_unit_cost: Option<Dec>,
        unit_price: Option<Dec>, location: Option<String>, variant: Option<String>,
        bin: Option<String>, item: Option<String>, uom: Option<String>, set: Option<LineValues>,
    }
    /// New values of a line.
    LineValues {
        qty: Option<Dec>, direct_unit_cost: Option<Dec>, unit_price: Option<Dec>,
        location: Option<String>, variant: Option<String>, bin: Option<String>,
        item: Option<String>, uom: Option<String>,
    }
    /// `modify_order_header`.
    ModifyHeader { document: String, set: HeaderValues }
    /// New values of a header.
    HeaderValues {
        customer: Option<String>, vendor: Option<String>, location: Option<String>,
        date: Option<NaiveDate>, to_location: Option<String>, from_location: Option<String>,
    }
    /// `purchase_order`, `sales_order`.
    Order {
        document: String, date: Option<NaiveDate>, customer: Option<String>,
        vendor: Option<String>, lines: Vec<Line>, release: Option<bool>,
    }
    /// `transfer_order`.
    TransferOrder {
        document: String, date: Option<NaiveDate>, to_location: Option<String>,
        in_transit: Option<String>, lines: Vec<Line>, release: Option<bool>,
    }
    /// `internal_pick`.
    InternalPick {
        document: String, date: Option<NaiveDate>, to_bin: Option<String>,
        location: Option<String>, lines: Vec<Line>,
    }
    /// `release` and other steps that only name a document.
    OfDocument { document: String }
    /// `reserve`.
    ReserveLine { document: String, line: Option<Int>, qty: Option<Dec> }
    /// A journal line: `positive_adjustment`, `negative_adjustment`, `purchase_journal`,
    /// `sale_journal`.
    Journal {
        date: Option<NaiveDate>, item: String, variant: Option<String>, location: Option<String>,
        bin: Option<String>, uom: Option<String>, qty: Option<Dec>, unit_cost: Option<Dec>,
        amount: Option<Dec>, unit_price: Option<Dec>, applies_to_ile: Option<Int>,
        applies_from_ile: Option<Int>, tracking: Vec<TrackingLine>,
    }
    /// `reclass`.
    Reclass {
        date: Option<NaiveDate>, item: String, variant: Option<String>, location: Option<String>,
        new_location: Option<String>, bin: Option<String>, new_bin: Option<String>,
        uom: Option<String>, qty: Option<Dec>, unit_cost: Option<Dec>, amount: Option<Dec>,
        unit_price: Option<Dec>, applies_to_ile: Option<Int>, applies_from_ile: Option<Int>,
        tracking: Vec<TrackingLine>,
    }
    /// `transfer_ship`.
    TransferShip {
        document: String, date: Option<NaiveDate>, from_location: Option<String>,
        to_location: Option<String>, in_transit: Option<String>, lines: Vec<Line>,
    }
    /// `transfer_receive`.
    TransferReceive { document: String, date: Option<NaiveDate>, lines: Vec<Line> }
    /// `adjust_cost`.
    AdjustCost {
        item: Option<String>, until_valuation_date: Option<NaiveDate>, location: Option<String>,
        variant: Option<String>,
    }
    /// `post_cost_to_gl`.
    PostCostToGl { method: Option<PostingMethod> }
    /// Which stock is calculated.
    Filters { item: Option<String>, location: Option<String>, variant: Option<String> }
    /// `calculate_inventory_value`.
    Calculate {
        date: Option<NaiveDate>, per: Option<Per>, by_location: bool, by_variant: bool,
        filters: Filters,
    }
    /// A line of a calculation that gets a new value.
    RevaluedLine { journal_line: Option<Int>, inventory_value_revalued: Option<Dec> }
    /// `revaluation`.
    Revaluation {
        item: Option<String>, date: Option<NaiveDate>, per: Option<Per>,
        applies_to_ile: Option<Int>, unit_cost_revalued: Option<Dec>,
        inventory_value_revalued: Option<Dec>, from_calculation: Option<String>,
        lines: Vec<RevaluedLine>, all_lines_unit_cost_revalued: Option<Dec>,
        location: Option<String>, variant: Option<String>,
    }
    /// `close_period`, `reopen_period`.
    Period { ending_date: Option<NaiveDate> }
    /// `create_fiscal_year`.
    FiscalYear {
        start_date: Option<NaiveDate>, periods: Option<Int>, period_length: Option<String>,
    }
    /// A step without fields.
    Nothing {}
    /// `set_setting`.
    SetSetting { name: String, value: Value, unchecked: bool }
    /// `set_item`.
    SetItem { item: String, standard_cost: Option<Dec>, set: Option<ItemValues> }
    /// New values of an item card.
    ItemValues {
        blocked: Option<bool>, standard_cost: Option<Dec>, unit_cost: Option<Dec>,
        last_direct_cost: Option<Dec>, overhead_rate: Option<Dec>, indirect_cost_pct: Option<Dec>,
        costing_method: Option<crate::vectors::settings::Costing>,
        prevent_negative_inventory: Option<super::PreventNegative>,
        reserve: Option<super::Reserve>, variant_mandatory: Option<bool>,
    }
    /// `whse_receipt_create`, `whse_receipt_post`, `whse_shipment_create`, `pick_create`, …
    OfSource { source: String, bin: Option<String>, qty: Option<Dec> }
    /// `put_away_register`.
    PutAwayRegister { source: String, qty: Option<Dec>, place_bin: Option<String> }
    /// `bin_content_set`.
    BinContent {
        item: Option<String>, location: Option<String>, bin: Option<String>,
        default("default"): Option<bool>, fixed: Option<bool>, max_qty: Option<Dec>,
        block_movement: Option<Value>, clear_default: Option<bool>,
    }
    /// `delete_bin`.
    DeleteBin { location: String, bin: String }
    /// `block_tracking`.
    BlockTracking { item: String, lot_no: Option<String>, serial_no: Option<String> }
    /// `base_quantity`.
    BaseQuantity { item: String, uom: Option<String>, qty: Option<Dec> }
    /// `phys_order_create`.
    PhysCreate {
        document: String, date: Option<NaiveDate>, location: Option<String>, bin: Option<String>,
    }
    /// `phys_order_calc_lines`.
    PhysLines {
        document: String, item: Option<String>, location: Option<String>,
        location_filter: Option<String>, calc_expected: Option<bool>,
        include_items_without_transactions: Option<bool>,
    }
    /// `phys_order_calc_bins`.
    PhysBins { document: String, location: Option<String>, bin: Option<String> }
    /// `phys_order_line_add`.
    PhysLineAdd {
        document: String, item: Option<String>, location: Option<String>, bin: Option<String>,
        variant: Option<String>,
    }
    /// A line of a recording.
    RecordedLine {
        item: Option<String>, location: Option<String>, bin: Option<String>,
        lot_no: Option<String>, serial_no: Option<String>, qty: Option<Dec>,
        variant: Option<String>,
    }
    /// `phys_recording`.
    PhysRecording {
        document: String, recording: Option<Int>, lines: Vec<RecordedLine>,
        allow_recording_without_order: Option<bool>,
    }
    /// `phys_recording_finish`.
    PhysRecordingFinish { document: String, recording: Option<Int> }
}

/// To what a charge is assigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssignTo {
    /// A line that is posted in the same step.
    DocumentLine,
    /// A line that was posted before.
    PostedDocument,
}

/// How a document is handled and invoiced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of the schema")]
pub enum DocumentType {
    Order,
    ReturnOrder,
    Invoice,
    CreditMemo,
}

macro_rules! ops {
    ($($name:literal => $variant:ident($type:ty),)*) => {
        /// What a step does.
        #[derive(Debug, Clone)]
        #[expect(missing_docs, reason = "the names are those of the schema")]
        pub enum Op { $($variant($type),)* }

        impl Op {
            /// The names of all operations.
            pub const NAMES: &'static [&'static str] = &[$($name,)*];

            fn read(name: &str, fields: Value) -> Result<Self, String> {
                match name {
                    $($name => read_fields(fields).map(Self::$variant),)*
                    _ => Err(format!("this runner has no operation {name:?}")),
                }
            }

            /// Whether `op` has an arm for `field`.
            pub fn knows(op: &str, field: &str) -> bool {
                match op {
                    $($name => knows::<$type>(field),)*
                    _ => false,
                }
            }
        }
    };
}

ops! {
    "purchase" => Purchase(Document),
    "sale" => Sale(Document),
    "purchase_return" => PurchaseReturn(Document),
    "sale_return" => SaleReturn(Document),
    "undo_receipt" => UndoReceipt(Undo),
    "undo_shipment" => UndoShipment(Undo),
    "undo_return_receipt" => UndoReturnReceipt(Undo),
    "modify_order_line" => ModifyLine(ModifyLine),
    "modify_order_header" => ModifyHeader(ModifyHeader),
    "purchase_order" => PurchaseOrder(Order),
    "sales_order" => SalesOrder(Order),
    "transfer_order" => TransferOrder(TransferOrder),
    "internal_pick" => InternalPick(InternalPick),
    "release" => Release(OfDocument),
    "reserve" => Reserve(ReserveLine),
    "positive_adjustment" => PositiveAdjustment(Journal),
    "negative_adjustment" => NegativeAdjustment(Journal),
    "purchase_journal" => PurchaseJournal(Journal),
    "sale_journal" => SaleJournal(Journal),
    "reclass" => Reclass(Reclass),
    "transfer_ship" => TransferShip(TransferShip),
    "transfer_receive" => TransferReceive(TransferReceive),
    "adjust_cost" => AdjustCost(AdjustCost),
    "post_cost_to_gl" => PostCostToGl(PostCostToGl),
    "calculate_inventory_value" => Calculate(Calculate),
    "revaluation" => Revaluation(Revaluation),
    "close_period" => ClosePeriod(Period),
    "reopen_period" => ReopenPeriod(Period),
    "create_fiscal_year" => CreateFiscalYear(FiscalYear),
    "close_fiscal_year" => CloseFiscalYear(Nothing),
    "set_setting" => SetSetting(SetSetting),
    "set_item" => SetItem(SetItem),
    "post_value_entry_kinds" => PostValueEntryKinds(Nothing),
    "whse_receipt_create" => WhseReceiptCreate(OfSource),
    "whse_receipt_post" => WhseReceiptPost(OfSource),
    "put_away_register" => PutAwayRegister(PutAwayRegister),
    "whse_shipment_create" => WhseShipmentCreate(OfSource),
    "pick_create" => PickCreate(OfSource),
    "pick_register" => PickRegister(OfSource),
    "inventory_put_away_create" => InventoryPutAwayCreate(OfSource),
    "inventory_put_away_post" => InventoryPutAwayPost(OfSource),
    "inventory_pick_create" => InventoryPickCreate(OfSource),
    "inventory_pick_post" => InventoryPickPost(OfSource),
    "bin_content_set" => BinContentSet(BinContent),
    "delete_bin" => DeleteBin(DeleteBin),
    "block_tracking" => BlockTracking(BlockTracking),
    "base_quantity" => BaseQuantity(BaseQuantity),
    "phys_order_create" => PhysOrderCreate(PhysCreate),
    "phys_order_calc_lines" => PhysOrderCalcLines(PhysLines),
    "phys_order_calc_bins" => PhysOrderCalcBins(PhysBins),
    "phys_order_line_add" => PhysOrderLineAdd(PhysLineAdd),
    "phys_order_show_duplicates" => PhysOrderShowDuplicates(OfDocument),
    "phys_recording" => PhysRecording(PhysRecording),
    "phys_recording_finish" => PhysRecordingFinish(PhysRecordingFinish),
    "phys_order_finish" => PhysOrderFinish(OfDocument),
    "phys_order_post" => PhysOrderPost(OfDocument),
}

fn read_fields<T: DeserializeOwned>(fields: Value) -> Result<T, String> {
    serde_json::from_value(fields).map_err(|error| error.to_string())
}

/// A step.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its name.
    pub id: String,
    /// The refusal it must meet.
    pub expect_error: Option<ExpectedError>,
    /// Refused or done without effect are both right.
    pub may_fail: bool,
    /// The name of what is done.
    pub name: String,
    /// What is done.
    pub op: Op,
}

impl Step {
    /// Reads a step: what it shares with all steps first, then the fields of its operation.
    ///
    /// # Errors
    ///
    /// An operation or a field that this runner lacks, a value that is none.
    pub fn read(value: &Value) -> Result<Self, String> {
        let Value::Object(object) = value else { return Err(format!("{value} is no step")) };
        let mut fields = object.clone();
        let mut take = |key: &str| fields.remove(key).filter(|value| !value.is_null());
        let Some(Value::String(id)) = take("id") else {
            return Err("a step without id".to_owned());
        };
        let Some(Value::String(name)) = take("op") else {
            return Err(format!("step {id}: no operation"));
        };
        // A remark, nothing to execute.
        let _note = take("note");
        let may_fail = take("may_fail").is_some_and(|value| value == Value::Bool(true));
        let expect_error = match take("expect_error") {
            None => None,
            Some(value) => Some(
                read_fields::<ExpectedError>(value)
                    .map_err(|error| format!("step {id}: {error}"))?,
            ),
        };
        let op = Op::read(&name, Value::Object(fields))
            .map_err(|error| format!("step {id} ({name}): {error}"))?;
        Ok(Self { id, expect_error, may_fail, name, op })
    }
}
