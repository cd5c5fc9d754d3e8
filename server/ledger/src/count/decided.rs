//! What a person has decided about a count.

use protocol::code::Code;
use protocol::feed::TaskKind;
use protocol::identity::CaseId;

use crate::conflict::decision::by_decider;
use crate::conflict::task;
use crate::count::timeline::{self, Counted};
use crate::count::{ambiguity, report};
use crate::key::KeyRange;
use crate::posting::{Posting, Stop};
use crate::schema::case::{Case, Choice};
use crate::schema::count::{CountState, Counts, CountsByOperation};
use crate::tables::{Read as _, Tables};

/// Whether the case is about counts that wait for its decision.
pub(crate) fn is_about_counts(tables: &impl Tables, id: CaseId, open: &Case) -> bool {
    !counts_of(tables, id, open).is_empty()
}

/// The counts that wait for the case, those of its own operation first.
fn counts_of(tables: &impl Tables, id: CaseId, open: &Case) -> Vec<Counted> {
    let mut counts = Vec::new();
    for operation in std::iter::once(&open.operation).chain(&open.others) {
        let rows = tables.list::<CountsByOperation>(&KeyRange::prefix(&(*operation,)));
        for ((_operation, key, order), _row) in rows {
            if let Some(row) = tables.row::<Counts>(&(key, order))
                && row.case == Some(id)
                && row.state != CountState::TakenOut
            {
                counts.push(Counted { key, order, row: (*row).clone() });
            }
        }
    }
    counts
}

/// Does what was chosen.
///
/// # Errors
///
/// [`Stop::Overflow`]; refuses a choice that makes no sense for a count.
pub(crate) fn apply(
    posting: &mut Posting<'_, '_>,
    id: CaseId,
    open: &Case,
    choice: Choice,
) -> Result<(), Stop> {
    for counted in counts_of(posting.draft, id, open) {
        let own = counted.row.operation == open.operation;
        match choice {
            Choice::Accept => accept(posting, counted, Code::CaseAccepted),
            Choice::Recount => recount(posting, counted),
            Choice::Dismiss if own => refuse(posting, &counted)?,
            Choice::Before | Choice::After if own => {
                ambiguity::place_beside(posting, &counted, choice == Choice::Before)?;
                if let Some(row) = posting.draft.row::<Counts>(&(counted.key, counted.order)) {
                    let placed = Counted { row: (*row).clone(), ..counted };
                    accept(posting, placed, Code::CaseAccepted);
                }
            }
            Choice::Dismiss | Choice::Before | Choice::After => judge_again(posting, counted),
            Choice::Correct | Choice::ApproveOver | Choice::Return | Choice::Lost => {
                return Err(Stop::refuse(Code::ChoiceNotOffered));
            }
        }
    }
    Ok(())
}

/// The difference stands. When it changes later, the count is judged again.
fn accept(posting: &mut Posting<'_, '_>, mut counted: Counted, code: Code) {
    counted.row.state = CountState::Settled;
    counted.row.accepted = Some(counted.row.difference);
    if let (Some(task), Some(case)) = (counted.row.task.take(), counted.row.case) {
        task::withdraw(posting, task, case);
    }
    let reason = by_decider(posting, code);
    timeline::save(posting, counted.clone());
    report::judged(posting, &counted, vec![reason]);
}

fn recount(posting: &mut Posting<'_, '_>, mut counted: Counted) {
    counted.row.state = CountState::Recount;
    let task = report::ask(posting, &counted, TaskKind::Recount, &Code::CaseRecount);
    counted.row.task = Some(task);
    let bin = crate::lookup::bin_text(posting.draft, counted.key.location, counted.key.bin);
    let reason = by_decider(posting, Code::CaseRecount).word("bin", bin);
    timeline::save(posting, counted.clone());
    report::judged(posting, &counted, vec![reason]);
}

/// The count is taken out of the book. Where no later count stands, somebody counts again.
fn refuse(posting: &mut Posting<'_, '_>, counted: &Counted) -> Result<(), Stop> {
    let Some(taken) = timeline::take_out(posting, counted.key, counted.order)? else {
        return Ok(());
    };
    if let (Some(task), Some(case)) = (counted.row.task, counted.row.case) {
        task::withdraw(posting, task, case);
    }
    if timeline::next_count(posting.draft, counted.key, counted.order).is_none() {
        report::ask(posting, counted, TaskKind::Recount, &Code::CountRefused);
    }
    let reasons = vec![
        report::about(posting.draft, Code::CountRefused, counted.key),
        by_decider(posting, Code::CaseDismissed),
    ];
    report::judged(posting, &taken, reasons);
    Ok(())
}

/// What contradicted the count is gone: it is judged without.
fn judge_again(posting: &mut Posting<'_, '_>, mut counted: Counted) {
    timeline::reopen(&mut counted.row);
    counted.row.case = None;
    timeline::save(posting, counted);
}
