//! From evidence to an interval: the intersection of SYNC 4.1, and what is done when it is empty.

use ledger::schema::book::{Bound, Timing};
use protocol::evidence::ClockSample;
use protocol::identity::ServerTime;

use crate::schema::BootClock;

/// Microseconds of distance on which a clock may drift by one microsecond: 50 ppm (SYNC 2.8).
const DRIFT_ONE_IN: u64 = 20_000;

/// An instant of a boot whose server time is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Monotonic microseconds.
    pub mono_us: u64,
    /// The operator had seen a decision of this instant.
    pub seen: Option<ServerTime>,
    /// It had arrived by then.
    pub received: ServerTime,
    /// The device was enrolled then.
    pub not_before: ServerTime,
}

/// What the boots after this one say about it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Neighbours {
    /// The boot had ended by then.
    pub latest_end: Option<ServerTime>,
}

/// A bound of the offset at one instant of the boot, and what gave it.
type Limit = (i64, Bound);
type Side = Option<Limit>;

/// What is left of the offset.
struct Interval {
    low: Limit,
    high: Limit,
    /// Something but the arrival bounds it from above, and something from below.
    is_bracketed: bool,
}

/// Which evidence is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// All of it.
    Everything,
    /// All but the samples of this boot: they contradict the rest.
    NoSamples,
    /// Causality and receipt of the operation itself: they cannot contradict each other.
    ItselfOnly,
}

/// The width of what one sample allows, in microseconds.
pub(crate) fn width(sample: &ClockSample) -> i64 {
    highest(sample).saturating_sub(lowest(sample))
}

/// No offset is lower: the answer left the server before the device had it.
fn lowest(sample: &ClockSample) -> i64 {
    sample.server_sent.saturating_sub_unsigned(sample.received_us)
}

/// No offset is higher: the question reached the server after the device sent it.
fn highest(sample: &ClockSample) -> i64 {
    sample.server_received.saturating_sub_unsigned(sample.sent_us)
}

/// How far a clock may have drifted between two of its instants.
fn drift(from_us: u64, to_us: u64) -> u64 {
    from_us.abs_diff(to_us).div_ceil(DRIFT_ONE_IN)
}

fn raise(side: &mut Side, value: i64, by: Bound) {
    if side.is_none_or(|(known, _by)| known < value) {
        *side = Some((value, by));
    }
}

fn lower(side: &mut Side, value: i64, by: Bound) {
    if side.is_none_or(|(known, _by)| known > value) {
        *side = Some((value, by));
    }
}

/// The lower bound at `mono_us`, from everything that is kept of the boot.
fn lower_bound(clock: &BootClock, mono_us: u64, trust: Trust) -> Side {
    let mut bound = None;
    if trust == Trust::Everything {
        for sample in &clock.samples {
            let widened = drift(sample.received_us, mono_us);
            raise(&mut bound, lowest(sample).saturating_sub_unsigned(widened), Bound::Sample);
        }
    }
    if trust != Trust::ItselfOnly {
        if let Some(seen) = clock.seen {
            let after = seen.offset().saturating_add(1);
            let widened = drift(seen.mono_us, mono_us);
            raise(&mut bound, after.saturating_sub_unsigned(widened), Bound::Causality);
        }
        if let Some(start) = clock.not_before {
            raise(&mut bound, start.0.saturating_sub_unsigned(drift(0, mono_us)), Bound::BootOrder);
        }
    }
    bound
}

/// The upper bound at `mono_us` from samples and from the boots after this one. Receipt apart:
/// where nothing else bounds a boot from above, it is not bracketed.
fn upper_bound(clock: &BootClock, mono_us: u64, neighbours: Neighbours, trust: Trust) -> Side {
    let mut bound = None;
    if trust == Trust::Everything {
        for sample in &clock.samples {
            let widened = drift(sample.sent_us, mono_us);
            lower(&mut bound, highest(sample).saturating_add_unsigned(widened), Bound::Sample);
        }
    }
    if trust != Trust::ItselfOnly
        && let Some(end) = neighbours.latest_end
    {
        let last = clock.last_us;
        let value = end.0.saturating_sub_unsigned(last);
        lower(&mut bound, value.saturating_add_unsigned(drift(last, mono_us)), Bound::BootOrder);
    }
    bound
}

