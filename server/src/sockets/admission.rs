//! How many may be in, and how fast they come in (SYNC 2.9).
//!
//! 1. Everybody who connects takes a [`Seat`]. Strangers have half of them: whoever only connects
//!    keeps no device out.
//! 2. Who has said hello is admitted at a steady rate, or as fast as the server answers where that
//!    is slower. Beyond it people wait in a room for about two seconds, and those who hold work of
//!    people come first, then those who missed little.
//! 3. Who finds no place is told when to come back: each at a time of its own, as soon as there is
//!    a place. What decides about it all is `room`.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::room::{Asked, InHand, Room};
use crate::clock::Clock;

pub use super::room::{Urgency, Window};

/// When to come back to a house that is full, in milliseconds: nobody knows when somebody leaves.
const FULL_MS: Window = (5_000, 60_000);
/// When to come back after nobody was left to say so, in milliseconds.
const LOST_MS: Window = (500, 10_000);
/// The window after a planned stop is at least so long, in milliseconds.
const RETURN_MS: Window = (1_000, 8_000);
/// The longest window after a planned stop, in milliseconds.
const RETURN_MAX_MS: u32 = 600_000;
/// So many per cent of the time that all need are in the window: who comes in a bunch by chance
/// waits for nobody.
const RETURN_PER_CENT: u64 = 110;
/// How often the room is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Admits newcomers.
#[derive(Debug)]
pub struct Admission {
    connections: AtomicUsize,
    strangers: AtomicUsize,
    connections_max: usize,
    per_s: u32,
    clock: Clock,
    in_hand: Arc<AtomicUsize>,
    /// What the room said last, for those who ask often.
    is_crowded: AtomicBool,
    room: Mutex<Room>,
}

/// A place in the house; given back when it is dropped.
#[derive(Debug)]
pub struct Seat {
    admission: Arc<Admission>,
    is_known: AtomicBool,
    in_hand: Mutex<Option<InHand>>,
}

impl Seat {
    /// Who sits here is no stranger any more.
    pub fn known(&self) {
        if !self.is_known.swap(true, Ordering::SeqCst) {
            self.admission.strangers.fetch_sub(1, Ordering::SeqCst);
        }
        self.answered();
    }

    /// Waits for a place in the order of `urgency`, for about two seconds at most. Who gets it is in
    /// hand until it is [`answered`](Self::answered).
    ///
    /// # Errors
    ///
    /// The window in which it should come back.
    pub async fn admit(&self, urgency: Urgency) -> Result<(), Window> {
        let in_hand = self.admission.admit(urgency).await?;
        self.hold(Some(in_hand));
        Ok(())
    }

    /// A stranger said something: the server owes it an answer, and who waits outside waits for it.
    pub fn owes(&self) {
        if !self.is_known.load(Ordering::SeqCst) {
            self.hold(Some(InHand::new(&self.admission.in_hand)));
        }
    }

    /// The next word is the peer's.
    pub fn answered(&self) {
        self.hold(None);
    }

