//! What needs attention now: figures with their course, a ranked list, the latest operations.

use std::ops::ControlFlow;

use ledger::conflict::question::Questions;
use ledger::key::KeyRange;
use ledger::schema::book::{Counters, Heads, Intake, Intakes, Origin};
use ledger::schema::case::{Cases, OpenCases, OpenTasks, Task, TaskState, Tasks};
use ledger::schema::entry::Registers;
use ledger::schema::identity::{DeviceState, Devices};
use ledger::schema::stock::Stocks;
use ledger::schema::{BinId, Counter, ItemId, LocationId, PlateId, RegisterNo, SiteId, StockKey};
use ledger::tables::{Read as _, Tables, each_of};
use maud::{Markup, html};
use protocol::code::Code;
use protocol::health::StorageState;
use protocol::identity::{CaseId, IntakeNo, ServerTime, TaskId};

use super::{Page, PageResult, Section, alarms, backup, on_the_way, register, workbench};
use crate::dashboard::context::{DeviceNow, PageContext};
use crate::dashboard::deed::{Told, told};
use crate::dashboard::format;
use crate::dashboard::names;
use crate::dashboard::part::{self, Tone};
use crate::dashboard::query::Query;
use crate::view::recovery;

const MINUTE_US: i64 = 60_000_000;
/// Minutes in the small lines beside the figures.
const COURSE_MINUTES: i64 = 30;
/// Minutes that delays are taken from.
const DELAY_MINUTES: i64 = 15;
/// Operations that delays are taken from: evenly spread over those minutes.
const DELAY_SAMPLES: u64 = 400;
/// Rows of the feed.
const FEED_ROWS: usize = 20;
/// Rows of the list of what needs somebody.
const NEEDS_ROWS: usize = 12;
/// Things that are counted one by one; more is shown as "1000+".
const COUNTED_MAX: usize = 1_000;
/// An offline device with unsent work is worth a line after so long.
const UNSENT_AFTER_US: i64 = 2 * MINUTE_US;
const BATTERY_LOW: u8 = 15;

/// The page. What is on its way from or to where the reader may look is read from the `whole`.
pub fn page(
    (view, whole): (&dyn Tables, &dyn Tables),
    context: &PageContext,
    _query: &Query,
) -> PageResult {
    let feed = html! {
        h2 { (context.t("feed-title")) }
        p class="muted" { (context.t("feed-pause")) }
        (feed(view, context))
        p { a href="/movements" { (context.t("feed-all")) } }
    };
    Ok(Page::new(Section::Now, context.t("now-title"))
        .with("tiles", tiles(view, context))
        .with("needs", needs((view, whole), context))
        .with("feed", feed))
}

/// The smallest number in `1..=last` whose time is not before `from`; `last + 1` when there is
/// none. Times rise with numbers.
fn first_since(last: u64, from: ServerTime, time_of: &dyn Fn(u64) -> Option<ServerTime>) -> u64 {
    let (mut low, mut high) = (1, last.saturating_add(1));
    while low < high {
        let middle = low + (high - low) / 2;
        // Rows that are gone lie at the low end.
        if time_of(middle).is_none_or(|time| time < from) {
            low = middle + 1
        } else {
            high = middle
        }
    }
    low
}

/// How many movements were posted in each of the last minutes, oldest first; the last one is the
/// minute that has just ended. Numbers are without gaps, so that counting is subtracting.
fn movements_per_minute(view: &dyn Tables, now: ServerTime) -> Vec<u64> {
    let last = view.row::<Counters>(&Counter::Register.number()).map_or(0, |last| *last);
    let time_of = |no: u64| view.row::<Registers>(&RegisterNo(no)).map(|register| register.at);
    let starts: Vec<u64> = (0..=COURSE_MINUTES)
        .rev()
        .map(|minutes| first_since(last, now.plus_us(-minutes * MINUTE_US), &time_of))
        .collect();
    starts.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect()
}

