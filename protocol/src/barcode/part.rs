//! The formats of values: parts of a length, in a set of characters, under checks.

#[cfg_attr(
    not(test),
    expect(clippy::enum_glob_use, reason = "the formats below use every check")
)]
use super::check::Check::{self, *};
use super::check::is_name_byte;
use super::check_digit::CHARACTERS_82;

/// The characters that a part may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CharacterSet {
    /// 0 to 9.
    Digits,
    /// The 82 characters of GS1 text.
    Text,
    /// The 39 characters of part numbers: capitals, digits, `#`, `-`, `/`.
    Name,
    /// base64url, with or without its padding.
    Code,
}

impl CharacterSet {
    /// The first character of `text` that is not in this set.
    pub(super) fn stranger_in(self, text: &str) -> Option<char> {
        let text = if self == Self::Code { without_padding(text) } else { text };
        text.chars().find(|&c| !u8::try_from(c).is_ok_and(|byte| self.holds(byte)))
    }

    fn holds(self, byte: u8) -> bool {
        match self {
            Self::Digits => byte.is_ascii_digit(),
            Self::Text => CHARACTERS_82.contains(&byte),
            Self::Name => {
                byte.is_ascii_uppercase()
                    || byte.is_ascii_digit()
                    || matches!(byte, b'#' | b'-' | b'/')
            }
            Self::Code => is_name_byte(byte),
        }
    }
}

fn without_padding(text: &str) -> &str {
    let once = text.strip_suffix('=').unwrap_or(text);
    once.strip_suffix('=').unwrap_or(once)
}

/// A stretch of a value. Only the last part of a value varies in length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) set: CharacterSet,
    /// The fewest characters.
    pub(super) min: usize,
    /// The most characters.
    pub(super) max: usize,
    /// Whether the value may end before this part.
    pub(super) optional: bool,
    pub(super) checks: &'static [Check],
}

impl Part {
    const fn must(self, checks: &'static [Check]) -> Self {
        Self { checks, ..self }
    }

    const fn optional(self) -> Self {
        Self { optional: true, ..self }
    }
}

const fn of(set: CharacterSet, min: usize, max: usize) -> Part {
    Part { set, min, max, optional: false, checks: &[] }
}

const fn digits(min: usize, max: usize) -> Part {
    of(CharacterSet::Digits, min, max)
}

const fn text(min: usize, max: usize) -> Part {
    of(CharacterSet::Text, min, max)
}

const fn name(min: usize, max: usize) -> Part {
    of(CharacterSet::Name, min, max)
}

const fn code(min: usize, max: usize) -> Part {
    of(CharacterSet::Code, min, max)
}

pub(super) const SSCC: &[Part] = &[digits(18, 18).must(&[CheckDigit, CompanyPrefixSecond])];
pub(super) const GTIN: &[Part] = &[digits(14, 14).must(&[CheckDigit, CompanyPrefixSecond])];
pub(super) const X20: &[Part] = &[text(1, 20)];
pub(super) const DATE: &[Part] = &[digits(6, 6).must(&[DateOrMonth])];
pub(super) const N2: &[Part] = &[digits(2, 2)];
pub(super) const X28: &[Part] = &[text(1, 28)];
pub(super) const X30: &[Part] = &[text(1, 30)];
pub(super) const N6_MAX: &[Part] = &[digits(1, 6)];
pub(super) const GDTI: &[Part] =
    &[digits(13, 13).must(&[CheckDigit, CompanyPrefix]), text(1, 17).optional()];
pub(super) const GCN: &[Part] =
    &[digits(13, 13).must(&[CheckDigit, CompanyPrefix]), digits(1, 12).optional()];
pub(super) const N8_MAX: &[Part] = &[digits(1, 8)];
pub(super) const N6: &[Part] = &[digits(6, 6)];
pub(super) const N15_MAX: &[Part] = &[digits(1, 15)];
pub(super) const CURRENCY_AMOUNT: &[Part] = &[digits(3, 3).must(&[Currency]), digits(1, 15)];
pub(super) const N4: &[Part] = &[digits(4, 4)];
pub(super) const KEY30: &[Part] = &[text(1, 30).must(&[CompanyPrefix])];
pub(super) const GSIN: &[Part] = &[digits(17, 17).must(&[CheckDigit, CompanyPrefix])];
pub(super) const GLN: &[Part] = &[digits(13, 13).must(&[CheckDigit, CompanyPrefix])];
pub(super) const COUNTRY_POST: &[Part] = &[digits(3, 3).must(&[Country]), text(1, 9)];
pub(super) const COUNTRY: &[Part] = &[digits(3, 3).must(&[Country])];
pub(super) const COUNTRIES: &[Part] = &[
    digits(3, 3).must(&[Country]),
    digits(3, 3).must(&[Country]).optional(),
    digits(3, 3).must(&[Country]).optional(),
    digits(3, 3).must(&[Country]).optional(),
    digits(3, 3).must(&[Country]).optional(),
];
pub(super) const X3: &[Part] = &[text(1, 3)];
pub(super) const TEXT35: &[Part] = &[text(1, 35).must(&[PercentEncoded])];
pub(super) const TEXT70: &[Part] = &[text(1, 70).must(&[PercentEncoded])];
pub(super) const COUNTRY_LETTERS: &[Part] = &[text(2, 2).must(&[CountryLetters])];
pub(super) const PLACE: &[Part] =
    &[digits(10, 10).must(&[Latitude]), digits(10, 10).must(&[Longitude])];
