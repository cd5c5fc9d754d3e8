//! The worked examples of SYNC 4.5 that are about time alone, and the rules behind them.

use ledger::draft::Draft;
use ledger::memory::MemoryTables;
use ledger::schema::book::{Bound, Timing};
use proptest::prelude::*;
use protocol::evidence::{BootEvidence, ClockSample};
use protocol::identity::{Boot, DeviceId, Incarnation, ServerTime};

use super::{Boots, OperationEvidence};

const STREAM: (DeviceId, Incarnation) = (DeviceId(17), Incarnation(1));
const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;

/// `hour:minute` of one day, in server time.
const fn at(hour: i64, minute: i64) -> ServerTime {
    ServerTime((hour * 60 + minute) * MINUTE + 1_700_000_000 * SECOND)
}

fn mono(minutes: i64) -> u64 {
    u64::try_from(minutes * MINUTE).unwrap()
}

/// A sample taken `minutes` after a boot at `booted`, whose link took `width_us` there and back.
fn sample(booted: ServerTime, minutes: i64, width_us: i64) -> ClockSample {
    let there = width_us / 2;
    let asked = minutes * MINUTE - there;
    let answered = booted.0 + minutes * MINUTE;
    ClockSample {
        sent_us: u64::try_from(asked).unwrap(),
        server_received: answered,
        server_sent: answered,
        received_us: u64::try_from(asked + width_us).unwrap(),
    }
}

fn evidence(boot: u32, last: i64, samples: Vec<ClockSample>) -> BootEvidence {
    BootEvidence { boot: Boot(boot), last_us: mono(last), samples, wall_at_start: None }
}

fn operation(boot: u32, minutes: i64, seen: Option<ServerTime>) -> OperationEvidence {
    OperationEvidence { boot: Boot(boot), mono_us: mono(minutes), seen }
}

/// Everything arrives at once, at `received`.
fn arrive(
    evidence: &[BootEvidence],
    operations: &[OperationEvidence],
    received: ServerTime,
) -> Vec<Timing> {
    let mut boots = Boots::load(&MemoryTables::new(), STREAM, Boot(0), at(0, 0));
    arrive_in(&mut boots, evidence, operations, received)
}

fn arrive_in(
    boots: &mut Boots,
    evidence: &[BootEvidence],
    operations: &[OperationEvidence],
    received: ServerTime,
) -> Vec<Timing> {
    for evidence in evidence {
        boots.learn(evidence, received);
    }
    for operation in operations {
        boots.learn_operation(*operation, received);
    }
    boots.settle();
    operations.iter().map(|operation| boots.timing(*operation, received)).collect()
}

fn assert_near(timing: &Timing, tau: ServerTime, epsilon_us: i64, slack_us: i64) {
    let off = timing.tau.us_since(tau).abs();
    assert!(off <= slack_us, "tau is {off} us off: {timing:?}");
    let wide = i64::try_from(timing.epsilon_us).unwrap();
    assert!((wide - epsilon_us).abs() <= slack_us, "{timing:?}");
}

#[test]
fn e4_a_wrong_wall_clock_is_irrelevant() {
    // C's wall clock is 20 minutes fast: it showed 09:40 for a pick 80 minutes after its boot at
    // 08:00. The sample, 0.8 s there and back, gives the offset.
    let booted = at(8, 0);
    let told = BootEvidence {
        wall_at_start: Some(at(8, 20).0),
        ..evidence(1, 239, vec![sample(booted, 239, 800_000)])
    };
    let timing = arrive(&[told], &[operation(1, 80, None)], at(12, 0));
    // 159 minutes from the sample, the clock may have drifted by 0.48 s.
    assert_near(&timing[0], at(9, 20), 880_000, 10_000);
    assert!(!timing[0].uncertain);
    assert_eq!((timing[0].lower, timing[0].upper), (Bound::Sample, Bound::Sample));
}

#[test]
fn e5_causality_and_the_order_of_boots_beat_the_clock() {
    // Boot 1 had its last contact at 09:32. Boot 2 is never sampled: a pick three minutes into it.
    // Boot 3 starts at 09:41 and connects.
    let told = [
        evidence(1, 92, vec![sample(at(8, 0), 92, 200)]),
        evidence(2, 3, Vec::new()),
        evidence(3, 1, vec![sample(at(9, 41), 1, 200)]),
    ];
    let pick = operation(2, 3, Some(at(9, 32)));
    let timing = arrive(&told, &[pick], at(9, 43));
    assert_near(&timing[0], at(9, 38), 3 * MINUTE, SECOND / 10);
    assert!(!timing[0].uncertain, "it is bracketed");
    assert_eq!((timing[0].lower, timing[0].upper), (Bound::BootOrder, Bound::BootOrder));
}

