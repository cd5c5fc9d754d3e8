//! Cases of CONFLICTS.md that are about counts, and what SYNC 4.3, 4.4 and 4.8 say beside them.

mod assigned;
mod decided;
mod joined;
mod seen;
mod unseen;

use ledger::schema::case::{CaseState, Choice};
use ledger::schema::count::CountState;
use ledger::schema::entry::EntryReason;
use protocol::feed::TaskKind;
use protocol::identity::OperationId;
use protocol::operation::{Body, Undo};
use protocol::outcome::{Argument, Decision, Settlement};
use protocol::words::OperatorId;

use crate::world::{MONO, World, at, count, days_later, pick, q};

const MINUTE_US: u64 = 60_000_000;

fn figure(world: &World, op: OperationId, code: &str, name: &str) -> Option<Argument> {
    let outcome = world.outcome(op).outcome;
    let reason = outcome.reasons.iter().find(|reason| reason.code.as_str() == code)?;
    let found = reason.arguments.iter().find(|(known, _argument)| known == name)?;
    Some(found.1.clone())
}

#[test]
fn case_01_a_count_offline_with_movements_before_and_after_it() {
    let mut world = World::new();
    world.opening("A-1", "X", "100");
    let unsent = world.record(3, "09:15", &pick("A-1", "X", "10"));
    world.online(2, "09:20", &pick("A-1", "X", "20"));
    let counted = world.record(1, "10:00", &count("A-1", "X", "68"));
    world.online(2, "10:30", &pick("A-1", "X", "5"));
    world.clock("11:00");
    world.arrive(&counted);
    // Counted 68, book then 80, book when it arrived 75, five moved in between.
    let quantity = |text| Some(Argument::Quantity(q(text)));
    for (name, expected) in
        [("counted", "68"), ("book", "80"), ("at_arrival", "75"), ("difference", "-12")]
    {
        assert_eq!(
            figure(&world, counted.id, "count_variance", name),
            quantity(expected),
            "{name}"
        );
    }
    world.arrive(&unsent);
    assert_eq!(world.difference(counted.id, "X"), "-2");
    assert_eq!(world.stock("A-1", "X"), "63");
    assert_eq!(world.outcome(counted.id).outcome.settlement, Some(Settlement::Provisional));
    world.settle("12:00");
    assert_eq!(world.counted(counted.id, "X").state, CountState::NeedsApproval);
    assert_eq!(world.outcome(counted.id).outcome.settlement, Some(Settlement::Settled));
}

#[test]
fn case_01_a_count_waits_for_the_watermark() {
    let mut world = World::new();
    world.opening("A-1", "X", "10");
    let about = (at("10:00"), 5 * MINUTE_US, false);
    let counted = world.record_about(1, about, &count("A-1", "X", "10"));
    world.arrive(&counted);
    world.settle("10:05");
    assert_eq!(world.counted(counted.id, "X").state, CountState::Provisional, "not beyond τ + ε");
    world.settle("10:06");
    assert_eq!(world.counted(counted.id, "X").state, CountState::Settled);
    assert!(world.codes(counted.id).contains(&"count_settled".to_owned()));
}

#[test]
fn case_02_a_movement_older_than_a_settled_count_has_it_judged_again() {
    let mut world = World::new();
    world.opening("A-1", "T", "100");
    let unsent = world.record(2, "09:20", &pick("A-1", "T", "10"));
    let counted = world.online(1, "10:00", &count("A-1", "T", "97"));
    world.settle("10:30");
    assert_eq!(world.counted(counted, "T").state, CountState::Settled);
    let revision = world.outcome(counted).outcome.revision;
    world.clock("11:00");
    world.arrive(&unsent);
    // The pick and the correction of the count: the book does not move.
    assert_eq!(world.stock("A-1", "T"), "97");
    let row = world.counted(counted, "T");
    assert_eq!((row.difference, row.state, row.version), (q("7"), CountState::Provisional, 1));
    let outcome = world.outcome(counted).outcome;
    assert_eq!((outcome.revision, outcome.decision), (revision + 1, Decision::Changed));
    assert_eq!(
        figure(&world, counted, "late_absorbed", "quantity"),
        Some(Argument::Quantity(q("10")))
    );
    assert_eq!(
        figure(&world, counted, "count_corrected", "before"),
        Some(Argument::Quantity(q("-3")))
    );
    world.settle("11:30");
    assert_eq!(world.counted(counted, "T").state, CountState::NeedsApproval, "tolerance left");
}

