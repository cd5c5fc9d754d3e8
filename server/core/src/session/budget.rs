//! What one device may send: buckets that fill with time.
//!
//! A device that works, or comes back after a season, never sees their bottom. One that is broken,
//! or was taken over, fills the disk no faster than they fill, and asks no more. What it recorded
//! stays with it: it is told to wait, or not answered where the wire says so, and nothing is lost.
//!
//! Photos have a bucket of their own: they never delay an operation.

use std::collections::BTreeMap;

use protocol::frame::Frame;
use protocol::identity::{DeviceId, ServerTime};

const SECOND_US: u64 = 1_000_000;

/// Requests that a question costs: it may read some thousand rows.
const QUESTION: u64 = 10;
/// Requests that a record in the book costs, where a device can cause one without an operation.
pub(super) const RECORD: u64 = 200;
/// Requests that a note about a device costs.
pub(super) const NOTE: u64 = 10;
/// Bytes that a part of a photo costs at least.
const PART_BYTES_MIN: u64 = 16 << 10;

/// So many photos a whole one costs that is not what its operation says: it was written for nothing, and a
/// device whose disk has turned a bit over has one of them in a year.
const WRONG_PHOTOS: u64 = 8;

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
    /// Bytes of photos at once.
    pub photo_bytes: u64,
    /// Bytes of photos that are given back each second.
    pub photo_bytes_per_s: u64,
    /// Frames at once that are neither operations nor heartbeats nor photos.
    pub requests: u64,
    /// Requests that are given back each second.
    pub requests_per_s: u64,
}

impl Allowance {
    /// Five full queues at once (SYNC 2.6), then a hundred scans each second; sixty large photos,
    /// then one a minute; what some hundred connections ask in a row, then two questions a second.
    pub const DEFAULT: Self = Self {
        operations: 1_000_000,
        operations_per_s: 100,
        bytes: 1 << 30,
        bytes_per_s: 64 << 10,
        photo_bytes: 256 << 20,
        photo_bytes_per_s: 64 << 10,
        requests: 2_000,
        requests_per_s: 20,
    };
}

/// What a device asks for: the buckets, in the order of [`Allowance`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Asked {
    pub(crate) operations: u64,
    pub(crate) bytes: u64,
    pub(crate) photo_bytes: u64,
    pub(crate) requests: u64,
}

impl Asked {
    /// A part of a photo.
    pub(super) fn part(bytes: usize) -> Self {
        let photo_bytes = u64::try_from(bytes).unwrap_or(u64::MAX).max(PART_BYTES_MIN);
        Self { photo_bytes, ..Self::default() }
    }

    /// A photo that was all wrong.
    pub(super) fn wrong_photo(length: u32) -> Self {
        Self { photo_bytes: u64::from(length).saturating_mul(WRONG_PHOTOS), ..Self::default() }
    }

    /// So many requests.
    pub(super) fn requests(requests: u64) -> Self {
        Self { requests, ..Self::default() }
    }

    /// What `frame` costs before anybody has looked at it. Operations and photos are counted where
    /// they are taken; a heartbeat and the acknowledgement of a feed cost nothing to answer.
    pub(super) fn frame(frame: &Frame) -> Self {
        let is_free = matches!(
            frame,
            Frame::Push(_)
                | Frame::Heartbeat(_)
                | Frame::DeltaAck(_)
                | Frame::BlobPut(_)
                | Frame::Bye(_)
        );
        let is_question = matches!(frame, Frame::Query(_));
        Self::requests(match (is_free, is_question) {
            (true, _) => 0,
            (false, true) => QUESTION,
            (false, false) => 1,
        })
    }
}

/// What is left to one device.
#[derive(Debug, Clone, Copy)]
struct Left {
    left: Asked,
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
    /// Takes what is `asked` from what is left to `device` at `now`: all of it or nothing.
    pub(crate) fn take(
        &mut self,
        (device, now): (DeviceId, ServerTime),
        allowance: &Allowance,
        asked: Asked,
    ) -> Result<(), WaitMs> {
        let left = self.of((device, now), allowance);
        let per_s = allowance.per_s();
        let missing = |wanted: u64, left: u64, per_s: u64| {
            let missing_us = u128::from(wanted.saturating_sub(left)) * u128::from(SECOND_US);
            missing_us.div_ceil(u128::from(per_s.max(1)))
        };
        let has = left.left;
        let wait_us = missing(asked.operations, has.operations, per_s.operations)
            .max(missing(asked.bytes, has.bytes, per_s.bytes))
            .max(missing(asked.photo_bytes, has.photo_bytes, per_s.photo_bytes))
            .max(missing(asked.requests, has.requests, per_s.requests));
        if wait_us > 0 {
            return Err(WaitMs(u32::try_from(wait_us.div_ceil(1_000)).unwrap_or(u32::MAX)));
        }
        left.left = has.each(asked, u64::saturating_sub);
        Ok(())
    }

