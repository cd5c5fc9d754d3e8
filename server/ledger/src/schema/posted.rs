//! What was posted of documents, for invoices, charges and undos that come later.

use chrono::NaiveDate;
use protocol::operation::DocumentKind;
use protocol::quantity::Quantity;
use protocol::words::DocumentNo;
use serde::{Deserialize, Serialize};

use crate::money::{Money, Step, UnitAmount};
use crate::schema::{BinId, EntryNo, LocationId, Written};

/// What the money side knows of a document line beside its quantities.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LineTerms {
    /// Where it is handled; 0 for the blank location.
    pub location: LocationId,
    /// The bin, at a location with bins.
    pub bin: BinId,
    /// It moves the other way than its document does.
    pub negative: bool,
    /// Direct unit cost of a purchase, price of a sale; per unit of the line.
    pub unit_amount: UnitAmount,
    /// General business posting group.
    pub business_group: String,
    /// Invoiced, in base units, never negative.
    pub invoiced: Quantity,
    /// Discount in percent of the amount, between 0 and 100.
    pub discount_percent: Quantity,
}

impl LineTerms {
    /// The discount on an amount of the line, rounded by itself; none when it is out of range.
    #[must_use]
    pub fn discount_of(&self, amount: Money, step: Step) -> Option<Money> {
        amount.share(self.discount_percent, Quantity::whole(100), step)
    }

    /// What is left of an amount of the line without its discount; none when it is out of range.
    #[must_use]
    pub fn less_discount(&self, amount: Money, step: Step) -> Option<Money> {
        amount.checked_sub(self.discount_of(amount, step)?)
    }
}

/// One line of one posting of a document: what was received or shipped with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostedLine {
    /// Its item ledger entries, in the order in which they were posted.
    pub entries: Vec<EntryNo>,
    /// The date for the accounts.
    pub date: NaiveDate,
    /// How much, in base units, never negative.
    pub quantity: Quantity,
    /// It was undone.
    pub undone: bool,
    /// The decision that wrote it.
    pub written: Written,
}

crate::tables! {
    /// What the money side knows of document lines.
    LinesTerms = 185, "document_line_terms", (DocumentKind, DocumentNo, u32) => LineTerms;
    /// Posted lines: document, number of the posting, line.
    PostedLines = 186, "posted_line", (DocumentKind, DocumentNo, u32, u32) => PostedLine;
    /// How many handled postings a document has.
    PostingCounts = 187, "posting_count", (DocumentKind, DocumentNo) => u32;
    /// Entries of a document line that are not wholly invoiced, oldest first.
    Uninvoiced = 188, "uninvoiced", (DocumentKind, DocumentNo, u32, EntryNo) => ();
}
