//! What this device knows of its clock: for each boot a few samples, and when it was last awake.
//!
//! It decides nothing here. The server turns the evidence into the order key τ; an operation whose
//! boot has no evidence is marked uncertain, so evidence of old boots is kept for as long as the
//! recorder has operations of them.

use std::collections::{BTreeMap, BTreeSet};

use protocol::evidence::{BootEvidence, ClockSample};
use protocol::identity::{Boot, ServerTime};

/// How many of the narrowest samples of a boot are kept, besides the first and the last.
pub const BEST_SAMPLES: usize = 8;

/// The evidence of all boots that still matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClockEvidence {
    boots: BTreeMap<Boot, BootEvidence>,
    current: Boot,
}

/// Microseconds within which a sample holds the offset of its boot.
pub fn width_us(sample: &ClockSample) -> i64 {
    let here = i128::from(sample.received_us) - i128::from(sample.sent_us);
    let there = i128::from(sample.server_sent) - i128::from(sample.server_received);
    i64::try_from(here - there).unwrap_or(i64::MAX)
}

/// Whether the four times of a sample can be of one exchange.
fn is_possible(sample: &ClockSample) -> bool {
    sample.received_us >= sample.sent_us
        && sample.server_sent >= sample.server_received
        && width_us(sample) >= 0
}

impl ClockEvidence {
    /// The evidence kept on the disk, and the boot that runs now.
    pub fn new(kept: Vec<BootEvidence>, current: Boot, wall_at_start: Option<i64>) -> Self {
        let mut boots: BTreeMap<Boot, BootEvidence> =
            kept.into_iter().map(|evidence| (evidence.boot, evidence)).collect();
        boots.entry(current).or_insert_with(|| BootEvidence {
            boot: current,
            last_us: 0,
            samples: Vec::new(),
            wall_at_start,
        });
        Self { boots, current }
    }

    /// The boot that runs.
    pub fn current(&self) -> Boot {
        self.current
    }

    /// Something happened at `mono_us` of the running boot.
    pub fn touch(&mut self, mono_us: u64) {
        if let Some(evidence) = self.boots.get_mut(&self.current) {
            evidence.last_us = evidence.last_us.max(mono_us);
        }
    }

    /// The last instant of the running boot at which something is known to have happened, in
    /// monotonic microseconds.
    pub fn last_us(&self) -> u64 {
        self.boots.get(&self.current).map_or(0, |evidence| evidence.last_us)
    }

    /// Takes a sample of the running boot, and says whether it is one.
    pub fn add(&mut self, sample: ClockSample) -> bool {
        if !is_possible(&sample) {
            return false;
        }
        self.touch(sample.received_us);
        let Some(evidence) = self.boots.get_mut(&self.current) else { return false };
        if !evidence.samples.contains(&sample) {
            evidence.samples.push(sample);
            keep_best(&mut evidence.samples);
        }
        true
    }

    /// Whether the running boot has a sample.
    pub fn is_sampled(&self) -> bool {
        self.boots.get(&self.current).is_some_and(|evidence| !evidence.samples.is_empty())
    }

    /// The server's time at `mono_us` of the running boot, by the middle of what its samples allow;
    /// none while there is no sample. For screens and the validity of a PIN, never for operations.
    pub fn server_time(&self, mono_us: u64) -> Option<ServerTime> {
        let samples = &self.boots.get(&self.current)?.samples;
        let best = samples.iter().min_by_key(|sample| width_us(sample))?;
        let low = best.server_sent - i64::try_from(best.received_us).ok()?;
        let high = best.server_received - i64::try_from(best.sent_us).ok()?;
        let middle = i64::midpoint(low, high);
        Some(ServerTime(middle.saturating_add(i64::try_from(mono_us).ok()?)))
    }

    /// How far the wall clock was ahead of the server's time when this boot was first looked at, in
    /// microseconds; none while there is no sample. For people: it decides nothing.
    pub fn wall_ahead_us(&self) -> Option<i64> {
        let wall = self.boots.get(&self.current)?.wall_at_start?;
        Some(wall.saturating_sub(self.server_time(0)?.0))
    }

