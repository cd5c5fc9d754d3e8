//! Codes for the numbers in keys.

use ledger::schema::item::{Items, Units, Variants};
use ledger::schema::place::{Bins, Locations, Plates, Sites};
use ledger::schema::tracking::TrackingKeys;
use ledger::schema::{
    BinId, ItemId, LocationId, PlateId, SiteId, StockKey, TrackingId, UnitId, VariantId,
};
use ledger::tables::{Read as _, Tables};
use protocol::operation::Tracking;
use serde::Serialize;

/// Looks up codes in the tables of one cut.
#[derive(Clone, Copy)]
pub struct Names<'a>(pub &'a dyn Tables);

/// Where and what, in codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StockName {
    /// The location.
    pub location: String,
    /// The bin.
    pub bin: Option<String>,
    /// The licence plate.
    pub plate: Option<String>,
    /// The item.
    pub item: String,
    /// What people call the item.
    pub description: String,
    /// The variant.
    pub variant: Option<String>,
    /// The unit that quantities are in.
    pub unit: String,
    /// Lot, serial, package.
    pub tracking: TrackingName,
}

/// Lot, serial and package, in long names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct TrackingName {
    /// The lot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lot: Option<String>,
    /// The serial number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// The package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// When the lot, or the serial number without one, expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiry: Option<chrono::NaiveDate>,
}

impl From<&Tracking> for TrackingName {
    fn from(tracking: &Tracking) -> Self {
        Self {
            lot: tracking.lot.as_ref().map(ToString::to_string),
            serial: tracking.serial.as_ref().map(ToString::to_string),
            package: tracking.package.as_ref().map(ToString::to_string),
            expiry: None,
        }
    }
}

impl Names<'_> {
    /// Number and description of an item.
    pub fn item(self, id: ItemId) -> (String, String) {
        let row = self.0.row::<Items>(&id);
        let unknown = || (format!("#{id}"), String::new());
        row.map_or_else(unknown, |row| (row.no.to_string(), row.description.clone()))
    }

    /// The code of a variant; none for none.
    pub fn variant(self, id: VariantId) -> Option<String> {
        self.0.row::<Variants>(&id).map(|row| row.code.to_string())
    }

    /// The code of a unit; for 0 the base unit of `item`.
    pub fn unit(self, item: ItemId, id: UnitId) -> String {
        if id == UnitId(0) {
            let row = self.0.row::<Items>(&item);
            return row.map_or_else(String::new, |row| row.base_unit.to_string());
        }
        self.0.row::<Units>(&id).map_or_else(|| format!("#{id}"), |row| row.to_string())
    }

    /// The code of a location.
    pub fn location(self, id: LocationId) -> String {
        let row = self.0.row::<Locations>(&id);
        row.map_or_else(|| format!("#{id}"), |row| row.code.to_string())
    }

    /// The code of a site; none for none.
    pub fn site(self, id: SiteId) -> Option<String> {
        self.0.row::<Sites>(&id).map(|row| row.code.to_string())
    }

    /// The code of a bin; none for none.
    pub fn bin(self, id: BinId) -> Option<String> {
        self.0.row::<Bins>(&id).map(|row| row.code.to_string())
    }

    /// The number of a licence plate; none for none.
    pub fn plate(self, id: PlateId) -> Option<String> {
        self.0.row::<Plates>(&id).map(|row| row.no.to_string())
    }

    /// Lot, serial and package.
    pub fn tracking(self, id: TrackingId) -> TrackingName {
        let Some(row) = self.0.row::<TrackingKeys>(&id) else { return TrackingName::default() };
        let (lot, serial) = (row.lot.as_ref(), row.serial.as_ref());
        TrackingName {
            lot: lot.map(ToString::to_string),
            serial: serial.map(ToString::to_string),
            package: row.package.as_ref().map(ToString::to_string),
            expiry: ledger::tracking::expiry_of(self.0, (row.item, row.variant), lot, serial),
        }
    }

    /// Where and what.
    pub fn stock(self, key: &StockKey) -> StockName {
        let (item, description) = self.item(key.item);
        StockName {
            location: self.location(key.location),
            bin: self.bin(key.bin),
            plate: self.plate(key.plate),
            item,
            description,
            variant: self.variant(key.variant),
            unit: self.unit(key.item, key.unit),
            tracking: self.tracking(key.tracking),
        }
    }
}
