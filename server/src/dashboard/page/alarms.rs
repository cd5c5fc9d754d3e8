//! What the machine has sounded an alarm about and a person has to look at: copies of devices, an old
//! copy of the server, orders that were not done, feeds that stand still.
//!
//! What stands in the book is read from there: it is shown also after the server was started again.
//! Alarms that have a place of their own (a case, a gap, the storage of a device, replicas that were
//! mended) are not repeated.

use std::collections::BTreeSet;

use ledger::key::KeyRange;
use ledger::schema::identity::{DeviceState, Devices, Incarnations};
use ledger::tables::{Read as _, Tables};
use protocol::identity::{DeviceId, Incarnation, ServerTime};
use server_core::machine::Alarm;
use server_core::schema::Orders;

use super::forks;
use super::now::Need;
use crate::dashboard::context::PageContext;
use crate::dashboard::names;
use crate::dashboard::part::Tone;

/// An alarm is shown for so long: over a weekend.
const SHOWN_US: i64 = 3 * 24 * 3_600 * 1_000_000;

/// What the alarms ask for. Which devices the reader may see comes from the `view`.
pub(super) fn needs(
    (view, whole): (&dyn Tables, &dyn Tables),
    context: &PageContext,
    needs: &mut Vec<Need>,
) {
    copies(view, context, needs);
    let mut told = BTreeSet::new();
    // The newest of a kind and a device says it all.
    for (at, alarm) in &context.alarms {
        let Some((kind, device)) = shown(alarm) else { continue };
        if !told.insert((kind, device)) {
            continue;
        }
        let is_fresh = context.now.us_since(*at) < SHOWN_US;
        let need = match alarm {
            // The wrong store stays the wrong store until the server is started with another.
            Alarm::ServerIsOldCopy { .. } => Some(old_server(whole, context, (*at, device))),
            Alarm::OrderRefused { .. } if is_fresh => refused(view, context, (*at, device)),
            Alarm::FeedRejected { .. } if is_fresh => rejected(view, context, (*at, device)),
            _ => None,
        };
        needs.extend(need);
    }
}

/// The alarms that are shown from here, and whose they are.
const fn shown(alarm: &Alarm) -> Option<(&'static str, DeviceId)> {
    match alarm {
        Alarm::ServerIsOldCopy { device } => Some(("old-server", *device)),
        Alarm::OrderRefused { device, .. } => Some(("order", *device)),
        Alarm::FeedRejected { device, .. } => Some(("feed", *device)),
        // A new store stands in the book, a poisoned operation is a case, a gap is one of the gaps.
        Alarm::StaleStore { .. }
        | Alarm::Poison { .. }
        | Alarm::ReplicaDiffers { .. }
        | Alarm::DeviceStorage { .. }
        | Alarm::OperationsMissing { .. } => None,
    }
}

/// Devices that came with an old copy of their store, or with a copy of another one.
fn copies(view: &dyn Tables, context: &PageContext, needs: &mut Vec<Need>) {
    for (id, device) in view.list::<Devices>(&KeyRange::all()) {
        if device.incarnation <= Incarnation(1) || device.state == DeviceState::Revoked {
            continue;
        }
        let given = view.row::<Incarnations>(&(id, device.incarnation)).map(|given| *given);
        let Some(given) = given.filter(|given| context.now.us_since(*given) < SHOWN_US) else {
            continue;
        };
        let n = forks::n_forks(view, id).to_string();
        needs.push(Need {
            id: format!("device-{id}-copy"),
            tone: Tone::Warn,
            since: Some(given),
            text: context.say("need-copy", &[("device", &device.name), ("n", &n)]),
            address: format!("/devices/{id}"),
        });
    }
}

fn old_server(
    whole: &dyn Tables,
    context: &PageContext,
    (at, device): (ServerTime, DeviceId),
) -> Need {
    let name = names::device_name(whole, device);
    Need {
        id: format!("device-{device}-old-server"),
        tone: Tone::Error,
        since: Some(at),
        text: context.say("need-old-server", &[("device", &name)]),
        address: "/backup".to_owned(),
    }
}

/// An order that was not done, unless it was done since, or given again.
fn refused(
    view: &dyn Tables,
    context: &PageContext,
    (at, id): (ServerTime, DeviceId),
) -> Option<Need> {
    let device = view.row::<Devices>(&id)?;
    let order = view.row::<Orders>(&id).filter(|row| row.done.is_none() && row.at <= at)?;
    let word = context.word("order", order.order.word());
    Some(Need {
        id: format!("device-{id}-order"),
        tone: Tone::Error,
        since: Some(at),
        text: context.say("need-order", &[("device", &device.name), ("order", &word)]),
        address: format!("/devices/{id}"),
    })
}

fn rejected(
    view: &dyn Tables,
    context: &PageContext,
    (at, id): (ServerTime, DeviceId),
) -> Option<Need> {
    let device = view.row::<Devices>(&id)?;
    Some(Need {
        id: format!("device-{id}-feed"),
        tone: Tone::Warn,
        since: Some(at),
        text: context.say("need-feed", &[("device", &device.name)]),
        address: format!("/devices/{id}"),
    })
}
