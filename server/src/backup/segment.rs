//! A part of a backup: a run of intake and change records, as they are stored, in one file that is
//! written once and never changed.
//!
//! The file: eight bytes that name it, then blocks. A block is its length (u32, little endian), the
//! CRC-32C of its bytes (u32), and the bytes, which are zstd. The first block is the
//! [`Head`], then come rows, the last one is the [`Tail`]; a file without it was not finished. A row
//! is its table (one byte), the length of its key, the key, the length of its record, the record.
//! Each file names the SHA-256 of the one before it, so that none can be taken out or exchanged.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use ledger::draft::Changes;
use ledger::key::KeyBytes;
use ledger::record::Record;
use ledger::tables::TableId;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::BackupError;
use super::files::{Files, Readers, Sink};
use crate::secret;

const NAME: &[u8; 8] = b"TLMYBK01";
/// Rows are gathered to blocks of about this size before they are compressed.
const BLOCK_BYTES: usize = 256 << 10;
/// No block of this release is larger, however well it compresses.
const BLOCK_BYTES_MAX: usize = 64 << 20;
/// Quick, and halves the book all the same.
const ZSTD_LEVEL: i32 = 3;

/// Where both logs stand.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    /// The last intake record.
    pub intake: u64,
    /// Its hash, in hexadecimal.
    pub intake_hash: String,
    /// The last decision.
    pub lsn: u64,
    /// Its hash, in hexadecimal.
    pub lsn_hash: String,
}

/// The first block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Which server.
    pub server: String,
    /// Number of this file, from 1.
    pub number: u64,
    /// SHA-256 of the file before it, in hexadecimal; empty for the first.
    pub previous: String,
    /// The format of the store that the records come from.
    pub store_format: u32,
    /// What the files before it hold.
    pub from: Place,
}

/// The last block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tail {
    /// Where both logs stand at the end of this file.
    pub to: Place,
    /// Records in this file.
    pub records: u64,
    /// When the last record was received, in microseconds of server time.
    pub received_us: i64,
}

/// A file that is being written.
pub(super) struct Writer {
    path: PathBuf,
    file: BufWriter<Box<dyn Sink>>,
    sha: Sha256,
    block: Vec<u8>,
    records: u64,
}

impl Writer {
    pub(super) fn begin(files: &dyn Files, path: &Path, head: &Head) -> Result<Self, BackupError> {
        let file =
            files.create(path, Readers::Usual).map_err(|source| BackupError::file(path, source))?;
        let mut writer = Self {
            path: path.to_owned(),
            file: BufWriter::new(file),
            sha: Sha256::new(),
            block: Vec::with_capacity(BLOCK_BYTES),
            records: 0,
        };
        writer.raw(NAME)?;
        writer.json(head)?;
        Ok(writer)
    }

    /// Adds a row; says whether a block went to the file.
    pub(super) fn row(
        &mut self,
        table: TableId,
        key: &[u8],
        record: &Record,
    ) -> Result<bool, BackupError> {
        self.records += 1;
        self.block.push(table.0);
        for part in [key, record.bytes()] {
            let length = u32::try_from(part.len()).expect("no row has four gigabytes");
            self.block.extend_from_slice(&length.to_le_bytes());
            self.block.extend_from_slice(part);
        }
        if self.block.len() < BLOCK_BYTES {
            return Ok(false);
        }
        let block = std::mem::take(&mut self.block);
        self.block(&block)?;
        Ok(true)
    }

    /// Ends the file; returns its SHA-256 when it is on the disk.
    pub(super) fn end(mut self, to: Place, received_us: i64) -> Result<String, BackupError> {
        if !self.block.is_empty() {
            let block = std::mem::take(&mut self.block);
            self.block(&block)?;
        }
        let tail = Tail { to, records: self.records, received_us };
        self.json(&tail)?;
        let path = self.path;
        let file = self.file.into_inner().map_err(|error| error.into_error());
        file.and_then(|mut file| file.sync()).map_err(|source| BackupError::file(&path, source))?;
        Ok(secret::hex(&<[u8; 32]>::from(self.sha.finalize())))
    }

    fn json(&mut self, what: &impl Serialize) -> Result<(), BackupError> {
        let bytes = serde_json::to_vec(what).expect("plain words and numbers are JSON");
        self.block(&bytes)
    }

    fn block(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        let packed = zstd::bulk::compress(bytes, ZSTD_LEVEL)
            .map_err(|source| BackupError::file(&self.path, source))?;
        let length = u32::try_from(packed.len()).expect("a block is far below four gigabytes");
        self.raw(&length.to_le_bytes())?;
        self.raw(&crc32c::crc32c(&packed).to_le_bytes())?;
        self.raw(&packed)
    }

