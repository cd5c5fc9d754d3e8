//! The time line of a stock key: movements and counts in order of τ, whenever they arrive
//! (SYNC 4.2).
//!
//! The walk goes backwards from the end and never further than the instant in question, so a bin
//! that was never counted costs two seeks per movement, and one that was counted no more.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

use protocol::identity::OperationId;
use protocol::quantity::Quantity;

use crate::count::{ambiguity, difference, missing, report};
use crate::key::{Key, KeyRange};
use crate::posting::{Posting, Stop, add, subtract};
use crate::schema::count::{
    BinCountRow, BinCounts, CountRow, CountState, Counts, CountsByOperation, CountsDue,
    MovementRow, Movements, Watermarks, WideMovements,
};
use crate::schema::entry::{EntryReason, WarehouseByStock};
use crate::schema::place::Locations;
use crate::schema::stock::Stocks;
use crate::schema::{
    BinId, EntryNo, ItemId, LocationId, OrderKey, PlateId, StockKey, TrackingId, UnitId, VariantId,
};
use crate::tables::{Read, Table, Tables};

/// The leg of a count of one key: after all movements of the same operation.
pub(crate) const COUNT_LEG: u8 = 252;
/// The leg of a whole-bin count: after the counts of its lines.
pub(crate) const BIN_LEG: u8 = 254;
/// Movements this much older than the watermark of their site are dropped from the time line.
const KEPT_US: i64 = 7 * 86_400_000_000;
/// How many movements of a key are looked at when old ones are dropped.
const PRUNED_AT_ONCE: usize = 8;

/// A movement as the time line keeps it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moved {
    pub(crate) delta: Quantity,
    pub(crate) entry: EntryNo,
    pub(crate) epsilon_us: u64,
    pub(crate) uncertain: bool,
}

/// A count in its place.
#[derive(Debug, Clone)]
pub(crate) struct Counted {
    pub(crate) key: StockKey,
    pub(crate) order: OrderKey,
    pub(crate) row: CountRow,
}

/// Why the difference of a count changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A movement that lay before it came later.
    LateMovement(Quantity),
    /// Another count of the key came, or was taken out.
    OtherCount,
}

/// Puts a movement that was just posted on the time line: every operation that posts or registers
/// `delta` under `key` calls this once for each of its legs. Where a later count knew its result
/// already, posts the correction of that count.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub fn movement(
    posting: &mut Posting<'_, '_>,
    key: StockKey,
    delta: Quantity,
    order: OrderKey,
    entry: EntryNo,
) -> Result<(), Stop> {
    let timing = posting.act.timing;
    let moved = Moved { delta, entry, epsilon_us: timing.epsilon_us, uncertain: timing.uncertain };
    insert_movement(posting, (key, order), moved)
}

/// Takes a movement off the time line again, for good: `delta` is the opposite of what it was. The counts
/// that it lay beside are judged again, however well the clock of whoever takes it back is known.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn movement_back(
    posting: &mut Posting<'_, '_>,
    key: StockKey,
    delta: Quantity,
    order: OrderKey,
    entry: EntryNo,
) -> Result<(), Stop> {
    let Some(row) = posting.draft.row::<Movements>(&(key, order)) else {
        return movement(posting, key, delta, order, entry);
    };
    let moved = Moved { delta, entry, epsilon_us: row.epsilon_us, uncertain: row.uncertain };
    insert_movement(posting, (key, order), moved)
}

