use protocol::evidence::ClockSample;
use protocol::feed::{FeedRow, OperatorRow, Role};
use protocol::frame::FaultCode;
use protocol::identity::{Incarnation, Lsn, Seq};
use protocol::outcome::Decision;
use protocol::words::OperatorId;
use serde_bytes::ByteBuf;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::recorder::Identity;
use crate::session::Standing;
use crate::store::StoreName;

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
fn a_killed_process_loses_nothing_and_keeps_its_boot() {
    let mut world = World::online();
    world.record(&receive("A-01", "BOLT", 5));
    world.exchange();
    world.is_offline = true;
    world.cut_wire();
    world.record(&receive("A-01", "BOLT", 2));
    let boot = world.core.clock().current();
    world.restart();
    assert_eq!(world.core.clock().current(), boot);
    assert_eq!((world.shown("A-01"), world.core.n_unsent()), (7, 1));
    world.is_offline = false;
    world.settle();
    assert_eq!(world.booked("A-01"), 7);
}

#[test]
fn a_power_cut_rolls_the_replica_back_and_the_view_stays_right() {
    let mut world = World::online();
    world.event(Event::Suspend);
    for _ in 0..6 {
        world.record(&receive("A-01", "BOLT", 1));
    }
    world.settle();
    assert!(world.core.outbox().is_empty());
    world.is_offline = true;
    world.cut_power(0, 0);
    assert_eq!(world.shown("A-01"), 6, "the outbox has again what the rows no longer have");
    assert!(world.core.replica().cursor() < world.server.book.log.last().unwrap().lsn);
    world.is_offline = false;
    world.event(Event::TryNow);
    world.settle();
    assert_eq!((world.shown("A-01"), world.booked("A-01")), (6, 6));
}

#[test]
fn a_lost_queue_is_rebuilt_from_the_recorder_without_what_was_judged() {
    let mut world = World::online();
    world.record(&receive("A-01", "BOLT", 5));
    world.settle();
    world.is_offline = true;
    world.cut_wire();
    world.record(&receive("A-01", "BOLT", 2));
    world.folders.queue.destroy();
    world.restart();
    assert_eq!(world.core.outbox().len(), 1, "the judged one does not come back");
    assert_eq!(world.shown("A-01"), 7);
}

#[test]
fn a_queue_that_fails_while_scanning_is_set_aside_and_the_scan_is_recorded() {
    let mut world = World::online();
    world.folders.queue.fail();
    world.record(&receive("A-01", "BOLT", 2));
    assert_eq!(world.folders.queue.n_set_aside(), 1);
    assert!(world.news.iter().any(|news| matches!(news, News::StoreSetAside(StoreName::Queue, _))));
    assert_eq!(world.shown("A-01"), 2);
    world.settle();
    assert_eq!(world.booked("A-01"), 2);
}

#[test]
fn a_lost_replica_is_fetched_again_and_nothing_shows_twice() {
    let mut world = World::online();
    world.record(&receive("A-01", "BOLT", 5));
    world.settle();
    world.record(&receive("A-01", "BOLT", 3));
    while world.deliver_up() | world.deliver_down() {}
    world.folders.replica.fail();
    world.post();
    world.settle();
    assert_eq!(world.folders.replica.n_set_aside(), 1);
    assert_eq!(world.server.n_snapshots_sent, 1);
    assert_eq!((world.shown("A-01"), world.core.outbox().len()), (8, 0));
}

#[test]
fn a_replica_that_a_screen_cannot_read_is_fetched_again_without_being_written() {
    let mut world = World::online();
    world.record(&receive("A-01", "BOLT", 5));
    world.settle();
    world.folders.replica.fail();
    let asked = world.core.fold().stock_in_bin(&main_location(), Some(&bin("A-01")), 9);
    assert!(asked.is_err());
    world.ring();
    world.settle();
    assert_eq!(world.shown("A-01"), 5);
}

