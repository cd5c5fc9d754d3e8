//! What there is: the rows of a company, table by table.
//!
//! Mutable state lies apart from immutable entries: an entry never changes. Codes are interned to
//! numbers in keys, so keys stay short and a bin can be renamed. Quantities are in base units.
//!
//! Never here: what rows mean for each other; that is for the modules that post.

pub mod attachment;
pub mod book;
pub mod case;
pub mod count;
pub mod dimension;
pub mod document;
pub mod entry;
pub mod gl;
pub mod identity;
pub mod item;
pub mod money;
pub mod order;
pub mod place;
pub mod posted;
pub mod stock;
pub mod tracking;

use protocol::identity::{DeviceId, Incarnation, Lsn, OperationId, Seq, ServerTime};

use crate::tables::TableId;

crate::key_number! {
    /// An item.
    pub struct ItemId(u32);
    /// A variant; 0 for none.
    pub struct VariantId(u32);
    /// A unit of measure; 0 for the item's base unit.
    pub struct UnitId(u32);
    /// A location.
    pub struct LocationId(u32);
    /// A bin; 0 at locations without bins.
    pub struct BinId(u32);
    /// A site.
    pub struct SiteId(u32);
    /// A tracking key of an item; 0 for none.
    pub struct TrackingId(u64);
    /// A licence plate; 0 for loose goods.
    pub struct PlateId(u64);
    /// An entry of any ledger; each ledger numbers its own, from 1.
    pub struct EntryNo(u64);
    /// A register: the warehouse entries of one posting.
    pub struct RegisterNo(u64);
}

crate::key_struct! {
    /// The order key: a total order of all acts, without ties (SYNC 4.1).
    pub struct OrderKey {
        /// When it was done, in server time.
        pub tau: ServerTime,
        /// Who recorded it; 0 for the server.
        pub device: DeviceId,
        /// In which incarnation.
        pub incarnation: Incarnation,
        /// Under which number; for the server the IntakeNo.
        pub seq: Seq,
        /// Which part of the operation, from 0.
        pub leg: u8,
    }

    /// The stock key: what quantities are kept for.
    pub struct StockKey {
        /// The location.
        pub location: LocationId,
        /// The bin.
        pub bin: BinId,
        /// The licence plate, or none.
        pub plate: PlateId,
        /// The item.
        pub item: ItemId,
        /// The variant, or none.
        pub variant: VariantId,
        /// The unit at directed locations, elsewhere 0.
        pub unit: UnitId,
        /// Lot, serial, package, or none.
        pub tracking: TrackingId,
    }
}

impl OrderKey {
    /// The place of the first leg of `operation`, done at `tau`.
    pub const fn new(tau: ServerTime, operation: OperationId) -> Self {
        Self {
            tau,
            device: operation.device,
            incarnation: operation.incarnation,
            seq: operation.seq,
            leg: 0,
        }
    }

    /// The operation that this act is part of.
    pub const fn operation(&self) -> OperationId {
        OperationId { device: self.device, incarnation: self.incarnation, seq: self.seq }
    }

    /// The place of another leg of the same operation.
    #[must_use]
    pub const fn with_leg(self, leg: u8) -> Self {
        Self { leg, ..self }
    }
}

/// Where a row comes from: the decision that wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Written {
    /// The decision.
    pub lsn: Lsn,
    /// The operation it judged.
    pub operation: OperationId,
}

/// Kinds of numbers that the ledger gives out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Counter {
    /// [`ItemId`].
    Item = 1,
    /// [`VariantId`].
    Variant = 2,
    /// [`UnitId`].
    Unit = 3,
    /// [`LocationId`].
    Location = 4,
    /// [`BinId`].
    Bin = 5,
    /// [`SiteId`].
    Site = 6,
    /// [`TrackingId`].
    Tracking = 7,
    /// [`PlateId`].
    Plate = 8,
    /// Item ledger entries.
    ItemLedgerEntry = 9,
    /// Item application entries.
    ItemApplication = 10,
    /// Warehouse entries.
    WarehouseEntry = 11,
    /// [`RegisterNo`].
    Register = 12,
    /// Cases.
    Case = 13,
    /// Tasks.
    Task = 14,
    /// Holds.
    Hold = 15,
    /// Devices.
    Device = 16,
    /// Plate numbers of our own, issued when two contents claim one number.
    PlateNumber = 17,
    /// Value entries.
    ValueEntry = 18,
    /// Document numbers that the system gives (provisional transfers).
    SystemDocument = 19,
    /// Capacity ledger entries.
    CapacityEntry = 20,
    /// General ledger entries.
    GeneralLedgerEntry = 21,
    /// General ledger registers.
    GeneralLedgerRegister = 22,
    /// Runs of cost adjustment.
    AdjustmentRun = 23,
    /// Dimension sets.
    DimensionSet = 24,
    /// Runs that post to the general ledger.
    GeneralLedgerRun = 40,
}

impl Counter {
    /// The key of the counter.
    pub const fn number(self) -> u8 {
        match self {
            Self::Item => 1,
            Self::Variant => 2,
            Self::Unit => 3,
            Self::Location => 4,
            Self::Bin => 5,
            Self::Site => 6,
            Self::Tracking => 7,
            Self::Plate => 8,
            Self::ItemLedgerEntry => 9,
            Self::ItemApplication => 10,
            Self::WarehouseEntry => 11,
            Self::Register => 12,
            Self::Case => 13,
            Self::Task => 14,
            Self::Hold => 15,
            Self::Device => 16,
            Self::PlateNumber => 17,
            Self::ValueEntry => 18,
            Self::SystemDocument => 19,
            Self::CapacityEntry => 20,
            Self::GeneralLedgerEntry => 21,
            Self::GeneralLedgerRegister => 22,
            Self::AdjustmentRun => 23,
            Self::DimensionSet => 24,
            Self::GeneralLedgerRun => 40,
        }
    }
}

/// The next number of `counter`, from 1; the draft remembers that it was given.
pub fn next_number(draft: &mut crate::draft::Draft<'_>, counter: Counter) -> u64 {
    use crate::tables::Read as _;
    let next =
        draft.row::<book::Counters>(&counter.number()).map_or(0, |last| *last).saturating_add(1);
    draft.put::<book::Counters>(&counter.number(), next);
    next
}

/// Every table of the ledger: number and name, in order of the modules.
pub fn all_tables() -> Vec<(TableId, &'static str)> {
    [
        book::TABLES,
        item::TABLES,
        place::TABLES,
        tracking::TABLES,
        stock::TABLES,
        entry::TABLES,
        count::TABLES,
        document::TABLES,
        case::TABLES,
        identity::TABLES,
        money::TABLES,
        order::TABLES,
        posted::TABLES,
        gl::TABLES,
        attachment::TABLES,
        dimension::TABLES,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn no_two_tables_share_a_number_or_a_name() {
        let tables = super::all_tables();
        let numbers: BTreeSet<_> = tables.iter().map(|table| table.0).collect();
        let names: BTreeSet<_> = tables.iter().map(|table| table.1).collect();
        assert_eq!((numbers.len(), names.len()), (tables.len(), tables.len()));
    }
}
