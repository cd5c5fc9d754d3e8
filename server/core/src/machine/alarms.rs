//! How often one device may cause an alarm: people read a few of them, and a list of a few hundred
//! must not be flooded by one device.
//!
//! 1. Of one kind and one device, one alarm is told at once, and then at most one a minute.
//! 2. The last one that was held back is told when the minute is over: what stands at the end is
//!    what was true last.

use std::collections::BTreeMap;

use protocol::identity::{DeviceId, ServerTime};

use super::event::Alarm;

/// Between two alarms of one kind and one device, in microseconds.
pub(super) const INTERVAL_US: i64 = 60_000_000;

/// When it was told last, and what was not told since.
#[derive(Debug)]
struct Told {
    at: ServerTime,
    waiting: Option<Alarm>,
}

/// The alarms of the last minute.
#[derive(Debug, Default)]
pub(super) struct Alarms(BTreeMap<(u8, DeviceId), Told>);

impl Alarms {
    /// Gives `alarm` back, which `device` has caused, when it is to be told at `now`; else it is kept.
    pub(super) fn take(
        &mut self,
        (device, now): (DeviceId, ServerTime),
        alarm: Alarm,
    ) -> Option<Alarm> {
        let key = (kind(&alarm), device);
        match self.0.get_mut(&key).filter(|told| now.us_since(told.at) < INTERVAL_US) {
            None => {
                self.0.insert(key, Told { at: now, waiting: None });
                Some(alarm)
            }
            Some(told) => {
                told.waiting = Some(joined(told.waiting.take(), alarm));
                None
            }
        }
    }

    /// What was held back and is to be told at `now`.
    pub(super) fn due(&mut self, now: ServerTime) -> Vec<Alarm> {
        let mut due = Vec::new();
        self.0.retain(|_key, told| {
            if now.us_since(told.at) < INTERVAL_US {
                return true;
            }
            match told.waiting.take() {
                None => false,
                Some(alarm) => {
                    due.push(alarm);
                    told.at = now;
                    true
                }
            }
        });
        due
    }
}

/// The later one of two that are told as one. Losses add up.
fn joined(before: Option<Alarm>, mut alarm: Alarm) -> Alarm {
    if let (
        Some(Alarm::OperationsMissing { n_operations: earlier, .. }),
        Alarm::OperationsMissing { n_operations, .. },
    ) = (before, &mut alarm)
    {
        *n_operations = n_operations.saturating_add(earlier);
    }
    alarm
}

fn kind(alarm: &Alarm) -> u8 {
    match alarm {
        Alarm::Poison { .. } => 0,
        Alarm::StaleStore { .. } => 1,
        Alarm::ServerIsOldCopy { .. } => 2,
        Alarm::OrderRefused { .. } => 3,
        Alarm::FeedRejected { .. } => 4,
        Alarm::ReplicaDiffers { .. } => 5,
        Alarm::DeviceStorage { .. } => 6,
        Alarm::OperationsMissing { .. } => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(device: u32, n_operations: u64) -> Alarm {
        Alarm::OperationsMissing { device: DeviceId(device), n_operations }
    }

    #[test]
    fn one_of_a_kind_and_device_is_told_in_a_minute_and_then_the_last() {
        let mut alarms = Alarms::default();
        let at = |us| ServerTime(1_000 + us);
        let (one, two) = (DeviceId(1), DeviceId(2));
        let rejected = |detail: &str| Alarm::FeedRejected { device: one, detail: detail.into() };
        assert_eq!(alarms.take((one, at(0)), missing(1, 5)), Some(missing(1, 5)));
        assert_eq!(alarms.take((one, at(1)), missing(1, 3)), None);
        assert_eq!(alarms.take((one, at(2)), missing(1, 4)), None);
        assert!(alarms.take((two, at(2)), missing(2, 1)).is_some(), "each device has its own");
        assert!(alarms.take((one, at(2)), rejected("a")).is_some(), "and each kind");
        assert_eq!(alarms.take((one, at(3)), rejected("b")), None);
        assert_eq!(alarms.take((one, at(4)), rejected("c")), None);
        assert_eq!(alarms.due(at(INTERVAL_US - 1)), []);
        assert_eq!(alarms.due(at(INTERVAL_US + 2)), [rejected("c"), missing(1, 7)]);
        assert_eq!(alarms.take((one, at(INTERVAL_US + 9)), missing(1, 1)), None, "counted anew");
        assert_eq!(alarms.due(at(3 * INTERVAL_US)), [missing(1, 1)]);
        assert_eq!(alarms.due(at(4 * INTERVAL_US)), []);
        assert!(alarms.0.is_empty(), "nothing is kept of what is over");
    }
}
