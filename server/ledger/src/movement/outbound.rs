//! Goods were picked for a document, or left the house.

use protocol::code::Code;
use protocol::feed::{DocumentStatus, TaskKind};
use protocol::operation::{DocumentKind, DocumentRef, Pick, Ship};
use protocol::outcome::Reason;
use protocol::quantity::Quantity;

use crate::conflict;
use crate::document::{Attribution, Portion, Wanted};
use crate::movement::carry::Motion;
use crate::movement::goods::{self, Flow, Named};
use crate::movement::receive::hold_named;
use crate::movement::spot::{self, End, Spot};
use crate::posting::{Posting, Stop};
use crate::schema::case::Choice;
use crate::schema::entry::{EntryType, LineField};
use crate::schema::{PlateId, StockKey};

/// Registers a pick: from the bin to the bin where the goods were dropped.
///
/// # Errors
///
/// Parks what is unknown; refuses it at the desk.
pub fn pick(posting: &mut Posting<'_, '_>, body: &Pick) -> Result<(), Stop> {
    let from = spot::resolve(posting, &body.from, End::From)?;
    let to = match &body.to {
        Some(to) => spot::resolve(posting, to, End::To)?,
        None => Spot { bin: from.row.shipment_bin, plate: PlateId(0), ..from.clone() },
    };
    let named = goods::resolve(posting, &body.goods, Flow::Out)?;
    let (source, target) = (named.key(&from), named.key(&to));
    let reference = posting.act.document.clone();
    let attribution = match &reference {
        Some(reference) => attribute(posting, reference, &named, LineField::Picked)?,
        None => nothing_attributed(named.base),
    };
    let order = posting.next_order();
    let document = reference.as_ref().map(|reference| {
        let line = attribution.portions.first().and_then(|portion| portion.line);
        (reference.kind, reference.no.clone(), line.unwrap_or(0))
    });
    let motion = Motion { document, ..Motion::between(source, target, named.base, order) };
    posting.carry(&motion)?;
    if let Some(reference) = &reference {
        add_portions(posting, reference, &attribution, LineField::Picked)?;
        surplus_goes_back(posting, reference, &named, (target, attribution.surplus));
    }
    hold_named(posting, target, &named)?;
    empty_answer(posting, body, source)
}

fn nothing_attributed(surplus: Quantity) -> Attribution {
    Attribution { surplus, on_document: false, ..Attribution::default() }
}

/// "Is the bin empty now?", and a pick that found less than asked: a bin that should hold more by
/// the book is to be counted.
#[expect(clippy::unnecessary_wraps, reason = "the last step of a movement ends as every step does")]
fn empty_answer(posting: &mut Posting<'_, '_>, body: &Pick, source: StockKey) -> Result<(), Stop> {
    let left = posting.stock(&source);
    let contradicts = match body.emptied {
        Some(true) => !left.is_zero(),
        Some(false) => !left.is_positive(),
        None => false,
    };
    if contradicts || (body.short.is_some() && left.is_positive()) {
        let reason = if contradicts { Code::CountVariance } else { Code::BinInsufficient };
        ask(posting, TaskKind::Count, source, &reason);
    }
    Ok(())
}

/// Posts a shipment from the bin where the goods were loaded.
///
/// # Errors
///
/// Parks what is unknown; refuses it at the desk.
pub fn ship(posting: &mut Posting<'_, '_>, body: &Ship) -> Result<(), Stop> {
    let spot = spot::resolve(posting, &body.from, End::From)?;
    let named = goods::resolve(posting, &body.goods, Flow::Out)?;
    let key = named.key(&spot);
    let reference = posting.act.document.clone();
    let attribution = match &reference {
        Some(reference) => attribute(posting, reference, &named, LineField::Handled)?,
        None => nothing_attributed(named.base),
    };
    let entry_type = match reference.as_ref().map(|reference| reference.kind) {
        Some(DocumentKind::PurchaseReturnOrder) => EntryType::Purchase,
        _ => EntryType::Sale,
    };
    let mut portions = attribution.portions.clone();
    if attribution.surplus.is_positive() {
        portions.push(Portion { line: None, quantity: attribution.surplus });
    }
    for portion in portions {
        let order = posting.next_order();
        let document = reference
            .as_ref()
            .zip(portion.line)
            .map(|(reference, line)| (reference.kind, reference.no.clone(), line));
        let motion =
            Motion { document, ..Motion::out_of_stock(entry_type, key, portion.quantity, order) };
        posting.carry(&motion)?;
    }
    match &reference {
        Some(reference) => {
            add_portions(posting, reference, &attribution, LineField::Handled)?;
            over_ship(posting, reference, &named, (key, attribution.surplus));
        }
        None => without_order(posting, &named, key),
    }
    if let Some(code) = named.on_hold.first() {
        // They left although they should not have: somebody must know at once.
        let reason = Reason::new(code.clone()).word("item", &named.card.no);
        open_case(posting, vec![reason], key, vec![Choice::Accept, Choice::Return]);
    }
    Ok(())
}

