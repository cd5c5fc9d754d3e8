//! What a count posts: its difference, in pieces that later corrections are linked to.

use protocol::quantity::Quantity;

use crate::posting::{EntryLine, Posting, Stop, add, subtract};
use crate::schema::count::CountRow;
use crate::schema::entry::{EntryReason, EntryType};
use crate::schema::{EntryNo, OrderKey, StockKey};
use crate::tables::Tables;
use crate::tracking::serial;

/// Most pieces that a difference is kept in; beyond it, a new one of the same sign is linked to the
/// entry before it, so that the row of a count does not grow with its corrections.
const LINKS_MAX: usize = 8;

/// Posts `amount` as part of the difference of the count `row` of `key` at `order`, and remembers
/// in `row` what was posted.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn post(
    posting: &mut Posting<'_, '_>,
    (key, order): (StockKey, OrderKey),
    row: &mut CountRow,
    amount: Quantity,
    reason: EntryReason,
) -> Result<(), Stop> {
    post_linked(posting, (key, order), row, amount, reason)?;
    row.difference = add(row.difference, amount)?;
    Ok(())
}

/// Posts item ledger entries: first what corrects earlier pieces of the other sign, latest first,
/// each with its cost (COSTING 12.7), then the rest as a plain adjustment.
fn post_linked(
    posting: &mut Posting<'_, '_>,
    (key, order): (StockKey, OrderKey),
    row: &mut CountRow,
    amount: Quantity,
    reason: EntryReason,
) -> Result<(), Stop> {
    let mut rest = amount;
    while !rest.is_zero() {
        let Some((entry, left)) = row.links.last().copied() else { break };
        if left.is_negative() == rest.is_negative() {
            break;
        }
        let size = left.abs().min(rest.abs());
        let portion = if rest.is_negative() { size.negated() } else { size };
        row.links.pop();
        let left = add(left, portion)?;
        if !left.is_zero() {
            row.links.push((entry, left));
        }
        let (applies_to, applies_from) =
            if portion.is_negative() { (entry, EntryNo(0)) } else { (EntryNo(0), entry) };
        let plain = adjustment(posting, (key, order), portion, reason);
        posting.post_entry(EntryLine { applies_to, applies_from, correction: true, ..plain })?;
        rest = subtract(rest, portion)?;
    }
    if rest.is_zero() {
        return Ok(());
    }
    let entry = posting.post_entry(adjustment(posting, (key, order), rest, reason))?;
    let full = row.links.len() >= LINKS_MAX;
    match row.links.last_mut() {
        Some(last) if full => last.1 = add(last.1, rest)?,
        _ => row.links.push((entry, rest)),
    }
    Ok(())
}

fn adjustment(
    posting: &Posting<'_, '_>,
    (key, order): (StockKey, OrderKey),
    delta: Quantity,
    reason: EntryReason,
) -> EntryLine {
    let entry_type = if delta.is_negative() {
        EntryType::NegativeAdjustment
    } else {
        EntryType::PositiveAdjustment
    };
    let correction = reason != EntryReason::CountDifference;
    EntryLine {
        reason,
        order,
        correction,
        ..EntryLine::ordinary(&posting.act, entry_type, key, delta)
    }
}

/// Whether the goods of `key` are one thing with an identity: its place is a history of its own, and
/// counts of quantities say nothing of it (SYNC 4.8).
pub(crate) fn is_serial(tables: &(impl Tables + ?Sized), key: &StockKey) -> bool {
    serial::of(tables, key.tracking).is_some()
}
