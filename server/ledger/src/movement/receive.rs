//! Goods arrived. All of them are posted where they were scanned; which order they belong to is
//! attribution (SYNC 4.7, CONFLICTS 9–13).

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use protocol::code::Code;
use protocol::feed::DocumentStatus;
use protocol::identity::OperationId;
use protocol::operation::{Body, Condition, DocumentKind, DocumentRef, Goods, Receive};
use protocol::outcome::Reason;
use protocol::quantity::Quantity;

use crate::conflict;
use crate::conflict::decision::captured;
use crate::document::{Attribution, Portion, Wanted};
use crate::key::KeyRange;
use crate::movement::carry::Motion;
use crate::movement::goods::{self, Flow, Named};
use crate::movement::spot::{self, End};
use crate::posting::{Posting, Stop, add};
use crate::schema::StockKey;
use crate::schema::book::Outcomes;
use crate::schema::case::Choice;
use crate::schema::document::Document;
use crate::schema::entry::{EntryType, ItemLedgerByItem, LineField};
use crate::tables::Read as _;

/// Entries of an item that are looked through for receipts of the same order: those of one dock and day.
const ENTRIES_MAX: usize = 500;

/// Why goods belong to no order line.
struct Surplus {
    quantity: Quantity,
    reasons: Vec<Reason>,
    /// The receipts that filled the lines before, for whoever compares them.
    others: Vec<OperationId>,
}

/// Posts a receipt.
///
/// # Errors
///
/// Parks what is unknown; refuses it at the desk.
pub fn post(posting: &mut Posting<'_, '_>, body: &Receive) -> Result<(), Stop> {
    let spot = spot::resolve(posting, &body.to, End::To)?;
    let named = goods::resolve(posting, &body.goods, Flow::In)?;
    let key = named.key(&spot);
    let reference = posting.act.document.clone();
    let (attribution, surplus) = match &reference {
        Some(reference) => attribute(posting, reference, (&named, body))?,
        None => (Attribution::default(), unordered(posting, &named, None)),
    };
    let entry_type = match reference.as_ref().map(|reference| reference.kind) {
        Some(DocumentKind::SalesReturnOrder) => EntryType::Sale,
        _ => EntryType::Purchase,
    };
    let mut portions = attribution.portions;
    if surplus.quantity.is_positive() {
        portions.push(Portion { line: None, quantity: surplus.quantity });
    }
    for portion in portions {
        let order = posting.next_order();
        let document = reference
            .as_ref()
            .zip(portion.line)
            .map(|(reference, line)| (reference.kind, reference.no.clone(), line));
        let motion = Motion {
            document: document.clone(),
            ..Motion::into_stock(entry_type, key, portion.quantity, order)
        };
        posting.carry(&motion)?;
        if let Some((kind, no, line)) = document {
            let field = LineField::Handled;
            posting.add_to_line(&(kind, no), line, field, portion.quantity)?;
        }
    }
    hold_condition(posting, body.condition, &named, key)?;
    hold_surplus(posting, key, surplus)?;
    hold_named(posting, key, &named)
}

/// Puts goods on hold for what was found when they were resolved.
pub(crate) fn hold_named(
    posting: &mut Posting<'_, '_>,
    key: StockKey,
    named: &Named,
) -> Result<(), Stop> {
    match named.on_hold.first() {
        Some(code) => posting.hold_free(key, named.base, code, None),
        None => Ok(()),
    }
}

