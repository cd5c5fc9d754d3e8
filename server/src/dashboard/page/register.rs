//! The register of operations: who did what when, and what became of it.

use std::ops::ControlFlow;

use chrono::NaiveDate;
use ledger::key::{Key as _, KeyRange};
use ledger::schema::book::{OperationsByTime, OutcomeRow, Outcomes};
use ledger::schema::identity::Devices;
use ledger::tables::{Read as _, Tables, each_of};
use maud::{Markup, html};
use protocol::identity::{DeviceId, OperationId, ServerTime};
use protocol::operation::Body;

use super::{Page, PageResult, Section};
use crate::dashboard::context::PageContext;
use crate::dashboard::deed::{DeedLine, PlaceText, Told, told};
use crate::dashboard::format;
use crate::dashboard::names;
use crate::dashboard::part::{self, code};
use crate::dashboard::query::Query;

/// Operations that one request looks at before it shows how far it came.
const EXAMINED_MAX: usize = 20_000;
/// Rows on one page, however often "load more" was asked for.
pub const ROWS_MAX: usize = 500;
/// Rows of one export.
pub const EXPORT_MAX: usize = 100_000;

const FILTERS: [&str; 10] =
    ["q", "from", "to", "device", "person", "kind", "item", "bin", "document", "outcome"];

/// Kinds that move nothing and count nothing: shown when they are asked for.
const HARMLESS: [&str; 3] = ["sign_in", "sign_out", "settle"];

/// What was found, and how far was searched.
#[derive(Debug, Default)]
pub struct Found {
    /// Operations, latest act first.
    pub rows: Vec<Told>,
    /// Where the search stopped, when there may be more: everything before it was not looked at.
    pub next: Option<Cursor>,
    /// Whether it stopped because it had looked at enough, not because it had found enough.
    pub exhausted: bool,
}

/// How many rows a list shows: a multiple of what "load more" adds.
pub fn rows_wanted(query: &Query) -> usize {
    query.parsed("rows").unwrap_or(part::ROWS).clamp(part::ROWS, ROWS_MAX)
}

/// What the filters ask for.
struct Wanted<'q> {
    query: &'q Query,
    device: Option<DeviceId>,
    decision: Option<&'q str>,
}

impl<'q> Wanted<'q> {
    fn new(query: &'q Query) -> Self {
        let device = query.parsed("device").map(DeviceId);
        Self { query, device, decision: query.get("outcome") }
    }

    /// What can be told without reading the operation itself.
    fn may_be(&self, operation: OperationId, row: &OutcomeRow) -> bool {
        let kind = match self.query.get("kind") {
            None => !is_harmless(&row.kind),
            Some("any") => true,
            Some(kind) => row.kind == kind,
        };
        let decision = self.decision.is_none_or(|wanted| match wanted {
            "restated" => row.outcome.revision > 1,
            wanted => part::decision_word(row.outcome.decision) == wanted,
        });
        kind && decision && self.device.is_none_or(|device| operation.device == device)
    }

    fn is(&self, view: &dyn Tables, told: &Told) -> bool {
        let any_line = |name: &str, of: &dyn Fn(&DeedLine, &str) -> bool| {
            self.query
                .get(name)
                .is_none_or(|wanted| told.deed.lines.iter().any(|line| of(line, wanted)))
        };
        any_line("item", &|line, wanted| line.item.eq_ignore_ascii_case(wanted))
            && any_line("bin", &|line, wanted| {
                let is = |place: &Option<PlaceText>| {
                    place.as_ref().is_some_and(|place| place.bin.eq_ignore_ascii_case(wanted))
                };
                is(&line.from) || is(&line.to)
            })
            && self.query.get("document").is_none_or(|wanted| {
                let document = told.deed.document.as_ref();
                document.is_some_and(|document| document.no.as_str().eq_ignore_ascii_case(wanted))
            })
            && self.query.get("person").is_none_or(|wanted| {
                told.deed.operator.as_ref().is_some_and(|operator| {
                    operator.as_str().eq_ignore_ascii_case(wanted)
                        || contains(&names::person(view, operator), wanted)
                })
            })
    }
}

