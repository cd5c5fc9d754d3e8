//! From the numbers in keys to what people call things, and to the page of each thing.

use std::sync::Arc;

use ledger::schema::identity::{Devices, Operators};
use ledger::schema::item::{Item, Items, ItemsByNo, Units, Variants};
use ledger::schema::place::{Bin, Bins, Location, Locations, Plates, Sites};
use ledger::schema::tracking::TrackingKeys;
use ledger::schema::{
    BinId, EntryNo, ItemId, LocationId, PlateId, SiteId, StockKey, TrackingId, UnitId, VariantId,
};
use ledger::tables::{Read as _, Tables};
use maud::{Markup, html};
use protocol::identity::{CaseId, DeviceId, OperationId};
use protocol::operation::{DocumentKind, Tracking};
use protocol::words::{DocumentNo, ItemNo, OperatorId};

use super::context::PageContext;
use super::format::NOTHING;
use super::part::code;
use super::query::encoded;

/// The item on the card of `id`.
pub fn item(view: &dyn Tables, id: ItemId) -> Option<Arc<Item>> {
    view.row::<Items>(&id)
}

/// The number of an item.
pub fn item_no(view: &dyn Tables, id: ItemId) -> String {
    item(view, id).map_or_else(|| format!("#{id}"), |item| item.no.to_string())
}

/// The item of this number.
pub fn item_of(view: &dyn Tables, no: &str) -> Option<ItemId> {
    view.row::<ItemsByNo>(&ItemNo::new(no).ok()?).map(|id| *id)
}

/// The base unit of an item.
pub fn base_unit(view: &dyn Tables, id: ItemId) -> String {
    item(view, id).map_or_else(String::new, |item| item.base_unit.to_string())
}

/// The code of a variant; empty for none.
pub fn variant(view: &dyn Tables, id: VariantId) -> String {
    if id.0 == 0 {
        return String::new();
    }
    view.row::<Variants>(&id).map_or_else(|| format!("#{id}"), |variant| variant.code.to_string())
}

/// The code of a unit; empty for the base unit.
pub fn unit(view: &dyn Tables, id: UnitId) -> String {
    if id.0 == 0 {
        return String::new();
    }
    view.row::<Units>(&id).map_or_else(|| format!("#{id}"), |code| code.to_string())
}

/// A location.
pub fn location(view: &dyn Tables, id: LocationId) -> Option<Arc<Location>> {
    view.row::<Locations>(&id)
}

/// The code of a location.
pub fn location_code(view: &dyn Tables, id: LocationId) -> String {
    location(view, id).map_or_else(|| format!("#{id}"), |location| location.code.to_string())
}

/// A bin.
pub fn bin(view: &dyn Tables, id: BinId) -> Option<Arc<Bin>> {
    view.row::<Bins>(&id)
}

/// The code of a bin; empty for none.
pub fn bin_code(view: &dyn Tables, id: BinId) -> String {
    if id.0 == 0 {
        return String::new();
    }
    bin(view, id).map_or_else(|| format!("#{id}"), |bin| bin.code.to_string())
}

/// The number of a licence plate; empty for none.
pub fn plate_no(view: &dyn Tables, id: PlateId) -> String {
    if id.0 == 0 {
        return String::new();
    }
    view.row::<Plates>(&id).map_or_else(|| format!("#{id}"), |plate| plate.no.to_string())
}

/// Lot, serial and package; empty for none.
pub fn tracking(view: &dyn Tables, id: TrackingId) -> String {
    if id.0 == 0 {
        return String::new();
    }
    view.row::<TrackingKeys>(&id).map_or_else(
        || format!("#{id}"),
        |key| {
            tracking_text(&Tracking {
                lot: key.lot.clone(),
                serial: key.serial.clone(),
                package: key.package.clone(),
            })
        },
    )
}

/// Lot, serial and package in one text.
pub fn tracking_text(tracking: &Tracking) -> String {
    let lot = tracking.lot.as_ref().map(ToString::to_string);
    let serial = tracking.serial.as_ref().map(ToString::to_string);
    let package = tracking.package.as_ref().map(ToString::to_string);
    [lot, serial, package].into_iter().flatten().collect::<Vec<_>>().join(" / ")
}

/// The code of a site.
pub fn site_code(view: &dyn Tables, id: SiteId) -> String {
    if id.0 == 0 {
        return NOTHING.to_owned();
    }
    view.row::<Sites>(&id).map_or_else(|| format!("#{id}"), |site| site.code.to_string())
}

/// The name of a device.
pub fn device_name(view: &dyn Tables, id: DeviceId) -> String {
    view.row::<Devices>(&id).map_or_else(|| format!("#{id}"), |device| device.name.clone())
}

/// The name of a person.
pub fn person(view: &dyn Tables, id: &OperatorId) -> String {
    view.row::<Operators>(id)
        .map(|operator| operator.name.clone())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| id.to_string())
}

/// The name of a person, or a dash.
pub fn person_if_any(view: &dyn Tables, id: Option<&OperatorId>) -> String {
    id.map_or_else(|| NOTHING.to_owned(), |id| person(view, id))
}

/// A link to an item.
pub fn item_link(view: &dyn Tables, id: ItemId) -> Markup {
    let no = item_no(view, id);
    html! { a href=(item_address(&no)) { (code(&no)) } }
}

/// The page of an item.
pub fn item_address(no: &str) -> String {
    format!("/items/{}", encoded(no))
}

/// The page of an item's stock.
pub fn stock_address(no: &str) -> String {
    format!("/stock/item/{}", encoded(no))
}

