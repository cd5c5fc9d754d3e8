//! Goods between two locations: what arrived before anybody reported its shipment, with the devices that may
//! still report it (CONFLICTS 36); and what was shipped and has not arrived, by age (CONFLICTS 39).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use ledger::key::KeyRange;
use ledger::schema::case::{OpenTasks, Tasks};
use ledger::schema::count::{BinCounts, CountState, Counts};
use ledger::schema::document::{
    Document, DocumentLines, Documents, OnTheWay, ProvisionalShipment, ProvisionalShipments,
    ProvisionalsDue,
};
use ledger::schema::entry::{ItemLedger, ItemLedgerEntry, OpenInbound, Pool};
use ledger::schema::{
    BinId, EntryNo, ItemId, LocationId, OrderKey, PlateId, SiteId, StockKey, TrackingId, VariantId,
};
use ledger::tables::{Read as _, Tables, each_of};
use maud::{Markup, html};
use protocol::feed::TaskKind;
use protocol::identity::{DeviceId, ServerTime, TaskId};
use protocol::operation::DocumentKind;
use protocol::quantity::Quantity;
use protocol::words::DocumentNo;

use super::counts::waiting_for;
use super::register::{ROWS_MAX, rows_wanted};
use super::{Page, PageResult, Section, items};
use crate::dashboard::context::PageContext;
use crate::dashboard::format;
use crate::dashboard::names;
use crate::dashboard::part::{self, Tone, code};
use crate::dashboard::query::Query;

/// Rows of one table that a request looks at.
const EXAMINED_MAX: usize = 20_000;
const DAY_US: i64 = 24 * 3_600 * 1_000_000;
/// The ages that goods on the way are sorted into: the key of the word, and the days that they reach to.
const AGES: [(&str, i64); 4] =
    [("way-days-1", 1), ("way-days-3", 3), ("way-days-7", 7), ("way-days-more", i64::MAX)];

/// Of a transfer order: its number, line and lot or serial.
type Way = (DocumentNo, u32, TrackingId);

/// What arrived before its shipment was reported.
struct Early {
    way: Way,
    at: OrderKey,
    row: Arc<ProvisionalShipment>,
    waits: Waits,
}

/// Who may still report a shipment.
enum Waits {
    /// These devices: they have not said yet that they have nothing from before the arrival.
    For(Vec<DeviceId>),
    /// All have reported; the next run asks for a count.
    Settlement,
    /// Nobody: the sender's bin is to be counted.
    Count(TaskId),
    /// Nobody: the sender's bin was counted since the arrival.
    Counted,
    /// Nobody.
    Nobody,
}

/// What was shipped at once and has not arrived.
struct Lying {
    no: EntryNo,
    entry: Arc<ItemLedgerEntry>,
    document: DocumentNo,
    left: Quantity,
}

/// How many of something there are on the way.
pub struct Tally {
    /// As many as were found.
    pub n: usize,
    /// Since when the first of them is.
    pub since: ServerTime,
    /// Whether all was looked at; else there may be more, and an earlier one.
    pub is_all: bool,
}

/// Goods on the way. The other end of an order that somebody sees is shown to them too: `whole` has it.
pub fn page(
    (view, whole): (&dyn Tables, &dyn Tables),
    context: &PageContext,
    query: &Query,
) -> PageResult {
    let (early, n_more) = early((view, whole), context, rows_wanted(query));
    let list = html! {
        (early_table((view, whole), context, &early))
        (more(context, query, n_more))
    };
    Ok(Page::new(Section::Items, context.t("way-title"))
        .with("tabs", items::tabs(context, "on-the-way"))
        .with("early", list)
        .with("silent", silent((view, whole), context, &early))
        .with("ageing", ageing((view, whole), context, query)))
}

fn order(view: &dyn Tables, no: &DocumentNo) -> Option<Arc<Document>> {
    view.row::<Documents>(&(DocumentKind::TransferOrder, no.clone()))
}

