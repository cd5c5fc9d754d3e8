//! The storage fails in every way it can: nothing is lost, or what is lost is counted, and the server
//! learns of it.

use protocol::health::{StorageReport, StorageState};

use super::*;
use crate::recorder::Disk as _;
use crate::replica::Repaired;

impl World {
    /// What the server was told last of the storage.
    fn reported(&self) -> StorageReport {
        self.server.heartbeats.last().and_then(|said| said.storage).unwrap_or_default()
    }

    fn try_record(&mut self, body: &Body) -> Result<OperationId, RecordError> {
        let work = Work { body: body.clone(), document: None };
        let recorded = self.core.record(self.at(), &work);
        let actions = self.core.take_news();
        self.act(actions);
        let (name, actions) = recorded?;
        self.act(actions);
        Ok(name)
    }

    /// The chores are done, and whatever comes of them.
    fn chores(&mut self) {
        self.now_us += 31_000_000;
        self.event(Event::Timer(Timer::Chores));
        self.exchange();
    }

    /// The segment that holds the operation, and where in it.
    fn place_of(&self, needle: &[u8]) -> (String, usize) {
        let mut names = self.folders.recorder.list().unwrap();
        names.retain(|name| name.strip_suffix(".seg").is_some());
        let found = names.into_iter().find_map(|name| {
            let bytes = self.folders.recorder.bytes_of(&name).unwrap();
            let at = bytes.windows(needle.len()).position(|window| window == needle)?;
            Some((name, at))
        });
        found.expect("it was recorded")
    }

    /// Wrong beyond what the checksum can put right.
    fn ruin(&self, item: &str) {
        let (name, at) = self.place_of(item.as_bytes());
        for byte in 0..4 {
            assert!(self.folders.recorder.flip_bit(&name, at + byte, u8::try_from(byte).unwrap()));
        }
    }
}

#[test]
fn a_full_disk_gives_up_its_reserve_then_refuses_and_goes_on_when_there_is_room() {
    let mut world = World::online();
    world.chores();
    let ballast = world.folders.recorder.bytes_of("BALLAST").expect("there is a reserve").len();
    world.folders.recorder.set_capacity(Some(world.folders.recorder.used_bytes() + ballast));
    let mut n_recorded = 0;
    let mut has_warned = false;
    loop {
        match world.try_record(&receive("A-01", "BOLT", 1)) {
            Ok(_) => n_recorded += 1,
            Err(RecordError::Full) => break,
            Err(error) => panic!("{error}"),
        }
        world.exchange();
        has_warned |= world.reported().state == StorageState::Low;
        assert!(n_recorded < 1_000, "the disk is small");
    }
    assert!(has_warned, "the server hears of it while scans still find room");
    assert!(n_recorded > 50, "{n_recorded}");
    assert!(world.news.contains(&News::DiskFull));
    world.settle();
    world.chores();
    assert_eq!(world.reported().state, StorageState::Full);
    assert_eq!(world.booked("A-01"), n_recorded, "all that was confirmed, and nothing else");
    // Refusing harms nothing: the next one is refused as well, and the device opens again.
    assert!(matches!(world.try_record(&receive("A-01", "BOLT", 1)), Err(RecordError::Full)));
    world.folders.recorder.set_capacity(None);
    world.try_record(&receive("A-01", "BOLT", 1)).unwrap();
    world.chores();
    world.settle();
    assert_eq!(world.reported(), StorageReport::default(), "and the reserve is there again");
    assert_eq!(world.booked("A-01"), n_recorded + 1);
    world.restart();
    assert_eq!(world.core.storage().n_lost, 0);
}

#[test]
fn a_full_disk_leaves_the_rows_as_they_are_until_there_is_room() {
    let mut world = World::online();
    world.record(&receive("A-01", "BOLT", 5));
    world.settle();
    world.chores();
    world.folders.replica.set_full(true);
    world.folders.queue.set_full(true);
    world.server.other_moves();
    world.record(&receive("A-01", "BOLT", 2));
    world.exchange();
    assert_eq!(world.core.storage().state, StorageState::Low);
    assert_eq!(world.reported().state, StorageState::Low);
    assert_eq!(world.shown("A-01"), 7, "old rows and own work are still there to be read");
    assert!(world.core.replica().cursor() < world.server.head());
    world.chores();
    assert_eq!(world.folders.replica.n_set_aside() + world.folders.queue.n_set_aside(), 0);
    let n_snapshots = world.server.n_snapshots_sent;
    world.folders.replica.set_full(false);
    world.folders.queue.set_full(false);
    world.chores();
    world.settle();
    assert_eq!((world.shown("A-01"), world.booked("A-01")), (7, 7));
    assert_eq!(world.server.n_snapshots_sent, n_snapshots, "what was missing came as a change");
    assert_eq!(world.core.storage(), StorageReport::default());
    world.restart();
    world.settle();
    assert_eq!(world.shown("A-01"), 7);
}