/// The page of a bin.
pub fn bin_address(location: &str, bin: &str) -> String {
    format!("/bins/{}/{}", encoded(location), encoded(bin))
}

/// A link to a bin, with its location; the location alone where there are no bins.
pub fn bin_link(view: &dyn Tables, location: LocationId, bin: BinId) -> Markup {
    let location = location_code(view, location);
    let bin = bin_code(view, bin);
    place_link(&location, &bin)
}

/// A link to the bin of these codes; without a bin the location alone.
pub fn place_link(location: &str, bin: &str) -> Markup {
    if bin.is_empty() {
        return code(location);
    }
    html! {
        a href=(bin_address(location, bin)) { (code(bin)) } " " span class="muted" { (code(location)) }
    }
}

/// A link to the operations and state of a device, or the desk.
pub fn device_link(view: &dyn Tables, context: &PageContext, id: DeviceId) -> Markup {
    if id.0 == 0 {
        return html! { (context.t("desk")) };
    }
    html! { a href={ "/devices/" (id) } { (device_name(view, id)) } }
}

/// A link to an operation.
pub fn operation_link(id: OperationId) -> Markup {
    html! { a href=(operation_address(id)) { (code(&id.to_string())) } }
}

/// The page of an operation.
pub fn operation_address(id: OperationId) -> String {
    format!("/operations/{id}")
}

/// The operation that a text such as `3-1-17` names.
pub fn operation_of(text: &str) -> Option<OperationId> {
    use protocol::identity::{Incarnation, Seq};
    let mut parts = text.splitn(3, '-');
    let device = DeviceId(parts.next()?.parse().ok()?);
    let incarnation = Incarnation(parts.next()?.parse().ok()?);
    let seq = Seq(parts.next()?.parse().ok()?);
    Some(OperationId { device, incarnation, seq })
}

/// A link to a case.
pub fn case_link(context: &PageContext, id: CaseId) -> Markup {
    html! { a href={ "/workbench/" (id) } { (context.say("case-n", &[("n", &id.to_string())])) } }
}

/// The page of an item ledger entry.
pub fn item_entry_address(entry: EntryNo) -> String {
    format!("/entries/item/{entry}")
}

/// The page of a warehouse entry.
pub fn warehouse_entry_address(entry: EntryNo) -> String {
    format!("/entries/warehouse/{entry}")
}

/// The word of a kind of document in addresses.
pub const fn document_word(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::PurchaseOrder => "purchase_order",
        DocumentKind::PurchaseReturnOrder => "purchase_return_order",
        DocumentKind::SalesOrder => "sales_order",
        DocumentKind::SalesReturnOrder => "sales_return_order",
        DocumentKind::TransferOrder => "transfer_order",
        DocumentKind::AssemblyOrder => "assembly_order",
        DocumentKind::CountOrder => "count_order",
    }
}

/// Every kind of document.
pub const DOCUMENT_KINDS: [DocumentKind; 7] = [
    DocumentKind::PurchaseOrder,
    DocumentKind::PurchaseReturnOrder,
    DocumentKind::SalesOrder,
    DocumentKind::SalesReturnOrder,
    DocumentKind::TransferOrder,
    DocumentKind::AssemblyOrder,
    DocumentKind::CountOrder,
];

/// The page of a document.
pub fn document_address(kind: DocumentKind, no: &DocumentNo) -> String {
    format!("/documents/{}/{}", document_word(kind), encoded(no.as_str()))
}

/// A link to a document.
pub fn document_link(kind: DocumentKind, no: &DocumentNo) -> Markup {
    html! { a href=(document_address(kind, no)) { (code(no.as_str())) } }
}

/// A stock key as one part of an address.
pub fn key_text(key: &StockKey) -> String {
    format!(
        "{}-{}-{}-{}-{}-{}-{}",
        key.location, key.bin, key.plate, key.item, key.variant, key.unit, key.tracking
    )
}

/// The stock key that a part of an address names.
pub fn key_of(text: &str) -> Option<StockKey> {
    let parts: Vec<&str> = text.split('-').collect();
    let [location, bin, plate, item, variant, unit, tracking] = parts.as_slice() else {
        return None;
    };
    Some(StockKey {
        location: LocationId(location.parse().ok()?),
        bin: BinId(bin.parse().ok()?),
        plate: PlateId(plate.parse().ok()?),
        item: ItemId(item.parse().ok()?),
        variant: VariantId(variant.parse().ok()?),
        unit: UnitId(unit.parse().ok()?),
        tracking: TrackingId(tracking.parse().ok()?),
    })
}

/// The page of a stock figure.
pub fn figure_address(key: &StockKey) -> String {
    format!("/stock/figure/{}", key_text(key))
}

/// What of a stock key is more than item and bin: variant, unit, plate, tracking.
pub fn key_rest(view: &dyn Tables, key: &StockKey) -> Markup {
    let parts = [
        variant(view, key.variant),
        unit(view, key.unit),
        plate_no(view, key.plate),
        tracking(view, key.tracking),
    ];
    html! { @for part in parts.iter().filter(|part| !part.is_empty()) { (code(part)) " " } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_operations_read_back_from_addresses() {
        let key = key_of("1-2-0-4-0-0-7").unwrap();
        assert_eq!(key_text(&key), "1-2-0-4-0-0-7");
        assert_eq!(key_of("1-2-0-4-0-0"), None);
        assert_eq!(key_of("1-2-0-4-0-0-x"), None);
        let operation = operation_of("17-2-345").unwrap();
        assert_eq!(operation.to_string(), "17-2-345");
        assert_eq!(operation_of("17-2"), None);
    }
}
