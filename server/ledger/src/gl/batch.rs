//! Runs that post value entries to the general ledger, in bounded slices between postings
//! (COSTING 17.5). One run is one register.

use std::ops::ControlFlow;

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::outcome::Reason;
use serde::{Deserialize, Serialize};

use crate::costing::{plus, setup};
use crate::gl::{DUE, Due, EXPECTED_OFF, as_text, due_of, gateway, list_unposted, posted};
use crate::key::KeyRange;
use crate::period;
use crate::posting::{Posting, Stop};
use crate::schema::gl::{
    GlRegister, GlRegisters, GlRun, GlRunSkips, GlRunSums, GlRunTotals, GlRuns, GlSkip, GlSumKey,
    OpenGlRuns, PostingMethod, UnpostedValues,
};
use crate::schema::money::{InventorySetup, ValueEntry, ValueLedger};
use crate::schema::{Counter, EntryNo, book, next_number};
use crate::tables::{Read as _, Tables};

/// Value entries that one step works on.
const STEP: usize = 100;

/// Asks for a run that posts to the general ledger what is not posted yet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PostCostToGl {
    /// How it sums.
    #[serde(default)]
    pub method: PostingMethod,
    /// Post nothing, only tell what would be posted and what would not.
    #[serde(default)]
    pub test: bool,
    /// Only value entries dated up to this day.
    #[serde(default)]
    pub until: Option<NaiveDate>,
    /// The number that entries which sum several show.
    #[serde(default)]
    pub document_no: String,
    /// Reads and writes after which its first slice ends; the usual slice when it is left out.
    #[serde(default)]
    pub slice: Option<u64>,
}

/// Whether a run goes on.
pub fn is_waiting(tables: &(impl Tables + ?Sized)) -> bool {
    tables.first::<OpenGlRuns>(&KeyRange::all()).is_some()
}

/// Asks for a run; the caller works on it.
pub(crate) fn ask(posting: &mut Posting<'_, '_>, ask: &PostCostToGl) -> u64 {
    let no = next_number(posting.draft, Counter::GeneralLedgerRun);
    let last = posting.draft.row::<book::Counters>(&Counter::ValueEntry.number());
    let run = GlRun {
        operator: posting.act.operator.clone(),
        method: ask.method,
        test: ask.test,
        until: ask.until,
        up_to: EntryNo(last.map_or(0, |last| *last)),
        after: (0, EntryNo(0)),
        register: 0,
        posted: 0,
        skipped: 0,
        document_no: ask.document_no.clone(),
        done: false,
        asked: posting.written(),
    };
    posting.draft.put::<GlRuns>(&no, run);
    posting.draft.put::<OpenGlRuns>(&no, ());
    no
}

/// Works on the next of what runs have to do; answers whether there was anything.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn step(posting: &mut Posting<'_, '_>) -> Result<bool, Stop> {
    let Some((no, _row)) = posting.draft.first::<OpenGlRuns>(&KeyRange::all()) else {
        return Ok(false);
    };
    let Some(run) = posting.draft.row::<GlRuns>(&no) else {
        posting.draft.delete::<OpenGlRuns>(&no);
        return Ok(true);
    };
    let mut run = (*run).clone();
    let setup = setup(&*posting.draft);
    let found = next_values(posting, &run, setup.expected_cost_posting);
    if found.is_empty() {
        end(posting, no, run);
        return Ok(true);
    }
    for key in found {
        run.after = key;
        let Some(value) = posting.draft.row::<ValueLedger>(&key.1) else { continue };
        if run.until.is_some_and(|until| value.posting_date > until) {
            continue;
        }
        if let Err(reason) = one(posting, (no, &mut run), &setup, (key.1, &value)) {
            let Stop::Refuse(reason) = reason else { return Err(reason) };
            let skip = GlSkip { code: reason.code.to_string(), text: as_text(&reason) };
            posting.draft.put::<GlRunSkips>(&(no, key.1), skip);
            run.skipped = run.skipped.saturating_add(1);
        }
    }
    posting.draft.put::<GlRuns>(&no, run);
    Ok(true)
}

/// What is not posted and not looked at yet. Without expected cost posting, what only has expected cost
/// is left alone: [`super::read::skipped`] lists it.
fn next_values(posting: &Posting<'_, '_>, run: &GlRun, expected: bool) -> Vec<(u8, EntryNo)> {
    let mut found = Vec::new();
    for kind in [DUE, EXPECTED_OFF] {
        if kind < run.after.0 || (kind == EXPECTED_OFF && !expected) {
            continue;
        }
        let range = if kind == run.after.0 {
            KeyRange::prefix_after(&(kind,), &run.after)
        } else {
            KeyRange::prefix(&(kind,))
        };
        posting.draft.each::<UnpostedValues>(&range, false, |key, _row| {
            if key.1 > run.up_to || found.len() >= STEP {
                return ControlFlow::Break(());
            }
            found.push(key);
            ControlFlow::Continue(())
        });
        if !found.is_empty() {
            break;
        }
    }
    found
}

