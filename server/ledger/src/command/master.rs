//! Items and what belongs to them.

use chrono::NaiveDate;
use protocol::barcode::{NotLookedUp, check_looked_up};
use protocol::code::Code;
use protocol::feed::TrackingRule;
use protocol::outcome::Reason;
use protocol::quantity::{Quantity, UnitFactor};
use protocol::words::{IdentifierCode, ItemNo, LotNo, TrackingCode, UnitCode, VariantCode};
use serde::{Deserialize, Serialize};

use crate::command::{not_found, out_of_range};
use crate::draft::Draft;
use crate::lookup;
use crate::posting::{Posting, Stop};
use crate::schema::item::{
    CostingMethod, Identifier, Identifiers, Item, ItemType, ItemUnitRow, ItemUnits, Items,
    ItemsByNo, Meaning, NegativeInventory, TrackingCodeRow, TrackingCodes, Units, UnitsByCode,
    Variant, Variants, VariantsByCode,
};
use crate::schema::tracking::{Lot, Lots};
use crate::schema::{Counter, ItemId, UnitId, VariantId, next_number};
use crate::tables::Read as _;
use crate::tracking::lot;

/// Makes or changes a set of tracking rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts of one row, each named on its own"
)]
pub struct PutTrackingCode {
    /// Its code.
    pub code: TrackingCode,
    /// What must be captured.
    #[serde(default)]
    pub rule: TrackingRule,
    /// A decrease takes from the increase with the same serial number.
    #[serde(default)]
    pub serial_specific: bool,
    /// … with the same lot.
    #[serde(default)]
    pub lot_specific: bool,
    /// … with the same package.
    #[serde(default)]
    pub package_specific: bool,
    /// Expired goods may not leave.
    #[serde(default)]
    pub strict_expiration: bool,
}

/// Makes or changes an item card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutItem {
    /// Its number.
    pub item: ItemNo,
    /// What people call it.
    #[serde(default)]
    pub description: String,
    /// What it is.
    #[serde(default)]
    pub item_type: ItemType,
    /// The unit that stock is kept in. Fixed once the item has entries.
    pub base_unit: UnitCode,
    /// Base quantities are multiples of this; 0.00001 when it is left out.
    #[serde(default)]
    pub precision: Option<Quantity>,
    /// How decreases take from increases. Fixed once the item has entries.
    #[serde(default)]
    pub costing_method: CostingMethod,
    /// Its tracking rules.
    #[serde(default)]
    pub tracking_code: Option<TrackingCode>,
    /// Whether a variant must be named.
    #[serde(default)]
    pub variant_required: bool,
    /// No movement of any kind is wanted.
    #[serde(default)]
    pub blocked: bool,
    /// Whether stock may go below zero at the desk.
    #[serde(default)]
    pub negative_inventory: NegativeInventory,
    /// A count difference up to this much is settled without asking.
    #[serde(default)]
    pub count_tolerance: Quantity,
    /// From this difference on, a count is asked for twice.
    #[serde(default)]
    pub second_count_from: Option<Quantity>,
    /// From this base quantity on, an adjustment needs a supervisor.
    #[serde(default)]
    pub supervisor_from: Option<Quantity>,
    /// Shelf life in days.
    #[serde(default)]
    pub shelf_life_days: Option<u32>,
    /// How many percent more than ordered may be received without asking.
    #[serde(default)]
    pub over_receipt_percent: Quantity,
    /// The category it belongs to.
    #[serde(default)]
    pub category: String,
}

/// Makes or changes a unit of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutItemUnit {
    /// The item.
    pub item: ItemNo,
    /// The unit.
    pub unit: UnitCode,
    /// How many base units it holds.
    pub factor: UnitFactor,
}

/// Makes or changes a variant of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutVariant {
    /// The item.
    pub item: ItemNo,
    /// The variant.
    pub variant: VariantCode,
    /// What people call it.
    #[serde(default)]
    pub description: String,
    /// No movement is wanted.
    #[serde(default)]
    pub blocked: bool,
}

/// One meaning of a barcode or reference. A code may have several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutIdentifier {
    /// The text of the code.
    pub code: IdentifierCode,
    /// The item it stands for.
    pub item: ItemNo,
    /// The variant, where the code names one.
    #[serde(default)]
    pub variant: Option<VariantCode>,
    /// The unit, where the code names one.
    #[serde(default)]
    pub unit: Option<UnitCode>,
}

/// Makes or changes a lot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutLot {
    /// The item.
    pub item: ItemNo,
    /// Its variant.
    #[serde(default)]
    pub variant: Option<VariantCode>,
    /// The lot.
    pub lot: LotNo,
    /// When it expires.
    #[serde(default)]
    pub expiry: Option<NaiveDate>,
    /// No movement is wanted.
    #[serde(default)]
    pub blocked: bool,
}

