//! Serials: one thing, one place. The history of each is a list of acts in order of time; what is
//! booked is the fold of that list, whatever arrived in which order (SYNC 4.8).
//!
//! Invariants:
//! 1. Booked acts form a chain: each takes the serial from where the one before it left it.
//! 2. So a serial is on hand once or not at all.
//! 3. An act that contradicts the acts before it is parked and books nothing; an act that comes late
//!    and makes room for it wakes it.
//!
//! An act that is put between others changes only what the next one takes away: that one is
//! corrected by the opposite of what was put in, and the rest of the chain stays.
//!
//! Order of reading: this file, [`history`] (acts in order), [`chain`] (mending), [`book`] (entries),
//! [`unsure`] (two acts of which nobody can tell the earlier).

mod book;
mod chain;
mod history;
pub(crate) mod unsure;

use protocol::code::Code;
use protocol::outcome::Reason;
use protocol::words::{DocumentNo, SerialNo};

use crate::draft::Draft;
use crate::lookup;
use crate::movement::carry::Motion;
use crate::posting::{Posting, Stop};
use crate::schema::case::Choice;
use crate::schema::tracking::{SerialAct, SerialActRow, SerialActs, TrackingKeys};
use crate::schema::{EntryNo, OrderKey, StockKey, TrackingId};
use crate::tables::{Read as _, Tables};
use crate::tracking::serial::book::{order_between, told, unbook};
use crate::tracking::serial::chain::{mend, remark, text};
use crate::tracking::serial::history::{
    Booking, Unit, act_key, end_before, forget_parked, judge, next_booked, put_act, unit_of,
};

pub(crate) use crate::tracking::serial::chain::is_about_place;

/// The serial of a tracking key; none where it has none.
pub fn of(tables: &(impl Tables + ?Sized), tracking: TrackingId) -> Option<SerialNo> {
    if tracking.0 == 0 {
        return None;
    }
    tables.row::<TrackingKeys>(&tracking).and_then(|key| key.serial.clone())
}

/// Books `motion` of the serial `no` as an act in its history.
///
/// # Errors
///
/// Parks what contradicts an earlier act; refuses it at the desk.
pub(crate) fn carry(
    posting: &mut Posting<'_, '_>,
    motion: &Motion,
    no: &SerialNo,
) -> Result<(), Stop> {
    let act = match (motion.from, motion.to) {
        (None, None) => return Ok(()),
        (None, Some(to)) => SerialAct::In(to),
        (Some(from), Some(to)) if motion.with_plate => SerialAct::Carried(from, to),
        (Some(from), Some(to)) => SerialAct::Moved(from, to),
        (Some(from), None) => SerialAct::Out(from),
    };
    let unit = unit_of(&act, no);
    forget_parked(posting, &unit, motion.order.operation());
    let start = end_before(posting.draft, &unit, motion.order);
    let booking = match judge(posting.draft, &unit, motion.order, act, start) {
        Ok(booking) => booking,
        Err(code) => return Err(contradiction(posting, &unit, motion.order, act, &code)),
    };
    if posting.act.desk && booking.remark == Some(Code::SerialUnknown) {
        let reason = Reason::new(Code::TrackingNotInInventory)
            .word("item", lookup::item_text(posting.draft, unit.0))
            .word("tracking", no);
        return Err(Stop::Refuse(reason));
    }
    remark(posting, &unit, &booking);
    let entry = book(posting, motion, act, start)?;
    let row = SerialActRow {
        act,
        start,
        end: booking.end,
        entry,
        parked: false,
        epsilon_us: posting.act.timing.epsilon_us,
    };
    put_act(posting, &unit, motion.order, row);
    mend(posting, &unit, motion.order, booking.end)?;
    unsure::follow(posting, &unit)
}

/// The entries of an act of this posting: where the book has the serial elsewhere, it is brought to
/// where it was taken first.
fn book(
    posting: &mut Posting<'_, '_>,
    motion: &Motion,
    act: SerialAct,
    start: Option<StockKey>,
) -> Result<EntryNo, Stop> {
    if let SerialAct::Carried(from, _to) = act
        && start != Some(from)
    {
        return Ok(EntryNo(0));
    }
    if motion.from.is_some() && start != motion.from {
        told(posting, start, motion.from, motion.order)?;
    }
    // An undo takes the act back, and with it its entries.
    let standing = posting.posted.standing.len();
    let ends = posting.post_motion(motion)?;
    posting.posted.standing.truncate(standing);
    // The pair of a move between locations is taken back as a move, not entry by entry.
    Ok(match (motion.from, motion.to) {
        (None, Some(_)) => ends.into,
        (Some(_), None) => ends.out,
        (None, None) | (Some(_), Some(_)) => EntryNo(0),
    })
}

