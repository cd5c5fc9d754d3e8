//! The order in which newcomers come in, as arithmetic over time: no socket, no clock.
//!
//! 1. [`Rate`] says how many may come in; [`Meter`] how many do, where the server does not keep up.
//! 2. While so many are in hand that the server owes them its next word, nobody else is called: what
//!    is begun is finished, instead of all being begun and none finished in time.
//! 3. Who waits comes in by urgency; the room holds as many as come in within two seconds.
//! 4. Everybody else gets an appointment of its own in [`Book`]: as soon as there is a place, spread
//!    over time as evenly as places come.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use protocol::identity::ServerTime;
use tokio::sync::oneshot;

use super::rate::{Rate, SECOND_US, interval_us};

/// The soonest that a newcomer is told to come back, in microseconds.
const SOONEST_US: i64 = 500_000;
/// How long an appointment lasts, in microseconds: who comes at any time of it is on time.
const LASTS_US: i64 = 500_000;
/// The appointments that are given when nobody would have to wait for a place, in microseconds.
const BOOK_MIN_US: i64 = 2 * SECOND_US;
/// The latest appointment, in microseconds.
const BOOK_MAX_US: i64 = 600 * SECOND_US;
/// How long somebody waits in the room, in seconds.
const ROOM_S: u32 = 2;
/// At least so many may be in hand at the same time, however slowly they are let in.
const IN_HAND_MIN: u32 = 16;

/// Earliest and latest, in milliseconds from now.
pub type Window = (u32, u32);

/// Who is let in first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// It holds work that is nowhere else.
    Unsent,
    /// It missed so many decisions.
    Behind(u64),
    /// It needs everything, or cannot be understood.
    Everything,
}

/// Somebody who is in hand: the server owes it the next word. Over when it is dropped.
#[derive(Debug)]
pub(super) struct InHand(Arc<AtomicUsize>);

impl InHand {
    pub(super) fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Told once: come in, or come back in the window.
pub(super) type Call = Result<InHand, Window>;

#[derive(Debug)]
pub(super) enum Asked {
    Enter(InHand),
    Wait(oneshot::Receiver<Call>),
    Away(Window),
}

/// Those who wait, and what decides about them.
#[derive(Debug)]
pub(super) struct Room {
    rate: Rate,
    meter: Meter,
    book: Book,
    in_hand: Arc<AtomicUsize>,
    in_hand_max: usize,
    waiting: BTreeMap<(Urgency, u64), oneshot::Sender<Call>>,
    n_asked: u64,
    /// Somebody calls those who wait.
    pub(super) is_kept: bool,
}

impl Room {
    /// A room of a house for `most`, of whom `per_s` come in each second.
    pub(super) fn new(most: usize, per_s: u32, now: ServerTime) -> Self {
        let in_hand_max = usize::try_from(per_s / 2).unwrap_or(usize::MAX);
        let in_hand_min = usize::try_from(IN_HAND_MIN).unwrap_or_default();
        Self {
            rate: Rate::after_a_quiet_time(per_s, now),
            meter: Meter::new(per_s, now),
            book: Book { next: now, most: i64::try_from(most).unwrap_or(i64::MAX) },
            in_hand: Arc::default(),
            in_hand_max: in_hand_max.max(in_hand_min),
            waiting: BTreeMap::new(),
            n_asked: 0,
            is_kept: false,
        }
    }

