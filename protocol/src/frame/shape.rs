//! The shape of a MessagePack value, looked at before anything is built of it: how deep it nests,
//! how long its texts are, how many keys its maps have, and whether it is as long as it says.
//!
//! One pass, without recursion; memory is one number for each level.

/// What a body may look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Levels of maps and arrays.
    pub levels_max: usize,
    /// Bytes of one text.
    pub text_bytes_max: usize,
    /// Keys of one map.
    pub keys_max: usize,
}

impl Shape {
    /// What a peer may send to the server (SYNC 2.6).
    pub const OF_DEVICES: Self = Self { levels_max: 16, text_bytes_max: 4 << 10, keys_max: 64 };
    /// What the server may send: its sentences may be longer than what people and scanners enter.
    pub const OF_THE_SERVER: Self = Self { levels_max: 16, text_bytes_max: 64 << 10, keys_max: 64 };
}

/// Why a body is not looked at any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// Maps and arrays within each other.
    #[error("more than {max} levels")]
    Deep {
        /// The limit.
        max: usize,
    },
    /// A text.
    #[error("a text of more than {max} bytes")]
    LongText {
        /// The limit.
        max: usize,
    },
    /// A map.
    #[error("a map of more than {max} keys")]
    ManyKeys {
        /// The limit.
        max: usize,
    },
    /// It says that more follows than there is.
    #[error("it ends before what it announces")]
    Short,
    /// More than one value.
    #[error("something follows the value")]
    Long,
    /// The one byte that begins no value.
    #[error("a byte that begins no value")]
    Unused,
}

/// What one marker announces.
enum Next {
    /// So many bytes that nest nothing.
    Bytes(usize),
    /// A text of so many bytes.
    Text(usize),
    /// So many values.
    Array(usize),
    /// So many pairs.
    Map(usize),
}

/// Why a value cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It does not look like one.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// It is another one.
    #[error(transparent)]
    Value(#[from] rmp_serde::decode::Error),
}

/// Reads a value that must look like `shape`. Whatever a stranger's bytes nest is looked at before
/// the decoder, which calls itself for each level, sees it.
///
/// # Errors
///
/// [`ReadError`].
pub fn read<T: serde::de::DeserializeOwned>(bytes: &[u8], shape: &Shape) -> Result<T, ReadError> {
    check(bytes, shape)?;
    Ok(rmp_serde::from_slice(bytes)?)
}

/// Looks at the one value that `bytes` must be.
///
/// # Errors
///
/// [`ShapeError`].
pub fn check(bytes: &[u8], shape: &Shape) -> Result<(), ShapeError> {
    let mut rest = bytes;
    // Values that are still to come, of each level.
    let mut open: Vec<usize> = vec![1];
    while let Some(left) = open.last_mut() {
        if *left == 0 {
            open.pop();
            continue;
        }
        *left = left.saturating_sub(1);
        let values = match next(&mut rest)? {
            Next::Bytes(n) => {
                skip(&mut rest, n)?;
                continue;
            }
            Next::Text(n) => {
                if n > shape.text_bytes_max {
                    return Err(ShapeError::LongText { max: shape.text_bytes_max });
                }
                skip(&mut rest, n)?;
                continue;
            }
            Next::Array(n) => n,
            Next::Map(n) => {
                if n > shape.keys_max {
                    return Err(ShapeError::ManyKeys { max: shape.keys_max });
                }
                n.saturating_mul(2)
            }
        };
        // Each value takes at least one byte: what cannot follow is not waited for.
        if values > rest.len() {
            return Err(ShapeError::Short);
        }
        if open.len() > shape.levels_max {
            return Err(ShapeError::Deep { max: shape.levels_max });
        }
        open.push(values);
    }
    if rest.is_empty() { Ok(()) } else { Err(ShapeError::Long) }
}

/// Source: MessagePack specification, "Formats".
fn next(rest: &mut &[u8]) -> Result<Next, ShapeError> {
    let [marker] = *take::<1>(rest)?;
    Ok(match marker {
        0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => Next::Bytes(0),
        0x80..=0x8f => Next::Map(usize::from(marker & 0x0f)),
        0x90..=0x9f => Next::Array(usize::from(marker & 0x0f)),
        0xa0..=0xbf => Next::Text(usize::from(marker & 0x1f)),
        0xc1 => return Err(ShapeError::Unused),
        0xc4 => Next::Bytes(length8(rest)?),
        0xc5 => Next::Bytes(length16(rest)?),
        0xc6 => Next::Bytes(length32(rest)?),
        // Extensions have one more byte, their type.
        0xc7 => Next::Bytes(length8(rest)?.saturating_add(1)),
        0xc8 => Next::Bytes(length16(rest)?.saturating_add(1)),
        0xc9 => Next::Bytes(length32(rest)?.saturating_add(1)),
        0xcc | 0xd0 => Next::Bytes(1),
        0xcd | 0xd1 | 0xd4 => Next::Bytes(2),
        0xca | 0xce | 0xd2 => Next::Bytes(4),
        0xcb | 0xcf | 0xd3 => Next::Bytes(8),
        0xd5 => Next::Bytes(3),
        0xd6 => Next::Bytes(5),
        0xd7 => Next::Bytes(9),
        0xd8 => Next::Bytes(17),
        0xd9 => Next::Text(length8(rest)?),
        0xda => Next::Text(length16(rest)?),
        0xdb => Next::Text(length32(rest)?),
        0xdc => Next::Array(length16(rest)?),
        0xdd => Next::Array(length32(rest)?),
        0xde => Next::Map(length16(rest)?),
        0xdf => Next::Map(length32(rest)?),
    })
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8; N], ShapeError> {
    let (taken, after) = rest.split_first_chunk::<N>().ok_or(ShapeError::Short)?;
    *rest = after;
    Ok(taken)
}

