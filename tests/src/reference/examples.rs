//! The worked examples of the rule, one test each, with their exact figures.
//!
//! Times are minutes of the day; prefixes of an arrival order stand for what the books say before
//! the next operation arrives.

use super::clock::{self, Act, Boot, Drift, Ground, Sample, Wanted};
use super::settlement::{Judgement, LastHeard, decide, is_due};
use super::{BinLine, Finding, ONE, Operation, Opinion, Order, Standing, StockKey, What, judge};

const MINUTE_US: i64 = 60_000_000;
const BOLT: Key = Key { bin: "A-1", item: "BOLT" };
const Y: Key = Key { bin: "A-1", item: "Y" };

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    bin: &'static str,
    item: &'static str,
}

impl StockKey for Key {
    type Bin = &'static str;
    fn bin(&self) -> &'static str {
        self.bin
    }
}

/// Minutes of the day from their digits: 930 is half past nine.
fn at(clock: i64) -> i64 {
    (clock.div_euclid(100) * 60 + clock.rem_euclid(100)) * MINUTE_US
}

fn order(clock: i64, device: u32) -> Order {
    Order { tau_us: at(clock), device, incarnation: 1, seq: at(clock).unsigned_abs(), leg: 0 }
}

fn moved(clock: i64, device: u32, pieces: i128) -> Operation<Key> {
    let what = What::Movement { key: BOLT, delta: pieces * ONE };
    Operation::exact(order(clock, device), what)
}

fn counted(clock: i64, device: u32, pieces: i128) -> Operation<Key> {
    Operation::exact(order(clock, device), What::Count { key: BOLT, quantity: pieces * ONE })
}

fn pieces(opinion: &Opinion<Key>, key: &Key) -> i128 {
    let quantity = opinion.quantity(key);
    assert_eq!(quantity % ONE, 0);
    quantity / ONE
}

/// The finding of the count at `clock`.
fn finding<'a>(opinion: &'a Opinion<Key>, key: &Key, clock: i64) -> &'a Finding {
    let found = opinion.counts.iter().find(|((of, at_), _)| of == key && at_.tau_us == at(clock));
    found.expect("a count at that time").1
}

/// Book and difference of the count at half past nine.
fn book_and_difference(operations: &[Operation<Key>]) -> (i128, i128) {
    let opinion = judge(operations);
    (pieces(&opinion, &BOLT), finding(&opinion, &BOLT, 930).difference / ONE)
}

#[test]
fn e1_a_count_that_arrives_late_compares_with_the_book_at_its_instant() {
    let operations = [moved(600, 9, 100), moved(1000, 2, -5), counted(930, 1, 97)];
    assert_eq!(pieces(&judge(&operations[..2]), &BOLT), 95);
    assert_eq!(book_and_difference(&operations), (92, -3));
    assert_eq!(finding(&judge(&operations), &BOLT, 930).before, 100 * ONE);
}

#[test]
fn e2_e3_late_picks_before_and_after_the_count() {
    let mut operations = vec![moved(600, 9, 100), counted(930, 1, 97), moved(1000, 2, -5)];
    assert_eq!(book_and_difference(&operations), (92, -3));
    operations.push(moved(910, 3, -4));
    assert_eq!(book_and_difference(&operations), (92, 1));
    operations.push(moved(950, 4, -4));
    assert_eq!(book_and_difference(&operations), (88, 1));
}

#[test]
fn e4_a_wrong_wall_clock_is_not_asked() {
    // The boot began at 08:00 and was sampled within 0.4 s; the pick was made 80 min into it.
    let boot = Boot {
        samples: vec![sample(800, 130 * MINUTE_US, 400_000)],
        acts: vec![act(80 * MINUTE_US, None, 1200)],
    };
    let placed = place_first(&[boot], 0, 80 * MINUTE_US, Drift::NONE);
    assert_eq!((placed.tau_us, placed.epsilon_us), (at(920), 400_000));
    assert!(!placed.uncertain);

    let others = [moved(600, 9, 100), counted(930, 1, 97), moved(1000, 2, -5)];
    let with = |clock| [others.to_vec(), vec![moved(clock, 3, -4)]].concat();
    assert_eq!(book_and_difference(&with(920)), (92, 1));
    assert_eq!(book_and_difference(&with(940)), (88, -3), "what the raw clock would have made");
}