/// Whether an operation of this kind moves nothing and counts nothing.
pub fn is_harmless(kind: &str) -> bool {
    HARMLESS.contains(&kind)
}

/// Whether `text` contains `part`, whatever the case.
pub fn contains(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}

fn range(context: &PageContext, query: &Query) -> KeyRange {
    let day = |name: &str| query.parsed::<NaiveDate>(name);
    let from = day("from").and_then(|day| format::start_of_day(context, day));
    let to = day("to").and_then(|day| format::end_of_day(context, day));
    let mut range = KeyRange::all();
    if let Some(from) = from {
        range.from = from.to_bytes();
    }
    if let Some(to) = to {
        range.to = to.to_bytes();
    }
    if let Some(before) = query.get("before").and_then(cursor_of) {
        range.to = range.to.min(before.to_bytes());
    }
    range
}

/// An act: everything before it was not looked at.
pub type Cursor = (ServerTime, OperationId);

fn cursor_text((time, operation): Cursor) -> String {
    format!("{}_{operation}", time.0)
}

pub(super) fn cursor_of(text: &str) -> Option<Cursor> {
    let (time, operation) = text.split_once('_')?;
    Some((ServerTime(time.parse().ok()?), names::operation_of(operation)?))
}

/// The operations that the filters ask for, at most `rows_max`.
pub fn find(view: &dyn Tables, context: &PageContext, query: &Query, rows_max: usize) -> Found {
    let wanted = Wanted::new(query);
    let mut found = Found::default();
    let mut examined = 0;
    let examined_max = EXAMINED_MAX.max(rows_max.saturating_mul(4));
    let range = range(context, query);
    each_of::<OperationsByTime>(view, &range, true, &mut |key: (ServerTime, OperationId), _at| {
        if found.rows.len() == rows_max || examined == examined_max {
            found.exhausted = found.rows.len() < rows_max;
            return ControlFlow::Break(());
        }
        examined += 1;
        found.next = Some(key);
        let (_tau, operation) = key;
        let Some(row) = view.row::<Outcomes>(&operation) else { return ControlFlow::Continue(()) };
        if wanted.may_be(operation, &row)
            && let Some(told) = told(view, row.intake)
            && wanted.is(view, &told)
        {
            found.rows.push(told);
        }
        ControlFlow::Continue(())
    });
    if found.rows.len() < rows_max && !found.exhausted {
        found.next = None;
    }
    found
}

/// The register.
pub fn page(view: &dyn Tables, context: &PageContext, query: &Query) -> PageResult {
    let wanted = rows_wanted(query);
    let found = find(view, context, query, wanted);
    let list = html! {
        p class="actions" {
            a class="button quiet" href=(query.without("rows").address("/movements.csv")) download {
                (context.t("csv"))
            }
        }
        @if found.rows.is_empty() {
            (part::empty(context, if query.has_any(&FILTERS) { "register-none" } else { "register-empty" }))
        } @else {
            (table(view, context, &found.rows))
        }
        (next_rows(context, query, (found.next, found.exhausted), (wanted, "/movements")))
    };
    Ok(Page::new(Section::Movements, context.t("register-title"))
        .with("filters", filters(view, context, query))
        .with("list", list))
}

/// How a list in order of the acts goes on behind `next`: with more rows, or, where the search was
/// `exhausted`, by searching further.
pub(super) fn next_rows(
    context: &PageContext,
    query: &Query,
    (next, exhausted): (Option<Cursor>, bool),
    (wanted, page): (usize, &str),
) -> Markup {
    let Some(next) = next else { return html! {} };
    let older = query.without("rows").with("before", &cursor_text(next)).address(page);
    html! {
        @if exhausted {
            p class="muted" {
                (context.t("searched-to")) " " (format::instant(context, next.0)) " "
                a href=(older) { (context.t("search-further")) }
            }
        } @else if wanted < ROWS_MAX {
            (part::more(context, &query.with("rows", &(wanted + part::ROWS).to_string()).address(page)))
        } @else {
            p class="more" { a class="button" href=(older) { (context.t("older")) } }
        }
    }
}

