//! What a part of a value must be, beyond its length and its characters.

use super::check_digit::{digit_fits, pair_fits};
use super::code_list;
use super::coupon;
use super::date::{ZeroDay, below, hour_and_minute, long_date, short_date};
use super::key::all_digits;

/// The shortest GS1 company prefix, in digits.
const COMPANY_PREFIX_DIGITS_MIN: usize = 4;

/// The shortest account number that can hold its own check characters.
const IBAN_LENGTH_MIN: usize = 11;

macro_rules! checks {
    ($($(#[$doc:meta])* $name:ident, $code:literal, $sentence:literal;)*) => {
        /// One rule for the content of a value.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Check {
            $($(#[$doc])* $name,)*
        }

        impl Check {
            /// Every check there is.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The stable name of a failure of this check.
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// What is wrong when this check fails.
            pub fn sentence(self) -> &'static str {
                match self {
                    $(Self::$name => $sentence,)*
                }
            }
        }
    };
}

checks! {
    /// The last digit fits the others.
    CheckDigit, "check_digit_wrong", "the check digit is wrong, scan again";
    /// The last two characters fit the others.
    CheckPair, "check_pair_wrong", "the check characters are wrong, scan again";
    /// Starts with a GS1 company prefix.
    CompanyPrefix, "company_prefix_malformed", "does not start with a company prefix";
    /// Holds a GS1 company prefix behind its first character.
    CompanyPrefixSecond, "company_prefix_misplaced", "has no company prefix behind its first digit";
    /// `YYMMDD`; day 00 is the last of the month.
    DateOrMonth, "date_impossible", "is not a date, scan again";
    /// `YYMMDD` with a real day.
    Date, "day_impossible", "is not a date with a day, scan again";
    /// `YYYYMMDD` with a real day.
    LongDate, "long_date_impossible", "is not a date of eight digits, scan again";
    /// 00 to 23.
    Hour, "hour_impossible", "is not an hour";
    /// 00 to 59.
    Minute, "minute_impossible", "is not a minute";
    /// 00 to 59.
    Second, "second_impossible", "is not a second";
    /// 0000 to 2359.
    HourMinute, "time_impossible", "is not a time of day";
    /// Zeros only.
    Zero, "zero_expected", "must start with zero here";
    /// Not zeros only.
    NonZero, "zero_not_allowed", "must not be zero";
    /// No zero in front.
    NoLeadingZero, "leading_zero", "must not start with zero";
    /// A piece number and an equally long total, neither of them zero.
    PieceOfTotal, "piece_of_total_impossible", "is not a piece of a total";
    /// 0 or 1.
    YesNo, "yes_or_no_expected", "must be 0 or 1";
    /// At least one character that is not a digit.
    HasNonDigit, "only_digits", "must hold a character that is not a digit";
    /// A country by its three digits.
    Country, "country_unknown", "is not a country number";
    /// A country by its three digits, or 999 for several.
    CountryOrSeveral, "country_or_several_unknown", "is neither a country number nor 999";
    /// A country by its two letters.
    CountryLetters, "country_letters_unknown", "is not a country code";
    /// A currency by its three digits.
    Currency, "currency_unknown", "is not a currency number";
    /// A bank account number with its own check.
    Iban, "iban_wrong", "is not a bank account number, scan again";
    /// 0 to 180 degrees from the south pole.
    Latitude, "latitude_impossible", "is not a latitude";
    /// 0 to 360 degrees from the date line.
    Longitude, "longitude_impossible", "is not a longitude";
    /// 0, 1 or 9.
    Winding, "winding_unknown", "is not a winding direction";
    /// One letter, digit, hyphen or underscore.
    ImporterIndex, "importer_index_unknown", "is not an importer index";
    /// A kind of packaging by its trade code.
    PackageType, "package_type_unknown", "is not a package type";
    /// `position/end`, neither zero, the first no more than the second.
    PositionOfEnd, "position_impossible", "is not a position of a series, like 1/3";
    /// Hyphens only.
    Hyphen, "hyphen_expected", "may end only in a hyphen";
    /// A kind of data carrier in health care.
    MediaType, "media_type_unknown", "is not a media type";
    /// 0, 1, 2 or 9.
    Sex, "sex_unknown", "is not a code for sex";
    /// A North American coupon.
    Coupon, "coupon_malformed", "is not a coupon";
    /// A North American coupon of an offer file.
    CouponOffer, "coupon_offer_malformed", "is not a coupon of an offer file";
    /// Every `%` stands before two hexadecimal digits.
    PercentEncoded, "percent_encoding_malformed", "holds a stray percent sign";
}

impl Check {
    /// Whether `text` is what this check asks for; `year` is today's.
    pub(super) fn passes(self, text: &str, year: i32) -> bool {
        match self {
            Self::CheckDigit => digit_fits(text),
            Self::CheckPair => pair_fits(text),
            Self::CompanyPrefix => starts_with_prefix(text),
            Self::CompanyPrefixSecond => text.get(1..).is_some_and(starts_with_prefix),
            Self::DateOrMonth => short_date(text, ZeroDay::LastOfMonth, year).is_some(),
            Self::Date => short_date(text, ZeroDay::Refused, year).is_some(),
            Self::LongDate => long_date(text).is_some(),
            Self::Hour => below(text, 24),
            Self::Minute | Self::Second => below(text, 60),
            Self::HourMinute => hour_and_minute(text),
            Self::Zero => text.bytes().all(|byte| byte == b'0'),
            Self::NonZero => text.bytes().any(|byte| byte != b'0'),
            Self::NoLeadingZero => !text.starts_with('0'),
            Self::PieceOfTotal => is_piece_of_total(text),
            Self::YesNo => matches!(text, "0" | "1"),
            Self::HasNonDigit => !all_digits(text),
            Self::Country => code_list::is_country(text),
            Self::CountryOrSeveral => text == "999" || code_list::is_country(text),
            Self::CountryLetters => code_list::is_country_letters(text),
            Self::Currency => code_list::is_currency(text),
            Self::Iban => is_iban(text),
            Self::Latitude => is_at_most(text, 1_800_000_000),
            Self::Longitude => is_at_most(text, 3_600_000_000),
            Self::Winding => matches!(text, "0" | "1" | "9"),
            Self::ImporterIndex => text.len() == 1 && text.bytes().all(is_name_byte),
            Self::PackageType => code_list::is_package_type(text),
            Self::PositionOfEnd => is_position_of_end(text),
            Self::Hyphen => text.bytes().all(|byte| byte == b'-'),
            Self::MediaType => matches!(text.parse(), Ok(1_u8..=10 | 80..=99)),
            Self::Sex => matches!(text, "0" | "1" | "2" | "9"),
            Self::Coupon => coupon::is_coupon(text, year),
            Self::CouponOffer => coupon::is_offer(text),
            Self::PercentEncoded => is_percent_encoded(text),
        }
    }
}

/// The allocation of prefixes is a directory that changes daily and is not in here: only the form.
fn starts_with_prefix(text: &str) -> bool {
    text.get(..COMPANY_PREFIX_DIGITS_MIN).is_some_and(all_digits)
}

fn is_at_most(text: &str, limit: u64) -> bool {
    text.len() == 10 && all_digits(text) && text.parse().is_ok_and(|n: u64| n <= limit)
}

/// Letters, digits, hyphen, underscore.
pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn is_piece_of_total(text: &str) -> bool {
    let half = text.len() >> 1;
    let zeros = |part: &str| part.bytes().all(|byte| byte == b'0');
    // Equally long digits compare as text the way they compare as numbers.
    text.len().is_multiple_of(2)
        && all_digits(text)
        && text
            .split_at_checked(half)
            .is_some_and(|(piece, total)| !zeros(piece) && !zeros(total) && piece <= total)
}

fn is_position_of_end(text: &str) -> bool {
    let Some((position, end)) = text.split_once('/') else { return false };
    let counts = |part: &str| all_digits(part) && !part.starts_with('0');
    // Without zeros in front, the longer number is the greater one.
    counts(position) && counts(end) && (position.len(), position) <= (end.len(), end)
}

/// Source: ISO 13616-1, ISO/IEC 7064 (MOD 97-10).
fn is_iban(text: &str) -> bool {
    let Some((country_and_check, account)) = text.split_at_checked(4) else { return false };
    if text.len() < IBAN_LENGTH_MIN
        || !country_and_check.get(..2).is_some_and(code_list::is_country_letters)
    {
        return false;
    }
    let mut remainder = 0_u32;
    for c in account.chars().chain(country_and_check.chars()) {
        let Some(digit) = c.to_digit(36).filter(|_| !c.is_ascii_lowercase()) else { return false };
        let shift = if digit < 10 { 10 } else { 100 };
        remainder = (remainder * shift + digit) % 97;
    }
    remainder == 1
}

fn is_percent_encoded(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| {
        rest.get(..2).is_some_and(|pair| pair.bytes().all(|byte| byte.is_ascii_hexdigit()))
    })
}
