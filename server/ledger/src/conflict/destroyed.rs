//! An operation that the storage of a device destroyed, or that this release cannot read. Nobody knows
//! what it was; what the device did before and after it says where to look (CONFLICTS 43).

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use protocol::code::Code;
use protocol::feed::TaskKind;
use protocol::identity::{CaseId, OperationId, Seq};
use protocol::operation::{Body, Place};
use protocol::words::{BinCode, LocationCode};

use crate::conflict::decision::captured;
use crate::conflict::{TaskDraft, request_task};
use crate::key::KeyRange;
use crate::lookup;
use crate::posting::{Posting, Stop};
use crate::schema::book::{OutcomeRow, Outcomes};
use crate::schema::case::Case;
use crate::schema::{BinId, PlateId, VariantId};
use crate::tables::{Tables, each_of};

/// Operations on each side that are looked at for one that was done in a bin.
const LOOKED_AT: usize = 100;

/// Reasons for which an operation is parked that may not be readable.
const UNREADABLE: [Code; 3] = [Code::UnsupportedOperation, Code::MalformedRequest, Code::Poison];

/// Whether the case is about such an operation.
pub fn is_about(tables: &(impl Tables + ?Sized), case: &Case) -> bool {
    let Some(first) = case.reasons.first() else { return false };
    first.code == Code::LostOperation
        || UNREADABLE.contains(&first.code) && captured(tables, case.operation).is_none()
}

/// The nearest operations of the same store before and after `operation` that were done in a bin.
pub fn neighbours(tables: &(impl Tables + ?Sized), operation: OperationId) -> Vec<OperationId> {
    let at = |seq| OperationId { seq, ..operation };
    let before = KeyRange::between(&at(Seq(0)), &operation);
    let after = KeyRange::between(&at(operation.seq.next()), &at(Seq(u64::MAX)));
    [(before, true), (after, false)]
        .into_iter()
        .filter_map(|(range, reverse)| nearest(tables, &range, reverse))
        .collect()
}

fn nearest(
    tables: &(impl Tables + ?Sized),
    range: &KeyRange,
    reverse: bool,
) -> Option<OperationId> {
    let mut found = None;
    let mut n_seen = 0;
    each_of::<Outcomes>(tables, range, reverse, &mut |id, _row: std::sync::Arc<OutcomeRow>| {
        n_seen += 1;
        let body = captured(tables, id);
        found = body.filter(|body| !bins_of(body).is_empty()).map(|_body| id);
        if found.is_some() || n_seen == LOOKED_AT {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    found
}

/// Asks for a count of each bin where the device was at work before and after, and says which they are.
///
/// # Errors
///
/// Refuses where no such bin is known: nobody could be sent there.
pub(super) fn ask_counts(
    posting: &mut Posting<'_, '_>,
    id: CaseId,
    open: &Case,
) -> Result<String, Stop> {
    let reason = open.reasons.first().map_or(Code::LostOperation, |reason| reason.code.clone());
    let bodies = neighbours(posting.draft, open.operation).into_iter();
    let bodies = bodies.filter_map(|neighbour| captured(posting.draft, neighbour));
    let bins: BTreeSet<_> = bodies.flat_map(|body| bins_of(&body)).collect();
    let mut asked = Vec::new();
    for (location, bin) in bins {
        let Ok((location, row)) = lookup::location(posting.draft, &location) else { continue };
        let bin = lookup::bin(posting.draft, (location, &row), Some(&bin));
        let Some(bin) = bin.ok().filter(|bin| *bin != BinId(0)) else { continue };
        let task = TaskDraft {
            kind: TaskKind::Count,
            location,
            bin,
            item: None,
            variant: VariantId(0),
            plate: PlateId(0),
            reason: reason.as_str().to_owned(),
            not_by: None,
            blind: true,
            case: Some(id),
        };
        request_task(posting, task);
        asked.push(lookup::bin_text(posting.draft, location, bin));
    }
    if asked.is_empty() { Err(Stop::refuse(Code::ChoiceNotOffered)) } else { Ok(asked.join(", ")) }
}

/// The bins that an operation is about.
pub fn bins_of(body: &Body) -> Vec<(LocationCode, BinCode)> {
    let bins = |places: &[Option<&Place>]| {
        let places = places.iter().flatten();
        places.filter_map(|place| Some((place.location.clone(), place.bin.clone()?))).collect()
    };
    match body {
        Body::Count(count) => bins(&[Some(&count.place)]),
        Body::CountBin(count) => vec![(count.location.clone(), count.bin.clone())],
        Body::Receive(receive) => bins(&[Some(&receive.to)]),
        Body::Pick(pick) => bins(&[Some(&pick.from), pick.to.as_ref()]),
        Body::Ship(ship) => bins(&[Some(&ship.from)]),
        Body::Move(moved) => bins(&[Some(&moved.from), Some(&moved.to)]),
        Body::MovePlate(moved) => bins(&[Some(&moved.to)]),
        Body::TransferShip(ship) => bins(&[Some(&ship.from)]),
        Body::TransferReceive(receive) => bins(&[Some(&receive.to)]),
        Body::Adjust(adjust) => bins(&[Some(&adjust.place)]),
        Body::Reclassify(change) => bins(&[Some(&change.place)]),
        Body::Unidentified(found) => bins(&[Some(&found.place)]),
        Body::Undo(_)
        | Body::Answer(_)
        | Body::SignIn(_)
        | Body::SignOut(_)
        | Body::Attach(_)
        | Body::Void(_) => Vec::new(),
    }
}
