//! Operations of devices: read once at the edge, verified against the chain, taken in.

use ledger::draft::{Changes, Draft};
use ledger::key::KeyRange;
use ledger::schema::SiteId;
use ledger::schema::book::{Intake, Origin};
use ledger::tables::{Read as _, Tables};
use protocol::evidence::BootEvidence;
use protocol::frame::push::{PushError, unpack};
use protocol::frame::{Limits, OriginOf, Push};
use protocol::identity::{
    Boot, DeviceId, Hash16, Incarnation, Lsn, OperationId, Seq, ServerEpoch, ServerTime,
    operation_hash,
};
use protocol::operation::{Body, Recorded};
use protocol::words::LocationCode;
use serde_bytes::ByteBuf;

use super::{IntakeHead, local_date, seen_at};
use crate::clock::{Boots, OperationEvidence};
use crate::identity::gap::{self, GapKey};
use crate::schema::{Link as ChainLink, Links, Stream, Streams};
use crate::session::budget::Asked;

/// A PUSH, read and hashed: pure work that connections do side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedPush {
    incarnation: Incarnation,
    base_seq: Seq,
    previous_hash: Hash16,
    epoch: ServerEpoch,
    pub(crate) boots: Vec<BootEvidence>,
    operations: Vec<PreparedOperation>,
    /// Bytes that wait for an acknowledgement.
    pub(crate) bytes: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct PreparedOperation {
    content: Vec<u8>,
    hash: Hash16,
    boot: Boot,
    mono_us: u64,
    cursor: Lsn,
    location: Option<LocationCode>,
    first: Option<OriginOf>,
}

/// Why a PUSH cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// The columns contradict each other.
    #[error(transparent)]
    Columns(#[from] PushError),
    /// More than was announced.
    #[error("more than {max} {what}")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// The limit.
        max: u32,
    },
    /// One operation is larger than was announced.
    #[error("an operation of {bytes} bytes; at most {max}")]
    Operation {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: u32,
    },
}

fn within(n: usize, max: u32) -> bool {
    u32::try_from(n).is_ok_and(|n| n <= max)
}

impl PreparedPush {
    /// About how many bytes of memory it takes.
    pub(crate) fn memory_bytes(&self) -> usize {
        let each = size_of::<PreparedOperation>();
        self.operations.len().saturating_mul(each).saturating_add(self.bytes)
    }

    /// Operations and bytes.
    pub(crate) fn cost(&self) -> Asked {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let (operations, bytes) = (count(self.operations.len()), count(self.bytes));
        Asked { operations, bytes, ..Asked::default() }
    }

    /// Reads `push`, whose body had `bytes` bytes, and hashes its operations.
    ///
    /// # Errors
    ///
    /// [`PrepareError`]; nothing of it may be used.
    pub fn new(push: &Push, bytes: usize, limits: &Limits) -> Result<Self, PrepareError> {
        if !within(push.bodies.len(), limits.push_operations_max) {
            let max = limits.push_operations_max;
            return Err(PrepareError::TooLarge { what: "operations", max });
        }
        if !within(bytes, limits.push_bytes_max) {
            let max = limits.push_bytes_max;
            return Err(PrepareError::TooLarge { what: "bytes", max });
        }
        if let Some(body) =
            push.bodies.iter().find(|body| !within(body.len(), limits.body_bytes_max))
        {
            let max = limits.body_bytes_max;
            return Err(PrepareError::Operation { bytes: body.len(), max });
        }
        let recorded = unpack(push)?;
        let mut previous = push.previous_hash;
        let mut seq = push.base_seq;
        let mut operations = Vec::with_capacity(recorded.len());
        for (position, operation) in (0_u32..).zip(&recorded) {
            let content = operation.to_content();
            let hash = operation_hash(previous, seq, &content);
            let origin = push.origins.iter().find(|(at, _origin)| *at == position);
            operations.push(PreparedOperation {
                content,
                hash,
                boot: operation.envelope.boot,
                mono_us: operation.envelope.mono_us,
                cursor: operation.envelope.cursor,
                location: location_of(operation),
                first: origin.map(|(_at, origin)| *origin),
            });
            (previous, seq) = (hash, seq.next());
        }
        Ok(Self {
            incarnation: push.incarnation,
            base_seq: push.base_seq,
            previous_hash: push.previous_hash,
            epoch: push.epoch,
            boots: push.boots.clone(),
            operations,
            bytes,
        })
    }
}

impl PreparedPush {
    /// Numbers of former incarnations that its last `n_fresh` operations, which are new, leave out
    /// and that are not known here: they are nowhere any more.
    pub(crate) fn left_out(
        &self,
        tables: &dyn Tables,
        sender: Sender,
        n_fresh: usize,
    ) -> Vec<GapKey> {
        let n_known = self.operations.len().saturating_sub(n_fresh);
        let (known, fresh) = self.operations.split_at(n_known);
        if fresh.iter().all(|operation| operation.first.is_none()) {
            return Vec::new();
        }
        let before = if let Some(operation) = known.last() {
            operation.first
        } else {
            let before = Seq(self.base_seq.0.saturating_sub(1));
            gap::origin_before(tables, sender.device, self.incarnation, before)
        };
        let origins = fresh.iter().filter_map(|operation| operation.first);
        gap::left_out(tables, (sender.device, self.incarnation), before, origins)
    }
}