/// The way to the rows that are not shown: how many they are, where a page shows no more.
fn more(context: &PageContext, query: &Query, n_more: usize) -> Markup {
    let wanted = rows_wanted(query);
    html! {
        @if n_more > 0 && wanted < ROWS_MAX {
            (part::more(context, &query.with("rows", &(wanted + part::ROWS).to_string()).address("/on-the-way")))
        } @else if n_more > 0 {
            p class="muted" { (context.say("and-more", &[("n", &n_more.to_string())])) }
        }
    }
}

/// The oldest arrivals that wait for their shipment, and how many there are besides.
fn early(
    (view, whole): (&dyn Tables, &dyn Tables),
    context: &PageContext,
    wanted: usize,
) -> (Vec<Early>, usize) {
    type Key = (DocumentNo, u32, TrackingId, OrderKey);
    type Due = (SiteId, ServerTime, DocumentNo, u32, TrackingId, OrderKey);
    let (mut found, mut n) = (Vec::new(), 0);
    each_of::<ProvisionalShipments>(whole, &KeyRange::all(), false, &mut |key: Key, row| {
        n += 1;
        if order(view, &key.0).is_some() {
            found.push((key.3, (key.0, key.1, key.2), row));
        }
        if n < EXAMINED_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    found.sort_by_key(|(at, _way, _row)| *at);
    let n_more = found.len().saturating_sub(wanted);
    found.truncate(wanted);
    let mut due: BTreeMap<(Way, OrderKey), ServerTime> = BTreeMap::new();
    let mut n = 0;
    each_of::<ProvisionalsDue>(whole, &KeyRange::all(), false, &mut |key: Due, _row| {
        n += 1;
        due.insert(((key.2, key.3, key.4), key.5), key.1);
        if n < EXAMINED_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let early = found.into_iter().map(|(at, way, row)| {
        let until = due.get(&(way.clone(), at)).copied();
        let waits = waits(whole, context, (&row, at), until);
        Early { way, at, row, waits }
    });
    (early.collect(), n_more)
}

/// `until` is when everything before the arrival is here; none once that is so, and for serials, of which
/// the history says where they are.
fn waits(
    whole: &dyn Tables,
    context: &PageContext,
    (row, at): (&ProvisionalShipment, OrderKey),
    until: Option<ServerTime>,
) -> Waits {
    let is_serial = ledger::tracking::serial::of(whole, row.from.tracking).is_some();
    if until.is_some() || is_serial {
        let site = names::location(whole, row.from.location).map(|location| location.site);
        let silent = site
            .map(|site| waiting_for(whole, context, site, until.unwrap_or(at.tau)))
            .unwrap_or_default();
        if !silent.is_empty() {
            return Waits::For(silent);
        }
        if until.is_some() {
            return Waits::Settlement;
        }
    }
    match count_task(whole, row) {
        Some(task) => Waits::Count(task),
        None if was_counted(whole, &row.from, at) => Waits::Counted,
        None => Waits::Nobody,
    }
}

/// Whether what the provisional shipment was taken from, or the whole bin, was counted after `at`, and that
/// stands.
fn was_counted(whole: &dyn Tables, from: &StockKey, at: OrderKey) -> bool {
    type Whole = (LocationId, BinId, OrderKey);
    let mut was = false;
    let of_key = KeyRange::prefix_after(from, &(*from, at));
    each_of::<Counts>(whole, &of_key, false, &mut |_key: (StockKey, OrderKey), row| {
        was = row.state != CountState::TakenOut;
        if was { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if was {
        return true;
    }
    let place = (from.location, from.bin);
    let of_bin = KeyRange::prefix_after(&place, &(from.location, from.bin, at));
    each_of::<BinCounts>(whole, &of_bin, false, &mut |_key: Whole, row| {
        was = !row.taken_out;
        if was { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    was
}

/// The open task to count what the provisional shipment was taken from.
fn count_task(whole: &dyn Tables, row: &ProvisionalShipment) -> Option<TaskId> {
    type Open = (LocationId, BinId, u8, Option<ItemId>, PlateId, TaskId);
    let mut task = None;
    let range = KeyRange::prefix(&(row.from.location, row.from.bin));
    each_of::<OpenTasks>(whole, &range, false, &mut |key: Open, _row| {
        let asks = whole.row::<Tasks>(&key.5).is_some_and(|task| {
            matches!(task.kind, TaskKind::Count | TaskKind::Recount)
                && task.item.is_none_or(|item| item == row.from.item)
        });
        task = asks.then_some(key.5);
        if asks { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    task
}

/// How many arrivals wait for their shipment.
pub fn n_early(view: &dyn Tables) -> Option<Tally> {
    type Key = (DocumentNo, u32, TrackingId, OrderKey);
    let (mut found, mut n) = (None, 0);
    each_of::<ProvisionalShipments>(view, &KeyRange::all(), false, &mut |key: Key, _row| {
        n += 1;
        if n > EXAMINED_MAX {
            return ControlFlow::Break(());
        }
        if order(view, &key.0).is_some() {
            let (n_early, since) = found.unwrap_or((0, key.3.tau));
            found = Some((n_early + 1, since.min(key.3.tau)));
        }
        ControlFlow::Continue(())
    });
    let (n_early, since) = found?;
    Some(Tally { n: n_early, since, is_all: n <= EXAMINED_MAX })
}

/// How many shipments are on their way for longer than the last age reaches from.
pub fn n_old((view, whole): (&dyn Tables, &dyn Tables), context: &PageContext) -> Option<Tally> {
    let (all, is_all) = lying((view, whole));
    let old = all.iter().filter(|lying| age_of(context, lying) == AGES.len() - 1);
    let since = old.clone().next()?.entry.order.tau;
    Some(Tally { n: old.count(), since, is_all })
}

fn early_table(
    (view, whole): (&dyn Tables, &dyn Tables),
    context: &PageContext,
    early: &[Early],
) -> Markup {
    html! {
        h2 { (context.t("way-early")) }
        @if early.is_empty() { (part::empty(context, "way-early-none")) }
        @else {
            p class="muted" { (context.t("way-early-text")) }
            div class="scroll" {
                table class="list" {
                    (part::table_head(context, &[
                        "way-arrived", "device", "item", "quantity", "document", "from-to",
                        "way-shipment",
                    ]))
                    tbody { @for row in early { (early_row((view, whole), context, row)) } }
                }
            }
        }
    }
}

fn early_row(
    (view, whole): (&dyn Tables, &dyn Tables),
    context: &PageContext,
    early: &Early,
) -> Markup {
    let operation = early.at.operation();
    let key = early.row.from;
    html! {
        tr id={ "early-" (operation) "-" (early.at.leg) } data-row {
            td {
                a data-open href=(names::operation_address(operation)) { (format::instant(context, early.at.tau)) }
                " " span class="muted" { (format::age(context, early.at.tau)) }
            }
            td { (device(view, whole, context, early.at.device)) }
            td { (names::item_link(view, key.item)) " " (names::key_rest(view, &key)) }
            td class="number" {
                (format::quantity(context, early.row.quantity)) " "
                span class="muted" { (names::base_unit(view, key.item)) }
            }
            td { (names::document_link(DocumentKind::TransferOrder, &early.way.0)) " " span class="muted" { (early.way.1) } }
            td { (route(whole, order(view, &early.way.0).as_deref())) }
            td { (waits_text((view, whole), context, &early.waits)) }
        }
    }
}

fn waits_text(
    (view, whole): (&dyn Tables, &dyn Tables),
    context: &PageContext,
    waits: &Waits,
) -> Markup {
    const NAMED_MAX: usize = 4;
    let nobody = part::badge(Tone::Warn, &context.t("way-nobody"));
    match waits {
        Waits::For(devices) => html! {
            (part::badge(Tone::Waiting, &context.t("waits-for"))) " "
            @for id in devices.iter().take(NAMED_MAX) { (device(view, whole, context, *id)) " " }
            @if devices.len() > NAMED_MAX {
                (context.say("and-more", &[("n", &(devices.len() - NAMED_MAX).to_string())]))
            }
        },
        Waits::Settlement => {
            html! { (part::badge(Tone::Waiting, &context.t("way-judged-next"))) }
        }
        Waits::Count(task) => html! {
            (nobody) " "
            a href={ "/tasks/" (task) } { (context.say("task-n", &[("n", &task.to_string())])) }
        },
        Waits::Counted => html! { (nobody) " " (context.t("way-counted")) },
        Waits::Nobody => nobody,
    }
}

/// A device, with its page where the reader may see it.
fn device(view: &dyn Tables, whole: &dyn Tables, context: &PageContext, id: DeviceId) -> Markup {
    use ledger::schema::identity::Devices;
    if id.0 == 0 || view.has::<Devices>(&id) {
        names::device_link(view, context, id)
    } else {
        html! { (names::device_name(whole, id)) }
    }
}

fn route(whole: &dyn Tables, order: Option<&Document>) -> Markup {
    html! {
        @if let Some(order) = order {
            (code(&names::location_code(whole, order.location)))
            @if let Some(to) = order.to_location { " → " (code(&names::location_code(whole, to))) }
        }
    }
}

/// The devices that hold most back, with what they said last.
fn silent(
    (view, whole): (&dyn Tables, &dyn Tables),
    context: &PageContext,
    early: &[Early],
) -> Markup {
    let mut held: BTreeMap<DeviceId, (usize, ServerTime)> = BTreeMap::new();
    for row in early {
        let Waits::For(devices) = &row.waits else { continue };
        for id in devices {
            // The oldest comes first.
            held.entry(*id).or_insert((0, row.at.tau)).0 += 1;
        }
    }
    let mut rows: Vec<_> = held.into_iter().collect();
    rows.sort_by_key(|(id, (n, oldest))| (std::cmp::Reverse(*n), *oldest, *id));
    rows.truncate(part::ROWS);
    html! {
        @if !rows.is_empty() {
            h2 { (context.t("way-silent")) }
            div class="scroll" {
                table class="list" {
                    (part::table_head(context, &["device", "last-seen", "queue", "way-held", "oldest"]))
                    tbody {
                        @for (id, (n, oldest)) in &rows {
                            @let now = context.device(*id);
                            tr id={ "silent-" (id) } data-row {
                                td { (device(view, whole, context, *id)) }
                                td { (format::instant_if_any(context, now.seen)) }
                                td class="number" { @if now.seen.is_some() { (now.pending) } @else { (format::NOTHING) } }
                                td class="number" { (n) }
                                td { (format::age(context, *oldest)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What is open of the shipments on the way, the oldest first, and whether all of it was looked at: the
/// tables are not in the order of age.
fn lying((view, whole): (&dyn Tables, &dyn Tables)) -> (Vec<Lying>, bool) {
    let mut pools: BTreeSet<(ItemId, VariantId, LocationId)> = BTreeSet::new();
    let mut waiting: BTreeSet<Way> = BTreeSet::new();
    let mut n_ways = 0;
    each_of::<OnTheWay>(whole, &KeyRange::all(), false, &mut |way: Way, left| {
        n_ways += 1;
        if n_ways > EXAMINED_MAX {
            return ControlFlow::Break(());
        }
        if left.is_positive()
            && let Some(through) = order(view, &way.0).and_then(|order| order.in_transit)
            && let Some(line) =
                whole.row::<DocumentLines>(&(DocumentKind::TransferOrder, way.0.clone(), way.1))
        {
            pools.insert((line.item, line.variant, through));
            waiting.insert(way);
        }
        ControlFlow::Continue(())
    });
    type Open = (Pool, Option<DocumentNo>, chrono::NaiveDate, EntryNo);
    let (mut found, mut n) = (Vec::new(), 0);
    for pool in &pools {
        each_of::<OpenInbound>(whole, &KeyRange::prefix(pool), false, &mut |key: Open, left| {
            n += 1;
            if n > EXAMINED_MAX {
                return ControlFlow::Break(());
            }
            if let Some(entry) = whole.row::<ItemLedger>(&key.3)
                && let Some((_kind, no, line)) = entry.document.clone()
                && waiting.contains(&(no.clone(), line, entry.tracking))
            {
                found.push(Lying { no: key.3, entry, document: no, left: *left });
            }
            ControlFlow::Continue(())
        });
    }
    found.sort_by_key(|lying| (lying.entry.order, lying.no));
    (found, n_ways <= EXAMINED_MAX && n <= EXAMINED_MAX)
}

fn age_of(context: &PageContext, lying: &Lying) -> usize {
    let days = context.now.us_since(lying.entry.order.tau) / DAY_US;
    AGES.iter().position(|(_key, up_to)| days < *up_to).unwrap_or(AGES.len() - 1)
}

fn ageing(
    (view, whole): (&dyn Tables, &dyn Tables),
    context: &PageContext,
    query: &Query,
) -> Markup {
    let (all, is_all) = lying((view, whole));
    let mut n_of = [0_usize; AGES.len()];
    for row in &all {
        n_of[age_of(context, row)] += 1;
    }
    let wanted = query.parsed::<usize>("age").filter(|age| *age < AGES.len());
    let rows_max = rows_wanted(query);
    let is_wanted = |row: &&Lying| wanted.is_none_or(|age| age == age_of(context, row));
    let rows: Vec<&Lying> = all.iter().filter(is_wanted).collect();
    let tab = |age: Option<usize>, word: &str, n: usize| {
        let query =
            age.map_or_else(Query::default, |age| Query::default().with("age", &age.to_string()));
        html! {
            a href=(query.address("/on-the-way")) aria-current=[(wanted == age).then_some("true")] {
                (context.t(word)) ": " (n) @if !is_all { "+" }
            }
        }
    };
    html! {
        h2 id="ageing" { (context.t("way-ageing")) }
        nav class="tabs" aria-label=(context.t("way-ageing")) {
            (tab(None, "all", all.len()))
            @for (age, (word, _days)) in AGES.iter().enumerate() { (tab(Some(age), word, n_of[age])) }
        }
        @if rows.is_empty() { (part::empty(context, "way-none")) }
        @else {
            div class="scroll" {
                table class="list" {
                    (part::table_head(context, &[
                        "way-shipped", "device", "person", "item", "quantity", "document",
                        "from-to", "due", "entry",
                    ]))
                    tbody {
                        @for row in rows.iter().take(rows_max) { (lying_row((view, whole), context, row)) }
                    }
                }
            }
        }
        (more(context, query, rows.len().saturating_sub(rows_max)))
    }
}

fn lying_row(
    (view, whole): (&dyn Tables, &dyn Tables),
    context: &PageContext,
    row: &Lying,
) -> Markup {
    let entry = &row.entry;
    let order = order(view, &row.document);
    let is_old = age_of(context, row) == AGES.len() - 1;
    html! {
        tr id={ "way-" (row.no) } data-row {
            td {
                a data-open href=(names::operation_address(entry.written.operation)) {
                    (format::instant(context, entry.order.tau))
                }
                " " @if is_old { (part::badge(Tone::Warn, &format::age(context, entry.order.tau))) }
                @else { span class="muted" { (format::age(context, entry.order.tau)) } }
            }
            td { (device(view, whole, context, entry.order.device)) }
            td { (names::person_if_any(view, entry.operator.as_ref())) }
            td { (names::item_link(view, entry.item)) " " (code(&names::tracking(view, entry.tracking))) }
            td class="number" {
                (format::quantity(context, row.left)) " "
                span class="muted" { (names::base_unit(view, entry.item)) }
            }
            td {
                (names::document_link(DocumentKind::TransferOrder, &row.document))
                @if let Some((_kind, _no, line)) = &entry.document { " " span class="muted" { (line) } }
            }
            td { (route(whole, order.as_deref())) }
            td { (due(context, order.as_deref())) }
            td { a href=(names::item_entry_address(row.no)) { (row.no) } }
        }
    }
}

fn due(context: &PageContext, order: Option<&Document>) -> Markup {
    let due = order.and_then(|order| order.due);
    let today = context.now.utc().map(|utc| utc.with_timezone(&context.zone).date_naive());
    html! {
        @if let Some(due) = due {
            (format::date(context, due))
            @if today.is_some_and(|today| due < today) { " " (part::badge(Tone::Warn, &context.t("way-late"))) }
        }
    }
}
