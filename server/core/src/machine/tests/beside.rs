//! Photos arrive in parts and whole or not at all; questions are answered from what is durable.

use ledger::key::KeyRange;
use ledger::schema::place::SitesByCode;
use ledger::tables::Read as _;
use protocol::frame::Frame;
use protocol::frame::beside::{Answer, BlobAck, BlobPut, BlobState, Query};
use protocol::identity::OperationId;
use protocol::operation::{Attach, AttachmentKind, Body, MediaType};
use serde_bytes::ByteBuf;
use sha2::{Digest as _, Sha256};

use super::company::{put_location, put_site};
use super::replica::{Follower, receive};
use super::world::{World, config};
use crate::machine::{Config, Event};
use crate::schema::BlobParts;
use crate::session::beside::blob;
use crate::session::budget::Allowance;

fn photo(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|n| u8::try_from(n % 250).unwrap()).collect()
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn attach(target: OperationId, bytes: &[u8]) -> Body {
    Body::Attach(Attach {
        incarnation: target.incarnation,
        seq: target.seq,
        hash: ByteBuf::from(hash(bytes).to_vec()),
        length: u32::try_from(bytes.len()).unwrap(),
        media: MediaType::Jpeg,
        kind: AttachmentKind::Photo,
    })
}

/// Sends a part, and gives the answer that follows when it is durable.
fn put(world: &mut World, here: &Follower, bytes: &[u8], part: std::ops::Range<usize>) -> BlobAck {
    offer(world, here, bytes, part).expect("it is answered")
}

/// The same for a part that may be put off.
fn offer(
    world: &mut World,
    here: &Follower,
    bytes: &[u8],
    part: std::ops::Range<usize>,
) -> Option<BlobAck> {
    let connection = here.device.connection;
    world.take(connection);
    let put = BlobPut {
        hash: ByteBuf::from(hash(bytes).to_vec()),
        length: u32::try_from(bytes.len()).unwrap(),
        offset: u32::try_from(part.start).unwrap(),
        bytes: ByteBuf::from(bytes[part].to_vec()),
    };
    world.receive(connection, Frame::BlobPut(put));
    world.settle();
    assert!(!world.closed.contains(&connection), "operations go on");
    world.take(connection).into_iter().find_map(|frame| match frame {
        Frame::BlobAck(ack) => Some(ack),
        _ => None,
    })
}

fn state(ack: &BlobAck) -> (BlobState, u32) {
    (ack.state, ack.offset)
}

#[test]
fn a_photo_is_taken_part_by_part_once_an_operation_names_it() {
    let mut world = World::with_ledger(config());
    let mut here = Follower::new(&mut world, 1);
    let bytes = photo(100_000);
    let unnamed = put(&mut world, &here, &bytes, 0..10);
    assert_eq!(state(&unnamed), (BlobState::Unknown, 0), "nobody knows what it belongs to");
    let target = here.does(&mut world, &receive("A-01", "BOLT", 5));
    here.does(&mut world, &attach(target, &bytes));
    world.settle();
    assert_eq!(state(&put(&mut world, &here, &bytes, 0..0)), (BlobState::Wanted, 0));
    assert_eq!(state(&put(&mut world, &here, &bytes, 0..60_000)), (BlobState::Wanted, 60_000));
    // Twice, or out of place: what is here is said again.
    assert_eq!(state(&put(&mut world, &here, &bytes, 0..60_000)), (BlobState::Wanted, 60_000));
    assert_eq!(blob(world.tables(), &hash(&bytes)), None, "not before it is whole");
    let whole = put(&mut world, &here, &bytes, 60_000..100_000);
    assert_eq!(state(&whole), (BlobState::Complete, 100_000));
    assert_eq!(blob(world.tables(), &hash(&bytes)), Some(bytes.clone()));
    assert_eq!(state(&put(&mut world, &here, &bytes, 0..0)), (BlobState::Complete, 100_000));
}

#[test]
fn a_part_is_acknowledged_when_it_is_durable_and_not_before() {
    let mut world = World::with_ledger(config());
    let mut here = Follower::new(&mut world, 1);
    let bytes = photo(50_000);
    let target = here.does(&mut world, &receive("A-01", "BOLT", 5));
    here.does(&mut world, &attach(target, &bytes));
    world.settle();
    world.take(here.device.connection);
    world.receive(
        here.device.connection,
        Frame::BlobPut(BlobPut {
            hash: ByteBuf::from(hash(&bytes).to_vec()),
            length: 50_000,
            offset: 0,
            bytes: ByteBuf::from(bytes[..20_000].to_vec()),
        }),
    );
    let is_ack = |frame: &Frame| matches!(frame, Frame::BlobAck(_));
    assert!(!world.take(here.device.connection).iter().any(is_ack));
    world.crash(0);
    here.come_in(&mut world);
    assert_eq!(state(&put(&mut world, &here, &bytes, 0..0)), (BlobState::Wanted, 0));
    put(&mut world, &here, &bytes, 0..20_000);
    world.crash(0);
    here.come_in(&mut world);
    assert_eq!(state(&put(&mut world, &here, &bytes, 0..0)), (BlobState::Wanted, 20_000));
}

