//! The way of an operation, from the scan to what became of it.

use protocol::evidence::ClockSample;
use protocol::frame::FaultCode;
use protocol::identity::Seq;
use protocol::outcome::Decision;

use super::*;
use crate::session::Standing;

#[test]
fn a_device_enrols_records_and_sees_its_outcome() {
    let mut world = World::online();
    assert!(world.news.contains(&News::Enrolled));
    let name = world.record(&receive("A-01", "BOLT", 5));
    assert_eq!(world.shown("A-01"), 5);
    assert_eq!(world.core.operation_state(name).unwrap(), OperationState::SavedHere);
    while world.deliver_up() | world.deliver_down() {}
    assert_eq!(world.core.operation_state(name).unwrap(), OperationState::OnServer);
    assert!(world.news.contains(&News::Acked(Seq(1))));
    world.settle();
    let state = world.core.operation_state(name).unwrap();
    assert!(matches!(state, OperationState::Judged(Some(outcome))
        if outcome.decision == Decision::Accepted));
    assert_eq!((world.shown("A-01"), world.booked("A-01")), (5, 5));
    assert_eq!(world.core.my_operations(9).unwrap().len(), 1);
}

#[test]
fn nothing_is_recorded_before_the_device_is_enrolled() {
    let mut world = World::new();
    let work = Work { body: receive("A-01", "BOLT", 5), document: None };
    let at = world.at();
    let error = world.core.record(at, &work).unwrap_err();
    assert!(matches!(error, RecordError::NotEnrolled));
}

#[test]
fn a_wrong_code_is_refused_and_a_right_one_still_works() {
    let mut world = World::new();
    world.event(Event::Enrol(Invitation { code: [8; 16], ..invitation() }));
    world.exchange();
    assert!(world.news.contains(&News::EnrolmentRefused));
    world.event(Event::Enrol(invitation()));
    world.settle();
}

#[test]
fn work_goes_on_offline_and_goes_up_afterwards() {
    let mut world = World::online();
    world.is_offline = true;
    world.cut_wire();
    for n in 0..700 {
        world.record(&receive("A-01", "BOLT", 1));
        assert_eq!(world.shown("A-01"), n + 1);
    }
    assert_eq!(world.core.n_unsent(), 700);
    world.is_offline = false;
    world.settle();
    assert_eq!(world.booked("A-01"), 700);
    assert!(world.server.n_pushes <= 3, "{} pushes", world.server.n_pushes);
}

#[test]
fn no_effect_is_shown_twice_or_not_at_all_on_its_way() {
    let mut world = World::online();
    world.record(&receive("A-01", "BOLT", 5));
    world.record(&moved("A-01", "B-01", "BOLT", 2));
    loop {
        assert_eq!((world.shown("A-01"), world.shown("B-01")), (3, 2));
        if !(world.deliver_up() || world.deliver_down() || world.post()) {
            break;
        }
    }
    assert_eq!((world.booked("A-01"), world.booked("B-01")), (3, 2));
}

#[test]
fn a_push_stays_below_the_limit_whatever_its_operations_are_like() {
    let mut world = World::online();
    world.event(Event::Suspend);
    let image = world.folders.image();
    world.record(&receive("A-01", "BOLT", 1));
    world.settle();
    world.is_offline = true;
    world.cut_wire();
    world.folders = image;
    world.restart();
    // Short and long ones by turns, each for another document, in many boots, and all re-labelled.
    for n in 0..900_u32 {
        if n % 60 == 59 {
            world.cut_power(0, 0);
        }
        let raw = "x".repeat(usize::try_from(n % 3).unwrap() * 150);
        let goods = protocol::operation::Goods { raw: Some(raw), ..goods("BOLT", 1) };
        let body = Body::Receive(protocol::operation::Receive {
            to: place("A-01"),
            goods,
            condition: protocol::operation::Condition::Good,
        });
        let kind = protocol::operation::DocumentKind::PurchaseOrder;
        let document = Some(document(kind, &format!("PO{n}"), Some(n)));
        let at = world.at();
        world.core.record(at, &Work { body, document }).unwrap();
    }
    world.is_offline = false;
    world.settle();
    assert!(world.news.contains(&News::ReIncarnated));
    assert_eq!(world.booked("A-01"), 901);
    assert_eq!(world.server.evidence.len(), 16, "evidence of every boot has gone up");
}

