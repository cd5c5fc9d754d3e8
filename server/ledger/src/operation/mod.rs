//! The only door: one accepted operation in, everything that it changes out.
//!
//! Invariants:
//! 1. A fact or an observation is posted, posted with a change, or parked; never refused.
//! 2. An operation is decided once. The same identity with the same content is the same operation
//!    and changes nothing.
//! 3. What is parked or refused leaves nothing behind but its outcome, its case and what waits for it.
//! 4. The result is a function of the tables and the intake record: no clock, no other state.
//!
//! Order of reading: this file, [`desk`] (commands), [`again`] (operations that are judged again or
//! taken back).

pub mod again;
pub mod desk;
pub(crate) mod place;

use std::sync::Arc;

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::identity::{
    CaseId, DeviceId, Hash16, Incarnation, IntakeNo, Lsn, OperationId, Seq, ServerTime,
};
use protocol::operation::{Body, OperationError, Recorded};
use protocol::outcome::{Decision, Outcome, Reason};

pub(crate) use crate::movement::undo::take_back_rest;
pub use crate::operation::again::{
    Correction, awaken, open_case_of, rejudge, reverse, settle_serial_case,
};

use crate::conflict;
use crate::count;
use crate::draft::Draft;
use crate::key::KeyRange;
use crate::lookup;
use crate::movement::{
    adjust, answer, attach, outbound, receive, reclassify, relocate, transfer, undo,
};
use crate::period;
use crate::place::plate;
use crate::posting::{Act, Posting, Stop};
use crate::right;
use crate::schema::OrderKey;
use crate::schema::book::{Forks, Intake, OperationsByTime, Origin, OutcomeRow, Outcomes};
use crate::schema::case::Choice;
use crate::schema::entry::PostedBy;
use crate::schema::identity::{DeviceState, Devices};
use crate::schema::tracking::SerialActs;
use crate::tables::{Read as _, Tables};

/// An accepted operation and the decision that is being taken of it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Its number.
    pub intake_no: IntakeNo,
    /// It.
    pub intake: &'a Intake,
    /// The decision's place in the log.
    pub lsn: Lsn,
    /// The decision's time.
    pub time: ServerTime,
}

/// Why an operation cannot be judged here and now. What the draft holds must not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Poison {
    /// It needs more reads and writes than one judgement may make.
    #[error("more reads and writes than one decision may make")]
    Exhausted,
    /// A figure leaves the range that can be kept.
    #[error("a quantity beyond the range")]
    Overflow,
}

/// What became of the body of an operation.
type Judged = Result<(), Stop>;

/// Judges an operation or command: writes all that it changes, its outcome among it.
///
/// # Errors
///
/// [`Poison`]: the caller throws the draft away and calls [`park_poison`] on an empty one.
pub fn judge(draft: &mut Draft<'_>, request: &Request<'_>) -> Result<(), Poison> {
    let (identified, known) = identify(draft, request);
    let Identified { operation, hash, .. } = identified;
    if let Some(known) = known.filter(|known| known.hash == hash) {
        // The same fact, sent again. Written once more, so that its outcome is in the feed again.
        draft.put::<Outcomes>(&operation, (*known).clone());
        return Ok(());
    }
    let origin = &request.intake.origin;
    match origin {
        Origin::Device { .. } => judge_recorded(draft, request, identified),
        Origin::Desk { .. } | Origin::Import { .. } | Origin::System => {
            desk::judge(draft, request, operation)
        }
    }
}

/// Which operation a request is.
#[derive(Clone, Copy)]
struct Identified {
    operation: OperationId,
    hash: Hash16,
    /// Its first number was used for another fact.
    fork: Option<Fork>,
}

/// A fact whose first number was used for another fact.
#[derive(Clone, Copy)]
struct Fork {
    first: (OperationId, [u8; 16]),
    /// The name under which it was judged, when it was re-labelled once more since then.
    known_as: Option<OperationId>,
}

/// The identity under which the operation was recorded first. Where that was used for other content,
/// it is another fact under the number by which it was sent (CONFLICTS 41). And the outcome that it has
/// already.
fn identify(draft: &Draft<'_>, request: &Request<'_>) -> (Identified, Option<Arc<OutcomeRow>>) {
    let operation = request.intake.identity(request.intake_no);
    let known = draft.row::<Outcomes>(&operation);
    let Origin::Device { sent_as, hash, first } = &request.intake.origin else {
        return (Identified { operation, hash: request.intake.hash, fork: None }, known);
    };
    let first_hash = first.map_or(*hash, |first| first.hash);
    let other = known.as_ref().is_some_and(|known| known.hash != first_hash);
    if other && operation != *sent_as {
        let first = (operation, first_hash.0);
        let known_as = draft.row::<Forks>(&first).map(|known_as| *known_as);
        let fork = Some(Fork { first, known_as });
        let known = draft.row::<Outcomes>(sent_as);
        return (Identified { operation: *sent_as, hash: *hash, fork }, known);
    }
    (Identified { operation, hash: first_hash, fork: None }, known)
}

