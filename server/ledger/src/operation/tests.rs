//! The frame of every judgement: identity, rights, what cannot be read.

use protocol::code::Code;
use protocol::feed::{Role, TaskKind};
use protocol::frame::OriginOf;
use protocol::identity::{
    Boot, DeviceId, Hash16, Incarnation, IntakeNo, Lsn, OperationId, Seq, ServerEpoch,
};
use protocol::operation::{
    Body, CountBin, CountedLine, Direction, DocumentKind, Envelope, Nothing, Recorded,
};
use protocol::outcome::{Decision, Outcome};
use serde_bytes::ByteBuf;

use crate::command::stock::{Decide, JudgeAgain};
use crate::command::{Batch, Command, Handle, people};
use crate::conflict::destroyed;
use crate::draft::Draft;
use crate::key::KeyRange;
use crate::lookup;
use crate::operation::again::is_readable_now;
use crate::operation::{Request, judge, park_poison};
use crate::schema::SiteId;
use crate::schema::book::{Intake, Origin, Outcomes, Timing};
use crate::schema::case::{CaseState, Cases, Choice};
use crate::schema::identity::{Device, DeviceState, Devices};
use crate::tables::Read as _;
use crate::world::{World, adjust, at, codes, goods, moved, q, receive, undo};

fn intake(raw: Vec<u8>, seq: u64) -> Intake {
    let sent_as = OperationId { device: DeviceId(9), incarnation: Incarnation(1), seq: Seq(seq) };
    Intake {
        origin: Origin::Device { sent_as, hash: Hash16([7; 16]), first: None },
        site: SiteId(1),
        received: at(100),
        timing: Timing::exact(at(90)),
        local_date: None,
        evidence: ByteBuf::new(),
        raw: ByteBuf::from(raw),
        previous: Hash16::default(),
        hash: Hash16::default(),
    }
}

fn request(intake: &Intake) -> Request<'_> {
    Request { intake_no: IntakeNo(900), intake, lsn: Lsn(900), time: at(101) }
}

#[test]
fn an_operation_of_a_later_release_is_kept_and_parked() {
    let world = World::new();
    let envelope = Envelope {
        boot: Boot(1),
        mono_us: 0,
        cursor: Lsn(0),
        epoch: ServerEpoch(1),
        operator: None,
        document: None,
    };
    let later = Recorded { envelope, kind: "teleport".to_owned(), version: 3, body: vec![0x80] };
    for (raw, code) in
        [(later.to_content(), Code::UnsupportedOperation), (vec![1, 2, 3], Code::MalformedRequest)]
    {
        let intake = intake(raw, 1);
        let mut draft = Draft::over(&world.tables);
        judge(&mut draft, &request(&intake)).unwrap();
        let row = draft.row::<Outcomes>(&intake.identity(IntakeNo(900))).unwrap();
        assert_eq!(row.outcome.decision, Decision::Parked);
        assert_eq!(codes(&row.outcome), [code]);
        let case = draft.row::<Cases>(&row.outcome.case.expect("a case")).unwrap();
        assert_eq!(case.choices, [Choice::Recount, Choice::Correct, Choice::Dismiss]);
    }
}

#[test]
fn where_something_unreadable_was_done_the_bins_before_and_after_it_are_counted() {
    let mut world = World::new();
    supervisor(&mut world, "BEN", "MAIN");
    let order = world.document(DocumentKind::PurchaseOrder, "PO1", &[("BOLT", "10")]);
    world.scan(1, 60, Some(&order), receive("A", goods("BOLT", "4")));
    let done = world.done(1, 61, None, receive("B", goods("BOLT", "4")));
    let (_id, outcome) = world.send_of_later(&done);
    assert_eq!(codes(&outcome), [Code::UnsupportedOperation]);
    world.scan(1, 62, None, moved("A", "C", goods("BOLT", "1")));
    let outcome = decide(&mut world, "BEN", Choice::Recount);
    assert_eq!(outcome.decision, Decision::Accepted, "{outcome:?}");
    let bins = world.open_tasks();
    let bins: Vec<_> =
        bins.iter().map(|task| lookup::bin_text(&world.tables, task.location, task.bin)).collect();
    assert_eq!(bins, ["A", "C"]);
    assert_eq!(world.open_tasks()[0].kind, TaskKind::Count);
}

