//! What a device leaves behind when it is declared lost, or is silent for too long with work that it has
//! not sent: tasks of its people that may have been done.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use ledger::conflict::assignment;
use ledger::draft::Draft;
use ledger::key::KeyRange;
use ledger::schema::Written;
use ledger::schema::book::{Change, Intake, Intakes};
use ledger::schema::case::Task;
use ledger::schema::identity::{Devices, Incarnations, SignedIn};
use ledger::schema::place::Locations;
use ledger::tables::{Read as _, Tables, each_of};
use protocol::identity::{DeviceId, Incarnation, Seq, ServerTime, TaskId};
use protocol::operation::Recorded;
use protocol::words::OperatorId;

use crate::poster::judge::Request;
use crate::schema::{Link, Links, Statements};

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

/// How many operations `device` had not uploaded, as far as is known: what it said when it was heard
/// last, without what has arrived since then.
pub(super) fn n_unsent(tables: &dyn Tables, (device, incarnation): (DeviceId, Incarnation)) -> u64 {
    let Some(said) = tables.row::<Statements>(&device) else { return 0 };
    let mut n_unsent = said.pending;
    let range = KeyRange::prefix(&(device, incarnation));
    each_of::<Links>(
        tables,
        &range,
        true,
        &mut |_key: (DeviceId, Incarnation, Seq), link: Arc<Link>| {
            let intake = tables.row::<Intakes>(&link.intake);
            let is_later = intake.is_some_and(|intake| intake.received > said.at);
            if !is_later || n_unsent == 0 {
                return ControlFlow::Break(());
            }
            n_unsent = n_unsent.saturating_sub(1);
            ControlFlow::Continue(())
        },
    );
    n_unsent
}

/// What is assigned to the people who worked with `device` last, at the site where it worked, and who have
/// not signed in on another one since; where `until` is given, as far as nothing became of it after that.
pub(crate) fn tasks_of_people(
    tables: &dyn Tables,
    device: DeviceId,
    until: Option<ServerTime>,
) -> Vec<(TaskId, Arc<Task>)> {
    let Some(site) = tables.row::<Devices>(&device).map(|row| row.site) else { return Vec::new() };
    let operator_of = |intake: &Arc<Intake>| -> Option<OperatorId> {
        Recorded::from_content(&intake.raw).ok()?.envelope.operator
    };
    let mut people: BTreeSet<_> =
        last_operations(tables, device).iter().filter_map(operator_of).collect();
    people.retain(|operator| {
        tables.row::<SignedIn>(operator).is_none_or(|last| last.device == device)
    });
    let is_here =
        |task: &Task| tables.row::<Locations>(&task.location).is_some_and(|row| row.site == site);
    let is_old = |task: &Task| {
        let written = Change::time_of(tables, task.written.lsn);
        until.is_none_or(|until| written.is_some_and(|written| written <= until))
    };
    let tasks = people.iter().flat_map(|operator| assignment::tasks_of(tables, operator));
    tasks.filter(|(_id, task)| is_here(task) && is_old(task)).collect()
}

/// Frees [`tasks_of_people`]: others may do them, and know that they may have been done (CONFLICTS 44).
pub(super) fn free_tasks(
    draft: &mut Draft<'_>,
    request: &Request<'_>,
    (device, until): (DeviceId, Option<ServerTime>),
) {
    let operation = request.intake.identity(request.intake_no);
    let written = Written { lsn: request.lsn, operation };
    for (id, task) in tasks_of_people(&*draft, device, until) {
        assignment::free_of_away(draft, (device, written), (id, &task));
    }
}
