//! Which dimension set an entry carries (COSTING 2.4).
//!
//! | what | its set |
//! |---|---|
//! | entry of a journal or a document | what is proposed, and over it what the document, its line and the posting say |
//! | increase of a transfer | that of its decrease, and over it what the line says of the new place |
//! | undo, correction, return that names what it takes back | that of the entry that it takes back, and over it what its line says |
//! | invoice, charge, revaluation of an entry | that of the entry, and over it what they say |
//! | adjustment, rounding | that of the value entry that it corrects |
//! | entry of the general ledger | that of its value entry |
//!
//! Proposals, weakest first: location, vendor or customer, item; for capacity the item that it is used
//! for, then the capacity. What goes to another location is proposed what the place that it comes from
//! says.

use std::sync::Arc;

use protocol::operation::DocumentKind;
use protocol::words::{DocumentNo, ItemNo, LocationCode, PartnerNo};
use serde::{Deserialize, Serialize};

use crate::command::{malformed, not_found};
use crate::lookup;
use crate::posting::entry::Supply;
use crate::posting::{EntryLine, Posting, Stop};
pub use crate::schema::dimension::Dimensions;
use crate::schema::dimension::{
    DefaultDimensions, DimensionSetNumbers, DimensionSets, DocumentDimensions,
};
use crate::schema::document::Documents;
use crate::schema::entry::{EntryType, ItemLedgerEntry};
use crate::schema::item::Items;
use crate::schema::order::CapacityKind;
use crate::schema::place::Locations;
use crate::schema::{Counter, EntryNo, ItemId, LocationId, next_number};
use crate::tables::{Read as _, Tables};

/// A master record that proposes dimensions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DimensionsOf {
    /// An item.
    Item(ItemNo),
    /// A location.
    Location(LocationCode),
    /// A vendor.
    Vendor(PartnerNo),
    /// A customer.
    Customer(PartnerNo),
    /// A resource.
    Resource(String),
    /// A work center.
    WorkCenter(String),
    /// A machine center.
    MachineCenter(String),
}

impl DimensionsOf {
    /// Its kind in keys, and its code.
    pub fn key(&self) -> (u8, String) {
        match self {
            Self::Item(no) => (1, no.to_string()),
            Self::Location(code) => (2, code.to_string()),
            Self::Vendor(no) => (3, no.to_string()),
            Self::Customer(no) => (4, no.to_string()),
            Self::Resource(code) => (5, code.clone()),
            Self::WorkCenter(code) => (6, code.clone()),
            Self::MachineCenter(code) => (7, code.clone()),
        }
    }

    /// The record of a key.
    pub fn from_key((kind, code): &(u8, String)) -> Option<Self> {
        Some(match kind {
            1 => Self::Item(ItemNo::new(code).ok()?),
            2 => Self::Location(LocationCode::new(code).ok()?),
            3 => Self::Vendor(PartnerNo::new(code).ok()?),
            4 => Self::Customer(PartnerNo::new(code).ok()?),
            5 => Self::Resource(code.clone()),
            6 => Self::WorkCenter(code.clone()),
            7 => Self::MachineCenter(code.clone()),
            _ => return None,
        })
    }

    /// The word for its kind, in files.
    pub const fn kind_word(&self) -> &'static str {
        match self {
            Self::Item(_) => "item",
            Self::Location(_) => "location",
            Self::Vendor(_) => "vendor",
            Self::Customer(_) => "customer",
            Self::Resource(_) => "resource",
            Self::WorkCenter(_) => "work_center",
            Self::MachineCenter(_) => "machine_center",
        }
    }

    fn of_capacity(kind: CapacityKind, code: &str) -> Self {
        match kind {
            CapacityKind::Resource => Self::Resource(code.to_owned()),
            CapacityKind::WorkCenter => Self::WorkCenter(code.to_owned()),
            CapacityKind::MachineCenter => Self::MachineCenter(code.to_owned()),
        }
    }
}

/// Says what is proposed for entries of a master record, instead of what was said before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutDefaultDimensions {
    /// The record.
    pub of: DimensionsOf,
    /// What is proposed; nothing takes the proposal away.
    #[serde(default)]
    pub dimensions: Dimensions,
}

/// Says what entries of a document or of one of its lines carry, whoever posts them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutDocumentDimensions {
    /// The kind of the document.
    pub kind: DocumentKind,
    /// The document.
    pub no: DocumentNo,
    /// The line; 0 for the document as a whole.
    #[serde(default)]
    pub line: u32,
    /// What is said, instead of what was said before.
    #[serde(default)]
    pub dimensions: Dimensions,
}

