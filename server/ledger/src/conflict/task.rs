//! Tasks: asked once, answered by what was done.

use std::ops::ControlFlow;

use protocol::code::Code;
use protocol::feed::TaskKind;
use protocol::identity::{CaseId, TaskId};
use protocol::words::OperatorId;

use crate::conflict::assignment;
use crate::conflict::question::{Questions, may_answer};
use crate::key::KeyRange;
use crate::posting::Posting;
use crate::schema::case::{OpenTasks, Question, Task, TaskState, Tasks, TasksAnswered};
use crate::schema::{
    BinId, Counter, ItemId, LocationId, OrderKey, PlateId, StockKey, VariantId, next_number,
};
use crate::tables::{Read as _, Tables};

/// A task to be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskDraft {
    /// What is asked.
    pub kind: TaskKind,
    /// The location.
    pub location: LocationId,
    /// The bin; 0 for none.
    pub bin: BinId,
    /// The item; none for the whole bin.
    pub item: Option<ItemId>,
    /// The variant, or none.
    pub variant: VariantId,
    /// The plate; 0 for none.
    pub plate: PlateId,
    /// Why: a reason code.
    pub reason: String,
    /// Who should not do it.
    pub not_by: Option<OperatorId>,
    /// The operator must not know the book quantity.
    pub blind: bool,
    /// The case behind it.
    pub case: Option<CaseId>,
}

impl TaskDraft {
    /// Somebody is to count what lies under `key`, because of `why`.
    pub(crate) fn count_of(key: &StockKey, why: &Code) -> Self {
        Self {
            kind: TaskKind::Count,
            location: key.location,
            bin: key.bin,
            item: Some(key.item),
            variant: key.variant,
            plate: key.plate,
            reason: why.as_str().to_owned(),
            not_by: None,
            blind: false,
            case: None,
        }
    }
}

/// Asks for a task, unless the same is asked already: then that one asks this as well.
pub fn request_task(posting: &mut Posting<'_, '_>, draft: TaskDraft) -> TaskId {
    if let Some((id, task)) = same_open_task(posting.draft, &draft) {
        let mut questions = Questions::of(posting.draft, id, &task);
        questions.ask(
            draft.case,
            Question {
                asked: posting.act.at,
                not_by: draft.not_by,
                blind: draft.blind,
                reason: draft.reason,
                state: TaskState::Open,
            },
        );
        questions.save(posting);
        return id;
    }
    let id = TaskId(next_number(posting.draft, Counter::Task));
    let task = Task {
        kind: draft.kind,
        location: draft.location,
        bin: draft.bin,
        item: draft.item,
        variant: draft.variant,
        plate: draft.plate,
        assigned: None,
        not_by: draft.not_by,
        blind: draft.blind,
        state: TaskState::Open,
        reason: draft.reason,
        case: draft.case,
        asked: posting.act.at,
        written: posting.written(),
    };
    save(posting, id, task);
    id
}

/// What `case` asked by the task became pointless. What others ask by it stays asked.
pub(crate) fn withdraw(posting: &mut Posting<'_, '_>, id: TaskId, case: CaseId) {
    let Some(task) = posting.draft.row::<Tasks>(&id) else { return };
    let mut questions = Questions::of(posting.draft, id, &task);
    questions.end(Some(case), TaskState::Cancelled);
    questions.save(posting);
}

/// Ends the task, with all that it asks, when it is open.
pub fn finish(posting: &mut Posting<'_, '_>, id: TaskId, state: TaskState) {
    let Some(task) = posting.draft.row::<Tasks>(&id) else { return };
    let mut questions = Questions::of(posting.draft, id, &task);
    questions.end_all(state);
    questions.save(posting);
}

/// What the `askers` ask by a task was answered, and is open again: by that task, or by the one by which
/// the same was asked anew meanwhile.
pub(crate) fn open_again(
    posting: &mut Posting<'_, '_>,
    mut questions: Questions,
    askers: &[Option<CaseId>],
) {
    let done = &questions.task;
    let about = (done.location, done.bin, kind_number(done.kind), done.item, done.plate);
    let variant = done.variant;
    let open = posting.draft.list::<OpenTasks>(&KeyRange::prefix(&about));
    let anew = open.into_iter().find_map(|(key, _row)| {
        let task = posting.draft.row::<Tasks>(&key.5)?;
        (key.5 != questions.id && task.variant == variant).then_some((key.5, task))
    });
    match anew {
        None => {
            questions.reopen(askers);
            questions.save(posting);
        }
        Some((id, task)) => {
            let mut others = Questions::of(posting.draft, id, &task);
            for (asker, question) in questions.list {
                if askers.contains(&asker) {
                    others.ask(asker, Question { state: TaskState::Open, ..question });
                }
            }
            others.save(posting);
        }
    }
}

/// A task that a count has answered, wholly or for what it has counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) task: TaskId,
    /// Cases whose questions are answered.
    pub(crate) ended: Vec<CaseId>,
    /// Who asked later than it was counted, or of whom its counter should not answer.
    unanswered: Vec<Option<CaseId>>,
}