    fn raw(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        self.sha.update(bytes);
        self.file.write_all(bytes).map_err(|source| BackupError::file(&self.path, source))
    }
}

/// A file, read back whole.
#[derive(Debug)]
pub struct Segment {
    /// Its first block.
    pub head: Head,
    /// Its rows.
    pub rows: Changes,
    /// Its last block.
    pub tail: Tail,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

impl Segment {
    /// Reads the file at `path` and checks it from the first byte to the last.
    ///
    /// # Errors
    ///
    /// [`BackupError::File`], [`BackupError::Damaged`].
    pub fn read(path: &Path) -> Result<Self, BackupError> {
        let mut reader = Reader::open(path)?;
        let head: Head = reader.json()?;
        let mut rows = Changes::new();
        let mut last = reader.block()?;
        let mut records = 0;
        // One block is read ahead: the last one is no rows.
        let tail: Tail = loop {
            let Some(block) = last.take() else {
                return Err(BackupError::damaged(path, "it ends before its last block"));
            };
            match reader.block()? {
                Some(next) => {
                    records += rows_of(&block, &mut rows)
                        .ok_or_else(|| BackupError::damaged(path, "a row cannot be read"))?;
                    last = Some(next);
                }
                None => break reader.json_of(&block)?,
            }
        };
        if tail.records != records {
            return Err(BackupError::damaged(path, "its rows are not as many as it says"));
        }
        let sha256 = secret::hex(&<[u8; 32]>::from(reader.sha.finalize()));
        Ok(Self { head, rows, tail, sha256 })
    }
}

struct Reader {
    path: PathBuf,
    file: BufReader<File>,
    sha: Sha256,
}

impl Reader {
    fn open(path: &Path) -> Result<Self, BackupError> {
        let file = File::open(path).map_err(|source| BackupError::file(path, source))?;
        let mut reader =
            Self { path: path.to_owned(), file: BufReader::new(file), sha: Sha256::new() };
        let mut name = [0; 8];
        if !reader.fill(&mut name)? || &name != NAME {
            return Err(BackupError::damaged(path, "it is no part of a backup of this release"));
        }
        Ok(reader)
    }

    /// Fills `bytes`; nothing at the end of the file.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<bool, BackupError> {
        let mut filled = 0;
        while filled < bytes.len() {
            match self.file.read(&mut bytes[filled..]) {
                Ok(0) if filled == 0 => return Ok(false),
                Ok(0) => return Err(BackupError::damaged(&self.path, "it ends within a block")),
                Ok(n) => filled += n,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(source) => return Err(BackupError::file(&self.path, source)),
            }
        }
        self.sha.update(&*bytes);
        Ok(true)
    }

    fn block(&mut self) -> Result<Option<Vec<u8>>, BackupError> {
        let mut start = [0; 8];
        if !self.fill(&mut start)? {
            return Ok(None);
        }
        let [l0, l1, l2, l3, c0, c1, c2, c3] = start;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        if length > BLOCK_BYTES_MAX {
            return Err(BackupError::damaged(&self.path, "a block has an impossible length"));
        }
        let mut packed = vec![0; length];
        if !self.fill(&mut packed)? && length > 0 {
            return Err(BackupError::damaged(&self.path, "it ends within a block"));
        }
        if crc32c::crc32c(&packed) != u32::from_le_bytes([c0, c1, c2, c3]) {
            return Err(BackupError::damaged(&self.path, "the sum of a block does not match"));
        }
        zstd::bulk::decompress(&packed, BLOCK_BYTES_MAX)
            .map(Some)
            .map_err(|_error| BackupError::damaged(&self.path, "a block cannot be unpacked"))
    }

    fn json<T: for<'de> Deserialize<'de>>(&mut self) -> Result<T, BackupError> {
        let block = self.block()?.unwrap_or_default();
        self.json_of(&block)
    }

    fn json_of<T: for<'de> Deserialize<'de>>(&self, block: &[u8]) -> Result<T, BackupError> {
        serde_json::from_slice(block)
            .map_err(|_error| BackupError::damaged(&self.path, "its head or end cannot be read"))
    }
}

/// Reads the rows of a block; says how many they are.
fn rows_of(mut block: &[u8], into: &mut Changes) -> Option<u64> {
    let mut n = 0;
    while let Some((table, rest)) = block.split_first() {
        let (key, rest) = part(rest)?;
        let (record, rest) = part(rest)?;
        into.insert((TableId(*table), KeyBytes::from_slice(key)), Some(Record::from_bytes(record)));
        block = rest;
        n += 1;
    }
    Some(n)
}

fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}
