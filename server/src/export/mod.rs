//! Writing a company to the same CSV files that an import reads.
//!
//! Master records are written as they are. Stock is written as opening stock, orders with what is
//! still outstanding, so that an import into an empty company continues where this one stands.
//! What the files cannot say is told, row by row, in [`left_out`]. Secrets leave as verifiers only.

pub mod left_out;

use std::sync::Arc;

use ledger::key::KeyRange;
use ledger::schema::dimension::DefaultDimensions;
use ledger::schema::document::{Document, DocumentLine, DocumentLines, Documents};
use ledger::schema::identity::Operators;
use ledger::schema::item::{Identifiers, ItemUnits, Items, TrackingCodes, Units, Variants};
use ledger::schema::place::{Bins, Locations, Plates, Sites};
use ledger::schema::stock::Stocks;
use ledger::schema::tracking::{Lots, TrackingKey, TrackingKeys};
use ledger::schema::{BinId, ItemId, LocationId, PlateId, SiteId, StockKey, UnitId, VariantId};
use ledger::tables::{Read as _, Tables};
use protocol::feed::DocumentStatus;
use protocol::identity::ServerTime;
use protocol::operation::DocumentKind;
use protocol::quantity::{Quantity, UnitFactor};
use protocol::words::{
    BinCode, DocumentNo, ItemNo, LocationCode, PlateNo, SiteCode, UnitCode, VariantCode,
};

use self::left_out::{LeftOut, Why};
use crate::desk::rights;
use crate::exchange::cell::{DimensionRecord, Roles};
use crate::exchange::line::{
    BinLine, DimensionLine, IdentifierLine, ItemLine, ItemUnitLine, LocationLine, LotLine,
    OperatorLine, PurchaseLine, SalesLine, SiteLine, StockLine, TrackingCodeLine, TransferLine,
    VariantLine,
};
use crate::exchange::{At, Batch};
use crate::secret;
use crate::view::names::Names;

/// Everything that the files hold, from one cut, as of `now` (for rights), and what is left out.
pub fn collect(tables: &dyn Tables, now: ServerTime) -> (Batch, Vec<LeftOut>) {
    let codes = Codes(tables);
    let mut skipped = Vec::new();
    let mut batch = Batch::default();
    codes.items(&mut batch);
    codes.places(&mut batch);
    codes.dimensions(&mut batch);
    codes.people(&mut batch, now);
    codes.stock(&mut batch, &mut skipped);
    codes.orders(&mut batch, &mut skipped);
    skipped.sort();
    (batch.normalised(), skipped)
}

fn row<L>(row: L) -> At<L> {
    At { line: 0, row }
}

/// Codes for the numbers in keys. Everything here was written through the ledger, which never
/// leaves a number without its row; a row that leads nowhere all the same is left out.
struct Codes<'a>(&'a dyn Tables);

