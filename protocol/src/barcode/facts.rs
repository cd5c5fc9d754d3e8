//! The tables hold together, and every check knows what it is for.

use chrono::NaiveDate;

use super::Check::*;
use super::part::CharacterSet;
use super::table::{Framing, ROWS, Row};
use super::*;

const YEAR: i32 = 2026;
const N_IDENTIFIERS: u32 = 541;

fn day(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(year, month, day)
}

/// The shortest coupon, with optional fields behind it.
macro_rules! coupon {
    ($fields:literal) => {
        concat!("012345612345611110123", $fields)
    };
}

/// A check, what it takes, and what it must not take.
type Judged = (Check, &'static [&'static str], &'static [&'static str]);

const JUDGED: &[Judged] = &[
    (CheckDigit, &["09506000134352", "106141412345678908"], &["09506000134353", ""]),
    (CheckPair, &["22", "12345_ABCDEFGHIJKLMCP", "99999zzzzzzzzzzzzzzzzzzT2"], &["2", "33", ""]),
    (CompanyPrefix, &["9506000", "9506A"], &["950", "95O6000"]),
    (CompanyPrefixSecond, &["09506000"], &["0950", "09A06000", ""]),
    (DateOrMonth, &["240229", "260200"], &["260229", "261301", "26010", "2601011"]),
    (Date, &["240229"], &["260200", "+60101"]),
    (LongDate, &["19990101"], &["19990100", "990101"]),
    (Hour, &["00", "23"], &["24", "1", "+1"]),
    (Minute, &["59"], &["60"]),
    (Second, &["59"], &["60"]),
    (HourMinute, &["2359"], &["2400", "2360", "123"]),
    (Zero, &["0"], &["1"]),
    (NonZero, &["0001"], &["0000"]),
    (NoLeadingZero, &["1"], &["01", "0"]),
    (PieceOfTotal, &["0102", "9999"], &["0001", "0100", "0201", "012", ""]),
    (YesNo, &["0", "1"], &["2"]),
    (HasNonDigit, &["12a"], &["123"]),
    (Country, &["208"], &["999", "000", "20"]),
    (CountryOrSeveral, &["208", "999"], &["998"]),
    (CountryLetters, &["DK"], &["dk", "XX", "D"]),
    (Currency, &["208", "978"], &["000", "97"]),
    (
        Iban,
        &["DK5000400440116243", "GB98MIDL07009312345678", "BE71096123456769"],
        &["DK5000400440116244", "dk5000400440116243", "XX361234567890", "BE71"],
    ),
    (Latitude, &["1800000000"], &["1800000001", "180"]),
    (Longitude, &["3600000000"], &["3600000001"]),
    (Winding, &["0", "1", "9"], &["2", ""]),
    (ImporterIndex, &["-", "_", "a", "Z", "0"], &["!", "aa", ""]),
    (PackageType, &["201", "PX", "8"], &["QQQ", "0", "1A 1B"]),
    (PositionOfEnd, &["1/3", "9/10", "3/3"], &["3/1", "0/1", "1/", "/1", "1//2", "10/9", "1/03"]),
    (Hyphen, &["-"], &["+"]),
    (MediaType, &["01", "10", "80", "99"], &["00", "11", "79"]),
    (Sex, &["0", "1", "2", "9"], &["3"]),
    (
        Coupon,
        &[
            coupon!(""),
            coupon!("3261231"),
            coupon!("326123142601015012345690000"),
            coupon!("101101239"),
            coupon!("1011012301234562110123990000"),
            coupon!("611234567"),
        ],
        &[
            "01234561234561111012",
            "712345612345611110123",
            coupon!("3260101426123"),
            coupon!("32601014261231"),
            coupon!("51230"),
            coupon!("90002"),
            coupon!("7"),
            "",
        ],
    ),
    (
        CouponOffer,
        &["001234561234560123456", "061234567890121234569123456789012345"],
        &["201234561234560123456", "0012345612345601234567", "00123456"],
    ),
    (PercentEncoded, &["a%20b", "", "%fF"], &["%", "%2", "%2g"]),
];

#[test]
fn every_check_knows_right_from_wrong() {
    assert_eq!(JUDGED.len(), Check::ALL.len(), "a check without a test");
    for (check, right, wrong) in JUDGED {
        for text in *right {
            assert!(check.passes(text, YEAR), "{check:?} must take {text:?}");
        }
        for text in *wrong {
            assert!(!check.passes(text, YEAR), "{check:?} must not take {text:?}");
        }
    }
}

