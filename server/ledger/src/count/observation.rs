//! Operations that observe become counts on the time line.

use std::collections::BTreeMap;

use protocol::code::Code;
use protocol::identity::{IntakeNo, OperationId, Seq, ServerTime, TaskId};
use protocol::operation::{Count, CountBin, CountedLine, Place, Recorded};
use protocol::outcome::{Decision, Reason, Settlement};
use protocol::quantity::Quantity;

use crate::conflict::case::site_of;
use crate::conflict::{CaseDraft, open_case, task};
use crate::count::timeline::{self, BIN_LEG, COUNT_LEG, Counted};
use crate::count::{difference, missing, report, settlement};
use crate::key::KeyRange;
use crate::lookup;
use crate::movement::goods::{self, Flow};
use crate::movement::spot::{self, End, Spot};
use crate::posting::{Posting, Stop, add};
use crate::schema::book::{Intakes, Outcomes};
use crate::schema::case::Choice;
use crate::schema::count::{BinCountRow, CountRow, CountState, Counts};
use crate::schema::place::PlateChildren;
use crate::schema::{BinId, LocationId, OrderKey, PlateId, StockKey};
use crate::tables::Read as _;
use crate::tracking::serial;

/// Most counts whose figures an outcome lists.
const TOLD_MAX: usize = 32;

/// One key that was counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Observation {
    pub(crate) key: StockKey,
    pub(crate) quantity: Quantity,
    pub(crate) order: OrderKey,
    pub(crate) started: ServerTime,
}

/// Judges a count of one thing in one place.
///
/// # Errors
///
/// Parks what cannot be placed or named.
pub fn judge_count(posting: &mut Posting<'_, '_>, count: &Count) -> Result<(), Stop> {
    let spot = spot::resolve(posting, &count.place, End::To)?;
    let named = goods::resolve(posting, &count.goods, Flow::Seen)?;
    let key = named.key(&spot);
    let order = posting.act.order.with_leg(COUNT_LEG);
    let started = instant_of(posting, count.started_us).unwrap_or(order.tau);
    let seen = Observation { key, quantity: named.base, order, started };
    let counted: Vec<_> = observe_line(posting, seen)?.into_iter().collect();
    tell(posting, &counted);
    answer(posting, (key.location, key.bin), Some(key), (order, count.task), &[key]);
    Ok(())
}

/// Judges a count of everything in a bin: what it does not list is not there.
///
/// # Errors
///
/// Parks what cannot be placed or named, wholly: half a complete count would be a lie.
pub fn judge_bin_count(posting: &mut Posting<'_, '_>, count: &CountBin) -> Result<(), Stop> {
    let place =
        Place { location: count.location.clone(), bin: Some(count.bin.clone()), plate: None };
    let spot = spot::resolve(posting, &place, End::To)?;
    let whole = posting.act.order.with_leg(BIN_LEG);
    let seen = lines(posting, &spot, &place, count)?;
    let closed = seen_closed(posting, &spot, &place, count)?;
    let mut counted = Vec::new();
    for line in &seen {
        counted.extend(observe_line(posting, *line)?);
    }
    let mut listed: Vec<_> = seen.iter().map(|line| line.key).collect();
    listed.sort_unstable();
    let row = BinCountRow {
        listed,
        plates_seen_closed: closed,
        started: instant_of(posting, count.started_us).unwrap_or(whole.tau),
        epsilon_us: posting.act.timing.epsilon_us,
        uncertain: posting.act.timing.uncertain,
        operation: posting.act.operation,
        operator: posting.act.operator.clone(),
        site: site(posting, spot.location),
        taken_out: false,
    };
    let bin = (spot.location, spot.bin);
    missing::plates(posting, bin, &row, whole)?;
    missing::serials(posting, bin, &row, whole)?;
    counted.extend(timeline::insert_bin_count(posting, bin, whole, &row)?);
    let keys: Vec<_> = timeline::keys_of_bin(posting.draft, bin.0, bin.1).into_iter().collect();
    tell(posting, &counted);
    answer(posting, bin, None, (whole, count.task), &keys);
    posting.decision.settlement = Some(Settlement::Provisional);
    Ok(())
}