#[test]
fn an_operation_that_no_server_takes_is_refused_at_the_scan() {
    let mut world = World::online();
    let raw = "x".repeat(9_000);
    let body = Body::Unidentified(protocol::operation::Unidentified {
        place: place("A-01"),
        raw,
        quantity: q(1),
    });
    let at = world.at();
    let error = world.core.record(at, &Work { body, document: None }).unwrap_err();
    assert!(matches!(error, RecordError::TooLarge { .. }), "{error}");
}

#[test]
fn an_undo_names_the_first_name_and_is_not_given_twice() {
    let mut world = World::online();
    let name = world.record(&receive("A-01", "BOLT", 5));
    let at = world.at();
    let (undo, actions) = world.core.undo(at, name).unwrap();
    world.act(actions);
    assert_eq!(world.shown("A-01"), 0);
    assert!(matches!(world.core.undo(at, name), Err(UndoError::AlreadyUndone)));
    assert!(matches!(world.core.undo(at, undo), Err(UndoError::NothingToUndo)));
    let nowhere = OperationId { seq: Seq(99), ..name };
    assert!(matches!(world.core.undo(at, nowhere), Err(UndoError::NotHere)));
    let listed = world.core.my_operations(9).unwrap();
    assert!(listed[1].is_undone && !listed[0].is_undone);
}

#[test]
fn each_heartbeat_brings_a_sample_that_the_next_one_tells() {
    let mut world = World::online();
    for _ in 0..3 {
        world.event(Event::Timer(Timer::Heartbeat));
        while world.deliver_up() | world.deliver_down() {}
    }
    let told: Vec<Option<ClockSample>> =
        world.server.heartbeats.iter().map(|heartbeat| heartbeat.sample).collect();
    assert!(told[0].is_none() && told[1].is_some() && told[2].is_some());
    let sample = told[2].unwrap();
    assert!(sample.received_us >= sample.sent_us && sample.server_sent >= sample.server_received);
}

#[test]
fn a_suspended_device_uploads_without_a_feed() {
    let mut world = World::online();
    world.server.next_fault = Some(FaultCode::SUSPENDED);
    world.event(Event::Timer(Timer::Heartbeat));
    while world.deliver_up() | world.deliver_down() {}
    let status = world.core.status(0);
    assert_eq!(status.standing, Standing::Suspended);
    assert_eq!(status.comparison.len(), "123 456".len());
    world.record(&receive("A-01", "BOLT", 1));
    while world.deliver_up() | world.deliver_down() {}
    assert_eq!(world.core.n_unsent(), 0);
}

#[test]
fn after_a_week_without_the_server_the_device_only_uploads_what_it_has() {
    const DAY_US: u64 = 24 * 3_600_000_000;
    let mut world = World::online();
    world.is_offline = true;
    world.cut_wire();
    let early = world.record(&receive("A-01", "BOLT", 1));
    world.now_us += 6 * DAY_US + 1;
    let status = world.core.status(world.now_us);
    assert!(status.locks_in_us.is_some_and(|left| left < DAY_US), "the person is told before");
    let late = world.record(&receive("A-01", "BOLT", 1));
    // Another boot: what counts goes on where it was.
    world.cut_power(9, 9);
    let refuse = |world: &mut World| {
        let at = world.at();
        let work = Work { body: receive("A-01", "BOLT", 1), document: None };
        world.core.record(at, &work)
    };
    world.now_us += DAY_US - 10_000_000;
    assert!(refuse(&mut world).is_ok(), "not yet");
    world.now_us += 10_000_000;
    let refused = refuse(&mut world);
    assert!(matches!(refused, Err(RecordError::OutOfTouch { days: 7 })), "{refused:?}");
    world.restart();
    assert!(matches!(refuse(&mut world), Err(RecordError::OutOfTouch { .. })), "it is remembered");
    world.is_offline = false;
    world.settle();
    for name in [early, late] {
        let state = world.core.operation_state(name).unwrap();
        assert!(matches!(state, OperationState::Judged(_)), "{state:?}");
    }
    assert!(refuse(&mut world).is_ok(), "with a contact it goes on");
}
