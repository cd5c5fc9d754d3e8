//! What a task asks. Where several ask for the same, one task asks it once, and each of them is answered
//! by itself: when what it asks for was counted, after it was asked, by somebody who may answer it.
//!
//! Invariants:
//! 1. A task is open as long as one of its questions is.
//! 2. A task that asks one thing only has no rows here; its own row says all of it.
//! 3. Who should not do a task, and whether the book is hidden from who does, follows from its open
//!    questions: who may not answer one of them may answer another, once that is all that is left.

use protocol::identity::{CaseId, OperationId, ServerTime, TaskId};
use protocol::words::OperatorId;

use crate::conflict::{decision, task};
use crate::count::timeline;
use crate::key::KeyRange;
use crate::posting::Posting;
use crate::schema::case::{Question, Task, TaskQuestions, TaskState, Tasks};
use crate::schema::item::Items;
use crate::schema::stock::Stocks;
use crate::schema::tracking::SerialActs;
use crate::schema::{OrderKey, StockKey, TrackingId};
use crate::tables::{Read as _, Tables};
use crate::tracking::serial;

/// The questions of a task, by the case that asks; none for what no case is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Questions {
    pub(super) id: TaskId,
    pub(super) task: Task,
    pub(super) list: Vec<(Option<CaseId>, Question)>,
}

impl Questions {
    /// What `task` asks, and what it has asked.
    pub fn of(tables: &(impl Tables + ?Sized), id: TaskId, task: &Task) -> Self {
        let rows = tables.list::<TaskQuestions>(&KeyRange::prefix(&(id,)));
        let mut list: Vec<_> =
            rows.into_iter().map(|((_task, asker), row)| (asker, (*row).clone())).collect();
        if list.is_empty() {
            let only = Question {
                asked: task.asked,
                not_by: task.not_by.clone(),
                blind: task.blind,
                reason: task.reason.clone(),
                state: task.state,
            };
            list.push((task.case, only));
        }
        Self { id, task: task.clone(), list }
    }

    /// All questions with their cases.
    pub fn all(&self) -> &[(Option<CaseId>, Question)] {
        &self.list
    }

    /// The cases that ask or have asked.
    pub fn cases(&self) -> Vec<CaseId> {
        self.list.iter().filter_map(|(asker, _question)| *asker).collect()
    }

    pub(crate) fn in_state(
        &self,
        state: TaskState,
    ) -> impl Iterator<Item = (Option<CaseId>, Question)> + use<'_> {
        let list = self.list.iter().filter(move |(_asker, question)| question.state == state);
        list.map(|(asker, question)| (*asker, question.clone()))
    }

    /// What `asker` asks by the task; where that is not known, what was asked first.
    pub(crate) fn asked_by(&self, asker: Option<CaseId>) -> Option<&Question> {
        let own = self.list.iter().find(|(known, _question)| *known == asker);
        own.or_else(|| self.list.first()).map(|(_asker, question)| question)
    }

    /// Adds a question, or asks again what `asker` had asked.
    pub(crate) fn ask(&mut self, asker: Option<CaseId>, question: Question) {
        match self.list.iter_mut().find(|(known, _question)| *known == asker) {
            None => self.list.push((asker, question)),
            Some((_asker, known)) if known.state == TaskState::Open => {
                known.not_by = known.not_by.take().or(question.not_by);
                known.blind |= question.blind;
            }
            Some((_asker, known)) => *known = question,
        }
    }

    /// Ends what `asker` asks, when that is open.
    pub(crate) fn end(&mut self, asker: Option<CaseId>, state: TaskState) {
        for (known, question) in &mut self.list {
            if *known == asker && question.state == TaskState::Open {
                question.state = state;
            }
        }
    }

    pub(crate) fn end_all(&mut self, state: TaskState) {
        for (_asker, question) in &mut self.list {
            if question.state == TaskState::Open {
                question.state = state;
            }
        }
    }

    pub(crate) fn reopen(&mut self, askers: &[Option<CaseId>]) {
        for (asker, question) in &mut self.list {
            if askers.contains(asker) {
                question.state = TaskState::Open;
            }
        }
    }

    /// Writes what is new of the questions, and what follows from them for the task.
    pub(crate) fn save(self, posting: &mut Posting<'_, '_>) {
        let Self { id, task, list } = self;
        let is_one = list.len() == 1 && !posting.draft.has::<TaskQuestions>(&(id, task.case));
        let now = task_of(&task, &list);
        if !is_one {
            for (asker, question) in list {
                let known = posting.draft.row::<TaskQuestions>(&(id, asker));
                if known.as_deref() != Some(&question) {
                    posting.draft.put::<TaskQuestions>(&(id, asker), question);
                }
            }
        }
        if posting.draft.row::<Tasks>(&id).as_deref() != Some(&now) {
            task::save(posting, id, now);
        }
    }

    /// Whether a count of `counted` answers the question: what its case is about was counted since it was
    /// asked, whether or not the book has that, and so was what the book has of the item beside it, since
    /// anybody asked. Where it is about the item, all of that was counted since it was asked.
    pub(crate) fn is_answered(
        &self,
        tables: &impl Tables,
        (asker, question): (Option<CaseId>, &Question),
        counted: StockKey,
    ) -> bool {
        let task = &self.task;
        let is_counted =
            |key: StockKey, ask: &Question| key == counted || is_counted_since(tables, key, ask);
        let mut of_item = timeline::keys_of_bin(tables, task.location, task.bin);
        of_item.retain(|key| (Some(key.item), key.variant) == (task.item, task.variant));
        let is_booked = |key: &StockKey| {
            let stock = tables.row::<Stocks>(key);
            key.plate == task.plate && stock.is_some_and(|stock| !stock.quantity.is_zero())
        };
        let booked: Vec<_> = of_item.iter().copied().filter(is_booked).collect();
        let is_beside = |key: StockKey| self.list.iter().any(|(_by, ask)| is_counted(key, ask));
        match about(tables, task, asker) {
            About::Item => booked.into_iter().all(|key| is_counted(key, question)),
            About::Unknown => false,
            About::Goods(tracking) => {
                let asked = StockKey { tracking, ..counted };
                let same = of_item.iter().copied().filter(|key| key.tracking == tracking);
                std::iter::once(asked).chain(same).any(|key| is_counted(key, question))
                    && booked.into_iter().all(|key| {
                        if key.tracking == tracking {
                            is_counted(key, question)
                        } else {
                            is_beside(key)
                        }
                    })
            }
        }
    }
}