/// How long operations took from the act until they were received, in the last minutes: p50 and
/// p95 in microseconds, of devices only.
fn delays(view: &dyn Tables, now: ServerTime) -> Option<(i64, i64)> {
    let last = view.last::<Intakes>(&KeyRange::all())?.0.0;
    let time_of = |no: u64| view.row::<Intakes>(&IntakeNo(no)).map(|intake| intake.received);
    let first = first_since(last, now.plus_us(-DELAY_MINUTES * MINUTE_US), &time_of);
    let step = (last.saturating_add(1).saturating_sub(first) / DELAY_SAMPLES).max(1);
    let step = usize::try_from(step).unwrap_or(usize::MAX);
    let mut delays: Vec<i64> = (first..=last)
        .step_by(step)
        .filter_map(|no| view.row::<Intakes>(&IntakeNo(no)))
        .filter(|intake| matches!(intake.origin, Origin::Device { .. }))
        .map(|intake| intake.received.us_since(intake.timing.tau).max(0))
        .collect();
    delays.sort_unstable();
    // Nearest rank: the smallest delay that so many percent of the operations do not exceed.
    let at = |percent: usize| {
        delays.get((delays.len() * percent).div_ceil(100).saturating_sub(1)).copied()
    };
    Some((at(50)?, at(95)?))
}

fn counted(n: usize) -> String {
    if n >= COUNTED_MAX { format!("{COUNTED_MAX}+") } else { n.to_string() }
}

/// Open cases: all of them, and of these the parked operations.
fn open_cases(view: &dyn Tables) -> (usize, usize) {
    let (mut n_cases, mut n_parked) = (0, 0);
    each_of::<OpenCases>(
        view,
        &KeyRange::all(),
        false,
        &mut |(_site, id): (SiteId, CaseId), _row| {
            n_cases += 1;
            if view.row::<Cases>(&id).is_some_and(|case| case.parked) {
                n_parked += 1;
            }
            if n_cases < COUNTED_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        },
    );
    (n_cases, n_parked)
}

type OpenTaskKey = (LocationId, BinId, u8, Option<ItemId>, PlateId, TaskId);

