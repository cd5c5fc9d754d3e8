//! Assembly, production, capacity and subcontracting of the costing schema.

use ledger::assembly::capacity::{ChargeCapacity, PutCapacity};
use ledger::assembly::{capacity, post};
use ledger::command::Command;
use ledger::dimension::Dimensions;
use ledger::schema::EntryNo;
use ledger::schema::order::CapacityKind;
use protocol::quantity::Quantity;

use super::company::{Company, Done, code, lacking};
use super::costing::numbers::{self, Wanted};
use super::costing::run::Play;
use super::costing::{
    ItemCharge, ItemQuantity, OfOrder, PostAssembly, PostCapacity, PostSubcontract, Resource,
    WorkCenter,
};
use super::json::{Dec, Int};
use super::ledgers::BUSINESS;
use super::money::{money, quantity, unit_amount};

/// The product posting group of everything that has capacity.
pub const CAPACITY_GROUP: &str = "CAPACITY";

/// Work centers and resources.
///
/// # Errors
///
/// A code or a figure that cannot be kept.
pub fn set_up(company: &mut Company, centers: &[WorkCenter], resources: &[Resource]) -> Done {
    let centers = centers.iter().map(|row| {
        let figures = (row.direct_unit_cost, row.indirect_cost_pct, row.minimum_amount);
        (CapacityKind::WorkCenter, row.work_center.clone(), figures)
    });
    let resources = resources.iter().map(|row| {
        let figures = (row.direct_unit_cost, row.indirect_cost_pct, row.minimum_amount);
        (CapacityKind::Resource, row.resource.clone(), figures)
    });
    for (kind, code, (direct, percent, minimum)) in centers.chain(resources) {
        company.system(Command::PutCapacity(PutCapacity {
            kind,
            name: code.clone(),
            code,
            direct_unit_cost: unit_amount(direct.unwrap_or_default())?,
            indirect_cost_percent: quantity(percent.unwrap_or_default())?,
            overhead_rate: unit_amount(Dec::default())?,
            minimum_amount: money(minimum.unwrap_or_default())?,
            product_group: CAPACITY_GROUP.to_owned(),
        }));
    }
    Ok(())
}

fn of_item(
    play: &Play,
    step: u64,
    (item, inbound): (&ItemQuantity, bool),
) -> Done<post::AssemblyItem> {
    let wanted = Wanted {
        item: &item.item,
        variant: "",
        location: "",
        quantity: item.quantity.0,
        inbound,
        named: None,
    };
    Ok(post::AssemblyItem {
        tracking: numbers::of(play, step, wanted)?,
        item: code(&item.item)?,
        variant: None,
        location: None,
        bin: None,
        quantity: quantity(item.quantity)?,
    })
}

/// Assembles.
///
/// # Errors
///
/// The refusal.
pub(crate) fn post_assembly(play: &mut Play, step: u64, put: &PostAssembly) -> Done {
    let mut resources = Vec::new();
    for row in &put.resources {
        let quantity = quantity(row.quantity)?;
        resources.push(post::AssemblyResource { resource: row.resource.clone(), quantity });
    }
    let components = put.components.iter();
    let components =
        components.map(|item| of_item(play, step, (item, false))).collect::<Done<_>>()?;
    let output = of_item(play, step, (&put.output, true))?;
    play.company.ask(&Command::PostAssembly(post::PostAssembly {
        dimensions: Dimensions::NONE,
        order: code(&put.order)?,
        date: put.date,
        sale_date: None,
        output,
        components,
        resources,
        business_group: BUSINESS.to_owned(),
    }))?;
    Ok(())
}

/// Takes an assembly back.
///
/// # Errors
///
/// The refusal.
pub fn undo_assembly(company: &mut Company, of: &OfOrder) -> Done {
    let undo = post::UndoAssembly { order: code(&of.order)?, date: of.date };
    company.ask(&Command::UndoAssembly(undo))?;
    Ok(())
}

/// Uses time of a work center.
///
/// # Errors
///
/// The refusal.
pub fn post_capacity(company: &mut Company, put: &PostCapacity) -> Done {
    company.ask(&Command::PostCapacity(capacity::PostCapacity {
        dimensions: Dimensions::NONE,
        kind: CapacityKind::WorkCenter,
        code: put.work_center.clone(),
        order: code(&put.order)?,
        date: put.date,
        quantity: quantity(put.minutes)?,
        amount: None,
        business_group: BUSINESS.to_owned(),
    }))?;
    Ok(())
}

/// A receipt of subcontracted work: charged in all, or by the piece.
///
/// # Errors
///
/// The refusal.
pub fn post_subcontract(company: &mut Company, put: &PostSubcontract) -> Done {
    let places = super::money::decimals(company);
    let by_piece = || {
        let (cost, pieces) = (put.unit_cost?, put.quantity?);
        Some(Dec(super::book::to_places(cost.0 * pieces.0, places)))
    };
    let Some(amount) = put.amount.or_else(by_piece) else {
        return lacking("a subcontracting receipt without an amount");
    };
    company.ask(&Command::PostCapacity(capacity::PostCapacity {
        dimensions: Dimensions::NONE,
        kind: CapacityKind::WorkCenter,
        code: put.work_center.clone(),
        order: code(&put.order)?,
        date: put.date,
        quantity: put.quantity.map(quantity).transpose()?.unwrap_or(Quantity::ONE),
        amount: Some(money(amount)?),
        business_group: BUSINESS.to_owned(),
    }))?;
    Ok(())
}

/// Finishes a production order.
///
/// # Errors
///
/// The refusal.
pub fn finish(company: &mut Company, of: &OfOrder) -> Done {
    let finish = post::FinishProductionOrder { order: code(&of.order)?, date: of.date };
    company.ask(&Command::FinishProductionOrder(finish))?;
    Ok(())
}

/// A charge on a subcontracting receipt.
///
/// # Errors
///
/// The refusal.
pub fn charge_capacity(company: &mut Company, charge: &ItemCharge, capacity: Int) -> Done {
    company.ask(&Command::ChargeCapacity(ChargeCapacity {
        dimensions: Dimensions::NONE,
        charge: charge.charge.clone(),
        date: charge.date,
        capacity: EntryNo(capacity.0),
        amount: money(charge.amount)?,
        document_no: String::new(),
        business_group: BUSINESS.to_owned(),
    }))?;
    Ok(())
}
