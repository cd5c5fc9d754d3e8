//! Several operations that are recorded as one step: all of them or none, with one sync.

use super::*;

/// So many receipts of one piece each, as a row of serial numbers is recorded.
fn works(n: usize) -> Vec<Work> {
    let work = |_n| Work { body: receive("A-01", "BOLT", 1), document: None };
    (0..n).map(work).collect()
}

impl World {
    fn record_many(&mut self, works: &[Work]) -> Result<Vec<OperationId>, RecordError> {
        let (names, actions) = self.core.record_many(self.at(), works)?;
        self.act(actions);
        Ok(names)
    }

    /// The power goes while a step of 20 operations is written, of which these sectors reach the disk.
    fn cut_in_step(&mut self, cut: Cut) {
        // It is written first, then synced.
        self.folders.recorder.crash_at(1);
        assert!(self.record_many(&works(20)).is_err());
        self.folders.recorder.cut_power(cut);
        self.cut_power(9, 9);
    }
}

#[test]
fn a_step_that_is_cut_short_is_recorded_as_a_whole_or_not_at_all_and_is_told_of() {
    let mut seen = BTreeMap::new();
    let cuts = (0..40).map(|seed| Cut::Torn { seed });
    for cut in cuts.chain([Cut::KeepUnsynced, Cut::DropUnsynced]) {
        let mut world = World::online();
        world.is_offline = true;
        world.cut_wire();
        world.cut_in_step(cut);
        let shown = world.shown("A-01");
        let told = match world.core.last_step() {
            Some(LastStep::Recorded { n, last }) => {
                assert_eq!((n, shown, last.state), (20, 20, OperationState::SavedHere), "{cut:?}");
                "recorded"
            }
            Some(LastStep::NotRecorded) => {
                assert_eq!(shown, 0, "{cut:?}");
                "not recorded"
            }
            // Nothing has reached the disk: nobody can tell that anything was tried.
            None => {
                assert_eq!(shown, 0, "{cut:?}");
                "nothing"
            }
        };
        *seen.entry(told).or_insert(0) += 1;
        // The next step is what is known then; and the numbers go on for the server.
        world.record(&receive("A-01", "BOLT", 100));
        assert_eq!(world.core.last_step(), None, "{cut:?}");
        world.is_offline = false;
        world.settle();
        assert_eq!(world.booked("A-01"), shown + 100, "{cut:?}");
    }
    assert!(seen["recorded"] > 0 && seen["not recorded"] > 10, "{seen:?}");
}

#[test]
fn a_step_that_the_server_has_is_not_told_of() {
    let mut world = World::online();
    world.record_many(&works(3)).unwrap();
    world.settle();
    world.restart();
    assert_eq!(world.core.last_step(), None);
}

#[test]
fn a_step_is_taken_back_with_one_sync_and_as_a_whole() {
    let mut world = World::online();
    let names = world.record_many(&works(20)).unwrap();
    world.settle();
    assert_eq!(world.booked("A-01"), 20);
    world.is_offline = true;
    world.cut_wire();
    let steps = |world: &World| world.folders.recorder.n_steps();
    let before = steps(&world);
    world.record_many(&works(20)[..1]).unwrap();
    let for_one = steps(&world) - before;

    // One of them is gone already; what nobody did takes nothing back.
    world.core.undo(world.at(), names[7]).unwrap();
    let nowhere = OperationId { seq: Seq(99), ..names[0] };
    let with_nowhere = [names[0], nowhere];
    let refused = world.core.undo_many(world.at(), &with_nowhere).unwrap_err();
    assert!(matches!(refused, UndoError::NotHere), "{refused}");
    assert_eq!(world.shown("A-01"), 20, "19 and the one of before");

    let before = steps(&world);
    let at = world.at();
    // Whoever names one of them twice takes it back once.
    let twice = [&names[..], &names[..3]].concat();
    let (undone, actions) = world.core.undo_many(at, &twice).unwrap();
    assert_eq!((undone.len(), steps(&world) - before), (19, for_one));
    world.act(actions);
    assert_eq!(world.shown("A-01"), 1);
    let again = world.core.undo_many(at, &names).unwrap_err();
    assert!(matches!(again, UndoError::AlreadyUndone), "{again}");
    world.is_offline = false;
    world.settle();
    // The small server books no undo: it is enough that each has arrived.
    assert_eq!(world.server.book.intake.len(), 20 + 1 + 1 + 19);
}