#[test]
fn of_poison_each_kind_is_offered_what_can_be_done_about_it() {
    use Choice::{Accept, Correct, Dismiss, Recount};
    let world = World::new();
    let bin = Body::CountBin(CountBin {
        location: "MAIN".try_into().unwrap(),
        bin: "A".try_into().unwrap(),
        lines: Vec::new(),
        plates_seen_closed: Vec::new(),
        started_us: None,
        task: None,
    });
    let first = OperationId { device: DeviceId(9), incarnation: Incarnation(1), seq: Seq(1) };
    for (body, choices) in [
        (receive("A", goods("BOLT", "1")), vec![Accept, Recount, Correct, Dismiss]),
        (bin, vec![Accept, Recount, Dismiss]),
        (undo(first), vec![Accept, Dismiss]),
    ] {
        let recorded = Recorded::from_content(&receipt("1")).unwrap();
        let intake = intake(Recorded::new(recorded.envelope, &body).to_content(), 7);
        let mut draft = Draft::over(&world.tables);
        park_poison(&mut draft, &request(&intake), "it burned");
        let row = draft.row::<Outcomes>(&intake.identity(IntakeNo(900))).unwrap();
        let case = draft.row::<Cases>(&row.outcome.case.expect("a case")).unwrap();
        assert_eq!(case.choices, choices, "{}", body.kind());
    }
}

#[test]
fn what_an_earlier_release_could_not_read_is_judged_after_the_upgrade() {
    let mut world = World::new();
    let order = world.document(DocumentKind::PurchaseOrder, "PO1", &[("BOLT", "10")]);
    let done = world.done(1, 60, Some(&order), receive("A", goods("BOLT", "4")));
    let (id, first) = world.send_of_later(&done);
    assert_eq!(codes(&first), [Code::UnsupportedOperation]);
    let judge_again = || Command::JudgeAgain(JudgeAgain { operations: vec![id] });
    world.system(judge_again());
    let parked = world.tables.row::<Outcomes>(&id).unwrap();
    assert_eq!(parked.outcome.decision, Decision::Parked, "this release cannot read it either");
    assert!(!is_readable_now(&world.tables, id));

    world.learn_to_read(&done);
    assert!(is_readable_now(&world.tables, id));
    world.system(judge_again());
    let row = world.tables.row::<Outcomes>(&id).unwrap();
    assert_eq!(row.outcome.decision, Decision::Accepted, "{:?}", row.outcome.reasons);
    assert!(row.outcome.revision > 1, "it is restated, and the device hears of it");
    assert_eq!(world.stock("MAIN/A BOLT"), q("4"));
    assert_eq!(world.open_cases().len(), 0, "nobody has to decide it any more");
    world.system(judge_again());
    assert_eq!(world.stock("MAIN/A BOLT"), q("4"), "once");
}

#[test]
fn poison_is_parked_with_its_bytes() {
    let world = World::new();
    let intake = intake(vec![1, 2, 3], 1);
    let mut draft = Draft::over(&world.tables);
    park_poison(&mut draft, &request(&intake), "it burned");
    let row = draft.row::<Outcomes>(&intake.identity(IntakeNo(900))).unwrap();
    assert_eq!(row.outcome.decision, Decision::Parked);
    assert_eq!(codes(&row.outcome), [Code::Poison]);
}

#[test]
fn an_exhausted_budget_is_poison() {
    let mut world = World::new();
    let done = world.done(9, 60, None, receive("A", goods("BOLT", "1")));
    let envelope = Envelope {
        boot: Boot(1),
        mono_us: 0,
        cursor: Lsn(0),
        epoch: ServerEpoch(1),
        operator: None,
        document: None,
    };
    let intake = intake(Recorded::new(envelope, &done.body).to_content(), 1);
    let judged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut draft = Draft::with_budget(&world.tables, 20);
        judge(&mut draft, &request(&intake))
    }));
    // Reads that find nothing any more may also end in a panic: the poster parks either.
    assert!(!matches!(judged, Ok(Ok(()))));
}

#[test]
fn a_lost_operation_is_visible() {
    let mut world = World::new();
    let void = protocol::operation::Body::Void(Nothing {});
    let (_id, outcome) = world.scan(1, 60, None, void);
    assert_eq!(codes(&outcome), [Code::LostOperation]);
    assert_eq!(world.open_cases().len(), 1);
}