fn n_open_tasks(view: &dyn Tables) -> usize {
    let mut n_tasks = 0;
    each_of::<OpenTasks>(view, &KeyRange::all(), false, &mut |_key: OpenTaskKey, _row| {
        n_tasks += 1;
        if n_tasks < COUNTED_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    n_tasks
}

/// How far the judging is behind what was accepted.
fn n_waiting(view: &dyn Tables) -> u64 {
    let judged = view.row::<Heads>(&()).map_or(0, |head| head.intake.0);
    let accepted = view.last::<Intakes>(&KeyRange::all()).map_or(0, |(no, _intake)| no.0);
    accepted.saturating_sub(judged)
}

fn tile(address: &str, label: &str, value: &Markup, beside: &Markup) -> Markup {
    html! {
        a class="tile" href=(address) {
            span class="label" { (label) }
            span class="value" { (value) }
            span class="beside" { (beside) }
        }
    }
}

fn tiles(view: &dyn Tables, context: &PageContext) -> Markup {
    let course = movements_per_minute(view, context.now);
    let latest = course.last().copied().unwrap_or(0);
    let (n_cases, n_parked) = open_cases(view);
    let n_tasks = n_open_tasks(view);
    html! {
        div class="tiles" {
            (device_tile(view, context))
            (tile("/movements", &context.t("tile-movements"), &html! { (latest) }, &part::sparkline(&course)))
            (delay_tile(view, context))
            (oldest_tile(view, context))
            (tile("/workbench", &context.t("tile-parked"), &html! { (counted(n_parked)) }, &html! {
                @if n_cases > 0 { (part::badge(Tone::Warn, &context.say("n-cases", &[("n", &counted(n_cases))]))) }
                @else { (part::badge(Tone::Ok, &context.t("nothing-waits"))) }
            }))
            (tile("/tasks", &context.t("tile-tasks"), &html! { (counted(n_tasks)) }, &html! {}))
            (backup_tile(context))
            (replica_tile(context))
        }
        @let n_waiting = n_waiting(view);
        @if n_waiting > 0 {
            p class="note info" {
                (part::sign(Tone::Waiting)) " "
                (context.say("waiting-to-be-judged", &[("n", &n_waiting.to_string())]))
            }
        }
    }
}

fn device_tile(view: &dyn Tables, context: &PageContext) -> Markup {
    let (mut n_devices, mut n_online) = (0, 0);
    each_of::<Devices>(view, &KeyRange::all(), false, &mut |id, device| {
        if device.state != DeviceState::Revoked {
            n_devices += 1;
            n_online += usize::from(context.device(id).online);
        }
        ControlFlow::Continue(())
    });
    let value = html! { (n_online) " / " (n_devices) };
    let beside = html! {
        @if n_devices == 0 { (context.t("tile-no-devices")) }
        @else if n_online == n_devices { (part::badge(Tone::Ok, &context.t("all-online"))) }
        @else {
            (part::badge(Tone::Waiting, &context.say("n-offline", &[("n", &(n_devices - n_online).to_string())])))
        }
    };
    tile("/devices", &context.t("tile-devices"), &value, &beside)
}

fn delay_tile(view: &dyn Tables, context: &PageContext) -> Markup {
    let delays = delays(view, context.now);
    let value = html! {
        @match delays {
            Some((_p50, p95)) => { "p95 " (format::fine_length(context, p95)) },
            None => (format::NOTHING),
        }
    };
    let beside = html! {
        @if let Some((p50, _p95)) = delays { "p50 " (format::fine_length(context, p50)) }
    };
    tile("/movements", &context.t("tile-delay"), &value, &beside)
}

fn oldest_tile(view: &dyn Tables, context: &PageContext) -> Markup {
    let waiting = context.devices.iter().filter(|(_id, now)| now.pending > 0);
    let oldest =
        waiting.filter_map(|(id, now)| now.oldest.or(now.seen).map(|since| (since, *id))).min();
    let value = html! {
        @match oldest {
            Some((since, _device)) => (format::age(context, since)),
            None => (context.t("none")),
        }
    };
    let beside = html! {
        @if let Some((since, device)) = oldest {
            @let tone = if context.now.us_since(since) > UNSENT_AFTER_US { Tone::Warn } else { Tone::Waiting };
            (part::badge(tone, &names::device_name(view, device)))
        } @else { (part::badge(Tone::Ok, &context.t("nothing-waits"))) }
    };
    tile("/devices?state=unsent", &context.t("tile-oldest"), &value, &beside)
}

/// The age of the last backup that was proved, and how it went.
fn backup_tile(context: &PageContext) -> Markup {
    let verified = context.backup.verified.as_ref();
    let value = html! {
        @match verified {
            Some(verified) => (format::age(context, ServerTime(verified.at_us))),
            None => (context.t("none")),
        }
    };
    let (tone, word) = backup::standing(context);
    tile("/backup", &context.t("tile-backup"), &value, &part::badge(tone, &context.t(word)))
}

/// Replicas that were not what they should be, since the server was started: zero is the aim.
fn replica_tile(context: &PageContext) -> Markup {
    let health = context.replicas;
    let differed = health.n_differed.to_string();
    let beside = html! {
        @if health.n_differed > 0 {
            (part::badge(Tone::Warn, &context.say("replicas-mended", &[("n", &health.n_rows_sent.to_string())])))
        } @else if health.n_agreed > 0 {
            (part::badge(Tone::Ok, &context.say("replicas-agreed", &[("n", &health.n_agreed.to_string())])))
        } @else { (context.t("replicas-none")) }
        @if health.n_unknown > 0 {
            " " (context.say("replicas-unknown", &[("n", &health.n_unknown.to_string())]))
        }
    };
    tile("/devices", &context.t("tile-replicas"), &html! { (differed) }, &beside)
}

/// Backups that fail, are late or are not made at all.
fn backup_need(context: &PageContext, needs: &mut Vec<Need>) {
    let (tone, word) = backup::standing(context);
    if tone == Tone::Ok || tone == Tone::Waiting {
        return;
    }
    let since = context.backup.verified.as_ref().map(|verified| ServerTime(verified.at_us));
    let text = context.say("need-backup", &[("state", &context.t(word))]);
    needs.push(Need { id: "backup".to_owned(), tone, since, text, address: "/backup".to_owned() });
}

/// Arrivals without their shipment, and shipments that do not arrive.
fn on_the_way_needs(
    (view, whole): (&dyn Tables, &dyn Tables),
    context: &PageContext,
    needs: &mut Vec<Need>,
) {
    let early = on_the_way::n_early(view);
    let old = on_the_way::n_old((view, whole), context);
    for (id, found) in [("need-early", early), ("need-old-way", old)] {
        let Some(found) = found else { continue };
        let n = if found.is_all { found.n.to_string() } else { format!("{}+", found.n) };
        let text = context.say(id, &[("n", &n)]);
        let (since, address) = (Some(found.since), "/on-the-way".to_owned());
        needs.push(Need { id: id.to_owned(), tone: Tone::Waiting, since, text, address });
    }
}

/// Operations that are nowhere any more, until somebody declares them lost.
fn gaps(view: &dyn Tables, context: &PageContext, needs: &mut Vec<Need>) {
    for gap in recovery::gaps(view).into_iter().filter(recovery::GapView::is_open) {
        let n = gap.to.0.saturating_sub(gap.from.0).saturating_add(1).saturating_sub(gap.n_found);
        let text = context.say("need-gap", &[("device", &gap.name), ("n", &n.to_string())]);
        let id = format!("gap-{}-{}-{}", gap.device, gap.incarnation, gap.from);
        let (since, address) = (Some(gap.noticed), "/backup".to_owned());
        needs.push(Need { id, tone: Tone::Error, since, text, address });
    }
}

/// One line of what needs somebody.
pub(super) struct Need {
    /// Unique on the page.
    pub(super) id: String,
    /// How bad it is.
    pub(super) tone: Tone,
    /// Since when.
    pub(super) since: Option<ServerTime>,
    /// What it is, and what to do.
    pub(super) text: String,
    /// Where to do it.
    pub(super) address: String,
}

fn needs((view, whole): (&dyn Tables, &dyn Tables), context: &PageContext) -> Markup {
    let mut needs = Vec::new();
    below_zero(view, context, &mut needs);
    devices(view, context, &mut needs);
    alarms::needs((view, whole), context, &mut needs);
    cases(view, context, &mut needs);
    on_the_way_needs((view, whole), context, &mut needs);
    backup_need(context, &mut needs);
    gaps(view, context, &mut needs);
    if let Some(free) = context.no_room {
        let text = context.say("need-room", &[("n", &(free >> 20).to_string())]);
        let address = "/backup".to_owned();
        needs.push(Need { id: "room".to_owned(), tone: Tone::Error, since: None, text, address });
    }
    needs.sort_by(|left, right| {
        right.tone.cmp(&left.tone).then_with(|| left.since.cmp(&right.since))
    });
    html! {
        h2 { (context.t("needs-title")) }
        @if needs.is_empty() { (part::empty(context, "needs-empty")) }
        ul class="needs" {
            @for need in needs.iter().take(NEEDS_ROWS) {
                li id={ "need-" (need.id) } data-row {
                    a data-open href=(need.address) {
                        (part::sign(need.tone)) " " span { (need.text) }
                        @if let Some(since) = need.since {
                            " " span class="muted" { (format::age(context, since)) }
                        }
                    }
                }
            }
        }
        @if needs.len() > NEEDS_ROWS {
            p class="muted" { (context.say("and-more", &[("n", &(needs.len() - NEEDS_ROWS).to_string())])) }
        }
    }
}

/// Whether one of the open questions of the task was asked because of `why`.
fn asks(view: &dyn Tables, (id, task): (TaskId, &Task), why: &Code) -> bool {
    let questions = Questions::of(view, id, task);
    questions.all().iter().any(|(_asker, question)| {
        question.state == TaskState::Open && question.reason == why.as_str()
    })
}

/// Bins below zero, by the count tasks that they have called for.
fn below_zero(view: &dyn Tables, context: &PageContext, needs: &mut Vec<Need>) {
    let mut examined = 0;
    each_of::<OpenTasks>(view, &KeyRange::all(), false, &mut |key: OpenTaskKey, _row| {
        examined += 1;
        let (location, bin, _kind, item, plate, id) = key;
        let task = view.row::<Tasks>(&id);
        if let (Some(item), Some(task)) = (item, task)
            && asks(view, (id, &task), &Code::BinBelowZero)
            && let Some((key, quantity)) = lowest(view, (location, bin, plate, item))
        {
            needs.push(Need {
                id: format!("task-{id}"),
                tone: Tone::Error,
                since: None,
                text: context.say(
                    "need-below",
                    &[
                        ("bin", &names::bin_code(view, bin)),
                        ("item", &names::item_no(view, item)),
                        ("n", &quantity),
                    ],
                ),
                address: names::figure_address(&key),
            });
        }
        if examined < COUNTED_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });

    fn lowest(
        view: &dyn Tables,
        (location, bin, plate, item): (LocationId, BinId, PlateId, ItemId),
    ) -> Option<(StockKey, String)> {
        let rows = view.list::<Stocks>(&KeyRange::prefix(&(location, bin, plate, item)));
        let lowest = rows.into_iter().min_by_key(|(_key, stock)| stock.quantity)?;
        lowest.1.quantity.is_negative().then(|| (lowest.0, lowest.1.quantity.to_string()))
    }
}

/// What the storage of a device asks for, where it is not well at this moment.
fn storage_need(now: &DeviceNow) -> Option<(Tone, &'static str)> {
    match now.storage?.state {
        StorageState::Good => None,
        StorageState::Low => Some((Tone::Warn, "need-storage-low")),
        StorageState::Full => Some((Tone::Error, "need-storage-full")),
        StorageState::Stopped => Some((Tone::Error, "need-storage-stopped")),
    }
}

fn devices(view: &dyn Tables, context: &PageContext, needs: &mut Vec<Need>) {
    for (id, now) in &context.devices {
        let Some(device) = view.row::<Devices>(id) else { continue };
        let mut need = |what: &str, tone, since, text| {
            let (address, id) = (format!("/devices/{id}"), format!("device-{id}-{what}"));
            needs.push(Need { id, tone, since, text, address });
        };
        let since = now.oldest.or(now.seen);
        let n = now.pending.to_string();
        if now.pending > 0 && since.is_some_and(|at| context.now.us_since(at) > UNSENT_AFTER_US) {
            let key = if now.online { "need-slow" } else { "need-offline" };
            let text = context.say(key, &[("device", &device.name), ("n", &n)]);
            need("unsent", Tone::Warn, since, text);
        }
        if now.online && now.battery.is_some_and(|percent| percent < BATTERY_LOW) {
            let percent = now.battery.unwrap_or_default().to_string();
            let text = context.say("need-battery", &[("device", &device.name), ("n", &percent)]);
            need("battery", Tone::Info, None, text);
        }
        if let Some((tone, key)) =
            storage_need(now).filter(|_bad| device.state != DeviceState::Revoked)
        {
            need("storage", tone, now.seen, context.say(key, &[("device", &device.name)]));
        }
        if device.state == DeviceState::Suspended {
            let text = context.say("need-suspended", &[("device", &device.name)]);
            need("suspended", Tone::Info, None, text);
        }
    }
}

fn cases(view: &dyn Tables, context: &PageContext, needs: &mut Vec<Need>) {
    let mut examined = 0;
    each_of::<OpenCases>(
        view,
        &KeyRange::all(),
        false,
        &mut |(_site, id): (SiteId, CaseId), _row| {
            examined += 1;
            if let Some(case) = view.row::<Cases>(&id) {
                let first = case.reasons.first();
                let counts = [Code::CountNeedsApproval, Code::CountConflict, Code::CountAmbiguous];
                let is_count = first.is_some_and(|reason| counts.contains(&reason.code));
                needs.push(Need {
                    id: format!("case-{id}"),
                    tone: if is_count { Tone::Waiting } else { Tone::Warn },
                    since: Some(case.opened),
                    text: workbench::title(context, &case),
                    address: format!("/workbench/{id}"),
                });
            }
            if examined < COUNTED_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        },
    );
}

/// The latest operations, in the order in which they came in.
fn latest(view: &dyn Tables) -> Vec<Told> {
    let mut rows = Vec::new();
    let mut examined = 0;
    each_of::<Intakes>(
        view,
        &KeyRange::all(),
        true,
        &mut |no: IntakeNo, intake: std::sync::Arc<Intake>| {
            examined += 1;
            if intake.origin != Origin::System {
                rows.extend(told(view, no).filter(|told| !register::is_harmless(&told.deed.kind)));
            }
            if rows.len() < FEED_ROWS && examined < COUNTED_MAX {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        },
    );
    rows
}

fn feed(view: &dyn Tables, context: &PageContext) -> Markup {
    let rows = latest(view);
    if rows.is_empty() {
        return part::empty(context, "feed-empty");
    }
    register::table(view, context, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counting_by_time_is_exact_at_both_ends() {
        let times = [10, 20, 20, 30];
        let time_of =
            |no: u64| times.get(usize::try_from(no).unwrap() - 1).copied().map(ServerTime);
        let first = |from| first_since(4, ServerTime(from), &time_of);
        assert_eq!(
            [first(0), first(10), first(11), first(20), first(30), first(31)],
            [1, 1, 2, 2, 4, 5]
        );
        assert_eq!(first_since(0, ServerTime(0), &|_no| None), 1);
    }
}
