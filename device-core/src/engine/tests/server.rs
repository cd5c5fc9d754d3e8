//! A server for tests: one device's worth of the real one, small enough to be obviously right.
//!
//! It checks what a server checks (signature, lease, chain, order), posts with a stock model of its
//! own, and can post late, send snapshots, and be restored from a backup.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use protocol::digest::Sums;
use protocol::evidence::BootEvidence;
use protocol::feed::{FeedGroup, FeedRow, StockRow};
use protocol::frame::beside::{BlobAck, BlobPut, BlobState};
use protocol::frame::check::{Digest, RepairRequest, TableSum};
use protocol::frame::order::{CommandResult, RotateKey, Witness};
use protocol::frame::{
    Ack, Auth, Challenge, Delta, Enrol, EnrolOk, Fault, FaultCode, Frame, Heartbeat, HeartbeatAck,
    Hello, Lease, Limits, Nack, Push, Resume, SnapBegin, SnapChunk, SnapEnd, SnapResume,
    StaleStore, Subscribe, Welcome, auth_digest, capability, codec, push,
};
use protocol::identity::DeviceId;
use protocol::identity::{
    Hash16, Incarnation, IntakeNo, Lsn, OperationId, Seq, ServerEpoch, ServerTime, operation_hash,
};
use protocol::operation::{Body, Recorded};
use protocol::outcome::{Decision, Outcome};
use protocol::quantity::Quantity;
use protocol::words::SiteCode;
use serde_bytes::ByteBuf;

use crate::sample::{group, location_row, outcome, put, stock};
use crate::view::{Change, Effects, GoodsKey, Spot};

/// An operation as the server took it in.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) present: (Incarnation, Seq),
    pub(crate) first: OperationId,
    first_hash: Hash16,
    pub(crate) recorded: Recorded,
}

/// What a backup holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Book {
    /// Everything taken in, in order.
    pub(crate) intake: Vec<Taken>,
    /// How much of it is posted.
    pub(crate) n_posted: usize,
    pub(crate) stock: BTreeMap<GoodsKey, Quantity>,
    pub(crate) log: Vec<FeedGroup>,
    /// Chain of each incarnation.
    chains: BTreeMap<Incarnation, Vec<Hash16>>,
    /// Decisions by first name; a duplicate is not in here.
    pub(crate) decisions: BTreeMap<OperationId, Decision>,
    /// For each posted operation: decision's place, present name.
    judged: Vec<(Lsn, Incarnation, Seq)>,
    incarnation: Incarnation,
    lease_seen: u64,
    lease_pending: u64,
    has_joined: bool,
    key: Option<VerifyingKey>,
}

#[derive(Debug, Default)]
struct Conversation {
    hello: Option<(Hello, Vec<u8>)>,
    challenge: Vec<u8>,
    is_live: bool,
    /// Cursor of the feed; none before SUBSCRIBE.
    sent: Option<Lsn>,
}

#[derive(Debug)]
struct Snapshot {
    begin: SnapBegin,
    chunks: Vec<SnapChunk>,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each test sets what it is about")]
pub(crate) struct Server {
    pub(crate) book: Book,
    pub(crate) epoch: ServerEpoch,
    pub(crate) code: [u8; 16],
    /// Deltas may start here.
    pub(crate) feed_low: Lsn,
    pub(crate) now_us: i64,
    talk: Conversation,
    snapshots: BTreeMap<u64, Snapshot>,
    pub(crate) next_fault: Option<FaultCode>,
    /// Evidence that the device has told, by boot.
    pub(crate) evidence: BTreeMap<u32, BootEvidence>,
    pub(crate) n_pushes: usize,
    pub(crate) n_samples: usize,
    pub(crate) n_snapshots_sent: usize,
    pub(crate) n_chunks_sent: usize,
    pub(crate) is_compressing: bool,
    /// Refuse adjustments that take more than this away.
    pub(crate) refuse_from: i128,
    pub(crate) safe: u64,
    pub(crate) heartbeats: Vec<Heartbeat>,
    /// Photos, as far as they have come.
    pub(crate) blobs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Parts with bytes are not answered, as by a server whose disk is full.
    pub(crate) takes_no_parts: bool,
    /// Whether what arrives is in a proved backup at once.
    pub(crate) keeps_backups: bool,
    /// Operations that were taken in before each part of a photo that had bytes.
    pub(crate) blob_parts: Vec<usize>,
    /// Answers to DIGEST.
    pub(crate) requests: Vec<RepairRequest>,
    pub(crate) others: u64,
    /// Up to where the log went that each restore began with.
    forks: Vec<Lsn>,
    pub(crate) witnesses: Vec<Witness>,
    pub(crate) rotations: Vec<RotateKey>,
    pub(crate) results: Vec<CommandResult>,
    /// Another key than the known one is refused, instead of being a mistake of the test.
    pub(crate) refuses_other_keys: bool,
}

pub(crate) const DEVICE: DeviceId = DeviceId(7);

pub(crate) fn site() -> SiteCode {
    SiteCode::new("HALL").unwrap()
}

impl Book {
    pub(crate) fn incarnation_of_next_enrolment(&mut self, incarnation: Incarnation) {
        self.incarnation = incarnation;
    }

