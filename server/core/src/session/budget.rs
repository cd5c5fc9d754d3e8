//! What one device may send: buckets that fill with time.
//!
//! A device that works, or comes back after a season, never sees their bottom. One that is broken,
//! or was taken over, fills the disk no faster than they fill. What it recorded stays with it: it is
//! told to wait, and nothing is lost.

use std::collections::BTreeMap;

use protocol::identity::{DeviceId, ServerTime};

const SECOND_US: u64 = 1_000_000;

/// How much one device may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Operations at once: more than a device can hold.
    pub operations: u64,
    /// Operations that are given back each second.
    pub operations_per_s: u64,
    /// Bytes at once.
    pub bytes: u64,
    /// Bytes that are given back each second.
    pub bytes_per_s: u64,
}

impl Allowance {
    /// Five full queues at once (SYNC 2.6), then a hundred scans each second.
    pub const DEFAULT: Self = Self {
        operations: 1_000_000,
        operations_per_s: 100,
        bytes: 1 << 30,
        bytes_per_s: 64 << 10,
    };
}

/// What is left to one device.
#[derive(Debug, Clone, Copy)]
struct Left {
    operations: u64,
    bytes: u64,
    /// Up to when the buckets were filled.
    filled: ServerTime,
}

/// What is left to each device that has sent something; kept while the server runs, so that
/// connecting again changes nothing.
#[derive(Debug, Default)]
pub(crate) struct Budgets(BTreeMap<DeviceId, Left>);

/// Milliseconds until the budget holds what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WaitMs(pub(crate) u32);

impl Budgets {
    /// Takes `operations` of `bytes` in all from what is left to `device` at `now`.
    pub(crate) fn take(
        &mut self,
        (device, now): (DeviceId, ServerTime),
        allowance: &Allowance,
        (operations, bytes): (u64, u64),
    ) -> Result<(), WaitMs> {
        let full = Left { operations: allowance.operations, bytes: allowance.bytes, filled: now };
        let left = self.0.entry(device).or_insert(full);
        left.fill(allowance, now);
        let missing = |wanted: u64, left: u64, per_s: u64| {
            let missing_us = u128::from(wanted.saturating_sub(left)) * u128::from(SECOND_US);
            missing_us.div_ceil(u128::from(per_s.max(1)))
        };
        let wait_us = missing(operations, left.operations, allowance.operations_per_s)
            .max(missing(bytes, left.bytes, allowance.bytes_per_s));
        if wait_us > 0 {
            return Err(WaitMs(u32::try_from(wait_us.div_ceil(1_000)).unwrap_or(u32::MAX)));
        }
        left.operations = left.operations.saturating_sub(operations);
        left.bytes = left.bytes.saturating_sub(bytes);
        Ok(())
    }
}

impl Left {
    fn fill(&mut self, allowance: &Allowance, now: ServerTime) {
        let passed_us = u64::try_from(now.us_since(self.filled)).unwrap_or_default();
        // Whole seconds only: nothing is lost to rounding, however often it is asked.
        let seconds = passed_us.div_euclid(SECOND_US);
        let filled = |left: u64, per_s: u64, most: u64| {
            left.saturating_add(seconds.saturating_mul(per_s)).min(most)
        };
        self.operations = filled(self.operations, allowance.operations_per_s, allowance.operations);
        self.bytes = filled(self.bytes, allowance.bytes_per_s, allowance.bytes);
        let filled_us = i64::try_from(seconds.saturating_mul(SECOND_US)).unwrap_or(i64::MAX);
        self.filled = self.filled.plus_us(filled_us);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWANCE: Allowance =
        Allowance { operations: 100, operations_per_s: 10, bytes: 1_000, bytes_per_s: 50 };
    const SECOND: i64 = 1_000_000;

    #[test]
    fn a_budget_is_used_up_and_fills_with_time() {
        let mut budgets = Budgets::default();
        let mut take = |device, at_us, asked| {
            budgets.take((DeviceId(device), ServerTime(at_us)), &ALLOWANCE, asked)
        };
        assert_eq!(take(1, 0, (100, 10)), Ok(()));
        assert_eq!(take(1, 0, (1, 10)), Err(WaitMs(100)));
        assert_eq!(take(2, 0, (100, 10)), Ok(()), "each device has its own");
        assert_eq!(take(1, SECOND, (10, 10)), Ok(()));
        assert_eq!(take(1, SECOND, (20, 10)), Err(WaitMs(2_000)));
        assert_eq!(take(1, 100 * SECOND, (100, 1_000)), Ok(()), "never more than full");
        assert_eq!(take(1, 100 * SECOND, (0, 100)), Err(WaitMs(2_000)));
    }

    #[test]
    fn asking_often_takes_nothing_away() {
        let mut budgets = Budgets::default();
        let mut take =
            |at_us, asked| budgets.take((DeviceId(1), ServerTime(at_us)), &ALLOWANCE, asked);
        assert_eq!(take(0, (100, 0)), Ok(()));
        for tenth in 1..10 {
            assert!(take(tenth * SECOND / 10, (10, 0)).is_err());
        }
        assert_eq!(take(SECOND, (10, 0)), Ok(()));
    }
}