/// The operation that the device of `posting` calls (`incarnation`, `seq`). A store that an old copy took
/// the place of uses numbers twice: what such a store says of a number is about the fact that it
/// recorded under it, which was judged under another name (CONFLICTS 41).
pub(crate) fn named_by_device(
    posting: &Posting<'_, '_>,
    (incarnation, seq): (Incarnation, Seq),
) -> OperationId {
    let by = (posting.act.operation.device, posting.act.sent_in);
    named_in(&*posting.draft, by, (incarnation, seq))
}

/// The operation that `device` calls (`incarnation`, `seq`) in what its store `sent_in` sent: see
/// [`named_by_device`].
fn named_in(
    tables: &impl Tables,
    (device, sent_in): (DeviceId, Incarnation),
    (incarnation, seq): (Incarnation, Seq),
) -> OperationId {
    let target = OperationId { device, incarnation, seq };
    let forks = tables.list::<Forks>(&KeyRange::prefix(&(target,)));
    forks
        .into_iter()
        .map(|(_first, known_as)| *known_as)
        .filter(|known_as| known_as.incarnation <= sent_in)
        .max_by_key(|known_as| known_as.incarnation)
        .unwrap_or(target)
}

fn judge_recorded(
    draft: &mut Draft<'_>,
    request: &Request<'_>,
    Identified { operation, hash, fork }: Identified,
) -> Result<(), Poison> {
    let recorded = Recorded::from_content(&request.intake.raw);
    let body = recorded.clone().and_then(|recorded| recorded.decode_body());
    let mut act = act_of(request, operation, recorded.as_ref().ok());
    let late = period::move_to_open(&*draft, &mut act);
    let kind = recorded.as_ref().map_or_else(|_bad| String::new(), |known| known.kind.clone());
    if let Some(known_as) = fork.and_then(|fork| fork.known_as) {
        let mut posting = Posting::new(draft, act);
        posting.decision.decision = Decision::Duplicate;
        posting.decision.note(Reason::new(Code::AlreadyRecorded).word("operation", known_as));
        return finish(posting, request, (hash, kind));
    }
    let before = draft.savepoint();
    let mut posting = Posting::new(draft, act);
    let judged = match &body {
        Ok(body) => may_post(&posting).and_then(|()| post_fact(&mut posting, body)),
        Err(error) => Err(unreadable(error)),
    };
    if fork.is_some() {
        posting.decision.note(Reason::new(Code::DifferentUnderSameId));
    }
    if let Err(stop) = judged {
        let parked_acts = std::mem::take(&mut posting.parked_acts);
        let act = posting.act;
        draft.restore(before);
        posting = Posting::new(draft, act);
        stopped(&mut posting, stop, body.as_ref().ok())?;
        for (key, row) in parked_acts {
            posting.draft.put::<SerialActs>(&key, row);
            posting.posted.serials.push(key);
        }
    }
    if let Some(done_on) = late {
        period::tell_late(&mut posting, done_on);
    }
    if let Some(fork) = fork {
        posting.draft.put::<Forks>(&fork.first, operation);
    }
    finish(posting, request, (hash, kind))
}

/// What a device reports is posted unless the device is suspended.
fn may_post(posting: &Posting<'_, '_>) -> Judged {
    let device = posting.draft.row::<Devices>(&posting.act.operation.device);
    match device.map(|device| device.state) {
        Some(DeviceState::Suspended | DeviceState::Revoked) => Err(Stop::Park(
            vec![Reason::new(Code::DeviceSuspended)],
            vec![Choice::Accept, Choice::Dismiss],
        )),
        Some(DeviceState::Active) | None => Ok(()),
    }
}

fn unreadable(error: &OperationError) -> Stop {
    let reason = match error {
        OperationError::Unsupported { kind, version } => {
            Reason::new(Code::UnsupportedOperation).word("kind", kind).word("version", version)
        }
        OperationError::Content | OperationError::Body { .. } => {
            Reason::new(Code::MalformedRequest).word("why", error)
        }
    };
    // Corrected by whoever has the body as it should have been: no page can fill it in.
    Stop::Park(vec![reason], vec![Choice::Recount, Choice::Correct, Choice::Dismiss])
}

fn post_fact(posting: &mut Posting<'_, '_>, body: &Body) -> Judged {
    match post_body(posting, body) {
        // Only claims and corrections may be refused.
        Err(Stop::Refuse(reason)) if !may_be_refused(body) => {
            return Err(Stop::park(reason));
        }
        judged => judged?,
    }
    if !may_be_refused(body) {
        right::mark(posting, body);
    }
    look_again(posting, body);
    complete(posting)
}

