//! Runs of cost adjustment, and what each of them changed; items that somebody has taken apart.

use chrono::NaiveDate;
use ledger::costing::outstanding::Outstanding;
use ledger::key::KeyRange;
use ledger::lookup;
use ledger::schema::EntryNo;
use ledger::schema::entry::{
    Applications, ApplicationsByInbound, ApplicationsByOutbound, ItemLedger,
};
use ledger::schema::money::{
    AdjustmentQueue, AdjustmentRun, AdjustmentRuns, RunValues, UnadjustedItems, UnappliedItems,
};
use ledger::tables::{Read as _, Tables, each_of};
use protocol::quantity::Quantity;
use serde::Serialize;

use super::value::ValueView;
use crate::view::page::{self, Page, PageQuery};
use crate::view::sheet::{Cell, Line, Sink};

/// A run of cost adjustment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunView {
    /// Its number.
    pub run: u64,
    /// Who asked for it.
    pub user: Option<String>,
    /// Items that are named and not done yet; empty where all are meant.
    pub items: Vec<String>,
    /// The item that was worked on last; none before the first, and where items are named.
    pub last_item: Option<String>,
    /// Only averages up to this date.
    pub until: Option<NaiveDate>,
    /// Items it finished.
    pub items_done: u64,
    /// Value entries it wrote.
    pub value_entries: u64,
    /// It has ended.
    pub done: bool,
    /// The code of the refusal that ended it; empty for none.
    pub failed: String,
    /// The operation that asked for it.
    pub operation: String,
}

impl RunView {
    /// Of a run.
    pub fn of(tables: &dyn Tables, no: u64, row: &AdjustmentRun) -> Self {
        Self {
            run: no,
            user: row.operator.as_ref().map(ToString::to_string),
            items: row.items.iter().map(|item| lookup::item_text(tables, *item)).collect(),
            last_item: row.after.map(|(_level, item)| lookup::item_text(tables, item)),
            until: row.until,
            items_done: row.items_done,
            value_entries: row.written_entries,
            done: row.done,
            failed: row.failed.clone(),
            operation: row.asked.operation.to_string(),
        }
    }
}

impl Line for RunView {
    const HEAD: &'static [&'static str] =
        &["run", "user", "until", "items_done", "value_entries", "done", "failed", "operation"];

    fn line(&self) -> Vec<Cell> {
        vec![
            Cell::Number(self.run),
            self.user.clone().unwrap_or_default().into(),
            Cell::day(self.until),
            Cell::Number(self.items_done),
            Cell::Number(self.value_entries),
            Cell::Flag(self.done),
            self.failed.as_str().into(),
            self.operation.as_str().into(),
        ]
    }
}

/// Runs, the latest first.
pub fn runs(tables: &dyn Tables, query: &PageQuery) -> Page<RunView> {
    page::descending::<AdjustmentRuns, _>(tables, KeyRange::all(), query, |no, row| {
        Some(RunView::of(tables, no, &row))
    })
}

/// All runs, the first first.
pub fn each_run(tables: &dyn Tables, sink: Sink<'_>) {
    each_of::<AdjustmentRuns>(tables, &KeyRange::all(), false, &mut |no, row| {
        sink(RunView::of(tables, no, &row).line())
    });
}

/// The run `no`.
pub fn run(tables: &dyn Tables, no: u64) -> Option<RunView> {
    tables.row::<AdjustmentRuns>(&no).map(|row| RunView::of(tables, no, &row))
}

/// What a run changed: its value entries, in order. Runs of releases that did not note them have none.
pub fn changes(tables: &dyn Tables, run: u64, query: &PageQuery) -> Page<ValueView> {
    let outstanding = Outstanding::now(tables);
    let range = KeyRange::prefix(&(run,));
    page::ascending::<RunValues, _>(tables, range, query, |(_run, value), _row| {
        ValueView::at(tables, value, &outstanding)
    })
}

/// All that a run changed.
pub fn each_change(tables: &dyn Tables, run: u64, sink: Sink<'_>) {
    let outstanding = Outstanding::now(tables);
    let range = KeyRange::prefix(&(run,));
    each_of::<RunValues>(tables, &range, false, &mut |(_run, value), _row| match ValueView::at(
        tables,
        value,
        &outstanding,
    ) {
        Some(view) => sink(view.line()),
        None => std::ops::ControlFlow::Continue(()),
    });
}

/// Items that are counted at most, to say how many wait.
const WAITING_MAX: usize = 10_000;

/// How many items are not adjusted, and how many of them are queued without a run; up to
/// [`WAITING_MAX`] each.
pub fn waiting(tables: &dyn Tables) -> (usize, usize) {
    let (mut unadjusted, mut queued) = (0, 0);
    let count = |n: &mut usize| {
        *n += 1;
        if *n == WAITING_MAX {
            std::ops::ControlFlow::Break(())
        } else {
            std::ops::ControlFlow::Continue(())
        }
    };
    each_of::<UnadjustedItems>(tables, &KeyRange::all(), false, &mut |_key, _row| {
        count(&mut unadjusted)
    });
    each_of::<AdjustmentQueue>(tables, &KeyRange::all(), false, &mut |_key, _row| {
        count(&mut queued)
    });
    (unadjusted, queued)
}

/// An item that somebody has taken apart in the application worksheet: it is locked for all others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnappliedView {
    /// The item.
    pub item: String,
    /// Who.
    pub user: Option<String>,
    /// Pairs whose automatic application was taken back, increase and decrease; closing the worksheet
    /// makes them anew.
    pub taken_back: Vec<(u64, u64)>,
}

/// The items that somebody has taken apart.
pub fn unapplied(tables: &dyn Tables) -> Vec<UnappliedView> {
    tables
        .list::<UnappliedItems>(&KeyRange::all())
        .into_iter()
        .map(|(item, row)| UnappliedView {
            item: lookup::item_text(tables, item),
            user: row.user.as_ref().map(ToString::to_string),
            taken_back: row.automatic.iter().map(|(from, to)| (from.0, to.0)).collect(),
        })
        .collect()
}

/// Who supplied whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApplicationView {
    /// Its number: what a worksheet names to take it back.
    pub application: u64,
    /// The increase.
    pub increase: u64,
    /// The decrease; 0 for none.
    pub decrease: u64,
    /// Signed: below zero where goods left.
    pub quantity: Quantity,
    /// The date.
    pub posting_date: NaiveDate,
    /// It was named by a person, and is not made anew by itself.
    pub fixed: bool,
    /// It carries cost and no quantity.
    pub cost_application: bool,
}

/// The applications of an item ledger entry: of an increase by the numbers of those it supplied, of a
/// decrease by those that supplied it.
pub fn applications(tables: &dyn Tables, no: EntryNo, query: &PageQuery) -> Page<ApplicationView> {
    let view = |application: EntryNo| {
        let row = tables.row::<Applications>(&application)?;
        Some(ApplicationView {
            application: application.0,
            increase: row.inbound.0,
            decrease: row.outbound.0,
            quantity: row.quantity,
            posting_date: row.posting_date,
            fixed: row.fixed,
            cost_application: row.cost_application,
        })
    };
    let range = KeyRange::prefix(&no);
    let increases = tables.row::<ItemLedger>(&no).is_some_and(|entry| entry.quantity.is_positive());
    if increases {
        page::ascending::<ApplicationsByInbound, _>(tables, range, query, |key, _row| view(key.2))
    } else {
        page::ascending::<ApplicationsByOutbound, _>(tables, range, query, |key, _row| view(key.2))
    }
}
