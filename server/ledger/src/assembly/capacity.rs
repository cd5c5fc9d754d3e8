//! Capacity: time of resources, work and machine centers, and what subcontractors charge.

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::outcome::Reason;
use protocol::quantity::Quantity;
use protocol::words::DocumentNo;
use serde::{Deserialize, Serialize};

use crate::command::{malformed, not_found};
use crate::costing::fits;
use crate::dimension::{self, Dimensions};
use crate::key::KeyRange;
use crate::money::{Money, UnitAmount};
use crate::period;
use crate::posting::{Posting, Stop};
use crate::schema::entry::EntryType;
use crate::schema::money::{OrderKind, OrderRef, ValueEntry, ValueLedger, ValueType};
use crate::schema::order::{
    Capacities, Capacity, CapacityEntry, CapacityKind, CapacityLedger, OrderPlaces,
    ValuesByCapacity,
};
use crate::schema::{Counter, EntryNo, ItemId, LocationId, VariantId, next_number};
use crate::tables::{Read as _, Tables};

/// Makes or changes a resource, work center or machine center.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutCapacity {
    /// What it is.
    pub kind: CapacityKind,
    /// Its code.
    pub code: String,
    /// What people call it.
    #[serde(default)]
    pub name: String,
    /// Direct cost per unit: per minute of a work or machine center.
    #[serde(default)]
    pub direct_unit_cost: UnitAmount,
    /// Overhead in percent of the direct cost.
    #[serde(default)]
    pub indirect_cost_percent: Quantity,
    /// Overhead per unit.
    #[serde(default)]
    pub overhead_rate: UnitAmount,
    /// The least that a posting of it costs.
    #[serde(default)]
    pub minimum_amount: Money,
    /// General product posting group.
    #[serde(default)]
    pub product_group: String,
}

/// Posts time of a work or machine center to a production order, or what a subcontractor charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostCapacity {
    /// What was used.
    pub kind: CapacityKind,
    /// Which one.
    pub code: String,
    /// The production order.
    pub order: DocumentNo,
    /// The date for the accounts.
    pub date: NaiveDate,
    /// How much, in minutes; for a subcontractor the pieces that he made.
    #[serde(default)]
    pub quantity: Quantity,
    /// What a subcontractor charged, in all, without VAT; none: at the cost of the center.
    #[serde(default)]
    pub amount: Option<Money>,
    /// General business posting group: that of the vendor for a subcontractor.
    #[serde(default)]
    pub business_group: String,
    /// What is said of the dimensions of its entries.
    #[serde(default)]
    pub dimensions: Dimensions,
}

/// Puts a charge on a capacity ledger entry (a subcontracting receipt).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeCapacity {
    /// The charge.
    pub charge: String,
    /// The date for the accounts.
    pub date: NaiveDate,
    /// The capacity ledger entry.
    pub capacity: EntryNo,
    /// What it costs, without VAT.
    pub amount: Money,
    /// The number that the value entry shows.
    #[serde(default)]
    pub document_no: String,
    /// General business posting group.
    #[serde(default)]
    pub business_group: String,
    /// What is said of the dimensions of its entries.
    #[serde(default)]
    pub dimensions: Dimensions,
}

pub(crate) fn put(posting: &mut Posting<'_, '_>, put: &PutCapacity) -> Result<(), Stop> {
    if put.code.is_empty() {
        return Err(Stop::Refuse(malformed(&"capacity has a code")));
    }
    let row = Capacity {
        name: put.name.clone(),
        direct_unit_cost: put.direct_unit_cost,
        indirect_cost_percent: put.indirect_cost_percent,
        overhead_rate: put.overhead_rate,
        minimum_amount: put.minimum_amount,
        product_group: put.product_group.clone(),
    };
    posting.draft.put::<Capacities>(&(put.kind.number(), put.code.clone()), row);
    Ok(())
}

/// Use of capacity by an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) kind: CapacityKind,
    pub(crate) code: String,
    pub(crate) order: OrderRef,
    pub(crate) item: ItemId,
    pub(crate) date: NaiveDate,
    pub(crate) quantity: Quantity,
    pub(crate) amount: Option<Money>,
    pub(crate) business_group: String,
    pub(crate) dimensions: Dimensions,
}

