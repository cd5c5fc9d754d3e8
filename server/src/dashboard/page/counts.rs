//! Counts: which may still move and for whom they wait, which need a person, which are settled;
//! each with its four figures.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use ledger::key::{Key as _, KeyRange};
use ledger::schema::book::{OperationsByTime, Outcomes};
use ledger::schema::case::{Cases, OpenCases};
use ledger::schema::count::{CountRow, CountState, Counts, CountsByOperation, CountsDue};
use ledger::schema::identity::{DeviceState, Devices};
use ledger::schema::{OrderKey, SiteId, StockKey};
use ledger::tables::{Read as _, Tables, each_of};
use maud::{Markup, html};
use protocol::identity::{CaseId, DeviceId, OperationId, ServerTime};
use protocol::outcome::{Argument, Reason};
use protocol::quantity::Quantity;

use super::register::{Cursor, cursor_of, next_rows, rows_wanted};
use super::{Page, PageResult, Section, incomplete};
use crate::dashboard::context::PageContext;
use crate::dashboard::format;
use crate::dashboard::names;
use crate::dashboard::part::{self, Tone};
use crate::dashboard::query::Query;

/// Operations and cases that one request looks at.
const EXAMINED_MAX: usize = 20_000;

/// A count on the time line.
pub struct Counted {
    key: StockKey,
    order: OrderKey,
    row: Arc<CountRow>,
}

/// What a supervisor compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FourFigures {
    /// What was counted.
    pub counted: Quantity,
    /// The book as of the count, by all that is known now.
    pub book_then: Quantity,
    /// The book when the count came in.
    pub book_at_arrival: Quantity,
    /// What moved between the two.
    pub between: Quantity,
}

impl FourFigures {
    /// The figures of a count.
    pub fn of(row: &CountRow) -> Self {
        let book_then = row.quantity.checked_sub(row.difference).unwrap_or_default();
        Self {
            counted: row.quantity,
            book_then,
            book_at_arrival: row.book_at_arrival,
            between: row.book_at_arrival.checked_sub(book_then).unwrap_or_default(),
        }
    }
}

/// Which devices of `site` may still hold an act before `until`: by what they last said of
/// themselves. Devices that were never heard hold everything back.
pub fn waiting_for(
    view: &dyn Tables,
    context: &PageContext,
    site: SiteId,
    until: ServerTime,
) -> Vec<DeviceId> {
    let mut waiting = Vec::new();
    each_of::<Devices>(view, &KeyRange::all(), false, &mut |id: DeviceId, device| {
        let counts = device.site == site
            && device.state != DeviceState::Revoked
            && device.declared_lost.is_none()
            && device.enrolled < until;
        if counts {
            let reported = context.device(id).complete_to;
            if reported.is_none_or(|reported| reported <= until) {
                waiting.push(id);
            }
        }
        ControlFlow::Continue(())
    });
    waiting
}

/// Counts.
pub fn page(view: &dyn Tables, context: &PageContext, query: &Query) -> PageResult {
    let state = query.get("state").unwrap_or("provisional");
    let list = match state {
        "decide" => to_decide(view, context, query),
        "settled" => settled(view, context, query, EXAMINED_MAX),
        "incomplete" => incomplete::list(view, context, query),
        _ => provisional(view, context, query),
    };
    let tab = |value: &str, key: &str| {
        html! {
            a href=(Query::default().with("state", value).address("/counts"))
                aria-current=[(state == value).then_some("true")] { (context.t(key)) }
        }
    };
    let tabs = html! {
        nav class="tabs" aria-label=(context.t("view")) {
            (tab("provisional", "provisional"))
            (tab("decide", "counts-decide"))
            (tab("settled", "settled"))
            (tab("incomplete", "incomplete-title"))
        }
        p class="muted" { (context.t("counts-text")) }
    };
    Ok(Page::new(Section::Counts, context.t("counts-title"))
        .with("filters", tabs)
        .with("list", list))
}

/// The way to more rows of a list of counts.
pub(super) fn more_rows(context: &PageContext, query: &Query, wanted: usize) -> Markup {
    part::more(context, &query.with("rows", &(wanted + part::ROWS).to_string()).address("/counts"))
}

