//! What the last test of the scanner has found: kept with the state of the device, because the scanner
//! belongs to the device and not to its site.

use protocol::identity::ServerTime;
use serde::{Deserialize, Serialize};

use super::{DeviceCore, StateFileError};

/// What a scanner made of the separator in the test code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeparatorFound {
    /// It arrived as it is.
    Raw,
    /// This text arrived in its place, and can be nothing else.
    Alias(String),
    /// It did not arrive, or as something that may be part of a code.
    Lost,
}

/// The last test of the scanner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScannerTest {
    /// What became of the separator.
    #[serde(rename = "s")]
    pub separator: SeparatorFound,
    /// When, as well as the device knew it; 0 where it knew no server time yet.
    #[serde(rename = "t")]
    pub at: ServerTime,
}

impl DeviceCore {
    /// The last test of the scanner; none where nobody has tested it.
    pub fn scanner_test(&self) -> Option<&ScannerTest> {
        self.scanner.as_ref()
    }

    /// Keeps what a test of the scanner has found, in the place of the test before it. It is durable when
    /// this returns.
    ///
    /// # Errors
    ///
    /// [`StateFileError`]: a test that was passed is not kept, and what was there before stays; one that was
    /// failed takes the trust away all the same, and is written with the next chores.
    pub fn keep_scanner_test(
        &mut self,
        mono_us: u64,
        separator: SeparatorFound,
    ) -> Result<(), StateFileError> {
        let is_failed = separator == SeparatorFound::Lost;
        let test = ScannerTest { separator, at: self.server_time(mono_us) };
        let before = self.scanner.replace(test);
        let written = self.write_state();
        if written.is_err() {
            self.is_state_dirty = true;
            if !is_failed {
                self.scanner = before;
            }
        }
        written
    }
}
