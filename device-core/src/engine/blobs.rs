//! Photos and signatures: kept as files until the server has them, sent in small parts while no
//! operation waits.
//!
//! 1. The bytes are on the disk before the operation that names them is recorded.
//! 2. At most one part is on its way, and only while every operation is acknowledged: an operation
//!    never waits for more than one part.
//! 3. A file is deleted when the server has all of it, durably, and a proved backup has it, too; or
//!    when no operation names it. For want of room what the server has goes earlier.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use protocol::frame::beside::{BLOB_BYTES_MAX, BlobAck, BlobPut, BlobState};
use protocol::frame::{Frame, capability};
use protocol::identity::OperationId;
use protocol::operation::{Attach, AttachmentKind, Body, MediaType};
use serde_bytes::ByteBuf;
use sha2::{Digest as _, Sha256};

use super::{Action, DeviceCore, Moment, News, RecordError, Work};
use crate::recorder::Disk;

/// Bytes of one part: a second of a very slow link.
const PART_BYTES: usize = 16 << 10;
/// Heartbeats after which a part that nobody answered is asked for again.
const UNANSWERED_MAX: u32 = 3;
/// Heartbeats after which is asked again whether what the server has is safe: five minutes.
const SAFE_ASKED_EVERY: u32 = 20;

/// Why a photo was not taken. Nothing was recorded.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// Neither JPEG, PNG nor WebP.
    #[error("this is no picture")]
    NoPicture,
    /// Longer than a server takes.
    #[error("the picture has {bytes} bytes, at most {BLOB_BYTES_MAX} are possible")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// The operation that it belongs to is not on this device.
    #[error("this operation is no longer on this device")]
    NotHere,
    /// The disk did not take it.
    #[error("the picture could not be kept")]
    Disk(#[source] io::Error),
    /// The operation that names it could not be recorded.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// The files, and what is known of the server's side.
#[derive(Debug)]
pub(super) struct Blobs {
    disk: Box<dyn Disk>,
    /// Their lengths, by SHA-256.
    files: BTreeMap<[u8; 32], u32>,
    /// The one whose part is on its way.
    sent: Option<[u8; 32]>,
    n_unanswered: u32,
    /// Where the next part of the present one begins; none before the server was asked.
    next: Option<([u8; 32], u32)>,
    /// The server does not know what they belong to: asked again with the next heartbeat.
    put_off: BTreeSet<[u8; 32]>,
    /// The server has all of these, and no backup had them when it was asked.
    taken: BTreeSet<[u8; 32]>,
    /// Of them, those that were asked about lately.
    resting: BTreeSet<[u8; 32]>,
    n_heartbeats: u32,
}

fn name_of(hash: &[u8; 32]) -> String {
    data_encoding::HEXLOWER.encode(hash)
}

fn hash_of(name: &str) -> Option<[u8; 32]> {
    data_encoding::HEXLOWER.decode(name.as_bytes()).ok()?.try_into().ok()
}

impl Blobs {
    /// The files on `disk`. What was not finished is deleted.
    pub(super) fn open(disk: Box<dyn Disk>) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        for name in disk.list()? {
            match hash_of(&name) {
                Some(hash) => {
                    let length = disk.open(&name)?.length()?;
                    files.insert(hash, u32::try_from(length).unwrap_or(u32::MAX));
                }
                // Best effort: an unfinished file only takes room.
                None => disk.remove(&name).unwrap_or_default(),
            }
        }
        Ok(Self {
            disk,
            files,
            sent: None,
            n_unanswered: 0,
            next: None,
            put_off: BTreeSet::new(),
            taken: BTreeSet::new(),
            resting: BTreeSet::new(),
            n_heartbeats: 0,
        })
    }

    /// A new connection: the server is to be asked anew.
    pub(super) fn forget_connection(&mut self) {
        self.sent = None;
        self.next = None;
        self.n_unanswered = 0;
        self.put_off.clear();
        self.resting.clear();
    }

    /// For want of room: what the server has on its disk is not kept for its backup.
    fn give_up_taken(&mut self) {
        for hash in std::mem::take(&mut self.taken) {
            self.forget(&hash);
        }
    }

    fn keep(&mut self, hash: [u8; 32], bytes: &[u8]) -> io::Result<()> {
        if self.files.contains_key(&hash) {
            return Ok(());
        }
        let name = name_of(&hash);
        let unfinished = format!("{name}.new");
        let mut file = self.disk.create(&unfinished)?;
        file.write_at(0, bytes)?;
        file.sync_data()?;
        self.disk.rename(&unfinished, &name)?;
        self.disk.sync_folder()?;
        self.files.insert(hash, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        Ok(())
    }

    fn forget(&mut self, hash: &[u8; 32]) {
        self.files.remove(hash);
        self.taken.remove(hash);
        self.resting.remove(hash);
        // Best effort: what cannot be deleted is offered again, and the server has it already.
        let _ = self.disk.remove(&name_of(hash)).and_then(|()| self.disk.sync_folder());
    }

    fn read(&self, hash: &[u8; 32], offset: u32, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.disk.open(&name_of(hash))?.read_at(u64::from(offset), &mut bytes)?;
        Ok(bytes)
    }

    /// The next part to send.
    fn part(&mut self) -> Option<io::Result<BlobPut>> {
        let hash = if let Some((hash, _offset)) = self.next {
            hash
        } else {
            let is_due =
                |hash: &&[u8; 32]| !self.put_off.contains(*hash) && !self.resting.contains(*hash);
            // What the server does not have comes first.
            let new = self.files.keys().find(|hash| !self.taken.contains(*hash) && is_due(hash));
            *new.or_else(|| self.taken.iter().find(is_due))?
        };
        let length = *self.files.get(&hash)?;
        let (offset, wanted) = match self.next {
            Some((_hash, offset)) => (offset, length.saturating_sub(offset)),
            None => (0, 0),
        };
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX).min(PART_BYTES);
        self.sent = Some(hash);
        self.n_unanswered = 0;
        Some(self.read(&hash, offset, wanted).map(|bytes| BlobPut {
            hash: ByteBuf::from(hash.to_vec()),
            length,
            offset,
            bytes: ByteBuf::from(bytes),
        }))
    }
}

