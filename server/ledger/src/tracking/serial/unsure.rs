//! A serial that two people brought to two places, or that one of them saw, at instants of which nobody
//! can tell the earlier (CONFLICTS 31): the book has it where the later act by τ left it, it is on hold,
//! and somebody is to see where it is. So it is with a complete count that did not see it beside an act
//! that brought it there (SYNC 4.4); and where such a count did not see it in the one place, it is still asked
//! for in the others.
//!
//! Invariants:
//! 1. The question is asked once for the same acts, and ends when an act after them tells where the serial
//!    is, or one of them is taken back.
//! 2. What one complete count did not see of an item is one question, with each serial in it: it ends for
//!    each of them as for one alone.
//! 3. What is booked never depends on it.

use std::ops::ControlFlow;

use protocol::code::Code;
use protocol::identity::{CaseId, OperationId};
use protocol::outcome::{Argument, Reason};
use protocol::quantity::Quantity;
use protocol::words::SerialNo;

use crate::conflict;
use crate::count::ambiguity;
use crate::key::KeyRange;
use crate::lookup;
use crate::posting::{Posting, Stop};
use crate::schema::book::Outcomes;
use crate::schema::case::{Case, CaseState, Cases, CasesByOperation, Choice};
use crate::schema::place::Locations;
use crate::schema::stock::{Holds, HoldsByStock};
use crate::schema::tracking::{SerialAct, SerialActRow, SerialActs, SerialDoubt, SerialDoubts};
use crate::schema::{OrderKey, PlateId, StockKey, TrackingId};
use crate::tables::Read as _;
use crate::tracking::serial::chain::text;
use crate::tracking::serial::history::{Unit, is_missing_bin};

/// Acts of one serial that are looked at, from the last back: what lies further back is long over.
const ACTS_MAX: usize = 64;

/// The last act, which says where the serial is, and those that may as well be the last.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Doubt {
    at: StockKey,
    last: OrderKey,
    /// Each with where it brought the serial.
    others: Vec<(OrderKey, StockKey)>,
    /// A complete count asks, which did not see it.
    by_count: bool,
}

/// Asks where the serial is, or asks no more, by its acts as they are known now.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(super) fn follow(posting: &mut Posting<'_, '_>, unit: &Unit) -> Result<(), Stop> {
    let asked = posting.draft.row::<SerialDoubts>(unit).map(|row| (*row).clone());
    let doubt = doubt(posting, unit);
    let is_known = match (&asked, &doubt) {
        (None, None) => true,
        (Some(asked), Some(doubt)) => {
            let (last, others) = operations(doubt);
            asked.last == last && asked.others == others
        }
        (Some(_), None) | (None, Some(_)) => false,
    };
    if is_known {
        return Ok(());
    }
    if let Some(asked) = asked {
        posting.draft.delete::<SerialDoubts>(unit);
        conflict::case::answer(posting, asked.case, |reason| is_about(reason, &unit.2));
        if let Some(at) = place_now(posting, unit) {
            release(posting, at, asked.case)?;
        }
    }
    doubt.map_or(Ok(()), |doubt| ask(posting, unit, &doubt))
}

/// Ends what is held under `key` until `case` is decided.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn release(
    posting: &mut Posting<'_, '_>,
    key: StockKey,
    case: CaseId,
) -> Result<(), Stop> {
    for ((_key, hold), _row) in posting.draft.list::<HoldsByStock>(&KeyRange::prefix(&(key,))) {
        let is_ours = posting.draft.row::<Holds>(&hold).is_some_and(|row| row.case == Some(case));
        if is_ours {
            posting.release_hold(hold)?;
        }
    }
    Ok(())
}

fn operations(doubt: &Doubt) -> (OperationId, Vec<OperationId>) {
    let others = doubt.others.iter().map(|(order, _to)| order.operation()).collect();
    (doubt.last.operation(), others)
}

fn ask(posting: &mut Posting<'_, '_>, unit: &Unit, doubt: &Doubt) -> Result<(), Stop> {
    let (last, others) = operations(doubt);
    let own = posting.act.operation;
    let beside = others.iter().copied().find(|other| *other != own).filter(|_other| last == own);
    let reason = text(posting, unit, &Code::SerialPlaceUnsure)
        .word("operator", operator_of(posting, beside.unwrap_or(last)))
        .word("bin", lookup::bin_text(posting.draft, doubt.at.location, doubt.at.bin));
    let draft = conflict::CaseDraft {
        reasons: vec![reason.clone()],
        stock: Some(doubt.at),
        choices: choices(posting, doubt),
        parked: false,
        others: others.clone(),
    };
    let case = match shared_case(posting, doubt) {
        Some((id, asked)) => {
            let reasons = with(asked, reason.clone());
            conflict::case::join(posting, id, loose(doubt.at), (reasons, &others));
            id
        }
        None if last == own => conflict::open_case(posting, draft),
        None => crate::operation::open_case_of(posting, last, draft),
    };
    if last == own || others.contains(&own) {
        posting.decision.changed(reason);
    }
    let places = std::iter::once(doubt.at).chain(doubt.others.iter().map(|(_order, to)| *to));
    for place in places {
        ask_to_look(posting, place);
    }
    posting.hold_free(doubt.at, Quantity::ONE, &Code::SerialPlaceUnsure, Some(case))?;
    posting.draft.put::<SerialDoubts>(unit, SerialDoubt { last, others, case });
    Ok(())
}

