//! What lies before the ring of a site, in blocks of decisions that are read once for all devices that
//! come back: after a restart a whole house does, with cursors from before it.
//!
//! A block whose outcomes are all of others, and that shows nothing else, is nothing to a device. So
//! much is remembered of each when there is no room for what is in it: a house that was away for long
//! is brought up to date without reading all of it for each device again.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::identity::{DeviceId, Lsn};

use crate::feed::delta::Span;

/// Bytes of what is in the blocks of one site.
const BYTES_MAX: usize = 8 << 20;
/// Blocks of one site: two million decisions.
const BLOCKS_MAX: usize = 4_096;
/// Decisions of one block. Blocks begin at its multiples, so that devices whose cursors lie close
/// together read the same one.
const BLOCK: u64 = 512;

/// The blocks of one site that somebody asked for, by the cursor that each continues.
#[derive(Debug)]
pub(super) struct Blocks {
    blocks: BTreeMap<Lsn, Block>,
    bytes: usize,
    bytes_max: usize,
    clock: u64,
}

#[derive(Debug)]
struct Block {
    to: Lsn,
    /// What is in it, while there is room.
    span: Option<Arc<Span>>,
    /// Whose outcomes are in it, in order, where nothing else is; none where more is in it.
    only_of: Option<Box<[DeviceId]>>,
    /// When it was asked for last, by [`Blocks::clock`].
    used: u64,
}

impl Block {
    fn of(span: &Arc<Span>, used: u64) -> Self {
        let is_outcomes = span.decisions.iter().all(|shown| shown.records.is_empty());
        let only_of = is_outcomes.then(|| {
            let outcomes = span.decisions.iter().flat_map(|shown| &shown.outcomes);
            let mut owners: Vec<_> = outcomes.map(|(owner, _outcome)| *owner).collect();
            owners.sort_unstable();
            owners.dedup();
            owners.into()
        });
        Self { to: span.to, span: Some(Arc::clone(span)), only_of, used }
    }

    /// What `device` sees of it, as far as that is known.
    fn seen_by(&self, device: DeviceId, from: Lsn) -> Option<Arc<Span>> {
        if let Some(span) = &self.span {
            return Some(Arc::clone(span));
        }
        let owners = self.only_of.as_ref()?;
        let is_nothing = owners.binary_search(&device).is_err();
        let nothing = || Span { from, to: self.to, decisions: Vec::new(), bytes: 0 };
        is_nothing.then(|| Arc::new(nothing()))
    }
}

impl Default for Blocks {
    fn default() -> Self {
        Self { blocks: BTreeMap::new(), bytes: 0, bytes_max: BYTES_MAX, clock: 0 }
    }
}

impl Blocks {
    /// What holds the decision after `from`, as far as `device` sees it. What is not known is read by
    /// `read`, from a cursor up to a decision, which may stop before it; `end` is where the ring begins.
    pub(super) fn seen_by(
        &mut self,
        (device, from): (DeviceId, Lsn),
        end: Lsn,
        read: &mut dyn FnMut(Lsn, Lsn) -> Span,
    ) -> Arc<Span> {
        self.clock = self.clock.wrapping_add(1);
        let floor = Lsn(from.0.div_euclid(BLOCK).saturating_mul(BLOCK));
        let mut begin = floor;
        if let Some((start, block)) = self.blocks.range_mut(..=from).next_back() {
            if block.to > from {
                block.used = self.clock;
                if let Some(seen) = block.seen_by(device, *start) {
                    return seen;
                }
                begin = *start;
            } else {
                // A block that held too much goes on where its first part ended.
                begin = block.to.max(floor);
            }
        }
        let up_to = Lsn(floor.0.saturating_add(BLOCK)).min(end.max(from.next()));
        let mut span = read(begin, up_to);
        if span.to <= from {
            span = read(from, up_to);
        }
        let span = Arc::new(span);
        self.take(&span);
        span
    }

    fn take(&mut self, span: &Arc<Span>) {
        let block = Block::of(span, self.clock);
        self.bytes = self.bytes.saturating_add(span.weight());
        let known = self.blocks.insert(span.from, block).and_then(|known| known.span);
        self.bytes = self.bytes.saturating_sub(known.map_or(0, |known| known.weight()));
        while self.bytes > self.bytes_max && self.empty_oldest(span.from) {}
        while self.blocks.len() > BLOCKS_MAX {
            // The furthest back is asked for by the fewest.
            let first = self.blocks.pop_first().and_then(|(_start, block)| block.span);
            self.bytes = self.bytes.saturating_sub(first.map_or(0, |span| span.weight()));
        }
    }