#[test]
fn a_device_opens_although_its_stores_have_no_room() {
    for is_queue_new in [false, true] {
        let mut world = World::online();
        world.record(&receive("A-01", "BOLT", 1));
        world.settle();
        world.is_offline = true;
        world.cut_wire();
        world.folders.queue.set_full(true);
        world.folders.replica.set_full(true);
        if is_queue_new {
            world.folders.queue.destroy();
        }
        world.record(&receive("A-01", "BOLT", 5));
        world.record(&receive("A-01", "BOLT", 2));
        world.restart();
        assert_eq!(world.folders.queue.n_set_aside() + world.folders.replica.n_set_aside(), 0);
        assert_eq!((world.core.outbox().len(), world.shown("A-01")), (2, 8), "nothing is missing");
        assert_eq!(world.core.storage().state, StorageState::Low);
        world.folders.queue.set_full(false);
        world.folders.replica.set_full(false);
        world.is_offline = false;
        world.chores();
        world.settle();
        assert_eq!((world.shown("A-01"), world.booked("A-01")), (8, 8));
        assert_eq!(world.core.storage(), StorageReport::default());
        world.restart();
        assert_eq!((world.core.outbox().len(), world.shown("A-01")), (0, 8));
    }
}

#[test]
fn a_failed_sync_stops_recording_and_the_server_hears_of_it_at_once() {
    let mut world = World::online();
    world.record(&receive("A-01", "BOLT", 5));
    world.settle();
    world.folders.recorder.fail_syncs(1);
    let refused = world.try_record(&receive("A-01", "BOLT", 7));
    assert!(matches!(refused, Err(RecordError::Recorder(_))), "{refused:?}");
    world.event(Event::TryNow);
    world.exchange();
    assert_eq!(world.reported().state, StorageState::Stopped);
    assert!(world.news.iter().any(|news| matches!(news, News::RecorderStopped(_))));
    world.core.reopen_recorder().unwrap();
    world.record(&receive("A-01", "BOLT", 1));
    world.settle();
    assert_eq!(world.reported(), StorageReport::default());
    assert_eq!(world.booked("A-01"), 6, "what was refused is not recorded");
}

#[test]
fn wrong_bits_in_the_middle_cost_what_they_hit_and_the_loss_is_counted_on_both_sides() {
    for at_the_end in [false, true] {
        let mut world = World::online();
        world.is_offline = true;
        world.cut_wire();
        world.record(&receive("A-01", "BOLT", 1));
        world.record(&receive("A-01", "NUT", 2));
        if !at_the_end {
            world.record(&receive("A-01", "BOLT", 4));
        }
        world.ruin("NUT");
        // The second copy in the queue went with the same storage.
        world.folders.queue.destroy();
        world.restart();
        assert!(world.news.contains(&News::OperationsLost(1)), "{:?}", world.news);
        assert_eq!(world.core.storage().n_lost, 1);
        let expected = if at_the_end { 1 } else { 5 };
        assert_eq!(world.shown("A-01"), expected);
        world.is_offline = false;
        world.settle();
        world.chores();
        assert_eq!(world.booked("A-01"), expected, "the rest is there");
        let voids = world.server.book.intake.iter().filter(|taken| taken.recorded.kind == "void");
        assert_eq!(voids.count(), 1, "the hole has a number, and the server has it");
        assert_eq!((world.reported().n_lost, world.reported().n_damaged), (1, 1));
        // It goes on counting over restarts, and says so to every new connection.
        world.restart();
        world.settle();
        world.chores();
        assert_eq!(world.reported().n_lost, 1);
    }
}

