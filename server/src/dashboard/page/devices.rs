//! Devices: where they are, who has them, what they hold; and one device with what may be done
//! about it.

use std::ops::ControlFlow;
use std::sync::Arc;

use ledger::key::KeyRange;
use ledger::schema::SiteId;
use ledger::schema::book::{OutcomeRow, Outcomes};
use ledger::schema::case::{Case, Cases, OpenCases};
use ledger::schema::document::Documents;
use ledger::schema::identity::{Device, DeviceState, Devices, Incarnations};
use ledger::tables::{Read as _, Tables, each_of};
use maud::{Markup, html};
use protocol::enrolment::comparison;
use protocol::frame::order::Order;
use protocol::health::StorageState;
use protocol::identity::{CaseId, DeviceId, Incarnation, OperationId, ServerTime};
use protocol::text::sentence;
use server_core::schema::{OrderRow, Orders};

use super::register::{contains, rows_wanted, table};
use super::{Missing, Page, PageResult, Section, forks};
use crate::dashboard::context::{DeviceNow, PageContext};
use crate::dashboard::deed::told_operation;
use crate::dashboard::format;
use crate::dashboard::names;
use crate::dashboard::part::{self, Tone, code, fact};
use crate::dashboard::present::{Details, details};
use crate::dashboard::query::Query;
use crate::view::risk;

/// Operations of a device that its page shows.
const LATEST_ROWS: usize = 20;
/// Open cases that are looked at for those of one device.
const EXAMINED_MAX: usize = 2_000;

type Row = (DeviceId, Arc<Device>, DeviceNow);

/// What a device is doing, in a word with its shape.
pub fn state_badge(context: &PageContext, device: &Device, now: &DeviceNow) -> Markup {
    let (tone, key) = match device.state {
        DeviceState::Revoked => (Tone::Error, "device-revoked"),
        DeviceState::Suspended => (Tone::Warn, "device-suspended"),
        DeviceState::Active if device.declared_lost.is_some() => (Tone::Error, "device-lost"),
        DeviceState::Active if now.online => (Tone::Ok, "device-online"),
        DeviceState::Active => (Tone::Waiting, "device-offline"),
    };
    part::badge(tone, &context.t(key))
}

fn is_wanted(query: &Query, device: &Device, now: &DeviceNow) -> bool {
    let state = match query.get("state") {
        None => device.state != DeviceState::Revoked,
        Some("online") => now.online && device.state == DeviceState::Active,
        Some("offline") => !now.online && device.state == DeviceState::Active,
        Some("unsent") => now.pending > 0,
        Some("suspended") => device.state == DeviceState::Suspended,
        Some("revoked") => device.state == DeviceState::Revoked,
        Some(_) => true,
    };
    state
        && query
            .get("q")
            .is_none_or(|asked| contains(&device.name, asked) || contains(&device.model, asked))
}

fn sort(rows: &mut [Row], query: &Query) {
    match query.get("sort") {
        Some("queue") => rows.sort_by_key(|(_id, _device, now)| std::cmp::Reverse(now.pending)),
        Some("oldest") => rows.sort_by_key(|(_id, _device, now)| {
            let since = (now.pending > 0).then(|| now.oldest.or(now.seen)).flatten();
            since.unwrap_or(ServerTime(i64::MAX))
        }),
        Some("seen") => rows.sort_by_key(|(_id, _device, now)| std::cmp::Reverse(now.seen)),
        _ => rows.sort_by(|left, right| left.1.name.cmp(&right.1.name)),
    }
}

/// All devices.
pub fn list_page(view: &dyn Tables, context: &PageContext, query: &Query) -> PageResult {
    let mut rows: Vec<Row> = Vec::new();
    each_of::<Devices>(view, &KeyRange::all(), false, &mut |id, device: Arc<Device>| {
        let now = context.device(id);
        if is_wanted(query, &device, &now) {
            rows.push((id, device, now));
        }
        ControlFlow::Continue(())
    });
    sort(&mut rows, query);
    let wanted = rows_wanted(query);
    let has_more = rows.len() > wanted;
    rows.truncate(wanted);
    let list = html! {
        @if rows.is_empty() { (part::empty(context, "devices-empty")) }
        @else { (device_table(view, context, &rows)) }
        @if has_more {
            (part::more(context, &query.with("rows", &(wanted + part::ROWS).to_string()).address("/devices")))
        }
    };
    Ok(Page::new(Section::Devices, context.t("devices-title"))
        .with("filters", filters(context, query))
        .with("list", list))
}