impl Answered {
    /// Whether the count says something to what `asker` has asked by the task.
    pub(crate) fn answers(&self, asker: Option<CaseId>) -> bool {
        !self.unanswered.contains(&asker)
    }
}

/// Answers what the count tasks of the bin ask about `key` (none: a count of the whole bin), by a count
/// done at `order`: the task that it names, and what was asked before it was done. Who was asked about an
/// item has answered when every lot and serial of it is counted.
pub(crate) fn answer_counts(
    posting: &mut Posting<'_, '_>,
    (location, bin): (LocationId, BinId),
    key: Option<StockKey>,
    order: OrderKey,
    named: Option<TaskId>,
) -> Vec<Answered> {
    let operator = posting.act.operator.clone();
    let mut answered = Vec::new();
    for (id, task) in open_count_tasks(posting.draft, location, bin) {
        let covered = match (task.item, key) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(item), Some(counted)) => (counted.item, counted.variant) == (item, task.variant),
        };
        if !covered {
            continue;
        }
        let mut questions = Questions::of(posting.draft, id, &task);
        // Who names the task has seen it, but not what was asked by it since.
        let in_time =
            |asked| order.tau > asked || (named == Some(id) && asked <= questions.task.asked);
        let (fitting, unanswered): (Vec<_>, Vec<_>) = questions
            .in_state(TaskState::Open)
            .partition(|(_, ask)| in_time(ask.asked) && may_answer(ask, operator.as_ref()));
        if fitting.is_empty() {
            continue;
        }
        let ended: Vec<_> = fitting
            .into_iter()
            .filter(|(asker, question)| {
                let tables = &*posting.draft;
                key.is_none_or(|key| questions.is_answered(tables, (*asker, question), key))
            })
            .map(|(asker, _question)| asker)
            .collect();
        let unanswered = unanswered.into_iter().map(|(asker, _question)| asker).collect();
        for asker in &ended {
            questions.end(*asker, TaskState::Done);
        }
        questions.save(posting);
        posting.draft.put::<TasksAnswered>(&(posting.act.operation, id), ());
        let ended = ended.into_iter().flatten().collect();
        answered.push(Answered { task: id, ended, unanswered });
    }
    answered
}

/// Open tasks to count something in the bin.
pub(crate) fn open_count_tasks(
    tables: &(impl Tables + ?Sized),
    location: LocationId,
    bin: BinId,
) -> Vec<(TaskId, Task)> {
    [TaskKind::Count, TaskKind::Recount]
        .into_iter()
        .flat_map(|kind| {
            tables.list::<OpenTasks>(&KeyRange::prefix(&(location, bin, kind_number(kind))))
        })
        .filter_map(|(key, _row)| {
            let task = tables.row::<Tasks>(&key.5)?;
            Some((key.5, (*task).clone()))
        })
        .collect()
}

/// The open task to count the whole bin.
pub fn whole_bin_count(
    tables: &(impl Tables + ?Sized),
    location: LocationId,
    bin: BinId,
) -> Option<TaskId> {
    let about = (location, bin, kind_number(TaskKind::Count), None::<ItemId>);
    tables.list::<OpenTasks>(&KeyRange::prefix(&about)).first().map(|(key, _row)| key.5)
}

/// Whether somebody counts in the bin without knowing the book: its quantities are withheld.
pub(crate) fn is_counted_blind(
    tables: &(impl Tables + ?Sized),
    location: LocationId,
    bin: BinId,
) -> bool {
    let mut blind = false;
    for kind in [TaskKind::Count, TaskKind::Recount] {
        let range = KeyRange::prefix(&(location, bin, kind_number(kind)));
        crate::tables::each_of::<OpenTasks>(tables, &range, false, &mut |key, _row| {
            blind = tables.row::<Tasks>(&key.5).is_some_and(|task| task.blind);
            if blind { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if blind {
            break;
        }
    }
    blind
}

fn same_open_task(tables: &(impl Tables + ?Sized), draft: &TaskDraft) -> Option<(TaskId, Task)> {
    let about = (draft.location, draft.bin, kind_number(draft.kind), draft.item, draft.plate);
    tables.list::<OpenTasks>(&KeyRange::prefix(&about)).into_iter().find_map(|(key, _row)| {
        let task = tables.row::<Tasks>(&key.5)?;
        (task.variant == draft.variant).then(|| (key.5, (*task).clone()))
    })
}

pub(super) fn save(posting: &mut Posting<'_, '_>, id: TaskId, task: Task) {
    let about = (task.location, task.bin, kind_number(task.kind), task.item, task.plate, id);
    if task.state == TaskState::Open {
        posting.draft.put::<OpenTasks>(&about, ());
    } else {
        posting.draft.delete::<OpenTasks>(&about);
    }
    let written = posting.written();
    assignment::put(posting.draft, id, Task { written, ..task });
}

/// The kind as part of a key.
pub(crate) const fn kind_number(kind: TaskKind) -> u8 {
    match kind {
        TaskKind::Count => 1,
        TaskKind::Recount => 2,
        TaskKind::VerifyPlate => 3,
        TaskKind::ReturnToStock => 4,
        TaskKind::Relocate => 5,
        TaskKind::Look => 6,
        TaskKind::CompleteTracking => 7,
    }
}
