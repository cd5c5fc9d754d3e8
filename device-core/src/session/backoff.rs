//! How long to wait before the next try.

use super::Window;

/// The lengths of all waits, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Longest wait before the first try after the network came up.
    pub first_ms: u32,
    /// Longest wait after the first failure; doubles with each further one.
    pub base_ms: u32,
    /// Longest wait ever.
    pub cap_ms: u32,
    /// How long a connection or an answer of the handshake may take.
    pub handshake_ms: u32,
    /// How long a session must hold before failures are forgotten.
    pub healthy_ms: u32,
    /// How long the server may take to acknowledge a PUSH.
    pub stall_ms: u32,
    /// Wait of a device that the server has revoked or does not know.
    pub refused_ms: u32,
}

impl Default for Patience {
    /// Source: SYNC 2.9.
    fn default() -> Self {
        Self {
            first_ms: 2_000,
            base_ms: 500,
            cap_ms: 60_000,
            handshake_ms: 15_000,
            healthy_ms: 60_000,
            stall_ms: 30_000,
            refused_ms: 300_000,
        }
    }
}

/// The longest wait that a server may name: a mistake there must not silence a hall for days.
const NAMED_MS_MAX: u32 = 60 * 60 * 1_000;

/// Failures so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    pub(super) patience: Patience,
    n_failures: u32,
    was_shortened: bool,
}

/// `share` of 2³² of `ms`.
fn part(ms: u32, share: u32) -> u32 {
    let product = u64::from(ms) * u64::from(share);
    u32::try_from(product >> 32).unwrap_or(u32::MAX)
}

impl Backoff {
    pub(super) const fn new(patience: Patience) -> Self {
        Self { patience, n_failures: 0, was_shortened: false }
    }

    /// The wait before the first try after the network came up.
    pub(super) fn first(&self, jitter: u32) -> u32 {
        part(self.patience.first_ms, jitter)
    }

    /// One more failure: full jitter over a window that doubles.
    pub(super) fn failed(&mut self, jitter: u32) -> u32 {
        let doubled = u64::from(self.patience.base_ms) << self.n_failures.min(20);
        let window = u32::try_from(doubled.min(u64::from(self.patience.cap_ms)));
        self.n_failures = self.n_failures.saturating_add(1);
        part(window.unwrap_or(self.patience.cap_ms), jitter)
    }

    /// A new operation may shorten the wait once.
    pub(super) fn shortened(&mut self, jitter: u32) -> Option<u32> {
        if self.was_shortened {
            return None;
        }
        self.was_shortened = true;
        Some(self.first(jitter))
    }

    /// The server named a window.
    pub(super) fn within(window: Window, jitter: u32) -> u32 {
        let span = window.max_ms.saturating_sub(window.min_ms);
        window.min_ms.saturating_add(part(span, jitter)).min(NAMED_MS_MAX)
    }

    /// The server named a wait, the same to everybody whom it told: up to once more is added.
    pub(super) fn no_sooner_than(ms: u32, jitter: u32) -> u32 {
        ms.saturating_add(part(ms, jitter)).min(NAMED_MS_MAX)
    }

    /// A long wait, for a device that is not wanted: the second half of it is random.
    pub(super) fn refused(&self, jitter: u32) -> u32 {
        let half = self.patience.refused_ms / 2;
        half.saturating_add(part(half, jitter))
    }

    /// The session has held: failures are forgotten.
    pub(super) fn reset(&mut self) {
        self.n_failures = 0;
        self.was_shortened = false;
    }

    /// An interval with a tenth of it either way.
    pub(super) fn around(ms: u32, jitter: u32) -> u32 {
        let tenth = ms / 10;
        ms.saturating_sub(tenth).saturating_add(part(tenth.saturating_mul(2), jitter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_doubles_up_to_the_cap_and_the_jitter_is_full() {
        let mut backoff = Backoff::new(Patience::default());
        let longest: Vec<u32> = (0..10).map(|_| backoff.failed(u32::MAX)).collect();
        assert_eq!(longest[..4], [499, 999, 1_999, 3_999]);
        assert_eq!(longest[9], 59_999);
        assert_eq!(backoff.failed(0), 0);
        backoff.reset();
        assert_eq!(backoff.failed(u32::MAX), 499);
    }

    #[test]
    fn an_operation_shortens_the_wait_once_until_the_session_was_healthy() {
        let mut backoff = Backoff::new(Patience::default());
        assert_eq!(backoff.shortened(1 << 31), Some(1_000));
        assert_eq!(backoff.shortened(1 << 31), None);
        backoff.reset();
        assert!(backoff.shortened(0).is_some());
    }

    #[test]
    fn those_who_were_told_the_same_wait_do_not_come_back_together() {
        let waits = [0, 1 << 30, u32::MAX].map(|jitter| Backoff::no_sooner_than(2_000, jitter));
        assert_eq!(waits, [2_000, 2_500, 3_999]);
        assert_eq!(Backoff::no_sooner_than(u32::MAX, 7), 3_600_000, "no server silences a hall");
    }

    #[test]
    fn a_window_of_the_server_is_kept() {
        let window = Window { min_ms: 4_000, max_ms: 9_000 };
        assert_eq!(Backoff::within(window, 0), 4_000);
        assert_eq!(Backoff::within(window, u32::MAX), 8_999);
        assert_eq!(Backoff::within(Window { min_ms: 5, max_ms: 1 }, u32::MAX), 5);
    }
}
