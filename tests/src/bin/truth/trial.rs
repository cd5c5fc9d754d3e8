//! One trial: one day, every rule, and what the marks of the order key were worth.

use std::collections::BTreeMap;

use tests::prng::Prng;
use tests::reference::clock::{Drift, Ground, Placed};
use tests::reference::{Finding, Order, judge};

use crate::rules::{self, TheBin};
use crate::wire::{self, Traffic};
use crate::world::{self, Done, SECOND_US, Setup, World};

/// Acts whose intervals are closer than this are always looked at together.
const GUARD_US: i64 = 10 * SECOND_US;

/// The rules, in the order of the table.
pub(crate) const RULES: [&str; 7] = [
    "last writer: a count overwrites on arrival",
    "device difference: variance against what the device showed",
    "as-of by raw device clock",
    "causality and receipt only, clock never corrected",
    "boot offset without any clock sample",
    "order key: boot offset bounded by all evidence",
    "(control) counts ignored",
];

/// How often something came about over all trials of one cell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub n_trials: u64,
    /// Bins whose final book is wrong, by rule.
    pub n_wrong: [u64; RULES.len()],
    pub marks: Marks,
}

/// What happened to the marks of the order key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks {
    pub n_acts: u64,
    pub n_counts: u64,
    /// Acts recorded outside their interval, with the drift allowance on all evidence.
    pub n_outside: u64,
    /// The same when only clock samples are widened by drift.
    pub n_outside_samples_only: u64,
    /// Acts whose boot lost its samples when only clock samples are widened by drift: a sample
    /// then seems to contradict a causality or receipt bound that the drift has overtaken.
    pub n_dropped_samples_only: u64,
    /// The same with the drift allowance on all evidence.
    pub n_dropped: u64,
    /// Acts outside when the plain half width is kept for an act that was pushed up.
    pub n_outside_plain: u64,
    /// Acts of boots that are not bracketed.
    pub n_uncertain: u64,
    /// Acts for which receipt is the tightest upper bound, bracketed or not.
    pub n_receipt_decides: u64,
    /// Acts known to within a second.
    pub n_sharp: u64,
    /// Bins with at least one count that is ambiguous or uncertain.
    pub n_bins_marked: u64,
    /// Counts that are.
    pub n_counts_marked: u64,
    /// Counts with another movement or count of another device within the guard.
    pub n_counts_close: u64,
    /// Wrong bins with no ambiguous or uncertain count.
    pub n_wrong_unmarked: u64,
    /// Wrong bins with no mark even when two counts can be ambiguous with each other.
    pub n_wrong_unmarked_pairs: u64,
    /// Wrong bins with none of these marks and no two acts within the guard.
    pub n_wrong_unmarked_guard: u64,
    /// Movements on the wrong side of a count that is neither ambiguous with them nor uncertain.
    pub n_unmarked_swaps: u64,
    /// Such pairs whose order causality claims to have proved.
    pub n_swaps_by_causality: u64,
    /// Such pairs that are not even close.
    pub n_swaps_beyond_guard: u64,
}

/// Lives one day and adds what came of it.
pub(crate) fn run(setup: &Setup, prng: &mut Prng, tally: &mut Tally) {
    let world = world::live(setup, &mut prng.fork());
    let traffic = wire::deliver(&world, &mut prng.fork());
    let placed = rules::by_boot_offset(&world, &traffic, Drift::ALL);
    let places =
        placed.iter().map(|at| (at.tau_us, at.epsilon_us, at.uncertain)).collect::<Vec<_>>();
    let operations = rules::operations(&world, &traffic, places);
    let opinion = judge(&operations);
    let by_key = i64::try_from(opinion.quantity(&TheBin)).expect("a few pieces");
    let books = [
        rules::last_writer(&world, &traffic),
        rules::device_difference(&world, &traffic),
        rules::raw_clock(&world, &traffic),
        rules::causality_and_receipt(&world, &traffic),
        rules::by_boot_offset_unsampled(&world, &traffic),
        by_key,
        rules::movements_only(&world),
    ];
    tally.n_trials += 1;
    for (n_wrong, book) in tally.n_wrong.iter_mut().zip(books) {
        *n_wrong += u64::from(book != world.right_book);
    }
    let acts: Vec<PlacedAct> = traffic
        .arrivals
        .iter()
        .zip(&operations[1..])
        .map(|(arrival, operation)| {
            let act = world.acts[arrival.act];
            PlacedAct {
                order: operation.order,
                epsilon_us: operation.epsilon_us,
                at_us: act.at_us,
                is_count: matches!(act.done, Done::Counted(_)),
                knows: operation.knowledge,
            }
        })
        .collect();
    let counts: BTreeMap<Order, &Finding> =
        opinion.counts.iter().map(|((_, order), finding)| (*order, finding)).collect();
    look_at_places(&world, &traffic, &placed, &mut tally.marks);
    look_at_marks(&acts, &counts, by_key != world.right_book, &mut tally.marks);
}

