//! What lies where: bin contents by stock key, sums per location, holds.

use protocol::identity::{CaseId, HoldId};
use protocol::quantity::Quantity;
use serde::{Deserialize, Serialize};

use crate::schema::{ItemId, LocationId, StockKey, TrackingId, VariantId, Written};

/// What lies under a stock key. The row goes when nothing is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stock {
    /// On hand, in base units; below zero only by facts of devices.
    pub quantity: Quantity,
    /// How much of it is on hold.
    pub held: Quantity,
    /// The decision that changed it last.
    pub written: Written,
}

/// Why goods are on hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Where and what.
    pub key: StockKey,
    /// How much; reduces what is available and moves nothing.
    pub quantity: Quantity,
    /// The reason code.
    pub reason: String,
    /// The case that decides about it.
    pub case: Option<CaseId>,
    /// The decision that made it.
    pub written: Written,
}

crate::tables! {
    /// Bin contents.
    Stocks = 40, "stock", StockKey => Stock;
    /// Bin contents by item.
    StocksByItem = 41, "stock_by_item", (ItemId, StockKey) => ();
    /// Item ledger quantity on hand per item, variant, location, tracking key.
    OnHand = 42, "on_hand", (ItemId, VariantId, LocationId, TrackingId) => Quantity;
    /// Holds.
    Holds = 43, "hold", HoldId => Hold;
    /// Holds by stock key.
    HoldsByStock = 44, "hold_by_stock", (StockKey, HoldId) => ();
}