/// The open case of the same complete count about others of the item: hundreds of serials that it did not
/// see are one thing to decide. With what it asks by now.
fn shared_case(posting: &Posting<'_, '_>, doubt: &Doubt) -> Option<(CaseId, Vec<Reason>)> {
    if !doubt.by_count || !is_missing_bin(posting.draft, &doubt.at) {
        return None;
    }
    let cases = KeyRange::prefix(&(doubt.last.operation(),));
    let ids = posting.draft.list::<CasesByOperation>(&cases).into_iter();
    ids.map(|((_operation, id), _row)| id).find_map(|id| {
        let case = posting.draft.row::<Cases>(&id)?;
        let is_same = case.state == CaseState::Open
            && case.reasons.first().is_some_and(|reason| serial_of(reason).is_some())
            && case.stock.map(loose) == Some(loose(doubt.at));
        is_same.then(|| (id, case.reasons.clone()))
    })
}

/// The reasons with one more, by serial: whatever arrived in which order.
fn with(mut reasons: Vec<Reason>, reason: Reason) -> Vec<Reason> {
    let at = reasons.partition_point(|asked| serial_of(asked) < serial_of(&reason));
    reasons.insert(at, reason);
    reasons
}

/// The same goods in the same bin, whichever of them.
const fn loose(key: StockKey) -> StockKey {
    StockKey { plate: PlateId(0), tracking: TrackingId(0), ..key }
}

/// Whether `reason` asks where this serial is.
fn is_about(reason: &Reason, serial: &SerialNo) -> bool {
    serial_of(reason).is_some_and(|word| word == serial.as_str())
}

fn serial_of(reason: &Reason) -> Option<&str> {
    if reason.code != Code::SerialPlaceUnsure {
        return None;
    }
    reason.arguments.iter().find_map(|(name, argument)| match argument {
        Argument::Word(word) if name == "serial" => Some(word.as_str()),
        Argument::Word(_) | Argument::Quantity(_) | Argument::Number(_) | Argument::Time(_) => None,
    })
}

/// Ends what is held of every serial of the case `id` until it is decided.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn release_all(
    posting: &mut Posting<'_, '_>,
    id: CaseId,
    case: &Case,
) -> Result<(), Stop> {
    let Some(goods) = case.stock else { return Ok(()) };
    for reason in &case.reasons {
        let Some(Ok(serial)) = serial_of(reason).map(SerialNo::new) else { continue };
        let unit = (goods.item, goods.variant, serial);
        let is_ours =
            posting.draft.row::<SerialDoubts>(&unit).is_some_and(|doubt| doubt.case == id);
        if is_ours && let Some(at) = place_now(posting, &unit) {
            release(posting, at, id)?;
        }
    }
    Ok(())
}

fn operator_of(posting: &Posting<'_, '_>, operation: OperationId) -> String {
    let row = posting.draft.row::<Outcomes>(&operation);
    let operator = row.and_then(|row| row.operator.clone());
    operator.map_or_else(|| operation.to_string(), |operator| operator.to_string())
}

/// What a supervisor may say to it. That a complete count did not see the serial is taken back by whoever
/// sees it, not by a decision.
fn choices(posting: &Posting<'_, '_>, doubt: &Doubt) -> Vec<Choice> {
    if is_missing_bin(posting.draft, &doubt.at) {
        return vec![Choice::Accept];
    }
    vec![Choice::Accept, Choice::Recount, Choice::Correct, Choice::Dismiss]
}

/// Asks for a count, where there is a bin to look into: nobody can look at what is between two locations,
/// or missing.
fn ask_to_look(posting: &mut Posting<'_, '_>, place: StockKey) {
    let location = posting.draft.row::<Locations>(&place.location);
    if location.is_some_and(|location| location.in_transit) || is_missing_bin(posting.draft, &place)
    {
        return;
    }
    let unpacked = StockKey { plate: PlateId(0), ..place };
    conflict::request_task(
        posting,
        conflict::TaskDraft::count_of(&unpacked, &Code::SerialPlaceUnsure),
    );
}

/// Where the last booked act left the serial.
fn place_now(posting: &Posting<'_, '_>, unit: &Unit) -> Option<StockKey> {
    let range = KeyRange::prefix(&(unit.0, unit.1, unit.2.clone()));
    super::history::first_booked(posting.draft, &range, true).and_then(|(_order, row)| row.end)
}