/// Judges lines of a count journal at the desk: so much lay there at the instant of the command
/// `calculated`, whenever it is entered (WAREHOUSE 12.1).
///
/// # Errors
///
/// Refuses a calculation that is not known, and a second entry for the same goods.
pub fn judge_journal_count(
    posting: &mut Posting<'_, '_>,
    calculated: IntakeNo,
    counts: &[Count],
) -> Result<(), Stop> {
    let calculation = OperationId { seq: Seq(calculated.0), ..OperationId::default() };
    let Some(tau) = posting.draft.row::<Outcomes>(&calculation).map(|row| row.outcome.tau) else {
        return Err(Stop::Refuse(Reason::new(Code::NotFound).word("what", calculated)));
    };
    let as_of = OrderKey::new(tau, calculation).with_leg(COUNT_LEG);
    let mut counted = Vec::new();
    for count in counts {
        let spot = spot::resolve(posting, &count.place, End::To)?;
        let named = goods::resolve(posting, &count.goods, Flow::Seen)?;
        let key = named.key(&spot);
        if posting.draft.has::<Counts>(&(key, as_of)) {
            let reason = report::about(posting.draft, Code::AlreadyRecorded, key);
            return Err(Stop::Refuse(reason));
        }
        let seen = Observation { key, quantity: named.base, order: as_of, started: tau };
        counted.extend(observe_line(posting, seen)?);
    }
    tell(posting, &counted);
    Ok(())
}

/// Puts what was seen of one key on record: a quantity on the time line, a serial in its history.
///
/// # Errors
///
/// [`Stop::Overflow`].
fn observe_line(posting: &mut Posting<'_, '_>, seen: Observation) -> Result<Option<Counted>, Stop> {
    if !difference::is_serial(posting.draft, &seen.key) {
        return observe(posting, seen).map(Some);
    }
    if seen.quantity.is_zero() {
        serial::not_seen(posting, seen.key, (seen.order, posting.act.timing.epsilon_us))?;
        return Ok(None);
    }
    if let Some(reason) = serial::seen(posting, seen.key, seen.order)? {
        // The sighting stays in the history of the serial and is booked when something makes room
        // for it; a person may decide before.
        posting.decision.decision = Decision::Parked;
        posting.decision.note(reason.clone());
        let case = CaseDraft {
            reasons: vec![reason],
            stock: Some(seen.key),
            choices: vec![Choice::Accept, Choice::Correct, Choice::Dismiss],
            parked: false,
            others: Vec::new(),
        };
        open_case(posting, case);
    }
    Ok(None)
}

/// Puts an observation on the time line.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn observe(posting: &mut Posting<'_, '_>, seen: Observation) -> Result<Counted, Stop> {
    let Observation { key, quantity, order, started } = seen;
    let row = CountRow {
        quantity,
        difference: Quantity::ZERO,
        book_at_arrival: Quantity::ZERO,
        state: CountState::Provisional,
        started,
        epsilon_us: posting.act.timing.epsilon_us,
        uncertain: posting.act.timing.uncertain,
        implicit: false,
        operation: posting.act.operation,
        operator: posting.act.operator.clone(),
        site: site(posting, key.location),
        links: Vec::new(),
        version: 0,
        accepted: None,
        superseded: false,
        case: None,
        task: None,
    };
    timeline::insert_count(posting, (key, order), row)
}

fn site(posting: &Posting<'_, '_>, location: LocationId) -> crate::schema::SiteId {
    site_of(posting.draft, location).unwrap_or(posting.act.site)
}

