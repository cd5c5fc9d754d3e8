//! The smallest device: a key, a lease, a chain. Thousands of them fit beside the server.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use device_core::engine::Address;
use device_core::transport::{PlainText, Socket, connect};
use ed25519_dalek::{Signer as _, SigningKey};
use futures_util::{SinkExt as _, StreamExt as _};
use protocol::frame::order::{RotateKey, rotation_message};
use protocol::frame::{
    Auth, Frame, Heartbeat, Hello, KeyAlgorithm, Lease, LeaseOk, OriginOf, Push, Resume,
    StaleStore, Subscribe, auth_digest, capability, codec, push,
};
use protocol::identity::{
    Boot, DeviceId, Hash16, Incarnation, Lsn, Seq, ServerEpoch, operation_hash,
};
use protocol::operation::{Body, Envelope, Recorded, SignIn, SignInMethod};
use serde_bytes::ByteBuf;
use server_core::session::lease::LeaseSecret;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::Problem;

/// How long an answer may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The key of device `n`.
pub(crate) fn key(n: u32) -> SigningKey {
    let mut secret = [7; 32];
    secret[..4].copy_from_slice(&n.to_le_bytes());
    SigningKey::from_bytes(&secret)
}

/// The secret by which the server of `folder` makes leases.
pub(crate) fn lease_secret(folder: &Path) -> Result<LeaseSecret, Problem> {
    let text = std::fs::read_to_string(folder.join("lease-secret"))?;
    let secret = server::secret::from_hex(text.trim()).ok_or("a secret in hexadecimal")?;
    Ok(LeaseSecret::new(secret))
}

/// A device.
pub(crate) struct Light {
    /// Its number.
    pub(crate) n: u32,
    key: SigningKey,
    lease: Lease,
    began: Instant,
    /// The last decision it has seen.
    pub(crate) cursor: Lsn,
    scope_version: u64,
    /// Its operations that the server has.
    pub(crate) accepted: Seq,
    recorded: Vec<(Recorded, Hash16)>,
    incarnation: Incarnation,
    /// By position, where it says that an operation was recorded first.
    origins: BTreeMap<usize, OriginOf>,
}

/// Why it is not in.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It was told when to come back, in milliseconds.
    Later(u32, u32),
    /// The connection broke, or was refused in another way.
    Broken(String),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Broken(problem.to_string())
    }
}

/// A connection that stands.
pub(crate) struct Line(pub(crate) Socket);

impl Line {
    pub(crate) async fn open(address: &Address) -> Result<Self, Refused> {
        let opened = tokio::time::timeout(PATIENCE, connect(address, PlainText::LoopbackOnly));
        match opened.await {
            Ok(Ok(socket)) => Ok(Self(socket)),
            Ok(Err(error)) => Err(Refused::Broken(error.to_string())),
            Err(_late) => Err(Refused::Broken("no connection".to_owned())),
        }
    }

    pub(crate) async fn say(&mut self, frame: &Frame) -> Result<Vec<u8>, Refused> {
        let bytes = codec::encode(frame, true);
        let sent = self.0.send(Message::Binary(bytes.into())).await;
        sent.map_err(|error| Refused::Broken(error.to_string()))?;
        Ok(codec::body(frame))
    }

    /// The next frame; a window to come back in is an error.
    pub(crate) async fn hear(&mut self) -> Result<(Frame, Vec<u8>), Refused> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.0.next()).await;
            match message {
                Ok(Some(Ok(Message::Binary(bytes)))) => {
                    let read = codec::decode(&bytes, 1 << 20);
                    let (frame, body) = read.map_err(|error| Refused::Broken(error.to_string()))?;
                    return match frame {
                        Frame::Retry(later) => {
                            Err(Refused::Later(later.after_min_ms, later.after_max_ms))
                        }
                        Frame::GoAway(later) => {
                            Err(Refused::Later(later.after_min_ms, later.after_max_ms))
                        }
                        Frame::Fault(fault) => Err(Refused::Broken(format!("{fault:?}"))),
                        Frame::Bye(bye) => Err(Refused::Broken(bye.reason)),
                        frame => Ok((frame, body)),
                    };
                }
                Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) => {
                    return Err(Refused::Broken("the connection ended".to_owned()));
                }
                Ok(Some(Ok(_other))) => {}
                Err(_late) => return Err(Refused::Broken("no answer".to_owned())),
            }
        }
    }
}

