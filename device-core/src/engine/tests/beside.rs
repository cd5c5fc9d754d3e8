//! Photos and signatures travel beside the queue and never in its way.

use protocol::operation::AttachmentKind;
use sha2::{Digest as _, Sha256};

use super::*;

/// Something that begins like a JPEG and is as long as asked for.
fn picture(bytes: usize) -> Vec<u8> {
    let mut picture = vec![0xFF, 0xD8, 0xFF, 0xE0];
    picture.extend((0..bytes.saturating_sub(4)).map(|n| u8::try_from(n % 251).unwrap()));
    picture
}

impl World {
    fn attach(&mut self, target: OperationId, bytes: &[u8]) -> OperationId {
        let what = (AttachmentKind::Photo, bytes);
        let (name, actions) = self.core.attach(self.at(), target, what).unwrap();
        self.act(actions);
        name
    }

    /// Lets time pass until the server has all pictures.
    fn deliver_pictures(&mut self) {
        for _ in 0..100 {
            self.exchange();
            if self.core.n_blobs() == 0 {
                return;
            }
            assert!(self.ring());
        }
        panic!("{} pictures remain", self.core.n_blobs());
    }

    fn has_picture(&self, bytes: &[u8]) -> bool {
        let hash = Sha256::digest(bytes).to_vec();
        self.server.blobs.get(&hash).is_some_and(|kept| kept == bytes)
    }
}

#[test]
fn a_photo_made_offline_arrives_whole_and_is_deleted_here_only_then() {
    let mut world = World::online();
    world.is_offline = true;
    world.cut_wire();
    let name = world.record(&receive("A-01", "BOLT", 5));
    let photo = picture(100_000);
    world.attach(name, &photo);
    world.cut_power(0, 0);
    assert_eq!(world.core.n_blobs(), 1, "it was on the disk before it was recorded");
    world.is_offline = false;
    world.settle();
    world.deliver_pictures();
    assert!(world.has_picture(&photo));
    assert!(world.folders.blobs.list().unwrap().is_empty(), "nothing is left here");
    world.restart();
    assert_eq!(world.core.n_blobs(), 0);
}

#[test]
fn a_photo_stays_here_until_a_backup_has_it_and_goes_again_to_a_restored_server() {
    let mut world = World::online();
    world.server.keeps_backups = false;
    let name = world.record(&receive("A-01", "BOLT", 5));
    let photo = picture(40_000);
    world.attach(name, &photo);
    world.settle();
    world.deliver_pictures();
    assert!(world.has_picture(&photo));
    assert_eq!((world.core.n_blobs(), world.core.n_blobs_kept()), (0, 1), "taken, and kept");
    let n_parts = world.server.blob_parts.len();
    // The server is put back to before the photo: it comes again, by itself.
    world.server.blobs.clear();
    world.cut_wire();
    world.settle();
    world.deliver_pictures();
    assert!(world.has_picture(&photo) && world.server.blob_parts.len() > n_parts);
    // A backup was proved: it is asked within some heartbeats, and then it goes.
    world.server.keeps_backups = true;
    for _ in 0..200 {
        world.exchange();
        if world.core.n_blobs_kept() == 0 {
            break;
        }
        assert!(world.ring());
    }
    assert!(world.folders.blobs.list().unwrap().is_empty(), "nothing is left here");
}

#[test]
fn an_operation_never_waits_for_more_than_one_part_of_a_photo() {
    let mut world = World::online();
    let name = world.record(&receive("A-01", "BOLT", 1));
    world.settle();
    world.attach(name, &picture(200_000));
    world.settle();
    // While the photo is on its way, an operation is recorded after each part.
    let mut n_recorded = 0;
    for _ in 0..2_000 {
        if world.server.blob_parts.len() > n_recorded && n_recorded < 5 {
            world.record(&receive("A-01", "BOLT", 1));
            n_recorded += 1;
        }
        if !(world.deliver_up() || world.deliver_down() || world.post() || world.ring()) {
            break;
        }
        if world.core.n_blobs() == 0 {
            break;
        }
    }
    assert_eq!((world.core.n_blobs(), n_recorded), (0, 5));
    // At most one part was taken between the recording of an operation and its arrival.
    let parts = &world.server.blob_parts;
    for n_taken in 3..=6 {
        let n_between = parts.iter().filter(|n| **n == n_taken).count();
        assert!(n_between <= 2, "{n_between} parts beside operation {n_taken}: {parts:?}");
    }
}

