//! Orders of the server: drained, wiped, forged, too old; keys that change; what is witnessed.

use ed25519_dalek::{Signer as _, SigningKey};
use protocol::frame::Frame;
use protocol::frame::order::{Command, CommandResult, Order, RotateKey, order_message};
use protocol::identity::{DeviceId, ServerEpoch, ServerTime};
use serde_bytes::ByteBuf;

use super::*;

fn server_key() -> SigningKey {
    SigningKey::from_bytes(&[42; 32])
}

fn named() -> Frame {
    let public_key = ByteBuf::from(server_key().verifying_key().to_bytes());
    Frame::ServerKey(protocol::frame::order::ServerKey { public_key })
}

fn signed(by: &SigningKey, device: DeviceId, id: u64, order: Order) -> Command {
    let expires = ServerTime(i64::MAX);
    let signature = by.sign(&order_message(device, id, expires, order)).to_bytes();
    Command { id, expires, order, signature: ByteBuf::from(signature) }
}

impl World {
    fn told(&mut self, frame: &Frame) -> Vec<Action> {
        let bytes = protocol::frame::codec::encode(frame, false);
        let connection = self.connection.expect("it is online");
        let actions = self.core.handle(self.at(), Event::Frame(connection, bytes));
        self.act(actions.clone());
        actions
    }

    fn ordered(&mut self, id: u64, order: Order) -> Vec<Action> {
        self.told(&named());
        let device = self.core.identity().unwrap().0;
        self.told(&Frame::Command(signed(&server_key(), device, id, order)))
    }
}

fn is_wiped(actions: &[Action]) -> bool {
    let place = |wanted: fn(&Action) -> bool| actions.iter().position(wanted);
    let begun = place(|action| matches!(action, Action::BeginWipe));
    let told = place(|action| matches!(action, Action::Send(..)));
    let is_wiped = actions.contains(&Action::Wipe);
    assert!(!is_wiped || begun.is_some_and(|at| told.is_none_or(|told| at < told)), "{actions:?}");
    is_wiped
}

fn try_to_record(world: &mut World) -> Result<(), RecordError> {
    let work = Work { body: receive("A-01", "M8", 1), document: None };
    world.core.record(world.at(), &work).map(drop)
}

#[test]
fn a_device_that_drains_records_nothing_more_and_is_wiped_when_everything_is_safe() {
    let mut world = World::online();
    world.record(&receive("A-01", "M8", 3));
    world.record(&receive("A-01", "M8", 4));
    let actions = world.ordered(7, Order::DrainThenWipe);
    assert!(!is_wiped(&actions));
    assert!(world.news.contains(&News::Withdrawn));
    assert!(matches!(try_to_record(&mut world), Err(RecordError::Withdrawn)));
    world.settle();
    assert!(world.server.results.is_empty(), "acknowledged is not enough");
    world.restart();
    world.settle();
    assert!(matches!(try_to_record(&mut world), Err(RecordError::Withdrawn)), "it is remembered");
    world.server.safe = 2;
    for _heartbeat in 0..5 {
        world.ring();
        world.exchange();
    }
    let [result] = world.server.results.as_slice() else { panic!("{:?}", world.server.results) };
    let wanted = CommandResult { id: 7, done: true, pending: 0, detail: String::new() };
    assert_eq!(*result, wanted);
    assert!(world.is_wiped && world.news.contains(&News::Wiped));
    assert_eq!(world.server.book.intake.len(), 2, "everything was uploaded");
}

#[test]
fn a_stolen_device_is_wiped_at_once_and_says_what_goes_with_it() {
    let mut world = World::online();
    world.cut_wire();
    world.is_offline = true;
    for _n in 0..3 {
        world.record(&receive("A-01", "M8", 1));
    }
    world.is_offline = false;
    while world.core.session().live().is_none() {
        assert!(world.deliver_up() || world.deliver_down() || world.ring());
    }
    world.up.clear();
    let n_unsent = world.core.n_unsent();
    let actions = world.ordered(9, Order::WipeNow);
    assert!(is_wiped(&actions));
    world.deliver_up();
    let result = world.server.results.last().unwrap();
    assert_eq!((result.done, result.pending), (true, n_unsent));
    assert!(world.core.handle(world.at(), Event::TryNow).is_empty(), "it does nothing any more");
    assert!(matches!(try_to_record(&mut world), Err(RecordError::Withdrawn)));
}

#[test]
fn only_the_holder_of_the_servers_key_gives_orders_and_only_to_this_device_in_time() {
    let mut world = World::online();
    let device = world.core.identity().unwrap().0;
    let early = signed(&server_key(), device, 1, Order::WipeNow);
    assert!(!is_wiped(&world.told(&Frame::Command(early))), "no key was named yet");
    world.told(&named());
    let stranger = SigningKey::from_bytes(&[1; 32]);
    world.told(&Frame::ServerKey(protocol::frame::order::ServerKey {
        public_key: ByteBuf::from(stranger.verifying_key().to_bytes()),
    }));
    let other = DeviceId(device.0 + 1);
    let expires = ServerTime(1);
    let message = order_message(device, 4, expires, Order::WipeNow);
    let signature = ByteBuf::from(server_key().sign(&message).to_bytes());
    let late = Command { id: 4, expires, order: Order::WipeNow, signature };
    let true_one = signed(&server_key(), device, 5, Order::DrainThenWipe);
    let changed = Command { order: Order::WipeNow, ..true_one };
    let forged = [
        signed(&stranger, device, 2, Order::WipeNow),
        signed(&server_key(), other, 3, Order::WipeNow),
        late,
        changed,
    ];
    for command in forged {
        let actions = world.told(&Frame::Command(command.clone()));
        assert!(!is_wiped(&actions), "{command:?}");
        world.exchange();
        let result = world.server.results.last().unwrap();
        assert_eq!((result.id, result.done), (command.id, false));
        assert!(!result.detail.is_empty(), "it says why");
    }
    assert!(try_to_record(&mut world).is_ok(), "work goes on");
}

