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

#[cfg(test)]
mod tests {
    use protocol::code::Code;

    use super::{PutBillOfMaterials, RollUpStandardCost};
    use crate::assembly::capacity::PutCapacity;
    use crate::books::Books;
    use crate::command::Command;
    use crate::costing::item_cost;
    use crate::money::Money;
    use crate::schema::item::CostingMethod;
    use crate::schema::order::CapacityKind;
    use crate::world::q;

    fn capacity(books: &mut Books, kind: CapacityKind, code: &str, costs: [&str; 3]) {
        let [direct, percent, rate] = costs;
        books.ok(&Command::PutCapacity(PutCapacity {
            kind,
            code: code.to_owned(),
            name: String::new(),
            direct_unit_cost: direct.parse().unwrap(),
            indirect_cost_percent: q(percent),
            overhead_rate: rate.parse().unwrap(),
            minimum_amount: Money::ZERO,
            product_group: String::new(),
        }));
    }

    fn bill(item: &str, components: &[(&str, &str)]) -> PutBillOfMaterials {
        let component = |(no, quantity): &(&str, &str)| ((*no).try_into().unwrap(), q(quantity));
        PutBillOfMaterials {
            item: item.try_into().unwrap(),
            components: components.iter().map(component).collect(),
            operations: Vec::new(),
            subcontracted: Vec::new(),
        }
    }

    fn roll_up(item: &str) -> Command {
        Command::RollUpStandardCost(RollUpStandardCost { item: item.try_into().unwrap() })
    }

    /// Unit cost, standard cost, single-level shares, rolled-up shares: material, capacity, subcontracted,
    /// overhead of capacity, manufacturing overhead.
    fn costs(books: &Books, item: &str) -> [String; 4] {
        let card = item_cost(&books.world.tables, books.item(item));
        let shares = &card.shares;
        let own = [
            shares.material,
            shares.capacity,
            shares.subcontracted,
            shares.capacity_overhead,
            shares.manufacturing_overhead,
        ];
        let listed =
            |shares: [crate::money::UnitAmount; 5]| shares.map(|share| share.to_string()).join(" ");
        [
            card.unit_cost.to_string(),
            card.standard_cost.to_string(),
            listed(own),
            listed(shares.rolled),
        ]
    }

    fn indirect(books: &mut Books, item: &str, percent: &str, rate: &str) {
        books.card(item, |card| {
            card.indirect_cost_percent = Some(q(percent));
            card.overhead_rate = Some(rate.parse().unwrap());
        });
    }

    /// Bought: BOLT at 2.00, NUT at 0.50, STD at a standard of 3.00. SUB of both and TOP of two SUB and one
    /// STD are made, each at its standard.
    fn company() -> Books {
        let mut books = Books::new(|_setup| {});
        for made in ["SUB", "TOP"] {
            books.world.item(made, CostingMethod::Standard, None);
        }
        for (bought, cost) in [("BOLT", "2"), ("NUT", "0.5")] {
            books.card(bought, |card| card.unit_cost = Some(cost.parse().unwrap()));
        }
        books.card("STD", |card| card.standard_cost = Some("3".parse().unwrap()));
        capacity(&mut books, CapacityKind::WorkCenter, "LATHE", ["0.6", "10", "0.05"]);
        capacity(&mut books, CapacityKind::Resource, "HANDS", ["24", "25", "0"]);
        indirect(&mut books, "SUB", "5", "0.3");
        indirect(&mut books, "TOP", "10", "0.45");
        let mut sub = bill("SUB", &[("BOLT", "2"), ("NUT", "3")]);
        sub.operations = vec![(CapacityKind::WorkCenter, "LATHE".to_owned(), q("10"))];
        sub.subcontracted = vec![("PAINT".to_owned(), "1.4".parse().unwrap())];
        books.ok(&Command::PutBillOfMaterials(sub));
        let mut top = bill("TOP", &[("SUB", "2"), ("STD", "1")]);
        top.operations = vec![(CapacityKind::Resource, "HANDS".to_owned(), q("0.25"))];
        books.ok(&Command::PutBillOfMaterials(top));
        books
    }