#[test]
fn e5_boot_order_and_causality_bracket_an_unsampled_boot() {
    // Boot 1 ends with its last contact at 09:32; boot 2 picks at minute 3; boot 3 begins at 09:41.
    let first = Boot { samples: vec![sample(800, 92 * MINUTE_US, 0)], acts: vec![] };
    let pick = act(3 * MINUTE_US, Some(at(932)), 945);
    let second = Boot { samples: vec![], acts: vec![pick] };
    let third = Boot { samples: vec![sample(941, MINUTE_US, 0)], acts: vec![] };
    let placed = place_first(&[first, second.clone(), third.clone()], 1, pick.mono_us, Drift::NONE);
    assert_eq!((placed.offset_low_us, placed.offset_high_us), (at(932), at(938)));
    assert_eq!((placed.tau_us, placed.epsilon_us), (at(938), 3 * MINUTE_US));
    assert_eq!((placed.lower, placed.upper), (Ground::BootOrder, Ground::BootOrder));
    assert!(!placed.uncertain && placed.tau_us - placed.epsilon_us > at(930));

    let alone = place_first(&[second, third], 0, pick.mono_us, Drift::NONE);
    assert_eq!((alone.offset_low_us, alone.lower), (at(929) + 1, Ground::Causality));
}

#[test]
fn e6_two_counts_in_any_order_of_arrival() {
    let (opening, pick) = (moved(600, 9, 50), moved(945, 3, -3));
    let (first, second) = (counted(930, 1, 48), counted(1000, 2, 44));
    let arrivals = [opening, second, pick, first];
    let second_differs = |n: usize| {
        let opinion = judge(&arrivals[..n]);
        assert_eq!(pieces(&opinion, &BOLT), 44);
        finding(&opinion, &BOLT, 1000).difference / ONE
    };
    assert_eq!([2, 3, 4].map(second_differs), [-6, -3, -1]);
    assert_eq!(finding(&judge(&arrivals), &BOLT, 930).difference, -2 * ONE);
}

#[test]
fn e7_the_later_of_two_counts_that_contradict_each_other_makes_the_book() {
    let first = Operation { epsilon_us: 400_000, ..counted(930, 1, 12) };
    let mut second = Operation { epsilon_us: 400_000, ..counted(930, 2, 10) };
    second.order.tau_us += 30_000_000;
    let opinion = judge(&[second.clone(), moved(600, 9, 12), first.clone()]);
    assert_eq!(pieces(&opinion, &BOLT), 10);
    assert_eq!(opinion.counts[&(BOLT, first.order)].difference, 0);
    let later = &opinion.counts[&(BOLT, second.order)];
    assert_eq!(later.difference, -2 * ONE);
    assert!(!later.is_marked(), "30 s apart, each within 0.4 s");
    assert_ne!(decide(later, ONE), Judgement::Settle);
}

#[test]
fn e8_a_whole_bin_count_is_zero_for_every_key_it_does_not_list() {
    let opening = Operation::exact(order(600, 9), What::Movement { key: Y, delta: 5 * ONE });
    let line = BinLine {
        key: BOLT,
        quantity: 12 * ONE,
        order: Order { tau_us: at(929), ..order(930, 1) },
    };
    let complete = What::BinCount { bin: "A-1", lines: vec![line] };
    let put_away = Operation::exact(order(900, 3), What::Movement { key: Y, delta: 8 * ONE });
    let operations = [Operation::exact(order(930, 1), complete), opening, put_away];

    let opinion = judge(&operations[..1]);
    assert_eq!((pieces(&opinion, &BOLT), opinion.book.len()), (12, 1));
    let opinion = judge(&operations[..2]);
    assert_eq!((pieces(&opinion, &Y), finding(&opinion, &Y, 930).difference), (0, -5 * ONE));
    let opinion = judge(&operations);
    assert_eq!((pieces(&opinion, &Y), finding(&opinion, &Y, 930).difference), (0, -13 * ONE));
    assert_eq!(finding(&opinion, &BOLT, 929).difference, 12 * ONE);
}

#[test]
fn e9_a_count_over_tolerance_is_posted_and_can_be_refused() {
    let count = counted(1000, 1, 60);
    let opening = moved(600, 9, 100);
    let picks = [moved(1030, 2, -6), moved(1100, 3, -4)];
    let standing = judge(&[opening.clone(), count.clone()]);
    assert_eq!(pieces(&standing, &BOLT), 60);
    let difference = finding(&standing, &BOLT, 1000);
    assert_eq!(difference.difference, -40 * ONE);
    assert_eq!(decide(difference, 5 * ONE), Judgement::NeedsApproval);

    let with = |standing: Standing<Key>, later: Vec<Operation<Key>>| {
        let count = Operation { standing, ..count.clone() };
        judge(&[vec![opening.clone(), count], picks.to_vec(), later].concat())
    };
    assert_eq!(pieces(&with(Standing::Posted, vec![]), &BOLT), 50);
    assert_eq!(pieces(&with(Standing::TakenOut, vec![]), &BOLT), 90);
    let again = vec![counted(1140, 4, 50)];
    let approved = with(Standing::Posted, again.clone());
    assert_eq!(finding(&approved, &BOLT, 1140).difference, 0);
    let refused = with(Standing::TakenOut, again);
    assert_eq!(pieces(&refused, &BOLT), 50);
    assert_eq!(finding(&refused, &BOLT, 1140).difference, -40 * ONE);
}