    /// The count of those who are in hand.
    pub(super) fn in_hand(&self) -> &Arc<AtomicUsize> {
        &self.in_hand
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Somebody is at the door.
    pub(super) fn ask(&mut self, urgency: Urgency, now: ServerTime) -> Asked {
        self.meter.look(now);
        if self.waiting.is_empty() && self.has_place(now) {
            return Asked::Enter(self.enter(now));
        }
        self.n_asked = self.n_asked.wrapping_add(1);
        let place = (urgency, self.n_asked);
        if self.waiting.len() >= self.size() {
            let last = self.waiting.last_entry().filter(|last| *last.key() > place);
            let Some(last) = last else { return Asked::Away(self.appointment(now)) };
            let gone = last.remove();
            // It may have left by itself.
            drop(gone.send(Err(self.appointment(now))));
        }
        let (caller, called) = oneshot::channel();
        self.waiting.insert(place, caller);
        Asked::Wait(called)
    }

    /// Calls as many as there are places, and sends away those whom the server does not get to.
    pub(super) fn call(&mut self, now: ServerTime) {
        self.meter.look(now);
        while self.has_place(now)
            && let Some((_place, caller)) = self.waiting.pop_first()
        {
            if !caller.is_closed() {
                // Where it leaves at this very moment, its place is free again at once.
                drop(caller.send(Ok(self.enter(now))));
            }
        }
        while self.waiting.len() > self.size()
            && let Some((_place, caller)) = self.waiting.pop_last()
        {
            drop(caller.send(Err(self.appointment(now))));
        }
    }

    /// When somebody may come back who finds no place now.
    pub(super) fn appointment(&mut self, now: ServerTime) -> Window {
        let per_s = self.meter.per_s;
        let waiting = i64::try_from(self.waiting.len()).unwrap_or(i64::MAX);
        let ahead_us = waiting.saturating_mul(interval_us(per_s));
        self.book.appointment(now, ahead_us, per_s)
    }

    fn size(&self) -> usize {
        usize::try_from(self.meter.per_s.saturating_mul(ROOM_S)).unwrap_or(usize::MAX)
    }

    fn has_place(&mut self, now: ServerTime) -> bool {
        let is_turn = self.rate.wait_us(now) == 0;
        let is_free = self.in_hand.load(Ordering::SeqCst) < self.in_hand_max;
        self.meter.was_held |= is_turn && !is_free;
        is_turn && is_free
    }

    fn enter(&mut self, now: ServerTime) -> InHand {
        self.rate.take(now);
        self.meter.n_entered = self.meter.n_entered.saturating_add(1);
        InHand::new(&self.in_hand)
    }
}

/// How many really come in each second.
#[derive(Debug)]
struct Meter {
    per_s_max: u32,
    per_s: u32,
    since: ServerTime,
    n_entered: u32,
    /// The server, and not the rate, kept somebody waiting.
    was_held: bool,
}

impl Meter {
    fn new(per_s: u32, now: ServerTime) -> Self {
        Self { per_s_max: per_s, per_s, since: now, n_entered: 0, was_held: false }
    }

    /// Looks at the last second when it is over. A second that nobody looked at says nothing.
    fn look(&mut self, now: ServerTime) {
        let passed_us = now.us_since(self.since);
        if passed_us < SECOND_US {
            return;
        }
        self.per_s = if !self.was_held {
            self.per_s.saturating_mul(2).min(self.per_s_max)
        } else if passed_us < 2 * SECOND_US {
            self.per_s.midpoint(self.n_entered).clamp(1, self.per_s_max)
        } else {
            self.per_s
        };
        (self.since, self.n_entered, self.was_held) = (now, 0, false);
    }
}

/// Who comes back when.
#[derive(Debug)]
struct Book {
    next: ServerTime,
    /// As many as may have to come back.
    most: i64,
}

impl Book {
    /// The next appointment, where `ahead_us` pass before those who wait already are in, and `per_s`
    /// come in each second.
    fn appointment(&mut self, now: ServerTime, ahead_us: i64, per_s: u32) -> Window {
        let each_us = interval_us(per_s);
        let soonest = now.plus_us(ahead_us.clamp(SOONEST_US, BOOK_MAX_US));
        let all_us = self.most.saturating_mul(each_us).clamp(BOOK_MIN_US, BOOK_MAX_US);
        let at = self.next.max(soonest);
        let window_us = |from: ServerTime, lasts_us: i64| {
            let from_us = from.us_since(now);
            let ms = |us: i64| u32::try_from(us / 1_000).unwrap_or(u32::MAX);
            (ms(from_us), ms(from_us.saturating_add(lasts_us)))
        };
        if at.us_since(soonest) > all_us {
            // More were sent away than the house holds: not all of them will come. Who is left is
            // spread over the whole book.
            return window_us(soonest, all_us);
        }
        self.next = at.plus_us(each_us);
        window_us(at, LASTS_US)
    }
}

#[cfg(test)]
mod tests;