impl Codes<'_> {
    fn item(&self, id: ItemId) -> Option<ItemNo> {
        self.0.row::<Items>(&id).map(|row| row.no.clone())
    }

    fn variant(&self, id: VariantId) -> Option<VariantCode> {
        self.0.row::<Variants>(&id).map(|row| row.code.clone())
    }

    fn unit(&self, id: UnitId) -> Option<UnitCode> {
        self.0.row::<Units>(&id).map(|code| (*code).clone())
    }

    fn location(&self, id: LocationId) -> Option<LocationCode> {
        self.0.row::<Locations>(&id).map(|row| row.code.clone())
    }

    fn bin(&self, id: BinId) -> Option<BinCode> {
        self.0.row::<Bins>(&id).map(|row| row.code.clone())
    }

    fn site(&self, id: SiteId) -> Option<SiteCode> {
        self.0.row::<Sites>(&id).map(|row| row.code.clone())
    }

    fn plate(&self, id: PlateId) -> Option<PlateNo> {
        self.0.row::<Plates>(&id).map(|row| row.no.clone())
    }

    fn dimensions(&self, batch: &mut Batch) {
        for ((kind, code), said) in self.0.list::<DefaultDimensions>(&KeyRange::all()) {
            let Some(record) = DimensionRecord::from_number(kind) else { continue };
            batch.default_dimensions.extend(said.0.iter().map(|(dimension, value)| {
                row(DimensionLine {
                    record,
                    code: code.clone(),
                    dimension: dimension.clone(),
                    value: value.clone(),
                })
            }));
        }
    }

    fn items(&self, batch: &mut Batch) {
        let tables = self.0;
        for (code, rules) in tables.list::<TrackingCodes>(&KeyRange::all()) {
            batch.tracking_codes.push(row(TrackingCodeLine {
                code,
                lot: rules.rule.lot,
                serial: rules.rule.serial,
                package: rules.rule.package,
                expiry: rules.rule.expiry,
                lot_specific: rules.lot_specific,
                serial_specific: rules.serial_specific,
                package_specific: rules.package_specific,
                strict_expiration: rules.strict_expiration,
            }));
        }
        for (_id, card) in tables.list::<Items>(&KeyRange::all()) {
            batch.items.push(row(item_line(&card)));
        }
        for ((item, unit), line) in tables.list::<ItemUnits>(&KeyRange::all()) {
            let card = tables.row::<Items>(&item);
            let codes = card.zip(self.unit(unit)).filter(|(card, unit)| card.base_unit != *unit);
            batch.item_units.extend(codes.map(|(card, unit)| {
                row(ItemUnitLine { item: card.no.clone(), unit, factor: line.factor })
            }));
        }
        for (_id, variant) in tables.list::<Variants>(&KeyRange::all()) {
            batch.variants.extend(self.item(variant.item).map(|item| {
                row(VariantLine {
                    item,
                    variant: variant.code.clone(),
                    description: variant.description.clone(),
                    blocked: variant.blocked,
                })
            }));
        }
        for (code, identifier) in tables.list::<Identifiers>(&KeyRange::all()) {
            for meaning in &identifier.meanings {
                batch.identifiers.extend(self.item(meaning.item).map(|item| {
                    row(IdentifierLine {
                        code: code.clone(),
                        item,
                        variant: self.variant(meaning.variant),
                        unit: self.unit(meaning.unit),
                    })
                }));
            }
        }
        for ((item, variant, lot), card) in tables.list::<Lots>(&KeyRange::all()) {
            batch.lots.extend(self.item(item).map(|item| {
                row(LotLine {
                    item,
                    variant: self.variant(variant),
                    lot,
                    expiry: card.expiry,
                    blocked: card.blocked,
                })
            }));
        }
    }

    fn places(&self, batch: &mut Batch) {
        for (_id, site) in self.0.list::<Sites>(&KeyRange::all()) {
            batch.sites.push(row(SiteLine {
                site: site.code.clone(),
                never_quantities: site.never_quantities,
                separator: site.separator.clone(),
            }));
        }
        for (_id, location) in self.0.list::<Locations>(&KeyRange::all()) {
            batch.locations.extend(self.site(location.site).map(|site| {
                row(LocationLine {
                    location: location.code.clone(),
                    name: location.name.clone(),
                    site,
                    time_zone: location.time_zone.clone(),
                    bin_mandatory: location.bin_mandatory,
                    directed: location.directed,
                    in_transit: location.in_transit,
                    receipt_bin: self.bin(location.receipt_bin),
                    shipment_bin: self.bin(location.shipment_bin),
                })
            }));
        }
        for (_id, bin) in self.0.list::<Bins>(&KeyRange::all()) {
            let location = self.location(bin.location).filter(|_code| !bin.deleted);
            batch.bins.extend(location.map(|location| {
                row(BinLine {
                    location,
                    bin: bin.code.clone(),
                    zone: bin.zone.clone(),
                    kind: bin.kind,
                    ranking: Some(bin.ranking).filter(|ranking| *ranking != 0),
                    blocked: bin.blocked,
                })
            }));
        }
    }

    fn people(&self, batch: &mut Batch, now: ServerTime) {
        for (operator, card) in self.0.list::<Operators>(&KeyRange::all()) {
            let mut roles: Vec<_> = rights::Roles::of(self.0, &operator, now)
                .0
                .into_iter()
                .filter(|(_role, id)| *id == LocationId(0) || self.location(*id).is_some())
                .map(|(role, id)| (role, self.location(id)))
                .collect();
            roles.sort();
            let given = |verifier: &String| Some(verifier.clone()).filter(|text| !text.is_empty());
            batch.operators.push(row(OperatorLine {
                operator,
                name: card.name.clone(),
                language: Some(card.language.clone()).filter(|language| language != "en"),
                roles: Roles(roles),
                disabled: card.disabled,
                badge: None,
                pin: None,
                password: None,
                badge_hash: card.badge_hash.map(|hash| secret::hex(&hash)),
                pin_verifier: given(&card.pin_verifier),
                password_verifier: given(&card.password_verifier),
            }));
        }
    }

    fn stock(&self, batch: &mut Batch, skipped: &mut Vec<LeftOut>) {
        for (key, stock) in self.0.list::<Stocks>(&KeyRange::all()) {
            if !stock.quantity.is_positive() {
                if stock.quantity.is_negative() {
                    skipped.push(self.below_zero(&key, stock.quantity));
                }
                continue;
            }
            let Some((location, item)) = self.location(key.location).zip(self.item(key.item))
            else {
                continue;
            };
            let tracking = self.0.row::<TrackingKeys>(&key.tracking);
            let (unit, quantity) = self.in_unit(key.item, key.unit, stock.quantity);
            batch.opening_stock.push(row(StockLine {
                location,
                bin: self.bin(key.bin),
                plate: self.plate(key.plate),
                item,
                variant: self.variant(key.variant),
                unit,
                quantity,
                lot: tracking.as_ref().and_then(|known| known.lot.clone()),
                serial: tracking.as_ref().and_then(|known| known.serial.clone()),
                package: tracking.as_ref().and_then(|known| known.package.clone()),
                expiry: tracking.as_deref().and_then(|known| self.expiry(known)),
            }));
        }
    }

    fn below_zero(&self, key: &StockKey, quantity: Quantity) -> LeftOut {
        let name = Names(self.0).stock(key);
        let tracking = name.tracking;
        let words = [
            Some(name.location),
            name.bin,
            name.plate,
            Some(name.item),
            name.variant,
            tracking.lot,
            tracking.serial,
            tracking.package,
        ];
        let words: Vec<String> = words.into_iter().flatten().collect();
        let what = format!("{} {quantity}", words.join(" "));
        LeftOut { file: left_out::STOCK, why: Why::BelowZero, what }
    }

    fn expiry(&self, known: &TrackingKey) -> Option<chrono::NaiveDate> {
        let of = (known.item, known.variant);
        ledger::tracking::expiry_of(self.0, of, known.lot.as_ref(), known.serial.as_ref())
    }

    /// A base quantity in `unit`; in the base unit (none) where it does not come out even.
    fn in_unit(&self, item: ItemId, unit: UnitId, base: Quantity) -> (Option<UnitCode>, Quantity) {
        let factor = self.0.row::<ItemUnits>(&(item, unit)).map(|row| row.factor);
        let exact = factor.and_then(|factor| divided(base, factor));
        let base_unit = self.0.row::<Items>(&item).map(|card| card.base_unit.clone());
        let code = self.unit(unit).filter(|code| Some(code) != base_unit.as_ref());
        match (code, exact) {
            (Some(code), Some(quantity)) => (Some(code), quantity),
            _ => (None, base),
        }
    }

    fn orders(&self, batch: &mut Batch, skipped: &mut Vec<LeftOut>) {
        for ((kind, no), document) in self.0.list::<Documents>(&KeyRange::all()) {
            let open = matches!(document.status, DocumentStatus::Open | DocumentStatus::Released);
            let file = left_out::file_of(kind);
            let why = match file {
                None => Some(Why::NoFile),
                Some(_) if !open => Some(Why::Ended),
                Some(_) if document.provisional => Some(Why::Provisional),
                Some(_) => None,
            };
            let file = file.unwrap_or_default();
            if let Some(why) = why {
                skipped.push(LeftOut { file, why, what: no.to_string() });
                continue;
            }
            let lines = self.0.list::<DocumentLines>(&KeyRange::prefix(&(kind, no.clone())));
            for ((_kind, _no, number), line) in lines {
                if self.order_line(batch, (kind, &no, &document), (number, &line)).is_none() {
                    let what = format!("{no} line {number}");
                    skipped.push(LeftOut { file, why: Why::NothingOutstanding, what });
                }
            }
        }
    }

    fn order_line(
        &self,
        batch: &mut Batch,
        (kind, no, document): (DocumentKind, &DocumentNo, &Arc<Document>),
        (number, line): (u32, &Arc<DocumentLine>),
    ) -> Option<()> {
        let outstanding = line.quantity.checked_sub(line.handled).filter(|q| q.is_positive())?;
        let (unit, quantity) = self.in_unit(line.item, line.unit, outstanding);
        let item = self.item(line.item)?;
        let variant = self.variant(line.variant);
        let tracking = self.0.row::<TrackingKeys>(&line.tracking);
        let lot = tracking.as_ref().and_then(|known| known.lot.clone());
        let serial = tracking.as_ref().and_then(|known| known.serial.clone());
        let location = self.location(document.location)?;
        let (partner, partner_name) = (document.partner.clone(), document.partner_name.clone());
        let (status, due) = (document.status, document.due);
        let (document_date, no) = (document.document_date, no.clone());
        match kind {
            DocumentKind::PurchaseOrder => batch.purchase_orders.push(row(PurchaseLine {
                document: no,
                partner,
                partner_name,
                location,
                status,
                document_date,
                due,
                line: number,
                item,
                variant,
                unit,
                quantity,
                lot,
                serial,
            })),
            DocumentKind::SalesOrder => batch.sales_orders.push(row(SalesLine {
                document: no,
                partner,
                partner_name,
                location,
                status,
                document_date,
                due,
                line: number,
                item,
                variant,
                unit,
                quantity,
                lot,
                serial,
            })),
            DocumentKind::TransferOrder => batch.transfer_orders.push(row(TransferLine {
                document: no,
                location,
                to_location: self.location(document.to_location?)?,
                in_transit: document.in_transit.and_then(|id| self.location(id)),
                status,
                document_date,
                due,
                line: number,
                item,
                variant,
                unit,
                quantity,
                lot,
                serial,
            })),
            DocumentKind::PurchaseReturnOrder
            | DocumentKind::SalesReturnOrder
            | DocumentKind::AssemblyOrder
            | DocumentKind::CountOrder => {}
        }
        Some(())
    }
}

