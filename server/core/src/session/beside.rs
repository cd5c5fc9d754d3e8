//! Beside the queue: photos and signatures, and questions that a replica cannot answer.
//!
//! 1. A photo is taken only when an operation that was judged names its hash.
//! 2. BLOB_ACK says what is durable, never more.
//! 3. A part for which there is no room, no time or no budget is not answered, and nothing of it is
//!    kept: the device has all of it and asks again.
//! 4. An answer is read from the durable rows, within a bound, and writes nothing.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use ledger::key::KeyRange;
use ledger::schema::attachment::{Attachments, AttachmentsByHash};
use ledger::schema::item::{ItemsByNo, Variants};
use ledger::schema::place::{Locations, Sites};
use ledger::schema::stock::OnHand;
use ledger::schema::{ItemId, LocationId, SiteId, VariantId};
use ledger::tables::{Read as _, Tables, each_of};
use protocol::frame::beside::{
    Answer, BLOB_BYTES_MAX, BLOB_CHUNK_BYTES_MAX, BlobAck, BlobPut, BlobState, ElsewhereRow, Query,
};
use protocol::frame::{FaultCode, Frame};
use protocol::quantity::Quantity;
use serde_bytes::ByteBuf;
use sha2::{Digest as _, Sha256};

use super::budget::Asked;
use super::wire::ConnectionNo;
use super::{Complaint, Session, complain};
use crate::feed::project::SiteView;
use crate::machine::core::{After, Core};
use crate::schema::{BlobParts, BlobRow, Blobs};
use crate::store::Store;

/// Stock rows that one question may read.
const STOCK_ROWS_MAX: usize = 5_000;

/// What is done with a part.
enum Taken {
    /// Nothing new: the answer is known.
    Known(BlobState, u32),
    /// It goes to the disk.
    Part(BlobRow),
}

/// Takes a part of a photo.
pub(super) fn put(
    core: &mut Core,
    store: &dyn Store,
    (connection, session): (ConnectionNo, &mut Session),
    put: &BlobPut,
) {
    let Ok(hash) = <[u8; 32]>::try_from(put.hash.as_slice()) else {
        let complaint = Complaint::new(FaultCode::DECODE, "a hash has 32 bytes");
        return complain(core, connection, session, complaint);
    };
    let Some(device) = session.open().map(|open| open.sender.device) else { return };
    // A part that cannot be taken now is not answered: the device goes on with its operations, and
    // asks again after a few heartbeats.
    if core.spend(device, Asked::part(put.bytes.len())).is_err() {
        return;
    }
    let ack = |offset, state| BlobAck { hash: put.hash.clone(), offset, state };
    match core.view(store, |view| judge(view, &hash, put)) {
        Taken::Known(state, offset) => {
            session.send_frame(core, connection, Frame::BlobAck(ack(offset, state)));
        }
        Taken::Part(_row) if core.takes_bytes().is_err() => {}
        Taken::Part(row) => {
            let is_whole = row.received == row.length;
            let is_right = !is_whole || core.view(store, |view| is_right(view, &hash, put));
            if !is_right {
                core.fine(device, Asked::wrong_photo(row.length));
            }
            let received = if is_right { row.received } else { 0 };
            let state = match (is_whole, is_right) {
                (_any, false) => BlobState::Refused,
                (true, true) => BlobState::Complete,
                (false, true) => BlobState::Wanted,
            };
            let after = After::BlobTaken { connection, ack: ack(received, state) };
            let offsets =
                if is_right { Vec::new() } else { core.view(store, |view| offsets(view, &hash)) };
            core.write(store, Some(after), |draft| {
                if is_right {
                    draft.put::<Blobs>(&hash, row);
                    draft.put::<BlobParts>(&(hash, put.offset), put.bytes.clone());
                } else {
                    draft.delete::<Blobs>(&hash);
                    for offset in offsets {
                        draft.delete::<BlobParts>(&(hash, offset));
                    }
                }
            });
            core.pipeline.add_waiting(put.bytes.len());
        }
    }
}

fn judge(view: &dyn Tables, hash: &[u8; 32], put: &BlobPut) -> Taken {
    let named = view.first::<AttachmentsByHash>(&KeyRange::prefix(&(*hash,)));
    let Some(((_hash, by), target)) = named else { return Taken::Known(BlobState::Unknown, 0) };
    let attachment = view.row::<Attachments>(&(*target, by));
    let length = attachment.map_or(0, |attachment| attachment.length);
    if put.length != length || length > BLOB_BYTES_MAX {
        return Taken::Known(BlobState::Refused, 0);
    }
    let known = view
        .row::<Blobs>(hash)
        .map_or_else(|| BlobRow { length, ..BlobRow::default() }, |row| *row);
    if known.received == length && length > 0 {
        let state = if known.is_safe { BlobState::Safe } else { BlobState::Complete };
        return Taken::Known(state, length);
    }
    let part = u32::try_from(put.bytes.len()).unwrap_or(u32::MAX);
    let received = known.received.saturating_add(part);
    let fits = put.offset == known.received
        && part > 0
        && put.bytes.len() <= BLOB_CHUNK_BYTES_MAX
        && received <= length;
    if fits {
        Taken::Part(BlobRow { length, received, is_safe: false })
    } else {
        Taken::Known(BlobState::Wanted, known.received)
    }
}

