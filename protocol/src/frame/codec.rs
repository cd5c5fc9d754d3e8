//! The only codec: header, checksum, compression, body.
//!
//! | bytes | field |
//! |---|---|
//! | 0 | frame type |
//! | 1 | flags: bit 0 zstd, bit 1 zstd with dictionary `dict_id`, bit 2 last of group, bit 3 urgent |
//! | 2–3 | `dict_id`, little endian, 0 for none |
//! | 4–7 | CRC-32C of the body as sent, little endian |
//! | 8.. | body |

use crate::frame::shape::{self, Shape};
use crate::frame::{FaultCode, Frame};

/// Bytes of the header.
pub const HEADER_BYTES: usize = 8;
/// Bodies below this many bytes are never compressed: it would make them longer.
pub const COMPRESS_FROM_BYTES: usize = 512;
/// A body may not be larger than this after decompression.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// A body may not grow by more than this factor in decompression (or to more than 256 KiB, whichever is larger).
pub const EXPANSION_MAX: usize = 20;

const FLAG_ZSTD: u8 = 1;
const ZSTD_LEVEL: i32 = 3;

/// Why bytes are not a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Shorter than the header.
    #[error("shorter than a frame header")]
    Short,
    /// Larger than the limit, before or after decompression.
    #[error("larger than {max} bytes")]
    TooLarge {
        /// The limit.
        max: usize,
    },
    /// The checksum does not match the body.
    #[error("the checksum does not match")]
    Checksum,
    /// A flag or dictionary of a later framing, or compression where there is none.
    #[error("flags {flags:#04x} are not known here")]
    Flags {
        /// The flags.
        flags: u8,
    },
    /// A frame type of a later framing.
    #[error("frame type {number:#04x} is not known here")]
    Unknown {
        /// The type.
        number: u8,
    },
    /// The body cannot be decompressed or decoded.
    #[error("the body cannot be decoded: {reason}")]
    Body {
        /// What the decoder says.
        reason: String,
    },
}

impl FrameError {
    /// The fault to answer with.
    pub const fn fault(&self) -> FaultCode {
        match self {
            Self::Short | Self::Flags { .. } | Self::Unknown { .. } => FaultCode::PROTOCOL,
            Self::Checksum => FaultCode::CHECKSUM,
            Self::TooLarge { .. } => FaultCode::TOO_LARGE,
            Self::Body { .. } => FaultCode::DECODE,
        }
    }
}

/// The body of `frame` before compression: what AUTH signs.
pub fn body(frame: &Frame) -> Vec<u8> {
    frame.encode_body().expect("writing to memory cannot fail, and no frame holds an unsized part")
}

/// Whether a frame of this type may be compressed. Frames of the handshake are not: they mix
/// secrets with text of the peer's choice.
const fn may_compress(number: u8) -> bool {
    number >= 0x20
}

/// Encodes `frame`, compressed where it pays and `compress` allows it.
pub fn encode(frame: &Frame, compress: bool) -> Vec<u8> {
    let plain = body(frame);
    let mut flags = 0;
    let mut sent = plain;
    if compress
        && sent.len() >= COMPRESS_FROM_BYTES
        && may_compress(frame.number())
        && let Ok(small) = zstd::bulk::compress(&sent, ZSTD_LEVEL)
    {
        let within = sent.len() <= expansion_limit(small.len());
        if small.len() < sent.len() && within {
            sent = small;
            flags |= FLAG_ZSTD;
        }
    }
    let mut bytes = Vec::with_capacity(HEADER_BYTES.saturating_add(sent.len()));
    bytes.extend_from_slice(&[frame.number(), flags, 0, 0]);
    bytes.extend_from_slice(&crc32c::crc32c(&sent).to_le_bytes());
    bytes.extend_from_slice(&sent);
    bytes
}

fn expansion_limit(compressed: usize) -> usize {
    compressed.saturating_mul(EXPANSION_MAX).clamp(256 << 10, BODY_BYTES_MAX)
}

/// Decodes one WebSocket binary message of at most `bytes_max` bytes, and returns the frame with
/// its body as it was before compression.
///
/// # Errors
///
/// [`FrameError`]; nothing of the frame may be used then.
pub fn decode(bytes: &[u8], bytes_max: usize) -> Result<(Frame, Vec<u8>), FrameError> {
    decode_shaped(bytes, bytes_max, &Shape::OF_THE_SERVER)
}

