//! A segment file: its name, its front, how a whole one comes into being.

use std::io;

use super::disk::{Disk, DiskFile};
use super::record::{self, ChainHash, Kind, Record, u32_at, u64_at};
use super::state::State;

/// How far the chain of operations has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// The last operation; 0 = none yet.
    pub(super) seq: u64,
    /// Its hash.
    pub(super) hash: ChainHash,
}

impl Head {
    /// Before the first operation.
    pub(super) const START: Self = Self { seq: 0, hash: ChainHash::START };
}

/// A segment's place in the recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SegmentId {
    /// Goes up when all files are rewritten: re-incarnation, repair.
    pub(super) generation: u64,
    /// Goes up with each segment of a generation.
    pub(super) no: u64,
}

/// The name of a file that is not in use yet: whatever ends so may be deleted at any time.
pub(super) const NEW_SUFFIX: &str = ".new";
/// The next segment while it is being made.
pub(super) const NEXT: &str = "next.new";

const MAGIC: &[u8; 8] = b"TLYRECRD";
/// The version of the file format: since 2, a record may say that more of its group comes behind it.
const VERSION: u32 = 2;
/// Earlier versions that can be read; such a file is not written to, but written anew.
const READABLE: [u32; 1] = [1];
/// Where the first checkpoint stands.
pub(super) const FIRST_CHECKPOINT: usize = 64;
/// Where the second checkpoint stands: on another page than the first.
pub(super) const SECOND_CHECKPOINT: usize = 4096;

impl SegmentId {
    pub(super) fn name(self) -> String {
        format!("{:016x}-{:016x}.seg", self.generation, self.no)
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        let (generation, no) = name.strip_suffix(".seg")?.split_once('-')?;
        let generation = u64::from_str_radix(generation, 16).ok()?;
        let no = u64::from_str_radix(no, 16).ok()?;
        Some(Self { generation, no }).filter(|id| id.name() == name)
    }

    /// Ties records to this segment; derived from the name, so no damaged header can hide it.
    pub(super) fn salt(self) -> u32 {
        crc32c::crc32c_append(
            crc32c::crc32c(&self.generation.to_le_bytes()),
            &self.no.to_le_bytes(),
        )
    }

    /// Everything in front of the first record of a new segment.
    pub(super) fn front(self, head: Head, state: &State) -> Vec<u8> {
        let mut bytes = self.header(VERSION);
        for start in [FIRST_CHECKPOINT, SECOND_CHECKPOINT] {
            bytes.resize(start, 0);
            encode_state(&mut bytes, self.salt(), head, state, false);
        }
        bytes
    }

    /// Makes the header that of this version.
    pub(super) fn renew_header(self, content: &mut [u8]) {
        let header = self.header(VERSION);
        content[..header.len()].copy_from_slice(&header);
    }

    fn header(self, version: u32) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FIRST_CHECKPOINT);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&version.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&self.generation.to_le_bytes());
        bytes.extend_from_slice(&self.no.to_le_bytes());
        let crc = crc32c::crc32c(&bytes);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// What the header says: whole with a version that can be read, whole with another one, or damaged.
    pub(super) fn check_header(self, bytes: &[u8]) -> Header {
        let Some(header) = bytes.get(..32) else { return Header::Damaged };
        if READABLE.iter().chain([&VERSION]).any(|version| header == self.header(*version)) {
            return Header::Whole;
        }
        let mut plain = header.to_vec();
        plain[12..16].fill(0);
        let is_whole = &header[..8] == MAGIC && crc32c::crc32c(&plain) == u32_at(header, 12);
        let is_ours = u64_at(header, 16) == self.generation && u64_at(header, 24) == self.no;
        if is_whole && is_ours {
            Header::Foreign { version: u32_at(header, 8) }
        } else {
            Header::Damaged
        }
    }
}

/// The state of a segment's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    Whole,
    Damaged,
    Foreign { version: u32 },
}

/// Appends a state record: all of the state, so that the newest one is all that counts.
pub(super) fn encode_state(out: &mut Vec<u8>, salt: u32, head: Head, state: &State, joined: bool) {
    let body = state.encode();
    let Head { seq, hash: prev } = head;
    let kind = Kind::State;
    let (followed, origin) = (false, None);
    record::encode(out, salt, &Record { seq, prev, kind, joined, followed, origin, body: &body });
}

/// Makes a file of `length` bytes that starts with `content` and goes on with zeros, synced.
///
/// Zeros are written, not skipped: an append into written blocks changes no metadata, which makes
/// the sync of a scan one write instead of a journal commit, and cannot run out of space.
pub(super) fn fill(
    disk: &dyn Disk,
    name: &str,
    content: &[u8],
    length: usize,
) -> io::Result<Box<dyn DiskFile>> {
    static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
    let mut file = disk.create(name)?;
    if !content.is_empty() {
        file.write_at(0, content)?;
    }
    let mut at = content.len();
    while at < length {
        let step = ZEROS.len().min(length - at);
        file.write_at(offset(at), &ZEROS[..step])?;
        at += step;
    }
    file.sync_data()?;
    Ok(file)
}

/// Puts a whole segment in place, or replaces it: its name never stands for an unfinished file.
pub(super) fn install(
    disk: &dyn Disk,
    id: SegmentId,
    content: &[u8],
    length: usize,
) -> io::Result<Box<dyn DiskFile>> {
    let installed = fill(disk, NEXT, content, length).and_then(|file| {
        disk.rename(NEXT, &id.name())?;
        disk.sync_folder()?;
        Ok(file)
    });
    if installed.is_err() {
        // Best effort: on a full disk the unfinished file would keep the space it took.
        let _ = disk.remove(NEXT);
    }
    installed
}

/// An offset inside a segment as the disk counts.
pub(super) fn offset(at: usize) -> u64 {
    u64::try_from(at).expect("usize fits u64 on every platform we build for")
}
