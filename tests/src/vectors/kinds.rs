//! Kinds of value entries, posted to the general ledger one by one.
//!
//! A file asks for every kind with one amount, also for kinds that no short history brings about (a
//! rounding of three units of currency): the entry is written as it is, on a copy of the company, and
//! posted by the run that posts every other.

use std::collections::BTreeMap;

use ledger::costing::item_cost;
use ledger::draft::Draft;
use ledger::money::Money;
use ledger::schema::book::Counters;
use ledger::schema::entry::EntryType;
use ledger::schema::gl::UnpostedValues;
use ledger::schema::item::ItemsByNo;
use ledger::schema::money::{ValueEntry, ValueLedger, ValueType, VarianceType};
use ledger::schema::{Counter, EntryNo, LocationId, VariantId, Written};
use ledger::tables::Read as _;
use protocol::quantity::Quantity;
use rust_decimal::Decimal;

use super::company::{Company, Done, code, lacking};
use super::costing::PostingMethod;
use super::documents::expect::GlMapping;
use super::{ledgers, money, reading};

fn entry_type(name: &str) -> Option<EntryType> {
    let all = [
        EntryType::Purchase,
        EntryType::Sale,
        EntryType::PositiveAdjustment,
        EntryType::NegativeAdjustment,
        EntryType::Transfer,
        EntryType::Consumption,
        EntryType::Output,
        EntryType::AssemblyConsumption,
        EntryType::AssemblyOutput,
    ];
    all.into_iter().find(|kind| reading::entry_type(*kind) == name)
}

fn value_type(name: &str) -> Option<ValueType> {
    let all = [
        ValueType::DirectCost,
        ValueType::DirectCostNonInventory,
        ValueType::IndirectCost,
        ValueType::Variance,
        ValueType::Revaluation,
        ValueType::Rounding,
    ];
    all.into_iter().find(|kind| reading::value_type(*kind) == name)
}

/// The variance that a file names; a purchase has only one.
fn variance(row: &GlMapping, kind: ValueType) -> Option<VarianceType> {
    let all = [
        VarianceType::Purchase,
        VarianceType::Material,
        VarianceType::Capacity,
        VarianceType::CapacityOverhead,
        VarianceType::ManufacturingOverhead,
        VarianceType::Subcontracted,
        VarianceType::MaterialNonInventory,
    ];
    let name = row.variance_type.as_deref().unwrap_or("purchase").replace("mfg_", "manufacturing_");
    let found = all.into_iter().find(|kind| reading::variance(Some(*kind)) == name);
    found.filter(|_found| kind == ValueType::Variance)
}

/// Posts one kind and tells what each account got.
///
/// # Errors
///
/// A kind that there is none of, a refusal of the run.
pub(crate) fn post(
    company: &Company,
    item: &str,
    row: &GlMapping,
) -> Done<BTreeMap<String, Decimal>> {
    let named = row.ile_type.as_deref().and_then(entry_type);
    let kind = row.entry_type.as_deref().and_then(value_type);
    let (Some(entry_type), Some(value_type)) = (named, kind) else {
        return lacking("such a kind of value entry");
    };
    let mut company = company.clone();
    let Some(item) = company.tables.row::<ItemsByNo>(&code(item)?).map(|id| *id) else {
        return lacking(format!("item {item}"));
    };
    let before = reading::read(&company).gl.len();
    let amount = money::money(row.amount.unwrap_or_default())?;
    let expected = row.expected_cost.unwrap_or(false);
    let card = item_cost(&company.tables, item);
    let counter = Counter::ValueEntry.number();
    let last = company.tables.row::<Counters>(&counter).map_or(0, |last| *last);
    let no = EntryNo(last + 1);
    let value = ValueEntry {
        // It values an entry, whichever: what is posted is the value.
        entry: EntryNo(u64::MAX),
        capacity: EntryNo(0),
        item,
        variant: VariantId(0),
        location: LocationId(0),
        posting_date: company.work_date,
        valuation_date: company.work_date,
        entry_type,
        value_type,
        variance: variance(row, value_type),
        valued_quantity: Quantity::ONE,
        cost_per_unit: ledger::money::UnitAmount::ZERO,
        entry_quantity: Quantity::ZERO,
        invoiced_quantity: Quantity::ZERO,
        cost_actual: if expected { Money::ZERO } else { amount },
        cost_expected: if expected { amount } else { Money::ZERO },
        cost_non_inventoriable: Money::ZERO,
        sales_actual: Money::ZERO,
        sales_expected: Money::ZERO,
        inventoriable: true,
        expected,
        adjustment: false,
        applies_to: EntryNo(0),
        charge: String::new(),
        by_average: false,
        partial_revaluation: false,
        document: None,
        document_no: String::new(),
        order: None,
        inventory_group: card.inventory_group.clone(),
        business_group: ledgers::BUSINESS.to_owned(),
        product_group: card.product_group.clone(),
        dimension_set: 0,
        written: Written::default(),
    };
    let mut draft = Draft::over(&company.tables);
    draft.put::<ValueLedger>(&no, value);
    draft.put::<Counters>(&counter, no.0);
    draft.put::<UnpostedValues>(&(if expected { 2 } else { 1 }, no), ());
    let changes = draft.finish();
    company.tables.apply(changes);
    ledgers::post_cost(&mut company, PostingMethod::PerEntry)?;
    money::settle(&mut company)?;
    let mut nets: BTreeMap<String, Decimal> = BTreeMap::new();
    for entry in reading::read(&company).gl.iter().skip(before) {
        *nets.entry(entry.account.clone()).or_default() += entry.amount;
    }
    Ok(nets)
}