/// The lines of a whole-bin count, each at the instant of its own scan. Goods that are listed twice
/// are added up: both piles were seen.
fn lines(
    posting: &mut Posting<'_, '_>,
    spot: &Spot,
    bin: &Place,
    count: &CountBin,
) -> Result<Vec<Observation>, Stop> {
    let mut seen: BTreeMap<StockKey, Observation> = BTreeMap::new();
    for line in &count.lines {
        let key_spot = match &line.plate {
            None => spot.clone(),
            Some(_plate) => {
                let place = Place { plate: line.plate.clone(), ..bin.clone() };
                spot::resolve(posting, &place, End::To)?
            }
        };
        let named = goods::resolve(posting, &line.goods, Flow::Seen)?;
        let observation = observed(posting, named.key(&key_spot), named.base, line);
        let key = observation.key;
        let twice = seen.get(&key).copied();
        if let Some(first) = twice {
            let reason = report::about(posting.draft, Code::CountDuplicateLine, key);
            posting.decision.note(reason);
            let quantity = add(first.quantity, observation.quantity)?;
            seen.insert(key, Observation { quantity, started: first.started, ..observation });
        } else {
            seen.insert(key, observation);
        }
    }
    Ok(seen.into_values().collect())
}

fn observed(
    posting: &Posting<'_, '_>,
    key: StockKey,
    quantity: Quantity,
    line: &CountedLine,
) -> Observation {
    let order = posting.act.order.with_leg(COUNT_LEG);
    let tau = instant_of(posting, Some(line.mono_us)).unwrap_or(order.tau);
    let order = OrderKey { tau, ..order };
    Observation { key, quantity, order, started: tau }
}

/// The server time of an instant of the boot in which the operation was recorded; never after the
/// operation itself. None where nothing was given, or the operation is not a device's.
fn instant_of(posting: &Posting<'_, '_>, mono_us: Option<u64>) -> Option<ServerTime> {
    let mono_us = mono_us?;
    let intake = posting.draft.row::<Intakes>(&posting.act.intake)?;
    let recorded = Recorded::from_content(&intake.raw).ok()?;
    let earlier = recorded.envelope.mono_us.saturating_sub(mono_us);
    Some(posting.act.order.tau.plus_us(timeline::signed(earlier).saturating_neg()))
}

/// Plates that were seen closed, and all that stands on them: their place is confirmed, their
/// content taken as booked (WAREHOUSE 2.11).
fn seen_closed(
    posting: &mut Posting<'_, '_>,
    spot: &Spot,
    bin: &Place,
    count: &CountBin,
) -> Result<Vec<PlateId>, Stop> {
    let mut closed = Vec::new();
    for no in &count.plates_seen_closed {
        lookup::plate(posting.draft, no).map_err(|why| posting.stop(why))?;
        let place = Place { plate: Some(no.clone()), ..bin.clone() };
        let plate = spot::resolve(posting, &place, End::To)?;
        debug_assert!(plate.bin == spot.bin, "a plate that is seen in a bin is resolved to it");
        closed.push(plate.plate);
    }
    let mut tree = Vec::new();
    while let Some(plate) = closed.pop() {
        if !tree.contains(&plate) {
            tree.push(plate);
            let range = KeyRange::prefix(&(plate,));
            let children = posting.draft.list::<PlateChildren>(&range);
            closed.extend(children.into_iter().map(|((_parent, child), _row)| child));
        }
    }
    tree.sort_unstable();
    Ok(tree)
}

/// Ends the tasks that this count answers, and the questions of earlier counts behind them.
fn answer(
    posting: &mut Posting<'_, '_>,
    bin: (LocationId, BinId),
    key: Option<StockKey>,
    (order, named): (OrderKey, Option<TaskId>),
    keys: &[StockKey],
) {
    let answered = task::answer_counts(posting, bin, key, order, named);
    if !answered.is_empty() {
        settlement::supersede(posting, order, &answered, keys);
    }
}

/// Says in the outcome what the count found. It is provisional. Called while the tasks that it answers
/// are open still: who was not to know the book is told that it is posted.
fn tell(posting: &mut Posting<'_, '_>, counted: &[Counted]) {
    for counted in counted.iter().take(TOLD_MAX) {
        let reasons = vec![report::variance(posting.draft, counted.key, &counted.row)];
        for reason in report::told(posting.draft, counted.key, reasons) {
            posting.decision.note(reason);
        }
    }
    if !counted.is_empty() {
        posting.decision.settlement = Some(Settlement::Provisional);
    }
}
