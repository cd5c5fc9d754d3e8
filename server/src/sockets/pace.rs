//! How fast one connection is read: whoever sends faster than any device works waits in its own
//! network, and keeps nobody else waiting.

use std::time::Duration;

use protocol::identity::ServerTime;

const SECOND_US: i64 = 1_000_000;
/// Messages each second, and at once.
const MESSAGES_PER_S: i64 = 500;
const MESSAGES_AT_ONCE: i64 = 2_000;
/// Bytes each second, and at once: a full queue drains at the speed of any radio.
const BYTES_PER_S: i64 = 8 << 20;
const BYTES_AT_ONCE: i64 = 32 << 20;

/// The pace of one connection.
#[derive(Debug)]
pub(super) struct Pace {
    messages: Steady,
    bytes: Steady,
}

/// When the next unit is due, if units come at a steady rate.
#[derive(Debug)]
struct Steady {
    per_s: i64,
    at_once_us: i64,
    next: ServerTime,
}

impl Steady {
    fn new(per_s: i64, at_once: i64, now: ServerTime) -> Self {
        let at_once_us = at_once.saturating_mul(SECOND_US) / per_s;
        Self { per_s, at_once_us, next: now.plus_us(-at_once_us) }
    }

    /// Counts `units` that came at `now`; microseconds until the next may come.
    fn count(&mut self, units: i64, now: ServerTime) -> i64 {
        let cost_us = units.saturating_mul(SECOND_US) / self.per_s;
        self.next = self.next.max(now.plus_us(-self.at_once_us)).plus_us(cost_us);
        self.next.us_since(now)
    }
}

impl Pace {
    pub(super) fn new(now: ServerTime) -> Self {
        Self {
            messages: Steady::new(MESSAGES_PER_S, MESSAGES_AT_ONCE, now),
            bytes: Steady::new(BYTES_PER_S, BYTES_AT_ONCE, now),
        }
    }

    /// Counts a message of `bytes` that came at `now`; how long to wait before the next is read.
    pub(super) fn count(&mut self, bytes: usize, now: ServerTime) -> Duration {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let wait_us = self.messages.count(1, now).max(self.bytes.count(bytes, now));
        Duration::from_micros(wait_us.max(0).unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: ServerTime = ServerTime(1_000 * SECOND_US);

    #[test]
    fn a_flood_is_read_at_the_pace_of_the_house() {
        let mut pace = Pace::new(NOW);
        let at_once = (0..5_000).take_while(|_n| pace.count(10, NOW).is_zero()).count();
        assert_eq!(at_once, usize::try_from(MESSAGES_AT_ONCE).unwrap());
        assert_eq!(pace.count(10, NOW), Duration::from_millis(4));
        let later = NOW.plus_us(10 * SECOND_US);
        assert!(pace.count(10, later).is_zero(), "who waits is read again");
    }

    #[test]
    fn large_messages_count_by_their_bytes() {
        let mut pace = Pace::new(NOW);
        let at_once = (0..5_000).take_while(|_n| pace.count(1 << 20, NOW).is_zero()).count();
        assert_eq!(at_once, 32);
    }

    #[test]
    fn a_device_at_work_never_waits() {
        let mut pace = Pace::new(NOW);
        for tenth in 0..36_000 {
            let now = NOW.plus_us(tenth * SECOND_US / 10);
            assert!(pace.count(2_000, now).is_zero());
        }
    }
}
