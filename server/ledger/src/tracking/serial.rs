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

use std::ops::ControlFlow;

use protocol::code::Code;
use protocol::identity::OperationId;
use protocol::outcome::{Decision, Reason};
use protocol::quantity::Quantity;
use protocol::words::{DocumentNo, SerialNo};

use crate::conflict;
use crate::count::missing::Arrival;
use crate::draft::Draft;
use crate::key::KeyRange;
use crate::lookup;
use crate::movement::carry::Motion;
use crate::posting::entry::DocumentLineKey;
use crate::posting::{EntryLine, Posting, Stop};
use crate::schema::case::Choice;
use crate::schema::entry::{
    EntryReason, EntryType, LineField, PostedBy, WarehouseByStock, WarehouseLedger,
};
use crate::schema::place::Locations;
use crate::schema::tracking::{
    SerialAct, SerialActRow, SerialActs, SerialState, Serials, TrackingKeys,
};
use crate::schema::{BinId, EntryNo, ItemId, OrderKey, PlateId, StockKey, TrackingId, VariantId};
use crate::tables::{Read as _, Tables};

/// A serial of an item.
type Unit = (ItemId, VariantId, SerialNo);

/// The serial of a tracking key; none where it has none.
pub fn of(tables: &(impl Tables + ?Sized), tracking: TrackingId) -> Option<SerialNo> {
    if tracking.0 == 0 {
        return None;
    }
    tables.row::<TrackingKeys>(&tracking).and_then(|key| key.serial.clone())
}

/// What an act books when the serial is at `start` before it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Booking {
    start: Option<StockKey>,
    end: Option<StockKey>,
    /// What its operator is told.
    remark: Option<Code>,
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
    mend(posting, &unit, motion.order, booking.end)
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
    observed(posting, SerialAct::Seen(key), &no, order)
}

/// A complete count of the bin of `key`, at `order`, did not see it: where it was booked there, it is
/// missing.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub fn not_seen(posting: &mut Posting<'_, '_>, key: StockKey, order: OrderKey) -> Result<(), Stop> {
    let Some(no) = of(posting.draft, key.tracking) else { return Ok(()) };
    observed(posting, SerialAct::NotSeen(key), &no, order).map(|_reason| ())
}

fn observed(
    posting: &mut Posting<'_, '_>,
    act: SerialAct,
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
        epsilon_us: posting.act.timing.epsilon_us,
    };
    put_act(posting, &unit, order, row);
    if refused.is_none() {
        remark(posting, &unit, &booking);
        told(posting, booking.start, booking.end, order)?;
        mend(posting, &unit, order, booking.end)?;
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
    mend(posting, unit, order, row.start)
}

/// Whether an act after the one at `order` is booked on it: then it is not undone by its operator.
pub(crate) fn stands_on(draft: &Draft<'_>, unit: &Unit, order: OrderKey) -> Option<OrderKey> {
    next_booked(draft, unit, order).map(|(later, _row)| later)
}

/// Acts of an operation that were parked give way to what it books when it is judged again.
fn forget_parked(posting: &mut Posting<'_, '_>, unit: &Unit, operation: OperationId) {
    let range = KeyRange::prefix(&(unit.0, unit.1, unit.2.clone()));
    let parked: Vec<_> = posting
        .draft
        .list::<SerialActs>(&range)
        .into_iter()
        .filter(|(key, row)| row.parked && key.3.operation() == operation)
        .map(|(key, _row)| key)
        .collect();
    for key in parked {
        posting.draft.delete::<SerialActs>(&key);
    }
}