#[test]
fn case_43_where_an_entry_was_destroyed_the_bins_before_and_after_it_are_counted() {
    let void = || Body::Void(Nothing {});
    let recount = |world: &mut World| decide(world, "BEN", Choice::Recount);
    let mut world = World::new();
    // Of the place where the device was before and after.
    supervisor(&mut world, "BEN", "MAIN");
    let order = world.document(DocumentKind::PurchaseOrder, "PO1", &[("BOLT", "10")]);
    world.scan(1, 60, Some(&order), receive("A", goods("BOLT", "4")));
    world.scan(2, 61, Some(&order), receive("RECEIPT", goods("BOLT", "1")));
    let (lost, _outcome) = world.scan(1, 62, None, void());
    world.scan(1, 62, None, void());
    let (after, _outcome) = world.scan(1, 63, None, moved("B", "C", goods("BOLT", "1")));
    let beside: Vec<_> = destroyed::neighbours(&world.tables, lost);
    assert_eq!(beside, [OperationId { seq: Seq(1), ..lost }, after]);
    let before = world.open_tasks().len();
    let outcome = recount(&mut world);
    assert_eq!(outcome.decision, Decision::Accepted, "{outcome:?}");
    let bins: Vec<String> = world
        .open_tasks()
        .iter()
        .skip(before)
        .map(|task| {
            assert!(task.kind == TaskKind::Count && task.item.is_none() && task.blind, "{task:?}");
            crate::lookup::bin_text(&world.tables, task.location, task.bin)
        })
        .collect();
    assert_eq!(bins, ["A", "B", "C"]);
    assert_eq!(codes(&world.outcome(lost)), [Code::LostOperation, Code::CaseRecount]);

    // Where nobody could be sent anywhere, that is said, and the case stays open.
    let mut world = World::new();
    supervisor(&mut world, "BEN", "MAIN");
    world.scan(1, 60, None, void());
    assert_eq!(codes(&recount(&mut world)), [Code::RightMissing], "it may have been anywhere");
    let everywhere = people::GrantRole {
        operator: "BEN".try_into().unwrap(),
        role: Role::Supervisor,
        location: None,
    };
    world.system(Command::GrantRole(everywhere));
    assert_eq!(codes(&recount(&mut world)), [Code::ChoiceNotOffered]);
    assert_eq!(world.open_cases().len(), 1);
}

#[test]
fn an_adjustment_needs_the_right_at_the_time_of_the_act() {
    let mut world = World::new();
    let body = adjust("A", Direction::Increase, goods("BOLT", "1"));
    world.operator = Some("EVE".try_into().unwrap());
    let (_id, outcome) = world.scan(1, 100, None, body.clone());
    assert_eq!((outcome.decision, codes(&outcome)), (Decision::Refused, vec![Code::RightMissing]));

    world.operator = Some("BEN".try_into().unwrap());
    world.system(Command::RevokeRole(people::RevokeRole {
        operator: "BEN".try_into().unwrap(),
        role: Role::Operator,
        location: None,
        from: Some(at(70)),
    }));
    let (_id, before) = world.scan(1, 65, None, body.clone());
    assert_eq!(before.decision, Decision::Accepted);
    let (_id, after) = world.scan(1, 75, None, body);
    assert_eq!((after.decision, codes(&after)), (Decision::Parked, vec![Code::RightRevoked]));
    // A fact of the same person is posted, and marked.
    let order = world.document(DocumentKind::PurchaseOrder, "PO1", &[("BOLT", "10")]);
    let (_id, fact) = world.scan(1, 76, Some(&order), receive("A", goods("BOLT", "2")));
    assert_eq!((fact.decision, codes(&fact)), (Decision::Accepted, vec![Code::RightRevoked]));
    assert_eq!(world.stock("MAIN/A BOLT"), q("3"));
}