impl DeviceCore {
    /// Keeps a photo or a signature of an earlier operation and records that it belongs to it. The
    /// server gets the bytes when nothing else is to be sent.
    ///
    /// # Errors
    ///
    /// [`AttachError`].
    pub fn attach(
        &mut self,
        at: Moment,
        target: OperationId,
        (kind, bytes): (AttachmentKind, &[u8]),
    ) -> Result<(OperationId, Vec<Action>), AttachError> {
        let media = MediaType::of_bytes(bytes).ok_or(AttachError::NoPicture)?;
        let length = u32::try_from(bytes.len())
            .ok()
            .filter(|length| *length <= BLOB_BYTES_MAX)
            .ok_or(AttachError::TooLarge { bytes: bytes.len() })?;
        self.body_of(target).ok_or(AttachError::NotHere)?;
        let hash: [u8; 32] = Sha256::digest(bytes).into();
        if self.blobs.keep(hash, bytes).is_err() {
            // There may be room after what the server has is gone.
            self.blobs.give_up_taken();
            self.blobs.keep(hash, bytes).map_err(AttachError::Disk)?;
        }
        let attach = Attach {
            incarnation: target.incarnation,
            seq: target.seq,
            hash: ByteBuf::from(hash.to_vec()),
            length,
            media,
            kind,
        };
        let recorded = self.record(at, &Work { body: Body::Attach(attach), document: None })?;
        Ok(recorded)
    }

    /// Photos and signatures that the server does not have yet.
    pub fn n_blobs(&self) -> usize {
        self.blobs.files.len().saturating_sub(self.blobs.taken.len())
    }

    /// Photos and signatures that are kept here, those included that the server has and no proved
    /// backup.
    pub fn n_blobs_kept(&self) -> usize {
        self.blobs.files.len()
    }

