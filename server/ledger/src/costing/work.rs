//! Runs of cost adjustment: asked for, and worked off in bounded slices between postings (COSTING 4, 8.7).
//!
//! Each slice is a decision of its own: stopping leaves finished slices posted and the rest marked. What is
//! refused keeps its marks; a refused order is tried again when it is asked for, when it is marked anew,
//! and when dates or periods change.

use std::ops::ControlFlow;

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::outcome::Reason;
use protocol::words::{DocumentNo, ItemNo, OperatorId};
use serde::{Deserialize, Serialize};

use crate::assembly;
use crate::costing::{adjust, item_cost, method_of, rebuild, setup};
use crate::gl::batch;
use crate::key::KeyRange;
use crate::lookup;
use crate::posting::{Posting, Stop};
use crate::schema::item::CostingMethod;
use crate::schema::money::{
    AdjustmentQueue, AdjustmentRun, AdjustmentRuns, AdjustmentWindow, OpenRuns, OrderMarks,
    OrderQueue, RunValues, UnadjustedItems,
};
use crate::schema::order::RefusedOrders;
use crate::schema::{Counter, EntryNo, ItemId, next_number};
use crate::tables::{Read as _, Tables, each_of};

/// Reads and writes after which a slice ends: well below what a posting may wait for.
const SLICE: u64 = 3_500;

/// Asks for a run of cost adjustment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AdjustCost {
    /// The items; none: all that are not adjusted, but for those that are left out of the batch.
    #[serde(default)]
    pub items: Vec<ItemNo>,
    /// One item valued by average, up to this date only.
    #[serde(default)]
    pub until_valuation_date: Option<NaiveDate>,
}

/// Works off a slice of what is queued; asked for by the system as long as there is something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WorkOff {
    /// Reads and writes after which it ends; the usual slice when it is left out.
    #[serde(default)]
    pub slice: Option<u64>,
}

/// Whether anything is queued: the system then asks for [`WorkOff`].
pub fn is_waiting(tables: &(impl Tables + ?Sized)) -> bool {
    tables.first::<AdjustmentQueue>(&KeyRange::all()).is_some()
        || tables.first::<OpenRuns>(&KeyRange::all()).is_some()
        || next_order(tables, false).is_some()
        || rebuild::is_waiting(tables)
        || batch::is_waiting(tables)
}

/// The first order whose adjustment was not refused: of all that are marked, or of those that do not wait
/// for the batch. Costs what was refused.
fn next_order(tables: &(impl Tables + ?Sized), all: bool) -> Option<(u8, DocumentNo)> {
    let always = setup(tables).automatic_adjustment == AdjustmentWindow::Always;
    let mut found = None;
    let mut look = |key: (u8, DocumentNo)| {
        if tables.has::<RefusedOrders>(&key) {
            return ControlFlow::Continue(());
        }
        found = Some(key);
        ControlFlow::Break(())
    };
    if all || always {
        each_of::<OrderMarks>(tables, &KeyRange::all(), false, &mut |key, _row| look(key));
    } else {
        each_of::<OrderQueue>(tables, &KeyRange::all(), false, &mut |key, _row| look(key));
    }
    found
}

pub(crate) fn ask(posting: &mut Posting<'_, '_>, ask: &AdjustCost) -> Result<(), Stop> {
    let mut items = Vec::new();
    for no in &ask.items {
        let (id, _card) = lookup::item(posting.draft, no).map_err(Stop::Refuse)?;
        let average = method_of(&*posting.draft, id) == CostingMethod::Average;
        if ask.until_valuation_date.is_some() && !average {
            let reason = Reason::new(Code::CostingMethodMustBeAverage).word("item", no);
            return Err(Stop::Refuse(reason));
        }
        items.push(id);
    }
    if ask.until_valuation_date.is_some() && items.is_empty() {
        return Err(Stop::Refuse(Reason::new(Code::CostingMethodMustBeAverage)));
    }
    let no = next_number(posting.draft, Counter::AdjustmentRun);
    let run = AdjustmentRun {
        operator: posting.act.operator.clone(),
        items,
        after: None,
        until: ask.until_valuation_date,
        failed: String::new(),
        written_entries: 0,
        items_done: 0,
        done: false,
        asked: posting.written(),
        intake: posting.act.intake,
    };
    posting.draft.put::<AdjustmentRuns>(&no, run);
    posting.draft.put::<OpenRuns>(&no, ());
    posting.retry_orders();
    // The first slice runs with the request: what it is refused for refuses the request.
    slice(posting, SLICE, true)
}

