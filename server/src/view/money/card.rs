//! What cards say of cost: stockkeeping units, capacities, bills of materials with the shares of a standard
//! cost.

use ledger::costing;
use ledger::costing::outstanding::Outstanding;
use ledger::key::KeyRange;
use ledger::lookup;
use ledger::money::{Money, UnitAmount};
use ledger::schema::money::{PlaceValues, StandardShares, StockkeepingUnit, StockkeepingUnits};
use ledger::schema::order::{BillLine, Bills, Capacities, Capacity, CapacityKind};
use ledger::schema::{ItemId, LocationId, VariantId};
use ledger::tables::{Read as _, Tables, each_of};
use protocol::quantity::Quantity;
use serde::Serialize;

use super::location_text;
use crate::view::names::Names;
use crate::view::page::{self, Page, PageQuery};
use crate::view::sheet::{Cell, Line, Sink};

/// Costs of an item at one location, of one variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StockkeepingUnitView {
    /// The item.
    pub item: String,
    /// The location; empty for the blank one.
    pub location: String,
    /// The variant; empty for none.
    pub variant: String,
    /// Cost per base unit.
    pub unit_cost: UnitAmount,
    /// Standard cost per base unit.
    pub standard_cost: UnitAmount,
    /// The last direct cost per base unit.
    pub last_direct_cost: UnitAmount,
    /// On hand there.
    pub quantity: Quantity,
    /// Σ actual and expected cost of that.
    pub value: Money,
    /// The cost of the item is still to be adjusted.
    pub provisional: bool,
}

impl StockkeepingUnitView {
    fn of(
        tables: &dyn Tables,
        (item, location, variant): (ItemId, LocationId, VariantId),
        (unit, outstanding): (&StockkeepingUnit, &Outstanding),
    ) -> Self {
        let stock = tables.row::<PlaceValues>(&(item, variant, location)).unwrap_or_default();
        Self {
            item: lookup::item_text(tables, item),
            location: location_text(tables, location),
            variant: Names(tables).variant(variant).unwrap_or_default(),
            unit_cost: unit.unit_cost,
            standard_cost: unit.standard_cost,
            last_direct_cost: unit.last_direct_cost,
            quantity: stock.quantity,
            value: stock.actual.checked_add(stock.expected).unwrap_or(stock.actual),
            provisional: outstanding.of_item(tables, item),
        }
    }
}

impl Line for StockkeepingUnitView {
    const HEAD: &'static [&'static str] = &[
        "item",
        "location",
        "variant",
        "unit_cost",
        "standard_cost",
        "last_direct_cost",
        "quantity",
        "value",
        "provisional",
    ];

    fn line(&self) -> Vec<Cell> {
        vec![
            self.item.as_str().into(),
            self.location.as_str().into(),
            self.variant.as_str().into(),
            Cell::Unit(self.unit_cost),
            Cell::Unit(self.standard_cost),
            Cell::Unit(self.last_direct_cost),
            Cell::Quantity(self.quantity),
            Cell::Money(self.value),
            Cell::Flag(self.provisional),
        ]
    }
}

fn units_of(item: Option<ItemId>) -> KeyRange {
    item.map_or_else(KeyRange::all, |item| KeyRange::prefix(&(item,)))
}

/// Stockkeeping units, of one item or of all.
pub fn units(
    tables: &dyn Tables,
    item: Option<ItemId>,
    query: &PageQuery,
) -> Page<StockkeepingUnitView> {
    let outstanding = Outstanding::now(tables);
    page::ascending::<StockkeepingUnits, _>(tables, units_of(item), query, |key, unit| {
        Some(StockkeepingUnitView::of(tables, key, (&unit, &outstanding)))
    })
}

/// All of them.
pub fn each_unit(tables: &dyn Tables, item: Option<ItemId>, sink: Sink<'_>) {
    let outstanding = Outstanding::now(tables);
    each_of::<StockkeepingUnits>(tables, &units_of(item), false, &mut |key, unit| {
        sink(StockkeepingUnitView::of(tables, key, (&unit, &outstanding)).line())
    });
}

/// A resource, work center or machine center, and what a unit of it costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CapacityView {
    /// What it is.
    pub kind: Option<CapacityKind>,
    /// Its code.
    pub code: String,
    /// What people call it.
    pub name: String,
    /// Direct cost per unit: per minute of a work or machine center.
    pub direct_unit_cost: UnitAmount,
    /// Overhead in percent of the direct cost.
    pub indirect_cost_percent: Quantity,
    /// Overhead per unit.
    pub overhead_rate: UnitAmount,
    /// The least that a posting of it costs.
    pub minimum_amount: Money,
    /// General product posting group.
    pub product_group: String,
}

impl CapacityView {
    fn of((kind, code): (u8, String), row: &Capacity) -> Self {
        let kinds = [CapacityKind::Resource, CapacityKind::WorkCenter, CapacityKind::MachineCenter];
        Self {
            kind: kinds.into_iter().find(|of| of.number() == kind),
            code,
            name: row.name.clone(),
            direct_unit_cost: row.direct_unit_cost,
            indirect_cost_percent: row.indirect_cost_percent,
            overhead_rate: row.overhead_rate,
            minimum_amount: row.minimum_amount,
            product_group: row.product_group.clone(),
        }
    }
}

