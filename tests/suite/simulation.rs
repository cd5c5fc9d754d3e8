//! A bounded set of worlds; the binary `simulate` plays as many as one likes.

use tests::world::{Bug, Plan, Successes, World};

/// How many worlds a deliberate bug may survive before the simulation is worth nothing.
const WORLDS_MAX: u64 = 20;

#[test]
fn a_bounded_set_of_worlds_breaks_no_invariant() {
    let mut all = Successes::default();
    for seed in 1..=6 {
        let mut world = World::new(Plan::of_seed(seed));
        world.play();
        assert_eq!(world.violations, Vec::<String>::new(), "seed {seed}");
        all.add(&world.successes);
    }
    assert!(all.captured > 100, "only {} operations were confirmed in all worlds", all.captured);
    for kind in ["undo", "adjust", "reclassify", "transfer_ship", "transfer_receive", "parked"] {
        let n: u64 = all.kinds.get(kind).map_or(0, |phases| phases.iter().sum());
        assert!(n > 0, "nothing in any world was: {kind}");
    }
    let audited = all.audited;
    // The auditor had money to look at: amounts, what was adjusted late, and its accounts.
    assert!(audited.runs > 100 && audited.values > audited.runs, "{audited:?}");
    assert!(audited.gl_entries > audited.runs && audited.adjustments > 0, "{audited:?}");
}

/// Plays worlds with `bug`, from seed `from` on, until one of them shows what it does to the books.
fn dies(bug: Bug, from: u64) {
    for seed in (from..).take(usize::try_from(WORLDS_MAX).unwrap()) {
        let plan = Plan { bug: Some(bug), audit_each: false, ..Plan::of_seed(seed) };
        let mut world = World::new(plan);
        world.play();
        if world.violations.iter().any(|violation| bug.shows_as(violation)) {
            return;
        }
    }
    panic!("{WORLDS_MAX} worlds did not notice {}: {}", bug.name(), bug.promise());
}

#[test]
fn a_server_that_acknowledges_before_its_disk_has_it_loses_facts() {
    dies(Bug::AckBeforeSync, 1);
}

#[test]
fn a_server_that_takes_relabelled_operations_for_new_ones_doubles_facts() {
    dies(Bug::NoDedupe, 1);
}

#[test]
fn an_order_that_ignores_what_people_had_seen_makes_wrong_books() {
    dies(Bug::NoCausality, 1);
}

#[test]
fn an_order_by_wall_clocks_makes_wrong_books() {
    dies(Bug::RawClock, 1);
}
