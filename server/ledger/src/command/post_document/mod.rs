//! Posting of purchase and sales documents: receive or ship, invoice, both, or each in parts; charges;
//! undo of what is not invoiced (COSTING 6.3, 6.5, 12).
//!
//! Order of reading: this file, [`line`] (what a line hands over), [`piece`] (the entries that it becomes,
//! and what they cost), [`charge`], [`undo`].

mod charge;
mod line;
mod piece;
mod undo;

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::feed::DocumentStatus;
use protocol::operation::DocumentKind;
use protocol::outcome::Reason;
use protocol::quantity::Quantity;
use protocol::words::{
    BinCode, DocumentNo, ItemNo, LocationCode, PartnerNo, UnitCode, VariantCode,
};
use serde::{Deserialize, Serialize};

use crate::command::journal::JournalTracking;
use crate::command::malformed;
use crate::dimension::{self, Dimensions};
use crate::lookup;
use crate::money::UnitAmount;
use crate::period;
use crate::posting::{Posting, Stop};
use crate::schema::document::{Document, DocumentLines, Documents};
use crate::schema::posted::{LineTerms, LinesTerms, PostedLine, PostedLines, PostingCounts};
use crate::schema::{EntryNo, LocationId};
use crate::tables::Read as _;

pub use charge::{ChargeSplit, ChargeTarget, PostCharge};
pub use undo::{UndoEntry, UndoPosted};
pub(crate) use undo::{undo, undo_entry};

/// A line of a posting. Quantities are in the unit of the line; a negative line moves the other way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostLine {
    /// Its number.
    pub line: u32,
    /// The item.
    pub item: ItemNo,
    /// Its variant.
    #[serde(default)]
    pub variant: Option<VariantCode>,
    /// Where; none for the blank location.
    #[serde(default)]
    pub location: Option<LocationCode>,
    /// The bin, at a location with bins.
    #[serde(default)]
    pub bin: Option<BinCode>,
    /// The unit; the base unit when left out.
    #[serde(default)]
    pub unit: Option<UnitCode>,
    /// How much is ordered; left out: what the line says, or for a new line what is posted.
    #[serde(default)]
    pub ordered: Option<Quantity>,
    /// Received or shipped with this posting.
    #[serde(default)]
    pub handle: Quantity,
    /// Invoiced with this posting.
    #[serde(default)]
    pub invoice: Quantity,
    /// Direct unit cost or price; left out: what the line says.
    #[serde(default)]
    pub unit_amount: Option<UnitAmount>,
    /// Discount in percent of that; left out: what the line says.
    #[serde(default)]
    pub discount_percent: Option<Quantity>,
    /// Lots and serials of what is handled, in base units.
    #[serde(default)]
    pub tracking: Vec<JournalTracking>,
    /// The entry that it is applied to; 0 for none.
    #[serde(default)]
    pub applies_to: EntryNo,
    /// The decrease that it takes its cost from; 0 for none.
    #[serde(default)]
    pub applies_from: EntryNo,
    /// What is said of the dimensions of its entries.
    #[serde(default)]
    pub dimensions: Dimensions,
}

/// Makes or changes a purchase or sales document as its lines say, and posts what they hand over and
/// invoice: all or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostDocument {
    /// Its kind: purchase or sales order or return order.
    pub kind: DocumentKind,
    /// Its number.
    pub no: DocumentNo,
    /// The date for the accounts.
    pub date: NaiveDate,
    /// Vendor or customer.
    #[serde(default)]
    pub partner: Option<PartnerNo>,
    /// General business posting group.
    #[serde(default)]
    pub business_group: String,
    /// The lines that are posted.
    #[serde(default)]
    pub lines: Vec<PostLine>,
    /// Charges.
    #[serde(default)]
    pub charges: Vec<PostCharge>,
    /// What is said of the dimensions of its entries.
    #[serde(default)]
    pub dimensions: Dimensions,
}

/// Prices and places of document lines, for what devices receive and ship on them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutLineTerms {
    /// The kind of the document.
    pub kind: DocumentKind,
    /// The document.
    pub no: DocumentNo,
    /// The line.
    pub line: u32,
    /// Direct unit cost or price, per unit of the line.
    pub unit_amount: UnitAmount,
    /// Discount in percent of that; left out: what the line says.
    #[serde(default)]
    pub discount_percent: Option<Quantity>,
    /// General business posting group.
    #[serde(default)]
    pub business_group: String,
}

