//! What may be wrong in the book because a device has not told all it knows: where its people worked last,
//! for what, and what was asked of them.
//!
//! The unsent operations themselves are on the device: the list names where to look, not what to find.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use ledger::command::stock::{AskCounts, BinOf};
use ledger::command::{Batch, Command};
use ledger::conflict::assignment::tasks_of;
use ledger::conflict::destroyed::bins_of;
use ledger::conflict::question::Questions;
use ledger::conflict::task::whole_bin_count;
use ledger::key::KeyRange;
use ledger::schema::book::{Intakes, Outcomes};
use ledger::schema::case::{Cases, Task, TaskState, Tasks, TasksFreed};
use ledger::schema::identity::Devices;
use ledger::schema::place::{Bins, BinsByCode, Locations, LocationsByCode};
use ledger::schema::{BinId, LocationId};
use ledger::tables::{Read as _, Tables};
use protocol::code::Code;
use protocol::identity::{DeviceId, ServerTime, TaskId};
use protocol::operation::{DocumentKind, Recorded};
use protocol::words::{BinCode, DocumentNo, LocationCode, OperatorId};
use serde::Serialize;
use server_core::identity::lost::last_operations;
use server_core::schema::Statements;

use super::names::Names;

/// A place where a device was at work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlaceAtRisk {
    /// The location.
    pub location: LocationCode,
    /// The bin.
    pub bin: BinCode,
    /// Its last operations there; none where only a task of its people is.
    pub n_operations: u64,
    /// When the newest of them arrived; else when the task was asked.
    pub last: ServerTime,
    /// Whether the bin is there still.
    pub is_there: bool,
    /// The open task to count it.
    pub count: Option<u64>,
}

/// A document that a device worked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DocumentAtRisk {
    /// Its kind.
    pub kind: DocumentKind,
    /// Its number.
    pub no: DocumentNo,
    /// When the newest operation for it arrived; else when the task was asked that is about it.
    pub last: ServerTime,
}

/// An open task that may have been done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskAtRisk {
    /// The task.
    pub task: u64,
    /// Where.
    pub location: String,
    /// The bin.
    pub bin: Option<String>,
    /// Whose it is, or was when the device was declared lost.
    pub assigned: OperatorId,
    /// It was freed then: others may do it now.
    pub freed: bool,
}

/// What to look after, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Risk {
    /// Operations that it said it had, and that are not here.
    pub pending: u64,
    /// When it said so.
    pub heard: Option<ServerTime>,
    /// Who worked with it last.
    pub operators: Vec<OperatorId>,
    /// Bins to be counted.
    pub places: Vec<PlaceAtRisk>,
    /// Documents to be looked at.
    pub documents: Vec<DocumentAtRisk>,
    /// Tasks that may have been done.
    pub tasks: Vec<TaskAtRisk>,
}

impl Risk {
    /// The bins that nobody is asked to count yet, at the locations where somebody `may` ask for it.
    pub fn to_count(
        &self,
        tables: &dyn Tables,
        may: impl Fn(LocationId) -> bool,
    ) -> Vec<&PlaceAtRisk> {
        let mut to_count = Vec::new();
        for place in self.places.iter().filter(|place| place.is_there && place.count.is_none()) {
            let location = tables.row::<LocationsByCode>(&place.location);
            if location.is_some_and(|location| may(*location)) {
                to_count.push(place);
            }
        }
        to_count
    }

    /// Asks for a count of [`Risk::to_count`], location by location, because who names several in one
    /// command needs the right everywhere; none when there is nothing to ask for.
    pub fn counts(&self, tables: &dyn Tables, may: impl Fn(LocationId) -> bool) -> Option<Command> {
        let mut by_location: BTreeMap<&LocationCode, Vec<BinOf>> = BTreeMap::new();
        for place in self.to_count(tables, may) {
            let bin = BinOf { location: place.location.clone(), bin: place.bin.clone() };
            by_location.entry(&place.location).or_default().push(bin);
        }
        let ask =
            |bins| Command::AskCounts(AskCounts { bins, reason: Code::DeviceLost, blind: true });
        let mut commands: Vec<Command> = by_location.into_values().map(ask).collect();
        if commands.len() > 1 { Some(Command::Batch(Batch { commands })) } else { commands.pop() }
    }
}

/// What may be wrong because `device` is silent.
pub fn risk(tables: &dyn Tables, device: DeviceId) -> Risk {
    let said = tables.row::<Statements>(&device);
    let mut found = Found::default();
    for intake in last_operations(tables, device) {
        if let Ok(recorded) = Recorded::from_content(&intake.raw) {
            found.take(&recorded, intake.received);
        }
    }
    let tasks = tasks(tables, device, &found.operators);
    for (shown, task) in &tasks {
        found.take_task(tables, (TaskId(shown.task), task));
    }
    let mut places: Vec<PlaceAtRisk> = found.places.into_values().collect();
    // Another location than somebody may see is not there for them; its bins are not gone.
    places.retain(|place| tables.has::<LocationsByCode>(&place.location));
    for place in &mut places {
        let at = bin_of(tables, place);
        place.is_there = at.is_some();
        let open = at.and_then(|(location, bin)| whole_bin_count(tables, location, bin));
        place.count = open.map(|task| task.0);
    }
    places.sort_by_key(|place| Reverse(place.last));
    let mut documents: Vec<DocumentAtRisk> = found.documents.into_values().collect();
    documents.sort_by_key(|document| Reverse(document.last));
    Risk {
        pending: said.as_ref().map_or(0, |said| said.pending),
        heard: said.map(|said| said.at),
        tasks: tasks.into_iter().map(|(shown, _task)| shown).collect(),
        operators: found.operators,
        places,
        documents,
    }
}

