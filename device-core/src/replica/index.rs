//! The indexes: what screens and flows look rows up by.
//!
//! An index key is the number of the index and texts with a zero byte behind each; no code of the
//! trade holds a zero byte, so a prefix of whole texts matches exactly those texts.

use std::collections::BTreeSet;

use protocol::feed::{
    BinKind, CaseRow, DocumentLineRow, DocumentStatus, FeedRow, PlateRow, StockRow,
};
use protocol::operation::DocumentKind;
use protocol::words::{BinCode, VariantCode};

use super::INDEX;

/// A way to look rows up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Index {
    /// Items: item.
    Item = 1,
    /// Identifiers: code.
    Identifier = 2,
    /// Locations: location.
    Location = 3,
    /// Bins: location, bin.
    Bin = 4,
    /// Lots: lot, item, variant.
    Lot = 5,
    /// Stock: location, bin.
    StockByBin = 6,
    /// Stock: item, location, bin.
    StockByItem = 7,
    /// Stock: plate.
    StockByPlate = 8,
    /// Plates: plate.
    Plate = 9,
    /// Plates: location, bin.
    PlateByBin = 10,
    /// Plates: the plate below.
    PlateByParent = 11,
    /// Documents: kind, open or done, number.
    Document = 12,
    /// Documents: number, kind.
    DocumentByNo = 13,
    /// Lines: kind, number, line.
    Line = 14,
    /// Tasks: number.
    Task = 15,
    /// Operators: operator.
    Operator = 16,
    /// Operators: hash of the badge in hex.
    Badge = 17,
    /// Cases: open or done, number.
    Case = 18,
    /// Open cases: item of an effect, location, bin.
    CaseByItem = 19,
    /// Open cases: location and bin of an effect.
    CaseByBin = 20,
    /// Holds: location, bin.
    Hold = 21,
    /// The site.
    Site = 22,
    /// Serials in stock: serial, item.
    Serial = 23,
    /// Bins: location, kind, bin.
    BinByKind = 24,
}

/// The word of a kind of document in an index key.
pub(super) const fn kind_word(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::PurchaseOrder => "po",
        DocumentKind::PurchaseReturnOrder => "pr",
        DocumentKind::SalesOrder => "so",
        DocumentKind::SalesReturnOrder => "sr",
        DocumentKind::TransferOrder => "to",
        DocumentKind::AssemblyOrder => "ao",
        DocumentKind::CountOrder => "co",
    }
}

/// The word of a kind of bin in an index key.
pub(super) const fn bin_kind_word(kind: BinKind) -> &'static str {
    match kind {
        BinKind::Storage => "st",
        BinKind::Receipt => "re",
        BinKind::Shipment => "sh",
        BinKind::Question => "qu",
        BinKind::Missing => "mi",
        BinKind::Cart => "ca",
        BinKind::Quarantine => "qa",
        BinKind::Transit => "tr",
        BinKind::Adjustment => "ad",
    }
}

/// The word for something that is still to be done.
pub(super) const OPEN: &str = "1";
/// The word for something that is done.
pub(super) const DONE: &str = "0";

const fn open_word(is_open: bool) -> &'static str {
    if is_open { OPEN } else { DONE }
}

/// Whether people still work on a document of this status.
pub(super) const fn is_open(status: DocumentStatus) -> bool {
    match status {
        DocumentStatus::Released => true,
        DocumentStatus::Open | DocumentStatus::Closed | DocumentStatus::Cancelled => false,
    }
}

/// The index key of `texts`, which is also the prefix of all keys that go on with other texts.
pub(super) fn key(index: Index, texts: &[&str]) -> Vec<u8> {
    let mut bytes = vec![index as u8];
    for text in texts {
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
    }
    bytes
}

/// Where an index key stands in the store, for the row under `row_key`.
pub(super) fn entry_key(generation: u32, index_key: &[u8], row_key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(5 + index_key.len() + row_key.len());
    bytes.push(INDEX);
    bytes.extend_from_slice(&generation.to_be_bytes());
    bytes.extend_from_slice(index_key);
    bytes.extend_from_slice(row_key);
    bytes
}

/// The word for a number in an index key: as long for all, so that they sort.
pub(super) fn number_word(number: u64) -> String {
    format!("{number:020}")
}