pub(crate) fn insert_movement(
    posting: &mut Posting<'_, '_>,
    (key, order): (StockKey, OrderKey),
    moved: Moved,
) -> Result<(), Stop> {
    if moved.delta.is_zero() {
        return Ok(());
    }
    record(posting, (key, order), moved)?;
    let place = (key.location, key.bin);
    let last = posting.draft.last::<Counts>(&KeyRange::prefix(&(key,)));
    let last_of_bin = posting.draft.last::<BinCounts>(&KeyRange::prefix(&place));
    if last.is_none() && last_of_bin.is_none() {
        return Ok(());
    }
    ambiguity::reopen_touched(posting, (key, order), moved);
    let late = last.is_some_and(|((_key, count), _row)| count > order)
        || last_of_bin.is_some_and(|((_location, _bin, count), _row)| count > order);
    let next = if late { next_count(posting.draft, key, order) } else { None };
    match next {
        Some(next) => {
            correct(posting, next, moved.delta.negated(), Cause::LateMovement(moved.delta))
        }
        None => Ok(()),
    }
}

/// What the row of a movement says already. Most come after all others of their place: the last row, which
/// is known there, tells that there is none, and nothing has to be looked for.
fn known(tables: &impl Tables, (key, order): (StockKey, OrderKey)) -> Option<Quantity> {
    let ((_key, last), row) = tables.last::<Movements>(&KeyRange::prefix(&(key,)))?;
    match order.cmp(&last) {
        Ordering::Greater => None,
        Ordering::Equal => Some(row.delta),
        Ordering::Less => tables.row::<Movements>(&(key, order)).map(|row| row.delta),
    }
}

/// Writes the row of a movement; several legs in one place become one, and what is taken back is none.
fn record(
    posting: &mut Posting<'_, '_>,
    (key, order): (StockKey, OrderKey),
    moved: Moved,
) -> Result<(), Stop> {
    let delta = match known(posting.draft, (key, order)) {
        Some(before) => add(before, moved.delta)?,
        None => moved.delta,
    };
    let row = MovementRow {
        delta,
        epsilon_us: moved.epsilon_us,
        uncertain: moved.uncertain,
        entry: moved.entry,
    };
    if row.delta.is_zero() {
        posting.draft.delete::<Movements>(&(key, order));
        posting.draft.delete::<WideMovements>(&(key, order));
        return Ok(());
    }
    if row.uncertain || row.epsilon_us > ambiguity::WIDE_US {
        posting.draft.put::<WideMovements>(&(key, order), ());
    }
    posting.draft.put::<Movements>(&(key, order), row);
    if moved.entry.0.trailing_zeros() >= 2 {
        prune(posting, key);
    }
    Ok(())
}

/// Drops the oldest movements of a key as far as they lie well behind the watermark: a late
/// movement does not need them, and a count that old reads the warehouse entries.
fn prune(posting: &mut Posting<'_, '_>, key: StockKey) {
    let kept_from = kept_from(posting.draft, key.location);
    let mut old = Vec::new();
    posting.draft.each::<Movements>(&KeyRange::prefix(&(key,)), false, |row_key, _row| {
        if row_key.1.tau >= kept_from || old.len() >= PRUNED_AT_ONCE {
            return ControlFlow::Break(());
        }
        old.push(row_key);
        ControlFlow::Continue(())
    });
    for row_key in old {
        posting.draft.delete::<Movements>(&row_key);
        posting.draft.delete::<WideMovements>(&row_key);
    }
}

/// From when on the movements of a location are all on the time line.
fn kept_from(tables: &impl Tables, location: LocationId) -> protocol::identity::ServerTime {
    tables
        .row::<Locations>(&location)
        .and_then(|row| tables.row::<Watermarks>(&row.site))
        .map(|row| row.until.plus_us(KEPT_US.saturating_neg()))
        .unwrap_or_default()
}