#[test]
fn a_photo_goes_on_where_the_connection_broke() {
    let mut world = World::online();
    let name = world.record(&receive("A-01", "BOLT", 1));
    let photo = picture(160_000);
    world.attach(name, &photo);
    while world.server.blob_parts.len() < 4 {
        assert!(world.deliver_up() || world.deliver_down() || world.post() || world.ring());
    }
    world.cut_wire();
    world.settle();
    world.deliver_pictures();
    assert!(world.has_picture(&photo));
    let n_parts = world.server.blob_parts.len();
    assert!(n_parts <= 11, "ten parts, and at most one of them twice: {n_parts}");
}

#[test]
fn a_photo_for_which_the_server_has_no_room_waits_and_operations_go_on() {
    let mut world = World::online();
    let name = world.record(&receive("A-01", "BOLT", 1));
    let photo = picture(40_000);
    world.attach(name, &photo);
    world.settle();
    world.server.takes_no_parts = true;
    for n in 0..12 {
        world.record(&receive("A-01", "BOLT", 1));
        world.settle();
        assert_eq!(world.core.n_blobs(), 1, "it is kept");
        assert!(world.ring(), "round {n}");
    }
    let n_parts = world.server.blob_parts.len();
    assert!((2..=12).contains(&n_parts), "offered again, and not all the time: {n_parts}");
    world.server.takes_no_parts = false;
    world.deliver_pictures();
    assert!(world.has_picture(&photo));
}

#[test]
fn a_photo_that_no_operation_names_is_forgotten_once_everything_is_judged() {
    let mut world = World::online();
    world.record(&receive("A-01", "BOLT", 1));
    // The app ended between keeping the file and recording the operation.
    let bytes = picture(5_000);
    let name = data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes));
    let mut file = world.folders.blobs.create(&name).unwrap();
    file.write_at(0, &bytes).unwrap();
    world.restart();
    assert_eq!(world.core.n_blobs(), 1);
    world.settle();
    world.deliver_pictures();
    assert_eq!(world.core.n_blobs(), 0);
}

#[test]
fn what_is_no_picture_or_too_long_is_not_taken_and_nothing_is_recorded() {
    use protocol::frame::beside::BLOB_BYTES_MAX;
    let mut world = World::online();
    let name = world.record(&receive("A-01", "BOLT", 1));
    let attach = |world: &mut World, bytes: &[u8]| {
        let at = world.at();
        world.core.attach(at, name, (AttachmentKind::Photo, bytes)).unwrap_err()
    };
    assert!(matches!(attach(&mut world, b"<html>"), AttachError::NoPicture));
    let long = picture(usize::try_from(BLOB_BYTES_MAX).unwrap() + 1);
    assert!(matches!(attach(&mut world, &long), AttachError::TooLarge { .. }));
    let elsewhere = OperationId { seq: Seq(99), ..name };
    let at = world.at();
    let other = world.core.attach(at, elsewhere, (AttachmentKind::Photo, &picture(9)));
    assert!(matches!(other.unwrap_err(), AttachError::NotHere));
    assert_eq!((world.core.n_blobs(), world.core.recorder().unwrap().head().seq), (0, 1));
}

#[test]
fn a_question_without_a_connection_is_answered_at_once_with_offline() {
    let mut world = World::online();
    world.is_offline = true;
    world.cut_wire();
    let question = Question::Elsewhere("BOLT".try_into().unwrap());
    assert_eq!(world.core.ask(&question, 1_000).unwrap_err(), AskError::Offline);
}
