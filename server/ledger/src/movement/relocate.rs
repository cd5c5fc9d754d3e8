//! Goods, or a licence plate with all that is on it, went from one place to another.

use protocol::code::Code;
use protocol::feed::PlateState;
use protocol::operation::{Move, MovePlate};
use protocol::outcome::Reason;

use crate::lookup;
use crate::movement::carry::Motion;
use crate::movement::goods::{self, Flow};
use crate::movement::receive::hold_named;
use crate::movement::spot::{self, End};
use crate::place::plate;
use crate::posting::{Posting, Stop};
use crate::schema::place::Plates;
use crate::tables::Read as _;

/// Registers a move. Between two locations it is posted as a transfer without an order.
///
/// # Errors
///
/// Parks what is unknown; refuses it at the desk.
pub fn goods_moved(posting: &mut Posting<'_, '_>, body: &Move) -> Result<(), Stop> {
    let from = spot::resolve(posting, &body.from, End::From)?;
    let to = spot::resolve(posting, &body.to, End::To)?;
    let named = goods::resolve(posting, &body.goods, Flow::Out)?;
    let (source, target) = (named.key(&from), named.key(&to));
    if source == target {
        let bin = lookup::bin_text(posting.draft, to.location, to.bin);
        let reason = Reason::new(Code::SamePlace).word("bin", bin);
        if posting.act.desk {
            return Err(Stop::Refuse(reason));
        }
        posting.decision.note(reason);
        return Ok(());
    }
    let order = posting.next_order();
    posting.carry(&Motion::between(source, target, named.base, order))?;
    hold_named(posting, target, &named)
}

/// Puts a licence plate where it is now.
///
/// # Errors
///
/// Parks an unknown plate or place; refuses it at the desk.
pub fn plate_moved(posting: &mut Posting<'_, '_>, body: &MovePlate) -> Result<(), Stop> {
    let id = spot::known_plate(posting, &body.plate)?;
    let to = spot::resolve(posting, &body.to, End::To)?;
    let row = posting.draft.row::<Plates>(&id);
    let void = row.filter(|row| row.state == PlateState::Void);
    if let Some(row) = void {
        let reason = Reason::new(Code::PlateVoid).word("plate", &row.no);
        let reason = match &row.successor {
            Some(successor) => reason.word("new_plate", successor),
            None => reason,
        };
        return Err(posting.stop(reason));
    }
    let order = posting.next_order();
    plate::put(posting, id, (to.location, to.bin), to.plate, order)
}
