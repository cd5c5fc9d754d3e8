//! What people answer and decide about movements, judged through the one door.

use protocol::code::Code;
use protocol::feed::{DocumentStatus, Role, TaskKind};
use protocol::identity::{CaseId, TaskId};
use protocol::operation::{Answer, Body, Condition, DocumentRef, Receive, Unidentified};
use protocol::outcome::{Decision, Outcome};
use protocol::quantity::Quantity;
use protocol::text::{Language, sentence};
use protocol::words::IdentifierCode;

use super::{PO, World};
use crate::command::people::GrantRole;
use crate::command::stock::Decide;
use crate::command::{Command, Handle};
use crate::key::KeyRange;
use crate::schema::case::{CaseState, Cases, Choice, TaskState, Tasks};
use crate::schema::item::Identifiers;
use crate::tables::Read as _;
use crate::world::{codes, goods, move_plate, moved, order, place, q, receive, undo};

fn open_case(world: &World) -> (CaseId, u32) {
    let cases = world.tables.list::<Cases>(&KeyRange::all());
    let open = cases.into_iter().find(|(_id, case)| case.state == CaseState::Open);
    open.map(|(id, case)| (id, case.version)).expect("a case is open")
}

pub(super) fn decide(world: &mut World, choice: Choice, correction: Option<Handle>) -> Outcome {
    let (case, version) = open_case(world);
    let remark = String::new();
    world.desk(&Command::Decide(Decide { case, version, choice, correction, remark }))
}

/// The open task that asks for a plate.
fn asked(world: &World) -> Option<TaskId> {
    let tasks = world.tables.list::<Tasks>(&KeyRange::all());
    let is_asked = |kind: TaskKind, state: &TaskState| {
        kind == TaskKind::VerifyPlate && *state == TaskState::Open
    };
    tasks.into_iter().find(|(_id, task)| is_asked(task.kind, &task.state)).map(|(id, _task)| id)
}

fn answer(world: &mut World, at_min: i64, word: &str) -> Outcome {
    let task = asked(world);
    assert!(task.is_some(), "somebody is asked");
    let body = Answer { task, case: None, answer: word.try_into().unwrap() };
    world.scan(4, at_min, None, Body::Answer(body)).1
}

/// Plate P1 was moved to A and to B at about the same time.
fn unsure() -> World {
    let mut world = World::new();
    let order = world.document(PO, "PO1", &[("BOLT", "10")]);
    world.scan(1, 60, Some(&order), receive("RECEIPT+P1", goods("BOLT", "10")));
    world.epsilon_us = 5 * 60_000_000;
    world.scan(2, 90, None, move_plate("P1", "A"));
    world.scan(3, 85, None, move_plate("P1", "B"));
    world.epsilon_us = 0;
    assert_eq!(world.held("MAIN/A+P1 BOLT"), q("10"));
    world
}

#[test]
fn case_17_a_plate_that_was_seen_is_free() {
    let mut world = unsure();
    answer(&mut world, 120, "here");
    assert_eq!(world.stock("MAIN/A+P1 BOLT"), q("10"));
    assert_eq!(world.held("MAIN/A+P1 BOLT"), Quantity::ZERO);
    assert_eq!(asked(&world), None);
}

#[test]
fn case_17_a_plate_that_is_not_here_is_looked_for_where_the_other_brought_it() {
    let mut world = unsure();
    answer(&mut world, 120, "not here");
    assert_eq!(world.held("MAIN/A+P1 BOLT"), q("10"), "nobody has seen it yet");
    answer(&mut world, 125, "here");
    assert_eq!(world.stock("MAIN/B+P1 BOLT"), q("10"));
    assert_eq!(world.held("MAIN/B+P1 BOLT"), Quantity::ZERO);
    assert_eq!(world.stock("MAIN/A+P1 BOLT"), Quantity::ZERO);
}

#[test]
fn case_17_a_plate_that_nobody_finds_stays_on_hold_and_a_person_decides() {
    let mut world = unsure();
    answer(&mut world, 120, "not here");
    let outcome = answer(&mut world, 125, "not here");
    assert!(codes(&outcome).contains(&Code::PlateNotFound), "{outcome:?}");
    assert_eq!(world.held("MAIN/A+P1 BOLT"), q("10"));
    assert_eq!(world.open_cases().len(), 1);
    assert_eq!(asked(&world), None);
}

#[test]
fn case_17_who_looked_for_a_plate_and_found_it_nowhere_is_never_told_that_this_was_refused() {
    for (choice, code) in
        [(Choice::Recount, Code::CaseRecount), (Choice::Dismiss, Code::CaseClosed)]
    {
        let mut world = unsure();
        answer(&mut world, 120, "not here");
        let task = asked(&world);
        let body = Answer { task, case: None, answer: "not here".try_into().unwrap() };
        let (looked, outcome) = world.scan(4, 125, None, Body::Answer(body));
        assert_eq!(outcome.decision, Decision::Accepted);
        decide(&mut world, choice, None);
        let told = world.outcome(looked);
        assert_eq!(told.decision, Decision::Accepted, "{choice:?}: what was seen stands");
        assert_eq!(codes(&told), [Code::PlateNotFound, code.clone()], "{choice:?}");
        let said = told.reasons.last().unwrap();
        for language in [Language::English, Language::Danish] {
            let text = sentence(said, language);
            assert!(
                text.contains("KIM") && !text.contains("ot booked") && !text.contains("bogført"),
                "{choice:?}: {text}"
            );
        }
        assert_eq!(world.held("MAIN/A+P1 BOLT"), q("10"), "nobody has seen it");
    }
}

