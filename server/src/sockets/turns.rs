//! Who knocks is let through in the order of knocking, at a pace that follows what goes on inside:
//! arithmetic over time, no socket, no clock.

use protocol::identity::ServerTime;

use super::rate::{SECOND_US, interval_us};

/// Connections are let through so many times faster than devices are admitted: pages need some.
const FASTER: u32 = 4;
/// So many per cent of those who may be admitted are let through while others wait inside. Whoever is
/// let through only to be sent away takes the time of those who may come in.
const CROWDED_PER_CENT: u32 = 120;

/// Turns, called one after the other.
#[derive(Debug)]
pub(super) struct Turns {
    quiet_us: i64,
    crowded_us: i64,
    is_crowded: bool,
    given: u64,
    called: u64,
    /// When the next one is called.
    next: ServerTime,
}

impl Turns {
    /// The turns of a house that admits `per_s` in each second, from `now` on.
    pub(super) fn new(per_s: u32, now: ServerTime) -> Self {
        Self {
            quiet_us: interval_us(per_s.saturating_mul(FASTER)),
            crowded_us: interval_us(per_s.saturating_mul(CROWDED_PER_CENT) / 100),
            is_crowded: false,
            given: 0,
            called: 0,
            next: now,
        }
    }

    /// The time between two turns where nobody waits inside, in microseconds.
    pub(super) fn quiet_us(&self) -> i64 {
        self.quiet_us
    }

    /// Says whether somebody waits inside, from `now` on.
    pub(super) fn crowded(&mut self, is_crowded: bool, now: ServerTime) {
        self.call(now);
        self.is_crowded = is_crowded;
    }

    /// How long somebody who came at `now` would wait, in microseconds.
    pub(super) fn ahead_us(&mut self, now: ServerTime) -> i64 {
        self.wait_us(self.given.saturating_add(1), now)
    }

    /// A turn for somebody who comes now.
    pub(super) fn take(&mut self) -> u64 {
        self.given = self.given.saturating_add(1);
        self.given
    }

    /// How long it takes until `turn` is called, in microseconds, at the pace of `now`.
    pub(super) fn wait_us(&mut self, turn: u64, now: ServerTime) -> i64 {
        self.call(now);
        let Some(before) = turn.saturating_sub(self.called).checked_sub(1) else { return 0 };
        let before = i64::try_from(before).unwrap_or(i64::MAX);
        let next_us = self.next.us_since(now).max(0);
        next_us.saturating_add(before.saturating_mul(self.interval_us()))
    }

    fn interval_us(&self) -> i64 {
        if self.is_crowded { self.crowded_us } else { self.quiet_us }
    }

    /// Calls all whose time has come.
    fn call(&mut self, now: ServerTime) {
        let interval_us = self.interval_us();
        if self.called == self.given {
            // A quiet time saves up a second's worth.
            self.next = self.next.max(now.plus_us(interval_us - SECOND_US));
            return;
        }
        let passed_us = now.us_since(self.next);
        if passed_us >= 0 {
            let due = u64::try_from(passed_us / interval_us).unwrap_or_default().saturating_add(1);
            let n = due.min(self.given.saturating_sub(self.called));
            self.called = self.called.saturating_add(n);
            let n = i64::try_from(n).unwrap_or(i64::MAX);
            self.next = self.next.plus_us(n.saturating_mul(interval_us));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: ServerTime = ServerTime(100 * SECOND_US);

    fn at(seconds: i64) -> ServerTime {
        NOW.plus_us(seconds * SECOND_US)
    }

    #[test]
    fn turns_come_one_after_the_other_and_slower_while_somebody_waits_inside() {
        let mut turns = Turns::new(100, NOW);
        let all: Vec<_> = (0..2_000).map(|_n| turns.take()).collect();
        let n_called = |turns: &mut Turns, now| {
            all.iter().filter(|turn| turns.wait_us(**turn, now) == 0).count()
        };
        assert_eq!(n_called(&mut turns, NOW), 1);
        assert_eq!(n_called(&mut turns, at(1)), 401);
        turns.crowded(true, at(1));
        assert_eq!(n_called(&mut turns, at(2)), 401 + 120);
        turns.crowded(false, at(2));
        assert_eq!(n_called(&mut turns, at(3)), 401 + 120 + 400);
    }

    #[test]
    fn a_quiet_time_saves_up_a_second() {
        let mut turns = Turns::new(100, NOW);
        assert_eq!(turns.ahead_us(at(60)), 0);
        let all: Vec<_> = (0..1_000).map(|_n| turns.take()).collect();
        let called = all.iter().filter(|turn| turns.wait_us(**turn, at(60)) == 0).count();
        assert_eq!(called, 400);
    }

    #[test]
    fn what_is_told_is_how_long_it_takes() {
        let mut turns = Turns::new(100, NOW);
        let mut last = 0;
        for _n in 0..800 {
            last = turns.take();
        }
        let wait_us = turns.wait_us(last, NOW);
        assert!(turns.wait_us(last, NOW.plus_us(wait_us - 1)) > 0);
        assert_eq!(turns.wait_us(last, NOW.plus_us(wait_us)), 0);
    }
}
