//! The judgement as the poster sees it: one call, and what is done when it fails.

use ledger::draft::Draft;
use ledger::schema::book::{Intake, OperationsByTime, Origin, OutcomeRow, Outcomes};
use ledger::schema::{SiteId, Written};
use protocol::code::Code;
use protocol::identity::{Hash16, IntakeNo, Lsn, OperationId, ServerTime};
use protocol::operation::Recorded;
use protocol::outcome::{Decision, Outcome, Reason};

use crate::identity::command::MachineCommand;

/// An operation that is to be judged.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Its intake number.
    pub intake_no: IntakeNo,
    /// Its intake record.
    pub intake: &'a Intake,
    /// The decision's place in the log.
    pub lsn: Lsn,
    /// The decision's time.
    pub time: ServerTime,
}

/// Why an operation could not be judged: a bug, or a book that contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Poison {
    /// In English, for people who mend it.
    pub why: String,
}

/// The judgement of operations. It must be a function of the draft and the request alone.
pub trait Judge {
    /// Judges, and writes everything that follows, the outcome among it.
    ///
    /// # Errors
    ///
    /// [`Poison`]: nothing of the draft is used, and the operation is parked.
    fn judge(&self, draft: &mut Draft<'_>, request: &Request<'_>) -> Result<(), Poison>;

    /// Parks an operation that could not be judged: a case, and an outcome that says so.
    fn park_poison(&self, draft: &mut Draft<'_>, request: &Request<'_>, why: &str);

    /// The command that settles counts, given what each site has reported.
    fn settle_command(&self, watermarks: &[crate::watermark::SiteWatermark]) -> Vec<u8>;

    /// The command that works off a slice of long work (cost adjustment), when any is waiting. It is
    /// asked for again as long as there is: postings go between two slices.
    fn work_command(&self, _tables: &dyn ledger::tables::Tables) -> Option<Vec<u8>> {
        None
    }
}

/// Writes the outcome of `request`, in its first revision, with nothing else.
pub(crate) fn write_outcome(
    draft: &mut Draft<'_>,
    request: &Request<'_>,
    decision: Decision,
    reasons: Vec<Reason>,
) {
    let intake = request.intake;
    let id = intake.identity(request.intake_no);
    let (hash, site) = match &intake.origin {
        Origin::Device { hash, .. } => (*hash, intake.site),
        Origin::Desk { .. } | Origin::Import { .. } | Origin::System => {
            (Hash16::default(), SiteId(0))
        }
    };
    let recorded = match &intake.origin {
        Origin::Device { .. } => Recorded::from_content(&intake.raw).ok(),
        Origin::Desk { .. } | Origin::Import { .. } | Origin::System => None,
    };
    let operator = match &intake.origin {
        Origin::Desk { user, .. } | Origin::Import { user } => Some(user.clone()),
        Origin::Device { .. } | Origin::System => {
            recorded.as_ref().and_then(|recorded| recorded.envelope.operator.clone())
        }
    };
    let of_machine = || {
        let command = MachineCommand::of(intake).and_then(Result::ok);
        command.map(|command| command.name().to_owned())
    };
    let row = OutcomeRow {
        outcome: Outcome {
            operation: id,
            revision: 1,
            decision,
            lsn: request.lsn,
            tau: intake.timing.tau,
            epsilon_us: intake.timing.epsilon_us,
            uncertain: intake.timing.uncertain,
            settlement: None,
            text_en: protocol::text::fallback(&reasons),
            reasons,
            changes: Vec::new(),
            case: None,
        },
        intake: request.intake_no,
        site,
        hash,
        kind: recorded.map(|recorded| recorded.kind).or_else(of_machine).unwrap_or_default(),
        operator,
    };
    put_outcome(draft, id, row);
}

/// Writes `row` as the first outcome of `id`, and in the register.
pub(crate) fn put_outcome(draft: &mut Draft<'_>, id: OperationId, row: OutcomeRow) {
    let written = Written { lsn: row.outcome.lsn, operation: id };
    draft.put::<OperationsByTime>(&(row.outcome.tau, id), written);
    draft.put::<Outcomes>(&id, row);
}

/// Parks without a case: what is left when even parking fails.
pub(crate) fn park_plainly(draft: &mut Draft<'_>, request: &Request<'_>, why: &str) {
    let reasons = vec![Reason::new(Code::Poison).word("why", why)];
    write_outcome(draft, request, Decision::Parked, reasons);
}