#[test]
fn a_replica_lost_while_off_comes_back_with_exactly_what_is_not_judged_in_the_outbox() {
    let mut world = World::online();
    for _ in 0..4 {
        world.record(&receive("A-01", "BOLT", 1));
    }
    world.settle();
    world.is_offline = true;
    world.cut_wire();
    world.record(&receive("A-01", "BOLT", 10));
    world.folders.replica.destroy();
    world.restart();
    assert!(!world.core.replica().is_ready());
    world.is_offline = false;
    world.server.feed_low = Lsn(3);
    world.event(Event::TryNow);
    while world.deliver_up() | world.deliver_down() {}
    assert!(world.core.replica().is_ready());
    assert_eq!(world.core.outbox().len(), 1);
    assert_eq!(world.shown("A-01"), 14);
    world.settle();
    assert_eq!((world.shown("A-01"), world.booked("A-01")), (14, 14));
}

#[test]
fn a_snapshot_goes_on_where_the_connection_broke() {
    let mut world = World::online();
    for n in 0..9 {
        world.record(&receive(&format!("A-{n}"), "BOLT", 1));
    }
    world.settle();
    world.cut_wire();
    world.server.feed_low = world.server.book.log.last().unwrap().lsn;
    world.server.other_moves();
    world.server.feed_low = world.server.feed_low.next();
    world.event(Event::TryNow);
    while world.core.replica().snapshot_progress().is_none_or(|progress| progress.n_chunks < 2) {
        assert!(world.deliver_up() | world.deliver_down());
    }
    world.cut_wire();
    let sent_before = world.server.n_chunks_sent;
    world.settle();
    assert_eq!(world.server.n_snapshots_sent, 1);
    assert_eq!(world.server.n_chunks_sent - sent_before, sent_before - 2);
    assert_eq!(world.shown("OTHER"), 1);
    assert_eq!(world.shown("A-8"), 1);
}

#[test]
fn a_snapshot_that_is_gone_is_asked_for_anew() {
    let mut world = World::online();
    for n in 0..9 {
        world.record(&receive(&format!("A-{n}"), "BOLT", 1));
    }
    world.settle();
    world.cut_wire();
    world.server.other_moves();
    world.server.feed_low = world.server.book.log.last().unwrap().lsn;
    world.event(Event::TryNow);
    while world.core.replica().snapshot_progress().is_none_or(|progress| progress.n_chunks < 2) {
        assert!(world.deliver_up() | world.deliver_down());
    }
    world.cut_wire();
    world.server.forget_snapshots();
    world.settle();
    assert_eq!(world.server.n_snapshots_sent, 2);
    assert_eq!(world.shown("A-8"), 1);
}

#[test]
fn a_server_restored_from_a_backup_gets_everything_again() {
    let mut world = World::online();
    world.record(&receive("A-01", "BOLT", 1));
    world.settle();
    let backup = world.server.book.clone();
    for _ in 0..5 {
        world.record(&receive("A-01", "BOLT", 1));
    }
    world.settle();
    world.cut_wire();
    world.server.restore(backup);
    assert_eq!(world.booked("A-01"), 1);
    world.settle();
    assert_eq!((world.shown("A-01"), world.booked("A-01")), (6, 6));
}

#[test]
fn a_cursor_of_a_lost_log_is_not_taken_for_one_of_the_new_log() {
    let mut world = World::online();
    world.record(&receive("A-01", "BOLT", 1));
    world.settle();
    let backup = world.server.book.clone();
    for _ in 0..3 {
        world.record(&receive("A-01", "BOLT", 1));
    }
    world.settle();
    world.cut_wire();
    world.server.restore(backup);
    // The restored server goes on, beyond the cursor that the device has of the lost log.
    world.server.other_moves();
    for _ in 0..9 {
        world.server.publish(vec![put("loc", &location_row())], Vec::new());
    }
    world.event(Event::TryNow);
    while world.core.session().state().link() != LinkState::Online {
        assert!(world.deliver_up() | world.deliver_down());
    }
    // The connection breaks before the snapshot is here.
    world.cut_wire();
    world.settle();
    assert_eq!((world.shown("OTHER"), world.shown("A-01")), (1, 4));
}