#[test]
fn e5_causality_alone_would_allow_three_minutes_more() {
    let told = [evidence(2, 3, Vec::new()), evidence(3, 1, vec![sample(at(9, 41), 1, 200)])];
    let pick = operation(2, 3, Some(at(9, 32)));
    let timing = arrive(&told, &[pick], at(9, 43));
    // The boot lies between 09:29 and 09:38.
    assert_near(&timing[0], at(9, 36).plus_us(30 * SECOND), 4 * MINUTE + 30 * SECOND, SECOND / 10);
    assert!(timing[0].tau > at(9, 32), "nobody acts on what has not happened");
    assert_eq!(timing[0].lower, Bound::Causality);
}

#[test]
fn e10_one_bad_boot_spoils_nothing() {
    let width = 12 * SECOND; // ± 0.1 minutes
    let told = [
        evidence(1, 60, vec![sample(at(8, 0), 1, width)]),
        evidence(2, 12, Vec::new()),
        evidence(3, 430, vec![sample(at(9, 50), 430, width)]),
    ];
    let picks = [
        operation(1, 60, None),
        operation(2, 12, None),
        operation(3, 10, None),
        operation(3, 70, None),
    ];
    let timing = arrive(&told, &picks, at(17, 0));
    let slack = 8 * SECOND;
    assert_near(&timing[0], at(9, 0), 6 * SECOND, slack);
    assert_near(&timing[1], at(9, 31), 19 * MINUTE, slack);
    assert_near(&timing[2], at(10, 0), 6 * SECOND, slack);
    assert_near(&timing[3], at(11, 0), 6 * SECOND, slack);
    assert!(timing.iter().all(|timing| !timing.uncertain), "each boot is bracketed");
}

#[test]
fn a_boot_that_only_its_arrival_bounds_is_uncertain() {
    let seen = Some(at(9, 0));
    let timing = arrive(&[evidence(1, 30, Vec::new())], &[operation(1, 30, seen)], at(11, 0));
    assert!(timing[0].uncertain);
    assert_eq!((timing[0].lower, timing[0].upper), (Bound::Causality, Bound::Receipt));
    assert_near(&timing[0], at(10, 0), 60 * MINUTE, SECOND);
}

#[test]
fn a_device_that_has_seen_nothing_is_not_older_than_its_enrolment() {
    let timing = arrive(&[], &[operation(1, 30, None)], at(11, 0));
    assert!(timing[0].uncertain);
    assert_eq!(timing[0].lower, Bound::None);
    assert!(timing[0].tau > at(0, 0) && timing[0].tau < at(11, 0));
}

#[test]
fn an_online_scan_is_certain_although_it_arrives_at_once() {
    // The sample is wider than the way of the operation: receipt is the tighter bound, and still
    // the boot is bracketed.
    let booted = at(8, 0);
    let told = evidence(1, 10, vec![sample(booted, 10, 400_000)]);
    let received = booted.plus_us(10 * MINUTE + 20_000);
    let timing = arrive(&[told], &[operation(1, 10, None)], received);
    assert!(!timing[0].uncertain, "{:?}", timing[0]);
    assert!(timing[0].tau <= received);
}

#[test]
fn samples_that_contradict_causality_are_dropped_and_the_operation_is_marked() {
    // The sample says that the boot began at 08:00; but the operator had seen a decision of 10:00
    // one hour into it.
    let told = evidence(1, 60, vec![sample(at(8, 0), 30, 200_000)]);
    let timing = arrive(&[told], &[operation(1, 60, Some(at(10, 0)))], at(10, 30));
    assert!(timing[0].uncertain);
    assert_eq!((timing[0].lower, timing[0].upper), (Bound::Causality, Bound::Receipt));
    assert!(timing[0].tau > at(10, 0) && timing[0].tau <= at(10, 30));
}

#[test]
fn samples_of_the_future_are_worthless() {
    let told = evidence(1, 60, vec![sample(at(14, 0), 30, 200_000)]);
    let timing = arrive(&[told], &[operation(1, 60, None)], at(10, 30));
    assert!(timing[0].uncertain, "no usable sample is left");
}

#[test]
fn a_device_that_claims_to_have_seen_the_future_is_placed_at_its_receipt() {
    let timing = arrive(&[], &[operation(1, 60, Some(at(12, 0)))], at(10, 0));
    assert_eq!((timing[0].tau, timing[0].epsilon_us), (at(10, 0), 0));
    assert!(timing[0].uncertain);
}

#[test]
fn tau_rises_within_a_boot_although_the_interval_narrows() {
    // The first push knows a poor sample that lies to the right; the second push a good one.
    let booted = at(8, 0);
    let mut boots = Boots::load(&MemoryTables::new(), STREAM, Boot(0), at(0, 0));
    let poor = ClockSample {
        sent_us: mono(10),
        server_received: (booted.0 + 10 * MINUTE) + 20 * SECOND,
        server_sent: (booted.0 + 10 * MINUTE) + 20 * SECOND,
        received_us: mono(10) + 20_000_000,
    };
    let first = arrive_in(
        &mut boots,
        &[evidence(1, 10, vec![poor])],
        &[operation(1, 5, None)],
        booted.plus_us(11 * MINUTE),
    );
    let next = OperationEvidence { mono_us: mono(5) + 1_000, ..operation(1, 5, None) };
    let good = evidence(1, 12, vec![sample(booted, 12, 1_000)]);
    let second = arrive_in(&mut boots, &[good], &[next], booted.plus_us(13 * MINUTE));
    assert!(first[0].tau > at(8, 5).plus_us(9 * SECOND), "the poor sample pulls it to the right");
    assert_eq!(second[0].tau, first[0].tau.plus_us(1), "and never before the one before it");
    let later = arrive_in(&mut boots, &[], &[operation(1, 6, None)], booted.plus_us(14 * MINUTE));
    assert_near(&later[0], at(8, 6), 9_000, 10_000);
}