    /// No lease is too old.
    pub(crate) fn forget_leases(&mut self) {
        (self.lease_seen, self.lease_pending) = (0, 0);
    }

    /// A key that has joined keeps its leases when it joins again.
    pub(crate) fn keep_leases(&mut self) {
        self.has_joined = true;
    }
}

impl Server {
    pub(crate) fn new() -> Self {
        let mut server = Self {
            book: Book { incarnation: Incarnation(1), ..Book::default() },
            epoch: ServerEpoch(1),
            code: [9; 16],
            feed_low: Lsn(0),
            now_us: 1_700_000_000_000_000,
            talk: Conversation::default(),
            snapshots: BTreeMap::new(),
            next_fault: None,
            evidence: BTreeMap::new(),
            n_pushes: 0,
            n_samples: 0,
            n_snapshots_sent: 0,
            n_chunks_sent: 0,
            is_compressing: true,
            refuse_from: i128::MAX,
            safe: 0,
            heartbeats: Vec::new(),
            blobs: BTreeMap::new(),
            blob_parts: Vec::new(),
            takes_no_parts: false,
            keeps_backups: true,
            requests: Vec::new(),
            others: 0,
            forks: Vec::new(),
            witnesses: Vec::new(),
            rotations: Vec::new(),
            results: Vec::new(),
            refuses_other_keys: false,
        };
        server.publish(vec![put("loc", &location_row())], Vec::new());
        server
    }

    /// The device is known by this key from here on.
    pub(crate) fn take_key(&mut self, public: [u8; 32]) {
        self.book.key = Some(VerifyingKey::from_bytes(&public).unwrap());
    }

    pub(crate) fn head(&self) -> Lsn {
        self.book.log.last().map_or(Lsn(0), |group| group.lsn)
    }

    pub(crate) fn publish(
        &mut self,
        records: Vec<protocol::feed::FeedRecord>,
        outcomes: Vec<Outcome>,
    ) {
        let lsn = self.head().next();
        self.book.log.push(group(lsn.0, records, outcomes));
    }

    pub(crate) fn connected(&mut self) {
        self.talk = Conversation::default();
    }

    fn lease(counter: u64) -> Lease {
        Lease { counter, proof: ByteBuf::from(vec![u8::try_from(counter % 251).unwrap(); 16]) }
    }

    fn fault(code: FaultCode) -> Vec<Frame> {
        vec![Frame::Fault(Fault {
            code,
            retryable: true,
            retry_after_ms: None,
            detail: String::new(),
        })]
    }

    /// Answers one message.
    pub(crate) fn message(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let (frame, body) = codec::decode(bytes, 1 << 20).expect("the device sends whole frames");
        if let Some(code) = self.next_fault.take() {
            return self.encode(&Self::fault(code));
        }
        let answers = match frame {
            Frame::Enrol(enrol) => self.on_enrol(&enrol),
            Frame::Hello(hello) => self.on_hello(hello, body),
            Frame::Auth(auth) => self.on_auth(&auth),
            Frame::LeaseOk(ok) => {
                self.book.lease_seen = ok.counter;
                Vec::new()
            }
            Frame::Push(push) => {
                let max = usize::try_from(Limits::DEFAULT.push_bytes_max).unwrap();
                assert!(body.len() <= max, "PUSH has {} bytes", body.len());
                self.on_push(&push)
            }
            Frame::Subscribe(subscribe) => self.on_subscribe(subscribe),
            Frame::SnapResume(resume) => self.on_resume(resume),
            Frame::Heartbeat(heartbeat) => self.on_heartbeat(heartbeat),
            Frame::BlobPut(put) => self.on_blob_put(put),
            Frame::RepairRequest(request) => {
                self.requests.push(request);
                Vec::new()
            }
            Frame::DeltaAck(_) | Frame::Fault(_) => Vec::new(),
            Frame::Witness(seen) => {
                self.witnesses.push(seen);
                Vec::new()
            }
            Frame::RotateKey(asked) => {
                self.rotations.push(asked);
                Vec::new()
            }
            Frame::CommandResult(result) => {
                self.results.push(result);
                Vec::new()
            }
            other => panic!("a device does not send {}", other.name()),
        };
        self.encode(&answers)
    }

