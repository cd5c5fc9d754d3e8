//! Lots: made when they are first seen, never edited by a scan.

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::operation::Goods;
use protocol::outcome::{Decision, Reason};
use protocol::words::LotNo;

use crate::conflict;
use crate::key::KeyRange;
use crate::lookup;
use crate::movement::goods::{Flow, Named};
use crate::posting::{Posting, Stop};
use crate::schema::case::Choice;
use crate::schema::stock::{Holds, HoldsByStock, StocksByItem};
use crate::schema::tracking::{Lot, Lots};
use crate::schema::{ItemId, OrderKey, VariantId};
use crate::tables::Read as _;

/// The lot that was read on the goods. A new one is made, provisional; a known date is never
/// blanked, and where two dates were read the first act stands (CONFLICTS 35). A blocked lot is on
/// hold where it is put.
///
/// # Errors
///
/// [`Stop::Refuse`] at the desk for a lot that is blocked or not known.
pub(crate) fn seen(
    posting: &mut Posting<'_, '_>,
    named: &mut Named,
    goods: &Goods,
    flow: Flow,
) -> Result<(), Stop> {
    let Some(no) = &goods.tracking.lot else { return Ok(()) };
    let key = (named.item, named.variant, no.clone());
    let order = posting.act.order;
    let Some(lot) = posting.draft.row::<Lots>(&key).map(|lot| (*lot).clone()) else {
        return first_seen(posting, named, goods, no, flow);
    };
    if lot.blocked {
        let reason =
            Reason::new(Code::TrackingBlocked).word("item", &named.card.no).word("tracking", no);
        if posting.act.desk && flow != Flow::Seen {
            return Err(Stop::Refuse(reason));
        }
        posting.decision.changed(reason);
        named.on_hold.push(Code::TrackingBlocked);
    }
    let earlier = lot.provisional && lot.created_by.is_some_and(|by| order < by);
    match (goods.expiry, lot.expiry) {
        (None, _) => {
            if earlier {
                posting.draft.put::<Lots>(&key, Lot { created_by: Some(order), ..lot });
            }
        }
        (Some(read), None) => {
            let created_by = if earlier { Some(order) } else { lot.created_by };
            posting.draft.put::<Lots>(&key, Lot { expiry: Some(read), created_by, ..lot });
        }
        (Some(read), Some(known)) if read == known => {
            if earlier {
                posting.draft.put::<Lots>(&key, Lot { created_by: Some(order), ..lot });
            }
        }
        (Some(read), Some(known)) if earlier => {
            // The first act creates the lot: what the later one read is the question now.
            let by = lot.created_by.unwrap_or(order);
            let taken = Lot { expiry: Some(read), created_by: Some(order), ..lot };
            posting.draft.put::<Lots>(&key, taken);
            contradict(posting, by, mismatch(named, no, read, known));
        }
        (Some(read), Some(known)) => {
            other_date(posting, named, (no, known, read), (flow, lot.created_by));
        }
    }
    Ok(())
}

/// The date that was read is not the known one, which stands: a question where goods come in.
pub(super) fn other_date(
    posting: &mut Posting<'_, '_>,
    named: &Named,
    (no, known, read): (&impl ToString, NaiveDate, NaiveDate),
    (flow, by): (Flow, Option<OrderKey>),
) {
    let reason = mismatch(named, no, known, read);
    posting.decision.field("expiry", read, known);
    if flow == Flow::In {
        let case = conflict::CaseDraft {
            reasons: vec![reason.clone()],
            stock: None,
            choices: vec![Choice::Accept, Choice::Correct, Choice::Dismiss],
            parked: false,
            others: by.map(|by| by.operation()).into_iter().collect(),
        };
        conflict::open_case(posting, case);
    }
    posting.decision.changed(reason);
}

/// Puts all there is of a lot on hold, wherever it lies, or ends that.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn hold_all(
    posting: &mut Posting<'_, '_>,
    (item, variant, no): (ItemId, VariantId, &LotNo),
    blocked: bool,
) -> Result<(), Stop> {
    let rows = posting.draft.list::<StocksByItem>(&KeyRange::prefix(&(item,)));
    for ((_item, key), _row) in rows {
        let other = lookup::lot_of(posting.draft, key.tracking).as_ref() != Some(no);
        if key.variant != variant || other {
            continue;
        }
        if blocked {
            let quantity = posting.stock(&key);
            posting.hold_free(key, quantity, &Code::TrackingBlocked, None)?;
            continue;
        }
        for ((_key, hold), _row) in posting.draft.list::<HoldsByStock>(&KeyRange::prefix(&(key,))) {
            let ours = posting
                .draft
                .row::<Holds>(&hold)
                .is_some_and(|row| row.reason == Code::TrackingBlocked.as_str());
            if ours {
                posting.release_hold(hold)?;
            }
        }
    }
    Ok(())
}

fn first_seen(
    posting: &mut Posting<'_, '_>,
    named: &Named,
    goods: &Goods,
    no: &LotNo,
    flow: Flow,
) -> Result<(), Stop> {
    let text = |code| Reason::new(code).word("lot", no).word("item", &named.card.no);
    if posting.act.desk && flow == Flow::Out {
        return Err(Stop::Refuse(text(Code::LotUnknown)));
    }
    let desk = posting.act.desk;
    if !desk {
        posting.decision.note(text(Code::LotProvisional));
    }
    let lot = Lot {
        expiry: goods.expiry,
        blocked: false,
        provisional: !desk,
        created_by: Some(posting.act.order),
    };
    posting.draft.put::<Lots>(&(named.item, named.variant, no.clone()), lot);
    Ok(())
}

pub(super) fn mismatch(
    named: &Named,
    no: &impl ToString,
    known: NaiveDate,
    seen: NaiveDate,
) -> Reason {
    Reason::new(Code::ExpirationMismatch)
        .word("lot", no.to_string())
        .word("item", &named.card.no)
        .word("known", known)
        .word("seen", seen)
}

/// The operation that had made the lot, or read the date of the serial number, turns out to be the later one: its outcome is restated, and
/// its date is a case.
pub(super) fn contradict(posting: &mut Posting<'_, '_>, by: OrderKey, reason: Reason) {
    let operation = by.operation();
    let case = conflict::CaseDraft {
        reasons: vec![reason.clone()],
        stock: None,
        choices: vec![Choice::Accept, Choice::Correct, Choice::Dismiss],
        parked: false,
        others: vec![posting.act.operation],
    };
    let case = crate::operation::open_case_of(posting, operation, case);
    conflict::restate(posting, operation, |row| {
        row.outcome.decision = row.outcome.decision.max(Decision::Changed);
        row.outcome.reasons.push(reason);
        row.outcome.case = Some(case);
    });
}
