//! Devices: enrolled, and what they last said of themselves.

use ledger::key::KeyRange;
use ledger::schema::identity::{Device, DeviceState, Devices};
use ledger::tables::{Read as _, Tables};
use protocol::health::{StorageReport, StorageState};
use protocol::identity::{DeviceId, ServerTime};
use serde::Serialize;
use server_core::schema::{DeviceStorages, Statements};

use super::names::Names;

/// A device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeviceView {
    /// Its number.
    pub device: u32,
    /// What people call it.
    pub name: String,
    /// Make and model.
    pub model: String,
    /// The site it works in.
    pub site: Option<String>,
    /// `active`, `suspended` or `revoked`.
    pub state: &'static str,
    /// The newest generation of its store.
    pub incarnation: u32,
    /// Whether it is connected now.
    pub online: bool,
    /// When it was last heard.
    pub heard: Option<ServerTime>,
    /// Operations without an acknowledgement, as it said then.
    pub pending: Option<u64>,
    /// Everything it did before this instant has arrived.
    pub complete_to: Option<ServerTime>,
    /// Battery in percent, as it said then.
    pub battery: Option<u8>,
    /// What it says of its storage, where that is not only good.
    pub storage: Option<StorageReport>,
    /// When it was enrolled.
    pub enrolled: ServerTime,
    /// Declared lost at this instant.
    pub declared_lost: Option<ServerTime>,
}

/// What a device may do, in a word.
pub const fn state_word(state: DeviceState) -> &'static str {
    match state {
        DeviceState::Active => "active",
        DeviceState::Suspended => "suspended",
        DeviceState::Revoked => "revoked",
    }
}

/// What a device says of its storage, in English, without a full stop.
pub fn storage_sentence(report: &StorageReport) -> String {
    let state = match report.state {
        StorageState::Good => "it works",
        StorageState::Low => "the disk is nearly full",
        StorageState::Full => "the disk is full and scans are refused",
        StorageState::Stopped => "a write failed and nothing is recorded",
    };
    format!(
        "{state}; {} operations lost, {} times damaged, {} stores built anew",
        report.n_lost, report.n_damaged, report.n_set_aside
    )
}

fn view(tables: &dyn Tables, id: DeviceId, row: &Device, online: bool) -> DeviceView {
    let said = tables.row::<Statements>(&id);
    DeviceView {
        device: id.0,
        name: row.name.clone(),
        model: row.model.clone(),
        site: Names(tables).site(row.site),
        state: state_word(row.state),
        incarnation: row.incarnation.0,
        online,
        heard: said.as_ref().map(|said| said.at),
        pending: said.as_ref().map(|said| said.pending),
        complete_to: said.as_ref().map(|said| said.complete_to),
        battery: said.and_then(|said| said.battery),
        storage: tables.row::<DeviceStorages>(&id).map(|said| said.report),
        enrolled: row.enrolled,
        declared_lost: row.declared_lost,
    }
}

/// All devices by number; `is_online` says which are connected.
pub fn devices(tables: &dyn Tables, is_online: impl Fn(DeviceId) -> bool) -> Vec<DeviceView> {
    let rows = tables.list::<Devices>(&KeyRange::all());
    rows.into_iter().map(|(id, row)| view(tables, id, &row, is_online(id))).collect()
}

/// A device.
pub fn device(tables: &dyn Tables, id: DeviceId, online: bool) -> Option<DeviceView> {
    tables.row::<Devices>(&id).map(|row| view(tables, id, &row, online))
}
