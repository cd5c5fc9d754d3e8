//! What a device leaves behind when it is declared lost: work of its people that may have been done.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use ledger::conflict::assignment;
use ledger::draft::Draft;
use ledger::key::KeyRange;
use ledger::schema::Written;
use ledger::schema::book::{Intake, Intakes};
use ledger::schema::identity::{Devices, Incarnations, SignedIn};
use ledger::schema::place::Locations;
use ledger::tables::{Read as _, Tables, each_of};
use protocol::identity::{DeviceId, Incarnation, Seq};
use protocol::operation::Recorded;
use protocol::words::OperatorId;

use crate::poster::judge::Request;
use crate::schema::{Link, Links};

/// The last operations of a device that are looked at.
const OPERATIONS: usize = 100;

/// The last operations that arrived from a device, the newest first.
pub fn last_operations(tables: &dyn Tables, device: DeviceId) -> Vec<Arc<Intake>> {
    let mut last = Vec::new();
    let incarnations = tables.list::<Incarnations>(&KeyRange::prefix(&device));
    for ((_device, incarnation), _at) in incarnations.into_iter().rev() {
        let range = KeyRange::prefix(&(device, incarnation));
        each_of::<Links>(
            tables,
            &range,
            true,
            &mut |_key: (DeviceId, Incarnation, Seq), link: Arc<Link>| {
                last.extend(tables.row::<Intakes>(&link.intake));
                if last.len() < OPERATIONS {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            },
        );
        if last.len() >= OPERATIONS {
            break;
        }
    }
    last
}

/// Frees what is assigned to the people who worked with `device` last, at the site where it worked, and
/// have not signed in on another one since: others may do it, and know that it may have been done
/// (CONFLICTS 44).
pub(super) fn free_tasks(draft: &mut Draft<'_>, request: &Request<'_>, device: DeviceId) {
    let Some(site) = draft.row::<Devices>(&device).map(|row| row.site) else { return };
    let operator_of = |intake: &Arc<Intake>| -> Option<OperatorId> {
        Recorded::from_content(&intake.raw).ok()?.envelope.operator
    };
    let mut people: BTreeSet<_> =
        last_operations(&*draft, device).iter().filter_map(operator_of).collect();
    people.retain(|operator| {
        draft.row::<SignedIn>(operator).is_none_or(|last| last.device == device)
    });
    let locations = draft.list::<Locations>(&KeyRange::all());
    let here: BTreeSet<_> =
        locations.into_iter().filter(|(_id, row)| row.site == site).map(|(id, _row)| id).collect();
    let operation = request.intake.identity(request.intake_no);
    let written = Written { lsn: request.lsn, operation };
    assignment::free_of_lost(draft, (device, written), &people, |location| {
        here.contains(&location)
    });
}