/// The word of a kind of capacity in answers and files.
pub const fn kind_word(of: CapacityKind) -> &'static str {
    match of {
        CapacityKind::Resource => "resource",
        CapacityKind::WorkCenter => "work_center",
        CapacityKind::MachineCenter => "machine_center",
    }
}

impl Line for CapacityView {
    const HEAD: &'static [&'static str] = &[
        "kind",
        "code",
        "name",
        "direct_unit_cost",
        "indirect_cost_percent",
        "overhead_rate",
        "minimum_amount",
        "product_group",
    ];

    fn line(&self) -> Vec<Cell> {
        vec![
            self.kind.map_or("", kind_word).into(),
            self.code.as_str().into(),
            self.name.as_str().into(),
            Cell::Unit(self.direct_unit_cost),
            Cell::Quantity(self.indirect_cost_percent),
            Cell::Unit(self.overhead_rate),
            Cell::Money(self.minimum_amount),
            self.product_group.as_str().into(),
        ]
    }
}

/// All capacities.
pub fn capacities(tables: &dyn Tables) -> Vec<CapacityView> {
    let rows = tables.list::<Capacities>(&KeyRange::all()).into_iter();
    rows.map(|(key, row)| CapacityView::of(key, &row)).collect()
}

/// A line of a bill of materials, per base unit of what is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BillLineView {
    /// `item`, a kind of capacity, or `subcontracted`.
    pub kind: &'static str,
    /// The component, the capacity, or the work center of a subcontractor.
    pub code: String,
    /// How much, in the base unit of a component, in the unit of a capacity.
    pub quantity: Option<Quantity>,
    /// What a subcontractor takes per piece.
    pub cost: Option<UnitAmount>,
}

impl BillLineView {
    fn of(tables: &dyn Tables, line: &BillLine) -> Self {
        match line {
            BillLine::Item(item, quantity) => Self {
                kind: "item",
                code: lookup::item_text(tables, *item),
                quantity: Some(*quantity),
                cost: None,
            },
            BillLine::Capacity(kind, code, quantity) => Self {
                kind: kind_word(*kind),
                code: code.clone(),
                quantity: Some(*quantity),
                cost: None,
            },
            BillLine::Subcontracted(code, cost) => Self {
                kind: "subcontracted",
                code: code.clone(),
                quantity: None,
                cost: Some(*cost),
            },
        }
    }
}

/// Shares of a standard cost, per base unit. They are not rounded; the standard cost is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SharesView {
    /// Material.
    pub material: UnitAmount,
    /// Capacity.
    pub capacity: UnitAmount,
    /// Subcontracted.
    pub subcontracted: UnitAmount,
    /// Overhead of capacity.
    pub capacity_overhead: UnitAmount,
    /// Manufacturing overhead.
    pub manufacturing_overhead: UnitAmount,
}

impl SharesView {
    /// The shares in the order in which they are told, each with its name.
    pub const fn named(self) -> [(&'static str, UnitAmount); 5] {
        [
            ("material", self.material),
            ("capacity", self.capacity),
            ("subcontracted", self.subcontracted),
            ("capacity_overhead", self.capacity_overhead),
            ("manufacturing_overhead", self.manufacturing_overhead),
        ]
    }

    const fn own(shares: &StandardShares) -> Self {
        Self {
            material: shares.material,
            capacity: shares.capacity,
            subcontracted: shares.subcontracted,
            capacity_overhead: shares.capacity_overhead,
            manufacturing_overhead: shares.manufacturing_overhead,
        }
    }

    const fn rolled(shares: &StandardShares) -> Self {
        let [material, capacity, subcontracted, capacity_overhead, manufacturing_overhead] =
            shares.rolled;
        Self { material, capacity, subcontracted, capacity_overhead, manufacturing_overhead }
    }
}

/// What the standard cost of an item is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StandardCostView {
    /// The item.
    pub item: String,
    /// Standard cost per base unit, as the card says.
    pub standard_cost: UnitAmount,
    /// Its bill of materials; empty for what is bought.
    pub bill: Vec<BillLineView>,
    /// Shares of this level, as of the last roll-up.
    pub shares: SharesView,
    /// The same shares with those of all levels below.
    pub rolled: SharesView,
}

/// What the standard cost of `item` is made of.
pub fn standard_cost(tables: &dyn Tables, item: ItemId) -> StandardCostView {
    let card = costing::item_cost(tables, item);
    let bill = tables.row::<Bills>(&item).unwrap_or_default();
    StandardCostView {
        item: lookup::item_text(tables, item),
        standard_cost: card.standard_cost,
        bill: bill.lines.iter().map(|line| BillLineView::of(tables, line)).collect(),
        shares: SharesView::own(&card.shares),
        rolled: SharesView::rolled(&card.shares),
    }
}
