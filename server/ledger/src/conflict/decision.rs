//! Decisions: what a choice posts. Each is an operation with an outcome of its own; the operation
//! that the case is about is restated.

use protocol::barcode::item_code;
use protocol::code::Code;
use protocol::feed::{DocumentStatus, TaskKind};
use protocol::identity::{CaseId, OperationId};
use protocol::operation::{Body, DocumentKind, DocumentRef, Goods, Place, Recorded};
use protocol::outcome::{Argument, Decision, Reason};
use protocol::quantity::Quantity;
use protocol::words::{IdentifierCode, OperatorId};

use crate::command::master::{self, PutIdentifier};
use crate::command::stock::Decide;
use crate::conflict::{TaskDraft, case, destroyed, request_task, restate};
use crate::count::{self, decided};
use crate::document::Wanted;
use crate::lookup;
use crate::movement::carry::Motion;
use crate::operation::{Correction, rejudge, reverse};
use crate::posting::{Posting, Stop};
use crate::schema::book::{Intakes, Origin, Outcomes};
use crate::schema::case::{Case, CaseState, Cases, Choice};
use crate::schema::entry::{EntryReason, EntryType, LineField, PostedBy};
use crate::schema::item::Identifiers;
use crate::schema::stock::Holds;
use crate::schema::tracking::{SerialAct, SerialActs};
use crate::schema::{BinId, ItemId, LocationId, PlateId, StockKey, TrackingId, VariantId};
use crate::tables::{Read as _, Tables};
use crate::tracking::{self, serial};

/// Decides a case.
///
/// # Errors
///
/// Refuses a case that is unknown, was decided before, has changed since it was seen, or does not
/// offer the choice; and whatever still stands against posting.
pub fn decide(posting: &mut Posting<'_, '_>, decide: &Decide) -> Result<(), Stop> {
    let Some(row) = posting.draft.row::<Cases>(&decide.case) else {
        return Err(Stop::Refuse(Reason::new(Code::CaseUnknown).word("case", decide.case)));
    };
    let open = (*row).clone();
    check(&open, decide)?;
    let by = decider(posting);
    let at = posting.act.at;
    let waiting = case::waiting_for(posting.draft, decide.case);
    let state = CaseState::Decided { choice: decide.choice, by, at };
    case::close(posting, decide.case, state);
    apply(posting, decide, &open)?;
    for waiting in waiting {
        if let Some(row) = posting.draft.row::<Cases>(&waiting) {
            posting.awakened.push(row.operation);
        }
    }
    Ok(())
}

fn check(case: &Case, decide: &Decide) -> Result<(), Stop> {
    match &case.state {
        CaseState::Open => {}
        CaseState::Decided { by, at, .. } => {
            let reason = Reason::new(Code::CaseAlreadyDecided)
                .word("operator", by)
                .with("at", Argument::Time(*at));
            return Err(Stop::Refuse(reason));
        }
        CaseState::Resolved { at } => {
            let reason = Reason::new(Code::CaseAlreadyDecided).with("at", Argument::Time(*at));
            return Err(Stop::Refuse(reason));
        }
    }
    if decide.version != case.version {
        let reason = Reason::new(Code::StaleDocument)
            .word("document", decide.case)
            .with("version", Argument::Number(i64::from(case.version)));
        return Err(Stop::Refuse(reason));
    }
    if case.choices.contains(&decide.choice) {
        Ok(())
    } else {
        Err(Stop::refuse(Code::ChoiceNotOffered))
    }
}

fn decider(posting: &Posting<'_, '_>) -> OperatorId {
    posting.act.operator.clone().unwrap_or_else(|| {
        OperatorId::new("system").expect("a short word of letters is an operator's code")
    })
}

/// A reason that names who decided.
pub(crate) fn by_decider(posting: &Posting<'_, '_>, code: Code) -> Reason {
    Reason::new(code).word("operator", decider(posting))
}

