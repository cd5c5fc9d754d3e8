//! The chain of what is booked: mended after an act came late or went, and what its operators are
//! told.

use protocol::code::Code;
use protocol::outcome::{Decision, Reason};

use crate::conflict;
use crate::count::missing::Arrival;
use crate::key::KeyRange;
use crate::lookup;
use crate::posting::{Posting, Stop};
use crate::schema::case::Choice;
use crate::schema::entry::PostedBy;
use crate::schema::tracking::{SerialAct, SerialActRow, SerialActs};
use crate::schema::{EntryNo, OrderKey, StockKey};
use crate::tables::Read as _;
use crate::tracking::serial::book::{told, unbook};
use crate::tracking::serial::history::{
    Booking, Unit, act_key, end_before, judge, next_booked, save_state, tells_nothing,
};

/// Corrects the acts after `order`, now that the serial is at `at` there.
pub(super) fn mend(
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

/// The serial is at `at` from `order` on: a complete count may have been there since.
pub(super) fn arrived(posting: &mut Posting<'_, '_>, at: Option<StockKey>, order: OrderKey) {
    posting.arrivals.extend(at.map(|key| Arrival::Serial(key, order)));
}

/// A booked act contradicts one that came late and lies before it: it is taken back and parked.
pub(super) fn park(
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
pub(super) fn revive(
    posting: &mut Posting<'_, '_>,
    unit: &Unit,
    order: OrderKey,
) -> Result<(), Stop> {
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

pub(super) fn text(posting: &Posting<'_, '_>, unit: &Unit, code: &Code) -> Reason {
    Reason::new(code.clone())
        .word("serial", &unit.2)
        .word("item", lookup::item_text(posting.draft, unit.0))
}

pub(super) fn remark(posting: &mut Posting<'_, '_>, unit: &Unit, booking: &Booking) {
    if let Some(reason) = place_reason(posting, unit, booking) {
        posting.decision.changed(reason);
    }
}

pub(super) fn place_reason(
    posting: &Posting<'_, '_>,
    unit: &Unit,
    booking: &Booking,
) -> Option<Reason> {
    let code = booking.remark.as_ref()?;
    let reason = text(posting, unit, code);
    Some(match booking.start {
        Some(at) => reason.word("bin", lookup::bin_text(posting.draft, at.location, at.bin)),
        None => reason,
    })
}

/// Tells the operator of a later act where the serial was booked, as it turns out now.
pub(super) fn restate_place(
    posting: &mut Posting<'_, '_>,
    unit: &Unit,
    order: OrderKey,
    booking: &Booking,
) {
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
