//! What happened in worlds, so that no run is vacuous.

use std::collections::BTreeMap;

use super::money::Audited;

/// What got done in a phase of a world.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Connections that devices began.
    pub connections: u64,
    /// Operations of devices that were judged.
    pub judged: u64,
    /// Counts that settled, and were not opened again before the phase ended.
    pub settled: u64,
}

/// What happened in a world, so that no run is vacuous.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Successes {
    /// Operations that a device confirmed.
    pub captured: u64,
    /// Of them, while the device had no network.
    pub captured_offline: u64,
    /// What got done in each phase: set-up, shift, healing.
    pub phases: [Progress; 3],
    /// Frames delivered twice or after their connection.
    pub late_frames: u64,
    /// Links cut.
    pub cuts: u64,
    /// Devices killed.
    pub kills: u64,
    /// Devices rebooted.
    pub reboots: u64,
    /// Devices that lost power.
    pub power_cuts: u64,
    /// Server crashes.
    pub server_crashes: u64,
    /// Of them, while something had been taken and was not on the disk yet.
    pub crashes_before_sync: u64,
    /// Devices whose store was replaced by an old copy.
    pub restored: u64,
    /// Counts of a bin by somebody who had just seen on the screen that it changed.
    pub looks: u64,
    /// Findings of counts that were held against the book before them.
    pub counts_compared: u64,
    /// Those that were not: something of that item in that bin had been refused or was parked.
    pub counts_in_doubt: u64,
    /// Worlds of which the second opinion was not asked in the end, because a count was taken out.
    pub without_opinion: u64,
    /// Connections whose answers were slow at first.
    pub clogged: u64,
    /// Wall clocks that jumped.
    pub clock_jumps: u64,
    /// What people recorded and what was decided, by kind, in each phase.
    pub kinds: BTreeMap<String, [u64; 3]>,
    /// Outcomes by decision.
    pub decisions: BTreeMap<String, u64>,
    /// Outcomes that were restated.
    pub restated: u64,
    /// What the auditor saw of money.
    pub audited: Audited,
}

impl Successes {
    /// Adds those of another world.
    pub fn add(&mut self, other: &Self) {
        self.captured += other.captured;
        self.captured_offline += other.captured_offline;
        for (ours, theirs) in self.phases.iter_mut().zip(other.phases) {
            ours.connections += theirs.connections;
            ours.judged += theirs.judged;
            ours.settled += theirs.settled;
        }
        self.late_frames += other.late_frames;
        self.cuts += other.cuts;
        self.kills += other.kills;
        self.reboots += other.reboots;
        self.power_cuts += other.power_cuts;
        self.server_crashes += other.server_crashes;
        self.crashes_before_sync += other.crashes_before_sync;
        self.restored += other.restored;
        self.looks += other.looks;
        self.counts_compared += other.counts_compared;
        self.counts_in_doubt += other.counts_in_doubt;
        self.without_opinion += other.without_opinion;
        self.clogged += other.clogged;
        self.clock_jumps += other.clock_jumps;
        self.restated += other.restated;
        self.audited.add(&other.audited);
        for (kind, theirs) in &other.kinds {
            let ours = self.kinds.entry(kind.clone()).or_default();
            for (ours, theirs) in ours.iter_mut().zip(theirs) {
                *ours += theirs;
            }
        }
        for (decision, n) in &other.decisions {
            *self.decisions.entry(decision.clone()).or_default() += n;
        }
    }
}
