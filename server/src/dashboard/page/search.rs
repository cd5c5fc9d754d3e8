//! One search for everything that has a number or a code: typed, or scanned at the desk.

use std::ops::ControlFlow;
use std::sync::Arc;

use ledger::key::KeyRange;
use ledger::schema::LocationId;
use ledger::schema::book::Outcomes;
use ledger::schema::case::Cases;
use ledger::schema::document::{Document, Documents};
use ledger::schema::identity::{Device, Devices};
use ledger::schema::item::{Identifiers, Items, ItemsByNo};
use ledger::schema::place::{Bin, Bins, BinsByCode, LocationsByCode, Plates, PlatesByNo};
use ledger::tables::{Read as _, Tables, each_of};
use maud::html;
use protocol::identity::CaseId;
use protocol::words::{BinCode, DocumentNo, IdentifierCode, ItemNo, LocationCode, PlateNo};

use super::register::contains;
use super::{Page, PageResult, Section};
use crate::dashboard::context::PageContext;
use crate::dashboard::names;
use crate::dashboard::part::{self, code};

/// Things of one kind that are looked through for a part of their name.
const EXAMINED_MAX: usize = 20_000;
/// Things that are listed.
const FOUND_MAX: usize = 50;

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The key of the word for what it is.
    pub kind: &'static str,
    /// Its number or code.
    pub code: String,
    /// What people call it.
    pub name: String,
    /// Its page.
    pub address: String,
}

/// Everything whose number or code is `text`, exactly.
pub fn exact(view: &dyn Tables, text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    item(view, text, &mut found);
    identifier(view, text, &mut found);
    places(view, text, &mut found);
    papers(view, text, &mut found);
    found.dedup_by(|right, left| right.address == left.address);
    found
}

fn found_item(view: &dyn Tables, kind: &'static str, id: ledger::schema::ItemId) -> Option<Found> {
    let item = view.row::<Items>(&id)?;
    let no = item.no.to_string();
    let address = names::item_address(&no);
    Some(Found { kind, code: no, name: item.description.clone(), address })
}

fn item(view: &dyn Tables, text: &str, found: &mut Vec<Found>) {
    let id = ItemNo::new(text).ok().and_then(|no| view.row::<ItemsByNo>(&no));
    found.extend(id.and_then(|id| found_item(view, "item", *id)));
}

/// What a barcode means: as it is, and by the trade item number in it.
fn identifier(view: &dyn Tables, text: &str, found: &mut Vec<Found>) {
    let row = IdentifierCode::new(text).ok().and_then(|code| view.row::<Identifiers>(&code));
    for meaning in row.iter().flat_map(|row| &row.meanings) {
        found.extend(found_item(view, "barcode", meaning.item));
    }
}

fn places(view: &dyn Tables, text: &str, found: &mut Vec<Found>) {
    let Ok(bin) = BinCode::new(text) else { return };
    each_of::<LocationsByCode>(
        view,
        &KeyRange::all(),
        false,
        &mut |at: LocationCode, id: Arc<LocationId>| {
            let row =
                view.row::<BinsByCode>(&(*id, bin.clone())).and_then(|bin| view.row::<Bins>(&bin));
            found.extend(row.map(|row| Found {
                kind: "bin",
                code: row.code.to_string(),
                name: at.to_string(),
                address: names::bin_address(at.as_str(), row.code.as_str()),
            }));
            ControlFlow::Continue(())
        },
    );
    let plate = PlateNo::new(text).ok().and_then(|no| view.row::<PlatesByNo>(&no));
    if let Some(plate) = plate.and_then(|id| view.row::<Plates>(&id)) {
        let (at, bin) =
            (names::location_code(view, plate.location), names::bin_code(view, plate.bin));
        found.push(Found {
            kind: "plate",
            code: plate.no.to_string(),
            name: bin.clone(),
            address: names::bin_address(&at, &bin),
        });
    }
}

