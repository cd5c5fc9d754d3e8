//! What waits for a person, and what was answered: cases, tasks, outcomes.

use crate::audit::{Findings, rows};
use crate::conflict::question::Questions;
use crate::conflict::task::kind_number;
use crate::key::KeyRange;
use crate::schema::book::{Intakes, OutcomeRevisions, Outcomes};
use crate::schema::case::{
    Case, CaseState, Cases, OpenCases, OpenTasks, Task, TaskQuestions, TaskState, Tasks,
    TasksByOperator,
};
use crate::schema::document::DocumentLines;
use crate::tables::{Read as _, Table as _, TableId, Tables, typed_key};
use protocol::identity::{CaseId, IntakeNo, OperationId, TaskId};

pub(crate) fn check_all(tables: &(impl Tables + ?Sized), findings: &mut Findings) {
    rows::<Cases>(tables, |id, case| check_case(tables, id, &case, findings));
    rows::<Tasks>(tables, |id, task| check_task(tables, id, &task, findings));
    rows::<Outcomes>(tables, |id, _row| check_outcome(tables, id, findings));
    rows::<OpenCases>(tables, |(_site, id), _row| {
        let open = tables.row::<Cases>(&id).is_some_and(|case| case.state == CaseState::Open);
        findings.unless(open, "I5", || format!("case {id} is listed as open"));
    });
    rows::<OpenTasks>(tables, |key, _row| {
        let open = tables.row::<Tasks>(&key.5).is_some_and(|task| task.state == TaskState::Open);
        findings.unless(open, "I5", || format!("task {} is listed as open", key.5));
    });
    rows::<TasksByOperator>(tables, |(operator, id), _row| {
        let task = tables.row::<Tasks>(&id);
        let is_theirs = task.is_some_and(|task| task.assigned.as_ref() == Some(&operator));
        findings.unless(is_theirs, "I5", || format!("task {id} is listed for {operator}"));
    });
    rows::<TaskQuestions>(tables, |(id, _asker), _row| {
        findings.unless(tables.has::<Tasks>(&id), "I5", || {
            format!("task {id} asks something and is not there")
        });
    });
    rows::<Intakes>(tables, |no, intake| {
        let judged =
            tables.row::<crate::schema::book::Heads>(&()).is_none_or(|head| head.intake >= no);
        let answered = tables.has::<Outcomes>(&intake.identity(no));
        findings.unless(answered || !judged, "I5", || format!("intake {no} has no outcome"));
    });
    rows::<DocumentLines>(tables, |key, line| {
        let negative = [line.quantity, line.handled, line.picked, line.received]
            .iter()
            .any(|q| q.is_negative());
        findings.unless(!negative, "W7", || format!("{key:?}: a quantity below zero"));
    });
}

fn check_case(tables: &(impl Tables + ?Sized), id: CaseId, case: &Case, findings: &mut Findings) {
    let listed = tables.has::<OpenCases>(&(case.site, id));
    findings.unless(listed == (case.state == CaseState::Open), "I5", || {
        format!("case {id}: {:?}, listed as open: {listed}", case.state)
    });
}

fn check_task(tables: &(impl Tables + ?Sized), id: TaskId, task: &Task, findings: &mut Findings) {
    let key = (task.location, task.bin, kind_number(task.kind), task.item, task.plate, id);
    let listed = tables.has::<OpenTasks>(&key);
    findings.unless(listed == (task.state == TaskState::Open), "I5", || {
        format!("task {id}: {:?}, listed as open: {listed}", task.state)
    });
    let is_nobodys = task.assigned.is_none() || task.assigned != task.not_by;
    findings.unless(is_nobodys || task.state != TaskState::Open, "I5", || {
        format!("task {id} is somebody's who should not do it")
    });
    if let Some(operator) = &task.assigned {
        let listed = tables.has::<TasksByOperator>(&(operator.clone(), id));
        findings.unless(listed == (task.state == TaskState::Open), "I5", || {
            format!("task {id}: {:?}, listed for {operator}: {listed}", task.state)
        });
    }
    let n_open = Questions::of(tables, id, task).in_state(TaskState::Open).count();
    findings.unless((n_open > 0) == (task.state == TaskState::Open), "I5", || {
        format!("task {id}: {:?}, open questions: {n_open}", task.state)
    });
}

fn check_question(tables: &(impl Tables + ?Sized), id: TaskId, findings: &mut Findings) {
    match tables.row::<Tasks>(&id) {
        Some(task) => check_task(tables, id, &task, findings),
        None => {
            findings.unless(false, "I5", || format!("task {id} asks something and is not there"));
        }
    }
}

/// An operation has one current outcome; the earlier ones count up from 1 to it.
fn check_outcome(tables: &(impl Tables + ?Sized), id: OperationId, findings: &mut Findings) {
    let Some(current) = tables.row::<Outcomes>(&id) else { return };
    let mut due: u32 = 1;
    for ((_id, revision), row) in tables.list::<OutcomeRevisions>(&KeyRange::prefix(&(id,))) {
        findings.unless(revision == due && row.outcome.revision == due, "I5", || {
            format!("{id}: revision {revision} where {due} is due")
        });
        // Earlier releases kept the current one twice.
        if revision == current.outcome.revision {
            findings.unless(*row == *current, "I5", || {
                format!("{id}: the current outcome is not the last revision")
            });
        } else {
            due = due.saturating_add(1);
        }
    }
    findings.unless(due == current.outcome.revision, "I5", || {
        format!("{id}: revision {} is the current one where {due} is due", current.outcome.revision)
    });
    findings.unless(current.intake != IntakeNo(0), "I5", || format!("{id}: no intake is named"));
}

pub(crate) fn check_row(
    tables: &(impl Tables + ?Sized),
    table: TableId,
    key: &[u8],
    findings: &mut Findings,
) {
    if table == Cases::ID {
        let id = typed_key::<Cases>(key);
        if let Some(case) = tables.row::<Cases>(&id) {
            check_case(tables, id, &case, findings);
        }
    } else if table == Tasks::ID {
        let id = typed_key::<Tasks>(key);
        if let Some(task) = tables.row::<Tasks>(&id) {
            check_task(tables, id, &task, findings);
        }
    } else if table == TaskQuestions::ID {
        check_question(tables, typed_key::<TaskQuestions>(key).0, findings);
    } else if table == Outcomes::ID {
        check_outcome(tables, typed_key::<Outcomes>(key), findings);
    }
}