    fn encode(&self, frames: &[Frame]) -> Vec<Vec<u8>> {
        frames.iter().map(|frame| codec::encode(frame, self.is_compressing)).collect()
    }

    fn on_blob_put(&mut self, put: BlobPut) -> Vec<Frame> {
        let is_known = self.book.intake.iter().take(self.book.n_posted).any(|taken| {
            matches!(taken.recorded.decode_body(), Ok(Body::Attach(attach)) if attach.hash == put.hash)
        });
        let bytes = self.blobs.entry(put.hash.to_vec()).or_default();
        if !put.bytes.is_empty() {
            self.blob_parts.push(self.book.intake.len());
            if self.takes_no_parts {
                return Vec::new();
            }
        }
        if is_known && bytes.len() == usize::try_from(put.offset).unwrap() {
            bytes.extend_from_slice(&put.bytes);
        }
        let length = u32::try_from(bytes.len()).unwrap();
        let state = match (is_known, length == put.length) {
            (false, _) => BlobState::Unknown,
            (true, false) => BlobState::Wanted,
            (true, true) if self.keeps_backups => BlobState::Safe,
            (true, true) => BlobState::Complete,
        };
        vec![Frame::BlobAck(BlobAck { hash: put.hash, offset: length, state })]
    }

    /// The sums of what the device should have, as of the head.
    pub(crate) fn digest(&self) -> Digest {
        let mut sums = Sums::new();
        for record in self.records() {
            sums.add(record.table, &record.key, record.row.as_ref().unwrap());
        }
        let totals = sums.totals().into_iter();
        let tables = totals.map(|(table, sum)| TableSum { table, sum }).collect();
        Digest { lsn: self.head(), tables }
    }

    /// Every row that the device should have.
    pub(crate) fn records(&self) -> Vec<protocol::feed::FeedRecord> {
        let mut records = vec![put("loc", &location_row())];
        records.extend(self.book.stock.iter().map(|(key, units)| row(key, *units)));
        records.extend(self.other_rows());
        records
    }

    pub(crate) fn encoded(&self, frame: &Frame) -> Vec<u8> {
        codec::encode(frame, self.is_compressing)
    }

    fn on_enrol(&mut self, enrol: &Enrol) -> Vec<Frame> {
        if enrol.code[..] != self.code {
            return Self::fault(FaultCode::ENROLMENT);
        }
        let key: [u8; 32] = enrol.public_key[..].try_into().unwrap();
        let key = VerifyingKey::from_bytes(&key).unwrap();
        let mut signed = b"tallyman hsp.1 enrol\0".to_vec();
        signed.extend_from_slice(&self.code);
        let signature = Signature::from_slice(&enrol.signature).unwrap();
        key.verify(&signed, &signature).expect("ENROL is signed");
        self.book.key = Some(key);
        if !self.book.has_joined {
            (self.book.lease_seen, self.book.lease_pending) = (1, 1);
        }
        vec![Frame::EnrolOk(EnrolOk {
            device: DEVICE,
            incarnation: self.book.incarnation,
            lease: Self::lease(1),
            epoch: self.epoch,
            company: "Nordlager".to_owned(),
            site: site(),
        })]
    }

    fn on_hello(&mut self, hello: Hello, body: Vec<u8>) -> Vec<Frame> {
        assert!(body.len() < 8 << 10, "HELLO has {} bytes", body.len());
        self.note_evidence(&hello.boots);
        let challenge = Frame::Challenge(Challenge {
            protocol: 1,
            capabilities: hello.capabilities & capability::ALL,
            epoch: self.epoch,
            nonce: ByteBuf::from(vec![5; 32]),
            sent_us: hello.sent_us,
            server_received: ServerTime(self.now_us),
            server_sent: ServerTime(self.now_us),
            limits: Limits::DEFAULT,
            heartbeat_ms: 15_000,
        });
        self.talk.challenge = codec::body(&challenge);
        self.talk.hello = Some((hello, body));
        vec![challenge]
    }

