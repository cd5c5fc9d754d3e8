//! What people see on their screens and act on at once: what another one has just done.
//!
//! Most so whoever has just switched a device on. The server knows the clock of such a boot by one answer
//! that came late, so the middle of what is known of it may be off by more than what passes between an act
//! and the answer of somebody who saw it: what was seen says which came first, and no clock does.

use device_core::engine::Work;
use protocol::identity::OperationId;
use protocol::operation::{Body, Place};

use super::floor::{BINS, Key, NUMBERS, SERIAL_ITEM, number_of};
use super::heard::interned;
use super::{Happening, MINUTE_US, Phase, SECOND_US, World};
use crate::prng::Prng;

/// How often somebody looks at the screen who waits for something.
const LOOK_AGAIN_US: i64 = SECOND_US / 10;
/// How many times, before something else is done.
const LOOKS_MAX: u32 = 30;
/// What others do while somebody comes back to work.
const MEANWHILE: usize = 3;

/// What somebody sees of an act of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Goods came into a bin, or were taken from it.
    Changed(&'static str),
    /// Something was counted in a bin.
    Counted(&'static str),
    /// A serial was brought somewhere.
    Brought(Key),
}

impl Seen {
    /// What there is to be seen of `work`.
    pub(super) fn of(work: &Work, prng: &mut Prng) -> Option<Self> {
        let known = |place: &Place| {
            let bin = interned(place.bin.as_ref()?.as_str(), &BINS);
            (bin != "?").then_some(bin)
        };
        match &work.body {
            Body::Move(body) if body.goods.item.as_str() == SERIAL_ITEM => {
                let serial = interned(number_of(&body.goods.tracking)?, &NUMBERS);
                Some(Self::Brought((known(&body.to)?, SERIAL_ITEM, Some(serial))))
            }
            Body::Move(body) if prng.chance(1, 2) => known(&body.to).map(Self::Changed),
            Body::Move(body) => known(&body.from).map(Self::Changed),
            Body::Pick(body) => known(&body.from).map(Self::Changed),
            Body::Receive(body) => known(&body.to).map(Self::Changed),
            Body::TransferReceive(body) => known(&body.to).map(Self::Changed),
            Body::Count(body) => known(&body.place).map(Self::Counted),
            Body::CountBin(body) => Some(Self::Counted(interned(body.bin.as_str(), &BINS))),
            _ => None,
        }
    }
}

impl World {
    /// Others look what comes of an act, to do something about it at once: now and then one of them, and
    /// always who has just switched a device on.
    pub(super) fn others_look(&mut self, place: usize, seen: Seen, name: OperationId) {
        let by_chance = if self.prng.chance(1, 3) {
            usize::try_from(self.prng.below(self.devices.len() as u64)).ok()
        } else {
            None
        };
        for other in (0..self.devices.len()).filter(|other| *other != place) {
            if by_chance == Some(other) || self.devices[other].is_barely_known(self.now_us) {
                self.later(LOOK_AGAIN_US, Happening::Look(other, seen, name, LOOKS_MAX));
            }
        }
    }

    /// Somebody acts as soon as the screen shows what another one did.
    pub(super) fn look(&mut self, place: usize, seen: Seen, of: OperationId, tries: u32) {
        if self.phase != Phase::Shift || tries == 0 || !self.devices[place].is_up() {
            return;
        }
        let decided = self.server.first_decided(of);
        let has_seen = decided.is_some_and(|lsn| self.devices[place].cursor() >= Some(lsn));
        if !has_seen {
            let looks = Happening::Look(place, seen, of, tries - 1);
            return self.later(LOOK_AGAIN_US, looks);
        }
        if let Some(work) = self.floor.at_once(seen, &mut self.prng) {
            self.successes.looks += 1;
            self.record(place, work);
        }
    }

    /// The network of a device is there: gives how long its first answer takes, while radios wake up.
    /// Whoever has just switched it on waits for what is on the screen, and others go on meanwhile.
    pub(super) fn first_answer_us(&mut self, place: usize) -> i64 {
        let is_switched_on = self.phase == Phase::Shift && !self.devices[place].has_reached_out();
        let slow_us = if is_switched_on && self.prng.chance(2, 3) {
            self.prng.between(4 * SECOND_US, 12 * SECOND_US)
        } else if self.prng.chance(1, 4) {
            self.prng.between(SECOND_US, 3 * SECOND_US)
        } else {
            0
        };
        self.successes.clogged += u64::from(slow_us > 0);
        if is_switched_on {
            for _act in 0..MEANWHILE {
                let after = slow_us + self.prng.between(SECOND_US, 12 * SECOND_US);
                self.later(after, Happening::Meanwhile(place));
            }
        }
        slow_us
    }

    /// Another one than the person at `place` does the next thing, one whose device is connected.
    pub(super) fn meanwhile(&mut self, place: usize) {
        if self.phase != Phase::Shift {
            return;
        }
        let is_there = |other: &usize| *other != place && self.devices[*other].current().is_some();
        let others: Vec<usize> = (0..self.devices.len()).filter(is_there).collect();
        if !others.is_empty() {
            let other = *self.prng.pick(&others);
            self.see_answers(other);
            self.do_something(other);
        }
    }

    /// The battery of a device is changed, as it is a few times in a shift.
    pub(super) fn change_battery(&mut self, place: usize) {
        if self.phase != Phase::Shift {
            return;
        }
        if self.devices[place].is_up() {
            self.reboot(place);
        }
        self.battery_lasts(place);
    }

    /// Until the next change.
    pub(super) fn battery_lasts(&mut self, place: usize) {
        let after = self.prng.between(5 * MINUTE_US, 40 * MINUTE_US);
        self.later(after, Happening::Battery(place));
    }
}
