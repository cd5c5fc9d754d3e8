//! Nothing depends on one trigger alone: take each away in turn, and it still gets there.

use super::*;

const TIMERS: [Timer; 6] = [
    Timer::Reconnect,
    Timer::Handshake,
    Timer::Heartbeat,
    Timer::Healthy,
    Timer::Stall,
    Timer::Chores,
];

#[test]
fn an_online_device_needs_no_timer_at_all() {
    let mut world = World::online();
    world.deaf_to = TIMERS.to_vec();
    for _ in 0..20 {
        world.record(&receive("A-01", "BOLT", 1));
        world.exchange();
    }
    world.server.other_moves();
    world.exchange();
    assert!(world.is_settled());
    assert_eq!((world.shown("A-01"), world.shown("OTHER")), (20, 1));
}

#[test]
fn without_the_reconnect_timer_the_network_coming_up_or_a_person_gets_it_online() {
    let mut world = World::online();
    world.deaf_to = TIMERS.to_vec();
    world.cut_wire();
    world.record(&receive("A-01", "BOLT", 1));
    world.exchange();
    assert_eq!(world.core.n_unsent(), 1, "nobody has called");
    world.event(Event::TryNow);
    world.exchange();
    assert!(world.is_settled());
}

#[test]
fn each_timer_can_be_missing_while_the_others_ring() {
    for missing in TIMERS {
        if missing == Timer::Reconnect {
            continue; // See above: without it somebody has to call.
        }
        let mut world = World::online();
        world.deaf_to = vec![missing];
        for round in 0..4 {
            world.record(&receive("A-01", "BOLT", 1));
            if round % 2 == 1 {
                world.cut_wire();
            }
            world.settle();
        }
        assert_eq!(world.booked("A-01"), 4, "without {missing:?}");
    }
}

#[test]
fn a_push_whose_acknowledgement_never_comes_is_found_by_the_heartbeat_or_the_stall() {
    for deaf in [Timer::Heartbeat, Timer::Stall] {
        let mut world = World::online();
        world.deaf_to = vec![deaf];
        world.record(&receive("A-01", "BOLT", 1));
        assert!(world.deliver_up());
        world.down.clear();
        world.settle();
        assert_eq!(world.booked("A-01"), 1, "without {deaf:?}");
    }
}

#[test]
fn a_delta_that_never_comes_is_asked_for_again() {
    let mut world = World::online();
    world.server.other_moves();
    world.feed();
    world.down.clear();
    world.settle();
    assert_eq!(world.shown("OTHER"), 1);
}

#[test]
fn a_half_open_connection_is_noticed_although_nothing_is_to_be_sent() {
    let mut world = World::online();
    let first = world.connection;
    for _ in 0..20 {
        // Writes succeed, and nothing arrives.
        world.up.clear();
        if world.connection != first {
            break;
        }
        assert!(world.ring());
    }
    assert_ne!(world.connection, first);
    world.settle();
}

#[test]
fn what_waits_while_offline_always_has_a_wake_up() {
    let mut world = World::online();
    world.is_offline = true;
    world.cut_wire();
    for _ in 0..50 {
        world.record(&receive("A-01", "BOLT", 1));
        assert!(world.timers.contains_key(&Timer::Reconnect), "pending, not connected, no timer");
        assert!(world.ring());
    }
    world.is_offline = false;
    world.settle();
}

#[test]
fn the_screen_can_say_since_when_what_and_until_when() {
    let mut world = World::online();
    let online = world.core.status(world.now_us + 7_000_000);
    assert!(online.link_since_us.is_some_and(|since| since >= 7_000_000));
    assert_eq!((online.trouble, online.retry_in_us), (None, None));

    world.cut_wire();
    let lost = world.core.status(world.now_us + 1);
    assert_eq!(lost.trouble, Some(LinkTrouble::Broken));
    assert_eq!(lost.link_since_us, Some(1));
    let retry_us = lost.retry_in_us.expect("the next try is waited for");
    let armed = world.timers[&Timer::Reconnect] - world.now_us;
    assert_eq!(retry_us, armed - 1);

    world.is_offline = true;
    let lost_us = world.now_us;
    world.ring();
    let tried = world.core.status(world.now_us);
    assert_eq!(tried.trouble, Some(LinkTrouble::Unreachable));
    assert_eq!(tried.link_since_us, Some(world.now_us - lost_us), "since it was lost, not tried");

    world.is_offline = false;
    world.settle();
    let back = world.core.status(world.now_us);
    assert_eq!((back.trouble, back.retry_in_us), (None, None));
    assert!(back.link_since_us < tried.link_since_us);

    // The app starts again without the network: the disk knows when the server was reached.
    world.is_offline = true;
    world.restart();
    let status = world.core.status(world.now_us + 5);
    assert!(status.link_since_us.is_some_and(|since| since >= 5), "{status:?}");
}