#[test]
fn an_operation_that_was_destroyed_comes_back_from_the_queue_where_the_chain_proves_it() {
    let mut world = World::online();
    world.is_offline = true;
    world.cut_wire();
    world.record(&receive("A-01", "BOLT", 1));
    world.record(&receive("A-01", "NUT", 2));
    world.record(&receive("A-01", "BOLT", 4));
    world.ruin("NUT");
    world.restart();
    assert_eq!((world.core.storage().n_lost, world.core.storage().n_damaged), (0, 1));
    assert_eq!(world.shown("A-01"), 7);
    world.is_offline = false;
    world.settle();
    assert_eq!(world.booked("A-01"), 7, "nothing is lost");
    // The last one has nobody behind it that proves it: it is lost, and the screen says so.
    world.is_offline = true;
    world.cut_wire();
    world.record(&receive("A-01", "TAPE", 8));
    world.ruin("TAPE");
    world.restart();
    assert_eq!(world.core.storage().n_lost, 1);
    assert_eq!(world.shown("A-01"), 7, "what will not be sent is not shown");
    world.is_offline = false;
    world.settle();
    assert_eq!(world.booked("A-01"), 7);
}

#[test]
fn one_wrong_bit_is_put_right_and_reported() {
    let mut world = World::online();
    world.is_offline = true;
    world.cut_wire();
    world.record(&receive("A-01", "NUT", 2));
    world.record(&receive("A-01", "BOLT", 1));
    let (name, at) = world.place_of(b"NUT");
    assert!(world.folders.recorder.flip_bit(&name, at, 3));
    world.restart();
    world.is_offline = false;
    world.settle();
    world.chores();
    assert_eq!(world.booked("A-01"), 3);
    assert_eq!((world.reported().n_lost, world.reported().n_damaged), (0, 1));
}

#[test]
fn a_store_that_fails_is_built_anew_and_counted() {
    let mut world = World::online();
    world.record(&receive("A-01", "BOLT", 5));
    world.settle();
    world.folders.replica.fail();
    world.server.other_moves();
    world.settle();
    world.folders.queue.fail();
    world.record(&receive("A-01", "BOLT", 2));
    world.settle();
    world.chores();
    assert_eq!((world.shown("A-01"), world.booked("A-01")), (7, 7));
    assert_eq!((world.reported().n_set_aside, world.reported().state), (2, StorageState::Good));
}

#[test]
fn a_row_that_the_store_lost_is_found_by_its_sum_and_only_its_bucket_is_sent() {
    use protocol::digest::bucket;
    use protocol::frame::Frame;
    use protocol::frame::check::Repair;
    let mut world = World::online();
    for item in ["BOLT", "NUT", "TAPE"] {
        world.record(&receive("A-01", item, 5));
    }
    world.settle();
    world.chores();
    world.chores();
    let digest = world.server.digest();
    let send = |world: &mut World, frame: Frame| {
        let bytes = world.server.encoded(&frame);
        world.down.push_back(bytes);
        world.exchange();
    };
    send(&mut world, Frame::Digest(digest.clone()));
    let agreed = world.server.requests.pop().expect("it answers");
    assert!(agreed.tables.is_empty() && !agreed.is_unknown, "{agreed:?}");
    assert_eq!(world.core.replica_health().n_agreed, 1);

    // Behind the back of the replica: a row is gone, and nothing says so.
    let gone = world.server.records().into_iter().nth(1).unwrap();
    world.folders.replica.lose(&gone.key);
    world.core.replica.count_anew();
    world.chores();
    send(&mut world, Frame::Digest(digest.clone()));
    let differs = world.server.requests.pop().expect("it answers");
    assert_eq!(differs.tables.len(), 1, "{differs:?}");
    assert_eq!(differs.tables[0].table, gone.table);
    let buckets = vec![bucket(&gone.key)];
    let rows = world
        .server
        .records()
        .into_iter()
        .filter(|row| row.table == gone.table && buckets.contains(&bucket(&row.key)));
    let lsn = world.server.head();
    let repair = Repair {
        from: lsn,
        lsn,
        table: gone.table,
        rows: rows.collect(),
        buckets: buckets.clone().into(),
    };
    send(&mut world, Frame::Repair(repair));
    assert!(world.news.contains(&News::Repaired(Repaired { n_put: 1, n_deleted: 0 })));
    send(&mut world, Frame::Digest(digest));
    assert!(world.server.requests.pop().unwrap().tables.is_empty());
    assert_eq!(world.core.replica_health().n_repaired, 1);
}