    fn hold(&self, in_hand: Option<InHand>) {
        *self.in_hand.lock().unwrap_or_else(PoisonError::into_inner) = in_hand;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.known();
        self.admission.connections.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Admission {
    /// At most `connections_max` at the same time and `per_s` newcomers per second, with as many at
    /// once.
    pub fn new(connections_max: usize, per_s: u32, clock: Clock) -> Self {
        let per_s = per_s.max(1);
        let room = Room::new(connections_max, per_s, clock.now());
        Self {
            connections: AtomicUsize::new(0),
            strangers: AtomicUsize::new(0),
            connections_max,
            per_s,
            clock,
            in_hand: Arc::clone(room.in_hand()),
            is_crowded: AtomicBool::new(false),
            room: Mutex::new(room),
        }
    }

    /// A place for somebody who has just connected.
    ///
    /// # Errors
    ///
    /// The window in which it should come back: the house is full, or strangers have their half.
    pub fn seat(self: &Arc<Self>) -> Result<Seat, Window> {
        let taken = |count: &AtomicUsize, max: usize| {
            let more = |n: usize| (n < max).then(|| n.saturating_add(1));
            count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_ok()
        };
        let strangers_max = self.connections_max.div_ceil(2);
        if !taken(&self.connections, self.connections_max) {
            return Err(FULL_MS);
        }
        if !taken(&self.strangers, strangers_max) {
            self.connections.fetch_sub(1, Ordering::SeqCst);
            return Err(self.appointment());
        }
        let is_known = AtomicBool::new(false);
        Ok(Seat { admission: Arc::clone(self), is_known, in_hand: Mutex::default() })
    }

    async fn admit(self: &Arc<Self>, urgency: Urgency) -> Result<InHand, Window> {
        let called = {
            let mut room = self.room();
            match room.ask(urgency, self.clock.now()) {
                Asked::Enter(in_hand) => return Ok(in_hand),
                Asked::Away(window) => return Err(window),
                Asked::Wait(called) => {
                    self.is_crowded.store(true, Ordering::SeqCst);
                    if !std::mem::replace(&mut room.is_kept, true) {
                        tokio::spawn(Arc::clone(self).keep());
                    }
                    called
                }
            }
        };
        called.await.unwrap_or(Err(LOST_MS))
    }

    /// Calls those who wait as places come, until nobody waits.
    async fn keep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK).await;
            let mut room = self.room();
            room.call(self.clock.now());
            if room.is_empty() {
                room.is_kept = false;
                self.is_crowded.store(false, Ordering::SeqCst);
                return;
            }
        }
    }

    /// When somebody may come back who is turned away for another reason than the rate.
    pub fn appointment(&self) -> Window {
        self.room().appointment(self.clock.now())
    }

    /// When all who are here now should come back after a planned stop: as fast as they are let in.
    pub fn return_window(&self) -> Window {
        let n = u64::try_from(self.n_connections()).unwrap_or(u64::MAX);
        let needed_ms = n.saturating_mul(10 * RETURN_PER_CENT) / u64::from(self.per_s);
        let (first_ms, last_ms) = RETURN_MS;
        let needed_ms = u32::try_from(needed_ms).unwrap_or(RETURN_MAX_MS);
        (first_ms, needed_ms.saturating_add(first_ms).clamp(last_ms, RETURN_MAX_MS))
    }

    /// Whether somebody who said hello waits to be admitted.
    pub fn is_crowded(&self) -> bool {
        self.is_crowded.load(Ordering::SeqCst)
    }

    /// Connections that are open.
    pub fn n_connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Those of them whose peer has not shown who it is.
    pub fn n_strangers(&self) -> usize {
        self.strangers.load(Ordering::SeqCst)
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use protocol::identity::ServerTime;

    use super::*;

    fn admission(connections_max: usize, per_s: u32) -> Arc<Admission> {
        Arc::new(Admission::new(connections_max, per_s, Clock::after(ServerTime(1_000_000))))
    }

    #[test]
    fn a_full_house_takes_nobody_until_somebody_leaves() {
        let admission = admission(2, 1_000);
        let first = admission.seat().unwrap();
        first.known();
        let second = admission.seat().unwrap();
        second.known();
        assert!(admission.seat().is_err());
        drop(first);
        assert!(admission.seat().is_ok());
    }

    #[test]
    fn strangers_have_half_of_the_house() {
        let admission = admission(4, 1_000);
        let (first, _second) = (admission.seat().unwrap(), admission.seat().unwrap());
        assert!(admission.seat().is_err(), "two strangers are half of four");
        first.known();
        first.known();
        let _third = admission.seat().unwrap();
        assert_eq!((admission.n_connections(), admission.n_strangers()), (3, 2));
    }

    #[test]
    fn all_who_are_here_come_back_no_faster_than_they_are_let_in() {
        let admission = admission(100, 1);
        assert_eq!(admission.return_window(), (1_000, 8_000));
        let _seats: Vec<_> = (0..40).map(|_n| admission.seat().unwrap()).collect();
        assert_eq!(admission.return_window(), (1_000, 45_000));
    }

    #[tokio::test]
    async fn who_waits_is_called() {
        let admission = admission(200, 50);
        for _n in 0..60 {
            let seat = admission.seat().unwrap();
            assert_eq!(seat.admit(Urgency::Unsent).await, Ok(()));
        }
    }

    #[tokio::test]
    async fn who_is_answered_or_gone_is_in_hand_no_longer() {
        let admission = admission(200, 50);
        let n_in_hand = || admission.in_hand.load(Ordering::SeqCst);
        let (one, other) = (admission.seat().unwrap(), admission.seat().unwrap());
        assert_eq!(one.admit(Urgency::Unsent).await, Ok(()));
        assert_eq!(other.admit(Urgency::Unsent).await, Ok(()));
        assert_eq!(n_in_hand(), 2);
        one.answered();
        assert_eq!(n_in_hand(), 1);
        one.owes();
        one.owes();
        assert_eq!(n_in_hand(), 2, "one is in hand once, however much it says");
        one.known();
        one.owes();
        assert_eq!(n_in_hand(), 1, "who is known is owed nothing here");
        drop(other);
        assert_eq!(n_in_hand(), 0);
    }
}
