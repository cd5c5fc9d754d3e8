//! Reading one segment from its first byte to its last good record.

use super::record::{self, ALIGN, ChainHash, Kind};
use super::segment::{FIRST_CHECKPOINT, Head, Header, SECOND_CHECKPOINT, SegmentId};
use super::state::State;

/// A segment as it was found.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) id: SegmentId,
    pub(super) header: Header,
    /// The state at the segment's start, unless both copies are damaged.
    pub(super) checkpoint: Option<(Head, State)>,
    /// Whether one copy of the checkpoint is damaged, or both.
    pub(super) is_front_damaged: bool,
    pub(super) items: Vec<Item>,
    /// Behind the front, in bytes.
    pub(super) start: usize,
    /// Behind the last good record, in bytes.
    pub(super) end: usize,
    /// Bytes behind `end` that are neither a record nor blank.
    pub(super) tail: Option<Tail>,
    /// How many records were wrong by one bit, and are right in `items`.
    pub(super) n_mended: u32,
}

/// A good record.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) offset: usize,
    pub(super) seq: u64,
    pub(super) prev: ChainHash,
    /// The chain's hash after this record.
    pub(super) hash: ChainHash,
    pub(super) joined: bool,
    pub(super) followed: bool,
    /// None for operations.
    pub(super) state: Option<State>,
    /// Behind the record and its padding, in bytes.
    pub(super) end: usize,
    /// What lies between the record before and this one.
    pub(super) before: Before,
    /// The record's bytes where those on the disk are wrong by one bit.
    pub(super) mended: Option<Vec<u8>>,
}

/// What lies in front of a good record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// The record before it, or the front.
    Nothing,
    /// Bytes of which some sector is as blank as the file was made: a write that never finished.
    TornGap,
    /// Bytes that were whole once.
    DamagedGap,
}

/// Damage with no good record behind it.
#[derive(Debug)]
pub(super) struct Tail {
    /// Where the damage ends and the blank rest begins, in bytes.
    pub(super) end: usize,
    /// Whether some sector of it is still as blank as the file was made: then the write never
    /// finished, and nobody was told that it had. Otherwise the record was whole once.
    pub(super) is_torn: bool,
    /// Whether it looks like a state record, which is no operation lost.
    pub(super) is_state: bool,
}

/// Bytes that a disk writes as a whole or not at all.
const SECTOR: usize = 512;

/// Reads the whole of a segment.
pub(super) fn scan(id: SegmentId, bytes: &[u8]) -> Scan {
    let salt = id.salt();
    let copies = [FIRST_CHECKPOINT, SECOND_CHECKPOINT].map(|at| decode_state(bytes, at, salt));
    let is_front_damaged = copies.iter().any(Option::is_none);
    let checkpoint = copies.into_iter().flatten().next();
    let start =
        checkpoint.as_ref().map_or(SECOND_CHECKPOINT, |(_, _, length)| SECOND_CHECKPOINT + length);
    let checkpoint = checkpoint.map(|(head, state, _)| (head, state));
    let mut scan = Scan {
        id,
        header: id.check_header(bytes),
        is_front_damaged,
        items: Vec::new(),
        start,
        end: start,
        tail: None,
        n_mended: 0,
        checkpoint,
    };
    let blank_from = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let mut at = start;
    let mut before = Before::Nothing;
    while at < blank_from {
        if let Some(next) = take(&mut scan, bytes, at, before) {
            (at, before) = (next, Before::Nothing);
            continue;
        }
        if let Some(next) = find_next(bytes, at + ALIGN, blank_from, salt) {
            let is_torn = has_blank_sector(bytes, at, next);
            (at, before) = (next, if is_torn { Before::TornGap } else { Before::DamagedGap });
            continue;
        }
        scan.tail = Some(judge_tail(&scan, bytes, at, blank_from));
        break;
    }
    scan
}

fn decode_state(bytes: &[u8], at: usize, salt: u32) -> Option<(Head, State, usize)> {
    let (record, next) = record::decode(bytes, at, salt)?;
    let state = (record.kind == Kind::State).then(|| State::decode(record.body))??;
    Some((Head { seq: record.seq, hash: record.prev }, state, next - at))
}

/// Takes the record at `at`, mended if need be; gives the offset behind it.
fn take(scan: &mut Scan, bytes: &[u8], at: usize, before: Before) -> Option<usize> {
    let salt = scan.id.salt();
    let mended = match record::decode(bytes, at, salt) {
        Some(_) => None,
        None => Some(record::mend(bytes, at, salt)?),
    };
    let (source, source_at) = mended.as_ref().map_or((bytes, at), |frame| (frame.as_slice(), 0));
    let (record, next) = record::decode(source, source_at, salt)?;
    let state = match record.kind {
        Kind::Operation | Kind::Void => None,
        Kind::State => Some(State::decode(record.body)?),
    };
    let end = at + (next - source_at);
    scan.n_mended += u32::from(mended.is_some());
    scan.end = end;
    scan.items.push(Item {
        offset: at,
        seq: record.seq,
        prev: record.prev,
        hash: record.hash(),
        joined: record.joined,
        followed: record.followed,
        state,
        end,
        before,
        mended,
    });
    Some(end)
}

fn find_next(bytes: &[u8], from: usize, to: usize, salt: u32) -> Option<usize> {
    let start = from.next_multiple_of(ALIGN);
    (start..to).step_by(ALIGN).find(|at| record::decode(bytes, *at, salt).is_some())
}

fn judge_tail(scan: &Scan, bytes: &[u8], at: usize, blank_from: usize) -> Tail {
    let claimed = record::claimed_length(bytes, at).map_or(blank_from, |length| at + length);
    let span_end = claimed.max(blank_from);
    let is_torn =
        has_blank_sector(bytes, at, span_end) || record::is_cut_short(bytes, at, blank_from);
    let head = scan.items.last().map(|item| item.seq);
    let head = head.or_else(|| scan.checkpoint.as_ref().map(|(head, _)| head.seq)).unwrap_or(0);
    Tail { end: blank_from, is_torn, is_state: record::resembles_state(bytes, at, head) }
}

fn has_blank_sector(bytes: &[u8], from: usize, to: usize) -> bool {
    let mut start = from;
    while start < to {
        let end = to.min((start + 1).next_multiple_of(SECTOR));
        if bytes[start..end].iter().all(|byte| *byte == 0) {
            return true;
        }
        start = end;
    }
    false
}