    /// Takes what is `asked` for something that is done already, as far as there is any.
    pub(crate) fn fine(
        &mut self,
        whom: (DeviceId, ServerTime),
        allowance: &Allowance,
        asked: Asked,
    ) {
        let left = self.of(whom, allowance);
        left.left = left.left.each(asked, u64::saturating_sub);
    }

    fn of(&mut self, (device, now): (DeviceId, ServerTime), allowance: &Allowance) -> &mut Left {
        let full = Left { left: allowance.full(), filled: now };
        let left = self.0.entry(device).or_insert(full);
        left.fill(allowance, now);
        left
    }
}

impl Asked {
    fn each(self, other: Self, of: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            operations: of(self.operations, other.operations),
            bytes: of(self.bytes, other.bytes),
            photo_bytes: of(self.photo_bytes, other.photo_bytes),
            requests: of(self.requests, other.requests),
        }
    }
}

impl Allowance {
    fn full(&self) -> Asked {
        Asked {
            operations: self.operations,
            bytes: self.bytes,
            photo_bytes: self.photo_bytes,
            requests: self.requests,
        }
    }

    fn per_s(&self) -> Asked {
        Asked {
            operations: self.operations_per_s,
            bytes: self.bytes_per_s,
            photo_bytes: self.photo_bytes_per_s,
            requests: self.requests_per_s,
        }
    }
}

impl Left {
    fn fill(&mut self, allowance: &Allowance, now: ServerTime) {
        let passed_us = u64::try_from(now.us_since(self.filled)).unwrap_or_default();
        // Whole seconds only: nothing is lost to rounding, however often it is asked.
        let seconds = passed_us.div_euclid(SECOND_US);
        let given = |left: u64, per_s: u64| left.saturating_add(seconds.saturating_mul(per_s));
        self.left = self.left.each(allowance.per_s(), given).each(allowance.full(), u64::min);
        let filled_us = i64::try_from(seconds.saturating_mul(SECOND_US)).unwrap_or(i64::MAX);
        self.filled = self.filled.plus_us(filled_us);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWANCE: Allowance = Allowance {
        operations: 100,
        operations_per_s: 10,
        bytes: 1_000,
        bytes_per_s: 50,
        photo_bytes: 64 << 10,
        photo_bytes_per_s: 16 << 10,
        requests: 20,
        requests_per_s: 2,
    };
    const SECOND: i64 = 1_000_000;

    fn push(operations: u64, bytes: u64) -> Asked {
        Asked { operations, bytes, ..Asked::default() }
    }

    #[test]
    fn a_budget_is_used_up_and_fills_with_time() {
        let mut budgets = Budgets::default();
        let mut take = |device, at_us, (operations, bytes)| {
            let asked = push(operations, bytes);
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
        assert_eq!(take(0, push(100, 0)), Ok(()));
        for tenth in 1..10 {
            assert!(take(tenth * SECOND / 10, push(10, 0)).is_err());
        }
        assert_eq!(take(SECOND, push(10, 0)), Ok(()));
    }

    #[test]
    fn photos_and_requests_have_buckets_of_their_own() {
        let mut budgets = Budgets::default();
        let mut take =
            |at_us, asked| budgets.take((DeviceId(1), ServerTime(at_us)), &ALLOWANCE, asked);
        for _part in 0..4 {
            assert_eq!(take(0, Asked::part(0)), Ok(()), "a part is never free");
        }
        assert_eq!(take(0, Asked::part(32 << 10)), Err(WaitMs(2_000)));
        assert_eq!(take(0, Asked::requests(21)), Err(WaitMs(500)));
        assert_eq!(take(0, Asked::requests(20)), Ok(()));
        assert_eq!(take(0, Asked::requests(1)), Err(WaitMs(500)));
        assert_eq!(take(0, push(100, 1_000)), Ok(()), "an operation waits for neither");
        assert_eq!(take(2 * SECOND, Asked::part(32 << 10)), Ok(()));
    }
}
