//! Claims that the book should be changed, and goods that nobody could name.

use protocol::code::Code;
use protocol::feed::Role;
use protocol::operation::{Adjust, Direction, Unidentified};
use protocol::outcome::Reason;

use crate::movement::carry::Motion;
use crate::movement::goods::{self, Flow};
use crate::movement::receive::hold_named;
use crate::movement::spot::{self, End};
use crate::posting::{Posting, Stop};
use crate::right;
use crate::schema::case::Choice;
use crate::schema::entry::EntryType;

/// Posts an adjustment, where the person may make one of this size here.
///
/// # Errors
///
/// Refuses without the right at the time of the act; parks where it had ended, or perhaps.
pub fn post(posting: &mut Posting<'_, '_>, body: &Adjust) -> Result<(), Stop> {
    let inbound = body.direction == Direction::Increase;
    let end = if inbound { End::To } else { End::From };
    let spot = spot::resolve(posting, &body.place, end)?;
    let flow = if inbound { Flow::In } else { Flow::Out };
    let named = goods::resolve(posting, &body.goods, flow)?;
    let large = named.card.supervisor_from.is_some_and(|from| named.base >= from);
    let roles: &[Role] =
        if large { &[Role::Supervisor] } else { &[Role::Operator, Role::Supervisor] };
    right::claim(posting, roles, spot.location)?;
    if named.base.is_zero() {
        return Err(Stop::refuse(Code::NothingToPost));
    }
    let key = named.key(&spot);
    let order = posting.next_order();
    let motion = if inbound {
        Motion::into_stock(EntryType::PositiveAdjustment, key, named.base, order)
    } else {
        Motion::out_of_stock(EntryType::NegativeAdjustment, key, named.base, order)
    };
    posting.carry(&motion)?;
    if inbound { hold_named(posting, key, &named) } else { Ok(()) }
}

/// Goods that nobody could name wait as a case until somebody binds them to an item: nothing can be
/// booked before.
///
/// # Errors
///
/// Always parks.
pub fn unidentified(posting: &mut Posting<'_, '_>, body: &Unidentified) -> Result<(), Stop> {
    let spot = spot::resolve(posting, &body.place, End::To)?;
    let bin = crate::lookup::bin_text(posting.draft, spot.location, spot.bin);
    let reason = Reason::new(Code::ScanUnknown)
        .word("raw", &body.raw)
        .word("bin", bin)
        .quantity("quantity", body.quantity);
    Err(Stop::Park(vec![reason], vec![Choice::Correct, Choice::Recount, Choice::Dismiss]))
}
