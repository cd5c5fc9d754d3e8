//! What the recorder knows besides operations, and the file `CURRENT` that names the live files.

use std::io;

use super::disk::{Disk, read_all};
use super::record::{ChainHash, hash_at, u32_at, u64_at};

/// Who records here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The device as the server enrolled it.
    pub device: u32,
    /// The generation of the device's store, given by the server.
    pub incarnation: u32,
    /// The store's own random name; a copy of the folder has the same one, and that tells.
    pub store: [u8; 16],
}

/// The server's proof that this store is the living one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lease {
    /// Goes up by one with each lease issued.
    pub counter: u64,
    /// What the server signed; opaque here, at most [`LEASE_BYTES_MAX`].
    pub bytes: Vec<u8>,
}

/// The longest lease, in bytes.
pub const LEASE_BYTES_MAX: usize = 1024;

/// What a server confirmed: it holds the operations up to here on its disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Acked {
    /// The last operation the server has; 0 = none.
    pub seq: u64,
    /// The hash of that operation, as the server computed it.
    pub hash: ChainHash,
    /// The last record of the server's intake at that moment; 0 = none.
    pub chain_no: u64,
    /// The hash of that intake record: this device is a witness of how far the intake went.
    pub chain_head: ChainHash,
}

/// Everything the recorder owns besides the operations themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Who records here.
    pub identity: Identity,
    /// The newest lease; counter 0 and no bytes before the first.
    pub lease: Lease,
    /// The generation of the server last spoken to.
    pub epoch: u32,
    /// What the server confirmed last.
    pub acked: Acked,
    /// The last operation in a verified backup or on a second server; 0 = none.
    pub safe_seq: u64,
    /// The last operation that trimming was allowed to delete; 0 = none.
    pub trimmed_seq: u64,
    /// How many operations of this incarnation storage damage destroyed.
    pub n_void: u64,
    /// Whether an operation was destroyed before the server was known to have it, so that the
    /// hash chain from there on is not the one that the contents give: ask the server for a new
    /// incarnation.
    pub needs_reincarnation: bool,
}

/// The version byte of a state's encoding.
const STATE_VERSION: u8 = 1;
/// Bytes of a state without its lease.
const STATE_FIXED: usize = 112;

impl State {
    /// A store that has not recorded anything yet.
    pub(super) fn new(identity: Identity) -> Self {
        Self {
            identity,
            lease: Lease::default(),
            epoch: 0,
            acked: Acked::default(),
            safe_seq: 0,
            trimmed_seq: 0,
            n_void: 0,
            needs_reincarnation: false,
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(STATE_FIXED + self.lease.bytes.len());
        out.push(STATE_VERSION);
        out.push(u8::from(self.needs_reincarnation));
        let length = u16::try_from(self.lease.bytes.len()).expect("checked when it was set");
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&self.identity.incarnation.to_le_bytes());
        out.extend_from_slice(&self.identity.device.to_le_bytes());
        out.extend_from_slice(&self.epoch.to_le_bytes());
        out.extend_from_slice(&self.identity.store);
        out.extend_from_slice(&self.acked.seq.to_le_bytes());
        out.extend_from_slice(&self.acked.hash.0);
        out.extend_from_slice(&self.safe_seq.to_le_bytes());
        out.extend_from_slice(&self.trimmed_seq.to_le_bytes());
        out.extend_from_slice(&self.n_void.to_le_bytes());
        out.extend_from_slice(&self.lease.counter.to_le_bytes());
        out.extend_from_slice(&self.acked.chain_no.to_le_bytes());
        out.extend_from_slice(&self.acked.chain_head.0);
        out.extend_from_slice(&self.lease.bytes);
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < STATE_FIXED || bytes[0] != STATE_VERSION {
            return None;
        }
        let length = usize::from(u16::from_le_bytes([bytes[2], bytes[3]]));
        let lease = bytes.get(STATE_FIXED..STATE_FIXED + length)?.to_vec();
        Some(Self {
            needs_reincarnation: bytes[1] != 0,
            identity: Identity {
                incarnation: u32_at(bytes, 4),
                device: u32_at(bytes, 8),
                store: hash_at(bytes, 16).0,
            },
            epoch: u32_at(bytes, 12),
            acked: Acked {
                seq: u64_at(bytes, 32),
                hash: hash_at(bytes, 40),
                chain_no: u64_at(bytes, 88),
                chain_head: hash_at(bytes, 96),
            },
            safe_seq: u64_at(bytes, 56),
            trimmed_seq: u64_at(bytes, 64),
            n_void: u64_at(bytes, 72),
            lease: Lease { counter: u64_at(bytes, 80), bytes: lease },
        })
    }
}

/// The file that names the live generation.
pub(super) const CURRENT: &str = "CURRENT";
const CURRENT_NEW: &str = "CURRENT.new";
const CURRENT_MAGIC: &[u8; 8] = b"TLYCURR1";
/// Bytes of one copy: magic, generation, device, incarnation, store, checksum.
const CURRENT_COPY: usize = 44;
/// Where the second copy stands: on another page than the first.
const CURRENT_SECOND: usize = 4096;

/// What `CURRENT` says: the live generation, and whose it is.
pub(super) fn read_current(disk: &dyn Disk) -> io::Result<Option<(u64, Identity)>> {
    let bytes = match read_all(disk, CURRENT) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok([0, CURRENT_SECOND].into_iter().find_map(|at| {
        let copy = bytes.get(at..at + CURRENT_COPY)?;
        let is_whole =
            &copy[..8] == CURRENT_MAGIC && crc32c::crc32c(&copy[..40]) == u32_at(copy, 40);
        let identity = Identity {
            device: u32_at(copy, 16),
            incarnation: u32_at(copy, 20),
            store: hash_at(copy, 24).0,
        };
        is_whole.then(|| (u64_at(copy, 8), identity))
    }))
}

/// Makes `generation` the live one: the moment of every switch is the rename in here.
pub(super) fn write_current(
    disk: &dyn Disk,
    generation: u64,
    identity: &Identity,
) -> io::Result<()> {
    let mut copy = Vec::with_capacity(CURRENT_COPY);
    copy.extend_from_slice(CURRENT_MAGIC);
    copy.extend_from_slice(&generation.to_le_bytes());
    copy.extend_from_slice(&identity.device.to_le_bytes());
    copy.extend_from_slice(&identity.incarnation.to_le_bytes());
    copy.extend_from_slice(&identity.store);
    let crc = crc32c::crc32c(&copy);
    copy.extend_from_slice(&crc.to_le_bytes());
    let mut bytes = copy.clone();
    bytes.resize(CURRENT_SECOND, 0);
    bytes.extend_from_slice(&copy);
    let mut file = disk.create(CURRENT_NEW)?;
    file.write_at(0, &bytes)?;
    file.sync_data()?;
    disk.rename(CURRENT_NEW, CURRENT)?;
    disk.sync_folder()
}
