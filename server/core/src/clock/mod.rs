//! When was this done, in server time? The order key τ of SYNC 4.1.
//!
//! What is estimated is the offset of a boot, `server time = offset + monotonic time`, never the
//! time of one operation: an interval, narrowed by clock samples, by causality, by the order of the
//! boots and by receipt. It never looks at stock, nor at other devices. All of it is integer
//! arithmetic in microseconds.
//!
//! 1. Within a boot, τ rises strictly with the operations.
//! 2. τ lies after everything that the operator had seen: the cursor's decision.
//! 3. Boots do not overlap: one bad boot never drags the next one along.
//! 4. The same evidence gives the same τ, wherever and whenever it is computed.
//!
//! Order of reading: [`Boots`] (what is known and how it is learnt), [`estimate`] (what follows).

pub mod estimate;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ledger::draft::Draft;
use ledger::key::KeyRange;
use ledger::schema::book::Timing;
use ledger::tables::{Read as _, Tables};
use protocol::evidence::{BootEvidence, ClockSample};
use protocol::identity::{Boot, DeviceId, Incarnation, ServerTime};

use crate::schema::{Anchor, BootClock, BootClocks};
use estimate::{Moment, Neighbours};

/// Samples kept beside the first and the last one.
const BEST_SAMPLES: usize = 8;

/// The clocks of the boots of one incarnation, as far as an arrival concerns them.
#[derive(Debug, Clone)]
pub struct Boots {
    stream: (DeviceId, Incarnation),
    boots: BTreeMap<Boot, BootClock>,
    touched: BTreeSet<Boot>,
    /// No operation is older than this: the enrolment of the device.
    not_before: ServerTime,
}

/// The evidence of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperationEvidence {
    /// Its boot.
    pub boot: Boot,
    /// Monotonic microseconds of that boot.
    pub mono_us: u64,
    /// When the last decision that the operator had seen was taken, where that is known here.
    pub seen: Option<ServerTime>,
}

impl Boots {
    /// Loads what `tables` know of the boots from the one before `oldest` on.
    pub fn load(
        tables: &dyn Tables,
        stream: (DeviceId, Incarnation),
        oldest: Boot,
        not_before: ServerTime,
    ) -> Self {
        let (device, incarnation) = stream;
        let before = KeyRange::prefix_before(&stream, &(device, incarnation, oldest));
        let from = KeyRange::prefix_from(&stream, &(device, incarnation, oldest));
        let boots = tables
            .last::<BootClocks>(&before)
            .into_iter()
            .chain(tables.list::<BootClocks>(&from))
            .map(|((_device, _incarnation, boot), clock)| (boot, Arc::unwrap_or_clone(clock)))
            .collect();
        Self { stream, boots, touched: BTreeSet::new(), not_before }
    }

    fn clock(&mut self, boot: Boot) -> &mut BootClock {
        self.touched.insert(boot);
        self.boots.entry(boot).or_default()
    }

    /// Learns what a device tells of a boot. Samples that lie in the future are worthless.
    pub fn learn(&mut self, evidence: &BootEvidence, now: ServerTime) {
        let clock = self.clock(evidence.boot);
        clock.last_us = clock.last_us.max(evidence.last_us);
        for sample in &evidence.samples {
            let in_order = sample.sent_us <= sample.received_us
                && sample.server_received <= sample.server_sent
                && sample.server_sent <= now.0;
            if in_order && !clock.samples.contains(sample) {
                clock.samples.push(*sample);
                clock.last_us = clock.last_us.max(sample.received_us);
            }
        }
        keep_best(&mut clock.samples);
    }

    /// Learns that an operation was done and had arrived at `received`.
    pub fn learn_operation(&mut self, operation: OperationEvidence, received: ServerTime) {
        let clock = self.clock(operation.boot);
        clock.last_us = clock.last_us.max(operation.mono_us);
        if let Some(at) = operation.seen {
            let anchor = Anchor { at, mono_us: operation.mono_us };
            if clock.seen.is_none_or(|known| known.offset() < anchor.offset()) {
                clock.seen = Some(anchor);
            }
        }
        let anchor = Anchor { at: received, mono_us: clock.last_us.max(operation.mono_us) };
        if clock.received.is_none_or(|known| known.offset() > anchor.offset()) {
            clock.received = Some(anchor);
        }
    }

