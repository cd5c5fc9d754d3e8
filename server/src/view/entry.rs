//! The ledgers: item ledger entries, warehouse entries, and the way from an operation to both.

use chrono::NaiveDate;
use ledger::key::KeyRange;
use ledger::schema::entry::{
    EntryReason, EntryType, ItemLedger, ItemLedgerByItem, ItemLedgerEntry, ItemLedgerStates,
    PostedBy, WarehouseByStock, WarehouseEntry, WarehouseEntryType, WarehouseLedger,
};
use ledger::schema::{EntryNo, ItemId, StockKey};
use ledger::tables::{Read as _, Tables};
use protocol::identity::{Lsn, OperationId, ServerTime};
use protocol::quantity::Quantity;
use serde::Serialize;

use super::names::{Names, StockName, TrackingName};
use super::page::{Page, PageQuery, descending};

/// An item ledger entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ItemEntryView {
    /// Its number.
    pub entry: u64,
    /// Its type.
    pub entry_type: &'static str,
    /// Why, where the type does not say it.
    pub reason: &'static str,
    /// The item.
    pub item: String,
    /// The variant.
    pub variant: Option<String>,
    /// The location.
    pub location: String,
    /// Lot, serial, package.
    pub tracking: TrackingName,
    /// Signed: positive into stock.
    pub quantity: Quantity,
    /// Not yet applied.
    pub remaining: Quantity,
    /// The date for the accounts.
    pub posting_date: NaiveDate,
    /// When it was done.
    pub tau: ServerTime,
    /// The document, as `kind number/line`.
    pub document: Option<String>,
    /// The entry that it was told to apply to, or to take its cost from.
    pub applies_to: Option<u64>,
    /// It corrects another entry.
    pub correction: bool,
    /// Its dimensions, as `CODE=VALUE; …`.
    pub dimensions: String,
    /// Who did it.
    pub operator: Option<String>,
    /// The operation behind it.
    pub operation: String,
    /// The decision that wrote it.
    pub lsn: Lsn,
}

/// A warehouse entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WarehouseEntryView {
    /// Its number.
    pub entry: u64,
    /// `positive`, `negative` or `movement`.
    pub entry_type: &'static str,
    /// Why.
    pub reason: &'static str,
    /// Where and what.
    #[serde(flatten)]
    pub name: StockName,
    /// Signed, in base units.
    pub quantity: Quantity,
    /// When it was done.
    pub tau: ServerTime,
    /// The document.
    pub document: Option<String>,
    /// The item ledger entry that was posted with it.
    pub item_entry: Option<u64>,
    /// Who did it.
    pub operator: Option<String>,
    /// The operation behind it.
    pub operation: String,
    /// The decision that wrote it.
    pub lsn: Lsn,
}

/// What one operation posted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct PostedView {
    /// Its item ledger entries.
    pub item_entries: Vec<ItemEntryView>,
    /// Its warehouse entries.
    pub warehouse_entries: Vec<WarehouseEntryView>,
    /// The operation that undid it.
    pub undone_by: Option<String>,
}

/// The type of an entry, in words.
pub const fn type_word(entry_type: EntryType) -> &'static str {
    match entry_type {
        EntryType::Purchase => "purchase",
        EntryType::Sale => "sale",
        EntryType::PositiveAdjustment => "positive_adjustment",
        EntryType::NegativeAdjustment => "negative_adjustment",
        EntryType::Transfer => "transfer",
        EntryType::Consumption => "consumption",
        EntryType::Output => "output",
        EntryType::AssemblyConsumption => "assembly_consumption",
        EntryType::AssemblyOutput => "assembly_output",
    }
}

/// The reason of an entry, in words.
pub const fn reason_word(reason: EntryReason) -> &'static str {
    match reason {
        EntryReason::Ordinary => "ordinary",
        EntryReason::Opening => "opening",
        EntryReason::CountDifference => "count_difference",
        EntryReason::CountCorrection => "count_correction",
        EntryReason::CountTakenOut => "count_taken_out",
        EntryReason::Undo => "undo",
        EntryReason::CaseDecision => "case_decision",
        EntryReason::ProvisionalTransfer => "provisional_transfer",
        EntryReason::Sighting => "sighting",
    }
}

fn some_entry(no: EntryNo) -> Option<u64> {
    (no != EntryNo(0)).then_some(no.0)
}

