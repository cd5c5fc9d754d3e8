//! These goods are of another lot, serial or date than was booked.

use protocol::code::Code;
use protocol::operation::{Goods, Reclassify};

use crate::movement::carry::Motion;
use crate::movement::goods::{self, Flow};
use crate::movement::receive::hold_named;
use crate::movement::spot::{self, End};
use crate::posting::{Posting, Stop};
use crate::schema::tracking::{Lot, Lots};
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

/// Same lot, other date: the whole lot has it from now on (WAREHOUSE 15.7).
fn redate(
    posting: &mut Posting<'_, '_>,
    body: &Reclassify,
    named: &goods::Named,
) -> Result<(), Stop> {
    let Some(no) = &body.to_tracking.lot else {
        return Err(posting.stop(protocol::outcome::Reason::new(Code::NothingToPost)));
    };
    let key = (named.item, named.variant, no.clone());
    let lot = posting.draft.row::<Lots>(&key).map(|lot| (*lot).clone()).unwrap_or_default();
    if lot.expiry == body.to_expiry {
        posting.decision.note(protocol::outcome::Reason::new(Code::NothingToPost));
        return Ok(());
    }
    if let (Some(from), Some(to)) = (lot.expiry, body.to_expiry) {
        posting.decision.field("expiry", from, to);
    }
    posting.draft.put::<Lots>(&key, Lot { expiry: body.to_expiry, ..lot });
    Ok(())
}
