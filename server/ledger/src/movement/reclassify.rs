//! These goods are of another lot, serial or date than was booked.

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::operation::{Goods, Reclassify};
use protocol::outcome::Reason;
use protocol::words::SerialNo;

use crate::movement::carry::Motion;
use crate::movement::goods::{self, Flow};
use crate::movement::receive::hold_named;
use crate::movement::spot::{self, End};
use crate::posting::{Posting, Stop};
use crate::schema::tracking::{Lot, Lots, SerialDate, SerialDates};
use crate::tables::Read as _;

/// Posts the pair that brings the goods from one tracking key to the other.
///
/// # Errors
///
/// Parks what is unknown; refuses it at the desk.
pub fn post(posting: &mut Posting<'_, '_>, body: &Reclassify) -> Result<(), Stop> {
    let spot = spot::resolve(posting, &body.place, End::From)?;
    let from = goods::resolve(posting, &body.goods, Flow::Out)?;
    let target =
        Goods { tracking: body.to_tracking.clone(), expiry: body.to_expiry, ..body.goods.clone() };
    if target.tracking == body.goods.tracking {
        return redate(posting, body, &from);
    }
    let to = goods::resolve(posting, &target, Flow::In)?;
    let (source, target) = (from.key(&spot), to.key(&spot));
    let order = posting.next_order();
    posting.carry(&Motion::between(source, target, from.base, order))?;
    hold_named(posting, target, &to)
}

/// Same lot, other date: the whole lot has it from now on (WAREHOUSE 15.7). Without a lot it is the date
/// of the serial number.
fn redate(
    posting: &mut Posting<'_, '_>,
    body: &Reclassify,
    named: &goods::Named,
) -> Result<(), Stop> {
    let Some(no) = &body.to_tracking.lot else {
        if let Some(serial) = &body.to_tracking.serial {
            redate_serial(posting, named, serial, body.to_expiry);
            return Ok(());
        }
        return Err(posting.stop(Reason::new(Code::NothingToPost)));
    };
    let key = (named.item, named.variant, no.clone());
    let lot = posting.draft.row::<Lots>(&key).map(|lot| (*lot).clone()).unwrap_or_default();
    if lot.expiry == body.to_expiry {
        posting.decision.note(Reason::new(Code::NothingToPost));
        return Ok(());
    }
    if let (Some(from), Some(to)) = (lot.expiry, body.to_expiry) {
        posting.decision.field("expiry", from, to);
    }
    posting.draft.put::<Lots>(&key, Lot { expiry: body.to_expiry, ..lot });
    Ok(())
}

fn redate_serial(
    posting: &mut Posting<'_, '_>,
    named: &goods::Named,
    serial: &SerialNo,
    to: Option<NaiveDate>,
) {
    let key = (named.item, named.variant, serial.clone());
    let before = posting.draft.row::<SerialDates>(&key).map(|row| row.expiry);
    if before == to {
        posting.decision.note(Reason::new(Code::NothingToPost));
        return;
    }
    if let (Some(from), Some(to)) = (before, to) {
        posting.decision.field("expiry", from, to);
    }
    match to {
        Some(expiry) => {
            let (read_by, provisional) = (posting.act.order, false);
            let row = SerialDate { expiry, read_by, provisional };
            posting.draft.put::<SerialDates>(&key, row);
        }
        None => posting.draft.delete::<SerialDates>(&key),
    }
}
