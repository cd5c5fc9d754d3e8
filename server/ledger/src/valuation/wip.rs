//! Work in process (COSTING 21): opening, what went into orders, what came out of them, closing.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use chrono::NaiveDate;
use protocol::words::DocumentNo;

use crate::costing::{minus, plus};
use crate::key::KeyRange;
use crate::money::Money;
use crate::posting::Stop;
use crate::schema::gl::{WipSum, WipSums};
use crate::tables::{Tables, each_of};
use crate::valuation::sums::{DAY, MONTH, Span, YEAR, spans, wip_together};

/// Work in process of one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wip {
    /// Before the first day.
    pub opening: Money,
    /// Material that went in.
    pub consumption: Money,
    /// Capacity that went in, with its overhead.
    pub capacity: Money,
    /// What came out: actual cost, and expected cost as long as the order is not finished.
    pub output: Money,
    /// At the end of the last day: opening + consumption + capacity − output.
    pub closing: Money,
}

/// Work in process by order (kind and number); orders without any at either end and between are left out.
/// A finished order has none: its output took all of it.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub fn work_in_process(
    tables: &(impl Tables + ?Sized),
    (from, until): (Option<NaiveDate>, NaiveDate),
) -> Result<BTreeMap<(u8, DocumentNo), Wip>, Stop> {
    let after = sums_until(tables, until)?;
    let before = match from.and_then(|from| from.pred_opt()) {
        Some(day) => sums_until(tables, day)?,
        None => BTreeMap::new(),
    };
    let mut rows = BTreeMap::new();
    for (order, sum) in after {
        let opened = before.get(&order).copied().unwrap_or_default();
        let wip = Wip {
            opening: left_of(opened)?,
            consumption: minus(sum.consumption, opened.consumption)?,
            capacity: minus(sum.capacity, opened.capacity)?,
            output: minus(made(sum)?, made(opened)?)?,
            closing: left_of(sum)?,
        };
        let moved = from.is_some() && sum != opened;
        if moved || !wip.opening.is_zero() || !wip.closing.is_zero() {
            rows.insert(order, wip);
        }
    }
    Ok(rows)
}

fn made(sum: WipSum) -> Result<Money, Stop> {
    plus(sum.output, sum.output_expected)
}

fn left_of(sum: WipSum) -> Result<Money, Stop> {
    minus(plus(sum.consumption, sum.capacity)?, made(sum)?)
}

fn sums_until(
    tables: &(impl Tables + ?Sized),
    until: NaiveDate,
) -> Result<BTreeMap<(u8, DocumentNo), WipSum>, Stop> {
    let mut sums: BTreeMap<(u8, DocumentNo), WipSum> = BTreeMap::new();
    let mut failed = None;
    for Span { level, from, to, less } in spans(until, &[YEAR, MONTH, DAY]) {
        let range = KeyRange::between(&(level, from), &(level, to));
        each_of::<WipSums>(tables, &range, false, &mut |(_level, _day, kind, no), row| {
            let sum = sums.entry((kind, no)).or_default();
            let row = if less { negated(*row) } else { *row };
            match wip_together(*sum, row) {
                Ok(together) => *sum = together,
                Err(stop) => {
                    failed = Some(stop);
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        });
    }
    failed.map_or(Ok(sums), Err)
}

fn negated(sum: WipSum) -> WipSum {
    WipSum {
        consumption: sum.consumption.negated(),
        capacity: sum.capacity.negated(),
        output: sum.output.negated(),
        output_expected: sum.output_expected.negated(),
    }
}
