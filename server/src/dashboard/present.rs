//! What is known of the devices at this moment: their connections, what they last said, their
//! clocks.

use std::collections::BTreeMap;

use ledger::key::KeyRange;
use ledger::schema::book::{Intakes, Outcomes};
use ledger::schema::identity::{Devices, Incarnations};
use ledger::tables::{Read as _, Tables};
use protocol::evidence::{BootEvidence, ClockSample};
use protocol::identity::{DeviceId, OperationId};
use protocol::words::OperatorId;
use server_core::schema::{BootClocks, DeviceStorages, Statements};

use super::context::{DeviceNow, DevicesNow};
use crate::runtime::Said;

/// All devices, as they last were. `online` are those that are connected, in order; `said_of` is what
/// devices last said of themselves.
pub fn devices_now(
    view: &dyn Tables,
    online: &[DeviceId],
    said_of: &BTreeMap<DeviceId, Said>,
) -> DevicesNow {
    let ids = view.list::<Devices>(&KeyRange::all()).into_iter().map(|(id, _device)| id);
    ids.map(|id| {
        let said = view.row::<Statements>(&id);
        let now = said.map_or_else(DeviceNow::default, |said| DeviceNow {
            seen: Some(said.at),
            pending: said.pending,
            // The oldest unsent act is not older than this.
            oldest: (said.pending > 0).then_some(said.complete_to),
            complete_to: Some(said.complete_to),
            battery: said.battery,
            ..DeviceNow::default()
        });
        let said = said_of.get(&id).cloned().unwrap_or_default();
        let online = online.binary_search(&id).is_ok();
        let storage = view.row::<DeviceStorages>(&id).map(|said| said.report);
        let (version, operator) = (said.version, said.operator);
        (id, DeviceNow { online, version, operator, storage, ..now })
    })
    .collect()
}

/// What takes more reads than a list of all devices should make: who had it last, and its clocks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Details {
    /// Who did the last thing with it.
    pub operator: Option<OperatorId>,
    /// Half the width of what is known of its clock, in microseconds.
    pub clock_epsilon_us: Option<u64>,
    /// How far its wall clock was ahead of server time when it was started last, in microseconds.
    pub wall_ahead_us: Option<i64>,
}

/// Half the width of the interval that a sample bounds the offset of a boot to, in microseconds.
const fn half_width(sample: &ClockSample) -> u64 {
    let away = sample.received_us.saturating_sub(sample.sent_us);
    let there = sample.server_sent.saturating_sub(sample.server_received);
    away.saturating_sub(there.unsigned_abs()) / 2
}

/// Server time at which the boot's clock showed nothing, by the middle of a sample.
fn boot_start(sample: &ClockSample) -> Option<i64> {
    let low = sample.server_sent.checked_sub(i64::try_from(sample.received_us).ok()?)?;
    let high = sample.server_received.checked_sub(i64::try_from(sample.sent_us).ok()?)?;
    Some(low.midpoint(high))
}

/// The details of one device.
pub fn details(view: &dyn Tables, id: DeviceId) -> Details {
    let Some(((_id, incarnation), _at)) = view.last::<Incarnations>(&KeyRange::prefix(&id)) else {
        return Details::default();
    };
    let generation = KeyRange::prefix(&(id, incarnation));
    let last = view.last::<Outcomes>(&generation);
    let clock = view.last::<BootClocks>(&generation);
    let best =
        clock.as_ref().and_then(|(_key, clock)| clock.samples.iter().min_by_key(|s| half_width(s)));
    let boot = clock.as_ref().map(|((_id, _incarnation, boot), _clock)| *boot);
    let wall = last.as_ref().and_then(|(_operation, row)| {
        let intake = view.row::<Intakes>(&row.intake)?;
        let evidence: Vec<BootEvidence> = rmp_serde::from_slice(&intake.evidence).ok()?;
        evidence.into_iter().find(|evidence| Some(evidence.boot) == boot)?.wall_at_start
    });
    Details {
        operator: last.and_then(|(_operation, row): (OperationId, _)| row.operator.clone()),
        clock_epsilon_us: best.map(half_width),
        wall_ahead_us: wall
            .zip(best.and_then(boot_start))
            .map(|(wall, start)| wall.saturating_sub(start)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_bounds_the_clock_by_half_of_its_way() {
        let sample = ClockSample {
            sent_us: 1_000,
            server_received: 51_000,
            server_sent: 51_500,
            received_us: 2_100,
        };
        assert_eq!(half_width(&sample), 300);
        assert_eq!(boot_start(&sample), Some(49_700));
    }
}
