//! How many may be in, and how fast they come in (SYNC 2.9).
//!
//! 1. Everybody who connects takes a [`Seat`]. Strangers have half of them: whoever only connects
//!    keeps no device out.
//! 2. Who has said hello is admitted at a steady rate. Beyond it people wait in a room for two
//!    seconds at most, and those who hold work of people come first, then those who missed little.
//! 3. Who finds no place is told a window to come back in. It grows with the number of those who
//!    were turned away, so that all of them find a place.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::identity::ServerTime;
use tokio::sync::oneshot;

use crate::clock::Clock;

/// The shortest window that a newcomer is sent away with, in milliseconds.
const WINDOW_MIN_MS: u32 = 500;
/// The longest.
const WINDOW_MAX_MS: u32 = 60_000;
/// The window after a planned stop is at least so long, in milliseconds.
const RETURN_MS: (u32, u32) = (1_000, 15_000);
/// The longest window after a planned stop, in milliseconds.
const RETURN_MAX_MS: u32 = 600_000;
/// How long somebody waits in the room, in seconds.
const ROOM_S: u32 = 2;
/// How often the room is looked at.
const LOOK: Duration = Duration::from_millis(20);

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

/// Admits newcomers.
#[derive(Debug)]
pub struct Admission {
    connections: AtomicUsize,
    strangers: AtomicUsize,
    connections_max: usize,
    clock: Clock,
    room: Mutex<Room>,
}

/// A place in the house; given back when it is dropped.
#[derive(Debug)]
pub struct Seat {
    admission: Arc<Admission>,
    is_known: AtomicBool,
}

impl Seat {
    /// Who sits here is no stranger any more.
    pub fn known(&self) {
        if !self.is_known.swap(true, Ordering::SeqCst) {
            self.admission.strangers.fetch_sub(1, Ordering::SeqCst);
        }
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
        let room = Room::new(per_s.max(1), clock.now());
        Self {
            connections: AtomicUsize::new(0),
            strangers: AtomicUsize::new(0),
            connections_max,
            clock,
            room: Mutex::new(room),
        }
    }

    /// A place for somebody who has just connected.
    ///
    /// # Errors
    ///
    /// The window in which it should come back: the house is full.
    pub fn seat(self: &Arc<Self>) -> Result<Seat, Window> {
        let taken = |count: &AtomicUsize, max: usize| {
            let more = |n: usize| (n < max).then(|| n.saturating_add(1));
            count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_ok()
        };
        let strangers_max = self.connections_max.div_ceil(2);
        if !taken(&self.connections, self.connections_max) {
            return Err(self.room().turn_away());
        }
        if !taken(&self.strangers, strangers_max) {
            self.connections.fetch_sub(1, Ordering::SeqCst);
            return Err(self.room().turn_away());
        }
        Ok(Seat { admission: Arc::clone(self), is_known: AtomicBool::new(false) })
    }

    /// Waits for a place in the order of `urgency`, for two seconds at most.
    ///
    /// # Errors
    ///
    /// The window in which it should come back.
    pub async fn admit(self: &Arc<Self>, urgency: Urgency) -> Result<(), Window> {
        let called = {
            let mut room = self.room();
            match room.ask(urgency, self.clock.now()) {
                Asked::Enter => return Ok(()),
                Asked::Away(window) => return Err(window),
                Asked::Wait(called) => {
                    if !std::mem::replace(&mut room.is_kept, true) {
                        tokio::spawn(Arc::clone(self).keep());
                    }
                    called
                }
            }
        };
        called.await.unwrap_or(Err((WINDOW_MIN_MS, WINDOW_MAX_MS)))
    }