    /// Makes room; says whether there was something to forget besides the block at `but`.
    fn empty_oldest(&mut self, but: Lsn) -> bool {
        let full =
            self.blocks.iter().filter(|(start, block)| **start != but && block.span.is_some());
        let Some(start) =
            full.min_by_key(|(_start, block)| block.used).map(|(start, _block)| *start)
        else {
            return false;
        };
        let Some(block) = self.blocks.get_mut(&start) else { return false };
        let span = block.span.take();
        self.bytes = self.bytes.saturating_sub(span.map_or(0, |span| span.weight()));
        if block.only_of.is_none() {
            self.blocks.remove(&start);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use protocol::feed::FeedRecord;
    use protocol::identity::{Incarnation, OperationId, Seq, ServerTime};
    use protocol::outcome::{Decision, Outcome};

    use super::*;
    use crate::feed::delta::{Shown, record_bytes};

    /// Devices that worked all the time.
    const N_AT_WORK: u64 = 1_000;
    const END: Lsn = Lsn(100_000);

    /// Outcomes of those who worked, in turn.
    fn log(from: Lsn, up_to: Lsn) -> Span {
        let shown = |lsn| {
            let device = owner(lsn);
            let operation = OperationId { device, incarnation: Incarnation(1), seq: Seq(lsn) };
            let outcome = Outcome {
                operation,
                revision: 1,
                decision: Decision::Accepted,
                lsn: Lsn(lsn),
                tau: ServerTime(0),
                epsilon_us: 0,
                uncertain: false,
                settlement: None,
                reasons: Vec::new(),
                changes: Vec::new(),
                case: None,
                text_en: String::new(),
            };
            let outcomes = vec![(device, outcome)];
            Shown { lsn: Lsn(lsn), time: ServerTime(0), records: Vec::new(), outcomes }
        };
        Span { from, to: up_to, decisions: (from.0 + 1..=up_to.0).map(shown).collect(), bytes: 0 }
    }

    fn owner(lsn: u64) -> DeviceId {
        DeviceId(u32::try_from(lsn % N_AT_WORK).unwrap())
    }

    /// Shows `device` everything after `from`: says where its outcomes are.
    fn catch_up(
        blocks: &mut Blocks,
        (device, from): (DeviceId, Lsn),
        read: &mut dyn FnMut(Lsn, Lsn) -> Span,
    ) -> Vec<Lsn> {
        let (mut at, mut seen) = (from, Vec::new());
        while at < END {
            let span = blocks.seen_by((device, at), END, read);
            assert!(span.to > at, "it goes on");
            let own = |shown: &&Shown| shown.outcomes.iter().any(|(owner, _one)| *owner == device);
            seen.extend(span.after(at).filter(own).map(|shown| shown.lsn));
            at = span.to;
        }
        seen
    }

    #[test]
    fn who_comes_back_after_long_costs_no_reading_of_what_others_were_told() {
        let (mut blocks, mut n_read) = (Blocks::default(), 0);
        for n in 0..1_000_u32 {
            let who = (DeviceId(5_000 + n), Lsn(20_000 + u64::from(n)));
            let seen = catch_up(&mut blocks, who, &mut |from, up_to| {
                n_read += up_to.0 - from.0;
                log(from, up_to)
            });
            assert_eq!(seen, []);
        }
        assert!(n_read <= 81_000, "{n_read} decisions were read for a thousand devices");
    }

    #[test]
    fn everybody_sees_its_own_outcomes_once_whatever_was_forgotten() {
        let mut blocks = Blocks::default();
        for from in [60_000, 99_000, 20_011, 60_001] {
            let device = owner(17);
            let seen = catch_up(&mut blocks, (device, Lsn(from)), &mut log);
            let own: Vec<_> =
                (from + 1..=END.0).filter(|lsn| owner(*lsn) == device).map(Lsn).collect();
            assert_eq!(seen, own, "from {from}");
        }
    }

    #[test]
    fn what_all_see_is_read_again_when_it_was_forgotten() {
        let record = |lsn| {
            let row = serde_bytes::ByteBuf::from(vec![1; 1_000]);
            let key = serde_bytes::ByteBuf::from(u64::to_be_bytes(lsn).to_vec());
            FeedRecord { table: 1, key, row: Some(row) }
        };
        let mut read = |from: Lsn, up_to: Lsn| {
            let mut span = log(from, up_to);
            for shown in &mut span.decisions {
                shown.records.push(record(shown.lsn.0));
                span.bytes += record_bytes(&shown.records[0]);
            }
            span
        };
        let mut blocks = Blocks::default();
        for from in [0, 50_000, 0] {
            let (mut at, mut n) = (Lsn(from), 0);
            while at < END {
                let span = blocks.seen_by((DeviceId(7_000), at), END, &mut read);
                n += span.after(at).map(|shown| shown.records.len()).sum::<usize>();
                at = span.to;
            }
            assert_eq!(n, usize::try_from(END.0 - from).unwrap());
            assert!(blocks.bytes <= BYTES_MAX, "{}", blocks.bytes);
        }
    }
}
