//! Sites, locations, bins.

use protocol::code::Code;
use protocol::feed::BinKind;
use protocol::outcome::Reason;
use protocol::words::{BinCode, LocationCode, SiteCode, ZoneCode, ZoneName};
use serde::{Deserialize, Serialize};

use crate::command::master::small;
use crate::key::KeyRange;
use crate::lookup;
use crate::posting::{Posting, Stop};
use crate::schema::place::{
    Bin, Bins, BinsByCode, Location, Locations, LocationsByCode, Site, Sites, SitesByCode,
};
use crate::schema::stock::Stocks;
use crate::schema::{BinId, Counter, LocationId, SiteId, next_number};
use crate::tables::Read as _;

/// Makes or changes a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutSite {
    /// Its code.
    pub site: SiteCode,
    /// Devices never show quantities.
    #[serde(default)]
    pub never_quantities: bool,
    /// The separator that its scanners send for FNC1, where it is not the usual one.
    #[serde(default)]
    pub separator: Option<String>,
}

/// Makes or changes a location. The bins that states live in are made with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutLocation {
    /// Its code.
    pub location: LocationCode,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its site.
    pub site: SiteCode,
    /// Its IANA time zone.
    pub time_zone: ZoneName,
    /// Every movement names a bin.
    #[serde(default)]
    pub bin_mandatory: bool,
    /// Directed put-away and pick.
    #[serde(default)]
    pub directed: bool,
    /// Goods on their way; nobody works there.
    #[serde(default)]
    pub in_transit: bool,
    /// Where goods are received by default; made when it is not there. RECEIPT when left out.
    #[serde(default)]
    pub receipt_bin: Option<BinCode>,
    /// Where picked goods are dropped by default; made when it is not there. SHIPMENT when left out.
    #[serde(default)]
    pub shipment_bin: Option<BinCode>,
}

/// Makes or changes a bin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutBin {
    /// Its location.
    pub location: LocationCode,
    /// Its code.
    pub bin: BinCode,
    /// Its zone.
    #[serde(default)]
    pub zone: Option<ZoneCode>,
    /// What it is for.
    #[serde(default)]
    pub kind: BinKind,
    /// Higher is picked from first.
    #[serde(default)]
    pub ranking: i32,
    /// Goods should neither come nor go.
    #[serde(default)]
    pub blocked: bool,
}

/// Gives a bin another code. The former code keeps leading to it, for labels and devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenameBin {
    /// Its location.
    pub location: LocationCode,
    /// Its code.
    pub bin: BinCode,
    /// Its new code.
    pub to: BinCode,
}

/// Takes an empty bin away. History keeps its code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteBin {
    /// Its location.
    pub location: LocationCode,
    /// Its code.
    pub bin: BinCode,
}

#[expect(clippy::unnecessary_wraps, reason = "one shape for every command of the dispatcher")]
pub(crate) fn put_site(posting: &mut Posting<'_, '_>, put: &PutSite) -> Result<(), Stop> {
    let id = match posting.draft.row::<SitesByCode>(&put.site) {
        Some(id) => *id,
        None => SiteId(small(next_number(posting.draft, Counter::Site))),
    };
    let scope_version = posting.draft.row::<Sites>(&id).map_or(1, |site| site.scope_version);
    let row = Site {
        code: put.site.clone(),
        never_quantities: put.never_quantities,
        separator: put.separator.clone(),
        scope_version,
    };
    posting.draft.put::<SitesByCode>(&put.site, id);
    posting.draft.put::<Sites>(&id, row);
    Ok(())
}

pub(crate) fn put_location(posting: &mut Posting<'_, '_>, put: &PutLocation) -> Result<(), Stop> {
    let site = lookup::site(posting.draft, &put.site).map_err(Stop::Refuse)?;
    let known = posting.draft.row::<LocationsByCode>(&put.location).map(|id| *id);
    let id =
        known.unwrap_or_else(|| LocationId(small(next_number(posting.draft, Counter::Location))));
    let before = posting.draft.row::<Locations>(&id);
    if let Some(before) = &before
        && before.bin_mandatory != put.bin_mandatory
        && posting.draft.first::<Stocks>(&KeyRange::prefix(&(id,))).is_some()
    {
        // Bins are switched on and off only while nothing lies there (WAREHOUSE 2.1).
        let reason = Reason::new(Code::BinNotEmpty).word("bin", &put.location);
        return Err(Stop::Refuse(reason));
    }
    posting.draft.put::<LocationsByCode>(&put.location, id);
    let state = |posting: &mut Posting<'_, '_>, code: &str, kind| {
        let code = BinCode::new(code).expect("the codes of state bins are short and printable");
        bin_of_kind(posting, id, &code, kind)
    };
    let receipt = put.receipt_bin.as_ref().map_or("RECEIPT", BinCode::as_str);
    let shipment = put.shipment_bin.as_ref().map_or("SHIPMENT", BinCode::as_str);
    let work = put.bin_mandatory;
    let row = Location {
        code: put.location.clone(),
        name: put.name.clone(),
        site,
        time_zone: put.time_zone.clone(),
        bin_mandatory: put.bin_mandatory,
        directed: put.directed,
        in_transit: put.in_transit,
        receipt_bin: if work { state(posting, receipt, BinKind::Receipt) } else { BinId(0) },
        shipment_bin: if work { state(posting, shipment, BinKind::Shipment) } else { BinId(0) },
        question_bin: state(posting, "QUESTION", BinKind::Question),
        missing_bin: state(posting, "MISSING", BinKind::Missing),
        transit_bin: state(posting, "TRANSIT", BinKind::Transit),
    };
    let left = before.as_ref().map(|before| before.site);
    if left != Some(site) {
        // What the one site gains the other loses: the devices of both begin anew.
        for site in left.into_iter().chain([site]) {
            change_scope(posting, site);
        }
    }
    posting.draft.put::<Locations>(&id, row);
    Ok(())
}

