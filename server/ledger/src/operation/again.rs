//! Operations that were judged before: judged again when what they waited for is there or a person
//! has decided, and taken back.

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::identity::{CaseId, OperationId};
use protocol::operation::{Body, DocumentRef, Recorded};
use protocol::outcome::{Argument, Decision, Reason};
use protocol::words::{PlateNo, SerialNo};

use crate::command::Command;
use crate::conflict::{self, CaseDraft};
use crate::count;
use crate::key::KeyRange;
use crate::movement::undo;
use crate::operation::{Request, act_of, post_body};
use crate::period;
use crate::place::plate;
use crate::posting::{Act, Leftover, Posting, Stop};
use crate::schema::book::{Intake, Intakes, Origin, OutcomeRow, Outcomes};
use crate::schema::case::{CaseState, Cases, CasesByOperation, Dependencies};
use crate::schema::entry::{EntryReason, PostedBy};
use crate::tables::{Read as _, Tables};
use crate::tracking::serial::is_about_place;

/// How many parked operations one decision may wake: more than ever wait for one thing.
const AWAKENED_MAX: usize = 256;

/// The act of an operation that was judged before, taken up again by the decision of `posting`.
fn former_act(
    posting: &Posting<'_, '_>,
    operation: OperationId,
) -> Option<(Act, std::sync::Arc<Intake>, std::sync::Arc<OutcomeRow>)> {
    let outcome = posting.draft.row::<Outcomes>(&operation)?;
    let intake = posting.draft.row::<Intakes>(&outcome.intake)?;
    let request = Request {
        intake_no: outcome.intake,
        intake: &intake,
        lsn: posting.act.lsn,
        time: posting.act.at,
    };
    let recorded = match &intake.origin {
        Origin::Device { .. } => Recorded::from_content(&intake.raw).ok(),
        Origin::Desk { .. } | Origin::Import { .. } | Origin::System => None,
    };
    let act = act_of(&request, operation, recorded.as_ref());
    Some((act, intake, outcome))
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "every other command has no body of an operation"
)]
fn body_of(intake: &Intake) -> Option<Body> {
    match &intake.origin {
        Origin::Device { .. } => {
            Recorded::from_content(&intake.raw).ok().and_then(|known| known.decode_body().ok())
        }
        Origin::Desk { .. } | Origin::Import { .. } | Origin::System => {
            match Command::decode(&intake.raw).ok()? {
                Command::Handle(handle) => {
                    Body::decode(&handle.kind, handle.version, &handle.body).ok()
                }
                _ => None,
            }
        }
    }
}

/// What takes the place of what was captured, as a whole.
#[derive(Debug, Clone)]
pub struct Correction<'a> {
    /// What was done.
    pub body: &'a Body,
    /// For which document; none for none, whatever was captured.
    pub document: Option<DocumentRef>,
    /// The date for the accounts; that of the act when left out.
    pub date: Option<NaiveDate>,
}

/// Judges an earlier operation again within the decision of `posting`, because a person decided it:
/// rights and limits do not stop it again. `correction` takes the place of what was captured. What it
/// had posted before stays: take that back first where it must go.
///
/// # Errors
///
/// Why it still cannot be posted; nothing of it is changed then.
pub fn rejudge(
    posting: &mut Posting<'_, '_>,
    operation: OperationId,
    correction: Option<Correction<'_>>,
) -> Result<(), Stop> {
    judge_again(posting, operation, correction, true)
}

fn judge_again(
    posting: &mut Posting<'_, '_>,
    operation: OperationId,
    correction: Option<Correction<'_>>,
    approved: bool,
) -> Result<(), Stop> {
    let unknown = || Stop::Refuse(Reason::new(Code::NotFound).word("what", operation));
    let (mut act, intake, _outcome) = former_act(posting, operation).ok_or_else(unknown)?;
    let own = body_of(&intake);
    let body = match correction {
        Some(correction) => {
            act.document = correction.document;
            act.posting_date = correction.date.unwrap_or(act.posting_date);
            correction.body
        }
        None => own.as_ref().ok_or_else(unknown)?,
    };
    let late = period::move_to_open(&*posting.draft, &mut act);
    let before = posting.draft.savepoint();
    let posted = posting.draft.row::<PostedBy>(&operation).map(|row| (*row).clone());
    let mut nested = posting.nested(Act { approved, ..act });
    nested.posted = posted.unwrap_or_default();
    let judged = post_body(&mut nested, body);
    if let Some(done_on) = late.filter(|_day| judged.is_ok()) {
        period::tell_late(&mut nested, done_on);
    }
    let Posting { decision, posted, touched, awakened, applications, values, arrivals, .. } =
        nested;
    if let Err(stop) = judged {
        posting.draft.restore(before);
        return Err(stop);
    }
    posting.draft.put::<PostedBy>(&operation, posted);
    posting.absorb(Leftover { touched, awakened, applications, values, arrivals });
    close_parked(posting, operation, decision.case);
    conflict::restate(posting, operation, |row| {
        row.outcome.decision = decision.decision;
        row.outcome.reasons = decision.reasons;
        row.outcome.changes = decision.changes;
        row.outcome.case = decision.case;
        row.outcome.settlement = decision.settlement.or(row.outcome.settlement);
    });
    Ok(())
}

/// Takes back all that stands of `operation`; its outcome is for the caller to restate.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub fn reverse(
    posting: &mut Posting<'_, '_>,
    operation: OperationId,
    reason: EntryReason,
) -> Result<(), Stop> {
    undo::take_back(posting, operation, reason)
}