impl World {
    /// Whether the replica is, row by row, what the server has: the sums of both say so.
    fn agrees(&mut self) -> bool {
        self.core.replica.count_anew();
        self.chores();
        self.chores();
        let digest = self.server.digest();
        let bytes = self.server.encoded(&protocol::frame::Frame::Digest(digest));
        self.down.push_back(bytes);
        self.exchange();
        let answer = self.server.requests.pop().expect("it answers");
        answer.tables.is_empty() && !answer.is_unknown
    }

    /// Everything that was recorded so far, as it lies on the disk.
    fn recorded_bytes(&self) -> BTreeMap<String, Vec<u8>> {
        let names = self.folders.recorder.list().unwrap();
        let segments = names.into_iter().filter(|name| name.strip_suffix(".seg").is_some());
        segments
            .map(|name| {
                let mut bytes = self.folders.recorder.bytes_of(&name).unwrap();
                // What is not written yet is zero.
                let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                bytes.truncate(end);
                (name, bytes)
            })
            .collect()
    }
}

#[test]
fn a_replica_that_finds_no_room_in_the_middle_of_a_snapshot_is_whole_when_there_is_some() {
    for n_taken in 0..4 {
        let mut world = World::online();
        for (item, bin) in [("BOLT", "A-01"), ("NUT", "A-02"), ("TAPE", "B-01"), ("BOLT", "B-02")] {
            world.record(&receive(bin, item, 5));
        }
        world.settle();
        // It lost its rows, holds a scan that nobody else has, and the disk fills up while the rows
        // come again.
        world.is_offline = true;
        world.cut_wire();
        world.record(&receive("A-01", "BOLT", 2));
        world.folders.replica.destroy();
        // The feed no longer begins where an empty replica does.
        world.server.feed_low = world.server.head();
        world.restart();
        let recorded = world.recorded_bytes();
        world.is_offline = false;
        let n_before = world.server.n_snapshots_sent;
        let mut n_steps = 0;
        while world.server.n_snapshots_sent == n_before {
            n_steps += 1;
            assert!(n_steps < 1_000, "it asks for a snapshot");
            if !world.deliver_up() && !world.deliver_down() {
                assert!(world.ring(), "it connects");
            }
        }
        for _ in 0..n_taken {
            world.deliver_down();
        }
        world.folders.replica.set_full(true);
        world.exchange();
        world.chores();
        assert_eq!(world.core.storage().state, StorageState::Low, "after {n_taken}");
        assert_eq!(world.booked("A-01"), 7, "what was scanned goes up all the same");
        world.record(&receive("A-02", "NUT", 1));
        world.exchange();
        world.folders.replica.set_full(false);
        world.chores();
        world.settle();
        assert!(world.agrees(), "after {n_taken}");
        for (bin, n) in [("A-01", 7), ("A-02", 6), ("B-01", 5), ("B-02", 5)] {
            assert_eq!((world.shown(bin), world.booked(bin)), (n, n), "{bin} after {n_taken}");
        }
        assert_eq!(world.core.storage(), StorageReport::default());
        let now = world.recorded_bytes();
        for (name, bytes) in recorded {
            assert!(now[&name].starts_with(&bytes), "{name}: what is recorded stays as it is");
        }
        world.restart();
        world.settle();
        assert_eq!(world.shown("A-01"), 7);
    }
}

#[test]
fn a_test_of_the_scanner_that_cannot_be_kept_gives_no_trust_and_takes_it_away() {
    let mut world = World::online();
    let found = |core: &DeviceCore| core.scanner_test().map(|test| test.separator.clone());
    world.folders.state.fail_syncs(1);
    assert!(world.core.keep_scanner_test(world.now_us, SeparatorFound::Raw).is_err());
    assert_eq!(found(&world.core), None);
    world.core.keep_scanner_test(world.now_us, SeparatorFound::Raw).unwrap();
    assert_eq!(found(&open(&world.folders.image(), 2, 1_000).core), Some(SeparatorFound::Raw));
    world.folders.state.fail_syncs(1);
    assert!(world.core.keep_scanner_test(world.now_us, SeparatorFound::Lost).is_err());
    assert_eq!(found(&world.core), Some(SeparatorFound::Lost), "a doubt needs no disk");
    let at = world.at();
    world.core.handle(at, Event::Suspend);
    assert_eq!(found(&open(&world.folders.image(), 2, 1_000).core), Some(SeparatorFound::Lost));
}
