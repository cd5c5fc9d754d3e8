//! Reads the books of a company: tables of the ledger, as the files speak of them.
//!
//! The files number entries from 1 in the order of posting; so does this, whatever numbers the ledger
//! gave.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ledger::costing;
use ledger::costing::average::pool_of;
use ledger::costing::value::state_of;
use ledger::key::KeyRange;
use ledger::memory::MemoryTables;
use ledger::schema::entry::{
    Applications, EntryType, ItemLedger, ItemLedgerEntry, ItemLedgerStates,
};
use ledger::schema::item::{Items, Variants};
use ledger::schema::money::{
    AverageType, EntryPoints, InventoryPeriods, ItemCosts, ItemValues, OrderKind, PlaceValues,
    StockValue, StockkeepingUnits, UnadjustedFrom, UnadjustedItems, ValueEntry, ValueLedger,
    ValueType, VarianceType,
};
use ledger::schema::place::Locations;
use ledger::schema::tracking::Lots;
use ledger::schema::{EntryNo, ItemId, LocationId, VariantId};
use ledger::tables::Read as _;
use ledger::tracking;
use rust_decimal::Decimal;

use super::book::{Application, Book, EntryPoint, ItemCard, ItemEntry, StockkeepingUnit, Value};
use super::company::Company;

/// The name of a type of item ledger entry.
pub const fn entry_type(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Purchase => "purchase",
        EntryType::Sale => "sale",
        EntryType::PositiveAdjustment => "positive_adjustment",
        EntryType::NegativeAdjustment => "negative_adjustment",
        EntryType::Transfer => "transfer",
        EntryType::Consumption => "consumption",
        EntryType::Output => "output",
        EntryType::AssemblyConsumption => "assembly_consumption",
        EntryType::AssemblyOutput => "assembly_output",
    }
}

/// The name of a type of value entry.
pub const fn value_type(kind: ValueType) -> &'static str {
    match kind {
        ValueType::DirectCost => "direct_cost",
        ValueType::DirectCostNonInventory => "direct_cost_non_inventory",
        ValueType::IndirectCost => "indirect_cost",
        ValueType::Variance => "variance",
        ValueType::Revaluation => "revaluation",
        ValueType::Rounding => "rounding",
    }
}

/// The name of a variance; empty for none.
pub const fn variance(kind: Option<VarianceType>) -> &'static str {
    match kind {
        None => "",
        Some(VarianceType::Purchase) => "purchase",
        Some(VarianceType::Material) => "material",
        Some(VarianceType::Capacity) => "capacity",
        Some(VarianceType::CapacityOverhead) => "capacity_overhead",
        Some(VarianceType::ManufacturingOverhead) => "manufacturing_overhead",
        Some(VarianceType::Subcontracted) => "subcontracted",
        Some(VarianceType::MaterialNonInventory) => "material_non_inventory",
    }
}

/// Numbers from 1 for the entries of a ledger.
#[derive(Debug, Default)]
struct Numbers(BTreeMap<EntryNo, u64>);

impl Numbers {
    fn of(entries: impl Iterator<Item = EntryNo>) -> Self {
        Self(entries.zip(1..).collect())
    }

    fn get(&self, no: EntryNo) -> u64 {
        self.0.get(&no).copied().unwrap_or(0)
    }
}

/// The books as they are now.
pub fn read(company: &Company) -> Book {
    let tables = &company.tables;
    let all = KeyRange::all();
    let entries = tables.list::<ItemLedger>(&all);
    let values = tables.list::<ValueLedger>(&all);
    let entry_numbers = Numbers::of(entries.iter().map(|(no, _entry)| *no));
    let value_numbers = Numbers::of(values.iter().map(|(no, _value)| *no));
    let names = Texts(tables);
    let mut book = Book {
        entries: entries
            .iter()
            .map(|(no, entry)| item_entry(company, names, (*no, entry), entry_numbers.get(*no)))
            .collect(),
        ..Book::default()
    };
    for (no, value) in &values {
        let numbers = (value_numbers.get(*no), entry_numbers.get(value.entry));
        let corrected = value_numbers.get(value.applies_to);
        book.values.push(value_entry(company, names, (*no, value), (numbers, corrected)));
    }
    book.applications = applications(tables, &entry_numbers);
    cards(names, &mut book);
    book.points = points(names, &values);
    book.periods = tables
        .list::<InventoryPeriods>(&all)
        .into_iter()
        .map(|(ending, row)| (ending, row.closed))
        .collect();
    super::ledgers::read(company, &value_numbers_of(&values), &mut book);
    book
}