    /// A backup was proved: it may have pictures, too.
    pub(super) fn ask_what_is_safe(&mut self) {
        self.blobs.resting.clear();
    }

    /// For want of room.
    pub(super) fn give_up_taken_blobs(&mut self) {
        self.blobs.give_up_taken();
    }

    /// Whether the server takes pictures.
    pub(super) fn sends_blobs(&self) -> bool {
        self.handshake.capabilities & capability::BLOBS != 0
    }

    /// Sends the next part where nothing more urgent waits.
    pub(super) fn pump_blobs(&mut self, actions: &mut Vec<Action>) {
        if self.blobs.files.is_empty() || self.blobs.sent.is_some() {
            return;
        }
        let is_idle = self.session.live().is_some_and(|live| live.upload.is_idle());
        if !self.sends_blobs() || !is_idle {
            return;
        }
        match self.blobs.part() {
            None => {}
            Some(Ok(part)) => self.send(&Frame::BlobPut(part), actions),
            Some(Err(error)) => self.blob_unreadable(&error),
        }
    }

    /// A file that cannot be read is not tried again before the next connection.
    fn blob_unreadable(&mut self, error: &io::Error) {
        self.news.push(News::Trouble(format!("a picture cannot be read: {error}")));
        if let Some(hash) = self.blobs.sent.take() {
            self.blobs.put_off.insert(hash);
        }
        self.blobs.next = None;
    }

    pub(super) fn on_blob_ack(&mut self, ack: &BlobAck) {
        let Ok(hash) = <[u8; 32]>::try_from(ack.hash.as_slice()) else { return };
        if self.blobs.sent != Some(hash) {
            return;
        }
        self.blobs.sent = None;
        self.blobs.next = None;
        match ack.state {
            BlobState::Wanted => {
                self.blobs.taken.remove(&hash);
                self.blobs.next = Some((hash, ack.offset));
            }
            BlobState::Complete => {
                self.blobs.resting.insert(hash);
                if self.blobs.taken.insert(hash) {
                    self.news.push(News::BlobTaken(hash));
                }
            }
            BlobState::Safe => {
                if !self.blobs.taken.contains(&hash) {
                    self.news.push(News::BlobTaken(hash));
                }
                self.blobs.forget(&hash);
            }
            // Everything recorded here is judged, and nothing names it: the app ended between
            // keeping the file and recording the operation.
            BlobState::Unknown if self.n_unsent() == 0 && self.outbox.is_empty() => {
                self.blobs.forget(&hash);
            }
            BlobState::Unknown => {
                self.blobs.taken.remove(&hash);
                self.blobs.put_off.insert(hash);
            }
            BlobState::Refused => self.blob_refused(hash),
        }
    }

    /// The server has got other bytes than the hash says. Sent again, unless the file is wrong.
    fn blob_refused(&mut self, hash: [u8; 32]) {
        let length = self.blobs.files.get(&hash).map_or(0, |length| *length);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let is_right = self
            .blobs
            .read(&hash, 0, length)
            .is_ok_and(|bytes| <[u8; 32]>::from(Sha256::digest(&bytes)) == hash);
        if is_right {
            self.blobs.put_off.insert(hash);
        } else {
            self.blobs.forget(&hash);
            self.storage.blob_lost();
            self.is_state_dirty = true;
            self.news.push(News::Trouble("a picture was destroyed by the storage".to_owned()));
        }
    }

    /// At each heartbeat: what was put off is asked for again, and what nobody answered.
    pub(super) fn look_after_blobs(&mut self) {
        let blobs = &mut self.blobs;
        blobs.put_off.clear();
        blobs.n_heartbeats = blobs.n_heartbeats.wrapping_add(1);
        if blobs.n_heartbeats.is_multiple_of(SAFE_ASKED_EVERY) {
            blobs.resting.clear();
        }
        if blobs.sent.is_some() {
            blobs.n_unanswered = blobs.n_unanswered.saturating_add(1);
            if blobs.n_unanswered >= UNANSWERED_MAX {
                (blobs.sent, blobs.next) = (None, None);
            }
        }
    }
}