#[expect(clippy::unnecessary_wraps, reason = "one shape for every command of the dispatcher")]
pub(crate) fn put_tracking_code(
    posting: &mut Posting<'_, '_>,
    put: &PutTrackingCode,
) -> Result<(), Stop> {
    let row = TrackingCodeRow {
        rule: put.rule,
        serial_specific: put.serial_specific,
        lot_specific: put.lot_specific,
        package_specific: put.package_specific,
        strict_expiration: put.strict_expiration,
    };
    posting.draft.put::<TrackingCodes>(&put.code, row);
    Ok(())
}

/// The number of a unit of measure, given at its first use.
pub(crate) fn unit_id(draft: &mut Draft<'_>, code: &UnitCode) -> UnitId {
    if let Some(id) = draft.row::<UnitsByCode>(code) {
        return *id;
    }
    let id = UnitId(small(next_number(draft, Counter::Unit)));
    draft.put::<UnitsByCode>(code, id);
    draft.put::<Units>(&id, code.clone());
    id
}

/// Numbers of master records are given one by one, by people: they never reach 2³².
pub(crate) fn small(number: u64) -> u32 {
    u32::try_from(number).expect("no company has four thousand million records of one kind")
}

pub(crate) fn put_item(posting: &mut Posting<'_, '_>, put: &PutItem) -> Result<(), Stop> {
    let precision = put.precision.unwrap_or_else(smallest);
    if !precision.is_positive() {
        return Err(out_of_range("precision"));
    }
    if let Some(code) = &put.tracking_code
        && !posting.draft.has::<TrackingCodes>(code)
    {
        return Err(not_found(code));
    }
    let known = posting.draft.row::<ItemsByNo>(&put.item).map(|id| *id);
    let id = known.unwrap_or_else(|| ItemId(small(next_number(posting.draft, Counter::Item))));
    let row = Item {
        no: put.item.clone(),
        description: put.description.clone(),
        item_type: put.item_type,
        base_unit: put.base_unit.clone(),
        precision,
        costing_method: put.costing_method,
        tracking_code: put.tracking_code.clone(),
        variant_required: put.variant_required,
        blocked: put.blocked,
        negative_inventory: put.negative_inventory,
        count_tolerance: put.count_tolerance,
        second_count_from: put.second_count_from,
        supervisor_from: put.supervisor_from,
        shelf_life_days: put.shelf_life_days,
        over_receipt_percent: put.over_receipt_percent,
        category: put.category.clone(),
    };
    if known.is_some() {
        check_fixed(posting, id, &row)?;
    }
    let unit = unit_id(posting.draft, &put.base_unit);
    posting.draft.put::<ItemsByNo>(&put.item, id);
    posting.draft.put::<Items>(&id, row);
    posting.draft.put::<ItemUnits>(&(id, unit), ItemUnitRow { factor: UnitFactor::ONE });
    Ok(())
}

/// What the book was written with does not change under it.
fn check_fixed(posting: &Posting<'_, '_>, id: ItemId, row: &Item) -> Result<(), Stop> {
    use crate::key::KeyRange;
    use crate::schema::entry::ItemLedgerByItem;
    let Some(before) = posting.draft.row::<Items>(&id) else { return Ok(()) };
    let has_entries =
        || posting.draft.first::<ItemLedgerByItem>(&KeyRange::prefix(&(id,))).is_some();
    if before.base_unit != row.base_unit && has_entries() {
        return Err(out_of_range("base_unit"));
    }
    if before.costing_method != row.costing_method && has_entries() {
        let reason = Reason::new(Code::CostingMethodLocked).word("item", &before.no);
        return Err(Stop::Refuse(reason));
    }
    Ok(())
}

fn smallest() -> Quantity {
    Quantity::from_units(1).unwrap_or(Quantity::ONE)
}

pub(crate) fn put_item_unit(posting: &mut Posting<'_, '_>, put: &PutItemUnit) -> Result<(), Stop> {
    let (item, card) = lookup::item(posting.draft, &put.item).map_err(Stop::Refuse)?;
    if put.unit == card.base_unit && put.factor != UnitFactor::ONE {
        return Err(out_of_range("factor"));
    }
    let unit = unit_id(posting.draft, &put.unit);
    posting.draft.put::<ItemUnits>(&(item, unit), ItemUnitRow { factor: put.factor });
    touch_item(posting, item);
    Ok(())
}

