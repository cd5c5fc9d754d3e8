//! Everything that changes the files of an open recorder.

use super::disk::DiskFile;
use super::error::RecorderError;
use super::record::{self, ChainHash, Kind, OVERHEAD_MAX, Operation, Origin, Record};
use super::rewrite::{sweep, write_generation};
use super::segment::{Head, NEXT, SegmentId, encode_state, fill, install, offset};
use super::state::{Acked, Identity, LEASE_BYTES_MAX, Lease, State, write_current};
use super::{Appended, BALLAST, Recorder, Segment, release_ballast};

impl Recorder {
    /// Records `content` and returns once it is on the disk: the good tone may sound.
    ///
    /// One `fdatasync`, a few milliseconds on flash.
    ///
    /// # Errors
    ///
    /// Nothing is recorded: sound the stop tone and let the operator repeat it.
    /// [`RecorderError::Full`] and [`RecorderError::TooLarge`] leave the recorder working;
    /// [`RecorderError::Io`] stops it until [`Recorder::reopen`].
    pub fn append(&mut self, content: &[u8]) -> Result<Appended, RecorderError> {
        let appended = self.append_many(&[content])?;
        Ok(appended[0])
    }

    /// Records several contents with one sync, in order. After a crash before it returns, all of them
    /// are recorded or none; after an error none is.
    ///
    /// # Errors
    ///
    /// As [`Recorder::append`]; a group that does not fit one segment is too large.
    pub fn append_many(&mut self, contents: &[&[u8]]) -> Result<Vec<Appended>, RecorderError> {
        self.check_running()?;
        if contents.is_empty() {
            return Ok(Vec::new());
        }
        let bytes = contents.iter().map(|content| content.len() + OVERHEAD_MAX).sum();
        let bytes_max = self.options.room();
        if bytes > bytes_max {
            return Err(RecorderError::TooLarge { bytes, bytes_max });
        }
        if self.active().end + bytes > self.options.operations_end() {
            self.rotate()?;
        }
        let salt = self.active_id().salt();
        let mut head = self.files.head;
        let mut appended = Vec::with_capacity(contents.len());
        let mut offsets = Vec::with_capacity(contents.len());
        let mut out = std::mem::take(&mut self.scratch);
        out.clear();
        for body in contents {
            let (seq, prev) = (head.seq + 1, head.hash);
            let joined = !self.is_clean || !appended.is_empty();
            offsets.push(self.active().end + out.len());
            let followed = appended.len() + 1 < contents.len();
            let (kind, origin) = (Kind::Operation, None);
            let record = Record { seq, prev, kind, joined, followed, origin, body };
            record::encode(&mut out, salt, &record);
            head = Head { seq, hash: prev.then(seq, body) };
            appended.push(Appended { seq, hash: head.hash });
        }
        let written = self.write(&out).and_then(|()| self.sync());
        let length = out.len();
        self.scratch = out;
        written?;
        let segment = self.active_mut();
        for at in offsets {
            segment.push(at);
        }
        segment.end += length;
        self.files.head = head;
        Ok(appended)
    }

    /// Notes what the server has on its disk. An older ack than the one known changes nothing.
    ///
    /// Not synced, but with the next sync: a lost ack costs a repeated upload.
    ///
    /// # Errors
    ///
    /// [`RecorderError::BeyondHead`]; [`RecorderError::ChainMismatch`] if the server has another
    /// operation under this number, which means that one of the two is an old copy; nothing is
    /// noted then. Else as [`Recorder::append`].
    pub fn acked(&mut self, acked: Acked) -> Result<(), RecorderError> {
        self.check_running()?;
        self.check_recorded(acked.seq)?;
        if acked.seq < self.state().acked.seq || acked == self.state().acked {
            return Ok(());
        }
        let hash = self.hash_at(acked.seq)?;
        if hash.is_some_and(|hash| hash != acked.hash) {
            return Err(RecorderError::ChainMismatch { seq: acked.seq });
        }
        let state = State { acked, ..self.state().clone() };
        self.set(state, Durability::WithNextSync)
    }

