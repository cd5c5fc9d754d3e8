//! Frames at the edge: read and written by connections side by side, outside the machine's one
//! thread.

use std::borrow::Cow;
use std::sync::OnceLock;

use protocol::frame::codec::{self, FrameError};
use protocol::frame::shape::Shape;
use protocol::frame::{FaultCode, Frame, Limits};

use crate::intake::push::{PrepareError, PreparedPush};

/// Number of a connection, given by the skin; never used twice by one opened machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ConnectionNo(pub u64);

/// One message of a peer, read as far as that needs no state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A frame and its body as it was before compression.
    Frame(Box<(Frame, Vec<u8>)>),
    /// A PUSH, read and hashed.
    Push(Box<PreparedPush>),
    /// Not a frame that can be used.
    Broken {
        /// The fault to answer with.
        fault: FaultCode,
        /// Why, in English.
        detail: String,
    },
}

impl Incoming {
    /// Reads one binary message. Pure; costs the time of decompression and hashing.
    pub fn read(bytes: &[u8], limits: &Limits) -> Self {
        let bytes_max = usize::try_from(limits.message_bytes_max).unwrap_or(usize::MAX);
        match codec::decode_shaped(bytes, bytes_max, &Shape::OF_DEVICES) {
            Err(error) => Self::broken(&error),
            Ok((Frame::Push(push), body)) => match PreparedPush::new(&push, body.len(), limits) {
                Ok(push) => Self::Push(Box::new(push)),
                Err(error) => {
                    let fault = match &error {
                        PrepareError::Columns(_) => FaultCode::DECODE,
                        PrepareError::TooLarge { .. } => FaultCode::TOO_LARGE,
                        PrepareError::Operation { .. } => FaultCode::LIMIT_OPERATION,
                    };
                    Self::Broken { fault, detail: error.to_string() }
                }
            },
            Ok(decoded) => Self::Frame(Box::new(decoded)),
        }
    }

    /// About how many bytes of memory it takes.
    pub fn bytes(&self) -> usize {
        match self {
            // The body is kept beside what was read from it.
            Self::Frame(read) => read.1.len().saturating_mul(2),
            Self::Push(push) => push.memory_bytes(),
            Self::Broken { detail, .. } => detail.len(),
        }
    }

    /// A frame that is handed over unencoded, as a world in one thread does.
    pub fn frame(frame: Frame) -> Self {
        let body = codec::body(&frame);
        Self::Frame(Box::new((frame, body)))
    }

    fn broken(error: &FrameError) -> Self {
        Self::Broken { fault: error.fault(), detail: error.to_string() }
    }
}

/// One message to a peer, shared by all who get the same, encoded once.
#[derive(Debug)]
pub struct Message {
    content: Content,
    compressed: OnceLock<Vec<u8>>,
    plain: OnceLock<Vec<u8>>,
}

#[derive(Debug)]
enum Content {
    Frame(Box<Frame>),
    /// Encoded with compression, the frame is not kept.
    Encoded,
}

impl Message {
    /// A message with `frame`.
    pub fn new(frame: Frame) -> Self {
        Self {
            content: Content::Frame(Box::new(frame)),
            compressed: OnceLock::new(),
            plain: OnceLock::new(),
        }
    }

    /// A message that keeps the encoded bytes only: for snapshots, which are kept for hours.
    pub fn encoded(frame: &Frame) -> Self {
        Self {
            content: Content::Encoded,
            compressed: OnceLock::from(codec::encode(frame, true)),
            plain: OnceLock::new(),
        }
    }

    /// The same, of bytes that [`Message::encoded`] has made.
    pub(crate) fn of_encoded(bytes: Vec<u8>) -> Self {
        Self {
            content: Content::Encoded,
            compressed: OnceLock::from(bytes),
            plain: OnceLock::new(),
        }
    }

    /// The frame.
    pub fn frame(&self) -> Cow<'_, Frame> {
        match &self.content {
            Content::Frame(frame) => Cow::Borrowed(frame),
            Content::Encoded => {
                let bytes = self.bytes(Compression::Zstd);
                let (frame, _body) =
                    codec::decode(bytes, usize::MAX).expect("what was encoded here decodes here");
                Cow::Owned(frame)
            }
        }
    }

    /// The bytes of one binary message.
    pub fn bytes(&self, compression: Compression) -> &[u8] {
        match compression {
            Compression::Zstd => self.compressed.get_or_init(|| codec::encode(&self.frame(), true)),
            Compression::None => self.plain.get_or_init(|| codec::encode(&self.frame(), false)),
        }
    }
}

/// What a peer can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Frames as they are.
    None,
    /// Frames compressed where it pays.
    Zstd,
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::frame::{Bye, PushColumns};

    #[test]
    fn an_encoded_message_still_tells_its_frame() {
        let frame = Frame::Bye(Bye { reason: "x".repeat(2000) });
        let message = Message::encoded(&frame);
        assert_eq!(*message.frame(), frame);
        let plain = message.bytes(Compression::None);
        assert_eq!(Incoming::read(plain, &Limits::DEFAULT), Incoming::frame(frame));
    }

    #[test]
    fn broken_bytes_name_their_fault() {
        let fault = |bytes: &[u8]| match Incoming::read(bytes, &Limits::DEFAULT) {
            Incoming::Broken { fault, .. } => fault,
            other => panic!("{other:?} was read"),
        };
        assert_eq!(fault(&[1, 2, 3]), FaultCode::PROTOCOL);
        let mut bytes = codec::encode(&Frame::Bye(Bye { reason: "so".into() }), false);
        *bytes.last_mut().unwrap() ^= 1;
        assert_eq!(fault(&bytes), FaultCode::CHECKSUM);
        assert_eq!(fault(&vec![0; (1 << 20) + 1]), FaultCode::TOO_LARGE);
        let push = protocol::frame::Push {
            incarnation: protocol::identity::Incarnation(1),
            base_seq: protocol::identity::Seq(1),
            previous_hash: protocol::identity::Hash16::default(),
            epoch: protocol::identity::ServerEpoch(1),
            boots: Vec::new(),
            columns: PushColumns { version: 9, ..PushColumns::default() },
            bodies: vec![serde_bytes::ByteBuf::from(vec![0; 9000])],
            origins: Vec::new(),
        };
        let encoded =
            |push: &protocol::frame::Push| codec::encode(&Frame::Push(push.clone()), false);
        assert_eq!(fault(&encoded(&push)), FaultCode::LIMIT_OPERATION);
        let columns = protocol::frame::Push { bodies: Vec::new(), ..push };
        assert_eq!(fault(&encoded(&columns)), FaultCode::DECODE);
    }
}
