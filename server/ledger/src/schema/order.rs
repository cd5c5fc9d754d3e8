//! Assembly and production as far as cost needs them: resources and work centers, capacity, orders.

use chrono::NaiveDate;
use protocol::quantity::Quantity;
use protocol::words::DocumentNo;
use serde::{Deserialize, Serialize};

use crate::money::{Money, UnitAmount};
use crate::schema::money::OrderRef;
use crate::schema::{EntryNo, ItemId, LocationId, Written};

/// What has capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CapacityKind {
    /// A person or a tool that assembles, in units of its own.
    Resource,
    /// A work center, in minutes.
    WorkCenter,
    /// A machine center, in minutes.
    MachineCenter,
}

impl CapacityKind {
    /// Its number in keys.
    pub const fn number(self) -> u8 {
        match self {
            Self::Resource => 1,
            Self::WorkCenter => 2,
            Self::MachineCenter => 3,
        }
    }
}

/// What a unit of capacity costs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Capacity {
    /// What people call it.
    pub name: String,
    /// Direct cost per unit: per minute of a work or machine center.
    pub direct_unit_cost: UnitAmount,
    /// Overhead in percent of the direct cost.
    pub indirect_cost_percent: Quantity,
    /// Overhead per unit.
    pub overhead_rate: UnitAmount,
    /// The least that a posting of it costs.
    pub minimum_amount: Money,
    /// General product posting group.
    pub product_group: String,
}

/// A capacity ledger entry: time used by an order. Immutable; its value is in value entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapacityEntry {
    /// What was used.
    pub kind: CapacityKind,
    /// Which one.
    pub code: String,
    /// The order.
    pub order: OrderRef,
    /// How much, in its unit; negative where it is taken back.
    pub quantity: Quantity,
    /// The date for the accounts.
    pub posting_date: NaiveDate,
    /// Done by a subcontractor.
    pub subcontracted: bool,
    /// The decision that wrote it.
    pub written: Written,
}

/// What an order used and made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OrderRow {
    /// Item ledger entries of what it used; what was taken back is not among them.
    pub consumption: Vec<EntryNo>,
    /// Item ledger entries of what it made.
    pub output: Vec<EntryNo>,
    /// Capacity ledger entries.
    pub capacity: Vec<EntryNo>,
    /// The item that it makes; 0 as long as nothing was made.
    pub item: ItemId,
    /// Nothing more is posted to it; its output is invoiced.
    pub finished: bool,
    /// It was undone.
    pub undone: bool,
    /// When it was finished.
    pub finished_on: Option<NaiveDate>,
    /// The general business posting group of its postings.
    pub business_group: String,
}

/// What a production order makes, and where: its work in process lies in the accounts of that item's group at
/// that location (COSTING 17.4). Written once: before the first posting, or by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPlace {
    /// The item that it makes; the item of its first posting where nobody said.
    pub item: ItemId,
    /// The location of its line; that of its first posting where nobody said.
    pub location: LocationId,
}

/// A line of a bill of materials, per base unit of what is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BillLine {
    /// A component, in its base unit.
    Item(ItemId, Quantity),
    /// Capacity, in its unit.
    Capacity(CapacityKind, String, Quantity),
    /// Work of a subcontractor: its work center, cost per piece.
    Subcontracted(String, UnitAmount),
}

/// What an item is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BillOfMaterials {
    /// The lines.
    pub lines: Vec<BillLine>,
}

crate::tables! {
    /// Resources, work centers, machine centers.
    Capacities = 180, "capacity", (u8, String) => Capacity;
    /// Capacity ledger entries.
    CapacityLedger = 181, "capacity_entry", EntryNo => CapacityEntry;
    /// Value entries by capacity ledger entry.
    ValuesByCapacity = 182, "value_entry_by_capacity", (EntryNo, EntryNo) => ();
    /// Orders: kind and number.
    Orders = 183, "order_cost", (u8, DocumentNo) => OrderRow;
    /// Bills of materials.
    Bills = 184, "bill_of_materials", ItemId => BillOfMaterials;
    /// Marked orders whose adjustment was refused, with the code: their marks stand, and they are tried again
    /// when something changes that may have been in the way.
    RefusedOrders = 217, "refused_order", (u8, DocumentNo) => String;
    /// Where the work in process of a production order lies: kind and number.
    OrderPlaces = 189, "order_place", (u8, DocumentNo) => OrderPlace;
}
