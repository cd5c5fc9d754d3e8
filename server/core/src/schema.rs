//! The machine's own tables, beside those of the ledger.
//!
//! | tables | come from |
//! |---|---|
//! | streams, links, boot clocks, command keys | a fold of the intake records |
//! | feed index | a fold of the change records |
//! | epochs, restorations, gaps, keys, orders, sign-in terms, API tokens | change records, like every table of the ledger |
//! | leases, statements, storage reports, photos, safe point, feed floor | the conversation; no part of the book |

use protocol::evidence::ClockSample;
use protocol::frame::KeyAlgorithm;
use protocol::frame::order::Order;
use protocol::health::StorageReport;
use protocol::identity::{
    Boot, DeviceId, Hash16, Incarnation, IntakeNo, Lsn, Seq, ServerEpoch, ServerTime,
};
use protocol::words::OperatorId;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use ledger::schema::SiteId;
use ledger::schema::identity::DeskSessions;
use ledger::tables::{Table as _, TableId};

/// How far one incarnation of a device has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stream {
    /// Last operation that was taken in.
    pub accepted: Seq,
    /// Its hash.
    pub hash: Hash16,
}

/// A link of a device's hash chain, retained so that "same number, other content" is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The hash of the operation.
    pub hash: Hash16,
    /// Its intake record.
    pub intake: IntakeNo,
}

/// The leases of one incarnation of a device (SYNC 2.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LeaseRow {
    /// The newest counter that the device has shown.
    pub seen: u64,
    /// The counter that was offered and not yet shown.
    pub offered: Option<u64>,
}

/// Something known to have happened at an instant of a boot's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// Server time.
    pub at: ServerTime,
    /// Monotonic microseconds of the boot.
    pub mono_us: u64,
}

/// What is known of the clock of one boot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BootClock {
    /// First, last, and the best eight samples.
    pub samples: Vec<ClockSample>,
    /// Monotonic microseconds of the last thing known to have happened in it.
    pub last_us: u64,
    /// The tightest causality: an operation at `mono_us` came after `at`.
    pub seen: Option<Anchor>,
    /// The tightest receipt: something of `mono_us` had arrived by `at`.
    pub received: Option<Anchor>,
    /// The boot did not start before this instant: the end of the boots before it.
    pub not_before: Option<ServerTime>,
    /// The order key of the last operation of this boot.
    pub last_tau: Option<ServerTime>,
}

/// What a device said of itself when it was last heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// When it was last heard.
    pub at: ServerTime,
    /// Operations without an acknowledgement.
    pub pending: u64,
    /// Everything it did before this instant has arrived: its part of the watermark.
    pub complete_to: ServerTime,
    /// Battery in percent.
    pub battery: Option<u8>,
}

/// What a device last said of its storage, while that is not only good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeviceStorage {
    /// When it said so for the first time.
    pub at: ServerTime,
    /// What.
    pub report: StorageReport,
}

/// How far a photo has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BlobRow {
    /// Its length.
    pub length: u32,
    /// Bytes that are here, from its beginning.
    pub received: u32,
    /// Whether it is in a proved backup.
    pub is_safe: bool,
}

/// What no failure of this server can take away any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SafePoint {
    /// Intake records up to here are in a verified backup or on a second server.
    pub intake: IntakeNo,
    /// Since when.
    pub at: ServerTime,
}

/// A generation that began with a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restoration {
    /// The last decision of the backup.
    pub fork: Lsn,
    /// The operation that began the generation: what devices offer again comes after it.
    pub intake: IntakeNo,
    /// When it began.
    pub at: ServerTime,
    /// When the last record of the backup was received.
    pub backup_at: Option<ServerTime>,
    /// How far the lost log went, as far as devices have seen it.
    pub lost_to: Option<IntakeNo>,
}

/// Operations that were acknowledged once and are nowhere any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The last missing number.
    pub to: Seq,
    /// When it was noticed.
    pub noticed: ServerTime,
    /// Declared lost, by whom and when.
    pub declared: Option<Declared>,
}

/// Somebody declared something lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// When.
    pub at: ServerTime,
    /// Who.
    pub by: OperatorId,
}

/// The key of a device before the present one: good for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousKey {
    /// Its kind.
    pub algorithm: KeyAlgorithm,
    /// Its public half.
    pub public_key: ByteBuf,
    /// Until when.
    pub until: ServerTime,
}

/// An order to a device; a later one takes its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRow {
    /// Its number: that of its intake record.
    pub id: u64,
    /// What.
    pub order: Order,
    /// Not to be done after this instant.
    pub expires: ServerTime,
    /// Who gave it.
    pub by: OperatorId,
    /// When it was given.
    pub at: ServerTime,
    /// When the device said that it is done.
    pub done: Option<ServerTime>,
    /// Operations that went with it and were never uploaded.
    pub n_lost: u64,
}

