//! What arrives: frames of the server, and what they do to the memory of the device.

use protocol::evidence::ClockSample;
use protocol::frame::{
    Ack, Challenge, Delta, EnrolOk, FaultCode, Frame, GoAway, HeartbeatAck, Limits, Nack,
    PROTOCOL_MAX, PROTOCOL_MIN, Resume, SnapBegin, SnapChunk, SnapEnd, StaleStore, Welcome, codec,
};
use protocol::identity::{OperationId, Seq, ServerEpoch, ServerTime};

use super::{Action, Address, DeviceCore, Moment, News};
use crate::recorder::{Acked, ChainHash, Identity, Lease, Recorder, RecorderError};
use crate::replica::{Judged, ReplicaError};
use crate::session::{self, Admission, Terms, Window};
use crate::store::StoreName;

/// Milliseconds between heartbeats, whatever the server says.
const HEARTBEAT_MS: std::ops::RangeInclusive<u32> = 100..=600_000;

impl DeviceCore {
    pub(super) fn on_message(&mut self, at: Moment, bytes: &[u8], actions: &mut Vec<Action>) {
        let limits = self.handshake.limits.unwrap_or(Limits::DEFAULT);
        let bytes_max = usize::try_from(limits.message_bytes_max).unwrap_or(usize::MAX);
        match codec::decode(bytes, bytes_max) {
            Ok((frame, body)) => {
                self.drive(at, session::Event::Heard, actions);
                self.on_frame(at, frame, body, actions);
            }
            Err(error) => self.drive(at, session::Event::BadFrame(error.fault()), actions),
        }
    }

    fn on_frame(&mut self, at: Moment, frame: Frame, body: Vec<u8>, actions: &mut Vec<Action>) {
        match frame {
            Frame::Challenge(challenge) => self.on_challenge(at, &challenge, body, actions),
            Frame::Welcome(welcome) => self.on_welcome(at, &welcome, actions),
            Frame::Retry(retry) => {
                let window = Window { min_ms: retry.after_min_ms, max_ms: retry.after_max_ms };
                self.drive(at, session::Event::RetryLater(window), actions);
            }
            Frame::StaleStore(stale) => self.on_stale_store(at, &stale, actions),
            Frame::GoAway(go_away) => self.on_go_away(at, go_away, actions),
            Frame::Bye(_) => self.drive(at, session::Event::Disconnected, actions),
            Frame::Fault(fault) => self.on_fault(at, &fault, actions),
            Frame::EnrolOk(ok) => self.on_enrol_ok(at, &ok, actions),
            Frame::Notice(notice) => self.news.push(News::Notice(notice.text)),
            Frame::ServerKey(named) => self.on_server_key(&named),
            Frame::Command(command) => self.on_command(&command, actions),
            Frame::KeyOk(ok) => self.on_key_ok(&ok.public_key, actions),
            Frame::Ack(ack) => self.on_ack(at, &ack, actions),
            Frame::Nack(nack) => self.on_nack(at, &nack, actions),
            Frame::SnapBegin(begin) => self.on_snap_begin(at, &begin, actions),
            Frame::SnapChunk(chunk) => self.on_snap_chunk(at, &chunk, actions),
            Frame::SnapEnd(end) => self.on_snap_end(at, &end, actions),
            Frame::Delta(delta) => self.on_delta(at, &delta, actions),
            Frame::Digest(digest) => self.on_digest(&digest, actions),
            Frame::Repair(repair) => self.on_repair(at, &repair, actions),
            Frame::BlobAck(ack) => self.on_blob_ack(&ack),
            Frame::Answer(answer) => self.on_answer(answer),
            Frame::HeartbeatAck(ack) => self.on_heartbeat_ack(at, &ack, actions),
            Frame::Hello(_)
            | Frame::Auth(_)
            | Frame::LeaseOk(_)
            | Frame::Witness(_)
            | Frame::RotateKey(_)
            | Frame::CommandResult(_)
            | Frame::Enrol(_)
            | Frame::Push(_)
            | Frame::Subscribe(_)
            | Frame::SnapResume(_)
            | Frame::DeltaAck(_)
            | Frame::BlobPut(_)
            | Frame::RepairRequest(_)
            | Frame::Query(_)
            | Frame::Heartbeat(_) => {
                self.drive(at, session::Event::BadFrame(FaultCode::PROTOCOL), actions);
            }
        }
    }

