//! Devices that were taken over: who holds one of them has its keys, and is let in.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use protocol::frame::beside::{BlobPut, Query};
use protocol::frame::order::Witness;
use protocol::frame::{Fault, FaultCode, Frame};
use protocol::identity::{Hash16, Incarnation, IntakeNo, Seq, ServerEpoch};
use protocol::operation::{Attach, AttachmentKind, Body, MediaType};
use serde_bytes::ByteBuf;
use tokio::time::Instant;

use super::{ATTACK, Field};
use crate::light::{Light, Line, Refused, key, wait_within};

/// Ways to misuse a device.
pub(super) const KINDS: u32 = 7;
/// Operations of one PUSH.
const PER_PUSH: usize = 512;
/// Operations that are replayed from, one by one.
const HISTORY: usize = 8 * PER_PUSH;
/// Numbers between two origins: wider than anything that was ever looked for one by one.
const APART: u64 = 10_002;

/// How the device `n` is misused.
pub(super) fn kind_of(n: u32) -> u32 {
    n % KINDS
}

/// A device that does its worst, and comes back when it is sent away.
pub(super) async fn betray(n: u32, field: Arc<Field>) {
    let mut device = Light::new(n, &field.secret);
    let kind = kind_of(n);
    match kind {
        1 => {
            // Origins are believed of incarnations that came before.
            device.forge_lease();
            (0..PER_PUSH as u64).for_each(|n| device.record_of(Seq((n + 1) * APART)));
        }
        2 => (0..HISTORY).for_each(|_n| device.record()),
        3 => device.record_body(&attach()),
        _ => (0..200).for_each(|_n| device.record()),
    }
    while Instant::now() < field.end {
        field.n_attacks.fetch_add(1, Ordering::Relaxed);
        let Ok((mut line, _resume)) = device.come_in(&field.address).await else {
            wait_within(200, 1_000).await;
            continue;
        };
        let attack = async {
            match kind {
                0 => flood((n, &device), &mut line).await,
                1 => leave_gaps(&mut device, &mut line).await,
                2 => replay(&mut device, &mut line).await,
                3 => send_photos(&mut device, &mut line).await,
                4 => ask(&mut line).await,
                5 => change_keys((n, &mut device), &mut line).await,
                _ => cry_wolf(&mut line).await,
            }
        };
        // However it ends, it begins again.
        drop(tokio::time::timeout(ATTACK, attack).await);
    }
}

/// Reads what has come, without waiting for more.
async fn glance(line: &mut Line) {
    let heard = tokio::time::timeout(Duration::from_millis(1), line.hear());
    drop(heard.await);
}

/// Repeats itself; every other device never reads.
async fn flood((n, device): (u32, &Light), line: &mut Line) -> Result<(), Refused> {
    for round in 0_u32.. {
        let frame = if round.is_multiple_of(2) { device.push() } else { device.heartbeat() };
        line.say(&frame).await?;
        if round.is_multiple_of(16) && n.is_multiple_of(2) {
            glance(line).await;
        }
    }
    Ok(())
}

/// Operations whose origins lie far apart: everything between them would be missing.
async fn leave_gaps(device: &mut Light, line: &mut Line) -> Result<(), Refused> {
    loop {
        let first = device.n_recorded() as u64;
        device.drain(line).await?;
        (0..PER_PUSH as u64).for_each(|n| device.record_of(Seq((first + n + 1) * APART)));
    }
}

/// One operation of a long history again and again, from its beginning.
async fn replay(device: &mut Light, line: &mut Line) -> Result<(), Refused> {
    while device.pending() > 0 {
        let skip = usize::try_from(device.accepted.0).unwrap_or(usize::MAX);
        line.say(&device.push_from(skip, PER_PUSH)).await?;
        let (frame, _body) = line.hear().await?;
        device.note(&frame);
    }
    let push = device.push_from(0, 1);
    loop {
        line.say(&push).await?;
        glance(line).await;
    }
}

const PHOTO_BYTES: u32 = 4 << 20;

/// An operation that names a photo which nobody has.
fn attach() -> Body {
    Body::Attach(Attach {
        incarnation: Incarnation(1),
        seq: Seq(1),
        hash: ByteBuf::from(vec![7; 32]),
        length: PHOTO_BYTES,
        media: MediaType::Jpeg,
        kind: AttachmentKind::Photo,
    })
}

/// Parts of that photo: the last one shows that all of them were wrong, and it begins again.
async fn send_photos(device: &mut Light, line: &mut Line) -> Result<(), Refused> {
    device.drain(line).await?;
    for round in 0_u32.. {
        let offset = (round % 64) << 16;
        let bytes = ByteBuf::from(vec![7; 64 << 10]);
        let hash = ByteBuf::from(vec![7; 32]);
        line.say(&Frame::BlobPut(BlobPut { hash, length: PHOTO_BYTES, offset, bytes })).await?;
        glance(line).await;
    }
    Ok(())
}

/// Questions without end.
async fn ask(line: &mut Line) -> Result<(), Refused> {
    for id in 0_u32.. {
        let item = Some(crate::company::word("ITEM00001"));
        line.say(&Frame::Query(Query { id, deadline_ms: 1_000, item, code: None })).await?;
        glance(line).await;
    }
    Ok(())
}

/// Two keys by turns: each change is a record in the book.
async fn change_keys((n, device): (u32, &mut Light), line: &mut Line) -> Result<(), Refused> {
    let mut keys = [key(n), SigningKey::from_bytes(&[9; 32])];
    if !device.proves_by(&keys[0]) {
        keys.reverse();
    }
    loop {
        line.say(&device.change_of_key((&keys[0], &keys[1]))).await?;
        loop {
            let (frame, _body) = line.hear().await?;
            if matches!(frame, Frame::KeyOk(_)) {
                break;
            }
        }
        keys.reverse();
        device.use_key(keys[0].clone());
    }
}

/// Says that the server's log is another, and that its feed cannot be applied.
async fn cry_wolf(line: &mut Line) -> Result<(), Refused> {
    let witness =
        Witness { epoch: ServerEpoch(1), chain_no: IntakeNo(1), chain_head: Hash16([7; 16]) };
    let fault = Fault {
        code: FaultCode::APPLY,
        retryable: false,
        retry_after_ms: None,
        detail: "wolf".to_owned(),
    };
    loop {
        line.say(&Frame::Witness(witness)).await?;
        line.say(&Frame::Fault(fault.clone())).await?;
        glance(line).await;
    }
}