    /// The evidence of one boot.
    pub fn of(&self, boot: Boot) -> Option<&BootEvidence> {
        self.boots.get(&boot)
    }

    /// The evidence of `boots`, newest first, at most `n_max` of them.
    pub fn of_boots(&self, boots: &BTreeSet<Boot>, n_max: usize) -> Vec<BootEvidence> {
        boots.iter().rev().filter_map(|boot| self.boots.get(boot)).take(n_max).cloned().collect()
    }

    /// Forgets boots before `oldest`; the running one stays.
    pub fn prune(&mut self, oldest: Boot) {
        let current = self.current;
        self.boots.retain(|boot, _| *boot >= oldest || *boot == current);
    }

    /// Everything, for the disk.
    pub fn to_vec(&self) -> Vec<BootEvidence> {
        self.boots.values().cloned().collect()
    }
}

/// Keeps the first, the last, and the narrowest [`BEST_SAMPLES`], in the order of time.
fn keep_best(samples: &mut Vec<ClockSample>) {
    samples.sort_by_key(|sample| (sample.sent_us, sample.received_us));
    if samples.len() <= 2 {
        return;
    }
    let last = samples.len() - 1;
    let mut by_width: Vec<usize> = (0..samples.len()).collect();
    by_width.sort_by_key(|index| (width_us(&samples[*index]), *index));
    let mut kept: BTreeSet<usize> = by_width.into_iter().take(BEST_SAMPLES).collect();
    kept.extend([0, last]);
    let mut index = 0;
    samples.retain(|_| {
        index += 1;
        kept.contains(&(index - 1))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(sent_us: u64, round_trip_us: u64) -> ClockSample {
        let server = 1_000_000 + i64::try_from(sent_us).unwrap();
        ClockSample {
            sent_us,
            server_received: server + i64::try_from(round_trip_us).unwrap() / 2,
            server_sent: server + i64::try_from(round_trip_us).unwrap() / 2,
            received_us: sent_us + round_trip_us,
        }
    }

    #[test]
    fn first_last_and_the_eight_narrowest_samples_of_a_boot_are_kept() {
        let mut evidence = ClockEvidence::new(Vec::new(), Boot(3), None);
        for n in 0..40 {
            // Wide at both ends, narrow in the middle.
            let round_trip_us = 1_000 * (1 + u64::abs_diff(20, n));
            assert!(evidence.add(sample(n * 10_000_000, round_trip_us)));
        }
        let kept = &evidence.of(Boot(3)).unwrap().samples;
        assert_eq!(kept.len(), 10);
        assert_eq!(kept[0].sent_us, 0);
        assert_eq!(kept[9].sent_us, 390_000_000);
        assert!(kept[1..9].iter().all(|kept| width_us(kept) <= 5_000), "{kept:?}");
    }

    #[test]
    fn four_times_that_contradict_each_other_are_no_sample() {
        let mut evidence = ClockEvidence::new(Vec::new(), Boot(1), None);
        let good = sample(5_000, 1_000);
        assert!(!evidence.add(ClockSample { received_us: 4_000, ..good }));
        assert!(!evidence.add(ClockSample { server_sent: good.server_sent + 2_000, ..good }));
        assert!(!evidence.is_sampled());
        assert!(evidence.add(good));
        assert_eq!(evidence.server_time(5_000), Some(ServerTime(1_005_000)));
    }

    #[test]
    fn evidence_of_an_older_boot_survives_a_reboot_until_it_is_pruned() {
        let mut before = ClockEvidence::new(Vec::new(), Boot(1), Some(7));
        before.add(sample(5_000, 1_000));
        before.touch(9_000);
        let mut after = ClockEvidence::new(before.to_vec(), Boot(2), None);
        assert_eq!(after.of(Boot(1)), before.of(Boot(1)));
        assert_eq!(after.of(Boot(1)).unwrap().last_us, 9_000);
        assert!(!after.is_sampled());
        after.prune(Boot(2));
        assert_eq!(after.of(Boot(1)), None);
        assert!(after.of(Boot(2)).is_some());
    }
}
