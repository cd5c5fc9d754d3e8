use protocol::feed::FeedRow;
use protocol::frame::{Frame, Resume, Subscribe};
use protocol::identity::{DeviceId, Lsn, Seq};
use protocol::outcome::Decision;

use super::world::World;

#[test]
fn a_scan_goes_down_once_and_comes_back_once() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    assert_eq!(device.id, DeviceId(1));
    let welcome = device.come_in(&mut world);
    assert_eq!(welcome.resume, Resume::Snapshot, "it has nothing yet");
    assert_eq!(welcome.accepted_seq, Seq(0));
    let head = world.machine.head().lsn;
    world.receive(device.connection, Frame::Subscribe(Subscribe { cursor: Some(head) }));
    device.cursor = head;

    let operation = device.record(&mut world, 5, "A-01");
    device.push(&mut world, 1);
    let early = world.take(device.connection);
    assert!(early.is_empty(), "nothing is said before it is durable, but {early:?}");
    world.persist();
    let frames = world.take(device.connection);
    let [Frame::Ack(ack)] = frames.as_slice() else { panic!("{frames:?}") };
    assert_eq!((ack.accepted_seq, ack.accepted_hash), device.last());
    assert_eq!(world.decision(operation), None, "an ACK is not a judgement");

    world.settle();
    let frames = world.take(device.connection);
    let [Frame::Delta(delta)] = frames.as_slice() else { panic!("{frames:?}") };
    assert_eq!((delta.from, delta.to), (head, Lsn(head.0 + 1)));
    let [group] = delta.groups.as_slice() else { panic!("{delta:?}") };
    assert_eq!(group.outcomes.len(), 1);
    assert_eq!(group.outcomes[0].operation, operation);
    assert_eq!(group.outcomes[0].decision, Decision::Accepted);
    let [record] = group.records.as_slice() else { panic!("{group:?}") };
    let row = FeedRow::decode(record.table, record.row.as_ref().unwrap()).unwrap();
    let Some(FeedRow::Stock(stock)) = row else { panic!("{row:?}") };
    assert_eq!(stock.quantity.unwrap().to_string(), "5");
    assert_eq!(stock.bin.unwrap().as_str(), "A-01");
}
