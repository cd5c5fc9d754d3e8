//! Items and identifiers.

use ledger::key::KeyRange;
use ledger::schema::item::{
    CostingMethod, Identifiers, Item, ItemType, ItemUnits, Items, ItemsByNo, TrackingCodes,
    VariantsByCode,
};
use ledger::schema::stock::OnHand;
use ledger::schema::{ItemId, UnitId, VariantId};
use ledger::tables::{Read as _, Tables};
use protocol::quantity::Quantity;
use protocol::words::{IdentifierCode, ItemNo};
use serde::Serialize;

use super::names::Names;
use super::page::{Page, PageQuery, ascending};
use crate::exchange::cell::print_choice;

/// An item in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ItemView {
    /// Its number.
    pub item: String,
    /// What people call it.
    pub description: String,
    /// `inventory`, `non_inventory` or `service`.
    pub item_type: String,
    /// The unit that stock is kept in.
    pub base_unit: String,
    /// Its category.
    pub category: String,
    /// No movement is wanted.
    pub blocked: bool,
    /// On hand at all locations, in the base unit, by the item ledger.
    pub on_hand: Quantity,
}

/// A unit of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnitView {
    /// Its code.
    pub unit: String,
    /// How many base units it holds.
    pub factor: Quantity,
}

/// An item card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ItemCard {
    /// What a list shows of it.
    #[serde(flatten)]
    pub item: ItemView,
    /// Base quantities are multiples of this.
    pub precision: Quantity,
    /// `fifo`, `lifo`, `average`, `standard` or `specific`.
    pub costing_method: String,
    /// Its tracking rules.
    pub tracking_code: Option<String>,
    /// What must be captured: `lot`, `serial`, `package`, `expiry`.
    pub tracked_by: Vec<&'static str>,
    /// A variant must be named.
    pub variant_required: bool,
    /// Its units, the base unit first.
    pub units: Vec<UnitView>,
    /// Codes of its variants.
    pub variants: Vec<String>,
    /// A count difference up to this is settled without asking.
    pub count_tolerance: Quantity,
    /// From this difference on, a count is asked for twice.
    pub second_count_from: Option<Quantity>,
    /// From this base quantity on, an adjustment needs a supervisor.
    pub supervisor_from: Option<Quantity>,
    /// How many percent more than ordered may be received without asking.
    pub over_receipt_percent: Quantity,
    /// Shelf life in days.
    pub shelf_life_days: Option<u32>,
}

/// What an identifier can mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MeaningView {
    /// The item.
    pub item: String,
    /// Its description.
    pub description: String,
    /// The variant.
    pub variant: Option<String>,
    /// The unit that the code names.
    pub unit: Option<String>,
}

/// The word for a type of item.
fn type_word(item_type: ItemType) -> String {
    let word = print_choice(item_type);
    if word.is_empty() { "inventory".to_owned() } else { word }
}

/// The word for a costing method.
fn costing_word(method: CostingMethod) -> String {
    let word = print_choice(method);
    if word.is_empty() { "fifo".to_owned() } else { word }
}

fn view(tables: &dyn Tables, id: ItemId, row: &Item) -> ItemView {
    let on_hand = tables.list::<OnHand>(&KeyRange::prefix(&(id,)));
    let sum = on_hand.iter().try_fold(Quantity::ZERO, |sum, (_key, more)| sum.checked_add(**more));
    ItemView {
        item: row.no.to_string(),
        description: row.description.clone(),
        item_type: type_word(row.item_type),
        base_unit: row.base_unit.to_string(),
        category: row.category.clone(),
        blocked: row.blocked,
        on_hand: sum.unwrap_or_default(),
    }
}

/// Items by number; `search` is looked for in numbers and descriptions.
pub fn items(tables: &dyn Tables, search: Option<&str>, query: &PageQuery) -> Page<ItemView> {
    let wanted = search.map(str::to_lowercase);
    ascending::<ItemsByNo, _>(tables, KeyRange::all(), query, |no, id| {
        let row = tables.row::<Items>(&id)?;
        let text = format!("{no} {}", row.description).to_lowercase();
        let fits = wanted.as_ref().is_none_or(|wanted| text.contains(wanted.as_str()));
        fits.then(|| view(tables, *id, &row))
    })
}

/// The card of an item.
pub fn card(tables: &dyn Tables, no: &ItemNo) -> Option<ItemCard> {
    let id = *tables.row::<ItemsByNo>(no)?;
    let row = tables.row::<Items>(&id)?;
    let names = Names(tables);
    let units = tables.list::<ItemUnits>(&KeyRange::prefix(&(id,)));
    let mut units: Vec<_> = units
        .into_iter()
        .map(|((_item, unit), row)| UnitView {
            unit: names.unit(id, unit),
            factor: row.factor.quantity(),
        })
        .collect();
    units.sort_by_key(|unit| (unit.unit != row.base_unit.as_str(), unit.factor));
    let variants = tables.list::<VariantsByCode>(&KeyRange::prefix(&(id,)));
    let rule = row.tracking_code.as_ref().and_then(|code| tables.row::<TrackingCodes>(code));
    let rule = rule.map(|row| row.rule).unwrap_or_default();
    let demands = [
        ("lot", rule.lot),
        ("serial", rule.serial),
        ("package", rule.package),
        ("expiry", rule.expiry),
    ];
    Some(ItemCard {
        item: view(tables, id, &row),
        precision: row.precision,
        costing_method: costing_word(row.costing_method),
        tracking_code: row.tracking_code.as_ref().map(ToString::to_string),
        tracked_by: demands
            .into_iter()
            .filter_map(|(word, wanted)| wanted.then_some(word))
            .collect(),
        variant_required: row.variant_required,
        units,
        variants: variants.into_iter().map(|((_item, code), _id)| code.to_string()).collect(),
        count_tolerance: row.count_tolerance,
        second_count_from: row.second_count_from,
        supervisor_from: row.supervisor_from,
        over_receipt_percent: row.over_receipt_percent,
        shelf_life_days: row.shelf_life_days,
    })
}

/// What `code` can mean; empty for an unknown code.
pub fn meanings(tables: &dyn Tables, code: &IdentifierCode) -> Vec<MeaningView> {
    let names = Names(tables);
    let row = tables.row::<Identifiers>(code);
    let meanings = row.as_ref().map(|row| row.meanings.as_slice()).unwrap_or_default();
    let view = |meaning: &ledger::schema::item::Meaning| {
        let (item, description) = names.item(meaning.item);
        let variant = Some(meaning.variant).filter(|id| *id != VariantId(0));
        let unit = Some(meaning.unit).filter(|id| *id != UnitId(0));
        MeaningView {
            item,
            description,
            variant: variant.and_then(|id| names.variant(id)),
            unit: unit.map(|id| names.unit(meaning.item, id)),
        }
    };
    meanings.iter().map(view).collect()
}
