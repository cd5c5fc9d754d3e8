//! What came back after the company was restored from a backup, and what never will.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use ledger::key::KeyRange;
use ledger::schema::book::{Intake, Intakes, Origin};
use ledger::schema::identity::{DeviceState, Devices};
use ledger::tables::{Read as _, Tables, each_of};
use protocol::identity::{DeviceId, Incarnation, IntakeNo, Lsn, Seq, ServerEpoch, ServerTime};
use protocol::words::OperatorId;
use serde::Serialize;
use server_core::identity::gap::{self, GapKey};
use server_core::schema::{Gap, Restoration, Restorations, Statements};

/// Operations after a restore that are looked at: what devices bring back comes first.
const EXAMINED_MAX: u64 = 100_000;

/// A generation that began with a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecoveryView {
    /// The generation.
    pub epoch: ServerEpoch,
    /// When it began.
    pub at: ServerTime,
    /// The last decision of the backup.
    pub fork: Lsn,
    /// When the last record of the backup was received.
    pub backup_at: Option<ServerTime>,
    /// How far the lost log went, as far as devices have seen it.
    pub lost_to: Option<IntakeNo>,
    /// Operations done before the restore that came in after it.
    pub n_regained: u64,
    /// Each device that was known then.
    pub devices: Vec<ReturnView>,
}

/// A device after a restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReturnView {
    /// The device.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// When it was heard last after the restore; none: it is awaited.
    pub heard: Option<ServerTime>,
    /// Operations that it brought back.
    pub n_regained: u64,
}

/// All generations that began with a backup, the newest first.
pub fn recoveries(view: &dyn Tables) -> Vec<RecoveryView> {
    let rows = view.list::<Restorations>(&KeyRange::all());
    rows.into_iter().rev().map(|(epoch, row)| recovery(view, epoch, &row)).collect()
}

fn recovery(view: &dyn Tables, epoch: ServerEpoch, restored: &Restoration) -> RecoveryView {
    let regained = regained(view, restored);
    let devices = view.list::<Devices>(&KeyRange::all()).into_iter();
    let devices = devices.filter(|(_id, device)| {
        device.state != DeviceState::Revoked && device.enrolled <= restored.at
    });
    RecoveryView {
        epoch,
        at: restored.at,
        fork: restored.fork,
        backup_at: restored.backup_at,
        lost_to: restored.lost_to,
        n_regained: regained.values().sum(),
        devices: devices
            .map(|(id, device)| ReturnView {
                device: id,
                name: device.name.clone(),
                heard: view
                    .row::<Statements>(&id)
                    .map(|said| said.at)
                    .filter(|heard| *heard > restored.at),
                n_regained: regained.get(&id).copied().unwrap_or(0),
            })
            .collect(),
    }
}

/// Operations of each device that were done before the restore and came in after it.
fn regained(view: &dyn Tables, restored: &Restoration) -> BTreeMap<DeviceId, u64> {
    let mut regained = BTreeMap::new();
    let last = IntakeNo(restored.intake.0.saturating_add(EXAMINED_MAX));
    let range = KeyRange::between(&restored.intake, &last);
    each_of::<Intakes>(view, &range, false, &mut |_no, intake: Arc<Intake>| {
        if let Origin::Device { sent_as, .. } = &intake.origin
            && intake.timing.tau <= restored.at
        {
            let n: &mut u64 = regained.entry(sent_as.device).or_default();
            *n += 1;
        }
        ControlFlow::Continue(())
    });
    regained
}

/// Operations that were acknowledged once and are neither here nor on their device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GapView {
    /// The device.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// The incarnation whose numbers are missing.
    pub incarnation: Incarnation,
    /// The first missing number.
    pub from: Seq,
    /// The last missing number.
    pub to: Seq,
    /// When it was noticed.
    pub noticed: ServerTime,
    /// How many of them turned up after all.
    pub n_found: u64,
    /// When it was declared lost.
    pub declared: Option<ServerTime>,
    /// By whom.
    pub by: Option<OperatorId>,
}

impl GapView {
    /// Whether somebody has to decide.
    pub fn is_open(&self) -> bool {
        let missing = self.to.0.saturating_sub(self.from.0).saturating_add(1);
        self.declared.is_none() && self.n_found < missing
    }
}

/// All gaps.
pub fn gaps(view: &dyn Tables) -> Vec<GapView> {
    let gaps = gap::gaps(view).into_iter();
    gaps.map(|(key, row): (GapKey, Gap)| GapView {
        device: key.device,
        name: view.row::<Devices>(&key.device).map(|row| row.name.clone()).unwrap_or_default(),
        incarnation: key.incarnation,
        from: key.from,
        to: key.to,
        noticed: row.noticed,
        n_found: gap::n_found(view, key),
        declared: row.declared.as_ref().map(|declared| declared.at),
        by: row.declared.map(|declared| declared.by),
    })
    .collect()
}