#[test]
fn case_17_a_plate_of_which_nothing_is_free_is_looked_for_as_well() {
    let emptied: fn(&mut World, &DocumentRef) = |world, order| {
        world.scan(1, 60, Some(order), receive("RECEIPT+P1", goods("BOLT", "10")));
        world.scan(1, 62, None, moved("RECEIPT+P1", "C", goods("BOLT", "10")));
    };
    let held: fn(&mut World, &DocumentRef) = |world, order| {
        world.scan(1, 60, Some(order), receive("RECEIPT+P1", goods("NUT", "10")));
        assert_eq!(world.held("MAIN/RECEIPT+P1 NUT"), q("10"), "nobody ordered it");
    };
    for prepare in [emptied, held] {
        let mut world = World::new();
        let order = world.document(PO, "PO1", &[("BOLT", "10")]);
        prepare(&mut world, &order);
        let before = world.open_cases().len();
        world.epsilon_us = 5 * 60_000_000;
        world.scan(2, 90, None, move_plate("P1", "A"));
        world.scan(3, 85, None, move_plate("P1", "B"));
        world.epsilon_us = 0;
        answer(&mut world, 120, "not here");
        let outcome = answer(&mut world, 125, "not here");
        assert!(codes(&outcome).contains(&Code::PlateNotFound), "{outcome:?}");
        assert_eq!((asked(&world), world.open_cases().len()), (None, before + 1));
    }
}

#[test]
fn case_17_whoever_takes_goods_from_the_plate_later_has_seen_it() {
    for (bin, stays) in [("A", "A"), ("B", "B")] {
        let mut world = unsure();
        let from = format!("{bin}+P1");
        world.scan(1, 150, None, moved(&from, "C", goods("BOLT", "2")));
        let there = format!("MAIN/{stays}+P1 BOLT");
        assert_eq!((world.stock(&there), world.held(&there)), (q("8"), Quantity::ZERO), "{bin}");
    }
}

#[test]
fn case_17_whoever_moves_the_plate_later_has_found_it() {
    let mut world = unsure();
    world.scan(1, 150, None, move_plate("P1", "C"));
    assert_eq!(world.stock("MAIN/C+P1 BOLT"), q("10"));
    assert_eq!(world.held("MAIN/C+P1 BOLT"), Quantity::ZERO);
    // Who looks where it was meanwhile says nothing new.
    answer(&mut world, 155, "not here");
    assert_eq!((asked(&world), world.open_cases().len()), (None, 0));
    assert_eq!(world.stock("MAIN/C+P1 BOLT"), q("10"));
}

#[test]
fn a_correction_counts_for_the_document_that_it_names() {
    let mut world = World::new();
    let wrong = world.document(PO, "PO1", &[("NUT", "10")]);
    let right = world.document(PO, "PO2", &[("BOLT", "10")]);
    world.scan(1, 60, Some(&wrong), receive("A", goods("BOLT", "4")));
    assert_eq!(world.held("MAIN/A BOLT"), q("4"));
    let line = DocumentRef { line: Some(10_000), ..right.clone() };
    let correction = Handle::new(&receive("A", goods("BOLT", "4")), Some(line));
    let decided = decide(&mut world, Choice::Correct, Some(correction));
    assert_eq!(decided.decision, Decision::Accepted, "{decided:?}");
    assert_eq!(world.line(&right, 10_000).handled, q("4"));
    assert_eq!((world.stock("MAIN/A BOLT"), world.held("MAIN/A BOLT")), (q("4"), Quantity::ZERO));
    assert!(world.open_cases().is_empty());
}

#[test]
fn case_09_goods_for_a_closed_order_are_let_onto_it() {
    let mut world = World::new();
    let order = world.document(PO, "PO1", &[("BOLT", "10")]);
    world.set_status(&order, DocumentStatus::Closed, false);
    world.scan(1, 60, Some(&order), receive("A", goods("BOLT", "4")));
    assert_eq!(world.held("MAIN/A BOLT"), q("4"));
    let decided = decide(&mut world, Choice::ApproveOver, None);
    assert_eq!(decided.decision, Decision::Accepted, "{decided:?}");
    assert_eq!(world.header(&order).status, DocumentStatus::Released);
    assert_eq!(world.line(&order, 10_000).handled, q("4"));
    assert_eq!(world.held("MAIN/A BOLT"), Quantity::ZERO);
}

