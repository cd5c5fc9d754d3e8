//! Orders of the server, the key of this device, and what it has witnessed (SYNC 2.7, 2.10).
//!
//! 1. Only the holder of the server's key gives orders: the first key that the server named counts,
//!    until the device is enrolled again.
//! 2. A device that drains records nothing more, and deletes nothing before the server says that
//!    everything it holds is safe.
//! 3. A new key proves nothing before the server has it in its book. Those before it are kept: a
//!    server that was restored from before a change knows only one of them, and is told of the new one by
//!    it.

use ed25519_dalek::{Signature, VerifyingKey};
use protocol::frame::order::{
    Command, CommandResult, Order, RotateKey, ServerKey, Witness, order_message, rotation_message,
};
use protocol::frame::{Frame, capability};
use protocol::identity::{Hash16, IntakeNo, Seq, ServerEpoch};
use serde_bytes::ByteBuf;

use super::{Action, DeviceCore, News};
use crate::key::{DeviceKey, KeyInUse};

/// What was ordered, and by whom orders are believed.
#[derive(Debug, Default)]
pub(super) struct Orders {
    /// The server's key; none before it named one.
    pub(super) server_key: Option<ByteBuf>,
    /// The order to drain and wipe.
    pub(super) draining: Option<u64>,
    /// Everything is gone, or will be in a moment.
    pub(super) is_wiped: bool,
    /// The server does not take the new key: it knows another one of this device than those here.
    pub(super) is_key_refused: bool,
    /// How far the intake log went before this connection.
    pub(super) witness: Option<Witness>,
}

impl DeviceCore {
    /// Whether nothing may be recorded any more.
    pub fn is_withdrawn(&self) -> bool {
        self.orders.draining.is_some() || self.orders.is_wiped
    }

    fn takes_orders(&self) -> bool {
        self.handshake.capabilities & capability::ORDERS != 0
    }

    /// What HELLO goes with: the log as it was named to this device before.
    pub(super) fn note_witness(&mut self) {
        let Some(recorder) = &self.recorder else { return };
        let state = recorder.state();
        self.orders.witness = (state.acked.chain_no > 0).then_some(Witness {
            epoch: ServerEpoch(state.epoch),
            chain_no: IntakeNo(state.acked.chain_no),
            chain_head: Hash16(state.acked.chain_head.0),
        });
    }

    /// After WELCOME: what was witnessed, and a new key that the server may not have yet.
    pub(super) fn after_admission(&mut self, actions: &mut Vec<Action>) {
        if !self.takes_orders() || self.session.live().is_none() {
            return;
        }
        if let Some(witness) = self.orders.witness.take() {
            self.send(&Frame::Witness(witness), actions);
        }
        if self.key.in_use() == KeyInUse::Next {
            self.key_is_known(actions);
        } else {
            self.offer_key(actions);
        }
    }

    pub(super) fn on_server_key(&mut self, named: &ServerKey) {
        match &self.orders.server_key {
            None => {
                self.orders.server_key = Some(named.public_key.clone());
                self.save_state();
            }
            Some(known) if *known == named.public_key => {}
            Some(_other) => {
                let what = "the server names another key for its orders: the first one counts";
                self.news.push(News::Trouble(what.to_owned()));
            }
        }
    }

    pub(super) fn on_command(&mut self, command: &Command, actions: &mut Vec<Action>) {
        if let Err(why) = self.check_command(command) {
            self.answer(command.id, (false, 0), why, actions);
            return;
        }
        match command.order {
            Order::WipeNow => self.wipe(command.id, actions),
            Order::DrainThenWipe => {
                if self.orders.draining != Some(command.id) {
                    self.orders.draining = Some(command.id);
                    self.save_state();
                    self.news.push(News::Withdrawn);
                }
            }
            Order::RotateKey if self.orders.is_key_refused => {
                let why = "the server knows another key of this device: enrol it again";
                self.answer(command.id, (false, 0), why, actions);
            }
            Order::RotateKey if self.key.offered_public().is_some() => self.offer_key(actions),
            Order::RotateKey => actions.push(Action::MakeKey),
            Order::Later => {
                let why = "this app does not know the order: update it";
                self.answer(command.id, (false, 0), why, actions);
            }
        }
    }

