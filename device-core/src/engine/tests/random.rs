//! Random histories: whatever happens, the screen shows each effect exactly once.

use proptest::prelude::*;

use super::*;

/// Adjustments from here on are refused, today as after every restore.
const REFUSED: i128 = 7 * 100_000;
const BINS: [&str; 3] = ["A-01", "B-01", "SHIP"];

/// Something that happens.
#[derive(Debug, Clone)]
enum Step {
    Record(u8, i32),
    Up,
    Down,
    Post,
    Ring,
    Other,
    CutWire,
    Restart,
    CutPower(usize, usize),
    LoseQueue,
    LoseReplica,
    FailReplica,
    RaiseFeedLow,
    Backup,
    Restore,
    Chores,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (0_u8..6, 1_i32..9).prop_map(|(kind, units)| Step::Record(kind, units)),
        20 => Just(Step::Up),
        20 => Just(Step::Down),
        12 => Just(Step::Post),
        4 => Just(Step::Ring),
        3 => Just(Step::Other),
        2 => Just(Step::CutWire),
        1 => Just(Step::Restart),
        2 => (0_usize..4, 0_usize..4).prop_map(|(q, r)| Step::CutPower(q, r)),
        1 => Just(Step::LoseQueue),
        1 => Just(Step::LoseReplica),
        1 => Just(Step::FailReplica),
        1 => Just(Step::RaiseFeedLow),
        1 => Just(Step::Backup),
        1 => Just(Step::Restore),
        2 => Just(Step::Chores),
    ];
    prop::collection::vec(step, 1..160)
}

fn body(kind: u8, units: i32) -> Body {
    match kind {
        0 => receive("A-01", "BOLT", units),
        1 => moved("A-01", "B-01", "BOLT", units),
        2 => pick("B-01", "BOLT", units),
        3 => count("A-01", "BOLT", units),
        4 => adjust("A-01", "BOLT", -units),
        _ => adjust("B-01", "BOLT", units),
    }
}

/// What should be on the screen: everything recorded, in order, but what this device knows to be
/// refused. Undoing is among the cases: the
/// small server posts no corrections.
fn expected(world: &World, code: &str) -> i64 {
    let mut sum = 0;
    for (name, body) in &world.recorded {
        let is_refusable =
            matches!(body, Body::Adjust(adjust) if adjust.goods.base.units() >= REFUSED);
        if is_refusable && world.core.replica().marks().contains(*name) {
            continue;
        }
        for effect in crate::view::Effects::of(body, |_| match location_row() {
            protocol::feed::FeedRow::Location(row) => Some(row),
            _ => None,
        })
        .goods
        {
            if effect.key.spot == crate::view::Spot::Loose(Some(bin(code))) {
                sum = match effect.change {
                    crate::view::Change::Add(units) => sum + whole(units),
                    crate::view::Change::Set(units) => whole(units),
                };
            }
        }
    }
    sum
}

impl World {
    fn random_step(&mut self, step: &Step, backup: &mut Option<server::Book>) {
        match step {
            Step::Record(kind, units) => drop(self.record(&body(*kind, *units))),
            Step::Up => drop(self.deliver_up()),
            Step::Down => drop(self.deliver_down()),
            Step::Post => drop(self.post()),
            Step::Ring => drop(self.ring()),
            Step::Other => {
                self.server.other_moves();
                self.feed();
            }
            Step::CutWire => self.cut_wire(),
            Step::Restart => self.restart(),
            Step::CutPower(queue, replica) => self.cut_power(*queue, *replica),
            Step::LoseQueue => {
                self.folders.queue.destroy();
                self.restart();
            }
            Step::LoseReplica => {
                self.folders.replica.destroy();
                self.restart();
            }
            Step::FailReplica => self.folders.replica.fail(),
            Step::RaiseFeedLow => {
                self.server.feed_low = self.server.book.log.last().unwrap().lsn;
            }
            Step::Backup => *backup = Some(self.server.book.clone()),
            Step::Restore => {
                if let Some(backup) = backup.clone() {
                    self.cut_wire();
                    self.server.restore(backup);
                    self.server.others = 0;
                    self.server.feed_low = protocol::identity::Lsn(0);
                }
            }
            Step::Chores => self.event(Event::Timer(Timer::Chores)),
        }
    }
}

proptest! {
    // A quarter of the usual number: each case is a whole history. PROPTEST_CASES raises it.
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 4,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_effect_is_shown_exactly_once_and_posted_exactly_once(steps in steps()) {
        let mut world = World::online();
        world.server.refuse_from = REFUSED;
        let mut backup = None;
        for (index, step) in steps.iter().enumerate() {
            world.random_step(step, &mut backup);
            // A replica that was lost shows nothing until its rows are back.
            if world.core.replica().is_ready() && !matches!(step, Step::FailReplica) {
                for code in BINS {
                    let fold = world.core.fold();
                    let lines = fold.stock_in_bin(&main_location(), Some(&bin(code)), 999);
                    if lines.is_err() {
                        continue;
                    }
                    prop_assert_eq!(
                        world.shown(code),
                        expected(&world, code),
                        "{} after step {} {:?}", code, index, step
                    );
                }
            }
        }
        world.is_offline = false;
        world.event(Event::Timer(Timer::Chores));
        world.settle();
        for code in BINS {
            prop_assert_eq!(world.shown(code), world.booked(code), "settled: {}", code);
        }
        let n_posted = world.server.book.decisions.len();
        prop_assert_eq!(n_posted, world.recorded.len());
    }
}
