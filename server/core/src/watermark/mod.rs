//! When is a count settled? The watermark of a site, from what its devices say of themselves
//! (SYNC 4.3).
//!
//! ```text
//! W_d = server time of the oldest unsent operation,  where the last statement of d had some
//!       server time of that statement,               where it had none
//! W   = min W_d over the devices that hold it
//! ```
//!
//! 1. A device with unsent operations holds the watermark until it delivers or is declared lost.
//! 2. A device without any that is silent for longer than the company's limit is absent: it no
//!    longer holds the watermark.
//! 3. What is assigned to the people of a device that is silent for as long with unsent operations is for
//!    anybody (CONFLICTS 44).
//! 4. What is decided from it is a command in the log that carries the statements: the ledger stays
//!    a function of the log.

use std::collections::BTreeMap;

use ledger::count::settlement::is_any_due;
use ledger::key::KeyRange;
use ledger::schema::SiteId;
use ledger::schema::book::Companies;
use ledger::schema::case::TasksByOperator;
use ledger::schema::identity::{Device, DeviceState, Devices};
use ledger::schema::place::Sites;
use ledger::tables::{Read as _, Tables};
use protocol::identity::{DeviceId, IntakeNo, ServerTime};

use crate::identity::command::MachineCommand;
use crate::identity::lost;
use crate::machine::core::Core;
use crate::poster::judge::Judge;
use crate::schema::{Statement, Statements};
use crate::store::Store;

/// Hours of silence after which a device without unsent operations is absent, where the company
/// says nothing.
const ABSENT_AFTER_HOURS: u32 = 12;
const HOUR_US: i64 = 3_600_000_000;
/// A statement that says the same as before is written down at most this often.
const WRITTEN_EVERY_US: i64 = 60_000_000;
/// How often it is looked at what is to be freed.
const FREED_EVERY_US: i64 = 60_000_000;

/// How far one site has reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteWatermark {
    /// The site.
    pub site: SiteId,
    /// Everything done before this instant has arrived.
    pub complete_to: ServerTime,
    /// What each device of the site contributes.
    pub devices: Vec<DeviceReport>,
}

/// What one device contributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceReport {
    /// The device.
    pub device: DeviceId,
    /// When it was last heard; its enrolment if never.
    pub silent_since: ServerTime,
    /// Operations that it had not sent then.
    pub pending: u64,
    /// Everything it did before this instant has arrived.
    pub complete_to: ServerTime,
    /// Whether it holds the watermark.
    pub part: Part,
}

/// How a device takes part in a watermark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// It holds it at its own instant.
    Holds,
    /// Silent for too long, with nothing unsent when it was last heard.
    Absent,
    /// Declared lost, or revoked.
    Gone,
}

/// The watermark of `site` at `now`, from the statements that are known.
pub fn watermark(
    tables: &dyn Tables,
    statements: &BTreeMap<DeviceId, Statement>,
    site: SiteId,
    now: ServerTime,
) -> SiteWatermark {
    let limit_us = limit_us(tables);
    let devices: Vec<DeviceReport> = tables
        .list::<Devices>(&KeyRange::all())
        .into_iter()
        .filter(|(_id, device)| device.site == site)
        .map(|(id, device)| report((id, &device), statements.get(&id), (now, limit_us)))
        .collect();
    let held = devices
        .iter()
        .filter(|report| report.part == Part::Holds)
        .map(|report| report.complete_to)
        .min();
    SiteWatermark { site, complete_to: held.unwrap_or(now), devices }
}

/// How long a device may be silent before that means something.
fn limit_us(tables: &dyn Tables) -> i64 {
    let company = tables.row::<Companies>(&());
    let hours = company.map_or(ABSENT_AFTER_HOURS, |company| company.absent_after_hours);
    HOUR_US.saturating_mul(i64::from(hours))
}

fn report(
    (id, device): (DeviceId, &Device),
    statement: Option<&Statement>,
    (now, limit_us): (ServerTime, i64),
) -> DeviceReport {
    let never =
        Statement { at: device.enrolled, pending: 0, complete_to: device.enrolled, battery: None };
    let said = statement.copied().unwrap_or(never);
    let is_lost = device.declared_lost.is_some_and(|lost| said.at <= lost);
    let is_silent = now.us_since(said.at) > limit_us;
    let part = if device.state == DeviceState::Revoked || is_lost {
        Part::Gone
    } else if is_silent && said.pending == 0 {
        Part::Absent
    } else {
        Part::Holds
    };
    DeviceReport {
        device: id,
        silent_since: said.at,
        pending: said.pending,
        complete_to: said.complete_to,
        part,
    }
}

/// What the devices say, in memory, and what waits to be written down.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    statements: BTreeMap<DeviceId, Statement>,
    written: BTreeMap<DeviceId, Statement>,
    settle_due: ServerTime,
    /// The settlement that was asked for last.
    settling: Option<IntakeNo>,
    freeing_due: ServerTime,
    /// The last tasks that were asked to be freed.
    freeing: Option<IntakeNo>,
    /// A longer sign-in term was asked for.
    pub(crate) is_extending: bool,
}

