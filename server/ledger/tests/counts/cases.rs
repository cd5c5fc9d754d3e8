//! Cases of CONFLICTS.md that are about counts, and what SYNC 4.3, 4.4 and 4.8 say beside them.

use ledger::command::Command;
use ledger::command::stock::CalculateCounts;
use ledger::command::{EnterCounts, stock::Decide};
use ledger::conflict::{PreviewLine, preview};
use ledger::count::{DeviceStatement, SiteWatermark, is_blind};
use ledger::schema::SiteId;
use ledger::schema::case::{CaseState, Choice};
use ledger::schema::count::CountState;
use ledger::schema::entry::EntryReason;
use protocol::feed::TaskKind;
use protocol::identity::{DeviceId, IntakeNo, OperationId};
use protocol::operation::{Body, Undo};
use protocol::outcome::{Argument, Decision, Settlement};
use protocol::words::OperatorId;

use crate::world::{
    MONO, World, at, count, count_bin, days_later, goods, moved, on_plate, pick, place, q, receive,
    serial,
};

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
fn case_07_a_count_whose_task_is_gone_still_counts() {
    let mut world = World::new();
    world.opening("A-1", "X", "2");
    world.online(2, "09:00", &pick("A-1", "X", "3"));
    assert_eq!(world.open_tasks().len(), 1, "the bin is below zero");
    let first = world.online(1, "09:30", &count("A-1", "X", "0"));
    assert!(world.open_tasks().is_empty(), "answered unasked");
    assert_eq!(world.difference(first, "X"), "1");
    let Body::Count(spot) = count("A-1", "X", "1") else { unreachable!("a count") };
    let task = Some(protocol::identity::TaskId(1));
    let spot = Body::Count(protocol::operation::Count { task, ..spot });
    let second = world.online(3, "09:40", &spot);
    assert_eq!(world.difference(second, "X"), "1");
    assert_eq!(world.outcome(second).outcome.decision, Decision::Accepted);
}

#[test]
fn case_08_what_was_not_touched_is_unknown_and_not_nothing() {
    let mut world = World::new();
    world.opening("A-1", "X", "5");
    world.opening("A-1", "Y", "6");
    let counted = world.online(1, "09:30", &count("A-1", "X", "4"));
    assert_eq!(world.counts(counted).len(), 1);
    assert_eq!((world.stock("A-1", "X"), world.stock("A-1", "Y")), ("4".into(), "6".into()));
}

#[test]
fn case_08_a_line_of_a_complete_count_stands_at_its_own_scan() {
    let mut world = World::new();
    world.opening("A-1", "X", "10");
    world.opening("A-1", "Y", "10");
    let Body::CountBin(mut whole) = count_bin("A-1", vec![goods("X", "10"), goods("Y", "8")])
    else {
        unreachable!("a count of a bin")
    };
    // X was scanned at 09:40, Y at 10:00; at 09:50 both were picked from.
    whole.lines[0].mono_us = MONO - 20 * MINUTE_US;
    let whole = world.record(1, "10:00", &Body::CountBin(whole));
    for item in ["X", "Y"] {
        world.online(2, "09:50", &pick("A-1", item, "2"));
    }
    world.arrive(&whole);
    assert_eq!(
        (world.difference(whole.id, "X"), world.difference(whole.id, "Y")),
        ("0".into(), "0".into())
    );
    assert_eq!((world.stock("A-1", "X"), world.stock("A-1", "Y")), ("8".into(), "8".into()));
}

#[test]
fn case_31_a_serial_is_where_it_was_seen_last() {
    let mut world = World::new();
    world.opening_of("A-1", serial("S", "S1"));
    let late = world.record(1, "09:00", &moved("A-1", "A-2", serial("S", "S1")));
    let whole = world.online(2, "09:30", &count_bin("A-1", Vec::new()));
    assert_eq!(world.stock("MISSING", "S"), "1");
    assert!(world.codes(whole).contains(&"serial_missing".to_owned()));
    world.clock("12:00");
    world.arrive(&late);
    assert_eq!((world.stock("A-2", "S"), world.stock("MISSING", "S")), ("1".into(), "0".into()));
    assert!(
        !world.codes(whole).contains(&"serial_missing".to_owned()),
        "it was not there any more"
    );
}

