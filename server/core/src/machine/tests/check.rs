//! Replicas are compared by sums, and only what differs is sent again.

use std::collections::BTreeMap;

use protocol::digest::{Sums, bucket};
use protocol::frame::Frame;
use protocol::frame::check::{Digest, Repair, RepairRequest, TableBuckets, TableSum};

use super::company::put_items;
use super::replica::{Follower, Replica, Rows, assert_same, receive};
use super::world::{World, config};
use crate::machine::{Action, Alarm, Config};

const MINUTE_US: i64 = 60_000_000;

/// Compared once in two hours: the first time ten minutes after coming in.
fn often() -> Config {
    Config { check_interval_us: 7_200_000_000, silence_max_us: u64::MAX, ..config() }
}

fn sums(rows: &Rows) -> Sums {
    let mut sums = Sums::new();
    for ((table, key), row) in rows {
        sums.add(*table, key, row);
    }
    sums
}

fn totals(rows: &Rows) -> Vec<TableSum> {
    let totals = sums(rows).totals().into_iter();
    totals.map(|(table, sum)| TableSum { table, sum }).collect()
}

/// The DIGEST that comes when it is due, and the frames of the feed before it.
fn digest(world: &mut World, follower: &mut Follower) -> Option<Digest> {
    // What the first look at the clock leads to comes before the decision that is compared.
    world.wait_us(1_000_000);
    follower.look(world);
    world.wait_us(11 * MINUTE_US);
    let frames = world.take(follower.device.connection);
    let digest = frames.iter().find_map(|frame| match frame {
        Frame::Digest(digest) => Some(digest.clone()),
        _ => None,
    });
    follower.replica.apply(frames);
    digest
}

fn answer(world: &mut World, follower: &Follower, digest: &Digest, tables: Vec<TableBuckets>) {
    let request = RepairRequest { lsn: digest.lsn, tables, is_unknown: false };
    world.receive(follower.device.connection, Frame::RepairRequest(request));
    world.settle();
}

/// What a device does with a REPAIR.
fn repaired(replica: &mut Replica, repair: Repair) {
    assert_eq!(repair.from, replica.cursor);
    replica.rows.retain(|(table, key), _row| {
        *table != repair.table || !repair.buckets.contains(&bucket(key))
    });
    for record in repair.rows {
        assert!(repair.buckets.contains(&bucket(&record.key)));
        let row = record.row.expect("a repair names rows").into_vec();
        replica.rows.insert((record.table, record.key.into_vec()), row);
    }
    replica.cursor = repair.lsn;
}

#[test]
fn a_replica_is_compared_once_in_a_while_and_found_the_same() {
    let mut world = World::with_ledger(often());
    let mut here = Follower::new(&mut world, 1);
    here.does(&mut world, &receive("A-01", "BOLT", 5));
    world.settle();
    here.look(&mut world);
    let digest = digest(&mut world, &mut here).expect("it is due");
    assert_eq!(digest.tables, totals(&here.replica.rows));
    answer(&mut world, &here, &digest, Vec::new());
    assert_eq!(world.machine.replica_health().n_agreed, 1);
    assert!(self::digest(&mut world, &mut here).is_none(), "and then not for a long time");
    world.wait_us(120 * MINUTE_US);
    let frames = world.take(here.device.connection);
    assert!(frames.iter().any(|frame| matches!(frame, Frame::Digest(_))));
}