#[test]
fn bytes_that_are_not_what_the_hash_says_are_refused_and_leave_nothing() {
    let mut world = World::with_ledger(config());
    let mut here = Follower::new(&mut world, 1);
    let bytes = photo(30_000);
    let target = here.does(&mut world, &receive("A-01", "BOLT", 5));
    here.does(&mut world, &attach(target, &bytes));
    world.settle();
    put(&mut world, &here, &bytes, 0..10_000);
    let wrong = BlobPut {
        hash: ByteBuf::from(hash(&bytes).to_vec()),
        length: 30_000,
        offset: 10_000,
        bytes: ByteBuf::from(vec![1; 20_000]),
    };
    world.receive(here.device.connection, Frame::BlobPut(wrong));
    world.settle();
    let frames = world.take(here.device.connection);
    let refused = frames
        .iter()
        .any(|frame| matches!(frame, Frame::BlobAck(ack) if ack.state == BlobState::Refused));
    assert!(refused, "{frames:?}");
    // And the right ones can still be sent.
    assert_eq!(state(&put(&mut world, &here, &bytes, 0..30_000)), (BlobState::Complete, 30_000));
}

#[test]
fn an_operation_with_a_malformed_photo_is_parked_and_nothing_is_lost() {
    let mut world = World::with_ledger(config());
    let mut here = Follower::new(&mut world, 1);
    let target = here.does(&mut world, &receive("A-01", "BOLT", 5));
    let Body::Attach(mut body) = attach(target, b"x") else { panic!() };
    body.hash = ByteBuf::from(vec![1; 3]);
    let id = here.does(&mut world, &Body::Attach(body));
    world.settle();
    assert_eq!(world.decision(id), Some(protocol::outcome::Decision::Parked));
}

#[test]
fn a_full_disk_puts_photos_off_and_nothing_of_them_is_lost() {
    let mut world = World::with_ledger(config());
    let mut here = Follower::new(&mut world, 1);
    let bytes = photo(50_000);
    let target = here.does(&mut world, &receive("A-01", "BOLT", 5));
    here.does(&mut world, &attach(target, &bytes));
    world.settle();
    put(&mut world, &here, &bytes, 0..20_000);
    world.step(Event::Room { has_room: false });
    let part = 20_000..40_000;
    assert_eq!(offer(&mut world, &here, &bytes, part.clone()), None, "not now");
    assert_eq!(state(&put(&mut world, &here, &bytes, 0..0)), (BlobState::Wanted, 20_000));
    world.step(Event::Room { has_room: true });
    assert_eq!(state(&put(&mut world, &here, &bytes, part)), (BlobState::Wanted, 40_000));
    let whole = put(&mut world, &here, &bytes, 40_000..50_000);
    assert_eq!(state(&whole), (BlobState::Complete, 50_000));
    assert_eq!(blob(world.tables(), &hash(&bytes)), Some(bytes));
}

#[test]
fn a_photo_waits_when_its_device_sends_more_than_it_may_and_operations_do_not() {
    let allowance =
        Allowance { photo_bytes: 64 << 10, photo_bytes_per_s: 16 << 10, ..Allowance::DEFAULT };
    let mut world = World::with_ledger(Config { allowance, ..config() });
    let mut here = Follower::new(&mut world, 1);
    let bytes = photo(100_000);
    let target = here.does(&mut world, &receive("A-01", "BOLT", 5));
    here.does(&mut world, &attach(target, &bytes));
    world.settle();
    assert_eq!(state(&put(&mut world, &here, &bytes, 0..60_000)), (BlobState::Wanted, 60_000));
    assert_eq!(offer(&mut world, &here, &bytes, 60_000..100_000), None);
    assert_eq!(offer(&mut world, &here, &bytes, 0..0), None, "asking is not free");
    let other = here.does(&mut world, &receive("A-01", "BOLT", 2));
    world.settle();
    assert!(world.decision(other).is_some(), "an operation does not wait for photos");
    world.wait_us(4_000_000);
    let whole = put(&mut world, &here, &bytes, 60_000..100_000);
    assert_eq!(state(&whole), (BlobState::Complete, 100_000));
}

