//! The worked examples of SYNC 4.5.

use crate::world::{World, at, count, count_bin, goods, moved, pick};
use ledger::schema::case::{CaseState, Choice};
use ledger::schema::count::CountState;
use protocol::feed::TaskKind;
use protocol::outcome::{Decision, Settlement};

const MINUTE_US: u64 = 60_000_000;

#[test]
fn e01_a_count_arrives_late() {
    let mut world = World::new();
    world.opening("A-1", "X", "100");
    let counted = world.record(1, "09:30", &count("A-1", "X", "97"));
    world.online(2, "10:00", &pick("A-1", "X", "5"));
    assert_eq!(world.stock("A-1", "X"), "95");
    world.clock("11:00");
    world.arrive(&counted);
    assert_eq!(world.difference(counted.id, "X"), "-3");
    assert_eq!(world.stock("A-1", "X"), "92");
}

/// A late count, then an earlier pick that comes still later.
fn example_two(tau_of_the_pick: &str) -> (World, protocol::identity::OperationId) {
    let mut world = World::new();
    world.opening("A-1", "X", "100");
    let late_pick = world.record(3, tau_of_the_pick, &pick("A-1", "X", "4"));
    let counted = world.record(1, "09:30", &count("A-1", "X", "97"));
    world.online(2, "10:00", &pick("A-1", "X", "5"));
    world.clock("11:00");
    world.arrive(&counted);
    world.clock("12:00");
    world.arrive(&late_pick);
    (world, counted.id)
}

#[test]
fn e02_an_earlier_pick_arrives_after_the_count() {
    let (world, counted) = example_two("09:10");
    assert_eq!(world.difference(counted, "X"), "1");
    assert_eq!(world.stock("A-1", "X"), "92");
    let outcome = world.outcome(counted).outcome;
    assert_eq!((outcome.revision, outcome.decision), (2, Decision::Changed));
    assert_eq!(outcome.settlement, Some(Settlement::Provisional));
    assert_eq!(world.codes(counted), ["count_variance", "late_absorbed", "count_corrected"]);
}

#[test]
fn e03_a_later_pick_arrives_late() {
    let (mut world, counted) = example_two("09:10");
    let later = world.record(4, "09:50", &pick("A-1", "X", "4"));
    world.clock("12:05");
    world.arrive(&later);
    assert_eq!(world.difference(counted, "X"), "1");
    assert_eq!(world.stock("A-1", "X"), "88");
    assert_eq!(world.outcome(counted).outcome.revision, 2, "nothing new to tell");
}

#[test]
fn e04_the_corrected_clock_decides_and_not_the_shown_one() {
    let (world, counted) = example_two("09:20");
    assert_eq!(world.difference(counted, "X"), "1");
    assert_eq!(world.stock("A-1", "X"), "92");
}

#[test]
fn e05_an_act_after_the_count_stays_after_it_though_its_interval_is_wide() {
    let mut world = World::new();
    world.opening("A-1", "X", "100");
    let counted = world.online(1, "09:30", &count("A-1", "X", "97"));
    let wide = (at("09:38"), 3 * MINUTE_US, false);
    let picked = world.record_about(2, wide, &pick("A-1", "X", "2"));
    world.clock("09:41");
    world.arrive(&picked);
    assert_eq!(world.difference(counted, "X"), "-3");
    assert_eq!(world.stock("A-1", "X"), "95");
    // 8 minutes apart, 3 of them unsure: nothing is ambiguous.
    world.settle("10:00");
    assert_eq!(world.counted(counted, "X").state, CountState::NeedsApproval);
}

#[test]
fn e06_two_counts() {
    let mut world = World::new();
    world.opening("A-1", "X", "50");
    let first = world.record(1, "09:30", &count("A-1", "X", "48"));
    let picked = world.record(2, "09:45", &pick("A-1", "X", "3"));
    let second = world.record(3, "10:00", &count("A-1", "X", "44"));
    world.arrive(&second);
    assert_eq!(world.difference(second.id, "X"), "-6");
    assert_eq!(world.stock("A-1", "X"), "44");
    world.arrive(&picked);
    assert_eq!(world.difference(second.id, "X"), "-3");
    assert_eq!(world.stock("A-1", "X"), "44");
    world.arrive(&first);
    assert_eq!(world.difference(first.id, "X"), "-2");
    assert_eq!(world.difference(second.id, "X"), "-1");
    assert_eq!(world.stock("A-1", "X"), "44");
}

