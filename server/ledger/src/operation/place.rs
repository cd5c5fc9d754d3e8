//! Where an operation or a command is done: the location whose people may do it or ask for it.

use protocol::identity::OperationId;
use protocol::operation::{Body, DocumentKind, Undo};
use protocol::words::LocationCode;

use crate::command::{Command, Handle};
use crate::conflict::decision::captured;
use crate::conflict::destroyed;
use crate::lookup;
use crate::operation::named_in;
use crate::schema::LocationId;
use crate::schema::book::{Intakes, Origin, Outcomes};
use crate::schema::case::{Cases, Tasks};
use crate::schema::document::Documents;
use crate::schema::place::LocationsByCode;
use crate::tables::{Read as _, Tables};

/// The location that `command` is about; 0 where it is about the company as a whole, or names
/// several locations, or none that is known.
#[expect(clippy::wildcard_enum_match_arm, reason = "every other command is of the whole company")]
pub(super) fn of_command(tables: &impl Tables, command: &Command) -> LocationId {
    let id = |code: &LocationCode| {
        tables.row::<LocationsByCode>(code).map_or(LocationId(0), |found| *found)
    };
    match command {
        Command::PutLocation(put) => id(&put.location),
        Command::PutBin(put) => id(&put.location),
        Command::RenameBin(rename) => id(&rename.location),
        Command::DeleteBin(delete) => id(&delete.location),
        Command::OpeningStock(stock) => id(&stock.place.location),
        Command::CalculateCounts(calculate) => id(&calculate.location),
        Command::EnterCounts(entered) => {
            one_of(entered.counts.iter().map(|count| id(&count.place.location)))
        }
        Command::AskCounts(ask) => one_of(ask.bins.iter().map(|place| id(&place.location))),
        Command::AssignTask(ask) => {
            tables.row::<Tasks>(&ask.task).map_or(LocationId(0), |task| task.location)
        }
        Command::PutDocument(put) => {
            // Who changes a document must be of the place that handles it now, and from now on.
            let now = tables.row::<Documents>(&(put.kind, put.no.clone()));
            let next = id(&put.location);
            if now.is_none_or(|row| row.location == next) { next } else { LocationId(0) }
        }
        Command::SetDocumentStatus(set) => tables
            .row::<Documents>(&(set.kind, set.no.clone()))
            .map_or(LocationId(0), |row| row.location),
        Command::CloseTransfer(close) => tables
            .row::<Documents>(&(DocumentKind::TransferOrder, close.no.clone()))
            .and_then(|row| row.to_location)
            .unwrap_or_default(),
        Command::Handle(handle) => of_work(handle).map_or(LocationId(0), |code| id(&code)),
        Command::Decide(decide) => {
            let Some(case) = tables.row::<Cases>(&decide.case) else { return LocationId(0) };
            // Where nothing was posted the case names no stock: it is decided where the work was done.
            let about = match case.stock {
                Some(stock) => stock.location,
                None if destroyed::is_about(tables, &case) => {
                    around_destroyed(tables, case.operation)
                }
                None => of_captured(tables, case.operation),
            };
            // A place that does not exist is the correction's own fault.
            let corrected = decide.correction.as_ref().and_then(of_work);
            let corrected = corrected.map(|code| id(&code)).filter(|place| *place != LocationId(0));
            one_of([about].into_iter().chain(corrected))
        }
        _ => LocationId(0),
    }
}

/// The location where a device did `operation`; of an undo, where that was done which it takes back. 0
/// where that is not known.
pub(crate) fn of_captured(tables: &impl Tables, operation: OperationId) -> LocationId {
    let Some(own) = captured(tables, operation) else { return LocationId(0) };
    let body = if let Body::Undo(undo) = own {
        taken_back(tables, operation, undo).and_then(|target| captured(tables, target))
    } else {
        Some(own)
    };
    let code = body.as_ref().and_then(of_body);
    code.and_then(|code| lookup::location(tables, code).ok()).map_or(LocationId(0), |(id, _row)| id)
}

/// The location where a device was before and after something that was destroyed.
fn around_destroyed(tables: &impl Tables, operation: OperationId) -> LocationId {
    let neighbours = destroyed::neighbours(tables, operation);
    let bodies = neighbours.into_iter().filter_map(|neighbour| captured(tables, neighbour));
    let places = bodies.flat_map(|body| destroyed::bins_of(&body)).map(|(code, _bin)| {
        lookup::location(tables, &code).map_or(LocationId(0), |(location, _row)| location)
    });
    one_of(places)
}

/// What the undo `operation` takes back.
fn taken_back(tables: &impl Tables, operation: OperationId, undo: Undo) -> Option<OperationId> {
    let intake = tables.row::<Intakes>(&tables.row::<Outcomes>(&operation)?.intake)?;
    let Origin::Device { sent_as, .. } = &intake.origin else { return None };
    let by = (sent_as.device, sent_as.incarnation);
    Some(named_in(tables, by, (undo.incarnation, undo.seq)))
}

/// The place, where all are the same.
fn one_of(mut places: impl Iterator<Item = LocationId>) -> LocationId {
    let first = places.next().unwrap_or_default();
    if places.all(|other| other == first) { first } else { LocationId(0) }
}

fn of_work(handle: &Handle) -> Option<LocationCode> {
    of_body(&Body::decode(&handle.kind, handle.version, &handle.body).ok()?).cloned()
}

/// The location that `body` names first; none where it is about no place.
pub(crate) const fn of_body(body: &Body) -> Option<&LocationCode> {
    let place = match body {
        Body::Count(body) => &body.place,
        Body::CountBin(body) => return Some(&body.location),
        Body::Receive(body) => &body.to,
        Body::Pick(body) => &body.from,
        Body::Ship(body) => &body.from,
        Body::Move(body) => &body.from,
        Body::MovePlate(body) => &body.to,
        Body::TransferShip(body) => &body.from,
        Body::TransferReceive(body) => &body.to,
        Body::Adjust(body) => &body.place,
        Body::Reclassify(body) => &body.place,
        Body::Unidentified(body) => &body.place,
        Body::Undo(_)
        | Body::Answer(_)
        | Body::SignIn(_)
        | Body::SignOut(_)
        | Body::Attach(_)
        | Body::Void(_) => return None,
    };
    Some(&place.location)
}
