//! The newest part of each site's feed, projected once and shared by all its devices.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use ledger::schema::SiteId;
use ledger::tables::Tables;
use protocol::frame::{Delta, Frame};
use protocol::identity::{DeviceId, Lsn};

use crate::feed::delta::{DELTA_BYTES_MAX, Extent, Span, groups, read};
use crate::session::wire::Message;

/// Bytes that the ring of one site keeps, and as many of what lies before it.
const RING_BYTES_MAX: usize = 4 << 20;
/// Spans that the ring of one site keeps.
const RING_SPANS_MAX: usize = 1_024;
/// Index rows that one DELTA covers for a device that is further behind than the ring.
const MENTIONS_PER_DELTA: usize = 2_000;
/// Where a span holds too much for one DELTA, index rows of the one that is read instead of it.
const MENTIONS_OF_LITTLE: usize = 1;
/// Decisions of one block of what lies before the ring. Blocks begin at its multiples, so that devices
/// whose cursors lie close together read the same one.
const BLOCK: u64 = 512;

/// The ring of one site.
#[derive(Debug, Default)]
struct Ring {
    spans: VecDeque<Arc<Span>>,
    bytes: usize,
    /// The DELTA that was made last for devices without outcomes of their own.
    last: Option<(Lsn, Lsn, Lsn, Arc<Message>)>,
    /// What lies before it, as far as somebody asked for it, by the cursor that each continues: after a
    /// restart a whole house comes back with cursors from before it.
    before: BTreeMap<Lsn, Arc<Span>>,
    before_bytes: usize,
    /// Where those begin, the oldest first.
    before_order: VecDeque<Lsn>,
}

/// The rings of all sites that devices listen to.
#[derive(Debug, Default)]
pub struct Rings {
    rings: BTreeMap<SiteId, Ring>,
}

/// Where a device stands in the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The cursor that the device has.
    pub told: Lsn,
    /// Up to here nothing concerns it beyond what it was told.
    pub scanned: Lsn,
}

/// The next step of a device in the feed.
#[derive(Debug)]
pub enum Next {
    /// Nothing that it sees, up to here.
    Nothing(Lsn),
    /// This, up to here.
    Delta {
        /// The frame.
        message: Arc<Message>,
        /// The cursor after it.
        to: Lsn,
    },
    /// One decision is too large for a DELTA: a snapshot must do.
    TooLarge,
}

impl Rings {
    /// Whether something that concerns `device` itself lies after `from`.
    pub fn concerns(
        &mut self,
        (tables, head): (&dyn Tables, Lsn),
        (site, device): (SiteId, DeviceId),
        from: Lsn,
    ) -> bool {
        self.spans((tables, head), site, from).iter().any(|span| span.concerns(device, from))
    }

    /// Reads what `site` sees up to `head`, so that one span of its ring ends there.
    pub fn reach(&mut self, (tables, head): (&dyn Tables, Lsn), site: SiteId) {
        self.rings.entry(site).or_default().extend(tables, site, head, head);
    }

    /// What comes next for `device` at `position`; `tables` are a cut at `head`. Where a span ends at
    /// the second decision, so does what comes.
    pub fn next(
        &mut self,
        (tables, head): (&dyn Tables, Lsn),
        (site, device): (SiteId, DeviceId),
        (position, stop_at): (Position, Option<Lsn>),
    ) -> Next {
        let from = position.scanned;
        let mut spans = self.spans((tables, head), site, from);
        let Some(first) = spans.first() else { return Next::Nothing(head) };
        if first.bytes_for(device, from) > DELTA_BYTES_MAX {
            let mentions_max = MENTIONS_OF_LITTLE;
            let little = read(tables, site, Extent { from, up_to: head, head, mentions_max });
            if little.bytes_for(device, from) > DELTA_BYTES_MAX {
                return Next::TooLarge;
            }
            spans = vec![Arc::new(little)];
        }
        let mut bytes: usize = 0;
        let mut chosen: Vec<&Span> = Vec::new();
        for span in &spans {
            bytes = bytes.saturating_add(span.bytes_for(device, from));
            if bytes > DELTA_BYTES_MAX {
                break;
            }
            chosen.push(span);
            if stop_at == Some(span.to) {
                break;
            }
        }
        let Some(last) = chosen.last() else { return Next::TooLarge };
        let to = last.to;
        let is_own = chosen.iter().any(|span| span.concerns(device, from));
        let ring = self.rings.entry(site).or_default();
        if !is_own
            && let Some((told, scanned, end, message)) = &ring.last
            && (*told, *scanned, *end) == (position.told, position.scanned, to)
        {
            return Next::Delta { message: Arc::clone(message), to };
        }
        let groups = groups(&chosen, (device, from));
        if groups.is_empty() {
            return Next::Nothing(to);
        }
        let delta = Delta { from: position.told, to, groups };
        let message = Arc::new(Message::new(Frame::Delta(delta)));
        if !is_own {
            ring.last = Some((position.told, position.scanned, to, Arc::clone(&message)));
        }
        Next::Delta { message, to }
    }

