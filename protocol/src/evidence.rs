//! What is known of a device's clock: samples, and what its boots did. The raw material of the
//! order key τ; the estimate itself is the server's.

use serde::{Deserialize, Serialize};

use crate::identity::Boot;

/// One exchange that bounds the offset of a boot: `server time = monotonic time + offset`.
///
/// The device read its monotonic clock at `sent_us` and `received_us`; in between, the server read
/// its own at `server_received` and `server_sent`. Hence the offset lies in
/// `[server_sent − received_us, server_received − sent_us]`, whatever the link does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockSample {
    /// t1: monotonic microseconds when the device asked.
    #[serde(rename = "1")]
    pub sent_us: u64,
    /// t2: server time, in microseconds, when the question arrived.
    #[serde(rename = "2")]
    pub server_received: i64,
    /// t3: server time, in microseconds, when the answer left.
    #[serde(rename = "3")]
    pub server_sent: i64,
    /// t4: monotonic microseconds when the device had the answer.
    #[serde(rename = "4")]
    pub received_us: u64,
}

/// What a device tells of one of its boots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootEvidence {
    /// The boot.
    #[serde(rename = "b")]
    pub boot: Boot,
    /// Monotonic microseconds of the last thing known to have happened in it (operation or sample).
    #[serde(rename = "l")]
    pub last_us: u64,
    /// First, last and the best eight samples by width.
    #[serde(rename = "s", default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<ClockSample>,
    /// What the wall clock showed at the start of the boot, in microseconds since 1970. Evidence
    /// for people only: it decides nothing.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub wall_at_start: Option<i64>,
}
