//! A steady rate, with a second's worth at once after a quiet time.

use protocol::identity::ServerTime;

pub(super) const SECOND_US: i64 = 1_000_000;

/// When the next one may come. It forgets no part of a turn, however often it is asked.
#[derive(Debug)]
pub(super) struct Rate {
    interval_us: i64,
    next: ServerTime,
}

impl Rate {
    /// `per_s` in a second, from `now` on.
    pub(super) fn new(per_s: u32, now: ServerTime) -> Self {
        Self { interval_us: interval_us(per_s), next: now }
    }

    /// The same, with a second's worth at `now`.
    pub(super) fn after_a_quiet_time(per_s: u32, now: ServerTime) -> Self {
        Self { next: now.plus_us(-SECOND_US), ..Self::new(per_s, now) }
    }

    fn turn(&self, now: ServerTime) -> ServerTime {
        self.next.max(now.plus_us(self.interval_us - SECOND_US))
    }

    /// How long one that comes at `now` waits for its turn, in microseconds.
    pub(super) fn wait_us(&self, now: ServerTime) -> i64 {
        self.turn(now).us_since(now).max(0)
    }

    /// Gives the next turn away.
    pub(super) fn take(&mut self, now: ServerTime) {
        self.next = self.turn(now).plus_us(self.interval_us);
    }
}

/// Microseconds between two of `per_s`.
pub(super) fn interval_us(per_s: u32) -> i64 {
    (SECOND_US / i64::from(per_s.max(1))).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: ServerTime = ServerTime(100 * SECOND_US);

    #[test]
    fn a_seconds_worth_comes_at_once_and_the_rest_in_turn() {
        let mut rate = Rate::new(10, NOW);
        let waits: Vec<_> = (0..20)
            .map(|_n| {
                let wait_us = rate.wait_us(NOW);
                rate.take(NOW);
                wait_us
            })
            .collect();
        assert_eq!((waits[0], waits[5], waits[19]), (0, 500_000, 1_900_000));
        let later = NOW.plus_us(60 * SECOND_US);
        let mut at_once = 0;
        while rate.wait_us(later) == 0 {
            rate.take(later);
            at_once += 1;
        }
        assert_eq!(at_once, 10);
    }

    #[test]
    fn no_part_of_a_turn_is_lost_however_often_it_is_looked_at() {
        let mut rate = Rate::new(500, NOW);
        let mut taken = 0;
        for n in 0..1_000 {
            let now = NOW.plus_us(n * 3_900);
            while rate.wait_us(now) == 0 {
                rate.take(now);
                taken += 1;
            }
        }
        assert!((1_940..=1_950).contains(&taken), "{taken} in 3.9 seconds");
    }
}
