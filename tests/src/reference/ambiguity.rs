//! Which movements may as well lie on the other side of a count, and what the books would say then.

use super::fold::{self, Event, Step};
use super::{Finding, Order};

/// Difference and final book under one choice of sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outlook {
    /// The difference of the count.
    pub difference: i128,
    /// The final quantity of the key.
    pub book: i128,
}

/// One ambiguous pair: a movement beside a count, read both ways, all else as placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The movement.
    pub movement: Order,
    /// If it happened just before the count.
    pub before: Outlook,
    /// If it happened just after the count.
    pub after: Outlook,
}

/// Looks at the count at `order`, whose book just before was `before`.
pub fn examine(line: &[Event], order: Order, before: i128) -> Finding {
    let place = line.iter().position(|event| event.order == order).expect("the count is on it");
    let count = line[place];
    let Step::Level(counted) = count.step else { panic!("a movement has no difference") };
    let others = || line.iter().enumerate().filter(|(at, _)| *at != place);
    let is_movement = |event: &Event| matches!(event.step, Step::Change(_));
    let ambiguous_at: Vec<usize> = others()
        .filter(|(_, event)| is_movement(event) && may_lie_on_either_side(event, &count))
        .map(|(at, _)| at)
        .collect();
    let (difference_min, difference_max) = range(line, place, &ambiguous_at);
    Finding {
        counted,
        before,
        difference: counted - before,
        ambiguous: ambiguous_at.iter().map(|at| read_both_ways(line, place, *at)).collect(),
        difference_min: difference_min.min(counted - before),
        difference_max: difference_max.max(counted - before),
        uncertain: count.uncertain
            || others()
                .any(|(_, other)| is_movement(other) && other.uncertain && touch(other, &count)),
        unordered_counts: others()
            .filter(|(_, other)| {
                !is_movement(other) && touch(other, &count) && !decided(other, &count)
            })
            .map(|(_, other)| other.order)
            .collect(),
    }
}

/// Whether nothing but the middle of an interval says on which side of `count` the movement lies.
fn may_lie_on_either_side(movement: &Event, count: &Event) -> bool {
    let own = movement.order.same_recorder(&count.order);
    let during = count
        .span_us
        .is_some_and(|(first, last)| (first..=last).contains(&movement.order.tau_us) && !own);
    during || (touch(movement, count) && !decided(movement, count))
}

/// Whether the two intervals have an instant in common.
fn touch(one: &Event, other: &Event) -> bool {
    let distance = i128::from(one.order.tau_us).abs_diff(i128::from(other.order.tau_us));
    let reach =
        u128::from(one.epsilon_us.unsigned_abs()) + u128::from(other.epsilon_us.unsigned_abs());
    distance <= reach
}

/// Whether program order or causality says which came first.
fn decided(one: &Event, other: &Event) -> bool {
    one.order.same_recorder(&other.order)
        || one.knowledge.had_seen(&other.knowledge)
        || other.knowledge.had_seen(&one.knowledge)
}

/// Moves the movement to just before and to just after the count and walks the line again.
fn read_both_ways(line: &[Event], count: usize, movement: usize) -> Reading {
    let outlook = |offset: usize| {
        let mut moved = line.to_vec();
        let event = moved.remove(movement);
        let count_at = if movement < count { count - 1 } else { count };
        moved.insert(count_at + offset, event);
        outlook_of(&moved, line[count].order)
    };
    Reading { movement: line[movement].order, before: outlook(0), after: outlook(1) }
}

fn outlook_of(line: &[Event], count: Order) -> Outlook {
    let levels = fold::walk(line);
    let (_, before) =
        levels.before_counts.iter().find(|(order, _)| *order == count).expect("the count is on it");
    let Some(Step::Level(counted)) =
        line.iter().find(|event| event.order == count).map(|event| event.step)
    else {
        panic!("a movement has no difference")
    };
    Outlook { difference: counted - before, book: levels.last }
}

/// Least and greatest difference when every ambiguous movement may choose its side.
///
/// All of them are first put behind the count; each that goes before it then takes its own change
/// off the difference. Program order among the movements may forbid some choices, so the true range
/// can be narrower, never wider.
fn range(line: &[Event], place: usize, ambiguous_at: &[usize]) -> (i128, i128) {
    let count = line[place].order;
    let mut kept: Vec<Event> = Vec::new();
    let mut changes = Vec::new();
    for (at, event) in line.iter().enumerate() {
        match event.step {
            Step::Change(delta) if ambiguous_at.contains(&at) => changes.push(delta),
            _ => kept.push(*event),
        }
    }
    let none_before = outlook_of(&kept, count).difference;
    let most: i128 = changes.iter().filter(|delta| **delta > 0).sum();
    let least: i128 = changes.iter().filter(|delta| **delta < 0).sum();
    (none_before - most, none_before - least)
}
