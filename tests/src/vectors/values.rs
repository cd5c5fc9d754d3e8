//! Revaluation, undo, valuation: what is done to the value of what is posted.

use chrono::NaiveDate;
use ledger::command::Command;
use ledger::command::post_document::UndoEntry;
use ledger::costing::revalue::{
    self, CalculateInventoryValue, CalculatedLine, PostRevaluation, RevaluationLine, RevaluePer,
};
use ledger::dimension::Dimensions;
use ledger::lookup;
use ledger::schema::EntryNo;
use ledger::schema::entry::ItemLedger;
use ledger::schema::money::{AverageType, InventorySetup, InventorySetups};
use ledger::tables::Read as _;
use ledger::valuation::inventory::{self, ValuationOf};
use protocol::words::ItemNo;
use rust_decimal::Decimal;

use super::company::{Company, Done, code, lacking};
use super::costing::check::Valuation;
use super::costing::run::Play;
use super::costing::{OfItem, Per, Revalue};
use super::money::{money, quantity, unit_amount};
use super::settings::Costing;

/// `revalue`.
///
/// # Errors
///
/// The refusal.
pub(crate) fn revalue(play: &mut Play, step: u64, put: &Revalue) -> Done {
    let single = put.calculate_per == Some(Per::ItemLedgerEntry) || put.applies_to.is_some();
    let applies_to = match put.applies_to {
        Some(ile) => play.entry(ile)?,
        None if single => return lacking("a revaluation of one entry that names none"),
        None => EntryNo(0),
    };
    let item = match &put.item {
        Some(item) => item.clone(),
        // The entry says which.
        None => match play.company.tables.row::<ItemLedger>(&applies_to) {
            Some(entry) => lookup::item_text(&play.company.tables, entry.item),
            None => return lacking("a revaluation that names neither item nor entry"),
        },
    };
    let line = RevaluationLine {
        dimensions: Dimensions::NONE,
        item: code(&item)?,
        date: put.date,
        location: None,
        variant: None,
        applies_to,
        quantity: put.valued_quantity.map(quantity).transpose()?,
        calculated: false,
        unit_cost: put.unit_cost_revalued.map(unit_amount).transpose()?,
        value: None,
        amount: match put.unit_cost_revalued {
            Some(_unit_cost) => None,
            None => put.amount.map(money).transpose()?,
        },
        update_standard_cost: put.update_standard_cost.unwrap_or(false),
        document_no: format!("R{step}"),
    };
    play.company.ask(&Command::PostRevaluation(PostRevaluation { lines: vec![line] }))?;
    Ok(())
}

/// `undo_shipment`.
///
/// # Errors
///
/// The refusal.
pub(crate) fn undo(company: &mut Company, date: NaiveDate, entry: EntryNo) -> Done {
    company.ask(&Command::UndoEntry(UndoEntry { entry, date: Some(date) }))?;
    Ok(())
}

/// The lines that a calculation of inventory values proposes.
///
/// # Errors
///
/// The refusal.
pub(crate) fn lines_of(
    company: &Company,
    ask: &CalculateInventoryValue,
) -> Done<Vec<CalculatedLine>> {
    company.peek(|posting| revalue::calculate(posting, ask))
}

/// `calculate_inventory_value`.
///
/// # Errors
///
/// The refusal.
pub(crate) fn calculate(play: &mut Play, step: u64, of: &OfItem) -> Done {
    // Where each place and variant has an average of its own, a line is for one of them (COSTING 11.1); the
    // quantities of all of them are the item's.
    let own_pools = |setup: &InventorySetup| setup.average_type == AverageType::ItemLocationVariant;
    let average = play.cards.get(&of.item).and_then(|card| card.costing) == Some(Costing::Average);
    let setup = play.company.tables.row::<InventorySetups>(&());
    let split = average && setup.is_some_and(|setup| own_pools(&setup));
    let ask = CalculateInventoryValue {
        date: of.date,
        per: RevaluePer::Item,
        by_location: split,
        by_variant: split,
        item: Some(code(&of.item)?),
        location: None,
        variant: None,
    };
    let lines = lines_of(&play.company, &ask)?;
    let quantity: Decimal = lines.iter().map(|line| line.quantity.decimal()).sum();
    play.results.revaluable.insert(step, vec![(of.item.clone(), of.date, quantity)]);
    Ok(())
}

/// `inventory_valuation_report`: value and quantity at the end of a day, by posting date, and what came in
/// and went out up to it.
///
/// # Errors
///
/// The refusal.
pub(crate) fn valuation(play: &mut Play, step: u64, of: &OfItem) -> Done {
    let no: ItemNo = code(&of.item)?;
    let valued = play.company.peek(|posting| {
        let (item, _card) =
            lookup::item(posting.draft, &no).map_err(ledger::posting::Stop::Refuse)?;
        let rows = inventory::inventory(&*posting.draft, &ValuationOf::item(item, of.date))?;
        inventory::total(rows.values())
    })?;
    play.results.valuations.insert(
        step,
        Valuation {
            item: of.item.clone(),
            date: of.date,
            quantity: valued.closing.quantity.decimal(),
            value: valued.closing.actual.decimal(),
            increases_quantity: valued.increases.quantity.decimal(),
            increases_value: valued.increases.actual.decimal(),
            decreases_quantity: valued.decreases.quantity.decimal(),
            decreases_value: valued.decreases.actual.decimal(),
        },
    );
    Ok(())
}
