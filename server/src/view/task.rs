//! Tasks: work that the server asks for.

use ledger::conflict::question::Questions;
use ledger::key::KeyRange;
use ledger::schema::LocationId;
use ledger::schema::case::{OpenTasks, Task, TaskState, Tasks};
use ledger::tables::{Read as _, Tables};
use protocol::feed::TaskKind;
use protocol::identity::{ServerTime, TaskId};
use serde::Serialize;

use super::names::Names;
use super::page::{Page, PageQuery, ascending, descending, range_of};

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskView {
    /// Its number.
    pub task: u64,
    /// What is asked.
    pub kind: TaskKind,
    /// `open`, `done` or `cancelled`.
    pub state: &'static str,
    /// The location.
    pub location: String,
    /// The bin.
    pub bin: Option<String>,
    /// The item; none for the whole bin.
    pub item: Option<String>,
    /// The variant.
    pub variant: Option<String>,
    /// The licence plate.
    pub plate: Option<String>,
    /// Who should do it.
    pub assigned: Option<String>,
    /// Who should not.
    pub not_by: Option<String>,
    /// The operator must not know the book quantity.
    pub blind: bool,
    /// Why it was asked: a reason code.
    pub reason: String,
    /// The first case behind it.
    pub case: Option<u64>,
    /// What it asks, and has asked.
    pub questions: Vec<QuestionView>,
    /// When it was asked.
    pub asked: ServerTime,
}

/// One of the questions that a task asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuestionView {
    /// The case that asks; none for what no case is about.
    pub case: Option<u64>,
    /// `open`, `done` or `cancelled`.
    pub state: &'static str,
    /// Why it was asked: a reason code.
    pub reason: String,
    /// Who should not answer it.
    pub not_by: Option<String>,
    /// When it was asked.
    pub asked: ServerTime,
}

const fn state_word(state: TaskState) -> &'static str {
    match state {
        TaskState::Open => "open",
        TaskState::Done => "done",
        TaskState::Cancelled => "cancelled",
    }
}

fn questions(tables: &dyn Tables, id: TaskId, row: &Task) -> Vec<QuestionView> {
    let asked = Questions::of(tables, id, row);
    let list = asked.all().iter().map(|(case, question)| QuestionView {
        case: case.map(|case| case.0),
        state: state_word(question.state),
        reason: question.reason.clone(),
        not_by: question.not_by.as_ref().map(ToString::to_string),
        asked: question.asked,
    });
    list.collect()
}

fn view(tables: &dyn Tables, id: TaskId, row: &Task) -> TaskView {
    let names = Names(tables);
    TaskView {
        task: id.0,
        kind: row.kind,
        state: state_word(row.state),
        location: names.location(row.location),
        bin: names.bin(row.bin),
        item: row.item.map(|item| names.item(item).0),
        variant: names.variant(row.variant),
        plate: names.plate(row.plate),
        assigned: row.assigned.as_ref().map(ToString::to_string),
        not_by: row.not_by.as_ref().map(ToString::to_string),
        blind: row.blind,
        reason: row.reason.clone(),
        case: row.case.map(|case| case.0),
        questions: questions(tables, id, row),
        asked: row.asked,
    }
}

/// Open tasks of a location, or of all.
pub fn open_tasks(
    tables: &dyn Tables,
    location: Option<LocationId>,
    query: &PageQuery,
) -> Page<TaskView> {
    let range = range_of(location.map(|location| (location,)).as_ref());
    ascending::<OpenTasks, _>(
        tables,
        range,
        query,
        |(_at, _bin, _kind, _item, _plate, id), _row| {
            tables.row::<Tasks>(&id).map(|row| view(tables, id, &row))
        },
    )
}

/// All tasks, the newest first.
pub fn tasks(tables: &dyn Tables, query: &PageQuery) -> Page<TaskView> {
    descending::<Tasks, _>(tables, KeyRange::all(), query, |id, row| Some(view(tables, id, &row)))
}

/// How many tasks are open.
pub fn n_open(tables: &dyn Tables) -> usize {
    tables.list::<OpenTasks>(&KeyRange::all()).len()
}
