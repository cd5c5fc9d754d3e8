//! When a count is due, and what its figures alone would decide then.

use super::Finding;

/// What the server last heard of a device that holds the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastHeard {
    /// Server time of the last heartbeat.
    pub heartbeat_us: i64,
    /// Server time of its oldest unsent operation, if that heartbeat reported any.
    pub oldest_unsent_us: Option<i64>,
    /// A logged decision that nothing more is expected of it.
    pub declared_lost: bool,
}

impl LastHeard {
    /// Everything this device did before this instant is on the server.
    pub fn reported_until_us(&self) -> i64 {
        self.oldest_unsent_us.unwrap_or(self.heartbeat_us)
    }

    /// Silent for longer than the limit, with nothing unsent when it was last heard.
    pub fn is_absent(&self, now_us: i64, silence_max_us: i64) -> bool {
        self.oldest_unsent_us.is_none() && now_us - self.heartbeat_us > silence_max_us
    }
}

/// Whether nobody that still counts can hold an operation at or before `tau_us + epsilon_us`.
pub fn is_due(
    tau_us: i64,
    epsilon_us: i64,
    devices: &[LastHeard],
    now_us: i64,
    silence_max_us: i64,
) -> bool {
    devices.iter().all(|device| {
        device.reported_until_us() > tau_us + epsilon_us
            || device.declared_lost
            || device.is_absent(now_us, silence_max_us)
    })
}

/// What the figures and marks of a due count decide, before anybody is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// Within tolerance, and no other reading says otherwise.
    Settle,
    /// Beyond tolerance, and certainly so: a person decides.
    NeedsApproval,
    /// The figures cannot be trusted: the shelf is asked again.
    Recount,
}

/// Judges one count. `tolerance` is the greatest difference either way that nobody need see.
///
/// Ambiguous counts settle only when *every* choice of sides stays within tolerance.
pub fn decide(finding: &Finding, tolerance: i128) -> Judgement {
    let within = |difference: i128| difference.abs() <= tolerance;
    if finding.uncertain {
        return Judgement::Recount;
    }
    let doubtful = finding.is_ambiguous() || !finding.unordered_counts.is_empty();
    let all_within = [finding.difference, finding.difference_min, finding.difference_max]
        .into_iter()
        .all(within);
    match (doubtful, all_within) {
        (_, true) => Judgement::Settle,
        (false, false) => Judgement::NeedsApproval,
        (true, false) => Judgement::Recount,
    }
}