fn doubt(posting: &Posting<'_, '_>, unit: &Unit) -> Option<Doubt> {
    let acts = last_acts(posting, unit);
    let (last, before) = acts.split_first()?;
    let at = left_at(&last.1)?;
    let others = match (last.1.act, before.split_first()) {
        (SerialAct::NotSeen(_), Some((looked_for, earlier))) => {
            // A complete count doubts nothing but that it was there already: where else it may be is as
            // open as it was without that count.
            let mut others = rivals(posting, last, at, before.get(..1).unwrap_or_default());
            if let Some(there) = left_at(&looked_for.1) {
                others.extend(rivals(posting, looked_for, there, earlier));
            }
            others
        }
        (..) => rivals(posting, last, at, before),
    };
    let by_count = matches!(last.1.act, SerialAct::NotSeen(_));
    (!others.is_empty()).then_some(Doubt { at, last: last.0, others, by_count })
}

/// Of the acts `before` another one, which left the serial `at` its place, those that brought it elsewhere and
/// may as well be later.
fn rivals(
    posting: &Posting<'_, '_>,
    (last, row): &(OrderKey, SerialActRow),
    at: StockKey,
    before: &[(OrderKey, SerialActRow)],
) -> Vec<(OrderKey, StockKey)> {
    let is_unseen = matches!(row.act, SerialAct::NotSeen(_));
    let mut rivals = Vec::new();
    let mut fits = !is_unseen && was_where_it_was_found(row);
    for (order, earlier) in before {
        let reach_us = earlier.epsilon_us.saturating_add(row.epsilon_us);
        let elsewhere = led_to(earlier.act, is_unseen).filter(|to| *to != at && !fits);
        if let Some(to) = elsewhere
            && may_be_later(posting, *order, *last, reach_us)
        {
            rivals.push((*order, to));
        }
        fits &= was_where_it_was_found(earlier);
    }
    rivals
}

/// The acts that tell where the serial is, from the last back.
fn last_acts(posting: &Posting<'_, '_>, unit: &Unit) -> Vec<(OrderKey, SerialActRow)> {
    let range = KeyRange::prefix(&(unit.0, unit.1, unit.2.clone()));
    let mut acts = Vec::new();
    let mut n_acts = 0_usize;
    posting.draft.each::<SerialActs>(&range, true, |key, row| {
        n_acts = n_acts.saturating_add(1);
        if !row.parked && !is_passive(&row) {
            acts.push((key.3, *row));
        }
        if n_acts < ACTS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    acts
}

/// It tells nothing of where the serial is.
fn is_passive(row: &SerialActRow) -> bool {
    matches!(row.act, SerialAct::Carried(..) | SerialAct::NotSeen(_)) && row.start == row.end
}

/// Where the last act left the serial, if it can be asked whether it did: nothing was done before it
/// came or after it left.
const fn left_at(row: &SerialActRow) -> Option<StockKey> {
    match row.act {
        SerialAct::Moved(..)
        | SerialAct::Carried(..)
        | SerialAct::Seen(_)
        | SerialAct::NotSeen(_) => row.end,
        SerialAct::In(_) | SerialAct::Out(_) => None,
    }
}

/// Where an act tells that the serial was afterwards. It came before everything else that was done with
/// it, but perhaps after a complete count that did not see it (`or_came`).
const fn led_to(act: SerialAct, or_came: bool) -> Option<StockKey> {
    match act {
        SerialAct::Moved(_, to) | SerialAct::Carried(_, to) | SerialAct::Seen(to) => Some(to),
        SerialAct::In(to) if or_came => Some(to),
        SerialAct::In(_) | SerialAct::Out(_) | SerialAct::NotSeen(_) => None,
    }
}

/// Whether the acts before led to where whoever did it found the serial: then they came before.
fn was_where_it_was_found(row: &SerialActRow) -> bool {
    match row.act {
        SerialAct::Moved(from, _)
        | SerialAct::Carried(from, _)
        | SerialAct::Seen(from)
        | SerialAct::Out(from) => row.start == Some(from),
        SerialAct::In(_) | SerialAct::NotSeen(_) => true,
    }
}

/// Whether the act at `order` may have been done after `last`, which is later by τ: their intervals touch
/// within `reach_us`, and neither one recorder nor what its operator had seen tells their order.
fn may_be_later(posting: &Posting<'_, '_>, order: OrderKey, last: OrderKey, reach_us: u64) -> bool {
    let one_recorder = (order.device, order.incarnation) == (last.device, last.incarnation);
    !one_recorder
        && last.tau.us_since(order.tau).unsigned_abs() <= reach_us
        && !ambiguity::is_causal(posting.draft, order.operation(), last.operation())
}