fn papers(view: &dyn Tables, text: &str, found: &mut Vec<Found>) {
    if let Ok(no) = DocumentNo::new(text) {
        for kind in names::DOCUMENT_KINDS {
            let row = view.row::<Documents>(&(kind, no.clone()));
            found.extend(row.map(|row| Found {
                kind: "document",
                code: no.to_string(),
                name: row.partner_name.clone(),
                address: names::document_address(kind, &no),
            }));
        }
    }
    if let Some(operation) = names::operation_of(text)
        && view.has::<Outcomes>(&operation)
    {
        found.push(Found {
            kind: "operation",
            code: text.to_owned(),
            name: String::new(),
            address: names::operation_address(operation),
        });
    }
    if let Some(case) = text.parse().ok().map(CaseId).filter(|case| view.has::<Cases>(case)) {
        found.push(Found {
            kind: "case",
            code: text.to_owned(),
            name: String::new(),
            address: format!("/workbench/{case}"),
        });
    }
}

/// Items and devices with `text` in their name.
fn by_name(view: &dyn Tables, text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut examined = 0;
    each_of::<Devices>(view, &KeyRange::all(), false, &mut |id, device: Arc<Device>| {
        if contains(&device.name, text) {
            found.push(Found {
                kind: "device",
                code: device.name.clone(),
                name: device.model.clone(),
                address: format!("/devices/{id}"),
            });
        }
        ControlFlow::Continue(())
    });
    each_of::<ItemsByNo>(view, &KeyRange::all(), false, &mut |no: ItemNo, id| {
        examined += 1;
        let item = view.row::<Items>(&id);
        if item.is_some_and(|item| contains(no.as_str(), text) || contains(&item.description, text))
        {
            found.extend(found_item(view, "item", *id));
        }
        if examined < EXAMINED_MAX && found.len() < FOUND_MAX {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    bins_and_papers(view, text, &mut found);
    found
}

/// Bins and documents with `text` in their code or number.
fn bins_and_papers(view: &dyn Tables, text: &str, found: &mut Vec<Found>) {
    let mut examined = 0;
    let mut goes_on = |found: &Vec<Found>| {
        examined += 1;
        if examined < EXAMINED_MAX && found.len() < FOUND_MAX {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    };
    each_of::<Bins>(view, &KeyRange::all(), false, &mut |_id, bin: Arc<Bin>| {
        if !bin.deleted && contains(bin.code.as_str(), text) {
            let at = names::location_code(view, bin.location);
            let address = names::bin_address(&at, bin.code.as_str());
            found.push(Found { kind: "bin", code: bin.code.to_string(), name: at, address });
        }
        goes_on(found)
    });
    each_of::<Documents>(view, &KeyRange::all(), false, &mut |(kind, no), row: Arc<Document>| {
        if contains(no.as_str(), text) || contains(&row.partner_name, text) {
            found.push(Found {
                kind: "document",
                code: no.to_string(),
                name: row.partner_name.clone(),
                address: names::document_address(kind, &no),
            });
        }
        goes_on(found)
    });
}

/// Where a search for `text` leads at once: to the one thing with this number or code.
pub fn straight_to(view: &dyn Tables, text: &str) -> Option<String> {
    match exact(view, text).as_slice() {
        [only] => Some(only.address.clone()),
        _ => None,
    }
}

/// Everything that was found: what has this number first, then what has it in its name.
pub fn page(view: &dyn Tables, context: &PageContext, text: &str) -> PageResult {
    let mut found = if text.is_empty() { Vec::new() } else { exact(view, text) };
    if !text.is_empty() {
        for thing in by_name(view, text) {
            if !found.iter().any(|known| known.address == thing.address) {
                found.push(thing);
            }
        }
    }
    let list = html! {
        @if found.is_empty() { p class="empty" { (context.say("search-none", &[("q", text)])) } }
        @else {
            p { (context.say("search-found", &[("q", text)])) }
            ul class="found" {
                @for thing in found.iter().take(FOUND_MAX) {
                    li data-row {
                        (part::badge(part::Tone::Info, &context.t(thing.kind))) " "
                        a data-open href=(thing.address) { (code(&thing.code)) } " " (thing.name)
                    }
                }
            }
        }
    };
    Ok(Page::new(Section::Nothing, context.t("search-title")).with("found", list).still())
}
