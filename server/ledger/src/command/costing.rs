//! Setup of the money side: the inventory setup, costs on cards, posting dates; and what is done to the
//! value of entries that are posted: invoices, charges.

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::outcome::Reason;
use protocol::quantity::Quantity;
use protocol::words::{ItemNo, LocationCode, OperatorId, VariantCode};
use serde::{Deserialize, Serialize};

use crate::command::ledger::check_code;
use crate::command::{malformed, not_found, out_of_range};
use crate::costing::charge::ChargeOn;
use crate::costing::invoice::InvoiceOf;
use crate::costing::{fits, item_cost, setup};
use crate::dimension::Dimensions;
use crate::lookup;
use crate::money::{Money, UnitAmount};
use crate::period;
use crate::posting::{Posting, Stop};
use crate::schema::entry::{EntryType, ItemLedger};
use crate::schema::identity::Operators;
use crate::schema::money::{
    InventorySetup, ItemCosts, StockkeepingUnit, StockkeepingUnits, UserSetup, UserSetups,
};
use crate::schema::{EntryNo, LocationId};
use crate::tables::Read as _;

/// The inventory setup, as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetInventorySetup {
    /// What it is from now on.
    pub setup: InventorySetup,
    /// Taken as it is, without the checks that a user meets: for setting a company up. The system's alone,
    /// `right_missing` for everybody else.
    #[serde(default)]
    pub unchecked: bool,
}

/// Costs and posting groups of an item; what is left out stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutItemCost {
    /// The item.
    pub item: ItemNo,
    /// Cost per base unit; not of a standard item, whose unit cost is its standard cost.
    #[serde(default)]
    pub unit_cost: Option<UnitAmount>,
    /// Standard cost per base unit. Stock is not revalued by changing it.
    #[serde(default)]
    pub standard_cost: Option<UnitAmount>,
    /// The last direct cost per base unit.
    #[serde(default)]
    pub last_direct_cost: Option<UnitAmount>,
    /// Overhead in percent of the direct cost.
    #[serde(default)]
    pub indirect_cost_percent: Option<Quantity>,
    /// Overhead per base unit.
    #[serde(default)]
    pub overhead_rate: Option<UnitAmount>,
    /// Inventory posting group.
    #[serde(default)]
    pub inventory_group: Option<String>,
    /// General product posting group.
    #[serde(default)]
    pub product_group: Option<String>,
    /// Net weight of a base unit.
    #[serde(default)]
    pub net_weight: Option<Quantity>,
    /// Volume of a base unit.
    #[serde(default)]
    pub unit_volume: Option<Quantity>,
    /// The batch adjustment leaves the item out.
    #[serde(default)]
    pub excluded_from_adjustment: Option<bool>,
}

/// A stockkeeping unit: costs of an item at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutStockkeepingUnit {
    /// The item.
    pub item: ItemNo,
    /// The location; none for the blank one.
    #[serde(default)]
    pub location: Option<LocationCode>,
    /// The variant.
    #[serde(default)]
    pub variant: Option<VariantCode>,
    /// Cost per base unit.
    #[serde(default)]
    pub unit_cost: Option<UnitAmount>,
    /// Standard cost per base unit.
    #[serde(default)]
    pub standard_cost: Option<UnitAmount>,
}

/// Posting dates of one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutUserSetup {
    /// The user.
    pub user: OperatorId,
    /// No posting before this date.
    #[serde(default)]
    pub allow_posting_from: Option<NaiveDate>,
    /// No posting after this date.
    #[serde(default)]
    pub allow_posting_to: Option<NaiveDate>,
}

/// Invoices entries that were posted without.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceEntries {
    /// The date for the accounts.
    pub date: NaiveDate,
    /// The number that the value entries show.
    #[serde(default)]
    pub document_no: String,
    /// General business posting group.
    #[serde(default)]
    pub business_group: String,
    /// What is invoiced.
    pub lines: Vec<InvoiceLine>,
    /// What is said of the dimensions of its entries.
    #[serde(default)]
    pub dimensions: Dimensions,
}

/// An invoice of one entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceLine {
    /// The item ledger entry.
    pub entry: EntryNo,
    /// How much of it, in base units.
    pub quantity: Quantity,
    /// What was paid for that, before overhead; the expected cost of an increase when left out.
    #[serde(default)]
    pub amount: Option<Money>,
    /// What it was sold for; negative for a return.
    #[serde(default)]
    pub sales: Money,
}