pub(super) const YES_NO: &[Part] = &[digits(1, 1).must(&[YesNo])];
pub(super) const DATE_TIME: &[Part] =
    &[digits(6, 6).must(&[DateOrMonth]), digits(4, 4).must(&[HourMinute])];
pub(super) const DAY: &[Part] = &[digits(6, 6).must(&[Date])];
pub(super) const TEMPERATURE: &[Part] = &[digits(6, 6), text(1, 1).must(&[Hyphen]).optional()];
pub(super) const N13: &[Part] = &[digits(13, 13)];
pub(super) const DAY_TIME: &[Part] =
    &[digits(6, 6).must(&[Date]), digits(4, 4).must(&[HourMinute])];
pub(super) const N4_MAX: &[Part] = &[digits(1, 4)];
pub(super) const X12: &[Part] = &[text(1, 12)];
pub(super) const DAY_OR_DAYS: &[Part] =
    &[digits(6, 6).must(&[Date]), digits(6, 6).must(&[Date]).optional()];
pub(super) const X10: &[Part] = &[text(1, 10)];
pub(super) const X2: &[Part] = &[text(1, 2)];
pub(super) const DAY_MAYBE_TIME: &[Part] =
    &[digits(6, 6).must(&[Date]), digits(4, 4).must(&[HourMinute]).optional()];
pub(super) const PROCESSOR: &[Part] = &[digits(3, 3).must(&[CountryOrSeveral]), text(1, 27)];
pub(super) const FACILITY: &[Part] =
    &[digits(1, 1), text(1, 1), text(1, 1), text(1, 1).must(&[ImporterIndex])];
pub(super) const PACKAGE: &[Part] = &[text(1, 4).must(&[PackageType])];
pub(super) const CERTIFICATE: &[Part] = &[text(2, 2), text(1, 28)];
pub(super) const MEDIA: &[Part] = &[digits(2, 2).must(&[MediaType])];
pub(super) const X25: &[Part] = &[text(1, 25)];
pub(super) const BIRTH: &[Part] = &[digits(8, 8).must(&[LongDate])];
pub(super) const BIRTH_TIME: &[Part] =
    &[digits(8, 8).must(&[LongDate]), digits(4, 4).must(&[HourMinute])];
pub(super) const SEX: &[Part] = &[digits(1, 1).must(&[Sex])];
pub(super) const TEXT40: &[Part] = &[text(1, 40).must(&[PercentEncoded])];
pub(super) const TEXT90: &[Part] = &[text(1, 90).must(&[PercentEncoded])];
pub(super) const SEQUENCE: &[Part] = &[text(3, 3).must(&[PositionOfEnd])];
pub(super) const ROLL: &[Part] = &[
    digits(4, 4).must(&[NonZero]),
    digits(5, 5).must(&[NonZero]),
    digits(3, 3).must(&[NonZero]),
    digits(1, 1).must(&[Winding]),
    digits(1, 1),
];
pub(super) const GRAI: &[Part] = &[
    digits(1, 1).must(&[Zero]),
    digits(13, 13).must(&[CheckDigit, CompanyPrefix]),
    text(1, 16).optional(),
];
pub(super) const PIECE: &[Part] =
    &[digits(14, 14).must(&[CheckDigit, CompanyPrefixSecond]), digits(4, 4).must(&[PieceOfTotal])];
pub(super) const ACCOUNT: &[Part] = &[text(1, 34).must(&[Iban])];
pub(super) const DAY_TO_SECOND: &[Part] = &[
    digits(6, 6).must(&[Date]),
    digits(2, 2).must(&[Hour]),
    digits(2, 2).must(&[Minute]).optional(),
    digits(2, 2).must(&[Second]).optional(),
];
pub(super) const X50: &[Part] = &[text(1, 50)];
pub(super) const CPID: &[Part] = &[name(1, 30).must(&[CompanyPrefix])];
pub(super) const N12_MAX: &[Part] = &[digits(1, 12).must(&[NoLeadingZero])];
pub(super) const GMN: &[Part] = &[text(1, 25).must(&[CheckPair, CompanyPrefix])];
pub(super) const MUDI: &[Part] = &[text(1, 25).must(&[CheckPair, CompanyPrefix, HasNonDigit])];
pub(super) const GSRN: &[Part] = &[digits(18, 18).must(&[CheckDigit, CompanyPrefix])];
pub(super) const N10_MAX: &[Part] = &[digits(1, 10)];
pub(super) const SIGNATURE: &[Part] = &[code(1, 90)];
pub(super) const N15: &[Part] = &[digits(15, 15)];
pub(super) const N32: &[Part] = &[digits(32, 32)];
pub(super) const SIM: &[Part] = &[digits(18, 18), digits(1, 2).optional()];
pub(super) const COUPON: &[Part] = &[text(1, 70).must(&[Coupon])];
pub(super) const COUPON_OFFER: &[Part] = &[text(1, 70).must(&[CouponOffer])];
pub(super) const X70: &[Part] = &[text(1, 70)];
pub(super) const X90: &[Part] = &[text(1, 90)];
