//! What a device asks for: facts, observations, claims and corrections, each with the evidence of
//! when it was done and what its operator had seen.
//!
//! An operation is recorded **after** the physical act. Its *content* (see [`Recorded::to_content`])
//! is what the recorder stores, what the hash chain covers and what the server keeps for ever, also
//! when it cannot decode the body.

mod body;
mod goods;
mod work;

use crate::frame::shape::{self, Shape};
use crate::identity::{Boot, Lsn, ServerEpoch};
use crate::words::OperatorId;

pub use body::Body;
pub use goods::{DocumentKind, DocumentRef, Goods, Place, Tracking};
pub use work::{
    Adjust, Answer, Attach, AttachmentKind, Condition, Count, CountBin, CountedLine, Direction,
    MediaType, Move, MovePlate, Nothing, Pick, Receive, Reclassify, Ship, SignIn, SignInMethod,
    TransferReceive, TransferShip, Undo, Unidentified,
};

/// The evidence around a body, in the order of the recorder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The boot of the device in which it was done.
    pub boot: Boot,
    /// Microseconds of that boot's monotonic clock when it was done.
    pub mono_us: u64,
    /// The last decision that the operator's screen had taken into account.
    pub cursor: Lsn,
    /// The server epoch that `cursor` belongs to.
    pub epoch: ServerEpoch,
    /// Who did it; none before anybody signed in.
    pub operator: Option<OperatorId>,
    /// The document it was done for.
    pub document: Option<DocumentRef>,
}

/// An operation as the recorder holds it: evidence, kind, version and the encoded body.
///
/// Kinds and versions that this build does not know are carried unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The evidence.
    pub envelope: Envelope,
    /// The kind of the body, see [`Body::kind`].
    pub kind: String,
    /// The version of that kind's fields. All bodies of this build have version 1.
    pub version: u16,
    /// The body: a MessagePack map with short field names.
    pub body: Vec<u8>,
}

/// Why stored or received bytes are not an operation that this build can judge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OperationError {
    /// The bytes are not content in the layout of [`Recorded::to_content`].
    #[error("the content of the operation is damaged")]
    Content,
    /// A kind or version of a later release. It is kept and judged after an upgrade.
    #[error("operation {kind} version {version} is not known here")]
    Unsupported {
        /// The kind as it was sent.
        kind: String,
        /// Its version.
        version: u16,
    },
    /// The body does not have the fields of its kind.
    #[error("the body of the operation cannot be read: {reason}")]
    Body {
        /// What the decoder says.
        reason: String,
    },
}

impl Recorded {
    /// Wraps `body` with its evidence.
    pub fn new(envelope: Envelope, body: &Body) -> Self {
        Self { envelope, kind: body.kind().to_owned(), version: 1, body: body.encode() }
    }

    /// Reads the body.
    ///
    /// # Errors
    ///
    /// See [`Body::decode`].
    pub fn decode_body(&self) -> Result<Body, OperationError> {
        Body::decode(&self.kind, self.version, &self.body)
    }

    /// The bytes that the recorder stores and the hash chain covers. All integers little endian:
    ///
    /// | bytes | field |
    /// |---|---|
    /// | 1 | layout version, 1 |
    /// | 4, 8, 8, 4 | boot, mono_us, cursor, epoch |
    /// | 1 + n | length and text of the operator, 0 for none |
    /// | 2 + n | length and MessagePack map of the document, 0 for none |
    /// | 1 + n | length and text of the kind |
    /// | 2 | version of the kind |
    /// | 4 + n | length and bytes of the body |
    pub fn to_content(&self) -> Vec<u8> {
        let document = self.envelope.document.as_ref().map(|document| {
            rmp_serde::to_vec_named(document).expect("writing to memory cannot fail")
        });
        let operator = self.envelope.operator.as_ref().map_or("", OperatorId::as_str);
        let mut content = Vec::with_capacity(64_usize.saturating_add(self.body.len()));
        content.push(1);
        content.extend_from_slice(&self.envelope.boot.0.to_le_bytes());
        content.extend_from_slice(&self.envelope.mono_us.to_le_bytes());
        content.extend_from_slice(&self.envelope.cursor.0.to_le_bytes());
        content.extend_from_slice(&self.envelope.epoch.0.to_le_bytes());
        push_short(&mut content, operator.as_bytes());
        let document = document.unwrap_or_default();
        let length = u16::try_from(document.len()).expect("a document reference is short");
        content.extend_from_slice(&length.to_le_bytes());
        content.extend_from_slice(&document);
        push_short(&mut content, self.kind.as_bytes());
        content.extend_from_slice(&self.version.to_le_bytes());
        let length = u32::try_from(self.body.len()).expect("a body is below the frame limit");
        content.extend_from_slice(&length.to_le_bytes());
        content.extend_from_slice(&self.body);
        content
    }

    /// Reads what [`Recorded::to_content`] wrote.
    ///
    /// # Errors
    ///
    /// [`OperationError::Content`]: cut short, bytes left over, or another layout version.
    pub fn from_content(content: &[u8]) -> Result<Self, OperationError> {
        let mut rest = Cut(content);
        if rest.take::<1>()? != [1] {
            return Err(OperationError::Content);
        }
        let boot = Boot(u32::from_le_bytes(rest.take()?));
        let mono_us = u64::from_le_bytes(rest.take()?);
        let cursor = Lsn(u64::from_le_bytes(rest.take()?));
        let epoch = ServerEpoch(u32::from_le_bytes(rest.take()?));
        let operator = match rest.short_text()? {
            "" => None,
            text => Some(OperatorId::new(text).map_err(|_bad| OperationError::Content)?),
        };
        let length = usize::from(u16::from_le_bytes(rest.take()?));
        let document = match rest.bytes(length)? {
            [] => None,
            bytes => Some(
                shape::read(bytes, &Shape::OF_DEVICES).map_err(|_bad| OperationError::Content)?,
            ),
        };
        let kind = rest.short_text()?.to_owned();
        let version = u16::from_le_bytes(rest.take()?);
        let length = usize::try_from(u32::from_le_bytes(rest.take()?))
            .map_err(|_too_long| OperationError::Content)?;
        let body = rest.bytes(length)?.to_vec();
        if !rest.0.is_empty() {
            return Err(OperationError::Content);
        }
        let envelope = Envelope { boot, mono_us, cursor, epoch, operator, document };
        Ok(Self { envelope, kind, version, body })
    }
}

fn push_short(content: &mut Vec<u8>, text: &[u8]) {
    let length = u8::try_from(text.len()).expect("operators and kinds are at most 80 bytes long");
    content.push(length);
    content.extend_from_slice(text);
}

/// What is left of some content.
struct Cut<'a>(&'a [u8]);

impl<'a> Cut<'a> {
    fn bytes(&mut self, length: usize) -> Result<&'a [u8], OperationError> {
        let (head, tail) = self.0.split_at_checked(length).ok_or(OperationError::Content)?;
        self.0 = tail;
        Ok(head)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], OperationError> {
        self.bytes(N)?.try_into().map_err(|_length| OperationError::Content)
    }

    fn short_text(&mut self) -> Result<&'a str, OperationError> {
        let length = usize::from(u8::from_le_bytes(self.take()?));
        std::str::from_utf8(self.bytes(length)?).map_err(|_bad| OperationError::Content)
    }
}
