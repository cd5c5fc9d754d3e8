//! An earlier operation did not happen: everything of it that stands is taken back by counter
//! entries, at its own instant, so that counts in between see nothing of it.

use protocol::code::Code;
use protocol::feed::Role;
use protocol::identity::OperationId;
use protocol::operation::Undo;
use protocol::outcome::{Decision, Reason};
use protocol::words::OperatorId;

use crate::conflict;
use crate::costing::LineValue;
use crate::count;
use crate::key::KeyRange;
use crate::movement::transfer::settle_freed;
use crate::operation::{named_by_device, place};
use crate::place::plate;
use crate::posting::{EntryLine, Posting, Stop};
use crate::right;
use crate::schema::EntryNo;
use crate::schema::StockKey;
use crate::schema::book::Outcomes;
use crate::schema::case::{CaseState, Cases, CasesByOperation};
use crate::schema::document::ProvisionalShipments;
use crate::schema::entry::{EntryReason, LineField, Posted, PostedBy};
use crate::schema::place::Plates;
use crate::tables::Read as _;
use crate::tracking::serial;

/// Takes back an operation of the same device, as long as nothing stands on it.
///
/// # Errors
///
/// Refuses what is not known, was undone before, posted nothing, or was built upon; parks what another
/// person did, unless a supervisor undoes it.
pub fn post(posting: &mut Posting<'_, '_>, body: Undo) -> Result<(), Stop> {
    let target = named_by_device(posting, (body.incarnation, body.seq));
    let nothing = || Stop::refuse(Code::NothingToUndo);
    let Some(outcome) = posting.draft.row::<Outcomes>(&target) else { return Err(nothing()) };
    let posted = posting.draft.row::<PostedBy>(&target).map(|row| (*row).clone());
    if posted.as_ref().is_some_and(|posted| posted.undone_by.is_some()) {
        return Err(Stop::refuse(Code::AlreadyUndone));
    }
    if outcome.outcome.decision == Decision::Refused {
        return Err(nothing());
    }
    may_undo(posting, target, outcome.operator.as_ref())?;
    let posted = posted.unwrap_or_default();
    stands_on(posting, &posted)?;
    let counted = count::take_out_operation(posting, target)?;
    let parked = outcome.outcome.decision == Decision::Parked;
    let empty = posted.legs.is_empty() && posted.standing.is_empty() && posted.serials.is_empty();
    if empty && posted.lines.is_empty() && !counted && !parked {
        return Err(nothing());
    }
    take_back(posting, target, EntryReason::Undo)?;
    count::asked_again::ask_again(posting, target);
    close_cases(posting, target);
    mark_undone(posting, target);
    conflict::restate(posting, target, |row| {
        row.outcome.decision = Decision::Changed;
        row.outcome.case = None;
        row.outcome.reasons = vec![Reason::new(Code::UndoneByOperator)];
    });
    Ok(())
}

/// People undo what they did themselves (CONFLICTS 4.0); what another did is undone by a supervisor of
/// the place, or when one accepts it.
fn may_undo(
    posting: &Posting<'_, '_>,
    target: OperationId,
    author: Option<&OperatorId>,
) -> Result<(), Stop> {
    if posting.act.approved || posting.act.operator.as_ref() == author {
        return Ok(());
    }
    let location = place::of_captured(&*posting.draft, target);
    if right::held(posting, &[Role::Supervisor], location) {
        return Ok(());
    }
    let author = author.map_or_else(|| "–".to_owned(), ToString::to_string);
    Err(Stop::park(Reason::new(Code::UndoNotOwn).word("operator", author)))
}

/// Goods that came in must all be there still; goods that were put somewhere must lie there.
fn stands_on(posting: &Posting<'_, '_>, posted: &Posted) -> Result<(), Stop> {
    let consumed = || Stop::refuse(Code::UndoStockConsumed);
    for (entry, _key) in &posted.standing {
        let quantity = posting.entry(*entry).quantity;
        if quantity.is_positive() && posting.remaining(*entry) != quantity {
            let own_pair = goes_on_within(posting, posted, *entry);
            if !own_pair {
                return Err(consumed());
            }
        }
    }
    for leg in posted.legs.iter().filter(|leg| leg.delta.is_positive()) {
        let key = where_now(posting, leg.key);
        let passed_on =
            posted.legs.iter().any(|other| other.delta.is_negative() && other.key == leg.key);
        if !passed_on && posting.stock(&key) < leg.delta {
            return Err(consumed());
        }
    }
    if posted.plates.iter().any(|(plate, order)| plate::went_on(posting, *plate, *order)) {
        return Err(consumed());
    }
    for (item, variant, no, order) in &posted.serials {
        let unit = (*item, *variant, no.clone());
        if let Some(later) = serial::stands_on(posting.draft, &unit, *order)
            && !posted.serials.iter().any(|act| act.3 == later)
        {
            return Err(consumed());
        }
    }
    Ok(())
}

/// Whether what was taken from the increase was taken by the operation itself (a provisional
/// shipment that was received at once).
fn goes_on_within(posting: &Posting<'_, '_>, posted: &Posted, entry: EntryNo) -> bool {
    use crate::schema::entry::{Applications, ApplicationsByInbound};
    posting
        .draft
        .list::<ApplicationsByInbound>(&KeyRange::prefix(&(entry,)))
        .into_iter()
        .filter_map(|((_inbound, _outbound, no), _row)| posting.draft.row::<Applications>(&no))
        .filter(|row| row.entry != entry)
        .all(|row| posted.standing.iter().any(|(own, _key)| *own == row.entry))
}

