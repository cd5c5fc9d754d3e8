//! Documents and their lines.

use chrono::NaiveDate;
use ledger::key::KeyRange;
use ledger::schema::LocationId;
use ledger::schema::document::{Document, DocumentLines, Documents};
use ledger::tables::{Read as _, Tables};
use protocol::feed::DocumentStatus;
use protocol::identity::Lsn;
use protocol::operation::DocumentKind;
use protocol::quantity::Quantity;
use protocol::words::DocumentNo;
use serde::{Deserialize, Serialize};

use super::names::{Names, TrackingName};
use super::page::{Page, PageQuery, ascending, range_of};

/// A document's header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DocumentView {
    /// Its kind.
    pub kind: DocumentKind,
    /// Its number.
    pub no: String,
    /// Where it stands.
    pub status: DocumentStatus,
    /// Number of the vendor or customer.
    pub partner: Option<String>,
    /// Their name.
    pub partner_name: String,
    /// The location that handles it; for a transfer the one that ships.
    pub location: String,
    /// For a transfer: the one that receives.
    pub to_location: Option<String>,
    /// When it is due.
    pub due: Option<NaiveDate>,
    /// The document date.
    pub document_date: Option<NaiveDate>,
    /// Made by the system.
    pub provisional: bool,
    /// The decision that changed it last.
    pub lsn: Lsn,
}

/// A line. Quantities in base units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineView {
    /// Its number.
    pub line: u32,
    /// The item.
    pub item: String,
    /// Its description.
    pub description: String,
    /// The variant.
    pub variant: Option<String>,
    /// The unit that was ordered in.
    pub unit: String,
    /// How many base units that unit holds.
    pub factor: Quantity,
    /// Ordered.
    pub quantity: Quantity,
    /// Received, or shipped.
    pub handled: Quantity,
    /// Picked.
    pub picked: Quantity,
    /// Received at the other end of a transfer.
    pub received: Quantity,
    /// How much more than ordered may be received.
    pub tolerance: Quantity,
    /// The lot or serial that the document fixes.
    pub tracking: TrackingName,
}

/// Which documents are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct DocumentFilter {
    /// Of this kind.
    #[serde(default)]
    pub kind: Option<DocumentKind>,
    /// With this status.
    #[serde(default)]
    pub status: Option<DocumentStatus>,
}

/// A kind of document, in words.
pub const fn kind_word(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::PurchaseOrder => "purchase_order",
        DocumentKind::PurchaseReturnOrder => "purchase_return_order",
        DocumentKind::SalesOrder => "sales_order",
        DocumentKind::SalesReturnOrder => "sales_return_order",
        DocumentKind::TransferOrder => "transfer_order",
        DocumentKind::AssemblyOrder => "assembly_order",
        DocumentKind::CountOrder => "count_order",
    }
}

fn view(names: Names<'_>, kind: DocumentKind, no: &DocumentNo, row: &Document) -> DocumentView {
    DocumentView {
        kind,
        no: no.to_string(),
        status: row.status,
        partner: row.partner.as_ref().map(ToString::to_string),
        partner_name: row.partner_name.clone(),
        location: names.location(row.location),
        to_location: row.to_location.map(|id| names.location(id)),
        due: row.due,
        document_date: row.document_date,
        provisional: row.provisional,
        lsn: row.written.lsn,
    }
}

/// Documents by kind and number, as far as `may_read` lets their locations be seen.
pub fn documents(
    tables: &dyn Tables,
    filter: &DocumentFilter,
    query: &PageQuery,
    may_read: impl Fn(LocationId) -> bool,
) -> Page<DocumentView> {
    let range = range_of(filter.kind.map(|kind| (kind,)).as_ref());
    ascending::<Documents, _>(tables, range, query, |(kind, no), row| {
        let may = may_read(row.location) || row.to_location.is_some_and(&may_read);
        let fits = filter.status.is_none_or(|status| status == row.status);
        (may && fits).then(|| view(Names(tables), kind, &no, &row))
    })
}

/// A document with its lines, and the locations that handle it.
pub fn document(
    tables: &dyn Tables,
    kind: DocumentKind,
    no: &DocumentNo,
) -> Option<(DocumentView, Vec<LineView>, Vec<LocationId>)> {
    let row = tables.row::<Documents>(&(kind, no.clone()))?;
    let names = Names(tables);
    let lines = tables.list::<DocumentLines>(&KeyRange::prefix(&(kind, no.clone())));
    let lines = lines.into_iter().map(|((_kind, _no, line), row)| {
        let (item, description) = names.item(row.item);
        LineView {
            line,
            item,
            description,
            variant: names.variant(row.variant),
            unit: names.unit(row.item, row.unit),
            factor: row.factor.quantity(),
            quantity: row.quantity,
            handled: row.handled,
            picked: row.picked,
            received: row.received,
            tolerance: row.tolerance,
            tracking: names.tracking(row.tracking),
        }
    });
    let places = std::iter::once(row.location).chain(row.to_location).collect();
    Some((view(names, kind, no, &row), lines.collect(), places))
}