/// What `act` books when the serial is at `start` before it; the reason why it books nothing.
fn judge(
    draft: &Draft<'_>,
    unit: &Unit,
    order: OrderKey,
    act: SerialAct,
    start: Option<StockKey>,
) -> Result<Booking, Code> {
    let left = || has_left(draft, unit, order);
    let elsewhere = |from: StockKey| match start {
        None => Some(Code::SerialUnknown),
        Some(at) if at == from => None,
        Some(at) if is_missing_bin(draft, &at) => Some(Code::SerialFound),
        Some(_other) => Some(Code::SerialElsewhere),
    };
    let (end, remark) = match act {
        SerialAct::In(_to) if start.is_some() => return Err(Code::SerialAlreadyInStock),
        SerialAct::In(to) => (Some(to), None),
        SerialAct::Moved(..) | SerialAct::Out(_) if start.is_none() && left() => {
            return Err(Code::SerialShipped);
        }
        SerialAct::Moved(from, to) => (Some(to), elsewhere(from)),
        SerialAct::Out(from) => (None, elsewhere(from)),
        SerialAct::Carried(from, to) if start == Some(from) => (Some(to), None),
        SerialAct::Carried(..) => (start, None),
        SerialAct::Seen(_) if start.is_none() && left() => return Err(Code::SerialShipped),
        SerialAct::Seen(_) if start.is_none() => return Err(Code::SerialUnknown),
        SerialAct::Seen(at) => (Some(at), elsewhere(at)),
        SerialAct::NotSeen(at) if start == Some(at) => {
            (Some(missing_place(draft, at)), Some(Code::SerialMissing))
        }
        SerialAct::NotSeen(_) => (start, None),
    };
    Ok(Booking { start, end, remark })
}

/// Corrects the acts after `order`, now that the serial is at `at` there.
fn mend(
    posting: &mut Posting<'_, '_>,
    unit: &Unit,
    order: OrderKey,
    at: Option<StockKey>,
) -> Result<(), Stop> {
    let (mut here, mut after) = (order, at);
    arrived(posting, at, order);
    while let Some((next, row)) = next_booked(posting.draft, unit, here) {
        if row.start == after && after.is_some() {
            break;
        }
        match judge(posting.draft, unit, next, row.act, after) {
            // Whether it left or never came is told by the acts before, not by where it is: an act
            // that tells nothing of its own passes that on.
            Ok(booking) if row.start == after && booking.end == row.end => {
                if !tells_nothing(&row) {
                    break;
                }
            }
            Ok(booking) => {
                if booking.end == row.end {
                    told(posting, after, row.start, next)?;
                } else {
                    told(posting, row.end, row.start, next)?;
                    told(posting, after, booking.end, next)?;
                }
                let end = booking.end;
                let mended = SerialActRow { start: after, end, ..row };
                posting.draft.put::<SerialActs>(&act_key(unit, next), mended);
                restate_place(posting, unit, next, &booking);
                after = end;
                arrived(posting, end, next);
            }
            Err(code) => park(posting, unit, next, (&row, &code))?,
        }
        here = next;
    }
    save_state(posting, unit);
    revive(posting, unit, order)
}

/// Whether the act found the serial nowhere and left it there, without having seen it.
const fn tells_nothing(row: &SerialActRow) -> bool {
    row.start.is_none() && row.end.is_none() && !matches!(row.act, SerialAct::Out(_))
}

/// The serial is at `at` from `order` on: a complete count may have been there since.
fn arrived(posting: &mut Posting<'_, '_>, at: Option<StockKey>, order: OrderKey) {
    posting.arrivals.extend(at.map(|key| Arrival::Serial(key, order)));
}

/// A booked act contradicts one that came late and lies before it: it is taken back and parked.
fn park(
    posting: &mut Posting<'_, '_>,
    unit: &Unit,
    order: OrderKey,
    (row, code): (&SerialActRow, &Code),
) -> Result<(), Stop> {
    unbook(posting, row, order)?;
    let parked = SerialActRow { start: None, end: None, entry: EntryNo(0), parked: true, ..*row };
    posting.draft.put::<SerialActs>(&act_key(unit, order), parked);
    let operation = order.operation();
    if operation == posting.act.operation {
        return Ok(());
    }
    let reason = text(posting, unit, code);
    let only = posting
        .draft
        .row::<PostedBy>(&operation)
        .is_some_and(|posted| posted.serials.len() == 1 && posted.legs.is_empty());
    if only {
        crate::operation::take_back_rest(posting, operation)?;
    }
    let case = conflict::CaseDraft {
        reasons: vec![reason.clone()],
        stock: None,
        choices: vec![Choice::Accept, Choice::Correct, Choice::Dismiss],
        parked: only,
        others: vec![posting.act.operation],
    };
    let case = crate::operation::open_case_of(posting, operation, case);
    conflict::restate(posting, operation, |row| {
        row.outcome.decision = if only { Decision::Parked } else { Decision::Changed };
        row.outcome.reasons = vec![reason];
        row.outcome.case = Some(case);
    });
    Ok(())
}

