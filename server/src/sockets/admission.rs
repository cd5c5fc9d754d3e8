//! How many may come in, and how fast: a count of connections and a token bucket.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use protocol::identity::ServerTime;

/// The shortest window that a newcomer is sent away with, in milliseconds.
const WINDOW_MIN_MS: u32 = 500;
/// The longest.
const WINDOW_MAX_MS: u32 = 60_000;

/// Admits newcomers.
#[derive(Debug)]
pub struct Admission {
    connections: AtomicUsize,
    connections_max: usize,
    per_s: u32,
    bucket: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    tokens: u32,
    filled: ServerTime,
    turned_away: u32,
}

/// A place in the house; given back when it is dropped.
#[derive(Debug)]
pub struct Admitted(Arc<Admission>);

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Admission {
    /// At most `connections_max` at the same time and `per_s` newcomers per second, with as many at
    /// once.
    pub fn new(connections_max: usize, per_s: u32) -> Self {
        let bucket = Bucket { tokens: per_s, filled: ServerTime(0), turned_away: 0 };
        Self {
            connections: AtomicUsize::new(0),
            connections_max,
            per_s: per_s.max(1),
            bucket: Mutex::new(bucket),
        }
    }

    /// Admits a newcomer at `now`.
    ///
    /// # Errors
    ///
    /// The window in which it should come back, in milliseconds from now. It grows with the number
    /// of those who were turned away, so that all of them find a place.
    pub fn admit(self: &Arc<Self>, now: ServerTime) -> Result<Admitted, (u32, u32)> {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        self.refill(&mut bucket, now);
        let full = self.connections.load(Ordering::SeqCst) >= self.connections_max;
        if full || bucket.tokens == 0 {
            bucket.turned_away = bucket.turned_away.saturating_add(1);
            let needed_ms = bucket.turned_away.saturating_mul(1_000) / self.per_s;
            let latest = needed_ms.saturating_mul(2).clamp(2 * WINDOW_MIN_MS, WINDOW_MAX_MS);
            return Err((WINDOW_MIN_MS, latest));
        }
        bucket.tokens -= 1;
        bucket.turned_away = bucket.turned_away.saturating_sub(1);
        self.connections.fetch_add(1, Ordering::SeqCst);
        Ok(Admitted(Arc::clone(self)))
    }

    /// Connections that are open.
    pub fn n_connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn refill(&self, bucket: &mut Bucket, now: ServerTime) {
        let passed_us = u64::try_from(now.us_since(bucket.filled)).unwrap_or_default();
        let more = passed_us.saturating_mul(u64::from(self.per_s)) / 1_000_000;
        if more > 0 {
            let more = u32::try_from(more).unwrap_or(u32::MAX);
            bucket.tokens = bucket.tokens.saturating_add(more).min(self.per_s);
            bucket.filled = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn a_storm_is_spread_over_time() {
        let admission = Arc::new(Admission::new(1_000, 10));
        let now = ServerTime(SECOND);
        let inside: Vec<_> = (0..10).map(|_n| admission.admit(now).unwrap()).collect();
        let first = admission.admit(now).unwrap_err();
        let windows: Vec<_> = (0..100).map(|_n| admission.admit(now).unwrap_err()).collect();
        assert!(first.1 >= 1_000 && windows[99].1 > 10_000, "{first:?} {:?}", windows[99]);
        let later = now.plus_us(SECOND / 2);
        assert_eq!((0..10).filter(|_n| admission.admit(later).is_ok()).count(), 5);
        assert_eq!(admission.n_connections(), 10, "those who left gave their place back");
        drop(inside);
    }

    #[test]
    fn a_full_house_takes_nobody_until_somebody_leaves() {
        let admission = Arc::new(Admission::new(2, 1_000));
        let now = ServerTime(SECOND);
        let first = admission.admit(now).unwrap();
        let _second = admission.admit(now).unwrap();
        assert!(admission.admit(now).is_err());
        drop(first);
        assert!(admission.admit(now).is_ok());
    }
}
