//! What a device says of its own storage: so that a loss is counted, and seen by whoever can help.

use serde::{Deserialize, Serialize};

/// How the storage of a device is at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StorageState {
    /// Nothing is wrong.
    #[default]
    Good,
    /// The reserve for a full disk is used up or cannot be made: scans still find room.
    Low,
    /// The last scan was refused for want of room.
    Full,
    /// A write or a sync failed: nothing is recorded until somebody has looked.
    Stopped,
}

/// What a device says of its storage. The counts are those since its folder was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StorageReport {
    /// How it is now.
    #[serde(rename = "s", default)]
    pub state: StorageState,
    /// Operations that storage has destroyed; a void one stands in for each.
    #[serde(rename = "l", default)]
    pub n_lost: u64,
    /// How often it returned wrong bytes that could be put right, or that nothing was lost by.
    #[serde(rename = "d", default)]
    pub n_damaged: u64,
    /// How often a store of rows or of waiting operations was set aside and built anew.
    #[serde(rename = "a", default)]
    pub n_set_aside: u64,
}

impl StorageReport {
    /// Whether there is nothing to say.
    pub fn is_good(&self) -> bool {
        *self == Self::default()
    }

    /// Whether somebody should look at the device since it said `before`.
    pub fn is_worse_than(&self, before: &Self) -> bool {
        self.state > before.state
            || self.n_lost > before.n_lost
            || self.n_damaged > before.n_damaged
            || self.n_set_aside > before.n_set_aside
    }
}
