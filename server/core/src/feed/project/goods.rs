//! Items, places and what lies in them.

use ledger::key::KeyRange;
use ledger::schema::item::{
    Identifiers, Item, ItemUnits, Items, Meaning, TrackingCodes, VariantsByCode,
};
use ledger::schema::place::{Bins, Locations, Plates};
use ledger::schema::stock::{Holds, Stocks};
use ledger::schema::tracking::Lots;
use ledger::schema::{BinId, ItemId, LocationId, PlateId, StockKey, VariantId};
use ledger::tables::Read as _;
use protocol::feed::{
    BinRow, HoldRow, IdentifierMeaning, IdentifierRow, ItemRow, ItemUnit, LocationRow, LotRow,
    PlateRow, PlateState, StockRow, TrackingRule,
};
use protocol::identity::HoldId;
use protocol::quantity::{Quantity, UnitFactor};
use protocol::words::{IdentifierCode, LotNo};

use super::SiteView;

impl SiteView<'_> {
    pub(super) fn location(&self, id: LocationId) -> Option<LocationRow> {
        let location = self.tables.row::<Locations>(&id)?;
        let site = self.tables.row::<ledger::schema::place::Sites>(&location.site)?;
        Some(LocationRow {
            location: location.code.clone(),
            name: location.name.clone(),
            site: site.code.clone(),
            time_zone: location.time_zone.clone(),
            bin_mandatory: location.bin_mandatory,
            receipt_bin: self.bin_code(location.receipt_bin).flatten(),
            shipment_bin: self.bin_code(location.shipment_bin).flatten(),
            in_transit: location.in_transit,
        })
    }

    pub(super) fn bin(&self, id: BinId) -> Option<BinRow> {
        let bin = self.tables.row::<Bins>(&id)?;
        if bin.deleted || !self.is_ours(bin.location) {
            return None;
        }
        Some(BinRow {
            location: self.location_code(bin.location)?,
            bin: bin.code.clone(),
            zone: bin.zone.clone(),
            kind: bin.kind,
            blocked: bin.blocked,
        })
    }

    pub(super) fn item(&self, id: ItemId) -> Option<ItemRow> {
        let item = self.tables.row::<Items>(&id)?;
        let units = self.tables.list::<ItemUnits>(&KeyRange::prefix(&(id,)));
        let base = ItemUnit { unit: item.base_unit.clone(), factor: UnitFactor::ONE };
        let mut units: Vec<ItemUnit> = units
            .into_iter()
            .filter_map(|((_item, unit), row)| {
                Some(ItemUnit { unit: self.unit_code(unit)?, factor: row.factor })
            })
            .filter(|unit| unit.unit != base.unit)
            .collect();
        units.insert(0, base);
        let variants = self.tables.list::<VariantsByCode>(&KeyRange::prefix(&(id,)));
        Some(ItemRow {
            item: item.no.clone(),
            description: item.description.clone(),
            base_unit: item.base_unit.clone(),
            precision: item.precision,
            units,
            variants: variants.into_iter().map(|((_item, code), _id)| code).collect(),
            variant_required: item.variant_required,
            tracking: self.tracking_rule(&item),
            blocked: item.blocked,
            supervisor_from: item.supervisor_from,
            second_count_from: item.second_count_from,
        })
    }

    fn tracking_rule(&self, item: &Item) -> TrackingRule {
        item.tracking_code
            .as_ref()
            .and_then(|code| self.tables.row::<TrackingCodes>(code))
            .map(|code| code.rule)
            .unwrap_or_default()
    }

    pub(crate) fn identifier(&self, code: IdentifierCode) -> Option<IdentifierRow> {
        let identifier = self.tables.row::<Identifiers>(&code)?;
        let meanings: Vec<_> =
            identifier.meanings.iter().filter_map(|meaning| self.meaning(*meaning)).collect();
        (!meanings.is_empty()).then_some(IdentifierRow { code, meanings })
    }

    fn meaning(&self, meaning: Meaning) -> Option<IdentifierMeaning> {
        Some(IdentifierMeaning {
            item: self.item_no(meaning.item)?,
            variant: self.variant_code(meaning.variant),
            unit: self.unit_code(meaning.unit),
        })
    }

    pub(super) fn lot(&self, key: &(ItemId, VariantId, LotNo)) -> Option<LotRow> {
        let lot = self.tables.row::<Lots>(key)?;
        let (item, variant, no) = key;
        Some(LotRow {
            item: self.item_no(*item)?,
            variant: self.variant_code(*variant),
            lot: no.clone(),
            expiry: lot.expiry,
            blocked: lot.blocked,
            provisional: lot.provisional,
        })
    }

    /// What lies under `key`, with `quantity` of it.
    pub(super) fn stock_row(&self, key: &StockKey, quantity: Option<Quantity>) -> Option<StockRow> {
        Some(StockRow {
            location: self.location_code(key.location)?,
            bin: self.bin_code(key.bin)?,
            plate: self.plate_no(key.plate),
            item: self.item_no(key.item)?,
            variant: self.variant_code(key.variant),
            unit: self.unit_code(key.unit),
            tracking: self.tracking(key.tracking),
            quantity,
            held: Quantity::ZERO,
        })
    }

    pub(super) fn stock(&self, key: &StockKey) -> Option<StockRow> {
        let stock = self.tables.row::<Stocks>(key)?;
        if !self.is_ours(key.location) {
            return None;
        }
        if self.is_blind(key.location, key.bin) {
            return self.stock_row(key, None);
        }
        let row = self.stock_row(key, Some(stock.quantity))?;
        Some(StockRow { held: stock.held, ..row })
    }

    pub(super) fn plate(&self, id: PlateId) -> Option<PlateRow> {
        let plate = self.tables.row::<Plates>(&id)?;
        let gone = matches!(plate.state, PlateState::Shipped | PlateState::Void);
        if gone || !self.is_ours(plate.location) {
            return None;
        }
        Some(PlateRow {
            plate: plate.no.clone(),
            location: self.location_code(plate.location)?,
            bin: self.bin_code(plate.bin)?,
            parent: self.plate_no(plate.parent),
            state: plate.state,
        })
    }

    pub(super) fn hold(&self, id: HoldId) -> Option<HoldRow> {
        let hold = self.tables.row::<Holds>(&id)?;
        if !self.is_ours(hold.key.location) {
            return None;
        }
        let blind = self.is_blind(hold.key.location, hold.key.bin);
        let quantity = (!blind).then_some(hold.quantity);
        Some(HoldRow {
            hold: id,
            stock: self.stock_row(&hold.key, quantity)?,
            reason: hold.reason.clone(),
        })
    }
}
