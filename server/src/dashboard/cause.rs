//! What probably lies behind a case or a task: the evidence that is known, put beside each other for a
//! person. It decides nothing, and what is posted never depends on it.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use ledger::key::KeyRange;
use ledger::schema::case::Case;
use ledger::schema::document::DocumentLines;
use ledger::schema::entry::WarehouseEntry;
use ledger::schema::stock::{Stock, Stocks, StocksByItem};
use ledger::schema::{BinId, ItemId, LocationId, StockKey};
use ledger::tables::{Read as _, Tables, each_of};
use maud::{Markup, html};
use protocol::code::Code;
use protocol::quantity::Quantity;

use super::beside;
use super::context::PageContext;
use super::deed::{Told, told_operation};
use super::format;
use super::names;
use super::part::{self, Tone};
use super::story::{self, Shortage};
use crate::view::risk::was_at_work_in;

/// Stock keys of the same item that are looked at.
const KEYS_MAX: usize = 500;
/// Places that are named.
const PLACES_MAX: usize = 5;
/// People, and takes, that are named.
const TAKES_MAX: usize = 5;
/// Devices with unsent work that are looked at.
const DEVICES_EXAMINED_MAX: usize = 500;
/// Devices with unsent work that are named.
const DEVICES_MAX: usize = 20;
/// Two scans of the same quantity that lie no further apart than this may be of the same goods.
const SAME_GOODS_US: i64 = 60 * 60_000_000;

/// Why the book of `keys`, which lie in one bin, may be wrong, or that nothing points to a cause.
pub fn of_stock(
    view: &dyn Tables,
    context: &PageContext,
    bin: (LocationId, BinId),
    keys: &[StockKey],
) -> Markup {
    let mut causes: Vec<Markup> = keys.iter().flat_map(|key| of_key(view, context, key)).collect();
    causes.extend(unsent(view, context, bin));
    if causes.is_empty() {
        return html! {
            h2 id="cause" { (context.t("cause")) }
            p class="muted" { (context.t("cause-none")) }
        };
    }
    list(context, &causes)
}

/// Why a case may have come up; nothing where the case itself says all that is known.
pub fn of_case(view: &dyn Tables, context: &PageContext, case: &Case) -> Markup {
    let causes = behind(view, context, case);
    if causes.is_empty() {
        html! {}
    } else {
        list(context, &causes)
    }
}

fn list(context: &PageContext, causes: &[Markup]) -> Markup {
    html! {
        h2 id="cause" { (context.t("cause")) }
        ul { @for cause in causes { li { (part::sign(Tone::Info)) " " (cause) } } }
    }
}

/// What lies behind one key; each names the goods, because a page may tell of several.
fn of_key(view: &dyn Tables, context: &PageContext, key: &StockKey) -> Vec<Markup> {
    let mut causes = Vec::new();
    if let Some(shortage) = story::taken_below_zero(view, key) {
        causes.push(went_below(view, context, &shortage));
        if !story::anything_came(view, key) {
            causes.push(html! { (context.t("cause-never-came")) });
        }
    }
    causes.extend(other_tracking(view, context, key));
    causes.extend(elsewhere(view, context, key));
    let of_goods = |cause: Markup| {
        html! { (names::item_link(view, key.item)) " " (names::key_rest(view, key)) "– " (cause) }
    };
    causes.into_iter().map(of_goods).collect()
}

/// Who took what was not there any more, and who took before.
fn went_below(view: &dyn Tables, context: &PageContext, shortage: &Shortage) -> Markup {
    let takes: Vec<&Arc<WarehouseEntry>> = shortage.before.iter().chain(&shortage.takes).collect();
    let mut people: Vec<String> = Vec::new();
    let mut devices = BTreeSet::new();
    for entry in &takes {
        let name = match &entry.operator {
            Some(operator) => names::person(view, operator),
            None => names::device_name(view, entry.order.device),
        };
        if !people.contains(&name) {
            people.push(name);
        }
        devices.insert(entry.order.device);
    }
    let who = first_of(context, &people);
    html! {
        @if people.len() > 1 { (context.say("cause-two-took", &[("people", &who)])) }
        @else if devices.len() > 1 { (context.say("cause-two-devices", &[("people", &who)])) }
        @else { (context.say("cause-one-took", &[("people", &who)])) }
        " "
        @if !shortage.had.is_negative() {
            (context.say("cause-had", &[("had", &format::quantity(context, shortage.had))])) " "
        }
        @for entry in takes.iter().take(TAKES_MAX) {
            (names::operation_link(entry.order.operation())) " (" (format::signed(context, entry.quantity)) ") "
        }
        (more_than_named(context, takes.len())) " "
        @if let Some(last) = takes.last() {
            (context.t("cause-took-last")) " " (format::instant(context, last.order.tau))
        }
    }
}

