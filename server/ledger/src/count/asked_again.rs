//! What a count had answered is asked again when that count is taken back.

use std::ops::ControlFlow;

use protocol::identity::{CaseId, OperationId, TaskId};
use protocol::words::OperatorId;

use crate::conflict::question::{Questions, may_answer};
use crate::conflict::task;
use crate::count::timeline::{self, Counted};
use crate::key::KeyRange;
use crate::posting::Posting;
use crate::schema::case::{Question, Task, TaskState, Tasks, TasksAnswered};
use crate::schema::count::{BinCounts, CountState, Counts, CountsByOperation};
use crate::schema::{BinId, LocationId, OrderKey, StockKey};
use crate::tables::{Read as _, Tables};

/// Asks again what the counts of `operation` had answered, unless another count that stands answers that
/// as well; and has the counts judged again that had asked for them. To be called when the counts of
/// `operation` are out of the book.
pub(crate) fn ask_again(posting: &mut Posting<'_, '_>, operation: OperationId) {
    let rows = posting.draft.list::<TasksAnswered>(&KeyRange::prefix(&(operation,)));
    for ((_operation, id), _row) in rows {
        posting.draft.delete::<TasksAnswered>(&(operation, id));
        let Some(row) = posting.draft.row::<Tasks>(&id) else { continue };
        let questions = Questions::of(posting.draft, id, &row);
        let mut open = Vec::new();
        for (asker, question) in questions.in_state(TaskState::Done) {
            match answered_by(posting.draft, &row, &questions, (asker, &question)) {
                Some(by) => posting.draft.put::<TasksAnswered>(&(by, id), ()),
                None => open.push(asker),
            }
        }
        judge_askers(posting, operation, (id, &questions));
        if !open.is_empty() {
            task::open_again(posting, questions, &open);
        }
    }
}

/// A count that was asked for the recount `id` and that nothing stands instead of any more is judged again.
fn judge_askers(
    posting: &mut Posting<'_, '_>,
    operation: OperationId,
    (id, questions): (TaskId, &Questions),
) {
    let rows = posting.draft.list::<CountsByOperation>(&KeyRange::prefix(&(operation,)));
    for ((_operation, key, order), _row) in rows {
        for key in keys(posting.draft, key) {
            let mut at = order;
            while let Some(mut earlier) = timeline::count_before(posting.draft, key, at) {
                at = earlier.order;
                if earlier.row.task != Some(id) || !earlier.row.superseded {
                    break;
                }
                if is_replaced(posting.draft, &earlier, questions.asked_by(earlier.row.case)) {
                    continue;
                }
                earlier.row.superseded = false;
                timeline::reopen(&mut earlier.row);
                timeline::save(posting, earlier);
            }
        }
    }
}

/// Whether a later count of the same key that stands answers what was asked about `earlier`.
fn is_replaced(tables: &impl Tables, earlier: &Counted, question: Option<&Question>) -> bool {
    let Some(question) = question else { return false };
    let mut at = earlier.order;
    while let Some(later) = timeline::next_count(tables, earlier.key, at) {
        at = later.order;
        if at.tau > question.asked && may_answer(question, later.row.operator.as_ref()) {
            return true;
        }
    }
    false
}

/// What a row of a count stands for: one key, or all of its bin.
fn keys(tables: &impl Tables, key: StockKey) -> Vec<StockKey> {
    if key == timeline::bin_key(key.location, key.bin) {
        timeline::keys_of_bin(tables, key.location, key.bin).into_iter().collect()
    } else {
        vec![key]
    }
}

/// The first count that stands, was done after the question was asked, and says what it asks.
fn answered_by(
    tables: &impl Tables,
    task: &Task,
    questions: &Questions,
    (asker, question): (Option<CaseId>, &Question),
) -> Option<OperationId> {
    let asked = OrderKey::new(question.asked, OperationId::default());
    let place = (task.location, task.bin);
    let fits = |operator: Option<&OperatorId>| may_answer(question, operator);
    let whole = whole_count(tables, place, asked, &fits);
    whole.or_else(|| {
        let item = task.item?;
        let keys = timeline::keys_of_bin(tables, place.0, place.1);
        let mut asked_for =
            keys.into_iter().filter(|key| (key.item, key.variant) == (item, task.variant));
        asked_for.find_map(|key| {
            let found = count_of(tables, key, asked, &fits);
            found.filter(|_by| questions.is_answered(tables, (asker, question), key))
        })
    })
}

fn whole_count(
    tables: &impl Tables,
    (location, bin): (LocationId, BinId),
    asked: OrderKey,
    fits: &impl Fn(Option<&OperatorId>) -> bool,
) -> Option<OperationId> {
    let range = KeyRange::prefix_after(&(location, bin), &(location, bin, asked));
    let mut found = None;
    tables.each::<BinCounts>(&range, false, |_key, row| {
        if row.taken_out || !fits(row.operator.as_ref()) {
            return ControlFlow::Continue(());
        }
        found = Some(row.operation);
        ControlFlow::Break(())
    });
    found
}

fn count_of(
    tables: &impl Tables,
    key: StockKey,
    asked: OrderKey,
    fits: &impl Fn(Option<&OperatorId>) -> bool,
) -> Option<OperationId> {
    let range = KeyRange::prefix_after(&(key,), &(key, asked));
    let mut found = None;
    tables.each::<Counts>(&range, false, |_key, row| {
        if row.state == CountState::TakenOut || row.implicit || !fits(row.operator.as_ref()) {
            return ControlFlow::Continue(());
        }
        found = Some(row.operation);
        ControlFlow::Break(())
    });
    found
}