/// Whether one of the last operations of `device` was about the bin.
pub fn was_at_work_in(
    tables: &dyn Tables,
    device: DeviceId,
    (location, bin): (&LocationCode, &BinCode),
) -> bool {
    last_operations(tables, device).iter().any(|intake| {
        let recorded = Recorded::from_content(&intake.raw).ok();
        let body = recorded.and_then(|recorded| recorded.decode_body().ok());
        body.is_some_and(|body| bins_of(&body).iter().any(|(at, of)| (at, of) == (location, bin)))
    })
}

fn bin_of(tables: &dyn Tables, place: &PlaceAtRisk) -> Option<(LocationId, BinId)> {
    let location = *tables.row::<LocationsByCode>(&place.location)?;
    Some((location, *tables.row::<BinsByCode>(&(location, place.bin.clone()))?))
}

#[derive(Default)]
struct Found {
    operators: Vec<OperatorId>,
    places: BTreeMap<(LocationCode, BinCode), PlaceAtRisk>,
    documents: BTreeMap<(DocumentKind, DocumentNo), DocumentAtRisk>,
}

impl Found {
    fn take(&mut self, recorded: &Recorded, at: ServerTime) {
        if let Some(operator) = &recorded.envelope.operator
            && !self.operators.contains(operator)
        {
            self.operators.push(operator.clone());
        }
        if let Some(document) = &recorded.envelope.document {
            let key = (document.kind, document.no.clone());
            let (kind, no) = key.clone();
            self.documents.entry(key).or_insert(DocumentAtRisk { kind, no, last: at });
        }
        let Ok(body) = recorded.decode_body() else { return };
        for (location, bin) in bins_of(&body) {
            let key = (location.clone(), bin.clone());
            let row = self.places.entry(key).or_insert(PlaceAtRisk {
                location,
                bin,
                n_operations: 0,
                last: at,
                is_there: false,
                count: None,
            });
            row.n_operations += 1;
        }
    }

    /// What a claimed task is about may have been handled: its bin, and the documents of the operations that
    /// it was asked for.
    fn take_task(&mut self, tables: &dyn Tables, (id, task): (TaskId, &Task)) {
        let location = tables.row::<Locations>(&task.location);
        if let (Some(location), Some(bin)) = (location, tables.row::<Bins>(&task.bin)) {
            let (location, bin) = (location.code.clone(), bin.code.clone());
            self.places.entry((location.clone(), bin.clone())).or_insert(PlaceAtRisk {
                location,
                bin,
                n_operations: 0,
                last: task.asked,
                is_there: false,
                count: None,
            });
        }
        for case in Questions::of(tables, id, task).cases() {
            let case = tables.row::<Cases>(&case);
            let operation = case.and_then(|case| tables.row::<Outcomes>(&case.operation));
            let intake = operation.and_then(|row| tables.row::<Intakes>(&row.intake));
            let recorded = intake.and_then(|intake| Recorded::from_content(&intake.raw).ok());
            if let Some(document) = recorded.and_then(|recorded| recorded.envelope.document) {
                let (kind, no) = (document.kind, document.no);
                let key = (kind, no.clone());
                let row = DocumentAtRisk { kind, no, last: task.asked };
                self.documents.entry(key).or_insert(row);
            }
        }
    }
}

/// Open tasks at the site of the device that belong to one of `operators`, and those that did until it was
/// declared lost.
fn tasks(
    tables: &dyn Tables,
    device: DeviceId,
    operators: &[OperatorId],
) -> Vec<(TaskAtRisk, Arc<Task>)> {
    let site = tables.row::<Devices>(&device).map(|row| row.site);
    let is_here =
        |location: &LocationId| tables.row::<Locations>(location).map(|row| row.site) == site;
    let names = Names(tables);
    let mut found = BTreeMap::new();
    let mut take = |id: TaskId, task: Arc<Task>, (assigned, freed): (&OperatorId, bool)| {
        if task.state == TaskState::Open && is_here(&task.location) {
            let shown = TaskAtRisk {
                task: id.0,
                location: names.location(task.location),
                bin: names.bin(task.bin),
                assigned: assigned.clone(),
                freed,
            };
            found.entry(Reverse(id)).or_insert((shown, task));
        }
    };
    for operator in operators {
        for (id, task) in tasks_of(tables, operator) {
            take(id, task, (operator, false));
        }
    }
    for ((_device, id), operator) in tables.list::<TasksFreed>(&KeyRange::prefix(&(device,))) {
        if let Some(task) = tables.row::<Tasks>(&id) {
            take(id, task, (&operator, true));
        }
    }
    found.into_values().collect()
}