/// Numbers of value entries, for the general ledger.
fn value_numbers_of(values: &[(EntryNo, Arc<ValueEntry>)]) -> BTreeMap<EntryNo, u64> {
    values.iter().map(|(no, _value)| *no).zip(1..).collect()
}

/// Codes as text; blank for what has no row.
#[derive(Debug, Clone, Copy)]
pub struct Texts<'a>(pub &'a MemoryTables);

impl Texts<'_> {
    /// The code of an item.
    pub fn item(self, id: ItemId) -> String {
        self.0.row::<Items>(&id).map_or_else(String::new, |row| row.no.to_string())
    }

    /// The code of a location.
    pub fn location(self, id: LocationId) -> String {
        self.0.row::<Locations>(&id).map_or_else(String::new, |row| row.code.to_string())
    }

    /// The code of a variant.
    pub fn variant(self, id: VariantId) -> String {
        self.0.row::<Variants>(&id).map_or_else(String::new, |row| row.code.to_string())
    }
}

fn item_entry(
    company: &Company,
    names: Texts<'_>,
    (no, entry): (EntryNo, &ItemLedgerEntry),
    number: u64,
) -> ItemEntry {
    let state = names.0.row::<ItemLedgerStates>(&no).expect("every entry has its state");
    let number_of = tracking::tracking_of(names.0, entry.tracking);
    let lot = number_of.lot.clone();
    let expiration = lot.clone().and_then(|lot| {
        let key = (entry.item, entry.variant, lot);
        names.0.row::<Lots>(&key).and_then(|lot| lot.expiry)
    });
    ItemEntry {
        no: number,
        step: company.step_of(entry.written.lsn).to_owned(),
        line: entry.document.as_ref().map(|(_kind, _no, line)| *line).filter(|line| *line != 0),
        kind: entry_type(entry.entry_type),
        date: entry.posting_date,
        item: names.item(entry.item),
        variant: names.variant(entry.variant),
        location: names.location(entry.location),
        lot: lot.map(|lot| lot.to_string()).unwrap_or_default(),
        serial: number_of.serial.map(|serial| serial.to_string()).unwrap_or_default(),
        expiration,
        quantity: entry.quantity.decimal(),
        remaining: state.remaining.decimal(),
        invoiced: state.invoiced.decimal(),
        correction: entry.correction,
    }
}

fn value_entry(
    company: &Company,
    names: Texts<'_>,
    (no, value): (EntryNo, &ValueEntry),
    ((number, ile), applies_to): ((u64, u64), u64),
) -> Value {
    let state = state_of(names.0, (no, value));
    let (order, order_kind) = match &value.order {
        None => (String::new(), ""),
        Some((OrderKind::Assembly, no)) => (no.to_string(), "assembly"),
        Some((OrderKind::Production, no)) => (no.to_string(), "production"),
    };
    let valued = value.valued_quantity.decimal();
    Value {
        no: number,
        step: company.step_of(value.written.lsn).to_owned(),
        ile,
        capacity: value.capacity.0,
        item: names.item(value.item),
        variant: names.variant(value.variant),
        location: names.location(value.location),
        kind: value_type(value.value_type),
        entry_type: entry_type(value.entry_type),
        variance: variance(value.variance),
        date: value.posting_date,
        valuation_date: state.valuation_date,
        valued_quantity: valued,
        invoiced_quantity: value.invoiced_quantity.decimal(),
        ile_quantity: value.entry_quantity.decimal(),
        cost_actual: value.cost_actual.decimal(),
        cost_expected: value.cost_expected.decimal(),
        cost_non_inventoriable: value.cost_non_inventoriable.decimal(),
        sales_actual: value.sales_actual.decimal(),
        sales_expected: value.sales_expected.decimal(),
        cost_per_unit: value.cost_per_unit.decimal(),
        cost_in_gl: state.cost_in_gl.decimal(),
        expected_in_gl: state.expected_in_gl.decimal(),
        inventoriable: value.inventoriable,
        expected: value.expected,
        adjustment: value.adjustment,
        applies_to,
        charge: value.charge.clone(),
        order,
        order_kind,
        by_average: value.by_average,
    }
}

