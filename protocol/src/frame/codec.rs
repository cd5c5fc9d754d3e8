//! The only codec: header, checksum, compression, body.
//!
//! | bytes | field |
//! |---|---|
//! | 0 | frame type |
//! | 1 | flags: bit 0 zstd, bit 1 zstd with dictionary `dict_id`, bit 2 last of group, bit 3 urgent |
//! | 2–3 | `dict_id`, little endian, 0 for none |
//! | 4–7 | CRC-32C of the body as sent, little endian |
//! | 8.. | body |

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
    /// A flag or dictionary of a later framing.
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
    if bytes.len() > bytes_max {
        return Err(FrameError::TooLarge { max: bytes_max });
    }
    let (header, sent) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or(FrameError::Short)?;
    let [number, flags, dict_low, dict_high, crc @ ..] = *header;
    if flags & !FLAG_ZSTD != 0 || dict_low != 0 || dict_high != 0 {
        return Err(FrameError::Flags { flags });
    }
    if crc32c::crc32c(sent) != u32::from_le_bytes(crc) {
        return Err(FrameError::Checksum);
    }
    let body = if flags & FLAG_ZSTD == 0 {
        sent.to_vec()
    } else {
        let max = expansion_limit(sent.len());
        zstd::bulk::decompress(sent, max).map_err(|error| {
            let too_large = error.to_string().contains("too small");
            if too_large {
                FrameError::TooLarge { max }
            } else {
                FrameError::Body { reason: error.to_string() }
            }
        })?
    };
    match Frame::decode_body(number, &body) {
        None => Err(FrameError::Unknown { number }),
        Some(Err(error)) => Err(FrameError::Body { reason: error.to_string() }),
        Some(Ok(frame)) => Ok((frame, body)),
    }
}