pub(crate) fn put_variant(posting: &mut Posting<'_, '_>, put: &PutVariant) -> Result<(), Stop> {
    let (item, _card) = lookup::item(posting.draft, &put.item).map_err(Stop::Refuse)?;
    let key = (item, put.variant.clone());
    let id = match posting.draft.row::<VariantsByCode>(&key) {
        Some(id) => *id,
        None => VariantId(small(next_number(posting.draft, Counter::Variant))),
    };
    let row = Variant {
        item,
        code: put.variant.clone(),
        description: put.description.clone(),
        blocked: put.blocked,
    };
    posting.draft.put::<VariantsByCode>(&key, id);
    posting.draft.put::<Variants>(&id, row);
    touch_item(posting, item);
    Ok(())
}

/// Units and variants travel with the item's card: it is shown again when they change.
fn touch_item(posting: &mut Posting<'_, '_>, item: ItemId) {
    if let Some(card) = posting.draft.row::<Items>(&item) {
        posting.draft.put::<Items>(&item, (*card).clone());
    }
}

fn meaning(posting: &mut Posting<'_, '_>, put: &PutIdentifier) -> Result<Meaning, Stop> {
    let (item, _card) = lookup::item(posting.draft, &put.item).map_err(Stop::Refuse)?;
    let variant =
        lookup::variant(posting.draft, item, put.variant.as_ref()).map_err(Stop::Refuse)?;
    let unit = match &put.unit {
        None => UnitId(0),
        Some(code) => lookup::unit(posting.draft, code).map_err(Stop::Refuse)?,
    };
    if unit.0 != 0 && !posting.draft.has::<ItemUnits>(&(item, unit)) {
        return Err(not_found(&put.unit.as_ref().map_or_else(String::new, ToString::to_string)));
    }
    Ok(Meaning { item, variant, unit })
}

pub(crate) fn put_identifier(
    posting: &mut Posting<'_, '_>,
    put: &PutIdentifier,
) -> Result<(), Stop> {
    check_looked_up(put.code.as_str()).map_err(|why| Stop::Refuse(no_lookup(&put.code, &why)))?;
    bind_identifier(posting, put)
}

fn no_lookup(text: &IdentifierCode, why: &NotLookedUp) -> Reason {
    let code = match why {
        NotLookedUp::LooksLikeGtin => Code::IdentifierMisread,
        NotLookedUp::Prefixed(_) | NotLookedUp::Label(Some(_)) => Code::IdentifierLookedUpAs,
        NotLookedUp::Unreadable(_) | NotLookedUp::Label(None) | NotLookedUp::Other(_) => {
            Code::IdentifierNamesNoItem
        }
    };
    let reason = Reason::new(code).word("code", text);
    match why.instead() {
        Some(instead) => reason.word("instead", instead),
        None => reason,
    }
}

/// Binds a code that somebody has scanned: whatever it is, it is looked up as it was scanned.
pub(crate) fn bind_identifier(
    posting: &mut Posting<'_, '_>,
    put: &PutIdentifier,
) -> Result<(), Stop> {
    let meaning = meaning(posting, put)?;
    let mut row = identifier(posting, &put.code);
    if let Err(place) = row.meanings.binary_search(&meaning) {
        row.meanings.insert(place, meaning);
    }
    posting.draft.put::<Identifiers>(&put.code, row);
    Ok(())
}

pub(crate) fn remove_identifier(
    posting: &mut Posting<'_, '_>,
    put: &PutIdentifier,
) -> Result<(), Stop> {
    let meaning = meaning(posting, put)?;
    let mut row = identifier(posting, &put.code);
    let before = row.meanings.len();
    row.meanings.retain(|known| *known != meaning);
    if row.meanings.len() == before {
        return Err(not_found(&put.code));
    }
    if row.meanings.is_empty() {
        posting.draft.delete::<Identifiers>(&put.code);
    } else {
        posting.draft.put::<Identifiers>(&put.code, row);
    }
    Ok(())
}

fn identifier(posting: &Posting<'_, '_>, code: &IdentifierCode) -> Identifier {
    posting.draft.row::<Identifiers>(code).map_or_else(Identifier::default, |row| (*row).clone())
}

pub(crate) fn put_lot(posting: &mut Posting<'_, '_>, put: &PutLot) -> Result<(), Stop> {
    let (item, _card) = lookup::item(posting.draft, &put.item).map_err(Stop::Refuse)?;
    let variant =
        lookup::variant(posting.draft, item, put.variant.as_ref()).map_err(Stop::Refuse)?;
    let key = (item, variant, put.lot.clone());
    let before = posting.draft.row::<Lots>(&key).map(|lot| (*lot).clone()).unwrap_or_default();
    let changed = before.blocked != put.blocked;
    let row = Lot { expiry: put.expiry, blocked: put.blocked, provisional: false, ..before };
    posting.draft.put::<Lots>(&key, row);
    if changed {
        // What there is of a blocked lot is not available, wherever it lies (CONFLICTS 19).
        lot::hold_all(posting, (item, variant, &put.lot), put.blocked)?;
    }
    Ok(())
}