/// Kinds of operations with their words, for a choice.
pub fn kinds(context: &PageContext) -> Vec<(String, String)> {
    let mut kinds: Vec<_> =
        Body::KINDS.iter().map(|kind| ((*kind).to_owned(), context.word("kind", kind))).collect();
    kinds.sort_by(|left, right| left.1.cmp(&right.1));
    kinds.push(("any".to_owned(), context.t("kind-any")));
    kinds
}

fn filters(view: &dyn Tables, context: &PageContext, query: &Query) -> Markup {
    let mut devices = vec![("0".to_owned(), context.t("desk"))];
    each_of::<Devices>(view, &KeyRange::all(), false, &mut |id: DeviceId, device| {
        devices.push((id.to_string(), device.name.clone()));
        if devices.len() < ROWS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let mut outcomes: Vec<_> = part::DECISIONS
        .iter()
        .map(|decision| part::decision_word(*decision))
        .map(|word| (word.to_owned(), context.word("decision", word)))
        .collect();
    outcomes.push(("restated".to_owned(), context.t("restated")));
    let fields = html! {
        (part::date_filter(context, query, "from", "from-day"))
        (part::date_filter(context, query, "to", "to-day"))
        (part::choice_filter(context, query, "device", "device", &devices))
        (part::text_filter(context, query, "person", "person"))
        (part::choice_filter(context, query, "kind", "kind", &kinds(context)))
        (part::text_filter(context, query, "item", "item"))
        (part::text_filter(context, query, "bin", "bin"))
        (part::text_filter(context, query, "document", "document"))
        (part::choice_filter(context, query, "outcome", "outcome", &outcomes))
    };
    part::filter_form(context, "/movements", query, &[], &fields)
}

/// Operations as a table.
pub fn table(view: &dyn Tables, context: &PageContext, rows: &[Told]) -> Markup {
    html! {
        div class="scroll" {
            table class="list" {
                (part::table_head(context, &[
                    "done-at", "received-at", "device", "person", "kind", "item", "from-to",
                    "quantity", "document", "outcome",
                ]))
                tbody { @for told in rows { (row(view, context, told)) } }
            }
        }
    }
}

fn row(view: &dyn Tables, context: &PageContext, told: &Told) -> Markup {
    let timing = &told.intake.timing;
    let first = told.deed.lines.first();
    html! {
        tr id={ "op-" (told.operation) } data-row {
            td {
                a data-open href=(names::operation_address(told.operation)) {
                    (format::instant(context, timing.tau))
                }
                " " small class="muted" { (format::error(context, timing.epsilon_us)) }
            }
            td { (format::instant(context, told.intake.received)) }
            td { (names::device_link(view, context, told.operation.device)) }
            td { (names::person_if_any(view, told.deed.operator.as_ref())) }
            td { (context.word("kind", &told.deed.kind)) }
            td {
                (goods(first))
                @if told.deed.lines.len() > 1 {
                    " " span class="muted" {
                        (context.say("and-more", &[("n", &(told.deed.lines.len() - 1).to_string())]))
                    }
                }
            }
            td { (way(first)) }
            td class="number" { (quantity(context, first)) }
            td {
                @if let Some(document) = &told.deed.document {
                    (names::document_link(document.kind, &document.no))
                    @if let Some(line) = document.line { " " span class="muted" { (line) } }
                }
            }
            td { (outcome(context, told)) }
        }
    }
}

/// What was handled: the item, or the raw barcode where nobody could name it.
pub fn goods(line: Option<&DeedLine>) -> Markup {
    let Some(line) = line else { return html! {} };
    html! {
        @if !line.item.is_empty() {
            a href=(names::item_address(&line.item)) { (code(&line.item)) }
        } @else if let Some(scan) = &line.scan {
            (code(scan))
        }
        @if !line.rest.is_empty() { " " span class="muted" { (code(&line.rest)) } }
    }
}

fn place(place: &PlaceText) -> Markup {
    html! {
        (names::place_link(&place.location, &place.bin))
        @if !place.plate.is_empty() { " " (code(&place.plate)) }
    }
}

/// From where to where; one place where nothing went anywhere.
pub fn way(line: Option<&DeedLine>) -> Markup {
    let Some(line) = line else { return html! {} };
    if let Some(here) = line.from.as_ref().filter(|from| line.to.as_ref() == Some(from)) {
        return place(here);
    }
    html! {
        @if let Some(from) = &line.from { (place(from)) }
        @if line.from.is_some() || line.to.is_some() { " → " }
        @if let Some(to) = &line.to { (place(to)) }
    }
}

/// The quantity with its unit.
pub fn quantity(context: &PageContext, line: Option<&DeedLine>) -> Markup {
    let found = line.and_then(|line| line.quantity.map(|quantity| (quantity, &line.unit)));
    html! {
        @if let Some((quantity, unit)) = found {
            (format::quantity(context, quantity)) " " span class="muted" { (unit) }
        }
    }
}

/// What became of it.
pub fn outcome(context: &PageContext, told: &Told) -> Markup {
    match &told.outcome {
        Some(row) => part::outcome_badges(context, &row.outcome),
        None => part::badge(part::Tone::Waiting, &context.t("not-judged")),
    }
}

/// The head of the export.
pub const EXPORT_HEAD: [&str; 19] = [
    "operation",
    "done_at",
    "error_us",
    "received_at",
    "device",
    "operator",
    "kind",
    "item",
    "variant_or_tracking",
    "from_location",
    "from_bin",
    "to_location",
    "to_bin",
    "quantity",
    "unit",
    "document",
    "decision",
    "revision",
    "reasons",
];

/// One operation as lines of the export: one for each thing that was handled.
pub fn export_lines(view: &dyn Tables, told: &Told) -> Vec<[String; 19]> {
    let nothing = [DeedLine::default()];
    let lines = if told.deed.lines.is_empty() { &nothing[..] } else { &told.deed.lines };
    lines.iter().map(|line| export_line(view, told, line)).collect()
}

fn export_line(view: &dyn Tables, told: &Told, line: &DeedLine) -> [String; 19] {
    let at = |time: ServerTime| time.utc().map_or_else(String::new, |utc| utc.to_rfc3339());
    let place = |place: &Option<PlaceText>| {
        place.as_ref().map(|place| (place.location.clone(), place.bin.clone())).unwrap_or_default()
    };
    let ((from_location, from_bin), (to_location, to_bin)) = (place(&line.from), place(&line.to));
    let outcome = told.outcome.as_ref().map(|row| &row.outcome);
    let reasons = outcome.map(|outcome| {
        let codes: Vec<_> = outcome.reasons.iter().map(|reason| reason.code.as_str()).collect();
        codes.join(" ")
    });
    let device = match told.operation.device {
        DeviceId(0) => "desk".to_owned(),
        device => names::device_name(view, device),
    };
    [
        told.operation.to_string(),
        at(told.intake.timing.tau),
        told.intake.timing.epsilon_us.to_string(),
        at(told.intake.received),
        device,
        told.deed.operator.as_ref().map(ToString::to_string).unwrap_or_default(),
        told.deed.kind.clone(),
        line.item.clone(),
        line.rest.clone(),
        from_location,
        from_bin,
        to_location,
        to_bin,
        line.quantity.map(|quantity| quantity.to_string()).unwrap_or_default(),
        line.unit.clone(),
        told.deed.document.as_ref().map(|document| document.no.to_string()).unwrap_or_default(),
        outcome.map(|outcome| part::decision_word(outcome.decision)).unwrap_or_default().to_owned(),
        outcome.map(|outcome| outcome.revision.to_string()).unwrap_or_default(),
        reasons.unwrap_or_default(),
    ]
}
