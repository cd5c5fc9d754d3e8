//! Revaluation: what can be revalued at a date, and its new value (COSTING 11).

use std::ops::ControlFlow;

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::outcome::Reason;
use protocol::quantity::Quantity;
use protocol::words::{ItemNo, LocationCode, VariantCode};
use serde::{Deserialize, Serialize};

use crate::costing::average::{self, pool_of};
use crate::costing::value::{state_of, values_of};
use crate::costing::{date, fits, item_cost, method_of, minus, plus, setup};
use crate::dimension::{self, Dimensions};
use crate::key::KeyRange;
use crate::lookup;
use crate::money::{Money, UnitAmount};
use crate::period;
use crate::posting::{Posting, Stop, add};
use crate::schema::entry::{
    Applications, ApplicationsByInbound, EntryType, ItemLedger, ItemLedgerByItem, ItemLedgerStates,
    OpenInbound, OpenOutbound,
};
use crate::schema::item::{CostingMethod, Variants};
use crate::schema::money::{
    ApplicationsByDate, AverageType, ItemCosts, StockkeepingUnits, UnadjustedFrom, ValueEntry,
    ValueType,
};
use crate::schema::place::Locations;
use crate::schema::{EntryNo, ItemId, LocationId, VariantId};
use crate::tables::Read as _;

/// What the value of stock is worked out for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevaluePer {
    /// The item, or its variants and locations where they are split.
    #[default]
    Item,
    /// Each increase.
    ItemLedgerEntry,
}

/// What the value of stock is worked out for, at the end of a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalculateInventoryValue {
    /// The day.
    pub date: NaiveDate,
    /// Per item or per increase.
    #[serde(default)]
    pub per: RevaluePer,
    /// A line for each location.
    #[serde(default)]
    pub by_location: bool,
    /// A line for each variant.
    #[serde(default)]
    pub by_variant: bool,
    /// Only this item.
    #[serde(default)]
    pub item: Option<ItemNo>,
    /// Only this location; an empty text is the blank one.
    #[serde(default)]
    pub location: Option<String>,
    /// Only this variant; an empty text is none.
    #[serde(default)]
    pub variant: Option<String>,
}

/// A line of the revaluation journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevaluationLine {
    /// The item.
    pub item: ItemNo,
    /// The day.
    pub date: NaiveDate,
    /// Per item: only what is at this location; an empty text is the blank one.
    #[serde(default)]
    pub location: Option<String>,
    /// Per item: only this variant; an empty text is none.
    #[serde(default)]
    pub variant: Option<String>,
    /// Only this increase; 0 for the item.
    #[serde(default)]
    pub applies_to: EntryNo,
    /// The quantity that was calculated; refused when it is another by now. Of a single increase, or of an
    /// item, how much is revalued; all that is left when it is left out.
    #[serde(default)]
    pub quantity: Option<Quantity>,
    /// The quantity and value come from a calculation: refused when the stock has changed since.
    #[serde(default)]
    pub calculated: bool,
    /// The new cost per base unit.
    #[serde(default)]
    pub unit_cost: Option<UnitAmount>,
    /// The new value in all; goes before the unit cost.
    #[serde(default)]
    pub value: Option<Money>,
    /// What the value changes by; goes before both.
    #[serde(default)]
    pub amount: Option<Money>,
    /// The new unit cost becomes the standard cost of the item and its stockkeeping units.
    #[serde(default)]
    pub update_standard_cost: bool,
    /// The number that the value entries show.
    #[serde(default)]
    pub document_no: String,
    /// What is said of the dimensions of its entries.
    #[serde(default)]
    pub dimensions: Dimensions,
}

/// Posts revaluations, all or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostRevaluation {
    /// The lines.
    pub lines: Vec<RevaluationLine>,
}

/// A proposed line: what is there and what it is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalculatedLine {
    /// The item.
    pub item: ItemId,
    /// The variant, where variants are split.
    pub variant: Option<VariantId>,
    /// The location, where locations are split.
    pub location: Option<LocationId>,
    /// The increase, per increase; else 0.
    pub entry: EntryNo,
    /// How much is there.
    pub quantity: Quantity,
    /// What it is worth.
    pub value: Money,
}

/// An increase with something left at a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Left {
    no: EntryNo,
    variant: VariantId,
    location: LocationId,
    quantity: Quantity,
    value: Money,
}

/// Where stock is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Where {
    variant: Option<VariantId>,
    location: Option<LocationId>,
}

