//! Postings of orders: assembly as a whole, its undo, the end of a production order.

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::operation::{Goods, Place, Tracking};
use protocol::outcome::Reason;
use protocol::quantity::{Quantity, UnitFactor};
use protocol::words::{BinCode, DocumentNo, ItemNo, LocationCode, VariantCode};
use serde::{Deserialize, Serialize};

use crate::assembly::capacity::{self, Use};
use crate::command::{not_found, out_of_range};
use crate::costing::{LineCost, LineValue, item_cost, plus};
use crate::dimension::Dimensions;
use crate::lookup;
use crate::money::Money;
use crate::movement::carry::{Motion, Terms};
use crate::movement::goods::{self, Flow};
use crate::movement::spot::{self, End};
use crate::period;
use crate::posting::{EntryLine, Posting, Stop, add};
use crate::schema::entry::{EntryReason, EntryType};
use crate::schema::money::{
    ItemCosts, OrderKind, OrderRef, UnadjustedItems, ValueEntry, ValueType,
};
use crate::schema::order::{CapacityKind, CapacityLedger, OrderPlace, OrderPlaces, Orders};
use crate::schema::{BinId, EntryNo, ItemId, LocationId, PlateId, StockKey, UnitId};
use crate::tables::Read as _;

/// An item of an assembly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssemblyItem {
    /// The item.
    pub item: ItemNo,
    /// Its variant.
    #[serde(default)]
    pub variant: Option<VariantCode>,
    /// Where; none for the blank location.
    #[serde(default)]
    pub location: Option<LocationCode>,
    /// The bin, at a location with bins.
    #[serde(default)]
    pub bin: Option<BinCode>,
    /// How much, in base units.
    pub quantity: Quantity,
    /// Lots and serials, which sum to the quantity; none for an untracked item.
    #[serde(default)]
    pub tracking: Vec<(Tracking, Quantity)>,
}

/// A resource of an assembly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssemblyResource {
    /// The resource.
    pub resource: String,
    /// How much of it.
    pub quantity: Quantity,
}

/// Posts an assembly: components and resources first, then what was made of them (COSTING 14.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostAssembly {
    /// The assembly order.
    pub order: DocumentNo,
    /// The date for the accounts.
    pub date: NaiveDate,
    /// The date of the sale that it is made for: the assembly is not dated later.
    #[serde(default)]
    pub sale_date: Option<NaiveDate>,
    /// What is made.
    pub output: AssemblyItem,
    /// What it is made of.
    #[serde(default)]
    pub components: Vec<AssemblyItem>,
    /// Who made it.
    #[serde(default)]
    pub resources: Vec<AssemblyResource>,
    /// General business posting group.
    #[serde(default)]
    pub business_group: String,
    /// What is said of the dimensions of its entries.
    #[serde(default)]
    pub dimensions: Dimensions,
}

/// Takes a posted assembly back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoAssembly {
    /// The assembly order.
    pub order: DocumentNo,
    /// The date for the accounts.
    pub date: NaiveDate,
}

/// Says what a production order makes, and where, before anything is posted to it: its work in process lies
/// in the accounts of that item's group at that location (COSTING 17.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutProductionOrder {
    /// The production order.
    pub order: DocumentNo,
    /// What it makes.
    pub item: ItemNo,
    /// The location of its line; none for the blank one.
    #[serde(default)]
    pub location: Option<LocationCode>,
}

/// Nothing more is posted to a production order: its output is invoiced at what it cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishProductionOrder {
    /// The production order.
    pub order: DocumentNo,
    /// The date for the accounts.
    pub date: NaiveDate,
}

