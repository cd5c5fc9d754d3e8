//! Where one thing was seen, act by act: the history of a serial, or of a licence plate, of which a case or
//! a task asks where it is (CONFLICTS 17, 31).

use std::ops::ControlFlow;

use ledger::key::KeyRange;
use ledger::schema::book::Outcomes;
use ledger::schema::case::{Case, Task};
use ledger::schema::identity::Devices;
use ledger::schema::item::{ItemsByNo, VariantsByCode};
use ledger::schema::place::{Locations, PlateAct, PlateActs, PlatesByNo};
use ledger::schema::tracking::{SerialAct, SerialActRow, SerialActs};
use ledger::schema::{BinId, ItemId, LocationId, OrderKey, PlateId, StockKey, VariantId};
use ledger::tables::{Read as _, Tables, each_of};
use ledger::tracking::serial;
use maud::{Markup, html};
use protocol::identity::{DeviceId, OperationId};
use protocol::operation::Body;
use protocol::words::SerialNo;

use super::context::PageContext;
use super::format;
use super::names;
use super::page::workbench;
use super::part::{self, Tone, code};

/// The latest acts that are shown.
const SHOWN_MAX: usize = 20;

type Place = (LocationId, BinId);
/// A serial of an item.
type Unit = (ItemId, VariantId, SerialNo);

const CAME_IN: &str = "sighting-in";

/// One act in the history.
struct Sighting {
    at: OrderKey,
    epsilon_us: u64,
    word: &'static str,
    from: Option<Place>,
    to: Option<Place>,
    parked: bool,
}

/// The history of the serial of a case, else of its plate; nothing where it is about neither.
pub fn of_case(view: &dyn Tables, context: &PageContext, case: &Case) -> Markup {
    if let Some(unit) = serial_of(view, case) {
        let sightings = of_serial(view, &unit);
        return table(view, context, unit.2.as_str(), (&sightings, Some(case.operation)));
    }
    match plate_of(view, case) {
        Some(plate) => of_plate(view, context, plate, Some(case.operation)),
        None => html! {},
    }
}

/// The history of the plate that a task is about; nothing where it is about none.
pub fn of_task(view: &dyn Tables, context: &PageContext, task: &Task) -> Markup {
    match task.plate {
        PlateId(0) => html! {},
        plate => of_plate(view, context, plate, None),
    }
}

fn of_plate(
    view: &dyn Tables,
    context: &PageContext,
    plate: PlateId,
    this: Option<OperationId>,
) -> Markup {
    table(view, context, &names::plate_no(view, plate), (&acts_of_plate(view, plate), this))
}

/// `this` is marked.
fn table(
    view: &dyn Tables,
    context: &PageContext,
    name: &str,
    (sightings, this): (&[Sighting], Option<OperationId>),
) -> Markup {
    html! {
        h2 id="sightings" { (context.t("sightings")) " " (code(name)) }
        div class="scroll" {
            table class="list" {
                (part::table_head(context, &["done-at", "device", "act", "from-to", "operation"]))
                tbody { @for seen in sightings { (row(view, context, this, seen)) } }
            }
        }
    }
}

fn row(
    view: &dyn Tables,
    context: &PageContext,
    this: Option<OperationId>,
    seen: &Sighting,
) -> Markup {
    let operation = seen.at.operation();
    html! {
        tr class=[(Some(operation) == this).then_some("this")] {
            td {
                (format::instant(context, seen.at.tau)) " "
                small class="muted" { (format::error(context, seen.epsilon_us)) }
            }
            td { (device(view, context, seen.at.device)) }
            td {
                (context.t(seen.word))
                @if seen.parked { " " (part::badge(Tone::Waiting, &context.t("sighting-parked"))) }
            }
            td {
                @if let Some(from) = seen.from { (bin(view, context, from)) " " }
                @if seen.from.is_some() && seen.to.is_some() { "→ " }
                @if let Some(to) = seen.to { (bin(view, context, to)) }
            }
            td {
                @if view.has::<Outcomes>(&operation) { (names::operation_link(operation)) }
                @else { (code(&operation.to_string())) }
            }
        }
    }
}

/// The other end of what came from or went to a location that the reader may not see is elsewhere.
fn bin(view: &dyn Tables, context: &PageContext, (location, bin): Place) -> Markup {
    html! {
        @if view.has::<Locations>(&location) { (names::bin_link(view, location, bin)) }
        @else { span class="muted" { (context.t("sighting-elsewhere")) } }
    }
}