#[test]
fn what_is_kept_survives_being_written_down() {
    let booted = at(8, 0);
    let told = [
        evidence(1, 60, vec![sample(booted, 20, 1_000)]),
        evidence(2, 12, Vec::new()),
        evidence(3, 30, vec![sample(at(9, 50), 10, 1_000)]),
    ];
    let mut tables = MemoryTables::new();
    let mut boots = Boots::load(&tables, STREAM, Boot(1), at(0, 0));
    arrive_in(&mut boots, &told, &[operation(1, 60, None)], at(10, 30));
    let mut draft = Draft::over(&tables);
    boots.write(&mut draft);
    let changes = draft.finish();
    tables.apply(changes);
    // A later arrival names boot 2 only; its neighbours are found in the tables.
    let mut boots = Boots::load(&tables, STREAM, Boot(2), at(0, 0));
    let timing = arrive_in(&mut boots, &[], &[operation(2, 12, None)], at(11, 0));
    assert_near(&timing[0], at(9, 31), 19 * MINUTE, SECOND);
    assert!(!timing[0].uncertain);
}

#[test]
fn only_the_first_the_last_and_the_best_samples_are_kept() {
    let booted = at(8, 0);
    let samples: Vec<ClockSample> =
        (1..=30).map(|minute| sample(booted, minute, (1_000 * minute) % 7_000 + 500)).collect();
    let mut boots = Boots::load(&MemoryTables::new(), STREAM, Boot(0), at(0, 0));
    boots.learn(&evidence(1, 30, samples.clone()), at(9, 0));
    let kept = &boots.boots.get(&Boot(1)).unwrap().samples;
    assert_eq!(kept.len(), 10);
    assert!(kept.contains(samples.first().unwrap()) && kept.contains(samples.last().unwrap()));
    let narrowest = samples.iter().min_by_key(|sample| super::estimate::width(sample)).unwrap();
    assert!(kept.contains(narrowest));
}

proptest! {
    /// A true device: its clock drifts less than 50 ppm, its samples are honest. Whatever arrives in
    /// whatever pieces, the true instant lies within the interval, and τ rises.
    #[test]
    fn the_true_instant_lies_within_the_interval(
        drift_ppm in -45_i64..45,
        sampled in prop::collection::vec((0_i64..480, 1_000_i64..2_000_000), 1..5),
        acts in prop::collection::vec(0_i64..480, 1..20),
        cut in 0_usize..20,
    ) {
        let booted = at(8, 0);
        let clock = |true_us: i64| u64::try_from(true_us + true_us * drift_ppm / 1_000_000).unwrap();
        let samples: Vec<ClockSample> = sampled
            .iter()
            .map(|(minute, width)| {
                let asked = minute * MINUTE;
                ClockSample {
                    sent_us: clock(asked),
                    server_received: booted.0 + asked + width / 3,
                    server_sent: booted.0 + asked + width / 3,
                    received_us: clock(asked + width),
                }
            })
            .collect();
        let mut acts = acts;
        acts.sort_unstable();
        acts.dedup();
        let operations: Vec<OperationEvidence> = acts
            .iter()
            .map(|minute| OperationEvidence {
                boot: Boot(1),
                mono_us: clock(minute * MINUTE + 1),
                seen: None,
            })
            .collect();
        let told = BootEvidence {
            boot: Boot(1),
            last_us: clock(480 * MINUTE),
            samples,
            wall_at_start: None,
        };
        let received = at(17, 0);
        let (first, second) = operations.split_at(cut.min(operations.len()));
        let mut boots = Boots::load(&MemoryTables::new(), STREAM, Boot(0), at(0, 0));
        let mut timings = arrive_in(&mut boots, std::slice::from_ref(&told), first, received);
        timings.extend(arrive_in(&mut boots, &[], second, received.plus_us(SECOND)));
        for (minute, timing) in acts.iter().zip(&timings) {
            let truth = booted.plus_us(minute * MINUTE + 1);
            let off = timing.tau.us_since(truth).unsigned_abs();
            prop_assert!(off <= timing.epsilon_us + 2, "{off} us off, {timing:?}");
            prop_assert!(!timing.uncertain);
        }
        for pair in timings.windows(2) {
            prop_assert!(pair[0].tau < pair[1].tau);
        }
    }
}