/// Cases of parked operations are pointless once they are posted.
fn close_parked(posting: &mut Posting<'_, '_>, operation: OperationId, but: Option<CaseId>) {
    let cases = posting.draft.list::<CasesByOperation>(&KeyRange::prefix(&(operation,)));
    for ((_operation, case), _row) in cases {
        let parked = posting
            .draft
            .row::<Cases>(&case)
            .is_some_and(|row| row.parked && row.state == CaseState::Open);
        if parked && Some(case) != but {
            conflict::case::resolve(posting, case);
        }
    }
}

/// Whether an earlier release could not read `operation`, and this one can.
pub fn is_readable_now(tables: &dyn Tables, operation: OperationId) -> bool {
    let row = tables.row::<Outcomes>(&operation).filter(|row| {
        row.outcome.decision == Decision::Parked
            && row.outcome.reasons.iter().any(|reason| reason.code == Code::UnsupportedOperation)
    });
    let intake = row.and_then(|row| tables.row::<Intakes>(&row.intake));
    intake.is_some_and(|intake| body_of(&intake).is_some())
}

/// Judges those of `operations` again that an earlier release could not read and this one can: they
/// are taken up with what the posting has made room for.
pub(crate) fn judge_unsupported(posting: &mut Posting<'_, '_>, operations: &[OperationId]) {
    let readable = operations.iter().filter(|id| is_readable_now(&*posting.draft, **id));
    let readable: Vec<OperationId> = readable.copied().collect();
    posting.awakened.extend(readable);
}

/// Judges the parked operations again that this posting made room for, in the order of their acts.
/// One that still cannot be posted stays as it is.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn judge_awakened(posting: &mut Posting<'_, '_>) -> Result<(), Stop> {
    for _round in 0..AWAKENED_MAX {
        count::missing::look_back(posting)?;
        let mut waiting = std::mem::take(&mut posting.awakened);
        waiting.retain(|operation| *operation != posting.act.operation);
        waiting.sort_by_key(|operation| {
            let outcome = posting.draft.row::<Outcomes>(operation);
            (outcome.map(|row| row.outcome.tau), *operation)
        });
        waiting.dedup();
        if waiting.is_empty() {
            return Ok(());
        }
        let first = waiting.remove(0);
        posting.awakened = waiting;
        let parked = posting
            .draft
            .row::<Outcomes>(&first)
            .is_some_and(|row| row.outcome.decision == Decision::Parked);
        if !parked {
            continue;
        }
        match judge_again(posting, first, None, false) {
            Ok(()) | Err(Stop::Park(..) | Stop::Refuse(_)) => {}
            Err(Stop::Overflow) => return Err(Stop::Overflow),
        }
    }
    Ok(())
}

/// The text under which operations wait for something that nobody has made yet.
fn not_yet(identity: &str) -> String {
    format!("unknown:{identity}")
}

/// Something that operations may have waited for exists now.
pub fn awaken(posting: &mut Posting<'_, '_>, identity: &str) {
    let range = KeyRange::prefix(&(not_yet(identity),));
    for ((text, case), _row) in posting.draft.list::<Dependencies>(&range) {
        posting.draft.delete::<Dependencies>(&(text, case));
        if let Some(row) = posting.draft.row::<Cases>(&case)
            && row.state == CaseState::Open
        {
            posting.awakened.push(row.operation);
        }
    }
}

/// A parked operation that names a plate which nobody has made yet is judged again when somebody
/// does: its label was put to use on a device that has not reported yet.
pub(crate) fn wait_for_unknown(posting: &mut Posting<'_, '_>, reasons: &[Reason], case: CaseId) {
    for reason in reasons.iter().filter(|reason| reason.code == Code::PlateUnknown) {
        for (name, argument) in &reason.arguments {
            if let ("plate", Argument::Word(word)) = (name.as_str(), argument)
                && let Ok(no) = PlateNo::new(word.as_str())
            {
                let identity = not_yet(&plate::identity(&no));
                conflict::open_dependency(posting, &identity, case);
            }
        }
    }
}

/// Opens a case about an operation that was judged before.
pub fn open_case_of(
    posting: &mut Posting<'_, '_>,
    operation: OperationId,
    draft: CaseDraft,
) -> CaseId {
    let subject = match former_act(posting, operation) {
        Some((act, _intake, outcome)) => conflict::case::Subject {
            operation,
            operator: outcome.operator.clone(),
            tau: act.timing.tau,
        },
        None => conflict::case::Subject { operation, operator: None, tau: posting.act.timing.tau },
    };
    conflict::case::open_about(posting, subject, draft)
}

/// A sighting of a serial that could not be booked is booked now: what was asked about it is
/// answered.
pub fn settle_serial_case(
    posting: &mut Posting<'_, '_>,
    operation: OperationId,
    serial: &SerialNo,
) {
    let cases = posting.draft.list::<CasesByOperation>(&KeyRange::prefix(&(operation,)));
    for ((_operation, case), _row) in cases {
        let about = posting.draft.row::<Cases>(&case).is_some_and(|row| {
            row.state == CaseState::Open
                && row.reasons.iter().all(|reason| is_about_place(reason, serial.as_str()))
        });
        if about {
            conflict::case::resolve(posting, case);
        }
    }
    conflict::restate(posting, operation, |row| {
        let outcome = &mut row.outcome;
        outcome.reasons.retain(|reason| !is_about_place(reason, serial.as_str()));
        if outcome.reasons.is_empty() {
            outcome.case = None;
            if matches!(outcome.decision, Decision::Changed | Decision::Parked) {
                outcome.decision = Decision::Accepted;
            }
        }
    });
}