    fn on_challenge(
        &mut self,
        at: Moment,
        challenge: &Challenge,
        body: Vec<u8>,
        actions: &mut Vec<Action>,
    ) {
        if !(PROTOCOL_MIN..=PROTOCOL_MAX).contains(&challenge.protocol) {
            self.drive(at, session::Event::BadFrame(FaultCode::PROTOCOL), actions);
            return;
        }
        self.handshake.challenge = body;
        self.handshake.received_us = at.mono_us;
        self.handshake.epoch = challenge.epoch;
        self.handshake.capabilities = challenge.capabilities;
        self.handshake.limits = Some(challenge.limits);
        if challenge.sent_us == self.handshake.sent_us {
            // AUTH completes this sample, so the server needs no telling.
            self.take_sample(ClockSample {
                sent_us: challenge.sent_us,
                server_received: challenge.server_received.0,
                server_sent: challenge.server_sent.0,
                received_us: at.mono_us,
            });
        }
        let heartbeat_ms = challenge.heartbeat_ms.clamp(*HEARTBEAT_MS.start(), *HEARTBEAT_MS.end());
        let terms = Terms { heartbeat_ms, limits: challenge.limits };
        self.drive(at, session::Event::Challenged(terms), actions);
    }

    /// Keeps a sample; the first one of a boot goes to the disk at once.
    fn take_sample(&mut self, sample: ClockSample) -> bool {
        let is_first = !self.clock.is_sampled();
        if !self.clock.add(sample) {
            return false;
        }
        self.note_time(ServerTime(sample.server_sent));
        self.is_state_dirty = true;
        if is_first {
            self.save_state();
        }
        true
    }

    fn note_time(&mut self, time: ServerTime) {
        self.people.server_time = self.people.server_time.max(time);
    }

    fn on_welcome(&mut self, at: Moment, welcome: &Welcome, actions: &mut Vec<Action>) {
        let epoch = self.handshake.epoch;
        let Some(recorder) = self.recorder.as_mut() else { return };
        let recorded = Seq(recorder.head().seq);
        if welcome.accepted_seq > recorded {
            // The server has more of this incarnation than its device: one of the two is a copy.
            self.drive(at, session::Event::BadFrame(FaultCode::FORK), actions);
            return;
        }
        let is_restored = is_new_generation(recorder, epoch);
        let kept = keep_welcome(recorder, welcome, epoch.0);
        match kept {
            Ok(lease) => {
                self.handshake.lease = lease;
                if is_restored {
                    self.news.push(News::ServerRestored);
                }
            }
            // The next PUSH shows the server that its chain is another: it then orders a new
            // incarnation. Leaving here would only lead back here.
            Err(RecorderError::ChainMismatch { .. }) => {}
            Err(error) => {
                self.note_stopped(&error);
                self.drive(at, session::Event::RecorderFailed, actions);
                return;
            }
        }
        self.note_safe(welcome.safe_seq);
        self.note_contact(at.mono_us);
        self.place.company.clone_from(&welcome.company);
        self.place.site = Some(welcome.site.clone());
        // The server was reached: whoever was locked may try again.
        self.people.wrong_pins.clear();
        self.is_state_dirty = true;
        // A suspended device is told the same, whatever it has.
        if welcome.resume == Resume::UpToDate
            && welcome.head == self.replica.cursor()
            && let Err(error) = self.replica.confirm(epoch)
        {
            self.replica_failed(at, &error, actions);
        }
        let admission = Admission {
            accepted: welcome.accepted_seq,
            recorded,
            resume: welcome.resume,
            head: welcome.head,
            cursor: self.replica.cursor(),
        };
        self.drive(at, session::Event::Admitted(admission), actions);
        self.after_admission(actions);
    }

    fn on_stale_store(&mut self, at: Moment, stale: &StaleStore, actions: &mut Vec<Action>) {
        let Some(recorder) = self.recorder.as_mut() else { return };
        let is_restored = is_new_generation(recorder, stale.epoch);
        match re_incarnate(recorder, stale) {
            Ok(()) => {}
            Err(error) => {
                self.news
                    .push(News::Trouble(format!("the operations keep their numbers: {error}")));
                self.note_stopped(&error);
                self.drive(at, session::Event::RecorderFailed, actions);
                return;
            }
        }
        self.adopt_numbers();
        self.news.push(News::ReIncarnated);
        if is_restored {
            // Not this device was the copy.
            self.news.push(News::ServerRestored);
        }
        self.drive(at, session::Event::ReIncarnated, actions);
    }

