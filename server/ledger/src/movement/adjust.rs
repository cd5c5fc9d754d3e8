//! Claims that the book should be changed, and goods that nobody could name.

use protocol::code::Code;
use protocol::feed::Role;
use protocol::operation::{Adjust, Direction, Unidentified};
use protocol::outcome::Reason;

use crate::movement::carry::Motion;
use crate::movement::goods::{self, Flow, Named};
use crate::movement::receive::hold_named;
use crate::movement::spot::{self, End};
use crate::posting::{Posting, Stop};
use crate::right;
use crate::schema::LocationId;
use crate::schema::case::Choice;
use crate::schema::entry::EntryType;

/// Posts an adjustment, where the person may make one of this size here.
///
/// # Errors
///
/// Refuses without the right at the time of the act; parks where it had ended, or perhaps, and what is
/// more than the person may adjust alone.
pub fn post(posting: &mut Posting<'_, '_>, body: &Adjust) -> Result<(), Stop> {
    let inbound = body.direction == Direction::Increase;
    let end = if inbound { End::To } else { End::From };
    let spot = spot::resolve(posting, &body.place, end)?;
    let flow = if inbound { Flow::In } else { Flow::Out };
    let named = goods::resolve(posting, &body.goods, flow)?;
    let large = named.card.supervisor_from.is_some_and(|from| named.base >= from);
    right::claim(posting, &[Role::Operator, Role::Supervisor], spot.location)?;
    if large {
        within_limit(posting, &named, spot.location)?;
    }
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

/// From the item's limit on a supervisor looks at it first: the person was told so when it was captured
/// (FLOWS 3.7, CONFLICTS 23). A desk, where somebody waits for the answer, is refused.
fn within_limit(
    posting: &Posting<'_, '_>,
    named: &Named,
    location: LocationId,
) -> Result<(), Stop> {
    if posting.act.approved || right::held(posting, &[Role::Supervisor], location) {
        return Ok(());
    }
    let reason = Reason::new(Code::AdjustmentOverLimit)
        .quantity("quantity", named.base)
        .word("item", &named.card.no)
        .word("operator", right::name(posting));
    Err(Stop::park(reason))
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