#[test]
fn work_of_somebody_without_a_right_there_is_posted_and_says_so() {
    let mut world = World::new();
    for (who, role) in [("OLE", Role::Operator), ("SUE", Role::Supervisor)] {
        world.system(Command::PutOperator(people::PutOperator {
            operator: who.try_into().unwrap(),
            name: who.to_owned(),
            badge_hash: None,
            pin_verifier: None,
            password_verifier: None,
            language: None,
            disabled: false,
        }));
        world.system(Command::GrantRole(people::GrantRole {
            operator: who.try_into().unwrap(),
            role,
            location: Some("MAIN".try_into().unwrap()),
        }));
    }
    let marked = vec![Code::RightNotHeld];
    for (who, at, told) in [
        ("ANA", "A", vec![]),
        ("ANA", "LEEDS/L", vec![]),
        ("KIM", "LEEDS/L", vec![]),
        ("OLE", "A", vec![]),
        ("SUE", "A", vec![]),
        ("OLE", "LEEDS/L", marked.clone()),
        ("SUE", "LEEDS/L", marked.clone()),
        ("EVE", "A", marked.clone()),
    ] {
        world.operator = Some(who.try_into().unwrap());
        let (_id, outcome) = world.scan(1, 60, None, count_of(at));
        let told_of_rights: Vec<_> = codes(&outcome)
            .into_iter()
            .filter(|code| matches!(code, Code::RightNotHeld | Code::RightRevoked))
            .collect();
        assert_eq!(told_of_rights, told, "{who} at {at}: {outcome:?}");
        assert!(outcome.decision < Decision::Parked, "{who} at {at}: it is a fact");
    }
    // What is about no place: a right anywhere is one.
    for (who, told) in [("OLE", vec![]), ("EVE", marked)] {
        world.operator = Some(who.try_into().unwrap());
        let (_id, outcome) = world.scan(1, 70, None, Body::SignOut(Nothing {}));
        assert_eq!(codes(&outcome), told, "{who}");
    }
}

fn count_of(place: &str) -> Body {
    crate::world::count(place, goods("BOLT", "1"))
}

/// Somebody who decides at `location` only.
fn supervisor(world: &mut World, operator: &str, location: &str) {
    world.system(Command::GrantRole(people::GrantRole {
        operator: operator.try_into().unwrap(),
        role: Role::Supervisor,
        location: Some(location.try_into().unwrap()),
    }));
}

/// Decides the only open case.
fn decide(world: &mut World, user: &str, choice: Choice) -> Outcome {
    let cases = world.tables.list::<Cases>(&KeyRange::all());
    let open = cases.into_iter().find(|(_id, case)| case.state == CaseState::Open);
    let (case, row) = open.expect("a case is open");
    let (version, remark) = (row.version, String::new());
    let decide = Decide { case, version, choice, correction: None, remark };
    world.desk_as(user, &Command::Decide(decide))
}

#[test]
fn a_large_adjustment_waits_for_a_supervisor() {
    let mut world = World::new();
    let body = adjust("A", Direction::Increase, goods("BOLT", "50"));
    let (captured, outcome) = world.scan(1, 60, None, body.clone());
    assert_eq!(outcome.decision, Decision::Parked, "what was captured is never refused");
    assert_eq!(codes(&outcome), [Code::AdjustmentOverLimit]);
    let choices = [Choice::Accept, Choice::Recount, Choice::Correct, Choice::Dismiss];
    assert_eq!(world.open_cases()[0].choices, choices);
    assert!(world.stocks().is_empty());

    let alone = decide(&mut world, "ANA", Choice::Accept);
    assert_eq!(codes(&alone), [Code::RightMissing], "not by herself");
    supervisor(&mut world, "BEN", "MAIN");
    let decided = decide(&mut world, "BEN", Choice::Accept);
    assert_eq!(decided.decision, Decision::Accepted, "{decided:?}");
    assert_eq!(world.outcome(captured).decision, Decision::Accepted);
    assert_eq!(world.stock("MAIN/A BOLT"), q("50"));
    assert!(world.open_cases().is_empty());

    supervisor(&mut world, "ANA", "MAIN");
    let (_id, outcome) = world.scan(1, 6000, None, body);
    assert_eq!(outcome.decision, Decision::Accepted, "a supervisor needs nobody");
    let elsewhere = adjust("LEEDS/L", Direction::Increase, goods("BOLT", "50"));
    let (_id, outcome) = world.scan(1, 6001, None, elsewhere);
    assert_eq!(codes(&outcome), [Code::AdjustmentOverLimit], "but only where she is one");
}