impl Light {
    /// Device `n` of a house whose leases are made with `secret`.
    pub(crate) fn new(n: u32, secret: &LeaseSecret) -> Self {
        Self {
            n,
            key: key(n),
            lease: secret.lease(DeviceId(n), Incarnation(1), 1),
            began: Instant::now(),
            cursor: Lsn(0),
            scope_version: 0,
            accepted: Seq(0),
            recorded: Vec::new(),
            incarnation: Incarnation(1),
            origins: BTreeMap::new(),
        }
    }

    fn mono_us(&self) -> u64 {
        1_000_000 + u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Operations that the server does not have.
    pub(crate) fn pending(&self) -> u64 {
        (self.recorded.len() as u64).saturating_sub(self.accepted.0)
    }

    pub(crate) fn hello(&self) -> Frame {
        let n = self.recorded.len() as u64;
        Frame::Hello(Hello {
            protocol_min: 1,
            protocol_max: 1,
            app_version: "load".to_owned(),
            capabilities: capability::ALL,
            device: DeviceId(self.n),
            incarnation: self.incarnation,
            lease: self.lease.clone(),
            epoch: ServerEpoch(1),
            next_seq: Seq(n + 1),
            tail_hash: self.recorded.last().map(|last| last.1).unwrap_or_default(),
            cursor: self.cursor,
            scope_version: self.scope_version,
            table_version: 1,
            oldest_seq: Seq(1),
            boots: Vec::new(),
            boot: Boot(1),
            sent_us: self.mono_us(),
            pending: self.pending(),
            oldest_pending_age_us: 0,
            battery: Some(80),
        })
    }

    /// Connects and is let in; says how its replica is brought up to date.
    pub(crate) async fn come_in(&mut self, address: &Address) -> Result<(Line, Resume), Refused> {
        let mut line = Line::open(address).await?;
        let hello = line.say(&self.hello()).await?;
        let (challenge, challenge_body) = line.hear().await?;
        if !matches!(challenge, Frame::Challenge(_)) {
            return Err(Refused::Broken(format!("{} for a challenge", challenge.name())));
        }
        let signature = self.key.sign(&auth_digest(&hello, &challenge_body)).to_bytes();
        let received_us = self.mono_us();
        line.say(&Frame::Auth(Auth { signature: ByteBuf::from(signature), received_us })).await?;
        let (welcome, _body) = line.hear().await?;
        if let Frame::StaleStore(stale) = welcome {
            self.begin_anew(stale);
            return Err(Refused::Broken("it was given a new incarnation".to_owned()));
        }
        let Frame::Welcome(welcome) = welcome else {
            return Err(Refused::Broken(format!("{} for a welcome", welcome.name())));
        };
        self.lease = welcome.lease;
        self.accepted = welcome.accepted_seq;
        self.scope_version = welcome.scope_version;
        if self.cursor == Lsn(0) {
            // What the snapshot would show is of no interest here.
            self.cursor = welcome.head;
        }
        line.say(&Frame::LeaseOk(LeaseOk { counter: self.lease.counter })).await?;
        Ok((line, welcome.resume))
    }

    /// Takes what it has recorded under the numbers of a new incarnation.
    fn begin_anew(&mut self, stale: StaleStore) {
        (self.incarnation, self.lease) = (stale.incarnation, stale.lease);
        self.accepted = Seq(0);
        let mut before = Hash16::default();
        for (seq, (recorded, hash)) in (1..).zip(&mut self.recorded) {
            *hash = operation_hash(before, Seq(seq), &recorded.to_content());
            before = *hash;
        }
    }

    /// Shows a lease that nobody gave: it is given a new incarnation when it comes in.
    pub(crate) fn forge_lease(&mut self) {
        self.lease.proof = ByteBuf::from(vec![0; 16]);
    }

    /// Follows the feed from its cursor on.
    pub(crate) async fn follow(&self, line: &mut Line) -> Result<(), Refused> {
        line.say(&Frame::Subscribe(Subscribe { cursor: Some(self.cursor) })).await.map(|_body| ())
    }

    /// Records a sign-in: an operation that moves nothing.
    pub(crate) fn record(&mut self) {
        self.record_body(&Body::SignIn(SignIn {
            method: SignInMethod::BadgeAndPin,
            online: false,
        }));
    }

    /// Records a sign-in that it claims to have recorded first in incarnation 1, under `seq`.
    pub(crate) fn record_of(&mut self, seq: Seq) {
        self.record();
        let hash = self.recorded.last().map(|last| last.1).unwrap_or_default();
        let origin = OriginOf { incarnation: Incarnation(1), seq, hash };
        self.origins.insert(self.recorded.len() - 1, origin);
    }

    /// Records `body`.
    pub(crate) fn record_body(&mut self, body: &Body) {
        let envelope = Envelope {
            boot: Boot(1),
            mono_us: self.mono_us(),
            cursor: self.cursor,
            epoch: ServerEpoch(1),
            operator: Some(crate::company::word(crate::company::CLERK)),
            document: None,
        };
        let recorded = Recorded::new(envelope, body);
        let before = self.recorded.last().map(|last| last.1).unwrap_or_default();
        let seq = Seq(self.recorded.len() as u64 + 1);
        let hash = operation_hash(before, seq, &recorded.to_content());
        self.recorded.push((recorded, hash));
    }

    /// Records one operation, unless one waits already.
    pub(crate) fn record_once(&mut self) {
        if self.pending() == 0 {
            self.record();
        }
    }

    /// The PUSH of what the server does not have; of everything where it has all.
    pub(crate) fn push(&self) -> Frame {
        let had = usize::try_from(self.accepted.0).unwrap_or(usize::MAX);
        let skip = if had >= self.recorded.len() { 0 } else { had };
        self.push_from(skip, usize::MAX)
    }

    /// How many operations it has recorded.
    pub(crate) fn n_recorded(&self) -> usize {
        self.recorded.len()
    }

    /// The PUSH of at most `n` operations behind the first `skip`.
    pub(crate) fn push_from(&self, skip: usize, n: usize) -> Frame {
        let operations: Vec<_> = self
            .recorded
            .iter()
            .skip(skip)
            .take(n)
            .map(|(recorded, _hash)| recorded.clone())
            .collect();
        let (columns, bodies) = push::pack(&operations);
        let previous = skip.checked_sub(1).and_then(|last| self.recorded.get(last));
        Frame::Push(Push {
            incarnation: self.incarnation,
            base_seq: Seq(skip as u64 + 1),
            previous_hash: previous.map(|one| one.1).unwrap_or_default(),
            epoch: ServerEpoch(1),
            boots: Vec::new(),
            columns,
            bodies,
            origins: self
                .origins
                .range(skip..skip.saturating_add(operations.len()))
                .filter_map(|(at, origin)| Some((u32::try_from(at - skip).ok()?, *origin)))
                .collect(),
        })
    }

    /// A change from its key `from` to its key `to`, named as it should be.
    pub(crate) fn change_of_key(&self, (from, to): (&SigningKey, &SigningKey)) -> Frame {
        let public_key = to.verifying_key().to_bytes().to_vec();
        let message = rotation_message(DeviceId(self.n), &public_key);
        Frame::RotateKey(RotateKey {
            algorithm: KeyAlgorithm::Ed25519,
            public_key: ByteBuf::from(public_key),
            by_present: ByteBuf::from(from.sign(&message).to_bytes()),
            by_new: ByteBuf::from(to.sign(&message).to_bytes()),
        })
    }

    /// Whether it proves itself by `key`.
    pub(crate) fn proves_by(&self, key: &SigningKey) -> bool {
        self.key.verifying_key() == key.verifying_key()
    }

    /// Proves itself by another key from now on.
    pub(crate) fn use_key(&mut self, key: SigningKey) {
        self.key = key;
    }

    /// Sends what the server does not have, and returns when it is acknowledged.
    pub(crate) async fn drain(&mut self, line: &mut Line) -> Result<(), Refused> {
        if self.pending() == 0 {
            return Ok(());
        }
        line.say(&self.push()).await?;
        while self.pending() > 0 {
            let (frame, _body) = line.hear().await?;
            self.note(&frame);
        }
        Ok(())
    }

    /// Learns from what the server said.
    pub(crate) fn note(&mut self, frame: &Frame) {
        match frame {
            Frame::Ack(ack) => self.accepted = self.accepted.max(ack.accepted_seq),
            Frame::Delta(delta) => self.cursor = self.cursor.max(delta.to),
            _ => {}
        }
    }

    pub(crate) fn heartbeat(&self) -> Frame {
        Frame::Heartbeat(Heartbeat {
            sent_us: self.mono_us(),
            boot: Boot(1),
            applied: self.cursor,
            pending: self.pending(),
            oldest_pending_us: None,
            battery: None,
            operator: None,
            sample: None,
            storage: None,
        })
    }
}

/// A wait within a window, in full jitter.
pub(crate) async fn wait_within(min_ms: u32, max_ms: u32) {
    let span = max_ms.saturating_sub(min_ms).max(1);
    let jitter = getrandom::u32().unwrap_or_default() % span;
    tokio::time::sleep(Duration::from_millis(u64::from(min_ms + jitter))).await;
}