/// The task as its questions make it.
fn task_of(task: &Task, list: &[(Option<CaseId>, Question)]) -> Task {
    let mut open: Vec<_> =
        list.iter().filter(|(_asker, question)| question.state == TaskState::Open).collect();
    let case = task.case.or_else(|| list.iter().find_map(|(asker, _question)| *asker));
    if open.is_empty() {
        let is_done = list.iter().any(|(_asker, question)| question.state == TaskState::Done);
        let state = if is_done { TaskState::Done } else { TaskState::Cancelled };
        return Task { state, case, ..task.clone() };
    }
    open.sort_by_key(|(asker, question)| (question.asked, *asker));
    let not_by = open.iter().find_map(|(_asker, question)| question.not_by.clone());
    Task {
        case,
        state: TaskState::Open,
        assigned: task.assigned.clone().filter(|operator| Some(operator) != not_by.as_ref()),
        not_by,
        blind: open.iter().any(|(_asker, question)| question.blind),
        ..task.clone()
    }
}

/// What a question is about.
enum About {
    /// All of the item that is there.
    Item,
    /// A lot or serial; goods that have neither.
    Goods(TrackingId),
    /// A lot or serial that nobody has met yet.
    Unknown,
}

fn about(tables: &impl Tables, task: &Task, asker: Option<CaseId>) -> About {
    let goods = asker.and_then(|case| decision::goods_of(tables, case));
    let Some((item, variant, tracking)) = goods else { return About::Item };
    if (Some(item), variant) != (task.item, task.variant) {
        return About::Item;
    }
    let is_tracked = tables.row::<Items>(&item).is_some_and(|row| row.tracking_code.is_some());
    match tracking {
        None => About::Unknown,
        // Nobody can count goods without the lot that they have.
        Some(TrackingId(0)) if is_tracked => About::Item,
        Some(tracking) => About::Goods(tracking),
    }
}

/// Whether `operator` may answer.
pub(crate) fn may_answer(question: &Question, operator: Option<&OperatorId>) -> bool {
    question.not_by.is_none() || question.not_by.as_ref() != operator
}

/// Whether somebody who may answer the question has counted the key since it was asked. A serial is known
/// of by whatever was done with it since.
fn is_counted_since(tables: &impl Tables, key: StockKey, question: &Question) -> bool {
    if let Some(no) = serial::of(tables, key.tracking) {
        let history = KeyRange::prefix(&(key.item, key.variant, no));
        let last = tables.last::<SerialActs>(&history);
        return last.is_some_and(|((.., order), _row)| order.tau > question.asked);
    }
    let end = OrderKey::new(ServerTime(i64::MAX), OperationId::default());
    timeline::count_before(tables, key, end).is_some_and(|last| {
        last.order.tau > question.asked && may_answer(question, last.row.operator.as_ref())
    })
}
