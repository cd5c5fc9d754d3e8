//! First replicas: resumed at a chunk, kept over a restart, forgotten, and asked for where the feed has
//! been cut off.

use ledger::key::KeyRange;
use ledger::tables::Read as _;
use protocol::feed::FeedRow;
use protocol::frame::{Frame, SnapResume, Subscribe};
use protocol::identity::{Incarnation, Seq};

use super::company::put_items;
use super::replica::{Follower, Replica, assert_same, patient, receive};
use super::world::{World, config};

#[test]
fn a_snapshot_can_be_resumed_at_a_chunk_and_comes_in_the_order_of_need() {
    resumed(|_world| {}, |_world| {});
}

#[test]
fn a_snapshot_is_resumed_at_its_chunk_by_a_server_that_has_begun_again() {
    resumed(|_world| {}, |world| world.crash(0));
    resumed(
        |_world| {},
        |world| {
            // It is kept for a day, however often the server begins again.
            world.crash(0);
            world.wait_us(23 * 3_600_000_000);
            world.crash(0);
        },
    );
}

#[test]
fn a_snapshot_of_a_company_where_nothing_happens_is_kept_for_a_day_after_it_was_made() {
    resumed(|world| world.wait_us(30 * 3_600_000_000), |world| world.wait_us(60_000_000));
}

#[test]
fn a_snapshot_that_nobody_comes_back_for_leaves_nothing_in_the_store() {
    use crate::schema::{KeptSnapshots, SnapshotChunks};
    let mut world = World::with_ledger(patient());
    put_items(&mut world, 1_000);
    let mut here = Follower::new(&mut world, 1);
    here.look(&mut world);
    let n_rows = |world: &World| {
        let all = KeyRange::all();
        let kept = world.tables().list::<KeptSnapshots>(&all).len();
        (kept, world.tables().list::<SnapshotChunks>(&all).len())
    };
    let (kept, chunks) = n_rows(&world);
    assert!(kept > 0 && chunks >= kept, "{kept} snapshots, {chunks} chunks");
    world.crash(0);
    world.wait_us(25 * 3_600_000_000);
    assert_eq!(n_rows(&world), (0, 0));
}

/// After `before` a device is cut off in the middle of its first replica; `meanwhile` happens, and it goes
/// on.
fn resumed(before: impl FnOnce(&mut World), meanwhile: impl FnOnce(&mut World)) {
    let mut world = World::with_ledger(patient());
    put_items(&mut world, 4_000);
    let mut here = Follower::new(&mut world, 1);
    here.does(&mut world, &receive("A-01", "ITEM-0500", 5));
    world.settle();
    assert_same(
        &{
            here.look(&mut world);
            here.replica.clone()
        },
        &world,
        "NORTH",
    );

    let mut away = Follower { device: world.enrolled(2), replica: Replica::default() };
    away.device.come_in(&mut world);
    world.wait_us(16 * 60_000_000);
    before(&mut world);
    away.device.come_in(&mut world);
    world.sockets_read = false;
    world.receive(away.device.connection, Frame::Subscribe(Subscribe { cursor: None }));
    world.settle();
    away.look(&mut world);
    let (begin, next) = away.replica.snapshot.clone().unwrap();
    assert!(begin.chunks > next && next > 0, "{next} of {} while nobody reads", begin.chunks);
    assert!(begin.ready_chunks > 0 && begin.ready_chunks < begin.chunks);
    let present = (Incarnation(1), Seq(0));
    assert_eq!(begin.judged, [present], "nothing of it was judged");
    let near = away.replica.read(4, |row| match row {
        FeedRow::Item(item) => Some(String::from(item.item)),
        _ => None,
    });
    assert!(near.contains(&"ITEM-0500".to_owned()), "what lies there comes first: {near:?}");

    // The connection breaks; work goes on; the rest of the same snapshot is wanted.
    world.sockets_read = true;
    here.come_in(&mut world);
    here.does(&mut world, &receive("A-02", "ITEM-0500", 7));
    world.settle();
    here.look(&mut world);
    meanwhile(&mut world);
    away.device.come_in(&mut world);
    let resume = SnapResume { snapshot: begin.snapshot, next_index: next };
    world.receive(away.device.connection, Frame::SnapResume(resume));
    world.settle();
    away.look(&mut world);
    assert!(away.replica.snapshot.is_none());
    assert_same(&away.replica, &world, "NORTH");
}

#[test]
fn a_snapshot_names_what_was_judged_at_its_cut() {
    let mut world = World::with_ledger(patient());
    let mut here = Follower::new(&mut world, 1);
    for _scan in 0..3 {
        here.does(&mut world, &receive("A-01", "BOLT", 1));
        world.settle();
    }
    here.look(&mut world);
    world.wait_us(16 * 60_000_000);
    // The fourth is durable and not judged when the snapshot is cut.
    here.does(&mut world, &receive("A-01", "BOLT", 1));
    world.persist();
    world.take(here.device.connection);
    world.receive(here.device.connection, Frame::Subscribe(Subscribe { cursor: None }));
    world.settle();
    let frames = world.take(here.device.connection);
    let begin = frames.iter().find_map(|frame| match frame {
        Frame::SnapBegin(begin) => Some(begin.clone()),
        _ => None,
    });
    assert_eq!(begin.unwrap().judged, [(Incarnation(1), Seq(3))]);
    here.replica.apply(frames);
    assert_same(&here.replica, &world, "NORTH");
}

#[test]
fn the_feed_below_its_floor_is_dropped_and_asked_for_as_a_snapshot() {
    let mut short = config();
    short.feed_kept_us = 3_600_000_000;
    short.silence_max_us = u64::MAX;
    let mut world = World::with_ledger(short);
    let mut here = Follower::new(&mut world, 1);
    let old = here.replica.cursor;
    for _scan in 0..5 {
        here.does(&mut world, &receive("A-01", "BOLT", 1));
        world.settle();
    }
    here.look(&mut world);
    let rows =
        |world: &World| world.tables().list::<crate::schema::FeedIndex>(&KeyRange::all()).len();
    let before = rows(&world);
    world.wait_us(2 * 3_600_000_000);
    world.wait_us(1_000_000);
    assert!(rows(&world) < before, "{} of {before} are left", rows(&world));
    here.does(&mut world, &receive("A-01", "BOLT", 1));
    world.settle();
    here.look(&mut world);
    assert_same(&here.replica, &world, "NORTH");
    world.receive(here.device.connection, Frame::Subscribe(Subscribe { cursor: Some(old) }));
    let frames = world.take(here.device.connection);
    assert!(
        matches!(frames.as_slice(), [Frame::Fault(fault)]
            if fault.code == protocol::frame::FaultCode::CURSOR_TOO_OLD),
        "{frames:?}"
    );
    let welcome = here.device.come_in(&mut world);
    assert!(welcome.feed_low > old);
}
