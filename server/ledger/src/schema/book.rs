//! The two append-only tables that are the book (intake and change), outcomes, counters, and the
//! company itself.

use chrono::NaiveDate;
use protocol::frame::OriginOf;
use protocol::identity::{Hash16, IntakeNo, Lsn, OperationId, Seq, ServerEpoch, ServerTime};
use protocol::outcome::Outcome;
use protocol::words::OperatorId;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::key::Key as _;
use crate::record::{first_member, packed};
use crate::schema::{SiteId, Written};
use crate::tables::{Table as _, Tables};

/// The company that this store belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Company {
    /// Its name.
    pub name: String,
    /// The generation of this server: rises with each restore from a backup.
    pub epoch: ServerEpoch,
    /// Goods may leave stock that is not there, at the desk too.
    pub negative_inventory_allowed: bool,
    /// After so many hours without contact, a device that had nothing unsent no longer holds the
    /// watermark.
    pub absent_after_hours: u32,
}

/// Where an operation came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// A device. `raw` is the content of a recorded operation.
    Device {
        /// The number under which this incarnation sent it.
        sent_as: OperationId,
        /// Its hash in that chain.
        hash: Hash16,
        /// Where it was recorded first, when it was re-labelled.
        first: Option<OriginOf>,
    },
    /// A person at a desk (page or API). `raw` is an encoded command.
    Desk {
        /// Who.
        user: OperatorId,
        /// The key that makes a repetition harmless.
        idempotency: Option<[u8; 16]>,
    },
    /// An import that was staged. `raw` is an encoded command.
    Import {
        /// Who started it.
        user: OperatorId,
    },
    /// The system itself (settlement, adjustment). `raw` is an encoded command.
    System,
}

/// Which evidence decided a bound of a boot's offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Bound {
    /// Nothing is known.
    None,
    /// A clock sample.
    Sample,
    /// What the operator had seen.
    Causality,
    /// The boot before or after.
    BootOrder,
    /// The arrival of the operation.
    Receipt,
}

/// When an operation was done, as far as is known at intake. Never improved afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// The order key: the middle of the interval.
    pub tau: ServerTime,
    /// Half its width in microseconds.
    pub epsilon_us: u64,
    /// The boot was not bracketed: nothing is promised but that counts beside it are recounted.
    pub uncertain: bool,
    /// What decided the lower bound of the offset.
    pub lower: Bound,
    /// What decided the upper bound.
    pub upper: Bound,
}

impl Timing {
    /// A desk or system act: exactly when it was received.
    pub const fn exact(at: ServerTime) -> Self {
        let (lower, upper) = (Bound::Receipt, Bound::Receipt);
        Self { tau: at, epsilon_us: 0, uncertain: false, lower, upper }
    }
}

/// An accepted operation, raw. Durable before it is acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intake {
    /// Where it came in.
    pub origin: Origin,
    /// The site of the device; 0 for the server.
    pub site: SiteId,
    /// When it was received. Strictly increases with the number.
    pub received: ServerTime,
    /// When it was done. The evidence behind it is kept in `evidence`.
    pub timing: Timing,
    /// The local date of `timing.tau` at the location that it names, where one could be read.
    pub local_date: Option<NaiveDate>,
    /// The clock evidence that `timing` was computed from, as a MessagePack list of boot evidence.
    pub evidence: ByteBuf,
    /// The bytes: content of a recorded operation, or an encoded command.
    pub raw: ByteBuf,
    /// Hash of the record before it.
    pub previous: Hash16,
    /// `chained(previous, number, raw, received)`.
    pub hash: Hash16,
}

impl Intake {
    /// The link of the intake chain for record `no`.
    pub fn link(previous: Hash16, no: IntakeNo, received: ServerTime, raw: &[u8]) -> Hash16 {
        protocol::identity::chained(&[
            &previous.0,
            &no.0.to_le_bytes(),
            &received.0.to_le_bytes(),
            raw,
        ])
    }

    /// The identity of the operation: where it was recorded first, or for the server its number.
    pub fn identity(&self, no: IntakeNo) -> OperationId {
        match &self.origin {
            Origin::Device { sent_as, first, .. } => first.map_or(*sent_as, |first| OperationId {
                device: sent_as.device,
                incarnation: first.incarnation,
                seq: first.seq,
            }),
            Origin::Desk { .. } | Origin::Import { .. } | Origin::System => {
                OperationId { seq: Seq(no.0), ..OperationId::default() }
            }
        }
    }
}