pub(crate) fn assemble(posting: &mut Posting<'_, '_>, put: &PostAssembly) -> Result<(), Stop> {
    period::check_posting(posting, put.date)?;
    if put.sale_date.is_some_and(|sale| put.date > sale) {
        return Err(Stop::Refuse(Reason::new(Code::AssemblyDateAfterSale).word("date", put.date)));
    }
    let order = (OrderKind::Assembly, put.order.clone());
    let (item, _card) = lookup::item(posting.draft, &put.output.item).map_err(Stop::Refuse)?;
    let mut cost = Money::ZERO;
    for component in &put.components {
        let value = value_of(&order, LineCost::Card, &put.business_group, &put.dimensions);
        let kind = EntryType::AssemblyConsumption;
        let (used, entries) = move_item(posting, component, (kind, put.date, value), false)?;
        raise_level(posting, item, used);
        for no in &entries {
            cost = crate::costing::minus(cost, posting.cost_of(*no)?)?;
        }
        let mut row = posting.order_row(&order);
        row.consumption.extend(entries);
        posting.put_order(&order, row);
    }
    for resource in &put.resources {
        let used = Use {
            kind: CapacityKind::Resource,
            code: resource.resource.clone(),
            order: order.clone(),
            item,
            date: put.date,
            quantity: resource.quantity,
            amount: None,
            business_group: put.business_group.clone(),
            dimensions: put.dimensions.clone(),
        };
        let (_no, direct, indirect) = capacity::use_capacity(posting, &used)?;
        cost = plus(cost, plus(direct, indirect)?)?;
    }
    let standard = crate::costing::method_of(&*posting.draft, item)
        == crate::schema::item::CostingMethod::Standard;
    let known = if standard { LineCost::Card } else { LineCost::Exact(cost) };
    let value = value_of(&order, known, &put.business_group, &put.dimensions);
    let kind = EntryType::AssemblyOutput;
    let (_item, made) = move_item(posting, &put.output, (kind, put.date, value), true)?;
    if !standard {
        for no in &made {
            let part = posting.state(*no).cost.actual;
            overhead_of_output(posting, *no, part)?;
        }
        if let Some(no) = made.first() {
            posting.learn_cost(*no, (cost, put.output.quantity))?;
        }
    }
    let mut row = posting.order_row(&order);
    row.item = item;
    row.output.extend(made);
    row.business_group.clone_from(&put.business_group);
    row.finished = true;
    row.finished_on = Some(put.date);
    posting.put_order(&order, row);
    posting.mark_order(&order);
    Ok(())
}

/// Overhead of what was made, as its card says.
fn overhead_of_output(posting: &mut Posting<'_, '_>, no: EntryNo, cost: Money) -> Result<(), Stop> {
    let entry = posting.entry(no);
    let overhead = posting.overhead(entry.item, (cost, entry.quantity))?;
    if overhead.is_zero() {
        return Ok(());
    }
    let first = crate::costing::value::values_of(&*posting.draft, no).into_iter().next();
    let Some((_no, first)) = first else { return Ok(()) };
    posting.write_value(ValueEntry {
        value_type: ValueType::IndirectCost,
        cost_actual: overhead,
        cost_per_unit: crate::money::UnitAmount::ZERO,
        entry_quantity: Quantity::ZERO,
        invoiced_quantity: Quantity::ZERO,
        ..(*first).clone()
    })?;
    Ok(())
}

fn value_of(
    order: &OrderRef,
    cost: LineCost,
    business_group: &str,
    dimensions: &Dimensions,
) -> LineValue {
    LineValue {
        cost,
        business_group: business_group.to_owned(),
        order: Some(order.clone()),
        document_no: order.1.to_string(),
        dimensions: dimensions.clone(),
        ..LineValue::default()
    }
}