#[test]
fn case_02_an_approval_is_shown_with_the_new_figures() {
    let mut world = World::new();
    world.opening("A-1", "X", "100");
    let unsent = world.record(2, "09:20", &pick("A-1", "X", "10"));
    let counted = world.online(1, "10:00", &count("A-1", "X", "80"));
    world.settle("10:30");
    let (case, _row) = world.open_cases().remove(0);
    world.decide(case, Choice::Accept);
    world.arrive(&unsent);
    world.settle("11:00");
    let row = world.case(case);
    assert_eq!((row.state, row.earlier, row.version), (CaseState::Open, Some(Choice::Accept), 2));
    assert_eq!(world.counted(counted, "X").state, CountState::NeedsApproval);
    // The earlier approval does not stand for the new figure; a new one does.
    world.decide(case, Choice::Accept);
    assert_eq!(world.counted(counted, "X").accepted, Some(q("-10")));
}

#[test]
fn case_02_the_correction_takes_its_cost_from_the_difference_that_it_corrects() {
    use ledger::key::KeyRange;
    use ledger::schema::entry::ItemLedger;
    use ledger::tables::Read as _;
    let mut world = World::new();
    world.opening("A-1", "X", "100");
    let unsent = world.record(2, "09:20", &pick("A-1", "X", "10"));
    let counted = world.online(1, "10:00", &count("A-1", "X", "94"));
    let difference = world.counted(counted, "X").links[0];
    world.arrive(&unsent);
    let entries = world.tables.list::<ItemLedger>(&KeyRange::all());
    let corrections: Vec<_> = entries
        .iter()
        .filter(|(_no, entry)| entry.reason == EntryReason::CountCorrection)
        .map(|(_no, entry)| (entry.quantity, entry.applies_from, entry.correction))
        .collect();
    // Six undo the difference of minus six, with its cost; four are a find.
    assert_eq!(difference.1, q("-6"));
    assert_eq!(corrections[0], (q("6"), difference.0, true));
    assert_eq!((corrections[1].0, corrections[1].1.0), (q("4"), 0));
    assert_eq!(world.counted(counted, "X").links.len(), 1);
}

#[test]
fn case_03_a_movement_within_the_scans_of_a_count_asks_for_a_recount() {
    let mut world = World::new();
    world.opening("A-1", "X", "10");
    let Body::Count(scanned) = count("A-1", "X", "10") else { unreachable!("a count") };
    let started_us = Some(MONO - 10 * MINUTE_US);
    let scanned = Body::Count(protocol::operation::Count { started_us, ..scanned });
    let counted = world.record(1, "10:00", &scanned);
    world.online(2, "09:55", &pick("A-1", "X", "3"));
    world.arrive(&counted);
    assert_eq!(world.difference(counted.id, "X"), "3", "τ decides what is posted");
    world.settle("11:00");
    assert_eq!(world.counted(counted.id, "X").state, CountState::Recount);
    let codes = world.codes(counted.id);
    assert!(codes.contains(&"count_ambiguous".to_owned()), "{codes:?}");
    let tasks = world.open_tasks();
    assert_eq!(tasks.len(), 1);
    assert_eq!(tasks[0].not_by.as_ref().map(OperatorId::as_str), Some("ANA"));
    let again = world.online(3, "11:10", &count("A-1", "X", "7"));
    assert_eq!(world.difference(again, "X"), "-3", "the recount posts what is left");
    assert!(world.open_tasks().is_empty());
    assert!(world.codes(counted.id).contains(&"count_superseded".to_owned()));
}

