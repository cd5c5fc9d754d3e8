//! The recorder: the only thing on the device that must not be lost.
//!
//! It keeps operations, as opaque bytes, from the confirmed scan until the server has them in a
//! verified backup, and it alone owns what identifies them: sequence, incarnation, lease, server
//! epoch, acked and safe. Outbox, replica and view are rebuilt from it.
//!
//! # Invariants
//!
//! 1. What [`Recorder::append`] returned is durable: one `fdatasync` lies before it.
//! 2. Numbers start at 1 and have no gaps; none is used twice within an incarnation, whatever was
//!    trimmed, torn or damaged. If the next number is not known for sure, nothing opens.
//! 3. A file of which a write or sync failed is never written again: the recorder stops, and the
//!    next opening copies what can be read to a new file.
//! 4. A name in the folder stands for a finished, synced file; unfinished ones end in `.new`.
//! 5. Nothing is deleted before what replaces it is durable under its final name.
//!
//! # Files
//!
//! | Name | Content |
//! |---|---|
//! | `CURRENT` | the live generation: two equal copies at 0 and 4096 of magic `TLYCURR1`, generation u64, device u32, incarnation u32, store 16, crc32c u32 |
//! | `<generation>-<no>.seg` | a segment; both numbers in 16 hex digits |
//! | `BALLAST` | zeros that can be deleted when the disk is full |
//! | `*.new` | unfinished, deleted at opening |
//!
//! A segment (little-endian; written in full with zeros before use, 4 MiB by default):
//!
//! | Offset | Content |
//! |---|---|
//! | 0 | magic `TLYRECRD`, version u32 = 2, crc32c u32 of these 32 bytes with this field 0, generation u64, no u64 |
//! | 64 | a state record: the checkpoint |
//! | 4096 | the same again, on another page |
//! | behind it | records, each at a multiple of 8 |
//!
//! A record:
//!
//! | Bytes | Field | |
//! |---|---|---|
//! | 4 | len | of all from `seq` on, without padding |
//! | 4 | crc32c | of `len` and all from `seq` on; started from crc32c(generation u64, no u64), so that a block of another segment is not taken for ours |
//! | 8 | seq | of an operation its number; of a state the last number before it |
//! | 16 | prev | the chain's hash before this record |
//! | 1 | kind | 1 operation, 2 void, 3 state; + 0x40 with origin; + 0x80 joined: written before the record in front was synced; since version 2, + 0x20 followed: more of its group is behind it |
//! | 32 | origin | only with 0x40: device u32, incarnation u32, seq u64, hash 16 |
//! | | body | content; of a void: hash 16, content; of a state: see below |
//! | 1 | end | 0xE5 |
//! | 0–7 | | zeros up to a multiple of 8 |
//!
//! A state, all of it each time: version u8 = 1, needs_reincarnation u8, lease length u16,
//! incarnation u32, device u32, epoch u32, store 16, acked seq u64, acked hash 16, safe u64,
//! trimmed u64, n_void u64, lease counter u64, chain_no u64, chain_head 16, lease bytes.
//!
//! # Torn or damaged
//!
//! A power cut leaves a sector of an unfinished write as blank as the file was made, and can only
//! touch the last group: a bad place at the end, or followed by *joined* records only, that has a
//! blank sector, or a last record without its end, is torn, and is removed; and with it what was written
//! of the same operations, so that of a group all are recorded or none. Every other bad place is damage: one wrong bit is put
//! right by the checksum; otherwise the good rest is copied to a new generation, and a **void
//! operation** stands in for each number that is missing.
//!
//! A void operation's content is [`Options::void_content`]. Its hash is that of the lost operation
//! where the record behind it still names it as `prev`, so the chain goes on as the server knows
//! it; a lost operation that the server has acked was not lost at all. Where the server has not
//! acked it, the server computes another hash from the void content and calls the store stale,
//! which is right: [`State::needs_reincarnation`] says so beforehand. The re-labelled void
//! operation has the lost one's hash in its origin if that is known, else the hash over the void
//! content.
//!
//! # Deliberately not here
//!
//! No clock, no threads, no meaning of contents, no network. No second writer: [`FolderDisk`]
//! locks, and `&mut self` does the rest.
//!
//! Read [`Recorder`] first, then `record`, `scan`, `recovery`, `rewrite`.

mod disk;
mod error;
mod memory_disk;
mod read;
mod record;
mod recovery;
mod rewrite;
mod scan;
mod segment;
mod state;
mod write;