    /// The recorder has given its operations new numbers.
    fn adopt_numbers(&mut self) {
        let Some(recorder) = &self.recorder else { return };
        match self.outbox.relabel(recorder, self.replica.marks()) {
            Ok(true) => {}
            Ok(false) => self.store_full(StoreName::Queue),
            Err(error) => {
                let what = format!("the queue could not take the new numbers over: {error}");
                self.news.push(News::Trouble(what));
            }
        }
        if let Err(error) = self.floor_marks() {
            self.news.push(News::Trouble(format!("the replica cannot be written: {error}")));
        }
        self.safe_told = Seq(0);
        self.rebuild_view();
    }

    fn on_go_away(&mut self, at: Moment, go_away: GoAway, actions: &mut Vec<Action>) {
        // Another address of the same company shows the same certificate.
        self.redirect = go_away.other_url.map(|url| {
            let pin = self.place.addresses.first().and_then(|address| address.pin);
            Address { url, pin }
        });
        let window = Window { min_ms: go_away.after_min_ms, max_ms: go_away.after_max_ms };
        self.drive(at, session::Event::ToldToGo(window), actions);
    }

    fn on_fault(&mut self, at: Moment, fault: &protocol::frame::Fault, actions: &mut Vec<Action>) {
        if fault.code == FaultCode::AUTH {
            self.on_unproven();
        }
        if fault.code == FaultCode::SNAPSHOT_GONE {
            self.is_snapshot_gone = true;
            if let Err(error) = self.replica.drop_snapshot() {
                self.replica_failed(at, &error, actions);
                return;
            }
        }
        let event =
            session::Event::Faulted { code: fault.code, retry_after_ms: fault.retry_after_ms };
        self.drive(at, event, actions);
    }

    fn on_enrol_ok(&mut self, at: Moment, ok: &EnrolOk, actions: &mut Vec<Action>) {
        let Some(invitation) = self.invitation.clone() else {
            self.drive(at, session::Event::BadFrame(FaultCode::PROTOCOL), actions);
            return;
        };
        if let Err(error) = self.become_device(ok) {
            self.news.push(News::Trouble(format!("the device cannot be set up: {error}")));
            self.note_stopped(&error);
            self.drive(at, session::Event::RecorderFailed, actions);
            return;
        }
        self.invitation = None;
        self.forget_server_key();
        let is_elsewhere = self.place.site.as_ref().is_some_and(|site| *site != ok.site)
            || (!self.place.company.is_empty() && self.place.company != ok.company);
        if is_elsewhere && let Err(error) = self.replica.set_aside() {
            self.news.push(News::Trouble(format!("old rows remain: {error}")));
        }
        self.place.company.clone_from(&ok.company);
        self.place.site = Some(ok.site.clone());
        self.place.addresses = vec![Address { url: invitation.sync_url(), pin: invitation.pin }];
        self.address_index = 0;
        self.save_state();
        self.adopt_numbers();
        self.news.push(News::Enrolled);
        self.drive(at, session::Event::Enrolled, actions);
    }

    /// Begins the recorder, or gives the one that is here its new name.
    fn become_device(&mut self, ok: &EnrolOk) -> Result<(), RecorderError> {
        let identity = Identity {
            device: ok.device.0,
            incarnation: ok.incarnation.0,
            store: self.recorder.as_ref().map_or(self.store_name, |r| r.state().identity.store),
        };
        let lease = lease_of(&ok.lease);
        if let Some(recorder) = self.recorder.as_mut() {
            let present = recorder.state().identity;
            if identity.device != present.device || identity.incarnation > present.incarnation {
                recorder.re_incarnate(identity, lease)?;
                recorder.epoch(ok.epoch.0, 0)?;
            } else if recorder.state().lease.counter == 0 {
                // The app ended between beginning the recorder and keeping its first lease.
                recorder.lease(lease)?;
                recorder.epoch(ok.epoch.0, 0)?;
            }
            // Else it is the device that it was, and its own lease is the newer one.
            return Ok(());
        }
        let disk = (self.recorder_disk.0)()
            .map_err(|source| RecorderError::Io { step: "open the folder", source })?;
        let mut recorder = Recorder::create(disk, identity, self.config.recorder.clone())?;
        recorder.lease(lease)?;
        recorder.epoch(ok.epoch.0, 0)?;
        self.recorder = Some(recorder);
        Ok(())
    }

    fn on_ack(&mut self, at: Moment, ack: &Ack, actions: &mut Vec<Action>) {
        let acked = Acked {
            seq: ack.accepted_seq.0,
            hash: ChainHash(ack.accepted_hash.0),
            chain_no: ack.chain_no.0,
            chain_head: ChainHash(ack.chain_head.0),
        };
        self.note_safe(ack.safe_seq);
        self.take_ack(at, acked, actions);
        self.drive(at, session::Event::HeartbeatAnswered(ack.head), actions);
    }