fn provisional(view: &dyn Tables, context: &PageContext, query: &Query) -> Markup {
    type Due = (SiteId, ServerTime, OrderKey, StockKey);
    let wanted = rows_wanted(query);
    let (mut rows, mut has_more) = (Vec::new(), false);
    each_of::<CountsDue>(
        view,
        &KeyRange::all(),
        false,
        &mut |(site, due, order, key): Due, _row| {
            if rows.len() == wanted {
                has_more = true;
                return ControlFlow::Break(());
            }
            // Item 0 stands for a whole-bin count itself; its lines are rows of their own.
            let row = view.row::<Counts>(&(key, order));
            rows.extend(row.map(|row| (site, due, Counted { key, order, row })));
            ControlFlow::Continue(())
        },
    );
    let mut waiting: BTreeMap<(SiteId, ServerTime), Markup> = BTreeMap::new();
    for (site, due, _counted) in &rows {
        waiting.entry((*site, *due)).or_insert_with(|| {
            waiting_text(view, context, &waiting_for(view, context, *site, *due))
        });
    }
    html! {
        @if rows.is_empty() { (part::empty(context, "counts-none-provisional")) }
        @else {
            (table(view, context, rows.iter().map(|(site, due, counted)| {
                let beside = waiting.get(&(*site, *due)).cloned().unwrap_or_default();
                (counted, beside)
            })))
        }
        @if has_more { (more_rows(context, query, wanted)) }
    }
}

fn waiting_text(view: &dyn Tables, context: &PageContext, devices: &[DeviceId]) -> Markup {
    const NAMED_MAX: usize = 4;
    html! {
        (part::badge(Tone::Waiting, &context.t("provisional"))) " "
        @if devices.is_empty() { (context.t("waits-for-settlement")) }
        @else {
            (context.t("waits-for")) " "
            @for device in devices.iter().take(NAMED_MAX) { (names::device_link(view, context, *device)) " " }
            @if devices.len() > NAMED_MAX {
                (context.say("and-more", &[("n", &(devices.len() - NAMED_MAX).to_string())]))
            }
        }
    }
}

fn to_decide(view: &dyn Tables, context: &PageContext, query: &Query) -> Markup {
    let wanted = rows_wanted(query);
    let (mut rows, mut examined, mut has_more) = (Vec::new(), 0, false);
    each_of::<OpenCases>(
        view,
        &KeyRange::all(),
        false,
        &mut |(_site, id): (SiteId, CaseId), _row| {
            examined += 1;
            if rows.len() >= wanted || examined > EXAMINED_MAX {
                has_more = true;
                return ControlFlow::Break(());
            }
            if let Some(case) = view.row::<Cases>(&id) {
                for counted in counts_of(view, case.operation) {
                    if case.stock.is_none_or(|key| key == counted.key)
                        && counted.row.case == Some(id)
                    {
                        rows.push((id, case.reasons.clone(), counted));
                    }
                }
            }
            ControlFlow::Continue(())
        },
    );
    html! {
        @if rows.is_empty() { (part::empty(context, "counts-none-decide")) }
        @else {
            (table(view, context, rows.iter().map(|(id, reasons, counted)| {
                (counted, html! { (names::case_link(context, *id)) " " (readings(context, reasons)) })
            })))
        }
        @if has_more { (more_rows(context, query, wanted)) }
    }
}

/// What the count could mean, where the order of the acts is not sure.
pub fn readings(context: &PageContext, reasons: &[Reason]) -> Markup {
    let figure = |name: &str| {
        reasons.iter().flat_map(|reason| &reason.arguments).find_map(|(known, argument)| {
            match argument {
                Argument::Quantity(quantity) if known == name => Some(*quantity),
                _ => None,
            }
        })
    };
    let (low, high) = (figure("low"), figure("high"));
    html! {
        @if let (Some(low), Some(high)) = (low, high) {
            @if low != high {
                span class="readings" {
                    (context.say("readings", &[
                        ("low", &format::signed(context, low)),
                        ("high", &format::signed(context, high)),
                    ]))
                }
            }
        }
    }
}

/// The counts that an operation made.
fn counts_of(view: &dyn Tables, operation: OperationId) -> Vec<Counted> {
    type Of = (OperationId, StockKey, OrderKey);
    let mut counts = Vec::new();
    each_of::<CountsByOperation>(
        view,
        &KeyRange::prefix(&operation),
        false,
        &mut |(_operation, key, order): Of, _row| {
            let row = view.row::<Counts>(&(key, order));
            counts.extend(row.map(|row| Counted { key, order, row }));
            ControlFlow::Continue(())
        },
    );
    counts
}

/// Counts that were judged, the latest act first, and where the search for more goes on.
#[derive(Default)]
pub struct Judged {
    /// They.
    pub rows: Vec<Counted>,
    /// Where the search stopped, when there may be more.
    pub next: Option<Cursor>,
    /// Whether it stopped because it had looked at enough.
    pub exhausted: bool,
}