impl PreparedPush {
    /// Takes every operation for a new one: a deliberate mistake.
    pub(crate) fn forget_origins(&mut self) {
        for operation in &mut self.operations {
            operation.first = None;
        }
    }

    /// Takes what was recorded under a number for what is known under it: a deliberate mistake.
    pub(crate) fn believe_numbers(&mut self, tables: &dyn Tables, device: DeviceId) {
        for origin in self.operations.iter_mut().filter_map(|operation| operation.first.as_mut()) {
            let known = tables.row::<Links>(&(device, origin.incarnation, origin.seq));
            origin.hash = known.map_or(origin.hash, |link| link.hash);
        }
    }

    /// Forgets what operators had seen: a deliberate mistake.
    pub(crate) fn forget_cursors(&mut self) {
        for operation in &mut self.operations {
            operation.cursor = Lsn(0);
        }
    }
}

/// The location that an operation names, where this build can read it.
fn location_of(operation: &Recorded) -> Option<LocationCode> {
    Some(match operation.decode_body().ok()? {
        Body::Count(body) => body.place.location,
        Body::CountBin(body) => body.location,
        Body::Receive(body) => body.to.location,
        Body::Pick(body) => body.from.location,
        Body::Ship(body) => body.from.location,
        Body::Move(body) => body.to.location,
        Body::MovePlate(body) => body.to.location,
        Body::TransferShip(body) => body.from.location,
        Body::TransferReceive(body) => body.to.location,
        Body::Adjust(body) => body.place.location,
        Body::Reclassify(body) => body.place.location,
        Body::Unidentified(body) => body.place.location,
        Body::Undo(_)
        | Body::Answer(_)
        | Body::SignIn(_)
        | Body::SignOut(_)
        | Body::Attach(_)
        | Body::Void(_) => {
            return None;
        }
    })
}

/// Who pushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sender {
    /// The device.
    pub device: DeviceId,
    /// The incarnation of its session.
    pub incarnation: Incarnation,
    /// Its site.
    pub site: SiteId,
    /// When it was enrolled: nothing of it is older.
    pub enrolled: ServerTime,
}

/// What was taken of a PUSH.
#[derive(Debug)]
pub struct Taken {
    /// The rows to make durable.
    pub changes: Changes,
    /// The stream after it.
    pub stream: Stream,
    /// Operations that are new.
    pub n_operations: usize,
}

/// Why a PUSH is not the continuation of what is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PushFault {
    /// An operation is missing before it.
    #[error("operations from {expected} on are missing")]
    Gap {
        /// The number that is wanted.
        expected: Seq,
    },
    /// Same number, other content: the device's store is an old copy, or a copy of another one.
    #[error("operation {at} is known with other content")]
    Fork {
        /// The number.
        at: Seq,
    },
    /// Numbers of another incarnation than that of the session.
    #[error("the numbers are of incarnation {0}, which is not that of this session")]
    Incarnation(Incarnation),
}

/// Verifies `push` against what `tables` know of its sender, and makes its new operations part of
/// the intake log that ends at `head`.
///
/// # Errors
///
/// [`PushFault`]; the head is where it was.
pub fn take_push(
    tables: &dyn Tables,
    head: &mut IntakeHead,
    (sender, learnt): (Sender, &[BootEvidence]),
    push: &PreparedPush,
    now: ServerTime,
) -> Result<Taken, PushFault> {
    if push.incarnation != sender.incarnation {
        return Err(PushFault::Incarnation(push.incarnation));
    }
    let key = (sender.device, sender.incarnation);
    let stream = tables.row::<Streams>(&key).map_or_else(Stream::default, |stream| *stream);
    let expected = stream.accepted.next();
    if push.base_seq > expected || push.base_seq == Seq(0) {
        return Err(PushFault::Gap { expected });
    }
    verify_chain(tables, sender, stream, push)?;
    let known = expected.0.saturating_sub(push.base_seq.0);
    let known = usize::try_from(known).unwrap_or(usize::MAX);
    let fresh = push.operations.get(known..).unwrap_or_default();
    let mut taken = Taken { changes: Changes::new(), stream, n_operations: fresh.len() };
    if !fresh.is_empty() {
        let evidence: Vec<BootEvidence> = learnt.iter().chain(&push.boots).cloned().collect();
        let mut arrival = Arrival { tables, sender, push, evidence: Some(evidence) };
        taken.stream = arrival.take(head, (stream, fresh), now, &mut taken.changes);
    }
    Ok(taken)
}