    /// Notes up to where operations are in a verified backup or on a second server. An older note
    /// changes nothing.
    ///
    /// # Errors
    ///
    /// [`RecorderError::BeyondHead`]; else as [`Recorder::append`].
    pub fn safe(&mut self, seq: u64) -> Result<(), RecorderError> {
        self.check_running()?;
        self.check_recorded(seq)?;
        if seq <= self.state().safe_seq {
            return Ok(());
        }
        let state = State { safe_seq: seq, ..self.state().clone() };
        self.set(state, Durability::Now)
    }

    /// Keeps a new lease; once this returns, LEASE_OK may be said.
    ///
    /// # Errors
    ///
    /// [`RecorderError::TooLarge`]; else as [`Recorder::append`], and the old lease holds.
    pub fn lease(&mut self, lease: Lease) -> Result<(), RecorderError> {
        self.check_running()?;
        check_lease(&lease)?;
        let state = State { lease, ..self.state().clone() };
        self.set(state, Durability::Now)
    }

    /// Notes that the server is of another epoch and has this device's operations up to
    /// `accepted_seq` only: acked and safe go back to it, and everything behind is offered again.
    ///
    /// # Errors
    ///
    /// As [`Recorder::append`].
    pub fn epoch(&mut self, epoch: u32, accepted_seq: u64) -> Result<(), RecorderError> {
        self.check_running()?;
        let mut state = State { epoch, ..self.state().clone() };
        state.safe_seq = state.safe_seq.min(accepted_seq);
        if accepted_seq < state.acked.seq {
            // Of a trimmed operation the hash is gone; zeros match nothing and harm nothing. The
            // witness of the longer intake stays: it says how far the lost one went.
            let hash = self.hash_at(accepted_seq)?.unwrap_or_default();
            state.acked = Acked { seq: accepted_seq, hash, ..state.acked };
        }
        self.set(state, Durability::Now)
    }

    /// Deletes whole segments of operations that are acked and safe, and says how many operations
    /// are gone. The active segment stays.
    ///
    /// # Errors
    ///
    /// [`RecorderError::Io`]: what could not be deleted goes at the next opening.
    pub fn trim(&mut self) -> Result<u64, RecorderError> {
        self.check_running()?;
        let floor = self.state().safe_seq.min(self.state().acked.seq);
        let segments = &self.files.segments;
        let sealed = &segments[..segments.len() - 1];
        let n = sealed.iter().take_while(|segment| segment.next_seq() <= floor + 1).count();
        if n == 0 {
            return Ok(0);
        }
        let low_seq = segments[0].first_seq;
        let trimmed_seq = segments[n].first_seq - 1;
        // First the permission, durably, then the deed: so a missing file is never a riddle.
        let state = State { trimmed_seq, ..self.state().clone() };
        self.set(state, Durability::Now)?;
        let generation = self.files.generation;
        let doomed: Vec<Segment> = self.files.segments.drain(..n).collect();
        let failed = RecorderError::at("delete a trimmed segment");
        for segment in doomed {
            let id = SegmentId { generation, no: segment.no };
            self.disk.remove(&id.name()).map_err(&failed)?;
        }
        self.disk.sync_folder().map_err(&failed)?;
        Ok(trimmed_seq + 1 - low_seq)
    }

    /// Makes the next segment ahead of need, when the active one is half full: call it when the
    /// operator pauses, so that no scan waits for it. Says whether it made one.
    ///
    /// # Errors
    ///
    /// [`RecorderError::Full`]: there is still room for half a segment; warn the operator now.
    pub fn prepare(&mut self) -> Result<bool, RecorderError> {
        self.check_running()?;
        if self.spare.is_some() || self.active().end < self.options.segment_bytes / 2 {
            return Ok(false);
        }
        let made = fill(&*self.disk, NEXT, &[], self.options.segment_bytes);
        if made.is_err() {
            // Best effort: what is left of it goes at the next opening.
            let _ = self.disk.remove(NEXT);
        }
        self.spare = Some(made.map_err(RecorderError::at("make the next segment"))?);
        Ok(true)
    }