#[test]
fn a_large_adjustment_at_the_desk_is_answered_at_once() {
    let mut world = World::new();
    world.system(Command::GrantRole(people::GrantRole {
        operator: "ANA".try_into().unwrap(),
        role: Role::Integrator,
        location: None,
    }));
    let handle = |quantity| {
        let body = adjust("A", Direction::Increase, goods("BOLT", quantity));
        Command::Handle(Handle::new(&body, None))
    };
    let large = world.desk_as("ANA", &handle("50"));
    assert_eq!(large.decision, Decision::Refused);
    assert_eq!(codes(&large), [Code::AdjustmentOverLimit]);
    assert!(world.open_cases().is_empty());
    assert_eq!(world.desk_as("ANA", &handle("49")).decision, Decision::Accepted);
}

#[test]
fn what_another_did_is_undone_by_a_supervisor_only() {
    let undone = |world: &World| world.stock("MAIN/A BOLT").is_zero();
    let as_person = |world: &mut World, who: Option<&str>| {
        world.operator = who.map(|who| who.try_into().unwrap());
    };
    let mut world = World::new();
    let order = world.document(DocumentKind::PurchaseOrder, "PO1", &[("BOLT", "10")]);
    let (received, _outcome) = world.scan(1, 60, Some(&order), receive("A", goods("BOLT", "4")));
    supervisor(&mut world, "BEN", "LEEDS");
    for stranger in [Some("BEN"), Some("EVE"), None] {
        as_person(&mut world, stranger);
        let (_id, outcome) = world.scan(1, 61, None, undo(received));
        assert_eq!(outcome.decision, Decision::Parked, "{stranger:?}: never refused");
        assert_eq!(codes(&outcome), [Code::UndoNotOwn]);
        assert!(!undone(&world), "{stranger:?}");
        assert_eq!(world.open_cases()[0].choices, [Choice::Accept, Choice::Dismiss]);
        supervisor(&mut world, "ANA", "MAIN");
        let decided = decide(&mut world, "ANA", Choice::Dismiss);
        assert_eq!(decided.decision, Decision::Accepted, "she decides at MAIN: {decided:?}");
    }
    as_person(&mut world, Some("BEN"));
    let (bens, _outcome) = world.scan(1, 62, None, undo(received));
    let decided = decide(&mut world, "ANA", Choice::Accept);
    assert_eq!(decided.decision, Decision::Accepted, "{decided:?}");
    assert!(undone(&world));
    assert_eq!(world.outcome(bens).decision, Decision::Accepted);

    // One's own, and those of others where one decides.
    for who in ["BEN", "ANA"] {
        as_person(&mut world, Some("BEN"));
        let (received, _outcome) =
            world.scan(1, 6000, Some(&order), receive("A", goods("BOLT", "4")));
        as_person(&mut world, Some(who));
        let (_id, outcome) = world.scan(1, 6001, None, undo(received));
        assert_eq!(outcome.decision, Decision::Accepted, "{who}: {outcome:?}");
        assert!(undone(&world), "{who}");
    }
}

/// Everything in `bin`: 7 of `item`.
fn whole_bin(bin: &str, item: &str) -> Body {
    Body::CountBin(CountBin {
        location: "MAIN".try_into().unwrap(),
        bin: bin.try_into().unwrap(),
        lines: vec![CountedLine { plate: None, goods: goods(item, "7"), mono_us: 0 }],
        plates_seen_closed: Vec::new(),
        started_us: None,
        task: None,
    })
}

#[test]
fn what_named_an_unknown_item_is_accepted_when_the_item_is_known() {
    let bodies = [
        (whole_bin("A", "GHOST"), vec![Choice::Accept, Choice::Recount, Choice::Dismiss]),
        (receive("A", goods("GHOST", "7")), Choice::ALWAYS.to_vec()),
    ];
    for (body, choices) in bodies {
        let mut world = World::new();
        let (captured, outcome) = world.scan(1, 60, None, body);
        assert_eq!(codes(&outcome), [Code::ItemUnknown]);
        assert_eq!(world.open_cases()[0].choices, choices);

        let early = decide(&mut world, "KIM", Choice::Accept);
        assert_eq!(codes(&early), [Code::ItemUnknown], "it says why it cannot be booked yet");
        assert_eq!(world.outcome(captured).decision, Decision::Parked);
        world.item("GHOST", crate::schema::item::CostingMethod::Fifo, None);
        let decided = decide(&mut world, "KIM", Choice::Accept);
        assert_eq!(decided.decision, Decision::Accepted, "{decided:?}");
        assert_eq!(world.stock("MAIN/A GHOST"), q("7"));
        assert_ne!(world.outcome(captured).decision, Decision::Parked);
    }
}

