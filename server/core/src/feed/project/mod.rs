//! What a site sees of a ledger row.

mod goods;
mod people;
mod work;

use ledger::key::Key as _;
use ledger::schema::case::{Cases, Tasks};
use ledger::schema::document::{DocumentLines, Documents};
use ledger::schema::identity::Operators;
use ledger::schema::item::{Identifiers, Items, Units, Variants};
use ledger::schema::place::{Bins, Locations, Plates, Sites};
use ledger::schema::stock::{Holds, Stocks};
use ledger::schema::tracking::{Lots, TrackingKeys};
use ledger::schema::{
    BinId, ItemId, LocationId, PlateId, SiteId, StockKey, TrackingId, UnitId, VariantId,
};
use ledger::tables::{Read as _, Table as _, TableId, Tables};
use protocol::feed::{FeedRecord, FeedRow};
use protocol::operation::Tracking;
use protocol::words::{BinCode, ItemNo, LocationCode, PlateNo, UnitCode, VariantCode};
use serde_bytes::ByteBuf;

use crate::feed::feed_table;

/// The rows as one site may see them.
#[derive(Clone, Copy)]
pub struct SiteView<'a> {
    /// The rows.
    pub tables: &'a dyn Tables,
    /// The site.
    pub site: SiteId,
}

impl SiteView<'_> {
    /// The object under `key` as this site sees it; none where it does not (any more).
    pub fn row(&self, table: TableId, key: &[u8]) -> Option<FeedRow> {
        match table {
            Sites::ID => self.site_row(SiteId::from_bytes(key)?).map(FeedRow::Site),
            Locations::ID => self.location(LocationId::from_bytes(key)?).map(FeedRow::Location),
            Bins::ID => self.bin(BinId::from_bytes(key)?).map(FeedRow::Bin),
            Items::ID => self.item(ItemId::from_bytes(key)?).map(FeedRow::Item),
            Identifiers::ID => {
                self.identifier(ledger::key::Key::from_bytes(key)?).map(FeedRow::Identifier)
            }
            Lots::ID => self.lot(&ledger::key::Key::from_bytes(key)?).map(FeedRow::Lot),
            Stocks::ID => self.stock(&StockKey::from_bytes(key)?).map(FeedRow::Stock),
            Plates::ID => self.plate(PlateId::from_bytes(key)?).map(FeedRow::Plate),
            Holds::ID => self.hold(ledger::key::Key::from_bytes(key)?).map(FeedRow::Hold),
            Documents::ID => {
                self.document(&ledger::key::Key::from_bytes(key)?).map(FeedRow::Document)
            }
            DocumentLines::ID => {
                self.document_line(&ledger::key::Key::from_bytes(key)?).map(FeedRow::DocumentLine)
            }
            Tasks::ID => self.task(ledger::key::Key::from_bytes(key)?).map(FeedRow::Task),
            Cases::ID => self.case(ledger::key::Key::from_bytes(key)?).map(FeedRow::Case),
            Operators::ID => {
                self.operator(&ledger::key::Key::from_bytes(key)?).map(FeedRow::Operator)
            }
            TableId(_) => None,
        }
    }

    /// The same as a record of a feed; none where the table is not one of the feed's.
    pub fn record(&self, table: TableId, key: &[u8]) -> Option<FeedRecord> {
        let row = self.row(table, key).map(|row| ByteBuf::from(row.encode()));
        Some(FeedRecord { table: feed_table(table)?, key: ByteBuf::from(key.to_vec()), row })
    }

    /// Whether `location` is one of this site's.
    pub(crate) fn is_ours(&self, location: LocationId) -> bool {
        self.tables.row::<Locations>(&location).is_some_and(|location| location.site == self.site)
    }

    /// Whether the quantities of a bin are withheld: an open count of it is blind (SYNC 2.5), or
    /// devices of this site never show quantities.
    pub(crate) fn is_blind(&self, location: LocationId, bin: BinId) -> bool {
        self.tables.row::<Sites>(&self.site).is_some_and(|site| site.never_quantities)
            || ledger::count::is_blind(self.tables, location, bin)
    }

    fn location_code(&self, location: LocationId) -> Option<LocationCode> {
        self.tables.row::<Locations>(&location).map(|location| location.code.clone())
    }

    /// None inside: no bin.
    #[expect(clippy::option_option, reason = "no bin and an unknown bin are two things")]
    fn bin_code(&self, bin: BinId) -> Option<Option<BinCode>> {
        if bin == BinId(0) {
            return Some(None);
        }
        self.tables.row::<Bins>(&bin).map(|bin| Some(bin.code.clone()))
    }

    fn item_no(&self, item: ItemId) -> Option<ItemNo> {
        self.tables.row::<Items>(&item).map(|item| item.no.clone())
    }

    fn variant_code(&self, variant: VariantId) -> Option<VariantCode> {
        self.tables.row::<Variants>(&variant).map(|variant| variant.code.clone())
    }

    fn unit_code(&self, unit: UnitId) -> Option<UnitCode> {
        self.tables.row::<Units>(&unit).map(|unit| (*unit).clone())
    }

    fn plate_no(&self, plate: PlateId) -> Option<PlateNo> {
        self.tables.row::<Plates>(&plate).map(|plate| plate.no.clone())
    }

    fn tracking(&self, tracking: TrackingId) -> Tracking {
        self.tables.row::<TrackingKeys>(&tracking).map_or(Tracking::NONE, |key| Tracking {
            lot: key.lot.clone(),
            serial: key.serial.clone(),
            package: key.package.clone(),
        })
    }
}
