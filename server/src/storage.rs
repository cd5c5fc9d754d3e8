//! Room on the disk of the store: work is refused before the disk is full, so that what was
//! accepted can still be judged and the books stay whole.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::runtime::Company;

/// How often the disk is asked.
const LOOK: Duration = Duration::from_secs(1);

/// What is known of the disk. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Storage(Arc<Known>);

#[derive(Debug)]
struct Known {
    free_bytes: AtomicU64,
    refusing: watch::Sender<bool>,
}

impl Default for Storage {
    fn default() -> Self {
        let refusing = watch::Sender::new(false);
        Self(Arc::new(Known { free_bytes: AtomicU64::new(0), refusing }))
    }
}

impl Storage {
    /// Bytes that are free, as of the last look; 0 before the first.
    pub fn free_bytes(&self) -> u64 {
        self.0.free_bytes.load(Ordering::Relaxed)
    }

    /// Whether new work is refused, because less than the reserve is free.
    pub fn is_refusing(&self) -> bool {
        *self.0.refusing.borrow()
    }

    /// The same, for waiting until it changes.
    pub fn refusing(&self) -> watch::Receiver<bool> {
        self.0.refusing.subscribe()
    }

    /// Looks at the disk of `folder` now and then, and tells the machine when room runs out and
    /// when there is some again. Ends with the company.
    pub async fn watch(self, company: Company, folder: std::path::PathBuf, reserve_bytes: u64) {
        loop {
            if let Some(free) = free_bytes(&folder) {
                self.0.free_bytes.store(free, Ordering::Relaxed);
                let was = self.is_refusing();
                let is = is_refusing(was, free, reserve_bytes);
                if is != was {
                    tracing::warn!(free, reserve_bytes, refusing = is, "room on the disk");
                    if company.has_room(!is).await.is_err() {
                        return;
                    }
                    self.0.refusing.send_replace(is);
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Refusing begins below the reserve, and ends a quarter above it: not back and forth.
fn is_refusing(was: bool, free: u64, reserve: u64) -> bool {
    let limit = if was { reserve.saturating_add(reserve / 4) } else { reserve };
    free < limit
}

#[cfg(unix)]
fn free_bytes(folder: &Path) -> Option<u64> {
    let known = rustix::fs::statvfs(folder).ok()?;
    Some(known.f_bavail.saturating_mul(known.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_folder: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusing_does_not_go_back_and_forth_at_the_limit() {
        assert!(!is_refusing(false, 100, 100));
        assert!(is_refusing(false, 99, 100));
        assert!(is_refusing(true, 124, 100));
        assert!(!is_refusing(true, 125, 100));
        assert!(free_bytes(Path::new("/")).is_some());
    }
}