pub(crate) fn work_off(posting: &mut Posting<'_, '_>, work: WorkOff) -> Result<(), Stop> {
    slice(posting, work.slice.unwrap_or(SLICE), false)
}

/// Works off what is queued, as far as one decision goes: before a period is closed, and when a run of
/// the general ledger is asked for.
pub(crate) fn settle(posting: &mut Posting<'_, '_>, limit: Option<u64>) -> Result<(), Stop> {
    slice(posting, limit.unwrap_or(SLICE), false)
}

/// Works until the slice is used up or nothing is queued. A refusal ends a run, or takes the item from the
/// queue; its marks stay.
fn slice(posting: &mut Posting<'_, '_>, limit: u64, asked: bool) -> Result<(), Stop> {
    let operator = posting.act.operator.clone();
    let begun = posting.draft.spent();
    let used = |posting: &Posting<'_, '_>| posting.draft.spent().saturating_sub(begun);
    posting.lists_missing = !asked;
    let mut begun_job = None;
    while used(posting) < limit {
        // A job goes on without being looked up again, unless something was queued that may come first.
        let same = begun_job.take().filter(|_job| !posting.jobs_changed);
        let job = if let Some(job) = same {
            job
        } else {
            posting.jobs_changed = false;
            if rebuild::step(posting)? {
                continue;
            }
            match next_job(posting) {
                Some(job) => job,
                None if batch::step(posting)? => continue,
                None => break,
            }
        };
        let before = (posting.draft.savepoint(), posting.gl_register);
        posting.act.operator.clone_from(&job.operator);
        posting.adjusting = job.follows;
        match work_one(posting, &job) {
            Ok(more) => begun_job = more.then_some(job),
            Err(stop) if asked => return Err(stop),
            Err(stop) => {
                let reason = match stop {
                    Stop::Refuse(reason) => reason,
                    // The next slice would end there too.
                    Stop::Overflow => Reason::new(Code::NumberOutOfRange),
                    Stop::Park(..) => return Err(stop),
                };
                posting.draft.restore(before.0);
                posting.gl_register = before.1;
                posting.marks_from = None;
                give_up(posting, &job, &reason);
            }
        }
    }
    posting.act.operator = operator;
    posting.adjusting = false;
    posting.lists_missing = false;
    Ok(())
}

/// What is worked on next.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Job {
    what: What,
    run: Option<u64>,
    until: Option<NaiveDate>,
    operator: Option<OperatorId>,
    /// Items that its changes reach are adjusted with it.
    follows: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Order(u8, DocumentNo),
    Item(u16, ItemId),
    EndOfRun,
}

/// Orders first, then queued items, then runs in the order in which they were asked for; components before
/// outputs (COSTING 8.2).
fn next_job(posting: &Posting<'_, '_>) -> Option<Job> {
    let run = posting.draft.first::<OpenRuns>(&KeyRange::all()).map(|(no, _row)| no);
    let row = run.and_then(|no| posting.draft.row::<AdjustmentRuns>(&no));
    let operator = row.as_ref().and_then(|row| row.operator.clone());
    let queued = posting.draft.first::<AdjustmentQueue>(&KeyRange::all());
    let all = row.as_ref().is_some_and(|row| row.items.is_empty() && row.until.is_none());
    if let Some((kind, no)) = next_order(&*posting.draft, all) {
        let what = What::Order(kind, no);
        return Some(Job { what, run: None, until: None, operator, follows: true });
    }
    if let Some(((level, item), user)) = queued {
        let operator = (*user).clone();
        let what = What::Item(level, item);
        return Some(Job { what, run: None, until: None, operator, follows: true });
    }
    let (run, row) = (run?, row?);
    let follows = row.items.is_empty();
    let job = |what| {
        let operator = operator.clone();
        Job { what, run: Some(run), until: row.until, operator, follows }
    };
    if let Some(item) = row.items.first() {
        let level = item_cost(&*posting.draft, *item).level;
        return Some(job(What::Item(level, *item)));
    }
    if row.until.is_some() || row.done {
        return Some(job(What::EndOfRun));
    }
    let range = match &row.after {
        Some(after) => KeyRange::prefix_after(&(), after),
        None => KeyRange::all(),
    };
    let next = posting.draft.first::<UnadjustedItems>(&range).map(|(key, _row)| key);
    Some(job(next.map_or(What::EndOfRun, |(level, item)| What::Item(level, item))))
}