#[test]
fn a_fork_that_only_the_device_can_see_ends_in_a_new_incarnation() {
    let mut world = World::online();
    world.record(&receive("A-01", "BOLT", 1));
    world.settle();
    world.event(Event::Suspend);
    let image = world.folders.image();
    world.record(&receive("A-01", "BOLT", 10));
    world.settle();
    world.is_offline = true;
    world.cut_wire();
    world.folders = image;
    world.restart();
    // Two scans: the copy is ahead of the server in number, and another in content.
    world.record(&receive("A-01", "BOLT", 100));
    world.record(&receive("A-01", "BOLT", 1_000));
    world.server.book.forget_leases();
    world.is_offline = false;
    world.settle();
    assert_eq!(world.core.identity().unwrap().1, Incarnation(2));
    assert_eq!((world.shown("A-01"), world.booked("A-01")), (1_111, 1_111));
}

#[test]
fn a_code_scanned_again_leaves_the_device_what_it_is() {
    let mut world = World::online();
    world.record(&receive("A-01", "BOLT", 1));
    world.settle();
    let lease = world.core.recorder().unwrap().state().lease.clone();
    world.server.book.keep_leases();
    world.event(Event::Enrol(invitation()));
    world.settle();
    let state = world.core.recorder().unwrap().state();
    assert_eq!(state.identity.incarnation, 1);
    assert!(state.lease.counter > lease.counter);
    world.record(&receive("A-01", "BOLT", 1));
    world.settle();
    assert_eq!(world.booked("A-01"), 2);
}

#[test]
fn the_recorder_forgets_only_what_is_safe_and_has_its_outcome() {
    let mut world = World::online();
    for _ in 0..200 {
        world.record(&receive("A-01", "BOLT", 1));
    }
    // Acked and said to be safe, but not judged.
    world.server.safe = u64::MAX;
    while world.deliver_up() | world.deliver_down() {}
    world.event(Event::Timer(Timer::Heartbeat));
    while world.deliver_up() | world.deliver_down() {}
    world.event(Event::Timer(Timer::Chores));
    assert_eq!(world.core.recorder().unwrap().low_seq(), 1);
    world.settle();
    world.event(Event::Timer(Timer::Chores));
    assert!(world.core.recorder().unwrap().low_seq() > 1);
    assert_eq!(world.core.recorder().unwrap().state().safe_seq, 200);
}

#[test]
fn an_old_image_begins_a_new_incarnation_and_nothing_posts_twice_or_is_lost() {
    let mut world = World::online();
    world.record(&receive("A-01", "BOLT", 1));
    world.settle();
    world.event(Event::Suspend);
    let image = world.folders.image();
    world.record(&receive("A-01", "BOLT", 10));
    world.settle();
    // The old image is put back, and its operator scans on before it is online again.
    world.is_offline = true;
    world.cut_wire();
    world.folders = image;
    world.restart();
    world.record(&receive("A-01", "BOLT", 100));
    world.is_offline = false;
    world.settle();
    assert!(world.news.contains(&News::ReIncarnated));
    assert_eq!(world.core.identity().unwrap().1, Incarnation(2));
    assert_eq!(world.booked("A-01"), 111, "each fact once");
    assert_eq!(world.shown("A-01"), 111);
    assert!(world.core.outbox().is_empty());
}