    fn on_auth(&mut self, auth: &Auth) -> Vec<Frame> {
        let (hello, body) = self.talk.hello.clone().expect("HELLO comes first");
        let Some(key) = self.book.key else { return Self::fault(FaultCode::UNKNOWN_DEVICE) };
        let digest = auth_digest(&body, &self.talk.challenge);
        let signature = Signature::from_slice(&auth.signature).unwrap();
        if self.refuses_other_keys && key.verify(&digest, &signature).is_err() {
            return Self::fault(FaultCode::AUTH);
        }
        key.verify(&digest, &signature).expect("AUTH is signed over both bodies");
        self.n_samples += 1;
        if hello.incarnation > self.book.incarnation {
            // A server restored from before the store was told to begin anew.
            self.book.incarnation = hello.incarnation;
        }
        let chain = self.book.chains.get(&hello.incarnation).cloned().unwrap_or_default();
        let accepted = chain.len() as u64;
        let tail = hello.next_seq.0 - 1;
        let is_old_lease = hello.lease.counter < self.book.lease_seen.min(self.book.lease_pending);
        let is_behind = tail < accepted;
        let is_forked = tail == accepted && tail > 0 && hello.tail_hash != *chain.last().unwrap();
        if hello.incarnation < self.book.incarnation || is_old_lease || is_behind || is_forked {
            self.book.lease_pending = self.book.lease_pending.max(hello.lease.counter);
            return self.stale(hello.incarnation);
        }
        self.talk.is_live = true;
        self.book.lease_pending = self.book.lease_pending.max(hello.lease.counter) + 1;
        // A cursor of an older epoch is of this log up to where the log was restored to.
        let age = usize::try_from(self.epoch.0.saturating_sub(hello.epoch.0)).unwrap();
        let fork = self.forks.iter().rev().take(age).min().copied();
        let limit = fork.map_or(self.head(), |fork| fork.min(self.head()));
        let knows_cursor = hello.cursor <= limit;
        let resume = if hello.cursor < self.feed_low || !knows_cursor {
            Resume::Snapshot
        } else if hello.cursor == self.head() {
            Resume::UpToDate
        } else {
            Resume::Delta
        };
        vec![Frame::Welcome(Welcome {
            session: 1,
            accepted_seq: Seq(accepted),
            accepted_hash: chain.last().copied().unwrap_or_default(),
            chain_no: IntakeNo(self.book.intake.len() as u64),
            chain_head: Hash16::default(),
            safe_seq: Seq(self.safe.min(accepted)),
            lease: Self::lease(self.book.lease_pending),
            resume,
            scope_version: 1,
            company: "Nordlager".to_owned(),
            site: site(),
            head: self.head(),
            feed_low: self.feed_low,
        })]
    }

    fn stale(&mut self, above: Incarnation) -> Vec<Frame> {
        self.book.incarnation = Incarnation(self.book.incarnation.0.max(above.0) + 1);
        self.book.lease_pending += 1;
        self.book.lease_seen = self.book.lease_pending;
        vec![Frame::StaleStore(StaleStore {
            incarnation: self.book.incarnation,
            lease: Self::lease(self.book.lease_pending),
            epoch: self.epoch,
            reason: "an old copy".to_owned(),
        })]
    }

    fn note_evidence(&mut self, boots: &[BootEvidence]) {
        for evidence in boots {
            self.evidence.insert(evidence.boot.0, evidence.clone());
        }
    }

