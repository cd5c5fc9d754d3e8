//! Bins of which only a part was counted: what nobody touched is unknown, and not nothing (CONFLICTS 8).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use ledger::command::stock::{AskCounts, BinOf};
use ledger::conflict::task::whole_bin_count;
use ledger::key::KeyRange;
use ledger::schema::book::{OperationsByTime, Outcomes};
use ledger::schema::case::{Tasks, TasksAnswered};
use ledger::schema::count::{BinCounts, CountRow, Counts};
use ledger::schema::entry::WarehouseByStock;
use ledger::schema::place::{BinsByCode, LocationsByCode};
use ledger::schema::stock::Stocks;
use ledger::schema::tracking::SerialActs;
use ledger::schema::{BinId, EntryNo, LocationId, OrderKey, StockKey};
use ledger::tables::{Read as _, Tables, each_of};
use ledger::tracking::serial;
use maud::{Markup, html};
use protocol::code::Code;
use protocol::identity::{OperationId, ServerTime, TaskId};
use protocol::quantity::Quantity;
use protocol::words::{BinCode, LocationCode, OperatorId};

use crate::dashboard::context::PageContext;
use crate::dashboard::deed::{Told, told_operation};
use crate::dashboard::format;
use crate::dashboard::names;
use crate::dashboard::part::{self, Tone};

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
                    None if !was_counted_whole(view, place, at) => {
                        known.insert(place, rounds.len());
                        rounds.push(Round::new(place, &told));
                    }
                    None => {}
                }
            }
            if n < EXAMINED_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        },
    );
    for round in &mut rounds {
        round.untouched = untouched(view, round);
    }
    rounds.retain(|round| !round.untouched.is_empty());
    rounds.truncate(wanted);
    rounds
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
    if is_of_item { None } else { told_operation(view, operation) }
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

fn untouched(view: &dyn Tables, round: &Round) -> Vec<Untouched> {
    let (mut found, mut n) = (Vec::new(), 0);
    each_of::<Stocks>(view, &KeyRange::prefix(&round.place), false, &mut |key: StockKey, row| {
        n += 1;
        let before = last_seen(view, &key);
        if row.quantity.is_positive()
            && before.is_none_or(|seen| seen < round.first)
            && came_first(view, &key).is_some_and(|came| came <= round.last)
        {
            found.push(Untouched { key, book: row.quantity, before });
        }
        if n < KEYS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    found
}

/// When somebody counted it last. A serial is known of by whatever was done with it.
fn last_seen(view: &dyn Tables, key: &StockKey) -> Option<ServerTime> {
    if let Some(no) = serial::of(view, key.tracking) {
        let history = KeyRange::prefix(&(key.item, key.variant, no));
        return view.last::<SerialActs>(&history).map(|((.., at), _row)| at.tau);
    }
    let mut seen = None;
    each_of::<Counts>(
        view,
        &KeyRange::prefix(key),
        true,
        &mut |(_key, at): (StockKey, OrderKey), _row: std::sync::Arc<CountRow>| {
            seen = Some(at.tau);
            ControlFlow::Break(())
        },
    );
    seen
}

fn came_first(view: &dyn Tables, key: &StockKey) -> Option<ServerTime> {
    let mut came = None;
    each_of::<WarehouseByStock>(
        view,
        &KeyRange::prefix(key),
        false,
        &mut |(_key, at, _no): (StockKey, OrderKey, EntryNo), _quantity| {
            came = Some(at.tau);
            ControlFlow::Break(())
        },
    );
    came
}

/// Asks for a count of the whole bin.
pub fn ask(location: &str, bin: &str) -> Option<AskCounts> {
    let (location, bin) = (LocationCode::new(location).ok()?, BinCode::new(bin).ok()?);
    let bins = vec![BinOf { location, bin }];
    Some(AskCounts { bins, reason: Code::CountIncomplete, blind: true })
}

/// The bins of which only a part was counted, and what was not touched.
pub fn list(view: &dyn Tables, context: &PageContext, wanted: usize) -> Markup {
    let rounds = rounds(view, wanted);
    html! {
        @if rounds.is_empty() { (part::empty(context, "incomplete-none")) }
        @else {
            p class="muted" { (context.t("incomplete-text")) }
            div class="scroll" {
                table class="list" {
                    thead {
                        tr {
                            @for key in ["bin", "done-at", "person", "incomplete-counted", "incomplete-untouched", "actions"] {
                                th scope="col" { (context.t(key)) }
                            }
                        }
                    }
                    tbody { @for round in &rounds { (row(view, context, round)) } }
                }
            }
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