fn filters(context: &PageContext, query: &Query) -> Markup {
    let choices = |of: &[(&str, &str)]| -> Vec<(String, String)> {
        of.iter().map(|(value, key)| ((*value).to_owned(), context.t(key))).collect()
    };
    let states = choices(&[
        ("online", "device-online"),
        ("offline", "device-offline"),
        ("unsent", "device-unsent"),
        ("suspended", "device-suspended"),
        ("revoked", "device-revoked"),
    ]);
    let orders = choices(&[("queue", "queue"), ("oldest", "oldest"), ("seen", "last-seen")]);
    let fields = html! {
        (part::text_filter(context, query, "q", "name-or-model"))
        (part::choice_filter(context, query, "state", "state", &states))
        (part::choice_filter(context, query, "sort", "sort", &orders))
    };
    html! {
        @if context.may_decide() {
            p class="actions" { a class="button primary" href="/devices/enrol" { (context.t("enrol-title")) } }
        }
        (part::filter_form(context, "/devices", query, &[], &fields))
    }
}

fn device_table(view: &dyn Tables, context: &PageContext, rows: &[Row]) -> Markup {
    html! {
        div class="scroll" {
            table class="list" {
                (part::table_head(context, &[
                    "name", "person", "site", "state", "queue", "oldest", "battery", "version",
                    "last-seen", "clock",
                ]))
                tbody { @for (id, device, now) in rows { (device_row(view, context, *id, (device, now))) } }
            }
        }
    }
}

fn device_row(
    view: &dyn Tables,
    context: &PageContext,
    id: DeviceId,
    (device, now): (&Device, &DeviceNow),
) -> Markup {
    let details = details(view, id);
    html! {
        tr id={ "device-" (id) } data-row {
            td { a data-open href={ "/devices/" (id) } { (device.name) } }
            td { (person(view, now, &details)) }
            td { (names::site_code(view, device.site)) }
            td { (state_badge(context, device, now)) (storage_badge(context, now)) }
            td class="number" { (queue(now)) }
            td { (oldest(context, now)) }
            td class="number" { (battery(now)) }
            td { (version(now)) }
            td { (format::instant_if_any(context, now.seen)) }
            td { (clock(context, &details)) }
        }
    }
}

/// Who is signed in; else who did the last thing with it.
fn person(view: &dyn Tables, now: &DeviceNow, details: &Details) -> String {
    names::person_if_any(view, now.operator.as_ref().or(details.operator.as_ref()))
}

fn version(now: &DeviceNow) -> &str {
    if now.version.is_empty() { format::NOTHING } else { &now.version }
}

fn queue(now: &DeviceNow) -> Markup {
    html! { @if now.seen.is_none() { (format::NOTHING) } @else { (now.pending) } }
}

fn oldest(context: &PageContext, now: &DeviceNow) -> Markup {
    html! {
        @if now.pending > 0 {
            @match now.oldest {
                Some(at) => { (format::instant(context, at)) " (" (format::age(context, at)) ")" },
                None => (context.t("before-restart")),
            }
        } @else { (format::NOTHING) }
    }
}

fn battery(now: &DeviceNow) -> Markup {
    html! {
        @match now.battery { Some(percent) => { (percent) " %" }, None => (format::NOTHING) }
    }
}

/// The storage of a device, where somebody should look at it.
fn storage_badge(context: &PageContext, now: &DeviceNow) -> Markup {
    let Some(report) = now.storage else { return html! {} };
    let (tone, key) = match report.state {
        StorageState::Good => (Tone::Waiting, "storage-was-bad"),
        StorageState::Low => (Tone::Warn, "storage-low"),
        StorageState::Full => (Tone::Error, "storage-full"),
        StorageState::Stopped => (Tone::Error, "storage-stopped"),
    };
    let tone = if report.n_lost > 0 { Tone::Error } else { tone };
    html! { " " (part::badge(tone, &context.t(key))) }
}

