//! What of an item is left at the end of a day, increase by increase, and what it is worth.

use std::ops::ControlFlow;

use chrono::NaiveDate;
use protocol::quantity::Quantity;

use crate::costing::average::{self, pool_of};
use crate::costing::value::{state_of, values_of};
use crate::costing::{fits, method_of, plus, setup};
use crate::key::KeyRange;
use crate::money::Money;
use crate::posting::{Posting, Stop, add};
use crate::schema::entry::{
    Applications, ApplicationsByInbound, EntryType, ItemLedger, ItemLedgerByItem, ItemLedgerStates,
    OpenInbound,
};
use crate::schema::item::CostingMethod;
use crate::schema::money::{ApplicationsByDate, ValueType};
use crate::schema::{EntryNo, ItemId, LocationId, VariantId};
use crate::tables::Read as _;

/// An increase with something left at a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) no: EntryNo,
    pub(super) variant: VariantId,
    pub(super) location: LocationId,
    pub(super) quantity: Quantity,
    pub(super) value: Money,
}

/// Where stock is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Where {
    pub(super) variant: Option<VariantId>,
    pub(super) location: Option<LocationId>,
}

impl Where {
    pub(super) fn holds(self, variant: VariantId, location: LocationId) -> bool {
        self.variant.is_none_or(|only| only == variant)
            && self.location.is_none_or(|only| only == location)
    }
}

/// Quantity and value of increases: of an average item what its pool holds at the end of the period.
pub(super) fn worth(
    posting: &Posting<'_, '_>,
    (item, variant, location): (ItemId, Option<VariantId>, Option<LocationId>),
    rows: &[Left],
    date: NaiveDate,
) -> Result<(Quantity, Money), Stop> {
    let (mut quantity, mut value) = (Quantity::ZERO, Money::ZERO);
    for row in rows {
        quantity = add(quantity, row.quantity)?;
        value = plus(value, row.value)?;
    }
    if method_of(&*posting.draft, item) == CostingMethod::Average {
        let setup = setup(&*posting.draft);
        let place = (item, variant.unwrap_or_default(), location.unwrap_or_default());
        let held = average::held_at(posting, pool_of(&setup, place), date)?;
        if held.0 == quantity {
            value = held.1;
        } else {
            // The pool holds at that date what was posted later: only what was posted by then counts.
            let (posted, worth) = posted_by(posting, (item, variant, location), date)?;
            if posted == quantity {
                value = worth;
            } else if held.0.is_positive() {
                value = posting.share(held.1, quantity, held.0)?;
            }
        }
    }
    Ok((quantity, value))
}

/// Quantity and value of everything that was posted by a date, valued by it.
fn posted_by(
    posting: &Posting<'_, '_>,
    (item, variant, location): (ItemId, Option<VariantId>, Option<LocationId>),
    date: NaiveDate,
) -> Result<(Quantity, Money), Stop> {
    let place = Where { variant, location };
    let (mut quantity, mut value) = (Quantity::ZERO, Money::ZERO);
    for ((_item, no), _row) in posting.draft.list::<ItemLedgerByItem>(&KeyRange::prefix(&(item,))) {
        let entry = posting.entry(no);
        if entry.posting_date > date || !place.holds(entry.variant, entry.location) {
            continue;
        }
        quantity = add(quantity, entry.quantity)?;
        for (value_no, row) in values_of(&*posting.draft, no) {
            if state_of(&*posting.draft, (value_no, &row)).valuation_date <= date {
                value = plus(value, plus(row.cost_actual, row.cost_expected)?)?;
            }
        }
    }
    Ok((quantity, value))
}

/// The increases of an item with something left at the end of a day, in the order of their numbers: those
/// that are open now, and those that later decreases took from.
pub(super) fn left_at(
    posting: &Posting<'_, '_>,
    item: ItemId,
    date: NaiveDate,
    place: Where,
) -> Result<Vec<Left>, Stop> {
    let mut left = std::collections::BTreeMap::<EntryNo, Quantity>::new();
    posting.draft.each::<OpenInbound>(
        &KeyRange::prefix(&(item,)),
        false,
        |(pool, _transfer, posted, no), remaining| {
            if posted <= date && place.holds(pool.variant, pool.location) {
                left.insert(no, *remaining);
            }
            ControlFlow::Continue(())
        },
    );
    let later = KeyRange::prefix_after(&(item,), &(item, date));
    for ((_item, _date, no), _row) in posting.draft.list::<ApplicationsByDate>(&later) {
        let Some(row) = posting.draft.row::<Applications>(&no) else { continue };
        let entry = posting.entry(row.inbound);
        if entry.posting_date <= date && place.holds(entry.variant, entry.location) {
            let sum = left.entry(row.inbound).or_insert(Quantity::ZERO);
            *sum = add(*sum, row.quantity.abs())?;
        }
    }
    let standard = method_of(&*posting.draft, item) == CostingMethod::Standard;
    let mut rows = Vec::new();
    for (no, quantity) in left {
        let invoiced = is_invoiced_by(posting, no, date);
        if quantity.is_positive() && (invoiced || standard) {
            let entry = posting.entry(no);
            let value = value_at(posting, no, (quantity, date))?;
            let (variant, location) = (entry.variant, entry.location);
            rows.push(Left { no, variant, location, quantity, value });
        }
    }
    Ok(rows)
}