    /// Carries the ends of the boots forward, after something was learnt.
    pub fn settle(&mut self) {
        let boots: Vec<Boot> = self.boots.keys().copied().collect();
        let mut end: Option<ServerTime> = None;
        for boot in boots {
            if let Some(clock) = self.boots.get_mut(&boot) {
                let not_before = clock.not_before.max(end);
                if not_before != clock.not_before {
                    clock.not_before = not_before;
                    self.touched.insert(boot);
                }
                end = end.max(estimate::earliest_end(clock));
            }
        }
    }

    /// When `operation` was done, given that it had arrived at `received`; the boot remembers it.
    ///
    /// Everything that arrived together must have been learnt, and settled, before.
    pub fn timing(&mut self, operation: OperationEvidence, received: ServerTime) -> Timing {
        let moment = Moment {
            mono_us: operation.mono_us,
            seen: operation.seen,
            received,
            not_before: self.not_before,
        };
        let latest_end = self.latest_end(operation.boot);
        let clock = self.clock(operation.boot);
        let mut timing = estimate::timing(clock, &moment, Neighbours { latest_end });
        if let Some(last) = clock.last_tau
            && timing.tau <= last
        {
            timing.tau = last.plus_us(1);
        }
        clock.last_tau = Some(timing.tau);
        timing
    }

    /// Remembers where an operation was placed before: a fold of the records never places anew.
    pub(crate) fn placed(&mut self, boot: Boot, tau: ServerTime) {
        self.clock(boot).last_tau = Some(tau);
    }

    /// The earliest server time at which `mono_us` of `boot` can have been, where its clock was
    /// sampled; for the watermark.
    pub fn earliest(&self, boot: Boot, mono_us: u64) -> Option<ServerTime> {
        estimate::earliest_by_samples(self.boots.get(&boot)?, mono_us)
    }

    /// The latest instant at which the boot after `boot` can have started.
    fn latest_end(&self, boot: Boot) -> Option<ServerTime> {
        let mut start: Option<ServerTime> = None;
        for (later, clock) in self.boots.iter().rev() {
            if *later <= boot {
                break;
            }
            start = estimate::latest_start(clock, Neighbours { latest_end: start }).or(start);
        }
        start
    }

    /// Writes what was learnt.
    pub fn write(self, draft: &mut Draft<'_>) {
        let (device, incarnation) = self.stream;
        for (boot, clock) in self.boots {
            if self.touched.contains(&boot) {
                draft.put::<BootClocks>(&(device, incarnation, boot), clock);
            }
        }
    }
}

impl Anchor {
    /// The offset at which this happened exactly then.
    pub(crate) fn offset(self) -> i64 {
        self.at.0.saturating_sub_unsigned(self.mono_us)
    }
}

/// Keeps the first, the last and the best by width.
pub(crate) fn keep_best(samples: &mut Vec<ClockSample>) {
    if samples.len() <= BEST_SAMPLES.saturating_add(2) {
        samples.sort_by_key(|sample| (sample.sent_us, sample.received_us));
        return;
    }
    let first = samples.iter().min_by_key(|sample| sample.sent_us).copied();
    let last = samples.iter().max_by_key(|sample| sample.received_us).copied();
    let mut by_width = samples.clone();
    by_width.sort_by_key(|sample| (estimate::width(sample), sample.sent_us, sample.received_us));
    let mut kept: Vec<ClockSample> = first.into_iter().chain(last).collect();
    for sample in by_width {
        if kept.len() >= BEST_SAMPLES.saturating_add(2) {
            break;
        }
        if !kept.contains(&sample) {
            kept.push(sample);
        }
    }
    kept.sort_by_key(|sample| (sample.sent_us, sample.received_us));
    kept.dedup();
    *samples = kept;
}

#[cfg(test)]
mod tests;
