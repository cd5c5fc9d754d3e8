//! Dates of the money side: ends of average periods, and the date of an adjustment.

use chrono::{Datelike as _, Days, Months, NaiveDate};
use protocol::code::Code;
use protocol::outcome::Reason;
use protocol::words::OperatorId;

use crate::costing::setup;
use crate::key::KeyRange;
use crate::posting::Stop;
use crate::schema::money::{
    AccountingPeriods, AdjustmentWindow, AveragePeriod, InventoryPeriods, InventorySetup,
    UserSetups,
};
use crate::tables::{Read as _, Tables};

/// The last day of the average cost period that `date` lies in (COSTING 9.1). A week ends on its
/// Sunday; without accounting periods, that period is the day. No period reaches from a fiscal year that keeps
/// its averages into one that does not.
pub fn period_end(
    tables: &(impl Tables + ?Sized),
    setup: &InventorySetup,
    date: NaiveDate,
) -> NaiveDate {
    let end = match setup.average_period {
        AveragePeriod::Day => Some(date),
        AveragePeriod::Week => {
            let left = 6_u32.saturating_sub(date.weekday().num_days_from_monday());
            date.checked_add_days(Days::new(u64::from(left)))
        }
        AveragePeriod::Month => last_of(date, 1),
        AveragePeriod::Quarter => last_of(date, 3),
        AveragePeriod::Year => last_of(date, 12),
        AveragePeriod::AccountingPeriod => date
            .succ_opt()
            .map(|next| KeyRange::between(&(next,), &(NaiveDate::MAX,)))
            .and_then(|range| tables.first::<AccountingPeriods>(&range))
            .and_then(|(start, _row)| start.pred_opt()),
    };
    let end = end.unwrap_or(date);
    match setup.averages_kept_before {
        Some(open) if date < open && end >= open => open.pred_opt().unwrap_or(end),
        _ => end,
    }
}

/// The last day of the span of `months` months, counted from January, that `date` lies in.
fn last_of(date: NaiveDate, months: u32) -> Option<NaiveDate> {
    let passed = date.month0().checked_rem(months)?;
    let first = date.with_day(1)?.checked_sub_months(Months::new(passed))?;
    first.checked_add_months(Months::new(months))?.pred_opt()
}

/// The first day of the window that counts back from `work_date`; none: always, or never.
pub fn window_start(window: AdjustmentWindow, work_date: NaiveDate) -> Option<NaiveDate> {
    match window {
        AdjustmentWindow::Never | AdjustmentWindow::Always => None,
        AdjustmentWindow::Day => work_date.checked_sub_days(Days::new(1)),
        AdjustmentWindow::Week => work_date.checked_sub_days(Days::new(7)),
        AdjustmentWindow::Month => work_date.checked_sub_months(Months::new(1)),
        AdjustmentWindow::Quarter => work_date.checked_sub_months(Months::new(3)),
        AdjustmentWindow::Year => work_date.checked_sub_months(Months::new(12)),
    }
}

/// The ending date of the last closed inventory period.
pub fn closed_until(tables: &(impl Tables + ?Sized)) -> Option<NaiveDate> {
    let mut found = None;
    crate::tables::each_of::<InventoryPeriods>(tables, &KeyRange::all(), true, &mut |end, row| {
        if row.closed {
            found = Some(end);
            return std::ops::ControlFlow::Break(());
        }
        std::ops::ControlFlow::Continue(())
    });
    found
}

/// The posting date of an adjustment or rounding of what was posted on `date` (COSTING 18): moved to the
/// first day that is open, and held against the dates that the one who adjusts may post on.
///
/// # Errors
///
/// `posting_date_not_allowed`.
pub fn adjustment_date(
    tables: &(impl Tables + ?Sized),
    date: NaiveDate,
    operator: Option<&OperatorId>,
) -> Result<NaiveDate, Stop> {
    let setup = setup(tables);
    let open = closed_until(tables).and_then(|end| end.succ_opt());
    let first = open.max(setup.allow_posting_from);
    let date = first.map_or(date, |first| date.max(first));
    let own = operator.and_then(|user| tables.row::<UserSetups>(user)).unwrap_or_default();
    let too_early = own.allow_posting_from.is_some_and(|from| date < from);
    let until = own.allow_posting_to.or(setup.allow_posting_to);
    if too_early || until.is_some_and(|until| date > until) {
        return Err(Stop::Refuse(Reason::new(Code::PostingDateNotAllowed).word("date", date)));
    }
    Ok(date)
}