fn offsets(view: &dyn Tables, hash: &[u8; 32]) -> Vec<u32> {
    let parts = view.list::<BlobParts>(&KeyRange::prefix(&(*hash,)));
    parts.into_iter().map(|((_hash, offset), _bytes)| offset).collect()
}

/// Whether what is here, with the last part, is what the hash says.
fn is_right(view: &dyn Tables, hash: &[u8; 32], last: &BlobPut) -> bool {
    let mut hasher = Sha256::new();
    each_of::<BlobParts>(view, &KeyRange::prefix(&(*hash,)), false, &mut |_key, bytes| {
        hasher.update(bytes.as_slice());
        ControlFlow::Continue(())
    });
    hasher.update(last.bytes.as_slice());
    <[u8; 32]>::from(hasher.finalize()) == *hash
}

/// The bytes of a photo, where all of it is here.
pub fn blob(tables: &dyn Tables, hash: &[u8; 32]) -> Option<Vec<u8>> {
    tables.row::<Blobs>(hash).filter(|row| row.received == row.length)?;
    let mut bytes = Vec::new();
    each_of::<BlobParts>(tables, &KeyRange::prefix(&(*hash,)), false, &mut |_key, part| {
        let part: Arc<ByteBuf> = part;
        bytes.extend_from_slice(&part);
        ControlFlow::Continue(())
    });
    Some(bytes)
}

/// Answers a question from the durable rows.
pub(super) fn query(
    core: &mut Core,
    (connection, session): (ConnectionNo, &mut Session),
    query: &Query,
) {
    let cut = core.pipeline.cut().clone();
    let Some(open) = session.open() else { return };
    if open.is_suspended {
        let complaint = Complaint::new(FaultCode::SUSPENDED, "this device may only upload");
        return complain(core, connection, session, complaint);
    }
    let answer = answer(cut.as_ref(), open.sender.site, query);
    session.send_frame(core, connection, Frame::Answer(answer));
}

/// The answer that a device of `site` gets from `tables`.
pub fn answer(tables: &dyn Tables, site: SiteId, query: &Query) -> Answer {
    let mut answer =
        Answer { id: query.id, elsewhere: Vec::new(), meanings: Vec::new(), is_cut: false };
    let item = query.item.as_ref().and_then(|no| tables.row::<ItemsByNo>(no));
    if let Some(item) = item.map(|item| *item) {
        (answer.elsewhere, answer.is_cut) = elsewhere(tables, site, item);
    }
    if let Some(code) = &query.code
        && let Ok(code) = protocol::words::IdentifierCode::new(code)
        && let Some(row) = (SiteView { tables, site }).identifier(code)
    {
        answer.meanings = row.meanings;
    }
    answer
}

/// Stock of an item at the locations of other sites; and whether there was more than may be read.
fn elsewhere(tables: &dyn Tables, own: SiteId, item: ItemId) -> (Vec<ElsewhereRow>, bool) {
    let mut sums: BTreeMap<(LocationId, VariantId), Option<Quantity>> = BTreeMap::new();
    let mut n_rows = 0_usize;
    let mut is_cut = false;
    let here = KeyRange::prefix(&(item,));
    each_of::<OnHand>(tables, &here, false, &mut |(_item, variant, location, _tracking), row| {
        n_rows = n_rows.saturating_add(1);
        if n_rows > STOCK_ROWS_MAX {
            is_cut = true;
            return ControlFlow::Break(());
        }
        let quantity: Arc<Quantity> = row;
        let sum = sums.entry((location, variant)).or_insert(Some(Quantity::ZERO));
        *sum = sum.and_then(|sum| sum.checked_add(*quantity));
        ControlFlow::Continue(())
    });
    let rows = sums.into_iter().filter_map(|((location, variant), sum)| {
        let place = tables.row::<Locations>(&location).filter(|row| row.site != own)?;
        let site = tables.row::<Sites>(&place.site)?;
        Some(ElsewhereRow {
            site: site.code.clone(),
            location: place.code.clone(),
            variant: tables.row::<Variants>(&variant).map(|row| row.code.clone()),
            quantity: sum.filter(|_sum| !site.never_quantities),
        })
    });
    (rows.filter(|row| row.quantity != Some(Quantity::ZERO)).collect(), is_cut)
}
