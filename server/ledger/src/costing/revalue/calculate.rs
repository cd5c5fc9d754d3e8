//! The lines of a revaluation journal: what is there at a date and what it is worth. Posts nothing.

use std::ops::ControlFlow;

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::outcome::Reason;
use protocol::words::{LocationCode, VariantCode};

use super::left::{Left, Where, left_at, worth};
use super::{CalculateInventoryValue, CalculatedLine, RevaluePer};
use crate::costing::{date, method_of, setup};
use crate::key::KeyRange;
use crate::lookup;
use crate::posting::{Posting, Stop};
use crate::schema::entry::OpenOutbound;
use crate::schema::item::{CostingMethod, Variants};
use crate::schema::money::{AverageType, UnadjustedFrom};
use crate::schema::place::Locations;
use crate::schema::{EntryNo, ItemId, LocationId, VariantId};
use crate::tables::Read as _;

/// Works out what is there at a date and what it is worth: the lines of a revaluation journal, in the
/// order of item number, location code, variant code, entry number. Posts nothing.
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
    let mut items = items;
    items.sort_by_cached_key(|item| lookup::item_text(posting.draft, *item));
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

pub(super) fn location_filter(
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

pub(super) fn variant_filter(
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

pub(super) fn check_calculation(
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
    let mut left = left_at(posting, item, ask.date, place)?;
    if ask.per == RevaluePer::ItemLedgerEntry {
        left.sort_by_cached_key(|row| {
            (order_of(posting, (Some(row.variant), Some(row.location))), row.no)
        });
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