fn apply(posting: &mut Posting<'_, '_>, decide: &Decide, open: &Case) -> Result<(), Stop> {
    if decide.choice == Choice::Correct {
        return correct(posting, decide, open);
    }
    if decided::is_about_counts(posting.draft, decide.case, open) {
        return decided::apply(posting, decide.case, open, decide.choice);
    }
    if let Some(key) = sighting(posting, open) {
        return decide_sighting(posting, open, key, decide.choice);
    }
    if let Some(key) = unsure_sighting(posting, open)
        && decide.choice == Choice::Dismiss
    {
        return decide_sighting(posting, open, key, decide.choice);
    }
    match decide.choice {
        Choice::Accept if open.parked => accept_parked(posting, open),
        Choice::Accept => accept_posted(posting, decide.case, open),
        Choice::ApproveOver => {
            attribute_surplus(posting, open)?;
            accept_posted(posting, decide.case, open)
        }
        Choice::Return => {
            ask_about(posting, decide.case, open, TaskKind::ReturnToStock)?;
            say(posting, open.operation, Code::CaseAccepted);
            Ok(())
        }
        Choice::Recount => {
            let bins = if destroyed::is_about(&*posting.draft, open) {
                Some(destroyed::ask_counts(posting, decide.case, open)?)
            } else {
                ask_about(posting, decide.case, open, TaskKind::Recount)?
            };
            let reason = by_decider(posting, Code::CaseRecount);
            let reason = bins.into_iter().fold(reason, |said, bins| said.word("bin", bins));
            dismissed(posting, open, reason);
            Ok(())
        }
        Choice::Dismiss => {
            if !open.parked {
                take_back(posting, open.operation)?;
            }
            // Nothing was to be booked by who only said what is so.
            let code =
                if only_said(posting, open) { Code::CaseClosed } else { Code::CaseDismissed };
            dismissed(posting, open, by_decider(posting, code));
            Ok(())
        }
        Choice::Correct | Choice::Before | Choice::After | Choice::Lost => {
            Err(Stop::refuse(Code::ChoiceNotOffered))
        }
    }
}

/// The stored operation is judged again, at its own instant.
fn accept_parked(posting: &mut Posting<'_, '_>, open: &Case) -> Result<(), Stop> {
    rejudge(posting, open.operation, None)?;
    say(posting, open.operation, Code::CaseAccepted);
    Ok(())
}

/// What was posted and held back is free.
fn accept_posted(posting: &mut Posting<'_, '_>, id: CaseId, open: &Case) -> Result<(), Stop> {
    let held = posting.draft.row::<PostedBy>(&open.operation).map(|row| row.holds.clone());
    for hold in held.unwrap_or_default() {
        let of_case = posting.draft.row::<Holds>(&hold).is_some_and(|row| row.case == Some(id));
        if of_case {
            posting.release_hold(hold)?;
        }
    }
    // A hold on a serial belongs to whichever act made its place unsure.
    if let Some(key) = open.stock {
        serial::unsure::release(posting, key, id)?;
    }
    serial::unsure::release_all(posting, id, open)?;
    say(posting, open.operation, Code::CaseAccepted);
    Ok(())
}

/// The operation as it should have been captured takes the place of what was captured.
fn correct(posting: &mut Posting<'_, '_>, decide: &Decide, open: &Case) -> Result<(), Stop> {
    let missing = || Stop::Refuse(Reason::new(Code::MalformedRequest).word("why", "correction"));
    let handle = decide.correction.as_ref().ok_or_else(missing)?;
    let body = Body::decode(&handle.kind, handle.version, &handle.body)
        .map_err(|error| Stop::Refuse(Reason::new(Code::MalformedRequest).word("why", error)))?;
    if let Some(key) = sighting(posting, open) {
        forget_sighting(posting, open.operation, key)?;
    }
    if !open.parked {
        take_back(posting, open.operation)?;
    }
    bind_identifier(posting, open.operation, &body)?;
    let correction =
        Correction { body: &body, document: handle.document.clone(), date: handle.date };
    rejudge(posting, open.operation, Some(correction))?;
    say(posting, open.operation, Code::CaseCorrected);
    Ok(())
}

/// Everything that the operation posted is taken back.
fn take_back(posting: &mut Posting<'_, '_>, operation: OperationId) -> Result<(), Stop> {
    count::take_out_operation(posting, operation)?;
    reverse(posting, operation, EntryReason::CaseDecision)?;
    count::asked_again::ask_again(posting, operation);
    Ok(())
}