/// The key under which goods on a plate lie now.
fn where_now(posting: &Posting<'_, '_>, key: StockKey) -> StockKey {
    match posting.draft.row::<Plates>(&key.plate) {
        Some(plate) => StockKey { location: plate.location, bin: plate.bin, ..key },
        None => key,
    }
}

/// Takes back everything that stands of `operation`: entries by counter entries with a fixed link to
/// what they correct, registrations by their opposite, document quantities, holds, acts of serials.
///
/// # Errors
///
/// [`Stop::Overflow`]; at the desk also where stock would go below zero.
pub(crate) fn take_back(
    posting: &mut Posting<'_, '_>,
    operation: OperationId,
    reason: EntryReason,
) -> Result<(), Stop> {
    let Some(row) = posting.draft.row::<PostedBy>(&operation) else { return Ok(()) };
    let mut posted = (*row).clone();
    let mark = (posting.posted.legs.len(), posting.posted.standing.len());
    for (entry, key) in posted.standing.drain(..).rev() {
        counter_entry(posting, entry, (key, reason))?;
    }
    for leg in posted.legs.drain(..).rev() {
        let delta = leg.delta.negated();
        if leg.item_ledger.0 == 0 {
            posting.register(leg.key, delta, leg.order, (reason, None))?;
        }
        posting.follow_holds(leg.key, None)?;
        count::timeline::movement_back(posting, leg.key, delta, leg.order, leg.item_ledger)?;
        plate::shift_along(posting, leg.key, delta, leg.order)?;
    }
    posting.posted.legs.truncate(mark.0);
    posting.posted.standing.truncate(mark.1);
    for (item, variant, no, order) in posted.serials.drain(..).rev() {
        serial::forget_act(posting, &(item, variant, no), order)?;
    }
    posting.draft.put::<PostedBy>(&operation, posted);
    take_back_rest(posting, operation)
}

/// The part of [`take_back`] that is neither entry nor movement: places of plates, document
/// quantities, holds.
pub(crate) fn take_back_rest(
    posting: &mut Posting<'_, '_>,
    operation: OperationId,
) -> Result<(), Stop> {
    let Some(row) = posting.draft.row::<PostedBy>(&operation) else { return Ok(()) };
    let mut posted = (*row).clone();
    for (plate, order) in posted.plates.drain(..).rev() {
        plate::forget(posting, plate, order)?;
    }
    for effect in posted.lines.drain(..).rev() {
        let key = (&effect.kind, &effect.no);
        posting.change_line(key, effect.line, effect.field, effect.quantity.negated())?;
        if effect.field == LineField::Handled {
            forget_provisional(posting, (&effect.no, effect.line), operation);
        }
    }
    let mut freed = Vec::new();
    for (no, line, tracking, delta) in posted.on_the_way.drain(..) {
        posting.change_on_the_way((&no, line, tracking), delta.negated())?;
        posting.posted.on_the_way.pop();
        if delta.is_negative() {
            freed.push((no, line, tracking));
        }
    }
    for hold in posted.holds.drain(..) {
        posting.release_hold(hold)?;
    }
    posting.draft.put::<PostedBy>(&operation, posted);
    for (no, line, tracking) in freed {
        settle_freed(posting, (&no, line, tracking))?;
    }
    Ok(())
}

/// A receipt that is taken back stands for no shipment any more.
fn forget_provisional(
    posting: &mut Posting<'_, '_>,
    (no, line): (&protocol::words::DocumentNo, u32),
    operation: OperationId,
) {
    let rows = posting.draft.list::<ProvisionalShipments>(&KeyRange::prefix(&(no.clone(), line)));
    for (key, _row) in rows {
        if key.3.operation() == operation {
            posting.draft.delete::<ProvisionalShipments>(&key);
        }
    }
}

fn counter_entry(
    posting: &mut Posting<'_, '_>,
    no: EntryNo,
    (key, reason): (StockKey, EntryReason),
) -> Result<(), Stop> {
    let entry = posting.entry(no);
    let incoming = entry.quantity.is_positive();
    let line = EntryLine {
        entry_type: entry.entry_type,
        reason,
        key,
        delta: entry.quantity.negated(),
        order: entry.order,
        document: entry.document.clone(),
        applies_to: if incoming { no } else { EntryNo(0) },
        applies_from: if incoming { EntryNo(0) } else { no },
        correction: true,
        posting_date: posting.act.posting_date,
        value: LineValue::default(),
    };
    posting.post_entry(line).map(|_no| ())
}

fn mark_undone(posting: &mut Posting<'_, '_>, target: OperationId) {
    let posted = posting.draft.row::<PostedBy>(&target);
    let mut posted = posted.map(|row| (*row).clone()).unwrap_or_default();
    posted.undone_by = Some(posting.act.operation);
    posting.draft.put::<PostedBy>(&target, posted);
}

/// Cases about something that did not happen are pointless.
fn close_cases(posting: &mut Posting<'_, '_>, operation: OperationId) {
    let cases = posting.draft.list::<CasesByOperation>(&KeyRange::prefix(&(operation,)));
    for ((_operation, case), _row) in cases {
        let open =
            posting.draft.row::<Cases>(&case).is_some_and(|row| row.state == CaseState::Open);
        if open {
            conflict::case::resolve(posting, case);
        }
    }
}
