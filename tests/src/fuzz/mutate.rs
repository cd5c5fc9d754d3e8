//! Inputs made of others: bits, bytes, lengths, pieces.

use super::INPUT_BYTES_MAX;
use crate::prng::Prng;

/// Bytes that begin something in MessagePack, separate something on labels, or stand at an edge.
const TELLING: [u8; 28] = [
    0x00, 0x01, 0x7f, 0x80, 0x81, 0x8f, 0x90, 0x91, 0x9f, 0xa0, 0xa1, 0xbf, 0xc0, 0xc1, 0xc4, 0xc6,
    0xcf, 0xd3, 0xd9, 0xdb, 0xdd, 0xdf, 0xff, 0x1d, b'"', b',', b'\n', b']',
];

fn place(prng: &mut Prng, length: usize) -> usize {
    usize::try_from(prng.below(length as u64)).unwrap_or_default()
}

/// A mutation of one of `pool`, sometimes with a piece of another.
pub(super) fn mutated(pool: &[Vec<u8>], prng: &mut Prng) -> Vec<u8> {
    let mut input = if pool.is_empty() { Vec::new() } else { prng.pick(pool).clone() };
    let n_changes = 1 + prng.below(6);
    for _ in 0..n_changes {
        change(&mut input, pool, prng);
    }
    input.truncate(INPUT_BYTES_MAX);
    input
}

fn change(input: &mut Vec<u8>, pool: &[Vec<u8>], prng: &mut Prng) {
    if input.is_empty() {
        input.push(*prng.pick(&TELLING));
        return;
    }
    let at = place(prng, input.len());
    match prng.below(11) {
        0 => input[at] ^= 1 << prng.below(8),
        1 => input[at] = prng.next_u64().to_le_bytes()[0],
        2 => input[at] = *prng.pick(&TELLING),
        3 => input[at] = input[at].wrapping_add(1),
        4 => input[at] = input[at].wrapping_sub(1),
        5 => input.insert(at, *prng.pick(&TELLING)),
        6 => drop(input.remove(at)),
        7 => input.truncate(at),
        8 => {
            // A length or a number of four bytes, at an edge.
            let edges = [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff_u32];
            let bytes = prng.pick(&edges).to_be_bytes();
            let end = input.len().min(at + bytes.len());
            let n = end - at;
            input[at..end].copy_from_slice(&bytes[..n]);
        }
        9 => {
            // A piece of itself once more.
            let end = at + place(prng, (input.len() - at).min(64)) + 1;
            let piece = input[at..end.min(input.len())].to_vec();
            let to = place(prng, input.len());
            input.splice(to..to, piece);
        }
        _ => {
            let other = prng.pick(pool);
            if !other.is_empty() {
                let from = place(prng, other.len());
                let end = (from + place(prng, 64) + 1).min(other.len());
                let over = (at + place(prng, 16)).min(input.len());
                input.splice(at..over, other[from..end].iter().copied());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_inputs() {
        let pool = vec![b"one".to_vec(), b"another".to_vec(), Vec::new()];
        let made = |seed| {
            let mut prng = Prng::new(seed);
            (0..500).map(|_n| mutated(&pool, &mut prng)).collect::<Vec<_>>()
        };
        assert_eq!(made(1), made(1));
        assert_ne!(made(1), made(2));
    }
}
