//! The application worksheet: who supplied whom, taken apart and put together again (COSTING 5.7).
//!
//! What was applied anew costs something else from its valuation date on: that is outstanding until cost is
//! adjusted, which follows at once where the setup says Always.
//!
//! While something of an item is unapplied, the item is locked for everybody else at the desk: quantities,
//! invoices, charges and revaluations. Facts of devices are posted all the same, and costs are adjusted: what is
//! applied again is marked again.

use protocol::code::Code;
use protocol::outcome::Reason;
use protocol::words::ItemNo;
use serde::{Deserialize, Serialize};

use crate::command::not_found;
use crate::lookup;
use crate::posting::{Posting, Stop};
use crate::schema::entry::{Applications, EntryReason, ItemLedger};
use crate::schema::money::UnappliedItems;
use crate::schema::{EntryNo, ItemId};
use crate::tables::Read as _;

/// Takes applications back: both sides have their quantities left again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnapplyEntries {
    /// The item application entries.
    pub applications: Vec<EntryNo>,
}

/// Applies one entry that has something left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyEntry {
    /// The entry.
    pub entry: EntryNo,
    /// The entry of the other sign that it is applied to; none: by the costing method.
    #[serde(default)]
    pub to: Option<EntryNo>,
}

/// Closes the worksheet of an item: automatic applications that were taken back are made anew, fixed ones
/// are not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseWorksheet {
    /// The item.
    pub item: ItemNo,
}

pub(crate) fn unapply(posting: &mut Posting<'_, '_>, ask: &UnapplyEntries) -> Result<(), Stop> {
    for no in &ask.applications {
        let row = posting.draft.row::<Applications>(no).ok_or_else(|| not_found(no))?;
        if row.entry != row.outbound || row.cost_application {
            let reason = Reason::new(Code::InvalidApplication).word("entry", no);
            return Err(Stop::Refuse(reason.word("why", "it is no application of a decrease")));
        }
        let item = posting.entry(row.inbound).item;
        check_lock(posting, item)?;
        let row = (*row).clone();
        posting.take_back(*no, &row, row.quantity.abs())?;
        posting.mark_decrease(row.outbound);
        let locked = posting.draft.row::<UnappliedItems>(&item);
        let mut lock = locked.map(|lock| (*lock).clone()).unwrap_or_default();
        lock.user.clone_from(&posting.act.operator);
        if !row.fixed {
            lock.automatic.push((row.inbound, row.outbound));
        }
        posting.draft.put::<UnappliedItems>(&item, lock);
    }
    Ok(())
}

pub(crate) fn apply(posting: &mut Posting<'_, '_>, ask: ApplyEntry) -> Result<(), Stop> {
    let entry = posting.draft.row::<ItemLedger>(&ask.entry).ok_or_else(|| not_found(&ask.entry))?;
    check_lock(posting, entry.item)?;
    let wrong = |why: &str| {
        let reason =
            Reason::new(Code::InvalidApplication).word("entry", ask.to.unwrap_or(ask.entry));
        Stop::Refuse(reason.word("why", why))
    };
    if posting.remaining(ask.entry).is_zero() {
        return Err(wrong("it has nothing left"));
    }
    if let Some(to) = ask.to {
        let other = posting.draft.row::<ItemLedger>(&to).ok_or_else(|| not_found(&to))?;
        let inbound = entry.quantity.is_positive();
        if other.quantity.is_positive() == inbound {
            return Err(wrong("it goes the same way"));
        }
        if !posting.share_a_pool(ask.entry, to) {
            return Err(wrong("it is of another item, place or tracking number"));
        }
        let (increase, decrease) = if inbound { (ask.entry, to) } else { (to, ask.entry) };
        posting.apply_by_hand(increase, decrease)?;
    } else {
        posting.apply_anew(ask.entry)?;
    }
    posting.queue_if_always(entry.item);
    Ok(())
}

pub(crate) fn close(posting: &mut Posting<'_, '_>, ask: &CloseWorksheet) -> Result<(), Stop> {
    let (item, _card) = lookup::item(posting.draft, &ask.item).map_err(Stop::Refuse)?;
    let Some(lock) = posting.draft.row::<UnappliedItems>(&item) else {
        return Err(not_found(&ask.item));
    };
    posting.draft.delete::<UnappliedItems>(&item);
    for (_increase, decrease) in &lock.automatic {
        if posting.remaining(*decrease).is_negative() {
            posting.apply_anew(*decrease)?;
        }
    }
    posting.queue_if_always(item);
    Ok(())
}

/// Whether somebody else has taken entries of the item apart.
///
/// # Errors
///
/// `item_unapplied` at the desk.
pub(crate) fn check_lock(posting: &Posting<'_, '_>, item: ItemId) -> Result<(), Stop> {
    if !posting.act.desk {
        return Ok(());
    }
    let Some(lock) = posting.draft.row::<UnappliedItems>(&item) else { return Ok(()) };
    if lock.user == posting.act.operator {
        return Ok(());
    }
    let reason =
        Reason::new(Code::ItemUnapplied).word("item", lookup::item_text(posting.draft, item));
    Err(Stop::Refuse(match &lock.user {
        Some(user) => reason.word("user", user),
        None => reason,
    }))
}

/// Whether an entry of this reason may be written although its item is locked: counts and what follows
/// from facts.
pub(crate) const fn passes_lock(reason: EntryReason) -> bool {
    matches!(
        reason,
        EntryReason::CountDifference
            | EntryReason::CountCorrection
            | EntryReason::CountTakenOut
            | EntryReason::Sighting
            | EntryReason::ProvisionalTransfer
    )
}