#[test]
fn what_named_an_unknown_bin_is_counted_again_when_the_bin_is_known() {
    let mut world = World::new();
    let (captured, outcome) = world.scan(1, 60, None, whole_bin("NEW", "BOLT"));
    assert_eq!(codes(&outcome), [Code::BinUnknown]);
    let early = decide(&mut world, "KIM", Choice::Recount);
    assert_eq!(codes(&early), [Code::BinUnknown], "nobody can be sent there");
    assert_eq!(world.outcome(captured).decision, Decision::Parked);
    world.system(Command::PutBin(crate::command::places::PutBin {
        location: "MAIN".try_into().unwrap(),
        bin: "NEW".try_into().unwrap(),
        zone: None,
        kind: protocol::feed::BinKind::Storage,
        ranking: 0,
        blocked: false,
    }));
    let decided = decide(&mut world, "KIM", Choice::Recount);
    assert_eq!(decided.decision, Decision::Accepted, "{decided:?}");
    assert!(codes(&world.outcome(captured)).contains(&Code::CaseRecount));
    let asked: Vec<_> = world.open_tasks().iter().map(|task| (task.kind, task.blind)).collect();
    assert_eq!(asked, [(TaskKind::Recount, true)]);
}

#[test]
fn a_desk_command_is_refused_whole() {
    let mut world = World::new();
    let good = crate::command::places::PutBin {
        location: "MAIN".try_into().unwrap(),
        bin: "NEW".try_into().unwrap(),
        zone: None,
        kind: protocol::feed::BinKind::Storage,
        ranking: 0,
        blocked: false,
    };
    let bad =
        crate::command::places::PutBin { location: "GHOST".try_into().unwrap(), ..good.clone() };
    let commands = vec![Command::PutBin(good), Command::PutBin(bad)];
    let outcome = world.desk(&Command::Batch(Batch { commands }));
    assert_eq!(outcome.decision, Decision::Refused);
    let key = "MAIN".try_into().unwrap();
    let (main, row) = crate::lookup::location(&world.tables, &key).unwrap();
    let new = "NEW".try_into().unwrap();
    assert!(crate::lookup::bin(&world.tables, (main, &row), Some(&new)).is_err());
}

#[test]
fn a_person_without_the_role_asks_in_vain() {
    let mut world = World::new();
    let grant = Command::GrantRole(people::GrantRole {
        operator: "ANA".try_into().unwrap(),
        role: Role::Administrator,
        location: None,
    });
    let outcome = world.desk_as("ANA", &Command::Batch(Batch { commands: vec![grant] }));
    assert_eq!(codes(&outcome), [Code::RightMissing]);
}

#[test]
fn each_revision_of_an_outcome_is_kept() {
    let mut world = World::new();
    let order = world.document(DocumentKind::PurchaseOrder, "PO1", &[("BOLT", "10")]);
    let (received, _outcome) = world.scan(1, 60, Some(&order), receive("A", goods("BOLT", "1")));
    world.scan(1, 61, None, crate::world::undo(received));
    let kept = crate::conflict::revisions(&world.tables, received);
    let [first, second] = kept.as_slice() else { panic!("two revisions: {kept:?}") };
    assert_eq!(crate::conflict::first_outcome(&world.tables, received).as_ref(), Some(first));
    assert_eq!((first.outcome.revision, second.outcome.revision), (1, 2));
    assert_eq!(first.outcome.decision, Decision::Accepted);
    assert_eq!(codes(&second.outcome), [Code::UndoneByOperator]);
    assert!(second.outcome.lsn > first.outcome.lsn);
}

/// The content of a receipt of `quantity` BOLT into A.
fn receipt(quantity: &str) -> Vec<u8> {
    let envelope = Envelope {
        boot: Boot(1),
        mono_us: 0,
        cursor: Lsn(0),
        epoch: ServerEpoch(1),
        operator: None,
        document: None,
    };
    Recorded::new(envelope, &receive("A", goods("BOLT", quantity))).to_content()
}

/// Judges `intake` over `world`, as decision `lsn`.
fn judged(world: &mut World, intake: &Intake, lsn: u64) {
    let mut draft = Draft::over(&world.tables);
    let request = Request { lsn: Lsn(lsn), intake_no: IntakeNo(lsn), ..request(intake) };
    judge(&mut draft, &request).unwrap();
    let changes = draft.finish();
    world.tables.apply(changes);
}