/// A first replica that is kept, so that a device goes on with it where it was, whatever became of the
/// server meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptSnapshot {
    /// The last operation that was judged at its cut.
    pub intake: IntakeNo,
    /// When it was made.
    pub time: ServerTime,
    /// Version of the site's scope.
    pub scope_version: u64,
    /// Rows.
    pub rows: u64,
    /// A device can work after so many chunks.
    pub ready_chunks: u32,
    /// Chunks.
    pub n_chunks: u32,
}

/// An object of a site's feed that a decision touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedIndexRow {
    /// The ledger's table.
    pub table: u8,
    /// The key in it.
    pub key: ByteBuf,
}

/// A key by which a program acts for a person, within its scopes and the rights of the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiToken {
    /// What people call it.
    pub name: String,
    /// For whom it acts.
    pub user: OperatorId,
    /// What it may be used for: words of the skin.
    pub scopes: Vec<String>,
    /// Who made it.
    pub by: OperatorId,
    /// When it was made.
    pub made: ServerTime,
    /// Until when it works; none: until it is revoked.
    pub expires: Option<ServerTime>,
    /// When it was revoked.
    pub revoked: Option<ServerTime>,
}

ledger::tables! {
    /// How far each incarnation has come.
    Streams = 100, "stream", (DeviceId, Incarnation) => Stream;
    /// The retained hash chains.
    Links = 101, "stream_link", (DeviceId, Incarnation, Seq) => Link;
    /// Leases.
    Leases = 102, "lease", (DeviceId, Incarnation) => LeaseRow;
    /// Clocks of boots.
    BootClocks = 103, "boot_clock", (DeviceId, Incarnation, Boot) => BootClock;
    /// What devices last said of themselves.
    Statements = 104, "device_statement", DeviceId => Statement;
    /// What is safe, under `()`.
    SafePoints = 105, "safe_point", () => SafePoint;
    /// Commands by the key that makes a repetition harmless.
    CommandKeys = 106, "command_key", [u8; 16] => IntakeNo;
    /// The feed starts after this decision, under `()`.
    FeedFloors = 107, "feed_floor", () => Lsn;
    /// The last decision before each generation of the server began.
    Epochs = 108, "epoch", ServerEpoch => Lsn;
    /// Until when people may sign in on devices without the server, under `()`.
    SignInTerms = 109, "sign_in_term", () => ServerTime;
    /// Generations that began with a backup.
    Restorations = 110, "restoration", ServerEpoch => Restoration;
    /// Missing operations, by device, incarnation and first number.
    Gaps = 111, "gap", (DeviceId, Incarnation, Seq) => Gap;
    /// The keys of devices before their present ones.
    PreviousKeys = 112, "previous_key", DeviceId => PreviousKey;
    /// The last order to each device.
    Orders = 113, "order", DeviceId => OrderRow;
    /// Keys of programs, by the SHA-256 of the key.
    ApiTokens = 114, "api_token", [u8; 32] => ApiToken;
    /// What devices last said of their storage.
    DeviceStorages = 230, "device_storage", DeviceId => DeviceStorage;
    /// Photos and signatures, by SHA-256.
    Blobs = 231, "blob", [u8; 32] => BlobRow;
    /// Their bytes, by offset.
    BlobParts = 232, "blob_part", ([u8; 32], u32) => ByteBuf;
    /// First replicas that are kept.
    KeptSnapshots = 233, "kept_snapshot", (SiteId, Lsn) => KeptSnapshot;
    /// Their chunks, as they are sent.
    SnapshotChunks = 234, "snapshot_chunk", (SiteId, Lsn, u32) => ByteBuf;
    /// What each site's feed shows, in order of decisions; site 0 stands for all sites.
    FeedIndex = 120, "feed_index", (SiteId, Lsn, u32) => FeedIndexRow;
}

/// The tables of the conversation and of what lies beside the operations: no part of the book, so that no rebuild has them. All others
/// follow from intake and change records, byte for byte; of the feed index, what lies above its
/// floor.
pub const APART: &[TableId] = &[
    Leases::ID,
    Statements::ID,
    SafePoints::ID,
    FeedFloors::ID,
    DeskSessions::ID,
    DeviceStorages::ID,
    Blobs::ID,
    BlobParts::ID,
    KeptSnapshots::ID,
    SnapshotChunks::ID,
];

/// Numbers and names of all tables of a company's store.
pub fn all_tables() -> Vec<(TableId, &'static str)> {
    let mut tables = ledger::schema::all_tables();
    tables.extend_from_slice(TABLES);
    tables
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn no_table_shares_a_number_with_one_of_the_ledger() {
        let tables = super::all_tables();
        let numbers: BTreeSet<_> = tables.iter().map(|table| table.0).collect();
        let names: BTreeSet<_> = tables.iter().map(|table| table.1).collect();
        assert_eq!((numbers.len(), names.len()), (tables.len(), tables.len()));
    }
}
