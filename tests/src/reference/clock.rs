//! Where an order key comes from: the interval of a boot's clock offset, and the place of an act.
//!
//! For each boot `server time = offset + mono`. Every piece of evidence is one bound on the offset,
//! good at one instant of the boot's own clock and weaker the further away it is used, because the
//! clock may run fast or slow. The interval at an act is the tightest pair of all bounds there.
//!
//! What the model decides where the rules leave room:
//! 1. Receipt always narrows the interval, because a place on the time line must not lie after the
//!    receipt; an act is *uncertain* only if no other upper bound exists. [`Placed::upper`] still
//!    says which bound was the tightest.
//! 2. A bound handed over from a neighbouring boot is receipt's if it was receipt's there.
//! 3. The half width counts from the place that was given: an act that was pushed up to stay behind
//!    its predecessor has a wider [`Placed::epsilon_us`], so that the interval still covers the act.
//!    [`Placed::half_width_us`] is the plain half width.
//! 4. Without any lower bound the interval begins at the enrolment of the device, and the act is
//!    uncertain: half a bracket is none.
//! 5. An interval that stays empty after the samples were dropped becomes its upper end.

use std::collections::BTreeSet;

/// One clock exchange: the device sends at `t1`, the server receives at `t2` and answers at `t3`,
/// the device hears at `t4`. `t1` and `t4` are monotonic since boot; all in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Sent, by the device's monotonic clock.
    pub t1_mono_us: i64,
    /// Received, server time.
    pub t2_us: i64,
    /// Answered, server time.
    pub t3_us: i64,
    /// Heard, by the device's monotonic clock.
    pub t4_mono_us: i64,
}

/// What one act says about the clock of its boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Act {
    /// When it was recorded, monotonic since boot.
    pub mono_us: i64,
    /// Server time of the newest decision the device had received then.
    pub cursor_us: Option<i64>,
    /// Server time at which it arrived.
    pub receipt_us: Option<i64>,
}

/// The evidence of one boot, as known at some moment. Boots stand in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Boot {
    /// Clock exchanges.
    pub samples: Vec<Sample>,
    /// Acts, placed earlier or to be placed now.
    pub acts: Vec<Act>,
}

impl Boot {
    /// The last event the boot is known to have lived through, monotonic since its start.
    fn last_mono_us(&self) -> i64 {
        let samples = self.samples.iter().map(|sample| sample.t4_mono_us);
        self.acts.iter().map(|act| act.mono_us).chain(samples).max().unwrap_or(0)
    }
}

/// How much a bound weakens per microsecond of distance, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drift {
    /// For clock samples.
    pub samples_ppm: i64,
    /// For causality, boot order and receipt.
    pub others_ppm: i64,
}

impl Drift {
    /// To the letter: clock samples widen, nothing else does.
    pub const SAMPLES_ONLY: Self = Self { samples_ppm: 50, others_ppm: 0 };
    /// All evidence widens: what a clock that drifts asks for.
    pub const ALL: Self = Self { samples_ppm: 50, others_ppm: 50 };
    /// A perfect quartz, for examples on paper.
    pub const NONE: Self = Self { samples_ppm: 0, others_ppm: 0 };
}

/// What a bound rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ground {
    /// A clock sample of the boot.
    Sample,
    /// The act came after what its device had seen.
    Causality,
    /// The neighbouring boot, itself held by something better than receipt.
    BootOrder,
    /// The act came before it arrived.
    Receipt,
    /// There is no such bound.
    Nothing,
}

#[derive(Debug, Clone, Copy)]
struct Bound {
    mono_us: i64,
    offset_us: i64,
    ground: Ground,
}

/// The bounds of one boot, handed-over ones included.
#[derive(Debug, Clone, Default)]
struct Bounds {
    lower: Vec<Bound>,
    upper: Vec<Bound>,
}

/// An act of one boot that wants a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Index of the boot.
    pub boot: usize,
    /// When it was recorded, monotonic since boot.
    pub mono_us: i64,
    /// The place of the act before it in the same boot, if that has one already. Acts wanted
    /// together are pushed behind each other without being told.
    pub floor_us: Option<i64>,
    /// The device was enrolled then: used only where no evidence gives a lower bound.
    pub not_before_us: Option<i64>,
}

