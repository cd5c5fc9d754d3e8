//! When a count is settled and by whom; what is decided on its figures, and taken back.

use ledger::command::stock::{CalculateCounts, Decide};
use ledger::command::{Command, EnterCounts};
use ledger::conflict::{PreviewLine, preview};
use ledger::count::{DeviceStatement, SiteWatermark, is_blind};
use ledger::schema::SiteId;
use ledger::schema::case::Choice;
use ledger::schema::count::CountState;
use protocol::identity::{DeviceId, IntakeNo};
use protocol::operation::{Body, Undo};
use protocol::outcome::{Argument, Decision, Settlement};
use protocol::words::OperatorId;

use super::figure;
use crate::world::{World, at, count, count_bin, goods, moved, pick, serial};

fn said(device: u32, heard: &str, unsent: Option<&str>) -> DeviceStatement {
    DeviceStatement { device: DeviceId(device), heard: at(heard), unsent: unsent.map(at) }
}

#[test]
fn case_44_a_device_with_unsent_work_holds_the_watermark_until_it_is_declared_lost() {
    let half_day = 12 * 3_600_000_000;
    let draw = |devices| SiteWatermark::draw(SiteId(1), at("22:00"), half_day, devices).until;
    // Nothing unsent and silent for half a day: not waited for.
    assert_eq!(draw(vec![said(1, "21:59", None), said(2, "08:05", None)]), at("21:59"));
    // Silent for an hour only: waited for.
    assert_eq!(draw(vec![said(1, "21:59", None), said(2, "21:00", None)]), at("21:00"));
    // Known unsent: holds, however long; declared lost, it is not among them any more.
    let lost = said(2, "08:05", Some("07:50"));
    assert_eq!(draw(vec![said(1, "21:59", None), lost]), at("07:50"));
    assert_eq!(draw(vec![said(1, "21:59", None)]), at("21:59"));
}

#[test]
fn case_44_a_settlement_names_the_device_that_it_did_not_wait_for() {
    let mut world = World::new();
    world.opening("A-1", "X", "10");
    let returns = world.record(2, "09:00", &pick("A-1", "X", "2"));
    let counted = world.online(1, "09:30", &count("A-1", "X", "10"));
    world.settle_with("21:00", vec![said(1, "21:00", None), said(2, "08:05", None)]);
    let without = figure(&world, counted, "count_settled", "without");
    assert_eq!(without, Some(Argument::Word("2".to_owned())));
    // It turns up after all: a late arrival like any other.
    world.arrive(&returns);
    assert_eq!(
        (world.difference(counted, "X"), world.stock("A-1", "X")),
        ("2".into(), "10".into())
    );
}

#[test]
fn case_48_the_second_decision_is_shown_the_first() {
    let mut world = World::new();
    world.opening("A-1", "X", "10");
    let counted = world.online(1, "09:30", &count("A-1", "X", "4"));
    world.settle("10:00");
    let (case, row) = world.open_cases().remove(0);
    world.decide_seen(case, row.version, Choice::Accept);
    let second = world.decide_seen(case, row.version, Choice::Dismiss);
    assert_eq!(world.outcome(second).outcome.decision, Decision::Refused);
    let by = figure(&world, second, "case_already_decided", "operator");
    assert_eq!(by, Some(Argument::Word("KIM".to_owned())));
    assert_eq!(world.stock("A-1", "X"), "4", "nothing of the second is posted");
    assert_eq!(world.counted(counted, "X").state, CountState::Settled);
}

#[test]
fn case_48_a_decision_on_figures_that_have_changed_is_refused() {
    let mut world = World::new();
    world.opening("A-1", "X", "10");
    let late = world.record(2, "09:00", &pick("A-1", "X", "1"));
    world.online(1, "09:30", &count("A-1", "X", "4"));
    world.settle("10:00");
    let (case, row) = world.open_cases().remove(0);
    world.arrive(&late);
    world.settle("10:30");
    let stale = world.decide_seen(case, row.version, Choice::Accept);
    assert_eq!(world.outcome(stale).outcome.decision, Decision::Refused);
    assert_eq!(world.codes(stale), ["stale_document"]);
    let not_offered = world.decide(case, Choice::Return);
    assert_eq!(world.codes(not_offered), ["choice_not_offered"]);
}