/// A device, with its page where the reader may see it.
fn device(view: &dyn Tables, context: &PageContext, id: DeviceId) -> Markup {
    html! {
        @if id.0 == 0 || view.has::<Devices>(&id) { (names::device_link(view, context, id)) }
        @else { (names::device_name(view, id)) }
    }
}

/// The plate that a case is about: of its stock, else the one that its first reason names.
fn plate_of(view: &dyn Tables, case: &Case) -> Option<PlateId> {
    if let Some(key) = case.stock {
        return Some(key.plate).filter(|plate| plate.0 != 0);
    }
    let no = workbench::word(case.reasons.first()?, "plate")?;
    view.row::<PlatesByNo>(&no.parse().ok()?).map(|plate| *plate)
}

/// The serial that a case is about: of its stock, else as its operation says.
fn serial_of(view: &dyn Tables, case: &Case) -> Option<Unit> {
    if let Some(key) = case.stock {
        return Some((key.item, key.variant, serial::of(view, key.tracking)?));
    }
    let (body, _document) = workbench::original(view, case)?;
    let goods = match &body {
        Body::Receive(body) => &body.goods,
        Body::TransferReceive(body) => &body.goods,
        Body::Move(body) => &body.goods,
        Body::Pick(body) => &body.goods,
        Body::Ship(body) => &body.goods,
        Body::TransferShip(body) => &body.goods,
        Body::Count(body) => &body.goods,
        Body::Adjust(body) => &body.goods,
        _ => return None,
    };
    let item = *view.row::<ItemsByNo>(&goods.item)?;
    let variant = match &goods.variant {
        None => VariantId(0),
        Some(code) => *view.row::<VariantsByCode>(&(item, code.clone()))?,
    };
    Some((item, variant, goods.tracking.serial.clone()?))
}

/// The operations by which the serial of a case came in, the latest first.
pub fn arrivals(view: &dyn Tables, case: &Case) -> Vec<OperationId> {
    let Some(unit) = serial_of(view, case) else { return Vec::new() };
    let came = of_serial(view, &unit).into_iter().filter(|seen| seen.word == CAME_IN);
    came.map(|seen| seen.at.operation()).rev().collect()
}

fn of_serial(view: &dyn Tables, unit: &Unit) -> Vec<Sighting> {
    type Key = (ItemId, VariantId, SerialNo, OrderKey);
    let mut found = Vec::new();
    let range = KeyRange::prefix(unit);
    each_of::<SerialActs>(view, &range, true, &mut |(.., at): Key, row| {
        found.push(serial_sighting(at, &row));
        if found.len() < SHOWN_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    found.reverse();
    found
}

fn serial_sighting(at: OrderKey, row: &SerialActRow) -> Sighting {
    let place = |key: &StockKey| Some((key.location, key.bin));
    let (word, from, to) = match &row.act {
        SerialAct::In(to) => (CAME_IN, None, place(to)),
        SerialAct::Moved(from, to) => ("sighting-moved", place(from), place(to)),
        SerialAct::Carried(from, to) => ("sighting-carried", place(from), place(to)),
        SerialAct::Seen(here) => ("sighting-seen", None, place(here)),
        SerialAct::Out(from) => ("sighting-out", place(from), None),
        SerialAct::NotSeen(here) => ("sighting-not-seen", place(here), None),
    };
    Sighting { at, epsilon_us: row.epsilon_us, word, from, to, parked: row.parked }
}

fn acts_of_plate(view: &dyn Tables, plate: PlateId) -> Vec<Sighting> {
    let mut found = Vec::new();
    each_of::<PlateActs>(
        view,
        &KeyRange::prefix(&plate),
        true,
        &mut |(_plate, at): (PlateId, OrderKey), row| {
            found.push(plate_sighting(at, &row));
            if found.len() < SHOWN_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        },
    );
    found.reverse();
    found
}

fn plate_sighting(at: OrderKey, row: &PlateAct) -> Sighting {
    let (word, from, to) = match row.counted {
        Some(here) => ("sighting-not-seen", Some(here), None),
        None => ("sighting-moved", row.from, Some(row.to)),
    };
    Sighting { at, epsilon_us: row.epsilon_us, word, from, to, parked: false }
}