fn applications(tables: &MemoryTables, numbers: &Numbers) -> Vec<Application> {
    tables
        .list::<Applications>(&KeyRange::all())
        .into_iter()
        .map(|(_no, row)| Application {
            owner: numbers.get(row.entry),
            inbound: numbers.get(row.inbound),
            outbound: numbers.get(row.outbound),
            quantity: row.quantity.decimal(),
            date: row.posting_date,
            cost_application: row.cost_application,
        })
        .collect()
}

/// What a unit of stock costs, as a card shows it: computed, never below zero (COSTING 20.6).
fn average_of(value: &StockValue) -> Decimal {
    let cost = value.actual.decimal() + value.expected.decimal();
    let average = cost.checked_div(value.quantity.decimal()).unwrap_or_default();
    average.max(Decimal::ZERO)
}

fn cards(names: Texts<'_>, book: &mut Book) {
    let setup = costing::setup(names.0);
    let all = KeyRange::all();
    let unadjusted: Vec<ItemId> = names
        .0
        .list::<UnadjustedItems>(&all)
        .into_iter()
        .map(|((_level, item), _row)| item)
        .collect();
    for (id, row) in names.0.list::<Items>(&all) {
        let cost = names.0.row::<ItemCosts>(&id).unwrap_or_default();
        let value = names.0.row::<ItemValues>(&id).map(|row| *row).unwrap_or_default();
        book.items.push(ItemCard {
            item: row.no.to_string(),
            unit_cost: cost.unit_cost.decimal(),
            standard_cost: cost.standard_cost.decimal(),
            last_direct_cost: cost.last_direct_cost.decimal(),
            average_cost: average_of(&value),
            is_adjusted: !unadjusted.contains(&id),
        });
    }
    for ((item, location, variant), row) in names.0.list::<StockkeepingUnits>(&all) {
        let place = (item, variant, location);
        // Costs that are averaged over the item are the item's at every place.
        let value = match setup.average_type {
            AverageType::Item => names.0.row::<ItemValues>(&item),
            AverageType::ItemLocationVariant => names.0.row::<PlaceValues>(&place),
        };
        let value = value.map(|row| *row).unwrap_or_default();
        book.units.push(StockkeepingUnit {
            item: names.item(item),
            location: names.location(location),
            variant: names.variant(variant),
            unit_cost: row.unit_cost.decimal(),
            average_cost: average_of(&value),
        });
    }
}

/// Entry points by the places whose value entries opened them (COSTING 2.4): a pool that is the item
/// keeps one point for all its places.
fn points(names: Texts<'_>, values: &[(EntryNo, Arc<ValueEntry>)]) -> Vec<EntryPoint> {
    let setup = costing::setup(names.0);
    let mut places = BTreeSet::new();
    for (no, value) in values.iter().filter(|(_no, value)| value.inventoriable) {
        let state = state_of(names.0, (*no, value));
        let end = costing::date::period_end(names.0, &setup, state.valuation_date);
        places.insert((value.item, value.variant, value.location, end));
    }
    let mut points = Vec::new();
    for (item, variant, location, end) in places {
        let pool = pool_of(&setup, (item, variant, location));
        if names.0.has::<EntryPoints>(&(pool, end)) {
            points.push(EntryPoint {
                item: names.item(item),
                variant: names.variant(variant),
                location: names.location(location),
                valuation_date: end,
                adjusted: names.0.row::<UnadjustedFrom>(&pool).is_none_or(|from| end < *from),
            });
        }
    }
    points
}

/// The code of a variant; blank for none.
pub fn variant_text(tables: &MemoryTables, id: VariantId) -> String {
    Texts(tables).variant(id)
}

pub use super::book::to_five;