/// A count ends the tasks that asked for it; what is below zero all the same, by acts after the
/// count, is asked for again.
#[expect(clippy::wildcard_enum_match_arm, reason = "only counts are looked at")]
fn look_again(posting: &mut Posting<'_, '_>, body: &Body) {
    let (location, bin, item) = match body {
        Body::Count(count) => {
            (&count.place.location, count.place.bin.as_ref(), Some(&count.goods.item))
        }
        Body::CountBin(count) => (&count.location, Some(&count.bin), None),
        _ => return,
    };
    let Ok((location, row)) = lookup::location(posting.draft, location) else { return };
    let Ok(bin) = lookup::bin(posting.draft, (location, &row), bin) else { return };
    let item = item.and_then(|no| lookup::item(posting.draft, no).ok()).map(|(id, _card)| id);
    posting.touch_below_zero((location, bin), item);
}

/// What is looked at when everything of an operation is posted.
fn complete(posting: &mut Posting<'_, '_>) -> Judged {
    again::judge_awakened(posting)?;
    posting.check_below_zero()
}

const fn may_be_refused(body: &Body) -> bool {
    matches!(body, Body::Adjust(_) | Body::Undo(_) | Body::Answer(_))
}

/// Posts `body` as the operation of `posting`.
///
/// # Errors
///
/// [`Stop`]: the caller goes back to where it was.
pub fn post_body(posting: &mut Posting<'_, '_>, body: &Body) -> Result<(), Stop> {
    match body {
        Body::Count(body) => count::judge_count(posting, body),
        Body::CountBin(body) => count::judge_bin_count(posting, body),
        Body::Receive(body) => receive::post(posting, body),
        Body::Pick(body) => outbound::pick(posting, body),
        Body::Ship(body) => outbound::ship(posting, body),
        Body::Move(body) => relocate::goods_moved(posting, body),
        Body::MovePlate(body) => relocate::plate_moved(posting, body),
        Body::TransferShip(body) => transfer::ship(posting, body),
        Body::TransferReceive(body) => transfer::receive(posting, body),
        Body::Adjust(body) => adjust::post(posting, body),
        Body::Reclassify(body) => reclassify::post(posting, body),
        Body::Undo(body) => undo::post(posting, *body),
        Body::Unidentified(body) => adjust::unidentified(posting, body),
        Body::Answer(body) => answer::post(posting, body),
        Body::SignIn(_) => {
            answer::signed_in(posting);
            Ok(())
        }
        Body::SignOut(_) => Ok(()),
        Body::Attach(body) => attach::post(posting, body),
        Body::Void(_) => {
            answer::lost(posting);
            Ok(())
        }
    }
}

/// The act of an operation, as its intake record and its envelope tell it.
pub(crate) fn act_of(
    request: &Request<'_>,
    operation: OperationId,
    recorded: Option<&Recorded>,
) -> Act {
    let intake = request.intake;
    let timing = intake.timing;
    let envelope = recorded.map(|recorded| &recorded.envelope);
    let sent_in = match &intake.origin {
        Origin::Device { sent_as, .. } => sent_as.incarnation,
        Origin::Desk { .. } | Origin::Import { .. } | Origin::System => operation.incarnation,
    };
    let operator = match &intake.origin {
        Origin::Device { .. } => envelope.and_then(|envelope| envelope.operator.clone()),
        Origin::Desk { user, .. } | Origin::Import { user } => Some(user.clone()),
        Origin::System => None,
    };
    Act {
        lsn: request.lsn,
        at: request.time,
        intake: request.intake_no,
        operation,
        sent_in,
        order: OrderKey::new(timing.tau, operation),
        timing,
        received: intake.received,
        operator,
        document: envelope.and_then(|envelope| envelope.document.clone()),
        posting_date: intake.local_date.unwrap_or_else(|| utc_date(timing.tau)),
        site: intake.site,
        desk: !matches!(intake.origin, Origin::Device { .. }),
        approved: false,
    }
}

fn utc_date(at: ServerTime) -> NaiveDate {
    at.utc().map(|at| at.date_naive()).unwrap_or_default()
}

