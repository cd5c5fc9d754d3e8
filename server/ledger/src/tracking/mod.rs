//! Lots and serials: tracking keys and what they restrict.
//!
//! Order of reading: this file (keys), [`lot`], [`dated`], [`serial`].

pub mod dated;
pub mod lot;
pub mod serial;

use chrono::NaiveDate;
use protocol::operation::Tracking;
use protocol::words::{LotNo, SerialNo};

use crate::draft::Draft;
use crate::schema::item::{CostingMethod, Item, Items, TrackingCodeRow, TrackingCodes};
use crate::schema::tracking::{Lots, SerialDates, TrackingByKey, TrackingKey, TrackingKeys};
use crate::schema::{Counter, ItemId, TrackingId, VariantId, next_number};
use crate::tables::{Read as _, Tables};

/// The tracking key that stands for `tracking` of an item; 0 for none. Made when it is new.
pub fn intern(
    draft: &mut Draft<'_>,
    item: ItemId,
    variant: VariantId,
    tracking: &Tracking,
) -> TrackingId {
    if let Some(id) = known(draft, (item, variant), tracking) {
        return id;
    }
    let Tracking { lot, serial, package } = tracking.clone();
    let key = (item, variant, lot.clone(), serial.clone(), package.clone());
    let id = TrackingId(next_number(draft, Counter::Tracking));
    draft.put::<TrackingByKey>(&key, id);
    draft.put::<TrackingKeys>(&id, TrackingKey { item, variant, lot, serial, package });
    id
}

/// The tracking key that stands for `tracking` of an item; 0 for none. None where nobody has met it yet.
pub(crate) fn known(
    tables: &impl Tables,
    (item, variant): (ItemId, VariantId),
    tracking: &Tracking,
) -> Option<TrackingId> {
    if tracking.is_none() {
        return Some(TrackingId(0));
    }
    let Tracking { lot, serial, package } = tracking.clone();
    tables.row::<TrackingByKey>(&(item, variant, lot, serial, package)).map(|id| *id)
}

/// What a tracking key says.
pub fn tracking_of(tables: &impl Tables, id: TrackingId) -> Tracking {
    tables.row::<TrackingKeys>(&id).map_or(Tracking::NONE, |key| Tracking {
        lot: key.lot.clone(),
        serial: key.serial.clone(),
        package: key.package.clone(),
    })
}

/// When goods expire, as far as the book knows: by their lot, or by their serial number where they have
/// no lot.
pub fn expiry_of(
    tables: &(impl Tables + ?Sized),
    (item, variant): (ItemId, VariantId),
    lot: Option<&LotNo>,
    serial: Option<&SerialNo>,
) -> Option<NaiveDate> {
    match (lot, serial) {
        (Some(lot), _) => tables.row::<Lots>(&(item, variant, lot.clone()))?.expiry,
        (None, Some(serial)) => {
            tables.row::<SerialDates>(&(item, variant, serial.clone())).map(|row| row.expiry)
        }
        (None, None) => None,
    }
}

/// The tracking rules of an item; none for an untracked one.
pub fn rules_of(tables: &impl Tables, item: &Item) -> Option<TrackingCodeRow> {
    tables.row::<TrackingCodes>(item.tracking_code.as_ref()?).map(|row| *row)
}

/// The members of a tracking key that restrict which increase a decrease takes from, as a key of
/// their own; 0 where nothing restricts (COSTING 5.1).
pub(crate) fn specific(
    draft: &mut Draft<'_>,
    item: ItemId,
    id: TrackingId,
    method: CostingMethod,
) -> TrackingId {
    if id.0 == 0 || method == CostingMethod::Specific {
        return id;
    }
    let Some(rules) = draft.row::<Items>(&item).and_then(|row| rules_of(draft, &row)) else {
        return TrackingId(0);
    };
    let Some(key) = draft.row::<TrackingKeys>(&id) else { return TrackingId(0) };
    let restricted = Tracking {
        lot: key.lot.clone().filter(|_lot| rules.lot_specific),
        serial: key.serial.clone().filter(|_serial| rules.serial_specific),
        package: key.package.clone().filter(|_package| rules.package_specific),
    };
    intern(draft, item, key.variant, &restricted)
}
