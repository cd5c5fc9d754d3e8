//! Answers to tasks and cases, and what only has to be seen: signing in and out, a lost operation.

use protocol::code::Code;
use protocol::feed::TaskKind;
use protocol::operation::Answer;
use protocol::outcome::Reason;

use crate::conflict;
use crate::lookup;
use crate::place::{plate, search};
use crate::posting::{Posting, Stop};
use crate::schema::PlateId;
use crate::schema::case::{Cases, Choice, Task, TaskState, Tasks};
use crate::schema::identity::SignedIn;
use crate::tables::Read as _;

/// The answer of the handheld to "is it here?"; every other word says that it was seen.
const NOT_HERE: &str = "not here";

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
        if task.kind == TaskKind::VerifyPlate && task.state == TaskState::Open {
            plate_answered(posting, &task, body.answer.as_str() != NOT_HERE)?;
        }
    }
    if let Some(id) = body.case
        && !posting.draft.has::<Cases>(&id)
    {
        return Err(Stop::Refuse(Reason::new(Code::CaseUnknown).word("case", id)));
    }
    Ok(())
}

/// Somebody looked where the plate is (CONFLICTS 17). Where it was seen it is, with all that is on it, which
/// is free again. Where it is not, the other place that it was brought to is asked about; after that, a person
/// decides.
fn plate_answered(posting: &mut Posting<'_, '_>, task: &Task, is_here: bool) -> Result<(), Stop> {
    let place = (task.location, task.bin);
    if is_here {
        let order = posting.next_order();
        plate::sighted(posting, task.plate, place, order)?;
        return search::found(posting, task.plate);
    }
    if !search::is_unsure(posting, task.plate) {
        return Ok(());
    }
    let is_first = search::place_of(posting, task.plate) == Some(place);
    match search::brought_elsewhere(posting, task.plate, place).filter(|_other| is_first) {
        Some(other) => search::ask(posting, task.plate, other),
        None => nobody_finds(posting, task.plate),
    }
    Ok(())
}

/// The plate is at none of the places that it was brought to: what is on it stays on hold.
fn nobody_finds(posting: &mut Posting<'_, '_>, id: PlateId) {
    let reason =
        Reason::new(Code::PlateNotFound).word("plate", lookup::plate_text(posting.draft, id));
    posting.decision.note(reason.clone());
    let place = search::place_of(posting, id);
    let stock = place.and_then(|place| plate::content_of(posting, place, id).first().copied());
    let case = conflict::CaseDraft {
        reasons: vec![reason],
        stock: stock.map(|(key, _quantity)| key),
        choices: vec![Choice::Recount, Choice::Dismiss],
        parked: false,
        others: Vec::new(),
    };
    conflict::open_case(posting, case);
}

/// Somebody took a device: it is the one that they work with, until they are known to have taken another
/// one later.
pub fn signed_in(posting: &mut Posting<'_, '_>) {
    let (Some(operator), order) = (posting.act.operator.clone(), posting.act.order) else { return };
    if posting.draft.row::<SignedIn>(&operator).is_none_or(|last| *last < order) {
        posting.draft.put::<SignedIn>(&operator, order);
    }
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
