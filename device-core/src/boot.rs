//! The clock of a device: microseconds since it was switched on, sleep included, and proof of
//! which boot that is. The only place of this crate that reads a clock.

use std::fmt::Debug;

/// A clock that never goes back within a boot.
pub trait Monotonic: Debug + Send + Sync {
    /// Microseconds since the boot, sleep included.
    fn now_us(&self) -> u64;

    /// The same text for the same boot only; empty where nobody can tell.
    fn boot_id(&self) -> String;

    /// What the wall clock shows, in microseconds since 1970: evidence for people, it decides
    /// nothing.
    fn wall_us(&self) -> Option<i64>;
}

/// The clock of the platform.
///
/// On Linux and Android it goes on counting when a process starts again within the same boot.
/// Elsewhere each process is a boot of its own.
#[derive(Debug)]
pub struct SystemMonotonic {
    boot_id: String,
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    start: std::time::Instant,
}

impl SystemMonotonic {
    /// The clock of this platform and this boot.
    pub fn new() -> Self {
        Self {
            boot_id: boot_id(),
            #[cfg(not(any(target_os = "linux", target_os = "android")))]
            start: instant_now(),
        }
    }
}

impl Default for SystemMonotonic {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}

/// A new boot for each process: nothing proves that it is the same one.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn boot_id() -> String {
    String::new()
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[expect(clippy::disallowed_methods, reason = "the device's driver may read a clock")]
fn instant_now() -> std::time::Instant {
    std::time::Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "the device's driver may read a clock")]
fn wall_us() -> Option<i64> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_micros()).ok()
}

impl Monotonic for SystemMonotonic {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn now_us(&self) -> u64 {
        // CLOCK_BOOTTIME: std's Instant stands still while the device sleeps.
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
        seconds * 1_000_000 + u64::try_from(now.tv_nsec / 1_000).unwrap_or(0)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn now_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn boot_id(&self) -> String {
        self.boot_id.clone()
    }

    fn wall_us(&self) -> Option<i64> {
        wall_us()
    }
}

/// The clock of the platform, set wrong on purpose: for demonstrations and tests.
#[derive(Debug, Default)]
pub struct WrongClock {
    inner: SystemMonotonic,
    /// By how much the wall clock is wrong, in microseconds.
    pub wall_off_us: i64,
    /// How long ago the device seems to have been switched on, beyond the truth, in microseconds.
    pub up_longer_us: u64,
}

impl WrongClock {
    /// A clock whose wall is off by so many microseconds, and that seems to run for so many longer.
    pub fn new(wall_off_us: i64, up_longer_us: u64) -> Self {
        Self { inner: SystemMonotonic::new(), wall_off_us, up_longer_us }
    }
}

impl Monotonic for WrongClock {
    fn now_us(&self) -> u64 {
        self.inner.now_us().saturating_add(self.up_longer_us)
    }

    fn boot_id(&self) -> String {
        // Another offset is another boot.
        format!("{}+{}", self.inner.boot_id(), self.up_longer_us)
    }

    fn wall_us(&self) -> Option<i64> {
        self.inner.wall_us().map(|wall| wall.saturating_add(self.wall_off_us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_on_within_a_boot() {
        let (first, second) = (SystemMonotonic::new(), SystemMonotonic::new());
        assert_eq!(first.boot_id(), second.boot_id());
        let before = first.now_us();
        // Two readers of one boot read one clock, as two processes would.
        assert!(second.now_us() >= before);
        assert!(first.now_us() >= before);
    }

    #[test]
    fn a_wrong_clock_is_wrong_by_what_was_asked_for() {
        let wrong = WrongClock::new(-86_400_000_000, 5_000_000);
        let right = SystemMonotonic::new();
        // Time goes on between the two readings: the right clock is read first.
        let now_us = right.now_us();
        assert!(wrong.now_us() >= now_us + 5_000_000);
        assert!(wrong.wall_us().unwrap() < right.wall_us().unwrap() - 86_000_000_000);
        assert_ne!(wrong.boot_id(), right.boot_id());
    }
}