/// Counted under `key`: it is there. Gives back why nothing is booked, when the serial never came or
/// has left.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub fn seen(
    posting: &mut Posting<'_, '_>,
    key: StockKey,
    order: OrderKey,
) -> Result<Option<Reason>, Stop> {
    let Some(no) = of(posting.draft, key.tracking) else { return Ok(None) };
    let epsilon_us = posting.act.timing.epsilon_us;
    observed(posting, (SerialAct::Seen(key), epsilon_us), &no, order)
}

/// A count of the bin of `key`, at `order` ± `epsilon_us` microseconds, did not see it: where it was booked
/// there, it is missing.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub fn not_seen(
    posting: &mut Posting<'_, '_>,
    key: StockKey,
    (order, epsilon_us): (OrderKey, u64),
) -> Result<(), Stop> {
    let Some(no) = of(posting.draft, key.tracking) else { return Ok(()) };
    observed(posting, (SerialAct::NotSeen(key), epsilon_us), &no, order).map(|_reason| ())
}

fn observed(
    posting: &mut Posting<'_, '_>,
    (act, epsilon_us): (SerialAct, u64),
    no: &SerialNo,
    order: OrderKey,
) -> Result<Option<Reason>, Stop> {
    let unit = unit_of(&act, no);
    let start = end_before(posting.draft, &unit, order);
    let judged = judge(posting.draft, &unit, order, act, start);
    let (booking, refused) = match judged {
        Ok(booking) => (booking, None),
        Err(code) => {
            (Booking { start: None, end: None, remark: None }, Some(text(posting, &unit, &code)))
        }
    };
    let row = SerialActRow {
        act,
        start: booking.start,
        end: booking.end,
        entry: EntryNo(0),
        parked: refused.is_some(),
        epsilon_us,
    };
    put_act(posting, &unit, order, row);
    if refused.is_none() {
        remark(posting, &unit, &booking);
        told(posting, booking.start, booking.end, order)?;
        mend(posting, &unit, order, booking.end)?;
        unsure::follow(posting, &unit)?;
    }
    Ok(refused)
}

/// The act of `key` at `order` did not happen, or does not count any more.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub fn forget(posting: &mut Posting<'_, '_>, key: StockKey, order: OrderKey) -> Result<(), Stop> {
    match of(posting.draft, key.tracking) {
        Some(no) => forget_act(posting, &(key.item, key.variant, no), order),
        None => Ok(()),
    }
}

/// [`forget`] by serial.
pub(crate) fn forget_act(
    posting: &mut Posting<'_, '_>,
    unit: &Unit,
    order: OrderKey,
) -> Result<(), Stop> {
    let key = act_key(unit, order);
    let Some(row) = posting.draft.row::<SerialActs>(&key).map(|row| *row) else { return Ok(()) };
    posting.draft.delete::<SerialActs>(&key);
    if row.parked {
        return Ok(());
    }
    unbook(posting, &row, order)?;
    mend(posting, unit, order, row.start)?;
    unsure::follow(posting, unit)
}

/// Whether an act after the one at `order` is booked on it: then it is not undone by its operator.
pub(crate) fn stands_on(draft: &Draft<'_>, unit: &Unit, order: OrderKey) -> Option<OrderKey> {
    next_booked(draft, unit, order).map(|(later, _row)| later)
}

/// The line of the transfer order `no` on which the serial was on its way under `key` just before
/// `order`.
pub(crate) fn line_between(
    posting: &Posting<'_, '_>,
    key: &StockKey,
    no: &DocumentNo,
    order: OrderKey,
) -> Option<u32> {
    let serial = of(posting.draft, key.tracking)?;
    let unit = (key.item, key.variant, serial);
    let there = end_before(posting.draft, &unit, order) == Some(*key);
    let (_kind, of, line) = order_between(posting, key).filter(|_document| there)?;
    (of == *no).then_some(line)
}

/// Parks the act, and remembers it so that it is booked when room is made for it.
fn contradiction(
    posting: &mut Posting<'_, '_>,
    unit: &Unit,
    order: OrderKey,
    act: SerialAct,
    code: &Code,
) -> Stop {
    let row = SerialActRow {
        act,
        start: None,
        end: None,
        entry: EntryNo(0),
        parked: true,
        epsilon_us: posting.act.timing.epsilon_us,
    };
    posting.parked_acts.push((act_key(unit, order), row));
    let reason = text(posting, unit, code);
    if posting.act.desk {
        return Stop::Refuse(reason);
    }
    Stop::Park(vec![reason], vec![Choice::Accept, Choice::Correct, Choice::Dismiss])
}
