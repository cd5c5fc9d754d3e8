//! Bins of which only a part was counted: what nobody touched is unknown, and not nothing (CONFLICTS 8).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use ledger::command::stock::{AskCounts, BinOf};
use ledger::conflict::task::whole_bin_count;
use ledger::key::KeyRange;
use ledger::schema::book::{OperationsByTime, Outcomes};
use ledger::schema::case::{Tasks, TasksAnswered};
use ledger::schema::count::{BinCounts, CountState, Counts, CountsByOperation};
use ledger::schema::entry::{PostedBy, WarehouseByStock};
use ledger::schema::place::{BinsByCode, LocationsByCode};
use ledger::schema::stock::Stocks;
use ledger::schema::tracking::{SerialAct, SerialActRow, SerialActs};
use ledger::schema::{BinId, EntryNo, ItemId, LocationId, OrderKey, StockKey, VariantId};
use ledger::tables::{Read as _, Tables, each_of};
use ledger::tracking::serial;
use maud::{Markup, html};
use protocol::code::Code;
use protocol::identity::{OperationId, ServerTime, TaskId};
use protocol::quantity::Quantity;
use protocol::words::{BinCode, LocationCode, OperatorId, SerialNo};

use super::counts::more_rows;
use super::register::{ROWS_MAX, rows_wanted};
use crate::dashboard::context::PageContext;
use crate::dashboard::deed::{Told, told_operation};
use crate::dashboard::format;
use crate::dashboard::names;
use crate::dashboard::part::{self, Tone};
use crate::dashboard::query::Query;

/// The latest operations that are searched for counts.
const EXAMINED_MAX: usize = 20_000;
/// Stock keys of one bin that are looked at.
const KEYS_MAX: usize = 500;
/// Counts of a bin that lie no further apart than this are one round of it.
const ROUND_US: i64 = 4 * 3_600 * 1_000_000;
/// Keys that are named for each bin.
const NAMED_MAX: usize = 10;

type Place = (LocationId, BinId);

/// One round of counting a bin, line by line.
struct Round {
    place: Place,
    first: ServerTime,
    last: ServerTime,
    people: BTreeSet<OperatorId>,
    operations: Vec<OperationId>,
    untouched: Vec<Untouched>,
}

/// What the book has in the bin and nobody counted.
struct Untouched {
    key: StockKey,
    book: Quantity,
    before: Option<ServerTime>,
}

/// What people know of a stock key.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// When it was counted last.
    counted: Option<ServerTime>,
    /// When somebody counted or handled it last.
    seen: Option<ServerTime>,
}

/// The bins whose last round left something untouched, the latest first.
fn rounds(view: &dyn Tables, wanted: usize) -> Vec<Round> {
    let mut rounds: Vec<Round> = Vec::new();
    let mut known: BTreeMap<Place, usize> = BTreeMap::new();
    let mut n = 0;
    each_of::<OperationsByTime>(
        view,
        &KeyRange::all(),
        true,
        &mut |(_tau, operation): (ServerTime, OperationId), _row| {
            n += 1;
            if let Some(told) = line_count(view, operation)
                && let Some(place) = place_of(view, &told)
            {
                let at = told.intake.timing.tau;
                match known.get(&place).and_then(|at| rounds.get_mut(*at)) {
                    Some(round) => round.takes(&told),
                    None if !was_counted_whole(view, place, at.plus_us(-ROUND_US)) => {
                        known.insert(place, rounds.len());
                        rounds.push(Round::new(place, &told));
                    }
                    None => {}
                }
            }
            if n < EXAMINED_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        },
    );
    rounds
        .into_iter()
        .map(|round| Round { untouched: untouched(view, &round), ..round })
        .filter(|round| !round.untouched.is_empty())
        .take(wanted)
        .collect()
}

impl Round {
    fn new(place: Place, told: &Told) -> Self {
        let at = told.intake.timing.tau;
        let (people, operations) = (BTreeSet::new(), Vec::new());
        let mut round =
            Self { place, first: at, last: at, people, operations, untouched: Vec::new() };
        round.takes(told);
        round
    }

    /// An earlier count belongs to the same round when it lies near enough.
    fn takes(&mut self, told: &Told) {
        let at = told.intake.timing.tau;
        if self.first.us_since(at) <= ROUND_US {
            self.first = self.first.min(at);
            self.people.extend(told.deed.operator.clone());
            self.operations.push(told.operation);
        }
    }
}