/// What a set says.
pub fn set_of(tables: &(impl Tables + ?Sized), set: u32) -> Arc<Dimensions> {
    tables.row::<DimensionSets>(&set).unwrap_or_default()
}

/// A set as one line of text; empty for the empty set.
pub fn text_of(tables: &(impl Tables + ?Sized), set: u32) -> String {
    if set == 0 { String::new() } else { set_of(tables, set).to_string() }
}

pub(crate) fn put_default(
    posting: &mut Posting<'_, '_>,
    put: &PutDefaultDimensions,
) -> Result<(), Stop> {
    check(&put.dimensions)?;
    match &put.of {
        DimensionsOf::Item(no) => drop(lookup::item(posting.draft, no).map_err(Stop::Refuse)?),
        DimensionsOf::Location(code) => {
            drop(lookup::location(posting.draft, code).map_err(Stop::Refuse)?);
        }
        DimensionsOf::Vendor(_)
        | DimensionsOf::Customer(_)
        | DimensionsOf::Resource(_)
        | DimensionsOf::WorkCenter(_)
        | DimensionsOf::MachineCenter(_) => {}
    }
    let key = put.of.key();
    if put.dimensions.is_empty() {
        posting.draft.delete::<DefaultDimensions>(&key);
    } else {
        number_of(posting, put.dimensions.clone());
        posting.draft.put::<DefaultDimensions>(&key, put.dimensions.clone());
    }
    Ok(())
}

pub(crate) fn put_document(
    posting: &mut Posting<'_, '_>,
    put: &PutDocumentDimensions,
) -> Result<(), Stop> {
    if !posting.draft.has::<Documents>(&(put.kind, put.no.clone())) {
        return Err(not_found(&put.no));
    }
    say_of_document(posting, &(put.kind, put.no.clone(), put.line), &put.dimensions)
}

/// A document or a line of it says so from now on.
pub(crate) fn say_of_document(
    posting: &mut Posting<'_, '_>,
    key: &(DocumentKind, DocumentNo, u32),
    said: &Dimensions,
) -> Result<(), Stop> {
    check(said)?;
    if said.is_empty() {
        if posting.draft.has::<DocumentDimensions>(key) {
            posting.draft.delete::<DocumentDimensions>(key);
        }
    } else {
        number_of(posting, said.clone());
        posting.draft.put::<DocumentDimensions>(key, said.clone());
    }
    Ok(())
}

/// Whether codes and values can be kept.
///
/// # Errors
///
/// `malformed_request`: a code is empty or has `=`, or it or its value is longer than 20 characters or has
/// `;` or control characters.
pub(crate) fn check(said: &Dimensions) -> Result<(), Stop> {
    if said.is_sound() {
        Ok(())
    } else {
        Err(Stop::Refuse(malformed(
            &"a dimension has a code without =, and both it and its value are short and without ;",
        )))
    }
}

/// The number of a set, given when it is new.
fn number_of(posting: &mut Posting<'_, '_>, said: Dimensions) -> u32 {
    let set = said.settled();
    if set.is_empty() {
        return 0;
    }
    let text = set.to_string();
    if let Some(number) = posting.draft.row::<DimensionSetNumbers>(&text) {
        return *number;
    }
    let next = next_number(posting.draft, Counter::DimensionSet);
    // Four thousand million different sets do not come about.
    let number = u32::try_from(next).unwrap_or(u32::MAX);
    posting.draft.put::<DimensionSets>(&number, set);
    posting.draft.put::<DimensionSetNumbers>(&text, number);
    number
}

/// The set that says what `set` says, and over it `said`.
///
/// # Errors
///
/// As [`check`].
pub(crate) fn with(
    posting: &mut Posting<'_, '_>,
    set: u32,
    said: &Dimensions,
) -> Result<u32, Stop> {
    if said.is_empty() {
        return Ok(set);
    }
    check(said)?;
    let mut all = (*set_of(&*posting.draft, set)).clone();
    all.overlaid(said);
    Ok(number_of(posting, all))
}

