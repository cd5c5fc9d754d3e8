//! Where: a place as it was captured, made numbers.

use std::sync::Arc;

use protocol::code::Code;
use protocol::feed::{PlateState, TaskKind};
use protocol::operation::Place;
use protocol::outcome::Reason;
use protocol::words::PlateNo;

use crate::conflict;
use crate::lookup;
use crate::place::plate;
use crate::posting::{Posting, Stop};
use crate::schema::case::Choice;
use crate::schema::place::{Bins, Location, Plates};
use crate::schema::{BinId, LocationId, PlateId};
use crate::tables::Read as _;

/// Which end of a movement a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Goods are taken here: a licence plate must be known.
    From,
    /// Goods are put here: a licence plate may be new.
    To,
}

/// A place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The location.
    pub location: LocationId,
    /// Its row.
    pub row: Arc<Location>,
    /// The bin; 0 at locations without bins.
    pub bin: BinId,
    /// The licence plate; 0 for loose goods.
    pub plate: PlateId,
}

/// The spot that `place` names. A plate that is put to use for the first time is made; one that the
/// book has elsewhere comes here, because it was seen here (CONFLICTS 17).
///
/// # Errors
///
/// What is unknown parks a fact and refuses the desk.
pub fn resolve(posting: &mut Posting<'_, '_>, place: &Place, end: End) -> Result<Spot, Stop> {
    let (location, row) =
        lookup::location(posting.draft, &place.location).map_err(|why| posting.stop(why))?;
    let bin = lookup::bin(posting.draft, (location, &row), place.bin.as_ref())
        .map_err(|why| posting.stop(why))?;
    check_bin(posting, location, bin, end)?;
    let mut spot = Spot { location, row, bin, plate: PlateId(0) };
    if let Some(no) = &place.plate {
        spot.plate = match (known_plate(posting, no), end) {
            (Ok(plate), _) => plate,
            (Err(_), End::To) => plate::create(posting, no, (location, bin), PlateState::Open),
            (Err(why), End::From) => return Err(why),
        };
        let void = posting
            .draft
            .row::<Plates>(&spot.plate)
            .filter(|row| row.state == PlateState::Void)
            .and_then(|row| row.successor.clone());
        if let Some(successor) = void {
            let reason = Reason::new(Code::PlateVoid).word("plate", no);
            posting.decision.changed(reason.word("new_plate", &successor));
            if let Ok(plate) = lookup::plate(posting.draft, &successor) {
                spot.plate = plate;
            }
        }
        let order = posting.next_order();
        plate::sighted(posting, spot.plate, (location, bin), order)?;
    }
    Ok(spot)
}

/// The plate with that number. One that nobody has put to use is waited for: a device that has may
/// not have reported yet, or its operation waits for a decision itself.
///
/// # Errors
///
/// Parks with `lpn_unknown`, after `depends` where an open case would make it; refuses the desk.
pub fn known_plate(posting: &Posting<'_, '_>, no: &PlateNo) -> Result<PlateId, Stop> {
    let unknown = match lookup::plate(posting.draft, no) {
        Ok(plate) => return Ok(plate),
        Err(unknown) => unknown,
    };
    let identity = plate::identity(no);
    match conflict::depends_on(&*posting.draft, &identity) {
        Some(case) if !posting.act.desk => {
            let reason = Reason::new(Code::Depends).word("identity", identity).word("case", case);
            Err(Stop::Park(vec![reason, unknown], Choice::ALWAYS.to_vec()))
        }
        _ => Err(posting.stop(unknown)),
    }
}

/// A blocked or removed bin: the desk is refused; goods that are there are there, and are brought
/// elsewhere by a task (CONFLICTS 15, 50).
fn check_bin(
    posting: &mut Posting<'_, '_>,
    location: LocationId,
    bin: BinId,
    end: End,
) -> Result<(), Stop> {
    let Some(row) = posting.draft.row::<Bins>(&bin) else { return Ok(()) };
    if !row.blocked && !row.deleted {
        return Ok(());
    }
    let reason = Reason::new(Code::BinBlocked).word("bin", &row.code);
    if posting.act.desk {
        return Err(Stop::Refuse(reason));
    }
    if end == End::To {
        posting.decision.changed(reason);
        let task = conflict::TaskDraft {
            kind: TaskKind::Relocate,
            location,
            bin,
            item: None,
            variant: crate::schema::VariantId(0),
            plate: PlateId(0),
            reason: Code::BinBlocked.as_str().to_owned(),
            not_by: None,
            blind: false,
            case: None,
        };
        conflict::request_task(posting, task);
    }
    Ok(())
}
