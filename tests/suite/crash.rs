//! Of each name the first step with a kill and the last with a power cut; of backups, whose trials take
//! longest, one in five of these (`simulate --crash-points` has all steps in every way).

use std::collections::BTreeSet;

use tests::crash::{Copies, End, Which, copies, enumerate};

/// A process that dies is a panic here: hundreds of them need not be told.
fn quietly() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !tests::crash::is_end(info.payload()) {
            usual(info);
        }
    }));
}

#[test]
fn no_durable_step_of_device_or_server_may_not_be_the_last_one() {
    quietly();
    let mut names = BTreeSet::new();
    let mut broken = Vec::new();
    let mut n = 0;
    enumerate(Which::Sampled, &[End::Kill, End::PowerCut], |trial| {
        n += 1;
        names.insert(trial.point.clone());
        if let Some(why) = &trial.broke {
            broken.push(format!("step {} ({}): {why}", trial.step, trial.point));
        }
    });
    assert!(broken.is_empty(), "{} of {n}: {broken:#?}", broken.len());
    assert!(names.len() >= 60, "the script does little to the disks: {}", names.len());
    let on_server = names.iter().filter(|name| name.starts_with("server")).count();
    assert!(on_server >= 10, "{on_server}");
    for (what, least) in [
        ("device, a new key", 5),
        ("device, a wipe", 5),
        ("backup, first backup", 3),
        ("backup, putting back", 3),
    ] {
        let n = names.iter().filter(|name| name.starts_with(what)).count();
        assert!(n >= least, "{what}: {n}");
    }
}

#[test]
fn every_mutant_is_noticed_and_what_is_right_is_not() {
    use tests::crash::{Mutant, notice};
    notice(None).expect("nothing is wrong");
    let survivors: Vec<&str> = Mutant::ALL
        .into_iter()
        .filter(|mutant| match notice(Some(*mutant)) {
            Ok(()) => true,
            Err(why) => {
                println!("{}: {why}", mutant.name());
                false
            }
        })
        .map(Mutant::name)
        .collect();
    assert!(survivors.is_empty(), "survived: {survivors:?}");
}

#[test]
fn whichever_trigger_is_missing_everything_comes_to_rest() {
    use tests::crash::{Trigger, settle};
    for missing in std::iter::once(None).chain(Trigger::ALL.map(Some)) {
        let settled = settle(missing).unwrap_or_else(|why| panic!("{why}"));
        println!("{missing:?}: {:?}", settled.phases);
        assert!(settled.phases.iter().all(|(_name, n, _seconds)| *n > 0), "{settled:?}");
        let slowest = settled.phases.iter().map(|(_name, _n, seconds)| *seconds).max();
        assert!(slowest <= Some(2_700), "{settled:?}");
    }
}

#[test]
fn an_original_and_its_copy_that_work_in_turn_lose_nothing_and_come_to_rest() {
    let Copies { n_turns, n_connections, n_alarms } =
        copies().unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(n_alarms, 1, "a person is told, and once");
    // Each turn begins with a connection; the copy comes in once more, as what it was told to be.
    assert!(n_connections <= 2 * n_turns + 3, "{n_connections} for {n_turns} turns of each");
}
