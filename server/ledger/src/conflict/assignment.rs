//! Whose a task is: a supervisor of its location says so, and everybody else leaves it to them.
//!
//! Invariants:
//! 1. A task is nobody's who should not do it ([`Task::not_by`]): whoever has it could not see it, and
//!    nobody else would.
//! 2. An open task is listed under whose it is ([`TasksByOperator`]), and no other is.

use std::sync::Arc;

use protocol::code::Code;
use protocol::feed::Role;
use protocol::identity::{DeviceId, ServerTime, TaskId};
use protocol::outcome::Reason;
use protocol::words::OperatorId;

use crate::command::not_found;
use crate::command::stock::AssignTask;
use crate::conflict::question::{Questions, may_answer};
use crate::conflict::task;
use crate::draft::Draft;
use crate::key::KeyRange;
use crate::posting::{Posting, Stop};
use crate::right::{self, Standing};
use crate::schema::case::{Task, TaskState, Tasks, TasksByOperator, TasksFreed};
use crate::schema::identity::Operators;
use crate::schema::{LocationId, Written};
use crate::tables::{Read as _, Tables};

/// Makes a task somebody's, or nobody's.
///
/// # Errors
///
/// Refuses a task or person that is not known, a task that has ended, somebody who may not work at its
/// location, and somebody who should not answer what it asks.
pub(crate) fn assign(posting: &mut Posting<'_, '_>, ask: &AssignTask) -> Result<(), Stop> {
    let Some(task) = posting.draft.row::<Tasks>(&ask.task) else {
        return Err(not_found(&format!("task {}", ask.task)));
    };
    if task.state != TaskState::Open {
        return Err(Stop::Refuse(Reason::new(Code::TaskEnded).word("task", ask.task)));
    }
    if let Some(operator) = &ask.operator {
        if !posting.draft.has::<Operators>(operator) {
            return Err(not_found(operator));
        }
        if !may_do(posting.draft, operator, task.location, posting.act.at) {
            let reason = Reason::new(Code::RightMissing).word("operator", operator);
            return Err(Stop::Refuse(reason));
        }
        let questions = Questions::of(posting.draft, ask.task, &task);
        let mut open = questions.in_state(TaskState::Open);
        if open.any(|(_asker, question)| !may_answer(&question, Some(operator))) {
            let reason = Reason::new(Code::TaskNotBy).word("task", ask.task);
            return Err(Stop::Refuse(reason.word("operator", operator)));
        }
    }
    if task.assigned != ask.operator {
        task::save(posting, ask.task, Task { assigned: ask.operator.clone(), ..(*task).clone() });
    }
    Ok(())
}

/// Whether `operator` is somebody who may work at `location` now.
pub fn may_do(
    tables: &(impl Tables + ?Sized),
    operator: &OperatorId,
    location: LocationId,
    now: ServerTime,
) -> bool {
    const WORKERS: [Role; 3] = [Role::Operator, Role::Supervisor, Role::Administrator];
    let is_here = tables.row::<Operators>(operator).is_some_and(|row| !row.disabled);
    is_here
        && right::best_standing(tables, operator, &WORKERS, location, (now, 0)) == Standing::Held
}

/// The open tasks that are `operator`'s.
pub fn tasks_of(
    tables: &(impl Tables + ?Sized),
    operator: &OperatorId,
) -> Vec<(TaskId, Arc<Task>)> {
    let rows = tables.list::<TasksByOperator>(&KeyRange::prefix(&(operator.clone(),)));
    let ids = rows.into_iter().map(|((_operator, id), _row)| id);
    ids.filter_map(|id| Some((id, tables.row::<Tasks>(&id)?))).collect()
}

/// The tasks of somebody who may not do them any more are nobody's.
pub(crate) fn free_without_right(posting: &mut Posting<'_, '_>, operator: &OperatorId) {
    for (id, task) in tasks_of(posting.draft, operator) {
        if !may_do(posting.draft, operator, task.location, posting.act.at) {
            task::save(posting, id, Task { assigned: None, ..(*task).clone() });
        }
    }
}

/// A task of somebody whose `device` is away is nobody's, and is remembered as one that may have been done.
pub fn free_of_away(
    draft: &mut Draft<'_>,
    (device, written): (DeviceId, Written),
    (id, task): (TaskId, &Task),
) {
    let Some(operator) = task.assigned.clone() else { return };
    put(draft, id, Task { assigned: None, written, ..task.clone() });
    draft.put::<TasksFreed>(&(device, id), operator);
}

/// Writes the row of a task, and lists it under whose it is.
pub(super) fn put(draft: &mut Draft<'_>, id: TaskId, task: Task) {
    let before = draft.row::<Tasks>(&id).and_then(|row| row.assigned.clone());
    let now = task.assigned.clone().filter(|_operator| task.state == TaskState::Open);
    if let Some(operator) = before.filter(|before| Some(before) != now.as_ref()) {
        draft.delete::<TasksByOperator>(&(operator, id));
    }
    if let Some(operator) = now {
        draft.put::<TasksByOperator>(&(operator, id), ());
    }
    draft.put::<Tasks>(&id, task);
}