impl Where {
    fn holds(self, variant: VariantId, location: LocationId) -> bool {
        self.variant.is_none_or(|only| only == variant)
            && self.location.is_none_or(|only| only == location)
    }
}

/// Works out what is there at a date and what it is worth: the lines of a revaluation journal, in the
/// order of item, variant, location, entry. Posts nothing.
///
/// # Errors
///
/// `open_outbound_entry`, `item_not_adjusted`, `average_revaluation_not_allowed`.
pub fn calculate(
    posting: &Posting<'_, '_>,
    ask: &CalculateInventoryValue,
) -> Result<Vec<CalculatedLine>, Stop> {
    let items: Vec<ItemId> = match &ask.item {
        Some(no) => vec![lookup::item(posting.draft, no).map_err(Stop::Refuse)?.0],
        None => posting
            .draft
            .list::<crate::schema::money::ItemValues>(&KeyRange::all())
            .into_iter()
            .map(|(item, _row)| item)
            .collect(),
    };
    let mut lines = Vec::new();
    for item in items {
        let place = Where {
            variant: variant_filter(posting, item, ask.variant.as_deref())?,
            location: location_filter(posting, ask.location.as_deref())?,
        };
        check_calculation(posting, item, ask, place)?;
        lines.extend(lines_of(posting, item, ask, place)?);
    }
    Ok(lines)
}

fn location_filter(
    posting: &Posting<'_, '_>,
    code: Option<&str>,
) -> Result<Option<LocationId>, Stop> {
    match code {
        None => Ok(None),
        Some("") => Ok(Some(LocationId(0))),
        Some(code) => {
            let code = LocationCode::new(code)
                .map_err(|why| Stop::Refuse(crate::command::malformed(&why)))?;
            let (id, _row) = lookup::location(posting.draft, &code).map_err(Stop::Refuse)?;
            Ok(Some(id))
        }
    }
}

fn variant_filter(
    posting: &Posting<'_, '_>,
    item: ItemId,
    code: Option<&str>,
) -> Result<Option<VariantId>, Stop> {
    match code {
        None => Ok(None),
        Some("") => Ok(Some(VariantId(0))),
        Some(code) => {
            let code = VariantCode::new(code)
                .map_err(|why| Stop::Refuse(crate::command::malformed(&why)))?;
            lookup::variant(posting.draft, item, Some(&code)).map(Some).map_err(Stop::Refuse)
        }
    }
}

fn check_calculation(
    posting: &Posting<'_, '_>,
    item: ItemId,
    ask: &CalculateInventoryValue,
    place: Where,
) -> Result<(), Stop> {
    let no = lookup::item_text(posting.draft, item);
    if has_open_decrease(posting, item, ask.date, place) {
        return Err(Stop::Refuse(Reason::new(Code::OpenOutboundEntry).word("item", no)));
    }
    if method_of(&*posting.draft, item) != CostingMethod::Average {
        return Ok(());
    }
    let setup = setup(&*posting.draft);
    let split = |by: bool, only: bool| by || only;
    let by_location = split(ask.by_location, place.location.is_some());
    let by_variant = split(ask.by_variant, place.variant.is_some());
    let allowed = match setup.average_type {
        AverageType::Item => !by_location && !by_variant,
        AverageType::ItemLocationVariant => by_location && by_variant,
    };
    let at_end = date::period_end(&*posting.draft, &setup, ask.date) == ask.date;
    if !allowed || !at_end || ask.per == RevaluePer::ItemLedgerEntry {
        return Err(Stop::Refuse(Reason::new(Code::AverageRevaluationNotAllowed).word("item", no)));
    }
    let unadjusted = posting
        .draft
        .list::<UnadjustedFrom>(&KeyRange::prefix(&(item,)))
        .into_iter()
        .any(|(_pool, from)| *from <= ask.date);
    if unadjusted {
        let reason = Reason::new(Code::ItemNotAdjusted).word("item", no).word("date", ask.date);
        return Err(Stop::Refuse(reason));
    }
    Ok(())
}

