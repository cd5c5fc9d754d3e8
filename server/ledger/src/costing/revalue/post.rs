//! Posting a revaluation: of an item as a whole, or of one increase.

use protocol::code::Code;
use protocol::outcome::Reason;
use protocol::quantity::Quantity;

use super::calculate::{check_calculation, location_filter, variant_filter};
use super::left::{Where, left_at, left_of, worth};
use super::{CalculateInventoryValue, PostRevaluation, RevaluationLine, RevaluePer};
use crate::costing::worksheet::check_lock;
use crate::costing::{fits, item_cost, method_of, minus, plus, setup};
use crate::dimension;
use crate::key::KeyRange;
use crate::lookup;
use crate::money::Money;
use crate::period;
use crate::posting::{Posting, Stop, add};
use crate::schema::entry::ItemLedger;
use crate::schema::item::CostingMethod;
use crate::schema::money::{ItemCosts, StockkeepingUnits, ValueEntry, ValueType};
use crate::schema::{EntryNo, ItemId};
use crate::tables::Read as _;

pub(crate) fn post(posting: &mut Posting<'_, '_>, post: &PostRevaluation) -> Result<(), Stop> {
    // The lines are of one calculation: one that is posted leaves marks that the next must not meet.
    for line in &post.lines {
        period::check_posting(posting, line.date)?;
        let (item, _card) = lookup::item(posting.draft, &line.item).map_err(Stop::Refuse)?;
        check_lock(posting, item)?;
        if line.applies_to.0 == 0 {
            let place = place_of(posting, item, line)?;
            check_calculation(posting, item, &calculation_of(line), place)?;
        }
    }
    for line in &post.lines {
        let (item, _card) = lookup::item(posting.draft, &line.item).map_err(Stop::Refuse)?;
        let revalued = if line.applies_to.0 == 0 {
            post_item(posting, item, line)?
        } else {
            post_entry(posting, item, line)?
        };
        if line.update_standard_cost {
            update_standard(posting, (item, line), revalued)?;
        }
    }
    Ok(())
}

fn nothing(posting: &Posting<'_, '_>, item: ItemId, wanted: Quantity, there: Quantity) -> Stop {
    let reason = Reason::new(Code::NothingToRevalue)
        .word("item", lookup::item_text(posting.draft, item))
        .quantity("wanted", wanted)
        .quantity("available", there);
    Stop::Refuse(reason)
}

/// The new value of a quantity that is worth so much now.
fn new_value(
    posting: &Posting<'_, '_>,
    line: &RevaluationLine,
    (quantity, value): (Quantity, Money),
) -> Result<Money, Stop> {
    match (line.amount, line.value, line.unit_cost) {
        (Some(amount), _, _) => plus(value, amount),
        (None, Some(new), _) => Ok(new),
        (None, None, Some(unit)) => fits(unit.times(quantity, posting.cents())),
        (None, None, None) => Err(Stop::refuse(Code::NothingToPost)),
    }
}

/// Where the stock of a line is.
fn place_of(
    posting: &Posting<'_, '_>,
    item: ItemId,
    line: &RevaluationLine,
) -> Result<Where, Stop> {
    Ok(Where {
        variant: variant_filter(posting, item, line.variant.as_deref())?,
        location: location_filter(posting, line.location.as_deref())?,
    })
}

/// The calculation that a line of an item comes from.
fn calculation_of(line: &RevaluationLine) -> CalculateInventoryValue {
    CalculateInventoryValue {
        date: line.date,
        per: RevaluePer::Item,
        by_location: false,
        by_variant: false,
        item: Some(line.item.clone()),
        location: line.location.clone(),
        variant: line.variant.clone(),
    }
}

/// Revalues the item as a whole: a difference for each increase that is left, in their order, so that all
/// end at the same unit cost (COSTING 11.2). Answers how much is revalued, and its new value.
fn post_item(
    posting: &mut Posting<'_, '_>,
    item: ItemId,
    line: &RevaluationLine,
) -> Result<(Quantity, Money), Stop> {
    let place = place_of(posting, item, line)?;
    let rows = left_at(posting, item, line.date, place)?;
    let (quantity, value) =
        worth(posting, (item, place.variant, place.location), &rows, line.date)?;
    if quantity.is_zero() || line.quantity.is_some_and(|asked| !line.calculated && asked > quantity)
    {
        return Err(nothing(posting, item, line.quantity.unwrap_or_default(), quantity));
    }
    if line.calculated && line.quantity.is_some_and(|asked| asked != quantity) {
        let no = lookup::item_text(posting.draft, item);
        return Err(Stop::Refuse(Reason::new(Code::RevaluationOutOfDate).word("item", no)));
    }
    let new = new_value(posting, line, (quantity, value))?;
    let average = method_of(&*posting.draft, item) == CostingMethod::Average;
    let (mut sum, mut given, mut own_given) = (Quantity::ZERO, Money::ZERO, Money::ZERO);
    for row in rows {
        sum = add(sum, row.quantity)?;
        let up_to = posting.share(new, sum, quantity)?;
        let part = minus(up_to, given)?;
        given = up_to;
        // Layers of an average item are worth their part of what the pool is.
        let own = if average {
            let own_up_to = posting.share(value, sum, quantity)?;
            let own = minus(own_up_to, own_given)?;
            own_given = own_up_to;
            own
        } else {
            row.value
        };
        let amount = minus(part, own)?;
        if !amount.is_zero() {
            write(posting, row.no, (amount, row.quantity), line, false)?;
        }
    }
    Ok((quantity, new))
}