#[test]
fn e07_contradicting_counts() {
    let mut world = World::new();
    world.opening("A-1", "X", "12");
    let sampled = |clock| (at(clock), 400_000, false);
    let first = world.record_about(1, sampled("09:30:00"), &count("A-1", "X", "12"));
    let second = world.record_about(2, sampled("09:30:30"), &count("A-1", "X", "10"));
    world.arrive(&first);
    world.arrive(&second);
    assert_eq!(world.stock("A-1", "X"), "10", "the later one stands");
    world.settle("10:00");
    for op in [first.id, second.id] {
        assert!(world.codes(op).contains(&"count_conflict".to_owned()));
        assert_eq!(world.counted(op, "X").state, CountState::Recount);
    }
    let tasks = world.open_tasks();
    assert_eq!(tasks.len(), 1, "one task for both");
    assert_eq!(tasks[0].kind, TaskKind::Recount);
    assert_eq!(world.open_cases().len(), 1, "one case for both");
    // The book is not frozen: goods go on moving.
    world.online(4, "10:05", &pick("A-1", "X", "1"));
    assert_eq!(world.stock("A-1", "X"), "9");
    let third = world.online(3, "10:10", &count("A-1", "X", "9"));
    assert!(world.open_tasks().is_empty());
    assert!(world.open_cases().is_empty());
    world.settle("10:30");
    assert_eq!(world.counted(third, "X").state, CountState::Settled);
    assert!(world.codes(second.id).contains(&"count_superseded".to_owned()));
}

#[test]
fn e08_a_whole_bin_count_says_nothing_lay_there() {
    let mut world = World::new();
    world.opening("A-1", "X", "12");
    world.opening("A-1", "Y", "5");
    let late = world.record(2, "09:00", &moved("A-2", "A-1", goods("Y", "8")));
    world.opening("A-2", "Y", "8");
    let whole = world.online(1, "09:30", &count_bin("A-1", vec![goods("X", "12")]));
    assert_eq!(world.difference(whole, "X"), "0");
    assert_eq!(world.difference(whole, "Y"), "-5");
    assert_eq!(world.stock("A-1", "Y"), "0");
    world.clock("11:00");
    world.arrive(&late);
    assert_eq!(world.stock("A-1", "Y"), "0");
    assert_eq!(world.difference(whole, "Y"), "-13");
    let cases = world.open_cases();
    assert_eq!(cases.len(), 1);
    assert_eq!(cases[0].1.reasons[0].code.as_str(), "before_complete_count");
    assert_eq!(cases[0].1.others, [late.id]);
    let tasks = world.open_tasks();
    assert!(tasks.iter().any(|task| task.kind == TaskKind::Look));
}

#[test]
fn e08_a_key_that_appears_only_later_was_not_there_either() {
    let mut world = World::new();
    world.opening("A-2", "Z", "8");
    let late = world.record(2, "09:00", &moved("A-2", "A-1", goods("Z", "8")));
    let whole = world.online(1, "09:30", &count_bin("A-1", Vec::new()));
    assert!(world.counts(whole).is_empty());
    world.arrive(&late);
    assert_eq!(world.stock("A-1", "Z"), "0");
    assert_eq!(world.difference(whole, "Z"), "-8");
}

/// Book 100, counted 60 at 10:00, two picks, due at 16:00.
fn example_nine() -> (World, protocol::identity::OperationId) {
    let mut world = World::new();
    world.opening("A-1", "X", "100");
    let counted = world.online(1, "10:00", &count("A-1", "X", "60"));
    assert_eq!(world.stock("A-1", "X"), "60");
    world.online(2, "10:30", &pick("A-1", "X", "6"));
    world.online(3, "11:00", &pick("A-1", "X", "4"));
    (world, counted)
}

#[test]
fn e09_over_tolerance_approved() {
    let (mut world, counted) = example_nine();
    world.settle("16:00");
    assert_eq!(world.counted(counted, "X").state, CountState::NeedsApproval);
    let (case, _row) = world.open_cases().remove(0);
    let decision = world.decide(case, Choice::Accept);
    assert_eq!(world.outcome(decision).outcome.decision, Decision::Accepted);
    assert_eq!(world.stock("A-1", "X"), "50");
    assert_eq!(world.counted(counted, "X").state, CountState::Settled);
    assert!(world.codes(counted).contains(&"case_accepted".to_owned()));
}

#[test]
fn e09_over_tolerance_refused() {
    let (mut world, counted) = example_nine();
    world.settle("16:00");
    let (case, _row) = world.open_cases().remove(0);
    world.decide(case, Choice::Dismiss);
    assert_eq!(world.stock("A-1", "X"), "90");
    let row = world.counted(counted, "X");
    assert_eq!((row.state, row.quantity.to_string().as_str()), (CountState::TakenOut, "60"));
    assert!(world.codes(counted).contains(&"count_refused".to_owned()));
    assert!(world.open_tasks().iter().any(|task| task.kind == TaskKind::Recount));
}