impl Watch {
    pub(crate) fn open(tables: &dyn Tables, now: ServerTime) -> Self {
        let statements: BTreeMap<DeviceId, Statement> = tables
            .list::<Statements>(&KeyRange::all())
            .into_iter()
            .map(|(device, statement)| (device, *statement))
            .collect();
        Self {
            written: statements.clone(),
            statements,
            settle_due: now,
            freeing_due: now,
            ..Self::default()
        }
    }

    /// Takes note of what a device says. What it completes is never taken back.
    pub(crate) fn note(&mut self, device: DeviceId, statement: Statement) {
        let before = self.statements.get(&device).map(|before| before.complete_to);
        let complete_to = before.map_or(statement.complete_to, |b| b.max(statement.complete_to));
        self.statements.insert(device, Statement { complete_to, ..statement });
    }

    /// The statements that have to be written: those that say something else, and old ones.
    fn unwritten(&mut self) -> Vec<(DeviceId, Statement)> {
        let new: Vec<(DeviceId, Statement)> = self
            .statements
            .iter()
            .filter(|(device, said)| match self.written.get(device) {
                None => true,
                Some(written) => {
                    (written.pending == 0) != (said.pending == 0)
                        || said.at.us_since(written.at) > WRITTEN_EVERY_US
                }
            })
            .map(|(device, said)| (*device, *said))
            .collect();
        self.written.extend(new.iter().copied());
        new
    }
}

/// Writes statements down.
pub(crate) fn flush(core: &mut Core, store: &dyn Store) {
    let unwritten = core.watch.unwritten();
    if !unwritten.is_empty() {
        core.write(store, None, |draft| {
            for (device, statement) in unwritten {
                draft.put::<Statements>(&device, statement);
            }
        });
    }
}

/// Asks for a settlement where something has become due. One at a time.
pub(crate) fn settle(core: &mut Core, store: &dyn Store, judge: &dyn Judge) {
    let now = core.now();
    if now < core.watch.settle_due {
        return;
    }
    let interval = i64::try_from(core.config.settle_interval_us).unwrap_or(i64::MAX);
    core.watch.settle_due = now.plus_us(interval);
    let judged = core.pipeline.durable_head().intake;
    if core.watch.settling.is_some_and(|asked| asked > judged) {
        return;
    }
    let due = core.view(store, |view| due_sites(view, &core.watch.statements, now));
    if !due.is_empty() {
        let raw = judge.settle_command(&due);
        core.watch.settling = core.system_command(store, raw);
    }
}

/// Asks for what is assigned to the people of devices that are silent for too long to be freed. One at a
/// time.
pub(crate) fn free_tasks(core: &mut Core, store: &dyn Store) {
    let now = core.now();
    if now < core.watch.freeing_due {
        return;
    }
    core.watch.freeing_due = now.plus_us(FREED_EVERY_US);
    let judged = core.pipeline.durable_head().intake;
    if core.watch.freeing.is_some_and(|asked| asked > judged) {
        return;
    }
    let freed = core.view(store, |view| tasks_to_free(view, &core.watch.statements, now));
    if let Some((device, until)) = freed {
        core.watch.freeing =
            core.machine_command(store, &MachineCommand::FreeTasks { device, until });
    }
}

/// A device that is silent for too long with unsent operations, and whose people have tasks that nothing
/// became of for as long.
fn tasks_to_free(
    tables: &dyn Tables,
    statements: &BTreeMap<DeviceId, Statement>,
    now: ServerTime,
) -> Option<(DeviceId, ServerTime)> {
    tables.first::<TasksByOperator>(&KeyRange::all())?;
    let limit_us = limit_us(tables);
    let until = now.plus_us(limit_us.saturating_neg());
    let is_away = |id: &DeviceId| {
        tables.row::<Devices>(id).is_some_and(|device| {
            let report = report((*id, &device), statements.get(id), (now, limit_us));
            report.part == Part::Holds && report.pending > 0 && report.silent_since < until
        })
    };
    let mut away = statements.keys().copied().filter(is_away);
    let device = away.find(|id| !lost::tasks_of_people(tables, *id, Some(until)).is_empty())?;
    Some((device, until))
}

/// The sites with something to settle whose instant the watermark has passed.
fn due_sites(
    tables: &dyn Tables,
    statements: &BTreeMap<DeviceId, Statement>,
    now: ServerTime,
) -> Vec<SiteWatermark> {
    tables
        .list::<Sites>(&KeyRange::all())
        .into_iter()
        .filter(|(site, _row)| is_any_due(tables, *site, now))
        .map(|(site, _row)| watermark(tables, statements, site, now))
        .filter(|mark| is_any_due(tables, mark.site, mark.complete_to))
        .collect()
}

#[cfg(test)]
mod tests;