/// One row of a change: the table, the key, the record (none: deleted) and the sites whose feeds
/// show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedRow {
    /// The table's number.
    pub table: u8,
    /// The key.
    pub key: ByteBuf,
    /// The record as stored; none: deleted.
    pub record: Option<ByteBuf>,
    /// The sites that see it.
    pub sites: Vec<SiteId>,
}

/// One decision: everything it changed. The book; every other table is the sum of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its server time. Strictly increases with the Lsn and lies after the receive time of the
    /// operation.
    pub time: ServerTime,
    /// The operation it decided.
    pub intake: IntakeNo,
    /// The rows.
    pub rows: Vec<ChangedRow>,
    /// Hash of the record before it.
    pub previous: Hash16,
    /// `chained(previous, lsn, rows …)`.
    pub hash: Hash16,
}

impl Change {
    /// The time of decision `lsn`, without reading what it changed.
    pub fn time_of(tables: &(impl Tables + ?Sized), lsn: Lsn) -> Option<ServerTime> {
        first_member(tables.get(ChangesTable::ID, &lsn.to_bytes())?.bytes())
    }
}

/// The current outcome of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeRow {
    /// The outcome.
    #[serde(with = "packed")]
    pub outcome: Outcome,
    /// The number of its intake record.
    pub intake: IntakeNo,
    /// The site whose feed carries it; 0 for none.
    pub site: SiteId,
    /// Hash of the operation's content where a device recorded it: the same number with other
    /// content is another fact.
    pub hash: Hash16,
    /// Its kind, for lists.
    pub kind: String,
    /// Who did it.
    pub operator: Option<OperatorId>,
}

/// How far the poster has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Head {
    /// The last decision.
    pub lsn: Lsn,
    /// Its time.
    pub time: ServerTime,
    /// The last operation that was judged.
    pub intake: IntakeNo,
    /// Hash of the last change record.
    pub hash: Hash16,
}

/// Number of an import: drawn by who begins it.
pub type ImportNo = [u8; 16];

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImportState {
    /// Parts are brought in; nobody sees anything of it.
    Staging,
    /// Everything of it was done, by one decision.
    Activated,
    /// It was given up, and nothing of it was done.
    Dropped,
}

/// An import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportRow {
    /// How far it is.
    pub state: ImportState,
    /// Who began it; none: the system.
    pub by: Option<OperatorId>,
    /// Parts that were staged.
    pub parts: u32,
    /// Commands in them.
    pub commands: u64,
    /// What they say.
    pub digest: Hash16,
    /// When something was done about it last.
    pub last: ServerTime,
}

/// A part of an import that waits for its activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedPart {
    /// The intake record that brought it.
    pub intake: IntakeNo,
}

crate::tables! {
    /// The one company of this store, under `()`.
    Companies = 1, "company", () => Company;
    /// Last number given, by [`crate::schema::Counter`].
    Counters = 2, "counter", u8 => u64;
    /// Raw operations in order of acceptance. Not part of change records.
    Intakes = 3, "intake", IntakeNo => Intake;
    /// Decisions in order. Not part of change records.
    ChangesTable = 4, "change", Lsn => Change;
    /// Current outcome of each operation.
    Outcomes = 5, "outcome", OperationId => OutcomeRow;
    /// Outcomes that were restated, under the revision that they were. A store of an earlier release
    /// has the current one here too.
    OutcomeRevisions = 6, "outcome_revision", (OperationId, u32) => OutcomeRow;
    /// Operations by the time of the act, newest last: the register of operations.
    OperationsByTime = 7, "operation_by_time", (ServerTime, OperationId) => Written;
    /// How far the poster has come, under `()`. Not part of change records.
    Heads = 8, "head", () => Head;
    /// Desk operations by idempotency key.
    Idempotency = 9, "idempotency", [u8; 16] => OperationId;
    /// Imports, by their number.
    Imports = 97, "import", ImportNo => ImportRow;
    /// What imports have staged, by import and part.
    StagedParts = 98, "staged_part", (ImportNo, u32) => StagedPart;
    /// Facts whose first number was used for another fact, by that number and the hash under it: the
    /// name under which each was judged.
    Forks = 99, "fork", (OperationId, [u8; 16]) => OperationId;
}
