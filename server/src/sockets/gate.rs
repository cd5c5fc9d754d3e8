//! The door, before TLS and before a byte is read: how many connections there may be, and how fast
//! new ones come (SYNC 2.9). Who would wait too long is dropped: it costs nothing but the attempt.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum_server::accept::Accept;
use protocol::identity::ServerTime;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::clock::Clock;

/// Connections of people and programs beside those of devices.
const BESIDE_DEVICES: usize = 1_024;
/// Connections are let through so many times faster than devices are admitted: pages need some.
const FASTER: u32 = 4;
/// How long a connection may wait, in microseconds.
const WAIT_US: i64 = 2_000_000;
const SECOND_US: i64 = 1_000_000;

/// The door.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    open: AtomicUsize,
    open_max: usize,
    clock: Clock,
    pace: Mutex<Pace>,
}

/// When the next one may come, if they come at a steady rate; a second's worth may come at once.
#[derive(Debug)]
struct Pace {
    interval_us: i64,
    next: ServerTime,
}

impl Pace {
    fn new(per_s: u32, now: ServerTime) -> Self {
        Self { interval_us: (SECOND_US / i64::from(per_s.max(1))).max(1), next: now }
    }

    /// How long one that comes at `now` waits, in microseconds; none where that is too long.
    fn take(&mut self, now: ServerTime) -> Option<u64> {
        let earliest = now.plus_us(-SECOND_US);
        let turn = self.next.max(earliest);
        let wait_us = turn.us_since(now).max(0);
        if wait_us > WAIT_US {
            return None;
        }
        self.next = turn.plus_us(self.interval_us);
        Some(wait_us.unsigned_abs())
    }
}

impl Gate {
    /// A door for `connections_max` devices, of which `admissions_per_s` are admitted each second.
    pub fn new(connections_max: usize, admissions_per_s: u32, clock: Clock) -> Self {
        let pace = Pace::new(admissions_per_s.saturating_mul(FASTER), clock.now());
        Self(Arc::new(Inner {
            open: AtomicUsize::new(0),
            open_max: connections_max.saturating_add(BESIDE_DEVICES),
            clock,
            pace: Mutex::new(pace),
        }))
    }

    /// Connections that are open.
    pub fn n_open(&self) -> usize {
        self.0.open.load(Ordering::SeqCst)
    }

    /// A place for a new connection, and how long it waits for it.
    fn enter(&self) -> io::Result<(Place, Duration)> {
        let more = |n: usize| (n < self.0.open_max).then(|| n.saturating_add(1));
        let open = &self.0.open;
        let full = open.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_err();
        if full {
            return Err(io::Error::other("too many connections are open"));
        }
        let place = Place(self.clone());
        let mut pace = self.0.pace.lock().unwrap_or_else(PoisonError::into_inner);
        match pace.take(self.0.clock.now()) {
            Some(wait_us) => Ok((place, Duration::from_micros(wait_us))),
            None => Err(io::Error::other("too many connections come at once")),
        }
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
            let (place, wait) = match gate.enter() {
                Ok(entered) => entered,
                Err(error) => {
                    // A reset leaves nothing behind that the system would have to remember.
                    drop(stream.set_zero_linger());
                    return Err(error);
                }
            };
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
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
    use super::*;

    const NOW: ServerTime = ServerTime(100 * SECOND_US);

    #[test]
    fn a_burst_comes_through_the_rest_waits_and_too_much_is_dropped() {
        let mut pace = Pace::new(10, NOW);
        let waits: Vec<_> = (0..40).map(|_n| pace.take(NOW)).collect();
        assert_eq!(waits[0], Some(0));
        assert!(waits[5].is_some_and(|wait_us| wait_us == 500_000), "{waits:?}");
        assert_eq!(waits[39], None);
        let later = NOW.plus_us(60 * SECOND_US);
        let at_once = (0..40).filter(|_n| pace.take(later) == Some(0)).count();
        assert_eq!(at_once, 11, "a second's worth comes at once after a quiet time");
    }

    #[test]
    fn a_full_house_opens_no_door_until_somebody_leaves() {
        let gate = Gate::new(0, 1_000_000, Clock::after(NOW));
        let mut guests: Vec<_> = (0..BESIDE_DEVICES).map(|_n| gate.enter().unwrap()).collect();
        assert!(gate.enter().is_err());
        guests.pop();
        assert!(gate.enter().is_ok());
        drop(guests);
        assert_eq!(gate.n_open(), 0, "who was not let in holds no place");
    }
}