#[test]
fn a_device_whose_photos_are_wrong_again_and_again_writes_few_of_them() {
    let allowance =
        Allowance { photo_bytes: 10 << 20, photo_bytes_per_s: 64 << 10, ..Allowance::DEFAULT };
    let mut world = World::with_ledger(Config { allowance, ..config() });
    let mut here = Follower::new(&mut world, 1);
    let bytes = photo(1 << 20);
    let target = here.does(&mut world, &receive("A-01", "BOLT", 5));
    here.does(&mut world, &attach(target, &bytes));
    world.settle();
    let mut wrong = bytes.clone();
    wrong[0] ^= 1;
    let parts = || (0..1 << 20).step_by(64 << 10).map(|from| from..from + (64 << 10));
    let mut n_wrong = 0;
    for _photo in 0..10 {
        for part in parts() {
            // The hash is that of the right one.
            let frame = BlobPut {
                hash: ByteBuf::from(hash(&bytes).to_vec()),
                length: 1 << 20,
                offset: u32::try_from(part.start).unwrap(),
                bytes: ByteBuf::from(wrong[part].to_vec()),
            };
            world.take(here.device.connection);
            world.receive(here.device.connection, Frame::BlobPut(frame));
            world.settle();
            let is_refused = |frame: &Frame| matches!(frame, Frame::BlobAck(ack) if ack.state == BlobState::Refused);
            n_wrong +=
                world.take(here.device.connection).iter().filter(|frame| is_refused(frame)).count();
        }
    }
    assert_eq!(n_wrong, 2, "ten would have fitted");
    // What it has to send all the same comes, later.
    world.wait_us(60_000_000);
    for part in parts() {
        put(&mut world, &here, &bytes, part);
    }
    assert_eq!(blob(world.tables(), &hash(&bytes)), Some(bytes));
}

#[test]
fn parts_wait_for_the_disk_as_operations_do() {
    let most = 1 << 20;
    let mut world = World::with_ledger(Config { bytes_waiting_max: most, ..config() });
    let mut here = Follower::new(&mut world, 1);
    let bytes = photo(3 << 20);
    let target = here.does(&mut world, &receive("A-01", "BOLT", 1));
    here.does(&mut world, &attach(target, &bytes));
    world.settle();
    // The disk stands: nothing of it is durable, so nothing is acknowledged.
    for offset in (0..bytes.len()).step_by(64 << 10) {
        let part = BlobPut {
            hash: ByteBuf::from(hash(&bytes).to_vec()),
            length: 3 << 20,
            offset: u32::try_from(offset).unwrap(),
            bytes: ByteBuf::from(bytes[offset..offset + (64 << 10)].to_vec()),
        };
        world.receive(here.device.connection, Frame::BlobPut(part));
    }
    assert!(!world.closed.contains(&here.device.connection));
    world.settle();
    let parts = world.tables().list::<BlobParts>(&KeyRange::all());
    let kept: usize = parts.iter().map(|(_key, part)| part.len()).sum();
    assert!((most..most + (128 << 10)).contains(&kept), "{kept} bytes waited for the disk");
    let from = bytes.len().min(kept);
    let next = put(&mut world, &here, &bytes, from..from + (64 << 10));
    assert_eq!(next.state, BlobState::Wanted, "when it is behind no more, it goes on");
}

fn asked(world: &mut World, here: &Follower, query: Query) -> Answer {
    world.take(here.device.connection);
    world.receive(here.device.connection, Frame::Query(query));
    let frames = world.take(here.device.connection);
    let answer = frames.into_iter().find_map(|frame| match frame {
        Frame::Answer(answer) => Some(answer),
        _ => None,
    });
    answer.expect("it is answered at once")
}

#[test]
fn a_question_is_answered_with_the_stock_of_other_sites_only() {
    let mut world = World::with_ledger(config());
    put_site(&mut world, "WEST");
    put_location(&mut world, "FAR", "WEST");
    let mut here = Follower::new(&mut world, 1);
    here.does(&mut world, &receive("A-01", "BOLT", 5));
    world.settle();
    let query =
        Query { id: 7, deadline_ms: 1_000, item: Some("BOLT".try_into().unwrap()), code: None };
    let answer = asked(&mut world, &here, query.clone());
    assert_eq!((answer.id, answer.elsewhere.len()), (7, 0), "its own site it knows itself");
    // The same question from the other site.
    let west: protocol::words::SiteCode = "WEST".try_into().unwrap();
    let site = *world.tables().row::<SitesByCode>(&west).unwrap();
    let other = crate::session::beside::answer(world.tables(), site, &query);
    assert_eq!(other.elsewhere.len(), 1);
    assert_eq!(other.elsewhere[0].quantity, Some("5".parse().unwrap()));
    assert_eq!(other.elsewhere[0].location.as_str(), "MAIN");
    let nothing = Query { item: Some("NOBODY".try_into().unwrap()), ..query };
    assert!(asked(&mut world, &here, nothing).elsewhere.is_empty());
}