#[test]
fn a_new_key_takes_over_when_the_server_has_it_and_not_before() {
    let mut world = World::online();
    let actions = world.ordered(3, Order::RotateKey);
    assert!(actions.contains(&Action::MakeKey));
    let next = DeviceKey::from_secret([8; 32]);
    world.event(Event::NextKey(Box::new(next.clone())));
    world.deliver_up();
    let asked: RotateKey = world.server.rotations.last().unwrap().clone();
    assert_eq!(asked.public_key[..], next.public());
    // The answer is lost: the old key still signs, and the new one is offered again.
    world.cut_wire();
    world.settle();
    assert!(world.server.rotations.len() > 1, "it asks again with the next connection");
    let ok = Frame::KeyOk(protocol::frame::order::KeyOk { public_key: asked.public_key });
    let actions = world.told(&ok);
    assert!(actions.contains(&Action::KeepKey));
    world.server.take_key(next.public());
    world.cut_wire();
    world.settle();
    assert!(!world.told(&ok).contains(&Action::KeepKey), "once");
}

#[test]
fn a_device_whose_old_key_is_refused_tries_the_one_that_waits() {
    let mut world = World::online();
    world.ordered(3, Order::RotateKey);
    let next = DeviceKey::from_secret([8; 32]);
    world.event(Event::NextKey(Box::new(next.clone())));
    world.exchange();
    // The server took it, the device never heard, and the old key is too old by now.
    world.server.take_key(next.public());
    world.server.refuses_other_keys = true;
    world.cut_wire();
    world.settle();
    assert_eq!(world.core.session().standing(), Standing::Good);
    assert!(world.kept_key, "the old one is done with");
}

/// A device that has taken the key [8; 32], which `server` knows from then on.
fn with_a_new_key() -> World {
    let mut world = World::online();
    world.ordered(3, Order::RotateKey);
    let next = DeviceKey::from_secret([8; 32]);
    world.event(Event::NextKey(Box::new(next.clone())));
    world.exchange();
    let ok = protocol::frame::order::KeyOk { public_key: ByteBuf::from(next.public()) };
    world.told(&Frame::KeyOk(ok));
    world.server.take_key(next.public());
    world.server.refuses_other_keys = true;
    world
}

#[test]
fn a_server_that_was_restored_from_before_the_new_key_is_told_of_it_by_the_old_one() {
    let mut world = with_a_new_key();
    world.record(&receive("A-01", "M8", 3));
    world.settle();
    let (old, new) = (DeviceKey::from_secret([3; 32]), DeviceKey::from_secret([8; 32]));
    let backup = world.server.book.clone();
    world.cut_wire();
    world.server.restore(backup);
    world.server.take_key(old.public());
    world.server.rotations.clear();
    world.record(&receive("A-01", "M8", 4));
    world.settle();
    assert_eq!(world.core.session().standing(), Standing::Good);
    assert_eq!(world.server.book.intake.len(), 2, "work goes on");
    let asked = world.server.rotations.last().expect("it names its key again").clone();
    assert_eq!(asked.public_key[..], new.public());
    // From there on the old one is not used any more.
    world.told(&Frame::KeyOk(protocol::frame::order::KeyOk { public_key: asked.public_key }));
    world.server.take_key(new.public());
    world.cut_wire();
    world.settle();
    assert_eq!(world.core.session().standing(), Standing::Good);
}

#[test]
fn a_device_whose_new_key_is_not_taken_goes_on_with_the_old_one_and_says_so() {
    let mut world = World::online();
    world.ordered(3, Order::RotateKey);
    world.event(Event::NextKey(Box::new(DeviceKey::from_secret([8; 32]))));
    world.exchange();
    // Its store is an old copy: the server takes a new key from a later one only.
    let refused = protocol::frame::Fault {
        code: FaultCode::AUTH,
        retryable: false,
        retry_after_ms: None,
        detail: String::new(),
    };
    world.told(&Frame::Fault(refused));
    let n_asked = world.server.rotations.len();
    world.record(&receive("A-01", "M8", 3));
    world.settle();
    assert_eq!(world.server.book.intake.len(), 1, "work goes on");
    assert_eq!(world.server.rotations.len(), n_asked, "it does not ask for the same again");
    world.ordered(3, Order::RotateKey);
    world.exchange();
    assert_eq!(world.server.rotations.len(), n_asked);
    let result = world.server.results.last().expect("it answers the order");
    assert!(!result.done && !result.detail.is_empty(), "{result:?}");
}

#[test]
fn it_tells_how_far_the_log_went_before_and_in_which_generation() {
    let mut world = World::online();
    world.record(&receive("A-01", "M8", 3));
    world.settle();
    world.cut_wire();
    world.settle();
    let seen = world.server.witnesses.last().unwrap();
    assert_eq!(seen.epoch, ServerEpoch(1));
    assert_eq!(seen.chain_no.0, world.server.book.intake.len() as u64);
}