#[test]
fn operations_of_a_new_incarnation_go_on_behind_the_old_ones() {
    let mut world = World::online();
    for _ in 0..3 {
        world.record(&receive("A-01", "BOLT", 1));
    }
    world.settle();
    world.server.book.decisions.clear();
    world.event(Event::Suspend);
    let image = world.folders.image();
    world.record(&receive("A-01", "BOLT", 1));
    world.settle();
    world.folders = image;
    world.restart();
    world.settle();
    let name = world.record(&receive("B-01", "BOLT", 9));
    assert_eq!((name.incarnation, name.seq), (Incarnation(2), Seq(4)));
    world.settle();
    assert_eq!(world.shown("B-01"), 9);
    // Judged numbers of the new incarnation join behind the re-labelled ones.
    assert_eq!(world.core.replica().marks().n_single(), 0);
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
fn a_failed_disk_stops_recording_until_it_is_reopened_and_the_upload_goes_on() {
    let mut world = World::online();
    world.is_offline = true;
    world.cut_wire();
    world.record(&receive("A-01", "BOLT", 1));
    world.folders.recorder.fail_syncs(1);
    let work = Work { body: receive("A-01", "BOLT", 2), document: None };
    let at = world.at();
    assert!(matches!(world.core.record(at, &work), Err(RecordError::Recorder(_))));
    let news = world.core.take_news();
    assert!(news.iter().any(|action| matches!(action, Action::Tell(News::RecorderStopped(_)))));
    assert!(matches!(world.core.record(at, &work), Err(RecordError::Stopped { .. })));
    assert!(matches!(world.core.status(0).recorder, RecorderState::Stopped(_)));
    assert_eq!(world.shown("A-01"), 1, "what was refused is not shown");
    world.is_offline = false;
    world.settle();
    assert_eq!(world.booked("A-01"), 1);
    world.core.reopen_recorder().unwrap();
    world.record(&receive("A-01", "BOLT", 4));
    world.settle();
    assert_eq!((world.shown("A-01"), world.booked("A-01")), (5, 5));
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
fn evidence_of_a_boot_goes_up_with_its_operations_after_a_power_cut() {
    let mut world = World::online();
    world.record(&receive("A-01", "BOLT", 1));
    world.settle();
    world.is_offline = true;
    world.cut_wire();
    world.record(&receive("A-01", "BOLT", 2));
    world.cut_power(9, 9);
    world.record(&receive("A-01", "BOLT", 4));
    let boot = world.core.clock().current();
    assert_eq!(boot.0, 2);
    world.server.evidence.clear();
    world.is_offline = false;
    world.settle();
    let first = &world.server.evidence[&1];
    assert!(!first.samples.is_empty(), "the sample of the first boot has survived");
    assert!(first.last_us > 0);
    assert!(world.server.n_samples >= 2);
    assert_eq!(world.booked("A-01"), 7);
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
fn a_boot_number_is_never_used_twice() {
    let mut world = World::online();
    let mut seen = vec![world.core.clock().current()];
    for _ in 0..3 {
        world.cut_power(0, 0);
        seen.push(world.core.clock().current());
    }
    // A clock that went back within what calls itself the same boot is another boot.
    world.now_us = 5_000_000;
    world.event(Event::Suspend);
    world.now_us = 10;
    world.restart();
    seen.push(world.core.clock().current());
    assert!(seen.is_sorted_by(|left, right| left < right), "{seen:?}");
    // Without the state file nobody knows which numbers were used, so it jumps.
    world.folders.state.flip_bit("state", 20, 1);
    world.restart();
    assert!(world.core.clock().current().0 >= 1_000);
    assert!(world.news.iter().any(|news| matches!(news, News::Trouble(_))));
}

#[test]
fn a_suspended_device_uploads_without_a_feed() {
    let mut world = World::online();
    world.server.next_fault = Some(FaultCode::SUSPENDED);
    world.event(Event::Timer(Timer::Heartbeat));
    while world.deliver_up() | world.deliver_down() {}
    assert_eq!(world.core.status(0).standing, Standing::Suspended);
    world.record(&receive("A-01", "BOLT", 1));
    while world.deliver_up() | world.deliver_down() {}
    assert_eq!(world.core.n_unsent(), 0);
}

#[test]
fn rows_that_cannot_be_read_are_reported_and_the_feed_goes_on() {
    let mut world = World::online();
    let mut odd = put("odd", &location_row());
    odd.row = Some(ByteBuf::from(vec![0x80]));
    world.server.publish(vec![odd], Vec::new());
    world.feed();
    world.exchange();
    assert!(world.news.iter().any(|news| matches!(news, News::Trouble(_))));
    world.record(&receive("A-01", "BOLT", 1));
    world.settle();
}

#[test]
fn an_enrolment_elsewhere_keeps_the_operations_and_drops_the_rows() {
    let mut world = World::online();
    world.record(&receive("A-01", "BOLT", 5));
    world.is_offline = true;
    world.cut_wire();
    // The server was lost without a backup; a new one of another company takes the device in.
    world.is_offline = false;
    let Identity { device, .. } = world.core.recorder().unwrap().state().identity;
    world.server = Server::new();
    world.server.book.incarnation_of_next_enrolment(Incarnation(2));
    world.event(Event::Enrol(invitation()));
    world.settle();
    assert_eq!(world.core.recorder().unwrap().state().identity.device, device);
    assert_eq!(world.core.identity().unwrap().1, Incarnation(2));
    assert_eq!((world.shown("A-01"), world.booked("A-01")), (5, 5));
}

fn operator(name: &str, pin: &str, valid_until_us: i64) -> FeedRow {
    use argon2::password_hash::PasswordHasher as _;
    let cheap = argon2::Params::new(8, 1, 1, None).unwrap();
    let hasher = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, cheap);
    let hash = hasher.hash_password_with_salt(pin.as_bytes(), b"some salt").unwrap();
    FeedRow::Operator(OperatorRow {
        operator: OperatorId::new(name).unwrap(),
        name: name.to_owned(),
        badge_hash: Some(ByteBuf::from(Sha256::digest(format!("badge of {name}")).to_vec())),
        pin_verifier: hash.to_string(),
        roles: vec![Role::Operator],
        valid_until: ServerTime(valid_until_us),
        language: "da".to_owned(),
    })
}

fn with_people() -> World {
    let mut world = World::online();
    let later = world.server.now_us + 3_600_000_000;
    world.server.publish(
        vec![
            put("o1", &operator("METTE", "1234", later)),
            put("o2", &operator("ALI", "9876", later)),
        ],
        Vec::new(),
    );
    world.feed();
    world.settle();
    world.is_offline = true;
    world.cut_wire();
    world
}

fn badge(name: &str) -> SignInWith {
    SignInWith::Badge(format!("badge of {name}"))
}

#[test]
fn a_person_signs_in_offline_with_badge_or_name_and_the_operations_say_so() {
    let mut world = with_people();
    let at = world.at();
    let (row, _) = world.core.sign_in(at, &badge("METTE"), "1234").unwrap();
    assert_eq!((row.name.as_str(), row.language.as_str()), ("METTE", "da"));
    world.record(&receive("A-01", "BOLT", 1));
    let mine = world.core.my_operations(1).unwrap();
    assert_eq!(mine[0].envelope.operator, Some(OperatorId::new("METTE").unwrap()));
    let by_name = SignInWith::Name(OperatorId::new("ALI").unwrap());
    world.core.sign_in(at, &by_name, "9876").unwrap();
    assert_eq!(world.core.operator().unwrap().as_str(), "ALI");
    let unknown = world.core.sign_in(at, &badge("NOBODY"), "1").unwrap_err();
    assert!(matches!(unknown, SignInError::Unknown));
    world.core.sign_out(at).unwrap();
    assert_eq!(world.core.operator(), None);
    let kinds: Vec<&str> = world
        .core
        .my_operations(9)
        .unwrap()
        .iter()
        .map(|mine| mine.body.as_ref().unwrap().kind())
        .collect();
    assert_eq!(kinds, ["sign_out", "sign_in", "receive", "sign_in"]);
}

#[test]
fn five_wrong_pins_lock_a_person_here_until_the_server_is_reached() {
    let mut world = with_people();
    let at = world.at();
    for left in [4, 3, 2, 1] {
        let error = world.core.sign_in(at, &badge("METTE"), "0000").unwrap_err();
        assert!(matches!(error, SignInError::WrongPin { tries_left } if tries_left == left));
    }
    let error = world.core.sign_in(at, &badge("METTE"), "0000").unwrap_err();
    assert!(matches!(error, SignInError::Locked));
    // Starting the app again, or the device, gives no further tries.
    world.restart();
    let at = world.at();
    assert!(matches!(world.core.sign_in(at, &badge("METTE"), "1234"), Err(SignInError::Locked)));
    world.core.sign_in(at, &badge("ALI"), "9876").unwrap();
    world.is_offline = false;
    world.settle();
    let at = world.at();
    world.core.sign_in(at, &badge("METTE"), "1234").unwrap();
}

#[test]
fn whoever_has_the_device_keeps_it_through_a_restart_and_not_through_a_boot() {
    let mut world = with_people();
    let at = world.at();
    world.core.sign_in(at, &badge("METTE"), "1234").unwrap();
    world.restart();
    assert!(world.core.operator().is_some());
    world.cut_power(9, 9);
    assert_eq!(world.core.operator(), None);
}

#[test]
fn an_offline_permission_ends_by_the_servers_time_whatever_the_wall_shows() {
    let mut world = with_people();
    world.now_us += 2 * 3_600_000_000;
    let at = world.at();
    let error = world.core.sign_in(at, &badge("METTE"), "1234").unwrap_err();
    assert!(matches!(error, SignInError::Expired));
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
