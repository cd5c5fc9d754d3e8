//! Orders to a device, its new keys, and what it has witnessed (SYNC 2.7, 2.10).
//!
//! 1. An order is in the book before it is sent, and stays open until the device says that it is
//!    done: that is in the book too.
//! 2. A device that may do nothing any more hears of a wipe in place of WELCOME, and of nothing
//!    else.
//! 3. Only the holder of the present key can name a new one, and only for itself.

use ed25519_dalek::{Signer as _, SigningKey};
use ledger::key::KeyRange;
use ledger::schema::book::Intakes;
use ledger::schema::identity::Device;
use ledger::tables::{Read as _, Tables};
use protocol::frame::order::{
    Command, CommandResult, Order, RotateKey, ServerKey, Witness, order_message, rotation_message,
};
use protocol::frame::{FaultCode, Frame, capability};
use protocol::identity::{DeviceId, ServerEpoch, ServerTime};
use serde_bytes::ByteBuf;

use super::budget::{Asked, RECORD};
use super::upload::{busy_complaint, over_budget};
use super::wire::ConnectionNo;
use super::{Complaint, Session, Stage, proof, refuse};
use crate::identity::command::MachineCommand;
use crate::machine::Alarm;
use crate::machine::core::{Busy, Core};
use crate::schema::{OrderRow, Orders, PreviousKeys, Restorations};
use crate::store::Store;

/// The key that orders are signed with.
#[derive(Clone)]
pub struct OrderKey(SigningKey);

impl std::fmt::Debug for OrderKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OrderKey")
    }
}

impl OrderKey {
    /// Takes 32 random bytes that the server keeps as long as its store.
    pub fn new(secret: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&secret))
    }

    fn public(&self) -> ByteBuf {
        ByteBuf::from(self.0.verifying_key().to_bytes().to_vec())
    }

    fn command(&self, device: DeviceId, row: &OrderRow) -> Command {
        let message = order_message(device, row.id, row.expires, row.order);
        let signature = ByteBuf::from(self.0.sign(&message).to_bytes().to_vec());
        Command { id: row.id, expires: row.expires, order: row.order, signature }
    }
}

/// The order that waits for `device`: not done, and not too old.
pub(super) fn open_order(view: &dyn Tables, device: DeviceId, now: ServerTime) -> Option<OrderRow> {
    let row = view.row::<Orders>(&device)?;
    (row.done.is_none() && row.expires > now).then(|| (*row).clone())
}

/// Whether `signature` proves `device`: by its key, or for a while by the one before it.
pub(super) fn is_proved(
    view: &dyn Tables,
    (id, device): (DeviceId, &Device),
    (message, signature): (&[u8], &[u8]),
    now: ServerTime,
) -> bool {
    if proof::is_signed(device.algorithm, &device.public_key, message, signature) {
        return true;
    }
    view.row::<PreviousKeys>(&id).is_some_and(|previous| {
        now < previous.until
            && proof::is_signed(previous.algorithm, &previous.public_key, message, signature)
    })
}

/// After WELCOME: the key of orders, and the order that is open.
pub(super) fn greet(core: &mut Core, connection: ConnectionNo, session: &mut Session) {
    let now = core.now();
    let Some(open) = session.open().filter(|open| open.takes_orders) else { return };
    let device = open.sender.device;
    let key = core.config.order_key.clone();
    session.send_frame(core, connection, Frame::ServerKey(ServerKey { public_key: key.public() }));
    let cut = core.pipeline.cut().clone();
    if let Some(row) = open_order(cut.as_ref(), device, now) {
        session.send_frame(core, connection, Frame::Command(key.command(device, &row)));
    }
}

/// What a device that may do nothing any more hears after it has proved who it is: the order to
/// wipe, where there is one and it can read it.
pub(super) fn last_word(
    core: &mut Core,
    store: &dyn Store,
    (connection, session): (ConnectionNo, &mut Session),
    (device, capabilities): (DeviceId, u64),
) {
    let now = core.now();
    let row = core.view(store, |view| open_order(view, device, now));
    match row.filter(|row| row.order == Order::WipeNow) {
        Some(row) if capabilities & capability::ORDERS != 0 => {
            let command = core.config.order_key.command(device, &row);
            session.send_frame(core, connection, Frame::Command(command));
            session.stage = Stage::Ordered { device };
        }
        Some(_) | None => {
            let complaint = Complaint::new(FaultCode::REVOKED, "this device was revoked");
            refuse(core, connection, session, complaint);
        }
    }
}