    fn take_ack(&mut self, at: Moment, acked: Acked, actions: &mut Vec<Action>) {
        let Some(recorder) = self.recorder.as_mut() else { return };
        let before = recorder.state().acked.seq;
        if !recorder.is_stopped() {
            match recorder.acked(acked) {
                Ok(()) => {}
                Err(RecorderError::ChainMismatch { .. } | RecorderError::BeyondHead { .. }) => {
                    self.drive(at, session::Event::BadFrame(FaultCode::FORK), actions);
                    return;
                }
                Err(error) => self.note_stopped(&error),
            }
        }
        if acked.seq > before {
            self.news.push(News::Acked(Seq(acked.seq)));
        }
        self.drive(at, session::Event::Acked(Seq(acked.seq)), actions);
    }

    fn on_nack(&mut self, at: Moment, nack: &Nack, actions: &mut Vec<Action>) {
        if nack.code == FaultCode::FORK {
            let event = session::Event::Faulted { code: nack.code, retry_after_ms: None };
            self.drive(at, event, actions);
        } else {
            self.drive(at, session::Event::Wanted(nack.expected), actions);
        }
    }

    fn on_snap_begin(&mut self, at: Moment, begin: &SnapBegin, actions: &mut Vec<Action>) {
        self.is_snapshot_gone = false;
        let judged = self.judged_by(begin);
        match self.replica.begin_snapshot(begin, self.handshake.epoch, judged) {
            Ok(_next) => self.after_snapshot_step(at, false, actions),
            Err(error) => self.replica_failed(at, &error, actions),
        }
    }

    /// What the cut has judged, by first names. Re-labelled operations of the present incarnation
    /// are judged under theirs, so its own number begins behind them.
    fn judged_by(&self, begin: &SnapBegin) -> Judged {
        let Some((device, present)) = self.identity() else { return Judged::default() };
        let mut judged = Judged::default();
        for (incarnation, seq) in &begin.judged {
            let mut id = OperationId { device, incarnation: *incarnation, seq: *seq };
            if *incarnation == present {
                judged.single = self.outbox.first_names_to(*seq);
                id.seq = id.seq.max(self.outbox.relabelled_to());
            }
            judged.up_to.push(id);
        }
        judged
    }

    fn on_snap_chunk(&mut self, at: Moment, chunk: &SnapChunk, actions: &mut Vec<Action>) {
        let was_ready = self.replica.is_ready();
        match self.replica.take_chunk(chunk) {
            Ok(()) => {
                let is_now_ready = self.replica.is_ready() && !was_ready;
                self.after_snapshot_step(at, is_now_ready, actions);
            }
            Err(error) => self.feed_failed(at, &error, actions),
        }
    }

    fn after_snapshot_step(&mut self, at: Moment, is_now_ready: bool, actions: &mut Vec<Action>) {
        self.news.extend(self.replica.snapshot_progress().map(News::Snapshot));
        if is_now_ready {
            self.reconcile();
            self.news.push(News::RowsChanged);
        }
        self.drive(at, session::Event::ChunkTaken, actions);
    }

    fn on_snap_end(&mut self, at: Moment, _end: &SnapEnd, actions: &mut Vec<Action>) {
        self.end_snapshot(at, actions);
    }

    pub(super) fn end_snapshot(&mut self, at: Moment, actions: &mut Vec<Action>) {
        match self.replica.end_snapshot() {
            Ok(()) => {
                self.reconcile();
                self.news.push(News::RowsChanged);
                self.send_delta_ack(actions);
                actions.push(Action::Arm(session::Timer::Chores, 0));
                let cursor = self.replica.cursor();
                self.drive(at, session::Event::Applied(cursor), actions);
            }
            Err(error) => self.feed_failed(at, &error, actions),
        }
    }

    fn on_delta(&mut self, at: Moment, delta: &Delta, actions: &mut Vec<Action>) {
        let outbox = &self.outbox;
        let first_of = |name| outbox.first_of(name);
        let applied = match self.replica.apply(delta, self.handshake.epoch, first_of) {
            Ok(applied) => applied,
            Err(error) => {
                self.feed_failed(at, &error, actions);
                return;
            }
        };
        for seq in self.outbox.take(&applied.judged) {
            self.view.remove(seq);
        }
        if applied.has_location {
            self.rebuild_view();
        }
        if applied.n_unreadable > 0 && !self.handshake.has_complained {
            self.handshake.has_complained = true;
            let what = format!("{} rows have fields that cannot be read", applied.n_unreadable);
            self.send_fault(FaultCode::APPLY, &what, actions);
            self.news.push(News::Trouble(what));
            // The server stops the feed at this fault; the rest of it can be read.
            self.drive(at, session::Event::FeedGap, actions);
        }
        if !applied.outcomes.is_empty() {
            self.news.push(News::Outcomes(applied.outcomes));
        }
        if applied.n_rows > 0 {
            self.news.push(News::RowsChanged);
        }
        self.send_delta_ack(actions);
        let cursor = self.replica.cursor();
        self.drive(at, session::Event::Applied(cursor), actions);
    }

