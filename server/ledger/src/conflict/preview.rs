//! What would a choice post? The same call as the decision, on a draft that is thrown away.

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::identity::{IntakeNo, ServerTime};
use protocol::operation::Tracking;
use protocol::outcome::Reason;
use protocol::quantity::Quantity;
use protocol::words::OperatorId;
use serde_bytes::ByteBuf;

use crate::command::Command;
use crate::command::stock::Decide;
use crate::draft::Draft;
use crate::lookup;
use crate::operation::{Poison, Request, judge};
use crate::schema::book::{Heads, Intake, Origin, Outcomes, Timing};
use crate::schema::entry::{EntryReason, EntryType, ItemLedger, WarehouseLedger};
use crate::schema::place::Plates;
use crate::schema::{EntryNo, PlateId, SiteId};
use crate::tables::{Read as _, Table as _, Tables, typed_key};
use crate::tracking;

/// A ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ledger {
    /// Quantities of items per location, with a cost.
    Item,
    /// Quantities per bin.
    Warehouse,
}

/// An entry that a choice would append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewLine {
    /// Where.
    pub ledger: Ledger,
    /// The type of an item ledger entry.
    pub entry_type: Option<EntryType>,
    /// Why.
    pub reason: EntryReason,
    /// The location.
    pub location: String,
    /// The bin, of a warehouse entry.
    pub bin: Option<String>,
    /// The licence plate, of a warehouse entry.
    pub plate: Option<String>,
    /// The item.
    pub item: String,
    /// Lot, serial, package.
    pub tracking: Tracking,
    /// Signed, in base units.
    pub quantity: Quantity,
    /// When it was done.
    pub at: ServerTime,
    /// The date for the accounts, of an item ledger entry.
    pub posting_date: Option<NaiveDate>,
    /// The entry that it corrects or applies to; 0 for none.
    pub linked_to: EntryNo,
}

/// The exact entries that `decide`, taken by `user` at `now` in the time zone date `today`, would
/// append, in order of the ledgers and of their numbers. Nothing is changed.
///
/// # Errors
///
/// The reason why the decision would be refused.
pub fn preview(
    tables: &dyn Tables,
    decide: &Decide,
    user: &OperatorId,
    (now, today): (ServerTime, NaiveDate),
) -> Result<Vec<PreviewLine>, Reason> {
    let head = tables.row::<Heads>(&()).map_or_else(Default::default, |head| *head);
    let no = IntakeNo(head.intake.0.saturating_add(1));
    let intake = Intake {
        origin: Origin::Desk { user: user.clone(), idempotency: None },
        site: SiteId(0),
        received: now,
        timing: Timing::exact(now),
        local_date: Some(today),
        evidence: ByteBuf::new(),
        raw: ByteBuf::from(Command::Decide(decide.clone()).encode()),
        previous: head.hash,
        hash: head.hash,
    };
    let request = Request { intake_no: no, intake: &intake, lsn: head.lsn.next(), time: now };
    let mut draft = Draft::over(tables);
    judge(&mut draft, &request).map_err(|poison| match poison {
        Poison::Exhausted | Poison::Overflow => Reason::new(Code::Poison).word("why", poison),
    })?;
    let outcome = draft.row::<Outcomes>(&intake.identity(no));
    if let Some(refused) =
        outcome.filter(|row| row.outcome.decision == protocol::outcome::Decision::Refused)
    {
        let reason = refused.outcome.reasons.first().cloned();
        return Err(reason.unwrap_or_else(|| Reason::new(Code::ChoiceNotOffered)));
    }
    Ok(appended(&draft))
}

/// The entries that a draft has appended.
pub fn appended(draft: &Draft<'_>) -> Vec<PreviewLine> {
    let mut lines = Vec::new();
    for ((table, key), change) in draft.changes() {
        let Some(record) = change else { continue };
        if *table == ItemLedger::ID {
            let entry = record.row::<crate::schema::entry::ItemLedgerEntry>();
            let linked_to =
                if entry.applies_to.0 == 0 { entry.applies_from } else { entry.applies_to };
            lines.push(PreviewLine {
                ledger: Ledger::Item,
                entry_type: Some(entry.entry_type),
                reason: entry.reason,
                location: lookup::location_text(draft, entry.location),
                bin: None,
                plate: None,
                item: lookup::item_text(draft, entry.item),
                tracking: tracking::tracking_of(draft, entry.tracking),
                quantity: entry.quantity,
                at: entry.order.tau,
                posting_date: Some(entry.posting_date),
                linked_to,
            });
        } else if *table == WarehouseLedger::ID {
            let no = typed_key::<WarehouseLedger>(key);
            lines.extend(warehouse_line(draft, no));
        }
    }
    lines
}

fn warehouse_line(draft: &Draft<'_>, no: EntryNo) -> Option<PreviewLine> {
    let entry = draft.row::<WarehouseLedger>(&no)?;
    let key = entry.key;
    let plate = (key.plate != PlateId(0))
        .then(|| draft.row::<Plates>(&key.plate).map(|row| row.no.to_string()))
        .flatten();
    Some(PreviewLine {
        ledger: Ledger::Warehouse,
        entry_type: None,
        reason: entry.reason,
        location: lookup::location_text(draft, key.location),
        bin: Some(lookup::bin_text(draft, key.location, key.bin)),
        plate,
        item: lookup::item_text(draft, key.item),
        tracking: tracking::tracking_of(draft, key.tracking),
        quantity: entry.quantity,
        at: entry.order.tau,
        posting_date: None,
        linked_to: EntryNo(0),
    })
}
