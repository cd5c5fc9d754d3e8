//! Inventory valuation (COSTING 21): opening, what came in, what went out, closing, by posting date.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use chrono::NaiveDate;

use crate::key::KeyRange;
use crate::posting::Stop;
use crate::schema::gl::{ValuePlaces, ValueSide, ValueSum, ValueSums};
use crate::schema::{ItemId, LocationId};
use crate::tables::{Read as _, Tables, each_of};
use crate::valuation::sums::{
    DAY, MONTH, Span, YEAR, first_day, negated, next_first, side_together, signed, spans, together,
};

/// What a row of a valuation is about: inventory posting group, location, item.
pub type Place = (String, LocationId, ItemId);

/// What a valuation is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValuationOf {
    /// The first day of what came in and went out; none: from the beginning, and the opening is nothing.
    pub from: Option<NaiveDate>,
    /// The last day.
    pub until: NaiveDate,
    /// One item; none: all.
    pub item: Option<ItemId>,
    /// One location; none: all.
    pub location: Option<LocationId>,
    /// One inventory posting group; none: all.
    pub group: Option<String>,
}

impl ValuationOf {
    /// All stock at the end of a day.
    pub const fn all(until: NaiveDate) -> Self {
        Self { from: None, until, item: None, location: None, group: None }
    }

    /// One item at the end of a day.
    pub const fn item(item: ItemId, until: NaiveDate) -> Self {
        Self { from: None, until, item: Some(item), location: None, group: None }
    }

    fn wants(&self, (group, location, item): &Place) -> bool {
        self.item.is_none_or(|wanted| wanted == *item)
            && self.location.is_none_or(|wanted| wanted == *location)
            && self.group.as_ref().is_none_or(|wanted| wanted == group)
    }
}

/// A row of a valuation. Value at actual cost is `actual`; with expected cost it is `actual + expected`,
/// and then `quantity` is what it is the value of, else `invoiced`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Valuation {
    /// Before the first day.
    pub opening: ValueSide,
    /// Came in, with what later changed its value.
    pub increases: ValueSide,
    /// Went out, below zero, with what later changed its value.
    pub decreases: ValueSide,
    /// At the end of the last day.
    pub closing: ValueSide,
}

/// Values stock by posting group, location and item.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub fn inventory(
    tables: &(impl Tables + ?Sized),
    of: &ValuationOf,
) -> Result<BTreeMap<Place, Valuation>, Stop> {
    let closing = sums_until(tables, of, of.until)?;
    let before = match of.from.and_then(|from| from.pred_opt()) {
        Some(day) => sums_until(tables, of, day)?,
        None => BTreeMap::new(),
    };
    let mut rows = BTreeMap::new();
    for (place, sum) in closing {
        let opened = before.get(&place).copied().unwrap_or_default();
        let row = valuation(opened, sum)?;
        if row != Valuation::default() {
            rows.insert(place, row);
        }
    }
    Ok(rows)
}

fn valuation(before: ValueSum, after: ValueSum) -> Result<Valuation, Stop> {
    Ok(Valuation {
        opening: side_together(before.into, before.out)?,
        increases: less(after.into, before.into)?,
        decreases: less(after.out, before.out)?,
        closing: side_together(after.into, after.out)?,
    })
}

fn less(left: ValueSide, right: ValueSide) -> Result<ValueSide, Stop> {
    side_together(left, negated(right))
}

/// The sum of a valuation, over all its rows.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub fn total<'v>(rows: impl IntoIterator<Item = &'v Valuation>) -> Result<Valuation, Stop> {
    let mut sum = Valuation::default();
    for row in rows {
        sum = Valuation {
            opening: side_together(sum.opening, row.opening)?,
            increases: side_together(sum.increases, row.increases)?,
            decreases: side_together(sum.decreases, row.decreases)?,
            closing: side_together(sum.closing, row.closing)?,
        };
    }
    Ok(sum)
}

/// Sums at the end of a day: of one item by its own keys, of all by three ranges.
pub(crate) fn sums_until(
    tables: &(impl Tables + ?Sized),
    of: &ValuationOf,
    until: NaiveDate,
) -> Result<BTreeMap<Place, ValueSum>, Stop> {
    if let Some(item) = of.item {
        return sums_of_item(tables, of, (item, until));
    }
    let mut sums: BTreeMap<Place, ValueSum> = BTreeMap::new();
    let mut failed = None;
    for Span { level, from, to, less } in spans(until, &[YEAR, MONTH, DAY]) {
        let range = KeyRange::between(&(level, from), &(level, to));
        each_of::<ValueSums>(tables, &range, false, &mut |key, row| {
            let place = (key.2, key.3, key.4);
            if of.wants(&place)
                && let Err(stop) = grow(&mut sums, place, signed(*row, less))
            {
                failed = Some(stop);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
    }
    failed.map_or(Ok(sums), Err)
}

fn grow(sums: &mut BTreeMap<Place, ValueSum>, place: Place, more: ValueSum) -> Result<(), Stop> {
    let sum = sums.entry(place).or_default();
    *sum = together(*sum, more)?;
    Ok(())
}

fn sums_of_item(
    tables: &(impl Tables + ?Sized),
    of: &ValuationOf,
    (item, until): (ItemId, NaiveDate),
) -> Result<BTreeMap<Place, ValueSum>, Stop> {
    let mut sums = BTreeMap::new();
    for ((_item, location, group), first) in tables.list::<ValuePlaces>(&KeyRange::prefix(&(item,)))
    {
        let place = (group, location, item);
        if !of.wants(&place) {
            continue;
        }
        for Span { level, from, to, less } in spans(until, &[YEAR, MONTH, DAY]) {
            let mut day = from.max(first_day(level, *first));
            while day < to {
                let key = (level, day, place.0.clone(), location, item);
                if let Some(row) = tables.row::<ValueSums>(&key) {
                    grow(&mut sums, place.clone(), signed(*row, less))?;
                }
                let Some(next) = next_first(level, day) else { break };
                day = next;
            }
        }
    }
    Ok(sums)
}