fn has_open_decrease(
    posting: &Posting<'_, '_>,
    item: ItemId,
    date: NaiveDate,
    place: Where,
) -> bool {
    let mut open = false;
    posting.draft.each::<OpenOutbound>(
        &KeyRange::prefix(&(item,)),
        false,
        |(pool, _transfer, posted, _no), _remaining| {
            open |= posted <= date && place.holds(pool.variant, pool.location);
            if open { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        },
    );
    open
}

fn lines_of(
    posting: &Posting<'_, '_>,
    item: ItemId,
    ask: &CalculateInventoryValue,
    place: Where,
) -> Result<Vec<CalculatedLine>, Stop> {
    let left = left_at(posting, item, ask.date, place)?;
    if ask.per == RevaluePer::ItemLedgerEntry {
        return Ok(left
            .into_iter()
            .map(|row| CalculatedLine {
                item,
                variant: Some(row.variant),
                location: Some(row.location),
                entry: row.no,
                quantity: row.quantity,
                value: row.value,
            })
            .collect());
    }
    let mut groups =
        std::collections::BTreeMap::<(Option<VariantId>, Option<LocationId>), Vec<Left>>::new();
    for row in left {
        let key = (
            (ask.by_variant || place.variant.is_some()).then_some(row.variant),
            (ask.by_location || place.location.is_some()).then_some(row.location),
        );
        groups.entry(key).or_default().push(row);
    }
    let mut lines = Vec::new();
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_cached_key(|((variant, location), _rows)| {
        order_of(posting, (*variant, *location))
    });
    for ((variant, location), rows) in groups {
        let (quantity, value) = worth(posting, (item, variant, location), &rows, ask.date)?;
        if !quantity.is_zero() {
            let entry = EntryNo(0);
            lines.push(CalculatedLine { item, variant, location, entry, quantity, value });
        }
    }
    Ok(lines)
}

/// Lines of an item come by the codes of locations, then of variants; the blank location is the last.
fn order_of(
    posting: &Posting<'_, '_>,
    (variant, location): (Option<VariantId>, Option<LocationId>),
) -> (bool, String, String) {
    let location = location.unwrap_or_default();
    let code = posting.draft.row::<Locations>(&location).map(|row| row.code.to_string());
    let variant = variant.and_then(|id| posting.draft.row::<Variants>(&id));
    let variant = variant.map_or_else(String::new, |row| row.code.to_string());
    (code.is_none(), code.unwrap_or_default(), variant)
}

/// Quantity and value of increases: of an average item what its pool holds at the end of the period.
fn worth(
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
fn left_at(
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

pub(crate) fn post(posting: &mut Posting<'_, '_>, post: &PostRevaluation) -> Result<(), Stop> {
    // The lines are of one calculation: one that is posted leaves marks that the next must not meet.
    for line in &post.lines {
        period::check_posting(posting, line.date)?;
        let (item, _card) = lookup::item(posting.draft, &line.item).map_err(Stop::Refuse)?;
        if line.applies_to.0 == 0 {
            let place = place_of(posting, item, line)?;
            check_calculation(posting, item, &calculation_of(line), place)?;
        }
    }
    for line in &post.lines {
        let (item, _card) = lookup::item(posting.draft, &line.item).map_err(Stop::Refuse)?;
        if line.applies_to.0 == 0 {
            post_item(posting, item, line)?;
        } else {
            post_entry(posting, item, line)?;
        }
        if line.update_standard_cost {
            update_standard(posting, item, line)?;
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
/// end at the same unit cost (COSTING 11.2).
fn post_item(
    posting: &mut Posting<'_, '_>,
    item: ItemId,
    line: &RevaluationLine,
) -> Result<(), Stop> {
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
    Ok(())
}

/// Revalues one increase.
fn post_entry(
    posting: &mut Posting<'_, '_>,
    item: ItemId,
    line: &RevaluationLine,
) -> Result<(), Stop> {
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
    if amount.is_zero() {
        return Ok(());
    }
    write(posting, line.applies_to, (amount, wanted), line, true)
}

/// What is left of a named increase at the end of a day. What a transfer took along is still there: its
/// legs carry the new value on.
fn left_of(
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

/// The new unit cost becomes the standard cost (standard items only).
fn update_standard(
    posting: &mut Posting<'_, '_>,
    item: ItemId,
    line: &RevaluationLine,
) -> Result<(), Stop> {
    if method_of(&*posting.draft, item) != CostingMethod::Standard {
        return Ok(());
    }
    let unit = match (line.unit_cost, line.value, line.quantity) {
        (Some(unit), _, _) => unit,
        (None, Some(value), Some(quantity)) => {
            fits(value.per(quantity, setup(&*posting.draft).unit_amount_rounding))?
        }
        _ => return Ok(()),
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