/// A barcode that nobody could name stands for the item from now on, unless it stands for something
/// already.
fn bind_identifier(
    posting: &mut Posting<'_, '_>,
    operation: OperationId,
    body: &Body,
) -> Result<(), Stop> {
    let Some(Body::Unidentified(seen)) = captured(&*posting.draft, operation) else {
        return Ok(());
    };
    let goods = match body {
        Body::Receive(body) => &body.goods,
        Body::Move(body) => &body.goods,
        Body::Count(body) => &body.goods,
        Body::Adjust(body) => &body.goods,
        Body::CountBin(_)
        | Body::Pick(_)
        | Body::Ship(_)
        | Body::MovePlate(_)
        | Body::TransferShip(_)
        | Body::TransferReceive(_)
        | Body::Reclassify(_)
        | Body::Undo(_)
        | Body::Unidentified(_)
        | Body::Answer(_)
        | Body::SignIn(_)
        | Body::SignOut(_)
        | Body::Attach(_)
        | Body::Void(_) => return Ok(()),
    };
    // What the scanner puts around the code is no part of it: the next scan may come without.
    let Ok(code) = IdentifierCode::new(item_code(&seen.raw)) else { return Ok(()) };
    if posting.draft.has::<Identifiers>(&code) {
        return Ok(());
    }
    let put = PutIdentifier {
        code,
        item: goods.item.clone(),
        variant: goods.variant.clone(),
        unit: Some(goods.unit.clone()),
    };
    master::bind_identifier(posting, &put)
}

fn recorded(tables: &(impl Tables + ?Sized), operation: OperationId) -> Option<Recorded> {
    let no = tables.row::<Outcomes>(&operation)?.intake;
    let intake = tables.row::<Intakes>(&no)?;
    match intake.origin {
        Origin::Device { .. } => Recorded::from_content(&intake.raw).ok(),
        Origin::Desk { .. } | Origin::Import { .. } | Origin::System => None,
    }
}

/// What a device captured.
pub(crate) fn captured(tables: &(impl Tables + ?Sized), operation: OperationId) -> Option<Body> {
    recorded(tables, operation)?.decode_body().ok()
}

/// The serial that a count saw and that could not be booked.
fn sighting(posting: &Posting<'_, '_>, open: &Case) -> Option<StockKey> {
    let code = &open.reasons.first()?.code;
    let about_serial = matches!(code, Code::SerialUnknown | Code::SerialShipped);
    open.stock
        .filter(|_key| about_serial && !open.parked)
        .filter(|key| serial::of(posting.draft, key.tracking).is_some())
}

/// The serial that a count of a device or a desk saw, and of which nobody is sure that it was still there:
/// what else the count says stands whatever is decided.
fn unsure_sighting(posting: &Posting<'_, '_>, open: &Case) -> Option<StockKey> {
    let is_unsure = open.reasons.first()?.code == Code::SerialPlaceUnsure;
    let key = open.stock.filter(|_key| is_unsure)?;
    let no = serial::of(posting.draft, key.tracking)?;
    let unit = crate::key::KeyRange::prefix(&(key.item, key.variant, no));
    let acts = posting.draft.list::<SerialActs>(&unit);
    let saw = acts.iter().any(|(act, row)| {
        act.3.operation() == open.operation && matches!(row.act, SerialAct::Seen(_))
    });
    saw.then_some(key)
}

fn decide_sighting(
    posting: &mut Posting<'_, '_>,
    open: &Case,
    key: StockKey,
    choice: Choice,
) -> Result<(), Stop> {
    let places = forget_sighting(posting, open.operation, key)?;
    if choice != Choice::Accept {
        dismissed(posting, open, by_decider(posting, Code::CaseDismissed));
        return Ok(());
    }
    for order in places {
        let motion = Motion {
            reason: EntryReason::CaseDecision,
            ..Motion::into_stock(EntryType::PositiveAdjustment, key, Quantity::ONE, order)
        };
        posting.carry(&motion)?;
    }
    say(posting, open.operation, Code::CaseAccepted);
    Ok(())
}

