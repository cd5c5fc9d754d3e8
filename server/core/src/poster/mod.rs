//! The single writer of a company: takes intake records in order, judges each in its own draft, and
//! turns what the drafts changed into change records.
//!
//! 1. Operations are judged in IntakeNo order, each exactly once; a poisoned one is parked and the
//!    next goes on.
//! 2. Lsn and its time rise strictly; the time lies after the receive time of the operation.
//! 3. A change record holds everything that a decision changed. Folding the records into empty
//!    tables gives the same tables, byte for byte ([`rebuild`]); nothing is decided again.
//! 4. What is judged is durable already: a process that dies in a judgement finds the operation
//!    again, and its sender was told the truth.

pub mod change;
pub mod judge;
pub mod rebuild;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ledger::draft::{Changes, Draft, Overlay, change_of};
use ledger::key::Key as _;
use ledger::record::Record;
use ledger::schema::SiteId;
use ledger::schema::book::{Head, Heads, Intake, Intakes, OutcomeRow, Outcomes};
use ledger::schema::identity::Devices;
use ledger::tables::{Read as _, Table as _, Tables};
use protocol::identity::{DeviceId, IntakeNo, Lsn, OperationId, ServerTime};

use judge::{Judge, Poison, Request};

/// Decisions of one group: as many as are ready, up to the limits.
#[derive(Debug, Default)]
pub struct Group {
    /// Every row that is to be written: the ledger's, the change records, the feed index, the head.
    pub changes: Changes,
    /// The head after it.
    pub head: Head,
    /// Its decisions: number, operation, and the sites that see something of it.
    pub decisions: Vec<Decided>,
}

/// One decision of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Its place in the log.
    pub lsn: Lsn,
    /// Its time.
    pub time: ServerTime,
    /// The intake record that it decided.
    pub intake: IntakeNo,
    /// The sites whose feeds show something of it.
    pub sites: BTreeSet<SiteId>,
    /// Devices whose card it changed.
    pub devices: Vec<DeviceId>,
    /// The outcome of the operation.
    pub outcome: Option<Arc<OutcomeRow>>,
    /// Devices whose operations got an outcome, or another one.
    pub told: BTreeSet<DeviceId>,
    /// Why it was parked as poison, where it was.
    pub poison: Option<String>,
}

/// How much a group may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupLimit {
    /// Intake records up to here are durable and may be judged.
    pub up_to: IntakeNo,
    /// Decisions at most.
    pub decisions_max: usize,
}

/// Tables that decisions are laid over, one after the other: each reads what came before it.
pub trait Ground: Tables {
    /// Lays rows on top.
    fn absorb(&mut self, changes: Changes);
}

impl Ground for Overlay<'_> {
    fn absorb(&mut self, changes: Changes) {
        Overlay::absorb(self, changes);
    }
}

/// Judges what waits, over `tables`, at `now`.
pub fn post_group(
    tables: &dyn Tables,
    judge: &dyn Judge,
    limit: GroupLimit,
    now: ServerTime,
) -> Group {
    let mut overlay = Overlay::over(tables);
    let (head, decisions) = post_onto(&mut overlay, judge, limit, now);
    Group { changes: overlay.into_changes(), head, decisions }
}

/// Judges what waits and lays it onto `ground`; the head after it, and the decisions.
pub fn post_onto(
    ground: &mut dyn Ground,
    judge: &dyn Judge,
    limit: GroupLimit,
    now: ServerTime,
) -> (Head, Vec<Decided>) {
    let mut head = ground.row::<Heads>(&()).map_or_else(Head::default, |head| *head);
    let mut decisions = Vec::new();
    while decisions.len() < limit.decisions_max && head.intake < limit.up_to {
        let no = head.intake.next();
        let Some(intake) = ground.row::<Intakes>(&no) else { break };
        let decided = post_one(ground, judge, (no, &intake), (&mut head, now));
        decisions.push(decided);
    }
    if !decisions.is_empty() {
        let mut draft = Draft::over(&*ground);
        draft.put::<Heads>(&(), head);
        let changes = draft.finish();
        ground.absorb(changes);
    }
    (head, decisions)
}

/// Judges one operation and lays its change onto the group.
fn post_one(
    ground: &mut dyn Ground,
    judge: &dyn Judge,
    (no, intake): (IntakeNo, &Arc<Intake>),
    (head, now): (&mut Head, ServerTime),
) -> Decided {
    let time = now.max(head.time.plus_us(1)).max(intake.received.plus_us(1));
    let lsn = head.lsn.next();
    let request = Request { intake_no: no, intake, lsn, time };
    let (mut changes, poison) = judged(&*ground, judge, &request);
    // What came and went within the decision is no change.
    changes.retain(|(table, key), change| change.is_some() || ground.get(*table, key).is_some());
    let devices = changes
        .keys()
        .filter(|(table, _key)| *table == Devices::ID)
        .filter_map(|(_table, key)| DeviceId::from_bytes(key))
        .collect();
    let told = changes
        .keys()
        .filter(|(table, _key)| *table == Outcomes::ID)
        .filter_map(|(_table, key)| OperationId::from_bytes(key))
        .map(|operation| operation.device)
        .collect();
    let name = intake.identity(no).to_bytes();
    let outcome = change_of(&changes, Outcomes::ID, &name).and_then(Option::as_ref);
    let outcome = outcome.map(Record::row::<OutcomeRow>);
    let written = change::write(&*ground, changes, &request, head.hash);
    *head = Head { lsn, time, intake: no, hash: written.hash };
    ground.absorb(written.changes);
    Decided { lsn, time, intake: no, sites: written.sites, devices, outcome, told, poison }
}

/// What the judgement changes, or what parking the operation changes.
fn judged(
    tables: &dyn Tables,
    judge: &dyn Judge,
    request: &Request<'_>,
) -> (Changes, Option<String>) {
    let why = match caught(tables, |draft| judge.judge(draft, request)) {
        Ok(changes) => return (changes, None),
        Err(why) => why,
    };
    let parked = caught(tables, |draft| {
        judge.park_poison(draft, request, &why);
        Ok(())
    });
    // A judge that cannot even park still leaves an outcome: every operation has one.
    let changes = parked.unwrap_or_else(|_also| {
        let mut draft = Draft::over(tables);
        judge::park_plainly(&mut draft, request, &why);
        draft.finish()
    });
    (changes, Some(why))
}

/// Runs `work` in a draft of its own. A panic, a fault and an exhausted budget are all poison; the
/// draft goes, and nothing of it was seen by anybody.
fn caught(
    tables: &dyn Tables,
    work: impl FnOnce(&mut Draft<'_>) -> Result<(), Poison>,
) -> Result<Changes, String> {
    let run = AssertUnwindSafe(|| {
        let mut draft = Draft::over(tables);
        let result = work(&mut draft);
        if draft.is_exhausted() {
            return Err("the budget of reads and writes is used up".to_owned());
        }
        result.map(|()| draft.finish()).map_err(|poison| poison.to_string())
    });
    catch_unwind(run).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(format!("panic: {}", text.unwrap_or_else(|| "without a message".to_owned())))
    })
}

#[cfg(test)]
mod tests;