/// Puts a charge on entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeEntries {
    /// The charge.
    pub charge: String,
    /// The date for the accounts.
    pub date: NaiveDate,
    /// The number that the value entries show.
    #[serde(default)]
    pub document_no: String,
    /// General business posting group.
    #[serde(default)]
    pub business_group: String,
    /// What is charged to which entry: positive for a cost.
    pub assignments: Vec<ChargeLine>,
    /// What is said of the dimensions of its entries.
    #[serde(default)]
    pub dimensions: Dimensions,
}

/// A charge on one entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeLine {
    /// The item ledger entry.
    pub entry: EntryNo,
    /// What was paid for it, without VAT. On what left stock it is a cost of the sale, not of stock.
    pub amount: Money,
}

pub(crate) fn set_setup(
    posting: &mut Posting<'_, '_>,
    set: &SetInventorySetup,
) -> Result<(), Stop> {
    let new = &set.setup;
    check_dates(new.allow_posting_from, new.allow_posting_to)?;
    let percents = [
        ("vat_percent", new.vat_percent),
        ("non_deductible_vat_percent", new.non_deductible_vat_percent),
    ];
    for (field, percent) in percents {
        if percent.is_negative() || percent > Quantity::whole(100) {
            return Err(out_of_range(field));
        }
    }
    period::setup::put(posting, &set.setup, !set.unchecked)
}

/// Posting dates are a range, or open to one side.
fn check_dates(from: Option<NaiveDate>, to: Option<NaiveDate>) -> Result<(), Stop> {
    match (from, to) {
        (Some(from), Some(to)) if from > to => {
            let why = format!("the first posting date {from} is later than the last {to}");
            Err(Stop::Refuse(malformed(&why)))
        }
        (_, _) => Ok(()),
    }
}

/// What a card says of costs and sizes is never below zero.
fn check_figures(figures: &[(&str, bool)]) -> Result<(), Stop> {
    let wrong = figures.iter().find(|(_field, below_zero)| *below_zero);
    wrong.map_or(Ok(()), |(field, _below_zero)| Err(out_of_range(field)))
}

fn check_card(put: &PutItemCost) -> Result<(), Stop> {
    let below = |amount: Option<UnitAmount>| amount.is_some_and(UnitAmount::is_negative);
    let under = |quantity: Option<Quantity>| quantity.is_some_and(Quantity::is_negative);
    check_figures(&[
        ("unit_cost", below(put.unit_cost)),
        ("standard_cost", below(put.standard_cost)),
        ("last_direct_cost", below(put.last_direct_cost)),
        ("indirect_cost_percent", under(put.indirect_cost_percent)),
        ("overhead_rate", below(put.overhead_rate)),
        ("net_weight", under(put.net_weight)),
        ("unit_volume", under(put.unit_volume)),
    ])?;
    // A group need not have accounts yet: what needs them is refused, or left out by runs.
    [&put.inventory_group, &put.product_group].into_iter().flatten().try_for_each(|g| check_code(g))
}

pub(crate) fn put_item_cost(posting: &mut Posting<'_, '_>, put: &PutItemCost) -> Result<(), Stop> {
    let (item, card) = lookup::item(posting.draft, &put.item).map_err(Stop::Refuse)?;
    check_card(put)?;
    let mut row = (*item_cost(&*posting.draft, item)).clone();
    let take = |to: &mut UnitAmount, from: Option<UnitAmount>| {
        if let Some(from) = from {
            *to = from;
        }
    };
    take(&mut row.unit_cost, put.unit_cost);
    take(&mut row.standard_cost, put.standard_cost);
    take(&mut row.last_direct_cost, put.last_direct_cost);
    take(&mut row.overhead_rate, put.overhead_rate);
    if card.costing_method == crate::schema::item::CostingMethod::Standard {
        row.unit_cost = row.standard_cost;
    }
    row.indirect_cost_percent = put.indirect_cost_percent.unwrap_or(row.indirect_cost_percent);
    row.net_weight = put.net_weight.unwrap_or(row.net_weight);
    row.unit_volume = put.unit_volume.unwrap_or(row.unit_volume);
    row.excluded_from_adjustment =
        put.excluded_from_adjustment.unwrap_or(row.excluded_from_adjustment);
    if let Some(group) = &put.inventory_group {
        row.inventory_group.clone_from(group);
    }
    if let Some(group) = &put.product_group {
        row.product_group.clone_from(group);
    }
    let unit_cost = row.unit_cost;
    posting.draft.put::<ItemCosts>(&item, row);
    if put.unit_cost.is_some() {
        posting.units_follow(item, unit_cost);
    }
    Ok(())
}