/// Takes the sightings of a count out of the history of the serial. Gives back their places.
fn forget_sighting(
    posting: &mut Posting<'_, '_>,
    operation: OperationId,
    key: StockKey,
) -> Result<Vec<crate::schema::OrderKey>, Stop> {
    let Some(no) = serial::of(posting.draft, key.tracking) else { return Ok(Vec::new()) };
    let unit = crate::key::KeyRange::prefix(&(key.item, key.variant, no));
    let places: Vec<_> = posting
        .draft
        .list::<SerialActs>(&unit)
        .into_iter()
        .filter(|(_act, row)| row.parked || matches!(row.act, SerialAct::Seen(_)))
        .filter(|(act, _row)| act.3.operation() == operation)
        .map(|(act, _row)| act.3)
        .collect();
    for order in &places {
        serial::forget(posting, key, *order)?;
    }
    Ok(places)
}

/// Surplus goods count for the document after all: the first line for them takes them.
fn attribute_surplus(posting: &mut Posting<'_, '_>, open: &Case) -> Result<(), Stop> {
    let Some(outcome) = posting.draft.row::<Outcomes>(&open.operation) else { return Ok(()) };
    let field = match outcome.kind.as_str() {
        "receive" | "ship" => LineField::Handled,
        "pick" => LineField::Picked,
        "transfer_receive" => LineField::Received,
        _ => return Ok(()),
    };
    let (Some(key), Some(quantity)) = (open.stock, surplus_of(open)) else { return Ok(()) };
    let document =
        recorded(&*posting.draft, open.operation).and_then(|known| known.envelope.document);
    let Some(document) = document else { return Ok(()) };
    let wanted = Wanted { item: key.item, variant: key.variant, tracking: key.tracking };
    let Some(line) = first_line(posting, &document, wanted) else { return Ok(()) };
    reopen(posting, &document);
    posting.add_to_line(&(document.kind, document.no), line, field, quantity)
}

/// A document that was closed takes goods again, because a person let it (CONFLICTS 9).
fn reopen(posting: &mut Posting<'_, '_>, reference: &DocumentRef) {
    let closed = posting
        .document(reference)
        .filter(|document| document.status == DocumentStatus::Closed && !document.closed_by_lines);
    if let Some(document) = closed {
        let key = (reference.kind, reference.no.clone());
        posting.set_status(&key, document, DocumentStatus::Released);
    }
}

fn first_line(posting: &Posting<'_, '_>, document: &DocumentRef, wanted: Wanted) -> Option<u32> {
    // What is on its way between two locations is kept by line: a transfer's surplus stays without.
    if document.kind == DocumentKind::TransferOrder {
        return None;
    }
    posting.document(document).filter(|row| row.status != DocumentStatus::Cancelled)?;
    posting.lines_for(document, wanted).first().map(|(line, _row)| *line)
}

fn surplus_of(open: &Case) -> Option<Quantity> {
    open.reasons.iter().flat_map(|reason| &reason.arguments).find_map(|(name, argument)| {
        match argument {
            Argument::Quantity(quantity) if name == "surplus" => Some(*quantity),
            Argument::Quantity(_) | Argument::Number(_) | Argument::Time(_) | Argument::Word(_) => {
                None
            }
        }
    })
}

/// Asks for something to be done where the case is about stock, or where the operation was done. Gives
/// back the bin that is asked about; none where nothing could be asked.
///
/// # Errors
///
/// Refuses where that place is still not known: nobody could be sent there.
fn ask_about(
    posting: &mut Posting<'_, '_>,
    id: CaseId,
    open: &Case,
    kind: TaskKind,
) -> Result<Option<String>, Stop> {
    let reason = open.reasons.first().map(|reason| reason.code.as_str().to_owned());
    let recount = kind == TaskKind::Recount;
    let about = match open.stock {
        Some(key) => Some((key.location, key.bin, Some((key.item, key.variant)), key.plate)),
        None => place_of(posting, open.operation)
            .map_err(Stop::Refuse)?
            .map(|(location, bin, item)| (location, bin, item, PlateId(0))),
    };
    let Some((location, bin, goods, plate)) = about else { return Ok(None) };
    let task = TaskDraft {
        kind,
        location,
        bin,
        item: goods.map(|goods| goods.0),
        variant: goods.map_or(VariantId(0), |goods| goods.1),
        plate,
        reason: reason.unwrap_or_default(),
        not_by: open.operator.clone().filter(|_operator| recount),
        blind: recount,
        case: Some(id),
    };
    request_task(posting, task);
    Ok(Some(lookup::bin_text(posting.draft, location, bin)))
}