/// Parked acts after `order` that fit now: facts are judged again when this posting is done, sightings
/// are booked at once.
fn revive(posting: &mut Posting<'_, '_>, unit: &Unit, order: OrderKey) -> Result<(), Stop> {
    let range = KeyRange::prefix_after(&(unit.0, unit.1, unit.2.clone()), &act_key(unit, order));
    let parked: Vec<_> = posting
        .draft
        .list::<SerialActs>(&range)
        .into_iter()
        .filter(|(_key, row)| row.parked)
        .map(|(key, row)| (key.3, *row))
        .collect();
    for (at, row) in parked {
        let start = end_before(posting.draft, unit, at);
        let Ok(booking) = judge(posting.draft, unit, at, row.act, start) else { continue };
        match row.act {
            SerialAct::In(_) | SerialAct::Moved(..) | SerialAct::Out(_) => {
                let operation = at.operation();
                if !posting.awakened.contains(&operation) {
                    posting.awakened.push(operation);
                }
            }
            SerialAct::Carried(..) | SerialAct::Seen(_) | SerialAct::NotSeen(_) => {
                let (start, end) = (booking.start, booking.end);
                let booked = SerialActRow { start, end, parked: false, ..row };
                posting.draft.put::<SerialActs>(&act_key(unit, at), booked);
                told(posting, start, end, at)?;
                crate::operation::settle_serial_case(posting, at.operation(), &unit.2);
                return mend(posting, unit, at, end);
            }
        }
    }
    Ok(())
}

/// Takes back what is booked for an act: a receipt or an issue by a counter entry, then whatever
/// brought the serial to where the act took it.
fn unbook(posting: &mut Posting<'_, '_>, row: &SerialActRow, order: OrderKey) -> Result<(), Stop> {
    match row.act {
        SerialAct::In(key) if row.entry.0 != 0 => counter(posting, row.entry, key, order),
        SerialAct::Out(key) if row.entry.0 != 0 => {
            counter(posting, row.entry, key, order)?;
            told(posting, Some(key), row.start, order)
        }
        SerialAct::Moved(from, to) => {
            shift(posting, Some(to), Some(from), order)?;
            told(posting, Some(from), row.start, order)
        }
        SerialAct::In(_)
        | SerialAct::Out(_)
        | SerialAct::Carried(..)
        | SerialAct::Seen(_)
        | SerialAct::NotSeen(_) => told(posting, row.end, row.start, order),
    }
}

fn counter(
    posting: &mut Posting<'_, '_>,
    entry: EntryNo,
    key: StockKey,
    order: OrderKey,
) -> Result<(), Stop> {
    let own = posting.entry(entry);
    let incoming = own.quantity.is_positive();
    let line = EntryLine {
        entry_type: own.entry_type,
        reason: EntryReason::Sighting,
        key,
        delta: own.quantity.negated(),
        order,
        document: own.document,
        applies_to: if incoming { entry } else { EntryNo(0) },
        applies_from: if incoming { EntryNo(0) } else { entry },
        correction: true,
        posting_date: posting.act.posting_date,
    };
    posting.post_entry(line)?;
    posting.follow_holds(key, None)
}

