//! What a count says of serials, of plates and of what nobody touched; what stays asked.

use ledger::command::stock::CalculateCounts;
use ledger::command::{Command, EnterCounts};
use ledger::lookup;
use ledger::schema::case::Choice;
use ledger::schema::count::CountState;
use protocol::identity::{IntakeNo, OperationId};
use protocol::operation::{Body, Undo};
use protocol::outcome::Decision;

use super::MINUTE_US;
use crate::world::{
    MONO, World, at, count, count_bin, goods, moved, on_plate, pick, place, receive, serial,
};

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

/// A serial in A-1 that one person moves to A-2 about 09:26, by a clock of which five minutes are known,
/// and that another one sees in A-1 at 09:30, in a count of the whole bin. Gives back both acts.
fn seen_beside_a_move(seen_first: bool) -> (World, OperationId, OperationId) {
    let mut world = World::new();
    world.opening_of("A-1", serial("S", "S1"));
    world.opening("A-1", "X", "5");
    let moved = world.record_about(
        1,
        (at("09:26"), 5 * MINUTE_US, false),
        &moved("A-1", "A-2", serial("S", "S1")),
    );
    let lines = vec![goods("X", "4"), serial("S", "S1")];
    let seen = world.record(2, "09:30", &count_bin("A-1", lines));
    for act in if seen_first { [&seen, &moved] } else { [&moved, &seen] } {
        world.arrive(act);
    }
    (world, moved.id, seen.id)
}

pub(super) fn bins_to_look_into(world: &World) -> Vec<String> {
    let open = world.open_tasks();
    open.iter().map(|task| lookup::bin_text(&world.tables, task.location, task.bin)).collect()
}

#[test]
fn case_31_a_serial_counted_beside_a_move_that_may_be_later_is_asked_for_in_both_bins() {
    for seen_first in [true, false] {
        let (mut world, moved, seen) = seen_beside_a_move(seen_first);
        assert_eq!((world.stock("A-1", "S"), world.stock("A-2", "S")), ("1".into(), "0".into()));
        let told = world.codes(if seen_first { moved } else { seen });
        assert!(told.contains(&"serial_place_unsure".to_owned()), "{seen_first} {told:?}");
        assert_eq!(bins_to_look_into(&world), ["A-1", "A-2"], "{seen_first}");
        let (_id, case) = world.open_cases().remove(0);
        assert_eq!((case.operation, case.others), (seen, vec![moved]), "both side by side");

        world.online(3, "09:50", &count_bin("A-2", vec![serial("S", "S1")]));
        assert_eq!((world.stock("A-1", "S"), world.stock("A-2", "S")), ("0".into(), "1".into()));
        assert!(world.open_cases().is_empty(), "somebody has seen it");
    }
}

#[test]
fn case_31_a_supervisor_who_believes_the_move_takes_back_what_was_seen_of_the_serial_alone() {
    let (mut world, _moved, seen) = seen_beside_a_move(true);
    let (case, _row) = world.open_cases().remove(0);
    world.decide(case, Choice::Dismiss);
    assert_eq!((world.stock("A-1", "S"), world.stock("A-2", "S")), ("0".into(), "1".into()));
    assert_eq!((world.stock("A-1", "X"), world.difference(seen, "X")), ("4".into(), "-1".into()));
    assert!(world.open_cases().is_empty());
}

#[test]
fn case_31_a_supervisor_who_believes_the_move_takes_back_what_a_desk_has_seen_too() {
    let mut world = World::new();
    world.opening_of("A-1", serial("S", "S1"));
    world.clock("09:30");
    let calculate = CalculateCounts { location: "MAIN".try_into().unwrap() };
    let calculated = world.desk(&Command::CalculateCounts(calculate));
    let about = (at("09:26"), 5 * MINUTE_US, false);
    let moved = world.record_about(1, about, &moved("A-1", "A-2", serial("S", "S1")));
    world.arrive(&moved);
    let Body::Count(mut line) = count("A-1", "S", "1") else { unreachable!("a count") };
    line.goods = serial("S", "S1");
    world.desk(&Command::EnterCounts(EnterCounts {
        calculated: IntakeNo(calculated.seq.0),
        counts: vec![line],
    }));
    let (case, row) = world.open_cases().remove(0);
    assert_eq!(row.reasons[0].code.as_str(), "serial_place_unsure");
    world.decide(case, Choice::Dismiss);
    assert_eq!((world.stock("A-1", "S"), world.stock("A-2", "S")), ("0".into(), "1".into()));
    assert!(world.open_cases().is_empty());
}

