//! Settled counts: each is posted at once and judged when nobody can hold an older act any more
//! (SYNC 4.3, 4.4).

use protocol::code::Code;
use protocol::feed::TaskKind;
use protocol::identity::{DeviceId, ServerTime};
use protocol::outcome::Reason;
use protocol::quantity::Quantity;
use serde::{Deserialize, Serialize};

use crate::conflict::task::Answered;
use crate::conflict::{CaseDraft, TaskDraft, case, request_task, restate};
use crate::count::ambiguity::{self, Readings};
use crate::count::report;
use crate::count::timeline::{self, Counted};
use crate::key::{Key as _, KeyRange};
use crate::movement::transfer;
use crate::posting::{Posting, Stop};
use crate::schema::case::{CaseState, Cases, Choice};
use crate::schema::count::{CountState, Counts, CountsDue, Watermark, Watermarks};
use crate::schema::item::Items;
use crate::schema::{ItemId, OrderKey, SiteId, StockKey};
use crate::tables::{Read as _, Tables};

/// Most counts that one settlement judges; the caller asks again while there is more.
pub const JUDGED_MAX: usize = 200;

/// Two people's counts of one key that lie no further apart than this, in microseconds, and differ,
/// contradict each other: between two rounds goods may have gone, within one they have not.
const CONFLICT_US: i64 = 15 * 60_000_000;

/// What a device had said of its outbox when the watermark was drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceStatement {
    /// The device.
    #[serde(rename = "d")]
    pub device: DeviceId,
    /// When it was heard last.
    #[serde(rename = "h")]
    pub heard: ServerTime,
    /// The time of its oldest operation that was not sent then; none: it had nothing.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub unsent: Option<ServerTime>,
}

/// Up to when the acts of a site are all here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteWatermark {
    /// The site.
    #[serde(rename = "s")]
    pub site: SiteId,
    /// No device that holds it has an older operation.
    #[serde(rename = "w")]
    pub until: ServerTime,
    /// What the devices said that it was drawn from, and of those that it did not wait for.
    #[serde(rename = "d", default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceStatement>,
}

impl SiteWatermark {
    /// Draws the watermark of a site at `now`: the oldest of what its devices may still hold. A
    /// device that had nothing unsent and has been silent for longer than `absent_after_us` is not
    /// waited for; one that is declared lost must not be among `devices`.
    pub fn draw(
        site: SiteId,
        now: ServerTime,
        absent_after_us: i64,
        devices: Vec<DeviceStatement>,
    ) -> Self {
        let until = devices
            .iter()
            .filter(|said| !said.is_absent(now, absent_after_us))
            .map(|said| said.unsent.unwrap_or(said.heard))
            .fold(now, ServerTime::min);
        Self { site, until, devices }
    }
}

impl DeviceStatement {
    /// Whether it had nothing unsent and has been silent too long to be waited for.
    pub const fn is_absent(&self, now: ServerTime, absent_after_us: i64) -> bool {
        self.unsent.is_none() && now.us_since(self.heard) > absent_after_us
    }
}

