//! Expiration dates of serial numbers that have no lot; the goods of a lot have the date of the lot.

use protocol::operation::Goods;
use protocol::words::SerialNo;

use crate::movement::goods::{Flow, Named};
use crate::posting::Posting;
use crate::schema::tracking::{SerialDate, SerialDates};
use crate::tables::Read as _;
use crate::tracking::lot;

/// The date that was read with a serial number without a lot. The first act stands, as with lots
/// (CONFLICTS 35): where another date was read later, that is a question.
pub(crate) fn seen(posting: &mut Posting<'_, '_>, named: &Named, goods: &Goods, flow: Flow) {
    let tracking = &goods.tracking;
    let (None, Some(no), Some(read)) = (&tracking.lot, &tracking.serial, goods.expiry) else {
        return;
    };
    let order = posting.act.order;
    let fresh = SerialDate { expiry: read, read_by: order, provisional: !posting.act.desk };
    let Some(known) = date_of(posting, named, no) else {
        put(posting, named, no, fresh);
        return;
    };
    let earlier = known.provisional && order < known.read_by;
    if earlier {
        put(posting, named, no, fresh);
    }
    if known.expiry == read {
        return;
    }
    if earlier {
        let reason = lot::mismatch(named, no, read, known.expiry);
        lot::contradict(posting, known.read_by, reason);
    } else {
        lot::other_date(posting, named, (no, known.expiry, read), (flow, Some(known.read_by)));
    }
}

fn date_of(posting: &Posting<'_, '_>, named: &Named, no: &SerialNo) -> Option<SerialDate> {
    posting.draft.row::<SerialDates>(&(named.item, named.variant, no.clone())).map(|row| *row)
}

fn put(posting: &mut Posting<'_, '_>, named: &Named, no: &SerialNo, row: SerialDate) {
    posting.draft.put::<SerialDates>(&(named.item, named.variant, no.clone()), row);
}