/// Posts one item of an assembly; answers it and its entries.
fn move_item(
    posting: &mut Posting<'_, '_>,
    part: &AssemblyItem,
    (kind, date, value): (EntryType, NaiveDate, LineValue),
    inbound: bool,
) -> Result<(ItemId, Vec<EntryNo>), Stop> {
    if !part.quantity.is_positive() {
        return Err(out_of_range("quantity"));
    }
    let (item, card) = lookup::item(posting.draft, &part.item).map_err(Stop::Refuse)?;
    let splits = if part.tracking.is_empty() {
        vec![(Tracking::NONE, part.quantity)]
    } else {
        part.tracking.clone()
    };
    let before = posting.posted.item_ledger.len();
    let (mut sum, mut given) = (Quantity::ZERO, Money::ZERO);
    for (tracking, quantity) in splits {
        let mut value = value.clone();
        if let LineCost::Exact(whole) = value.cost {
            // Each lot gets its part of the cost, rounded cumulatively, so that they add up to it.
            sum = add(sum, quantity)?;
            let up_to = posting.share(whole, sum, part.quantity)?;
            value.cost = LineCost::Exact(crate::costing::minus(up_to, given)?);
            given = up_to;
        }
        let goods = Goods {
            item: part.item.clone(),
            variant: part.variant.clone(),
            unit: card.base_unit.clone(),
            factor: UnitFactor::ONE,
            quantity,
            base: quantity,
            tracking,
            expiry: None,
            raw: None,
        };
        let named = goods::resolve(posting, &goods, if inbound { Flow::In } else { Flow::Out })?;
        let end = if inbound { End::To } else { End::From };
        let key = stock_key(posting, part, (&named, end))?;
        let order = posting.next_order();
        let motion = if inbound {
            Motion::into_stock(kind, key, quantity, order)
        } else {
            Motion::out_of_stock(kind, key, quantity, order)
        };
        let terms = Terms { posting_date: Some(date), value, ..Terms::default() };
        posting.carry(&Motion { terms, ..motion })?;
    }
    let made = posting.posted.item_ledger.get(before..).unwrap_or_default();
    let of_kind = made
        .iter()
        .copied()
        .filter(|no| {
            let entry = posting.entry(*no);
            entry.entry_type == kind && entry.item == item
        })
        .collect();
    Ok((item, of_kind))
}

fn stock_key(
    posting: &mut Posting<'_, '_>,
    part: &AssemblyItem,
    (named, end): (&goods::Named, End),
) -> Result<StockKey, Stop> {
    let Some(location) = &part.location else {
        return Ok(StockKey {
            location: LocationId(0),
            bin: BinId(0),
            plate: PlateId(0),
            item: named.item,
            variant: named.variant,
            unit: UnitId(0),
            tracking: named.tracking,
        });
    };
    let place = Place { location: location.clone(), bin: part.bin.clone(), plate: None };
    let spot = spot::resolve(posting, &place, end)?;
    Ok(named.key(&spot))
}

/// What is made lies above what it is made of, so that it is adjusted later.
fn raise_level(posting: &mut Posting<'_, '_>, output: ItemId, component: ItemId) {
    let below = item_cost(&*posting.draft, component).level;
    let card = item_cost(&*posting.draft, output);
    // Beyond this, items are made of each other: their order does not matter any more.
    if output == component || card.level > below || below >= 1000 {
        return;
    }
    let level = below.saturating_add(1);
    if posting.draft.has::<UnadjustedItems>(&(card.level, output)) {
        posting.draft.delete::<UnadjustedItems>(&(card.level, output));
        posting.draft.put::<UnadjustedItems>(&(level, output), ());
    }
    if let Some(user) =
        posting.draft.row::<crate::schema::money::AdjustmentQueue>(&(card.level, output))
    {
        posting.draft.delete::<crate::schema::money::AdjustmentQueue>(&(card.level, output));
        posting
            .draft
            .put::<crate::schema::money::AdjustmentQueue>(&(level, output), (*user).clone());
    }
    let row = crate::schema::money::ItemCost { level, ..(*card).clone() };
    posting.draft.put::<ItemCosts>(&output, row);
}