#[cfg(test)]
mod tests;

pub use disk::{Disk, DiskFile, FolderDisk};
pub(crate) use disk::{FolderFile, read_all, sync_folder};
pub use error::RecorderError;
pub use memory_disk::{Cut, MemoryDisk};
pub use read::Operations;
pub use record::{ChainHash, Operation, Origin};
pub use recovery::Recovery;
pub use state::{Acked, Identity, LEASE_BYTES_MAX, Lease, State};

use recovery::Confirmed;
use rewrite::{Files, write_generation};
use segment::Head;
use state::write_current;

/// Sizes and constants; the same at every opening of a recorder, though larger segments may follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Length of a segment in bytes, at least [`Options::SEGMENT_BYTES_MIN`].
    pub segment_bytes: usize,
    /// Length of the ballast in bytes; 0 = none.
    pub ballast_bytes: usize,
    /// The content of an operation that stands in for a destroyed one.
    pub void_content: Vec<u8>,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 4 << 20, ballast_bytes: 16 << 20, void_content: b"void".to_vec() }
    }
}

impl Options {
    /// The shortest segment, in bytes: half of it is front and reserve.
    pub const SEGMENT_BYTES_MIN: usize = 16 << 10;

    /// Where operations end: the rest is for states, so that an ack finds room on a full disk.
    fn operations_end(&self) -> usize {
        self.segment_bytes - (self.segment_bytes / 16).min(16 << 10)
    }

    /// Room for operations in a new segment, in bytes, whatever the lease's length.
    fn room(&self) -> usize {
        self.operations_end() - segment::SECOND_CHECKPOINT - LEASE_BYTES_MAX - 256
    }
}

const BALLAST: &str = "BALLAST";

/// A recorded operation's number and place in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The sequence number.
    pub seq: u64,
    /// The chain's hash at it.
    pub hash: ChainHash,
}

/// The append-only file of one device. See the module for what it promises.
#[derive(Debug)]
pub struct Recorder {
    disk: Box<dyn Disk>,
    options: Options,
    files: Files,
    /// The next segment, made ahead of need.
    spare: Option<Box<dyn DiskFile>>,
    /// Whether everything written is synced.
    is_clean: bool,
    is_stopped: bool,
    /// Kept for its allocation only.
    scratch: Vec<u8>,
}

/// What is remembered of a segment: 4 bytes for each operation.
#[derive(Debug)]
struct Segment {
    no: u64,
    /// The number of its first operation, or of the next one if it has none yet.
    first_seq: u64,
    offsets: Vec<u32>,
    /// Behind the last record, in bytes.
    end: usize,
}

impl Segment {
    fn new(no: u64, first_seq: u64, end: usize) -> Self {
        Self { no, first_seq, offsets: Vec::new(), end }
    }

    fn of(scan: &scan::Scan) -> Self {
        let mut operations = scan.items.iter().filter(|item| item.state.is_none()).peekable();
        let next = scan.checkpoint.as_ref().map_or(1, |(head, _)| head.seq + 1);
        let first_seq = operations.peek().map_or(next, |item| item.seq);
        let mut segment = Self::new(scan.id.no, first_seq, scan.end);
        operations.for_each(|item| segment.push(item.offset));
        segment
    }

    fn push(&mut self, offset: usize) {
        self.offsets.push(u32::try_from(offset).expect("a segment is shorter than 4 GiB"));
    }

    fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// The number behind its last operation.
    fn next_seq(&self) -> u64 {
        self.first_seq + self.offsets.len() as u64
    }
}

impl Recorder {
    /// Starts a recorder on a disk that has none, with sequence 1 as the next.
    ///
    /// # Errors
    ///
    /// [`RecorderError::Exists`], and nothing is touched; [`RecorderError::Full`] or
    /// [`RecorderError::Io`], and creating again may succeed.
    ///
    /// # Panics
    ///
    /// If the options are out of range.
    pub fn create(
        disk: Box<dyn Disk>,
        identity: Identity,
        options: Options,
    ) -> Result<Self, RecorderError> {
        options.check();
        let failed = RecorderError::at("create the recorder");
        let is_ours =
            |name: &String| name == state::CURRENT || segment::SegmentId::parse(name).is_some();
        if disk.list().map_err(&failed)?.iter().any(is_ours) {
            return Err(RecorderError::Exists);
        }
        rewrite::sweep(&*disk, |_| true)?;
        if options.ballast_bytes > 0 {
            segment::fill(&*disk, BALLAST, &[], options.ballast_bytes).map_err(&failed)?;
        }
        let state = State::new(identity);
        let none = std::iter::empty();
        let files = write_generation(&*disk, &options, (1, Head::START), state, none)?;
        write_current(&*disk, 1, &identity).map_err(&failed)?;
        Ok(Self::over(disk, options, files))
    }

