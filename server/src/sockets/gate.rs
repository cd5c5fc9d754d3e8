//! The door, before TLS and before a byte is read: how many connections there may be, and how fast
//! new ones come (SYNC 2.9). Nobody can be told anything here, so that everybody for whom there is
//! room waits; who would wait too long is dropped: it costs nothing but the attempt.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::rate::{Rate, SECOND_US, interval_us};
use crate::clock::Clock;

/// Connections of people and programs beside those of devices.
const BESIDE_DEVICES: usize = 1_024;
/// Connections are let through so many times faster than devices are admitted: pages need some.
const FASTER: u32 = 4;
/// How long a connection may wait in any house, in microseconds.
const WAIT_MIN_US: i64 = 2 * SECOND_US;
/// How long one may wait at most, in microseconds: devices wait 15 seconds for an answer.
const WAIT_MAX_US: i64 = 8 * SECOND_US;

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
    rate: Mutex<Rate>,
}

impl Gate {
    /// A door for `connections_max` devices, of which `admissions_per_s` are admitted each second.
    pub fn new(connections_max: usize, admissions_per_s: u32, clock: Clock) -> Self {
        let per_s = admissions_per_s.saturating_mul(FASTER);
        let open_max = connections_max.saturating_add(BESIDE_DEVICES);
        let all_us = i64::try_from(open_max).unwrap_or(i64::MAX).saturating_mul(interval_us(per_s));
        Self(Arc::new(Inner {
            open: AtomicUsize::new(0),
            open_max,
            wait_max_us: all_us.clamp(WAIT_MIN_US, WAIT_MAX_US),
            rate: Mutex::new(Rate::new(per_s, clock.now())),
            clock,
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
        let now = self.0.clock.now();
        let mut rate = self.0.rate.lock().unwrap_or_else(PoisonError::into_inner);
        let wait_us = rate.wait_us(now);
        if wait_us > self.0.wait_max_us {
            return Err(io::Error::other("too many connections come at once"));
        }
        rate.take(now);
        Ok((place, Duration::from_micros(wait_us.unsigned_abs())))
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
    use protocol::identity::ServerTime;

    use super::*;

    const NOW: ServerTime = ServerTime(100 * SECOND_US);

    #[test]
    fn a_whole_house_may_knock_at_once_and_beyond_it_who_would_wait_too_long_is_dropped() {
        let gate = Gate::new(2_000, 100, Clock::after(NOW));
        let guests: Vec<_> = (0..2_000).map(|_n| gate.enter().unwrap()).collect();
        let longest = guests.iter().map(|(_place, wait)| *wait).max().unwrap();
        assert!(longest > Duration::from_secs(4), "four hundred a second: {longest:?}");
        let gate = Gate::new(100_000, 100, Clock::after(NOW));
        let n = (0..10_000).take_while(|_n| gate.enter().is_ok()).count();
        assert!(n < 3_300, "eight seconds' worth: {n}");
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