#[test]
fn case_03_ambiguity_within_tolerance_is_settled_with_a_mark() {
    let mut world = World::new();
    world.opening("A-1", "T", "100");
    let about = (at("10:00"), 2 * MINUTE_US, false);
    let counted = world.record_about(1, about, &count("A-1", "T", "100"));
    world.online(2, "10:01", &pick("A-1", "T", "4"));
    world.arrive(&counted);
    world.settle("11:00");
    assert_eq!(world.counted(counted.id, "T").state, CountState::Settled);
    let codes = world.codes(counted.id);
    assert!(codes.contains(&"count_ambiguous".to_owned()), "the mark: {codes:?}");
    assert!(world.open_tasks().is_empty());
}

#[test]
fn case_03_an_ambiguous_movement_after_settlement_opens_the_judgement_again() {
    let mut world = World::new();
    world.opening("A-1", "X", "10");
    let late = world.record_about(2, (at("10:03"), 5 * MINUTE_US, false), &pick("A-1", "X", "2"));
    let counted = world.online(1, "10:00", &count("A-1", "X", "10"));
    world.settle("10:30");
    assert_eq!(world.counted(counted, "X").state, CountState::Settled);
    world.arrive(&late);
    assert_eq!(world.difference(counted, "X"), "0");
    world.settle("11:00");
    assert_eq!(world.counted(counted, "X").state, CountState::Recount);
}

#[test]
fn case_03_what_the_counter_had_seen_is_not_ambiguous() {
    // Both acts of one device: its own order decides, however wide its interval is.
    let mut world = World::new();
    world.opening("A-1", "X", "10");
    let wide = |clock| (at(clock), 30 * MINUTE_US, false);
    let picked = world.record_about(1, wide("09:50"), &pick("A-1", "X", "2"));
    let counted = world.record_about(1, wide("10:00"), &count("A-1", "X", "8"));
    world.arrive(&picked);
    world.arrive(&counted);
    world.settle("12:00");
    assert_eq!(world.counted(counted.id, "X").state, CountState::Settled);
}

#[test]
fn case_03_what_the_replica_of_the_counter_held_is_not_ambiguous() {
    for seen in [true, false] {
        let mut world = World::new();
        world.opening("A-1", "X", "10");
        let wide = (at("09:50"), 30 * MINUTE_US, false);
        let picked = world.record_about(2, wide, &pick("A-1", "X", "2"));
        world.arrive(&picked);
        if seen {
            world.cursor = world.lsn();
        }
        let counted = world.online(1, "10:00", &count("A-1", "X", "8"));
        world.settle("12:00");
        let expected = if seen { CountState::Settled } else { CountState::Recount };
        assert_eq!(world.counted(counted, "X").state, expected);
    }
}

#[test]
fn case_04_two_people_find_the_same() {
    let mut world = World::new();
    world.opening("A-1", "X", "12");
    let first = world.online(1, "09:30", &count("A-1", "X", "11"));
    let second = world.online(2, "09:40", &count("A-1", "X", "11"));
    assert_eq!(
        (world.difference(first, "X"), world.difference(second, "X")),
        ("-1".into(), "0".into())
    );
    world.settle("10:00");
    assert_eq!(world.counted(second, "X").state, CountState::Settled);
    assert_eq!(world.stock("A-1", "X"), "11");
}

#[test]
fn case_05_goods_on_a_cart_while_the_bin_is_counted() {
    let mut world = World::new();
    world.opening("A-1", "X", "10");
    // Taken before the count, told after it: the pick scan decides.
    let cart = world.record(2, "09:55", &pick("A-1", "X", "4"));
    let counted = world.online(1, "10:00", &count("A-1", "X", "6"));
    assert_eq!(world.difference(counted, "X"), "-4");
    world.clock("10:20");
    world.arrive(&cart);
    assert_eq!(world.difference(counted, "X"), "0");
    assert_eq!((world.stock("A-1", "X"), world.stock("CART", "X")), ("6".into(), "4".into()));
}