fn document_word(
    document: Option<&(protocol::operation::DocumentKind, protocol::words::DocumentNo, u32)>,
) -> Option<String> {
    let kind_word = super::document::kind_word;
    document.map(|(kind, no, line)| match line {
        0 => format!("{} {no}", kind_word(*kind)),
        line => format!("{} {no}/{line}", kind_word(*kind)),
    })
}

fn item_view(tables: &dyn Tables, no: EntryNo, row: &ItemLedgerEntry) -> ItemEntryView {
    let names = Names(tables);
    let state = tables.row::<ItemLedgerStates>(&no);
    ItemEntryView {
        entry: no.0,
        entry_type: type_word(row.entry_type),
        reason: reason_word(row.reason),
        item: names.item(row.item).0,
        variant: names.variant(row.variant),
        location: names.location(row.location),
        tracking: names.tracking(row.tracking),
        quantity: row.quantity,
        remaining: state.map(|state| state.remaining).unwrap_or_default(),
        posting_date: row.posting_date,
        tau: row.order.tau,
        document: document_word(row.document.as_ref()),
        applies_to: some_entry(row.applies_to),
        correction: row.correction,
        dimensions: ledger::dimension::text_of(tables, row.dimension_set),
        operator: row.operator.as_ref().map(ToString::to_string),
        operation: row.written.operation.to_string(),
        lsn: row.written.lsn,
    }
}

fn warehouse_view(tables: &dyn Tables, no: EntryNo, row: &WarehouseEntry) -> WarehouseEntryView {
    WarehouseEntryView {
        entry: no.0,
        entry_type: match row.entry_type {
            WarehouseEntryType::Positive => "positive",
            WarehouseEntryType::Negative => "negative",
            WarehouseEntryType::Movement => "movement",
        },
        reason: reason_word(row.reason),
        name: Names(tables).stock(&row.key),
        quantity: row.quantity,
        tau: row.order.tau,
        document: document_word(row.document.as_ref()),
        item_entry: some_entry(row.item_ledger_entry),
        operator: row.operator.as_ref().map(ToString::to_string),
        operation: row.written.operation.to_string(),
        lsn: row.written.lsn,
    }
}

/// Item ledger entries, the newest first; of one item where one is named.
pub fn item_entries(
    tables: &dyn Tables,
    item: Option<ItemId>,
    query: &PageQuery,
) -> Page<ItemEntryView> {
    let Some(item) = item else {
        return descending::<ItemLedger, _>(tables, KeyRange::all(), query, |no, row| {
            Some(item_view(tables, no, &row))
        });
    };
    let range = KeyRange::prefix(&(item,));
    descending::<ItemLedgerByItem, _>(tables, range, query, |(_item, no), _row| {
        tables.row::<ItemLedger>(&no).map(|row| item_view(tables, no, &row))
    })
}

/// Warehouse entries, the newest first.
pub fn warehouse_entries(tables: &dyn Tables, query: &PageQuery) -> Page<WarehouseEntryView> {
    descending::<WarehouseLedger, _>(tables, KeyRange::all(), query, |no, row| {
        Some(warehouse_view(tables, no, &row))
    })
}

/// Where a figure comes from: the warehouse entries of a stock key, the latest act first.
pub fn provenance(
    tables: &dyn Tables,
    key: StockKey,
    query: &PageQuery,
) -> Page<WarehouseEntryView> {
    let range = KeyRange::prefix(&(key,));
    descending::<WarehouseByStock, _>(tables, range, query, |(_key, _order, no), _quantity| {
        tables.row::<WarehouseLedger>(&no).map(|row| warehouse_view(tables, no, &row))
    })
}

/// What `operation` posted.
pub fn posted_by(tables: &dyn Tables, operation: OperationId) -> PostedView {
    let Some(posted) = tables.row::<PostedBy>(&operation) else { return PostedView::default() };
    let item = |no: &EntryNo| tables.row::<ItemLedger>(no).map(|row| item_view(tables, *no, &row));
    let warehouse = |no: &EntryNo| {
        tables.row::<WarehouseLedger>(no).map(|row| warehouse_view(tables, *no, &row))
    };
    PostedView {
        item_entries: posted.item_ledger.iter().filter_map(item).collect(),
        warehouse_entries: posted.warehouse.iter().filter_map(warehouse).collect(),
        undone_by: posted.undone_by.map(|by| by.to_string()),
    }
}
