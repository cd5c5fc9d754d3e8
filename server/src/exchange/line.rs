//! The files: their names, their columns, and the rows as types.

use chrono::NaiveDate;
use ledger::schema::item::{CostingMethod, ItemType, NegativeInventory};
use protocol::feed::{BinKind, DocumentStatus};
use protocol::quantity::{Quantity, UnitFactor};
use protocol::words::{
    BinCode, DocumentNo, IdentifierCode, ItemNo, LocationCode, LotNo, OperatorId, PackageNo,
    PartnerNo, PlateNo, SerialNo, SiteCode, TrackingCode, UnitCode, VariantCode, ZoneCode,
    ZoneName,
};

use super::cell::{Cell, DimensionRecord, Roles};

/// A column of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name in the first line.
    pub name: &'static str,
    /// What it holds.
    pub about: &'static str,
    /// A cell may not be empty.
    pub required: bool,
}

/// A row of one of the files.
pub trait Line: Sized {
    /// The name of the file.
    const FILE: &'static str;
    /// What the file holds.
    const ABOUT: &'static str;

    /// The columns, in the order of the export.
    fn columns() -> Vec<Column>;

    /// Reads a row; `cells` notes what is wrong with each cell.
    fn read(cells: &mut dyn CellSource) -> Option<Self>;

    /// The cells of the row, in the order of the columns.
    fn write(&self) -> Vec<String>;

    /// What makes the row unique in its file, in words.
    fn key(&self) -> String;
}

/// Gives the cells of one row and takes note of problems.
pub trait CellSource {
    /// The text in `column`, without space at its ends; none when the file has no such column or
    /// the cell is empty.
    fn text(&self, column: &str) -> Option<String>;

