//! Which movements lie so near to a count that τ alone does not say which came first (SYNC 4.4).
//!
//! What is posted never depends on it; what is settled does.

use std::ops::ControlFlow;

use protocol::identity::{Lsn, OperationId, ServerTime};
use protocol::operation::Recorded;
use protocol::quantity::Quantity;

use crate::conflict::first_outcome;
use crate::count::timeline::{self, Counted, Moved, signed};
use crate::key::KeyRange;
use crate::posting::{Posting, Stop, add};
use crate::schema::book::{Companies, Intakes, Origin, Outcomes};
use crate::schema::count::{
    BinCounts, CountRow, CountState, Counts, MovementRow, Movements, WideMovements,
};
use crate::schema::{OrderKey, StockKey};
use crate::tables::{Read, Tables};

/// Intervals wider than this (either way, in microseconds) are kept apart.
pub(crate) const WIDE_US: u64 = 60_000_000;

/// What a count could have found, had the movements around it been before or after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Readings {
    /// The smallest difference of all readings.
    pub(crate) low: Quantity,
    /// The largest.
    pub(crate) high: Quantity,
    /// The movements whose order is not sure.
    pub(crate) movements: Vec<(OrderKey, MovementRow)>,
    /// The instant of the count, or of a movement beside it, is not bracketed.
    pub(crate) uncertain: bool,
}

/// The readings of a count, by all that is known now.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn readings(tables: &impl Tables, counted: &Counted) -> Result<Readings, Stop> {
    let movements = movements_beside(tables, counted);
    let previous =
        timeline::count_before(tables, counted.key, counted.order).map(|previous| previous.order);
    let (mut low, mut high) = (counted.row.difference, counted.row.difference);
    for (order, row) in &movements {
        let inside = *order < counted.order && previous.is_none_or(|previous| previous < *order);
        let other = if inside { row.delta } else { row.delta.negated() };
        if other.is_negative() {
            low = add(low, other)?;
        } else {
            high = add(high, other)?;
        }
    }
    let uncertain = counted.row.uncertain || movements.iter().any(|(_order, row)| row.uncertain);
    Ok(Readings { low, high, movements, uncertain })
}

/// Whether a movement lies beside the count.
pub(crate) fn is_touched(tables: &impl Tables, counted: &Counted) -> bool {
    !movements_beside(tables, counted).is_empty()
}

/// The movements that lie beside the count and whose order neither the program of one device nor
/// what its operator had seen decides.
fn movements_beside(tables: &impl Tables, counted: &Counted) -> Vec<(OrderKey, MovementRow)> {
    let key = counted.key;
    let mut beside = Vec::new();
    let mut look = |order: OrderKey, row: MovementRow| {
        let touches = touches(order, row.epsilon_us, (counted.order, &counted.row));
        if touches && !beside.iter().any(|(known, _row)| *known == order) {
            beside.push((order, row));
        }
    };
    let reach = signed(counted.row.epsilon_us.saturating_add(WIDE_US));
    let from = counted.row.started.min(counted.order.tau).plus_us(reach.saturating_neg());
    let to = counted.order.tau.plus_us(reach);
    let range = KeyRange::between(&(key, start_of(from)), &(key, start_of(to)));
    tables.each::<Movements>(&range, false, |(_key, order), row| {
        look(order, *row);
        ControlFlow::Continue(())
    });
    tables.each::<WideMovements>(&KeyRange::prefix(&(key,)), false, |row_key, _row| {
        if let Some(row) = tables.row::<Movements>(&row_key) {
            look(row_key.1, *row);
        }
        ControlFlow::Continue(())
    });
    if !beside.is_empty() {
        let count = counted.row.operation;
        beside.retain(|(order, _row)| !is_causal(tables, order.operation(), count));
    }
    beside.sort_by_key(|(order, _row)| *order);
    beside
}

/// The first place on the time line at `tau`.
fn start_of(tau: ServerTime) -> OrderKey {
    OrderKey::new(tau, OperationId::default())
}

/// Whether the interval of a movement touches that of a count, or lies within its scans.
fn touches(movement: OrderKey, epsilon_us: u64, (count, row): (OrderKey, &CountRow)) -> bool {
    if (movement.device, movement.incarnation) == (count.device, count.incarnation) {
        return false;
    }
    let apart = movement.tau.us_since(count.tau).unsigned_abs();
    apart <= epsilon_us.saturating_add(row.epsilon_us)
        || (row.started <= movement.tau && movement.tau <= count.tau)
}