pub(crate) fn undo(posting: &mut Posting<'_, '_>, undo: &UndoAssembly) -> Result<(), Stop> {
    period::check_posting(posting, undo.date)?;
    let order = (OrderKind::Assembly, undo.order.clone());
    let row = posting
        .draft
        .row::<Orders>(&(OrderKind::Assembly.number(), undo.order.clone()))
        .filter(|row| !row.undone)
        .ok_or_else(|| not_found(&undo.order))?;
    let mut row = (*row).clone();
    for no in row.output.iter().chain(&row.consumption) {
        period::check_named(posting, *no)?;
    }
    for no in &row.output {
        let entry = posting.entry(*no);
        if posting.remaining(*no) != entry.quantity {
            let reason = Reason::new(Code::UndoStockConsumed).word("document", &undo.order);
            return Err(Stop::Refuse(reason));
        }
        counter(posting, *no, (&order, undo.date))?;
    }
    for no in &row.consumption {
        counter(posting, *no, (&order, undo.date))?;
    }
    for no in row.capacity.clone() {
        let Some(entry) = posting.draft.row::<CapacityLedger>(&no) else { continue };
        let used = Use {
            kind: entry.kind,
            code: entry.code.clone(),
            order: order.clone(),
            item: row.item,
            date: undo.date,
            quantity: entry.quantity.negated(),
            amount: None,
            business_group: row.business_group.clone(),
            dimensions: capacity::values_of(&*posting.draft, no).first().map_or(
                Dimensions::NONE,
                |(_no, first)| {
                    (*crate::dimension::set_of(&*posting.draft, first.dimension_set)).clone()
                },
            ),
        };
        capacity::use_capacity(posting, &used)?;
    }
    row.undone = true;
    posting.put_order(&order, row);
    posting.mark_order(&order);
    Ok(())
}

/// The entry that takes another one back, with its cost, in the bin where it was.
fn counter(
    posting: &mut Posting<'_, '_>,
    no: EntryNo,
    (order, date): (&OrderRef, NaiveDate),
) -> Result<(), Stop> {
    let entry = posting.entry(no);
    let key = posting.place_of_entry(no).ok_or_else(|| not_found(&no))?;
    let incoming = entry.quantity.is_positive();
    let line = EntryLine {
        entry_type: entry.entry_type,
        reason: EntryReason::Undo,
        key,
        delta: entry.quantity.negated(),
        order: posting.next_order(),
        document: entry.document.clone(),
        applies_to: if incoming { no } else { EntryNo(0) },
        applies_from: if incoming { EntryNo(0) } else { no },
        correction: true,
        posting_date: date,
        value: value_of(order, LineCost::Card, "", &Dimensions::NONE),
    };
    let delta = line.delta;
    let at = line.order;
    let made = posting.post_entry(line)?;
    posting.remember(key, delta, at, made);
    crate::count::movement(posting, key, delta, at, made)
}

pub(crate) fn put_production_order(
    posting: &mut Posting<'_, '_>,
    put: &PutProductionOrder,
) -> Result<(), Stop> {
    let (item, _card) = lookup::item(posting.draft, &put.item).map_err(Stop::Refuse)?;
    let location = match &put.location {
        Some(code) => lookup::location(posting.draft, code).map_err(Stop::Refuse)?.0,
        None => LocationId(0),
    };
    let key = (OrderKind::Production.number(), put.order.clone());
    let place = OrderPlace { item, location };
    let known = posting.draft.row::<OrderPlaces>(&key);
    // What is posted stays where it is: the place of an order does not change under it.
    if posting.draft.has::<Orders>(&key) && known.is_none_or(|known| *known != place) {
        return Err(Stop::Refuse(Reason::new(Code::AlreadyExists).word("what", &put.order)));
    }
    posting.draft.put::<OrderPlaces>(&key, place);
    Ok(())
}

pub(crate) fn finish(
    posting: &mut Posting<'_, '_>,
    put: &FinishProductionOrder,
) -> Result<(), Stop> {
    period::check_posting(posting, put.date)?;
    let order = (OrderKind::Production, put.order.clone());
    let row = posting
        .draft
        .row::<Orders>(&(OrderKind::Production.number(), put.order.clone()))
        .ok_or_else(|| not_found(&put.order))?;
    if row.finished {
        return Err(Stop::Refuse(Reason::new(Code::DocumentClosed).word("document", &put.order)));
    }
    let mut row = (*row).clone();
    row.finished = true;
    row.finished_on = Some(put.date);
    posting.put_order(&order, row);
    posting.mark_order(&order);
    Ok(())
}
