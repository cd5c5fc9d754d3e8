use ledger::draft::{Draft, Overlay};
use ledger::key::KeyRange;
use ledger::memory::MemoryTables;
use ledger::schema::book::{ChangesTable, Heads, Intakes, Outcomes};
use ledger::tables::{Read as _, Tables};
use protocol::identity::{IntakeNo, Lsn, ServerTime};
use protocol::outcome::Decision;

use super::judge::{Judge, Poison, Request, write_outcome};
use super::{Group, GroupLimit, post_group};
use crate::intake::IntakeHead;
use crate::intake::command::{Command, CommandOrigin, TakenCommand, take_command};
use crate::machine::tests::world::{MORNING, small_company};
use crate::schema::FeedIndex;
use crate::watermark::SiteWatermark;

/// Cannot judge, and cannot even park.
struct Hopeless;

impl Judge for Hopeless {
    fn judge(&self, _draft: &mut Draft<'_>, _request: &Request<'_>) -> Result<(), Poison> {
        Err(Poison { why: "no idea".into() })
    }
    fn park_poison(&self, _draft: &mut Draft<'_>, _request: &Request<'_>, _why: &str) {
        panic!("not even that");
    }
    fn settle_command(&self, _watermarks: &[SiteWatermark]) -> Vec<u8> {
        Vec::new()
    }
}

/// Accepts everything.
struct Easy;

impl Judge for Easy {
    fn judge(&self, draft: &mut Draft<'_>, request: &Request<'_>) -> Result<(), Poison> {
        write_outcome(draft, request, Decision::Accepted, Vec::new());
        Ok(())
    }
    fn park_poison(&self, _draft: &mut Draft<'_>, _request: &Request<'_>, _why: &str) {}
    fn settle_command(&self, _watermarks: &[SiteWatermark]) -> Vec<u8> {
        Vec::new()
    }
}

fn waiting(n: u8) -> MemoryTables {
    let mut tables = small_company();
    let mut head = IntakeHead::default();
    for raw in 0..n {
        let command = Command { origin: CommandOrigin::System, raw: vec![raw], local_date: None };
        let TakenCommand::New { changes, .. } = take_command(&tables, &mut head, command, MORNING)
        else {
            panic!("it has no key");
        };
        tables.apply(changes);
    }
    tables
}

fn group(tables: &dyn Tables, judge: &dyn Judge, up_to: u64, most: usize) -> Group {
    let limit = GroupLimit { up_to: IntakeNo(up_to), decisions_max: most };
    post_group(tables, judge, limit, ServerTime(0))
}

#[test]
fn every_operation_has_an_outcome_even_if_the_judge_is_hopeless() {
    let tables = waiting(2);
    let group = group(&tables, &Hopeless, 2, 10);
    assert_eq!(group.decisions.len(), 2);
    assert!(group.decisions.iter().all(|decided| decided.poison.as_deref() == Some("no idea")));
    let mut after = Overlay::over(&tables);
    after.absorb(group.changes);
    let outcomes = after.list::<Outcomes>(&KeyRange::all());
    assert_eq!(outcomes.len(), 2);
    assert!(outcomes.iter().all(|(_id, row)| row.outcome.decision == Decision::Parked));
}

#[test]
fn a_group_is_as_large_as_it_may_be_and_the_next_goes_on_from_it() {
    let tables = waiting(5);
    let first = group(&tables, &Easy, 5, 3);
    assert_eq!(first.head.lsn, Lsn(3));
    let mut view = Overlay::over(&tables);
    view.absorb(first.changes);
    let second = group(&view, &Easy, 4, 3);
    assert_eq!((second.head.lsn, second.head.intake), (Lsn(4), IntakeNo(4)), "5 is not durable");
    view.absorb(second.changes);
    assert!(group(&view, &Easy, 4, 3).decisions.is_empty());
    assert_eq!(view.row::<Heads>(&()).unwrap().lsn, Lsn(4));
}

#[test]
fn the_size_of_a_group_does_not_change_what_is_decided() {
    let tables = waiting(7);
    let run = |most| {
        let mut tables = tables.clone();
        loop {
            let group = group(&tables, &Easy, 7, most);
            if group.decisions.is_empty() {
                return tables;
            }
            tables.apply(group.changes);
        }
    };
    assert_eq!(run(1), run(7));
    assert_eq!(run(2), run(3));
}

#[test]
fn times_of_decisions_rise_and_lie_after_their_operations() {
    let tables = waiting(5);
    let group = group(&tables, &Easy, 5, 10);
    let mut last = ServerTime(0);
    for decided in &group.decisions {
        let received = tables.row::<Intakes>(&decided.intake).unwrap().received;
        assert!(decided.time > last && decided.time > received);
        last = decided.time;
    }
    let mut after = Overlay::over(&tables);
    after.absorb(group.changes);
    let changes = after.list::<ChangesTable>(&KeyRange::all());
    assert_eq!(changes.len(), 5);
    assert!(after.list::<FeedIndex>(&KeyRange::all()).is_empty(), "no device sees a command");
}