    /// Notes that the cell cannot be used.
    fn note(&mut self, column: &'static str, problem: super::cell::CellProblem);
}

fn cell<T: Cell>(cells: &mut dyn CellSource, column: &'static str) -> Option<T> {
    let read = match cells.text(column) {
        Some(text) => T::parse(&text),
        None => T::empty().ok_or_else(|| {
            super::cell::CellProblem::new("nothing is given", format!("Fill in '{column}'."))
        }),
    };
    read.map_err(|problem| cells.note(column, problem)).ok()
}

macro_rules! lines {
    ($(
        #[doc = $about:literal]
        $name:ident in $file:literal, key $($key:ident)+ {
            $(#[doc = $column_about:literal] $column:ident: $type:ty,)+
        }
    )*) => {
        $(
            #[doc = $about]
            #[derive(Debug, Clone, PartialEq, Eq)]
            pub struct $name {
                $(#[doc = $column_about] pub $column: $type,)+
            }

            impl Line for $name {
                const FILE: &'static str = $file;
                const ABOUT: &'static str = $about;

                fn columns() -> Vec<Column> {
                    vec![$(Column {
                        name: stringify!($column),
                        about: $column_about.trim(),
                        required: <$type as Cell>::empty().is_none(),
                    },)+]
                }

                fn read(cells: &mut dyn CellSource) -> Option<Self> {
                    // All cells first, so that one pass notes every problem of the row.
                    $(let $column = cell::<$type>(cells, stringify!($column));)+
                    Some(Self { $($column: $column?,)+ })
                }

                fn write(&self) -> Vec<String> {
                    vec![$(Cell::print(&self.$column),)+]
                }

                fn key(&self) -> String {
                    [$(Cell::print(&self.$key),)+].join(" ").trim_end().to_owned()
                }
            }
        )*
    };
}

lines! {
    /// Sets of tracking rules.
    TrackingCodeLine in "tracking_codes.csv", key code {
        /// Code of the set.
        code: TrackingCode,
        /// A lot must be captured.
        lot: bool,
        /// A serial number must be captured.
        serial: bool,
        /// A package number must be captured.
        package: bool,
        /// An expiration date must be captured when goods come in.
        expiry: bool,
        /// A decrease takes from the increase with the same lot.
        lot_specific: bool,
        /// A decrease takes from the increase with the same serial number.
        serial_specific: bool,
        /// A decrease takes from the increase with the same package.
        package_specific: bool,
        /// Expired goods may not leave.
        strict_expiration: bool,
    }

    /// Item cards.
    ItemLine in "items.csv", key item {
        /// Number of the item.
        item: ItemNo,
        /// What people call it.
        description: String,
        /// inventory (default), non_inventory or service.
        item_type: ItemType,
        /// The unit that stock is kept in.
        base_unit: UnitCode,
        /// Base quantities are multiples of this; 0.00001 when empty.
        precision: Option<Quantity>,
        /// fifo (default), lifo, average, standard or specific.
        costing_method: CostingMethod,
        /// Its set of tracking rules.
        tracking_code: Option<TrackingCode>,
        /// A variant must be named.
        variant_required: bool,
        /// No movement is wanted.
        blocked: bool,
        /// default, allowed or prevented: whether the desk may take stock below zero.
        negative_inventory: NegativeInventory,
        /// A count difference up to this is settled without asking; 0 when empty.
        count_tolerance: Option<Quantity>,
        /// From this difference on, a count is asked for twice.
        second_count_from: Option<Quantity>,
        /// From this base quantity on, an adjustment needs a supervisor.
        supervisor_from: Option<Quantity>,
        /// Shelf life in days, for goods with a production date only.
        shelf_life_days: Option<u32>,
        /// How many percent more than ordered may be received without asking; 0 when empty.
        over_receipt_percent: Option<Quantity>,
        /// Its category.
        category: String,
    }

    /// Units of measure of items, beside the base unit.
    ItemUnitLine in "item_units.csv", key item unit {
        /// Number of the item.
        item: ItemNo,
        /// Code of the unit.
        unit: UnitCode,
        /// How many base units it holds.
        factor: UnitFactor,
    }

    /// Variants of items.
    VariantLine in "variants.csv", key item variant {
        /// Number of the item.
        item: ItemNo,
        /// Code of the variant.
        variant: VariantCode,
        /// What people call it.
        description: String,
        /// No movement is wanted.
        blocked: bool,
    }

    /// Barcodes and references of items. A code may stand for several items.
    IdentifierLine in "identifiers.csv", key code item variant unit {
        /// The text of the barcode.
        code: IdentifierCode,
        /// The item it stands for.
        item: ItemNo,
        /// The variant, where the code names one.
        variant: Option<VariantCode>,
        /// The unit, where the code names one: one scan is one such unit.
        unit: Option<UnitCode>,
    }

    /// Sites: sets of locations that a group of devices works in.
    SiteLine in "sites.csv", key site {
        /// Code of the site.
        site: SiteCode,
        /// Devices of the site never show quantities.
        never_quantities: bool,
        /// What its scanners send for the separator FNC1, where it is not the usual one.
        separator: Option<String>,
    }

    /// Locations.
    LocationLine in "locations.csv", key location {
        /// Code of the location.
        location: LocationCode,
        /// Its name.
        name: String,
        /// Its site.
        site: SiteCode,
        /// Its IANA time zone, like Europe/Copenhagen.
        time_zone: ZoneName,
        /// Every movement names a bin.
        bin_mandatory: bool,
        /// Directed put-away and pick: stock is kept per unit.
        directed: bool,
        /// Goods on their way; nobody works there.
        in_transit: bool,
        /// Where goods are received by default.
        receipt_bin: Option<BinCode>,
        /// Where picked goods are dropped by default.
        shipment_bin: Option<BinCode>,
    }

    /// Bins.
    BinLine in "bins.csv", key location bin {
        /// Code of the location.
        location: LocationCode,
        /// Code of the bin.
        bin: BinCode,
        /// Its zone.
        zone: Option<ZoneCode>,
        /// storage (default), receipt, shipment, question, missing, cart, quarantine, transit or adjustment.
        kind: BinKind,
        /// Higher is picked from first; 0 when empty.
        ranking: Option<i32>,
        /// Goods should neither come nor go.
        blocked: bool,
    }

    /// Lots of items.
    LotLine in "lots.csv", key item variant lot {
        /// Number of the item.
        item: ItemNo,
        /// Its variant.
        variant: Option<VariantCode>,
        /// Number of the lot.
        lot: LotNo,
        /// When it expires.
        expiry: Option<NaiveDate>,
        /// No movement is wanted.
        blocked: bool,
    }

    /// Dimensions that entries of a master record carry unless something else is said.
    DimensionLine in "default_dimensions.csv", key record code dimension {
        /// Kind of the record: item, location, vendor, customer, resource, work_center, machine_center.
        record: DimensionRecord,
        /// Its number or code.
        code: String,
        /// Code of the dimension, of at most 20 characters.
        dimension: String,
        /// Its value, of at most 20 characters.
        value: String,
    }

    /// Opening stock.
    StockLine in "opening_stock.csv", key location bin plate item variant unit lot serial package {
        /// Code of the location.
        location: LocationCode,
        /// Code of the bin; empty at locations without bins.
        bin: Option<BinCode>,
        /// Number of the licence plate that the goods are on.
        plate: Option<PlateNo>,
        /// Number of the item.
        item: ItemNo,
        /// Its variant.
        variant: Option<VariantCode>,
        /// The unit of the quantity; the base unit when empty.
        unit: Option<UnitCode>,
        /// How much, above zero.
        quantity: Quantity,
        /// The lot.
        lot: Option<LotNo>,
        /// The serial number; the quantity is then 1.
        serial: Option<SerialNo>,
        /// The package.
        package: Option<PackageNo>,
        /// When it expires.
        expiry: Option<NaiveDate>,
    }

    /// Purchase orders, one row per line; the rows of an order repeat its header.
    PurchaseLine in "purchase_orders.csv", key document line {
        /// Number of the order.
        document: DocumentNo,
        /// Number of the vendor.
        partner: Option<PartnerNo>,
        /// Name of the vendor.
        partner_name: String,
        /// The location that receives.
        location: LocationCode,
        /// released (default) or open.
        status: DocumentStatus,
        /// Date of the order.
        document_date: Option<NaiveDate>,
        /// When it is due.
        due: Option<NaiveDate>,
        /// Number of the line.
        line: u32,
        /// Number of the item.
        item: ItemNo,
        /// Its variant.
        variant: Option<VariantCode>,
        /// The unit; the base unit when empty.
        unit: Option<UnitCode>,
        /// How much, in that unit.
        quantity: Quantity,
        /// The lot that the order fixes.
        lot: Option<LotNo>,
        /// The serial number that the order fixes.
        serial: Option<SerialNo>,
    }

    /// Sales orders, one row per line; the rows of an order repeat its header.
    SalesLine in "sales_orders.csv", key document line {
        /// Number of the order.
        document: DocumentNo,
        /// Number of the customer.
        partner: Option<PartnerNo>,
        /// Name of the customer.
        partner_name: String,
        /// The location that ships.
        location: LocationCode,
        /// released (default) or open.
        status: DocumentStatus,
        /// Date of the order.
        document_date: Option<NaiveDate>,
        /// When it is due.
        due: Option<NaiveDate>,
        /// Number of the line.
        line: u32,
        /// Number of the item.
        item: ItemNo,
        /// Its variant.
        variant: Option<VariantCode>,
        /// The unit; the base unit when empty.
        unit: Option<UnitCode>,
        /// How much, in that unit.
        quantity: Quantity,
        /// The lot that the order fixes.
        lot: Option<LotNo>,
        /// The serial number that the order fixes.
        serial: Option<SerialNo>,
    }

    /// Transfer orders, one row per line; the rows of an order repeat its header.
    TransferLine in "transfer_orders.csv", key document line {
        /// Number of the order.
        document: DocumentNo,
        /// The location that ships.
        location: LocationCode,
        /// The location that receives.
        to_location: LocationCode,
        /// The location that holds the goods in between.
        in_transit: Option<LocationCode>,
        /// released (default) or open.
        status: DocumentStatus,
        /// Date of the order.
        document_date: Option<NaiveDate>,
        /// When it is due.
        due: Option<NaiveDate>,
        /// Number of the line.
        line: u32,
        /// Number of the item.
        item: ItemNo,
        /// Its variant.
        variant: Option<VariantCode>,
        /// The unit; the base unit when empty.
        unit: Option<UnitCode>,
        /// How much, in that unit.
        quantity: Quantity,
        /// The lot that the order fixes.
        lot: Option<LotNo>,
        /// The serial number that the order fixes.
        serial: Option<SerialNo>,
    }

    /// People. Secrets may be given in plain (badge, pin, password) or as verifiers; an export writes verifiers only.
    OperatorLine in "operators.csv", key operator {
        /// Who.
        operator: OperatorId,
        /// The name on the screen.
        name: String,
        /// en (default) or da: the language of this person's screens.
        language: Option<String>,
        /// Roles with their locations, like: operator@MAIN supervisor@MAIN administrator.
        roles: Roles,
        /// No sign-in any more.
        disabled: bool,
        /// The text of the badge, in plain.
        badge: Option<String>,
        /// The PIN for devices, in plain: 4 to 12 digits.
        pin: Option<String>,
        /// The password for the desk, in plain: at least 10 characters.
        password: Option<String>,
        /// SHA-256 of the text of the badge, in hexadecimal; instead of badge.
        badge_hash: Option<String>,
        /// Argon2id verifier of the PIN; instead of pin.
        pin_verifier: Option<String>,
        /// Argon2id verifier of the password; instead of password.
        password_verifier: Option<String>,
    }
}