/// The same with its counts.
fn storage(context: &PageContext, now: &DeviceNow) -> Markup {
    let Some(report) = now.storage else {
        return html! { (context.t("storage-good")) };
    };
    let count = |key: &str, n: u64| context.say(key, &[("n", &n.to_string())]);
    html! {
        (storage_badge(context, now)) " "
        (count("storage-lost", report.n_lost)) ", "
        (count("storage-damaged", report.n_damaged)) ", "
        (count("storage-set-aside", report.n_set_aside))
    }
}

/// How far the wall clock is off, and how well the device's own time is known.
fn clock(context: &PageContext, details: &Details) -> Markup {
    html! {
        @if let Some(ahead) = details.wall_ahead_us {
            (if ahead < 0 { "−" } else { "+" }) (format::fine_length(context, ahead.saturating_abs())) " "
        }
        @match details.clock_epsilon_us {
            Some(epsilon) => span class="muted" { (format::error(context, epsilon)) },
            None => (format::NOTHING),
        }
    }
}

/// One device.
pub fn page(view: &dyn Tables, context: &PageContext, id: DeviceId) -> PageResult {
    let device = view.row::<Devices>(&id).ok_or_else(|| Missing::nothing(&format!("#{id}")))?;
    let now = context.device(id);
    Ok(Page::new(Section::Devices, device.name.clone())
        .with("device", facts(view, context, id, (&device, &now)))
        .with("actions", actions(view, context, id, &device))
        .with("risk", at_risk(view, context, id, (&device, &now)))
        .with("forks", forks::of_device(view, context, id))
        .with("cases", cases(view, context, id))
        .with("latest", latest(view, context, id)))
}

fn facts(
    view: &dyn Tables,
    context: &PageContext,
    id: DeviceId,
    (device, now): (&Device, &DeviceNow),
) -> Markup {
    let incarnations = view.list::<Incarnations>(&KeyRange::prefix(&id));
    let details = details(view, id);
    let fingerprint = protocol::identity::chained(&[&device.public_key]);
    html! {
        h2 { (context.t("device")) }
        dl class="facts" {
            (fact(&context.t("state"), &state_badge(context, device, now)))
            (fact(&context.t("person"), &html! { (person(view, now, &details)) }))
            (fact(&context.t("site"), &html! { (names::site_code(view, device.site)) }))
            (fact(&context.t("queue"), &queue(now)))
            (fact(&context.t("oldest"), &oldest(context, now)))
            (fact(&context.t("battery"), &battery(now)))
            (fact(&context.t("storage"), &storage(context, now)))
            (fact(&context.t("last-seen"), &format::instant_if_any(context, now.seen)))
            (fact(&context.t("clock"), &clock(context, &details)))
            (fact(&context.t("version"), &html! { (version(now)) }))
            (fact(&context.t("model"), &html! { (device.model) }))
            (fact(&context.t("number"), &html! { (id) }))
            (fact(&context.t("key"), &code(&fingerprint.to_string())))
            (fact(&context.t("enrolled"), &format::instant(context, device.enrolled)))
            @if let Some(order) = view.row::<Orders>(&id) {
                (fact(&context.t("order"), &order_fact(context, &order)))
            }
            @if let Some(lost) = device.declared_lost {
                (fact(&context.t("device-lost"), &format::instant(context, lost)))
            }
            (fact(&context.t("incarnations"), &html! {
                @for ((_device, incarnation), at) in &incarnations {
                    (incarnation) " (" (format::instant(context, **at)) ") "
                }
            }))
        }
    }
}