/// Nothing of the operation is posted: a case is opened, or the claim is refused.
fn stopped(posting: &mut Posting<'_, '_>, stop: Stop, body: Option<&Body>) -> Result<(), Poison> {
    match stop {
        Stop::Overflow => return Err(Poison::Overflow),
        Stop::Refuse(reason) => {
            posting.decision.decision = Decision::Refused;
            posting.decision.note(reason);
        }
        Stop::Park(reasons, choices) => {
            posting.decision.decision = Decision::Parked;
            for reason in &reasons {
                posting.decision.note(reason.clone());
            }
            let allowed =
                |choice: &Choice| body.is_none_or(|body| makes_sense(*choice, body.kind()));
            let case = conflict::CaseDraft {
                reasons: reasons.clone(),
                stock: None,
                choices: choices.into_iter().filter(allowed).collect(),
                parked: true,
                others: Vec::new(),
            };
            let case = conflict::open_case(posting, case);
            if let Some(body) = body {
                others_wait(posting, body, case);
            }
            again::wait_for_unknown(posting, &reasons, case);
        }
    }
    Ok(())
}

/// Whether `choice` can be taken about what is parked: a whole bin is counted again rather than
/// corrected, goods that nobody could name cannot be booked as they are, and what is not about goods at
/// a place is neither corrected nor counted. By the kind alone: what could not be judged is not looked
/// into once more.
fn makes_sense(choice: Choice, kind: &str) -> bool {
    match kind {
        "count_bin" => choice != Choice::Correct,
        "unidentified" => choice != Choice::Accept,
        "undo" | "answer" | "sign_in" | "sign_out" | "attach" | "void" => {
            !matches!(choice, Choice::Correct | Choice::Recount)
        }
        _ => true,
    }
}

/// A plate that the parked operation would have put to use: whoever uses it waits for the decision.
/// Serials need no waiting: their histories are mended when the operation is posted after all.
#[expect(clippy::wildcard_enum_match_arm, reason = "every other operation has no such part")]
fn others_wait(posting: &mut Posting<'_, '_>, body: &Body, case: CaseId) {
    let to = match body {
        Body::Receive(body) => Some(&body.to),
        Body::TransferReceive(body) => Some(&body.to),
        Body::Move(body) => Some(&body.to),
        Body::Pick(body) => body.to.as_ref(),
        _ => None,
    };
    if let Some(no) = to.and_then(|to| to.plate.as_ref())
        && lookup::plate(posting.draft, no).is_err()
    {
        conflict::open_dependency(posting, &plate::identity(no), case);
    }
}

/// Writes what an operation leaves: its outcome, what it posted, its place in the register.
fn finish(
    posting: Posting<'_, '_>,
    request: &Request<'_>,
    (hash, kind): (Hash16, String),
) -> Result<(), Poison> {
    let written = posting.written();
    let Posting { draft, act, decision, posted, .. } = posting;
    let outcome = Outcome {
        operation: act.operation,
        revision: 1,
        decision: decision.decision,
        lsn: act.lsn,
        tau: act.timing.tau,
        epsilon_us: act.timing.epsilon_us,
        uncertain: act.timing.uncertain,
        settlement: decision.settlement,
        text_en: protocol::text::fallback(&decision.reasons),
        reasons: decision.reasons,
        changes: decision.changes,
        case: decision.case,
    };
    let row = OutcomeRow {
        outcome,
        intake: request.intake_no,
        site: act.site,
        hash,
        kind,
        operator: act.operator,
    };
    draft.put::<Outcomes>(&act.operation, row);
    draft.put::<OperationsByTime>(&(act.timing.tau, act.operation), written);
    if posted != crate::schema::entry::Posted::default() {
        draft.put::<PostedBy>(&act.operation, posted);
    }
    if draft.is_exhausted() { Err(Poison::Exhausted) } else { Ok(()) }
}

/// Parks an operation that could not be judged (a panic, a figure out of range, an exhausted
/// budget), with its bytes; the next goes on. `draft` is empty.
pub fn park_poison(draft: &mut Draft<'_>, request: &Request<'_>, why: &str) {
    let (Identified { operation, hash, fork }, _known) = identify(draft, request);
    if let Some(fork) = fork {
        draft.put::<Forks>(&fork.first, operation);
    }
    let recorded = Recorded::from_content(&request.intake.raw).ok();
    let act = act_of(request, operation, recorded.as_ref());
    let device = !act.desk;
    let mut posting = Posting::new(draft, act);
    let reason = Reason::new(Code::Poison).word("why", why);
    let kind = recorded.map(|recorded| recorded.kind).unwrap_or_default();
    let stop = if device {
        let choices = Choice::ALWAYS.into_iter().filter(|choice| makes_sense(*choice, &kind));
        Stop::Park(vec![reason], choices.collect())
    } else {
        Stop::Refuse(reason)
    };
    // Neither writing a case nor an outcome can overflow or use the budget up.
    let parked =
        stopped(&mut posting, stop, None).and_then(|()| finish(posting, request, (hash, kind)));
    debug_assert!(parked.is_ok(), "a case and an outcome are a handful of rows");
}

#[cfg(test)]
mod shuffle;
#[cfg(test)]
mod tests;
