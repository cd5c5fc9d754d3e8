//! Answers to tasks and cases, and what only has to be seen: signing in and out, a lost operation.

use protocol::code::Code;
use protocol::feed::TaskKind;
use protocol::operation::Answer;
use protocol::outcome::Reason;

use crate::conflict;
use crate::key::KeyRange;
use crate::place::plate;
use crate::posting::{Posting, Stop};
use crate::schema::case::{Cases, Choice, Task, TaskState, Tasks};
use crate::schema::place::Plates;
use crate::schema::stock::{Holds, HoldsByStock};
use crate::tables::Read as _;

/// Ends the task that was answered. An answer to a case is kept with the operation; deciding is for
/// the workbench.
///
/// # Errors
///
/// Refuses a task or case that is not known.
pub fn post(posting: &mut Posting<'_, '_>, body: &Answer) -> Result<(), Stop> {
    if let Some(id) = body.task {
        let Some(task) = posting.draft.row::<Tasks>(&id).map(|task| (*task).clone()) else {
            return Err(Stop::Refuse(Reason::new(Code::NotFound).word("what", id)));
        };
        conflict::task::finish(posting, id, TaskState::Done);
        answered(posting, &task)?;
    }
    if let Some(id) = body.case
        && !posting.draft.has::<Cases>(&id)
    {
        return Err(Stop::Refuse(Reason::new(Code::CaseUnknown).word("case", id)));
    }
    Ok(())
}

/// Somebody looked where the plate is: what is on it is free again.
fn answered(posting: &mut Posting<'_, '_>, task: &Task) -> Result<(), Stop> {
    if task.kind != TaskKind::VerifyPlate {
        return Ok(());
    }
    let Some(row) = posting.draft.row::<Plates>(&task.plate) else { return Ok(()) };
    for (key, _quantity) in plate::content_of(posting, (row.location, row.bin), task.plate) {
        for ((_key, hold), _row) in posting.draft.list::<HoldsByStock>(&KeyRange::prefix(&(key,))) {
            let unsure = posting
                .draft
                .row::<Holds>(&hold)
                .is_some_and(|row| row.reason == Code::PlatePlaceUnsure.as_str());
            if unsure {
                posting.release_hold(hold)?;
            }
        }
    }
    Ok(())
}

/// Something was done that cannot be read any more: the loss is counted and somebody looks at it
/// (CONFLICTS 43).
pub fn lost(posting: &mut Posting<'_, '_>) {
    let reason = Reason::new(Code::LostOperation);
    posting.decision.note(reason.clone());
    let case = conflict::CaseDraft {
        reasons: vec![reason],
        stock: None,
        choices: vec![Choice::Recount, Choice::Dismiss],
        parked: false,
        others: Vec::new(),
    };
    conflict::open_case(posting, case);
}