#[test]
fn only_the_buckets_that_differ_are_sent_again_and_the_alarm_says_so() {
    let mut world = World::with_ledger(often());
    put_items(&mut world, 900);
    let mut here = Follower::new(&mut world, 1);
    // Lost, another one, and one that should not be there.
    let items: Vec<(u8, Vec<u8>)> =
        here.replica.rows.keys().filter(|(table, _key)| *table == 4).cloned().collect();
    here.replica.rows.remove(&items[3]);
    here.replica.rows.insert(items[400].clone(), b"something else".to_vec());
    here.replica.rows.insert((4, b"nobody".to_vec()), b"nothing".to_vec());
    let digest = digest(&mut world, &mut here).expect("it is due");
    let own = sums(&here.replica.rows);
    let differing: Vec<u8> = digest
        .tables
        .iter()
        .filter(|sum| own.table(sum.table).total() != sum.sum)
        .map(|sum| sum.table)
        .collect();
    assert_eq!(differing, [4]);
    let buckets = TableBuckets { table: 4, sums: own.table(4).buckets().to_vec() };
    answer(&mut world, &here, &digest, vec![buckets]);
    // Something else happens before the repair is looked at.
    let frames = world.take(here.device.connection);
    let mut n_rows = 0;
    for frame in frames {
        match frame {
            Frame::Repair(repair) => {
                n_rows += repair.rows.len();
                repaired(&mut here.replica, repair);
            }
            other => here.replica.apply(vec![other]),
        }
    }
    assert_same(&here.replica, &world, "NORTH");
    assert!(n_rows > 0 && n_rows < 40, "three buckets of 256: {n_rows} rows of {}", items.len());
    let health = world.machine.replica_health();
    assert_eq!((health.n_differed, health.n_rows_sent), (1, u64::try_from(n_rows).unwrap()));
    let alarm =
        |said: &Action| matches!(said, Action::Alarm(Alarm::ReplicaDiffers { n_buckets: 3, .. }));
    assert!(world.said.iter().any(alarm));
    // The feed goes on behind the repair, and the next comparison agrees.
    here.does(&mut world, &receive("A-01", "BOLT", 5));
    world.settle();
    here.look(&mut world);
    assert_same(&here.replica, &world, "NORTH");
    let digest = self::digest(&mut world, &mut here).expect("it is due sooner than usual");
    assert_eq!(digest.tables, totals(&here.replica.rows));
}

#[test]
fn a_delta_ends_at_the_decision_that_is_compared_whatever_happens_meanwhile() {
    use crate::machine::Event;
    let mut world = World::with_ledger(often());
    put_items(&mut world, 2_500);
    let mut here = Follower::new(&mut world, 1);
    let mut at: BTreeMap<_, Vec<TableSum>> = BTreeMap::new();
    at.insert(here.replica.cursor, totals(&here.replica.rows));
    world.now = world.now.plus_us(11 * MINUTE_US);
    let mut compared = None;
    for n in 1..=40 {
        let bin = if n % 2 == 0 { "A-01" } else { "A-02" };
        here.does(&mut world, &receive(bin, "BOLT", 1));
        while world.persist() {}
        world.step(Event::Tick);
        world.step(Event::Work);
        if n == 40 {
            world.settle();
        }
        for frame in world.take(here.device.connection) {
            if let Frame::Digest(digest) = &frame {
                compared = Some(digest.clone());
            }
            here.replica.apply(vec![frame]);
            at.insert(here.replica.cursor, totals(&here.replica.rows));
        }
    }
    let digest = compared.expect("it was compared in the middle of the work");
    assert!(digest.lsn < here.replica.cursor, "the work went on meanwhile");
    let known = at.range(..=digest.lsn).next_back().map(|(_lsn, totals)| totals);
    assert_eq!(known, Some(&digest.tables));
}

#[test]
fn a_device_that_cannot_compare_is_asked_again_sooner_and_an_answer_of_old_is_ignored() {
    let mut world = World::with_ledger(often());
    let mut here = Follower::new(&mut world, 1);
    let digest = digest(&mut world, &mut here).expect("it is due");
    let unknown = RepairRequest { lsn: digest.lsn, tables: Vec::new(), is_unknown: true };
    world.receive(here.device.connection, Frame::RepairRequest(unknown.clone()));
    world.receive(here.device.connection, Frame::RepairRequest(unknown));
    assert_eq!(world.machine.replica_health().n_unknown, 1);
    assert!(self::digest(&mut world, &mut here).is_some());
    // Hostile: buckets that are none.
    let odd = TableBuckets { table: 4, sums: vec![1; 3] };
    answer(&mut world, &here, &digest, vec![odd]);
    assert!(world.take(here.device.connection).is_empty());
}
