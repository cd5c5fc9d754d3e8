//! How long the server was not reached. After a week the device uploads what it has and records nothing
//! more: what it shows by then is too old to work by, and a lost device is of no use to whoever found it.
//!
//! Counted is the time that the device was switched on, by the clocks of its boots: it is the only time
//! that is certain without the server. A wrong wall clock locks nobody out.

use protocol::identity::Boot;
use serde::{Deserialize, Serialize};

use super::{DeviceCore, RecordError};

/// How much older than the last contact what the disk says of it may be, in microseconds.
const KEPT_EVERY_US: u64 = 3_600_000_000;
/// The person is told so long before, in microseconds.
const WARNED_US: u64 = 24 * 3_600_000_000;

/// The last time that the server was reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Contact {
    /// The boot that it was in.
    #[serde(rename = "b")]
    boot: Boot,
    /// Monotonic microseconds of that boot.
    #[serde(rename = "m")]
    mono_us: u64,
    /// Microseconds of later boots that have ended.
    #[serde(rename = "f", default)]
    ended_us: u64,
}

impl Contact {
    /// A contact now.
    pub(super) const fn at(boot: Boot, mono_us: u64) -> Self {
        Self { boot, mono_us, ended_us: 0 }
    }

    /// The boot `ended` is over; it was awake at `last_us` of it.
    pub(super) fn boot_ended(&mut self, ended: Boot, last_us: u64) {
        let from = if ended == self.boot { self.mono_us } else { 0 };
        self.ended_us = self.ended_us.saturating_add(last_us.saturating_sub(from));
    }

    /// Microseconds without contact, at `mono_us` of the boot that runs.
    fn silent_us(&self, boot: Boot, mono_us: u64) -> u64 {
        if boot == self.boot {
            mono_us.saturating_sub(self.mono_us)
        } else {
            self.ended_us.saturating_add(mono_us)
        }
    }
}

impl DeviceCore {
    /// The server was reached.
    pub(super) fn note_contact(&mut self, mono_us: u64) {
        let now = Contact::at(self.clock.current(), mono_us);
        let is_known = self.contact_kept.is_some_and(|kept| {
            kept.boot == now.boot && mono_us.saturating_sub(kept.mono_us) < KEPT_EVERY_US
        });
        self.contact = Some(now);
        if !is_known {
            self.save_state();
        }
    }

    /// Microseconds that the device was switched on since the server was reached.
    pub fn silent_us(&self, mono_us: u64) -> u64 {
        self.contact.map_or(0, |contact| contact.silent_us(self.clock.current(), mono_us))
    }

    /// Microseconds since the server was reached, where that was in the boot that runs.
    pub(super) fn reached_us_ago(&self, mono_us: u64) -> Option<u64> {
        let contact = self.contact.filter(|contact| contact.boot == self.clock.current())?;
        Some(mono_us.saturating_sub(contact.mono_us))
    }

    /// Microseconds until nothing more is recorded, when that is within a day.
    pub(super) fn locks_in_us(&self, mono_us: u64) -> Option<u64> {
        let left_us = self.config.silence_max_us.saturating_sub(self.silent_us(mono_us));
        (self.recorder.is_some() && left_us <= WARNED_US).then_some(left_us)
    }

    /// Refuses what a person records after too long without contact.
    pub(super) fn check_contact(&self, mono_us: u64) -> Result<(), RecordError> {
        if self.silent_us(mono_us) < self.config.silence_max_us {
            return Ok(());
        }
        let days = self.silent_us(mono_us) / (24 * 3_600_000_000);
        Err(RecordError::OutOfTouch { days })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_is_the_time_that_it_was_switched_on() {
        let mut contact = Contact::at(Boot(3), 1_000);
        assert_eq!(contact.silent_us(Boot(3), 5_000), 4_000);
        contact.boot_ended(Boot(3), 9_000);
        assert_eq!(contact.silent_us(Boot(4), 100), 8_100);
        contact.boot_ended(Boot(4), 500);
        assert_eq!(contact.silent_us(Boot(5), 0), 8_500);
    }
}