/// The first count of `key` after `order` that was not taken out: a row of its own, or a whole-bin
/// count that does not list the key.
pub(crate) fn next_count(tables: &impl Tables, key: StockKey, order: OrderKey) -> Option<Counted> {
    let mut own = None;
    let range = KeyRange::prefix_after(&(key,), &(key, order));
    tables.each::<Counts>(&range, false, |(_key, order), row| {
        if row.state == CountState::TakenOut {
            return ControlFlow::Continue(());
        }
        own = Some(Counted { key, order, row: (*row).clone() });
        ControlFlow::Break(())
    });
    let mut whole = None;
    let place = (key.location, key.bin);
    let range = KeyRange::prefix_after(&place, &(key.location, key.bin, order));
    tables.each::<BinCounts>(&range, false, |(_location, _bin, order), row| {
        if own.as_ref().is_some_and(|own| own.order < order) {
            return ControlFlow::Break(());
        }
        whole = implicit(tables, key, order, &row);
        if whole.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    whole.or(own)
}

/// The last count of `key` before `order` that was not taken out.
pub(crate) fn count_before(
    tables: &impl Tables,
    key: StockKey,
    order: OrderKey,
) -> Option<Counted> {
    let mut own: Option<Counted> = None;
    let range = KeyRange::prefix_before(&(key,), &(key, order));
    tables.each::<Counts>(&range, true, |(_key, order), row| {
        if row.state == CountState::TakenOut {
            return ControlFlow::Continue(());
        }
        own = Some(Counted { key, order, row: (*row).clone() });
        ControlFlow::Break(())
    });
    let mut whole = None;
    let place = (key.location, key.bin);
    let range = KeyRange::prefix_before(&place, &(key.location, key.bin, order));
    tables.each::<BinCounts>(&range, true, |(_location, _bin, order), row| {
        if own.as_ref().is_some_and(|own| own.order > order) {
            return ControlFlow::Break(());
        }
        whole = implicit(tables, key, order, &row);
        if whole.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    whole.or(own)
}

/// What a whole-bin count says of a key that has no row of its own there: nothing lay there. None
/// when it says nothing of the key.
pub(crate) fn implicit(
    tables: &(impl Tables + ?Sized),
    key: StockKey,
    order: OrderKey,
    whole: &BinCountRow,
) -> Option<Counted> {
    // What stands on a plate that was not seen, and a serial that was not seen, is moved to the
    // missing bin: that is no difference.
    let seen_open = |plate| whole.listed.iter().any(|listed| listed.plate == plate);
    let says_nothing = whole.taken_out
        || whole.listed.binary_search(&key).is_ok()
        || (key.plate != PlateId(0) && !seen_open(key.plate))
        || difference::is_serial(tables, &key)
        || tables.has::<Counts>(&(key, order));
    if says_nothing {
        return None;
    }
    let row = CountRow {
        quantity: Quantity::ZERO,
        difference: Quantity::ZERO,
        book_at_arrival: Quantity::ZERO,
        state: CountState::Provisional,
        started: whole.started,
        epsilon_us: whole.epsilon_us,
        uncertain: whole.uncertain,
        implicit: true,
        operation: whole.operation,
        operator: whole.operator.clone(),
        site: whole.site,
        links: Vec::new(),
        version: 0,
        accepted: None,
        superseded: false,
        case: None,
        task: None,
    };
    Some(Counted { key, order, row })
}

/// Changes the difference of a count by `amount`, posts that, has it judged again and restates it.
pub(crate) fn correct(
    posting: &mut Posting<'_, '_>,
    mut counted: Counted,
    amount: Quantity,
    cause: Cause,
) -> Result<(), Stop> {
    if amount.is_zero() {
        return Ok(());
    }
    let before = counted.row.difference;
    let place = (counted.key, counted.order);
    difference::post(posting, place, &mut counted.row, amount, EntryReason::CountCorrection)?;
    reopen(&mut counted.row);
    report::corrected(posting, &mut counted, before, cause);
    save(posting, counted);
    Ok(())
}

/// It is to be judged, or judged again.
pub(crate) fn reopen(row: &mut CountRow) {
    if row.state != CountState::Provisional {
        row.version = row.version.saturating_add(1);
        row.state = CountState::Provisional;
    }
}

/// Writes a count and lists it among those that are due while it is provisional.
pub(crate) fn save(posting: &mut Posting<'_, '_>, counted: Counted) {
    let Counted { key, order, row } = counted;
    let due = (row.site, order.tau.plus_us(signed(row.epsilon_us)), order, key);
    if row.state == CountState::Provisional {
        posting.draft.put::<CountsDue>(&due, ());
    } else {
        posting.draft.delete::<CountsDue>(&due);
    }
    posting.draft.put::<CountsByOperation>(&(row.operation, key, order), ());
    posting.draft.put::<Counts>(&(key, order), row);
}

/// Puts a count on the time line and posts its difference, provisional.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn insert_count(
    posting: &mut Posting<'_, '_>,
    (key, order): (StockKey, OrderKey),
    mut row: CountRow,
) -> Result<Counted, Stop> {
    let next = next_count(posting.draft, key, order);
    let found = subtract(row.quantity, book_before(posting, (key, order), next.as_ref())?)?;
    row.book_at_arrival = posting.stock(&key);
    difference::post(posting, (key, order), &mut row, found, EntryReason::CountDifference)?;
    let counted = Counted { key, order, row };
    save(posting, counted.clone());
    if let Some(next) = next {
        correct(posting, next, found.negated(), Cause::OtherCount)?;
    }
    Ok(counted)
}

/// What lay under `key` just before `order`, by everything known now.
fn book_before(
    posting: &Posting<'_, '_>,
    (key, order): (StockKey, OrderKey),
    next: Option<&Counted>,
) -> Result<Quantity, Stop> {
    let end = match next {
        Some(next) => subtract(next.row.quantity, next.row.difference)?,
        None => posting.stock(&key),
    };
    subtract(end, moved_between(posting.draft, key, order, next.map(|next| next.order))?)
}

/// The sum of the movements of `key` after `after` and, where given, before `before`.
fn moved_between(
    tables: &impl Tables,
    key: StockKey,
    after: OrderKey,
    before: Option<OrderKey>,
) -> Result<Quantity, Stop> {
    let mut range = KeyRange::prefix_after(&(key,), &(key, after));
    if let Some(before) = before {
        range.to = (key, before).to_bytes();
    }
    let mut sum = Ok(Quantity::ZERO);
    let mut count = |delta: Quantity| {
        sum = sum.clone().and_then(|sum| add(sum, delta));
        if sum.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    if after.tau >= kept_from(tables, key.location) {
        tables.each::<Movements>(&range, false, |_key, row| count(row.delta));
    } else {
        // Between two counts there are movements only, and what a taken-out count posted, which
        // sums to nothing.
        tables.each::<WarehouseByStock>(&range, false, |_key, delta| count(*delta));
    }
    sum
}

/// Puts a whole-bin count on the time line and posts what it did not see.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn insert_bin_count(
    posting: &mut Posting<'_, '_>,
    (location, bin): (LocationId, BinId),
    order: OrderKey,
    whole: &BinCountRow,
) -> Result<Vec<Counted>, Stop> {
    posting.draft.put::<BinCounts>(&(location, bin, order), whole.clone());
    let sentinel = bin_key(location, bin);
    let due = order.tau.plus_us(signed(whole.epsilon_us));
    posting.draft.put::<CountsDue>(&(whole.site, due, order, sentinel), ());
    posting.draft.put::<CountsByOperation>(&(whole.operation, sentinel, order), ());
    let mut found = Vec::new();
    for key in keys_of_bin(posting.draft, location, bin) {
        let Some(counted) = implicit(posting.draft, key, order, whole) else { continue };
        let next = next_count(posting.draft, key, order);
        let book = book_before(posting, (key, order), next.as_ref())?;
        // A count that finds what the book says is written down only where a movement so near that
        // the order of the two is not sure must be judged with it.
        if !book.is_zero() || ambiguity::is_touched(posting.draft, &counted) {
            found.push(insert_count(posting, (key, order), counted.row)?);
        }
    }
    Ok(found)
}

/// Every key of a bin that the book or the time line knows.
pub(crate) fn keys_of_bin(
    tables: &impl Tables,
    location: LocationId,
    bin: BinId,
) -> BTreeSet<StockKey> {
    let place = (location, bin);
    let mut keys = BTreeSet::new();
    tables.each::<Stocks>(&KeyRange::prefix(&place), false, |key, _row| {
        keys.insert(key);
        ControlFlow::Continue(())
    });
    distinct::<Movements>(tables, place, &mut keys, |key| key.0);
    distinct::<Counts>(tables, place, &mut keys, |key| key.0);
    keys
}

/// Adds the stock keys under `place`, with one seek for each.
fn distinct<T: Table>(
    tables: &impl Tables,
    place: (LocationId, BinId),
    keys: &mut BTreeSet<StockKey>,
    stock_key: impl Fn(&T::Key) -> StockKey,
) {
    let mut range = KeyRange::prefix(&place);
    while let Some((row_key, _row)) = tables.first::<T>(&range) {
        let key = stock_key(&row_key);
        keys.insert(key);
        range = KeyRange::prefix_after(&place, &(key,));
    }
}

/// Takes the count of `key` at `order` out of the book; it stays on record as an observation.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn take_out(
    posting: &mut Posting<'_, '_>,
    key: StockKey,
    order: OrderKey,
) -> Result<Option<Counted>, Stop> {
    let Some(row) = posting.draft.row::<Counts>(&(key, order)) else { return Ok(None) };
    if row.state == CountState::TakenOut {
        return Ok(None);
    }
    let mut row = (*row).clone();
    let found = row.difference;
    let next = next_count(posting.draft, key, order);
    difference::post(posting, (key, order), &mut row, found.negated(), EntryReason::CountTakenOut)?;
    row.state = CountState::TakenOut;
    let counted = Counted { key, order, row };
    save(posting, counted.clone());
    if let Some(next) = next {
        correct(posting, next, found, Cause::OtherCount)?;
    }
    Ok(Some(counted))
}

/// Takes every count of `operation` out of the book (an undo). Says whether there was any.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub fn take_out_operation(
    posting: &mut Posting<'_, '_>,
    operation: OperationId,
) -> Result<bool, Stop> {
    let rows = posting.draft.list::<CountsByOperation>(&KeyRange::prefix(&(operation,)));
    let mut any = false;
    for ((_operation, key, order), _row) in rows {
        if key == bin_key(key.location, key.bin) {
            any |= take_out_whole(posting, (key.location, key.bin), order)?;
        } else if let Some(counted) = take_out(posting, key, order)? {
            any = true;
            report::withdraw_questions(posting, &counted);
        }
    }
    Ok(any)
}

/// Marks a whole-bin count as taken out: it says nothing any more of keys that appear later.
fn take_out_whole(
    posting: &mut Posting<'_, '_>,
    (location, bin): (LocationId, BinId),
    order: OrderKey,
) -> Result<bool, Stop> {
    let Some(whole) = posting.draft.row::<BinCounts>(&(location, bin, order)) else {
        return Ok(false);
    };
    if whole.taken_out {
        return Ok(false);
    }
    let due = order.tau.plus_us(signed(whole.epsilon_us));
    posting.draft.delete::<CountsDue>(&(whole.site, due, order, bin_key(location, bin)));
    let taken = BinCountRow { taken_out: true, ..(*whole).clone() };
    posting.draft.put::<BinCounts>(&(location, bin, order), taken);
    missing::forget(posting, (location, bin), order)?;
    Ok(true)
}

/// Stands for a bin as a whole where a stock key is asked for: there is no item 0.
pub(crate) const fn bin_key(location: LocationId, bin: BinId) -> StockKey {
    StockKey {
        location,
        bin,
        plate: PlateId(0),
        item: ItemId(0),
        variant: VariantId(0),
        unit: UnitId(0),
        tracking: TrackingId(0),
    }
}

/// A width as a signed number of microseconds.
pub(crate) fn signed(us: u64) -> i64 {
    i64::try_from(us).unwrap_or(i64::MAX)
}