#[test]
fn a_preview_lists_exactly_what_the_decision_then_posts() {
    use ledger::key::KeyRange;
    use ledger::schema::entry::{ItemLedger, WarehouseLedger};
    use ledger::tables::Read as _;
    let mut world = World::new();
    world.opening("A-1", "X", "100");
    world.online(1, "09:30", &count("A-1", "X", "60"));
    world.online(2, "10:00", &count("A-1", "X", "59"));
    world.settle("12:00");
    let (case, row) = world.open_cases().remove(0);
    let decide = Decide {
        case,
        version: row.version,
        choice: Choice::Dismiss,
        correction: None,
        remark: String::new(),
    };
    let user = OperatorId::new("KIM").unwrap();
    let today = chrono::NaiveDate::from_ymd_opt(2026, 9, 22).unwrap();
    let before = world.tables.clone();
    let lines: Vec<PreviewLine> =
        preview(&world.tables, &decide, &user, (at("12:05"), today)).unwrap();
    assert_eq!(world.tables, before, "looking changes nothing");
    assert!(!lines.is_empty());
    let count_rows = |world: &World| {
        world.tables.list::<ItemLedger>(&KeyRange::all()).len()
            + world.tables.list::<WarehouseLedger>(&KeyRange::all()).len()
    };
    let rows = count_rows(&world);
    world.desk(&Command::Decide(decide));
    assert_eq!(count_rows(&world), rows + lines.len());
    let entries = world.tables.list::<ItemLedger>(&KeyRange::all());
    let posted: Vec<_> = entries.iter().rev().map(|(_no, entry)| entry.quantity).collect();
    let shown: Vec<_> =
        lines.iter().filter(|line| line.entry_type.is_some()).map(|line| line.quantity).collect();
    assert!(shown.iter().rev().eq(posted.iter().take(shown.len())), "{shown:?} {posted:?}");
}

#[test]
fn a_recount_that_somebody_asked_for_takes_the_place_of_the_count() {
    let mut world = World::new();
    world.opening("A-1", "X", "100");
    let counted = world.online(1, "09:30", &count("A-1", "X", "60"));
    world.settle("10:00");
    let (case, _row) = world.open_cases().remove(0);
    world.decide(case, Choice::Recount);
    assert_eq!(world.counted(counted, "X").state, CountState::Recount);
    let task = world.open_tasks().remove(0);
    assert!(task.blind, "who counts again must not know");
    assert!(is_blind(&world.tables, task.location, task.bin));
    world.online(2, "10:30", &count("A-1", "X", "99"));
    assert!(!is_blind(&world.tables, task.location, task.bin));
    assert_eq!(world.counted(counted, "X").state, CountState::Settled);
    assert_eq!(world.stock("A-1", "X"), "99");
}

#[test]
fn a_count_that_its_operator_undoes_leaves_the_book() {
    let mut world = World::new();
    world.opening("A-1", "X", "10");
    world.opening("A-1", "Y", "4");
    world.opening_of("A-1", serial("S", "S1"));
    let whole = world.online(1, "09:30", &count_bin("A-1", vec![goods("X", "7")]));
    assert_eq!((world.stock("A-1", "X"), world.stock("A-1", "Y")), ("7".into(), "0".into()));
    assert_eq!(world.stock("MISSING", "S"), "1");
    let undone = world.online(1, "09:40", &undo(whole));
    assert_eq!(world.outcome(undone).outcome.decision, Decision::Accepted);
    assert_eq!((world.stock("A-1", "X"), world.stock("A-1", "Y")), ("10".into(), "4".into()));
    assert_eq!((world.stock("A-1", "S"), world.stock("MISSING", "S")), ("1".into(), "0".into()));
    assert!(world.codes(whole).contains(&"undone_by_operator".to_owned()));
    // It says nothing of keys that appear later, either.
    let late = world.record(2, "09:00", &moved("A-2", "A-1", goods("Z", "8")));
    world.arrive(&late);
    assert_eq!(world.stock("A-1", "Z"), "8");
}

/// An undo of `operation`, which its own device sends.
fn undo(operation: protocol::identity::OperationId) -> Body {
    Body::Undo(Undo { incarnation: operation.incarnation, seq: operation.seq })
}

#[test]
fn a_recount_that_is_taken_back_is_asked_for_again() {
    let mut world = World::new();
    world.opening("A-1", "X", "100");
    let counted = world.online(1, "09:30", &count("A-1", "X", "60"));
    world.settle("10:00");
    let (case, _row) = world.open_cases().remove(0);
    world.decide(case, Choice::Recount);
    let asked = world.open_tasks();
    let mistake = world.online(2, "10:30", &count("A-1", "X", "99"));
    assert!(world.open_tasks().is_empty());
    assert!(world.counted(counted, "X").superseded);

    world.online(2, "10:40", &undo(mistake));
    let again = world.open_tasks();
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].bin, again[0].kind, again[0].item), {
        (asked[0].bin, asked[0].kind, asked[0].item)
    });
    assert_eq!(world.stock("A-1", "X"), "60");
    assert!(!world.counted(counted, "X").superseded, "nothing stands instead of it");
    world.settle("10:50");
    assert_eq!(world.open_cases().len(), 1, "its difference is to be approved, as before");

    world.online(2, "11:00", &count("A-1", "X", "98"));
    assert!(world.open_tasks().is_empty());
    assert!(world.counted(counted, "X").superseded);
    assert!(world.open_cases().is_empty());
    assert_eq!(world.stock("A-1", "X"), "98");
}