/// The last order, and what became of it.
fn order_fact(context: &PageContext, order: &OrderRow) -> Markup {
    let word = context.word("order", order.order.word());
    html! {
        (word) " (" (order.by) ", " (format::instant(context, order.at)) ") "
        @match order.done {
            Some(done) => {
                (part::badge(Tone::Ok, &context.t("order-done"))) " " (format::instant(context, done))
                @if order.n_lost > 0 {
                    " " (context.say("order-lost", &[("n", &order.n_lost.to_string())]))
                }
            },
            None if order.expires <= context.now => (part::badge(Tone::Warn, &context.t("order-expired"))),
            None => (part::badge(Tone::Waiting, &context.t("order-open"))),
        }
    }
}

/// What may be done about a device: suspend and let work again; and, with its name typed, revoke or
/// declare lost.
fn actions(view: &dyn Tables, context: &PageContext, id: DeviceId, device: &Device) -> Markup {
    if !context.may_decide() {
        return html! {};
    }
    if device.state == DeviceState::Revoked {
        return recover(view, context, id);
    }
    let simple = |action: &str, key: &str, text: &str| {
        html! {
            form method="post" action={ "/devices/" (id) "/" (action) } {
                button type="submit" { (context.t(key)) }
                " " span class="muted" { (context.t(text)) }
            }
        }
    };
    let named = |action: &str, key: &str, text: &str| {
        html! {
            form method="post" action={ "/devices/" (id) "/" (action) } {
                p { (context.t(text)) }
                div class="field" {
                    label for={ (action) "-name" } {
                        (context.t("type-the-name")) " " (code(&device.name))
                    }
                    input id={ (action) "-name" } name="name" autocomplete="off" spellcheck="false" required;
                }
                button type="submit" class="danger" { (context.t(key)) }
            }
        }
    };
    html! {
        h2 { (context.t("actions")) }
        @match device.state {
            DeviceState::Active => (simple("suspend", "suspend", "suspend-text")),
            DeviceState::Suspended => {
                @if super::enrolment::is_to_compare(view, id) {
                    p {
                        (context.t("enrol-compare")) " "
                        (code(&comparison(&device.public_key)))
                    }
                }
                (simple("resume", "resume", "resume-text"))
            }
            DeviceState::Revoked => {}
        }
        @if context.may_administer() {
            (simple("rotate", "rotate-key", "rotate-key-text"))
            details { summary { (context.t("drain")) } (named("drain", "drain", "drain-text")) }
            details { summary { (context.t("wipe")) } (named("wipe", "wipe", "wipe-text")) }
        }
        @if device.declared_lost.is_none() {
            details { summary { (context.t("declare-lost")) } (named("lost", "declare-lost", "declare-lost-text")) }
        }
        details { summary { (context.t("revoke")) } (named("revoke", "revoke", "revoke-text")) }
    }
}

/// What may be done about a revoked device: let it hand in what it still holds (SYNC 2.10). Not where
/// it was told to delete everything: at its next contact it would only do that.
fn recover(view: &dyn Tables, context: &PageContext, id: DeviceId) -> Markup {
    let order = view.row::<Orders>(&id).filter(|row| {
        let is_wipe = matches!(row.order, Order::WipeNow | Order::DrainThenWipe);
        is_wipe && (row.done.is_some() || row.expires > context.now)
    });
    html! {
        h2 { (context.t("actions")) }
        @if order.is_some() {
            p class="muted" { (context.t("recover-wiped")) }
        } @else {
            form method="post" action={ "/devices/" (id) "/suspend" } {
                p { (context.t("recover-text")) }
                button type="submit" { (context.t("recover")) }
            }
        }
    }
}