    /// Opens the recorder on `disk` and puts right what a crash or bad storage left behind.
    ///
    /// Reads all segments and writes the last one anew: some 10 ms on flash, plus about 1 s for
    /// each GiB kept.
    ///
    /// # Errors
    ///
    /// [`RecorderError::Missing`]; [`RecorderError::Full`], then [`release_ballast`] and open
    /// again; [`RecorderError::Io`]; [`RecorderError::UnknownFormat`] and
    /// [`RecorderError::Unreadable`], which leave every file as it is.
    ///
    /// # Panics
    ///
    /// If the options are out of range.
    pub fn open(disk: Box<dyn Disk>, options: Options) -> Result<(Self, Recovery), RecorderError> {
        Self::open_with(disk, options, &|_identity, _seq| None)
    }

    /// The same, with second copies of operations for those that storage has destroyed: they are
    /// taken where the hashes before and behind prove them.
    ///
    /// # Errors
    ///
    /// As [`Recorder::open`].
    pub fn open_with(
        disk: Box<dyn Disk>,
        options: Options,
        second: &dyn Fn(Identity, u64) -> Option<Vec<u8>>,
    ) -> Result<(Self, Recovery), RecorderError> {
        options.check();
        let (files, recovery) = recovery::recover(&*disk, &options, (None, second))?;
        Ok((Self::over(disk, options, files), recovery))
    }

    /// Opens the same recorder again after it has stopped, without operations that were refused:
    /// the bytes of a failed append may be there, and the operator was told to repeat it.
    ///
    /// # Errors
    ///
    /// As [`Recorder::open`]; this recorder then stays stopped and the call can be repeated.
    pub fn reopen(&mut self) -> Result<Recovery, RecorderError> {
        self.is_stopped = true;
        self.spare = None;
        let confirmed = Confirmed { generation: self.files.generation, seq: self.files.head.seq };
        let (files, recovery) = recovery::recover(
            &*self.disk,
            &self.options,
            (Some(confirmed), &|_identity, _seq| None),
        )?;
        self.files = files;
        (self.is_clean, self.is_stopped) = (true, false);
        Ok(recovery)
    }

    fn over(disk: Box<dyn Disk>, options: Options, files: Files) -> Self {
        let (spare, scratch) = (None, Vec::new());
        Self { disk, options, files, spare, is_clean: true, is_stopped: false, scratch }
    }

    /// Everything it knows besides operations.
    pub fn state(&self) -> &State {
        &self.files.state
    }

    /// The last operation recorded and its hash; 0 and [`ChainHash::START`] before the first.
    pub fn head(&self) -> Appended {
        Appended { seq: self.files.head.seq, hash: self.files.head.hash }
    }

    /// The number that the next operation gets.
    pub fn next_seq(&self) -> u64 {
        self.files.head.seq + 1
    }

    /// The oldest operation still here; [`Recorder::next_seq`] if there is none.
    pub fn low_seq(&self) -> u64 {
        self.files.segments[0].first_seq
    }

    /// Whether a failure on the disk has stopped it: see [`Recorder::reopen`].
    pub fn is_stopped(&self) -> bool {
        self.is_stopped
    }
}

impl Options {
    fn check(&self) {
        assert!(self.segment_bytes >= Self::SEGMENT_BYTES_MIN, "segments are at least 16 KiB");
        assert!(self.segment_bytes <= 1 << 30, "segments are at most 1 GiB");
        assert!(self.void_content.len() <= 1024, "the void content is at most 1 KiB");
    }
}

/// Deletes the ballast to make room on a full disk, also while the recorder will not open. Says
/// whether there was one.
///
/// # Errors
///
/// [`RecorderError::Io`]: the ballast may be there still.
pub fn release_ballast(disk: &dyn Disk) -> Result<bool, RecorderError> {
    let failed = RecorderError::at("release the ballast");
    match disk.remove(BALLAST) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(error)),
    }
    disk.sync_folder().map_err(failed)?;
    Ok(true)
}