#[test]
fn case_31_an_unknown_serial_in_a_count_waits_and_the_rest_is_posted() {
    let mut world = World::new();
    world.opening("A-1", "X", "3");
    let lines = vec![goods("X", "2"), serial("S", "S9")];
    let whole = world.online(1, "09:30", &count_bin("A-1", lines));
    assert_eq!(world.stock("A-1", "S"), "0", "nothing is added until decided");
    assert_eq!(world.difference(whole, "X"), "-1");
    assert_eq!(world.outcome(whole).outcome.decision, Decision::Parked);
    let (case, row) = world.open_cases().remove(0);
    assert_eq!(row.reasons[0].code.as_str(), "serial_unknown");
    world.decide(case, Choice::Accept);
    assert_eq!(world.stock("A-1", "S"), "1");
    assert!(world.codes(whole).contains(&"case_accepted".to_owned()));
}

#[test]
fn case_31_an_unknown_serial_is_booked_when_its_receipt_comes_late() {
    let mut world = World::new();
    let received = world.record(2, "09:00", &receive("A-2", serial("S", "S9")));
    let Body::CountBin(whole) = count_bin("A-1", vec![serial("S", "S9")]) else {
        unreachable!("a count of a bin")
    };
    let whole = world.online(1, "09:30", &Body::CountBin(whole));
    assert_eq!(world.open_cases().len(), 1);
    world.arrive(&received);
    assert_eq!((world.stock("A-1", "S"), world.stock("A-2", "S")), ("1".into(), "0".into()));
    assert!(!world.codes(whole).contains(&"serial_unknown".to_owned()));
    let about_serial = |code: &str| {
        world.open_cases().iter().any(|(_id, case)| case.reasons[0].code.as_str() == code)
    };
    assert!(!about_serial("serial_unknown"));
}

#[test]
fn plates_seen_closed_keep_their_content_and_unseen_ones_are_missing() {
    let mut world = World::new();
    for (plate, item) in [("P1", "X"), ("P2", "Y"), ("P3", "Z")] {
        let received = protocol::operation::Receive {
            to: on_plate("A-1", plate),
            goods: goods(item, "5"),
            condition: protocol::operation::Condition::Good,
        };
        world.online(1, "08:30", &Body::Receive(received));
    }
    let Body::CountBin(mut whole) = count_bin("A-1", vec![goods("Z", "4")]) else {
        unreachable!("a count of a bin")
    };
    whole.lines[0].plate = Some("P3".try_into().unwrap());
    whole.plates_seen_closed.push("P1".try_into().unwrap());
    let counted = world.online(2, "09:30", &Body::CountBin(whole));
    assert_eq!(world.stock("A-1", "X"), "5", "as booked");
    assert_eq!((world.stock("A-1", "Y"), world.stock("MISSING", "Y")), ("0".into(), "5".into()));
    assert_eq!(world.stock("A-1", "Z"), "4", "opened and counted");
    assert!(world.codes(counted).contains(&"lpn_missing".to_owned()));
    // A later sighting restores it.
    let found = Body::MovePlate(protocol::operation::MovePlate {
        plate: "P2".try_into().unwrap(),
        to: place("A-2"),
    });
    world.online(1, "10:00", &found);
    assert_eq!((world.stock("A-2", "Y"), world.stock("MISSING", "Y")), ("5".into(), "0".into()));
}