/// Another set of rows is what the devices of `site` see.
fn change_scope(posting: &mut Posting<'_, '_>, site: SiteId) {
    if let Some(row) = posting.draft.row::<Sites>(&site) {
        let scope_version = row.scope_version.saturating_add(1);
        posting.draft.put::<Sites>(&site, Site { scope_version, ..(*row).clone() });
    }
}

/// The bin with that code, made with `kind` when it is not there.
fn bin_of_kind(
    posting: &mut Posting<'_, '_>,
    location: LocationId,
    code: &BinCode,
    kind: BinKind,
) -> BinId {
    if let Some(id) = posting.draft.row::<BinsByCode>(&(location, code.clone())) {
        return *id;
    }
    let id = BinId(small(next_number(posting.draft, Counter::Bin)));
    let row = Bin {
        location,
        code: code.clone(),
        zone: None,
        kind,
        ranking: 0,
        blocked: false,
        deleted: false,
    };
    posting.draft.put::<BinsByCode>(&(location, code.clone()), id);
    posting.draft.put::<Bins>(&id, row);
    id
}

pub(crate) fn put_bin(posting: &mut Posting<'_, '_>, put: &PutBin) -> Result<BinId, Stop> {
    let (location, _row) = lookup::location(posting.draft, &put.location).map_err(Stop::Refuse)?;
    let id = bin_of_kind(posting, location, &put.bin, put.kind);
    let row = Bin {
        location,
        code: put.bin.clone(),
        zone: put.zone.clone(),
        kind: put.kind,
        ranking: put.ranking,
        blocked: put.blocked,
        deleted: false,
    };
    posting.draft.put::<Bins>(&id, row);
    Ok(id)
}

fn known_bin(
    posting: &Posting<'_, '_>,
    location: &LocationCode,
    bin: &BinCode,
) -> Result<(LocationId, BinId, Bin), Stop> {
    let (location_id, _row) = lookup::location(posting.draft, location).map_err(Stop::Refuse)?;
    let unknown =
        || Stop::Refuse(Reason::new(Code::BinUnknown).word("bin", bin).word("location", location));
    let id = posting.draft.row::<BinsByCode>(&(location_id, bin.clone())).ok_or_else(unknown)?;
    let row = posting.draft.row::<Bins>(&id).ok_or_else(unknown)?;
    Ok((location_id, *id, (*row).clone()))
}

pub(crate) fn rename_bin(posting: &mut Posting<'_, '_>, rename: &RenameBin) -> Result<(), Stop> {
    let (location, id, row) = known_bin(posting, &rename.location, &rename.bin)?;
    if posting.draft.has::<BinsByCode>(&(location, rename.to.clone())) {
        return Err(Stop::Refuse(Reason::new(Code::AlreadyExists).word("what", &rename.to)));
    }
    posting.draft.put::<BinsByCode>(&(location, rename.to.clone()), id);
    posting.draft.put::<Bins>(&id, Bin { code: rename.to.clone(), ..row });
    Ok(())
}

pub(crate) fn delete_bin(posting: &mut Posting<'_, '_>, delete: &DeleteBin) -> Result<(), Stop> {
    let (location, id, row) = known_bin(posting, &delete.location, &delete.bin)?;
    if posting.draft.first::<Stocks>(&KeyRange::prefix(&(location, id))).is_some() {
        return Err(Stop::Refuse(Reason::new(Code::BinNotEmpty).word("bin", &delete.bin)));
    }
    posting.draft.put::<Bins>(&id, Bin { deleted: true, blocked: true, ..row });
    Ok(())
}