#[test]
fn case_31_a_serial_counted_where_a_move_took_it_from_later_asks_nothing() {
    let mut world = World::new();
    world.opening_of("A-1", serial("S", "S1"));
    world.online(2, "09:25", &count_bin("A-1", vec![serial("S", "S1")]));
    let moved = world.record_about(
        1,
        (at("09:26"), 5 * MINUTE_US, false),
        &moved("A-1", "A-2", serial("S", "S1")),
    );
    world.arrive(&moved);
    assert_eq!(world.stock("A-2", "S"), "1");
    assert!(world.open_cases().is_empty() && world.open_tasks().is_empty());
}

#[test]
fn case_31_a_serial_not_counted_beside_a_move_into_the_bin_is_looked_for_there() {
    for seen_first in [true, false] {
        let mut world = World::new();
        world.opening_of("A-1", serial("S", "S1"));
        let moved = world.record_about(
            1,
            (at("09:26"), 5 * MINUTE_US, false),
            &moved("A-1", "A-2", serial("S", "S1")),
        );
        let whole = world.record(2, "09:30", &count_bin("A-2", Vec::new()));
        for act in if seen_first { [&whole, &moved] } else { [&moved, &whole] } {
            world.arrive(act);
        }
        assert_eq!(
            (world.stock("A-2", "S"), world.stock("MISSING", "S")),
            ("0".into(), "1".into())
        );
        assert_eq!(bins_to_look_into(&world), ["A-2"], "{seen_first}");
        assert_eq!(world.open_cases().len(), 1, "{seen_first}");

        world.online(3, "09:50", &count_bin("A-2", vec![serial("S", "S1")]));
        assert_eq!(
            (world.stock("A-2", "S"), world.stock("MISSING", "S")),
            ("1".into(), "0".into())
        );
        assert!(world.open_cases().is_empty() && world.open_tasks().is_empty());
    }
}

#[test]
fn case_31_a_serial_not_counted_after_a_move_into_the_bin_is_missing_and_nothing_is_asked() {
    for seen_first in [true, false] {
        let mut world = World::new();
        world.opening_of("A-1", serial("S", "S1"));
        let about = (at("09:26"), 5 * MINUTE_US, false);
        let moved = world.record_about(1, about, &moved("A-1", "A-2", serial("S", "S1")));
        // What is known of the instant of the count is no less when the move is what arrives later.
        let whole = world.record(2, "09:32", &count_bin("A-2", Vec::new()));
        for act in if seen_first { [&whole, &moved] } else { [&moved, &whole] } {
            world.arrive(act);
        }
        assert_eq!(world.stock("MISSING", "S"), "1", "{seen_first}");
        assert!(world.open_cases().is_empty() && world.open_tasks().is_empty(), "{seen_first}");
    }
}

#[test]
fn case_31_a_serial_not_counted_in_one_of_two_places_is_still_asked_for_in_the_other() {
    let mut world = World::new();
    world.opening_of("A-1", serial("S", "S1"));
    // It was brought on from A-2, so it came there before: the clock of who did that is slow.
    let about = (at("09:26"), 5 * MINUTE_US, false);
    let onward = world.record_about(1, about, &moved("A-2", "A-3", serial("S", "S1")));
    world.arrive(&onward);
    let brought = world.online(2, "09:30", &moved("A-1", "A-2", serial("S", "S1")));
    assert_eq!(world.stock("A-2", "S"), "1", "by the time line");
    assert_eq!(bins_to_look_into(&world), ["A-2", "A-3"]);

    let whole = world.online(3, "09:50", &count_bin("A-2", Vec::new()));
    assert_eq!((world.stock("A-2", "S"), world.stock("MISSING", "S")), ("0".into(), "1".into()));
    assert_eq!(bins_to_look_into(&world), ["A-3"]);
    let cases = world.open_cases();
    let [(_id, case)] = cases.as_slice() else { panic!("one case: {cases:?}") };
    assert_eq!(case.reasons[0].code.as_str(), "serial_place_unsure");
    assert_eq!((case.operation, &case.others), (whole, &vec![onward.id]), "beside {brought}");

    world.online(3, "09:55", &count_bin("A-3", vec![serial("S", "S1")]));
    assert_eq!((world.stock("A-3", "S"), world.stock("MISSING", "S")), ("1".into(), "0".into()));
    assert!(world.open_cases().is_empty() && world.open_tasks().is_empty());
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