    /// Whether an order is the server's, for this device, and not too old.
    fn check_command(&self, command: &Command) -> Result<(), &'static str> {
        let key = self.orders.server_key.as_ref().ok_or("the server has named no key yet")?;
        let device = self.identity().map(|(device, _incarnation)| device);
        let device = device.ok_or("this is no device yet")?;
        if command.expires < self.people.server_time {
            return Err("the order is too old");
        }
        let message = order_message(device, command.id, command.expires, command.order);
        if is_signed(key, &message, &command.signature) {
            Ok(())
        } else {
            Err("the order is not signed by the server's key")
        }
    }

    fn answer(
        &self,
        id: u64,
        (done, pending): (bool, u64),
        detail: &str,
        actions: &mut Vec<Action>,
    ) {
        let result = CommandResult { id, done, pending, detail: detail.to_owned() };
        self.send(&Frame::CommandResult(result), actions);
    }

    /// Has everything deleted, and says so: a device that was said to be wiped, and is not, would be let
    /// in no more to hear of it again.
    fn wipe(&mut self, id: u64, actions: &mut Vec<Action>) {
        actions.push(Action::BeginWipe);
        self.answer(id, (true, self.n_unsent()), "", actions);
        self.orders.is_wiped = true;
        self.news.push(News::Wiped);
        actions.push(Action::Wipe);
    }

    /// A device that drains is wiped when nothing of it can be lost any more.
    pub(super) fn check_drained(&mut self, actions: &mut Vec<Action>) {
        let Some(id) = self.orders.draining.filter(|_| !self.orders.is_wiped) else { return };
        let head = self.recorder.as_ref().map_or(0, |recorder| recorder.head().seq);
        // Pictures go with the operations, where the server takes them.
        let has_pictures = self.n_blobs_kept() > 0 && self.sends_blobs();
        let is_drained = self.n_unsent() == 0 && self.safe_told >= Seq(head) && !has_pictures;
        if is_drained && self.session.live().is_some() {
            self.wipe(id, actions);
        }
    }

    /// A new key was made and is on the disk.
    pub(super) fn on_next_key(&mut self, key: &DeviceKey, actions: &mut Vec<Action>) {
        self.key.prepare(key);
        if self.session.live().is_some() {
            self.offer_key(actions);
        }
    }

    fn offer_key(&self, actions: &mut Vec<Action>) {
        if self.orders.is_key_refused {
            return;
        }
        let Some((device, _incarnation)) = self.identity() else { return };
        let Some(public) = self.key.offered_public() else { return };
        let message = rotation_message(device, &public);
        let Some(by_new) = self.key.sign_by_offered(&message) else { return };
        let by_present = self.key.sign(&message);
        let rotate = RotateKey {
            algorithm: self.key.algorithm(),
            public_key: ByteBuf::from(public),
            by_present: ByteBuf::from(by_present),
            by_new: ByteBuf::from(by_new),
        };
        self.send(&Frame::RotateKey(rotate), actions);
    }

    /// The server has the new key in its book.
    pub(super) fn on_key_ok(&mut self, public_key: &[u8], actions: &mut Vec<Action>) {
        if self.key.offered_public().is_some_and(|offered| offered == public_key) {
            self.key_is_known(actions);
        }
    }

    fn key_is_known(&mut self, actions: &mut Vec<Action>) {
        if self.key.take_offered() {
            actions.push(Action::KeepKey);
        }
    }

    /// The server did not take a signature. At the door it may know another of the keys; behind it, it did
    /// not take the new one, and would not the next time.
    pub(super) fn on_unproven(&mut self) {
        if self.session.live().is_some() {
            self.orders.is_key_refused = true;
        } else {
            self.key.try_another();
        }
    }

    /// Who this is for orders: another company's server has another key.
    pub(super) fn forget_server_key(&mut self) {
        self.orders.server_key = None;
        self.orders.draining = None;
        self.orders.is_key_refused = false;
    }
}

fn is_signed(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let key = key.try_into().ok().and_then(|key| VerifyingKey::from_bytes(key).ok());
    let signature = Signature::from_slice(signature).ok();
    key.zip(signature)
        .is_some_and(|(key, signature)| key.verify_strict(message, &signature).is_ok())
}
