//! What a choice does with an operation that is parked, or posted with a question.

use ledger::command::Command;
use ledger::command::papers::{PutDocument, PutLine};
use ledger::draft::Draft;
use ledger::schema::case::{CaseState, Choice};
use ledger::schema::document::DocumentLines;
use ledger::schema::identity::{Device, DeviceState, Devices};
use ledger::schema::stock::Holds;
use ledger::tables::Read as _;
use protocol::feed::TaskKind;
use protocol::frame::KeyAlgorithm;
use protocol::identity::{CaseId, DeviceId, Incarnation, OperationId, ServerTime};
use protocol::operation::{Body, DocumentKind, DocumentRef, Unidentified};
use protocol::outcome::Decision;

use crate::world::{World, at, count, goods, moved, pick, place, q, receive};

fn only_case(world: &World) -> CaseId {
    let mut cases = world.open_cases();
    assert_eq!(cases.len(), 1, "{cases:?}");
    cases.remove(0).0
}

#[test]
fn a_parked_count_is_posted_at_its_own_instant_when_it_is_corrected() {
    let mut world = World::new();
    world.opening("A-1", "X", "10");
    let counted = world.online(1, "09:30", &count("A-1", "NONE", "7"));
    assert_eq!(world.outcome(counted).outcome.decision, Decision::Parked);
    world.online(2, "10:00", &pick("A-1", "X", "2"));
    let case = only_case(&world);
    let decision = world.correct(case, &count("A-1", "X", "7"));
    assert_eq!(world.outcome(decision).outcome.decision, Decision::Accepted);
    assert_eq!(world.difference(counted, "X"), "-3");
    assert_eq!(world.stock("A-1", "X"), "5");
    assert!(world.codes(counted).contains(&"case_corrected".to_owned()));
    assert!(world.open_cases().is_empty());
}

#[test]
fn a_correction_that_cannot_be_posted_either_changes_nothing() {
    let mut world = World::new();
    let counted = world.online(1, "09:30", &count("A-1", "NONE", "7"));
    let case = only_case(&world);
    let decision = world.correct(case, &count("A-1", "NOR", "7"));
    assert_eq!(world.outcome(decision).outcome.decision, Decision::Refused);
    assert_eq!(world.codes(decision), ["item_unknown"]);
    assert_eq!(world.outcome(counted).outcome.decision, Decision::Parked);
    assert_eq!(world.case(case).state, CaseState::Open);
}

#[test]
fn goods_that_nobody_could_name_are_bound_to_an_item() {
    use ledger::schema::item::Identifiers;
    let mut world = World::new();
    let seen = Body::Unidentified(Unidentified {
        place: place("A-1"),
        raw: "4006381333931".to_owned(),
        quantity: q("6"),
    });
    let seen = world.online(1, "09:30", &seen);
    let case = only_case(&world);
    world.correct(case, &receive("A-1", goods("X", "6")));
    assert_eq!(world.stock("A-1", "X"), "6");
    let bound = world.tables.row::<Identifiers>(&"4006381333931".try_into().unwrap());
    assert_eq!(bound.unwrap().meanings.len(), 1, "the code is known from now on");
    assert!(world.codes(seen).contains(&"case_corrected".to_owned()));
}

/// Device 1 may only upload.
fn suspended(world: &mut World) {
    let device = Device {
        name: "handheld 1".to_owned(),
        model: String::new(),
        site: ledger::schema::SiteId(1),
        algorithm: KeyAlgorithm::Ed25519,
        public_key: serde_bytes::ByteBuf::new(),
        state: DeviceState::Suspended,
        incarnation: Incarnation(1),
        declared_lost: None,
        enrolled: ServerTime(0),
    };
    let mut draft = Draft::over(&world.tables);
    draft.put::<Devices>(&DeviceId(1), device);
    let changes = draft.finish();
    world.tables.apply(changes);
}

#[test]
fn what_a_suspended_device_sent_is_posted_late_when_it_is_accepted() {
    let mut world = World::new();
    suspended(&mut world);
    world.opening("A-1", "X", "10");
    let picked = world.online(1, "09:00", &pick("A-1", "X", "4"));
    let counted = world.online(2, "09:30", &count("A-1", "X", "6"));
    assert_eq!(world.difference(counted, "X"), "-4");
    let case = only_case(&world);
    world.decide(case, Choice::Accept);
    assert_eq!(world.outcome(picked).outcome.decision, Decision::Accepted);
    assert_eq!(world.difference(counted, "X"), "0", "approving later is a late arrival");
    assert_eq!(world.stock("A-1", "X"), "6");
}

#[test]
fn a_dismissed_fact_posts_nothing_and_stays_on_record() {
    let mut world = World::new();
    suspended(&mut world);
    world.opening("A-1", "X", "10");
    let picked = world.online(1, "09:00", &pick("A-1", "X", "4"));
    let case = only_case(&world);
    world.decide(case, Choice::Dismiss);
    assert_eq!(world.stock("A-1", "X"), "10");
    let outcome = world.outcome(picked).outcome;
    assert_eq!((outcome.decision, outcome.revision), (Decision::Changed, 2), "never refused");
    assert!(world.codes(picked).contains(&"case_dismissed".to_owned()));
}

