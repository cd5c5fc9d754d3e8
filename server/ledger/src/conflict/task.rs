//! Tasks: asked once, answered by what was done.

use std::ops::ControlFlow;

use protocol::code::Code;
use protocol::feed::TaskKind;
use protocol::identity::{CaseId, OperationId, ServerTime, TaskId};
use protocol::words::OperatorId;

use crate::conflict::{case, decision};
use crate::count::timeline;
use crate::key::KeyRange;
use crate::posting::Posting;
use crate::schema::case::{OpenTasks, Task, TaskState, Tasks, TasksAnswered};
use crate::schema::stock::Stocks;
use crate::schema::tracking::SerialActs;
use crate::schema::{
    BinId, Counter, ItemId, LocationId, OrderKey, PlateId, StockKey, VariantId, next_number,
};
use crate::tables::{Read, Tables};
use crate::tracking::serial;

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

/// Asks for a task, unless the same is asked already: then that one also serves this purpose.
pub fn request_task(posting: &mut Posting<'_, '_>, draft: TaskDraft) -> TaskId {
    if let Some((id, task)) = same_open_task(posting.draft, &draft) {
        let joined = Task {
            not_by: task.not_by.clone().or(draft.not_by),
            blind: task.blind || draft.blind,
            case: task.case.or(draft.case),
            ..task.clone()
        };
        if joined != task {
            save(posting, id, joined);
        }
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

/// Withdraws a task that became pointless.
pub(crate) fn cancel(posting: &mut Posting<'_, '_>, id: TaskId) {
    finish(posting, id, TaskState::Cancelled);
}

/// Ends the task when it is open.
pub fn finish(posting: &mut Posting<'_, '_>, id: TaskId, state: TaskState) {
    let Some(task) = posting.draft.row::<Tasks>(&id) else { return };
    if task.state == TaskState::Open {
        save(posting, id, Task { state, ..(*task).clone() });
    }
}

/// A task that was done is open again, unless the same was asked anew meanwhile.
pub(crate) fn open_again(posting: &mut Posting<'_, '_>, id: TaskId, done: Task) {
    let about = (done.location, done.bin, kind_number(done.kind), done.item, done.plate);
    let again = posting.draft.list::<OpenTasks>(&KeyRange::prefix(&about));
    let is_asked = again.into_iter().any(|(key, _row)| {
        posting.draft.row::<Tasks>(&key.5).is_some_and(|task| task.variant == done.variant)
    });
    if !is_asked {
        save(posting, id, Task { state: TaskState::Open, ..done });
    }
}

/// Ends the count tasks that a count of `key` (none: of the whole bin), done at `order`, answers: the one
/// it names, and those that were asked before it was done. Who was asked about an item has answered when
/// every lot and serial of it is counted. Gives back the tasks that it answers, wholly or for its key.
pub(crate) fn answer_counts(
    posting: &mut Posting<'_, '_>,
    (location, bin): (LocationId, BinId),
    key: Option<StockKey>,
    order: OrderKey,
    named: Option<TaskId>,
) -> Vec<(TaskId, Task)> {
    let operator = posting.act.operator.clone();
    let mut answered = Vec::new();
    for (id, task) in open_count_tasks(posting.draft, location, bin) {
        let covered = match (task.item, key) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(item), Some(counted)) => (counted.item, counted.variant) == (item, task.variant),
        };
        let asked_before =
            order.tau > task.asked && (task.not_by.is_none() || task.not_by != operator);
        if covered && (named == Some(id) || asked_before) {
            if key.is_none_or(|key| is_rest_counted(posting.draft, &task, key)) {
                finish(posting, id, TaskState::Done);
            }
            posting.draft.put::<TasksAnswered>(&(posting.act.operation, id), ());
            answered.push((id, task));
        }
    }
    answered
}

/// Whether, beside `counted`, everything was counted since the task was asked that it is about: what the
/// book has of its item in the bin, and what the case behind it is about, whether or not the book has that.
pub(crate) fn is_rest_counted(tables: &impl Tables, task: &Task, counted: StockKey) -> bool {
    let is_counted = |key: StockKey| key == counted || is_counted_since(tables, key, task);
    let mut of_item = timeline::keys_of_bin(tables, task.location, task.bin);
    of_item.retain(|key| (Some(key.item), key.variant) == (task.item, task.variant));
    let is_booked = |key: &StockKey| {
        let stock = tables.row::<Stocks>(key);
        key.plate == task.plate && stock.is_some_and(|stock| !stock.quantity.is_zero())
    };
    let about = task.case.and_then(|case| decision::goods_of(tables, case));
    let is_asked_counted = about.is_none_or(|(item, variant, tracking)| {
        let is_of_task = (Some(item), variant) == (task.item, task.variant);
        !is_of_task
            || tracking.is_some_and(|tracking| {
                let asked = StockKey { tracking, ..counted };
                let same = of_item.iter().filter(|key| key.tracking == tracking);
                std::iter::once(&asked).chain(same).any(|key| is_counted(*key))
            })
    });
    is_asked_counted && of_item.iter().filter(|key| is_booked(key)).all(|key| is_counted(*key))
}

/// Whether somebody who may answer the task has counted the key since it was asked. A serial is known of
/// by whatever was done with it since.
fn is_counted_since(tables: &impl Tables, key: StockKey, task: &Task) -> bool {
    if let Some(no) = serial::of(tables, key.tracking) {
        let history = KeyRange::prefix(&(key.item, key.variant, no));
        let last = tables.last::<SerialActs>(&history);
        return last.is_some_and(|((.., order), _row)| order.tau > task.asked);
    }
    let end = OrderKey::new(ServerTime(i64::MAX), OperationId::default());
    timeline::count_before(tables, key, end).is_some_and(|last| {
        let may_answer = task.not_by.is_none() || task.not_by != last.row.operator;
        last.order.tau > task.asked && may_answer
    })
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

fn save(posting: &mut Posting<'_, '_>, id: TaskId, task: Task) {
    let about = (task.location, task.bin, kind_number(task.kind), task.item, task.plate, id);
    if task.state == TaskState::Open {
        posting.draft.put::<OpenTasks>(&about, ());
    } else {
        posting.draft.delete::<OpenTasks>(&about);
    }
    let written = posting.written();
    posting.draft.put::<Tasks>(&id, Task { written, ..task });
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

/// Resolves the case behind a task that was answered.
pub(crate) fn resolve_case_of(posting: &mut Posting<'_, '_>, task: &Task) {
    if let Some(id) = task.case {
        case::resolve(posting, id);
    }
}
