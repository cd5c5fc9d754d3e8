//! Check digits and check character pairs.

/// The check digit that belongs behind `body`, or none if `body` is not all digits.
///
/// Source: GS1 General Specifications 7.9.1.
pub fn check_digit(body: &str) -> Option<char> {
    let mut sum = 0_u32;
    let mut weight = 3;
    for c in body.chars().rev() {
        sum = (sum + c.to_digit(10)? * weight) % 10;
        weight = 4 - weight;
    }
    char::from_digit((10 - sum) % 10, 10)
}

/// The pair of check characters that belongs behind `body`, or none if `body` holds a character
/// outside the 82, or is too long for the weights.
///
/// Source: GS1 General Specifications 7.9.5.
pub fn check_pair(body: &str) -> Option<String> {
    if body.len() > PRIMES.len() {
        return None;
    }
    let mut sum = 0_u32;
    for (byte, prime) in body.bytes().rev().zip(PRIMES) {
        let rank = CHARACTERS_82.iter().position(|&known| known == byte)?;
        sum = (sum + u32::try_from(rank).ok()? * u32::from(prime)) % 1021;
    }
    let pair = |bits: u32| {
        let index = usize::try_from(bits).ok()?;
        CHARACTERS_32.get(index).copied().map(char::from)
    };
    Some(String::from_iter([pair(sum >> 5)?, pair(sum & 31)?]))
}

/// Whether the last digit of `text` fits the others.
pub(super) fn digit_fits(text: &str) -> bool {
    let mut body = text.chars();
    let last = body.next_back();
    last.is_some() && check_digit(body.as_str()) == last
}

/// Whether the last two characters of `text` fit the others.
pub(super) fn pair_fits(text: &str) -> bool {
    let split = text.len().checked_sub(2).and_then(|at| text.split_at_checked(at));
    split.is_some_and(|(body, pair)| check_pair(body).as_deref() == Some(pair))
}

/// The 82 characters a GS1 value may hold, in the order of their weights.
pub(super) const CHARACTERS_82: &[u8; 82] =
    b"!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

/// The characters of the pair itself: none that is mistaken for another.
const CHARACTERS_32: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// One weight for each character, from right to left; enough for the longest value, 90.
const PRIMES: [u16; 90] = [
    2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167, 173, 179, 181, 191, 193,
    197, 199, 211, 223, 227, 229, 233, 239, 241, 251, 257, 263, 269, 271, 277, 281, 283, 293, 307,
    311, 313, 317, 331, 337, 347, 349, 353, 359, 367, 373, 379, 383, 389, 397, 401, 409, 419, 421,
    431, 433, 439, 443, 449, 457, 461, 463,
];