/// Revalues one increase; answers how much of it, and its new value.
fn post_entry(
    posting: &mut Posting<'_, '_>,
    item: ItemId,
    line: &RevaluationLine,
) -> Result<(Quantity, Money), Stop> {
    let entry = posting
        .draft
        .row::<ItemLedger>(&line.applies_to)
        .filter(|entry| entry.item == item && entry.quantity.is_positive())
        .ok_or_else(|| {
            let reason = Reason::new(Code::InvalidApplication).word("entry", line.applies_to);
            Stop::Refuse(reason.word("why", "it is no increase of this item"))
        })?;
    period::check_named(posting, line.applies_to)?;
    let place = Where { variant: Some(entry.variant), location: Some(entry.location) };
    let left = left_of(posting, item, (line.applies_to, line.date), place)?;
    let Some(left) = left else {
        return Err(nothing(posting, item, line.quantity.unwrap_or_default(), Quantity::ZERO));
    };
    let wanted = line.quantity.unwrap_or(left.quantity);
    if line.calculated && wanted != left.quantity {
        let no = lookup::item_text(posting.draft, item);
        return Err(Stop::Refuse(Reason::new(Code::RevaluationOutOfDate).word("item", no)));
    }
    if !wanted.is_positive() || wanted > left.quantity {
        return Err(nothing(posting, item, wanted, left.quantity));
    }
    if method_of(&*posting.draft, item) == CostingMethod::Average {
        check_single_average(posting, item, line)?;
    }
    let worth = posting.share(left.value, wanted, left.quantity)?;
    let new = new_value(posting, line, (wanted, worth))?;
    let amount = minus(new, worth)?;
    if !amount.is_zero() {
        write(posting, line.applies_to, (amount, wanted), line, true)?;
    }
    Ok((wanted, new))
}

/// A single increase of an average item is revalued only where the item was not revalued as a whole at
/// that date or later (COSTING 11.1).
fn check_single_average(
    posting: &Posting<'_, '_>,
    item: ItemId,
    line: &RevaluationLine,
) -> Result<(), Stop> {
    let since = posting.draft.row::<crate::schema::money::RevaluedOn>(&item);
    if since.is_some_and(|date| *date >= line.date) {
        let no = lookup::item_text(posting.draft, item);
        return Err(Stop::Refuse(Reason::new(Code::AverageRevaluationNotAllowed).word("item", no)));
    }
    Ok(())
}

/// Writes the revaluation of one increase. What of it is not invoiced (standard items only) is revalued as
/// expected cost (COSTING 11.3).
fn write(
    posting: &mut Posting<'_, '_>,
    no: EntryNo,
    (amount, quantity): (Money, Quantity),
    line: &RevaluationLine,
    partial: bool,
) -> Result<(), Stop> {
    let mut entry = (*posting.entry(no)).clone();
    entry.dimension_set = dimension::with(posting, entry.dimension_set, &line.dimensions)?;
    let state = posting.state(no);
    let actual = if state.invoiced.is_zero() {
        Money::ZERO
    } else {
        posting.share(amount, state.invoiced, entry.quantity)?
    };
    let value = ValueEntry {
        posting_date: line.date,
        valuation_date: line.date.max(state.valuation_date),
        valued_quantity: quantity,
        cost_actual: actual,
        cost_expected: minus(amount, actual)?,
        partial_revaluation: partial,
        document_no: line.document_no.clone(),
        ..posting.value_template(no, &entry, ValueType::Revaluation)
    };
    posting.write_value(value)?;
    if !partial {
        let before = posting.draft.row::<crate::schema::money::RevaluedOn>(&entry.item);
        let last = before.map_or(line.date, |before| line.date.max(*before));
        posting.draft.put::<crate::schema::money::RevaluedOn>(&entry.item, last);
    }
    Ok(())
}

/// The new unit cost, as it was entered or as the new value of what was revalued says, becomes the standard
/// cost (standard items only).
fn update_standard(
    posting: &mut Posting<'_, '_>,
    (item, line): (ItemId, &RevaluationLine),
    (quantity, value): (Quantity, Money),
) -> Result<(), Stop> {
    if method_of(&*posting.draft, item) != CostingMethod::Standard {
        return Ok(());
    }
    let unit = match (line.amount, line.value, line.unit_cost) {
        (None, None, Some(unit)) => unit,
        _ => fits(value.per(quantity, setup(&*posting.draft).unit_amount_rounding))?,
    };
    let card = (*item_cost(&*posting.draft, item)).clone();
    let row = crate::schema::money::ItemCost { standard_cost: unit, unit_cost: unit, ..card };
    posting.draft.put::<ItemCosts>(&item, row);
    for (key, sku) in posting.draft.list::<StockkeepingUnits>(&KeyRange::prefix(&(item,))) {
        let row =
            crate::schema::money::StockkeepingUnit { standard_cost: unit, unit_cost: unit, ..*sku };
        posting.draft.put::<StockkeepingUnits>(&key, row);
    }
    Ok(())
}