/// The place of an act, with the reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Least possible offset there.
    pub offset_low_us: i64,
    /// Greatest possible offset there.
    pub offset_high_us: i64,
    /// The order key, server time.
    pub tau_us: i64,
    /// Half the interval, rounded up.
    pub half_width_us: i64,
    /// How far the act can lie from `tau_us`: the half width, and more if it was pushed up.
    pub epsilon_us: i64,
    /// The tightest lower bound.
    pub lower: Ground,
    /// The tightest upper bound.
    pub upper: Ground,
    /// The samples of the boot contradict other evidence and were dropped.
    pub samples_dropped: bool,
    /// The place depends on when the act arrived.
    pub uncertain: bool,
}

/// Places `wanted` acts of one device (one incarnation), given the evidence of all its boots.
///
/// `wanted` stands in the order of recording. The receipt of each wanted act must be among the
/// evidence, so that an upper bound always exists.
pub fn place(boots: &[Boot], drift: Drift, wanted: &[Wanted]) -> Vec<Placed> {
    let (bounds, dropped) = consistent_bounds(boots, drift, wanted);
    let mut placed: Vec<Placed> = Vec::with_capacity(wanted.len());
    for (index, act) in wanted.iter().enumerate() {
        let previous = index.checked_sub(1).filter(|at| wanted[*at].boot == act.boot);
        let floor_us = previous.map(|at| placed[at].tau_us).max(act.floor_us);
        let lost = dropped.contains(&act.boot);
        placed.push(place_one(&bounds[act.boot], drift, &Wanted { floor_us, ..*act }, lost));
    }
    placed
}

fn place_one(bounds: &Bounds, drift: Drift, wanted: &Wanted, samples_dropped: bool) -> Placed {
    let mono_us = wanted.mono_us;
    let (high, upper) = tightest_upper(&bounds.upper, drift, mono_us, |_| true);
    assert!(upper != Ground::Nothing, "an act that arrived has a receipt");
    let (_, bracket) =
        tightest_upper(&bounds.upper, drift, mono_us, |ground| ground != Ground::Receipt);
    let (low, lower) = tightest_lower(&bounds.lower, drift, mono_us);
    let enrolled = wanted.not_before_us.map_or(high, |enrolled_us| enrolled_us - mono_us);
    let low = if lower == Ground::Nothing { enrolled } else { low }.min(high);
    let half_width_us = (high - low + 1).div_euclid(2);
    let middle_us = mono_us + (low + high).div_euclid(2);
    let tau_us = wanted.floor_us.map_or(middle_us, |floor| middle_us.max(floor + 1));
    Placed {
        offset_low_us: low,
        offset_high_us: high,
        tau_us,
        half_width_us,
        epsilon_us: half_width_us + (tau_us - middle_us),
        lower,
        upper,
        samples_dropped,
        uncertain: samples_dropped || bracket == Ground::Nothing || lower == Ground::Nothing,
    }
}

/// Collects all bounds; drops the samples of boots whose interval is empty until none is.
fn consistent_bounds(
    boots: &[Boot],
    drift: Drift,
    wanted: &[Wanted],
) -> (Vec<Bounds>, BTreeSet<usize>) {
    let mut dropped = BTreeSet::new();
    loop {
        let own: Vec<Bounds> = boots
            .iter()
            .enumerate()
            .map(|(index, boot)| own_bounds(boot, !dropped.contains(&index)))
            .collect();
        // A boot that contradicts itself is to blame before its neighbours are.
        let alone = empty_boot(boots, &own, drift, wanted);
        let bounds = hand_over(boots, own, drift);
        let Some(empty) = alone.or_else(|| empty_boot(boots, &bounds, drift, wanted)) else {
            return (bounds, dropped);
        };
        let sampled = |index: &usize| !dropped.contains(index) && !boots[*index].samples.is_empty();
        let culprits: Vec<usize> = if sampled(&empty) {
            vec![empty]
        } else {
            let earlier = (0..empty).rev().find(sampled);
            let later = (empty + 1..boots.len()).find(sampled);
            earlier.into_iter().chain(later).collect()
        };
        if culprits.is_empty() {
            return (bounds, dropped);
        }
        dropped.extend(culprits);
    }
}