    /// COSTING 16.3, worked out by hand.
    #[test]
    fn a_standard_is_rolled_up_over_two_levels() {
        let mut books = company();
        books.ok(&roll_up("TOP"));
        // Material 2 × 2.00 + 3 × 0.50; capacity 10 × 0.60; its overhead 6.00 × 10 % + 10 × 0.05;
        // manufacturing overhead (5.50 + 6.00 + 1.40 + 1.10) × 5 % + 0.30.
        let own = "5.5 6 1.4 1.1 1";
        assert_eq!(costs(&books, "SUB"), ["15", "15", own, own]);
        // Material 2 × 15.00 + 3.00; capacity 0.25 × 24.00; its overhead 6.00 × 25 %; manufacturing overhead
        // (33.00 + 6.00 + 1.50) × 10 % + 0.45. Rolled up each share is its own and twice that of SUB, and
        // material is what is bought: 2 × 5.50 + 3.00.
        let (own, rolled) = ("33 6 0 1.5 4.5", "14 18 2.8 3.7 6.5");
        assert_eq!(costs(&books, "TOP"), ["45", "45", own, rolled]);
        assert_eq!(costs(&books, "STD")[1], "3", "what is bought is left as it is");
    }

    #[test]
    fn a_component_is_rolled_up_anew_with_what_it_goes_into() {
        let mut books = company();
        books.ok(&roll_up("TOP"));
        books.card("BOLT", |card| card.unit_cost = Some("3".parse().unwrap()));
        assert_eq!(costs(&books, "TOP")[1], "45", "a standard is frozen until it is rolled up");
        books.ok(&roll_up("TOP"));
        // Two bolts dearer by 1.00 each, with 5 % on them; twice that, with 10 %.
        assert_eq!((&*costs(&books, "SUB")[1], &*costs(&books, "TOP")[1]), ("17.1", "49.62"));
    }

    #[test]
    fn shares_are_not_rounded_and_their_sum_is() {
        let mut books = company();
        books.card("NUT", |card| card.unit_cost = Some("0.12345".parse().unwrap()));
        books.world.item("HALF", CostingMethod::Standard, None);
        books.ok(&Command::PutBillOfMaterials(bill("HALF", &[("NUT", "0.5")])));
        books.ok(&roll_up("HALF"));
        let share = "0.061725 0 0 0 0";
        assert_eq!(costs(&books, "HALF"), ["0.06173", "0.06173", share, share]);
    }

    #[test]
    fn what_is_not_valued_at_standard_keeps_its_unit_cost() {
        let mut books = company();
        books.world.item("KIT", CostingMethod::Fifo, None);
        books.card("KIT", |card| card.unit_cost = Some("9".parse().unwrap()));
        books.ok(&Command::PutBillOfMaterials(bill("KIT", &[("BOLT", "4")])));
        books.ok(&roll_up("KIT"));
        assert_eq!(costs(&books, "KIT"), ["9", "8", "8 0 0 0 0", "8 0 0 0 0"]);
    }

    #[test]
    fn what_has_no_bill_or_is_made_of_itself_is_not_rolled_up() {
        let mut books = company();
        assert_eq!(books.refused(&roll_up("BOLT")), [Code::NotFound]);
        books.ok(&Command::PutBillOfMaterials(bill("BOLT", &[("TOP", "1")])));
        assert_eq!(books.refused(&roll_up("TOP")), [Code::MalformedRequest]);
        assert_eq!(costs(&books, "TOP")[1], "0", "nothing of it is kept");
        let mut nowhere = bill("NUT", &[]);
        nowhere.operations = vec![(CapacityKind::MachineCenter, "NONE".to_owned(), q("1"))];
        assert_eq!(books.refused(&Command::PutBillOfMaterials(nowhere)), [Code::NotFound]);
    }
}