    /// Gives every operation still here a number in a new incarnation, from 1 on in the same order,
    /// with its first name as origin. Acked, safe and trimmed start at 0; the epoch stays.
    ///
    /// After a crash either all of it happened or nothing; [`State::identity`] tells.
    ///
    /// # Errors
    ///
    /// [`RecorderError::NotNewer`]; [`RecorderError::Full`], and everything is as before;
    /// [`RecorderError::Io`] stops the recorder, and reopening tells which of the two holds.
    pub fn re_incarnate(&mut self, identity: Identity, lease: Lease) -> Result<(), RecorderError> {
        self.check_running()?;
        check_lease(&lease)?;
        let old = self.state().identity;
        if identity.device == old.device && identity.incarnation <= old.incarnation {
            return Err(RecorderError::NotNewer { present: old.incarnation });
        }
        let state = State { lease, epoch: self.state().epoch, ..State::new(identity) };
        let next = self.files.generation + 1;
        let mut head = Head::START;
        let operations = self.iter_from(1).map(|operation| {
            let operation = relabel(operation?, old, head);
            head = Head { seq: operation.seq, hash: operation.hash };
            Ok(operation)
        });
        let start = (next, Head::START);
        let written = write_generation(&*self.disk, &self.options, start, state, operations);
        let files = match written {
            Ok(files) => files,
            Err(error) => {
                // Best effort: what is left of it goes at the next opening.
                let _ = sweep(&*self.disk, |id| id.generation != next);
                self.spare = None;
                return self.stop_unless_full(error);
            }
        };
        self.spare = None;
        if let Err(error) = write_current(&*self.disk, next, &identity) {
            // Full or not: nobody knows which generation is live, so only reopening can tell.
            self.is_stopped = true;
            return Err(RecorderError::at("switch to the new incarnation")(error));
        }
        self.files = files;
        self.is_clean = true;
        // The switch has happened; what cannot be deleted now goes at the next opening.
        let _ = sweep(&*self.disk, |id| id.generation == next);
        Ok(())
    }

    /// Deletes the ballast to make room on a full disk. Says whether there was one.
    ///
    /// # Errors
    ///
    /// [`RecorderError::Io`]: the ballast may be there still.
    pub fn release_ballast(&mut self) -> Result<bool, RecorderError> {
        release_ballast(&*self.disk)
    }

    /// Makes the ballast again, when there is room. Says whether it had to.
    ///
    /// # Errors
    ///
    /// [`RecorderError::Full`] or [`RecorderError::Io`]: there is no ballast.
    pub fn restore_ballast(&mut self) -> Result<bool, RecorderError> {
        let failed = RecorderError::at("make the ballast");
        let length = self.options.ballast_bytes;
        if length == 0 || self.disk.open(BALLAST).is_ok() {
            return Ok(false);
        }
        let made = fill(&*self.disk, BALLAST, &[], length);
        if made.is_err() {
            // Best effort: half a ballast would only take room.
            let _ = self.disk.remove(BALLAST);
        }
        made.map_err(&failed)?;
        self.disk.sync_folder().map_err(&failed)?;
        Ok(true)
    }

    fn active(&self) -> &Segment {
        self.files.segments.last().expect("there is always an active segment")
    }

    fn active_mut(&mut self) -> &mut Segment {
        self.files.segments.last_mut().expect("there is always an active segment")
    }

    fn active_id(&self) -> SegmentId {
        SegmentId { generation: self.files.generation, no: self.active().no }
    }

    fn check_running(&self) -> Result<(), RecorderError> {
        if self.is_stopped { Err(RecorderError::Stopped) } else { Ok(()) }
    }

    fn check_recorded(&self, seq: u64) -> Result<(), RecorderError> {
        let head = self.files.head.seq;
        if seq > head { Err(RecorderError::BeyondHead { seq, head }) } else { Ok(()) }
    }