fn attribute(
    posting: &mut Posting<'_, '_>,
    reference: &DocumentRef,
    (named, body): (&Named, &Receive),
) -> Result<(Attribution, Surplus), Stop> {
    let no_line = (Attribution::default(), Quantity::ZERO);
    let Some(document) = posting.document(reference) else {
        let reason = Reason::new(Code::DocumentUnknown).word("document", &reference.no);
        if posting.act.desk {
            return Err(Stop::Refuse(reason));
        }
        return Ok((no_line.0, unordered(posting, named, Some(reason))));
    };
    if let Some(reason) = not_open(posting, reference, &document)? {
        return Ok((no_line.0, unordered(posting, named, Some(reason))));
    }
    let wanted = Wanted { item: named.item, variant: named.variant, tracking: named.tracking };
    let quantity = (LineField::Handled, named.base);
    let attribution = posting.attribute(reference, wanted, quantity, |line| {
        Ok((line.quantity, add(line.quantity, line.tolerance)?))
    })?;
    let text =
        |code| Reason::new(code).word("item", &named.card.no).word("document", &reference.no);
    if !attribution.on_document {
        let reason = text(Code::NotOnDocument);
        return Ok((attribution, unordered(posting, named, Some(reason))));
    }
    if attribution.within_tolerance.is_positive() {
        let reason = text(Code::OverReceiptWithinTolerance);
        let within = attribution.within_tolerance;
        posting.decision.note(reason.quantity("surplus", within));
    }
    let mut surplus =
        Surplus { quantity: attribution.surplus, reasons: Vec::new(), others: Vec::new() };
    if attribution.surplus.is_positive() {
        surplus.others = other_receipts(posting, reference, wanted);
        if let Some(reason) = received_twice(posting, body, &surplus.others) {
            let choices = vec![Choice::Accept, Choice::Correct, Choice::Dismiss];
            return Err(Stop::Park(vec![reason], choices));
        }
        let reason = text(Code::OverReceipt).quantity("surplus", attribution.surplus);
        if posting.act.desk && !posting.act.approved {
            return Err(Stop::Refuse(reason));
        }
        surplus.reasons.push(reason);
    }
    Ok((attribution, surplus))
}

/// The reason why a document takes nothing. A document that was closed short and may be opened
/// again is opened by the goods.
fn not_open(
    posting: &mut Posting<'_, '_>,
    reference: &DocumentRef,
    document: &Document,
) -> Result<Option<Reason>, Stop> {
    let text = |code| Reason::new(code).word("document", &reference.no);
    let reason = match document.status {
        DocumentStatus::Released => return Ok(None),
        // Its lines are done: what comes now is more than ordered, not a closed order.
        DocumentStatus::Closed if document.closed_by_lines => return Ok(None),
        DocumentStatus::Closed if document.may_reopen && !posting.act.desk => {
            posting.decision.changed(text(Code::DocumentReopened));
            let key = (reference.kind, reference.no.clone());
            posting.set_status(&key, document.clone(), DocumentStatus::Released);
            return Ok(None);
        }
        DocumentStatus::Open if !posting.act.desk => {
            posting.decision.changed(text(Code::NotReleased));
            return Ok(None);
        }
        DocumentStatus::Open => text(Code::NotReleased),
        DocumentStatus::Closed => text(Code::DocumentClosed),
        DocumentStatus::Cancelled => text(Code::DocumentCancelled),
    };
    if posting.act.desk { Err(Stop::Refuse(reason)) } else { Ok(Some(reason)) }
}

fn unordered(posting: &Posting<'_, '_>, named: &Named, because: Option<Reason>) -> Surplus {
    let unordered = Reason::new(Code::UnorderedReceipt)
        .word("item", &named.card.no)
        .quantity("surplus", named.base);
    let mut reasons: Vec<_> = because.into_iter().collect();
    if !posting.act.desk {
        reasons.push(unordered);
    }
    Surplus { quantity: named.base, reasons, others: Vec::new() }
}

fn hold_surplus(
    posting: &mut Posting<'_, '_>,
    key: StockKey,
    surplus: Surplus,
) -> Result<(), Stop> {
    let Some(first) = surplus.reasons.first().filter(|_reason| !posting.act.approved).cloned()
    else {
        return Ok(());
    };
    if !surplus.quantity.is_positive() {
        return Ok(());
    }
    for reason in &surplus.reasons {
        posting.decision.changed(reason.clone());
    }
    let case = conflict::CaseDraft {
        reasons: surplus.reasons,
        stock: Some(key),
        choices: vec![Choice::ApproveOver, Choice::Correct, Choice::Return, Choice::Dismiss],
        parked: false,
        others: surplus.others,
    };
    let case = conflict::open_case(posting, case);
    posting.hold_free(key, surplus.quantity, &first.code, Some(case))
}

