//! Opening: from the bytes that are there to a recorder that can go on.

use std::ops::RangeInclusive;

use super::disk::{Disk, read_all};
use super::error::RecorderError;
use super::record::{self, ChainHash, Operation};
use super::rewrite::{Files, sweep, write_generation};
use super::scan::{Before, Scan, scan};
use super::segment::{Head, Header, SegmentId, encode_state, install};
use super::state::{Identity, State, read_current, write_current};
use super::{BALLAST, Options, Segment};

/// What was found at opening. Everything in here is already put right on the disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Operations in the recorder, void ones included.
    pub n_operations: u64,
    /// Operations of the last group written, if the recorder was not opened since: the power may
    /// have gone before the tone, so tell the operator that they are recorded.
    pub last_group: Option<RangeInclusive<u64>>,
    /// Bytes of a write that the power cut short, removed. Nobody was told it had succeeded.
    pub torn_bytes: u64,
    /// Whether those were operations: tell the operator that the last step is not recorded.
    pub is_group_dropped: bool,
    /// Operations that storage damage destroyed; void operations stand in for them now.
    pub holes: Vec<RangeInclusive<u64>>,
    /// Destroyed operations of which a second copy was at hand that fits the chain: nothing is lost
    /// by them.
    pub n_healed: u64,
    /// Records that were wrong by one bit and are right again.
    pub n_mended: u32,
    /// Whether anything but a torn end was found: report the storage of this device.
    pub is_damaged: bool,
    /// Whether the ballast file is there to be released.
    pub has_ballast: bool,
}

/// Up to where an earlier recorder on the same files has confirmed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Confirmed {
    pub(super) generation: u64,
    pub(super) seq: u64,
}

/// Where an operation is to be taken from.
#[derive(Debug)]
enum Slot {
    Kept {
        scan: usize,
        item: usize,
    },
    Void {
        seq: u64,
        hash: Option<ChainHash>,
    },
    /// Destroyed, and known from elsewhere.
    Healed {
        seq: u64,
        content: Vec<u8>,
    },
}

/// What an operation was, by its number, where another copy of it exists.
pub(super) type SecondCopy<'a> = &'a dyn Fn(Identity, u64) -> Option<Vec<u8>>;

/// The operations of all segments in order.
#[derive(Debug)]
struct Collation {
    start: Option<Head>,
    /// Before the first operation: what trimming says it should be.
    head: Head,
    slots: Vec<Slot>,
    holes: Vec<RangeInclusive<u64>>,
    is_damaged: bool,
    /// Whether a record names another hash before it than the one that is there.
    is_broken: bool,
}

impl Collation {
    /// Takes notice that the chain stands at `head` here; what is missing up to it is lost.
    fn reach(&mut self, head: Head) {
        if self.start.is_none() {
            self.begin(head);
        }
        if head.seq <= self.head.seq {
            self.is_broken |= head.seq == self.head.seq && head.hash != self.head.hash;
            return;
        }
        let hole = self.head.seq + 1..=head.seq;
        for seq in hole.clone() {
            let hash = (seq == head.seq).then_some(head.hash);
            self.lose(seq, hash);
        }
        self.head = head;
        self.holes.push(hole);
    }

    /// The first thing known about the chain: a segment that starts where trimming ended starts
    /// the chain, anything later means that a whole file is missing.
    fn begin(&mut self, first: Head) {
        if first.seq <= self.head.seq {
            self.head = first;
        }
        self.start = Some(self.head);
    }

    fn lose(&mut self, seq: u64, hash: Option<ChainHash>) {
        self.slots.push(Slot::Void { seq, hash });
        self.is_damaged = true;
        // Where the hash is not known, nothing behind it looks: the next one is void too, or none.
        self.head = Head { seq, hash: hash.unwrap_or_default() };
    }