#[test]
fn a_recount_is_asked_for_where_the_parked_operation_was_done() {
    let mut world = World::new();
    let seen = Body::Unidentified(Unidentified {
        place: place("A-2"),
        raw: "???".to_owned(),
        quantity: q("1"),
    });
    world.online(1, "09:30", &seen);
    let case = only_case(&world);
    world.decide(case, Choice::Recount);
    let task = world.open_tasks().remove(0);
    assert_eq!((task.kind, task.item, task.case), (TaskKind::Recount, None, Some(case)));
    assert_eq!(task.not_by.unwrap().as_str(), "ANA");
}

fn po1() -> DocumentRef {
    DocumentRef { kind: DocumentKind::PurchaseOrder, no: "PO1".try_into().unwrap(), line: None }
}

/// Order PO1 of 10, and a receipt of 14.
fn surplus(world: &mut World) -> (OperationId, CaseId) {
    world.system(&Command::PutDocument(PutDocument {
        kind: DocumentKind::PurchaseOrder,
        no: "PO1".try_into().unwrap(),
        partner: None,
        partner_name: String::new(),
        location: "MAIN".try_into().unwrap(),
        to_location: None,
        in_transit: None,
        due: None,
        document_date: None,
        status: protocol::feed::DocumentStatus::default(),
        lines: vec![PutLine {
            line: 1,
            item: "X".try_into().unwrap(),
            variant: None,
            unit: None,
            quantity: q("10"),
            tracking: protocol::operation::Tracking::NONE,
        }],
    }));
    let body = receive("A-1", goods("X", "14"));
    let op = world.record_for(1, (at("09:00"), 0, false), Some(po1()), &body);
    world.arrive(&op);
    assert_eq!(held(world), ["4"]);
    (op.id, only_case(world))
}

fn held(world: &World) -> Vec<String> {
    let holds = world.tables.list::<Holds>(&ledger::key::KeyRange::all());
    holds.into_iter().map(|(_no, hold)| hold.quantity.to_string()).collect()
}

fn handled(world: &World) -> String {
    let key = (DocumentKind::PurchaseOrder, "PO1".try_into().unwrap(), 1);
    world.tables.row::<DocumentLines>(&key).unwrap().handled.to_string()
}

#[test]
fn surplus_that_is_approved_counts_for_the_order() {
    let mut world = World::new();
    let (op, case) = surplus(&mut world);
    world.decide(case, Choice::ApproveOver);
    assert_eq!((handled(&world), held(&world)), ("14".to_owned(), Vec::new()));
    assert!(world.codes(op).contains(&"case_accepted".to_owned()));
}

#[test]
fn surplus_that_goes_back_stays_on_hold_until_it_moves() {
    let mut world = World::new();
    let (_op, case) = surplus(&mut world);
    world.decide(case, Choice::Return);
    assert_eq!(held(&world), ["4"]);
    assert!(world.open_tasks().iter().any(|task| task.kind == TaskKind::ReturnToStock));
}

#[test]
fn a_receipt_that_was_captured_twice_is_taken_back() {
    let mut world = World::new();
    let (op, case) = surplus(&mut world);
    world.decide(case, Choice::Dismiss);
    assert_eq!((world.stock("A-1", "X"), handled(&world)), ("0".to_owned(), "0".to_owned()));
    assert!(held(&world).is_empty());
    assert!(world.codes(op).contains(&"case_dismissed".to_owned()));
}

#[test]
fn a_receipt_with_another_quantity_takes_its_place() {
    let mut world = World::new();
    let (op, case) = surplus(&mut world);
    world.correct_for(case, &receive("A-2", goods("X", "9")), Some(po1()));
    assert_eq!((world.stock("A-1", "X"), world.stock("A-2", "X")), ("0".into(), "9".into()));
    assert_eq!((handled(&world), held(&world)), ("9".to_owned(), Vec::new()));
    assert!(world.codes(op).contains(&"case_corrected".to_owned()));
}

#[test]
fn what_waited_for_a_parked_plate_is_judged_when_that_is_decided() {
    let mut world = World::new();
    suspended(&mut world);
    let on_plate = |bin: &str| crate::world::on_plate(bin, "P7");
    let received = Body::Receive(protocol::operation::Receive {
        to: on_plate("A-1"),
        goods: goods("X", "5"),
        condition: protocol::operation::Condition::Good,
    });
    world.online(1, "09:00", &received);
    let from = protocol::operation::Move {
        from: on_plate("A-1"),
        to: place("A-2"),
        goods: goods("X", "2"),
    };
    let waits = world.online(2, "09:10", &Body::Move(from));
    assert!(world.codes(waits).contains(&"depends".to_owned()));
    let (case, _row) = world
        .open_cases()
        .into_iter()
        .find(|(_id, case)| case.reasons[0].code.as_str() == "device_suspended")
        .unwrap();
    world.decide(case, Choice::Accept);
    assert_eq!((world.stock("A-1", "X"), world.stock("A-2", "X")), ("3".into(), "2".into()));
    assert!(world.open_cases().is_empty());
    assert_eq!(world.outcome(waits).outcome.decision, Decision::Accepted);
}

#[test]
fn an_act_that_is_not_parked_is_moved_by_nobody() {
    // A decision changes the operation of its case and what waits for it, nothing else.
    let mut world = World::new();
    suspended(&mut world);
    world.opening("A-1", "X", "10");
    let other = world.online(2, "09:00", &moved("A-1", "A-2", goods("X", "1")));
    world.online(1, "09:05", &pick("A-1", "X", "4"));
    let before = world.outcome(other);
    let case = only_case(&world);
    world.decide(case, Choice::Accept);
    assert_eq!(world.outcome(other), before);
}