/// The first of `people`, and how many more there are.
fn first_of(context: &PageContext, people: &[String]) -> String {
    let named = people.get(..TAKES_MAX).unwrap_or(people).join(", ");
    let more = more_than_named(context, people.len());
    if more.is_empty() { named } else { format!("{named} {more}") }
}

/// How many of `n` are not named; empty where all are.
fn more_than_named(context: &PageContext, n: usize) -> String {
    match n.saturating_sub(TAKES_MAX) {
        0 => String::new(),
        more => context.say("and-more", &[("n", &more.to_string())]),
    }
}

/// Another lot or serial in the same bin: the label may have been read wrong.
fn other_tracking(view: &dyn Tables, context: &PageContext, key: &StockKey) -> Option<Markup> {
    if key.tracking.0 == 0 {
        return None;
    }
    let here = |other: &StockKey| (other.location, other.bin) == (key.location, key.bin);
    let others = same_item(view, key, |other| here(other) && other.tracking != key.tracking);
    (!others.is_empty()).then(|| {
        html! { (context.t("cause-other-lot")) " " (places(view, context, &others)) }
    })
}

/// Where else at the location the same goods lie: they may have been taken from there, or put there.
fn elsewhere(view: &dyn Tables, context: &PageContext, key: &StockKey) -> Option<Markup> {
    let others = same_item(view, key, |other| {
        other.location == key.location && other.bin != key.bin && other.tracking == key.tracking
    });
    (!others.is_empty()).then(|| {
        html! { (context.t("cause-elsewhere")) " " (places(view, context, &others)) }
    })
}

type Lying = (StockKey, Arc<Stock>);