    /// Takes second copies of what is lost, where they fit between the hashes before and behind.
    fn heal(
        &mut self,
        identity: Identity,
        second: SecondCopy<'_>,
        hashes: &[Vec<ChainHash>],
    ) -> u64 {
        let mut n_healed = 0;
        let mut prev = self.start.map(|start| start.hash).unwrap_or_default();
        let mut at = 0;
        while at < self.slots.len() {
            let run: Vec<(u64, Option<ChainHash>)> = self.slots[at..]
                .iter()
                .map_while(|slot| match slot {
                    Slot::Void { seq, hash } => Some((*seq, *hash)),
                    Slot::Kept { .. } | Slot::Healed { .. } => None,
                })
                .scan(false, |is_over, (seq, hash)| {
                    // A known hash ends what can be proved by it.
                    (!std::mem::replace(is_over, hash.is_some())).then_some((seq, hash))
                })
                .collect();
            if run.is_empty() {
                if let Slot::Kept { scan, item } = &self.slots[at] {
                    prev = hashes[*scan][*item];
                }
                at += 1;
                continue;
            }
            let contents: Option<Vec<Vec<u8>>> =
                run.iter().map(|(seq, _hash)| second(identity, *seq)).collect();
            let known = run.last().and_then(|(_seq, hash)| *hash);
            if let (Some(contents), Some(known)) = (contents, known) {
                let pairs = run.iter().zip(&contents);
                let end = pairs.fold(prev, |prev, ((seq, _), content)| prev.then(*seq, content));
                if end == known {
                    n_healed += run.len() as u64;
                    for (slot, (content, (seq, _hash))) in
                        self.slots[at..].iter_mut().zip(contents.into_iter().zip(&run))
                    {
                        *slot = Slot::Healed { seq: *seq, content };
                    }
                }
            }
            prev = known.unwrap_or_default();
            at += run.len();
        }
        if n_healed > 0 {
            self.holes = holes_of(&self.slots);
        }
        n_healed
    }

    fn keep(&mut self, scan: usize, item: usize, prev: Head, next: Head) {
        self.reach(prev);
        if next.seq != self.head.seq + 1 {
            // The number was there already: a stray copy, which loses nothing when left out.
            self.is_damaged = true;
            return;
        }
        self.slots.push(Slot::Kept { scan, item });
        self.head = next;
    }
}

/// The runs of numbers that are lost.
fn holes_of(slots: &[Slot]) -> Vec<RangeInclusive<u64>> {
    let mut holes: Vec<RangeInclusive<u64>> = Vec::new();
    for slot in slots {
        let Slot::Void { seq, .. } = slot else { continue };
        match holes.last_mut() {
            Some(last) if last.end() + 1 == *seq => *last = *last.start()..=*seq,
            Some(_) | None => holes.push(*seq..=*seq),
        }
    }
    holes
}

