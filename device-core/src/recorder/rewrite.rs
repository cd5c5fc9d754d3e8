//! Writing all files anew, as another generation: for repair and for re-incarnation.
//!
//! The steps, each of which may be the last one before a power cut: every new segment is written,
//! synced and named; `CURRENT` is replaced by a rename; the old segments are deleted. Before the
//! rename the old generation is complete and the new one is litter, after it the other way round.

use super::disk::{Disk, DiskFile};
use super::error::RecorderError;
use super::record::{self, OVERHEAD_MAX, Operation};
use super::segment::{Head, NEW_SUFFIX, SegmentId, install};
use super::state::State;
use super::{Options, Segment};

/// The files of the live generation and what was learnt from them.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) generation: u64,
    /// Never empty; the last one is the active one.
    pub(super) segments: Vec<Segment>,
    pub(super) active: Box<dyn DiskFile>,
    pub(super) head: Head,
    pub(super) state: State,
}

/// Writes `operations` as `generation`. Nothing refers to it yet.
pub(super) fn write_generation(
    disk: &dyn Disk,
    options: &Options,
    (generation, start): (u64, Head),
    state: State,
    operations: impl Iterator<Item = Result<Operation, RecorderError>>,
) -> Result<Files, RecorderError> {
    let failed = RecorderError::at("write the new segments");
    let mut id = SegmentId { generation, no: 1 };
    let mut head = start;
    let mut content = id.front(head, &state);
    let mut segment = Segment::new(id.no, head.seq + 1, content.len());
    let mut segments = Vec::new();
    for operation in operations {
        let operation = operation?;
        let room = options.operations_end().saturating_sub(content.len());
        if operation.content.len() + OVERHEAD_MAX > room && !segment.is_empty() {
            install(disk, id, &content, options.segment_bytes).map_err(&failed)?;
            id.no += 1;
            content = id.front(head, &state);
            segments.push(segment);
            segment = Segment::new(id.no, head.seq + 1, content.len());
        }
        segment.push(content.len());
        record::encode_operation(&mut content, id.salt(), &operation);
        segment.end = content.len();
        head = Head { seq: operation.seq, hash: operation.hash };
    }
    let active = install(disk, id, &content, options.segment_bytes).map_err(&failed)?;
    segments.push(segment);
    Ok(Files { generation, segments, active, head, state })
}

/// Deletes unfinished files and every segment for which `is_kept` says no.
pub(super) fn sweep(
    disk: &dyn Disk,
    is_kept: impl Fn(SegmentId) -> bool,
) -> Result<(), RecorderError> {
    let failed = RecorderError::at("delete what is left over");
    let names = disk.list().map_err(&failed)?;
    let litter = |name: &&String| {
        name.ends_with(NEW_SUFFIX) || SegmentId::parse(name).is_some_and(|id| !is_kept(id))
    };
    let mut n_removed = 0;
    for name in names.iter().filter(litter) {
        disk.remove(name).map_err(&failed)?;
        n_removed += 1;
    }
    if n_removed > 0 {
        disk.sync_folder().map_err(&failed)?;
    }
    Ok(())
}