/// The word for a hash in an index key.
pub(super) fn hash_word(hash: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(hash)
}

/// Under which index keys a row is found.
pub(super) fn keys_of(row: &FeedRow) -> BTreeSet<Vec<u8>> {
    match row {
        FeedRow::Site(_) => [key(Index::Site, &[])].into(),
        FeedRow::Location(row) => [key(Index::Location, &[row.location.as_str()])].into(),
        FeedRow::Bin(row) => {
            let (location, bin) = (row.location.as_str(), row.bin.as_str());
            let by_kind = key(Index::BinByKind, &[location, bin_kind_word(row.kind), bin]);
            [key(Index::Bin, &[location, bin]), by_kind].into()
        }
        FeedRow::Item(row) => [key(Index::Item, &[row.item.as_str()])].into(),
        FeedRow::Identifier(row) => [key(Index::Identifier, &[row.code.as_str()])].into(),
        FeedRow::Lot(row) => {
            let variant = row.variant.as_ref().map_or("", VariantCode::as_str);
            [key(Index::Lot, &[row.lot.as_str(), row.item.as_str(), variant])].into()
        }
        FeedRow::Stock(row) => stock_keys(row),
        FeedRow::Plate(row) => plate_keys(row),
        FeedRow::Document(row) => {
            let (kind, no) = (kind_word(row.kind), row.no.as_str());
            let open = open_word(is_open(row.status));
            [key(Index::Document, &[kind, open, no]), key(Index::DocumentByNo, &[no, kind])].into()
        }
        FeedRow::DocumentLine(row) => [line_key(row)].into(),
        FeedRow::Task(row) => [key(Index::Task, &[&number_word(row.task.0)])].into(),
        FeedRow::Operator(row) => {
            let mut keys = BTreeSet::from([key(Index::Operator, &[row.operator.as_str()])]);
            keys.extend(row.badge_hash.iter().map(|hash| key(Index::Badge, &[&hash_word(hash)])));
            keys
        }
        FeedRow::Case(row) => case_keys(row),
        FeedRow::Hold(row) => {
            let bin = row.stock.bin.as_ref().map_or("", BinCode::as_str);
            [key(Index::Hold, &[row.stock.location.as_str(), bin])].into()
        }
    }
}

fn stock_keys(row: &StockRow) -> BTreeSet<Vec<u8>> {
    let (item, location) = (row.item.as_str(), row.location.as_str());
    let bin = row.bin.as_ref().map_or("", BinCode::as_str);
    let mut keys = BTreeSet::from([
        key(Index::StockByBin, &[location, bin]),
        key(Index::StockByItem, &[item, location, bin]),
    ]);
    keys.extend(row.plate.iter().map(|plate| key(Index::StockByPlate, &[plate.as_str()])));
    let serial = row.tracking.serial.as_ref();
    keys.extend(serial.map(|serial| key(Index::Serial, &[serial.as_str(), item])));
    keys
}

fn plate_keys(row: &PlateRow) -> BTreeSet<Vec<u8>> {
    let bin = row.bin.as_ref().map_or("", BinCode::as_str);
    let mut keys = BTreeSet::from([
        key(Index::Plate, &[row.plate.as_str()]),
        key(Index::PlateByBin, &[row.location.as_str(), bin]),
    ]);
    keys.extend(row.parent.iter().map(|parent| key(Index::PlateByParent, &[parent.as_str()])));
    keys
}

fn line_key(row: &DocumentLineRow) -> Vec<u8> {
    let line = number_word(u64::from(row.line));
    key(Index::Line, &[kind_word(row.kind), row.no.as_str(), &line])
}

fn case_keys(row: &CaseRow) -> BTreeSet<Vec<u8>> {
    let number = number_word(row.case.0);
    let mut keys = BTreeSet::from([key(Index::Case, &[open_word(row.open), &number])]);
    if row.open {
        for effect in &row.effects {
            let bin = effect.bin.as_ref().map_or("", BinCode::as_str);
            let (item, location) = (effect.item.as_str(), effect.location.as_str());
            keys.insert(key(Index::CaseByItem, &[item, location, bin]));
            keys.insert(key(Index::CaseByBin, &[location, bin]));
        }
    }
    keys
}
