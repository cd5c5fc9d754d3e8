//! The bytes of photos and signatures.

use ledger::key::KeyRange;
use ledger::schema::attachment::{Attachments, AttachmentsByHash};
use ledger::schema::book::Outcomes;
use ledger::tables::{Read as _, Tables};
use server_core::session::beside::blob;

/// A picture.
pub(super) struct Picture {
    /// Its media type: one of a few, never what a device says.
    pub(super) media_type: &'static str,
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
}

/// The picture with this hash, where it is here and belongs to an operation that `view` shows.
pub(super) fn find(view: &dyn Tables, hash: &str) -> Option<Picture> {
    let hash: [u8; 32] = data_encoding::HEXLOWER.decode(hash.as_bytes()).ok()?.try_into().ok()?;
    let named = view.list::<AttachmentsByHash>(&KeyRange::prefix(&(hash,)));
    let ((_hash, by), target) =
        named.into_iter().find(|(_key, target)| view.has::<Outcomes>(target))?;
    let attachment = view.row::<Attachments>(&(*target, by))?;
    Some(Picture { media_type: attachment.media.name(), bytes: blob(view, &hash)? })
}