fn item_line(card: &ledger::schema::item::Item) -> ItemLine {
    let some = |quantity: Quantity| Some(quantity).filter(|quantity| !quantity.is_zero());
    let finest = Quantity::from_units(1);
    ItemLine {
        item: card.no.clone(),
        description: card.description.clone(),
        item_type: card.item_type,
        base_unit: card.base_unit.clone(),
        precision: Some(card.precision).filter(|precision| Some(*precision) != finest),
        costing_method: card.costing_method,
        tracking_code: card.tracking_code.clone(),
        variant_required: card.variant_required,
        blocked: card.blocked,
        negative_inventory: card.negative_inventory,
        count_tolerance: some(card.count_tolerance),
        second_count_from: card.second_count_from,
        supervisor_from: card.supervisor_from,
        shelf_life_days: card.shelf_life_days,
        over_receipt_percent: some(card.over_receipt_percent),
        category: card.category.clone(),
    }
}

/// `base ÷ factor` where that has at most five decimals.
fn divided(base: Quantity, factor: UnitFactor) -> Option<Quantity> {
    let scaled = base.units().checked_mul(100_000)?;
    let factor = factor.quantity().units();
    (scaled % factor == 0).then(|| Quantity::from_units(scaled / factor)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_is_given_in_its_unit_only_where_it_comes_out_even() {
        let quantity = |text: &str| text.parse::<Quantity>().unwrap();
        let divided =
            |base, factor| divided(quantity(base), UnitFactor::try_from(quantity(factor)).unwrap());
        assert_eq!(divided("100", "50"), Some(quantity("2")));
        assert_eq!(divided("12.5", "1"), Some(quantity("12.5")));
        assert_eq!(divided("1", "3"), None);
        assert_eq!(divided("1", "0.00001"), Some(quantity("100000")));
    }
}
