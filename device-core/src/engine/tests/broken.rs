//! Processes that are killed, power that goes, stores that are lost.

use protocol::identity::Lsn;
use serde_bytes::ByteBuf;

use super::*;
use crate::store::StoreName;

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

/// Has `disk` hold what a later release has written.
fn rewrite(disk: &MemoryDisk, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
    use crate::recorder::Disk as _;
    let mut bytes = disk.bytes_of(name).unwrap();
    change(&mut bytes);
    let mut file = disk.create(name).unwrap();
    file.write_at(0, &bytes).unwrap();
    file.sync_data().unwrap();
}

#[test]
fn a_folder_of_a_later_release_is_refused_with_a_sentence_and_stays_as_it_is() {
    use crate::recorder::Disk as _;
    let mut world = World::online();
    world.record(&receive("A-01", "M8", 3));
    let later_recorder = |folders: &Folders| {
        let names = folders.recorder.list().unwrap();
        let segment = names.into_iter().find(|name| name.strip_suffix(".seg").is_some());
        rewrite(&folders.recorder, &segment.unwrap(), |bytes| {
            bytes[8..12].copy_from_slice(&99_u32.to_le_bytes());
            bytes[12..16].fill(0);
            let crc = crc32c::crc32c(&bytes[..32]);
            bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        });
    };
    let later_state = |folders: &Folders| {
        rewrite(&folders.state, "state", |bytes| {
            bytes[0] = 99;
            let crc = crc32c::crc32c_append(crc32c::crc32c(&[99]), &bytes[5..]);
            bytes[1..5].copy_from_slice(&crc.to_le_bytes());
        });
    };
    let makers: [&dyn Fn(&Folders); 2] = [&later_recorder, &later_state];
    for make in makers {
        let folders = world.folders.image();
        make(&folders);
        let all = |disk: &MemoryDisk| {
            let mut names = disk.list().unwrap();
            names.sort();
            names.into_iter().map(|name| (disk.bytes_of(&name), name)).collect::<Vec<_>>()
        };
        let before = (all(&folders.recorder), all(&folders.state));
        let refused = try_to_open(&folders, 2, 1_000).map(drop).unwrap_err();
        let cause = std::error::Error::source(&refused).map(ToString::to_string);
        let said = cause.unwrap_or_else(|| refused.to_string());
        assert!(said.contains("install the release that wrote it"), "{said}");
        assert_eq!((all(&folders.recorder), all(&folders.state)), before);
    }
}
