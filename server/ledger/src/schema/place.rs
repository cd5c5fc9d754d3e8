//! Places: sites, locations, bins, licence plates.

use protocol::feed::{BinKind, PlateState};
use protocol::words::{BinCode, LocationCode, PlateNo, SiteCode, ZoneCode, ZoneName};
use serde::{Deserialize, Serialize};

use crate::schema::{BinId, LocationId, PlateId, SiteId};

/// A site: the unit of a feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// Its code.
    pub code: SiteCode,
    /// Devices never show quantities.
    pub never_quantities: bool,
    /// The separator that its scanners send for FNC1, where it is not the usual one.
    pub separator: Option<String>,
    /// Version of its scope: rises when locations come or go.
    pub scope_version: u64,
}

/// A location, with the bins that states live in. Those are made with the location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// Its code.
    pub code: LocationCode,
    /// Its name.
    pub name: String,
    /// Its site.
    pub site: SiteId,
    /// Its IANA time zone.
    pub time_zone: ZoneName,
    /// Every movement names a bin.
    pub bin_mandatory: bool,
    /// Directed put-away and pick: stock is kept per unit.
    pub directed: bool,
    /// Goods between two locations; nobody works there.
    pub in_transit: bool,
    /// Where goods are received by default.
    pub receipt_bin: BinId,
    /// Where picked goods are dropped by default.
    pub shipment_bin: BinId,
    /// Where goods are that nobody has placed or identified.
    pub question_bin: BinId,
    /// Where goods are that a complete count did not see.
    pub missing_bin: BinId,
    /// Where goods are on their way to this location.
    pub transit_bin: BinId,
}

/// A bin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bin {
    /// Its location.
    pub location: LocationId,
    /// Its code.
    pub code: BinCode,
    /// Its zone.
    pub zone: Option<ZoneCode>,
    /// What it is for.
    pub kind: BinKind,
    /// Higher is picked from first.
    pub ranking: i32,
    /// Goods should neither come nor go.
    pub blocked: bool,
    /// Taken away; history keeps the code.
    pub deleted: bool,
}

/// A licence plate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plate {
    /// Its number.
    pub no: PlateNo,
    /// Where it is.
    pub location: LocationId,
    /// The bin of its root.
    pub bin: BinId,
    /// The plate it stands on; 0 for none.
    pub parent: PlateId,
    /// What it is doing.
    pub state: PlateState,
    /// The latest act that told its place.
    pub placed_by: Option<crate::schema::OrderKey>,
    /// Half the width of the interval of that act, in microseconds.
    pub placed_epsilon_us: u64,
    /// The number that replaced it, when it is void.
    pub successor: Option<PlateNo>,
}

/// A zone: where bins get their kind and ranking from when they are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// What people call it.
    pub description: String,
    /// The kind of its bins.
    pub kind: BinKind,
    /// The ranking of its bins.
    pub ranking: i32,
}

/// That a licence plate came to a place: its history in order of the acts. The latest act says
/// where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlateAct {
    /// Where its content was taken from; none when this was its first use.
    pub from: Option<(LocationId, BinId)>,
    /// Where it came to.
    pub to: (LocationId, BinId),
    /// The plate that it was put on; 0 for none.
    pub parent: PlateId,
    /// A complete count of this bin did not see it: the act only counts if the plate was there.
    pub counted: Option<(LocationId, BinId)>,
    /// Half the width of the interval of the act, in microseconds.
    pub epsilon_us: u64,
    /// The next number of a leg by which earlier acts that came late correct this one.
    pub next_leg: u8,
}

crate::tables! {
    /// Sites.
    Sites = 20, "site", SiteId => Site;
    /// Sites by code.
    SitesByCode = 21, "site_by_code", SiteCode => SiteId;
    /// Locations.
    Locations = 22, "location", LocationId => Location;
    /// Locations by code.
    LocationsByCode = 23, "location_by_code", LocationCode => LocationId;
    /// Bins.
    Bins = 24, "bin", BinId => Bin;
    /// Bins by location and code; a former code keeps leading to the renamed bin.
    BinsByCode = 25, "bin_by_code", (LocationId, BinCode) => BinId;
    /// Licence plates.
    Plates = 26, "plate", PlateId => Plate;
    /// Licence plates by number.
    PlatesByNo = 27, "plate_by_no", PlateNo => PlateId;
    /// Plates that stand on a plate.
    PlateChildren = 28, "plate_child", (PlateId, PlateId) => ();
    /// Plates by bin of their root.
    PlatesByBin = 29, "plate_by_bin", (LocationId, BinId, PlateId) => ();
    /// Zones.
    Zones = 35, "zone", (LocationId, ZoneCode) => Zone;
    /// Where each licence plate was put, in order of the acts.
    PlateActs = 36, "plate_act", (PlateId, crate::schema::OrderKey) => PlateAct;
}