    /// The spans after `from`, of which the first may begin earlier: from the ring where it reaches back
    /// so far, else the block of what lies before it.
    fn spans(
        &mut self,
        (tables, head): (&dyn Tables, Lsn),
        site: SiteId,
        from: Lsn,
    ) -> Vec<Arc<Span>> {
        if from >= head {
            return Vec::new();
        }
        let ring = self.rings.entry(site).or_default();
        ring.extend(tables, site, head, from);
        let start = ring.spans.partition_point(|span| span.to <= from);
        if ring.spans.get(start).is_some_and(|span| span.from <= from) {
            return ring.spans.range(start..).cloned().collect();
        }
        vec![ring.block((tables, head), site, from)]
    }

    /// Forgets the sites that nobody listens to.
    pub fn keep_only(&mut self, mut is_heard: impl FnMut(SiteId) -> bool) {
        self.rings.retain(|site, _ring| is_heard(*site));
    }
}

impl Ring {
    /// Reads what came since; an empty ring starts at `from` when that is near, else at the head.
    fn extend(&mut self, tables: &dyn Tables, site: SiteId, head: Lsn, from: Lsn) {
        let end = match self.spans.back() {
            Some(last) => last.to,
            None if head.0.saturating_sub(from.0) <= 256 => from,
            None => head,
        };
        if end >= head {
            return;
        }
        let mut from = end;
        while from < head {
            let extent = Extent { from, up_to: head, head, mentions_max: MENTIONS_PER_DELTA };
            let span = read(tables, site, extent);
            from = span.to;
            self.bytes = self.bytes.saturating_add(span.weight());
            self.spans.push_back(Arc::new(span));
        }
        while self.bytes > RING_BYTES_MAX || self.spans.len() > RING_SPANS_MAX {
            match self.spans.pop_front() {
                Some(span) => self.bytes = self.bytes.saturating_sub(span.weight()),
                None => break,
            }
        }
    }

    /// What lies before the ring and holds the decision after `from`: read once for all who ask.
    fn block(&mut self, (tables, head): (&dyn Tables, Lsn), site: SiteId, from: Lsn) -> Arc<Span> {
        let before = self.before.range(..=from).next_back().map(|(_from, span)| span);
        if let Some(span) = before.filter(|span| span.to > from) {
            return Arc::clone(span);
        }
        let floor = Lsn(from.0.div_euclid(BLOCK).saturating_mul(BLOCK));
        // A block that held too much goes on where its first part ended.
        let begin = before.map_or(floor, |span| span.to.max(floor));
        let ring_from = self.spans.front().map_or(head, |span| span.from);
        let up_to = Lsn(floor.0.saturating_add(BLOCK)).min(ring_from.max(from.next())).min(head);
        let mentions_max = MENTIONS_PER_DELTA;
        let mut span = read(tables, site, Extent { from: begin, up_to, head, mentions_max });
        if span.to <= from {
            span = read(tables, site, Extent { from, up_to, head, mentions_max });
        }
        let span = Arc::new(span);
        self.keep_block(&span);
        span
    }

    /// Keeps a block, and forgets as many of the oldest as it takes the place of: those that were
    /// read lately are being asked for.
    fn keep_block(&mut self, span: &Arc<Span>) {
        if let Some(known) = self.before.insert(span.from, Arc::clone(span)) {
            self.before_bytes = self.before_bytes.saturating_sub(known.weight());
            self.before_order.retain(|from| *from != span.from);
        }
        self.before_order.push_back(span.from);
        self.before_bytes = self.before_bytes.saturating_add(span.weight());
        while self.before_order.len() > 1
            && (self.before_bytes > RING_BYTES_MAX || self.before.len() > RING_SPANS_MAX)
        {
            let oldest = self.before_order.pop_front();
            if let Some(oldest) = oldest.and_then(|from| self.before.remove(&from)) {
                self.before_bytes = self.before_bytes.saturating_sub(oldest.weight());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(no: u64, bytes: usize) -> Arc<Span> {
        let from = Lsn(no * BLOCK);
        Arc::new(Span { from, to: Lsn(from.0 + BLOCK), decisions: Vec::new(), bytes })
    }

    #[test]
    fn a_block_beyond_the_bound_takes_the_place_of_the_oldest_and_of_no_other() {
        let mut ring = Ring::default();
        let quarter = RING_BYTES_MAX / 4;
        for no in [5, 2, 9, 4] {
            ring.keep_block(&block(no, quarter));
        }
        assert_eq!((ring.before.len(), ring.before_bytes), (4, RING_BYTES_MAX));
        ring.keep_block(&block(1, quarter));
        let kept = |ring: &Ring| ring.before.keys().map(|from| from.0 / BLOCK).collect::<Vec<_>>();
        assert_eq!(kept(&ring), [1, 2, 4, 9]);
        // Read again, it is the newest; and weighed once.
        ring.keep_block(&block(2, quarter));
        ring.keep_block(&block(3, quarter));
        assert_eq!((kept(&ring), ring.before_bytes), (vec![1, 2, 3, 4], RING_BYTES_MAX));
        ring.keep_block(&block(7, 2 * RING_BYTES_MAX));
        assert_eq!((kept(&ring), ring.before_order.len()), (vec![7], 1), "what is asked for stays");
        for no in 0..2_000 {
            ring.keep_block(&block(no, 0));
        }
        assert_eq!((ring.before.len(), ring.before_order.len()), (RING_SPANS_MAX, RING_SPANS_MAX));
    }
}
