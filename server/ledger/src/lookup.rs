//! From the codes that people read to the numbers in keys, and back.
//!
//! Every look-up that finds nothing says so with a reason; whether that parks or refuses is for the
//! caller.

use std::sync::Arc;

use protocol::code::Code;
use protocol::outcome::Reason;
use protocol::words::{
    BinCode, ItemNo, LocationCode, LotNo, PlateNo, SiteCode, UnitCode, VariantCode,
};

use crate::schema::item::{Item, Items, ItemsByNo, Units, UnitsByCode, VariantsByCode};
use crate::schema::place::{
    Bins, BinsByCode, Location, Locations, LocationsByCode, Plates, PlatesByNo, Sites, SitesByCode,
};
use crate::schema::tracking::TrackingKeys;
use crate::schema::{BinId, ItemId, LocationId, PlateId, SiteId, TrackingId, UnitId, VariantId};
use crate::tables::{Read as _, Tables};

/// The item `no`.
///
/// # Errors
///
/// `item_unknown`.
pub fn item(tables: &impl Tables, no: &ItemNo) -> Result<(ItemId, Arc<Item>), Reason> {
    tables
        .row::<ItemsByNo>(no)
        .and_then(|id| Some((*id, tables.row::<Items>(&id)?)))
        .ok_or_else(|| Reason::new(Code::ItemUnknown).word("item", no))
}

/// The variant `code` of `item`; the empty variant for none.
///
/// # Errors
///
/// `variant_unknown`.
pub fn variant(
    tables: &impl Tables,
    item: ItemId,
    code: Option<&VariantCode>,
) -> Result<VariantId, Reason> {
    let Some(code) = code else { return Ok(VariantId(0)) };
    tables.row::<VariantsByCode>(&(item, code.clone())).map(|id| *id).ok_or_else(|| {
        Reason::new(Code::VariantUnknown)
            .word("item", item_text(tables, item))
            .word("variant", code)
    })
}

/// The unit `code`.
///
/// # Errors
///
/// `unit_unknown`.
pub fn unit(tables: &impl Tables, code: &UnitCode) -> Result<UnitId, Reason> {
    tables
        .row::<UnitsByCode>(code)
        .map(|id| *id)
        .ok_or_else(|| Reason::new(Code::UnitUnknown).word("unit", code))
}

/// The site `code`.
///
/// # Errors
///
/// `not_found`.
pub fn site(tables: &impl Tables, code: &SiteCode) -> Result<SiteId, Reason> {
    tables
        .row::<SitesByCode>(code)
        .map(|id| *id)
        .ok_or_else(|| Reason::new(Code::NotFound).word("what", code))
}

/// The location `code`.
///
/// # Errors
///
/// `location_unknown`.
pub fn location(
    tables: &impl Tables,
    code: &LocationCode,
) -> Result<(LocationId, Arc<Location>), Reason> {
    tables
        .row::<LocationsByCode>(code)
        .and_then(|id| Some((*id, tables.row::<Locations>(&id)?)))
        .ok_or_else(|| Reason::new(Code::LocationUnknown).word("location", code))
}

/// The bin `code` of a location; at a location without bins there is one, number 0, and a code
/// that is given all the same is not looked at.
///
/// # Errors
///
/// `bin_required`, `bin_unknown`.
pub fn bin(
    tables: &impl Tables,
    (id, location): (LocationId, &Location),
    code: Option<&BinCode>,
) -> Result<BinId, Reason> {
    if !location.bin_mandatory {
        return Ok(BinId(0));
    }
    let Some(code) = code else {
        return Err(Reason::new(Code::BinRequired).word("location", &location.code));
    };
    tables.row::<BinsByCode>(&(id, code.clone())).map(|bin| *bin).ok_or_else(|| {
        Reason::new(Code::BinUnknown).word("bin", code).word("location", &location.code)
    })
}

/// The licence plate `no`.
///
/// # Errors
///
/// `lpn_unknown`.
pub fn plate(tables: &impl Tables, no: &PlateNo) -> Result<PlateId, Reason> {
    tables
        .row::<PlatesByNo>(no)
        .map(|id| *id)
        .ok_or_else(|| Reason::new(Code::PlateUnknown).word("plate", no))
}

/// The number of an item, for people.
pub fn item_text(tables: &(impl Tables + ?Sized), item: ItemId) -> String {
    tables.row::<Items>(&item).map_or_else(|| item.to_string(), |row| row.no.to_string())
}

/// The code of a location, for people.
pub fn location_text(tables: &(impl Tables + ?Sized), location: LocationId) -> String {
    tables
        .row::<Locations>(&location)
        .map_or_else(|| location.to_string(), |row| row.code.to_string())
}

/// The code of a bin, or of its location where that has none.
pub fn bin_text(tables: &impl Tables, location: LocationId, bin: BinId) -> String {
    tables
        .row::<Bins>(&bin)
        .map_or_else(|| location_text(tables, location), |row| row.code.to_string())
}

/// The number of a licence plate, for people.
pub fn plate_text(tables: &impl Tables, plate: PlateId) -> String {
    tables.row::<Plates>(&plate).map_or_else(|| plate.to_string(), |row| row.no.to_string())
}

/// The code of a unit; none for the base unit.
pub fn unit_text(tables: &impl Tables, unit: UnitId) -> Option<UnitCode> {
    tables.row::<Units>(&unit).map(|code| (*code).clone())
}

/// The code of a site, for people.
pub fn site_text(tables: &impl Tables, site: SiteId) -> String {
    tables.row::<Sites>(&site).map_or_else(|| site.to_string(), |row| row.code.to_string())
}

/// The lot of a tracking key.
pub fn lot_of(tables: &impl Tables, tracking: TrackingId) -> Option<LotNo> {
    tables.row::<TrackingKeys>(&tracking).and_then(|key| key.lot.clone())
}