fn own_bounds(boot: &Boot, with_samples: bool) -> Bounds {
    let mut bounds = Bounds::default();
    for sample in boot.samples.iter().filter(|_| with_samples) {
        // T3 - T4 is good at T4, T2 - T1 at T1: each at its own instant.
        bounds.lower.push(Bound {
            mono_us: sample.t4_mono_us,
            offset_us: sample.t3_us - sample.t4_mono_us,
            ground: Ground::Sample,
        });
        bounds.upper.push(Bound {
            mono_us: sample.t1_mono_us,
            offset_us: sample.t2_us - sample.t1_mono_us,
            ground: Ground::Sample,
        });
    }
    for act in &boot.acts {
        let mono_us = act.mono_us;
        // Strictly after what it had seen; not after its receipt.
        bounds.lower.extend(act.cursor_us.map(|seen_us| Bound {
            mono_us,
            offset_us: seen_us + 1 - mono_us,
            ground: Ground::Causality,
        }));
        bounds.upper.extend(act.receipt_us.map(|receipt_us| Bound {
            mono_us,
            offset_us: receipt_us - mono_us,
            ground: Ground::Receipt,
        }));
    }
    bounds
}

/// Boots do not overlap: each one starts after the last event of the one before.
fn hand_over(boots: &[Boot], own: Vec<Bounds>, drift: Drift) -> Vec<Bounds> {
    let mut bounds = own;
    for index in 1..boots.len() {
        let last_us = boots[index - 1].last_mono_us();
        let (low, ground) = tightest_lower(&bounds[index - 1].lower, drift, last_us);
        if ground != Ground::Nothing {
            let offset_us = low + last_us;
            bounds[index].lower.push(Bound { mono_us: 0, offset_us, ground: Ground::BootOrder });
        }
    }
    for index in (1..boots.len()).rev() {
        let last_us = boots[index - 1].last_mono_us();
        // Receipt and better grounds are handed over apart, so that a bracket stays one.
        for by_receipt in [false, true] {
            let wanted = |ground: Ground| (ground == Ground::Receipt) == by_receipt;
            let (high, found) = tightest_upper(&bounds[index].upper, drift, 0, wanted);
            if found != Ground::Nothing {
                let ground = if by_receipt { Ground::Receipt } else { Ground::BootOrder };
                let offset_us = high - last_us;
                bounds[index - 1].upper.push(Bound { mono_us: last_us, offset_us, ground });
            }
        }
    }
    bounds
}

/// The first boot that has an empty interval at its start, at its last event or at a wanted act.
fn empty_boot(boots: &[Boot], bounds: &[Bounds], drift: Drift, wanted: &[Wanted]) -> Option<usize> {
    (0..boots.len()).find(|index| {
        let ends = [0, boots[*index].last_mono_us()];
        let acts = wanted.iter().filter(|act| act.boot == *index).map(|act| act.mono_us);
        ends.into_iter().chain(acts).any(|mono_us| {
            let (low, lower) = tightest_lower(&bounds[*index].lower, drift, mono_us);
            let (high, upper) = tightest_upper(&bounds[*index].upper, drift, mono_us, |_| true);
            lower != Ground::Nothing && upper != Ground::Nothing && low > high
        })
    })
}

fn tightest_lower(bounds: &[Bound], drift: Drift, mono_us: i64) -> (i64, Ground) {
    bounds
        .iter()
        .map(|bound| (bound.offset_us - slack(bound, drift, mono_us), bound.ground))
        .max_by_key(|(offset_us, ground)| (*offset_us, std::cmp::Reverse(*ground)))
        .unwrap_or((i64::MIN, Ground::Nothing))
}

fn tightest_upper(
    bounds: &[Bound],
    drift: Drift,
    mono_us: i64,
    admit: impl Fn(Ground) -> bool,
) -> (i64, Ground) {
    bounds
        .iter()
        .filter(|bound| admit(bound.ground))
        .map(|bound| (bound.offset_us + slack(bound, drift, mono_us), bound.ground))
        .min()
        .unwrap_or((i64::MAX, Ground::Nothing))
}

/// How much a bound has weakened at `mono_us`, rounded up.
fn slack(bound: &Bound, drift: Drift, mono_us: i64) -> i64 {
    let ppm = match bound.ground {
        Ground::Sample => drift.samples_ppm,
        Ground::Causality | Ground::BootOrder | Ground::Receipt | Ground::Nothing => {
            drift.others_ppm
        }
    };
    let distance = bound.mono_us.abs_diff(mono_us);
    let widened = u128::from(distance) * u128::from(ppm.unsigned_abs());
    i64::try_from(widened.div_ceil(1_000_000)).expect("a boot is shorter than ten thousand years")
}