    pub(super) fn feed_failed(
        &mut self,
        at: Moment,
        error: &ReplicaError,
        actions: &mut Vec<Action>,
    ) {
        match error {
            // What is missing had no room: asked for again, it would come again and find none. It is
            // asked for when there is room.
            ReplicaError::Gap { .. } | ReplicaError::Chunk { .. } if self.replica_waits() => {
                self.drive(at, session::Event::ReplicaFailed, actions);
            }
            ReplicaError::Gap { .. } | ReplicaError::Chunk { .. } => {
                self.drive(at, session::Event::FeedGap, actions);
            }
            ReplicaError::Store(error) => self.replica_failed(at, error, actions),
        }
    }

    fn on_heartbeat_ack(&mut self, at: Moment, ack: &HeartbeatAck, actions: &mut Vec<Action>) {
        if self.handshake.heartbeat_us == Some(ack.sent_us) {
            let sample = ClockSample {
                sent_us: ack.sent_us,
                server_received: ack.server_received.0,
                server_sent: ack.server_sent.0,
                received_us: at.mono_us,
            };
            if self.take_sample(sample) {
                self.sample_due = Some(sample);
            }
        }
        self.note_safe(ack.safe_seq);
        self.note_contact(at.mono_us);
        if let Some(acked) = self.own_ack(ack.accepted_seq) {
            self.take_ack(at, acked, actions);
        }
        self.drive(at, session::Event::HeartbeatAnswered(ack.head), actions);
    }

    /// HB_ACK names no hash, so the recorder's own stands for it: a fork would have been found by
    /// the ACK of the PUSH, or in the handshake.
    fn own_ack(&self, seq: Seq) -> Option<Acked> {
        let recorder = self.recorder.as_ref()?;
        let before = recorder.state().acked;
        if seq.0 <= before.seq {
            return None;
        }
        let hash = recorder.read(seq.0).ok()?.hash;
        Some(Acked { seq: seq.0, hash, ..before })
    }
}

fn lease_of(lease: &protocol::frame::Lease) -> Lease {
    Lease { counter: lease.counter, bytes: lease.proof.to_vec() }
}

/// Whether the server has begun a new generation since this recorder heard of it. A recorder that has
/// stopped keeps none: it would say so at each connection.
fn is_new_generation(recorder: &Recorder, epoch: ServerEpoch) -> bool {
    let known = recorder.state().epoch;
    known != 0 && known != epoch.0 && !recorder.is_stopped()
}

/// Keeps what WELCOME says; gives the counter of the lease that is on the disk now. A recorder that
/// has stopped keeps nothing, and still uploads: the server goes on with the lease of before.
fn keep_welcome(
    recorder: &mut Recorder,
    welcome: &Welcome,
    epoch: u32,
) -> Result<Option<u64>, RecorderError> {
    if recorder.is_stopped() {
        return Ok(None);
    }
    let state = recorder.state();
    if state.epoch != epoch || welcome.accepted_seq.0 < state.acked.seq {
        // A server restored from a backup: what it lost is offered again.
        recorder.epoch(epoch, welcome.accepted_seq.0)?;
    }
    recorder.acked(Acked {
        seq: welcome.accepted_seq.0,
        hash: ChainHash(welcome.accepted_hash.0),
        chain_no: welcome.chain_no.0,
        chain_head: ChainHash(welcome.chain_head.0),
    })?;
    recorder.lease(lease_of(&welcome.lease))?;
    Ok(Some(welcome.lease.counter))
}

fn re_incarnate(recorder: &mut Recorder, stale: &StaleStore) -> Result<(), RecorderError> {
    let identity = Identity { incarnation: stale.incarnation.0, ..recorder.state().identity };
    let lease = lease_of(&stale.lease);
    if recorder.state().identity.incarnation == stale.incarnation.0 {
        // It has happened already; only the answer was lost.
        recorder.lease(lease)?;
    } else {
        match recorder.re_incarnate(identity, lease.clone()) {
            Err(RecorderError::Full) if recorder.release_ballast()? => {
                recorder.re_incarnate(identity, lease)?;
            }
            other => other?,
        }
    }
    recorder.epoch(stale.epoch.0, 0)
}