/// Whether an increase was wholly invoiced by a date; what a transfer brought, when the increase behind
/// it was.
fn is_invoiced_by(posting: &Posting<'_, '_>, no: EntryNo, date: NaiveDate) -> bool {
    let mut no = no;
    loop {
        let Some(entry) = posting.draft.row::<ItemLedger>(&no) else { return false };
        let Some(state) = posting.draft.row::<ItemLedgerStates>(&no) else { return false };
        let late = values_of(&*posting.draft, no)
            .iter()
            .any(|(_no, value)| !value.invoiced_quantity.is_zero() && value.posting_date > date);
        if state.invoiced != entry.quantity || late {
            return false;
        }
        let source =
            (entry.entry_type == EntryType::Transfer).then(|| posting.source_of(no)).flatten();
        match source {
            Some(source) => no = source,
            None => return true,
        }
    }
}

/// What a quantity that is left of an increase is worth, by value entries valued by the date (of an output
/// by its posting date).
fn value_at(
    posting: &Posting<'_, '_>,
    no: EntryNo,
    (quantity, date): (Quantity, NaiveDate),
) -> Result<Money, Stop> {
    let entry = posting.entry(no);
    let output = matches!(entry.entry_type, EntryType::Output | EntryType::AssemblyOutput);
    let mut base = Money::ZERO;
    let mut parts = Vec::new();
    for (value_no, value) in values_of(&*posting.draft, no) {
        let counts_from = if output {
            value.posting_date
        } else {
            state_of(&*posting.draft, (value_no, &value)).valuation_date
        };
        if counts_from > date {
            continue;
        }
        let total = plus(value.cost_actual, value.cost_expected)?;
        match value.value_type {
            ValueType::Revaluation => parts.push((total, value.valued_quantity)),
            ValueType::Rounding => {}
            ValueType::DirectCost
            | ValueType::DirectCostNonInventory
            | ValueType::IndirectCost
            | ValueType::Variance => base = plus(base, total)?,
        }
    }
    parts.push((base, entry.quantity));
    fits(crate::money::sum_of_shares(&parts, quantity, posting.cents()))
}

/// What is left of a named increase at the end of a day. What a transfer took along is still there: its
/// legs carry the new value on.
pub(super) fn left_of(
    posting: &Posting<'_, '_>,
    item: ItemId,
    (no, date): (EntryNo, NaiveDate),
    place: Where,
) -> Result<Option<Left>, Stop> {
    let found = left_at(posting, item, date, place)?.into_iter().find(|row| row.no == no);
    let mut transferred = Quantity::ZERO;
    for ((_no, outbound, application), _row) in
        posting.draft.list::<ApplicationsByInbound>(&KeyRange::prefix(&(no,)))
    {
        let Some(row) = posting.draft.row::<Applications>(&application) else { continue };
        let Some(leg) = posting.draft.row::<ItemLedger>(&outbound) else { continue };
        let taken = row.entry == outbound && leg.entry_type == EntryType::Transfer;
        if taken && leg.posting_date <= date {
            transferred = add(transferred, row.quantity.abs())?;
        }
    }
    if transferred.is_zero() {
        return Ok(found);
    }
    let entry = posting.entry(no);
    let standard = method_of(&*posting.draft, item) == CostingMethod::Standard;
    if entry.posting_date > date || !(standard || is_invoiced_by(posting, no, date)) {
        return Ok(found);
    }
    let quantity = add(found.map_or(Quantity::ZERO, |row| row.quantity), transferred)?;
    let value = value_at(posting, no, (quantity, date))?;
    Ok(Some(Left { no, variant: entry.variant, location: entry.location, quantity, value }))
}