/// Posts one value entry, or says why not.
fn one(
    posting: &mut Posting<'_, '_>,
    (no, run): (u64, &mut GlRun),
    setup: &InventorySetup,
    (value_no, value): (EntryNo, &ValueEntry),
) -> Result<(), Stop> {
    let date = value.posting_date;
    if period::is_year_closed(&*posting.draft, date) {
        return Err(Stop::Refuse(Reason::new(Code::PeriodClosed).word("date", date)));
    }
    period::check_range(&*posting.draft, date, run.operator.as_ref())?;
    let due = due_of(&*posting.draft, setup, (value_no, value))?;
    if due.is_empty() {
        return list_unposted(posting, setup, (value_no, value));
    }
    for part in &due {
        add_totals(posting, no, part)?;
        if !run.test {
            let register = open_register(posting, no, run);
            match run.method {
                PostingMethod::PerEntry => {
                    gateway::post_pair(posting, register, (value_no, value), part)?;
                }
                PostingMethod::PerPostingGroup => {
                    add_to_group(posting, (no, run), (value_no, value), part)?;
                }
            }
        }
    }
    run.posted = run.posted.saturating_add(1);
    if !run.test {
        posted(posting, (value_no, value), &due)?;
        list_unposted(posting, setup, (value_no, value))?;
    }
    Ok(())
}

/// The register of the run, opened with its first entry.
fn open_register(posting: &mut Posting<'_, '_>, no: u64, run: &mut GlRun) -> u64 {
    if run.register == 0 {
        run.register = next_number(posting.draft, Counter::GeneralLedgerRegister);
        let last = posting.draft.row::<book::Counters>(&Counter::GeneralLedgerEntry.number());
        let first = EntryNo(last.map_or(0, |last| *last).saturating_add(1));
        let row = GlRegister {
            first,
            last: first,
            run: no,
            closed: false,
            operation: run.asked.operation,
            written: posting.written(),
        };
        posting.draft.put::<GlRegisters>(&run.register, row);
    }
    run.register
}

/// Adds to the pair of its posting groups; positive and negative amounts never meet.
fn add_to_group(
    posting: &mut Posting<'_, '_>,
    (no, run): (u64, &GlRun),
    (value_no, value): (EntryNo, &ValueEntry),
    due: &Due,
) -> Result<(), Stop> {
    let side = |(role, account): &(crate::schema::gl::AccountRole, String)| {
        (role.number(), account.clone())
    };
    let sum: GlSumKey = (
        (value.posting_date, value.location, value.inventory_group.clone()),
        (value.business_group.clone(), value.product_group.clone(), value.dimension_set),
        side(&due.accounts.account),
        side(&due.accounts.balancing),
        due.amount.is_negative(),
    );
    let key = (no, sum);
    if let Some(first) = posting.draft.row::<GlRunSums>(&key) {
        return gateway::grow_sum(posting, (run.register, *first), value_no, due);
    }
    let document = (run.register, run.document_no.as_str());
    let first = gateway::open_sum(posting, document, (value_no, value), due)?;
    posting.draft.put::<GlRunSums>(&key, first);
    Ok(())
}

fn add_totals(posting: &mut Posting<'_, '_>, run: u64, due: &Due) -> Result<(), Stop> {
    for ((role, account), amount) in
        [(&due.accounts.account, due.amount), (&due.accounts.balancing, due.amount.negated())]
    {
        let key = (run, account.clone(), role.number());
        let before = posting.draft.row::<GlRunTotals>(&key).map(|sum| *sum).unwrap_or_default();
        posting.draft.put::<GlRunTotals>(&key, plus(before, amount)?);
    }
    Ok(())
}

/// Ends a run: its register is closed, what only the run needed goes, a bounded number of rows at a time.
fn end(posting: &mut Posting<'_, '_>, no: u64, run: GlRun) {
    let mut sums = Vec::new();
    posting.draft.each::<GlRunSums>(&KeyRange::prefix(&(no,)), false, |key, _row| {
        sums.push(key);
        if sums.len() < STEP { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let more = sums.len() >= STEP;
    for key in sums {
        posting.draft.delete::<GlRunSums>(&key);
    }
    if more {
        return;
    }
    posting.draft.delete::<OpenGlRuns>(&no);
    if let Some(row) = posting.draft.row::<GlRegisters>(&run.register) {
        posting.draft.put::<GlRegisters>(&run.register, GlRegister { closed: true, ..*row });
    }
    posting.draft.put::<GlRuns>(&no, GlRun { done: true, ..run });
}