    fn on_push(&mut self, push: &Push) -> Vec<Frame> {
        assert!(self.talk.is_live, "PUSH only in session");
        self.n_pushes += 1;
        self.note_evidence(&push.boots);
        let operations = push::unpack(push).unwrap();
        assert!(operations.len() <= 512);
        let chain = self.book.chains.entry(push.incarnation).or_default();
        let base = usize::try_from(push.base_seq.0 - 1).unwrap();
        if base > chain.len() {
            let expected = Seq(chain.len() as u64 + 1);
            return vec![Frame::Nack(Nack { expected, code: FaultCode::GAP })];
        }
        let origins: BTreeMap<u32, _> = push.origins.iter().copied().collect();
        for (index, recorded) in operations.into_iter().enumerate() {
            let seq = Seq((base + index) as u64 + 1);
            let previous = if seq.0 == 1 { Hash16::default() } else { chain[base + index - 1] };
            if index == 0 && previous != push.previous_hash {
                return self.stale(push.incarnation);
            }
            let hash = operation_hash(previous, seq, &recorded.to_content());
            if base + index < chain.len() {
                assert_eq!(chain[base + index], hash, "same number, same content");
                continue;
            }
            chain.push(hash);
            let own = OperationId { device: DEVICE, incarnation: push.incarnation, seq };
            let origin = origins.get(&u32::try_from(index).unwrap());
            let (first, first_hash) = match origin {
                None => (own, hash),
                Some(origin) => {
                    let id =
                        OperationId { incarnation: origin.incarnation, seq: origin.seq, ..own };
                    let is_other = self
                        .book
                        .intake
                        .iter()
                        .any(|taken| taken.first == id && taken.first_hash != origin.hash);
                    // The number is taken by another fact: this one goes by its present name.
                    if is_other { (own, hash) } else { (id, origin.hash) }
                }
            };
            let present = (push.incarnation, seq);
            self.book.intake.push(Taken { present, first, first_hash, recorded });
        }
        vec![self.ack(push.incarnation)]
    }

    fn ack(&self, incarnation: Incarnation) -> Frame {
        let chain = self.book.chains.get(&incarnation).cloned().unwrap_or_default();
        Frame::Ack(Ack {
            accepted_seq: Seq(chain.len() as u64),
            accepted_hash: chain.last().copied().unwrap_or_default(),
            chain_no: IntakeNo(self.book.intake.len() as u64),
            chain_head: Hash16::default(),
            safe_seq: Seq(self.safe.min(chain.len() as u64)),
            head: self.head(),
        })
    }

    fn on_heartbeat(&mut self, heartbeat: Heartbeat) -> Vec<Frame> {
        self.n_samples += usize::from(heartbeat.sample.is_some());
        let incarnation = self.talk.hello.as_ref().unwrap().0.incarnation;
        let n = self.book.chains.get(&incarnation).map_or(0, Vec::len) as u64;
        let answer = HeartbeatAck {
            sent_us: heartbeat.sent_us,
            server_received: ServerTime(self.now_us),
            server_sent: ServerTime(self.now_us),
            head: self.head(),
            accepted_seq: Seq(n),
            safe_seq: Seq(self.safe.min(n)),
        };
        self.heartbeats.push(heartbeat);
        vec![Frame::HeartbeatAck(answer)]
    }

    fn on_subscribe(&mut self, subscribe: Subscribe) -> Vec<Frame> {
        match subscribe.cursor {
            Some(cursor) if cursor >= self.feed_low => {
                self.talk.sent = Some(cursor);
                self.feed().into_iter().collect()
            }
            Some(_) => Self::fault(FaultCode::CURSOR_TOO_OLD),
            None => self.send_snapshot(),
        }
    }

    /// The next DELTA, where there is something to send and somebody who asked.
    fn feed(&mut self) -> Option<Frame> {
        let from = self.talk.sent?;
        let head = self.head();
        if from >= head {
            return None;
        }
        self.talk.sent = Some(head);
        let groups = self.book.log.iter().filter(|group| group.lsn > from).cloned().collect();
        Some(Frame::Delta(Delta { from, to: head, groups }))
    }

    pub(crate) fn feed_bytes(&mut self) -> Vec<Vec<u8>> {
        let frames: Vec<Frame> = self.feed().into_iter().collect();
        self.encode(&frames)
    }

    fn send_snapshot(&mut self) -> Vec<Frame> {
        let id = self.snapshots.len() as u64 + 1 + 1_000 * u64::from(self.epoch.0);
        let records = self.records();
        let chunks: Vec<SnapChunk> = records
            .chunks(2)
            .enumerate()
            .map(|(index, rows)| SnapChunk {
                snapshot: id,
                index: u32::try_from(index).unwrap(),
                rows: rows.to_vec(),
            })
            .collect();
        let mut judged: BTreeMap<Incarnation, Seq> = BTreeMap::new();
        judged.insert(self.book.incarnation, Seq(0));
        for (_, incarnation, seq) in &self.book.judged {
            let last = judged.entry(*incarnation).or_default();
            *last = (*last).max(*seq);
        }
        let n = u32::try_from(chunks.len()).unwrap();
        let begin = SnapBegin {
            snapshot: id,
            lsn: self.head(),
            rows: records.len() as u64,
            chunks: n,
            ready_chunks: n,
            scope_version: 1,
            judged: judged.into_iter().collect(),
        };
        self.n_snapshots_sent += 1;
        self.snapshots.insert(id, Snapshot { begin: begin.clone(), chunks });
        let mut frames = vec![Frame::SnapBegin(begin)];
        frames.extend(self.rest_of(id, 0));
        frames
    }