#[test]
fn e10_an_unsampled_boot_is_bracketed_and_drags_nothing_along() {
    let minutes = |n: i64| n * MINUTE_US;
    let tenth = MINUTE_US / 10;
    let first = Boot {
        samples: vec![sample(800, minutes(1), tenth)],
        acts: vec![act(minutes(60), None, 1700)],
    };
    let second = Boot { samples: vec![], acts: vec![act(minutes(12), None, 1700)] };
    let third = Boot {
        samples: vec![sample(950, minutes(430), tenth)],
        acts: vec![act(minutes(10), None, 1700), act(minutes(70), None, 1700)],
    };
    let wanted = [(0, 60), (1, 12), (2, 10), (2, 70)].map(|(boot, mono)| Wanted {
        boot,
        mono_us: minutes(mono),
        floor_us: None,
        not_before_us: None,
    });
    let placed = clock::place(&[first, second, third], Drift::NONE, &wanted);
    let taus: Vec<i64> = placed.iter().map(|placed| placed.tau_us).collect();
    assert_eq!(taus, [900, 931, 1000, 1100].map(at));
    let widths: Vec<i64> = placed.iter().map(|placed| placed.epsilon_us).collect();
    // The example says 19 min; the tenth of a minute of the samples comes on top.
    assert_eq!(widths, [tenth, minutes(19) + tenth, tenth, tenth]);
    assert!(placed.iter().all(|placed| !placed.uncertain));

    let mut pick = moved(931, 3, -1);
    pick.epsilon_us = placed[1].epsilon_us;
    let marked = |clock| {
        let opinion = judge(&[moved(600, 9, 10), pick.clone(), counted(clock, 1, 9)]);
        finding(&opinion, &BOLT, clock).is_ambiguous()
    };
    assert_eq!([911, 912, 950, 951].map(marked), [false, true, true, false]);
}

#[test]
fn e11_tolerance_is_judged_late() {
    let (opening, pick) = (moved(600, 9, 100), moved(910, 2, -40));
    let count_first = [opening.clone(), counted(930, 1, 60), pick.clone()];
    assert_eq!(book_and_difference(&count_first[..2]), (60, -40));
    assert_eq!(book_and_difference(&count_first), (60, 0));
    let settled = judge(&count_first);
    assert_eq!(decide(finding(&settled, &BOLT, 930), 5 * ONE), Judgement::Settle);
    assert_eq!(book_and_difference(&[opening, pick, counted(930, 1, 58)]), (58, -2));
}

#[test]
fn e12_ambiguity_is_judged_late_and_changes_no_quantity() {
    let count = Operation { epsilon_us: 10 * MINUTE_US, ..counted(930, 1, 97) };
    let pick = moved(935, 2, -3);
    let operations = [moved(600, 9, 100), count, pick.clone()];
    assert_eq!(book_and_difference(&operations[..2]), (97, -3));
    assert_eq!(book_and_difference(&operations), (94, -3));
    let opinion = judge(&operations);
    let finding = finding(&opinion, &BOLT, 930);
    let [reading] = finding.ambiguous[..] else { panic!("one ambiguous pair") };
    assert_eq!(reading.movement, pick.order);
    assert_eq!((reading.before.difference, reading.before.book), (0, 97 * ONE));
    assert_eq!((reading.after.difference, reading.after.book), (-3 * ONE, 94 * ONE));
    assert_eq!(decide(finding, 0), Judgement::Recount);
    assert_eq!(decide(finding, 3 * ONE), Judgement::Settle);
}

#[test]
fn the_snapshot_count_is_the_same_rule() {
    // Calculated at 09:30 with 100 on the books, 10 shipped, then 98 entered.
    let operations = [moved(600, 9, 100), moved(945, 0, -10), counted(930, 0, 98)];
    assert_eq!(book_and_difference(&operations), (88, -2));
}