/// A device says what became of an order.
pub(super) fn result(
    core: &mut Core,
    store: &dyn Store,
    (device, said): (DeviceId, &CommandResult),
) {
    let row = core.view(store, |view| view.row::<Orders>(&device));
    if row.is_none_or(|row| row.id != said.id || row.done.is_some()) {
        return;
    }
    if said.done {
        let command = MachineCommand::OrderDone { device, order: said.id, n_lost: said.pending };
        core.machine_command(store, &command);
    } else {
        let detail = said.detail.chars().take(200).collect();
        core.alarm(device, Alarm::OrderRefused { device, detail });
    }
}

/// A device names its next key.
pub(super) fn rotate(
    core: &mut Core,
    store: &dyn Store,
    (connection, session): (ConnectionNo, &mut Session),
    asked: RotateKey,
) {
    let Some(device) = session.open().map(|open| open.sender.device) else { return };
    let message = rotation_message(device, &asked.public_key);
    let row = core.view(store, |view| view.row::<ledger::schema::identity::Devices>(&device));
    let Some(row) = row else { return };
    if row.public_key == asked.public_key && row.algorithm == asked.algorithm {
        // It is in the book already; only the answer was lost.
        return key_ok(core, connection, session, asked.public_key);
    }
    let is_mine = proof::is_signed(asked.algorithm, &asked.public_key, &message, &asked.by_new)
        && proof::is_signed(row.algorithm, &row.public_key, &message, &asked.by_present);
    if !is_mine {
        let complaint = Complaint::new(FaultCode::AUTH, "the new key is not signed by the old one");
        return refuse(core, connection, session, complaint);
    }
    // A device that is sent away keeps both keys, and asks again.
    if !core.has_room {
        return refuse(core, connection, session, busy_complaint(Busy::NoRoom));
    }
    if let Err(wait) = core.spend(device, Asked::requests(RECORD)) {
        return refuse(core, connection, session, over_budget(wait));
    }
    let command = MachineCommand::RotateKey {
        device,
        algorithm: asked.algorithm,
        public_key: asked.public_key.clone(),
    };
    if let Some(no) = core.machine_command(store, &command) {
        core.rotating.insert(no, (connection, asked.public_key));
    }
}

/// The new key is in the book.
pub(crate) fn key_ok(
    core: &mut Core,
    connection: ConnectionNo,
    session: &mut Session,
    public_key: ByteBuf,
) {
    let ok = protocol::frame::order::KeyOk { public_key };
    session.send_frame(core, connection, Frame::KeyOk(ok));
}

/// A device has seen the intake log go to some record.
pub(super) fn witness(core: &mut Core, store: &dyn Store, (device, seen): (DeviceId, Witness)) {
    let ours = core.view(store, |view| crate::intake::server_epoch(view));
    if seen.chain_no.0 == 0 {
        return;
    }
    if seen.epoch == ours {
        let record = core.view(store, |view| view.row::<Intakes>(&seen.chain_no));
        if record.is_none_or(|record| record.hash != seen.chain_head) {
            core.alarm(device, Alarm::ServerIsOldCopy { device });
        }
    } else if seen.epoch < ours {
        note_lost_log(core, store, (device, seen));
    }
}

/// How far the log went that a restore has lost.
fn note_lost_log(core: &mut Core, store: &dyn Store, (device, seen): (DeviceId, Witness)) {
    let news = core.view(store, |view| {
        let later = KeyRange::between(&seen.epoch.next(), &ServerEpoch(u32::MAX));
        let (epoch, restored) = view.first::<Restorations>(&later)?;
        // A log that agrees up to the fork was not lost there.
        let is_beyond = seen.chain_no >= restored.intake
            || view
                .row::<Intakes>(&seen.chain_no)
                .is_none_or(|record| record.hash != seen.chain_head);
        let is_news = is_beyond && restored.lost_to.is_none_or(|known| known < seen.chain_no);
        is_news.then_some(epoch)
    });
    // Where it may not cause a record now, it says the same when it connects again.
    if let Some(epoch) = news
        && core.spend(device, Asked::requests(RECORD)).is_ok()
    {
        let command = MachineCommand::NoteLostLog { epoch, to: seen.chain_no };
        core.machine_command(store, &command);
    }
}