/// Judges the counts that are due, oldest first, and asks about goods that arrived without ever having
/// been sent, at most [`JUDGED_MAX`] together. Says whether there are more.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub fn settle(posting: &mut Posting<'_, '_>, watermarks: &[SiteWatermark]) -> Result<bool, Stop> {
    let mut left = JUDGED_MAX;
    for mark in watermarks {
        let known = posting.draft.row::<Watermarks>(&mark.site).map(|row| row.until);
        let until = known.map_or(mark.until, |known| known.max(mark.until));
        if known != Some(until) {
            posting.draft.put::<Watermarks>(&mark.site, Watermark { until });
        }
        // What is judged may have another count judged again: until nothing is due.
        while let Some((order, key)) = first_due(posting.draft, mark.site, until) {
            if left == 0 {
                return Ok(true);
            }
            left = left.saturating_sub(1);
            settle_one(posting, mark, (key, order))?;
        }
        if transfer::ask_for_unreported(posting, (mark.site, until), &mut left) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether anything of the site is due at `until`: whoever draws watermarks asks this first.
pub fn is_any_due(tables: &(impl Tables + ?Sized), site: SiteId, until: ServerTime) -> bool {
    first_due(tables, site, until).is_some() || transfer::is_any_due(tables, site, until)
}

/// The count of the site that has been due longest at `until`.
fn first_due(
    tables: &(impl Tables + ?Sized),
    site: SiteId,
    until: ServerTime,
) -> Option<(OrderKey, StockKey)> {
    let mut range = KeyRange::prefix(&(site,));
    range.to = (site, until).to_bytes();
    tables.first::<CountsDue>(&range).map(|((_site, _at, order, key), _row)| (order, key))
}

fn settle_one(
    posting: &mut Posting<'_, '_>,
    mark: &SiteWatermark,
    (key, order): (StockKey, OrderKey),
) -> Result<(), Stop> {
    if key.item == ItemId(0) {
        settle_whole(posting, key, order);
        return Ok(());
    }
    let Some(row) = posting.draft.row::<Counts>(&(key, order)) else { return Ok(()) };
    let counted = Counted { key, order, row: (*row).clone() };
    let readings = ambiguity::readings(posting.draft, &counted)?;
    let judgement = judge(posting.draft, &counted, &readings);
    apply(posting, counted, (&readings, judgement), mark);
    Ok(())
}

/// A whole-bin count as such asks only whether its instant is sure; with it, its operation may be
/// settled.
fn settle_whole(posting: &mut Posting<'_, '_>, key: StockKey, order: OrderKey) {
    let place = (key.location, key.bin, order);
    let Some(whole) = posting.draft.row::<crate::schema::count::BinCounts>(&place) else { return };
    let due = order.tau.plus_us(timeline::signed(whole.epsilon_us));
    posting.draft.delete::<CountsDue>(&(whole.site, due, order, key));
    if whole.uncertain {
        let task = TaskDraft {
            kind: TaskKind::Recount,
            location: key.location,
            bin: key.bin,
            item: None,
            variant: key.variant,
            plate: key.plate,
            reason: Code::ClockUncertain.as_str().to_owned(),
            not_by: whole.operator.clone(),
            blind: true,
            case: None,
        };
        request_task(posting, task);
    }
    let settlement = report::settlement_of(posting.draft, whole.operation);
    restate(posting, whole.operation, |row| row.outcome.settlement = Some(settlement));
}

/// How a count is judged.
#[derive(Debug, Clone)]
enum Judgement {
    Settle,
    NeedsApproval,
    Recount(Code),
    Conflict(Box<Counted>),
}

/// Judges a count from the book as it is now. What it posted does not depend on it.
fn judge(tables: &impl Tables, counted: &Counted, readings: &Readings) -> Judgement {
    let row = &counted.row;
    if row.superseded {
        return Judgement::Settle;
    }
    let tolerance = tolerance_of(tables, counted.key.item);
    let within = |difference: Quantity| difference.abs() <= tolerance;
    if row.implicit && row.difference.is_zero() && readings.movements.is_empty() {
        // It found what the book says, as do all keys of the bin that have no row: where its instant
        // is not sure, the bin as a whole is counted again.
        return Judgement::Settle;
    }
    if readings.uncertain {
        return Judgement::Recount(Code::ClockUncertain);
    }
    let sure = readings.movements.is_empty() || (within(readings.low) && within(readings.high));
    if !sure {
        return Judgement::Recount(Code::CountAmbiguous);
    }
    if row.accepted == Some(row.difference) {
        return Judgement::Settle;
    }
    if let Some(partner) = contradicting(tables, counted, tolerance) {
        return Judgement::Conflict(Box::new(partner));
    }
    if within(row.difference) { Judgement::Settle } else { Judgement::NeedsApproval }
}

fn tolerance_of(tables: &impl Tables, item: ItemId) -> Quantity {
    tables.row::<Items>(&item).map_or(Quantity::ZERO, |row| row.count_tolerance.abs())
}

/// The count of the same key by another person, shortly before or after, that differs from this one
/// by more than the movements between the two.
fn contradicting(tables: &impl Tables, counted: &Counted, tolerance: Quantity) -> Option<Counted> {
    let contradicts = |earlier: &Counted, later: &Counted| {
        let near = later.order.tau.us_since(earlier.order.tau) <= CONFLICT_US;
        let people = earlier.row.operator != later.row.operator
            || earlier.order.device != later.order.device;
        let open = !earlier.row.superseded && !later.row.superseded;
        near && people && open && later.row.difference.abs() > tolerance
    };
    let before = timeline::count_before(tables, counted.key, counted.order)
        .filter(|before| contradicts(before, counted));
    before.or_else(|| {
        timeline::next_count(tables, counted.key, counted.order)
            .filter(|after| contradicts(counted, after))
    })
}

fn apply(
    posting: &mut Posting<'_, '_>,
    mut counted: Counted,
    (readings, judgement): (&Readings, Judgement),
    mark: &SiteWatermark,
) {
    let reasons = match judgement {
        Judgement::Settle => settle_quietly(posting, &mut counted, readings, mark),
        Judgement::NeedsApproval => ask_approval(posting, &mut counted),
        Judgement::Recount(code) => ask_recount(posting, &mut counted, (readings, code)),
        Judgement::Conflict(partner) => ask_third_person(posting, &mut counted, *partner),
    };
    timeline::save(posting, counted.clone());
    report::judged(posting, &counted, reasons);
}

fn settle_quietly(
    posting: &mut Posting<'_, '_>,
    counted: &mut Counted,
    readings: &Readings,
    mark: &SiteWatermark,
) -> Vec<Reason> {
    counted.row.state = CountState::Settled;
    judge_partners_again(posting, counted);
    report::withdraw_questions(posting, counted);
    counted.row.task = None;
    let absent: Vec<_> = mark
        .devices
        .iter()
        .filter(|said| said.heard < mark.until && said.unsent.is_none())
        .map(|said| said.device.to_string())
        .collect();
    let mut reason = report::about(posting.draft, Code::CountSettled, counted.key)
        .quantity("difference", counted.row.difference);
    if !absent.is_empty() {
        reason = reason.word("without", absent.join(", "));
    }
    let mut reasons = vec![reason];
    if counted.row.superseded {
        reasons.push(report::about(posting.draft, Code::CountSuperseded, counted.key));
    } else if !readings.movements.is_empty() {
        reasons.push(ambiguous(posting.draft, counted, readings, Code::CountAmbiguous));
    }
    reasons
}

/// A count that contradicted this one has nothing to contradict any more.
fn judge_partners_again(posting: &mut Posting<'_, '_>, counted: &Counted) {
    let (key, order) = (counted.key, counted.order);
    let beside = timeline::count_before(posting.draft, key, order)
        .into_iter()
        .chain(timeline::next_count(posting.draft, key, order));
    for mut partner in beside {
        let shared = partner.row.case.is_some() && partner.row.case == counted.row.case;
        if shared && partner.row.state == CountState::Recount {
            timeline::reopen(&mut partner.row);
            timeline::save(posting, partner);
        }
    }
}

fn ask_approval(posting: &mut Posting<'_, '_>, counted: &mut Counted) -> Vec<Reason> {
    counted.row.state = CountState::NeedsApproval;
    let reason = report::about(posting.draft, Code::CountNeedsApproval, counted.key)
        .quantity("difference", counted.row.difference);
    let before_complete = counted.row.case.and_then(|id| {
        let case = posting.draft.row::<Cases>(&id)?;
        let first = case.reasons.first()?;
        (first.code == Code::BeforeCompleteCount).then(|| first.clone())
    });
    let mut reasons: Vec<_> = before_complete.into_iter().collect();
    reasons.push(reason.clone());
    reasons.push(report::variance(posting.draft, counted.key, &counted.row));
    let draft = CaseDraft {
        reasons,
        stock: Some(counted.key),
        choices: vec![Choice::Accept, Choice::Recount, Choice::Dismiss],
        parked: false,
        others: Vec::new(),
    };
    counted.row.case = Some(report::open_case(posting, counted, draft));
    let twice = posting
        .draft
        .row::<Items>(&counted.key.item)
        .and_then(|item| item.second_count_from)
        .is_some_and(|from| counted.row.difference.abs() >= from);
    if twice {
        let task = report::ask(posting, counted, TaskKind::Recount, &Code::CountNeedsApproval);
        counted.row.task = Some(task);
    }
    vec![reason]
}

fn ambiguous(tables: &impl Tables, counted: &Counted, readings: &Readings, code: Code) -> Reason {
    report::about(tables, code, counted.key)
        .quantity("low", readings.low)
        .quantity("high", readings.high)
}

/// Somebody counts again; the case shows both readings and may be decided without.
fn ask_recount(
    posting: &mut Posting<'_, '_>,
    counted: &mut Counted,
    (readings, code): (&Readings, Code),
) -> Vec<Reason> {
    counted.row.state = CountState::Recount;
    let reason = ambiguous(posting.draft, counted, readings, code.clone());
    let mut choices = vec![Choice::Accept, Choice::Recount, Choice::Dismiss];
    if !readings.movements.is_empty() {
        choices.extend([Choice::Before, Choice::After]);
    }
    let others =
        readings.movements.iter().map(|(order, _row)| order.operation()).collect::<Vec<_>>();
    let draft = CaseDraft {
        reasons: vec![reason.clone(), report::variance(posting.draft, counted.key, &counted.row)],
        stock: Some(counted.key),
        choices,
        parked: false,
        others,
    };
    counted.row.case = Some(report::open_case(posting, counted, draft));
    counted.row.task = Some(report::ask(posting, counted, TaskKind::Recount, &code));
    vec![reason]
}

/// Two people contradict each other: a third one counts, and both counts wait for that.
fn ask_third_person(
    posting: &mut Posting<'_, '_>,
    counted: &mut Counted,
    mut partner: Counted,
) -> Vec<Reason> {
    counted.row.state = CountState::Recount;
    let conflict = |tables: &crate::draft::Draft<'_>, one: &Counted, other: &Counted| {
        report::about(tables, Code::CountConflict, one.key)
            .quantity("counted", one.row.quantity)
            .quantity("other", other.row.quantity)
    };
    let reason = conflict(posting.draft, counted, &partner);
    let open_case = partner.row.case.filter(|id| {
        posting.draft.row::<Cases>(id).is_some_and(|case| case.state == CaseState::Open)
    });
    counted.row.case = counted.row.case.or(open_case);
    if counted.row.case.is_none() || counted.row.case != open_case {
        let draft = CaseDraft {
            reasons: vec![
                reason.clone(),
                report::variance(posting.draft, counted.key, &counted.row),
            ],
            stock: Some(counted.key),
            choices: vec![Choice::Accept, Choice::Recount, Choice::Dismiss],
            parked: false,
            others: vec![partner.row.operation],
        };
        counted.row.case = Some(report::open_case(posting, counted, draft));
    }
    let task = report::ask(posting, counted, TaskKind::Recount, &Code::CountConflict);
    counted.row.task = Some(task);
    let written = posting.draft.has::<Counts>(&(partner.key, partner.order));
    // A whole-bin count that says nothing of the key but that none lay there contradicts as well.
    if !written || partner.row.state == CountState::Settled {
        partner.row.state = CountState::Recount;
        partner.row.case = counted.row.case;
        partner.row.task = Some(task);
        let told = conflict(posting.draft, &partner, counted);
        timeline::save(posting, partner.clone());
        report::judged(posting, &partner, vec![told]);
    }
    vec![reason]
}

/// A count that was asked for because of another one stands instead of it, and ends the cases whose
/// questions it has answered.
pub(crate) fn supersede(
    posting: &mut Posting<'_, '_>,
    by: OrderKey,
    answered: &[Answered],
    keys: &[StockKey],
) {
    for key in keys {
        let mut at = by;
        while let Some(mut earlier) = timeline::count_before(posting.draft, *key, at) {
            at = earlier.order;
            let of_task = |task| answered.iter().find(|answered| answered.task == task);
            let Some(answer) = earlier.row.task.and_then(of_task) else { break };
            if earlier.row.superseded {
                break;
            }
            if !answer.answers(earlier.row.case) {
                continue;
            }
            earlier.row.superseded = true;
            if earlier.row.state == CountState::Recount {
                earlier.row.state = CountState::Settled;
            }
            if let Some(id) = earlier.row.case {
                case::resolve(posting, id);
            }
            let told = report::about(posting.draft, Code::CountSuperseded, *key);
            timeline::save(posting, earlier.clone());
            report::judged(posting, &earlier, vec![told]);
        }
    }
    for case in answered.iter().flat_map(|answered| &answered.ended) {
        case::resolve(posting, *case);
    }
}