    /// The chain's hash at an operation that is here, or just before the oldest one.
    fn hash_at(&self, seq: u64) -> Result<Option<ChainHash>, RecorderError> {
        if seq == self.files.head.seq {
            return Ok(Some(self.files.head.hash));
        }
        if seq + 1 == self.low_seq() {
            return Ok(Some(self.read(seq + 1)?.prev));
        }
        if seq < self.low_seq() { Ok(None) } else { Ok(Some(self.read(seq)?.hash)) }
    }

    /// Writes a new state behind the last record.
    fn set(&mut self, state: State, durability: Durability) -> Result<(), RecorderError> {
        let mut out = Vec::new();
        let joined = !self.is_clean;
        encode_state(&mut out, self.active_id().salt(), self.files.head, &state, joined);
        if self.active().end + out.len() > self.options.segment_bytes {
            self.rotate()?;
            out.clear();
            encode_state(&mut out, self.active_id().salt(), self.files.head, &state, false);
        }
        self.write(&out)?;
        self.is_clean = false;
        if durability == Durability::Now {
            self.sync()?;
        }
        self.active_mut().end += out.len();
        self.files.state = state;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), RecorderError> {
        let end = offset(self.active().end);
        let written = self.files.active.write_at(end, bytes);
        self.stop_on(written, "write the record")
    }

    fn sync(&mut self) -> Result<(), RecorderError> {
        let synced = self.files.active.sync_data();
        self.stop_on(synced, "sync the record")?;
        self.is_clean = true;
        Ok(())
    }

    /// Stops on any error, even on a full disk: the space was ours already, so this is a failure.
    fn stop_on(
        &mut self,
        did: std::io::Result<()>,
        step: &'static str,
    ) -> Result<(), RecorderError> {
        did.map_err(|source| {
            self.is_stopped = true;
            RecorderError::Io { step, source }
        })
    }

    fn stop_unless_full(&mut self, error: RecorderError) -> Result<(), RecorderError> {
        self.is_stopped |= !matches!(error, RecorderError::Full);
        Err(error)
    }

    /// Goes on in a new segment; on a full disk everything stays as it was.
    fn rotate(&mut self) -> Result<(), RecorderError> {
        if !self.is_clean {
            // The next segment is the proof that this one was synced to its end.
            self.sync()?;
        }
        let id = SegmentId { no: self.active().no + 1, ..self.active_id() };
        let front = id.front(self.files.head, &self.files.state);
        let made = match self.spare.take() {
            Some(spare) => self.name_spare(spare, id, &front),
            None => install(&*self.disk, id, &front, self.options.segment_bytes),
        };
        match made.map_err(RecorderError::at("start a new segment")) {
            Ok(file) => self.files.active = file,
            Err(error) => return self.stop_unless_full(error),
        }
        self.files.segments.push(Segment::new(id.no, self.next_seq(), front.len()));
        Ok(())
    }

    fn name_spare(
        &self,
        mut spare: Box<dyn DiskFile>,
        id: SegmentId,
        front: &[u8],
    ) -> std::io::Result<Box<dyn DiskFile>> {
        spare.write_at(0, front)?;
        spare.sync_data()?;
        self.disk.rename(NEXT, &id.name())?;
        self.disk.sync_folder()?;
        Ok(spare)
    }
}

/// When a new state has to be on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Durability {
    Now,
    WithNextSync,
}

fn check_lease(lease: &Lease) -> Result<(), RecorderError> {
    let (bytes, bytes_max) = (lease.bytes.len(), LEASE_BYTES_MAX);
    if bytes > bytes_max { Err(RecorderError::TooLarge { bytes, bytes_max }) } else { Ok(()) }
}

/// The operation behind `head`, under a new number and its first name.
fn relabel(operation: Operation, old: Identity, head: Head) -> Operation {
    let Operation { seq, hash, content, origin, is_void, .. } = operation;
    let Identity { device, incarnation, .. } = old;
    let origin = origin.unwrap_or(Origin { device, incarnation, seq, hash });
    let (seq, prev) = (head.seq + 1, head.hash);
    let hash = prev.then(seq, &content);
    Operation { seq, prev, hash, content, origin: Some(origin), is_void }
}
