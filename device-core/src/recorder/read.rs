//! Reading operations back.

use super::disk::DiskFile;
use super::error::RecorderError;
use super::record::{self, Operation};
use super::segment::{SegmentId, offset};
use super::{Recorder, Segment};

impl Recorder {
    /// Reads one operation. Works on a stopped recorder too.
    ///
    /// # Errors
    ///
    /// [`RecorderError::NotHere`] if it was trimmed or is not recorded yet;
    /// [`RecorderError::Unreadable`] if the disk returns other bytes than were recorded.
    pub fn read(&self, seq: u64) -> Result<Operation, RecorderError> {
        if seq < self.low_seq() {
            return Err(RecorderError::NotHere { seq });
        }
        self.iter_from(seq).next().unwrap_or(Err(RecorderError::NotHere { seq }))
    }

    /// Reads operations in order, from `seq` or, if that was trimmed, from the oldest one on.
    pub fn iter_from(&self, seq: u64) -> Operations<'_> {
        let next = seq.max(self.low_seq());
        Operations { recorder: self, next, window: Window::default(), n_read: 0 }
    }

    fn segment_of(&self, seq: u64) -> Option<&Segment> {
        let after = self.files.segments.partition_point(|segment| segment.first_seq <= seq);
        let candidates = &self.files.segments[..after];
        candidates.iter().rev().find(|segment| !segment.is_empty() && seq < segment.next_seq())
    }
}

/// Operations in the order of their numbers: see [`Recorder::iter_from`].
#[derive(Debug)]
pub struct Operations<'a> {
    recorder: &'a Recorder,
    next: u64,
    window: Window,
    n_read: u64,
}

/// A part of a segment, read at once.
#[derive(Debug, Default)]
struct Window {
    segment_no: u64,
    start: usize,
    bytes: Vec<u8>,
}

/// How much is read at once, in bytes, after a first small read.
const WINDOW_BYTES: usize = 1 << 17;
/// Enough for most single operations, in bytes.
const FIRST_BYTES: usize = 1 << 10;

impl Operations<'_> {
    fn load(&mut self, segment: &Segment) -> Result<Operation, RecorderError> {
        let index = usize::try_from(self.next - segment.first_seq).expect("within the segment");
        let at = usize::try_from(segment.offsets[index]).expect("u32 fits usize");
        let next = segment.offsets.get(index + 1).map(|next| usize::try_from(*next));
        let end = next.and_then(Result::ok).unwrap_or(segment.end);
        let id = SegmentId { generation: self.recorder.files.generation, no: segment.no };
        let Window { segment_no, start, bytes } = &mut self.window;
        if *segment_no != segment.no || at < *start || end > *start + bytes.len() {
            let wanted = if self.n_read == 0 { FIRST_BYTES } else { WINDOW_BYTES };
            let length = wanted.min(segment.end - at).max(end - at);
            *bytes = vec![0; length];
            let failed = RecorderError::at("read an operation");
            let mut file: Box<dyn DiskFile> =
                self.recorder.disk.open(&id.name()).map_err(&failed)?;
            file.read_at(offset(at), bytes).map_err(&failed)?;
            (*segment_no, *start) = (segment.no, at);
        }
        self.n_read += 1;
        record::decode(bytes, at - *start, id.salt())
            .and_then(|(record, _)| record.operation())
            .filter(|operation| operation.seq == self.next)
            .ok_or(RecorderError::Unreadable { what: "a recorded operation has changed" })
    }
}

impl Iterator for Operations<'_> {
    type Item = Result<Operation, RecorderError>;

    fn next(&mut self) -> Option<Self::Item> {
        let segment = self.recorder.segment_of(self.next)?;
        let operation = self.load(segment);
        // Behind an unreadable operation there may be readable ones, and they count as well.
        self.next += 1;
        Some(operation)
    }
}
