//! The door, before TLS and before a byte is read: how many connections there may be, and how fast
//! new ones come (SYNC 2.9). Nobody can be told anything here, so that everybody for whom there is
//! room waits; who would wait too long is dropped: it costs nothing but the attempt.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::admission::Admission;
use super::rate::SECOND_US;
use super::turns::Turns;
use crate::clock::Clock;

/// Connections of people and programs beside those of devices.
const BESIDE_DEVICES: usize = 1_024;
/// How long a connection may wait in any house, in microseconds.
const WAIT_MIN_US: i64 = 2 * SECOND_US;
/// How long one may wait at most, in microseconds: devices wait 15 seconds for an answer.
const WAIT_MAX_US: i64 = 8 * SECOND_US;

/// How often somebody who waits looks whether its turn has come nearer.
const LOOK: Duration = Duration::from_millis(500);

/// The door.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    open: AtomicUsize,
    open_max: usize,
    /// How long one may wait, in microseconds: as long as it takes until all for whom there is room
    /// are in.
    wait_max_us: i64,
    clock: Clock,
    admission: Arc<Admission>,
    turns: Mutex<Turns>,
}

impl Gate {
    /// A door for `connections_max` devices, of which `admissions_per_s` are admitted each second by
    /// `admission`.
    pub fn new(
        (connections_max, admissions_per_s): (usize, u32),
        admission: Arc<Admission>,
        clock: Clock,
    ) -> Self {
        let turns = Turns::new(admissions_per_s, clock.now());
        let open_max = connections_max.saturating_add(BESIDE_DEVICES);
        let all_us = i64::try_from(open_max).unwrap_or(i64::MAX).saturating_mul(turns.quiet_us());
        Self(Arc::new(Inner {
            open: AtomicUsize::new(0),
            open_max,
            wait_max_us: all_us.clamp(WAIT_MIN_US, WAIT_MAX_US),
            admission,
            turns: Mutex::new(turns),
            clock,
        }))
    }

    /// Connections that are open.
    pub fn n_open(&self) -> usize {
        self.0.open.load(Ordering::SeqCst)
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.0.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a new connection, and its turn.
    fn enter(&self) -> io::Result<(Place, u64)> {
        let more = |n: usize| (n < self.0.open_max).then(|| n.saturating_add(1));
        let open = &self.0.open;
        let full = open.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_err();
        if full {
            return Err(io::Error::other("too many connections are open"));
        }
        let place = Place(self.clone());
        let now = self.0.clock.now();
        let mut turns = self.turns();
        turns.crowded(self.0.admission.is_crowded(), now);
        if turns.ahead_us(now) > self.0.wait_max_us {
            return Err(io::Error::other("too many connections come at once"));
        }
        Ok((place, turns.take()))
    }

    /// How long it takes until `turn` is called, as things are now.
    fn wait(&self, turn: u64) -> Duration {
        let now = self.0.clock.now();
        let mut turns = self.turns();
        turns.crowded(self.0.admission.is_crowded(), now);
        Duration::from_micros(turns.wait_us(turn, now).unsigned_abs())
    }
}

/// A place for a connection; given back when it is dropped.
#[derive(Debug)]
struct Place(Gate);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A connection that came through the door.
#[derive(Debug)]
pub struct Guest {
    stream: TcpStream,
    _place: Place,
}

impl<S: Send + 'static> Accept<TcpStream, S> for Gate {
    type Stream = Guest;
    type Service = S;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Guest, S)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let gate = self.clone();
        Box::pin(async move {
            let (place, turn) = match gate.enter() {
                Ok(entered) => entered,
                Err(error) => {
                    // A reset leaves nothing behind that the system would have to remember.
                    drop(stream.set_zero_linger());
                    return Err(error);
                }
            };
            loop {
                let wait = gate.wait(turn);
                if wait.is_zero() {
                    break;
                }
                tokio::time::sleep(wait.min(LOOK)).await;
            }
            // Frames are whole messages; waiting for more bytes would only delay the answer.
            stream.set_nodelay(true)?;
            Ok((Guest { stream, _place: place }, service))
        })
    }
}

impl AsyncRead for Guest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, bytes)
    }
}

impl AsyncWrite for Guest {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use protocol::identity::ServerTime;

    use super::super::admission::Urgency;
    use super::*;

    const NOW: ServerTime = ServerTime(100 * SECOND_US);

    fn gate(connections_max: usize, per_s: u32) -> Gate {
        let clock = Clock::after(NOW);
        let admission = Admission::new(connections_max, per_s, clock.clone());
        Gate::new((connections_max, per_s), Arc::new(admission), clock)
    }

    #[tokio::test]
    async fn fewer_are_let_through_while_somebody_waits_inside() {
        let gate = gate(10_000, 100);
        let admission = Arc::clone(&gate.0.admission);
        let _through: Vec<_> = (0..401).map(|_n| gate.enter().unwrap()).collect();
        let (_place, last) = gate.enter().unwrap();
        let quiet = gate.wait(last);
        for _n in 0..400 {
            let seat = admission.seat().unwrap();
            tokio::spawn(async move { seat.admit(Urgency::Unsent).await });
        }
        while !admission.is_crowded() {
            tokio::task::yield_now().await;
        }
        assert!(gate.wait(last) > 2 * quiet, "{quiet:?}");
    }

    #[test]
    fn a_whole_house_may_knock_at_once_and_beyond_it_who_would_wait_too_long_is_dropped() {
        let gate = gate(2_000, 100);
        let guests: Vec<_> = (0..2_000).map(|_n| gate.enter().unwrap()).collect();
        let longest = guests.iter().map(|(_place, turn)| gate.wait(*turn)).max().unwrap();
        assert!(longest > Duration::from_secs(4), "four hundred a second: {longest:?}");
        let gate = self::gate(100_000, 100);
        let n = (0..10_000).take_while(|_n| gate.enter().is_ok()).count();
        assert!(n < 3_300, "eight seconds' worth: {n}");
    }

    #[test]
    fn a_full_house_opens_no_door_until_somebody_leaves() {
        let gate = gate(0, 1_000_000);
        let mut guests: Vec<_> = (0..BESIDE_DEVICES).map(|_n| gate.enter().unwrap()).collect();
        assert!(gate.enter().is_err());
        guests.pop();
        assert!(gate.enter().is_ok());
        drop(guests);
        assert_eq!(gate.n_open(), 0, "who was not let in holds no place");
    }
}