fn without_order(posting: &mut Posting<'_, '_>, named: &Named, key: StockKey) {
    let reason = Reason::new(Code::DocumentUnknown).word("item", &named.card.no);
    if posting.act.approved || !named.base.is_positive() {
        return;
    }
    posting.decision.changed(reason.clone());
    open_case(posting, vec![reason], key, vec![Choice::Accept, Choice::Correct, Choice::Return]);
}

fn over_ship(
    posting: &mut Posting<'_, '_>,
    reference: &DocumentRef,
    named: &Named,
    (key, surplus): (StockKey, Quantity),
) {
    if !surplus.is_positive() || posting.act.approved {
        return;
    }
    let reason = Reason::new(Code::OverShip)
        .word("item", &named.card.no)
        .word("document", &reference.no)
        .quantity("surplus", surplus);
    posting.decision.changed(reason.clone());
    open_case(posting, vec![reason], key, vec![Choice::ApproveOver, Choice::Return]);
}

/// Surplus of a pick lies where it was dropped until somebody brings it back (SYNC 4.7).
fn surplus_goes_back(
    posting: &mut Posting<'_, '_>,
    reference: &DocumentRef,
    named: &Named,
    (key, surplus): (StockKey, Quantity),
) {
    if !surplus.is_positive() {
        return;
    }
    let cancelled = posting
        .document(reference)
        .is_some_and(|document| document.status == DocumentStatus::Cancelled);
    let code = if cancelled { Code::DocumentCancelled } else { Code::OverPick };
    let reason = Reason::new(code.clone())
        .word("item", &named.card.no)
        .word("document", &reference.no)
        .quantity("surplus", surplus);
    posting.decision.changed(reason);
    ask(posting, TaskKind::ReturnToStock, key, &code);
}

/// Spreads outbound goods over the lines of their document. What the document does not take is
/// surplus; a document that is not there, or takes nothing any more, takes nothing.
fn attribute(
    posting: &mut Posting<'_, '_>,
    reference: &DocumentRef,
    named: &Named,
    field: LineField,
) -> Result<Attribution, Stop> {
    let text =
        |code| Reason::new(code).word("document", &reference.no).word("item", &named.card.no);
    let Some(document) = posting.document(reference) else {
        return refused_at_desk(posting, text(Code::DocumentUnknown), named);
    };
    match document.status {
        DocumentStatus::Released => {}
        DocumentStatus::Closed if document.closed_by_lines => {}
        DocumentStatus::Closed => {
            return refused_at_desk(posting, text(Code::DocumentClosed), named);
        }
        DocumentStatus::Cancelled => {
            return refused_at_desk(posting, text(Code::DocumentCancelled), named);
        }
        DocumentStatus::Open if posting.act.desk => {
            return Err(Stop::Refuse(text(Code::NotReleased)));
        }
        DocumentStatus::Open => posting.decision.changed(text(Code::NotReleased)),
    }
    let wanted = Wanted { item: named.item, variant: named.variant, tracking: named.tracking };
    let attribution = posting.attribute(reference, wanted, (field, named.base), |line| {
        Ok((line.quantity, line.quantity))
    })?;
    if !attribution.on_document {
        return refused_at_desk(posting, text(Code::NotOnDocument), named);
    }
    if attribution.surplus.is_positive() && posting.act.desk && !posting.act.approved {
        let reason = text(Code::ExceedsOutstanding)
            .quantity("wanted", named.base)
            .quantity("available", crate::posting::subtract(named.base, attribution.surplus)?);
        return Err(Stop::Refuse(reason));
    }
    Ok(attribution)
}

fn refused_at_desk(
    posting: &mut Posting<'_, '_>,
    reason: Reason,
    named: &Named,
) -> Result<Attribution, Stop> {
    if posting.act.desk {
        return Err(Stop::Refuse(reason));
    }
    posting.decision.changed(reason);
    Ok(nothing_attributed(named.base))
}

fn add_portions(
    posting: &mut Posting<'_, '_>,
    reference: &DocumentRef,
    attribution: &Attribution,
    field: LineField,
) -> Result<(), Stop> {
    let key = (reference.kind, reference.no.clone());
    for portion in &attribution.portions {
        if let Some(line) = portion.line {
            posting.add_to_line(&key, line, field, portion.quantity)?;
        }
    }
    Ok(())
}

/// Asks for something to be done about what lies under `key`.
pub(crate) fn ask(posting: &mut Posting<'_, '_>, kind: TaskKind, key: StockKey, reason: &Code) {
    let task = conflict::TaskDraft {
        kind,
        location: key.location,
        bin: key.bin,
        item: Some(key.item),
        variant: key.variant,
        plate: key.plate,
        reason: reason.as_str().to_owned(),
        not_by: None,
        blind: false,
        case: None,
    };
    conflict::request_task(posting, task);
}

/// Opens a case about goods that are posted.
pub(crate) fn open_case(
    posting: &mut Posting<'_, '_>,
    reasons: Vec<Reason>,
    stock: StockKey,
    choices: Vec<Choice>,
) -> protocol::identity::CaseId {
    let case = conflict::CaseDraft {
        reasons,
        stock: Some(stock),
        choices,
        parked: false,
        others: Vec::new(),
    };
    conflict::open_case(posting, case)
}