pub(crate) fn post(posting: &mut Posting<'_, '_>, post: &PostCapacity) -> Result<(), Stop> {
    period::check_posting(posting, post.date)?;
    let order = (OrderKind::Production, post.order.clone());
    let row = posting.order_row(&order);
    if row.finished {
        return Err(Stop::Refuse(Reason::new(Code::DocumentClosed).word("document", &post.order)));
    }
    let place = posting.draft.row::<OrderPlaces>(&(order.0.number(), order.1.clone()));
    let item = place.map_or(row.item, |place| place.item);
    let used = Use {
        kind: post.kind,
        code: post.code.clone(),
        order: order.clone(),
        item,
        date: post.date,
        quantity: post.quantity,
        amount: post.amount,
        business_group: post.business_group.clone(),
        dimensions: post.dimensions.clone(),
    };
    use_capacity(posting, &used)?;
    posting.mark_order(&order);
    Ok(())
}

/// Writes a capacity ledger entry with its direct and indirect cost; answers its number and both costs.
pub(crate) fn use_capacity(
    posting: &mut Posting<'_, '_>,
    used: &Use,
) -> Result<(EntryNo, Money, Money), Stop> {
    let card = posting
        .draft
        .row::<Capacities>(&(used.kind.number(), used.code.clone()))
        .ok_or_else(|| not_found(&used.code))?;
    let cents = posting.cents();
    let direct = if let Some(charged) = used.amount {
        posting.with_vat(charged)?
    } else {
        let cost = fits(card.direct_unit_cost.times(used.quantity, cents))?;
        if used.quantity.is_positive() { cost.max(card.minimum_amount) } else { cost }
    };
    let overhead = (card.overhead_rate, used.quantity);
    let indirect =
        fits(crate::money::overhead(direct, card.indirect_cost_percent, overhead, cents))?;
    let no = EntryNo(next_number(posting.draft, Counter::CapacityEntry));
    let entry = CapacityEntry {
        kind: used.kind,
        code: used.code.clone(),
        order: used.order.clone(),
        quantity: used.quantity,
        posting_date: used.date,
        subcontracted: used.amount.is_some(),
        written: posting.written(),
    };
    posting.draft.put::<CapacityLedger>(&no, entry);
    let mut row = posting.order_row(&used.order);
    row.capacity.push(no);
    if row.business_group.is_empty() {
        row.business_group.clone_from(&used.business_group);
    }
    posting.put_order(&used.order, row);
    let of = (used.kind, used.code.as_str());
    let dimension_set = dimension::of_capacity(posting, of, used.item, &used.dimensions)?;
    let template = ValueEntry { dimension_set, ..template(posting, no, used, &card) };
    let first =
        ValueEntry { cost_actual: direct, invoiced_quantity: used.quantity, ..template.clone() };
    posting.write_capacity_value(first)?;
    if !indirect.is_zero() {
        posting.write_capacity_value(ValueEntry {
            value_type: ValueType::IndirectCost,
            cost_actual: indirect,
            ..template
        })?;
    }
    Ok((no, direct, indirect))
}

fn template(posting: &Posting<'_, '_>, no: EntryNo, used: &Use, card: &Capacity) -> ValueEntry {
    let group = crate::costing::item_cost(&*posting.draft, used.item).inventory_group.clone();
    let entry_type = match used.order.0 {
        OrderKind::Assembly => EntryType::AssemblyOutput,
        OrderKind::Production => EntryType::Output,
    };
    ValueEntry {
        entry: EntryNo(0),
        capacity: no,
        item: used.item,
        variant: VariantId(0),
        location: LocationId(0),
        posting_date: used.date,
        valuation_date: used.date,
        entry_type,
        value_type: ValueType::DirectCost,
        variance: None,
        valued_quantity: used.quantity,
        entry_quantity: Quantity::ZERO,
        invoiced_quantity: Quantity::ZERO,
        cost_actual: Money::ZERO,
        cost_expected: Money::ZERO,
        cost_per_unit: UnitAmount::ZERO,
        cost_non_inventoriable: Money::ZERO,
        sales_actual: Money::ZERO,
        sales_expected: Money::ZERO,
        inventoriable: false,
        expected: false,
        adjustment: false,
        applies_to: EntryNo(0),
        charge: String::new(),
        by_average: false,
        partial_revaluation: false,
        document: None,
        document_no: used.order.1.to_string(),
        order: Some(used.order.clone()),
        inventory_group: group,
        business_group: used.business_group.clone(),
        product_group: card.product_group.clone(),
        dimension_set: 0,
        written: posting.written(),
    }
}

