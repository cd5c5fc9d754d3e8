//! The only clock of the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use protocol::identity::ServerTime;

/// Server time. Never goes backwards, also when the system's clock is set back. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    /// A clock that never shows less than `last`: the latest instant that the store knows.
    pub fn after(last: ServerTime) -> Self {
        Self(Arc::new(AtomicI64::new(last.0)))
    }

    /// The time now, to the microsecond.
    pub fn now(&self) -> ServerTime {
        let read = system_time_us();
        ServerTime(self.0.fetch_max(read, Ordering::SeqCst).max(read))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the server's one clock; everybody else is given the time"
)]
fn system_time_us() -> i64 {
    // Before 1970 the clock is unset: it counts as 1970.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_goes_backwards() {
        let future = ServerTime(system_time_us()).plus_us(3_600_000_000);
        let clock = Clock::after(future);
        assert_eq!(clock.now(), future, "a store from a clock that went ahead");
        let clock = Clock::after(ServerTime(0));
        let (first, second) = (clock.now(), clock.now());
        assert!(first <= second && first > ServerTime(0));
    }
}