#[test]
fn two_digits_of_a_year_slide_with_the_year() {
    let rows = [
        (2026, "760101", 2076),
        (2026, "770101", 1977),
        (2026, "990101", 1999),
        (2026, "000101", 2000),
        (2075, "250101", 2125),
        (2075, "260101", 2026),
        (2050, "000101", 2100),
        (2049, "990101", 2099),
        (2048, "990101", 1999),
        (i32::MAX, "000101", 9000),
        (i32::MIN, "000101", 1000),
    ];
    for (today, text, year) in rows {
        let found = date::short_date(text, date::ZeroDay::Refused, today);
        assert_eq!(found, day(year, 1, 1), "{text} in {today}");
    }
    assert_eq!(date::short_date("240200", date::ZeroDay::LastOfMonth, YEAR), day(2024, 2, 29));
    assert_eq!(date::short_date("261200", date::ZeroDay::LastOfMonth, YEAR), day(2026, 12, 31));
}

#[test]
fn the_table_is_in_order_and_no_identifier_begins_another() {
    let mut count = 0;
    for pair in ROWS.windows(2) {
        assert!(pair[0].last < pair[1].first, "{} before {}", pair[0].last, pair[1].first);
        assert!(!pair[1].first.starts_with(pair[0].last), "{}", pair[1].first);
    }
    for row in ROWS {
        assert_eq!(row.first.len(), row.last.len());
        let (first, last): (u32, u32) = (row.first.parse().unwrap(), row.last.parse().unwrap());
        count += last - first + 1;
        let open: Vec<_> = row.parts.iter().filter(|part| part.min != part.max).collect();
        assert!(open.is_empty() || row.parts.last().is_some_and(|part| part.min != part.max));
        assert!(row.framing == Framing::Open || row.length_min() == row.length_max());
        assert!(row.parts.iter().all(|part| part.set != CharacterSet::Digits || part.max <= 32));
        assert!(!row.title.is_empty() && row.length_max() <= 90, "{}", row.first);
    }
    assert_eq!(count, N_IDENTIFIERS);
}

/// A row in the words of the dictionary.
fn described(row: &Row) -> String {
    let framing = match row.framing {
        Framing::Fixed => "fixed",
        Framing::Open => "open",
    };
    let place = if row.in_query { "query" } else { "path" };
    let mut words = format!("{framing} {place}");
    for part in row.parts {
        let set = match part.set {
            CharacterSet::Digits => 'N',
            CharacterSet::Text => 'X',
            CharacterSet::Name => 'Y',
            CharacterSet::Code => 'Z',
        };
        let range = match (part.min, part.max) {
            (min, max) if min == max => format!("{set}{max}"),
            (1, max) => format!("{set}..{max}"),
            (min, max) => format!("{set}{min}..{max}"),
        };
        let range = if part.optional { format!("[{range}]") } else { range };
        words.push(' ');
        words.push_str(&range);
    }
    words
}

/// The table is our own; the dictionary is its publisher's.
#[test]
fn the_table_has_the_identifiers_lengths_and_separators_of_the_dictionary() {
    let mut count = 0;
    let lines = include_str!("dictionary.txt").lines();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (words, ranges) = line.split_once(" : ").unwrap();
        for range in ranges.split(' ') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let width = first.len();
            for number in first.parse::<u32>().unwrap()..=last.parse().unwrap() {
                let ai = format!("{number:0width$}");
                let row = Row::of(&ai).unwrap_or_else(|| panic!("({ai}) is not in the table"));
                assert_eq!(described(row), words, "({ai})");
                count += 1;
            }
        }
    }
    assert_eq!(count, N_IDENTIFIERS, "there are others in the table");
}

#[test]
fn every_rule_of_the_table_names_identifiers_that_exist() {
    let words = |text: &'static str| text.split([' ', '|', '+']).filter(|word| !word.is_empty());
    for row in ROWS {
        for pattern in words(row.needs).chain(words(row.bars)).chain(words(row.key.unwrap_or(""))) {
            let known = ROWS.iter().any(|other| rule::fits(other.first, pattern))
                || Row::of(pattern).is_some();
            assert!(known, "({}) speaks of ({pattern})", row.first);
        }
    }
}

#[test]
fn codes_are_stable_and_unlike() {
    let mut codes: Vec<&str> = Check::ALL.iter().map(|check| check.code()).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), Check::ALL.len());
    let lower_snake = |code: &&str| code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    assert!(codes.iter().all(lower_snake));
}

#[test]
fn titles_are_known_by_identifier() {
    assert_eq!(title("10"), Some("Lot"));
    assert_eq!(title("3105"), title("3100"));
    assert_eq!((title("3106"), title("1"), title(""), title("\u{e6}")), (None, None, None, None));
}