pub(crate) fn charge(posting: &mut Posting<'_, '_>, put: &ChargeCapacity) -> Result<(), Stop> {
    period::check_posting(posting, put.date)?;
    let entry = posting
        .draft
        .row::<CapacityLedger>(&put.capacity)
        .ok_or_else(|| not_found(&put.capacity))?;
    let (_no, first) = values_of(&*posting.draft, put.capacity)
        .into_iter()
        .next()
        .ok_or_else(|| not_found(&put.capacity))?;
    let dimension_set = dimension::with(posting, first.dimension_set, &put.dimensions)?;
    let cost_actual = posting.with_vat(put.amount)?;
    posting.write_capacity_value(ValueEntry {
        dimension_set,
        posting_date: put.date,
        value_type: ValueType::DirectCost,
        invoiced_quantity: Quantity::ZERO,
        cost_actual,
        charge: put.charge.clone(),
        document_no: put.document_no.clone(),
        business_group: put.business_group.clone(),
        written: posting.written(),
        ..first
    })?;
    posting.mark_order(&entry.order);
    Ok(())
}

/// The value entries of a capacity ledger entry.
pub fn values_of(tables: &(impl Tables + ?Sized), capacity: EntryNo) -> Vec<(EntryNo, ValueEntry)> {
    tables
        .list::<ValuesByCapacity>(&KeyRange::prefix(&(capacity,)))
        .into_iter()
        .filter_map(|((_capacity, no), _row)| {
            tables.row::<ValueLedger>(&no).map(|row| (no, (*row).clone()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{ChargeCapacity, PostCapacity, PutCapacity};
    use crate::books::{Books, day, m};
    use crate::command::Command;
    use crate::dimension::Dimensions;
    use crate::money::{Money, UnitAmount};
    use crate::schema::EntryNo;
    use crate::schema::order::CapacityKind;
    use crate::world::q;

    fn work(quantity: &str, charged: Option<&str>) -> Command {
        Command::PostCapacity(PostCapacity {
            kind: CapacityKind::WorkCenter,
            code: "PAINT".to_owned(),
            order: "P1".try_into().unwrap(),
            date: day("2020-01-02"),
            quantity: q(quantity),
            amount: charged.map(m),
            business_group: String::new(),
            dimensions: Dimensions::NONE,
        })
    }

    #[test]
    fn vat_on_what_a_subcontractor_charges_is_a_cost_where_the_setup_says_so() {
        for (in_cost, wanted) in [(true, ["110", "11", "30"]), (false, ["100", "10", "30"])] {
            let mut books = Books::new(|setup| {
                setup.non_deductible_vat_in_cost = in_cost;
                setup.vat_percent = q("25");
                setup.non_deductible_vat_percent = q("40");
            });
            books.ok(&Command::PutCapacity(PutCapacity {
                kind: CapacityKind::WorkCenter,
                code: "PAINT".to_owned(),
                name: String::new(),
                direct_unit_cost: "3".parse().unwrap(),
                indirect_cost_percent: q("0"),
                overhead_rate: UnitAmount::ZERO,
                minimum_amount: Money::ZERO,
                product_group: String::new(),
            }));
            books.ok(&work("5", Some("100")));
            books.ok(&Command::ChargeCapacity(ChargeCapacity {
                charge: "FREIGHT".to_owned(),
                date: day("2020-01-03"),
                capacity: EntryNo(1),
                amount: m("10"),
                document_no: String::new(),
                business_group: String::new(),
                dimensions: Dimensions::NONE,
            }));
            // The house's own time is bought from nobody.
            books.ok(&work("10", None));
            let values = books.values();
            let costs: Vec<_> =
                values.iter().map(|(_no, value)| value.cost_actual.to_string()).collect();
            assert_eq!(costs, wanted);
        }
    }
}