/// Looks at no more than `examined_max` operations: in a busy hall days may lie between two counts.
pub fn judged(view: &dyn Tables, query: &Query, (wanted, examined_max): (usize, usize)) -> Judged {
    let (mut found, mut examined) = (Judged::default(), 0);
    let mut range = KeyRange::all();
    if let Some(before) = query.get("before").and_then(cursor_of) {
        range.to = before.to_bytes();
    }
    let mut all = true;
    each_of::<OperationsByTime>(view, &range, true, &mut |key: Cursor, _row| {
        if found.rows.len() >= wanted || examined == examined_max {
            all = false;
            return ControlFlow::Break(());
        }
        examined += 1;
        found.next = Some(key);
        let (_tau, operation) = key;
        let is_count =
            view.row::<Outcomes>(&operation).is_some_and(|row| row.kind.contains("count"));
        if is_count {
            let counts = counts_of(view, operation).into_iter();
            found.rows.extend(counts.filter(|count| count.row.state != CountState::Provisional));
        }
        ControlFlow::Continue(())
    });
    found.next = found.next.filter(|_next| !all);
    found.exhausted = !all && found.rows.len() < wanted;
    found
}

/// The counts that were judged, as far as `examined_max` operations go.
pub fn settled(
    view: &dyn Tables,
    context: &PageContext,
    query: &Query,
    examined_max: usize,
) -> Markup {
    let wanted = rows_wanted(query);
    let Judged { rows, next, exhausted } = judged(view, query, (wanted, examined_max));
    html! {
        @if rows.is_empty() && !exhausted { (part::empty(context, "counts-none-settled")) }
        @if !rows.is_empty() {
            (table(view, context, rows.iter().map(|counted| (counted, state(context, &counted.row)))))
        }
        (next_rows(context, query, (next, exhausted), (wanted, "/counts")))
    }
}

fn state(context: &PageContext, row: &CountRow) -> Markup {
    let (tone, key) = match row.state {
        CountState::Provisional => (Tone::Waiting, "provisional"),
        CountState::Settled => (Tone::Ok, "settled"),
        CountState::NeedsApproval => (Tone::Warn, "counts-decide"),
        CountState::Recount => (Tone::Info, "count-recount"),
        CountState::TakenOut => (Tone::Error, "count-taken-out"),
    };
    html! {
        (part::badge(tone, &context.t(key)))
        @if let Some(case) = row.case { " " (names::case_link(context, case)) }
    }
}

fn table<'c>(
    view: &dyn Tables,
    context: &PageContext,
    rows: impl Iterator<Item = (&'c Counted, Markup)>,
) -> Markup {
    html! {
        div class="scroll" {
            table class="list" {
                (part::table_head(context, &[
                    "done-at", "person", "bin", "item", "counted", "book-then",
                    "book-at-arrival", "moved-between", "difference", "tolerance", "state",
                ]))
                tbody { @for (counted, beside) in rows { (count_row(view, context, counted, &beside)) } }
            }
        }
    }
}

fn count_row(
    view: &dyn Tables,
    context: &PageContext,
    counted: &Counted,
    beside: &Markup,
) -> Markup {
    let Counted { key, order, row } = counted;
    let figures = FourFigures::of(row);
    let tolerance = names::item(view, key.item).map(|item| item.count_tolerance);
    let operation = order.operation();
    html! {
        tr id={ "count-" (names::key_text(key)) "-" (operation) "-" (order.leg) } data-row {
            td {
                a data-open href=(names::operation_address(operation)) { (format::instant(context, order.tau)) }
                " " small class="muted" { (format::error(context, row.epsilon_us)) }
                @if row.uncertain { " " (part::badge(Tone::Warn, &context.t("clock-uncertain"))) }
            }
            td { (names::person_if_any(view, row.operator.as_ref())) }
            td { (names::bin_link(view, key.location, key.bin)) }
            td { (names::item_link(view, key.item)) " " (names::key_rest(view, key)) }
            td class="number" {
                (format::quantity(context, figures.counted))
                @if row.implicit { " " span class="muted" { (context.t("not-listed")) } }
            }
            td class="number" { (part::figure(&names::figure_address(key), &format::quantity(context, figures.book_then))) }
            td class="number" { (format::quantity(context, figures.book_at_arrival)) }
            td class="number" { (format::signed(context, figures.between)) }
            td class="number" { strong { (format::signed(context, row.difference)) } }
            td class="number" { @if let Some(tolerance) = tolerance { "±" (format::quantity(context, tolerance)) } }
            td { (beside) }
        }
    }
}