fn same_item(view: &dyn Tables, key: &StockKey, fits: impl Fn(&StockKey) -> bool) -> Vec<Lying> {
    let (mut found, mut examined) = (Vec::new(), 0);
    let range = KeyRange::prefix(&key.item);
    each_of::<StocksByItem>(
        view,
        &range,
        false,
        &mut |(_item, other): (ItemId, StockKey), _row| {
            examined += 1;
            if other.variant == key.variant
                && fits(&other)
                && let Some(stock) =
                    view.row::<Stocks>(&other).filter(|row| row.quantity.is_positive())
            {
                found.push((other, stock));
            }
            if examined < KEYS_MAX && found.len() < PLACES_MAX {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        },
    );
    found
}

fn places(view: &dyn Tables, context: &PageContext, lying: &[Lying]) -> Markup {
    html! {
        @for (key, stock) in lying {
            (names::bin_link(view, key.location, key.bin)) " " (names::key_rest(view, key)) " "
            (part::figure(&names::figure_address(key), &format::quantity(context, stock.quantity))) " "
        }
    }
}

/// Devices that have not sent all they know and whose people were at work in the bin. What they are only
/// asked to do there is no sign that they did it.
fn unsent(
    view: &dyn Tables,
    context: &PageContext,
    (location, bin): (LocationId, BinId),
) -> Vec<Markup> {
    let (location, bin) = (names::location(view, location), names::bin(view, bin));
    let (Some(location), Some(bin)) = (location, bin) else { return Vec::new() };
    let waiting = context.devices.iter().filter(|(_id, device)| device.pending > 0);
    waiting
        .take(DEVICES_EXAMINED_MAX)
        .filter(|(id, _device)| was_at_work_in(view, **id, (&location.code, &bin.code)))
        .take(DEVICES_MAX)
        .map(|(id, device)| {
            html! {
                (names::device_link(view, context, *id)) ": "
                (context.say("cause-unsent", &[("n", &device.pending.to_string())]))
            }
        })
        .collect()
}

fn behind(view: &dyn Tables, context: &PageContext, case: &Case) -> Vec<Markup> {
    let Some(own) = told_operation(view, case.operation) else { return Vec::new() };
    let others: Vec<Told> = beside::others(view, case)
        .into_iter()
        .filter_map(|other| told_operation(view, other))
        .collect();
    let code = case.reasons.first().map(|reason| &reason.code);
    let mut causes = Vec::new();
    match code {
        Some(Code::OverReceipt | Code::OverReceiptWithinTolerance) => {
            causes.extend(same_goods(view, context, &own, &others));
            causes.extend(together(view, context, &own));
        }
        Some(Code::SerialAlreadyInStock | Code::PlateReceivedTwice) => {
            causes.extend(same_goods(view, context, &own, &others));
        }
        Some(Code::SerialPlaceUnsure | Code::PlatePlaceUnsure) => {
            causes.extend(either_way_round(context, &own, &others));
        }
        _ => {}
    }
    if let Some(key) = case.stock {
        causes.extend(unsent(view, context, (key.location, key.bin)));
    }
    causes
}

/// The same goods may have been scanned twice: the same label, or as much of the same in the same hour.
fn same_goods(
    view: &dyn Tables,
    context: &PageContext,
    own: &Told,
    others: &[Told],
) -> Option<Markup> {
    let line = own.deed.lines.first()?;
    let alike = others.iter().filter(|other| other.operation != own.operation).find(|other| {
        let apart = other.intake.timing.tau.us_since(own.intake.timing.tau).saturating_abs();
        other.deed.lines.first().is_some_and(|other| {
            (&other.item, &other.rest, other.base) == (&line.item, &line.rest, line.base)
        }) && apart <= SAME_GOODS_US
    })?;
    let apart = alike.intake.timing.tau.us_since(own.intake.timing.tau).saturating_abs();
    let who = |told: &Told| names::person_if_any(view, told.deed.operator.as_ref());
    Some(html! {
        (context.say("cause-same-goods", &[
            ("first", &who(alike)),
            ("second", &who(own)),
            ("t", &format::length(context, apart)),
        ]))
        " " (names::operation_link(alike.operation)) " " (names::operation_link(own.operation))
    })
}

/// How much of the line was reported in all.
fn together(view: &dyn Tables, context: &PageContext, own: &Told) -> Option<Markup> {
    let document = own.deed.document.as_ref()?;
    let range = KeyRange::prefix(&(document.kind, document.no.clone()));
    let item = own.deed.lines.first().map(|line| line.item.clone())?;
    let (mut ordered, mut handled) = (Quantity::ZERO, Quantity::ZERO);
    each_of::<DocumentLines>(view, &range, false, &mut |_key, row| {
        if names::item_no(view, row.item) == item {
            ordered = ordered.checked_add(row.quantity).unwrap_or(ordered);
            handled = handled.checked_add(row.handled).unwrap_or(handled);
        }
        ControlFlow::Continue(())
    });
    Some(html! {
        (context.say("cause-ordered", &[
            ("ordered", &format::quantity(context, ordered)),
            ("handled", &format::quantity(context, handled)),
        ]))
        " " (names::document_link(document.kind, &document.no))
    })
}

/// The acts lie nearer to each other than their clocks are known.
fn either_way_round(context: &PageContext, own: &Told, others: &[Told]) -> Option<Markup> {
    let other = others.iter().find(|other| other.operation != own.operation)?;
    let (one, two) = (&own.intake.timing, &other.intake.timing);
    let apart = one.tau.us_since(two.tau).saturating_abs();
    Some(html! {
        (context.say("cause-either-way", &[("t", &format::length(context, apart))])) " "
        (names::operation_link(own.operation)) " " (format::error(context, one.epsilon_us)) ", "
        (names::operation_link(other.operation)) " " (format::error(context, two.epsilon_us))
    })
}