/// The interval of the offset at a moment, or none where the evidence contradicts itself.
fn interval(
    clock: &BootClock,
    moment: &Moment,
    neighbours: Neighbours,
    trust: Trust,
) -> Option<Interval> {
    let mut low = lower_bound(clock, moment.mono_us, trust);
    if let Some(seen) = moment.seen {
        let after = seen.0.saturating_sub_unsigned(moment.mono_us).saturating_add(1);
        raise(&mut low, after, Bound::Causality);
    }
    let mut high = upper_bound(clock, moment.mono_us, neighbours, trust);
    let bracketed = high.is_some();
    let by_receipt = moment.received.0.saturating_sub_unsigned(moment.mono_us);
    lower(&mut high, by_receipt, Bound::Receipt);
    if trust != Trust::ItselfOnly
        && let Some(received) = clock.received
    {
        let widened = drift(received.mono_us, moment.mono_us);
        lower(&mut high, received.offset().saturating_add_unsigned(widened), Bound::Receipt);
    }
    let high = high?;
    // Only a device that was never heard and had seen nothing has no lower bound at all.
    let enrolled = moment.not_before.0.saturating_sub_unsigned(moment.mono_us).min(high.0);
    let bracketed = bracketed && low.is_some();
    let low = low.unwrap_or((enrolled, Bound::None));
    (low.0 <= high.0).then_some(Interval { low, high, is_bracketed: bracketed })
}

/// When a moment of a boot was, as far as the evidence goes.
pub fn timing(clock: &BootClock, moment: &Moment, neighbours: Neighbours) -> Timing {
    let (trust, found) = [Trust::Everything, Trust::NoSamples, Trust::ItselfOnly]
        .into_iter()
        .find_map(|trust| Some((trust, interval(clock, moment, neighbours, trust)?)))
        .unwrap_or_else(|| (Trust::ItselfOnly, at_receipt(moment)));
    let Interval { low: (low, lower), high: (high, upper), is_bracketed } = found;
    let dropped =
        trust == Trust::ItselfOnly || (trust == Trust::NoSamples && !clock.samples.is_empty());
    Timing {
        tau: ServerTime(low.midpoint(high).saturating_add_unsigned(moment.mono_us)),
        epsilon_us: high.abs_diff(low).div_ceil(2),
        uncertain: dropped || !is_bracketed,
        lower,
        upper,
    }
}

/// The last resort: a device that claims to have seen what was decided after its arrival.
fn at_receipt(moment: &Moment) -> Interval {
    let side = (moment.received.0.saturating_sub_unsigned(moment.mono_us), Bound::Receipt);
    Interval { low: side, high: side, is_bracketed: false }
}

/// The earliest instant at which the last thing of a boot can have happened.
pub(crate) fn earliest_end(clock: &BootClock) -> Option<ServerTime> {
    let trust = trusted(clock, Neighbours::default());
    let (offset, _by) = lower_bound(clock, clock.last_us, trust)?;
    Some(ServerTime(offset.saturating_add_unsigned(clock.last_us)))
}

/// The latest instant at which a boot can have started.
pub(crate) fn latest_start(clock: &BootClock, neighbours: Neighbours) -> Option<ServerTime> {
    let trust = trusted(clock, neighbours);
    let bound = upper_bound(clock, 0, neighbours, trust).map(|(offset, _by)| ServerTime(offset));
    let received = clock.received.map(|received| {
        let widened = drift(received.mono_us, 0);
        ServerTime(received.offset().saturating_add_unsigned(widened))
    });
    match (bound, received) {
        (Some(bound), Some(received)) => Some(bound.min(received)),
        (bound, received) => bound.or(received),
    }
}

/// The earliest server time of `mono_us` by samples alone.
pub(crate) fn earliest_by_samples(clock: &BootClock, mono_us: u64) -> Option<ServerTime> {
    let low = clock
        .samples
        .iter()
        .map(|sample| lowest(sample).saturating_sub_unsigned(drift(sample.received_us, mono_us)));
    low.max().map(|offset| ServerTime(offset.saturating_add_unsigned(mono_us)))
}

/// Whether the samples of a boot agree with the rest that is kept of it.
fn trusted(clock: &BootClock, neighbours: Neighbours) -> Trust {
    let low = lower_bound(clock, clock.last_us, Trust::Everything);
    let mut high = upper_bound(clock, clock.last_us, neighbours, Trust::Everything);
    if let Some(received) = clock.received {
        let widened = drift(received.mono_us, clock.last_us);
        lower(&mut high, received.offset().saturating_add_unsigned(widened), Bound::Receipt);
    }
    match (low, high) {
        (Some((low, _)), Some((high, _))) if low > high => Trust::NoSamples,
        (_low, _high) => Trust::Everything,
    }
}
