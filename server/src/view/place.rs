//! Sites, locations, bins, licence plates.

use ledger::key::KeyRange;
use ledger::schema::LocationId;
use ledger::schema::place::{
    Bin, Bins, BinsByCode, Locations, LocationsByCode, Plates, PlatesByNo, SitesByCode,
};
use ledger::tables::{Read as _, Tables};
use protocol::feed::BinKind;
use protocol::words::{BinCode, LocationCode, PlateNo};
use serde::Serialize;

use super::names::Names;
use super::page::{Page, PageQuery, ascending};
use crate::exchange::cell::print_choice;

/// A location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LocationView {
    /// Its code.
    pub location: String,
    /// Its name.
    pub name: String,
    /// Its site.
    pub site: Option<String>,
    /// Its IANA time zone.
    pub time_zone: String,
    /// Every movement names a bin.
    pub bin_mandatory: bool,
    /// Directed put-away and pick.
    pub directed: bool,
    /// Goods on their way.
    pub in_transit: bool,
    /// Where goods are received by default.
    pub receipt_bin: Option<String>,
    /// Where picked goods are dropped by default.
    pub shipment_bin: Option<String>,
}

/// A bin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BinView {
    /// Its location.
    pub location: String,
    /// Its code.
    pub bin: String,
    /// Its zone.
    pub zone: Option<String>,
    /// What it is for.
    pub kind: String,
    /// Higher is picked from first.
    pub ranking: i32,
    /// Goods should neither come nor go.
    pub blocked: bool,
}

/// A licence plate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlateView {
    /// Its number.
    pub plate: String,
    /// Where it is.
    pub location: String,
    /// The bin.
    pub bin: Option<String>,
    /// The plate it stands on.
    pub parent: Option<String>,
    /// What it is doing.
    pub state: protocol::feed::PlateState,
}

/// The codes of all sites.
pub fn sites(tables: &dyn Tables) -> Vec<String> {
    let rows = tables.list::<SitesByCode>(&KeyRange::all());
    rows.into_iter().map(|(code, _id)| code.to_string()).collect()
}

/// The number of a location.
pub fn location_id(tables: &dyn Tables, code: &LocationCode) -> Option<LocationId> {
    tables.row::<LocationsByCode>(code).map(|id| *id)
}

/// All locations.
pub fn locations(tables: &dyn Tables) -> Vec<LocationView> {
    let names = Names(tables);
    let rows = tables.list::<LocationsByCode>(&KeyRange::all());
    let view = |(code, id): (LocationCode, std::sync::Arc<LocationId>)| {
        let row = tables.row::<Locations>(&id)?;
        // A location that was renamed is listed under its present code only.
        (row.code == code).then(|| LocationView {
            location: row.code.to_string(),
            name: row.name.clone(),
            site: names.site(row.site),
            time_zone: row.time_zone.to_string(),
            bin_mandatory: row.bin_mandatory,
            directed: row.directed,
            in_transit: row.in_transit,
            receipt_bin: names.bin(row.receipt_bin),
            shipment_bin: names.bin(row.shipment_bin),
        })
    };
    rows.into_iter().filter_map(view).collect()
}

/// The word for a kind of bin.
pub fn kind_word(kind: BinKind) -> String {
    let word = print_choice(kind);
    if word.is_empty() { "storage".to_owned() } else { word }
}

fn bin_view(names: Names<'_>, row: &Bin) -> BinView {
    BinView {
        location: names.location(row.location),
        bin: row.code.to_string(),
        zone: row.zone.as_ref().map(ToString::to_string),
        kind: kind_word(row.kind),
        ranking: row.ranking,
        blocked: row.blocked,
    }
}

/// Bins of a location by code.
pub fn bins(tables: &dyn Tables, location: LocationId, query: &PageQuery) -> Page<BinView> {
    let range = KeyRange::prefix(&(location,));
    ascending::<BinsByCode, _>(tables, range, query, |(_location, code), id| {
        let row = tables.row::<Bins>(&id)?;
        // A former code of a renamed bin leads to it, and is not listed.
        (row.code == code && !row.deleted).then(|| bin_view(Names(tables), &row))
    })
}

/// A bin by its code.
pub fn bin(tables: &dyn Tables, location: LocationId, code: &BinCode) -> Option<BinView> {
    let id = tables.row::<BinsByCode>(&(location, code.clone()))?;
    tables.row::<Bins>(&id).map(|row| bin_view(Names(tables), &row))
}

/// A licence plate by its number.
pub fn plate(tables: &dyn Tables, no: &PlateNo) -> Option<PlateView> {
    let id = tables.row::<PlatesByNo>(no)?;
    let row = tables.row::<Plates>(&id)?;
    let names = Names(tables);
    Some(PlateView {
        plate: row.no.to_string(),
        location: names.location(row.location),
        bin: names.bin(row.bin),
        parent: names.plate(row.parent),
        state: row.state,
    })
}
