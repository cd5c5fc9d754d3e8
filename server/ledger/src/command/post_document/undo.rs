//! Taking back what was received or shipped and is not invoiced (COSTING 12.4).

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::operation::DocumentKind;
use protocol::outcome::Reason;
use protocol::words::DocumentNo;
use serde::{Deserialize, Serialize};

use crate::command::not_found;
use crate::costing::LineValue;
use crate::movement::carry::{Motion, Terms};
use crate::period;
use crate::posting::{Posting, Stop};
use crate::schema::EntryNo;
use crate::schema::entry::{EntryReason, LineField};
use crate::schema::posted::PostedLines;
use crate::tables::Read as _;

/// Takes a posted receipt or shipment back that is not invoiced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoPosted {
    /// The kind of the document.
    pub kind: DocumentKind,
    /// The document.
    pub no: DocumentNo,
    /// The number of the posting, from 1.
    pub posting: u32,
    /// The line.
    pub line: u32,
}

/// Takes an entry of a receipt or shipment back that is not invoiced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoEntry {
    /// The item ledger entry.
    pub entry: EntryNo,
    /// The date for the accounts; that of the entry when left out.
    #[serde(default)]
    pub date: Option<NaiveDate>,
}

pub(crate) fn undo(posting: &mut Posting<'_, '_>, put: &UndoPosted) -> Result<(), Stop> {
    let key = (put.kind, put.no.clone(), put.posting, put.line);
    let mut row = posting
        .draft
        .row::<PostedLines>(&key)
        .map(|row| (*row).clone())
        .ok_or_else(|| not_found(&put.no))?;
    if row.undone {
        return Err(Stop::refuse(Code::AlreadyUndone));
    }
    for entry in &row.entries {
        undo_one(posting, *entry, None)?;
    }
    row.undone = true;
    posting.draft.put::<PostedLines>(&key, row.clone());
    let document = (put.kind, put.no.clone());
    posting.add_to_line(&document, put.line, LineField::Handled, row.quantity.negated())
}

pub(crate) fn undo_entry(posting: &mut Posting<'_, '_>, put: &UndoEntry) -> Result<(), Stop> {
    if !posting.draft.has::<crate::schema::entry::ItemLedger>(&put.entry) {
        return Err(not_found(&put.entry));
    }
    undo_one(posting, put.entry, put.date)?;
    let entry = posting.entry(put.entry);
    if let Some((kind, no, line)) = entry.document.clone() {
        posting.add_to_line(
            &(kind, no),
            line,
            LineField::Handled,
            entry.quantity.abs().negated(),
        )?;
    }
    Ok(())
}

/// The correction of one entry: of the opposite sign, with its cost; what was expected of both becomes
/// actual (COSTING 12.4).
fn undo_one(
    posting: &mut Posting<'_, '_>,
    no: EntryNo,
    date: Option<NaiveDate>,
) -> Result<(), Stop> {
    let entry = posting.entry(no);
    let date = date.unwrap_or(entry.posting_date);
    period::check_undone(posting, no)?;
    period::check_posting(posting, date)?;
    let (document, line) = entry
        .document
        .as_ref()
        .map_or((String::new(), 0), |(_kind, no, line)| (no.to_string(), *line));
    if !posting.state(no).invoiced.is_zero() {
        let reason = Reason::new(Code::AlreadyInvoiced).word("document", &document);
        return Err(Stop::Refuse(reason.word("line", line)));
    }
    let key = posting.place_of_entry(no).ok_or_else(|| not_found(&no))?;
    let incoming = entry.quantity.is_positive();
    let order = posting.next_order();
    let quantity = entry.quantity.abs();
    let motion = if incoming {
        Motion::out_of_stock(entry.entry_type, key, quantity, order)
    } else {
        Motion::into_stock(entry.entry_type, key, quantity, order)
    };
    let terms = Terms {
        posting_date: Some(date),
        applies_to: if incoming { no } else { EntryNo(0) },
        applies_from: if incoming { EntryNo(0) } else { no },
        correction: true,
        value: LineValue { document_no: document.clone(), ..LineValue::default() },
    };
    let reason = EntryReason::Undo;
    let motion = Motion { reason, document: entry.document.clone(), terms, ..motion };
    posting.carry(&motion).map_err(|stop| match stop {
        Stop::Refuse(reason) if incoming && is_consumed(&reason.code) => {
            Stop::Refuse(Reason::new(Code::UndoStockConsumed).word("document", &document))
        }
        other @ (Stop::Refuse(_) | Stop::Park(..) | Stop::Overflow) => other,
    })
}

/// Whether a receipt was refused to be taken back because its quantity is not there any more. Whatever else
/// is in the way (a lock, an account) is told as it is.
const fn is_consumed(code: &Code) -> bool {
    matches!(
        code,
        Code::InsufficientInventory
            | Code::BinInsufficient
            | Code::InsufficientAppliedQuantity
            | Code::CannotBeFullyApplied
            | Code::SerialShipped
            | Code::SerialElsewhere
            | Code::SerialMissing
    )
}