/// Brings the serial from one place to another in the book: a registration within a location, else
/// entries of its own.
fn shift(
    posting: &mut Posting<'_, '_>,
    from: Option<StockKey>,
    to: Option<StockKey>,
    order: OrderKey,
) -> Result<(), Stop> {
    if from == to {
        return Ok(());
    }
    let entry_type =
        if to.is_some() { EntryType::PositiveAdjustment } else { EntryType::NegativeAdjustment };
    let motion = Motion {
        from,
        to,
        quantity: Quantity::ONE,
        entry_type,
        reason: EntryReason::Sighting,
        document: [from, to].into_iter().flatten().find_map(|key| order_between(posting, &key)),
        order,
        with_plate: false,
    };
    posting.post_motion(&motion).map(|_ends| ())
}

/// [`shift`], because another act tells where the serial was: a transfer order that it was on its way
/// for has one less to wait for, or one more.
fn told(
    posting: &mut Posting<'_, '_>,
    from: Option<StockKey>,
    to: Option<StockKey>,
    order: OrderKey,
) -> Result<(), Stop> {
    if from == to {
        return Ok(());
    }
    let came = from.and_then(|key| Some((order_between(posting, &key)?, key, Quantity::ONE)));
    let went = || {
        let key = to?;
        Some((order_between(posting, &key)?, key, Quantity::ONE.negated()))
    };
    let on_order = came.or_else(went);
    shift(posting, from, to, order)?;
    let Some(((kind, no, line), key, received)) = on_order else { return Ok(()) };
    posting.change_line((&kind, &no), line, LineField::Received, received)?;
    posting.change_on_the_way((&no, line, key.tracking), received.negated())?;
    // It belongs to the history of the serial: an undo of this operation does not take it back.
    posting.posted.on_the_way.pop();
    Ok(())
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

/// The transfer order under which the serial came to, or left, a location between two others: its
/// entries there belong together.
fn order_between(posting: &Posting<'_, '_>, key: &StockKey) -> Option<DocumentLineKey> {
    posting.draft.row::<Locations>(&key.location).filter(|location| location.in_transit)?;
    let range = KeyRange::prefix(&(*key,));
    let ((_key, _order, entry), _quantity) = posting.draft.last::<WarehouseByStock>(&range)?;
    posting.draft.row::<WarehouseLedger>(&entry)?.document.clone()
}

fn unit_of(act: &SerialAct, no: &SerialNo) -> Unit {
    let key = match act {
        SerialAct::In(key)
        | SerialAct::Moved(key, _)
        | SerialAct::Carried(key, _)
        | SerialAct::Seen(key)
        | SerialAct::Out(key)
        | SerialAct::NotSeen(key) => key,
    };
    (key.item, key.variant, no.clone())
}

fn act_key(unit: &Unit, order: OrderKey) -> (ItemId, VariantId, SerialNo, OrderKey) {
    (unit.0, unit.1, unit.2.clone(), order)
}

fn put_act(posting: &mut Posting<'_, '_>, unit: &Unit, order: OrderKey, row: SerialActRow) {
    let key = act_key(unit, order);
    posting.draft.put::<SerialActs>(&key, row);
    posting.posted.serials.push(key);
}

fn end_before(draft: &Draft<'_>, unit: &Unit, order: OrderKey) -> Option<StockKey> {
    last_booked(draft, unit, order).and_then(|row| row.end)
}

fn last_booked(draft: &Draft<'_>, unit: &Unit, order: OrderKey) -> Option<SerialActRow> {
    let prefix = (unit.0, unit.1, unit.2.clone());
    first_booked(draft, &KeyRange::prefix_before(&prefix, &act_key(unit, order)), true)
        .map(|(_order, row)| row)
}

/// Whether the serial was in stock before `order` and left.
fn has_left(draft: &Draft<'_>, unit: &Unit, order: OrderKey) -> bool {
    let prefix = (unit.0, unit.1, unit.2.clone());
    let range = KeyRange::prefix_before(&prefix, &act_key(unit, order));
    let mut left = false;
    draft.each::<SerialActs>(&range, true, |_key, row| {
        if row.parked || tells_nothing(&row) {
            return ControlFlow::Continue(());
        }
        left = row.end.is_none();
        ControlFlow::Break(())
    });
    left
}

fn next_booked(
    draft: &Draft<'_>,
    unit: &Unit,
    order: OrderKey,
) -> Option<(OrderKey, SerialActRow)> {
    let prefix = (unit.0, unit.1, unit.2.clone());
    first_booked(draft, &KeyRange::prefix_after(&prefix, &act_key(unit, order)), false)
}

fn first_booked(
    draft: &Draft<'_>,
    range: &KeyRange,
    reverse: bool,
) -> Option<(OrderKey, SerialActRow)> {
    let mut found = None;
    draft.each::<SerialActs>(range, reverse, |key, row| {
        if row.parked {
            return ControlFlow::Continue(());
        }
        found = Some((key.3, *row));
        ControlFlow::Break(())
    });
    found
}

/// Where the serial is now, for look-ups.
fn save_state(posting: &mut Posting<'_, '_>, unit: &Unit) {
    let range = KeyRange::prefix(&(unit.0, unit.1, unit.2.clone()));
    match first_booked(posting.draft, &range, true) {
        Some((by, row)) => {
            let state = SerialState { at: row.end, by, epsilon_us: row.epsilon_us };
            posting.draft.put::<Serials>(unit, state);
        }
        None => posting.draft.delete::<Serials>(unit),
    }
}

fn is_missing_bin(draft: &Draft<'_>, key: &StockKey) -> bool {
    draft.row::<Locations>(&key.location).is_some_and(|location| location.missing_bin == key.bin)
        && key.bin != BinId(0)
}

fn missing_place(draft: &Draft<'_>, key: StockKey) -> StockKey {
    let bin = draft
        .row::<Locations>(&key.location)
        .filter(|location| location.bin_mandatory)
        .map_or(key.bin, |location| location.missing_bin);
    StockKey { bin, plate: PlateId(0), ..key }
}

fn text(posting: &Posting<'_, '_>, unit: &Unit, code: &Code) -> Reason {
    Reason::new(code.clone())
        .word("serial", &unit.2)
        .word("item", lookup::item_text(posting.draft, unit.0))
}

fn remark(posting: &mut Posting<'_, '_>, unit: &Unit, booking: &Booking) {
    if let Some(reason) = place_reason(posting, unit, booking) {
        posting.decision.changed(reason);
    }
}

fn place_reason(posting: &Posting<'_, '_>, unit: &Unit, booking: &Booking) -> Option<Reason> {
    let code = booking.remark.as_ref()?;
    let reason = text(posting, unit, code);
    Some(match booking.start {
        Some(at) => reason.word("bin", lookup::bin_text(posting.draft, at.location, at.bin)),
        None => reason,
    })
}

/// Tells the operator of a later act where the serial was booked, as it turns out now.
fn restate_place(posting: &mut Posting<'_, '_>, unit: &Unit, order: OrderKey, booking: &Booking) {
    let reason = place_reason(posting, unit, booking);
    let serial = unit.2.to_string();
    conflict::restate(posting, order.operation(), |row| {
        let outcome = &mut row.outcome;
        outcome.reasons.retain(|known| !is_about_place(known, &serial));
        outcome.reasons.extend(reason.clone());
        match outcome.decision {
            Decision::Accepted if reason.is_some() => outcome.decision = Decision::Changed,
            Decision::Changed if outcome.reasons.is_empty() && outcome.changes.is_empty() => {
                outcome.decision = Decision::Accepted;
            }
            Decision::Accepted
            | Decision::Changed
            | Decision::Duplicate
            | Decision::Parked
            | Decision::Refused => {}
        }
    });
}

/// Whether `reason` tells where the serial was found.
pub(crate) fn is_about_place(reason: &Reason, serial: &str) -> bool {
    matches!(
        reason.code,
        Code::SerialElsewhere
            | Code::SerialFound
            | Code::SerialMissing
            | Code::SerialUnknown
            | Code::SerialShipped
    ) && reason.arguments.iter().any(|(name, argument)| {
        name == "serial"
            && matches!(argument, protocol::outcome::Argument::Word(word) if word == serial)
    })
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
