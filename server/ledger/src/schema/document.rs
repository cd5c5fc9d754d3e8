//! Source documents as far as quantities need them: purchase, sales and transfer orders.

use chrono::NaiveDate;
use protocol::feed::DocumentStatus;
use protocol::identity::ServerTime;
use protocol::operation::DocumentKind;
use protocol::quantity::{Quantity, UnitFactor};
use protocol::words::{DocumentNo, PartnerNo};
use serde::{Deserialize, Serialize};

use crate::schema::{
    ItemId, LocationId, OrderKey, SiteId, StockKey, TrackingId, UnitId, VariantId, Written,
};

/// A document's header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Where it stands.
    pub status: DocumentStatus,
    /// When it came to that status.
    pub status_since: ServerTime,
    /// Vendor or customer.
    pub partner: Option<PartnerNo>,
    /// The name of the partner.
    pub partner_name: String,
    /// The location that handles it; for a transfer the one that ships.
    pub location: LocationId,
    /// For a transfer: the one that receives.
    pub to_location: Option<LocationId>,
    /// For a transfer: where the goods are in between.
    pub in_transit: Option<LocationId>,
    /// When it is due.
    pub due: Option<NaiveDate>,
    /// The document date.
    pub document_date: Option<NaiveDate>,
    /// It was closed short and may be reopened by a receipt.
    pub may_reopen: bool,
    /// It is closed because all its lines are done, not by a person.
    pub closed_by_lines: bool,
    /// Made by the system (provisional transfer).
    pub provisional: bool,
    /// The decision that changed it last.
    pub written: Written,
}

/// A line of a document. Quantities in base units, never negative; the document gives the
/// direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentLine {
    /// The item.
    pub item: ItemId,
    /// The variant, or none.
    pub variant: VariantId,
    /// The unit that was ordered in.
    pub unit: UnitId,
    /// Its factor when the line was written.
    pub factor: UnitFactor,
    /// Ordered.
    pub quantity: Quantity,
    /// Received (purchase), shipped (sales, transfer).
    pub handled: Quantity,
    /// Picked (sales, transfer).
    pub picked: Quantity,
    /// Received at the other end (transfer).
    pub received: Quantity,
    /// Of what is handled: shipped only by a receipt that came first (transfer); the shipment itself
    /// takes its place when it comes.
    pub provisional: Quantity,
    /// How much more than ordered may be received.
    pub tolerance: Quantity,
    /// The lot or serial that the document fixes, or none.
    pub tracking: TrackingId,
    /// The decision that changed it last.
    pub written: Written,
}

/// A shipment that a receipt stands for, because it came first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvisionalShipment {
    /// Where it was taken from in the book.
    pub from: StockKey,
    /// Where it was on its way.
    pub through: StockKey,
    /// How much the shipment itself has not taken the place of.
    pub quantity: Quantity,
}

crate::tables! {
    /// Headers.
    Documents = 75, "document", (DocumentKind, DocumentNo) => Document;
    /// Lines.
    DocumentLines = 76, "document_line", (DocumentKind, DocumentNo, u32) => DocumentLine;
    /// Lines that may still be handled, by item.
    OpenLinesByItem = 77, "open_line_by_item",
        (LocationId, ItemId, DocumentKind, DocumentNo, u32) => ();
    /// What was shipped on a transfer line and is not received, by tracking key.
    OnTheWay = 79, "on_the_way", (DocumentNo, u32, TrackingId) => Quantity;
    /// Provisional shipments by transfer order, line, tracking key, in order of their receipts.
    ProvisionalShipments = 78, "provisional_shipment",
        (DocumentNo, u32, TrackingId, OrderKey) => ProvisionalShipment;
    /// When the acts before a provisional shipment will all be here, by the site of the sender: nobody can
    /// report it any more then.
    ProvisionalsDue = 72, "provisional_due",
        (SiteId, ServerTime, DocumentNo, u32, TrackingId, OrderKey) => ();
}
