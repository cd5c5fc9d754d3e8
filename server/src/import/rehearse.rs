//! Judging everything once, over a scratch layer that is thrown away.

use chrono::NaiveDate;
use ledger::draft::{Draft, Overlay};
use ledger::schema::SiteId;
use ledger::schema::book::{Intake, Origin, Outcomes, Timing};
use ledger::tables::{Read as _, Tables};
use protocol::identity::{Hash16, IntakeNo, Lsn, ServerTime};
use protocol::outcome::Decision;
use serde_bytes::ByteBuf;
use server_core::poster::judge::{Judge, Request};

use super::plan::{Plan, Planned};
use super::{Progress, Stage, fault};
use crate::exchange::RowFault;

/// Numbers that no real record has: the rehearsal leaves no trace, but its rows need keys.
const REHEARSED_FROM: u64 = 1 << 62;

/// Judges every command of `plan` over `company`, each on top of those before it that worked.
///
/// # Errors
///
/// Every refusal, with its row, and every row that would be booked as something else than it says.
pub fn rehearse(
    plan: &Plan,
    company: &dyn Tables,
    judge: &dyn Judge,
    now: ServerTime,
    progress: Progress<'_>,
) -> Result<(), Vec<RowFault>> {
    let of = plan.n_commands();
    let mut scratch = Overlay::over(company);
    let mut faults = Vec::new();
    for (n, planned) in (0_u64..).zip(plan.commands()) {
        if let Err(fault) = rehearse_one(&mut scratch, judge, (n, planned), now) {
            faults.push(fault);
        }
        if n % 100 == 0 {
            progress(Stage::Rehearse, usize::try_from(n).unwrap_or(of), of);
        }
    }
    progress(Stage::Rehearse, of, of);
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

fn rehearse_one(
    scratch: &mut Overlay<'_>,
    judge: &dyn Judge,
    (n, planned): (u64, &Planned),
    now: ServerTime,
) -> Result<(), RowFault> {
    let raw = planned.command.encode();
    let intake = Intake {
        origin: Origin::System,
        site: SiteId(0),
        received: now,
        timing: Timing::exact(now),
        local_date: now.utc().map(|now| now.date_naive()).or(Some(NaiveDate::MIN)),
        evidence: ByteBuf::new(),
        raw: ByteBuf::from(raw),
        previous: Hash16::default(),
        hash: Hash16::default(),
    };
    let intake_no = IntakeNo(REHEARSED_FROM.saturating_add(n));
    let lsn = Lsn(REHEARSED_FROM.saturating_add(n));
    let request = Request { intake_no, intake: &intake, lsn, time: now.plus_us(1) };
    let mut draft = Draft::over(&*scratch);
    let judged = judge.judge(&mut draft, &request);
    let bug = |reason: String| RowFault {
        reason: reason.trim_end_matches('.').to_owned(),
        remedy: "Report this row: it is a bug.".to_owned(),
        ..fault::at(planned, None)
    };
    if let Err(poison) = judged {
        return Err(bug(poison.to_string()));
    }
    let outcome = draft.row::<Outcomes>(&intake.identity(intake_no));
    match outcome {
        Some(row) if row.outcome.decision == Decision::Accepted => {
            let changes = draft.finish();
            scratch.absorb(changes);
            Ok(())
        }
        Some(row) => match row.outcome.reasons.first() {
            Some(reason) => Err(fault::of(planned, reason)),
            None => Err(bug("no reason".to_owned())),
        },
        None => Err(bug("no outcome".to_owned())),
    }
}