/// Whether the actor of one operation had seen the outcome of the other.
pub(crate) fn is_causal(tables: &impl Tables, one: OperationId, other: OperationId) -> bool {
    let saw = |actor: OperationId, act: OperationId| {
        let first = first_outcome(tables, act).map(|row| row.outcome.lsn);
        first.is_some_and(|lsn| cursor_of(tables, actor).is_some_and(|cursor| lsn <= cursor))
    };
    saw(one, other) || saw(other, one)
}

/// What the replica of the actor had applied, where it is a cursor of this server epoch.
fn cursor_of(tables: &impl Tables, operation: OperationId) -> Option<Lsn> {
    let intake = tables.row::<Outcomes>(&operation)?.intake;
    let intake = tables.row::<Intakes>(&intake)?;
    let Origin::Device { .. } = intake.origin else { return None };
    let recorded = Recorded::from_content(&intake.raw).ok()?;
    let epoch = tables.row::<Companies>(&())?.epoch;
    (recorded.envelope.epoch == epoch).then_some(recorded.envelope.cursor)
}

/// A movement that touches counts which are judged already has them judged again.
pub(crate) fn reopen_touched(
    posting: &mut Posting<'_, '_>,
    (key, order): (StockKey, OrderKey),
    moved: Moved,
) {
    for mut counted in counts_beside(posting.draft, (key, order), moved) {
        let judged = !matches!(counted.row.state, CountState::Provisional | CountState::TakenOut);
        let unwritten = !posting.draft.has::<Counts>(&(counted.key, counted.order));
        if judged || unwritten {
            timeline::reopen(&mut counted.row);
            timeline::save(posting, counted);
        }
    }
}

/// The counts whose interval a movement touches: a short walk to either side.
fn counts_beside(
    tables: &impl Tables,
    (key, order): (StockKey, OrderKey),
    moved: Moved,
) -> Vec<Counted> {
    let mut beside = Vec::new();
    let reach = signed(moved.epsilon_us.saturating_add(WIDE_US));
    for reverse in [false, true] {
        let (own, whole) = ranges(key, order, reverse);
        tables.each::<Counts>(&own, reverse, |(_key, at), row| {
            let touched = touches(order, moved.epsilon_us, (at, &row));
            if touched && row.state != CountState::TakenOut {
                beside.push(Counted { key, order: at, row: (*row).clone() });
            }
            go_on(touched, order, at, reach)
        });
        tables.each::<BinCounts>(&whole, reverse, |(_location, _bin, at), row| {
            let implicit = timeline::implicit(tables, key, at, &row);
            let touched = implicit
                .as_ref()
                .is_some_and(|counted| touches(order, moved.epsilon_us, (at, &counted.row)));
            beside.extend(implicit.filter(|_counted| touched));
            go_on(touched, order, at, reach)
        });
    }
    beside
}

fn ranges(key: StockKey, order: OrderKey, reverse: bool) -> (KeyRange, KeyRange) {
    let place = (key.location, key.bin);
    let (own, whole) = ((key, order), (key.location, key.bin, order));
    if reverse {
        (KeyRange::prefix_before(&(key,), &own), KeyRange::prefix_before(&place, &whole))
    } else {
        (KeyRange::prefix_after(&(key,), &own), KeyRange::prefix_after(&place, &whole))
    }
}

fn go_on(touched: bool, from: OrderKey, at: OrderKey, reach: i64) -> ControlFlow<()> {
    let near = at.tau.us_since(from.tau).saturating_abs() <= reach;
    if touched || near { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

/// Has the movements beside a count count as done before it (or after it), as a person has decided:
/// each is taken from its place on the time line and put right before (after) the count. What lies
/// there changes by the correction of the count alone.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn place_beside(
    posting: &mut Posting<'_, '_>,
    counted: &Counted,
    before: bool,
) -> Result<(), Stop> {
    let movements = readings(posting.draft, counted)?.movements;
    for (order, row) in movements {
        if (order < counted.order) == before {
            continue;
        }
        let leg = counted.order.leg;
        let leg = if before { leg.saturating_sub(1) } else { leg.saturating_add(1) };
        let to = counted.order.with_leg(leg);
        replace(posting, (counted.key, order), to, row)?;
    }
    Ok(())
}

/// Moves a movement on the time line: two registrations that sum to zero.
fn replace(
    posting: &mut Posting<'_, '_>,
    (key, from): (StockKey, OrderKey),
    to: OrderKey,
    row: MovementRow,
) -> Result<(), Stop> {
    let reason = crate::schema::entry::EntryReason::CaseDecision;
    for (order, delta) in [(from, row.delta.negated()), (to, row.delta)] {
        let entry = posting.register(key, delta, order, (reason, None))?;
        let moved = Moved { delta, entry, epsilon_us: 0, uncertain: false };
        timeline::insert_movement(posting, (key, order), moved)?;
    }
    Ok(())
}
