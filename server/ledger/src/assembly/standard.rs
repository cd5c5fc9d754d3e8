//! Standard costs of what is made: bills of materials, rolled up (COSTING 16.3).

use std::collections::BTreeMap;

use protocol::quantity::Quantity;
use protocol::words::ItemNo;
use serde::{Deserialize, Serialize};

use crate::command::{malformed, not_found};
use crate::costing::{fits, item_cost, method_of, setup};
use crate::key::KeyRange;
use crate::lookup;
use crate::money::{Step, UnitAmount};
use crate::posting::{Posting, Stop};
use crate::schema::ItemId;
use crate::schema::item::CostingMethod;
use crate::schema::money::{ItemCost, ItemCosts, StandardShares};
use crate::schema::order::{BillLine, BillOfMaterials, Bills, Capacities, CapacityKind};
use crate::tables::Read as _;

/// Levels of a bill of materials at most.
const LEVELS_MAX: u16 = 50;

/// What an item is made of, per base unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutBillOfMaterials {
    /// The item.
    pub item: ItemNo,
    /// Its components, with the quantity in their base units.
    #[serde(default)]
    pub components: Vec<(ItemNo, Quantity)>,
    /// Capacity: kind, code, quantity in its unit.
    #[serde(default)]
    pub operations: Vec<(CapacityKind, String, Quantity)>,
    /// Work done by subcontractors: code of the work center, cost per piece.
    #[serde(default)]
    pub subcontracted: Vec<(String, UnitAmount)>,
}

/// Works out the standard cost of an item, and of what it is made of, from their bills of materials. Stock
/// is not revalued by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollUpStandardCost {
    /// The item.
    pub item: ItemNo,
}

pub(crate) fn put_bill(
    posting: &mut Posting<'_, '_>,
    put: &PutBillOfMaterials,
) -> Result<(), Stop> {
    let (item, _card) = lookup::item(posting.draft, &put.item).map_err(Stop::Refuse)?;
    let mut lines = Vec::new();
    for (no, quantity) in &put.components {
        let (component, _card) = lookup::item(posting.draft, no).map_err(Stop::Refuse)?;
        lines.push(BillLine::Item(component, *quantity));
    }
    for (kind, code, quantity) in &put.operations {
        if !posting.draft.has::<Capacities>(&(kind.number(), code.clone())) {
            return Err(not_found(code));
        }
        lines.push(BillLine::Capacity(*kind, code.clone(), *quantity));
    }
    for (code, cost) in &put.subcontracted {
        lines.push(BillLine::Subcontracted(code.clone(), *cost));
    }
    posting.draft.put::<Bills>(&item, BillOfMaterials { lines });
    Ok(())
}

pub(crate) fn roll_up(posting: &mut Posting<'_, '_>, ask: &RollUpStandardCost) -> Result<(), Stop> {
    let (item, _card) = lookup::item(posting.draft, &ask.item).map_err(Stop::Refuse)?;
    if posting.draft.first::<Bills>(&KeyRange::prefix(&(item,))).is_none() {
        return Err(not_found(&ask.item));
    }
    let mut done = BTreeMap::new();
    shares_of(posting, item, 0, &mut done).map(|_shares| ())
}

