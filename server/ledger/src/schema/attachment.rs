//! Photos and signatures: to which operation they belong. Their bytes are no part of the book.

use protocol::identity::OperationId;
use protocol::operation::{AttachmentKind, MediaType};
use serde::{Deserialize, Serialize};

/// A photo or a signature of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// SHA-256 of its bytes.
    pub hash: [u8; 32],
    /// Their length.
    pub length: u32,
    /// How they are encoded.
    pub media: MediaType,
    /// What they show.
    pub kind: AttachmentKind,
}

crate::tables! {
    /// The attachments of an operation, by the operation that brought them.
    Attachments = 240, "attachment", (OperationId, OperationId) => Attachment;
    /// The operations whose attachments have these bytes.
    AttachmentsByHash = 241, "attachment_by_hash", ([u8; 32], OperationId) => OperationId;
}