fn skip(rest: &mut &[u8], n: usize) -> Result<(), ShapeError> {
    let (_skipped, after) = rest.split_at_checked(n).ok_or(ShapeError::Short)?;
    *rest = after;
    Ok(())
}

fn length8(rest: &mut &[u8]) -> Result<usize, ShapeError> {
    let [length] = *take::<1>(rest)?;
    Ok(usize::from(length))
}

fn length16(rest: &mut &[u8]) -> Result<usize, ShapeError> {
    Ok(usize::from(u16::from_be_bytes(*take(rest)?)))
}

fn length32(rest: &mut &[u8]) -> Result<usize, ShapeError> {
    let length = u32::from_be_bytes(*take(rest)?);
    usize::try_from(length).map_err(|_range| ShapeError::Short)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { levels_max: 3, text_bytes_max: 5, keys_max: 2 };

    fn checked(bytes: &[u8]) -> Result<(), ShapeError> {
        check(bytes, &SHAPE)
    }

    #[test]
    fn every_form_of_a_value_is_as_long_as_it_says() {
        let values: &[&[u8]] = &[
            &[0x00],
            &[0x7f],
            &[0xff],
            &[0xc0],
            &[0xc3],
            &[0xcc, 1],
            &[0xd0, 1],
            &[0xcd, 1, 2],
            &[0xd1, 1, 2],
            &[0xce, 1, 2, 3, 4],
            &[0xd2, 1, 2, 3, 4],
            &[0xca, 1, 2, 3, 4],
            &[0xcf, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0xd3, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0xcb, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0xa2, b'a', b'b'],
            &[0xd9, 1, b'a'],
            &[0xda, 0, 1, b'a'],
            &[0xdb, 0, 0, 0, 1, b'a'],
            &[0xc4, 1, 9],
            &[0xc5, 0, 1, 9],
            &[0xc6, 0, 0, 0, 1, 9],
            &[0xc7, 1, 5, 9],
            &[0xc8, 0, 1, 5, 9],
            &[0xc9, 0, 0, 0, 1, 5, 9],
            &[0xd4, 5, 9],
            &[0xd5, 5, 9, 9],
            &[0xd6, 5, 9, 9, 9, 9],
            &[0x92, 1, 2],
            &[0xdc, 0, 1, 1],
            &[0xdd, 0, 0, 0, 1, 1],
            &[0x81, 1, 2],
            &[0xde, 0, 1, 1, 2],
            &[0xdf, 0, 0, 0, 1, 1, 2],
            &[0x90],
            &[0x80],
        ];
        for bytes in values {
            assert_eq!(checked(bytes), Ok(()), "{bytes:02x?}");
            let short = &bytes[..bytes.len() - 1];
            assert_eq!(checked(short), Err(ShapeError::Short), "{short:02x?}");
            let long = [bytes, &[0x00_u8][..]].concat();
            assert_eq!(checked(&long), Err(ShapeError::Long), "{long:02x?}");
        }
        for (marker, n) in [(0xd7_u8, 9_usize), (0xd8, 17)] {
            let bytes = [vec![marker], vec![0; n]].concat();
            assert_eq!(checked(&bytes), Ok(()));
            assert_eq!(checked(&bytes[..n]), Err(ShapeError::Short));
        }
        assert_eq!(checked(&[0xc1]), Err(ShapeError::Unused));
    }

    #[test]
    fn what_is_too_deep_too_long_or_too_wide_is_refused() {
        assert_eq!(checked(&[0x91, 0x91, 0x91, 1]), Ok(()));
        assert_eq!(checked(&[0x91, 0x91, 0x91, 0x91, 1]), Err(ShapeError::Deep { max: 3 }));
        assert_eq!(checked(&[0xa5, 1, 2, 3, 4, 5]), Ok(()));
        assert_eq!(checked(&[0xa6, 1, 2, 3, 4, 5, 6]), Err(ShapeError::LongText { max: 5 }));
        let keys = [&[0x83_u8][..], &[1; 6]].concat();
        assert_eq!(checked(&keys), Err(ShapeError::ManyKeys { max: 2 }));
        // Two hundred thousand levels cost three numbers, four thousand million elements none.
        assert_eq!(checked(&vec![0x91; 200_000]), Err(ShapeError::Deep { max: 3 }));
        assert_eq!(checked(&[0xdd, 0xff, 0xff, 0xff, 0xff, 1]), Err(ShapeError::Short));
        assert_eq!(checked(&[0xc6, 0xff, 0xff, 0xff, 0xff]), Err(ShapeError::Short));
        // A level that is over does not count.
        assert_eq!(checked(&[0x93, 0x91, 1, 0x91, 1, 0x91, 1]), Ok(()));
    }
}