/// An item and its variant.
type GoodsKey = (ItemId, VariantId);

/// Where a parked operation was done, and with what, as far as that is known; none for one that was
/// done nowhere in particular.
///
/// # Errors
///
/// The location or the bin that is not known.
fn place_of(
    posting: &Posting<'_, '_>,
    operation: OperationId,
) -> Result<Option<(LocationId, BinId, Option<GoodsKey>)>, Reason> {
    let captured = captured(&*posting.draft, operation);
    let Some((place, goods)) = captured.and_then(done_at) else { return Ok(None) };
    let (location, row) = lookup::location(posting.draft, &place.location)?;
    let bin = lookup::bin(posting.draft, (location, &row), place.bin.as_ref())?;
    let item = goods.and_then(|goods| {
        let (item, _card) = lookup::item(posting.draft, &goods.item).ok()?;
        let variant = lookup::variant(posting.draft, item, goods.variant.as_ref()).ok()?;
        Some((item, variant))
    });
    Ok(Some((location, bin, item)))
}

/// Where an operation was done, and with what; none for one that was done nowhere in particular.
fn done_at(body: Body) -> Option<(Place, Option<Goods>)> {
    Some(match body {
        Body::Count(body) => (body.place, Some(body.goods)),
        Body::Adjust(body) => (body.place, Some(body.goods)),
        Body::Reclassify(body) => (body.place, Some(body.goods)),
        Body::Receive(body) => (body.to, Some(body.goods)),
        Body::TransferReceive(body) => (body.to, Some(body.goods)),
        Body::Pick(body) => (body.from, Some(body.goods)),
        Body::Ship(body) => (body.from, Some(body.goods)),
        Body::TransferShip(body) => (body.from, Some(body.goods)),
        Body::Move(body) => (body.from, Some(body.goods)),
        Body::MovePlate(body) => (body.to, None),
        Body::Unidentified(body) => (body.place, None),
        Body::CountBin(body) => {
            (Place { location: body.location, bin: Some(body.bin), plate: None }, None)
        }
        Body::Undo(_)
        | Body::Answer(_)
        | Body::SignIn(_)
        | Body::SignOut(_)
        | Body::Attach(_)
        | Body::Void(_) => return None,
    })
}

/// What the case is about, as far as that is known; none as the tracking where nobody has met it yet.
pub(super) fn goods_of(
    tables: &impl Tables,
    id: CaseId,
) -> Option<(ItemId, VariantId, Option<TrackingId>)> {
    let case = tables.row::<Cases>(&id)?;
    if let Some(key) = case.stock {
        return Some((key.item, key.variant, Some(key.tracking)));
    }
    let (_place, goods) = done_at(captured(tables, case.operation)?)?;
    let goods = goods?;
    let (item, _card) = lookup::item(tables, &goods.item).ok()?;
    let variant = lookup::variant(tables, item, goods.variant.as_ref()).ok()?;
    Some((item, variant, tracking::known(tables, (item, variant), &goods.tracking)))
}

/// Adds to the outcome of the operation who decided what.
fn say(posting: &mut Posting<'_, '_>, operation: OperationId, code: Code) {
    let reason = by_decider(posting, code);
    restate(posting, operation, |row| row.outcome.reasons.push(reason));
}

/// Whether the operation answered a question, and was taken: what somebody saw stands whatever is
/// decided about what follows from it.
fn only_said(posting: &Posting<'_, '_>, open: &Case) -> bool {
    let kind = posting.draft.row::<Outcomes>(&open.operation).map(|row| row.kind.clone());
    !open.parked && kind.as_deref() == Some("answer")
}

/// Nothing of the operation is booked: a fact stays on record, a claim is refused.
fn dismissed(posting: &mut Posting<'_, '_>, open: &Case, reason: Reason) {
    let stands = only_said(posting, open);
    restate(posting, open.operation, |row| {
        if !stands {
            let claim = matches!(row.kind.as_str(), "adjust" | "undo");
            row.outcome.decision = if claim { Decision::Refused } else { Decision::Changed };
        }
        row.outcome.reasons.push(reason);
    });
}
