//! One record: the frame, its checksum, the hash chain. The layout is in the module's head.

use std::fmt;

use sha2::{Digest, Sha256};

/// First 16 bytes of SHA-256; the place of an operation in the chain of its incarnation.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainHash(pub [u8; 16]);

impl ChainHash {
    /// The hash before the first operation: 16 zero bytes.
    pub const START: Self = Self([0; 16]);

    /// The hash of operation `seq` after `self`: SHA-256 of `self`, `seq` little-endian, `content`.
    #[must_use]
    pub fn then(self, seq: u64, content: &[u8]) -> Self {
        let mut sha = Sha256::new();
        sha.update(self.0);
        sha.update(seq.to_le_bytes());
        sha.update(content);
        let mut hash = [0; 16];
        hash.copy_from_slice(&sha.finalize()[..16]);
        Self(hash)
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Under which name an operation was first recorded; survives every re-labelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The device at that time.
    pub device: u32,
    /// The incarnation at that time.
    pub incarnation: u32,
    /// The sequence number in that incarnation.
    pub seq: u64,
    /// The hash in that incarnation's chain.
    pub hash: ChainHash,
}

/// An operation as it stands in the recorder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The sequence number, 1 and up, without gaps.
    pub seq: u64,
    /// The hash of the operation before, [`ChainHash::START`] before the first.
    pub prev: ChainHash,
    /// The hash of this operation. Of a void operation it is that of the lost one, where known.
    pub hash: ChainHash,
    /// The bytes the caller recorded, or [`Options::void_content`](super::Options::void_content).
    pub content: Vec<u8>,
    /// Its first name, if it was re-labelled.
    pub origin: Option<Origin>,
    /// Whether this stands in for an operation that storage damage destroyed.
    pub is_void: bool,
}

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Operation,
    /// The body starts with the 16 bytes of the hash that counts for this operation.
    Void,
    State,
}

/// A record, with its body still in the bytes it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// Of an operation its own number, of a state the number of the last operation before.
    pub(super) seq: u64,
    /// The chain's hash before this record.
    pub(super) prev: ChainHash,
    pub(super) kind: Kind,
    /// Written before the record in front of it was synced.
    pub(super) joined: bool,
    /// More of its group is written behind it: alone it counts for nothing.
    pub(super) followed: bool,
    pub(super) origin: Option<Origin>,
    pub(super) body: &'a [u8],
}

/// Bytes in front of the part that `len` counts: `len` and the checksum.
const LEAD: usize = 8;
/// Bytes counted by `len` in front of the origin or body: seq, prev, kind.
const FIXED: usize = 25;
/// The last byte of every record: not zero, so that one which was cut short shows it.
const END: u8 = 0xE5;
/// Bytes of an [`Origin`].
const ORIGIN: usize = 32;
/// Records start at multiples of this, which makes finding the next one after damage cheap.
pub(super) const ALIGN: usize = 8;
/// What a record adds to its content at most, in bytes.
pub(super) const OVERHEAD_MAX: usize = LEAD + FIXED + ORIGIN + 16 + 1 + ALIGN;

const JOINED: u8 = 0x80;
const HAS_ORIGIN: u8 = 0x40;
const FOLLOWED: u8 = 0x20;

impl Kind {
    fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Operation),
            2 => Some(Self::Void),
            3 => Some(Self::State),
            _ => None,
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::Operation => 1,
            Self::Void => 2,
            Self::State => 3,
        }
    }
}

/// Appends `record` to `out`, padded with zeros to [`ALIGN`].
pub(super) fn encode(out: &mut Vec<u8>, salt: u32, record: &Record<'_>) {
    let start = out.len();
    out.extend_from_slice(&[0; LEAD]);
    out.extend_from_slice(&record.seq.to_le_bytes());
    out.extend_from_slice(&record.prev.0);
    let joined = if record.joined { JOINED } else { 0 };
    let has_origin = if record.origin.is_some() { HAS_ORIGIN } else { 0 };
    let followed = if record.followed { FOLLOWED } else { 0 };
    out.push(record.kind.code() | joined | has_origin | followed);
    if let Some(origin) = &record.origin {
        out.extend_from_slice(&origin.device.to_le_bytes());
        out.extend_from_slice(&origin.incarnation.to_le_bytes());
        out.extend_from_slice(&origin.seq.to_le_bytes());
        out.extend_from_slice(&origin.hash.0);
    }
    out.extend_from_slice(record.body);
    out.push(END);
    let length = u32::try_from(out.len() - start - LEAD).expect("a record is shorter than 4 GiB");
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    let crc = checksum(salt, &out[start..]);
    out[start + 4..start + LEAD].copy_from_slice(&crc.to_le_bytes());
    out.resize(start + (out.len() - start).next_multiple_of(ALIGN), 0);
}

/// CRC-32C of everything but the checksum itself. The salt ties a record to its segment, so that
/// a block which the disk returns from another file is not taken for ours.
fn checksum(salt: u32, frame: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(salt, &frame[..4]), &frame[LEAD..])
}

/// The length that the bytes at `at` claim, without padding, if a record of it would fit.
pub(super) fn claimed_length(bytes: &[u8], at: usize) -> Option<usize> {
    let length = u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?);
    let length = usize::try_from(length).ok()?;
    let whole = length.checked_add(LEAD)?;
    (length > FIXED && whole <= bytes.len() - at).then_some(whole)
}