/// The other receipts of these goods on the lines of the document, as far as they are among the last entries
/// of the item.
fn other_receipts(
    posting: &Posting<'_, '_>,
    reference: &DocumentRef,
    wanted: Wanted,
) -> Vec<OperationId> {
    let range = KeyRange::prefix(&(wanted.item,));
    let (mut others, mut seen) = (BTreeSet::new(), 0);
    posting.draft.each::<ItemLedgerByItem>(&range, true, |(_item, no), _row| {
        seen += 1;
        let entry = posting.entry(no);
        let of_document = entry
            .document
            .as_ref()
            .is_some_and(|(kind, no, _line)| *kind == reference.kind && *no == reference.no);
        let operation = entry.written.operation;
        if of_document && operation.device.0 != 0 && operation != posting.act.operation {
            others.insert(operation);
        }
        if seen < ENTRIES_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    others.into_iter().collect()
}

/// More than was ordered, of goods that another device received onto the same licence plate, in the same
/// quantity: the same goods scanned twice (CONFLICTS 10, 30).
fn received_twice(
    posting: &Posting<'_, '_>,
    body: &Receive,
    others: &[OperationId],
) -> Option<Reason> {
    let plate =
        body.to.plate.as_ref().filter(|_plate| !posting.act.approved && !posting.act.desk)?;
    let twice = others.iter().find(|other| {
        let own = &posting.act.operation;
        let is_other_device = (other.device, other.incarnation) != (own.device, own.incarnation);
        is_other_device
            && stands(posting, **other)
            && matches!(captured(&*posting.draft, **other), Some(Body::Receive(other))
                if other.to.plate.as_ref() == Some(plate) && is_same(&other.goods, &body.goods))
    })?;
    let row = posting.draft.row::<Outcomes>(twice);
    let operator = row.and_then(|row| row.operator.as_ref().map(ToString::to_string));
    let reason = Reason::new(Code::PlateReceivedTwice).word("plate", plate);
    Some(reason.word("operator", operator.unwrap_or_else(|| twice.to_string())))
}

/// Whether a receipt was not taken back, by who made it or by a decision.
fn stands(posting: &Posting<'_, '_>, operation: OperationId) -> bool {
    posting.draft.row::<Outcomes>(&operation).is_some_and(|row| {
        let mut codes = row.outcome.reasons.iter().map(|reason| &reason.code);
        !codes.any(|code| matches!(code, Code::UndoneByOperator | Code::CaseDismissed))
    })
}

fn is_same(one: &Goods, other: &Goods) -> bool {
    one.item == other.item
        && one.variant == other.variant
        && one.tracking == other.tracking
        && one.base == other.base
}

fn hold_condition(
    posting: &mut Posting<'_, '_>,
    condition: Condition,
    named: &Named,
    key: StockKey,
) -> Result<(), Stop> {
    let code = match condition {
        Condition::Good => return Ok(()),
        Condition::Damaged => Code::GoodsDamaged,
        Condition::Inspect => Code::GoodsToInspect,
    };
    let reason =
        Reason::new(code.clone()).quantity("quantity", named.base).word("item", &named.card.no);
    posting.decision.changed(reason.clone());
    let case = conflict::CaseDraft {
        reasons: vec![reason],
        stock: Some(key),
        choices: vec![Choice::Accept, Choice::Return, Choice::Dismiss],
        parked: false,
        others: Vec::new(),
    };
    let case = conflict::open_case(posting, case);
    posting.hold_free(key, named.base, &code, Some(case))
}
