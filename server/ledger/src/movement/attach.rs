//! A photo or a signature belongs to an operation. Nothing is posted by it, and nothing waits for its
//! bytes.

use protocol::code::Code;
use protocol::frame::beside::BLOB_BYTES_MAX;
use protocol::operation::Attach;
use protocol::outcome::Reason;

use crate::operation::named_by_device;
use crate::posting::{Posting, Stop};
use crate::schema::attachment::{Attachment, Attachments, AttachmentsByHash};
use crate::schema::case::Choice;

/// Notes to which operation of the same device the bytes belong.
///
/// # Errors
///
/// Parks what is no hash, or longer than a server takes: a bug of the device.
pub fn post(posting: &mut Posting<'_, '_>, body: &Attach) -> Result<(), Stop> {
    let operation = posting.act.operation;
    let target = named_by_device(posting, (body.incarnation, body.seq));
    let hash: Option<[u8; 32]> = body.hash.as_slice().try_into().ok();
    let Some(hash) = hash.filter(|_hash| body.length <= BLOB_BYTES_MAX) else {
        let reason = Reason::new(Code::MalformedRequest).word("what", "attachment");
        return Err(Stop::Park(vec![reason], vec![Choice::Dismiss]));
    };
    let row = Attachment { hash, length: body.length, media: body.media, kind: body.kind };
    posting.draft.put::<Attachments>(&(target, operation), row);
    posting.draft.put::<AttachmentsByHash>(&(hash, operation), target);
    Ok(())
}