/// Reads the record at `at`; with it the offset behind its padding.
pub(super) fn decode(bytes: &[u8], at: usize, salt: u32) -> Option<(Record<'_>, usize)> {
    let length = claimed_length(bytes, at)?;
    let frame = &bytes[at..at + length];
    if checksum(salt, frame) != u32_at(frame, 4) {
        return None;
    }
    let frame = frame.strip_suffix(&[END])?;
    let code = frame[LEAD + 24];
    let (origin, body) = if code & HAS_ORIGIN == 0 {
        (None, &frame[LEAD + FIXED..])
    } else {
        let (origin, body) = frame[LEAD + FIXED..].split_at_checked(ORIGIN)?;
        let (device, incarnation) = (u32_at(origin, 0), u32_at(origin, 4));
        let (seq, hash) = (u64_at(origin, 8), hash_at(origin, 16));
        (Some(Origin { device, incarnation, seq, hash }), body)
    };
    let kind = Kind::from_code(code & !(JOINED | HAS_ORIGIN | FOLLOWED))?;
    if kind == Kind::Void && body.len() < 16 {
        return None;
    }
    let record = Record {
        seq: u64_at(frame, LEAD),
        prev: hash_at(frame, LEAD + 8),
        kind,
        joined: code & JOINED != 0,
        followed: code & FOLLOWED != 0,
        origin,
        body,
    };
    Some((record, (at + length).next_multiple_of(ALIGN)))
}

/// Whether damaged bytes at `at` say of themselves that they are a state record after `head`.
pub(super) fn resembles_state(bytes: &[u8], at: usize, head: u64) -> bool {
    bytes.get(at..at + LEAD + FIXED).is_some_and(|frame| {
        u64_at(frame, LEAD) == head && frame[LEAD + 24] & !JOINED == Kind::State.code()
    })
}

/// Whether the damaged last record, at `at`, was never written to its end; `blank_from` is where
/// zeros begin for good.
pub(super) fn is_cut_short(bytes: &[u8], at: usize, blank_from: usize) -> bool {
    let is_lead_cut = blank_from - at <= LEAD + FIXED;
    is_lead_cut || claimed_length(bytes, at).is_some_and(|length| bytes[at + length - 1] == 0)
}

/// The bytes of the record at `at` with the one wrong bit put right, if one bit is all.
///
/// CRC-32C tells all errors of up to three bits apart at this length, so a record that one bit
/// makes whole was that record.
pub(super) fn mend(bytes: &[u8], at: usize, salt: u32) -> Option<Vec<u8>> {
    /// Longer records would take too long to try.
    const LENGTH_MAX: usize = 2048;
    let mut lengths = Vec::with_capacity(33);
    lengths.extend(claimed_length(bytes, at));
    let mut lead = bytes.get(at..at + 4)?.to_vec();
    for bit in 0..32 {
        lead[bit / 8] ^= 1 << (bit % 8);
        let claim = u32::from_le_bytes(lead[..4].try_into().ok()?);
        lead[bit / 8] ^= 1 << (bit % 8);
        let whole = usize::try_from(claim).ok()?.saturating_add(LEAD);
        if whole > LEAD + FIXED && whole <= LENGTH_MAX.min(bytes.len() - at) {
            let mut frame = bytes[at..at + whole].to_vec();
            frame[..4].copy_from_slice(&claim.to_le_bytes());
            if decode(&frame, 0, salt).is_some() {
                return Some(frame);
            }
        }
    }
    let length = claimed_length(bytes, at).filter(|length| *length <= LENGTH_MAX)?;
    let mut frame = bytes[at..at + length].to_vec();
    for bit in 32..length * 8 {
        frame[bit / 8] ^= 1 << (bit % 8);
        if decode(&frame, 0, salt).is_some() {
            return Some(frame);
        }
        frame[bit / 8] ^= 1 << (bit % 8);
    }
    None
}

impl Record<'_> {
    /// The content of an operation record.
    pub(super) fn content(&self) -> &[u8] {
        match self.kind {
            Kind::Operation | Kind::State => self.body,
            Kind::Void => &self.body[16..],
        }
    }

    /// The chain's hash after this record.
    pub(super) fn hash(&self) -> ChainHash {
        match self.kind {
            Kind::Operation => self.prev.then(self.seq, self.body),
            Kind::Void => hash_at(self.body, 0),
            Kind::State => self.prev,
        }
    }

    /// The operation in this record; of a state record there is none.
    pub(super) fn operation(&self) -> Option<Operation> {
        (self.kind != Kind::State).then(|| Operation {
            seq: self.seq,
            prev: self.prev,
            hash: self.hash(),
            content: self.content().to_vec(),
            origin: self.origin,
            is_void: self.kind == Kind::Void,
        })
    }
}

/// Appends an operation that is copied from elsewhere.
pub(super) fn encode_operation(out: &mut Vec<u8>, salt: u32, operation: &Operation) {
    let mut void_body = Vec::new();
    let (kind, body) = if operation.is_void {
        void_body.extend_from_slice(&operation.hash.0);
        void_body.extend_from_slice(&operation.content);
        (Kind::Void, &void_body)
    } else {
        (Kind::Operation, &operation.content)
    };
    let (seq, prev, origin) = (operation.seq, operation.prev, operation.origin);
    // Copies are in use only when all of them are synced.
    let (joined, followed) = (false, false);
    encode(out, salt, &Record { seq, prev, kind, joined, followed, origin, body });
}

/// Callers have checked the length.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"))
}

/// Callers have checked the length.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"))
}

/// Callers have checked the length.
pub(super) fn hash_at(bytes: &[u8], at: usize) -> ChainHash {
    ChainHash(bytes[at..at + 16].try_into().expect("16 bytes"))
}