/// An act with its place and its truth.
#[derive(Debug, Clone, Copy)]
struct PlacedAct {
    order: Order,
    epsilon_us: i64,
    at_us: i64,
    is_count: bool,
    knows: tests::reference::Knowledge,
}

fn look_at_places(world: &World, traffic: &Traffic, placed: &[Placed], marks: &mut Marks) {
    let samples_only = rules::by_boot_offset(world, traffic, Drift::SAMPLES_ONLY);
    for ((arrival, all), samples) in traffic.arrivals.iter().zip(placed).zip(&samples_only) {
        let recorded_us = world.acts[arrival.act].recorded_us;
        let outside =
            |tau_us: i64, width_us: i64| u64::from((tau_us - recorded_us).abs() > width_us);
        marks.n_acts += 1;
        marks.n_outside += outside(all.tau_us, all.epsilon_us);
        marks.n_outside_samples_only += outside(samples.tau_us, samples.epsilon_us);
        marks.n_outside_plain += outside(all.tau_us, all.half_width_us);
        marks.n_dropped += u64::from(all.samples_dropped);
        marks.n_dropped_samples_only += u64::from(samples.samples_dropped);
        marks.n_uncertain += u64::from(all.uncertain);
        marks.n_receipt_decides += u64::from(all.upper == Ground::Receipt);
        marks.n_sharp += u64::from(all.epsilon_us <= SECOND_US);
    }
}

/// Whether less than the guard lies between the two intervals.
fn are_close(one: &PlacedAct, other: &PlacedAct) -> bool {
    let distance_us = (one.order.tau_us - other.order.tau_us).abs();
    distance_us - one.epsilon_us - other.epsilon_us <= GUARD_US
}

fn look_at_marks(
    acts: &[PlacedAct],
    counts: &BTreeMap<Order, &Finding>,
    is_wrong: bool,
    marks: &mut Marks,
) {
    let literal = |finding: &Finding| finding.is_ambiguous() || finding.uncertain;
    let n_marked = counts.values().filter(|finding| literal(finding)).count();
    let any_pair = counts.values().any(|finding| finding.is_marked());
    let mut n_close = 0_u64;
    for count in acts.iter().filter(|act| act.is_count) {
        marks.n_counts += 1;
        let others = acts.iter().filter(|other| !other.order.same_recorder(&count.order));
        n_close += u64::from(others.clone().any(|other| are_close(other, count)));
        for movement in others.filter(|other| !other.is_count) {
            let finding = counts[&count.order];
            let swapped = (movement.order < count.order) != (movement.at_us < count.at_us);
            let marked = finding.uncertain
                || finding.ambiguous.iter().any(|reading| reading.movement == movement.order);
            if swapped && !marked {
                marks.n_unmarked_swaps += 1;
                let proved =
                    movement.knows.had_seen(&count.knows) || count.knows.had_seen(&movement.knows);
                marks.n_swaps_by_causality += u64::from(proved);
                marks.n_swaps_beyond_guard += u64::from(!are_close(movement, count));
            }
        }
    }
    marks.n_counts_marked += u64::try_from(n_marked).expect("a few counts");
    marks.n_counts_close += n_close;
    marks.n_bins_marked += u64::from(n_marked > 0);
    marks.n_wrong_unmarked += u64::from(is_wrong && n_marked == 0);
    marks.n_wrong_unmarked_pairs += u64::from(is_wrong && !any_pair);
    marks.n_wrong_unmarked_guard += u64::from(is_wrong && !any_pair && n_close == 0);
}
