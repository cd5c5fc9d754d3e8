//! The time line of one stock key, and the single walk along it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Knowledge, Operation, Order, Standing, StockKey, What};

/// What happens to the level of one key at one place of its time line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The level changes by this much.
    Change(i128),
    /// The level is this much.
    Level(i128),
}

/// One place of the time line of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Where.
    pub order: Order,
    /// How exactly that is known.
    pub epsilon_us: i64,
    /// Whether the place depends on arrival.
    pub uncertain: bool,
    /// What the actor knew.
    pub knowledge: Knowledge,
    /// First and last scan, for a count that took a while.
    pub span_us: Option<(i64, i64)>,
    /// What happens.
    pub step: Step,
}

/// What one walk finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Levels {
    /// The level just before each count, in order.
    pub before_counts: Vec<(Order, i128)>,
    /// The level at the end.
    pub last: i128,
}

/// Sorts the operations into one time line per key. Counts that were taken out leave no event, but
/// their keys still get a line.
pub fn time_lines<K: StockKey>(operations: &[Operation<K>]) -> BTreeMap<K, Vec<Event>> {
    let mut lines: BTreeMap<K, Vec<Event>> =
        keys(operations).into_iter().map(|key| (key, Vec::new())).collect();
    for (key, line) in &mut lines {
        line.extend(operations.iter().filter_map(|operation| event(operation, key)));
        line.sort_by_key(|event| event.order);
        assert!(
            line.windows(2).all(|pair| pair[0].order < pair[1].order),
            "two operations share a place on the time line of one key"
        );
    }
    lines
}

/// Follows one time line from an empty shelf to the end.
pub fn walk(line: &[Event]) -> Levels {
    let mut levels = Levels { before_counts: Vec::new(), last: 0 };
    for event in line {
        match event.step {
            Step::Change(delta) => levels.last += delta,
            Step::Level(quantity) => {
                levels.before_counts.push((event.order, levels.last));
                levels.last = quantity;
            }
        }
    }
    levels
}

fn keys<K: StockKey>(operations: &[Operation<K>]) -> BTreeSet<K> {
    let mut keys = BTreeSet::new();
    for operation in operations {
        match &operation.what {
            What::Movement { key, .. } | What::Count { key, .. } => {
                keys.insert(key.clone());
            }
            What::BinCount { bin, lines } => {
                let listed: BTreeSet<K> = lines.iter().map(|line| line.key.clone()).collect();
                assert_eq!(listed.len(), lines.len(), "a key stands twice in a whole-bin count");
                assert!(lines.iter().all(|line| line.key.bin() == *bin), "a line of another bin");
                keys.extend(listed);
            }
        }
    }
    keys
}

/// What `operation` does to `key`, if anything.
fn event<K: StockKey>(operation: &Operation<K>, key: &K) -> Option<Event> {
    let (order, span_us, step) = match &operation.what {
        What::Movement { key: moved, delta } => {
            return (moved == key)
                .then(|| at(operation, operation.order, None, Step::Change(*delta)));
        }
        What::Count { key: counted, quantity } => {
            (counted == key).then_some((operation.order, operation.span_us, Step::Level(*quantity)))
        }
        What::BinCount { bin, lines } => {
            let listed = lines.iter().find(|line| line.key == *key);
            let explicit = listed.map(|line| (line.order, None, Step::Level(line.quantity)));
            let zero = (operation.order, operation.span_us, Step::Level(0));
            explicit.or_else(|| (key.bin() == *bin).then_some(zero))
        }
    }?;
    let stands = match &operation.standing {
        Standing::Posted => true,
        Standing::TakenOut => false,
        Standing::TakenOutFor(keys) => !keys.contains(key),
    };
    stands.then(|| at(operation, order, span_us, step))
}

fn at<K: StockKey>(
    operation: &Operation<K>,
    order: Order,
    span_us: Option<(i64, i64)>,
    step: Step,
) -> Event {
    Event {
        order,
        epsilon_us: operation.epsilon_us,
        uncertain: operation.uncertain,
        knowledge: operation.knowledge,
        span_us,
        step,
    }
}