/// The shares of an item; of one that is made they are worked out and kept, components first.
fn shares_of(
    posting: &mut Posting<'_, '_>,
    item: ItemId,
    level: u16,
    done: &mut BTreeMap<ItemId, StandardShares>,
) -> Result<StandardShares, Stop> {
    if let Some(shares) = done.get(&item) {
        return Ok(*shares);
    }
    if level > LEVELS_MAX {
        let no = lookup::item_text(posting.draft, item);
        let why = format!("{no} is made of itself");
        return Err(Stop::Refuse(malformed(&why)));
    }
    let card = item_cost(&*posting.draft, item);
    let Some(bill) = posting.draft.row::<Bills>(&item) else {
        // Bought: all of it is material.
        let standard = method_of(&*posting.draft, item) == CostingMethod::Standard;
        let material = if standard { card.standard_cost } else { card.unit_cost };
        let mut shares = StandardShares { material, ..StandardShares::default() };
        shares.rolled[0] = material;
        done.insert(item, shares);
        return Ok(shares);
    };
    let mut shares = StandardShares::default();
    for line in &bill.lines {
        add_line(posting, line, level, (&mut shares, done))?;
    }
    let subtotal =
        sum(&[shares.material, shares.capacity, shares.subcontracted, shares.capacity_overhead])?;
    shares.manufacturing_overhead =
        sum(&[percent(subtotal, card.indirect_cost_percent)?, card.overhead_rate])?;
    let own = [
        UnitAmount::ZERO,
        shares.capacity,
        shares.subcontracted,
        shares.capacity_overhead,
        shares.manufacturing_overhead,
    ];
    for (rolled, own) in shares.rolled.iter_mut().zip(own) {
        *rolled = sum(&[*rolled, own])?;
    }
    let total = sum(&[subtotal, shares.manufacturing_overhead])?;
    let step = setup(&*posting.draft).unit_amount_rounding;
    let standard_cost = fits(total.per_base(Quantity::ONE, step))?;
    let standard = method_of(&*posting.draft, item) == CostingMethod::Standard;
    let unit_cost = if standard { standard_cost } else { card.unit_cost };
    let row = ItemCost { unit_cost, standard_cost, shares, ..(*card).clone() };
    posting.draft.put::<ItemCosts>(&item, row);
    done.insert(item, shares);
    Ok(shares)
}

fn add_line(
    posting: &mut Posting<'_, '_>,
    line: &BillLine,
    level: u16,
    (shares, done): (&mut StandardShares, &mut BTreeMap<ItemId, StandardShares>),
) -> Result<(), Stop> {
    match line {
        BillLine::Item(component, quantity) => {
            let below = shares_of(posting, *component, level.saturating_add(1), done)?;
            let card = item_cost(&*posting.draft, *component);
            let standard = method_of(&*posting.draft, *component) == CostingMethod::Standard;
            let made = posting.draft.has::<Bills>(component);
            let unit = if standard || made { card.standard_cost } else { card.unit_cost };
            shares.material = sum(&[shares.material, times(unit, *quantity)?])?;
            for (rolled, part) in shares.rolled.iter_mut().zip(below.rolled) {
                *rolled = sum(&[*rolled, times(part, *quantity)?])?;
            }
        }
        BillLine::Capacity(kind, code, quantity) => {
            let Some(card) = posting.draft.row::<Capacities>(&(kind.number(), code.clone())) else {
                return Err(not_found(code));
            };
            let direct = times(card.direct_unit_cost, *quantity)?;
            let rate = times(card.overhead_rate, *quantity)?;
            let overhead = sum(&[percent(direct, card.indirect_cost_percent)?, rate])?;
            shares.capacity = sum(&[shares.capacity, direct])?;
            shares.capacity_overhead = sum(&[shares.capacity_overhead, overhead])?;
        }
        BillLine::Subcontracted(_code, cost) => {
            shares.subcontracted = sum(&[shares.subcontracted, *cost])?;
        }
    }
    Ok(())
}

fn sum(parts: &[UnitAmount]) -> Result<UnitAmount, Stop> {
    let mut total = UnitAmount::ZERO;
    for part in parts {
        total = fits(total.checked_add(*part))?;
    }
    Ok(total)
}

fn times(unit: UnitAmount, quantity: Quantity) -> Result<UnitAmount, Stop> {
    fits(unit.scaled(quantity, Quantity::ONE, Step::finest()))
}

fn percent(unit: UnitAmount, percent: Quantity) -> Result<UnitAmount, Stop> {
    fits(unit.scaled(percent, Quantity::whole(100), Step::finest()))
}
