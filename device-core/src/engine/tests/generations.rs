//! Restored servers, copied devices, boots: whose numbers are whose.

use protocol::identity::{Incarnation, Seq};

use super::*;
use crate::recorder::Identity;

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