const fn is_purchase(kind: DocumentKind) -> bool {
    matches!(kind, DocumentKind::PurchaseOrder | DocumentKind::PurchaseReturnOrder)
}

const fn is_return(kind: DocumentKind) -> bool {
    matches!(kind, DocumentKind::PurchaseReturnOrder | DocumentKind::SalesReturnOrder)
}

/// Whether a positive line of the document brings goods in.
const fn brings_in(kind: DocumentKind) -> bool {
    matches!(kind, DocumentKind::PurchaseOrder | DocumentKind::SalesReturnOrder)
}

pub(crate) fn post(posting: &mut Posting<'_, '_>, put: &PostDocument) -> Result<(), Stop> {
    period::check_posting(posting, put.date)?;
    if !is_purchase(put.kind)
        && !matches!(put.kind, DocumentKind::SalesOrder | DocumentKind::SalesReturnOrder)
    {
        return Err(Stop::Refuse(malformed(
            &"only purchase and sales documents are posted like this",
        )));
    }
    put_header(posting, put);
    say_dimensions(posting, put)?;
    let counts = (put.kind, put.no.clone());
    let number = posting.draft.row::<PostingCounts>(&counts).map_or(0, |count| *count);
    let number = number.saturating_add(1);
    let mut handled = false;
    let mut posted = Vec::new();
    let mut lines: Vec<&PostLine> = put.lines.iter().collect();
    lines.sort_by_key(|line| line.line);
    for line in lines {
        let line = line::resolve(posting, put, line)?;
        let entries = piece::post_line(posting, put, &line)?;
        if line.handle.is_positive() {
            handled = true;
            let row = PostedLine {
                entries: entries.clone(),
                date: put.date,
                quantity: line.handle,
                undone: false,
                written: posting.written(),
            };
            let key = (put.kind, put.no.clone(), number, line.put.line);
            posting.draft.put::<PostedLines>(&key, row);
        }
        posted.push((line.put.line, entries));
    }
    if handled {
        posting.draft.put::<PostingCounts>(&counts, number);
    }
    for charge in &put.charges {
        charge::post(posting, put, charge, &posted)?;
    }
    Ok(())
}

/// The header, made when it is new. The document as a whole belongs to the place of its first line.
fn put_header(posting: &mut Posting<'_, '_>, put: &PostDocument) {
    let key = (put.kind, put.no.clone());
    if posting.draft.has::<Documents>(&key) {
        return;
    }
    let location = put
        .lines
        .iter()
        .find_map(|line| line.location.as_ref())
        .and_then(|code| lookup::location(posting.draft, code).ok())
        .map_or(LocationId(0), |(id, _row)| id);
    let row = Document {
        status: DocumentStatus::Released,
        status_since: posting.act.at,
        partner: put.partner.clone(),
        partner_name: String::new(),
        location,
        to_location: None,
        in_transit: None,
        due: None,
        document_date: Some(put.date),
        may_reopen: false,
        closed_by_lines: false,
        provisional: false,
        written: posting.written(),
    };
    posting.draft.put::<Documents>(&key, row);
}

/// What the document and its lines say of dimensions; where they say nothing, what they said before stays.
fn say_dimensions(posting: &mut Posting<'_, '_>, put: &PostDocument) -> Result<(), Stop> {
    let document = [(0, &put.dimensions)];
    let lines = put.lines.iter().map(|line| (line.line, &line.dimensions));
    for (line, said) in document.into_iter().chain(lines) {
        if !said.is_empty() {
            let key = (put.kind, put.no.clone(), line);
            dimension::say_of_document(posting, &key, said)?;
        }
    }
    Ok(())
}

pub(crate) fn put_terms(posting: &mut Posting<'_, '_>, put: &PutLineTerms) -> Result<(), Stop> {
    let key = (put.kind, put.no.clone(), put.line);
    if !posting.draft.has::<DocumentLines>(&key) {
        return Err(Stop::Refuse(Reason::new(Code::DocumentLineUnknown).word("document", &put.no)));
    }
    let before = posting.draft.row::<LinesTerms>(&key).map(|row| (*row).clone());
    let before = before.unwrap_or_default();
    let row = LineTerms {
        unit_amount: put.unit_amount,
        discount_percent: line::discount(put.discount_percent, &before)?,
        business_group: put.business_group.clone(),
        ..before
    };
    posting.draft.put::<LinesTerms>(&key, row);
    Ok(())
}

#[cfg(test)]
mod tests;