#[test]
fn a_count_waits_for_devices_that_may_still_hold_something_older() {
    let heard = |clock, unsent: Option<i64>| LastHeard {
        heartbeat_us: at(clock),
        oldest_unsent_us: unsent.map(at),
        declared_lost: false,
    };
    let (half_day, count) = (12 * 60 * MINUTE_US, at(930));
    let due =
        |device, now| is_due(count, MINUTE_US, &[heard(1600, None), device], at(now), half_day);
    assert!(!due(heard(805, None), 1600), "silent, but not for long enough");
    assert!(due(heard(805, None), 2006), "absent");
    assert!(!due(heard(805, Some(800)), 2359), "known unsent work holds the watermark");
    assert!(due(heard(1200, Some(1100)), 1600));
    let lost = LastHeard { declared_lost: true, ..heard(805, Some(800)) };
    assert!(due(lost, 1600));
}

#[test]
fn a_sample_that_contradicts_causality_is_dropped_and_the_boot_is_uncertain() {
    // The sample claims a start at 08:00; the act at minute 60 had seen something of 09:30.
    let boot = Boot {
        samples: vec![sample(800, 90 * MINUTE_US, 0)],
        acts: vec![act(60 * MINUTE_US, Some(at(930)), 940)],
    };
    let placed = place_first(&[boot], 0, 60 * MINUTE_US, Drift::NONE);
    assert!(placed.samples_dropped && placed.uncertain);
    assert_eq!((placed.offset_low_us, placed.offset_high_us), (at(830) + 1, at(840)));
}

#[test]
fn receipt_narrows_a_sampled_boot_without_making_it_uncertain() {
    let samples = vec![sample(800, 60 * MINUTE_US, 400_000)];
    let sampled = |receipt_us| {
        let act = Act { mono_us: at(101), cursor_us: None, receipt_us: Some(receipt_us) };
        place_first(&[Boot { samples: samples.clone(), acts: vec![act] }], 0, at(101), Drift::NONE)
    };
    let quick = sampled(at(901) + 100_000);
    assert_eq!((quick.upper, quick.uncertain), (Ground::Receipt, false));
    assert!(quick.tau_us <= at(901) + 100_000);
    assert_eq!(sampled(at(905)).upper, Ground::Sample);
}

#[test]
fn an_act_that_is_pushed_up_has_a_wider_interval() {
    let boot = Boot {
        samples: vec![sample(800, MINUTE_US, 1_000_000)],
        acts: vec![act(MINUTE_US, None, 1700)],
    };
    let wanted = Wanted {
        boot: 0,
        mono_us: MINUTE_US,
        floor_us: Some(at(801) + 500_000),
        not_before_us: None,
    };
    let placed = clock::place(&[boot], Drift::NONE, &[wanted])[0];
    assert_eq!(placed.tau_us, at(801) + 500_001);
    assert_eq!((placed.half_width_us, placed.epsilon_us), (1_000_000, 1_500_001));
}

#[test]
fn an_act_without_a_lower_bound_may_be_as_old_as_the_enrolment() {
    // The first boot of a device that had seen nothing; the next one was sampled and began at 12:00.
    let first = Boot { samples: vec![], acts: vec![act(0, None, 1300)] };
    let second = Boot { samples: vec![sample(1200, MINUTE_US, 0)], acts: vec![] };
    let enrolled = Some(at(1000));
    let wanted = Wanted { boot: 0, mono_us: 0, floor_us: None, not_before_us: enrolled };
    let placed = clock::place(&[first, second], Drift::NONE, &[wanted])[0];
    assert_eq!((placed.tau_us, placed.epsilon_us), (at(1100), 60 * MINUTE_US));
    assert_eq!((placed.lower, placed.uncertain), (Ground::Nothing, true));
}

/// A sample at `mono_us` of a boot that began at `start`, wide by `half_us` on either side.
fn sample(start: i64, mono_us: i64, half_us: i64) -> Sample {
    let t1_mono_us = mono_us - half_us;
    let server_us = at(start) + mono_us;
    Sample { t1_mono_us, t2_us: server_us, t3_us: server_us, t4_mono_us: mono_us + half_us }
}

fn act(mono_us: i64, cursor_us: Option<i64>, receipt: i64) -> Act {
    Act { mono_us, cursor_us, receipt_us: Some(at(receipt)) }
}

fn place_first(boots: &[Boot], boot: usize, mono_us: i64, drift: Drift) -> clock::Placed {
    clock::place(boots, drift, &[Wanted { boot, mono_us, floor_us: None, not_before_us: None }])[0]
}
