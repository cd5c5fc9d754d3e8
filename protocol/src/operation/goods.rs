//! What an operation is about: the document, the place, the goods.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::quantity::{Quantity, UnitFactor};
use crate::words::{
    BinCode, DocumentNo, ItemNo, LocationCode, LotNo, PackageNo, PlateNo, SerialNo, UnitCode,
    VariantCode,
};

/// A kind of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// Goods that a vendor will deliver.
    PurchaseOrder,
    /// Goods that go back to a vendor.
    PurchaseReturnOrder,
    /// Goods that a customer will get.
    SalesOrder,
    /// Goods that a customer sends back.
    SalesReturnOrder,
    /// Goods that go from one location to another.
    TransferOrder,
    /// Goods that an assembly consumes and puts out.
    AssemblyOrder,
    /// A planned count.
    CountOrder,
}

/// A document, or one line of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DocumentRef {
    /// Its kind.
    #[serde(rename = "k")]
    pub kind: DocumentKind,
    /// Its number.
    #[serde(rename = "n")]
    pub no: DocumentNo,
    /// The line, where the operator worked on one line.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// Where goods are: a bin of a location, or a licence plate in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The location.
    #[serde(rename = "l")]
    pub location: LocationCode,
    /// The bin; none at locations without bins.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub bin: Option<BinCode>,
    /// The licence plate that the goods are on; none for loose goods.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub plate: Option<PlateNo>,
}

/// The tracking key of goods. Empty members mean "none".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Tracking {
    /// The lot.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<LotNo>,
    /// The serial number; the base quantity is then 1.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<SerialNo>,
    /// The package.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub package: Option<PackageNo>,
}

impl Tracking {
    /// No lot, no serial, no package.
    pub const NONE: Self = Self { lot: None, serial: None, package: None };

    /// Whether no member is given.
    pub fn is_none(&self) -> bool {
        self.lot.is_none() && self.serial.is_none() && self.package.is_none()
    }
}

/// What was handled, as the operator saw it.
///
/// The quantity is never negative: the kind of the operation tells the direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goods {
    /// The item.
    #[serde(rename = "i")]
    pub item: ItemNo,
    /// Its variant.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<VariantCode>,
    /// The unit that was counted in.
    #[serde(rename = "u")]
    pub unit: UnitCode,
    /// How many base units that unit held, as the device knew it. It stands, also when the item's
    /// unit has another factor by now (CONFLICTS 21).
    #[serde(rename = "f")]
    pub factor: UnitFactor,
    /// The quantity in that unit.
    #[serde(rename = "q")]
    pub quantity: Quantity,
    /// The quantity in the item's base unit: `quantity × factor`, rounded once by the device.
    #[serde(rename = "b")]
    pub base: Quantity,
    /// Lot, serial, package.
    #[serde(rename = "t", default, skip_serializing_if = "Tracking::is_none")]
    pub tracking: Tracking,
    /// The expiration date that was read or keyed.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<NaiveDate>,
    /// The barcode as scanned, when one was.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
}