/// As [`decode`], for a body that must look like `shape`.
///
/// # Errors
///
/// [`FrameError`]; nothing of the frame may be used then.
pub fn decode_shaped(
    bytes: &[u8],
    bytes_max: usize,
    shape: &Shape,
) -> Result<(Frame, Vec<u8>), FrameError> {
    if bytes.len() > bytes_max {
        return Err(FrameError::TooLarge { max: bytes_max });
    }
    let (header, sent) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or(FrameError::Short)?;
    let [number, flags, dict_low, dict_high, crc @ ..] = *header;
    let is_compressed = flags & FLAG_ZSTD != 0;
    // A stranger's few bytes stay few: nothing of the handshake is ever decompressed.
    let is_known = flags & !FLAG_ZSTD == 0 && (!is_compressed || may_compress(number));
    if !is_known || dict_low != 0 || dict_high != 0 {
        return Err(FrameError::Flags { flags });
    }
    if crc32c::crc32c(sent) != u32::from_le_bytes(crc) {
        return Err(FrameError::Checksum);
    }
    let body = if is_compressed { decompress(sent)? } else { sent.to_vec() };
    let unread = |reason: String| FrameError::Body { reason };
    shape::check(&body, shape).map_err(|error| unread(error.to_string()))?;
    match Frame::decode_body(number, &body) {
        None => Err(FrameError::Unknown { number }),
        Some(Err(error)) => Err(unread(error.to_string())),
        Some(Ok(frame)) => Ok((frame, body)),
    }
}

fn decompress(sent: &[u8]) -> Result<Vec<u8>, FrameError> {
    let max = expansion_limit(sent.len());
    zstd::bulk::decompress(sent, max).map_err(|error| {
        let too_large = error.to_string().contains("too small");
        if too_large {
            FrameError::TooLarge { max }
        } else {
            FrameError::Body { reason: error.to_string() }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Bye, DeltaAck, SnapResume};
    use crate::identity::Lsn;

    /// A message with a good header before `sent`.
    fn message(number: u8, flags: u8, sent: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number, flags, 0, 0];
        bytes.extend_from_slice(&crc32c::crc32c(sent).to_le_bytes());
        bytes.extend_from_slice(sent);
        bytes
    }

    fn packed(plain: &[u8]) -> Vec<u8> {
        zstd::bulk::compress(plain, 19).unwrap()
    }

    #[test]
    fn nothing_of_the_handshake_is_decompressed() {
        let bye = Frame::Bye(Bye { reason: "x".repeat(2_000) });
        let sent = packed(&body(&bye));
        let bytes = message(bye.number(), FLAG_ZSTD, &sent);
        assert_eq!(decode(&bytes, 1 << 20), Err(FrameError::Flags { flags: FLAG_ZSTD }));
        let resume = Frame::SnapResume(SnapResume { snapshot: 1, next_index: 2 });
        let bytes = message(resume.number(), FLAG_ZSTD, &packed(&body(&resume)));
        assert_eq!(decode(&bytes, 1 << 20).unwrap().0, resume);
    }

    #[test]
    fn a_body_that_grows_beyond_measure_is_not_unpacked() {
        let sent = packed(&vec![0; 64 << 20]);
        assert!(sent.len() < 16 << 10, "64 MiB in {} bytes", sent.len());
        let error = decode(&message(0x20, FLAG_ZSTD, &sent), 1 << 20).unwrap_err();
        assert_eq!(error.fault(), FaultCode::TOO_LARGE, "{error}");
        // Within the 256 KiB that every body may have.
        let sent = packed(&vec![0xc0; 200 << 10]);
        let error = decode(&message(0x20, FLAG_ZSTD, &sent), 1 << 20).unwrap_err();
        assert_eq!(error.fault(), FaultCode::DECODE, "{error}");
    }

    #[test]
    fn depth_and_absurd_lengths_end_in_a_fault_and_cost_nothing() {
        let deep = [b"\x81\xa1z".as_slice(), &vec![0x91; 500_000]].concat();
        let absurd = b"\x81\xa1z\xdd\xff\xff\xff\xff".to_vec();
        let text = [b"\x81\xa1z\xda\x20\x00".as_slice(), &[b'a'; 0x2000]].concat();
        let shape = Shape::OF_DEVICES;
        for sent in [deep, absurd, text] {
            let bytes = message(0x36, 0, &sent);
            let error = decode_shaped(&bytes, 1 << 20, &shape).unwrap_err();
            assert_eq!(error.fault(), FaultCode::DECODE, "{error}");
        }
        // What a later release adds is read over as long as it is within bounds.
        let sent = b"\x82\xa1z\x91\x91\x91\x01\xa1l\x07".to_vec();
        let (frame, _body) = decode_shaped(&message(0x36, 0, &sent), 1 << 20, &shape).unwrap();
        assert_eq!(frame, Frame::DeltaAck(DeltaAck { applied: Lsn(7) }));
    }
}