/// Compares what is known already, and the link to it.
fn verify_chain(
    tables: &dyn Tables,
    sender: Sender,
    stream: Stream,
    push: &PreparedPush,
) -> Result<(), PushFault> {
    let (device, incarnation) = (sender.device, sender.incarnation);
    let before = Seq(push.base_seq.0.saturating_sub(1));
    if before == stream.accepted {
        let fork = push.previous_hash != stream.hash;
        return if fork { Err(PushFault::Fork { at: before }) } else { Ok(()) };
    }
    // Operations that are known: those whose links were dropped by age cannot be compared. A replay
    // costs what it sends, not what its sender has ever sent.
    let n_operations = u64::try_from(push.operations.len()).unwrap_or(u64::MAX);
    let last = Seq(before.0.saturating_add(n_operations)).min(stream.accepted);
    let range =
        KeyRange::between(&(device, incarnation, before), &(device, incarnation, last.next()));
    for ((_device, _incarnation, seq), link) in tables.list::<Links>(&range) {
        let position = seq.0.checked_sub(push.base_seq.0);
        let offered = match position {
            None => Some(push.previous_hash),
            Some(position) => usize::try_from(position)
                .ok()
                .and_then(|position| push.operations.get(position))
                .map(|operation| operation.hash),
        };
        if offered.is_some_and(|offered| offered != link.hash) {
            return Err(PushFault::Fork { at: seq });
        }
    }
    Ok(())
}

struct Arrival<'a> {
    tables: &'a dyn Tables,
    sender: Sender,
    push: &'a PreparedPush,
    evidence: Option<Vec<BootEvidence>>,
}

impl Arrival<'_> {
    fn take(
        &mut self,
        head: &mut IntakeHead,
        (mut stream, fresh): (Stream, &[PreparedOperation]),
        now: ServerTime,
        changes: &mut Changes,
    ) -> Stream {
        let (device, incarnation) = (self.sender.device, self.sender.incarnation);
        let mut draft = Draft::with_budget(self.tables, u64::MAX);
        let (mut boots, moments) = self.learn(*head, fresh, now);
        for (operation, (moment, received)) in fresh.iter().zip(moments) {
            let seq = stream.accepted.next();
            let timing = boots.timing(moment, received);
            let local_date = operation
                .location
                .as_ref()
                .and_then(|location| local_date(self.tables, location, timing.tau));
            let sent_as = OperationId { device, incarnation, seq };
            // Once per arrival: a fold of the records learns it where the machine did.
            let evidence = self.evidence.take();
            let evidence = evidence.as_deref().map(encode_evidence).unwrap_or_default();
            let no = head.append(&mut draft, |link| Intake {
                origin: Origin::Device { sent_as, hash: operation.hash, first: operation.first },
                site: self.sender.site,
                received,
                timing,
                local_date,
                evidence,
                raw: ByteBuf::from(operation.content.clone()),
                previous: link.previous,
                hash: Intake::link(link.previous, link.no, received, &operation.content),
            });
            stream = Stream { accepted: seq, hash: operation.hash };
            let link = ChainLink { hash: operation.hash, intake: no };
            draft.put::<Links>(&(device, incarnation, seq), link);
        }
        draft.put::<Streams>(&(device, incarnation), stream);
        boots.write(&mut draft);
        *changes = draft.finish();
        stream
    }

    /// Everything that arrived together is learnt before anything of it is placed.
    fn learn(
        &self,
        mut head: IntakeHead,
        fresh: &[PreparedOperation],
        now: ServerTime,
    ) -> (Boots, Vec<(OperationEvidence, ServerTime)>) {
        let evidence = self.evidence.as_deref().unwrap_or_default();
        let oldest = evidence.iter().map(|evidence| evidence.boot);
        let oldest = oldest.chain(fresh.iter().map(|operation| operation.boot)).min();
        let stream = (self.sender.device, self.sender.incarnation);
        let mut boots =
            Boots::load(self.tables, stream, oldest.unwrap_or_default(), self.sender.enrolled);
        let arrived = head.next_received(now);
        for evidence in evidence {
            boots.learn(evidence, arrived);
        }
        let mut known = None;
        let mut moments = Vec::with_capacity(fresh.len());
        for operation in fresh {
            let received = head.next_received(now);
            head.received = received;
            if known.is_none_or(|(cursor, _seen)| cursor != operation.cursor) {
                let seen = seen_at(self.tables, operation.cursor, self.push.epoch);
                known = Some((operation.cursor, seen));
            }
            let moment = OperationEvidence {
                boot: operation.boot,
                mono_us: operation.mono_us,
                seen: known.and_then(|(_cursor, seen)| seen).filter(|seen| *seen < received),
            };
            boots.learn_operation(moment, received);
            moments.push((moment, received));
        }
        boots.settle();
        (boots, moments)
    }
}

/// The evidence as an intake record keeps it. Never empty: an empty field says that the record
/// arrived together with the one before it.
fn encode_evidence(evidence: &[BootEvidence]) -> ByteBuf {
    let bytes = rmp_serde::to_vec_named(evidence);
    ByteBuf::from(bytes.expect("writing to memory cannot fail, and evidence holds plain numbers"))
}