/// The set of a new item ledger entry.
///
/// # Errors
///
/// As [`check`].
pub(crate) fn of_entry(
    posting: &mut Posting<'_, '_>,
    line: &EntryLine,
    supply: Supply,
) -> Result<u32, Stop> {
    let said = &line.value;
    if said.dimensions.is_empty() && said.new_dimensions.is_empty() && is_unused(posting) {
        return Ok(0);
    }
    if let Supply::TransferredFrom(leg, _source) = supply {
        let set = posting.entry(leg).dimension_set;
        return with(posting, set, &line.value.new_dimensions);
    }
    if let Some(original) = taken_back(posting, line) {
        return with(posting, original.dimension_set, &line.value.dimensions);
    }
    check(&line.value.dimensions)?;
    let mut all = proposed(posting, line);
    if let Some((kind, no, number)) = &line.document {
        for number in [0, *number] {
            let key = (*kind, no.clone(), number);
            if let Some(said) = posting.draft.row::<DocumentDimensions>(&key) {
                all.overlaid(&said);
            }
        }
    }
    all.overlaid(&line.value.dimensions);
    Ok(number_of(posting, all))
}

/// Whether the company has no dimensions: entries are not looked up for nothing.
fn is_unused(posting: &Posting<'_, '_>) -> bool {
    !posting.draft.has::<crate::schema::book::Counters>(&Counter::DimensionSet.number())
}

/// The entry that a line takes back: the one it corrects, whose cost it brings back, or the purchase
/// that goes back to its vendor.
fn taken_back(posting: &Posting<'_, '_>, line: &EntryLine) -> Option<Arc<ItemLedgerEntry>> {
    let named = if line.applies_from == EntryNo(0) { line.applies_to } else { line.applies_from };
    if named == EntryNo(0) {
        return None;
    }
    let original = posting.entry(named);
    let back = line.correction
        || line.applies_from != EntryNo(0)
        || (line.entry_type == EntryType::Purchase && original.entry_type == EntryType::Purchase);
    back.then_some(original)
}

/// What master records propose for a line, weakest first.
fn proposed(posting: &Posting<'_, '_>, line: &EntryLine) -> Dimensions {
    let mut all = Dimensions::default();
    let header = line
        .document
        .as_ref()
        .and_then(|(kind, no, _line)| posting.draft.row::<Documents>(&(*kind, no.clone())));
    // All legs of a transfer order say what the place says that the goods come from.
    let location = match &header {
        Some(header) if line.entry_type == EntryType::Transfer => header.location,
        _ => line.key.location,
    };
    overlay_location(posting, &mut all, location);
    if let (Some((kind, ..)), Some(header)) = (&line.document, &header)
        && let Some(partner) = &header.partner
    {
        let of = match kind {
            DocumentKind::PurchaseOrder | DocumentKind::PurchaseReturnOrder => {
                DimensionsOf::Vendor(partner.clone())
            }
            DocumentKind::SalesOrder
            | DocumentKind::SalesReturnOrder
            | DocumentKind::TransferOrder
            | DocumentKind::AssemblyOrder
            | DocumentKind::CountOrder => DimensionsOf::Customer(partner.clone()),
        };
        overlay_default(posting, &mut all, &of);
    }
    overlay_item(posting, &mut all, line.key.item);
    all
}

fn overlay_default(posting: &Posting<'_, '_>, all: &mut Dimensions, of: &DimensionsOf) {
    if let Some(row) = posting.draft.row::<DefaultDimensions>(&of.key()) {
        all.overlaid(&row);
    }
}

fn overlay_location(posting: &Posting<'_, '_>, all: &mut Dimensions, location: LocationId) {
    if let Some(row) = posting.draft.row::<Locations>(&location) {
        overlay_default(posting, all, &DimensionsOf::Location(row.code.clone()));
    }
}

fn overlay_item(posting: &Posting<'_, '_>, all: &mut Dimensions, item: ItemId) {
    if let Some(row) = posting.draft.row::<Items>(&item) {
        overlay_default(posting, all, &DimensionsOf::Item(row.no.clone()));
    }
}

/// The set of a new capacity ledger entry, used for `item`.
///
/// # Errors
///
/// As [`check`].
pub(crate) fn of_capacity(
    posting: &mut Posting<'_, '_>,
    (kind, code): (CapacityKind, &str),
    item: ItemId,
    said: &Dimensions,
) -> Result<u32, Stop> {
    if said.is_empty() && is_unused(posting) {
        return Ok(0);
    }
    check(said)?;
    let mut all = Dimensions::default();
    overlay_item(posting, &mut all, item);
    overlay_default(posting, &mut all, &DimensionsOf::of_capacity(kind, code));
    all.overlaid(said);
    Ok(number_of(posting, all))
}

#[cfg(test)]
mod tests;