#[test]
fn case_40_an_uncertain_movement_beside_a_count_ends_in_a_recount() {
    let mut world = World::new();
    world.opening("A-1", "T", "100");
    let unsure = (at("10:00"), 60 * MINUTE_US, true);
    let picked = world.record_about(2, unsure, &pick("A-1", "T", "1"));
    let counted = world.online(1, "09:30", &count("A-1", "T", "99"));
    world.arrive(&picked);
    world.settle("13:00");
    let row = world.counted(counted, "T");
    assert_eq!(row.state, CountState::Recount, "never by tolerance alone");
    assert!(world.codes(counted).contains(&"clock_uncertain".to_owned()));
    assert!(world.open_tasks().iter().any(|task| task.kind == TaskKind::Recount));
}

#[test]
fn case_03_an_undo_of_an_act_with_an_unsure_clock_has_the_count_beside_it_judged_again() {
    let beside = |clock: &str, uncertain| (at(clock), 5 * MINUTE_US, uncertain);
    for (clock, uncertain) in [("10:03", false), ("09:58", false), ("10:03", true)] {
        let mut world = World::new();
        world.opening("A-1", "X", "10");
        let seen = if clock < "10:00" { "8" } else { "10" };
        let counted = world.online(1, "10:00", &count("A-1", "X", seen));
        let taken = world.record_about(2, beside(clock, uncertain), &pick("A-1", "X", "2"));
        world.arrive(&taken);
        world.settle("10:30");
        assert_eq!(world.counted(counted, "X").state, CountState::Recount, "{clock}");
        assert_eq!(world.open_tasks().len(), 1, "{clock}");
        // The clock of whoever takes it back is sure.
        let undo = Undo { incarnation: taken.id.incarnation, seq: taken.id.seq };
        world.online(2, "10:40", &Body::Undo(undo));
        assert_eq!(world.counted(counted, "X").state, CountState::Provisional, "{clock}");
        world.settle("11:00");
        let sure = if seen == "10" { CountState::Settled } else { CountState::NeedsApproval };
        assert_eq!(world.counted(counted, "X").state, sure, "{clock}: nothing lies beside it");
        let codes = world.codes(counted);
        for gone in ["count_ambiguous", "clock_uncertain"] {
            assert!(!codes.contains(&gone.to_owned()), "{clock}: {codes:?}");
        }
        // Who is to approve a difference may still have it counted.
        let left = usize::from(sure == CountState::NeedsApproval);
        assert_eq!(world.open_tasks().len(), left, "{clock}: {:?}", world.open_tasks());
        world.check();
    }
}

#[test]
fn a_count_older_than_the_time_line_reads_the_entries() {
    use ledger::key::KeyRange;
    use ledger::schema::count::Movements;
    use ledger::tables::Read as _;
    let mut world = World::new();
    world.opening("A-1", "X", "100");
    world.online(2, "10:00", &pick("A-1", "X", "10"));
    let forgotten = world.record(1, "09:30", &count("A-1", "X", "97"));
    world.settle_until(days_later(10, "08:00"));
    for minute in 10..30 {
        let instant = (days_later(10, &format!("09:{minute}")), 0, false);
        let op = world.record_about(2, instant, &pick("A-1", "X", "1"));
        world.arrive(&op);
    }
    let kept = world.tables.list::<Movements>(&KeyRange::all());
    let of_x = kept.iter().filter(|((_key, order), _row)| order.tau < at("23:00")).count();
    assert_eq!(of_x, 0, "old movements are dropped when new ones come");
    world.arrive(&forgotten);
    assert_eq!(world.difference(forgotten.id, "X"), "-3");
    assert_eq!(world.stock("A-1", "X"), "67");
}