#[test]
fn case_10_a_plate_received_twice_waits_and_shows_every_receipt() {
    let mut world = World::new();
    let order = world.document(PO, "PO1", &[("BOLT", "100")]);
    world.scan(1, 58, Some(&order), receive("A", goods("BOLT", "60")));
    world.scan(1, 60, Some(&order), receive("A+P1", goods("BOLT", "30")));
    let (_id, twice) = world.scan(2, 62, Some(&order), receive("B+P1", goods("BOLT", "30")));
    assert_eq!(twice.decision, Decision::Parked);
    assert_eq!(codes(&twice), [Code::PlateReceivedTwice]);
    assert_eq!(world.line(&order, 10_000).handled, q("90"), "nothing of it is posted");
    assert_eq!(world.stock("MAIN/A+P1 BOLT"), q("30"));

    // It was another thirty after all.
    let decided = decide(&mut world, Choice::Accept, None);
    assert_eq!(decided.decision, Decision::Accepted, "{decided:?}");
    assert_eq!(world.stock("MAIN/B+P1 BOLT"), q("60"), "the plate was at B last");

    let (_id, third) = world.scan(3, 64, Some(&order), receive("C", goods("BOLT", "7")));
    assert_eq!(third.decision, Decision::Changed);
    let shown = world.open_cases();
    assert_eq!(shown.last().unwrap().others.len(), 3, "all receipts side by side");
}

#[test]
fn case_10_a_plate_whose_receipt_was_taken_back_is_received_anew() {
    let mut world = World::new();
    let order = world.document(PO, "PO1", &[("BOLT", "100")]);
    world.scan(1, 58, Some(&order), receive("A", goods("BOLT", "90")));
    let (first, _outcome) = world.scan(1, 60, Some(&order), receive("A+P1", goods("BOLT", "30")));
    world.scan(1, 61, None, undo(first));
    let (_id, anew) = world.scan(2, 62, Some(&order), receive("B+P1", goods("BOLT", "30")));
    assert_eq!(anew.decision, Decision::Changed, "{anew:?}");
    assert_eq!(world.stock("MAIN/B+P1 BOLT"), q("30"));
}

#[test]
fn a_code_that_nobody_knew_is_bound_as_the_next_scan_looks_it_up() {
    for (raw, code) in [
        ("]C0NEW-7", "NEW-7"),
        ("NEW-8\r", "NEW-8"),
        ("]E04006381333948", "4006381333948"),
        ("]d2010400638133394810L1\u{1D}21S1", "04006381333948"),
    ] {
        let mut world = World::new();
        let seen = Unidentified { place: place("A"), raw: raw.into(), quantity: q("2") };
        let (_id, outcome) = world.scan(1, 60, None, Body::Unidentified(seen));
        assert_eq!(outcome.decision, Decision::Parked, "{outcome:?}");
        let correction = Handle::new(&receive("A", goods("BOLT", "2")), None);
        let decided = decide(&mut world, Choice::Correct, Some(correction));
        assert_eq!(decided.decision, Decision::Accepted, "{decided:?}");
        let code: IdentifierCode = code.try_into().unwrap();
        assert!(world.tables.has::<Identifiers>(&code), "{raw:?}");
    }
}

#[test]
fn a_supervisor_of_the_location_decides_what_was_parked_there() {
    let mut world = World::new();
    for (who, at) in [("ANA", "MAIN"), ("BEN", "LEEDS")] {
        world.system(Command::GrantRole(GrantRole {
            operator: who.try_into().unwrap(),
            role: Role::Supervisor,
            location: Some(at.try_into().unwrap()),
        }));
    }
    let seen = Unidentified { place: place("A"), raw: "NEW-7".into(), quantity: q("2") };
    world.scan(1, 60, None, Body::Unidentified(seen));
    let (case, version) = open_case(&world);
    let correction = Some(Handle::new(&receive("A", goods("BOLT", "2")), None));
    let correct = |correction| {
        let (choice, remark) = (Choice::Correct, String::new());
        Command::Decide(Decide { case, version, choice, correction, remark })
    };
    let decide = correct(correction);
    assert_eq!(codes(&world.desk_as("BEN", &decide)), [Code::RightMissing], "of another hall");
    let mut elsewhere = place("L");
    elsewhere.location = "LEEDS".try_into().unwrap();
    let elsewhere =
        Receive { to: elsewhere, goods: goods("BOLT", "2"), condition: Condition::Good };
    let there = correct(Some(Handle::new(&Body::Receive(elsewhere), None)));
    assert_eq!(codes(&world.desk_as("ANA", &there)), [Code::RightMissing], "not her hall");
    let decided = world.desk_as("ANA", &decide);
    assert_eq!(decided.decision, Decision::Accepted, "{decided:?}");
    assert_eq!(world.stock("MAIN/A BOLT"), q("2"));
}

#[test]
fn an_order_that_is_named_nowhere_is_none() {
    let mut world = World::new();
    world.document(PO, "PO1", &[("BOLT", "10")]);
    let named = order(PO, "PO1");
    world.scan(1, 60, Some(&named), receive("A", goods("NUT", "4")));
    let correction = Handle::new(&receive("A", goods("BOLT", "4")), None);
    decide(&mut world, Choice::Correct, Some(correction));
    assert_eq!(world.line(&named, 10_000).handled, Quantity::ZERO);
    assert_eq!(world.stock("MAIN/A BOLT"), q("4"));
}