#[test]
fn a_plate_that_had_left_before_a_complete_count_is_not_missing() {
    let mut world = World::new();
    let received = protocol::operation::Receive {
        to: on_plate("A-1", "P1"),
        goods: goods("X", "5"),
        condition: protocol::operation::Condition::Good,
    };
    world.online(1, "08:30", &Body::Receive(received));
    let plate = "P1".try_into().unwrap();
    let left = Body::MovePlate(protocol::operation::MovePlate { plate, to: place("A-3") });
    let left = world.record(3, "09:00", &left);
    world.online(2, "09:30", &count_bin("A-1", Vec::new()));
    assert_eq!(world.stock("MISSING", "X"), "5");
    world.arrive(&left);
    assert_eq!((world.stock("A-3", "X"), world.stock("MISSING", "X")), ("5".into(), "0".into()));
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
    let undo = Body::Undo(Undo { incarnation: whole.incarnation, seq: whole.seq });
    let undone = world.online(1, "09:40", &undo);
    assert_eq!(world.outcome(undone).outcome.decision, Decision::Accepted);
    assert_eq!((world.stock("A-1", "X"), world.stock("A-1", "Y")), ("10".into(), "4".into()));
    assert_eq!((world.stock("A-1", "S"), world.stock("MISSING", "S")), ("1".into(), "0".into()));
    assert!(world.codes(whole).contains(&"undone_by_operator".to_owned()));
    // It says nothing of keys that appear later, either.
    let late = world.record(2, "09:00", &moved("A-2", "A-1", goods("Z", "8")));
    world.arrive(&late);
    assert_eq!(world.stock("A-1", "Z"), "8");
}

#[test]
fn an_undone_complete_count_gives_missing_plates_back() {
    let mut world = World::new();
    let received = protocol::operation::Receive {
        to: on_plate("A-1", "P1"),
        goods: goods("X", "5"),
        condition: protocol::operation::Condition::Good,
    };
    world.online(2, "08:30", &Body::Receive(received));
    let whole = world.online(1, "09:30", &count_bin("A-1", Vec::new()));
    assert_eq!(world.stock("MISSING", "X"), "5");
    let undo = Body::Undo(Undo { incarnation: whole.incarnation, seq: whole.seq });
    world.online(1, "09:40", &undo);
    assert_eq!((world.stock("A-1", "X"), world.stock("MISSING", "X")), ("5".into(), "0".into()));
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
fn what_another_count_waits_for_stays_asked() {
    let mut world = World::new();
    world.opening("A-1", "X", "10");
    let unsent = world.record(3, "09:31", &pick("A-1", "X", "2"));
    let first = world.online(1, "09:30", &count("A-1", "X", "10"));
    let second = world.online(2, "09:35", &count("A-1", "X", "8"));
    world.settle("10:00");
    assert_eq!(world.counted(first, "X").state, CountState::Recount);
    assert_eq!(world.counted(second, "X").state, CountState::Recount);
    assert_eq!(world.open_tasks().len(), 1);
    // The pick explains it: both are judged again, and nobody has to count.
    world.arrive(&unsent);
    world.settle("10:30");
    assert_eq!(world.counted(second, "X").state, CountState::Settled);
    assert_eq!(world.counted(first, "X").state, CountState::Settled);
    assert!(world.open_tasks().is_empty());
    assert!(world.open_cases().is_empty());
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

#[test]
fn bins_are_asked_to_be_counted_once_each_and_a_count_of_the_whole_bin_answers() {
    use ledger::command::stock::{AskCounts, BinOf};
    use protocol::code::Code;
    let mut world = World::new();
    world.opening("A-1", "X", "100");
    let of =
        |bin: &str| BinOf { location: "MAIN".try_into().unwrap(), bin: bin.try_into().unwrap() };
    let ask = |bins: &[&str]| {
        let bins = bins.iter().map(|bin| of(bin)).collect();
        Command::AskCounts(AskCounts { bins, reason: Code::DeviceLost, blind: true })
    };
    let nowhere = world.desk(&ask(&["A-1", "NOWHERE"]));
    assert_eq!(world.codes(nowhere), ["bin_unknown"]);
    assert!(world.open_tasks().is_empty(), "it is refused whole");
    world.clock("09:00");
    for _time in 0..2 {
        let asked = world.desk(&ask(&["A-1", "A-2", "A-1"]));
        assert_eq!(world.outcome(asked).outcome.decision, Decision::Accepted);
        let tasks = world.open_tasks();
        assert_eq!(tasks.len(), 2, "{tasks:?}");
        assert!(tasks.iter().all(|task| task.reason == "device_lost" && task.blind));
    }
    world.online(1, "10:00", &count("A-1", "X", "100"));
    assert_eq!(world.open_tasks().len(), 2, "one item is not the bin");
    let lines = vec![goods("X", "100")];
    world.online(1, "10:10", &count_bin("A-1", lines));
    assert_eq!(world.open_tasks().len(), 1);
}