#[test]
fn case_41_a_relabelled_operation_is_the_same_and_a_fork_is_a_new_fact() {
    let mut world = World::new();
    let first = intake(receipt("4"), 1);
    judged(&mut world, &first, 900);
    let again = |raw: Vec<u8>, seq: u64, hash: Hash16| {
        let device = DeviceId(9);
        let sent_as = OperationId { device, incarnation: Incarnation(2), seq: Seq(seq) };
        let origin = OriginOf { incarnation: Incarnation(1), seq: Seq(1), hash };
        let origin = Origin::Device { sent_as, hash: Hash16([8; 16]), first: Some(origin) };
        (sent_as, Intake { origin, ..intake(raw, 1) })
    };
    let (_sent_as, same) = again(receipt("4"), 1, Hash16([7; 16]));
    judged(&mut world, &same, 901);
    assert_eq!(world.stock("MAIN/A BOLT"), q("4"));

    let (fork, other) = again(receipt("5"), 2, Hash16([9; 16]));
    judged(&mut world, &other, 902);
    assert_eq!(world.stock("MAIN/A BOLT"), q("9"));
    assert!(codes(&world.outcome(fork)).contains(&Code::DifferentUnderSameId));

    // An image of the device that still had the fork puts it back once more.
    let third = OperationId { incarnation: Incarnation(3), ..fork };
    let Origin::Device { hash, first, .. } = other.origin.clone() else { unreachable!() };
    let origin = Origin::Device { sent_as: third, hash, first };
    judged(&mut world, &Intake { origin, ..other }, 903);
    assert_eq!(world.stock("MAIN/A BOLT"), q("9"));
    let outcome = world.outcome(third);
    assert_eq!(outcome.decision, Decision::Duplicate);
    assert_eq!(codes(&outcome), [Code::AlreadyRecorded]);
}

#[test]
fn case_41_an_undo_of_a_store_from_an_old_copy_takes_back_what_that_store_recorded() {
    let mut world = World::new();
    let envelope = |body: &Body| {
        let recorded = Recorded::from_content(&receipt("1")).unwrap();
        Recorded::new(recorded.envelope, body).to_content()
    };
    let taken_back =
        undo(OperationId { device: DeviceId(9), incarnation: Incarnation(1), seq: Seq(1) });
    let fork = |raw: Vec<u8>, seq: u64, hash: u8| {
        let sent_as =
            OperationId { device: DeviceId(9), incarnation: Incarnation(2), seq: Seq(seq) };
        let hash = Hash16([hash; 16]);
        let first = OriginOf { incarnation: Incarnation(1), seq: Seq(seq), hash };
        Intake { origin: Origin::Device { sent_as, hash, first: Some(first) }, ..intake(raw, 1) }
    };
    judged(&mut world, &intake(receipt("4"), 1), 900);
    judged(&mut world, &fork(receipt("5"), 1, 8), 901);
    judged(&mut world, &fork(envelope(&taken_back), 2, 9), 902);
    assert_eq!(world.stock("MAIN/A BOLT"), q("4"), "the receipt before the copy stands");

    // What the store of the first generation had sent before is about its own receipt.
    let earlier = intake(envelope(&taken_back), 3);
    judged(&mut world, &earlier, 903);
    assert_eq!(world.stock("MAIN/A BOLT"), q("0"));
}

#[test]
fn what_a_suspended_device_sends_waits_for_a_decision() {
    let mut world = World::new();
    let device = Device {
        name: "nine".to_owned(),
        model: String::new(),
        site: SiteId(1),
        algorithm: protocol::frame::KeyAlgorithm::Ed25519,
        public_key: ByteBuf::new(),
        state: DeviceState::Suspended,
        incarnation: Incarnation(1),
        declared_lost: None,
        enrolled: at(0),
    };
    let mut draft = Draft::over(&world.tables);
    draft.put::<Devices>(&DeviceId(9), device);
    let changes = draft.finish();
    world.tables.apply(changes);
    judged(&mut world, &intake(receipt("4"), 1), 900);
    assert!(world.stocks().is_empty());
    assert_eq!(world.open_cases()[0].reasons[0].code, Code::DeviceSuspended);
}