/// Opens the recorder on `disk`; `confirmed` drops what an earlier recorder refused to confirm.
pub(super) fn recover(
    disk: &dyn Disk,
    options: &Options,
    (confirmed, second): (Option<Confirmed>, SecondCopy<'_>),
) -> Result<(Files, Recovery), RecorderError> {
    let failed = RecorderError::at("read the recorder");
    let names = disk.list().map_err(&failed)?;
    let ids: Vec<SegmentId> = names.iter().filter_map(|name| SegmentId::parse(name)).collect();
    let current = read_current(disk).map_err(&failed)?;
    let generation = live_generation(&ids, current.map(|(generation, _)| generation))?;
    let mut live: Vec<SegmentId> =
        ids.iter().copied().filter(|id| id.generation == generation).collect();
    live.sort_unstable();
    let mut scans = Vec::with_capacity(live.len());
    for id in live {
        let bytes = read_all(disk, &id.name()).map_err(&failed)?;
        let scan = scan(id, &bytes);
        if let Header::Foreign { version } = scan.header {
            return Err(RecorderError::UnknownFormat { version });
        }
        scans.push(scan);
    }
    let mut recovery =
        Recovery { has_ballast: names.iter().any(|name| name == BALLAST), ..Recovery::default() };
    let last = scans.last_mut().expect("the live generation has a segment");
    (recovery.torn_bytes, recovery.is_group_dropped) = drop_torn(last);
    if let Some(confirmed) = confirmed.filter(|confirmed| confirmed.generation == generation) {
        drop_unconfirmed(last, confirmed.seq);
    } else {
        recovery.last_group = last_group(last);
    }
    let identity = current.map(|(_, identity)| identity);
    let mut state = newest_state(&scans, identity)?;
    drop_trimmed(&mut scans, state.trimmed_seq);
    let mut collation = collate(&scans, &state)?;
    let hashes: Vec<Vec<ChainHash>> =
        scans.iter().map(|scan| scan.items.iter().map(|item| item.hash).collect()).collect();
    recovery.n_healed = collation.heal(state.identity, second, &hashes);
    recovery.n_mended = scans.iter().map(|scan| scan.n_mended).sum();
    recovery.is_damaged = collation.is_damaged || scans.iter().any(is_damaged);
    recovery.holes.clone_from(&collation.holes);
    recovery.n_operations = collation.slots.len() as u64;
    state.n_void += recovery.holes.iter().map(|hole| hole.end() - hole.start() + 1).sum::<u64>();
    state.needs_reincarnation |= collation.is_broken;
    state.needs_reincarnation |= recovery.holes.iter().any(|hole| *hole.end() > state.acked.seq);

    // The rename that made this generation the live one may not have been synced; and only the
    // generation that is durably named may be the only one left.
    write_current(disk, generation, &state.identity)
        .map_err(RecorderError::at("name the live generation"))?;
    let kept = |id: SegmentId| scans.iter().any(|scan| scan.id == id);
    sweep(disk, kept)?;
    let files = if recovery.is_damaged {
        repair(disk, options, (scans, collation, generation), state)?
    } else {
        take_over(disk, options, (&scans, collation.head, generation), state)?
    };
    Ok((files, recovery))
}

fn live_generation(ids: &[SegmentId], current: Option<u64>) -> Result<u64, RecorderError> {
    let first = ids.first().map(|id| id.generation);
    let generation = match (current, first) {
        (Some(current), _) => current,
        (None, None) => return Err(RecorderError::Missing),
        (None, Some(first)) if ids.iter().all(|id| id.generation == first) => first,
        (None, Some(_)) => return Err(RecorderError::Unreadable { what: "which files are live" }),
    };
    if ids.iter().any(|id| id.generation == generation) {
        Ok(generation)
    } else {
        Err(RecorderError::Unreadable { what: "the live files are gone" })
    }
}

/// Removes a group whose write was cut short, and says how many bytes that were, and whether there were
/// operations in it.
///
/// A good record behind a gap proves that the gap is damage, unless it was written before the gap
/// was synced; then the disk was free to write the one and not the other.
fn drop_torn(scan: &mut Scan) -> (u64, bool) {
    let group = scan.items.iter().rposition(|item| !item.joined).map_or(0, |last| last + 1);
    let gap = (group..scan.items.len()).find(|at| scan.items[*at].before == Before::TornGap);
    let to = scan.tail.as_ref().map_or(scan.end, |tail| tail.end);
    let mut has_operation = false;
    if let Some(gap) = gap {
        // An operation is synced before anything is written behind it: behind a state are states.
        has_operation = scan.items.drain(gap..).any(|item| item.state.is_none());
        scan.end = scan.items.last().map_or(scan.start, |item| item.end);
        scan.tail = None;
    } else if let Some(tail) = scan.tail.take_if(|tail| tail.is_torn) {
        has_operation = !tail.is_state;
    }
    has_operation |= drop_unfinished(scan);
    let kept = scan.tail.as_ref().map_or(scan.end, |tail| tail.end);
    ((to - kept) as u64, has_operation)
}

/// Removes the beginning of a group of which the rest was never written, and says whether there was one.
/// What is damaged besides is left to be repaired: it was whole once.
fn drop_unfinished(scan: &mut Scan) -> bool {
    let is_cut = scan.tail.is_none() && scan.items.last().is_some_and(|item| item.followed);
    if !is_cut {
        return false;
    }
    let mut first = scan.items.len() - 1;
    while first > 0 && scan.items[first - 1].followed {
        first -= 1;
    }
    if scan.items[first..].iter().any(|item| item.before != Before::Nothing) {
        return false;
    }
    scan.end = scan.items[first].offset;
    scan.items.truncate(first);
    true
}

fn drop_unconfirmed(scan: &mut Scan, confirmed_seq: u64) {
    let is_beyond = |item: &super::scan::Item| item.state.is_none() && item.seq > confirmed_seq;
    if let Some(first) = scan.items.iter().position(is_beyond) {
        scan.end = scan.items[first].offset;
        scan.items.truncate(first);
    }
    // Damage at the end is the write that failed, whatever it looks like.
    scan.tail = None;
}

fn last_group(scan: &Scan) -> Option<RangeInclusive<u64>> {
    let start = scan.items.iter().rposition(|item| !item.joined)?;
    let mut seqs = scan.items[start..].iter().filter(|i| i.state.is_none()).map(|item| item.seq);
    let first = seqs.next()?;
    Some(first..=seqs.next_back().unwrap_or(first))
}

fn newest_state(scans: &[Scan], identity: Option<Identity>) -> Result<State, RecorderError> {
    let newest_in = |scan: &Scan| {
        let item = scan.items.iter().rev().find_map(|item| item.state.clone());
        item.or_else(|| scan.checkpoint.as_ref().map(|(_, state)| state.clone()))
    };
    // Without any state record every answer is the careful one: nothing acked, nothing safe.
    let found = scans.iter().rev().find_map(newest_in).or_else(|| identity.map(State::new));
    found.ok_or(RecorderError::Unreadable { what: "whose operations these are" })
}

/// Leaves out segments that trimming was allowed to delete and did not get to.
fn drop_trimmed(scans: &mut Vec<Scan>, trimmed_seq: u64) {
    let is_start =
        |scan: &Scan| scan.checkpoint.as_ref().is_some_and(|(head, _)| head.seq <= trimmed_seq);
    if let Some(first) = scans.iter().rposition(is_start) {
        scans.drain(..first);
    }
}

fn is_damaged(scan: &Scan) -> bool {
    let has_gap = scan.items.iter().any(|item| item.before != Before::Nothing);
    let is_whole = scan.header == Header::Whole && !scan.is_front_damaged && scan.tail.is_none();
    has_gap || !is_whole || scan.n_mended > 0
}

fn collate(scans: &[Scan], state: &State) -> Result<Collation, RecorderError> {
    let trimmed = Head { seq: state.trimmed_seq, hash: ChainHash::START };
    let (slots, holes) = (Vec::new(), Vec::new());
    let mut all =
        Collation { start: None, head: trimmed, slots, holes, is_damaged: false, is_broken: false };
    for (scan_no, scan) in scans.iter().enumerate() {
        if let Some((head, _)) = &scan.checkpoint {
            all.reach(*head);
        }
        for (item_no, item) in scan.items.iter().enumerate() {
            let next = Head { seq: item.seq, hash: item.hash };
            if item.state.is_some() {
                all.reach(next);
            } else {
                let prev = Head { seq: item.seq.saturating_sub(1), hash: item.prev };
                all.keep(scan_no, item_no, prev, next);
            }
        }
    }
    if all.start.is_none() {
        // Going on would mean to guess the next number, and a number used twice is a lost scan.
        return Err(RecorderError::Unreadable { what: "the next number" });
    }
    // Damage at the very end hides how many operations there were; it held at least one.
    let tail = scans.last().and_then(|scan| scan.tail.as_ref());
    if tail.is_some_and(|tail| !tail.is_state) {
        let seq = all.head.seq + 1;
        all.lose(seq, None);
        all.holes.push(seq..=seq);
    }
    Ok(all)
}

/// Nothing is damaged: the last segment is written anew, the others stay as they are.
///
/// Its bytes may have been read from the page cache after a sync of them had failed, so that they
/// are visible and yet not on the disk. Only a new file can be trusted.
fn take_over(
    disk: &dyn Disk,
    options: &Options,
    (scans, head, generation): (&[Scan], Head, u64),
    state: State,
) -> Result<Files, RecorderError> {
    let failed = RecorderError::at("write the last segment anew");
    let mut segments: Vec<Segment> = scans.iter().map(Segment::of).collect();
    let last = segments.last_mut().expect("the live generation has a segment");
    let id = SegmentId { generation, no: last.no };
    let mut content = read_all(disk, &id.name()).map_err(&failed)?;
    content.truncate(last.end);
    id.renew_header(&mut content);
    let mut mark = Vec::new();
    encode_state(&mut mark, id.salt(), head, &state, false);
    if content.len() + mark.len() <= options.segment_bytes {
        // From here on everything before is known to be synced: see `drop_torn`.
        content.extend_from_slice(&mark);
    }
    last.end = content.len();
    let active = install(disk, id, &content, options.segment_bytes).map_err(&failed)?;
    Ok(Files { generation, segments, active, head, state })
}

/// Copies everything that is good, and void operations for what is not, to a new generation.
fn repair(
    disk: &dyn Disk,
    options: &Options,
    (scans, collation, generation): (Vec<Scan>, Collation, u64),
    state: State,
) -> Result<Files, RecorderError> {
    let start = collation.start.unwrap_or(collation.head);
    let mut loaded: Option<(usize, Vec<u8>)> = None;
    let mut prev = start.hash;
    let operations = collation.slots.iter().map(|slot| {
        let operation = match slot {
            Slot::Void { seq, hash } => void(options, *seq, prev, *hash),
            Slot::Healed { seq, content } => {
                let (hash, content) = (prev.then(*seq, content), content.clone());
                Operation { seq: *seq, prev, hash, content, origin: None, is_void: false }
            }
            Slot::Kept { scan, item } => {
                if loaded.as_ref().is_none_or(|(of, _)| of != scan) {
                    let bytes = read_all(disk, &scans[*scan].id.name())
                        .map_err(RecorderError::at("read a segment again"))?;
                    loaded = Some((*scan, bytes));
                }
                let bytes = loaded.as_ref().map_or(&[][..], |(_, bytes)| bytes);
                kept(&scans[*scan], *item, bytes)?
            }
        };
        prev = operation.hash;
        Ok(operation)
    });
    let next = generation + 1;
    let files = write_generation(disk, options, (next, start), state, operations)?;
    write_current(disk, next, &files.state.identity)
        .map_err(RecorderError::at("switch to the repaired files"))?;
    sweep(disk, |id| id.generation == next)?;
    Ok(files)
}

fn void(options: &Options, seq: u64, prev: ChainHash, hash: Option<ChainHash>) -> Operation {
    let content = options.void_content.clone();
    let hash = hash.unwrap_or_else(|| prev.then(seq, &content));
    Operation { seq, prev, hash, content, origin: None, is_void: true }
}

fn kept(scan: &Scan, item: usize, bytes: &[u8]) -> Result<Operation, RecorderError> {
    let item = &scan.items[item];
    let (bytes, at) = item.mended.as_ref().map_or((bytes, item.offset), |frame| (frame, 0));
    record::decode(bytes, at, scan.id.salt())
        .and_then(|(record, _)| record.operation())
        .ok_or(RecorderError::Unreadable { what: "a record changed while it was read" })
}