pub(crate) fn put_stockkeeping_unit(
    posting: &mut Posting<'_, '_>,
    put: &PutStockkeepingUnit,
) -> Result<(), Stop> {
    let (item, card) = lookup::item(posting.draft, &put.item).map_err(Stop::Refuse)?;
    check_figures(&[
        ("unit_cost", put.unit_cost.is_some_and(UnitAmount::is_negative)),
        ("standard_cost", put.standard_cost.is_some_and(UnitAmount::is_negative)),
    ])?;
    let variant =
        lookup::variant(posting.draft, item, put.variant.as_ref()).map_err(Stop::Refuse)?;
    let location = match &put.location {
        Some(code) => lookup::location(posting.draft, code).map_err(Stop::Refuse)?.0,
        None => LocationId(0),
    };
    let key = (item, location, variant);
    let known = posting.draft.row::<StockkeepingUnits>(&key).map(|row| *row);
    let mut row = known.unwrap_or_else(|| {
        // A new one begins with what the card says.
        let card = item_cost(&*posting.draft, item);
        StockkeepingUnit {
            unit_cost: card.unit_cost,
            standard_cost: card.standard_cost,
            last_direct_cost: card.last_direct_cost,
            ..StockkeepingUnit::default()
        }
    });
    row.unit_cost = put.unit_cost.unwrap_or(row.unit_cost);
    row.standard_cost = put.standard_cost.unwrap_or(row.standard_cost);
    if card.costing_method == crate::schema::item::CostingMethod::Standard {
        row.unit_cost = row.standard_cost;
    }
    posting.draft.put::<StockkeepingUnits>(&key, row);
    Ok(())
}

pub(crate) fn put_user_setup(
    posting: &mut Posting<'_, '_>,
    put: &PutUserSetup,
) -> Result<(), Stop> {
    if !posting.draft.has::<Operators>(&put.user) {
        return Err(not_found(&put.user));
    }
    check_dates(put.allow_posting_from, put.allow_posting_to)?;
    let row = UserSetup {
        allow_posting_from: put.allow_posting_from,
        allow_posting_to: put.allow_posting_to,
    };
    posting.draft.put::<UserSetups>(&put.user, row);
    posting.retry_orders();
    Ok(())
}

pub(crate) fn invoice_entries(
    posting: &mut Posting<'_, '_>,
    put: &InvoiceEntries,
) -> Result<(), Stop> {
    for line in &put.lines {
        let entry =
            posting.draft.row::<ItemLedger>(&line.entry).ok_or_else(|| not_found(&line.entry))?;
        if !line.quantity.is_positive() {
            return Err(Stop::refuse(Code::NothingToPost));
        }
        let bought = entry.entry_type == EntryType::Purchase;
        let direct = match line.amount {
            Some(amount) if bought => Some(posting.with_vat(amount)?),
            amount => amount,
        };
        posting.invoice(&InvoiceOf {
            entry: line.entry,
            quantity: line.quantity,
            posting_date: put.date,
            direct,
            discount: Money::ZERO,
            sales: line.sales,
            document_no: put.document_no.clone(),
            business_group: put.business_group.clone(),
            dimensions: put.dimensions.clone(),
        })?;
    }
    Ok(())
}

pub(crate) fn charge_entries(
    posting: &mut Posting<'_, '_>,
    put: &ChargeEntries,
) -> Result<(), Stop> {
    if put.charge.is_empty() {
        return Err(Stop::Refuse(malformed(&"a charge has a name")));
    }
    if put.assignments.is_empty() {
        let reason = Reason::new(Code::ChargeNotAssigned)
            .word("charge", &put.charge)
            .quantity("wanted", Quantity::ONE)
            .quantity("available", Quantity::ZERO);
        return Err(Stop::Refuse(reason));
    }
    for line in &put.assignments {
        let entry =
            posting.draft.row::<ItemLedger>(&line.entry).ok_or_else(|| not_found(&line.entry))?;
        let paid = posting.with_vat(line.amount)?;
        let cost = if entry.quantity.is_positive() { paid } else { paid.negated() };
        posting.charge(&ChargeOn {
            entry: line.entry,
            charge: put.charge.clone(),
            cost,
            sales: Money::ZERO,
            posting_date: put.date,
            document_no: put.document_no.clone(),
            business_group: put.business_group.clone(),
            dimensions: put.dimensions.clone(),
        })?;
    }
    Ok(())
}

/// The unit amount per base unit of an amount per `factor` base units, as exactly as it is kept.
pub(crate) fn per_base(amount: UnitAmount, factor: Quantity) -> Result<UnitAmount, Stop> {
    if factor == Quantity::ONE {
        return Ok(amount);
    }
    fits(amount.per_base(factor, crate::money::Step::finest()))
}

/// Whether every posting names a location.
pub(crate) fn location_is_mandatory(posting: &Posting<'_, '_>) -> bool {
    setup(&*posting.draft).location_mandatory
}