/// Where to look, when a device is away with work that nobody else has.
fn at_risk(
    view: &dyn Tables,
    context: &PageContext,
    id: DeviceId,
    (device, now): (&Device, &DeviceNow),
) -> Markup {
    if (now.online || now.pending == 0) && device.declared_lost.is_none() {
        return html! {};
    }
    let risk = risk::risk(view, id);
    let n_to_count = risk.to_count(view, |location| context.may_decide_at(location)).len();
    html! {
        h2 { (context.t("at-risk")) }
        p { (context.say("at-risk-text", &[("n", &risk.pending.to_string())])) }
        @if !risk.places.is_empty() {
            h3 { (context.t("at-risk-bins")) }
            ul { @for place in &risk.places {
                li {
                    @if place.is_there { (names::place_link(place.location.as_str(), place.bin.as_str())) }
                    @else { (code(place.location.as_str())) " " (code(place.bin.as_str())) }
                    " " span class="muted" { (format::instant(context, place.last)) }
                    @if let Some(task) = place.count {
                        " " (part::badge(Tone::Waiting, &context.t("at-risk-asked"))) " "
                        (task_link(context, task))
                    }
                    @if !place.is_there {
                        " " (part::badge(Tone::Warn, &context.t("at-risk-gone")))
                    }
                }
            } }
            @if n_to_count > 0 {
                form method="post" action={ "/devices/" (id) "/counts" } {
                    button type="submit" {
                        (context.say("at-risk-count", &[("n", &n_to_count.to_string())]))
                    }
                    " " span class="muted" { (context.t("at-risk-count-text")) }
                }
            }
        }
        @if !risk.documents.is_empty() {
            h3 { (context.t("at-risk-documents")) }
            ul { @for document in &risk.documents {
                li {
                    @if view.has::<Documents>(&(document.kind, document.no.clone())) {
                        (names::document_link(document.kind, &document.no))
                    } @else { (code(document.no.as_str())) }
                    " "
                    span class="muted" { (format::instant(context, document.last)) } }
            } }
        }
        @if !risk.tasks.is_empty() {
            h3 { (context.t("at-risk-tasks")) }
            ul { @for task in &risk.tasks {
                li { (task_link(context, task.task)) " "
                    (names::place_link(&task.location, task.bin.as_deref().unwrap_or_default())) " "
                    (names::person_if_any(view, Some(&task.assigned)))
                    @if task.freed { " " (part::badge(Tone::Warn, &context.t("at-risk-freed"))) }
                }
            } }
        }
    }
}

fn task_link(context: &PageContext, task: u64) -> Markup {
    html! { a href={ "/tasks/" (task) } { (context.say("task-n", &[("n", &task.to_string())])) } }
}

fn cases(view: &dyn Tables, context: &PageContext, id: DeviceId) -> Markup {
    let mut rows: Vec<(CaseId, Arc<Case>)> = Vec::new();
    let mut examined = 0;
    each_of::<OpenCases>(
        view,
        &KeyRange::all(),
        false,
        &mut |(_site, case): (SiteId, CaseId), _row| {
            examined += 1;
            let row = view.row::<Cases>(&case).filter(|row| row.operation.device == id);
            rows.extend(row.map(|row| (case, row)));
            if examined < EXAMINED_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        },
    );
    html! {
        h2 { (context.t("cases")) }
        @if rows.is_empty() { (part::empty(context, "device-no-cases")) }
        ul {
            @for (case, row) in &rows {
                li {
                    (names::case_link(context, *case)) " "
                    @if let Some(first) = row.reasons.first() { (sentence(first, context.language)) }
                }
            }
        }
    }
}

/// The latest operations of a device, in its own order.
fn latest(view: &dyn Tables, context: &PageContext, id: DeviceId) -> Markup {
    let mut operations = Vec::new();
    let newest: Vec<Incarnation> = view
        .list::<Incarnations>(&KeyRange::prefix(&id))
        .into_iter()
        .rev()
        .map(|((_device, incarnation), _at)| incarnation)
        .collect();
    for incarnation in newest {
        each_of::<Outcomes>(
            view,
            &KeyRange::prefix(&(id, incarnation)),
            true,
            &mut |operation: OperationId, _row: Arc<OutcomeRow>| {
                operations.push(operation);
                if operations.len() < LATEST_ROWS {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            },
        );
        if operations.len() >= LATEST_ROWS {
            break;
        }
    }
    let rows: Vec<_> =
        operations.into_iter().filter_map(|operation| told_operation(view, operation)).collect();
    html! {
        h2 { (context.t("device-latest")) }
        @if rows.is_empty() { (part::empty(context, "device-no-operations")) }
        @else { (table(view, context, &rows)) }
        p { a href={ "/movements?device=" (id) "&kind=any" } { (context.t("feed-all")) } }
    }
}