#[test]
fn e09_a_refusal_leaves_the_difference_to_the_count_that_followed() {
    let (mut world, counted) = example_nine();
    let later = world.online(4, "11:40", &count("A-1", "X", "50"));
    assert_eq!(world.difference(later, "X"), "0");
    world.settle("16:00");
    assert_eq!(world.counted(later, "X").state, CountState::Settled);
    let (case, row) = world.open_cases().remove(0);
    assert_eq!(row.operation, counted);
    world.decide(case, Choice::Dismiss);
    assert_eq!(world.stock("A-1", "X"), "50");
    assert_eq!(world.difference(later, "X"), "-40");
    world.settle("16:05");
    assert_eq!(world.counted(later, "X").state, CountState::NeedsApproval, "judged again");
}

#[test]
fn e10_one_bad_boot_spoils_nothing() {
    let mut world = World::new();
    world.opening("A-1", "X", "100");
    let sampled = MINUTE_US / 10;
    let acts =
        [("09:00", sampled), ("09:31", 19 * MINUTE_US), ("10:00", sampled), ("11:00", sampled)];
    let picks = acts.map(|(clock, epsilon)| {
        world.record_about(1, (at(clock), epsilon, false), &pick("A-1", "X", "1"))
    });
    // A count in the shadow of the unsampled boot, and one beside it.
    let inside = world.online(2, "09:20", &count("A-1", "X", "99"));
    let outside = world.online(3, "10:30", &count("A-1", "X", "97"));
    world.clock("17:00");
    for picked in &picks {
        world.arrive(picked);
    }
    assert_eq!(world.difference(inside, "X"), "0");
    assert_eq!(world.difference(outside, "X"), "0");
    assert_eq!(world.stock("A-1", "X"), "96");
    world.settle("17:30");
    assert_eq!(world.counted(inside, "X").state, CountState::Recount, "ambiguous");
    assert!(world.codes(inside).contains(&"count_ambiguous".to_owned()));
    assert_eq!(world.counted(outside, "X").state, CountState::Settled);
}

#[test]
fn e11_tolerance_is_judged_late() {
    for pick_first in [true, false] {
        let mut world = World::new();
        world.opening("A-1", "T", "100");
        let picked = world.record(1, "09:10", &pick("A-1", "T", "40"));
        let counted = world.record(2, "09:30", &count("A-1", "T", "60"));
        let arrivals = if pick_first { [&picked, &counted] } else { [&counted, &picked] };
        for op in arrivals {
            world.arrive(op);
            assert_eq!(world.stock("A-1", "T"), "60");
        }
        assert_eq!(world.difference(counted.id, "T"), "0");
        world.settle("12:00");
        assert_eq!(world.counted(counted.id, "T").state, CountState::Settled);
        assert!(world.open_cases().is_empty(), "nobody is asked");
        assert!(world.open_tasks().is_empty());
    }
}

#[test]
fn e12_ambiguity_is_judged_late() {
    for pick_first in [true, false] {
        let mut world = World::new();
        world.opening("A-1", "X", "100");
        let middle = (at("09:30"), 10 * MINUTE_US, false);
        let counted = world.record_about(1, middle, &count("A-1", "X", "97"));
        let picked = world.record(2, "09:35", &pick("A-1", "X", "3"));
        let arrivals = if pick_first { [&picked, &counted] } else { [&counted, &picked] };
        for op in arrivals {
            world.arrive(op);
        }
        assert_eq!(world.difference(counted.id, "X"), "-3");
        assert_eq!(world.stock("A-1", "X"), "94");
        world.settle("12:00");
        assert_eq!(world.counted(counted.id, "X").state, CountState::Recount);
        let (case, row) = world.open_cases().remove(0);
        let figure = |name: &str| {
            let arguments = &row.reasons[0].arguments;
            let found = arguments.iter().find(|(known, _argument)| known == name).unwrap();
            found.1.clone()
        };
        let quantity = |text| protocol::outcome::Argument::Quantity(crate::world::q(text));
        assert_eq!((figure("low"), figure("high")), (quantity("-3"), quantity("0")));
        // The supervisor knows that the pick came first.
        world.decide(case, Choice::Before);
        assert_eq!(world.difference(counted.id, "X"), "0");
        assert_eq!(world.stock("A-1", "X"), "97");
        assert!(matches!(world.case(case).state, CaseState::Decided { .. }));
    }
}