#[test]
fn a_recount_that_is_taken_back_after_a_better_one_asks_for_nothing() {
    let mut world = World::new();
    world.opening("A-1", "X", "100");
    world.online(1, "09:30", &count("A-1", "X", "60"));
    world.settle("10:00");
    let (case, _row) = world.open_cases().remove(0);
    world.decide(case, Choice::Recount);
    let mistake = world.online(2, "10:30", &count("A-1", "X", "99"));
    let better = world.online(2, "10:35", &count("A-1", "X", "98"));
    world.online(2, "10:40", &undo(mistake));
    assert!(world.open_tasks().is_empty(), "the other count is what was asked for");
    world.online(2, "10:45", &undo(better));
    assert_eq!(world.open_tasks().len(), 1);
}

#[test]
fn whoever_should_not_count_again_does_not_answer_when_the_recount_is_taken_back() {
    let mut world = World::new();
    world.opening("A-1", "X", "100");
    world.online(1, "09:30", &count("A-1", "X", "60"));
    world.settle("10:00");
    let (case, _row) = world.open_cases().remove(0);
    world.decide(case, Choice::Recount);
    let mistake = world.online(2, "10:30", &count_bin("A-1", vec![goods("X", "99")]));
    world.online(1, "10:35", &count("A-1", "X", "60"));
    world.online(2, "10:40", &undo(mistake));
    assert_eq!(world.open_tasks().len(), 1);
}

#[test]
fn a_journal_states_the_instant_of_its_calculation() {
    let mut world = World::new();
    world.opening("A-1", "X", "100");
    world.clock("09:00");
    let calculated = world
        .desk(&Command::CalculateCounts(CalculateCounts { location: "MAIN".try_into().unwrap() }));
    world.online(1, "10:00", &pick("A-1", "X", "10"));
    world.clock("16:00");
    let Body::Count(line) = count("A-1", "X", "98") else { unreachable!("a count") };
    let entered = Command::EnterCounts(EnterCounts {
        calculated: IntakeNo(calculated.seq.0),
        counts: vec![line],
    });
    let first = world.desk(&entered);
    assert_eq!(world.difference(first, "X"), "-2");
    assert_eq!(world.stock("A-1", "X"), "88");
    let second = world.desk(&entered);
    assert_eq!(world.codes(second), ["already_recorded"]);
    assert_eq!(world.stock("A-1", "X"), "88");
}

#[test]
fn a_blind_counter_learns_no_figure_of_the_book() {
    let mut world = World::new();
    world.opening("A-1", "X", "7341");
    let first = world.online(1, "09:30", &count("A-1", "X", "5000"));
    world.settle("10:00");
    let (case, _row) = world.open_cases().remove(0);
    world.decide(case, Choice::Recount);
    // From the task on until the count is in, no outcome tells: not that of the first count, which is
    // restated meanwhile, not that of the second.
    let told = |world: &World, op| format!("{:?}", world.outcome(op).outcome);
    let hidden = |told: &str| !told.contains("7341") && !told.contains("2341");
    assert!(hidden(&told(&world, first)), "{}", told(&world, first));
    let second = world.online(2, "10:30", &count("A-1", "X", "7340"));
    assert!(hidden(&told(&world, second)), "{}", told(&world, second));
    assert!(world.codes(second).is_empty(), "it is posted, and that is all");
    // When the count is in and judged, there is nothing to hide any more.
    world.settle("11:00");
    assert!(world.codes(second).contains(&"count_variance".to_owned()));
}

#[test]
fn settling_goes_on_where_it_stopped() {
    let mut world = World::new();
    let items = ["X", "Y", "Z", "T"];
    let mut counted = Vec::new();
    for hour in 9..13 {
        for minute in 0..60 {
            let item = items[minute % items.len()];
            counted.push(world.record(1, &format!("{hour}:{minute}"), &count("A-1", item, "0")));
        }
    }
    for op in &counted {
        world.arrive(op);
    }
    let waiting = |world: &World| {
        let open = |op: &&crate::world::Op| {
            world.outcome(op.id).outcome.settlement == Some(Settlement::Provisional)
        };
        counted.iter().filter(open).count()
    };
    world.settle("14:00");
    assert_eq!(waiting(&world), 40, "200 at most in one decision");
    world.settle("14:01");
    assert_eq!(waiting(&world), 0);
}
