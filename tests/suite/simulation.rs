//! A bounded set of worlds; the binary `simulate` plays as many as one likes.

use tests::world::{Plan, World};

#[test]
fn a_bounded_set_of_worlds_breaks_no_invariant() {
    let mut captured = 0;
    for seed in 1..=6 {
        let mut world = World::new(Plan::of_seed(seed));
        world.play();
        assert_eq!(world.violations, Vec::<String>::new(), "seed {seed}");
        captured += world.successes.captured;
    }
    assert!(captured > 100, "only {captured} operations were confirmed in all worlds");
}