/// Does a step of a job; answers whether more of the same job is left.
fn work_one(posting: &mut Posting<'_, '_>, job: &Job) -> Result<bool, Stop> {
    let values = posting.values.len();
    let mut goes_on = false;
    match &job.what {
        What::Item(level, item) => {
            let excluded =
                job.run.is_some() && item_cost(&*posting.draft, *item).excluded_from_adjustment;
            goes_on = !excluded && adjust::step(posting, *item, job.until)?;
            if !goes_on {
                if !excluded {
                    posting.item_is_adjusted(*item, job.until);
                    posting.refresh_unit_cost(*item)?;
                }
                item_done(posting, job.run, (*level, *item));
            }
        }
        What::Order(kind, no) => assembly::adjust(posting, *kind, no)?,
        What::EndOfRun => {
            if let Some(run) = job.run {
                end_run(posting, run, "");
            }
        }
    }
    let written: Vec<EntryNo> = posting.values.iter().skip(values).copied().collect();
    if let Some(no) = job.run
        && !written.is_empty()
        && let Some(row) = posting.draft.row::<AdjustmentRuns>(&no)
    {
        for value in &written {
            posting.draft.put::<RunValues>(&(no, *value), ());
        }
        let more = u64::try_from(written.len()).unwrap_or(u64::MAX);
        let written_entries = row.written_entries.saturating_add(more);
        posting
            .draft
            .put::<AdjustmentRuns>(&no, AdjustmentRun { written_entries, ..(*row).clone() });
    }
    Ok(goes_on)
}

fn item_done(posting: &mut Posting<'_, '_>, run: Option<u64>, (level, item): (u16, ItemId)) {
    posting.draft.delete::<AdjustmentQueue>(&(level, item));
    let Some(no) = run else { return };
    let Some(row) = posting.draft.row::<AdjustmentRuns>(&no) else { return };
    let mut row = (*row).clone();
    row.items_done = row.items_done.saturating_add(1);
    if row.items.is_empty() {
        row.after = Some((level, item));
    } else {
        row.items.retain(|other| *other != item);
        if row.items.is_empty() {
            row.done = true;
        }
    }
    posting.draft.put::<AdjustmentRuns>(&no, row);
}

fn end_run(posting: &mut Posting<'_, '_>, no: u64, failed: &str) {
    posting.draft.delete::<OpenRuns>(&no);
    if let Some(row) = posting.draft.row::<AdjustmentRuns>(&no) {
        // What went wrong with an order on the way stays told.
        let failed = if failed.is_empty() { row.failed.clone() } else { failed.to_owned() };
        let row = AdjustmentRun { done: true, failed, ..(*row).clone() };
        posting.draft.put::<AdjustmentRuns>(&no, row);
    }
}

fn give_up(posting: &mut Posting<'_, '_>, job: &Job, reason: &Reason) {
    match (&job.what, job.run) {
        (_, Some(run)) => end_run(posting, run, reason.code.as_str()),
        (What::Item(level, item), None) => {
            posting.draft.delete::<AdjustmentQueue>(&(*level, *item));
        }
        (What::Order(kind, no), None) => {
            // The mark stands: the order is not adjusted, whoever asks; the open run tells why.
            let code = reason.code.as_str().to_owned();
            posting.draft.put::<RefusedOrders>(&(*kind, no.clone()), code.clone());
            let run = posting.draft.first::<OpenRuns>(&KeyRange::all()).map(|(run, _row)| run);
            if let Some(run) = run
                && let Some(row) = posting.draft.row::<AdjustmentRuns>(&run)
            {
                let row = AdjustmentRun { failed: code, ..(*row).clone() };
                posting.draft.put::<AdjustmentRuns>(&run, row);
            }
        }
        (What::EndOfRun, None) => {}
    }
}