    /// Calls those who wait as places come, until nobody waits.
    async fn keep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK).await;
            let mut room = self.room();
            room.call(self.clock.now());
            if room.waiting.is_empty() {
                room.is_kept = false;
                return;
            }
        }
    }

    /// Turns somebody away for another reason than the rate.
    pub fn turn_away(&self) -> Window {
        self.room().turn_away()
    }

    /// When all who are here now should come back after a planned stop: as fast as they are let in.
    pub fn return_window(&self) -> Window {
        let per_s = u64::from(self.room().per_s);
        let needed_ms = u64::try_from(self.n_connections()).unwrap_or(u64::MAX);
        let needed_ms = needed_ms.saturating_mul(1_000) / per_s;
        let (first_ms, last_ms) = RETURN_MS;
        let needed_ms = u32::try_from(needed_ms).unwrap_or(RETURN_MAX_MS);
        (first_ms, needed_ms.saturating_add(first_ms).clamp(last_ms, RETURN_MAX_MS))
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

/// Told once: come in, or come back in the window.
type Call = Result<(), Window>;

enum Asked {
    Enter,
    Wait(oneshot::Receiver<Call>),
    Away(Window),
}

/// The bucket, and those who wait for it.
#[derive(Debug)]
struct Room {
    per_s: u32,
    tokens: u32,
    filled: ServerTime,
    turned_away: u32,
    waiting: BTreeMap<(Urgency, u64), oneshot::Sender<Call>>,
    n_asked: u64,
    /// Somebody calls those who wait.
    is_kept: bool,
}

impl Room {
    fn new(per_s: u32, now: ServerTime) -> Self {
        Self {
            per_s,
            tokens: per_s,
            filled: now,
            turned_away: 0,
            waiting: BTreeMap::new(),
            n_asked: 0,
            is_kept: false,
        }
    }

    fn ask(&mut self, urgency: Urgency, now: ServerTime) -> Asked {
        self.refill(now);
        if self.tokens > 0 && self.waiting.is_empty() {
            self.enter();
            return Asked::Enter;
        }
        self.n_asked = self.n_asked.wrapping_add(1);
        let place = (urgency, self.n_asked);
        let room_for = usize::try_from(self.per_s.saturating_mul(ROOM_S)).unwrap_or(usize::MAX);
        if self.waiting.len() >= room_for {
            let last = self.waiting.last_entry().filter(|last| *last.key() > place);
            let Some(last) = last else { return Asked::Away(self.turn_away()) };
            let gone = last.remove();
            // It may have left by itself.
            let _told = gone.send(Err(self.turn_away()));
        }
        let (caller, called) = oneshot::channel();
        self.waiting.insert(place, caller);
        Asked::Wait(called)
    }

    /// Calls as many as there are places.
    fn call(&mut self, now: ServerTime) {
        self.refill(now);
        while self.tokens > 0
            && let Some((_place, caller)) = self.waiting.pop_first()
        {
            if caller.send(Ok(())).is_ok() {
                self.enter();
            }
        }
    }

    fn enter(&mut self) {
        self.tokens = self.tokens.saturating_sub(1);
        self.turned_away = self.turned_away.saturating_sub(1);
    }

    fn turn_away(&mut self) -> Window {
        self.turned_away = self.turned_away.saturating_add(1);
        let needed_ms = self.turned_away.saturating_mul(1_000) / self.per_s;
        let latest = needed_ms.saturating_mul(2).clamp(2 * WINDOW_MIN_MS, WINDOW_MAX_MS);
        (WINDOW_MIN_MS, latest)
    }

    fn refill(&mut self, now: ServerTime) {
        let passed_us = u64::try_from(now.us_since(self.filled)).unwrap_or_default();
        let more = passed_us.saturating_mul(u64::from(self.per_s)) / 1_000_000;
        if more > 0 {
            let more = u32::try_from(more).unwrap_or(u32::MAX);
            self.tokens = self.tokens.saturating_add(more).min(self.per_s);
            self.filled = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;
    const NOW: ServerTime = ServerTime(SECOND);

    /// A room without places left, that lets ten in each second.
    fn crowded() -> Room {
        let mut room = Room::new(10, NOW);
        for _n in 0..10 {
            assert!(matches!(room.ask(Urgency::Everything, NOW), Asked::Enter));
        }
        room
    }

    fn waits(room: &mut Room, urgency: Urgency) -> oneshot::Receiver<Call> {
        match room.ask(urgency, NOW) {
            Asked::Wait(called) => called,
            Asked::Enter | Asked::Away(_) => panic!("{urgency:?} does not wait"),
        }
    }

    #[test]
    fn a_storm_is_spread_over_time() {
        let mut room = crowded();
        let waiting: Vec<_> = (0..20).map(|_n| waits(&mut room, Urgency::Everything)).collect();
        let mut away = || match room.ask(Urgency::Everything, NOW) {
            Asked::Away(window) => window,
            Asked::Enter | Asked::Wait(_) => panic!("there is no place"),
        };
        let windows: Vec<_> = (0..100).map(|_n| away()).collect();
        assert!(windows[0].1 >= 1_000 && windows[99].1 > 10_000, "{windows:?}");
        room.call(NOW.plus_us(SECOND / 2));
        let mut waiting = waiting.into_iter();
        for mut called in waiting.by_ref().take(5) {
            assert_eq!(called.try_recv(), Ok(Ok(())));
        }
        assert!(waiting.all(|mut called| called.try_recv().is_err()), "five come in half a second");
    }

    #[test]
    fn who_holds_work_of_people_comes_first_then_who_missed_little() {
        let mut room = crowded();
        let [mut much, mut all, mut little, mut unsent] =
            [Urgency::Behind(900), Urgency::Everything, Urgency::Behind(3), Urgency::Unsent]
                .map(|urgency| waits(&mut room, urgency));
        let tenth = SECOND / 10;
        room.call(NOW.plus_us(tenth));
        assert!(unsent.try_recv().is_ok() && little.try_recv().is_err());
        room.call(NOW.plus_us(2 * tenth));
        assert!(little.try_recv().is_ok() && much.try_recv().is_err());
        room.call(NOW.plus_us(3 * tenth));
        assert!(much.try_recv().is_ok() && all.try_recv().is_err());
    }

    #[test]
    fn a_full_room_gives_the_last_place_to_who_is_more_urgent() {
        let mut room = crowded();
        let mut waiting: Vec<_> = (0..20).map(|n| waits(&mut room, Urgency::Behind(n))).collect();
        let _urgent = waits(&mut room, Urgency::Unsent);
        assert!(matches!(waiting[19].try_recv(), Ok(Err(_window))), "the last one is sent away");
        assert!(waiting[18].try_recv().is_err(), "the others wait on");
        assert!(matches!(room.ask(Urgency::Everything, NOW), Asked::Away(_)));
    }

    #[test]
    fn who_left_the_room_takes_no_place() {
        let mut room = crowded();
        drop(waits(&mut room, Urgency::Unsent));
        let mut stays = waits(&mut room, Urgency::Everything);
        room.call(NOW.plus_us(SECOND / 10));
        assert_eq!(stays.try_recv(), Ok(Ok(())));
    }

    fn admission(connections_max: usize, per_s: u32) -> Arc<Admission> {
        Arc::new(Admission::new(connections_max, per_s, Clock::after(NOW)))
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
        assert_eq!(admission.return_window(), (1_000, 15_000));
        let _seats: Vec<_> = (0..40).map(|_n| admission.seat().unwrap()).collect();
        assert_eq!(admission.return_window(), (1_000, 41_000));
    }

    #[tokio::test]
    async fn who_waits_is_called() {
        let admission = admission(100, 50);
        for _n in 0..60 {
            assert_eq!(admission.admit(Urgency::Unsent).await, Ok(()));
        }
    }
}