    fn other_rows(&self) -> Vec<protocol::feed::FeedRecord> {
        (self.others > 0).then(|| self.other_row()).into_iter().collect()
    }

    fn other_row(&self) -> protocol::feed::FeedRecord {
        let units = i32::try_from(self.others).unwrap();
        put("others", &FeedRow::Stock(stock("OTHER", "WIRE", Some(units))))
    }

    /// Somebody else moves something.
    pub(crate) fn other_moves(&mut self) {
        self.others += 1;
        self.publish(vec![self.other_row()], Vec::new());
    }

    fn rest_of(&mut self, id: u64, from: u32) -> Vec<Frame> {
        let snapshot = &self.snapshots[&id];
        let from = usize::try_from(from).unwrap();
        let mut frames: Vec<Frame> =
            snapshot.chunks[from..].iter().cloned().map(Frame::SnapChunk).collect();
        self.n_chunks_sent += frames.len();
        let lsn = snapshot.begin.lsn;
        frames.push(Frame::SnapEnd(SnapEnd { snapshot: id, lsn }));
        self.talk.sent = Some(lsn);
        frames.extend(self.feed());
        frames
    }

    fn on_resume(&mut self, resume: SnapResume) -> Vec<Frame> {
        if self.snapshots.contains_key(&resume.snapshot) {
            self.rest_of(resume.snapshot, resume.next_index)
        } else {
            Self::fault(FaultCode::SNAPSHOT_GONE)
        }
    }

    pub(crate) fn forget_snapshots(&mut self) {
        self.snapshots.clear();
    }

    /// Judges the next operation; says whether there was one.
    pub(crate) fn post(&mut self) -> bool {
        let Some(taken) = self.book.intake.get(self.book.n_posted).cloned() else { return false };
        self.book.n_posted += 1;
        let lsn = self.head().next();
        let mut records = Vec::new();
        let decision = if self.book.decisions.contains_key(&taken.first) {
            Decision::Duplicate
        } else {
            let decision = self.decide(&taken.recorded);
            self.book.decisions.insert(taken.first, decision);
            if decision == Decision::Accepted {
                records = self.change_stock(&taken.recorded);
            }
            decision
        };
        self.book.judged.push((lsn, taken.present.0, taken.present.1));
        self.publish(records, vec![outcome(taken.first, lsn.0, decision)]);
        true
    }

    fn decide(&self, recorded: &Recorded) -> Decision {
        let takes = match recorded.decode_body() {
            Ok(Body::Adjust(adjust)) => adjust.goods.base.units(),
            _ => 0,
        };
        if takes >= self.refuse_from { Decision::Refused } else { Decision::Accepted }
    }

    fn change_stock(&mut self, recorded: &Recorded) -> Vec<protocol::feed::FeedRecord> {
        let Ok(body) = recorded.decode_body() else { return Vec::new() };
        let shipment = |_: &_| match location_row() {
            FeedRow::Location(row) => Some(row),
            _ => None,
        };
        let mut touched = BTreeSet::new();
        for effect in Effects::of(&body, shipment).goods {
            let sum = self.book.stock.entry(effect.key.clone()).or_default();
            *sum = match effect.change {
                Change::Add(units) => sum.checked_add(units).unwrap(),
                Change::Set(units) => units,
            };
            touched.insert(effect.key);
        }
        touched.iter().map(|key| row(key, self.book.stock[key])).collect()
    }

    /// The server is lost and restored from `backup`.
    pub(crate) fn restore(&mut self, backup: Book) {
        let key = self.book.key;
        self.book = Book { key, ..backup };
        self.epoch = ServerEpoch(self.epoch.0 + 1);
        self.forks.push(self.head());
        self.snapshots.clear();
        self.talk = Conversation::default();
    }
}

/// The row of a sum, as the server publishes it.
fn row(key: &GoodsKey, units: Quantity) -> protocol::feed::FeedRecord {
    let Spot::Loose(Some(bin)) = &key.spot else { panic!("the tests use loose goods in bins") };
    let row = StockRow { quantity: Some(units), ..stock(bin.as_str(), key.item.as_str(), Some(0)) };
    put(&format!("{bin}/{}", key.item), &FeedRow::Stock(row))
}