/// The operation, if it counts one thing in a bin and that was not all that was asked for.
fn line_count(view: &dyn Tables, operation: OperationId) -> Option<Told> {
    view.row::<Outcomes>(&operation).filter(|row| row.kind == "count")?;
    let range = KeyRange::prefix(&(operation,));
    let mut is_of_item = false;
    each_of::<TasksAnswered>(view, &range, false, &mut |(_by, task): (_, TaskId), _row| {
        is_of_item |= view.row::<Tasks>(&task).is_some_and(|task| task.item.is_some());
        ControlFlow::Continue(())
    });
    if is_of_item || !stands(view, operation) { None } else { told_operation(view, operation) }
}

/// Whether something that the operation counted is in the book: it was not undone, parked or refused.
fn stands(view: &dyn Tables, operation: OperationId) -> bool {
    type Of = (OperationId, StockKey, OrderKey);
    let mut stands = false;
    let range = KeyRange::prefix(&(operation,));
    each_of::<CountsByOperation>(view, &range, false, &mut |(_operation, key, at): Of, _row| {
        let row = view.row::<Counts>(&(key, at));
        stands = row.is_some_and(|row| row.state != CountState::TakenOut);
        if stands { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    stands
        || view.row::<PostedBy>(&operation).is_some_and(|posted| {
            let mut acts = posted.serials.iter().filter_map(|act| view.row::<SerialActs>(act));
            acts.any(|row| is_count(&row))
        })
}

/// Whether somebody looked for the serial, and that is booked.
const fn is_count(row: &SerialActRow) -> bool {
    !row.parked && matches!(row.act, SerialAct::Seen(_) | SerialAct::NotSeen(_))
}

fn place_of(view: &dyn Tables, told: &Told) -> Option<Place> {
    let at = told.deed.lines.first()?.to.as_ref()?;
    let location = *view.row::<LocationsByCode>(&LocationCode::new(at.location.as_str()).ok()?)?;
    let bin = *view.row::<BinsByCode>(&(location, BinCode::new(at.bin.as_str()).ok()?))?;
    Some((location, bin))
}

fn was_counted_whole(view: &dyn Tables, place: Place, since: ServerTime) -> bool {
    let mut was = false;
    each_of::<BinCounts>(
        view,
        &KeyRange::prefix(&place),
        true,
        &mut |(_location, _bin, at): (LocationId, BinId, OrderKey), row| {
            was = at.tau >= since && !row.taken_out;
            if at.tau >= since && !was { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        },
    );
    was
}

/// What lay there at the end of the round, lies there still, and was not seen since the round began.
fn untouched(view: &dyn Tables, round: &Round) -> Vec<Untouched> {
    let (mut found, mut n) = (Vec::new(), 0);
    each_of::<Stocks>(view, &KeyRange::prefix(&round.place), false, &mut |key: StockKey, row| {
        n += 1;
        let book = row.quantity;
        if book.is_positive() {
            let known = known_of(view, &key);
            if known.seen.is_none_or(|seen| seen < round.first)
                && book_at(view, &key, (book, round.last)).is_some_and(Quantity::is_positive)
            {
                found.push(Untouched { key, book, before: known.counted });
            }
        }
        if n < KEYS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    found
}

/// A serial is known of by whatever was done with it, unless that is parked.
fn known_of(view: &dyn Tables, key: &StockKey) -> Known {
    if let Some(no) = serial::of(view, key.tracking) {
        return known_of_serial(view, key, no);
    }
    let mut counted = None;
    each_of::<Counts>(
        view,
        &KeyRange::prefix(key),
        true,
        &mut |(_key, at): (StockKey, OrderKey), row| {
            if row.state == CountState::TakenOut {
                return ControlFlow::Continue(());
            }
            counted = Some(at.tau);
            ControlFlow::Break(())
        },
    );
    Known { counted, seen: counted }
}

fn known_of_serial(view: &dyn Tables, key: &StockKey, no: SerialNo) -> Known {
    type Act = (ItemId, VariantId, SerialNo, OrderKey);
    let mut known = Known::default();
    let history = KeyRange::prefix(&(key.item, key.variant, no));
    each_of::<SerialActs>(view, &history, true, &mut |(.., at): Act, row| {
        if row.parked {
            return ControlFlow::Continue(());
        }
        known.seen = known.seen.or(Some(at.tau));
        if !is_count(&row) {
            return ControlFlow::Continue(());
        }
        known.counted = Some(at.tau);
        ControlFlow::Break(())
    });
    known
}

/// What of `now` the book had at `then`: without what came and went since. A key lies in one bin, so that
/// all rounds together look at each entry once.
fn book_at(
    view: &dyn Tables,
    key: &StockKey,
    (now, then): (Quantity, ServerTime),
) -> Option<Quantity> {
    let mut book = Some(now);
    each_of::<WarehouseByStock>(
        view,
        &KeyRange::prefix_after(key, &(*key, then)),
        false,
        &mut |_key: (StockKey, OrderKey, EntryNo), moved| {
            book = book.and_then(|book| book.checked_sub(*moved));
            if book.is_some() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        },
    );
    book
}

/// Asks for a count of the whole bin.
pub fn ask(location: &str, bin: &str) -> Option<AskCounts> {
    let (location, bin) = (LocationCode::new(location).ok()?, BinCode::new(bin).ok()?);
    let bins = vec![BinOf { location, bin }];
    Some(AskCounts { bins, reason: Code::CountIncomplete, blind: true })
}

/// The bins of which only a part was counted, and what was not touched.
pub fn list(view: &dyn Tables, context: &PageContext, query: &Query) -> Markup {
    let wanted = rows_wanted(query);
    let mut rounds = rounds(view, wanted + 1);
    let has_more = rounds.len() > wanted;
    rounds.truncate(wanted);
    html! {
        @if rounds.is_empty() { (part::empty(context, "incomplete-none")) }
        @else {
            p class="muted" { (context.t("incomplete-text")) }
            div class="scroll" {
                table class="list" {
                    (part::table_head(context, &[
                        "bin", "done-at", "person", "incomplete-counted",
                        "incomplete-untouched", "actions",
                    ]))
                    tbody { @for round in &rounds { (row(view, context, round)) } }
                }
            }
            @if has_more && wanted < ROWS_MAX { (more_rows(context, query, wanted)) }
        }
    }
}

fn row(view: &dyn Tables, context: &PageContext, round: &Round) -> Markup {
    let (location, bin) = round.place;
    let people: Vec<String> = round.people.iter().map(|who| names::person(view, who)).collect();
    let n_more = round.untouched.len().saturating_sub(NAMED_MAX);
    html! {
        tr id={ "round-" (location) "-" (bin) } data-row {
            td { (names::bin_link(view, location, bin)) }
            td { (format::instant(context, round.last)) " " span class="muted" { (format::age(context, round.last)) } }
            td { (people.join(", ")) }
            td {
                @for operation in round.operations.iter().take(NAMED_MAX) { (names::operation_link(*operation)) " " }
                @if round.operations.len() > NAMED_MAX {
                    (context.say("and-more", &[("n", &(round.operations.len() - NAMED_MAX).to_string())]))
                }
            }
            td {
                ul {
                    @for line in round.untouched.iter().take(NAMED_MAX) { li { (untouched_line(view, context, line)) } }
                }
                @if n_more > 0 { (context.say("and-more", &[("n", &n_more.to_string())])) }
            }
            td { (action(view, context, round.place)) }
        }
    }
}

fn untouched_line(view: &dyn Tables, context: &PageContext, line: &Untouched) -> Markup {
    let key = &line.key;
    html! {
        (names::item_link(view, key.item)) " " (names::key_rest(view, key)) " "
        (part::figure(&names::figure_address(key), &format::quantity(context, line.book))) " "
        span class="muted" {
            (names::base_unit(view, key.item)) ", "
            @match line.before {
                Some(at) => { (context.t("incomplete-before")) " " (format::instant(context, at)) },
                None => (context.t("incomplete-never")),
            }
        }
    }
}

fn action(view: &dyn Tables, context: &PageContext, (location, bin): Place) -> Markup {
    html! {
        @if let Some(task) = whole_bin_count(view, location, bin) {
            (part::badge(Tone::Waiting, &context.t("at-risk-asked"))) " "
            a href={ "/tasks/" (task) } { (context.say("task-n", &[("n", &task.to_string())])) }
        } @else if context.may_decide() {
            form method="post" action="/counts/ask" {
                input type="hidden" name="location" value=(names::location_code(view, location));
                input type="hidden" name="bin" value=(names::bin_code(view, bin));
                button type="submit" { (context.t("incomplete-ask")) }
            }
        }
    }
}
